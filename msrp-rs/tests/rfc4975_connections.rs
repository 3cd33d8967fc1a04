//! RFC 4975 §5.4, §7.2, §8.4: which connection carries what, and what is left of a session that failed.

mod engine_support;

use std::net::{Shutdown, TcpListener, TcpStream};

use engine_support::{Host, PATIENCE, RawPeer, bound, dialled, passive, remote_uri, wait_until};
use msrp::engine::{Event, SendBody, SendOptions, SessionState};
use msrp::error::ErrorKind;
use msrp::proto::{CloseReason, MessageEnd};
use msrp_conformance::covers;

/// A port at which nobody is expected.
struct Witness(TcpListener);

impl Witness {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        Self(listener)
    }

    fn uri(&self) -> String {
        remote_uri(self.0.local_addr().expect("bound").port())
    }

    fn accept(&self) -> Option<TcpStream> {
        let (stream, _) = self.0.accept().ok()?;
        stream.set_nonblocking(false).expect("set");
        Some(stream)
    }
}

#[test]
fn rfc4975_7_2_an_answer_takes_the_connection_of_its_request_or_none() {
    let host = Host::new();
    let witness = Witness::new();
    let (session, uri, mut first) = bound(&host);
    // A second connection, whose From-Path names a third place: its answer comes on it.
    let mut second = RawPeer::connect(&uri);
    second.send(&uri, &witness.uri(), "second01", "mine?");
    let answer = second.frame();
    assert!(answer.starts_with("MSRP second01 506"), "{answer}");
    assert!(
        answer.contains(&format!("To-Path: {}\r\n", witness.uri())),
        "{answer}"
    );
    // And of the session's own connection on that.
    first.send(&uri, &witness.uri(), "first001", "here");
    assert!(first.frame().starts_with("MSRP first001 200"));
    // One that is gone: nobody else gets its answer.
    second.send(&uri, &witness.uri(), "second02", "gone");
    drop(second);
    wait_until(|| host.engine.stats().connections == 1);
    first.send(&uri, &witness.uri(), "first002", "still here");
    let answer = first.frame();
    assert!(answer.starts_with("MSRP first002 200"), "{answer}");
    assert_eq!(host.wait_messages(session, 3)[2].body, b"still here");
    host.engine.abort_session(session).expect("alive");
    host.wait_closed(session);
    // Nothing but what was seen came, and nobody was called back.
    assert_eq!(first.read_to_end(), b"");
    assert!(witness.accept().is_none());
    covers!("C-179", "T-01");
}

#[test]
fn rfc4975_5_4_a_report_takes_the_sessions_connection() {
    let host = Host::new();
    let witness = Witness::new();
    let (_session, uri, mut peer) = bound(&host);
    peer.write(
        format!(
            "MSRP report01 SEND\r\nTo-Path: {uri}\r\nFrom-Path: {}\r\nMessage-ID: m1xx\r\n\
             Byte-Range: 1-2/2\r\nSuccess-Report: yes\r\nFailure-Report: no\r\n\
             Content-Type: text/plain\r\n\r\nhi\r\n-------report01$\r\n",
            witness.uri()
        )
        .as_bytes(),
    );
    host.wait("the message", |seen| {
        seen.messages.values().flatten().count() == 2
    });
    let report = peer.frame();
    assert!(report.contains(" REPORT\r\n"), "{report}");
    assert!(
        report.contains(&format!("To-Path: {}\r\n", witness.uri())),
        "{report}"
    );
    assert!(witness.accept().is_none());
    covers!("C-234", "T-01");
}

/// The peer's m= block, without a=setup.
fn block(port: u16) -> String {
    format!(
        "m=message {port} TCP/MSRP *\r\nc=IN IP4 127.0.0.1\r\na=accept-types:*\r\na=path:{}\r\n",
        remote_uri(port)
    )
}

