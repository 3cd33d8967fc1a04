//! RFC 6714 as decisions: which addresses match, what an offerer does with each answer, and how each offer is answered.
//! The relay cases are seen here alone; `engine_cema.rs` has the sockets.

use std::net::IpAddr;

use msrp::error::ErrorKind;
use msrp::sdp::cema::{
    self, AfterAnswer, Connect, Fallback, MAX_NAMES, Names, matches, names_of_answer,
    names_of_offer,
};
use msrp::sdp::{
    self, LocalOptions, MediaDescription, Origin, Setup, SetupAttribute, role_from_answer,
};
use msrp::wire::{Host, MediaRange, UriPath};
use msrp_conformance::covers;

const OWN: &str = "msrp://192.0.2.2:8493/ours;tcp";
const OWN_RELAYED: &str = "msrp://192.0.2.20:2855/r;tcp msrp://192.0.2.2:8493/ours;tcp";
const PEER: &str = "msrp://192.0.2.1:7394/theirs;tcp";
const PEER_RELAYED: &str = "msrp://192.0.2.10:2855/q;tcp msrp://192.0.2.1:7394/theirs;tcp";
/// The middlebox, and the port that it gave this session.
const ANCHOR: (&str, u16) = ("203.0.113.5", 40_000);

fn local(path: &str) -> LocalOptions {
    let path: UriPath = path.parse().expect("a path");
    let types = vec![MediaRange::parse("*").expect("a range")];
    let mut local = LocalOptions::new(path, types).expect("valid options");
    local.cema = true;
    local
}

/// What a peer says whose c= and m= line name this place.
fn peer(path: &str, (address, port): (&str, u16), lines: &str) -> MediaDescription {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    let text = format!(
        "m=message {port} TCP/MSRP *\nc=IN {family} {address}\na=accept-types:*\na=path:{path}\n{lines}"
    );
    MediaDescription::parse(&text, None).expect(&text)
}

fn setup_line(setup: Option<SetupAttribute>) -> String {
    setup.map_or_else(String::new, |setup| format!("a=setup:{setup}\n"))
}

fn names(known: &[(&str, &[&str])]) -> Names {
    let mut names = Names::new();
    for (name, addresses) in known {
        let addresses = addresses.iter().map(|text| text.parse::<IpAddr>());
        names.insert(name, addresses.map(|ip| ip.expect("an address")).collect());
    }
    names
}

fn anchor() -> Connect {
    Connect::Address(ANCHOR.0.parse().expect("an address"), ANCHOR.1)
}

/// Our offer, the answer, and what we do.
fn after(ours: &str, theirs: &MediaDescription) -> AfterAnswer {
    let offer = sdp::offer(&local(ours));
    let role = role_from_answer(&offer, theirs).expect("roles fit");
    cema::after_answer(&offer, theirs, role, &Names::new()).expect("decided")
}

#[test]
fn rfc6714_4_4_c_and_m_line_match_by_port_and_address() {
    const TWO: &str = "msrp://192.0.2.10:2855/q;tcp msrp://192.0.2.1:7394/s;tcp";
    let known = names(&[
        ("peer.example", &["198.51.100.1", "192.0.2.1"]),
        ("other.example", &["192.0.2.99"]),
        ("same.example", &["2001:db8::7", "192.0.2.99"]),
        ("gone.example", &[]),
    ]);
    for (path, address, port, expected) in [
        (PEER, "192.0.2.1", 7394, true),
        (PEER, "192.0.2.1", 7395, false),
        (PEER, "192.0.2.3", 7394, false),
        (PEER, "0.0.0.0", 7394, false),
        // Any URI of the path counts, each with its own port.
        (TWO, "192.0.2.10", 2855, true),
        (TWO, "192.0.2.1", 7394, true),
        (TWO, "192.0.2.10", 7394, false),
        // Ways to write an IPv6 address (RFC 5952).
        (
            "msrp://[2001:db8:0:0:0:0:2:1]:1/s;tcp",
            "2001:db8::2:1",
            1,
            true,
        ),
        (
            "msrp://[2001:DB8::2:1]:1/s;tcp",
            "2001:0db8:0::0002:1",
            1,
            true,
        ),
        ("msrp://[2001:db8::2:1]:1/s;tcp", "2001:db8::2:2", 1, false),
        // Names: any record may match, on either side.
        ("msrp://peer.example:7394/s;tcp", "192.0.2.1", 7394, true),
        ("msrp://PEER.example:7394/s;tcp", "198.51.100.1", 7394, true),
        ("msrp://peer.example:7394/s;tcp", "192.0.2.99", 7394, false),
        ("msrp://peer.example:7394/s;tcp", "192.0.2.1", 7395, false),
        (PEER, "peer.example", 7394, true),
        ("msrp://other.example:1/s;tcp", "same.example", 1, true),
        ("msrp://gone.example:1/s;tcp", "other.example", 1, false),
        // The same name is the same place, whether it can be looked up or not.
        ("msrp://unknown.example:1/s;tcp", "Unknown.Example", 1, true),
        ("msrp://unknown.example:1/s;tcp", "192.0.2.1", 1, false),
    ] {
        let theirs = peer(path, (address, port), "");
        assert_eq!(
            matches(&theirs, &known),
            expected,
            "{path} {address}:{port}"
        );
    }
    let block = format!("m=message 7394 TCP/MSRP *\na=accept-types:*\na=path:{PEER}\n");
    let block = MediaDescription::parse(&block, None).expect("a block");
    assert!(!matches(&block, &known), "nothing to compare");
    covers!("S-099");
}

