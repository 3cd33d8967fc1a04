//! A relay that runs (RFC 4976): its connections, each with a task that owns a [`Link`](crate::role::relay::Link), and
//! what goes between them.
//!
//! `task` moves octets between a socket and its link, [`Port`] is where the other links bring what is for it, `hops` makes
//! connections to next hops, `network` says where to, `host` asks the host. Who may do what is decided by the
//! [`Office`], of which there is one, behind a lock that is held for a decision and no longer.

mod clerk;
mod desk;
mod hops;
pub(crate) mod host;
pub(crate) mod network;
mod seat;
mod task;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use self::hops::{Hops, Key};
use self::host::{RelayPolicy, RelayUsers};
use self::network::Network;
use self::seat::{Seats, Strain};
use super::context::{Connected, Context};
use super::dial::Source;
use super::log::LogLevel;
use super::port::{Port, Waiting};
use super::registry::Origin;
use super::tls::Configured;
use super::tls::certificate::{PeerProof, hosts};
use super::transport::Transport;
use crate::role::relay::{
    Answer, Backward, Forward, LinkCounts, LinkId, LinkOptions, Office, OfficeCounts, Parked, Peer,
    QueryId, RelayNames, site,
};
use crate::wire::{Host, StatusCode};

/// What is brought to a link.
#[derive(Debug)]
pub(crate) enum Item {
    /// To be sent over it.
    Forward(Forward),
    /// What became of something that it received.
    Backward(Backward),
    /// The answer to its question.
    Answer(QueryId, Answer),
    /// It has to close.
    Close(String),
    /// The relay ends: it is to say when it has nothing to do any more.
    Drain,
}

impl Waiting for Item {
    fn lane(&self) -> u64 {
        match self {
            Self::Forward(forward) => forward.lane().number,
            _ => u64::MAX,
        }
    }

    fn begins(&self) -> bool {
        matches!(self, Self::Forward(forward) if forward.leg().is_some())
    }

    fn detach(&mut self) {
        if let Self::Forward(forward) = self {
            forward.detach();
        }
    }

    fn cost(&self) -> usize {
        match self {
            Self::Forward(forward) => forward.cost(),
            _ => 0,
        }
    }

    fn join(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Forward(forward), Self::Forward(next)) => forward.join(next).map(Self::Forward),
            (_, next) => Some(next),
        }
    }
}

/// Connections to next hops that are made for what comes on one link. Beyond: the one of them unused longest goes.
const HOPS: usize = 128;
/// The same, for what comes from another relay: for all clients behind it.
const HOPS_OF_RELAY: usize = 4096;

/// The port of one link.
pub(crate) type Gate = Port<Item>;

/// How a relay runs, besides what its office is told.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// Networks that it connects to although they are not everybody's.
    pub(crate) networks: Vec<Network>,
    /// AUTH without TLS, and relays without certificates: for tests.
    pub(crate) insecure_plain_auth: bool,
    /// How long the host may think.
    pub(crate) answer_timeout: Duration,
    /// Connections in all. Beyond: one goes, see [`Member::worth`].
    pub(crate) connections: usize,
    /// Connections of clients from one address. Beyond: the one of them unused longest goes.
    pub(crate) connections_per_address: usize,
    /// A connection that is unused for so long is closed.
    pub(crate) idle: Option<Duration>,
}

/// One relay of an engine.
pub(crate) struct Relay {
    pub(crate) context: Arc<Context>,
    options: Running,
    seats: Seats,
    office: Mutex<Office>,
    /// Work for the clerk.
    bell: Arc<Notify>,
    links: RwLock<Links>,
    /// Connections, by whose account they are on.
    places: Mutex<HashMap<Place, usize>>,
    hops: Hops,
    /// Octets of paths that its links remember. Beyond [`Memory::share`](crate::net::memory::Memory::share): they forget
    /// more.
    paths: AtomicUsize,
    tls: Option<Arc<Configured>>,
    source: Arc<Source>,
    users: Arc<dyn RelayUsers>,
    policy: Arc<dyn RelayPolicy>,
    started: Instant,
    runtime: Handle,
    pub(crate) counts: Counts,
    /// What its links have done, as far as they have said.
    past: Mutex<LinkCounts>,
    ended: AtomicBool,
    /// Links that have something to do, while it drains.
    busy: AtomicUsize,
    settled: Notify,
}

/// The links that are there.
#[derive(Default)]
struct Links {
    members: HashMap<LinkId, Arc<Member>>,
    /// Goes on under the same lock, so that who ends the relay sees all that came before.
    stage: Stage,
}

/// How far a relay is with its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Running,
    /// Nothing new begins. Connections come that are being made.
    Draining,
    /// All connections are closed, and none comes.
    Closing,
}

