//! The one facade that the C ABI, the Python module and the async Rust API translate.
//!
//! An [`Engine`] owns the runtime, the listeners and the connections. A host holds *handles*: 64-bit numbers
//! that stay safe when the thing they name has ended ([`ErrorKind::Gone`](crate::error::ErrorKind::Gone)).
//! What happens comes back as [`Event`]s through a [`Domain`], one per consumer. No function here blocks on
//! the network, and none calls back into the host except through [`Wake`].

mod error;
mod event;
mod handle;
mod options;
mod stats;

pub use error::{ERROR_TABLE, ErrorRow};
pub use event::{Event, SessionState};
pub use handle::{ListenerHandle, MessageHandle, SessionHandle, TransferHandle};
pub use options::{
    ChunkLen, ConnectionSharing, EngineOptions, ListenOptions, PemSource, SendBody, SendOptions,
    SessionOptions, SetupPreference, TlsConfig, TlsVerify,
};
pub use stats::Stats;

use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::Result;
use crate::wire::{StatusCode, UriPath};

/// An MSRP engine. Clones are the same engine; the last one dropped aborts what is left.
#[derive(Debug, Clone)]
pub struct Engine {}

/// How a domain tells its consumer that `next_batch` has something. It is called from engine threads, never
/// with a lock held, and not again before the consumer took a batch.
pub enum Wake {
    /// An eventfd (a socketpair where there is none) made by the domain: `Domain::fd` is readable.
    Fd,
    /// Any function that neither blocks nor calls the engine.
    Callback(Arc<dyn Fn() + Send + Sync>),
}

/// One consumer of events: a host's loop, an asyncio loop, a callback thread, a Rust task. Holds each session
/// with something to tell at most once, so that nothing grows behind a slow consumer.
#[derive(Debug, Clone)]
pub struct Domain {}

impl Domain {
    /// The descriptor that is readable while there is work, for [`Wake::Fd`]. It belongs to the domain: watch it,
    /// do not read or close it (`next_batch` reads it).
    pub fn fd(&self) -> Option<RawFd> {
        unimplemented!()
    }
    /// Appends up to about `max_events` events and `max_bytes` octets of content to `out`, sessions in turn (at most
    /// 32 events or 64 KiB a visit). True when more is waiting; then the wake is armed again, so that a host that
    /// stops here is called again.
    pub fn next_batch(
        &self,
        max_events: usize,
        max_bytes: usize,
        out: &mut Vec<(SessionHandle, Event)>,
    ) -> bool {
        unimplemented!()
    }
    /// Signals the wake although there is nothing to tell.
    pub fn wake(&self) {
        unimplemented!()
    }
    /// Ends every session of this domain at once, and stops waking.
    pub fn close(&self) {
        unimplemented!()
    }
}

impl Engine {
    /// Starts an engine: its threads run until [`shutdown`](Self::shutdown) or the last clone is dropped.
    pub fn new(options: EngineOptions) -> Result<Self> {
        unimplemented!()
    }
    /// A new consumer.
    pub fn domain(&self, wake: Wake) -> Result<Domain> {
        unimplemented!()
    }
    /// One port for many sessions. The address is bound when this returns.
    pub fn listen(&self, options: ListenOptions) -> Result<ListenerHandle> {
        unimplemented!()
    }
    /// Where it listens; the port is the real one.
    pub fn listener_address(&self, listener: ListenerHandle) -> Result<SocketAddr> {
        unimplemented!()
    }
    /// Accepts nothing more. Sessions live on.
    pub fn close_listener(&self, listener: ListenerHandle) -> Result<()> {
        unimplemented!()
    }

