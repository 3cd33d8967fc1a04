//! Sessions of the engine behind relays of the engine (RFC 4976 §5, §6): one relay, a chain of two, bulk, and a relay that
//! goes away.

mod engine_support;
mod relay_net_support;

use std::sync::Arc;
use std::time::Duration;

use engine_support::tls_peer::Authority;
use engine_support::{Host, PATIENCE, wait_until};
use msrp::engine::{
    EngineOptions, Event, RelayLogin, RelayOptions, SendBody, SendOptions, SessionHandle,
    SessionOptions, TlsConfig,
};
use msrp::proto::CloseReason;
use msrp_conformance::covers;
use relay_net_support::{Loopback, PASSWORD, TestRelay};

/// A relay whose certificate `ca` has signed, and who trusts those of others.
fn relay(ca: &Authority, name: &str, change: impl FnOnce(&mut RelayOptions)) -> TestRelay {
    let tls = TlsConfig {
        ca: engine_support::tls::text(&ca.pem()),
        ..ca.issue(&[name], |_| ()).config()
    };
    TestRelay::secure(name, tls, change)
}

/// An engine to which every name is this machine.
fn host() -> Host {
    Host::from_options(EngineOptions {
        resolver: msrp::NameResolution::Resolver(Arc::new(Loopback)),
        ..EngineOptions::default()
    })
}

/// A session behind these relays.
fn behind(host: &Host, ca: &Authority, user: &str, relays: &[&TestRelay]) -> SessionHandle {
    let login = |relay: &&TestRelay| RelayLogin::new(relay.uri(user), user, PASSWORD);
    let session = host.session_with(SessionOptions {
        relays: relays.iter().map(login).collect(),
        tls: Some(TlsConfig {
            ca: engine_support::tls::text(&ca.pem()),
            ..TlsConfig::default()
        }),
        ..SessionOptions::default()
    });
    let engine = &host.engine;
    engine
        .authenticate(session, Some(PATIENCE))
        .expect("a login");
    host.wait("a path", |seen| {
        seen.has(session, |event| match event {
            Event::RelayFailed { error, .. } => panic!("no path: {error:?}"),
            Event::RelayPath { .. } => true,
            _ => false,
        })
    });
    session
}

#[track_caller]
fn connect(a: &Host, one: SessionHandle, b: &Host, two: SessionHandle) {
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b.engine.create_answer(two, &offer, None);
    let answer = answer.expect("an answer");
    a.engine.set_remote(one, &answer, None).expect("taken");
    b.engine.open(two, Some(PATIENCE)).expect("waits");
    a.engine.open(one, Some(PATIENCE)).expect("connects");
    a.wait_opened(one);
    b.wait_opened(two);
}

/// A message of this size, confirmed by its receiver.
#[track_caller]
fn deliver(a: &Host, one: SessionHandle, b: &Host, two: SessionHandle, len: usize) {
    let body: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
    let options = SendOptions {
        content_type: "text/plain".into(),
        success_report: true,
        ..SendOptions::default()
    };
    let before = b.seen(|seen| seen.messages.get(&two).map_or(0, Vec::len));
    let admitted = a
        .engine
        .send(one, options, SendBody::Bytes(body.clone().into()))
        .expect("admitted");
    let got = b.wait_messages(two, before + 1);
    assert!(got[before].body == body, "{len} octets");
    a.wait_event(
        one,
        "delivered",
        |event| matches!(event, Event::Delivered { transfer } if *transfer == admitted.transfer),
    );
}

#[test]
fn two_parties_behind_one_relay() {
    let ca = Authority::new("Relays");
    let relay = relay(&ca, "relay.example.org", |_| ());
    let (a, b) = (host(), host());
    let alice = behind(&a, &ca, "alice", &[&relay]);
    let bob = behind(&b, &ca, "bob", &[&relay]);
    connect(&a, alice, &b, bob);
    for len in [10, 3000, 300_000] {
        deliver(&a, alice, &b, bob, len);
        deliver(&b, bob, &a, alice, len);
    }
    // Only the sessions' connections: nobody listens.
    wait_until(|| relay.stats().connections == 2);
    a.engine.close(alice, None).expect("closes");
    a.wait_closed(alice);
    b.engine.close(bob, None).expect("closes");
    b.wait_closed(bob);
    covers!("R-026", "R-029", "R-030", "R-039", "R-041");
}

