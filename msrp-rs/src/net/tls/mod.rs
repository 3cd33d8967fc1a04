//! TLS (RFC 4975 §14.2, §14.4): what we trust, who we are, and the handshakes that follow. The provider is passed
//! explicitly; the process-wide one is neither read nor set.
//!
//! TLS 1.2 and 1.3 with rustls' cipher suites: the suite that RFC 4975 names as mandatory is not among them
//! (a known deviation, BCP 195). Sessions are never resumed: that would restore a certificate without judging it.
//!
//! [`config`] is what hosts say, [`Tls`] what was read of it once, [`Configured`] reads it again when files change.
//! [`handshake`] makes connections, [`verify`] judges certificates, [`certificate`] reads them, [`failure`] has the
//! words for what went wrong.

pub(crate) mod certificate;
pub(crate) mod config;
pub(crate) mod failure;
pub(crate) mod handshake;
mod keylog;
pub(crate) mod probe;
mod reload;
pub(crate) mod verify;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, KeyLog, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};

use super::memory::Memory;
use crate::error::{Error, ErrorKind, Result};
use crate::sdp::{Fingerprint, HashFunction};
use crate::wire::Host;
use certificate::{PeerProof, digest, signature_hash};
use config::{ClientAuth, PemSource, TlsConfig, TlsVerify};
use verify::{Demand, Finding, Guest, Judge, Pins};

pub(crate) use reload::Configured;

/// One identity and trust, as they were read at one time.
pub(crate) struct Tls {
    config: TlsConfig,
    provider: Arc<CryptoProvider>,
    /// Digests of what was read: of the CAs, and of certificate and key.
    trust: [u8; 32],
    identity: [u8; 32],
    certified: Option<Arc<CertifiedKey>>,
    /// Without the verifier, which each dial has for itself.
    client: ClientConfig,
    server_verifier: Option<Arc<WebPkiServerVerifier>>,
    client_verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// The CAs, where they count.
    roots: Option<Arc<RootCertStore>>,
    /// Where no certificate of clients is asked for: the same for all connections.
    server: Option<Arc<ServerConfig>>,
    known: Arc<[Fingerprint]>,
    keylog: Option<Arc<dyn KeyLog>>,
    server_name: Option<ServerName<'static>>,
}

