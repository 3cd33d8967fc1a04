//! `a=fingerprint` (RFC 8122 §5): parsing, printing, and which of several count (§5.1).
//!
//! Whether a certificate matches is found out by the TLS verifier of `net`, which hands in the
//! hash functions it knows and compares octets.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::mutant::{self, Mutant};

/// A hash function by its textual name (RFC 8122 §8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HashFunction {
    /// `sha-1`.
    Sha1,
    /// `sha-224`.
    Sha224,
    /// `sha-256`, which every fingerprint set must have.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
    /// `md5`: recognised, never trusted.
    Md5,
    /// `md2`: recognised, never trusted.
    Md2,
    /// A name that RFC 8122 does not have, in lower case.
    Other(String),
}

impl HashFunction {
    /// The function of this name; case does not count.
    pub fn from_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "sha-1" => Self::Sha1,
            "sha-224" => Self::Sha224,
            "sha-256" => Self::Sha256,
            "sha-384" => Self::Sha384,
            "sha-512" => Self::Sha512,
            "md5" => Self::Md5,
            "md2" => Self::Md2,
            _ => Self::Other(name),
        }
    }

    /// The name as RFC 8122 §5 writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
            Self::Md5 => "md5",
            Self::Md2 => "md2",
            Self::Other(name) => name,
        }
    }

    /// Length of its digest in octets; `None` for a function not known here.
    pub fn digest_len(&self) -> Option<usize> {
        match self {
            Self::Sha1 => Some(20),
            Self::Sha224 => Some(28),
            Self::Sha256 => Some(32),
            Self::Sha384 => Some(48),
            Self::Sha512 => Some(64),
            Self::Md5 | Self::Md2 => Some(16),
            Self::Other(_) => None,
        }
    }

    /// Whether a fingerprint of this function may be made or trusted: known, and neither MD5 nor
    /// MD2 (RFC 8122 §5, MUST NOT).
    pub fn is_trusted(&self) -> bool {
        !matches!(self, Self::Md5 | Self::Md2 | Self::Other(_)) || mutant::on(Mutant::Md5Trusted)
    }
}

impl fmt::Display for HashFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One certificate fingerprint: the hash over the DER form of an end-entity certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    function: HashFunction,
    digest: Vec<u8>,
}

impl Fingerprint {
    /// A fingerprint to put into our own SDP.
    ///
    /// # Errors
    /// `InvalidArgument` if the function is unknown, MD5 or MD2, or if the digest has not its
    /// length.
    pub fn new(function: HashFunction, digest: Vec<u8>) -> Result<Self> {
        if !function.is_trusted() {
            return Err(Error::invalid_argument(format!(
                "fingerprint with {function} cannot be made (RFC 8122 §5)"
            )));
        }
        if function.digest_len() != Some(digest.len()) {
            return Err(Error::invalid_argument(format!(
                "fingerprint with {function} has {} octets (RFC 8122 §5)",
                digest.len()
            )));
        }
        Ok(Self { function, digest })
    }

    /// Reads the value of a `fingerprint` attribute: `HASH SP XX:XX:...`. Case does not count in
    /// either part.
    ///
    /// `Ok(None)` is a fingerprint of an unknown function whose value is not of that form: it
    /// could not be used anyhow, so it is skipped.
    ///
    /// # Errors
    /// What is wrong with the value, in words, if the function is known or the form is not there
    /// at all.
    pub(super) fn parse(value: &str) -> Result<Option<Self>, String> {
        let mut parts = value.split_ascii_whitespace();
        let (Some(name), Some(digits), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err("is not HASH SP XX:XX:... (RFC 8122 §5)".to_owned());
        };
        let function = HashFunction::from_name(name);
        let digest = parse_digest(digits);
        match (function.digest_len(), digest) {
            (None, None) => Ok(None),
            (None, Some(digest)) => Ok(Some(Self { function, digest })),
            (Some(len), Some(digest)) if digest.len() == len => Ok(Some(Self { function, digest })),
            (Some(len), _) => Err(format!(
                "with {function} has not {len} octets in hex (RFC 8122 §5)"
            )),
        }
    }

    /// The hash function.
    pub fn function(&self) -> &HashFunction {
        &self.function
    }

    /// The digest. For an unknown function any length is possible.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Reads `sha-256 AB:CD:...`, as an attribute has it; case does not count.
    ///
    /// # Errors
    /// `InvalidArgument` for another form, a function that is unknown, MD5 or MD2, and a digest that has not its length.
    fn from_str(text: &str) -> Result<Self> {
        let print = Self::parse(text)
            .map_err(|what| Error::invalid_argument(format!("fingerprint {what}")))?;
        let name = || text.split_ascii_whitespace().next().unwrap_or_default();
        match print {
            Some(print) if print.function.is_trusted() => Ok(print),
            _ => Err(Error::invalid_argument(format!(
                "fingerprint with {} cannot be trusted (RFC 8122 §5)",
                HashFunction::from_name(&name().chars().take(32).collect::<String>())
            ))),
        }
    }
}

impl fmt::Display for Fingerprint {
    /// `sha-256 AB:CD:...`, upper-case hex (RFC 8122 §5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.function)?;
        for (index, octet) in self.digest.iter().enumerate() {
            if index > 0 {
                f.write_char(':')?;
            }
            write!(f, "{octet:02X}")?;
        }
        Ok(())
    }
}

