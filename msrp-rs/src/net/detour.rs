//! A detour for the octets of a live connection: the seam where tests put faults into it.
//!
//! The connection task goes on with one end of a loopback connection, and the real stream, TLS included, is joined to
//! an end of another. Whoever has the two other ends sees every octet in the clear and decides what goes on. Nothing
//! of this exists until [`Engine::intercept`](crate::engine::Engine::intercept) asks for it.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream as StdStream};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use super::socket::PeerSocket;
use super::transport::Transport;

/// What the connection task needs to take the detour.
pub(crate) struct Detour {
    inside: StdStream,
    outside: StdStream,
    taken: SyncSender<()>,
}

impl Detour {
    /// A detour, and the ends for whoever is in it: towards the session, towards the peer. `taken` hears of it when
    /// the connection goes that way; if the connection is over, it is dropped.
    pub(crate) fn new(taken: SyncSender<()>) -> io::Result<(Self, StdStream, StdStream)> {
        let (inside, session_side) = loopback()?;
        let (outside, peer_side) = loopback()?;
        let detour = Self {
            inside,
            outside,
            taken,
        };
        Ok((detour, session_side, peer_side))
    }

    /// Leads `transport` this way: what it has read and written so far went straight, all else takes the detour.
    pub(crate) fn take(self, transport: &mut Transport) -> io::Result<()> {
        let inside = PeerSocket::new(TcpStream::from_std(self.inside)?)?;
        let outside = PeerSocket::new(TcpStream::from_std(self.outside)?)?;
        transport.detour(inside, outside);
        // Who asked may have given up.
        let _ = self.taken.try_send(());
        Ok(())
    }
}

/// Carries octets both ways between the real stream and the detour, until both sides have ended.
/// `socket` gives the real stream's.
pub(crate) async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    socket: fn(&S) -> &PeerSocket,
    mut outside: PeerSocket,
) {
    let carried = match stream.flush().await {
        Ok(()) => copy_bidirectional(&mut stream, &mut outside).await,
        Err(error) => Err(error),
    };
    // A reset goes on as one.
    if carried.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset) {
        for socket in [socket(&stream), &outside] {
            // It fails where the socket is over already.
            let _ = SockRef::from(socket.stream()).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Two ends of a connection within this process.
fn loopback() -> io::Result<(StdStream, StdStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let first = StdStream::connect(listener.local_addr()?)?;
    // Another process may be quicker.
    let second = loop {
        let (stream, from) = listener.accept()?;
        if from == first.local_addr()? {
            break stream;
        }
    };
    first.set_nonblocking(true)?;
    second.set_nonblocking(true)?;
    second.set_nodelay(true)?;
    Ok((first, second))
}
