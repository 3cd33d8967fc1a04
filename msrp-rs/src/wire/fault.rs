//! What a parse function says about octets that break the grammar.
//!
//! A [`Fault`] is about one value or one header line; the frame around it may be sound. Faults that
//! end a connection are [`ParseError`](super::ParseError). What follows from a fault (a 400, a
//! dropped response) is decided in `proto` (RFC 4975 §10.2).

use std::borrow::Cow;
use std::fmt;

use crate::error::{Error, ErrorKind};

/// The class of a [`Fault`], for callers that react differently to some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The octets do not follow the grammar of RFC 4975 §9 or RFC 4976 §7.
    Grammar,
    /// A number follows the grammar, but does not fit 64 bits.
    Overflow,
    /// A header that must be there, or stand first, is not there.
    Missing,
    /// A header that may stand only once came again.
    Duplicate,
    /// Longer or more than a configured bound.
    Limit,
}

/// A breach of the grammar: what was expected, and where.
///
/// The text says what was expected, never what was found, so it holds no octet of the peer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected} at octet {offset}")]
pub struct Fault {
    kind: FaultKind,
    offset: u64,
    expected: Cow<'static, str>,
}

impl Fault {
    /// A fault of `kind`; `expected` starts with "expected" or "no".
    pub(crate) fn new(
        kind: FaultKind,
        offset: usize,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            offset: offset as u64,
            expected: expected.into(),
        }
    }

    /// A breach of the grammar at `offset`.
    pub(crate) fn grammar(offset: usize, expected: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::Grammar, offset, expected)
    }

    /// The same fault, seen from a text in which the parsed one starts at `base`.
    pub(crate) fn shifted(mut self, base: u64) -> Self {
        self.offset = self.offset.saturating_add(base);
        self
    }

    /// The class of the fault.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Where it is, 0-based: in the text that was parsed, or, for a fault that
    /// [`Head`](super::Head) reports, in the whole octet stream of the connection.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What was expected there, for example `expected "://" after the scheme`.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// This fault as an error of the public API about `what`, a noun such as `URI`.
    pub(crate) fn into_error(self, kind: ErrorKind, what: impl fmt::Display) -> Error {
        Error::local(kind, format!("invalid {what}: {self}"))
    }
}
