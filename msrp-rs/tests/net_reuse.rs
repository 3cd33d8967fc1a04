//! A connection that is shared may be closed by the peer when its last session ends (RFC 4975 §5.4): at that moment
//! another session may have been put on it, which then needs a new one.

mod engine_support;

use std::net::{Shutdown, SocketAddr, TcpListener};
use std::time::Duration;

use engine_support::{Host, PATIENCE, RawPeer, remote_uri, wait_until};
use msrp::engine::{SessionHandle, SessionState};
use msrp::error::ErrorKind;
use msrp::proto::CloseReason;
use msrp::wire::StatusCode;
use msrp_conformance::covers;
use socket2::{Domain, Socket, Type};

/// A peer whose connections are made by hand.
struct Far {
    listener: TcpListener,
}

impl Far {
    /// One that holds as many connections as are not accepted as the system allows for this backlog.
    fn new(backlog: i32) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        listener.bind(&any.into()).expect("a port");
        listener.listen(backlog).expect("listens");
        listener.set_nonblocking(true).expect("set");
        let listener = listener.into();
        Self { listener }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }

    fn accept(&self) -> RawPeer {
        let mut accepted = None;
        wait_until(|| {
            accepted = self.listener.accept().ok();
            accepted.is_some()
        });
        let (stream, _) = accepted.expect("just seen");
        stream.set_nonblocking(false).expect("set");
        RawPeer::from_stream(stream)
    }

    /// A session of `host` to this peer, to be opened.
    fn session(&self, host: &Host) -> SessionHandle {
        let session = host.session();
        let remote = remote_uri(self.address().port());
        host.engine
            .set_remote_path(session, &remote, true, "*")
            .expect("a path");
        session
    }

    /// A bound session, and its connection.
    fn first(&self, host: &Host) -> (SessionHandle, RawPeer) {
        let session = self.session(host);
        host.engine.open(session, Some(PATIENCE)).expect("dials");
        let mut peer = self.accept();
        answer_binding(&mut peer);
        host.wait_opened(session);
        (session, peer)
    }

    /// Makes the system ignore who connects from now on.
    fn fill(&self) -> Vec<Socket> {
        let address = self.address().into();
        let fillers = (0..8).map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.set_nonblocking(true).expect("set");
            // In progress, and for ever so once the queue is full.
            let _ = socket.connect(&address);
            socket
        });
        fillers.collect()
    }
}

/// Reads a SEND without body.
#[track_caller]
fn binding(peer: &mut RawPeer) -> String {
    let frame = peer.frame();
    assert!(
        frame.contains(" SEND\r\n") && !frame.contains("Content-Type"),
        "{frame}"
    );
    frame
}

#[track_caller]
fn answer_binding(peer: &mut RawPeer) {
    let frame = binding(peer);
    peer.answer(&frame, "200 OK");
}

#[test]
fn rfc4975_5_4_a_session_whose_shared_connection_ends_before_it_is_bound_gets_a_new_one() {
    let (far, host) = (Far::new(16), Host::new());
    let (first, mut peer) = far.first(&host);
    let second = far.session(&host);
    let early = host.send(second, "before open");
    let large = vec![b'='; 100 * 1024];
    let long = host.try_send(second, large).expect("admitted");
    host.engine.open(second, Some(PATIENCE)).expect("shares");
    let bind = binding(&mut peer);
    let late = host.send(second, "before bound");
    peer.stream.shutdown(Shutdown::Write).expect("open");

    let mut fresh = far.accept();
    assert_eq!(peer.read_to_end(), b"", "only the binding SEND went out");
    let again = binding(&mut fresh);
    let from = |frame: &str| {
        let line = frame.lines().find(|line| line.starts_with("From-Path:"));
        line.expect("a path").to_owned()
    };
    assert_eq!(from(&again), from(&bind));
    assert_eq!(host.engine.state(second), Ok(SessionState::Connecting));
    fresh.answer(&again, "200 OK");
    host.wait_opened(second);
    let mut bodies = [0; 3];
    let mut octets = 0;
    while bodies != [1, 1, 1] || octets < 100 * 1024 {
        let frame = fresh.frame();
        let body = frame.split("\r\n\r\n").nth(1).expect("a body");
        bodies[0] += usize::from(body.starts_with("before open\r\n"));
        bodies[1] += usize::from(body.starts_with("before bound\r\n"));
        octets += body.matches('=').count();
        bodies[2] = usize::from(octets > 0);
        fresh.answer(&frame, "200 OK");
    }
    assert_eq!(octets, 100 * 1024);
    for transfer in [early, long, late] {
        host.wait_acknowledged(transfer);
    }
    // Who was bound on the connection has failed with it, and the new one serves others.
    assert_eq!(host.wait_closed(first).reason, CloseReason::PeerClosed);
    let third = far.session(&host);
    host.engine.open(third, Some(PATIENCE)).expect("shares");
    answer_binding(&mut fresh);
    host.wait_opened(third);
    wait_until(|| host.engine.stats().connections == 1);
    covers!("C-190");
}

