//! Sessions through the facade: from SDP to chat and files, and all the ways in which they end.

mod engine_support;

use msrp_conformance::covers;
use std::io::Write;
use std::time::Duration;

use engine_support::{Host, PATIENCE, RawPeer, pair, pair_with, remote_uri};
use msrp::engine::{
    ChunkLen, ConnectionSharing, Event, ListenOptions, SendBody, SendOptions, SessionOptions,
    SessionState, SetupPreference,
};
use msrp::error::ErrorKind;
use msrp::limits::Limits;
use msrp::proto::{CloseReason, MessageEnd};
use sha2::{Digest, Sha256};

#[test]
fn rfc4975_5_4_two_engines_chat_both_ways_from_sdp() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let first = a.send(one, "hello");
    let second = b.send(two, "hello yourself");
    a.wait_acknowledged(first);
    b.wait_acknowledged(second);
    let to_b = b.wait_messages(two, 1);
    assert_eq!(
        (to_b[0].body.as_slice(), to_b[0].content_type.as_str()),
        (&b"hello"[..], "text/plain")
    );
    assert_eq!(a.wait_messages(one, 1)[0].body, b"hello yourself");
    assert_eq!(a.engine.message_id(first).expect("still known").len(), 20);
    assert_eq!(a.engine.transfer_progress(first), Ok((5, Some(5))));
    // Both paths in the SDP are ours.
    assert_eq!(
        a.engine.remote_path(one).expect("alive"),
        Some(b.engine.local_path(two).expect("alive"))
    );
    covers!("C-192", "C-194", "S-060", "T-49");
}

#[test]
fn small_messages_of_one_session_come_in_send_order_and_the_window_says_when_to_wait() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let mut waited = 0;
    for number in 0..3000_u32 {
        while let Err(error) = a.try_send(one, format!("{number:0>1000}").into_bytes()) {
            assert_eq!(error.kind, ErrorKind::Again, "{error}");
            waited += 1;
            let before = writable(&a);
            a.wait("writable", |seen| {
                seen.events
                    .iter()
                    .filter(|(_, e)| matches!(e, Event::Writable))
                    .count()
                    > before
            });
            b.take();
        }
        if number % 64 == 0 {
            b.take();
        }
    }
    assert!(waited > 0, "three megabytes do not fit into the window");
    let messages = b.wait_messages(two, 3000);
    for (number, message) in messages.iter().enumerate() {
        assert_eq!(message.body, format!("{number:0>1000}").into_bytes());
    }
}