impl Tls {
    /// Reads a configuration.
    ///
    /// # Errors
    /// `InvalidArgument` naming the option: files and PEM that cannot be read, a certificate without key or the other
    /// way round, a key that does not fit, options that exclude each other; `Tls` if the system's CAs cannot be read.
    pub(crate) fn new(config: &TlsConfig) -> Result<Self> {
        check(config)?;
        let provider = provider();
        let keylog = match &config.keylog {
            Some(path) => Some(Arc::new(keylog::KeyFile::open(path)?) as Arc<dyn KeyLog>),
            None => None,
        };
        let read = |option: &str, source: &Option<PemSource>| {
            let source = source.as_ref();
            source.map(|source| source.read(option)).transpose()
        };
        let ca = read("ca", &config.ca)?;
        let (cert, key) = (read("cert", &config.cert)?, read("key", &config.key)?);
        let certified = match (&cert, &key) {
            (Some(cert), Some(key)) => Some(Arc::new(certified(&provider, cert, key)?)),
            _ => None,
        };
        let server_name = config
            .server_name
            .clone()
            .map(|name| {
                ServerName::try_from(name)
                    .map_err(|_| Error::invalid_argument("tls: server_name is no host name"))
            })
            .transpose()?;
        let mut trust = Sha256::new();
        let (mut server_verifier, mut client_verifier) = (None, None);
        let mut trusted = None;
        if config.verify == TlsVerify::Ca {
            let roots = Arc::new(roots(ca.as_deref(), &mut trust)?);
            trusted = Some(Arc::clone(&roots));
            if config.client_auth != ClientAuth::None {
                let builder = WebPkiClientVerifier::builder_with_provider(
                    Arc::clone(&roots),
                    Arc::clone(&provider),
                );
                let builder = match config.client_auth {
                    ClientAuth::Request => builder.allow_unauthenticated(),
                    _ => builder,
                };
                let built = builder.build();
                client_verifier = Some(
                    built.map_err(|error| Error::invalid_argument(format!("tls: ca: {error}")))?,
                );
            }
            // Without any CA nobody is trusted; a listener may do without.
            server_verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()
                    .ok();
        }
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(config.versions()?)
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Judge::new(
                &provider,
                Demand::Nobody,
                &Arc::default(),
            ));
        let mut client = match &certified {
            Some(certified) => client
                .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(certified)))),
            None => client.with_no_client_auth(),
        };
        client.resumption = Resumption::disabled();
        if let Some(keylog) = &keylog {
            client.key_log = Arc::clone(keylog);
        }
        let mut tls = Self {
            trust: trust.finalize().into(),
            identity: identity_digest(cert.as_deref(), key.as_deref()),
            provider,
            certified,
            client,
            server_verifier,
            client_verifier,
            roots: trusted,
            server: None,
            known: config.fingerprints.as_slice().into(),
            keylog,
            server_name,
            config: config.clone(),
        };
        if !tls.asks_clients() && tls.has_identity() {
            tls.server = Some(tls.server_with(None)?);
        }
        Ok(tls)
    }

    /// What was configured.
    pub(crate) fn config(&self) -> &TlsConfig {
        &self.config
    }

    /// Whether sessions are told by fingerprints whom to trust.
    pub(crate) fn is_pinned(&self) -> bool {
        self.config.verify == TlsVerify::Fingerprint
    }

    /// Whether this can be a server.
    pub(crate) fn has_identity(&self) -> bool {
        self.certified.is_some()
    }

    /// Our own certificate.
    pub(crate) fn leaf(&self) -> Option<CertificateDer<'static>> {
        let own = self.certified.as_ref()?;
        own.cert.first().cloned()
    }

    /// Whether somebody who was trusted under `other` is here, too.
    pub(crate) fn trusts_as(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.trust == other.trust && self.config == other.config)
    }

    /// Whether peers see the same certificate of both.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        let leaf = |tls: &Self| {
            tls.certified
                .as_ref()
                .and_then(|own| own.cert.first().cloned())
        };
        leaf(self) == leaf(other)
    }

    /// Whether the same was read.
    fn is_same(&self, other: &Self) -> bool {
        self.trust == other.trust && self.identity == other.identity
    }

    /// The fingerprints of our own certificate: SHA-256, and the hash function of its signature (RFC 8122 §5.1).
    pub(crate) fn fingerprints(&self) -> Result<Vec<Fingerprint>> {
        let Some(leaf) = self.certified.as_ref().and_then(|own| own.cert.first()) else {
            return Ok(Vec::new());
        };
        let mut functions = vec![HashFunction::Sha256];
        functions.extend(signature_hash(leaf).filter(|function| *function != functions[0]));
        functions
            .into_iter()
            .filter_map(|function| {
                let digest = digest(&function, leaf)?;
                Some(Fingerprint::new(function, digest))
            })
            .collect()
    }

    /// What the certificate of a session's peer must be, by the fingerprints of its SDP and the hosts at which it says
    /// that it is. `None` where that is not asked for.
    ///
    /// # Errors
    /// `InvalidSdp` if fingerprints are needed and there is none that can be used.
    pub(crate) fn pins(
        &self,
        fingerprints: &[Fingerprint],
        hosts: Vec<Host>,
    ) -> Result<Option<Arc<Pins>>> {
        let hosts = match self.config.peer_names {
            true => hosts,
            false => Vec::new(),
        };
        let pins = match self.config.verify {
            TlsVerify::Fingerprint => Pins::new(fingerprints, Arc::clone(&self.known), hosts)?,
            _ if hosts.is_empty() => return Ok(None),
            _ => Pins::of_names(hosts),
        };
        Ok(Some(Arc::new(pins)))
    }

    /// Whether explicit fingerprints of the host stand for the peer's certificate.
    pub(crate) fn has_known(&self) -> bool {
        !self.known.is_empty()
    }

    /// A handshake was done under this configuration.
    pub(crate) fn count(&self, memory: &Memory) {
        if self.config.verify == TlsVerify::None {
            memory.tls_unverified.fetch_add(1, Relaxed);
        }
    }

    /// What a handshake as the side that connects has proven.
    fn proof_of_server(&self) -> PeerProof {
        match self.config.verify {
            TlsVerify::Ca => PeerProof::CaAndName,
            TlsVerify::Fingerprint => PeerProof::Fingerprint,
            TlsVerify::None => PeerProof::Nothing,
        }
    }

    /// What a handshake as the side that accepts has proven, before the session is known.
    fn proof_of_client(&self) -> PeerProof {
        match self.config.verify {
            TlsVerify::Ca => PeerProof::Ca,
            TlsVerify::Fingerprint | TlsVerify::None => PeerProof::Nothing,
        }
    }

    /// For one connection that we dial.
    fn client(&self, pins: Option<Arc<Pins>>, finding: &Arc<Finding>) -> Arc<ClientConfig> {
        let demand = match self.config.verify {
            TlsVerify::Ca => match &self.server_verifier {
                Some(verifier) => Demand::Server(Arc::clone(verifier), Arc::clone(&self.known)),
                None => Demand::Nobody,
            },
            TlsVerify::Fingerprint => pins.map_or(Demand::Nobody, Demand::Pinned),
            TlsVerify::None => Demand::Any { mandatory: false },
        };
        let mut config = self.client.clone();
        let judge = Judge::new(&self.provider, demand, finding);
        config.dangerous().set_certificate_verifier(judge);
        Arc::new(config)
    }

    /// For one connection that we accept.
    ///
    /// # Errors
    /// `InvalidArgument` without a certificate of ours.
    fn server(&self, guest: Guest, finding: &Arc<Finding>) -> Result<Arc<ServerConfig>> {
        let expected = match guest {
            Guest::OfSession(expected) => expected,
            Guest::OfRelay => {
                let demand = Demand::Offered(self.relay_verifier(), Arc::clone(&self.known));
                return self.server_with(Some(Judge::new(&self.provider, demand, finding)));
            }
        };
        if let Some(shared) = &self.server {
            return Ok(Arc::clone(shared));
        }
        let demand = match (self.config.verify, &self.client_verifier) {
            (TlsVerify::Fingerprint, _) => Some(Demand::Expected(expected)),
            (TlsVerify::Ca, Some(verifier)) => Some(Demand::Client(
                Arc::clone(verifier),
                Arc::clone(&self.known),
            )),
            (TlsVerify::None, _) if self.config.client_auth != ClientAuth::None => {
                let mandatory = self.config.client_auth == ClientAuth::Require;
                Some(Demand::Any { mandatory })
            }
            _ => None,
        };
        let judge = demand.map(|demand| Judge::new(&self.provider, demand, finding));
        self.server_with(judge)
    }

    /// Says whether a certificate is that of a relay; none where there is no CA.
    fn relay_verifier(&self) -> Option<Arc<dyn ClientCertVerifier>> {
        let roots = Arc::clone(self.roots.as_ref()?);
        let provider = Arc::clone(&self.provider);
        WebPkiClientVerifier::builder_with_provider(roots, provider)
            .build()
            .ok()
    }

    /// Whether those who connect are asked for a certificate.
    fn asks_clients(&self) -> bool {
        self.is_pinned() || self.config.client_auth != ClientAuth::None
    }

    fn server_with(&self, judge: Option<Arc<Judge>>) -> Result<Arc<ServerConfig>> {
        let Some(certified) = &self.certified else {
            return Err(Error::invalid_argument(
                "tls: a listener needs cert and key",
            ));
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.config.versions()?)
            .map_err(unusable)?;
        let builder = match judge {
            Some(judge) => builder.with_client_cert_verifier(judge),
            None => builder.with_no_client_auth(),
        };
        let resolver = SingleCertAndKey::from(Arc::clone(certified));
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        if let Some(keylog) = &self.keylog {
            config.key_log = Arc::clone(keylog);
        }
        Ok(Arc::new(config))
    }

    /// The name that a server at `host` must prove (RFC 4975 §5.4, §14.2). It is sent as server name unless it
    /// is an address.
    fn name_for(&self, host: &Host) -> Result<ServerName<'static>> {
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

