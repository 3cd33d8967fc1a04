//! One session as connections see it: where it is reached, who its peer has to be, and which connection has it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::moving::Next;
use super::origin::{Origin, Way};
use crate::error::{Error, ErrorKind};
use crate::mutant::{self, Mutant};
use crate::net::inbox::{Control, Inbox};
use crate::net::mailbox::Mailbox;
use crate::net::tls::Tls;
use crate::net::tls::certificate::{PeerCertificate, PeerProof};
use crate::net::tls::verify::{Pins, Shown};
use crate::proto::{Flow, Lookup, SessionConfig, SessionKey, SessionMatch};
use crate::wire::{Host, Uri};

/// One session, as connections see it.
pub(crate) struct Entry {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) session_id: String,
    session_match: SessionMatch,
    tls: Option<Arc<Tls>>,
    /// Whether it is reached by relays of ours alone.
    is_behind_relays: bool,
    pub(super) state: Mutex<State>,
    pub(super) on_end: Mutex<Option<OnEnd>>,
    /// Why the last one was refused that came for the session, or to its own listener.
    refused: Mutex<Option<String>>,
    /// Rings when the session is bound, over, or has to be dialled for again; the task that watches the time of `open`
    /// waits for it.
    pub(crate) decided: Notify,
}

/// What is to be done when a session is over.
pub(super) type OnEnd = Box<dyn FnOnce() + Send>;

pub(super) struct State {
    /// Where the session is reached: the last one is told to the peer, those before are served until it works.
    pub(super) places: Vec<Place>,
    /// Our URI by the last exchange of SDP: the peer comes to that one, also where a further place is to be told.
    told: Option<Uri>,
    /// Listeners at which the registry knows it.
    pub(super) waits_at: Vec<u64>,
    pub(super) binding: Binding,
    /// Which exchange of SDP `binding` is for: who connects for an earlier one comes too late.
    pub(super) exchange: u64,
    /// The connection to our relay, if there is one.
    relay: Option<Arc<Inbox>>,
    /// A connection that is to have the session instead of the one it is bound to.
    pub(super) next: Option<Next>,
    /// Connections that were to have it for an earlier exchange: the peer may use one of them, until the next one works.
    pub(super) stale: Vec<Arc<Inbox>>,
    /// With a TLS configuration that asks for it: what the peer's certificate must match.
    pins: Option<Arc<Pins>>,
    /// Where the peer is dialled, if not at its path (RFC 6714).
    via: Option<Box<(Host, u16)>>,
    /// Where the connection came from that has the session, or had it last.
    peer: Option<Arc<Origin>>,
    /// On a connection that was there, until the session is bound: for the next one, should that be lost.
    pub(super) spare: Option<Box<SessionConfig>>,
}

impl State {
    /// The place that the peer was told last.
    pub(super) fn told(&self) -> usize {
        let told = self.told.as_ref();
        let place = self.places.iter();
        let place = place.rev().position(|place| Some(&place.uri) == told);
        self.places.len() - 1 - place.unwrap_or(0)
    }
}

pub(super) enum Binding {
    /// The remote side is not known; requests for it may be held by a connection.
    NotReady(Option<Arc<Inbox>>),
    /// To be bound by whoever comes first.
    Ready(Box<SessionConfig>),
    /// Served by this connection.
    Bound(Arc<Inbox>),
    /// Over.
    Ended,
}

/// Where a session is reached.
pub(crate) struct Place {
    pub(crate) uri: Uri,
    pub(crate) listener: u64,
    /// The session's own listener, if it has one.
    pub(crate) own: Option<Box<dyn Send>>,
}

/// What `Entry::set_ready` did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SetReady {
    /// Waits for a connection.
    Waiting,
    /// A connection that held requests for it has it now.
    Attached,
    /// It was bound before; nothing changed.
    WasBound,
    /// It was bound before, and another connection is to have it.
    Moves,
    /// It is over.
    Ended,
}

