//! The scan of an outgoing body for the end-line of its own chunk (RFC 4975 §7.1): a body must not
//! hold the seven hyphens and the transaction id of its chunk, with or without CRLF around them.
//!
//! What to do on a hit (end the chunk and go on under a new id, or choose another id) is decided in
//! `proto::chunk`. The search for the end of a received body is the parser's.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::TransactionId;
use super::end_line::HYPHENS;
use super::ident::MAX_IDENT_LEN;
use super::work::examined;
use crate::mutant::{self, Mutant};

/// One search for all transactions, so that no chunk pays for building its own.
static HYPHENS_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(HYPHENS));

const MAX_PATTERN_LEN: usize = HYPHENS.len() + MAX_IDENT_LEN;

/// Looks for one chunk's end-line in its body, which comes slice by slice.
///
/// The state across slices is how much of hyphens + transaction id the octets so far end with. Each
/// octet is searched once, and once more at most by a comparison that failed on it.
///
/// A scanner belongs to one chunk: make a new one for each transaction id, at the chunk's first octet
/// of body. What stands before the body or after it needs no scan.
#[derive(Debug, Clone)]
pub struct EndLineScanner {
    /// Hyphens, then the transaction id.
    pattern: [u8; MAX_PATTERN_LEN],
    len: usize,
    /// Octets of the pattern that the scanned octets end with.
    matched: usize,
    /// For each number of matched octets beyond the hyphens, to how many a mismatch falls back. Only
    /// for a transaction id with a hyphen in it; in others a mismatch starts anew.
    fallback: Option<Box<[usize; MAX_PATTERN_LEN]>>,
}

impl EndLineScanner {
    /// A scanner for the chunk with this transaction id.
    pub fn new(transaction_id: &TransactionId) -> Self {
        let id = transaction_id.as_bytes();
        let len = HYPHENS.len() + id.len();
        let mut pattern = [0; MAX_PATTERN_LEN];
        pattern[..HYPHENS.len()].copy_from_slice(HYPHENS);
        pattern[HYPHENS.len()..len].copy_from_slice(id);
        let fallback = id
            .contains(&b'-')
            .then(|| Box::new(fallbacks(&pattern[..len])));
        Self {
            pattern,
            len,
            matched: 0,
            fallback,
        }
    }

    /// Scans the next slice of the body. Gives the place in it of the octet that would complete
    /// hyphens + transaction id: the chunk has to end before that octet, which is then the first of
    /// the next chunk. May be 0, if earlier slices end with all but the last octet.
    ///
    /// After a hit the scanner is back at its start, as if nothing had been scanned. That is only
    /// good for throwing it away: the next chunk has another transaction id.
    pub fn scan(&mut self, slice: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < slice.len() {
            if self.matched == 0 {
                let Some(found) = HYPHENS_FINDER.find(&slice[at..]) else {
                    examined(slice.len() - at);
                    self.matched = trailing_hyphens(&slice[at..]);
                    return None;
                };
                examined(found + HYPHENS.len());
                at += found + HYPHENS.len();
                self.matched = HYPHENS.len();
                continue;
            }
            let octet = slice[at];
            examined(1);
            if octet == self.pattern[self.matched] {
                self.matched += 1;
                if self.matched == self.len {
                    self.matched = 0;
                    if !mutant::on(Mutant::OwnEndLineMissed) {
                        return Some(at);
                    }
                }
                at += 1;
            } else if octet == b'-' && self.matched == HYPHENS.len() {
                // The eighth hyphen of a run: the last seven still count.
                at += 1;
            } else {
                // The octet is looked at again with fewer octets matched.
                self.matched = self
                    .fallback
                    .as_ref()
                    .map_or(0, |fallback| fallback[self.matched]);
            }
        }
        None
    }

    /// Whether `body` holds hyphens and `transaction_id`. For a chunk whose body is at hand as a
    /// whole, before its head is written.
    pub fn contains(transaction_id: &TransactionId, body: &[u8]) -> bool {
        // Most bodies have no such hyphens, and need no scanner.
        if HYPHENS_FINDER.find(body).is_none() {
            examined(body.len());
            return false;
        }
        Self::new(transaction_id).scan(body).is_some()
    }
}

/// For each length of a start of `pattern`, the length of its longest other start that it ends with.
fn fallbacks(pattern: &[u8]) -> [usize; MAX_PATTERN_LEN] {
    let mut fallback = [0; MAX_PATTERN_LEN];
    let mut border = 0;
    for (at, octet) in pattern.iter().enumerate().skip(1) {
        // The length that the octets before `at` fall back to.
        fallback[at] = border;
        while border > 0 && pattern[border] != *octet {
            border = fallback[border];
        }
        border += usize::from(pattern[border] == *octet);
    }
    fallback
}

