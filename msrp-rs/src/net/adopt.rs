//! Connected sockets that the host hands over: what can be taken, and how a session gets a connection made of one
//! (RFC 4975 §5.4).
//!
//! The socket stays the host's until nothing can be refused any more: the engine works on a duplicate of the
//! descriptor, which it closes again where it refuses. TLS, the connection's task and the protocol are those of every
//! connection.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, SockRef, Type};
use tokio::net::TcpStream;

use super::context::Connected;
use super::driver::Driver;
use super::inbox::{Control, Inbox};
use super::log::LogLevel;
use super::registry::{Entry, Origin, Way};
use super::socket::PeerSocket;
use super::sockopt::SocketOptions;
use super::tls::certificate::PeerProof;
use super::tls::handshake;
use super::tls::verify::{Guest, Shown};
use super::transport::Transport;
use crate::error::{Error, ErrorKind, Result};
use crate::proto::CloseReason;
use crate::wire::Host;

/// A socket of the host that can be a connection, and the engine's duplicate of it.
pub(crate) struct Taken {
    /// Registered with the runtime.
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    was_blocking: bool,
}

impl Taken {
    /// Makes a duplicate of a connected TCP socket, and lets both not block. To be called in a runtime.
    ///
    /// # Errors
    /// `InvalidArgument` for anything but a connected TCP socket over IPv4 or IPv6, `Connect` for one that has failed,
    /// `Limit` if the system gives no descriptor. Nothing is changed then.
    pub(crate) fn new(socket: &StdStream) -> Result<Self> {
        let peer = check(socket)?;
        let failed = |error: io::Error| {
            let text = format!("socket cannot be adopted: {error}");
            Error::local(ErrorKind::Limit, text)
        };
        let was_blocking = is_blocking(socket).map_err(failed)?;
        let duplicate = socket.try_clone().map_err(failed)?;
        duplicate.set_nonblocking(true).map_err(failed)?;
        let taken = TcpStream::from_std(duplicate).map(|stream| Self {
            stream,
            peer,
            was_blocking,
        });
        taken.map_err(|error| {
            restore(socket, was_blocking);
            failed(error)
        })
    }

    /// Makes the host's socket again what it was.
    pub(crate) fn give_back(self, socket: &StdStream) {
        drop(self.stream);
        restore(socket, self.was_blocking);
    }
}

/// The flag is one of the open connection, not of a descriptor.
fn restore(socket: &StdStream, was_blocking: bool) {
    if was_blocking {
        // It worked the other way round a moment ago.
        let _ = socket.set_nonblocking(false);
    }
}

#[cfg(unix)]
fn is_blocking(socket: &StdStream) -> io::Result<bool> {
    SockRef::from(socket)
        .nonblocking()
        .map(|nonblocking| !nonblocking)
}

/// The system does not tell.
#[cfg(not(unix))]
fn is_blocking(_: &StdStream) -> io::Result<bool> {
    Ok(true)
}

/// Whether it is a connected TCP socket; gives the peer's address.
fn check(stream: &StdStream) -> Result<SocketAddr> {
    let socket = SockRef::from(stream);
    let wrong = |text: &str| Error::invalid_argument(format!("socket cannot be adopted: {text}"));
    let unusable = |error: io::Error| wrong(&error.to_string());
    if socket.r#type().map_err(unusable)? != Type::STREAM {
        return Err(wrong("it is no stream socket, and MSRP runs over TCP"));
    }
    let local = socket.local_addr().map_err(unusable)?;
    match local.domain() {
        Domain::IPV4 | Domain::IPV6 => {}
        Domain::UNIX => {
            return Err(wrong("it is a Unix domain socket, and MSRP runs over TCP"));
        }
        _ => return Err(wrong("it is neither of IPv4 nor of IPv6")),
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if socket.is_listener().map_err(unusable)? {
        return Err(wrong("it listens: hand over what it accepts"));
    }
    let peer = match socket.peer_addr() {
        Ok(peer) => peer.as_socket(),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            return Err(wrong("it is not connected"));
        }
        Err(error) => return Err(unusable(error)),
    };
    if let Some(error) = socket.take_error().map_err(unusable)? {
        let text = format!("socket cannot be adopted: its connection has failed: {error}");
        return Err(Error::transport(ErrorKind::Connect, text));
    }
    peer.ok_or_else(|| wrong("its peer has no IP address"))
}

