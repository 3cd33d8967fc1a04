//! Looks at the frames of one connection: those of a trace go into its queue, and each makes a line of the wire's log.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::packet::SEGMENT;
use super::queue::{Flow, Item, Queue, Segment};
use crate::net::context::Context;
use crate::net::log::LogLevel;
use crate::proto::{Direction, Tap};
use crate::wire::{Frame, Head, HeaderName, Parser, ParserLimits, Redacted};

/// The tap of one connection.
pub(crate) struct Watch {
    context: Arc<Context>,
    ends: Ends,
    /// The trace that it is in.
    traced: Option<Traced>,
    /// The frames under way that somebody wants.
    sent: Option<Box<Open>>,
    received: Option<Box<Open>>,
}

/// What a connection is between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) number: u64,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) dialled: bool,
    pub(crate) secure: bool,
}

struct Traced {
    queue: Arc<Queue>,
    flow: Arc<Flow>,
    /// Octets so far, sent and received.
    offsets: [u64; 2],
}

/// A frame that is being gathered.
struct Open {
    /// What is not in the trace yet; of a frame that is only for the log, its first octets.
    octets: Vec<u8>,
    len: u64,
    trace: Option<Arc<Queue>>,
    first: bool,
    wire: bool,
    /// The head, once it is in no segment any more.
    head: Option<Head>,
    /// The octet before the last two: the flag of an end-line.
    tail: [u8; 3],
}

impl Watch {
    /// Looks at a connection that has just begun.
    pub(crate) fn new(context: Arc<Context>, ends: Ends) -> Self {
        let traced = context
            .trace
            .queue()
            .map(|queue| Traced::new(queue, ends, Some(SystemTime::now())));
        Self {
            context,
            ends,
            traced,
            sent: None,
            received: None,
        }
    }

    /// A frame begins: decides who wants it.
    fn open(&mut self) -> Option<Box<Open>> {
        let trace = self.context.trace.queue();
        let wire = self.context.log.wants_wire();
        if let Some(queue) = &trace
            && !self
                .traced
                .as_ref()
                .is_some_and(|traced| Arc::ptr_eq(&traced.queue, queue))
        {
            self.traced = Some(Traced::new(Arc::clone(queue), self.ends, None));
        }
        (trace.is_some() || wire).then(|| {
            Box::new(Open {
                octets: Vec::new(),
                len: 0,
                trace,
                first: true,
                wire,
                head: None,
                tail: [0; 3],
            })
        })
    }

    /// Puts what was gathered into the trace.
    fn flush(&mut self, direction: Direction, open: &mut Open, last: bool) {
        if open.wire && open.first {
            open.head = read_head(&open.octets);
        }
        let mut octets = std::mem::take(&mut open.octets);
        let Some(queue) = &open.trace else { return };
        let Some(traced) = &mut self.traced else {
            return;
        };
        // The trace may have been replaced inside the frame.
        if !Arc::ptr_eq(queue, &traced.queue) {
            return;
        }
        // It grew by doubling; in the queue it holds what it counts.
        octets.shrink_to_fit();
        let offset = &mut traced.offsets[direction as usize];
        let segment = Segment {
            at: SystemTime::now(),
            direction,
            offset: *offset,
            first: open.first,
            last,
            octets,
        };
        *offset += segment.octets.len() as u64;
        open.first = false;
        queue.push(Item::Segment(Arc::clone(&traced.flow), segment));
    }

    fn gather(&mut self, direction: Direction, open: &mut Open, mut octets: &[u8]) {
        open.len += octets.len() as u64;
        for &octet in &octets[octets.len().saturating_sub(3)..] {
            open.tail.rotate_left(1);
            open.tail[2] = octet;
        }
        loop {
            let room = SEGMENT - open.octets.len();
            let taken = room.min(octets.len());
            open.octets.extend_from_slice(&octets[..taken]);
            octets = &octets[taken..];
            if octets.is_empty() || open.trace.is_none() {
                return;
            }
            self.flush(direction, open, false);
        }
    }

