//! A peer that says anything that has a sound frame, in any order: each request is answered as its Failure-Report asks,
//! at most once, no message is told in disorder, no timer fires for nothing, and nothing panics.

mod support;

use msrp_conformance::covers;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, MessageKey, OutgoingMessage, SessionKey, TransferKey};
use msrp::wire::{Continuation, FailureReport, StatusCode};
use proptest::prelude::*;
use support::bench::{Bench, FROM, TO};
use support::{Entry, config, drain, frames, message, uri, write};

#[derive(Debug, Clone)]
enum Action {
    Chunk {
        session: u64,
        message: u8,
        range: Option<(u64, u64)>,
        len: usize,
        flag: char,
        typed: bool,
        success: bool,
        failure: &'static str,
    },
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
    Split(usize),
    /// What is fed from now on stays in the middle of a frame by so many octets.
    HoldBack(usize),
    Say {
        session: u64,
        len: usize,
        failure: FailureReport,
    },
    Stream {
        session: u64,
        known: bool,
    },
    Data {
        nth: usize,
        len: usize,
        then: u8,
    },
    Abort {
        nth: usize,
    },
    Judge {
        message: u32,
        how: u8,
    },
    Consume(bool),
    Memory(bool),
    Capacity(usize),
    Pass(u64),
    Attach,
    Close {
        session: u64,
        now: bool,
    },
}

fn action() -> impl Strategy<Value = Action> {
    let range = prop::option::of((
        prop_oneof![Just(1u64), 1u64..40, 1000u64..60_000, Just(u64::MAX)],
        0u64..50,
    ));
    let status = prop_oneof![
        Just(200u16),
        Just(200),
        Just(413),
        Just(408),
        Just(299),
        Just(481),
        100u16..999
    ];
    let failure = prop_oneof![
        3 => Just(""),
        1 => Just("Failure-Report: no\r\n"),
        1 => Just("Failure-Report: partial\r\n")
    ];
    let ours = prop_oneof![
        Just(FailureReport::Yes),
        Just(FailureReport::No),
        Just(FailureReport::Partial)
    ];
    let flag = prop_oneof![3 => Just('$'), 3 => Just('+'), 1 => Just('#')];
    let len = prop_oneof![0usize..12, 0usize..12, 1000usize..30_000];
    let line = prop_oneof![
        Just("FOOBAR"),
        Just("SEND\r\nTo-Path: nonsense"),
        Just("SEND\r\nX: y"),
        Just("REPORT\r\nX: y")
    ];
    prop_oneof![
        12 => (1u64..4, 0u8..5, range.clone(), len.clone(), flag, any::<bool>(), any::<bool>(), failure).prop_map(
            |(session, message, range, len, flag, typed, success, failure)|
            Action::Chunk { session, message, range, len, flag, typed: typed || len > 20, success, failure }),
        1 => (1u64..5, line).prop_map(|(session, line)| Action::Other { session, line }),
        6 => (0usize..12, status.clone()).prop_map(|(nth, status)| Action::Response { nth, status }),
        2 => (0usize..6, status, range).prop_map(|(nth, status, range)| Action::Report { nth, status, range }),
        2 => (1usize..3000).prop_map(Action::Split),
        2 => (0usize..100).prop_map(Action::HoldBack),
        5 => (1u64..4, len.clone(), ours).prop_map(|(session, len, failure)| Action::Say { session, len, failure }),
        2 => (1u64..4, any::<bool>()).prop_map(|(session, known)| Action::Stream { session, known }),
        4 => (0usize..4, len, 0u8..4).prop_map(|(nth, len, then)| Action::Data { nth, len, then }),
        1 => (0usize..6).prop_map(|nth| Action::Abort { nth }),
        3 => (0u32..8, 0u8..4).prop_map(|(message, how)| Action::Judge { message, how }),
        1 => any::<bool>().prop_map(Action::Consume),
        1 => any::<bool>().prop_map(Action::Memory),
        2 => prop_oneof![Just(usize::MAX), 0usize..30_000].prop_map(Action::Capacity),
        2 => (0u64..40).prop_map(Action::Pass),
        1 => Just(Action::Attach),
        1 => (1u64..4, any::<bool>()).prop_map(|(session, now)| Action::Close { session, now }),
    ]
}

