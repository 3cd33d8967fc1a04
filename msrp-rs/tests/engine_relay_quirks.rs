//! Sessions behind relays that mind what others want (quirks 23): the client finds out by trying.

mod engine_support;

use std::time::Duration;

use engine_support::relay::{FakeRelay, parameter};
use engine_support::{Host, PATIENCE};
use msrp::engine::{Event, SessionHandle};
use msrp_conformance::covers;

#[track_caller]
fn log_in(host: &Host, session: SessionHandle) {
    let login = host.engine.authenticate(session, Some(3 * PATIENCE));
    login.expect("a login");
    host.wait_event(session, "a path of relays", |event| match event {
        Event::RelayFailed { error, .. } => panic!("no path: {error:?}"),
        event => matches!(event, Event::RelayPath { .. }),
    });
}

/// Of each AUTH: its connection, whether it has credentials, and whether these have `uri`.
fn auths(relay: &FakeRelay) -> Vec<(usize, bool, bool)> {
    let requests = relay.requests("AUTH");
    let look = |came: &engine_support::relay::Came| {
        let authorization = came.header("Authorization");
        let uri = authorization.and_then(|value| parameter(value, "uri"));
        (came.connection, authorization.is_some(), uri.is_some())
    };
    requests.iter().map(look).collect()
}

#[test]
fn a_relay_that_never_answers_a_uri_is_asked_without() {
    let relay = FakeRelay::new();
    relay.change(|manners| {
        manners.minds_uri = true;
        manners.proves = false;
    });
    let host = Host::new();
    let (alice, bob) = (
        host.session_with(relay.options()),
        host.session_with(relay.options()),
    );
    log_in(&host, alice);
    let tried = [
        (0, false, false),
        (0, true, true),
        (1, false, false),
        (1, true, false),
    ];
    assert_eq!(auths(&relay), tried);
    // The next session knows, and uses the connection that works.
    log_in(&host, bob);
    let more = &auths(&relay)[tried.len()..];
    assert!(more.iter().all(|auth| auth.0 == 1 && !auth.2), "{more:?}");

    let engine = &host.engine;
    let offer = engine.create_offer(alice).expect("an offer");
    let answer = engine.create_answer(bob, &offer, None).expect("an answer");
    engine.set_remote(alice, &answer, None).expect("an answer");
    engine.open(bob, Some(PATIENCE)).expect("waits");
    engine.open(alice, Some(PATIENCE)).expect("connects");
    host.wait_opened(alice);
    host.wait_opened(bob);
    let transfer = host.send(alice, "Hello");
    host.wait_acknowledged(transfer);
    assert_eq!(host.wait_messages(bob, 1)[0].body, b"Hello");
    covers!("R-043", "R-056");
}

#[test]
fn a_relay_whose_423_has_no_end_is_asked_without_expires() {
    let relay = FakeRelay::new();
    // As Kamailio: what should be a header has no end, so that no end-line is seen.
    let endless = "423 Interval Out Of Bounds\nlibcrypto.so.3\0li".to_owned();
    relay.change(|manners| manners.answers = vec![endless]);
    let host = Host::new();
    let session = host.session_with(relay.options_for(Duration::from_secs(600)));
    log_in(&host, session);
    let requests = relay.requests("AUTH");
    let expires: Vec<_> = requests.iter().map(|came| came.header("Expires")).collect();
    assert_eq!(expires, [Some("600"), Some("600"), None, None]);
}

#[test]
fn rfc4976_4_6_a_423_is_answered_within_the_bound() {
    let relay = FakeRelay::new();
    let bound = "423 Interval Out-of-Bounds\nMin-Expires: 300\r\n".to_owned();
    relay.change(|manners| manners.answers = vec![bound]);
    let host = Host::new();
    let session = host.session_with(relay.options_for(Duration::from_secs(60)));
    log_in(&host, session);
    let requests = relay.requests("AUTH");
    let expires: Vec<_> = requests.iter().map(|came| came.header("Expires")).collect();
    assert_eq!(expires, [Some("60"), Some("60"), Some("300")]);
    // The same nonce, counted on.
    let count = requests[2]
        .header("Authorization")
        .and_then(|value| parameter(value, "nc"));
    assert_eq!(count.as_deref(), Some("00000002"));
    covers!("R-032", "R-035", "R-062");
}
