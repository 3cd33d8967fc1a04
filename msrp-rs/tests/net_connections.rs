//! Connections against raw peers: what strangers get, how stalls and deaths end, and the bounds.

mod engine_support;

use msrp_conformance::covers;
use std::io::Read;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use engine_support::{
    Host, PATIENCE, RawPeer, bound, dialled, limits, pair, pair_with, passive, remote_uri,
    wait_until,
};
use msrp::engine::{
    ChunkLen, EngineOptions, Event, ListenOptions, SendBody, SendOptions, SessionHandle,
    SessionOptions, Wake,
};
use msrp::error::ErrorKind;
use msrp::proto::{CloseReason, MessageEnd};
use msrp::wire::{FailureReport, StatusCode};

#[test]
fn rfc4975_5_4_an_unknown_session_gets_481_and_one_bound_elsewhere_506() {
    let host = Host::new();
    let (session, uri, mut peer) = bound(&host);
    let mut other = RawPeer::connect(&uri);
    other.send(&uri, &remote_uri(1), "claim001", "mine");
    assert!(other.frame().starts_with("MSRP claim001 506"));
    let unknown = format!("{}x;tcp", uri.trim_end_matches(";tcp"));
    other.send(&unknown, &remote_uri(1), "unknown1", "who");
    assert!(other.frame().starts_with("MSRP unknown1 481"));
    // The bound connection is not disturbed.
    peer.send(&uri, &remote_uri(2855), "still001", "here");
    assert!(peer.frame().starts_with("MSRP still001 200"));
    assert_eq!(host.wait_messages(session, 2)[1].body, b"here");
    covers!("C-140", "C-143", "C-195", "C-196", "T-50");
}

#[test]
fn a_second_connection_does_not_get_a_session_that_the_first_waits_for() {
    let host = Host::new();
    let session = host.session();
    let uri = host.engine.local_path(session).expect("a path").to_string();
    let mut first = RawPeer::connect(&uri);
    first.send(&uri, &remote_uri(2855), "early001", "first");
    wait_until(|| host.engine.stats().bytes_received > 0);
    let mut second = RawPeer::connect(&uri);
    second.send(&uri, &remote_uri(2856), "early002", "second");
    assert!(second.frame().starts_with("MSRP early002 506"));
    // When the first goes, the next one is held.
    drop(first);
    wait_until(|| host.engine.stats().connections == 1);
    second.send(&uri, &remote_uri(2856), "early003", "again");
    host.engine
        .set_remote_path(session, &remote_uri(2856), false, "*")
        .expect("a path");
    assert!(second.frame().starts_with("MSRP early003 200"));
    assert_eq!(host.wait_messages(session, 1)[0].body, b"again");
}

#[test]
fn rfc4975_garbage_closes_the_connection_and_its_sessions() {
    let host = Host::new();
    let (session, _uri, mut peer) = bound(&host);
    peer.write(b"GET / HTTP/1.1\r\n\r\n");
    let closed = host.wait_closed(session);
    assert!(
        matches!(closed.reason, CloseReason::Protocol { .. }),
        "{closed:?}"
    );
    let error = closed.error.expect("an error");
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.offset.is_some_and(|offset| offset > 0));
    peer.read_to_end();
    wait_until(|| host.engine.stats().connections == 0);
    assert_eq!(host.engine.stats().protocol_errors, 1);
    covers!("C-064", "C-019");
}

#[test]
fn a_connection_without_a_session_is_closed_in_time() {
    let host = Host::with(limits(|limits| {
        limits.unbound = Duration::from_millis(100);
    }));
    let (_session, uri) = passive(&host);
    let mut silent = RawPeer::connect(&uri);
    assert_eq!(silent.read_to_end(), b"");
    wait_until(|| host.engine.stats().unbound_connections == 0);
    covers!("C-203");
}

#[test]
fn the_oldest_unbound_connection_makes_room() {
    let host = Host::with(limits(|limits| {
        limits.unbound_per_address = 2;
    }));
    let (session, uri, mut peer) = bound(&host);
    let mut strangers: Vec<RawPeer> = Vec::new();
    for number in 1..=3 {
        strangers.push(RawPeer::connect(&uri));
        wait_until(|| host.engine.stats().connections > number.min(2));
    }
    assert_eq!(strangers[0].read_to_end(), b"");
    peer.send(&uri, &remote_uri(2855), "still001", "bound ones stay");
    assert_eq!(host.wait_messages(session, 2)[1].body, b"bound ones stay");
    assert_eq!(host.engine.stats().unbound_connections, 2);
    covers!("T-63");
}

