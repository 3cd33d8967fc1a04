//! A connection, its user, and a peer that says anything in any order: what each does is an [`Action`], and [`Talk`]
//! sees to it that every promise is kept. The same model runs under proptest (`proto_peer.rs`) and under a fuzzer.
//!
//! Each request is answered as its Failure-Report asks, at most once; each message is told in order and whole; each
//! message that was accepted for sending has one outcome; windows and credits balance; buffers keep their bounds; no
//! timer fires for nothing; the work is linear in the octets.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{
    Body, CloseReason, Command, Event, MessageEnd, MessageKey, OutgoingMessage, ReportMode,
    SessionKey, TransferKey, send_cost,
};
use msrp::wire::{Continuation, FailureReport, Frame, Head, Parser, ParserLimits, StatusCode};
use msrp::work_so_far;

use crate::support::bench::{Bench, FROM, TO, report, response, send};
use crate::support::{Entry, config, drain, message, uri, write};

#[derive(Debug, Clone)]
pub enum Action {
    /// The peer sends a chunk of its message `mess<message>`. `range` is the start from 1, and the total.
    Chunk {
        session: u64,
        message: u8,
        range: Option<(u64, Option<u64>)>,
        len: usize,
        flag: char,
        typed: bool,
        success: bool,
        failure: &'static str,
    },
    /// The peer sends another request.
    Other {
        session: u64,
        line: &'static str,
    },
    /// About one of our requests, counted from the last.
    Response {
        nth: usize,
        status: u16,
    },
    /// About one of our messages.
    Report {
        nth: usize,
        status: u16,
        range: Option<(u64, u64)>,
    },
    /// The peer sends these octets, which may be no MSRP at all.
    Octets(Vec<u8>),
    Split(usize),
    /// What is fed from now on stays in the middle of a frame by so many octets.
    HoldBack(usize),
    Say {
        session: u64,
        /// `None` is a message without a body.
        len: Option<usize>,
        failure: FailureReport,
        success: bool,
    },
    Stream {
        session: u64,
        known: Option<u64>,
    },
    /// The next octets of a stream, of ours, counted from the last; then its end (0), a flush (1), or nothing.
    Data {
        nth: usize,
        len: usize,
        then: u8,
    },
    Abort {
        nth: usize,
    },
    /// The user refuses (0), reports (1, 2) or takes a message of the peer.
    Judge {
        message: u32,
        how: u8,
    },
    /// Whether the user takes what comes.
    Consume(bool),
    Memory(bool),
    /// Octets that the system takes.
    Capacity(usize),
    /// Milliseconds.
    Pass(u64),
    /// The remote side of session 3 becomes known.
    Attach,
    Close {
        session: u64,
        now: bool,
    },
    /// The peer ends its side, or the connection breaks.
    End {
        broken: bool,
    },
}

/// A message that was given to the connection, and what became of it.
#[derive(Debug)]
struct Said {
    session: SessionKey,
    name: TransferKey,
    failure: FailureReport,
    /// Of a stream that is not ended: octets given, octets asked for and not given.
    stream: Option<(u64, usize)>,
    acknowledged: bool,
    failed: bool,
    delivered: bool,
    /// Told with the end of the session.
    left: bool,
}

/// What is known of one session.
#[derive(Debug, Default)]
struct Known {
    bound: bool,
    closed: bool,
    shed: bool,
    /// Of the send window in use.
    window: usize,
    /// Received, and not taken.
    unconsumed: usize,
    untaken: Vec<MessageKey>,
    /// Messages under way: the position and the content so far.
    open: HashMap<MessageKey, (String, Vec<u8>)>,
    over: HashSet<MessageKey>,
}

pub struct Talk {
    pub bench: Bench,
    limits: Limits,
    /// Octets of the peer that were not fed yet.
    unfed: Vec<u8>,
    hold_back: usize,
    next_id: usize,
    /// Failure-Report of each request of the peer.
    asked: HashMap<String, &'static str>,
    said: Vec<Said>,
    sessions: HashMap<SessionKey, Known>,
    consuming: bool,
    attached: bool,
    /// The peer said something that is not known to be sound.
    wild: bool,
    /// What we wrote.
    reader: Parser,
    read: usize,
    writing: Option<Head>,
    /// Our requests so far: From-Path, transaction id, Message-ID.
    requests: Vec<(String, String, String)>,
    /// Status by transaction id.
    answered: HashMap<String, StatusCode>,
    /// Octets of our responses and REPORTs.
    control: usize,
    /// The longest block that was fed.
    block: usize,
    actions: usize,
    fed: usize,
    work: u64,
}

