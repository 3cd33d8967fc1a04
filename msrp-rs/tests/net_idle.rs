//! An engine that waits does nothing: its threads use no processor, whatever it is that they wait for.

#![cfg(target_os = "linux")]

mod engine_support;

use std::collections::HashSet;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use engine_support::raw::RawTls;
use engine_support::tls::{certificate, text};
use engine_support::{
    Host, RawPeer, black_hole, bound, dialled, limits, pair, pair_with, passive, passive_with,
    remote_uri, wait_until,
};
use msrp::engine::{
    ChunkLen, ConnectionSharing, EngineOptions, Event, ListenOptions, SendBody, SendOptions,
    SessionOptions, TlsConfig,
};

/// Ids of this process's threads.
fn threads() -> HashSet<String> {
    std::fs::read_dir("/proc/self/task")
        .expect("threads")
        .map(|entry| {
            let name = entry.expect("a thread").file_name();
            name.to_string_lossy().into_owned()
        })
        .collect()
}

/// Time that these threads have run.
fn used(threads: &HashSet<String>) -> Duration {
    let of_one = |id: &String| {
        let text = std::fs::read_to_string(format!("/proc/self/task/{id}/schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(threads.iter().filter_map(of_one).sum())
}

// The only test of this process: others would have threads of their own.
#[test]
fn an_engine_that_waits_uses_no_processor() {
    let (cert, key) = certificate("localhost");
    let before = threads();
    let host = Host::from_options(EngineOptions {
        limits: limits(|limits| {
            limits.receive_window = 64 * 1024;
            limits.connection_slack = 64 * 1024;
            let long = Duration::from_secs(3600);
            limits.stall = None;
            limits.write_stall = long;
            limits.transaction = long;
            limits.tls_handshake = long;
            limits.unbound = long;
            limits.early = long;
        }),
        tls: Some(TlsConfig {
            cert: text(&cert),
            key: text(&key),
            ..TlsConfig::default()
        }),
        ..EngineOptions::default()
    });
    let engine_threads: HashSet<String> = threads().difference(&before).cloned().collect();
    assert_eq!(engine_threads.len(), 1, "a worker");

    let (a, b) = (Host::new(), Host::new());
    let witness = pair(&a, &b);
    let any = || SessionOptions {
        chunk_len: ChunkLen::Unbounded,
        ..SessionOptions::default()
    };
    let secure = || SessionOptions {
        host: "localhost".into(),
        secure: true,
        ..SessionOptions::default()
    };
    let mut kept: Vec<Box<dyn std::any::Any>> = Vec::new();
    let mut check = |what: &str, keep: Box<dyn std::any::Any>| {
        kept.push(keep);
        // What is still under way settles while others exchange messages.
        let round_trips = |time: Duration| {
            let (start, mut count) = (Instant::now(), 0);
            while start.elapsed() < time {
                let sent = a.send(witness.0, "tick");
                b.take();
                a.wait_acknowledged_with(&b, sent);
                count += 1;
            }
            (start.elapsed(), count)
        };
        let deadline = Instant::now() + engine_support::PATIENCE;
        loop {
            let start = used(&engine_threads);
            let (passed, count) = round_trips(Duration::from_millis(200));
            let used = used(&engine_threads) - start;
            if used < passed / 50 {
                println!("{what}: {used:?} of {passed:?}, {count} round trips elsewhere");
                break;
            }
            assert!(Instant::now() < deadline, "{what}: {used:?} of {passed:?}");
        }
    };

    check("nothing", Box::new(()));
    check("an open session", Box::new(bound(&host)));
    let (session, uri) = passive_with(&host, secure());
    let mut peer = RawTls::connect_tls(&uri, &cert);
    let remote = remote_uri(2855).replace("msrp:", "msrps:");
    peer.send(&uri, &remote, "bind0001", "hi");
    peer.frame();
    host.wait_opened(session);
    check("an open session over TLS", Box::new(peer));

    let (_, uri) = passive(&host);
    check("an unbound connection", Box::new(RawPeer::connect(&uri)));
    let listening = ListenOptions {
        host: "localhost".into(),
        secure: true,
        ..ListenOptions::default()
    };
    let listener = host.engine.listen(listening).expect("a port");
    let address = host.engine.listener_address(listener).expect("bound");
    let silent = TcpStream::connect(address).expect("connected");
    check("a handshake that does not begin", Box::new(silent));

    let held = host.session();
    let uri = host.engine.local_path(held).expect("a path").to_string();
    let mut peer = RawPeer::connect(&uri);
    let before = host.engine.stats().bytes_received;
    peer.send(&uri, &remote_uri(2855), "early001", "held");
    wait_until(|| host.engine.stats().bytes_received > before);
    check("a request that is held", Box::new(peer));

    for (what, options) in [
        ("a paused reader", any()),
        ("a paused reader over TLS", secure()),
    ] {
        let other = Host::new();
        let is_secure = options.secure;
        let before = host.engine.stats().reading_paused;
        let sender = if is_secure {
            let trusting = SessionOptions {
                tls: Some(TlsConfig {
                    ca: text(&cert),
                    ..TlsConfig::default()
                }),
                ..options.clone()
            };
            let (sender, receiver) = pair_with(&other, trusting, &host, options);
            host.engine.pause(receiver).expect("alive");
            sender
        } else {
            let (receiver, sender) = pair_with(&host, options.clone(), &other, options);
            host.engine.pause(receiver).expect("alive");
            sender
        };
        other
            .try_send(sender, vec![b'p'; 8 << 20])
            .expect("admitted");
        wait_until(|| host.engine.stats().reading_paused > before);
        check(what, Box::new(other));
    }

    let (stuck, peer) = dialled(&host);
    host.try_send(stuck, vec![b'x'; 16 << 20])
        .expect("admitted");
    host.wait_event(stuck, "progress", |event| {
        matches!(event, Event::Progress { .. })
    });
    check("a peer that does not read", Box::new(peer));
    let (session, uri) = passive_with(&host, secure());
    let mut peer = RawTls::connect_tls(&uri, &cert);
    peer.send(&uri, &remote, "bind0001", "hi");
    peer.frame();
    host.wait_opened(session);
    host.try_send(session, vec![b'x'; 16 << 20])
        .expect("admitted");
    host.wait_event(session, "progress", |event| {
        matches!(event, Event::Progress { .. })
    });
    check("a peer that does not read, over TLS", Box::new(peer));

    let (open, mut peer) = dialled(&host);
    host.send(open, "never answered");
    peer.frame();
    check("an answer", Box::new(()));
    host.engine.close(open, None).expect("alive");
    check("an answer, to close", Box::new(peer));

    let (streaming, peer) = dialled(&host);
    let stream = host
        .engine
        .send(streaming, SendOptions::default(), SendBody::Stream(None))
        .expect("admitted");
    host.wait_event(streaming, "wanted", |event| {
        matches!(event, Event::DataWanted { .. })
    });
    host.engine
        .stream_push(stream.transfer, b"x".to_vec().into())
        .expect("asked for");
    check("octets of a stream", Box::new(peer));

    let hole = black_hole();
    for sharing in [ConnectionSharing::Peer, ConnectionSharing::Session] {
        for _ in 0..12 {
            let dialling = host.session_with(SessionOptions {
                connection_sharing: sharing,
                ..SessionOptions::default()
            });
            host.engine
                .set_remote_path(dialling, &remote_uri(hole.port), true, "*")
                .expect("a path");
            host.engine.open(dialling, None).expect("dials");
        }
    }
    check("dials, and their turn", Box::new(hole));
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let shaking = host.session_with(secure());
    let uri = remote_uri(port).replace("msrp:", "msrps:");
    host.engine
        .set_remote_path(shaking, &uri, true, "*")
        .expect("a path");
    host.engine.open(shaking, None).expect("dials");
    check("an answer to a handshake", Box::new(silent));
}
