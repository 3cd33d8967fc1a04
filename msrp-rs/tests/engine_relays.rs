//! Sessions behind a relay of their own (RFC 4976 §5), against a relay made for the test.

mod engine_support;

use std::net::TcpListener;
use std::time::Duration;

use engine_support::relay::{FakeRelay, PASSWORD, USER, parameter};
use engine_support::tls::{certificate, text};
use engine_support::{Host, PATIENCE, limits, wait_until};
use msrp::engine::{
    Adopt, ConnectionSharing, Engine, Event, ListenOptions, LogLevel, RelayLogin, Relocation,
    SessionHandle, SessionOptions, TlsConfig, TlsVerify,
};
use msrp::error::{Error, ErrorKind};
use msrp::proto::CloseReason;
use msrp_conformance::covers;

/// Logs in, and gives the path of the relays.
#[track_caller]
fn log_in(host: &Host, session: SessionHandle) -> String {
    host.engine
        .authenticate(session, Some(PATIENCE))
        .expect("a login");
    host.wait("a path of relays", |seen| {
        seen.has(session, |event| match event {
            Event::RelayFailed { error, .. } => panic!("no path: {error:?}"),
            Event::RelayPath { .. } => true,
            _ => false,
        })
    });
    path(&host.engine, session)
}

fn path(engine: &Engine, session: SessionHandle) -> String {
    let path = engine.relay_path(session).expect("alive");
    path.expect("logged in").to_string()
}

/// Tries to log in, and gives why it failed.
#[track_caller]
fn refused(host: &Host, session: SessionHandle) -> Error {
    host.forget();
    host.engine
        .authenticate(session, Some(PATIENCE))
        .expect("a login");
    host.wait_event(session, "a failure", |event| {
        matches!(event, Event::RelayFailed { .. })
    });
    host.seen(|seen| {
        seen.events.iter().find_map(|(_, event)| match event {
            Event::RelayFailed { error, .. } => Some(error.clone()),
            _ => None,
        })
    })
    .expect("just seen")
}

fn sdp_path(sdp: &str) -> Vec<String> {
    let line = sdp.lines().find_map(|line| line.strip_prefix("a=path:"));
    let uris = line.expect("a path").split(' ');
    uris.map(str::to_owned).collect()
}

#[test]
fn rfc4976_5_1_a_session_logs_in_and_its_path_begins_with_the_relay() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let session = host.session_with(relay.options());
    // Before that there is nothing to say.
    let engine = &host.engine;
    for result in [
        engine.create_offer(session),
        engine.local_media(session),
        engine.local_path(session).map(|path| path.to_string()),
        engine.create_answer(session, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 7 TCP/MSRP *\r\na=accept-types:*\r\na=path:msrp://127.0.0.1:7/abcdefghij;tcp\r\n", None),
    ] {
        let error = result.expect_err("not logged in");
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert!(error.context.contains("authenticate"), "{error}");
    }
    assert_eq!(engine.relay_path(session), Ok(None));

    let given = log_in(&host, session);
    let offer = engine.create_offer(session).expect("an offer");
    let own = engine
        .local_path(session)
        .expect("a path")
        .last()
        .to_string();
    assert_eq!(sdp_path(&offer), [given.clone(), own.clone()]);
    // RFC 4975 §8.1: the m= and c= lines are those of the own URI, the protocol that of the relay's.
    let port = own.split([':', '/']).nth(4).expect("a port");
    assert!(
        offer.contains(&format!(
            "m=message {port} TCP/TLS/MSRP *\r\nc=IN IP4 127.0.0.1\r\n"
        )) || offer.contains(&format!("m=message {port} TCP/TLS/MSRP *\r\n")),
        "{offer}"
    );
    assert!(offer.contains("a=setup:actpass\r\n"), "{offer}");
    assert!(!offer.contains("fingerprint"), "{offer}");

    let auths = relay.requests("AUTH");
    assert_eq!(auths.len(), 2);
    let [first, second] = &auths[..] else {
        unreachable!()
    };
    for auth in &auths {
        assert_eq!(auth.header("To-Path"), Some(&*relay.uri()));
        assert_eq!(auth.header("From-Path"), Some(&*own));
    }
    assert_eq!(first.header("Authorization"), None);
    let authorization = second.header("Authorization").expect("credentials");
    assert_eq!(parameter(authorization, "username").as_deref(), Some(USER));
    assert_ne!(first.text.split(' ').nth(1), second.text.split(' ').nth(1));
    // A relay is shown no certificate.
    assert_eq!(relay.shown(), [0]);
    covers!(
        "R-020", "R-022", "R-023", "R-024", "R-027", "R-030", "R-040", "R-046", "S-003", "S-066"
    );
}

