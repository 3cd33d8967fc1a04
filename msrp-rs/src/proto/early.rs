//! Requests for a session of ours whose remote side is not known yet: they came before the answer was processed
//! (RFC 4975 §5.4). They are held, within bounds of octets and time, and served when the session is attached.

use std::time::Instant;

use super::connection::Connection;
use super::inbound::Current;
use super::receive::MESSAGE_OVERHEAD;
use super::{CloseReason, Directory, Lookup, SessionKey};
use crate::wire::{Frame, StatusCode, Uri};

/// Requests for one session, held until its remote side is known.
#[derive(Debug, Default)]
pub(super) struct Early {
    frames: Vec<Frame>,
    len: usize,
}

struct Unknown;

impl Directory for Unknown {
    fn lookup(&mut self, _uri: &Uri) -> Lookup {
        Lookup::Unknown
    }
}

impl Connection {
    pub(super) fn hold(&mut self, key: SessionKey, frame: Frame) {
        let len = match &frame {
            Frame::Head(head) => head.header_len() + MESSAGE_OVERHEAD,
            Frame::Body(data) => data.len(),
            Frame::End(_) => 0,
        };
        let early = self.early.entry(key).or_default();
        early.len += len;
        early.frames.push(frame);
        self.early_len += len;
    }

    /// The session is attached: serves what was held for it.
    pub(super) fn serve_early(&mut self, now: Instant, key: SessionKey) {
        let Some(early) = self.early.remove(&key) else {
            return;
        };
        self.early_len -= early.len;
        // A request of this session may be half read; otherwise another one's may.
        let reading = match self.current {
            Current::Early(current) if current == key => None,
            _ => Some(std::mem::replace(&mut self.current, Current::Nothing)),
        };
        if reading.is_none() {
            self.current = Current::Nothing;
        }
        for frame in early.frames {
            self.handle_frame(now, frame, &mut Unknown);
        }
        self.flush_gathered();
        if let Some(reading) = reading {
            self.current = reading;
        }
    }

    /// The remote side did not become known in time.
    pub(super) fn early_expired(&mut self, key: SessionKey) {
        let Some(early) = self.early.remove(&key) else {
            return;
        };
        self.early_len -= early.len;
        if matches!(self.current, Current::Early(current) if current == key) {
            self.current = Current::Discard;
        }
        for frame in early.frames {
            if let Frame::Head(head) = frame {
                self.respond(None, &head, StatusCode::NO_SUCH_SESSION, None);
            }
        }
        if self.sessions.is_empty() && self.early.is_empty() {
            self.fail(CloseReason::ConnectionLost(
                "no request named a session that became ready in time".into(),
            ));
        }
    }
}