#[test]
fn rfc4975_5_4_without_another_rule_the_offerer_connects() {
    // We offer, and the answer says nothing of who connects.
    let host = Host::new();
    let witness = Witness::new();
    let port = witness.0.local_addr().expect("bound").port();
    let session = host.session();
    host.engine.create_offer(session).expect("an offer");
    host.engine
        .set_remote(session, &block(port), None)
        .expect("an answer");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut came = None;
    wait_until(|| {
        came = came.take().or_else(|| witness.accept());
        came.is_some()
    });
    let mut peer = RawPeer::from_stream(came.expect("it came"));
    let first = peer.frame();
    assert!(first.contains(" SEND\r\n"), "{first}");
    peer.answer(&first, "200 OK");
    host.wait_opened(session);

    // They offer, and say nothing of it: they connect, and we wait.
    let witness = Witness::new();
    let port = witness.0.local_addr().expect("bound").port();
    let session = host.session();
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{}",
        block(port)
    );
    let answer = host
        .engine
        .create_answer(session, &offer, None)
        .expect("an answer");
    assert!(!answer.contains("a=setup:active"), "{answer}");
    host.engine.open(session, Some(PATIENCE)).expect("waits");
    let uri = host.engine.local_path(session).expect("a path").to_string();
    let mut peer = RawPeer::connect(&uri);
    peer.send(&uri, &remote_uri(port), "bind0001", "hi");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    host.wait_opened(session);
    assert!(witness.accept().is_none());
    covers!("C-191");
}

#[test]
fn rfc4975_5_4_a_session_that_failed_is_not_revived() {
    let host = Host::new();
    let witness = Witness::new();
    let port = witness.0.local_addr().expect("bound").port();
    let session = host.session();
    let old = host.engine.local_path(session).expect("a path").to_string();
    host.engine
        .set_remote_path(session, &remote_uri(port), true, "*")
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut came = None;
    wait_until(|| {
        came = came.take().or_else(|| witness.accept());
        came.is_some()
    });
    let mut peer = RawPeer::from_stream(came.expect("it came"));
    let first = peer.frame();
    peer.answer(&first, "200 OK");
    host.wait_opened(session);
    host.send(session, "lost");
    peer.frame();
    peer.stream.shutdown(Shutdown::Both).expect("shut");
    drop(peer);
    let closed = host.wait_closed(session);
    assert!(closed.error.is_some(), "{closed:?}");
    // Its name is nobody's, and nobody connects again by himself.
    let error = host.try_send(session, b"again".to_vec()).expect_err("over");
    assert_eq!(error.kind, ErrorKind::Gone);
    let again = host.session();
    let new = host.engine.local_path(again).expect("a path").to_string();
    assert_ne!(old, new, "another exchange, other URIs");
    // What takes as long as a reconnect would: a whole session.
    let (_, other) = dialled(&host);
    drop(other);
    assert!(witness.accept().is_none());
    covers!("C-198");
}

#[test]
fn rfc4975_5_4_a_message_lives_and_dies_with_its_session() {
    let host = Host::new();
    let (session, uri, mut peer) = bound(&host);
    let chunk = |uri: &str, id: &str, range: &str, body: &str, flag: char| {
        format!(
            "MSRP {id} SEND\r\nTo-Path: {uri}\r\nFrom-Path: {}\r\nMessage-ID: same0001\r\n\
             Byte-Range: {range}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{id}{flag}\r\n",
            remote_uri(2855)
        )
    };
    peer.write(chunk(&uri, "half0001", "1-4/8", "1234", '+').as_bytes());
    assert!(peer.frame().starts_with("MSRP half0001 200"));
    drop(peer);
    host.wait_closed(session);
    let messages = host.wait_messages(session, 2);
    assert_eq!(messages[1].end, MessageEnd::SessionClosed);
    assert_eq!(messages[1].body, b"1234");
    // The rest on a new session is joined to nothing; the same again is a whole message.
    let (session, uri, mut peer) = bound(&host);
    peer.write(chunk(&uri, "half0002", "5-8/8", "5678", '+').as_bytes());
    assert!(peer.frame().starts_with("MSRP half0002 200"));
    peer.write(chunk(&uri, "whole001", "1-8/8", "abcdefgh", '$').as_bytes());
    assert!(peer.frame().starts_with("MSRP whole001 200"));
    assert_eq!(host.wait_messages(session, 2)[1].body, b"abcdefgh");

    // And what we had begun to send is not continued on another session to the same peer.
    let (session, mut peer) = dialled(&host);
    let body = SendBody::Bytes(vec![b'x'; 8 << 20].into());
    let transfer = host
        .engine
        .send(session, SendOptions::default(), body)
        .expect("admitted")
        .transfer;
    assert!(peer.frame().contains("Content-Type: text/plain\r\n"));
    drop(peer);
    assert_eq!(host.wait_closed(session).unacknowledged, [transfer]);
    let (session, mut peer) = dialled(&host);
    host.send(session, "another message");
    let next = peer.frame();
    assert!(next.contains("another message"), "{next}");
    covers!("C-200");
}

