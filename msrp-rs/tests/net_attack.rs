//! Hostile and dying peers, over TCP and over TLS: each gets its status, error or event with the reason in words,
//! and what else the engine does goes on.

mod engine_support;

use msrp_conformance::covers;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use engine_support::raw::{AnyStream, RawTls};
use engine_support::tls::{certificate, text};
use engine_support::{
    Closed, Host, PATIENCE, RawPeer, limits, pair, passive_with, remote_uri, wait_until,
};
use msrp::engine::{
    EngineOptions, Event, SendBody, SendOptions, SessionHandle, SessionOptions, TlsConfig,
    TransferHandle,
};
use msrp::error::ErrorKind;
use msrp::limits::Limits;
use msrp::proto::{CloseReason, MessageEnd};
use msrp::wire::FailureReport;

type Peer = RawPeer<AnyStream>;

/// An engine under attack, in which other sessions have to live on.
struct Arena {
    host: Host,
    friend: Host,
    /// A session of each, bound to each other.
    others: (SessionHandle, SessionHandle),
    /// The certificate, where it is TLS.
    pem: Option<Vec<u8>>,
}

/// Runs an attack in cleartext and in TLS.
fn both_ways(change: impl Fn(&mut Limits), attack: impl Fn(&Arena)) {
    attack(&Arena::new(limits(&change), false));
    attack(&Arena::new(limits(&change), true));
}

impl Arena {
    fn new(limits: Limits, secure: bool) -> Self {
        let (cert, key) = certificate("localhost");
        let tls = TlsConfig {
            cert: text(&cert),
            key: text(&key),
            ..TlsConfig::default()
        };
        let host = Host::from_options(EngineOptions {
            limits,
            tls: Some(tls),
            ..EngineOptions::default()
        });
        let friend = Host::new();
        let others = pair(&host, &friend);
        Self {
            host,
            friend,
            others,
            pem: secure.then_some(cert),
        }
    }

    fn passive(&self) -> (SessionHandle, String) {
        let options = SessionOptions {
            host: "localhost".into(),
            secure: self.pem.is_some(),
            ..SessionOptions::default()
        };
        passive_with(&self.host, options)
    }

    fn connect(&self, uri: &str) -> Peer {
        let stream = match &self.pem {
            None => AnyStream::Plain(RawPeer::connect(uri).stream),
            Some(pem) => AnyStream::Secure(Box::new(RawTls::connect_tls(uri, pem).stream)),
        };
        RawPeer {
            stream,
            input: Vec::new(),
        }
    }

    fn remote(&self) -> String {
        match self.pem {
            None => remote_uri(2855),
            Some(_) => remote_uri(2855).replace("msrp:", "msrps:"),
        }
    }

    /// A session that a raw peer has bound.
    fn bound(&self) -> (SessionHandle, String, Peer) {
        let (session, uri) = self.passive();
        let mut peer = self.connect(&uri);
        peer.send(&uri, &self.remote(), "bind0001", "hi");
        assert!(peer.frame().starts_with("MSRP bind0001 200"));
        self.host.wait_opened(session);
        (session, uri, peer)
    }

    /// The other sessions exchange messages.
    #[track_caller]
    fn goes_on(&self) {
        let (one, two) = self.others;
        let before = |host: &Host, session| {
            host.seen(|seen| seen.messages.get(&session).map_or(0, Vec::len))
        };
        let (ours, theirs) = (before(&self.host, one), before(&self.friend, two));
        let to = self.host.send(one, "still here");
        let from = self.friend.send(two, "so are we");
        self.friend.wait_messages(two, theirs + 1);
        self.host.wait_messages(one, ours + 1);
        self.host.wait_acknowledged(to);
        self.friend.wait_acknowledged(from);
    }

