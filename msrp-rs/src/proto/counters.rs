//! Counters and histograms of what connections do, over all connections of an engine.
//!
//! Relaxed atomics and no locks: a snapshot is no moment's truth, but no count is lost. What is counted as sent was
//! handed to the operating system.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::tap::Direction;
use crate::wire::{Continuation, Method, StatusCode};

/// Upper bounds of the buckets of times, in microseconds: 1 ms to 30 s.
pub const TIME_BOUNDS: [u64; BOUNDS] = [
    1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000, 30_000_000,
];

/// Upper bounds of the buckets of lengths, in octets: 64 octets to 16 MiB.
pub const LEN_BOUNDS: [u64; BOUNDS] = [
    64, 256, 1024, 2048, 4096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216,
];

const BOUNDS: usize = 10;

/// The codes that three digits have room for.
const CODES: usize = 1000;

/// Counts over all connections that were given it.
pub struct Counters {
    frames: [Frames; 2],
    pub(crate) timeouts: AtomicU64,
    pub(crate) duplicate_chunks: AtomicU64,
    pub(crate) gaps: AtomicU64,
    pub(crate) transaction_time: Recorder,
    pub(crate) message_time: Recorder,
    pub(crate) queue_time: Recorder,
    pub(crate) pause_time: Recorder,
    pub(crate) chunk_sent: Recorder,
    pub(crate) chunk_received: Recorder,
}

/// One direction.
struct Frames {
    methods: [AtomicU64; 5],
    flags: [AtomicU64; 3],
    statuses: Box<[AtomicU64; CODES]>,
}

/// A histogram that is being filled.
pub(crate) struct Recorder {
    bounds: &'static [u64; BOUNDS],
    buckets: [AtomicU64; BOUNDS + 1],
    sum: AtomicU64,
}

/// How values were distributed since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Upper bounds of the buckets but the last, which has none: [`TIME_BOUNDS`] or [`LEN_BOUNDS`].
    pub bounds: &'static [u64],
    /// How many values were at most as large as each bound; the last is how many there were at all.
    pub buckets: Vec<u64>,
    /// Their sum: microseconds or octets.
    pub sum: u64,
}

impl Histogram {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.buckets.last().copied().unwrap_or_default()
    }
}

impl Default for Histogram {
    /// An empty one of times.
    fn default() -> Self {
        Recorder::new(&TIME_BOUNDS).snapshot()
    }
}

/// Requests and responses that went one way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// SEND requests: chunks, and those without a body.
    pub send: u64,
    /// REPORT requests.
    pub report: u64,
    /// AUTH requests (RFC 4976).
    pub auth: u64,
    /// NICKNAME requests (RFC 7701).
    pub nickname: u64,
    /// Requests of other methods.
    pub other: u64,
    /// Frames that ended with `$`: every response among them.
    pub complete: u64,
    /// Frames that ended with `+`.
    pub more: u64,
    /// Frames that ended with `#`.
    pub abort: u64,
    /// Responses by status code, those that there were, in the order of the codes.
    pub responses: Vec<(StatusCode, u64)>,
}

impl Traffic {
    /// Responses with this code.
    pub fn responses_of(&self, code: StatusCode) -> u64 {
        let mut found = self.responses.iter().filter(|(other, _)| *other == code);
        found.next().map_or(0, |(_, count)| *count)
    }
}

/// What all counters say now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// What was handed to the operating system.
    pub sent: Traffic,
    /// What was received.
    pub received: Traffic,
    /// Requests of ours without a response in time.
    pub timeouts: u64,
    /// Chunks received of messages that were complete already.
    pub duplicate_chunks: u64,
    /// Chunks received that began behind a gap.
    pub gaps: u64,
    /// From the last octet of a request to its response.
    pub transaction_time: Histogram,
    /// From the first octet of a message that is encoded to its acknowledgement.
    pub message_time: Histogram,
    /// From the admission of a message to its first octet that is encoded.
    pub queue_time: Histogram,
    /// How long reading was paused for slow consumers.
    pub pause_time: Histogram,
    /// Lengths of chunks sent, SENDs without a body left out.
    pub chunk_sent: Histogram,
    /// Lengths of chunks received, SENDs without a body left out.
    pub chunk_received: Histogram,
}

/// What a frame is, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Send,
    Report,
    Auth,
    Nickname,
    Other,
    Response(StatusCode),
}

impl From<&Method> for FrameKind {
    fn from(method: &Method) -> Self {
        match method {
            Method::Send => Self::Send,
            Method::Report => Self::Report,
            Method::Auth => Self::Auth,
            Method::Nickname => Self::Nickname,
            Method::Other(_) => Self::Other,
        }
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            frames: [Frames::new(), Frames::new()],
            timeouts: AtomicU64::new(0),
            duplicate_chunks: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            transaction_time: Recorder::new(&TIME_BOUNDS),
            message_time: Recorder::new(&TIME_BOUNDS),
            queue_time: Recorder::new(&TIME_BOUNDS),
            pause_time: Recorder::new(&TIME_BOUNDS),
            chunk_sent: Recorder::new(&LEN_BOUNDS),
            chunk_received: Recorder::new(&LEN_BOUNDS),
        }
    }
}

