//! Offers and answers over the life of a session (RFC 3264, RFC 4975 §8.4, §8.9): which may be open, how the version
//! grows, what a hold does, and how port 0 ends a session.

mod engine_support;

use engine_support::{Host, PATIENCE, RawPeer, pair, pair_with, passive, remote_uri};
use msrp::engine::{
    Event, SendBody, SendOptions, SessionHandle, SessionOptions, SessionState, SetupPreference,
};
use msrp::error::{ErrorKind, Origin};
use msrp::proto::CloseReason;
use msrp::sdp::Direction;
use msrp::wire::StatusCode;
use msrp_conformance::covers;

fn line<'a>(sdp: &'a str, start: &str) -> &'a str {
    let mut lines = sdp.lines();
    lines.find(|line| line.starts_with(start)).unwrap_or("")
}

fn version(sdp: &str) -> u64 {
    let version = line(sdp, "o=").split(' ').nth(2).expect("a version");
    version.parse().expect("a number")
}

/// What of the `o=` line stays.
fn identity(sdp: &str) -> Vec<String> {
    let parts = line(sdp, "o=").split(' ').enumerate();
    let kept = parts.filter(|(at, _)| *at != 2);
    kept.map(|(_, part)| part.to_owned()).collect()
}

fn exchange(from: &Host, one: SessionHandle, to: &Host, two: SessionHandle) -> (String, String) {
    let offer = from.engine.create_offer(one).expect("an offer");
    let answer = to
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    from.engine.set_remote(one, &answer, None).expect("taken");
    (offer, answer)
}

fn connections(host: &Host) -> u64 {
    host.engine.stats().connections
}

#[track_caller]
fn chat(a: &Host, one: SessionHandle, b: &Host, two: SessionHandle) {
    let before = (
        b.seen(|seen| seen.messages.get(&two).map_or(0, Vec::len)),
        a.seen(|seen| seen.messages.get(&one).map_or(0, Vec::len)),
    );
    a.wait_acknowledged_with(b, a.send(one, "there"));
    b.wait_acknowledged_with(a, b.send(two, "and back"));
    b.wait_messages(two, before.0 + 1);
    a.wait_messages(one, before.1 + 1);
}

fn any_type() -> SessionOptions {
    SessionOptions {
        accept_types: Some(vec!["*".into()]),
        ..SessionOptions::default()
    }
}

#[test]
fn rfc3264_8_a_refresh_is_the_same_text_and_a_change_the_next_version() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let local = a.engine.local_path(one).expect("a path");
    let (first, answered) = exchange(&a, one, &b, two);
    let (again, answered_again) = exchange(&a, one, &b, two);
    assert_eq!((&first, &answered), (&again, &answered_again));
    assert_eq!((version(&first), version(&answered)), (1, 1));
    // A change of anything, and back again.
    a.engine
        .set_direction(one, Direction::SendOnly)
        .expect("set");
    let (held, held_answer) = exchange(&a, one, &b, two);
    assert_eq!((version(&held), version(&held_answer)), (2, 2));
    assert_eq!(identity(&held), identity(&first));
    assert_eq!(identity(&held_answer), identity(&answered));
    a.engine
        .set_direction(one, Direction::SendRecv)
        .expect("set");
    let (resumed, resumed_answer) = exchange(&a, one, &b, two);
    assert_eq!((version(&resumed), version(&resumed_answer)), (3, 3));
    // Who answered passive cannot say so in an offer.
    assert_eq!(line(&resumed_answer, "a=setup"), "a=setup:passive");
    let (theirs, ours) = exchange(&b, two, &a, one);
    assert_eq!((version(&theirs), version(&ours)), (4, 4));
    assert_eq!(identity(&theirs), identity(&answered));
    assert_eq!(line(&theirs, "a=setup"), "a=setup:actpass");
    let (theirs_again, ours_again) = exchange(&b, two, &a, one);
    assert_eq!((theirs, ours), (theirs_again, ours_again));
    // Nothing of this touched the session.
    assert_eq!(a.engine.local_path(one).expect("a path"), local);
    chat(&a, one, &b, two);
    assert_eq!((connections(&a), connections(&b)), (1, 1));
    covers!("S-132", "S-133", "S-134", "S-135", "S-139", "S-163");
}

