//! Paths that change while a session is bound (RFC 4975 §8.4, RFC 3264 §8.3.1): it goes over to a new connection when
//! that works, nothing is lost without a word, and where nobody comes all goes on as before.

mod engine_support;

use std::net::TcpListener;
use std::time::Duration;

use engine_support::{Host, PATIENCE, RawPeer, pair, pair_with, wait_until};
use msrp::engine::{
    ConnectionSharing, Event, Relocation, SendBody, SendOptions, SessionHandle, SessionOptions,
    SessionState, SetupPreference, TransferHandle,
};
use msrp::error::ErrorKind;
use msrp::proto::{CloseReason, MessageEnd};
use msrp::sdp::Direction;
use msrp_conformance::covers;

fn uri(port: u16, id: &str) -> String {
    format!("msrp://127.0.0.1:{port}/{id};tcp")
}

fn media(port: u16, id: &str, setup: &str) -> String {
    let uri = uri(port, id);
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=message {port} TCP/MSRP *\r\na=path:{uri}\r\na=accept-types:*\r\na=setup:{setup}\r\n"
    )
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

fn accept(listener: &TcpListener) -> RawPeer {
    RawPeer::from_stream(listener.accept().expect("it comes").0)
}

fn exchange(from: &Host, one: SessionHandle, to: &Host, two: SessionHandle) {
    let offer = from.engine.create_offer(one).expect("an offer");
    let answer = to
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    from.engine.set_remote(one, &answer, None).expect("taken");
}

fn path(host: &Host, session: SessionHandle) -> String {
    host.engine.local_path(session).expect("a path").to_string()
}

fn failed(host: &Host, transfer: TransferHandle) -> Option<msrp::Error> {
    host.seen(|seen| {
        seen.events.iter().find_map(|(_, event)| match event {
            Event::Failed {
                transfer: its,
                error,
            } if *its == transfer => Some(error.clone()),
            _ => None,
        })
    })
}

/// A session that is bound to a peer, which is a text, by connecting to it.
fn dialled(host: &Host, options: SessionOptions) -> (SessionHandle, RawPeer, u16) {
    let (listener, port) = listener();
    let session = host.session_with(options);
    host.engine.create_offer(session).expect("an offer");
    let answer = media(port, "FirstSession01", "passive");
    host.engine
        .set_remote(session, &answer, None)
        .expect("taken");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut peer = accept(&listener);
    let binding = peer.frame();
    peer.answer(&binding, "200 OK");
    host.wait_opened(session);
    (session, peer, port)
}

#[test]
fn rfc4975_8_4_another_path_in_an_answer_is_dialled_and_used() {
    let host = Host::new();
    let (session, mut before, _) = dialled(&host, SessionOptions::default());
    let (next, port) = listener();
    host.engine.create_offer(session).expect("an offer");
    let answer = media(port, "SecondSession2", "passive");
    host.engine
        .set_remote(session, &answer, None)
        .expect("taken");
    let mut after = accept(&next);
    let binding = after.frame();
    assert!(binding.contains(&format!("\r\nTo-Path: {}\r\n", uri(port, "SecondSession2"))));
    assert!(!binding.contains("Content-Type"), "{binding}");
    // Until it works all goes on where it was.
    let early = host.send(session, "early");
    let request = before.frame();
    assert!(request.contains("early"), "{request}");
    before.answer(&request, "200 OK");
    host.wait_acknowledged(early);
    after.answer(&binding, "200 OK");
    // The connection of before is closed in order.
    assert_eq!(before.read_to_end(), b"");
    let late = host.send(session, "late");
    let request = after.frame();
    assert!(request.contains("late"), "{request}");
    assert!(request.contains(&format!("\r\nTo-Path: {}\r\n", uri(port, "SecondSession2"))));
    after.answer(&request, "200 OK");
    host.wait_acknowledged(late);
    assert_eq!(host.engine.state(session), Ok(SessionState::Open));
    let remote = host
        .engine
        .remote_path(session)
        .expect("known")
        .expect("one");
    assert_eq!(remote.to_string(), uri(port, "SecondSession2"));
    covers!("S-136", "S-137");
}

