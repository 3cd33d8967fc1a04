//! SDP texts made to hurt: limits hold, nothing panics, what is generated is read back.

use msrp::error::ErrorKind;
use msrp::sdp::{self, LocalOptions, MediaDescription, Origin, SessionDescription};
use msrp::wire::{Host, MediaRange, UriPath};
use proptest::prelude::*;

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
const STREAM: &str = "m=message 7394 TCP/MSRP *\r\na=accept-types:text/plain\r\n\
                      a=path:msrp://192.0.2.1:7394/s;tcp\r\n";

fn kind(sdp: &str) -> Result<(), ErrorKind> {
    MediaDescription::parse(sdp, None)
        .map(|_| ())
        .map_err(|error| error.kind)
}

#[test]
fn a_text_over_the_length_limit_is_refused_unread() {
    let sdp = |len: usize| format!("{HEAD}{STREAM}a=x:{}", "y".repeat(len));
    let rest = sdp(0).len();
    assert_eq!(kind(&sdp(sdp::MAX_SDP_LEN - rest)), Ok(()));
    assert_eq!(
        kind(&sdp(sdp::MAX_SDP_LEN - rest + 1)),
        Err(ErrorKind::Limit)
    );
    assert_eq!(kind(&sdp(1 << 20)), Err(ErrorKind::Limit));
}

#[test]
fn more_lines_than_the_limit_are_refused() {
    assert_eq!(
        kind(&format!("{HEAD}{STREAM}{}", "a=x\r\n".repeat(10_000))),
        Err(ErrorKind::Limit)
    );
    assert_eq!(
        kind(&format!("{HEAD}{STREAM}{}", "\n".repeat(10_000))),
        Err(ErrorKind::Limit)
    );
    let audio = "m=audio 1 RTP/AVP 0\r\n".to_owned() + &"b=X:1\r\n".repeat(sdp::MAX_SDP_LINES - 9);
    assert_eq!(kind(&format!("{HEAD}{STREAM}{audio}")), Ok(()));
    assert_eq!(
        kind(&format!("{HEAD}{STREAM}{audio}b=X:1\r\n")),
        Err(ErrorKind::Limit)
    );
}

#[test]
fn more_attributes_than_the_limit_are_refused() {
    let attributes = |count| "a=x\r\n".repeat(count);
    let under = sdp::MAX_ATTRIBUTES - 2;
    let media = MediaDescription::parse(&format!("{HEAD}{STREAM}{}", attributes(under)), None);
    assert_eq!(media.expect("at the limit").attributes.len(), under);
    // Each section has its own, the session part too; whose it is does not matter.
    let all = attributes(sdp::MAX_ATTRIBUTES);
    let audio = "m=audio 1 RTP/AVP 0\r\n";
    assert_eq!(kind(&format!("{HEAD}{all}{audio}{all}{STREAM}")), Ok(()));
    for text in [
        format!("{HEAD}{STREAM}{}", attributes(under + 1)),
        format!("{HEAD}{all}a=x\r\n{STREAM}"),
        format!("{HEAD}{STREAM}{audio}{all}a=x\r\n"),
    ] {
        let error = MediaDescription::parse(&text, None).expect_err("one too many");
        assert_eq!(error.kind, ErrorKind::Limit);
        assert!(
            error.context.contains("limit of 1024 attributes"),
            "{error}"
        );
    }
}

#[test]
fn more_media_lines_than_the_limit_are_refused() {
    let sdp = |count| format!("{HEAD}{}", "m=audio 1 RTP/AVP 0\r\n".repeat(count));
    let parsed = SessionDescription::parse(&sdp(sdp::MAX_MEDIA_LINES)).expect("at the limit");
    assert_eq!(parsed.media_lines().len(), sdp::MAX_MEDIA_LINES);
    let error = SessionDescription::parse(&sdp(sdp::MAX_MEDIA_LINES + 1)).expect_err("over it");
    assert_eq!(error.kind, ErrorKind::Limit);
}

#[test]
fn more_uris_than_the_limit_are_refused() {
    let uris = |count| vec!["msrp://192.0.2.1:7394/s;tcp"; count].join(" ");
    let sdp = |count| {
        format!(
            "m=message 7394 TCP/MSRP *\na=accept-types:*\na=path:{}\n",
            uris(count)
        )
    };
    assert_eq!(kind(&sdp(sdp::MAX_PATH_URIS)), Ok(()));
    assert_eq!(
        kind(&sdp(sdp::MAX_PATH_URIS + 1)),
        Err(ErrorKind::InvalidSdp)
    );
}

#[test]
fn a_path_longer_than_a_header_line_is_refused() {
    let sdp = |len: usize| {
        let id = "s".repeat(len - "msrp://192.0.2.1:7394/;tcp".len());
        format!(
            "m=message 7394 TCP/MSRP *\na=accept-types:*\na=path:msrp://192.0.2.1:7394/{id};tcp\n"
        )
    };
    assert_eq!(kind(&sdp(sdp::MAX_PATH_LEN)), Ok(()));
    assert_eq!(
        kind(&sdp(sdp::MAX_PATH_LEN + 1)),
        Err(ErrorKind::InvalidSdp)
    );
}

#[test]
fn type_lists_are_cut_at_their_limit() {
    let list = "a/b ".repeat(200);
    let sdp = format!(
        "{STREAM}a=accept-types:{list}\na=accept-types:{list}\na=accept-wrapped-types:{list}{list}\n"
    );
    let media = MediaDescription::parse(&sdp, None).expect("valid");
    assert_eq!(media.accept_types.len(), sdp::MAX_MEDIA_RANGES);
    assert_eq!(media.accept_wrapped_types.len(), sdp::MAX_MEDIA_RANGES);
}

