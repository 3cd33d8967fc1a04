//! Tests of the parser: each input is fed whole, at every two-part split and in equal pieces of every
//! size; all must give the same events.

use proptest::prelude::*;

use super::super::{ByteRange, FailureReport, HeaderName, Method, StatusCode, work};
use super::*;

/// What a parser gave, with adjacent body slices joined.
#[derive(Debug, Clone, PartialEq)]
enum Event {
    Head(Seen),
    Body(Vec<u8>),
    End(Continuation),
    /// The stream may end here, or not.
    Eof(Result<(), ParseError>),
    Error(ParseError),
}

/// What is asked of a head.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    transaction_id: String,
    method: Option<Method>,
    status: Option<StatusCode>,
    comment: Option<String>,
    offset: u64,
    octets: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    has_body_section: bool,
    fault: Option<(u64, String)>,
}

fn seen(head: &Head) -> Seen {
    assert_eq!(head.header_len(), head.octets().len());
    Seen {
        transaction_id: head.transaction_id().to_string(),
        method: head.method().cloned(),
        status: head.status(),
        comment: head.comment().map(Cow::into_owned),
        offset: head.offset(),
        octets: head.octets().to_vec(),
        headers: head
            .headers()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        has_body_section: head.has_body_section(),
        fault: head
            .fault()
            .map(|fault| (fault.offset(), fault.expected().into())),
    }
}

fn drain(parser: &mut Parser, heads: &mut Vec<Head>, events: &mut Vec<Event>) -> bool {
    loop {
        match parser.next() {
            Ok(None) => return true,
            Ok(Some(Frame::Head(head))) => {
                events.push(Event::Head(seen(&head)));
                heads.push(head);
            }
            Ok(Some(Frame::Body(octets))) => {
                assert!(!octets.is_empty());
                match events.last_mut() {
                    Some(Event::Body(body)) => body.extend_from_slice(&octets),
                    _ => events.push(Event::Body(octets.to_vec())),
                }
            }
            Ok(Some(Frame::End(flag))) => events.push(Event::End(flag)),
            Err(error) => {
                assert_eq!(parser.next().unwrap_err(), error);
                assert_eq!(parser.finish(), Err(error.clone()));
                events.push(Event::Error(error));
                return false;
            }
        }
    }
}

fn run<'a>(
    limits: &ParserLimits,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Head>, Vec<Event>) {
    let mut parser = Parser::new(limits.clone());
    let (mut heads, mut events) = (Vec::new(), Vec::new());
    for piece in pieces {
        parser.push(Bytes::copy_from_slice(piece));
        if !drain(&mut parser, &mut heads, &mut events) {
            return (heads, events);
        }
    }
    assert_eq!(parser.has_pending(), parser.finish().is_err());
    events.push(Event::Eof(parser.finish()));
    (heads, events)
}

fn parse_with(limits: &ParserLimits, octets: &[u8]) -> (Vec<Head>, Vec<Event>) {
    let whole = run(limits, std::iter::once(octets));
    for at in 1..octets.len() {
        let (before, after) = octets.split_at(at);
        let split = run(limits, [before, after].into_iter());
        assert_eq!(split.1, whole.1, "split at {at}");
    }
    for size in 1..octets.len().min(100) {
        let pieces = run(limits, octets.chunks(size));
        assert_eq!(pieces.1, whole.1, "pieces of {size}");
    }
    // All blocks pushed before the first is read.
    let mut parser = Parser::new(limits.clone());
    octets
        .chunks(3)
        .for_each(|piece| parser.push(Bytes::copy_from_slice(piece)));
    let (mut heads, mut events) = (Vec::new(), Vec::new());
    if drain(&mut parser, &mut heads, &mut events) {
        events.push(Event::Eof(parser.finish()));
    }
    assert_eq!(events, whole.1, "pushed at once");
    whole
}

fn parse(octets: impl AsRef<[u8]>) -> (Vec<Head>, Vec<Event>) {
    parse_with(&ParserLimits::default(), octets.as_ref())
}

