//! What hosts say about TLS: identity, trust, versions. [`Tls`](super::Tls) is what follows from it.

use std::io::Read;
use std::path::PathBuf;

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::error::{Error, Result};
use crate::sdp::Fingerprint;

/// Most octets of a file.
const MOST: u64 = 16 << 20;

/// PEM text, by file or by value.
#[derive(Clone, PartialEq, Eq)]
pub enum PemSource {
    /// A file. It is read when the configuration is first used, and again when it has changed since: see
    /// [`TlsConfig`].
    File(PathBuf),
    /// The text.
    Text(Vec<u8>),
}

impl PemSource {
    /// The octets.
    pub(super) fn read(&self, option: &str) -> Result<Vec<u8>> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => {
                let failed = |error: std::io::Error| {
                    Error::invalid_argument(format!(
                        "tls.{option}: cannot read {}: {error}",
                        path.display()
                    ))
                };
                let mut text = Vec::new();
                let file = std::fs::File::open(path).map_err(failed)?;
                file.take(MOST + 1).read_to_end(&mut text).map_err(failed)?;
                if text.len() as u64 > MOST {
                    let text = format!("it has more than {MOST} octets");
                    return Err(failed(std::io::Error::other(text)));
                }
                Ok(text)
            }
        }
    }
}

/// Never shows the text: it may be a private key.
impl std::fmt::Debug for PemSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Text(text) => write!(f, "Text({} octets)", text.len()),
        }
    }
}

/// How a peer's certificate is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TlsVerify {
    /// By a CA and the URI's host name (RFC 4975 §5.4).
    #[default]
    Ca,
    /// By the SDP's fingerprint (RFC 4975 §14.4, RFC 8122), in both roles.
    Fingerprint,
    /// Not at all: for tests, logged, and counted in [`Stats::tls_unverified`](crate::engine::Stats::tls_unverified).
    None,
}

/// Whether the side that accepts asks for the certificate of the side that connects (mutual TLS).
///
/// With [`TlsVerify::Fingerprint`] it always does, and this says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ClientAuth {
    /// It does not.
    #[default]
    None,
    /// It does. A peer that shows none is served all the same; one that is shown must pass.
    Request,
    /// It does. A peer that shows none is refused in the handshake.
    Require,
}

/// A version of TLS. There are no others here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2, with AEAD suites.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// TLS identity and trust. Sessions with equal ones may share a connection.
///
/// Files are read when a session or listener is first made with them, and looked at again when a session or listener is
/// made, a listener accepts a connection (then once a second at most), or the host says so
/// ([`Engine::reload_tls`](crate::engine::Engine::reload_tls)). What changed counts for new handshakes; connections that
/// are there live on, a session keeps the certificate that its SDP named, and so does a listener with
/// [`TlsVerify::Fingerprint`]. If the new content is unusable, the old one
/// stays, and the log says so.
///
/// Sessions are never resumed, in neither role and version: each connection has a handshake with certificates, and each
/// certificate is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Trusted CAs; without it the system's.
    pub ca: Option<PemSource>,
    /// Our certificate chain, leaf first. A listener needs one.
    pub cert: Option<PemSource>,
    /// Its key.
    pub key: Option<PemSource>,
    /// How peers are judged.
    pub verify: TlsVerify,
    /// The name to check instead of the URI's host; it is also the name that is sent (SNI).
    pub server_name: Option<String>,
    /// Whether we ask for certificates where we accept. Those are judged by `ca`, which then must be there, unless
    /// `verify` is `None`.
    pub client_auth: ClientAuth,
    /// Fingerprints that the host knows, SHA-256 or better. If there are any, the peer's certificate must have one of
    /// them, besides what `verify` asks for. With [`TlsVerify::Fingerprint`] the SDP then need not have any, and the
    /// peer may be behind a relay: these are its relay's. Where we accept they count for certificates that we ask for.
    pub fingerprints: Vec<Fingerprint>,
    /// Whether certificates must also name the peer's place where that is not asked for anyhow: the host of its URI, or
    /// the address of its `c=` line, without wildcards. So it is with [`TlsVerify::Fingerprint`] in both roles, for
    /// signalling that does not protect SDP (RFC 8122 §6.1), and with `client_auth` for peers that connect (RFC 4975
    /// §5.4). Default no.
    pub peer_names: bool,
    /// The oldest version that is taken. Default TLS 1.2.
    pub min_version: TlsVersion,
    /// The newest version that is taken. Default TLS 1.3.
    pub max_version: TlsVersion,
    /// A file to which the keys of all connections are appended, in the format of `SSLKEYLOGFILE`: whoever has it
    /// can read what was recorded of them. Made with mode 0600; an existing one must be a regular file that nobody else
    /// may read, and no link. For debugging only; a warning in the log says that it is on.
    pub keylog: Option<PathBuf>,
}

type Version = &'static SupportedProtocolVersion;
static OLD: [Version; 1] = [&TLS12];
static BOTH: [Version; 2] = [&TLS13, &TLS12];
static NEW: [Version; 1] = [&TLS13];

impl TlsConfig {
    /// The versions that are taken.
    ///
    /// # Errors
    /// `InvalidArgument` if there is none.
    pub(super) fn versions(&self) -> Result<&'static [&'static SupportedProtocolVersion]> {
        match (self.min_version, self.max_version) {
            (TlsVersion::Tls12, TlsVersion::Tls12) => Ok(&OLD),
            (TlsVersion::Tls12, TlsVersion::Tls13) => Ok(&BOTH),
            (TlsVersion::Tls13, TlsVersion::Tls13) => Ok(&NEW),
            (TlsVersion::Tls13, TlsVersion::Tls12) => Err(Error::invalid_argument(
                "tls: min_version is TLS 1.3 and max_version TLS 1.2",
            )),
        }
    }
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            ca: None,
            cert: None,
            key: None,
            verify: TlsVerify::default(),
            server_name: None,
            client_auth: ClientAuth::default(),
            fingerprints: Vec::new(),
            peer_names: false,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            keylog: None,
        }
    }
}
