//! When a connection wants to be called again for its sessions.
//!
//! The time of transactions is kept in `transaction`, that of pauses in `credit`, that of stalled output in
//! `connection`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::SessionKey;
use super::transaction::SessionRef;

/// What is due. A session has at most one timer of each kind; the handler looks whether it is really time and sets
/// it again, so that activity does not have to move timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Requests were held for an unknown remote side long enough.
    Early(SessionKey),
    /// Perhaps nothing was sent for the keep-alive interval.
    KeepAlive(SessionRef),
    /// Perhaps an incomplete message got no chunk for the idle limit.
    Incomplete(SessionRef),
    /// Perhaps success REPORTs of a message have not come in their time.
    Reports(SessionRef),
    /// Perhaps a chunk that nobody answers was written long enough ago.
    Pace(SessionRef),
    /// The session's time to close is over.
    Close(SessionRef),
    /// What the peer sent before it knew that the session is elsewhere had time to come.
    Retire(SessionRef),
}

/// The pending timers, earliest first.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BinaryHeap<Reverse<(Instant, Timer)>>,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) {
        self.due.push(Reverse((at, timer)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|&Reverse((at, _))| at)
    }

    /// Takes the next timer that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Timer> {
        let &Reverse((at, _)) = self.due.peek()?;
        if at > now {
            return None;
        }
        self.due.pop().map(|Reverse((_, timer))| timer)
    }

    /// Gives back room that is not used.
    pub(super) fn shrink(&mut self) {
        self.due.shrink_to_fit();
    }
}
