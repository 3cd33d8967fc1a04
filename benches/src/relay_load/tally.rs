//! What both threads have counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shared; each figure has one writer.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Messages whose last chunk a receiver has.
    pub(crate) messages: AtomicU64,
    /// Octets of bodies that receivers have.
    pub(crate) octets: AtomicU64,
    /// Receivers that have all their messages.
    pub(crate) served: AtomicU64,
    /// Responses that say 200.
    pub(crate) responses: AtomicU64,
    /// Responses that say anything else.
    pub(crate) refused: AtomicU64,
}

/// The same, at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) messages: u64,
    pub(crate) octets: u64,
    pub(crate) served: u64,
    pub(crate) responses: u64,
    pub(crate) refused: u64,
}

impl Tally {
    pub(crate) fn seen(&self) -> Seen {
        let at = |count: &AtomicU64| count.load(Ordering::Acquire);
        Seen {
            messages: at(&self.messages),
            octets: at(&self.octets),
            served: at(&self.served),
            responses: at(&self.responses),
            refused: at(&self.refused),
        }
    }
}

/// More of one figure; what it is now.
pub(crate) fn add(count: &AtomicU64, more: u64) -> u64 {
    count.fetch_add(more, Ordering::AcqRel) + more
}
