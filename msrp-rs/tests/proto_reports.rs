//! Answers and REPORTs about what we sent, early, late, twice or wrong; and ours about what we received.

mod support;

use msrp::proto::{
    Body, CloseReason, Command, Event, Failure, MessageKey, OutgoingMessage, ReportMode,
};
use msrp::wire::{FailureReport, StatusCode};
use msrp_conformance::covers;
use support::bench::{Bench, TO, report, response, send};
use support::{S1, drain, message};

/// A session that is bound, with nothing told yet.
fn bound() -> Bench {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(send("tid0", "Message-ID: m0xx\r\n", None, '$')),
        [200]
    );
    bench.side.take();
    bench
}

/// The message that the consumer was told of.
fn message_told(bench: &mut Bench) -> MessageKey {
    let told = bench.side.take().into_iter().find_map(|event| match event {
        Event::Message { message, .. } => Some(message),
        _ => None,
    });
    told.expect("a message")
}

fn failures(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::Failed(..)))
        .count()
}

#[test]
fn late_errors_of_a_message_without_answers_touch_no_other() {
    for body in [Body::Stream(None), Body::None] {
        let mut bench = bound();
        let bodiless = matches!(body, Body::None);
        let (first, _) = bench.say(OutgoingMessage {
            failure_report: FailureReport::Partial,
            ..message(body)
        });
        let data = Command::StreamData(first, "x".repeat(5 * 2048).into());
        bench.side.connection.handle_command(bench.now, S1, data);
        bench.feed("");
        let frames = support::frames(&bench.side.sent);
        let mut ids = frames.iter().filter(|(head, ..)| head.is_request());
        let mut answer = |bench: &mut Bench| {
            let (head, ..) = ids.next().expect("another chunk");
            bench.feed(response(head.transaction_id().as_str(), "413 No"));
        };
        if !bodiless {
            answer(&mut bench);
            let failed = |event: &Event| matches!(event, Event::Failed(key, _) if *key == first);
            assert!(bench.side.take().iter().any(failed));
        }
        // The next one takes the place of the first.
        let (second, _) = bench.say(message(Body::Whole("second".into())));
        answer(&mut bench);
        let failed = |event: &Event| matches!(event, Event::Failed(key, _) if *key == second);
        let events = bench.side.take();
        assert!(!events.iter().any(failed), "{events:?}");
    }
    covers!("C-171", "C-249");
}

#[test]
fn rfc4975_7_3_2_late_failure_is_told_once() {
    let mut bench = bound();
    let (sent, ids) = bench.say(message(Body::Whole("x".into())));
    bench.feed(response(&ids[0], "200 OK"));
    assert!(bench.side.take().contains(&Event::Acknowledged(sent)));
    let id = message_id(&bench);
    let mut events = Vec::new();
    for n in 0..100 {
        let headers = format!("Message-ID: {id}\r\nByte-Range: 1-1/1\r\nStatus: 000 413 No\r\n");
        assert_eq!(bench.feed(report(&format!("rep{n}"), TO, &headers)), "");
        events.extend(bench.side.take());
    }
    assert_eq!(failures(&events), 1, "one message fails once");
    let told = |event: &&Event| matches!(event, Event::Report { .. });
    assert_eq!(events.iter().filter(told).count(), 100);
    // The session lives, and so does the place in memory of the failed message, for a while.
    for _ in 0..2000 {
        let (_, ids) = bench.say(message(Body::Whole("y".into())));
        bench.feed(response(&ids[0], "200 OK"));
    }
    assert!(bench.closed().is_none());
    covers!("C-228", "T-15");
}

/// The Message-ID of the last chunk sent.
fn message_id(bench: &Bench) -> String {
    let frames = support::frames(&bench.side.sent);
    let (head, ..) = frames
        .iter()
        .rfind(|(head, ..)| head.content_type().is_some())
        .expect("something was sent");
    head.message_id().expect("has an id").to_string()
}

#[test]
fn rfc4975_10_4_408_to_the_binding_request_is_a_timeout() {
    let mut bench = Bench::bare();
    let ours = support::config("b.example", "a.example", 1, true);
    bench
        .side
        .connection
        .attach(bench.now, S1, ours)
        .expect("attached");
    bench.feed("");
    let id = support::frames(&bench.side.sent)[0].0.transaction_id();
    bench.feed(response(id.as_str(), "408 Timeout"));
    let closed = Event::Closed {
        reason: CloseReason::BindTimeout,
        unacknowledged: vec![],
    };
    assert_eq!(bench.side.take(), [closed]);
    covers!("C-242", "T-51");
}

