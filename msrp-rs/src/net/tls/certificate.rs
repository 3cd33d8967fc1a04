//! What is read from certificates: for hosts, for error texts, for fingerprints, and for exact comparisons of names.
//!
//! Whether a certificate is *trusted* is found out by webpki alone (see `verify`); what is read here is shown, or asked
//! for in addition. Certificates come from peers: texts are escaped and cut, and the work is bounded by their length,
//! which rustls holds below 64 KiB.

use std::fmt::Write as _;
use std::net::IpAddr;

use bytes::Bytes;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer;
use x509_parser::signature_algorithm::SignatureAlgorithm;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use crate::net::log::is_unsafe;
use crate::sdp::{Fingerprint, HashFunction};
use crate::wire::Host;

/// Most characters of one name in a text.
const NAME: usize = 200;
/// Most octets of what one part of a certificate says in a text.
const TEXT: usize = 800;
/// A signature whose parameters name its hash function (RFC 4055 §3.1).
const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";
/// Most names of a certificate in a text.
const NAMES: usize = 8;
/// Most octets of a name in the DNS (RFC 1035 §2.3.4).
const DNS_NAME: usize = 253;

/// What the peer of a session has shown, and what of it was proven.
///
/// Subject, issuer and names are the certificate's own words; without a proof they are claims. In them what is no
/// printable character is escaped, and long ones are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCertificate {
    /// The certificate, DER.
    pub der: Bytes,
    /// The subject, as in `CN=alice.example, O=Example`; empty if it has none.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// The names for which it was issued (subjectAltName): `DNS:alice.example`, `IP:192.0.2.1`,
    /// `URI:im:alice@example.com`, `email:alice@example.com`.
    pub names: Vec<String>,
    /// From when it is valid, in seconds since 1970, UTC.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// Its SHA-256 fingerprint, as an SDP would have it.
    pub fingerprint: Fingerprint,
    /// What proves it.
    pub proof: PeerProof,
}

/// What proves the certificate of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerProof {
    /// A trusted CA has signed it, and it names the peer's host (RFC 4975 §5.4).
    CaAndName,
    /// A trusted CA has signed it. For which peer was not asked: it connected to us
    /// ([`ClientAuth`](super::config::ClientAuth)).
    Ca,
    /// A fingerprint: of the peer's SDP (RFC 4975 §14.4), of the configuration, or of both.
    Fingerprint,
    /// Nothing: [`TlsVerify::None`](super::config::TlsVerify::None).
    Nothing,
}

impl PeerCertificate {
    /// What this certificate says.
    pub(crate) fn read(der: &[u8], proof: PeerProof) -> Self {
        let certificate = parse(der);
        let certificate = certificate.as_ref();
        let name = |of: fn(&X509Certificate<'_>) -> String| certificate.map(of).unwrap_or_default();
        let date = |of: fn(&X509Certificate<'_>) -> i64| certificate.map_or(0, of);
        Self {
            der: Bytes::copy_from_slice(der),
            subject: name(|certificate| distinguished(certificate.subject())),
            issuer: name(|certificate| distinguished(certificate.issuer())),
            names: certificate.map(names).unwrap_or_default(),
            not_before: date(|certificate| certificate.validity().not_before.timestamp()),
            not_after: date(|certificate| certificate.validity().not_after.timestamp()),
            fingerprint: sha256(der),
            proof,
        }
    }
}

/// A certificate in words, for errors and logs: subject, issuer, names, dates, fingerprint; at most 3 KiB. URIs are left
/// out: they may be those of sessions.
pub(super) fn describe(der: &[u8]) -> String {
    let fingerprint = sha256(der);
    let Some(certificate) = parse(der) else {
        return format!(
            "{} octets that are no X.509 certificate, {fingerprint}",
            der.len()
        );
    };
    let name = |name: &X509Name<'_>| cut(distinguished(name));
    let mut text = format!(
        "subject \"{}\", issuer \"{}\"",
        name(certificate.subject()),
        name(certificate.issuer()),
    );
    let names: Vec<String> = names(&certificate)
        .into_iter()
        .filter(|name| !name.starts_with("URI:"))
        .collect();
    if !names.is_empty() {
        text.push_str(", for ");
        text.push_str(&cut(names[..names.len().min(NAMES)].join(", ")));
        if names.len() > NAMES {
            let _ = write!(text, " and {} more", names.len() - NAMES);
        }
    }
    let validity = certificate.validity();
    let _ = write!(
        text,
        ", valid from {} to {}, {fingerprint}",
        date(validity.not_before.timestamp()),
        date(validity.not_after.timestamp()),
    );
    text
}

/// At most `TEXT` octets of a text.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > TEXT {
        text.truncate(text.floor_char_boundary(TEXT - '…'.len_utf8()));
        text.push('…');
    }
    text
}

