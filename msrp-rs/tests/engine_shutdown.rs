//! Ends of engines, domains, listeners and sessions: in every state, from every thread, more than once.

mod engine_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_support::{
    Host, PATIENCE, RawPeer, black_hole, dialled, pair, passive, remote_uri, wait_until,
};
use msrp::engine::{
    ChunkLen, Engine, EngineOptions, Event, ListenOptions, SendBody, SendOptions, SessionHandle,
    SessionOptions, Wake,
};
use msrp::error::ErrorKind;
use msrp::limits::Limits;
use msrp::proto::CloseReason;

/// A paused session whose peer has left: its end waits behind what was received.
fn paused_and_left() -> (Host, SessionHandle) {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    b.engine.pause(two).expect("alive");
    let sent = a.send(one, "held");
    a.wait_acknowledged(sent);
    a.engine.close(one, Some(PATIENCE)).expect("alive");
    a.wait_closed(one);
    wait_until(|| b.engine.stats().sessions == 0);
    b.take();
    assert!(b.seen(|seen| seen.closed(two).is_none()));
    (b, two)
}

#[test]
fn a_paused_session_whose_peer_has_left_ends_by_close() {
    let (host, session) = paused_and_left();
    host.engine.close(session, None).expect("there");
    host.wait_closed(session);
    assert_eq!(host.wait_messages(session, 1)[0].body, b"held");
}

#[test]
fn a_paused_session_whose_peer_has_left_ends_by_abort() {
    let (host, session) = paused_and_left();
    host.engine.abort_session(session).expect("there");
    host.wait_closed(session);
}

#[test]
fn a_paused_session_whose_peer_has_left_ends_with_the_engine() {
    let (host, session) = paused_and_left();
    host.engine.shutdown(Duration::ZERO);
    host.wait("the engine's end", |seen| seen.ended);
    assert!(host.seen(|seen| seen.closed(session)).is_some());
}

#[test]
fn a_pause_does_not_hold_up_an_end_that_was_asked_for() {
    let (a, b) = (Host::new(), Host::new());
    let pairs = [pair(&a, &b), pair(&a, &b), pair(&a, &b)];
    for (one, two) in pairs {
        b.engine.pause(two).expect("alive");
        let sent = a.send(one, "held");
        a.wait_acknowledged(sent);
    }
    let [closed, aborted, shut] = pairs.map(|(_, two)| two);
    b.engine.close(closed, Some(Duration::ZERO)).expect("alive");
    b.engine.pause(closed).expect("not told yet");
    b.wait_closed(closed);
    b.engine.abort_session(aborted).expect("alive");
    b.engine.pause(aborted).expect("not told yet");
    b.wait_closed(aborted);
    b.engine.shutdown(Duration::ZERO);
    b.engine.pause(shut).expect("not told yet");
    b.wait("the engine's end", |seen| seen.ended);
}

/// An address at which no other test listens, so that a port that was freed here stays free.
const QUIET: &str = if cfg!(target_os = "linux") {
    "127.77.0.1"
} else {
    "127.0.0.1"
};

#[test]
fn a_closed_listener_frees_its_port_at_once() {
    let host = Host::new();
    let options = |port| ListenOptions {
        host: QUIET.into(),
        port,
        ..ListenOptions::default()
    };
    let mut listener = host.engine.listen(options(0)).expect("a port");
    let address = host.engine.listener_address(listener).expect("bound");
    for _ in 0..200 {
        host.engine.close_listener(listener).expect("open");
        TcpStream::connect(address).expect_err("nobody listens");
        listener = host
            .engine
            .listen(options(address.port()))
            .expect("the port is free");
    }
}

