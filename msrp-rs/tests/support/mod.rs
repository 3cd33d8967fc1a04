//! Two connections in virtual time, joined by a pipe of octets that can split, stall and cut.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

pub mod bench;
pub mod strict;

use std::collections::{HashMap, VecDeque};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{
    Body, Command, Connection, Directory, Event, Flow, IdSource, Lookup, OutgoingMessage, Pacing,
    ReportMode, SessionConfig, SessionKey, SessionMatch, TransferKey,
};
use msrp::wire::{
    Continuation, FailureReport, Frame, Head, MediaRange, Method, Parser, ParserLimits, Uri,
    UriPath,
};

/// The sessions that one side knows of.
#[derive(Default)]
pub struct Table {
    pub entries: HashMap<Uri, Entry>,
}

pub enum Entry {
    Ready(SessionKey, Box<SessionConfig>),
    NotReady(SessionKey),
    Elsewhere,
}

impl Directory for Table {
    fn lookup(&mut self, uri: &Uri) -> Lookup {
        let by_id = || {
            let mut entries = self.entries.iter();
            let is_named = |(other, entry): &(&Uri, &Entry)| {
                matches!(entry, Entry::Ready(_, config) if config.session_match == SessionMatch::SessionId)
                    && other.session_id() == uri.session_id()
            };
            entries.find(is_named).map(|(_, entry)| entry)
        };
        match self.entries.get(uri).or_else(by_id) {
            None => Lookup::Unknown,
            Some(Entry::Ready(key, config)) => Lookup::Ready(*key, config.clone()),
            Some(Entry::NotReady(key)) => Lookup::NotReady(*key),
            Some(Entry::Elsewhere) => Lookup::BoundElsewhere,
        }
    }
}

/// One end.
pub struct Side {
    pub connection: Connection,
    pub table: Table,
    pub events: Vec<(SessionKey, Event)>,
    /// Octets written and not read by the other end.
    pub pipe: VecDeque<u8>,
    /// All octets that were written.
    pub sent: Vec<u8>,
    /// Octets of each write.
    pub writes: Vec<usize>,
    /// Octets that the pipe takes.
    pub capacity: usize,
    /// Most octets given to the other end at once.
    pub split: usize,
    /// Give credit back and take messages as soon as they come.
    pub consume: bool,
    next_transfer: u32,
}

impl Side {
    pub fn new(limits: &Limits, seed: u8, now: Instant) -> Self {
        Self {
            connection: Connection::new(Arc::new(limits.clone()), IdSource::new([seed; 32]), now),
            table: Table::default(),
            events: Vec::new(),
            pipe: VecDeque::new(),
            sent: Vec::new(),
            writes: Vec::new(),
            capacity: usize::MAX,
            split: usize::MAX,
            consume: true,
            next_transfer: 0,
        }
    }

    /// The frames that were sent: head, body, continuation.
    pub fn frames(&self) -> Vec<(Head, Vec<u8>, Continuation)> {
        frames(&self.sent)
    }

    /// Takes the events so far.
    pub fn take(&mut self) -> Vec<Event> {
        self.events.drain(..).map(|(_, event)| event).collect()
    }
}

pub fn frames(octets: &[u8]) -> Vec<(Head, Vec<u8>, Continuation)> {
    let mut parser = Parser::new(ParserLimits::default());
    parser.push(Bytes::copy_from_slice(octets));
    let mut frames = Vec::new();
    let mut open: Option<(Head, Vec<u8>)> = None;
    while let Some(frame) = parser.next().expect("what we send can be parsed") {
        match frame {
            Frame::Head(head) => {
                assert!(
                    head.fault().is_none(),
                    "what we send has no fault: {head:?}"
                );
                open = Some((head, Vec::new()));
            }
            Frame::Body(data) => open
                .as_mut()
                .expect("after a head")
                .1
                .extend_from_slice(&data),
            Frame::End(continuation) => {
                let (head, body) = open.take().expect("after a head");
                frames.push((head, body, continuation));
            }
        }
    }
    frames
}