#[test]
fn what_has_begun_ends_where_it_is_and_the_rest_goes_along_in_order() {
    let host = Host::new();
    let options = SessionOptions {
        chunk_len: msrp::engine::ChunkLen::Octets(2048),
        pacing: Some(msrp::Pacing::One),
        ..SessionOptions::default()
    };
    let (session, mut before, _) = dialled(&host, options);
    let large = host.try_send(session, vec![b'x'; 3000]).expect("admitted");
    let small: Vec<_> = (0..20)
        .map(|n| host.send(session, &format!("line {n}")))
        .collect();
    let first = before.frame();
    assert!(first.contains("Byte-Range: 1-2048/3000"), "{first}");
    let (next, port) = listener();
    let offer = media(port, "SecondSession2", "passive");
    let answer = host
        .engine
        .create_answer(session, &offer, None)
        .expect("one");
    assert!(answer.contains("a=setup:active"));
    let mut after = accept(&next);
    let binding = after.frame();
    after.answer(&binding, "200 OK");
    // Twenty small ones have not begun; they come by the new connection.
    for n in 0..20 {
        let request = after.frame();
        assert!(request.contains(&format!("line {n}\r\n")), "{n}: {request}");
        after.answer(&request, "200 OK");
    }
    for transfer in small {
        host.wait_acknowledged(transfer);
    }
    // The large one goes on where it began.
    before.answer(&first, "200 OK");
    let second = before.frame();
    assert!(second.contains("Byte-Range: 2049-3000/3000"), "{second}");
    assert!(failed(&host, large).is_none());
    before.answer(&second, "200 OK");
    host.wait_acknowledged(large);
    assert_eq!(before.read_to_end(), b"");
    covers!("S-137", "S-138");
}

#[test]
fn a_message_under_way_fails_with_its_connection_and_the_rest_goes_along() {
    for lost_first in [true, false] {
        let host = Host::new();
        let options = SessionOptions {
            pacing: Some(msrp::Pacing::One),
            ..SessionOptions::default()
        };
        let (session, mut before, _) = dialled(&host, options);
        let begun = host.send(session, "begun");
        let waits = host.send(session, "waits");
        before.frame();
        let (next, port) = listener();
        let offer = media(port, "SecondSession2", "passive");
        host.engine
            .create_answer(session, &offer, None)
            .expect("one");
        let mut after = accept(&next);
        let binding = after.frame();
        let mut before = Some(before);
        if lost_first {
            drop(before.take());
            host.wait("failed", |seen| failed_in(seen, begun).is_some());
        }
        after.answer(&binding, "200 OK");
        let request = after.frame();
        assert!(request.contains("waits"), "{request}");
        after.answer(&request, "200 OK");
        host.wait_acknowledged(waits);
        drop(before);
        host.wait_event(
            session,
            "failed",
            |event| matches!(event, Event::Failed { transfer, .. } if *transfer == begun),
        );
        let last = host.send(session, "and on");
        let request = after.frame();
        after.answer(&request, "200 OK");
        host.wait_acknowledged(last);
        assert!(host.seen(|seen| seen.closed(session).is_none()));
    }
    covers!("S-137");
}

#[test]
fn where_nobody_comes_all_goes_on_as_before() {
    let host = Host::new();
    let (session, mut peer, _) = dialled(&host, SessionOptions::default());
    let (gone, port) = listener();
    drop(gone);
    // Refused; silent; answers 481: none of them has the session.
    let (silent, silent_port) = listener();
    let (refuses, refuses_port) = listener();
    for port in [port, silent_port, refuses_port] {
        let offer = media(port, "SecondSession2", "passive");
        host.engine
            .create_answer(session, &offer, None)
            .expect("one");
        if port == refuses_port {
            let mut other = accept(&refuses);
            let binding = other.frame();
            other.answer(&binding, "481 No such session");
            other.read_to_end();
        } else if port == silent_port {
            accept(&silent).frame();
        }
        let sent = host.send(session, "still here");
        let request = peer.frame();
        assert!(request.contains("still here"), "{request}");
        peer.answer(&request, "200 OK");
        host.wait_acknowledged(sent);
    }
    assert!(host.seen(|seen| seen.closed(session).is_none()));
    // Its end is one end.
    drop(peer);
    let closed = host.wait_closed(session);
    assert!(
        matches!(
            closed.reason,
            CloseReason::PeerClosed | CloseReason::ConnectionLost(_)
        ),
        "{closed:?}"
    );
    covers!("S-137");
}

