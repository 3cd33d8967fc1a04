//! RFC 4975 §7.1.1, §7.2, §10, §12: what is answered, how an answer is read, and what a failure does.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use msrp::limits::Limits;
use msrp::proto::{
    Body, CloseReason, Command, Event, Failure, MessageKey, OutgoingMessage, ReportMode,
    SessionKey, TransferKey,
};
use msrp::wire::{Continuation, FailureReport, MediaRange, StatusCode};
use msrp_conformance::covers;
use support::bench::{Bench, FROM, TO, report, response, send};
use support::{Entry, Pair, S1, frames, message, octets, uri};

fn bound() -> Bench {
    let mut bench = Bench::new();
    bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
    bench.side.take();
    bench
}

fn text(body: &'static str) -> OutgoingMessage {
    message(Body::Whole(body.into()))
}

fn failed(events: &[Event], transfer: TransferKey) -> usize {
    let is = |event: &&Event| matches!(event, Event::Failed(key, _) if *key == transfer);
    events.iter().filter(is).count()
}

#[test]
fn rfc4975_7_1_4_without_failure_reports_nothing_is_answered() {
    let asked = "Message-ID: m1xx\r\nFailure-Report: no\r\n";
    let good = send("tid1", asked, Some("hi"), '$');
    let other_type = good.replace("text/plain", "image/png");
    let too_large = send(
        "tid1",
        &format!("{asked}Byte-Range: 1-*/9999\r\n"),
        Some("x"),
        '+',
    );
    for request in [
        good.clone(),
        send("tid1", asked, None, '$'),
        other_type.clone(),
        too_large,
        good.replace("Message-ID: m1xx\r\n", ""),
        good.replace("Message-ID: m1xx\r\n", "Message-ID: m1xx\r\n1abc: x\r\n"),
        good.replace("SEND", "FOOBAR"),
        good.replace(TO, "msrp://b.example:2855/unknown;tcp"),
        good.replace("session000000000001", "session000000000002"),
        good.replace(TO, "nonsense"),
    ] {
        let mut bench = Bench::with(|config| {
            config.accept_types = Arc::from([MediaRange::parse("text/*").expect("a range")]);
            config.max_size = Some(100);
        });
        bench
            .side
            .table
            .entries
            .insert(uri("b.example", 2), Entry::Elsewhere);
        bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
        assert_eq!(bench.feed(&request), "", "{request}");
        assert_eq!(bench.pass(Duration::from_secs(100)).1, "", "{request}");
        // The same with another wish is answered: the request is what it seems.
        let loud = request.replace("Failure-Report: no", "Failure-Report: yes");
        assert_eq!(
            bench.codes(loud.replace("m1xx", "m2xx")).len(),
            1,
            "{request}"
        );
    }
    covers!("C-173", "T-07");
}