/// A link that is there, as others see it.
pub(super) struct Member {
    gate: Arc<Gate>,
    place: Option<Place>,
    is_relay: bool,
    /// It has got a URI.
    is_granted: AtomicBool,
    /// It has been told to make room.
    is_leaving: AtomicBool,
    /// When it was used last, in microseconds since the relay's start.
    used: AtomicU64,
}

/// On whose account a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// Of clients from there.
    Address(IpAddr),
    /// Of who is at this link: it was made for what came there.
    Link(LinkId),
}

impl Place {
    /// Relays that come to us are on nobody's account.
    fn new(peer: &Peer, address: Option<IpAddr>, way: &task::Way) -> Option<Self> {
        match way {
            task::Way::Accepted => {
                let address = address.filter(|_| *peer == Peer::Client);
                address.map(|address| Self::Address(site(address)))
            }
            task::Way::Dialled { from, .. } => Some(Self::Link(*from)),
        }
    }
}

impl Member {
    /// Which connection goes first to make room: one that has no URI of ours and does not lead to a relay, such as each that
    /// we made to a next hop; then the one unused longest.
    fn worth(&self) -> (bool, u64) {
        let is_known = self.is_relay || self.is_granted.load(Relaxed);
        (is_known, self.used.load(Relaxed))
    }
}

/// What a relay counts besides its links and its office.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections to next hops that were made.
    pub(crate) dialled: AtomicU64,
    /// Those that could not be made, or were refused.
    pub(crate) dials_failed: AtomicU64,
    /// Connections that came.
    pub(crate) accepted: AtomicU64,
    /// Connections closed to make room for others, or unused for too long.
    pub(crate) evicted: AtomicU64,
}

/// What a relay is made of.
pub(crate) struct Parts {
    pub(crate) running: Running,
    pub(crate) link_options: LinkOptions,
    pub(crate) office: Office,
    pub(crate) tls: Option<Arc<Configured>>,
    pub(crate) users: Arc<dyn RelayUsers>,
    pub(crate) policy: Arc<dyn RelayPolicy>,
}

impl Relay {
    /// A relay without connections. To be called in the engine's runtime.
    pub(crate) fn start(context: &Arc<Context>, parts: Parts) -> Arc<Self> {
        let relay = Arc::new(Self {
            context: Arc::clone(context),
            options: parts.running,
            seats: Seats::new(Arc::new(parts.link_options)),
            office: Mutex::new(parts.office),
            bell: Arc::default(),
            links: RwLock::default(),
            places: Mutex::default(),
            hops: Hops::default(),
            paths: AtomicUsize::new(0),
            tls: parts.tls,
            source: Source::new(Default::default(), None),
            users: parts.users,
            policy: parts.policy,
            started: Instant::now(),
            runtime: Handle::current(),
            counts: Counts::default(),
            past: Mutex::default(),
            ended: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            settled: Notify::new(),
        });
        let bell = Arc::clone(&relay.bell);
        tokio::spawn(clerk::run(Arc::downgrade(&relay), bell));
        relay
    }

    /// The TLS configuration of its listeners and next hops.
    pub(crate) fn tls(&self) -> Option<&Arc<Configured>> {
        self.tls.as_ref()
    }

    /// A listener is there, whose URIs have this port.
    pub(crate) fn listens(&self, port: u16, secure: bool) {
        self.office.lock().listens(port, secure);
    }

    /// Serves a connection that came to a listener.
    pub(crate) fn accepted(
        self: &Arc<Self>,
        connected: Connected,
        origin: &Origin,
        transport: Transport,
    ) {
        self.counts.accepted.fetch_add(1, Relaxed);
        let certificate = origin.certificate.as_deref();
        let peer = self.identify(connected.inbox.id(), certificate, origin.proof);
        let gate = Arc::new(Gate::new(LinkId(connected.inbox.id())));
        task::Task::spawn(self, connected, transport, peer, gate, task::Way::Accepted);
    }

    /// Who a certificate says that a peer is (RFC 4976 §6.3): the relay of all names that it proves, if there are some.
    fn identify(&self, connection: u64, certificate: Option<&[u8]>, proof: PeerProof) -> Peer {
        match self.proved(connection, None, certificate, proof) {
            Some(names) => Peer::Relay(names),
            None => Peer::Client,
        }
    }

