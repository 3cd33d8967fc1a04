//! Bounds, cost, and property tests.

use msrp_conformance::covers;
use proptest::prelude::*;

use super::super::super::work;
use super::*;

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
    covers!("C-021", "C-063", "T-63");
}

#[test]
fn octets_without_crlf_end_the_stream_at_the_bound() {
    for (start, at) in [("MSRP ", 1024), ("MSRP tid1 SEND\r\n", 16 + 8192)] {
        let mut parser = Parser::new(ParserLimits::default());
        parser.push(Bytes::from(format!("{start}{}", "x".repeat(1 << 20))));
        assert_eq!(parser.next().unwrap_err().offset, at);
        assert!(parser.block.is_empty() && parser.blocks.is_empty());
    }
    covers!("C-021", "C-063");
}

#[test]
#[cfg_attr(miri, ignore = "ten thousand octets one by one take long to interpret")]
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

#[test]
fn bodies_are_slices_of_the_pushed_blocks() {
    let block = Bytes::from(send(b"some octets\r\n-------tid2$\r\nmore\r\n"));
    let mut parser = Parser::new(ParserLimits::default());
    parser.push(block.clone());
    let inside = |part: &Bytes| block.as_ptr_range().contains(&part.as_ptr());
    let mut lens = Vec::new();
    while let Some(frame) = parser.next().unwrap() {
        match frame {
            Frame::Head(mut head) => {
                assert!(inside(head.octets()));
                head.detach();
                assert!(!inside(head.octets()) && head.to_path().is_ok());
            }
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
    covers!("C-016", "T-17");
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
        for count in if cfg!(miri) { [5, 20] } else { [100, 1000] } {
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
    covers!("T-17", "T-63");
}

proptest! {
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
        covers!("C-015", "C-016");
    }

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
        covers!("C-016");
    }

    #[test]
    fn noise_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        parse([b"MSRP tid1 SEND\r\n", &octets[..]].concat());
    }
}
