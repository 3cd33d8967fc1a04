//! The engine and its process: descriptors, forks, and foreign functions that panic.

mod engine_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine_support::{Host, PATIENCE, pair};
use msrp::engine::{
    Domain, Engine, EngineOptions, Event, SendBody, SendOptions, SessionHandle, SessionOptions,
    Wake,
};
use msrp::error::ErrorKind;

/// Waits until a descriptor is readable.
fn poll(fd: i32, timeout: Duration) -> bool {
    let timeout = i32::try_from(timeout.as_millis()).expect("short");
    let mut entry = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd is given, and it outlives the call.
    unsafe { libc::poll(&raw mut entry, 1, timeout) == 1 }
}

fn engine() -> Engine {
    Engine::new(EngineOptions::default()).expect("an engine")
}

fn drain(domain: &Domain, events: &mut Vec<(SessionHandle, Event)>) {
    while domain.next_batch(64, 64 * 1024, events) {}
}

#[test]
fn a_host_that_polls_the_descriptor_misses_nothing() {
    let b = Host::new();
    let engine = engine();
    let domain = engine.domain(Wake::Fd).expect("a descriptor");
    let fd = domain.fd().expect("one");
    assert!(!poll(fd, Duration::ZERO));
    domain.wake();
    assert!(poll(fd, Duration::ZERO));
    drain(&domain, &mut Vec::new());
    assert!(!poll(fd, Duration::ZERO));

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
    let mut events = Vec::new();
    let has = |events: &[(SessionHandle, Event)], is: fn(&Event) -> bool| {
        events.iter().filter(|(_, event)| is(event)).count()
    };
    while has(&events, |event| matches!(event, Event::Opened)) == 0 {
        assert!(poll(fd, PATIENCE), "{events:?}");
        drain(&domain, &mut events);
    }
    // One event at a time: with work left the descriptor stays readable.
    for _ in 0..50 {
        let body = SendBody::Bytes(b"x".to_vec().into());
        engine
            .send(one, SendOptions::default(), body)
            .expect("room");
    }
    while has(&events, |event| matches!(event, Event::Acknowledged { .. })) < 50 {
        b.take();
        assert!(poll(fd, PATIENCE), "{events:?}");
        domain.next_batch(1, 1, &mut events);
    }
    engine.shutdown(Duration::from_secs(1));
    while has(&events, |event| matches!(event, Event::EngineClosed)) == 0 {
        assert!(poll(fd, PATIENCE), "{events:?}");
        drain(&domain, &mut events);
    }
    assert!(matches!(
        events.last(),
        Some((SessionHandle(0), Event::EngineClosed))
    ));
    engine.join();
}

#[test]
fn in_a_forked_child_everything_says_forked_and_nothing_is_touched() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    // SAFETY: the child calls only what is checked here, which takes no lock that another thread may hold, and
    // leaves by _exit.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let code = in_child(&a, one);
        // SAFETY: ends this process without running anything.
        unsafe { libc::_exit(code) }
    }
    assert!(pid > 0, "no fork");
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status), "{status}");
    assert_eq!(libc::WEXITSTATUS(status), 0);
    // The parent goes on.
    a.send(one, "still here");
    assert_eq!(b.wait_messages(two, 1)[0].body, b"still here");
}

fn in_child(host: &Host, session: SessionHandle) -> i32 {
    let engine = &host.engine;
    let is_forked = |kind: Option<ErrorKind>| kind == Some(ErrorKind::Forked);
    let body = SendBody::Bytes(b"x".to_vec().into());
    let sent = engine.send(session, SendOptions::default(), body);
    if !is_forked(sent.err().map(|error| error.kind)) {
        return 1;
    }
    if !is_forked(engine.state(session).err().map(|error| error.kind)) {
        return 2;
    }
    if !is_forked(engine.close(session, None).err().map(|error| error.kind)) {
        return 3;
    }
    if host.domain.next_batch(1, 1, &mut Vec::new()) {
        return 4;
    }
    engine.shutdown(Duration::ZERO);
    engine.join();
    host.domain.close();
    drop(engine.clone());
    drop(host.domain.clone());
    if engine.stats() != msrp::engine::Stats::default() {
        return 5;
    }
    0
}

#[test]
fn a_wake_that_panics_costs_its_connection_and_not_the_process() {
    let b = Host::new();
    let engine = engine();
    let armed = Arc::new(AtomicBool::new(false));
    let panics = Arc::clone(&armed);
    let wake = move || assert!(!panics.swap(false, Ordering::SeqCst), "the host's fault");
    let domain = engine
        .domain(Wake::Callback(Arc::new(wake)))
        .expect("a domain");
    let mut sessions = Vec::new();
    let mut events = Vec::new();
    let mut wait = |is: &dyn Fn(&[(SessionHandle, Event)]) -> bool| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            drain(&domain, &mut events);
            if is(&events) {
                return;
            }
            assert!(Instant::now() < deadline, "{events:?}");
            b.take();
            std::thread::yield_now();
        }
    };
    for _ in 0..2 {
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
        wait(&|events| {
            events
                .iter()
                .any(|(session, event)| *session == one && matches!(event, Event::Opened))
        });
        sessions.push((one, two));
    }
    armed.store(true, Ordering::SeqCst);
    b.send(sessions[0].1, "wakes the host");
    wait(&|events| {
        events.iter().any(|(session, event)| {
            *session == sessions[0].0
                && matches!(event, Event::Closed { error: Some(error), .. } if error.kind == ErrorKind::Internal)
        })
    });
    b.send(sessions[1].1, "the other one lives");
    wait(&|events| {
        events.iter().any(|(session, event)| {
            *session == sessions[1].0 && matches!(event, Event::Message { .. })
        })
    });
    b.wait_closed(sessions[0].1);
}