/// The only head of a stream that is sound up to its end.
fn head(octets: impl AsRef<[u8]>) -> Head {
    let (mut heads, events) = parse(octets);
    assert_eq!(events.last(), Some(&Event::Eof(Ok(()))), "{events:?}");
    assert_eq!(heads.len(), 1);
    heads.remove(0)
}

/// The error that ends a stream, as (offset, frame offset, reason).
fn error(octets: impl AsRef<[u8]>) -> (u64, u64, String) {
    match parse(octets).1.pop() {
        Some(Event::Error(error)) => (error.offset, error.frame_offset, error.reason.into_owned()),
        other => panic!("no error but {other:?}"),
    }
}

/// The place and text of the fault in a sound frame.
fn fault(octets: impl AsRef<[u8]>) -> (u64, String) {
    let head = head(octets);
    let fault = head.fault().expect("a fault");
    (fault.offset(), fault.expected().to_owned())
}

const PATHS: &str = "To-Path: msrp://b.example:2/bbbbbbbbbb;tcp\r\n\
                     From-Path: msrp://a.example:1/aaaaaaaaaa;tcp\r\n";

/// A frame: start line `MSRP tid1 {start}`, the paths, `rest` up to the end-line, flag `$`.
fn frame(start: &str, rest: &str) -> String {
    format!("MSRP tid1 {start}\r\n{PATHS}{rest}-------tid1$\r\n")
}

/// A SEND whose body section holds `body` and whatever stands before the end-line.
fn send(body: &[u8]) -> Vec<u8> {
    let mut octets = format!("MSRP tid1 SEND\r\n{PATHS}Content-Type: a/b\r\n\r\n").into_bytes();
    octets.extend_from_slice(body);
    octets.extend_from_slice(b"-------tid1$\r\n");
    octets
}

/// The body of a stream of one sound frame; `None` if no octet of body came.
fn body(octets: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let (_, events) = parse(octets);
    match &events[..] {
        [
            Event::Head(_),
            Event::Body(body),
            Event::End(_),
            Event::Eof(Ok(())),
        ] => Some(body.clone()),
        [Event::Head(_), Event::End(_), Event::Eof(Ok(()))] => None,
        other => panic!("not one sound frame: {other:?}"),
    }
}

// covers: C-001, C-016, C-031
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
}

// covers: C-002, C-003, C-040, T-32
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
}

// covers: C-038
#[test]
fn a_comment_that_is_no_utf8_is_shown_with_replacements() {
    let mut octets = b"MSRP tid1 200 a\xf8b\r\n".to_vec();
    octets.extend_from_slice(format!("{PATHS}X: \u{1f600}\r\n-------tid1$\r\n").as_bytes());
    let head = head(octets);
    assert_eq!(head.comment().unwrap(), "a\u{fffd}b");
    assert_eq!(head.fault(), None);
}

// covers: C-003, C-291
#[test]
fn the_third_word_decides_between_request_and_response() {
    for (start, method) in [
        ("SEND ", Method::Send),
        ("SEND\t \t", Method::Send),
        ("REPORT", Method::Report),
        ("AUTH", Method::Auth),
        ("NICKNAME", Method::Nickname),
        ("send", Method::Other("send".into())),
        ("FILE_OFFSET", Method::Other("FILE_OFFSET".into())),
        ("2000", Method::Other("2000".into())),
    ] {
        let head = head(frame(start, ""));
        assert_eq!(head.method(), Some(&method));
        assert_eq!(head.is_report(), method == Method::Report);
        assert_eq!(head.fault(), None);
    }
}

