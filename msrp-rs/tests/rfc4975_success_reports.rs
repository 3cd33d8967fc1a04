//! RFC 4975 §7.1.1 to §7.1.3, §7.3.2: success REPORTs that come in parts, late, or never, on either side.

mod support;

use std::time::Duration;

use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, OutgoingMessage, ReportMode, TransferKey, Unconfirmed};
use msrp::wire::{Method, StatusCode};
use msrp_conformance::covers;
use support::bench::{Bench, TO, report, response, send};
use support::{Pair, S1, frames, message, octets};

const SECOND: Duration = Duration::from_secs(1);

fn reported(len: usize) -> OutgoingMessage {
    OutgoingMessage {
        success_report: true,
        ..message(Body::Whole("x".repeat(len).into()))
    }
}

/// A bound session whose success REPORTs have 10 s.
fn hurried() -> Bench {
    let mut bench = Bench::with(|config| config.report_timeout = Some(10 * SECOND));
    bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
    bench.side.take();
    bench
}

fn last_message_id(bench: &Bench) -> String {
    let sent = frames(&bench.side.sent);
    let last = sent
        .iter()
        .rev()
        .find(|(head, ..)| head.content_type().is_some());
    let id = last.and_then(|(head, ..)| head.message_id());
    id.expect("a message was sent").to_string()
}

fn confirm(bench: &mut Bench, id: &str, range: &str) {
    let headers = format!("Message-ID: {id}\r\nByte-Range: {range}\r\nStatus: 000 200 OK\r\n");
    assert_eq!(bench.feed(report("rep1", TO, &headers)), "");
}

