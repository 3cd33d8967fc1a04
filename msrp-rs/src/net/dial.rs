//! Connecting to a peer (RFC 4975 §5.4, §6.2), and the connections that further sessions may share.
//!
//! Only a connection that we opened to an authority serves another session to the same authority, with the
//! same scheme and TLS configuration: what an accepted peer writes into its path proves nothing. Dials are
//! bounded per target and in all, and in their rate per target, since an SDP may aim them at a third party
//! (RFC 4975 §14.5).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_rustls::TlsConnector;

use super::context::{Connected, Context};
use super::driver::Driver;
use super::inbox::Inbox;
use super::log::LogLevel;
use super::registry::{Bind, Claim, Entry, Origin, Way};
use super::socket::PeerSocket;
use super::tls::Tls;
use super::transport::Transport;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::mutant::{self, Mutant};
use crate::wire::{Host, Uri};

/// Most time for one address while others are left to try.
const ADDRESS: Duration = Duration::from_secs(10);
/// Dials to one target beyond the first `BURST` have this distance.
const DISTANCE: Duration = Duration::from_millis(100);
const BURST: u32 = 10;
/// Targets that are remembered while nothing is connected to them.
const REMEMBERED: usize = 1024;

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

/// Who is dialled.
#[derive(Debug, PartialEq, Eq, Hash, Clone)]
struct Authority {
    host: Host,
    port: u16,
    /// The address in its stead that a middlebox gave (RFC 6714).
    via: Option<(Host, u16)>,
    /// The TLS configuration, by its address.
    tls: Option<usize>,
}

/// What is known of one target.
struct Target {
    dials: Semaphore,
    /// Held while a shared connection is looked for or made, so that there is one.
    gate: AsyncMutex<()>,
    shared: Mutex<Option<Arc<Inbox>>>,
    /// When the rate would be used up no more.
    free_at: Mutex<Instant>,
}

/// The targets of an engine.
pub(crate) struct Targets {
    dials: Semaphore,
    known: Mutex<HashMap<Authority, Arc<Target>>>,
}

impl Targets {
    /// None yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            dials: Semaphore::new(limits.dials.max(1)),
            known: Mutex::new(HashMap::new()),
        }
    }

    fn target(&self, limits: &Limits, authority: &Authority) -> Arc<Target> {
        let mut known = self.known.lock();
        if let Some(target) = known.get(authority) {
            return Arc::clone(target);
        }
        if known.len() >= REMEMBERED {
            known.retain(|_, target| Arc::strong_count(target) > 1 || target.is_connected());
        }
        let target = Arc::new(Target {
            dials: Semaphore::new(limits.dials_per_target.max(1)),
            gate: AsyncMutex::new(()),
            shared: Mutex::new(None),
            free_at: Mutex::new(Instant::now()),
        });
        known.insert(authority.clone(), Arc::clone(&target));
        target
    }
}

impl Authority {
    /// Where the socket goes. The certificate has to name `host` in any case.
    fn dialled(&self) -> (&Host, u16) {
        match &self.via {
            Some((host, port)) => (host, *port),
            None => (&self.host, self.port),
        }
    }
}

impl Target {
    fn is_connected(&self) -> bool {
        self.shared
            .lock()
            .as_ref()
            .is_some_and(|inbox| !inbox.is_closed())
    }

    /// When the next dial may start; counts it.
    fn next_start(&self, now: Instant) -> Instant {
        let mut free_at = self.free_at.lock();
        let start = free_at
            .checked_sub(DISTANCE * BURST)
            .filter(|_| !mutant::on(Mutant::DialsUnbounded))
            .map_or(now, |start| start.max(now));
        *free_at = (*free_at).max(now) + DISTANCE;
        start
    }
}