fn writable(host: &Host) -> usize {
    host.seen(|seen| {
        seen.events
            .iter()
            .filter(|(_, e)| matches!(e, Event::Writable))
            .count()
    })
    .saturating_sub(1)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[test]
fn a_file_of_8_mib_arrives_unchanged() {
    let (a, b) = (Host::new(), Host::new());
    let any = || SessionOptions {
        accept_types: Some(vec!["*".into()]),
        ..SessionOptions::default()
    };
    let (one, two) = pair_with(&a, any(), &b, any());
    let content = pattern(8 << 20);
    let path = std::env::temp_dir().join(format!("msrp-engine-test-{}", std::process::id()));
    std::fs::File::create(&path)
        .and_then(|mut file| file.write_all(&content))
        .expect("written");
    let options = SendOptions {
        content_type: "application/octet-stream".into(),
        success_report: true,
        ..SendOptions::default()
    };
    let transfer = a
        .engine
        .send(one, options, SendBody::File(path.clone()))
        .expect("admitted")
        .transfer;
    let deadline = std::time::Instant::now() + PATIENCE * 2;
    loop {
        b.take();
        a.take();
        let done = a.seen(|seen| {
            seen.has(
                one,
                |e| matches!(e, Event::Delivered { transfer: t } if *t == transfer),
            )
        });
        if done {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{:?}",
            a.engine.stats()
        );
        std::thread::yield_now();
    }
    std::fs::remove_file(&path).expect("removed");
    let message = &b.wait_messages(two, 1)[0];
    assert_eq!(message.end, MessageEnd::Complete(8 << 20));
    assert_eq!(Sha256::digest(&message.body), Sha256::digest(&content));
    a.seen(|seen| {
        let accepted = seen
            .events
            .iter()
            .filter(|(_, e)| matches!(e, Event::Accepted { .. }));
        assert_eq!(accepted.count(), 1);
        assert!(seen.has(one, |e| matches!(e, Event::Progress { .. })));
    });
    assert_eq!(
        a.engine.transfer_progress(transfer),
        Ok((8 << 20, Some(8 << 20)))
    );
    assert_eq!(a.engine.stats().send_held, 0);
    assert_eq!(b.engine.stats().receive_held, 0);
}

#[test]
fn a_file_that_cannot_be_read_is_refused_at_once() {
    let (a, b) = (Host::new(), Host::new());
    let (one, _two) = pair(&a, &b);
    for path in ["/nonexistent/file", "/"] {
        let body = SendBody::File(path.into());
        let error = a
            .engine
            .send(one, SendOptions::default(), body)
            .expect_err("no file");
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert!(error.context.contains(path), "{error}");
    }
}

#[test]
fn a_stream_is_given_what_it_was_asked_for() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let transfer = a
        .engine
        .send(one, SendOptions::default(), SendBody::Stream(None))
        .expect("admitted")
        .transfer;
    let content = pattern(1_500_000);
    let mut given = 0;
    let mut asked = 0;
    let mut taken = 0;
    while given < content.len() {
        a.wait("data wanted", |seen| {
            let wants: usize = seen
                .events
                .iter()
                .map(|(_, e)| {
                    if let Event::DataWanted { len, .. } = e {
                        *len
                    } else {
                        0
                    }
                })
                .sum();
            asked = wants;
            wants > taken
        });
        let more = asked - taken;
        let excess = vec![0; more + 1].into();
        let error = a
            .engine
            .stream_push(transfer, excess)
            .expect_err("more than asked");
        assert_eq!(error.kind, ErrorKind::Again);
        let len = more.min(content.len() - given);
        a.engine
            .stream_push(transfer, content[given..given + len].to_vec().into())
            .expect("asked for");
        given += len;
        taken += more;
        if len < more {
            break;
        }
        b.take();
    }
    a.engine.stream_end(transfer).expect("alive");
    let message = &b.wait_messages(two, 1)[0];
    assert_eq!(message.body, content);
    a.wait_acknowledged(transfer);
    let error = a
        .engine
        .stream_push(transfer, vec![1].into())
        .expect_err("ended");
    assert_eq!(error.kind, ErrorKind::Gone);
}

#[test]
fn rfc4975_8_6_what_the_peer_does_not_take_is_not_sent() {
    let (a, b) = (Host::new(), Host::new());
    let small = SessionOptions {
        accept_types: Some(vec!["text/plain".into()]),
        max_size: Some(10),
        ..SessionOptions::default()
    };
    let (one, two) = pair_with(&a, SessionOptions::default(), &b, small);
    let html = SendOptions {
        content_type: "text/html".into(),
        ..SendOptions::default()
    };
    let body = || SendBody::Bytes(vec![b'x'; 5].into());
    let error = a.engine.send(one, html, body()).expect_err("not accepted");
    assert_eq!(error.kind, ErrorKind::UnacceptedType);
    let error = a.try_send(one, vec![b'x'; 11]).expect_err("over max-size");
    assert_eq!(error.kind, ErrorKind::TooLarge);
    a.send(one, "0123456789");
    assert_eq!(b.wait_messages(two, 1)[0].body.len(), 10);
    covers!("S-050", "S-056");
}