fn unconfirmed(events: &[Event], transfer: TransferKey) -> Vec<Unconfirmed> {
    let of = |event: &Event| match event {
        Event::Unconfirmed(key, why) if *key == transfer => Some(*why),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn rfc4975_7_1_1_an_own_time_for_success_reports_is_told_once() {
    let mut bench = hurried();
    let (sent, ids) = bench.say(reported(300));
    bench.feed(response(&ids[0], "200 OK"));
    let id = last_message_id(&bench);
    confirm(&mut bench, &id, "1-299/300");
    bench.pass(10 * SECOND - Duration::from_millis(1));
    assert_eq!(unconfirmed(&bench.side.take(), sent), []);
    bench.pass(Duration::from_millis(1));
    let events = bench.side.take();
    assert_eq!(
        unconfirmed(&events, sent),
        [Unconfirmed::Timeout(10 * SECOND)]
    );
    bench.pass(3600 * SECOND);
    assert_eq!(
        bench.side.take(),
        [],
        "told once, and nothing else comes of it"
    );
    // Late is not never.
    confirm(&mut bench, &id, "300-300/300");
    assert!(bench.side.take().contains(&Event::Delivered(sent)));
    covers!("C-227", "C-231");
}

#[test]
fn rfc4975_7_1_1_without_an_own_time_success_reports_may_come_whenever() {
    let mut bench = Bench::new();
    bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
    let (sent, ids) = bench.say(reported(300));
    bench.feed(response(&ids[0], "200 OK"));
    bench.side.take();
    assert_eq!(bench.pass(24 * 3600 * SECOND), (0, String::new()));
    let id = last_message_id(&bench);
    confirm(&mut bench, &id, "1-300/300");
    assert!(bench.side.take().contains(&Event::Delivered(sent)));
    covers!("C-227", "C-231");
}

#[test]
fn the_time_of_success_reports_runs_for_those_who_wait_for_them_only() {
    let mut bench = hurried();
    let (confirmed, ids) = bench.say(reported(10));
    bench.feed(response(&ids[0], "200 OK"));
    let id = last_message_id(&bench);
    confirm(&mut bench, &id, "1-10/10");
    let (failed, ids) = bench.say(reported(10));
    bench.feed(response(&ids[0], "413 No"));
    let (silent, ids) = bench.say(message(Body::Whole("x".into())));
    bench.feed(response(&ids[0], "200 OK"));
    bench.pass(5 * SECOND);
    let (waiting, ids) = bench.say(reported(10));
    bench.feed(response(&ids[0], "200 OK"));
    bench.side.take();
    bench.pass(9 * SECOND);
    assert_eq!(bench.side.take(), []);
    bench.pass(SECOND);
    let events = bench.side.take();
    assert_eq!(unconfirmed(&events, waiting).len(), 1);
    for other in [confirmed, failed, silent] {
        assert_eq!(unconfirmed(&events, other), []);
    }
    // The timer goes with the last of them.
    assert_eq!(bench.pass(3600 * SECOND).0, 0);
}

#[test]
fn the_time_of_success_reports_stands_still_while_we_do_not_read() {
    let mut limits = Limits::default();
    limits.receive_window = 1024;
    limits.connection_slack = 0;
    limits.stall = None;
    let mut pair = Pair::with(&limits, 1, |config| {
        config.report_timeout = Some(10 * SECOND)
    });
    let sent = pair.send_a(S1, reported(10));
    pair.b.consume = false;
    pair.run();
    pair.a.consume = false;
    pair.send_b(S1, message(Body::Whole(octets(4000, 1).into())));
    pair.run();
    assert!(!pair.a.connection.reading_allowed());
    pair.a.take();
    pair.advance(100 * SECOND);
    assert_eq!(unconfirmed(&pair.a.take(), sent), []);
}

#[test]
fn what_is_forgotten_is_told_to_be_unconfirmed() {
    let mut limits = Limits::default();
    limits.remembered_ids = 2;
    let mut bench = Bench::limited(&limits);
    bench.know(1, |_| {});
    bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
    bench.side.take();
    let say = |bench: &mut Bench, what| {
        let (sent, ids) = bench.say(what);
        bench.feed(response(&ids[0], "200 OK"));
        sent
    };
    let first = say(&mut bench, reported(10));
    say(&mut bench, message(Body::Whole("x".into())));
    assert_eq!(unconfirmed(&bench.side.take(), first), []);
    say(&mut bench, message(Body::Whole("x".into())));
    let events = bench.side.take();
    assert_eq!(unconfirmed(&events, first), [Unconfirmed::Forgotten]);
    // One that waited for nothing is forgotten in silence.
    let last = say(&mut bench, reported(10));
    let told = |event: &Event| matches!(event, Event::Unconfirmed(..));
    assert!(!bench.side.take().iter().any(told));
    let id = last_message_id(&bench);
    confirm(&mut bench, &id, "1-10/10");
    assert!(bench.side.take().contains(&Event::Delivered(last)));
}

/// What a receiver with manual reports tells of the octets `start..end` of its first message.
fn tell(bench: &mut Bench, start: u64, end: u64, status: u16) -> String {
    let message = msrp::proto::MessageKey(1);
    let told = Command::ReportRange(message, start, end, StatusCode(status), String::new());
    bench.side.connection.handle_command(bench.now, S1, told);
    bench.feed("")
}

fn ranges(reports: &str) -> Vec<String> {
    let reports = frames(reports.as_bytes()).into_iter().map(|(head, ..)| {
        assert_eq!(head.method(), Some(&Method::Report));
        assert_eq!(head.message_id().expect("an id").as_str(), "m1xx");
        let status = head.report_status().expect("a status").code;
        format!("{status} {}", head.byte_range().expect("a range"))
    });
    reports.collect()
}

#[test]
fn rfc4975_7_1_3_a_receiver_reports_parts_while_the_message_goes_on() {
    let mut bench = Bench::with(|config| config.reports = ReportMode::Manual);
    let chunk = |n: u8, range: &str, body: &str, flag| {
        let headers = format!("Message-ID: m1xx\r\nByte-Range: {range}\r\nSuccess-Report: yes\r\n");
        send(&format!("tid{n}"), &headers, Some(body), flag)
    };
    bench.feed(chunk(1, "1-4/12", "1234", '+'));
    assert_eq!(ranges(&tell(&mut bench, 0, 4, 200)), ["200 1-4/12"]);
    // What is not here is not reported, nor what is of a chunk that goes on.
    assert_eq!(tell(&mut bench, 4, 8, 200), "");
    bench.feed(chunk(2, "9-12/12", "abcd", '$'));
    assert_eq!(
        ranges(&tell(&mut bench, 2, 10, 200)),
        ["200 3-4/12", "200 9-10/12"]
    );
    assert_eq!(ranges(&tell(&mut bench, 8, 99, 403)), ["403 9-12/12"]);
    bench.feed(chunk(3, "5-8/12", "5678", '+'));
    assert_eq!(ranges(&tell(&mut bench, 4, 12, 200)), ["200 5-12/12"]);
    // And all of it together.
    let told = Command::Report(msrp::proto::MessageKey(1), StatusCode::OK, String::new());
    bench.side.connection.handle_command(bench.now, S1, told);
    let all = bench.feed("");
    assert_eq!(ranges(&all), ["200 1-12/12"]);
    assert!(all.contains("\r\nStatus: 000 200"), "{all}");
    assert_eq!(tell(&mut bench, 0, 12, 200), "", "that was the last word");
    covers!("C-211", "C-212", "C-215");
}

#[test]
fn rfc4975_7_1_3_parts_are_reported_only_as_the_sender_asked() {
    for (asked, success, failure) in [
        ("", 0, 1),
        ("Success-Report: no\r\n", 0, 1),
        ("Success-Report: yes\r\nFailure-Report: no\r\n", 1, 0),
        ("Failure-Report: partial\r\n", 0, 1),
    ] {
        let mut bench = Bench::with(|config| config.reports = ReportMode::Manual);
        let headers = format!("Message-ID: m1xx\r\nByte-Range: 1-4/8\r\n{asked}");
        bench.feed(send("tid1", &headers, Some("1234"), '+'));
        assert_eq!(
            ranges(&tell(&mut bench, 0, 4, 200)).len(),
            success,
            "{asked}"
        );
        assert_eq!(
            ranges(&tell(&mut bench, 0, 4, 413)).len(),
            failure,
            "{asked}"
        );
    }
    // Where the engine makes the reports, nobody else does.
    let mut bench = Bench::new();
    let headers = "Message-ID: m1xx\r\nByte-Range: 1-4/8\r\nSuccess-Report: yes\r\n";
    bench.feed(send("tid1", headers, Some("1234"), '+'));
    assert_eq!(tell(&mut bench, 0, 4, 200), "");
    covers!("C-213", "C-222", "C-223");
}

#[test]
fn rfc4975_7_3_2_reports_in_parts_before_the_answer_and_twice_make_one_delivery() {
    let mut bench = hurried();
    let (sent, ids) = bench.say(reported(3000));
    assert_eq!(ids.len(), 2);
    let id = last_message_id(&bench);
    // Before the 200s, the end first, overlapping, and again.
    for range in [
        "2501-3000/3000",
        "1-1000/*",
        "900-1500/3000",
        "2501-3000/3000",
    ] {
        confirm(&mut bench, &id, range);
        assert!(
            !bench.side.take().contains(&Event::Delivered(sent)),
            "{range}"
        );
    }
    // Of another message, or of none: nothing.
    confirm(&mut bench, "nobody-knows", "1501-2500/3000");
    assert_eq!(bench.side.take(), []);
    bench.feed(response(&ids[0], "200 OK"));
    confirm(&mut bench, &id, "1501-2500/3000");
    let events = bench.side.take();
    let delivered = events
        .iter()
        .filter(|event| **event == Event::Delivered(sent));
    assert_eq!(delivered.count(), 1);
    bench.feed(response(&ids[1], "200 OK"));
    confirm(&mut bench, &id, "1-3000/3000");
    bench.pass(60 * SECOND);
    assert_eq!(bench.side.take(), [Event::Acknowledged(sent)]);
    covers!("C-135", "C-221", "C-227", "T-09");
}