// covers: C-001, C-005, C-023, C-063, C-064
#[test]
fn start_lines_that_end_the_stream() {
    for (line, offset, reason) in [
        ("x", 0, "expected a start line with \"MSRP \""),
        ("\n", 0, "expected a start line with \"MSRP \""),
        (
            "msrp tid1 SEND\r\n",
            0,
            "expected a start line with \"MSRP \"",
        ),
        ("MSRX", 3, "expected a start line with \"MSRP \""),
        ("MSRP\r\n", 4, "expected a start line with \"MSRP \""),
        (
            "MSRP  tid1 SEND\r\n",
            5,
            "expected a transaction id of 1 to 64 characters and SP",
        ),
        (
            "MSRP ti:d SEND\r\n",
            7,
            "expected a transaction id of 1 to 64 characters and SP",
        ),
        (
            "MSRP -tid SEND\r\n",
            5,
            "expected a transaction id of 1 to 64 characters and SP",
        ),
        ("MSRP tid1\r\n", 9, "expected SP after transaction id"),
        ("MSRP tid1\tSEND\r\n", 9, "expected SP after transaction id"),
        ("MSRP tid1 \r\n", 10, "expected a method or a status code"),
        (
            "MSRP tid1  SEND\r\n",
            10,
            "expected a method or a status code",
        ),
        ("MSRP tid1 SEND x\r\n", 15, "expected CRLF after the method"),
        ("MSRP tid1 20 OK\r\n", 13, "expected CRLF after the method"),
        ("MSRP tid1 S\u{1}\r\n", 11, "expected CRLF after the method"),
        (
            "MSRP tid1 200\tOK\r\n",
            13,
            "expected SP or CRLF after the status code",
        ),
        ("MSRP tid1 SEND\n", 14, "expected CR before LF"),
    ] {
        assert_eq!(error(line), (offset, 0, reason.to_owned()), "{line:?}");
        let after = format!("{}{line}", frame("200 OK", ""));
        let base = (after.len() - line.len()) as u64;
        if line != "\n" {
            assert_eq!(
                error(&after),
                (base + offset, base, reason.to_owned()),
                "{line:?}"
            );
        }
    }
}

// covers: C-005
#[test]
fn transaction_ids_of_1_to_64_octets() {
    for id in ["a", "a.-+%=", &"x".repeat(64)] {
        let text =
            format!("MSRP {id} SEND\r\n{PATHS}Content-Type: a/b\r\n\r\n-\r\n-------{id}#\r\n");
        assert_eq!(body(&text), Some(b"-".to_vec()));
        assert_eq!(head(&text).transaction_id().as_str(), id);
    }
    assert_eq!(error(format!("MSRP {} SEND\r\n", "x".repeat(65))).0, 5 + 64);
}

// covers: C-006, C-007, C-008, C-015, C-020, T-17, T-20, T-21
#[test]
fn only_the_own_end_line_ends_a_body() {
    for text in [
        "abc",
        "abc\r\n",
        "\r\n",
        "\r",
        "\n",
        "\r\r",
        "\r\n\r",
        "-------TID1$\r\n",
        "\r\n-------TID1$\r\n",
        "\r\n-------tid2$\r\n",
        "\r\n-------tid1x$\r\n",
        "\r\n-------tid1 \r\n",
        "\r\n-------tid1$\n",
        "\r\n-------tid1$\r",
        "\r\n-------tid1$\r\r\n-------tid1$\r",
        "\r\n-------tid1$ \r\n",
        "\r\n--------tid1$\r\n",
        "\r\n------tid1$\r\n",
        "\r\n-------ti\r\n-------tid1",
        "\r\n-------\r\n-------\r\n",
        "\r\n-------tid1\r\n",
        "x-------tid1$\r\ny",
        "\n-------tid1$\r\n",
        "\r-------tid1$\r\n",
        " -------tid1$\r\n",
        "\u{0}\u{1}\u{7f}",
    ] {
        let octets = send(format!("{text}\r\n").as_bytes());
        if text == "-------TID1$\r\n" {
            assert_eq!(body(&octets).unwrap(), text.as_bytes());
        } else {
            assert_eq!(body(&octets), Some(text.into()), "{text:?}");
        }
    }
    let binary: Vec<u8> = (0..=255).chain(*b"\xff\xfe\r\n-------other$\r\n").collect();
    assert_eq!(body(send(&[&binary[..], b"\r\n"].concat())), Some(binary));
}

