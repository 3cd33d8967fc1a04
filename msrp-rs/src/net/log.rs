//! The log of one engine: every record goes to `tracing`, for Rust programs that subscribe, and, up to the level that a
//! host asked for, into a bounded queue that the host takes where it takes events. So no foreign code runs on a thread
//! of the engine, and no process-wide subscriber is needed.
//!
//! Texts hold no credential, no body and no whole session-id (RFC 4975 §14.1).

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::ready::Ready;

/// Octets of the records that wait for the host, `RECORD` more for each; beyond it new ones are dropped and counted.
pub(crate) const QUEUE: usize = 256 * 1024;
/// What a record takes beside its text.
pub(crate) const RECORD: usize = 64;
/// The longest text of a record; what is longer is cut.
pub(crate) const TEXT: usize = 4096;

/// How important a log record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LogLevel {
    /// A defect.
    Error = 1,
    /// Something failed, or is less safe than it looks.
    Warn = 2,
    /// Rare events of the engine.
    Info = 3,
    /// Connections come and go.
    Debug = 4,
    /// The log of the wire: a line for each request and response.
    Trace = 5,
}

/// One record of an engine's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRecord {
    /// How important it is. The log of the wire, and nothing else, is [`LogLevel::Trace`].
    pub level: LogLevel,
    /// One line without its end, at most 4096 octets: no credential, no body, no whole session-id.
    pub text: String,
}

/// An engine's log.
#[derive(Default)]
pub(crate) struct Log {
    /// The level that is queued, 0 for none.
    level: AtomicU8,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    records: VecDeque<LogRecord>,
    len: usize,
    lost: u64,
    /// Who is woken: the first that is there.
    consumers: Vec<Weak<Ready>>,
}

impl Queue {
    fn consumer(&mut self) -> Option<Arc<Ready>> {
        let ready = |ready: &Weak<Ready>| ready.upgrade().filter(|ready| !ready.is_closed());
        self.consumers.retain(|consumer| ready(consumer).is_some());
        self.consumers.first().and_then(ready)
    }
}

impl Log {
    /// Queues records up to this level from now on; `None` ends it and drops what waits.
    pub(crate) fn set_level(&self, level: Option<LogLevel>) {
        self.level
            .store(level.map_or(0, |level| level as u8), Relaxed);
        if level.is_none() {
            let mut queue = self.queue.lock();
            queue.records = VecDeque::new();
            (queue.len, queue.lost) = (0, 0);
        }
    }

    /// Whether records of this level are queued.
    fn is_queued(&self, level: LogLevel) -> bool {
        self.level.load(Relaxed) >= level as u8
    }

    /// Whether anybody wants the log of the wire.
    pub(crate) fn wants_wire(&self) -> bool {
        self.is_queued(LogLevel::Trace)
            || tracing::enabled!(target: "msrp::wire", tracing::Level::TRACE)
    }

    /// A record about a connection. The text is made only if somebody wants it.
    pub(crate) fn connection(&self, level: LogLevel, number: u64, text: fmt::Arguments<'_>) {
        self.write(level, format_args!("connection {number}: {text}"));
    }

    /// A record.
    pub(crate) fn write(&self, level: LogLevel, text: fmt::Arguments<'_>) {
        match level {
            LogLevel::Error => tracing::error!(target: "msrp", "{text}"),
            LogLevel::Warn => tracing::warn!(target: "msrp", "{text}"),
            LogLevel::Info => tracing::info!(target: "msrp", "{text}"),
            LogLevel::Debug => tracing::debug!(target: "msrp", "{text}"),
            LogLevel::Trace => tracing::trace!(target: "msrp::wire", "{text}"),
        }
        if self.is_queued(level) {
            self.push(level, text.to_string());
        }
    }

    fn push(&self, level: LogLevel, mut text: String) {
        if text.len() > TEXT {
            text.truncate(text.floor_char_boundary(TEXT));
        }
        let consumer = {
            let mut queue = self.queue.lock();
            let len = text.len() + RECORD;
            if queue.len + len > QUEUE {
                queue.lost += 1;
                return;
            }
            queue.len += len;
            queue.records.push_back(LogRecord { level, text });
            // It is woken by the first and takes all.
            (queue.records.len() == 1)
                .then(|| queue.consumer())
                .flatten()
        };
        if let Some(consumer) = consumer {
            consumer.wake();
        }
    }

    /// A consumer that may be woken for records.
    pub(crate) fn add_consumer(&self, ready: &Arc<Ready>) {
        let mut queue = self.queue.lock();
        // Forgets those that are gone.
        queue.consumer();
        queue.consumers.push(Arc::downgrade(ready));
    }

    /// What waits, and how many records were dropped before. `len` bounds the octets taken at once; what is left wakes
    /// again.
    pub(crate) fn take(&self, len: usize) -> (Vec<LogRecord>, u64) {
        let (taken, lost, consumer) = {
            let mut queue = self.queue.lock();
            let mut room = len;
            let mut taken = Vec::new();
            while let Some(record) = queue.records.front()
                && (taken.is_empty() || record.text.len() + RECORD <= room)
            {
                let record_len = record.text.len() + RECORD;
                room = room.saturating_sub(record_len);
                queue.len -= record_len;
                taken.extend(queue.records.pop_front());
            }
            let more = !queue.records.is_empty();
            let lost = std::mem::take(&mut queue.lost);
            (taken, lost, more.then(|| queue.consumer()).flatten())
        };
        if let Some(consumer) = consumer {
            consumer.wake();
        }
        (taken, lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (Log, usize) {
        let log = Log::default();
        log.set_level(Some(LogLevel::Debug));
        let text = "x".repeat(1024 - RECORD);
        for _ in 0..QUEUE / 1024 {
            log.write(LogLevel::Debug, format_args!("{text}"));
        }
        (log, QUEUE / 1024)
    }

    #[test]
    fn records_beyond_the_queue_are_dropped_and_counted() {
        let (log, fitting) = filled();
        let (records, lost) = log.take(usize::MAX);
        assert_eq!((records.len(), lost), (fitting, 0));

        let (log, fitting) = filled();
        log.write(LogLevel::Error, format_args!(""));
        log.write(LogLevel::Error, format_args!(""));
        let (records, lost) = log.take(usize::MAX);
        assert_eq!((records.len(), lost), (fitting, 2));
        log.write(LogLevel::Error, format_args!("there is room again"));
        let (records, lost) = log.take(usize::MAX);
        assert_eq!((records.len(), lost), (1, 0));
    }

    #[test]
    fn levels_are_filtered_and_long_texts_cut() {
        let log = Log::default();
        log.write(LogLevel::Error, format_args!("nobody asked"));
        log.set_level(Some(LogLevel::Info));
        log.write(LogLevel::Debug, format_args!("too fine"));
        log.write(LogLevel::Info, format_args!("{}", "ü".repeat(TEXT)));
        let (records, _) = log.take(1);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].text.len(), TEXT);
        log.write(LogLevel::Info, format_args!("dropped"));
        log.set_level(None);
        assert!(log.take(usize::MAX).0.is_empty());
    }
}
