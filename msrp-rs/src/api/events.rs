//! What a session tells beside its messages: states, REPORTs (RFC 4975 §7.1.2), failures, shedding.
//!
//! They are collected in `shared`; messages come by [`Session::recv`](crate::Session::recv).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{self, error::TryRecvError};

use super::shared::Shared;
use crate::engine::SessionState;
use crate::error::Error;
use crate::wire::{ByteRange, StatusCode, UriPath};

/// Something that happened in a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The session's state changed.
    State(SessionState),
    /// A REPORT came about a message of ours (RFC 4975 §7.1.2).
    Report {
        /// The message.
        message_id: String,
        /// The reported status.
        status: StatusCode,
        /// Its comment.
        comment: String,
        /// The octets it is about; absent: the whole message.
        range: Option<ByteRange>,
    },
    /// A message of ours failed.
    Failed {
        /// The message.
        message_id: String,
        /// Why.
        error: Error,
    },
    /// Success REPORTs that we asked for do not cover a message of ours: the session ended, their time is over
    /// ([`SessionOptions::report_timeout`](crate::SessionOptions::report_timeout)), or too many later messages were
    /// sent. Told once for a message (RFC 4975 §7.1.1).
    Unconfirmed {
        /// The message.
        message_id: String,
        /// Which of these.
        error: Error,
    },
    /// Our relays gave this path: [`Session::authenticate`](crate::Session::authenticate) is done, or the URIs that it
    /// got would have expired, and there are new ones (RFC 4976 §9.4).
    RelayPath {
        /// In the order in which our requests pass the relays.
        path: UriPath,
        /// For how long it is good; `None` if no relay said.
        lifetime: Option<Duration>,
        /// Whether a new offer is due, which tells the peer the new path: see
        /// [`Session::offer_due`](crate::Session::offer_due).
        offer_due: bool,
    },
    /// We were too slow for a shared connection: open messages were aborted, further ones are refused.
    Shed,
    /// We caught up.
    Recovered,
    /// This stream was not read in time, or nothing of the session was: so many events are missing here.
    Lost(u64),
}

/// The events of a session from the moment [`Session::events`](crate::Session::events) was called. Holds at most
/// `Limits::event_stream` of them (rounded up to a power of two), then drops the oldest and counts them.
#[derive(Debug)]
pub struct Events {
    pub(super) shared: Arc<Shared>,
    pub(super) receiver: broadcast::Receiver<SessionEvent>,
}

impl Events {
    /// The next event; `None` when the session is closed and all were given.
    ///
    /// # Cancel safety
    /// Nothing is lost when this is cancelled.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        let Self { shared, receiver } = self;
        shared
            .wait(&shared.noted, || match receiver.try_recv() {
                Ok(event) => Some(Some(event)),
                Err(TryRecvError::Lagged(lost)) => Some(Some(SessionEvent::Lost(lost))),
                Err(TryRecvError::Closed) => Some(None),
                Err(TryRecvError::Empty) => None,
            })
            .await
    }
}
