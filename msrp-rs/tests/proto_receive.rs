//! How a connection reacts to what a peer sends, octet by octet, right or wrong.

mod support;

use msrp_conformance::covers;
use std::sync::Arc;
use std::time::Duration;

use msrp::proto::{Body, CloseReason, Command, Event, MessageEnd};
use msrp::wire::{MediaRange, StatusCode};
use support::bench::{Bench, FROM, TO, report, response, send};
use support::{Entry, S1, contents, drain, frames, message, uri};

#[test]
fn rfc4975_7_3_session_is_looked_up_before_all_else() {
    let wrong = [
        "msrp://b.example:2855/SESSION000000000001;tcp",
        "msrp://b.example:2855;tcp",
        "msrps://b.example:2855/session000000000001;tcp",
        "msrp://b.example:2856/session000000000001;tcp",
        "msrp://b.example:2855/session000000000001;tcp msrp://c.example:1/x;tcp",
    ];
    for to in wrong {
        let mut bench = Bench::new();
        let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$').replace(TO, to);
        assert_eq!(bench.codes(&request), [481], "{to}");
        assert_eq!(bench.codes(request.replace("SEND", "FOOBAR")), [481]);
        assert_eq!(
            bench.codes(request.replace("Message-ID: m1xx\r\n", "Failure-Report: no\r\n")),
            [0u16; 0]
        );
        assert_eq!(
            bench.codes(request.replace("Message-ID: m1xx\r\n", "Failure-Report: maybe\r\n")),
            [481]
        );
        assert_eq!(bench.side.take(), []);
        assert!(bench.closed().is_none());
        // The session itself is not touched.
        assert_eq!(
            bench.codes(send("tid2", "Message-ID: m2xx\r\n", Some("hi"), '$')),
            [200]
        );
    }
    covers!("C-080", "C-088", "C-140", "C-141", "C-142", "C-195", "T-50");
}

#[test]
fn rfc4975_7_3_uris_are_compared_by_their_rules_not_their_text() {
    let same = [
        "MSRP://bob@B.EXAMPLE:2855/session000000000001;TCP;x=1",
        "msrp://b.ex%61mple:02855/session000000000001;tcp",
    ];
    for to in same {
        let mut bench = Bench::new();
        let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$').replace(TO, to);
        assert_eq!(bench.codes(&request), [200], "{to}");
        assert_eq!(bench.codes(request.replace("m1xx", "m2xx")), [200], "{to}");
    }
    covers!("C-078", "C-083", "C-084", "C-089", "C-091");
}

#[test]
fn rfc4975_10_10_session_bound_elsewhere_is_506() {
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
        bench.codes(send("tid1", "Failure-Report: no\r\n", None, '$')),
        [0u16; 0]
    );
    assert_eq!(
        bench.feed(report(
            "tid1",
            TO,
            "Message-ID: m1xx\r\nStatus: 000 200 OK\r\n"
        )),
        ""
    );
    assert_eq!(bench.side.take(), []);
    covers!("C-143", "C-195", "C-196");
}

#[test]
fn rfc4975_12_unknown_methods_are_501_and_the_connection_lives() {
    let mut bench = Bench::new();
    let path = "msrp://r.example:2855/r;tcp msrp://a.example:2855/session000000000001;tcp";
    for method in ["FOOBAR", "FILE_OFFSET", "send"] {
        let request = send("tid1", "Message-ID: m1xx\r\n", None, '$')
            .replace("SEND", method)
            .replace(FROM, path);
        let answer = bench.feed(&request);
        assert!(answer.starts_with("MSRP tid1 501 "), "{answer}");
        assert!(
            answer.contains(&format!("To-Path: {path}\r\nFrom-Path: {TO}\r\n")),
            "{answer}"
        );
    }
    assert_eq!(
        bench.codes(send("tid1", "Failure-Report: no\r\n", None, '$').replace("SEND", "FOOBAR")),
        [0u16; 0]
    );
    assert_eq!(
        bench.codes(send("tid2", "Message-ID: m2xx\r\n", Some("hi"), '$')),
        [200]
    );
    covers!("C-145", "C-177", "C-291", "T-52");
}

