//! Certificates made here: signed by themselves, for peers that know them by the fingerprint in an SDP (RFC 4975
//! §14.4, RFC 8122), with the names of RFC 8591 §8.4.
//!
//! What a configuration does with a certificate is the business of `trust` and of `net::tls`.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::client::verify_server_name;
use rustls::pki_types::{DnsName, ServerName};
use rustls::server::ParsedCertificate;

use super::options::{PemSource, TlsConfig, TlsVerify};
use crate::error::{Error, ErrorKind, Result};
use crate::net::tls::certificate::{PeerCertificate, PeerProof};
use crate::net::tls::{self, Tls};
use crate::sdp::{Fingerprint, HashFunction};

/// A certificate and its key, as PEM.
///
/// ```
/// use msrp::{Identity, SelfSigned};
///
/// # fn main() -> msrp::Result<()> {
/// let alice = Identity::self_signed(["alice.example.com", "im:alice@example.com"], &SelfSigned::default())?;
/// assert!(alice.cert_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// // The key is not shown.
/// assert!(!format!("{alice:?}").contains("PRIVATE"));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    cert_pem: String,
    key_pem: String,
}

/// How a certificate is made that signs itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSigned {
    /// Days from now until it ends, 1 to 36,500. Default 365. It is valid from a day ago: clocks differ. A peer that
    /// goes by the fingerprint does not look at dates.
    pub days: u32,
}

impl Default for SelfSigned {
    fn default() -> Self {
        Self { days: 365 }
    }
}

impl Identity {
    /// Makes a certificate that is signed by its own key: ECDSA on P-256 with SHA-256, a random serial number, and
    /// these names as SubjectAltName. The first is its subject, too.
    ///
    /// A name is a host name, an IP address, or the URI of a user, such as `im:alice@example.com` or
    /// `sip:alice@example.com` (RFC 4975 §14.4). MSRP URIs name sessions, not users, and do not belong there (RFC 8591
    /// §8.4). Without a name it is [anonymous](Self::anonymous).
    ///
    /// Takes well under a millisecond. Keep the result where a peer shall see the same fingerprint again (RFC 6714
    /// §7.7); make one for each session where it shall not.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that is none of these, more than 100 names, and days out of their range; `Tls` if
    /// the operating system gives no random octets.
    pub fn self_signed<N: AsRef<str>>(
        names: impl IntoIterator<Item = N>,
        options: &SelfSigned,
    ) -> Result<Self> {
        if !(1..=MOST_DAYS).contains(&options.days) {
            return Err(Error::invalid_argument(format!(
                "certificate: {} days, not 1 to {MOST_DAYS}",
                options.days
            )));
        }
        let mut subject = None;
        let mut alternatives = Vec::new();
        for name in names {
            if alternatives.len() == MOST_NAMES {
                return Err(Error::invalid_argument(format!(
                    "certificate: more than {MOST_NAMES} names"
                )));
            }
            alternatives.push(alternative(name.as_ref())?);
            subject.get_or_insert_with(|| name.as_ref().to_owned());
        }
        if alternatives.is_empty() {
            alternatives.push(alternative(ANONYMOUS)?);
        }
        // A common name has at most 64 characters (RFC 5280, appendix A.1).
        let subject = subject.filter(|name| name.len() <= 64);
        make(
            subject.as_deref().unwrap_or(ANONYMOUS),
            alternatives,
            options.days,
        )
    }

    /// Makes a certificate that tells nothing: its only name is `anonymous.invalid`. For a session whose user stays
    /// unknown, and for that session alone: with a second one the two could be told to be of the same user (RFC 4975
    /// §14.4).
    ///
    /// # Errors
    /// `Tls` if the operating system gives no random octets.
    pub fn anonymous() -> Result<Self> {
        Self::self_signed([ANONYMOUS], &SelfSigned::default())
    }

    /// What an SDP says of the certificate (RFC 8122 §5); `Display` writes it as an attribute has it. The engine puts
    /// it there by itself.
    ///
    /// # Errors
    /// `InvalidArgument` for a function that is weak or not known here.
    pub fn fingerprint(&self, function: &HashFunction) -> Result<Fingerprint> {
        tls::fingerprint(&PemSource::Text(self.cert_pem.clone().into()), function)
    }

    /// The certificate, PEM.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// Its private key, PEM of PKCS #8, without a password. Who has it can speak for this identity.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("cert_pem", &self.cert_pem)
            .finish_non_exhaustive()
    }
}

/// A certificate of our own whose peers go by fingerprints: a configuration with both is all that a session needs where
/// no CA is.
impl From<Identity> for TlsConfig {
    fn from(identity: Identity) -> Self {
        Self {
            cert: Some(PemSource::Text(identity.cert_pem.into_bytes())),
            key: Some(PemSource::Text(identity.key_pem.into_bytes())),
            verify: TlsVerify::Fingerprint,
            ..Self::default()
        }
    }
}

