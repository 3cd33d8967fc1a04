//! What the host says to each message, and what waits until it has said it.
//!
//! A lane keeps its order: behind a message that waits, everything of its lane waits. What waits counts against the
//! lane's window like what is under way, so that back-pressure bounds it.

use std::collections::{HashMap, VecDeque};

use super::super::{FlowId, Forward};
use super::{Link, LinkEvent, Observation, QueryId, Question, Verdict};
use crate::proto::bounded::BoundedMap;
use crate::proto::index::RandomKey;
use crate::wire::{FailureReport, Head, MessageId, StatusCode, TransactionId};

/// A message: its lane and Message-ID.
type Key = (u64, MessageId);

/// Something of a message that waits, or of one behind it.
#[derive(Debug)]
pub(super) struct Held {
    /// As it was when this came: `Asked` is looked up again.
    pub(super) standing: Standing,
    pub(super) message: Option<MessageId>,
    pub(super) what: Waits,
}

#[derive(Debug)]
pub(super) enum Waits {
    /// To be handed on.
    Forward(Forward),
    /// A SEND has come to its end: to be answered.
    Answer(TransactionId, FailureReport),
}

impl Held {
    pub(super) fn cost(&self) -> usize {
        match &self.what {
            Waits::Forward(forward) => forward.cost(),
            Waits::Answer(..) => 0,
        }
    }
}

/// What is known of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The host has been asked.
    Asked,
    Allowed,
    Observed(QueryId),
    Rejected(StatusCode),
}

/// The messages that the host was asked about.
#[derive(Debug)]
pub(super) struct Verdicts {
    asked: HashMap<u64, Key, RandomKey>,
    waiting: HashMap<Key, (), RandomKey>,
    known: BoundedMap<Key, Standing>,
    max: usize,
    /// What waits in all lanes, as `Forward::cost` counts it.
    pub(super) held_len: usize,
}

impl Verdicts {
    pub(super) fn new(max: usize) -> Self {
        Self {
            asked: HashMap::default(),
            waiting: HashMap::default(),
            known: BoundedMap::new(max),
            max,
            held_len: 0,
        }
    }

    /// Whether the host was asked nothing whose answer is awaited.
    pub(super) fn is_settled(&self) -> bool {
        self.asked.is_empty() && self.waiting.is_empty() && self.held_len == 0
    }

    /// Whether nothing is remembered either.
    pub(super) fn is_blank(&self) -> bool {
        self.is_settled() && self.known.is_empty()
    }

    fn standing(&self, key: &Key) -> Option<Standing> {
        match self.waiting.contains_key(key) {
            true => Some(Standing::Asked),
            false => self.known.get(key).copied(),
        }
    }
}

impl Link {
    /// What is known of what the host says to the message of a SEND.
    pub(super) fn known_standing(&self, lane: usize, head: &Head) -> Option<Standing> {
        match self.key(lane, head) {
            Some(key) => self.verdicts.standing(&key),
            None => Some(Standing::Allowed),
        }
    }

    /// The message of a SEND, if the host has a word in it.
    fn key(&self, lane: usize, head: &Head) -> Option<Key> {
        let is_asked = self.options.ask && head.content_type().is_some();
        let message_id = head.message_id().filter(|_| is_asked)?;
        Some((self.lanes.get(lane).number, message_id))
    }

    /// What the host says to the message of a SEND; it is asked if it was not.
    pub(super) fn standing(&mut self, lane: usize, head: &Head) -> Standing {
        let Some(key) = self.key(lane, head) else {
            return Standing::Allowed;
        };
        if let Some(standing) = self.verdicts.standing(&key) {
            return standing;
        }
        if self.verdicts.asked.len() >= self.verdicts.max {
            return Standing::Rejected(StatusCode::STOP_SENDING);
        }
        let query = self.next_query();
        self.verdicts.asked.insert(query.number, key);
        self.verdicts.waiting.insert(key, ());
        self.events.push_back(LinkEvent::Message(Box::new(Question {
            query,
            leg: self.lanes.get(lane).leg.clone(),
            message_id: key.1,
            content_type: head.content_type().map(str::to_owned),
            total: head.byte_range().and_then(|range| range.total),
        })));
        Standing::Asked
    }