/// The fingerprints that count: those of the first function of `known` that occurs at all. A
/// certificate must match one of them; the others may not be fallen back to (RFC 8122 §5.1).
///
/// `known` holds the functions that the caller can compute, most preferred first; functions that
/// may not be trusted are passed over. An empty result means that there is no usable fingerprint.
pub fn preferred_fingerprints<'a>(
    fingerprints: &'a [Fingerprint],
    known: &[HashFunction],
) -> Vec<&'a Fingerprint> {
    let chosen = known
        .iter()
        .filter(|function| function.is_trusted())
        .find(|function| {
            fingerprints
                .iter()
                .any(|print| print.function == **function)
        });
    chosen.map_or_else(Vec::new, |function| {
        fingerprints
            .iter()
            .filter(|print| print.function == *function)
            .collect()
    })
}

fn parse_digest(text: &str) -> Option<Vec<u8>> {
    text.split(':')
        .map(|pair| {
            let &[high, low] = pair.as_bytes() else {
                return None;
            };
            let digit = |c: u8| char::from(c).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    fn hex(octet: u8, len: usize) -> String {
        vec![format!("{octet:02X}"); len].join(":")
    }

    fn parsed(value: &str) -> Fingerprint {
        Fingerprint::parse(value).expect("valid").expect("usable")
    }

    #[test]
    fn rfc8122_5_fingerprint_round_trips_in_upper_case() {
        let text = format!("sha-256 {}", hex(0xAB, 32));
        let print = parsed(&text);
        assert_eq!(print.function(), &HashFunction::Sha256);
        assert_eq!(print.digest(), &[0xAB; 32]);
        assert_eq!(print.to_string(), text);
        assert_eq!(parsed(&text.to_ascii_lowercase()), print);
        assert_eq!(parsed(&text.to_ascii_uppercase()), print);
        let made = Fingerprint::new(HashFunction::Sha256, vec![0xAB; 32]).expect("valid");
        assert_eq!(made, print);
        covers!("S-109");
    }

    #[test]
    fn rfc8122_5_a_known_hash_has_as_many_octets_as_it_has() {
        for value in [
            format!("sha-256 {}", hex(1, 31)),
            format!("sha-1 {}", hex(1, 32)),
            "sha-256 xx".to_owned(),
            "sha-256 +1:02".to_owned(),
            "sha-256".to_owned(),
            String::new(),
            format!("sha-256 {} more", hex(1, 32)),
        ] {
            assert!(Fingerprint::parse(&value).is_err(), "{value}");
        }
        assert_eq!(Fingerprint::parse("foo not-hex"), Ok(None));
        assert_eq!(
            parsed("foo 00").function(),
            &HashFunction::Other("foo".to_owned())
        );
        covers!("S-109");
    }

    #[test]
    fn rfc8122_5_md5_and_md2_are_neither_made_nor_trusted() {
        let md5 = parsed(&format!("md5 {}", hex(1, 16)));
        let md2 = parsed(&format!("MD2 {}", hex(1, 16)));
        let known = [HashFunction::Md5, HashFunction::Md2, HashFunction::Sha256];
        assert!(preferred_fingerprints(&[md5, md2], &known).is_empty());
        assert!(Fingerprint::new(HashFunction::Md5, vec![1; 16]).is_err());
        assert!(Fingerprint::new(HashFunction::Other("foo".to_owned()), vec![1]).is_err());
        assert!(Fingerprint::new(HashFunction::Sha1, vec![1; 32]).is_err());
        covers!("S-111");
    }

    #[test]
    fn fingerprints_of_the_host_are_sound_and_trusted() {
        let text = format!("sha-512 {}", hex(0xAB, 64));
        let print: Fingerprint = text.to_lowercase().parse().expect("sound");
        assert_eq!(print.to_string(), text);
        for wrong in [
            String::new(),
            "sha-256".to_owned(),
            "sha-256 AB".to_owned(),
            "sha3-256 xx".to_owned(),
            format!("sha3-256 {}", hex(1, 32)),
            format!("md5 {}", hex(1, 16)),
            format!("{} 00", "x".repeat(1000)),
        ] {
            let error = wrong.parse::<Fingerprint>().expect_err(&wrong);
            assert!(error.context.starts_with("fingerprint "), "{error}");
            assert!(error.context.len() < 100, "{error}");
        }
    }

    #[test]
    fn rfc8122_5_1_only_the_most_preferred_known_function_counts() {
        let sha1 = parsed(&format!("sha-1 {}", hex(1, 20)));
        let sha256 = parsed(&format!("sha-256 {}", hex(2, 32)));
        let second = parsed(&format!("sha-256 {}", hex(3, 32)));
        let unknown = parsed("foo 00");
        let all = [unknown, sha1.clone(), sha256.clone(), second.clone()];
        let known = [
            HashFunction::Sha512,
            HashFunction::Sha256,
            HashFunction::Sha1,
        ];
        assert_eq!(preferred_fingerprints(&all, &known), [&sha256, &second]);
        assert_eq!(preferred_fingerprints(&all[..2], &known), [&sha1]);
        assert!(preferred_fingerprints(&all[..1], &known).is_empty());
        covers!("S-112");
    }
}
