//! Sockets that a host has connected itself, and hands over (RFC 4975 §5.4).
//!
//! What a socket must be is checked in `net::adopt`; which session a request is for, by `net::registry`.

use std::net::TcpStream;
use std::sync::Arc;

use bytes::Bytes;

use super::handle::{ListenerHandle, SessionHandle};
use super::lifecycle::Core;
use super::listeners::find_listener;
use super::session::Session;
use super::{Engine, SessionState};
use crate::error::{Error, ErrorKind, Result};
use crate::net::adopt::{Adopted, Taken};
use crate::net::listener::serve;
use crate::net::log::LogLevel;
use crate::net::sockopt::SocketOptions;
use crate::wire::Host;

/// How a socket is handed over to a session.
#[derive(derive_more::Debug, Clone)]
pub struct Adopt {
    /// Whether the peer connected to us. It says who is the server of TLS; who sends the first request was negotiated,
    /// and may be either. Default yes.
    pub inbound: bool,
    /// Octets that were read from the socket already, at most [`Limits::early_len`](crate::Limits::early_len): the
    /// beginning of the peer's stream, which with TLS is the beginning of TLS.
    #[debug("{} octets", initial.len())]
    pub initial: Bytes,
    /// Whether the engine shall speak TLS on it, as the session's URI says: `msrps` with TLS, `msrp` without.
    /// The handshake is the engine's.
    pub tls: bool,
}

impl Default for Adopt {
    fn default() -> Self {
        Self {
            inbound: true,
            initial: Bytes::new(),
            tls: false,
        }
    }
}

/// A socket that was not taken over: it is the caller's, as it was.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotAdopted {
    /// Why.
    pub error: Error,
    /// The socket.
    pub socket: TcpStream,
}

impl From<NotAdopted> for Error {
    /// Closes the socket.
    fn from(refused: NotAdopted) -> Self {
        refused.error
    }
}

impl Engine {
    /// Gives a session its connection: a TCP socket that is connected, with what the host has read from it. `open` does
    /// not dial then, and waits for the peer as otherwise; a session whose remote side is known is served from now on,
    /// with or without it. The remote side may become known later, within [`Limits::unbound`](crate::Limits::unbound).
    ///
    /// Only this session is served on it: requests for another are answered 481. It is not shared, and no address or
    /// dial check is asked for it. With TLS the peer must prove what one that dialled, or was dialled, must prove; a
    /// server's name is that of the first URI of the remote path. What becomes of the handshake is told by the session's
    /// events.
    ///
    /// On success the socket is the engine's. On an error it is the caller's, blocking or not as it was.
    ///
    /// # Errors
    /// In [`NotAdopted::error`]: `InvalidArgument` for anything but a connected TCP socket over IPv4 or IPv6 (no Unix
    /// domain socket, no datagrams, no listener), for TLS where the session's URI has none and the reverse, for TLS as
    /// server without a certificate, and for TLS as client before the remote side is known; `TooLarge` for more initial
    /// octets than `Limits::early_len`; `Connect` for a connection that has failed already; `Busy` for a session that
    /// has a connection, or is dialling; `Limit` without descriptors; `Gone` for a session or an engine that has ended;
    /// `Forked`.
    pub fn adopt(
        &self,
        session: SessionHandle,
        socket: TcpStream,
        how: Adopt,
    ) -> std::result::Result<(), NotAdopted> {
        let adopted = self.core().and_then(|core| {
            core.check_running()?;
            let session = core.shared.session(session)?;
            adopt(core, &session, &socket, how)
        });
        settle(adopted, socket)
    }

