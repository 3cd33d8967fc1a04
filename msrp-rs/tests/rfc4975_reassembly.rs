//! RFC 4975 §7.3.1, §12: what a receiver makes of chunks, line by line of the catalogue.

mod support;

use std::sync::Arc;

use msrp::proto::{Body, Event, MessageEnd, OutgoingMessage, ReportMode};
use msrp::wire::{MediaRange, MessageId};
use msrp_conformance::covers;
use support::bench::{Bench, response, send};
use support::{contents, frames, message};

fn chunk(n: u8, range: &str, body: &str, flag: char) -> String {
    let range = match range {
        "" => String::new(),
        range => format!("Byte-Range: {range}\r\n"),
    };
    send(
        &format!("tid{n}"),
        &format!("Message-ID: m1xx\r\n{range}"),
        Some(body),
        flag,
    )
}

#[test]
fn rfc4975_12_unknown_headers_of_requests_are_as_if_absent() {
    let mut bench = Bench::new();
    let headers = "Message-ID: m1xx\r\nFoo: bar\r\nX-My_Header: 1\r\nSuccess-Report: yes\r\n";
    let answer = bench.feed(send("tid1", headers, Some("hi"), '$'));
    assert!(answer.starts_with("MSRP tid1 200 "), "{answer}");
    assert_eq!(answer.matches(" REPORT\r\n").count(), 1);
    assert!(!answer.contains("Foo"), "{answer}");
    assert_eq!(bench.contents(), [(b"hi".to_vec(), true)]);
    covers!("C-150");
}

#[test]
fn rfc4975_7_3_1_the_last_chunk_fixes_the_length_and_nothing_else_does() {
    let mut bench = Bench::new();
    // No total anywhere, and the last chunk's end is the length.
    let (first, last) = ("x".repeat(100), "y".repeat(50));
    assert_eq!(bench.codes(chunk(1, "1-*/*", &first, '+')), [200]);
    assert_eq!(bench.codes(chunk(2, "101-150/*", &last, '$')), [200]);
    assert_eq!(bench.contents(), [((first + &last).into_bytes(), true)]);
    // All octets by the announced total, and no end.
    let mut bench = Bench::new();
    for (n, range, body) in [(1, "1-4/8", "1234"), (2, "5-8/8", "5678")] {
        assert_eq!(bench.codes(chunk(n, range, body, '+')), [200]);
    }
    let over = |event: &Event| matches!(event, Event::Message { .. } | Event::MessageEnd { .. });
    let mut told = bench.side.take();
    assert!(!told.iter().any(over), "{told:?}");
    // It may even be longer than it said.
    assert_eq!(bench.codes(chunk(3, "9-9/*", "9", '$')), [200]);
    told.extend(bench.side.take());
    assert_eq!(contents(&told), [(b"123456789".to_vec(), true)]);
    // Or shorter, and the chunk that ends it says what was promised.
    let mut bench = Bench::new();
    assert_eq!(bench.codes(chunk(1, "1-4/900", "1234", '+')), [200]);
    assert_eq!(bench.codes(chunk(2, "5-900/900", "5", '$')), [200]);
    assert_eq!(bench.contents(), [(b"12345".to_vec(), true)]);
    covers!("C-152", "T-26");
}

#[test]
fn rfc4975_7_3_1_of_octets_that_came_twice_the_last_win() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(chunk(1, "1-100/*", &"a".repeat(100), '+')),
        [200]
    );
    assert_eq!(
        bench.codes(chunk(2, "50-150/*", &"b".repeat(101), '$')),
        [200]
    );
    let expected = "a".repeat(49) + &"b".repeat(101);
    assert_eq!(bench.contents(), [(expected.into_bytes(), true)]);
    covers!("C-153");
}

