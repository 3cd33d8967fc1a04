//! Requests of ours under way, and the clock for their 30 s (RFC 4975 §7.1.1).
//!
//! The time runs from the last octet written, and stands still while we do not read: a response that waits in our
//! own receive buffer is not late. What a response or a timeout means for the message is decided in `inbound` and
//! `sending`.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::index::RandomKey;
use super::work::steps;
use super::{AskKey, TransferKey};
use crate::mutant::{self, Mutant};
use crate::wire::TransactionId;

/// A session in the connection's table; `serial` tells it from a later one in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SessionRef {
    pub(super) index: usize,
    pub(super) serial: u64,
}

impl SessionRef {
    /// What is of the connection, and of no session.
    pub(super) const NOBODY: Self = Self {
        index: usize::MAX,
        serial: u64::MAX,
    };
}

/// What a request of ours was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The first request of an active session.
    Bind,
    /// A bodiless SEND to show that we are there, or to end a message with `#`.
    Notice {
        /// Whether silence means that the session has failed.
        required: bool,
    },
    /// A chunk of an outgoing message, by its place in the session.
    Chunk(usize),
    /// The same with `Failure-Report: partial`: silence is good. Named and not by its place, since it may outlive its
    /// message.
    SilentChunk(TransferKey),
    /// Something that the connection's owner asks.
    Ask(AskKey),
}

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) session: SessionRef,
    pub(super) purpose: Purpose,
    /// When its last octet was written.
    pub(super) written: Option<Instant>,
}

/// The requests under way on one connection. Those of a session that has ended go when they are answered or their time
/// is over: the session's number tells that they are nobody's.
#[derive(Debug)]
pub(super) struct Transactions {
    live: HashMap<TransactionId, Transaction, RandomKey>,
    /// In the order of their deadlines, since all have the same time.
    deadlines: VecDeque<(Duration, TransactionId)>,
    /// `SilentChunk`s, oldest first.
    silent: VecDeque<TransactionId>,
    silent_limit: usize,
    timeout: Duration,
    start: Instant,
    stood_still: Duration,
    standing_since: Option<Instant>,
}

impl Transactions {
    pub(super) fn new(timeout: Duration, silent_limit: usize, now: Instant) -> Self {
        Self {
            live: HashMap::default(),
            deadlines: VecDeque::new(),
            silent: VecDeque::new(),
            silent_limit,
            timeout,
            start: now,
            stood_still: Duration::ZERO,
            standing_since: None,
        }
    }

    /// Gives back room that is not used.
    pub(super) fn shrink(&mut self) {
        self.live.shrink_to_fit();
        self.deadlines.shrink_to_fit();
        self.silent.shrink_to_fit();
    }

    pub(super) fn contains(&self, id: &TransactionId) -> bool {
        self.live.contains_key(id) && !mutant::on(Mutant::TransactionIdReused)
    }

    pub(super) fn begin(&mut self, id: TransactionId, session: SessionRef, purpose: Purpose) {
        if matches!(purpose, Purpose::SilentChunk(_)) {
            self.silent.push_back(id);
            if self.silent.len() > self.silent_limit
                && let Some(oldest) = self.silent.pop_front()
            {
                self.live.remove(&oldest);
            }
        }
        let transaction = Transaction {
            session,
            purpose,
            written: None,
        };
        self.live.insert(id, transaction);
    }

    /// The last octet was written: the time runs.
    pub(super) fn start_timer(&mut self, id: TransactionId, now: Instant) {
        let timeout = self.timeout / if mutant::on(Mutant::TimerEarly) { 2 } else { 1 };
        let deadline = self.elapsed(now) + timeout;
        if let Some(transaction) = self.live.get_mut(&id) {
            transaction.written = Some(now);
            self.deadlines.push_back((deadline, id));
        }
    }

    pub(super) fn finish(&mut self, id: &TransactionId) -> Option<Transaction> {
        let any = || self.live.keys().next().copied().unwrap_or(*id);
        let id = mutant::swap(Mutant::AnyResponseTaken, *id, any);
        let transaction = self.live.remove(&id);
        // Answered ones go from the front, and all of them when they are more than what is under way: one that is
        // never answered would keep the others behind it for its 30 s.
        while self
            .deadlines
            .front()
            .is_some_and(|(_, id)| !self.live.contains_key(id))
        {
            steps(1);
            self.deadlines.pop_front();
        }
        if self.deadlines.len() > 2 * self.live.len() + 64 {
            steps(self.deadlines.len());
            self.deadlines.retain(|(_, id)| self.live.contains_key(id));
        }
        transaction
    }

    /// Takes the next one whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Transaction> {
        if self.standing_since.is_some() {
            return None;
        }
        let elapsed = self.elapsed(now);
        while let Some(&(deadline, id)) = self.deadlines.front() {
            if deadline > elapsed {
                return None;
            }
            self.deadlines.pop_front();
            if let Some(transaction) = self.live.remove(&id) {
                return Some(transaction);
            }
        }
        None
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.standing_since.is_some() {
            return None;
        }
        self.deadlines
            .front()
            .map(|&(deadline, _)| self.start + self.stood_still + deadline)
    }

    /// Lets the time stand still, or run again.
    pub(super) fn stand_still(&mut self, still: bool, now: Instant) {
        match (still, self.standing_since) {
            (true, None) => self.standing_since = Some(now),
            (false, Some(since)) => {
                self.stood_still += now.saturating_duration_since(since);
                self.standing_since = None;
            }
            _ => {}
        }
    }

    /// The connection's age without the times in which it did not read: what a peer had to act in.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        let now = self.standing_since.unwrap_or(now);
        now.saturating_duration_since(self.start)
            .saturating_sub(self.stood_still)
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn one_request_without_answer_keeps_no_others() {
        let now = Instant::now();
        let mut transactions = Transactions::new(Duration::from_secs(30), 8, now);
        let session = SessionRef {
            index: 0,
            serial: 0,
        };
        let id = |n: usize| TransactionId::new(&format!("tid{n}")).expect("an ident");
        let many = if cfg!(miri) { 300 } else { 10_000 };
        for n in 0..many {
            let at = now + Duration::from_millis(n as u64);
            transactions.begin(id(n), session, Purpose::Chunk(0));
            transactions.start_timer(id(n), at);
            if n > 0 {
                assert!(transactions.finish(&id(n)).is_some());
            }
            assert!(transactions.deadlines.len() <= 67);
        }
        assert_eq!(
            transactions.next_deadline(),
            Some(now + Duration::from_secs(30))
        );
        let expired = transactions.expire(now + Duration::from_secs(30));
        assert_eq!(
            expired.map(|expired| expired.purpose),
            Some(Purpose::Chunk(0))
        );
        assert!(transactions.expire(now + Duration::from_secs(60)).is_none());
        covers!("T-63");
    }
}