impl Talk {
    /// With narrow limits almost every bound is met.
    pub fn new(narrow: bool) -> Self {
        let mut limits = Limits::default();
        if narrow {
            limits.receive_window = 4000;
            limits.connection_slack = 4000;
            limits.small_message = 2000;
            limits.incomplete_messages = 3;
            limits.gaps = 4;
            limits.remembered_ids = 4;
            limits.max_transactions = 6;
            limits.early_len = 4000;
            limits.control_lane = 2000;
            limits.write_ahead = 4096;
            limits.read_ahead = 4096;
        }
        limits.incomplete_idle = Duration::from_secs(20);
        let mut bench = Bench::limited(&limits);
        // The model takes everything itself.
        bench.side.consume = false;
        bench.know(1, |config| config.chunk_len = 0);
        bench.know(2, |config| {
            config.reports = ReportMode::Manual;
            config.max_size = Some(50_000);
        });
        let late = Entry::NotReady(SessionKey(3));
        bench.side.table.entries.insert(uri("b.example", 3), late);
        let mut talk = Self {
            bench,
            limits,
            unfed: Vec::new(),
            hold_back: 0,
            next_id: 0,
            asked: HashMap::new(),
            said: Vec::new(),
            sessions: HashMap::new(),
            consuming: true,
            attached: false,
            wild: false,
            reader: Parser::new(ParserLimits::default()),
            read: 0,
            writing: None,
            requests: Vec::new(),
            answered: HashMap::new(),
            control: 0,
            block: 0,
            actions: 0,
            fed: 0,
            work: work_so_far(),
        };
        let hello = send(
            "tid0",
            "Message-ID: m0xx\r\nFailure-Report: no\r\n",
            None,
            '$',
        );
        talk.feed(hello.as_bytes());
        talk
    }

    fn request(&mut self, failure: &'static str) -> String {
        self.next_id += 1;
        let id = format!("peer{}", self.next_id);
        self.asked.insert(id.clone(), failure);
        id
    }

    fn feed(&mut self, octets: &[u8]) {
        self.unfed.extend_from_slice(octets);
        let len = self.unfed.len().saturating_sub(self.hold_back);
        // A long text in single octets shows no more than a short one.
        let split = self.bench.split.max(len / 48);
        let mut at = 0;
        while at < len && self.bench.side.connection.reading_allowed() {
            let end = at + split.min(len - at);
            let block = Bytes::copy_from_slice(&self.unfed[at..end]);
            self.block = self.block.max(block.len());
            self.fed += block.len();
            let side = &mut self.bench.side;
            side.connection
                .handle_input(self.bench.now, block, &mut side.table);
            self.collect();
            at = end;
        }
        self.unfed.drain(..at);
        self.settle();
    }

    /// All that may be read: what the answers to one part kept waiting goes on when they are written.
    fn feed_all(&mut self) {
        loop {
            let before = self.unfed.len();
            self.feed(b"");
            if self.unfed.len() == before || !self.bench.side.connection.reading_allowed() {
                break;
            }
        }
    }

    /// Writes, and looks at what was written and told.
    fn settle(&mut self) {
        for turn in 0.. {
            assert!(turn < 10_000, "it never stops to write");
            if !write(&mut self.bench.side, self.bench.now) {
                break;
            }
        }
        // The peer's socket is always empty.
        self.bench.side.pipe.clear();
        self.collect();
        self.look_at_writing();
    }

    fn command(&mut self, session: SessionKey, command: Command) {
        let now = self.bench.now;
        let connection = &mut self.bench.side.connection;
        connection.handle_command(now, session, command);
        self.collect();
        self.settle();
    }

    // What is told

    fn collect(&mut self) {
        drain(&mut self.bench.side, self.bench.now);
        let events: Vec<_> = self.bench.side.events.drain(..).collect();
        for (key, event) in events {
            self.told(key, event);
        }
        if self.consuming {
            self.consume();
        }
        self.check_buffers();
    }

