//! Accepting connections (RFC 4975 §5.4): one task per listener, one per connection. Until a session is
//! bound, a connection counts as unbound; see `unbound` and `driver` for the bounds.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::context::{Connected, Context};
use super::driver::Driver;
use super::inbox::Inbox;
use super::log::{Log, LogLevel};
use super::registry::{Origin, Way};
use super::socket::PeerSocket;
use super::tls::certificate::PeerProof;
use super::tls::{Configured, Tls, handshake};
use super::transport::Transport;
use crate::error::{Error, ErrorKind, Result};

/// Connections that the kernel may hold for us.
const BACKLOG: i32 = 1024;
/// How long a listener rests when the system refuses it a descriptor.
const REST: Duration = Duration::from_millis(100);

/// Binds `host`, a name or an address, to the first of its addresses that is this machine's.
pub(crate) fn bind(host: &str, port: u16) -> Result<StdListener> {
    let failed = |error: io::Error| {
        Error::transport(
            ErrorKind::Connect,
            format!("cannot listen on {host}:{port}: {error}"),
        )
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (bare, port).to_socket_addrs().map_err(failed)? {
        match bind_address(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn bind_address(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What a listener speaks.
#[derive(Debug, Clone)]
pub(crate) enum Speaks {
    /// Cleartext.
    Plain,
    /// TLS, as it was when the one session was made that listens here: its SDP has told the fingerprint.
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

/// Accepts connections until the task is aborted.
///
/// # Cancel safety
/// Connections that were accepted live on.
pub(crate) async fn accept(
    context: Arc<Context>,
    listener: Arc<TcpListener>,
    number: u64,
    speaks: Speaks,
) {
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
                tokio::spawn(serve(connected, stream, number, speaks.clone()));
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

async fn serve(connected: Connected, stream: TcpStream, listener: u64, speaks: Speaks) {
    let context = Arc::clone(&connected.context);
    if context.is_stopping() {
        return;
    }
    let Ok(stream) = PeerSocket::new(stream) else {
        return;
    };
    let (transport, proof) = match speaks.tls_now(&context.log).await {
        None => (Transport::tcp(stream), PeerProof::Nothing),
        Some(tls) => {
            let limit = context.limits.tls_handshake;
            let asked = Arc::clone(&context);
            let expected =
                Arc::new(move |certificate: &[u8]| asked.registry.expects(listener, certificate));
            let handshake = handshake::accept(&tls, stream, expected, limit);
            tokio::select! {
                done = handshake => match done {
                    Ok(established) => {
                        tls.count(&context.memory);
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
    Driver::new(connected, from, transport).await;
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