#[test]
fn rfc4975_7_2_response_to_send_goes_to_the_last_hop_alone() {
    let mut bench = Bench::new();
    let path =
        "msrp://r2.example:2855/r;tcp msrp://r1.example:2855/r;tcp msrp://a.example:2855/x;tcp";
    let answer =
        bench.feed(send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$').replace(FROM, path));
    assert_eq!(
        answer,
        format!(
            "MSRP tid1 200 OK\r\nTo-Path: msrp://r2.example:2855/r;tcp\r\nFrom-Path: {TO}\r\n-------tid1$\r\n"
        )
    );
    covers!("C-017", "C-175", "C-176", "C-180", "T-02");
}

#[test]
fn rfc4975_7_1_3_report_goes_along_the_whole_path() {
    let mut bench = Bench::new();
    let path =
        "msrp://r2.example:2855/r;tcp msrp://r1.example:2855/r;tcp msrp://a.example:2855/x;tcp";
    let headers =
        "Message-ID: m1xx\r\nByte-Range: 1-2/2\r\nSuccess-Report: yes\r\nFailure-Report: no\r\n";
    let answer = bench.feed(send("tid1", headers, Some("hi"), '$').replace(FROM, path));
    let frames = frames(answer.as_bytes());
    assert_eq!(frames.len(), 1);
    let (head, ..) = &frames[0];
    assert!(head.is_report());
    assert_eq!(head.to_path_text(), Some(path.as_bytes()));
    assert_eq!(head.from_path_text(), Some(TO.as_bytes()));
    assert_eq!(head.message_id().unwrap().as_str(), "m1xx");
    assert_eq!(head.byte_range().unwrap().to_string(), "1-2/2");
    assert!(answer.contains("\r\nStatus: 000 200 OK\r\n"));
    assert!(!answer.contains("Success-Report") && !answer.contains("Failure-Report"));
    covers!("C-214", "C-215", "C-216", "C-217", "T-03", "T-05");
}

#[test]
fn rfc4975_7_3_1_chunks_in_any_order_and_overlap() {
    let chunk = |range: &str, body: &str, flag| {
        send(
            "tid1",
            &format!("Message-ID: m1xx\r\nByte-Range: {range}\r\n"),
            Some(body),
            flag,
        )
    };
    type Chunks = &'static [(&'static str, &'static str, char)];
    let cases: &[(Chunks, &str)] = &[
        (&[("1-*/*", "whole", '$')], "whole"),
        (
            &[("5-8/8", "5678", '$'), ("1-4/8", "1234", '+')],
            "12345678",
        ),
        (
            &[("1-10/20", "1234", '+'), ("5-8/8", "5678", '$')],
            "12345678",
        ),
        (
            &[("1-6/8", "aaaaaa", '+'), ("4-8/8", "bbbbb", '$')],
            "aaabbbbb",
        ),
        (
            &[("5-3/8", "5678", '$'), ("1-*/8", "1234", '+')],
            "12345678",
        ),
        (
            &[
                ("1-2/*", "12", '+'),
                ("3-4/*", "34", '+'),
                ("5-*/*", "5", '$'),
            ],
            "12345",
        ),
        (&[("1-4/999", "1234", '+'), ("5-5/4", "5", '$')], "12345"),
        (&[("1-4/4", "1234", '+'), ("5-5/999", "5", '$')], "12345"),
    ];
    for (chunks, expected) in cases {
        for split in [1, 5, usize::MAX] {
            let mut bench = Bench::new();
            bench.split = split;
            for (range, body, flag) in *chunks {
                assert_eq!(bench.codes(chunk(range, body, *flag)), [200], "{range}");
            }
            assert_eq!(
                bench.contents(),
                [(expected.as_bytes().to_vec(), true)],
                "{chunks:?}"
            );
        }
    }
    covers!("C-147", "C-148", "C-149", "C-151", "T-26", "T-27");
}

#[test]
fn rfc4975_7_3_1_octets_after_the_end_are_refused() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(send(
            "tid1",
            "Message-ID: m1xx\r\nByte-Range: 5-8/8\r\n",
            Some("5678"),
            '$'
        )),
        [200]
    );
    assert_eq!(
        bench.codes(send(
            "tid2",
            "Message-ID: m1xx\r\nByte-Range: 9-9/9\r\n",
            Some("9"),
            '+'
        )),
        [400]
    );
    assert_eq!(
        bench.codes(send("tid3", "Message-ID: m1xx\r\n", Some("1"), '+')),
        [400]
    );
    assert_eq!(
        bench.codes(send(
            "tid4",
            "Message-ID: m1xx\r\nByte-Range: 1-4/8\r\n",
            Some("1234"),
            '+'
        )),
        [200]
    );
    assert_eq!(bench.contents(), [(b"12345678".to_vec(), true)]);
    // A repeat is answered and reported, and not shown again.
    let repeat = "Message-ID: m1xx\r\nByte-Range: 1-8/8\r\nSuccess-Report: yes\r\n";
    let answer = bench.feed(send("tid5", repeat, Some("12345678"), '$'));
    let frames = frames(answer.as_bytes());
    assert_eq!(frames[0].0.status(), Some(StatusCode::OK));
    assert!(frames[1].0.is_report());
    assert_eq!(frames[1].0.byte_range().unwrap().to_string(), "1-8/8");
    assert_eq!(bench.contents(), []);
    covers!("C-156", "C-158", "C-159", "T-35");
}

