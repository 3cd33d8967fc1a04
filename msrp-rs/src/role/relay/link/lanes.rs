//! The lanes in which a link receives: what was decided about a session's requests, and how much of them is under way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use slab::Slab;

use super::super::Leg;
use super::policy::Held;
use super::{Validity, reserve_lean};
use crate::proto::index::{Index, RandomKey};
use crate::wire::{MessageId, ResponseHead, StatusCode, TransactionId, words};

/// Messages of a lane that were refused and whose further chunks are refused too. Beyond: the oldest is forgotten.
const REFUSED: usize = 16;

/// One session and direction.
#[derive(derive_more::Debug)]
pub(super) struct Lane {
    pub(super) number: u64,
    pub(super) leg: Arc<Leg>,
    pub(super) validity: Validity,
    /// The path lines as they come.
    #[debug(skip)]
    paths: Bytes,
    /// A 200 to a SEND, between transaction id and end-line.
    #[debug(skip)]
    pub(super) accepted: Bytes,
    /// What was handed on and has not left, as `Forward::cost` counts it.
    pub(super) outstanding: usize,
    /// New SENDs are refused until the next hop has caught up.
    pub(super) shed: bool,
    pub(super) refused: VecDeque<(MessageId, StatusCode)>,
    /// Ends of refused messages that were handed on since half of the window was free.
    pub(super) aborts: usize,
    /// Waits for the host's word on a message; in order.
    pub(super) held: VecDeque<Held>,
    pub(super) last_used: Instant,
}

impl Lane {
    /// The status with which chunks of this message are refused.
    pub(super) fn refusal(&self, message: Option<MessageId>) -> Option<StatusCode> {
        if self.shed {
            return Some(StatusCode::STOP_SENDING);
        }
        let message = message?;
        let mut refused = self.refused.iter();
        let (_, status) = refused.find(|(other, _)| *other == message)?;
        Some(*status)
    }

    /// Whether a chunk of this message was refused, as far as that is remembered.
    pub(super) fn has_refused(&self, message: Option<MessageId>) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|(other, _)| Some(*other) == message)
    }

    /// Further chunks of this message are refused.
    pub(super) fn refuse(&mut self, message: Option<MessageId>, status: StatusCode) {
        let Some(message) = message else { return };
        if self.refused.len() == REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back((message, status));
    }

    /// Nothing is under way, so that it may be forgotten: what comes later cannot overtake, and nothing is uncounted.
    fn is_idle(&self) -> bool {
        self.held.is_empty() && self.outstanding == 0
    }

    fn paths_len(&self) -> usize {
        self.paths.len() + self.accepted.len() + self.leg.paths_len()
    }

    /// What counts: of a shed lane nothing more comes.
    fn counted(&self) -> usize {
        match self.shed {
            true => 0,
            false => self.outstanding,
        }
    }

    /// Octets above the window.
    fn excess(&self, window: usize) -> usize {
        match self.shed {
            true => 0,
            false => self.outstanding.saturating_sub(window),
        }
    }
}

/// All lanes of a link.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Slab<Lane>,
    by_paths: Index,
    by_number: HashMap<u64, usize, RandomKey>,
    /// The lane of the last request: most often also that of the next.
    last: Option<usize>,
    /// Octets above the windows of all lanes that are not shed.
    pub(super) slack_used: usize,
    /// What is under way in all lanes that are not shed.
    pub(super) outstanding: usize,
    /// What is under way in all lanes, shed or not.
    under_way: usize,
    /// Octets of the paths of all lanes.
    pub(super) paths_len: usize,
    /// When a request came in another lane than the one before it, and not in a new one.
    pub(super) mixed: Option<Instant>,
}

