//! The end-line of a frame: seven hyphens, the transaction id, a flag (RFC 4975 §7.1, §9), and the
//! search for it in a body that arrives in pieces.
//!
//! The search for one's own end-line in a body to be sent is [`EndLineScanner`](super::EndLineScanner)'s.

use std::ops::Range;
use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use memchr::memrchr;

use super::TransactionId;
use super::ident::MAX_IDENT_LEN;
use super::work::examined;
use crate::mutant::{self, Mutant};

/// What the end-line says about the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Continuation {
    /// `$`: the data of this chunk end the message.
    Complete,
    /// `+`: more chunks follow, or the chunk was interrupted.
    More,
    /// `#`: the sender gives the message up.
    Abort,
}

impl Continuation {
    /// The flag on the wire.
    pub fn as_octet(self) -> u8 {
        match self {
            Self::Complete => b'$',
            Self::More => b'+',
            Self::Abort if mutant::on(Mutant::AbortSaysEnd) => b'$',
            Self::Abort => b'#',
        }
    }

    /// The meaning of a flag, or `None` for any other octet.
    pub fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            b'$' => Some(Self::Complete),
            b'+' => Some(Self::More),
            b'#' => Some(mutant::swap(Mutant::AbortIsComplete, Self::Abort, || {
                Self::Complete
            })),
            _ => None,
        }
    }
}

/// The hyphens of an end-line.
pub(super) const HYPHENS: &[u8] = b"-------";

/// Octets of the longest end-line, with its CRLF.
pub(super) const MAX_END_LINE_LEN: usize = HYPHENS.len() + MAX_IDENT_LEN + 3;

/// What every end-line after a body starts with.
pub(super) const LEAD: &[u8] = b"\r\n-------";

/// One search for all transactions, so that no frame pays for building its own.
pub(super) static LEAD_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(LEAD));

/// Reads a line, given without its CRLF, as the end-line of `transaction_id`; or says where it
/// differs.
pub(super) fn parse_end_line(
    line: &[u8],
    transaction_id: &TransactionId,
) -> Result<Continuation, usize> {
    let expected = HYPHENS.iter().chain(transaction_id.as_bytes());
    let matched = expected.zip(line).take_while(|(a, b)| a == b).count();
    let len = HYPHENS.len() + transaction_id.as_bytes().len();
    match line.get(len).copied().and_then(Continuation::from_octet) {
        Some(flag) if matched == len && line.len() == len + 1 => Ok(flag),
        Some(_) if matched == len => Err(len + 1),
        _ => Err(matched),
    }
}

/// Finds the end-line of one frame in its body, which comes block by block.
///
/// Octets that may be the start of the end-line are held back across blocks, at most 75 of them
/// (CRLF, hyphens, 64 of transaction id, flag, CR). What was matched is known by heart, so nothing is
/// kept but a count. A mismatch never needs a step back: CR stands only at the start of the pattern
/// and before its last octet.
#[derive(Debug)]
pub(super) struct EndLineMatcher {
    /// CRLF, hyphens, transaction id; then the flag that was seen, and CRLF.
    pattern: [u8; 2 + MAX_END_LINE_LEN],
    /// Octets before the flag.
    flag_at: usize,
    /// Octets of the pattern seen at the end of what was scanned.
    matched: usize,
    /// How many of them stood before the body: the CRLF of the empty line may serve as the end-line's.
    lent: usize,
}

/// What [`EndLineMatcher::scan`] found in a block.
#[derive(Debug)]
pub(super) struct Scan {
    /// Octets held back from earlier blocks that are body after all. A copy of at most 75 octets.
    pub(super) released: Bytes,
    /// The part of the block that is body.
    pub(super) body: Range<usize>,
    /// Where reading goes on.
    pub(super) next: usize,
    /// The flag, if the end-line is complete.
    pub(super) end: Option<Continuation>,
}

/// How far a comparison with the pattern got.
enum Compare {
    Complete(Continuation),
    /// The block ended first.
    Open,
    /// The octet at this place does not fit.
    Mismatch,
}

