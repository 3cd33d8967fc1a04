//! SENDs become messages: what is judged by the headers, what by the octets, and what the consumer is told (RFC 4975
//! §7.3.1). How the octets of one message are put together stands in `message`.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::connection::Connection;
use super::flow::{self, Doubt, Kind};
use super::inbound::Current;
use super::message::Incoming;
use super::report::byte_range;
use super::session::{Complete, Finished, Reportable};
use super::timers::Timer;
use super::{Event, MessageEnd, MessageHead, MessageKey, ReportMode};
use crate::mutant::{self, Mutant};
use crate::wire::{Continuation, FailureReport, Head, HeaderName, MessageId, StatusCode};

/// Messages up to this size are told whole, and parts below it are copied out of the input block.
const SMALL_PART: usize = 16 * 1024;

/// Parts of one message are joined up to this size while they come from one input block.
const JOINED_PART: usize = 64 * 1024;

/// What each message costs of the receive window beside its octets and headers.
pub(super) const MESSAGE_OVERHEAD: usize = 256;

/// A SEND whose body is being read.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) session: usize,
    pub(super) head: Head,
    message_id: MessageId,
    /// 0-based position of its first octet.
    start: u64,
    len: u64,
    /// The finished message that this repeats.
    repeats: Option<Complete>,
    /// It came while only control may come, and has not said what it is.
    doubt: Option<Doubt>,
}

/// A chunk that passed by its headers.
struct Admitted {
    message_id: MessageId,
    start: u64,
    repeats: Option<Complete>,
    is_doubtful: bool,
}

impl Admitted {
    fn new(message_id: MessageId, start: u64) -> Self {
        Self {
            message_id,
            start,
            repeats: None,
            is_doubtful: false,
        }
    }
}

/// The comment of a 403.
const NOT_TAKEN: &str = "No messages are taken now";

/// Small parts of one message that follow each other.
#[derive(Debug)]
pub(super) struct Gather {
    session: usize,
    message: MessageKey,
    message_id: MessageId,
    offset: u64,
    data: BytesMut,
}

impl Connection {
    // SENDs

