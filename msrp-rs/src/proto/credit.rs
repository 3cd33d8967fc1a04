//! Back-pressure: when reading pauses, and which session is shed so that it can go on.
//!
//! MSRP has no flow control per session, and a paused connection pauses every session on it, with the responses to
//! our own requests. So a connection with one session may stay paused for `Limits::stall`, like any TCP stream; one
//! with more is paused at most 2 s in any 20 s, then the session with most octets above its window is shed: its open
//! messages are aborted and further ones refused with 413 until its consumer has caught up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::{Event, MessageEnd};
use crate::limits::Limits;
use crate::wire::StatusCode;

/// A shared connection is paused at most `SHARED_PAUSE` in any `SHARED_PERIOD`.
const SHARED_PAUSE: Duration = Duration::from_secs(2);
const SHARED_PERIOD: Duration = Duration::from_secs(20);

/// Whether and since when reading is paused.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    /// New chunks get 413: the engine's memory is used up.
    pub(super) memory_short: bool,
    /// Octets above the receive windows of all sessions that are not shed.
    pub(super) slack_used: usize,
    paused: bool,
    /// Paused for slack, or for requests that are held, since; and until when at most.
    slow_since: Option<Instant>,
    deadline: Option<Instant>,
    /// Earlier pauses that may still count.
    past: VecDeque<(Instant, Instant)>,
}

impl Pausing {
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Time paused in the period before `now`.
    fn used(&mut self, now: Instant) -> Duration {
        let from = now.checked_sub(SHARED_PERIOD);
        while self
            .past
            .front()
            .is_some_and(|&(_, end)| from.is_some_and(|from| end <= from))
        {
            self.past.pop_front();
        }
        self.past
            .iter()
            .map(|&(start, end)| {
                end.saturating_duration_since(from.map_or(start, |from| from.max(start)))
            })
            .sum()
    }
}

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
        match (slow, self.pausing.slow_since) {
            (true, None) => {
                self.pausing.slow_since = Some(now);
                let shared = self.sessions.len() + usize::from(early) > 1;
                self.pausing.deadline = if shared {
                    Some(now + SHARED_PAUSE.saturating_sub(self.pausing.used(now)))
                } else if early {
                    None
                } else {
                    self.limits.stall.map(|stall| now + stall)
                };
            }
            (false, Some(since)) => {
                self.pausing.past.push_back((since, now));
                self.pausing.slow_since = None;
                self.pausing.deadline = None;
            }
            _ => {}
        }
        self.pausing.paused = slow || self.output.control_len() > self.limits.control_lane;
        self.transactions.stand_still(self.pausing.paused, now);
    }

    /// Sheds a session, if the connection was paused long enough.
    pub(super) fn pausing_expired(&mut self, now: Instant) {
        while self
            .pausing
            .deadline
            .is_some_and(|deadline| deadline <= now)
        {
            if self.early.len() > self.limits.early_len {
                let keys = self.early.keys();
                keys.into_iter().for_each(|key| self.refuse_early(key));
            } else {
                self.shed_slowest();
            }
            self.update_pausing(now);
        }
    }

    fn shed_slowest(&mut self) {
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
