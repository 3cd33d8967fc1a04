//! The frame parser (RFC 4975 §7, §9): the same frames wherever the stream is cut, at a cost that is linear in its
//! length; what it read is encoded and read again.

use bytes::{Bytes, BytesMut};
use msrp::wire::{
    ByteRange, Continuation, Frame, Head, ParseError, Parser, ParserLimits, ReportHead,
    ResponseHead, SendHead, encode_end_line, validate_extra_header,
};
use msrp::work_so_far;

use super::input::Input;

/// The first octets say where the stream, which is the rest, is cut.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let cuts: Vec<usize> = (0..input.byte() % 16)
        .map(|_| usize::from(input.byte()) + 1)
        .collect();
    let octets = input.0;
    let whole = parse(octets, &[]);
    if !cuts.is_empty() {
        assert!(parse(octets, &cuts) == whole, "cut at {cuts:?}");
    }
    if octets.len() <= ONE_BY_ONE {
        assert!(parse(octets, &[1]) == whole, "octet by octet");
    }
    for (frame, next) in whole.frames.iter().zip(whole.frames.iter().skip(1)) {
        assert!(frame.flag.is_some() && frame.head.offset() < next.head.offset());
    }
    for frame in whole.frames.iter().filter(|frame| frame.flag.is_some()) {
        encode_again(frame);
    }
}

struct Parsed {
    head: Head,
    shown: String,
    body: Vec<u8>,
    /// `None` if the stream ended first.
    flag: Option<Continuation>,
}

impl PartialEq for Parsed {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown
            && self.head.octets() == other.head.octets()
            && self.head.fault() == other.head.fault()
            && self.body == other.body
            && self.flag == other.flag
    }
}

#[derive(PartialEq)]
struct Stream {
    frames: Vec<Parsed>,
    end: Result<(), ParseError>,
}

/// Parses in pieces of these lengths, over and over; in one if there are none.
fn parse(octets: &[u8], cuts: &[usize]) -> Stream {
    let limits = ParserLimits::default();
    let mut parser = Parser::new(limits.clone());
    let mut frames = Vec::<Parsed>::new();
    let mut end = Ok(());
    let before = work_so_far();
    let (mut rest, mut cut, mut pieces) = (octets, cuts.iter().cycle(), 0);
    while !rest.is_empty() && end.is_ok() {
        let len = cut.next().map_or(rest.len(), |&cut| cut.min(rest.len()));
        let (piece, later) = rest.split_at(len);
        parser.push(Bytes::copy_from_slice(piece));
        (rest, pieces) = (later, pieces + 1);
        loop {
            match parser.next() {
                Ok(None) => break,
                Ok(Some(Frame::Head(head))) => {
                    let most = limits.start_line + limits.header_section + 4;
                    assert!(head.octets().len() <= most, "{}", head.octets().len());
                    frames.push(Parsed {
                        shown: format!(
                            "{head:?} {} {}",
                            head.header_len(),
                            head.has_body_section()
                        ),
                        head,
                        body: Vec::new(),
                        flag: None,
                    });
                }
                Ok(Some(Frame::Body(body))) => {
                    assert!(!body.is_empty());
                    let frame = frames.last_mut().expect("a head came first");
                    frame.body.extend_from_slice(&body);
                }
                Ok(Some(Frame::End(flag))) => {
                    frames.last_mut().expect("a head came first").flag = Some(flag);
                }
                Err(error) => {
                    assert_eq!(parser.next().err().as_ref(), Some(&error));
                    end = Err(error);
                    break;
                }
            }
        }
    }
    if end.is_ok() {
        assert_eq!(parser.offset(), octets.len() as u64);
        end = parser.finish();
    }
    let work = work_so_far() - before;
    let most = 8 * octets.len() + 64 * pieces;
    assert!(
        work <= most as u64,
        "{work} steps for {} octets",
        octets.len()
    );
    Stream { frames, end }
}

