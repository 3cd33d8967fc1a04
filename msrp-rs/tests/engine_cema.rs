//! RFC 6714 on real sockets: engines on both sides of a middlebox that rewrites `c=` and `m=` line, and peers that know
//! nothing of CEMA.

mod engine_support;

use std::net::TcpListener;
use std::time::Duration;

use engine_support::middlebox::{ANCHOR, Middlebox};
use engine_support::names::{Name, Names};
use engine_support::tls::{certificate, text};
use engine_support::{Host, PATIENCE, RawPeer, remote_uri};
use msrp::engine::{
    Event, ListenOptions, SessionHandle, SessionOptions, SessionState, SetupPreference, TlsConfig,
    TlsVerify,
};
use msrp::error::ErrorKind;
use msrp_conformance::covers;

fn cema() -> SessionOptions {
    SessionOptions {
        cema: true,
        ..SessionOptions::default()
    }
}

/// A session that says it is at a name, which nobody can look up: only a middlebox knows the way.
fn hidden(name: &str) -> SessionOptions {
    SessionOptions {
        advertise: Some((name.to_owned(), 0)),
        ..cema()
    }
}

fn active(options: SessionOptions) -> SessionOptions {
    SessionOptions {
        setup: SetupPreference::Active,
        ..options
    }
}

fn port(sdp: &str) -> u16 {
    let line = line(sdp, "m=message");
    let port = line.split(' ').nth(1).expect("a port");
    port.parse().expect("a number")
}

fn line<'a>(sdp: &'a str, start: &str) -> &'a str {
    let found = sdp.lines().find(|line| line.starts_with(start));
    found.unwrap_or_else(|| panic!("no {start}: {sdp}"))
}

fn path_of(sdp: &str) -> &str {
    line(sdp, "a=path:").trim_start_matches("a=path:")
}

/// The `m=` block of a peer that knows no CEMA.
fn plain_peer(port: u16, setup: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=message {port} TCP/MSRP *\r\na=path:{}\r\na=accept-types:*\r\na=setup:{setup}\r\n",
        remote_uri(port)
    )
}

/// Both open; the first says something, the second hears it.
#[track_caller]
fn talk(a: (&Host, SessionHandle), b: (&Host, SessionHandle), said: &str) {
    for (host, session) in [a, b] {
        host.engine.open(session, Some(PATIENCE)).expect("opens");
    }
    a.0.wait_opened(a.1);
    b.0.wait_opened(b.1);
    let transfer = a.0.send(a.1, said);
    a.0.wait_acknowledged_with(b.0, transfer);
    assert_eq!(b.0.wait_messages(b.1, 1)[0].body, said.as_bytes());
}

#[test]
fn rfc6714_4_2_an_active_offerer_connects_to_the_c_line_and_says_the_path() {
    let (alice, bob) = (Host::new(), Host::new());
    let a = alice.session_with(active(cema()));
    let b = bob.session_with(hidden("bob.invalid"));
    let offer = alice.engine.create_offer(a).expect("an offer");
    assert_eq!(line(&offer, "a=msrp-cema"), "a=msrp-cema");
    let answer = bob.engine.create_answer(b, &offer, None).expect("answers");
    assert_eq!(line(&answer, "a=msrp-cema"), "a=msrp-cema");
    let middlebox = Middlebox::new(port(&answer));
    let anchored = middlebox.anchor(&answer);
    assert_ne!(port(&anchored), port(&answer));
    alice.engine.set_remote(a, &anchored, None).expect("taken");
    assert_eq!(alice.engine.offer_due(a), Ok(false));
    talk((&alice, a), (&bob, b), "through the middle");
    assert_eq!(middlebox.connections(), 1);
    assert!(middlebox.has_seen(&format!("To-Path: {}\r\n", path_of(&answer))));
    assert!(middlebox.has_seen(&format!("From-Path: {}\r\n", path_of(&offer))));
    assert!(
        !middlebox.has_seen(ANCHOR),
        "that address is no part of MSRP"
    );
    covers!("S-097", "S-104");
}

