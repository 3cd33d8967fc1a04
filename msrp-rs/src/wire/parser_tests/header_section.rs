//! Heads and their faults.

use super::*;
use msrp_conformance::covers;

#[test]
fn a_send_is_read_whole() {
    let text = format!(
        "MSRP d93kswow SEND\r\n{PATHS}Message-ID: 12339sdqwer\r\nByte-Range: 1-5/9\r\n\
         Success-Report: yes\r\nFailure-Report: partial\r\nX-My_Header: 1\r\n\
         Content-Type: text/plain;charset=utf-8\r\n\r\nHello\r\n-------d93kswow+\r\n"
    );
    let (heads, events) = parse(&text);
    let head = &heads[0];
    assert!(head.is_request() && !head.is_report() && head.has_body_section());
    assert_eq!(head.method(), Some(&Method::Send));
    assert_eq!((head.status(), head.comment()), (None, None));
    assert_eq!(head.transaction_id().as_str(), "d93kswow");
    assert_eq!(head.message_id().unwrap().as_str(), "12339sdqwer");
    assert_eq!(head.byte_range(), ByteRange::exact(0, 5, Some(9)));
    assert_eq!(head.success_report(), Some(true));
    assert_eq!(head.failure_report(), FailureReport::Partial);
    assert_eq!(head.content_type(), Some("text/plain;charset=utf-8"));
    assert_eq!(head.header_by_str("x-my_header"), Some(&b"1"[..]));
    assert_eq!(head.header(HeaderName::Status), None);
    assert_eq!(
        head.to_path().unwrap().to_string(),
        "msrp://b.example:2/bbbbbbbbbb;tcp"
    );
    assert_eq!(
        head.from_path().unwrap().to_string(),
        "msrp://a.example:1/aaaaaaaaaa;tcp"
    );
    assert_eq!(
        head.to_path_first().unwrap(),
        *head.to_path().unwrap().first()
    );
    assert_eq!(
        head.to_path_text(),
        Some(&b"msrp://b.example:2/bbbbbbbbbb;tcp"[..])
    );
    assert_eq!(
        head.from_path_text(),
        Some(&b"msrp://a.example:1/aaaaaaaaaa;tcp"[..])
    );
    assert_eq!(head.headers().count(), 8);
    assert_eq!(head.header_len(), text.find("\r\n\r\n").unwrap() + 2);
    assert_eq!(head.fault(), None);
    assert_eq!(
        events[1..],
        [
            Event::Body(b"Hello".into()),
            Event::End(Continuation::More),
            Event::Eof(Ok(()))
        ]
    );
    covers!("C-016");
}

#[test]
fn responses_with_and_without_comment() {
    for (start, code, comment) in [
        ("200", 200, ""),
        ("200 ", 200, ""),
        ("200 OK", 200, "OK"),
        ("481  No such session ", 481, "No such session"),
        ("999", 999, ""),
    ] {
        let head = head(frame(start, ""));
        assert!(!head.is_request());
        assert_eq!(
            (head.method(), head.status()),
            (None, Some(StatusCode(code)))
        );
        assert_eq!(head.comment().unwrap(), comment);
        assert_eq!(head.fault(), None);
        assert!(!head.has_body_section());
    }
    let extra = head(frame("200 OK", "Message-ID: abcd\r\nByte-Range: 1-3/3\r\n"));
    assert_eq!(extra.fault(), None);
    assert_eq!(extra.message_id().unwrap().as_str(), "abcd");
    covers!("C-002", "C-003", "C-040", "T-32");
}

#[test]
fn a_comment_that_is_no_utf8_is_shown_with_replacements() {
    let mut octets = b"MSRP tid1 200 a\xf8b\r\n".to_vec();
    octets.extend_from_slice(format!("{PATHS}X: \u{1f600}\r\n-------tid1$\r\n").as_bytes());
    let head = head(octets);
    assert_eq!(head.comment().unwrap(), "a\u{fffd}b");
    assert_eq!(head.fault(), None);
    covers!("C-038");
}

