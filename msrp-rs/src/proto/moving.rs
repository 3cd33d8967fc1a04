//! A session whose peer has another path now (RFC 4975 §8.4): it goes over to another connection, or to another path on
//! this one.
//!
//! Until the new path works all goes on here. Then this connection *retires* from the session: what has not begun is
//! handed back, what has begun goes on to its end, on both sides; for a moment the session stays for what is on its way. A message belongs to the MSRP session in which it
//! began, so where this connection is lost before, it has failed. Who decides that the new path works, and moves what is
//! handed back, is the caller.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::connection::Connection;
use super::timers::Timer;
use super::transaction::{Purpose, SessionRef};
use super::transfer::{Outgoing, Phase, Source};
use super::{Body, CloseReason, Event, Failure, OutgoingMessage, TransferKey};
use crate::wire::{Continuation, UriPath};

impl Connection {
    /// The peer's path is to be another one, or is not (`None`).
    pub(super) fn set_moving(&mut self, index: usize, path: Option<UriPath>) {
        self.sessions[index].moving = path;
    }

    /// Our requests go by another path, over this connection. What is under way may have gone by the old one.
    pub(super) fn readdress(&mut self, index: usize, path: UriPath, first: bool) {
        let session = &mut self.sessions[index];
        session.moving = None;
        session.to_path = Bytes::from(path.to_string());
        session.config.remote_path = path;
        if first {
            let purpose = Purpose::Notice { required: true };
            self.queue_bodiless(index, purpose, None, Continuation::Complete);
        }
    }

    /// A request came from this path. If it is the peer's new one, the peer goes on with this connection: messages that
    /// have begun cannot go along.
    pub(super) fn notice_path(&mut self, index: usize, from: Option<&[u8]>) {
        let session = &mut self.sessions[index];
        let Some(path) = &session.moving else { return };
        let text = path.to_string();
        // Where it is our own URI that changes, the peer has the path that it had.
        if *path == session.config.remote_path || from != Some(text.as_bytes()) {
            return;
        }
        if let Some(path) = session.moving.take() {
            session.config.remote_path = path;
        }
        session.to_path = Bytes::from(text);
        let key = session.key;
        self.events.push_back((key, Event::Moved));
        for transfer in self.unfinished(index, |outgoing| {
            outgoing.phase == Phase::Sending && outgoing.position > 0
        }) {
            self.fail_transfer(index, transfer, Failure::SessionClosed);
        }
    }

    /// Another connection has the session now.
    pub(super) fn retire(&mut self, now: Instant, index: usize) {
        self.hand_back(index);
        let session = &mut self.sessions[index];
        session.moving = None;
        session.retiring = true;
        self.timers
            .set(now + LINGER, Timer::Retire(session.reference));
        self.events.push_back((session.key, Event::Retired));
    }

    /// The peer knows that the session is elsewhere: what is under way may end, and nothing more is waited for.
    pub(super) fn retired(&mut self, reference: SessionRef) {
        if let Some(index) = self.index_of(reference) {
            let session = &mut self.sessions[index];
            session.closing = true;
            let key = session.key;
            self.finish_closing(index, key);
        }
    }

    /// The session is about to end here; where it goes on elsewhere, nothing of it is left without a word.
    pub(super) fn leave(&mut self, index: usize, reason: &CloseReason) {
        let session = &self.sessions[index];
        let is_lost = !matches!(reason, CloseReason::Local | CloseReason::StreamEnded);
        if session.moving.is_some() && is_lost {
            self.hand_back(index);
        } else if !session.retiring {
            return;
        }
        for transfer in self.unfinished(index, |outgoing| {
            matches!(outgoing.phase, Phase::Sending | Phase::Encoded)
        }) {
            self.fail_transfer(index, transfer, Failure::SessionClosed);
        }
    }

    /// Gives every whole message that has not begun back, in the order in which they were given.
    fn hand_back(&mut self, index: usize) {
        let key = self.sessions[index].key;
        let mut returned: Vec<(TransferKey, Box<OutgoingMessage>)> = Vec::new();
        for place in self.unfinished(index, |outgoing| {
            outgoing.phase == Phase::Sending
                && outgoing.begun.is_none()
                && matches!(outgoing.source, Source::Whole { .. })
        }) {
            let sending = &mut self.sessions[index].outgoing;
            sending.dequeue(place);
            let outgoing = sending.take(place);
            returned.push((outgoing.key, Box::new(outgoing.into_message())));
        }
        returned.sort_by_key(|(transfer, _)| *transfer);
        for (transfer, message) in returned {
            let event = Event::Returned(transfer, message);
            self.events.push_back((key, event));
        }
    }

    fn unfinished(&self, index: usize, is_it: impl Fn(&Outgoing) -> bool) -> Vec<usize> {
        let transfers = self.sessions[index].outgoing.transfers.iter();
        transfers
            .filter(|(_, outgoing)| is_it(outgoing))
            .map(|(place, _)| place)
            .collect()
    }
}

impl Outgoing {
    /// As it was given.
    fn into_message(self) -> OutgoingMessage {
        let body = match self.source {
            Source::Whole { data, .. } if self.content_type.is_some() => Body::Whole(data),
            Source::Whole { .. } => Body::None,
            Source::Stream(_) => Body::Stream(self.total()),
        };
        OutgoingMessage {
            method: self.method,
            message_id: Some(self.id),
            content_type: self.content_type.unwrap_or_default(),
            headers: self.headers,
            success_report: self.success_report,
            failure_report: self.failure_report,
            control: self.control,
            body,
        }
    }
}

/// How long a session stays on a connection that it has left, for what the peer sent before it knew of that.
const LINGER: Duration = Duration::from_secs(2);
