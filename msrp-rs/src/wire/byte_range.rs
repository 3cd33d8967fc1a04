//! The Byte-Range header (RFC 4975 §7.1.1, §9), and the one place where its 1-based positions and
//! the 0-based offsets used elsewhere are converted.
//!
//! A range on receipt is a hint: the data decide. What follows from it is decided in
//! `proto::message`.

use std::fmt;

use super::{Fault, FaultKind};
use crate::mutant::{self, Mutant};

/// Which octets of a message a chunk holds, or a REPORT is about.
///
/// The first octet of a message has position 1 and the end is inclusive, so the range of an empty
/// body ends before it starts: `1-0/0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// Position of the first octet; from the wire at least 1.
    pub start: u64,
    /// Position of the last octet; `None` is `*`, not known yet. May lie below `start` if the peer
    /// says nonsense.
    pub end: Option<u64>,
    /// Octets in the whole message; `None` is `*`, not known yet.
    pub total: Option<u64>,
}

impl ByteRange {
    /// `1-0/0`: a message without octets.
    pub const EMPTY: Self = Self {
        start: 1,
        end: Some(0),
        total: Some(0),
    };

    /// Reads the value of the header. Numbers may have leading zeros. `0-0/…` is read as `1-0/…`;
    /// it is legal only without octets, see
    /// [`Head::requires_empty_body`](super::Head::requires_empty_body).
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`: of kind [`FaultKind::Overflow`] for
    /// a number beyond 64 bits, [`FaultKind::Grammar`] for all else, also for a start of 0.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        Self::parse_marked(text).map(|(range, _)| range)
    }

    /// As [`Self::parse`], and whether the value was of the form `0-0/…`.
    pub(super) fn parse_marked(text: &[u8]) -> Result<(Self, bool), Fault> {
        let mut at = 0;
        let start = number(text, &mut at)?
            .ok_or_else(|| Fault::grammar(0, "expected a number, not \"*\", as range start"))?;
        expect(text, &mut at, b'-', "expected \"-\" after the range start")?;
        let end = number(text, &mut at)?;
        expect(text, &mut at, b'/', "expected \"/\" after the range end")?;
        let total = number(text, &mut at)?;
        if at < text.len() && !mutant::on(Mutant::ByteRangeTrailer) {
            return Err(Fault::grammar(at, "expected the end of the Byte-Range"));
        }
        match (start, end) {
            (0, Some(0)) if !mutant::on(Mutant::StartZeroRefused) => Ok((
                Self {
                    start: 1,
                    end,
                    total,
                },
                true,
            )),
            (0, _) => Err(Fault::grammar(0, "expected a range start of at least 1")),
            _ => Ok((Self { start, end, total }, false)),
        }
    }

    /// The range of `len` octets at the 0-based `offset`; `None` if it cannot be numbered in 64
    /// bits.
    pub fn exact(offset: u64, len: u64, total: Option<u64>) -> Option<Self> {
        Some(Self {
            start: offset.checked_add(1)?,
            end: Some(offset.checked_add(len)? + u64::from(mutant::on(Mutant::RangeEndLate))),
            total,
        })
    }

    /// The range that starts at the 0-based `offset` and whose end is not known yet; `None` if it
    /// cannot be numbered in 64 bits.
    pub fn open(offset: u64, total: Option<u64>) -> Option<Self> {
        Some(Self {
            start: offset.checked_add(1)?,
            end: mutant::swap(Mutant::OpenRangeClosed, None, || offset.checked_add(2048)),
            total,
        })
    }

    /// The 0-based offset of the first octet.
    pub fn offset(self) -> u64 {
        self.start
            .saturating_sub(u64::from(!mutant::on(Mutant::PositionsFromZero)))
    }

    /// The 0-based offset after the last octet, if the end is known.
    pub fn end_offset(self) -> Option<u64> {
        self.end
    }

    /// How many octets the range says it has; `None` if the end is not known, or is below the start
    /// by more than an empty range needs.
    #[expect(clippy::len_without_is_empty, reason = "an unknown length is neither")]
    pub fn len(self) -> Option<u64> {
        self.end?.checked_sub(self.offset())
    }
}

impl Default for ByteRange {
    /// `1-*/*`: what a SEND without the header means.
    fn default() -> Self {
        Self {
            start: 1,
            end: None,
            total: None,
        }
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.start)?;
        match self.end {
            Some(end) => write!(f, "{end}/")?,
            None => f.write_str("*/")?,
        }
        match self.total {
            Some(total) => write!(f, "{total}"),
            None => f.write_str("*"),
        }
    }
}

