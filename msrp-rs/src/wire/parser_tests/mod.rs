//! Tests of the parser: each input is fed whole, at every two-part split and in equal pieces of every
//! size; all must give the same events.

mod bounds;
mod framing;
mod header_section;

use super::super::{ByteRange, FailureReport, FaultKind, HeaderName, Method, StatusCode};
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