#[test]
fn a_peer_that_never_reads_is_a_write_stall() {
    let limits = limits(|limits| {
        limits.write_stall = Duration::from_millis(300);
    });
    let host = Host::with(limits);
    let (session, peer) = dialled(&host);
    let options = SendOptions {
        failure_report: FailureReport::No,
        ..SendOptions::default()
    };
    let body = SendBody::Bytes(vec![b'x'; 32 << 20].into());
    let admitted = host.engine.send(session, options, body).expect("admitted");
    let transfer = admitted.transfer;
    let closed = host.wait_closed(session);
    assert_eq!(closed.reason, CloseReason::WriteStall);
    assert_eq!(closed.error.expect("an error").kind, ErrorKind::Timeout);
    assert_eq!(closed.unacknowledged, [transfer]);
    assert_eq!(host.engine.stats().send_held, 0);
    drop(peer);
}

/// A machine that was suspended is not a peer that was silent.
#[test]
fn rfc4975_7_1_1_an_answer_that_came_while_the_process_stood_still_is_in_time() {
    let time = Duration::from_secs(2);
    let host = Host::with(limits(|limits| limits.transaction = time));
    let (session, mut peer) = dialled(&host);
    // The wake of another consumer holds the only thread of the engine.
    let (is_armed, armed) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(())));
    let (entered, entry) = mpsc::channel();
    let (arming, gate) = (Arc::clone(&is_armed), Arc::clone(&armed));
    let wake = move || {
        if arming.swap(false, Ordering::SeqCst) {
            entered.send(()).expect("the test waits");
            drop(gate.lock());
        }
    };
    let domain = host.engine.domain(Wake::Callback(Arc::new(wake)));
    let domain = domain.expect("a domain");
    let other = host.engine.session(&domain, SessionOptions::default());
    let other = other.expect("a session");
    let uri = host.engine.local_path(other).expect("a path").to_string();
    host.engine
        .set_remote_path(other, &remote_uri(2855), false, "*")
        .expect("a path");
    let mut knocking = RawPeer::connect(&uri);
    knocking.send(&uri, &remote_uri(2855), "knock001", "knock");
    assert!(knocking.frame().starts_with("MSRP knock001 200"));
    let mut events = Vec::new();
    wait_until(|| {
        while domain.next_batch(64, 1 << 16, &mut events) {}
        let mut told = events.iter();
        told.any(|(_, event)| matches!(event, Event::Message { .. }))
    });

    let transfer = host.send(session, "anybody there?");
    let request = peer.frame();
    let sent = Instant::now();
    let held = armed.lock().expect("no panic");
    is_armed.store(true, Ordering::SeqCst);
    knocking.send(&uri, &remote_uri(2855), "knock002", "knock");
    entry.recv_timeout(PATIENCE).expect("the thread is held");
    peer.answer(&request, "200 OK");
    wait_until(|| sent.elapsed() > time);
    drop(held);
    host.wait_acknowledged(transfer);
    assert_eq!(host.engine.stats().messages_failed, 0);
    covers!("C-240");
}

#[test]
fn rfc4975_7_1_1_a_peer_that_never_answers_is_a_timeout_of_the_message() {
    let host = Host::with(limits(|limits| {
        limits.transaction = Duration::from_secs(2);
    }));
    let (session, mut peer) = dialled(&host);
    let transfer = host.send(session, "anybody there?");
    assert!(peer.frame().contains("anybody there?"));
    host.wait_event(session, "failed", |event| match event {
        Event::Failed {
            transfer: failed,
            error,
        } => *failed == transfer && error.kind == ErrorKind::Timeout,
        _ => false,
    });
    assert_eq!(host.engine.stats().messages_failed, 1);
    covers!("C-240");
}