#[test]
fn whenever_the_shared_connection_ends_the_new_session_opens() {
    for round in 0..40 {
        let (far, host) = (Far::new(16), Host::new());
        let (_first, peer) = far.first(&host);
        let second = far.session(&host);
        let transfer = host.send(second, "here");
        let close = std::thread::spawn(move || {
            (0..20 * round).for_each(|_| std::thread::yield_now());
            drop(peer);
        });
        host.engine.open(second, Some(PATIENCE)).expect("connects");
        let mut fresh = far.accept();
        answer_binding(&mut fresh);
        let frame = fresh.frame();
        assert!(frame.contains("\r\n\r\nhere\r\n"), "{frame}");
        fresh.answer(&frame, "200 OK");
        host.wait_opened(second);
        host.wait_acknowledged(transfer);
        close.join().expect("closed");
    }
}

#[test]
fn a_new_connection_that_ends_too_is_the_end() {
    let (far, host) = (Far::new(16), Host::new());
    let (_first, mut peer) = far.first(&host);
    let second = far.session(&host);
    let transfer = host.send(second, "never");
    host.engine.open(second, Some(PATIENCE)).expect("shares");
    binding(&mut peer);
    drop(peer);
    let mut fresh = far.accept();
    binding(&mut fresh);
    fresh.stream.shutdown(Shutdown::Write).expect("open");
    let closed = host.wait_closed(second);
    assert_eq!(closed.reason, CloseReason::PeerClosed);
    assert_eq!(closed.unacknowledged, [transfer]);
    assert_eq!(host.engine.stats().send_held, 0);
    // Nobody connects again.
    drop(fresh);
    wait_until(|| host.engine.stats().connections == 0);
    let more = far.listener.accept().expect_err("no connection");
    assert_eq!(more.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_session_that_the_peer_refused_is_not_opened_again() {
    let (far, host) = (Far::new(16), Host::new());
    let (_first, mut peer) = far.first(&host);
    let second = far.session(&host);
    host.engine.open(second, Some(PATIENCE)).expect("shares");
    let frame = binding(&mut peer);
    peer.answer(&frame, "481 No such session");
    drop(peer);
    let closed = host.wait_closed(second);
    let CloseReason::Status { code, .. } = closed.reason else {
        panic!("{closed:?}");
    };
    assert_eq!(code, StatusCode(481));
    wait_until(|| host.engine.stats().connections == 0);
}

/// A session whose shared connection ended, and for which is dialled at a peer that says nothing.
fn dialling_again(timeout: Duration) -> (Host, SessionHandle, (Far, Vec<Socket>)) {
    let (far, host) = (Far::new(0), Host::new());
    let (first, mut peer) = far.first(&host);
    let fillers = far.fill();
    let second = far.session(&host);
    host.send(second, "never");
    host.engine.open(second, Some(timeout)).expect("shares");
    binding(&mut peer);
    peer.stream.shutdown(Shutdown::Write).expect("open");
    // The engine ends its side when it has told its sessions.
    peer.read_to_end();
    host.wait_closed(first);
    (host, second, (far, fillers))
}

#[test]
fn a_session_can_be_ended_while_it_is_dialled_for_again() {
    for abort in [true, false] {
        let (host, second, _far) = dialling_again(PATIENCE);
        match abort {
            true => host.engine.abort_session(second).expect("alive"),
            false => host.engine.close(second, None).expect("alive"),
        }
        let closed = host.wait_closed(second);
        assert_eq!(closed.reason, CloseReason::Local);
        assert_eq!(closed.unacknowledged.len(), 1);
        wait_until(|| host.engine.stats().connections == 0);
        assert_eq!(host.engine.stats().send_held, 0);
    }
}

#[test]
fn the_time_of_open_counts_for_both_connections() {
    let (host, second, _far) = dialling_again(Duration::from_secs(2));
    let closed = host.wait_closed(second);
    assert_eq!(closed.reason, CloseReason::BindTimeout);
    assert_eq!(closed.error.expect("an error").kind, ErrorKind::Timeout);
    assert_eq!(closed.unacknowledged.len(), 1);
    wait_until(|| host.engine.stats().connections == 0);
}

#[test]
fn a_session_that_is_being_closed_sends_what_it_has_on_the_shared_connection() {
    let (far, host) = (Far::new(16), Host::new());
    let (_first, mut peer) = far.first(&host);
    let second = far.session(&host);
    let transfer = host.send(second, "last words");
    host.engine.open(second, Some(PATIENCE)).expect("shares");
    let bind = binding(&mut peer);
    host.engine.close(second, Some(PATIENCE)).expect("open");
    let frame = peer.frame();
    assert!(frame.contains("last words"), "{frame}");
    peer.answer(&bind, "200 OK");
    peer.answer(&frame, "200 OK");
    host.wait_acknowledged(transfer);
    assert_eq!(host.wait_closed(second).reason, CloseReason::Local);
}
