//! A relay in this process (RFC 4976), beside sessions or alone.
//!
//! What it decides stands in `role::relay`, how it runs in `net::relay`; here are its options, its handle and its
//! figures.

mod events;
mod options;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::handle::{ListenerHandle, RelayHandle};
use super::lifecycle::Core;
use super::listeners::{Listener, ports};
use super::trust::trust;
use super::{Engine, TlsVerify, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::net::listener::Speaks;
use crate::net::log::LogLevel;
use crate::net::relay::{Parts, Relay, Running};
use crate::net::sockopt::SocketOptions;
use crate::role::relay::Office;

pub use crate::net::relay::host::{
    RelayAnswer, RelayAuthorisation, RelayCredentials, RelayMessage, RelayNextHop, RelayPolicy,
    RelayQuestion, RelayUsers,
};
pub use crate::net::relay::network::Network;
pub use crate::role::relay::{
    LinkCounts as RelayTraffic, Observation as RelayObservation, OfficeCounts as RelayDecisions,
    Verdict as RelayVerdict,
};
pub use events::{RelayEvents, RelayReply};
pub use options::{RelayListenOptions, RelayOptions};

/// A relay of an engine.
#[derive(Debug)]
pub(super) struct Served {
    relay: Arc<Relay>,
    events: Option<Arc<RelayEvents>>,
    has_ended: AtomicBool,
    /// None: it ends, and has none any more.
    listeners: Mutex<Option<Vec<ListenerHandle>>>,
}

impl Served {
    /// Ends it until then, as [`Engine::relay_close`] says.
    pub(super) async fn drain(&self, until: Instant) {
        self.relay.drain(until).await;
        self.tell_end();
    }

    /// Gives a listener of its own its handle. One that was bound while the relay ended is closed.
    fn adopt(&self, core: &Core, listener: Listener) -> Result<ListenerHandle> {
        let handle = Engine::add_listener(core, listener)?;
        if let Some(listeners) = &mut *self.listeners.lock() {
            listeners.push(handle);
            return Ok(handle);
        }
        let late = core.listeners.lock().remove(handle.0, None);
        drop(late);
        Err(gone())
    }

    fn tell_end(&self) {
        if let Some(events) = &self.events
            && !self.has_ended.swap(true, Relaxed)
        {
            events.ended();
        }
    }
}

/// Counters of a relay since its start, and sizes now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayStats {
    /// Connections now.
    pub connections: u64,
    /// Connections that came.
    pub accepted: u64,
    /// Connections to next hops that were made.
    pub dialled: u64,
    /// Those that could not be made, or were refused.
    pub dials_failed: u64,
    /// Connections closed to make room for others, or unused for too long.
    pub evicted: u64,
    /// What its connections have done; of those that are busy now, up to some seconds ago.
    pub traffic: RelayTraffic,
    /// What was decided about requests and AUTHs, and how many URIs hold now.
    pub decisions: RelayDecisions,
}

impl RelayStats {
    /// Names and values of all that is counted, for metrics. The first is a size.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let traffic = self.traffic;
        let own = [
            ("connections", self.connections),
            ("accepted", self.accepted),
            ("dialled", self.dialled),
            ("dials_failed", self.dials_failed),
            ("evicted", self.evicted),
            ("sends", traffic.sends),
            ("octets", traffic.octets),
            ("requests", traffic.requests),
            ("refused", traffic.refused),
            ("discarded", traffic.discarded),
            ("misaddressed", traffic.misaddressed),
            ("reports", traffic.reports),
            ("timeouts", traffic.timeouts),
            ("cuts", traffic.cuts),
            ("shed", traffic.shed),
        ];
        let decisions: Vec<_> = self.decisions.named().collect();
        own.into_iter().chain(decisions)
    }
}