    /// One message of the session is not answered, another is being written.
    fn unacknowledged(&self, session: SessionHandle, peer: &mut Peer) -> Vec<TransferHandle> {
        let unanswered = self.host.send(session, "not answered");
        assert!(peer.frame().contains("not answered"));
        let options = SendOptions {
            success_report: true,
            ..SendOptions::default()
        };
        let large = SendBody::Bytes(vec![b'l'; 16 << 20].into());
        let large = self
            .host
            .engine
            .send(session, options, large)
            .expect("admitted")
            .transfer;
        self.host.wait_event(
            session,
            "progress",
            |event| matches!(event, Event::Progress { transfer, .. } if *transfer == large),
        );
        vec![unanswered, large]
    }

    /// Begins a message and leaves it open.
    fn half_a_message(&self, session: SessionHandle, uri: &str, peer: &mut Peer) {
        let head = format!(
            "MSRP half0001 SEND\r\nTo-Path: {uri}\r\nFrom-Path: {}\r\nMessage-ID: half0001\r\n\
             Byte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\n",
            self.remote()
        );
        peer.write(head.as_bytes());
        peer.write(&[b'y'; 50_000]);
        self.host.wait_event(session, "begun", |event| {
            matches!(event, Event::MessageBegin { .. })
        });
    }

    /// The session has ended with this connection and with what was under way; nothing of it is held any more.
    #[track_caller]
    fn assert_lost(&self, session: SessionHandle, transfers: &[TransferHandle]) -> Closed {
        let closed = self.host.wait_closed(session);
        assert_eq!(closed.unacknowledged, transfers);
        let error = closed.error.clone().expect("a reason");
        assert!(
            matches!(
                error.kind,
                ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Protocol
            ),
            "{error}"
        );
        let messages = self.host.wait_messages(session, 2);
        assert_eq!(messages[1].end, MessageEnd::SessionClosed);
        wait_until(|| self.host.engine.stats().connections == 1);
        assert_eq!(self.host.engine.stats().send_held, 0);
        self.goes_on();
        closed
    }
}

#[test]
fn what_is_no_msrp_closes_its_connection_with_offset_and_reason() {
    let long = "x".repeat(100_000);
    let path = "msrp://relay.example.com:2855/Session0001;tcp ".repeat(100);
    let many: String = (0..100).map(|n| format!("X-Header-{n}: v\r\n")).collect();
    let lines = format!("X-Long: {}\r\n", "v".repeat(7000)).repeat(5);
    both_ways(
        |_| {},
        |arena| {
            for (number, (attack, words)) in [
                ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "MSRP"),
                ("\0".repeat(4096), "MSRP"),
                (format!("MSRP {long}"), "start line"),
                (
                    format!("MSRP abcd1234 SEND\r\nTo-Path: {{uri}}\r\n{many}"),
                    "header",
                ),
                (
                    format!("MSRP abcd1234 SEND\r\nTo-Path: {{uri}}\r\nX: {long}"),
                    "header line",
                ),
                (
                    format!("MSRP abcd1234 SEND\r\nTo-Path: {{uri}}\r\n{lines}"),
                    "header section",
                ),
                (
                    format!("MSRP abcd1234 SEND\r\nTo-Path: {path}{{uri}}\r\n"),
                    "URI",
                ),
                (
                    "MSRP abcd1234 SEND\r\nTo-Path: {uri}\r\nFrom-Path: {remote}\r\n\
                     -------otherid1$\r\n"
                        .to_owned(),
                    "end-line",
                ),
                (
                    "MSRP abcd1234 AUTH\r\nTo-Path: {uri}\r\nFrom-Path: {remote}\r\n\
                     Content-Type: text/plain\r\n\r\n"
                        .to_owned()
                        + &long,
                    "",
                ),
            ]
            .into_iter()
            .enumerate()
            {
                let (session, uri, mut peer) = arena.bound();
                let attack = attack
                    .replace("{uri}", &uri)
                    .replace("{remote}", &arena.remote());
                // It may be refused before all is written.
                let _ = peer.stream.write_all(attack.as_bytes());
                let closed = arena.host.wait_closed(session);
                let CloseReason::Protocol { offset, reason } = &closed.reason else {
                    panic!("attack {number}: {closed:?}")
                };
                println!("attack {number} at {offset}: {reason}");
                assert!(*offset > 0 && reason.contains(words), "{number}: {reason}");
                assert!(reason.contains(' '), "{number}: no words in {reason}");
                let error = closed.error.expect("an error");
                assert_eq!(
                    (error.kind, error.offset),
                    (ErrorKind::Protocol, Some(*offset))
                );
                peer.read_to_end();
                arena.goes_on();
            }
            wait_until(|| arena.host.engine.stats().connections == 1);
        },
    );
    covers!("C-064", "C-019");
}

