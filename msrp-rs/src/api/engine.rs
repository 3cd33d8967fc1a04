//! The engine and its listeners, as the async API shows them.
//!
//! Both are thin: what they do is done by the [facade](crate::engine), which runs its own threads.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Session;
use super::shared::{Shared, Signal};
use crate::engine::{
    self as facade, DialCheck, EngineOptions, Event, ListenOptions, ListenerHandle, NameResolution,
    NotAdopted, ServiceLookup, SessionOptions, Stats, TraceOptions,
};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// An MSRP engine: its threads own the sockets, this API runs on the caller's tokio runtime.
///
/// One engine is enough for a program. Clones are the same engine; it ends with [`shutdown`](Self::shutdown), or
/// when the last clone, session, transfer, message and listener of it is dropped.
///
/// ```no_run
/// # async fn example(offer: &str) -> msrp::Result<()> {
/// use msrp::{Engine, EngineOptions, SendOptions, SessionOptions};
/// use std::time::Duration;
///
/// let engine = Engine::new(EngineOptions::default())?;
/// let session = engine.session(SessionOptions::default())?;
/// let answer = session.create_answer(offer)?; // goes back by SIP
/// session.open(Duration::from_secs(30)).await?;
/// session.send("hello", SendOptions::default()).await?;
/// while let Some(mut message) = session.recv().await {
///     println!("{}", message.text().await?);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Engine {
    inner: facade::Engine,
    limits: Arc<Limits>,
}

impl Engine {
    /// Starts an engine.
    ///
    /// Errors: `InvalidArgument` for an option out of its range, and for [`NameResolution::Host`], [`ServiceLookup::Host`]
    /// and [`DialCheck::Host`], which ask hosts of the [facade](crate::engine); `Limit` where no thread can be started.
    pub fn new(options: EngineOptions) -> Result<Self> {
        if matches!(options.resolver, NameResolution::Host) {
            return Err(Error::invalid_argument(
                "resolver is Host: give NameResolution::Resolver with one of your own",
            ));
        }
        if options.services == ServiceLookup::Host {
            return Err(Error::invalid_argument(
                "services is Host: give NameResolution::Resolver with a method `service`",
            ));
        }
        if matches!(options.dial_check, DialCheck::Host) {
            return Err(Error::invalid_argument(
                "dial_check is Host: give DialCheck::Function with one of your own",
            ));
        }
        let limits = Arc::new(options.limits.clone());
        Ok(Self {
            inner: facade::Engine::new(options)?,
            limits,
        })
    }

    /// What it is made of.
    pub(super) fn facade(&self) -> &facade::Engine {
        &self.inner
    }

    /// A new session. Unless `options` name a listener, a port of its own is bound before this returns.
    ///
    /// Errors: `InvalidArgument` (an option, or a certificate that cannot be used), `Connect` (the port cannot be
    /// bound), `Tls` (the system has no CAs), `Gone` (the engine is shut down or the listener closed), `Limit`,
    /// `Forked`.
    pub fn session(&self, options: SessionOptions) -> Result<Session> {
        Shared::new(&self.inner, &self.limits, options).map(Session::new)
    }

    /// A whole SDP that offers several sessions, each on the `m=` line of its 0-based index. Without `last` a minimal one:
    /// its lines are those of the sessions. `last` is the last SDP, offer or answer, that this side sent in the same
    /// dialog: its session part and its other media are kept, its version is raised if anything changes, a disabled line
    /// may be taken by a new session, further lines go last, and MSRP lines that no session takes are disabled
    /// (RFC 3264 §8).
    ///
    /// Errors: `InvalidArgument` (no session, an index or session given twice, a line that is in use for other media, a
    /// gap), `InvalidSdp` and `Limit` for `last`; otherwise as [`Session::create_offer`].
    pub fn offer_sessions(
        &self,
        sessions: &[(usize, &Session)],
        last: Option<&str>,
    ) -> Result<String> {
        self.inner.offer_sessions(&handles(sessions), last)
    }

