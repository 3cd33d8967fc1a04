//! What goes out next (RFC 4975 §5.1, §7.1.1).
//!
//! Two lanes. *Control*: responses, REPORTs and bodiless SENDs go first, in order. *Bodies*: sessions take turns by
//! deficit round robin; a session that was idle goes first for one short turn, as long as such turns take no more than
//! half. In a session, small messages go in
//! send order, before and between the turns of larger ones, which take turns themselves. At most one chunk is open;
//! when something else waits and it holds 2048 octets, it is ended with `+` and its message goes on later.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::connection::Connection;
use super::counters::{Counters, FrameKind};
use super::pacing::{PACE, Quiet};
use super::report::byte_range;
use super::request::encode_request;
use super::session::INTERRUPTIBLE;
use super::timers::Timer;
use super::transaction::{Purpose, SessionRef};
use super::transfer::{Outgoing, Phase, Source};
use super::work::steps;
use super::{Event, Failure, OutgoingMessage, Pacing, TransferKey, Unconfirmed};
use crate::mutant::{self, Mutant};
use crate::wire::{
    ByteRange, Continuation, DashLineScanner, EndLineScanner, FailureReport, MessageId, SendHead,
    TransactionId, encode_end_line,
};

/// Octets of a session's turn.
const QUANTUM: i64 = 16 * 1024;

/// Octets of the first turn of a session that was idle.
const FIRST_TURN: i64 = 2048;

/// Most octets of one slice of an open chunk.
const PIECE: u64 = 16 * 1024;

/// Something to happen when the octets before it were written.
#[derive(Debug)]
pub(super) enum Mark {
    /// A bodiless SEND: its time runs.
    Notice(TransactionId),
    /// Body octets of a message.
    Octets {
        session: SessionRef,
        transfer: usize,
        len: u64,
    },
    /// The end of a chunk.
    ChunkEnd {
        session: SessionRef,
        transfer: usize,
        id: TransactionId,
        last: bool,
    },
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Sessions that were idle.
    fresh: VecDeque<usize>,
    /// Sessions that had a turn and want another.
    ring: VecDeque<usize>,
    turn: Option<Turn>,
    open: Option<OpenChunk>,
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

/// The chunk whose end-line is not encoded yet.
#[derive(Debug)]
struct OpenChunk {
    session: usize,
    transfer: usize,
    id: TransactionId,
    scanner: EndLineScanner,
    /// For a peer that takes CRLF and seven hyphens for an end-line.
    dashes: Option<DashLineScanner>,
    len: u64,
    /// Most octets of the body.
    limit: u64,
}

impl Schedule {
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
    fn fresh_first(&self) -> bool {
        let others = !self.ring.is_empty() || self.turn.as_ref().is_some_and(|turn| !turn.first);
        !self.fresh.is_empty() && (self.favoured < QUANTUM || !others)
    }

    /// Whether another session than the one whose turn it is wants to send.
    fn others_wait(&self) -> bool {
        !self.fresh.is_empty() || !self.ring.is_empty()
    }
}

impl Connection {
    // Commands

    pub(super) fn send(
        &mut self,
        now: Instant,
        index: usize,
        key: TransferKey,
        message: OutgoingMessage,
    ) {
        let id = message.message_id.unwrap_or_else(|| self.ids.message_id());
        let session = &mut self.sessions[index];
        session.last_sent = now;
        let full_chunk = session.full_chunk();
        let sending = &mut session.outgoing;
        let transfer = Outgoing::new(key, id, message, self.limits.small_message, now);
        let is_stream = matches!(transfer.source, Source::Stream(_));
        let is_message = transfer.is_message();
        let transfer = sending.transfers.insert(transfer);
        sending.by_key.insert(key, transfer);
        // REPORTs are about messages only.
        if is_message {
            sending.by_id.insert(id, transfer);
            if let Some(refused) = sending.refused.refusing(&sending.transfers[transfer]) {
                self.fail_transfer(index, transfer, Failure::TypeRefused(refused));
                return;
            }
        }
        sending.enqueue(transfer, full_chunk);
        if is_stream {
            self.events
                .push_back((session.key, Event::DataWanted(key, self.limits.read_ahead)));
        }
        self.wake(index);
    }