#[test]
fn a_peer_that_comes_to_no_end_ends_the_session_in_time() {
    let host = Host::new();
    let (listener, port) = listener();
    let session = host.session();
    host.engine.create_offer(session).expect("an offer");
    let answer = media(port, "FirstSession01", "passive");
    host.engine
        .set_remote(session, &answer, None)
        .expect("taken");
    host.engine
        .open(session, Some(Duration::from_secs(2)))
        .expect("dials");
    let mut peer = accept(&listener);
    let binding = peer.frame();
    peer.answer(&binding, "200 OK");
    host.wait_opened(session);
    // It says that it comes by itself, loses its connection, and does not.
    let offer = media(9, "SecondSession2", "active");
    host.engine
        .create_answer(session, &offer, None)
        .expect("one");
    let waits = host.send(session, "to nobody");
    drop(peer);
    let closed = host.wait_closed(session);
    assert_eq!(closed.reason, CloseReason::BindTimeout);
    assert_eq!(closed.error.expect("said").kind, ErrorKind::Timeout);
    assert!(closed.unacknowledged.contains(&waits) || failed(&host, waits).is_some());
}

#[test]
fn a_new_path_of_an_active_peer_is_bound_by_its_first_request() {
    let host = Host::new();
    let session = host.session();
    let answer = host
        .engine
        .create_answer(session, &media(2855, "FirstSession01", "active"), None)
        .expect("one");
    assert!(answer.contains("a=setup:passive"));
    let own = path(&host, session);
    let mut before = RawPeer::connect(&own);
    before.send(&own, &uri(2855, "FirstSession01"), "bind0001", "one");
    assert!(before.frame().starts_with("MSRP bind0001 200"));
    host.wait_opened(session);
    // A further connection is refused until the path changes.
    let mut stranger = RawPeer::connect(&own);
    stranger.send(&own, &uri(2855, "SecondSession2"), "bind0002", "too early");
    assert!(stranger.frame().starts_with("MSRP bind0002 506"));
    drop(stranger);
    host.engine
        .create_answer(session, &media(2856, "SecondSession2", "active"), None)
        .expect("one");
    before.send(&own, &uri(2855, "FirstSession01"), "stil0001", "two");
    assert!(before.frame().starts_with("MSRP stil0001 200"));
    let mut after = RawPeer::connect(&own);
    after.send(&own, &uri(2856, "SecondSession2"), "bind0003", "three");
    assert!(after.frame().starts_with("MSRP bind0003 200"));
    let sent = host.send(session, "to the new one");
    let request = after.frame();
    assert!(request.contains("to the new one"), "{request}");
    after.answer(&request, "200 OK");
    host.wait_acknowledged(sent);
    let got = host.wait_messages(session, 3);
    let bodies: Vec<_> = got.iter().map(|it| it.body.as_slice()).collect();
    assert_eq!(bodies, [b"one".as_slice(), b"two", b"three"]);
    assert_eq!(before.read_to_end(), b"");
    covers!("S-137");
}

#[test]
fn a_peer_may_use_its_new_path_on_the_connection_that_is_there() {
    let host = Host::new();
    let session = host.session();
    host.engine
        .create_answer(session, &media(2855, "FirstSession01", "active"), None)
        .expect("one");
    let own = path(&host, session);
    let mut peer = RawPeer::connect(&own);
    peer.send(&own, &uri(2855, "FirstSession01"), "bind0001", "one");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    host.engine
        .create_answer(session, &media(2855, "SecondSession2", "active"), None)
        .expect("one");
    // It has heard of it when it answers this.
    wait_until(|| host.engine.state(session) == Ok(SessionState::Open));
    let told = host.send(session, "before");
    let request = peer.frame();
    assert!(request.contains("FirstSession01"), "{request}");
    peer.answer(&request, "200 OK");
    host.wait_acknowledged(told);
    peer.send(&own, &uri(2855, "SecondSession2"), "bind0002", "two");
    assert!(peer.frame().starts_with("MSRP bind0002 200"));
    host.wait_messages(session, 2);
    let told = host.send(session, "after");
    let request = peer.frame();
    assert!(request.contains("SecondSession2"), "{request}");
    peer.answer(&request, "200 OK");
    host.wait_acknowledged(told);
    covers!("S-137");
}

