//! What sessions do differently for peers that need it: pacing, split dashes, matching by session-id alone.

mod support;

use std::time::Duration;

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{
    Body, Command, Event, OutgoingMessage, PACE, Pacing, SessionConfig, SessionKey, SessionMatch,
};
use msrp::wire::{FailureReport, Method, StatusCode};
use msrp_conformance::covers;
use support::bench::{self, Bench};
use support::{Entry, Pair, S1, config, contents, frames, message, octets, uri};

fn one(config: &mut SessionConfig) {
    config.pacing = Pacing::One;
}

fn text(body: &str) -> OutgoingMessage {
    message(Body::Whole(body.to_owned().into()))
}

/// SENDs among these octets.
fn sends(octets: &[u8]) -> usize {
    let is_send = |head: &msrp::wire::Head| head.method() == Some(&Method::Send);
    frames(octets)
        .iter()
        .filter(|(head, ..)| is_send(head))
        .count()
}

fn responses(octets: &[u8]) -> usize {
    let frames = frames(octets);
    frames
        .iter()
        .filter(|(head, ..)| head.status().is_some())
        .count()
}

/// Asserts that each write of `side` was one whole frame.
fn assert_one_frame_per_write(side: &support::Side) {
    let mut rest = &side.sent[..];
    for &len in &side.writes {
        let (write, after) = rest.split_at(len);
        assert_eq!(frames(write).len(), 1, "{}", String::from_utf8_lossy(write));
        rest = after;
    }
}

#[test]
fn with_pacing_one_no_send_goes_out_while_another_is_unanswered() {
    for chunk_len in [2048, 0, 700, 10_000] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| {
            one(config);
            config.chunk_len = chunk_len;
        });
        let large = octets(70_000, 3);
        let mut sent: Vec<Vec<u8>> = (0..5).map(|n| octets(100 + n, 7)).collect();
        for body in &sent {
            pair.send_a(S1, message(Body::Whole(body.clone().into())));
            pair.send_b(S1, message(Body::Whole(body.clone().into())));
        }
        pair.send_a(S1, message(Body::Whole(large.clone().into())));
        sent.push(large);
        loop {
            let moved = pair.step();
            for (asks, answers) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
                // What the pipe holds may stop inside of a frame that is longer than the write-ahead.
                if chunk_len == 2048 || chunk_len == 700 {
                    assert!(sends(&asks.sent) <= responses(&answers.sent) + 1);
                }
            }
            if !moved {
                break;
            }
        }
        assert_eq!(sends(&pair.a.sent), responses(&pair.b.sent));
        let got = contents(&pair.b.take());
        assert!(
            got.iter().all(|(_, complete)| *complete),
            "chunk_len {chunk_len}"
        );
        assert!(got.into_iter().map(|(body, _)| body).eq(sent));
        if chunk_len != 0 {
            assert_one_frame_per_write(&pair.a);
        }
        assert_one_frame_per_write(&pair.b);
    }
}