    pub(super) fn stream_data(&mut self, index: usize, key: TransferKey, data: Bytes) {
        self.with_stream(index, key, |stream| stream.push(data));
    }

    pub(super) fn stream_end(&mut self, index: usize, key: TransferKey) {
        self.with_stream(index, key, |stream| stream.end());
    }

    pub(super) fn stream_flush(&mut self, index: usize, key: TransferKey) {
        self.with_stream(index, key, |stream| {
            stream.flush();
            Ok(())
        });
    }

    fn with_stream(
        &mut self,
        index: usize,
        key: TransferKey,
        act: impl FnOnce(&mut super::transfer::Stream) -> Result<(), (u64, u64)>,
    ) {
        let session = &mut self.sessions[index];
        let full_chunk = session.full_chunk();
        let Some(&transfer) = session.outgoing.by_key.get(&key) else {
            return;
        };
        let outgoing = &mut session.outgoing.transfers[transfer];
        if outgoing.phase != Phase::Sending {
            return;
        }
        let Some(stream) = outgoing.stream() else {
            return;
        };
        match act(stream) {
            Ok(()) => {
                session.outgoing.enqueue(transfer, full_chunk);
                self.wake(index);
            }
            Err((announced, given)) => {
                self.fail_transfer(index, transfer, Failure::WrongLength { announced, given })
            }
        }
    }

    /// Ends a message with `#`, unless its last chunk was sent.
    pub(super) fn abort(&mut self, index: usize, key: TransferKey) {
        let sending = &self.sessions[index].outgoing;
        if let Some(&transfer) = sending.by_key.get(&key)
            && sending.transfers[transfer].phase == Phase::Sending
        {
            self.fail_transfer(index, transfer, Failure::Aborted);
        }
    }

    /// Puts a session in line, if it has something to send.
    pub(super) fn wake(&mut self, index: usize) {
        self.tell_waiting_abort(index);
        let session = &mut self.sessions[index];
        if session.sendable() && !session.outgoing.scheduled {
            session.outgoing.scheduled = true;
            self.schedule.fresh.push_back(index);
        }
    }

    /// Puts a SEND without body into the control lane.
    pub(super) fn queue_bodiless(
        &mut self,
        index: usize,
        purpose: Purpose,
        message_id: Option<MessageId>,
        continuation: Continuation,
    ) {
        let id = self.new_transaction_id();
        let message_id = message_id.unwrap_or_else(|| self.ids.message_id());
        let session = &mut self.sessions[index];
        session.outgoing.notices += 1;
        let head = SendHead {
            transaction_id: id,
            to_path: &session.to_path,
            from_path: &session.from_path,
            message_id,
            byte_range: ByteRange::EMPTY,
            success_report: false,
            failure_report: FailureReport::Yes,
            headers: &[],
            content_type: None,
        };
        self.output.control((FrameKind::Send, continuation), |out| {
            head.encode(out);
            encode_end_line(out, &id, continuation, false);
        });
        self.output.mark_control(Mark::Notice(id));
        self.transactions.begin(id, session.reference, purpose);
    }

    /// An id that no request of ours under way has (RFC 4975 §7.1).
    pub(super) fn new_transaction_id(&mut self) -> TransactionId {
        loop {
            let id = self.ids.transaction_id();
            if !self.transactions.contains(&id) || mutant::on(Mutant::TransactionIdReused) {
                return id;
            }
        }
    }

    // The scheduler

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