/// Connects the session to the first URI of its remote path, or puts it on a connection that is there and may
/// be shared. When this returns, a driver has the session.
///
/// # Errors
/// `InvalidUri` for a URI that cannot be dialled, `Connect`, `Tls`.
///
/// # Cancel safety
/// A dial that is given up leaves nothing behind.
pub(crate) async fn connect(
    context: &Arc<Context>,
    entry: &Arc<Entry>,
    hop: &Uri,
    sharing: Sharing,
) -> Result<()> {
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
    let authority = Authority {
        host: hop.host().clone(),
        port,
        via: entry.via(),
        tls: tls.as_ref().map(|tls| Arc::as_ptr(tls).addr()),
    };
    let target = context.targets.target(&context.limits, &authority);
    // A certificate that one SDP vouches for proves nothing to another session.
    let share =
        sharing != Sharing::Alone && entry.pins().is_none() && !mutant::on(Mutant::NeverShared);
    let reuse = share && sharing == Sharing::Shared;
    let _gate = if reuse {
        Some(target.gate.lock().await)
    } else {
        None
    };
    if reuse {
        let shared = target.shared.lock().clone();
        if let Some(inbox) = shared
            && entry.bind_to(&inbox, Claim::Shared) != Bind::ConnectionClosed
        {
            let text = format_args!("shared by another session");
            context.log.connection(LogLevel::Debug, inbox.id(), text);
            return Ok(());
        }
    }
    let connected = context.enter();
    let transport = dial(context, &target, &authority, entry, tls.as_ref()).await?;
    let inbox = Arc::clone(&connected.inbox);
    if entry.bind_to(&inbox, Claim::Own) == Bind::Bound {
        let text = format_args!("dialled");
        context.log.connection(LogLevel::Debug, inbox.id(), text);
        if share {
            *target.shared.lock() = Some(inbox);
        }
        spawn(connected, tls, transport);
    }
    Ok(())
}

fn spawn(connected: Connected, tls: Option<Arc<Tls>>, transport: Transport) {
    let from = Origin {
        way: Way::Dialled(tls),
        certificate: transport.peer_certificate(),
    };
    tokio::spawn(Driver::new(connected, from, transport));
}

async fn dial(
    context: &Context,
    target: &Target,
    authority: &Authority,
    entry: &Entry,
    tls: Option<&Arc<Tls>>,
) -> Result<Transport> {
    let closed = |_| Error::local(ErrorKind::Gone, "engine is shut down");
    let _of_target = target.dials.acquire().await.map_err(closed)?;
    let _of_engine = context.targets.dials.acquire().await.map_err(closed)?;
    tokio::time::sleep_until(target.next_start(Instant::now()).into()).await;
    let (host, port) = authority.dialled();
    let stream = reach(host, port).await?;
    let failed = |error: io::Error| {
        let text = format!("socket to {host}:{port}: {error}");
        Error::transport(ErrorKind::Connect, text)
    };
    let stream = PeerSocket::new(stream).map_err(failed)?;
    let Some(tls) = tls else {
        return Ok(Transport::tcp(stream));
    };

    // Whoever stands at the address, the peer is the one that the path names (RFC 6714 §7.4).
    let named = mutant::swap(Mutant::CemaNameChecked, &authority.host, || host);
    let name = tls.name_for(named)?;
    let pins = entry.pins();
    let config = match &pins {
        Some(pins) => tls.client_for(Arc::clone(pins))?,
        None => tls.client(),
    };
    let handshake = TlsConnector::from(config).connect(name, stream);
    let limit = context.limits.tls_handshake;
    let refused = |text: String| {
        let text = format!("TLS with {}:{}: {text}", authority.host, authority.port);
        Error::transport(ErrorKind::Tls, text)
    };
    match tokio::time::timeout(limit, handshake).await {
        Ok(Ok(stream)) => Ok(Transport::tls(stream.into())),
        Ok(Err(error)) if pins.is_some() => Err(refused(format!(
            "{error} (the certificate must match the SDP's fingerprint)"
        ))),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(_) => Err(refused(format!("no handshake within {limit:?}"))),
    }
}