#[test]
fn with_pacing_one_responses_and_reports_stand_alone_on_a_shared_connection() {
    // Only the second session is paced; the connection and the peer are the same.
    let mut pair = Pair::bare(&Limits::default());
    for n in 1..=2 {
        let mut ours = config("a.example", "b.example", n, true);
        let mut theirs = config("b.example", "a.example", n, false);
        if n == 2 {
            one(&mut ours);
            one(&mut theirs);
        }
        let entry = Entry::Ready(SessionKey(n), Box::new(theirs.clone()));
        pair.b.table.entries.insert(theirs.local_uri, entry);
        let attached = pair.a.connection.attach(pair.now, SessionKey(n), ours);
        attached.expect("attached");
        pair.run();
    }
    pair.a.take();
    pair.b.take();
    let (before_a, before_b) = (pair.a.sent.len(), pair.b.sent.len());
    pair.a.writes.clear();
    pair.b.writes.clear();
    for n in [1, 2, 1, 1, 2] {
        for side in 0..2 {
            let mut asked = text("hello");
            asked.success_report = true;
            match side {
                0 => pair.send_a(SessionKey(n), asked),
                _ => pair.send_b(SessionKey(n), asked),
            };
        }
    }
    // A slow pipe: what could be glued is there at the same time.
    pair.a.capacity = 100;
    pair.b.capacity = 100;
    pair.run();
    for (side, before) in [(&pair.a, before_a), (&pair.b, before_b)] {
        // Five SENDs, five responses, five REPORTs.
        assert_eq!(frames(&side.sent[before..]).len(), 15);
        // No write has octets of two frames: each end of a frame is the end of a write.
        let mut at = before;
        let ends: Vec<usize> = side
            .writes
            .iter()
            .map(|len| {
                at += len;
                at
            })
            .collect();
        for end in 0..=side.sent.len() - before {
            let whole = &side.sent[before..before + end];
            if whole.ends_with(b"$\r\n") {
                assert!(
                    ends.contains(&(before + end)),
                    "a write goes on behind a frame"
                );
            }
        }
    }
    assert_eq!(contents(&pair.a.take()).len(), 5);
    assert_eq!(contents(&pair.b.take()).len(), 5);
}

#[test]
fn pipelined_frames_share_a_write() {
    let mut pair = Pair::new();
    pair.a.writes.clear();
    pair.send_a(S1, message(Body::Whole(octets(10_000, 1).into())));
    pair.step();
    assert_eq!(pair.a.writes.len(), 1, "the whole message in one write");
    covers!("C-109");
}

#[test]
fn with_pacing_one_messages_that_nobody_answers_keep_their_distance() {
    for failure_report in [FailureReport::No, FailureReport::Partial] {
        let mut pair = Pair::with(&Limits::default(), 1, one);
        let before = sends(&pair.a.sent);
        for body in ["one", "two", "three"] {
            let mut silent = text(body);
            silent.failure_report = failure_report;
            pair.send_a(S1, silent);
        }
        pair.send_a(S1, text("four"));
        pair.run();
        for count in 1..=2 {
            assert_eq!(sends(&pair.a.sent) - before, count);
            pair.advance(PACE - Duration::from_millis(1));
            assert_eq!(sends(&pair.a.sent) - before, count);
            pair.advance(Duration::from_millis(1));
        }
        assert_eq!(sends(&pair.a.sent) - before, 3);
        pair.advance(PACE);
        assert_eq!(sends(&pair.a.sent) - before, 4);
        let bodies: Vec<_> = contents(&pair.b.take())
            .into_iter()
            .map(|(body, _)| body)
            .collect();
        assert_eq!(bodies, [&b"one"[..], b"two", b"three", b"four"]);
        if failure_report == FailureReport::No {
            assert_eq!(
                pair.a.connection.poll_timeout(),
                None,
                "nothing is left to do"
            );
        }
    }
}

#[test]
fn with_pacing_one_the_pace_runs_from_the_last_octet_written() {
    let mut pair = Pair::with(&Limits::default(), 1, one);
    let before = pair.a.sent.len();
    pair.a.capacity = 50;
    for body in ["one", "two"] {
        let mut silent = text(body);
        silent.failure_report = FailureReport::No;
        pair.send_a(S1, silent);
    }
    // The peer reads nothing: the first is not written to its end.
    support::write(&mut pair.a, pair.now);
    pair.now += 3 * PACE;
    pair.a.connection.handle_timeout(pair.now);
    support::write(&mut pair.a, pair.now);
    assert_eq!(pair.a.sent.len() - before, 50);
    pair.run();
    assert_eq!(sends(&pair.a.sent[before..]), 1);
    pair.advance(PACE);
    assert_eq!(sends(&pair.a.sent[before..]), 2);
}

