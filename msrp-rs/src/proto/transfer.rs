//! One outgoing message: how far it is encoded, written, answered and confirmed (RFC 4975 §7.1.1, §7.3.2).
//!
//! When it gets its turn is decided in `outbound`, what an answer does to it in `sending` and `report`.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::ranges::RangeSet;
use super::refused::RefusedType;
use super::{Body, OutgoingMessage, TransferKey};
use crate::wire::{DashLineScanner, FailureReport, MessageId, Method};

/// What a small message of `len` octets costs of the send window: its octets and what is kept for it.
pub fn send_cost(len: usize) -> usize {
    len.saturating_add(256)
}

/// An outgoing message, from its admission until nothing more can be learnt about it.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) key: TransferKey,
    pub(super) id: MessageId,
    pub(super) method: Method,
    pub(super) content_type: Option<String>,
    /// What a 415 to it forbids, where that is not simply its type.
    wrapped: Option<RefusedType>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) success_report: bool,
    pub(super) failure_report: FailureReport,
    /// No direction attribute stops it.
    pub(super) control: bool,
    /// In the session's lane for large messages: not counted against the send window, progress is told.
    pub(super) large: bool,
    pub(super) source: Source,
    /// When it was admitted, and when its first octet was encoded.
    pub(super) queued: Instant,
    pub(super) begun: Option<Instant>,
    /// Octets encoded.
    pub(super) position: u64,
    /// Octets written.
    pub(super) written: u64,
    /// Chunks without a response that counts.
    pub(super) unanswered: u32,
    /// Chunks encoded whose end-line was not written yet.
    pub(super) unwritten: u32,
    pub(super) phase: Phase,
    /// What success REPORTs confirmed.
    pub(super) confirmed: RangeSet,
    pub(super) delivered: bool,
    /// Whether its lane holds it.
    pub(super) in_lane: bool,
    /// Whether it would be in its lane if ordinary messages were sent now.
    pub(super) parked: bool,
}

/// How far an outgoing message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Octets are left to be encoded.
    Sending,
    /// The last chunk was ended.
    Encoded,
    /// `Acknowledged` was told; kept for late REPORTs.
    Acknowledged,
    /// `Failed` was told; kept until its chunks are answered.
    Failed,
    /// `Failed` was told after `Acknowledged`; kept until as many others have been acknowledged.
    FailedLate,
}

/// Where the octets come from.
#[derive(Debug)]
pub(super) enum Source {
    /// All are here.
    Whole { data: Bytes, total: u64 },
    /// They come one after the other.
    Stream(Box<Stream>),
}

/// A body that its owner pushes.
#[derive(Debug, Default)]
pub(super) struct Stream {
    queue: VecDeque<Bytes>,
    queued: u64,
    /// Octets given so far.
    given: u64,
    total: Option<u64>,
    ended: bool,
    /// Octets below this position go out even in a small chunk.
    flushed: u64,
    /// Octets written and not asked for again yet.
    pub(super) regrant: usize,
}

impl Outgoing {
    pub(super) fn new(
        key: TransferKey,
        id: MessageId,
        message: OutgoingMessage,
        small_message: usize,
        now: Instant,
    ) -> Self {
        let OutgoingMessage {
            method,
            content_type,
            headers,
            success_report,
            failure_report,
            control,
            body,
            ..
        } = message;
        let bodiless = matches!(body, Body::None);
        let control = control || method != Method::Send;
        let wrapped = RefusedType::wrapped(&content_type, &body);
        let (source, large) = match body {
            Body::None => (
                Source::Whole {
                    data: Bytes::new(),
                    total: 0,
                },
                false,
            ),
            Body::Whole(data) => {
                let large = data.len() > small_message;
                (
                    Source::Whole {
                        total: data.len() as u64,
                        data,
                    },
                    large,
                )
            }
            Body::Stream(total) => (
                Source::Stream(Box::new(Stream {
                    total,
                    ..Stream::default()
                })),
                true,
            ),
        };
        Self {
            key,
            id,
            method,
            content_type: (!bodiless).then_some(content_type),
            wrapped,
            headers,
            success_report,
            failure_report,
            control,
            large,
            source,
            queued: now,
            begun: None,
            position: 0,
            written: 0,
            unanswered: 0,
            unwritten: 0,
            phase: Phase::Sending,
            confirmed: RangeSet::default(),
            delivered: false,
            in_lane: false,
            parked: false,
        }
    }

    /// What a 415 to it forbids; `None` where that is not known.
    pub(super) fn refusable(&self) -> Option<RefusedType> {
        if !self.is_message() {
            return None;
        }
        let own = || RefusedType::own(self.content_type.as_deref()?);
        self.wrapped.clone().or_else(own)
    }

    /// Whether it has not failed, and success REPORTs that were asked for are still missing.
    pub(super) fn awaits_report(&self) -> bool {
        let failed = matches!(self.phase, Phase::Failed | Phase::FailedLate);
        self.success_report && !self.delivered && !failed
    }

    /// The length of the whole message, as far as it is known.
    pub(super) fn total(&self) -> Option<u64> {
        match &self.source {
            Source::Whole { total, .. } => Some(*total),
            Source::Stream(stream) if stream.ended => Some(stream.given),
            Source::Stream(stream) => stream.total,
        }
    }

