//! RFC 4975 §9 and §7.1 as seen on the wire: header lines, their order and their values, and what malformed ones cause.
//! Each test does what a line of the catalogue says and looks for the reaction in its last column.

mod support;

use std::sync::Arc;

use msrp::proto::{Body, CloseReason, Event, Failure, OutgoingMessage};
use msrp::wire::{FailureReport, MediaRange, MediaType, validate_extra_header};
use msrp_conformance::covers;
use support::bench::{Bench, FROM, TO, report, response, send};
use support::strict::{is_token, strict};
use support::{Pair, S1, contents, message, octets};

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

/// Says a line; the transfer and the transaction id of its one chunk. What is told of its being written is dropped.
fn say(bench: &mut Bench, message: OutgoingMessage) -> (msrp::proto::TransferKey, String) {
    let (transfer, mut ids) = bench.say(message);
    bench.side.take();
    (transfer, ids.remove(0))
}

/// A SEND with this whole header section after the start line, and a body.
fn raw(headers: &str) -> String {
    format!("MSRP tid1 SEND\r\n{headers}\r\nhi\r\n-------tid1$\r\n")
}

/// Takes the message, answers 200, and lets the next request through.
fn taken(headers: &str) {
    let mut bench = bound();
    assert_eq!(bench.codes(raw(headers)), [200], "{headers:?}");
    assert_eq!(bench.contents(), [(b"hi".to_vec(), true)], "{headers:?}");
}

/// Answers 400, tells nothing, and lets the next request through.
fn refused(request: &str) {
    let mut bench = bound();
    assert_eq!(bench.codes(request), [400], "{request:?}");
    assert_eq!(bench.side.take(), [], "{request:?}");
    assert_eq!(
        bench.codes(send("tid2", "Message-ID: next\r\n", Some("hi"), '$')),
        [200]
    );
}

const TYPE: &str = "Content-Type: text/plain\r\n";

fn paths() -> String {
    format!("To-Path: {TO}\r\nFrom-Path: {FROM}\r\n")
}

#[test]
fn rfc4975_9_the_paths_stand_first_in_either_order() {
    taken(&format!("{}Message-ID: m1xx\r\n{TYPE}", paths()));
    taken(&format!(
        "From-Path: {FROM}\r\nTo-Path: {TO}\r\nMessage-ID: m1xx\r\n{TYPE}"
    ));
    refused(&raw(&format!("Message-ID: m1xx\r\n{}{TYPE}", paths())));
    refused(&raw(&format!(
        "X: y\r\n{}Message-ID: m1xx\r\n{TYPE}",
        paths()
    )));
    refused(&raw(&format!(
        "To-Path: {TO}\r\nMessage-ID: m1xx\r\nFrom-Path: {FROM}\r\n{TYPE}"
    )));
    covers!("C-030");
}

#[test]
fn rfc4975_9_blanks_after_the_colon_are_any_number() {
    for blanks in ["", " ", "  ", "\t", " \t "] {
        for after in ["", " ", "\t "] {
            let headers = format!(
                "To-Path:{blanks}{TO}{after}\r\nFrom-Path:{blanks}{FROM}{after}\r\n\
                         Message-ID:{blanks}abcd{after}\r\nByte-Range:{blanks}1-2/2{after}\r\n\
                         Success-Report:{blanks}yes{after}\r\nContent-Type:{blanks}text/plain{after}\r\n"
            );
            let mut bench = bound();
            let answer = bench.feed(raw(&headers));
            assert!(answer.contains("\r\nMessage-ID: abcd\r\n"), "{answer}");
            assert!(
                answer.contains(&format!("\r\nTo-Path: {FROM}\r\n")),
                "{answer}"
            );
            assert_eq!(bench.contents(), [(b"hi".to_vec(), true)]);
        }
    }
    covers!("C-032", "T-32");
}