/// Two sessions behind one relay, one connection between the engine and the relay.
#[test]
fn rfc4976_5_2_messages_pass_the_relay_both_ways() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let engine = &host.engine;
    let (alice, bob) = (
        host.session_with(relay.options()),
        host.session_with(relay.options()),
    );
    let (of_alice, of_bob) = (log_in(&host, alice), log_in(&host, bob));
    assert_ne!(of_alice, of_bob);
    let offer = engine.create_offer(alice).expect("an offer");
    let answer = engine.create_answer(bob, &offer, None).expect("an answer");
    assert!(answer.contains("TCP/TLS/MSRP"), "{answer}");
    engine.set_remote(alice, &answer, None).expect("an answer");
    engine.open(bob, Some(PATIENCE)).expect("waits");
    engine.open(alice, Some(PATIENCE)).expect("connects");
    host.wait_opened(alice);
    host.wait_opened(bob);
    for (from, to, text) in [(alice, bob, "Hello, Bob"), (bob, alice, "Hello, Alice")] {
        let transfer = host.send(from, text);
        host.wait_acknowledged(transfer);
        assert_eq!(host.wait_messages(to, 1)[0].body, text.as_bytes());
    }
    assert_eq!(relay.connections(), 1);
    let sends = relay.requests("SEND");
    let (of_alice_uri, of_bob_uri) = (
        engine.local_path(alice).expect("a path").last().to_string(),
        engine.local_path(bob).expect("a path").last().to_string(),
    );
    // The binding request of the active side came first, and the passive one began nothing.
    assert_eq!(sends[0].header("From-Path"), Some(&*of_alice_uri));
    for send in &sends {
        let expected = match send.header("From-Path") {
            Some(from) if from == of_alice_uri => format!("{of_alice} {of_bob} {of_bob_uri}"),
            _ => format!("{of_bob} {of_alice} {of_alice_uri}"),
        };
        assert_eq!(send.header("To-Path"), Some(&*expected));
    }
    // The second login used the nonce of the first.
    let auths = relay.requests("AUTH");
    assert_eq!(auths.len(), 3);
    assert!(auths[2].header("Authorization").is_some());
    covers!(
        "R-029", "R-031", "R-039", "R-041", "R-197", "S-011", "S-077"
    );
}

/// Two sessions of one host behind one relay, that are open.
#[track_caller]
fn pair(host: &Host, relay: &FakeRelay) -> (SessionHandle, SessionHandle) {
    let sessions = (
        host.session_with(relay.options()),
        host.session_with(relay.options()),
    );
    log_in(host, sessions.0);
    log_in(host, sessions.1);
    exchange(host, sessions);
    host.engine.open(sessions.1, Some(PATIENCE)).expect("waits");
    host.engine
        .open(sessions.0, Some(PATIENCE))
        .expect("connects");
    host.wait_opened(sessions.0);
    host.wait_opened(sessions.1);
    sessions
}

/// The first offers, the second answers.
#[track_caller]
fn exchange(host: &Host, (one, two): (SessionHandle, SessionHandle)) {
    let offer = host.engine.create_offer(one).expect("an offer");
    let answer = host.engine.create_answer(two, &offer, None);
    let answer = answer.expect("an answer");
    host.engine
        .set_remote(one, &answer, None)
        .expect("an answer");
}

#[test]
fn rfc4976_9_2_a_relay_of_another_name_hears_nothing() {
    let relay = FakeRelay::named(&["other.example.com"]);
    let host = Host::new();
    let session = host.session_with(relay.options());
    let error = refused(&host, session);
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.context.contains("localhost"), "{error}");
    // Nobody's CA.
    let relay = FakeRelay::new();
    let options = SessionOptions {
        tls: None,
        ..relay.options()
    };
    let session = host.session_with(options);
    assert_eq!(refused(&host, session).kind, ErrorKind::Tls);
    assert_eq!(relay.came().len(), 0);
    covers!("R-020", "T-39");
}

#[test]
fn rfc4976_9_2_without_tls_only_where_it_is_asked_for() {
    let relay = FakeRelay::plain();
    let host = Host::new();
    host.engine.set_log(Some(LogLevel::Warn)).expect("alive");
    let login = RelayLogin::new(relay.uri(), USER, PASSWORD);
    let try_with = |login: RelayLogin| {
        let options = SessionOptions {
            relays: vec![login],
            ..SessionOptions::default()
        };
        host.engine.session(&host.domain, options)
    };
    let error = try_with(login).expect_err("no TLS");
    assert_eq!(error.kind, ErrorKind::InvalidUri);
    assert!(error.context.contains("relays[0].uri"), "{error}");
    // This machine has no such address; another would be no loopback.
    for uri in ["msrp://192.0.2.1:2855;tcp", "msrps://192.0.2.1;tcp"] {
        let login = RelayLogin {
            insecure_plain_auth: uri.starts_with("msrp:"),
            ..RelayLogin::new(uri, USER, PASSWORD)
        };
        let outcome = try_with(login);
        assert_eq!(outcome.is_ok(), uri.starts_with("msrp:"), "{outcome:?}");
    }
    assert_eq!(relay.came().len(), 0);
    for _ in 0..2 {
        let session = try_with(relay.login()).expect("a session");
        log_in(&host, session);
        let offer = host.engine.create_offer(session).expect("an offer");
        assert!(offer.contains(" TCP/MSRP "), "{offer}");
    }
    let (log, _) = host.engine.take_log(1 << 20);
    let warned = log
        .iter()
        .filter(|record| record.text.contains("insecure_plain_auth"));
    assert_eq!(warned.count(), 1);
    covers!("R-021", "R-194", "T-42");
}

#[test]
fn rfc2617_3_2_1_a_wrong_password_is_tried_once() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let options = SessionOptions {
        relays: vec![RelayLogin::new(relay.uri(), USER, "wrong")],
        ..relay.options()
    };
    let session = host.session_with(options);
    let error = refused(&host, session);
    assert_eq!(error.kind, ErrorKind::Auth);
    assert_eq!(error.status.map(|status| status.0), Some(401));
    assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
    assert_eq!(relay.requests("AUTH").len(), 2);
    assert_eq!(host.engine.relay_path(session), Ok(None));
    covers!("R-025", "T-44");
}