/// One side, or both, moves to another port with messages under way in both directions.
fn move_sides(one_moves: bool, two_moves: bool, setup: SetupPreference) {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair_with(
        &a,
        SessionOptions {
            setup,
            ..SessionOptions::default()
        },
        &b,
        SessionOptions {
            setup,
            ..SessionOptions::default()
        },
    );
    let paths = (path(&a, one), path(&b, two));
    let body = vec![b'x'; 3_000_000];
    let sent: Vec<_> = (0..3)
        .flat_map(|_| {
            [
                (&a, a.try_send(one, body.clone()).expect("admitted")),
                (&b, b.try_send(two, body.clone()).expect("admitted")),
            ]
        })
        .collect();
    let place = Relocation::default;
    if one_moves {
        a.engine.relocate(one, place()).expect("another port");
    }
    if two_moves {
        b.engine.relocate(two, place()).expect("another port");
    }
    exchange(&a, one, &b, two);
    assert_eq!(path(&a, one) != paths.0, one_moves);
    assert_eq!(path(&b, two) != paths.1, two_moves);
    assert_eq!(
        a.engine
            .remote_path(one)
            .expect("known")
            .expect("one")
            .to_string(),
        path(&b, two)
    );
    for n in 0..50 {
        a.send(one, &format!("a {n}"));
        b.send(two, &format!("b {n}"));
    }
    for (host, transfer) in sent {
        let other = if std::ptr::eq(host, &a) { &b } else { &a };
        host.wait("acknowledged", |seen| {
            other.take();
            assert!(failed_in(seen, transfer).is_none(), "{:?}", failed_in(seen, transfer));
            seen.events.iter().any(|(_, event)| matches!(event, Event::Acknowledged { transfer: its } if *its == transfer))
        });
    }
    let check = |host: &Host, session, other: &Host, letter: &str| {
        host.wait("all messages", |seen| {
            other.take();
            seen.messages.get(&session).is_some_and(|it| it.len() >= 53)
        });
        let got = host.seen(|seen| seen.messages[&session].clone());
        assert!(
            got.iter()
                .all(|it| matches!(it.end, MessageEnd::Complete(_)))
        );
        let lines: Vec<_> = got
            .iter()
            .filter(|it| it.body.len() < 100)
            .map(|it| it.body.clone())
            .collect();
        // The last of them come by the new connection, whenever that is read.
        let expected: Vec<_> = (0..50)
            .map(|n| format!("{letter} {n}").into_bytes())
            .collect();
        let is_merged = |first: &[Vec<u8>], rest: &[Vec<u8>]| {
            let of = |part: &[Vec<u8>]| -> Vec<_> {
                let lines = lines.iter().filter(|line| part.contains(line));
                lines.cloned().collect()
            };
            of(first) == first && of(rest) == rest
        };
        let is_in_order = (0..50).any(|at| {
            let (first, rest) = expected.split_at(at);
            is_merged(first, rest)
        });
        assert!(is_in_order, "{lines:?}");
        assert_eq!(lines.len(), expected.len());
        assert_eq!(got.len(), 53);
    };
    check(&b, two, &a, "a");
    check(&a, one, &b, "b");
    // Only the new connection is left, and nothing listens at the old place.
    wait_until(|| {
        a.take();
        b.take();
        a.engine.stats().connections == 1 && b.engine.stats().connections == 1
    });
    for (moved, old) in [(one_moves, &paths.0), (two_moves, &paths.1)] {
        let authority = old.split('/').nth(2).expect("an authority");
        if moved {
            wait_until(|| std::net::TcpStream::connect(authority).is_err());
        }
    }
    a.wait_acknowledged_with(&b, a.send(one, "there"));
    b.wait_acknowledged_with(&a, b.send(two, "and back"));
}