#[test]
fn rfc4975_7_3_1_octets_beyond_a_complete_message_are_a_repeat() {
    let mut bench = Bench::new();
    assert_eq!(bench.codes(chunk(1, "1-8/8", "12345678", '$')), [200]);
    assert_eq!(bench.contents(), [(b"12345678".to_vec(), true)]);
    assert_eq!(bench.codes(chunk(2, "9-12/12", "more", '+')), [200]);
    assert_eq!(bench.codes(chunk(3, "200-*/*", "more", '$')), [200]);
    assert_eq!(bench.side.take(), []);
    // A fixed end: beyond it 400, and the message is not touched.
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(chunk(1, "101-150/*", &"y".repeat(50), '$')),
        [200]
    );
    assert_eq!(bench.codes(chunk(2, "200-210/*", "beyond", '+')), [400]);
    assert_eq!(
        bench.codes(chunk(3, "140-160/*", &"z".repeat(21), '+')),
        [400]
    );
    // A total that changes is nobody's business.
    assert_eq!(
        bench.codes(chunk(4, "1-100/7", &"x".repeat(100), '+')),
        [200]
    );
    let (content, complete) = bench.contents().remove(0);
    assert!(complete && content.len() == 150 && content.starts_with(&[b'x'; 100]));
    covers!("C-156");
}

#[test]
fn rfc4975_7_1_a_send_without_content_is_answered_reported_and_not_shown() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(send("tid1", "Message-ID: m1xx\r\n", None, '$')),
        [200]
    );
    assert_eq!(bench.side.take(), [Event::Bound]);
    // Empty lines between two requests are nobody's business.
    assert_eq!(bench.feed("\r\n\r\n"), "");
    let answer = bench.feed(send(
        "tid2",
        "Message-ID: m2xx\r\nSuccess-Report: yes\r\n",
        None,
        '$',
    ));
    let said = frames(answer.as_bytes());
    assert_eq!(said.len(), 2, "{answer}");
    assert_eq!(said[0].0.status().expect("a response").0, 200);
    assert!(said[1].0.is_report());
    assert_eq!(
        said[1].0.byte_range().expect("a range").to_string(),
        "1-0/0"
    );
    for (asked, flag) in [
        ("Failure-Report: no\r\n", '$'),
        ("Failure-Report: partial\r\n", '+'),
    ] {
        assert_eq!(bench.feed(send("tid3", asked, None, flag)), "");
    }
    // With the id of a message under way `$` and `+` change nothing, and `#` ends it.
    assert_eq!(bench.codes(chunk(4, "1-4/8", "1234", '+')), [200]);
    bench.side.take();
    for flag in ['$', '+'] {
        assert_eq!(
            bench.codes(send("tid5", "Message-ID: m1xx\r\n", None, flag)),
            [200]
        );
        assert_eq!(bench.side.take(), []);
    }
    assert_eq!(
        bench.codes(send("tid6", "Message-ID: m1xx\r\n", None, '#')),
        [200]
    );
    let told = bench.side.take();
    assert!(
        matches!(
            &told[..],
            [Event::MessageEnd {
                end: MessageEnd::Aborted,
                ..
            }]
        ),
        "{told:?}"
    );
    covers!("C-166", "T-55");
}

#[test]
fn rfc4975_5_4_a_send_without_content_passes_whatever_types_are_taken() {
    let mut bench = Bench::with(|config| {
        config.accept_types = Arc::from([MediaRange::parse("message/cpim").expect("a range")]);
    });
    assert_eq!(
        bench.codes(send("tid1", "Message-ID: m1xx\r\n", None, '$')),
        [200]
    );
    assert_eq!(bench.side.take(), [Event::Bound]);
    assert_eq!(
        bench.codes(send("tid2", "Message-ID: m2xx\r\n", Some("hi"), '$')),
        [415]
    );
    covers!("T-68");
}

#[test]
fn rfc4975_7_3_1_a_first_chunk_without_a_range_starts_at_1() {
    let mut bench = Bench::new();
    assert_eq!(bench.codes(chunk(1, "", "1234", '+')), [200]);
    // A second one could start anywhere.
    assert_eq!(bench.codes(chunk(2, "", "1234", '+')), [400]);
    assert_eq!(bench.codes(chunk(3, "5-8/8", "5678", '$')), [200]);
    assert_eq!(bench.contents(), [(b"12345678".to_vec(), true)]);
    // One of a complete message is a repeat.
    assert_eq!(bench.codes(chunk(4, "", "12345678", '$')), [200]);
    assert_eq!(bench.side.take(), []);
    covers!("C-168");
}

