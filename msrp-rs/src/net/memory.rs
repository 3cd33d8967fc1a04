//! Counters of the engine, and its memory budget (RFC 4975 §14.5): octets held for consumers and for the
//! network, over all sessions.
//!
//! The budget is a signal, not an allocator: above it, drivers tell their connections to refuse new
//! chunks and `send` says `Again`. It ends at seven eighths of the limit, so that it does not flicker.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::sync::{AtomicBool, AtomicIsize, fence};

/// What `Engine::stats` shows, and the budget.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    // Below 0 for a moment where octets are released by one thread before another one has counted them.
    receive_held: AtomicIsize,
    receive_peak: AtomicIsize,
    send_held: AtomicIsize,
    short: AtomicBool,
    /// Whether nobody logged yet that the budget was exceeded.
    untold: AtomicBool,
    /// Whether a sender was refused for the budget since it was exceeded.
    refused: AtomicBool,
    pub(crate) connections: AtomicU64,
    pub(crate) messages_sent: AtomicU64,
    pub(crate) messages_received: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) sessions_shed: AtomicU64,
    pub(crate) reading_paused: AtomicU64,
    pub(crate) protocol_errors: AtomicU64,
    pub(crate) tls_unverified: AtomicU64,
    pub(crate) messages_failed: AtomicU64,
}

impl Memory {
    /// A budget of `limit` octets.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            receive_held: AtomicIsize::new(0),
            receive_peak: AtomicIsize::new(0),
            send_held: AtomicIsize::new(0),
            short: AtomicBool::new(false),
            untold: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            messages_sent: AtomicU64::new(0),
            messages_received: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
            bytes_received: AtomicU64::new(0),
            sessions_shed: AtomicU64::new(0),
            reading_paused: AtomicU64::new(0),
            protocol_errors: AtomicU64::new(0),
            tls_unverified: AtomicU64::new(0),
            messages_failed: AtomicU64::new(0),
        }
    }

    /// Octets are now held for a consumer.
    pub(crate) fn hold_received(&self, len: usize) {
        if len > 0 {
            let len = signed(len);
            let held = self.receive_held.fetch_add(len, Relaxed) + len;
            self.receive_peak.fetch_max(held, Relaxed);
            self.judge();
        }
    }

    /// A consumer took octets, or they were dropped.
    pub(crate) fn release_received(&self, len: usize) {
        if len > 0 {
            self.receive_held.fetch_sub(signed(len), Relaxed);
            self.judge();
        }
    }

    /// Octets are now held for the network.
    pub(crate) fn hold_sent(&self, len: usize) {
        if len > 0 {
            self.send_held.fetch_add(signed(len), Relaxed);
            self.judge();
        }
    }

    /// Octets were written, or dropped.
    pub(crate) fn release_sent(&self, len: usize) {
        if len > 0 {
            self.send_held.fetch_sub(signed(len), Relaxed);
            self.judge();
        }
    }

    /// Whether the budget is exceeded now.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Relaxed)
    }

    /// The most that is held for one of those who can take as much as there is.
    pub(crate) fn share(&self) -> usize {
        self.limit / 4
    }

    /// As `is_short`, for a sender, who is to be told when it is over: see `take_refused`. Asked again after the
    /// sender's wish stands where `take_refused` leads to: then either this says no, or that says yes.
    pub(crate) fn refuses(&self) -> bool {
        if self.is_short() {
            self.refused.store(true, Relaxed);
            // The flag goes up before the budget is looked at again; in `take_refused` it is the other way round.
            fence(SeqCst);
        }
        self.is_short()
    }

    /// Whether senders were refused and may now try again; clears the mark.
    pub(crate) fn take_refused(&self) -> bool {
        fence(SeqCst);
        !self.is_short() && self.refused.load(Relaxed) && self.refused.swap(false, Relaxed)
    }

    /// Whether the budget was exceeded since this was last asked. Not logged where it is found out: there may be locks.
    #[cfg(not(loom))]
    pub(crate) fn take_exceeded(&self) -> bool {
        self.untold.load(Relaxed) && self.untold.swap(false, Relaxed)
    }

    /// Octets held for consumers, now and at most.
    pub(crate) fn received(&self) -> (usize, usize) {
        (
            unsigned(self.receive_held.load(Relaxed)),
            unsigned(self.receive_peak.load(Relaxed)),
        )
    }

    /// Octets held for the network.
    pub(crate) fn sent(&self) -> usize {
        unsigned(self.send_held.load(Relaxed))
    }

    /// Another thread may have judged by what was held before: so it is done again after each change of mind.
    fn judge(&self) {
        loop {
            fence(SeqCst);
            let held = self.received().0.saturating_add(self.sent());
            let was_short = self.is_short();
            let end = if was_short {
                self.limit / 8 * 7
            } else {
                self.limit
            };
            let is_short = held > end;
            if is_short == was_short {
                return;
            }
            self.short.store(is_short, Relaxed);
            if is_short {
                self.untold.store(true, Relaxed);
            }
        }
    }
}

/// No allocation is larger.
fn signed(len: usize) -> isize {
    isize::try_from(len).unwrap_or(isize::MAX)
}

fn unsigned(held: isize) -> usize {
    usize::try_from(held).unwrap_or(0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn the_budget_ends_at_seven_eighths() {
        let memory = Memory::new(800);
        memory.hold_received(500);
        memory.hold_sent(301);
        assert!(memory.is_short() && memory.refuses());
        memory.release_sent(50);
        assert!(memory.is_short() && !memory.take_refused());
        memory.release_received(60);
        assert!(!memory.is_short());
        assert!(memory.take_refused() && !memory.take_refused());
        assert_eq!((memory.received(), memory.sent()), ((440, 500), 251));
        covers!("T-63");
    }

    #[test]
    fn octets_that_are_released_before_they_are_counted_are_no_shortage() {
        let memory = Memory::new(800);
        // A consumer or a driver may be quicker than the thread that counts what it gave them.
        memory.release_received(10);
        memory.release_sent(10);
        assert!(!memory.is_short());
        assert_eq!((memory.received(), memory.sent()), ((0, 0), 0));
        memory.hold_sent(20);
        memory.hold_received(10);
        assert!(!memory.is_short());
        assert_eq!((memory.received(), memory.sent()), ((0, 0), 10));
    }
}
