//! Whose turn it is among the lanes in which a link sends.
//!
//! Lanes take turns by deficit round robin; one that was idle goes first for one short turn, as long as such turns take
//! no more than half. What becomes of a turn stands in `egress` and `piece`.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use slab::Slab;

use super::super::{FlowId, Forward, LaneId};
use super::piece::{INTERRUPTIBLE, Sending};
use super::refusal::Refuser;
use super::reserve_lean;
use crate::proto::index::RandomKey;

/// Octets of a lane's turn.
pub(super) const QUANTUM: i64 = 16 * 1024;

/// Octets of the first turn of a lane that was idle.
const FIRST_TURN: i64 = 2048;

/// Room for lanes up to which it is cheap to look at all of them.
const FEW: usize = 16;

/// How long what is left of a chunk waits for more, if others want to send: each piece costs a head.
const SMALL_WAIT: Duration = Duration::from_millis(50);

/// The lanes in which this link sends.
#[derive(Debug, Default)]
pub(super) struct Egress {
    pub(super) lanes: Slab<Out>,
    pub(super) by_id: HashMap<LaneId, usize, RandomKey>,
    /// The lane of the last forward: most often also that of the next.
    pub(super) last: Option<(LaneId, usize)>,
    /// Lanes that were idle.
    pub(super) fresh: VecDeque<usize>,
    /// Lanes that had a turn and want another.
    pub(super) ring: VecDeque<usize>,
    /// Lanes with too few octets for another piece: they go when nobody else wants to, or have waited.
    pub(super) small: VecDeque<usize>,
    /// When those in `small` have waited.
    pub(super) small_at: Option<Instant>,
    pub(super) turn: Option<Turn>,
    /// The lane whose chunk is open.
    pub(super) open: Option<usize>,
    /// Octets that first turns are ahead of the others, up to `QUANTUM`: then those go first.
    pub(super) favoured: i64,
    /// Lanes with forwards that are not detached.
    pub(super) touched: Vec<usize>,
    /// Room for the queue of the next new lane.
    spare: VecDeque<Forward>,
    pub(super) refuser: Refuser,
    /// What waits in the lanes, as `Forward::cost` counts it.
    pub(super) len: usize,
    /// Lanes that are not idle: they are not searched for each time somebody asks.
    pub(super) busy: usize,
}

#[derive(Debug)]
pub(super) struct Turn {
    pub(super) lane: usize,
    pub(super) budget: i64,
    pub(super) first: bool,
}

/// Where a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// It has nothing to send.
    None,
    /// In `fresh`, in `ring`, or it has the turn.
    Waits,
    /// In `small`.
    Small,
}

/// One session and direction.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) id: LaneId,
    pub(super) queue: VecDeque<Forward>,
    /// Those at the end of `queue` that may keep the blocks they came in.
    pub(super) attached: usize,
    /// The SEND at the head, when it is not sent at once.
    pub(super) sending: Option<Box<Sending>>,
    /// The SEND that has begun and not ended, if all of it is to be sent.
    pub(super) arriving: Option<FlowId>,
    pub(super) line: Line,
    /// What is at hand has waited for more, and goes.
    pub(super) due: bool,
    /// Whether it is counted as busy.
    pub(super) busy: bool,
    pub(super) deficit: i64,
    /// What has left, and was not given back yet.
    pub(super) credit: usize,
    /// Marks that were not reached, and what they count.
    pub(super) marks: usize,
    pub(super) unwritten: usize,
    pub(super) leaving: bool,
}

impl Out {
    pub(super) fn new(id: LaneId, queue: VecDeque<Forward>) -> Self {
        Self {
            id,
            queue,
            attached: 0,
            sending: None,
            arriving: None,
            line: Line::None,
            due: false,
            busy: false,
            deficit: 0,
            credit: 0,
            marks: 0,
            unwritten: 0,
            leaving: false,
        }
    }

    /// Whether it has something for a turn; `alone`: nobody else wants to send.
    pub(super) fn wants(&self, alone: bool) -> bool {
        match &self.sending {
            Some(sending) => {
                let first = sending.open.is_some() || sending.pieces == 0;
                let enough = first || alone || self.due;
                sending.end.is_some()
                    || sending.at_hand >= INTERRUPTIBLE
                    || (enough && sending.at_hand > 0)
            }
            None => match self.queue.front() {
                Some(Forward::Begin(..)) => self.queue.len() > 1,
                first => first.is_some(),
            },
        }
    }

