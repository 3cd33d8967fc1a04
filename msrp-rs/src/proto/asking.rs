//! Requests that belong to a connection and to no session: the AUTH of a client to its relays (RFC 4976 §5.1).
//!
//! They go by the control lane, have the time of every request, and their answers come back to who asked. What they say,
//! and what an answer means, is the business of `auth`.

use std::time::Instant;

use super::auth::AuthHeaders;
use super::connection::Connection;
use super::counters::FrameKind;
use super::transaction::{Purpose, SessionRef};
use super::written::Mark;
use crate::wire::{Continuation, Head, Method, RequestHead, Uri, UriPath};

/// The caller's name for a request of the connection; unique among those that are under way on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AskKey(pub u64);

/// An AUTH.
#[derive(Debug, Clone)]
pub struct AuthRequest {
    /// The relays on the way, as far as they have given URIs, and the one that is asked.
    pub to_path: UriPath,
    /// The URI of the session that is to be reached.
    pub from_path: Uri,
    /// All further headers.
    pub headers: AuthHeaders,
}

/// What became of a request of the connection.
#[derive(Debug)]
pub enum Asked {
    /// The response.
    Answered(Head),
    /// None came in the time that responses have.
    Silence,
}

impl Connection {
    /// Sends an AUTH. [`poll_asked`](Self::poll_asked) tells its outcome, unless the connection is closed before.
    pub fn ask(&mut self, now: Instant, key: AskKey, request: &AuthRequest) {
        if self.close_reason().is_some() {
            return;
        }
        self.clock = now;
        let id = self.new_transaction_id();
        let (to_path, from_path) = (request.to_path.to_string(), request.from_path.to_string());
        let headers = request.headers.as_pairs();
        let head = RequestHead {
            transaction_id: id,
            method: &Method::Auth,
            to_path: to_path.as_bytes(),
            from_path: from_path.as_bytes(),
            message_id: None,
            headers: &headers,
        };
        let frame = (FrameKind::Auth, Continuation::Complete);
        self.output.control(frame, |out| head.encode(out));
        self.output.mark_control(Mark::Notice(id));
        let purpose = Purpose::Ask(key);
        self.transactions.begin(id, SessionRef::NOBODY, purpose);
        self.update_pausing(now);
    }

    /// The outcome of a request of the connection.
    pub fn poll_asked(&mut self) -> Option<(AskKey, Asked)> {
        self.asked.pop_front()
    }

    pub(super) fn asked_answered(&mut self, key: AskKey, head: &Head) {
        let mut head = head.clone();
        head.detach();
        self.asked.push_back((key, Asked::Answered(head)));
    }

    pub(super) fn asked_expired(&mut self, key: AskKey) {
        self.asked.push_back((key, Asked::Silence));
    }
}