    fn consume(&mut self) {
        let now = self.bench.now;
        for (key, known) in &mut self.sessions {
            let connection = &mut self.bench.side.connection;
            let len = std::mem::take(&mut known.unconsumed);
            if len > 0 {
                connection.handle_command(now, *key, Command::Consumed(len));
            }
            for message in known.untaken.drain(..) {
                connection.handle_command(now, *key, Command::Taken(message));
            }
        }
        drain(&mut self.bench.side, now);
        let events: Vec<_> = self.bench.side.events.drain(..).collect();
        for (key, event) in events {
            self.told(key, event);
        }
    }

    fn told(&mut self, key: SessionKey, event: Event) {
        let known = self.sessions.entry(key).or_default();
        assert!(!known.closed, "{key:?} after the end: {event:?}");
        let all = &mut self.said;
        match event {
            Event::Bound => assert!(!std::mem::replace(&mut known.bound, true)),
            Event::Message {
                message,
                head,
                body,
                credit,
            } => {
                assert!(known.over.insert(message) && !known.open.contains_key(&message));
                known.unconsumed += credit;
                assert!(credit > body.len());
                known.untaken.push(message);
                check_content(self.wild, head.message_id.as_str(), &body);
            }
            Event::MessageBegin {
                message,
                head,
                credit,
            } => {
                assert!(!known.over.contains(&message));
                known.unconsumed += credit;
                let id = head.message_id.to_string();
                let before = known.open.insert(message, (id, Vec::new()));
                assert!(before.is_none());
            }
            Event::MessageBody {
                message,
                offset,
                data,
            } => {
                known.unconsumed += data.len();
                let (_, content) = known.open.get_mut(&message).expect("it has begun");
                let offset = usize::try_from(offset).expect("what was fed is short");
                assert!(offset <= content.len() && !data.is_empty(), "a gap");
                let end = offset + data.len();
                content.resize(content.len().max(end), 0);
                content[offset..end].copy_from_slice(&data);
            }
            Event::MessageEnd { message, end } => {
                let (id, content) = known.open.remove(&message).expect("it has begun");
                assert!(known.over.insert(message));
                known.untaken.push(message);
                check_content(self.wild, &id, &content);
                if let MessageEnd::Complete(len) = end {
                    assert_eq!(content.len() as u64, len);
                }
            }
            Event::WindowReleased(len) => {
                assert!(len > 0 && len <= known.window, "{len} of {}", known.window);
                known.window -= len;
            }
            Event::DataWanted(name, len) => {
                if let Some((_, wanted)) = &mut find(all, key, name).stream {
                    *wanted += len;
                    assert!(*wanted <= self.limits.read_ahead);
                }
            }
            Event::Acknowledged(name) => {
                let said = find(all, key, name);
                assert!(!said.failed && !std::mem::replace(&mut said.acknowledged, true));
            }
            Event::Delivered(name) => {
                let said = find(all, key, name);
                assert!(!said.failed && !std::mem::replace(&mut said.delivered, true));
            }
            Event::Failed(name, _) => {
                let said = find(all, key, name);
                assert!(!std::mem::replace(&mut said.failed, true));
            }
            Event::Unconfirmed(name, _) => {
                let said = find(all, key, name);
                assert!(!said.failed && !said.delivered, "{said:?}");
            }
            Event::Returned(..) | Event::Retired | Event::Moved => {}
            Event::Shed => assert!(!std::mem::replace(&mut known.shed, true)),
            Event::Recovered => assert!(std::mem::replace(&mut known.shed, false)),
            Event::Closed { unacknowledged, .. } => {
                known.closed = true;
                assert!(known.open.is_empty(), "messages without an end");
                known.unconsumed = 0;
                known.untaken.clear();
                let left: HashSet<_> = unacknowledged.into_iter().collect();
                for said in all.iter_mut().filter(|said| said.session == key) {
                    said.left = left.contains(&said.name);
                    let ended = said.acknowledged || said.failed;
                    assert!(said.left != ended, "{said:?}");
                }
            }
            Event::Progress(..)
            | Event::Accepted(_)
            | Event::Report { .. }
            | Event::TypeRefused(_)
            | Event::Response(..) => {}
            Event::Request { .. } => panic!("no session answers other methods"),
        }
    }

