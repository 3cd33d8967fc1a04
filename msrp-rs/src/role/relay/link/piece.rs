//! How what is sent on is encoded: whole, or piece by piece (RFC 4975 §5.1, §7.1, §7.1.1).
//!
//! At most one chunk is open; when something else waits and it holds 2048 octets, it is ended with `+`, and the rest goes
//! on later under another transaction id. Chunks are never joined and never made longer. A body never holds the end-line
//! of its own chunk: short ones are searched before their head is written, longer ones while they are.

use bytes::Bytes;

use super::super::hop::detach;
use super::super::{Chunk, FlowId, Forward, Request};
use super::Link;
use super::schedule::QUANTUM;
use super::transactions::{Sent, Slot, What, transaction_id};
use crate::proto::Counters;
use crate::proto::counters::FrameKind;
use crate::wire::{
    ByteRange, Continuation, EndLineScanner, FailureReport, ForwardedHead, Method, TransactionId,
    encode_end_line,
};

/// A chunk may be interrupted when it holds so many octets, and has to be interruptible when it may hold more.
pub(super) const INTERRUPTIBLE: usize = 2048;

/// Most octets of one slice of an open chunk.
const PIECE: usize = 16 * 1024;

/// A SEND that is sent piece by piece.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) flow: FlowId,
    pub(super) chunk: Chunk,
    /// Octets encoded.
    pub(super) position: u64,
    /// What is taken from next; then comes what is in the queue.
    pub(super) rest: Bytes,
    /// Octets at hand: in `rest`, and its own in the queue.
    pub(super) at_hand: usize,
    /// How it ends, when all of it is at hand.
    pub(super) end: Option<Continuation>,
    /// Cost of what was encoded and has no mark yet.
    pub(super) cost: usize,
    pub(super) open: Option<Piece>,
    pub(super) pieces: usize,
}

/// A chunk whose end-line is not encoded yet.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) id: TransactionId,
    pub(super) slot: Option<Slot>,
    pub(super) scanner: EndLineScanner,
    pub(super) len: usize,
}

/// A SEND, or the last piece of one, that is sent at once.
pub(super) struct Whole<'a> {
    pub(super) flow: FlowId,
    pub(super) chunk: &'a Chunk,
    pub(super) body: Bytes,
    pub(super) continuation: Continuation,
    pub(super) has_range: bool,
}

impl Sending {
    pub(super) fn new(flow: FlowId, chunk: Chunk, cost: usize) -> Self {
        Self {
            flow,
            chunk,
            position: 0,
            rest: Bytes::new(),
            at_hand: 0,
            end: None,
            cost,
            open: None,
            pieces: 0,
        }
    }

    /// 1-based position of the next octet.
    pub(super) fn next(&self) -> u64 {
        self.chunk.start + self.position
    }

    /// Whether nothing is left to be said of it.
    pub(super) fn is_done(&self) -> bool {
        // What was ended with `+` needs no further chunk to say so.
        self.at_hand == 0 && self.pieces > 0 && self.end == Some(Continuation::More)
    }
}

impl Link {
    /// Encodes a request of another method than SEND.
    pub(super) fn send_request(
        &mut self,
        index: usize,
        cost: usize,
        flow: FlowId,
        request: &Request,
    ) -> usize {
        let body = request.body.as_deref().unwrap_or_default();
        let awaits = request.method != Method::Report;
        let sent = Sent {
            flow,
            leg: request.leg.clone(),
            what: What::Request,
        };
        let (slot, mut id) = match awaits {
            true => {
                let (slot, id) = self.transactions.begin(sent, &mut self.ids);
                (Some(slot), id)
            }
            false => (None, transaction_id(None, &mut self.ids)),
        };
        while EndLineScanner::contains(&id, body) {
            id = self.rename(slot);
        }
        let head = ForwardedHead {
            transaction_id: &id,
            start: request.method.as_str(),
            comment: "",
            to_path: &request.leg.to_path,
            from_path: &request.leg.from_path,
            byte_range: None,
            lines: (&request.lines, &[]),
            has_body: request.body.is_some(),
        };
        let len = self.output.encode(|out| {
            head.encode(out);
            out.extend_from_slice(body);
            encode_end_line(out, &id, request.continuation, request.body.is_some());
        });
        let kind = FrameKind::from(&request.method);
        self.output.end_frame((kind, request.continuation));
        self.mark(index, cost, slot);
        len
    }

