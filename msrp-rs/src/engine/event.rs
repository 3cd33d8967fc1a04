//! What a host is told of its sessions, messages and transfers.
//!
//! The kinds of "done" of an outgoing message follow RFC 4975 §5.3, §7.1.2 and §7.1.4. When each is told is decided in
//! `proto`; how consumers come to it, in `domain`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{MessageHandle, PeerCertificate, QueryHandle, RelayQuestion, TransferHandle};
use crate::error::Error;
use crate::proto::{Answer, CloseReason, MessageEnd, MessageHead, RequestHead};
use crate::wire::{ByteRange, StatusCode, UriPath};

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Made; its remote side or `open` is missing.
    New,
    /// Dialling, or waiting for the peer.
    Connecting,
    /// Bound: messages flow.
    Open,
    /// `close` was called; what is under way is being finished.
    Closing,
    /// Over.
    Closed,
}

/// What there is to know of a session that is over: its handle names nothing any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionFacts {
    /// Our path; `None` if our relays never gave theirs.
    pub local_path: Option<UriPath>,
    /// The peer's path, if it was known.
    pub remote_path: Option<UriPath>,
    /// What [`Engine::peer_certificate`](super::Engine::peer_certificate) gave.
    pub peer_certificate: Option<PeerCertificate>,
}