#[test]
fn rfc3264_8_3_1_an_offerer_that_moves_is_found_at_its_new_place() {
    move_sides(true, false, SetupPreference::ActPass);
    covers!("S-137", "S-138");
}

#[test]
fn rfc4975_8_4_an_answerer_that_moves_is_found_at_its_new_place() {
    move_sides(false, true, SetupPreference::ActPass);
    move_sides(false, true, SetupPreference::Active);
    covers!("S-135", "S-136");
}

#[test]
fn both_sides_may_move_at_once() {
    move_sides(true, true, SetupPreference::ActPass);
}

#[test]
fn the_new_offerer_connects() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    // `b` answered before, and waited for `a`.
    b.engine
        .relocate(two, Relocation::default())
        .expect("another port");
    let offer = b.engine.create_offer(two).expect("an offer");
    let answer = a.engine.create_answer(one, &offer, None).expect("one");
    assert!(answer.contains("a=setup:passive"));
    b.engine.set_remote(two, &answer, None).expect("taken");
    a.wait_acknowledged_with(&b, a.send(one, "there"));
    b.wait_acknowledged_with(&a, b.send(two, "and back"));
    wait_until(|| {
        a.take();
        b.take();
        a.engine.stats().connections == 1 && b.engine.stats().connections == 1
    });
    covers!("S-138");
}

#[test]
fn a_session_moves_again_and_again() {
    let (a, b) = (Host::new(), Host::new());
    let alone = || SessionOptions {
        connection_sharing: ConnectionSharing::Session,
        ..SessionOptions::default()
    };
    let (one, two) = pair_with(&a, alone(), &b, alone());
    let mut sent = Vec::new();
    for n in 0..12 {
        let (from, to, session, other) = match n % 2 {
            0 => (&a, &b, one, two),
            _ => (&b, &a, two, one),
        };
        from.engine
            .relocate(session, Relocation::default())
            .expect("another port");
        for (host, session) in [(&a, one), (&b, two)] {
            if host.engine.state(session) != Ok(SessionState::Open) {
                panic!("{n}: {:?}", host.wait_closed(session));
            }
        }
        sent.push((&a, a.send(one, &format!("{n}"))));
        sent.push((&b, b.send(two, &format!("{n}"))));
        exchange(from, session, to, other);
        // Every third time it is given time to arrive.
        for (host, session) in [(&a, one), (&b, two)] {
            host.take();
            let closed = host.seen(|seen| seen.closed(session));
            assert!(closed.is_none(), "{n}: {closed:?}");
        }
        if n % 3 == 0 {
            let sent = a.send(one, "arrived");
            a.wait("arrived", |seen| {
                b.take();
                assert!(seen.closed(one).is_none(), "{n}: {:?}", seen.closed(one));
                b.seen(|seen| assert!(seen.closed(two).is_none(), "{n}: {:?}", seen.closed(two)));
                failed_in(seen, sent).is_some()
                    || seen.events.iter().any(|(_, event)| matches!(event, Event::Acknowledged { transfer } if *transfer == sent))
            });
        }
    }
    for (host, transfer) in sent {
        let other = if std::ptr::eq(host, &a) { &b } else { &a };
        host.wait("an outcome", |seen| {
            other.take();
            failed_in(seen, transfer).is_some()
                || seen.events.iter().any(|(_, event)| matches!(event, Event::Acknowledged { transfer: its } if *its == transfer))
        });
    }
    assert!(a.seen(|seen| seen.closed(one).is_none()) && b.seen(|seen| seen.closed(two).is_none()));
    a.wait_acknowledged_with(&b, a.send(one, "there"));
    b.wait_acknowledged_with(&a, b.send(two, "and back"));
    a.engine.close(one, Some(PATIENCE)).expect("closing");
    a.wait_closed(one);
    b.wait_closed(two);
}

fn failed_in(seen: &engine_support::Seen, transfer: TransferHandle) -> Option<&msrp::Error> {
    seen.events.iter().find_map(|(_, event)| match event {
        Event::Failed {
            transfer: its,
            error,
        } if *its == transfer => Some(error),
        _ => None,
    })
}

