//! What goes out next: interruption, fairness, order, windows.

mod support;

use msrp_conformance::covers;
use std::time::Duration;

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, OutgoingMessage, SessionKey};
use msrp::wire::Continuation;
use support::{Pair, S1, contents, message, octets};

const MIB: usize = 1 << 20;

/// A pair whose `a` side writes into a narrow pipe, with a large message under way.
fn busy(chunk_len: u32, sessions: u64) -> Pair {
    let mut pair = Pair::with(&Limits::default(), sessions, |config| {
        config.chunk_len = chunk_len
    });
    pair.a.capacity = 8192;
    pair.a.split = 4096;
    pair.send_a(S1, message(Body::Whole(octets(4 * MIB, 1).into())));
    while pair.a.sent.len() < MIB {
        pair.step();
    }
    pair
}

#[test]
fn rfc4975_7_1_1_interrupts_chunk_over_2048_for_response() {
    let mut pair = busy(0, 1);
    let before = pair.a.sent.len();
    pair.send_b(S1, message(Body::Whole("answer me".into())));
    pair.run();
    assert!(
        pair.b
            .take()
            .iter()
            .any(|event| matches!(event, Event::Acknowledged(_)))
    );
    let frames = pair.a.frames();
    let mut position = 0;
    let mut response_at = None;
    for (head, body, flag) in &frames {
        position += head.header_len() + body.len();
        if !head.is_request() && position > before && response_at.is_none() {
            response_at = Some(position);
        }
        if head.content_type().is_some() && *flag == Continuation::More {
            assert!(body.len() >= 2048);
        }
    }
    // What was encoded already, one short chunk and the response: not the megabytes that wait.
    assert!(
        response_at.unwrap() - before < 128 * 1024,
        "{}",
        response_at.unwrap() - before
    );
    let chunks: Vec<_> = frames
        .iter()
        .filter(|(head, ..)| head.content_type().is_some())
        .collect();
    assert_eq!(chunks.len(), 2, "only one interruption");
    assert_eq!(
        chunks[1].0.byte_range().unwrap().offset(),
        chunks[0].1.len() as u64
    );
    assert_eq!(chunks[0].0.message_id(), chunks[1].0.message_id());
    assert_eq!(
        contents(
            &pair
                .b
                .events
                .iter()
                .map(|(_, event)| event.clone())
                .collect::<Vec<_>>()
        )
        .len(),
        0
    );
    covers!("C-129", "C-134", "T-24");
}

#[test]
fn without_other_traffic_a_message_is_one_chunk() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    let content = octets(3 * MIB, 2);
    pair.send_a(S1, message(Body::Whole(content.clone().into())));
    pair.run();
    assert!(contents(&pair.b.take()) == [(content, true)]);
    let chunks: Vec<_> = pair
        .a
        .frames()
        .into_iter()
        .filter(|(head, ..)| head.content_type().is_some())
        .collect();
    assert_eq!(chunks.len(), 1);
    assert_eq!(
        chunks[0].0.byte_range().unwrap().to_string(),
        format!("1-*/{}", 3 * MIB)
    );
    covers!("C-130");
}

#[test]
fn a_chat_line_overtakes_a_large_message_of_its_own_session() {
    for chunk_len in [0, 2048, 4096] {
        let mut pair = busy(chunk_len, 1);
        let before = pair.a.sent.len();
        pair.send_a(S1, message(Body::Whole("a line".into())));
        pair.run();
        let contents = contents(&pair.b.take());
        assert_eq!(
            contents[0],
            (b"a line".to_vec(), true),
            "chunk_len {chunk_len}"
        );
        assert_eq!(contents[1], (octets(4 * MIB, 1), true));
        let at = memchr::memmem::find(&pair.a.sent[before..], b"a line").unwrap();
        assert!(at < 128 * 1024, "{at} octets ahead of the line");
    }
}

