//! What every request of ours looks like, and what every peer may do.

mod support;

use msrp_conformance::covers;
use std::collections::HashSet;

use msrp::limits::Limits;
use msrp::proto::{Body, Event, OutgoingMessage};
use msrp::wire::{FailureReport, HeaderName, MessageId, UriPath};
use support::bench::{Bench, FROM, TO, response, send};
use support::{Pair, S1, contents, message, octets};

#[test]
fn rfc4975_7_1_identifiers_are_never_used_twice() {
    let mut pair = Pair::new();
    for n in 0..300 {
        pair.send_a(S1, message(Body::Whole(octets(n * 20, 1).into())));
    }
    pair.run();
    let chunks: Vec<_> = pair
        .a
        .frames()
        .into_iter()
        .filter(|(head, ..)| head.is_request())
        .collect();
    let transactions: HashSet<_> = chunks
        .iter()
        .map(|(head, ..)| head.transaction_id())
        .collect();
    assert_eq!(transactions.len(), chunks.len());
    let messages: HashSet<_> = chunks.iter().map(|(head, ..)| head.message_id()).collect();
    assert_eq!(messages.len(), 301, "300 messages, and the binding request");
    assert!(transactions.iter().all(|id| id.as_str().len() >= 11));
    covers!("C-100");
}

#[test]
fn rfc4975_7_1_requests_go_along_the_whole_path() {
    let path = UriPath::parse(b"msrp://r.example:1/r;tcp msrp://b.example:2855/s;tcp", 8);
    let path = path.expect("a path");
    let mut bench = Bench::with(|config| config.remote_path = path.clone());
    bench.feed(send("tid1", "Message-ID: m1xx\r\n", None, '$'));
    bench.say(OutgoingMessage {
        success_report: true,
        failure_report: FailureReport::Partial,
        ..message(Body::Whole("x".repeat(5000).into()))
    });
    let frames = support::frames(&bench.side.sent);
    let chunks = frames.iter().filter(|(head, ..)| head.is_request());
    let mut count = 0;
    for (head, ..) in chunks {
        count += 1;
        assert_eq!(head.to_path_text(), Some(path.to_string().as_bytes()));
        assert_eq!(head.from_path_text(), Some(TO.as_bytes()));
        assert_eq!(head.header(HeaderName::SuccessReport), Some(&b"yes"[..]));
        assert_eq!(
            head.header(HeaderName::FailureReport),
            Some(&b"partial"[..])
        );
    }
    assert_eq!(count, 3);
    covers!("C-101", "C-107");
}

#[test]
fn rfc4975_7_1_1_chunks_do_not_wait_for_responses() {
    let mut pair = Pair::new();
    pair.b.capacity = 0;
    pair.send_a(S1, message(Body::Whole(octets(200_000, 1).into())));
    pair.run();
    let chunks = pair
        .a
        .frames()
        .into_iter()
        .filter(|(head, ..)| head.content_type().is_some());
    assert_eq!(chunks.count(), 98);
    assert_eq!(contents(&pair.b.take()), [(octets(200_000, 1), true)]);
    covers!("C-109");
}

#[test]
fn rfc4975_5_3_the_response_does_not_wait_for_the_consumer() {
    let mut bench = Bench::new();
    bench.side.consume = false;
    let headers = "Message-ID: m1xx\r\nByte-Range: 1-*/4\r\n";
    assert_eq!(bench.codes(send("tid1", headers, Some("12"), '+')), [200]);
    covers!("C-110", "C-170");
}

#[test]
fn rfc4975_7_3_any_sender_may_stand_in_the_from_path() {
    let mut bench = Bench::new();
    let other = "msrp://192.0.2.1:9/other;tcp;x=1;new";
    let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$').replace(FROM, other);
    let answer = bench.feed(request);
    assert!(answer.starts_with("MSRP tid1 200 "), "{answer}");
    assert!(
        answer.contains(&format!("To-Path: {other}\r\n")),
        "{answer}"
    );
    covers!("C-144", "C-176", "C-261");
}

#[test]
fn rfc4975_7_3_1_every_type_that_has_to_be_received_is() {
    for media_type in [
        "message/cpim",
        "multipart/mixed;boundary=x",
        "multipart/alternative; boundary=\"a b\"",
        "multipart/signed;protocol=\"application/pkcs7-signature\";micalg=sha-256;boundary=y",
    ] {
        let mut bench = Bench::new();
        let headers = "Message-ID: m1xx\r\nContent-Disposition: attachment\r\n";
        let request = send("tid1", headers, Some("--x\r\n"), '$').replace("text/plain", media_type);
        assert_eq!(bench.codes(request), [200], "{media_type}");
        let told = bench.side.take();
        let Some(Event::Message { head, body, .. }) = told.last() else {
            panic!("{told:?}")
        };
        assert_eq!(
            (&*head.content_type, &body[..]),
            (media_type, &b"--x\r\n"[..])
        );
        let expected = ("Content-Disposition".to_owned(), "attachment".to_owned());
        assert_eq!(head.headers, [expected]);
    }
    covers!("C-112", "C-161", "C-162", "C-163");
}

#[test]
fn rfc4975_5_4_content_sent_again_keeps_its_message_id() {
    let mut pair = Pair::with(&Limits::default(), 2, |_| {});
    let id = MessageId::new("the-same-again").expect("an ident");
    for n in 1..=2 {
        pair.send_a(
            msrp::proto::SessionKey(n),
            OutgoingMessage {
                message_id: Some(id),
                ..message(Body::Whole("again".into()))
            },
        );
    }
    pair.run();
    // Two sessions: two messages, since an id is one of its session.
    assert_eq!(contents(&pair.b.take()).len(), 2);
    let ids = pair
        .a
        .frames()
        .into_iter()
        .filter(|(head, ..)| head.message_id() == Some(id));
    assert_eq!(ids.count(), 2);
    covers!("C-199");
}

#[test]
fn rfc4975_10_2_a_refused_request_is_not_sent_again() {
    for status in ["400 Bad Request", "403 Forbidden"] {
        let mut bench = Bench::new();
        bench.feed(send("tid1", "Message-ID: m1xx\r\n", None, '$'));
        let (sent, ids) = bench.say(message(Body::Whole("x".into())));
        assert_eq!(bench.feed(response(&ids[0], status)), "");
        let (_, later) = bench.pass(std::time::Duration::from_secs(3600));
        assert_eq!(later, "");
        let failed = |event: &&Event| matches!(event, Event::Failed(key, _) if *key == sent);
        assert_eq!(bench.side.take().iter().filter(failed).count(), 1);
    }
    covers!("C-065", "C-244", "T-51");
}

#[test]
fn rfc4975_7_1_2_one_report_covers_the_whole_message() {
    let mut bench = Bench::new();
    let asked = "Success-Report: yes\r\nFailure-Report: no\r\n";
    for (range, body, flag) in [("1-2/6", "12", '+'), ("5-6/6", "56", '$')] {
        let headers = format!("Message-ID: m1xx\r\nByte-Range: {range}\r\n{asked}");
        assert_eq!(bench.feed(send("tid1", &headers, Some(body), flag)), "");
    }
    let headers = format!("Message-ID: m1xx\r\nByte-Range: 3-4/6\r\n{asked}");
    let answer = bench.feed(send("tid1", &headers, Some("34"), '+'));
    assert_eq!(answer.matches(" REPORT\r\n").count(), 1);
    assert!(answer.contains("\r\nByte-Range: 1-6/6\r\n"), "{answer}");
    covers!("C-211", "C-212", "C-215");
}
