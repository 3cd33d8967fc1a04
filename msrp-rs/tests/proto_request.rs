//! Requests of other methods than SEND and REPORT: the extension point of RFC 4975 §12, in virtual time.

mod support;

use std::sync::Arc;
use std::time::Duration;

use msrp::limits::Limits;
use msrp::proto::{Answer, Body, Command, Event, Failure, MessageKey, OutgoingMessage};
use msrp::wire::{Method, StatusCode};
use msrp_conformance::covers;
use support::bench::{Bench, FROM, TO, report, response, send};
use support::strict::{Strict, strict};
use support::{Pair, S1, contents, message, octets};

fn ping() -> Method {
    Method::from_word("PING")
}

/// A bound session whose consumer answers PING.
fn bound() -> Bench {
    let mut bench = Bench::with(|config| config.methods = Arc::from([ping()]));
    assert_eq!(
        bench.codes(send("tid0", "Message-ID: m0xx\r\n", None, '$')),
        [200]
    );
    bench.side.take();
    bench
}

fn request(id: &str, headers: &str, body: Option<&str>) -> String {
    send(id, headers, body, '$').replace(" SEND\r\n", " PING\r\n")
}

/// The keys of the requests among what was told.
fn keys(told: &[Event]) -> Vec<MessageKey> {
    let key = |event: &Event| match event {
        Event::Request { message, .. } => Some(*message),
        _ => None,
    };
    told.iter().filter_map(key).collect()
}

fn answer(bench: &mut Bench, key: MessageKey, status: u16, headers: &[(&str, &str)]) -> String {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let answer = Answer {
        headers: headers.collect(),
        ..Answer::new(StatusCode(status))
    };
    let command = Command::Answer(key, Box::new(answer));
    bench.side.connection.handle_command(bench.now, S1, command);
    bench.feed("")
}

fn ours(body: Body) -> OutgoingMessage {
    OutgoingMessage {
        method: ping(),
        ..message(body)
    }
}

fn pings(octets: &[u8]) -> Vec<Strict> {
    strict(octets)
        .into_iter()
        .filter(|message| message.is("PING"))
        .collect()
}

