//! How long reading may pause for a slow consumer.
//!
//! A connection with one session may stay paused for `Limits::stall`, like any TCP stream; one with more is paused at
//! most 2 s in any 20 s. When the 2 s are used up by one session, another one that is slow for a moment still gets
//! 100 ms. Who is slow, and what becomes of it when the time is over, is decided in `credit` for an endpoint's
//! connections, and in `role::relay` for those of a relay.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::work::steps;

/// A shared connection is paused at most `SHARED_PAUSE` in any `SHARED_PERIOD`.
const SHARED_PAUSE: Duration = Duration::from_secs(2);
const SHARED_PERIOD: Duration = Duration::from_secs(20);

/// A pause may always last so long: a consumer that is slow for a moment is not shed for what another has used up.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Pauses that start so soon after each other are remembered as one.
const JOINED_PAUSES: Duration = Duration::from_millis(100);

/// Whether and since when reading is paused.
#[derive(Debug, Default)]
pub(crate) struct Pausing {
    /// New chunks get 413: the engine's memory is used up.
    pub(crate) memory_short: bool,
    /// Octets above the receive windows of all sessions that are not shed.
    pub(crate) slack_used: usize,
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
pub(crate) enum Patience {
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
    /// Whether reading is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether nothing of it matters any more, but for the engine's memory.
    pub(crate) fn is_blank(&self) -> bool {
        !self.paused && self.slow.is_none() && self.past.pauses.is_empty()
    }

    /// Says whether reading has to pause: for consumers that are slow, with this patience, or because too much waits to
    /// be written. Gives how long the pause was that ends now.
    pub(crate) fn update(
        &mut self,
        slow: Option<Patience>,
        full: bool,
        stall: Option<Duration>,
        now: Instant,
    ) -> Option<Duration> {
        match slow {
            None => self.resume(now),
            Some(patience) => self.pause(patience, stall, now),
        }
        self.paused = slow.is_some() || full;
        if self.paused {
            self.paused_since.get_or_insert(now);
            return None;
        }
        let since = self.paused_since.take()?;
        Some(now.saturating_duration_since(since))
    }

    /// The consumer of the one session took something: its time begins anew.
    pub(crate) fn progress(&mut self, stall: Option<Duration>, now: Instant) {
        if let Some(slow) = &mut self.slow
            && slow.patience == Patience::Lone
        {
            slow.deadline = stall.map(|stall| now + stall);
        }
    }

    /// When a consumer has been slow for long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
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

    /// What was slow is so no more; what still is begins a pause of its own.
    pub(crate) fn resume(&mut self, now: Instant) {
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