    pub(super) fn begin_send(&mut self, now: Instant, index: usize, head: Head) {
        if head.content_type().is_none() && !mutant::on(Mutant::BodilessIsMessage) {
            self.current = Current::Bodiless {
                session: index,
                head: Box::new(head),
                octets: 0,
            };
            return;
        }
        match self.admit_chunk(now, index, &head) {
            Ok(Admitted {
                message_id,
                start,
                repeats,
                is_doubtful,
            }) => {
                self.current = Current::Chunk(Box::new(Chunk {
                    session: index,
                    head,
                    message_id,
                    start,
                    len: 0,
                    repeats,
                    doubt: is_doubtful.then(Doubt::default),
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
    ) -> Result<Admitted, Refusal> {
        let limits = self.limits.clone();
        let short = self.pausing.memory_short;
        let elapsed = self.transactions.elapsed(now);
        let session = &mut self.sessions[index];
        let receiving = &mut session.incoming;
        let Some(id) = head.message_id() else {
            return Err((StatusCode::BAD_REQUEST, Some("Message-ID is missing")));
        };
        let range = head.byte_range();
        let start = range.map_or(0, |range| range.offset());
        let total = range.and_then(|range| range.total);
        match receiving
            .finished
            .get(&id)
            .filter(|_| !mutant::on(Mutant::DuplicateShown))
        {
            Some(Finished::Complete(complete)) => {
                return Ok(Admitted {
                    repeats: Some(*complete),
                    ..Admitted::new(id, start)
                });
            }
            Some(Finished::Refused(status)) => return Err((*status, None)),
            None => {}
        }
        if receiving.shed || short {
            let comment = if short {
                "out of memory"
            } else {
                "receiver too slow"
            };
            // For good: further chunks of it may be under way (§10.5).
            let status = StatusCode::STOP_SENDING;
            if receiving.open.contains_key(&id) {
                self.end_incoming(index, id, MessageEnd::Rejected(status), status);
            } else {
                receiving.finished.insert(id, Finished::Refused(status));
            }
            return Err((status, Some(comment)));
        }
        if let Some(incoming) = receiving.open.get_mut(&id) {
            incoming.last_chunk = elapsed;
            if range.is_none() && !mutant::on(Mutant::LaterRangeMissing) {
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
            return Ok(Admitted::new(id, start));
        }
        let content_type = head.content_type().unwrap_or_default();
        let accepted = receiving.accepts(content_type, &session.config.accept_types);
        match mutant::swap(Mutant::AnyTypeAccepted, accepted, || Some(true)) {
            Some(true) => {}
            Some(false) => return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, None)),
            None => return Err((StatusCode::BAD_REQUEST, Some("Content-Type cannot be read"))),
        }
        let kind = match session.config.flow.receives || mutant::on(Mutant::HeldPeerServed) {
            true => Kind::Control,
            false => flow::judge(content_type, start),
        };
        if kind == Kind::Ordinary {
            let status = StatusCode::FORBIDDEN;
            receiving.finished.insert(id, Finished::Refused(status));
            return Err((status, Some(NOT_TAKEN)));
        }
        let too_large = session
            .config
            .max_size
            .is_some_and(|max| total.is_some_and(|total| total > max));
        let too_many = receiving.open.len() >= limits.incomplete_messages
            && !mutant::on(Mutant::IncompleteUnbounded);
        if too_large || too_many {
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
        let incoming = Incoming::new(
            message,
            Arc::new(message_head(head, id, total)),
            from_path,
            head.header_len(),
            elapsed,
        );
        receiving.open.insert(id, incoming);
        if !std::mem::replace(&mut receiving.has_idle_timer, true) {
            self.timers.set(
                now + limits.incomplete_idle,
                Timer::Incomplete(session.reference),
            );
        }
        Ok(Admitted {
            is_doubtful: kind == Kind::Unknown,
            ..Admitted::new(id, start)
        })
    }

    pub(super) fn chunk_octets(&mut self, now: Instant, mut data: Bytes) {
        let Current::Chunk(chunk) = &mut self.current else {
            return;
        };
        if let Some(doubt) = &mut chunk.doubt {
            match doubt.add(&data) {
                Kind::Unknown => return,
                Kind::Control => data = chunk.doubt.take().unwrap_or_default().into_octets(),
                Kind::Ordinary => {
                    let (index, id) = (chunk.session, chunk.message_id);
                    self.refuse_chunk(StatusCode::FORBIDDEN, NOT_TAKEN);
                    self.forbid(index, id);
                    return;
                }
            }
        }
        let (index, id) = (chunk.session, chunk.message_id);
        let offset = chunk.start.checked_add(chunk.len);
        chunk.len += data.len() as u64;
        if chunk.head.requires_empty_body() {
            self.refuse_malformed(index, id, "Byte-Range starts at 0");
            return;
        }
        if chunk.repeats.is_some() {
            return;
        }
        let end = chunk.start.checked_add(chunk.len);
        let chunk_start = chunk.start;
        let elapsed = self.transactions.elapsed(now);
        let session = &mut self.sessions[index];
        let max = session.config.max_size.unwrap_or(u64::MAX);
        let kept = session.incoming.kept;
        let Some(incoming) = session.incoming.open.get_mut(&id) else {
            return;
        };
        let (Some(offset), Some(end)) = (offset, end) else {
            self.refuse_malformed(index, id, "Byte-Range is beyond 64 bits");
            return;
        };
        if end > max && !mutant::on(Mutant::MaxSizeIgnored) {
            self.refuse_message(index, id, "Message too large");
        } else if incoming.length().is_some_and(|length| end > length) {
            self.refuse_malformed(index, id, "octets after the end of the message");
        } else if incoming.is_ahead(offset) && kept + data.len() > self.limits.receive_window {
            self.refuse_message(index, id, "Too many octets out of order");
        } else {
            incoming.last_chunk = elapsed;
            if offset == chunk_start && incoming.is_ahead(offset) {
                self.observers.count(|counters| {
                    counters.gaps.fetch_add(1, Relaxed);
                });
            }
            let message = incoming.key;
            let mut parts = Vec::new();
            let before = incoming.ahead_len();
            incoming.place(offset, data, |offset, data| parts.push((offset, data)));
            session.incoming.kept = kept - before + incoming.ahead_len();
            for (offset, data) in parts {
                self.deliver(index, message, id, offset, data);
            }
        }
    }

    /// A message that began with this chunk is not for us while we take none.
    fn forbid(&mut self, index: usize, id: MessageId) {
        let receiving = &mut self.sessions[index].incoming;
        receiving.open.remove(&id);
        let refused = Finished::Refused(StatusCode::FORBIDDEN);
        receiving.finished.insert(id, refused);
    }

    /// Answers the chunk that is being read, and ignores the rest of it.
    fn refuse_chunk(&mut self, status: StatusCode, comment: &str) {
        if let Current::Chunk(chunk) = std::mem::replace(&mut self.current, Current::Discard) {
            self.respond(Some(chunk.session), &chunk.head, status, Some(comment));
        }
    }

    /// Answers the chunk that is being read with 400. If it is the first of its message, there is none.
    fn refuse_malformed(&mut self, index: usize, id: MessageId, comment: &str) {
        self.refuse_chunk(StatusCode::BAD_REQUEST, comment);
        let open = &mut self.sessions[index].incoming.open;
        if open.get(&id).is_some_and(Incoming::is_untouched) {
            open.remove(&id);
        }
    }

    /// Answers the chunk that is being read with 413, and ends its message.
    fn refuse_message(&mut self, index: usize, id: MessageId, comment: &str) {
        let status = StatusCode::STOP_SENDING;
        self.refuse_chunk(status, comment);
        self.end_incoming(index, id, MessageEnd::Rejected(status), status);
    }

    pub(super) fn end_of_chunk(&mut self, now: Instant, chunk: Chunk, continuation: Continuation) {
        let Chunk {
            session: index,
            head,
            message_id: id,
            start,
            len,
            repeats,
            doubt,
        } = chunk;
        if doubt.is_some() {
            self.respond(Some(index), &head, StatusCode::FORBIDDEN, Some(NOT_TAKEN));
            self.forbid(index, id);
            return;
        }
        let end = start.saturating_add(len);
        let confirmable = head.success_report() == Some(true) || mutant::on(Mutant::ReportUnasked);
        if let Some(complete) = repeats {
            self.observers.count(|counters| {
                counters.duplicate_chunks.fetch_add(1, Relaxed);
            });
            self.respond(Some(index), &head, StatusCode::OK, None);
            if confirmable && continuation != Continuation::Abort {
                self.report_repeat(index, &head, id, complete, (start, end));
            }
            return;
        }
        let elapsed = self.transactions.elapsed(now);
        let receiving = &mut self.sessions[index].incoming;
        let Some(incoming) = receiving.open.get_mut(&id) else {
            self.respond(Some(index), &head, StatusCode::STOP_SENDING, None);
            return;
        };
        if continuation == Continuation::Complete && incoming.reaches_beyond(end) {
            let comment = "the message ends before octets that came earlier";
            self.respond(Some(index), &head, StatusCode::BAD_REQUEST, Some(comment));
            return;
        }
        let lenient = incoming.success_report && mutant::on(Mutant::ReportForWholeMessage);
        incoming.chunk_done(start, end, confirmable || lenient, elapsed);
        incoming.success_report |= confirmable;
        if incoming.is_scattered(self.limits.gaps) {
            let status = StatusCode::STOP_SENDING;
            self.respond(Some(index), &head, status, Some("Too many gaps"));
            self.end_incoming(index, id, MessageEnd::Rejected(status), status);
            return;
        }
        if continuation == Continuation::Complete {
            receiving.kept -= incoming.ahead_len();
            let total = || {
                head.byte_range()
                    .and_then(|range| range.total)
                    .unwrap_or(end)
            };
            incoming.fix_length(mutant::swap(Mutant::TotalBelieved, end, total));
            receiving.kept += incoming.ahead_len();
        }
        let complete = incoming.is_complete();
        self.respond(Some(index), &head, StatusCode::OK, None);
        if continuation == Continuation::Abort {
            self.end_incoming(index, id, MessageEnd::Aborted, StatusCode::STOP_SENDING);
        } else if complete {
            self.complete(index, id);
        }
    }

    pub(super) fn end_bodiless(
        &mut self,
        index: usize,
        head: &Head,
        octets: u64,
        continuation: Continuation,
    ) {
        if octets > 0 && !mutant::on(Mutant::BodyWithoutType) {
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
        if continuation == Continuation::Abort {
            if self.sessions[index].incoming.open.contains_key(&id) {
                self.end_incoming(index, id, MessageEnd::Aborted, StatusCode::STOP_SENDING);
            }
            return;
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
        let complete = Complete {
            key: message,
            length,
        };
        receiving.finished.insert(id, Finished::Complete(complete));
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
        if mutant::on(Mutant::ReportTooEarly) {
            self.message_taken(index, message);
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
        session.incoming.kept -= incoming.ahead_len();
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

    /// The consumer does not want a message. It may all have come while the consumer made up its mind, and then only the
    /// REPORT about it can say so.
    pub(super) fn reject(
        &mut self,
        _now: Instant,
        index: usize,
        message: MessageKey,
        status: StatusCode,
        comment: &str,
    ) {
        let Some(id) = self.sessions[index].incoming.open_by_key(message) else {
            self.report(index, message, status, comment);
            return;
        };
        if matches!(&self.current, Current::Chunk(chunk) if chunk.session == index && chunk.message_id == id)
        {
            self.refuse_chunk(status, comment);
        }
        self.end_incoming(index, id, MessageEnd::Rejected(status), status);
    }
}

type Refusal = (StatusCode, Option<&'static str>);

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
        headers: head.headers_but(&known),
        total,
        success_report: head.success_report() == Some(true),
        failure_report: head.failure_report(),
    }
}