#[test]
fn paths_come_first_in_either_order() {
    let swapped: String = PATHS.split_inclusive('\n').rev().collect();
    let head_swapped = head(format!("MSRP tid1 SEND\r\n{swapped}-------tid1$\r\n"));
    assert_eq!(head_swapped.fault(), None);
    assert_eq!(
        head_swapped.to_path().unwrap().last().host().to_string(),
        "b.example"
    );

    let expected = "expected To-Path and From-Path as the first two headers";
    for (lines, at) in [
        (format!("Message-ID: abcd\r\n{PATHS}"), 16),
        (PATHS.replace("From-Path", "X: y\r\nFrom-Path"), 16 + 44),
    ] {
        assert_eq!(
            fault(format!("MSRP tid1 SEND\r\n{lines}-------tid1$\r\n")),
            (at, expected.to_owned())
        );
    }
    let no_paths = head("MSRP tid1 200 OK\r\n-------tid1$\r\n");
    assert_eq!(
        no_paths.fault().unwrap().to_string(),
        "expected To-Path at octet 18"
    );
    assert_eq!(no_paths.to_path().unwrap_err().kind(), FaultKind::Missing);
    assert!(no_paths.from_path().is_err() && no_paths.to_path_first().is_err());
    let no_from = PATHS.split_inclusive('\n').next().unwrap();
    assert_eq!(
        fault(format!("MSRP tid1 SEND\r\n{no_from}-------tid1$\r\n")),
        (16 + 44, "expected From-Path".to_owned())
    );
    covers!("C-030");
}

#[test]
fn blanks_and_case_of_headers() {
    let head = head(frame(
        "SEND",
        "message-id:abcd\r\nFAILURE-REPORT: \t NO \t\r\nSuccess-Report:  Yes\r\nX:\r\nY:   \r\n",
    ));
    assert_eq!(head.fault(), None);
    assert_eq!(head.message_id().unwrap().as_str(), "abcd");
    assert_eq!(head.failure_report(), FailureReport::No);
    assert_eq!(head.success_report(), Some(true));
    assert_eq!(head.header_by_str("x"), Some(&b""[..]));
    assert_eq!(head.header_by_str("Y"), Some(&b""[..]));
    covers!("C-032", "C-033", "T-32");
}

#[test]
fn bad_header_lines_are_faults_in_a_sound_frame() {
    let base = ("MSRP tid1 SEND\r\n".len() + PATHS.len()) as u64;
    let name = "expected a header name of a letter and token characters";
    let value = "expected no control octet in a header value";
    for (line, at, expected) in [
        (" folded", 0, "expected a header name, and no folded line"),
        ("\tfolded", 0, "expected a header name, and no folded line"),
        ("no colon", 8, "expected \":\" in a header line"),
        ("1abc: x", 0, name),
        (": x", 0, name),
        ("A b: x", 0, name),
        ("A : x", 0, name),
        ("-: x", 0, name),
        ("A: x\u{1}", 4, value),
        ("A: \u{7f}", 3, value),
        ("A: x\ry", 4, value),
        ("A: x\r", 4, value),
    ] {
        assert_eq!(
            fault(frame("SEND", &format!("{line}\r\nMessage-ID: abcd\r\n"))),
            (base + at, expected.to_owned()),
            "{line:?}"
        );
    }
    assert_eq!(fault(frame("200 O\u{1}K", "")).0, 15);
    let good = head(frame("SEND", "X-My_Header: 1\r\nX!#$&'*+^`{|}~: \tä\t\r\n"));
    assert_eq!(good.fault(), None);
    covers!("C-020", "C-034", "C-035");
}

#[test]
fn bad_values_are_faults_in_a_sound_frame() {
    let base = ("MSRP tid1 SEND\r\n".len() + PATHS.len()) as u64;
    for (line, at) in [
        ("Message-ID: [x", 12),
        ("Message-ID:", 11),
        ("Byte-Range: 1-5", 15),
        ("Byte-Range: *-5/5", 12),
        ("Byte-Range: 1-99999999999999999999999/*", 14),
        ("Byte-Range: 0-4/5", 12),
        ("Failure-Report: maybe", 16),
        ("Success-Report: partial", 16),
        ("Status: 200 OK", 12),
        ("Content-Type: text", 18),
    ] {
        assert_eq!(
            fault(frame("SEND", &format!("{line}\r\n"))).0,
            base + at,
            "{line:?}"
        );
    }
    let maybe = head(frame("SEND", "Failure-Report: maybe\r\n"));
    assert_eq!(maybe.failure_report(), FailureReport::Yes);
    let zero = head(frame("SEND", "Byte-Range: 0-0/0\r\n"));
    assert_eq!(
        (zero.byte_range(), zero.requires_empty_body()),
        (Some(ByteRange::EMPTY), true)
    );
    let report = head(frame("REPORT", "Message-ID: abcd\r\nStatus: 000 200\r\n"));
    assert_eq!(report.report_status().unwrap().code, StatusCode::OK);
    assert!(report.is_report());
    let mut octets = format!("MSRP tid1 SEND\r\n{PATHS}Content-Type: a/").into_bytes();
    octets.extend_from_slice(b"\xff\r\n-------tid1$\r\n");
    assert_eq!(fault(octets).1, "expected UTF-8 in the media type");
    covers!("C-042", "C-044", "C-045", "C-060", "C-292");
}