#[test]
fn rfc4975_5_4_a_peer_that_dies_in_mid_transfer_ends_the_session_with_what_is_unacknowledged() {
    let host = Host::new();
    let (session, uri, mut peer) = bound(&host);
    let transfer = host.send(session, "not answered");
    peer.frame();
    // It dies in the middle of a chunk of its own.
    peer.write(
        format!(
            "MSRP half0001 SEND\r\nTo-Path: {uri}\r\nFrom-Path: {}\r\nMessage-ID: half0001\r\n\
             Byte-Range: 1-*/100000\r\nContent-Type: text/plain\r\n\r\n",
            remote_uri(2855)
        )
        .as_bytes(),
    );
    peer.write(&[b'y'; 50_000]);
    host.wait_event(session, "begun", |event| {
        matches!(event, Event::MessageBegin { .. })
    });
    drop(peer);
    let closed = host.wait_closed(session);
    assert!(
        matches!(closed.reason, CloseReason::ConnectionLost(_)),
        "{closed:?}"
    );
    assert_eq!(closed.unacknowledged, [transfer]);
    let messages = host.wait_messages(session, 2);
    assert_eq!(messages[1].end, MessageEnd::SessionClosed);
    covers!("C-197", "C-204", "T-64");
}

#[test]
fn a_consumer_that_stalls_alone_holds_its_peer_and_loses_nothing() {
    let limits = limits(|limits| {
        limits.receive_window = 64 * 1024;
        limits.connection_slack = 64 * 1024;
        limits.stall = None;
    });
    let (a, b) = (Host::new(), Host::with(limits));
    let any = || SessionOptions {
        accept_types: Some(vec!["*".into()]),
        chunk_len: ChunkLen::Unbounded,
        ..SessionOptions::default()
    };
    let (one, two) = pair_with(&a, any(), &b, any());
    b.stalled.lock().expect("not poisoned").push(two);
    let content: Vec<u8> = (0..8_u32 << 20).map(|i| (i >> 8) as u8).collect();
    let options = SendOptions::default();
    let transfer = a
        .engine
        .send(one, options, SendBody::Bytes(content.clone().into()))
        .expect("admitted")
        .transfer;
    b.wait_event(two, "begun", |event| {
        matches!(event, Event::MessageBody { .. })
    });
    b.wait("reading is paused", |_| b.engine.stats().reading_paused > 0);
    let held = b.engine.stats().receive_held_peak;
    // Window, slack, and what one read may add.
    assert!(held <= 3 * 64 * 1024 + 4096, "{held} octets held");
    assert_eq!(
        a.engine.transfer_progress(transfer).expect("alive").1,
        Some(8 << 20)
    );
    assert!(a.engine.transfer_progress(transfer).expect("alive").0 < 8 << 20);
    // The consumer comes back, and everything does.
    b.stalled.lock().expect("not poisoned").clear();
    let held = b.engine.stats().receive_held;
    b.engine
        .consume(two, usize::try_from(held).expect("small"))
        .expect("alive");
    let messages = b.wait_messages(two, 1);
    assert_eq!(messages[0].end, MessageEnd::Complete(8 << 20));
    assert!(messages[0].body == content);
    a.wait_acknowledged(transfer);
}