impl Engine {
    /// A relay. It serves nobody before [`relay_listen`](Self::relay_listen).
    ///
    /// # Errors
    /// `InvalidArgument` naming the option and its bound, `InvalidUri` for a host, `Tls`, `Limit`, `Gone` after
    /// `shutdown`, `Forked`.
    pub fn relay(&self, options: RelayOptions) -> Result<RelayHandle> {
        let core = self.core()?;
        core.check_running()?;
        let office = options.office()?;
        let link_options = options.links()?;
        let wants_tls = options.tls.is_some() || core.tls.is_some();
        let tls = wants_tls
            .then(|| trust(core, options.tls.as_ref()))
            .transpose()?;
        if tls
            .as_ref()
            .is_some_and(|tls| tls.config().verify != TlsVerify::Ca)
        {
            return Err(Error::invalid_argument(
                "relay tls: verify has to be Ca: relays know each other by their certificates (RFC 4976 §9.2)",
            ));
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            let text = format!("no randomness from the system: {error}");
            Error::local(ErrorKind::Internal, text)
        })?;
        let context = &core.shared.context;
        if options.insecure_plain_auth {
            let text = format_args!(
                "relay: insecure_plain_auth is on: users log in, and relays meet, without TLS"
            );
            context.log.write(LogLevel::Warn, text);
        }
        let parts = Parts {
            running: Running {
                networks: options.networks,
                insecure_plain_auth: options.insecure_plain_auth,
                answer_timeout: options.answer_timeout,
                connections: options.max_connections,
                connections_per_address: options.max_connections_per_address,
                idle: options.idle,
            },
            link_options,
            office: Office::new(office, seed)?,
            tls,
            users: options.users,
            policy: options.policy,
        };
        let _entered = core.handle.enter();
        let relay = Served {
            relay: Relay::start(context, parts),
            events: options.events,
            has_ended: AtomicBool::new(false),
            listeners: Mutex::new(Some(Vec::new())),
        };
        let mut relays = core.relays.lock();
        let reserved = relays.reserve()?;
        relays.fill(reserved, Arc::new(relay));
        Ok(RelayHandle(reserved.handle))
    }

    /// Opens a port for a relay. The address is bound when this returns. The listener ends with its relay, or with
    /// [`close_listener`](Self::close_listener).
    ///
    /// # Errors
    /// `Connect` if it cannot be bound, `InvalidArgument` (a secure listener needs a certificate), `Gone` also while the
    /// relay ends, `Forked`.
    pub fn relay_listen(
        &self,
        relay: RelayHandle,
        options: RelayListenOptions,
    ) -> Result<ListenerHandle> {
        let core = self.core()?;
        core.check_running()?;
        let found = find(core, relay)?;
        if found.listeners.lock().is_none() {
            return Err(gone());
        }
        let speaks = match (options.secure, found.relay.tls()) {
            (false, _) => Speaks::Plain,
            (true, Some(tls)) => Speaks::Current(Arc::clone(tls)),
            (true, None) => {
                return Err(Error::invalid_argument(
                    "tls: a secure listener of a relay needs its cert and key",
                ));
            }
        };
        validate::relay_listen(&options)?;
        let sockets = SocketOptions {
            interface: options.interface,
            dscp: options.dscp,
            keepalive: options.tcp_keepalive,
            idle: None,
        };
        let place = (options.host.as_str(), ports(core, options.port, None));
        let listener = Listener::open_for_relay(core, place, speaks, sockets, &found.relay)?;
        let bound = listener.address.port();
        let port = options.advertise_port.unwrap_or(bound);
        let handle = found.adopt(core, listener)?;
        found.relay.listens(port, options.secure);
        Ok(handle)
    }

    /// Counters and sizes of a relay now.
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn relay_stats(&self, relay: RelayHandle) -> Result<RelayStats> {
        let found = find(self.core()?, relay)?;
        let (traffic, links, decisions) = found.relay.figures();
        let counts = &found.relay.counts;
        Ok(RelayStats {
            connections: links as u64,
            accepted: counts.accepted.load(Relaxed),
            dialled: counts.dialled.load(Relaxed),
            dials_failed: counts.dials_failed.load(Relaxed),
            evicted: counts.evicted.load(Relaxed),
            traffic,
            decisions,
        })
    }

    /// Ends all URIs of a user at once; gives how many there were. He can log in again: for that ask
    /// [`RelayUsers`]. A login whose answer was asked for before has to prove the password once more.
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn relay_revoke(&self, relay: RelayHandle, user: &str) -> Result<usize> {
        Ok(find(self.core()?, relay)?.relay.revoke(user))
    }

    /// Waits until a relay has no connection.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) fn relay_ended(&self, relay: RelayHandle) -> impl Future<Output = ()> + use<> {
        let found = self.core().and_then(|core| find(core, relay));
        async move {
            if let Ok(found) = found {
                found.relay.wait_ended().await;
            }
        }
    }

    /// Ends a relay: it accepts no connection, gives out no URI and connects to nobody new from now on; what is under way
    /// is finished until the deadline. Then its connections are closed. Returns at once; the handle ends with the last
    /// connection.
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn relay_close(&self, relay: RelayHandle, deadline: Duration) -> Result<()> {
        let core = self.core()?;
        let found = find(core, relay)?;
        found.relay.stop();
        let listeners = found.listeners.lock().take();
        for listener in listeners.into_iter().flatten() {
            // One that is closed is none.
            let _ = self.close_listener(listener);
        }
        let until = Instant::now() + validate::timeout(Some(deadline));
        let core = Arc::downgrade(core);
        let draining = Arc::clone(&found);
        let runtime = self.core()?.handle.clone();
        runtime.spawn(async move {
            draining.relay.drain(until).await;
            // Who is told finds nothing any more.
            if let Some(core) = core.upgrade() {
                let removed = core.relays.lock().remove(relay.0, None);
                drop(removed);
            }
            draining.tell_end();
        });
        Ok(())
    }
}

fn find(core: &Core, relay: RelayHandle) -> Result<Arc<Served>> {
    core.relays.lock().get(relay.0).cloned().ok_or_else(gone)
}

fn gone() -> Error {
    Error::local(ErrorKind::Gone, "relay is closed")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;
    use crate::engine::EngineOptions;
    use crate::net::listener::Ports;
    use crate::proto::auth::Ha1;

    /// There are no users.
    struct Nobody;

    impl RelayUsers for Nobody {
        fn credentials(&self, _: &RelayCredentials) -> RelayAnswer<Option<Ha1>> {
            RelayAnswer::Now(None)
        }
    }

    #[test]
    fn a_listener_that_is_bound_while_its_relay_ends_is_closed() {
        let engine = Engine::new(EngineOptions::default()).expect("an engine");
        let options = RelayOptions::new("relay.example.com", Arc::new(Nobody));
        let relay = engine.relay(options).expect("a relay");
        let core = engine.core().expect("alive");
        // As far as `relay_listen` goes before others see the listener.
        let found = find(core, relay).expect("alive");
        let place = ("127.0.0.1", Ports::One(0));
        let sockets = SocketOptions::default();
        let listener = Listener::open_for_relay(core, place, Speaks::Plain, sockets, &found.relay);
        let listener = listener.expect("a port");
        let address = listener.address;
        engine.relay_close(relay, Duration::ZERO).expect("alive");
        let late = found.adopt(core, listener).expect_err("the relay ends");
        assert_eq!(late.kind, ErrorKind::Gone);
        assert_eq!(core.listeners.lock().iter().count(), 0);
        TcpStream::connect(address).expect_err("nobody listens");
    }
}