#[test]
fn what_is_malformed_but_ends_is_answered_and_the_session_goes_on() {
    both_ways(
        |_| {},
        |arena| {
            let (session, uri, mut peer) = arena.bound();
            for (number, wrong) in [
                "To-Path {uri}\r\nFrom-Path: {remote}\r\nMessage-ID: m\r\n",
                "To-Path: {uri}\r\nFrom-Path: {remote}\r\nMessage-ID: m\r\nByte-Range: \
                 1-99999999999999999999999/99999999999999999999999\r\nContent-Type: text/plain\r\n\r\nx\r\n",
                "To-Path: {uri}\r\nFrom-Path: {remote}\r\nContent-Type: text/plain\r\n\r\nx\r\n",
            ]
            .into_iter()
            .enumerate()
            {
                let headers = wrong
                    .replace("{uri}", &uri)
                    .replace("{remote}", &arena.remote());
                let id = format!("wrong{number:03}");
                peer.write(format!("MSRP {id} SEND\r\n{headers}-------{id}$\r\n").as_bytes());
                let answer = peer.frame();
                assert!(answer.starts_with(&format!("MSRP {id} 400")), "{answer}");
            }
            peer.send(&uri, &arena.remote(), "still001", "here");
            assert!(peer.frame().starts_with("MSRP still001 200"));
            assert_eq!(arena.host.wait_messages(session, 2)[1].body, b"here");
            arena.goes_on();
        },
    );
    covers!("C-064");
}

#[test]
fn strangers_are_refused_and_cost_nothing() {
    let long = "x".repeat(100_000);
    both_ways(
        |limits| limits.unbound = Duration::from_millis(500),
        |arena| {
            let (_session, uri) = arena.passive();
            let own = arena.host.engine.stats().connections;
            for attack in [
                "GET / HTTP/1.1\r\n\r\n".to_owned(),
                String::new(),
                "MSRP".to_owned(),
                format!("MSRP abcd1234 SEND\r\nTo-Path: {long}"),
            ] {
                let mut peer = arena.connect(&uri);
                let _ = peer.stream.write_all(attack.as_bytes());
                assert_eq!(peer.read_to_end(), b"");
                wait_until(|| arena.host.engine.stats().connections == own);
                arena.goes_on();
            }
            assert_eq!(arena.host.engine.stats().unbound_connections, 0);
        },
    );
    covers!("C-203");
}

#[test]
fn an_unknown_session_is_481_and_a_claimed_one_506() {
    both_ways(
        |_| {},
        |arena| {
            let (session, uri, mut peer) = arena.bound();
            let mut other = arena.connect(&uri);
            other.send(&uri, &arena.remote(), "claim001", "mine");
            assert!(other.frame().starts_with("MSRP claim001 506"));
            let unknown = format!("{}x;tcp", uri.trim_end_matches(";tcp"));
            for peer in [&mut other, &mut peer] {
                peer.send(&unknown, &arena.remote(), "unknown1", "who");
                assert!(peer.frame().starts_with("MSRP unknown1 481"));
            }
            peer.send(&uri, &arena.remote(), "still001", "here");
            assert!(peer.frame().starts_with("MSRP still001 200"));
            assert_eq!(arena.host.wait_messages(session, 2)[1].body, b"here");
            arena.goes_on();
        },
    );
    covers!("C-140", "C-143", "C-195", "C-196", "T-50");
}

