//! What a mailbox tells its consumer. `engine::translate` makes the host's events of it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::Error;
use crate::proto::{CloseReason, Event, Failure, TransferKey, Unconfirmed};
use crate::wire::UriPath;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Made.
    New,
    /// Dialling, or waiting for the peer.
    Connecting,
    /// Bound.
    Open,
    /// The host closed it; what is under way is being finished.
    Closing,
    /// Over.
    Closed,
}

/// What a consumer is told.
#[derive(Debug)]
pub(crate) enum Item {
    /// The phase changed.
    Phase(Phase),
    /// The session is bound.
    Opened,
    /// `admit` may succeed again.
    Writable,
    /// Octets of a large message written so far.
    Progress(TransferKey, u64),
    /// A transfer failed; the error says more than the failure where it came from this side.
    Failed {
        /// Which.
        transfer: TransferKey,
        /// What the connection said.
        failure: Failure,
        /// What this side knows of it.
        error: Option<Error>,
        /// It had an outcome before.
        late: bool,
    },
    /// Success REPORTs that were asked for did not come.
    Unconfirmed {
        /// Which.
        transfer: TransferKey,
        /// Its Message-ID: the transfer may be forgotten.
        message_id: String,
        /// Why nobody waits for them any longer.
        why: NotConfirmed,
    },
    /// So many REPORTs were dropped since the last one taken.
    ReportsLost(u64),
    /// The names of an SDP were looked up.
    Prepared(u64),
    /// The relays gave a path.
    RelayPath {
        /// The login that got it, if that was asked for.
        login: Option<u64>,
        path: UriPath,
        /// For how long it is good.
        lifetime: Option<Duration>,
        /// Whether a new offer is due.
        offer_due: bool,
    },
    /// The relays gave this login none.
    RelayFailed { login: u64, error: Error },
    /// The host is asked for the addresses of a name.
    Resolve(u64, String),
    /// The host is asked for the service records of a name.
    Service(u64, String),
    /// The host is asked whether an address may be dialled.
    Dial(u64, SocketAddr),
    /// Anything else, as `proto` said it.
    Event(Event),
    /// The last item.
    Closed {
        /// Why.
        reason: CloseReason,
        /// The error, where it says more than the reason.
        error: Option<Error>,
        /// Transfers without an outcome.
        unacknowledged: Vec<TransferKey>,
    },
}

/// Why success REPORTs are not waited for any longer.
#[derive(Debug)]
pub(crate) enum NotConfirmed {
    /// As the connection said.
    Said(Unconfirmed),
    /// The session ended, for this reason, and with this error where it says more.
    Ended(CloseReason, Option<Error>),
}

impl Item {
    /// Whether it is part of what the peer sent: given only while the consumer is not paused.
    pub(super) fn is_content(&self) -> bool {
        matches!(
            self,
            Self::Event(
                Event::Message { .. }
                    | Event::MessageBegin { .. }
                    | Event::MessageBody { .. }
                    | Event::MessageEnd { .. }
                    | Event::Request { .. }
            )
        )
    }

    /// Octets of content.
    pub(super) fn content_len(&self) -> usize {
        match self {
            Self::Event(Event::Message { body, .. } | Event::Request { body, .. }) => body.len(),
            Self::Event(Event::MessageBody { data, .. }) => data.len(),
            _ => 0,
        }
    }
}