#[test]
fn with_pacing_one_a_lost_response_holds_the_session_until_its_time_is_over() {
    let mut bench = Bench::with(one);
    let opening = bench::send(
        "open0001",
        "Message-ID: m1\r\nByte-Range: 1-0/0\r\n",
        None,
        '$',
    );
    bench.feed(opening);
    let (first, ids) = bench.say(text("first"));
    assert_eq!(ids.len(), 1);
    let (second, ids) = bench.say(text("second"));
    assert!(ids.is_empty());
    let (_, sent) = bench.pass(Duration::from_secs(29));
    assert_eq!(sent, "");
    let (_, sent) = bench.pass(Duration::from_secs(1));
    assert_eq!(sends(sent.as_bytes()), 1);
    let events = bench.side.take();
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Failed(failed, _) if *failed == first))
    );
    let id = frames(sent.as_bytes())[0].0.transaction_id().to_string();
    bench.feed(bench::response(&id, "200 OK"));
    assert!(bench.side.take().contains(&Event::Acknowledged(second)));
}

#[test]
fn with_pacing_one_the_first_message_waits_for_the_answer_to_the_first_request() {
    let mut bench = Bench::bare();
    let mut ours = config("b.example", "a.example", 1, true);
    one(&mut ours);
    let attached = bench.side.connection.attach(bench.now, S1, ours);
    attached.expect("attached");
    let (_, ids) = bench.say(text("at once"));
    assert!(ids.is_empty());
    let binding = frames(&bench.side.sent)[0].0.transaction_id().to_string();
    let sent = bench.feed(bench::response(&binding, "200 OK"));
    assert_eq!(sends(sent.as_bytes()), 1);
    assert!(sent.contains("at once"));
}

#[test]
fn with_pacing_one_the_end_of_an_aborted_message_waits_for_its_turn() {
    let mut bench = Bench::with(one);
    let opening = bench::send(
        "open0001",
        "Message-ID: m1\r\nByte-Range: 1-0/0\r\n",
        None,
        '$',
    );
    bench.feed(opening);
    let (large, ids) = bench.say(message(Body::Whole(vec![b'x'; 100_000].into())));
    let (_, none) = bench.say(text("next"));
    assert_eq!((ids.len(), none.len()), (1, 0));
    bench
        .side
        .connection
        .handle_command(bench.now, S1, Command::Abort(large));
    assert_eq!(bench.feed(""), "");
    // The session does not end before the peer was told.
    let deadline = bench.now + Duration::from_secs(60);
    bench
        .side
        .connection
        .handle_command(bench.now, S1, Command::Close(deadline));
    assert_eq!(bench.feed(""), "");
    let sent = bench.feed(bench::response(&ids[0], "200 OK"));
    let told = frames(sent.as_bytes());
    assert_eq!(told.len(), 1, "{sent}");
    assert!(sent.ends_with("#\r\n"));
    let id = told[0].0.transaction_id().to_string();
    let sent = bench.feed(bench::response(&id, "200 OK"));
    assert!(sent.contains("\r\nnext\r\n"), "{sent}");
    let id = frames(sent.as_bytes())[0].0.transaction_id().to_string();
    bench.feed(bench::response(&id, "200 OK"));
    assert!(
        bench
            .side
            .take()
            .iter()
            .any(|event| matches!(event, Event::Closed { .. }))
    );
}

#[test]
fn with_pacing_one_the_last_words_of_a_session_wait_for_nothing() {
    let mut bench = Bench::with(one);
    let opening = bench::send(
        "open0001",
        "Message-ID: m1\r\nByte-Range: 1-0/0\r\n",
        None,
        '$',
    );
    bench.feed(opening);
    let (large, ids) = bench.say(message(Body::Whole(vec![b'x'; 100_000].into())));
    assert_eq!(ids.len(), 1);
    bench
        .side
        .connection
        .handle_command(bench.now, S1, Command::Abort(large));
    bench
        .side
        .connection
        .handle_command(bench.now, S1, Command::CloseNow);
    let sent = bench.feed("");
    assert!(sent.ends_with("#\r\n"), "{sent}");
    assert_eq!(frames(sent.as_bytes()).len(), 1);
}

