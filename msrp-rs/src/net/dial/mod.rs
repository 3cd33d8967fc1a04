//! Connecting to a peer (RFC 4975 §5.4, §6.2).
//!
//! A session gets a connection that is there and may be shared (`pool`), or a new one: its turn is waited for
//! (`throttle`), the host's name resolved (`resolve`), its addresses tried in an order that loses little time (`race`),
//! each after the host's word (`check`) and from where the session dials (`source`). What the connection then carries is
//! the driver's.
//!
//! The relay that a session logs in to is found by its service records (`service`), and reached at the first of its
//! servers that will do (`relay`, RFC 4976 §8).

mod check;
mod pool;
pub(crate) mod race;
mod relay;
mod service;
mod source;
mod throttle;
mod uplink;

pub(crate) use check::{Check, Function};
pub(crate) use relay::{Secure, at_server, relay};
pub(crate) use service::Authority;
pub use service::SrvRecord;
pub(crate) use source::Source;
pub(crate) use uplink::{Target, Uplink, uplink};

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::context::{Connected, Context};
use super::driver::{Driver, Keep};
use super::log::LogLevel;
use super::question::Questions;
use super::registry::{Bind, Claim, Entry, Origin, Way};
use super::resolve::Names;
use super::socket::PeerSocket;
use super::tls::certificate::PeerProof;
use super::tls::verify::Pins;
use super::tls::{Tls, handshake};
use super::transport::Transport;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::mutant::{self, Mutant};
use crate::wire::{Host, Uri};
use pool::{Key, Pool, Shared};
use race::Race;
use throttle::{Throttle, Turn};

/// Which connection a session gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// One of its own.
    Alone,
    /// One that is there, or a new one that further sessions may share.
    Shared,
    /// A new one that further sessions may share: the one that was there is lost.
    Afresh,
}

/// What an engine needs to dial.
pub(crate) struct Dialler {
    throttle: Throttle,
    pool: Pool,
    /// Who turns names into addresses.
    pub(crate) names: Names,
    check: Check,
    /// What hosts were asked and have not answered.
    pub(crate) questions: Questions,
}

impl Dialler {
    /// Nothing was dialled yet.
    pub(crate) fn new(limits: &Limits, names: Names, check: Check) -> Self {
        Self {
            throttle: Throttle::new(limits),
            pool: Pool::default(),
            names,
            check,
            questions: Questions::default(),
        }
    }
}

/// Whom a session is connected to.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    /// The first URI of the remote path.
    pub(crate) uri: Uri,
    /// Whether it is a relay: the peer is behind it.
    pub(crate) is_relay: bool,
}

/// Connects the session to the first URI of its remote path, as this exchange of SDP says, or puts it on a connection
/// that is there and may be shared. When this returns, a driver has the session.
///
/// # Errors
/// `InvalidUri` for a URI that cannot be dialled, `Connect`, `Tls`.
///
/// # Cancel safety
/// A dial that is given up leaves nothing behind.
pub(crate) async fn connect(
    context: &Arc<Context>,
    entry: &Arc<Entry>,
    hop: &Hop,
    sharing: Sharing,
    source: &Arc<Source>,
    exchange: u64,
) -> Result<()> {
    let Hop { uri: hop, is_relay } = hop;
    let Some(port) = hop.port() else {
        let text = "the first URI of the remote path has no port";
        return Err(Error::local(ErrorKind::InvalidUri, text));
    };
    let secure = hop.is_secure() && !mutant::on(Mutant::CleartextDialled);
    let tls = secure.then(|| entry.tls().cloned()).flatten();
    if secure && tls.is_none() {
        let text = "the remote path is msrps and the session has no TLS configuration";
        return Err(Error::local(ErrorKind::Tls, text));
    }
    let via = entry.via();
    let peer = Peer {
        named: (hop.host(), port),
        host: via.as_ref().map_or_else(|| hop.host(), |(host, _)| host),
        port: via.as_ref().map_or(port, |(_, port)| *port),
    };
    // A certificate that one SDP vouches for proves nothing to another session.
    let share = sharing != Sharing::Alone && !entry.is_pinned() && !mutant::on(Mutant::NeverShared);
    let place = share.then(|| {
        context.dialler.pool.place(Key {
            host: hop.host().clone(),
            port,
            via: via.clone(),
            tls: tls.as_ref().map(|tls| Arc::as_ptr(tls).addr()),
            account: None,
            source: Arc::clone(source),
        })
    });
    // Where a connection that is there is good enough.
    let reused = place.as_ref().filter(|_| sharing == Sharing::Shared);
    let may_use = |address| peer.is_allowed(context, &**entry, source, address);
    // Asked before others have to wait for the answer.
    let asked = match reused.and_then(|place| place.shared()) {
        Some(Shared { address, .. }) => Some((address, may_use(address).await)),
        None => None,
    };
    let _gate = match reused {
        Some(place) => Some(place.gate.lock().await),
        None => None,
    };
    if let Some(place) = reused
        && let Some(Shared { inbox, address, .. }) = place.shared()
        && match asked {
            Some((of, allowed)) if of == address => allowed,
            _ => may_use(address).await,
        }
        && entry.bind_to(&inbox, Claim::Shared, exchange) != Bind::ConnectionClosed
    {
        let text = format_args!("shared by another session");
        context.log.connection(LogLevel::Debug, inbox.id(), text);
        return Ok(());
    }
    let connected = context.enter();
    let (secured, address) = {
        // Under way until the connection can be used.
        let time = time(context, source);
        let reached = peer.reach(context, &**entry, source, time).await?;
        let stream = reached.stream;
        let pins = || entry.pins();
        let secured = peer.secure(context, stream, tls.as_ref(), pins, !is_relay);
        (secured.await?, reached.address)
    };
    let inbox = Arc::clone(&connected.inbox);
    if entry.bind_to(&inbox, Claim::Own, exchange) == Bind::Bound {
        let text = format_args!("dialled {address}");
        context.log.connection(LogLevel::Debug, inbox.id(), text);
        if let Some(place) = &place {
            place.share(Shared {
                inbox,
                address,
                local: None,
            });
        }
        let keep = Keep {
            idle: source.options().idle,
            unused: match is_relay {
                true => context.limits.foreign_relay_kept,
                false => Duration::ZERO,
            },
            account: None,
        };
        spawn(connected, tls, secured, keep);
    }
    Ok(())
}