#[test]
fn rfc3264_8_other_streams_keep_their_lines_in_our_offers() {
    let host = Host::new();
    let session = host.session();
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio 7000 RTP/AVP 0 8\r\nm=message 2855 TCP/MSRP *\r\na=path:{}\r\na=accept-types:*\r\n\
         a=setup:active\r\nm=video 7002 RTP/AVP 31\r\n",
        remote_uri(2855)
    );
    let answer = host
        .engine
        .create_answer(session, &offer, None)
        .expect("one");
    let ours = host.engine.create_offer(session).expect("an offer");
    for sdp in [&answer, &ours] {
        let media: Vec<_> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
        let [audio, message, video] = media[..] else {
            panic!("three lines: {sdp}");
        };
        assert_eq!(audio, "m=audio 0 RTP/AVP 0 8");
        assert!(message.starts_with("m=message ") && !message.contains(" 0 "));
        assert_eq!(video, "m=video 0 RTP/AVP 31");
    }
    assert_eq!((version(&answer), version(&ours)), (1, 2));
    covers!("S-130", "S-132");
}

#[test]
fn a_repeated_passive_offer_is_answered_active_and_changes_nothing() {
    let host = Host::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = host.session();
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=message {port} TCP/MSRP *\r\na=path:{}\r\na=accept-types:*\r\na=setup:passive\r\n",
        remote_uri(port)
    );
    let answer = host
        .engine
        .create_answer(session, &offer, None)
        .expect("one");
    assert_eq!(line(&answer, "a=setup"), "a=setup:active");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut peer = RawPeer::from_stream(listener.accept().expect("it comes").0);
    let binding = peer.frame();
    peer.answer(&binding, "200 OK");
    host.wait_opened(session);
    for _ in 0..3 {
        let again = host.engine.create_answer(session, &offer, None);
        assert_eq!(again.as_deref(), Ok(&*answer));
    }
    let sent = host.send(session, "still there");
    let request = peer.frame();
    assert!(
        request.contains("still there"),
        "no other binding: {request}"
    );
    peer.answer(&request, "200 OK");
    host.wait_acknowledged(sent);
    assert_eq!(connections(&host), 1);
    covers!("S-134", "S-163");
}

#[test]
fn rfc3264_4_one_offer_is_open_at_a_time() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let busy = |result: Result<String, msrp::Error>| {
        assert_eq!(result.expect_err("busy").kind, ErrorKind::Busy);
    };
    let offer = a.engine.create_offer(one).expect("an offer");
    assert_eq!(a.engine.create_offer(one).as_ref(), Ok(&offer));
    let block = a.engine.offer_media(one).expect("the same");
    let attributes = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("a="));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(attributes(&offer), attributes(&block));
    a.engine
        .set_direction(one, Direction::Inactive)
        .expect("set");
    busy(a.engine.create_offer(one));
    busy(a.engine.offer_media(one));
    // Glare: theirs is refused with 491, and ours goes on or is taken back.
    let theirs = b.engine.create_offer(two).expect("an offer");
    busy(a.engine.create_answer(one, &theirs, None));
    busy(b.engine.create_answer(two, &offer, None));
    a.engine.rollback_offer(one).expect("taken back");
    a.engine.rollback_offer(one).expect("nothing to take back");
    let answer = a.engine.create_answer(one, &theirs, None).expect("now");
    assert_eq!(line(&answer, "a=inactive"), "a=inactive");
    b.engine.set_remote(two, &answer, None).expect("taken");
    assert_eq!(
        b.engine.directions(two).expect("known").agreed,
        Direction::Inactive
    );

    // By blocks: an offer of the peer waits for our answer.
    a.engine
        .set_direction(one, Direction::SendRecv)
        .expect("set");
    let block = b.engine.offer_media(two).expect("an offer");
    b.engine.rollback_offer(two).expect("forgotten");
    let changed = block.replace("a=path", "a=max-size:5000\r\na=path");
    a.engine.set_remote(one, &changed, None).expect("heard");
    busy(a.engine.create_offer(one));
    let ours = a.engine.local_media(one).expect("the answer");
    assert!(ours.contains("a=setup:"), "{ours}");
    assert!(!ours.contains("actpass"), "{ours}");
    a.engine.create_offer(one).expect("answered");
    a.engine.rollback_offer(one).expect("taken back");
    // One that is refused instead.
    let other = block.replace("a=path", "a=max-size:6000\r\na=path");
    a.engine.set_remote(one, &other, None).expect("heard");
    a.engine.rollback_offer(one).expect("refused by SIP");
    a.engine.create_offer(one).expect("an offer");
    covers!("S-141");
}

