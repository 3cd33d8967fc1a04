//! Traces: what goes over the connections of an engine, in files that tshark and Wireshark read.
//!
//! `watch` looks at the frames of a connection and puts those of a trace into its queue, which is bounded: what does
//! not fit is dropped and counted, and no connection waits. A thread of the trace (`writer`) masks what is secret
//! (`mask`), makes packets of the frames (`packet`), and writes them into files that are cut by length (`file`).
//!
//! A file holds one request or response per TCP segment, decrypted, under headers that are made up but for addresses
//! and ports.

mod file;
mod mask;
mod packet;
mod queue;
mod watch;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

pub(crate) use queue::Queue;
pub(crate) use watch::{Ends, Watch};

use super::log::{Log, LogLevel};
use crate::error::{Error, ErrorKind, Result};
use file::Files;

/// How long the end of a trace waits for what is queued.
const FINISH: Duration = Duration::from_secs(5);

/// Where a trace goes, and what is in it.
#[derive(Debug, Clone)]
pub(crate) struct TraceParts {
    pub(crate) path: PathBuf,
    pub(crate) secrets: bool,
    pub(crate) max_bytes: u64,
    pub(crate) files: usize,
    pub(crate) queue_bytes: usize,
}

/// The trace of an engine, if there is one.
#[derive(Default)]
pub(crate) struct Trace {
    /// Whether there is one: looked at before the lock.
    active: AtomicBool,
    current: RwLock<Option<Arc<Queue>>>,
    /// One start or stop at a time.
    changing: Mutex<()>,
    pub(crate) counters: Arc<Counters>,
}

/// Frames, or parts of frames longer than a segment, since the start of the engine.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl Trace {
    /// Where frames go now.
    pub(crate) fn queue(&self) -> Option<Arc<Queue>> {
        if !self.active.load(Relaxed) {
            return None;
        }
        self.current
            .read()
            .as_ref()
            .filter(|queue| !queue.is_closed())
            .cloned()
    }

    /// Starts a trace; one that is there ends.
    ///
    /// # Errors
    /// `InvalidArgument` if the file cannot be made, `Limit` if the system gives no thread.
    pub(crate) fn start(&self, parts: TraceParts, log: &Arc<Log>) -> Result<()> {
        let _changing = self.changing.lock();
        let path = parts.path.display().to_string();
        let files = Files::create(parts.path, parts.max_bytes, parts.files)
            .map_err(|error| Error::invalid_argument(format!("trace: {path}: {error}")))?;
        let queue = Arc::new(Queue::new(parts.queue_bytes, Arc::clone(&self.counters)));
        let (taken, log) = (Arc::clone(&queue), Arc::clone(log));
        std::thread::Builder::new()
            .name("msrp-trace".into())
            .spawn(move || {
                if let Err(error) = writer::run(&taken, files, parts.secrets) {
                    let error = format_args!("the trace ended: {path}: {error}");
                    log.write(LogLevel::Warn, error);
                }
                taken.finish();
            })
            .map_err(|error| {
                let text = format!("cannot start the thread of the trace: {error}");
                Error::local(ErrorKind::Limit, text)
            })?;
        let before = self.current.write().replace(queue);
        self.active.store(true, Relaxed);
        if let Some(before) = before {
            before.close();
            before.wait_finished(FINISH);
        }
        Ok(())
    }

    /// Ends the trace, if there is one: what is queued is written, for up to a second.
    pub(crate) fn stop(&self) {
        let _changing = self.changing.lock();
        self.active.store(false, Relaxed);
        let queue = self.current.write().take();
        if let Some(queue) = queue {
            queue.close();
            queue.wait_finished(FINISH);
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if let Some(queue) = self.current.get_mut() {
            // Its thread writes what is queued and ends.
            queue.close();
        }
    }
}