#[test]
fn a_chunk_that_never_ends_ends_when_it_is_idle() {
    const WINDOW: usize = 64 * 1024;
    both_ways(
        |limits| {
            limits.incomplete_idle = Duration::from_millis(300);
            limits.receive_window = WINDOW;
            limits.connection_slack = WINDOW;
        },
        |arena| {
            let (session, uri, mut peer) = arena.bound();
            arena.half_a_message(session, &uri, &mut peer);
            let writer = std::thread::spawn(move || {
                for _ in 0..200 {
                    peer.write(&[b'z'; 40_000]);
                }
                peer
            });
            let messages = arena.host.wait_messages(session, 2);
            let mut peer = writer.join().expect("no panic");
            let answer = peer.frame();
            assert!(answer.starts_with("MSRP half0001 413"), "{answer}");
            assert_eq!(messages[1].end, MessageEnd::Idle);
            let peak = arena.host.engine.stats().receive_held_peak;
            assert!(peak <= 4 * WINDOW as u64, "{peak} octets held");
            // Our own messages go out all the while, and the peer may end its own some day.
            let ours = arena.host.send(session, "ours");
            let frame = peer.frame();
            assert!(frame.contains("ours"), "{frame}");
            peer.write(b"\r\n-------half0001$\r\n");
            peer.answer(&frame, "200 OK");
            arena.host.wait_acknowledged(ours);
            arena.goes_on();
        },
    );
}

#[test]
fn a_peer_that_never_reads_is_a_write_stall() {
    both_ways(
        |limits| limits.write_stall = Duration::from_millis(400),
        |arena| {
            let (session, _uri, peer) = arena.bound();
            let options = SendOptions {
                failure_report: FailureReport::No,
                ..SendOptions::default()
            };
            let body = SendBody::Bytes(vec![b'x'; 32 << 20].into());
            let large = arena.host.engine.send(session, options, body);
            let large = large.expect("admitted").transfer;
            let closed = arena.host.wait_closed(session);
            assert_eq!(closed.reason, CloseReason::WriteStall);
            let error = closed.error.expect("an error");
            assert_eq!(error.kind, ErrorKind::Timeout);
            assert!(error.context.contains("took no octet"), "{error}");
            assert_eq!(closed.unacknowledged, [large]);
            assert_eq!(arena.host.engine.stats().send_held, 0);
            arena.goes_on();
            wait_until(|| arena.host.engine.stats().connections == 1);
            drop(peer);
        },
    );
}

#[test]
fn a_peer_that_floods_requests_and_reads_no_answer_is_a_write_stall() {
    both_ways(
        |limits| limits.write_stall = Duration::from_millis(400),
        |arena| {
            let (session, uri, mut peer) = arena.bound();
            let request = |n: usize| {
                format!(
                    "MSRP flood{n:05} SEND\r\nTo-Path: {uri}x\r\nFrom-Path: {}\r\n\
                     Message-ID: m{n:05}\r\n-------flood{n:05}$\r\n",
                    arena.remote()
                )
            };
            let flood: String = (0..1000).map(request).collect();
            // Until it is refused.
            while peer.stream.write_all(flood.as_bytes()).is_ok() {
                arena.host.take();
            }
            let closed = arena.host.wait_closed(session);
            assert_eq!(closed.reason, CloseReason::WriteStall);
            arena.goes_on();
        },
    );
}

#[test]
fn a_peer_that_never_answers_is_a_timeout() {
    both_ways(
        |limits| limits.transaction = Duration::from_secs(2),
        |arena| {
            let (session, uri, mut peer) = arena.bound();
            let transfer = arena.host.send(session, "anybody there?");
            assert!(peer.frame().contains("anybody there?"));
            arena
                .host
                .wait_event(session, "failed", |event| match event {
                    Event::Failed {
                        transfer: failed,
                        error,
                    } => *failed == transfer && error.kind == ErrorKind::Timeout,
                    _ => false,
                });
            // The session itself goes on.
            peer.send(&uri, &arena.remote(), "still001", "here");
            assert!(peer.frame().starts_with("MSRP still001 200"));
            arena.goes_on();
        },
    );
    covers!("C-240");
}

