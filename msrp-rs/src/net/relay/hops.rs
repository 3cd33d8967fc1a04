//! Next hops: which connection leads where, and making those that are missing (RFC 4976 §3, §6.4.2).
//!
//! A connection that is there is used. A new one is made to the authority of a URI in To-Path alone, never to a
//! From-Path and never to a client of ours. Each address is judged before it is dialled: by its range, then by the
//! host. What is to be sent waits at the port of the link to be, and comes back as failed if there will be none.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::host::{self, RelayAnswer, RelayNextHop};
use super::network;
use super::task::{Task, Way};
use super::{Gate, Item, Relay};
use crate::error::{Error, ErrorKind, Result};
use crate::net::context::{Connected, Context};
use crate::net::dial::race::interleave;
use crate::net::dial::{Authority, Client, Peer as Target, Secure, SrvRecord, at_server};
use crate::net::log::LogLevel;
use crate::net::resolve::SystemResolver;
use crate::net::socket::PeerSocket;
use crate::net::tls::handshake;
use crate::net::transport::Transport;
use crate::role::relay::{Hop, Leg, LinkId, Peer, RelayNames};
use crate::wire::{Host, StatusCode, Uri};

/// How long a next hop that could not be reached is not dialled again.
const RESPITE: Duration = Duration::from_secs(1);
/// Next hops that are remembered for that.
const REMEMBERED: usize = 1024;
/// Connections that are being made for what came on one link.
const DIALS_PER_LINK: usize = 16;
/// Connections that are being made in all.
const DIALS: usize = 1024;

/// Where a connection leads that we have made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    host: Host,
    /// None where the service of the host is meant: in a login that passes through us (RFC 4976 §8).
    port: Option<u16>,
    secure: bool,
    /// It has to be a relay.
    relay: bool,
}

/// The next hops of a relay.
#[derive(Default)]
pub(super) struct Hops {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Connections that we made, also those that are being made.
    made: HashMap<Key, Arc<Gate>>,
    /// Connections to relays by each of their names, whoever made them, oldest first.
    relays: HashMap<Arc<str>, Vec<Arc<Gate>>>,
    failed: HashMap<Key, (Instant, StatusCode)>,
    /// By the link for which they are made.
    dialling: HashMap<LinkId, usize>,
    dials: usize,
}

/// Where something goes.
pub(super) enum Found {
    Gate(Arc<Gate>),
    /// Nowhere, for this reason; without one, for the one that [`Hop::gone`] says.
    Nowhere(Option<StatusCode>),
}

impl Hops {
    /// A link to a relay is there.
    pub(super) fn relay_came(&self, names: &RelayNames, gate: &Arc<Gate>) {
        let mut state = self.state.lock();
        for name in names.iter() {
            let gates = state.relays.entry(Arc::clone(name)).or_default();
            gates.push(Arc::clone(gate));
        }
    }

    /// A link is gone. Gives the names of relays to which it was the last one.
    pub(super) fn gone(&self, peer: &Peer, key: Option<&Key>, gate: &Arc<Gate>) -> Vec<Arc<str>> {
        let mut state = self.state.lock();
        if let Some(key) = key {
            state.forget(key, gate);
        }
        let Peer::Relay(names) = peer else {
            return Vec::new();
        };
        let mut lost = Vec::new();
        for name in names.iter() {
            let Some(gates) = state.relays.get_mut(name) else {
                continue;
            };
            gates.retain(|other| !Arc::ptr_eq(other, gate));
            if gates.is_empty() {
                state.relays.remove(name);
                lost.push(Arc::clone(name));
            }
        }
        lost
    }

    /// Whether connections are being made.
    pub(super) fn are_dialled(&self) -> bool {
        self.state.lock().dials > 0
    }

    /// Nothing waits any more for connections that are being made; gives what has.
    pub(super) fn give_up(&self) -> Vec<Item> {
        let state = self.state.lock();
        let gates = state.made.values();
        gates.flat_map(|gate| gate.give_up()).collect()
    }
}

impl State {
    fn forget(&mut self, key: &Key, gate: &Arc<Gate>) {
        if self
            .made
            .get(key)
            .is_some_and(|made| Arc::ptr_eq(made, gate))
        {
            self.made.remove(key);
        }
    }

    /// An open connection to the relay of this name.
    fn relay(&self, name: &str) -> Option<Arc<Gate>> {
        let gates = self.relays.get(name)?;
        gates.iter().find(|gate| !gate.is_closed()).cloned()
    }

    fn dial_ended(&mut self, link: LinkId) {
        self.dials -= 1;
        if let Some(count) = self.dialling.get_mut(&link) {
            *count -= 1;
            if *count == 0 {
                self.dialling.remove(&link);
            }
        }
    }
}