#[test]
fn an_answer_that_comes_twice_is_no_offer() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let (_, answer) = exchange(&a, one, &b, two);
    // As in a reliable provisional response and again in the final one.
    a.engine.set_remote(one, &answer, None).expect("again");
    a.engine
        .create_offer(one)
        .expect("nothing waits for an answer");
    chat(&a, one, &b, two);
}

#[test]
fn asking_for_our_block_does_not_keep_us_from_answering() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = (a.session(), b.session());
    let shown = b.engine.local_media(two).expect("a block");
    assert!(shown.contains("actpass"));
    exchange(&a, one, &b, two);
    b.engine.open(two, Some(PATIENCE)).expect("waits");
    a.engine.open(one, Some(PATIENCE)).expect("connects");
    a.wait_opened(one);
    b.wait_opened(two);
    // Later it only shows.
    assert!(a.engine.local_media(one).expect("ours").contains("actpass"));
    let offer = b.engine.offer_media(two).expect("an offer");
    a.engine
        .set_remote(one, &offer, None)
        .expect("heard as an offer");
    assert!(
        !a.engine
            .local_media(one)
            .expect("the answer")
            .contains("actpass")
    );
    chat(&a, one, &b, two);
}

#[test]
fn rfc4975_8_9_a_hold_stops_messages_both_ways_as_it_says() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair_with(&a, any_type(), &b, any_type());
    for (wish, at_peer) in [
        (SendOnly, RecvOnly),
        (RecvOnly, SendOnly),
        (Inactive, Inactive),
        (SendRecv, SendRecv),
    ] {
        a.engine.set_direction(one, wish).expect("set");
        let before = a.engine.directions(one).expect("known");
        assert_eq!(before.wished, wish);
        exchange(&a, one, &b, two);
        let (ours, theirs) = (
            a.engine.directions(one).expect("known"),
            b.engine.directions(two).expect("known"),
        );
        assert_eq!((ours.agreed, theirs.agreed), (wish, at_peer));
        assert_eq!((ours.remote, theirs.remote), (Some(wish), Some(at_peer)));
        assert_eq!(theirs.wished, SendRecv, "it takes what it gets");
        for (from, session, to, peer, may) in [
            (&a, one, &b, two, wish.sends()),
            (&b, two, &a, one, at_peer.sends()),
        ] {
            let refused = from.try_send(session, b"a message".to_vec());
            match refused {
                Ok(transfer) => {
                    assert!(may);
                    from.wait_acknowledged_with(to, transfer);
                }
                Err(error) => {
                    assert!(!may, "{error}");
                    assert_eq!(
                        (error.kind, error.status),
                        (ErrorKind::Status, Some(StatusCode::FORBIDDEN))
                    );
                    assert_eq!(error.origin, Origin::Local);
                    assert!(error.context.contains("§8.9"), "{error}");
                }
            }
            // What reports and controls passes.
            for (content_type, control) in [("text/plain", true), ("message/imdn+xml", false)] {
                let options = SendOptions {
                    content_type: content_type.into(),
                    control,
                    ..SendOptions::default()
                };
                if control && !may {
                    // The peer, this engine, cannot know that a text is control.
                    continue;
                }
                let body = SendBody::Bytes("report".into());
                let sent = from.engine.send(session, options, body).expect("admitted");
                from.wait_acknowledged_with(to, sent.transfer);
                let _ = peer;
            }
        }
    }
    chat(&a, one, &b, two);
    assert_eq!((connections(&a), connections(&b)), (1, 1));
    covers!("S-145", "S-144");
}