    /// Takes an offer with several `m=message` lines, each for the session beside its 0-based index, and gives the whole
    /// answer: as many `m=` lines as the offer, all others refused with port 0. `last` is the last SDP that this side sent
    /// in the same dialog, if there is one: the answer goes on with its `o=` line. Either all sessions take their line, or
    /// none is changed and the error names the line.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> msrp::Result<()> {
    /// # let engine = msrp::Engine::new(msrp::EngineOptions::default())?;
    /// # let session = || engine.session(msrp::SessionOptions::default());
    /// let (chat, files) = (session()?, session()?);
    /// let offer = engine.offer_sessions(&[(0, &chat), (1, &files)], None)?;
    ///
    /// let (their_chat, their_files) = (session()?, session()?);
    /// let answer = engine.answer_sessions(&offer, &[(0, &their_chat), (1, &their_files)], None)?;
    /// chat.set_remote_media(&answer, 0)?;
    /// files.set_remote_media(&answer, 1)?;
    /// # Ok(()) }
    /// ```
    ///
    /// Errors: `InvalidArgument` (no session, an index or session given twice, no such line); otherwise as
    /// [`Session::create_answer`].
    pub fn answer_sessions(
        &self,
        offer: &str,
        sessions: &[(usize, &Session)],
        last: Option<&str>,
    ) -> Result<String> {
        self.inner.answer_sessions(offer, &handles(sessions), last)
    }

    /// One port for many sessions; it is bound when this returns. Give [`Listener::handle`] to
    /// [`SessionOptions::listener`].
    ///
    /// Errors: as [`session`](Self::session).
    pub fn listen(&self, options: ListenOptions) -> Result<Listener> {
        let handle = self.inner.listen(options)?;
        let mut listener = Listener {
            engine: self.inner.clone(),
            handle,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        listener.address = self.inner.listener_address(handle)?;
        Ok(listener)
    }

    /// Starts a trace of all connections, or ends it; see
    /// [`engine::Engine::set_trace`](crate::engine::Engine::set_trace).
    ///
    /// # Errors
    /// As there. It may wait up to a second for the trace before it, and it opens a file: call it where blocking is
    /// allowed.
    pub fn set_trace(&self, options: Option<TraceOptions>) -> Result<()> {
        self.inner.set_trace(options)
    }

    /// Reads the files of all TLS configurations again, changed or not, and the system's CAs: for those who are told by
    /// a signal. New handshakes use what is there now; connections that are there live on.
    ///
    /// # Errors
    /// `InvalidArgument` naming the file of the first configuration that cannot be used, whose old content stays in use;
    /// `Gone`, `Forked`. It reads files: call it where blocking is allowed.
    pub fn reload_tls(&self) -> Result<()> {
        self.inner.reload_tls()
    }

    /// Counters and sizes now.
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    /// Closes every session as [`Session::close`] does, within `deadline`, then ends the engine's threads. Said again,
    /// also while the first call waits, the earliest deadline counts.
    ///
    /// # Cancel safety
    /// Cancelled, the shutdown goes on in the background; only the waiting ends.
    pub async fn shutdown(&self, deadline: Duration) {
        let signal = Arc::new(Signal::default());
        // A domain of our own: `EngineClosed` is its last event and, in it, the only one.
        let Ok(domain) = self.inner.late_domain(signal.wake()) else {
            return;
        };
        self.inner.shutdown(deadline);
        let mut batch = Vec::new();
        loop {
            let raised = signal.raised();
            if signal.take() {
                domain.next_batch(16, 1024, &mut batch);
            }
            if batch
                .iter()
                .any(|(_, event)| matches!(event, Event::EngineClosed))
            {
                break;
            }
            raised.await;
        }
        let engine = self.inner.clone();
        // A failure here is the runtime's own shutdown: then nobody waits any more.
        let _ = tokio::task::spawn_blocking(move || engine.join()).await;
    }
}

/// One bound port for many sessions. Dropped, it accepts nothing more; its sessions live on.
#[derive(Debug)]
pub struct Listener {
    engine: facade::Engine,
    handle: ListenerHandle,
    address: SocketAddr,
}

impl Listener {
    /// The bound address, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The name of this listener for [`SessionOptions::listener`].
    pub fn handle(&self) -> ListenerHandle {
        self.handle
    }

    /// Takes a connection that was accepted elsewhere, with what was read from it, as one that came here.
    ///
    /// Errors: as [`engine::Engine::adopt_connection`](crate::engine::Engine::adopt_connection); the socket is in the
    /// error, as it was.
    pub fn adopt(&self, socket: TcpStream, initial: Bytes) -> Result<(), NotAdopted> {
        self.engine.adopt_connection(self.handle, socket, initial)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Fails only where the engine has closed it already.
        let _ = self.engine.close_listener(self.handle);
    }
}

fn handles(sessions: &[(usize, &Session)]) -> Vec<(usize, facade::SessionHandle)> {
    sessions
        .iter()
        .map(|(index, session)| (*index, session.handle()))
        .collect()
}
