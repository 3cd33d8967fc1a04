//! A relay over TLS (RFC 4976 §6.1, §9.2): who is a client, who is a relay, chains, and connections that are of no use.

mod engine_support;
mod relay_net_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use engine_support::raw::RawPeer;
use engine_support::tls_peer::{Authority, Made, client_config, made};
use msrp::engine::{RelayListenOptions, TlsConfig};
use msrp_conformance::covers;
use rcgen::SanType;
use relay_net_support::secure::{client, connect, over, relay};
use relay_net_support::{
    Client, PASSWORD, TestRelay, auth, authorization, exchange, header, status,
};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{SignatureScheme, SupportedProtocolVersion};

static OLD: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
static NEW: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

const RELAY: &str = "relay.example.org";

fn is_closed<S: Read + Write>(peer: &mut RawPeer<S>) -> bool {
    peer.read_to_end();
    true
}

#[derive(Debug, Default)]
struct Noting(AtomicBool);

impl ResolvesClientCert for Noting {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn rfc4976_6_1_clients_with_and_without_certificates_are_served() {
    let ca = Authority::new("relays");
    let relay = relay(&ca, RELAY, |_| ());
    let asked = Arc::new(Noting::default());
    let mut config = client_config(None, rustls::ALL_VERSIONS);
    config.client_auth_cert_resolver = Arc::clone(&asked) as Arc<dyn ResolvesClientCert>;
    let mut peer = over(&relay, config);
    let shown = peer.stream.conn.peer_certificates().expect("a certificate")[0].clone();
    let (_, shown) = x509_parser::parse_x509_certificate(&shown).expect("readable");
    let names = shown
        .subject_alternative_name()
        .expect("one")
        .expect("there");
    let names: Vec<String> = names
        .value
        .general_names
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, [format!("DNSName({RELAY})")]);
    let own = "msrps://alice.example.org:2855/a;tcp";
    let challenged = exchange(&mut peer, "none1111", &relay.uri("alice"), own, "");
    assert_eq!(status(&challenged), "401");
    assert!(asked.0.load(Relaxed), "a certificate is asked for");

