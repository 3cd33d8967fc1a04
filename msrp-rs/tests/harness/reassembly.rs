//! Chunks in any order, overlapping, repeated, cut and interleaved: what the consumer gets is what a map from places to
//! octets gives (RFC 4975 §7.3.1).

use std::collections::HashMap;

use msrp::limits::Limits;
use msrp::proto::{Event, MessageEnd, MessageKey};

use super::input::Input;
use crate::support::bench::{Bench, send};

/// What the peer has sent of one message.
#[derive(Default)]
struct Model {
    /// For each place which letters may stand there, a bit for each: that of the last chunk that was accepted, and
    /// those of refused ones after it, which may have been taken in part.
    places: Vec<u32>,
    /// Places covered by accepted chunks.
    covered: Vec<bool>,
    length: Option<usize>,
    over: Option<Over>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Over {
    Complete,
    Refused,
}

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let narrow = input.flag();
    let mut limits = Limits::default();
    if narrow {
        limits.receive_window = 1200;
        limits.gaps = 6;
    }
    let mut bench = Bench::limited(&limits);
    bench.know(1, |_| {});
    let mut models: HashMap<u8, Model> = HashMap::new();
    let mut told = Told::default();
    for nth in 0..MAX_CHUNKS {
        if input.is_empty() {
            break;
        }
        let bits = input.byte();
        let message = bits & 3;
        let flag = ['+', '+', '+', '+', '$', '$', '+', '#'][usize::from(bits >> 2 & 7)];
        bench.split = if bits & 32 == 0 {
            usize::MAX
        } else {
            1 + usize::from(input.byte())
        };
        // Near places often meet.
        let start = if bits & 64 == 0 {
            usize::from(input.byte())
        } else {
            input.number() % 2048
        };
        let len = if bits & 128 == 0 {
            usize::from(input.byte() % 64)
        } else {
            input.number() % 600
        };
        let octet = b'a' + (nth % 26) as u8;
        let body = String::from(char::from(octet)).repeat(len);
        let headers = format!(
            "Message-ID: mess{message}\r\nByte-Range: {}-*/*\r\n",
            start + 1
        );
        let chunk = send(&format!("tid{nth}"), &headers, Some(&body), flag);
        let codes = bench.codes(&chunk);
        assert_eq!(codes.len(), 1, "each chunk is answered");
        let model = models.entry(message).or_default();
        model.place(start, len, octet, flag, codes[0]);
        told.take(&mut bench);
        if let Some(Over::Complete) = model.over {
            model.check(&told.complete[&message]);
        }
        assert_eq!(
            model.over == Some(Over::Complete),
            told.complete.contains_key(&message)
        );
        let is_over = told.over.contains(&message);
        assert_eq!(model.over.is_some(), is_over, "{message} after chunk {nth}");
    }
}

impl Model {
    fn place(&mut self, start: usize, len: usize, octet: u8, flag: char, code: u16) {
        let end = start + len;
        match (self.over, code) {
            (Some(Over::Complete), code) => return assert_eq!(code, 200),
            (Some(Over::Refused), code) => return assert_eq!(code, 413),
            (None, 200) => {}
            (None, 400) => {
                // Only for what contradicts the end of the message.
                let contradicts = match self.length {
                    Some(length) => start >= length || end > length,
                    None => flag == '$',
                };
                assert!(contradicts);
            }
            (None, code) => {
                assert_eq!(code, 413);
                self.over = Some(Over::Refused);
                return;
            }
        }
        if self.places.len() < end {
            self.places.resize(end, 0);
            self.covered.resize(end, false);
        }
        for place in start..end {
            if code == 200 {
                self.places[place] = 0;
                self.covered[place] = true;
            }
            self.places[place] |= bit(octet);
        }
        if code != 200 {
            return;
        }
        if flag == '$' && self.length.is_none() {
            self.length = Some(end);
        }
        let whole =
            |length: usize| self.covered.iter().take(length).filter(|is| **is).count() == length;
        if flag == '#' {
            self.over = Some(Over::Refused);
        } else if self.length.is_some_and(whole) {
            self.over = Some(Over::Complete);
        }
    }

    fn check(&self, content: &[u8]) {
        assert_eq!(Some(content.len()), self.length);
        for (place, octet) in content.iter().enumerate() {
            assert!(self.places[place] & bit(*octet) != 0, "at {place}");
        }
    }
}

fn bit(letter: u8) -> u32 {
    1 << (letter - b'a')
}

/// What the consumer was told, by message.
#[derive(Default)]
struct Told {
    open: HashMap<MessageKey, (u8, Vec<u8>)>,
    complete: HashMap<u8, Vec<u8>>,
    over: Vec<u8>,
}

impl Told {
    fn take(&mut self, bench: &mut Bench) {
        let name = |id: &str| id["mess".len()..].parse().expect("a name that was given");
        for event in bench.side.take() {
            match event {
                Event::Message { head, body, .. } => {
                    self.end(name(head.message_id.as_str()), Some(body.to_vec()));
                }
                Event::MessageBegin { message, head, .. } => {
                    let name = name(head.message_id.as_str());
                    assert!(self.open.insert(message, (name, Vec::new())).is_none());
                }
                Event::MessageBody {
                    message,
                    offset,
                    data,
                } => {
                    let (_, content) = self.open.get_mut(&message).expect("it has begun");
                    let offset = offset as usize;
                    assert!(offset <= content.len(), "a gap");
                    content.resize(content.len().max(offset + data.len()), 0);
                    content[offset..offset + data.len()].copy_from_slice(&data);
                }
                Event::MessageEnd { message, end } => {
                    let (name, content) = self.open.remove(&message).expect("it has begun");
                    let complete = matches!(end, MessageEnd::Complete(_));
                    if let MessageEnd::Complete(len) = end {
                        assert_eq!(len, content.len() as u64);
                    }
                    self.end(name, complete.then_some(content));
                }
                Event::Closed { reason, .. } => panic!("{reason:?}"),
                _ => {}
            }
        }
    }

    fn end(&mut self, name: u8, content: Option<Vec<u8>>) {
        assert!(!self.over.contains(&name));
        self.over.push(name);
        if let Some(content) = content {
            self.complete.insert(name, content);
        }
    }
}

const MAX_CHUNKS: usize = 32;