#[test]
fn only_names_that_can_decide_are_looked_up() {
    let local = local(OWN);
    let none = Names::new();
    let wanted =
        |path: &str, place: (&str, u16)| names_of_offer(&local, &peer(path, place, ""), &none);
    assert_eq!(wanted(PEER, ("192.0.2.1", 7394)), [""; 0]);
    assert_eq!(wanted(PEER, ANCHOR), [""; 0], "addresses need no lookup");
    let named = "msrp://peer.example:7394/s;tcp";
    assert_eq!(
        wanted(named, ("peer.EXAMPLE", 7394)),
        [""; 0],
        "equal texts"
    );
    assert_eq!(wanted(named, ("192.0.2.1", 7395)), [""; 0], "other ports");
    assert_eq!(wanted(named, ("192.0.2.1", 7394)), ["peer.example"]);
    assert_eq!(
        wanted(named, ("sbc.example", 7394)),
        ["sbc.example", "peer.example"]
    );
    // What is known is not asked for again, not even what has no address.
    let theirs = peer(named, ("sbc.example", 7394), "");
    let known = names(&[("SBC.example", &[])]);
    assert_eq!(names_of_offer(&local, &theirs, &known), ["peer.example"]);
    let known = names(&[("sbc.example", &[]), ("peer.example", &["192.0.2.1"])]);
    assert_eq!(names_of_offer(&local, &theirs, &known), [""; 0]);
    // An offer with the attribute, and one to us without CEMA, are answered whatever matches.
    let theirs = peer(named, ANCHOR, "a=msrp-cema\n");
    assert_eq!(names_of_offer(&local, &theirs, &none), [""; 0]);
    let mut plain = local.clone();
    plain.cema = false;
    let theirs = peer(named, ("192.0.2.1", 7394), "");
    assert_eq!(names_of_offer(&plain, &theirs, &none), [""; 0]);
    // A long path cannot make us ask for all the world.
    let path: Vec<String> = (0..40)
        .map(|n| format!("msrp://r{n}.example:1/s;tcp"))
        .collect();
    assert_eq!(wanted(&path.join(" "), ("192.0.2.1", 1)).len(), MAX_NAMES);

    // Answers: names count where the peer would connect, or where relays are.
    let offer = sdp::offer(&local);
    let of_answer = |offer: &MediaDescription, answer: &MediaDescription, role| {
        names_of_answer(offer, answer, role, &none).len()
    };
    let place = ("192.0.2.1", 7394);
    let (plain_answer, cema_answer) = (peer(named, place, ""), peer(named, place, "a=msrp-cema\n"));
    assert_eq!(of_answer(&offer, &plain_answer, Setup::Active), 0);
    assert_eq!(of_answer(&offer, &plain_answer, Setup::Passive), 1);
    assert_eq!(of_answer(&offer, &cema_answer, Setup::Active), 0);
    assert_eq!(of_answer(&offer, &cema_answer, Setup::Passive), 0);
    let relayed = sdp::offer(&self::local(OWN_RELAYED));
    assert_eq!(of_answer(&relayed, &cema_answer, Setup::Active), 1);
    let theirs = format!("msrp://relay.example:7394/q;tcp {PEER}");
    let theirs = peer(&theirs, ("192.0.2.10", 7394), "");
    assert_eq!(of_answer(&offer, &theirs, Setup::Active), 1);
    assert_eq!(of_answer(&sdp::offer(&plain), &theirs, Setup::Active), 0);
}