/// Written means flushed: what stands in a buffer of TLS or waits for the socket is not on its way yet.
#[test]
fn the_time_of_a_request_runs_from_its_last_octet_on() {
    both_ways(
        |limits| limits.transaction = Duration::from_millis(1500),
        |arena| {
            let (session, _uri, mut peer) = arena.bound();
            let (clock, _, mut clock_peer) = arena.bound();
            let options = SendOptions {
                failure_report: FailureReport::No,
                ..SendOptions::default()
            };
            let body = SendBody::Bytes(vec![b'x'; 16 << 20].into());
            let large = arena.host.engine.send(session, options, body);
            let large = large.expect("admitted").transfer;
            arena.host.wait_event(session, "progress", |event| {
                matches!(event, Event::Progress { .. })
            });
            // On another connection time goes by, and one request after the other is late.
            let mut small = None;
            for _ in 0..4 {
                let late = arena.host.send(clock, "tick");
                clock_peer.frame();
                arena.host.wait_event(
                    clock,
                    "late",
                    |event| matches!(event, Event::Failed { transfer, .. } if *transfer == late),
                );
                // By the second time nothing has moved for as long as a request may take.
                small.get_or_insert_with(|| arena.host.send(session, "at the end of the queue"));
            }
            let small = small.expect("sent");
            let failed = |event: &Event| matches!(event, Event::Failed { .. });
            assert!(arena.host.seen(|seen| !seen.has(session, failed)));
            loop {
                let frame = peer.frame();
                if frame.contains("at the end of the queue") {
                    peer.answer(&frame, "200 OK");
                    break;
                }
            }
            arena.host.wait_acknowledged(small);
            let reader = std::thread::spawn(move || {
                while !peer.frame().contains("$\r\n") {}
                peer
            });
            arena.host.wait_acknowledged(large);
            reader.join().expect("no panic");
        },
    );
}

#[test]
fn a_peer_that_never_answers_the_first_request_ends_the_session() {
    let host = Host::with(limits(|limits| {
        limits.transaction = Duration::from_millis(300);
    }));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = host.session();
    host.engine
        .set_remote_path(session, &remote_uri(port), true, "*")
        .expect("a path");
    host.engine.open(session, None).expect("dials");
    let (stream, _) = listener.accept().expect("a connection");
    let closed = host.wait_closed(session);
    assert_eq!(closed.reason, CloseReason::BindTimeout);
    assert_eq!(closed.error.expect("an error").kind, ErrorKind::Timeout);
    RawPeer::from_stream(stream).read_to_end();
}

#[test]
fn a_reset_in_mid_transfer_ends_the_session_with_what_is_unacknowledged() {
    both_ways(
        |_| {},
        |arena| {
            let (session, uri, mut peer) = arena.bound();
            let transfers = arena.unacknowledged(session, &mut peer);
            arena.half_a_message(session, &uri, &mut peer);
            let socket = socket2::SockRef::from(peer.stream.socket());
            socket.set_linger(Some(Duration::ZERO)).expect("set");
            drop(peer);
            let closed = arena.assert_lost(session, &transfers);
            assert!(
                matches!(closed.reason, CloseReason::ConnectionLost(_)),
                "{closed:?}"
            );
        },
    );
    covers!("C-197", "C-204", "T-64");
}

