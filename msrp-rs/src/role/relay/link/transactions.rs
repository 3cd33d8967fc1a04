//! Requests that this link has sent and whose response is awaited (RFC 4976 §6.4.1, §6.4.3).
//!
//! A transaction id says where its entry stands, then come 71 random bits: a response finds its request without a
//! search, and no two under way are equal. The 30 s run from the last octet written, and stand still while we do not
//! read: a response that waits in our own receive buffer is not late.

use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::super::{FlowId, Leg};
use super::{LinkOptions, reserve_lean};
use crate::proto::IdSource;
use crate::proto::ids::ALPHABET;
use crate::wire::{MessageId, TransactionId};

/// Characters of a transaction id that say where its entry stands, and those that nobody can guess.
const PLACE: usize = 4;
const RANDOM: usize = 12;

/// Octets of paths that entries may have on average, before no more are begun.
const PATHS: usize = 1024;

/// Kinds of entries, each with bounds of its own: SENDs whose silence is a failure, SENDs whose silence is good, and
/// requests of other methods.
const SEND: usize = 0;
const SILENT: usize = 1;
const REQUEST: usize = 2;

/// How many entries `PLACE` characters can tell apart.
const PLACES: usize = 62 * 62 * 62 * 62;

/// An entry; `serial` tells it from a later one in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    index: usize,
    serial: u32,
}

/// What was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) flow: FlowId,
    pub(super) leg: Arc<Leg>,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A SEND, or a piece of one.
    Send {
        message_id: Option<MessageId>,
        /// 1-based position of its first octet.
        start: u64,
        /// How many octets it has; known when it has ended.
        len: u64,
        total: Option<u64>,
        /// `Failure-Report: partial`: silence is good.
        silent: bool,
    },
    /// A request that is answered end to end.
    Request,
}

impl Sent {
    pub(super) fn is_silent(&self) -> bool {
        self.kind() == SILENT
    }

    fn kind(&self) -> usize {
        match self.what {
            What::Send { silent: false, .. } => SEND,
            What::Send { silent: true, .. } => SILENT,
            What::Request => REQUEST,
        }
    }
}

#[derive(Debug)]
struct Entry {
    id: TransactionId,
    serial: u32,
    sent: Sent,
    /// When its time is over, once it is written.
    deadline: Option<Duration>,
    before: Option<usize>,
    after: Option<usize>,
}

/// Entries in the order in which they were begun: also that in which they are written, and their time ends.
#[derive(Debug, Default)]
struct Order {
    first: Option<usize>,
    last: Option<usize>,
    len: usize,
    /// Octets of the paths that they keep; most are shared.
    paths_len: usize,
}

#[derive(Debug)]
pub(super) struct Transactions {
    entries: Slab<Entry>,
    /// By their kinds.
    orders: [Order; 3],
    /// How many there may be of each kind.
    most: [usize; 3],
    serial: u32,
    timeout: Duration,
    start: Instant,
    stood_still: Duration,
    standing_since: Option<Instant>,
}

impl Transactions {
    pub(super) fn new(timeout: Duration, options: &LinkOptions, now: Instant) -> Self {
        Self {
            entries: Slab::new(),
            orders: Default::default(),
            most: [
                options.max_transactions.min(PLACES / 4),
                options.max_silent.clamp(1, PLACES / 4),
                options.max_pending.min(PLACES / 4),
            ],
            serial: 0,
            timeout,
            start: now,
            stood_still: Duration::ZERO,
            standing_since: None,
        }
    }

    /// Whether no SEND may be begun now: those whose silence is good wait behind others, and not for each other.
    pub(super) fn is_full(&self) -> bool {
        self.has_most(SEND)
    }

    /// Whether no request of another method may be begun now.
    pub(super) fn is_full_of_requests(&self) -> bool {
        self.has_most(REQUEST)
    }

    fn has_most(&self, kind: usize) -> bool {
        let (order, most) = (&self.orders[kind], self.most[kind]);
        order.len >= most || order.paths_len >= most.saturating_mul(PATHS)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.orders[SEND].len + self.orders[REQUEST].len == 0
    }

    /// Whether there is none at all, also none whose silence is good.
    pub(super) fn is_blank(&self) -> bool {
        self.entries.is_empty()
    }

    /// Begins one. If there are too many whose silence is good, the oldest of them is forgotten.
    pub(super) fn begin(&mut self, sent: Sent, ids: &mut IdSource) -> (Slot, TransactionId) {
        let nth = sent.kind();
        while nth == SILENT
            && self.has_most(SILENT)
            && let Some(oldest) = self.orders[SILENT].first
        {
            self.remove(oldest);
        }
        self.serial = self.serial.wrapping_add(1);
        let paths_len = sent.leg.paths_len();
        let before = self.orders[nth].last;
        reserve_lean(&mut self.entries);
        let entry = self.entries.vacant_entry();
        let index = entry.key();
        let id = transaction_id(Some(index), ids);
        entry.insert(Entry {
            id,
            serial: self.serial,
            sent,
            deadline: None,
            before,
            after: None,
        });
        if let Some(before) = before {
            self.entries[before].after = Some(index);
        }
        let order = &mut self.orders[nth];
        order.first.get_or_insert(index);
        order.last = Some(index);
        order.len += 1;
        order.paths_len += paths_len;
        let slot = Slot {
            index,
            serial: self.serial,
        };
        (slot, id)
    }

