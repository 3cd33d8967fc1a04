//! Requests and responses from the peer: to which session they belong, what is answered, and how SENDs become
//! messages (RFC 4975 §5.4, §7.2, §7.3).

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::connection::Connection;
use super::message::Incoming;
use super::report::byte_range;
use super::session::{Finished, Reportable};
use super::timers::Timer;
use super::transaction::{Purpose, Transaction};
use super::{
    CloseReason, Directory, Event, Failure, Lookup, MessageEnd, MessageHead, MessageKey,
    ReportMode, SessionKey,
};
use crate::wire::{
    Continuation, FailureReport, Frame, Head, HeaderName, MessageId, Method, StatusCode, Uri,
    encode_response,
};

/// Messages up to this size are told whole, and parts below it are copied out of the input block.
const SMALL_PART: usize = 16 * 1024;

/// Parts of one message are joined up to this size while they come from one input block.
const JOINED_PART: usize = 64 * 1024;

/// What each message costs of the receive window beside its octets and headers.
const MESSAGE_OVERHEAD: usize = 256;

/// Spellings of To-Paths that are remembered per connection.
const KNOWN_SPELLINGS: usize = 4096;

/// The request or response that is being read.
#[derive(Debug)]
pub(super) enum Current {
    Nothing,
    /// Dealt with; its body is of no interest.
    Discard,
    /// Held for this session.
    Early(SessionKey),
    /// A SEND without Content-Type.
    Bodiless {
        session: usize,
        head: Box<Head>,
        octets: u64,
    },
    /// A SEND with Content-Type.
    Chunk(Box<Chunk>),
}

impl Current {
    /// The session is no more.
    pub(super) fn forget(&mut self, index: usize) {
        let session = match self {
            Self::Bodiless { session, .. } => *session,
            Self::Chunk(chunk) => chunk.session,
            _ => return,
        };
        if session == index {
            *self = Self::Discard;
        }
    }
}

/// A SEND whose body is being read.
#[derive(Debug)]
pub(super) struct Chunk {
    session: usize,
    head: Head,
    message_id: MessageId,
    /// 0-based position of its first octet.
    start: u64,
    len: u64,
    /// The length of the finished message that this repeats.
    repeats: Option<u64>,
}

/// Requests for one session, held until its remote side is known.
#[derive(Debug, Default)]
pub(super) struct Early {
    frames: Vec<Frame>,
    len: usize,
}

/// Small parts of one message that follow each other.
#[derive(Debug)]
pub(super) struct Gather {
    session: usize,
    message: MessageKey,
    message_id: MessageId,
    offset: u64,
    data: BytesMut,
}

struct Unknown;

impl Directory for Unknown {
    fn lookup(&mut self, _uri: &Uri) -> Lookup {
        Lookup::Unknown
    }
}

impl Connection {
    pub(super) fn handle_frame(
        &mut self,
        now: Instant,
        frame: Frame,
        directory: &mut dyn Directory,
    ) {
        if let Current::Early(key) = self.current {
            let end = matches!(frame, Frame::End(_));
            self.hold(key, frame);
            if end {
                self.current = Current::Nothing;
            }
            return;
        }
        match frame {
            Frame::Head(head) if head.is_request() => self.handle_request(now, head, directory),
            Frame::Head(head) => {
                self.current = Current::Discard;
                self.handle_response(&head);
            }
            Frame::Body(data) => match &mut self.current {
                Current::Bodiless { octets, .. } => *octets += data.len() as u64,
                Current::Chunk(_) => self.chunk_octets(now, data),
                Current::Nothing | Current::Discard | Current::Early(_) => {}
            },
            Frame::End(continuation) => {
                match std::mem::replace(&mut self.current, Current::Nothing) {
                    Current::Bodiless {
                        session,
                        head,
                        octets,
                    } => self.end_bodiless(session, &head, octets, continuation),
                    Current::Chunk(chunk) => self.end_of_chunk(now, *chunk, continuation),
                    Current::Nothing | Current::Discard | Current::Early(_) => {}
                }
            }
        }
    }

    // Requests

