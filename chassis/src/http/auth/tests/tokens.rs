//! Which tokens count.

use super::*;
use crate::http::auth::LocalIssuer;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn each_of_the_three_algorithms_is_taken() {
    let signers = [Signer::rs256("r"), Signer::es256("e"), Signer::ed25519("d")];
    let keys = Keys::fixed(&jwks(&signers.each_ref())).unwrap();
    let verifier = verifier(keys, &evening());
    for signer in &signers {
        let cook = verifier.verify(&signer.sign(&claims())).await;
        let nonna = Cook { name: "nonna".to_owned(), role: Rank::Chef };
        assert_eq!(cook.as_ref().map(|known| &***known), Ok(&nonna), "{:?}", signer.algorithm);
    }
}

#[tokio::test]
async fn what_is_not_said_rightly_does_not_count() {
    let signer = Signer::ed25519("d");
    let verifier = verifier(Keys::fixed(&jwks(&[&signer])).unwrap(), &evening());
    let far = json!(EVENING + 31);
    for (claims, why) in [
        (with("iss", json!("another-guild")), "the token is of another issuer"),
        (with("aud", json!("bakery")), "the token is for another audience"),
        (with("aud", json!(["bakery", "bar"])), "the token is for another audience"),
        (with("exp", json!(EVENING - 30)), "the token has expired"),
        (with("nbf", far), "the token does not count yet"),
        (with("role", json!("waiter")), "the token names nobody whom this API knows"),
        (without("role"), "the token names nobody whom this API knows"),
        (without("iss"), "the token lacks issuer or audience"),
        (without("aud"), "the token lacks issuer or audience"),
        (without("exp"), "the token cannot be used"),
        (without("sub"), "the token cannot be used"),
        (with("exp", json!("soon")), "the token cannot be used"),
    ] {
        let denied = verifier.verify(&signer.sign(&claims)).await;
        assert_eq!(denied, Err(Denied::Invalid(why)), "{claims}");
    }
    for claims in [
        with("aud", json!(["bakery", "kitchen"])),
        with("exp", json!(EVENING - 29)),
        with("exp", json!(EVENING as f64 + 0.5)),
        with("nbf", json!(EVENING + 30)),
        without("nbf"),
    ] {
        assert!(verifier.verify(&signer.sign(&claims)).await.is_ok(), "{claims}");
    }
}

#[tokio::test]
async fn a_known_token_expires_all_the_same() {
    let signer = Signer::ed25519("d");
    let clock = evening();
    let verifier = verifier(Keys::fixed(&jwks(&[&signer])).unwrap(), &clock);
    let token = signer.sign(&claims());
    let first = verifier.verify(&token).await.unwrap();
    assert_eq!(
        first.until_us(),
        (EVENING + 630) * 1_000_000,
        "half a minute for its issuer's clock"
    );
    clock.advance_us(629 * 1_000_000);
    assert!(Arc::ptr_eq(&first, &verifier.verify(&token).await.unwrap()), "it was known");
    clock.advance_us(1_000_000);
    assert_eq!(verifier.verify(&token).await, Err(Denied::Invalid("the token has expired")));
}

#[tokio::test]
async fn forgeries_are_refused() {
    let (signer, thief) = (Signer::ed25519("d"), Signer::ed25519("d"));
    let rsa = Signer::rs256("r");
    let verifier = verifier(Keys::fixed(&jwks(&[&signer, &rsa])).unwrap(), &evening());
    let wrong_signature = "the token's signature is not that of its key";
    assert_eq!(
        verifier.verify(&thief.sign(&claims())).await,
        Err(Denied::Invalid(wrong_signature))
    );

    let token = signer.sign(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let chief = URL_SAFE_NO_PAD.encode(with("sub", json!("thief")).to_string());
    let none = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "kid": "d" }).to_string());
    let mixed = URL_SAFE_NO_PAD.encode(json!({ "alg": "EdDSA", "kid": "r" }).to_string());
    for forged in [
        format!("{}.{chief}.{}", parts[0], parts[2]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{mixed}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        "x".repeat(8_193),
        String::new(),
    ] {
        let denied = verifier.verify(&forged).await;
        assert!(matches!(denied, Err(Denied::Invalid(_))), "{forged}: {denied:?}");
    }

    // The public key as an HMAC secret: the classic of forgeries.
    let secret = serde_json::to_vec(&rsa.public).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("r".to_owned());
    let forged = encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
    assert!(matches!(verifier.verify(&forged).await, Err(Denied::Invalid(_))));

    let nameless = encode(&Header::new(Algorithm::EdDSA), &claims(), &signer.private).unwrap();
    assert_eq!(verifier.verify(&nameless).await, Err(Denied::Invalid("the token names no key")));
}

#[test]
fn processes_that_start_at_once_make_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/token.key");
    let made: Vec<_> = std::thread::scope(|scope| {
        let open = || scope.spawn(|| LocalIssuer::open(&path).unwrap().keys());
        let threads: Vec<_> = (0..8).map(|_| open()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.iter().all(|keys| *keys == made[0]));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let files = std::fs::read_dir(folder.path().join("new")).unwrap().count();
    assert_eq!(files, 1, "no draft is left behind");
}

#[tokio::test]
async fn tokens_of_this_machine_count_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = LocalIssuer::open(&folder.path().join("token.key")).unwrap();
    let mut more = Map::new();
    more.insert("role".to_owned(), json!("apprentice"));
    let now_us = EVENING * 1_000_000;
    let token = issuer.mint("kitchen", "luigi", more, now_us, Duration::from_secs(60)).unwrap();
    let keys = Keys::fixed(&issuer.keys()).unwrap();
    let verifier: Verifier<Cook> =
        Verifier::new(keys, "takeaway-local", "kitchen", Arc::new(evening()));
    assert_eq!(verifier.verify(&token).await.unwrap().role(), Rank::Apprentice);
}
