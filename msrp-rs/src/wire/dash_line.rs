//! The scan of an outgoing body for CRLF and seven hyphens, with which an end-line begins (RFC 4975 §7.1).
//!
//! RFC 4975 lets a body hold them: only the transaction id behind them makes an end-line. Some peers do not look that
//! far. For those a chunk ends inside of the pattern; that it does is decided in `proto::chunk`.

use super::end_line::{LEAD, LEAD_FINDER, partial_lead_len};
use super::work::examined;

/// The CRLF of [`LEAD`].
const CRLF_LEN: usize = 2;

/// Looks for CRLF and seven hyphens in the body of one chunk, which comes slice by slice. The CRLF of the empty line
/// before the body counts: a body that begins with seven hyphens has them, too.
///
/// A scanner belongs to one chunk: make a new one at the chunk's first octet of body.
#[derive(Debug, Clone)]
pub(crate) struct DashLineScanner {
    /// Octets of the pattern that the scanned octets end with.
    matched: usize,
    /// Whether the CRLF among them stood before the body.
    lent: bool,
}

impl DashLineScanner {
    /// A scanner for one chunk.
    pub(crate) fn new() -> Self {
        Self {
            matched: CRLF_LEN,
            lent: true,
        }
    }

    /// Scans the next slice of the body. Gives the place in it at which the chunk has to end: the octet there is the
    /// first of the next chunk. Between CR and LF where both are at hand: however many hyphens follow, the next chunk
    /// does not begin with them. Else before the seventh hyphen.
    ///
    /// Place 0 is given only where earlier slices gave the chunk an octet. After a hit the scanner is of no use.
    pub(crate) fn scan(&mut self, slice: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < slice.len() {
            if self.matched == 0 {
                let Some(found) = LEAD_FINDER.find(&slice[at..]) else {
                    examined(slice.len() - at);
                    self.matched = partial_lead_len(&slice[at..]);
                    self.lent = false;
                    return None;
                };
                examined(found + LEAD.len());
                return Some(at + found + 1);
            }
            examined(1);
            if slice[at] == LEAD[self.matched] {
                self.matched += 1;
                if self.matched == LEAD.len() {
                    let after_cr = at.checked_sub(LEAD.len() - CRLF_LEN);
                    return Some(after_cr.filter(|_| !self.lent).unwrap_or(at));
                }
                at += 1;
            } else {
                // CR stands only at the start of the pattern: the octet is looked at again as such.
                self.matched = 0;
                self.lent = false;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::work;
    use super::*;
    use proptest::prelude::*;

    /// Cuts `body` into chunks, feeding each in pieces of these sizes in turn.
    fn chunks(body: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        let mut sizes = sizes.iter().cycle();
        let mut rest = body;
        while !rest.is_empty() {
            let (mut scanner, mut len) = (DashLineScanner::new(), 0);
            while len < rest.len() {
                let size = *sizes.next().expect("there are sizes");
                let piece = &rest[len..(len + size).min(rest.len())];
                if let Some(at) = scanner.scan(piece) {
                    len += at;
                    break;
                }
                len += piece.len();
            }
            assert!(len > 0, "a chunk without an octet");
            chunks.push(rest[..len].to_vec());
            rest = &rest[len..];
        }
        chunks
    }

    /// Whether the octets of a frame around and in this body hold the pattern too early.
    fn is_clean(chunk: &[u8]) -> bool {
        let frame = [b"\r\n\r\n", chunk, LEAD].concat();
        let first = LEAD_FINDER.find(&frame).expect("at the end");
        first == frame.len() - LEAD.len()
    }

    #[test]
    fn a_chunk_ends_inside_of_the_pattern() {
        for (body, expected) in [
            ("", vec![]),
            ("a\r\n------b", vec!["a\r\n------b"]),
            ("a\r\n-------b", vec!["a\r", "\n-------b"]),
            ("a\n-------b", vec!["a\n-------b"]),
            ("a\r-------b", vec!["a\r-------b"]),
            ("\r\n-------", vec!["\r", "\n-------"]),
            ("-------", vec!["------", "-"]),
            ("------", vec!["------"]),
            ("--------------", vec!["------", "------", "--"]),
            (
                "a\r\r\n--------------------b",
                vec!["a\r\r", "\n--------------------b"],
            ),
            (
                "\r\n-------\r\n-------",
                vec!["\r", "\n-------\r", "\n-------"],
            ),
        ] {
            let got = chunks(body.as_bytes(), &[usize::MAX >> 1]);
            let got: Vec<_> = got
                .iter()
                .map(|chunk| String::from_utf8_lossy(chunk))
                .collect();
            assert_eq!(got, expected, "{body:?}");
        }
    }

    #[test]
    fn the_work_is_linear_whatever_the_body() {
        for unit in ["-", "\r", "\r\n", "\r\n------", "x", "\r\n-", "\r\n-----\r"] {
            let body = unit.repeat(if cfg!(miri) { 10 } else { 2000 }).into_bytes();
            for size in [1, 3, 64, body.len()] {
                let work = work::count(|| {
                    let mut scanner = DashLineScanner::new();
                    for piece in body.chunks(size) {
                        if scanner.scan(piece).is_some() {
                            break;
                        }
                    }
                });
                assert!(
                    work <= 2 * body.len() as u64,
                    "{work} for {unit:?} by {size}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn no_chunk_holds_the_pattern_and_nothing_is_lost(
            parts in proptest::collection::vec(prop_oneof![
                Just("-"), Just("------"), Just("-------"), Just("\r"), Just("\n"), Just("\r\n"), Just("x"),
                Just("\r\n-------"),
            ], 0..40),
            sizes in proptest::collection::vec(1usize..24, 1..5),
        ) {
            let body = parts.concat().into_bytes();
            let chunks = chunks(&body, &sizes);
            prop_assert!(chunks.iter().all(|chunk| is_clean(chunk)), "{:?}", chunks);
            prop_assert_eq!(chunks.concat(), body);
        }
    }
}
