//! RFC 4975 §7.3 and §12 as seen on the wire: which session a request is for, what an unknown method gets, and how chunks
//! become messages. Each test does what a line of the catalogue says and looks for the reaction in its last column.

mod support;

use bytes::Bytes;
use msrp::proto::{Body, Event, OutgoingMessage, SessionKey};
use msrp::wire::MessageId;
use msrp_conformance::covers;
use support::bench::{Bench, FROM, TO, report, response, send};
use support::strict::strict;
use support::{Entry, S1, contents, message, octets, uri};

/// A bound session, with the answer to the first request thrown away.
fn bound() -> Bench {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(send("tid0", "Message-ID: m0xx\r\n", None, '$')),
        [200]
    );
    bench.side.take();
    bench
}

fn chunk(id: &str, range: &str, body: &str, flag: char) -> String {
    send(
        "tid1",
        &format!("Message-ID: {id}\r\nByte-Range: {range}\r\n"),
        Some(body),
        flag,
    )
}

const NONE: [u16; 0] = [];

#[test]
fn rfc4975_7_1_1_a_send_without_message_id() {
    for (asked, code) in [
        ("", Some(400)),
        ("Failure-Report: partial\r\n", Some(400)),
        ("Failure-Report: no\r\n", None),
    ] {
        let mut bench = bound();
        let codes: Vec<u16> = code.into_iter().collect();
        assert_eq!(
            bench.codes(send("tid1", asked, Some("hi"), '$')),
            codes,
            "{asked}"
        );
        assert_eq!(bench.side.take(), []);
    }
    // Without a body it is a keep-alive.
    for (asked, code) in [
        ("", Some(200)),
        ("Failure-Report: partial\r\n", None),
        ("Failure-Report: no\r\n", None),
    ] {
        let mut bench = Bench::new();
        let codes: Vec<u16> = code.into_iter().collect();
        assert_eq!(
            bench.codes(send("tid1", asked, None, '$')),
            codes,
            "{asked}"
        );
        // It binds, and nothing is shown.
        assert_eq!(bench.side.take(), [Event::Bound]);
    }
    covers!("C-106", "C-113");
}

