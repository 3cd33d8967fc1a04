//! Sockets that the host has connected, and hands over to a session or to a listener.

#![cfg(unix)]

mod engine_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::Bytes;
use engine_support::tls::{certificate, mutual, secure, text};
use engine_support::{
    Host, PATIENCE, RawPeer, bound, limits, pair, passive, passive_with, remote_uri, wait_until,
};
use msrp::engine::{
    Adopt, ListenOptions, SessionHandle, SessionOptions, SessionState, SetupPreference, TlsConfig,
    TlsVerify,
};
use msrp::error::ErrorKind;
use msrp::proto::CloseReason;
use msrp_conformance::covers;
use socket2::SockRef;

/// A connection: the end of who connected, and the other.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let there = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let (here, _) = listener.accept().expect("accepted");
    (there, here)
}

fn message(to: &str, id: &str, body: &str) -> Vec<u8> {
    let (from, len) = (remote_uri(2855), body.len());
    format!(
        "MSRP {id} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: {id}m\r\n\
         Byte-Range: 1-{len}/{len}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{id}$\r\n"
    )
    .into_bytes()
}

fn inbound(initial: &[u8]) -> Adopt {
    Adopt {
        initial: Bytes::copy_from_slice(initial),
        ..Adopt::default()
    }
}

#[test]
fn octets_read_by_the_host_come_first_at_every_split() {
    let host = Host::new();
    let whole = message("", "split001", "over a socket of the host").len();
    for len in [0, 1, 7, whole / 2, whole - 1, usize::MAX] {
        let (session, uri) = passive(&host);
        let (there, mut here) = connection();
        let mut peer = RawPeer::from_stream(there);
        let octets = message(&uri, "split001", "over a socket of the host");
        peer.write(&octets);
        let mut initial = vec![0; len.min(octets.len())];
        here.read_exact(&mut initial).expect("read");
        (host.engine)
            .adopt(session, here, inbound(&initial))
            .expect("taken");
        assert!(peer.frame().starts_with("MSRP split001 200"));
        let messages = host.wait_messages(session, 1);
        assert_eq!(messages[0].body, b"over a socket of the host");
        assert_eq!(host.engine.state(session), Ok(SessionState::Open));
        // Opened already: nothing to be done.
        host.engine.open(session, Some(PATIENCE)).expect("is open");
        host.engine.abort_session(session).expect("alive");
        assert_eq!(host.wait_closed(session).reason, CloseReason::Local);
        assert!(peer.read_to_end().is_empty());
    }
}

#[test]
fn an_outbound_socket_replaces_the_dial() {
    let host = Host::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = elsewhere.local_addr().expect("bound").port();
    let session = host.session();
    let uri = remote_uri(port);
    (host.engine)
        .set_remote_path(session, &uri, true, "*")
        .expect("a path");
    let (there, here) = connection();
    let mut peer = RawPeer::from_stream(there);
    let how = Adopt {
        inbound: false,
        ..Adopt::default()
    };
    host.engine.adopt(session, here, how).expect("taken");
    host.engine.open(session, Some(PATIENCE)).expect("waits");
    let first = peer.frame();
    assert!(first.contains(" SEND\r\n"), "{first}");
    assert!(first.contains(&format!("To-Path: {uri}\r\n")), "{first}");
    assert!(!first.contains("Content-Type"), "{first}");
    peer.answer(&first, "200 OK");
    host.wait_opened(session);
    covers!("C-192");
    // Nobody came to the address of the path.
    elsewhere.set_nonblocking(true).expect("set");
    assert_eq!(
        elsewhere.accept().expect_err("nobody").kind(),
        std::io::ErrorKind::WouldBlock
    );
    assert_eq!(host.engine.stats().connections, 1);
    drop(peer);
    assert_eq!(host.wait_closed(session).reason, CloseReason::PeerClosed);
}

