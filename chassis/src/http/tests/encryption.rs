//! The server over TLS.

use std::fs;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::*;
use crate::config::Settings;
use crate::http::{Tls, TlsFiles, serve_over};
use crate::shutdown::Shutdown;

/// A certificate for `kitchen.example`, as files in `folder`.
fn files(folder: &std::path::Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(["kitchen.example".to_owned()]).unwrap();
    let files =
        TlsFiles { certificates: folder.join("kitchen.pem"), key: folder.join("kitchen.key") };
    fs::write(&files.certificates, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

fn connector(files: &TlsFiles) -> TlsConnector {
    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_file(&files.certificates).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn what_is_served_over_tls_is_encrypted_and_nothing_else_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/", get(|| async { "Dal" }));
    let (tls, shutdown) = (Tls::load(&files).unwrap(), Shutdown::new());
    let server = tokio::spawn(serve_over(Some(tls), listener, app, shutdown.clone()));
    let request = b"GET / HTTP/1.1\r\nhost: kitchen.example\r\nconnection: close\r\n\r\n";

    let name = ServerName::try_from("kitchen.example").unwrap();
    let plain = TcpStream::connect(address).await.unwrap();
    let mut guest = connector(&files).connect(name, plain).await.unwrap();
    guest.write_all(request).await.unwrap();
    let mut answer = String::new();
    guest.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("Dal"), "{answer}");

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");

    shutdown.cancel();
    server.await.unwrap().unwrap();
}

#[test]
fn a_certificate_and_its_key_come_together() {
    let read = |pairs: &[(&'static str, &str)]| {
        let mut settings = Settings::from_pairs(pairs.iter().copied());
        let files = TlsFiles::from_settings(&mut settings, "TLS_CERTIFICATE", "TLS_KEY");
        settings.finish(files)
    };
    assert_eq!(read(&[]).unwrap(), None);
    for (lonely, missing) in [("TLS_CERTIFICATE", "TLS_KEY"), ("TLS_KEY", "TLS_CERTIFICATE")] {
        let refused = read(&[(lonely, "a")]).unwrap_err();
        assert!(refused.problems()[0].starts_with(missing), "{refused}");
    }
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, other) = (files(one.path()), files(other.path()));
    let mixed = TlsFiles { key: other.key.clone(), ..one.clone() };
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let said = |certificates: &str, key: &str| {
        read(&[("TLS_CERTIFICATE", certificates), ("TLS_KEY", key)]).map_err(|all| all.to_string())
    };
    let (certificate, key) = (text(&one.certificates), text(&one.key));
    assert_eq!(said(&certificate, &key), Ok(Some(one.clone())));
    let both = said("/nowhere.pem", &certificate).unwrap_err();
    assert!(both.contains("TLS_CERTIFICATE: names") && both.contains("TLS_KEY: names"), "{both}");
    let others = said(&certificate, &text(&other.key)).unwrap_err();
    assert!(others.contains("TLS_KEY: is not the key"), "{others}");
    assert!(Tls::load(&one).is_ok());
    assert!(Tls::load(&mixed).is_err(), "they do not go together");
    let missing = TlsFiles { key: "nowhere.key".into(), ..one };
    assert!(format!("{:#}", Tls::load(&missing).unwrap_err()).contains("nowhere.key"));
}