#[test]
fn with_pacing_one_a_keep_alive_does_not_come_beside_a_chunk() {
    let mut bench = Bench::with(|config| {
        one(config);
        config.keep_alive = Some(Duration::from_secs(10));
    });
    let opening = bench::send(
        "open0001",
        "Message-ID: m1\r\nByte-Range: 1-0/0\r\n",
        None,
        '$',
    );
    bench.feed(opening);
    let (_, ids) = bench.say(text("slow"));
    let (_, sent) = bench.pass(Duration::from_secs(25));
    assert_eq!(sent, "");
    bench.feed(bench::response(&ids[0], "200 OK"));
    let (_, sent) = bench.pass(Duration::from_secs(10));
    assert_eq!(sends(sent.as_bytes()), 1);
}

/// Reads frames as a peer does that takes the next CRLF and seven hyphens for the end of the body.
fn hasty(octets: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let find = memchr::memmem::find;
    let mut bodies = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let id = rest
            .split(|octet| *octet == b' ')
            .nth(1)
            .ok_or("no start line")?;
        let end = find(rest, b"\r\n-------").ok_or("no end-line")?;
        let (frame, line) = rest.split_at(end);
        let line = &line[9..];
        if !line.starts_with(id) || line.get(id.len() + 1..id.len() + 3) != Some(b"\r\n") {
            return Err(format!(
                "not its own end-line: {}",
                String::from_utf8_lossy(frame)
            ));
        }
        if let Some(body) = find(frame, b"\r\n\r\n") {
            bodies.push(frame[body + 4..].to_vec());
        }
        rest = &line[id.len() + 3..];
    }
    Ok(bodies)
}

/// Bodies full of what looks like an end-line.
fn dashing() -> Vec<Vec<u8>> {
    let mut bodies = vec![
        b"-------".to_vec(),
        b"\r\n-------".to_vec(),
        b"---------------------------7d41b838504d8\r\nContent-Disposition: form-data\r\n\r\n"
            .to_vec(),
        b"\r\n-------abcdefgh$\r\n".repeat(30),
        b"title\r\n----------------------------------------\r\ntext\r\n".repeat(200),
        b"\r\n------\r\n-----\r\n----".repeat(300),
        b"\r\r\n\n-------\r\n".repeat(300),
    ];
    // The pattern at every place around the ends of chunks.
    for shift in 0..20 {
        let mut body = octets(2048 - 10 + shift, 5);
        for octet in &mut body {
            *octet = b'a' + *octet % 20;
        }
        body.extend_from_slice(b"\r\n-------------xyz");
        body.extend_from_slice(&vec![b'q'; 2048 - 20 + shift]);
        body.extend_from_slice(b"\r\n-------");
        bodies.push(body);
    }
    bodies
}

fn split_pair(chunk_len: u32, dash_split: bool) -> Pair {
    Pair::with(&Limits::default(), 1, |config| {
        config.chunk_len = chunk_len;
        config.dash_split = dash_split;
    })
}

#[test]
fn with_dash_split_only_end_lines_begin_with_crlf_and_seven_hyphens() {
    for chunk_len in [2048, 0, 100, 7, 8192] {
        for body in dashing() {
            if chunk_len < 2048 && chunk_len > 0 && body.len() > 5000 {
                continue;
            }
            // Whole, and as a stream in pieces of any size.
            for piece in [usize::MAX, 1, 3, 64, 1000] {
                if piece < 64 && (body.len() > 1000 || chunk_len < 100) {
                    continue;
                }
                let mut pair = split_pair(chunk_len, true);
                if piece == usize::MAX {
                    pair.send_a(S1, message(Body::Whole(body.clone().into())));
                } else {
                    let transfer = pair.send_a(S1, message(Body::Stream(None)));
                    for part in body.chunks(piece) {
                        let part = Bytes::copy_from_slice(part);
                        pair.command_a(S1, Command::StreamData(transfer, part));
                        if piece < 1000 {
                            pair.command_a(S1, Command::StreamFlush(transfer));
                        }
                        pair.run();
                    }
                    pair.command_a(S1, Command::StreamEnd(transfer));
                }
                pair.run();
                let bodies = hasty(&pair.a.sent).unwrap_or_else(|error| {
                    panic!("chunk_len {chunk_len}, pieces of {piece}: {error}")
                });
                assert!(
                    bodies.concat() == body,
                    "chunk_len {chunk_len}, pieces of {piece}"
                );
                assert!(bodies.iter().all(|body| !body.is_empty()));
                assert_eq!(contents(&pair.b.take()), [(body.clone(), true)]);
            }
        }
    }
}