fn spawn(
    connected: Connected,
    tls: Option<Arc<Tls>>,
    (transport, proof): Secured,
    keep: impl Into<Keep>,
) {
    let from = Origin {
        way: Way::Dialled(tls),
        certificate: transport.peer_certificate(),
        proof,
    };
    Driver::spawn(connected, from, transport, keep);
}

/// On whose behalf is dialled.
pub(crate) trait Client: Sync {
    /// The addresses of a name, at least one, as they are to be tried.
    ///
    /// # Cancel safety
    /// Nobody waits for the answer any more.
    fn addresses(
        &self,
        context: &Context,
        name: &str,
    ) -> impl Future<Output = Result<Vec<IpAddr>>> + Send;

    /// The service records of a name; none if it has none.
    ///
    /// # Cancel safety
    /// As [`addresses`](Self::addresses).
    fn records(
        &self,
        context: &Context,
        name: &str,
    ) -> impl Future<Output = Result<Vec<SrvRecord>>> + Send;

    /// Whether `address` of `host` may be dialled. No bound on the time is set here.
    ///
    /// # Cancel safety
    /// Nobody waits for the answer any more.
    fn allows(
        &self,
        context: &Context,
        host: &Host,
        address: SocketAddr,
    ) -> impl Future<Output = bool> + Send;
}

impl Client for Entry {
    async fn addresses(&self, context: &Context, name: &str) -> Result<Vec<IpAddr>> {
        let Dialler {
            names, questions, ..
        } = &context.dialler;
        (names.addresses(&context.limits, questions, self.mailbox(), name)).await
    }

    async fn records(&self, context: &Context, name: &str) -> Result<Vec<SrvRecord>> {
        let Dialler {
            names, questions, ..
        } = &context.dialler;
        (names.records(&context.limits, questions, self.mailbox(), name)).await
    }

    async fn allows(&self, context: &Context, host: &Host, address: SocketAddr) -> bool {
        let Dialler {
            check, questions, ..
        } = &context.dialler;
        (check.allows(questions, self.mailbox(), host, address)).await
    }
}

/// Who is dialled: as the URI says, or where a middlebox stands that leads there (RFC 6714).
#[derive(Clone, Copy)]
pub(crate) struct Peer<'a> {
    /// Host and port of the URI, whoever is dialled.
    pub(crate) named: (&'a Host, u16),
    pub(crate) host: &'a Host,
    pub(crate) port: u16,
}

impl std::fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A connection that may be used, and what is proven of the peer.
type Secured = (Transport, PeerProof);

/// A connection that was made.
pub(crate) struct Reached {
    pub(crate) stream: TcpStream,
    pub(crate) address: SocketAddr,
    _turns: (Turn, OwnedSemaphorePermit, Option<Turn>),
}

