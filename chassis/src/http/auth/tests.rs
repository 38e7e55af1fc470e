//! Tokens good and bad, keys that come and go, and the guard in front of a route.

mod deprecating;
mod guarding;
mod rotation;
mod tickets;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::{Claims, Denied, Keys, Principal, Verifier};
use crate::clock::ManualClock;

/// 21 September 2026, in the evening.
const EVENING: i64 = 1_790_013_600;

/// Somebody in a kitchen.
#[derive(Debug, PartialEq)]
struct Cook {
    name: String,
    role: Rank,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rank {
    Chef,
    Apprentice,
}

impl std::fmt::Display for Rank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::Chef { "chef" } else { "apprentice" })
    }
}

impl Principal for Cook {
    type Role = Rank;

    fn of(claims: &Claims) -> Option<Self> {
        let role = match claims.text("role")? {
            "chef" => Rank::Chef,
            "apprentice" => Rank::Apprentice,
            _ => return None,
        };
        Some(Self { name: claims.sub.clone(), role })
    }

    fn role(&self) -> Rank {
        self.role
    }

    fn subject(&self) -> &str {
        &self.name
    }
}

/// A key pair of an issuer.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

impl Signer {
    fn ed25519(id: &'static str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Self {
            id,
            algorithm: Algorithm::EdDSA,
            private: EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public: json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "alg": "EdDSA" }),
        }
    }

    fn es256(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let part = |range| URL_SAFE_NO_PAD.encode(&point[range]);
        let (x, y) = (part(1..33), part(33..65));
        Self {
            id,
            algorithm: Algorithm::ES256,
            private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public: json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id }),
        }
    }

    fn rs256(id: &'static str) -> Self {
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        let private = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        Self {
            id,
            algorithm: Algorithm::RS256,
            // PKCS #8 of such a key is 26 bytes and the key as PKCS #1, which is what is wanted.
            private: EncodingKey::from_rsa_der(&private.as_ref()[26..]),
            public: json!({ "kty": "RSA", "n": n, "e": e, "kid": id, "alg": "RS256", "use": "sig" }),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        encode(&header, claims, &self.private).unwrap()
    }
}

fn jwks(signers: &[&Signer]) -> JwkSet {
    let keys: Vec<_> = signers.iter().map(|signer| &signer.public).collect();
    serde_json::from_value(json!({ "keys": keys })).unwrap()
}

/// What a good token says.
fn claims() -> Value {
    json!({
        "iss": "the-guild", "aud": "kitchen", "sub": "nonna", "role": "chef",
        "nbf": EVENING, "exp": EVENING + 600,
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

fn without(member: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().map(|members: &mut Map<_, _>| members.remove(member));
    claims
}

fn verifier(keys: Arc<Keys>, clock: &ManualClock) -> Verifier<Cook> {
    Verifier::new(keys, "the-guild", "kitchen", Arc::new(clock.clone()))
}

fn evening() -> ManualClock {
    ManualClock::at(EVENING * 1_000_000)
}
