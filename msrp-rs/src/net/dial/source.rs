//! Where a connection is dialled from: an address and a port of this machine, and the socket for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use tokio::net::{TcpSocket, TcpStream};

use super::super::options::ConnectionOptions;
use super::super::sockopt::SocketOptions;

/// Where and how a session dials. Connections that were dialled differently are not shared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    options: ConnectionOptions,
    /// Where the session listens, if it dials from there.
    listening: Option<SocketAddr>,
}

/// That of the sessions whose hosts want nothing in particular, which are most: they have one in common.
static ANYWHERE: LazyLock<Arc<Source>> = LazyLock::new(Arc::default);

impl Source {
    /// `listening` is where the session listens.
    pub(crate) fn new(options: ConnectionOptions, listening: Option<SocketAddr>) -> Arc<Self> {
        let source = Self {
            listening: listening.filter(|_| options.source_port_from_path),
            options,
        };
        match source == **ANYWHERE {
            true => Arc::clone(&ANYWHERE),
            false => Arc::new(source),
        }
    }

    /// What the host wants.
    pub(crate) fn options(&self) -> &ConnectionOptions {
        &self.options
    }

    /// The address that it dials from, if that is fixed.
    fn address(&self) -> Option<IpAddr> {
        self.options
            .source_address
            .or_else(|| self.listening.map(|listening| listening.ip()))
            .filter(|address| !address.is_unspecified())
    }

    fn port(&self) -> u16 {
        self.listening
            .map_or(self.options.source_port, |listening| listening.port())
    }

    /// Whether a peer at this address can be dialled: of one family with the source.
    pub(super) fn reaches(&self, peer: IpAddr) -> bool {
        self.address()
            .is_none_or(|address| address.is_ipv4() == peer.is_ipv4())
    }

    /// Where to bind for this peer; nowhere in particular without an address and a port.
    fn local(&self, peer: SocketAddr) -> Option<SocketAddr> {
        let (address, port) = (self.address(), self.port());
        let any = match peer {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        (address.is_some() || port != 0).then(|| (address.unwrap_or(any), port).into())
    }

    /// Connects to `peer` from here. The error says what was wrong.
    ///
    /// # Cancel safety
    /// An attempt that is given up leaves nothing behind.
    pub(super) async fn connect(&self, peer: SocketAddr) -> Result<TcpStream, String> {
        let local = self.local(peer);
        let socket = self.socket(peer).map_err(|error| error.to_string())?;
        SocketOptions::of_connection(&self.options).apply(&socket)?;
        if let Some(local) = local {
            socket
                .bind(local)
                .map_err(|error| not_bound(local, &error))?;
        }
        socket.connect(peer).await.map_err(|error| {
            // The system refuses a second connection between the same two ports only now.
            match (error.kind(), local) {
                (io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable, Some(local))
                    if local.port() != 0 =>
                {
                    format!(
                        "a connection from port {} to this address is there, or was until a moment ago",
                        local.port()
                    )
                }
                _ => reason(&error),
            }
        })
    }

    fn socket(&self, peer: SocketAddr) -> io::Result<TcpSocket> {
        let socket = match peer {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        if self.port() != 0 {
            // Connections from this port to other peers, and those that have just ended, are no obstacle.
            socket.set_reuseaddr(true)?;
        }
        #[cfg(unix)]
        if self.listening.is_some() {
            socket.set_reuseport(true)?;
        }
        Ok(socket)
    }
}

/// Why a socket could not be bound.
fn not_bound(local: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            format!("source address {} is none of this machine", local.ip())
        }
        io::ErrorKind::AddrInUse => format!("source port {} is in use", local.port()),
        io::ErrorKind::PermissionDenied => {
            format!("source port {} needs a privilege", local.port())
        }
        _ => format!("cannot dial from {local}: {error}"),
    }
}

/// What the system says of an attempt, in few words.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::TimedOut => "no answer".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: Option<&str>, port: u16, listening: Option<&str>) -> Arc<Source> {
        let options = ConnectionOptions {
            source_address: address.map(|address| address.parse().expect("an address")),
            source_port: port,
            source_port_from_path: listening.is_some(),
            ..ConnectionOptions::default()
        };
        let listening = listening.map(|place| place.parse().expect("an address and a port"));
        Source::new(options, listening)
    }

    #[test]
    fn sockets_are_bound_to_what_was_asked_for() {
        let v4: SocketAddr = "192.0.2.1:2855".parse().expect("an address");
        let v6: SocketAddr = "[2001:db8::1]:2855".parse().expect("an address");
        let cases = [
            (source(None, 0, None), None, None),
            (
                source(None, 5000, None),
                Some("0.0.0.0:5000"),
                Some("[::]:5000"),
            ),
            (
                source(Some("127.0.0.1"), 0, None),
                Some("127.0.0.1:0"),
                None,
            ),
            (source(Some("::1"), 7, None), None, Some("[::1]:7")),
            (
                source(None, 0, Some("127.0.0.1:4000")),
                Some("127.0.0.1:4000"),
                None,
            ),
            (
                source(None, 0, Some("[::]:4000")),
                Some("0.0.0.0:4000"),
                Some("[::]:4000"),
            ),
            (
                source(Some("127.0.0.2"), 0, Some("0.0.0.0:4000")),
                Some("127.0.0.2:4000"),
                None,
            ),
        ];
        for (source, to_v4, to_v6) in cases {
            for (peer, expected) in [(v4, to_v4), (v6, to_v6)] {
                let local = source
                    .reaches(peer.ip())
                    .then(|| source.local(peer))
                    .flatten();
                let expected = expected.map(|text| text.parse().expect("an address"));
                assert_eq!(local, expected, "{source:?} to {peer}");
            }
        }
        let any = source(None, 0, None);
        assert!(any.reaches(v4.ip()) && any.reaches(v6.ip()));
    }

    #[tokio::test]
    async fn what_stands_in_the_way_of_a_source_is_named() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let peer = listener.local_addr().expect("bound");
        // An address for documentation: nobody has it.
        let text = source(Some("192.0.2.77"), 0, None).connect(peer).await;
        assert_eq!(
            text.expect_err("not ours"),
            "source address 192.0.2.77 is none of this machine"
        );
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = taken.local_addr().expect("bound").port();
        let from = source(Some("127.0.0.1"), port, None);
        let text = from
            .connect(peer)
            .await
            .expect_err("somebody listens there");
        assert_eq!(text, format!("source port {port} is in use"));
        drop(taken);
        let first = from.connect(peer).await.expect("the port is free");
        assert_eq!(first.local_addr().expect("bound").port(), port);
        let text = from.connect(peer).await.expect_err("a second one");
        assert!(
            text.starts_with(&format!("a connection from port {port} to this address")),
            "{text}"
        );
        // Another peer is no obstacle.
        let other = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let other = other.local_addr().expect("bound");
        let second = from.connect(other).await;
        assert!(second.is_ok() || other.port() == peer.port(), "{second:?}");
    }
}