#[test]
fn quirk31_a_request_before_set_remote_is_held_and_served() {
    let host = Host::new();
    let session = host.session();
    let uri = host.engine.local_path(session).expect("a path").to_string();
    let mut peer = RawPeer::connect(&uri);
    let from = remote_uri(2855);
    peer.send(&uri, &from, "early001", "before the answer");
    // Nothing is answered before the remote side is known; the engine has read it.
    let deadline = std::time::Instant::now() + PATIENCE;
    while host.engine.stats().bytes_received == 0 {
        assert!(std::time::Instant::now() < deadline, "not read");
        std::thread::yield_now();
    }
    assert_eq!(host.engine.state(session), Ok(SessionState::New));
    host.engine
        .set_remote_path(session, &from, false, "*")
        .expect("the remote side");
    assert!(peer.frame().starts_with("MSRP early001 200"));
    host.wait_opened(session);
    assert_eq!(host.wait_messages(session, 1)[0].body, b"before the answer");
    // And our own goes out over the same connection.
    let transfer = host.send(session, "answer");
    let frame = peer.frame();
    assert!(frame.contains(&format!("To-Path: {from}\r\n")), "{frame}");
    peer.answer(&frame, "200 OK");
    host.wait_acknowledged(transfer);
    covers!("C-194", "T-50");
}

#[test]
fn what_is_sent_before_the_session_is_bound_goes_out_when_it_is() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = (a.session(), b.session());
    let offer = a.engine.create_offer(one).expect("an offer");
    let error = b.try_send(two, b"x".to_vec()).expect_err("no remote side");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    let answer = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    let early = b.send(two, "before anybody connected");
    a.engine.set_remote(one, &answer, None).expect("taken");
    a.engine.open(one, Some(PATIENCE)).expect("connects");
    b.wait_acknowledged_with(&a, early);
    assert_eq!(a.wait_messages(one, 1)[0].body, b"before anybody connected");
    // Without `open` the passive side is bound all the same.
    b.wait_opened(two);
}

#[test]
fn rfc6135_the_preference_decides_who_connects() {
    for (offers, answers) in [
        (SetupPreference::ActPass, SetupPreference::Active),
        (SetupPreference::ActPass, SetupPreference::Passive),
        (SetupPreference::Active, SetupPreference::ActPass),
        (SetupPreference::Passive, SetupPreference::Active),
    ] {
        let (a, b) = (Host::new(), Host::new());
        let with = |setup| SessionOptions {
            setup,
            ..SessionOptions::default()
        };
        let (one, two) = pair_with(&a, with(offers), &b, with(answers));
        a.send(one, "1");
        b.send(two, "2");
        assert_eq!(
            b.wait_messages(two, 1)[0].body,
            b"1",
            "{offers:?} {answers:?}"
        );
        assert_eq!(
            a.wait_messages(one, 1)[0].body,
            b"2",
            "{offers:?} {answers:?}"
        );
    }
    covers!("S-062", "S-070", "S-071");
}

#[test]
fn rfc4975_5_4_sessions_to_one_peer_share_a_connection_that_outlives_each_of_them() {
    let (a, b) = (Host::new(), Host::new());
    let listener = b
        .engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("a port");
    let shared = || SessionOptions {
        listener: Some(listener),
        ..SessionOptions::default()
    };
    let (one, two) = pair_with(&a, SessionOptions::default(), &b, shared());
    let (three, four) = pair_with(&a, SessionOptions::default(), &b, shared());
    assert_eq!(a.engine.stats().connections, 1);
    a.engine
        .close(one, Some(Duration::from_secs(5)))
        .expect("alive");
    let closed = a.wait_closed(one);
    assert_eq!((closed.reason, closed.error), (CloseReason::Local, None));
    a.send(three, "still here");
    assert_eq!(b.wait_messages(four, 1)[0].body, b"still here");
    assert_eq!(b.engine.state(two), Ok(SessionState::Open));
    // With its last session the connection goes.
    a.engine
        .close(three, Some(Duration::from_secs(5)))
        .expect("alive");
    a.wait_closed(three);
    assert_eq!(b.wait_closed(two).reason, CloseReason::PeerClosed);
    assert_eq!(b.wait_closed(four).reason, CloseReason::PeerClosed);
    // One of its own, for a session that asks for it.
    let (a, b) = (Host::new(), Host::new());
    let own = || SessionOptions {
        connection_sharing: ConnectionSharing::Session,
        ..SessionOptions::default()
    };
    let listener = b
        .engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("a port");
    let there = || SessionOptions {
        listener: Some(listener),
        ..SessionOptions::default()
    };
    pair_with(&a, own(), &b, there());
    pair_with(&a, own(), &b, there());
    assert_eq!(a.engine.stats().connections, 2);
    covers!("C-190", "C-201", "C-202");
}