    /// What names of a relay are proved: each dNSName of its certificate that is one host's, after the one that we
    /// connected to. Addresses count where relays may be named by them.
    fn proved(
        &self,
        connection: u64,
        dialled: Option<&Host>,
        certificate: Option<&[u8]>,
        proof: PeerProof,
    ) -> Option<RelayNames> {
        let certificate = match proof {
            PeerProof::Ca | PeerProof::CaAndName => certificate,
            PeerProof::Fingerprint | PeerProof::Nothing => None,
        };
        let takes_addresses = self.office.lock().options().numeric_hosts;
        let mut certified = certificate.map(hosts).unwrap_or_default();
        certified.retain(|host| takes_addresses || host.ip().is_none());
        let all = dialled.into_iter().chain(&certified).map(Host::to_string);
        let names = RelayNames::new(all)?;
        let (log, relay) = (&self.context.log, &names);
        log.connection(
            LogLevel::Info,
            connection,
            format_args!("is the relay {relay}"),
        );
        if let Some(further) = certified.iter().find(|host| !names.has(&host.to_string())) {
            let text = format_args!(
                "{} names of its certificate count, {further} and what follows do not",
                RelayNames::MOST
            );
            log.connection(LogLevel::Warn, connection, text);
        }
        Some(names)
    }

    /// Microseconds from the relay's start to then.
    fn uptime(&self, now: Instant) -> u64 {
        let time = now.saturating_duration_since(self.started);
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    }

    /// The port of a link.
    fn gate(&self, link: LinkId) -> Option<Arc<Gate>> {
        let links = self.links.read();
        links
            .members
            .get(&link)
            .map(|member| Arc::clone(&member.gate))
    }

    /// A link is there. None when the relay is to end: it does not count, and has to go; but one that was being dialled
    /// is waited for, with what it is to send.
    fn came(
        &self,
        peer: &Peer,
        gate: &Arc<Gate>,
        place: Option<Place>,
        is_dialled: bool,
    ) -> Option<Arc<Member>> {
        let member = Arc::new(Member {
            gate: Arc::clone(gate),
            place,
            is_relay: matches!(peer, Peer::Relay(_)),
            is_granted: AtomicBool::new(false),
            is_leaving: AtomicBool::new(false),
            used: AtomicU64::new(self.uptime(Instant::now())),
        });
        let is_crowded = place.is_some_and(|place| self.is_crowded(place));
        let (least, stage) = {
            let mut links = self.links.write();
            let is_late = match links.stage {
                Stage::Running => false,
                Stage::Draining => !is_dialled,
                Stage::Closing => true,
            };
            if is_late {
                drop(links);
                if let Some(place) = place {
                    self.leave(place);
                }
                return None;
            }
            let least = |among: &dyn Fn(&Member) -> bool| {
                let stays = |member: &Member| !member.is_leaving.load(Relaxed);
                let members = links.members.values().filter(|it| stays(it) && among(it));
                members.min_by_key(|member| member.worth()).cloned()
            };
            let least = if is_crowded {
                least(&|member| member.place == place)
            } else if links.members.len() >= self.options.connections {
                least(&|_| true)
            } else {
                None
            };
            if let Some(least) = &least {
                least.is_leaving.store(true, Relaxed);
            }
            links.members.insert(gate.id(), Arc::clone(&member));
            if links.stage == Stage::Draining {
                self.busy.fetch_add(1, Relaxed);
            }
            (least, links.stage)
        };
        if stage == Stage::Draining {
            gate.push(&mut vec![Item::Drain]);
        }
        if let Some(least) = least {
            self.counts.evicted.fetch_add(1, Relaxed);
            let text = "unused longest, it makes room for others".to_owned();
            least.gate.push(&mut vec![Item::Close(text)]);
        }
        if let Peer::Relay(names) = peer {
            self.hops.relay_came(names, gate);
        }
        Some(member)
    }

    fn strain(&self) -> Strain {
        let memory = &self.context.memory;
        Strain {
            is_memory_short: memory.is_short(),
            are_paths_scarce: self.paths.load(Relaxed) > memory.share(),
        }
    }

    /// A link has done so much more.
    fn count(&self, counts: LinkCounts) {
        *self.past.lock() += counts;
    }

    /// A link is gone.
    fn gone(&self, gate: &Arc<Gate>, peer: &Peer, key: Option<&Key>, counts: LinkCounts) {
        let lost = self.hops.gone(peer, key, gate);
        self.count(counts);
        {
            let mut office = self.office.lock();
            office.link_gone(gate.id());
            for name in &lost {
                office.relay_gone(name);
            }
        }
        let member = self.links.write().members.remove(&gate.id());
        if let Some(place) = member.and_then(|member| member.place) {
            self.leave(place);
        }
        self.settled.notify_waiters();
    }

    /// Counts one more there, and says whether these are too many.
    fn is_crowded(&self, place: Place) -> bool {
        let most = match place {
            Place::Address(_) => self.options.connections_per_address,
            Place::Link(from) => match self.links.read().members.get(&from) {
                Some(member) if member.is_relay => HOPS_OF_RELAY,
                _ => HOPS,
            },
        };
        let mut places = self.places.lock();
        let count = places.entry(place).or_default();
        *count += 1;
        *count > most
    }