#[test]
fn rfc4975_5_4_the_place_that_a_peer_claims_is_not_where_it_is_met() {
    let host = Host::new();
    let victim = Witness::new();
    // M connects in, and says that it is the victim.
    let (session, uri) = passive(&host);
    let mut peer = RawPeer::connect(&uri);
    peer.send(&uri, &victim.uri(), "bind0001", "I am the victim");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    host.wait_opened(session);
    // A session with the victim goes to the victim.
    let other = host.session();
    host.engine
        .set_remote_path(other, &victim.uri(), true, "*")
        .expect("a path");
    host.engine.open(other, Some(PATIENCE)).expect("dials");
    let mut came = None;
    wait_until(|| {
        came = came.take().or_else(|| victim.accept());
        came.is_some()
    });
    let mut real = RawPeer::from_stream(came.expect("it came"));
    let first = real.frame();
    real.answer(&first, "200 OK");
    host.wait_opened(other);
    host.send(other, "for the victim alone");
    assert!(real.frame().contains("for the victim alone"));
    host.engine.abort_session(session).expect("alive");
    assert_eq!(peer.read_to_end(), b"", "and nothing of it came to M");
    covers!("C-297", "T-65");
}

#[test]
fn rfc4975_8_4_the_same_description_again_changes_nothing() {
    let host = Host::new();
    let witness = Witness::new();
    let port = witness.0.local_addr().expect("bound").port();
    let session = host.session();
    host.engine.create_offer(session).expect("an offer");
    host.engine
        .set_remote(session, &block(port), None)
        .expect("an answer");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut came = None;
    wait_until(|| {
        came = came.take().or_else(|| witness.accept());
        came.is_some()
    });
    let mut peer = RawPeer::from_stream(came.expect("it came"));
    let first = peer.frame();
    peer.answer(&first, "200 OK");
    host.wait_opened(session);
    // A message is under way, and another half received, while the peer refreshes twice.
    host.send(session, "before");
    let before = peer.frame();
    let path = host.engine.local_path(session).expect("a path").to_string();
    let half = |id: &str, range: &str, body: &str, flag: char| {
        format!(
            "MSRP {id} SEND\r\nTo-Path: {path}\r\nFrom-Path: {}\r\nMessage-ID: half0001\r\n\
             Byte-Range: {range}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{id}{flag}\r\n",
            remote_uri(port)
        )
    };
    peer.write(half("half0001", "1-4/8", "1234", '+').as_bytes());
    assert!(peer.frame().starts_with("MSRP half0001 200"));
    for _ in 0..2 {
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{}",
            block(port)
        );
        let answer = host
            .engine
            .create_answer(session, &offer, None)
            .expect("an answer");
        assert!(answer.contains(&format!("a=path:{path}")), "{answer}");
    }
    host.engine.create_offer(session).expect("an offer");
    host.engine
        .set_remote(session, &block(port), None)
        .expect("an answer");
    assert_eq!(host.engine.state(session), Ok(SessionState::Open));
    peer.answer(&before, "200 OK");
    peer.write(half("half0002", "5-8/8", "5678", '$').as_bytes());
    assert!(
        peer.frame().starts_with("MSRP half0002 200"),
        "no SEND to bind, nothing begun anew"
    );
    assert_eq!(host.wait_messages(session, 1)[0].body, b"12345678");
    host.wait_event(session, "acknowledged", |event| {
        matches!(event, Event::Acknowledged { .. })
    });
    assert!(witness.accept().is_none(), "nobody reconnects");
    host.engine.abort_session(session).expect("alive");
    assert_eq!(host.wait_closed(session).reason, CloseReason::Local);
    covers!("T-54");
}