#[test]
fn rfc4976_4_6_another_time_is_asked_for_where_the_relay_wants_another() {
    let relay = FakeRelay::new();
    let host = Host::new();
    relay.change(|manners| {
        manners.answers = vec!["423 Interval Out-of-Bounds\nMin-Expires: 300\r\n".into()];
    });
    let session = host.session_with(relay.options_for(Duration::from_secs(60)));
    log_in(&host, session);
    let auths = relay.requests("AUTH");
    let expires: Vec<_> = auths.iter().map(|auth| auth.header("Expires")).collect();
    assert_eq!(expires, [Some("60"), Some("60"), Some("300")]);
    covers!("R-032", "R-035");
}

#[test]
fn rfc4976_5_1_further_relays_are_asked_through_those_before() {
    let relay = FakeRelay::new();
    relay.change(|manners| manners.outer_expires = Some(600));
    let host = Host::new();
    let outer = "msrps://alice@outer.example.com;tcp";
    let options = SessionOptions {
        relays: vec![relay.login(), RelayLogin::new(outer, USER, PASSWORD)],
        ..relay.options()
    };
    let session = host.session_with(options);
    let given = log_in(&host, session);
    let (b, c) = given.split_once(' ').expect("two relays");
    assert!(b.contains("localhost") && c.contains("outer.example.com"));
    let offer = host.engine.create_offer(session).expect("an offer");
    let own = host.engine.local_path(session).expect("a path");
    let own = own.last().to_string();
    assert_eq!(sdp_path(&offer), [c, b, &own]);
    let auths = relay.requests("AUTH");
    let asked: Vec<_> = auths
        .iter()
        .map(|auth| auth.header("To-Path").expect("a path").to_owned())
        .collect();
    let through = format!("{b} {outer}");
    assert_eq!(asked, [relay.uri(), relay.uri(), through.clone(), through]);
    assert_eq!(relay.connections(), 1);
    host.wait_event(session, "the shortest time", |event| {
        matches!(event, Event::RelayPath { lifetime: Some(time), offer_due: false, .. }
            if *time <= Duration::from_secs(600) && *time > Duration::from_secs(500))
    });

    // The peer is behind relays, too.
    host.engine
        .set_remote_path(
            session,
            "msrps://d.example.com:1/dddddddddd;tcp msrps://e.example.com:1/eeeeeeeeee;tcp \
             msrps://f.example.com:1/ffffffffff;tcp",
            true,
            "*",
        )
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("opens");
    let first = relay.wait_requests("SEND", 1);
    let to = format!(
        "{b} {c} msrps://d.example.com:1/dddddddddd;tcp msrps://e.example.com:1/eeeeeeeeee;tcp \
         msrps://f.example.com:1/ffffffffff;tcp"
    );
    assert_eq!(first[0].header("To-Path"), Some(&*to));
    assert_eq!(first[0].header("From-Path"), Some(&*own));
    covers!(
        "R-026", "R-027", "R-028", "R-029", "R-030", "R-033", "S-023", "T-37"
    );
}

#[test]
fn rfc4976_9_1_a_relay_is_asked_by_one_session_at_a_time() {
    let relay = FakeRelay::new();
    relay.change(|manners| manners.holds_answers = true);
    let host = Host::new();
    let sessions: Vec<_> = (0..10)
        .map(|_| host.session_with(relay.options()))
        .collect();
    for session in &sessions {
        host.engine
            .authenticate(*session, Some(PATIENCE))
            .expect("a login");
        let again = host.engine.authenticate(*session, None);
        assert_eq!(again.expect_err("under way").kind, ErrorKind::Busy);
    }
    relay.wait_requests("AUTH", 1);
    relay.change(|manners| manners.holds_answers = false);
    let mut given = std::collections::HashSet::new();
    for session in &sessions {
        host.wait_event(*session, "a path", |event| {
            matches!(event, Event::RelayPath { .. })
        });
        given.insert(path(&host.engine, *session));
    }
    assert_eq!(given.len(), 10);
    assert_eq!(relay.most_open(), 1);
    assert_eq!(relay.connections(), 1);
    covers!("R-031", "R-039", "R-059", "R-062", "R-198");
}

#[test]
fn rfc4976_3_1_a_relay_with_one_uri_per_connection_gets_more_connections() {
    let relay = FakeRelay::new();
    relay.change(|manners| manners.one_per_connection = true);
    let host = Host::new();
    let given: std::collections::HashSet<_> = (0..3)
        .map(|_| log_in(&host, host.session_with(relay.options())))
        .collect();
    assert_eq!(given.len(), 3);
    assert_eq!(relay.connections(), 3);
    covers!("R-031", "R-199", "T-46");
}

