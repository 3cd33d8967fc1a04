//! Sections attribute by attribute, and whole SDP texts of several streams in one dialog.

use msrp::error::ErrorKind;
use msrp::sdp::{
    self, Attribute, Direction, LocalOptions, MediaBuilder, MediaDescription, Origin,
    SessionDescription, SetupAttribute,
};
use msrp::wire::{Host, MediaRange, UriPath};
use msrp_conformance::covers;

fn stream(id: &str) -> MediaDescription {
    let path: UriPath = format!("msrp://192.0.2.2:2855/{id};tcp")
        .parse()
        .expect("a path");
    let types = vec![MediaRange::parse("text/plain").expect("a type")];
    sdp::offer(&LocalOptions::new(path, types).expect("valid"))
}

fn origin() -> Origin {
    Origin::new(7, 1, Host::V4([192, 0, 2, 2].into())).expect("valid")
}

fn parse(text: &str) -> SessionDescription {
    SessionDescription::parse(text).expect("an SDP")
}

fn media_lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("m=")).collect()
}

fn builder() -> MediaBuilder {
    MediaBuilder::new("message", 2855, "TCP/MSRP", "*").expect("an m= line")
}

/// What text and values say is the same, whatever stands in them.
#[test]
fn a_section_value_by_value_is_the_section_of_the_text() {
    let sha256 = vec!["AB"; 32].join(":");
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         a=setup:active\r\na=inactive\r\na=fingerprint:sha-256 {sha256}\r\na=group:BUNDLE 1\r\n\
         m=message 2855 TCP/TLS/MSRP * extra\r\ni=files\r\nc=IN IP6 2001:db8::1\r\n\
         a=path:msrps://[2001:db8::1]:2855/s;tcp\r\na=accept-types:message/cpim text/*\r\n\
         a=accept-wrapped-types:*\r\na=max-size:100\r\na=sendonly\r\na=label:7\r\na=x-flag\r\n\
         a=msrp-cema\r\n"
    );
    let parsed = parse(&text);
    let (_, expected) = parsed.select(None).expect("acceptable");
    let line = parsed.media_line(0).expect("a line");

    let mut builder =
        MediaBuilder::new(line.media, line.port, line.protocol, line.formats).expect("an m= line");
    builder.port_count(line.port_count.into()).expect("none");
    builder
        .address(line.address.expect("given"))
        .expect("valid");
    builder.title(line.title.expect("given")).expect("valid");
    for (name, value) in parsed.attributes() {
        builder.session_attribute(name, value).expect("valid");
    }
    for (name, value) in line.attributes() {
        builder.attribute(name, value).expect("valid");
    }
    let built = builder.build().expect("complete");
    assert_eq!(built, expected);
    assert_eq!(built.title.as_deref(), Some("files"));
    assert_eq!(built.setup, Some(SetupAttribute::Active));
    assert_eq!(built.direction, Direction::SendOnly);
    assert_eq!(built.fingerprints.len(), 1);

    // And back: what is written one by one stands in the block.
    let block = built.to_media();
    let written: Vec<_> = built
        .written_attributes()
        .iter()
        .map(Attribute::to_string)
        .collect();
    let lines: Vec<_> = block
        .lines()
        .filter_map(|line| line.strip_prefix("a="))
        .collect();
    assert_eq!(written, lines);
    assert!(
        block.contains("\r\ni=files\r\nc=IN IP6 2001:db8::1\r\n"),
        "{block}"
    );
    assert!(written.iter().any(|it| it == "x-flag"));
    covers!("S-081", "S-114", "S-147", "S-148", "S-149", "S-153");
}

