//! Configuration from environment variables: every problem is reported at once, at the start.
//!
//! A context's configuration is a few small structs that read their fields from [`Settings`].
//! Values are never repeated in a problem, because any of them may be a secret.

mod outside;
mod secret_file;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;

pub use secret_file::SECRET_BYTES;

/// Reads variables and remembers what is wrong with them until [`Settings::finish`].
///
/// A variable that is set to nothing counts as absent.
#[derive(Debug, Default)]
pub struct Settings {
    values: HashMap<String, OsString>,
    problems: Vec<String>,
}

impl Settings {
    /// The variables of this process, as they are now.
    pub fn from_env() -> Self {
        let values = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        Self { values, problems: Vec::new() }
    }

    /// These variables and no others; the environment is not read.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        Self { values: values.collect(), problems: Vec::new() }
    }

    /// The value of `name`. If it is missing or cannot be read, that is a problem, and `T`'s
    /// default stands in for it until [`Settings::finish`] refuses the whole.
    pub fn required<T>(&mut self, name: &'static str) -> T
    where
        T: FromStr + Default,
        T::Err: Display,
    {
        let missing = self.raw(name).is_none();
        if missing {
            self.problem(name, "is required: set it");
        }
        self.optional(name).unwrap_or_default()
    }

    /// The value of `name`, or `default` when it is absent. A value that cannot be read is a
    /// problem, never the default in silence.
    pub fn or<T>(&mut self, name: &'static str, default: T) -> T
    where
        T: FromStr,
        T::Err: Display,
    {
        self.optional(name).unwrap_or(default)
    }

    /// The value of `name`, or `None` when it is absent. A value that cannot be read is a problem.
    pub fn optional<T>(&mut self, name: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(text) = self.raw(name)?.to_str() else {
            self.problem(name, "is not UTF-8: correct it or unset it");
            return None;
        };
        match text.trim().parse() {
            Ok(value) => Some(value),
            Err(cause) => {
                self.problem(name, format!("cannot be read ({cause}): correct it or unset it"));
                None
            }
        }
    }

    /// Adds a problem that only the caller can see, such as a value out of range. `what` says
    /// what is wrong and what to do, and follows the name in the report.
    pub fn problem(&mut self, name: &'static str, what: impl Into<String>) {
        self.problems.push(format!("{name}: {}", what.into()));
    }

    /// The finished configuration, if nothing was wrong with any variable.
    ///
    /// # Errors
    /// All problems together, in the order in which the variables were read.
    pub fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(value) } else { Err(ConfigError(self.problems)) }
    }

    fn raw(&self, name: &str) -> Option<&OsString> {
        self.values.get(name).filter(|value| !value.is_empty())
    }
}

/// Everything that is wrong with the configuration, one problem a line, each with its variable.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not usable:\n{}", .0.join("\n"))]
pub struct ConfigError(Vec<String>);

impl ConfigError {
    /// One line per problem: `NAME: what is wrong and what to do`.
    pub fn problems(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