    fn handle_request(&mut self, now: Instant, head: Head, directory: &mut dyn Directory) {
        self.current = Current::Discard;
        let is_report = head.is_report();
        if !is_report && let Err(fault) = head.from_path() {
            // Nothing can be answered, so the peer would wait in vain (RFC 4975 §10.2).
            self.flush_gathered();
            self.fail(CloseReason::Protocol {
                offset: head.offset(),
                reason: format!("From-Path cannot be read: {fault}"),
            });
            return;
        }
        let index = match self.route(now, &head, directory) {
            Ok(index) => index,
            Err(Unrouted::Hold(key)) => {
                if self.early.insert(key, Early::default()).is_none() {
                    self.timers.set(now + self.limits.early, Timer::Early(key));
                }
                self.hold(key, Frame::Head(head));
                self.current = Current::Early(key);
                return;
            }
            Err(Unrouted::HoldMore(key)) => {
                self.hold(key, Frame::Head(head));
                self.current = Current::Early(key);
                return;
            }
            Err(Unrouted::Answer(status)) => {
                self.respond(None, &head, status, None);
                return;
            }
        };
        if head.fault().is_some() {
            self.respond(Some(index), &head, StatusCode::BAD_REQUEST, None);
            return;
        }
        if !is_report || self.sessions[index].bound {
            self.bind(index);
        }
        match head.method() {
            Some(Method::Send) => self.begin_send(now, index, head),
            Some(Method::Report) => self.handle_report(index, &head),
            _ => self.respond(Some(index), &head, StatusCode::NOT_IMPLEMENTED, None),
        }
    }

    /// The session that a request is for (RFC 4975 §7.3: before anything else).
    fn route(
        &mut self,
        now: Instant,
        head: &Head,
        directory: &mut dyn Directory,
    ) -> Result<usize, Unrouted> {
        if let Some(&index) = head.to_path_text().and_then(|text| self.by_text.get(text)) {
            return Ok(index);
        }
        let path = head
            .to_path()
            .map_err(|_| Unrouted::Answer(StatusCode::BAD_REQUEST))?;
        if path.len() != 1 {
            return Err(Unrouted::Answer(StatusCode::NO_SUCH_SESSION));
        }
        let uri = path.first();
        let index = match self.by_uri.get(uri) {
            Some(&index) => index,
            None => match directory.lookup(uri) {
                Lookup::Ready(key, config) if !self.has_ended(key) => {
                    self.insert(now, key, *config)
                }
                Lookup::Ready(..) => return Err(Unrouted::Answer(StatusCode::NO_SUCH_SESSION)),
                Lookup::NotReady(key) if self.early.contains_key(&key) => {
                    return Err(Unrouted::HoldMore(key));
                }
                Lookup::NotReady(key) => return Err(Unrouted::Hold(key)),
                Lookup::BoundElsewhere => {
                    return Err(Unrouted::Answer(StatusCode::SESSION_ALREADY_BOUND));
                }
                Lookup::Unknown => return Err(Unrouted::Answer(StatusCode::NO_SUCH_SESSION)),
            },
        };
        if let Some(text) = head.to_path_text() {
            if self.by_text.len() >= KNOWN_SPELLINGS {
                self.by_text.clear();
            }
            self.by_text.insert(Bytes::copy_from_slice(text), index);
        }
        Ok(index)
    }

    /// Whether the session is on this connection, or ended on it and the directory does not know yet.
    fn has_ended(&self, key: SessionKey) -> bool {
        let closed = |(other, event): &(SessionKey, Event)| {
            *other == key && matches!(event, Event::Closed { .. })
        };
        self.by_key.contains_key(&key) || self.events.iter().any(closed)
    }