#[test]
fn with_dash_split_chunks_of_a_message_that_is_interrupted_are_clean_too() {
    let mut pair = split_pair(0, true);
    let large = b"\r\n--------\r\n------- and so on, ".repeat(5000);
    pair.a.capacity = 3000;
    pair.send_a(S1, message(Body::Whole(large.clone().into())));
    let mut small = Vec::new();
    for n in 0..50 {
        let body = format!("\r\n-------{n}").into_bytes();
        pair.send_a(S1, message(Body::Whole(body.clone().into())));
        small.push((body, true));
        for _ in 0..7 {
            pair.step();
        }
    }
    pair.run();
    hasty(&pair.a.sent).expect("only own end-lines");
    let got = contents(&pair.b.take());
    assert_eq!(got.len(), 51);
    assert!(small.iter().all(|body| got.contains(body)));
    assert!(got.contains(&(large, true)));
}

#[test]
fn with_dash_split_a_line_of_hyphens_costs_one_chunk() {
    let mut pair = split_pair(2048, true);
    let before = sends(&pair.a.sent);
    let body = format!("title\r\n{}\r\ntext", "-".repeat(80));
    pair.send_a(S1, text(&body));
    pair.run();
    assert_eq!(sends(&pair.a.sent) - before, 2);
    assert_eq!(contents(&pair.b.take()), [(body.into_bytes(), true)]);
}

#[test]
fn without_dash_split_bodies_go_as_they_are() {
    let mut pair = split_pair(2048, false);
    let before = sends(&pair.a.sent);
    pair.send_a(S1, text("a\r\n-------b"));
    pair.run();
    assert_eq!(sends(&pair.a.sent) - before, 1);
    assert!(hasty(&pair.a.sent).is_err());
    assert_eq!(
        contents(&pair.b.take()),
        [(b"a\r\n-------b".to_vec(), true)]
    );
}

/// A SEND to this URI.
fn send_to(to: &str, id: &str) -> String {
    bench::send(
        id,
        &format!("Message-ID: {id}\r\nByte-Range: 1-2/2\r\n"),
        Some("hi"),
        '$',
    )
    .replace(bench::TO, to)
}

/// URIs with the session-id of session 1 that are not equal to its URI, and those without it.
const OTHER_ADDRESSES: [&str; 6] = [
    "msrp://gateway.example:2855/session000000000001;tcp",
    "msrp://b.example:9999/session000000000001;tcp",
    "msrp://b.example/session000000000001;tcp",
    "msrps://b.example:2855/session000000000001;tcp",
    "msrp://[2001:db8::1]:2855/session000000000001;tcp",
    "msrp://b.example:2855/session000000000001;ws",
];
const OTHER_IDS: [&str; 4] = [
    "msrp://b.example:2855/SESSION000000000001;tcp",
    "msrp://b.example:2855/session00000000001;tcp",
    "msrp://b.example:2855/session000000000002;tcp",
    "msrp://b.example:2855;tcp",
];

#[test]
fn by_the_rules_of_6_1_another_address_is_another_session() {
    let mut bench = Bench::new();
    for (n, to) in OTHER_ADDRESSES.iter().chain(&OTHER_IDS).enumerate() {
        assert_eq!(
            bench.codes(send_to(to, &format!("other{n:03}"))),
            [481],
            "{to}"
        );
    }
    assert_eq!(bench.codes(send_to(bench::TO, "right001")), [200]);
    for (n, to) in OTHER_ADDRESSES.iter().chain(&OTHER_IDS).enumerate() {
        assert_eq!(
            bench.codes(send_to(to, &format!("later{n:03}"))),
            [481],
            "{to}"
        );
    }
    covers!("C-083", "C-087", "C-088", "C-089");
}

