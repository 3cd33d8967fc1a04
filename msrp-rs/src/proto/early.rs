//! Requests for a session of ours whose remote side is not known yet: they came before the answer was processed
//! (RFC 4975 §5.4). They are held, within bounds of octets and time, and served when the session is attached.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Instant;

use bytes::BytesMut;

use super::connection::Connection;
use super::inbound::Current;
use super::receive::MESSAGE_OVERHEAD;
use super::timers::Timer;
use super::work::steps;
use super::{CloseReason, Directory, Lookup, SessionKey};
use crate::wire::{Frame, Head, StatusCode, Uri};

/// All requests that are held.
#[derive(Debug, Default)]
pub(super) struct Early {
    sessions: HashMap<SessionKey, Held>,
    /// The To-Paths by which they came: what follows on the same connection has to stand behind them.
    uris: HashMap<Uri, SessionKey>,
    len: usize,
}

/// Those for one session.
#[derive(Debug)]
struct Held {
    /// When they are refused.
    until: Instant,
    /// Their To-Paths: one, as a rule.
    uris: Vec<Uri>,
    frames: Vec<Frame>,
    /// Octets of the last frame's body, copied: they came in any pieces, and a slice would hold its input block.
    body: BytesMut,
    len: usize,
}

impl Held {
    fn new(until: Instant) -> Self {
        Self {
            until,
            uris: Vec::new(),
            frames: Vec::new(),
            body: BytesMut::new(),
            len: 0,
        }
    }

    fn push(&mut self, mut frame: Frame) -> usize {
        let len = match &mut frame {
            Frame::Head(head) => {
                head.detach();
                head.header_len() + MESSAGE_OVERHEAD
            }
            Frame::Body(data) => {
                self.body.extend_from_slice(data);
                data.len()
            }
            Frame::End(_) => 0,
        };
        if !matches!(frame, Frame::Body(_)) {
            self.end_body();
            self.frames.push(frame);
        }
        self.len += len;
        len
    }

    fn end_body(&mut self) {
        if !self.body.is_empty() {
            self.frames.push(Frame::Body(self.body.split().freeze()));
        }
    }
}

impl Early {
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Octets held.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The session for which requests to `uri` are held.
    pub(super) fn find(&self, uri: &Uri) -> Option<SessionKey> {
        self.uris.get(uri).copied()
    }

    pub(super) fn keys(&self) -> Vec<SessionKey> {
        self.sessions.keys().copied().collect()
    }

    fn take(&mut self, key: SessionKey) -> Option<Vec<Frame>> {
        let mut held = self.sessions.remove(&key)?;
        held.end_body();
        self.len -= held.len;
        steps(held.uris.len());
        for uri in held.uris {
            self.uris.remove(&uri);
        }
        Some(held.frames)
    }
}

struct Unknown;

impl Directory for Unknown {
    fn lookup(&mut self, _uri: &Uri) -> Lookup {
        Lookup::Unknown
    }
}

impl Connection {
    /// Holds a request to `uri`; what follows of it comes by `hold`.
    pub(super) fn hold_request(&mut self, now: Instant, key: SessionKey, uri: Uri, head: Head) {
        let held = match self.early.sessions.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let until = now + self.limits.early;
                self.timers.set(until, Timer::Early(key));
                entry.insert(Held::new(until))
            }
        };
        if let Entry::Vacant(entry) = self.early.uris.entry(uri) {
            held.uris.push(entry.key().clone());
            entry.insert(key);
        }
        self.hold(key, Frame::Head(head));
        self.current = Current::Early(key);
    }

    pub(super) fn hold(&mut self, key: SessionKey, frame: Frame) {
        if let Some(held) = self.early.sessions.get_mut(&key) {
            self.early.len += held.push(frame);
        }
    }

    /// The session is attached: serves what was held for it.
    pub(super) fn serve_early(&mut self, now: Instant, key: SessionKey) {
        let Some(frames) = self.early.take(key) else {
            return;
        };
        // A request of this session may be half read; otherwise another one's may.
        let reading = match self.current {
            Current::Early(current) if current == key => None,
            _ => Some(std::mem::replace(&mut self.current, Current::Nothing)),
        };
        if reading.is_none() {
            self.current = Current::Nothing;
        }
        for frame in frames {
            self.handle_frame(now, frame, &mut Unknown);
        }
        self.flush_gathered();
        if let Some(reading) = reading {
            self.current = reading;
        }
    }

    /// The remote side did not become known in time, or this is the timer of requests that were served.
    pub(super) fn early_expired(&mut self, now: Instant, key: SessionKey) {
        let held = self.early.sessions.get(&key);
        if held.is_some_and(|held| held.until <= now) {
            self.refuse_early(key);
        }
    }

    /// Answers what is held for a session with 481.
    pub(super) fn refuse_early(&mut self, key: SessionKey) {
        let Some(frames) = self.early.take(key) else {
            return;
        };
        if matches!(self.current, Current::Early(current) if current == key) {
            self.current = Current::Discard;
        }
        for frame in frames {
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