    /// Answers a request as its method and Failure-Report allow (RFC 4975 §7.1.4, §7.2).
    fn respond(
        &mut self,
        index: Option<usize>,
        head: &Head,
        status: StatusCode,
        comment: Option<&str>,
    ) {
        let silent = match head.failure_report() {
            FailureReport::Yes => false,
            FailureReport::Partial => status.is_success(),
            FailureReport::No => true,
        };
        if silent || head.is_report() {
            return;
        }
        let Some(from) = head.from_path_text() else {
            return;
        };
        let to_path = if head.method() == Some(&Method::Send) {
            first_uri(from)
        } else {
            from
        };
        let addressed = head.to_path_text().map(first_uri).unwrap_or_default();
        let bound = self
            .sessions
            .iter()
            .next()
            .map(|(_, session)| session.from_path.clone());
        let from_path = match index {
            Some(index) => self.sessions[index].from_path.clone(),
            None if head.to_path().is_ok() => Bytes::copy_from_slice(addressed),
            // To-Path cannot be read: any URI of ours tells the peer who answers.
            None => bound.unwrap_or_else(|| Bytes::copy_from_slice(addressed)),
        };
        let comment = comment.unwrap_or_else(|| status.default_comment());
        encode_response(
            self.output.control(),
            &head.transaction_id(),
            status,
            comment,
            to_path,
            &from_path,
        );
    }

    // Requests before their session is ready

    fn hold(&mut self, key: SessionKey, frame: Frame) {
        let len = match &frame {
            Frame::Head(head) => head.header_len() + MESSAGE_OVERHEAD,
            Frame::Body(data) => data.len(),
            Frame::End(_) => 0,
        };
        let early = self.early.entry(key).or_default();
        early.len += len;
        early.frames.push(frame);
        self.early_len += len;
    }

    /// The session is attached: serves what was held for it.
    pub(super) fn serve_early(&mut self, now: Instant, key: SessionKey) {
        let Some(early) = self.early.remove(&key) else {
            return;
        };
        self.early_len -= early.len;
        // A request of this session may be half read; otherwise another one's may.
        let reading = match self.current {
            Current::Early(current) if current == key => None,
            _ => Some(std::mem::replace(&mut self.current, Current::Nothing)),
        };
        if reading.is_none() {
            self.current = Current::Nothing;
        }
        for frame in early.frames {
            self.handle_frame(now, frame, &mut Unknown);
        }
        self.flush_gathered();
        if let Some(reading) = reading {
            self.current = reading;
        }
    }

    /// The remote side did not become known in time.
    pub(super) fn early_expired(&mut self, key: SessionKey) {
        let Some(early) = self.early.remove(&key) else {
            return;
        };
        self.early_len -= early.len;
        if matches!(self.current, Current::Early(current) if current == key) {
            self.current = Current::Discard;
        }
        for frame in early.frames {
            if let Frame::Head(head) = frame {
                self.respond(None, &head, StatusCode::NO_SUCH_SESSION, None);
            }
        }
        if self.sessions.is_empty() && self.early.is_empty() {
            self.fail(CloseReason::ConnectionLost(
                "no request named a session that became ready in time".into(),
            ));
        }
    }

    // SENDs

    fn begin_send(&mut self, now: Instant, index: usize, head: Head) {
        if head.content_type().is_none() {
            self.current = Current::Bodiless {
                session: index,
                head: Box::new(head),
                octets: 0,
            };
            return;
        }
        match self.admit_chunk(now, index, &head) {
            Ok((message_id, start, repeats)) => {
                self.current = Current::Chunk(Box::new(Chunk {
                    session: index,
                    head,
                    message_id,
                    start,
                    len: 0,
                    repeats,
                }));
            }
            Err((status, comment)) => self.respond(Some(index), &head, status, comment),
        }
    }

