//! The parser on recorded traffic of existing peers (`tests/corpus/captures`): the same events at any
//! split, the messages that the recordings promise, and a clean error where a stream is damaged.

use msrp_conformance::covers;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use msrp::wire::{Continuation, Frame, Head, ParseError, Parser, ParserLimits};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One frame as it came out of the parser.
#[derive(Debug, PartialEq)]
struct Parsed {
    head: String,
    body: Vec<u8>,
    /// `None` if the stream ended first.
    flag: Option<Continuation>,
}

/// Frames in order, and how the stream ended.
struct Stream {
    heads: Vec<Head>,
    frames: Vec<Parsed>,
    end: Result<(), ParseError>,
}

fn parse(octets: &[u8], size: usize) -> Stream {
    let mut parser = Parser::new(ParserLimits::default());
    let mut stream = Stream {
        heads: Vec::new(),
        frames: Vec::new(),
        end: Ok(()),
    };
    for piece in octets.chunks(size) {
        parser.push(Bytes::copy_from_slice(piece));
        loop {
            match parser.next() {
                Ok(None) => break,
                Ok(Some(Frame::Head(head))) => {
                    let shown =
                        format!("{head:?} {} {}", head.header_len(), head.has_body_section());
                    stream.frames.push(Parsed {
                        head: shown,
                        body: Vec::new(),
                        flag: None,
                    });
                    stream.heads.push(head);
                }
                Ok(Some(Frame::Body(body))) => {
                    stream
                        .frames
                        .last_mut()
                        .expect("a head came first")
                        .body
                        .extend_from_slice(&body);
                }
                Ok(Some(Frame::End(flag))) => {
                    stream.frames.last_mut().expect("a head came first").flag = Some(flag);
                }
                Err(error) => {
                    stream.end = Err(error);
                    return stream;
                }
            }
        }
    }
    stream.end = parser.finish();
    stream
}

/// Parses at several splits, which must agree.
fn parse_at_splits(name: &str, octets: &[u8]) -> Stream {
    let whole = parse(octets, octets.len());
    for size in [1, 2, 3, 7, 2048] {
        let split = parse(octets, size);
        assert!(
            split.frames == whole.frames,
            "{name}: frames differ in pieces of {size}"
        );
        assert_eq!(split.end, whole.end, "{name} in pieces of {size}");
    }
    whole
}

/// Octets of one Message-ID, each chunk placed at its Byte-Range start.
#[derive(Debug, Default, PartialEq)]
struct Message {
    content_type: Option<String>,
    placed: Vec<u8>,
    concatenated: Vec<u8>,
    chunks: u64,
    last_flag: String,
    success_report: Option<bool>,
}

fn messages(stream: &Stream) -> BTreeMap<String, Message> {
    let mut messages = BTreeMap::<_, Message>::new();
    for (head, frame) in stream.heads.iter().zip(&stream.frames) {
        let (Some("SEND"), Some(flag)) = (head.method().map(|method| method.as_str()), frame.flag)
        else {
            continue;
        };
        let id = head
            .message_id()
            .expect("recorded SENDs have a Message-ID")
            .to_string();
        let message = messages.entry(id).or_default();
        let offset = head.byte_range().unwrap_or_default().offset() as usize;
        let end = offset + frame.body.len();
        message.placed.resize(message.placed.len().max(end), 0);
        message.placed[offset..end].copy_from_slice(&frame.body);
        message.concatenated.extend_from_slice(&frame.body);
        message.chunks += 1;
        message.last_flag = char::from(flag.as_octet()).to_string();
        message.content_type = head.content_type().map(str::to_owned);
        message.success_report = head.success_report();
    }
    messages
}

fn check_messages(name: &str, stream: &Stream, promised: &[Value]) {
    let messages = messages(stream);
    assert_eq!(messages.len(), promised.len(), "{name}");
    for promise in promised {
        let id = promise["message_id"].as_str().expect("an id");
        let message = messages
            .get(id)
            .unwrap_or_else(|| panic!("{name}: no message {id}"));
        assert_eq!(
            message.placed.len() as u64,
            promise["length"],
            "{name} {id}"
        );
        assert_eq!(sha256(&message.placed), promise["sha256"], "{name} {id}");
        assert_eq!(
            message.content_type.as_deref(),
            promise["content_type"].as_str(),
            "{name} {id}"
        );
        assert_eq!(message.chunks, promise["chunks"], "{name} {id}");
        assert_eq!(message.last_flag, promise["last_flag"], "{name} {id}");
        let success_report = promise["success_report"]
            .as_str()
            .map(|value| value == "yes");
        assert_eq!(message.success_report, success_report, "{name} {id}");
        if let Some(length) = promise["concatenated_length"].as_u64() {
            assert_eq!(message.concatenated.len() as u64, length, "{name} {id}");
            assert_eq!(
                sha256(&message.concatenated),
                promise["concatenated_sha256"],
                "{name} {id}"
            );
        }
    }
}