/// Tries each address of `host` in the order that the resolver gives (RFC 4975 §6.2).
async fn reach(host: &Host, port: u16) -> Result<TcpStream> {
    let failed = |error: io::Error| {
        Error::transport(
            ErrorKind::Connect,
            format!("cannot connect to {host}:{port}: {error}"),
        )
    };
    let addresses: Vec<SocketAddr> = match host {
        Host::Name(name) => lookup_host((name.as_str(), port))
            .await
            .map_err(failed)?
            .collect(),
        Host::V4(address) => vec![(*address, port).into()],
        Host::V6(address) => vec![(*address, port).into()],
    };
    try_each(&addresses, ADDRESS).await.map_err(failed)
}

/// Tries them in order; each has so much time while others are left.
async fn try_each(addresses: &[SocketAddr], patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (index, address) in addresses.iter().enumerate() {
        let attempt = TcpStream::connect(address);
        let result = if index + 1 < addresses.len() {
            let late = || io::ErrorKind::TimedOut.into();
            tokio::time::timeout(patience, attempt)
                .await
                .unwrap_or_else(|_| Err(late()))
        } else {
            attempt.await
        };
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn dials_to_one_target_have_a_bounded_rate() {
        let limits = Limits::default();
        let targets = Targets::new(&limits);
        let host: Host = "192.0.2.1".parse().expect("an address");
        let target = targets.target(
            &limits,
            &Authority {
                host,
                port: 2855,
                via: None,
                tls: None,
            },
        );
        let now = Instant::now();
        let starts: Vec<Duration> = (0..30)
            .map(|_| target.next_start(now).saturating_duration_since(now))
            .collect();
        assert!(starts[..10].iter().all(Duration::is_zero));
        assert!(starts[29] >= Duration::from_millis(1800), "{starts:?}");
        covers!("C-289");
    }

    #[tokio::test]
    async fn rfc4975_6_2_further_addresses_are_tried_in_the_order_given() {
        let bind = || tokio::net::TcpListener::bind("127.0.0.1:0");
        let gone = bind().await.expect("a port");
        let refuses = gone.local_addr().expect("an address");
        drop(gone);
        let (first, second) = (bind().await.expect("a port"), bind().await.expect("a port"));
        let addresses = [
            refuses,
            first.local_addr().expect("an address"),
            second.local_addr().expect("an address"),
        ];
        let stream = try_each(&addresses, ADDRESS)
            .await
            .expect("one of them answers");
        assert_eq!(stream.peer_addr().expect("connected"), addresses[1]);
        let error = try_each(&addresses[..1], ADDRESS)
            .await
            .expect_err("nobody is there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(
            try_each(&[], ADDRESS).await.expect_err("no address").kind(),
            io::ErrorKind::NotFound
        );
        covers!("C-094");
    }

    #[tokio::test]
    async fn an_address_that_says_nothing_has_its_time_while_others_are_left() {
        // The queue of this listener is full, so that the system ignores who comes next.
        let tcp = || {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            socket.expect("a socket")
        };
        let full = tcp();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        full.bind(&any.into()).expect("a port");
        full.listen(0).expect("listens");
        let silent = full.local_addr().expect("bound");
        let _fillers: Vec<_> = (0..8)
            .map(|_| {
                let socket = tcp();
                socket.set_nonblocking(true).expect("set");
                let _ = socket.connect(&silent);
                socket
            })
            .collect();
        let silent = silent.as_socket().expect("an address");
        let answers = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let answers = answers.local_addr().expect("an address");
        let patience = Duration::from_millis(50);
        let stream = try_each(&[silent, answers], patience).await;
        assert_eq!(
            stream
                .expect("the next one")
                .peer_addr()
                .expect("connected"),
            answers
        );
        // The last one is waited for.
        let last = tokio::time::timeout(10 * patience, try_each(&[silent], patience)).await;
        assert!(last.is_err(), "{last:?}");
    }
}