    /// A new session, told to `domain`. Binds a port of its own if the options name no listener.
    pub fn session(&self, domain: &Domain, options: SessionOptions) -> Result<SessionHandle> {
        unimplemented!()
    }
    /// Our path: one URI (or our relays' and ours).
    pub fn local_path(&self, session: SessionHandle) -> Result<UriPath> {
        unimplemented!()
    }
    /// The peer's path, once known.
    pub fn remote_path(&self, session: SessionHandle) -> Result<Option<UriPath>> {
        unimplemented!()
    }
    /// Our m= block as an offer, or as the answer to what `set_remote` was given.
    pub fn local_media(&self, session: SessionHandle) -> Result<String> {
        unimplemented!()
    }
    /// A whole minimal SDP with our m= block as an offer.
    pub fn create_offer(&self, session: SessionHandle) -> Result<String> {
        unimplemented!()
    }
    /// Takes the offer as the remote side and gives the whole answer.
    pub fn create_answer(
        &self,
        session: SessionHandle,
        offer: &str,
        index: Option<usize>,
    ) -> Result<String> {
        unimplemented!()
    }
    /// The peer's whole SDP or its m= block: the answer to our offer, or an offer that `local_media` then answers.
    pub fn set_remote(
        &self,
        session: SessionHandle,
        sdp: &str,
        index: Option<usize>,
    ) -> Result<()> {
        unimplemented!()
    }
    /// The peer's path without any SDP.
    pub fn set_remote_path(
        &self,
        session: SessionHandle,
        path: &str,
        active: bool,
        accept_types: &str,
    ) -> Result<()> {
        unimplemented!()
    }
    /// Connects or waits for the peer, as negotiated. [`Event::Opened`] or [`Event::Closed`] follows.
    pub fn open(&self, session: SessionHandle, timeout: Option<Duration>) -> Result<()> {
        unimplemented!()
    }
    /// Where the session is in its life.
    pub fn state(&self, session: SessionHandle) -> Result<SessionState> {
        unimplemented!()
    }
    /// Stops taking messages: nothing is given to the consumer until `resume`, and the window fills.
    pub fn pause(&self, session: SessionHandle) -> Result<()> {
        unimplemented!()
    }
    /// Goes on.
    pub fn resume(&self, session: SessionHandle) -> Result<()> {
        unimplemented!()
    }
    /// Ends the session when what is under way is done, at the latest after `timeout`. [`Event::Closed`] follows.
    pub fn close(&self, session: SessionHandle, timeout: Option<Duration>) -> Result<()> {
        unimplemented!()
    }
    /// Ends the session at once. [`Event::Closed`] follows.
    pub fn abort_session(&self, session: SessionHandle) -> Result<()> {
        unimplemented!()
    }

    /// Admits a message. `Again` when the window or the transfer slots are full ([`Event::Writable`] follows),
    /// `TooLarge` when a copied body exceeds the window, `UnacceptedType`, `Gone`.
    pub fn send(
        &self,
        session: SessionHandle,
        options: SendOptions,
        body: SendBody,
    ) -> Result<TransferHandle> {
        unimplemented!()
    }
    /// The Message-ID of a transfer.
    pub fn message_id(&self, transfer: TransferHandle) -> Result<String> {
        unimplemented!()
    }
    /// Octets written so far, and the total if known.
    pub fn transfer_progress(&self, transfer: TransferHandle) -> Result<(u64, Option<u64>)> {
        unimplemented!()
    }
    /// Gives a stream its next octets, at most what [`Event::DataWanted`] asked for.
    pub fn stream_push(&self, transfer: TransferHandle, data: Bytes) -> Result<()> {
        unimplemented!()
    }
    /// Sends what the stream has, even if it makes a small chunk.
    pub fn stream_flush(&self, transfer: TransferHandle) -> Result<()> {
        unimplemented!()
    }
    /// The stream is complete.
    pub fn stream_end(&self, transfer: TransferHandle) -> Result<()> {
        unimplemented!()
    }
    /// Ends an outgoing message with `#`.
    pub fn abort(&self, transfer: TransferHandle) -> Result<()> {
        unimplemented!()
    }

    /// The consumer took octets of a session: their credit goes back to its receive window.
    pub fn consume(&self, session: SessionHandle, credit: usize) -> Result<()> {
        unimplemented!()
    }
    /// The consumer took the last part of these messages of one session: their success REPORTs go out.
    pub fn taken(&self, session: SessionHandle, messages: &[MessageHandle]) -> Result<()> {
        unimplemented!()
    }
    /// Refuses (the rest of) a message.
    pub fn reject(&self, message: MessageHandle, status: StatusCode, comment: &str) -> Result<()> {
        unimplemented!()
    }
    /// Makes a REPORT, where the session's reports are manual.
    pub fn report(&self, message: MessageHandle, status: StatusCode, comment: &str) -> Result<()> {
        unimplemented!()
    }

    /// Counters and sizes now.
    pub fn stats(&self) -> Stats {
        unimplemented!()
    }
    /// Closes every session within `deadline`, then every connection; [`Event::EngineClosed`] comes to each domain
    /// last. Returns at once.
    pub fn shutdown(&self, deadline: Duration) {
        unimplemented!()
    }
    /// Aborts what is left and joins the threads, within about a second. Not from an engine thread.
    pub fn join(&self) {
        unimplemented!()
    }
}
