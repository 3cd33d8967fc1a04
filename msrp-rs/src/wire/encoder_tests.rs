//! Tests of the encoder: exact octets, and the round trip through the parser.

use bytes::Bytes;
use msrp_conformance::covers;
use proptest::prelude::*;

use super::super::{Frame, Head, Parser, ParserLimits};
use super::*;
use crate::error::ErrorKind;

const TO: &str = "msrp://r.example:3/cccccccccc;tcp msrp://b.example:2/bbbbbbbbbb;tcp";
const FROM: &str = "msrp://a.example:1/aaaaaaaaaa;tcp";

fn id(text: &str) -> TransactionId {
    TransactionId::new(text).unwrap()
}

fn send_head() -> SendHead<'static> {
    SendHead {
        transaction_id: id("tid1"),
        to_path: TO.as_bytes(),
        from_path: FROM.as_bytes(),
        message_id: MessageId::new("mid1").unwrap(),
        byte_range: ByteRange::exact(0, 3, Some(3)).unwrap(),
        success_report: false,
        failure_report: FailureReport::Yes,
        headers: &[],
        content_type: Some("text/plain"),
    }
}

fn written(encode: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    encode(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// The only frame in `octets`: head, body, flag.
fn parse(octets: &[u8]) -> (Head, Vec<u8>, Continuation) {
    let mut parser = Parser::new(ParserLimits::default());
    parser.push(Bytes::copy_from_slice(octets));
    let Some(Frame::Head(head)) = parser.next().unwrap() else {
        panic!("no head")
    };
    let mut body = Vec::new();
    let flag = loop {
        match parser.next().unwrap().expect("an end-line") {
            Frame::Body(octets) => body.extend_from_slice(&octets),
            Frame::End(flag) => break flag,
            Frame::Head(head) => panic!("{head:?}"),
        }
    };
    assert!(parser.next().unwrap().is_none());
    parser.finish().unwrap();
    (head, body, flag)
}

#[test]
fn a_send_with_body() {
    let text = written(|out| {
        send_head().encode(out);
        out.put_slice(b"abc");
        encode_end_line(out, &id("tid1"), Continuation::Complete, true);
    });
    assert_eq!(
        text,
        format!(
            "MSRP tid1 SEND\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\nMessage-ID: mid1\r\n\
             Byte-Range: 1-3/3\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------tid1$\r\n"
        )
    );
    covers!("C-001", "C-007", "C-031", "C-047", "C-050");
}

#[test]
fn a_send_without_body() {
    let headers = [
        ("Content-ID".into(), "x".into()),
        ("Keep-Alive".into(), "yes".into()),
    ];
    let head = SendHead {
        byte_range: ByteRange::EMPTY,
        headers: &headers,
        content_type: None,
        ..send_head()
    };
    let text = written(|out| {
        head.encode(out);
        encode_end_line(out, &id("tid1"), Continuation::Complete, false);
    });
    assert_eq!(
        text,
        format!(
            "MSRP tid1 SEND\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\nMessage-ID: mid1\r\n\
             Byte-Range: 1-0/0\r\nKeep-Alive: yes\r\n-------tid1$\r\n"
        )
    );
    covers!("C-009", "C-010");
}

#[test]
fn the_order_of_headers() {
    let headers = [
        ("content-disposition".into(), "inline".into()),
        ("X-A".into(), "1".into()),
        ("Content-ID".into(), "<x>".into()),
        ("X-B".into(), "2".into()),
    ];
    let head = SendHead {
        byte_range: ByteRange::open(2048, Some(9000)).unwrap(),
        success_report: true,
        failure_report: FailureReport::Partial,
        headers: &headers,
        ..send_head()
    };
    let text = written(|out| head.encode(out));
    assert_eq!(
        text[text.find("Byte").unwrap()..],
        *"Byte-Range: 2049-*/9000\r\nSuccess-Report: yes\r\nFailure-Report: partial\r\nX-A: 1\r\n\
          X-B: 2\r\ncontent-disposition: inline\r\nContent-ID: <x>\r\nContent-Type: text/plain\r\n\r\n"
    );
    covers!("C-033", "C-047", "C-048");
}

#[test]
fn a_response() {
    let text = written(|out| {
        encode_response(
            out,
            &id("tid1"),
            StatusCode(481),
            "",
            FROM.as_bytes(),
            b"msrp://h:1/s;tcp",
        );
    });
    assert_eq!(
        text,
        format!(
            "MSRP tid1 481 Session Does Not Exist\r\nTo-Path: {FROM}\r\n\
             From-Path: msrp://h:1/s;tcp\r\n-------tid1$\r\n"
        )
    );
    let response = ResponseHead {
        transaction_id: id("tid1"),
        status: StatusCode::OK,
        comment: "Fine",
        to_path: b"msrp://h:1/s;tcp",
        from_path: FROM.as_bytes(),
        headers: &[("Use-Path", TO), ("Expires", "600")],
    };
    let (head, _, flag) = parse(written(|out| response.encode(out)).as_bytes());
    assert_eq!(
        (head.comment().unwrap().as_ref(), flag),
        ("Fine", Continuation::Complete)
    );
    assert_eq!(head.header(HeaderName::UsePath), Some(TO.as_bytes()));
    assert_eq!(head.header(HeaderName::Expires), Some(&b"600"[..]));
    covers!("C-017");
}

#[test]
fn a_report() {
    let report = ReportHead {
        transaction_id: id("tid9"),
        to_path: TO.as_bytes(),
        from_path: FROM.as_bytes(),
        message_id: MessageId::new("mid1").unwrap(),
        byte_range: ByteRange::exact(0, 300, Some(900)),
        status: StatusCode::OK,
        comment: "",
    };
    assert_eq!(
        written(|out| report.encode(out)),
        format!(
            "MSRP tid9 REPORT\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\nMessage-ID: mid1\r\n\
             Byte-Range: 1-300/900\r\nStatus: 000 200 OK\r\n-------tid9$\r\n"
        )
    );
    covers!("C-045");
}

#[test]
fn other_requests() {
    let request = RequestHead {
        transaction_id: id("tid1"),
        method: &Method::Nickname,
        to_path: TO.as_bytes(),
        from_path: FROM.as_bytes(),
        message_id: None,
        headers: &[("Use-Nickname", "\"Älice\"")],
    };
    assert_eq!(
        written(|out| request.encode(out)),
        format!(
            "MSRP tid1 NICKNAME\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\n\
             Use-Nickname: \"Älice\"\r\n-------tid1$\r\n"
        )
    );
}

#[test]
fn no_text_can_end_its_line() {
    let evil = "x\r\n-------tid1$\r\nMSRP\u{0}\u{7f}y";
    let headers = [("X".into(), evil.into())];
    let head = SendHead {
        headers: &headers,
        content_type: Some(evil),
        ..send_head()
    };
    let text = written(|out| head.encode(out));
    assert!(text.contains("X: x  -------tid1$  MSRP  y\r\n"));
    assert!(text.ends_with("Content-Type: x  -------tid1$  MSRP  y\r\n\r\n"));
    let text = written(|out| encode_response(out, &id("tid1"), StatusCode(65535), evil, b"", b""));
    assert!(text.starts_with("MSRP tid1 535 x  -------tid1$  MSRP  y\r\n"));
    covers!("C-035");
}

#[test]
fn extra_headers_are_checked() {
    for (name, value) in [
        ("X-Y", "1 2\t3"),
        ("Content-ID", "<x>"),
        ("Keep-Alive", ""),
        ("Content-Language", "ü"),
    ] {
        assert_eq!(validate_extra_header(name, value), Ok(()), "{name}");
    }
    for (name, value) in [
        ("", "x"),
        ("1x", "x"),
        ("X Y", "x"),
        ("X:", "x"),
        ("Ü", "x"),
        ("X\r\nY", "x"),
        ("X", "a\r\nB: c"),
        ("X", "a\u{0}"),
        ("X", "\u{7f}"),
        ("X", " a"),
        ("X", "a\t"),
        ("to-path", "x"),
        ("Message-ID", "x"),
        ("CONTENT-TYPE", "x"),
        ("Status", "x"),
        ("Authorization", "x"),
        ("Content-Transfer-Encoding", "binary"),
    ] {
        let error = validate_extra_header(name, value).expect_err(name);
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert!(!error.to_string().contains(['\r', '\n']), "{error}");
    }
    assert_eq!(
        validate_extra_header("Status", "x")
            .unwrap_err()
            .to_string(),
        "header \"Status\" refused: the engine writes it itself"
    );
    covers!("C-052");
}

fn ident() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9.\\-+%=]{3,31}"
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        transaction_id in ident(),
        message_id in ident(),
        start in 1u64..,
        end in any::<Option<u64>>(),
        total in any::<Option<u64>>(),
        success_report: bool,
        failure_report in prop_oneof![Just(FailureReport::Yes), Just(FailureReport::No), Just(FailureReport::Partial)],
        headers in proptest::collection::vec(("X-[a-z!#]{0,8}", "([!-~ü][ -~ü\t]{0,20}[!-~ü])?"), 0..12),
        content_type in proptest::option::of("[a-z]{1,5}/[a-z]{1,5}(;[a-z]{1,3}=\"[a-z ]{0,5}\")?"),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        flag in prop_oneof![Just(Continuation::Complete), Just(Continuation::More), Just(Continuation::Abort)],
    ) {
        for (name, value) in &headers {
            prop_assert!(validate_extra_header(name, value).is_ok());
        }
        let wanted = SendHead {
            transaction_id: id(&transaction_id),
            message_id: MessageId::new(&message_id).unwrap(),
            byte_range: ByteRange { start, end, total },
            success_report,
            failure_report,
            headers: &headers,
            content_type: content_type.as_deref(),
            ..send_head()
        };
        let has_body = content_type.is_some();
        let mut out = BytesMut::new();
        wanted.encode(&mut out);
        if has_body {
            out.put_slice(&body);
        }
        encode_end_line(&mut out, &wanted.transaction_id, flag, has_body);

        let (head, seen_body, seen_flag) = parse(&out);
        prop_assert_eq!(head.fault(), None);
        prop_assert_eq!(head.method(), Some(&Method::Send));
        prop_assert_eq!(head.transaction_id(), wanted.transaction_id);
        prop_assert_eq!(head.message_id(), Some(wanted.message_id));
        prop_assert_eq!(head.byte_range(), Some(wanted.byte_range));
        prop_assert_eq!(head.success_report().unwrap_or(false), success_report);
        prop_assert_eq!(head.failure_report(), failure_report);
        prop_assert_eq!(head.to_path_text(), Some(TO.as_bytes()));
        prop_assert_eq!(head.from_path_text(), Some(FROM.as_bytes()));
        prop_assert_eq!(head.content_type(), content_type.as_deref());
        let extra: Vec<_> = head.headers().filter(|(name, _)| name.starts_with("X-")).collect();
        let given: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        prop_assert_eq!(extra, given);
        prop_assert_eq!(head.has_body_section(), has_body);
        prop_assert_eq!(seen_body, if has_body { body } else { vec![] });
        prop_assert_eq!(seen_flag, flag);
    }
}
