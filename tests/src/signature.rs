//! Standard Webhooks signatures, checked as a receiver has to.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The headers of one delivery.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more of `v1,BASE64`, separated by spaces.
    pub signature: &'a str,
}

/// Whether one of the signatures over id, timestamp and body was made with this secret
/// (`whsec_BASE64`). An empty or shortened one never is.
pub fn is_genuine(secret: &str, signed: Signed<'_>, body: &[u8]) -> bool {
    let Some(Ok(key)) = secret.strip_prefix("whsec_").map(|key| STANDARD.decode(key)) else {
        return false;
    };
    signed.signature.split(' ').filter_map(|each| each.strip_prefix("v1,")).any(|each| {
        let (Ok(given), Ok(mut mac)) =
            (STANDARD.decode(each), Hmac::<Sha256>::new_from_slice(&key))
        else {
            return false;
        };
        mac.update(format!("{}.{}.", signed.id, signed.timestamp).as_bytes());
        mac.update(body);
        mac.verify_slice(&given).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const GENUINE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn judge(signature: &str, body: &[u8]) -> bool {
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        is_genuine(SECRET, Signed { id, timestamp: "1614265330", signature }, body)
    }

    #[test]
    fn only_the_whole_signature_of_this_body_is_genuine() {
        assert!(judge(GENUINE, BODY));
        assert!(judge(&format!("v1,AAAA {GENUINE}"), BODY));
        assert!(!judge(GENUINE, br#"{"test": 1}"#));
        assert!(!judge("v1,", BODY));
        assert!(!judge("", BODY));
        assert!(!judge(&GENUINE[..20], BODY));
    }
}
