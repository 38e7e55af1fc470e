//! Secrets that stand in files of their own, as hexadecimal digits.

use std::path::Path;

use super::Settings;

/// The bytes of such a secret.
pub const SECRET_BYTES: usize = 32;

impl Settings {
    /// The secret in the file at `path`, which `name` names: 64 hexadecimal digits, white space around
    /// them allowed. Anything else is a problem that says what to do, and no secret.
    pub fn secret_file(&mut self, name: &'static str, path: &Path) -> Option<[u8; SECRET_BYTES]> {
        match std::fs::read_to_string(path).map(|text| secret(&text)) {
            Ok(Some(secret)) => return Some(secret),
            Ok(None) => self.problem(
                name,
                "names a file that does not hold 64 hexadecimal digits: write 32 random bytes there",
            ),
            Err(cause) => self.problem(
                name,
                format!("names a file that cannot be read ({cause}): create it or correct it"),
            ),
        }
        None
    }
}

fn secret(text: &str) -> Option<[u8; SECRET_BYTES]> {
    let digits = text.trim().as_bytes();
    if digits.len() != 2 * SECRET_BYTES {
        return None;
    }
    let mut secret = [0; SECRET_BYTES];
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (char::from(pair[0]).to_digit(16)?, char::from(pair[1]).to_digit(16)?);
        *byte = (high * 16 + low) as u8;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_64_hexadecimal_digits() {
        let whole = secret(&format!(" {}\n", "0aF9".repeat(16))).unwrap();
        assert_eq!(whole[..4], [0x0a, 0xf9, 0x0a, 0xf9]);
        for wrong in ["", &"a".repeat(63), &"a".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(secret(wrong), None, "{wrong}");
        }
    }
}