    /// Encodes the session's next chunk, or its head if it can be interrupted.
    fn open_chunk(&mut self, index: usize) {
        let id = self.new_transaction_id();
        let session = &mut self.sessions[index];
        let full_chunk = session.full_chunk();
        let chunk_len = u64::from(session.config.chunk_len);
        let Some(transfer_index) = session.outgoing.next() else {
            return;
        };
        let transfer = &mut session.outgoing.transfers[transfer_index];
        let small = !transfer.large;
        let clock = self.clock;
        if transfer.begun.is_none() {
            let waited = clock.saturating_duration_since(transfer.queued);
            let count = |counters: &Counters| counters.queue_time.record_time(waited);
            self.observers.count(count);
        }
        transfer.begun.get_or_insert(clock);
        let rest = transfer.total().map(|total| total - transfer.position);
        let mut exact = match rest {
            // Only SEND is chunked (RFC 4975 §7.1).
            Some(rest) if !transfer.is_message() => Some(rest),
            Some(rest) if rest <= full_chunk && transfer.available() >= rest => Some(rest),
            _ if (1..=INTERRUPTIBLE).contains(&chunk_len) => {
                Some(full_chunk.min(transfer.available()))
            }
            _ => None,
        };
        let start = transfer.position + u64::from(mutant::on(Mutant::RangeStartLate));
        let total = transfer
            .total()
            .filter(|_| !mutant::on(Mutant::TotalUnsaid));
        let reports = transfer.failure_report;
        let message_id = transfer.id;
        let message_id = mutant::swap(Mutant::MessageIdChanges, message_id, || {
            self.ids.message_id()
        });
        // The body of an exact chunk is searched before its header is written, since it cannot be cut any more.
        let (id, body) = match &mut exact {
            Some(len) => {
                let mut body = transfer.take_exactly(*len);
                if session.config.dash_split && transfer.is_message() {
                    transfer.split_dashes(&mut body);
                    *len = body.iter().map(|data| data.len() as u64).sum();
                }
                let mut id = id;
                while contains_end_line(&id, &body) || self.transactions.contains(&id) {
                    id = self.ids.transaction_id();
                }
                (id, body)
            }
            None => (id, Vec::new()),
        };
        if !transfer.is_message() {
            let (to_path, from_path) = (&session.to_path, &session.from_path);
            let len = self.output.encode(|out| {
                encode_request(out, id, to_path, from_path, transfer, &body);
            });
            self.request_written(index, transfer_index, id, len);
            return;
        }
        let head = SendHead {
            transaction_id: id,
            to_path: &session.to_path,
            from_path: &session.from_path,
            message_id,
            byte_range: match exact {
                Some(len) => byte_range(start, start + len, total),
                None => ByteRange::open(start, total).unwrap_or(ByteRange::EMPTY),
            },
            success_report: transfer.success_report
                && (start == 0 || !mutant::on(Mutant::ReportsAskedOnce)),
            failure_report: reports,
            headers: &transfer.headers,
            content_type: transfer.content_type.as_deref(),
        };
        let mut len = self.output.encode(|out| head.encode(out));
        match mutant::swap(Mutant::EveryChunkTimed, reports, || FailureReport::Yes) {
            FailureReport::Yes => {
                transfer.unanswered += 1;
                session.outgoing.unanswered += 1;
                self.transactions
                    .begin(id, session.reference, Purpose::Chunk(transfer_index));
            }
            FailureReport::Partial => {
                let purpose = Purpose::SilentChunk(transfer.key);
                self.transactions.begin(id, session.reference, purpose);
            }
            FailureReport::No => {}
        }
        if reports != FailureReport::Yes && session.config.pacing == Pacing::One {
            session.outgoing.quiet = Some(Quiet::Unwritten);
        }
        transfer.unwritten += 1;
        self.schedule.open = Some(OpenChunk {
            session: index,
            transfer: transfer_index,
            id,
            scanner: EndLineScanner::new(&id),
            dashes: session.config.dash_split.then(DashLineScanner::new),
            len: 0,
            limit: if chunk_len == 0 { u64::MAX } else { chunk_len },
        });
        self.served(small);
        if exact.is_some() {
            for data in body {
                len += data.len();
                self.write_body(data);
            }
            let transfer = &self.sessions[index].outgoing.transfers[transfer_index];
            let done = transfer.total() == Some(transfer.position);
            self.end_chunk(if done {
                Continuation::Complete
            } else {
                Continuation::More
            });
        }
        self.spend(len);
    }