#[test]
fn rfc6714_4_2_the_offer_has_the_attribute_and_with_a_relay_its_address() {
    let lines = |media: &MediaDescription| -> Vec<String> {
        media.to_media().lines().map(str::to_owned).collect()
    };
    let media = sdp::offer(&local(OWN));
    let plain = lines(&media);
    assert_eq!(
        plain[..2],
        ["m=message 8493 TCP/MSRP *", "c=IN IP4 192.0.2.2"]
    );
    assert!(plain.contains(&"a=msrp-cema".to_owned()), "{plain:?}");
    assert!(plain.contains(&"a=setup:actpass".to_owned()), "{plain:?}");
    assert_eq!(MediaDescription::parse(&media.to_media(), None), Ok(media));
    let mut active = local(OWN);
    active.setup = SetupAttribute::Active;
    assert_eq!(sdp::offer(&active).setup, Some(SetupAttribute::Active));

    // Whatever is wished: behind a relay one is connected to.
    for setup in [
        SetupAttribute::Active,
        SetupAttribute::Passive,
        SetupAttribute::ActPass,
    ] {
        let mut local = local(OWN_RELAYED);
        local.setup = setup;
        local.reachable = false;
        let relayed = lines(&sdp::offer(&local));
        assert_eq!(
            relayed[..2],
            ["m=message 2855 TCP/MSRP *", "c=IN IP4 192.0.2.20"]
        );
        for line in [
            "a=msrp-cema",
            "a=setup:actpass",
            &format!("a=path:{OWN_RELAYED}"),
        ] {
            assert!(relayed.iter().any(|had| had == line), "{relayed:?}");
        }
        local.cema = false;
        let without = lines(&sdp::offer(&local));
        assert_eq!(
            without[..2],
            ["m=message 8493 TCP/MSRP *", "c=IN IP4 192.0.2.2"]
        );
        assert!(!without.iter().any(|line| line.contains("cema")));
    }
    // A whole SDP has the relay's address too.
    let origin = Origin::new(1, 1, Host::V4([192, 0, 2, 2].into())).expect("in range");
    let whole = sdp::offer(&local(OWN_RELAYED)).to_sdp(&origin);
    let read = MediaDescription::parse(&whole, None).expect("what we write");
    assert_eq!(
        (read.address, read.port),
        (Some("192.0.2.20".parse().expect("an address")), 2855)
    );
    covers!("S-091", "S-092", "S-093", "S-094");
}