    /// Another transaction id for one that is not written yet.
    pub(super) fn rename(&mut self, slot: Slot, ids: &mut IdSource) -> TransactionId {
        let id = transaction_id(Some(slot.index), ids);
        if let Some(entry) = self.entry(slot) {
            entry.id = id;
        }
        id
    }

    /// The SEND has ended, with so many octets.
    pub(super) fn set_len(&mut self, slot: Slot, sent_len: u64) {
        if let Some(Entry {
            sent:
                Sent {
                    what: What::Send { len, .. },
                    ..
                },
            ..
        }) = self.entry(slot)
        {
            *len = sent_len;
        }
    }

    /// Its last octet was written: the time runs.
    pub(super) fn start_timer(&mut self, slot: Slot, now: Instant) {
        let deadline = self.elapsed(now) + self.timeout;
        if let Some(entry) = self.entry(slot) {
            entry.deadline = Some(deadline);
        }
    }

    /// The one that a response is for ends.
    pub(super) fn finish(&mut self, id: &TransactionId) -> Option<(Slot, Sent)> {
        let index = place(id)?;
        let entry = self.entries.get(index).filter(|entry| entry.id == *id)?;
        let slot = Slot {
            index,
            serial: entry.serial,
        };
        Some((slot, self.remove(index).sent))
    }

    /// It ends without a response.
    pub(super) fn forget(&mut self, slot: Slot) {
        if self.entry(slot).is_some() {
            self.remove(slot.index);
        }
    }

    /// Takes the next one whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Sent> {
        if self.standing_since.is_some() {
            return None;
        }
        let elapsed = self.elapsed(now);
        let first = self.orders.iter().filter_map(|order| order.first);
        let is_over = |&index: &usize| {
            let deadline = self.entries[index].deadline;
            deadline.is_some_and(|deadline| deadline <= elapsed)
        };
        let over = first.into_iter().find(is_over)?;
        Some(self.remove(over).sent)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.standing_since.is_some() {
            return None;
        }
        let first = self.orders.iter().filter_map(|order| order.first);
        let deadline = first.filter_map(|index| self.entries[index].deadline).min();
        deadline.map(|deadline| self.start + self.stood_still + deadline)
    }

    /// Ends all, in their order. Whether each was written to its end.
    pub(super) fn drain(&mut self) -> Vec<(Sent, bool)> {
        let mut all = Vec::with_capacity(self.entries.len());
        while let Some(first) = self.orders.iter().find_map(|order| order.first) {
            let entry = self.remove(first);
            all.push((entry.sent, entry.deadline.is_some()));
        }
        all
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

    /// Gives back room that is not used.
    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    fn elapsed(&self, now: Instant) -> Duration {
        let now = self.standing_since.unwrap_or(now);
        now.saturating_duration_since(self.start)
            .saturating_sub(self.stood_still)
    }

    fn entry(&mut self, slot: Slot) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(slot.index);
        entry.filter(|entry| entry.serial == slot.serial)
    }

    fn remove(&mut self, index: usize) -> Entry {
        let entry = self.entries.remove(index);
        let order = &mut self.orders[entry.sent.kind()];
        order.len -= 1;
        order.paths_len -= entry.sent.leg.paths_len();
        match entry.before {
            Some(before) => self.entries[before].after = entry.after,
            None => order.first = entry.after,
        }
        match entry.after {
            Some(after) => self.entries[after].before = entry.before,
            None => order.last = entry.before,
        }
        entry
    }
}

/// A new transaction id; without a place for what nobody answers.
pub(super) fn transaction_id(place: Option<usize>, ids: &mut IdSource) -> TransactionId {
    let mut text = [0; PLACE + RANDOM];
    ids.fill(&mut text);
    if let Some(mut place) = place {
        for octet in &mut text[..PLACE] {
            *octet = ALPHABET[place % 62];
            place /= 62;
        }
    }
    TransactionId::parse(&text).expect("sixteen letters and digits are an ident")
}

/// Where the entry of a transaction id would stand.
fn place(id: &TransactionId) -> Option<usize> {
    let text = id.as_bytes();
    if text.len() != PLACE + RANDOM {
        return None;
    }
    text[..PLACE].iter().rev().try_fold(0, |place, octet| {
        let digit = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            _ => return None,
        };
        Some(place * 62 + usize::from(digit))
    })
}
