//! Where requests may go (RFC 4976 §6.2, §6.4): the way there, and all the ways that are none.

mod office_support;

use std::time::Duration;

use msrp::role::relay::{Decision, Hop, LinkId, Party, Peer, RelayNames};
use msrp::wire::{Method, StatusCode};
use msrp_conformance::covers;

use office_support::*;

const BOB: &str = "msrps://bob.example.net:7777/b0b;tcp";
const EVIL: &str = "msrps://victim.example.org:80/x;tcp";

fn hop_uri(hop: &Hop) -> (String, bool) {
    match hop {
        Hop::Uri { uri, relay } => (uri.to_string(), *relay),
        other => panic!("no URI: {other:?}"),
    }
}

#[test]
fn rfc4976_6_4_1_the_own_uri_moves_as_it_was_written() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let token = desk.login(&alice, "alice");
    // Not as it was given out, but equal: user information and parameters do not count, nor does case.
    let written = token
        .replace(
            "msrps://relay.example.com",
            "msrps://alice@RELAY.example.com",
        )
        .replace(";tcp", ";TCP;x=y");
    let to_path = format!("{written} {BOB}");
    let (leg, _) = desk.way(&alice, &send(&to_path, &session(1)));
    assert_eq!(hop_uri(&leg.hop), (BOB.into(), false));
    assert_eq!(leg.to_path, BOB);
    assert_eq!(leg.from_path, format!("{written} {}", session(1)));
    assert_eq!(leg.addressed, written);
    assert_eq!(leg.origin, session(1));

    // Over another relay: that has to prove its name.
    let beyond = format!("msrps://other.example.net:2855/t;tcp {BOB}");
    let (leg, _) = desk.way(&alice, &send(&format!("{token} {beyond}"), &session(1)));
    let first = beyond.split_once(' ').unwrap().0;
    assert_eq!(hop_uri(&leg.hop), (first.into(), true));
    assert_eq!(leg.to_path, beyond);
    covers!("R-122", "R-125");
}

#[test]
fn rfc4976_6_3_a_clients_uri_is_good_over_its_connection_alone() {
    let mut desk = Desk::new(options());
    let (alice, eve) = (client(1), client(2));
    let token = desk.login(&alice, "alice");

    // From a stranger it leads to the client that has it, and nowhere else, whatever stands behind it.
    for from in [eve.clone(), host(3), relay(4, "other.example.net")] {
        for next in [session(1), EVIL.to_owned(), format!("{EVIL} {BOB}")] {
            let (leg, _) = desk.way(&from, &send(&format!("{token} {next}"), &session(2)));
            assert_eq!(leg.hop, Hop::Link(LinkId(1)));
            assert_eq!(leg.to_path, next);
        }
    }
    let (leg, _) = desk.way(&alice, &send(&format!("{token} {BOB}"), &session(1)));
    assert_eq!(hop_uri(&leg.hop).0, BOB);

    // The client comes back: that brings its URI not back, in neither direction.
    desk.office.link_gone(LinkId(1));
    let again = client(5);
    let new = desk.login(&again, "alice");
    assert_ne!(token, new);
    for from in [&again, &eve] {
        let lost = send(&format!("{token} {BOB}"), &session(1));
        assert_eq!(desk.refused(from, &lost), StatusCode::NO_SUCH_SESSION);
    }
    covers!("R-097", "R-109", "R-112", "R-123", "R-124", "T-46");
}

#[test]
fn a_way_stands_until_its_uri_is_void() {
    let mut desk = Desk::new(options());
    let (alice, bob) = (client(1), client(2));
    let token = desk.login(&alice, "alice");
    let other = desk.login(&bob, "bob");
    let to_bob = send(&format!("{token} {other} {}", session(2)), &session(1));
    let (_, one) = desk.way(&alice, &send(&format!("{token} {BOB}"), &session(1)));
    let (_, both) = desk.way(&alice, &to_bob);
    assert!(one.stands(desk.now) && both.stands(desk.now));
    desk.office.link_gone(LinkId(2));
    assert!(one.stands(desk.now) && !both.stands(desk.now));
    assert_eq!(
        desk.refused(&alice, &to_bob),
        StatusCode::NO_SUCH_SESSION,
        "no connection is made towards a client of ours"
    );
    desk.office.link_gone(LinkId(1));
    assert!(!one.stands(desk.now));
    assert_eq!(desk.office.counts().tokens, 0);
    covers!("R-097");
}

