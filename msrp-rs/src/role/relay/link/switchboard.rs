//! What a link asks of the relay it belongs to: where a request may go, and what an AUTH gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::super::{Leg, LinkId, Party};
use crate::wire::{Head, StatusCode};

/// Decides for all links of a relay. `Office` does; tests script one.
///
/// A link keeps what [`route`](Self::route) said for as long as its [`Validity`] lasts, by the texts of To-Path and
/// From-Path, so that this is not on the way of every SEND.
pub trait Switchboard {
    /// Where a request goes. Its header section has no fault, and both of its paths can be read.
    fn route(&mut self, now: Instant, from: &Party, head: &Head) -> Decision;

    /// What is answered to an AUTH for which [`route`](Self::route) said [`Decision::Serve`]: now, or by
    /// [`Link::handle_answer`](super::Link::handle_answer) with `query` later.
    fn auth(&mut self, now: Instant, from: &Party, query: QueryId, head: &Head) -> AuthStep;
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It is sent on.
    Forward(Arc<Leg>, Validity),
    /// It is an AUTH for this relay itself.
    Serve,
    /// It is answered with this code, as its method and Failure-Report allow, and counts as a failure while the
    /// connection is on probation.
    Refuse(StatusCode),
    /// It is dropped without answer, and counted.
    Discard,
    /// The connection is closed; the text says why, without secrets.
    Close(&'static str),
}

/// How long a [`Decision::Forward`] may be used again without asking.
#[derive(Debug, Clone)]
pub struct Validity {
    revoked: Arc<AtomicBool>,
    until: Option<Instant>,
    /// The other one on which the decision depends.
    other: Option<Arc<AtomicBool>>,
}

impl Validity {
    /// Valid until it is revoked, and no longer than `until`.
    pub fn new(until: Option<Instant>) -> Self {
        Self {
            revoked: Arc::default(),
            until,
            other: None,
        }
    }

    /// Valid as long as both: the request passes two URIs of this relay. None of the two may be such a pair.
    pub fn and(self, other: &Self) -> Self {
        let until = match (self.until, other.until) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self {
            until,
            other: Some(other.revoked.clone()),
            ..self
        }
    }

    /// For one request only.
    pub fn once() -> Self {
        let once = Self::new(None);
        once.revoke();
        once
    }

    /// Ends it, for all clones of it: the token is void, or the next hop another.
    pub fn revoke(&self) {
        self.revoked.store(true, Ordering::Relaxed);
    }

    /// Whether the decision still stands.
    pub fn stands(&self, now: Instant) -> bool {
        let is_revoked = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        !is_revoked(&self.revoked)
            && !self.other.as_ref().is_some_and(is_revoked)
            && self.until.is_none_or(|until| now < until)
    }
}

/// A question of a link that is answered later: an AUTH, or what the host says to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId {
    /// The link that asks.
    pub link: LinkId,
    /// Counts up on that link.
    pub number: u64,
}

/// What [`Switchboard::auth`] says.
#[derive(Debug)]
pub enum AuthStep {
    /// The answer.
    Answer(AuthReply),
    /// The answer comes later. After 30 s the link does not wait for it any more.
    Ask,
}

/// The response to an AUTH for this relay.
#[derive(derive_more::Debug)]
pub struct AuthReply {
    /// Its code.
    pub status: StatusCode,
    /// Its headers but the paths: Use-Path, Expires, challenges.
    #[debug("{:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>())]
    pub headers: Vec<(String, String)>,
    /// What it means for the connection that is on probation.
    pub attempt: Attempt,
    /// Whether the connection is closed behind it.
    pub close: bool,
}

/// How an AUTH counts for the connection that brought it (RFC 4976 §6.1, §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The credentials are good.
    Granted,
    /// Neither: there were no credentials, or only their nonce was too old, or a parameter was out of bounds.
    Undecided,
    /// The credentials are bad, or the request was.
    Failed,
}
