//! Judging the certificates of peers, in both roles: by CA and name, by fingerprints (RFC 4975 §14.4, RFC 8122), or not
//! at all; and finding the words for what was refused.
//!
//! A fingerprint replaces the checks of name, date and CA; the signatures of the handshake still have to be made with
//! the certificate's key. Which of several fingerprints count is decided in `sdp`.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, SignatureScheme,
};

use super::certificate::{certifies, cut, date, describe, digest, not_after};
use crate::error::{Error, ErrorKind, Result};
use crate::mutant::{self, Mutant};
use crate::sdp::{Fingerprint, HashFunction, preferred_fingerprints};
use crate::wire::Host;

/// The functions that can be computed, most preferred first.
const KNOWN: [HashFunction; 3] = [
    HashFunction::Sha512,
    HashFunction::Sha384,
    HashFunction::Sha256,
];

/// What the certificate of one session's peer must be, beyond what holds for all: from its SDP, and from the
/// configuration.
#[derive(Debug)]
pub(crate) struct Pins {
    /// Of the SDP: it must match one, if there are any.
    announced: Vec<Fingerprint>,
    /// Of the configuration: the same.
    known: Arc<[Fingerprint]>,
    /// It must name one of these, if there are any.
    hosts: Vec<Host>,
}

impl Pins {
    /// Those that count.
    ///
    /// # Errors
    /// `InvalidSdp` if there is none.
    pub(super) fn new(
        announced: &[Fingerprint],
        known: Arc<[Fingerprint]>,
        hosts: Vec<Host>,
    ) -> Result<Self> {
        let counted: Vec<Fingerprint> = preferred_fingerprints(announced, &KNOWN)
            .into_iter()
            .cloned()
            .collect();
        if counted.is_empty() && known.is_empty() {
            let text = match announced {
                [] => "peer gave no fingerprint of its certificate (RFC 8122 §5)".to_owned(),
                [first, ..] => format!(
                    "peer gave no fingerprint with sha-256, sha-384 or sha-512, but with {} (RFC 8122 §5)",
                    first.function()
                ),
            };
            return Err(Error::remote(ErrorKind::InvalidSdp, text));
        }
        Ok(Self {
            announced: counted,
            known,
            hosts,
        })
    }

    /// Only names.
    pub(super) fn of_names(hosts: Vec<Host>) -> Self {
        Self {
            announced: Vec::new(),
            known: Arc::default(),
            hosts,
        }
    }

    /// As [`check`](Self::check), with the certificate in the words of a refusal.
    pub(crate) fn judge(&self, certificate: &[u8]) -> Result<(), String> {
        self.check(certificate)
            .map_err(|why| refusal(certificate, &why))
    }

    /// Whether this is the certificate of the one who made the SDP; else what it breaks.
    pub(crate) fn check(&self, certificate: &[u8]) -> Result<(), String> {
        self.check_shown(&Shown::new(certificate))
    }

    /// As [`check`](Self::check), for a certificate that is compared with many.
    pub(crate) fn check_shown(&self, certificate: &Shown<'_>) -> Result<(), String> {
        check_prints(&self.announced, certificate, "the peer's SDP")?;
        check_prints(&self.known, certificate, "tls.fingerprints")?;
        if !self.hosts.is_empty()
            && !certifies(certificate.der, &self.hosts)
            && !mutant::on(Mutant::NamesIgnored)
        {
            let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
            let hosts = cut(hosts.join(" nor "));
            return Err(format!(
                "it does not name {hosts}, where the peer says that it is (RFC 8122 §6.1)"
            ));
        }
        Ok(())
    }
}

/// A certificate that a peer shows, and its digests: each is made once.
pub(crate) struct Shown<'a> {
    der: &'a [u8],
    digests: [OnceCell<Vec<u8>>; KNOWN.len()],
}

impl<'a> Shown<'a> {
    pub(crate) fn new(der: &'a [u8]) -> Self {
        Self {
            der,
            digests: Default::default(),
        }
    }