/// A socket on its way to be a session's connection.
pub(crate) struct Adopted {
    pub(crate) taken: Taken,
    /// Octets that the host has read from it.
    pub(crate) initial: Bytes,
    /// Whether the peer connected.
    pub(crate) inbound: bool,
    pub(crate) entry: Arc<Entry>,
    /// Whose name a TLS server must prove.
    pub(crate) target: Option<(Host, u16)>,
    pub(crate) options: SocketOptions,
}

impl Adopted {
    /// The connection's life: TLS first, if the session is secure, then its task.
    pub(crate) async fn serve(self, connected: Connected) {
        let mut waiting = Vec::new();
        let (idle, inbound) = (self.options.idle, self.inbound);
        let session = self.entry.mailbox().key();
        let made = tokio::select! {
            made = self.establish(&connected) => made,
            () = told_to_finish(&connected.inbox, &mut waiting) => {
                Err(Error::local(ErrorKind::Gone, "the session or its engine ends"))
            }
        };
        let (transport, proof) = match made {
            Ok(made) => made,
            Err(error) => {
                refuse(&connected, waiting, &error);
                return;
            }
        };
        let from = Origin {
            way: Way::Adopted {
                session,
                inbound,
                secure: transport.is_secure(),
            },
            certificate: transport.peer_certificate(),
            proof,
        };
        for control in waiting {
            // Only the task of this connection closes it.
            let _ = connected.inbox.push_control(control);
        }
        Driver::spawn(connected, from, transport, idle);
    }

    async fn establish(self, connected: &Connected) -> Result<(Transport, PeerProof)> {
        let Self {
            taken,
            initial,
            inbound,
            entry,
            target,
            options,
        } = self;
        let context = &connected.context;
        let failed = |text: &dyn std::fmt::Display| {
            Error::transport(ErrorKind::Connect, format!("adopted socket: {text}"))
        };
        options.apply(&taken.stream).map_err(|text| failed(&text))?;
        let stream = PeerSocket::new(taken.stream).map_err(|error| failed(&error))?;
        let stream = stream.with_initial(initial);
        let Some(tls) = entry.tls() else {
            return Ok((Transport::tcp(stream), PeerProof::Nothing));
        };
        let limit: Duration = context.limits.tls_handshake;
        let established = match target {
            Some((host, port)) => {
                handshake::connect(tls, (&host, port), entry.pins(), stream, limit).await?
            }
            None => {
                let asked = Arc::clone(&entry);
                let expected =
                    Arc::new(move |certificate: &[u8]| asked.expects(&Shown::new(certificate)));
                handshake::accept(tls, stream, Guest::OfSession(expected), limit)
                    .await
                    .map_err(|why| {
                        let text = format!("TLS with {}: {why}", taken.peer);
                        Error::transport(ErrorKind::Tls, text)
                    })?
            }
        };
        debug_assert_eq!(
            inbound,
            matches!(established.stream, tokio_rustls::TlsStream::Server(_))
        );
        tls.count(&context.memory);
        Ok((Transport::tls(established.stream), established.proof))
    }
}

/// Waits until the connection is to close; what else it is told meanwhile is kept.
async fn told_to_finish(inbox: &Inbox, waiting: &mut Vec<Control>) {
    poll_fn(|cx| {
        inbox.take(cx.waker(), &mut Vec::new(), waiting);
        let is_end = |control: &Control| matches!(control, Control::Finish | Control::Evict);
        if waiting.iter().any(is_end) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Nothing came of the connection: the session that was to have it ends.
fn refuse(connected: &Connected, waiting: Vec<Control>, error: &Error) {
    let (context, inbox) = (&connected.context, &connected.inbox);
    let text = format_args!("{}", error.context);
    context.log.connection(LogLevel::Info, inbox.id(), text);
    for control in waiting.into_iter().chain(inbox.close()) {
        if let Control::Attach(entry, _) = control {
            let (reason, error) = match entry.mailbox().is_to_end() {
                true => (CloseReason::Local, None),
                false => (
                    CloseReason::ConnectionLost(error.context.clone()),
                    Some(error.clone()),
                ),
            };
            context.registry.end(&entry, reason, error);
        }
    }
    context.relieve_senders();
}