    // Certificates that are none of a relay's: signed by nobody, by another CA, long expired.
    let other = Authority::new("others").issue(&[RELAY], |_| ());
    let expired = ca.issue(&["old.example.org"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let selfmade = made(&["alice.example.org"], |_| ());
    for own in [None, Some(&selfmade), Some(&other), Some(&expired)] {
        for versions in [&OLD, &NEW] {
            let peer = over(&relay, client_config(own, versions));
            let uri = "msrps://alice.example.org:2855/b;tcp";
            let mut alice = Client::log_in(peer, &relay.uri("alice"), "alice", uri);
            assert!(alice.token.starts_with(&format!("msrps://{RELAY}:")));
            let mut bob = client(&relay, "bob", None);
            bob.send(&alice.path(), "hello111", "hello");
            assert_eq!(status(&bob.peer.frame()), "200");
            assert!(alice.take().contains("hello"));
        }
    }
    covers!("R-004", "R-080", "R-081", "R-082", "R-083");
}

#[test]
fn rfc4976_6_3_a_chain_of_two_relays() {
    let ca = Authority::new("relays");
    let (inner, outer) = (
        relay(&ca, "intra.example.org", |_| ()),
        relay(&ca, "extra.example.org", |_| ()),
    );
    let mut alice = client(&inner, "alice", None);
    // Through the inner relay to the outer one, which challenges her all the same.
    let to = format!("{} {}", alice.token, outer.uri("alice"));
    let own = alice.own.clone();
    let challenged = exchange(&mut alice.peer, "outer111", &to, &own, "");
    assert_eq!(status(&challenged), "401", "{challenged}");
    assert!(
        challenged.starts_with("MSRP outer111 "),
        "her transaction id"
    );
    assert_eq!(header(&challenged, "To-Path:"), own);
    let answer = authorization(&challenged, &to, "alice", PASSWORD, 1);
    assert!(header(&challenged, "WWW-Authenticate:").contains("extra.example.org"));
    let more = format!("Authorization: {answer}\r\nExpires: 600\r\n");
    let granted = exchange(&mut alice.peer, "outer222", &to, &own, &more);
    assert_eq!(status(&granted), "200", "{granted}");
    let path = header(&granted, "Use-Path:").to_owned();
    let (first, second) = path.split_once(' ').expect("two URIs");
    assert_eq!(first, alice.token);
    assert!(second.starts_with("msrps://extra.example.org:"), "{path}");
    assert_eq!(header(&granted, "Expires:"), "600");
    let from = format!("{} {}", alice.token, outer.uri("alice"));
    assert_eq!(header(&granted, "From-Path:"), from);
    assert_eq!(outer.stats().accepted, 1, "one connection for both AUTHs");

    alice.token.clone_from(&path);
    let mut bob = client(&outer, "bob", None);
    for round in 0..3 {
        alice.send(&bob.path(), &format!("there{round}aa"), "over two relays");
        assert_eq!(status(&alice.peer.frame()), "200");
        let request = bob.take();
        assert!(request.contains("over two relays"));
        let from = format!("{} {second} {first} {own}", bob.token);
        assert_eq!(header(&request, "From-Path:"), from);
        bob.send(&alice.path(), &format!("back{round}aaa"), "and back again");
        assert_eq!(status(&bob.peer.frame()), "200");
        let request = alice.take();
        assert!(request.contains("and back again"));
        assert_eq!(header(&request, "To-Path:"), own);
    }
    assert_eq!((inner.stats().dialled, outer.stats().dialled), (1, 0));

    // The inner relay loses her: the outer one learns it by the answer of the inner one.
    let path = alice.path();
    drop(alice);
    inner.wait(|stats| stats.connections == 1);
    bob.send(&path, "gone1111", "anybody there?");
    assert_eq!(status(&bob.peer.frame()), "200");
    let report = bob.peer.frame();
    assert!(
        header(&report, "Status:").starts_with("000 481"),
        "{report}"
    );
    covers!(
        "R-084", "R-088", "R-110", "R-111", "R-113", "R-115", "R-117", "R-119", "R-144", "R-174",
        "R-178", "R-179", "R-181"
    );
}

#[test]
fn rfc4976_9_2_a_next_relay_has_to_prove_its_name() {
    let ca = Authority::new("relays");
    let inner = relay(&ca, "intra.example.org", |_| ());
    // Another CA, and another name.
    let stranger = relay(&Authority::new("others"), "extra.example.org", |_| ());
    let wrong = TlsConfig {
        ca: engine_support::tls::text(&ca.pem()),
        ..ca.issue(&["third.example.org"], |_| ()).config()
    };
    let wrong = TestRelay::secure("extra.example.org", wrong, |_| ());
    let mut alice = client(&inner, "alice", None);
    for (round, outer) in [stranger, wrong].iter().enumerate() {
        let to = format!("{}/token;tcp", outer.uri("").trim_end_matches(";tcp"));
        let to = format!("{to} msrps://bob.example.org:9/b;tcp");
        alice.send(&to, &format!("wrong{round}aa"), "not for you");
        assert_eq!(status(&alice.peer.frame()), "200");
        let report = alice.peer.frame();
        assert!(
            header(&report, "Status:").starts_with("000 408"),
            "{report}"
        );
        assert_eq!(outer.stats().accepted, 0, "no octet of MSRP");
    }
    covers!("R-084", "R-088");
}

#[test]
fn rfc4976_6_3_a_relay_speaks_for_itself_alone() {
    let ca = Authority::new("relays");
    let relay = relay(&ca, RELAY, |_| ());
    let fellow = ca.issue(&["fellow.example.org"], |_| ());
    let alice = "msrps://alice.example.org:2855/a;tcp";
    for (host, expected) in [("fellow.example.org", "200"), ("other.example.org", "403")] {
        let mut peer = connect(&relay, Some(&fellow));
        let from = format!("msrps://{host}:2855/token;tcp {alice}");
        let answer = auth(&mut peer, &relay.uri("alice"), &from, "alice", PASSWORD, "");
        assert_eq!(status(&answer), expected, "{answer}");
    }
    // Its clients' failures are none of its own.
    let mut peer = connect(&relay, Some(&fellow));
    for _ in 0..10 {
        let from = format!("msrps://fellow.example.org:2855/token;tcp {alice}");
        let answer = auth(&mut peer, &relay.uri("bob"), &from, "bob", "wrong", "");
        assert_ne!(status(&answer), "200");
    }
    covers!("R-082", "R-085", "R-094");
}

/// What a relay that shows this certificate is told when it asks for a client of the relay `host`.
fn speaks_as(relay: &TestRelay, own: &Made, host: &str) -> String {
    let mut peer = connect(relay, Some(own));
    let alice = "msrps://alice.example.org:2855/a;tcp";
    let from = format!("msrps://{host}:2855/token;tcp {alice}");
    let to = relay.uri("alice");
    let answer = auth(&mut peer, &to, &from, "alice", PASSWORD, "");
    status(&answer).to_owned()
}

#[test]
fn rfc4976_6_3_each_name_of_a_relay_counts() {
    let ca = Authority::new("relays");
    let numeric = relay(&ca, RELAY, |_| ());
    let strict = relay(&ca, RELAY, |options| options.numeric_hosts = false);
    let names = [
        "*.example.org",
        "fellow.example.org",
        "127.0.0.7",
        "Example.net",
    ];
    let fellow = ca.issue(&names, |_| ());
    for (host, by_number) in [
        ("fellow.example.org", None),
        ("example.net", None),
        ("127.0.0.7", Some("403")),
    ] {
        assert_eq!(speaks_as(&numeric, &fellow, host), "200", "{host}");
        let expected = by_number.unwrap_or("200");
        assert_eq!(speaks_as(&strict, &fellow, host), expected, "{host}");
    }
    for host in ["other.example.org", "127.0.0.8"] {
        assert_eq!(speaks_as(&numeric, &fellow, host), "403", "{host}");
    }
    // An address among the names of hosts is none.
    let disguised = ca.issue(&["fellow.example.org"], |params| {
        let text = "127.0.0.7".try_into().expect("text");
        params.subject_alt_names.push(SanType::DnsName(text));
    });
    assert_eq!(speaks_as(&numeric, &disguised, "127.0.0.7"), "403");
    covers!("R-085");
}

#[test]
fn names_of_a_relay_count_up_to_a_bound() {
    let ca = Authority::new("relays");
    let relay = relay(&ca, RELAY, |_| ());
    let names: Vec<String> = (1..=33).map(|n| format!("r{n}.example.org")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fellow = ca.issue(&names, |_| ());
    assert_eq!(speaks_as(&relay, &fellow, "r32.example.org"), "200");
    assert_eq!(speaks_as(&relay, &fellow, "r33.example.org"), "403");
    // A name once more takes no room.
    let twice = [&names[..20], &names[..32]].concat();
    let fellow = ca.issue(&twice, |_| ());
    assert_eq!(speaks_as(&relay, &fellow, "r32.example.org"), "200");
}

/// Whoever made the connection between two relays, it serves for all names of both.
#[test]
fn rfc4976_6_3_a_chain_of_relays_with_several_names() {
    let ca = Authority::new("relays");
    let named = |name: &str, others: &[&str]| {
        let names = [others, &[name]].concat();
        let tls = TlsConfig {
            ca: engine_support::tls::text(&ca.pem()),
            ..ca.issue(&names, |_| ()).config()
        };
        TestRelay::secure(name, tls, |options| {
            options
                .hosts
                .extend(others.iter().map(|name| (*name).to_owned()));
        })
    };
    let inner = named("intra.example.org", &["first.example.org"]);
    let outer = named("extra.example.org", &["example.org", "other.example.org"]);
    let mut alice = client(&inner, "alice", None);
    // The outer relay is asked by another of its names than the one in its URIs.
    let asked = outer.uri("alice").replace("extra.", "other.");
    let to = format!("{} {asked}", alice.token);
    let own = alice.own.clone();
    let granted = auth(&mut alice.peer, &to, &own, "alice", PASSWORD, "");
    assert_eq!(status(&granted), "200", "{granted}");
    header(&granted, "Use-Path:").clone_into(&mut alice.token);
    let mut bob = client(&outer, "bob", None);
    for round in 0..2 {
        alice.send(&bob.path(), &format!("there{round}aa"), "there");
        assert_eq!(status(&alice.peer.frame()), "200");
        assert!(bob.take().contains("there"));
        bob.send(&alice.path(), &format!("back{round}aaa"), "back");
        assert_eq!(status(&bob.peer.frame()), "200");
        assert!(alice.take().contains("back"));
    }
    assert_eq!((inner.stats().dialled, outer.stats().dialled), (1, 0));
    covers!("R-110");
}

#[test]
fn rfc4976_9_2_auth_is_not_served_without_tls() {
    let ca = Authority::new("relays");
    let relay = relay(&ca, RELAY, |_| ());
    let listen = RelayListenOptions {
        host: "127.0.0.1".into(),
        port: 0,
        secure: false,
        ..RelayListenOptions::default()
    };
    let plain = relay
        .engine
        .relay_listen(relay.handle, listen)
        .expect("a listener");
    let address = relay.engine.listener_address(plain).expect("an address");
    let mut peer = RawPeer::from_stream(TcpStream::connect(address).expect("connected"));
    let to = format!("msrps://{RELAY}:{};tcp", relay.address.port());
    let answer = exchange(
        &mut peer,
        "plain111",
        &to,
        "msrp://a.example.org:9/a;tcp",
        "",
    );
    assert_eq!(status(&answer), "403", "{answer}");
    assert!(!answer.contains("WWW-Authenticate"));
    assert!(peer.read_to_end().is_empty(), "closed");

    // It is for peers that want to reach a client, and have no relay.
    let mut alice = client(&relay, "alice", None);
    let mut bob = RawPeer::from_stream(TcpStream::connect(address).expect("connected"));
    bob.send(
        &alice.path(),
        "msrp://b.example.org:9/b;tcp",
        "plain222",
        "hello",
    );
    assert_eq!(status(&bob.frame()), "200");
    assert!(alice.take().contains("hello"));
    covers!("R-086", "R-087");
}

#[test]
fn rfc4976_6_1_connections_of_no_use_are_closed() {
    let ca = Authority::new("relays");
    let soon = relay(&ca, RELAY, |options| {
        options.probation = Duration::from_secs(3)
    });
    let mut silent = connect(&soon, None);
    let mut alice = client(&soon, "alice", None);
    assert!(is_closed(&mut silent));
    // One that fails only.
    let mut failing = connect(&soon, None);
    let to = format!("{}/none;tcp a", soon.uri("").trim_end_matches(";tcp"));
    let to = to.replace(" a", " msrps://a.example.org:9/a;tcp");
    failing.send(&to, "msrps://b.example.org:9/b;tcp", "fail1111", "x");
    assert_eq!(status(&failing.frame()), "481");
    assert!(is_closed(&mut failing));
    // Who has succeeded stays.
    let path = alice.path();
    alice.send(&path, "self1111", "to myself");
    let mut seen = [alice.peer.frame(), alice.peer.frame()];
    seen.sort_by_key(|frame| frame.contains("SEND"));
    assert_eq!(status(&seen[0]), "200");

    let patient = relay(&ca, RELAY, |_| ());
    let mut failing = connect(&patient, None);
    for round in 0..5 {
        failing.send(
            &to.replace(
                &soon.address.port().to_string(),
                &patient.address.port().to_string(),
            ),
            "msrps://b.example.org:9/b;tcp",
            &format!("fail{round}aaa"),
            "x",
        );
        assert_eq!(status(&failing.frame()), "481");
    }
    assert!(is_closed(&mut failing));
    let mut guessing = connect(&patient, None);
    for _ in 0..5 {
        // Later ones are refused without a look.
        let answer = auth(
            &mut guessing,
            &patient.uri("mallory"),
            "msrps://b.example.org:9/b;tcp",
            "mallory",
            "guess",
            "",
        );
        assert_ne!(status(&answer), "200");
    }
    assert!(is_closed(&mut guessing));
    let mut asking = connect(&patient, None);
    let own = "msrps://c.example.org:9/c;tcp";
    for _ in 0..5 {
        let answer = exchange(&mut asking, "ask11111", &patient.uri("carol"), own, "");
        assert_eq!(status(&answer), "401");
    }
    let answer = auth(
        &mut asking,
        &patient.uri("carol"),
        own,
        "carol",
        PASSWORD,
        "",
    );
    assert_eq!(status(&answer), "200");
    covers!("R-089", "R-090", "R-091", "R-092");
}

#[test]
fn rfc4976_6_5_the_connection_unused_longest_makes_room() {
    let ca = Authority::new("relays");
    let relay = relay(&ca, RELAY, |options| options.max_connections = 2);
    let mut idle = client(&relay, "idle", None);
    let mut used = client(&relay, "used", None);
    let mut third = client(&relay, "third", None);
    assert!(is_closed(&mut idle.peer));
    third.send(&used.path(), "third111", "still here");
    assert!(used.take().contains("still here"));
    assert_eq!(relay.stats().evicted, 1);
    covers!("R-095");
}
