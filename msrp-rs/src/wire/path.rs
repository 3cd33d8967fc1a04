//! Lists of URIs: To-Path, From-Path (RFC 4975 §7.1), Use-Path (RFC 4976 §4.2) and the SDP
//! attribute `path` (RFC 4975 §8.2).
//!
//! Who puts which URI where is decided in `proto`.

use std::fmt;
use std::str::FromStr;

use memchr::memchr2;

use super::token::is_blank;
use super::{Fault, FaultKind, Uri};
use crate::error::{Error, ErrorKind, Result};

/// One or more URIs; the leftmost is the adjacent hop (RFC 4975 §8.2).
///
/// `Display` gives the texts as they came with one SP between them; `Debug` cuts the session-ids.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UriPath {
    /// Never empty.
    uris: Vec<Uri>,
}

impl UriPath {
    /// Reads a path; runs of SP and HTAB separate URIs and may stand at both ends.
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`; of kind [`FaultKind::Limit`] if
    /// there are more than `max_uris` URIs.
    pub fn parse(text: &[u8], max_uris: usize) -> Result<Self, Fault> {
        let mut uris = Vec::new();
        for (at, word) in words(text) {
            if uris.len() == max_uris {
                return Err(Fault::new(
                    FaultKind::Limit,
                    at,
                    format!("expected at most {max_uris} URIs in a path"),
                ));
            }
            uris.push(parse_uri(at, word)?);
        }
        if uris.is_empty() {
            return Err(Fault::grammar(text.len(), "expected a URI"));
        }
        Ok(Self { uris })
    }

    /// Reads the leftmost URI of a path and leaves the rest unread: enough to find the session.
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`.
    pub fn parse_first(text: &[u8]) -> Result<Uri, Fault> {
        let (at, word) = words(text)
            .next()
            .ok_or_else(|| Fault::grammar(text.len(), "expected a URI"))?;
        parse_uri(at, word)
    }

    /// The leftmost URI: the adjacent hop.
    pub fn first(&self) -> &Uri {
        &self.uris[0]
    }

    /// The rightmost URI: the far endpoint.
    pub fn last(&self) -> &Uri {
        &self.uris[self.uris.len() - 1]
    }

    /// How many URIs there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a path is never empty")]
    pub fn len(&self) -> usize {
        self.uris.len()
    }

    /// The URIs from left to right.
    pub fn iter(&self) -> std::slice::Iter<'_, Uri> {
        self.uris.iter()
    }

    /// The URIs from left to right.
    pub fn as_slice(&self) -> &[Uri] {
        &self.uris
    }

    /// This path followed by `next`: for the own relays and then the peer's path (RFC 4976 §5.1).
    #[must_use]
    pub fn followed_by(&self, next: &Self) -> Self {
        Self {
            uris: self.uris.iter().chain(&next.uris).cloned().collect(),
        }
    }

    /// The URIs from right to left. Needed in two places only: from Use-Path to the SDP path, and
    /// from the From-Path of an AUTH to Use-Path (RFC 4976 §5.1, §6.3).
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            uris: self.uris.iter().rev().cloned().collect(),
        }
    }

    /// The path without its leftmost URI; `None` if that was the only one.
    #[must_use]
    pub fn without_first(&self) -> Option<Self> {
        Self::try_from(self.uris[1..].to_vec()).ok()
    }
}

impl From<Uri> for UriPath {
    fn from(uri: Uri) -> Self {
        Self { uris: vec![uri] }
    }
}

impl TryFrom<Vec<Uri>> for UriPath {
    type Error = Error;

    /// Fails with [`ErrorKind::InvalidUri`] if `uris` is empty.
    fn try_from(uris: Vec<Uri>) -> Result<Self> {
        if uris.is_empty() {
            return Err(Error::local(ErrorKind::InvalidUri, "a path needs a URI"));
        }
        Ok(Self { uris })
    }
}

impl FromStr for UriPath {
    type Err = Error;

    /// As [`UriPath::parse`] without a bound, for text from a caller: the error is
    /// [`ErrorKind::InvalidUri`].
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text.as_bytes(), usize::MAX)
            .map_err(|fault| fault.into_error(ErrorKind::InvalidUri, "path"))
    }
}