    /// Gives a listener a connection that the host has accepted in its place, with what the host has read from it: for
    /// servers with an accept loop of their own that do not know which session a connection is for. It is as any
    /// connection that came to the listener: TLS if the listener speaks it, the session by the first request, and the
    /// bounds on connections without a session.
    ///
    /// On success the socket is the engine's. On an error it is the caller's, blocking or not as it was.
    ///
    /// # Errors
    /// In [`NotAdopted::error`]: as [`adopt`](Self::adopt), but for what concerns a session; `Gone` for a listener that
    /// was closed.
    pub fn adopt_connection(
        &self,
        listener: ListenerHandle,
        socket: TcpStream,
        initial: Bytes,
    ) -> std::result::Result<(), NotAdopted> {
        let adopted = self.core().and_then(|core| {
            core.check_running()?;
            let listener = find_listener(core, listener)?;
            check_initial(core, &initial)?;
            let context = &core.shared.context;
            let _entered = core.handle.enter();
            let taken = Taken::new(&socket)?;
            let connected = context.enter();
            let (inbox, peer) = (&connected.inbox, taken.peer);
            context
                .unbound
                .insert(&context.limits, &context.log, peer.ip(), inbox);
            let text = format_args!("from {peer}, handed over by the host");
            context.log.connection(LogLevel::Debug, inbox.id(), text);
            let door = listener.door();
            tokio::spawn(serve(connected, taken.stream, initial, door));
            Ok(())
        });
        settle(adopted, socket)
    }
}

/// The caller's socket is closed, or given back.
fn settle(adopted: Result<()>, socket: TcpStream) -> std::result::Result<(), NotAdopted> {
    adopted.map_err(|error| NotAdopted { error, socket })
}

fn check_initial(core: &Core, initial: &Bytes) -> Result<()> {
    let limit = core.shared.context.limits.early_len;
    if initial.len() > limit {
        let text = format!(
            "{} initial octets exceed limits.early_len, {limit}",
            initial.len()
        );
        return Err(Error::local(ErrorKind::TooLarge, text));
    }
    Ok(())
}

fn adopt(core: &Core, session: &Arc<Session>, socket: &TcpStream, how: Adopt) -> Result<()> {
    check_initial(core, &how.initial)?;
    session.check_direct("adopt")?;
    let entry = &session.entry;
    let busy = |text| Err(Error::local(ErrorKind::Busy, text));
    let (hop, is_active) = {
        let negotiation = session.negotiation.lock();
        let remote = negotiation.remote();
        let hop = remote.map(|remote| remote.path().first().clone());
        (hop, remote.is_some_and(|remote| remote.active))
    };
    match SessionState::from(session.mailbox().phase()) {
        SessionState::New => {}
        // One that waits for its peer.
        SessionState::Connecting if !is_active => {}
        SessionState::Connecting => {
            return busy("session is dialling: hand the socket over before open");
        }
        SessionState::Open => return busy("session has a connection"),
        _ => return Err(Error::local(ErrorKind::Gone, "session is closed")),
    }
    let target = match (how.tls, entry.tls()) {
        (true, None) => {
            return Err(Error::invalid_argument(
                "tls: the session's URI is msrp, without TLS (secure)",
            ));
        }
        (false, Some(_)) => {
            return Err(Error::invalid_argument(
                "tls: the session's URI is msrps, which is served over TLS only",
            ));
        }
        (true, Some(tls)) if how.inbound => {
            if !tls.has_identity() {
                return Err(Error::invalid_argument(
                    "tls: the server of a connection needs cert and key",
                ));
            }
            None
        }
        (true, Some(_)) => {
            let hop = hop.ok_or_else(|| {
                Error::invalid_argument(
                    "tls: whose certificate is expected is not known: call set_remote or set_remote_path first",
                )
            })?;
            let target: (Host, u16) = (hop.host().clone(), hop.port().unwrap_or_default());
            Some(target)
        }
        (false, None) => None,
    };
    let context = &core.shared.context;
    let _entered = core.handle.enter();
    let taken = Taken::new(socket)?;
    let connected = context.enter();
    if let Err(error) = entry.hand_to(&connected.inbox) {
        taken.give_back(socket);
        return Err(error);
    }
    let way = if how.inbound { "from" } else { "to" };
    let text = format_args!("{way} {}, handed over by the host", taken.peer);
    context
        .log
        .connection(LogLevel::Debug, connected.inbox.id(), text);
    let adopted = Adopted {
        taken,
        initial: how.initial,
        inbound: how.inbound,
        entry: Arc::clone(entry),
        target,
        options: SocketOptions::of_connection(session.source.lock().options()).connected(),
    };
    tokio::spawn(adopted.serve(connected));
    Ok(())
}
