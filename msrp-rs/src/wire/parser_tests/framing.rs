//! Start lines, end-lines, bodies and what stands between frames.

use super::*;
use msrp_conformance::covers;

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
    covers!("C-001", "C-005", "C-023");
}

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
    covers!("C-003", "C-291");
}

#[test]
fn transaction_ids_of_1_to_64_octets() {
    for id in ["a", "a.-+%=", &"x".repeat(64)] {
        let text =
            format!("MSRP {id} SEND\r\n{PATHS}Content-Type: a/b\r\n\r\n-\r\n-------{id}#\r\n");
        assert_eq!(body(&text), Some(b"-".to_vec()));
        assert_eq!(head(&text).transaction_id().as_str(), id);
    }
    assert_eq!(error(format!("MSRP {} SEND\r\n", "x".repeat(65))).0, 5 + 64);
    covers!("C-005");
}

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
    covers!("C-006", "C-008", "C-015", "T-17", "T-20", "T-21");
}

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
    covers!("C-011", "C-022", "T-21");
}

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
    covers!("C-018");
}

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
    covers!("C-019");
}

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
    covers!("C-023");
}

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
    covers!("C-006");
}

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