#[test]
fn rfc4975_7_1_1_wrong_ranges_are_400_and_harmless() {
    let mut bench = Bench::new();
    let bad = [
        "Message-ID: m1xx\r\nByte-Range: *-5/5\r\n",
        "Message-ID: m1xx\r\nByte-Range: 1 - 5/5\r\n",
        "Message-ID: m1xx\r\nByte-Range: 1-5\r\n",
        "Message-ID: m1xx\r\nByte-Range: 0-4/5\r\n",
        "Message-ID: m1xx\r\nByte-Range: 0-0/5\r\n",
        "Message-ID: m1xx\r\nByte-Range: 1-99999999999999999999999/*\r\n",
        "Message-ID: m1xx\r\nByte-Range: 18446744073709551615-*/*\r\n",
        "Message-ID: m1xx\r\nMessage-ID: m2xx\r\n",
        "Message-ID: m1xx\r\nSuccess-Report: maybe\r\n",
        "Byte-Range: 1-5/5\r\n",
    ];
    for headers in bad {
        assert_eq!(
            bench.codes(send("tid1", headers, Some("hello"), '$')),
            [400],
            "{headers}"
        );
        assert!(
            bench
                .side
                .take()
                .iter()
                .all(|event| matches!(event, Event::Bound)),
            "{headers}"
        );
    }
    let untyped = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$')
        .replace("Content-Type: text/plain\r\n", "");
    assert_eq!(bench.codes(untyped), [400]);
    // A claim of 9 EB costs nothing.
    assert_eq!(
        bench.codes(send(
            "tid1",
            "Message-ID: m3xx\r\nByte-Range: 1-5/9000000000000000000\r\n",
            Some("hello"),
            '+'
        )),
        [200]
    );
    assert_eq!(
        bench.codes(send("tid2", "Message-ID: m4xx\r\n", Some("hello"), '$')),
        [200]
    );
    assert!(bench.closed().is_none());
    covers!("C-044", "C-062", "C-292", "C-051");
}