impl Entry {
    /// A session that is reached at this place. Its listener is dropped before anybody hears of its end, `on_end` is called
    /// after that.
    pub(crate) fn new(
        mailbox: Arc<Mailbox>,
        place: Place,
        session_match: SessionMatch,
        tls: Option<Arc<Tls>>,
        is_behind_relays: bool,
        on_end: OnEnd,
    ) -> Arc<Self> {
        Arc::new(Self {
            is_behind_relays,
            mailbox,
            session_id: place.uri.session_id().unwrap_or_default().to_owned(),
            session_match,
            tls,
            state: Mutex::new(State {
                places: vec![place],
                told: None,
                waits_at: Vec::new(),
                binding: Binding::NotReady(None),
                exchange: 0,
                relay: None,
                next: None,
                stale: Vec::new(),
                pins: None,
                via: None,
                peer: None,
                spare: None,
            }),
            refused: Mutex::default(),
            on_end: Mutex::new(Some(on_end)),
            decided: Notify::new(),
        })
    }

    /// The session's mailbox.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// The session's TLS configuration, for `msrps`.
    pub(crate) fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// The relay on this connection forwards what is for the session. Nobody else does.
    pub(crate) fn set_relay(&self, relay: &Arc<Inbox>) {
        self.state.lock().relay = Some(Arc::clone(relay));
    }

    /// The URI that the peer was told differs in its port from the one before.
    pub(crate) fn set_uri(&self, uri: Uri) {
        if let Some(place) = self.state.lock().places.last_mut() {
            place.uri = uri;
        }
    }

    /// Whether it has a listener of its own.
    pub(super) fn has_own(&self) -> bool {
        let state = self.state.lock();
        state.places.iter().any(|place| place.own.is_some())
    }

    /// The peer's certificate must match these from now on.
    pub(crate) fn set_pins(&self, pins: Option<Arc<Pins>>) {
        self.state.lock().pins = pins;
    }