impl Peer<'_> {
    /// The TLS handshake, if there is to be one; with `pins`, if the peer's SDP names its certificate. Without `is_shown`
    /// a certificate of ours is not shown: a relay is not the peer (RFC 4976 §9.2).
    async fn secure(
        &self,
        context: &Context,
        stream: TcpStream,
        tls: Option<&Arc<Tls>>,
        pins: impl FnOnce() -> Option<Arc<Pins>>,
        is_shown: bool,
    ) -> Result<Secured> {
        let failed = |error: std::io::Error| {
            Error::transport(ErrorKind::Connect, format!("socket to {self}: {error}"))
        };
        let stream = PeerSocket::new(stream).map_err(failed)?;
        let Some(tls) = tls else {
            return Ok((Transport::tcp(stream), PeerProof::Nothing));
        };

        // Whoever stands at the address, the peer is the one that the path names (RFC 6714 §7.4), or the URI of the relay
        // (RFC 4976 §9.2).
        let place = mutant::swap(Mutant::CemaNameChecked, self.named, || {
            (self.host, self.port)
        });
        let limit = context.limits.tls_handshake;
        let established = match is_shown {
            true => handshake::connect(tls, place, pins(), stream, limit).await?,
            false => handshake::connect_unnamed(tls, place, pins(), stream, limit).await?,
        };
        tls.count(&context.memory);
        Ok((Transport::tls(established.stream), established.proof))
    }

    /// Whether the session's host lets it use a connection to `address`.
    async fn is_allowed(
        &self,
        context: &Context,
        client: &impl Client,
        source: &Source,
        address: SocketAddr,
    ) -> bool {
        let asked = client.allows(context, self.host, address);
        tokio::time::timeout(time(context, source), asked)
            .await
            .unwrap_or(false)
    }

    /// Connects to one of the addresses, within `time` from its turn.
    ///
    /// # Errors
    /// `Connect`, with what was tried.
    ///
    /// # Cancel safety
    /// A dial that is given up leaves nothing behind.
    pub(crate) async fn reach(
        &self,
        context: &Context,
        client: &impl Client,
        source: &Source,
        time: Duration,
    ) -> Result<Reached> {
        let dialler = &context.dialler;
        let mut turn = Some(dialler.throttle.turn(self.host, self.port).await?);
        let deadline = Instant::now() + time;
        let late = |text: &dyn std::fmt::Display| {
            let text = format!("cannot connect to {self} within {time:?}: {text}");
            Error::transport(ErrorKind::Connect, text)
        };
        let failed = |text: &dyn std::fmt::Display| {
            let text = format!("cannot connect to {self}: {text}");
            Error::transport(ErrorKind::Connect, text)
        };
        let (addresses, of_name) = match (self.host, self.host.ip()) {
            (Host::Name(name), _) => {
                let name = &mutant::swap(Mutant::PortResolved, name.clone(), || self.to_string());
                let asked = client.addresses(context, name);
                let addresses = timeout_at(deadline, asked)
                    .await
                    .map_err(|_| late(&"its name is not resolved"))??;
                (addresses, turn.take())
            }
            (_, address) => (Vec::from_iter(address), None),
        };
        let port = mutant::swap(Mutant::PortAssumed, self.port, || 2855);
        let fitting = |address: &IpAddr| source.reaches(*address);
        let addresses: Vec<SocketAddr> = (addresses.into_iter().filter(fitting))
            .map(|address| (address, port).into())
            .collect();
        if addresses.is_empty() {
            return Err(failed(&"none of its addresses is of the source's family"));
        }
        let mut race = Race::new(addresses, self.host.ip().is_none());
        let attempt = |address| self.attempt(context, client, source, address, turn.take());
        match timeout_at(deadline, race.run(attempt)).await {
            Ok(Some(Attempt {
                stream,
                address,
                turns: (of_address, of_all),
            })) => Ok(Reached {
                stream,
                address,
                _turns: (of_address, of_all, of_name),
            }),
            Ok(None) => Err(failed(&race)),
            Err(_) => Err(late(&race)),
        }
    }

    /// Tries one address; its turn is waited for unless it is given.
    async fn attempt(
        &self,
        context: &Context,
        client: &impl Client,
        source: &Source,
        address: SocketAddr,
        turn: Option<Turn>,
    ) -> std::result::Result<Attempt, String> {
        let throttle = &context.dialler.throttle;
        let ip = address.ip();
        // The system would take the wildcard for this machine.
        if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err("no address of a host".into());
        }
        let ended = |error: Error| error.context;
        let of_address = match turn {
            Some(turn) => turn,
            None => {
                let host = Host::from(ip);
                let turn = throttle.turn(&host, self.port);
                turn.await.map_err(ended)?
            }
        };
        if !client.allows(context, self.host, address).await {
            return Err("refused by the host".into());
        }
        let of_all = throttle.turn_of_all().await.map_err(ended)?;
        let stream = source.connect(address).await?;
        Ok(Attempt {
            stream,
            address,
            turns: (of_address, of_all),
        })
    }
}

/// One address that was connected to.
struct Attempt {
    stream: TcpStream,
    address: SocketAddr,
    turns: (Turn, OwnedSemaphorePermit),
}

/// How long reaching a peer may take.
pub(crate) fn time(context: &Context, source: &Source) -> Duration {
    let limit = context.limits.connect;
    let wished = source.options().connect_timeout;
    wished.map_or(limit, |wished| wished.min(limit))
}