/// Hyphens at the end of `slice`, fewer than seven.
fn trailing_hyphens(slice: &[u8]) -> usize {
    slice
        .iter()
        .rev()
        .take_while(|octet| **octet == b'-')
        .count()
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::super::work;
    use super::*;
    use proptest::prelude::*;

    fn id(text: &str) -> TransactionId {
        TransactionId::parse(text.as_bytes()).unwrap()
    }

    fn naive(id: &TransactionId, body: &[u8]) -> Option<usize> {
        let pattern = [HYPHENS, id.as_bytes()].concat();
        body.windows(pattern.len())
            .position(|window| window == pattern)
            .map(|at| at + pattern.len() - 1)
    }

    /// The place in the whole body, fed in pieces of these sizes in turn.
    fn scan_in(id: &TransactionId, body: &[u8], sizes: &[usize]) -> Option<usize> {
        let mut scanner = EndLineScanner::new(id);
        let mut base = 0;
        for size in sizes.iter().cycle() {
            let piece = &body[base..(base + size).min(body.len())];
            if let Some(at) = scanner.scan(piece) {
                return Some(base + at);
            }
            base += piece.len();
            if base == body.len() {
                return None;
            }
        }
        None
    }

    #[test]
    fn hyphens_and_id_are_found_with_or_without_crlf_and_flag() {
        for (body, found) in [
            ("", None),
            ("-------abc", None),
            ("-------abcd", Some(10)),
            ("x\r\n-------abcd$\r\ny", Some(13)),
            ("-------------abcd", Some(16)),
            ("------abcd", None),
            ("-------ABCD", None),
            ("-------ab-------abcd", Some(19)),
            ("-------abc-------abcd", Some(20)),
            ("-------\r\n-------abcd", Some(19)),
            ("-------ab--------abcd-------abcd", Some(20)),
        ] {
            let body = body.as_bytes();
            assert_eq!(naive(&id("abcd"), body), found);
            for size in 1..=body.len().max(1) {
                assert_eq!(scan_in(&id("abcd"), body, &[size]), found, "{size}");
            }
            assert_eq!(EndLineScanner::contains(&id("abcd"), body), found.is_some());
        }
        covers!("T-18");
    }

    #[test]
    fn ids_with_hyphens_are_found_too() {
        for (text, body) in [
            ("a-b", "-------a-------a-b"),
            ("a-------a-------b", "-------a-------a-------a-------b"),
            ("a--------", "-------a-------a--------a"),
            ("a-", "--------a--"),
        ] {
            let (id, body) = (id(text), body.as_bytes());
            assert!(naive(&id, body).is_some());
            for size in 1..=body.len() {
                assert_eq!(
                    scan_in(&id, body, &[size]),
                    naive(&id, body),
                    "{text} in {size}"
                );
            }
        }
        covers!("T-18");
    }

    #[test]
    fn the_work_is_linear_whatever_the_body() {
        for unit in [
            "-",
            "-------",
            "-------a",
            "-------abc",
            "\r\n-------abc",
            "x",
            "-x",
            "-------a-------a-------",
        ] {
            let body = unit.repeat(if cfg!(miri) { 10 } else { 2000 }).into_bytes();
            for id in [id("abcd"), id("a-------a-------b"), id("a-b-c-d-e")] {
                for size in [1, 3, 64, body.len()] {
                    let work = work::count(|| {
                        assert_eq!(scan_in(&id, &body, &[size]), naive(&id, &body));
                    });
                    assert!(
                        work <= 3 * body.len() as u64,
                        "{work} for {} of {unit}",
                        body.len()
                    );
                }
            }
        }
        covers!("T-63");
    }

    proptest! {
        #[test]
        fn scan_agrees_with_a_naive_search(
            text in prop_oneof![Just("ab".to_owned()), "[ab-]{0,9}".prop_map(|tail| format!("a{tail}"))],
            parts in proptest::collection::vec(prop_oneof![
                Just("-"), Just("-------"), Just("a"), Just("b"), Just("ab"), Just("\r\n"), Just("-------a"),
            ], 0..40),
            sizes in proptest::collection::vec(1usize..12, 1..5),
        ) {
            let (id, body) = (id(&text), parts.concat());
            prop_assert_eq!(scan_in(&id, body.as_bytes(), &sizes), naive(&id, body.as_bytes()));
            let planted = format!("{body}-------{text}{body}");
            prop_assert_eq!(scan_in(&id, planted.as_bytes(), &sizes), naive(&id, planted.as_bytes()));
        }
    }
}
