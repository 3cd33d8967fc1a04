//! Files of a TLS configuration that change while the engine runs: new handshakes use what is in them, connections that
//! are there live on.
//!
//! Whether a file has changed is seen by its time, length and number. If the new content cannot be used, as when a
//! certificate was written and its key was not yet, the old one stays, and the log says so once.

use std::fs::Metadata;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::Tls;
use super::config::{PemSource, TlsConfig, TlsVerify};
use crate::error::Result;
use crate::net::log::{Log, LogLevel};

/// Distance between two looks at the files for connections that are accepted.
const LOOK: Duration = Duration::from_secs(1);

/// A configuration, and what was read of it last.
#[derive(Debug)]
pub(crate) struct Configured {
    config: TlsConfig,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tls: Arc<Tls>,
    /// The files as they were before they were read.
    seen: Vec<Seen>,
    looked: Instant,
}

/// A file as it was; `None` where it cannot be looked at.
type Seen = Option<(Option<SystemTime>, u64, u64)>;

impl Configured {
    /// Reads a configuration for the first time. What is less safe than it looks is told to the log.
    ///
    /// # Errors
    /// As [`Tls::new`].
    pub(crate) fn new(config: &TlsConfig, log: &Log) -> Result<Arc<Self>> {
        let seen = look(config);
        let tls = Arc::new(Tls::new(config)?);
        if config.verify == TlsVerify::None {
            let text = format_args!("TLS: certificates of peers are not verified");
            log.write(LogLevel::Warn, text);
        }
        if let Some(path) = &config.keylog {
            let text = format_args!(
                "TLS: the keys of connections are written to {}: whoever has it can read them",
                path.display()
            );
            log.write(LogLevel::Warn, text);
        }
        Ok(Arc::new(Self {
            config: config.clone(),
            state: Mutex::new(State {
                tls,
                seen,
                looked: Instant::now(),
            }),
        }))
    }

    /// What hosts said.
    pub(crate) fn config(&self) -> &TlsConfig {
        &self.config
    }

    /// What was read last.
    pub(crate) fn last(&self) -> Arc<Tls> {
        Arc::clone(&self.state.lock().tls)
    }

    /// What is there now: files that changed are read again.
    pub(crate) fn now(&self, log: &Log) -> Arc<Tls> {
        let seen = look(&self.config);
        let is_known = {
            let mut state = self.state.lock();
            state.looked = Instant::now();
            state.seen == seen
        };
        if !is_known {
            // The log has told it.
            let _ = self.read(seen, log);
        }
        self.last()
    }

    /// As [`now`](Self::now), for a task, and with one look in a second at most.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn recent(self: &Arc<Self>, log: &Arc<Log>) -> Arc<Tls> {
        let is_due = {
            let mut state = self.state.lock();
            let now = Instant::now();
            let is_due = !state.seen.is_empty() && now >= state.looked + LOOK;
            if is_due {
                // Others need not look meanwhile.
                state.looked = now;
            }
            is_due
        };
        if is_due {
            let (this, log) = (Arc::clone(self), Arc::clone(log));
            // It fails where the engine ends.
            if let Ok(tls) = tokio::task::spawn_blocking(move || this.now(&log)).await {
                return tls;
            }
        }
        self.last()
    }

    /// Reads everything again, changed or not, the system's CAs too.
    ///
    /// # Errors
    /// As [`Tls::new`]; what was read before stays.
    pub(crate) fn reload(&self, log: &Log) -> Result<()> {
        self.read(look(&self.config), log)
    }

    fn read(&self, seen: Vec<Seen>, log: &Log) -> Result<()> {
        // Not under the lock: files may be slow.
        let read = Tls::new(&self.config);
        let mut state = self.state.lock();
        state.seen = seen;
        match read {
            Ok(tls) => {
                let is_new = !tls.is_same(&state.tls);
                if is_new {
                    // Sessions share connections by this object.
                    state.tls = Arc::new(tls);
                }
                drop(state);
                if is_new {
                    log.write(
                        LogLevel::Info,
                        format_args!("TLS: read anew{}", self.files()),
                    );
                }
                Ok(())
            }
            Err(error) => {
                drop(state);
                let text = format_args!(
                    "TLS: what was read before stays in use: {error}{}",
                    self.files()
                );
                log.write(LogLevel::Warn, text);
                Err(error)
            }
        }
    }

    /// The names of the files, for the log.
    fn files(&self) -> String {
        let names: Vec<String> = files(&self.config)
            .map(|path| path.display().to_string())
            .collect();
        match names.as_slice() {
            [] => String::new(),
            names => format!(" ({})", names.join(", ")),
        }
    }
}

fn files(config: &TlsConfig) -> impl Iterator<Item = &PathBuf> {
    [&config.ca, &config.cert, &config.key]
        .into_iter()
        .filter_map(|source| match source {
            Some(PemSource::File(path)) => Some(path),
            Some(PemSource::Text(_)) | None => None,
        })
}

fn look(config: &TlsConfig) -> Vec<Seen> {
    files(config)
        .map(|path| {
            // What is read from a pipe comes once.
            let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
            #[cfg(unix)]
            let number = std::os::unix::fs::MetadataExt::ino(&metadata);
            #[cfg(not(unix))]
            let number = 0;
            Some((metadata.modified().ok(), metadata.len(), number))
        })
        .collect()
}