/// What was read without a fault is written, and read as the same.
fn encode_again(frame: &Parsed) {
    let head = &frame.head;
    let (Some(to_path), Some(from_path)) = (head.to_path_text(), head.from_path_text()) else {
        return;
    };
    let flag = frame.flag.unwrap_or(Continuation::Complete);
    let paths = head.to_path().is_ok() && head.from_path().is_ok();
    if head.fault().is_some() || !paths {
        return;
    }
    let mut out = BytesMut::new();
    let is_send = head
        .method()
        .is_some_and(|method| method.as_str() == "SEND");
    let id = head.transaction_id();
    let extra: Vec<(String, String)> = head
        .headers()
        .filter_map(|(name, value)| Some((name.to_owned(), String::from_utf8(value.into()).ok()?)))
        .filter(|(name, value)| validate_extra_header(name, value).is_ok())
        .collect();
    if let Some(status) = head.status() {
        let comment = head.comment().unwrap_or_default().into_owned();
        let response = ResponseHead {
            transaction_id: id,
            status,
            comment: &comment,
            to_path,
            from_path,
            headers: &[],
        };
        response.encode(&mut out);
    } else if let (true, Some(message_id), Some(status)) =
        (head.is_report(), head.message_id(), head.report_status())
    {
        let report = ReportHead {
            transaction_id: id,
            to_path,
            from_path,
            message_id,
            byte_range: head.byte_range(),
            status: status.code,
            comment: &status.comment,
        };
        report.encode(&mut out);
    } else if let (true, Some(message_id)) = (is_send, head.message_id()) {
        if !frame.body.is_empty() && head.content_type().is_none() {
            return;
        }
        let send = SendHead {
            transaction_id: id,
            to_path,
            from_path,
            message_id,
            byte_range: head.byte_range().unwrap_or(ByteRange::EMPTY),
            success_report: head.success_report() == Some(true),
            failure_report: head.failure_report(),
            headers: &extra,
            content_type: head.content_type(),
        };
        send.encode(&mut out);
        out.extend_from_slice(&frame.body);
        encode_end_line(&mut out, &id, flag, head.content_type().is_some());
    } else {
        return;
    }
    let limits = ParserLimits {
        // An octet of a comment that is no UTF-8 is shown, and written, as three.
        start_line: 4 * ParserLimits::default().start_line,
        // Headers that were left out come in the default form.
        header_section: 2 * ParserLimits::default().header_section,
        header_line: 2 * ParserLimits::default().header_line,
        ..ParserLimits::default()
    };
    let mut parser = Parser::new(limits);
    parser.push(out.freeze());
    let again = match parser.next() {
        Ok(Some(Frame::Head(again))) => again,
        other => panic!("{other:?} instead of a head"),
    };
    assert_eq!(again.fault(), None);
    assert_eq!(again.transaction_id(), id);
    assert_eq!(again.method(), head.method());
    assert_eq!(again.status(), head.status());
    assert_eq!(
        again.message_id().is_some(),
        head.message_id().is_some() && head.is_request()
    );
    // A path is written with single blanks.
    assert_eq!(again.to_path(), head.to_path());
    assert_eq!(again.from_path(), head.from_path());
    if is_send {
        assert_eq!(again.message_id(), head.message_id());
        assert_eq!(
            again.byte_range(),
            Some(head.byte_range().unwrap_or(ByteRange::EMPTY))
        );
        assert_eq!(
            again.success_report() == Some(true),
            head.success_report() == Some(true)
        );
        assert_eq!(again.failure_report(), head.failure_report());
        assert_eq!(again.content_type(), head.content_type());
        let written = |head: &Head| -> usize {
            head.headers()
                .filter_map(|(name, value)| Some((name, std::str::from_utf8(value).ok()?)))
                .filter(|(name, value)| validate_extra_header(name, value).is_ok())
                .count()
        };
        if head.content_type().is_some() {
            assert_eq!(written(&again), extra.len());
        }
    }
    if head.is_report() {
        let code = |head: &Head| head.report_status().map(|status| status.code);
        assert_eq!(code(&again), code(head));
        assert_eq!(again.byte_range(), head.byte_range());
    }
    let mut body = Vec::new();
    loop {
        match parser.next() {
            Ok(Some(Frame::Body(data))) => body.extend_from_slice(&data),
            Ok(Some(Frame::End(found))) => {
                assert!(!is_send || found == flag);
                break;
            }
            other => panic!("{other:?} inside a frame"),
        }
    }
    assert!(!is_send || body == frame.body);
    assert_eq!(parser.finish(), Ok(()));
}

/// Longer streams are not fed octet by octet.
const ONE_BY_ONE: usize = 4096;
