//! A relay over plain TCP on loopback (RFC 4976 §6): its clients, peers without a relay, next hops.

mod engine_support;
mod relay_net_support;

use std::net::TcpListener;

use engine_support::limits;
use engine_support::raw::RawPeer;
use msrp::engine::EngineOptions;
use msrp_conformance::covers;
use relay_net_support::{Client, TestRelay, auth, exchange, header, status};

#[test]
fn rfc4976_two_clients_of_one_relay_talk_through_it() {
    let relay = TestRelay::plain();
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    for round in 0..10 {
        let id = format!("tid{round}aaaa");
        alice.send(&bob.path(), &id, "hello");
        let answer = alice.peer.frame();
        assert_eq!(status(&answer), "200", "{answer}");
        assert_eq!(header(&answer, "To-Path:"), alice.own);
        let request = bob.take();
        assert!(request.contains("\r\n\r\nhello\r\n"), "{request}");
        assert_eq!(header(&request, "To-Path:"), bob.own);
        let from = format!("{} {} {}", bob.token, alice.token, alice.own);
        assert_eq!(header(&request, "From-Path:"), from);
        assert_ne!(
            request.split(' ').nth(1),
            Some(&*id),
            "its own transaction id"
        );
        assert_eq!(header(&request, "Message-ID:"), format!("{id}m"));

        bob.send(&alice.path(), &id, "and back");
        assert_eq!(status(&bob.peer.frame()), "200");
        assert!(alice.take().contains("and back"));
    }
    relay.wait(|stats| stats.traffic.sends == 20 && stats.decisions.auth_granted == 2);
    covers!("R-125", "R-126", "R-127", "R-129", "R-140", "R-141");
}

#[test]
fn rfc4976_6_4_2_a_peer_without_a_relay_is_reached_over_its_own_connection() {
    let relay = TestRelay::plain();
    let mut alice = relay.client("alice");
    let mut bob = relay.connect();
    let own = "msrp://127.0.0.1:9/bob;tcp";
    bob.send(&alice.path(), own, "fromBob1", "hello Alice");
    assert_eq!(status(&bob.frame()), "200");
    assert!(alice.take().contains("hello Alice"));
    alice.send(own, "toBob1aa", "hello Bob");
    assert_eq!(status(&alice.peer.frame()), "200");
    let request = bob.frame();
    assert!(request.contains("hello Bob"), "{request}");
    bob.answer(&request, "200 OK");
    assert_eq!(relay.stats().dialled, 0);
    covers!("R-087", "R-202");
}

#[test]
fn rfc4976_6_4_2_a_next_hop_is_dialled_once() {
    let relay = TestRelay::plain();
    let mut alice = relay.client("alice");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    for round in 0..3 {
        let to = format!("msrp://127.0.0.1:{port}/s{round};tcp");
        alice.send(&to, &format!("tid{round}bbbb"), "hello");
        assert_eq!(status(&alice.peer.frame()), "200");
    }
    let (stream, _) = listener.accept().expect("dialled");
    let mut peer = RawPeer::from_stream(stream);
    for round in 0..3 {
        let request = peer.frame();
        assert!(header(&request, "To-Path:").contains(&format!("/s{round};")));
        peer.answer(&request, "200 OK");
    }
    assert_eq!(relay.stats().dialled, 1);
    covers!("R-096", "R-172");
}

#[test]
fn rfc4976_6_4_1_a_next_hop_that_cannot_be_reached_gives_a_report() {
    let relay = TestRelay::plain();
    let mut alice = relay.client("alice");
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("bound").port()
    };
    alice.send(
        &format!("msrp://127.0.0.1:{port}/x;tcp"),
        "nobody11",
        "hello",
    );
    assert_eq!(status(&alice.peer.frame()), "200");
    let report = alice.peer.frame();
    assert_eq!(status(&report), "REPORT", "{report}");
    assert!(header(&report, "Status:").starts_with("000 408"));
    assert_eq!(header(&report, "To-Path:"), alice.own);
    assert_eq!(header(&report, "From-Path:"), alice.token);
    assert_eq!(header(&report, "Message-ID:"), "nobody11m");
    assert_eq!(header(&report, "Byte-Range:"), "1-5/5");
    assert_eq!(relay.stats().dials_failed, 1);
    covers!("R-146", "R-147");
}