/// Never shows the key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.config).finish()
    }
}

/// What can be said without reading anything.
fn check(config: &TlsConfig) -> Result<()> {
    let wrong = |text: &str| Err(Error::invalid_argument(format!("tls: {text}")));
    config.versions()?;
    match (&config.cert, &config.key) {
        (Some(_), None) => return wrong("cert without key"),
        (None, Some(_)) => return wrong("key without cert"),
        (None, None) if config.verify == TlsVerify::Fingerprint => {
            return wrong(
                "verify by fingerprint needs cert and key: both sides show one (RFC 8122 §6.2)",
            );
        }
        _ => {}
    }
    let is_known = |print: &&Fingerprint| !verify::is_known(print.function());
    if let Some(print) = config.fingerprints.iter().find(is_known) {
        return wrong(&format!(
            "fingerprints: {} is unknown or too weak: sha-256, sha-384 and sha-512 count",
            print.function()
        ));
    }
    match config.verify {
        TlsVerify::None if !config.fingerprints.is_empty() => {
            wrong("fingerprints are given, and verify is none")
        }
        TlsVerify::None if config.peer_names => wrong("peer_names is set, and verify is none"),
        TlsVerify::Ca if config.client_auth != ClientAuth::None && config.ca.is_none() => wrong(
            "client_auth needs ca, the CAs of the certificates that clients show: the system's sign for everybody",
        ),
        _ => Ok(()),
    }
}

