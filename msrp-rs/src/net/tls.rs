//! TLS configurations (RFC 4975 §14.2, §14.4): what we trust, who we are, and the two rustls configurations
//! that follow. The provider is passed explicitly; the process-wide one is neither read nor set.
//!
//! TLS 1.2 and 1.3 with rustls' cipher suites: the suite that RFC 4975 names as mandatory is not among them
//! (a known deviation, BCP 195).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

use crate::error::{Error, ErrorKind, Result};
use crate::wire::Host;

/// What a configuration is made of.
#[derive(Debug, Default)]
pub(crate) struct TlsParts {
    /// PEM of the CAs to trust; without it the system's.
    pub(crate) ca: Option<Vec<u8>>,
    /// PEM of our certificate chain, leaf first.
    pub(crate) cert: Option<Vec<u8>>,
    /// PEM of its key.
    pub(crate) key: Option<Vec<u8>>,
    /// Whether a server's certificate is judged at all.
    pub(crate) verify: bool,
    /// The name to check instead of the URI's host.
    pub(crate) server_name: Option<String>,
}

/// One identity and trust.
#[derive(Debug)]
pub(crate) struct Tls {
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
    pub(crate) fn new(parts: TlsParts) -> Result<Self> {
        let provider = provider();
        let identity = match (&parts.cert, &parts.key) {
            (Some(cert), Some(key)) => Some((certificates(cert, "cert")?, private_key(key)?)),
            (None, None) => None,
            (Some(_), None) => return Err(Error::invalid_argument("tls: cert without key")),
            (None, Some(_)) => return Err(Error::invalid_argument("tls: key without cert")),
        };
        let server_name = parts
            .server_name
            .map(|name| {
                ServerName::try_from(name)
                    .map_err(|_| Error::invalid_argument("tls: server_name is no host name"))
            })
            .transpose()?;
        Ok(Self {
            client: Arc::new(client_config(&provider, parts.ca, parts.verify, &identity)?),
            server: identity
                .map(|identity| server_config(&provider, identity))
                .transpose()?,
            server_name,
        })
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
    verify: bool,
    identity: &Option<Identity>,
) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = if verify {
        builder.with_root_certificates(roots(ca)?)
    } else {
        tracing::warn!("tls: certificates of peers are not verified");
        let verifier = Unverified(Arc::clone(provider));
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
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
    (chain, key): Identity,
) -> Result<Arc<ServerConfig>> {
    ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
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
            tracing::debug!(added, ignored, "tls: system CAs");
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

/// Takes any certificate; the handshake's signatures still have to fit it.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
