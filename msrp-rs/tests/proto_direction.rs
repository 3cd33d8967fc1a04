//! RFC 4975 §8.9: a direction stops ordinary messages, and nothing else, in both directions and at any moment.

mod support;

use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, Failure, Flow, MessageEnd, OutgoingMessage};
use msrp::wire::{Continuation, Method, StatusCode};
use msrp_conformance::covers;
use support::bench::{Bench, FROM, TO, send};
use support::{Pair, S1, contents, message, octets};

const HELD: Flow = Flow {
    sends: false,
    receives: true,
};
const HOLDS: Flow = Flow {
    sends: true,
    receives: false,
};
const INACTIVE: Flow = Flow {
    sends: false,
    receives: false,
};

const IMDN: &str = "From: <im:b@example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\r\n\
                    Content-Type: message/imdn+xml\r\n\r\n<imdn/>";

fn text(body: &'static str) -> OutgoingMessage {
    message(Body::Whole(body.into()))
}

fn bodies(pair: &Pair) -> usize {
    let frames = pair.a.frames();
    let is_chunk = |head: &msrp::wire::Head| head.is_request() && head.content_type().is_some();
    frames.iter().filter(|(head, ..)| is_chunk(head)).count()
}

#[test]
fn rfc4975_8_9_an_inactive_session_is_bound_and_carries_all_but_messages() {
    // The binding SENDs of `with` pass.
    let mut pair = Pair::with(&Limits::default(), 1, |config| {
        config.flow = INACTIVE;
        config.methods = std::sync::Arc::from([Method::from_word("PING")]);
        config.keep_alive = Some(std::time::Duration::from_secs(10));
    });
    let waiting = pair.send_a(S1, text("later"));
    let control = OutgoingMessage {
        control: true,
        content_type: "message/cpim".into(),
        ..text(IMDN)
    };
    let told = pair.send_a(S1, control);
    let asked = pair.send_a(
        S1,
        OutgoingMessage {
            method: Method::from_word("PING"),
            ..message(Body::None)
        },
    );
    pair.run();
    let at_b = pair.b.take();
    let [got] = &contents(&at_b)[..] else {
        panic!("only the control message comes: {at_b:?}");
    };
    assert_eq!(got.0, IMDN.as_bytes());
    let request = at_b.iter().find_map(|event| match event {
        Event::Request { message, .. } => Some(*message),
        _ => None,
    });
    let answer = msrp::proto::Answer::new(StatusCode::OK);
    let request = request.expect("other methods come");
    pair.command_b(S1, Command::Answer(request, Box::new(answer)));
    // Keep-alives go on.
    let before = pair.a.frames().len();
    pair.advance(std::time::Duration::from_secs(25));
    assert!(pair.a.frames().len() > before);
    let events = pair.a.take();
    assert!(events.contains(&Event::Acknowledged(told)));
    assert!(events.contains(&Event::Acknowledged(asked)));
    assert!(!events.contains(&Event::Acknowledged(waiting)));
    covers!("S-145", "S-146");
}

#[test]
fn rfc4975_8_9_what_waits_in_a_hold_goes_out_in_order_when_it_ends() {
    let mut pair = Pair::new();
    pair.command_a(S1, Command::SetFlow(HELD));
    for body in ["one", "two"] {
        pair.send_a(S1, text(body));
    }
    let large = octets(100_000, 3);
    pair.send_a(S1, message(Body::Whole(large.clone().into())));
    pair.send_a(S1, text("three"));
    pair.advance(std::time::Duration::from_secs(100));
    assert_eq!(pair.b.take(), []);
    // Said again, it is the same.
    pair.command_a(S1, Command::SetFlow(HELD));
    pair.command_a(S1, Command::SetFlow(Flow::default()));
    pair.run();
    let got = contents(&pair.b.take());
    let small = |body: &str| (body.as_bytes().to_vec(), true);
    assert_eq!(
        got,
        [small("one"), small("two"), small("three"), (large, true)]
    );
    let events = pair.a.take();
    let done = events
        .iter()
        .filter(|e| matches!(e, Event::Acknowledged(_)));
    assert_eq!(done.count(), 4);
}

#[test]
fn rfc4975_8_9_a_message_under_way_stops_at_a_chunk_and_goes_on_later() {
    for chunk_len in [0, 2048, 100_000] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len);
        pair.a.capacity = 8 * 1024;
        let content = octets(600_000, 5);
        let transfer = pair.send_a(S1, message(Body::Whole(content.clone().into())));
        for _ in 0..4 {
            pair.step();
        }
        pair.command_a(S1, Command::SetFlow(HELD));
        pair.a.capacity = usize::MAX;
        pair.run();
        let stopped = pair.a.frames();
        let (.., flag) = stopped.last().expect("a chunk");
        assert_eq!(*flag, Continuation::More, "no chunk stays open");
        let sent = bodies(&pair);
        pair.advance(std::time::Duration::from_secs(60));
        assert_eq!(bodies(&pair), sent, "nothing is sent meanwhile");
        pair.command_a(S1, Command::SetFlow(Flow::default()));
        pair.run();
        assert_eq!(contents(&pair.b.take()), [(content, true)], "{chunk_len}");
        assert!(pair.a.take().contains(&Event::Acknowledged(transfer)));
    }
}