    fn has(&self, print: &Fingerprint) -> bool {
        let known = KNOWN.iter().position(|known| known == print.function());
        known.is_some_and(|known| {
            let digest = self.digests[known]
                .get_or_init(|| digest(&KNOWN[known], self.der).unwrap_or_default());
            *digest == print.digest() || mutant::on(Mutant::AnyFingerprint)
        })
    }
}

/// Whether a certificate has one of these fingerprints, if there are any.
fn check_prints(prints: &[Fingerprint], certificate: &Shown<'_>, of: &str) -> Result<(), String> {
    let is_one = |print: &Fingerprint| certificate.has(print);
    match prints {
        [] => Ok(()),
        prints if prints.iter().any(is_one) => Ok(()),
        [print] => Err(format!("its fingerprint is not that of {of}, {print}")),
        [first, more @ ..] => Err(format!(
            "its fingerprint is none of those of {of}, {first} and {} more",
            more.len()
        )),
    }
}

/// Whether a certificate has one of the fingerprints of a configuration, if there are any.
pub(super) fn check_known(known: &[Fingerprint], certificate: &[u8]) -> Result<(), String> {
    check_prints(known, &Shown::new(certificate), "tls.fingerprints")
}

/// Whether a hash function can be computed.
pub(super) fn is_known(function: &HashFunction) -> bool {
    KNOWN.contains(function)
}

/// Whether somebody here waits for a peer with this certificate.
pub(crate) type Expected = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Whom somebody is for that connects to us.
pub(crate) enum Guest {
    /// A session; it says who is expected.
    OfSession(Expected),
    /// A relay. Other relays show a certificate that counts; who shows another one, or none, is served as a client
    /// (RFC 4976 §6.1, §9.2).
    OfRelay,
}

/// What is asked of certificates in one handshake.
pub(super) enum Demand {
    /// A server's: a CA and the name; then one of these fingerprints, if there are any.
    Server(Arc<WebPkiServerVerifier>, Arc<[Fingerprint]>),
    /// A client's: a CA; then one of these fingerprints, if there are any.
    Client(Arc<dyn ClientCertVerifier>, Arc<[Fingerprint]>),
    /// The peer of one session.
    Pinned(Arc<Pins>),
    /// The peer of any session that is expected.
    Expected(Expected),
    /// A client's that may be a relay: as `Client`, but one that does not pass is no failure. What is wrong with it
    /// stands in the finding.
    Offered(Option<Arc<dyn ClientCertVerifier>>, Arc<[Fingerprint]>),
    /// Any; a client must show one or not.
    Any { mandatory: bool },
    /// None passes.
    Nobody,
}

/// Judges one handshake's certificates, and remembers why it refused one.
pub(super) struct Judge {
    provider: Arc<CryptoProvider>,
    demand: Demand,
    finding: Arc<Finding>,
}

/// Why a certificate was refused, in words.
#[derive(Debug, Default)]
pub(super) struct Finding(Mutex<Option<String>>);

impl Finding {
    /// What was found, if anything.
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().take()
    }
}

impl Judge {
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        demand: Demand,
        finding: &Arc<Finding>,
    ) -> Arc<Self> {
        Arc::new(Self {
            provider: Arc::clone(provider),
            demand,
            finding: Arc::clone(finding),
        })
    }

    fn refused(&self, certificate: &[u8], why: &str) {
        *self.finding.0.lock() = Some(refusal(certificate, why));
    }

    /// Judges by fingerprints and names of our own. The alert is the `bad_certificate` that RFC 8122 §6.2 wants.
    fn own(&self, certificate: &[u8], checked: Result<(), String>) -> Result<(), TlsError> {
        checked.map_err(|why| {
            self.refused(certificate, &why);
            CertificateError::NotValidForName.into()
        })
    }

    fn webpki<T>(&self, certificate: &[u8], result: Result<T, TlsError>) -> Result<T, TlsError> {
        if let Err(error) = &result {
            self.refused(certificate, &why(error, certificate));
        }
        result
    }

    fn signature(
        &self,
        certificate: &[u8],
        result: Result<HandshakeSignatureValid, TlsError>,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        if let Err(error) = &result {
            self.refused(
                certificate,
                &format!("the peer does not prove that it has its key ({error})"),
            );
        }
        match &self.demand {
            // Then it has shown none.
            Demand::Offered(..) => Ok(HandshakeSignatureValid::assertion()),
            _ => result,
        }
    }

    fn tls12(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        self.signature(cert, verify_tls12_signature(message, cert, dss, known))
    }

    fn tls13(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        self.signature(cert, verify_tls13_signature(message, cert, dss, known))
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }

    /// What does not depend on the role.
    fn judge(&self, certificate: &CertificateDer<'_>) -> Result<(), TlsError> {
        match &self.demand {
            Demand::Server(_, known) | Demand::Client(_, known) => {
                self.own(certificate, check_known(known, certificate))
            }
            Demand::Pinned(pins) => self.own(certificate, pins.check(certificate)),
            Demand::Expected(expected) => {
                let checked = match expected(certificate) {
                    true => Ok(()),
                    false => Err("no session here expects it".to_owned()),
                };
                self.own(certificate, checked)
            }
            Demand::Any { .. } | Demand::Offered(..) => Ok(()),
            Demand::Nobody => self.own(certificate, Err("nobody is trusted".to_owned())),
        }
    }
}

