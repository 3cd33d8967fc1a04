//! The thread of a trace: from frames to packets in files.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use super::file::Files;
use super::mask::mask;
use super::packet::{Flags, SEGMENT, packet};
use super::queue::{Flow, Item, Queue, Segment};
use crate::proto::Direction;

/// Writes until the queue is closed, or a file cannot be written any more.
pub(super) fn run(queue: &Queue, files: Files, secrets: bool) -> io::Result<()> {
    let mut writer = Writer {
        files,
        secrets,
        streams: HashMap::new(),
        pairs: HashMap::new(),
        dropped: 0,
        dropped_untold: 0,
    };
    loop {
        let taken = queue.take();
        // What was dropped came after these: they were all that had room.
        for item in taken.items {
            let written = writer.item(item)?;
            queue.counters.written.fetch_add(written, Relaxed);
        }
        writer.dropped += taken.dropped;
        writer.dropped_untold += taken.dropped;
        if taken.closed && queue.is_empty() {
            return writer.files.end(writer.dropped);
        }
        if queue.is_empty() {
            writer.files.flush()?;
        }
    }
}

struct Writer {
    files: Files,
    secrets: bool,
    streams: HashMap<u64, Stream>,
    /// Connections by local and remote address.
    pairs: HashMap<(SocketAddr, SocketAddr), u64>,
    dropped: u64,
    /// Not yet in a comment.
    dropped_untold: u64,
}

/// One connection.
struct Stream {
    flow: Arc<Flow>,
    /// The other end is a connection of the same engine, which is in the trace already: everything is there.
    is_mirror: bool,
    /// Octets so far, sent and received.
    next: [u64; 2],
}

impl Stream {
    fn ends(&self, direction: Direction) -> (SocketAddr, SocketAddr) {
        match direction {
            Direction::Sent => (self.flow.local, self.flow.peer),
            Direction::Received => (self.flow.peer, self.flow.local),
        }
    }

    /// The next sequence number of this direction, and what it acknowledges of the other. The SYN counts one.
    fn numbers(&self, direction: Direction) -> (u32, u32) {
        let number = |direction: Direction| (self.next[direction as usize] as u32).wrapping_add(1);
        (number(direction), number(other(direction)))
    }
}

fn other(direction: Direction) -> Direction {
    match direction {
        Direction::Sent => Direction::Received,
        Direction::Received => Direction::Sent,
    }
}

impl Writer {
    /// Writes an item; gives how many segments with octets it was.
    fn item(&mut self, item: Item) -> io::Result<u64> {
        match item {
            Item::Open(flow) => self.open(&flow)?,
            Item::Segment(flow, segment) => {
                self.open(&flow)?;
                return self.segment(&flow, segment);
            }
            Item::Closed(flow, at) => self.close(&flow, at)?,
        }
        Ok(0)
    }

    /// Makes a connection known, with its handshake if it was seen from the start.
    fn open(&mut self, flow: &Arc<Flow>) -> io::Result<()> {
        if self.streams.contains_key(&flow.number) {
            return Ok(());
        }
        let is_mirror = self.pairs.contains_key(&(flow.peer, flow.local));
        let stream = Stream {
            flow: Arc::clone(flow),
            is_mirror,
            next: [0; 2],
        };
        if !is_mirror {
            self.pairs.insert((flow.local, flow.peer), flow.number);
        }
        if let Some(at) = flow.opened.filter(|_| !is_mirror) {
            let client = match flow.dialled {
                true => Direction::Sent,
                false => Direction::Received,
            };
            let tls = if flow.secure { ", TLS" } else { "" };
            let comment = Some(format!("connection {}{tls}", flow.number));
            for (direction, flags, numbers, comment) in [
                (client, Flags::Syn, (0, 0), comment),
                (other(client), Flags::SynAck, (0, 1), None),
                (client, Flags::Ack, (1, 1), None),
            ] {
                let (from, to) = stream.ends(direction);
                let octets = packet(from, to, flags, numbers, &[])?;
                self.files
                    .packet(at, direction, &octets, comment, self.dropped)?;
            }
        }
        self.streams.insert(flow.number, stream);
        Ok(())
    }

