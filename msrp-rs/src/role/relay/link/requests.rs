//! Requests of other methods than SEND: handed on when they are whole, and their responses brought back; AUTHs for this
//! relay (RFC 4976 §5.1, §6.3, §6.4.2, §6.4.3).

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::super::{Backward, FlowId, Forward, Leg, Request, Response};
use super::ingress::Gathered;
use super::lanes::first_uri;
use super::pending::Waiting;
use super::transactions::What;
use super::{Answer, Attempt, AuthReply, AuthStep, Link, QueryId, Switchboard};
use crate::proto::counters::FrameKind;
use crate::wire::{
    Continuation, ForwardedHead, Head, HeaderName, Method, StatusCode, Uri, encode_end_line, words,
};

impl Link {
    pub(super) fn end_request(
        &mut self,
        now: Instant,
        request: Gathered,
        continuation: Continuation,
    ) {
        let Gathered { lane, head, body } = request;
        let Some(method) = head.method().cloned() else {
            return;
        };
        let is_report = method == Method::Report;
        let full = !is_report && self.pending.is_full();
        if full || self.lanes.get(lane).shed {
            let status = match full {
                true => StatusCode::TIMEOUT,
                false => StatusCode::STOP_SENDING,
            };
            self.refuse(&head, status);
            return;
        }
        let flow = self.next_flow(lane);
        let forward = Request {
            leg: self.lanes.get(lane).leg.clone(),
            method,
            lines: head.octets().slice(head.sections().rest),
            body: body.map(BytesMut::freeze),
            continuation,
        };
        if head.method() != Some(&Method::Auth) {
            self.succeeded();
        }
        if !is_report {
            let waiting = waiting(&head, true);
            self.pending.begin(now, flow.number, waiting);
        }
        self.counts.requests += 1;
        let forward = Forward::Request(flow, Box::new(forward));
        let window = self.limits.receive_window;
        self.lanes.charge(lane, forward.cost(), window);
        self.bring(forward);
    }

    pub(super) fn serve_auth(&mut self, now: Instant, head: &Head, office: &mut dyn Switchboard) {
        if self.pending.is_full() {
            self.refuse(head, StatusCode::FORBIDDEN);
            return;
        }
        let query = self.next_query();
        let waiting = waiting(head, false);
        match office.auth(now, &self.party, query, head) {
            AuthStep::Answer(reply) => self.answer_auth(&waiting, &reply),
            AuthStep::Ask => self.pending.begin(now, query.number, waiting),
        }
    }

    pub(super) fn answer(&mut self, query: QueryId, answer: Answer) {
        match answer {
            Answer::Message(verdict) => self.verdict(query, verdict),
            Answer::Auth(reply) => {
                if let Some(waiting) = self.pending.finish(query.number) {
                    self.answer_auth(&waiting, &reply);
                }
            }
        }
    }

    pub(super) fn answer_auth(&mut self, waiting: &Waiting, reply: &AuthReply) {
        let headers: Vec<(&str, &str)> = reply
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.respond(waiting, reply.status, &headers);
        self.attempted(reply.attempt, None);
        if reply.close {
            self.close("an authentication was refused for good");
        }
    }

    /// The response to a request of another method than SEND.
    pub(super) fn response(&mut self, flow: FlowId, response: &Response) {
        let Some(waiting) = self.pending.finish(flow.number) else {
            return;
        };
        let id = &waiting.transaction_id;
        let head = ForwardedHead {
            transaction_id: id,
            start: &response.status.to_string(),
            comment: match response.comment.is_empty() {
                true => response.status.default_comment(),
                false => &response.comment,
            },
            to_path: &response.to_path,
            from_path: &response.from_path,
            byte_range: None,
            lines: (&response.lines, &[]),
            has_body: false,
        };
        let frame = (FrameKind::Response(response.status), response.continuation);
        self.output.control(frame, |out| {
            head.encode(out);
            encode_end_line(out, id, response.continuation, false);
        });
        if let Some(destination) = &waiting.destination {
            let attempt = match response.status {
                status if status.is_success() => Attempt::Granted,
                StatusCode::UNAUTHORIZED if !response.stale => Attempt::Failed,
                _ => Attempt::Undecided,
            };
            self.attempted(attempt, Some(destination));
        }
    }

    pub(super) fn handle_response(&mut self, head: &Head) {
        let (Some(status), Some(to_path)) = (head.status(), head.to_path_text()) else {
            self.counts.discarded += 1;
            return;
        };
        if head.fault().is_some() {
            self.counts.discarded += 1;
            return;
        }
        let Some((slot, sent)) = self.transactions.finish(&head.transaction_id()) else {
            self.counts.discarded += 1;
            return;
        };
        if first_uri(to_path) != first_uri(&sent.leg.from_path) {
            self.counts.misaddressed += 1;
        }
        match sent.what {
            What::Send { .. } if status.is_success() => {}
            What::Send { .. } => self.piece_failed(slot, sent, status),
            What::Request => {
                let response = forwarded_response(head, status, &sent.leg);
                self.backwards
                    .push_back(Backward::Response(sent.flow, Box::new(response)));
            }
        }
    }
}

/// What is kept of a request that is answered later.
pub(super) fn waiting(head: &Head, forwarded: bool) -> Waiting {
    let to_path = head.to_path_text().unwrap_or_default();
    let has_credentials = head.header(HeaderName::Authorization).is_some();
    let destination = match head.method() {
        Some(Method::Auth) if forwarded && has_credentials => destination(head),
        _ => None,
    };
    Waiting {
        transaction_id: head.transaction_id(),
        from_path: Bytes::copy_from_slice(head.from_path_text().unwrap_or_default()),
        addressed: Bytes::copy_from_slice(first_uri(to_path)),
        destination,
    }
}

/// Scheme, host and port of the last URI of To-Path: the relay that an AUTH is for.
fn destination(head: &Head) -> Option<Bytes> {
    let path = head.to_path().ok()?;
    let uri: &Uri = path.last();
    let (scheme, host) = (uri.scheme(), uri.host());
    let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
    Some(format!("{scheme}://{host}{port}").into())
}

/// A response on its way back (RFC 4976 §6.4.3). Its To-Path is where the request came from, whatever it says: there
/// are peers that do not swap the paths.
fn forwarded_response(head: &Head, status: StatusCode, leg: &Leg) -> Response {
    let came = head.from_path_text().unwrap_or_default();
    let own = words(&leg.from_path).count() - words(&leg.origin).count();
    let mut own: Vec<&[u8]> = words(&leg.from_path)
        .take(own)
        .map(|(_, uri)| uri)
        .collect();
    own.reverse();
    let uris = own.into_iter();
    let uris = uris.chain(words(came).map(|(_, uri)| uri));
    let from_path = uris.collect::<Vec<_>>().join(&b' ');
    let mut challenges = head.headers();
    let stale = challenges.any(|(name, value)| {
        let is_stale = || String::from_utf8_lossy(value).to_ascii_lowercase();
        name.eq_ignore_ascii_case(HeaderName::WwwAuthenticate.as_str())
            && is_stale()
                .replace([' ', '\t', '"'], "")
                .contains("stale=true")
    });
    Response {
        status,
        comment: head.comment().unwrap_or_default().into_owned(),
        to_path: leg.origin.clone(),
        from_path: from_path.into(),
        lines: Bytes::copy_from_slice(&head.octets()[head.sections().rest]),
        stale,
        continuation: Continuation::Complete,
    }
}