    /// Judges a chunk by its headers: its Message-ID, where it starts, and whether it repeats a finished message.
    fn admit_chunk(
        &mut self,
        now: Instant,
        index: usize,
        head: &Head,
    ) -> Result<(MessageId, u64, Option<u64>), Refusal> {
        let limits = self.limits.clone();
        let short = self.pausing.memory_short;
        let session = &mut self.sessions[index];
        let key = session.key;
        let receiving = &mut session.incoming;
        let Some(id) = head.message_id() else {
            return Err((StatusCode::BAD_REQUEST, Some("Message-ID is missing")));
        };
        let range = head.byte_range();
        let start = range.map_or(0, |range| range.offset());
        let total = range.and_then(|range| range.total);
        match receiving.finished.get(&id) {
            Some(Finished::Complete { length }) => return Ok((id, start, Some(*length))),
            Some(Finished::Refused(status)) => return Err((*status, None)),
            None => {}
        }
        if receiving.shed || short {
            let comment = if short {
                "out of memory"
            } else {
                "receiver too slow"
            };
            return Err((StatusCode::STOP_SENDING, Some(comment)));
        }
        if let Some(incoming) = receiving.open.get_mut(&id) {
            incoming.last_chunk = now;
            if range.is_none() {
                return Err((
                    StatusCode::BAD_REQUEST,
                    Some("Byte-Range is missing in a later chunk"),
                ));
            }
            if incoming.length().is_some_and(|length| start >= length) {
                return Err((
                    StatusCode::BAD_REQUEST,
                    Some("Byte-Range starts after the end of the message"),
                ));
            }
            return Ok((id, start, None));
        }
        let content_type = head.content_type().unwrap_or_default();
        match receiving.accepts(content_type, &session.config.accept_types) {
            Some(true) => {}
            Some(false) => return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, None)),
            None => return Err((StatusCode::BAD_REQUEST, Some("Content-Type cannot be read"))),
        }
        let too_large = session
            .config
            .max_size
            .is_some_and(|max| total.is_some_and(|total| total > max));
        if too_large || receiving.open.len() >= limits.incomplete_messages {
            let comment = if too_large {
                "Message too large"
            } else {
                "Too many incomplete messages"
            };
            receiving
                .finished
                .insert(id, Finished::Refused(StatusCode::STOP_SENDING));
            return Err((StatusCode::STOP_SENDING, Some(comment)));
        }
        let message = MessageKey(receiving.next_message);
        receiving.next_message = receiving.next_message.wrapping_add(1);
        let from_path = Bytes::copy_from_slice(head.from_path_text().unwrap_or_default());
        let first = receiving.open.is_empty();
        let incoming = Incoming::new(
            message,
            Arc::new(message_head(head, id, total)),
            from_path,
            head.header_len(),
            now,
        );
        receiving.open.insert(id, incoming);
        if first {
            self.timers
                .set(now + limits.incomplete_idle, Timer::Incomplete(key));
        }
        Ok((id, start, None))
    }

    fn chunk_octets(&mut self, now: Instant, data: Bytes) {
        let Current::Chunk(chunk) = &mut self.current else {
            return;
        };
        let (index, id) = (chunk.session, chunk.message_id);
        let offset = chunk.start.checked_add(chunk.len);
        chunk.len += data.len() as u64;
        if chunk.head.requires_empty_body() {
            self.refuse_chunk(StatusCode::BAD_REQUEST, "Byte-Range starts at 0");
            return;
        }
        if chunk.repeats.is_some() {
            return;
        }
        let end = chunk.start.checked_add(chunk.len);
        let session = &mut self.sessions[index];
        let max = session.config.max_size.unwrap_or(u64::MAX);
        let ahead: usize = session
            .incoming
            .open
            .values()
            .map(Incoming::ahead_len)
            .sum();
        let Some(incoming) = session.incoming.open.get_mut(&id) else {
            return;
        };
        let (Some(offset), Some(end)) = (offset, end) else {
            self.refuse_chunk(StatusCode::BAD_REQUEST, "Byte-Range is beyond 64 bits");
            return;
        };
        if end > max {
            self.refuse_message(index, id, "Message too large");
        } else if incoming.length().is_some_and(|length| end > length) {
            self.refuse_chunk(
                StatusCode::BAD_REQUEST,
                "octets after the end of the message",
            );
        } else if incoming.is_ahead(offset) && ahead + data.len() > self.limits.receive_window {
            self.refuse_message(index, id, "Too many octets out of order");
        } else {
            incoming.last_chunk = now;
            let message = incoming.key;
            let mut parts = Vec::new();
            incoming.place(offset, data, |offset, data| parts.push((offset, data)));
            for (offset, data) in parts {
                self.deliver(index, message, id, offset, data);
            }
        }
    }

    /// Answers the chunk that is being read, and ignores the rest of it.
    fn refuse_chunk(&mut self, status: StatusCode, comment: &str) {
        if let Current::Chunk(chunk) = std::mem::replace(&mut self.current, Current::Discard) {
            self.respond(Some(chunk.session), &chunk.head, status, Some(comment));
        }
    }

    /// Answers the chunk that is being read with 413, and ends its message.
    fn refuse_message(&mut self, index: usize, id: MessageId, comment: &str) {
        let status = StatusCode::STOP_SENDING;
        self.refuse_chunk(status, comment);
        self.end_incoming(index, id, MessageEnd::Rejected(status), status);
    }

    fn end_of_chunk(&mut self, now: Instant, chunk: Chunk, continuation: Continuation) {
        let Chunk {
            session: index,
            head,
            message_id: id,
            start,
            len,
            repeats,
        } = chunk;
        let end = start.saturating_add(len);
        let confirmable = head.success_report() == Some(true);
        if let Some(length) = repeats {
            self.respond(Some(index), &head, StatusCode::OK, None);
            if confirmable && let Some(to_path) = head.from_path_text() {
                let range = byte_range(start, end.min(length.max(start)), Some(length));
                let to_path = Bytes::copy_from_slice(to_path);
                self.queue_report(index, id, &to_path, StatusCode::OK, "OK", range);
            }
            return;
        }
        let Some(incoming) = self.sessions[index].incoming.open.get_mut(&id) else {
            self.respond(Some(index), &head, StatusCode::STOP_SENDING, None);
            return;
        };
        incoming.chunk_done(start, end, confirmable, now);
        incoming.success_report |= confirmable;
        if incoming.range_count() > self.limits.gaps {
            let status = StatusCode::STOP_SENDING;
            self.respond(Some(index), &head, status, Some("Too many gaps"));
            self.end_incoming(index, id, MessageEnd::Rejected(status), status);
            return;
        }
        if continuation == Continuation::Complete {
            incoming.fix_length(end);
        }
        let complete = incoming.is_complete();
        self.respond(Some(index), &head, StatusCode::OK, None);
        if continuation == Continuation::Abort {
            self.end_incoming(index, id, MessageEnd::Aborted, StatusCode::STOP_SENDING);
        } else if complete {
            self.complete(index, id);
        }
    }

    fn end_bodiless(&mut self, index: usize, head: &Head, octets: u64, continuation: Continuation) {
        if octets > 0 {
            self.respond(
                Some(index),
                head,
                StatusCode::BAD_REQUEST,
                Some("Content-Type is missing"),
            );
            return;
        }
        self.respond(Some(index), head, StatusCode::OK, None);
        let Some(id) = head.message_id() else { return };
        if continuation == Continuation::Abort
            && self.sessions[index].incoming.open.contains_key(&id)
        {
            self.end_incoming(index, id, MessageEnd::Aborted, StatusCode::STOP_SENDING);
        }
        if head.success_report() == Some(true)
            && let Some(to_path) = head.from_path_text()
        {
            let to_path = Bytes::copy_from_slice(to_path);
            self.queue_report(
                index,
                id,
                &to_path,
                StatusCode::OK,
                "OK",
                byte_range(0, 0, Some(0)),
            );
        }
    }

    // Messages to the consumer

    /// Hands octets to the consumer, joining small parts.
    fn deliver(
        &mut self,
        index: usize,
        message: MessageKey,
        message_id: MessageId,
        offset: u64,
        data: Bytes,
    ) {
        if let Some(gather) = &mut self.gather
            && gather.session == index
            && gather.message == message
            && gather.offset + gather.data.len() as u64 == offset
            && data.len() < SMALL_PART
            && gather.data.len() + data.len() <= JOINED_PART
        {
            gather.data.extend_from_slice(&data);
            return;
        }
        self.flush_gathered();
        if data.len() < SMALL_PART {
            self.gather = Some(Gather {
                session: index,
                message,
                message_id,
                offset,
                data: BytesMut::from(&data[..]),
            });
        } else {
            self.begin_message(index, message_id);
            self.charge(index, data.len());
            self.events.push_back((
                self.sessions[index].key,
                Event::MessageBody {
                    message,
                    offset,
                    data,
                },
            ));
        }
    }

    /// Hands the joined parts to the consumer.
    pub(super) fn flush_gathered(&mut self) {
        let Some(Gather {
            session,
            message,
            message_id,
            offset,
            data,
        }) = self.gather.take()
        else {
            return;
        };
        self.begin_message(session, message_id);
        self.charge(session, data.len());
        let event = Event::MessageBody {
            message,
            offset,
            data: data.freeze(),
        };
        self.events.push_back((self.sessions[session].key, event));
    }

    fn begin_message(&mut self, index: usize, id: MessageId) {
        let session = &mut self.sessions[index];
        let Some(incoming) = session.incoming.open.get_mut(&id) else {
            return;
        };
        if incoming.begun {
            return;
        }
        incoming.begun = true;
        let credit = incoming.header_len + MESSAGE_OVERHEAD;
        let event = Event::MessageBegin {
            message: incoming.key,
            head: incoming.head.clone(),
            credit,
        };
        self.events.push_back((session.key, event));
        self.charge(index, credit);
    }

    /// Every octet is here.
    fn complete(&mut self, index: usize, id: MessageId) {
        let incoming = &self.sessions[index].incoming.open[&id];
        let (message, length) = (incoming.key, incoming.length().unwrap_or_default());
        let whole = match &self.gather {
            _ if incoming.begun || length > SMALL_PART as u64 => false,
            Some(gather) => {
                gather.session == index
                    && gather.message == message
                    && gather.data.len() as u64 == length
            }
            None => length == 0,
        };
        let body = if whole {
            self.gather
                .take()
                .map(|gather| gather.data.freeze())
                .unwrap_or_default()
        } else {
            Bytes::new()
        };
        if !whole {
            self.flush_gathered();
            self.begin_message(index, id);
        }
        let session = &mut self.sessions[index];
        let receiving = &mut session.incoming;
        let Some(incoming) = receiving.open.remove(&id) else {
            return;
        };
        receiving.finished.insert(id, Finished::Complete { length });
        let credit = body.len() + incoming.header_len + MESSAGE_OVERHEAD;
        if incoming.success_report || session.config.reports == ReportMode::Manual {
            let reportable = Reportable {
                message_id: id,
                from_path: incoming.from_path,
                success_report: incoming.success_report,
                confirmable: incoming.confirmable,
                length,
                failures: incoming.head.failure_report != FailureReport::No,
            };
            receiving.reportable.insert(message, reportable);
        }
        let event = if whole {
            Event::Message {
                message,
                head: incoming.head,
                body,
                credit,
            }
        } else {
            Event::MessageEnd {
                message,
                end: MessageEnd::Complete(length),
            }
        };
        self.events.push_back((session.key, event));
        if whole {
            self.charge(index, credit);
        }
    }

    /// A message ends without being complete; later chunks of it are answered with `refusal`.
    pub(super) fn end_incoming(
        &mut self,
        index: usize,
        id: MessageId,
        end: MessageEnd,
        refusal: StatusCode,
    ) {
        self.flush_gathered();
        self.begin_message(index, id);
        let session = &mut self.sessions[index];
        let Some(incoming) = session.incoming.open.remove(&id) else {
            return;
        };
        session
            .incoming
            .finished
            .insert(id, Finished::Refused(refusal));
        self.events.push_back((
            session.key,
            Event::MessageEnd {
                message: incoming.key,
                end,
            },
        ));
        if matches!(&self.current, Current::Chunk(chunk) if chunk.session == index && chunk.message_id == id)
        {
            self.refuse_chunk(refusal, refusal.default_comment());
        }
    }

    /// The consumer does not want a message.
    pub(super) fn reject(
        &mut self,
        _now: Instant,
        index: usize,
        message: MessageKey,
        status: StatusCode,
        comment: &str,
    ) {
        let Some(id) = self.sessions[index].incoming.open_by_key(message) else {
            return;
        };
        if matches!(&self.current, Current::Chunk(chunk) if chunk.session == index && chunk.message_id == id)
        {
            self.refuse_chunk(status, comment);
        }
        self.end_incoming(index, id, MessageEnd::Rejected(status), status);
    }

    // Responses

    fn handle_response(&mut self, head: &Head) {
        if head.fault().is_some()
            || head.to_path_text().is_none()
            || head.from_path_text().is_none()
        {
            return;
        }
        let Some(status) = head.status() else { return };
        let Some(transaction) = self.transactions.finish(&head.transaction_id()) else {
            return;
        };
        let Some(index) = self.index_of(transaction.session) else {
            return;
        };
        let comment = head.comment().unwrap_or_default().into_owned();
        let key = self.sessions[index].key;
        if let Purpose::Chunk(_) | Purpose::SilentChunk(_) = transaction.purpose {
            self.chunk_answered(index, &transaction);
        }
        if ends_session(status) {
            if let Purpose::Chunk(transfer) | Purpose::SilentChunk(transfer) = transaction.purpose {
                self.fail_transfer(
                    index,
                    transfer,
                    Failure::Status {
                        code: status,
                        comment: comment.clone(),
                    },
                );
            }
            self.end_session(
                index,
                &CloseReason::Status {
                    code: status,
                    comment,
                },
            );
            return;
        }
        match transaction.purpose {
            // Any other answer shows that the peer knows the session.
            Purpose::Bind => self.bind(index),
            Purpose::Notice { .. } => {}
            Purpose::Chunk(transfer) | Purpose::SilentChunk(transfer) => {
                if status == StatusCode::TIMEOUT {
                    self.fail_transfer(index, transfer, Failure::Timeout);
                } else if !status.is_success() {
                    self.fail_transfer(
                        index,
                        transfer,
                        Failure::Status {
                            code: status,
                            comment,
                        },
                    );
                } else {
                    self.settle(index, transfer);
                }
            }
        }
        self.finish_closing(index, key);
    }

    /// No response came in time.
    pub(super) fn transaction_expired(&mut self, transaction: &Transaction) {
        let Some(index) = self.index_of(transaction.session) else {
            return;
        };
        let key = self.sessions[index].key;
        match transaction.purpose {
            Purpose::Bind | Purpose::Notice { required: true } => {
                self.end_session(index, &CloseReason::BindTimeout)
            }
            Purpose::Notice { required: false } => {}
            Purpose::Chunk(transfer) => {
                self.chunk_answered(index, transaction);
                self.fail_transfer(index, transfer, Failure::Timeout);
                self.finish_closing(index, key);
            }
            Purpose::SilentChunk(_) => {}
        }
    }
}

