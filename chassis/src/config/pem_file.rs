//! Files of certificates and keys that somebody else reads.

use super::Settings;

impl Settings {
    /// The path of the PEM file that `name` names, or `None` when it is absent. A file that is none is a
    /// problem: it would only show itself much later, as a client that cannot be made.
    pub fn pem_file(&mut self, name: &'static str) -> Option<String> {
        let path: String = self.optional(name)?;
        match std::fs::read(&path) {
            Ok(bytes) if String::from_utf8_lossy(&bytes).contains("-----BEGIN ") => {}
            Ok(_) => self.problem(name, "names a file with no PEM in it"),
            Err(cause) => self.problem(name, format!("cannot be read: {cause}")),
        }
        Some(path)
    }
}
