//! Shows what goes over a connection to whoever looks: traces and the log of the wire.
//!
//! Received frames are shown as they are parsed, sent ones as their octets are handed to the operating system, so both
//! stand in the order of the wire. What is made of them is decided in `net`.

use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;

use super::counters::{Counters, FrameKind};
use crate::wire::{Continuation, Frame, TransactionId, encode_end_line};

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From us to the peer.
    Sent,
    /// From the peer to us.
    Received,
}

/// Looks at the frames of one connection.
pub trait Tap: Send + fmt::Debug {
    /// A frame begins. Whether it is wanted: if not, nothing more of it is shown, nor its end.
    fn begin(&mut self, direction: Direction) -> bool;

    /// The next octets of a frame. The first ones begin its start line; how they are cut means nothing.
    fn octets(&mut self, direction: Direction, octets: &[u8]);

    /// The octets so far were a whole frame.
    fn end(&mut self, direction: Direction);
}

/// Who looks at the frames of a connection: its tap, and its counters.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    pub(crate) tap: Option<Box<dyn Tap>>,
    pub(crate) counters: Option<Arc<Counters>>,
    /// The frame being read.
    frame: Option<Reading>,
    /// Whether the tap wants the frame being read.
    shows_received: bool,
    /// Inside a frame that is written: whether the tap wants it.
    shows_sent: Option<bool>,
    /// Where the end-lines of received frames are written again, one after the other.
    end_line: BytesMut,
}

#[derive(Debug)]
struct Reading {
    id: TransactionId,
    kind: FrameKind,
    has_body_section: bool,
    body: u64,
}

impl Observers {
    /// Counts something.
    pub(crate) fn count(&self, count: impl FnOnce(&Counters)) {
        if let Some(counters) = &self.counters {
            count(counters);
        }
    }

    /// Whether a frame is being read.
    pub(crate) fn is_reading(&self) -> bool {
        self.frame.is_some()
    }

    /// A piece of a frame was read. The tap sees the octets as they came.
    pub(crate) fn received(&mut self, frame: &Frame) {
        match frame {
            Frame::Head(head) => {
                let begin = |tap: &mut Box<dyn Tap>| tap.begin(Direction::Received);
                self.shows_received = self.tap.as_mut().is_some_and(begin);
                self.show(head.octets());
                if head.has_body_section() {
                    self.show(b"\r\n");
                }
                self.frame = Some(Reading {
                    id: head.transaction_id(),
                    kind: match (head.method(), head.status()) {
                        (Some(method), _) => method.into(),
                        (None, Some(status)) => FrameKind::Response(status),
                        (None, None) => FrameKind::Other,
                    },
                    has_body_section: head.has_body_section(),
                    body: 0,
                });
            }
            Frame::Body(data) => {
                self.show(data);
                if let Some(frame) = &mut self.frame {
                    frame.body += data.len() as u64;
                }
            }
            Frame::End(flag) => self.end_received(*flag),
        }
    }

    fn show(&mut self, octets: &[u8]) {
        if self.shows_received
            && let Some(tap) = &mut self.tap
        {
            tap.octets(Direction::Received, octets);
        }
    }

    fn end_received(&mut self, flag: Continuation) {
        let Some(frame) = self.frame.take() else {
            return;
        };
        self.count(|counters| {
            counters.frame(Direction::Received, frame.kind, flag);
            if frame.kind == FrameKind::Send && frame.has_body_section {
                counters.chunk_received.record(frame.body);
            }
        });
        if self.shows_received
            && let Some(tap) = &mut self.tap
        {
            let line = &mut self.end_line;
            line.clear();
            encode_end_line(line, &frame.id, flag, frame.has_body_section);
            tap.octets(Direction::Received, line);
            tap.end(Direction::Received);
        }
    }

    /// Octets were written.
    pub(crate) fn sent(&mut self, octets: &[u8]) {
        if let Some(tap) = &mut self.tap
            && *(self.shows_sent).get_or_insert_with(|| tap.begin(Direction::Sent))
        {
            tap.octets(Direction::Sent, octets);
        }
    }

    /// A frame was written whole.
    pub(crate) fn end_sent(&mut self, (kind, flag): (FrameKind, Continuation)) {
        self.count(|counters| counters.frame(Direction::Sent, kind, flag));
        if self.shows_sent.take() == Some(true)
            && let Some(tap) = &mut self.tap
        {
            tap.end(Direction::Sent);
        }
    }
}
