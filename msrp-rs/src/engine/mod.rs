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

// The calls of an engine, in the order in which its documentation shows them.

mod lifecycle;

mod listeners;

mod adopting;

mod session;

mod signalling;

mod sending;

mod receiving;

mod observing;

mod intercept;

mod dialling;

mod relay;

// What they use.

mod cema;
mod dialog;
mod domain;
mod error;
mod event;
mod handle;
mod identity;
mod negotiation;
mod options;
mod place;
mod profile;
mod relays;
mod slots;
mod stats;
mod translate;
mod trust;
mod validate;

pub use crate::net::log::{LogLevel, LogRecord};
pub use crate::net::tls::certificate::{PeerCertificate, PeerProof};
pub use crate::proto::auth::Password;
pub use crate::proto::{Counts, Histogram, Traffic};
pub use adopting::{Adopt, NotAdopted};
#[cfg(feature = "dns")]
pub use dialling::HickoryResolver;
pub use dialling::{
    DialAttempt, DialCheck, NameResolution, Resolution, Resolver, ServiceLookup, ServiceResolution,
    SrvRecord, SystemResolver,
};
pub use dialog::refuse;
pub use domain::{Domain, Wake};
pub use error::{ERROR_TABLE, ErrorRow};
pub use event::{Event, SessionFacts, SessionState};
pub use handle::{
    ListenerHandle, MessageHandle, QueryHandle, RelayHandle, SessionHandle, TransferHandle,
};
pub use identity::{Identity, SelfSigned};
pub use intercept::Intercepted;
pub use negotiation::Directions;
pub use options::{
    Admitted, ChunkLen, ClientAuth, ConnectionOptions, ConnectionSharing, EngineOptions,
    ListenOptions, PemSource, Relocation, RequestOptions, SendBody, SendOptions, SessionOptions,
    SetupPreference, TlsConfig, TlsVerify, TlsVersion, TraceOptions,
};
pub use profile::Profile;
pub use relay::{
    Network, RelayAnswer, RelayAuthorisation, RelayCredentials, RelayDecisions, RelayEvents,
    RelayListenOptions, RelayMessage, RelayNextHop, RelayObservation, RelayOptions, RelayPolicy,
    RelayQuestion, RelayReply, RelayStats, RelayTraffic, RelayUsers, RelayVerdict,
};
pub use relays::RelayLogin;
pub use stats::Stats;

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
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
}