#[test]
fn rfc4975_7_1_1_sessions_share_a_connection_by_turns() {
    for chunk_len in [0, 2048] {
        let mut pair = Pair::with(&Limits::default(), 4, |config| config.chunk_len = chunk_len);
        pair.a.capacity = 8192;
        for n in 1..=4 {
            pair.send_a(
                SessionKey(n),
                message(Body::Whole(octets(2 * MIB, n).into())),
            );
        }
        let mut arrived = [0usize; 5];
        while arrived.iter().sum::<usize>() < 4 * MIB {
            assert!(pair.step());
            for (key, event) in pair.b.events.drain(..) {
                if let Event::MessageBody { data, .. } = event {
                    arrived[key.0 as usize] += data.len();
                }
            }
        }
        let (least, most) = (
            arrived[1..].iter().min().unwrap(),
            arrived[1..].iter().max().unwrap(),
        );
        assert!(
            most - least < 64 * 1024,
            "chunk_len {chunk_len}: {arrived:?}"
        );
    }
    covers!("C-133");
}

#[test]
fn a_session_that_was_idle_goes_first() {
    let mut pair = busy(0, 3);
    pair.send_a(
        SessionKey(2),
        message(Body::Whole(octets(2 * MIB, 2).into())),
    );
    for _ in 0..200 {
        pair.step();
    }
    let before = pair.a.sent.len();
    pair.send_a(SessionKey(3), message(Body::Whole("idle until now".into())));
    pair.run();
    let at = memchr::memmem::find(&pair.a.sent[before..], b"idle until now").unwrap();
    assert!(at < 80 * 1024, "{at} octets ahead of it");
}

#[test]
fn small_messages_do_not_starve_a_large_one() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    pair.a.capacity = 8192;
    let large = octets(MIB, 1);
    pair.send_a(S1, message(Body::Whole(large.into())));
    let mut small = 0;
    loop {
        // Always more than one turn's worth of small messages waits.
        while small < 20_000 && pair.a.connection.poll_transmit(pair.now) && small % 500 < 100 {
            pair.send_a(S1, message(Body::Whole(octets(1000, 3).into())));
            small += 1;
        }
        small += 1;
        assert!(pair.step(), "the large message waits for ever");
        if pair
            .b
            .take()
            .iter()
            .any(|event| matches!(event, Event::MessageEnd { .. }))
        {
            break;
        }
    }
}

#[test]
fn large_messages_of_one_session_take_turns() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    pair.a.capacity = 8192;
    for seed in 0..3 {
        pair.send_a(S1, message(Body::Whole(octets(MIB, seed).into())));
    }
    let mut arrived = std::collections::HashMap::new();
    while arrived.values().sum::<usize>() < 3 * MIB / 2 {
        assert!(pair.step());
        for event in pair.b.take() {
            if let Event::MessageBody { message, data, .. } = event {
                *arrived.entry(message).or_insert(0) += data.len();
            }
        }
    }
    assert_eq!(arrived.len(), 3);
    let (least, most) = (
        arrived.values().min().unwrap(),
        arrived.values().max().unwrap(),
    );
    assert!(most - least < 64 * 1024, "{arrived:?}");
}

#[test]
fn a_dry_producer_holds_nobody_up() {
    let mut pair = Pair::with(&Limits::default(), 2, |config| config.chunk_len = 0);
    let stream = pair.send_a(S1, message(Body::Stream(None)));
    pair.command_a(S1, Command::StreamData(stream, octets(5000, 1).into()));
    pair.run();
    // The chunk is open and nothing more comes. Other traffic ends it.
    pair.send_a(SessionKey(2), message(Body::Whole("other session".into())));
    pair.run();
    pair.send_a(S1, message(Body::Whole("own session".into())));
    pair.send_b(S1, message(Body::Whole("wants a response".into())));
    pair.run();
    let b = pair.b.take();
    assert!(
        b.iter()
            .any(|event| matches!(event, Event::Acknowledged(_)))
    );
    assert_eq!(
        b.iter()
            .filter(|event| matches!(event, Event::Message { .. }))
            .count(),
        2
    );
    // Less than 2048 octets wait for more, unless flushed.
    let before = pair.a.sent.len();
    pair.command_a(S1, Command::StreamData(stream, octets(100, 2).into()));
    pair.run();
    assert_eq!(pair.a.sent.len(), before);
    pair.command_a(S1, Command::StreamFlush(stream));
    pair.run();
    assert!(pair.a.sent.len() > before);
    pair.command_a(S1, Command::StreamData(stream, Bytes::from_static(b"end")));
    pair.command_a(S1, Command::StreamEnd(stream));
    pair.run();
    let content = [octets(5000, 1), octets(100, 2), b"end".to_vec()].concat();
    assert_eq!(
        contents(
            &b.into_iter()
                .chain(pair.b.take())
                .filter(|event| !matches!(event, Event::Message { .. }))
                .collect::<Vec<_>>()
        ),
        [(content, true)]
    );
}