#[test]
fn only_the_session_that_it_was_handed_to_is_served() {
    let host = Host::new();
    let (mine, uri) = passive(&host);
    let (other, other_uri) = passive(&host);
    let (there, here) = connection();
    let mut peer = RawPeer::from_stream(there);
    let initial = message(&other_uri, "other001", "for somebody else");
    (host.engine)
        .adopt(mine, here, inbound(&initial))
        .expect("taken");
    assert!(peer.frame().starts_with("MSRP other001 481"));
    peer.send(&uri, &remote_uri(2855), "mine0001", "for us");
    assert!(peer.frame().starts_with("MSRP mine0001 200"));
    assert_eq!(host.wait_messages(mine, 1)[0].body, b"for us");
    assert_eq!(host.engine.state(other), Ok(SessionState::New));
}

#[test]
fn a_session_may_hear_of_its_peer_after_it_has_the_socket() {
    let host = Host::new();
    let session = host.session();
    let uri = host.engine.local_path(session).expect("a path").to_string();
    let (there, here) = connection();
    let mut peer = RawPeer::from_stream(there);
    let initial = message(&uri, "early001", "before the answer");
    (host.engine)
        .adopt(session, here, inbound(&initial))
        .expect("taken");
    // Another socket, and another connection, come too late.
    let (_there, second) = connection();
    let refused = host.engine.adopt(session, second, Adopt::default());
    assert_eq!(refused.expect_err("has one").error.kind, ErrorKind::Busy);
    let mut late = RawPeer::connect(&uri);
    late.send(&uri, &remote_uri(2855), "late0001", "too late");
    assert!(late.frame().starts_with("MSRP late0001 506"));
    (host.engine)
        .set_remote_path(session, &remote_uri(2855), false, "*")
        .expect("a path");
    assert!(peer.frame().starts_with("MSRP early001 200"));
    assert_eq!(host.wait_messages(session, 1)[0].body, b"before the answer");
}

/// What a socket is to its owner.
fn is_blocking(socket: &TcpStream) -> bool {
    !SockRef::from(socket).nonblocking().expect("told")
}

#[test]
fn what_is_no_connected_tcp_socket_stays_the_hosts() {
    let host = Host::new();
    let (session, _) = passive(&host);
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let connected_udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    connected_udp
        .connect(udp.local_addr().expect("bound"))
        .expect("connected");
    let (unix, _peer) = UnixStream::pair().expect("a pair");
    let tcp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let file = std::fs::File::open("/dev/null").expect("there");
    let cases: [(&str, OwnedFd); 6] = [
        ("no stream socket", udp.into()),
        ("no stream socket", connected_udp.into()),
        ("a Unix domain socket", unix.into()),
        ("not connected", tcp.expect("a socket").into()),
        ("it listens", listener.into()),
        ("Socket operation on non-socket", file.into()),
    ];
    for (why, fd) in cases {
        let number = fd.as_raw_fd();
        let refused = (host.engine).adopt(session, fd.into(), Adopt::default());
        let refused = refused.expect_err(why);
        assert_eq!(refused.error.kind, ErrorKind::InvalidArgument, "{why}");
        assert!(refused.error.context.contains(why), "{refused}");
        assert_eq!(refused.socket.as_raw_fd(), number);
        assert!(is_blocking(&refused.socket) || why.contains("non-socket"));
    }
    assert_eq!(host.engine.stats().connections, 0);
}

/// What is refused is the host's as it was: it can be read and written, and blocks if it did.
fn refused(host: &Host, session: SessionHandle, how: Adopt, kind: ErrorKind, text: &str) {
    for blocking in [true, false] {
        let (mut there, here) = connection();
        here.set_nonblocking(!blocking).expect("set");
        let number = here.as_raw_fd();
        let refused = host.engine.adopt(session, here, how.clone());
        let mut refused = refused.expect_err(text);
        assert_eq!(refused.error.kind, kind, "{refused}");
        assert!(refused.error.context.contains(text), "{refused}");
        assert_eq!(refused.socket.as_raw_fd(), number);
        assert_eq!(is_blocking(&refused.socket), blocking);
        there.write_all(b"to the host").expect("written");
        refused.socket.set_nonblocking(false).expect("set");
        let mut octets = [0; 11];
        refused.socket.read_exact(&mut octets).expect("read");
        assert_eq!(&octets, b"to the host");
    }
}