fn refusal(certificate: &[u8], why: &str) -> String {
    format!(
        "the peer's certificate is refused: {why}; it has {}",
        describe(certificate)
    )
}

/// Why webpki refuses a certificate.
fn why(error: &TlsError, certificate: &[u8]) -> String {
    let TlsError::InvalidCertificate(error) = error else {
        return error.to_string();
    };
    let seconds = |time: &UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match error {
        CertificateError::ExpiredContext {
            not_after: until, ..
        } => {
            let until = seconds(until);
            let whose = match not_after(certificate) {
                Some(own) if own == until => "it",
                _ => "a certificate of its chain",
            };
            format!("{whose} expired on {}", date(until))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid before {}", date(seconds(not_before)))
        }
        CertificateError::UnknownIssuer => "no CA that is trusted has signed it".to_owned(),
        CertificateError::NotValidForNameContext { expected, .. } => {
            format!("it is not for {}", shown(expected))
        }
        CertificateError::InvalidPurposeContext { required, .. } => {
            format!("it may not be used for this: its extended key usage lacks {required}")
        }
        CertificateError::BadEncoding => "it cannot be read".to_owned(),
        CertificateError::BadSignature => {
            "it was not signed by the CA that it names, or was changed since".to_owned()
        }
        CertificateError::UnhandledCriticalExtension => {
            "it has a critical extension that is unknown here".to_owned()
        }
        other => other.to_string(),
    }
}

fn shown(name: &ServerName<'_>) -> String {
    match name {
        ServerName::IpAddress(address) => std::net::IpAddr::from(*address).to_string(),
        name => name.to_str().into_owned(),
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if let Demand::Server(webpki, _) = &self.demand {
            let judged = webpki.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            self.webpki(end_entity, judged)?;
        }
        self.judge(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

/// For listeners that ask for certificates. Which session a connection is for is not known before its first request; see
/// `registry`.
impl ClientCertVerifier for Judge {
    fn client_auth_mandatory(&self) -> bool {
        match &self.demand {
            Demand::Client(webpki, _) => webpki.client_auth_mandatory(),
            Demand::Any { mandatory } => *mandatory,
            Demand::Offered(..) => false,
            Demand::Server(..) | Demand::Pinned(_) | Demand::Expected(_) | Demand::Nobody => true,
        }
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match &self.demand {
            Demand::Client(webpki, _) => webpki.root_hint_subjects(),
            _ => &[],
        }
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        match &self.demand {
            Demand::Client(webpki, _) => {
                let judged = webpki.verify_client_cert(end_entity, intermediates, now);
                self.webpki(end_entity, judged)?;
            }
            Demand::Offered(Some(webpki), known) => {
                let judged = webpki.verify_client_cert(end_entity, intermediates, now);
                // What is wrong with it is in the finding, and harms nobody.
                if self.webpki(end_entity, judged).is_ok() {
                    let _ = self.own(end_entity, check_known(known, end_entity));
                }
            }
            Demand::Offered(None, _) => self.refused(end_entity, "no CA is trusted"),
            _ => {}
        }
        self.judge(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