/// Each expires in its time, or as its connection does.
#[test]
fn rfc4976_3_1_a_relay_with_one_uri_leaves_it_to_the_session_that_has_it() {
    for expires in [Some(900), None] {
        let relay = FakeRelay::new();
        relay.change(|manners| (manners.one_for_all, manners.expires) = (true, expires));
        let host = Host::new();
        host.engine.set_log(Some(LogLevel::Warn)).expect("alive");
        let (alice, bob) = (
            host.session_with(relay.options()),
            host.session_with(relay.options()),
        );
        let given = log_in(&host, alice);
        let error = refused(&host, bob);
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert!(error.context.contains("one URI to two sessions"), "{error}");
        let token = given.rsplit('/').next().expect("a session-id");
        assert!(!error.context.contains(token), "{error}");
        // Another connection was tried, and got the same: no other will do.
        assert_eq!(relay.connections(), 2);
        let count = |connection: usize| {
            let auths = relay.requests("AUTH");
            let of = auths.iter().filter(|auth| auth.connection == connection);
            of.count()
        };
        // The relay takes it for bob's, until alice asks for it again: of these one had a challenge, one was bob's.
        wait_until(|| count(0) > 3);
        let (log, _) = host.engine.take_log(1 << 20);
        let mut warned = log.iter().filter(|it| it.level == LogLevel::Warn);
        let warned = warned.find(|record| record.text.contains("on two connections"));
        let warned = warned.expect("a record");
        assert!(!warned.text.contains(token), "{warned:?}");
        assert_eq!(path(&host.engine, alice), given);

        relay.change(|manners| manners.one_for_all = false);
        host.forget();
        log_in(&host, bob);
        exchange(&host, (alice, bob));
        let engine = &host.engine;
        engine.open(alice, Some(PATIENCE)).expect("connects");
        engine.open(bob, Some(PATIENCE)).expect("connects");
        host.wait_opened(alice);
        host.wait_opened(bob);
        let transfer = host.send(bob, "for alice");
        host.wait_acknowledged(transfer);
        assert_eq!(host.wait_messages(alice, 1)[0].body, b"for alice");
    }
    covers!("R-031", "R-199");
}

#[test]
fn a_session_may_have_a_connection_to_the_relay_of_its_own() {
    let relay = FakeRelay::new();
    let host = Host::new();
    for count in 1..=2 {
        let session = host.session_with(SessionOptions {
            connection_sharing: ConnectionSharing::Session,
            ..relay.options()
        });
        log_in(&host, session);
        assert_eq!(relay.connections(), count);
    }
    // Another user, too.
    let relay = FakeRelay::new();
    log_in(&host, host.session_with(relay.options()));
    let other = SessionOptions {
        relays: vec![RelayLogin {
            realm: Some("relay.example.com".into()),
            ..relay.login()
        }],
        ..relay.options()
    };
    log_in(&host, host.session_with(other));
    assert_eq!(relay.connections(), 2);
}

#[test]
fn rfc4976_9_4_new_uris_come_before_the_old_ones_expire_and_an_offer_is_due() {
    let relay = FakeRelay::new();
    let host = Host::new();
    relay.change(|manners| manners.expires = Some(10));
    let alice = host.session_with(relay.options());
    let before = log_in(&host, alice);
    relay.change(|manners| manners.expires = Some(900));
    let bob = host.session_with(relay.options());
    log_in(&host, bob);
    exchange(&host, (alice, bob));
    host.engine.open(bob, Some(PATIENCE)).expect("waits");
    host.engine.open(alice, Some(PATIENCE)).expect("connects");
    host.wait_opened(alice);
    host.wait_opened(bob);
    host.wait_event(alice, "other URIs", |event| {
        matches!(
            event,
            Event::RelayPath {
                offer_due: true,
                ..
            }
        )
    });
    let after = path(&host.engine, alice);
    assert_ne!(before, after);
    assert_eq!(host.engine.offer_due(alice), Ok(true));
    // Until then the old ones serve.
    host.wait_acknowledged(host.send(alice, "old"));
    let to = |text: &str| {
        let sends = relay.requests("SEND");
        let send = sends.iter().find(|send| send.text.contains(text));
        let to = send.expect("sent").header("To-Path").expect("a path");
        to.to_owned()
    };
    assert!(to("old").starts_with(&before));

    exchange(&host, (alice, bob));
    assert_eq!(host.engine.offer_due(alice), Ok(false));
    let offered = host.engine.local_path(alice).expect("a path");
    assert_eq!(offered.first().as_str(), after);
    host.wait_acknowledged(host.send(alice, "new"));
    host.wait_acknowledged(host.send(bob, "back"));
    assert!(to("new").starts_with(&after));
    assert!(to("back").contains(&after));
    assert_eq!(host.wait_messages(bob, 2).len(), 2);
    assert_eq!(host.wait_messages(alice, 1)[0].body, b"back");
    assert_eq!(relay.connections(), 1);
    covers!("R-033", "R-034", "T-43");
}

#[test]
fn a_relay_that_gives_the_same_uri_has_prolonged_it() {
    let relay = FakeRelay::new();
    let host = Host::new();
    relay.change(|manners| {
        manners.expires = Some(4);
        manners.prolongs = true;
    });
    let session = host.session_with(relay.options());
    let given = log_in(&host, session);
    host.engine.create_offer(session).expect("an offer");
    let auths = relay.requests("AUTH").len();
    relay.wait_requests("AUTH", auths + 2);
    assert_eq!(path(&host.engine, session), given);
    host.take();
    let told = host.seen(|seen| {
        let is_path = |event: &Event| matches!(event, Event::RelayPath { .. });
        let events = seen.events.iter();
        events.filter(|(_, event)| is_path(event)).count()
    });
    assert_eq!(told, 1);
    assert_eq!(host.engine.offer_due(session), Ok(false));
    covers!("R-034", "T-43");
}

#[test]
fn a_relay_that_is_silent_to_a_repeated_uri_is_asked_without() {
    let relay = FakeRelay::new();
    let host = Host::with(limits(|limits| {
        limits.transaction = Duration::from_secs(3);
    }));
    relay.change(|manners| manners.answers = vec![String::new()]);
    let session = host.session_with(relay.options());
    log_in(&host, session);
    assert_eq!(relay.connections(), 2);
    let auths = relay.requests("AUTH");
    let with_uri = |auth: &engine_support::relay::Came| {
        let authorization = auth.header("Authorization")?;
        Some(parameter(authorization, "uri").is_some())
    };
    let said: Vec<_> = auths.iter().map(with_uri).collect();
    assert_eq!(said, [None, Some(true), None, Some(false)]);
    // The other connection is of no use.
    wait_until(|| relay.gone() == 1);
    covers!("R-056");
}

