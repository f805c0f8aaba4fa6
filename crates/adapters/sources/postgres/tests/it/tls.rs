//! Encryption: what is verified, and what is refused.

use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use outflow_ports::{Query, ScanOptions, Source, SourceError, promises::source::batches_of};
use outflow_source_postgres::{PostgresSettings, SslMode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::server::{Server, source};

/// An authority, and a certificate for `name` that it signed.
fn certificates(name: &str) -> [String; 3] {
    let mut authority = CertificateParams::new(Vec::new()).expect("plain parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec![name.to_owned()]).expect("a host name").signed_by(&key, &authority).expect("a certificate");
    [authority.pem(), server.pem(), key.serialize_pem()]
}

/// Connects and asks the server whether it sees an encrypted connection.
async fn is_encrypted(settings: PostgresSettings) -> Result<bool, SourceError> {
    let source = source(settings)?;
    source.check().await?;
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()".to_owned();
    let batches = batches_of(source.scan(&Query { sql }, ScanOptions::default()).await?).await;
    Ok(batches[0].column(0).as_boolean().value(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_means_what_it_means_in_libpq() {
    let [authority, certificate, key] = certificates("localhost");
    let [stranger, ..] = certificates("localhost");
    let configuration = "ssl = on\nssl_cert_file = 'FOLDERserver.crt'\nssl_key_file = 'FOLDERserver.key'";
    let files = [
        ("server.crt", certificate.as_str()),
        ("server.key", &key),
        ("authority.crt", &authority),
        ("stranger.crt", &stranger),
        ("empty.crt", ""),
    ];
    let server = Server::start(configuration, &files);
    let file = |name: &str| Some(PathBuf::from(server.path(name)));
    let with = |ssl_mode, host: &str, root_certificate| PostgresSettings {
        ssl_mode,
        host: host.to_owned(),
        root_certificate,
        ..server.settings()
    };

    let reached = [
        (with(SslMode::Disable, "localhost", None), false),
        (with(SslMode::Prefer, "localhost", None), true),
        (with(SslMode::Require, "localhost", None), true),
        (with(SslMode::Require, "127.0.0.1", file("authority.crt")), true),
        (with(SslMode::VerifyFull, "localhost", file("authority.crt")), true),
        (with(SslMode::VerifyFull, Path::new(&server.path("")).to_str().expect("plain"), file("authority.crt")), false),
    ];
    for (settings, encrypted) in reached {
        let told = format!("{:?} to {}", settings.ssl_mode, settings.host);
        assert_eq!(is_encrypted(settings).await.expect(&told), encrypted, "{told}");
    }

    let refused = [
        (with(SslMode::Require, "localhost", file("stranger.crt")), "certificate"),
        (with(SslMode::VerifyFull, "localhost", file("stranger.crt")), "certificate"),
        (with(SslMode::VerifyFull, "127.0.0.1", file("authority.crt")), "not valid for"),
        (with(SslMode::VerifyFull, "localhost", file("missing.crt")), "missing.crt"),
        (with(SslMode::VerifyFull, "localhost", file("empty.crt")), "empty.crt"),
    ];
    for (settings, told) in refused {
        let what = format!("{:?} to {} with {:?}", settings.ssl_mode, settings.host, settings.root_certificate);
        let error = is_encrypted(settings).await.expect_err(&what);
        let SourceError::Unreachable { is_transient, message, .. } = &error else { panic!("{what}: {error:?}") };
        assert!(!is_transient, "{what}: trying again does not help: {message}");
        assert!(message.contains(told), "{what}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_encryption_serves_those_who_only_prefer_it() {
    let server = Server::start("", &[]);
    let with = |ssl_mode| PostgresSettings { ssl_mode, ..server.settings() };
    assert!(!is_encrypted(with(SslMode::Prefer)).await.expect("plain text will do"));
    let error = is_encrypted(with(SslMode::Require)).await.expect_err("plain text will not do");
    assert!(error.to_string().contains("does not support TLS"), "{error}");
}
