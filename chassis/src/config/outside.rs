//! What leads out of this process, and is read by somebody else only later: addresses, and files of
//! certificates and keys.

use super::Settings;

impl Settings {
    /// The address of a server over HTTP that `name` names, or `None` when it is absent. Anything else
    /// is a problem.
    pub fn http_url(&mut self, name: &'static str) -> Option<String> {
        let text: String = self.optional(name)?;
        let url = reqwest::Url::parse(&text);
        if !url.is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            self.problem(name, "must be a URL with http or https");
        }
        Some(text)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_http() {
        for (text, is_good) in [
            ("http://127.0.0.1:8081/apis", true),
            ("https://registry.example", true),
            ("registry:8081", false),
            ("ftp://registry.example", false),
            ("http://", false),
        ] {
            let mut settings = Settings::from_pairs([("URL", text)]);
            assert_eq!(settings.http_url("URL").as_deref(), Some(text));
            assert_eq!(settings.finish(()).is_ok(), is_good, "{text}");
        }
        assert_eq!(Settings::from_pairs([]).http_url("URL"), None);
    }
}
