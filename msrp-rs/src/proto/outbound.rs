//! What goes out next (RFC 4975 §5.1, §7.1.1).
//!
//! Two lanes. *Control*: responses, REPORTs and bodiless SENDs go first, in order. *Bodies*: sessions take turns by
//! deficit round robin; a session that was idle goes first for one short turn, as long as such turns take no more than
//! half. In a session, small messages go in
//! send order, before and between the turns of larger ones, which take turns themselves. At most one chunk is open;
//! when something else waits and it holds 2048 octets, it is ended with `+` and its message goes on later.
//!
//! Chunks are encoded in `chunk`; what follows when their octets were written is done in `written`; how a message
//! begins and ends stands in `sending`.

use std::collections::VecDeque;
use std::time::Instant;

use super::chunk::OpenChunk;
use super::connection::Connection;
use super::session::INTERRUPTIBLE;
use super::work::steps;
use crate::mutant::{self, Mutant};
use crate::wire::Continuation;

/// Octets of a session's turn.
const QUANTUM: i64 = 16 * 1024;

/// Octets of the first turn of a session that was idle.
const FIRST_TURN: i64 = 2048;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Sessions that were idle.
    fresh: VecDeque<usize>,
    /// Sessions that had a turn and want another.
    ring: VecDeque<usize>,
    turn: Option<Turn>,
    /// Most chunks are whole when they are made: this is rare.
    pub(super) open: Option<Box<OpenChunk>>,
    /// Octets that first turns are ahead of the others, up to `QUANTUM`: then those go first.
    favoured: i64,
}

#[derive(Debug)]
struct Turn {
    session: usize,
    budget: i64,
    first: bool,
    served_small: bool,
}

impl Schedule {
    /// Gives back room that is not used.
    pub(super) fn shrink(&mut self) {
        self.fresh.shrink_to_fit();
        self.ring.shrink_to_fit();
    }

    pub(super) fn is_open_for(&self, session: usize) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.session == session)
    }

    pub(super) fn is_open(&self, session: usize, transfer: usize) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.session == session && open.transfer == transfer)
    }

    pub(super) fn forget(&mut self, session: usize) {
        steps(1 + self.fresh.len() + self.ring.len());
        self.fresh.retain(|&other| other != session);
        self.ring.retain(|&other| other != session);
        if self
            .turn
            .as_ref()
            .is_some_and(|turn| turn.session == session)
        {
            self.turn = None;
        }
    }

    /// Whether a session that was idle goes before those that had a turn. If they always did, sessions that say a
    /// line at a time, the next when the last is written, would starve a large message.
    pub(super) fn fresh_first(&self) -> bool {
        let others = !self.ring.is_empty() || self.turn.as_ref().is_some_and(|turn| !turn.first);
        !self.fresh.is_empty() && (self.favoured < QUANTUM || !others)
    }

    /// Whether another session than the one whose turn it is wants to send.
    pub(super) fn others_wait(&self) -> bool {
        !self.fresh.is_empty() || !self.ring.is_empty()
    }

    /// Whether a session that had a turn wants another.
    pub(super) fn ring_waits(&self) -> bool {
        !self.ring.is_empty()
    }

    /// Whether nothing is left of the turn, or nobody has it.
    pub(super) fn is_spent(&self) -> bool {
        self.turn.as_ref().is_none_or(|turn| turn.budget <= 0)
    }
}

impl Connection {
    /// Puts a session in line, if it has something to send.
    pub(super) fn wake(&mut self, index: usize) {
        self.tell_waiting_abort(index);
        let session = &mut self.sessions[index];
        if session.sendable() && !session.outgoing.scheduled {
            session.outgoing.scheduled = true;
            self.schedule.fresh.push_back(index);
        }
    }

    /// Encodes up to the write-ahead.
    pub(super) fn fill(&mut self, now: Instant) {
        while self.output.len() < self.limits.write_ahead {
            let more = if self.output.control_len() > 0 && self.may_interrupt() {
                if self.schedule.open.is_some() {
                    self.end_chunk(Continuation::More);
                }
                self.output.take_control();
                true
            } else if let Some(open) = &self.schedule.open {
                let session = open.session;
                let more = self.continue_chunk();
                if more {
                    self.sessions[session].last_sent = now;
                }
                more
            } else if let Some(index) = self.next_turn() {
                self.sessions[index].last_sent = now;
                self.open_chunk(index);
                true
            } else {
                false
            };
            if !more {
                break;
            }
        }
        self.output.seal();
    }

    /// Whether the open chunk, if there is one, may be ended for something else (RFC 4975 §7.1.1): it holds 2048
    /// octets, or there is nothing to make it longer.
    fn may_interrupt(&self) -> bool {
        self.schedule.open.as_ref().is_none_or(|open| {
            (open.len >= INTERRUPTIBLE && !mutant::on(Mutant::ChunkNotInterrupted))
                || self.sessions[open.session].outgoing.transfers[open.transfer].available() == 0
        })
    }

    /// The session that may open a chunk now.
    fn next_turn(&mut self) -> Option<usize> {
        loop {
            steps(1);
            let fresh_first = self.schedule.fresh_first();
            if let Some(turn) = &mut self.schedule.turn {
                let session = &mut self.sessions[turn.session];
                if !session.sendable() {
                    session.outgoing.scheduled = false;
                    session.outgoing.deficit = 0;
                    self.schedule.turn = None;
                    continue;
                }
                let preempted = !turn.first && fresh_first;
                if turn.budget > 0 && !preempted {
                    return Some(turn.session);
                }
                let sending = &mut session.outgoing;
                if turn.budget <= 0 {
                    sending.prefer_large = turn.served_small && !sending.large.is_empty();
                    if !turn.served_small && sending.large.len() > 1 {
                        sending.large.rotate_left(1);
                    }
                }
                let turn = self.schedule.turn.take()?;
                if preempted && turn.budget > 0 {
                    // It goes on with what is left of its turn.
                    self.sessions[turn.session].outgoing.deficit = turn.budget - QUANTUM;
                    self.schedule.ring.push_front(turn.session);
                } else {
                    self.sessions[turn.session].outgoing.deficit = turn.budget.min(0);
                    self.schedule.ring.push_back(turn.session);
                }
            }
            let first = self.schedule.fresh_first();
            let line = match first {
                true => &mut self.schedule.fresh,
                false => &mut self.schedule.ring,
            };
            let session = line.pop_front()?;
            let deficit = std::mem::take(&mut self.sessions[session].outgoing.deficit);
            let budget = if first { FIRST_TURN } else { QUANTUM } + deficit;
            self.schedule.turn = Some(Turn {
                session,
                budget,
                first,
                served_small: false,
            });
        }
    }

    /// Something of the session whose turn it is was sent.
    pub(super) fn served(&mut self, small: bool) {
        if let Some(turn) = &mut self.schedule.turn {
            turn.served_small |= small;
        }
    }

    pub(super) fn spend(&mut self, len: usize) {
        let alone = !self.schedule.others_wait();
        if let Some(turn) = &mut self.schedule.turn {
            let len = i64::try_from(len).unwrap_or(i64::MAX);
            turn.budget -= len;
            let ahead = if turn.first { len } else { -len };
            self.schedule.favoured = (self.schedule.favoured + ahead).clamp(0, QUANTUM);
            if alone && turn.budget <= 0 && !turn.served_small {
                let sending = &mut self.sessions[turn.session].outgoing;
                if sending.large.len() < 2 && sending.small.is_empty() {
                    turn.budget = QUANTUM;
                    turn.first = false;
                    sending.prefer_large = false;
                }
            }
        }
    }
}