#[test]
fn what_is_refused_stays_the_hosts_as_it_was() {
    let host = Host::with(limits(|limits| limits.early_len = 2048));
    let (session, _) = passive(&host);
    let long = vec![b'x'; 2049];
    refused(
        &host,
        session,
        inbound(&long),
        ErrorKind::TooLarge,
        "2049 initial octets exceed limits.early_len, 2048",
    );
    let tls = Adopt {
        tls: true,
        ..Adopt::default()
    };
    refused(
        &host,
        session,
        tls.clone(),
        ErrorKind::InvalidArgument,
        "the session's URI is msrp",
    );
    let [config, _] = mutual();
    let (secured, _) = passive_with(&host, secure(&config));
    refused(
        &host,
        secured,
        Adopt::default(),
        ErrorKind::InvalidArgument,
        "the session's URI is msrps",
    );
    let nameless = host.session_with(secure(&config));
    let how = Adopt {
        inbound: false,
        ..tls.clone()
    };
    refused(
        &host,
        nameless,
        how,
        ErrorKind::InvalidArgument,
        "call set_remote",
    );
    let without = TlsConfig {
        cert: None,
        key: None,
        ..config
    };
    let clientish = host.session_with(secure(&without));
    refused(
        &host,
        clientish,
        tls,
        ErrorKind::InvalidArgument,
        "needs cert and key",
    );
    let (served, _, _peer) = bound(&host);
    refused(
        &host,
        served,
        Adopt::default(),
        ErrorKind::Busy,
        "session has a connection",
    );
    host.engine.abort_session(served).expect("alive");
    host.wait_closed(served);
    refused(&host, served, Adopt::default(), ErrorKind::Gone, "session");
    host.engine.shutdown(Duration::ZERO);
    refused(
        &host,
        session,
        Adopt::default(),
        ErrorKind::Gone,
        "engine is shut down",
    );
}

#[test]
fn a_session_that_dials_takes_no_socket() {
    let host = Host::new();
    let hole = engine_support::black_hole();
    let session = host.session();
    (host.engine)
        .set_remote_path(session, &remote_uri(hole.port), true, "*")
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    refused(
        &host,
        session,
        Adopt::default(),
        ErrorKind::Busy,
        "session is dialling",
    );
}

/// Two secure sessions of two engines that know each other's paths.
fn secure_pair(a: &Host, b: &Host, [one, two]: &[TlsConfig; 2]) -> (SessionHandle, SessionHandle) {
    let options = |tls, setup| SessionOptions {
        setup,
        ..secure(tls)
    };
    let one = a.session_with(options(one, SetupPreference::Active));
    let two = b.session_with(options(two, SetupPreference::Passive));
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b.engine.create_answer(two, &offer, None);
    let answer = answer.expect("an answer");
    a.engine.set_remote(one, &answer, None).expect("taken");
    (one, two)
}

fn client() -> Adopt {
    Adopt {
        inbound: false,
        tls: true,
        ..Adopt::default()
    }
}

#[test]
fn tls_is_spoken_in_both_roles_and_the_first_octets_belong_to_it() {
    let (a, b) = (Host::new(), Host::new());
    let (cert, key) = certificate("localhost");
    let pinned = TlsConfig {
        cert: text(&cert),
        key: text(&key),
        verify: TlsVerify::Fingerprint,
        ..TlsConfig::default()
    };
    for configs in [mutual(), [pinned.clone(), pinned]] {
        for len in [0, 3, 40] {
            let (one, two) = secure_pair(&a, &b, &configs);
            let (there, mut here) = connection();
            a.engine.adopt(one, there, client()).expect("taken");
            let mut initial = vec![0; len];
            here.read_exact(&mut initial).expect("read");
            let server = Adopt {
                inbound: true,
                initial: initial.into(),
                tls: true,
            };
            b.engine.adopt(two, here, server).expect("taken");
            a.wait_opened(one);
            b.wait_opened(two);
            a.send(one, "over TLS of ours, on a socket of yours");
            let messages = b.wait_messages(two, 1);
            assert_eq!(messages[0].body, b"over TLS of ours, on a socket of yours");
            a.engine.abort_session(one).expect("alive");
            a.wait_closed(one);
            b.wait_closed(two);
        }
    }
}