#[test]
fn rfc4975_7_2_the_answer_names_who_answers() {
    let mut bench = bound();
    let answer = bench.feed(send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$'));
    assert!(
        answer.contains(&format!("\r\nFrom-Path: {TO}\r\n")),
        "{answer}"
    );
    // A session that is not here: the URI that was addressed, of several the leftmost.
    let other = "msrp://b.example:2855/unknown;tcp";
    let path = format!("{other} msrp://c.example:1/x;tcp");
    for to in [other, &path] {
        let request = send("tid2", "Message-ID: m2xx\r\n", Some("hi"), '$').replace(TO, to);
        let answer = bench.feed(request);
        assert!(answer.starts_with("MSRP tid2 481 "), "{answer}");
        assert!(
            answer.contains(&format!("\r\nFrom-Path: {other}\r\n")),
            "{answer}"
        );
    }
    // An address that cannot be read: a session of this connection.
    let request = send("tid3", "Message-ID: m3xx\r\n", Some("hi"), '$').replace(TO, "nonsense");
    let answer = bench.feed(request);
    assert!(answer.starts_with("MSRP tid3 400 "), "{answer}");
    assert!(
        answer.contains(&format!("\r\nFrom-Path: {TO}\r\n")),
        "{answer}"
    );
    covers!("C-178");
}

#[test]
fn rfc4975_12_unknown_headers_of_responses_and_reports_are_as_if_absent() {
    let mut bench = bound();
    let (sent, ids) = bench.say(OutgoingMessage {
        success_report: true,
        ..text("x")
    });
    let id = frames(&bench.side.sent)
        .last()
        .and_then(|(head, ..)| head.message_id())
        .expect("an id");
    let extra = format!("\r\nFoo: bar\r\nMessage-ID: {id}\r\nByte-Range: 1-1/1\r\n-------");
    assert_eq!(
        bench.feed(response(&ids[0], "200 OK").replace("\r\n-------", &extra)),
        ""
    );
    assert_eq!(bench.side.take().last(), Some(&Event::Acknowledged(sent)));
    let headers = format!("Message-ID: {id}\r\nFoo: bar\r\nX-1: 2\r\nStatus: 000 200 OK\r\n");
    assert_eq!(bench.feed(report("rep1", TO, &headers)), "");
    assert!(bench.side.take().contains(&Event::Delivered(sent)));
    covers!("C-150");
}

#[test]
fn rfc4975_7_2_an_answer_on_another_connection_is_none() {
    let (mut bench, mut other) = (bound(), bound());
    let (sent, ids) = bench.say(text("x"));
    bench.side.take();
    for code in ["200 OK", "481 No"] {
        assert_eq!(other.feed(response(&ids[0], code)), "");
        assert_eq!(other.side.take(), []);
    }
    assert_eq!(bench.side.take(), []);
    bench.feed(response(&ids[0], "200 OK"));
    assert_eq!(bench.side.take(), [Event::Acknowledged(sent)]);
    covers!("C-181");
}

#[test]
fn rfc4975_7_2_the_first_answer_stands_wherever_it_is_addressed_to() {
    let mut bench = bound();
    let (sent, ids) = bench.say(text("x"));
    let strange = response(&ids[0], "200 OK").replace(TO, "msrp://nobody.example:1/other;tcp");
    bench.side.take();
    assert_eq!(bench.feed(strange), "");
    assert_eq!(bench.side.take(), [Event::Acknowledged(sent)]);
    for code in ["481 No", "413 No", "200 OK"] {
        assert_eq!(bench.feed(response(&ids[0], code)), "");
        assert_eq!(bench.side.take(), [], "{code}");
    }
    assert!(bench.closed().is_none());
    covers!("C-182", "C-184");
}

#[test]
fn rfc4975_10_unknown_codes_are_read_by_their_class() {
    for (code, good) in [
        ("299", true),
        ("250 Fine", true),
        ("499", false),
        ("799 x", false),
    ] {
        let mut bench = bound();
        let (sent, ids) = bench.say(text("x"));
        // With a URI parameter that nobody knows, too.
        let answer = response(&ids[0], code).replace(";tcp\r\n", ";tcp;unknown=1;flag\r\n");
        bench.feed(answer);
        let events = bench.side.take();
        assert_eq!(
            events.contains(&Event::Acknowledged(sent)),
            good,
            "{events:?}"
        );
        let number: u16 = code[..3].parse().expect("a number");
        let told = events.iter().any(|event| {
            matches!(event, Event::Failed(key, Failure::Status { code, .. }) if *key == sent && code.0 == number)
        });
        assert_eq!(told, !good, "{events:?}");
        let (next, ids) = bench.say(text("y"));
        bench.feed(response(&ids[0], "200 OK"));
        assert!(bench.side.take().contains(&Event::Acknowledged(next)));
    }
    covers!("C-183", "C-261");
}

#[test]
fn rfc4975_7_1_1_partial_tells_errors_and_no_tells_nothing() {
    let asking = |failure_report| OutgoingMessage {
        failure_report,
        ..text("x")
    };
    // Partial: silence is good for ever, an error is told.
    let mut bench = bound();
    let (silent, _) = bench.say(asking(FailureReport::Partial));
    let (refused, ids) = bench.say(asking(FailureReport::Partial));
    assert!(bench.side.take().contains(&Event::Acknowledged(silent)));
    bench.feed(response(&ids[0], "481 Gone"));
    let events = bench.side.take();
    assert_eq!(failed(&events, refused), 1, "{events:?}");
    let ended = matches!(
        events.last(),
        Some(Event::Closed { reason: CloseReason::Status { code, .. }, .. }) if code.0 == 481
    );
    assert!(ended, "{events:?}");
    let mut bench = bound();
    bench.say(asking(FailureReport::Partial));
    bench.side.take();
    bench.pass(Duration::from_secs(3600));
    assert_eq!(bench.side.take(), []);
    // No: nothing is kept of the request, so nothing that comes means anything.
    for code in ["200 OK", "413 No", "481 No"] {
        let mut bench = bound();
        let (sent, ids) = bench.say(asking(FailureReport::No));
        assert!(bench.side.take().contains(&Event::Acknowledged(sent)));
        assert_eq!(bench.feed(response(&ids[0], code)), "");
        assert_eq!(bench.pass(Duration::from_secs(3600)), (0, String::new()));
        assert_eq!(bench.side.take(), [], "{code}");
    }
    covers!("C-249", "C-250");
}

#[test]
fn rfc4975_7_1_1_neither_responses_nor_reports_have_a_timer() {
    let mut bench = bound();
    let headers = "Message-ID: m1xx\r\nSuccess-Report: yes\r\n";
    let said = bench.feed(send("tid1", headers, Some("hi"), '$'));
    assert_eq!(
        frames(said.as_bytes()).len(),
        2,
        "a response and a REPORT: {said}"
    );
    bench.side.take();
    assert_eq!(
        bench.pass(Duration::from_secs(3600)).1,
        "",
        "nothing is said again"
    );
    assert_eq!(bench.side.take(), []);
    assert!(bench.closed().is_none());
    covers!("C-243", "T-16");
}

#[test]
fn rfc4975_7_1_1_silence_is_told_30_seconds_after_the_end_of_the_chunk() {
    let mut bench = bound();
    let (sent, _) = bench.say(text("x"));
    bench.side.take();
    bench.pass(Duration::from_millis(29_999));
    assert_eq!(bench.side.take(), []);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.side.take(), [Event::Failed(sent, Failure::Timeout)]);
    covers!("C-240");
}