#[test]
fn rfc4975_9_names_and_values_compare_without_case() {
    let mut bench = bound();
    let scheme = FROM.replace("msrp:", "MSRP:").replace(";tcp", ";TCP");
    let headers = format!(
        "TO-PATH: {}\r\nfrom-path: {scheme}\r\nMESSAGE-id: m1xx\r\nbyte-RANGE: 1-2/2\r\nfailure-report: NO\r\n\
         SUCCESS-REPORT: Yes\r\ncontent-type: TEXT/plain\r\n",
        TO.replace("msrp:", "Msrp:").replace(";tcp", ";Tcp"),
    );
    let answer = bench.feed(raw(&headers));
    // Failure-Report no: no response; Success-Report yes: a REPORT.
    assert_eq!(answer.matches("MSRP ").count(), 1, "{answer}");
    assert!(
        answer.contains(" REPORT\r\n") && answer.contains("Message-ID: m1xx\r\n"),
        "{answer}"
    );
    assert_eq!(bench.contents(), [(b"hi".to_vec(), true)]);
    for (value, codes) in [
        ("partial", &[][..]),
        ("PARTIAL", &[]),
        ("YES", &[200]),
        ("nO", &[]),
    ] {
        let mut bench = bound();
        let headers = format!("Message-ID: m1xx\r\nFAILURE-REPORT: {value}\r\n");
        assert_eq!(
            bench.codes(send("tid1", &headers, Some("hi"), '$')),
            codes,
            "{value}"
        );
        // None of them hides an error but no.
        let wrong = send("tid2", &headers, Some("hi"), '$').replace("text/plain", "text");
        let expected: &[u16] = if value == "nO" { &[] } else { &[400] };
        assert_eq!(bench.codes(wrong), expected, "{value}");
    }
    covers!("C-033", "T-32");
}

#[test]
fn rfc4975_9_header_names_are_a_letter_and_token_characters() {
    let every: String = (0x21..0x7F)
        .filter(|octet| is_token(*octet))
        .map(char::from)
        .collect();
    taken(&format!(
        "{}Message-ID: m1xx\r\nX-My_Header: 1\r\nX{every}: 2\r\n{TYPE}",
        paths()
    ));
    for name in [
        "1abc", "-abc", "_abc", "", " abc", "a bc", "abc ", "a(b", "a,b", "a/b", "a\"b", "a[b",
        "ä", "a\x7f",
    ] {
        refused(&raw(&format!(
            "{}Message-ID: m1xx\r\n{name}: x\r\n{TYPE}",
            paths()
        )));
    }
    refused(&raw(&format!(
        "{}Message-ID: m1xx\r\nno colon\r\n{TYPE}",
        paths()
    )));
    covers!("C-034", "C-064", "C-150", "C-167");
}

#[test]
fn rfc4975_9_header_values_hold_no_control_octet() {
    for control in (0..0x20)
        .chain([0x7F])
        .filter(|octet| !b"\t\n\r".contains(octet))
    {
        let control = char::from(control);
        refused(&raw(&format!(
            "{}Message-ID: m1xx\r\nX: a{control}b\r\n{TYPE}",
            paths()
        )));
    }
    refused(&raw(&format!(
        "{}Message-ID: m1xx\r\nX: a\rb\r\n{TYPE}",
        paths()
    )));
    taken(&format!(
        "{}Message-ID: m1xx\r\nX: a\tb ~ \u{fc}\u{1f600}\r\n{TYPE}",
        paths()
    ));
    // In the comment of a response: a malformed one is dropped.
    let mut bench = bound();
    let (sent, id) = say(&mut bench, message(Body::Whole("x".into())));
    assert_eq!(bench.feed(response(&id, "200 O\u{1}K")), "");
    assert_eq!(bench.side.take(), []);
    assert_eq!(bench.feed(response(&id, "200 \u{fc}\tOK")), "");
    assert!(bench.side.take().contains(&Event::Acknowledged(sent)));
    covers!("C-035", "C-064");
}

#[test]
fn rfc4975_9_tokens_have_their_octets_and_no_others() {
    for octet in 0..=255u8 {
        let text = [b"text/".as_slice(), &[octet]].concat();
        let Ok(text) = std::str::from_utf8(&text) else {
            continue;
        };
        assert_eq!(
            MediaType::parse(text).is_ok(),
            is_token(octet),
            "{octet:#x}"
        );
        let name = format!("X{}", char::from(octet));
        assert_eq!(
            validate_extra_header(&name, "v").is_ok(),
            is_token(octet),
            "{octet:#x}"
        );
    }
    let range = MediaRange::parse("text/plain").expect("a type");
    let mut bench = Bench::with(|config| config.accept_types = Arc::from([range.clone()]));
    for written in [
        "text/plain",
        "Text/PLAIN",
        "TEXT/plain;charset=UTF-8",
        "text/plain; charset=utf-8",
    ] {
        let id = format!(
            "Message-ID: m{}xx\r\n",
            written.len() + usize::from(written.contains('P'))
        );
        let request = send("tid1", &id, Some("hi"), '$').replace("text/plain", written);
        assert_eq!(bench.codes(request), [200], "{written}");
    }
    covers!("C-036", "C-046");
}

