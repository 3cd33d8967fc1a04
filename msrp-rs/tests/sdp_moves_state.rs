//! What else happens to a session while its path changes (RFC 4975 §8.4): a hold and its end, a close, a further place.

mod engine_support;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use engine_support::{Host, PATIENCE, RawPeer, wait_until};
use msrp::Pacing;
use msrp::engine::{
    Engine, Event, Relocation, SendBody, SendOptions, SessionHandle, SessionOptions, Wake,
};
use msrp::proto::CloseReason;
use msrp::sdp::Direction;
use msrp_conformance::covers;

fn uri(port: u16, id: &str) -> String {
    format!("msrp://127.0.0.1:{port}/{id};tcp")
}

fn media(port: u16, id: &str, setup: &str, direction: &str) -> String {
    let uri = uri(port, id);
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=message {port} TCP/MSRP *\r\na=path:{uri}\r\na=accept-types:*\r\na=setup:{setup}\r\na={direction}\r\n"
    )
}

fn hear(host: &Host, session: SessionHandle, offer: &str) {
    let answer = host.engine.create_answer(session, offer, None);
    answer.expect("an answer");
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

fn accept(listener: &TcpListener) -> RawPeer {
    RawPeer::from_stream(listener.accept().expect("it comes").0)
}

fn path(host: &Host, session: SessionHandle) -> String {
    host.engine.local_path(session).expect("a path").to_string()
}

/// A session that sends one message at a time, bound to a peer that it has dialled.
fn dialled(host: &Host) -> (SessionHandle, RawPeer) {
    let (listener, port) = listener();
    let session = host.session_with(SessionOptions {
        pacing: Some(Pacing::One),
        ..SessionOptions::default()
    });
    let offer = media(port, "FirstSession01", "passive", "sendrecv");
    hear(host, session, &offer);
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut peer = accept(&listener);
    let binding = peer.frame();
    peer.answer(&binding, "200 OK");
    host.wait_opened(session);
    (session, peer)
}

/// Says something as the peer: with the answer the connection has heard of all that the host said before.
fn speak(host: &Host, session: SessionHandle, peer: &mut RawPeer) {
    let (own, its) = (path(host, session), remote(host, session));
    let its = its.replace("SecondSession2", "FirstSession01");
    peer.send(&own, &its, "spea0000", "heard");
    assert!(peer.frame().starts_with("MSRP spea0000 200"));
}

fn remote(host: &Host, session: SessionHandle) -> String {
    let path = host.engine.remote_path(session).expect("known");
    path.expect("there is one").to_string()
}

/// A session that waits for its peer, which came once.
fn waited_for(host: &Host) -> (SessionHandle, RawPeer, String) {
    let session = host.session();
    let offer = media(2855, "FirstSession01", "active", "sendrecv");
    hear(host, session, &offer);
    let own = path(host, session);
    let mut peer = RawPeer::connect(&own);
    peer.send(&own, &uri(2855, "FirstSession01"), "bind0001", "one");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    host.wait_opened(session);
    (session, peer, own)
}

#[test]
fn rfc4975_8_9_a_hold_that_comes_during_a_move_holds_on_the_new_connection() {
    let host = Host::new();
    let (session, mut before) = dialled(&host);
    let (next, port) = listener();
    let begun = host.send(session, "begun");
    let waits = host.send(session, "waits");
    let first = before.frame();
    hear(
        &host,
        session,
        &media(port, "SecondSession2", "passive", "sendrecv"),
    );
    let mut after = accept(&next);
    let binding = after.frame();
    hear(
        &host,
        session,
        &media(port, "SecondSession2", "passive", "sendonly"),
    );
    assert_eq!(
        host.engine.directions(session).expect("known").agreed,
        Direction::RecvOnly
    );
    speak(&host, session, &mut before);
    after.answer(&binding, "200 OK");
    before.answer(&first, "200 OK");
    host.wait_acknowledged(begun);
    assert_eq!(before.read_to_end(), b"");
    let control = SendOptions {
        control: true,
        ..SendOptions::default()
    };
    let body = SendBody::Bytes("control".into());
    host.engine.send(session, control, body).expect("passes");
    let request = after.frame();
    assert!(request.contains("control"), "{request}");
    after.answer(&request, "200 OK");
    hear(
        &host,
        session,
        &media(port, "SecondSession2", "passive", "sendrecv"),
    );
    let request = after.frame();
    assert!(request.contains("waits"), "{request}");
    after.answer(&request, "200 OK");
    host.wait_acknowledged(waits);
    covers!("S-137", "S-145");
}

#[test]
fn rfc4975_8_9_a_hold_that_ends_during_a_move_is_over_on_the_new_connection() {
    // The peer comes.
    let host = Host::new();
    let (session, _before, own) = waited_for(&host);
    for direction in ["recvonly", "inactive", "sendrecv"] {
        hear(
            &host,
            session,
            &media(2856, "SecondSession2", "active", direction),
        );
    }
    let mut after = RawPeer::connect(&own);
    after.send(&own, &uri(2856, "SecondSession2"), "bind0002", "two");
    let response = after.frame();
    assert!(response.starts_with("MSRP bind0002 200"), "{response}");
    host.wait_messages(session, 2);
    // We come, and the peer speaks before it answers.
    let host = Host::new();
    let (session, _before) = dialled(&host);
    let (next, port) = listener();
    hear(
        &host,
        session,
        &media(port, "SecondSession2", "passive", "recvonly"),
    );
    let mut after = accept(&next);
    after.frame();
    hear(
        &host,
        session,
        &media(port, "SecondSession2", "passive", "sendrecv"),
    );
    let own = path(&host, session);
    after.send(&own, &uri(port, "SecondSession2"), "spea0001", "two");
    let response = after.frame();
    assert!(response.starts_with("MSRP spea0001 200"), "{response}");
    host.wait_messages(session, 1);
    covers!("S-137");
}

#[test]
fn a_close_waits_for_what_is_under_way_on_the_connection_of_before() {
    // Said before the new connection works, and after.
    for is_early in [true, false] {
        let host = Host::new();
        let (session, mut before) = dialled(&host);
        let (next, port) = listener();
        let begun = host.send(session, "begun");
        let waits = host.send(session, "waits");
        let first = before.frame();
        hear(
            &host,
            session,
            &media(port, "SecondSession2", "passive", "sendrecv"),
        );
        let mut after = accept(&next);
        let binding = after.frame();
        let close = || {
            let closing = host.engine.close(session, None);
            closing.expect("closing");
        };
        if is_early {
            close();
            speak(&host, session, &mut before);
        }
        after.answer(&binding, "200 OK");
        let request = after.frame();
        assert!(request.contains("waits"), "{request}");
        if !is_early {
            close();
        }
        after.answer(&request, "200 OK");
        host.wait_acknowledged(waits);
        assert!(host.seen(|seen| seen.closed(session).is_none()));
        before.answer(&first, "200 OK");
        host.wait_acknowledged(begun);
        let closed = host.wait_closed(session);
        assert_eq!(closed.reason, CloseReason::Local);
        assert!(closed.unacknowledged.is_empty(), "{closed:?}");
        before.read_to_end();
        after.read_to_end();
    }
}

#[test]
fn a_close_has_its_time_on_both_connections() {
    let host = Host::new();
    let (session, mut before) = dialled(&host);
    let (next, port) = listener();
    let begun = host.send(session, "begun");
    before.frame();
    hear(
        &host,
        session,
        &media(port, "SecondSession2", "passive", "sendrecv"),
    );
    let mut after = accept(&next);
    let binding = after.frame();
    after.answer(&binding, "200 OK");
    host.wait("moved", |_| {
        host.engine
            .send(session, SendOptions::default(), SendBody::Bytes("x".into()))
            .is_ok()
    });
    after.frame();
    let time = std::time::Duration::from_millis(300);
    host.engine.close(session, Some(time)).expect("closing");
    let closed = host.wait_closed(session);
    let failed = host.seen(|seen| {
        seen.has(
            session,
            |event| matches!(event, Event::Failed { transfer, .. } if *transfer == begun),
        )
    });
    assert!(failed || closed.unacknowledged.contains(&begun));
}

#[test]
fn a_place_that_nobody_was_told_of_yet_does_not_turn_the_peer_away() {
    let host = Host::new();
    let (session, _before, own) = waited_for(&host);
    hear(
        &host,
        session,
        &media(2856, "SecondSession2", "active", "sendrecv"),
    );
    let relocated = host.engine.relocate(session, Relocation::default());
    relocated.expect("another port");
    let mut after = RawPeer::connect(&own);
    after.send(&own, &uri(2856, "SecondSession2"), "bind0002", "two");
    let response = after.frame();
    assert!(response.starts_with("MSRP bind0002 200"), "{response}");
    host.wait_messages(session, 2);
    // That is the next thing it hears.
    hear(
        &host,
        session,
        &media(2857, "ThirdSession03", "active", "sendrecv"),
    );
    let own = path(&host, session);
    let mut last = RawPeer::connect(&own);
    last.send(&own, &uri(2857, "ThirdSession03"), "bind0003", "three");
    assert!(last.frame().starts_with("MSRP bind0003 200"));
    host.wait_messages(session, 3);
    covers!("S-137");
}

#[test]
fn what_a_hold_keeps_back_does_not_keep_a_session_from_its_end() {
    let host = Host::new();
    let (session, mut peer) = dialled(&host);
    let remote = host.engine.remote_path(session).expect("known");
    let remote = remote.expect("there is one");
    let port = remote.first().port().expect("a port");
    let begun = host.send(session, "begun");
    let waits = host.send(session, "waits");
    let first = peer.frame();
    let held = media(port, "FirstSession01", "passive", "sendonly");
    hear(&host, session, &held);
    host.engine.close(session, None).expect("closing");
    peer.answer(&first, "200 OK");
    host.wait_acknowledged(begun);
    let closed = host.wait_closed(session);
    assert_eq!(closed.unacknowledged, [waits]);
}

/// Whether a wake finds the session's locks free: another thread must get on meanwhile.
#[derive(Default)]
struct Free {
    session: Mutex<Option<(Engine, SessionHandle)>>,
    held: AtomicBool,
    wakes: AtomicUsize,
}

impl Free {
    fn look(&self) {
        let known = self.session.lock().expect("not poisoned").clone();
        let Some((engine, session)) = known else {
            return;
        };
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let shown = engine.peer_certificate(session).is_ok();
            let directions = engine.directions(session).is_ok();
            // The other side may have lost its patience.
            let _ = done.send(shown && directions);
        });
        let free = is_done.recv_timeout(PATIENCE) == Ok(true);
        self.held.fetch_or(!free, Ordering::SeqCst);
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn no_lock_is_held_over_the_wakes_of_a_session_that_moves() {
    let host = Host::new();
    let free = Arc::new(Free::default());
    let wake = Arc::clone(&free);
    let wake = Wake::Callback(Arc::new(move || wake.look()));
    let domain = host.engine.domain(wake).expect("a domain");
    let take = |what: &str, until: &dyn Fn(&Event) -> bool| {
        let mut seen = Vec::new();
        wait_until(|| {
            domain.next_batch(256, 65536, &mut seen);
            seen.iter().any(|(_, event)| until(event))
        });
        assert!(!free.held.load(Ordering::SeqCst), "{what}");
    };
    let session = host
        .engine
        .session(&domain, SessionOptions::default())
        .expect("a session");
    let (listener, port) = listener();
    let offer = media(port, "FirstSession01", "passive", "sendrecv");
    hear(&host, session, &offer);
    // Who has not looked since is not woken again: what was is taken first.
    domain.next_batch(256, 65536, &mut Vec::new());
    *free.session.lock().expect("not poisoned") = Some((host.engine.clone(), session));
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut before = accept(&listener);
    let binding = before.frame();
    before.answer(&binding, "200 OK");
    take("open", &|event| matches!(event, Event::Opened));
    let sent = host.send(session, "under way");
    before.frame();
    let offer = media(2856, "SecondSession2", "active", "sendrecv");
    hear(&host, session, &offer);
    drop(before);
    take(
        "a loss",
        &|event| matches!(event, Event::Failed { transfer, .. } if *transfer == sent),
    );
    // One for each at least. An event can be taken before the wake for it has come back.
    wait_until(|| free.wakes.load(Ordering::SeqCst) > 1);
    assert!(!free.held.load(Ordering::SeqCst), "a wake");
}