#[test]
fn errors_quote_little_of_a_peers_text() {
    for sdp in [
        format!("{HEAD}m=message 7394 {} *\r\n", "ü".repeat(10_000)),
        format!("{HEAD}m={} 7394 TCP/MSRP *\r\n", "ü".repeat(10_000)),
        format!("{HEAD}{}\r\n", "ü".repeat(10_000)),
        format!("{HEAD}{STREAM}a=fingerprint:{}\r\n", "ü".repeat(10_000)),
        format!(
            "{HEAD}{}",
            STREAM.replace(";tcp", &format!(";{}", "x".repeat(10_000)))
        ),
        format!("v={}\r\n", "9".repeat(10_000)),
    ] {
        let error = MediaDescription::parse(&sdp, Some(0)).expect_err("breaks a rule");
        assert_eq!(error.kind, ErrorKind::InvalidSdp);
        assert!(
            error.to_string().len() < 300,
            "{} octets",
            error.to_string().len()
        );
    }
}

#[test]
fn an_address_without_a_beginning_is_written_as_it_came() {
    for address in ["/127", "//", "192.0.2.1/127"] {
        let text = format!(
            "{}{STREAM}",
            HEAD.replace("IP4 192.0.2.1\r\nt", &format!("IP4 {address}\r\nt"))
        );
        let media = MediaDescription::parse(&text, None).expect("valid");
        assert_eq!(MediaDescription::parse(&media.to_media(), None), Ok(media));
    }
}

#[test]
fn nul_and_stray_carriage_returns_are_refused() {
    for text in ["a=x:\0\r\n", "a=x:\r y\r\n", "a=x\r\r\n"] {
        assert_eq!(
            kind(&format!("{HEAD}{STREAM}{text}")),
            Err(ErrorKind::InvalidSdp),
            "{text:?}"
        );
    }
}

#[test]
fn a_whole_answer_cannot_be_split_by_what_the_offer_says() {
    let offer = format!("{HEAD}m=audio 1 RTP/AVP 0 a=path:x \r\n{STREAM}");
    let origin = Origin::new(1, 1, Host::V4([192, 0, 2, 2].into())).expect("in range");
    let text = sdp::refuse(&offer, &origin).expect("an SDP");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("m=")).count(),
        2
    );
    assert!(text.lines().all(|line| !line.starts_with("a=")), "{text}");
}

/// Pieces that real and broken descriptions are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(HEAD.to_owned()),
        Just(STREAM.to_owned()),
        prop::sample::select(vec![
            "v=0",
            "m=message 0 TCP/MSRP *",
            "m=message 1 TCP/TLS/MSRP *",
            "m=audio 1 RTP/AVP 0",
            "a=path:msrps://[::1]:1/s;tcp",
            "a=path:",
            "a=setup:actpass",
            "a=setup",
            "a=",
            "a=:",
            "a=accept-types:* \"",
            "a=fingerprint:sha-1 00",
            "a=fingerprint:x",
            "c=IN IP6 ::",
            "c=IN IP4",
            "c=X Y Z",
            "t=1 2",
            "r=1 2 3",
            "z=0 0",
            "k=prompt",
            "b=AS:1",
            "a=inactive",
            "a=sendonly",
            "a=max-size:99999999999999999999",
            "y=1",
            "=",
            "m=",
            "\r",
            " ",
        ])
        .prop_map(|line| format!("{line}\n")),
        "\\PC{0,12}\r?\n",
        "[vosiuepcbtrzkam]=[ -~]{0,24}\n",
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_what_was_read_is_written_and_read_again(
        pieces in prop::collection::vec(piece(), 0..12),
        index in prop::option::of(0usize..4),
    ) {
        let text: String = pieces.concat();
        if let Ok(session) = SessionDescription::parse(&text) {
            let sections: String = session.media_lines().map(|line| line.text).collect();
            prop_assert!(text.ends_with(&sections));
            let origin = Origin::new(1, 1, Host::V4([192, 0, 2, 2].into())).expect("in range");
            let refused = session.refuse(&origin);
            let again = SessionDescription::parse(&refused);
            if session.media_lines().len() > 0 || session.is_whole() {
                prop_assert_eq!(again.expect(&refused).media_lines().len(), session.media_lines().len());
            }
        }
        if let Ok(media) = MediaDescription::parse(&text, index) {
            let again = MediaDescription::parse(&media.to_media(), None);
            prop_assert_eq!(again, Ok(media));
        }
    }

    #[test]
    fn an_offer_is_read_back_as_it_was_made(
        id in "[A-Za-z0-9]{1,32}",
        port in 1u16..,
        tls in any::<bool>(),
        types in prop::collection::vec("[a-z]{1,8}/([a-z]{1,8}|\\*)(;[a-z]{1,4}=(\"[ a-z;]{0,8}\"|[a-z]{1,4}))?", 1..5),
        max_size in prop::option::of(any::<u64>()),
        reachable in any::<bool>(),
    ) {
        let scheme = if tls { "msrps" } else { "msrp" };
        let path: UriPath = format!("{scheme}://192.0.2.1:{port}/{id};tcp").parse().expect("a path");
        let types = types.iter().map(|text| MediaRange::parse(text).expect(text)).collect();
        let mut local = LocalOptions::new(path, types).expect("valid");
        local.max_size = max_size;
        local.reachable = reachable;
        let media = sdp::offer(&local);
        prop_assert_eq!(MediaDescription::parse(&media.to_media(), None), Ok(media.clone()));
        prop_assert!(media.speaks_to_this_engine());
    }
}