impl TlsConfig {
    /// A configuration with a certificate that is made now, for peers that know it by its fingerprint; see
    /// [`Identity::self_signed`].
    ///
    /// # Errors
    /// As there.
    pub fn self_signed<N: AsRef<str>>(
        names: impl IntoIterator<Item = N>,
        options: &SelfSigned,
    ) -> Result<Self> {
        Identity::self_signed(names, options).map(Self::from)
    }

    /// The fingerprint of our own certificate, for hosts that write their SDP themselves; `None` without one. A file is
    /// read now.
    ///
    /// # Errors
    /// `InvalidArgument` for a function that is weak or not known here, a file that cannot be read, and PEM without a
    /// certificate.
    pub fn fingerprint(&self, function: &HashFunction) -> Result<Option<Fingerprint>> {
        self.cert
            .as_ref()
            .map(|cert| tls::fingerprint(cert, function))
            .transpose()
    }

    /// Reads everything now, as a listener does when it is made, and says what our own certificate is: for programs
    /// that judge a configuration before they use it. `None` without a certificate. Its proof says nothing.
    ///
    /// # Errors
    /// What would be wrong with a listener: `InvalidArgument` naming the option and the file, `Tls` if the system's CAs
    /// cannot be read. It reads files: call it where blocking is allowed.
    pub fn certificate(&self) -> Result<Option<PeerCertificate>> {
        let leaf = Tls::new(self)?.leaf();
        Ok(leaf.map(|der| PeerCertificate::read(&der, PeerProof::Nothing)))
    }

    /// Whether a peer that connects to `host`, a name or an address, finds it in our own certificate, wildcards
    /// included (RFC 4975 §5.4). Whether it trusts the CA and the dates is another question. No without a certificate.
    ///
    /// # Errors
    /// As [`certificate`](Self::certificate); `InvalidArgument` if `host` is neither a name nor an address.
    pub fn certifies(&self, host: &str) -> Result<bool> {
        let name = ServerName::try_from(host).map_err(|_| {
            Error::invalid_argument(format!("\"{host}\" is no host name and no address"))
        })?;
        let Some(leaf) = Tls::new(self)?.leaf() else {
            return Ok(false);
        };
        let parsed = ParsedCertificate::try_from(&leaf);
        Ok(parsed.is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok()))
    }
}

/// A name as SubjectAltName.
fn alternative(name: &str) -> Result<SanType> {
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    if let Ok(address) = address.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    if let Some((scheme, rest)) = name.split_once(':') {
        if scheme.eq_ignore_ascii_case("msrp") || scheme.eq_ignore_ascii_case("msrps") {
            return Err(Error::invalid_argument(
                "certificate: an MSRP URI names a session and does not belong into SubjectAltName (RFC 8591 §8.4)",
            ));
        }
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet));
        let is_uri = is_scheme && !rest.is_empty() && rest.bytes().all(|o| o.is_ascii_graphic());
        return match Ia5String::try_from(name) {
            Ok(uri) if is_uri && name.len() <= MOST_URI_LEN => Ok(SanType::URI(uri)),
            _ => Err(not_a_name(name)),
        };
    }
    match (DnsName::try_from(name), Ia5String::try_from(name)) {
        (Ok(_), Ok(host)) => Ok(SanType::DnsName(host)),
        _ => Err(not_a_name(name)),
    }
}

fn not_a_name(name: &str) -> Error {
    let shown: String = name.chars().take(64).collect();
    Error::invalid_argument(format!(
        "certificate: {shown:?} is no host name, address, or URI of a user"
    ))
}

fn make(subject: &str, alternatives: Vec<SanType>, days: u32) -> Result<Identity> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial)
        .map_err(|error| impossible(format_args!("no random octets: {error}")))?;
    // Positive, and of full length (RFC 5280 §4.1.2.2).
    serial[0] = serial[0] & 0x7F | 0x40;
    let mut params = CertificateParams::default();
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.subject_alt_names = alternatives;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(impossible)?;
    let certificate = params.self_signed(&key).map_err(impossible)?;
    Ok(Identity {
        cert_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
    })
}

fn impossible(error: impl fmt::Display) -> Error {
    Error::local(ErrorKind::Tls, format!("certificate: {error}"))
}

/// The subject of a certificate that names nobody (after RFC 3323 §4.1.1.3).
const ANONYMOUS: &str = "anonymous.invalid";

/// A hundred years: the end has to be before the year 10,000.
const MOST_DAYS: u32 = 36_500;

/// Names of one certificate.
const MOST_NAMES: usize = 100;

/// Octets of one URI.
const MOST_URI_LEN: usize = 1024;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