/// A large message under way, its chunk open; what else there is to say.
fn half_sent(by_report: bool, status: &str) -> (Pair, TransferKey) {
    let mut pair = Pair::with(&Limits::default(), 2, |config| config.chunk_len = 0);
    pair.a.capacity = 64 * 1024;
    pair.b.split = 1024;
    let sent = pair.send_a(S1, message(Body::Whole(octets(1 << 20, 3).into())));
    for _ in 0..3 {
        support::write(&mut pair.a, pair.now);
    }
    // The peer's answer, whoever makes it.
    let text = String::from_utf8_lossy(&pair.a.sent).into_owned();
    let start = text.rfind("Message-ID: ").expect("a chunk") + 12;
    let id = text[start..]
        .split("\r\n")
        .next()
        .expect("an id")
        .to_owned();
    let head = text.rfind("MSRP ").expect("a chunk") + 5;
    let tid = text[head..].split(' ').next().expect("an id").to_owned();
    let (to, from) = (uri("a.example", 1), uri("b.example", 1));
    let answer = if by_report {
        format!(
            "MSRP rep1 REPORT\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: {id}\r\n\
             Byte-Range: 1-2048/*\r\nStatus: 000 {status}\r\n-------rep1$\r\n"
        )
    } else {
        format!("MSRP {tid} {status}\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------{tid}$\r\n")
    };
    let table = &mut pair.a.table;
    pair.a
        .connection
        .handle_input(pair.now, answer.into(), table);
    support::drain(&mut pair.a, pair.now);
    (pair, sent)
}