    /// Octets that can be encoded now. Of a stream whose end is not known the last octet stays back, so that its last
    /// chunk is never empty (RFC 4975 §7.1.1).
    pub(super) fn available(&self) -> u64 {
        match &self.source {
            Source::Whole { data, .. } => (data.len() as u64).saturating_sub(self.position),
            Source::Stream(stream) => match self.total() {
                Some(_) => stream.queued,
                None => stream.queued.saturating_sub(1),
            },
        }
    }

    /// Whether nothing more will become available than what is.
    pub(super) fn all_here(&self) -> bool {
        self.total()
            .is_some_and(|total| self.position + self.available() == total)
    }

    /// Whether a chunk may be opened now: the message's end, a full small chunk, or flushed octets are at hand.
    pub(super) fn ready(&self, full: u64) -> bool {
        if self.phase != Phase::Sending {
            return false;
        }
        let available = self.available();
        let flushed = match &self.source {
            Source::Whole { .. } => false,
            Source::Stream(stream) => available > 0 && stream.flushed > self.position,
        };
        self.all_here() || available >= full || flushed
    }

    /// Takes the next octets, at most `len`, at most one slice.
    pub(super) fn take(&mut self, len: u64) -> Bytes {
        let len = len.min(self.available());
        let data = match &mut self.source {
            Source::Whole { data, .. } => {
                let start = usize::try_from(self.position).expect("inside what is in memory");
                data.slice(start..start + usize::try_from(len).expect("at most what is in memory"))
            }
            Source::Stream(stream) => stream.take(len),
        };
        self.position += data.len() as u64;
        data
    }

    /// Gives back the end of what `take` gave.
    pub(super) fn give_back(&mut self, data: Bytes) {
        self.position -= data.len() as u64;
        match &mut self.source {
            Source::Whole { .. } => {}
            Source::Stream(stream) => {
                stream.queued += data.len() as u64;
                stream.queue.push_front(data);
            }
        }
    }

    /// Takes `len` octets, which are there.
    pub(super) fn take_exactly(&mut self, mut len: u64) -> Vec<Bytes> {
        let mut body = Vec::new();
        while len > 0 {
            let data = self.take(len);
            len -= data.len() as u64;
            body.push(data);
        }
        body
    }

    /// Gives back the end of `body` that must not be in the same chunk as the octets before it.
    pub(super) fn split_dashes(&mut self, body: &mut Vec<Bytes>) {
        let mut scanner = DashLineScanner::new();
        let hit = body
            .iter()
            .enumerate()
            .find_map(|(slice, data)| Some((slice, scanner.scan(data)?)));
        if let Some((slice, at)) = hit {
            for data in body.drain(slice + 1..).rev() {
                self.give_back(data);
            }
            self.give_back(body[slice].split_off(at));
            body.retain(|data| !data.is_empty());
        }
    }

    /// Frees what no further chunk needs: the message is over, but may be remembered for long.
    pub(super) fn drop_rest(&mut self) {
        self.headers = Vec::new();
        match &mut self.source {
            Source::Whole { data, .. } => *data = Bytes::new(),
            Source::Stream(stream) => {
                stream.queue.clear();
                stream.queued = 0;
            }
        }
    }

    /// What it costs of the send window, until its last chunk is written or it has failed.
    pub(super) fn window_cost(&self) -> usize {
        match &self.source {
            Source::Whole { total, .. } if !self.large => {
                send_cost(usize::try_from(*total).unwrap_or(usize::MAX))
            }
            _ => 0,
        }
    }

    /// Whether it is a message; else a request of another method.
    pub(super) fn is_message(&self) -> bool {
        self.method == Method::Send
    }

    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        match &mut self.source {
            Source::Stream(stream) => Some(stream),
            Source::Whole { .. } => None,
        }
    }

    /// Whether every chunk was written and, as far as asked for, answered.
    pub(super) fn settled(&self) -> bool {
        self.unwritten == 0 && self.unanswered == 0
    }
}

impl Stream {
    /// Adds octets. Gives the announced length if they are more.
    pub(super) fn push(&mut self, data: Bytes) -> Result<(), (u64, u64)> {
        self.given += data.len() as u64;
        if let Some(total) = self.total
            && self.given > total
        {
            return Err((total, self.given));
        }
        if !data.is_empty() {
            self.queued += data.len() as u64;
            self.queue.push_back(data);
        }
        Ok(())
    }

    /// The stream is complete. Gives the announced length if it is another.
    pub(super) fn end(&mut self) -> Result<(), (u64, u64)> {
        self.ended = true;
        match self.total {
            Some(total) if total != self.given => Err((total, self.given)),
            _ => Ok(()),
        }
    }

    /// Whether it is worth asking for more: `threshold` octets can be asked for, or it is running dry.
    pub(super) fn wants_data(&self, threshold: usize) -> bool {
        !self.ended && (self.regrant >= threshold || self.queued < threshold as u64)
    }

    pub(super) fn flush(&mut self) {
        self.flushed = self.given;
    }

    fn take(&mut self, len: u64) -> Bytes {
        let Some(front) = self.queue.front_mut() else {
            return Bytes::new();
        };
        let data = if front.len() as u64 <= len {
            self.queue.pop_front().unwrap_or_default()
        } else {
            front.split_to(usize::try_from(len).expect("less than the slice"))
        };
        self.queued -= data.len() as u64;
        data
    }
}