    /// Adds to the open chunk, or ends it. False when there is nothing to do now.
    fn continue_chunk(&mut self) -> bool {
        let (fresh, waiting) = (self.schedule.fresh_first(), self.schedule.others_wait());
        let Some(open) = &mut self.schedule.open else {
            return false;
        };
        let session = &mut self.sessions[open.session];
        let sending = &session.outgoing;
        let transfer = &sending.transfers[open.transfer];
        let ring = !self.schedule.ring.is_empty();
        let spent = self
            .schedule
            .turn
            .as_ref()
            .is_none_or(|turn| turn.budget <= 0);
        let own_small =
            transfer.large && !sending.small.is_empty() && (spent || !sending.prefer_large);
        let own_large = transfer.large && sending.large.iter().any(|&other| other != open.transfer);
        let dry = transfer.available() == 0;
        let others = waiting || own_small || own_large;
        let interruptible = open.len >= INTERRUPTIBLE;
        if open.len >= open.limit
            || (interruptible && (fresh || own_small || (spent && (ring || own_large))))
            || (dry && others)
        {
            self.end_chunk(Continuation::More);
            return true;
        }
        if dry {
            return false;
        }
        let piece =
            PIECE
                .min(open.limit - open.len)
                .min(if interruptible { PIECE } else { INTERRUPTIBLE });
        let transfer = &mut self.sessions[open.session].outgoing.transfers[open.transfer];
        let mut data = transfer.take(piece);
        let own_line = open.scanner.scan(&data);
        let any_line = open.dashes.as_mut().and_then(|dashes| dashes.scan(&data));
        let hit = own_line.into_iter().chain(any_line).min();
        if let Some(at) = hit {
            transfer.give_back(data.split_off(at));
        }
        let (total, position) = (transfer.total(), transfer.position);
        let len = data.len();
        self.write_body(data);
        self.spend(len);
        if hit.is_some() {
            // The next octet would complete our own end-line, or what the peer takes for one: the rest goes on under
            // another transaction id.
            self.end_chunk(Continuation::More);
        } else if total == Some(position) {
            self.end_chunk(Continuation::Complete);
        }
        true
    }

