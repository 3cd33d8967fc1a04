//! How a host sees what its engine does: counters, the trace, the log.
//!
//! Counting is done in `proto::counters` and `net::memory`, writing in `net::trace` and `net::log`.

use std::sync::atomic::Ordering::Relaxed;

use super::options::TraceOptions;
use super::stats::Stats;
use super::{Engine, validate};
use crate::error::Result;
use crate::net::log::{LogLevel, LogRecord};

impl Engine {
    /// Counters and sizes now. In a forked child all are 0.
    pub fn stats(&self) -> Stats {
        let Ok(core) = self.core() else {
            return Stats::default();
        };
        let context = &core.shared.context;
        let memory = &context.memory;
        let (receive_held, receive_held_peak) = memory.received();
        Stats {
            connections: memory.connections.load(Relaxed),
            unbound_connections: context.unbound.len() as u64,
            sessions: context.registry.len() as u64,
            messages_sent: memory.messages_sent.load(Relaxed),
            messages_received: memory.messages_received.load(Relaxed),
            bytes_sent: memory.bytes_sent.load(Relaxed),
            bytes_received: memory.bytes_received.load(Relaxed),
            receive_held: receive_held as u64,
            send_held: memory.sent() as u64,
            receive_held_peak: receive_held_peak as u64,
            sessions_shed: memory.sessions_shed.load(Relaxed),
            reading_paused: memory.reading_paused.load(Relaxed),
            protocol_errors: memory.protocol_errors.load(Relaxed),
            tls_unverified: memory.tls_unverified.load(Relaxed),
            messages_failed: memory.messages_failed.load(Relaxed),
            counts: context.counters.snapshot(),
            trace_written: context.trace.counters.written.load(Relaxed),
            trace_dropped: context.trace.counters.dropped.load(Relaxed),
        }
    }

    /// Starts a trace of all connections, or ends it with `None`. One that is there ends first: this waits up to a
    /// second until what it holds is written. Connections that exist are traced from their next request or response on.
    /// A trace also ends by itself where its file cannot be written; that is logged as a warning, and harms no session.
    ///
    /// # Errors
    /// `InvalidArgument` naming the option and its bound, or the file and why it cannot be made; `Limit` if the system
    /// gives no thread; `Gone` after `shutdown`; `Forked`.
    pub fn set_trace(&self, options: Option<TraceOptions>) -> Result<()> {
        let core = self.core()?;
        let context = &core.shared.context;
        let Some(options) = options else {
            context.trace.stop();
            return Ok(());
        };
        core.check_running()?;
        validate::trace(&options)?;
        context.trace.start(options.into(), &context.log)
    }

    /// Queues the engine's log for [`take_log`](Self::take_log), up to this level; `None` ends it. Rust programs that
    /// subscribe to `tracing` need it not: they get every record anyway, those of [`LogLevel::Trace`] with the target
    /// `msrp::wire`, the others with `msrp`.
    ///
    /// # Errors
    /// `Forked`.
    pub fn set_log(&self, level: Option<LogLevel>) -> Result<()> {
        self.core()?.shared.context.log.set_level(level);
        Ok(())
    }

    /// Records of the log that were queued, about `max_bytes` octets of them, and how many were dropped before because
    /// the queue, 256 KiB, was full. When there are some, one domain of the engine is woken.
    pub fn take_log(&self, max_bytes: usize) -> (Vec<LogRecord>, u64) {
        self.core()
            .map(|core| core.shared.context.log.take(max_bytes))
            .unwrap_or_default()
    }
}