#[test]
fn a_session_that_is_told_closed_has_freed_its_port() {
    let host = Host::new();
    let mut port = 0;
    for round in 0..100 {
        let session = host.session_with(SessionOptions {
            port,
            ..SessionOptions::default()
        });
        let uri = host.engine.local_path(session).expect("a path").to_string();
        port = uri
            .rsplit(':')
            .next()
            .and_then(|rest| rest.split('/').next())
            .expect("a port")
            .parse()
            .expect("a number");
        host.engine
            .set_remote_path(session, &remote_uri(2855), false, "*")
            .expect("a path");
        // Half of them end before anybody came, half by their peer.
        if round % 2 == 0 {
            host.engine.close(session, None).expect("alive");
        } else {
            let mut peer = RawPeer::connect(&uri);
            peer.send(&uri, &remote_uri(2855), "bind0001", "hi");
            host.wait_opened(session);
        }
        host.wait_closed(session);
    }
}

/// A forked child holds every descriptor of its parent: only `shutdown(2)` ends what the parent closes.
#[test]
fn what_a_forked_child_holds_is_closed_all_the_same() {
    let host = Host::new();
    let listener = host
        .engine
        .listen(ListenOptions {
            host: QUIET.into(),
            ..ListenOptions::default()
        })
        .expect("a port");
    let address = host.engine.listener_address(listener).expect("bound");
    let (aborted, uri) = passive(&host);
    let mut aborted_peer = RawPeer::connect(&uri);
    aborted_peer.send(&uri, &remote_uri(2855), "bind0001", "hi");
    host.wait_opened(aborted);
    let (stuck, mut stuck_peer) = dialled(&host);
    host.try_send(stuck, vec![b'x'; 16 << 20])
        .expect("admitted");

    let (mut parents_end, mut childs_end) =
        std::os::unix::net::UnixStream::pair().expect("sockets");
    // SAFETY: the child reads one octet and leaves by _exit; it takes no lock.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let _ = childs_end.read(&mut [0]);
        // SAFETY: ends this process without running anything.
        unsafe { libc::_exit(0) }
    }
    assert!(pid > 0, "no fork");

    host.engine.close_listener(listener).expect("open");
    let refused = TcpStream::connect(address);
    host.engine.abort_session(aborted).expect("alive");
    let aborted_end = {
        aborted_peer.frame();
        aborted_peer.read_to_end()
    };
    // Its connection cannot close in order: it is dropped with the threads.
    host.engine.join();
    let mut left = Vec::new();
    let stuck_end = stuck_peer.stream.read_to_end(&mut left);

    parents_end.write_all(b"x").expect("the child waits");
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    refused.expect_err("nobody listens");
    assert_eq!(aborted_end, b"");
    stuck_end.expect("the end, not the time");
}

