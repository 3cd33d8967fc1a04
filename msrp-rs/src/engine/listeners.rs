//! Listeners: shared by sessions, or a session's own; and the host and port that they put into URIs (RFC 4975 §6,
//! §8.2).
//!
//! Accepting is done in `net::listener`; which session a connection is for is found by `net::registry`.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::handle::ListenerHandle;
use super::lifecycle::Core;
use super::options::ListenOptions;
use super::trust::trust;
use super::{Engine, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::net::listener::{Door, Ports, Speaks, accept, bind};
use crate::net::log::Log;
use crate::net::relay::Relay;
use crate::net::sockopt::SocketOptions;
use crate::net::tls::Tls;
use crate::wire::Host;

impl Engine {
    /// One port for many sessions. The address is bound when this returns.
    ///
    /// # Errors
    /// `Connect` if it cannot be bound, `InvalidArgument` (a secure listener needs a certificate), `Gone`, `Forked`.
    pub fn listen(&self, options: ListenOptions) -> Result<ListenerHandle> {
        let core = self.core()?;
        core.check_running()?;
        let tls = options
            .secure
            .then(|| trust(core, options.tls.as_ref()))
            .transpose()?;
        let advertise = options.advertise.as_ref();
        let speaks = match tls {
            None => Speaks::Plain,
            // The fingerprint that the SDP of its sessions have told stays true.
            Some(tls) if tls.last().is_pinned() => Speaks::Fixed(tls.last()),
            Some(tls) => Speaks::Current(tls),
        };
        validate::listen(&options)?;
        let sockets = SocketOptions {
            interface: options.interface.clone(),
            dscp: options.dscp,
            keepalive: options.tcp_keepalive,
            idle: options.idle,
        };
        let ports = ports(core, options.port, options.port_range.as_ref());
        let listener = Listener::open(core, (&options.host, ports), speaks, advertise, sockets)?;
        Self::add_listener(core, listener)
    }

    /// Gives a listener its handle.
    pub(super) fn add_listener(core: &Core, listener: Listener) -> Result<ListenerHandle> {
        let mut listeners = core.listeners.lock();
        let reserved = listeners.reserve()?;
        listeners.fill(reserved, Arc::new(listener));
        // A shutdown meanwhile has not seen this one.
        if core.is_stopping() {
            let late = listeners.remove(reserved.handle, None);
            drop(listeners);
            drop(late);
            core.check_running()?;
        }
        Ok(ListenerHandle(reserved.handle))
    }

    /// Where it listens; the port is the real one.
    pub fn listener_address(&self, listener: ListenerHandle) -> Result<SocketAddr> {
        Ok(find_listener(self.core()?, listener)?.address)
    }

    /// Accepts nothing more. Sessions live on.
    pub fn close_listener(&self, listener: ListenerHandle) -> Result<()> {
        let removed = self.core()?.listeners.lock().remove(listener.0, None);
        removed.map(drop).ok_or_else(listener_gone)
    }
}

/// A bound port. Dropped, it accepts nothing more, and the port is free.
#[derive(Debug)]
pub(super) struct Listener {
    /// Its number among the engine's connections and listeners.
    pub(super) number: u64,
    pub(super) address: SocketAddr,
    /// Host and port for the URIs of its sessions; none where that cannot be known.
    pub(super) authority: Option<(Host, u16)>,
    /// What its connections meet.
    door: Door,
    socket: Arc<TcpListener>,
    task: AbortHandle,
}

impl Listener {
    /// Binds `host` and accepts connections from now on.
    pub(super) fn open(
        core: &Core,
        (host, ports): (&str, Ports),
        speaks: Speaks,
        advertise: Option<&(String, u16)>,
        options: SocketOptions,
    ) -> Result<Self> {
        validate::advertise(advertise)?;
        validate::host(host, advertise)?;
        Self::open_for(core, (host, ports), speaks, advertise, options, None)
    }

    /// Binds `host` for a relay, and accepts connections from now on.
    pub(super) fn open_for_relay(
        core: &Core,
        place: (&str, Ports),
        speaks: Speaks,
        options: SocketOptions,
        relay: &Arc<Relay>,
    ) -> Result<Self> {
        Self::open_for(core, place, speaks, None, options, Some(Arc::clone(relay)))
    }

    fn open_for(
        core: &Core,
        (host, ports): (&str, Ports),
        speaks: Speaks,
        advertise: Option<&(String, u16)>,
        mut options: SocketOptions,
        relay: Option<Arc<Relay>>,
    ) -> Result<Self> {
        if speaks.tls().is_some_and(|tls| !tls.has_identity()) {
            return Err(Error::invalid_argument(
                "tls: a listener needs cert and key",
            ));
        }
        let failed = |error: std::io::Error| {
            Error::transport(
                ErrorKind::Connect,
                format!("cannot listen on {host}: {error}"),
            )
        };
        let listener = bind(host, &ports, &options)?;
        // Its connections inherit that.
        options.interface = None;
        let address = listener.local_addr().map_err(failed)?;
        let authority = match advertise {
            Some((host, 0)) => Some((host.parse()?, address.port())),
            Some((host, port)) => Some((host.parse()?, *port)),
            None => authority(host, address)?,
        };
        let number = core.shared.context.number();
        let _entered = core.handle.enter();
        let socket = Arc::new(TcpListener::from_std(listener).map_err(failed)?);
        let context = Arc::clone(&core.shared.context);
        let door = Door {
            number,
            speaks,
            options: Arc::new(options),
            relay,
        };
        let accepting = accept(context, Arc::clone(&socket), door.clone());
        let task = tokio::spawn(accepting).abort_handle();
        Ok(Self {
            number,
            address,
            authority,
            door,
            socket,
            task,
        })
    }
}

impl Listener {
    /// The TLS configuration that its connections meet now, if it is secure.
    pub(super) fn tls(&self, log: &Log) -> Option<Arc<Tls>> {
        if let Speaks::Current(configured) = &self.door.speaks {
            return Some(configured.now(log));
        }
        self.door.speaks.tls()
    }

    /// For a connection that somebody else has accepted.
    pub(super) fn door(&self) -> Door {
        self.door.clone()
    }

    /// Lets sessions dial from its port. Its own address is in use for other listeners as before, but for those of this
    /// user that ask for the same.
    pub(super) fn share_port(&self) -> Result<()> {
        #[cfg(unix)]
        SockRef::from(&*self.socket)
            .set_reuse_port(true)
            .map_err(|error| {
                let text = format!("cannot dial from {}: {error}", self.address);
                Error::transport(ErrorKind::Connect, text)
            })?;
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The task lets go of the socket when it next runs, and a forked child never does: this ends the listening
        // itself. Where a system does not know it for listeners, closing has to do. The task is told first, so that it
        // takes this for no failure.
        self.task.abort();
        let _ = SockRef::from(&*self.socket).shutdown(std::net::Shutdown::Both);
    }
}

/// The ports that a listener may have: its own, or one of its range, or of the engine's.
pub(super) fn ports(core: &Core, port: u16, range: Option<&RangeInclusive<u16>>) -> Ports {
    match range.or(core.port_range.as_ref()) {
        Some(range) if port == 0 => {
            let start = core.next_port.fetch_add(1, Ordering::Relaxed);
            Ports::Range(range.clone(), start)
        }
        _ => Ports::One(port),
    }
}

/// The host as it was given, which a certificate may name, with the port that was bound. A wildcard cannot
/// stand in a path.
fn authority(host: &str, address: SocketAddr) -> Result<Option<(Host, u16)>> {
    if address.ip().is_unspecified() {
        return Ok(None);
    }
    let host: Host = host.parse()?;
    let is_address = host.ip().is_some();
    let host = if is_address {
        plain(address.ip())
    } else {
        host
    };
    Ok(Some((host, address.port())))
}

fn plain(address: IpAddr) -> Host {
    address.to_canonical().into()
}

pub(super) fn find_listener(core: &Core, listener: ListenerHandle) -> Result<Arc<Listener>> {
    core.listeners
        .lock()
        .get(listener.0)
        .cloned()
        .ok_or_else(listener_gone)
}

fn listener_gone() -> Error {
    Error::local(ErrorKind::Gone, "listener is closed")
}