#[test]
fn rfc4975_7_1_3_no_success_report_for_an_aborted_message() {
    for body in [None, Some("56")] {
        let mut bench = bound();
        let first = "Message-ID: m1xx\r\nByte-Range: 1-4/8\r\nSuccess-Report: yes\r\n";
        bench.feed(send("tid1", first, Some("1234"), '+'));
        let range = if body.is_some() { "5-8/8" } else { "1-0/0" };
        let headers = format!("Message-ID: m1xx\r\nByte-Range: {range}\r\nSuccess-Report: yes\r\n");
        let answer = bench.feed(send("tid2", &headers, body, '#'));
        assert!(answer.starts_with("MSRP tid2 200 "), "{answer}");
        assert!(!answer.contains("REPORT"), "{answer}");
    }
    covers!("C-155", "C-166", "T-11", "T-29");
}

#[test]
fn in_manual_mode_repeats_are_answered_but_not_reported() {
    let mut bench = Bench::with(|config| config.reports = ReportMode::Manual);
    let headers = "Message-ID: m1xx\r\nByte-Range: 1-2/2\r\nSuccess-Report: yes\r\n";
    for id in ["tid1", "tid2"] {
        let answer = bench.feed(send(id, headers, Some("hi"), '$'));
        assert!(answer.starts_with(&format!("MSRP {id} 200 ")), "{answer}");
        assert!(!answer.contains("REPORT"), "{answer}");
    }
    let key = bench.side.take().into_iter().find_map(|event| match event {
        Event::Message { message, .. } => Some(message),
        _ => None,
    });
    let told = Command::Report(key.expect("a message"), StatusCode::OK, String::new());
    bench.side.connection.handle_command(bench.now, S1, told);
    assert!(bench.feed("").contains("Status: 000 200 "));
}

#[test]
fn rfc4975_7_1_3_a_repeat_is_reported_when_the_first_was_taken() {
    let mut bench = Bench::new();
    bench.side.consume = false;
    let headers = "Message-ID: m1xx\r\nByte-Range: 1-2/2\r\nSuccess-Report: yes\r\n";
    let answer = bench.feed(send("tid1", headers, Some("hi"), '$'));
    let again = bench.feed(send("tid2", headers, Some("hi"), '$'));
    assert!(
        !answer.contains("REPORT") && !again.contains("REPORT"),
        "{again}"
    );
    let taken = Command::Taken(message_told(&mut bench));
    bench.side.connection.handle_command(bench.now, S1, taken);
    assert_eq!(bench.feed("").matches(" REPORT\r\n").count(), 1);
    let again = bench.feed(send("tid3", headers, Some("hi"), '$'));
    assert_eq!(again.matches(" REPORT\r\n").count(), 1);
    covers!("C-159", "C-211", "T-11", "T-35");
}

#[test]
fn rfc4975_7_1_3_every_message_is_reported_however_late_it_is_taken() {
    let mut bench = Bench::new();
    bench.side.consume = false;
    let mut fed = 0;
    while bench.side.connection.reading_allowed() {
        fed += 1;
        let headers = format!("Message-ID: mess{fed}\r\nSuccess-Report: yes\r\n");
        assert_eq!(bench.codes(send("tid1", &headers, Some("x"), '$')), [200]);
    }
    assert!(fed > 1024, "{fed}");
    let messages = bench
        .side
        .take()
        .into_iter()
        .filter_map(|event| match event {
            Event::Message { message, .. } => Some(message),
            _ => None,
        });
    for message in messages.collect::<Vec<_>>() {
        let taken = Command::Taken(message);
        bench.side.connection.handle_command(bench.now, S1, taken);
    }
    assert_eq!(bench.feed("").matches(" REPORT\r\n").count(), fed);
    covers!("C-211");
}

#[test]
fn rfc4975_7_2_blanks_of_any_kind_end_the_first_uri() {
    let mut bench = bound();
    let path = "msrp://r.example:1/r;tcp\tmsrp://a.example:2855/x;tcp";
    let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
    let answer = bench.feed(request.replace(support::bench::FROM, path));
    assert!(
        answer.contains("\r\nTo-Path: msrp://r.example:1/r;tcp\r\n"),
        "{answer}"
    );
    covers!("C-039", "C-176");
}