#[test]
fn of_16_sessions_on_one_connection_the_stalled_one_is_shed_and_the_others_finish() {
    const LEN: usize = 2 << 20;
    // The others fit into their windows, so that only the stalled one can use up the slack.
    const OTHERS: usize = 200 * 1024;
    let limits = limits(|limits| {
        limits.receive_window = 256 * 1024;
        limits.connection_slack = 256 * 1024;
    });
    let (a, b) = (Host::new(), Host::with(limits.clone()));
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
    let pairs: Vec<_> = (0..16)
        .map(|_| pair_with(&a, SessionOptions::default(), &b, there()))
        .collect();
    assert_eq!(a.engine.stats().connections, 1);
    let stalled = pairs[7];
    b.stalled.lock().expect("not poisoned").push(stalled.1);
    let transfers: Vec<_> = pairs
        .iter()
        .map(|pair| {
            let len = if *pair == stalled { LEN } else { OTHERS };
            a.try_send(pair.0, vec![b'z'; len]).expect("admitted")
        })
        .collect();
    let deadline = Instant::now() + PATIENCE * 2;
    let others = || pairs.iter().filter(|pair| **pair != stalled);
    loop {
        a.take();
        b.take();
        let done = b.seen(|seen| {
            others().all(|(_, two)| seen.messages.get(two).is_some_and(|m| m.len() == 1))
                && seen.messages.contains_key(&stalled.1)
        });
        if done {
            break;
        }
        assert!(Instant::now() < deadline, "{:?}", b.engine.stats());
        std::thread::yield_now();
    }
    b.seen(|seen| {
        for (_, two) in others() {
            assert_eq!(
                seen.messages[two][0].end,
                MessageEnd::Complete(OTHERS as u64)
            );
        }
        let shed = &seen.messages[&stalled.1][0];
        assert_eq!(shed.end, MessageEnd::Rejected(StatusCode(413)));
        assert!(seen.has(stalled.1, |event| matches!(event, Event::Shed)));
    });
    let failed = transfers[7];
    a.wait_event(stalled.0, "413 at the sender", |event| match event {
        Event::Failed { transfer, error } => {
            *transfer == failed && error.status == Some(StatusCode(413))
        }
        _ => false,
    });
    let stats = b.engine.stats();
    assert_eq!(stats.sessions_shed, 1);
    // Window and slack of the stalled one, what one read may add, and what of the others was not yet taken.
    let bound = (512 + 64) * 1024 + 15 * OTHERS as u64;
    assert!(
        stats.receive_held_peak <= bound,
        "{} octets held",
        stats.receive_held_peak
    );
    // The consumer catches up and is served again.
    b.stalled.lock().expect("not poisoned").clear();
    b.engine.consume(stalled.1, LEN).expect("alive");
    b.wait_event(stalled.1, "recovered", |event| {
        matches!(event, Event::Recovered)
    });
    a.send(stalled.0, "again");
    b.wait("the next message", |seen| {
        seen.messages[&stalled.1]
            .iter()
            .any(|message| message.body == b"again")
    });
    assert_eq!(b.engine.stats().receive_held, 0);
}

#[test]
fn above_the_memory_budget_send_says_again_and_then_writable() {
    let limits = limits(|limits| {
        limits.engine_memory = 4 << 20;
    });
    let host = Host::with(limits);
    let (session, mut peer) = dialled(&host);
    let options = || SendOptions {
        failure_report: FailureReport::No,
        ..SendOptions::default()
    };
    let large = || SendBody::Bytes(vec![b'x'; 3 << 20].into());
    host.engine
        .send(session, options(), large())
        .expect("within the budget");
    host.engine
        .send(session, options(), large())
        .expect("the one that exceeds it");
    let error = host
        .engine
        .send(session, options(), large())
        .expect_err("above the budget");
    assert_eq!(error.kind, ErrorKind::Again);
    assert_eq!(host.engine.stats().send_held, 6 << 20);
    let reader = std::thread::spawn(move || {
        let mut sink = vec![0; 1 << 16];
        let mut left = 6 << 20;
        while left > 0 {
            let len = peer.stream.read(&mut sink).expect("read in time");
            assert!(len > 0, "the end");
            left -= len.min(left);
        }
        peer
    });
    host.wait_event(session, "writable", |event| {
        matches!(event, Event::Writable)
    });
    host.send(session, "room again");
    reader.join().expect("read all");
}

/// A host whose memory budget is used up once a session of its holds 300 KB, and a session that wants to send.
fn crowded() -> (Host, SessionHandle, RawPeer) {
    let host = Host::with(limits(|limits| {
        limits.engine_memory = 256 * 1024;
        limits.receive_window = 1 << 20;
    }));
    let (sender, _uri, peer) = bound(&host);
    (host, sender, peer)
}

#[track_caller]
fn wait_refused_then(host: &Host, sender: SessionHandle, relief: impl FnOnce()) {
    let error = host.try_send(sender, b"x".to_vec()).expect_err("crowded");
    assert_eq!(error.kind, ErrorKind::Again);
    relief();
    host.wait_event(sender, "writable", |event| matches!(event, Event::Writable));
    host.send(sender, "room again");
}

