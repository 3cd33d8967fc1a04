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

    /// A record. What in the text is no character of one line, as it may come from a peer, is escaped.
    pub(crate) fn write(&self, level: LogLevel, text: fmt::Arguments<'_>) {
        let text = OneLine(text);
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

    /// A consumer that may be woken for records. It is at once, if nobody else is there to take those that wait.
    pub(crate) fn add_consumer(&self, ready: &Arc<Ready>) {
        let wake = {
            let mut queue = self.queue.lock();
            // Forgets those that are gone.
            let alone = queue.consumer().is_none();
            queue.consumers.push(Arc::downgrade(ready));
            alone && !queue.records.is_empty()
        };
        if wake {
            ready.wake();
        }
    }

    /// A consumer was closed. Perhaps it was woken and has not taken what waits: another one does.
    pub(crate) fn consumer_gone(&self) {
        let next = {
            let mut queue = self.queue.lock();
            let waits = !queue.records.is_empty();
            waits.then(|| queue.consumer()).flatten()
        };
        if let Some(next) = next {
            next.wake();
        }
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

/// Shows a text as one line of what a terminal may be given: control characters, ends of lines and characters that turn
/// the direction of writing are escaped.
struct OneLine<'a>(fmt::Arguments<'a>);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);

        impl fmt::Write for Escape<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                let mut rest = text;
                while let Some(at) = rest.find(is_unsafe) {
                    let (plain, from) = rest.split_at(at);
                    self.0.write_str(plain)?;
                    let mut chars = from.chars();
                    if let Some(c) = chars.next() {
                        write!(self.0, "{}", c.escape_default())?;
                    }
                    rest = chars.as_str();
                }
                self.0.write_str(rest)
            }
        }

        fmt::write(&mut Escape(f), self.0)
    }
}

/// Whether a character must not be shown as it is.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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

    /// A peer must neither add lines to a log nor command the terminal that shows it.
    #[test]
    fn a_record_is_one_line_of_printable_text() {
        let log = Log::default();
        log.set_level(Some(LogLevel::Trace));
        log.write(
            LogLevel::Trace,
            format_args!(
                "{}",
                "id=1\nERROR forged\r\x1b[2J\u{9b}2J\u{2028}\u{202e}\tü…"
            ),
        );
        let (records, _) = log.take(usize::MAX);
        assert_eq!(
            records[0].text,
            "id=1\\nERROR forged\\r\\u{1b}[2J\\u{9b}2J\\u{2028}\\u{202e}\\tü…"
        );
    }

    #[test]
    fn another_consumer_is_woken_when_the_first_is_gone() {
        use std::sync::atomic::AtomicUsize;

        struct Count(Arc<AtomicUsize>);
        impl super::super::ready::Signal for Count {
            fn signal(&self) {
                self.0.fetch_add(1, Relaxed);
            }
            fn clear(&self) {}
        }
        let consumer = || {
            let woken = Arc::new(AtomicUsize::new(0));
            let ready = Arc::new(Ready::new(Box::new(Count(Arc::clone(&woken)))));
            (ready, woken)
        };
        let log = Log::default();
        log.set_level(Some(LogLevel::Info));
        // Nobody is there yet: whoever comes is told.
        log.write(LogLevel::Info, format_args!("early"));
        let (first, first_woken) = consumer();
        log.add_consumer(&first);
        assert_eq!(first_woken.load(Relaxed), 1);
        let (second, second_woken) = consumer();
        log.add_consumer(&second);
        assert_eq!(second_woken.load(Relaxed), 0);
        // It goes before it has looked.
        first.close();
        log.consumer_gone();
        assert_eq!(second_woken.load(Relaxed), 1);
        second.take(1, 1, |_, _| ());
        assert_eq!(log.take(usize::MAX).0.len(), 1);
        log.write(LogLevel::Info, format_args!("late"));
        assert_eq!(second_woken.load(Relaxed), 2);
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