// covers: C-009, C-011, C-022, T-21
#[test]
fn no_body_an_empty_body_and_a_missing_crlf() {
    let bodiless = head(frame("SEND", "Message-ID: abcd\r\n"));
    assert!(!bodiless.has_body_section());

    let empty = send(b"\r\n");
    assert_eq!(body(&empty), None);
    assert!(head(&empty).has_body_section());

    let no_crlf = send(b"");
    assert_eq!(body(&no_crlf), None);
    assert!(head(&no_crlf).has_body_section());

    let untyped = head(frame("SEND", "\r\n"));
    assert!(untyped.has_body_section());
    assert_eq!((untyped.content_type(), untyped.fault()), (None, None));

    // What looks like an end-line straight after the empty line, but is body.
    for text in [
        "-------tid2$\r\n",
        "-------tid1!",
        "-",
        "-------tid1$x",
        "-------tid1$\rx",
    ] {
        assert_eq!(
            body(send(format!("{text}\r\n").as_bytes())),
            Some(text.into())
        );
    }
}

// covers: C-012, C-018
#[test]
fn a_response_with_a_body_or_another_flag_is_framed() {
    let text = format!(
        "MSRP tid1 200 OK\r\n{PATHS}\r\nbody\r\n-------tid1+\r\n{}",
        frame("SEND", "")
    );
    let (heads, events) = parse(&text);
    assert_eq!(heads.len(), 2);
    assert_eq!(
        events[1..3],
        [Event::Body(b"body".into()), Event::End(Continuation::More)]
    );
    assert_eq!(
        heads[1].offset(),
        text.find("MSRP tid1 SEND").unwrap() as u64
    );
    for (flag, expected) in [('$', Continuation::Complete), ('#', Continuation::Abort)] {
        let text = format!("MSRP tid1 SEND\r\n{PATHS}-------tid1{flag}\r\n");
        assert_eq!(parse(&text).1[1], Event::End(expected));
    }
}

// covers: C-019, T-55
#[test]
fn up_to_16_crlfs_between_messages_are_skipped() {
    let gap = "\r\n".repeat(16);
    let message = frame("SEND", "");
    let (heads, events) = parse(format!("{gap}{message}{gap}{message}{gap}"));
    assert_eq!(heads.len(), 2);
    assert_eq!(events.last(), Some(&Event::Eof(Ok(()))));
    assert_eq!(heads[0].offset(), 32);

    let (offset, frame_offset, reason) = error(format!("{gap}\r\n{message}"));
    assert_eq!((offset, frame_offset), (32, 32));
    assert_eq!(reason, "expected a start line, after 16 empty lines,");
    assert_eq!(error("\r\n\rM").0, 3);
    assert_eq!(error("\r\n\rM").1, 2);
    assert_eq!(error("\r\n M").0, 2);
    assert_eq!(
        parse("\r\n\r").1,
        [Event::Eof(Err(ParseError {
            offset: 3,
            frame_offset: 2,
            reason: "expected LF after CR, not the end of the stream,".into()
        }))]
    );
}

// covers: C-023
#[test]
fn a_bare_lf_in_the_header_section_ends_the_stream() {
    let start = "MSRP tid1 SEND\r\n";
    for (rest, at) in [
        ("A: b\n", 4),
        ("\n", 0),
        ("A: b\r\nC: d\nE: f\r\n\r\n", 10),
        ("A:\r\r\n\n", 5),
    ] {
        let (offset, frame_offset, reason) = error(format!("{start}{rest}"));
        assert_eq!((offset, frame_offset), (16 + at, 0), "{rest:?}");
        assert_eq!(reason, "expected CR before LF");
    }
}

// covers: C-006, C-064
#[test]
fn a_foreign_end_line_in_the_header_section_ends_the_stream() {
    let base = "MSRP tid1 SEND\r\n".len() + PATHS.len();
    for (line, at) in [
        ("-------tid2$", 10),
        ("-------TID1$", 7),
        ("-------tid1", 11),
        ("-------tid1!", 11),
        ("-------tid1$ ", 12),
        ("--------tid1$", 7),
    ] {
        let (offset, frame_offset, reason) = error(format!("MSRP tid1 SEND\r\n{PATHS}{line}\r\n"));
        assert_eq!((offset, frame_offset), ((base + at) as u64, 0), "{line}");
        assert_eq!(reason, "expected the end-line of this frame");
    }
}

