//! What a session's host wants of its connection.
//!
//! `dial` obeys what concerns the way to the peer, `socket` what the system does for a connection. The values are
//! checked in `engine::validate`.

use std::net::IpAddr;
use std::time::Duration;

/// How a session's connection is made and kept. Sessions share a connection that we dialled only where all of these are
/// equal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ConnectionOptions {
    /// The address of this machine that we dial from. `None`: what the system's routes say. Only peer addresses of the
    /// same family are dialled then.
    pub source_address: Option<IpAddr>,
    /// The port that we dial from; 0: any free one. One that is given serves one connection to each peer address at a
    /// time.
    pub source_port: u16,
    /// Dial from the port on which the session listens, for peers that let only it in: the port of our URI, unless
    /// another one is advertised. Not together with `source_port`.
    pub source_port_from_path: bool,
    /// Most time for the TCP connection to the peer, over all its addresses, without the TLS handshake. `None`:
    /// [`Limits::connect`](crate::Limits::connect); a longer one than that has no effect.
    pub connect_timeout: Option<Duration>,
    /// The network interface through which we dial, by its name, and to which peers must come where the session has a
    /// listener of its own. `None`: what the system's routes say. Not every system has that, and some ask for a
    /// privilege.
    pub interface: Option<String>,
    /// The differentiated services code point of what we send (RFC 2474), 0 to 63. `None`: the system's.
    pub dscp: Option<u8>,
    /// After so long without traffic the system asks the peer whether it is there, 1 s to 32,767 s; who does not answer
    /// for as long again has timed out (TCP keep-alive). `None`: never.
    pub tcp_keepalive: Option<Duration>,
    /// A connection without any traffic for so long is closed with that reason. `None`: it may stay silent for ever.
    pub idle: Option<Duration>,
}