#[test]
fn rfc6714_4_2_each_answer_has_its_consequence() {
    use SetupAttribute::{Active, Passive};
    let agreed = AfterAnswer::Agreed;
    let again = AfterAnswer::OfferAgain;
    let at_peer = ("192.0.2.1", 7394);
    let at_relay = ("192.0.2.10", 2855);
    for (ours, path, place, cema, setup, expected) in [
        // Nobody has a relay; the answer knows CEMA.
        (
            OWN,
            PEER,
            at_peer,
            true,
            Some(Passive),
            agreed(Connect::Path),
        ),
        (OWN, PEER, ANCHOR, true, Some(Passive), agreed(anchor())),
        (OWN, PEER, ANCHOR, true, Some(Active), agreed(Connect::Path)),
        // It knows none: who is passive needs not know.
        (
            OWN,
            PEER,
            at_peer,
            false,
            Some(Passive),
            agreed(Connect::Path),
        ),
        (OWN, PEER, ANCHOR, false, Some(Passive), agreed(anchor())),
        (OWN, PEER, ANCHOR, false, None, agreed(anchor())),
        (
            OWN,
            PEER,
            at_peer,
            false,
            Some(Active),
            agreed(Connect::Path),
        ),
        // Criterion 1.
        (
            OWN,
            PEER,
            ANCHOR,
            false,
            Some(Active),
            again(Fallback::PeerConnectsByPath),
        ),
        (
            OWN_RELAYED,
            PEER,
            ANCHOR,
            false,
            Some(Active),
            again(Fallback::PeerConnectsByPath),
        ),
        // Criterion 2, and that of §4.1.
        (
            OWN_RELAYED,
            PEER,
            ANCHOR,
            false,
            Some(Passive),
            again(Fallback::OwnRelayConnects),
        ),
        (
            OWN_RELAYED,
            PEER,
            ANCHOR,
            false,
            None,
            again(Fallback::OwnRelayConnects),
        ),
        (
            OWN_RELAYED,
            PEER,
            ANCHOR,
            true,
            Some(Passive),
            again(Fallback::OwnRelayConnects),
        ),
        (
            OWN_RELAYED,
            PEER,
            at_peer,
            false,
            Some(Passive),
            agreed(Connect::Path),
        ),
        (
            OWN_RELAYED,
            PEER,
            ANCHOR,
            true,
            Some(Active),
            agreed(Connect::Path),
        ),
        // Criterion 3.
        (
            OWN,
            PEER_RELAYED,
            ANCHOR,
            false,
            Some(Passive),
            again(Fallback::PeerRelayHidden),
        ),
        (
            OWN,
            PEER_RELAYED,
            ANCHOR,
            false,
            None,
            again(Fallback::PeerRelayHidden),
        ),
        (
            OWN,
            PEER_RELAYED,
            ANCHOR,
            true,
            Some(Passive),
            agreed(anchor()),
        ),
        (
            OWN,
            PEER_RELAYED,
            ANCHOR,
            true,
            Some(Active),
            agreed(Connect::Path),
        ),
        // The peer's relay, and no middlebox: by path, whichever URI of it the SDP names.
        (
            OWN,
            PEER_RELAYED,
            at_peer,
            false,
            Some(Passive),
            agreed(Connect::Path),
        ),
        (
            OWN,
            PEER_RELAYED,
            at_relay,
            false,
            None,
            agreed(Connect::Path),
        ),
        (
            OWN,
            PEER_RELAYED,
            at_relay,
            true,
            Some(Passive),
            agreed(Connect::Path),
        ),
        // The old way of hold is no middlebox.
        (
            OWN,
            PEER,
            ("0.0.0.0", 7394),
            false,
            Some(Active),
            agreed(Connect::Path),
        ),
        (
            OWN,
            PEER,
            ("0.0.0.0", 7394),
            true,
            Some(Passive),
            agreed(Connect::Path),
        ),
    ] {
        let lines = format!(
            "{}{}",
            setup_line(setup),
            if cema { "a=msrp-cema\n" } else { "" }
        );
        let answer = peer(path, place, &lines);
        assert_eq!(
            after(ours, &answer),
            expected,
            "{ours} {path} {place:?} {lines}"
        );
    }
    // Who did not offer it goes by path, whatever comes back.
    let mut plain = local(OWN);
    plain.cema = false;
    let offer = sdp::offer(&plain);
    let answer = peer(PEER, ANCHOR, "a=setup:passive\na=msrp-cema\n");
    let decision = cema::after_answer(&offer, &answer, Setup::Active, &Names::new());
    assert_eq!(decision, Ok(agreed(Connect::Path)));
    covers!("S-095", "S-096", "S-097", "S-005");
}

#[test]
fn a_looked_up_name_decides_like_an_address() {
    let offer = sdp::offer(&local(OWN));
    let answer = peer(
        "msrp://peer.example:7394/s;tcp",
        ("192.0.2.1", 7394),
        "a=setup:active\n",
    );
    let decide = |names: &Names| cema::after_answer(&offer, &answer, Setup::Passive, names);
    let again = AfterAnswer::OfferAgain(Fallback::PeerConnectsByPath);
    assert_eq!(decide(&Names::new()), Ok(again.clone()));
    assert_eq!(
        decide(&names(&[("peer.example", &["192.0.2.9"])])),
        Ok(again)
    );
    let agreed = AfterAnswer::Agreed(Connect::Path);
    assert_eq!(
        decide(&names(&[("peer.example", &["192.0.2.9", "192.0.2.1"])])),
        Ok(agreed)
    );
}