#[test]
fn the_end_of_the_stream_in_mid_transfer_ends_the_session() {
    both_ways(
        |_| {},
        |arena| {
            // Without a goodbye of TLS, and the other side goes on reading.
            let (session, uri, mut peer) = arena.bound();
            let transfers = arena.unacknowledged(session, &mut peer);
            arena.half_a_message(session, &uri, &mut peer);
            peer.stream
                .socket()
                .shutdown(Shutdown::Write)
                .expect("half closed");
            let reader = std::thread::spawn(move || peer.read_to_end());
            let closed = arena.assert_lost(session, &transfers);
            let CloseReason::ConnectionLost(text) = closed.reason else {
                panic!("{closed:?}")
            };
            let words = ["inside a message", "inside of a message"];
            assert!(words.iter().any(|words| text.contains(words)), "{text}");
            reader.join().expect("no panic");
            // Between two messages it is no fault.
            let (session, _uri, peer) = arena.bound();
            peer.stream
                .socket()
                .shutdown(Shutdown::Write)
                .expect("half closed");
            assert_eq!(
                arena.host.wait_closed(session).reason,
                CloseReason::PeerClosed
            );
        },
    );
    covers!("C-197", "C-204", "T-64");
}

#[test]
fn a_killed_process_ends_the_session() {
    let arena = Arena::new(Limits::default(), false);
    let (session, uri, mut peer) = arena.bound();
    let transfers = arena.unacknowledged(session, &mut peer);
    arena.half_a_message(session, &uri, &mut peer);
    let AnyStream::Plain(stream) = peer.stream else {
        unreachable!("no TLS")
    };
    // Another process has the socket, and nobody else.
    let mut process = Command::new("sleep")
        .arg("1000")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(stream)))
        .spawn()
        .expect("a process");
    arena.goes_on();
    assert!(arena.host.seen(|seen| seen.closed(session).is_none()));
    process.kill().expect("killed");
    process.wait().expect("waited for");
    arena.assert_lost(session, &transfers);
    covers!("C-197", "C-204", "T-64");
}

#[test]
fn tls_and_cleartext_at_each_others_port_are_errors_with_a_reason() {
    let arena = Arena::new(Limits::default(), true);
    let (_passive, uri) = arena.passive();
    let port: u16 = uri
        .split(':')
        .nth(2)
        .and_then(|rest| rest.split('/').next())
        .expect("a port")
        .parse()
        .expect("a number");
    // Cleartext to a TLS port.
    let host = Host::from_options(EngineOptions {
        tls: Some(engine_support::tls::unverified()),
        ..EngineOptions::default()
    });
    let plain = host.session();
    let transfer = {
        host.engine
            .set_remote_path(plain, &remote_uri(port), true, "*")
            .expect("a path");
        host.send(plain, "never seen")
    };
    host.engine.open(plain, Some(PATIENCE)).expect("dials");
    let closed = host.wait_closed(plain);
    println!("cleartext at TLS: {closed:?}");
    assert_eq!(closed.unacknowledged, [transfer]);
    let error = closed.error.expect("a reason");
    assert!(
        matches!(
            error.kind,
            ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Protocol
        ),
        "{error}"
    );
    // TLS to a port that speaks cleartext, of ours and of somebody who just hangs up.
    let (_passive, uri) = engine_support::passive(&arena.host);
    let ours = uri.split(['/', ':']).nth(4).expect("a port").to_owned();
    let hangs_up = TcpListener::bind("127.0.0.1:0").expect("a port");
    let theirs = hangs_up.local_addr().expect("bound").port().to_string();
    let hanging = std::thread::spawn(move || drop(hangs_up.accept()));
    for port in [ours, theirs] {
        let session = host.session_with(SessionOptions {
            secure: true,
            ..SessionOptions::default()
        });
        let remote = format!("msrps://localhost:{port}/RemoteSession01;tcp");
        host.engine
            .set_remote_path(session, &remote, true, "*")
            .expect("a path");
        host.engine.open(session, Some(PATIENCE)).expect("dials");
        let closed = host.wait_closed(session);
        println!("TLS at cleartext: {closed:?}");
        assert_eq!(closed.error.expect("a reason").kind, ErrorKind::Tls);
    }
    hanging.join().expect("no panic");
    arena.goes_on();
    wait_until(|| host.engine.stats().connections == 0);
    let _ = TcpStream::connect(("127.0.0.1", port)).expect("the port still listens");
}
