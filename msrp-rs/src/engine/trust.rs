//! TLS configurations of hosts, remembered: equal ones give one object, so that sessions with equal identity
//! and trust may share a connection (RFC 4975 §5.4).
//!
//! What follows from a configuration, and when its files are read, is decided in `net::tls`.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Engine;
use super::lifecycle::Core;
use super::options::TlsConfig;
use crate::error::Result;
use crate::net::log::Log;
use crate::net::tls::Configured;

/// Configurations that are remembered while nothing uses them.
const REMEMBERED: usize = 64;

impl Engine {
    /// Reads the files of all TLS configurations again, changed or not, and the system's CAs: for those who are told by
    /// a signal, and do not want to wait until the engine looks (see [`TlsConfig`]). New handshakes use what is there
    /// now; connections that are there live on.
    ///
    /// # Errors
    /// `InvalidArgument` naming the file of the first configuration that cannot be used; the old content stays in use,
    /// and the other configurations are read all the same. `Gone` after `shutdown`, `Forked`.
    pub fn reload_tls(&self) -> Result<()> {
        let core = self.core()?;
        core.check_running()?;
        let known = core.trust.known.lock().clone();
        let log = &core.shared.context.log;
        let mut result = Ok(());
        for configured in known {
            let reloaded = configured.reload(log);
            result = result.and(reloaded);
        }
        result
    }
}

/// The configurations of an engine, the last used last.
pub(super) struct Trust {
    log: Arc<Log>,
    known: Mutex<Vec<Arc<Configured>>>,
}

impl Trust {
    /// None yet.
    pub(super) fn new(log: Arc<Log>) -> Self {
        Self {
            log,
            known: Mutex::default(),
        }
    }

    /// The object for a configuration; its files are read when it is seen for the first time, and when they have
    /// changed.
    ///
    /// # Errors
    /// `InvalidArgument` for files and PEM that cannot be read, and `Tls`.
    pub(super) fn get(&self, config: &TlsConfig) -> Result<Arc<Configured>> {
        if let Some(known) = self.find(config) {
            known.now(&self.log);
            return Ok(known);
        }
        let configured = Configured::new(config, &self.log)?;
        // Another thread may have been quicker.
        if let Some(known) = self.find(config) {
            return Ok(known);
        }
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED {
            // Those that are used are kept: listeners look at them.
            let unused = known.iter().position(|known| Arc::strong_count(known) == 1);
            if let Some(unused) = unused {
                known.remove(unused);
            }
        }
        known.push(Arc::clone(&configured));
        Ok(configured)
    }

    fn find(&self, config: &TlsConfig) -> Option<Arc<Configured>> {
        let mut known = self.known.lock();
        let index = known.iter().position(|known| known.config() == config)?;
        let found = known.remove(index);
        known.push(Arc::clone(&found));
        Some(found)
    }
}

/// The TLS of a session or listener: its own, or the engine's.
pub(super) fn trust(core: &Core, config: Option<&TlsConfig>) -> Result<Arc<Configured>> {
    match config.or(core.tls.as_ref()) {
        Some(config) => core.trust.get(config),
        None => core.trust.get(&TlsConfig::default()),
    }
}
