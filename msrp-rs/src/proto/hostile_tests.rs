//! Peers that try to make us hold or do much: looked at from inside, where tables and steps can be counted.

use msrp_conformance::covers;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::message::Incoming;
use super::work::count;
use super::*;
use crate::limits::Limits;
use crate::wire::{FailureReport, MediaRange, Method, Uri, UriPath};

/// A connection and what it told; its consumers take everything at once.
struct Bench {
    now: Instant,
    connection: Connection,
    sent: Vec<u8>,
    closed: usize,
    /// Whether consumers take what they get.
    consume: bool,
}

struct Nobody;

impl Directory for Nobody {
    fn lookup(&mut self, _uri: &Uri) -> Lookup {
        Lookup::Unknown
    }
}

fn uri(n: usize) -> String {
    format!("msrp://b.example:2855/s{n};tcp")
}

impl Bench {
    /// With `count` bound sessions, keys from 0.
    fn new(count: usize, limits: Limits) -> Self {
        let now = Instant::now();
        let connection = Connection::new(Arc::new(limits), IdSource::new([7; 32]), now);
        let mut bench = Self {
            now,
            connection,
            sent: Vec::new(),
            closed: 0,
            consume: true,
        };
        for n in 0..count {
            let config = SessionConfig {
                local_uri: Uri::parse(&uri(n)).expect("a URI"),
                remote_path: UriPath::parse(b"msrp://a.example:2855/x;tcp", 8).expect("a path"),
                active: false,
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
            };
            let key = SessionKey(n as u64);
            bench.connection.attach(now, key, config).expect("attached");
            bench.feed(&request(
                "SEND",
                &uri(n),
                "tid0",
                "Message-ID: m0xx\r\n",
                None,
                '$',
            ));
        }
        bench
    }

    /// Gives octets in one block; what is answered is written at once.
    fn feed(&mut self, text: &str) {
        let data = Bytes::copy_from_slice(text.as_bytes());
        self.connection.handle_input(self.now, data, &mut Nobody);
        for (_, session) in &self.connection.sessions {
            let open = session.incoming.open.values();
            let kept: usize = open.map(Incoming::ahead_len).sum();
            assert_eq!(session.incoming.kept, kept);
        }
        self.drain();
        self.write();
    }

    fn command(&mut self, session: usize, command: Command) {
        self.connection
            .handle_command(self.now, SessionKey(session as u64), command);
        self.drain();
    }

    fn say(&mut self, session: usize, name: u32, body: Body) {
        let message = OutgoingMessage {
            method: Method::Send,
            message_id: None,
            content_type: "text/plain".into(),
            headers: Vec::new(),
            success_report: false,
            failure_report: FailureReport::Yes,
            control: false,
            body,
        };
        self.command(session, Command::Send(TransferKey(name), Box::new(message)));
    }

    fn drain(&mut self) {
        while let Some((key, event)) = self.connection.poll_event() {
            let (credit, taken) = match event {
                Event::Message {
                    message, credit, ..
                } => (credit, Some(message)),
                Event::MessageBegin { credit, .. } => (credit, None),
                Event::MessageBody { data, .. } => (data.len(), None),
                Event::MessageEnd { message, .. } => (0, Some(message)),
                Event::Closed { .. } => {
                    self.closed += 1;
                    continue;
                }
                _ => continue,
            };
            if self.consume {
                let commands = [Some(Command::Consumed(credit)), taken.map(Command::Taken)];
                for command in commands.into_iter().flatten() {
                    self.connection.handle_command(self.now, key, command);
                }
            }
        }
    }

    fn write(&mut self) {
        while self.connection.poll_transmit(self.now) {
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = self.connection.transmit_slices(&mut slices);
            let before = self.sent.len();
            for slice in &slices[..filled] {
                self.sent.extend_from_slice(slice);
            }
            let written = self.sent.len() - before;
            self.connection.handle_written(self.now, written);
            self.drain();
        }
    }

    /// The transaction ids of the SENDs with a body written since, and forgets what was written.
    fn take_ids(&mut self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.sent).into_owned();
        self.sent.clear();
        text.split("MSRP ")
            .filter(|frame| frame.contains(" SEND\r\n"))
            .filter_map(|frame| Some(frame.split_once(' ')?.0.to_owned()))
            .collect()
    }
}

