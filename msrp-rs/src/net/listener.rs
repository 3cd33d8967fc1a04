//! Accepting connections (RFC 4975 §5.4): one task per listener, one per connection. Until a session is
//! bound, a connection counts as unbound; see `unbound` and `driver` for the bounds.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::context::{Connected, Context};
use super::driver::Driver;
use super::inbox::Inbox;
use super::log::{Log, LogLevel};
use super::registry::{Origin, Way};
use super::relay::Relay;
use super::socket::PeerSocket;
use super::sockopt::{self, SocketOptions};
use super::tls::certificate::PeerProof;
use super::tls::verify::Guest;
use super::tls::{Configured, Tls, handshake};
use super::transport::Transport;
use crate::error::{Error, ErrorKind, Result};

/// Connections that the kernel may hold for us.
const BACKLOG: i32 = 1024;
/// How long a listener rests when the system refuses it a descriptor.
const REST: Duration = Duration::from_millis(100);

/// Which ports a listener may have.
#[derive(Debug, Clone)]
pub(crate) enum Ports {
    /// This one; 0: any free one.
    One(u16),
    /// One of these, from a place in them on.
    Range(RangeInclusive<u16>, u64),
}

/// Binds `host`, a name or an address, to the first of its addresses that is this machine's.
pub(crate) fn bind(host: &str, ports: &Ports, options: &SocketOptions) -> Result<StdListener> {
    match ports {
        Ports::One(port) => bind_port(host, *port, options).map_err(|text| {
            let text = format!("cannot listen on {host}:{port}: {}", text.why);
            Error::transport(ErrorKind::Connect, text)
        }),
        Ports::Range(range, start) => {
            let (first, last) = (range.start(), range.end());
            for port in sockopt::ports(range, *start) {
                match bind_port(host, port, options) {
                    Ok(listener) => return Ok(listener),
                    Err(NotBound { is_taken: true, .. }) => {}
                    Err(NotBound { why, .. }) => {
                        let text = format!("cannot listen on {host}:{port}: {why}");
                        return Err(Error::transport(ErrorKind::Connect, text));
                    }
                }
            }
            let text = format!("cannot listen on {host}: all ports of {first} to {last} are taken");
            Err(Error::transport(ErrorKind::Connect, text))
        }
    }
}

/// Why a port cannot be had.
struct NotBound {
    why: String,
    /// Another one may be free.
    is_taken: bool,
}

impl From<io::Error> for NotBound {
    fn from(error: io::Error) -> Self {
        Self {
            is_taken: error.kind() == io::ErrorKind::AddrInUse,
            why: error.to_string(),
        }
    }
}

fn bind_port(host: &str, port: u16, options: &SocketOptions) -> Result<StdListener, NotBound> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let nothing = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut last = NotBound::from(nothing);
    for address in (bare, port).to_socket_addrs()? {
        match bind_address(address, options) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_address(address: SocketAddr, options: &SocketOptions) -> Result<StdListener, NotBound> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // Whatever the system's default is: all addresses are meant, also those of IPv4.
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    let wrong = |why| NotBound {
        why,
        is_taken: false,
    };
    options.apply(&socket).map_err(wrong)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What a listener speaks.
#[derive(Debug, Clone)]
pub(crate) enum Speaks {
    /// Cleartext.
    Plain,
    /// TLS, as it was when this was made: SDP has told the fingerprint.
    Fixed(Arc<Tls>),
    /// TLS, as it is now.
    Current(Arc<Configured>),
}

impl Speaks {
    /// The TLS configuration as it was read last.
    pub(crate) fn tls(&self) -> Option<Arc<Tls>> {
        match self {
            Self::Plain => None,
            Self::Fixed(tls) => Some(Arc::clone(tls)),
            Self::Current(configured) => Some(configured.last()),
        }
    }

    /// The TLS configuration for a connection that comes now.
    async fn tls_now(&self, log: &Arc<Log>) -> Option<Arc<Tls>> {
        match self {
            Self::Plain => None,
            Self::Fixed(tls) => Some(Arc::clone(tls)),
            Self::Current(configured) => Some(configured.recent(log).await),
        }
    }
}

/// A listener, as the connections see it that come to it.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// The listener's number.
    pub(crate) number: u64,
    pub(crate) speaks: Speaks,
    /// Of the connections.
    pub(crate) options: Arc<SocketOptions>,
    /// Whose they are; without one, the sessions'.
    pub(crate) relay: Option<Arc<Relay>>,
}

/// Accepts connections until the task is aborted.
///
/// # Cancel safety
/// Connections that were accepted live on.
pub(crate) async fn accept(context: Arc<Context>, listener: Arc<TcpListener>, door: Door) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connected = context.enter();
                context
                    .unbound
                    .insert(&context.limits, &context.log, peer.ip(), &connected.inbox);
                context.log.connection(
                    LogLevel::Debug,
                    connected.inbox.id(),
                    format_args!("accepted from {peer}"),
                );
                tokio::spawn(serve(connected, stream, Bytes::new(), door.clone()));
            }
            Err(error) => {
                context
                    .log
                    .write(LogLevel::Warn, format_args!("accept failed: {error}"));
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Serves a connection that came to a listener. `initial` is what was read from it before.
///
/// # Cancel safety
/// The connection is closed.
pub(crate) async fn serve(connected: Connected, stream: TcpStream, initial: Bytes, door: Door) {
    let Door {
        number: listener,
        speaks,
        options,
        relay,
    } = door;
    let context = Arc::clone(&connected.context);
    if context.is_stopping() {
        return;
    }
    if let Err(text) = options.apply(&stream) {
        let text = format_args!("accepted socket: {text}");
        context
            .log
            .connection(LogLevel::Warn, connected.inbox.id(), text);
    }
    let Ok(stream) = PeerSocket::new(stream) else {
        return;
    };
    let stream = stream.with_initial(initial);
    let (transport, proof) = match speaks.tls_now(&context.log).await {
        None => (Transport::tcp(stream), PeerProof::Nothing),
        Some(tls) => {
            let limit = context.limits.tls_handshake;
            let asked = Arc::clone(&context);
            let expected =
                Arc::new(move |certificate: &[u8]| asked.registry.expects(listener, certificate));
            let guest = match relay {
                Some(_) => Guest::OfRelay,
                None => Guest::OfSession(expected),
            };
            let handshake = handshake::accept(&tls, stream, guest, limit);
            tokio::select! {
                done = handshake => match done {
                    Ok(established) => {
                        tls.count(&context.memory);
                        if let Some(why) = established.ignored {
                            let text = format_args!("is a client: {why}");
                            context.log.connection(LogLevel::Info, connected.inbox.id(), text);
                        }
                        (Transport::tls(established.stream), established.proof)
                    }
                    Err(why) => {
                        let text = format_args!("TLS handshake failed: {why}");
                        context.log.connection(LogLevel::Info, connected.inbox.id(), text);
                        context.registry.refused(listener, &why);
                        return;
                    }
                },
                () = told_to_close(&connected.inbox) => return,
            }
        }
    };
    let from = Origin {
        way: Way::Accepted {
            listener,
            secure: transport.is_secure(),
        },
        certificate: transport.peer_certificate(),
        proof,
    };
    match relay {
        Some(relay) => relay.accepted(connected, &from, transport),
        None => Driver::spawn(connected, from, transport, options.idle),
    }
}

/// Waits for any control: before a session is bound there is none but to close.
async fn told_to_close(inbox: &Inbox) {
    let mut controls = Vec::new();
    poll_fn(|cx| {
        inbox.take(cx.waker(), &mut Vec::new(), &mut controls);
        if controls.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}
