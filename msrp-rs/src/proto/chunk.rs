//! One chunk on its way out: its head, its body as slices, its end-line (RFC 4975 §5.1, §7.1, §7.1.1).
//!
//! A body must not hold the end-line of its own chunk. Short chunks are searched before the head is written; longer
//! ones while their body is, and end where a hit begins. Whose turn it is decides `outbound`; how octets and lines are
//! written is known to `wire`.

use bytes::Bytes;

use super::connection::Connection;
use super::counters::{Counters, FrameKind};
use super::pacing::Quiet;
use super::report::byte_range;
use super::request::encode_request;
use super::session::INTERRUPTIBLE;
use super::transaction::Purpose;
use super::transfer::Phase;
use super::written::Mark;
use super::{Event, Pacing};
use crate::mutant::{self, Mutant};
use crate::wire::{
    ByteRange, Continuation, DashLineScanner, EndLineScanner, FailureReport, SendHead,
    TransactionId, encode_end_line,
};

/// Most octets of one slice of an open chunk.
const PIECE: u64 = 16 * 1024;

/// The chunk whose end-line is not encoded yet.
#[derive(Debug)]
pub(super) struct OpenChunk {
    pub(super) session: usize,
    pub(super) transfer: usize,
    id: TransactionId,
    scanner: EndLineScanner,
    /// For a peer that takes CRLF and seven hyphens for an end-line.
    dashes: Option<DashLineScanner>,
    pub(super) len: u64,
    /// Most octets of the body.
    limit: u64,
}

impl Connection {
    /// Encodes the session's next chunk, or its head if it can be interrupted.
    pub(super) fn open_chunk(&mut self, index: usize) {
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
        self.schedule.open = Some(Box::new(OpenChunk {
            session: index,
            transfer: transfer_index,
            id,
            scanner: EndLineScanner::new(&id),
            dashes: session.config.dash_split.then(DashLineScanner::new),
            len: 0,
            limit: if chunk_len == 0 { u64::MAX } else { chunk_len },
        }));
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
    pub(super) fn continue_chunk(&mut self) -> bool {
        let (fresh, waiting) = (self.schedule.fresh_first(), self.schedule.others_wait());
        let (ring, spent) = (self.schedule.ring_waits(), self.schedule.is_spent());
        let Some(open) = &mut self.schedule.open else {
            return false;
        };
        let session = &mut self.sessions[open.session];
        let sending = &session.outgoing;
        let transfer = &sending.transfers[open.transfer];
        let own_small =
            transfer.large && !sending.small.is_empty() && (spent || !sending.prefer_large);
        let own_large = transfer.large && sending.large.iter().any(|&other| other != open.transfer);
        let dry = transfer.available() == 0;
        let others = waiting || own_small || own_large;
        let interruptible = open.len >= INTERRUPTIBLE;
        let held = session.is_held() && !transfer.control;
        if open.len >= open.limit
            || (held && (interruptible || dry))
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
}

fn contains_end_line(id: &TransactionId, body: &[Bytes]) -> bool {
    let mut scanner = EndLineScanner::new(id);
    body.iter().any(|data| scanner.scan(data).is_some())
}