#[test]
fn read_ahead_of_a_stream_is_bounded_by_what_was_asked_for() {
    let mut pair = Pair::new();
    pair.a.capacity = 4096;
    let stream = pair.send_a(S1, message(Body::Stream(None)));
    let (mut wanted, mut given, mut asked) = (0, 0, 0);
    let content = octets(2 * MIB, 4);
    while given < content.len() {
        for event in pair.a.take() {
            if let Event::DataWanted(_, len) = event {
                wanted += len;
                asked += 1;
            }
        }
        assert!(wanted - given <= Limits::default().read_ahead);
        let end = content.len().min(given + 10_000.min(wanted - given));
        if end > given {
            pair.command_a(
                S1,
                Command::StreamData(stream, Bytes::copy_from_slice(&content[given..end])),
            );
            given = end;
        }
        pair.step();
    }
    pair.command_a(S1, Command::StreamEnd(stream));
    pair.run();
    assert!(contents(&pair.b.take()) == [(content, true)]);
    assert!(asked < 2 * MIB / 10_000, "{asked} requests for data");
}

#[test]
fn at_1024_outstanding_a_session_waits_and_others_go_on() {
    let mut limits = Limits::default();
    limits.max_transactions = 4;
    let mut pair = Pair::with(&limits, 2, |_| {});
    // b's responses do not leave.
    pair.b.capacity = 0;
    pair.send_a(S1, message(Body::Whole(octets(2048 * 8, 1).into())));
    pair.send_a(SessionKey(2), message(Body::Whole("other".into())));
    pair.run();
    let sends = pair
        .a
        .frames()
        .iter()
        .filter(|(head, ..)| head.content_type().is_some())
        .count();
    assert_eq!(sends, 4 + 1);
    pair.b.capacity = usize::MAX;
    pair.run();
    assert_eq!(contents(&pair.b.take()).len(), 2);
}

#[test]
fn rfc4975_7_1_1_timer_runs_from_the_last_octet_of_the_chunk() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    let start = pair.now;
    let sent = pair.send_a(S1, message(Body::Whole(octets(MIB, 1).into())));
    // An hour for the chunk, a little at a time.
    pair.b.capacity = 0;
    pair.a.capacity = 0;
    for _ in 0..240 {
        pair.a.capacity = 4096;
        pair.step();
        pair.a.capacity = 0;
        pair.advance(Duration::from_secs(15));
    }
    assert!(
        pair.a
            .take()
            .iter()
            .all(|event| !matches!(event, Event::Failed(..) | Event::Closed { .. }))
    );
    pair.a.capacity = usize::MAX;
    pair.run();
    pair.advance(Duration::from_millis(29_900));
    assert!(
        pair.a
            .take()
            .iter()
            .all(|event| !matches!(event, Event::Failed(..)))
    );
    pair.advance(Duration::from_millis(200));
    assert!(
        pair.a
            .take()
            .contains(&Event::Failed(sent, msrp::proto::Failure::Timeout))
    );
    assert!(pair.now > start + Duration::from_secs(3600));
    // The response comes at last: nothing happens.
    pair.b.capacity = usize::MAX;
    pair.run();
    assert_eq!(pair.a.take(), []);
    covers!("C-240", "C-251", "C-252", "T-14");
}

#[test]
fn write_stall_closes_the_connection_with_that_reason() {
    let mut pair = Pair::new();
    pair.a.capacity = 0;
    let sent = pair.send_a(S1, message(Body::Whole("never leaves".into())));
    pair.advance(Duration::from_secs(29));
    assert_eq!(pair.a.take(), []);
    pair.advance(Duration::from_secs(2));
    let reason = msrp::proto::CloseReason::WriteStall;
    assert_eq!(
        pair.a.take(),
        [Event::Closed {
            reason,
            unacknowledged: vec![sent]
        }]
    );
}

