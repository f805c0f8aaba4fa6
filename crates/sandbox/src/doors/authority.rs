//! The proxy's own certificate authority.
//!
//! Clients with the service's host names wired in speak TLS to them. The sandbox answers with a
//! certificate for those names, signed by an authority that exists for this sandbox alone; a client
//! trusts it by `NODE_EXTRA_CA_CERTS`, `REQUESTS_CA_BUNDLE` or `SSL_CERT_FILE`.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::hosts::SERVICE_DOMAINS;

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The stored key is not one, or a certificate could not be built of it.
    #[error("the sandbox's certificate authority could not be made; remove its key to start a new one")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused the certificate.
    #[error("the TLS library refused the sandbox's certificate")]
    Tls(#[from] rustls::Error),
}

/// A certificate authority that lives and dies with one sandbox.
pub(crate) struct Authority {
    /// What clients must trust, as PEM.
    pub(crate) certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A fresh key for [`Authority::of`], as PEM.
    pub(crate) fn new_key() -> Result<String, AuthorityError> {
        Ok(KeyPair::generate()?.serialize_pem())
    }

    /// The authority of a key. The same key gives an authority that a client who trusted an earlier
    /// certificate of it trusts again: name and key are the same.
    pub(crate) fn of(key_pem: &str) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(key_pem)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Outflow sandbox authority (practice only)");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { certificate_pem, issuer: Issuer::new(params, key) })
    }

    /// TLS settings of a server that answers for every tenant's host names.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, AuthorityError> {
        let names: Vec<String> = SERVICE_DOMAINS.iter().map(|domain| format!("*.{domain}")).collect();
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = named("Outflow sandbox");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Strict verifiers (Python from 3.13 on) ask for it.
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