    /// Whether the peer is known by fingerprints.
    pub(crate) fn is_pinned(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_pinned())
    }

    /// What the peer has shown on the connection that has the session, or had it last.
    pub(crate) fn peer_certificate(&self) -> Option<PeerCertificate> {
        let peer = self.state.lock().peer.clone()?;
        let certificate = peer.certificate.as_ref()?;
        let proof = match (peer.way.is_outbound(), &self.tls) {
            // Of an accepted one the session has compared more than the handshake could.
            (false, Some(tls)) if tls.is_pinned() => PeerProof::Fingerprint,
            (false, Some(tls)) if peer.proof == PeerProof::Ca && tls.config().peer_names => {
                PeerProof::CaAndName
            }
            _ => peer.proof,
        };
        Some(PeerCertificate::read(certificate, proof))
    }

    /// The session is on the connection that came from there.
    pub(crate) fn set_peer(&self, from: &Arc<Origin>) {
        self.state.lock().peer = Some(Arc::clone(from));
    }

    /// Who sends ordinary messages from now on: on the connection that has the session, and on one that is to have it.
    pub(crate) fn set_flow(&self, flow: Flow) {
        self.mailbox.set_flow(flow);
        let mut state = self.state.lock();
        match &mut state.next {
            None => {}
            Some(Next::Ready(config)) => config.flow = flow,
            Some(Next::Trying(connection)) => {
                // A closed one will not have the session.
                let _ = connection.push_control(Control::SetFlow(self.mailbox.key(), flow));
            }
        }
    }

    /// What the peer's certificate must match.
    pub(crate) fn pins(&self) -> Option<Arc<Pins>> {
        self.state.lock().pins.clone()
    }

    /// The peer is dialled at this address, or at its path again.
    pub(crate) fn set_via(&self, via: Option<(Host, u16)>) {
        self.state.lock().via = via.map(Box::new);
    }

    /// Where the peer is dialled, if not at its path.
    pub(crate) fn via(&self) -> Option<(Host, u16)> {
        self.state.lock().via.as_deref().cloned()
    }

    /// Whether the peer at the other end of a connection is the one that the SDP announced (RFC 8122 §6.2).
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn judge(&self, from: &Origin) -> Result<(), String> {
        if mutant::on(Mutant::StrangerServed) {
            return Ok(());
        }
        match (self.pins(), &from.certificate) {
            // The name of a server with a CA was compared in the handshake.
            (Some(_), Some(_)) if from.proof == PeerProof::CaAndName => Ok(()),
            (Some(pins), Some(certificate)) => pins.judge(certificate),
            // A client that was asked may have shown none, unless fingerprints are to prove it.
            _ if !self.is_pinned() => Ok(()),
            (_, None) => Err("the peer showed no certificate".to_owned()),
            (None, _) => Err("no fingerprint of the peer is known".to_owned()),
        }
    }

    /// Whether a peer with this certificate may come, as far as is known now.
    pub(crate) fn expects(&self, certificate: &Shown<'_>) -> bool {
        if !self.is_pinned() || mutant::on(Mutant::StrangerServed) {
            return true;
        }
        let pins = {
            let state = self.state.lock();
            if matches!(state.binding, Binding::NotReady(_)) {
                return true;
            }
            state.pins.clone()
        };
        pins.is_some_and(|pins| pins.check_shown(certificate).is_ok())
    }

    /// Who came for the session, or to its own listener, was refused.
    pub(crate) fn set_refused(&self, why: &str) {
        *self.refused.lock() = Some(why.to_owned());
    }

    /// Why the last one was refused that came for the session, or to its own listener.
    pub(crate) fn take_refused(&self) -> Option<String> {
        self.refused.lock().take()
    }

    /// A connection cannot, or must not, have the session: the next one may.
    pub(crate) fn take_back(&self, connection: &Arc<Inbox>, config: SessionConfig) {
        let mut state = self.state.lock();
        let is_it = |its: &Arc<Inbox>| Arc::ptr_eq(its, connection);
        if matches!(&state.next, Some(Next::Trying(its)) if is_it(its)) {
            state.next = Some(Next::Ready(Box::new(config)));
        } else if matches!(&state.binding, Binding::Bound(its) if is_it(its)) {
            state.spare = None;
            state.binding = Binding::Ready(Box::new(config));
        }
    }

    /// The remote side is known. Said again before the session is bound, the last one counts; later it matters only
    /// where the path of one side has `changed`.
    pub(crate) fn set_ready(
        self: &Arc<Self>,
        mut config: SessionConfig,
        changed: bool,
    ) -> SetReady {
        {
            let mut state = self.state.lock();
            state.told = Some(config.local_uri.clone());
            if matches!(state.binding, Binding::Bound(_)) {
                if !changed {
                    return SetReady::WasBound;
                }
                if self.is_behind_relays {
                    // The connection to our relay stays; only the path over it is another.
                    drop(state);
                    self.mailbox.readdress(config.remote_path, config.active);
                    return SetReady::WasBound;
                }
                config.first_message = self.mailbox.further_messages();
                let before = state.next.replace(Next::Ready(Box::new(config)));
                state.exchange += 1;
                if let Some(Next::Trying(connection)) = before {
                    state.stale.push(connection);
                }
                return SetReady::Moves;
            }
        }
        let mut config = Box::new(config);
        loop {
            let holder = {
                let mut state = self.state.lock();
                match &state.binding {
                    Binding::Ended => return SetReady::Ended,
                    Binding::Bound(_) => return SetReady::WasBound,
                    Binding::NotReady(Some(holder)) => {
                        let holder = Arc::clone(holder);
                        state.binding = Binding::Bound(Arc::clone(&holder));
                        holder
                    }
                    Binding::NotReady(None) | Binding::Ready(_) => {
                        state.binding = Binding::Ready(config);
                        state.exchange += 1;
                        return SetReady::Waiting;
                    }
                }
            };
            let Err(returned) = holder.attach(self, config) else {
                return SetReady::Attached;
            };
            // The connection has closed meanwhile: what it held is lost.
            config = returned;
            let mut state = self.state.lock();
            if !matches!(state.binding, Binding::Ended) {
                state.binding = Binding::NotReady(None);
            }
        }
    }

    /// The exchange of SDP for which somebody is to connect now.
    pub(crate) fn exchange(&self) -> u64 {
        self.state.lock().exchange
    }

    /// Gives the session to a connection that we dialled or share for this exchange of SDP.
    pub(crate) fn bind_to(
        self: &Arc<Self>,
        connection: &Arc<Inbox>,
        claim: Claim,
        exchange: u64,
    ) -> Bind {
        let config = {
            let mut state = self.state.lock();
            if state.exchange != exchange {
                return Bind::NotNeeded;
            }
            match std::mem::replace(&mut state.binding, Binding::Bound(Arc::clone(connection))) {
                Binding::Ready(config) => {
                    state.spare = (claim == Claim::Shared).then(|| config.clone());
                    config
                }
                other => {
                    state.binding = other;
                    match state.next.take() {
                        Some(Next::Ready(config)) => {
                            state.next = Some(Next::Trying(Arc::clone(connection)));
                            config
                        }
                        next => {
                            state.next = next;
                            return Bind::NotNeeded;
                        }
                    }
                }
            }
        };
        match connection.attach(self, config) {
            Ok(()) => Bind::Bound,
            Err(config) => {
                self.take_back(connection, *config);
                Bind::ConnectionClosed
            }
        }
    }

    /// Gives the session to a connection that the host has handed over for it: now, or as soon as its remote side is
    /// known.
    ///
    /// # Errors
    /// `Busy` if another one has it, `Gone` if it is over.
    pub(crate) fn hand_to(self: &Arc<Self>, connection: &Arc<Inbox>) -> Result<(), Error> {
        let busy = || Error::local(ErrorKind::Busy, "session has a connection");
        let gone = || Error::local(ErrorKind::Gone, "session is closed");
        let exchange = {
            let mut state = self.state.lock();
            match &state.binding {
                Binding::Ended => return Err(gone()),
                Binding::Bound(_) => return Err(busy()),
                Binding::NotReady(Some(holder)) if !holder.is_closed() => return Err(busy()),
                Binding::NotReady(_) => {
                    state.binding = Binding::NotReady(Some(Arc::clone(connection)));
                    return Ok(());
                }
                Binding::Ready(_) => state.exchange,
            }
        };
        match self.bind_to(connection, Claim::Own, exchange) {
            Bind::Bound => Ok(()),
            Bind::NotNeeded => Err(busy()),
            Bind::ConnectionClosed => Err(gone()),
        }
    }

    /// Whether what the host wants to be sent waits until the session is bound: its connection may be lost before.
    pub(crate) fn is_held(&self) -> bool {
        self.state.lock().spare.is_some()
    }

    /// The session is bound.
    pub(crate) fn set_bound(&self) {
        let stale = {
            let mut state = self.state.lock();
            state.spare = None;
            match state.next {
                None => std::mem::take(&mut state.stale),
                Some(_) => Vec::new(),
            }
        };
        self.abandon(None, stale);
        self.decided.notify_one();
    }

    /// The connection is lost. A session that was put on it while it served others, and was not bound, has sent
    /// nothing but its binding SEND: it waits again, and the task that opens it dials. False for any other, and for
    /// one that is to end.
    pub(crate) fn detach(&self) -> bool {
        let mut state = self.state.lock();
        if !matches!(state.binding, Binding::Bound(_)) {
            return false;
        }
        let Some(config) = state.spare.take() else {
            return false;
        };
        // Under the lock: who wants the end then either was seen here, or sees that no connection has the session.
        if !self.mailbox.detach() {
            return false;
        }
        state.binding = Binding::Ready(config);
        drop(state);
        self.decided.notify_one();
        true
    }

    /// Whether the session waits for a connection.
    pub(crate) fn is_waiting(&self) -> bool {
        let state = self.state.lock();
        matches!(state.binding, Binding::Ready(_)) || matches!(state.next, Some(Next::Ready(_)))
    }

    /// Whether it is open who is to have the session for this exchange of SDP: some connection tries to, or nobody has
    /// come yet.
    pub(crate) fn is_undecided(&self) -> bool {
        let state = self.state.lock();
        state.next.is_some() || matches!(state.binding, Binding::Ready(_))
    }

    /// The connection that serves the session now.
    pub(crate) fn connection(&self) -> Option<Arc<Inbox>> {
        match &self.state.lock().binding {
            Binding::Bound(connection) => Some(Arc::clone(connection)),
            _ => None,
        }
    }

    /// No connection gets the session any more. False when one has it, which then tells the end.
    pub(crate) fn withdraw(&self) -> bool {
        let mut state = self.state.lock();
        let is_bound = matches!(state.binding, Binding::Bound(_));
        if !is_bound {
            state.binding = Binding::Ended;
        }
        !is_bound
    }

    /// The session is to end: its connection gives up where it is not ready to serve it yet. One that is hears of it by
    /// the mailbox.
    pub(crate) fn give_up(&self) {
        let connection = match &self.state.lock().binding {
            Binding::Bound(connection) => Some(Arc::clone(connection)),
            _ => None,
        };
        if let Some(connection) = connection {
            // A connection that is closed has nothing to give up.
            let _ = connection.push_control(Control::Evict);
        }
    }

    pub(super) fn lookup(&self, uri: &Uri, asking: &Arc<Inbox>, from: &Arc<Origin>) -> Lookup {
        let is_trusted = self.judge(from).is_ok();
        let mut state = self.state.lock();
        let is_relay = |its: &Arc<Inbox>| Arc::ptr_eq(its, asking);
        if self.is_behind_relays && !state.relay.as_ref().is_some_and(is_relay) {
            return Lookup::Unknown;
        }
        let told = state.told();
        let named = state.places.iter().enumerate().rev().find(|(_, place)| {
            let is_named = match self.session_match {
                SessionMatch::Uri => place.uri == *uri,
                // The registry has compared it.
                SessionMatch::SessionId => true,
            };
            // Whatever the request calls it, an msrps session is served over TLS only.
            is_named && self.is_served_on(from, place)
        });
        let Some((named, _)) = named else {
            return Lookup::Unknown;
        };
        if !is_trusted && matches!(state.binding, Binding::Ready(_)) {
            return Lookup::Unknown;
        }
        let key = self.mailbox.key();
        match std::mem::replace(&mut state.binding, Binding::Ended) {
            Binding::Ended => Lookup::Unknown,
            Binding::Ready(config) => {
                state.binding = Binding::Bound(Arc::clone(asking));
                state.peer = Some(Arc::clone(from));
                Lookup::Ready(key, config)
            }
            Binding::NotReady(Some(holder))
                if !Arc::ptr_eq(&holder, asking) && !holder.is_closed() =>
            {
                state.binding = Binding::NotReady(Some(holder));
                Lookup::BoundElsewhere
            }
            Binding::NotReady(_) => {
                state.binding = Binding::NotReady(Some(Arc::clone(asking)));
                Lookup::NotReady(key)
            }
            Binding::Bound(connection) => {
                let is_here = Arc::ptr_eq(&connection, asking);
                state.binding = Binding::Bound(connection);
                if let Some(Next::Ready(config)) = &state.next
                    && is_trusted
                    && !is_here
                    && named >= told
                {
                    let config = config.clone();
                    state.next = Some(Next::Trying(Arc::clone(asking)));
                    return Lookup::Ready(key, config);
                }
                // The asking connection had it, so it is being closed there.
                if is_here || mutant::on(Mutant::BoundForgotten) {
                    Lookup::Unknown
                } else {
                    Lookup::BoundElsewhere
                }
            }
        }
    }

    fn is_served_on(&self, from: &Origin, place: &Place) -> bool {
        let secure = place.uri.is_secure();
        match &from.way {
            Way::Accepted {
                listener,
                secure: over_tls,
            } => {
                (*listener == place.listener && *over_tls == secure)
                    || mutant::on(Mutant::CleartextServed)
            }
            Way::Dialled(None) => !secure,
            Way::Dialled(Some(tls)) => {
                secure && self.tls.as_ref().is_some_and(|own| own.trusts_as(tls))
            }
            Way::Adopted {
                session,
                secure: over_tls,
                ..
            } => *session == self.mailbox.key() && *over_tls == secure,
        }
    }
}

/// For whom a connection was made to which `Entry::bind_to` gives a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// For this session.
    Own,
    /// For others: their end may close it under this one (RFC 4975 §5.4).
    Shared,
}

/// What `Entry::bind_to` did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    /// The connection has it.
    Bound,
    /// It is bound to another, or over.
    NotNeeded,
    /// The connection takes nothing any more.
    ConnectionClosed,
}

/// The session's key: shorthand for logs.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SessionKey(key) = self.mailbox.key();
        f.debug_struct("Entry")
            .field("key", &key)
            .finish_non_exhaustive()
    }
}