impl Relay {
    /// The port of the link over which requests of this leg go, as they come on `from`.
    pub(super) fn find(self: &Arc<Self>, now: Instant, from: LinkId, leg: &Leg) -> Found {
        match &leg.hop {
            Hop::Link(id) => {
                let gate = self.gate(*id);
                gate.map_or(Found::Nowhere(None), Found::Gate)
            }
            Hop::Relay(name) => {
                if let Some(gate) = self.hops.state.lock().relay(name) {
                    return Found::Gate(gate);
                }
                // A URI of that relay is next: where it stands, it can be reached.
                match first(&leg.to_path) {
                    Some(uri) if uri.host().to_string() == **name => {
                        self.find_uri(now, from, &uri, true)
                    }
                    _ => Found::Nowhere(None),
                }
            }
            Hop::Uri { uri, relay } => self.find_uri(now, from, uri, *relay),
        }
    }

    fn find_uri(self: &Arc<Self>, now: Instant, from: LinkId, uri: &Uri, relay: bool) -> Found {
        let key = Key {
            host: uri.host().clone(),
            port: uri.port(),
            secure: uri.is_secure(),
            relay,
        };
        // Relays trust each other by their certificates (RFC 4976 §9.2).
        if relay && !key.secure && !self.options.insecure_plain_auth {
            return Found::Nowhere(Some(StatusCode::FORBIDDEN));
        }
        let mut state = self.hops.state.lock();
        if relay
            && key.secure
            && let Some(gate) = state.relay(&key.host.to_string())
        {
            return Found::Gate(gate);
        }
        if let Some(gate) = state.made.get(&key)
            && !gate.is_closed()
        {
            return Found::Gate(Arc::clone(gate));
        }
        if self.is_draining() {
            return Found::Nowhere(None);
        }
        match state.failed.get(&key) {
            Some((until, status)) if now < *until => return Found::Nowhere(Some(*status)),
            Some(_) => drop(state.failed.remove(&key)),
            None => {}
        }
        let own = state.dialling.get(&from).copied().unwrap_or_default();
        if own >= DIALS_PER_LINK || state.dials >= DIALS {
            return Found::Nowhere(None);
        }
        *state.dialling.entry(from).or_default() += 1;
        state.dials += 1;
        let connected = self.context.enter();
        let link = LinkId(connected.inbox.id());
        let gate = Arc::new(Gate::dialling(link, &self.context.memory));
        state.made.insert(key.clone(), Arc::clone(&gate));
        drop(state);
        let dial = Dial {
            relay: Arc::clone(self),
            key,
            from,
            gate: Arc::clone(&gate),
        };
        self.runtime.spawn(dial.run(connected));
        Found::Gate(gate)
    }
}

/// The first URI of a path.
fn first(path: &Bytes) -> Option<Uri> {
    let text = std::str::from_utf8(path).ok()?;
    text.split(' ').next()?.parse().ok()
}

/// A connection that is being made.
struct Dial {
    relay: Arc<Relay>,
    key: Key,
    from: LinkId,
    gate: Arc<Gate>,
}

impl Dial {
    async fn run(self, connected: Connected) {
        let asked = Asked {
            relay: &self.relay,
            key: &self.key,
            refused: AtomicBool::new(false),
        };
        let made = self.connect(&asked).await;
        let is_refused = asked.refused.load(Relaxed);
        let Self {
            relay,
            key,
            from,
            gate,
        } = self;
        match made {
            Ok((transport, peer)) => {
                let text = format_args!("dialled {key} as next hop");
                let log = &relay.context.log;
                log.connection(LogLevel::Debug, connected.inbox.id(), text);
                relay.counts.dialled.fetch_add(1, Relaxed);
                gate.open();
                relay.context.relieve_senders();
                let way = Way::Dialled { key, from };
                Task::spawn(&relay, connected, transport, peer, gate, way);
            }
            Err(error) => {
                let log = &relay.context.log;
                let text = format_args!("next hop: {}", error.context);
                log.connection(LogLevel::Info, connected.inbox.id(), text);
                relay.counts.dials_failed.fetch_add(1, Relaxed);
                let status = match is_refused {
                    true => StatusCode::FORBIDDEN,
                    false => StatusCode::TIMEOUT,
                };
                {
                    let mut state = relay.hops.state.lock();
                    state.forget(&key, &gate);
                    let until = Instant::now() + RESPITE;
                    if state.failed.len() >= REMEMBERED {
                        state.failed.clear();
                    }
                    state.failed.insert(key, (until, status));
                }
                relay.send_back(gate.close(), Some(status));
                relay.context.relieve_senders();
            }
        }
        // Now the link is there that it was for, or those who wait know.
        relay.hops.state.lock().dial_ended(from);
        relay.settled.notify_waiters();
    }