// covers: C-030
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
    assert_eq!(
        no_paths.to_path().unwrap_err().kind(),
        super::super::FaultKind::Missing
    );
    assert!(no_paths.from_path().is_err() && no_paths.to_path_first().is_err());
    let no_from = PATHS.split_inclusive('\n').next().unwrap();
    assert_eq!(
        fault(format!("MSRP tid1 SEND\r\n{no_from}-------tid1$\r\n")),
        (16 + 44, "expected From-Path".to_owned())
    );
}

// covers: C-032, C-033, T-32
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
}

// covers: C-020, C-034, C-035
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
}

// covers: C-042, C-043, C-044, C-045, C-060, C-292
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
}

// covers: C-047, C-048, C-049
#[test]
fn headers_may_follow_content_type() {
    let head = head(frame(
        "SEND",
        "Content-Type: a/b\r\nContent-ID: x\r\nByte-Range: 1-0/0\r\n",
    ));
    assert_eq!(head.fault(), None);
    assert_eq!(head.content_type(), Some("a/b"));
    assert_eq!(head.byte_range(), Some(ByteRange::EMPTY));
}

// covers: C-053
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

// covers: C-021, C-063, T-63
#[test]
fn each_bound_holds_and_the_next_octet_ends_the_stream() {
    let limits = ParserLimits {
        start_line: 40,
        header_line: 90,
        header_section: 300,
        headers: 6,
        path_uris: 3,
        non_send_body: 20,
    };
    let outcome = |text: String| match parse_with(&limits, text.as_bytes()).1.pop() {
        Some(Event::Eof(Ok(()))) => Ok(()),
        Some(Event::Error(error)) => Err((error.offset, error.reason.into_owned())),
        other => panic!("{other:?}"),
    };

    let response = |len: usize| frame(&format!("200 {}", "x".repeat(len - 14)), "");
    assert_eq!(outcome(response(40)), Ok(()));
    assert_eq!(
        outcome(response(41)),
        Err((40, "expected the end of the start line".into()))
    );

    let base = ("MSRP tid1 SEND\r\n".len() + PATHS.len()) as u64;
    let line = |len: usize| frame("SEND", &format!("X: {}\r\n", "x".repeat(len - 3)));
    assert_eq!(outcome(line(90)), Ok(()));
    assert_eq!(
        outcome(line(91)),
        Err((base + 90, "expected the end of the header line".into()))
    );

    let section = |len: usize| {
        let rest = len - PATHS.len() - 92 - 92;
        let line = format!("X: {}\r\n", "x".repeat(87));
        frame(
            "SEND",
            &format!("{line}{line}X: {}\r\n", "x".repeat(rest - 5)),
        )
    };
    assert_eq!(outcome(section(300)), Ok(()));
    assert_eq!(outcome(section(301)), Err((316, SECTION_TOO_LONG.into())));
    let folded = section(300).replace("-------", "A: b\r\n-------");
    assert_eq!(outcome(folded), Err((316, SECTION_TOO_LONG.into())));
    let long = section(300).replace("-------", &format!("A: {}\r\n", "x".repeat(85)));
    assert_eq!(outcome(long), Err((316, SECTION_TOO_LONG.into())));

    let headers = |count: usize| frame("SEND", &"X: 1\r\n".repeat(count - 2));
    assert_eq!(outcome(headers(6)), Ok(()));
    assert_eq!(
        outcome(headers(7)),
        Err((base + 24, "expected no more headers".into()))
    );

    let uris = |count: usize| {
        let path = vec!["msrp://h:1/s;tcp"; count].join(" ");
        format!("MSRP tid1 SEND\r\nTo-Path: {path}\r\nFrom-Path: {path}\r\n-------tid1$\r\n")
    };
    assert_eq!(outcome(uris(3)), Ok(()));
    assert_eq!(
        outcome(uris(4)),
        Err((16 + 9 + 51, "expected no more URIs in the path".into()))
    );
}

