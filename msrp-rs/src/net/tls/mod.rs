//! TLS configurations (RFC 4975 §14.2, §14.4): what we trust, who we are, and the two rustls configurations
//! that follow. The provider is passed explicitly; the process-wide one is neither read nor set.
//!
//! TLS 1.2 and 1.3 with rustls' cipher suites: the suite that RFC 4975 names as mandatory is not among them
//! (a known deviation, BCP 195).

pub(crate) mod config;
pub(crate) mod verify;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::memory::Memory;
use crate::error::{Error, ErrorKind, Result};
use crate::sdp::{Fingerprint, HashFunction};
use crate::wire::Host;
use config::{PemSource, TlsConfig, TlsVerify};
use verify::{AnyCertificate, Pinned, Pins, digest};

/// One identity and trust.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    verify: TlsVerify,
    versions: &'static [&'static SupportedProtocolVersion],
    identity: Option<Identity>,
    client: Arc<ClientConfig>,
    server: Option<Arc<ServerConfig>>,
    server_name: Option<ServerName<'static>>,
}

impl Tls {
    /// Makes the configurations.
    ///
    /// # Errors
    /// `InvalidArgument` for PEM that cannot be read, a certificate without key or the other way round, a key
    /// that does not fit; `Tls` if the system's CAs cannot be read.
    pub(crate) fn new(config: &TlsConfig) -> Result<Self> {
        let provider = provider();
        let read = |option: &str, source: &Option<PemSource>| {
            let source = source.as_ref();
            source.map(|source| source.read(option)).transpose()
        };
        let (cert, key) = (read("cert", &config.cert)?, read("key", &config.key)?);
        let identity = match (&cert, &key) {
            (Some(cert), Some(key)) => Some((certificates(cert, "cert")?, private_key(key)?)),
            (None, None) => None,
            (Some(_), None) => return Err(Error::invalid_argument("tls: cert without key")),
            (None, Some(_)) => return Err(Error::invalid_argument("tls: key without cert")),
        };
        let server_name = config
            .server_name
            .clone()
            .map(|name| {
                ServerName::try_from(name)
                    .map_err(|_| Error::invalid_argument("tls: server_name is no host name"))
            })
            .transpose()?;
        if config.verify == TlsVerify::Fingerprint && identity.is_none() {
            return Err(Error::invalid_argument(
                "tls: verify by fingerprint needs cert and key: both sides show one (RFC 8122 §6.2)",
            ));
        }
        let versions = config.versions()?;
        let ca = read("ca", &config.ca)?;
        let client = client_config(&provider, ca, config.verify, identity.as_ref(), versions)?;
        let server = identity
            .as_ref()
            .map(|identity| server_config(&provider, config.verify, identity, versions))
            .transpose()?;
        Ok(Self {
            provider,
            verify: config.verify,
            versions,
            identity,
            client: Arc::new(client),
            server,
            server_name,
        })
    }

    /// Whether sessions are told by fingerprints whom to trust.
    pub(crate) fn is_pinned(&self) -> bool {
        self.verify == TlsVerify::Fingerprint
    }

    /// The fingerprints of our own certificate: SHA-256, and SHA-384 if the certificate is signed with it (RFC 8122
    /// §5.1).
    pub(crate) fn fingerprints(&self) -> Result<Vec<Fingerprint>> {
        let Some((chain, _)) = &self.identity else {
            return Ok(Vec::new());
        };
        let Some(leaf) = chain.first() else {
            return Ok(Vec::new());
        };
        let mut functions = vec![HashFunction::Sha256];
        if SHA384_SIGNATURES
            .iter()
            .any(|oid| memchr::memmem::find(leaf, oid).is_some())
        {
            functions.push(HashFunction::Sha384);
        }
        functions
            .into_iter()
            .filter_map(|function| {
                let digest = digest(&self.provider, &function, leaf)?;
                Some(Fingerprint::new(function, digest))
            })
            .collect()
    }

    /// What a certificate of the peer is compared with: the fingerprints of its SDP that count.
    ///
    /// # Errors
    /// `InvalidSdp` if there is none that can be used.
    pub(crate) fn pins(&self, fingerprints: &[Fingerprint]) -> Result<Arc<Pins>> {
        Pins::new(Arc::clone(&self.provider), fingerprints).map(Arc::new)
    }