#[test]
fn a_relay_that_does_not_answer_is_given_up() {
    let relay = FakeRelay::new();
    let host = Host::with(limits(|limits| {
        limits.transaction = Duration::from_secs(3);
    }));
    relay.change(|manners| manners.answers = vec![String::new(), String::new()]);
    let session = host.session_with(relay.options());
    let error = refused(&host, session);
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    // It may be tried again.
    host.forget();
    log_in(&host, session);

    // The host's own time.
    relay.change(|manners| manners.holds_answers = true);
    let session = host.session_with(relay.options());
    host.engine
        .authenticate(session, Some(Duration::from_millis(50)))
        .expect("a login");
    host.wait_event(
        session,
        "too late",
        |event| matches!(event, Event::RelayFailed { error, .. } if error.kind == ErrorKind::Timeout),
    );
}

#[test]
fn a_silent_connection_is_replaced() {
    let relay = FakeRelay::new();
    let host = Host::with(limits(|limits| {
        limits.transaction = Duration::from_secs(3);
    }));
    let first = host.session_with(relay.options());
    log_in(&host, first);
    relay.change(|manners| manners.answers = vec![String::new()]);
    // The second session tries the connection that is there, and has one of its own then; the third shares that.
    for _ in 0..2 {
        log_in(&host, host.session_with(relay.options()));
        assert_eq!(relay.connections(), 2);
    }
    let auths = relay.requests("AUTH");
    assert_eq!(auths.last().map(|auth| auth.connection), Some(1));
    // The first keeps its own.
    assert_eq!(relay.gone(), 0);
}

#[test]
fn rfc4976_9_1_no_auth_stands_behind_one_that_was_given_up() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let engine = &host.engine;
    let first = host.session_with(relay.options());
    log_in(&host, first);
    relay.change(|manners| manners.holds_answers = true);
    let before = relay.requests("AUTH").len();
    let [given_up, queued] = [(); 2].map(|()| host.session_with(relay.options()));
    engine
        .authenticate(given_up, Some(PATIENCE))
        .expect("a login");
    relay.wait_requests("AUTH", before + 1);
    engine
        .authenticate(queued, Some(PATIENCE))
        .expect("a login");
    engine.close(given_up, None).expect("closes");
    // What waited, and what comes now, is asked elsewhere, though the answer is still owed.
    let auths = relay.wait_requests("AUTH", before + 2);
    assert_eq!(auths[before + 1].connection, 1);
    relay.change(|manners| manners.holds_answers = false);
    host.wait_event(queued, "a path", |event| {
        matches!(event, Event::RelayPath { .. })
    });
    // The host's own time ends it as well.
    relay.change(|manners| manners.holds_answers = true);
    let late = host.session_with(relay.options());
    engine
        .authenticate(late, Some(Duration::from_secs(1)))
        .expect("a login");
    host.wait_event(
        late,
        "too late",
        |event| matches!(event, Event::RelayFailed { error, .. } if error.kind == ErrorKind::Timeout),
    );
    relay.change(|manners| manners.holds_answers = false);
    log_in(&host, host.session_with(relay.options()));
    assert_eq!(relay.connections(), 3);
    covers!("R-198");
}

#[test]
fn a_relay_that_tls_has_not_proven_proves_itself() {
    for is_plain in [true, false] {
        let relay = match is_plain {
            true => FakeRelay::plain(),
            false => FakeRelay::new(),
        };
        let host = Host::new();
        let with = |accept_unproved: bool, verify: TlsVerify| SessionOptions {
            relays: vec![RelayLogin {
                accept_unproved,
                ..relay.login()
            }],
            tls: Some(TlsConfig {
                verify,
                ..relay.tls()
            }),
            ..SessionOptions::default()
        };
        log_in(&host, host.session_with(with(false, TlsVerify::None)));
        relay.change(|manners| manners.proves = false);
        let error = refused(&host, host.session_with(with(false, TlsVerify::None)));
        assert_eq!(error.kind, ErrorKind::Auth, "{error}");
        log_in(&host, host.session_with(with(true, TlsVerify::None)));
        if !is_plain {
            log_in(&host, host.session_with(with(false, TlsVerify::Ca)));
        }
    }
}

#[test]
fn rfc4976_9_4_new_uris_while_an_offer_is_open_are_for_the_next_one() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let engine = &host.engine;
    relay.change(|manners| manners.expires = Some(10));
    let alice = host.session_with(relay.options());
    log_in(&host, alice);
    let offer = engine.create_offer(alice).expect("an offer");
    relay.change(|manners| manners.expires = Some(900));
    let bob = host.session_with(relay.options());
    log_in(&host, bob);
    let due = |due: bool| {
        move |event: &Event| {
            matches!(event, Event::RelayPath { lifetime: Some(time), offer_due, .. }
            if time.as_secs() > 10 && *offer_due == due)
        }
    };
    host.wait_event(alice, "other URIs", due(false));
    assert_eq!(engine.offer_due(alice), Ok(false));
    let answer = engine.create_answer(bob, &offer, None).expect("an answer");
    engine.set_remote(alice, &answer, None).expect("an answer");
    assert_eq!(engine.offer_due(alice), Ok(true));
}