    /// Whether all that came has been written; of a SEND, more may come.
    pub(super) fn is_written(&self) -> bool {
        let sending = self.sending.as_ref();
        self.queue.is_empty() && self.marks == 0 && sending.is_none_or(|it| it.at_hand == 0)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.sending.is_none() && self.marks == 0
    }

    /// Whether it can be forgotten: what comes in it later makes a new one.
    fn is_blank(&self) -> bool {
        self.is_idle() && self.arriving.is_none() && self.credit == 0
    }
}

impl Egress {
    /// Octets that wait to be sent.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_idle(&self) -> bool {
        let busy = self.lanes.iter().filter(|(_, lane)| !lane.is_idle());
        debug_assert_eq!(self.busy, busy.count(), "each lane is counted");
        self.busy == 0
    }

    /// A lane has got something to send.
    pub(super) fn stir(&mut self, index: usize) {
        if !std::mem::replace(&mut self.lanes[index].busy, true) {
            self.busy += 1;
        }
    }

    /// Something of a lane has left, or is dropped: perhaps it was the last.
    pub(super) fn rest(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        if lane.busy && lane.is_idle() {
            lane.busy = false;
            self.busy -= 1;
        }
    }

    /// Whether nothing of it matters any more. One that has, or had, many lanes is not asked lightly: then it says no.
    pub(super) fn is_blank(&self) -> bool {
        self.lanes.capacity() <= FEW
            && self.len == 0
            && self.refuser.is_idle()
            && self.lanes.iter().all(|(_, lane)| lane.is_blank())
    }

    /// Forgets all lanes; nothing of them matters any more.
    pub(super) fn clear(&mut self) {
        for lane in self.lanes.drain() {
            if lane.queue.capacity() > self.spare.capacity() {
                self.spare = lane.queue;
            }
        }
        self.by_id.clear();
        self.last = None;
        for line in [&mut self.fresh, &mut self.ring, &mut self.small] {
            line.clear();
        }
        self.small_at = None;
        self.turn = None;
        self.open = None;
        self.favoured = 0;
        self.touched.clear();
    }

    /// The lane of this name; a new one if there is none.
    pub(super) fn enter(&mut self, id: LaneId) -> usize {
        if let Some((last, index)) = self.last
            && last == id
        {
            return index;
        }
        let index = match self.by_id.get(&id) {
            Some(&index) => index,
            None => {
                reserve_lean(&mut self.lanes);
                let queue = std::mem::take(&mut self.spare);
                let index = self.lanes.insert(Out::new(id, queue));
                self.by_id.insert(id, index);
                index
            }
        };
        self.last = Some((id, index));
        index
    }

    pub(super) fn remove(&mut self, index: usize) {
        let lane = self.lanes.remove(index);
        self.by_id.remove(&lane.id);
        self.last = None;
        if lane.line != Line::None {
            for line in [&mut self.fresh, &mut self.ring, &mut self.small] {
                line.retain(|&other| other != index);
            }
        }
        if self.turn.as_ref().is_some_and(|turn| turn.lane == index) {
            self.turn = None;
        }
        self.touched.retain(|&other| other != index);
    }

    /// Puts a lane in line, if it has something to send.
    pub(super) fn wake(&mut self, index: usize, now: Instant) {
        let lane = &mut self.lanes[index];
        match lane.line {
            Line::None if lane.wants(false) => self.fresh.push_back(index),
            // Its place in `small` is passed over.
            Line::Small if lane.wants(false) => self.ring.push_back(index),
            Line::None if lane.wants(true) => return self.wait(index, now),
            _ => return,
        }
        lane.line = Line::Waits;
    }

    /// Lets what is at hand in a lane wait for more.
    pub(super) fn wait(&mut self, index: usize, now: Instant) {
        self.lanes[index].line = Line::Small;
        self.small.push_back(index);
        self.small_at.get_or_insert(now + SMALL_WAIT);
    }

    /// Those that have waited take their turns.
    pub(super) fn end_wait(&mut self, now: Instant) {
        if self.small_at.is_none_or(|at| now < at) {
            return;
        }
        self.small_at = None;
        while let Some(index) = self.pop_small() {
            let lane = &mut self.lanes[index];
            lane.line = Line::Waits;
            lane.due = true;
            self.ring.push_back(index);
        }
    }

    /// When lanes that wait take their turns, if none comes before.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.small_at.filter(|_| !self.small.is_empty())
    }

    /// Whether a lane that was idle goes before those that had a turn.
    pub(super) fn fresh_first(&self) -> bool {
        let others = !self.ring.is_empty() || self.turn.as_ref().is_some_and(|turn| !turn.first);
        !self.fresh.is_empty() && (self.favoured < QUANTUM || !others)
    }

    pub(super) fn others_wait(&self) -> bool {
        !self.fresh.is_empty() || !self.ring.is_empty()
    }

    pub(super) fn is_spent(&self) -> bool {
        self.turn.as_ref().is_none_or(|turn| turn.budget <= 0)
    }

    /// The lane that may send now.
    pub(super) fn next_turn(&mut self, now: Instant) -> Option<usize> {
        loop {
            let fresh_first = self.fresh_first();
            let alone = !self.others_wait();
            if let Some(turn) = &self.turn {
                let lane = &mut self.lanes[turn.lane];
                if !lane.wants(alone) {
                    let index = turn.lane;
                    self.turn = None;
                    lane.deficit = 0;
                    lane.line = Line::None;
                    if lane.wants(true) {
                        self.wait(index, now);
                    }
                    continue;
                }
                let preempted = !turn.first && fresh_first;
                if turn.budget > 0 && !preempted {
                    return Some(turn.lane);
                }
                let turn = self.turn.take()?;
                if preempted && turn.budget > 0 {
                    // It goes on with what is left of its turn.
                    lane.deficit = turn.budget - QUANTUM;
                    self.ring.push_front(turn.lane);
                } else {
                    lane.deficit = turn.budget.min(0);
                    self.ring.push_back(turn.lane);
                }
            }
            let first = self.fresh_first();
            let lane = match first {
                true => self.fresh.pop_front()?,
                false => match self.ring.pop_front() {
                    Some(lane) => lane,
                    None => self.pop_small()?,
                },
            };
            self.lanes[lane].line = Line::Waits;
            let deficit = std::mem::take(&mut self.lanes[lane].deficit);
            let budget = if first { FIRST_TURN } else { QUANTUM } + deficit;
            self.turn = Some(Turn {
                lane,
                budget,
                first,
            });
        }
    }

    pub(super) fn pop_small(&mut self) -> Option<usize> {
        loop {
            let index = self.small.pop_front()?;
            let lane = self.lanes.get(index);
            if lane.is_some_and(|lane| lane.line == Line::Small) {
                return Some(index);
            }
        }
    }

    pub(super) fn spend(&mut self, len: usize) {
        if let Some(turn) = &mut self.turn {
            let len = i64::try_from(len).unwrap_or(i64::MAX);
            turn.budget -= len;
            let ahead = if turn.first { len } else { -len };
            self.favoured = (self.favoured + ahead).clamp(0, QUANTUM);
        }
    }

    /// Copies what is short and has to wait.
    pub(super) fn detach(&mut self) {
        for index in self.touched.drain(..) {
            let lane = &mut self.lanes[index];
            let attached = std::mem::take(&mut lane.attached).min(lane.queue.len());
            let from = lane.queue.len() - attached;
            lane.queue.range_mut(from..).for_each(Forward::detach);
        }
    }

    pub(super) fn shrink(&mut self) {
        if self.lanes.iter().all(|(_, lane)| lane.is_blank()) {
            self.clear();
        }
        self.spare = VecDeque::new();
        for (_, lane) in &mut self.lanes {
            lane.queue.shrink_to_fit();
        }
        self.lanes.shrink_to_fit();
        self.by_id.shrink_to_fit();
        self.fresh.shrink_to_fit();
        self.ring.shrink_to_fit();
        self.small.shrink_to_fit();
        self.touched.shrink_to_fit();
    }
}