// covers: C-021, C-063
#[test]
fn octets_without_crlf_end_the_stream_at_the_bound() {
    for (start, at) in [("MSRP ", 1024), ("MSRP tid1 SEND\r\n", 16 + 8192)] {
        let mut parser = Parser::new(ParserLimits::default());
        parser.push(Bytes::from(format!("{start}{}", "x".repeat(1 << 20))));
        assert_eq!(parser.next().unwrap_err().offset, at);
        assert!(parser.block.is_empty() && parser.blocks.is_empty());
    }
}

// covers: C-102
#[test]
fn a_body_beyond_10_kib_is_for_send_only() {
    let limits = ParserLimits {
        non_send_body: 20,
        ..ParserLimits::default()
    };
    for start in ["REPORT", "NICKNAME", "XYZ", "200 OK"] {
        let text = |len: usize| frame(start, &format!("\r\n{}\r\n", "-".repeat(len)));
        let (_, events) = parse_with(&limits, text(20).as_bytes());
        assert_eq!(events[1], Event::Body(vec![b'-'; 20]));
        assert_eq!(events.last(), Some(&Event::Eof(Ok(()))));
        let (_, events) = parse_with(&limits, text(21).as_bytes());
        assert_eq!(events[1], Event::Body(vec![b'-'; 20]));
        let Some(Event::Error(error)) = events.last() else {
            panic!("{events:?}")
        };
        let body = text(21).find("\r\n\r\n").unwrap() + 4;
        assert_eq!((error.offset, error.frame_offset), (body as u64 + 20, 0));
    }
    let (_, events) = parse_with(&limits, &send(&[b'x'; 100]));
    assert!(matches!(events.last(), Some(Event::Eof(Err(_)))));
    assert_eq!(ParserLimits::default().non_send_body, 10240);
}

// covers: T-64
#[test]
fn the_end_of_the_stream_inside_a_frame_is_an_error() {
    let message = send(b"hello\r\n");
    for len in 0..=message.len() {
        let mut parser = Parser::new(ParserLimits::default());
        parser.push(Bytes::copy_from_slice(&message[..len]));
        while parser.next().unwrap().is_some() {}
        let is_whole = len == 0 || len == message.len();
        assert_eq!(parser.finish().is_ok(), is_whole, "{len}");
        assert_eq!(parser.has_pending(), !is_whole, "{len}");
        if let Err(error) = parser.finish() {
            assert_eq!((error.offset, error.frame_offset), (len as u64, 0));
        }
        assert_eq!(parser.offset(), len as u64);
    }
}

// covers: C-016
#[test]
fn bodies_are_slices_of_the_pushed_blocks() {
    let block = Bytes::from(send(b"some octets\r\n-------tid2$\r\nmore\r\n"));
    let mut parser = Parser::new(ParserLimits::default());
    parser.push(block.clone());
    let inside = |part: &Bytes| block.as_ptr_range().contains(&part.as_ptr());
    let mut lens = Vec::new();
    while let Some(frame) = parser.next().unwrap() {
        match frame {
            Frame::Head(head) => assert!(inside(head.octets())),
            Frame::Body(body) => {
                assert!(inside(&body));
                lens.push(body.len());
            }
            Frame::End(_) => {}
        }
    }
    assert_eq!(lens, [31]);
    assert!(parser.block.is_empty(), "the block is let go");
}

// covers: C-016, T-17
#[test]
fn at_most_75_octets_are_held_back() {
    let id = "x".repeat(64);
    let mut parser = Parser::new(ParserLimits::default());
    let start = format!("MSRP {id} SEND\r\n{PATHS}Content-Type: a/b\r\n\r\nB");
    parser.push(Bytes::from(start));
    while parser.next().unwrap().is_some() {}
    let (mut pushed, mut given, mut most_held) = (0, 0, 0);
    for octet in format!("\r\n-------{id}$\rx").bytes() {
        parser.push(Bytes::copy_from_slice(&[octet]));
        pushed += 1;
        while let Some(Frame::Body(body)) = parser.next().unwrap() {
            given += body.len();
        }
        most_held = most_held.max(pushed - given);
    }
    assert_eq!((most_held, given), (75, pushed));
}