#[test]
fn rfc4976_6_3_a_uri_ends_at_its_time() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let reply = desk.login_with(&alice, "alice", &session(1), &["Expires: 60"]);
    assert_eq!(header(&reply, "Expires"), Some("60"));
    let head = send(&format!("{} {BOB}", use_path(&reply)), &session(1));
    let (_, validity) = desk.way(&alice, &head);
    // Nobody has called for the timeout yet: it is void all the same.
    desk.now += Duration::from_secs(59);
    assert!(validity.stands(desk.now));
    desk.way(&alice, &head);
    desk.now += Duration::from_secs(1);
    assert!(!validity.stands(desk.now));
    assert_eq!(desk.refused(&alice, &head), StatusCode::NO_SUCH_SESSION);
    assert_eq!(desk.office.counts().tokens, 1);
    desk.pass(Duration::ZERO);
    assert_eq!(desk.office.counts().tokens, 0);
    assert_eq!(desk.office.poll_timeout(), None);
    covers!("R-108");
}

#[test]
fn rfc4976_6_2_requests_for_others_are_no_business_of_this_relay() {
    let mut desk = Desk::new(options());
    let token = desk.login(&client(1), "alice");
    for uri in [
        "msrps://other.example:2855/t;tcp",
        "msrps://192.0.2.7:2855/t;tcp",
        "msrps://relay.example.com.evil.example:2855/t;tcp",
    ] {
        for method in ["SEND", "REPORT", "AUTH", "NICKNAME"] {
            let head = request(method, &format!("{uri} {BOB}"), &session(2), &[]);
            let decision = desk.route(&client(2), &head);
            assert!(matches!(decision, Decision::Close(_)));
            // Others are on these connections, too.
            for from in [host(3), relay(4, "other.example.net")] {
                assert!(matches!(desk.route(&from, &head), Decision::Discard));
            }
        }
    }
    assert_eq!(desk.office.counts().not_ours, 36);

    // Our host, but nothing that we gave out.
    let (_, id) = token.rsplit_once('/').unwrap();
    let (id, _) = id.split_once(';').unwrap();
    for uri in [
        "msrps://relay.example.com:2855/guess;tcp".to_owned(),
        "msrps://relay.example.com:2855/0123456789abcdef0123456789abcdef;tcp".into(),
        "msrps://relay.example.com:2855;tcp".into(),
        token.replace(":2855", ":2856"),
        token.replace("msrps:", "msrp:"),
        token.replace(";tcp", ";ws"),
        token.replace(id, &id.to_uppercase()),
        token.replace(";tcp", "0;tcp"),
    ] {
        assert_ne!(uri, token);
        let head = send(&format!("{uri} {BOB}"), &session(1));
        let status = desk.refused(&client(1), &head);
        assert_eq!(status, StatusCode::NO_SUCH_SESSION, "{uri}");
    }
    assert_eq!(desk.office.counts().bad_token, 8);
    covers!("R-112", "R-121", "T-40");
}

#[test]
fn rfc4976_6_4_all_methods_need_a_uri_of_the_sender() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let token = desk.login(&alice, "alice");
    for method in ["SEND", "REPORT", "NICKNAME", "FOOBAR", "AUTH"] {
        let good = format!("{token} msrps://other.example.net:2855/o;tcp");
        let head = request(method, &good, &session(1), &[]);
        desk.way(&alice, &head);
        let bad = format!("{DOOR} msrps://other.example.net:2855/o;tcp");
        let head = request(method, &bad, &session(1), &[]);
        assert_eq!(desk.refused(&alice, &head), StatusCode::NO_SUCH_SESSION);
    }
    // Whoever knows the URI of another cannot AUTH elsewhere with it, nor at its holder.
    for next in ["msrps://other.example.net;tcp".to_owned(), session(1)] {
        let head = request("AUTH", &format!("{token} {next}"), &session(2), &[]);
        assert_eq!(desk.refused(&client(2), &head), StatusCode::FORBIDDEN);
    }
    assert_eq!(desk.office.counts().wrong_hop, 2);
    covers!("R-117", "R-130");
}

