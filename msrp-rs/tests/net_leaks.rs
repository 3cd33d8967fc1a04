//! Nothing stays behind: descriptors, threads, slots, and memory are as before when sessions, connections and engines
//! have come and gone, however they ended.

#![cfg(target_os = "linux")]

mod counting;
mod engine_support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Duration;

use counting::ALLOCATED;
use engine_support::names::{Name, Names, dial, has};
use engine_support::raw::RawTls;
use engine_support::tls::{certificate, text};
use engine_support::{
    Host, PATIENCE, RawPeer, black_hole, bound, dialled, limits, pair, passive, passive_with,
    remote_uri, wait_until,
};
use msrp::engine::{
    DialCheck, EngineOptions, Event, NameResolution, SendBody, SendOptions, SessionOptions,
    TlsConfig,
};

/// What the process has in use.
#[derive(Clone, Copy, Debug)]
struct Use {
    descriptors: usize,
    threads: usize,
    memory: usize,
}

impl Use {
    fn now() -> Self {
        let count = |folder| std::fs::read_dir(folder).expect("listed").count();
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            memory: ALLOCATED.load(Ordering::Relaxed),
        }
    }

    /// Whether nothing has grown since `before`, but for what tables and pools keep for later.
    fn is_as(self, before: Self) -> bool {
        self.descriptors <= before.descriptors
            && self.threads <= before.threads
            && self.memory <= before.memory + 64 * 1024
    }
}

/// Waits until what is in use is what it was before.
#[track_caller]
fn wait_as_before(what: &str, before: Use, host: &Host) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !Use::now().is_as(before) {
        host.take();
        assert!(
            std::time::Instant::now() < deadline,
            "{what}: {before:?} and then {:?}, {:?}",
            Use::now(),
            host.engine.stats()
        );
        std::thread::yield_now();
    }
    println!("{what}: {before:?} and then {:?}", Use::now());
}

/// Does something some times to warm up, and then often: then as much must be in use as before.
fn leaves_nothing(what: &str, host: &Host, often: usize, mut act: impl FnMut()) {
    for _ in 0..often / 4 + 8 {
        act();
        host.forget();
    }
    wait_until(|| host.engine.stats().connections == 0);
    host.take();
    host.forget();
    let before = Use::now();
    for _ in 0..often {
        act();
        host.forget();
    }
    // A session's end is told before its place is given back.
    wait_until(|| {
        let stats = host.engine.stats();
        (stats.connections, stats.sessions) == (0, 0)
            && (stats.receive_held, stats.send_held) == (0, 0)
    });
    wait_as_before(what, before, host);
}

/// Ends of connections in the middle of transfers in both directions.
fn ends_in_mid_transfer(host: &Host) {
    for (what, reset) in [("the end of the stream", false), ("a reset", true)] {
        leaves_nothing(what, host, 60, || {
            let (session, uri, mut peer) = bound(host);
            host.send(session, "not answered");
            host.try_send(session, vec![b'l'; 1 << 20])
                .expect("admitted");
            host.engine
                .send(session, SendOptions::default(), SendBody::Stream(None))
                .expect("admitted");
            let head = format!(
                "MSRP half0001 SEND\r\nTo-Path: {uri}\r\nFrom-Path: {}\r\n\
                 Message-ID: half0001\r\nByte-Range: 1-*/*\r\n\
                 Content-Type: text/plain\r\n\r\n",
                remote_uri(2855)
            );
            peer.write(head.as_bytes());
            peer.write(&[b'y'; 20_000]);
            host.wait_event(session, "begun", |event| {
                matches!(event, Event::MessageBegin { .. })
            });
            if reset {
                let socket = socket2::SockRef::from(&peer.stream);
                socket.set_linger(Some(Duration::ZERO)).expect("set");
            }
            drop(peer);
            host.wait_closed(session);
        });
    }
}