#[test]
fn rfc4975_12_requests_of_a_known_method_are_answered_by_the_consumer() {
    let mut bench = bound();
    let path = format!("msrp://r.example:2855/r;tcp {FROM}");
    let text = request(
        "tid1",
        "Message-ID: m1xx\r\nX-One: 1\r\nx-two: \u{fc}\r\n",
        Some("how are you?"),
    );
    assert_eq!(
        bench.feed(text.replace(FROM, &path)),
        "",
        "the consumer answers, not the engine"
    );
    let told = bench.side.take();
    let [
        Event::Request {
            message,
            head,
            body,
            credit,
        },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(head.method, ping());
    assert_eq!(
        head.message_id.map(|id| id.to_string()).as_deref(),
        Some("m1xx")
    );
    assert_eq!(head.content_type.as_deref(), Some("text/plain"));
    let expected = [("X-One", "1"), ("x-two", "\u{fc}")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(head.headers, expected);
    assert_eq!(&body[..], b"how are you?");
    let written = answer(&mut bench, *message, 200, &[("X-Mood", "fine")]);
    // The whole From-Path, in the same order, as for every method but SEND.
    assert_eq!(
        written,
        format!(
            "MSRP tid1 200 OK\r\nTo-Path: {path}\r\nFrom-Path: {TO}\r\nX-Mood: fine\r\n-------tid1$\r\n"
        )
    );
    // Once.
    assert_eq!(answer(&mut bench, *message, 403, &[]), "");
    bench
        .side
        .connection
        .handle_command(bench.now, S1, Command::Consumed(*credit));
    // Another method is still unknown, and a failure is as good an answer.
    assert_eq!(
        bench.codes(request("tid2", "", None).replace("PING", "PONG")),
        [501]
    );
    assert_eq!(bench.feed(request("tid3", "", None)), "");
    let key = keys(&bench.side.take())[0];
    assert!(answer(&mut bench, key, 481, &[]).starts_with("MSRP tid3 481 "));
    assert_eq!(
        bench.codes(send("tid4", "Message-ID: m4xx\r\n", Some("hi"), '$')),
        [200]
    );
    covers!("C-145", "C-177");
}

#[test]
fn rfc4975_7_3_what_holds_for_every_request_holds_for_these() {
    let mut bench = bound();
    let unknown = TO.replace("session", "SESSION");
    assert_eq!(
        bench.codes(request("tid1", "", None).replace(TO, &unknown)),
        [481]
    );
    assert_eq!(bench.codes(request("tid2", "1abc: x\r\n", None)), [400]);
    // A body without Content-Type.
    let untyped = request("tid3", "", Some("x")).replace("Content-Type: text/plain\r\n", "");
    assert_eq!(bench.codes(untyped), [400]);
    assert_eq!(bench.side.take(), []);
    // Failure-Report no: told, and not answered whatever the consumer says; partial: errors only.
    for (asked, ok, failed) in [
        ("no", false, false),
        ("partial", false, true),
        ("yes", true, true),
    ] {
        for status in [200, 403] {
            let headers = format!("Failure-Report: {asked}\r\n");
            assert_eq!(bench.feed(request("tid4", &headers, None)), "");
            let key = keys(&bench.side.take())[0];
            let expected = if status == 200 { ok } else { failed };
            assert_eq!(
                !answer(&mut bench, key, status, &[]).is_empty(),
                expected,
                "{asked} {status}"
            );
        }
    }
    // Only SEND is chunked: any flag is the end.
    for flag in ['+', '#'] {
        let odd = request("tid5", "", Some("whole")).replace("tid5$", &format!("tid5{flag}"));
        assert_eq!(bench.feed(odd), "");
        assert_eq!(keys(&bench.side.take()).len(), 1);
    }
    covers!("C-137");
}

#[test]
fn rfc4975_7_1_bodies_of_at_most_10_kib_are_taken() {
    for (len, fits) in [(10_240, true), (10_241, false)] {
        for split in [7, usize::MAX] {
            let mut bench = bound();
            bench.split = split;
            assert_eq!(bench.feed(request("tid1", "", Some(&"x".repeat(len)))), "");
            let told = bench.side.take();
            assert_eq!(keys(&told).len(), usize::from(fits));
            assert_eq!(bench.closed().is_none(), fits);
            if let [Event::Request { body, .. }] = &told[..] {
                assert_eq!(body.len(), len);
            }
        }
    }
    covers!("C-102");
}

#[test]
fn requests_that_nobody_answers_are_bounded_in_number_and_time() {
    let mut bench = bound();
    let mut codes = Vec::new();
    for n in 0..20 {
        codes.extend(bench.codes(request(&format!("tid{n}"), "", None)));
    }
    assert_eq!(codes, [413; 4]);
    let first = keys(&bench.side.take());
    assert_eq!(first.len(), 16);
    // One is answered: one more fits.
    assert!(answer(&mut bench, first[3], 200, &[]).starts_with("MSRP tid3 200 "));
    assert_eq!(bench.codes(request("tid30", "", None)), [0u16; 0]);
    assert_eq!(bench.codes(request("tid31", "", None)), [413]);
    bench.side.take();
    // After 30 s their senders have given up: an answer is too late, and there is room.
    bench.pass(Duration::from_secs(29));
    assert!(answer(&mut bench, first[4], 200, &[]).starts_with("MSRP tid4 200 "));
    bench.pass(Duration::from_secs(1));
    assert_eq!(answer(&mut bench, first[5], 200, &[]), "");
    for n in 40..56 {
        assert_eq!(
            bench.codes(request(&format!("tid{n}"), "", None)),
            [0u16; 0]
        );
    }
    assert_eq!(bench.codes(request("tid56", "", None)), [413]);
}

#[test]
fn requests_count_against_the_window_until_they_are_taken() {
    let mut limits = Limits::default();
    (limits.receive_window, limits.connection_slack) = (20_000, 10_000);
    let mut bench = Bench::limited(&limits);
    bench.know(1, |config| config.methods = Arc::from([ping()]));
    bench.side.consume = false;
    let mut fed = 0;
    while bench.side.connection.reading_allowed() {
        fed += 1;
        bench.feed(request(&format!("tid{fed}"), "", Some(&"x".repeat(9000))));
    }
    assert_eq!(fed, 4, "20 and 10 thousand octets hold three of them");
    let credit: usize = bench
        .side
        .take()
        .iter()
        .map(|event| match event {
            Event::Request { credit, .. } => *credit,
            _ => 0,
        })
        .sum();
    bench
        .side
        .connection
        .handle_command(bench.now, S1, Command::Consumed(credit));
    assert!(bench.side.connection.reading_allowed());
}

#[test]
fn the_end_of_the_session_answers_what_nobody_has() {
    let mut bench = bound();
    assert_eq!(bench.feed(request("tid1", "", None)), "");
    let half = request("tid2", "", Some("half"));
    assert_eq!(bench.feed(&half[..half.len() - 15]), "");
    bench
        .side
        .connection
        .handle_command(bench.now, S1, Command::CloseNow);
    let answers = bench.feed(&half[half.len() - 15..]);
    let codes: Vec<_> = strict(answers.as_bytes())
        .into_iter()
        .map(|answer| (answer.id, answer.status.map(|(code, _)| code)))
        .collect();
    assert_eq!(
        codes,
        [
            ("tid2".to_owned(), Some(481)),
            ("tid1".to_owned(), Some(481))
        ]
    );
}

#[test]
fn rfc4975_7_1_requests_of_ours_go_in_one_piece() {
    for (body, len) in [
        (Body::None, None),
        (Body::Whole("".into()), Some(0)),
        (Body::Whole(octets(10_240, 1).into()), Some(10_240)),
    ] {
        for chunk_len in [0, 500, 2048] {
            let mut pair = Pair::with(&Limits::default(), 1, |config| {
                config.chunk_len = chunk_len;
                config.methods = Arc::from([ping()]);
            });
            pair.a.capacity = 3000;
            let body = match &body {
                Body::Whole(data) => Body::Whole(data.clone()),
                _ => Body::None,
            };
            // A large message is under way, and small ones, and responses want to go.
            let large = pair.send_a(S1, message(Body::Whole(octets(200_000, 2).into())));
            let headers = vec![
                ("Content-Disposition".to_owned(), "x".to_owned()),
                ("X-One".to_owned(), "1".to_owned()),
            ];
            let sent = pair.send_a(
                S1,
                OutgoingMessage {
                    headers,
                    ..ours(body)
                },
            );
            for _ in 0..5 {
                pair.send_b(S1, message(Body::Whole("answer me".into())));
                pair.step();
            }
            pair.run();
            let told = pair.b.take();
            let key = keys(&told)[0];
            let answer = Answer {
                comment: "Here".into(),
                ..Answer::new(StatusCode(204))
            };
            pair.command_b(S1, Command::Answer(key, Box::new(answer.clone())));
            pair.run();
            let a = pair.a.take();
            let place = a
                .iter()
                .position(|event| *event == Event::Response(sent, Box::new(answer.clone())));
            let place = place.expect("a response");
            assert_eq!(a[place + 1], Event::Acknowledged(sent));
            assert!(a.contains(&Event::Acknowledged(large)));
            assert_eq!(contents(&told), [(octets(200_000, 2), true)]);
            // One request, ending with `$` (the strict reader), MIME headers only with a body.
            let requests = pings(&pair.a.sent);
            assert_eq!(requests.len(), 1);
            assert_eq!(requests[0].body.as_ref().map(Vec::len), len);
            assert_eq!(
                requests[0].get("Content-Disposition").is_some(),
                len.is_some()
            );
            assert_eq!(requests[0].get("X-One"), Some("1"));
            assert!(requests[0].get("Message-ID").is_some());
            for other in ["Byte-Range", "Success-Report", "Failure-Report"] {
                assert_eq!(requests[0].get(other), None);
            }
        }
    }
    covers!("C-102");
}

#[test]
fn rfc4975_10_9_a_peer_that_does_not_know_the_method_ends_nothing() {
    let mut pair = Pair::new();
    let sent = pair.send_a(S1, ours(Body::Whole("x".into())));
    pair.run();
    let told = pair.a.take();
    let failed = |event: &Event| matches!(event, Event::Failed(key, Failure::Status { code, .. }) if *key == sent && code.0 == 501);
    let answered = |event: &Event| matches!(event, Event::Response(key, answer) if *key == sent && answer.status.0 == 501);
    assert!(
        told.iter().any(failed) && told.iter().any(answered),
        "{told:?}"
    );
    // The session goes on.
    let next = pair.send_a(S1, message(Body::Whole("hi".into())));
    pair.run();
    assert!(pair.a.take().contains(&Event::Acknowledged(next)));
    covers!("C-248", "T-51");
}

#[test]
fn requests_have_the_timer_of_every_request() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| {
        config.methods = Arc::from([ping()])
    });
    let sent = pair.send_a(S1, ours(Body::None));
    pair.run();
    pair.advance(Duration::from_secs(29));
    let events = pair.a.take();
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::Failed(..))),
        "{events:?}"
    );
    pair.advance(Duration::from_secs(2));
    assert!(
        pair.a
            .take()
            .contains(&Event::Failed(sent, Failure::Timeout))
    );
    // A REPORT about one is about nothing.
    let mut bench = bound();
    bench.say(ours(Body::Whole("x".into())));
    bench.side.take();
    let sent = pings(&bench.side.sent);
    let id = sent[0].get("Message-ID").expect("an id");
    let about = report(
        "rep1",
        TO,
        &format!("Message-ID: {id}\r\nStatus: 000 413 x\r\n"),
    );
    assert_eq!(bench.feed(about), "");
    assert_eq!(bench.side.take(), []);
}

#[test]
fn requests_wait_for_the_peer_like_messages() {
    let mut bench = Bench::bare();
    let ours_config = support::config("b.example", "a.example", 1, false);
    bench
        .side
        .connection
        .attach(bench.now, S1, ours_config)
        .expect("attached");
    let transfer = support::send(&mut bench.side, bench.now, S1, ours(Body::None));
    assert_eq!(bench.feed(""), "");
    let written = bench.feed(send("tid1", "Message-ID: m1xx\r\n", None, '$'));
    let id = pings(written.as_bytes()).remove(0).id;
    bench.feed(response(&id, "200 OK"));
    assert!(bench.side.take().contains(&Event::Acknowledged(transfer)));
}