/// Why a request has no session.
enum Unrouted {
    /// Nothing was held for this session yet.
    Hold(SessionKey),
    HoldMore(SessionKey),
    Answer(StatusCode),
}

type Refusal = (StatusCode, Option<&'static str>);

/// The leftmost URI of a path as it came.
fn first_uri(path: &[u8]) -> &[u8] {
    path.trim_ascii()
        .split(|octet| *octet == b' ')
        .next()
        .unwrap_or_default()
}

fn message_head(head: &Head, message_id: MessageId, total: Option<u64>) -> MessageHead {
    let known = [
        HeaderName::ToPath,
        HeaderName::FromPath,
        HeaderName::MessageId,
        HeaderName::ByteRange,
        HeaderName::SuccessReport,
        HeaderName::FailureReport,
        HeaderName::ContentType,
    ];
    MessageHead {
        message_id,
        content_type: head.content_type().unwrap_or_default().to_owned(),
        headers: head
            .headers()
            .filter(|(name, _)| {
                !HeaderName::parse(name.as_bytes()).is_some_and(|name| known.contains(&name))
            })
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect(),
        total,
        success_report: head.success_report() == Some(true),
        failure_report: head.failure_report(),
    }
}

/// 481 and 506: nothing more can be sent in this session (RFC 4975 §10.8, §10.10).
pub(super) fn ends_session(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_SUCH_SESSION | StatusCode::SESSION_ALREADY_BOUND
    )
}