#[test]
fn rfc4975_7_3_2_success_reports_of_any_cut_make_it_delivered() {
    for ranges in [
        vec!["1-700/3000", "701-3000/3000"],
        vec!["2001-3000/*", "1-*/3000"],
        vec!["1-2000/3000", "500-2500/3000", "2400-9999999/3000"],
        vec![""],
    ] {
        let mut bench = bound();
        let (sent, ids) = bench.say(OutgoingMessage {
            success_report: true,
            ..message(Body::Whole("x".repeat(3000).into()))
        });
        // Before all is answered: never told twice, and the order of the two is the peer's.
        let id = message_id(&bench);
        for (n, range) in ranges.iter().enumerate() {
            assert!(!bench.side.take().contains(&Event::Delivered(sent)));
            let range = match *range {
                "" => String::new(),
                range => format!("Byte-Range: {range}\r\n"),
            };
            let headers = format!("Message-ID: {id}\r\n{range}Status: 000 200 OK\r\n");
            bench.feed(report(&format!("rep{n}"), TO, &headers));
        }
        assert!(
            bench.side.take().contains(&Event::Delivered(sent)),
            "{ranges:?}"
        );
        for id in &ids {
            bench.feed(response(id, "200 OK"));
        }
        let events = bench.side.take();
        assert!(events.contains(&Event::Acknowledged(sent)));
        assert!(!events.contains(&Event::Delivered(sent)));
        // Another namespace, and a REPORT about it once more: nothing new.
        let headers = format!("Message-ID: {id}\r\nStatus: 001 413 x\r\n");
        bench.feed(report("rep9", TO, &headers));
        assert_eq!(bench.side.take(), []);
    }
    covers!("C-135", "C-228", "T-09");
}

#[test]
fn rfc4975_10_codes_of_responses_and_reports_are_read_alike() {
    // Code; whether the message failed; whether the session ends when it is in a response, in a REPORT.
    for (code, fails, ends, report_ends) in [
        (200, false, false, false),
        (299, false, false, false),
        (400, true, false, false),
        (403, true, false, false),
        (408, true, false, true),
        (413, true, false, false),
        (415, true, false, false),
        (481, true, true, true),
        (499, true, false, false),
        (501, true, false, false),
        (506, true, true, true),
        (999, true, false, false),
    ] {
        for by_report in [false, true] {
            let mut bench = bound();
            bench.know(2, |_| {});
            let other = |text: String| text.replace("session000000000001", "session000000000002");
            bench.feed(other(send("tid0", "Message-ID: m0xx\r\n", None, '$')));
            bench.side.take();
            let (sent, ids) = bench.say(message(Body::Whole("x".into())));
            let text = if by_report {
                let id = message_id(&bench);
                let headers = format!("Message-ID: {id}\r\nStatus: 000 {code} x\r\n");
                bench.feed(response(&ids[0], "200 OK"));
                bench.side.take();
                let unknown = headers.replace("000", "001");
                bench.feed(report("rep0", TO, &unknown));
                assert_eq!(bench.side.take(), [], "{code} in an unknown namespace");
                report("rep1", TO, &headers)
            } else {
                response(&ids[0], &code.to_string())
            };
            assert_eq!(bench.feed(text), "", "{code}");
            let events = bench.side.take();
            let failed = events.iter().find_map(|event| match event {
                Event::Failed(key, failure) if *key == sent => Some(failure),
                _ => None,
            });
            let expected = match failed {
                None => !fails,
                Some(Failure::Timeout) => code == 408,
                Some(Failure::Status { code: told, .. }) => fails && told.0 == code && code != 408,
                Some(_) => false,
            };
            assert!(expected, "{code} by REPORT {by_report}: {events:?}");
            let ends = if by_report { report_ends } else { ends };
            let reason = events.iter().find_map(|event| match event {
                Event::Closed { reason, .. } => Some(reason),
                _ => None,
            });
            assert_eq!(
                reason.is_some(),
                ends,
                "{code} by REPORT {by_report}: {events:?}"
            );
            // The other session on the connection goes on.
            let again = other(send("tid2", "Message-ID: m2xx\r\n", Some("hi"), '$'));
            assert_eq!(bench.codes(again), [200]);
        }
    }
    covers!(
        "C-183", "C-228", "C-229", "C-242", "C-244", "C-246", "C-247", "C-248", "T-12", "T-51"
    );
}