    /// For a connection to the one whose certificate has these fingerprints.
    pub(crate) fn client_for(&self, pins: Arc<Pins>) -> Result<Arc<ClientConfig>> {
        let verifier = Arc::new(Pinned(pins));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.versions)
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        match &self.identity {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map(Arc::new)
                .map_err(unusable),
            None => Ok(Arc::new(builder.with_no_client_auth())),
        }
    }

    /// A handshake was done under this configuration.
    pub(crate) fn count(&self, memory: &Memory) {
        if self.verify == TlsVerify::None {
            memory.tls_unverified.fetch_add(1, Relaxed);
        }
    }

    /// For connections that we dial.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }

    /// For connections that we accept; absent without a certificate of ours.
    pub(crate) fn server(&self) -> Option<Arc<ServerConfig>> {
        self.server.clone()
    }

    /// The name that a server at `host` must prove (RFC 4975 §5.4, §14.2). It is sent as server name unless it
    /// is an address.
    pub(crate) fn name_for(&self, host: &Host) -> Result<ServerName<'static>> {
        if let Some(name) = &self.server_name {
            return Ok(name.clone());
        }
        match host {
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|_| Error::local(ErrorKind::InvalidUri, "host of the URI is no TLS name")),
            Host::V4(address) => Ok(ServerName::IpAddress((*address).into())),
            Host::V6(address) => Ok(ServerName::IpAddress((*address).into())),
        }
    }
}

/// The fingerprint of the first certificate of a chain (RFC 8122 §5).
///
/// # Errors
/// `InvalidArgument` for a file that cannot be read, PEM without a certificate, and for a function that is not computed
/// here.
pub(crate) fn fingerprint(cert: &PemSource, function: &HashFunction) -> Result<Fingerprint> {
    let certificates = certificates(&cert.read("cert")?, "cert")?;
    let digest = digest(&provider(), function, &certificates[0]).ok_or_else(|| {
        Error::invalid_argument(format!(
            "tls: no fingerprints are made with {function} here"
        ))
    })?;
    Fingerprint::new(function.clone(), digest)
}

/// Object identifiers of ECDSA and RSA signatures with SHA-384.
const SHA384_SIGNATURES: [&[u8]; 2] = [
    &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],
    &[
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c,
    ],
];

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Arc::new(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    compile_error!("feature `net` needs a TLS provider: `aws-lc-rs` or `ring`");
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    ca: Option<Vec<u8>>,
    verify: TlsVerify,
    identity: Option<&Identity>,
    versions: &'static [&'static SupportedProtocolVersion],
) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(unusable)?;
    let builder = match verify {
        // With fingerprints each dial has a configuration of its own; this one trusts nobody.
        TlsVerify::Fingerprint => builder.with_root_certificates(RootCertStore::empty()),
        TlsVerify::Ca => builder.with_root_certificates(roots(ca)?),
        TlsVerify::None => {
            let verifier = AnyCertificate(Arc::clone(provider));
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    match identity {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(unusable),
        None => Ok(builder.with_no_client_auth()),
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    verify: TlsVerify,
    (chain, key): &Identity,
    versions: &'static [&'static SupportedProtocolVersion],
) -> Result<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(unusable)?;
    let builder = if verify == TlsVerify::Fingerprint {
        // Which session it is for is not known before its first request; see `registry`.
        builder.with_client_cert_verifier(Arc::new(AnyCertificate(Arc::clone(provider))))
    } else {
        builder.with_no_client_auth()
    };
    builder
        .with_single_cert(chain.clone(), key.clone_key())
        .map(Arc::new)
        .map_err(unusable)
}

fn roots(ca: Option<Vec<u8>>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in certificates(&pem, "ca")? {
                roots.add(certificate).map_err(unusable)?;
            }
        }
        None => {
            let native = rustls_native_certs::load_native_certs();
            let (added, ignored) = roots.add_parsable_certificates(native.certs);
            tracing::debug!(target: "msrp", added, ignored, "tls: system CAs");
            if added == 0 && !native.errors.is_empty() {
                let text = format!("tls: no system CAs: {}", native.errors[0]);
                return Err(Error::local(ErrorKind::Tls, text));
            }
        }
    }
    Ok(roots)
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::invalid_argument(format!("tls: {what}: {error}")))?;
    if certificates.is_empty() {
        return Err(Error::invalid_argument(format!(
            "tls: {what}: no certificate in the PEM"
        )));
    }
    Ok(certificates)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| Error::invalid_argument(format!("tls: key: {error}")))
}

fn unusable(error: rustls::Error) -> Error {
    Error::invalid_argument(format!("tls: {error}"))
}
