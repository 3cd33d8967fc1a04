//! The outgoing messages of a session: what they still hold, and who waits for room.
//!
//! What of them is on the wire is known to `proto::written` alone; here stands what its events told.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Source;
use crate::error::Error;
use crate::proto::RefusedTypes;

/// Outgoing messages of a session.
pub(super) struct Transfers {
    pub(super) live: HashMap<u32, Box<Transfer>>,
    /// Settled ones whose numbers are still known, oldest first.
    pub(super) settled: VecDeque<u32>,
    pub(super) next: u32,
    pub(super) window_used: usize,
    pub(super) slots_used: usize,
    pub(super) unsettled: usize,
    pub(super) wanted: Wanted,
    /// Media types that the peer answered with 415.
    pub(super) refused: RefusedTypes,
}

/// What senders were refused for and want to hear of.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) window: Option<usize>,
    pub(super) slot: bool,
    pub(super) settling: bool,
    pub(super) memory: bool,
}

pub(super) struct Transfer {
    pub(super) message_id: String,
    pub(super) total: Option<u64>,
    pub(super) sent: u64,
    /// Octets given by a stream.
    pub(super) given: u64,
    /// Octets that a stream may still give.
    pub(super) asked: usize,
    /// Octets counted in `Memory::hold_sent`.
    pub(super) held: usize,
    pub(super) kind: Kind,
    pub(super) is_settled: bool,
    /// Success REPORTs were asked for, and the consumer was told neither that they came nor that they did not.
    pub(super) awaits_report: bool,
    /// Settled so long ago that only the wait for success REPORTs keeps it.
    pub(super) is_old: bool,
    pub(super) is_ended: bool,
    pub(super) progress_queued: bool,
    /// Octets that progress was told of last.
    pub(super) told: u64,
    pub(super) source: Option<Arc<dyn Source>>,
    pub(super) error: Option<Box<Error>>,
}

impl Transfer {
    /// Whether the consumer is to be told how far it is: in steps of which a message has about a thousand, and of at most
    /// 1 MiB, since each wakes the consumer.
    pub(super) fn is_progress_due(&self) -> bool {
        let step = self.total.map_or(0, |total| (total / 1024).min(1 << 20));
        let is_last = self.total == Some(self.sent);
        !self.progress_queued && (is_last || self.sent >= self.told + step)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Small,
    Large,
    Stream,
}

impl Transfers {
    /// None yet; the first will have this number.
    pub(super) fn new(first: u32) -> Self {
        Self {
            live: HashMap::new(),
            settled: VecDeque::new(),
            next: first,
            window_used: 0,
            slots_used: 0,
            unsettled: 0,
            wanted: Wanted::default(),
            refused: RefusedTypes::default(),
        }
    }
}