#[test]
fn a_sender_is_told_of_room_that_an_unbound_session_has_left() {
    let (host, sender, _peer) = crowded();
    for abort in [true, false] {
        let (holder, _) = passive(&host);
        host.try_send(holder, vec![b'x'; 300 * 1024])
            .expect("the one that exceeds it");
        wait_refused_then(&host, sender, || match abort {
            true => host.engine.abort_session(holder).expect("alive"),
            false => host.engine.close(holder, None).expect("alive"),
        });
    }
}

#[test]
fn a_sender_is_told_of_room_that_a_closed_domain_has_left() {
    let (host, sender, _peer) = crowded();
    let other = host.engine.domain(Wake::Fd).expect("a domain");
    let holder = host
        .engine
        .session(&other, SessionOptions::default())
        .expect("a session");
    host.engine
        .set_remote_path(holder, &remote_uri(1), false, "*")
        .expect("a path");
    let body = SendBody::Bytes(vec![b'x'; 300 * 1024].into());
    host.engine
        .send(holder, SendOptions::default(), body)
        .expect("the one that exceeds it");
    wait_refused_then(&host, sender, || other.close());
}

#[test]
fn a_sender_is_told_of_room_that_a_session_leaves_whose_end_is_taken() {
    let (host, sender, _peer) = crowded();
    let (holder, uri, mut peer) = bound(&host);
    host.stalled.lock().expect("not poisoned").push(holder);
    peer.send(&uri, &remote_uri(2855), "large001", &"y".repeat(300 * 1024));
    wait_until(|| host.engine.stats().receive_held > 256 * 1024);
    drop(peer);
    // Its connection is gone, so that nobody but the consumer can tell.
    wait_until(|| host.engine.stats().connections == 1);
    wait_refused_then(&host, sender, || {
        host.wait_closed(holder);
    });
}

#[test]
fn shutdown_aborts_at_its_deadline_what_the_peer_does_not_take() {
    let host = Host::new();
    let (stuck, peer) = dialled(&host);
    let transfer = host
        .try_send(stuck, vec![b'x'; 32 << 20])
        .expect("admitted");
    host.wait_event(stuck, "progress", |event| {
        matches!(event, Event::Progress { .. })
    });
    // A stranger, and a dial that nobody answers, go as well.
    let (waiting, uri) = passive(&host);
    let mut stranger = RawPeer::connect(&uri);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let dialling = host.session();
    host.engine
        .set_remote_path(dialling, &remote_uri(port), true, "*")
        .expect("a path");
    host.engine.open(dialling, None).expect("dials");
    host.engine.shutdown(Duration::from_millis(300));
    host.wait("the engine's end", |seen| seen.ended);
    let closed = host.seen(|seen| seen.closed(stuck)).expect("told before");
    assert_eq!(
        (closed.reason, closed.unacknowledged),
        (CloseReason::Local, vec![transfer])
    );
    for session in [waiting, dialling] {
        let closed = host.seen(|seen| seen.closed(session)).expect("told before");
        assert_eq!(closed.reason, CloseReason::Local);
    }
    assert_eq!(stranger.read_to_end(), b"");
    let begun = Instant::now();
    host.engine.join();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(host.engine.stats().connections, 0);
    drop(peer);
}

#[test]
fn many_threads_and_sessions_lose_no_wake() {
    const SESSIONS: usize = 8;
    const MESSAGES: usize = 200;
    let options = || EngineOptions {
        worker_threads: 2,
        ..EngineOptions::default()
    };
    let (a, b) = (Host::from_options(options()), Host::from_options(options()));
    let pairs: Vec<_> = (0..SESSIONS).map(|_| pair(&a, &b)).collect();
    std::thread::scope(|scope| {
        for (one, _) in &pairs {
            let engine = a.engine.clone();
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let body = || SendBody::Bytes(number.to_string().into_bytes().into());
                    while engine.send(*one, SendOptions::default(), body()).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
        }
        for (_, two) in &pairs {
            b.wait_messages(*two, MESSAGES);
        }
        a.wait("all acknowledged", |seen| {
            let acknowledged = seen
                .events
                .iter()
                .filter(|(_, e)| matches!(e, Event::Acknowledged { .. }));
            acknowledged.count() == SESSIONS * MESSAGES
        });
    });
    assert_eq!(
        (a.engine.stats().send_held, b.engine.stats().receive_held),
        (0, 0)
    );
}
