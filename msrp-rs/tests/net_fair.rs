//! Turns: a busy connection on the only thread, dials to one target, and dials in all.

mod engine_support;

use msrp_conformance::covers;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine_support::{Host, RawPeer, dialled, limits, pair, remote_uri, wait_until};
use msrp::engine::{
    ConnectionSharing, Event, SendBody, SendOptions, SessionHandle, SessionOptions, Wake,
};
use msrp::wire::FailureReport;

/// Other sessions of the same thread exchange messages while `moved` grows.
#[track_caller]
fn others_have_their_turn(host: &Host, moved: impl Fn() -> u64) {
    let friend = Host::new();
    let (one, two) = pair(host, &friend);
    let before = moved();
    for round in 0..100 {
        let sent = host.send(one, "ping");
        friend.wait_messages(two, round + 1);
        friend.send(two, "pong");
        host.wait_messages(one, round + 1);
        host.wait_acknowledged(sent);
    }
    wait_until(|| {
        host.take();
        moved() > before + (1 << 20)
    });
}

#[test]
fn a_peer_that_floods_leaves_others_their_turn() {
    let host = Host::new();
    let small: String = (0..400)
        .map(|n| {
            format!(
                "MSRP flood{n:05} SEND\r\nTo-Path: {{uri}}\r\nFrom-Path: {}\r\nMessage-ID: {{m}}{n:05}\r\n\
                 Byte-Range: 1-1/1\r\nFailure-Report: no\r\nContent-Type: text/plain\r\n\r\nx\r\n\
                 -------flood{n:05}$\r\n",
                remote_uri(2855)
            )
        })
        .collect();
    let large = format!(
        "MSRP flood{{m}} SEND\r\nTo-Path: {{uri}}\r\nFrom-Path: {}\r\nMessage-ID: large{{m}}\r\n\
         Byte-Range: 1-*/*\r\nFailure-Report: no\r\nContent-Type: text/plain\r\n\r\n{}\r\n\
         -------flood{{m}}$\r\n",
        remote_uri(2855),
        "y".repeat(1 << 20)
    );
    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    // A consumer of their own, who is quick.
    let (woken, wakes) = std::sync::mpsc::channel();
    let wake = Wake::Callback(Arc::new(move || {
        // At the end nobody listens.
        let _ = woken.send(());
    }));
    let domain = host.engine.domain(wake).expect("a domain");
    for pattern in [small, large] {
        let session = host
            .engine
            .session(&domain, SessionOptions::default())
            .expect("a session");
        let uri = host.engine.local_path(session).expect("a path").to_string();
        host.engine
            .set_remote_path(session, &remote_uri(2855), false, "*")
            .expect("a path");
        let mut peer = RawPeer::connect(&uri);
        let stop = Arc::clone(&stop);
        threads.push(std::thread::spawn(move || {
            let pattern = pattern.replace("{uri}", &uri);
            let mut number = 1000;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                let text = pattern.replace("{m}", &format!("m{number}"));
                // Refused at the end.
                if peer.stream.write_all(text.as_bytes()).is_err() {
                    return;
                }
            }
        }));
    }
    let engine = host.engine.clone();
    threads.push(std::thread::spawn(move || {
        let mut batch = Vec::new();
        while wakes.recv().is_ok() {
            domain.next_batch(1024, 1 << 20, &mut batch);
            for (session, event) in batch.drain(..) {
                let credit = match event {
                    Event::Message { credit, .. } | Event::MessageBegin { credit, .. } => credit,
                    Event::MessageBody { data, .. } => data.len(),
                    Event::EngineClosed => return,
                    _ => continue,
                };
                // It may have ended.
                let _ = engine.consume(session, credit);
            }
        }
    }));
    others_have_their_turn(&host, || host.engine.stats().bytes_received);
    stop.store(true, Ordering::Relaxed);
    host.engine.shutdown(std::time::Duration::ZERO);
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_peer_that_reads_quickly_leaves_others_their_turn() {
    let host = Host::with(limits(|limits| limits.engine_memory = 2 << 30));
    let (session, mut peer) = dialled(&host);
    let reader = std::thread::spawn(move || {
        let mut block = vec![0; 1 << 20];
        while peer.stream.read(&mut block).is_ok_and(|len| len > 0) {}
    });
    let content = SendBody::Bytes(vec![b'z'; 1 << 30].into());
    let options = SendOptions {
        failure_report: FailureReport::No,
        ..SendOptions::default()
    };
    host.engine
        .send(session, options, content)
        .expect("admitted");
    others_have_their_turn(&host, || host.engine.stats().bytes_sent);
    host.engine.abort_session(session).expect("alive");
    host.wait_closed(session);
    reader.join().expect("no panic");
}