#[test]
fn a_message_that_the_peer_begins_against_the_agreement_gets_403() {
    let host = Host::new();
    let (session, uri) = passive(&host);
    let mut peer = RawPeer::connect(&uri);
    peer.send(&uri, &remote_uri(2855), "bind0001", "hi");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    host.wait_opened(session);
    // Without SDP it holds at once.
    host.engine
        .set_direction(session, Direction::SendOnly)
        .expect("set");
    host.wait_acknowledged_with(&host, {
        let sent = host.send(session, "ours");
        let request = peer.frame();
        peer.answer(&request, "200 OK");
        sent
    });
    peer.send(&uri, &remote_uri(2855), "late0001", "not now");
    let refusal = peer.frame();
    assert!(refusal.starts_with("MSRP late0001 403 "), "{refusal}");
    host.engine
        .set_direction(session, Direction::SendRecv)
        .expect("set");
    // The command is on its way before the next frame is read.
    host.wait_acknowledged_with(&host, {
        let sent = host.send(session, "ours again");
        let request = peer.frame();
        peer.answer(&request, "200 OK");
        sent
    });
    peer.send(&uri, &remote_uri(2855), "next0001", "now");
    assert!(peer.frame().starts_with("MSRP next0001 200"));
    assert_eq!(host.engine.state(session), Ok(SessionState::Open));
    covers!("S-145");
}

#[test]
fn rfc3264_8_4_the_old_way_of_hold_stops_our_messages_only() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let waiting = "x".repeat(1000);
    let offer = b.engine.create_offer(two).expect("an offer");
    let held = offer.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    let answer = a.engine.create_answer(one, &held, None).expect("an answer");
    assert_eq!(line(&answer, "a=recvonly"), "a=recvonly");
    let error = a.try_send(one, waiting.clone().into()).expect_err("held");
    assert_eq!(error.status, Some(StatusCode::FORBIDDEN));
    assert_eq!(
        a.engine.directions(one).expect("known").agreed,
        Direction::RecvOnly
    );
    // The other side may still say something, and the connection stays.
    b.engine
        .rollback_offer(two)
        .expect("as if it had not been changed on its way");
    b.wait_acknowledged_with(&a, b.send(two, "music"));
    a.wait_messages(one, 1);
    a.engine.create_answer(one, &offer, None).expect("resumed");
    chat(&a, one, &b, two);
    assert_eq!((connections(&a), connections(&b)), (1, 1));
    covers!("S-164");
}

#[test]
fn a_session_may_begin_held_and_be_bound_all_the_same() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair_with(
        &a,
        SessionOptions {
            direction: Direction::Inactive,
            ..SessionOptions::default()
        },
        &b,
        SessionOptions {
            setup: SetupPreference::Active,
            ..SessionOptions::default()
        },
    );
    assert_eq!(
        b.engine.directions(two).expect("known").agreed,
        Direction::Inactive
    );
    a.engine
        .set_direction(one, Direction::SendRecv)
        .expect("set");
    exchange(&a, one, &b, two);
    chat(&a, one, &b, two);
    covers!("S-146");
}

#[test]
fn what_waits_in_a_hold_goes_out_after_it() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = (a.session(), b.session());
    exchange(&a, one, &b, two);
    // Admitted before anybody is connected, held before that, too.
    let sent: Vec<_> = (0..10).map(|n| a.send(one, &format!("line {n}"))).collect();
    let large = a.try_send(one, vec![b'x'; 500_000]).expect("admitted");
    b.engine
        .set_direction(two, Direction::SendOnly)
        .expect("set");
    exchange(&b, two, &a, one);
    b.engine.open(two, Some(PATIENCE)).expect("waits");
    a.engine.open(one, Some(PATIENCE)).expect("connects");
    a.wait_opened(one);
    b.wait_opened(two);
    b.wait_acknowledged_with(&a, b.send(two, "on hold"));
    assert!(
        b.seen(|seen| !seen.messages.contains_key(&two)),
        "nothing comes"
    );
    b.engine
        .set_direction(two, Direction::SendRecv)
        .expect("set");
    exchange(&b, two, &a, one);
    for transfer in sent.into_iter().chain([large]) {
        a.wait_acknowledged_with(&b, transfer);
    }
    let got = b.wait_messages(two, 11);
    assert_eq!(got[3].body, b"line 3");
    assert_eq!(got[10].body.len(), 500_000);
}