    /// The transaction of a SEND, or of a piece of it, if a response may come.
    pub(super) fn begin(
        &mut self,
        flow: FlowId,
        chunk: &Chunk,
        start: u64,
        len: u64,
    ) -> (Option<Slot>, TransactionId) {
        if chunk.failure_report == FailureReport::No {
            return (None, transaction_id(None, &mut self.ids));
        }
        let sent = Sent {
            flow,
            leg: chunk.leg.clone(),
            what: What::Send {
                message_id: chunk.message_id,
                start,
                len,
                total: chunk.total,
                silent: chunk.failure_report == FailureReport::Partial,
            },
        };
        let (slot, id) = self.transactions.begin(sent, &mut self.ids);
        (Some(slot), id)
    }

    /// Encodes a SEND that is short, and so cannot be interrupted.
    pub(super) fn send_whole(&mut self, index: usize, cost: usize, whole: Whole<'_>) -> usize {
        let Whole {
            flow,
            chunk,
            body,
            continuation,
            has_range,
        } = whole;
        let len = body.len() as u64;
        let (slot, mut id) = self.begin(flow, chunk, chunk.start, len);
        while EndLineScanner::contains(&id, &body) {
            id = self.rename(slot);
        }
        let range = ByteRange {
            start: chunk.start,
            end: Some(chunk.start + len - 1),
            total: chunk.total,
        };
        let head = send_head(chunk, &id, has_range.then_some(range));
        let written = self.output.encode(|out| head.encode(out));
        let body_len = body.len();
        if chunk.has_body {
            self.output.body(body);
            self.observers
                .count(|counters: &Counters| counters.chunk_sent.record(len));
        }
        let end = self
            .output
            .encode(|out| encode_end_line(out, &id, continuation, chunk.has_body));
        self.output.end_frame((FrameKind::Send, continuation));
        self.mark(index, cost, slot);
        written + body_len + end
    }

    /// Opens a chunk for what is at hand of the SEND at the head of a lane. All of it at once, if that is short.
    pub(super) fn open_piece(&mut self, index: usize) {
        let Some(mut sending) = self.egress.lanes[index].sending.take() else {
            return;
        };
        self.egress.lanes[index].due = false;
        let (start, flow) = (sending.next(), sending.flow);
        if let Some(continuation) = sending.end
            && sending.at_hand <= INTERRUPTIBLE
        {
            let body = self.take_all(index, &mut sending);
            let cost = sending.cost + body.len();
            let cut = sending.pieces > 0;
            self.counts.cuts += u64::from(cut);
            let mut chunk = sending.chunk;
            chunk.start = start;
            let whole = Whole {
                flow,
                chunk: &chunk,
                body,
                continuation,
                has_range: cut || !chunk.lines.byte_range.is_empty(),
            };
            let len = self.send_whole(index, cost, whole);
            self.egress.spend(len);
            return;
        }
        let (slot, id) = self.begin(flow, &sending.chunk, start, 0);
        let range = ByteRange {
            start,
            end: None,
            total: sending.chunk.total,
        };
        let has_range = !sending.chunk.lines.byte_range.is_empty() || sending.pieces > 0;
        let head = send_head(&sending.chunk, &id, has_range.then_some(range));
        let len = self.output.encode(|out| head.encode(out));
        self.counts.cuts += u64::from(sending.pieces > 0);
        sending.open = Some(Piece {
            id,
            slot,
            scanner: EndLineScanner::new(&id),
            len: 0,
        });
        sending.pieces += 1;
        self.egress.lanes[index].sending = Some(sending);
        self.egress.open = Some(index);
        self.egress.spend(len);
    }

    /// All octets at hand, at most `INTERRUPTIBLE`.
    pub(super) fn take_all(&mut self, index: usize, sending: &mut Sending) -> Bytes {
        let first = self.take(index, sending, INTERRUPTIBLE);
        if sending.at_hand == 0 {
            return first;
        }
        let mut all = Vec::with_capacity(first.len() + sending.at_hand);
        all.extend_from_slice(&first);
        while sending.at_hand > 0 {
            all.extend_from_slice(&self.take(index, sending, INTERRUPTIBLE));
        }
        all.into()
    }

    /// At most `max` of the octets at hand.
    pub(super) fn take(&mut self, index: usize, sending: &mut Sending, max: usize) -> Bytes {
        while sending.rest.is_empty()
            && let Some(Forward::Body(flow, _)) = self.egress.lanes[index].queue.front()
            && *flow == sending.flow
            && let Some(Forward::Body(_, body)) = self.egress.lanes[index].queue.pop_front()
        {
            sending.rest = body;
        }
        let lane = &mut self.egress.lanes[index];
        lane.attached = lane.attached.min(lane.queue.len());
        let data = sending.rest.split_to(max.min(sending.rest.len()));
        sending.at_hand -= data.len();
        sending.position += data.len() as u64;
        self.egress.len -= data.len();
        data
    }

