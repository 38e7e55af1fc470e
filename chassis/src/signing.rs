//! Keys and signatures of Standard Webhooks 1.0: symmetric (`v1`, HMAC-SHA256, `whsec_`) and asymmetric
//! (`v1a`, Ed25519, `whsk_` and `whpk_`).

use anyhow::anyhow;
use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a symmetric key begins with: sender and receiver have it.
const SECRET: &str = "whsec_";

/// What the private half of an asymmetric key begins with: only the sender has it.
const PRIVATE: &str = "whsk_";

/// What the public half begins with: for the receiver.
const PUBLIC: &str = "whpk_";

/// Bytes of a new symmetric key, and of the seed of an Ed25519 key (RFC 8032, section 5.1.5).
const KEY_BYTES: usize = 32;

/// A new symmetric key: `whsec_` and base64 of 32 random bytes.
///
/// # Errors
/// The system has no random bytes.
pub fn new_secret() -> anyhow::Result<String> {
    Ok(format!("{SECRET}{}", STANDARD.encode(random()?)))
}

/// A new Ed25519 key: its private half (`whsk_` and base64 of the seed) and its public one (`whpk_` and
/// base64 of the 32 bytes of RFC 8032).
///
/// # Errors
/// The system has no random bytes.
pub fn new_pair() -> anyhow::Result<(String, String)> {
    let seed = random()?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|cause| anyhow!("{cause}"))?;
    let public = STANDARD.encode(pair.public_key().as_ref());
    Ok((format!("{PRIVATE}{}", STANDARD.encode(seed)), format!("{PUBLIC}{public}")))
}

fn random() -> anyhow::Result<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    rand::fill(&mut bytes).map_err(|_| anyhow!("no random bytes"))?;
    Ok(bytes)
}

/// The signature over `id.seconds.body`: `v1a,…` with a private key, `v1,…` with any other; `None` when the
/// key is none.
#[must_use]
pub fn sign(key: &str, id: &str, seconds: &str, body: &[u8]) -> Option<String> {
    let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    match key.strip_prefix(PRIVATE) {
        Some(seed) => {
            let pair = Ed25519KeyPair::from_seed_unchecked(&STANDARD.decode(seed).ok()?).ok()?;
            Some(format!("v1a,{}", STANDARD.encode(pair.sign(&parts.concat()))))
        }
        None => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret_bytes(key)?);
            let mut signing = hmac::Context::with_key(&key);
            parts.iter().for_each(|part| signing.update(part));
            Some(format!("v1,{}", STANDARD.encode(signing.sign())))
        }
    }
}

/// The bytes of a symmetric key, with `whsec_` in front or without; `None` when it is none.
#[must_use]
pub fn secret_bytes(secret: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix(SECRET).unwrap_or(secret)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    /// The example of the Standard Webhooks specification, section "Symmetric signatures".
    #[test]
    fn the_example_of_the_standard_is_signed_as_printed() {
        let signed = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        let printed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed.as_deref(), Some(printed));
    }

    /// The first test of RFC 8032, section 7.1, has this seed and this public key.
    #[test]
    fn the_public_half_is_that_of_the_seed() {
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec,
            0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03,
            0x1c, 0xae, 0x7f, 0x60,
        ];
        let public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let key = format!("whsk_{}", STANDARD.encode(seed));
        let signed = sign(&key, "msg_1", "0", b"{}").unwrap();
        let signature = STANDARD.decode(signed.strip_prefix("v1a,").unwrap()).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, STANDARD.decode(public).unwrap());
        key.verify(b"msg_1.0.{}", &signature).unwrap();
        assert!(key.verify(b"msg_1.0.{ }", &signature).is_err());
    }

    #[test]
    fn each_new_key_is_another_and_signs() {
        let secrets = [new_secret().unwrap(), new_secret().unwrap()];
        assert_ne!(secrets[0], secrets[1]);
        assert_eq!(secret_bytes(&secrets[0]).unwrap().len(), KEY_BYTES);
        let (private, public) = new_pair().unwrap();
        assert_ne!(new_pair().unwrap(), (private.clone(), public.clone()));
        let signed = sign(&private, "msg_1", "0", b"{}").unwrap();
        let signature = STANDARD.decode(signed.strip_prefix("v1a,").unwrap()).unwrap();
        let key = STANDARD.decode(public.strip_prefix("whpk_").unwrap()).unwrap();
        UnparsedPublicKey::new(&ED25519, key).verify(b"msg_1.0.{}", &signature).unwrap();
    }

    #[test]
    fn what_is_no_key_signs_nothing() {
        for none in ["whsec_!", "whsk_!", "whsk_c2hvcnQ="] {
            assert_eq!(sign(none, "msg_1", "0", b"{}"), None, "{none}");
        }
    }
}