/// What happened in a session. Octets of content come with a `credit` that the host gives back with
/// `Engine::consume` when the consumer takes them.
#[derive(derive_more::Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The state changed.
    State(SessionState),
    /// `open` succeeded: the session is bound.
    Opened,
    /// A complete message of at most 16 KiB.
    Message {
        /// The message.
        message: MessageHandle,
        /// Its headers.
        head: Arc<MessageHead>,
        /// Its content.
        #[debug("{} octets", body.len())]
        body: Bytes,
        /// To be given back.
        credit: usize,
    },
    /// The start of a larger message.
    MessageBegin {
        /// The message.
        message: MessageHandle,
        /// Its headers.
        head: Arc<MessageHead>,
        /// To be given back.
        credit: usize,
    },
    /// Its next octets, in order (`offset` below the position: a replacement). `data.len()` is to be given back.
    MessageBody {
        /// The message.
        message: MessageHandle,
        /// 0-based position.
        offset: u64,
        /// The octets.
        #[debug("{} octets", data.len())]
        data: Bytes,
    },
    /// It is over. If it was aborted or rejected, undelivered parts of it were dropped.
    MessageEnd {
        /// The message.
        message: MessageHandle,
        /// How.
        end: MessageEnd,
    },
    /// `send` may succeed again.
    Writable,
    /// A stream may be given so many octets more.
    DataWanted {
        /// The stream.
        transfer: TransferHandle,
        /// How many.
        len: usize,
    },
    /// Octets of a large message or stream written so far; coalesced.
    Progress {
        /// The transfer.
        transfer: TransferHandle,
        /// Octets.
        sent: u64,
    },
    /// The last octet was taken from the caller; a held buffer is free.
    Accepted {
        /// The transfer.
        transfer: TransferHandle,
    },
    /// Every chunk was answered 200 (or written, where no response was asked for).
    Acknowledged {
        /// The transfer.
        transfer: TransferHandle,
    },
    /// Success REPORTs cover the whole message.
    Delivered {
        /// The transfer.
        transfer: TransferHandle,
    },
    /// It failed; also after `Acknowledged`, by a late failure REPORT.
    Failed {
        /// The transfer.
        transfer: TransferHandle,
        /// Why.
        error: Error,
    },
    /// A request of one of [`SessionOptions::methods`](super::SessionOptions::methods), to be answered by
    /// `Engine::answer` within [`Limits::transaction`](crate::Limits::transaction): then its sender has given up.
    Request {
        /// The request.
        message: MessageHandle,
        /// Its headers.
        head: Arc<RequestHead>,
        /// Its body.
        #[debug("{} octets", body.len())]
        body: Bytes,
        /// To be given back.
        credit: usize,
    },
    /// The response to a request of ours by `Engine::request`. `Acknowledged` or `Failed` follows.
    Response {
        /// The request.
        transfer: TransferHandle,
        /// What the peer answered.
        answer: Box<Answer>,
    },
    /// Success REPORTs were asked for and do not cover the message (RFC 4975 §7.1.1): the session ended first, their
    /// time is over ([`SessionOptions::report_timeout`](super::SessionOptions::report_timeout)), or too many later
    /// messages were sent (`Limits::remembered_ids`). Told once for a message; where the time is over, `Delivered` may
    /// come later all the same.
    Unconfirmed {
        /// The transfer. Its handle may have ended.
        transfer: TransferHandle,
        /// Its Message-ID.
        message_id: String,
        /// Which of these.
        error: Error,
    },
    /// A REPORT about one of our messages.
    Report {
        /// The transfer.
        transfer: TransferHandle,
        /// The status.
        status: StatusCode,
        /// Its comment.
        comment: String,
        /// Its range.
        range: Option<ByteRange>,
    },
    /// Nobody took the REPORTs of this session for so long that the oldest were dropped.
    ReportsLost {
        /// How many.
        count: u64,
    },
    /// The names of an SDP were looked up, as `Engine::prepare_remote` asked: `set_remote` and `create_answer` can judge
    /// it.
    Prepared {
        /// The number that `prepare_remote` gave.
        lookup: u64,
    },
    /// The session's relays gave this path (RFC 4976 §5.1): [`Engine::authenticate`](super::Engine::authenticate) is done.
    /// Later it comes unasked, when the URIs would have expired and there are new ones: a new offer is due, which
    /// has them ([`Engine::offer_due`](super::Engine::offer_due)).
    RelayPath {
        /// The login that got it, as `authenticate` numbered it; `None` for what came unasked.
        login: Option<u64>,
        /// In the order in which our requests pass the relays.
        path: UriPath,
        /// For how long it is good: the shortest time of a relay; `None` if none said.
        lifetime: Option<Duration>,
        /// Whether a new offer is due, as [`Engine::offer_due`](super::Engine::offer_due) says. Look there after each
        /// answer, too: while a first offer is open none is due, and then one is.
        offer_due: bool,
    },
    /// [`Engine::authenticate`](super::Engine::authenticate) came to nothing. It may be tried again.
    RelayFailed {
        /// Its number, as `authenticate` gave it.
        login: u64,
        /// Why.
        error: Error,
    },
    /// The addresses of a name in the session's remote side are wanted, to dial or to judge it: to be answered with
    /// [`Engine::resolved`](super::Engine::resolved) within [`Limits::resolve`](crate::Limits::resolve). Only with
    /// [`NameResolution::Host`](super::NameResolution::Host).
    Resolve {
        /// The question.
        query: QueryHandle,
        /// The name, in lower case.
        name: String,
    },
    /// The service records of a name are wanted, to find the relay of the session: to be answered with
    /// [`Engine::service_found`](super::Engine::service_found) within [`Limits::resolve`](crate::Limits::resolve). Only
    /// with [`ServiceLookup::Host`](super::ServiceLookup::Host).
    Service {
        /// The question.
        query: QueryHandle,
        /// The name with its service, in lower case: `_msrps._tcp.example.com`.
        name: String,
    },
    /// May the session be connected to this address? To be answered with
    /// [`Engine::allow_dial`](super::Engine::allow_dial) within [`Limits::connect`](crate::Limits::connect). Only with
    /// [`DialCheck::Host`](super::DialCheck::Host).
    Dial {
        /// The question.
        query: QueryHandle,
        /// The address.
        address: SocketAddr,
    },
    /// The consumer was too slow on a shared connection: open messages were aborted, further ones are refused.
    Shed,
    /// It caught up.
    Recovered,
    /// The session's last event.
    Closed {
        /// Why.
        reason: CloseReason,
        /// The same as an error, for those who wait; `None` when we closed it ourselves.
        error: Option<Error>,
        /// Messages neither acknowledged nor failed before.
        unacknowledged: Vec<TransferHandle>,
        /// What can still be asked of it.
        facts: Box<SessionFacts>,
    },
    /// A relay asks something, with session handle 0: see [`RelayEvents`](super::RelayEvents).
    Relay {
        /// What [`RelayEvents::new`](super::RelayEvents::new) was given.
        tag: u64,
        /// Names the question in the answer.
        query: QueryHandle,
        /// The question.
        question: RelayQuestion,
    },
    /// A relay has ended, with session handle 0: nothing more is asked.
    RelayClosed {
        /// As in [`Event::Relay`].
        tag: u64,
    },
    /// The domain's last event, with session handle 0: the engine is shut down.
    EngineClosed,
}
