//! Whether a schema's columns take no more time and space than its text pays for.
//!
//! `arrow-avro` puts the whole of a type wherever its name stands. Where each type names the one before it twice,
//! a text of a page is more memory than there is; where a thousand lie within each other so, it is more levels
//! than a stack has. Texts themselves are bounded in their depth: `serde_json` reads no more than 128 levels.

use std::collections::HashMap;

use serde_json::Value;

/// How many types and fields may lie within each other. Ours have nine.
const DEEPEST: usize = 32;

/// How long a schema may be, in bytes, with the whole of a type wherever its name stands. Ours have 11,000.
const LONGEST: usize = 256 << 10;

/// What a type or a field counts beside its text, in bytes: a short one is a column too.
const EACH: usize = 16;

/// The schema of this text, unless it is too large once every name in it is what it stands for.
///
/// # Errors
/// Why it is none, for people.
pub fn bounded(avro: &str) -> Result<Value, String> {
    if avro.len() > LONGEST {
        return Err(format!("more than {LONGEST} bytes"));
    }
    let schema = serde_json::from_str(avro).map_err(|error| error.to_string())?;
    Walk::default().extent(&schema)?;
    Ok(schema)
}

/// How large a type or a field is.
#[derive(Clone, Copy, Default)]
struct Extent {
    levels: usize,
    bytes: usize,
}

/// The named types that were walked through to their end. Namespaces are left aside: of two with the same name the
/// larger counts.
#[derive(Default)]
struct Walk<'s>(HashMap<&'s str, Extent>);

impl<'s> Walk<'s> {
    fn extent(&mut self, schema: &'s Value) -> Result<Extent, String> {
        let mut extent = Extent { levels: 1, bytes: EACH };
        match schema {
            Value::String(name) => match self.0.get(simple(name)) {
                Some(known) => return Ok(*known),
                None => extent.bytes += name.len(),
            },
            Value::Array(branches) => self.all(branches, &mut extent)?,
            Value::Object(definition) => {
                for (key, value) in definition {
                    match (key.as_str(), value) {
                        ("type" | "items" | "values", inner) => extent.hold(self.extent(inner)?),
                        // A field has its type where a definition has its own.
                        ("fields", Value::Array(fields)) => self.all(fields, &mut extent)?,
                        (_, other) => extent.bytes += key.len() + other.to_string().len(),
                    }
                }
            }
            other => extent.bytes += other.to_string().len(),
        }
        extent.check()?;
        if let (Some("record" | "enum" | "fixed"), Value::String(name)) =
            (schema["type"].as_str(), &schema["name"])
        {
            self.0.entry(simple(name)).or_default().grow(extent);
        }
        Ok(extent)
    }

    fn all(&mut self, parts: &'s [Value], extent: &mut Extent) -> Result<(), String> {
        for part in parts {
            extent.hold(self.extent(part)?);
        }
        Ok(())
    }
}

impl Extent {
    /// Has this within it too.
    fn hold(&mut self, part: Self) {
        self.levels = self.levels.max(part.levels + 1);
        self.bytes += part.bytes;
    }

    fn grow(&mut self, other: Self) {
        self.levels = self.levels.max(other.levels);
        self.bytes = self.bytes.max(other.bytes);
    }

    fn check(self) -> Result<(), String> {
        if self.levels > DEEPEST {
            return Err(format!("more than {DEEPEST} types and fields lie within each other"));
        }
        if self.bytes > LONGEST {
            return Err(format!("more than {LONGEST} bytes with each name replaced by its type"));
        }
        Ok(())
    }
}

/// A name without its namespace.
fn simple(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, simple)| simple)
}
