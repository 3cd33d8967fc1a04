//! Offer and answer for one stream and for whole descriptions (RFC 3264, RFC 6135, RFC 4975 §8).

use msrp::error::ErrorKind;
use msrp::sdp::{
    self, AnswerWarning, Attribute, Direction, Fingerprint, HashFunction, LocalOptions,
    MediaDescription, Origin, Protocol, SessionDescription, Setup, SetupAttribute,
};
use msrp::wire::{Host, MediaRange, UriPath};
use msrp_conformance::covers;

const OWN: &str = "msrp://192.0.2.2:8493/si438dsaodes;tcp";
const OWN_TLS: &str = "msrps://192.0.2.2:8493/si438dsaodes;tcp";
const RELAYED: &str = "msrps://relay.example.com:9000/hjdhfha;tcp msrps://192.0.2.2:8493/fuige;tcp";
const SETUPS: [SetupAttribute; 3] = [
    SetupAttribute::Active,
    SetupAttribute::Passive,
    SetupAttribute::ActPass,
];

fn ranges(types: &[&str]) -> Vec<MediaRange> {
    types
        .iter()
        .map(|range| MediaRange::parse(range).expect("a range"))
        .collect()
}

fn options_for(path: &str) -> LocalOptions {
    let path = UriPath::parse(path.as_bytes(), 64).expect("a path");
    LocalOptions::new(path, ranges(&["message/cpim", "text/plain"])).expect("valid options")
}

fn options() -> LocalOptions {
    options_for(OWN)
}

fn origin() -> Origin {
    Origin::new(2890844530, 1, Host::V4([192, 0, 2, 2].into())).expect("in range")
}

/// The peer's section with these lines more.
fn peer(lines: &[&str]) -> MediaDescription {
    let mut sdp = "m=message 7394 TCP/MSRP *\r\na=accept-types:text/plain\r\n\
                   a=path:msrp://192.0.2.1:7394/2s93i93idj;tcp\r\n"
        .to_owned();
    for line in lines {
        sdp.push_str(line);
        sdp.push_str("\r\n");
    }
    MediaDescription::parse(&sdp, None).expect("valid")
}

fn peer_setup(setup: Option<SetupAttribute>) -> MediaDescription {
    setup.map_or_else(|| peer(&[]), |setup| peer(&[&format!("a=setup:{setup}")]))
}

fn lines(text: &str) -> Vec<&str> {
    text.split_terminator("\r\n").collect()
}

#[test]
fn rfc4975_8_1_offer_has_the_port_and_host_of_the_own_uri() {
    let media = sdp::offer(&options());
    assert_eq!(
        lines(&media.to_media()),
        [
            "m=message 8493 TCP/MSRP *",
            "c=IN IP4 192.0.2.2",
            "a=accept-types:message/cpim text/plain",
            "a=path:msrp://192.0.2.2:8493/si438dsaodes;tcp",
            "a=setup:actpass",
            "a=x-msrp-rs:si438dsaodes",
        ]
    );
    let v6 = sdp::offer(&options_for("msrps://[2001:db8::1]:2855/s;tcp")).to_media();
    let v6 = lines(&v6);
    assert_eq!(
        v6[..2],
        ["m=message 2855 TCP/TLS/MSRP *", "c=IN IP6 2001:db8::1"]
    );
    assert!(
        v6.contains(&"a=path:msrps://[2001:db8::1]:2855/s;tcp"),
        "{v6:?}"
    );
    covers!(
        "S-001", "S-002", "S-003", "S-004", "S-022", "S-028", "S-061", "S-150"
    );
}

#[test]
fn rfc4975_8_2_with_a_relay_the_lines_are_those_of_the_rightmost_uri() {
    let media = sdp::offer(&options_for(RELAYED)).to_media();
    let media = lines(&media);
    assert_eq!(
        media[..2],
        ["m=message 8493 TCP/TLS/MSRP *", "c=IN IP4 192.0.2.2"]
    );
    assert!(
        media.contains(&format!("a=path:{RELAYED}").as_str()),
        "{media:?}"
    );
    assert!(!media.iter().any(|line| line.contains(sdp::ENGINE_MARK)));
    covers!("S-003", "S-011", "S-022");
}

