//! Shows what goes over a connection to whoever looks: traces and the log of the wire.
//!
//! Received frames are shown as they are parsed, sent ones as their octets are handed to the operating system, so both
//! stand in the order of the wire. What is made of them is decided in `net`.

use std::fmt;

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
    /// The next octets of a frame. The first ones begin its start line; how they are cut means nothing.
    fn octets(&mut self, direction: Direction, octets: &[u8]);

    /// The octets so far were a whole frame.
    fn end(&mut self, direction: Direction);
}

/// Puts received frames together again from what the parser gives.
#[derive(Debug, Default)]
pub(super) struct Received {
    tap: Option<Box<dyn Tap>>,
    /// The frame being read, and whether it has a body section.
    frame: Option<(TransactionId, bool)>,
}

impl Received {
    pub(super) fn new(tap: Box<dyn Tap>) -> Self {
        Self {
            tap: Some(tap),
            frame: None,
        }
    }

    pub(super) fn tap(&mut self) -> Option<&mut (dyn Tap + 'static)> {
        self.tap.as_deref_mut()
    }

    pub(super) fn show(&mut self, frame: &Frame) {
        const WAY: Direction = Direction::Received;
        let Some(tap) = &mut self.tap else { return };
        match frame {
            Frame::Head(head) => {
                tap.octets(WAY, head.octets());
                if head.has_body_section() {
                    tap.octets(WAY, b"\r\n");
                }
                self.frame = Some((head.transaction_id(), head.has_body_section()));
            }
            Frame::Body(data) => tap.octets(WAY, data),
            Frame::End(flag) => self.end(*flag),
        }
    }

    fn end(&mut self, flag: Continuation) {
        if let (Some(tap), Some((id, after_body))) = (&mut self.tap, self.frame.take()) {
            let mut line = bytes::BytesMut::new();
            encode_end_line(&mut line, &id, flag, after_body);
            tap.octets(Direction::Received, &line);
            tap.end(Direction::Received);
        }
    }
}