fn request(
    method: &str,
    to: &str,
    id: &str,
    headers: &str,
    body: Option<&str>,
    flag: char,
) -> String {
    let body = body
        .map(|body| format!("Content-Type: text/plain\r\n\r\n{body}\r\n"))
        .unwrap_or_default();
    format!(
        "MSRP {id} {method}\r\nTo-Path: {to}\r\nFrom-Path: msrp://a.example:2855/x;tcp\r\n{headers}{body}-------{id}{flag}\r\n"
    )
}

fn response(id: &str, status: &str) -> String {
    format!(
        "MSRP {id} {status}\r\nTo-Path: {}\r\nFrom-Path: msrp://a.example:2855/x;tcp\r\n-------{id}$\r\n",
        uri(0)
    )
}

fn chunk(message: usize, range: &str, body: &str, flag: char) -> String {
    let headers = format!("Message-ID: mess{message}\r\nByte-Range: {range}\r\n");
    request("SEND", &uri(0), "tid1", &headers, Some(body), flag)
}

#[test]
fn spellings_of_a_path_are_remembered_one_per_session() {
    let mut bench = Bench::new(2, Limits::default());
    for n in 0..100 {
        for session in 0..2 {
            let to = format!("{};x={n}{}", uri(session), "y".repeat(7000));
            bench.feed(&request(
                "SEND",
                &to,
                "tid1",
                "Message-ID: m1xx\r\n",
                None,
                '$',
            ));
        }
        assert!(bench.connection.by_text.len() <= 2);
    }
    bench.command(0, Command::CloseNow);
    assert_eq!(bench.connection.by_text.len(), 1);
    // The one that is left is found by text and by rule, the other by neither.
    bench.sent.clear();
    for session in [1, 0, 1] {
        bench.feed(&request(
            "SEND",
            &uri(session),
            "tid1",
            "Message-ID: m1xx\r\n",
            None,
            '$',
        ));
    }
    let text = String::from_utf8(std::mem::take(&mut bench.sent)).expect("text");
    let codes: Vec<_> = text
        .split("MSRP tid1 ")
        .skip(1)
        .map(|text| &text[..3])
        .collect();
    assert_eq!(codes, ["200", "481", "200"]);
    covers!("C-091", "T-63");
}

#[test]
fn reports_that_nobody_asked_for_are_not_remembered() {
    let mut bench = Bench::new(1, Limits::default());
    bench.say(0, 1, Body::Stream(None));
    bench.command(
        0,
        Command::StreamData(TransferKey(1), vec![0; 10_000].into()),
    );
    bench.write();
    let text = String::from_utf8_lossy(&bench.sent).into_owned();
    let (_, id) = text.rsplit_once("Message-ID: ").expect("was sent");
    let id = id.split_once('\r').expect("a line").0;
    for n in 0..1000 {
        let range = format!("{}-{}/*", 2 * n + 1, 2 * n + 1);
        let headers = format!("Message-ID: {id}\r\nByte-Range: {range}\r\nStatus: 000 200 OK\r\n");
        bench.feed(&request("REPORT", &uri(0), "tid1", &headers, None, '$'));
    }
    let (_, session) = bench.connection.sessions.iter().next().expect("a session");
    let (_, transfer) = session
        .outgoing
        .transfers
        .iter()
        .next()
        .expect("a transfer");
    assert_eq!(transfer.confirmed.count(), 0);
    covers!("C-221", "T-63");
}

#[test]
fn rfc4975_7_1_an_id_that_is_in_use_is_taken_by_no_other_request() {
    let mut bench = Bench::new(1, Limits::default());
    let start = bench.connection.ids.clone();
    // Nothing is answered, so all of them are under way at the same time.
    for (n, len) in [(1, 1), (2, 0), (3, 5000)] {
        bench.connection.ids = start.clone();
        bench.say(0, n, Body::Whole(vec![b'x'; len].into()));
        bench.write();
    }
    bench.connection.ids = start.clone();
    bench.say(0, 4, Body::None);
    bench.write();
    // A REPORT takes part, too.
    bench.connection.ids = start;
    let asked = "Message-ID: m1xx\r\nSuccess-Report: yes\r\nFailure-Report: no\r\n";
    bench.feed(&request("SEND", &uri(0), "tid1", asked, Some("x"), '$'));
    bench.write();
    let text = String::from_utf8_lossy(&bench.sent).into_owned();
    let mut ids: Vec<_> = text
        .match_indices("MSRP ")
        .map(|(at, _)| text[at..].split(' ').nth(1).expect("an id"))
        .filter(|id| !id.starts_with("tid"))
        .collect();
    assert_eq!(ids.len(), 1 + 1 + 3 + 1 + 1, "{text}");
    assert!(text.contains(" REPORT\r\n"), "{text}");
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
    covers!("C-100");
}