#[test]
fn rfc8866_5_a_whole_offer_is_minimal_and_parses_back() {
    let media = sdp::offer(&options());
    let text = media.to_sdp(&origin());
    assert_eq!(
        lines(&text)[..6],
        [
            "v=0",
            "o=- 2890844530 1 IN IP4 192.0.2.2",
            "s=-",
            "c=IN IP4 192.0.2.2",
            "t=0 0",
            "m=message 8493 TCP/MSRP *",
        ]
    );
    assert_eq!(MediaDescription::parse(&text, None), Ok(media));
    covers!("S-151", "S-148", "S-154");
}

#[test]
fn rfc4975_8_4_the_same_options_give_the_same_octets() {
    let (local, origin) = (options(), origin());
    assert_eq!(
        sdp::offer(&local).to_sdp(&origin),
        sdp::offer(&local).to_sdp(&origin)
    );
    covers!("S-133");
}

#[test]
fn everything_that_is_written_is_read_back() {
    let mut local = options_for(OWN_TLS);
    local.accept_wrapped_types = ranges(&["image/*", r#"text/x;a="b c""#]);
    local.max_size = Some(0);
    local.direction = Direction::RecvOnly;
    local.fingerprints =
        vec![Fingerprint::new(HashFunction::Sha256, vec![0xAB; 32]).expect("valid")];
    local.attributes = vec![
        Attribute::new("file-range", Some("1-*")).expect("valid"),
        Attribute::new("chatroom", None).expect("valid"),
    ];
    let media = sdp::offer(&local);
    assert_eq!(
        MediaDescription::parse(&media.to_media(), None),
        Ok(media.clone())
    );
    assert_eq!(
        MediaDescription::parse(&media.to_sdp(&origin()), Some(0)),
        Ok(media)
    );
}

#[test]
fn rfc4975_8_6_wrapped_types_do_not_repeat_accept_types() {
    let mut local = options();
    local.accept_wrapped_types = ranges(&["text/html", "text/plain"]);
    local.max_size = Some(100);
    let media = sdp::offer(&local).to_media();
    let media = lines(&media);
    assert!(media.contains(&"a=accept-types:message/cpim text/plain"));
    assert!(media.contains(&"a=accept-wrapped-types:text/html"));
    assert!(media.contains(&"a=max-size:100"));
    local.accept_wrapped_types = ranges(&["text/plain"]);
    assert!(
        !sdp::offer(&local)
            .to_media()
            .contains("accept-wrapped-types")
    );
    let mandatory =
        LocalOptions::new(options().path().clone(), ranges(&sdp::MANDATORY_TYPES)).expect("valid");
    let line = "a=accept-types:message/cpim multipart/mixed multipart/alternative multipart/signed";
    assert!(lines(&sdp::offer(&mandatory).to_media()).contains(&line));
    covers!("S-045", "S-046", "S-047", "S-048", "S-055");
}

#[test]
fn options_that_would_break_a_rule_cannot_be_made() {
    for path in [
        "msrp://h/s;tcp",
        "msrp://h:1;tcp",
        "msrp://h:1/s;ws",
        "msrp://r/x;tcp msrp://h:1/s;tcp",
    ] {
        let path = UriPath::parse(path.as_bytes(), 64).expect("a path");
        let error = LocalOptions::new(path, ranges(&["*"])).expect_err("no such path in SDP");
        assert_eq!(error.kind, ErrorKind::InvalidUri);
    }
    let error = LocalOptions::new(options().path().clone(), Vec::new()).expect_err("no types");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    covers!("S-020", "S-024", "S-059");
}

#[test]
fn rfc6135_4_2_2_offers_are_actpass_or_active_never_passive() {
    for path in [OWN, RELAYED] {
        for setup in SETUPS {
            for reachable in [true, false] {
                let mut local = options_for(path);
                local.setup = setup;
                local.reachable = reachable;
                let expected = if setup == SetupAttribute::Active || (path == OWN && !reachable) {
                    SetupAttribute::Active
                } else {
                    SetupAttribute::ActPass
                };
                let media = sdp::offer(&local);
                assert_eq!(media.setup, Some(expected), "{path} {setup} {reachable}");
                let text = media.to_media();
                assert_eq!(text.matches("a=setup:").count(), 1);
                assert!(!text.contains("a=connection") && !text.contains("holdconn"));
            }
        }
    }
    covers!("S-061", "S-063", "S-065", "S-066", "S-067", "S-075");
}

#[test]
fn rfc4145_4_1_active_has_port_9_in_line_and_path() {
    let mut local = options();
    local.reachable = false;
    let media = sdp::offer(&local);
    assert_eq!(media.port, 9);
    assert_eq!(
        media.path.to_string(),
        "msrp://192.0.2.2:9/si438dsaodes;tcp"
    );
    let real = sdp::offer(&options());
    assert_eq!((real.port, real.path.last().port()), (8493, Some(8493)));
    covers!("S-003", "S-068", "S-069", "T-48");
}

#[test]
fn rfc4975_8_4_a_path_in_use_stays_as_it_is() {
    let mut local = options();
    local.reachable = false;
    let first = sdp::answer(&local, &peer(&["a=setup:active"])).expect("accepted");
    assert_eq!(first.description.path, *local.path());
    local.path_in_use = true;
    let refresh = sdp::offer(&local);
    assert_eq!(refresh.setup, Some(SetupAttribute::Active));
    assert_eq!(refresh.path, first.description.path);

    let mut reachable = options();
    let first = sdp::answer(&reachable, &peer(&["a=setup:actpass"])).expect("accepted");
    assert_eq!(first.description.setup, Some(SetupAttribute::Passive));
    reachable.path_in_use = true;
    let refresh = sdp::offer(&reachable);
    assert_eq!(refresh.setup, Some(SetupAttribute::ActPass));
    assert_eq!(refresh.path, first.description.path);
    covers!("S-163", "T-66");
}

#[test]
fn rfc4145_4_1_answer_roles() {
    use SetupAttribute::{ActPass, Active, Passive};
    let answer = |path: &str, wish: SetupAttribute, reachable: bool, offered| {
        let mut local = options_for(path);
        local.setup = wish;
        local.reachable = reachable;
        let offer = peer_setup(offered);
        let answer = sdp::answer(&local, &offer).expect("accepted");
        assert_eq!(answer.description.setup, Some(answer.role.attribute()));
        assert_eq!(
            answer.role == Setup::Active && path == OWN,
            answer.description.port == 9
        );
        (answer.role, answer.warning)
    };
    for wish in SETUPS {
        for path in [OWN, RELAYED] {
            for reachable in [true, false] {
                let connectable = reachable || path == RELAYED;
                let warning = (!connectable).then_some(AnswerWarning::Unreachable);
                for offered in [None, Some(Active)] {
                    assert_eq!(
                        answer(path, wish, reachable, offered),
                        (Setup::Passive, warning)
                    );
                }
                let offered = Some(Passive);
                assert_eq!(
                    answer(path, wish, reachable, offered),
                    (Setup::Active, None)
                );
                let role = if wish == Active || !connectable {
                    Setup::Active
                } else {
                    Setup::Passive
                };
                assert_eq!(answer(path, wish, reachable, Some(ActPass)), (role, None));
            }
        }
    }
    covers!("S-062", "S-067", "S-070", "S-071", "S-072", "S-162");
}

#[test]
fn rfc6135_4_2_role_of_the_offerer_comes_from_the_answer() {
    let ours = sdp::offer(&options());
    for (line, role) in [
        ("a=x", Setup::Active),
        ("a=setup:passive", Setup::Active),
        ("a=setup:holdconn", Setup::Active),
        ("a=setup:foo", Setup::Active),
        ("a=setup:actpass", Setup::Active),
        ("a=setup:active", Setup::Passive),
    ] {
        assert_eq!(
            sdp::role_from_answer(&ours, &peer(&[line])),
            Ok(role),
            "{line}"
        );
    }
    for offered in [None, Some(SetupAttribute::Active)] {
        let active = peer_setup(offered);
        let error = sdp::role_from_answer(&active, &peer(&["a=setup:active"])).expect_err("clash");
        assert_eq!(error.kind, ErrorKind::InvalidSdp);
        assert_eq!(
            sdp::role_from_answer(&active, &peer(&["a=setup:passive"])),
            Ok(Setup::Active)
        );
    }
    let passive = peer_setup(Some(SetupAttribute::Passive));
    assert_eq!(
        sdp::role_from_answer(&passive, &peer(&["a=setup:active"])),
        Ok(Setup::Passive)
    );
    assert!(sdp::role_from_answer(&passive, &peer(&["a=setup:passive"])).is_err());
    covers!("S-060", "S-064", "S-070", "S-072", "S-082");
}

#[test]
fn rfc6135_both_sides_agree_on_who_connects() {
    for offerer_wish in SETUPS {
        for answerer_wish in SETUPS {
            for (a, b) in [(true, true), (true, false), (false, true), (false, false)] {
                let (mut alice, mut bob) = (options(), options_for("msrp://h:1/bob;tcp"));
                (alice.setup, alice.reachable) = (offerer_wish, a);
                (bob.setup, bob.reachable) = (answerer_wish, b);
                let offer = sdp::offer(&alice);
                let received = MediaDescription::parse(&offer.to_media(), None).expect("valid");
                let answer = sdp::answer(&bob, &received).expect("accepted");
                let ours = sdp::role_from_answer(&offer, &answer.description).expect("a role");
                assert_eq!(ours, answer.role.reversed());
            }
        }
    }
    covers!("S-060", "S-070", "S-072");
}

#[test]
fn rfc4976_11_answer_protocol_goes_with_the_own_leftmost_uri() {
    let plain = peer(&[]);
    let tls = MediaDescription::parse(
        "m=message 1 TCP/TLS/MSRP *\r\na=accept-types:*\r\na=path:msrps://a:1/x;tcp\r\n",
        None,
    )
    .expect("valid");
    let protocol = |path: &str, offer: &MediaDescription| {
        sdp::answer(&options_for(path), offer).map(|answer| answer.description.protocol)
    };
    assert_eq!(protocol(OWN, &plain), Ok(Protocol::Tcp));
    assert_eq!(protocol(OWN_TLS, &tls), Ok(Protocol::Tls));
    assert_eq!(protocol(RELAYED, &plain), Ok(Protocol::Tls));
    assert_eq!(protocol(RELAYED, &tls), Ok(Protocol::Tls));
    assert_eq!(
        protocol(OWN, &tls).expect_err("cleartext").kind,
        ErrorKind::InvalidSdp
    );
    assert_eq!(
        protocol(OWN_TLS, &plain).expect_err("not offered").kind,
        ErrorKind::InvalidSdp
    );
    covers!("S-002", "S-011", "S-012", "T-28");
}

#[test]
fn rfc8122_fingerprints_are_written_where_tls_is_used() {
    let print = Fingerprint::new(HashFunction::Sha256, vec![1; 32]).expect("valid");
    for (path, count) in [(OWN, 0), (OWN_TLS, 1)] {
        let mut local = options_for(path);
        local.fingerprints = vec![print.clone()];
        let text = sdp::offer(&local).to_media();
        assert_eq!(
            text.matches("a=fingerprint:sha-256 01:01").count(),
            count,
            "{path}"
        );
    }
    covers!("S-107");
}

#[test]
fn rfc4975_8_6_an_offer_without_any_known_type_is_refused() {
    let offer = |types: &str, direction: &str| {
        let sdp = format!(
            "m=message 1 TCP/MSRP *\r\na=accept-types:{types}\r\na={direction}\r\n\
             a=path:msrp://a:1/x;tcp\r\n"
        );
        MediaDescription::parse(&sdp, None).expect("valid")
    };
    let kind = |types: &str, direction: &str| {
        sdp::answer(&options(), &offer(types, direction))
            .map(|_| ())
            .map_err(|error| error.kind)
    };
    assert_eq!(kind("foo/bar", "sendrecv"), Err(ErrorKind::UnacceptedType));
    assert_eq!(
        kind("foo/bar foo/*", "recvonly"),
        Err(ErrorKind::UnacceptedType)
    );
    assert_eq!(
        kind("foo/bar", "sendonly"),
        Ok(()),
        "nothing will be sent to it"
    );
    for types in [
        "foo/bar TEXT/PLAIN;charset=utf-8",
        "text/*",
        "*",
        "foo/bar *",
        "",
    ] {
        assert_eq!(kind(types, "sendrecv"), Ok(()), "{types:?}");
    }
    let mut any = options();
    any.accept_wrapped_types = ranges(&["*"]);
    assert!(sdp::answer(&any, &offer("foo/bar", "sendrecv")).is_ok());
    covers!("S-053");
}

#[test]
fn rfc3264_6_1_answer_direction_is_in_the_sdp() {
    for (offered, written) in [
        ("sendonly", Some("a=recvonly")),
        ("recvonly", Some("a=sendonly")),
        ("inactive", Some("a=inactive")),
        ("sendrecv", None),
    ] {
        let offer = peer(&[&format!("a={offered}")]);
        let answer = sdp::answer(&options(), &offer)
            .expect("accepted")
            .description
            .to_media();
        let found = lines(&answer)
            .into_iter()
            .find(|line| line.contains("only") || *line == "a=inactive");
        assert_eq!(found, written, "{offered}");
    }
    covers!("S-144");
}

const MIXED: &str = "v=0\r\no=alice 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n\
    t=2873397496 2873404696\r\nr=7d 1h 0 25h\r\na=tool:x\r\n\
    m=audio 49170 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=odd thing\r\n\
    m=message 7394 tcp/msrp *\r\na=accept-types:text/plain\r\n\
    a=path:msrp://192.0.2.1:7394/2s93i93idj;tcp\r\na=setup:actpass\r\n\
    m=video 49172 RTP/AVP 31\r\n";

#[test]
fn rfc3264_6_a_whole_answer_has_the_lines_of_the_offer() {
    let offer = SessionDescription::parse(MIXED).expect("valid");
    let (index, media) = offer.select(None).expect("acceptable");
    assert_eq!(index, 1);
    let answer = sdp::answer(&options(), &media).expect("accepted");
    let text = offer
        .answer(&[(index, &answer.description)], &origin())
        .expect("valid");
    let found = lines(&text);
    assert_eq!(found[1], "o=- 2890844530 1 IN IP4 192.0.2.2");
    let times: Vec<_> = found
        .iter()
        .filter(|line| line.starts_with(['t', 'r']))
        .collect();
    assert_eq!(times, [&"t=2873397496 2873404696", &"r=7d 1h 0 25h"]);
    let media: Vec<_> = found.iter().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        media,
        [
            &"m=audio 0 RTP/AVP 0 8",
            &"m=message 8493 TCP/MSRP *",
            &"m=video 0 RTP/AVP 31"
        ]
    );
    assert_eq!(
        MediaDescription::parse(&text, Some(1)),
        Ok(answer.description)
    );
    assert!(offer.answer(&[(3, &media_of(&text))], &origin()).is_err());
    covers!("S-130", "S-131", "S-006");
}

fn media_of(sdp: &str) -> MediaDescription {
    MediaDescription::parse(sdp, None).expect("valid")
}

#[test]
fn rfc4975_8_1_two_streams_may_share_a_port() {
    let sdp = MIXED.replace(
        "m=video 49172 RTP/AVP 31\r\n",
        "m=message 7394 TCP/MSRP *\r\na=accept-types:text/plain\r\n\
         a=path:msrp://192.0.2.1:7394/other;tcp\r\n",
    );
    let offer = SessionDescription::parse(&sdp).expect("valid");
    let mut streams = Vec::new();
    for (index, id) in [(1, "one"), (2, "two")] {
        let (_, media) = offer.select(Some(index)).expect("acceptable");
        let local = options_for(&format!("msrp://192.0.2.2:8493/{id};tcp"));
        streams.push((
            index,
            sdp::answer(&local, &media).expect("accepted").description,
        ));
    }
    let ids: Vec<_> = streams
        .iter()
        .map(|(_, media)| media.path.last().session_id())
        .collect();
    assert_eq!(ids, [Some("one"), Some("two")]);
    let streams: Vec<_> = streams
        .iter()
        .map(|(index, media)| (*index, media))
        .collect();
    let text = offer.answer(&streams, &origin()).expect("valid");
    assert_eq!(text.matches("m=message 8493 TCP/MSRP *").count(), 2);
    assert_eq!(
        MediaDescription::parse(&text, Some(2)).as_ref(),
        Ok(streams[1].1)
    );
    covers!("S-007", "S-008");
}

#[test]
fn rfc3264_6_refusing_sets_every_port_to_0() {
    let text = sdp::refuse(MIXED, &origin()).expect("an SDP");
    let media: Vec<_> = lines(&text)
        .into_iter()
        .filter(|line| line.starts_with("m="))
        .collect();
    assert_eq!(
        media,
        [
            "m=audio 0 RTP/AVP 0 8",
            "m=message 0 tcp/msrp *",
            "m=video 0 RTP/AVP 31"
        ]
    );
    assert!(text.contains("\r\nt=2873397496 2873404696\r\n"));
    for (line, expected) in [
        ("m=message 7394 UDP/FOO *", "m=message 0 UDP/FOO *\r\n"),
        ("m=message 0 TCP/MSRP *", "m=message 0 TCP/MSRP *\r\n"),
        (
            "m=message 7654/2 TCP/MSRP *\r\na=x",
            "m=message 0 TCP/MSRP *\r\n",
        ),
    ] {
        assert_eq!(sdp::refuse(line, &origin()).as_deref(), Ok(expected));
    }
    assert!(sdp::refuse("y=1", &origin()).is_err());
    covers!("S-006", "S-010", "S-013", "S-014", "S-130", "S-131");
}

#[test]
fn other_sections_are_handed_out_as_they_came() {
    let offer = SessionDescription::parse(MIXED).expect("valid");
    let lines: Vec<_> = offer.media_lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (lines[0].media, lines[0].port, lines[0].protocol),
        ("audio", 49170, "RTP/AVP")
    );
    let text = "m=audio 49170 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=odd thing\r\n";
    assert_eq!(lines[0].text, text);
    assert_eq!(lines[2].text, "m=video 49172 RTP/AVP 31\r\n");
    let joined: String = lines.iter().map(|line| line.text).collect();
    assert!(MIXED.ends_with(&joined));
    assert!(offer.is_whole());
    covers!("S-153");
}