#[test]
fn rfc4975_7_3_1_types_that_were_not_accepted_are_415() {
    let mut bench = Bench::with(|config| {
        config.accept_types = Arc::from([MediaRange::parse("text/*").unwrap()])
    });
    assert_eq!(
        bench.codes(send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$')),
        [200]
    );
    for (report, expected) in [
        ("", vec![415]),
        ("Failure-Report: yes\r\n", vec![415]),
        ("Failure-Report: partial\r\n", vec![415]),
        ("Failure-Report: no\r\n", vec![]),
    ] {
        let request = send(
            "tid1",
            &format!("Message-ID: m2xx\r\n{report}"),
            Some("hi"),
            '$',
        )
        .replace("text/plain", "image/png");
        assert_eq!(bench.codes(request), expected);
    }
    assert_eq!(bench.contents().len(), 1);
    covers!("C-160", "C-171", "C-226");
}

#[test]
fn rfc4975_7_1_2_reports_are_never_answered() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(send("tid0", "Message-ID: m1xx\r\n", None, '$')),
        [200]
    );
    let reports = [
        report(
            "tid1",
            TO,
            "Message-ID: m1xx\r\nByte-Range: 1-2/2\r\nStatus: 000 200 OK\r\n",
        ),
        report(
            "tid1",
            TO,
            "Message-ID: none\r\nByte-Range: 1-2/2\r\nStatus: 000 413 no\r\nFailure-Report: yes\r\n",
        ),
        report("tid1", TO, "Message-ID: none\r\n"),
        report("tid1", TO, "Status: nonsense\r\n"),
        report(
            "tid1",
            "msrp://b.example:2855/other;tcp",
            "Message-ID: m1xx\r\nStatus: 000 200 OK\r\n",
        ),
        report("tid1", "nonsense", "Message-ID: m1xx\r\n"),
        report("tid1", TO, "Message-ID: m1xx\r\nStatus: 000 200 OK\r\n").replace(FROM, "nonsense"),
    ];
    bench.side.take();
    for request in reports {
        assert_eq!(bench.feed(&request), "", "{request}");
        assert_eq!(bench.side.take(), [], "{request}");
        assert!(bench.closed().is_none(), "{request}");
    }
    covers!("C-174", "C-216", "C-217", "C-219", "C-221", "T-04");
}

#[test]
fn rfc4975_7_1_abort_is_answered_and_ends_the_message() {
    for bodiless in [false, true] {
        let mut bench = Bench::new();
        assert_eq!(
            bench.codes(send(
                "tid1",
                "Message-ID: m1xx\r\nByte-Range: 1-4/8\r\n",
                Some("1234"),
                '+'
            )),
            [200]
        );
        let (range, body) = if bodiless {
            ("1-0/0", None)
        } else {
            ("5-8/8", Some("56"))
        };
        let abort = send(
            "tid2",
            &format!("Message-ID: m1xx\r\nByte-Range: {range}\r\nSuccess-Report: yes\r\n"),
            body,
            '#',
        );
        let answers = bench.feed(abort);
        assert!(answers.starts_with("MSRP tid2 200 "));
        let events = bench.side.take();
        assert!(
            matches!(
                events.last(),
                Some(Event::MessageEnd {
                    end: MessageEnd::Aborted,
                    ..
                })
            ),
            "{events:?}"
        );
        // Not joined, and not begun anew.
        assert_eq!(
            bench.codes(send(
                "tid3",
                "Message-ID: m1xx\r\nByte-Range: 5-8/8\r\n",
                Some("5678"),
                '$'
            )),
            [413]
        );
        assert_eq!(bench.side.take(), []);
    }
    covers!("C-155", "C-166");
}

#[test]
fn success_reports_cover_only_what_asked_for_them() {
    let mut bench = Bench::new();
    bench.feed(send(
        "tid1",
        "Message-ID: m1xx\r\nByte-Range: 1-4/8\r\nSuccess-Report: yes\r\n",
        Some("1234"),
        '+',
    ));
    let answer = bench.feed(send(
        "tid2",
        "Message-ID: m1xx\r\nByte-Range: 5-8/8\r\n",
        Some("5678"),
        '$',
    ));
    let reports: Vec<_> = frames(answer.as_bytes())
        .into_iter()
        .filter(|(head, ..)| head.is_report())
        .collect();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].0.byte_range().unwrap().to_string(), "1-4/8");
    covers!("C-294");
}

