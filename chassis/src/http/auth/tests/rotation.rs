//! Keys that come and go while the process runs, and configurations that must not be.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::Semaphore;

use super::*;
use crate::config::Settings;
use crate::http::auth::{AuthConfig, LocalIssuer};

/// An issuer whose answers `answer` makes, and its address.
async fn issuer_that<F, R>(answer: impl Fn() -> F + Clone + Send + Sync + 'static) -> String
where
    F: Future<Output = R> + Send,
    R: IntoResponse + Send,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/jwks", listener.local_addr().unwrap());
    let router = Router::new().route("/jwks", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// An issuer that counts how often it is asked, and its address.
async fn issuer(set: JwkSet) -> (Arc<AtomicUsize>, String) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let answer = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let set = set.clone();
        async move { axum::Json(set) }
    };
    (asked, issuer_that(answer).await)
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once() {
    let (known, stranger) = (Signer::ed25519("known"), Signer::ed25519("stranger"));
    let (asked, address) = issuer(jwks(&[&known])).await;
    let keys = Keys::open(address.parse().unwrap(), None).await.unwrap();
    let verifier = verifier(keys, &evening());
    assert!(verifier.verify(&known.sign(&claims())).await.is_ok());
    for number in 0..20 {
        let token = stranger.sign(&with("exp", json!(EVENING + number)));
        let denied = verifier.verify(&token).await;
        assert_eq!(denied, Err(Denied::Invalid("the token's key is not known")));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2, "at the start, and for the first stranger");
}

#[tokio::test]
async fn a_key_that_came_later_is_found_and_one_that_went_counts_no_more() {
    let (old, new) = (Signer::ed25519("old"), Signer::es256("new"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let write = |set: JwkSet| std::fs::write(&file, serde_json::to_vec(&set).unwrap()).unwrap();
    write(jwks(&[&old]));
    let keys = Keys::open(file.to_str().unwrap().parse().unwrap(), None).await.unwrap();
    let verifier = verifier(keys, &evening());
    let token = old.sign(&claims());
    assert!(verifier.verify(&token).await.is_ok());
    write(jwks(&[&new]));
    assert!(verifier.verify(&token).await.is_ok(), "nobody has looked yet");
    assert!(verifier.verify(&new.sign(&claims())).await.is_ok());
    let denied = verifier.verify(&token).await;
    assert_eq!(
        denied,
        Err(Denied::Invalid("the token's key is not known")),
        "though verified before"
    );
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_not_the_callers_fault() {
    let nobody = "http://127.0.0.1:1/jwks".parse().unwrap();
    let verifier = verifier(Keys::open(nobody, None).await.unwrap(), &evening());
    let token = Signer::ed25519("d").sign(&claims());
    assert_eq!(verifier.verify(&token).await, Err(Denied::Unavailable));
}

/// Its first answer has the old key, at once; the others have the new one too, when they may.
#[tokio::test]
async fn who_hangs_up_while_a_key_is_looked_for_takes_it_from_nobody() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let (first, later) = (jwks(&[&old]), jwks(&[&old, &new]));
    let (asked, may_answer) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(1)));
    let (asking, answering) = (Arc::clone(&asked), Arc::clone(&may_answer));
    let sets = Arc::new(std::sync::Mutex::new(vec![later, first]));
    let answer = move || {
        let (answering, sets) = (Arc::clone(&answering), Arc::clone(&sets));
        asking.add_permits(1);
        async move {
            answering.acquire().await.unwrap().forget();
            axum::Json(sets.lock().unwrap().pop())
        }
    };
    let address = issuer_that(answer).await;
    let keys = Keys::open(address.parse().unwrap(), None).await.unwrap();
    let verifier = Arc::new(verifier(keys, &evening()));
    asked.acquire().await.unwrap().forget();
    let (impatient, token) = (Arc::clone(&verifier), new.sign(&claims()));
    let request = tokio::spawn(async move { impatient.verify(&token).await.map(drop) });
    asked.acquire().await.unwrap().forget();
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    may_answer.add_permits(1);
    assert!(verifier.verify(&new.sign(&claims())).await.is_ok());
}

#[tokio::test]
async fn a_key_is_not_unknown_while_nobody_can_be_asked() {
    let (known, stranger) = (Signer::ed25519("known"), Signer::ed25519("stranger"));
    let sets = Arc::new(std::sync::Mutex::new(vec![jwks(&[&known])]));
    let answer = move || {
        let set = sets.lock().unwrap().pop();
        async move { set.map(axum::Json).ok_or(StatusCode::BAD_GATEWAY) }
    };
    let keys = Keys::open(issuer_that(answer).await.parse().unwrap(), None).await.unwrap();
    let verifier = verifier(keys, &evening());
    for _ in 0..2 {
        let denied = verifier.verify(&stranger.sign(&claims())).await;
        assert_eq!(denied, Err(Denied::Unavailable));
        assert!(verifier.verify(&known.sign(&claims())).await.is_ok());
    }
}

#[tokio::test]
async fn keys_that_were_never_read_are_looked_for_beside_what_runs() {
    let known = Signer::ed25519("known");
    let sets = Arc::new(std::sync::Mutex::new(vec![Some(jwks(&[&known])), None]));
    let answer = move || {
        let set = sets.lock().unwrap().pop().flatten();
        async move { set.map(axum::Json).ok_or(StatusCode::BAD_GATEWAY) }
    };
    let keys = Keys::open(issuer_that(answer).await.parse().unwrap(), None).await.unwrap();
    assert_eq!(keys.generation(), 0);
    keys.refresh();
    let read = async {
        while keys.generation() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), read).await.unwrap();
}