impl Lanes {
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn get(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut Lane {
        &mut self.lanes[index]
    }

    pub(super) fn by_number(&self, number: u64) -> Option<usize> {
        self.by_number.get(&number).copied()
    }

    pub(super) fn indexes(&self) -> Vec<usize> {
        self.lanes.iter().map(|(index, _)| index).collect()
    }

    /// The lane of requests with these path lines.
    pub(super) fn find(&mut self, paths: &[u8]) -> Option<usize> {
        if let Some(last) = self.last
            && self.lanes[last].paths == paths
        {
            return Some(last);
        }
        self.last = self.by_paths.get(paths, paths_at(&self.lanes));
        self.last
    }

    pub(super) fn insert(
        &mut self,
        now: Instant,
        number: u64,
        (leg, validity): (Arc<Leg>, Validity),
        paths: &[u8],
    ) -> usize {
        reserve_lean(&mut self.lanes);
        let index = self.lanes.insert(Lane {
            number,
            accepted: accepted(&leg),
            leg,
            validity,
            paths: Bytes::copy_from_slice(paths),
            outstanding: 0,
            shed: false,
            refused: VecDeque::new(),
            aborts: 0,
            held: VecDeque::new(),
            last_used: now,
        });
        self.by_paths.insert(index, paths_at(&self.lanes));
        self.by_number.insert(number, index);
        self.paths_len += self.lanes[index].paths_len();
        self.last = Some(index);
        index
    }

    pub(super) fn remove(&mut self, index: usize, window: usize) -> Lane {
        self.slack_used -= self.lanes[index].excess(window);
        self.outstanding -= self.lanes[index].counted();
        self.under_way -= self.lanes[index].outstanding;
        self.paths_len -= self.lanes[index].paths_len();
        self.by_paths.remove(&self.lanes[index].paths[..], index);
        self.by_number.remove(&self.lanes[index].number);
        self.last = None;
        self.lanes.remove(index)
    }

    /// Something was handed on.
    pub(super) fn charge(&mut self, index: usize, cost: usize, window: usize) {
        let lane = &mut self.lanes[index];
        let before = (lane.excess(window), lane.counted());
        lane.outstanding += cost;
        self.under_way += cost;
        self.slack_used += lane.excess(window) - before.0;
        self.outstanding += lane.counted() - before.1;
    }

    /// Something has left: a shed lane may go on when half of its window is free.
    pub(super) fn credit(&mut self, index: usize, cost: usize, window: usize) {
        let lane = &mut self.lanes[index];
        let before = (lane.excess(window), lane.counted());
        let cost = cost.min(lane.outstanding);
        lane.outstanding -= cost;
        self.under_way -= cost;
        self.slack_used -= before.0 - lane.excess(window);
        self.outstanding -= before.1 - lane.counted();
        if lane.outstanding < window / 2 {
            lane.aborts = 0;
            if std::mem::take(&mut lane.shed) {
                self.outstanding += lane.outstanding;
            }
        }
    }

    /// Whether nothing is under way in any of them.
    pub(super) fn are_idle(&self) -> bool {
        self.under_way == 0
    }

    /// A request came in this lane, at this time.
    pub(super) fn used(&mut self, index: usize, now: Instant, previous: Option<u64>) {
        let lane = &mut self.lanes[index];
        if previous.is_some_and(|number| number > lane.number)
            || (previous != Some(lane.number) && lane.last_used < now)
        {
            self.mixed = Some(now);
        }
        lane.last_used = now;
    }

    /// Sheds the lane with most under way, and gives it. Not one with nothing under way: no credit would end it.
    pub(super) fn shed(&mut self, window: usize) -> Option<usize> {
        let may_be_shed = |lane: &Lane| !lane.shed && lane.outstanding > 0;
        let lanes = self.lanes.iter().filter(|(_, lane)| may_be_shed(lane));
        let (index, _) = lanes.max_by_key(|(_, lane)| lane.outstanding)?;
        let lane = &mut self.lanes[index];
        self.slack_used -= lane.excess(window);
        self.outstanding -= lane.counted();
        lane.shed = true;
        Some(index)
    }

    /// Lanes that were used before `limit` and have nothing under way.
    pub(super) fn idle(&self, limit: Instant) -> Vec<usize> {
        let is_idle = |lane: &Lane| lane.last_used <= limit && lane.is_idle();
        let lanes = self.lanes.iter().filter(|(_, lane)| is_idle(lane));
        lanes.map(|(index, _)| index).collect()
    }

    /// A time before which half of the lanes were used the last time.
    pub(super) fn median_use(&self) -> Option<Instant> {
        let mut uses: Vec<Instant> = self.lanes.iter().map(|(_, lane)| lane.last_used).collect();
        let middle = uses.len() / 2;
        (!uses.is_empty()).then(|| *uses.select_nth_unstable(middle).1)
    }

    pub(super) fn shrink(&mut self) {
        self.lanes.shrink_to_fit();
        self.by_number.shrink_to_fit();
        self.by_paths.shrink(paths_at(&self.lanes));
    }
}

fn paths_at<'a>(lanes: &'a Slab<Lane>) -> impl Fn(usize) -> &'a [u8] {
    move |index| &lanes[index].paths
}

/// The leftmost URI of a path.
pub(super) fn first_uri(path: &[u8]) -> &[u8] {
    words(path).next().map_or(&[][..], |(_, uri)| uri)
}

/// What a 200 to a SEND of this leg says between transaction id and end-line.
fn accepted(leg: &Leg) -> Bytes {
    let id = TransactionId::parse(b"a").expect("one letter is an ident");
    let head = ResponseHead {
        transaction_id: id,
        status: StatusCode::OK,
        comment: "",
        to_path: first_uri(&leg.origin),
        from_path: &leg.addressed,
        headers: &[],
    };
    let mut out = BytesMut::new();
    head.encode(&mut out);
    // "MSRP a" before it, "-------a$" and CRLF behind it. It is kept for long: without room to spare.
    Bytes::copy_from_slice(&out[6..out.len() - 11])
}