#[test]
fn rfc6714_4_3_an_offer_that_was_changed_by_one_who_knows_no_cema_is_refused() {
    for setup in [
        "",
        "a=setup:actpass\n",
        "a=setup:active\n",
        "a=setup:passive\n",
    ] {
        for (ours, path) in [(OWN, PEER), (OWN_RELAYED, PEER), (OWN, PEER_RELAYED)] {
            let error = sdp::answer(&local(ours), &peer(path, ANCHOR, setup)).expect_err("refused");
            assert_eq!(error.kind, ErrorKind::InvalidSdp);
            assert!(
                error
                    .context
                    .contains("c= and m= line say 203.0.113.5:40000"),
                "{error}"
            );
            assert!(!error.context.contains("theirs"), "no session-id: {error}");
            // Without CEMA nobody looks at these lines.
            let mut plain = local(ours);
            plain.cema = false;
            let answer = sdp::answer(&plain, &peer(path, ANCHOR, setup)).expect("answered");
            assert_eq!(
                (answer.connect, answer.description.cema),
                (Connect::Path, false)
            );
        }
    }
    // Hold comes after that rule.
    assert!(sdp::answer(&local(OWN), &peer(PEER, ("0.0.0.0", 7394), "")).is_err());
    let named = peer("msrp://peer.example:7394/s;tcp", ("192.0.2.1", 7394), "");
    assert!(sdp::answer(&local(OWN), &named).is_err(), "nobody looked");
    let known = names(&[("peer.example", &["192.0.2.7", "192.0.2.1"])]);
    let answer = sdp::answer_with(&local(OWN), &named, &known).expect("a match");
    assert!(answer.description.cema);
    covers!("S-100", "S-005");
}

#[test]
fn rfc6714_4_3_each_offer_has_its_answer() {
    use SetupAttribute::{ActPass, Active, Passive};
    let at_peer = ("192.0.2.1", 7394);
    let by_path = Connect::Path;
    // Ours, theirs, their place and setup; the attribute in our answer, our role, and where we connect.
    for (ours, path, place, setup, cema, role, connect) in [
        (
            OWN,
            PEER,
            ANCHOR,
            Some(ActPass),
            true,
            Setup::Passive,
            by_path.clone(),
        ),
        (
            OWN,
            PEER,
            ANCHOR,
            Some(Active),
            true,
            Setup::Passive,
            by_path.clone(),
        ),
        (
            OWN,
            PEER,
            ANCHOR,
            None,
            true,
            Setup::Passive,
            by_path.clone(),
        ),
        (
            OWN,
            PEER,
            ANCHOR,
            Some(Passive),
            true,
            Setup::Active,
            anchor(),
        ),
        (
            OWN,
            PEER,
            at_peer,
            Some(Passive),
            true,
            Setup::Active,
            by_path.clone(),
        ),
        // Our relay: connected to if that is possible.
        (
            OWN_RELAYED,
            PEER,
            ANCHOR,
            Some(ActPass),
            true,
            Setup::Passive,
            by_path.clone(),
        ),
        (
            OWN_RELAYED,
            PEER,
            ANCHOR,
            Some(Active),
            true,
            Setup::Passive,
            by_path.clone(),
        ),
        (
            OWN_RELAYED,
            PEER,
            ANCHOR,
            Some(Passive),
            false,
            Setup::Active,
            by_path.clone(),
        ),
        // Their relay: it must not connect.
        (
            OWN,
            PEER_RELAYED,
            ANCHOR,
            Some(ActPass),
            true,
            Setup::Active,
            anchor(),
        ),
        (
            OWN,
            PEER_RELAYED,
            ANCHOR,
            Some(Passive),
            true,
            Setup::Active,
            anchor(),
        ),
        (
            OWN,
            PEER_RELAYED,
            ANCHOR,
            Some(Active),
            false,
            Setup::Passive,
            by_path.clone(),
        ),
        (
            OWN,
            PEER_RELAYED,
            ANCHOR,
            None,
            false,
            Setup::Passive,
            by_path.clone(),
        ),
        // Both.
        (
            OWN_RELAYED,
            PEER_RELAYED,
            ANCHOR,
            Some(ActPass),
            false,
            Setup::Passive,
            by_path.clone(),
        ),
        (
            OWN_RELAYED,
            PEER_RELAYED,
            ANCHOR,
            Some(Passive),
            false,
            Setup::Active,
            by_path.clone(),
        ),
        // Nobody can connect to that address.
        (
            OWN,
            PEER,
            ("0.0.0.0", 7394),
            Some(Passive),
            true,
            Setup::Active,
            by_path.clone(),
        ),
    ] {
        let offer = peer(path, place, &format!("{}a=msrp-cema\n", setup_line(setup)));
        let answer = sdp::answer(&local(ours), &offer).expect("answered");
        let case = format!("{ours} {path} {place:?} {setup:?}");
        assert_eq!(answer.role, role, "{case}");
        assert_eq!(answer.connect, connect, "{case}");
        let ours_said = &answer.description;
        assert_eq!(ours_said.cema, cema, "{case}");
        assert_eq!(ours_said.setup, Some(role.attribute()), "{case}");
        let place = match (cema, ours == OWN_RELAYED) {
            (true, true) => ("192.0.2.20", 2855),
            _ => (
                "192.0.2.2",
                if role == Setup::Active && ours == OWN {
                    9
                } else {
                    8493
                },
            ),
        };
        let host: Host = place.0.parse().expect("an address");
        assert_eq!(
            (ours_said.address.as_ref(), ours_said.port),
            (Some(&host), place.1),
            "{case}"
        );
        assert_eq!(
            ours_said.to_media().contains("a=msrp-cema\r\n"),
            cema,
            "{case}"
        );
    }
    // Wishes hold as far as they go: who insists on being passive gets the relay of the peer, without CEMA.
    let offer = peer(PEER_RELAYED, ANCHOR, "a=setup:actpass\na=msrp-cema\n");
    let mut insists = local(OWN);
    insists.setup = Passive;
    let answer = sdp::answer(&insists, &offer).expect("answered");
    assert_eq!(
        (answer.role, answer.description.cema),
        (Setup::Passive, false)
    );
    let mut wishes = local(OWN_RELAYED);
    wishes.setup = Active;
    let offer = peer(PEER, ANCHOR, "a=setup:actpass\na=msrp-cema\n");
    let answer = sdp::answer(&wishes, &offer).expect("answered");
    assert_eq!(
        (answer.role, answer.description.cema),
        (Setup::Passive, true)
    );
    // An offer that matches needs no attribute to get one.
    let answer = sdp::answer(&local(OWN), &peer(PEER, at_peer, "")).expect("answered");
    assert!(answer.description.cema);
    covers!("S-090", "S-101", "S-102", "S-103");
}

