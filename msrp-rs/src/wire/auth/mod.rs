//! Values of WWW-Authenticate, Authorization and Authentication-Info (RFC 4976 §7, §9.1; RFC 2617 §3.2, RFC 7616 §3).
//!
//! Only the scheme Digest, only with `qop=auth`. Reading is lenient in quotes, blanks, order and unknown parameters;
//! what is written has the quotes and the order of the RFC's examples. What a digest is made of, and what follows from
//! one, is `proto::auth`'s business. No `Debug` here shows a value.

mod challenge;
mod credentials;
mod info;
mod params;

use std::fmt;

pub use challenge::Challenge;
pub use credentials::Credentials;
pub use info::AuthenticationInfo;

/// A hash function of digest authentication (RFC 2617 §3.2.1, RFC 7616 §3.3). The `-sess` forms are banned from MSRP
/// (RFC 4976 §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// `MD5`, which every peer knows; also meant where no algorithm is named.
    Md5,
    /// `SHA-256` (RFC 7616).
    Sha256,
}

impl Algorithm {
    /// The algorithm that a token names, whatever its case.
    pub fn parse(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(token))
    }

    /// The token on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Octets of a digest: 16 or 32. In text it has twice as many hex digits.
    pub fn digest_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha256 => 32,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The only quality of protection that MSRP has (RFC 4976 §9.1).
const QOP: &str = "auth";

/// Whether `text` is lower-case hex digits alone.
fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
}

/// Reads a nonce count: exactly eight lower-case hex digits.
fn parse_nc(text: &str) -> Option<u32> {
    (text.len() == 8 && is_lower_hex(text))
        .then(|| u32::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