#[test]
fn rfc6714_4_3_an_active_answerer_connects_to_the_c_line_and_says_the_path() {
    let (alice, bob) = (Host::new(), Host::new());
    let a = alice.session_with(hidden("alice.invalid"));
    let b = bob.session_with(active(cema()));
    let offer = alice.engine.create_offer(a).expect("an offer");
    let middlebox = Middlebox::new(port(&offer));
    let anchored = middlebox.anchor(&offer);
    let answer = bob.engine.create_answer(b, &anchored, None);
    let answer = answer.expect("answers");
    assert_eq!(line(&answer, "a=setup"), "a=setup:active");
    // The middlebox has an address for this direction, too, to which nobody goes.
    let back = Middlebox::new(9);
    alice
        .engine
        .set_remote(a, &back.anchor(&answer), None)
        .expect("taken");
    talk((&bob, b), (&alice, a), "the other way");
    assert_eq!((middlebox.connections(), back.connections()), (1, 0));
    assert!(middlebox.has_seen(&format!("To-Path: {}\r\n", path_of(&offer))));
    covers!("S-103", "S-104");
}

#[test]
fn rfc4975_8_1_without_cema_the_c_line_moves_nobody() {
    let (alice, bob) = (Host::new(), Host::new());
    let a = alice.session_with(active(SessionOptions::default()));
    // The attribute alone switches nothing on.
    let b = bob.session_with(cema());
    let offer = alice.engine.create_offer(a).expect("an offer");
    assert!(!offer.contains("msrp-cema"), "{offer}");
    let answer = bob.engine.create_answer(b, &offer, None).expect("answers");
    let middlebox = Middlebox::new(port(&answer));
    let anchored = middlebox.anchor(&answer);
    alice.engine.set_remote(a, &anchored, None).expect("taken");
    talk((&alice, a), (&bob, b), "straight");
    assert_eq!(middlebox.connections(), 0);
    covers!("S-005");
}

/// Trust in a certificate for a name, by a CA or by fingerprint.
fn identities(verify: TlsVerify) -> [TlsConfig; 2] {
    let (one, two) = (certificate("alice.example"), certificate("bob.example"));
    let config = |own: &(Vec<u8>, Vec<u8>), other: &(Vec<u8>, Vec<u8>)| TlsConfig {
        ca: text(&other.0).filter(|_| verify == TlsVerify::Ca),
        cert: text(&own.0),
        key: text(&own.1),
        verify,
        ..TlsConfig::default()
    };
    [config(&one, &two), config(&two, &one)]
}

fn secured(name: &str, tls: TlsConfig) -> SessionOptions {
    SessionOptions {
        secure: true,
        tls: Some(tls),
        ..hidden(name)
    }
}

#[test]
fn rfc6714_7_4_tls_reaches_from_end_to_end_and_proves_the_host_of_the_path() {
    for verify in [TlsVerify::Ca, TlsVerify::Fingerprint] {
        let [of_alice, of_bob] = identities(verify);
        let (alice, bob) = (Host::new(), Host::new());
        let a = alice.session_with(active(secured("alice.example", of_alice)));
        let b = bob.session_with(secured("bob.example", of_bob));
        let offer = alice.engine.create_offer(a).expect("an offer");
        let answer = bob.engine.create_answer(b, &offer, None).expect("answers");
        let middlebox = Middlebox::new(port(&answer));
        alice
            .engine
            .set_remote(a, &middlebox.anchor(&answer), None)
            .expect("taken");
        talk((&alice, a), (&bob, b), "nobody reads along");
        assert_eq!(middlebox.connections(), 1);
        for secret in ["MSRP", "nobody reads along", "text/plain"] {
            assert!(!middlebox.has_seen(secret), "{secret}");
        }
        // What a host compares with what it stored of this peer.
        let prints = alice.engine.remote_fingerprints(a).expect("known");
        let told: Vec<String> = prints.iter().map(ToString::to_string).collect();
        let said = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=fingerprint:"));
        assert_eq!(told, said.collect::<Vec<_>>());
        assert_eq!(told.len(), 1);
    }
    covers!("S-105", "S-106", "S-121");
}