/// Feeds `octets` in pieces of `size` and counts the octets that searches looked at.
fn work_of(octets: &[u8], size: usize) -> u64 {
    work::count(|| {
        let mut parser = Parser::new(ParserLimits::default());
        for piece in octets.chunks(size) {
            parser.push(Bytes::copy_from_slice(piece));
            while parser.next().unwrap().is_some() {}
        }
        parser.finish().unwrap();
    })
}

// covers: C-016, T-17, T-63
#[test]
fn the_work_is_linear_whatever_the_split_and_the_body() {
    let look_alikes = [
        "\r\n-------",
        "\r\n-------tid1",
        "\r\n-------tid1$\r",
        "\r",
        "\r\n",
        "-",
        "\r\n------",
        "x",
    ];
    for unit in look_alikes {
        for count in [100, 1000] {
            let mut text = unit.repeat(count).into_bytes();
            text.extend_from_slice(b"\r\n");
            let octets = send(&text);
            for size in [1, 2, 7, 64, 2048, usize::MAX] {
                let work = work_of(&octets, size.min(octets.len()));
                // A mismatching octet is looked at twice: by the comparison, then by the search.
                assert!(
                    work <= 2 * octets.len() as u64,
                    "{work} for {} octets of {unit:?} in pieces of {size}",
                    octets.len()
                );
            }
        }
    }
    let long = frame("SEND", &format!("X: {}\r\n", "x".repeat(8000)));
    assert_eq!(work_of(long.as_bytes(), 1), long.len() as u64);
}

proptest! {
    // covers: C-015, C-016
    #[test]
    fn any_body_comes_back_at_any_split(
        parts in proptest::collection::vec(prop_oneof![
            Just(b"\r\n-------".to_vec()), Just(b"tid1".to_vec()), Just(b"$\r".to_vec()), Just(b"\r".to_vec()),
            Just(b"\n".to_vec()), Just(b"-".to_vec()), proptest::collection::vec(any::<u8>(), 0..20),
        ], 0..12),
        cuts in proptest::collection::vec(1usize..40, 1..40),
    ) {
        let text = parts.concat();
        // A sender avoids its own end-line; right after the empty line also without a CRLF before it.
        let framed = [b"\r\n", &text[..], b"\r\n"].concat();
        let end_line: &[u8] = b"\r\n-------tid1$\r\n";
        prop_assume!(!framed.windows(end_line.len()).any(|window| window == end_line));
        let octets = send(&[&text[..], b"\r\n"].concat());
        let mut rest = &octets[..];
        let mut cuts = cuts.iter().cycle();
        let pieces = std::iter::from_fn(|| {
            if rest.is_empty() {
                return None;
            }
            let (piece, after) = rest.split_at((*cuts.next()?).min(rest.len()));
            rest = after;
            Some(piece)
        });
        let (_, events) = run(&ParserLimits::default(), pieces);
        let body = events.iter().find_map(|event| match event {
            Event::Body(body) => Some(&body[..]),
            _ => None,
        });
        prop_assert_eq!(body.unwrap_or_default(), &text[..]);
        prop_assert_eq!(events.last(), Some(&Event::Eof(Ok(()))));
    }

    // covers: C-016
    #[test]
    fn junk_gives_the_same_events_at_any_split(
        parts in proptest::collection::vec(prop_oneof![
            Just("MSRP tid1 SEND\r\n"), Just("MSRP tid2 200 OK\r\n"), Just("To-Path: msrp://h:1/s;tcp\r\n"),
            Just("From-Path: msrp://h:1/s;tcp\r\n"), Just("Message-ID: abcd\r\n"), Just("Content-Type: a/b\r\n"),
            Just("\r\n"), Just("-------tid1$\r\n"), Just("-------tid2+\r\n"), Just("-------"), Just("tid1"),
            Just("\n"), Just("\r"), Just(" "), Just("x: "), Just("é"), Just("\u{0}"),
        ], 0..12),
    ) {
        parse(parts.concat());
    }

    #[test]
    fn noise_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        parse([b"MSRP tid1 SEND\r\n", &octets[..]].concat());
    }
}