#[test]
fn rfc3264_8_2_port_0_ends_the_session_and_nothing_else() {
    let (a, b) = (Host::new(), Host::new());
    let listener = a
        .engine
        .listen(msrp::engine::ListenOptions {
            host: "127.0.0.1".into(),
            ..Default::default()
        })
        .expect("listens");
    let shared = || SessionOptions {
        listener: Some(listener),
        ..SessionOptions::default()
    };
    let (two, one) = pair_with(&b, SessionOptions::default(), &a, shared());
    let (four, three) = pair_with(&b, SessionOptions::default(), &a, shared());
    assert_eq!((connections(&a), connections(&b)), (1, 1), "both on one");
    let under_way = a.send(one, "may be lost");
    let _ = under_way;
    let offer = b.engine.create_offer(two).expect("an offer");
    let port = line(&offer, "m=")
        .split(' ')
        .nth(1)
        .expect("a port")
        .to_owned();
    let ended = offer.replace(&format!("m=message {port} "), "m=message 0 ");
    let before = b.engine.create_answer(two, "v=0\r\n", None);
    assert!(before.is_err());
    let answer = a
        .engine
        .create_answer(one, &ended, None)
        .expect("an answer");
    assert!(
        line(&answer, "m=").starts_with("m=message 0 TCP/MSRP"),
        "{answer}"
    );
    let closed = a.wait_closed(one);
    assert_eq!(closed.reason, CloseReason::StreamEnded);
    assert_eq!(closed.error.expect("said").kind, ErrorKind::Gone);
    // The offerer hears of it by the answer.
    b.engine.set_remote(two, &answer, None).expect("taken");
    assert_eq!(b.wait_closed(two).reason, CloseReason::StreamEnded);
    chat(&b, four, &a, three);
    assert_eq!((connections(&a), connections(&b)), (1, 1));
    covers!("S-142", "S-013");
}

#[test]
fn port_0_is_the_end_at_any_moment_of_a_session() {
    let zero = "m=message 0 TCP/MSRP *\r\n";
    // Before anything, with an offer out, and while it waits.
    for step in 0..4 {
        let (a, b) = (Host::new(), Host::new());
        let one = a.session();
        if step > 0 {
            let offer = a.engine.create_offer(one).expect("an offer");
            if step > 1 {
                let two = b.session();
                let answer = b.engine.create_answer(two, &offer, None).expect("one");
                a.engine.set_remote(one, &answer, None).expect("taken");
                if step > 2 {
                    a.engine.open(one, Some(PATIENCE)).expect("connects");
                }
            }
        }
        a.engine.set_remote(one, zero, None).expect("heard");
        assert_eq!(
            a.wait_closed(one).reason,
            CloseReason::StreamEnded,
            "{step}"
        );
        // What is over needs no offers. Its handle may be gone, too.
        for result in [
            a.engine.create_offer(one).map(drop),
            a.engine.set_remote(one, zero, None),
            a.engine.set_direction(one, Direction::Inactive),
        ] {
            assert_eq!(result.expect_err("over").kind, ErrorKind::Gone);
        }
    }
    covers!("S-142");
}

#[test]
fn a_closing_session_takes_no_offers() {
    let host = Host::new();
    let (session, uri) = passive(&host);
    let mut peer = RawPeer::connect(&uri);
    peer.send(&uri, &remote_uri(2855), "bind0001", "hi");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    host.wait_opened(session);
    host.send(session, "unanswered");
    peer.frame();
    host.engine.close(session, Some(PATIENCE)).expect("closing");
    let offer = format!(
        "m=message 2855 TCP/MSRP *\r\na=path:{}\r\na=accept-types:*\r\n",
        remote_uri(2855)
    );
    for result in [
        host.engine.create_offer(session).map(drop),
        host.engine.offer_media(session).map(drop),
        host.engine.create_answer(session, &offer, None).map(drop),
        host.engine.set_remote(session, &offer, None),
    ] {
        assert_eq!(result.expect_err("closing").kind, ErrorKind::Gone);
    }
    host.engine.rollback_offer(session).expect("harmless");
    assert!(!host.seen(|seen| seen.has(session, |event| matches!(event, Event::Closed { .. }))));
}
