//! Requests and responses from the peer: to which session they belong and what is answered (RFC 4975 §5.4, §7.2,
//! §7.3).
//!
//! `receive` makes messages out of SENDs, `early` holds requests whose session is not ready, `report` reads REPORTs.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;

use super::connection::{Connection, spelling_at};
use super::counters::{Counters, FrameKind};
use super::receive::Chunk;
use super::request::Request;
use super::transaction::{Purpose, Transaction};
use super::work::steps;
use super::{CloseReason, Directory, Event, Failure, Lookup, SessionKey, SessionMatch};
use crate::mutant::{self, Mutant};
use crate::wire::{
    Continuation, FailureReport, Frame, Head, Method, ResponseHead, StatusCode, Uri,
};

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
    /// A request of another method that the consumer answers.
    Request(Box<Request>),
}

impl Current {
    /// The session is no more: the rest of what is read for it is of no interest. Gives the request's head.
    pub(super) fn forget(&mut self, index: usize) -> Option<Head> {
        let session = match self {
            Self::Bodiless { session, .. } => *session,
            Self::Chunk(chunk) => chunk.session,
            Self::Request(request) => request.session,
            _ => return None,
        };
        if session != index {
            return None;
        }
        match std::mem::replace(self, Self::Discard) {
            Self::Bodiless { head, .. } => Some(*head),
            Self::Chunk(chunk) => Some(chunk.head),
            Self::Request(request) => Some(request.head),
            _ => None,
        }
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
                Current::Request(request) => request.body.extend_from_slice(&data),
                Current::Nothing | Current::Discard | Current::Early(_) => {}
            },
            Frame::End(continuation) => {
                match std::mem::replace(&mut self.current, Current::Nothing) {
                    Current::Bodiless {
                        session,
                        head,
                        octets,
                    } => self.end_bodiless(session, &head, octets, continuation),
                    Current::Chunk(chunk) => {
                        let index = chunk.session;
                        self.end_of_chunk(now, *chunk, continuation);
                        // It may have been the last thing that kept the session here.
                        if let Some(session) = self.sessions.get(index).filter(|it| it.retiring) {
                            self.finish_closing(index, session.key);
                        }
                    }
                    Current::Request(request) => self.end_of_request(now, *request),
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
            Err(Unrouted::Hold(key, uri)) => {
                self.hold_request(now, key, uri, head);
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
        if !is_report {
            self.notice_path(index, head.from_path_text());
        }
        match head.method() {
            Some(Method::Send) => self.begin_send(now, index, head),
            Some(Method::Report) => self.handle_report(index, &head),
            Some(method) if self.sessions[index].config.methods.contains(method) => {
                self.begin_request(now, index, head);
            }
            _ => {
                let status = StatusCode::NOT_IMPLEMENTED;
                let status = mutant::swap(Mutant::UnknownMethodOk, status, || StatusCode::OK);
                self.respond(Some(index), &head, status, None)
            }
        }
    }

    /// The session that a request is for (RFC 4975 §7.3: before anything else).
    fn route(
        &mut self,
        now: Instant,
        head: &Head,
        directory: &mut dyn Directory,
    ) -> Result<usize, Unrouted> {
        if let Some(index) = head.to_path_text().and_then(|text| self.by_text(text)) {
            return Ok(index);
        }
        let path = head
            .to_path()
            .map_err(|_| Unrouted::Answer(StatusCode::BAD_REQUEST))?;
        if path.len() != 1 && !mutant::on(Mutant::LongToPathTaken) {
            return Err(Unrouted::Answer(StatusCode::NO_SUCH_SESSION));
        }
        let uri = path.first();
        let known = self
            .by_uri(uri)
            .or_else(|| self.by_session_id(uri.session_id()?));
        let known = mutant::swap(Mutant::AnySession, known, || self.by_uri.any());
        let index = match known {
            Some(index) => index,
            None => {
                if let Some(key) = self.early.find(uri) {
                    // Whatever became of it meanwhile: first come, first served.
                    return Err(Unrouted::Hold(key, uri.clone()));
                }
                self.look_up(now, uri, directory)?
            }
        };
        if let Some(text) = head.to_path_text() {
            self.remember_spelling(index, text);
        }
        Ok(index)
    }

    /// Remembers how a session's URI was written the last time: the next request has it the same way, unless the peer
    /// plays with it.
    fn remember_spelling(&mut self, index: usize, text: &[u8]) {
        let text = Bytes::copy_from_slice(text);
        let session = &mut self.sessions[index];
        if let Some(before) = session.spelling.replace(text) {
            self.by_text.remove(&before[..], index);
        }
        self.by_text.insert(index, spelling_at(&self.sessions));
    }

    /// The session of a URI that was not used on this connection before.
    fn look_up(
        &mut self,
        now: Instant,
        uri: &Uri,
        directory: &mut dyn Directory,
    ) -> Result<usize, Unrouted> {
        let (unknown, bound) = (
            StatusCode::NO_SUCH_SESSION,
            StatusCode::SESSION_ALREADY_BOUND,
        );
        let answer_unknown = mutant::swap(Mutant::UnknownIsBound, unknown, || bound);
        let answer_bound = mutant::swap(Mutant::BoundIsUnknown, bound, || unknown);
        match directory.lookup(uri) {
            Lookup::Ready(key, config) if !self.has_ended(key) => {
                Ok(self.insert(now, key, *config))
            }
            Lookup::Ready(..) | Lookup::Unknown => Err(Unrouted::Answer(answer_unknown)),
            Lookup::NotReady(key) => Err(Unrouted::Hold(key, uri.clone())),
            Lookup::BoundElsewhere => Err(Unrouted::Answer(answer_bound)),
        }
    }

    /// Whether the session is on this connection, or ended on it and the directory does not know yet.
    fn has_ended(&self, key: SessionKey) -> bool {
        let closed = |(other, event): &(SessionKey, Event)| {
            steps(1);
            *other == key && matches!(event, Event::Closed { .. })
        };
        self.by_key.contains_key(&key) || self.events.iter().any(closed)
    }

    /// Answers a request as its method and Failure-Report allow (RFC 4975 §7.1.4, §7.2).
    pub(super) fn respond(
        &mut self,
        index: Option<usize>,
        head: &Head,
        status: StatusCode,
        comment: Option<&str>,
    ) {
        self.respond_with(index, head, status, comment, &[]);
    }

    /// The same with further headers.
    pub(super) fn respond_with(
        &mut self,
        index: Option<usize>,
        head: &Head,
        status: StatusCode,
        comment: Option<&str>,
        headers: &[(&str, &str)],
    ) {
        let silent = match head.failure_report() {
            FailureReport::Yes => false,
            FailureReport::Partial if mutant::on(Mutant::PartialFailureSilent) => true,
            FailureReport::Partial => status.is_success() && !mutant::on(Mutant::PartialAnswered),
            FailureReport::No => !mutant::on(Mutant::NoAnswered),
        };
        let silent = silent || (status.is_success() && mutant::on(Mutant::NoResponse));
        if silent || (head.is_report() && !mutant::on(Mutant::ReportAnswered)) {
            return;
        }
        let Some(from) = head.from_path_text() else {
            return;
        };
        let is_send = head.method() == Some(&Method::Send);
        let is_send = mutant::swap(Mutant::WholePathAnswered, is_send, || false);
        let is_send = mutant::swap(Mutant::FirstUriAnswered, is_send, || true);
        let to_path = if is_send { first_uri(from) } else { from };
        let addressed = head.to_path_text().map(first_uri).unwrap_or_default();
        let from_path = match index {
            Some(index) if self.sessions[index].config.session_match == SessionMatch::Uri => {
                self.sessions[index].from_path.clone()
            }
            // By whatever name the peer knows it.
            _ if head.to_path().is_ok() => Bytes::copy_from_slice(addressed),
            // To-Path cannot be read: any URI of ours tells the peer who answers.
            _ => match self.sessions.iter().next() {
                Some((_, session)) => session.from_path.clone(),
                None => Bytes::copy_from_slice(addressed),
            },
        };
        let comment = comment.unwrap_or_else(|| status.default_comment());
        let transaction_id = head.transaction_id();
        let transaction_id = mutant::swap(Mutant::ForeignTransactionId, transaction_id, || {
            self.ids.transaction_id()
        });
        let response = ResponseHead {
            transaction_id,
            status,
            comment,
            to_path,
            from_path: &from_path,
            headers,
        };
        let frame = (FrameKind::Response(status), Continuation::Complete);
        self.output.control(frame, |out| response.encode(out));
    }

    // Responses

    fn handle_response(&mut self, head: &Head) {
        if mutant::on(Mutant::ResponsesIgnored)
            || head.fault().is_some()
            || head.to_path_text().is_none()
            || head.from_path_text().is_none()
        {
            return;
        }
        let Some(status) = head.status() else { return };
        let Some(transaction) = self.transactions.finish(&head.transaction_id()) else {
            return;
        };
        if let Some(written) = transaction.written {
            let time = self.clock.saturating_duration_since(written);
            let count = |counters: &Counters| counters.transaction_time.record_time(time);
            self.observers.count(count);
        }
        if let Purpose::Ask(key) = transaction.purpose {
            self.asked_answered(key, head);
            return;
        }
        let Some(index) = self.index_of(transaction.session) else {
            return;
        };
        let comment = head.comment().unwrap_or_default().into_owned();
        let key = self.sessions[index].key;
        let transfer = match transaction.purpose {
            Purpose::Bind | Purpose::Notice { .. } => {
                self.notice_answered(index);
                None
            }
            Purpose::Chunk(transfer) => {
                self.chunk_answered(index, transfer);
                Some(transfer)
            }
            Purpose::SilentChunk(name) => {
                let sending = &self.sessions[index].outgoing;
                sending.by_key.get(&name).copied()
            }
            Purpose::Ask(_) => None,
        };
        let failure = match status {
            status if status.is_success() => None,
            StatusCode::STOP_SENDING if mutant::on(Mutant::StopIgnored) => None,
            StatusCode::TIMEOUT if !mutant::on(Mutant::TimeoutIsStatus) => Some(Failure::Timeout),
            code => Some(Failure::Status {
                code,
                comment: comment.clone(),
            }),
        };
        if let Some(transfer) = transfer {
            self.tell_response(index, transfer, head);
        }
        match (transfer, failure) {
            (Some(transfer), Some(failure)) => {
                self.fail_with_status(index, transfer, status, failure);
            }
            (Some(transfer), None) => self.settle(index, transfer),
            (None, _) => {}
        }
        if ends_session(status) {
            let reason = CloseReason::Status {
                code: status,
                comment,
            };
            self.end_session(index, &reason);
            return;
        }
        match transaction.purpose {
            Purpose::Bind | Purpose::Notice { required: true } if status == StatusCode::TIMEOUT => {
                // A relay got no answer: as if we had got none (§10.4).
                self.end_session(index, &CloseReason::BindTimeout);
            }
            // Any other answer shows that the peer knows the session.
            Purpose::Bind => self.bind(index),
            _ => {}
        }
        self.finish_closing(index, key);
    }

    /// No response came in time.
    pub(super) fn transaction_expired(&mut self, transaction: &Transaction) {
        self.observers.count(|counters| {
            counters.timeouts.fetch_add(1, Relaxed);
        });
        if let Purpose::Ask(key) = transaction.purpose {
            self.asked_expired(key);
            return;
        }
        let Some(index) = self.index_of(transaction.session) else {
            return;
        };
        let key = self.sessions[index].key;
        match transaction.purpose {
            Purpose::Bind | Purpose::Notice { required: true } => {
                self.end_session(index, &CloseReason::BindTimeout)
            }
            Purpose::Notice { required: false } => {
                self.notice_answered(index);
                self.finish_closing(index, key);
            }
            Purpose::Chunk(transfer) => {
                self.chunk_answered(index, transfer);
                self.fail_transfer(index, transfer, Failure::Timeout);
                self.finish_closing(index, key);
            }
            Purpose::SilentChunk(_) | Purpose::Ask(_) => {}
        }
    }
}

/// Why a request has no session.
enum Unrouted {
    /// The session that this URI names is not ready.
    Hold(SessionKey, Uri),
    Answer(StatusCode),
}

/// The leftmost URI of a path as it came.
pub(super) fn first_uri(path: &[u8]) -> &[u8] {
    path.trim_ascii()
        .split(|octet| matches!(octet, b' ' | b'\t'))
        .next()
        .unwrap_or_default()
}

/// 481 and 506: nothing more can be sent in this session (RFC 4975 §10.8, §10.10).
pub(super) fn ends_session(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_SUCH_SESSION | StatusCode::SESSION_ALREADY_BOUND
    ) && !mutant::on(Mutant::SessionOutlives481)
}
