//! What is encoded and waits for the socket, and what is to happen when it was written.
//!
//! Small pieces are flattened into one buffer, large bodies are queued as they are. *Marks* stand at positions
//! of the output stream: timers start and credit returns when the octets before them were written (RFC 4975
//! §7.1.1), not when they were encoded. What the marks mean is decided in `written`.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use super::counters::FrameKind;
use super::tap::Observers;
use crate::wire::Continuation;

/// Bodies below this are copied into the flat buffer: a slice of its own costs more than the copy.
const FLATTEN: usize = 4096;

/// What a frame was, and how it ended.
type Ended = (FrameKind, Continuation);

/// The output of one connection.
#[derive(Debug)]
pub(crate) struct WriteQueue<M> {
    /// Responses, REPORTs and binding requests, in order, waiting for their turn.
    control: BytesMut,
    control_marks: Vec<(usize, M)>,
    /// Where its frames end.
    control_ends: Vec<(usize, Ended)>,
    /// Encoded, after everything in `queue`.
    flat: BytesMut,
    queue: VecDeque<Bytes>,
    /// Octets encoded and written since the start.
    encoded: u64,
    written: u64,
    marks: VecDeque<(u64, M)>,
    /// Where frames end that are not written to their end.
    ends: VecDeque<(u64, Ended)>,
    one_frame: bool,
}

impl<M> WriteQueue<M> {
    pub(crate) fn new() -> Self {
        Self {
            control: BytesMut::new(),
            control_marks: Vec::new(),
            control_ends: Vec::new(),
            flat: BytesMut::new(),
            queue: VecDeque::new(),
            encoded: 0,
            written: 0,
            marks: VecDeque::new(),
            ends: VecDeque::new(),
            one_frame: false,
        }
    }

    /// From now on `slices` gives octets of one frame only.
    pub(crate) fn separate_frames(&mut self) {
        self.one_frame = true;
    }

    /// Gives back room that is not used.
    pub(crate) fn shrink(&mut self) {
        for buffer in [&mut self.control, &mut self.flat] {
            if buffer.is_empty() {
                *buffer = BytesMut::new();
            }
        }
        self.control_marks.shrink_to_fit();
        self.control_ends.shrink_to_fit();
        self.queue.shrink_to_fit();
        self.marks.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Octets in the control lane.
    pub(crate) fn control_len(&self) -> usize {
        self.control.len()
    }

    /// Appends a whole frame to the control lane.
    pub(crate) fn control(&mut self, frame: Ended, encode: impl FnOnce(&mut BytesMut)) {
        encode(&mut self.control);
        self.control_ends.push((self.control.len(), frame));
    }

    /// Something to happen when all that is in the control lane now was written.
    pub(crate) fn mark_control(&mut self, mark: M) {
        self.control_marks.push((self.control.len(), mark));
    }

    /// Moves the control lane to the output. Between two requests only.
    pub(crate) fn take_control(&mut self) {
        for (offset, mark) in self.control_marks.drain(..) {
            self.marks.push_back((self.encoded + offset as u64, mark));
        }
        let ends = self.control_ends.drain(..);
        self.ends
            .extend(ends.map(|(end, frame)| (self.encoded + end as u64, frame)));
        self.encoded += self.control.len() as u64;
        if self.flat.is_empty() {
            std::mem::swap(&mut self.flat, &mut self.control);
        } else {
            self.flat.extend_from_slice(&self.control);
            self.control.clear();
        }
    }

    /// Octets encoded and not yet written.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.encoded - self.written).expect("the write-ahead fits in memory")
    }

    /// Appends what `encode` writes.
    pub(crate) fn encode(&mut self, encode: impl FnOnce(&mut BytesMut)) -> usize {
        let before = self.flat.len();
        encode(&mut self.flat);
        let len = self.flat.len() - before;
        self.encoded += len as u64;
        len
    }

    /// Appends body octets: small ones are copied, larger ones are kept by reference.
    pub(crate) fn body(&mut self, data: Bytes) {
        self.encoded += data.len() as u64;
        if data.len() < FLATTEN {
            self.flat.extend_from_slice(&data);
        } else {
            self.seal();
            self.queue.push_back(data);
        }
    }

    /// What is encoded now ends with a frame.
    pub(crate) fn end_frame(&mut self, frame: Ended) {
        self.ends.push_back((self.encoded, frame));
    }

    /// Something to happen when all that is encoded now was written.
    pub(crate) fn mark(&mut self, mark: M) {
        self.marks.push_back((self.encoded, mark));
    }

    /// Makes everything that is encoded visible to `slices`.
    pub(crate) fn seal(&mut self) {
        if !self.flat.is_empty() {
            self.queue.push_back(self.flat.split().freeze());
        }
    }

    /// Fills `slices` with what is to be written next; gives how many were filled.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut room = match self.ends.front() {
            Some((end, _)) if self.one_frame => end - self.written,
            _ => u64::MAX,
        };
        let mut filled = 0;
        for (slice, data) in slices.iter_mut().zip(&self.queue) {
            if room == 0 {
                break;
            }
            let len = usize::try_from(room).map_or(data.len(), |room| room.min(data.len()));
            *slice = IoSlice::new(&data[..len]);
            room -= len as u64;
            filled += 1;
        }
        filled
    }

    /// `len` octets were written; `observers` see them.
    pub(crate) fn advance(&mut self, mut len: usize, observers: &mut Observers) {
        while len > 0 {
            let front = self
                .queue
                .front_mut()
                .expect("only sealed octets can have been written");
            let mut written = front.len().min(len);
            let end = self.ends.front().copied();
            if let Some((end, _)) = end {
                let rest = usize::try_from(end - self.written).unwrap_or(usize::MAX);
                written = written.min(rest);
            }
            observers.sent(&front[..written]);
            self.written += written as u64;
            len -= written;
            if written == front.len() {
                self.queue.pop_front();
            } else {
                front.advance(written);
            }
            if let Some((end, frame)) = end
                && end == self.written
            {
                self.ends.pop_front();
                observers.end_sent(frame);
            }
        }
    }

    /// The next mark that was reached.
    pub(crate) fn pop_mark(&mut self) -> Option<M> {
        if self.marks.front()?.0 > self.written {
            return None;
        }
        self.marks.pop_front().map(|(_, mark)| mark)
    }
}