#[test]
fn rfc6714_7_4_a_certificate_for_the_middlebox_or_for_nobody_proves_nothing() {
    let own = certificate("alice.example");
    for name in [ANCHOR, "sbc.example"] {
        // The middlebox ends TLS itself, with a certificate that is trusted for its own address.
        let false_bob = certificate(name);
        let [mut of_alice, mut of_bob] = identities(TlsVerify::Ca);
        (of_alice.cert, of_alice.key) = (text(&own.0), text(&own.1));
        of_alice.ca = text(&false_bob.0);
        (of_bob.cert, of_bob.key) = (text(&false_bob.0), text(&false_bob.1));
        let (alice, bob) = (Host::new(), Host::new());
        let a = alice.session_with(active(secured("alice.example", of_alice)));
        let b = bob.session_with(secured("bob.example", of_bob));
        let offer = alice.engine.create_offer(a).expect("an offer");
        let answer = bob.engine.create_answer(b, &offer, None).expect("answers");
        let middlebox = Middlebox::new(port(&answer));
        alice
            .engine
            .set_remote(a, &middlebox.anchor(&answer), None)
            .expect("taken");
        alice.engine.open(a, Some(PATIENCE)).expect("dials");
        let error = alice.wait_closed(a).error.expect("why");
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
        assert!(!middlebox.has_seen("MSRP"));
    }
    covers!("S-105");
}

#[test]
fn rfc6714_4_2_an_answer_past_a_middlebox_brings_a_new_offer() {
    let alice = Host::new();
    let a = alice.session_with(cema());
    let first = alice.engine.create_offer(a).expect("an offer");
    assert_eq!(alice.engine.offer_due(a), Ok(false));
    // The peer knows no CEMA and would connect to our path; the middlebox hides where it is.
    let middlebox = Middlebox::new(9);
    let answer = middlebox.anchor(&plain_peer(7394, "active"));
    alice.engine.set_remote(a, &answer, None).expect("judged");
    assert_eq!(alice.engine.offer_due(a), Ok(true));
    assert_eq!(alice.engine.remote_path(a), Ok(None), "nothing was taken");
    let error = alice.engine.open(a, Some(PATIENCE)).expect_err("due");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.context.contains("new offer without CEMA"), "{error}");
    assert_eq!(alice.engine.state(a), Ok(SessionState::New));

    let second = alice.engine.create_offer(a).expect("an offer");
    assert_eq!(alice.engine.offer_due(a), Ok(false));
    assert!(!second.contains("msrp-cema"), "{second}");
    assert_eq!(path_of(&second), path_of(&first));
    // Now the middlebox stands in as a B2BUA: its own path, and lines that match it. It connects.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let own = listener.local_addr().expect("bound").port();
    alice
        .engine
        .set_remote(a, &plain_peer(own, "active"), None)
        .expect("taken");
    alice.engine.open(a, Some(PATIENCE)).expect("waits");
    let mut peer = RawPeer::connect(path_of(&second));
    peer.send(path_of(&second), &remote_uri(own), "bind0001", "hi");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    alice.wait_opened(a);
    // Later offers of this session do without, too.
    let media = alice.engine.local_media(a).expect("a block");
    assert!(!media.contains("msrp-cema"), "{media}");
    covers!("S-095");
}

