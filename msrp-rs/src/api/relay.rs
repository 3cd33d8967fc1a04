//! A relay in this process, as the async API shows it.
//!
//! What it does is done by the [facade](crate::engine).

use std::net::SocketAddr;
use std::time::Duration;

use super::Engine;
use crate::engine::{
    self as facade, ListenerHandle, RelayHandle, RelayListenOptions, RelayOptions, RelayStats,
};
use crate::error::Result;

/// A relay (RFC 4976) in this process. Dropped, it ends at once: its connections are closed.
///
/// It forwards what its clients send and what is sent to them, as octets arrive. Its clients log in with AUTH, over TLS;
/// whom they are and what they may do, [`RelayUsers`](crate::RelayUsers) and [`RelayPolicy`](crate::RelayPolicy) say.
///
/// ```no_run
/// # async fn example() -> msrp::Result<()> {
/// use msrp::{
///     Algorithm, Engine, EngineOptions, Ha1, PemSource, RelayAnswer, RelayCredentials,
///     RelayListenOptions, RelayOptions, RelayUsers, TlsConfig,
/// };
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// struct Alice;
///
/// impl RelayUsers for Alice {
///     fn credentials(&self, wanted: &RelayCredentials) -> RelayAnswer<Option<Ha1>> {
///         let (realm, algorithm) = (&wanted.realm, wanted.algorithm);
///         let known = &*wanted.user == "alice";
///         RelayAnswer::Now(known.then(|| Ha1::from_password(algorithm, "alice", realm, "secret")))
///     }
/// }
///
/// let engine = Engine::new(EngineOptions::default())?;
/// let mut options = RelayOptions::new("relay.example.com", Arc::new(Alice));
/// options.tls = Some(TlsConfig {
///     cert: Some(PemSource::File("relay.pem".into())),
///     key: Some(PemSource::File("relay.key".into())),
///     ..TlsConfig::default()
/// });
/// let relay = engine.relay(options)?;
/// let listener = relay.listen(RelayListenOptions::default())?;
/// println!("listening on {}", listener.local_addr());
/// // … and at the end:
/// relay.close(Duration::from_secs(30)).await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Relay {
    engine: facade::Engine,
    handle: RelayHandle,
}

impl Engine {
    /// A relay. It serves nobody before [`Relay::listen`].
    ///
    /// Errors: `InvalidArgument` naming the option and its bound, `InvalidUri` for a host, `Tls`, `Limit`, `Gone`,
    /// `Forked`.
    pub fn relay(&self, options: RelayOptions) -> Result<Relay> {
        let engine = self.facade().clone();
        let handle = engine.relay(options)?;
        Ok(Relay { engine, handle })
    }
}

impl Relay {
    /// Opens a port; it is bound when this returns.
    ///
    /// Errors: `Connect` if it cannot be bound, `InvalidArgument` (a secure listener needs a certificate), `Gone`,
    /// `Forked`.
    pub fn listen(&self, options: RelayListenOptions) -> Result<RelayListener> {
        let handle = self.engine.relay_listen(self.handle, options)?;
        Ok(RelayListener {
            address: self.engine.listener_address(handle)?,
            engine: self.engine.clone(),
            handle,
        })
    }

    /// Counters and sizes now.
    pub fn stats(&self) -> RelayStats {
        // It fails where the relay has ended.
        self.engine.relay_stats(self.handle).unwrap_or_default()
    }

    /// Ends all URIs of a user at once; gives how many there were. A login whose answer was asked for before has to
    /// prove the password once more.
    pub fn revoke(&self, user: &str) -> usize {
        let revoked = self.engine.relay_revoke(self.handle, user);
        revoked.unwrap_or_default()
    }

    /// Ends the relay in order: it accepts no connection, gives out no URI and connects to nobody new from now on,
    /// what is under way is finished until the deadline, then its connections are closed. Returns when they are.
    ///
    /// # Cancel safety
    /// Cancelled, the relay ends at once.
    pub async fn close(self, deadline: Duration) {
        let ended = self.engine.relay_ended(self.handle);
        if self.engine.relay_close(self.handle, deadline).is_ok() {
            ended.await;
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It fails where the relay has ended.
        let _ = self.engine.relay_close(self.handle, Duration::ZERO);
    }
}

/// A port of a relay. Dropped, it stays open: it ends with its relay, or with [`close`](Self::close).
#[derive(Debug)]
pub struct RelayListener {
    engine: facade::Engine,
    handle: ListenerHandle,
    address: SocketAddr,
}

impl RelayListener {
    /// The bound address, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more. Connections that are there live on.
    pub fn close(self) {
        // It fails where the relay has ended.
        let _ = self.engine.close_listener(self.handle);
    }
}