#[test]
fn rfc4976_6_3_the_uris_end_with_the_connection() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let (alice, bob) = pair(&host, &relay);
    let third = host.session_with(relay.options());
    log_in(&host, third);
    let before = path(&host.engine, third);
    relay.change(|manners| manners.hangs_up = true);
    for session in [alice, bob, third] {
        let closed = host.wait_closed(session);
        let CloseReason::ConnectionLost(text) = &closed.reason else {
            panic!("{closed:?}");
        };
        assert!(
            text.starts_with("connection to the relay was lost"),
            "{text}"
        );
        assert_eq!(closed.error.expect("an error").kind, ErrorKind::Connect);
    }
    relay.change(|manners| manners.hangs_up = false);
    let next = host.session_with(relay.options());
    assert_ne!(log_in(&host, next), before);
    assert_eq!(relay.connections(), 2);
    covers!("R-038", "T-46");
}

#[test]
fn rfc4976_9_2_no_relay_is_shown_a_certificate() {
    let relay = FakeRelay::new();
    let (cert, key) = certificate("im.example.com");
    let own = TlsConfig {
        cert: text(&cert),
        key: text(&key),
        ..relay.tls()
    };
    let host = Host::new();
    // Fingerprints say nothing of the relay, which is known by its name.
    for verify in [TlsVerify::Ca, TlsVerify::Fingerprint] {
        let session = host.session_with(SessionOptions {
            tls: Some(TlsConfig {
                verify,
                ..own.clone()
            }),
            ..relay.options()
        });
        log_in(&host, session);
        let offer = host.engine.create_offer(session).expect("an offer");
        assert!(!offer.contains("a=fingerprint"), "{offer}");
    }
    assert_eq!(relay.shown(), [0]);
    // A peer's relay is none of the peer; the peer itself is shown one.
    let path = |session_id: &str| format!("msrps://localhost:{}/{session_id};tcp", relay.port);
    let far = "msrps://bob.example.com:2855/bobbobbobb;tcp";
    for (remote, shown) in [
        (format!("{} {far}", path("tokentoken")), 0),
        (path("peerpeerpe"), 1),
    ] {
        let session = host.session_with(SessionOptions {
            host: "localhost".into(),
            secure: true,
            tls: Some(own.clone()),
            connection_sharing: ConnectionSharing::Session,
            ..SessionOptions::default()
        });
        host.engine
            .set_remote_path(session, &remote, true, "*")
            .expect("a path");
        let before = relay.connections();
        host.engine.open(session, Some(PATIENCE)).expect("dials");
        wait_until(|| relay.connections() > before);
        assert_eq!(relay.shown().last(), Some(&shown), "{remote}");
    }
    covers!("R-040", "S-118");
}

#[test]
fn rfc4976_5_4_connections_to_relays_are_kept_for_a_while() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let first = host.session_with(relay.options());
    log_in(&host, first);
    host.engine.close(first, None).expect("closes");
    host.wait_closed(first);
    let second = host.session_with(relay.options());
    log_in(&host, second);
    assert_eq!((relay.connections(), relay.gone()), (1, 0));
    let defaults = msrp::Limits::default();
    assert_eq!(defaults.relay_kept, Duration::from_secs(3600));
    assert_eq!(defaults.foreign_relay_kept, Duration::from_secs(300));
    covers!("R-042");
}

#[test]
fn relay_kept() {
    let relay = FakeRelay::new();
    let host = Host::with(limits(|limits| {
        limits.relay_kept = Duration::from_millis(100);
    }));
    let session = host.session_with(relay.options());
    log_in(&host, session);
    host.engine.close(session, None).expect("closes");
    host.wait_closed(session);
    wait_until(|| relay.gone() == 1);
}

#[test]
fn foreign_relay_kept() {
    for kept in [Duration::from_secs(300), Duration::from_millis(100)] {
        let relay = FakeRelay::plain();
        let host = Host::with(limits(|limits| limits.foreign_relay_kept = kept));
        let remote = format!(
            "msrp://127.0.0.1:{}/tokentoken;tcp msrp://192.0.2.1:2855/bobbobbobb;tcp",
            relay.port
        );
        let dial = || {
            let session = host.session();
            host.engine
                .set_remote_path(session, &remote, true, "*")
                .expect("a path");
            host.engine.open(session, Some(PATIENCE)).expect("dials");
            // The relay does not know that URI.
            host.wait_closed(session);
        };
        dial();
        if kept > PATIENCE {
            dial();
            assert_eq!((relay.connections(), relay.gone()), (1, 0));
        } else {
            wait_until(|| relay.gone() == 1);
        }
    }
    covers!("R-042");
}

#[test]
fn rfc4976_4_2_a_path_that_cannot_be_used_is_refused() {
    let relay = FakeRelay::new();
    let host = Host::new();
    for authority in ["192.0.2.1:9000", "msrp://localhost:9000", "localhost"] {
        relay.change(|manners| manners.authority = Some(authority.into()));
        let session = host.session_with(relay.options());
        let error = refused(&host, session);
        assert_eq!(error.kind, ErrorKind::Protocol, "{authority}: {error}");
    }
    // Another place of the relay is as good, and not connected to.
    relay.change(|manners| manners.authority = Some("server1.example.com:9000".into()));
    let (alice, bob) = pair(&host, &relay);
    assert!(path(&host.engine, alice).starts_with("msrps://server1.example.com:9000/"));
    host.wait_acknowledged(host.send(alice, "hello"));
    assert_eq!(host.wait_messages(bob, 1)[0].body, b"hello");
    covers!("R-045", "R-197", "T-46");
}