#[test]
fn rfc4975_7_1_4_failure_reports_of_the_consumer() {
    for (asked, expected) in [
        ("", Some("200")),
        ("Failure-Report: partial\r\n", None),
        ("Failure-Report: no\r\n", None),
    ] {
        let mut bench = Bench::with(|config| config.reports = ReportMode::Manual);
        let headers = format!("Message-ID: m1xx\r\nByte-Range: 1-*/900\r\n{asked}");
        let answer = bench.feed(send("tid1", &headers, Some("12345"), '$'));
        assert_eq!(answer.contains("tid1 200"), expected.is_some());
        let message = message_told(&mut bench);
        let told = Command::Report(message, StatusCode(403), "Not today".into());
        bench.side.connection.handle_command(bench.now, S1, told);
        let answer = bench.feed("");
        if asked.contains("no") {
            assert_eq!(answer, "");
            continue;
        }
        assert!(
            answer.contains("\r\nByte-Range: 1-5/5\r\nStatus: 000 403 Not today\r\n"),
            "{answer}"
        );
        // Once is enough.
        let told = Command::Report(message, StatusCode(403), "Not today".into());
        bench.side.connection.handle_command(bench.now, S1, told);
        assert_eq!(bench.feed(""), "");
    }
    covers!("C-222", "C-223", "C-224", "C-225", "T-10");
}

/// The consumer could not know that the last octet was there already.
#[test]
fn rfc4975_7_1_4_what_is_refused_too_late_is_reported() {
    for (mode, asked, expected) in [
        (ReportMode::Manual, "", 1),
        (ReportMode::Manual, "Success-Report: yes\r\n", 1),
        (ReportMode::Manual, "Failure-Report: no\r\n", 0),
        // Automatic ones are made of messages that asked for success.
        (ReportMode::Auto, "", 0),
        (ReportMode::Auto, "Success-Report: yes\r\n", 1),
        (
            ReportMode::Auto,
            "Success-Report: yes\r\nFailure-Report: no\r\n",
            0,
        ),
    ] {
        let mut bench = Bench::with(|config| config.reports = mode);
        bench.side.consume = false;
        let headers = format!("Message-ID: m1xx\r\nByte-Range: 1-5/5\r\n{asked}");
        bench.feed(send("tid1", &headers, Some("12345"), '$'));
        let message = message_told(&mut bench);
        let refused = Command::Reject(message, StatusCode(413), "Declined".into());
        bench.side.connection.handle_command(bench.now, S1, refused);
        let told = bench.feed("");
        let status = "\r\nByte-Range: 1-5/5\r\nStatus: 000 413 Declined\r\n";
        assert_eq!(told.matches(status).count(), expected, "{asked}: {told}");
        // Nothing contradicts it later.
        for later in [
            Command::Reject(message, StatusCode(413), "Declined".into()),
            Command::Report(message, StatusCode::OK, String::new()),
            Command::Taken(message),
        ] {
            bench.side.connection.handle_command(bench.now, S1, later);
            assert_eq!(bench.feed(""), "", "{asked}");
        }
    }
    covers!("C-223", "C-225");
}

#[test]
fn rfc4975_7_1_2_no_reports_when_the_session_is_over() {
    let mut bench = Bench::new();
    bench.side.consume = false;
    let headers = "Message-ID: m1xx\r\nSuccess-Report: yes\r\n";
    bench.feed(send("tid1", headers, Some("hi"), '$'));
    for command in [Command::CloseNow, Command::Taken(MessageKey(1))] {
        bench.side.connection.handle_command(bench.now, S1, command);
    }
    drain(&mut bench.side, bench.now);
    assert_eq!(bench.feed(""), "");
    covers!("C-220", "C-235");
}

#[test]
fn rfc4975_7_1_2_report_with_a_body_or_a_plus_is_processed() {
    let mut bench = bound();
    let (sent, _) = bench.say(OutgoingMessage {
        success_report: true,
        ..message(Body::Whole("x".into()))
    });
    let id = message_id(&bench);
    let headers = format!(
        "Message-ID: {id}\r\nStatus: 000 200 OK\r\nContent-Type: text/plain\r\n\r\nbody\r\n"
    );
    let text = report("rep1", TO, &headers).replace("rep1$", "rep1+");
    assert_eq!(bench.feed(text), "");
    assert!(bench.side.take().contains(&Event::Delivered(sent)));
    covers!("C-137", "C-218");
}