#[test]
fn a_next_hop_that_could_not_be_reached_is_tried_again() {
    let relay = TestRelay::plain();
    let mut alice = relay.client("alice");
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("bound")
    };
    let to = format!("msrp://{address}/x;tcp");
    let mut listener = None;
    for round in 0.. {
        alice.send(&to, &format!("again{round:04}"), "hello");
        assert_eq!(status(&alice.peer.frame()), "200");
        // For a moment it is left alone; one that is dialled gives no REPORT.
        relay.wait(|stats| stats.dialled > 0 || stats.traffic.reports > round);
        if relay.stats().dialled > 0 {
            break;
        }
        assert_eq!(status(&alice.peer.frame()), "REPORT");
        listener.get_or_insert_with(|| TcpListener::bind(address).expect("the same port"));
    }
    let listener = listener.expect("nobody was there at first");
    listener.accept().expect("it was dialled");
}

#[test]
fn addresses_that_are_not_everybodys_are_not_dialled() {
    let relay = TestRelay::plain_with(|options| options.networks.clear());
    let mut alice = relay.client("alice");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    for (round, host) in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]"]
        .into_iter()
        .enumerate()
    {
        alice.send(
            &format!("msrp://{host}:{port}/x;tcp"),
            &format!("bad{round}aaaa"),
            "hello",
        );
        assert_eq!(status(&alice.peer.frame()), "200");
        let report = alice.peer.frame();
        let reported = header(&report, "Status:");
        assert!(reported.starts_with("000 403"), "{host}: {reported}");
    }
    listener.set_nonblocking(true).expect("it can");
    listener.accept().expect_err("nobody came");
}

#[test]
fn rfc4976_6_3_a_client_that_is_gone_is_not_dialled() {
    let relay = TestRelay::plain();
    let mut alice = relay.client("alice");
    let bob = relay.client("bob");
    let path = bob.path();
    drop(bob);
    relay.wait(|stats| stats.connections == 1);
    alice.send(&path, "gone1111", "hello");
    let answer = alice.peer.frame();
    assert_eq!(status(&answer), "481", "{answer}");
    assert_eq!(relay.stats().dialled + relay.stats().dials_failed, 0);
    covers!("R-097", "R-109");
}

#[test]
fn users_without_the_password_get_no_uri() {
    let relay = TestRelay::plain();
    for (user, password) in [("alice", "wrong"), ("unknown", "secret")] {
        let mut peer = relay.connect();
        let own = "msrp://127.0.0.1:9/x;tcp";
        let answer = auth(&mut peer, &relay.uri(user), own, user, password, "");
        assert_eq!(status(&answer), "401", "{answer}");
    }
    let mut peer = relay.connect();
    let challenged = exchange(
        &mut peer,
        "first111",
        &relay.uri(""),
        "msrp://a.example:9/x;tcp",
        "",
    );
    assert_eq!(status(&challenged), "401");
    relay.wait(|stats| stats.decisions.auth_wrong == 2);
    covers!("R-100", "R-101");
}

#[test]
fn a_thousand_new_connections_that_send_at_once_are_all_served() {
    // All come from one address.
    let engine = EngineOptions {
        limits: limits(|limits| {
            limits.unbound_connections = 2000;
            limits.unbound_per_address = 2000;
        }),
        ..EngineOptions::default()
    };
    let relay = TestRelay::over(engine, |_| ());
    let mut alice = relay.client("alice");
    let path = alice.path();
    let mut peers: Vec<_> = (0..1000).map(|_| relay.connect()).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        let own = format!("msrp://127.0.0.1:9/p{number};tcp");
        peer.send(&path, &own, &format!("new{number:05}"), "me too");
    }
    let mut left: std::collections::HashSet<String> =
        (0..1000).map(|number| format!("new{number:05}m")).collect();
    while !left.is_empty() {
        let request = alice.take();
        assert!(left.remove(header(&request, "Message-ID:")), "{request}");
    }
    for peer in &mut peers {
        assert_eq!(status(&peer.frame()), "200");
    }
}

#[test]
fn clients_that_log_in_twice_have_two_uris() {
    let relay = TestRelay::plain();
    let one = relay.client("alice");
    let first = one.token.clone();
    let two = Client::log_in(one.peer, &relay.uri("alice"), "alice", &one.own);
    assert_ne!(first, two.token);
    covers!("R-106", "R-107");
}
