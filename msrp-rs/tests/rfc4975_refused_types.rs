//! RFC 4975 §10.6: what a peer answered with 415 is not sent to it again in that session.

mod support;

use msrp::proto::{Body, Event, Failure, OutgoingMessage, TransferKey};
use msrp::wire::FailureReport;
use msrp_conformance::covers;
use support::bench::{Bench, TO, report, response, send};
use support::{frames, message};

fn of_type(content_type: &str, body: &'static str) -> OutgoingMessage {
    OutgoingMessage {
        content_type: content_type.into(),
        ..message(Body::Whole(body.into()))
    }
}

fn bound() -> Bench {
    let mut bench = Bench::new();
    bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
    bench.side.take();
    bench
}

fn failure(events: &[Event], transfer: TransferKey) -> Option<&Failure> {
    events.iter().find_map(|event| match event {
        Event::Failed(key, failure) if *key == transfer => Some(failure),
        _ => None,
    })
}

/// Whether a message of this type goes out.
fn goes_out(bench: &mut Bench, what: OutgoingMessage) -> bool {
    let (sent, ids) = bench.say(what);
    let events = bench.side.take();
    let refused = matches!(failure(&events, sent), Some(Failure::TypeRefused(_)));
    assert_eq!(refused, ids.is_empty(), "{events:?}");
    for id in &ids {
        bench.feed(response(id, "200 OK"));
    }
    bench.side.take();
    !refused
}

#[test]
fn rfc4975_10_6_a_415_stops_its_type_for_the_session() {
    for way in ["response", "response to partial", "REPORT"] {
        let mut bench = bound();
        let mut html = of_type("text/html", "<p>");
        if way == "response to partial" {
            html.failure_report = FailureReport::Partial;
        }
        let (sent, ids) = bench.say(html);
        if way == "REPORT" {
            bench.feed(response(&ids[0], "200 OK"));
            let sent = frames(&bench.side.sent);
            let id = sent.last().and_then(|(head, ..)| head.message_id());
            let headers = format!(
                "Message-ID: {}\r\nStatus: 000 415 No\r\n",
                id.expect("an id")
            );
            bench.feed(report("rep1", TO, &headers));
        } else {
            bench.feed(response(&ids[0], "415 No"));
        }
        let events = bench.side.take();
        let told = failure(&events, sent);
        assert!(
            matches!(told, Some(Failure::Status { code, .. }) if code.0 == 415),
            "{way}: {events:?}"
        );
        assert!(!goes_out(&mut bench, of_type("text/html", "<p>")), "{way}");
        assert!(
            !goes_out(&mut bench, of_type("TEXT/HTML; charset=utf-8", "<p>")),
            "{way}"
        );
        for other in ["text/plain", "text/xhtml", "application/html"] {
            assert!(goes_out(&mut bench, of_type(other, "hi")), "{way}: {other}");
        }
    }
    covers!("C-245", "T-51");
}

#[test]
fn rfc4975_10_6_what_waits_behind_the_answer_is_not_sent_either() {
    let mut bench = bound();
    let (first, ids) = bench.say(of_type("text/html", "<p>"));
    // The window is closed: nothing of these was written.
    let now = bench.now;
    let waiting = support::send(
        &mut bench.side,
        now,
        support::S1,
        of_type("text/html", "<b>"),
    );
    let other = support::send(
        &mut bench.side,
        now,
        support::S1,
        of_type("text/plain", "hi"),
    );
    let answer = response(&ids[0], "415 No");
    let table = &mut bench.side.table;
    bench
        .side
        .connection
        .handle_input(now, answer.into(), table);
    support::drain(&mut bench.side, now);
    let sent = bench.feed("");
    assert!(
        !sent.contains("<b>") && sent.contains("\r\nhi\r\n"),
        "{sent}"
    );
    let events = bench.side.take();
    assert!(matches!(
        failure(&events, first),
        Some(Failure::Status { .. })
    ));
    assert!(matches!(
        failure(&events, waiting),
        Some(Failure::TypeRefused(_))
    ));
    assert_eq!(failure(&events, other), None);
    // The room of what was not sent is free again.
    let released = events
        .iter()
        .any(|event| matches!(event, Event::WindowReleased(_)));
    assert!(released, "{events:?}");
    covers!("C-245");
}

#[test]
fn rfc4975_10_6_of_message_cpim_the_type_inside_is_stopped() {
    let cpim = |inner: &str| {
        let body = format!("From: <im:a@b>\r\n\r\nContent-Type: {inner}\r\n\r\nhi");
        OutgoingMessage {
            content_type: "message/cpim".into(),
            ..message(Body::Whole(body.into()))
        }
    };
    let mut bench = bound();
    let (_, ids) = bench.say(cpim("text/html"));
    bench.feed(response(&ids[0], "415 No"));
    bench.side.take();
    assert!(!goes_out(&mut bench, cpim("text/html")));
    assert!(!goes_out(&mut bench, cpim("Text/HTML;charset=utf-8")));
    assert!(goes_out(&mut bench, cpim("text/plain")));
    assert!(goes_out(&mut bench, of_type("text/html", "<p>")));
    // What does not say what it holds stops nothing.
    let (_, ids) = bench.say(of_type("message/cpim", "nothing of the kind"));
    bench.feed(response(&ids[0], "415 No"));
    bench.side.take();
    assert!(goes_out(&mut bench, cpim("text/plain")));
    covers!("C-245", "T-67");
}

#[test]
fn rfc4975_10_other_codes_stop_no_type() {
    for code in ["400", "403", "413", "501", "499"] {
        let mut bench = bound();
        let (_, ids) = bench.say(of_type("text/html", "<p>"));
        bench.feed(response(&ids[0], code));
        bench.side.take();
        assert!(goes_out(&mut bench, of_type("text/html", "<p>")), "{code}");
    }
}