#[test]
fn a_closed_session_is_gone_when_its_last_event_was_taken() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let transfer = a.send(one, "last words");
    a.engine.close(one, Some(PATIENCE)).expect("alive");
    assert_eq!(
        a.try_send(one, b"x".to_vec()).expect_err("closing").kind,
        ErrorKind::Gone
    );
    let closed = a.wait_closed(one);
    assert!(closed.unacknowledged.is_empty(), "{closed:?}");
    assert_eq!(b.wait_messages(two, 1)[0].body, b"last words");
    b.wait_closed(two);
    assert_eq!(a.engine.state(one).expect_err("gone").kind, ErrorKind::Gone);
    assert_eq!(
        a.engine.message_id(transfer).expect_err("gone").kind,
        ErrorKind::Gone
    );
    assert_eq!(b.engine.state(two).expect_err("gone").kind, ErrorKind::Gone);
    // The slot is used again under another handle, and old handles do not reach the new session.
    let again = a.session();
    assert_ne!(again, one);
    assert_eq!(a.engine.state(one).expect_err("gone").kind, ErrorKind::Gone);
    assert_eq!(
        a.engine.abort(transfer).expect_err("gone").kind,
        ErrorKind::Gone
    );
    assert_eq!(a.engine.stats().sessions, 1);
}

#[test]
fn open_says_timeout_when_nobody_comes_and_connect_when_nobody_listens() {
    let host = Host::new();
    let waits = host.session();
    host.engine
        .set_remote_path(waits, &remote_uri(2855), false, "*")
        .expect("a path");
    host.engine
        .open(waits, Some(Duration::from_millis(50)))
        .expect("waits");
    let closed = host.wait_closed(waits);
    assert_eq!(closed.reason, CloseReason::BindTimeout);
    assert_eq!(closed.error.expect("an error").kind, ErrorKind::Timeout);

    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("bound").port();
    drop(unused);
    let dials = host.session();
    host.engine
        .set_remote_path(dials, &remote_uri(port), true, "*")
        .expect("a path");
    let queued = host.send(dials, "never sent");
    host.engine.open(dials, Some(PATIENCE)).expect("dials");
    let closed = host.wait_closed(dials);
    assert!(
        matches!(closed.reason, CloseReason::ConnectionLost(_)),
        "{closed:?}"
    );
    assert_eq!(closed.error.expect("an error").kind, ErrorKind::Connect);
    assert_eq!(closed.unacknowledged, [queued]);
}

#[test]
fn a_paused_consumer_is_told_of_its_own_messages_and_gets_the_others_later() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    b.engine.pause(two).expect("alive");
    a.send(one, "held");
    let own = b.send(two, "goes out");
    b.wait_acknowledged_with(&a, own);
    a.engine.close(one, Some(PATIENCE)).expect("alive");
    a.wait_closed(one);
    assert!(b.seen(|seen| !seen.messages.contains_key(&two) && seen.closed(two).is_none()));
    b.engine.resume(two).expect("alive");
    assert_eq!(b.wait_messages(two, 1)[0].body, b"held");
    b.wait_closed(two);
}

