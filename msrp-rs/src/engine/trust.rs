//! TLS configurations of hosts, read once: equal ones give one object, so that sessions with equal identity
//! and trust may share a connection (RFC 4975 §5.4).
//!
//! What follows from a configuration is made in `net::tls`.

use std::sync::Arc;

use parking_lot::Mutex;

use super::lifecycle::Core;
use super::options::{PemSource, TlsConfig, TlsVerify};
use crate::error::{Error, Result};
use crate::net::log::{Log, LogLevel};
use crate::net::tls::{Tls, TlsParts, Verify};

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
        let tls = Arc::new(Tls::new(TlsParts {
            ca: config
                .ca
                .as_ref()
                .map(|source| read("ca", source))
                .transpose()?,
            cert: config
                .cert
                .as_ref()
                .map(|source| read("cert", source))
                .transpose()?,
            key: config
                .key
                .as_ref()
                .map(|source| read("key", source))
                .transpose()?,
            verify: match config.verify {
                TlsVerify::Ca => Verify::Authority,
                TlsVerify::Fingerprint => Verify::Fingerprint,
                TlsVerify::None => Verify::Nothing,
            },
            server_name: config.server_name.clone(),
        })?);
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

pub(super) fn read(option: &str, source: &PemSource) -> Result<Vec<u8>> {
    match source {
        PemSource::Text(text) => Ok(text.clone()),
        PemSource::File(path) => std::fs::read(path).map_err(|error| {
            Error::invalid_argument(format!(
                "tls.{option}: cannot read {}: {error}",
                path.display()
            ))
        }),
    }
}

/// The TLS of a session or listener: its own, or the engine's.
pub(super) fn trust(core: &Core, config: Option<&TlsConfig>) -> Result<Arc<Tls>> {
    match config.or(core.tls.as_ref()) {
        Some(config) => core.trust.get(config),
        None => core.trust.get(&TlsConfig::default()),
    }
}