/// Two ends and the time.
pub struct Pair {
    pub now: Instant,
    pub a: Side,
    pub b: Side,
}

pub const S1: SessionKey = SessionKey(1);

pub fn uri(host: &str, session: u64) -> Uri {
    Uri::parse(&format!("msrp://{host}:2855/session{session:012};tcp")).expect("a URI")
}

pub fn config(from: &str, to: &str, session: u64, active: bool) -> SessionConfig {
    SessionConfig {
        local_uri: uri(from, session),
        remote_path: UriPath::from(uri(to, session)),
        active,
        chunk_len: 2048,
        session_match: SessionMatch::Uri,
        pacing: Pacing::Pipelined,
        dash_split: false,
        accept_types: Arc::from([MediaRange::parse("*").expect("a range")]),
        max_size: None,
        reports: ReportMode::Auto,
        flow: Flow::default(),
        methods: Arc::from([]),
        keep_alive: None,
        report_timeout: None,
        first_message: 1,
    }
}

pub fn message(body: Body) -> OutgoingMessage {
    OutgoingMessage {
        method: Method::Send,
        message_id: None,
        content_type: "text/plain".into(),
        headers: Vec::new(),
        success_report: false,
        failure_report: FailureReport::Yes,
        control: false,
        body,
    }
}

impl Pair {
    /// No sessions.
    pub fn bare(limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            now,
            a: Side::new(limits, 1, now),
            b: Side::new(limits, 2, now),
        }
    }

    /// `count` sessions with keys from 1; `a` is active. Bound, and the events of that taken.
    pub fn with(limits: &Limits, count: u64, adjust: impl Fn(&mut SessionConfig)) -> Self {
        let mut pair = Self::bare(limits);
        for n in 1..=count {
            let mut ours = config("a.example", "b.example", n, true);
            let mut theirs = config("b.example", "a.example", n, false);
            adjust(&mut ours);
            adjust(&mut theirs);
            let key = SessionKey(n);
            pair.b.table.entries.insert(
                theirs.local_uri.clone(),
                Entry::Ready(key, Box::new(theirs)),
            );
            pair.a
                .connection
                .attach(pair.now, key, ours)
                .expect("attached");
        }
        pair.run();
        assert_eq!(pair.a.take(), vec![Event::Bound; count as usize]);
        assert_eq!(pair.b.take(), vec![Event::Bound; count as usize]);
        pair
    }

    pub fn new() -> Self {
        Self::with(&Limits::default(), 1, |_| {})
    }

    pub fn send_a(&mut self, key: SessionKey, message: OutgoingMessage) -> TransferKey {
        send(&mut self.a, self.now, key, message)
    }

    pub fn send_b(&mut self, key: SessionKey, message: OutgoingMessage) -> TransferKey {
        send(&mut self.b, self.now, key, message)
    }

    pub fn command_a(&mut self, key: SessionKey, command: Command) {
        self.a.connection.handle_command(self.now, key, command);
    }

    pub fn command_b(&mut self, key: SessionKey, command: Command) {
        self.b.connection.handle_command(self.now, key, command);
    }

    /// Moves octets until nothing moves any more.
    pub fn run(&mut self) {
        for turn in 0.. {
            assert!(turn < 1_000_000, "the two ends never rest");
            let moved = self.step();
            if !moved {
                return;
            }
        }
    }

    /// One write and one read of each side. Whether anything moved.
    pub fn step(&mut self) -> bool {
        let mut moved = write(&mut self.a, self.now);
        moved |= write(&mut self.b, self.now);
        moved |= read(&mut self.a, &mut self.b, self.now);
        moved |= read(&mut self.b, &mut self.a, self.now);
        moved
    }

    /// Lets time pass, from timeout to timeout, moving octets at each.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.run();
        loop {
            let next = [&self.a, &self.b]
                .into_iter()
                .filter_map(|side| side.connection.poll_timeout())
                .min();
            match next {
                Some(next) if next <= until => self.now = self.now.max(next),
                _ => break,
            }
            self.a.connection.handle_timeout(self.now);
            self.b.connection.handle_timeout(self.now);
            drain(&mut self.a, self.now);
            drain(&mut self.b, self.now);
            self.run();
        }
        self.now = until;
    }
}