    fn write_body(&mut self, data: Bytes) {
        let Some(open) = &mut self.schedule.open else {
            return;
        };
        if data.is_empty() {
            return;
        }
        open.len += data.len() as u64;
        let session = self.sessions[open.session].reference;
        let mark = Mark::Octets {
            session,
            transfer: open.transfer,
            len: data.len() as u64,
        };
        self.output.body(data);
        self.output.mark(mark);
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

    /// Ends the open chunk.
    pub(super) fn end_chunk(&mut self, continuation: Continuation) {
        let Some(open) = self.schedule.open.take() else {
            return;
        };
        let session = &mut self.sessions[open.session];
        let key = session.key;
        let reference = session.reference;
        let full_chunk = session.full_chunk();
        let sending = &mut session.outgoing;
        let transfer = &mut sending.transfers[open.transfer];
        let after_body = transfer.content_type.is_some();
        let flag = mutant::swap(Mutant::LastChunkSaysMore, continuation, || {
            Continuation::More
        });
        self.output
            .encode(|out| encode_end_line(out, &open.id, flag, after_body));
        self.output.end_frame((FrameKind::Send, continuation));
        if after_body {
            let count = |counters: &Counters| counters.chunk_sent.record(open.len);
            self.observers.count(count);
        }
        let last = continuation == Continuation::Complete;
        self.output.mark(Mark::ChunkEnd {
            session: reference,
            transfer: open.transfer,
            id: open.id,
            last,
        });
        if last {
            transfer.phase = Phase::Encoded;
            // What is remembered for late REPORTs needs no content.
            transfer.drop_rest();
            if transfer.large {
                self.events.push_back((key, Event::Accepted(transfer.key)));
            }
        }
        if !transfer.ready(full_chunk) {
            sending.dequeue(open.transfer);
        }
    }

    // Progress

    /// Octets were written: starts timers, gives credit back, tells progress.
    pub(super) fn handle_marks(&mut self, now: Instant) {
        let mut touched: Vec<(SessionRef, usize)> = Vec::new();
        while let Some(mark) = self.output.pop_mark() {
            steps(1);
            match mark {
                Mark::Notice(id) => self.transactions.start_timer(id, now),
                Mark::Octets {
                    session,
                    transfer,
                    len,
                } => {
                    let Some(index) = self.index_of(session) else {
                        continue;
                    };
                    let outgoing = &mut self.sessions[index].outgoing.transfers[transfer];
                    outgoing.written += len;
                    if outgoing.large && touched.last() != Some(&(session, transfer)) {
                        touched.push((session, transfer));
                    }
                    if let Some(stream) = outgoing.stream() {
                        stream.regrant += usize::try_from(len).unwrap_or(usize::MAX);
                    }
                }
                Mark::ChunkEnd {
                    session,
                    transfer,
                    id,
                    last,
                } => {
                    self.transactions.start_timer(id, now);
                    let Some(index) = self.index_of(session) else {
                        continue;
                    };
                    let sending = &mut self.sessions[index].outgoing;
                    let outgoing = &mut sending.transfers[transfer];
                    outgoing.unwritten -= 1;
                    let is_silent = outgoing.failure_report != FailureReport::Yes;
                    if is_silent && matches!(sending.quiet, Some(Quiet::Unwritten)) {
                        sending.quiet = Some(Quiet::Until(now + PACE));
                        self.timers.set(now + PACE, Timer::Pace(session));
                    }
                    let outgoing = &sending.transfers[transfer];
                    if last && outgoing.phase == Phase::Encoded {
                        sending.released += outgoing.window_cost();
                        self.await_report(now, index, transfer);
                    }
                    let key = self.sessions[index].key;
                    // Without large messages under way this is the only thing that is told of.
                    if touched.last().is_none_or(|(other, _)| *other != session) {
                        touched.push((session, usize::MAX));
                    }
                    self.settle(index, transfer);
                    self.finish_closing(index, key);
                }
            }
        }
        for (session, transfer) in touched {
            self.tell_progress(session, transfer);
        }
    }

    fn tell_progress(&mut self, session: SessionRef, transfer: usize) {
        let Some(index) = self.index_of(session) else {
            return;
        };
        let session = &mut self.sessions[index];
        let key = session.key;
        let released = std::mem::take(&mut session.outgoing.released);
        if released > 0 {
            self.events
                .push_back((key, Event::WindowReleased(released)));
        }
        let Some(outgoing) = session.outgoing.transfers.get_mut(transfer) else {
            return;
        };
        let (name, written, sending) = (
            outgoing.key,
            outgoing.written,
            outgoing.phase == Phase::Sending,
        );
        self.events.push_back((key, Event::Progress(name, written)));
        let threshold = self.limits.read_ahead / 4;
        if sending
            && let Some(stream) = outgoing.stream()
            && stream.regrant > 0
            && stream.wants_data(threshold)
        {
            let len = std::mem::take(&mut stream.regrant);
            self.events.push_back((key, Event::DataWanted(name, len)));
        }
    }

    /// A chunk got its response, or will get none.
    pub(super) fn chunk_answered(&mut self, index: usize, transfer: usize) {
        let sending = &mut self.sessions[index].outgoing;
        sending.unanswered -= 1;
        sending.transfers[transfer].unanswered -= 1;
        self.wake(index);
    }

    /// Tells success when everything is written and answered; forgets what nothing more can come of.
    pub(super) fn settle(&mut self, index: usize, transfer: usize) {
        let session = &mut self.sessions[index];
        let key = session.key;
        let sending = &mut session.outgoing;
        let Some(outgoing) = sending.transfers.get_mut(transfer) else {
            return;
        };
        if !outgoing.settled() {
            return;
        }
        match outgoing.phase {
            Phase::Encoded => {
                outgoing.phase = Phase::Acknowledged;
                if let Some(begun) = outgoing.begun {
                    let time = self.clock.saturating_duration_since(begun);
                    let count = |counters: &Counters| counters.message_time.record_time(time);
                    self.observers.count(count);
                }
                let acknowledged = Event::Acknowledged(outgoing.key);
                if outgoing.delivered || outgoing.content_type.is_none() || !outgoing.is_message() {
                    sending.remove(transfer);
                } else if let Some(forgotten) = sending.remember(transfer) {
                    let event = Event::Unconfirmed(forgotten, Unconfirmed::Forgotten);
                    self.events.push_back((key, event));
                }
                self.events.push_back((key, acknowledged));
            }
            Phase::Failed => sending.remove(transfer),
            Phase::Sending | Phase::Acknowledged | Phase::FailedLate => {}
        }
    }

    /// A message has failed: nothing more of it is sent, and an open chunk ends with `#` (RFC 4975 §7.3.2).
    pub(super) fn fail_transfer(&mut self, index: usize, transfer: usize, failure: Failure) {
        let open_here = self.schedule.is_open(index, transfer);
        let session = &mut self.sessions[index];
        let key = session.key;
        let Some(outgoing) = session.outgoing.transfers.get_mut(transfer) else {
            return;
        };
        match outgoing.phase {
            Phase::Failed => {
                self.settle(index, transfer);
                return;
            }
            Phase::Acknowledged => {
                // A late failure REPORT. Nothing is under way any more.
                outgoing.phase = Phase::FailedLate;
                self.events
                    .push_back((key, Event::Failed(outgoing.key, failure)));
                return;
            }
            // One failure REPORT for each of its parts, perhaps: told once.
            Phase::FailedLate => return,
            Phase::Sending | Phase::Encoded => {}
        }
        let (started, message_id) = (outgoing.position > 0, outgoing.id);
        // The peer refused it: it expects no more. Else it has to be told that no more comes.
        let tell = started
            && !open_here
            && outgoing.phase == Phase::Sending
            && !matches!(failure, Failure::Status { .. });
        // Nobody waits for octets of the window that were written.
        if !(outgoing.phase == Phase::Encoded && outgoing.unwritten == 0) {
            session.outgoing.released += outgoing.window_cost();
        }
        let outgoing = &mut session.outgoing.transfers[transfer];
        outgoing.phase = Phase::Failed;
        let name = outgoing.key;
        if open_here {
            let flag = Continuation::Abort;
            self.end_chunk(mutant::swap(Mutant::FailureSaysMore, flag, || {
                Continuation::More
            }));
        }
        let session = &mut self.sessions[index];
        session.outgoing.dequeue(transfer);
        session.outgoing.transfers[transfer].drop_rest();
        let released = std::mem::take(&mut session.outgoing.released);
        if released > 0 {
            self.events
                .push_back((key, Event::WindowReleased(released)));
        }
        self.events.push_back((key, Event::Failed(name, failure)));
        if tell {
            self.tell_abort(index, message_id);
        }
        self.settle(index, transfer);
    }
}

fn contains_end_line(id: &TransactionId, body: &[Bytes]) -> bool {
    let mut scanner = EndLineScanner::new(id);
    body.iter().any(|data| scanner.scan(data).is_some())
}