#[test]
fn an_untouched_section_of_this_engine_is_known_by_its_mark() {
    let text = sdp::offer(&options()).to_sdp(&origin());
    assert!(media_of(&text).speaks_to_this_engine());
    for (from, to) in [
        ("a=x-msrp-rs:si438dsaodes", "a=x-msrp-rs:other"),
        ("a=x-msrp-rs:si438dsaodes", "a=x-msrp-rs"),
        ("a=x-msrp-rs:si438dsaodes", "a=y"),
        ("c=IN IP4 192.0.2.2", "c=IN IP4 192.0.2.3"),
        ("m=message 8493", "m=message 8494"),
        (
            "path:msrp://192.0.2.2:8493/si438dsaodes",
            "path:msrp://192.0.2.2:8493/changed",
        ),
        ("path:", "path:msrp://r:1/x;tcp "),
        ("192.0.2.2:8493", "192.0.2.9:8493"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        assert!(
            !media_of(&changed).speaks_to_this_engine(),
            "{from} -> {to}"
        );
    }
    let block = sdp::offer(&options()).to_media();
    assert!(media_of(&block).speaks_to_this_engine());
    let without_address = block.replace("c=IN IP4 192.0.2.2\r\n", "");
    assert!(!media_of(&without_address).speaks_to_this_engine());
    let mut silent = options();
    silent.announce_engine = false;
    assert!(!sdp::offer(&silent).to_media().contains(sdp::ENGINE_MARK));
}
