//! Back-pressure: when reading pauses, and which session is shed so that it can go on.
//!
//! MSRP has no flow control per session, and a paused connection pauses every session on it, with the responses to
//! our own requests. So a connection with one session may stay paused for `Limits::stall`, like any TCP stream; one
//! with more is paused at most 2 s in any 20 s, then the session with most octets above its window is shed: its open
//! messages are aborted and further ones refused with 413 until its consumer has caught up. When the 2 s are used up
//! by one session, another one that is slow for a moment still gets 100 ms.

use std::time::Instant;

use super::connection::Connection;
use super::counters::Counters;
use super::pausing::Patience;
use super::work::steps;
use super::{Event, MessageEnd};
use crate::limits::Limits;
use crate::wire::StatusCode;

/// So many times `Limits::control_lane` may wait when nothing can be written.
const STUCK_ROOM: usize = 16;

impl Connection {
    /// Counts octets that were given to the consumer.
    pub(super) fn charge(&mut self, index: usize, len: usize) {
        let session = &mut self.sessions[index].incoming;
        let before = above_window(session.unconsumed, session.shed, &self.limits);
        session.unconsumed += len;
        self.pausing.slack_used +=
            above_window(session.unconsumed, session.shed, &self.limits) - before;
    }

    /// The consumer took octets.
    pub(super) fn consumed(&mut self, index: usize, len: usize) {
        let key = self.sessions[index].key;
        let session = &mut self.sessions[index].incoming;
        let before = above_window(session.unconsumed, session.shed, &self.limits);
        session.unconsumed = session.unconsumed.saturating_sub(len);
        self.pausing.slack_used -=
            before - above_window(session.unconsumed, session.shed, &self.limits);
        if session.shed && session.unconsumed < self.limits.receive_window / 2 {
            session.shed = false;
            self.events.push_back((key, Event::Recovered));
        }
    }

    /// The session ends, or does not count any more.
    pub(super) fn release_slack(&mut self, index: usize) {
        let session = &self.sessions[index].incoming;
        self.pausing.slack_used -= above_window(session.unconsumed, session.shed, &self.limits);
    }

    /// Pauses or resumes reading as the buffers ask for.
    pub(super) fn update_pausing(&mut self, now: Instant) {
        let slack = self.pausing.slack_used > self.limits.connection_slack;
        let early = self.early.len() > self.limits.early_len;
        let slow = slack || early;
        // Said anew each time: sessions come and go while reading is paused.
        let patience = match (self.sessions.len() + usize::from(early), early) {
            _ if !slow => None,
            (2.., _) => Some(Patience::Shared),
            (_, true) => Some(Patience::Early),
            (_, false) => Some(Patience::Lone),
        };
        let full = self.output.control_len() > self.control_room();
        let ended = self.pausing.update(patience, full, self.limits.stall, now);
        if let Some(time) = ended {
            let count = |counters: &Counters| counters.pause_time.record_time(time);
            self.observers.count(count);
        }
        self.transactions.stand_still(self.pausing.is_paused(), now);
    }

    /// Octets of responses and REPORTs that may wait while we read.
    fn control_room(&self) -> usize {
        let room = self.limits.control_lane;
        let stuck = self.output.len() >= self.limits.write_ahead && !self.sessions.is_empty();
        match stuck {
            // Perhaps the peer has as much to say, and reads no more until we do: two that wait for each other. What
            // both still have on the way is answered first.
            true => room.saturating_mul(STUCK_ROOM),
            false => room,
        }
    }

    /// Sheds a session, if the connection was paused long enough.
    pub(super) fn pausing_expired(&mut self, now: Instant) {
        while self
            .pausing
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            if self.early.len() > self.limits.early_len {
                let keys = self.early.keys();
                keys.into_iter().for_each(|key| self.refuse_early(key));
            } else {
                self.shed_slowest();
            }
            // If it is not enough, the next one has its time too.
            self.pausing.resume(now);
            self.update_pausing(now);
        }
    }

    fn shed_slowest(&mut self) {
        steps(self.sessions.len());
        let slowest = self
            .sessions
            .iter()
            .filter(|(_, session)| !session.incoming.shed)
            .max_by_key(|(_, session)| session.incoming.unconsumed)
            .map(|(index, _)| index);
        let Some(index) = slowest else { return };
        self.release_slack(index);
        let session = &mut self.sessions[index];
        session.incoming.shed = true;
        self.events.push_back((session.key, Event::Shed));
        let open: Vec<_> = session.incoming.open.keys().copied().collect();
        for id in open {
            let status = StatusCode::STOP_SENDING;
            self.end_incoming(index, id, MessageEnd::Rejected(status), status);
        }
    }
}

fn above_window(unconsumed: usize, shed: bool, limits: &Limits) -> usize {
    if shed {
        0
    } else {
        unconsumed.saturating_sub(limits.receive_window)
    }
}
