//! Example streams (`tests/wire/*.msrp`) and what the parser makes of them (`*.events`), at every
//! split.

use msrp_conformance::covers;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use msrp::wire::{Frame, Head, Parser, ParserLimits};

/// One line per thing seen; adjacent body slices are one.
fn events(octets: &[u8], size: usize) -> String {
    let mut parser = Parser::new(ParserLimits::default());
    let mut shown = String::new();
    let mut body = Vec::new();
    for piece in octets.chunks(size) {
        parser.push(Bytes::copy_from_slice(piece));
        loop {
            match parser.next() {
                Ok(None) => break,
                Ok(Some(Frame::Head(head))) => show_head(&mut shown, &head),
                Ok(Some(Frame::Body(octets))) => body.extend_from_slice(&octets),
                Ok(Some(Frame::End(flag))) => {
                    show_body(&mut shown, &mut body);
                    line(
                        &mut shown,
                        format_args!("  end {}", char::from(flag.as_octet())),
                    );
                }
                Err(error) => {
                    show_body(&mut shown, &mut body);
                    line(
                        &mut shown,
                        format_args!("{} error: {error}", error.frame_offset),
                    );
                    return shown;
                }
            }
        }
    }
    show_body(&mut shown, &mut body);
    match parser.finish() {
        Ok(()) => line(&mut shown, format_args!("{} sound", octets.len())),
        Err(error) => line(
            &mut shown,
            format_args!("{} error: {error}", error.frame_offset),
        ),
    }
    shown
}

fn show_head(shown: &mut String, head: &Head) {
    let (offset, id) = (head.offset(), head.transaction_id());
    match (head.method(), head.status()) {
        (Some(method), _) => line(shown, format_args!("{offset} request {id} {method}")),
        (None, status) => {
            let status = status.expect("a response has a code");
            let comment = head.comment().unwrap_or_default();
            line(
                shown,
                format_args!("{offset} response {id} {status} {comment:?}"),
            );
        }
    }
    for (name, value) in head.headers() {
        line(
            shown,
            format_args!("  {name}: {}", String::from_utf8_lossy(value)),
        );
    }
    if let Some(fault) = head.fault() {
        line(shown, format_args!("  fault: {fault}"));
    }
    for fault in [head.to_path().err(), head.from_path().err()]
        .into_iter()
        .flatten()
    {
        line(shown, format_args!("  path fault: {fault}"));
    }
    if head.requires_empty_body() {
        line(shown, format_args!("  requires an empty body"));
    }
    if head.has_body_section() {
        line(shown, format_args!("  body section"));
    }
}

fn show_body(shown: &mut String, body: &mut Vec<u8>) {
    if !body.is_empty() {
        line(
            shown,
            format_args!("  body of {}: {}", body.len(), body.escape_ascii()),
        );
        body.clear();
    }
}

fn line(shown: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(shown, "{text}").expect("a String takes all");
}

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut examples: Vec<_> = fs::read_dir(folder)
        .expect("the examples are there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "msrp")
        })
        .collect();
    examples.sort();
    examples
}

#[test]
fn examples_give_their_events_at_every_split() {
    let examples = examples();
    assert!(examples.len() >= 12, "{examples:?}");
    for path in examples {
        let octets = fs::read(&path).expect("a readable file");
        let expected = fs::read_to_string(path.with_extension("events")).unwrap_or_default();
        let whole = events(&octets, octets.len());
        assert!(
            whole == expected,
            "{}: not as expected, but\n{whole}",
            path.display()
        );
        for size in 1..octets.len() {
            assert_eq!(
                events(&octets, size),
                whole,
                "{} in pieces of {size}",
                path.display()
            );
        }
    }
    covers!(
        "C-002", "C-003", "C-005", "C-006", "C-008", "C-015", "C-016", "C-018", "C-019", "C-030",
        "C-032", "C-033", "C-038", "C-040", "C-046", "C-049", "C-291", "T-17", "T-20"
    );
}