/// The bench, and what was said.
struct Talk {
    bench: Bench,
    /// Octets of the peer that were not fed yet.
    unfed: Vec<u8>,
    hold_back: usize,
    next_id: usize,
    /// Failure-Report of each request of the peer.
    asked: HashMap<String, &'static str>,
    said: Vec<(SessionKey, TransferKey)>,
    wanted: HashMap<(SessionKey, TransferKey), usize>,
    told: Vec<(SessionKey, Event)>,
    attached: bool,
}

fn of(text: &str, session: u64) -> String {
    let name = format!("session{session:012}");
    text.replace("session000000000001", &name)
}

impl Talk {
    fn new() -> Self {
        let mut limits = Limits::default();
        limits.receive_window = 20_000;
        limits.connection_slack = 20_000;
        limits.incomplete_messages = 3;
        limits.gaps = 4;
        limits.remembered_ids = 4;
        limits.max_transactions = 6;
        limits.early_len = 20_000;
        limits.control_lane = 2000;
        limits.incomplete_idle = Duration::from_secs(20);
        let mut bench = Bench::limited(&limits);
        bench.know(1, |config| config.chunk_len = 0);
        bench.know(2, |config| config.reports = msrp::proto::ReportMode::Manual);
        let late = Entry::NotReady(SessionKey(3));
        bench.side.table.entries.insert(uri("b.example", 3), late);
        Self {
            bench,
            unfed: Vec::new(),
            hold_back: 0,
            next_id: 0,
            asked: HashMap::new(),
            said: Vec::new(),
            wanted: HashMap::new(),
            told: Vec::new(),
            attached: false,
        }
    }

    fn request(&mut self, failure: &'static str) -> String {
        self.next_id += 1;
        let id = format!("peer{}", self.next_id);
        self.asked.insert(id.clone(), failure);
        id
    }

    fn feed(&mut self, text: &str) {
        self.unfed.extend_from_slice(text.as_bytes());
        let len = self.unfed.len().saturating_sub(self.hold_back);
        let rest = self.unfed.split_off(len);
        let octets = std::mem::replace(&mut self.unfed, rest);
        let side = &mut self.bench.side;
        let mut octets = &octets[..];
        while !octets.is_empty() {
            if !side.connection.reading_allowed() {
                break;
            }
            let (now, later) = octets.split_at(octets.len().min(self.bench.split));
            let data = bytes::Bytes::copy_from_slice(now);
            side.connection
                .handle_input(self.bench.now, data, &mut side.table);
            drain(side, self.bench.now);
            octets = later;
        }
        self.unfed.splice(0..0, octets.iter().copied());
        self.settle();
    }

    fn settle(&mut self) {
        let side = &mut self.bench.side;
        for turn in 0.. {
            assert!(turn < 10_000, "it never stops to write");
            if !write(side, self.bench.now) {
                break;
            }
        }
        for (key, event) in side.events.drain(..) {
            if let Event::DataWanted(transfer, len) = event {
                *self.wanted.entry((key, transfer)).or_default() += len;
            }
            self.told.push((key, event));
        }
        // The peer's socket is always empty.
        side.pipe.clear();
    }

    fn command(&mut self, session: SessionKey, command: Command) {
        let now = self.bench.now;
        let connection = &mut self.bench.side.connection;
        connection.handle_command(now, session, command);
        drain(&mut self.bench.side, now);
        self.settle();
    }

    fn say(&mut self, session: u64, message: OutgoingMessage) {
        let name = TransferKey(self.said.len() as u32);
        self.said.push((SessionKey(session), name));
        self.command(SessionKey(session), Command::Send(name, Box::new(message)));
    }

    fn nth_said(&self, nth: usize) -> Option<(SessionKey, TransferKey)> {
        self.said.iter().rev().nth(nth).copied()
    }

    /// Our requests so far: session number in the From-Path, transaction id, Message-ID.
    fn ours(&self) -> Vec<(String, String, String)> {
        frames(&whole(&self.bench.side.sent))
            .iter()
            .filter(|(head, ..)| head.is_request() && !head.is_report())
            .filter_map(|(head, ..)| {
                let from = String::from_utf8_lossy(head.from_path_text()?).into_owned();
                let id = head.message_id()?.as_str().to_owned();
                Some((from, head.transaction_id().as_str().to_owned(), id))
            })
            .collect()
    }