#[test]
fn rfc6714_4_2_the_new_offer_can_be_an_m_block() {
    let alice = Host::new();
    let a = alice.session_with(cema());
    assert!(
        alice
            .engine
            .local_media(a)
            .expect("one")
            .contains("msrp-cema")
    );
    alice.engine.create_offer(a).expect("an offer");
    let middlebox = Middlebox::new(9);
    let answer = middlebox.anchor(&plain_peer(7394, "active"));
    alice.engine.set_remote(a, &answer, None).expect("judged");
    assert_eq!(alice.engine.offer_due(a), Ok(true));
    let block = alice.engine.local_media(a).expect("a block");
    assert!(!block.contains("msrp-cema"), "{block}");
    assert_eq!(alice.engine.offer_due(a), Ok(false));
}

#[test]
fn rfc6714_4_3_an_offer_changed_without_cema_is_refused_and_changes_nothing() {
    let bob = Host::new();
    let b = bob.session_with(cema());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let own = listener.local_addr().expect("bound").port();
    let middlebox = Middlebox::new(own);
    let honest = plain_peer(own, "passive");
    let error = bob
        .engine
        .create_answer(b, &middlebox.anchor(&honest), None)
        .expect_err("refused");
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert!(
        error
            .context
            .contains(&format!("c= and m= line say {ANCHOR}:{}", middlebox.port)),
        "{error}"
    );
    assert_eq!(bob.engine.remote_path(b), Ok(None));
    // The one that was not changed is answered, with the attribute, and we connect by it.
    let answer = bob.engine.create_answer(b, &honest, None).expect("answers");
    assert_eq!(line(&answer, "a=msrp-cema"), "a=msrp-cema");
    bob.engine.open(b, Some(PATIENCE)).expect("dials");
    let mut peer = RawPeer::from_stream(listener.accept().expect("a connection").0);
    let first = peer.frame();
    peer.answer(&first, "200 OK");
    bob.wait_opened(b);
    assert_eq!(middlebox.connections(), 0);
    covers!("S-100", "S-102");
}

#[test]
fn rfc6714_4_4_names_are_looked_up_before_an_offer_is_judged() {
    let ip = |text: &str| text.parse().expect("an address");
    let names = Names::new([
        (
            "peer.example",
            Name::Has(vec![ip("192.0.2.7"), ip("127.0.0.1")]),
        ),
        ("nowhere.example", Name::Fails("no such name")),
        ("silent.example", Name::Silent),
    ]);
    let mut options = names.options();
    options.limits.resolve = Duration::from_millis(50);
    let bob = Host::from_options(options);
    let prepare = |session: SessionHandle, sdp: &str| {
        let lookup = bob.engine.prepare_remote(session, sdp, None);
        let lookup = lookup.expect("begins");
        bob.wait_event(
            session,
            "names",
            |event| matches!(event, Event::Prepared { lookup: done } if *done == lookup),
        );
    };
    let named =
        |name: &str| plain_peer(7394, "active").replace("//127.0.0.1", &format!("//{name}"));
    let b = bob.session_with(cema());
    let offer = named("peer.example");
    let error = bob.engine.create_answer(b, &offer, None);
    let error = error.expect_err("not known");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.context.contains("prepare_remote"), "{error}");
    prepare(b, &offer);
    assert_eq!(names.asked(), ["peer.example"]);
    assert_eq!(bob.engine.remote_path(b), Ok(None), "only looked at");
    // The name has this address, and is not at that one.
    let elsewhere = offer.replace("c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.9");
    let error = bob.engine.create_answer(b, &elsewhere, None);
    assert_eq!(error.expect_err("refused").kind, ErrorKind::InvalidSdp);
    bob.engine.create_answer(b, &offer, None).expect("answers");

    // A name that nobody has, and one that nobody tells of, are at no address.
    for name in ["nowhere.example", "silent.example"] {
        let b = bob.session_with(cema());
        let offer = named(name);
        prepare(b, &offer);
        let error = bob.engine.create_answer(b, &offer, None);
        let error = error.expect_err("refused");
        assert_eq!(error.kind, ErrorKind::InvalidSdp);
        assert!(error.context.contains(&format!("{name}:7394")), "{error}");
    }
    let asked = names.asked().len();
    // Where nothing has to be known, the event comes all the same.
    let b = bob.session_with(cema());
    prepare(b, &plain_peer(7394, "active"));
    prepare(bob.session(), &offer);
    prepare(b, &offer.replace("m=message 7394", "m=message 0"));
    assert_eq!(names.asked().len(), asked);
    let error = bob.engine.prepare_remote(b, "m=", None);
    assert_eq!(error.expect_err("no SDP").kind, ErrorKind::InvalidSdp);
    covers!("S-099");
}

