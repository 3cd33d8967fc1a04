//! The one facade that the C ABI, the Python module and the async Rust API translate.
//!
//! An [`Engine`] owns the runtime, the listeners and the connections. A host holds *handles*: 64-bit numbers
//! that stay safe when the thing they name has ended ([`ErrorKind::Gone`]).
//! What happens comes back as [`Event`]s through a [`Domain`], one per consumer. No function here blocks on
//! the network, and none calls back into the host except through [`Wake`].
//!
//! Sockets, queues and wake-ups are the business of [`net`](crate::net), SDP texts of [`sdp`](crate::sdp), the
//! protocol of [`proto`]. Here are options and their checks, handles, the negotiation of one session,
//! and the life of the engine itself. Programs on tokio have futures over it: [`msrp::Session`](crate::Session).
//!
//! ```
//! use std::sync::{Arc, mpsc};
//! use msrp::engine::{Engine, EngineOptions, Event, SendBody, SendOptions, SessionOptions, Wake};
//!
//! # fn main() -> msrp::Result<()> {
//! let engine = Engine::new(EngineOptions::default())?;
//! // The wake of this domain: a host with a poll loop takes `Wake::Fd` and watches `Domain::fd`.
//! let (ready, work) = mpsc::channel();
//! let domain = engine.domain(Wake::Callback(Arc::new(move || {
//!     let _ = ready.send(());
//! })))?;
//! let alice = engine.session(&domain, SessionOptions::default())?;
//! let bob = engine.session(&domain, SessionOptions::default())?;
//! let answer = engine.create_answer(bob, &engine.create_offer(alice)?, None)?;
//! engine.set_remote(alice, &answer, None)?;
//! engine.open(alice, None)?;
//! engine.open(bob, None)?;
//! engine.send(alice, SendOptions::default(), SendBody::Bytes("Hello, Bob".into()))?;
//!
//! let mut events = Vec::new();
//! while work.recv().is_ok() {
//!     domain.next_batch(256, 256 * 1024, &mut events);
//!     for (session, event) in events.drain(..) {
//!         match event {
//!             Event::Message { message, body, credit, .. } => {
//!                 assert_eq!(&body[..], b"Hello, Bob");
//!                 engine.consume(session, credit)?;
//!                 engine.taken(session, &[message])?;
//!                 return Ok(());
//!             }
//!             Event::Closed { error: Some(error), .. } => return Err(error),
//!             _ => {}
//!         }
//!     }
//! }
//! # Ok(()) }
//! ```

mod domain;
mod error;
mod event;
mod handle;
mod intercept;
mod lifecycle;
mod listeners;
mod negotiation;
mod observing;
mod options;
mod place;
mod profile;
mod receiving;
mod sending;
mod session;
mod signalling;
mod slots;
mod stats;
mod translate;
mod trust;
mod validate;

pub use crate::net::log::{LogLevel, LogRecord};
pub use crate::proto::{Counts, Histogram, Traffic};
pub use domain::{Domain, Wake};
pub use error::{ERROR_TABLE, ErrorRow};
pub use event::{Event, SessionState};
pub use handle::{ListenerHandle, MessageHandle, SessionHandle, TransferHandle};
pub use intercept::Intercepted;
pub use options::{
    Admitted, ChunkLen, ConnectionSharing, EngineOptions, ListenOptions, PemSource, RequestOptions,
    SendBody, SendOptions, SessionOptions, SetupPreference, TlsConfig, TlsVerify, TraceOptions,
};
pub use profile::Profile;
pub use stats::Stats;

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::net::mailbox::Mailbox;
use crate::proto;
use lifecycle::Core;
use session::Session;

/// An MSRP engine. Clones are the same engine; the last one dropped aborts what is left.
///
/// In a process that was forked from the engine's, every function returns [`ErrorKind::Forked`] and nothing is
/// touched, also when it is dropped.
#[derive(Clone)]
pub struct Engine {
    /// Emptied, not dropped, in a forked child.
    core: Option<Arc<Core>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self
            .core
            .as_ref()
            .is_some_and(|core| core.shared.is_forked())
        {
            std::mem::forget(self.core.take());
        }
    }
}

impl Engine {
    /// Starts an engine: its threads run until [`join`](Self::join) or the last clone is dropped.
    ///
    /// # Errors
    /// `InvalidArgument` naming the option and its bound, `Limit` if the system gives no threads.
    pub fn new(options: EngineOptions) -> Result<Self> {
        validate::engine(&options)?;
        Ok(Self {
            core: Some(Arc::new(Core::new(options)?)),
        })
    }

    fn core(&self) -> Result<&Arc<Core>> {
        let gone = || Error::local(ErrorKind::Gone, "engine is gone");
        let core = self.core.as_ref().ok_or_else(gone)?;
        core.shared.check_process()?;
        Ok(core)
    }

    fn find(&self, session: SessionHandle) -> Result<Arc<Session>> {
        self.core()?.shared.session(session)
    }

    fn find_transfer(
        &self,
        transfer: TransferHandle,
    ) -> Result<(Arc<Mailbox>, proto::TransferKey)> {
        let (session, key) = self.core()?.shared.transfer(transfer)?;
        Ok((Arc::clone(session.mailbox()), key))
    }

    /// The bounds that the engine was made with. In a forked child the defaults.
    pub fn limits(&self) -> Arc<Limits> {
        self.core()
            .map(|core| Arc::clone(&core.shared.context.limits))
            .unwrap_or_default()
    }

    /// A new consumer.
    ///
    /// # Errors
    /// `Limit` if there is no descriptor for it, `Gone` after `shutdown`, `Forked`.
    pub fn domain(&self, wake: Wake) -> Result<Domain> {
        self.core()?.check_running()?;
        self.late_domain(wake)
    }

    /// As `domain`, also after `shutdown`: then its only event is `EngineClosed`.
    pub(crate) fn late_domain(&self, wake: Wake) -> Result<Domain> {
        let core = self.core()?;
        let domain = Domain::new(Arc::clone(&core.shared), wake)?;
        if let Some(ready) = domain.ready() {
            core.shared.context.log.add_consumer(ready);
            core.add_domain(Arc::clone(ready));
        }
        Ok(domain)
    }

    /// Closes every session within `deadline`, then every connection; [`Event::EngineClosed`] comes to each domain
    /// last. Returns at once. Said again, the earliest deadline counts.
    pub fn shutdown(&self, deadline: Duration) {
        if let Ok(core) = self.core() {
            core.shutdown(validate::timeout(Some(deadline)));
        }
    }

    /// Aborts what is left and joins the threads, within about a second. From an engine thread it only aborts.
    pub fn join(&self) {
        if let Ok(core) = self.core() {
            core.join();
        }
    }
}