    fn frame(&mut self, direction: Direction) -> &mut Option<Box<Open>> {
        match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        }
    }

    fn log(&self, direction: Direction, open: &Open) {
        let arrow = match direction {
            Direction::Sent => '>',
            Direction::Received => '<',
        };
        let flag = char::from(open.tail[0]);
        let log = &self.context.log;
        let line = Line {
            head: open.head.as_ref(),
            len: open.len,
        };
        log.connection(
            LogLevel::Trace,
            self.ends.number,
            format_args!("{arrow} {line} {flag}"),
        );
    }
}

impl Tap for Watch {
    fn begin(&mut self, direction: Direction) -> bool {
        let frame = self.open();
        let is_wanted = frame.is_some();
        *self.frame(direction) = frame;
        is_wanted
    }

    fn octets(&mut self, direction: Direction, octets: &[u8]) {
        if let Some(mut open) = self.frame(direction).take() {
            self.gather(direction, &mut open, octets);
            *self.frame(direction) = Some(open);
        }
    }

    fn end(&mut self, direction: Direction) {
        if let Some(mut open) = self.frame(direction).take() {
            self.flush(direction, &mut open, true);
            if open.wire {
                self.log(direction, &open);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for direction in [Direction::Sent, Direction::Received] {
            if let Some(mut open) = self.frame(direction).take() {
                self.flush(direction, &mut open, false);
            }
        }
        if let Some(traced) = &self.traced {
            let flow = Arc::clone(&traced.flow);
            traced.queue.push(Item::Closed(flow, SystemTime::now()));
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Traced {
    fn new(queue: Arc<Queue>, ends: Ends, opened: Option<SystemTime>) -> Self {
        let flow = Arc::new(Flow {
            number: ends.number,
            local: ends.local,
            peer: ends.peer,
            dialled: ends.dialled,
            secure: ends.secure,
            opened,
        });
        if opened.is_some() {
            queue.push(Item::Open(Arc::clone(&flow)));
        }
        Self {
            queue,
            flow,
            offsets: [0; 2],
        }
    }
}

/// The head at the start of these octets. They are a sound frame, but for a head that is longer than a segment.
fn read_head(octets: &[u8]) -> Option<Head> {
    let mut parser = Parser::new(ParserLimits {
        start_line: SEGMENT,
        header_line: SEGMENT,
        header_section: SEGMENT,
        headers: SEGMENT,
        path_uris: SEGMENT,
        ..ParserLimits::default()
    });
    parser.push(Bytes::copy_from_slice(octets));
    match parser.next() {
        Ok(Some(Frame::Head(head))) => Some(head),
        _ => None,
    }
}

/// What the log of the wire shows of a frame: nothing that is secret, and nothing that the host wrote.
struct Line<'a> {
    head: Option<&'a Head>,
    len: u64,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(head) = self.head else {
            return write!(f, "a frame of {} octets", self.len);
        };
        match (head.method(), head.status()) {
            (Some(method), _) => write!(f, "{}", method.as_str())?,
            (None, Some(status)) => write!(f, "{}", status.0)?,
            (None, None) => {}
        }
        write!(f, " tid={}", head.transaction_id().as_str())?;
        for name in [
            HeaderName::MessageId,
            HeaderName::ByteRange,
            HeaderName::SuccessReport,
            HeaderName::FailureReport,
            HeaderName::Status,
            HeaderName::ContentType,
        ] {
            if let Some(value) = head.header(name) {
                let value = String::from_utf8_lossy(value);
                let value = match name {
                    // Parameters are the host's own, as a file's name.
                    HeaderName::ContentType => value.split(';').next().unwrap_or_default(),
                    _ => &value,
                };
                write!(f, " {name}={}", Redacted(value))?;
            }
        }
        if let Some(fault) = head.fault() {
            write!(f, " fault=({fault})")?;
        }
        // The end-line: hyphens, transaction id, flag, CRLF; around a body, two CRLFs more.
        let around = head.header_len()
            + 7
            + head.transaction_id().as_str().len()
            + 3
            + if head.has_body_section() { 4 } else { 0 };
        write!(f, " body={}", self.len.saturating_sub(around as u64))
    }
}
