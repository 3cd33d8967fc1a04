//! Bounds of the system and of the engine: what is beyond is an error in words, and what is there goes on.

#![cfg(target_os = "linux")]

mod engine_support;

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use engine_support::{Host, PATIENCE, RawPeer, bound, passive, remote_uri, wait_until};
use msrp::engine::{
    Engine, EngineOptions, ListenOptions, SendBody, SendOptions, SessionOptions, Wake,
};
use msrp::error::ErrorKind;
use socket2::{Domain, Socket, Type};

/// Sets the number that no descriptor of this process may reach; gives the one before.
fn descriptor_limit(limit: u64) -> u64 {
    let mut now = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the struct outlives the call.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut now) };
    assert_eq!(result, 0);
    let before = std::mem::replace(&mut now.rlim_cur, limit);
    // SAFETY: as above.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const now) };
    assert_eq!(result, 0);
    before
}

/// Time that this process has run.
fn used() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the struct outlives the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    let nanos = u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec);
    Duration::from_nanos(nanos.expect("positive"))
}

// The only test of this process: descriptors and limits are the process's.
#[test]
fn without_descriptors_everything_says_so_and_what_is_there_goes_on() {
    let host = Host::new();
    let (session, uri, mut peer) = bound(&host);
    let (_waiting, target) = passive(&host);
    let authority = target.split('/').nth(2).expect("an authority");
    let address: SocketAddr = authority.parse().expect("an address");
    let dialling = host.session();
    host.engine
        .set_remote_path(dialling, &remote_uri(address.port()), true, "*")
        .expect("a path");
    let file = std::env::temp_dir().join(format!("msrp-limits-{}", std::process::id()));
    std::fs::write(&file, b"content").expect("a file");
    // The sockets of the clients are there before; to accept them others are needed.
    let clients: Vec<Socket> = (0..20)
        .map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket"))
        .collect();
    let room = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let highest = std::os::fd::AsRawFd::as_raw_fd(&room);
    drop(room);
    let before = descriptor_limit(u64::try_from(highest).expect("positive"));
    for client in &clients {
        client.connect(&address.into()).expect("in the backlog");
    }

    // No descriptor is left now, and nothing panics or spins for that.
    let engine = &host.engine;
    let error = Engine::new(EngineOptions::default()).expect_err("no descriptor");
    assert_eq!(error.kind, ErrorKind::Limit, "{error}");
    let error = engine.domain(Wake::Fd).expect_err("no descriptor");
    assert_eq!(error.kind, ErrorKind::Limit, "{error}");
    let error = engine
        .session(&host.domain, SessionOptions::default())
        .expect_err("no descriptor");
    assert_eq!(error.kind, ErrorKind::Connect, "{error}");
    let listening = ListenOptions {
        host: "127.0.0.1".into(),
        ..ListenOptions::default()
    };
    let error = engine.listen(listening).expect_err("no descriptor");
    assert_eq!(error.kind, ErrorKind::Connect, "{error}");
    let body = SendBody::File(file.clone());
    let error = engine
        .send(session, SendOptions::default(), body)
        .expect_err("no descriptor");
    println!("{error}");
    engine.open(dialling, Some(PATIENCE)).expect("begins");
    let closed = host.wait_closed(dialling);
    let error = closed.error.expect("a reason");
    assert_eq!(error.kind, ErrorKind::Connect, "{error}");
    assert!(error.context.contains("open files"), "{error}");
    // The session that is there exchanges messages, and the listener waits patiently.
    let mut count = 0;
    let mut is_patient = || {
        let (start, time) = (used(), Instant::now());
        while time.elapsed() < Duration::from_millis(500) {
            let id = format!("still{count:04}");
            peer.send(&uri, &remote_uri(2855), &id, "x");
            assert!(peer.frame().contains(" 200 "));
            host.take();
            count += 1;
            // Ten a second would do, and leave the processor to others.
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let (used, passed) = (used() - start, time.elapsed());
        println!("{count} round trips, {used:?} of {passed:?} used");
        used < passed / 5
    };
    // A listener that spins does so all the time.
    assert!((0..10).any(|_| is_patient()));

    // With room again, those who waited are served.
    descriptor_limit(before);
    for client in clients {
        let mut client = RawPeer::from_stream(TcpStream::from(client));
        client.send(&format!("{uri}x"), &remote_uri(1), "unknown1", "who");
        assert!(client.frame().starts_with("MSRP unknown1 481"));
    }
    let sent = engine
        .send(
            session,
            SendOptions::default(),
            SendBody::File(file.clone()),
        )
        .expect("admitted");
    let frame = peer.frame();
    assert!(frame.contains("content"), "{frame}");
    peer.answer(&frame, "200 OK");
    host.wait_acknowledged(sent.transfer);
    std::fs::remove_file(file).expect("removed");
    one_address_has_64_connections(&host);
}

fn one_address_has_64_connections(host: &Host) {
    wait_until(|| host.engine.stats().unbound_connections == 0);
    let (_session, uri) = passive(host);
    let bound = host.engine.stats().connections;
    let mut strangers: Vec<RawPeer> = (0..70).map(|_| RawPeer::connect(&uri)).collect();
    // The first six make room.
    for stranger in &mut strangers[..6] {
        assert_eq!(stranger.read_to_end(), b"");
    }
    wait_until(|| host.engine.stats().connections == bound + 64);
    assert_eq!(host.engine.stats().unbound_connections, 64);
    let last = strangers.last_mut().expect("some");
    last.send(&format!("{uri}x"), &remote_uri(1), "unknown1", "who");
    assert!(last.frame().starts_with("MSRP unknown1 481"));
}