impl EndLineMatcher {
    pub(super) fn new() -> Self {
        let mut pattern = [0; 2 + MAX_END_LINE_LEN];
        pattern[..LEAD.len()].copy_from_slice(LEAD);
        Self {
            pattern,
            flag_at: LEAD.len(),
            matched: 0,
            lent: 0,
        }
    }

    /// Starts the search in a new body, right after the empty line.
    pub(super) fn begin(&mut self, transaction_id: &TransactionId) {
        let id = transaction_id.as_bytes();
        self.flag_at = LEAD.len() + id.len();
        self.pattern[LEAD.len()..self.flag_at].copy_from_slice(id);
        self.matched = 2;
        self.lent = 2;
    }

    /// Scans `block` from `from` on, up to the end-line or the end of the block.
    pub(super) fn scan(&mut self, block: &[u8], from: usize) -> Scan {
        let held = self.matched - self.lent;
        let mut scan = Scan {
            released: Bytes::new(),
            body: from..from,
            next: from,
            end: None,
        };
        if self.matched > 0 {
            match self.compare(block, &mut scan.next) {
                Compare::Complete(flag) => {
                    scan.end = Some(flag);
                    return scan;
                }
                Compare::Open => return scan,
                Compare::Mismatch => {
                    // What was matched in this block stays in it; the rest came before.
                    let earlier = self.lent..self.lent + held;
                    scan.released = Bytes::copy_from_slice(&self.pattern[earlier]);
                    self.lent = 0;
                }
            }
        }
        loop {
            let at = scan.next;
            let Some(found) = LEAD_FINDER.find(&block[at..]) else {
                examined(block.len() - at);
                self.matched = partial_lead_len(&block[at..]);
                scan.body.end = block.len() - self.matched;
                scan.next = block.len();
                return scan;
            };
            examined(found + LEAD.len());
            scan.body.end = at + found + 2 * usize::from(mutant::on(Mutant::EndLineBreakDelivered));
            scan.next = at + found + LEAD.len();
            self.matched = LEAD.len();
            match self.compare(block, &mut scan.next) {
                Compare::Complete(flag) => {
                    scan.end = Some(flag);
                    return scan;
                }
                Compare::Open => return scan,
                Compare::Mismatch => {}
            }
        }
    }

    /// Goes on comparing at `at`, which ends after the last octet that fits.
    fn compare(&mut self, block: &[u8], at: &mut usize) -> Compare {
        if self.matched < self.flag_at {
            let expected = &self.pattern[self.matched..self.flag_at];
            let given = &block[*at..];
            let fits = if given.starts_with(expected) {
                expected.len()
            } else {
                expected
                    .iter()
                    .zip(given)
                    .take_while(|(a, b)| a == b)
                    .count()
            };
            examined(fits);
            *at += fits;
            self.matched += fits;
            if self.matched < self.flag_at {
                return self.ended(*at == block.len());
            }
        }
        while let Some(&octet) = block.get(*at) {
            examined(1);
            match self.matched - self.flag_at {
                0 if Continuation::from_octet(octet).is_some() => {}
                1 if octet == b'\r' => {}
                2 if octet == b'\n' => {}
                _ => return self.ended(false),
            }
            self.pattern[self.matched] = octet;
            self.matched += 1;
            *at += 1;
            if self.matched == self.flag_at + 3 {
                self.matched = 0;
                self.lent = 0;
                let flag = Continuation::from_octet(self.pattern[self.flag_at]);
                return Compare::Complete(flag.expect("only a flag was stored there"));
            }
        }
        self.ended(true)
    }

    /// The comparison stopped: at the end of the block, or at an octet that does not fit.
    fn ended(&mut self, at_block_end: bool) -> Compare {
        if at_block_end {
            return Compare::Open;
        }
        examined(1);
        self.matched = 0;
        Compare::Mismatch
    }
}

/// How many octets at the end of `block` are a start of [`LEAD`], but not all of it.
pub(super) fn partial_lead_len(block: &[u8]) -> usize {
    let tail = &block[block.len().saturating_sub(LEAD.len() - 1)..];
    memrchr(b'\r', tail)
        .map(|at| &tail[at..])
        .filter(|tail| LEAD.starts_with(tail))
        .map_or(0, <[u8]>::len)
}
