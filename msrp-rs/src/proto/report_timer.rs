//! The sender's own time for success REPORTs (RFC 4975 §7.1.1): off unless the session sets one.
//!
//! It runs from the last octet written, and stands still while we do not read: a REPORT that waits in our own receive
//! buffer is not late. What a REPORT means for its message is decided in `report`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::session::Sending;
use super::timers::Timer;
use super::transaction::SessionRef;
use super::work::steps;
use super::{Event, TransferKey, Unconfirmed};

/// The messages whose time runs, in the order of its end.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    /// When, as the time of `Transactions::elapsed`.
    queue: VecDeque<(Duration, TransferKey)>,
    has_timer: bool,
}

impl Sending {
    fn awaits(&self, key: TransferKey) -> bool {
        let transfer = self.by_key.get(&key);
        transfer.is_some_and(|&transfer| self.transfers[transfer].awaits_report())
    }
}

impl Connection {
    /// The last octet of a message was written: its time runs, if there is one.
    pub(super) fn await_report(&mut self, now: Instant, index: usize, transfer: usize) {
        let elapsed = self.transactions.elapsed(now);
        let session = &mut self.sessions[index];
        let Some(timeout) = session.config.report_timeout else {
            return;
        };
        let sending = &mut session.outgoing;
        if !sending.transfers[transfer].awaits_report() {
            return;
        }
        let key = sending.transfers[transfer].key;
        sending.awaited.queue.push_back((elapsed + timeout, key));
        // Those that were confirmed meanwhile go with their time, or when they are most of what is here.
        if sending.awaited.queue.len() > 2 * sending.transfers.len() + 64 {
            steps(sending.awaited.queue.len());
            let mut queue = std::mem::take(&mut sending.awaited.queue);
            queue.retain(|(_, key)| sending.awaits(*key));
            sending.awaited.queue = queue;
        }
        if !std::mem::replace(&mut sending.awaited.has_timer, true) {
            let timer = Timer::Reports(session.reference);
            self.timers.set(now + timeout, timer);
        }
    }

    /// Tells of the messages whose time is over, and looks again when that of the next one is.
    pub(super) fn reports_overdue(&mut self, now: Instant, reference: SessionRef) {
        let Some(index) = self.index_of(reference) else {
            return;
        };
        let elapsed = self.transactions.elapsed(now);
        let session = &mut self.sessions[index];
        let Some(timeout) = session.config.report_timeout else {
            return;
        };
        let sending = &mut session.outgoing;
        while let Some(&(at, key)) = sending.awaited.queue.front() {
            steps(1);
            let awaits = sending.awaits(key);
            if awaits && at > elapsed {
                // While reading is paused no message grows older.
                let rest = match self.pausing.is_paused() {
                    true => timeout,
                    false => at - elapsed,
                };
                self.timers.set(now + rest, Timer::Reports(reference));
                return;
            }
            sending.awaited.queue.pop_front();
            if awaits {
                let event = Event::Unconfirmed(key, Unconfirmed::Timeout(timeout));
                self.events.push_back((session.key, event));
            }
        }
        sending.awaited.has_timer = false;
    }
}
