//! TLS configurations of hosts, read once: equal ones give one object, so that sessions with equal identity
//! and trust may share a connection (RFC 4975 §5.4).
//!
//! What follows from a configuration is made in `net::tls`.

use std::sync::Arc;

use parking_lot::Mutex;

use super::lifecycle::Core;
use super::options::{TlsConfig, TlsVerify};
use crate::error::Result;
use crate::net::log::{Log, LogLevel};
use crate::net::tls::Tls;

/// Configurations that are remembered.
const REMEMBERED: usize = 64;

/// The configurations of an engine.
pub(super) struct Trust {
    log: Arc<Log>,
    known: Mutex<Vec<(TlsConfig, Arc<Tls>)>>,
}

impl Trust {
    /// None yet.
    pub(super) fn new(log: Arc<Log>) -> Self {
        Self {
            log,
            known: Mutex::default(),
        }
    }

    /// The object for a configuration; its files are read when it is seen for the first time.
    ///
    /// # Errors
    /// `InvalidArgument` for files and PEM that cannot be read, and `Tls`.
    pub(super) fn get(&self, config: &TlsConfig) -> Result<Arc<Tls>> {
        let known = self
            .known
            .lock()
            .iter()
            .find(|(other, _)| other == config)
            .cloned();
        if let Some((_, tls)) = known {
            return Ok(tls);
        }
        let tls = Arc::new(Tls::new(config)?);
        if config.verify == TlsVerify::None {
            let text = format_args!("TLS: certificates of peers are not verified");
            self.log.write(LogLevel::Warn, text);
        }
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED {
            known.remove(0);
        }
        known.push((config.clone(), Arc::clone(&tls)));
        Ok(tls)
    }
}

/// The TLS of a session or listener: its own, or the engine's.
pub(super) fn trust(core: &Core, config: Option<&TlsConfig>) -> Result<Arc<Tls>> {
    match config.or(core.tls.as_ref()) {
        Some(config) => core.trust.get(config),
        None => core.trust.get(&TlsConfig::default()),
    }
}
