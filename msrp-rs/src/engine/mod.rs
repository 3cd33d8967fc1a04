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
mod options;
mod profile;
mod session;
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

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::net::file::{self, FileSource};
use crate::net::mailbox::{Mailbox, Phase, Source};
use crate::net::registry::{Entry, SetReady};
use crate::net::tls::Tls;
use crate::proto::{self, Answer, Body, Command, IdSource, OutgoingMessage, ReportMode};
use crate::sdp::{MediaDescription, SessionDescription};
use crate::wire::{FailureReport, Host, Method, Scheme, StatusCode, Uri, UriPath};
use lifecycle::Core;
use listeners::Listener;
use negotiation::{Heard, Local, Negotiation};
use profile::Treatment;
use session::Session;

/// The port of a session that listens nowhere (RFC 4145 §4.1).
const DISCARD_PORT: u16 = 9;

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

    /// One port for many sessions. The address is bound when this returns.
    ///
    /// # Errors
    /// `Connect` if it cannot be bound, `InvalidArgument` (a secure listener needs a certificate), `Gone`, `Forked`.
    pub fn listen(&self, options: ListenOptions) -> Result<ListenerHandle> {
        let core = self.core()?;
        core.check_running()?;
        let tls = options
            .secure
            .then(|| trust(core, options.tls.as_ref()))
            .transpose()?;
        let advertise = options.advertise.as_ref();
        let listener = Listener::open(core, &options.host, options.port, tls, advertise)?;
        let mut listeners = core.listeners.lock();
        let reserved = listeners.reserve()?;
        listeners.fill(reserved, Arc::new(listener));
        // A shutdown meanwhile has not seen this one.
        if core.is_stopping() {
            let late = listeners.remove(reserved.handle, None);
            drop(listeners);
            drop(late);
            core.check_running()?;
        }
        Ok(ListenerHandle(reserved.handle))
    }

    /// Where it listens; the port is the real one.
    pub fn listener_address(&self, listener: ListenerHandle) -> Result<SocketAddr> {
        Ok(find_listener(self.core()?, listener)?.address)
    }

    /// Accepts nothing more. Sessions live on.
    pub fn close_listener(&self, listener: ListenerHandle) -> Result<()> {
        let removed = self.core()?.listeners.lock().remove(listener.0, None);
        removed.map(drop).ok_or_else(listener_gone)
    }

    /// A new session, told to `domain`. Binds a port of its own if the options name no listener.
    ///
    /// # Errors
    /// `InvalidArgument` naming the option and its bound, `Connect` if the port cannot be bound, `Gone` if the
    /// listener, the domain or the engine is closed, `Limit`, `Forked`.
    pub fn session(&self, domain: &Domain, options: SessionOptions) -> Result<SessionHandle> {
        let core = self.core()?;
        core.check_running()?;
        let types = validate::session(&options)?;
        let place = Place::find(core, &options)?;
        let closed = || Error::local(ErrorKind::Gone, "domain is closed or engine is shut down");
        let ready = domain.ready().ok_or_else(closed)?;

        let context = &core.shared.context;
        let (session_id, seed) = context.ids(|ids| (ids.session_id(), ids.seed()));
        let scheme = if place.tls.is_some() {
            Scheme::Msrps
        } else {
            Scheme::Msrp
        };
        let uri = Uri::session(scheme, &place.authority.0, place.authority.1, &session_id)?;
        let [a, b, c, d, e, f, g, h, ..] = seed;
        let sdp_id = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let treatment = Treatment::new(&options);
        let session_match = treatment.session_match;
        let local = Local {
            accept_types: types.accept,
            accept_wrapped_types: types.wrapped,
            max_size: options.max_size,
            setup: options.setup,
            fingerprints: match &place.tls {
                Some(tls) => tls.fingerprints()?,
                None => Vec::new(),
            },
            listens: place.listens(),
            treatment,
            reports: options.reports,
            methods: types.methods,
            keep_alive: options.keep_alive,
            report_timeout: options.report_timeout,
        };
        let negotiation = Mutex::new(Negotiation::new(uri.clone(), sdp_id, local)?);

        let reserved = core.shared.sessions.write().reserve()?;
        let handle = SessionHandle(reserved.handle);
        if !ready.add_session() {
            core.shared.sessions.write().remove(reserved.handle, None);
            return Err(closed());
        }
        let (first_transfer, first_message) = reserved.numbers;
        let mailbox = Mailbox::new(
            proto::SessionKey(reserved.handle),
            Arc::clone(&context.limits),
            Arc::clone(&context.memory),
            Arc::clone(ready),
            first_transfer,
            first_message,
        );
        let own = place.own.map(|own| Box::new(own) as Box<dyn Send>);
        let (shared, orphaned) = (Arc::clone(&core.shared), Arc::clone(ready));
        let on_end = Box::new(move || {
            if orphaned.is_closed() {
                shared.forget(handle);
            }
        });
        let entry = Entry::new(
            mailbox,
            uri,
            session_match,
            place.number,
            place.tls,
            own,
            on_end,
        );
        let session = Arc::new(Session {
            handle,
            entry: Arc::clone(&entry),
            negotiation,
            share: options.connection_sharing == ConnectionSharing::Peer,
            manual_reports: options.reports == ReportMode::Manual,
            first_message,
        });
        context.registry.insert(entry);
        core.shared
            .sessions
            .write()
            .fill(reserved, Arc::clone(&session));
        // An end that came meanwhile has not seen this one.
        if ready.is_closed() {
            core.shared.abandon(ready);
            return Err(closed());
        }
        if core.is_stopping() {
            core.shared.abort(&session, None);
        }
        Ok(handle)
    }

    /// Our path: one URI (or our relays' and ours). It stays as it is from the first time that it is asked for, here
    /// or in an SDP.
    pub fn local_path(&self, session: SessionHandle) -> Result<UriPath> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        Ok(negotiation.path().clone())
    }

    /// The peer's path, once known.
    pub fn remote_path(&self, session: SessionHandle) -> Result<Option<UriPath>> {
        let session = self.find(session)?;
        let negotiation = session.negotiation.lock();
        Ok(negotiation.remote().map(|remote| remote.path.clone()))
    }

    /// Our m= block as an offer, or as the answer to what `set_remote` was given.
    pub fn local_media(&self, session: SessionHandle) -> Result<String> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        let text = negotiation.describe()?.to_media();
        session.entry.set_uri(negotiation.uri().clone());
        Ok(text)
    }

    /// A whole minimal SDP with our m= block as an offer.
    pub fn create_offer(&self, session: SessionHandle) -> Result<String> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        let description = negotiation.offer()?.clone();
        session.entry.set_uri(negotiation.uri().clone());
        Ok(description.to_sdp(negotiation.origin()))
    }

    /// Takes the offer as the remote side and gives the whole answer: as many m= lines as the offer, all but ours
    /// refused with port 0.
    ///
    /// # Errors
    /// As `set_remote`.
    pub fn create_answer(
        &self,
        session: SessionHandle,
        offer: &str,
        index: Option<usize>,
    ) -> Result<String> {
        let offer = SessionDescription::parse(offer)?;
        let (index, theirs) = offer.select(index)?;
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        negotiation.forget_offer();
        hear(&session, &mut negotiation, |negotiation| {
            negotiation.take(&theirs)
        })?;
        let origin = negotiation.origin().clone();
        offer.answer(&[(index, negotiation.describe()?)], &origin)
    }

    /// The peer's whole SDP or its m= block: the answer to our offer, or an offer that `local_media` then answers.
    /// May be called again before the session is bound; later only with the path that is known.
    ///
    /// # Errors
    /// `InvalidSdp` naming the line and the rule, `UnacceptedType` if the peer accepts none of our types, `Gone` if its
    /// port is 0, `InvalidArgument` (a changed path of a bound session), `Forked`.
    pub fn set_remote(
        &self,
        session: SessionHandle,
        sdp: &str,
        index: Option<usize>,
    ) -> Result<()> {
        let theirs = MediaDescription::parse(sdp, index)?;
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        hear(&session, &mut negotiation, |negotiation| {
            negotiation.take(&theirs)
        })
    }

    /// The peer's path without any SDP; `active` says whether we connect.
    ///
    /// # Errors
    /// `InvalidUri`, `InvalidArgument`, `Gone`, `Forked`.
    pub fn set_remote_path(
        &self,
        session: SessionHandle,
        path: &str,
        active: bool,
        accept_types: &str,
    ) -> Result<()> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        hear(&session, &mut negotiation, |negotiation| {
            negotiation.take_path(path, active, accept_types)
        })
    }

    /// Connects or waits for the peer, as negotiated. [`Event::Opened`] or [`Event::Closed`] follows, the latter with
    /// `Timeout` when the time is over. A passive session is bound by its peer also without `open`.
    ///
    /// # Errors
    /// `InvalidArgument` before `set_remote`, `Busy` while it is being opened, `Gone`, `Forked`.
    pub fn open(&self, session: SessionHandle, timeout: Option<Duration>) -> Result<()> {
        let core = self.core()?;
        core.check_running()?;
        let session = core.shared.session(session)?;
        let hop = {
            let negotiation = session.negotiation.lock();
            let Some(remote) = negotiation.remote() else {
                return Err(Error::invalid_argument(
                    "open needs the remote side: call set_remote or set_remote_path first",
                ));
            };
            remote.active.then(|| remote.path.first().clone())
        };
        if !session.mailbox().start_connecting() {
            return match session.mailbox().phase() {
                Phase::New | Phase::Open => Ok(()),
                Phase::Connecting => Err(Error::local(ErrorKind::Busy, "session is being opened")),
                Phase::Closing | Phase::Closed => {
                    Err(Error::local(ErrorKind::Gone, "session is closed"))
                }
            };
        }
        core.handle.spawn(session::open(
            Arc::clone(&core.shared.context),
            Arc::clone(&session.entry),
            hop,
            session.share,
            validate::timeout(timeout),
        ));
        Ok(())
    }

    /// Where the session is in its life.
    pub fn state(&self, session: SessionHandle) -> Result<SessionState> {
        Ok(self.find(session)?.mailbox().phase().into())
    }

    /// Stops taking messages: nothing is given to the consumer until `resume`, and the window fills. Events about our
    /// own messages still come; the end of the session waits behind what was received before it, until `resume`,
    /// `close`, `abort_session` or `shutdown`. After these three it does nothing.
    pub fn pause(&self, session: SessionHandle) -> Result<()> {
        self.find(session)?.mailbox().pause();
        Ok(())
    }

    /// Goes on.
    pub fn resume(&self, session: SessionHandle) -> Result<()> {
        self.find(session)?.mailbox().resume();
        Ok(())
    }

    /// Ends the session when what is under way is done, at the latest after `timeout` (`None`: whenever that is).
    /// [`Event::Closed`] follows.
    pub fn close(&self, session: SessionHandle, timeout: Option<Duration>) -> Result<()> {
        let core = self.core()?;
        let session = core.shared.session(session)?;
        core.shared
            .close(&session, Instant::now() + validate::timeout(timeout));
        Ok(())
    }

    /// Ends the session at once. [`Event::Closed`] follows.
    pub fn abort_session(&self, session: SessionHandle) -> Result<()> {
        let core = self.core()?;
        let session = core.shared.session(session)?;
        core.shared.abort(&session, None);
        Ok(())
    }

    /// Admits a message; before the session is bound it waits. Content that is refused is dropped before this returns.
    ///
    /// # Errors
    /// `Again` when the window or the transfer slots are full ([`Event::Writable`] follows), `TooLarge` beyond the
    /// peer's max-size, `UnacceptedType` (the peer does not list it, or answered it with 415), `InvalidArgument` (also before `set_remote`, and for a file that cannot be
    /// read), `Gone`, `Forked`.
    pub fn send(
        &self,
        session: SessionHandle,
        options: SendOptions,
        body: SendBody,
    ) -> Result<Admitted> {
        let core = self.core()?;
        let handle = session;
        let session = core.shared.session(session)?;
        let (media_type, message_id) = validate::send(&options, &core.shared.context.limits)?;
        validate::whole(&media_type, &body)?;
        let mut file = None;
        let body = match body {
            SendBody::Bytes(data) => Body::Whole(data),
            SendBody::Stream(total) => Body::Stream(total),
            SendBody::File(path) => {
                let (opened, len) = file::open(&path)?;
                file = Some((opened, len, Arc::new(FileSource::default())));
                Body::Stream(Some(len))
            }
        };
        let len = match &body {
            Body::None => Some(0),
            Body::Whole(data) => Some(data.len() as u64),
            Body::Stream(total) => *total,
        };
        match session.negotiation.lock().remote() {
            Some(remote) => remote.check(&media_type, len)?,
            None => {
                return Err(Error::invalid_argument(
                    "send needs the remote side: call set_remote or set_remote_path first",
                ));
            }
        }
        let context = &core.shared.context;
        let message_id = message_id.unwrap_or_else(|| context.ids(IdSource::message_id));
        let told_id = message_id.to_string();
        let message = Box::new(OutgoingMessage {
            method: Method::Send,
            message_id: Some(message_id),
            // Without the blanks that the grammar does not have (RFC 4975 §9).
            content_type: media_type.to_compact(),
            headers: options.headers,
            success_report: options.success_report,
            failure_report: options.failure_report,
            body,
        });
        let source = file.as_ref().map(|(_, _, source)| {
            let source: Arc<dyn Source> = Arc::clone(source) as _;
            source
        });
        let admitted = session.mailbox().admit(message, source);
        // Where this message was counted after others had gone, the budget was exceeded for a moment only.
        context.relieve_senders();
        let key = admitted?;
        if let Some((file, len, source)) = file {
            let mailbox = Arc::clone(session.mailbox());
            core.handle
                .spawn(file::feed(mailbox, key, source, file, len));
        }
        Ok(Admitted {
            transfer: TransferHandle(slots::numbered(handle.0, key.0)),
            message_id: told_id,
            total: len,
        })
    }

    /// Admits a request of another method than SEND and REPORT: an extension that was negotiated in the signalling (RFC
    /// 4975 §12). It goes out as messages do, in one piece; [`Event::Response`] tells what came back, and the outcome is
    /// told as that of a message. A peer that does not know the method answers 501. Without `body` the content type is
    /// not sent.
    ///
    /// # Errors
    /// `InvalidArgument` (the method is no word of capital letters, or SEND, REPORT or AUTH; a header that cannot stand
    /// there; before `set_remote`), `TooLarge` beyond 10 KiB of body, `Again` when the window is full
    /// ([`Event::Writable`] follows), `Gone`, `Forked`.
    pub fn request(
        &self,
        session: SessionHandle,
        method: &str,
        options: RequestOptions,
        body: Option<Bytes>,
    ) -> Result<Admitted> {
        let core = self.core()?;
        let handle = session;
        let session = core.shared.session(session)?;
        let context = &core.shared.context;
        let limits = &context.limits;
        let (method, media_type, message_id) =
            validate::request(method, &options, body.as_deref(), limits)?;
        if session.negotiation.lock().remote().is_none() {
            return Err(Error::invalid_argument(
                "request needs the remote side: call set_remote or set_remote_path first",
            ));
        }
        let message_id = message_id.unwrap_or_else(|| context.ids(IdSource::message_id));
        let total = body.as_ref().map(|body| body.len() as u64);
        let message = Box::new(OutgoingMessage {
            method,
            message_id: Some(message_id),
            content_type: media_type.to_compact(),
            headers: options.headers,
            success_report: false,
            failure_report: FailureReport::Yes,
            body: body.map_or(Body::None, Body::Whole),
        });
        let admitted = session.mailbox().admit(message, None);
        context.relieve_senders();
        Ok(Admitted {
            transfer: TransferHandle(slots::numbered(handle.0, admitted?.0)),
            message_id: message_id.to_string(),
            total,
        })
    }

    /// Answers a request of [`Event::Request`]. Without effect once it was answered, or its sender has given up.
    ///
    /// # Errors
    /// `InvalidArgument` for a status that is not of three digits or a header that cannot stand there, `TooLarge` for
    /// headers or a comment beyond the limits, `Gone`, `Forked`.
    pub fn answer(&self, request: MessageHandle, answer: Answer) -> Result<()> {
        let core = self.core()?;
        let (session, key) = core.shared.message(request)?;
        validate::answer(&answer, &core.shared.context.limits)?;
        session
            .mailbox()
            .judge(key, Command::Answer(key, Box::new(answer)))
    }

    /// The Message-ID of a transfer. Known until its session has ended, or `Limits::remembered_ids` later transfers
    /// have; [`send`](Self::send) tells it in any case.
    pub fn message_id(&self, transfer: TransferHandle) -> Result<String> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.message_id(key)
    }

    /// Octets written so far, and the total if known. Of a small message nothing is told before its end.
    pub fn transfer_progress(&self, transfer: TransferHandle) -> Result<(u64, Option<u64>)> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.progress(key)
    }

    /// Gives a stream its next octets, at most what [`Event::DataWanted`] asked for.
    ///
    /// # Errors
    /// `Again` beyond that, `Gone` when the stream has ended, `InvalidArgument` for what is no stream, `Forked`.
    pub fn stream_push(&self, transfer: TransferHandle, data: Bytes) -> Result<()> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.push_stream(key, data)
    }

    /// Sends what the stream has, even if it makes a small chunk.
    pub fn stream_flush(&self, transfer: TransferHandle) -> Result<()> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.flush_stream(key)
    }

    /// The stream is complete.
    pub fn stream_end(&self, transfer: TransferHandle) -> Result<()> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.end_stream(key)
    }

    /// Ends an outgoing message with `#`. [`Event::Failed`] follows, unless it was complete.
    pub fn abort(&self, transfer: TransferHandle) -> Result<()> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.abort(key, None)
    }

    /// The consumer took octets of a session: their credit goes back to its receive window. More than was given
    /// counts as all of it.
    pub fn consume(&self, session: SessionHandle, credit: usize) -> Result<()> {
        let core = self.core()?;
        core.shared.session(session)?.mailbox().consume(credit);
        core.shared.context.relieve_senders();
        Ok(())
    }

    /// The consumer took the last part of these messages of one session: their success REPORTs go out. Handles of
    /// other sessions are passed over.
    pub fn taken(&self, session: SessionHandle, messages: &[MessageHandle]) -> Result<()> {
        let found = self.find(session)?;
        let own = messages
            .iter()
            .filter(|message| slots::numbered(session.0, 0) == slots::numbered(message.0, 0))
            .map(|message| proto::MessageKey(message.0 as u32));
        found.mailbox().taken(own);
        Ok(())
    }

    /// Refuses (the rest of) a message: its further chunks are answered with `status`. 413 asks the peer to stop.
    ///
    /// # Errors
    /// `InvalidArgument` for a status that is no failure, `TooLarge` for a comment beyond `start_line`, `Gone`, `Forked`.
    pub fn reject(&self, message: MessageHandle, status: StatusCode, comment: &str) -> Result<()> {
        let core = self.core()?;
        let (session, key) = core.shared.message(message)?;
        validate::status(status)?;
        validate::comment(comment, &core.shared.context.limits)?;
        if status.is_success() {
            return Err(Error::invalid_argument(format!(
                "status {status} refuses nothing"
            )));
        }
        session
            .mailbox()
            .judge(key, Command::Reject(key, status, comment.to_owned()))
    }

    /// Makes the REPORT about a message that is complete, where the session's reports are manual: one for each range
    /// that asked for it if `status` is 200. Said once; `report_range` tells of parts.
    ///
    /// # Errors
    /// `InvalidArgument` where they are not, `TooLarge` for a comment beyond `start_line`, `Gone`, `Forked`.
    pub fn report(&self, message: MessageHandle, status: StatusCode, comment: &str) -> Result<()> {
        self.make_report(message, status, comment, |key, comment| {
            Command::Report(key, status, comment)
        })
    }

    /// Makes a REPORT about octets of a message, where the session's reports are manual: as often as wanted, also while
    /// the message goes on (RFC 4975 §7.1.3). `octets` are 0-based positions. Success is told only of octets in chunks
    /// that have ended and asked for it, in one REPORT for each range without a gap; a failure that the sender did not
    /// want to hear of, not at all.
    ///
    /// # Errors
    /// `InvalidArgument` where they are not, or for an empty range, `TooLarge` for a comment beyond `start_line`, `Gone`, `Forked`.
    pub fn report_range(
        &self,
        message: MessageHandle,
        octets: Range<u64>,
        status: StatusCode,
        comment: &str,
    ) -> Result<()> {
        if octets.is_empty() {
            return Err(Error::invalid_argument(format!(
                "octets {} to {} of a message are none",
                octets.start, octets.end
            )));
        }
        let Range { start, end } = octets;
        self.make_report(message, status, comment, |key, comment| {
            Command::ReportRange(key, start, end, status, comment)
        })
    }

    fn make_report(
        &self,
        message: MessageHandle,
        status: StatusCode,
        comment: &str,
        command: impl FnOnce(proto::MessageKey, String) -> Command,
    ) -> Result<()> {
        let core = self.core()?;
        let (session, key) = core.shared.message(message)?;
        validate::status(status)?;
        validate::comment(comment, &core.shared.context.limits)?;
        if !session.manual_reports {
            return Err(Error::invalid_argument(
                "reports of this session are automatic",
            ));
        }
        session
            .mailbox()
            .judge(key, command(key, comment.to_owned()))
    }

    /// Counters and sizes now. In a forked child all are 0.
    pub fn stats(&self) -> Stats {
        let Ok(core) = self.core() else {
            return Stats::default();
        };
        let context = &core.shared.context;
        let memory = &context.memory;
        let (receive_held, receive_held_peak) = memory.received();
        Stats {
            connections: memory.connections.load(Relaxed),
            unbound_connections: context.unbound.len() as u64,
            sessions: context.registry.len() as u64,
            messages_sent: memory.messages_sent.load(Relaxed),
            messages_received: memory.messages_received.load(Relaxed),
            bytes_sent: memory.bytes_sent.load(Relaxed),
            bytes_received: memory.bytes_received.load(Relaxed),
            receive_held: receive_held as u64,
            send_held: memory.sent() as u64,
            receive_held_peak: receive_held_peak as u64,
            sessions_shed: memory.sessions_shed.load(Relaxed),
            reading_paused: memory.reading_paused.load(Relaxed),
            protocol_errors: memory.protocol_errors.load(Relaxed),
            messages_failed: memory.messages_failed.load(Relaxed),
            counts: context.counters.snapshot(),
            trace_written: context.trace.counters.written.load(Relaxed),
            trace_dropped: context.trace.counters.dropped.load(Relaxed),
        }
    }

    /// Starts a trace of all connections, or ends it with `None`. One that is there ends first: this waits up to a second
    /// until what it holds is written. Connections that exist are traced from their next request or response on. A trace
    /// also ends by itself where its file cannot be written; that is logged as a warning, and harms no session.
    ///
    /// # Errors
    /// `InvalidArgument` naming the option and its bound, or the file and why it cannot be made; `Limit` if the system
    /// gives no thread; `Gone` after `shutdown`; `Forked`.
    pub fn set_trace(&self, options: Option<TraceOptions>) -> Result<()> {
        let core = self.core()?;
        let context = &core.shared.context;
        let Some(options) = options else {
            context.trace.stop();
            return Ok(());
        };
        core.check_running()?;
        validate::trace(&options)?;
        context.trace.start(options.into(), &context.log)
    }

    /// Queues the engine's log for [`take_log`](Self::take_log), up to this level; `None` ends it. Rust programs that
    /// subscribe to `tracing` need it not: they get every record anyway, those of [`LogLevel::Trace`] with the target
    /// `msrp::wire`, the others with `msrp`.
    ///
    /// # Errors
    /// `Forked`.
    pub fn set_log(&self, level: Option<LogLevel>) -> Result<()> {
        self.core()?.shared.context.log.set_level(level);
        Ok(())
    }

    /// Records of the log that were queued, about `max_bytes` octets of them, and how many were dropped before because
    /// the queue, 256 KiB, was full. When there are some, one domain of the engine is woken.
    pub fn take_log(&self, max_bytes: usize) -> (Vec<LogRecord>, u64) {
        self.core()
            .map(|core| core.shared.context.log.take(max_bytes))
            .unwrap_or_default()
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

/// Where a session is reached.
struct Place {
    number: u64,
    authority: (Host, u16),
    tls: Option<Arc<Tls>>,
    /// The session's own listener.
    own: Option<Listener>,
    shared: bool,
}

impl Place {
    fn find(core: &Core, options: &SessionOptions) -> Result<Self> {
        validate::advertise(options.advertise.as_ref())?;
        let wildcard = || {
            Error::invalid_argument(
                "a wildcard address cannot stand in a path: give advertise=(host, port)",
            )
        };
        if let Some(handle) = options.listener {
            let listener = find_listener(core, handle)?;
            if options.secure && listener.tls.is_none() {
                return Err(Error::invalid_argument(
                    "secure: the listener does not speak TLS",
                ));
            }
            let tls = match &options.tls {
                Some(config) if listener.tls.is_some() => Some(core.trust.get(config)?),
                _ => listener.tls.clone(),
            };
            let is_pinned =
                |tls: &Option<Arc<Tls>>| tls.as_ref().is_some_and(|tls| tls.is_pinned());
            if is_pinned(&tls) && !is_pinned(&listener.tls) {
                return Err(Error::invalid_argument(
                    "tls.verify is fingerprint: the listener's must be too, or it asks no peer for a certificate",
                ));
            }
            let authority = match &options.advertise {
                Some((host, 0)) => Some((host.parse()?, listener.address.port())),
                Some((host, port)) => Some((host.parse()?, *port)),
                None => listener.authority.clone(),
            };
            return Ok(Self {
                number: listener.number,
                authority: authority.ok_or_else(wildcard)?,
                tls,
                own: None,
                shared: true,
            });
        }
        let tls = options
            .secure
            .then(|| trust(core, options.tls.as_ref()))
            .transpose()?;
        if tls.as_ref().is_some_and(|tls| tls.server().is_none()) {
            // Without a certificate a session can only connect.
            let host = match &options.advertise {
                Some((host, _)) => host.parse()?,
                None => options.host.parse()?,
            };
            let number = core.shared.context.number();
            return Ok(Self {
                number,
                authority: (host, DISCARD_PORT),
                tls,
                own: None,
                shared: false,
            });
        }
        let advertise = options.advertise.as_ref();
        let own = Listener::open(core, &options.host, options.port, tls.clone(), advertise)?;
        let authority = own.authority.clone().ok_or_else(wildcard)?;
        Ok(Self {
            number: own.number,
            authority,
            tls,
            own: Some(own),
            shared: false,
        })
    }

    fn listens(&self) -> bool {
        self.shared || self.own.is_some()
    }
}

/// The TLS of a session or listener: its own, or the engine's.
fn trust(core: &Core, config: Option<&TlsConfig>) -> Result<Arc<Tls>> {
    match config.or(core.tls.as_ref()) {
        Some(config) => core.trust.get(config),
        None => core.trust.get(&TlsConfig::default()),
    }
}

fn find_listener(core: &Core, listener: ListenerHandle) -> Result<Arc<Listener>> {
    core.listeners
        .lock()
        .get(listener.0)
        .cloned()
        .ok_or_else(listener_gone)
}

fn listener_gone() -> Error {
    Error::local(ErrorKind::Gone, "listener is closed")
}

/// Takes the remote side and hands it to the connections.
fn hear(
    session: &Session,
    negotiation: &mut Negotiation,
    take: impl FnOnce(&Negotiation) -> Result<Heard>,
) -> Result<()> {
    if session.mailbox().phase() >= Phase::Closing {
        return Err(Error::local(ErrorKind::Gone, "session is closed"));
    }
    let heard = take(negotiation)?;
    if let Some(tls) = session.entry.tls().filter(|tls| tls.is_pinned()) {
        let pins = tls.pins(negotiation.fingerprints(&heard)?)?;
        session.entry.set_pins(pins);
    }
    let config = negotiation.config(&heard, session.first_message);
    session.entry.set_uri(config.local_uri.clone());
    match session.entry.set_ready(config) {
        SetReady::WasBound if !negotiation.is_same(&heard) => Err(Error::invalid_argument(
            "the peer's path changed while the session is bound: make a new session (RFC 4975 §8.4)",
        )),
        SetReady::Ended => Err(Error::local(ErrorKind::Gone, "session is closed")),
        SetReady::Waiting | SetReady::Attached | SetReady::WasBound => {
            negotiation.settle(heard);
            Ok(())
        }
    }
}