#[test]
fn rfc4976_8_only_the_relay_that_is_asked_for_a_uri_may_lack_a_port() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let token = desk.login(&alice, "alice");
    let auth = |next: &str| request("AUTH", &format!("{token} {next}"), &session(1), &[]);
    let (leg, _) = desk.way(&alice, &auth("msrps://extra.example.net;tcp"));
    assert_eq!(
        hop_uri(&leg.hop),
        ("msrps://extra.example.net;tcp".into(), true)
    );
    for head in [
        auth("msrps://192.0.2.7;tcp"),
        auth("msrps://extra.example.net;tcp msrps://more.example.net;tcp"),
        send(
            &format!("{token} msrps://bob.example.net/b;tcp"),
            &session(1),
        ),
    ] {
        assert_eq!(desk.refused(&alice, &head), StatusCode::BAD_REQUEST);
    }
    covers!("R-194");
}

#[test]
fn rfc4976_9_2_a_next_relay_is_reached_by_tls_alone() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let token = desk.login(&alice, "alice");
    let plain = "msrp://other.example.net:2855/t;tcp";
    for head in [
        send(&format!("{token} {plain} {BOB}"), &session(1)),
        request("AUTH", &format!("{token} {plain}"), &session(1), &[]),
    ] {
        assert_eq!(desk.refused(&alice, &head), StatusCode::FORBIDDEN);
    }
    // An endpoint may be without TLS.
    let (leg, _) = desk.way(&alice, &send(&format!("{token} {plain}"), &session(1)));
    assert_eq!(hop_uri(&leg.hop), (plain.into(), false));
    covers!("R-131");
}

#[test]
fn rfc7977_8_3_2_both_ends_may_be_clients_of_this_relay() {
    let mut desk = Desk::new(options());
    let (alice, bob) = (client(1), client(2));
    let a = desk.login(&alice, "alice");
    let b = desk.login(&bob, "bob");
    let head = send(&format!("{a} {b} {}", session(2)), &session(1));
    let (leg, _) = desk.way(&alice, &head);
    assert_eq!(leg.hop, Hop::Link(LinkId(2)));
    assert_eq!(leg.to_path, session(2));
    assert_eq!(leg.from_path, format!("{b} {a} {}", session(1)));
    assert_eq!(leg.addressed, a);
    assert_eq!(leg.origin, session(1));

    // Nobody else can use the pair, and a second URI that is void leads nowhere.
    assert_eq!(desk.refused(&client(3), &head), StatusCode::FORBIDDEN);
    assert_eq!(desk.refused(&bob, &head), StatusCode::FORBIDDEN);
    let lost = b.replace(";tcp", "x;tcp");
    let head = send(&format!("{a} {lost} {}", session(2)), &session(1));
    assert_eq!(desk.refused(&alice, &head), StatusCode::NO_SUCH_SESSION);
    // An AUTH has no business there.
    let head = request("AUTH", &format!("{a} {b} {}", session(2)), &session(1), &[]);
    assert_eq!(desk.refused(&alice, &head), StatusCode::FORBIDDEN);
    covers!("R-129");
}

#[test]
fn loops_and_long_ways_are_refused() {
    let mut desk = Desk::new(options());
    let (alice, bob) = (client(1), client(2));
    let a = desk.login(&alice, "alice");
    let b = desk.login(&bob, "bob");
    let through = |count: usize| vec![a.as_str(); count].join(" ");
    for to_path in [
        format!("{} {BOB}", through(10)),
        format!("{a} {b} {a} {BOB}"),
        // Away and back again, more than once.
        format!("{a} msrps://x.example.net:1/t;tcp {b} msrps://x.example.net:1/t;tcp {a} {BOB}"),
    ] {
        let head = send(&to_path, &session(1));
        assert_eq!(desk.refused(&alice, &head), StatusCode::FORBIDDEN);
    }
    assert_eq!(desk.office.counts().loops, 3);
    // To the client and from there back to us: refused as well.
    let head = send(&format!("{a} {b} {BOB}"), &session(2));
    assert_eq!(desk.refused(&bob, &head), StatusCode::FORBIDDEN);

    let hops = |count: usize| {
        let hops: Vec<_> = (0..count)
            .map(|n| format!("msrps://r{n}.example.net:1/t;tcp"))
            .collect();
        send(&format!("{a} {}", hops.join(" ")), &session(1))
    };
    desk.way(&alice, &hops(63));
    // The parser has the same bound by default; here it has a wider one.
    assert_eq!(desk.refused(&alice, &hops(64)), StatusCode::FORBIDDEN);
    assert_eq!(desk.refused(&alice, &hops(99)), StatusCode::FORBIDDEN);
    covers!("R-132");
}