#[test]
fn requests_that_come_before_the_answer_are_held() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let session = host.session_with(relay.options());
    let token = log_in(&host, session);
    host.engine.create_offer(session).expect("an offer");
    let own = host.engine.local_path(session).expect("a path");
    let from = "msrps://peer.example.com:2855/peerpeerpe;tcp";
    relay.say(
        0,
        &format!(
            "MSRP early001 SEND\r\nTo-Path: {}\r\nFrom-Path: {token} {from}\r\nMessage-ID: early\r\n\
             Byte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nearly\r\n-------early001$\r\n",
            own.last()
        ),
    );
    let answer = format!(
        "m=message 2855 TCP/TLS/MSRP *\r\nc=IN IP4 192.0.2.7\r\na=accept-types:*\r\na=path:{from}\r\n\
         a=setup:active\r\n"
    );
    host.engine
        .set_remote(session, &answer, None)
        .expect("an answer");
    host.engine.open(session, Some(PATIENCE)).expect("waits");
    host.wait_opened(session);
    assert_eq!(host.wait_messages(session, 1)[0].body, b"early");
    wait_until(|| {
        let came = relay.came();
        came.iter()
            .any(|it| it.text.starts_with("MSRP early001 200"))
    });
    // Whoever else knows the URI does not reach the session: it listens nowhere.
    covers!("R-041", "S-077");
}

#[test]
fn an_offer_without_tls_is_answered_with_the_protocol_of_the_relay() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let session = host.session_with(relay.options());
    let given = log_in(&host, session);
    let peer = host.session();
    let offer = host.engine.create_offer(peer).expect("an offer");
    assert!(offer.contains(" TCP/MSRP "), "{offer}");
    let answer = host.engine.create_answer(session, &offer, None);
    let answer = answer.expect("an answer");
    assert!(answer.contains(" TCP/TLS/MSRP "), "{answer}");
    assert_eq!(sdp_path(&answer)[0], given);
    assert!(answer.contains("a=setup:passive\r\n"), "{answer}");
    covers!("S-011", "S-066");
}

#[test]
fn with_cema_the_relay_stands_in_the_address_lines() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let session = host.session_with(SessionOptions {
        cema: true,
        ..relay.options()
    });
    log_in(&host, session);
    let offer = host.engine.create_offer(session).expect("an offer");
    for line in [
        format!("m=message {} TCP/TLS/MSRP *", relay.port),
        "c=IN IP4 localhost".to_owned(),
        "a=setup:actpass".to_owned(),
        "a=msrp-cema".to_owned(),
    ] {
        assert!(offer.lines().any(|it| it == line), "{line}: {offer}");
    }
    covers!("S-093", "S-094");
}

#[test]
fn what_does_not_fit_with_relays_is_refused() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let listen = ListenOptions {
        host: "127.0.0.1".into(),
        ..ListenOptions::default()
    };
    let listener = host.engine.listen(listen).expect("a port");
    let with_uri = |uri: &str| SessionOptions {
        relays: vec![RelayLogin::new(uri, USER, PASSWORD)],
        ..SessionOptions::default()
    };
    let plain = |uri: &str, insecure_plain_auth| RelayLogin {
        insecure_plain_auth,
        ..RelayLogin::new(uri, USER, PASSWORD)
    };
    let with_login = |login: RelayLogin| SessionOptions {
        relays: vec![login],
        ..SessionOptions::default()
    };
    let cases = [
        (
            SessionOptions {
                listener: Some(listener),
                ..relay.options()
            },
            "listener",
        ),
        (
            SessionOptions {
                relays: vec![relay.login(); 9],
                ..SessionOptions::default()
            },
            "relays is 9",
        ),
        (with_uri("msrps://relay.example.com/s;tcp"), "session-id"),
        (with_uri("msrps://relay.example.com;ws"), "transport"),
        (with_uri("relay.example.com"), "relays[0].uri"),
        (with_uri("msrps://192.0.2.1;tcp"), "port"),
        (
            with_login(RelayLogin::new(relay.uri(), "", PASSWORD)),
            "relays[0].username",
        ),
        (
            with_login(RelayLogin {
                expires: Some(Duration::from_millis(1500)),
                ..relay.login()
            }),
            "whole seconds",
        ),
        (
            with_login(RelayLogin {
                tls: Some(TlsConfig {
                    verify: TlsVerify::Fingerprint,
                    ..TlsConfig::default()
                }),
                ..relay.login()
            }),
            "relays[0].tls.verify",
        ),
        // RFC 4976 §9.2: behind the first nothing would bound where it is.
        (
            SessionOptions {
                relays: vec![relay.login(), plain("msrp://127.0.0.1:2855;tcp", true)],
                ..relay.options()
            },
            "relays[1].insecure_plain_auth",
        ),
        (
            SessionOptions {
                relays: vec![relay.login(), plain("msrp://192.0.2.1:2855;tcp", false)],
                ..relay.options()
            },
            "relays[1].uri",
        ),
    ];
    for (options, word) in cases {
        let outcome = host.engine.session(&host.domain, options);
        let error = outcome.expect_err(word);
        assert!(error.context.contains(word), "{word}: {error}");
    }
    let plain = host.session();
    let error = host.engine.authenticate(plain, None).expect_err("no relay");
    assert!(error.context.contains("SessionOptions.relays"), "{error}");
    assert_eq!(host.engine.relay_path(plain), Ok(None));

    let session = host.session_with(relay.options());
    let error = host.engine.relocate(session, Relocation::default());
    assert_eq!(
        error.expect_err("behind a relay").kind,
        ErrorKind::InvalidArgument
    );
    let door = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = door.local_addr().expect("bound");
    let socket = std::net::TcpStream::connect(address).expect("connected");
    let refused = host.engine.adopt(session, socket, Adopt::default());
    let refused = refused.expect_err("behind a relay");
    assert!(refused.error.context.contains("relays"), "{refused:?}");
    // Secrets are not shown.
    let shown = format!("{:?}", relay.options());
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[tokio::test]
async fn programs_on_tokio_wait_for_the_path() {
    let relay = FakeRelay::new();
    let engine = msrp::Engine::new(msrp::EngineOptions::default()).expect("an engine");
    let session = engine.session(relay.options()).expect("a session");
    let mut events = session.events();
    let given = session.authenticate(PATIENCE).await.expect("a path");
    assert_eq!(session.relay_path(), Ok(Some(given.clone())));
    assert_eq!(session.local_path().expect("a path").first(), given.last());
    let told = loop {
        if let msrp::SessionEvent::RelayPath { path, .. } = events.next().await.expect("an event") {
            break path;
        }
    };
    assert_eq!(told, given);
    let wrong = SessionOptions {
        relays: vec![RelayLogin::new(relay.uri(), USER, "wrong")],
        ..relay.options()
    };
    let session = engine.session(wrong).expect("a session");
    let error = session.authenticate(PATIENCE).await.expect_err("wrong");
    assert_eq!(error.kind, ErrorKind::Auth);
    engine.shutdown(PATIENCE).await;
}

