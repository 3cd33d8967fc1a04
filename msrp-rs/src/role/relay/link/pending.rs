//! Requests of the peer that are answered later: AUTHs for this relay, and requests of other methods than SEND whose
//! response comes from behind us. Bounded in number and time (RFC 4976 §3).

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::proto::index::RandomKey;
use crate::wire::TransactionId;

/// What is kept of a request until it is answered.
#[derive(derive_more::Debug)]
pub(super) struct Waiting {
    /// The peer's.
    pub(super) transaction_id: TransactionId,
    /// From-Path as it came: the To-Path of our answer.
    #[debug(skip)]
    pub(super) from_path: Bytes,
    /// First URI of To-Path: the From-Path of our answer.
    #[debug(skip)]
    pub(super) addressed: Bytes,
    /// For an AUTH with credentials to another relay: that relay's URI.
    #[debug(skip)]
    pub(super) destination: Option<Bytes>,
}

#[derive(Debug)]
pub(super) struct Pending {
    live: HashMap<u64, Waiting, RandomKey>,
    /// In the order of their deadlines.
    deadlines: VecDeque<(Instant, u64)>,
    /// Octets of the paths that are kept.
    paths_len: usize,
    max: usize,
    timeout: Duration,
}

/// Octets of paths that requests may have on average, before no more may wait.
const PATHS: usize = 1024;

impl Waiting {
    fn paths_len(&self) -> usize {
        self.from_path.len() + self.addressed.len()
    }
}

impl Pending {
    pub(super) fn new(max: usize, timeout: Duration) -> Self {
        Self {
            live: HashMap::default(),
            deadlines: VecDeque::new(),
            paths_len: 0,
            max,
            timeout,
        }
    }

    /// Whether no more may wait now.
    pub(super) fn is_full(&self) -> bool {
        self.live.len() >= self.max || self.paths_len >= self.max.saturating_mul(PATHS)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Forgets when those that were answered would have been late; nothing waits.
    pub(super) fn settle(&mut self) {
        self.deadlines.clear();
    }

    pub(super) fn begin(&mut self, now: Instant, number: u64, waiting: Waiting) {
        self.paths_len += waiting.paths_len();
        self.live.insert(number, waiting);
        self.deadlines.push_back((now + self.timeout, number));
    }

    pub(super) fn finish(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.live.remove(&number)?;
        self.paths_len -= waiting.paths_len();
        if self.deadlines.len() > 2 * self.live.len() + 64 {
            self.deadlines
                .retain(|(_, number)| self.live.contains_key(number));
        }
        Some(waiting)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(at, _)| *at)
    }

    /// Forgets those whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(&(at, number)) = self.deadlines.front()
            && at <= now
        {
            self.deadlines.pop_front();
            if let Some(waiting) = self.live.remove(&number) {
                self.paths_len -= waiting.paths_len();
            }
        }
    }

    pub(super) fn shrink(&mut self) {
        self.live.shrink_to_fit();
        self.deadlines.shrink_to_fit();
    }
}
