//! Requests of methods beside SEND and REPORT: the extension point of RFC 4975 §12.
//!
//! A session names the methods that its consumer answers; of all others `inbound` says 501. Ours are outgoing messages
//! of another method: they wait their turn in `outbound` as messages do, and are sent in one request, which is never
//! cut (§7.1). What a method means is the host's affair.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::connection::Connection;
use super::counters::FrameKind;
use super::receive::MESSAGE_OVERHEAD;
use super::transaction::Purpose;
use super::transfer::{Outgoing, Phase};
use super::written::Mark;
use super::{Answer, Event, MessageKey, RequestHead};
use crate::wire::{
    Continuation, Head, HeaderName, Method, RequestHead as HeadToWrite, StatusCode, TransactionId,
    is_content,
};

/// Requests that may wait for the consumer's answer, per session. Beyond: 413.
pub(crate) const MAX_UNANSWERED: usize = 16;

/// A request whose body is being read. The parser bounds it by `Limits::non_send_body`.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) session: usize,
    pub(super) head: Head,
    pub(super) body: BytesMut,
}

/// A request that waits for the consumer's answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    message: MessageKey,
    head: Box<Head>,
    /// When it came, as the time of `Transactions::elapsed`.
    since: Duration,
}

impl Connection {
    // The peer's

    pub(super) fn begin_request(&mut self, now: Instant, index: usize, head: Head) {
        let elapsed = self.transactions.elapsed(now);
        let (short, patience) = (self.pausing.memory_short, self.limits.transaction);
        let receiving = &mut self.sessions[index].incoming;
        // Their senders have given up (§7.1.1).
        let waits = |request: &Unanswered| request.since + patience > elapsed;
        receiving.unanswered.retain(waits);
        let refusal = if short {
            "out of memory"
        } else if receiving.shed {
            "receiver too slow"
        } else if receiving.unanswered.len() >= MAX_UNANSWERED {
            "too many requests wait for an answer"
        } else {
            self.current = super::inbound::Current::Request(Box::new(Request {
                session: index,
                head,
                body: BytesMut::new(),
            }));
            return;
        };
        self.respond(Some(index), &head, StatusCode::STOP_SENDING, Some(refusal));
    }

    /// Whatever its flag: only SEND is chunked (§5.1).
    pub(super) fn end_of_request(&mut self, now: Instant, request: Request) {
        let Request {
            session: index,
            mut head,
            body,
        } = request;
        if !body.is_empty() && head.content_type().is_none() {
            let comment = "Content-Type is missing";
            self.respond(Some(index), &head, StatusCode::BAD_REQUEST, Some(comment));
            return;
        }
        self.flush_gathered();
        head.detach();
        let since = self.transactions.elapsed(now);
        let credit = body.len() + head.header_len() + MESSAGE_OVERHEAD;
        let told = Arc::new(RequestHead {
            method: head.method().cloned().unwrap_or(Method::Send),
            message_id: head.message_id(),
            content_type: head.content_type().map(str::to_owned),
            headers: headers(&head),
        });
        let session = &mut self.sessions[index];
        let receiving = &mut session.incoming;
        let message = MessageKey(receiving.next_message);
        receiving.next_message = receiving.next_message.wrapping_add(1);
        receiving.unanswered.push_back(Unanswered {
            message,
            head: Box::new(head),
            since,
        });
        let event = Event::Request {
            message,
            head: told,
            body: body.freeze(),
            credit,
        };
        self.events.push_back((session.key, event));
        self.charge(index, credit);
    }

    /// The consumer answers a request.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        index: usize,
        message: MessageKey,
        answer: &Answer,
    ) {
        let elapsed = self.transactions.elapsed(now);
        let unanswered = &mut self.sessions[index].incoming.unanswered;
        let place = unanswered
            .iter()
            .position(|request| request.message == message);
        let Some(request) = place.and_then(|place| unanswered.remove(place)) else {
            return;
        };
        if request.since + self.limits.transaction <= elapsed {
            return;
        }
        let headers: Vec<_> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let comment = match answer.comment.as_str() {
            "" => None,
            comment => Some(comment),
        };
        self.respond_with(Some(index), &request.head, answer.status, comment, &headers);
    }

    /// The session ends: nobody answers any more.
    pub(super) fn refuse_unanswered(&mut self, index: usize) {
        let unanswered = std::mem::take(&mut self.sessions[index].incoming.unanswered);
        for request in unanswered {
            let status = StatusCode::NO_SUCH_SESSION;
            self.respond(Some(index), &request.head, status, None);
        }
    }

    // Ours

    /// A request was encoded, `len` octets, in the turn of its session.
    pub(super) fn request_written(
        &mut self,
        index: usize,
        transfer: usize,
        id: TransactionId,
        len: usize,
    ) {
        let session = &mut self.sessions[index];
        let (key, reference) = (session.key, session.reference);
        let outgoing = &mut session.outgoing.transfers[transfer];
        outgoing.unanswered += 1;
        outgoing.unwritten += 1;
        outgoing.phase = Phase::Encoded;
        outgoing.drop_rest();
        let (name, large) = (outgoing.key, outgoing.large);
        let kind = FrameKind::from(&outgoing.method);
        session.outgoing.unanswered += 1;
        session.outgoing.dequeue(transfer);
        self.transactions
            .begin(id, reference, Purpose::Chunk(transfer));
        self.output.end_frame((kind, Continuation::Complete));
        self.output.mark(Mark::ChunkEnd {
            session: reference,
            transfer,
            id,
            last: true,
        });
        if large {
            self.events.push_back((key, Event::Accepted(name)));
        }
        self.served(!large);
        self.spend(len);
    }

    /// Tells the response to a request of ours that is no message.
    pub(super) fn tell_response(&mut self, index: usize, transfer: usize, head: &Head) {
        let session = &self.sessions[index];
        let Some(outgoing) = session.outgoing.transfers.get(transfer) else {
            return;
        };
        if outgoing.is_message() || outgoing.phase != Phase::Encoded {
            return;
        }
        let Some(status) = head.status() else { return };
        let answer = Answer {
            status,
            comment: head.comment().unwrap_or_default().into_owned(),
            headers: headers(head),
        };
        let event = Event::Response(outgoing.key, Box::new(answer));
        self.events.push_back((session.key, event));
    }
}

/// Writes a request of ours: MIME headers last, and only where there is a body (§7.1).
pub(super) fn encode_request(
    out: &mut BytesMut,
    transaction_id: TransactionId,
    to_path: &[u8],
    from_path: &[u8],
    request: &Outgoing,
    body: &[Bytes],
) {
    let content_type = request.content_type.as_deref();
    let mut headers: Vec<(&str, &str)> = Vec::with_capacity(request.headers.len());
    for mime in [false, true] {
        if mime && content_type.is_none() {
            break;
        }
        let of_kind = request
            .headers
            .iter()
            .filter(|(name, _)| is_content(name) == mime);
        headers.extend(of_kind.map(|(name, value)| (name.as_str(), value.as_str())));
    }
    let head = HeadToWrite {
        transaction_id,
        method: &request.method,
        to_path,
        from_path,
        message_id: Some(request.id),
        headers: &headers,
    };
    match content_type {
        Some(content_type) => head.encode_with_body(content_type, &body.concat(), out),
        None => head.encode(out),
    }
}

/// All headers but those that a host has no use of, or gets by their own names.
fn headers(head: &Head) -> Vec<(String, String)> {
    let known = [
        HeaderName::ToPath,
        HeaderName::FromPath,
        HeaderName::MessageId,
        HeaderName::ContentType,
    ];
    head.headers_but(&known)
}
