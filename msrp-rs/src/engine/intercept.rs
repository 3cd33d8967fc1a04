//! The place of a test in the middle of a live session's connection; see [`Engine::intercept`].

use std::net::TcpStream;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::Engine;
use super::handle::SessionHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::net::detour::Detour;
use crate::net::inbox::Control;

/// The two ends that are a test's once it is in a connection. Both do not block.
#[derive(Debug)]
pub struct Intercepted {
    /// What the session writes is read here; what is written here, it reads.
    pub session_side: TcpStream,
    /// What is written here goes to the peer; what the peer sends is read here.
    pub peer_side: TcpStream,
}

/// A connection task takes its commands within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

impl Engine {
    /// **For tests.** Puts the caller into the connection that serves `session`, between the engine and the transport:
    /// with TLS, what is read and written is the plain text. From the return on no octet passes but those that the
    /// caller carries from one end to the other; so a test drops, alters, delays, splits and adds what it wants. Other
    /// sessions on the same connection are under its hand, too. It lasts as long as the connection: an end that is
    /// closed looks to its side as if the other side had closed, a reset is carried on as one.
    ///
    /// Waits for the connection's task, some milliseconds.
    ///
    /// # Errors
    /// `InvalidArgument` when no connection serves the session yet, `Gone` when that has ended, `Connect` when the
    /// sockets cannot be made, `Forked`.
    pub fn intercept(&self, session: SessionHandle) -> Result<Intercepted> {
        let session = self.find(session)?;
        let connection = session.entry.connection().ok_or_else(|| {
            Error::invalid_argument("session has no connection to intercept: open it first")
        })?;
        let failed =
            |error: std::io::Error| Error::transport(ErrorKind::Connect, error.to_string());
        let (taken, waiting) = sync_channel(1);
        let (detour, session_side, peer_side) = Detour::new(taken).map_err(failed)?;
        let gone = || Error::local(ErrorKind::Gone, "connection has ended");
        connection
            .push_control(Control::Detour(Box::new(detour)))
            .map_err(|_| gone())?;
        waiting.recv_timeout(PATIENCE).map_err(|_| gone())?;
        Ok(Intercepted {
            session_side,
            peer_side,
        })
    }
}