#[test]
fn rfc4975_7_3_2_a_failure_in_mid_message_ends_it_with_a_hash() {
    for by_report in [false, true] {
        for status in ["413 Enough", "481 Gone", "403 No"] {
            let (mut pair, sent) = half_sent(by_report, status);
            let other = pair.send_a(SessionKey(2), text("the other session goes on"));
            pair.a.capacity = usize::MAX;
            pair.run();
            let chunks: Vec<_> = (pair.a.frames().into_iter())
                .filter(|(head, body, _)| head.content_type().is_some() && body.len() > 100)
                .collect();
            assert_eq!(chunks.len(), 1, "{status}: one chunk of it, and no more");
            assert_eq!(
                chunks[0].2,
                Continuation::Abort,
                "{status} by REPORT {by_report}"
            );
            assert!(chunks[0].1.len() < 1 << 19, "soon");
            let events: Vec<_> = pair.a.events.drain(..).collect();
            let of = |key: u64| -> Vec<Event> {
                let own = events.iter().filter(|(from, _)| from.0 == key);
                own.map(|(_, event)| event.clone()).collect()
            };
            assert_eq!(failed(&of(1), sent), 1);
            let over = of(1)
                .iter()
                .any(|event| matches!(event, Event::Closed { .. }));
            assert_eq!(over, status.starts_with("481"), "{status}");
            assert!(of(2).contains(&Event::Acknowledged(other)), "{status}");
        }
    }
    covers!("C-228", "C-230", "C-241", "C-246");
}

#[test]
fn rfc4975_7_1_4_any_code_is_reported_with_the_true_range() {
    for code in [400, 403, 408, 413, 415, 423, 481, 501, 506] {
        let mut bench = Bench::with(|config| config.reports = ReportMode::Manual);
        let headers = "Message-ID: m1xx\r\nByte-Range: 1-*/900\r\n";
        bench.feed(send("tid1", headers, Some(&"x".repeat(300)), '+'));
        let told = Command::ReportRange(MessageKey(1), 0, 900, StatusCode(code), "So".into());
        bench.side.connection.handle_command(bench.now, S1, told);
        let said = bench.feed("");
        let expected = format!("\r\nByte-Range: 1-300/900\r\nStatus: 000 {code} So\r\n");
        assert!(said.contains(&expected), "{said}");
        assert!(said.contains(&format!("\r\nTo-Path: {FROM}\r\n")), "{said}");
    }
    covers!("C-224", "C-225", "T-10");
}

#[test]
fn rfc4975_3_what_we_send_has_no_version_and_no_features() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| {
        config.max_size = Some(10_000);
        config.keep_alive = Some(Duration::from_secs(5));
    });
    for len in [0, 1, 5000, 20_000] {
        let reported = OutgoingMessage {
            success_report: true,
            failure_report: FailureReport::Partial,
            ..message(Body::Whole(octets(len, 5).into()))
        };
        pair.send_a(S1, message(Body::Whole(octets(len, 4).into())));
        pair.send_b(S1, reported);
    }
    pair.advance(Duration::from_secs(20));
    let mut names = BTreeSet::new();
    for (head, ..) in pair.a.frames().into_iter().chain(pair.b.frames()) {
        names.extend(head.headers().map(|(name, _)| name.to_owned()));
    }
    let known = [
        "Byte-Range",
        "Content-Type",
        "Failure-Report",
        "From-Path",
        "Message-ID",
        "Status",
        "Success-Report",
        "To-Path",
    ];
    assert_eq!(names, known.into_iter().map(str::to_owned).collect());
    covers!("C-260");
}