/// A time in the form of RFC 3339.
pub(super) fn date(seconds: i64) -> String {
    let Ok(time) = ASN1Time::from_timestamp(seconds) else {
        return format!("{seconds} s since 1970");
    };
    let time = time.to_datetime();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// When the validity of a certificate ends.
pub(super) fn not_after(der: &[u8]) -> Option<i64> {
    Some(parse(der)?.validity().not_after.timestamp())
}

/// Whether a certificate names one of these hosts: a dNSName or an iPAddress that is exactly it, no wildcard (RFC 8122
/// §6.1).
pub(super) fn certifies(der: &[u8], hosts: &[Host]) -> bool {
    let Some(certificate) = parse(der) else {
        return false;
    };
    let Some(alternatives) = alternatives(&certificate) else {
        return false;
    };
    let mut named = alternatives.iter().filter_map(host);
    named.any(|host| hosts.contains(&host))
}

/// The hash function of a certificate's own signature, as far as a fingerprint can be made with it (RFC 8122 §5.1).
/// `None` for signatures that have no hash function of their own, as Ed25519.
pub(super) fn signature_hash(der: &[u8]) -> Option<HashFunction> {
    let certificate = parse(der)?;
    let oid = certificate.signature_algorithm.algorithm.to_id_string();
    // Only of this one: others that are unknown are printed to standard error.
    let oid = match oid.as_str() {
        RSASSA_PSS => match SignatureAlgorithm::try_from(&certificate.signature_algorithm) {
            Ok(SignatureAlgorithm::RSASSA_PSS(params)) => {
                params.hash_algorithm_oid().to_id_string()
            }
            _ => return None,
        },
        _ => oid,
    };
    Some(match oid.as_str() {
        // With ECDSA, with RSA, and as the parameter of RSASSA-PSS.
        "1.2.840.10045.4.3.2" | "1.2.840.113549.1.1.11" | "2.16.840.1.101.3.4.2.1" => {
            HashFunction::Sha256
        }
        "1.2.840.10045.4.3.3" | "1.2.840.113549.1.1.12" | "2.16.840.1.101.3.4.2.2" => {
            HashFunction::Sha384
        }
        "1.2.840.10045.4.3.4" | "1.2.840.113549.1.1.13" | "2.16.840.1.101.3.4.2.3" => {
            HashFunction::Sha512
        }
        "1.2.840.10045.4.3.1" | "1.2.840.113549.1.1.14" | "2.16.840.1.101.3.4.2.4" => {
            HashFunction::Sha224
        }
        "1.2.840.10045.4.1" | "1.2.840.113549.1.1.5" | "1.3.14.3.2.26" => HashFunction::Sha1,
        "1.2.840.113549.1.1.4" => HashFunction::Md5,
        "1.2.840.113549.1.1.2" => HashFunction::Md2,
        _ => return None,
    })
}

/// The digest of a certificate; `None` for a function that is not known here, or too weak (RFC 8122 §5).
pub(super) fn digest(function: &HashFunction, der: &[u8]) -> Option<Vec<u8>> {
    Some(match function {
        HashFunction::Sha256 => Sha256::digest(der).to_vec(),
        HashFunction::Sha384 => Sha384::digest(der).to_vec(),
        HashFunction::Sha512 => Sha512::digest(der).to_vec(),
        _ => return None,
    })
}

fn sha256(der: &[u8]) -> Fingerprint {
    Fingerprint::new(HashFunction::Sha256, Sha256::digest(der).to_vec())
        .expect("a digest has the length of its function")
}

/// The hosts that a certificate names: each dNSName that is one host's, and each iPAddress, in their order.
pub(crate) fn hosts(der: &[u8]) -> Vec<Host> {
    let Some(certificate) = parse(der) else {
        return Vec::new();
    };
    let alternatives = alternatives(&certificate).into_iter().flatten();
    alternatives.filter_map(host).collect()
}

/// The host of a name in a certificate, if it is one: no wildcard, and no address that stands where names do.
fn host(name: &GeneralName<'_>) -> Option<Host> {
    match name {
        GeneralName::DNSName(name) => {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let is_name = (1..=DNS_NAME).contains(&name.len()) && name.chars().all(is_part);
            let host = Host::parse(name).ok().filter(|_| is_name)?;
            host.ip().is_none().then_some(host)
        }
        GeneralName::IPAddress(octets) => address(octets).map(Host::from),
        _ => None,
    }
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate)
}

fn alternatives<'a>(certificate: &'a X509Certificate<'a>) -> Option<&'a Vec<GeneralName<'a>>> {
    let extension = certificate.subject_alternative_name().ok()??;
    Some(&extension.value.general_names)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Some(alternatives) = alternatives(certificate) else {
        return Vec::new();
    };
    let shown = |kind: &str, name: &str| {
        let mut text = format!("{kind}:");
        push(&mut text, name, "");
        text
    };
    alternatives
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(shown("DNS", name)),
            GeneralName::URI(uri) => Some(shown("URI", uri)),
            GeneralName::RFC822Name(name) => Some(shown("email", name)),
            GeneralName::IPAddress(octets) => Some(format!("IP:{}", address(octets)?)),
            _ => None,
        })
        .collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(octets.into());
    }
    <[u8; 16]>::try_from(octets).ok().map(IpAddr::from)
}

/// A distinguished name as `CN=alice.example, O=Example`; what would look like a further attribute is escaped (RFC 4514
/// §2.4).
fn distinguished(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for attribute in name.iter_attributes() {
        if text.len() >= NAME {
            text.push('…');
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        let kind = attribute.attr_type();
        match oid2abbrev(kind, oid_registry()) {
            Ok(abbreviation) => text.push_str(abbreviation),
            Err(_) => push(&mut text, &kind.to_id_string(), ""),
        }
        text.push('=');
        match attribute.as_str() {
            Ok(value) => push(&mut text, value, ",+\"\\<>;"),
            Err(_) => {
                text.push('#');
                for octet in attribute.as_slice().iter().take(NAME / 4) {
                    let _ = write!(text, "{octet:02X}");
                }
            }
        }
    }
    text
}

/// Adds at most `NAME` characters of what somebody claims, escaped.
fn push(text: &mut String, claim: &str, special: &str) {
    for (index, c) in claim.chars().enumerate() {
        if index >= NAME {
            text.push('…');
            return;
        }
        if is_unsafe(c) {
            text.extend(c.escape_default());
        } else {
            if special.contains(c) {
                text.push('\\');
            }
            text.push(c);
        }
    }
}