    /// Counts one less.
    fn leave(&self, place: Place) {
        let mut places = self.places.lock();
        if let Entry::Occupied(mut count) = places.entry(place) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// What is not delivered goes back to those who sent it.
    fn send_back(&self, items: Vec<Item>, status: Option<StatusCode>) {
        let mut parked = Parked::default();
        for item in items {
            if let Item::Forward(forward) = item {
                parked.push(forward);
            }
        }
        let mut batches: HashMap<LinkId, Vec<Item>> = HashMap::new();
        for backward in parked.refuse(status) {
            let batch = batches.entry(backward.link()).or_default();
            batch.push(Item::Backward(backward));
        }
        for (link, mut batch) in batches {
            if let Some(gate) = self.gate(link) {
                gate.push(&mut batch);
            }
        }
    }

    /// Whether it is to end.
    pub(crate) fn is_draining(&self) -> bool {
        self.links.read().stage > Stage::Running
    }

    /// Takes nothing new from now on.
    pub(crate) fn stop(&self) {
        drop(self.enter(Stage::Draining));
    }

    /// Ends the relay: no new URIs and connections from now on, what is under way, and connections that are being
    /// made, is finished until the deadline, then
    /// all connections are closed. Said again, the earliest deadline counts.
    ///
    /// # Cancel safety
    /// The relay stays as it is: it takes nothing new.
    pub(crate) async fn drain(&self, deadline: Instant) {
        let links = self.enter(Stage::Draining);
        // Counted down by each that has nothing to do.
        self.busy.fetch_add(links.len() + 1, Relaxed);
        for gate in &links {
            let mut batch = vec![Item::Drain];
            gate.push(&mut batch);
            if !batch.is_empty() {
                self.less_busy();
            }
        }
        self.less_busy();
        let quiet = async {
            loop {
                let settled = self.settled.notified();
                // A link that was dialled is busy before its dial has ended.
                if !self.hops.are_dialled() && self.busy.load(Relaxed) == 0 {
                    return;
                }
                settled.await;
            }
        };
        // Beyond the deadline it ends all the same.
        let _ = tokio::time::timeout_at(deadline.into(), quiet).await;
        self.close();
        self.wait_disconnected().await;
        self.ended.store(true, Relaxed);
        self.settled.notify_waiters();
    }

    /// Waits until [`drain`](Self::drain) has come to its end.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn wait_ended(&self) {
        loop {
            let settled = self.settled.notified();
            if self.ended.load(Relaxed) {
                return;
            }
            settled.await;
        }
    }

    /// Closes all connections. Who waits for one that is being made is told before.
    fn close(&self) {
        let gates = self.enter(Stage::Closing);
        self.send_back(self.hops.give_up(), Some(StatusCode::TIMEOUT));
        self.context.relieve_senders();
        for gate in gates {
            gate.push(&mut vec![Item::Close("the relay ends".to_owned())]);
        }
    }

    /// Waits until no connection is left.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    async fn wait_disconnected(&self) {
        loop {
            let settled = self.settled.notified();
            if self.links.read().members.is_empty() {
                return;
            }
            settled.await;
        }
    }

    /// Goes on to this stage, if it was not reached before. Gives the ports of the links that have come until then.
    fn enter(&self, stage: Stage) -> Vec<Arc<Gate>> {
        let mut links = self.links.write();
        links.stage = links.stage.max(stage);
        links
            .members
            .values()
            .map(|member| Arc::clone(&member.gate))
            .collect()
    }

    /// A link has nothing to do any more.
    fn less_busy(&self) {
        if self.busy.fetch_sub(1, Relaxed) == 1 {
            self.settled.notify_waiters();
        }
    }

    /// Ends all URIs of a user; gives how many there were.
    pub(crate) fn revoke(&self, user: &str) -> usize {
        self.office.lock().revoke(user)
    }

    /// What its links have done, how many there are, and what its office has decided.
    pub(crate) fn figures(&self) -> (LinkCounts, usize, OfficeCounts) {
        let links = self.links.read().members.len();
        (*self.past.lock(), links, self.office.lock().counts())
    }

    /// Where the peer of a connection is.
    fn address(transport: &Transport) -> Option<IpAddr> {
        let (_, peer) = transport.addresses().ok()?;
        Some(peer.ip().to_canonical())
    }
}

impl Drop for Relay {
    /// Its clerk goes home.
    fn drop(&mut self) {
        self.bell.notify_one();
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("links", &self.links.read().members.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