#[test]
fn each_fault_is_told_where_it_is_given_and_names_the_attribute() {
    for (media, protocol, formats, told) in [
        ("audio", "TCP/MSRP", "*", "media \"audio\""),
        ("message", "UDP/FOO", "*", "protocol \"UDP/FOO\""),
        ("message", "TCP/MSRP", "98", "format list"),
    ] {
        let error = MediaBuilder::new(media, 1, protocol, formats).expect_err("not of MSRP");
        assert_eq!(error.kind, ErrorKind::InvalidSdp);
        assert!(error.context.contains(told), "{error}");
    }
    for (name, value, told) in [
        (
            "path",
            Some("msrp://h/s;tcp"),
            "attribute path: a URI has no explicit port",
        ),
        ("path", Some("http://h"), "attribute path"),
        ("path", None, "attribute path"),
        (
            "fingerprint",
            Some("sha-256 00:11"),
            "attribute fingerprint",
        ),
        ("a:b", Some("x"), "no name"),
        ("", None, "no name"),
        ("x", Some("a\r\na=path:y"), "attribute x holds CR, LF"),
        ("label", Some("\0"), "attribute label holds"),
    ] {
        let error = builder().attribute(name, value).expect_err("a fault");
        assert_eq!(error.kind, ErrorKind::InvalidSdp, "{name}");
        assert!(error.context.contains(told), "{name}: {error}");
    }
    let mut tls = MediaBuilder::new("message", 1, "TCP/TLS/MSRP", "*").expect("an m= line");
    let error = tls
        .attribute("path", Some("msrp://h:1/s;tcp"))
        .expect_err("no TLS");
    assert!(error.context.contains("TCP/TLS/MSRP"), "{error}");

    let mut twice = builder();
    twice
        .attribute("path", Some("msrp://h:1/s;tcp"))
        .expect("one");
    assert!(twice.attribute("path", Some("msrp://h:1/t;tcp")).is_err());
    twice.attribute("sendonly", Some("")).expect("a name alone");
    let error = twice
        .attribute("inactive", None)
        .expect_err("another direction");
    assert!(error.context.contains("sendonly and inactive"), "{error}");
    assert!(twice.port_count(2).is_err());
    assert!(twice.address("192.0.2.1\r\n").is_err());
    assert!(twice.address("").is_err());
    assert!(twice.title("a\nb").is_err());
    let error = twice.build().expect_err("no types");
    assert!(error.context.contains("accept-types is missing"), "{error}");
    let error = builder().build().expect_err("nothing");
    assert!(error.context.contains("path is missing"), "{error}");
    covers!("S-012", "S-014", "S-020", "S-024", "S-030", "S-040");
}

#[test]
fn port_0_is_taken_with_whatever_else_and_says_that_the_stream_is_over() {
    let mut over = MediaBuilder::new("message", 0, "TCP/WHAT", "").expect("refused");
    over.attribute("path", Some("nonsense"))
        .expect("not looked at");
    over.port_count(2).expect("not looked at");
    assert_eq!(over.build().expect_err("over").kind, ErrorKind::Gone);
}

#[test]
fn more_attributes_than_the_limits_are_refused() {
    let mut many = builder();
    for _ in 0..sdp::MAX_ATTRIBUTES {
        many.attribute("x", None).expect("room");
    }
    assert_eq!(
        many.attribute("x", None).expect_err("full").kind,
        ErrorKind::Limit
    );
    for _ in 0..sdp::MAX_ATTRIBUTES {
        many.session_attribute("x", None).expect("room");
    }
    assert_eq!(
        many.session_attribute("x", None).expect_err("full").kind,
        ErrorKind::Limit
    );
    let long = "y".repeat(sdp::MAX_SDP_LEN);
    let error = builder().attribute("x", Some(&long)).expect_err("too long");
    assert_eq!(error.kind, ErrorKind::Limit);
    assert!(error.context.len() < 200);
}

#[test]
fn rfc3264_5_an_offer_of_several_streams_has_a_line_for_each() {
    let (a, b) = (stream("a"), stream("b"));
    let text = SessionDescription::offer(&[&a, &b], &origin()).expect("two");
    let parsed = parse(&text);
    assert_eq!(parsed.select(Some(0)).expect("ours").1, a);
    assert_eq!(parsed.select(Some(1)).expect("ours").1, b);
    assert_eq!(
        text.matches("c=").count(),
        1,
        "one address is enough: {text}"
    );
    assert!(SessionDescription::offer(&[], &origin()).is_err());
    let many = vec![&a; sdp::MAX_MEDIA_LINES + 1];
    let error = SessionDescription::offer(&many, &origin()).expect_err("too many");
    assert_eq!(error.kind, ErrorKind::Limit);
    covers!("S-008");
}

/// The last SDP of a host that has more in it than MSRP.
const LAST: &str = "v=0\r\no=alice 77 4 IN IP6 2001:db8::2\r\ns=call\r\nc=IN IP4 192.0.2.2\r\n\
    b=AS:100\r\nt=0 0\r\na=sendonly\r\nm=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n\
    m=message 2855 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://192.0.2.2:2855/a;tcp\r\n\
    m=video 0 RTP/AVP 31\r\n";