#[test]
fn headers_may_follow_content_type() {
    let head = head(frame(
        "SEND",
        "Content-Type: a/b\r\nContent-ID: x\r\nByte-Range: 1-0/0\r\n",
    ));
    assert_eq!(head.fault(), None);
    assert_eq!(head.content_type(), Some("a/b"));
    assert_eq!(head.byte_range(), Some(ByteRange::EMPTY));
    covers!("C-049");
}

#[test]
fn a_second_single_header_is_a_fault() {
    let all = "Message-ID: abcd\r\nByte-Range: 1-0/0\r\nFailure-Report: no\r\nSuccess-Report: no\r\n\
               Status: 000 200\r\nContent-Type: a/b\r\n";
    for (name, value) in [
        ("Message-ID", "efgh"),
        ("Byte-Range", "1-0/0"),
        ("failure-report", "yes"),
        ("Success-Report", "yes"),
        ("Status", "000 200"),
        ("CONTENT-TYPE", "c/d"),
        ("To-Path", "msrp://h:1/s;tcp"),
        ("From-Path", "msrp://h:1/s;tcp"),
    ] {
        let text = frame("SEND", &format!("{all}{name}: {value}\r\n"));
        let (offset, expected) = fault(&text);
        assert_eq!(offset, text.rfind(name).unwrap() as u64);
        assert!(expected.starts_with("expected only one "), "{expected}");
        let head = head(&text);
        assert_eq!(head.message_id().unwrap().as_str(), "abcd");
        assert_eq!(head.failure_report(), FailureReport::No);
        assert_eq!(head.content_type(), Some("a/b"));
    }
    assert_eq!(head(frame("SEND", "X: 1\r\nX: 2\r\n")).fault(), None);
}

#[test]
fn the_first_fault_counts() {
    let (offset, _) = fault(frame("SEND", "Message-ID: [\r\nByte-Range: x\r\n bad\r\n"));
    assert_eq!(
        offset,
        ("MSRP tid1 SEND\r\n".len() + PATHS.len() + 12) as u64
    );
}

#[test]
fn a_bad_uri_is_told_with_its_place_in_the_stream() {
    let text = format!("\r\n{}", frame("SEND", "")).replace("bbb;tcp", "bbb;t_p");
    let head = head(&text);
    assert_eq!(head.fault(), None);
    let at = text.find("_p").unwrap() as u64;
    assert_eq!(head.to_path().unwrap_err().offset(), at);
    assert_eq!(head.to_path_first().unwrap_err().offset(), at);
}

#[test]
fn debug_shows_no_secret() {
    let head = head(frame(
        "AUTH",
        "Authorization: Digest response=\"secret\"\r\nUse-Path: msrp://r:1/secretsecret;tcp\r\n",
    ));
    let shown = format!("{head:?}");
    assert!(
        !shown.contains("bbbbbbbbbb")
            && !shown.contains("response")
            && !shown.contains("secretsecret")
    );
    assert!(shown.contains("msrp://b.example:2/bbbb…;tcp"), "{shown}");
    assert_eq!(
        format!("{:?}", Frame::Body(Bytes::from_static(b"secret"))),
        "Body(6 octets)"
    );
}

#[test]
fn debug_of_a_parser_shows_no_secret_wherever_it_stands() {
    let text = frame("SEND", "Content-Type: text/plain\r\n\r\nsecret\r\n");
    for len in 0..text.len() {
        let mut parser = Parser::new(ParserLimits::default());
        parser.push(Bytes::copy_from_slice(&text.as_bytes()[..len]));
        let shown = format!("{parser:?}");
        assert!(
            !shown.contains("bbbbb") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