#[test]
fn a_stream_is_held_too_and_may_be_given_up_or_closed() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    let stream = pair.send_a(S1, message(Body::Stream(None)));
    pair.command_a(S1, Command::StreamData(stream, octets(10_000, 1).into()));
    pair.run();
    pair.command_a(S1, Command::SetFlow(HELD));
    pair.run();
    let sent = bodies(&pair);
    pair.command_a(S1, Command::StreamData(stream, octets(10_000, 2).into()));
    let other = pair.send_a(S1, message(Body::Stream(Some(4))));
    pair.command_a(S1, Command::StreamData(other, octets(4, 2).into()));
    pair.run();
    assert_eq!(bodies(&pair), sent);
    pair.command_a(S1, Command::Abort(stream));
    pair.run();
    assert!(
        pair.a
            .take()
            .contains(&Event::Failed(stream, Failure::Aborted))
    );
    let ended = |event: &Event| matches!(event, Event::MessageEnd { end, .. } if *end == MessageEnd::Aborted);
    assert!(pair.b.take().iter().any(ended), "the peer is told");
    // What waits does not keep the session from its end.
    let deadline = pair.now + std::time::Duration::from_secs(5);
    pair.command_a(S1, Command::Close(deadline));
    pair.advance(std::time::Duration::from_secs(6));
    let events = pair.a.take();
    let unacknowledged = events.iter().find_map(|event| match event {
        Event::Closed { unacknowledged, .. } => Some(unacknowledged.clone()),
        _ => None,
    });
    assert_eq!(unacknowledged, Some(vec![other]));
}

#[test]
fn rfc4975_8_9_messages_that_are_not_taken_get_403_and_the_session_goes_on() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    pair.a.capacity = 4096;
    // Begun before: its sender could not know.
    let content = octets(300_000, 7);
    let begun = pair.send_a(S1, message(Body::Whole(content.clone().into())));
    for _ in 0..3 {
        pair.step();
    }
    pair.command_b(S1, Command::SetFlow(HOLDS));
    let refused = pair.send_a(S1, text("not now"));
    let control = OutgoingMessage {
        content_type: "application/im-iscomposing+xml".into(),
        ..text("<isComposing/>")
    };
    let told = pair.send_a(S1, control);
    pair.a.capacity = usize::MAX;
    pair.run();
    let events = pair.a.take();
    assert!(events.contains(&Event::Acknowledged(begun)));
    assert!(events.contains(&Event::Acknowledged(told)));
    let failed = events.iter().find_map(|event| match event {
        Event::Failed(transfer, Failure::Status { code, .. }) => Some((*transfer, *code)),
        _ => None,
    });
    assert_eq!(failed, Some((refused, StatusCode::FORBIDDEN)));
    let mut got = contents(&pair.b.take());
    got.sort_by_key(|(body, _)| body.len());
    assert_eq!(got, [(b"<isComposing/>".to_vec(), true), (content, true)]);
    // We send all the while, and after it the peer does, too.
    pair.send_b(S1, text("hold on"));
    pair.command_b(S1, Command::SetFlow(Flow::default()));
    pair.send_a(S1, text("again"));
    pair.run();
    assert_eq!(contents(&pair.a.take()), [(b"hold on".to_vec(), true)]);
    assert_eq!(contents(&pair.b.take()), [(b"again".to_vec(), true)]);
    covers!("S-145");
}

#[test]
fn the_inside_of_cpim_tells_what_it_is_however_it_is_split() {
    for (inside, status) in [
        ("Content-Type: message/imdn+xml\r\n\r\n<imdn/>", "200"),
        ("Content-Type: text/plain\r\n\r\nhello", "403"),
        ("\r\nhello", "403"),
        ("Content-Type", "403"),
        ("", "403"),
    ] {
        let body = format!("From: <im:a@example>\r\n\r\n{inside}");
        let frame = format!(
            "MSRP tid1 SEND\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\nMessage-ID: m1xx\r\n\
             Byte-Range: 1-{len}/{len}\r\nContent-Type: message/cpim\r\n\r\n{body}\r\n-------tid1$\r\n",
            len = body.len()
        );
        for split in 1..frame.len() {
            let mut bench = Bench::with(|config| config.flow = HOLDS);
            bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
            let (first, second) = frame.split_at(split);
            bench.feed(first);
            bench.feed(second);
            let frames = support::frames(&bench.side.sent);
            let (answer, ..) = frames.last().expect("an answer");
            assert_eq!(
                answer.status().map(|s| s.0.to_string()).as_deref(),
                Some(status),
                "{split} {inside:?}"
            );
            let got = contents(&bench.side.take());
            match status {
                "200" => assert_eq!(got, [(body.as_bytes().to_vec(), true)]),
                _ => assert_eq!(got, []),
            }
        }
    }
}

#[test]
fn a_message_that_was_refused_stays_refused() {
    let mut bench = Bench::with(|config| config.flow = HOLDS);
    bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
    let first = "Message-ID: m1xx\r\nByte-Range: 1-2/4\r\n";
    bench.feed(send("tid1", first, Some("ab"), '+'));
    let command = Command::SetFlow(Flow::default());
    let (side, now) = (&mut bench.side, bench.now);
    side.connection.handle_command(now, S1, command);
    let rest = "Message-ID: m1xx\r\nByte-Range: 3-4/4\r\n";
    bench.feed(send("tid2", rest, Some("cd"), '$'));
    let other = "Message-ID: m2xx\r\nByte-Range: 1-2/2\r\n";
    bench.feed(send("tid3", other, Some("ef"), '$'));
    let statuses: Vec<_> = support::frames(&bench.side.sent)
        .iter()
        .filter_map(|(head, ..)| head.status())
        .map(|status| status.0)
        .collect();
    assert_eq!(statuses, [200, 403, 403, 200]);
    assert_eq!(contents(&bench.side.take()), [(b"ef".to_vec(), true)]);
}