/// The fingerprint of the first certificate of a chain (RFC 8122 §5).
///
/// # Errors
/// `InvalidArgument` for a file that cannot be read, PEM without a certificate, and for a function that is not computed
/// here.
pub(crate) fn fingerprint(cert: &PemSource, function: &HashFunction) -> Result<Fingerprint> {
    let certificates = certificates(&cert.read("cert")?, "cert")?;
    let digest = digest(function, &certificates[0]).ok_or_else(|| {
        Error::invalid_argument(format!(
            "tls: no fingerprints are made with {function} here"
        ))
    })?;
    Fingerprint::new(function.clone(), digest)
}

fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Arc::new(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    compile_error!("feature `net` needs a TLS provider: `aws-lc-rs` or `ring`");
}

/// Our certificate with its key.
fn certified(provider: &CryptoProvider, cert: &[u8], key: &[u8]) -> Result<CertifiedKey> {
    let chain = certificates(cert, "cert")?;
    if let Some(function) = chain.first().and_then(|leaf| signature_hash(leaf))
        && !verify::is_known(&function)
    {
        return Err(Error::invalid_argument(format!(
            "tls: cert is signed with {function}, which nobody may trust any more"
        )));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| Error::invalid_argument(format!("tls: key: {error}")))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            Error::invalid_argument("tls: key is not that of cert")
        }
        error => Error::invalid_argument(format!("tls: cert and key: {error}")),
    })
}

fn identity_digest(cert: Option<&[u8]>, key: Option<&[u8]>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [cert, key].into_iter().flatten() {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// The CAs that are trusted; `digest` takes them in.
fn roots(ca: Option<&[u8]>, digest: &mut Sha256) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in certificates(pem, "ca")? {
                digest.update(&certificate);
                roots
                    .add(certificate)
                    .map_err(|error| Error::invalid_argument(format!("tls: ca: {error}")))?;
            }
        }
        None => {
            let native = rustls_native_certs::load_native_certs();
            for certificate in &native.certs {
                digest.update(certificate);
            }
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

fn unusable(error: rustls::Error) -> Error {
    Error::invalid_argument(format!("tls: {error}"))
}