/// What a peer does to us, `n` times.
type Attack = fn(usize) -> u64;

/// Each attack with the most steps that one of its requests may cost.
const ATTACKS: &[(&str, Attack, u64)] = &[
    ("pieces in every order", pieces, 40),
    ("pieces cut again and again", cuts, 60),
    ("messages that never end", open_messages, 20),
    ("octet by octet, many messages open", octet_by_octet, 20),
    (
        "REPORTs while the session closes",
        reports_while_closing,
        60,
    ),
    ("sessions ended by the peer", ended_by_peer, 100),
    ("requests for a session that just ended", just_ended, 20),
    ("a connection that is lost", lost, 100),
    ("one answer missing", one_missing, 20),
    ("short pauses", pauses, 300),
    ("many sessions that send", many_senders, 20),
    ("held requests", held, 20),
];

#[test]
fn the_work_is_linear_in_what_the_peer_sends() {
    for (name, attack, most) in ATTACKS {
        let (few, many) = (attack(500), attack(2000));
        assert!(few > 0, "{name}: nothing was counted");
        assert!(
            many <= 5 * few && many / 2000 <= *most,
            "{name}: {few} steps for 500, {many} for 2000"
        );
    }
    covers!("T-63");
}

fn limits() -> Limits {
    Limits {
        // So that the attack meets them early.
        gaps: 64,
        incomplete_messages: 16,
        remembered_ids: 64,
        ..Limits::default()
    }
}

fn pieces(n: usize) -> u64 {
    let mut bench = Bench::new(1, limits());
    count(|| {
        for at in 0..n {
            // Backwards, every second octet, and at random.
            for (kind, place) in [(0, n - at), (1, 2 * at), (2, at * 7919 % n)] {
                let message = 3 * (at / 100) + kind;
                bench.feed(&chunk(message, &format!("{}-*/*", place + 2), "x", '+'));
            }
        }
    })
}

fn cuts(n: usize) -> u64 {
    let mut bench = Bench::new(1, limits());
    let long = "x".repeat(5000);
    count(|| {
        for at in 0..n {
            if at % 50 == 0 {
                bench.feed(&chunk(at / 50, "10-*/*", &long, '+'));
            }
            let place = 10 + at * 97 % 5000;
            bench.feed(&chunk(at / 50, &format!("{place}-*/*"), "y", '+'));
        }
    })
}

fn open_messages(n: usize) -> u64 {
    let mut bench = Bench::new(1, limits());
    count(|| {
        for at in 0..n {
            bench.feed(&chunk(at, "5-*/*", "x", '+'));
            bench.now += Duration::from_secs(1);
            bench.connection.handle_timeout(bench.now);
        }
    })
}

fn octet_by_octet(n: usize) -> u64 {
    let mut bench = Bench::new(1, limits());
    for at in 0..15 {
        bench.feed(&chunk(at, "5-*/*", "x", '+'));
    }
    let text = chunk(99, "5-*/*", &"x".repeat(n), '+');
    count(|| {
        for octet in text.split_inclusive(|_| true) {
            bench.feed(octet);
        }
    })
}

fn reports_while_closing(n: usize) -> u64 {
    let mut bench = Bench::new(1, limits());
    for name in 0..50 {
        bench.say(0, name, Body::Whole(Bytes::from_static(b"x")));
    }
    bench.write();
    let text = String::from_utf8_lossy(&bench.sent).into_owned();
    let (_, id) = text.rsplit_once("Message-ID: ").expect("was sent");
    let id = id.split_once('\r').expect("a line").0;
    let ids = bench.take_ids();
    for id in &ids[1..] {
        bench.feed(&response(id, "200 OK"));
    }
    bench.command(0, Command::Close(bench.now + Duration::from_secs(60)));
    count(|| {
        for _ in 0..n {
            let headers = format!("Message-ID: {id}\r\nStatus: 000 413 x\r\n");
            bench.feed(&request("REPORT", &uri(0), "tid1", &headers, None, '$'));
        }
        assert_eq!(bench.closed, 0);
    })
}

