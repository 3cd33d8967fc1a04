//! What an MSRP section of an SDP means (RFC 4975 §8, RFC 6135, RFC 8122 §5, RFC 8866).

use msrp_conformance::covers;
use std::net::{Ipv4Addr, Ipv6Addr};

use msrp::error::{Error, ErrorKind};
use msrp::sdp::{
    Direction, HashFunction, MediaDescription, Protocol, SessionDescription, SetupAttribute,
};
use msrp::wire::Host;

const PATH: &str = "a=path:msrp://192.0.2.1:7394/2s93i9ek2a;tcp";
const TYPES: &str = "a=accept-types:text/plain";

/// A whole SDP around these lines of the media level.
fn whole(media: &[&str]) -> String {
    whole_with(&[], media)
}

/// The same with further lines at session level.
fn whole_with(session: &[&str], media: &[&str]) -> String {
    let mut lines = vec![
        "v=0",
        "o=alice 2890844526 2890844527 IN IP4 192.0.2.1",
        "s=-",
    ];
    lines.extend(["c=IN IP4 192.0.2.1", "t=0 0"]);
    lines.extend(session);
    lines.extend(media);
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

fn parse(sdp: &str) -> MediaDescription {
    MediaDescription::parse(sdp, None).unwrap_or_else(|error| panic!("{error}\n{sdp}"))
}

/// The usual stream with these attribute lines more.
fn parse_with(attributes: &[&str]) -> MediaDescription {
    let mut media = vec!["m=message 7394 TCP/MSRP *", PATH, TYPES];
    media.extend(attributes);
    parse(&whole(&media))
}

/// The error of a stream with these lines; its text names the m-line.
fn refused(media: &[&str]) -> Error {
    let error = MediaDescription::parse(&whole(media), None).expect_err("breaks a rule");
    assert!(error.to_string().starts_with("m-line 1: "), "{error}");
    error
}

fn types(description: &MediaDescription) -> Vec<String> {
    description
        .accept_types
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn rfc4975_8_2_plain_offer_is_read() {
    let media = parse(&whole(&["m=message 7394 TCP/MSRP *", TYPES, PATH]));
    assert_eq!(media.protocol, Protocol::Tcp);
    assert_eq!(media.port, 7394);
    assert_eq!(media.address, Some(Host::V4(Ipv4Addr::new(192, 0, 2, 1))));
    assert_eq!(media.path.len(), 1);
    assert_eq!(media.path.last().session_id(), Some("2s93i9ek2a"));
    assert_eq!(types(&media), ["text/plain"]);
    assert!(media.accept_wrapped_types.is_empty());
    assert_eq!((media.max_size, media.setup), (None, None));
    assert_eq!(media.direction, Direction::SendRecv);
    assert!(media.fingerprints.is_empty() && !media.cema && media.attributes.is_empty());
    covers!("S-001", "S-002", "S-020", "S-060");
}

#[test]
fn rfc8866_5_protocol_compares_without_case_and_further_formats_are_ignored() {
    for line in [
        "m=message 7394 tcp/msrp *",
        "m=message 7394 TCP/MSRP * text/plain",
    ] {
        assert_eq!(
            parse(&whole(&[line, PATH, TYPES])).protocol,
            Protocol::Tcp,
            "{line}"
        );
    }
    let error = refused(&["m=message 7394 TCP/MSRP text/plain", PATH, TYPES]);
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    covers!("S-009");
}

#[test]
fn rfc4975_8_1_unknown_protocol_and_port_count_are_refused() {
    let error = refused(&["m=message 7394 UDP/FOO *", PATH, TYPES]);
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert!(error.to_string().contains("UDP/FOO"), "{error}");
    let error = refused(&["m=message 7394/2 TCP/MSRP *", PATH, TYPES]);
    assert!(error.to_string().contains("port count"), "{error}");
    covers!("S-010", "S-014");
}

#[test]
fn rfc4975_8_1_protocol_and_path_agree_on_tls() {
    let secure = "a=path:msrps://192.0.2.1:7394/2s93i9ek2a;tcp";
    let media = parse(&whole(&["m=message 7394 TCP/TLS/MSRP *", secure, TYPES]));
    assert_eq!(media.protocol, Protocol::Tls);
    let error = refused(&["m=message 7394 TCP/MSRP *", secure, TYPES]);
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert!(
        error
            .context
            .contains("protocol TCP/MSRP but the leftmost URI is an msrps URI"),
        "{error}"
    );
    let error = refused(&["m=message 7394 TCP/TLS/MSRP *", PATH, TYPES]);
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert!(error.context.contains("is an msrp URI"), "{error}");
    // Only the first hop counts: what is behind a relay, it knows.
    let relayed = "a=path:msrps://192.0.2.9:2855/r;tcp msrp://192.0.2.1:7394/2s93i9ek2a;tcp";
    let media = parse(&whole(&["m=message 7394 TCP/TLS/MSRP *", relayed, TYPES]));
    assert_eq!(media.protocol, Protocol::Tls);
    covers!("S-012", "T-28");
}

#[test]
fn rfc3264_8_2_port_0_is_a_refused_stream_whatever_else_is_there() {
    for media in [
        &["m=message 0 TCP/MSRP *"][..],
        &["m=message 0 TCP/MSRP *", PATH, TYPES],
    ] {
        assert_eq!(refused(media).kind, ErrorKind::Gone);
    }
    covers!("S-013");
}

#[test]
fn rfc4975_8_2_path_must_be_there_and_end_in_a_session() {
    let error = refused(&["m=message 7394 TCP/MSRP *", TYPES]);
    assert_eq!(
        error.to_string(),
        "m-line 1: attribute path is missing (RFC 4975 §8.2)"
    );
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    for path in [
        "a=path",
        "a=path:",
        "a=path:foo",
        "a=path:http://192.0.2.1:80/x",
        "a=path:msrp://192.0.2.1:7394;tcp",
        "a=path:msrp://192.0.2.1:7394/relay;tcp msrp://192.0.2.2:7394;tcp",
    ] {
        let error = refused(&["m=message 7394 TCP/MSRP *", path, TYPES]);
        assert_eq!(error.kind, ErrorKind::InvalidSdp, "{path}");
        assert!(error.to_string().contains("attribute path"), "{error}");
    }
    let sdp = whole_with(&[PATH], &["m=message 7394 TCP/MSRP *", TYPES]);
    let error = MediaDescription::parse(&sdp, None).expect_err("path is of the media level");
    assert!(error.to_string().contains("path is missing"), "{error}");
    covers!("S-020");
}

#[test]
fn an_error_never_shows_a_session_id() {
    let path = "a=path:msrp://192.0.2.1/secretsecret;tcp";
    let error = refused(&["m=message 7394 TCP/MSRP *", path, TYPES]);
    assert!(!error.to_string().contains("secretsecret"), "{error}");
    // Where the line begins with something else.
    for line in [path.replace("a=", "path:"), path.replace("a=path:", "")] {
        let error = MediaDescription::parse(&whole(&[&line]), None).expect_err("no line");
        assert!(
            error.to_string().contains("msrp://192.0.2.1/secr"),
            "{error}"
        );
        assert!(!error.to_string().contains("/secret"), "{error}");
    }
}

#[test]
fn rfc4975_8_2_extra_spaces_in_path_are_tolerated() {
    let path = "a=path:  msrp://192.0.2.9:2855/r;tcp   msrp://192.0.2.1:7394/s;tcp ";
    let media = parse(&whole(&["m=message 7394 TCP/MSRP *", path, TYPES]));
    assert_eq!(media.path.len(), 2);
    covers!("S-021");
}

#[test]
fn rfc4975_8_3_several_uris_are_kept_in_their_order() {
    let path = "a=path:msrp://r1.example.com:2855/a;tcp msrp://r2.example.com:2856/b;tcp \
                msrp://192.0.2.1:7394/c;tcp";
    let media = parse(&whole(&["m=message 7394 TCP/MSRP *", path, TYPES]));
    let ids: Vec<_> = media.path.iter().map(|uri| uri.session_id()).collect();
    assert_eq!(ids, [Some("a"), Some("b"), Some("c")]);
    assert_eq!(media.path.first().port(), Some(2855));
    assert!(media.has_relay());
    covers!("S-023", "S-027");
}

#[test]
fn rfc4975_8_2_uris_have_explicit_ports() {
    for path in [
        "a=path:msrp://alice.example.com/s;tcp",
        "a=path:msrp://r.example.com:2855/r;tcp msrp://alice.example.com/s;tcp",
    ] {
        let error = refused(&["m=message 7394 TCP/MSRP *", path, TYPES]);
        assert!(error.to_string().contains("explicit port"), "{error}");
    }
    covers!("S-024");
}

#[test]
fn rfc4975_8_1_connection_and_media_lines_that_differ_from_the_path_are_kept_but_not_used() {
    let media = parse(&whole(&[
        "m=message 1111 TCP/MSRP *",
        "c=IN IP4 198.51.100.7",
        PATH,
        TYPES,
    ]));
    assert_eq!(media.path.first().port(), Some(7394));
    assert_eq!(
        media.path.first().host(),
        &Host::V4(Ipv4Addr::new(192, 0, 2, 1))
    );
    assert_eq!(
        (media.port, media.address),
        (1111, Some(Host::V4(Ipv4Addr::new(198, 51, 100, 7))))
    );
    covers!("S-005", "T-53");
}

#[test]
fn rfc4975_6_only_the_first_transport_must_be_usable() {
    let path = "a=path:msrps://r:2855/x;tcp msrps://a.invalid:2855/y;ws";
    let media = parse(&whole(&["m=message 2855 TCP/TLS/MSRP *", path, TYPES]));
    assert_eq!(media.path.last().transport(), "ws");
    let path = "a=path:msrps://r:2855/x;ws";
    let error = refused(&["m=message 2855 TCP/TLS/MSRP *", path, TYPES]);
    assert!(error.to_string().contains("transport"), "{error}");
    covers!("S-029");
}

#[test]
fn rfc4975_8_2_two_path_lines_are_malformed() {
    let error = refused(&["m=message 7394 TCP/MSRP *", PATH, PATH, TYPES]);
    assert!(error.to_string().contains("2 path attributes"), "{error}");
    covers!("S-030");
}

#[test]
fn rfc4975_6_1_ipv6_stands_in_brackets_in_the_path_and_bare_in_the_connection_line() {
    let media = parse(&whole(&[
        "m=message 7394 TCP/MSRP *",
        "c=IN IP6 2001:db8::1",
        "a=path:msrp://[2001:DB8:0::1]:7394/s;tcp",
        TYPES,
    ]));
    let address: Ipv6Addr = "2001:db8::1".parse().expect("an address");
    assert_eq!(media.address, Some(Host::V6(address)));
    assert_eq!(media.path.first().host(), &Host::V6(address));
    covers!("S-004", "T-30");
}

#[test]
fn rfc4975_8_6_accept_types_must_be_there() {
    let error = refused(&["m=message 7394 TCP/MSRP *", PATH]);
    assert_eq!(
        error.to_string(),
        "m-line 1: attribute accept-types is missing (RFC 4975 §8.6)"
    );
    covers!("S-040");
}

#[test]
fn rfc4975_8_6_type_lists_split_at_spaces_outside_of_quotes() {
    for (value, expected) in [
        ("text/plain text/html", &["text/plain", "text/html"][..]),
        (
            " message/cpim  text/plain ",
            &["message/cpim", "text/plain"],
        ),
        ("*/*", &["*"]),
        ("image/* *", &["image/*", "*"]),
        // What cannot be read is passed over: some servers print "(null)" here.
        ("(null) text/plain foo text/", &["text/plain"]),
        (
            r#"text/plain;x="a b" text/html"#,
            &[r#"text/plain;x="a b""#, "text/html"],
        ),
        (
            r#"text/plain;x="a \" b" text/html"#,
            &[r#"text/plain;x="a \" b""#, "text/html"],
        ),
    ] {
        let line = format!("a=accept-types:{value}");
        let media = parse(&whole(&["m=message 7394 TCP/MSRP *", PATH, &line]));
        assert_eq!(types(&media), expected, "{value}");
    }
    let media = parse(&whole(&[
        "m=message 7394 TCP/MSRP *",
        PATH,
        "a=accept-types:Message/CPIM",
    ]));
    assert!(media.accepts("message/cpim"));
    covers!("S-041", "S-042");
}

fn accepting(types: &str, wrapped: &str) -> MediaDescription {
    let types = format!("a=accept-types:{types}");
    let wrapped = format!("a=accept-wrapped-types:{wrapped}");
    parse(&whole(&[
        "m=message 7394 TCP/MSRP *",
        PATH,
        &types,
        &wrapped,
    ]))
}

#[test]
fn rfc4975_8_6_ranges_and_parameters_match() {
    let text = accepting("text/*", "");
    assert!(text.accepts("text/html") && text.accepts("TEXT/Plain;charset=utf-8"));
    assert!(!text.accepts("image/png"));
    let any = accepting("text/plain *", "");
    assert!(any.accepts("image/png"));
    let with_parameter = accepting("text/plain;charset=utf-8", "");
    assert!(with_parameter.accepts("text/plain"));
    assert!(!with_parameter.accepts("text/html"));
    assert!(!any.accepts("not a type"));
    covers!("S-043", "S-050", "S-052", "T-57");
}

#[test]
fn rfc4975_8_6_wrapped_types_are_for_containers_only() {
    let gateway = accepting("message/cpim", "text/plain image/*");
    assert!(gateway.accepts("message/cpim") && !gateway.accepts("text/plain"));
    assert!(gateway.accepts_wrapped("text/plain") && gateway.accepts_wrapped("image/png"));
    assert!(
        gateway.accepts_wrapped("message/cpim"),
        "accept-types hold inside as well"
    );
    assert!(!gateway.accepts_wrapped("text/html"));
    covers!("S-047", "S-049", "S-051", "T-57");
}

#[test]
fn rfc4975_8_6_listed_types_are_preferred_to_unlisted_ones() {
    let choices = ["text/html", "text/plain"];
    assert_eq!(
        accepting("text/plain *", "").preferred(&choices),
        Some("text/plain")
    );
    assert_eq!(
        accepting("* text/plain", "").preferred(&choices),
        Some("text/plain")
    );
    assert_eq!(
        accepting("text/*", "").preferred(&choices),
        Some("text/html")
    );
    assert_eq!(
        accepting("text/plain text/html", "").preferred(&choices),
        Some("text/plain")
    );
    assert_eq!(accepting("image/*", "text/html").preferred(&choices), None);
    assert_eq!(
        accepting("*", "").preferred(&["no type", "a/b"]),
        Some("a/b")
    );
    covers!("S-044");
}

#[test]
fn rfc4975_13_cpim_in_first_place_asks_for_wrapping() {
    assert!(accepting("Message/CPIM text/plain", "").wants_cpim());
    assert!(!accepting("text/plain message/cpim", "").wants_cpim());
    assert!(!accepting("*", "").wants_cpim());
    covers!("S-054");
}

#[test]
fn rfc4975_15_7_1_an_empty_list_means_that_nothing_can_be_sent() {
    for line in ["a=accept-types:", "a=accept-types", "a=accept-types: "] {
        let media = parse(&whole(&["m=message 7394 TCP/MSRP *", PATH, line]));
        assert!(
            media.accept_types.is_empty() && !media.accepts("text/plain"),
            "{line}"
        );
    }
    covers!("S-059");
}

#[test]
fn rfc4975_8_6_max_size_is_digits_without_bound() {
    for (value, expected) in [
        ("100", Some(100)),
        ("0", Some(0)),
        (" 7 ", Some(7)),
        ("123456789012345678901234567890", Some(u64::MAX)),
        ("-1", None),
        ("+1", None),
        ("abc", None),
        ("1k", None),
        ("", None),
    ] {
        let line = format!("a=max-size:{value}");
        assert_eq!(parse_with(&[&line]).max_size, expected, "{value}");
    }
    assert_eq!(parse_with(&["a=max-size"]).max_size, None);
    covers!("S-055", "S-058");
}

#[test]
fn rfc4145_4_setup_at_media_level_wins_over_session_level() {
    let setup = |session: &[&str], media: &str| {
        let sdp = whole_with(session, &["m=message 9 TCP/MSRP *", PATH, TYPES, media]);
        parse(&sdp).setup
    };
    let session = ["a=setup:passive"];
    assert_eq!(setup(&[], "a=setup:active"), Some(SetupAttribute::Active));
    assert_eq!(setup(&[], "a=setup:actpass"), Some(SetupAttribute::ActPass));
    assert_eq!(setup(&session, "a=x"), Some(SetupAttribute::Passive));
    assert_eq!(
        setup(&session, "a=setup:active"),
        Some(SetupAttribute::Active)
    );
    assert_eq!(setup(&[], "a=setup:holdconn"), None);
    assert_eq!(setup(&session, "a=setup:holdconn"), None);
    assert_eq!(setup(&[], "a=setup:foo"), None);
    assert_eq!(setup(&[], "a=setup"), None);
    covers!("S-062", "S-064", "S-081", "S-082");
}

#[test]
fn rfc6135_4_4_connection_attribute_has_no_effect() {
    let plain = parse_with(&[]);
    let mut media = parse_with(&["a=connection:new"]);
    media.attributes.clear();
    assert_eq!(media, plain);
    covers!("S-076");
}

#[test]
fn rfc8866_6_7_direction_at_session_level_is_a_default() {
    let direction = |session: &[&str], media: &[&str]| {
        let lines = [&["m=message 9 TCP/MSRP *", PATH, TYPES], media].concat();
        MediaDescription::parse(&whole_with(session, &lines), None).map(|media| media.direction)
    };
    assert_eq!(direction(&[], &[]), Ok(Direction::SendRecv));
    assert_eq!(direction(&["a=inactive"], &[]), Ok(Direction::Inactive));
    assert_eq!(
        direction(&["a=inactive"], &["a=sendrecv"]),
        Ok(Direction::SendRecv)
    );
    assert_eq!(direction(&[], &["a=recvonly"]), Ok(Direction::RecvOnly));
    assert_eq!(
        direction(&[], &["a=sendonly", "a=sendonly"]),
        Ok(Direction::SendOnly)
    );
    assert!(direction(&[], &["a=sendonly", "a=recvonly"]).is_err());
    covers!("S-147");
}

#[test]
fn rfc8866_5_7_a_connection_line_must_exist_and_media_level_wins() {
    let media = parse(&whole(&[
        "m=message 7394 TCP/MSRP *",
        "c=IN IP4 198.51.100.7",
        PATH,
        TYPES,
    ]));
    assert_eq!(
        media.address,
        Some(Host::V4(Ipv4Addr::new(198, 51, 100, 7)))
    );
    let sdp = whole(&["m=message 7394 TCP/MSRP *", PATH, TYPES]);
    let without = sdp.replace("c=IN IP4 192.0.2.1\r\n", "");
    let error = MediaDescription::parse(&without, None).expect_err("no c= line");
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert!(error.to_string().contains("no c= line"), "{error}");
    let name = sdp.replace("c=IN IP4 192.0.2.1", "c=IN IP4 alice.example.com");
    assert_eq!(
        parse(&name).address,
        Some(Host::Name("alice.example.com".to_owned()))
    );
    covers!("S-148");
}

#[test]
fn rfc3264_8_4_the_null_address_is_hold() {
    let media = parse_with(&[]);
    assert!(!media.is_on_hold());
    let sdp = whole(&["m=message 7394 TCP/MSRP *", "c=IN IP4 0.0.0.0", PATH, TYPES]);
    assert!(parse(&sdp).is_on_hold());
    covers!("S-164");
}

#[test]
fn rfc8866_5_13_unknown_attributes_are_kept_and_have_no_effect() {
    let media = parse_with(&[
        "a=foo:bar:baz",
        "a=chatroom",
        "a=PATH:msrp://x:1/y;tcp",
        "a=file-x: ",
    ]);
    let kept: Vec<_> = media.attributes.iter().map(ToString::to_string).collect();
    assert_eq!(
        kept,
        [
            "foo:bar:baz",
            "chatroom",
            "PATH:msrp://x:1/y;tcp",
            "file-x: "
        ]
    );
    assert_eq!(media.attributes[0].name(), "foo");
    assert_eq!(media.attributes[0].value(), Some("bar:baz"));
    assert_eq!(media.path.last().session_id(), Some("2s93i9ek2a"));
    covers!("S-149", "S-152", "S-153");
}

#[test]
fn rfc6714_5_2_cema_is_recognised() {
    assert!(parse_with(&["a=msrp-cema"]).cema);
    assert!(!parse_with(&["a=MSRP-CEMA"]).cema);
    covers!("S-091");
}

#[test]
fn rfc8122_5_fingerprints_at_media_level_win_over_session_level() {
    let print = |octet: &str| format!("a=fingerprint:SHA-256 {}", [octet; 32].join(":"));
    let (session, own) = (print("aa"), print("BB"));
    let lines = [
        "m=message 7394 TCP/TLS/MSRP *",
        "a=path:msrps://192.0.2.1:7394/s;tcp",
        TYPES,
    ];
    let default = parse(&whole_with(&[&session], &lines));
    assert_eq!(default.fingerprints.len(), 1);
    assert_eq!(default.fingerprints[0].digest(), [0xAA; 32]);
    let both = parse(&whole_with(&[&session], &[&lines[..], &[&own]].concat()));
    assert_eq!(both.fingerprints.len(), 1);
    assert_eq!(both.fingerprints[0].digest(), [0xBB; 32]);
    assert_eq!(both.trusted_fingerprints(&[HashFunction::Sha256]).len(), 1);
    covers!("S-109", "S-114");
}

#[test]
fn rfc8122_5_md5_counts_as_no_fingerprint_and_unknown_functions_are_skipped() {
    let known = [HashFunction::Sha256, HashFunction::Md5];
    let md5 = format!("a=fingerprint:md5 {}", ["0A"; 16].join(":"));
    assert!(parse_with(&[&md5]).trusted_fingerprints(&known).is_empty());
    let sha256 = format!("a=fingerprint:sha-256 {}", ["0A"; 32].join(":"));
    let media = parse_with(&["a=fingerprint:foo 00", "a=fingerprint:bar zz", &sha256]);
    assert_eq!(media.trusted_fingerprints(&known).len(), 1);
    let error = refused(&[
        "m=message 7394 TCP/MSRP *",
        PATH,
        TYPES,
        "a=fingerprint:sha-256 00",
    ]);
    assert!(error.to_string().contains("fingerprint"), "{error}");
    covers!("S-111", "S-112");
}

#[test]
fn rfc8866_5_bare_line_feeds_and_an_empty_session_name_are_accepted() {
    let sdp = whole(&["m=message 7394 TCP/MSRP *", PATH, TYPES]);
    let plain = parse(&sdp);
    assert_eq!(parse(&sdp.replace("\r\n", "\n")), plain);
    for name in ["s=", "s= ", "s= -"] {
        assert_eq!(parse(&sdp.replace("s=-", name)), plain, "{name:?}");
    }
    assert_eq!(parse(sdp.trim_end()), plain, "last line without an end");
    covers!("S-150", "S-151");
}

#[test]
fn rfc8866_5_an_unknown_type_letter_refuses_the_whole_description() {
    let lines = ["m=message 7394 TCP/MSRP *", PATH, TYPES];
    for sdp in [
        whole_with(&["y=1"], &lines),
        whole(&[&lines[..], &["y=1"]].concat()),
    ] {
        let error = SessionDescription::parse(&sdp).expect_err("unknown letter");
        assert_eq!(error.kind, ErrorKind::InvalidSdp);
        assert!(error.to_string().contains("'y'"), "{error}");
    }
    let known = ["k=prompt", "b=AS:64", "i=about", "e=a@example.com", "z=0 0"];
    assert_eq!(parse(&whole_with(&known, &lines)), parse(&whole(&lines)));
    assert_eq!(
        parse(&whole(&[&lines[..], &["k=prompt"]].concat())),
        parse(&whole(&lines))
    );
    covers!("S-165");
}

#[test]
fn rfc3264_5_a_larger_origin_version_does_no_harm() {
    let sdp = whole(&["m=message 7394 TCP/MSRP *", PATH, TYPES]);
    for number in [
        "9223372036854775808",
        "340282366920938463463374607431768211456",
    ] {
        let sdp = sdp.replace("2890844526 2890844527", &format!("{number} {number}"));
        match MediaDescription::parse(&sdp, None) {
            Ok(media) => assert_eq!(media.port, 7394),
            Err(error) => assert_eq!(error.kind, ErrorKind::InvalidSdp),
        }
    }
    covers!("S-154");
}

#[test]
fn the_index_chooses_the_line_and_without_one_the_first_acceptable_is_taken() {
    let path = |id: &str| format!("a=path:msrp://192.0.2.1:7394/{id};tcp");
    let sdp = whole(&[
        "m=audio 49170 RTP/AVP 0",
        "m=message 0 TCP/MSRP *",
        "m=message 7394 TCP/MSRP *",
        TYPES,
        "m=message 7394 TCP/MSRP *",
        &path("third"),
        TYPES,
        "m=message 7394 TCP/MSRP *",
        &path("fourth"),
        TYPES,
    ]);
    let id = |index| {
        MediaDescription::parse(&sdp, index)
            .map(|media| media.path.last().session_id().map(str::to_owned))
            .map_err(|error| error.kind)
    };
    assert_eq!(id(None), Ok(Some("third".to_owned())));
    assert_eq!(id(Some(3)), Ok(Some("third".to_owned())));
    assert_eq!(id(Some(4)), Ok(Some("fourth".to_owned())));
    assert_eq!(id(Some(0)), Err(ErrorKind::InvalidSdp));
    assert_eq!(id(Some(1)), Err(ErrorKind::Gone));
    assert_eq!(id(Some(2)), Err(ErrorKind::InvalidSdp));
    assert_eq!(id(Some(5)), Err(ErrorKind::InvalidArgument));
    let error = MediaDescription::parse(&sdp, Some(2)).expect_err("no path");
    assert_eq!(
        error.to_string(),
        "m-line 3: attribute path is missing (RFC 4975 §8.2)"
    );
}

#[test]
fn without_an_acceptable_line_the_first_fault_is_told() {
    let error = MediaDescription::parse(
        &whole(&["m=message 0 TCP/MSRP *", "m=message 7394 TCP/MSRP *", TYPES]),
        None,
    )
    .expect_err("nothing acceptable");
    assert!(error.to_string().starts_with("m-line 2: "), "{error}");
    let error = MediaDescription::parse(&whole(&["m=audio 1 RTP/AVP 0"]), None)
        .expect_err("nothing acceptable");
    assert!(error.to_string().contains("no m=message line"), "{error}");
}

#[test]
fn a_single_media_block_needs_no_connection_line() {
    let block = format!("m=message 7394 TCP/MSRP *\r\n{PATH}\r\n{TYPES}\r\n");
    let media = parse(&block);
    assert_eq!(media.address, None);
    assert_eq!(MediaDescription::parse(&block, Some(0)), Ok(media.clone()));
    assert!(MediaDescription::parse(&block, Some(1)).is_err());
    let with_address = block.replace(PATH, &format!("c=IN IP4 192.0.2.1\r\n{PATH}"));
    assert_eq!(
        parse(&with_address).address,
        Some(Host::V4(Ipv4Addr::new(192, 0, 2, 1)))
    );
    assert_eq!(parse(&media.to_media()), media);
}

#[test]
fn what_is_no_sdp_is_an_error_that_names_the_line() {
    for (sdp, part) in [
        ("", "version"),
        ("hello", "line 1"),
        ("v=0\r\nhello\r\n", "line 2"),
        ("v=1\r\n", "line 1"),
        ("s=-\r\n", "version"),
        ("v=0\r\no=x\r\n", "line 2"),
        ("v=0\r\nm=message x TCP/MSRP *\r\n", "line 2"),
        ("v=0\r\nm=message 7394 TCP/MSRP\r\n", "line 2"),
        ("v=0\r\ns=a\rb\r\n", "line 2"),
        ("m=message 99999 TCP/MSRP *\r\n", "m= block"),
    ] {
        let error = SessionDescription::parse(sdp).expect_err(sdp);
        assert_eq!(error.kind, ErrorKind::InvalidSdp, "{sdp:?}");
        assert!(error.to_string().contains(part), "{sdp:?}: {error}");
    }
}