/// Requests by method and responses by code, of frames that are complete.
fn counts(stream: &Stream) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let complete = stream
        .heads
        .iter()
        .zip(&stream.frames)
        .filter(|(_, frame)| frame.flag.is_some());
    for (head, _) in complete {
        let kind = match (head.method(), head.status()) {
            (Some(method), _) => method.to_string(),
            (None, status) => status.expect("a response has a code").to_string(),
        };
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

fn sha256(octets: &[u8]) -> String {
    Sha256::digest(octets)
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// Every recorded direction: folder and scenario, what was promised, file.
fn directions() -> Vec<(String, Value, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/captures");
    let mut directions = Vec::new();
    for peer in ["msrp-java", "msrp-node-lib"] {
        for entry in fs::read_dir(root.join(peer)).expect("the corpus is there") {
            let path = entry.expect("a readable folder").path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a readable file");
            let promised: Value = serde_json::from_str(&text).expect("valid JSON");
            for (direction, promise) in promised["directions"].as_object().expect("an object") {
                let file = root
                    .join(peer)
                    .join(promise["file"].as_str().expect("a file name"));
                let scenario = promised["scenario"].as_str().expect("a name");
                directions.push((
                    format!("{peer}/{scenario}.{direction}"),
                    promise.clone(),
                    file,
                ));
            }
        }
    }
    assert!(directions.len() > 50);
    directions
}

fn is_excerpt(file: &Path) -> bool {
    file.to_string_lossy().ends_with(".excerpt.bin")
}

#[test]
fn recorded_streams_give_the_promised_messages_at_any_split() {
    for (name, promise, file) in directions().iter().filter(|(_, _, file)| !is_excerpt(file)) {
        let octets = fs::read(file).expect("a readable file");
        assert_eq!(sha256(&octets), promise["sha256"], "{name}");
        let stream = parse_at_splits(name, &octets);

        let promised: BTreeMap<String, u64> =
            serde_json::from_value(promise["counts"].clone()).expect("numbers");
        assert_eq!(counts(&stream), promised, "{name}");
        check_messages(
            name,
            &stream,
            promise["messages"].as_array().expect("a list"),
        );
        for head in &stream.heads {
            assert_eq!(head.fault(), None, "{name}");
            assert!(head.to_path().is_ok() && head.from_path().is_ok(), "{name}");
            assert_eq!(head.report_status().is_some(), head.is_report(), "{name}");
        }
        if promise["well_formed"] == true {
            assert_eq!(stream.end, Ok(()), "{name}");
        } else {
            let error = stream.end.expect_err("a damaged stream");
            assert_eq!(error.frame_offset, promise["parsed_bytes"], "{name}");
        }
    }
    covers!("C-008", "C-015", "C-016", "C-032", "C-040");
}

#[test]
fn damaged_streams_end_where_the_damage_is() {
    let find = |name: &str| {
        let found = directions().into_iter().find(|(known, _, _)| known == name);
        fs::read(found.expect("a recorded direction").2).expect("a readable file")
    };

    let stream = parse_at_splits("endline_in_body", &find("msrp-java/endline_in_body.a2b"));
    assert_eq!(stream.frames.len(), 2);
    assert_eq!(stream.frames[1].body, b"line one");
    assert_eq!(stream.frames[1].flag, Some(Continuation::Complete));
    let error = stream.end.expect_err("garbage");
    assert_eq!((error.offset, error.frame_offset), (455, 455));

    let octets = find("msrp-java/pipelined_corrupt.a2b");
    let stream = parse_at_splits("pipelined_corrupt", &octets);
    assert_eq!(stream.frames.len(), 48);
    assert_eq!(stream.frames[47].flag, None);
    assert_eq!(stream.heads[47].transaction_id().as_str(), "NhK3pUnG");
    let error = stream.end.expect_err("an open frame");
    assert_eq!(
        (error.offset, error.frame_offset),
        (octets.len() as u64, 14833)
    );
    covers!("C-006", "T-17");
}

#[test]
fn excerpts_of_large_streams_have_sound_frame_borders() {
    let mut seen = 0;
    for (name, _, file) in directions().iter().filter(|(_, _, file)| is_excerpt(file)) {
        let octets = &fs::read(file).expect("a readable file")[..65_536];
        let stream = parse_at_splits(name, octets);
        if let Err(error) = &stream.end {
            assert_eq!(error.offset, 65_536, "{name}: {error}");
        }
        let mut last_end: Option<Vec<u8>> = None;
        for (head, frame) in stream.heads.iter().zip(&stream.frames) {
            let start = head.offset() as usize;
            assert!(octets[start..].starts_with(b"MSRP "), "{name} at {start}");
            if let Some(end_line) = last_end.take() {
                assert!(octets[..start].ends_with(&end_line), "{name} at {start}");
            }
            let flag = frame.flag.map(Continuation::as_octet);
            last_end = flag.map(|flag| {
                format!("-------{}{}\r\n", head.transaction_id(), char::from(flag)).into_bytes()
            });
            let promised = head.byte_range().and_then(|range| range.len());
            if let (Some(promised), true, Some(_)) = (promised, head.has_body_section(), flag) {
                assert_eq!(frame.body.len() as u64, promised, "{name} at {start}");
            }
        }
        seen += stream.frames.len();
    }
    assert!(seen > 100, "{seen} frames");
    covers!("C-016");
}
