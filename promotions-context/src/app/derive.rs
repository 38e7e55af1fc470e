//! Voucher ids, codes and the hashes that codes are looked up by. All are derived, none is drawn.
//!
//! A derived id makes a repeated event harmless. A derived code needs no randomness in a decision,
//! and whoever holds the key can make the same codes again from the vouchers' public events if the
//! database is ever lost; whoever holds only the events, the ids and other codes cannot. The price
//! is one secret: with the key *and* the voucher ids, all codes are known.

use std::fmt;

use chassis::config::SECRET_BYTES;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::Code;

/// The secret that codes are derived with. Its `Debug` form hides it.
#[derive(Clone, Default)]
pub struct CodeKey([u8; SECRET_BYTES]);

/// The id of the voucher for this pair: always the same UUID (version 8, RFC 9562, section 5.8),
/// and another for any other pair.
#[must_use]
pub fn voucher_id(campaign_id: &str, order_id: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"takeaway.promotions.voucher\0");
    // The length keeps ("a", "bc") and ("ab", "c") apart.
    hash.update((campaign_id.len() as u64).to_be_bytes());
    hash.update(campaign_id);
    hash.update(order_id);
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::new_v8(bytes)
}

impl CodeKey {
    /// The code of a voucher. `attempt` is 0, and more when another voucher has that code: with
    /// 60 bits that is a matter of a billion vouchers.
    #[must_use]
    pub fn code(&self, voucher_id: &str, attempt: u8) -> Code {
        let digest = self.mac(b"code", &[voucher_id.as_bytes(), &[attempt]]);
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Code::from_bits(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// What a code is looked up by. It tells nothing of the code to who does not hold the key.
    #[must_use]
    pub fn hash(&self, code: Code) -> [u8; 32] {
        self.mac(b"look-up", &[&code.bits().to_be_bytes()])
    }

    /// The purpose keeps the two uses of one key apart: no hash is ever the digest of a code.
    fn mac(&self, purpose: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of 32 bytes");
        mac.update(purpose);
        mac.update(&[0]);
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl From<[u8; SECRET_BYTES]> for CodeKey {
    fn from(secret: [u8; SECRET_BYTES]) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> CodeKey {
        [byte; SECRET_BYTES].into()
    }

    #[test]
    fn the_same_campaign_and_order_always_have_the_same_voucher() {
        let id = voucher_id("thanks", "order-of-dumplings");
        assert_eq!(id.to_string(), "45042285-d084-8ab2-9d8a-64280d729261", "never changes");
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id, voucher_id("thanks", "order-of-dumplings"));
        assert_ne!(id, voucher_id("thanks", "order-of-noodles"));
        assert_ne!(voucher_id("a", "bc"), voucher_id("ab", "c"));
    }

    #[test]
    fn codes_depend_on_the_key_the_voucher_and_the_attempt() {
        let code = key(0xaa).code("v-1", 0);
        assert_eq!(code, key(0xaa).code("v-1", 0));
        assert_ne!(code, key(0xbb).code("v-1", 0));
        assert_ne!(code, key(0xaa).code("v-2", 0));
        assert_ne!(code, key(0xaa).code("v-1", 1));
        assert_ne!(key(0xaa).hash(code), key(0xbb).hash(code));
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert_eq!(format!("{:?}", key(0xaa)), "CodeKey(hidden)");
    }
}