#[test]
fn a_session_that_is_closed_while_it_dials_gives_the_dial_up() {
    // The defaults bound neither `connect` nor the handshake to less than this test's patience.
    let limits = engine_support::limits(|limits| {
        limits.tls_handshake = Duration::from_secs(3600);
    });
    let tls = engine_support::tls::unverified();
    let host = Host::from_options(EngineOptions {
        limits,
        tls: Some(tls),
        ..EngineOptions::default()
    });
    let hole = black_hole();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("bound").port();
    for round in 0..3 {
        let connecting = host.session();
        host.engine
            .set_remote_path(connecting, &remote_uri(hole.port), true, "*")
            .expect("a path");
        host.engine.open(connecting, None).expect("dials");
        let shaking = host.session_with(SessionOptions {
            secure: true,
            ..SessionOptions::default()
        });
        let uri = remote_uri(silent_port).replace("msrp:", "msrps:");
        host.engine
            .set_remote_path(shaking, &uri, true, "*")
            .expect("a path");
        host.engine.open(shaking, None).expect("dials");
        let (mut stream, _) = silent.accept().expect("a connection");
        // The client's hello has come, so it waits for ours.
        stream.read_exact(&mut [0; 5]).expect("a record");
        wait_until(|| host.engine.stats().connections == 2);
        for session in [connecting, shaking] {
            if round % 2 == 0 {
                host.engine.close(session, None).expect("alive");
            } else {
                host.engine.abort_session(session).expect("alive");
            }
            assert_eq!(host.wait_closed(session).reason, CloseReason::Local);
        }
        wait_until(|| host.engine.stats().connections == 0);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
}

/// Everything that a session can be at when the engine ends.
fn every_state(host: &Host) -> (Vec<SessionHandle>, Vec<Box<dyn Send>>) {
    let mut sessions = Vec::new();
    let mut kept: Vec<Box<dyn Send>> = Vec::new();
    // New.
    sessions.push(host.session());
    // Waiting for its peer.
    let (waiting, uri) = passive(host);
    host.engine.open(waiting, None).expect("waits");
    sessions.push(waiting);
    kept.push(Box::new(RawPeer::connect(&uri)));
    // Dialling, in TCP and in TLS.
    let hole = black_hole();
    let dialling = host.session();
    host.engine
        .set_remote_path(dialling, &remote_uri(hole.port), true, "*")
        .expect("a path");
    host.engine.open(dialling, None).expect("dials");
    sessions.push(dialling);
    kept.push(Box::new(hole));
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let shaking = host.session_with(SessionOptions {
        secure: true,
        ..SessionOptions::default()
    });
    let remote = remote_uri(port).replace("msrp:", "msrps:");
    host.engine
        .set_remote_path(shaking, &remote, true, "*")
        .expect("a path");
    host.engine.open(shaking, None).expect("dials");
    sessions.push(shaking);
    kept.push(Box::new(silent));
    // A request is held for it.
    let held = host.session();
    let uri = host.engine.local_path(held).expect("a path").to_string();
    let mut peer = RawPeer::connect(&uri);
    let before = host.engine.stats().bytes_received;
    peer.send(&uri, &remote_uri(2855), "early001", "held");
    wait_until(|| host.engine.stats().bytes_received > before);
    sessions.push(held);
    kept.push(Box::new(peer));
    // In the middle of a file, to a peer that does not read.
    let (filing, peer) = dialled(host);
    let path = std::env::temp_dir().join(format!("msrp-shutdown-{}", filing.0));
    std::fs::write(&path, vec![b'f'; 8 << 20]).expect("a file");
    host.engine
        .send(filing, SendOptions::default(), SendBody::File(path.clone()))
        .expect("admitted");
    let _ = std::fs::remove_file(path);
    host.wait_event(filing, "progress", |event| {
        matches!(event, Event::Progress { .. })
    });
    sessions.push(filing);
    kept.push(Box::new(peer));
    // Paused with content, and reading paused with it.
    let other = Host::new();
    let any = || SessionOptions {
        chunk_len: ChunkLen::Unbounded,
        ..SessionOptions::default()
    };
    let (paused, sender) = engine_support::pair_with(host, any(), &other, any());
    host.engine.pause(paused).expect("alive");
    let before = host.engine.stats().reading_paused;
    other
        .try_send(sender, vec![b'p'; 4 << 20])
        .expect("admitted");
    wait_until(|| host.engine.stats().reading_paused > before);
    sessions.push(paused);
    kept.push(Box::new(other));
    // Shed, on a connection that it shares.
    let other = Host::new();
    let listener = host
        .engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("a port");
    let there = || SessionOptions {
        listener: Some(listener),
        ..any()
    };
    let (sender, shed) = engine_support::pair_with(&other, any(), host, there());
    let (_, neighbour) = engine_support::pair_with(&other, any(), host, there());
    host.stalled.lock().expect("not poisoned").push(shed);
    other
        .try_send(sender, vec![b's'; 4 << 20])
        .expect("admitted");
    host.wait_event(shed, "shed", |event| matches!(event, Event::Shed));
    sessions.extend([shed, neighbour]);
    kept.push(Box::new(other));
    // Closing, with an outcome outstanding.
    let (closing, peer) = dialled(host);
    host.send(closing, "never answered");
    host.engine.close(closing, None).expect("alive");
    sessions.push(closing);
    kept.push(Box::new(peer));
    (sessions, kept)
}

fn small_windows() -> EngineOptions {
    let limits = engine_support::limits(|limits| {
        limits.receive_window = 64 * 1024;
        limits.connection_slack = 64 * 1024;
        limits.stall = None;
        limits.tls_handshake = Duration::from_secs(3600);
        limits.write_stall = Duration::from_secs(3600);
        limits.transaction = Duration::from_secs(3600);
    });
    EngineOptions {
        limits,
        tls: Some(engine_support::tls::unverified()),
        ..EngineOptions::default()
    }
}

#[track_caller]
fn assert_over(host: &Host, sessions: &[SessionHandle]) {
    host.wait("the engine's end", |seen| seen.ended);
    host.seen(|seen| {
        for (index, session) in sessions.iter().enumerate() {
            let ends = seen
                .events
                .iter()
                .filter(|(from, event)| from == session && matches!(event, Event::Closed { .. }));
            assert_eq!(ends.count(), 1, "session {index}");
        }
        assert!(matches!(seen.events.last(), Some((_, Event::EngineClosed))));
        let ends = seen
            .events
            .iter()
            .filter(|(_, event)| matches!(event, Event::EngineClosed));
        assert_eq!(ends.count(), 1);
    });
    let stats = host.engine.stats();
    assert_eq!(
        (stats.sessions, stats.receive_held, stats.send_held),
        (0, 0, 0)
    );
}

#[test]
fn shutdown_ends_every_state() {
    let host = Host::from_options(small_windows());
    let (sessions, _kept) = every_state(&host);
    host.engine.shutdown(Duration::from_millis(200));
    assert_over(&host, &sessions);
    host.engine.join();
    assert_eq!(host.engine.stats().connections, 0);
}

#[test]
fn join_ends_every_state() {
    let host = Host::from_options(small_windows());
    let (sessions, _kept) = every_state(&host);
    host.engine.join();
    assert_over(&host, &sessions);
    assert_eq!(host.engine.stats().connections, 0);
}

#[test]
fn shutdown_and_join_may_be_called_by_several_threads_at_once() {
    let host = Host::from_options(small_windows());
    let (sessions, _kept) = every_state(&host);
    std::thread::scope(|scope| {
        for number in 0..4_u64 {
            let engine = host.engine.clone();
            scope.spawn(move || {
                engine.shutdown(Duration::from_millis(100 * number));
                engine.shutdown(Duration::from_secs(3600));
                engine.join();
            });
        }
    });
    assert_over(&host, &sessions);
    host.engine.shutdown(Duration::ZERO);
    host.engine.join();
}

/// A consumer that calls the engine from within its wake, which it should not: nothing hangs all the same.
fn from_within_the_wake(what: impl Fn(&mut Option<Engine>) + Send + 'static) {
    let b = Host::new();
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let slot: Arc<Mutex<Option<Engine>>> = Arc::default();
    let inner = Arc::clone(&slot);
    let what = Mutex::new(what);
    let domain = engine
        .domain(Wake::Callback(Arc::new(move || {
            // Nested wakes find the slot taken, by what they came from.
            let Ok(mut engine) = inner.try_lock() else {
                return;
            };
            if engine.is_some() {
                (what.lock().expect("not poisoned"))(&mut engine);
            }
        })))
        .expect("a domain");
    let one = engine
        .session(&domain, SessionOptions::default())
        .expect("a session");
    let two = b.session();
    let offer = engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    engine.set_remote(one, &answer, None).expect("taken");
    engine.open(one, None).expect("dials");
    b.wait_opened(two);
    let mut events = Vec::new();
    wait_until(|| {
        domain.next_batch(64, 65536, &mut events);
        events
            .iter()
            .any(|(_, event)| matches!(event, Event::Opened))
    });
    *slot.lock().expect("not poisoned") = Some(engine);
    // A wake may have come while the slot was being filled: what it was for is taken, and the next one comes.
    while domain.next_batch(64, 65536, &mut events) {}
    b.send(two, "wakes the host");
    b.wait_closed(two);
    wait_until(|| {
        domain.next_batch(64, 65536, &mut events);
        events
            .iter()
            .any(|(_, event)| matches!(event, Event::EngineClosed))
    });
    assert!(
        events
            .iter()
            .any(|(session, event)| *session == one && matches!(event, Event::Closed { .. }))
    );
}

#[test]
fn an_engine_may_be_shut_down_from_within_a_wake() {
    from_within_the_wake(|engine| {
        if let Some(engine) = engine.take() {
            engine.shutdown(Duration::ZERO);
            // Kept by nobody after this: the last clone goes here.
        }
    });
}

#[test]
fn an_engine_may_be_joined_from_within_a_wake() {
    from_within_the_wake(|engine| {
        if let Some(engine) = engine.take() {
            engine.join();
        }
    });
}

#[test]
fn the_last_engine_may_be_dropped_from_within_a_wake() {
    from_within_the_wake(|engine| drop(engine.take()));
}

#[test]
fn an_engine_may_be_dropped_and_joined_inside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for join in [true, false] {
            let (a, b) = (Host::new(), Host::new());
            let (_one, two) = pair(&a, &b);
            let Host { engine, .. } = a;
            if join {
                engine.join();
            }
            drop(engine);
            b.wait_closed(two);
        }
    });
}