#[test]
fn a_stranger_on_an_adopted_socket_is_refused_with_the_reason() {
    let (a, b) = (Host::new(), Host::new());
    let [one, _] = mutual();
    let [_, stranger] = mutual();
    let (one, two) = secure_pair(&a, &b, &[one, stranger]);
    let (there, here) = connection();
    a.engine.adopt(one, there, client()).expect("taken");
    let server = Adopt {
        tls: true,
        ..Adopt::default()
    };
    b.engine.adopt(two, here, server).expect("taken");
    let closed = a.wait_closed(one);
    let error = closed.error.expect("an error");
    assert_eq!(error.kind, ErrorKind::Tls);
    assert!(error.context.contains("TLS with localhost"), "{error}");
    let closed = b.wait_closed(two);
    assert_eq!(closed.error.expect("an error").kind, ErrorKind::Tls);
}

#[test]
fn plain_text_where_tls_was_announced_is_refused() {
    let host = Host::new();
    let [config, _] = mutual();
    let (session, uri) = passive_with(&host, secure(&config));
    let (there, here) = connection();
    let initial = message(&uri, "plain001", "no TLS");
    let how = Adopt {
        tls: true,
        ..inbound(&initial)
    };
    host.engine.adopt(session, here, how).expect("taken");
    let closed = host.wait_closed(session);
    assert_eq!(closed.error.expect("an error").kind, ErrorKind::Tls);
    assert!(RawPeer::from_stream(there).read_to_end().is_empty());
}

#[test]
fn a_listener_takes_what_the_host_has_accepted() {
    let host = Host::new();
    let listener = host.engine.listen(ListenOptions {
        host: "127.0.0.1".into(),
        ..ListenOptions::default()
    });
    let listener = listener.expect("a port");
    let options = || SessionOptions {
        listener: Some(listener),
        ..SessionOptions::default()
    };
    let (first, _) = passive_with(&host, options());
    let (second, uri) = passive_with(&host, options());
    let (there, mut here) = connection();
    let mut peer = RawPeer::from_stream(there);
    peer.write(&message(&uri, "which001", "for the second"));
    let mut initial = [0; 20];
    here.read_exact(&mut initial).expect("read");
    (host.engine)
        .adopt_connection(listener, here, Bytes::copy_from_slice(&initial))
        .expect("taken");
    assert!(peer.frame().starts_with("MSRP which001 200"));
    assert_eq!(host.wait_messages(second, 1)[0].body, b"for the second");
    assert_eq!(host.engine.state(first), Ok(SessionState::New));
    covers!("C-194");

    // One that says nothing is counted with those that have no session.
    let (_silent, here) = connection();
    (host.engine)
        .adopt_connection(listener, here, Bytes::new())
        .expect("taken");
    wait_until(|| host.engine.stats().unbound_connections == 1);
    host.engine.close_listener(listener).expect("open");
    let (_there, here) = connection();
    let refused = host.engine.adopt_connection(listener, here, Bytes::new());
    assert_eq!(refused.expect_err("closed").error.kind, ErrorKind::Gone);
}

#[test]
fn an_adopted_connection_ends_with_its_engine() {
    let host = Host::new();
    let [config, _] = mutual();
    let (session, _) = passive_with(&host, secure(&config));
    let (there, here) = connection();
    let how = Adopt {
        tls: true,
        ..Adopt::default()
    };
    // Whose peer says nothing.
    host.engine.adopt(session, here, how).expect("taken");
    host.engine.shutdown(Duration::from_millis(100));
    host.wait("the engine's end", |seen| seen.ended);
    assert!(RawPeer::from_stream(there).read_to_end().is_empty());
    // Two sessions of another engine do not notice.
    let (a, b) = (Host::new(), Host::new());
    pair(&a, &b);
}