/// Digits, or `*` for `None`.
fn number(text: &[u8], at: &mut usize) -> Result<Option<u64>, Fault> {
    let start = *at;
    if text.get(start) == Some(&b'*') {
        *at += 1;
        return Ok(None);
    }
    let mut value = Some(0_u64);
    while let Some(digit) = text.get(*at).filter(|octet| octet.is_ascii_digit()) {
        value = value
            .and_then(|value| value.checked_mul(10))
            .and_then(|value| value.checked_add(u64::from(digit - b'0')));
        *at += 1;
    }
    if *at == start {
        return Err(Fault::grammar(start, "expected a number in the Byte-Range"));
    }
    value.map(Some).ok_or_else(|| {
        let expected = "expected a number of at most 64 bits in the Byte-Range";
        Fault::new(FaultKind::Overflow, start, expected)
    })
}

fn expect(text: &[u8], at: &mut usize, octet: u8, expected: &'static str) -> Result<(), Fault> {
    if text.get(*at) != Some(&octet) {
        return Err(Fault::grammar(*at, expected));
    }
    *at += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;
    use proptest::prelude::*;

    fn range(start: u64, end: Option<u64>, total: Option<u64>) -> ByteRange {
        ByteRange { start, end, total }
    }

    #[test]
    fn forms_that_are_taken() {
        for (text, expected) in [
            ("1-*/*", range(1, None, None)),
            ("1-5/5", range(1, Some(5), Some(5))),
            ("1-*/8", range(1, None, Some(8))),
            ("1-5/*", range(1, Some(5), None)),
            ("1-0/0", ByteRange::EMPTY),
            ("0-0/0", ByteRange::EMPTY),
            ("00-0/7", range(1, Some(0), Some(7))),
            ("0001-0005/5", range(1, Some(5), Some(5))),
            ("5-3/8", range(5, Some(3), Some(8))),
            ("18446744073709551615-*/*", range(u64::MAX, None, None)),
        ] {
            assert_eq!(ByteRange::parse(text.as_bytes()), Ok(expected), "{text}");
        }
        assert_eq!(
            ByteRange::parse_marked(b"0-0/0"),
            Ok((ByteRange::EMPTY, true))
        );
        assert_eq!(
            ByteRange::parse_marked(b"1-0/0"),
            Ok((ByteRange::EMPTY, false))
        );
        covers!("C-044", "C-060", "C-292", "T-22");
    }

    #[test]
    fn forms_that_are_not() {
        for (text, offset, kind) in [
            ("", 0, FaultKind::Grammar),
            ("*-5/5", 0, FaultKind::Grammar),
            ("1 - 5/5", 1, FaultKind::Grammar),
            ("1-5", 3, FaultKind::Grammar),
            ("1-/5", 2, FaultKind::Grammar),
            ("1-5/", 4, FaultKind::Grammar),
            ("1-5/5 ", 5, FaultKind::Grammar),
            ("+1-5/5", 0, FaultKind::Grammar),
            ("1--5/5", 2, FaultKind::Grammar),
            ("0-4/5", 0, FaultKind::Grammar),
            ("0-*/*", 0, FaultKind::Grammar),
            ("18446744073709551616-*/*", 0, FaultKind::Overflow),
            ("1-99999999999999999999999/*", 2, FaultKind::Overflow),
            ("1-5/99999999999999999999999", 4, FaultKind::Overflow),
        ] {
            let fault = ByteRange::parse(text.as_bytes()).expect_err(text);
            assert_eq!(
                (fault.offset(), fault.kind()),
                (offset, kind),
                "{text}: {fault}"
            );
        }
        covers!("C-044", "C-060", "C-292");
    }

    #[test]
    fn offsets_and_lengths() {
        assert_eq!(
            ByteRange::exact(0, 3, Some(3)).unwrap().to_string(),
            "1-3/3"
        );
        assert_eq!(ByteRange::exact(0, 0, Some(0)), Some(ByteRange::EMPTY));
        assert_eq!(ByteRange::open(2048, None).unwrap().to_string(), "2049-*/*");
        assert_eq!(ByteRange::exact(u64::MAX, 0, None), None);
        assert_eq!(ByteRange::exact(1, u64::MAX, None), None);
        assert_eq!(ByteRange::open(u64::MAX, None), None);
        assert_eq!(range(5, Some(8), None).offset(), 4);
        assert_eq!(range(5, Some(8), None).end_offset(), Some(8));
        assert_eq!(range(5, Some(8), None).len(), Some(4));
        assert_eq!(ByteRange::EMPTY.len(), Some(0));
        assert_eq!(range(5, Some(3), None).len(), None);
        assert_eq!(range(5, None, None).len(), None);
        assert_eq!(range(0, Some(0), None).offset(), 0);
        assert_eq!(ByteRange::default().to_string(), "1-*/*");
        covers!("C-061", "C-126", "T-22");
    }

    proptest! {
        #[test]
        fn display_reads_back(start in 1u64.., end in any::<Option<u64>>(), total in any::<Option<u64>>()) {
            let range = range(start, end, total);
            prop_assert_eq!(ByteRange::parse(range.to_string().as_bytes()), Ok(range));
        }

        #[test]
        fn parse_never_panics(text in "[0-9*/ -]{0,30}") {
            let _ = ByteRange::parse(text.as_bytes());
        }
    }
}