    fn act(&mut self, action: Action) -> Result<(), TestCaseError> {
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
                let range = range
                    .map(|(start, total)| format!("Byte-Range: {start}-*/{total}\r\n"))
                    .unwrap_or_default();
                let success = if success {
                    "Success-Report: yes\r\n"
                } else {
                    ""
                };
                let headers = format!("Message-ID: mess{message}\r\n{range}{success}{failure}");
                let body = "x".repeat(len);
                let body = typed.then_some(&*body);
                self.feed(&of(
                    &support::bench::send(&id, &headers, body, flag),
                    session,
                ));
            }
            Action::Other { session, line } => {
                let id = self.request(if line.starts_with("REPORT") {
                    "REPORT"
                } else {
                    ""
                });
                let text = format!(
                    "MSRP {id} {line}\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\n-------{id}$\r\n"
                );
                self.feed(&of(&text, session));
            }
            Action::Response { nth, status } => {
                if let Some((_, id, _)) = self.ours().iter().rev().nth(nth) {
                    self.feed(&support::bench::response(id, &status.to_string()));
                }
            }
            Action::Report { nth, status, range } => {
                let id = self.request("REPORT");
                if let Some((to, _, message)) = self.ours().iter().rev().nth(nth) {
                    let range = range
                        .map(|(start, len)| {
                            format!("Byte-Range: {start}-{}/*\r\n", start.saturating_add(len))
                        })
                        .unwrap_or_default();
                    let headers =
                        format!("Message-ID: {message}\r\n{range}Status: 000 {status} x\r\n");
                    self.feed(&support::bench::report(&id, to, &headers));
                }
            }
            Action::Split(split) => self.bench.split = split,
            Action::HoldBack(len) => self.hold_back = len,
            Action::Say {
                session,
                len,
                failure,
            } => {
                let body = match len {
                    3 => Body::None,
                    len => Body::Whole(vec![b'-'; len].into()),
                };
                let outgoing = OutgoingMessage {
                    failure_report: failure,
                    success_report: len % 2 == 0,
                    ..message(body)
                };
                self.say(session, outgoing);
            }
            Action::Stream { session, known } => {
                self.say(session, message(Body::Stream(known.then_some(3000))));
            }
            Action::Data { nth, len, then } => {
                let Some((session, name)) = self.nth_said(nth) else {
                    return Ok(());
                };
                let wanted = self.wanted.entry((session, name)).or_default();
                let len = len.min(*wanted);
                *wanted -= len;
                self.command(session, Command::StreamData(name, vec![b'y'; len].into()));
                match then {
                    0 => self.command(session, Command::StreamEnd(name)),
                    1 => self.command(session, Command::StreamFlush(name)),
                    _ => {}
                }
            }
            Action::Abort { nth } => {
                if let Some((session, name)) = self.nth_said(nth) {
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
                self.bench.side.consume = on;
                for session in 1..4 {
                    self.command(SessionKey(session), Command::Consumed(usize::MAX));
                }
            }
            Action::Memory(short) => self.bench.side.connection.set_memory_pressure(short),
            Action::Capacity(capacity) => self.bench.side.capacity = capacity,
            Action::Pass(seconds) => {
                self.bench.now += Duration::from_secs(seconds);
                let now = self.bench.now;
                let side = &mut self.bench.side;
                side.connection.handle_timeout(now);
                let next = side.connection.poll_timeout();
                prop_assert!(next.is_none_or(|next| next > now), "a timer is due again");
                drain(side, now);
                self.settle();
            }
            Action::Attach => {
                if std::mem::replace(&mut self.attached, true) {
                    return Ok(());
                }
                let ours = config("b.example", "a.example", 3, false);
                let now = self.bench.now;
                // Refused if the connection is gone.
                let _ = self.bench.side.connection.attach(now, SessionKey(3), ours);
                drain(&mut self.bench.side, now);
                self.settle();
            }
            Action::Close { session, now } => {
                let command = match now {
                    true => Command::CloseNow,
                    false => Command::Close(self.bench.now + Duration::from_secs(5)),
                };
                self.command(SessionKey(session), command);
            }
        }
        Ok(())
    }

    /// What was written, against what was asked.
    fn check(&self, complete: bool) -> Result<(), TestCaseError> {
        let mut answered = HashSet::new();
        for (head, _, continuation) in frames(&whole(&self.bench.side.sent)) {
            if head.is_request() {
                continue;
            }
            prop_assert_eq!(continuation, Continuation::Complete);
            let id = head.transaction_id().as_str().to_owned();
            let asked = self.asked.get(&id);
            let status = head.status().unwrap_or(StatusCode(0));
            let is_answer = match asked.map(|asked| asked.contains("no\r\n")) {
                Some(true) | None => false,
                Some(false) if asked == Some(&"REPORT") => false,
                Some(false) => asked == Some(&"") || !status.is_success(),
            };
            prop_assert!(is_answer, "{} to {}, which asked {:?}", status.0, id, asked);
            prop_assert!(![408, 401, 423].contains(&status.0), "{}", status.0);
            prop_assert!(answered.insert(id.clone()), "{} was answered twice", id);
        }
        if complete {
            for (id, asked) in &self.asked {
                let answer = answered.contains(id);
                prop_assert!(answer || !asked.is_empty(), "{} was not answered", id);
            }
        }
        Ok(())
    }

    /// Parts come in order, and after nothing is told of an end.
    fn check_told(&self) -> Result<(), TestCaseError> {
        let mut open: HashMap<(SessionKey, MessageKey), u64> = HashMap::new();
        let mut over = HashSet::new();
        let mut closed = HashSet::new();
        let mut ended = HashMap::<_, u32>::new();
        for (key, event) in &self.told {
            prop_assert!(
                !closed.contains(key),
                "{:?} after the end: {:?}",
                key,
                event
            );
            match event {
                Event::Message { message, .. } => prop_assert!(over.insert((*key, *message))),
                Event::MessageBegin { message, .. } => {
                    prop_assert!(!over.contains(&(*key, *message)));
                    prop_assert!(open.insert((*key, *message), 0).is_none());
                }
                Event::MessageBody {
                    message,
                    offset,
                    data,
                } => {
                    let position = open.get_mut(&(*key, *message));
                    prop_assert!(position.is_some(), "{:?} has not begun", message);
                    let Some(position) = position else { continue };
                    prop_assert!(*offset <= *position);
                    *position = (*position).max(offset + data.len() as u64);
                }
                Event::MessageEnd { message, end } => {
                    let position = open.remove(&(*key, *message));
                    prop_assert!(position.is_some() && over.insert((*key, *message)));
                    if let msrp::proto::MessageEnd::Complete(length) = end {
                        prop_assert_eq!(position, Some(*length));
                    }
                }
                Event::Acknowledged(name) | Event::Failed(name, _) => {
                    let count = ended.entry((*key, *name)).or_default();
                    *count += 1;
                    prop_assert!(*count <= 2, "{:?} ended again", name);
                }
                Event::Closed { .. } => {
                    closed.insert(*key);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The octets up to the last end of a frame that is known to be whole.
fn whole(octets: &[u8]) -> Vec<u8> {
    let mut end = octets.len();
    while end > 0 && !octets[..end].ends_with(b"\r\n") {
        end -= 1;
    }
    octets[..end].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 3000, ..ProptestConfig::default() })]
    #[test]
    fn rfc4975_7_2_every_request_is_answered_once_as_it_asks(
        actions in prop::collection::vec(action(), 1..80),
    ) {
        let mut talk = Talk::new();
        talk.feed(&support::bench::send("tid0", "Message-ID: m0xx\r\nFailure-Report: no\r\n", None, '$'));
        for action in actions {
            talk.act(action)?;
        }
        // All that was said arrives, all that waits is written, and what was held has its time.
        talk.bench.side.capacity = usize::MAX;
        talk.hold_back = 0;
        talk.act(Action::Consume(true))?;
        for _ in 0..50 {
            talk.feed("");
            talk.act(Action::Pass(1))?;
        }
        prop_assert!(talk.unfed.is_empty() || talk.bench.closed().is_some());
        talk.check(talk.bench.closed().is_none())?;
        talk.check_told()?;
        covers!("C-141", "C-155", "C-170", "C-171", "C-172", "C-173", "C-174", "C-175", "C-219", "C-243", "T-04", "T-06", "T-07");
    }
}