fn dial(host: &Host, port: u16, secure: bool) -> SessionHandle {
    let session = host.session_with(SessionOptions {
        secure,
        connection_sharing: ConnectionSharing::Session,
        ..SessionOptions::default()
    });
    let uri = match secure {
        true => remote_uri(port).replace("msrp:", "msrps:"),
        false => remote_uri(port),
    };
    host.engine
        .set_remote_path(session, &uri, true, "*")
        .expect("a path");
    host.engine.open(session, None).expect("dials");
    session
}

/// A TLS server that never says anything; what has come to it.
fn silent() -> (u16, TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let port = listener.local_addr().expect("bound").port();
    (port, listener, Vec::new())
}

fn accept(listener: &TcpListener, came: &mut Vec<TcpStream>) -> usize {
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nonblocking(false).expect("set");
        stream.read_exact(&mut [0; 5]).expect("a record");
        came.push(stream);
    }
    came.len()
}

/// Time goes by in which a dial that may start would have started: others dial and are refused.
fn others_dial(host: &Host) {
    let unused = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("bound").port();
    drop(unused);
    for _ in 0..5 {
        let session = dial(host, port, false);
        host.wait_closed(session);
    }
}

fn shaking(dials: usize) -> Host {
    Host::from_options(msrp::engine::EngineOptions {
        limits: limits(|limits| {
            limits.dials = dials;
            limits.tls_handshake = std::time::Duration::from_secs(3600);
        }),
        tls: Some(engine_support::tls::unverified()),
        ..msrp::engine::EngineOptions::default()
    })
}

#[test]
fn four_dials_to_one_target_are_under_way_and_the_next_when_one_ends() {
    let host = shaking(64);
    let (port, listener, mut came) = silent();
    let sessions: Vec<_> = (0..8).map(|_| dial(&host, port, true)).collect();
    wait_until(|| accept(&listener, &mut came) == 4);
    others_dial(&host);
    assert_eq!(accept(&listener, &mut came), 4);
    // Those whose turn it is not can be closed as well as those who dial: in any order, the rest get theirs.
    let close = |session| {
        host.engine.abort_session(session).expect("alive");
        host.wait_closed(session);
    };
    for session in [sessions[6], sessions[0], sessions[7]] {
        close(session);
    }
    wait_until(|| accept(&listener, &mut came) == 5);
    close(sessions[1]);
    wait_until(|| accept(&listener, &mut came) == 6);
    for session in &sessions[2..6] {
        close(*session);
    }
    wait_until(|| host.engine.stats().connections == 0);
    assert_eq!(accept(&listener, &mut came), 6);
    covers!("C-289");
}

#[test]
fn dials_in_all_are_bounded_and_have_their_turn() {
    let host = shaking(2);
    let mut targets: Vec<_> = (0..3).map(|_| silent()).collect();
    let sessions: Vec<_> = targets
        .iter()
        .map(|(port, ..)| dial(&host, *port, true))
        .collect();
    let mut all = || -> usize {
        targets
            .iter_mut()
            .map(|(_, listener, came)| accept(listener, came))
            .sum()
    };
    wait_until(|| all() == 2);
    host.engine.abort_session(sessions[0]).expect("alive");
    host.engine.abort_session(sessions[1]).expect("alive");
    wait_until(|| all() == 3);
    host.engine.abort_session(sessions[2]).expect("alive");
    wait_until(|| host.engine.stats().connections == 0);
    let mut peer = RawPeer::from_stream(targets[2].2.pop().expect("it came"));
    peer.read_to_end();
    covers!("C-289");
}