    async fn connect(&self, asked: &Asked<'_>) -> Result<(Transport, Peer)> {
        let (context, key) = (&self.relay.context, &self.key);
        let authority = Authority {
            host: &key.host,
            port: key.port,
            secure: key.secure,
        };
        let source = &self.relay.source;
        let made = at_server(context, asked, authority, source, self).await?;
        Ok(made.0)
    }
}

impl Secure for Dial {
    type Made = (Transport, Peer);

    async fn secure(
        &self,
        context: &Context,
        target: Target<'_>,
        stream: TcpStream,
    ) -> Result<(Transport, Peer)> {
        let key = &self.key;
        let failed = |error: std::io::Error| {
            let text = format!("socket to {target}: {error}");
            Error::transport(ErrorKind::Connect, text)
        };
        let stream = PeerSocket::new(stream).map_err(failed)?;
        if !key.secure {
            return Ok((Transport::tcp(stream), Peer::Host));
        }
        let Some(tls) = &self.relay.tls else {
            let text = "the next hop is msrps and the relay has no TLS configuration";
            return Err(Error::local(ErrorKind::Tls, text));
        };
        let tls = tls.recent(&context.log).await;
        let limit = context.limits.tls_handshake;
        let established = handshake::connect(&tls, target.named, None, stream, limit).await?;
        let proof = established.proof;
        let transport = Transport::tls(established.stream);
        let certificate = transport.peer_certificate();
        let names = key.relay.then(|| {
            let id = self.gate.id().0;
            self.relay
                .proved(id, Some(&key.host), certificate.as_deref(), proof)
        });
        let peer = names.flatten().map_or(Peer::Host, Peer::Relay);
        Ok((transport, peer))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

/// Who is asked for names and addresses.
struct Asked<'a> {
    relay: &'a Relay,
    key: &'a Key,
    /// Whether an address was refused.
    refused: AtomicBool,
}

impl Client for Asked<'_> {
    async fn addresses(&self, context: &Context, name: &str) -> Result<Vec<IpAddr>> {
        // A host that resolves names does so for sessions; a relay has none.
        let resolver = context.dialler.names.resolver();
        let resolver = resolver.unwrap_or_else(|| Arc::new(SystemResolver::default()));
        let answer = host::call(|| RelayAnswer::Later(resolver.resolve(name)));
        let limits = &context.limits;
        let addresses = match host::wait(answer, limits.resolve).await {
            Some(Ok(addresses)) => interleave(addresses, limits.addresses),
            Some(Err(error)) => {
                let text = format!("cannot resolve {name}: {error}");
                return Err(Error::transport(ErrorKind::Connect, text));
            }
            None => Vec::new(),
        };
        match addresses.is_empty() {
            false => Ok(addresses),
            true => {
                let text = format!("cannot resolve {name}: no address");
                Err(Error::transport(ErrorKind::Connect, text))
            }
        }
    }

    async fn records(&self, context: &Context, name: &str) -> Result<Vec<SrvRecord>> {
        let resolver = context.dialler.names.resolver();
        let resolver = resolver.unwrap_or_else(|| Arc::new(SystemResolver::default()));
        let answer = host::call(|| RelayAnswer::Later(resolver.service(name)));
        let why = match host::wait(answer, context.limits.resolve).await {
            Some(Ok(records)) => return Ok(records),
            Some(Err(error)) => error.to_string(),
            None => "no answer".to_owned(),
        };
        let text = format!("cannot look up the service {name}: {why}");
        Err(Error::transport(ErrorKind::Connect, text))
    }

    fn allows(
        &self,
        context: &Context,
        host: &Host,
        address: SocketAddr,
    ) -> impl Future<Output = bool> + Send {
        let listed = &self.relay.options.networks;
        let is_listed = listed.iter().any(|network| network.contains(address.ip()));
        let why = network::refused(address.ip()).filter(|_| !is_listed);
        let wanted = RelayNextHop {
            host: host.to_string(),
            address,
            relay: self.key.relay,
            secure: self.key.secure,
        };
        let log = &context.log;
        async move {
            let is_allowed = match why {
                Some(why) => {
                    let text = format_args!("next hop {address} is refused: {why}");
                    log.write(LogLevel::Info, text);
                    false
                }
                None => {
                    let policy = &self.relay.policy;
                    let answer = host::call(|| policy.next_hop(&wanted));
                    let limit = self.relay.options.answer_timeout;
                    host::wait(answer, limit).await.unwrap_or(false)
                }
            };
            if !is_allowed {
                self.refused.store(true, Relaxed);
            }
            is_allowed
        }
    }
}