    /// What is held for users is bounded, and reading pauses where it has to.
    fn check_buffers(&self) {
        let limits = &self.limits;
        let (mut above, mut all) = (0, 0);
        for known in self.sessions.values() {
            all += known.unconsumed;
            if !known.shed {
                above += known.unconsumed.saturating_sub(limits.receive_window);
            }
        }
        if above > limits.connection_slack {
            assert!(!self.bench.side.connection.reading_allowed(), "{above}");
        }
        // Octets in order, those that waited for them, and what short messages count beside their octets.
        let block = self.block * 5 + limits.early_len * 5 + 1000;
        let most = 2 * limits.receive_window + limits.connection_slack + block;
        assert!(all <= self.sessions.len() * most, "{all} octets are held");
    }

    // What is written

    fn look_at_writing(&mut self) {
        let sent = &self.bench.side.sent;
        if sent.len() > self.read {
            self.reader.push(Bytes::copy_from_slice(&sent[self.read..]));
            self.read = sent.len();
        }
        while let Some(frame) = self.reader.next().expect("what we write can be parsed") {
            match frame {
                Frame::Head(head) => {
                    assert!(head.fault().is_none(), "{head:?}");
                    if head.is_request() && !head.is_report() {
                        let from = head.from_path_text().expect("a From-Path");
                        let from = String::from_utf8_lossy(from).into_owned();
                        let message = head.message_id().expect("a Message-ID").to_string();
                        let id = head.transaction_id().to_string();
                        self.requests.push((from, id, message));
                    } else {
                        self.control += head.octets().len();
                    }
                    self.writing = Some(head);
                }
                Frame::Body(_) => {
                    let head = self.writing.as_ref().expect("after a head");
                    assert!(head.content_type().is_some());
                }
                Frame::End(continuation) => {
                    let head = self.writing.take().expect("after a head");
                    if let Some(status) = head.status() {
                        assert_eq!(continuation, Continuation::Complete);
                        self.check_answer(head.transaction_id().to_string(), status);
                    }
                }
            }
        }
    }

    fn check_answer(&mut self, id: String, status: StatusCode) {
        if self.wild {
            return;
        }
        let asked = self.asked.get(&id).copied();
        let is_answer = match asked {
            None | Some("REPORT") => false,
            Some(failure) if failure.contains("no\r\n") => false,
            Some("") => true,
            Some(_) => !status.is_success(),
        };
        assert!(is_answer, "{status} to {id}, which asked {asked:?}");
        assert!(![408, 401, 423].contains(&status.0), "{status}");
        let before = self.answered.insert(id.clone(), status);
        assert!(before.is_none(), "{id} was answered twice");
    }

    // What happens

