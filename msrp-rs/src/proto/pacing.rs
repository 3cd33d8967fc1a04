//! When a session may send its next request (RFC 4975 §7.1.1), and the requests without body that wait for that.
//!
//! By default nothing waits but for `Limits::max_transactions`; with [`Pacing::One`] each SEND waits for the answer to
//! the one before. What the next request is, is decided in `outbound`; that each frame is written alone, in
//! `write_queue`.

use std::time::{Duration, Instant};

use super::Pacing;
use super::connection::Connection;
use super::session::Session;
use super::transaction::{Purpose, SessionRef};
use super::transfer::Phase;
use crate::wire::{Continuation, MessageId};

/// With [`Pacing::One`], the time from the last octet of a SEND that asks for no response to the next SEND of the
/// session.
pub const PACE: Duration = Duration::from_millis(20);

/// Why a session with `Pacing::One` waits although nothing is without its answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quiet {
    /// A chunk that nobody answers is not written yet.
    Unwritten,
    /// It is, and the next waits until then.
    Until(Instant),
}

impl Session {
    /// Whether the requests under way leave room for another SEND.
    pub(super) fn has_room(&self) -> bool {
        let sending = &self.outgoing;
        match self.config.pacing {
            Pacing::Pipelined => sending.unanswered < sending.max_unanswered,
            Pacing::One => {
                sending.unanswered == 0 && sending.notices == 0 && sending.quiet.is_none()
            }
        }
    }
}

impl Connection {
    /// A SEND without body got its response, or will get none.
    pub(super) fn notice_answered(&mut self, index: usize) {
        self.sessions[index].outgoing.notices -= 1;
        self.wake(index);
    }

    /// Perhaps the session has waited long enough after a chunk that nobody answers.
    pub(super) fn pace_over(&mut self, now: Instant, reference: SessionRef) {
        let Some(index) = self.index_of(reference) else {
            return;
        };
        let session = &mut self.sessions[index];
        let key = session.key;
        if matches!(session.outgoing.quiet, Some(Quiet::Until(until)) if until <= now) {
            session.outgoing.quiet = None;
            self.wake(index);
            self.finish_closing(index, key);
        }
    }

    /// Tells the peer that no more comes of a message, when it is time for a SEND.
    pub(super) fn tell_abort(&mut self, index: usize, id: MessageId) {
        let session = &mut self.sessions[index];
        if session.config.pacing == Pacing::Pipelined || session.has_room() {
            self.queue_abort(index, id);
        } else {
            session.outgoing.aborts.push_back(id);
        }
    }

    /// It may be time for what `tell_abort` left.
    pub(super) fn tell_waiting_abort(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        if session.has_room()
            && let Some(id) = session.outgoing.aborts.pop_front()
        {
            self.queue_abort(index, id);
        }
    }

    /// Ends every message that the peer has in part, and is between two chunks, with `#`.
    pub(super) fn give_up(&mut self, index: usize) {
        let transfers = self.sessions[index].outgoing.transfers.iter();
        let given_up: Vec<MessageId> = transfers
            .filter(|(place, transfer)| {
                transfer.phase == Phase::Sending
                    && transfer.position > 0
                    && !self.schedule.is_open(index, *place)
            })
            .map(|(_, transfer)| transfer.id)
            .collect();
        // Last words wait for nothing.
        let waiting = std::mem::take(&mut self.sessions[index].outgoing.aborts);
        for id in waiting.into_iter().chain(given_up) {
            self.queue_abort(index, id);
        }
    }

    fn queue_abort(&mut self, index: usize, id: MessageId) {
        let purpose = Purpose::Notice { required: false };
        self.queue_bodiless(index, purpose, Some(id), Continuation::Abort);
    }
}