    fn segment(&mut self, flow: &Flow, segment: Segment) -> io::Result<u64> {
        let Some(stream) = self.streams.get_mut(&flow.number) else {
            return Ok(0);
        };
        if stream.is_mirror {
            return Ok(0);
        }
        let mut written = 0;
        let Segment {
            at,
            direction,
            offset,
            first,
            last,
            mut octets,
        } = segment;
        if !self.secrets {
            mask(&mut octets, first, last);
        }
        stream.next[direction as usize] = offset;
        for part in octets.chunks(SEGMENT) {
            let (from, to) = stream.ends(direction);
            let numbers = stream.numbers(direction);
            let packet = packet(from, to, Flags::PushAck, numbers, part)?;
            let untold = std::mem::take(&mut self.dropped_untold);
            let comment = (untold > 0).then(|| {
                format!("{untold} messages or parts of messages before this were dropped")
            });
            self.files
                .packet(at, direction, &packet, comment, self.dropped)?;
            stream.next[direction as usize] += part.len() as u64;
            written += 1;
        }
        Ok(written)
    }

    fn close(&mut self, flow: &Flow, at: SystemTime) -> io::Result<()> {
        let Some(stream) = self.streams.remove(&flow.number) else {
            return Ok(());
        };
        if stream.is_mirror {
            return Ok(());
        }
        self.pairs.remove(&(flow.local, flow.peer));
        let (ours, theirs) = stream.numbers(Direction::Sent);
        for (direction, flags, numbers) in [
            (Direction::Sent, Flags::FinAck, (ours, theirs)),
            (
                Direction::Received,
                Flags::FinAck,
                (theirs, ours.wrapping_add(1)),
            ),
            (
                Direction::Sent,
                Flags::Ack,
                (ours.wrapping_add(1), theirs.wrapping_add(1)),
            ),
        ] {
            let (from, to) = stream.ends(direction);
            let octets = packet(from, to, flags, numbers, &[])?;
            self.files
                .packet(at, direction, &octets, None, self.dropped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::Counters;
    use super::super::queue::ITEM;
    use super::*;

    /// Whether it holds within a minute.
    fn until(condition: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !condition() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        condition()
    }

    #[test]
    fn what_was_dropped_is_told_in_the_file() {
        let path = std::env::temp_dir().join(format!("msrp-dropped-{}.pcapng", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let files = Files::create(path.clone(), 1 << 20, 2).expect("a file");
        let counters = Arc::new(Counters::default());
        let queue = Queue::new(2 * (1000 + ITEM), Arc::clone(&counters));
        let flow = Arc::new(Flow {
            number: 7,
            local: ([127, 0, 0, 1], 1000).into(),
            peer: ([127, 0, 0, 1], 2000).into(),
            dialled: true,
            secure: false,
            opened: Some(SystemTime::now()),
        });
        let segment = |offset| {
            let segment = Segment {
                at: SystemTime::now(),
                direction: Direction::Sent,
                offset,
                first: true,
                last: true,
                octets: vec![b'x'; 1000],
            };
            Item::Segment(Arc::clone(&flow), segment)
        };
        // Two have room, exactly; one more has not.
        for at in 0..3 {
            queue.push(segment(at * 1000));
        }
        std::thread::scope(|scope| {
            scope.spawn(|| run(&queue, files, true).expect("written"));
            // What the thread has taken counts until it comes for more.
            let has_room = until(|| queue.octets() == 0);
            queue.push(segment(3000));
            let is_written = until(|| counters.written.load(Relaxed) == 3);
            queue.close();
            assert!(has_room && is_written);
        });
        let octets = std::fs::read(&path).expect("the file");
        std::fs::remove_file(&path).expect("removed");
        let text = String::from_utf8_lossy(&octets);
        assert!(text.contains("connection 7"));
        assert!(text.contains("1 messages or parts of messages before this were dropped"));
        assert!(text.contains("1 messages or parts of messages were dropped"));
        assert_eq!(counters.dropped.load(Relaxed), 1);
    }
}
