//! As much of MSRP framing (RFC 4975 §7.1, §9) as a load needs: frames found in what arrives, octets of bodies counted
//! and dropped. Not the parser of the library: what measures it must not cost what it costs.

use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::Finder;

use crate::Result;

/// What is told of frames.
pub(crate) trait Sink {
    /// A frame has begun.
    fn head(&mut self, head: &Head<'_>);
    /// So many octets of its body.
    fn body(&mut self, len: usize);
    /// It has ended: its transaction id, and the flag behind.
    fn end(&mut self, id: &[u8], flag: u8);
}

/// Start line and paths of a frame.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    /// Behind the transaction id: a method, or status and comment.
    pub(crate) start: &'a [u8],
    pub(crate) to_path: &'a [u8],
    pub(crate) from_path: &'a [u8],
}

/// Finds the frames of one connection.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// What could not be judged yet.
    carry: Vec<u8>,
    /// The transaction id of the frame whose body is under way; empty between frames.
    id: Vec<u8>,
}

impl Frames {
    /// Puts what is left from the last time before what is read next: its length.
    pub(crate) fn lead(&mut self, room: &mut [u8]) -> usize {
        let len = self.carry.len();
        room[..len].copy_from_slice(&self.carry);
        self.carry.clear();
        len
    }

    /// Tells of all there is in `data`, which begins with what [`Self::lead`] gave, and keeps the rest.
    pub(crate) fn take(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<()> {
        let mut at = 0;
        while at < data.len() {
            let taken = if self.id.is_empty() {
                self.take_head(&data[at..], sink)?
            } else {
                self.take_body(&data[at..], sink)
            };
            if taken == 0 {
                break;
            }
            at += taken;
        }
        self.carry.extend_from_slice(&data[at..]);
        if self.carry.len() > LONGEST_HEAD {
            return Err("a head without end".into());
        }
        Ok(())
    }

    /// A head, when it is all there; a frame without body, with its end.
    fn take_head(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<usize> {
        let Some(first) = memchr(b'\n', data) else {
            return Ok(0);
        };
        let line = data[..first].strip_suffix(b"\r").unwrap_or_default();
        let (id, start) = line
            .strip_prefix(b"MSRP ")
            .and_then(|rest| {
                let space = memchr(b' ', rest)?;
                Some((&rest[..space], &rest[space + 1..]))
            })
            .ok_or_else(|| format!("no start line: {:?}", line.escape_ascii().to_string()))?;
        let mut head = Head {
            start,
            to_path: &[],
            from_path: &[],
        };
        let mut at = first + 1;
        loop {
            let Some(len) = memchr(b'\n', &data[at..]) else {
                return Ok(0);
            };
            let line = data[at..at + len].strip_suffix(b"\r").unwrap_or_default();
            let next = at + len + 1;
            if line.is_empty() {
                sink.head(&head);
                self.id.extend_from_slice(id);
                return Ok(next);
            }
            if let Some(flag) = end_of(line, id) {
                sink.head(&head);
                sink.end(id, flag);
                return Ok(next);
            }
            if let Some(path) = line.strip_prefix(b"To-Path: ") {
                head.to_path = path;
            } else if let Some(path) = line.strip_prefix(b"From-Path: ") {
                head.from_path = path;
            }
            at = next;
        }
    }

    /// Octets of the body, and the end-line when it is all there.
    fn take_body(&mut self, data: &[u8], sink: &mut impl Sink) -> usize {
        let mut at = 0;
        while let Some(found) = DASHES.find(&data[at..]) {
            let dashes = at + found;
            let line = dashes + 2;
            let len = 7 + self.id.len() + 1;
            let Some(rest) = data.get(line..line + len + 2) else {
                sink.body(dashes);
                return dashes;
            };
            match end_of(&rest[..len], &self.id) {
                Some(flag) if rest.ends_with(b"\r\n") => {
                    sink.body(dashes);
                    sink.end(&self.id, flag);
                    self.id.clear();
                    return line + len + 2;
                }
                _ => at = dashes + 1,
            }
        }
        // The last octets may be the first of an end-line.
        let judged = data.len().saturating_sub(8).max(at);
        sink.body(judged);
        judged
    }
}

/// The flag of an end-line of this transaction.
fn end_of(line: &[u8], id: &[u8]) -> Option<u8> {
    match line.strip_prefix(b"-------")?.strip_prefix(id)? {
        &[flag @ (b'$' | b'+' | b'#')] => Some(flag),
        _ => None,
    }
}

static DASHES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n-------"));

/// More than any head here.
const LONGEST_HEAD: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        heads: Vec<String>,
        octets: usize,
        ends: Vec<(String, u8)>,
    }

    impl Sink for Seen {
        fn head(&mut self, head: &Head<'_>) {
            let text = |octets: &[u8]| octets.escape_ascii().to_string();
            let (start, to, from) = (text(head.start), text(head.to_path), text(head.from_path));
            self.heads.push(format!("{start}|{to}|{from}"));
        }

        fn body(&mut self, len: usize) {
            self.octets += len;
        }

        fn end(&mut self, id: &[u8], flag: u8) {
            self.ends.push((id.escape_ascii().to_string(), flag));
        }
    }

    #[test]
    fn frames_are_found_however_they_are_split() {
        let text = b"MSRP a1 SEND\r\nTo-Path: x\r\nFrom-Path: y\r\n\r\nbody\r\n-------a2$\r\n\r\n\r\n-------a1+\r\n\
            MSRP b 200 OK\r\nTo-Path: y\r\nFrom-Path: x\r\n-------b$\r\n\
            MSRP c SEND\r\nTo-Path: x\r\nFrom-Path: y\r\n\r\n\r\n-------c$\r\n";
        let expected = Seen {
            heads: vec!["SEND|x|y".into(), "200 OK|y|x".into(), "SEND|x|y".into()],
            octets: "body\r\n-------a2$\r\n\r\n".len(),
            ends: vec![("a1".into(), b'+'), ("b".into(), b'$'), ("c".into(), b'$')],
        };
        for step in 1..=text.len() {
            let (mut frames, mut seen, mut room) = (Frames::default(), Seen::default(), [0; 512]);
            for part in text.chunks(step) {
                let lead = frames.lead(&mut room);
                room[lead..lead + part.len()].copy_from_slice(part);
                frames.take(&room[..lead + part.len()], &mut seen).unwrap();
            }
            assert_eq!(seen, expected, "in steps of {step}");
        }
    }
}