    /// Adds to the open chunk, or ends it. False when there is nothing to do now.
    pub(super) fn continue_piece(&mut self, index: usize) -> bool {
        let (fresh, others) = (self.egress.fresh_first(), self.egress.others_wait());
        let ring = !self.egress.ring.is_empty();
        let spent = self.egress.is_spent();
        let Some(mut sending) = self.egress.lanes[index].sending.take() else {
            self.egress.open = None;
            return true;
        };
        let Some(mut piece) = sending.open.take() else {
            self.egress.lanes[index].sending = Some(sending);
            self.egress.open = None;
            return true;
        };
        let dry = sending.at_hand == 0;
        let interruptible = piece.len >= INTERRUPTIBLE;
        let ended = dry && sending.end.is_some();
        let interrupted = (interruptible && (fresh || (spent && ring))) || (dry && others);
        if ended || interrupted || dry {
            let flag = match sending.end.filter(|_| ended) {
                Some(flag) => Some(flag),
                None => interrupted.then_some(Continuation::More),
            };
            sending.open = Some(piece);
            self.egress.lanes[index].sending = Some(sending);
            if let Some(flag) = flag {
                self.end_piece(flag);
            }
            return flag.is_some();
        }
        if spent && !others {
            // Nobody else wants to: a new turn.
            if let Some(turn) = &mut self.egress.turn {
                turn.budget = QUANTUM;
                turn.first = false;
            }
        }
        let most = match interruptible {
            true => PIECE,
            false => INTERRUPTIBLE,
        };
        let mut data = self.take(index, &mut sending, most);
        let hit = piece.scanner.scan(&data);
        if let Some(at) = hit {
            let back = data.split_off(at);
            sending.at_hand += back.len();
            sending.position -= back.len() as u64;
            self.egress.len += back.len();
            sending.rest = match sending.rest.is_empty() {
                true => back,
                false => [back, std::mem::take(&mut sending.rest)].concat().into(),
            };
        }
        let len = data.len();
        piece.len += len;
        let cost = len + std::mem::take(&mut sending.cost);
        let ended = sending
            .end
            .filter(|_| hit.is_none() && sending.at_hand == 0);
        sending.open = Some(piece);
        self.egress.lanes[index].sending = Some(sending);
        self.output.body(data);
        self.mark(index, cost, None);
        self.egress.spend(len);
        match (hit, ended) {
            // The next octet would complete our own end-line: the rest goes on under another transaction id.
            (Some(_), _) => self.end_piece(Continuation::More),
            (None, Some(flag)) => self.end_piece(flag),
            (None, None) => {}
        }
        true
    }

    /// Ends the open chunk. If that was all of its SEND, the lane goes on.
    pub(super) fn end_piece(&mut self, flag: Continuation) {
        let Some(index) = self.egress.open.take() else {
            return;
        };
        let Some(mut sending) = self.egress.lanes[index].sending.take() else {
            return;
        };
        if let Some(piece) = sending.open.take() {
            let has_body = sending.chunk.has_body;
            self.output
                .encode(|out| encode_end_line(out, &piece.id, flag, has_body));
            self.output.end_frame((FrameKind::Send, flag));
            let len = piece.len as u64;
            self.observers
                .count(|counters: &Counters| counters.chunk_sent.record(len));
            if let Some(slot) = piece.slot {
                self.transactions.set_len(slot, len);
            }
            let cost = std::mem::take(&mut sending.cost);
            self.mark(index, cost, piece.slot);
        }
        let over = sending.at_hand == 0 && sending.end == Some(flag);
        if !over {
            // It may be long until it goes on: it keeps no whole block.
            sending.chunk.detach();
            detach(&mut sending.rest);
            self.egress.lanes[index].sending = Some(sending);
        }
    }

    fn rename(&mut self, slot: Option<Slot>) -> TransactionId {
        match slot {
            Some(slot) => self.transactions.rename(slot, &mut self.ids),
            None => transaction_id(None, &mut self.ids),
        }
    }
}

/// The head of a SEND that is sent on.
fn send_head<'a>(
    chunk: &'a Chunk,
    id: &'a TransactionId,
    byte_range: Option<ByteRange>,
) -> ForwardedHead<'a> {
    let lines = &chunk.lines;
    ForwardedHead {
        transaction_id: id,
        start: Method::Send.as_str(),
        comment: "",
        to_path: &chunk.leg.to_path,
        from_path: &chunk.leg.from_path,
        byte_range,
        lines: (
            &lines.octets[..lines.byte_range.start],
            &lines.octets[lines.byte_range.end..],
        ),
        has_body: chunk.has_body,
    }
}