#[test]
fn shutdown_closes_sessions_in_every_state_and_says_so_last() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let fresh = a.session();
    let waiting = a.session();
    a.engine
        .set_remote_path(waiting, &remote_uri(2855), false, "*")
        .expect("a path");
    a.engine.open(waiting, None).expect("waits");
    let sent = a.send(one, "on its way");
    a.engine.shutdown(Duration::from_secs(5));
    b.wait_closed(two);
    a.wait("the engine's end", |seen| seen.ended);
    for session in [one, fresh, waiting] {
        let closed = a.seen(|seen| seen.closed(session)).expect("told before");
        assert_eq!(closed.reason, CloseReason::Local);
    }
    a.seen(|seen| assert!(matches!(seen.events.last(), Some((_, Event::EngineClosed)))));
    a.wait_acknowledged(sent);
    assert_eq!(b.wait_messages(two, 1)[0].body, b"on its way");
    let error = a
        .engine
        .session(&a.domain, SessionOptions::default())
        .expect_err("ended");
    assert_eq!(error.kind, ErrorKind::Gone);
    let begun = std::time::Instant::now();
    a.engine.join();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn join_without_shutdown_tells_every_end_and_domains_outlive_the_engine() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    a.engine.pause(one).expect("alive");
    a.engine.join();
    a.wait("the engine's end", |seen| {
        seen.ended && seen.closed(one).is_some()
    });
    b.wait_closed(two);

    let (c, d) = (Host::new(), Host::new());
    let (three, four) = pair(&c, &d);
    let Host { engine, domain, .. } = c;
    drop(engine);
    d.wait_closed(four);
    let mut events = Vec::new();
    let deadline = std::time::Instant::now() + PATIENCE;
    while !events
        .iter()
        .any(|(_, event)| matches!(event, Event::EngineClosed))
    {
        domain.next_batch(64, 65536, &mut events);
        assert!(std::time::Instant::now() < deadline, "{events:?}");
        std::thread::yield_now();
    }
    assert!(
        events
            .iter()
            .any(|(s, e)| *s == three && matches!(e, Event::Closed { .. }))
    );
}

#[test]
fn a_closed_domain_ends_its_sessions_and_frees_their_slots() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let fresh = a.session();
    a.domain.close();
    b.wait_closed(two);
    let deadline = std::time::Instant::now() + PATIENCE;
    while a.engine.state(one).is_ok() || a.engine.state(fresh).is_ok() {
        assert!(
            std::time::Instant::now() < deadline,
            "{:?}",
            a.engine.state(one)
        );
        std::thread::yield_now();
    }
    let error = a
        .engine
        .session(&a.domain, SessionOptions::default())
        .expect_err("closed");
    assert_eq!(error.kind, ErrorKind::Gone);
}

#[test]
fn options_are_checked_with_their_names() {
    let host = Host::new();
    let fails = |options: SessionOptions| {
        let error = host
            .engine
            .session(&host.domain, options)
            .expect_err("refused");
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");
        error.context
    };
    let base = SessionOptions::default;
    let text = fails(SessionOptions {
        host: "0.0.0.0".into(),
        ..base()
    });
    assert!(text.contains("advertise"), "{text}");
    let text = fails(SessionOptions {
        chunk_len: ChunkLen::Octets(0),
        ..base()
    });
    assert!(text.starts_with("chunk_len is 0"), "{text}");
    let text = fails(SessionOptions {
        accept_types: Some(vec!["text".into()]),
        ..base()
    });
    assert!(text.starts_with("accept_types"), "{text}");
    let advertised = SessionOptions {
        host: "0.0.0.0".into(),
        advertise: Some(("chat.example.com".into(), 0)),
        ..base()
    };
    let session = host.session_with(advertised);
    let path = host.engine.local_path(session).expect("a path").to_string();
    assert!(path.starts_with("msrp://chat.example.com:"), "{path}");
    let mut limits = Limits::default();
    limits.send_window = 0;
    let options = msrp::engine::EngineOptions {
        limits,
        ..Default::default()
    };
    let error = msrp::engine::Engine::new(options).expect_err("refused");
    assert!(
        error.context.starts_with("limits.send_window is 0"),
        "{error}"
    );
}