#[test]
fn nothing_behind_the_uri_is_nowhere() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let token = desk.login(&alice, "alice");
    for method in [Method::Send, Method::Auth, Method::Report] {
        let head = request(method.as_str(), &token, &session(1), &[]);
        assert_eq!(desk.refused(&alice, &head), StatusCode::BAD_REQUEST);
    }
    for (to_path, from_path) in [
        (format!("{token} nonsense"), session(1)),
        (format!("{token} {BOB}"), "nonsense".into()),
    ] {
        let head = send(&to_path, &from_path);
        assert_eq!(desk.refused(&alice, &head), StatusCode::BAD_REQUEST);
    }
    covers!("R-120");
}

#[test]
fn rfc4976_6_3_the_uri_of_another_relays_client_is_good_over_each_connection_to_that_relay() {
    let mut desk = Desk::new(options());
    let name = "intra.example.com";
    let inner = "msrps://intra.example.com:9000/t0k;tcp";
    let from_path = format!("{inner} {}", session(9));
    let reply = desk.login_with(&relay(1, name), "alice", &from_path, &[]);
    let use_path = use_path(&reply);
    let (first, token) = use_path.split_once(' ').unwrap();
    assert_eq!(first, inner);

    // From the client: over each connection to that relay, on to where it wants.
    for link in [1, 2] {
        let head = send(&format!("{token} {BOB}"), &from_path);
        let (leg, _) = desk.way(&relay(link, name), &head);
        assert_eq!(hop_uri(&leg.hop), (BOB.into(), false));
        assert_eq!(leg.from_path, format!("{token} {from_path}"));
    }
    // To the client: over its relay.
    for from in [client(3), relay(4, "other.example.net"), host(5)] {
        let head = send(&format!("{token} {inner} {}", session(9)), &session(3));
        let (leg, _) = desk.way(&from, &head);
        assert_eq!(leg.hop, Hop::Relay(name.into()));
        // And nowhere else.
        for next in [EVIL.to_owned(), format!("{EVIL} {inner}")] {
            let head = send(&format!("{token} {next}"), &session(3));
            assert_eq!(desk.refused(&from, &head), StatusCode::FORBIDDEN);
        }
    }
    // The connection that brought the AUTH is gone: the relay is still there.
    desk.office.link_gone(LinkId(1));
    desk.way(
        &relay(2, name),
        &send(&format!("{token} {BOB}"), &from_path),
    );
    // What calls itself so without proof is not that relay.
    let (leg, _) = desk.way(&client(6), &send(&format!("{token} {inner}"), &from_path));
    assert_eq!(leg.hop, Hop::Relay(name.into()));
    let head = send(&format!("{token} {BOB}"), &from_path);
    assert_eq!(desk.refused(&client(6), &head), StatusCode::FORBIDDEN);
    covers!("R-110", "R-111", "R-123");
}

#[test]
fn rfc4976_6_3_each_name_of_a_relay_is_its_own() {
    let mut desk = Desk::new(options());
    let fellow = |link| Party {
        peer: Peer::Relay(
            RelayNames::new(["extra.example.com".into(), "INTRA.example.com".into()])
                .expect("names"),
        ),
        ..client(link)
    };
    let inner = "msrps://intra.example.com:9000/t0k;tcp";
    let from_path = format!("{inner} {}", session(9));
    let reply = desk.login_with(&fellow(1), "alice", &from_path, &[]);
    let path = use_path(&reply);
    let token = path.rsplit(' ').next().unwrap();
    // From its client: over each connection to a relay that has that name, also beside others.
    for from in [fellow(2), relay(3, "intra.example.com")] {
        let (leg, _) = desk.way(&from, &send(&format!("{token} {BOB}"), &from_path));
        assert_eq!(hop_uri(&leg.hop), (BOB.into(), false));
    }
    let head = send(&format!("{token} {BOB}"), &from_path);
    let other = relay(4, "extra.example.com");
    assert_eq!(desk.refused(&other, &head), StatusCode::FORBIDDEN);
    // To its client: to the relay of that name.
    let head = send(&format!("{token} {inner} {}", session(9)), &session(5));
    let (leg, _) = desk.way(&client(5), &head);
    assert_eq!(leg.hop, Hop::Relay("intra.example.com".into()));
    // It speaks for no other.
    let from_path = format!("msrps://third.example.com:9000/t0k;tcp {}", session(9));
    let head = request("AUTH", DOOR, &from_path, &[]);
    let reply = desk.auth(&fellow(1), &head);
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    covers!("R-085", "R-110");
}