impl Counters {
    /// A frame is over.
    pub(crate) fn frame(&self, direction: Direction, kind: FrameKind, flag: Continuation) {
        let frames = &self.frames[direction as usize];
        let count = match kind {
            FrameKind::Send => &frames.methods[0],
            FrameKind::Report => &frames.methods[1],
            FrameKind::Auth => &frames.methods[2],
            FrameKind::Nickname => &frames.methods[3],
            FrameKind::Other => &frames.methods[4],
            // A code is three digits.
            FrameKind::Response(code) => &frames.statuses[usize::from(code.0) % CODES],
        };
        count.fetch_add(1, Relaxed);
        let flag = match flag {
            Continuation::Complete => 0,
            Continuation::More => 1,
            Continuation::Abort => 2,
        };
        frames.flags[flag].fetch_add(1, Relaxed);
    }

    /// What they say now.
    pub fn snapshot(&self) -> Counts {
        Counts {
            sent: self.frames[Direction::Sent as usize].snapshot(),
            received: self.frames[Direction::Received as usize].snapshot(),
            timeouts: self.timeouts.load(Relaxed),
            duplicate_chunks: self.duplicate_chunks.load(Relaxed),
            gaps: self.gaps.load(Relaxed),
            transaction_time: self.transaction_time.snapshot(),
            message_time: self.message_time.snapshot(),
            queue_time: self.queue_time.snapshot(),
            pause_time: self.pause_time.snapshot(),
            chunk_sent: self.chunk_sent.snapshot(),
            chunk_received: self.chunk_received.snapshot(),
        }
    }
}

impl Frames {
    fn new() -> Self {
        Self {
            methods: std::array::from_fn(|_| AtomicU64::new(0)),
            flags: std::array::from_fn(|_| AtomicU64::new(0)),
            statuses: Box::new(std::array::from_fn(|_| AtomicU64::new(0))),
        }
    }

    fn snapshot(&self) -> Traffic {
        let [send, report, auth, nickname, other] =
            self.methods.each_ref().map(|count| count.load(Relaxed));
        let [complete, more, abort] = self.flags.each_ref().map(|count| count.load(Relaxed));
        let responses = (0..).zip(self.statuses.iter()).filter_map(|(code, count)| {
            let count = count.load(Relaxed);
            (count > 0).then_some((StatusCode(code), count))
        });
        Traffic {
            send,
            report,
            auth,
            nickname,
            other,
            complete,
            more,
            abort,
            responses: responses.collect(),
        }
    }
}

impl Recorder {
    fn new(bounds: &'static [u64; BOUNDS]) -> Self {
        Self {
            bounds,
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
        }
    }

    pub(crate) fn record(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    pub(crate) fn record_time(&self, time: Duration) {
        self.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    fn snapshot(&self) -> Histogram {
        let mut total = 0;
        let cumulative = self.buckets.iter().map(|bucket| {
            total += bucket.load(Relaxed);
            total
        });
        Histogram {
            buckets: cumulative.collect(),
            bounds: self.bounds,
            sum: self.sum.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_the_first_bucket_that_is_large_enough() {
        let lengths = Recorder::new(&LEN_BOUNDS);
        for value in [0, 64, 65, 2048, 16_777_216, 16_777_217] {
            lengths.record(value);
        }
        let histogram = lengths.snapshot();
        assert_eq!(histogram.buckets, [2, 3, 3, 4, 4, 4, 4, 4, 4, 5, 6]);
        assert_eq!(histogram.count(), 6);
        assert_eq!(histogram.sum, 64 + 65 + 2048 + 2 * 16_777_216 + 1);
    }

    #[test]
    fn frames_are_counted_by_method_code_and_flag() {
        let counters = Counters::default();
        let ok = FrameKind::Response(StatusCode(200));
        counters.frame(Direction::Sent, FrameKind::Send, Continuation::More);
        counters.frame(Direction::Sent, FrameKind::Send, Continuation::Abort);
        counters.frame(Direction::Received, ok, Continuation::Complete);
        let counts = counters.snapshot();
        assert_eq!(
            (counts.sent.send, counts.sent.more, counts.sent.abort),
            (2, 1, 1)
        );
        assert_eq!(counts.received.responses, [(StatusCode(200), 1)]);
        assert_eq!(counts.received.responses_of(StatusCode(481)), 0);
        assert_eq!(counts.received.complete, 1);
    }
}