    pub fn act(&mut self, action: Action) {
        self.actions += 1;
        match action {
            Action::Chunk {
                session,
                message,
                range,
                len,
                flag,
                typed,
                success,
                failure,
            } => {
                let id = self.request(failure);
                let start = range.map_or(1, |(start, _)| start);
                let range = range.map(|(start, total)| match total {
                    Some(total) => format!("Byte-Range: {start}-*/{total}\r\n"),
                    None => format!("Byte-Range: {start}-*/*\r\n"),
                });
                let range = range.unwrap_or_default();
                let success = if success {
                    "Success-Report: yes\r\n"
                } else {
                    ""
                };
                let headers = format!("Message-ID: mess{message}\r\n{range}{success}{failure}");
                let body = content(message, start.wrapping_sub(1), len);
                let body = std::str::from_utf8(&body).expect("letters");
                let body = typed.then_some(body);
                let text = of(&send(&id, &headers, body, flag), session);
                self.feed(text.as_bytes());
            }
            Action::Other { session, line } => {
                let is_report = line.starts_with("REPORT");
                let id = self.request(if is_report { "REPORT" } else { "" });
                let text = format!(
                    "MSRP {id} {line}\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\n-------{id}$\r\n"
                );
                self.feed(of(&text, session).as_bytes());
            }
            Action::Response { nth, status } => {
                if let Some((_, id, _)) = self.requests.iter().rev().nth(nth) {
                    let text = response(id, &format!("{status:03}"));
                    self.feed(text.as_bytes());
                }
            }
            Action::Report { nth, status, range } => {
                let id = self.request("REPORT");
                if let Some((to, _, message)) = self.requests.iter().rev().nth(nth) {
                    let range = range.map(|(start, len)| {
                        format!("Byte-Range: {start}-{}/*\r\n", start.saturating_add(len))
                    });
                    let range = range.unwrap_or_default();
                    let headers =
                        format!("Message-ID: {message}\r\n{range}Status: 000 {status:03} x\r\n");
                    let text = report(&id, to, &headers);
                    self.feed(text.as_bytes());
                }
            }
            Action::Octets(octets) => {
                self.wild = true;
                self.feed(&octets);
            }
            Action::Split(split) => self.bench.split = split,
            Action::HoldBack(len) => self.hold_back = len,
            Action::Say {
                session,
                len,
                failure,
                success,
            } => {
                let body = len.map_or(Body::None, |len| Body::Whole(vec![b'-'; len].into()));
                let outgoing = OutgoingMessage {
                    failure_report: failure,
                    success_report: success,
                    ..message(body)
                };
                self.say(SessionKey(session), outgoing);
            }
            Action::Stream { session, known } => {
                self.say(SessionKey(session), message(Body::Stream(known)));
            }
            Action::Data { nth, len, then } => self.stream(nth, len, then),
            Action::Abort { nth } => {
                if let Some(said) = self.said.iter().rev().nth(nth) {
                    let (session, name) = (said.session, said.name);
                    self.command(session, Command::Abort(name));
                }
            }
            Action::Judge { message, how } => {
                for session in 1..4 {
                    let (key, text) = (MessageKey(message), String::new());
                    let command = match how {
                        0 => Command::Reject(key, StatusCode(403), text),
                        1 => Command::Report(key, StatusCode(200), text),
                        2 => Command::Report(key, StatusCode(413), text),
                        _ => Command::Taken(key),
                    };
                    self.command(SessionKey(session), command);
                }
            }
            Action::Consume(on) => {
                self.consuming = on;
                self.collect();
                self.settle();
            }
            Action::Memory(short) => self.bench.side.connection.set_memory_pressure(short),
            Action::Capacity(capacity) => {
                self.bench.side.capacity = capacity;
                self.settle();
            }
            Action::Pass(milliseconds) => self.pass(Duration::from_millis(milliseconds)),
            Action::Attach => {
                if std::mem::replace(&mut self.attached, true) {
                    return;
                }
                let ours = config("b.example", "a.example", 3, false);
                let now = self.bench.now;
                // Refused if the connection is gone.
                let _ = self.bench.side.connection.attach(now, SessionKey(3), ours);
                self.settle();
            }
            Action::Close { session, now } => {
                let command = match now {
                    true => Command::CloseNow,
                    false => Command::Close(self.bench.now + Duration::from_secs(5)),
                };
                self.command(SessionKey(session), command);
            }
            Action::End { broken } => {
                let now = self.bench.now;
                let connection = &mut self.bench.side.connection;
                match broken {
                    true => {
                        connection.handle_failure(now, CloseReason::ConnectionLost("broken".into()))
                    }
                    false => connection.handle_eof(now),
                }
                self.settle();
            }
        }
        self.check_work();
    }

    /// Gives a message to a session that is known to both sides, as whoever offers `send` does.
    fn say(&mut self, session: SessionKey, message: OutgoingMessage) {
        let known = self.sessions.entry(session).or_default();
        if !known.bound || known.closed {
            return;
        }
        let len = match &message.body {
            Body::None => Some(0),
            Body::Whole(data) => Some(data.len()).filter(|len| *len <= self.limits.small_message),
            Body::Stream(_) => None,
        };
        let cost = len.map_or(0, send_cost);
        if known.window + cost > self.limits.send_window {
            return;
        }
        known.window += cost;
        let name = TransferKey(self.said.len() as u32);
        self.said.push(Said {
            session,
            name,
            failure: message.failure_report,
            stream: matches!(message.body, Body::Stream(_)).then_some((0, 0)),
            acknowledged: false,
            failed: false,
            delivered: false,
            left: false,
        });
        self.command(session, Command::Send(name, Box::new(message)));
    }