/// Alice is behind two relays, of which Bob knows only the second; Bob has none.
#[test]
fn a_chain_of_two_relays_and_a_peer_without() {
    let ca = Authority::new("Relays");
    let inner = relay(&ca, "inner.example.org", |_| ());
    let outer = relay(&ca, "outer.example.org", |_| ());
    let (a, b) = (host(), host());
    let alice = behind(&a, &ca, "alice", &[&inner, &outer]);
    let path = a.engine.local_path(alice).expect("a path");
    let hosts: Vec<_> = path.iter().map(|uri| uri.host().to_string()).collect();
    assert_eq!(
        hosts,
        ["outer.example.org", "inner.example.org", "127.0.0.1"]
    );
    let bob = behind(&b, &ca, "bob", &[&outer]);
    connect(&a, alice, &b, bob);
    for len in [10, 100_000] {
        deliver(&a, alice, &b, bob, len);
        deliver(&b, bob, &a, alice, len);
    }
    // One with a listener of its own, and TLS: it connects to the outer relay.
    let direct = b.session_with(SessionOptions {
        secure: true,
        tls: Some(TlsConfig {
            ca: engine_support::tls::text(&ca.pem()),
            ..TlsConfig::default()
        }),
        ..SessionOptions::default()
    });
    let third = behind(&a, &ca, "alice", &[&inner, &outer]);
    connect(&b, direct, &a, third);
    deliver(&b, direct, &a, third, 5000);
    deliver(&a, third, &b, direct, 5000);
    covers!("R-026", "R-028", "R-029", "R-030", "S-023", "S-077");
}

#[test]
fn the_session_ends_with_its_relay_and_a_wrong_password_is_told() {
    let ca = Authority::new("Relays");
    let relay = relay(&ca, "relay.example.org", |_| ());
    let a = host();
    let wrong = a.session_with(SessionOptions {
        relays: vec![RelayLogin::new(relay.uri("bob"), "bob", "wrong")],
        tls: Some(TlsConfig {
            ca: engine_support::tls::text(&ca.pem()),
            ..TlsConfig::default()
        }),
        ..SessionOptions::default()
    });
    a.engine
        .authenticate(wrong, Some(PATIENCE))
        .expect("a login");
    a.wait_event(wrong, "refused", |event| {
        matches!(event, Event::RelayFailed { error, .. } if error.kind == msrp::ErrorKind::Auth)
    });
    let alice = behind(&a, &ca, "alice", &[&relay]);
    relay
        .engine
        .relay_close(relay.handle, Duration::ZERO)
        .expect("closes");
    let closed = a.wait_closed(alice);
    assert!(
        matches!(&closed.reason, CloseReason::ConnectionLost(text) if text.contains("relay")),
        "{closed:?}"
    );
    covers!("R-025", "R-038");
}

/// The relay refuses a time that is too short, and takes the one that it names; then it is renewed.
#[test]
fn times_are_those_of_the_relay() {
    let ca = Authority::new("Relays");
    let relay = relay(&ca, "relay.example.org", |options| {
        options.min_lifetime = Duration::from_secs(4);
    });
    let a = host();
    let session = a.session_with(SessionOptions {
        relays: vec![RelayLogin {
            expires: Some(Duration::from_secs(1)),
            ..RelayLogin::new(relay.uri("alice"), "alice", PASSWORD)
        }],
        tls: Some(TlsConfig {
            ca: engine_support::tls::text(&ca.pem()),
            ..TlsConfig::default()
        }),
        ..SessionOptions::default()
    });
    a.engine
        .authenticate(session, Some(PATIENCE))
        .expect("a login");
    a.wait_event(session, "a path", |event| {
        matches!(event, Event::RelayPath { lifetime: Some(time), .. }
            if *time <= Duration::from_secs(4) && *time > Duration::from_secs(1))
    });
    a.engine.create_offer(session).expect("an offer");
    a.forget();
    // The offer is open, and no other one due before its answer.
    a.wait_event(session, "further URIs", |event| {
        matches!(
            event,
            Event::RelayPath {
                offer_due: false,
                ..
            }
        )
    });
    covers!("R-034", "R-035");
}
