//! What the system is asked to do for sockets: the interface, the DSCP of what is sent, keep-alive probes, and ports out
//! of a range (RFC 2474, RFC 9293 §3.8.4).
//!
//! The values are checked in `engine::validate`.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::options::ConnectionOptions;

/// Options of one socket, and what its connection does by itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct SocketOptions {
    pub(crate) interface: Option<String>,
    pub(crate) dscp: Option<u8>,
    pub(crate) keepalive: Option<Duration>,
    /// Not a matter of the socket: the connection is closed after so long without traffic.
    pub(crate) idle: Option<Duration>,
}

impl SocketOptions {
    /// Those of a session's connections.
    pub(crate) fn of_connection(options: &ConnectionOptions) -> Self {
        Self {
            interface: options.interface.clone(),
            dscp: options.dscp,
            keepalive: options.tcp_keepalive,
            idle: options.idle,
        }
    }

    /// The same for a socket that is connected: which way it goes is decided.
    pub(crate) fn connected(mut self) -> Self {
        self.interface = None;
        self
    }

    /// Sets what is asked for.
    ///
    /// # Errors
    /// Which option cannot be had, and why.
    pub(crate) fn apply<'s>(&self, socket: impl Into<SockRef<'s>>) -> Result<(), String> {
        let socket = socket.into();
        if let Some(interface) = &self.interface {
            bind_interface(&socket, interface)?;
        }
        if let Some(dscp) = self.dscp {
            set_dscp(&socket, dscp).map_err(|error| format!("dscp {dscp}: {error}"))?;
        }
        if let Some(time) = self.keepalive {
            let probes = TcpKeepalive::new().with_time(time);
            #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
            let probes = probes
                .with_interval((time / PROBES).max(Duration::from_secs(1)))
                .with_retries(PROBES);
            socket
                .set_tcp_keepalive(&probes)
                .map_err(|error| format!("tcp_keepalive {time:?}: {error}"))?;
        }
        Ok(())
    }
}

/// Probes without an answer after which the peer is given up: a connection is found dead after twice the time.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
const PROBES: u32 = 4;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bind_interface(socket: &SockRef<'_>, interface: &str) -> Result<(), String> {
    let bound = socket.bind_device(Some(interface.as_bytes()));
    bound.map_err(|error| match error.raw_os_error() {
        Some(libc::EPERM) => {
            format!("interface {interface}: not permitted, it needs the capability CAP_NET_RAW")
        }
        Some(libc::ENODEV) => format!("interface {interface}: there is none of this name"),
        _ => format!("interface {interface}: {error}"),
    })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bind_interface(_: &SockRef<'_>, interface: &str) -> Result<(), String> {
    Err(format!(
        "interface {interface}: this system does not bind sockets to interfaces"
    ))
}

/// Six bits, above the two of ECN, which are the system's.
fn set_dscp(socket: &SockRef<'_>, dscp: u8) -> io::Result<()> {
    let class = u32::from(dscp) << 2;
    let is_v4 = socket.local_addr()?.is_ipv4();
    #[cfg(unix)]
    if !is_v4 {
        // A socket of IPv6 may have peers of IPv4; where it cannot, the system says no.
        let _ = socket.set_tos_v4(class);
        return socket.set_tclass_v6(class);
    }
    let _ = is_v4;
    socket.set_tos_v4(class)
}

/// Whether an address is one of this machine, as far as the system says.
fn is_here(mut address: SocketAddr) -> bool {
    address.set_port(0);
    match UdpSocket::bind(address) {
        Err(error) => error.kind() != io::ErrorKind::AddrNotAvailable,
        Ok(_) => true,
    }
}

/// What to say of a connection whose own address is gone; nothing while it is there.
pub(crate) fn address_lost(local: Option<SocketAddr>) -> Option<String> {
    let local = local.filter(|local| !local.ip().to_canonical().is_loopback())?;
    (!is_here(local)).then(|| format!("address {} went away", local.ip().to_canonical()))
}

/// Why a connection was lost, in words that tell the cases apart.
pub(crate) fn why_lost(error: &io::Error, local: Option<SocketAddr>) -> String {
    if let Some(text) = address_lost(local) {
        return text;
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            format!("reset by the peer: {error}")
        }
        io::ErrorKind::TimedOut => format!("timed out, the peer answers no more: {error}"),
        io::ErrorKind::NetworkDown
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable => format!("network unreachable: {error}"),
        _ => error.to_string(),
    }
}

/// The ports of a range, from a place in it that changes from call to call: so that listeners find a free one soon, and
/// a port that was left is not taken again at once.
pub(crate) fn ports(range: &RangeInclusive<u16>, start: u64) -> impl Iterator<Item = u16> {
    let (first, len) = (*range.start(), u64::from(range.end() - range.start()) + 1);
    (0..len).map(move |n| first + u16::try_from((start + n) % len).unwrap_or(0))
}

/// The zone of a link-local address, if there is one (RFC 4007 §11).
pub(crate) fn zone(host: &str) -> Option<&str> {
    let (address, zone) = host.split_once('%')?;
    let address = address.strip_prefix('[').unwrap_or(address);
    address.parse::<IpAddr>().is_ok().then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_a_range_is_tried_once() {
        for start in [0, 3, u64::MAX / 2] {
            let mut tried: Vec<u16> = ports(&(65533..=65535), start).collect();
            tried.sort_unstable();
            assert_eq!(tried, [65533, 65534, 65535]);
        }
        assert_eq!(ports(&(7..=7), 9).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn zones_are_seen_in_addresses_only() {
        assert_eq!(zone("fe80::1%eth0"), Some("eth0"));
        assert_eq!(zone("[fe80::1%2]"), Some("2]"));
        assert_eq!(zone("a%20b.example"), None);
        assert_eq!(zone("::1"), None);
    }

    #[test]
    fn what_the_system_says_is_told_apart() {
        let text = |kind| why_lost(&io::Error::from(kind), None);
        assert!(text(io::ErrorKind::ConnectionReset).starts_with("reset by the peer"));
        assert!(text(io::ErrorKind::TimedOut).starts_with("timed out"));
        assert!(text(io::ErrorKind::NetworkUnreachable).starts_with("network unreachable"));
        // For documentation: nobody has it (RFC 5737).
        let gone = "192.0.2.7:2855".parse().ok();
        let error = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(why_lost(&error, gone), "address 192.0.2.7 went away");
        assert_eq!(address_lost("127.0.0.1:1".parse().ok()), None);
    }

    #[test]
    fn sockets_have_what_was_asked_for() {
        let options = SocketOptions {
            dscp: Some(46),
            keepalive: Some(Duration::from_secs(40)),
            ..SocketOptions::default()
        };
        for place in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(place) else {
                continue;
            };
            options.apply(&listener).expect("set");
            let socket = SockRef::from(&listener);
            assert!(socket.keepalive().expect("told"));
            let address: SocketAddr = place.parse().expect("an address");
            let class = match address.is_ipv4() {
                true => socket.tos_v4(),
                false => socket.tclass_v6(),
            };
            assert_eq!(class.expect("told"), 46 << 2);
        }
        let wrong = SocketOptions {
            interface: Some("nowhere0".into()),
            ..SocketOptions::default()
        };
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let text = wrong.apply(&socket).expect_err("no such interface");
        assert!(text.starts_with("interface nowhere0: "), "{text}");
    }
}