    fn stream(&mut self, nth: usize, len: usize, then: u8) {
        let streams = self.said.iter_mut().rev();
        let Some(said) = streams.filter(|said| said.stream.is_some()).nth(nth) else {
            return;
        };
        let (session, name) = (said.session, said.name);
        let Some((given, wanted)) = &mut said.stream else {
            return;
        };
        let len = len.min(*wanted);
        *wanted -= len;
        *given += len as u64;
        if then == 0 {
            said.stream = None;
        }
        self.command(session, Command::StreamData(name, vec![b'y'; len].into()));
        match then {
            0 => self.command(session, Command::StreamEnd(name)),
            1 => self.command(session, Command::StreamFlush(name)),
            _ => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        self.bench.now += time;
        let now: Instant = self.bench.now;
        let connection = &mut self.bench.side.connection;
        connection.handle_timeout(now);
        let next = connection.poll_timeout();
        assert!(next.is_none_or(|next| next > now), "a timer is due again");
        self.settle();
    }

    /// What is done is linear in the octets that move.
    fn check_work(&self) {
        let work = work_so_far() - self.work;
        let moved = self.fed + self.bench.side.sent.len() + 100 * self.actions;
        let most = 40 * moved as u64;
        assert!(work <= most, "{work} steps for {moved} octets");
    }

    /// All that was said arrives, all that waits is written, and what was held has its time.
    pub fn finish(mut self) {
        let closed = |talk: &Self| talk.bench.closed().is_some();
        let before = self.control;
        self.bench.side.capacity = usize::MAX;
        self.settle();
        // The control lane is let grow while the peer, too, may be waiting; and the answers to one block.
        let waited = self.control - before;
        let most = 16 * self.limits.control_lane + 8 * (self.block + self.limits.early_len) + 8192;
        assert!(waited <= most, "{waited} octets of answers waited");
        self.hold_back = 0;
        self.act(Action::Consume(true));
        self.bench.side.connection.set_memory_pressure(false);
        while self.said.iter().any(|said| said.stream.is_some()) {
            self.stream(0, 0, 0);
        }
        self.feed_all();
        // Each waits, perhaps, until those before it have had their time.
        let until = self.bench.now + Duration::from_secs(4 * 3600);
        while let Some(next) = self.bench.side.connection.poll_timeout()
            && next <= until
        {
            self.pass(next.saturating_duration_since(self.bench.now));
            self.feed_all();
        }
        assert!(self.unfed.is_empty() || closed(&self), "it reads no more");
        self.check_work();
        if !closed(&self) && !self.wild {
            for (id, asked) in &self.asked {
                let answer = self.answered.contains_key(id);
                assert!(answer || !asked.is_empty(), "{id} was not answered");
            }
        }
        let known = self.sessions.values();
        for known in known.filter(|known| known.bound && !known.closed) {
            assert_eq!((known.window, known.unconsumed), (0, 0));
            assert!(self.bench.closed().is_none());
        }
        for said in &self.said {
            let ended = said.acknowledged || said.failed || said.left;
            assert!(ended, "{said:?}");
        }
    }
}

fn find(all: &mut [Said], session: SessionKey, name: TransferKey) -> &mut Said {
    let said = &mut all[name.0 as usize];
    assert_eq!(said.session, session);
    said
}

/// What stands at `offset` in the peer's messages of this name.
fn content(message: u8, offset: u64, len: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(len);
    let mut at = (offset % PERIOD as u64) as usize;
    at = (at + 7 * usize::from(message)) % PERIOD;
    while content.len() < len {
        let end = PERIOD.min(at + len - content.len());
        content.extend_from_slice(&PATTERN[at..end]);
        at = 0;
    }
    content
}

/// A message of the peer has at each place what the peer says there.
fn check_content(wild: bool, id: &str, octets: &[u8]) {
    if wild {
        return;
    }
    let message: u8 = id["mess".len()..].parse().expect("a name that was given");
    assert!(
        octets == content(message, 0, octets.len()),
        "{id} has changed"
    );
}

/// Letters that do not come again soon.
const PATTERN: [u8; PERIOD] = {
    let mut pattern = [b'a'; PERIOD];
    let mut at = 0;
    while at < PERIOD {
        pattern[at] = b'a' + (at * at % 26) as u8;
        at += 1;
    }
    pattern
};

const PERIOD: usize = 251;

fn of(text: &str, session: u64) -> String {
    let name = format!("session{session:012}");
    text.replace("session000000000001", &name)
}