#[test]
fn a_connection_through_a_middlebox_is_shared_with_sessions_of_that_way_only() {
    let (alice, bob) = (Host::new(), Host::new());
    let listener = bob
        .engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("listens");
    let mut middlebox = None;
    // The same authority in each path, three ways to it: through the middlebox, past it, and through it again.
    let mut connect = |anchored: bool, said: &str| {
        let a = alice.session_with(active(cema()));
        let b = bob.session_with(SessionOptions {
            listener: Some(listener),
            ..cema()
        });
        let offer = alice.engine.create_offer(a).expect("an offer");
        let answer = bob.engine.create_answer(b, &offer, None).expect("answers");
        let middlebox = middlebox.get_or_insert_with(|| Middlebox::new(port(&answer)));
        let answer = if anchored {
            middlebox.anchor(&answer)
        } else {
            answer
        };
        alice.engine.set_remote(a, &answer, None).expect("taken");
        talk((&alice, a), (&bob, b), said);
        (middlebox.connections(), alice.engine.stats().connections)
    };
    assert_eq!(connect(true, "first"), (1, 1));
    assert_eq!(connect(false, "second"), (1, 2));
    assert_eq!(connect(true, "third"), (1, 2));
    assert_eq!(connect(false, "fourth"), (1, 2));
}

#[test]
fn rfc3264_8_4_hold_by_address_moves_nobody() {
    let (alice, bob) = (Host::new(), Host::new());
    let a = alice.session_with(active(cema()));
    let b = bob.session_with(cema());
    let offer = alice.engine.create_offer(a).expect("an offer");
    let answer = bob.engine.create_answer(b, &offer, None).expect("answers");
    let held = answer.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    alice.engine.set_remote(a, &held, None).expect("taken");
    assert_eq!(alice.engine.offer_due(a), Ok(false));
    for (host, session) in [(&alice, a), (&bob, b)] {
        host.engine.open(session, Some(PATIENCE)).expect("opens");
        host.wait_opened(session);
    }
}

#[test]
fn what_is_connected_needs_no_new_offer() {
    let (alice, bob) = (Host::new(), Host::new());
    let a = alice.session_with(cema());
    let b = bob.session_with(active(cema()));
    let offer = alice.engine.create_offer(a).expect("an offer");
    let middlebox = Middlebox::new(port(&offer));
    let back = Middlebox::new(9);
    let answer = bob
        .engine
        .create_answer(b, &middlebox.anchor(&offer), None)
        .expect("answers");
    alice
        .engine
        .set_remote(a, &back.anchor(&answer), None)
        .expect("taken");
    talk((&bob, b), (&alice, a), "first");

    // The peer refreshes, and its answer comes out of a middlebox that lost the attribute: as a first answer it would be
    // void.
    let offer = alice.engine.create_offer(a).expect("an offer");
    let answer = bob
        .engine
        .create_answer(b, &middlebox.anchor(&offer), None)
        .expect("answers");
    assert_eq!(line(&answer, "a=setup"), "a=setup:active");
    let plain = back.anchor(&answer).replace("a=msrp-cema\r\n", "");
    alice.engine.set_remote(a, &plain, None).expect("taken");
    assert_eq!(alice.engine.offer_due(a), Ok(false));
    let transfer = bob.send(b, "second");
    bob.wait_acknowledged_with(&alice, transfer);
    assert_eq!(alice.wait_messages(a, 2)[1].body, b"second");
    assert_eq!(middlebox.connections(), 1);
}