#[test]
fn a_refused_message_stops_at_once() {
    for chunk_len in [0, 2048] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| {
            config.chunk_len = chunk_len;
            config.max_size = Some(100_000);
        });
        pair.a.capacity = 8192;
        let stream = pair.send_a(S1, message(Body::Stream(None)));
        pair.command_a(S1, Command::StreamData(stream, octets(250_000, 1).into()));
        pair.run();
        let a = pair.a.take();
        let refused = |event: &Event| matches!(event, Event::Failed(key, msrp::proto::Failure::Status { code, .. }) if *key == stream && code.0 == 413);
        assert!(a.iter().any(refused), "{a:?}");
        assert!(pair.a.sent.len() < 200_000);
        let b = contents(&pair.b.take());
        assert_eq!(b.len(), 1);
        assert!(!b[0].1 && b[0].0.len() <= 100_000);
        let aborts = pair
            .a
            .frames()
            .iter()
            .filter(|(_, _, flag)| *flag == Continuation::Abort)
            .count();
        assert_eq!(aborts, usize::from(chunk_len == 0));
        let next = pair.send_a(S1, message(Body::Whole("still alive".into())));
        pair.run();
        assert!(pair.a.take().contains(&Event::Acknowledged(next)));
    }
    covers!("C-164", "C-165", "C-230", "C-241", "S-057", "T-51");
}

#[test]
fn closing_finishes_what_is_under_way() {
    let mut pair = Pair::new();
    let sent = pair.send_a(
        S1,
        OutgoingMessage {
            success_report: true,
            ..message(Body::Whole(octets(300_000, 1).into()))
        },
    );
    pair.command_a(S1, Command::Close(pair.now + Duration::from_secs(5)));
    pair.run();
    let a = pair.a.take();
    assert!(a.contains(&Event::Acknowledged(sent)));
    assert_eq!(
        a.last(),
        Some(&Event::Closed {
            reason: msrp::proto::CloseReason::Local,
            unacknowledged: vec![]
        })
    );
    assert_eq!(contents(&pair.b.take()), [(octets(300_000, 1), true)]);
    assert_eq!(pair.a.connection.sessions(), 0);
}

#[test]
fn closing_aborts_at_the_deadline_what_is_not_answered() {
    let mut pair = busy(0, 2);
    pair.a.capacity = 0;
    pair.command_a(S1, Command::Close(pair.now + Duration::from_secs(5)));
    pair.advance(Duration::from_secs(6));
    let a = pair.a.take();
    let Some(Event::Closed {
        reason: msrp::proto::CloseReason::Local,
        unacknowledged,
    }) = a.last()
    else {
        panic!("{a:?}")
    };
    assert_eq!(unacknowledged.len(), 1);
    pair.a.capacity = usize::MAX;
    pair.run();
    assert!(!contents(&pair.b.take())[0].1);
    assert_eq!(pair.a.frames().last().unwrap().2, Continuation::Abort);
    // The other session lives.
    let next = pair.send_a(SessionKey(2), message(Body::Whole("alive".into())));
    pair.run();
    assert!(pair.a.take().contains(&Event::Acknowledged(next)));
}

#[test]
fn a_chat_line_behind_a_gibibyte_of_its_own_session_has_few_octets_ahead_of_it() {
    for chunk_len in [0, 2048] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len);
        pair.a.capacity = 8192;
        pair.send_a(S1, message(Body::Whole(Bytes::from(vec![0; 1 << 30]))));
        while pair.a.sent.len() < MIB {
            pair.step();
        }
        let before = pair.a.sent.len();
        pair.send_a(S1, message(Body::Whole("how far are you?".into())));
        let mut events = Vec::new();
        while !events
            .iter()
            .any(|event| matches!(event, Event::Message { .. }))
        {
            assert!(pair.step(), "the line never comes");
            events.extend(pair.b.take());
        }
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, Event::MessageEnd { .. }))
        );
        let ahead = pair.a.sent.len() - before;
        assert!(ahead < 128 * 1024, "chunk_len {chunk_len}: {ahead} octets");
    }
    covers!("C-129");
}