#[test]
fn rfc4975_7_1_4_each_send_is_answered_as_it_asks() {
    let asking = |n: u8, range: &str, body: &str, asked: &str, flag| {
        let headers = format!("Message-ID: m1xx\r\nByte-Range: {range}\r\n{asked}");
        send(&format!("tid{n}"), &headers, Some(body), flag)
    };
    let mut bench = Bench::with(|config| config.reports = ReportMode::Manual);
    assert_eq!(
        bench.codes(asking(1, "1-2/8", "12", "Failure-Report: yes\r\n", '+')),
        [200]
    );
    assert_eq!(
        bench.codes(asking(2, "3-4/8", "34", "Failure-Report: no\r\n", '+')),
        [0u16; 0]
    );
    let partial = "Failure-Report: partial\r\n";
    assert_eq!(
        bench.codes(asking(3, "5-6/8", "56", partial, '+')),
        [0u16; 0]
    );
    assert_eq!(bench.codes(asking(4, "7-8/8", "78", "", '$')), [200]);
    // And in case of a failure.
    let mut bench = Bench::new();
    bench.feed(asking(1, "5-8/8", "5678", "", '$'));
    assert_eq!(
        bench.codes(asking(2, "9-9/*", "9", "Failure-Report: no\r\n", '+')),
        [0u16; 0]
    );
    assert_eq!(bench.codes(asking(3, "9-9/*", "9", partial, '+')), [400]);
    assert_eq!(bench.codes(asking(4, "9-9/*", "9", "", '+')), [400]);
    // Success is told of what asked for it alone.
    let mut bench = Bench::new();
    bench.feed(asking(1, "1-4/8", "1234", "Success-Report: yes\r\n", '+'));
    let answer = bench.feed(asking(2, "5-8/8", "5678", "Success-Report: no\r\n", '$'));
    let reports: Vec<_> = frames(answer.as_bytes())
        .into_iter()
        .filter(|(head, ..)| head.is_report())
        .map(|(head, ..)| head.byte_range().expect("a range").to_string())
        .collect();
    assert_eq!(reports, ["1-4/8"]);
    covers!("C-213", "C-294");
}

#[test]
fn rfc4975_7_3_1_a_message_id_is_one_of_its_session_and_direction() {
    // Two sessions on one connection, and both begin a message of the same id.
    let mut bench = Bench::new();
    bench.know(2, |_| {});
    let other = |text: String| text.replace("session000000000001", "session000000000002");
    assert_eq!(bench.codes(chunk(1, "1-4/8", "aaaa", '+')), [200]);
    assert_eq!(bench.codes(other(chunk(2, "1-4/8", "bbbb", '+'))), [200]);
    // We send one of that id, too.
    let id = MessageId::new("m1xx").expect("an ident");
    let (sent, ids) = bench.say(OutgoingMessage {
        message_id: Some(id),
        ..message(Body::Whole("cccc".into()))
    });
    bench.feed(response(&ids[0], "200 OK"));
    assert_eq!(bench.codes(other(chunk(3, "5-8/8", "BBBB", '$'))), [200]);
    assert_eq!(bench.codes(chunk(4, "5-8/8", "AAAA", '$')), [200]);
    let of = |bench: &Bench, n: u64| -> Vec<Event> {
        let own = bench.side.events.iter().filter(|(key, _)| key.0 == n);
        own.map(|(_, event)| event.clone()).collect()
    };
    let (one, two) = (of(&bench, 1), of(&bench, 2));
    assert!(one.contains(&Event::Acknowledged(sent)));
    assert_eq!(contents(&one), [(b"aaaaAAAA".to_vec(), true)]);
    assert_eq!(contents(&two), [(b"bbbbBBBB".to_vec(), true)]);
    covers!("T-34");
}
