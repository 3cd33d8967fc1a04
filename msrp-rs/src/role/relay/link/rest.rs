//! A link that has nothing to do: what matters of it in a fraction of its room, so that many idle connections share the
//! buffers and tables of the few that are busy.

use std::time::Instant;

use super::ingress::Current;
use super::lanes::Lanes;
use super::policy::Verdicts;
use super::probation::Probation;
use super::transactions::Transactions;
use super::{Link, LinkCounts, LinkOptions, REFUSED_FLOWS};
use crate::proto::Tap;
use crate::proto::bounded::BoundedMap;
use crate::proto::pausing::Pausing;
use crate::role::relay::{LinkId, Party, Peer};

/// What matters of a link at rest. Any link of the same relay can go on as this one.
#[derive(Debug)]
pub struct Resting {
    party: Party,
    /// Octets received.
    offset: u64,
    lanes: Lanes,
    last_lane: Option<u64>,
    probation: Option<Probation>,
    numbers: u64,
    tap: Option<Box<dyn Tap>>,
    counts: LinkCounts,
    last_used: Instant,
    sweep_at: Option<Instant>,
    /// If a response is awaited.
    transactions: Option<Box<Transactions>>,
    memories: Option<Box<Memories>>,
}

/// What most links need not remember.
#[derive(Debug)]
struct Memories {
    pausing: Pausing,
    refused_flows: BoundedMap<u64, ()>,
    verdicts: Verdicts,
}

impl Resting {
    /// A new link, which has received and sent nothing yet. Every frame is shown to `tap`.
    pub fn new(
        party: Party,
        options: &LinkOptions,
        tap: Option<Box<dyn Tap>>,
        now: Instant,
    ) -> Self {
        Self {
            probation: (party.peer == Peer::Client).then(|| Probation::new(options, now)),
            party,
            offset: 0,
            lanes: Lanes::default(),
            last_lane: None,
            numbers: 0,
            tap,
            counts: LinkCounts::default(),
            last_used: now,
            sweep_at: None,
            transactions: None,
            memories: None,
        }
    }

    /// Which link this is, and who is at its other end.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// As [`Link::poll_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let transactions = self.transactions.as_ref();
        let probation = self.probation.as_ref();
        [
            transactions.and_then(|transactions| transactions.next_deadline()),
            probation.and_then(Probation::deadline),
            self.sweep_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// As [`Link::is_settled`].
    pub fn is_settled(&self) -> bool {
        let transactions = self.transactions.as_ref();
        transactions.is_none_or(|transactions| transactions.is_empty()) && self.lanes.are_idle()
    }

    /// As [`Link::remembered_bytes`].
    pub fn remembered_bytes(&self) -> usize {
        self.lanes.paths_len
    }

    /// As [`Link::last_used`].
    pub fn last_used(&self) -> Instant {
        self.last_used
    }

    /// As [`Link::shrink`].
    pub fn shrink(&mut self) {
        self.lanes.shrink();
        if let Some(transactions) = &mut self.transactions {
            transactions.shrink();
        }
        if let Some(memories) = &mut self.memories {
            memories.refused_flows.shrink();
        }
    }

    /// As [`Link::take_counts`].
    pub fn take_counts(&mut self) -> LinkCounts {
        std::mem::take(&mut self.counts)
    }
}

impl Link {
    /// Takes out what matters, if nothing is under way here but responses that are awaited. What is left may
    /// [`wake`](Self::wake) as any link of the relay; until then nothing else is to be done with it.
    pub fn rest(&mut self, now: Instant) -> Option<Resting> {
        if !self.may_rest() {
            return None;
        }
        self.pending.settle();
        self.egress.clear();
        self.write_deadline = None;
        let transactions = (!self.transactions.is_blank()).then(|| {
            let new = || Transactions::new(self.limits.transaction, &self.options, now);
            let mut blank = self.blank.take().unwrap_or_else(|| Box::new(new()));
            std::mem::swap(&mut self.transactions, &mut blank);
            blank
        });
        let is_blank =
            self.pausing.is_blank() && self.refused_flows.is_empty() && self.verdicts.is_blank();
        let memories = (!is_blank).then(|| {
            let verdicts = Verdicts::new(self.options.max_verdicts);
            Box::new(Memories {
                pausing: std::mem::take(&mut self.pausing),
                refused_flows: std::mem::replace(
                    &mut self.refused_flows,
                    BoundedMap::new(REFUSED_FLOWS),
                ),
                verdicts: std::mem::replace(&mut self.verdicts, verdicts),
            })
        });
        Some(Resting {
            party: std::mem::replace(&mut self.party, NOBODY),
            offset: self.parser.offset(),
            lanes: std::mem::take(&mut self.lanes),
            last_lane: self.last_lane.take(),
            probation: self.probation.take(),
            numbers: self.numbers,
            tap: self.observers.tap.take(),
            counts: std::mem::take(&mut self.counts),
            last_used: self.last_used,
            sweep_at: self.sweep_at.take(),
            transactions,
            memories,
        })
    }

    /// Goes on as the link that this was. Whether memory is short, or paths are scarce, is to be said anew.
    pub fn wake(&mut self, resting: Resting) {
        let Resting {
            party,
            offset,
            lanes,
            last_lane,
            probation,
            numbers,
            tap,
            counts,
            last_used,
            sweep_at,
            transactions,
            memories,
        } = resting;
        self.party = party;
        self.parser.resume(offset);
        self.lanes = lanes;
        self.last_lane = last_lane;
        self.probation = probation;
        self.numbers = numbers;
        self.observers.tap = tap;
        self.counts = counts;
        self.last_used = last_used;
        self.sweep_at = sweep_at;
        if let Some(mut transactions) = transactions {
            std::mem::swap(&mut self.transactions, &mut transactions);
            self.blank = Some(transactions);
        }
        if let Some(memories) = memories {
            let Memories {
                pausing,
                refused_flows,
                verdicts,
            } = *memories;
            self.pausing = pausing;
            self.refused_flows = refused_flows;
            self.verdicts = verdicts;
        }
    }

    fn may_rest(&self) -> bool {
        self.closed.is_none()
            && matches!(self.current, Current::Nothing)
            && self.output.len() + self.output.control_len() == 0
            && self.forwards.is_empty()
            && self.backwards.is_empty()
            && self.events.is_empty()
            && self.pending.is_empty()
            && !self.pausing.is_paused()
            && self.verdicts.is_settled()
            && !self.observers.is_reading()
            && self.parser.is_fresh()
            && self.egress.is_blank()
    }
}

/// Who is at the other end of what is left when a link rests.
const NOBODY: Party = Party {
    link: LinkId(0),
    peer: Peer::Host,
    secure: false,
    address: None,
};
