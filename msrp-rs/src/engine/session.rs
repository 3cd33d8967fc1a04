//! The sessions of an engine, by handle, and how each begins and ends (RFC 4975 §5.4).
//!
//! Connecting is done in `net::dial`, the exchange of SDP in `negotiation`, everything between bind and end in `proto`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use super::event::SessionFacts;
use super::handle::{MessageHandle, SessionHandle, TransferHandle};
use super::lifecycle::Core;
use super::negotiation::{Local, Negotiation};
use super::options::{ConnectionSharing, Relocation, SessionOptions};
use super::place::Place;
use super::profile::Treatment;
use super::relays::Behind;
use super::signalling::check_alive;
use super::slots::Slots;
use super::{Domain, Engine, SessionState, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::net::context::Context;
use crate::net::dial::{self, Hop, Sharing, Source, Uplink};
use crate::net::log::LogLevel;
use crate::net::mailbox::{Mailbox, Phase};
use crate::net::ready::Ready;
use crate::net::registry::{self, Bind, Claim, Entry};
use crate::net::tls::certificate::PeerCertificate;
use crate::proto::{CloseReason, MessageKey, ReportMode, SessionKey, TransferKey};
use crate::wire::{Scheme, Uri};

impl Engine {
    /// A new session, told to `domain`. Binds a port of its own if the options name no listener.
    ///
    /// # Errors
    /// `InvalidArgument` naming the option and its bound, `Connect` if the port cannot be bound, `Gone` if the
    /// listener, the domain or the engine is closed, `Limit`, `Forked`.
    pub fn session(&self, domain: &Domain, options: SessionOptions) -> Result<SessionHandle> {
        let core = self.core()?;
        core.check_running()?;
        let types = validate::session(&options)?;
        let behind = Behind::find(core, &options)?.map(Arc::new);
        let place = match &behind {
            Some(behind) => Place::behind(core, &options, behind)?,
            None => Place::find(core, &options)?,
        };
        let source = Source::new(options.connection.clone(), place.bound);
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
            direction: options.direction,
            title: options.title,
            attributes: options.attributes,
            fingerprints: match &place.tls {
                Some(tls) if behind.is_none() => tls.fingerprints()?,
                // They would be our relay's (RFC 6135 §4.3).
                _ => Vec::new(),
            },
            listens: place.listens(),
            is_behind_relays: behind.is_some(),
            treatment,
            reports: options.reports,
            methods: types.methods,
            keep_alive: options.keep_alive,
            report_timeout: options.report_timeout,
            cema: options.cema,
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
            SessionKey(reserved.handle),
            Arc::clone(&context.limits),
            Arc::clone(&context.memory),
            Arc::clone(ready),
            first_transfer,
            first_message,
        );
        let own = place.own.map(|own| Box::new(own) as Box<dyn Send>);
        let (shared, orphaned) = (Arc::clone(&core.shared), Arc::clone(ready));
        let ends = behind.clone();
        let on_end = Box::new(move || {
            if let Some(behind) = ends {
                behind.end();
            }
            if orphaned.is_closed() {
                shared.forget(handle);
            }
        });
        let entry = Entry::new(
            mailbox,
            registry::Place {
                uri,
                listener: place.number,
                own,
            },
            session_match,
            place.tls,
            behind.is_some(),
            on_end,
        );
        let session = Arc::new(Session {
            handle,
            entry: Arc::clone(&entry),
            negotiation,
            sharing: match options.connection_sharing {
                ConnectionSharing::Peer => Sharing::Shared,
                ConnectionSharing::Session => Sharing::Alone,
            },
            seeking: Mutex::default(),
            patience: Mutex::new(PATIENCE),
            source: Mutex::new(source),
            behind,
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

    /// Connects or waits for the peer, as negotiated. [`Event::Opened`](super::Event::Opened) or
    /// [`Event::Closed`](super::Event::Closed) follows, the latter with `Timeout` when the time is over. A passive
    /// session is bound by its peer also without `open`.
    ///
    /// # Errors
    /// `InvalidArgument` before `set_remote` and while a new offer is due (`offer_due`), `Busy` while it is being opened, `Gone`, `Forked`.
    pub fn open(&self, session: SessionHandle, timeout: Option<Duration>) -> Result<()> {
        let core = self.core()?;
        core.check_running()?;
        let session = core.shared.session(session)?;
        // Held to the end: an exchange of SDP comes before or after.
        let negotiation = session.negotiation.lock();
        negotiation.cema.check_agreed()?;
        if negotiation.remote().is_none() {
            return Err(Error::invalid_argument(
                "open needs the remote side: call set_remote or set_remote_path first",
            ));
        }
        *session.patience.lock() = validate::timeout(timeout);
        let Some(later) = session.mailbox().start_connecting() else {
            return match session.mailbox().phase() {
                Phase::New | Phase::Open => Ok(()),
                Phase::Connecting => Err(Error::local(ErrorKind::Busy, "session is being opened")),
                Phase::Closing | Phase::Closed => {
                    Err(Error::local(ErrorKind::Gone, "session is closed"))
                }
            };
        };
        core.seek(&session, negotiation.hop());
        drop(negotiation);
        drop(later);
        Ok(())
    }

    /// Moves the session to another place of this machine, whose addresses have changed, or another network is better:
    /// the next offer or answer has a URI for it. The one of before is served until the peer uses the new one, or the
    /// session has gone over to a connection from there (RFC 3264 §8.3.1).
    ///
    /// # Errors
    /// `InvalidArgument` naming the option, `Connect` if the port cannot be bound, `Gone` if the listener is closed, or
    /// the session closing or over, `Forked`.
    pub fn relocate(&self, session: SessionHandle, place: Relocation) -> Result<()> {
        let core = self.core()?;
        core.check_running()?;
        let session = core.shared.session(session)?;
        check_alive(&session)?;
        session.check_direct("relocate")?;
        let tls = session.entry.tls();
        let mut options = SessionOptions {
            listener: place.listener,
            host: place.host,
            port: place.port,
            advertise: place.advertise,
            secure: tls.is_some(),
            ..SessionOptions::default()
        };
        if let Some(connection) = place.connection {
            validate::connection(&connection)?;
            options.connection = connection;
        } else {
            options.connection = session.source.lock().options().clone();
        }
        // A name may have to be resolved: no lock is held.
        let place = Place::find_next(core, &options, tls)?;
        let listens = place.listens();
        let mut negotiation = session.negotiation.lock();
        let uri = negotiation.uri();
        let session_id = uri.session_id().unwrap_or_default();
        let uri = Uri::session(
            uri.scheme(),
            &place.authority.0,
            place.authority.1,
            session_id,
        )?;
        *session.source.lock() = Source::new(options.connection, place.bound);
        let own = place.own.map(|own| Box::new(own) as Box<dyn Send>);
        let place = registry::Place {
            uri: uri.clone(),
            listener: place.number,
            own,
        };
        let registry = &core.shared.context.registry;
        registry.relocate(&session.entry, place);
        negotiation.relocate(uri, listens);
        Ok(())
    }

    /// Where the session is in its life.
    pub fn state(&self, session: SessionHandle) -> Result<SessionState> {
        Ok(self.find(session)?.mailbox().phase().into())
    }

    /// The certificate that the peer showed on the connection that has the session, or had it last, and what proves it.
    /// `None` without TLS, before the session is on a connection, and for a peer that connected and showed none.
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn peer_certificate(&self, session: SessionHandle) -> Result<Option<PeerCertificate>> {
        Ok(self.find(session)?.entry.peer_certificate())
    }

    /// Ends the session when what is under way is done, at the latest after `timeout` (`None`: whenever that is).
    /// [`Event::Closed`](super::Event::Closed) follows. Messages that a hold keeps back are not waited for: nothing can end
    /// it any more.
    pub fn close(&self, session: SessionHandle, timeout: Option<Duration>) -> Result<()> {
        let core = self.core()?;
        let session = core.shared.session(session)?;
        core.shared
            .close(&session, Instant::now() + validate::timeout(timeout));
        Ok(())
    }

    /// Ends the session at once. [`Event::Closed`](super::Event::Closed) follows.
    pub fn abort_session(&self, session: SessionHandle) -> Result<()> {
        let core = self.core()?;
        let session = core.shared.session(session)?;
        core.shared.abort(&session, None);
        Ok(())
    }
}

impl Core {
    /// Connects the session to `hop`, or waits for the peer; whatever did so before stops.
    pub(super) fn seek(&self, session: &Session, hop: Option<Hop>) {
        let (wanted, superseded) = oneshot::channel();
        *session.seeking.lock() = Some(wanted);
        let exchange = session.entry.exchange();
        let reach = hop.map(|hop| match &session.behind {
            Some(behind) => Reach::Relay(behind.uplink()),
            None => Reach::Peer(hop),
        });
        let sharing = match session.sharing {
            // The connection that it is on cannot have it twice.
            Sharing::Shared if session.entry.connection().is_some() => Sharing::Afresh,
            sharing => sharing,
        };
        let seek = open(
            Arc::clone(&self.shared.context),
            Arc::clone(&session.entry),
            reach,
            sharing,
            session.source.lock().clone(),
            exchange,
            *session.patience.lock(),
        );
        self.handle.spawn(async move {
            tokio::select! {
                () = seek => {}
                _ = superseded => {}
            }
        });
    }
}

/// Where the active side connects its session to.
pub(super) enum Reach {
    /// The peer, or the peer's relay.
    Peer(Hop),
    /// Our relay, where the session is logged in; `None` if that connection is lost.
    Relay(Option<Arc<Uplink>>),
}

/// One session, as the facade sees it.
pub(super) struct Session {
    pub(super) handle: SessionHandle,
    pub(super) entry: Arc<Entry>,
    pub(super) negotiation: Mutex<Negotiation>,
    /// Whether it may share a connection.
    pub(super) sharing: Sharing,
    /// Dropped when the task that connects or waits for the peer is to stop.
    seeking: Mutex<Option<oneshot::Sender<()>>>,
    /// How long it may take.
    patience: Mutex<Duration>,
    /// Where and how it dials.
    pub(super) source: Mutex<Arc<Source>>,
    /// Its relays, if it has some.
    pub(super) behind: Option<Arc<Behind>>,
    pub(super) manual_reports: bool,
    pub(super) first_message: u32,
}

impl Session {
    pub(super) fn mailbox(&self) -> &Arc<Mailbox> {
        self.entry.mailbox()
    }

    fn facts(&self) -> SessionFacts {
        let mut negotiation = self.negotiation.lock();
        SessionFacts {
            local_path: negotiation.path().ok().cloned(),
            remote_path: negotiation.remote().map(|remote| remote.path().clone()),
            peer_certificate: self.entry.peer_certificate(),
        }
    }

    /// An error for what a session behind relays cannot do.
    pub(super) fn check_direct(&self, call: &str) -> Result<()> {
        match self.behind {
            None => Ok(()),
            Some(_) => Err(Error::invalid_argument(format!(
                "{call}: session has relays, and its connection is the one to the first of them"
            ))),
        }
    }
}

/// What an engine and its domains share: it lives until the last of them is gone.
pub(super) struct Shared {
    pid: u32,
    pub(super) context: Arc<Context>,
    pub(super) sessions: RwLock<Slots<Arc<Session>>>,
}

impl Shared {
    pub(super) fn new(engine: u32, context: Arc<Context>) -> Arc<Self> {
        let sessions = RwLock::new(Slots::new(engine));
        Arc::new(Self {
            pid: std::process::id(),
            context,
            sessions,
        })
    }

    /// Whether this is another process than the one that made the engine. Nothing may be touched then: locks
    /// may be held for ever, and descriptors are the parent's.
    pub(super) fn is_forked(&self) -> bool {
        self.pid != std::process::id()
    }

    pub(super) fn check_process(&self) -> Result<()> {
        if self.is_forked() {
            return Err(Error::local(
                ErrorKind::Forked,
                format!(
                    "engine was made by process {}, this is process {}: make one after the fork",
                    self.pid,
                    std::process::id()
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn session(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        self.check_process()?;
        self.sessions
            .read()
            .get(handle.0)
            .cloned()
            .ok_or_else(|| gone("session"))
    }

    pub(super) fn transfer(&self, handle: TransferHandle) -> Result<(Arc<Session>, TransferKey)> {
        let (session, number) = self.numbered(handle.0, "transfer")?;
        Ok((session, TransferKey(number)))
    }

    pub(super) fn message(&self, handle: MessageHandle) -> Result<(Arc<Session>, MessageKey)> {
        let (session, number) = self.numbered(handle.0, "message")?;
        let key = MessageKey(number);
        session.mailbox().check_message(key)?;
        Ok((session, key))
    }

    fn numbered(&self, handle: u64, what: &str) -> Result<(Arc<Session>, u32)> {
        self.check_process()?;
        let sessions = self.sessions.read();
        let (session, number) = sessions.get_numbered(handle).ok_or_else(|| gone(what))?;
        Ok((Arc::clone(session), number))
    }

    /// All sessions now.
    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.read().iter().cloned().collect()
    }

    /// The session's last event was taken: its handle names nothing from now on. Gives what is to be known of it still.
    pub(super) fn forget(&self, handle: SessionHandle) -> SessionFacts {
        let mut sessions = self.sessions.write();
        let numbers = sessions
            .get(handle.0)
            .map(|session| session.mailbox().next_numbers());
        let session = sessions.remove(handle.0, numbers);
        drop(sessions);
        session.map_or_else(SessionFacts::default, |session| session.facts())
    }

    /// The consumer is gone: its sessions end, and nobody waits for their last event.
    pub(super) fn abandon(&self, ready: &Arc<Ready>) {
        for session in self.all() {
            if Arc::ptr_eq(session.mailbox().ready(), ready) {
                self.abort(&session, None);
                if session.mailbox().phase() == Phase::Closed {
                    self.forget(session.handle);
                }
            }
        }
    }

    /// Ends a session at once.
    pub(super) fn abort(&self, session: &Session, cause: Option<(CloseReason, Option<Error>)>) {
        end(&self.context, &session.entry, cause);
    }

    /// Ends a session when what is under way is done.
    pub(super) fn close(&self, session: &Session, deadline: Instant) {
        if session.entry.withdraw() {
            end_unserved(&self.context, &session.entry, CloseReason::Local, None);
        } else {
            session.mailbox().start_closing(deadline);
            session.entry.give_up();
            // Its connection may have lost it meanwhile.
            if session.entry.withdraw() {
                end_unserved(&self.context, &session.entry, CloseReason::Local, None);
            }
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

fn gone(what: &str) -> Error {
    Error::local(ErrorKind::Gone, format!("{what} has ended"))
}

pub(super) fn end(
    context: &Context,
    entry: &Arc<Entry>,
    cause: Option<(CloseReason, Option<Error>)>,
) {
    if entry.withdraw() {
        let (reason, error) = cause.unwrap_or((CloseReason::Local, None));
        end_unserved(context, entry, reason, error);
    } else {
        entry.mailbox().close_now(cause);
        entry.give_up();
        // Its connection may have lost it meanwhile; the cause is known to the mailbox.
        if entry.withdraw() {
            end_unserved(context, entry, CloseReason::Local, None);
        }
    }
}

/// Ends a session that no connection has, or that is over and whose end waits behind a pause.
pub(super) fn end_unserved(
    context: &Context,
    entry: &Arc<Entry>,
    reason: CloseReason,
    error: Option<Error>,
) {
    context.registry.end(entry, reason, error);
    entry.mailbox().end_pauses();
    context.relieve_senders();
}

/// Connects the session, if `reach` is there, and sees that it is bound in time.
///
/// Peers close a connection when its last session ends (RFC 4975 §5.4), also at the moment at which this one was put on
/// it: then a new one is dialled, once and within the same time. Until the session is bound, a connection that served
/// others before gets nothing of it but the binding SEND, so nothing is lost or sent twice.
pub(super) async fn open(
    context: Arc<Context>,
    entry: Arc<Entry>,
    reach: Option<Reach>,
    mut sharing: Sharing,
    source: Arc<Source>,
    exchange: u64,
    timeout: Duration,
) {
    let work = async {
        loop {
            // One that the host has handed over a socket to has its connection.
            if let Some(reach) = reach.as_ref().filter(|_| entry.is_waiting()) {
                let connect = connect(&context, &entry, reach, sharing, &source, exchange);
                tokio::pin!(connect);
                loop {
                    tokio::select! {
                        connected = &mut connect => {
                            connected?;
                            break;
                        }
                        // Closed meanwhile, or somebody else came: nobody needs the connection any more, and others
                        // wait to dial.
                        () = entry.decided.notified() => {
                            if !entry.is_waiting() {
                                return Ok(());
                            }
                        }
                    }
                }
            }
            loop {
                entry.decided.notified().await;
                if reach.is_some() && entry.is_waiting() {
                    break;
                }
                if !entry.is_undecided() {
                    return Ok::<(), Error>(());
                }
            }
            sharing = Sharing::Afresh;
        }
    };
    let cause = match tokio::time::timeout(timeout, work).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => (CloseReason::ConnectionLost(error.context.clone()), error),
        Err(_) => {
            let mut text = format!("session was not bound within {timeout:?}");
            if let Some(why) = entry.take_refused() {
                text.push_str("; the last peer that came was refused: ");
                text.push_str(&why);
            }
            (
                CloseReason::BindTimeout,
                Error::remote(ErrorKind::Timeout, text),
            )
        }
    };
    if entry.mailbox().phase() >= Phase::Open && entry.give_up_move(exchange) {
        context.log.write(
            LogLevel::Warn,
            format_args!("new path of a peer does not work: its session goes on as before"),
        );
    } else {
        end(&context, &entry, Some((cause.0, Some(cause.1))));
    }
}

async fn connect(
    context: &Arc<Context>,
    entry: &Arc<Entry>,
    reach: &Reach,
    sharing: Sharing,
    source: &Arc<Source>,
    exchange: u64,
) -> Result<()> {
    let uplink = match reach {
        Reach::Peer(hop) => {
            return dial::connect(context, entry, hop, sharing, source, exchange).await;
        }
        Reach::Relay(uplink) => uplink.as_ref(),
    };
    match uplink.map(|uplink| entry.bind_to(uplink.hold.inbox(), Claim::Own, exchange)) {
        Some(Bind::Bound | Bind::NotNeeded) => Ok(()),
        Some(Bind::ConnectionClosed) | None => Err(Error::transport(
            ErrorKind::Connect,
            "connection to the relay was lost",
        )),
    }
}

/// How long a changed path may take to work in a session that was never told a time.
const PATIENCE: Duration = Duration::from_secs(30);