#[test]
fn a_repeated_answer_changes_nothing_nor_does_a_path_that_nobody_uses() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = (a.session(), b.session());
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    a.engine.set_remote(one, &answer, None).expect("taken");
    a.engine.open(one, Some(PATIENCE)).expect("connects");
    a.wait_opened(one);
    b.wait_opened(two);
    // The peer refreshes: the same offer again gets an answer with the same path, and nobody reconnects.
    let again = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    let path = |sdp: &str| {
        sdp.lines()
            .find(|line| line.starts_with("a=path"))
            .map(str::to_owned)
            .expect("a path")
    };
    assert_eq!(path(&again), path(&answer));
    let moved = offer.replace("a=path:msrp://127.0.0.1", "a=path:msrp://127.0.0.2");
    b.engine
        .create_answer(two, &moved, None)
        .expect("it may come from there");
    a.send(one, "on");
    assert_eq!(b.wait_messages(two, 1)[0].body, b"on");
    covers!("S-135");
}

#[test]
fn a_very_long_sdp_is_judged_in_one_pass_and_changes_nothing() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = (a.session(), b.session());
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    let line = |start: &str, len: usize| format!("{start}{}\r\n", "x".repeat(len));
    for long in [
        "x".repeat(16 << 20),
        answer.clone() + &line("a=", 16 << 20),
        answer.clone() + &"a=x:1\r\n".repeat(1 << 20),
        answer.clone() + &"m=audio 9 RTP/AVP 0\r\n".repeat(1 << 18),
        answer.clone() + &"a=path:msrp://127.0.0.1:1/a;tcp\r\n".repeat(1 << 16),
        answer.replace(
            "a=path:",
            &format!("a=path:{}", "msrp://127.0.0.1:1/abcd;tcp ".repeat(1 << 17)),
        ),
        answer.replace(
            "a=accept-types:",
            &format!("a=accept-types:{}", "text/x ".repeat(1 << 20)),
        ),
        answer.replace("\r\n", &"\r\n".repeat(1 << 16)),
    ] {
        // Whatever is made of it: it is an error or it is taken, at once, and both sides can still agree.
        let _ = a.engine.set_remote(one, &long, None);
        let other = b.session();
        let _ = b.engine.create_answer(other, &long, None);
        b.engine.abort_session(other).expect("alive");
    }
    a.engine.set_remote(one, &answer, None).expect("taken");
    a.engine.open(one, None).expect("dials");
    a.wait_opened(one);
    b.wait_opened(two);
}

#[test]
fn what_the_peer_would_not_read_is_not_sent() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let limits = Limits::default();
    let long = SendOptions {
        headers: vec![("X-Long".into(), "y".repeat(limits.header_line))],
        ..SendOptions::default()
    };
    let many = SendOptions {
        headers: (0..limits.headers)
            .map(|n| (format!("X-{n}"), "y".into()))
            .collect(),
        ..SendOptions::default()
    };
    let wide = SendOptions {
        headers: (0..3)
            .map(|n| (format!("X-{n}"), "y".repeat(6000)))
            .collect(),
        ..SendOptions::default()
    };
    for (options, limit) in [
        (long, "header_line"),
        (many, "headers"),
        (wide, "header_section"),
    ] {
        let body = SendBody::Bytes("x".into());
        let error = a
            .engine
            .send(one, options, body)
            .expect_err("beyond the limit");
        assert_eq!(error.kind, ErrorKind::TooLarge);
        assert!(error.context.contains(limit), "{error}");
    }
    a.send(one, "the session lives");
    assert_eq!(b.wait_messages(two, 1)[0].body, b"the session lives");
}
