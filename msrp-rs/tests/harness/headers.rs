//! Values of headers (RFC 4975 §9), each by its own parser, and all of them as lines of a header section.

use bytes::Bytes;
use msrp::wire::{
    ByteRange, FailureReport, Frame, Head, HeaderName, MediaRange, MediaType, MessageId, Method,
    Parser, ParserLimits, Status, StatusCode, TransactionId, validate_extra_header,
};

pub fn run(data: &[u8]) {
    if let Ok(range) = ByteRange::parse(data) {
        let text = range.to_string();
        assert_eq!(ByteRange::parse(text.as_bytes()), Ok(range));
        assert!(range.start >= 1 && range.offset() == range.start - 1);
        if let (Some(len), Some(end)) = (range.len(), range.end) {
            assert_eq!(range.offset().checked_add(len), Some(end));
            assert_eq!(
                ByteRange::exact(range.offset(), len, range.total),
                Some(range)
            );
        }
    }
    if let Ok(status) = Status::parse(data) {
        let text = status.to_string();
        assert_eq!(Status::parse(text.as_bytes()), Ok(status));
    }
    if let Some(code) = StatusCode::parse(data) {
        assert_eq!(StatusCode::parse(code.to_string().as_bytes()), Some(code));
        assert!(!code.default_comment().is_empty());
    }
    if let Ok(id) = MessageId::parse(data) {
        assert_eq!(id.as_bytes(), data);
        assert_eq!(
            TransactionId::parse(data).map(|id| id.to_string()),
            Ok(id.to_string())
        );
    }
    if let Some(name) = HeaderName::parse(data) {
        assert!(data.eq_ignore_ascii_case(name.as_str().as_bytes()));
    }
    if let Some(value) = FailureReport::parse(data) {
        assert!(data.eq_ignore_ascii_case(value.as_str().as_bytes()));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        media(text);
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        if validate_extra_header(name, value).is_ok() {
            assert!(!value.contains(['\r', '\n']) && !name.is_empty());
        }
        let _ = Method::from_word(text);
    }
    section(data);
}

fn media(text: &str) {
    let parsed = MediaType::parse(text);
    assert_eq!(MediaType::check(text).err(), parsed.as_ref().err().cloned());
    if let Ok(media) = parsed {
        assert_eq!(media.as_str(), text);
        let canonical = media.to_canonical();
        let again = MediaType::parse(&canonical).expect("what is written can be read");
        assert_eq!(again.to_canonical(), canonical);
        assert_eq!(again, media);
        assert_eq!(
            format!("{}/{}", media.main_type(), media.subtype()),
            media.essence()
        );
        for (name, _) in media.params() {
            let first = media
                .params()
                .find(|(other, _)| other.eq_ignore_ascii_case(name));
            assert_eq!(media.param(name), first.and_then(|(_, value)| value));
        }
    }
    if let Ok(list) = MediaRange::parse_list(text) {
        for range in list {
            assert_eq!(MediaRange::parse(range.as_str()).as_ref(), Ok(&range));
            if let Some(media) = range.media_type() {
                assert!(range.matches(media));
            }
        }
    }
}

/// The input as further lines of a request.
fn section(data: &[u8]) {
    let mut octets = SEND.to_vec();
    octets.extend_from_slice(data);
    octets.extend_from_slice(b"\r\n-------a786hjs2$\r\n");
    let mut parser = Parser::new(ParserLimits::default());
    parser.push(Bytes::from(octets));
    while let Ok(Some(frame)) = parser.next() {
        if let Frame::Head(head) = frame {
            look(&head);
        }
    }
}

fn look(head: &Head) {
    assert!(head.headers().count() <= ParserLimits::default().headers);
    for (name, value) in head.headers() {
        assert!(!value.contains(&b'\r') || head.fault().is_some(), "{name}");
        assert!(head.header_by_str(name).is_some());
    }
    if let Ok(path) = head.to_path() {
        assert_eq!(head.to_path_first().as_ref(), Ok(path.first()));
    }
    let _ = head.from_path();
    let _ = (head.message_id(), head.byte_range(), head.success_report());
    let _ = (
        head.failure_report(),
        head.report_status(),
        head.content_type(),
    );
    let _ = (
        head.requires_empty_body(),
        head.comment(),
        format!("{head:?}"),
    );
}

const SEND: &[u8] = b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://b.example:2855/s1;tcp\r\n\
                      From-Path: msrp://a.example:2855/s2;tcp\r\n";
