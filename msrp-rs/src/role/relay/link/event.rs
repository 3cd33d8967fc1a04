//! What a link asks and tells the relay's host: policy per message, and what it wanted to see of one.

use std::sync::Arc;

use bytes::Bytes;

use super::super::Leg;
use super::{AuthReply, QueryId};
use crate::wire::{Continuation, MessageId, StatusCode};

/// What [`Link::poll_event`](super::Link::poll_event) gives.
#[derive(Debug)]
pub enum LinkEvent {
    /// May this message pass? Asked once for each message; its chunks wait for the answer.
    Message(Box<Question>),
    /// Octets of a message that the host observes, in the order in which they came.
    Observed(QueryId, Observation),
}

/// A message about which the host decides.
#[derive(derive_more::Debug, Clone)]
pub struct Question {
    /// To be answered with [`Answer::Message`].
    pub query: QueryId,
    /// Its session and direction.
    pub leg: Arc<Leg>,
    /// The message.
    pub message_id: MessageId,
    /// The media type, as it came.
    pub content_type: Option<String>,
    /// The announced length.
    pub total: Option<u64>,
}

/// A piece of an observed message.
#[derive(derive_more::Debug, Clone)]
pub enum Observation {
    /// A chunk begins: the 1-based position of its first octet.
    Chunk(u64),
    /// The next octets.
    #[debug("Octets({})", _0.len())]
    Octets(Bytes),
    /// The chunk has ended so.
    End(Continuation),
    /// The chunk ended for another reason: the connection was lost, or it was refused.
    Cut,
}

/// What the host says to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Allow,
    /// It passes, and the host is shown its octets.
    Observe,
    /// It does not: its chunks are answered with this code, if its sender wants to hear of failures.
    Reject(StatusCode),
}

/// An answer to a question of the link.
#[derive(Debug)]
pub enum Answer {
    /// To an AUTH.
    Auth(AuthReply),
    /// To [`LinkEvent::Message`].
    Message(Verdict),
}