#[test]
fn domains_sessions_and_listeners_made_while_the_engine_ends_end_too() {
    for round in 0..40 {
        let host = Host::new();
        let engine = host.engine.clone();
        let makers: Vec<_> = (0..3)
            .map(|_| {
                let engine = engine.clone();
                std::thread::spawn(move || {
                    let mut made = Vec::new();
                    while let Ok(domain) = engine.domain(Wake::Callback(Arc::new(|| {}))) {
                        let session = engine.session(&domain, SessionOptions::default());
                        let listener = engine.listen(ListenOptions {
                            host: "127.0.0.1".into(),
                            ..ListenOptions::default()
                        });
                        made.push((domain, session, listener));
                    }
                    made
                })
            })
            .collect();
        for _ in 0..round {
            std::thread::yield_now();
        }
        engine.shutdown(Duration::from_secs(3600));
        for maker in makers {
            for (domain, session, listener) in maker.join().expect("no panic") {
                let mut events = Vec::new();
                wait_until(|| {
                    domain.next_batch(64, 65536, &mut events);
                    events
                        .iter()
                        .any(|(_, event)| matches!(event, Event::EngineClosed))
                });
                match session {
                    Ok(session) => {
                        assert!(events.iter().any(|(from, event)| *from == session
                            && matches!(event, Event::Closed { .. })))
                    }
                    Err(error) => assert_eq!(error.kind, ErrorKind::Gone),
                }
                let error = listener.and_then(|listener| engine.listener_address(listener));
                assert_eq!(error.expect_err("closed").kind, ErrorKind::Gone);
            }
        }
        engine.join();
    }
}

#[test]
fn after_the_end_every_call_says_gone() {
    let host = Host::with(Limits::default());
    let session = host.session();
    let listener = host
        .engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("a port");
    host.engine.shutdown(Duration::ZERO);
    host.engine.join();
    host.wait("the engine's end", |seen| seen.ended);
    let engine = &host.engine;
    let kinds = [
        engine.domain(Wake::Fd).err(),
        engine
            .session(&host.domain, SessionOptions::default())
            .err(),
        engine.listen(ListenOptions::default()).err(),
        engine.listener_address(listener).err(),
        engine.close_listener(listener).err(),
        engine.open(session, None).err(),
        engine.close(session, None).err(),
        engine.abort_session(session).err(),
        engine.create_offer(session).err(),
        engine
            .set_remote_path(session, &remote_uri(1), true, "*")
            .err(),
        engine.state(session).err(),
        engine.pause(session).err(),
        engine.consume(session, 1).err(),
        engine.taken(session, &[]).err(),
        host.try_send(session, b"late".to_vec()).err(),
    ];
    for (index, error) in kinds.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("call {index} went through"));
        assert_eq!(error.kind, ErrorKind::Gone, "call {index}: {error}");
    }
}