#[test]
fn a_new_path_before_the_session_is_bound_is_dialled_instead() {
    let host = Host::new();
    let (wrong, wrong_port) = listener();
    let (right, port) = listener();
    let session = host.session();
    host.engine.create_offer(session).expect("an offer");
    // The queue of `wrong` takes the connection, and nobody answers there.
    host.engine
        .set_remote(
            session,
            &media(wrong_port, "FirstSession01", "passive"),
            None,
        )
        .expect("taken");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut silent = accept(&wrong);
    silent.frame();
    host.engine.create_offer(session).expect("an offer");
    host.engine
        .set_remote(session, &media(port, "SecondSession2", "passive"), None)
        .expect("taken");
    let mut peer = accept(&right);
    let binding = peer.frame();
    assert!(binding.contains("SecondSession2"), "{binding}");
    // Said while nobody has answered: it goes to who does.
    let early = host.send(session, "early");
    peer.answer(&binding, "200 OK");
    host.wait_opened(session);
    let request = peer.frame();
    assert!(request.contains("early"), "{request}");
    peer.answer(&request, "200 OK");
    host.wait_acknowledged(early);
    let sent = host.send(session, "hello");
    let request = peer.frame();
    assert!(request.contains("hello"), "{request}");
    peer.answer(&request, "200 OK");
    host.wait_acknowledged(sent);
    assert_eq!(host.engine.state(session), Ok(SessionState::Open));
}

#[test]
fn a_session_that_moves_can_be_held_closed_and_ended() {
    for step in 0..3 {
        let host = Host::new();
        let (session, mut before, _) = dialled(&host, SessionOptions::default());
        let (next, port) = listener();
        let offer = media(port, "SecondSession2", "passive");
        let held = offer
            .replace("a=setup", "a=recvonly\r\na=setup")
            .replace("recvonly", "sendonly");
        let offer = if step == 0 { held } else { offer };
        host.engine
            .create_answer(session, &offer, None)
            .expect("one");
        let mut after = accept(&next);
        let binding = after.frame();
        match step {
            0 => {
                assert_eq!(
                    host.engine.directions(session).expect("known").agreed,
                    Direction::RecvOnly
                );
                let control = SendOptions {
                    control: true,
                    ..SendOptions::default()
                };
                after.answer(&binding, "200 OK");
                assert_eq!(before.read_to_end(), b"");
                let body = SendBody::Bytes("control".into());
                host.engine.send(session, control, body).expect("passes");
                assert!(after.frame().contains("control"));
            }
            1 => {
                host.engine.close(session, Some(PATIENCE)).expect("closing");
                assert_eq!(host.wait_closed(session).reason, CloseReason::Local);
                before.read_to_end();
                after.read_to_end();
            }
            _ => {
                host.engine
                    .set_remote(session, "m=message 0 TCP/MSRP *\r\n", None)
                    .expect("heard");
                assert_eq!(host.wait_closed(session).reason, CloseReason::StreamEnded);
                before.read_to_end();
                after.read_to_end();
            }
        }
    }
}

#[test]
fn relocation_says_what_is_wrong() {
    let host = Host::new();
    let session = host.session();
    let wildcard = Relocation {
        host: "0.0.0.0".into(),
        ..Relocation::default()
    };
    let error = host
        .engine
        .relocate(session, wildcard)
        .expect_err("no address for a path");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    let nowhere = Relocation {
        host: "192.0.2.1".into(),
        ..Relocation::default()
    };
    let error = host
        .engine
        .relocate(session, nowhere)
        .expect_err("not of this machine");
    assert_eq!(error.kind, ErrorKind::Connect);
    // Before anybody was told it is the only place.
    let before = path(&host, session);
    host.engine
        .relocate(session, Relocation::default())
        .expect("another port");
    assert_ne!(path(&host, session), before);
    host.engine.close(session, None).expect("closing");
    host.wait_closed(session);
    let gone = host
        .engine
        .relocate(session, Relocation::default())
        .expect_err("over");
    assert_eq!(gone.kind, ErrorKind::Gone);
}
