//! Back-pressure: when reading pauses, and which session is shed so that it can go on.
//!
//! MSRP has no flow control per session, and a paused connection pauses every session on it, with the responses to
//! our own requests. So a connection with one session may stay paused for `Limits::stall`, like any TCP stream; one
//! with more is paused at most 2 s in any 20 s, then the session with most octets above its window is shed: its open
//! messages are aborted and further ones refused with 413 until its consumer has caught up. When the 2 s are used up
//! by one session, another one that is slow for a moment still gets 100 ms.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::counters::Counters;
use super::work::steps;
use super::{Event, MessageEnd};
use crate::limits::Limits;
use crate::wire::StatusCode;

/// A shared connection is paused at most `SHARED_PAUSE` in any `SHARED_PERIOD`.
const SHARED_PAUSE: Duration = Duration::from_secs(2);
const SHARED_PERIOD: Duration = Duration::from_secs(20);

/// A pause may always last so long: a consumer that is slow for a moment is not shed for what another has used up.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Pauses that start so soon after each other are remembered as one.
const JOINED_PAUSES: Duration = Duration::from_millis(100);

/// So many times `Limits::control_lane` may wait when nothing can be written.
const STUCK_ROOM: usize = 16;

/// Whether and since when reading is paused.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    /// New chunks get 413: the engine's memory is used up.
    pub(super) memory_short: bool,
    /// Octets above the receive windows of all sessions that are not shed.
    pub(super) slack_used: usize,
    paused: bool,
    slow: Option<Slow>,
    past: Past,
    /// Since when reading is paused.
    paused_since: Option<Instant>,
}

/// A pause for slack, or for requests that are held.
#[derive(Debug)]
struct Slow {
    patience: Patience,
    since: Instant,
    deadline: Option<Instant>,
}

/// How long a pause may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// As long as the consumer of the one session likes, up to `Limits::stall`.
    Lone,
    /// As long as the held requests may be held.
    Early,
    /// Others wait with it.
    Shared,
}

/// Pauses of a shared connection that may still count.
#[derive(Debug, Default)]
struct Past {
    /// From and until when, and how long of that.
    pauses: VecDeque<(Instant, Instant, Duration)>,
}

impl Pausing {
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.slow.as_ref()?.deadline
    }

    /// Pauses with this patience from now on, if it does not do so already.
    fn pause(&mut self, patience: Patience, stall: Option<Duration>, now: Instant) {
        if self
            .slow
            .as_ref()
            .is_some_and(|slow| slow.patience == patience)
        {
            return;
        }
        self.resume(now);
        let rest = match patience {
            Patience::Lone => stall,
            Patience::Early => None,
            Patience::Shared => {
                let left = SHARED_PAUSE.saturating_sub(self.past.used(now));
                Some(left.max(LEAST_PAUSE))
            }
        };
        self.slow = Some(Slow {
            patience,
            since: now,
            deadline: rest.map(|rest| now + rest),
        });
    }

    fn resume(&mut self, now: Instant) {
        if let Some(slow) = self.slow.take()
            && slow.patience == Patience::Shared
        {
            self.past.add(slow.since, now);
        }
    }
}

impl Past {
    fn add(&mut self, start: Instant, end: Instant) {
        let paused = end.saturating_duration_since(start);
        if paused.is_zero() {
            return;
        }
        self.forget(end);
        if let Some((first, last, total)) = self.pauses.back_mut()
            && start.saturating_duration_since(*first) < JOINED_PAUSES
        {
            *last = end;
            *total += paused;
        } else {
            self.pauses.push_back((start, end, paused));
        }
    }

    /// Time paused in the period before `now`.
    fn used(&mut self, now: Instant) -> Duration {
        self.forget(now);
        steps(self.pauses.len());
        let period =
            |end: Instant| SHARED_PERIOD.saturating_sub(now.saturating_duration_since(end));
        self.pauses
            .iter()
            .map(|&(_, end, paused)| paused.min(period(end)))
            .sum()
    }

    fn forget(&mut self, now: Instant) {
        let is_over =
            |&(_, end, _): &(_, Instant, _)| now.saturating_duration_since(end) >= SHARED_PERIOD;
        while self.pauses.front().is_some_and(is_over) {
            self.pauses.pop_front();
        }
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
        let paused = self.pausing.paused;
        if !slow {
            self.pausing.resume(now);
        } else {
            // Said anew each time: sessions come and go while reading is paused.
            let patience = match (self.sessions.len() + usize::from(early), early) {
                (2.., _) => Patience::Shared,
                (_, true) => Patience::Early,
                (_, false) => Patience::Lone,
            };
            self.pausing.pause(patience, self.limits.stall, now);
        }
        self.pausing.paused = slow || self.output.control_len() > self.control_room();
        match (paused, self.pausing.paused) {
            (false, true) => self.pausing.paused_since = Some(now),
            (true, false) => {
                if let Some(since) = self.pausing.paused_since.take() {
                    let time = now.saturating_duration_since(since);
                    let count = |counters: &Counters| counters.pause_time.record_time(time);
                    self.observers.count(count);
                }
            }
            _ => {}
        }
        self.transactions.stand_still(self.pausing.paused, now);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "a hundred thousand pauses take long to interpret")]
    fn pauses_are_counted_for_their_period_and_few_are_remembered() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut past = Past::default();
        past.add(at(0), at(1500));
        past.add(at(2000), at(2000));
        past.add(at(3000), at(3250));
        assert_eq!(past.used(at(3250)), Duration::from_millis(1750));
        assert_eq!(past.used(at(20_500)), Duration::from_millis(1250));
        assert_eq!(past.used(at(21_500)), Duration::from_millis(250));
        assert_eq!(past.used(at(30_000)), Duration::ZERO);
        // Half of the time, in pieces of a millisecond.
        for n in 0..100_000 {
            let ms = 40_000 + 2 * n;
            past.add(at(ms), at(ms + 1));
            assert!(past.pauses.len() <= 201);
        }
        let used = past.used(at(240_000));
        assert!(
            used.abs_diff(Duration::from_secs(10)) < JOINED_PAUSES,
            "{used:?}"
        );
    }
}