/// Sessions with messages that nobody answered.
fn silent_peer(n: usize) -> (Bench, Vec<String>) {
    let mut bench = Bench::new(n, limits());
    bench.sent.clear();
    let mut ids = Vec::new();
    for session in 0..n {
        for name in 0..10 {
            bench.say(session, name, Body::Whole(Bytes::from_static(b"x")));
        }
        bench.write();
        ids.extend(bench.take_ids().into_iter().next());
    }
    (bench, ids)
}

fn ended_by_peer(n: usize) -> u64 {
    let (mut bench, ids) = silent_peer(n);
    assert_eq!(ids.len(), n);
    count(|| {
        for id in ids {
            bench.feed(&response(&id, "481 Gone"));
        }
        assert_eq!(bench.closed, n);
    })
}

fn lost(n: usize) -> u64 {
    let (mut bench, _) = silent_peer(n);
    // All of them want to send when it happens.
    for session in 0..n {
        bench.say(session, 77, Body::Whole(Bytes::from_static(b"x")));
    }
    count(|| {
        bench.connection.handle_eof(bench.now);
        bench.drain();
        assert_eq!(bench.closed, n);
    })
}

fn just_ended(n: usize) -> u64 {
    struct Stale(SessionConfig);
    impl Directory for Stale {
        fn lookup(&mut self, _uri: &Uri) -> Lookup {
            Lookup::Ready(SessionKey(0), Box::new(self.0.clone()))
        }
    }
    let (mut bench, ids) = silent_peer(1);
    let config = bench
        .connection
        .sessions
        .iter()
        .next()
        .map(|(_, session)| session.config.clone());
    let mut text = response(&ids[0], "481 Gone");
    for at in 0..n {
        let headers = format!("Message-ID: mess{at}\r\n");
        text += &request("SEND", &uri(0), "tid1", &headers, Some("x"), '$');
    }
    count(|| {
        let mut stale = Stale(config.expect("a session"));
        bench
            .connection
            .handle_input(bench.now, text.into(), &mut stale);
        bench.drain();
        assert_eq!(bench.closed, 1);
    })
}

fn one_missing(n: usize) -> u64 {
    let mut bench = Bench::new(1, limits());
    bench.sent.clear();
    count(|| {
        for name in 0..n {
            bench.say(0, name as u32, Body::Whole(Bytes::from_static(b"x")));
            bench.write();
            for id in bench.take_ids() {
                if name > 0 {
                    bench.feed(&response(&id, "200 OK"));
                }
            }
            bench.now += Duration::from_millis(1);
            bench.connection.handle_timeout(bench.now);
        }
    })
}

fn pauses(n: usize) -> u64 {
    let limits = Limits {
        receive_window: 1000,
        connection_slack: 1000,
        ..limits()
    };
    let mut bench = Bench::new(2, limits);
    bench.consume = false;
    bench.feed(&chunk(0, "1-*/*", &"x".repeat(1500), '+'));
    count(|| {
        for at in 0..n {
            bench.feed(&chunk(0, &format!("{}-*/*", 1501 + at), "x", '+'));
            for len in [1000, 0] {
                bench.command(0, Command::Consumed(len));
                bench.connection.charge(0, len);
                bench.connection.update_pausing(bench.now);
                bench.now += Duration::from_micros(300);
                bench.connection.handle_timeout(bench.now);
            }
        }
    })
}

fn many_senders(n: usize) -> u64 {
    let mut bench = Bench::new(n, limits());
    count(|| {
        for session in 0..n {
            bench.say(session, 1, Body::Whole(Bytes::from(vec![0; 5000])));
        }
        bench.write();
    })
}

fn held(n: usize) -> u64 {
    struct Later;
    impl Directory for Later {
        fn lookup(&mut self, uri: &Uri) -> Lookup {
            let number = uri.session_id().and_then(|id| id[1..].parse().ok());
            Lookup::NotReady(SessionKey(number.unwrap_or_default()))
        }
    }
    let mut bench = Bench::new(0, limits());
    count(|| {
        for at in 0..n {
            let text = request(
                "SEND",
                &uri(at % 100),
                "tid1",
                "Message-ID: m1xx\r\n",
                None,
                '$',
            );
            bench
                .connection
                .handle_input(bench.now, text.into(), &mut Later);
            if at % 100 == 99 {
                bench.now += Duration::from_secs(30);
                bench.connection.handle_timeout(bench.now);
                let limits = bench.connection.limits.clone();
                let ids = bench.connection.ids.clone();
                bench.connection = Connection::new(limits, ids, bench.now);
            }
        }
    })
}