    /// The host's word on a message.
    pub(super) fn verdict(&mut self, query: QueryId, verdict: Verdict) {
        let Some(key) = self.verdicts.asked.remove(&query.number) else {
            return;
        };
        self.verdicts.waiting.remove(&key);
        let standing = match verdict {
            Verdict::Allow => Standing::Allowed,
            Verdict::Observe => Standing::Observed(query),
            Verdict::Reject(status) => Standing::Rejected(status),
        };
        self.verdicts.known.insert(key, standing);
        let Some(lane) = self.lanes.by_number(key.0) else {
            return;
        };
        match standing {
            Standing::Rejected(status) => self.refuse_current(lane, Some(key.1), status),
            _ => self.set_standing(lane, key.1, standing),
        }
        self.release(lane);
    }

    /// Hands on what waits for no word any more.
    pub(super) fn release(&mut self, lane: usize) {
        while let Some(held) = self.lanes.get_mut(lane).held.pop_front() {
            self.verdicts.held_len -= held.cost();
            let standing = match (held.standing, held.message) {
                (Standing::Asked, Some(message)) => {
                    let known = self
                        .verdicts
                        .standing(&(self.lanes.get(lane).number, message));
                    // One that was forgotten, since there were too many, does not pass.
                    known.unwrap_or(Standing::Rejected(StatusCode::STOP_SENDING))
                }
                (standing, _) => standing,
            };
            match (held.what, standing) {
                (what, Standing::Asked) => {
                    let held = Held { what, ..held };
                    self.verdicts.held_len += held.cost();
                    self.lanes.get_mut(lane).held.push_front(held);
                    return;
                }
                (Waits::Forward(forward), Standing::Rejected(_)) => self.uncharge(lane, &forward),
                (Waits::Forward(forward), Standing::Observed(query)) => {
                    self.observe(query, &forward);
                    self.bring(forward);
                }
                (Waits::Forward(forward), Standing::Allowed) => self.bring(forward),
                (Waits::Answer(transaction_id, failure_report), standing) => {
                    let status = match standing {
                        Standing::Rejected(status) => status,
                        _ => StatusCode::OK,
                    };
                    self.answer_send(lane, transaction_id, failure_report, status);
                }
            }
        }
    }

    /// Refuses all that waits in a lane.
    pub(super) fn refuse_held(&mut self, lane: usize, status: StatusCode) {
        for Held { message, what, .. } in self.drop_held(lane) {
            match what {
                Waits::Forward(forward) => {
                    self.uncharge(lane, &forward);
                    if forward.leg().is_some() {
                        self.lanes.get_mut(lane).refuse(message, status);
                    }
                }
                Waits::Answer(transaction_id, failure_report) => {
                    self.answer_send(lane, transaction_id, failure_report, status);
                }
            }
        }
    }

    /// Takes all that waits in a lane.
    pub(super) fn drop_held(&mut self, lane: usize) -> VecDeque<Held> {
        let held = std::mem::take(&mut self.lanes.get_mut(lane).held);
        self.verdicts.held_len -= held.iter().map(Held::cost).sum::<usize>();
        held
    }

    /// Lets something wait.
    pub(super) fn hold(&mut self, lane: usize, mut held: Held) {
        if let Waits::Forward(forward) = &mut held.what {
            forward.detach();
        }
        self.verdicts.held_len += held.cost();
        self.lanes.get_mut(lane).held.push_back(held);
    }

    /// Whether the beginning of this SEND waits.
    pub(super) fn is_held(&self, lane: usize, flow: FlowId) -> bool {
        let is_it = |held: &Held| match &held.what {
            Waits::Forward(Forward::Begin(other, _)) => *other == flow,
            _ => false,
        };
        self.lanes.get(lane).held.iter().any(is_it)
    }

    /// Shows the host what is handed on.
    pub(super) fn observe(&mut self, query: QueryId, forward: &Forward) {
        let mut show = |observation| {
            let event = LinkEvent::Observed(query, observation);
            self.events.push_back(event);
        };
        match forward {
            Forward::Whole {
                chunk,
                body,
                continuation,
                ..
            } => {
                show(Observation::Chunk(chunk.start));
                show(Observation::Octets(body.clone()));
                show(Observation::End(*continuation));
            }
            Forward::Begin(_, chunk) => show(Observation::Chunk(chunk.start)),
            Forward::Body(_, body) => show(Observation::Octets(body.clone())),
            Forward::End(_, continuation) => show(Observation::End(*continuation)),
            Forward::Cut(_) => show(Observation::Cut),
            Forward::Request(..) | Forward::Leave(_) => {}
        }
    }
}