#[test]
fn rfc3264_8_1_a_disabled_slot_is_used_again_and_new_lines_go_last() {
    let (a, b, c) = (stream("a"), stream("b"), stream("c"));
    let last = parse(LAST);
    let next = last.reoffer(&[(3, &c), (1, &a), (2, &b)]).expect("fits");
    assert_eq!(
        media_lines(&next),
        [
            "m=audio 4000 RTP/AVP 0",
            "m=message 2855 TCP/MSRP *",
            "m=message 2855 TCP/MSRP *",
            "m=message 2855 TCP/MSRP *",
        ]
    );
    let parsed = parse(&next);
    for (index, stream) in [(1, &a), (2, &b), (3, &c)] {
        let (_, found) = parsed.select(Some(index)).expect("ours");
        assert_eq!(found.path, stream.path);
        // Not that of the session part.
        assert_eq!(found.direction, Direction::SendRecv);
    }
    // All else is as it was, and the version is the next.
    assert!(next.starts_with(
        "v=0\r\no=alice 77 5 IN IP6 2001:db8::2\r\ns=call\r\nc=IN IP4 192.0.2.2\r\nb=AS:100\r\n\
         t=0 0\r\na=sendonly\r\nm=audio 4000 RTP/AVP 0\r\na=ptime:20\r\nm=message"
    ));

    // Said again it is the same, octet for octet.
    let again = parsed.reoffer(&[(1, &a), (2, &b), (3, &c)]).expect("fits");
    assert_eq!(again, next);
    // One is over: its line stays, disabled; then it is there for another.
    let fewer = parsed.reoffer(&[(1, &a), (3, &c)]).expect("fits");
    assert_eq!(media_lines(&fewer)[2], "m=message 0 TCP/MSRP *");
    assert!(fewer.contains("o=alice 77 6 IN"));
    let reused = parse(&fewer)
        .reoffer(&[(1, &a), (2, &stream("d")), (3, &c)])
        .expect("fits");
    assert!(reused.contains("/d;tcp") && reused.contains("o=alice 77 7 IN"));
    covers!("S-132", "S-133", "S-143");
}

#[test]
fn rfc3264_8_a_stream_takes_no_line_that_others_use() {
    let a = stream("a");
    let last = parse(LAST);
    for (streams, told) in [
        (vec![(0, &a)], "index 0 is in use for audio"),
        (vec![(1, &a), (1, &a)], "index 1 is given to two"),
        (vec![(4, &a)], "index 3"),
    ] {
        let error = last.reoffer(&streams).expect_err("cannot be");
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert!(error.context.contains(told), "{error}");
    }
    let error = last.reoffer(&[(usize::MAX, &a)]).expect_err("too many");
    assert_eq!(error.kind, ErrorKind::Limit);
    for (from, to) in [
        ("o=alice 77 4", "o=alice 77 x"),
        ("o=alice 77 4", "o=alice 77 9223372036854775807"),
    ] {
        let text = LAST.replace(from, to);
        let Ok(last) = SessionDescription::parse(&text) else {
            continue;
        };
        let error = last.reoffer(&[(1, &a)]).expect_err("no next version");
        assert_eq!(error.kind, ErrorKind::InvalidSdp);
    }
}

#[test]
fn rfc3264_6_an_answer_goes_on_with_the_version_of_the_last_sdp() {
    let (a, b) = (stream("a"), stream("b"));
    let offer = parse(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=3 4\r\n\
         m=message 9 TCP/MSRP *\r\nm=audio 4000 RTP/AVP 0\r\nm=message 9 TCP/MSRP *\r\n",
    );
    let streams = [(0, &a), (2, &b)];
    let first = offer.answer(&streams, &origin()).expect("two lines");
    assert_eq!(
        media_lines(&first),
        [
            "m=message 2855 TCP/MSRP *",
            "m=audio 0 RTP/AVP 0",
            "m=message 2855 TCP/MSRP *"
        ]
    );
    assert!(first.contains("t=3 4\r\n") && first.contains("o=- 7 1 IN IP4"));
    let same = offer
        .answer_after(&streams, &parse(&first))
        .expect("the same");
    assert_eq!(same, first);
    let fewer = offer
        .answer_after(&streams[..1], &parse(&first))
        .expect("one");
    assert!(fewer.contains("o=- 7 2 IN IP4 192.0.2.2\r\n"), "{fewer}");
    assert_eq!(media_lines(&fewer)[2], "m=message 0 TCP/MSRP *");
    let none = offer.answer_after(&[], &parse(&fewer)).expect("refused");
    assert!(
        none.contains("o=- 7 3 ") && media_lines(&none).iter().all(|line| line.contains(" 0 "))
    );

    assert!(offer.answer(&[(3, &a)], &origin()).is_err());
    assert!(offer.answer(&[(0, &a), (0, &b)], &origin()).is_err());
    assert_eq!(
        offer.refused_media(1).expect("a line"),
        "m=audio 0 RTP/AVP 0\r\n"
    );
    assert!(offer.refused_media(3).is_err());
    // Blocks are answered by blocks, without an o= line.
    let block = parse("m=message 9 TCP/MSRP *\r\n");
    let answer = block
        .answer_after(&[(0, &a)], &parse(&first))
        .expect("a block");
    assert!(answer.starts_with("m=message 2855"), "{answer}");
    covers!("S-006", "S-130", "S-131", "S-132", "S-133");
}