#[test]
fn rfc4975_9_quoted_strings_have_two_escapes() {
    for (parameter, value) in [
        (r#"name="a\"b\\c""#, "a\"b\\c"),
        ("name=\"\"", ""),
        ("name=\" \t!#[]~ü,;/\"", " \t!#[]~ü,;/"),
        ("name=token", "token"),
    ] {
        let mut bench = bound();
        let written = format!("text/plain;{parameter}");
        let request =
            send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$').replace("text/plain", &written);
        assert_eq!(bench.codes(request), [200], "{written}");
        let told = bench.side.take();
        let Some(Event::Message { head, .. }) = told.first() else {
            panic!("{told:?}")
        };
        assert_eq!(head.content_type, written);
        let parsed = MediaType::parse(&head.content_type).expect("a media type");
        assert_eq!(parsed.param("name"), Some(value));
        assert_eq!(parsed.to_canonical(), written);
    }
    for parameter in [
        r#"name="a\b""#,
        "name=\"a",
        "name=\"a\\",
        "name=\"a\"b",
        "name=a\"b\"",
        "name=\"\u{1}\"",
    ] {
        let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
        refused(&request.replace("text/plain", &format!("text/plain;{parameter}")));
    }
    covers!("C-037");
}

#[test]
fn rfc4975_9_paths_hold_one_or_more_uris() {
    let mut bench = bound();
    let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
    let answer = bench.feed(request.replace(TO, ""));
    // Whoever answers: some URI of ours has to stand there.
    assert!(answer.starts_with("MSRP tid1 400 "), "{answer}");
    assert!(
        answer.contains(&format!("\r\nFrom-Path: {TO}\r\n")),
        "{answer}"
    );
    assert!(bench.closed().is_none());
    // Without a readable From-Path there is nobody to be answered.
    for from in [
        "",
        "nonsense",
        "msrp://a.example:1/x",
        "msrp://a.example:1/x;tcp msrp://b",
    ] {
        let mut bench = bound();
        assert_eq!(bench.feed(request.replace(FROM, from)), "", "{from:?}");
        assert!(
            matches!(bench.closed(), Some(CloseReason::Protocol { .. })),
            "{from:?}"
        );
        assert!(contents(&bench.side.take()).is_empty());
    }
    // More than one blank between two is taken, and one is written (by the strict reader of `rfc4975_framing`, too).
    let mut bench = bound();
    let relay = "msrp://r.example:2855/r;tcp";
    let headers = "Message-ID: m1xx\r\nSuccess-Report: yes\r\n";
    let request =
        send("tid1", headers, Some("hi"), '$').replace(FROM, &format!("{relay}  \t{FROM}"));
    let answer = bench.feed(request);
    assert!(
        answer.starts_with(&format!("MSRP tid1 200 OK\r\nTo-Path: {relay}\r\n")),
        "{answer}"
    );
    assert_eq!(bench.contents().len(), 1);
    covers!("C-039", "C-064", "C-178");
}

#[test]
fn rfc4975_7_1_3_a_report_goes_along_a_path_with_one_blank_between_two_uris() {
    let mut bench = bound();
    let relay = "msrp://r.example:2855/r;tcp";
    let headers = "Message-ID: m1xx\r\nSuccess-Report: yes\r\n";
    let request =
        send("tid1", headers, Some("hi"), '$').replace(FROM, &format!("{relay}  \t{FROM}"));
    let sent = strict(bench.feed(request).as_bytes());
    let report = sent
        .iter()
        .find(|message| message.is("REPORT"))
        .expect("a REPORT");
    assert_eq!(
        report.get("To-Path"),
        Some(format!("{relay} {FROM}").as_str())
    );
    // The same in the response to another method, which goes along the whole path, too.
    let request = send("tid2", "Message-ID: m2xx\r\n", None, '$').replace("SEND", "FOOBAR");
    let sent = strict(
        bench
            .feed(request.replace(FROM, &format!("{relay}   {FROM}")))
            .as_bytes(),
    );
    assert_eq!(
        sent[0].get("To-Path"),
        Some(format!("{relay} {FROM}").as_str())
    );
    covers!("C-039", "C-177", "C-214");
}

#[test]
fn rfc4975_9_report_headers_have_their_values_and_no_others() {
    for header in ["Failure-Report", "Success-Report"] {
        for value in ["maybe", "", "y", "yesno", "yes no", "1", "true"] {
            refused(&send(
                "tid1",
                &format!("Message-ID: m1xx\r\n{header}: {value}\r\n"),
                Some("hi"),
                '$',
            ));
        }
    }
    refused(&send(
        "tid1",
        "Message-ID: m1xx\r\nSuccess-Report: partial\r\n",
        Some("hi"),
        '$',
    ));
    let asked = [
        ("yes", "yes", 2),
        ("no", "yes", 1),
        ("partial", "yes", 1),
        ("yes", "no", 1),
        ("no", "no", 0),
    ];
    for (failure, success, answers) in asked {
        let mut bench = bound();
        let headers = format!(
            "Message-ID: m1xx\r\nFailure-Report: {failure}\r\nSuccess-Report: {success}\r\n"
        );
        let answer = bench.feed(send("tid1", &headers, Some("hi"), '$'));
        assert_eq!(
            answer.matches("MSRP ").count(),
            answers,
            "{failure} {success}"
        );
    }
    covers!("C-043");
}

#[test]
fn rfc4975_9_byte_ranges_have_their_forms_and_no_others() {
    for range in [
        "1-*/*",
        "1-5/5",
        "1-*/8",
        "1-5/*",
        "0001-0005/05",
        "1-0/0",
        "1-99/2",
        "1-18446744073709551615/*",
    ] {
        let mut bench = bound();
        let headers = format!("Message-ID: m1xx\r\nByte-Range: {range}\r\n");
        assert_eq!(
            bench.codes(send("tid1", &headers, Some("hello"), '$')),
            [200],
            "{range}"
        );
        assert_eq!(bench.contents(), [(b"hello".to_vec(), true)], "{range}");
    }
    for range in [
        "*-5/5",
        "1 - 5/5",
        "1-5",
        "1-5/",
        "-5/5",
        "1/5",
        "",
        "1-5/5/5",
        "a-5/5",
        "1-b/5",
        "1-5/c",
        "+1-5/5",
        "1-5 /5",
        "1-5/ 5",
        "1--5/5",
        "1-5/-5",
        "0x1-5/5",
        "18446744073709551616-*/*",
        "1-99999999999999999999999/*",
        "1-5/99999999999999999999999",
    ] {
        refused(&send(
            "tid1",
            &format!("Message-ID: m1xx\r\nByte-Range: {range}\r\n"),
            Some("hello"),
            '$',
        ));
    }
    covers!("C-044", "C-060");
}

#[test]
fn rfc4975_9_positions_at_the_end_of_64_bits_never_wrap() {
    // The last position that has a number.
    let last = u64::MAX;
    let mut bench = bound();
    let chunk = |start: u64, body: &str| {
        send(
            "tid1",
            &format!("Message-ID: m1xx\r\nByte-Range: {start}-*/*\r\n"),
            Some(body),
            '+',
        )
    };
    assert_eq!(bench.codes(chunk(last, "x")), [200]);
    assert_eq!(bench.codes(chunk(last, "xy")), [400]);
    assert_eq!(bench.codes(chunk(last - 1, "xyz")), [400]);
    assert_eq!(bench.codes(chunk(1, "start")), [200]);
    // The first octets are the first: nothing came around.
    let told: Vec<_> = bench
        .side
        .take()
        .into_iter()
        .filter_map(|event| match event {
            Event::MessageBody { offset, data, .. } => Some((offset, data)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(0, "start".into())]);
    assert!(bench.closed().is_none());
    // We number in 64 bits, too.
    let mut pair = Pair::new();
    let stream = pair.send_a(S1, message(Body::Stream(Some(u64::MAX))));
    let data = msrp::proto::Command::StreamData(stream, octets(4096, 1).into());
    pair.command_a(S1, data);
    pair.run();
    let sent = strict(&pair.a.sent);
    let ranges: Vec<_> = sent
        .iter()
        .filter(|message| message.body.is_some())
        .map(|chunk| chunk.range())
        .collect();
    assert_eq!(
        ranges,
        [(1, Some(2048), Some(last)), (2049, Some(4096), Some(last))]
    );
    covers!("C-060", "C-061", "C-292");
}

#[test]
fn rfc4975_14_5_a_claimed_length_costs_nothing() {
    let mut bench = bound();
    bench.side.consume = false;
    for n in 0..20 {
        let headers = format!("Message-ID: mess{n}\r\nByte-Range: 1-5/9000000000000000000\r\n");
        assert_eq!(
            bench.codes(send("tid1", &headers, Some("hello"), '+')),
            [200]
        );
    }
    // What counts against the window is what came: 20 times 5 octets, headers and 256; else reading would pause.
    assert!(bench.side.connection.reading_allowed());
    let charged: usize = bench
        .side
        .take()
        .iter()
        .map(|event| match event {
            Event::MessageBegin { credit, .. } => *credit,
            Event::MessageBody { data, .. } => data.len(),
            _ => 0,
        })
        .sum();
    assert!((100..20_000).contains(&charged), "{charged}");
    covers!("C-062", "T-26");
}

#[test]
fn rfc4975_9_a_status_needs_no_comment() {
    for status in [
        "000 200",
        "000 200 ",
        "000 200 OK",
        "000 200 with some words",
    ] {
        let mut bench = bound();
        let wanted = OutgoingMessage {
            success_report: true,
            ..message(Body::Whole("x".into()))
        };
        let (sent, _) = say(&mut bench, wanted);
        let written = strict(&bench.side.sent);
        let id = written
            .last()
            .and_then(|send| send.get("Message-ID"))
            .expect("a Message-ID");
        let headers = format!("Message-ID: {id}\r\nByte-Range: 1-1/1\r\nStatus: {status}\r\n");
        assert_eq!(bench.feed(report("tid1", TO, &headers)), "");
        assert!(
            bench.side.take().contains(&Event::Delivered(sent)),
            "{status}"
        );
    }
    // And ours has one.
    let mut bench = bound();
    let asked = "Message-ID: m1xx\r\nSuccess-Report: yes\r\nFailure-Report: no\r\n";
    let sent = strict(bench.feed(send("tid1", asked, Some("hi"), '$')).as_bytes());
    assert_eq!(sent[0].get("Status"), Some("000 200 OK"));
    covers!("C-045");
}

#[test]
fn rfc4975_7_1_content_type_stands_last_on_every_chunk_and_may_come_anywhere() {
    let disposition = ("Content-Disposition".to_owned(), "attachment".to_owned());
    let description = ("Content-Description".to_owned(), "a text".to_owned());
    let other = ("X-Other".to_owned(), "1".to_owned());
    let mut pair = Pair::new();
    pair.send_a(
        S1,
        OutgoingMessage {
            content_type: "text/plain;charset=utf-8".into(),
            headers: vec![disposition, other, description],
            ..message(Body::Whole(octets(5000, 2).into()))
        },
    );
    pair.run();
    let sent = strict(&pair.a.sent);
    let chunks: Vec<_> = sent
        .iter()
        .filter(|message| message.body.is_some())
        .collect();
    assert_eq!(chunks.len(), 3);
    for chunk in chunks {
        let names: Vec<_> = chunk
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let expected = [
            "To-Path",
            "From-Path",
            "Message-ID",
            "Byte-Range",
            "X-Other",
            "Content-Disposition",
            "Content-Description",
            "Content-Type",
        ];
        assert_eq!(names, expected);
        assert_eq!(chunk.get("Content-Type"), Some("text/plain;charset=utf-8"));
    }
    // As a receiver: any order, as long as the paths are first.
    for headers in [
        format!("{TYPE}Message-ID: m1xx\r\nByte-Range: 1-2/2\r\n"),
        format!(
            "Message-ID: m1xx\r\n{TYPE}Content-ID: <x>\r\nByte-Range: 1-2/2\r\nContent-Disposition: render\r\n"
        ),
        format!(
            "Content-Disposition: render\r\nMessage-ID: m1xx\r\nByte-Range: 1-2/2\r\n{TYPE}X: y\r\n"
        ),
    ] {
        taken(&format!("{}{headers}", paths()));
    }
    // What MSRP forbids, a host cannot add.
    for name in ["Content-Transfer-Encoding", "content-transfer-encoding"] {
        assert!(validate_extra_header(name, "binary").is_err());
    }
    covers!("C-046", "C-047", "C-048", "C-049", "C-050", "C-052", "T-31");
}

#[test]
fn rfc4975_7_1_a_body_without_content_type_is_400() {
    for body in ["x", "hello\r\n", "\r\n\r\n"] {
        let request = format!(
            "MSRP tid1 SEND\r\n{}Message-ID: m1xx\r\n\r\n{body}\r\n-------tid1$\r\n",
            paths()
        );
        refused(&request);
        let mut bench = bound();
        let silent = request.replace("Message-ID: m1xx", "Message-ID: m1xx\r\nFailure-Report: no");
        assert_eq!(bench.feed(silent), "");
        assert_eq!(bench.side.take(), []);
    }
    covers!("C-051");
}

#[test]
fn a_header_that_may_stand_once_stands_once() {
    let all = format!(
        "{}Message-ID: m1xx\r\nByte-Range: 1-2/2\r\nSuccess-Report: no\r\nFailure-Report: yes\r\nX: 1\r\nX: 2\r\n{TYPE}",
        paths()
    );
    taken(&all);
    for line in all
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("X:"))
    {
        refused(&raw(&format!("{all}{line}")));
        // With another value, too.
        let name = line.split(':').next().expect("a name");
        let other = all.replace(line, &format!("{line}{}: x\r\n", name.to_uppercase()));
        let mut bench = bound();
        bench.feed(raw(&other));
        assert!(bench.contents().is_empty(), "{name}");
    }
    // In a REPORT: no effect. (The Status that would fail the session is never read.)
    let mut bench = bound();
    let (_, id) = say(&mut bench, message(Body::Whole("x".into())));
    let sent = strict(&bench.side.sent);
    let message_id = sent
        .last()
        .and_then(|send| send.get("Message-ID"))
        .expect("a Message-ID");
    let headers =
        format!("Message-ID: {message_id}\r\nStatus: 000 200 OK\r\nStatus: 000 481 no\r\n");
    assert_eq!(bench.feed(report("tid1", TO, &headers)), "");
    assert_eq!(bench.side.take(), []);
    // In a response: dropped.
    let doubled =
        response(&id, "481 no").replace("From-Path", "To-Path: msrp://x:1/y;tcp\r\nFrom-Path");
    assert_eq!(bench.feed(doubled), "");
    assert_eq!(bench.side.take(), []);
    covers!("C-053", "C-064");
}

#[test]
fn rfc4975_10_2_malformed_requests_are_answered_as_far_as_they_can_be() {
    let good = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
    // A sound frame and a From-Path: 400, and it goes on.
    refused(&good.replace("Message-ID: m1xx", "Message-ID: m1xx\r\n: nameless"));
    refused(&good.replace("text/plain", "text"));
    refused(&good.replace(TO, "nonsense"));
    refused(&good.replace(&format!("To-Path: {TO}\r\n"), ""));
    // The same with Failure-Report no: silence. Partial asks for errors.
    let mut bench = bound();
    let faulty = |asked: &str| send("tid1", &format!("{asked}1abc: x\r\n"), Some("hi"), '$');
    assert_eq!(bench.codes(faulty("Failure-Report: no\r\n")), [0u16; 0]);
    assert_eq!(bench.codes(faulty("Failure-Report: partial\r\n")), [400]);
    assert_eq!(bench.codes(faulty("")), [400]);
    assert_eq!(bench.side.take(), []);
    // The start line or the framing cannot be trusted, or no path can be read: it closes, and says nothing.
    for broken in [
        good.replace("MSRP tid1", "MSRQ tid1"),
        good.replace("MSRP tid1 SEND", "MSRP tid1"),
        good.replace(&format!("From-Path: {FROM}\r\n"), ""),
        good.replace(&paths(), ""),
        good.replace(FROM, "nonsense"),
        good.replace("Message-ID: m1xx\r\n", "Message-ID: m1xx\n"),
        good.replace(
            "Content-Type: text/plain\r\n\r\nhi\r\n-------tid1",
            "-------tid2",
        ),
    ] {
        let mut bench = bound();
        assert_eq!(bench.feed(&broken), "", "{broken}");
        assert!(
            matches!(bench.closed(), Some(CloseReason::Protocol { .. })),
            "{broken}"
        );
    }
    // Malformed responses are dropped, malformed REPORTs are not answered.
    let mut bench = bound();
    let (sent, id) = say(&mut bench, message(Body::Whole("x".into())));
    for response in [
        response(&id, "481 no").replace(&paths(), ""),
        response(&id, "481 no").replace(&format!("From-Path: {FROM}\r\n"), ""),
        response(&id, "481 no").replace("-------", "bad line\r\n-------"),
    ] {
        assert_eq!(bench.feed(&response), "");
        assert_eq!(bench.side.take(), [], "{response}");
    }
    let faulty = report(
        "tid1",
        TO,
        "Message-ID: m1xx\r\n1abc: x\r\nStatus: 000 200 OK\r\n",
    );
    assert_eq!(bench.feed(faulty), "");
    assert_eq!(bench.side.take(), []);
    assert!(bench.closed().is_none());
    // The transaction was open all the time.
    bench.feed(response(&id, "200 OK"));
    assert!(bench.side.take().contains(&Event::Acknowledged(sent)));
    covers!("C-064", "C-167");
}

#[test]
fn rfc4975_10_2_after_a_400_the_host_is_told_and_nothing_is_sent_again() {
    let mut bench = bound();
    let (sent, id) = say(&mut bench, message(Body::Whole("x".into())));
    assert_eq!(bench.feed(response(&id, "400 Bad Request")), "");
    let told = bench.side.take();
    let failed = |event: &Event| matches!(event, Event::Failed(key, Failure::Status { code, .. }) if *key == sent && code.0 == 400);
    assert_eq!(told.iter().filter(|event| failed(event)).count(), 1);
    let (_, later) = bench.pass(std::time::Duration::from_secs(3600));
    assert_eq!(later, "");
    // The session lives: the corrected request is another message.
    let (again, id) = say(&mut bench, message(Body::Whole("y".into())));
    bench.feed(response(&id, "200 OK"));
    assert!(bench.side.take().contains(&Event::Acknowledged(again)));
    covers!("C-065");
}

#[test]
fn rfc4975_9_faults_of_the_grammar_itself_are_read_as_they_are_meant() {
    // No header after From-Path in a response; CRLF once after an extension header; transports of letters and digits.
    let mut bench = bound();
    let (sent, id) = say(
        &mut bench,
        OutgoingMessage {
            headers: vec![("X-One".into(), "1".into()), ("X-Two".into(), "2".into())],
            failure_report: FailureReport::Yes,
            ..message(Body::Whole("x".into()))
        },
    );
    let written = String::from_utf8(bench.side.sent.clone()).expect("text");
    assert!(
        written.contains("\r\nX-One: 1\r\nX-Two: 2\r\nContent-Type: text/plain\r\n\r\nx\r\n"),
        "{written}"
    );
    let transports = response(&id, "200")
        .replace(FROM, "msrp://a.example:1/x;ws")
        .replace(TO, "msrps://b/x;dc");
    bench.feed(transports);
    assert!(bench.side.take().contains(&Event::Acknowledged(sent)));
    // Forms of UTF-8 that RFC 3629 does not have: harmless in a header that nobody knows, and never written.
    for odd in [
        &b"\xf8\x88\x80\x80\x80"[..],
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
    ] {
        let mut octets = send("tid1", "Message-ID: m1xx\r\nX: @\r\n", Some("hi"), '$').into_bytes();
        let at = octets
            .windows(3)
            .position(|window| window == b": @")
            .expect("the place")
            + 2;
        octets.splice(at..=at, odd.iter().copied());
        let mut bench = bound();
        assert_eq!(bench.codes(octets), [200]);
        let told = bench.side.take();
        let Some(Event::Message { head, .. }) = told.first() else {
            panic!("{told:?}")
        };
        assert!(head.headers[0].1.contains('\u{fffd}'), "{:?}", head.headers);
    }
    covers!("C-038", "C-040", "C-041", "C-072", "T-33");
}