#[test]
fn by_session_id_alone_any_address_names_the_session_and_is_answered_for() {
    for first in OTHER_ADDRESSES {
        let mut bench = Bench::with(|config| config.session_match = SessionMatch::SessionId);
        for (n, to) in OTHER_IDS.iter().enumerate() {
            assert_eq!(
                bench.codes(send_to(to, &format!("other{n:03}"))),
                [481],
                "{to}"
            );
        }
        // It binds the session.
        assert_eq!(bench.codes(send_to(first, "first001")), [200], "{first}");
        assert_eq!(bench.side.take()[0], Event::Bound);
        for (n, to) in OTHER_ADDRESSES.iter().chain([&bench::TO]).enumerate() {
            let answer = bench.feed(send_to(to, &format!("again{n:03}")));
            assert!(answer.contains(" 200 OK\r\n"), "{answer}");
            assert!(
                answer.contains(&format!("\r\nFrom-Path: {to}\r\n")),
                "{answer}"
            );
        }
        assert_eq!(bench.contents().len(), OTHER_ADDRESSES.len() + 1);
        for (n, to) in OTHER_IDS.iter().enumerate() {
            assert_eq!(
                bench.codes(send_to(to, &format!("later{n:03}"))),
                [481],
                "{to}"
            );
        }
        // Two URIs are the path of a relay, which we are not.
        let path = format!("{first} {}", bench::TO);
        assert_eq!(bench.codes(send_to(&path, "relay001")), [481]);
        // Over is over, by any name.
        bench
            .side
            .connection
            .handle_command(bench.now, S1, Command::CloseNow);
        assert_eq!(bench.codes(send_to(first, "late0001")), [481]);
    }
}

#[test]
fn by_session_id_alone_requests_are_held_for_a_session_that_is_not_ready() {
    let mut bench = Bench::bare();
    let to = OTHER_ADDRESSES[0];
    let entry = Entry::NotReady(S1);
    let gateway = uri("gateway.example", 1);
    bench.side.table.entries.insert(gateway, entry);
    assert_eq!(bench.codes(send_to(to, "early001")), Vec::<u16>::new());
    let mut ours = config("b.example", "a.example", 1, false);
    ours.session_match = SessionMatch::SessionId;
    let attached = bench.side.connection.attach(bench.now, S1, ours.clone());
    attached.expect("attached");
    assert_eq!(bench.codes(""), [200]);
    assert_eq!(bench.contents(), [(b"hi".to_vec(), true)]);
    // One session for one session-id.
    ours.local_uri = uri("c.example", 1);
    let twice = bench.side.connection.attach(bench.now, SessionKey(2), ours);
    assert!(twice.is_err());
}

#[test]
fn by_session_id_alone_a_report_finds_its_message() {
    let mut bench = Bench::with(|config| config.session_match = SessionMatch::SessionId);
    bench.codes(send_to(OTHER_ADDRESSES[1], "first001"));
    let mut asked = text("hello");
    asked.success_report = true;
    let (transfer, ids) = bench.say(asked);
    bench.feed(bench::response(&ids[0], "200 OK"));
    let sent = frames(&bench.side.sent);
    let id = sent
        .last()
        .expect("sent")
        .0
        .message_id()
        .expect("a Message-ID")
        .to_string();
    let headers = format!("Message-ID: {id}\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n");
    bench.feed(bench::report("report01", OTHER_ADDRESSES[1], &headers));
    let events = bench.side.take();
    assert!(events.contains(&Event::Delivered(transfer)), "{events:?}");
    assert!(
        events.iter().any(
            |event| matches!(event, Event::Report { status, .. } if *status == StatusCode::OK)
        )
    );
}