fn strangers_and_failed_dials(host: &Host, pem: &[u8]) {
    leaves_nothing("strangers", host, 60, || {
        let (session, uri) = passive(host);
        let mut stranger = RawPeer::connect(&uri);
        stranger.write(b"GET / HTTP/1.1\r\n\r\n");
        stranger.read_to_end();
        host.engine.close(session, None).expect("alive");
        host.wait_closed(session);
    });
    let secure = || SessionOptions {
        host: "localhost".into(),
        secure: true,
        ..SessionOptions::default()
    };
    leaves_nothing("handshakes that fail", host, 60, || {
        let (session, uri) = passive_with(host, secure());
        RawPeer::connect(&uri).write(b"no hello of TLS, this");
        host.engine.close(session, None).expect("alive");
        host.wait_closed(session);
    });
    leaves_nothing("sessions over TLS", host, 40, || {
        let (session, uri) = passive_with(host, secure());
        let mut peer = RawTls::connect_tls(&uri, pem);
        let remote = remote_uri(2855).replace("msrp:", "msrps:");
        peer.send(&uri, &remote, "bind0001", "hi");
        peer.frame();
        host.wait_opened(session);
        host.send(session, "not answered");
        peer.frame();
        drop(peer);
        host.wait_closed(session);
    });
    leaves_nothing("dials that are refused", host, 60, || {
        let unused = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = unused.local_addr().expect("bound").port();
        drop(unused);
        let session = host.session();
        host.engine
            .set_remote_path(session, &remote_uri(port), true, "*")
            .expect("a path");
        host.engine.open(session, None).expect("dials");
        host.wait_closed(session);
    });
}

/// Dials that their sessions give up: while the name is resolved, the host is asked, and nobody answers.
fn dials_that_are_given_up() {
    let hole = black_hole();
    let names = Names::new([
        ("silent", Name::Silent),
        ("hole", has("127.0.0.1 127.0.0.1")),
    ]);
    let quick = || limits(|limits| limits.dial_rate = 100_000);
    let by_name = Host::from_options(EngineOptions {
        limits: quick(),
        ..names.options()
    });
    leaves_nothing("names that nobody resolves", &by_name, 200, || {
        let session = dial(&by_name, "silent", hole.port);
        wait_until(|| names.waiting.load(Ordering::SeqCst) > 0);
        by_name.engine.close(session, None).expect("alive");
        by_name.wait_closed(session);
        wait_until(|| names.waiting.load(Ordering::SeqCst) == 0);
    });
    leaves_nothing("peers that say nothing", &by_name, 100, || {
        let session = dial(&by_name, "hole", hole.port);
        by_name.engine.abort_session(session).expect("alive");
        by_name.wait_closed(session);
    });
    let asked = Host::from_options(EngineOptions {
        resolver: NameResolution::Host,
        dial_check: DialCheck::Host,
        limits: quick(),
        ..EngineOptions::default()
    });
    for (what, host) in [("names", "peer.example"), ("addresses", "127.0.0.1")] {
        leaves_nothing(&format!("questions for {what}"), &asked, 100, || {
            let session = dial(&asked, host, hole.port);
            asked.wait_event(session, "a question", |event| {
                matches!(event, Event::Resolve { .. } | Event::Dial { .. })
            });
            asked.engine.abort_session(session).expect("alive");
            asked.wait_closed(session);
        });
    }
}

// One test: what is counted is the process's.
#[test]
fn nothing_stays_behind() {
    let (cert, key) = certificate("localhost");
    let host = Host::from_options(EngineOptions {
        tls: Some(TlsConfig {
            cert: text(&cert),
            key: text(&key),
            ..TlsConfig::default()
        }),
        ..EngineOptions::default()
    });
    ends_in_mid_transfer(&host);
    strangers_and_failed_dials(&host, &cert);
    dials_that_are_given_up();
    leaves_nothing("sessions that nobody used", &host, 4000, || {
        let session = host.session();
        host.engine.create_offer(session).expect("an offer");
        host.engine.close(session, None).expect("alive");
        host.wait_closed(session);
    });
    let path = std::env::temp_dir().join(format!("msrp-leaks-{}", std::process::id()));
    std::fs::write(&path, vec![b'f'; 1 << 20]).expect("a file");
    leaves_nothing("files that nobody reads", &host, 40, || {
        let (session, peer) = dialled(&host);
        for _ in 0..4 {
            let file = SendBody::File(path.clone());
            host.engine
                .send(session, SendOptions::default(), file)
                .expect("admitted");
        }
        host.wait_event(session, "progress", |event| {
            matches!(event, Event::Progress { .. })
        });
        host.engine.abort_session(session).expect("alive");
        host.wait_closed(session);
        drop(peer);
    });
    std::fs::remove_file(path).expect("removed");

    // Whole engines.
    let other = Host::new();
    leaves_nothing("engines", &other, 12, || {
        let host = Host::new();
        let (_one, two) = pair(&host, &other);
        let (_stuck, peer) = dialled(&host);
        let (_, uri) = passive(&host);
        let stranger = TcpStream::connect(uri.split('/').nth(2).expect("an authority"));
        let mut stranger = stranger.expect("connected");
        stranger.write_all(b"MSRP").expect("written");
        host.engine.shutdown(Duration::from_millis(100));
        host.wait("the engine's end", |seen| seen.ended);
        host.engine.join();
        other.wait_closed(two);
        drop(peer);
    });
}