#[tokio::test]
async fn production_takes_no_key_of_the_local_stack() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("token.key");
    let key = key.to_str().unwrap();
    let local = LocalIssuer::open(key.as_ref()).unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, serde_json::to_vec(&local.keys()).unwrap()).unwrap();
    let file = file.to_str().unwrap();
    let read = |pairs: &[(&str, &str)]| {
        let mut settings = Settings::from_pairs(pairs.iter().copied());
        let config = AuthConfig::from_settings(&mut settings);
        settings.finish(config)
    };
    let production = ("TAKEAWAY_ENV", "production");
    for (pairs, named) in [
        (vec![production, ("TOKEN_LOCAL_KEY", key)], "TOKEN_JWKS"),
        (vec![production, ("TOKEN_JWKS", file)], "TOKEN_ISSUER"),
        (
            vec![production, ("TOKEN_JWKS", file), ("TOKEN_ISSUER", "takeaway-local")],
            "TOKEN_ISSUER",
        ),
        (vec![production, ("TOKEN_JWKS", "http://i.example"), ("TOKEN_ISSUER", "i")], "TOKEN_JWKS"),
        (vec![("TAKEAWAY_ENV", "staging")], "TAKEAWAY_ENV"),
        (vec![("TOKEN_JWKS", "ftp://i.example")], "TOKEN_JWKS"),
    ] {
        let refused = read(&pairs).unwrap_err().to_string();
        assert!(refused.contains(named), "{pairs:?}: {refused}");
    }
    let smuggled = [production, ("TOKEN_JWKS", file), ("TOKEN_ISSUER", "https://issuer.example")];
    let refused = read(&smuggled).unwrap_err().to_string();
    assert!(refused.contains("TOKEN_JWKS: names a file that cannot be used (the key of the local"));
    let missing = read(&[("TOKEN_JWKS", "/nowhere.json"), ("TOKEN_ISSUER", "i")]);
    assert!(missing.unwrap_err().to_string().contains("TOKEN_JWKS: names a file"));
    let local = read(&[("TOKEN_LOCAL_KEY", key)]).unwrap();
    assert!(local.verifier::<Cook>(Arc::new(evening())).await.is_ok());
}