#[test]
fn rfc4976_6_4_2_a_peer_that_connected_itself_is_reached_over_its_connection() {
    let mut desk = Desk::new(options());
    let (alice, bob) = (client(1), client(2));
    let token = desk.login(&alice, "alice");
    let to_bob = send(&format!("{token} {BOB}"), &session(1));
    let (leg, before) = desk.way(&alice, &to_bob);
    assert_eq!(hop_uri(&leg.hop).0, BOB);

    // Who has no good URI diverts nothing, nor does who has one for another session.
    let other = desk.login(&alice, "alice");
    let false_token = token.replace(";tcp", "x;tcp");
    for (uri, is_good) in [(&false_token, false), (&other, true)] {
        let head = send(&format!("{uri} {}", session(1)), BOB);
        let forwarded = matches!(desk.route(&client(3), &head), Decision::Forward(..));
        assert_eq!(forwarded, is_good);
        let (leg, _) = desk.way(&alice, &to_bob);
        assert_eq!(hop_uri(&leg.hop).0, BOB);
    }
    // Nor one for whom a relay speaks.
    let head = send(&format!("{token} {}", session(1)), BOB);
    desk.way(&relay(4, "other.example.net"), &head);
    let longer = format!("msrps://x.example:1/x;tcp {BOB}");
    desk.way(
        &client(5),
        &send(&format!("{token} {}", session(1)), &longer),
    );
    assert!(before.stands(desk.now));

    let (_, inward) = desk.way(&bob, &head);
    assert!(!before.stands(desk.now), "the way has changed");
    assert!(inward.stands(desk.now));
    let (leg, over) = desk.way(&alice, &to_bob);
    assert_eq!(leg.hop, Hop::Link(LinkId(2)));
    // A second connection that names Bob waits for the first one's end.
    desk.way(&client(6), &head);
    assert!(over.stands(desk.now));
    assert_eq!(desk.way(&alice, &to_bob).0.hop, Hop::Link(LinkId(2)));
    // What goes to a relay of that name is not for him.
    let longer = send(&format!("{token} {BOB} {EVIL}"), &session(1));
    assert_eq!(
        hop_uri(&desk.way(&alice, &longer).0.hop),
        (BOB.into(), true)
    );

    desk.office.link_gone(LinkId(2));
    assert!(!over.stands(desk.now));
    assert_eq!(desk.way(&alice, &to_bob).0.hop, Hop::Link(LinkId(6)));
    desk.office.link_gone(LinkId(6));
    assert_eq!(hop_uri(&desk.way(&alice, &to_bob).0.hop).0, BOB);
    covers!("R-202");
}

#[test]
fn peers_that_are_remembered_are_few() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let token = desk.login(&alice, "alice");
    let inward = |from: &str| send(&format!("{token} {}", session(1)), from);
    let name = |n: u64| format!("msrps://p{n}.example.net:7777/s;tcp");
    for n in 0..100 {
        desk.way(&client(100 + n), &inward(&name(n)));
    }
    for n in 0..100 {
        let head = send(&format!("{token} {}", name(n)), &session(1));
        let (leg, _) = desk.way(&alice, &head);
        assert_eq!(matches!(leg.hop, Hop::Link(_)), n < 16);
    }
    let long = format!("msrps://long.example.net:7777/{};tcp", "s".repeat(600));
    desk.office.link_gone(LinkId(100));
    desk.way(&client(300), &inward(&long));
    let head = send(&format!("{token} {long}"), &session(1));
    let (leg, _) = desk.way(&alice, &head);
    assert!(matches!(leg.hop, Hop::Uri { .. }));
}