pub fn send(
    side: &mut Side,
    now: Instant,
    key: SessionKey,
    message: OutgoingMessage,
) -> TransferKey {
    side.next_transfer += 1;
    let transfer = TransferKey(side.next_transfer);
    side.connection
        .handle_command(now, key, Command::Send(transfer, Box::new(message)));
    transfer
}

pub fn write(side: &mut Side, now: Instant) -> bool {
    if !side.connection.poll_transmit(now) {
        drain(side, now);
        return false;
    }
    let mut slices = [IoSlice::new(&[]); 64];
    let filled = side.connection.transmit_slices(&mut slices);
    let room = side.capacity.saturating_sub(side.pipe.len());
    let mut octets = Vec::new();
    for slice in &slices[..filled] {
        let len = slice.len().min(room - octets.len());
        octets.extend_from_slice(&slice[..len]);
    }
    side.connection.handle_written(now, octets.len());
    side.pipe.extend(&octets);
    side.sent.extend_from_slice(&octets);
    side.writes.push(octets.len());
    drain(side, now);
    !octets.is_empty()
}

pub fn read(from: &mut Side, to: &mut Side, now: Instant) -> bool {
    if from.pipe.is_empty() || !to.connection.reading_allowed() {
        return false;
    }
    let len = from.pipe.len().min(from.split);
    let data: Vec<u8> = from.pipe.drain(..len).collect();
    to.connection.handle_input(now, data.into(), &mut to.table);
    drain(to, now);
    true
}

pub fn drain(side: &mut Side, now: Instant) {
    while let Some((key, event)) = side.connection.poll_event() {
        if matches!(event, Event::Closed { .. }) {
            // As whoever owns the table does.
            side.table
                .entries
                .retain(|_, entry| !matches!(entry, Entry::Ready(other, _) if *other == key));
        }
        if side.consume {
            match &event {
                Event::Message {
                    message, credit, ..
                } => {
                    side.connection
                        .handle_command(now, key, Command::Consumed(*credit));
                    side.connection
                        .handle_command(now, key, Command::Taken(*message));
                }
                Event::MessageBegin { credit, .. } => {
                    side.connection
                        .handle_command(now, key, Command::Consumed(*credit));
                }
                Event::MessageBody { data, .. } => {
                    side.connection
                        .handle_command(now, key, Command::Consumed(data.len()));
                }
                Event::MessageEnd { message, .. } => {
                    side.connection
                        .handle_command(now, key, Command::Taken(*message));
                }
                _ => {}
            }
        }
        side.events.push((key, event));
    }
}

/// The contents of the messages among these events, each with whether it is complete.
pub fn contents(events: &[Event]) -> Vec<(Vec<u8>, bool)> {
    let mut order = Vec::new();
    let mut open: HashMap<_, Vec<u8>> = HashMap::new();
    for event in events {
        match event {
            Event::Message { body, .. } => order.push((body.to_vec(), true)),
            Event::MessageBegin { message, .. } => {
                open.insert(*message, Vec::new());
            }
            Event::MessageBody {
                message,
                offset,
                data,
            } => {
                let content = open.get_mut(message).expect("after its begin");
                let offset = *offset as usize;
                assert!(offset <= content.len(), "parts come in order");
                content.resize(content.len().max(offset + data.len()), 0);
                content[offset..offset + data.len()].copy_from_slice(data);
            }
            Event::MessageEnd { message, end } => {
                let content = open.remove(message).expect("after its begin");
                order.push((content, matches!(end, msrp::proto::MessageEnd::Complete(_))));
            }
            _ => {}
        }
    }
    order
}

/// Octets that do not repeat soon.
pub fn octets(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