impl<'a> IntoIterator for &'a UriPath {
    type Item = &'a Uri;
    type IntoIter = std::slice::Iter<'a, Uri>;

    fn into_iter(self) -> Self::IntoIter {
        self.uris.iter()
    }
}

impl fmt::Display for UriPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.first().as_str())?;
        self.uris[1..]
            .iter()
            .try_for_each(|uri| write!(f, " {uri}"))
    }
}

impl fmt::Debug for UriPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UriPath")?;
        f.debug_list()
            .entries(self.uris.iter().map(Uri::redacted))
            .finish()
    }
}

/// The words of `text` between runs of blanks, each with its place.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(|octet| !is_blank(*octet))?;
        let len = memchr2(b' ', b'\t', &text[start..]);
        at = len.map_or(text.len(), |len| start + len);
        Some((start, &text[start..at]))
    })
}

fn parse_uri(at: usize, word: &[u8]) -> Result<Uri, Fault> {
    std::str::from_utf8(word)
        .map_err(|error| {
            Fault::grammar(error.valid_up_to(), "expected visible US-ASCII in the URI")
        })
        .and_then(Uri::parse)
        .map_err(|fault| fault.shifted(at as u64))
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    const A: &str = "msrp://a.example:2855/aaaaaaaaaa;tcp";
    const B: &str = "msrps://b.example:2855/bbbbbbbbbb;tcp";

    fn path(text: &str) -> UriPath {
        UriPath::parse(text.as_bytes(), 64).unwrap()
    }

    #[test]
    fn runs_of_blanks_separate_and_one_sp_is_written() {
        for text in [
            format!("{A} {B}"),
            format!(" {A}  \t{B} "),
            format!("{A}\t{B}\t"),
        ] {
            let path = path(&text);
            assert_eq!(path.len(), 2);
            assert_eq!(path.to_string(), format!("{A} {B}"));
            assert_eq!((path.first().as_str(), path.last().as_str()), (A, B));
        }
        covers!("C-039", "S-021");
    }

    #[test]
    fn an_empty_path_is_a_fault() {
        for text in ["", " ", "\t "] {
            assert_eq!(
                UriPath::parse(text.as_bytes(), 64).unwrap_err().kind(),
                FaultKind::Grammar
            );
            assert!(UriPath::parse_first(text.as_bytes()).is_err());
        }
        assert!(UriPath::try_from(vec![]).is_err());
        covers!("C-039");
    }

    #[test]
    fn the_number_of_uris_is_bounded() {
        let text = vec![A; 64].join(" ");
        assert_eq!(path(&text).len(), 64);
        let fault = UriPath::parse(format!("{text} {B}").as_bytes(), 64).unwrap_err();
        assert_eq!(
            (fault.kind(), fault.offset()),
            (FaultKind::Limit, text.len() as u64 + 1)
        );
        covers!("C-063");
    }

    #[test]
    fn a_fault_in_a_later_uri_has_its_offset_in_the_path() {
        let fault = UriPath::parse(format!("{A} msrp://h:1/s").as_bytes(), 64).unwrap_err();
        assert_eq!(fault.offset(), A.len() as u64 + 1 + 12);
        let fault = UriPath::parse(b"msrp://h:1/s;tcp \xff", 64).unwrap_err();
        assert_eq!(fault.offset(), 17);
    }

    #[test]
    fn parts_and_sums() {
        let (a, b) = (path(A), path(B));
        let both = a.followed_by(&b);
        assert_eq!(both, path(&format!("{A} {B}")));
        assert_eq!(both.reversed(), b.followed_by(&a));
        assert_eq!(both.without_first(), Some(b));
        assert_eq!(a.without_first(), None);
        assert_eq!(
            UriPath::parse_first(format!(" {A} rest").as_bytes())
                .unwrap()
                .as_str(),
            A
        );
        assert_eq!(UriPath::from(A.parse::<Uri>().unwrap()), a);
        assert_eq!(both.iter().count(), 2);
        assert_eq!(
            format!("{both:?}"),
            "UriPath[msrp://a.example:2855/aaaa…;tcp, msrps://b.example:2855/bbbb…;tcp]"
        );
    }
}