#[test]
fn rfc4975_7_1_1_without_report_headers_there_is_a_response_and_no_report() {
    let mut bench = bound();
    let answer = strict(
        bench
            .feed(send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$'))
            .as_bytes(),
    );
    assert_eq!(answer.len(), 1);
    assert_eq!(answer[0].status.as_ref().map(|(code, _)| *code), Some(200));
    let (_, later) = bench.pass(std::time::Duration::from_secs(3600));
    assert_eq!(later, "");
    covers!("C-108", "T-08");
}

#[test]
fn rfc4975_5_3_a_slow_consumer_does_not_hold_the_response_up() {
    let mut bench = bound();
    bench.side.consume = false;
    for n in 0..20 {
        assert_eq!(
            bench.codes(chunk(&format!("mess{n}"), "1-2/2", "hi", '$')),
            [200]
        );
    }
    assert_eq!(
        bench.codes(chunk("open", "1-*/*", &"x".repeat(20_000), '+')),
        [200]
    );
    covers!("C-110");
}

#[test]
fn rfc4975_7_3_the_session_is_looked_for_first() {
    let unknown = TO.replace("session", "SESSION");
    let two = format!("{TO} msrp://c.example:1/x;tcp");
    let good = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
    for to in [
        &*unknown,
        "msrp://b.example:2855;tcp",
        &two,
        "msrp://r.example:1/r;tcp",
    ] {
        for (request, name) in [
            (good.clone(), "a good one"),
            (good.replace("SEND", "FOOBAR"), "an unknown method"),
            (good.replace("Message-ID: m1xx", "1abc: x"), "a bad header"),
            (good.replace("text/plain", "text"), "a bad type"),
            (send("tid1", "", Some("hi"), '$'), "no Message-ID"),
        ] {
            let mut bench = bound();
            assert_eq!(
                bench.codes(request.replace(TO, to)),
                [481],
                "{name} to {to}"
            );
            // Ignored otherwise, and the session that is there goes on.
            assert_eq!(bench.side.take(), [], "{name} to {to}");
            assert_eq!(bench.codes(chunk("next", "1-2/2", "hi", '$')), [200]);
            let silent =
                request.replace("\r\nContent-Type", "\r\nFailure-Report: no\r\nContent-Type");
            if !name.starts_with("an unknown") {
                assert_eq!(bench.codes(silent.replace(TO, to)), NONE, "{name} to {to}");
            }
            // The first request names nobody's session: nothing is bound.
            let mut bench = Bench::new();
            assert_eq!(bench.codes(request.replace(TO, to)), [481]);
            assert_eq!(bench.side.take(), []);
        }
    }
    covers!("C-140", "C-141", "C-142");
}

#[test]
fn rfc4975_10_10_a_session_on_another_connection() {
    let mut bench = Bench::bare();
    bench
        .side
        .table
        .entries
        .insert(uri("b.example", 1), Entry::Elsewhere);
    assert_eq!(
        bench.codes(send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$')),
        [506]
    );
    assert_eq!(
        bench.codes(send("tid2", "Failure-Report: no\r\n", Some("hi"), '$')),
        NONE
    );
    let method = send("tid3", "Message-ID: m1xx\r\n", None, '$').replace("SEND", "FOOBAR");
    assert_eq!(bench.codes(method), [506]);
    assert_eq!(
        bench.feed(report(
            "tid4",
            TO,
            "Message-ID: m1xx\r\nStatus: 000 481 no\r\n"
        )),
        ""
    );
    assert_eq!(bench.side.take(), []);
    assert!(bench.closed().is_none());
    covers!("C-143");
}

#[test]
fn rfc4975_12_unknown_methods_are_501_unless_nobody_wants_to_know() {
    for method in [
        "FOOBAR",
        "AUTH",
        "NICKNAME",
        "X",
        "FILE_OFFSET",
        "send",
        "Report",
        "2000",
    ] {
        let mut bench = bound();
        let request = send("tid1", "Message-ID: m1xx\r\n", None, '$').replace("SEND", method);
        assert_eq!(bench.codes(&request), [501], "{method}");
        let with_body =
            send("tid2", "Message-ID: m2xx\r\n", Some("hi"), '$').replace("SEND", method);
        assert_eq!(bench.codes(with_body), [501], "{method}");
        let silent = request.replace("Message-ID: m1xx", "Failure-Report: no");
        assert_eq!(bench.codes(silent), NONE, "{method}");
        assert_eq!(
            bench.codes(request.replace(TO, "msrp://b.example:2855/other;tcp")),
            [481],
            "{method}"
        );
        assert_eq!(bench.side.take(), []);
        // The connection lives.
        assert_eq!(bench.codes(chunk("next", "1-2/2", "hi", '$')), [200]);
    }
    covers!("C-145", "C-291", "T-52");
}

#[test]
fn rfc4975_10_9_no_send_and_no_report_gets_501() {
    let headers = [
        "Message-ID: m1xx\r\n",
        "",
        "Message-ID: m1xx\r\nByte-Range: 9-8/7\r\n",
        "1abc: x\r\n",
        "Unknown: x\r\n",
        "Message-ID: m1xx\r\nStatus: 000 200 OK\r\n",
        "Byte-Range: 0-0/0\r\n",
        "Use-Path: x\r\nExpires: 1\r\n",
    ];
    let mut seen = 0;
    for to in [TO, "msrp://b.example:2855/other;tcp", "nonsense"] {
        for headers in headers {
            for body in [None, Some(""), Some("hi")] {
                for flag in ['$', '+', '#'] {
                    let mut bench = bound();
                    let request = send("tid1", headers, body, flag).replace(TO, to);
                    let codes = bench.codes(&request);
                    assert!(codes.len() == 1 && codes[0] != 501, "{request}");
                    assert_eq!(
                        bench.codes(request.replace("SEND", "REPORT")),
                        NONE,
                        "{request}"
                    );
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 216);
    covers!("C-146", "C-174");
}

#[test]
fn rfc4975_7_3_1_a_whole_message_in_one_request() {
    for range in [
        "",
        "Byte-Range: 1-*/*\r\n",
        "Byte-Range: 1-*/5\r\n",
        "Byte-Range: 1-5000/5000\r\n",
        "Byte-Range: 1-5/*\r\n",
    ] {
        let mut bench = bound();
        let headers = format!("Message-ID: m1xx\r\n{range}");
        assert_eq!(
            bench.codes(send("tid1", &headers, Some("whole"), '$')),
            [200],
            "{range}"
        );
        // At once, and as long as the data.
        assert_eq!(bench.contents(), [(b"whole".to_vec(), true)], "{range}");
    }
    covers!("C-147", "T-27");
}

#[test]
fn rfc4975_7_3_1_chunks_are_put_together_by_message_id_at_their_positions() {
    let mut bench = bound();
    for request in [
        chunk("aaaa", "1-2/6", "a1", '+'),
        chunk("bbbb", "1-2/4", "b1", '+'),
        chunk("aaaa", "3-4/6", "a2", '+'),
        chunk("bbbb", "3-4/4", "b2", '$'),
        chunk("aaaa", "5-6/6", "a3", '$'),
    ] {
        assert_eq!(bench.codes(request), [200]);
    }
    assert_eq!(
        bench.contents(),
        [(b"b1b2".to_vec(), true), (b"a1a2a3".to_vec(), true)]
    );
    // From two messages interleaved by their sender: the other half of C-138.
    covers!("C-138", "C-148");
}

#[test]
fn rfc4975_7_3_1_the_octets_count_and_not_what_the_range_says() {
    for (first, second) in [
        ("1-10/20", "5-20/20"),
        ("1-1/20", "5-5/20"),
        ("1-*/20", "5-*/20"),
        ("1-4/4", "5-6/9999"),
    ] {
        let mut bench = bound();
        assert_eq!(
            bench.codes(chunk("m1xx", first, "0123", '+')),
            [200],
            "{first}"
        );
        assert_eq!(
            bench.codes(chunk("m1xx", second, "456789abcdefghij", '$')),
            [200],
            "{second}"
        );
        assert_eq!(
            bench.contents(),
            [(b"0123456789abcdefghij".to_vec(), true)],
            "{first} {second}"
        );
    }
    // An end below the start, too.
    let mut bench = bound();
    assert_eq!(bench.codes(chunk("m1xx", "1-4/8", "1234", '+')), [200]);
    assert_eq!(bench.codes(chunk("m1xx", "5-3/8", "5678", '$')), [200]);
    assert_eq!(bench.contents(), [(b"12345678".to_vec(), true)]);
    covers!("C-149", "T-26");
}

#[test]
fn rfc4975_7_1_1_positions_count_from_1() {
    let mut bench = bound();
    assert_eq!(bench.codes(chunk("m1xx", "0-4/5", "hello", '$')), [400]);
    assert_eq!(bench.codes(chunk("m2xx", "0-*/*", "hello", '$')), [400]);
    assert_eq!(bench.codes(chunk("m3xx", "0-0/5", "hello", '$')), [400]);
    assert_eq!(bench.side.take(), []);
    let bodiless = send(
        "tid1",
        "Message-ID: m4xx\r\nByte-Range: 0-0/0\r\n",
        None,
        '$',
    );
    assert_eq!(bench.codes(bodiless), [200]);
    assert_eq!(bench.codes(chunk("m5xx", "0-0/0", "", '$')), [200]);
    assert_eq!(bench.contents(), [(Vec::new(), true)]);
    covers!("C-292");
}

#[test]
fn rfc4975_7_1_1_empty_messages_and_empty_last_chunks() {
    // A complete empty message, with its REPORT.
    let mut bench = bound();
    let headers = "Message-ID: m1xx\r\nByte-Range: 1-0/0\r\nSuccess-Report: yes\r\n";
    let answer = strict(bench.feed(send("tid1", headers, Some(""), '$')).as_bytes());
    assert_eq!(answer.len(), 2);
    assert_eq!(answer[0].status.as_ref().map(|(code, _)| *code), Some(200));
    assert!(answer[1].is("REPORT"));
    assert_eq!(answer[1].range(), (1, Some(0), Some(0)));
    assert_eq!(bench.contents(), [(Vec::new(), true)]);
    // Once: it comes again.
    assert_eq!(bench.codes(send("tid2", headers, Some(""), '$')), [200]);
    assert_eq!(bench.contents(), []);
    // An empty chunk that ends a message of four octets.
    let mut bench = bound();
    assert_eq!(bench.codes(chunk("m1xx", "1-4/*", "1234", '+')), [200]);
    assert_eq!(bench.contents().len(), 0);
    assert_eq!(bench.codes(chunk("m1xx", "5-4/4", "", '$')), [200]);
    assert_eq!(bench.side.take().len(), 1);
    assert_eq!(bench.codes(chunk("m2xx", "1-4/*", "1234", '+')), [200]);
    assert_eq!(bench.codes(chunk("m2xx", "5-4/4", "", '$')), [200]);
    assert_eq!(bench.contents(), [(b"1234".to_vec(), true)]);
    covers!("C-126", "C-127", "T-22");
}

#[test]
fn rfc4975_7_1_1_a_chunk_of_64_mib_and_a_hundred_thousand_of_one_octet() {
    let mut bench = bound();
    let block = Bytes::from(octets(1 << 20, 1));
    let head = send(
        "tid1",
        "Message-ID: m1xx\r\nByte-Range: 1-*/*\r\n",
        Some("BODY"),
        '$',
    );
    let (before, after) = head.split_once("BODY").expect("a body");
    let (mut arrived, mut ended) = (0u64, None);
    let mut give = |bench: &mut Bench, data: Bytes| {
        bench
            .side
            .connection
            .handle_input(bench.now, data, &mut bench.side.table);
        support::drain(&mut bench.side, bench.now);
        for event in bench.side.take() {
            match event {
                Event::MessageBody { offset, data, .. } => {
                    assert_eq!(offset, arrived);
                    for (place, part) in data.chunks(4096).enumerate() {
                        let at =
                            (usize::try_from(offset).expect("small") + 4096 * place) % block.len();
                        let known = part.len().min(block.len() - at);
                        assert!(part[..known] == block[at..at + known]);
                    }
                    arrived += data.len() as u64;
                }
                Event::MessageEnd { end, .. } => ended = Some(end),
                _ => {}
            }
        }
    };
    give(&mut bench, Bytes::copy_from_slice(before.as_bytes()));
    for _ in 0..64 {
        for piece in 0..16 {
            give(
                &mut bench,
                block.slice(piece * 65_536..(piece + 1) * 65_536),
            );
        }
    }
    give(&mut bench, Bytes::copy_from_slice(after.as_bytes()));
    assert_eq!(
        (arrived, ended),
        (64 << 20, Some(msrp::proto::MessageEnd::Complete(64 << 20)))
    );
    assert_eq!(bench.codes(""), [200]);
    // The other way: nothing is too small.
    let mut bench = bound();
    let count = 100_000;
    let (mut told, mut answers) = (Vec::new(), 0);
    for n in 1..=count {
        let flag = if n == count { '$' } else { '+' };
        let data = chunk("m2xx", &format!("{n}-{n}/*"), "x", flag);
        bench
            .side
            .connection
            .handle_input(bench.now, Bytes::from(data), &mut bench.side.table);
        support::drain(&mut bench.side, bench.now);
        while support::write(&mut bench.side, bench.now) {}
        answers += memchr::memmem::find_iter(&bench.side.sent, b" 200 OK\r\n").count();
        bench.side.sent.clear();
        bench.side.pipe.clear();
        told.extend(bench.side.take());
    }
    assert!(contents(&told) == [(vec![b'x'; count], true)]);
    // And the answer to the binding request.
    assert_eq!(answers, count + 1);
    covers!("C-136", "T-23");
}

#[test]
fn rfc4975_5_4_a_message_id_is_one_of_its_session_and_direction() {
    let mut bench = Bench::bare();
    bench.know(1, |_| {});
    bench.know(2, |_| {});
    let other = |text: String| text.replace("session000000000001", "session000000000002");
    // Two sessions on one connection use the same id at the same time.
    assert_eq!(bench.codes(chunk("same", "1-4/8", "1111", '+')), [200]);
    assert_eq!(
        bench.codes(other(chunk("same", "5-8/8", "2222", '$'))),
        [200]
    );
    // And we do, too, in the first: the other direction.
    let ours = OutgoingMessage {
        message_id: Some(MessageId::new("same").expect("an ident")),
        ..message(Body::Whole("ours".into()))
    };
    let (sent, ids) = bench.say(ours);
    assert_eq!(bench.codes(chunk("same", "5-8/8", "1111", '$')), [200]);
    assert_eq!(
        bench.codes(other(chunk("same", "1-4/8", "2222", '+'))),
        [200]
    );
    bench.feed(response(&ids[0], "200 OK"));
    let of = |key: u64, told: &[(SessionKey, Event)]| {
        let own = told.iter().filter(|(session, _)| session.0 == key);
        contents(&own.map(|(_, event)| event.clone()).collect::<Vec<_>>())
    };
    let told: Vec<_> = bench.side.events.drain(..).collect();
    assert_eq!(of(1, &told), [(b"11111111".to_vec(), true)]);
    assert_eq!(of(2, &told), [(b"22222222".to_vec(), true)]);
    assert!(told.contains(&(S1, Event::Acknowledged(sent))));
    // A REPORT about it in the other session is about nothing.
    let about = other(report(
        "rep1",
        TO,
        "Message-ID: same\r\nStatus: 000 413 no\r\n",
    ));
    assert_eq!(bench.feed(about), "");
    assert_eq!(bench.side.take(), []);
    covers!("C-199", "T-34");
}

#[test]
fn rfc4975_5_4_any_from_path_is_served() {
    let mut bench = bound();
    for from in [
        "msrp://192.0.2.1:9/other;tcp",
        "msrps://r.example:2855/x;tcp msrp://c.example:1/y;tcp",
    ] {
        let id = format!("m{}xx", from.len());
        assert_eq!(
            bench.codes(chunk(&id, "1-2/2", "hi", '$').replace(FROM, from)),
            [200],
            "{from}"
        );
    }
    assert_eq!(bench.contents().len(), 2);
    covers!("C-144");
}