/// Polls a login until the relay has so many AUTHs, and no longer.
async fn until_asked<F: Future>(login: std::pin::Pin<&mut F>, relay: &FakeRelay, auths: usize) {
    let asked = async {
        while relay.requests("AUTH").len() < auths {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = login => panic!("a login ended before its AUTH was answered"),
        () = asked => {}
    }
}

#[tokio::test]
async fn an_answer_to_a_login_that_was_given_up_does_not_decide_the_next_one() {
    let relay = FakeRelay::new();
    let engine = msrp::Engine::new(msrp::EngineOptions::default()).expect("an engine");
    let session = engine.session(relay.options()).expect("a session");
    // It is given up while the relay thinks about it.
    relay.change(|manners| manners.holds_answers = true);
    {
        let mut login = std::pin::pin!(session.authenticate(PATIENCE));
        until_asked(login.as_mut(), &relay, 1).await;
    }
    relay.change(|manners| {
        manners.holds_answers = false;
        manners.answers = vec!["403 Forbidden".into(), "403 Forbidden".into()];
    });
    let error = session.authenticate(PATIENCE).await.expect_err("forbidden");
    assert_eq!(error.kind, ErrorKind::Auth);
    // The relay was asked anew, over a connection that owes no other answer.
    assert_eq!(relay.connections(), 2);

    // It is given up with its path given, and nobody told yet.
    let asked = relay.requests("AUTH").len();
    relay.change(|manners| manners.holds_answers = true);
    {
        let mut login = std::pin::pin!(session.authenticate(PATIENCE));
        until_asked(login.as_mut(), &relay, asked + 1).await;
        relay.change(|manners| manners.holds_answers = false);
        wait_until(|| matches!(session.relay_path(), Ok(Some(_))));
    }
    relay.change(|manners| {
        manners.answers = vec!["403 Forbidden".into(), "403 Forbidden".into()];
    });
    let error = session.authenticate(PATIENCE).await.expect_err("forbidden");
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(session.relay_path().expect("alive").is_some());
    engine.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn who_waits_for_the_same_login_keeps_it() {
    let relay = FakeRelay::new();
    let engine = msrp::Engine::new(msrp::EngineOptions::default()).expect("an engine");
    let session = engine.session(relay.options()).expect("a session");
    relay.change(|manners| manners.holds_answers = true);
    let mut second = std::pin::pin!(session.authenticate(PATIENCE));
    {
        let mut first = std::pin::pin!(session.authenticate(PATIENCE));
        until_asked(first.as_mut(), &relay, 1).await;
        until_asked(second.as_mut(), &relay, 1).await;
    }
    relay.change(|manners| manners.holds_answers = false);
    second.await.expect("a path");
    assert_eq!(relay.connections(), 1);
    engine.shutdown(PATIENCE).await;
}

/// A renewal that comes while a login is under way is none of its outcome, and a login that is given up does not end the
/// renewals.
#[test]
fn a_login_that_is_given_up_leaves_what_the_session_has() {
    let relay = FakeRelay::new();
    let host = Host::new();
    let session = host.session_with(relay.options());
    let engine = &host.engine;
    relay.change(|manners| manners.expires = Some(2));
    let given = log_in(&host, session);
    relay.change(|manners| manners.holds_answers = true);
    let asked = relay.requests("AUTH").len();
    let login = engine
        .authenticate(session, Some(PATIENCE))
        .expect("a login");
    relay.wait_requests("AUTH", asked + 1);
    host.forget();
    engine
        .cancel_login(session, login)
        .expect("it is under way");
    engine
        .cancel_login(session, login)
        .expect("it was under way");
    assert_eq!(path(engine, session), given);
    relay.change(|manners| manners.holds_answers = false);
    host.wait_event(session, "new URIs", |event| match event {
        Event::RelayPath { login, .. } => {
            assert_eq!(*login, None);
            true
        }
        _ => false,
    });
    assert_ne!(path(engine, session), given);
}