#[test]
fn many_incomplete_messages_are_bounded() {
    let mut bench = Bench::new();
    let mut codes = Vec::new();
    for n in 0..200 {
        codes.extend(bench.codes(send(
            "tid1",
            &format!("Message-ID: mess{n}\r\nByte-Range: 1-1/9\r\n"),
            Some("1"),
            '+',
        )));
    }
    assert_eq!(codes.iter().filter(|code| **code == 200).count(), 64);
    assert!(codes[64..].iter().all(|code| *code == 413));
    // Ten idle minutes later they are given up.
    bench.side.take();
    bench.now += Duration::from_secs(601);
    bench.side.connection.handle_timeout(bench.now);
    drain(&mut bench.side, bench.now);
    let ends = bench
        .side
        .take()
        .iter()
        .filter(|event| {
            matches!(
                event,
                Event::MessageEnd {
                    end: MessageEnd::Idle,
                    ..
                }
            )
        })
        .count();
    assert_eq!(ends, 64);
    assert_eq!(
        bench.codes(send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$')),
        [200]
    );
    covers!("C-157", "T-63");
}

#[test]
fn octets_out_of_order_are_bounded() {
    let mut bench = Bench::new();
    let body = "x".repeat(100_000);
    let mut codes = Vec::new();
    for n in 1..5 {
        let headers = format!("Message-ID: m1xx\r\nByte-Range: {}-*/*\r\n", n * 1_000_000);
        codes.extend(bench.codes(send("tid1", &headers, Some(&body), '+')));
    }
    assert_eq!(codes, [200, 200, 413, 413]);
    assert!(matches!(
        bench.side.take().last(),
        Some(Event::MessageEnd {
            end: MessageEnd::Rejected(_),
            ..
        })
    ));
    covers!("T-63");
}

#[test]
fn every_second_octet_is_bounded_by_the_number_of_gaps() {
    let mut bench = Bench::new();
    let mut codes = Vec::new();
    for n in 0..1100 {
        let headers = format!("Message-ID: m1xx\r\nByte-Range: {}-*/*\r\n", 2 * n + 1);
        codes.extend(bench.codes(send("tid1", &headers, Some("x"), '+')));
    }
    assert_eq!(codes.iter().position(|code| *code == 413), Some(1024));
}

#[test]
fn rfc4975_10_2_faults_inside_a_sound_frame_are_400() {
    let mut bench = Bench::new();
    for line in [
        "1abc: x\r\n",
        "Bad\u{1}: x\r\n",
        "X: a\u{7f}b\r\n",
        " folded\r\n",
        "no colon\r\n",
    ] {
        assert_eq!(
            bench.codes(send(
                "tid1",
                &format!("Message-ID: m1xx\r\n{line}"),
                Some("hi"),
                '$'
            )),
            [400],
            "{line:?}"
        );
    }
    assert_eq!(
        bench.codes(send(
            "tid1",
            "Failure-Report: no\r\n1abc: x\r\n",
            Some("hi"),
            '$'
        )),
        [0u16; 0]
    );
    assert_eq!(
        bench.codes(send(
            "tid1",
            "Message-ID: m1xx\r\nFoo: bar\r\nX-My_Header: 1\r\n",
            Some("hi"),
            '$'
        )),
        [200]
    );
    assert_eq!(
        bench.codes(send("tid1", "Message-ID: m2xx\r\n", Some("hi"), '$').replace(TO, "nonsense")),
        [400]
    );
    assert!(bench.closed().is_none());
    covers!("C-020", "C-030", "C-034", "C-035", "C-064", "C-167");
}

#[test]
fn garbage_closes_the_connection_after_everything_good() {
    let good = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
    let endless = format!(
        "MSRP tid2 SEND\r\nTo-Path: {TO}\r\n{}",
        "X: y\r\n".repeat(10_000)
    );
    let long_path = format!(
        "MSRP tid2 SEND\r\nTo-Path: {}\r\nFrom-Path: {FROM}\r\n-------tid2$\r\n",
        vec![TO; 100].join(" ")
    );
    let unreadable =
        send("tid2", "Message-ID: m2xx\r\n", Some("hi"), '$').replace(FROM, "nonsense");
    let garbage = [
        "GET / HTTP/1.1\r\n",
        "\0\0\0\0",
        "msrp tid2 SEND\r\n",
        "MSRP tid2 SEND\n",
        "MSRP  tid2 SEND\r\n",
        &endless,
        &long_path,
        &unreadable,
        &"x".repeat(1 << 20),
    ];
    for text in garbage {
        for split in [1, usize::MAX] {
            let mut bench = Bench::new();
            bench.split = split;
            bench.feed(format!("{good}{text}"));
            let events = bench.side.take();
            assert!(
                matches!(events.last(), Some(Event::Closed { .. })),
                "{events:?}"
            );
            assert_eq!(contents(&events), [(b"hi".to_vec(), true)]);
            let Some(CloseReason::Protocol { offset, reason }) = bench.closed() else {
                panic!("{text:.20}")
            };
            assert!(
                *offset >= good.len() as u64 && !reason.is_empty(),
                "{offset} {reason}"
            );
            // Nothing more is read, and nothing more happens.
            assert_eq!(bench.feed(&good), "");
            assert!(!bench.side.connection.reading_allowed());
        }
    }
    covers!("C-001", "C-021", "C-023", "C-064", "C-197");
}

#[test]
fn rfc4975_5_4_end_of_the_connection_in_mid_chunk_is_no_success() {
    let request = send(
        "tid1",
        "Message-ID: m1xx\r\nByte-Range: 1-*/9\r\nSuccess-Report: yes\r\n",
        Some("12345"),
        '$',
    );
    for cut in 1..request.len() {
        let mut bench = Bench::new();
        bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
        let answer = bench.feed(&request.as_bytes()[..cut]);
        bench.side.connection.handle_eof(bench.now);
        drain(&mut bench.side, bench.now);
        assert_eq!(answer, "");
        let events = bench.side.take();
        assert!(
            matches!(
                events.last(),
                Some(Event::Closed {
                    reason: CloseReason::ConnectionLost(_),
                    ..
                })
            ),
            "{cut}: {events:?}"
        );
        assert!(!events.iter().any(|event| matches!(
            event,
            Event::Message { .. }
                | Event::MessageEnd {
                    end: MessageEnd::Complete(_),
                    ..
                }
        )));
    }
    let mut bench = Bench::new();
    bench.feed(&request);
    bench.side.connection.handle_eof(bench.now);
    drain(&mut bench.side, bench.now);
    assert!(matches!(
        bench.side.take().last(),
        Some(Event::Closed {
            reason: CloseReason::PeerClosed,
            ..
        })
    ));
    covers!("C-197", "C-204", "T-64");
}

#[test]
fn the_consumer_refuses_a_message_while_it_arrives() {
    let mut bench = Bench::new();
    let request = send(
        "tid1",
        "Message-ID: m1xx\r\nByte-Range: 1-*/100000\r\n",
        Some(&"x".repeat(100_000)),
        '$',
    );
    assert_eq!(bench.feed(&request.as_bytes()[..40_000]), "");
    let events = bench.side.take();
    let Some(Event::MessageBegin { message, .. }) = events.get(1) else {
        panic!("{events:?}")
    };
    bench.side.connection.handle_command(
        bench.now,
        S1,
        Command::Reject(*message, StatusCode(413), "No, thanks".into()),
    );
    assert!(bench.feed("").starts_with("MSRP tid1 413 No, thanks\r\n"));
    assert_eq!(bench.feed(&request.as_bytes()[40_000..]), "");
    assert_eq!(
        bench.codes(send(
            "tid2",
            "Message-ID: m1xx\r\nByte-Range: 99-*/*\r\n",
            Some("more"),
            '+'
        )),
        [413]
    );
    assert_eq!(
        bench.codes(send("tid3", "Message-ID: m2xx\r\n", Some("other"), '$')),
        [200]
    );
    covers!("C-164", "C-165");
}

#[test]
fn unexpected_responses_are_dropped() {
    let mut bench = Bench::new();
    bench.feed(send("tid0", "Message-ID: m1xx\r\n", None, '$'));
    // A request of ours waits for its response, so that there is one to be taken for.
    let (sent, ids) = bench.say(message(Body::Whole("x".into())));
    bench.side.take();
    for code in ["200 OK", "481", "999 x", "506 "] {
        let response =
            format!("MSRP none {code}\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\n-------none$\r\n");
        assert_eq!(bench.feed(&response), "");
        assert_eq!(bench.side.take(), []);
    }
    bench.feed(response(&ids[0], "200 OK"));
    assert_eq!(bench.side.take(), [Event::Acknowledged(sent)]);
    covers!("C-181");
}