#[test]
fn a_block_without_an_address_cannot_be_judged() {
    let text = format!("m=message 7394 TCP/MSRP *\na=accept-types:*\na=path:{PEER}\na=msrp-cema\n");
    let block = MediaDescription::parse(&text, None).expect("a block");
    let error = sdp::answer(&local(OWN), &block).expect_err("no c= line");
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert!(error.context.contains("no c= line"), "{error}");
    let offer = sdp::offer(&local(OWN));
    let error = cema::after_answer(&offer, &block, Setup::Active, &Names::new());
    assert_eq!(error.expect_err("no c= line").kind, ErrorKind::InvalidSdp);
    let mut plain = local(OWN);
    plain.cema = false;
    sdp::answer(&plain, &block).expect("answered without CEMA");
}

#[test]
fn two_sides_with_cema_always_come_to_one_connection() {
    // With and without relays, with and without middleboxes: one side connects, or a new offer is due.
    for ours in [OWN, OWN_RELAYED] {
        for theirs in [PEER, PEER_RELAYED] {
            for anchored in [false, true] {
                let anchor = |mut media: MediaDescription| {
                    if anchored {
                        media.address = Some(ANCHOR.0.parse().expect("an address"));
                        media.port = ANCHOR.1;
                    }
                    media
                };
                let offer = sdp::offer(&local(ours));
                let answer = sdp::answer(&local(theirs), &anchor(offer.clone())).expect("answered");
                let seen = anchor(answer.description.clone());
                let role = role_from_answer(&offer, &seen).expect("roles fit");
                assert_eq!(role, answer.role.reversed());
                let decision =
                    cema::after_answer(&offer, &seen, role, &Names::new()).expect("decided");
                let relays = [ours, theirs]
                    .iter()
                    .filter(|path| path.contains(' '))
                    .count();
                if anchored && relays == 2 {
                    assert!(
                        matches!(decision, AfterAnswer::OfferAgain(_)),
                        "{decision:?}"
                    );
                    continue;
                }
                let AfterAnswer::Agreed(connect) = decision else {
                    panic!("{ours} {theirs} {anchored}: {decision:?}");
                };
                let (connects, by) = match role {
                    Setup::Active => (ours, connect),
                    Setup::Passive => (theirs, answer.connect),
                };
                if anchored {
                    assert!(!connects.contains(' '), "a relay connects by path only");
                    assert!(matches!(by, Connect::Address(..)), "{ours} {theirs}");
                } else {
                    assert_eq!(by, Connect::Path, "{ours} {theirs}");
                }
            }
        }
    }
}
