//! A whole relay and those who mean it ill: what is not for it, what is forged, who is silent, who reads nothing, who
//! writes frames into bodies. The sessions of others notice nothing.

mod relay_hub;

use std::time::Duration;

use msrp::limits::Limits;
use msrp::role::relay::{LinkOptions, Party, Peer};
use msrp_conformance::covers;

use relay_hub::office_support::{DOOR, authorization, client, options, session};
use relay_hub::*;

const BOB: &str = "msrps://bob.example.net:7777/b0b;tcp";
const EVIL: &str = "msrps://victim.example.org:80/x;tcp";
const INTRA: &str = "intra.example.com";
const INNER: &str = "msrps://intra.example.com:9000/t0k;tcp";

/// Two clients of the relay that talk to each other.
struct Pair {
    links: [u64; 2],
    uris: [String; 2],
    said: usize,
}

impl Pair {
    fn new(hub: &mut Hub) -> Self {
        let links = [hub.connect(Peer::Client), hub.connect(Peer::Client)];
        let uris = [hub.login(links[0], "carol"), hub.login(links[1], "carol")];
        Self {
            links,
            uris,
            said: 0,
        }
    }

    /// Both say something, and get it, once and whole.
    fn talk(&mut self, hub: &mut Hub) {
        for (one, two) in [(0, 1), (1, 0)] {
            self.said += 1;
            let (from, to) = (self.links[one], self.links[two]);
            let body = format!("word {}", self.said);
            let path = format!("{} {} {}", self.uris[one], self.uris[two], session(to));
            let tid = format!("talk{}", self.said);
            hub.say(from, send(&tid, &path, &session(from), "", body.as_bytes()));
            assert_eq!(hub.one(from).status(), 200);
            let got = hub.one(to);
            assert_eq!(got.body, body.as_bytes());
            let back = format!("{} {} {}", self.uris[two], self.uris[one], session(from));
            assert_eq!(got.header("From-Path"), back);
            hub.say(to, response(&got, 200, &[]));
        }
    }
}

fn statuses(hub: &mut Hub, link: u64) -> Vec<u16> {
    hub.got(link).iter().map(Got::status).collect()
}

#[test]
fn requests_for_others_end_a_clients_connection_and_no_trunk() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    let trunk = hub.connect(Peer::Relay(INTRA.into()));
    for method in ["SEND", "REPORT", "AUTH", "FOOBAR"] {
        let text = frame("for0ther", method, EVIL, BOB, &[]);
        hub.say(trunk, &text);
        assert!(hub.got(trunk).is_empty());
        let eve = hub.connect(Peer::Client);
        hub.say(eve, &text);
        assert!(!hub.is_open(eve));
        assert!(hub.got(eve).is_empty());
    }
    assert!(hub.is_open(trunk));
    assert!(hub.dials.is_empty());
    assert_eq!(hub.unreached, 0);
    pair.talk(&mut hub);
    covers!("R-121");
}

#[test]
fn forged_expired_and_stolen_uris_are_answered_and_lead_nowhere() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    hub.reachable = vec!["bob.example.net".into(), "victim.example.org".into()];
    let alice = hub.connect(Peer::Client);
    let stolen = hub.login(alice, "alice");
    let forged = "msrps://relay.example.com:2855/0123456789abcdef0123456789abcdef;tcp";

    for (failure, answers) in [
        ("", vec![481]),
        ("Failure-Report: partial\r\n", vec![481]),
        ("Failure-Report: no\r\n", vec![]),
    ] {
        let eve = hub.connect(Peer::Client);
        let path = format!("{forged} {EVIL}");
        hub.say(eve, send("forged00", &path, &session(eve), failure, b"x"));
        assert_eq!(statuses(&mut hub, eve), answers, "{failure}");
    }
    // A REPORT is never answered.
    let eve = hub.connect(Peer::Client);
    hub.say(
        eve,
        frame("forged01", "REPORT", &format!("{forged} {EVIL}"), BOB, &[]),
    );
    assert!(hub.got(eve).is_empty());

    // With the URI of another it only gets to him.
    let path = format!("{stolen} {EVIL}");
    hub.say(eve, send("stolen00", &path, &session(eve), "", b"x"));
    assert_eq!(hub.one(alice).header("To-Path"), EVIL);
    assert_eq!(statuses(&mut hub, eve), [200]);
    assert!(hub.dials.is_empty());

    // He has it no more when his connection is gone, and neither has who comes after him.
    hub.lose(alice);
    let again = hub.connect(Peer::Client);
    hub.login(again, "alice");
    assert_eq!(
        hub.one(eve).header("Status"),
        "000 481 Session Does Not Exist"
    );
    let path = format!("{stolen} {BOB}");
    for link in [again, eve] {
        hub.say(link, send("reused00", &path, &session(link), "", b"x"));
        assert_eq!(statuses(&mut hub, link), [481]);
    }
    // And it ends in time.
    let expires = hub.challenged(again);
    let line = authorization(&expires, "alice", "secret", DOOR, 1);
    let got = hub.auth(again, "auth0002", &[line, "Expires: 60".into()]);
    let path = format!("{} {BOB}", got.header("Use-Path"));
    hub.say(again, send("expires0", &path, &session(again), "", b"x"));
    assert_eq!(statuses(&mut hub, again), [200]);
    assert_eq!(hub.dials, [BOB]);
    hub.pass(Duration::from_secs(61));
    hub.got(again);
    hub.say(again, send("expired0", &path, &session(again), "", b"x"));
    assert_eq!(statuses(&mut hub, again), [481]);
    assert_eq!(hub.dials.len(), 1);
    pair.talk(&mut hub);
    covers!(
        "R-108", "R-109", "R-112", "R-121", "R-123", "R-124", "R-148"
    );
}

#[test]
fn a_way_that_a_send_has_found_is_none_for_an_auth() {
    let mut hub = Hub::new();
    let alice = hub.connect(Peer::Client);
    let token = hub.login(alice, "alice");
    let eve = hub.connect(Peer::Client);
    let path = format!("{token} {}", session(alice));
    hub.say(eve, send("open0000", &path, &session(eve), "", b"x"));
    assert_eq!(hub.one(alice).body, b"x");
    assert_eq!(statuses(&mut hub, eve), [200]);
    hub.say(eve, frame("auth0000", "AUTH", &path, &session(eve), &[]));
    assert_eq!(statuses(&mut hub, eve), [403]);
    assert!(hub.got(alice).is_empty());

    // Nor the other way round: who is asked for a URI may lack a port, and has to be a relay.
    let path = format!("{token} msrps://intra.example.com;tcp");
    hub.say(
        alice,
        frame("auth0001", "AUTH", &path, &session(alice), &[]),
    );
    assert_eq!(statuses(&mut hub, alice), [408]);
    assert_eq!(hub.unreached, 1);
    hub.say(alice, send("send0001", &path, &session(alice), "", b"x"));
    assert_eq!(statuses(&mut hub, alice), [400]);
    covers!("R-130");
}

#[test]
fn ways_of_a_hundred_uris_and_loops_are_refused() {
    let mut limits = Limits::default();
    limits.path_uris = 1000;
    for limits in [Limits::default(), limits] {
        let is_wide = limits.path_uris > 100;
        let options = options();
        let mut hub = Hub::with(options, limits, LinkOptions::default());
        let mut pair = Pair::new(&mut hub);
        let alice = hub.connect(Peer::Client);
        let token = hub.login(alice, "alice");
        let own = [token.as_str(); 10].join(" ");
        for path in [
            format!("{own} {BOB}"),
            format!("{token} {token} {token} {BOB}"),
        ] {
            hub.say(alice, send("l00p0000", &path, &session(alice), "", b"x"));
            assert_eq!(statuses(&mut hub, alice), [403]);
        }
        let hops: Vec<_> = (0..99)
            .map(|n| format!("msrps://r{n}.example.net:1/t;tcp"))
            .collect();
        let path = format!("{token} {}", hops.join(" "));
        hub.say(alice, send("l0ng0000", &path, &session(alice), "", b"x"));
        let answers = statuses(&mut hub, alice);
        if is_wide {
            assert_eq!(answers, [403]);
        } else {
            assert!(answers.is_empty() && !hub.is_open(alice));
        }
        assert!(hub.dials.is_empty());
        assert_eq!(hub.unreached, 0);
        pair.talk(&mut hub);
    }
    covers!("R-132");
}

#[test]
fn replayed_credentials_get_a_new_nonce_only() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    let alice = hub.connect(Peer::Client);
    let seen = hub.challenged(alice);
    let line = |nc| authorization(&seen, "alice", "secret", DOOR, nc);
    let short = [line(7), "Expires: 1".into()];
    assert_eq!(hub.auth(alice, "auth0000", &short).status(), 423);
    for nc in [7, 6, 1, 0] {
        let got = hub.auth(alice, "auth0001", &[line(nc)]);
        assert_eq!(got.status(), 401);
        assert!(challenge(&got).stale);
    }
    // Overheard, and sent from elsewhere.
    let eve = hub.connect(Peer::Client);
    let got = hub.auth(eve, "auth0002", &[line(8)]);
    assert_eq!((got.status(), challenge(&got).stale), (401, true));
    assert_eq!(hub.auth(alice, "auth0003", &[line(8)]).status(), 200);
    let got = hub.auth(alice, "auth0004", &[line(9)]);
    assert_eq!((got.status(), challenge(&got).stale), (401, true));
    assert_eq!(hub.office.counts().tokens, 3);
    pair.talk(&mut hub);
    covers!("R-063", "R-065", "R-101");
}

#[test]
fn a_thousand_failed_auths_close_their_connections_and_nobody_elses() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    let here = client(250).address;
    let mut connections = 0;
    let mut failed = 0;
    while failed < 1000 {
        connections += 1;
        let eve = hub.connect(Peer::Client);
        for nth in 1.. {
            let challenge = hub.challenged(eve);
            let line = authorization(&challenge, "alice", "guess", DOOR, 1);
            hub.say(eve, frame("guess000", "AUTH", DOOR, &session(eve), &[line]));
            failed += 1;
            if !hub.is_open(eve) {
                assert_eq!(nth, 5, "{}", hub.why(eve));
                break;
            }
            assert_eq!(hub.one(eve).status(), 401);
        }
        if connections % 50 == 0 {
            pair.talk(&mut hub);
        }
    }
    assert_eq!(connections, 200);
    // The user is known elsewhere as before.
    let alice = hub.enter(Party {
        address: here,
        ..client(10_000)
    });
    hub.login(alice, "alice");
    // On a trunk it is nobody's fault but a client's there.
    let trunk = hub.connect(Peer::Relay(INTRA.into()));
    for n in 0..20 {
        let from = format!("msrps://intra.example.com:9000/t{n};tcp {}", session(trunk));
        hub.say(trunk, frame("auth0000", "AUTH", DOOR, &from, &[]));
        let line = authorization(&challenge(&hub.one(trunk)), "alice", "guess", DOOR, 1);
        hub.say(trunk, frame("auth0001", "AUTH", DOOR, &from, &[line]));
        assert_eq!(statuses(&mut hub, trunk), [401]);
    }
    assert!(hub.is_open(trunk));
    pair.talk(&mut hub);
    covers!("R-092", "R-094");
}

#[test]
fn who_has_succeeded_and_then_guesses_is_sent_away_too() {
    let mut hub = Hub::new();
    let eve = hub.connect(Peer::Client);
    hub.login(eve, "bob");
    for _ in 0..5 {
        assert!(hub.is_open(eve));
        let challenge = hub.challenged(eve);
        let line = authorization(&challenge, "alice", "guess", DOOR, 1);
        hub.say(eve, frame("guess000", "AUTH", DOOR, &session(eve), &[line]));
        hub.got(eve);
    }
    assert!(!hub.is_open(eve));
    assert_eq!(hub.office.counts().tokens, 0);
    covers!("R-092");
}

#[test]
fn rfc4976_6_1_new_connections_have_to_be_of_use() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    let silent = hub.connect(Peer::Client);
    let asking = hub.connect(Peer::Client);
    let failing = hub.connect(Peer::Client);
    let late = hub.connect(Peer::Client);
    let bad = |hub: &mut Hub, link: u64| {
        let path = format!("msrps://relay.example.com:2855/guess;tcp {BOB}");
        hub.say(link, send("bad00000", &path, &session(link), "", b"x"));
    };
    bad(&mut hub, failing);
    for _ in 0..10 {
        hub.challenged(asking);
        hub.challenged(late);
    }
    hub.pass(Duration::from_millis(29_900));
    for link in [silent, asking, failing, late] {
        assert!(hub.is_open(link), "{}", hub.why(link));
    }
    hub.login(late, "alice");
    hub.pass(Duration::from_millis(100));
    for link in [silent, asking, failing] {
        assert!(!hub.is_open(link));
    }
    // Many that are bad close it at once, unless one was good before.
    let failing = hub.connect(Peer::Client);
    for _ in 0..4 {
        bad(&mut hub, failing);
        assert!(hub.is_open(failing));
    }
    bad(&mut hub, failing);
    assert!(!hub.is_open(failing));
    for _ in 0..100 {
        bad(&mut hub, late);
    }
    hub.pass(Duration::from_secs(3000));
    assert!(hub.is_open(late));
    pair.talk(&mut hub);
    covers!("R-089", "R-090", "R-091");
}

#[test]
fn rfc4976_6_3_auths_that_fail_at_another_relay_count_for_the_client() {
    for through_relay in [false, true] {
        let mut hub = Hub::new();
        let mut pair = Pair::new(&mut hub);
        let extra = hub.connect(Peer::Relay("extra.example.net".into()));
        let (eve, from, token) = if through_relay {
            let trunk = hub.connect(Peer::Relay(INTRA.into()));
            let from = format!("{INNER} {}", session(trunk));
            hub.say(trunk, frame("auth0000", "AUTH", DOOR, &from, &[]));
            let line = authorization(&challenge(&hub.one(trunk)), "alice", "secret", DOOR, 1);
            hub.say(trunk, frame("auth0001", "AUTH", DOOR, &from, &[line]));
            let path = hub.one(trunk).header("Use-Path");
            (trunk, from, path.rsplit(' ').next().unwrap().to_owned())
        } else {
            let eve = hub.connect(Peer::Client);
            (eve, session(eve), hub.login(eve, "alice"))
        };
        let path = format!("{token} msrps://extra.example.net:2855;tcp");
        let challenged =
            "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"".to_owned();
        let stale = challenged.clone() + ", stale=TRUE";
        let credentials =
            "Authorization: Digest username=\"alice\", realm=\"x\", nonce=\"n\"".to_owned();
        let ask = |hub: &mut Hub, lines: &[String], challenge: &str| {
            hub.say(eve, frame("else0000", "AUTH", &path, &from, lines));
            let got = hub.one(extra);
            assert_eq!(got.header("From-Path"), format!("{token} {from}"));
            hub.say(extra, response(&got, 401, &[challenge.to_owned()]));
            let answer = hub.got(eve);
            assert_eq!(answer[0].header("WWW-Authenticate"), challenge[18..]);
            assert_eq!(answer[0].tid(), "else0000");
        };
        for _ in 0..10 {
            ask(&mut hub, &[], &challenged);
            ask(&mut hub, std::slice::from_ref(&credentials), &stale);
        }
        for _ in 0..5 {
            assert!(hub.is_open(eve));
            ask(&mut hub, std::slice::from_ref(&credentials), &challenged);
        }
        assert_eq!(hub.is_open(eve), through_relay);
        assert!(hub.is_open(extra));
        pair.talk(&mut hub);
    }
    covers!("R-093", "R-094", "R-113");
}

#[test]
fn peers_that_read_nothing_are_given_up_and_others_go_on() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    let alice = hub.connect(Peer::Client);
    let token = hub.login(alice, "alice");
    hub.reachable = vec!["bob.example.net".into()];
    let path = format!("{token} {BOB}");
    hub.say(alice, send("first000", &path, &session(alice), "", b"x"));
    let deaf = *hub.ports.keys().last().unwrap();
    hub.port(deaf).takes = Some(0);
    let body = vec![b'x'; 64 * 1024];
    for n in 0..200 {
        hub.say(
            alice,
            send(&format!("more{n:04}"), &path, &session(alice), "", &body),
        );
    }
    assert!(hub.most_held < 3 * 1024 * 1024, "{}", hub.most_held);
    pair.talk(&mut hub);
    hub.pass(Duration::from_secs(40));
    assert!(!hub.is_open(deaf));
    assert!(hub.is_open(alice));
    pair.talk(&mut hub);

    // One that asks and asks and does not read the answers is not read on.
    let deaf = hub.connect(Peer::Client);
    hub.login(deaf, "bob");
    hub.port(deaf).takes = Some(0);
    let forged = format!("msrps://relay.example.com:2855/guess;tcp {BOB}");
    for n in 0..20_000 {
        let text = frame(
            &format!("deaf{n:05}"),
            "FOOBAR",
            &forged,
            &session(deaf),
            &[],
        );
        hub.say(deaf, text);
    }
    assert!(hub.most_held < 5 * 1024 * 1024, "{}", hub.most_held);
    pair.talk(&mut hub);
    hub.pass(Duration::from_secs(31));
    assert!(!hub.is_open(deaf));
    pair.talk(&mut hub);
}

#[test]
fn rfc4975_7_1_no_end_line_is_planted_into_a_trunk() {
    let mut hub = Hub::new();
    let alice = hub.connect(Peer::Client);
    let token = hub.login(alice, "alice");
    let other = hub.connect(Peer::Client);
    let victim = hub.login(other, "bob");
    let trunk = hub.connect(Peer::Relay(INTRA.into()));
    let path = format!("{token} {INNER} {BOB}");
    let mut sent = vec![b'.'; 3000];
    let mut text = open("planting", &path, &session(alice), "Byte-Range: 1-*/*\r\n").into_bytes();
    text.extend_from_slice(&sent);
    hub.say(alice, text);
    let mut got = Vec::new();
    for round in 0..20 {
        // Who gets the chunk tells its sender what would end it.
        got.extend(hub.got(trunk));
        let tid = hub.reading(trunk).expect("a chunk is open");
        let inner = frame("evil0000", "SEND", &format!("{victim} {EVIL}"), BOB, &[]);
        let flag = ['$', '+', '#'][round % 3];
        let planted = format!("....\r\n-------{tid}{flag}\r\n{inner}");
        // In one piece, or octet by octet.
        if round % 2 == 0 {
            hub.say(alice, &planted);
        } else {
            for octet in planted.as_bytes() {
                hub.say(alice, [*octet]);
            }
        }
        sent.extend_from_slice(planted.as_bytes());
        let more = vec![b':'; 2500];
        hub.say(alice, &more);
        sent.extend_from_slice(&more);
    }
    hub.say(alice, "\r\n-------planting$\r\n");
    got.extend(hub.got(trunk));
    let mut body = Vec::new();
    for got in &got {
        assert_eq!(got.method(), "SEND");
        assert_eq!(got.header("Message-ID"), "mplanting");
        assert_eq!(got.header("To-Path"), format!("{INNER} {BOB}"));
        let start = got.head.byte_range().unwrap().start;
        assert_eq!(start, body.len() as u64 + 1);
        body.extend_from_slice(&got.body);
    }
    assert!(body == sent, "{} of {} octets", body.len(), sent.len());
    assert!(got.len() > 20);
    assert!(hub.got(other).is_empty());
    covers!("R-127", "R-154");
}

#[test]
fn transaction_ids_that_collide_are_told_apart() {
    let mut hub = Hub::new();
    let trunk = hub.connect(Peer::Relay(INTRA.into()));
    let mut clients = Vec::new();
    for _ in 0..5 {
        let link = hub.connect(Peer::Client);
        let token = hub.login(link, "alice");
        clients.push((link, token));
    }
    // All have the same one, some of them twice at a time.
    for (link, token) in clients.iter().chain(&clients) {
        let path = format!("{token} {INNER} {BOB}");
        let body = format!("from {link}");
        hub.say(
            *link,
            send("same0000", &path, &session(*link), "", body.as_bytes()),
        );
        hub.say(
            *link,
            frame("same0000", "FOOBAR", &path, &session(*link), &[]),
        );
    }
    let got = hub.got(trunk);
    assert_eq!(got.len(), 20);
    let mut tids: Vec<_> = got.iter().map(Got::tid).collect();
    tids.sort();
    tids.dedup();
    assert_eq!(tids.len(), 20);
    for (link, _) in &clients {
        assert_eq!(statuses(&mut hub, *link), [200, 200]);
    }
    for request in &got {
        let status = if request.method() == "SEND" { 415 } else { 299 };
        hub.say(trunk, response(request, status, &[]));
    }
    for (link, _) in &clients {
        let got = hub.got(*link);
        let reports = got.iter().filter(|got| got.method() == "REPORT");
        assert_eq!(reports.count(), 2);
        let answers = got.iter().filter(|got| got.status() == 299);
        assert!(answers.clone().all(|got| got.tid() == "same0000"));
        assert_eq!(answers.count(), 2);
        assert_eq!(got.len(), 4);
    }
    covers!("R-126", "R-144", "R-178", "R-181");
}

#[test]
fn responses_that_nobody_waits_for_are_dropped() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    let trunk = hub.connect(Peer::Relay(INTRA.into()));
    let alice = hub.connect(Peer::Client);
    let token = hub.login(alice, "alice");
    for from in [trunk, alice] {
        for (to, other) in [(token.as_str(), BOB), (EVIL, BOB), ("nonsense", "nonsense")] {
            for status in ["200 OK", "481 Gone", "999 ?"] {
                hub.say(from, frame("nobodys0", status, to, other, &[]));
                let path = format!("{to} {}", session(alice));
                hub.say(from, frame("nobodys1", status, &path, other, &[]));
            }
        }
        assert!(hub.is_open(from));
        assert!(hub.got(from).is_empty() && hub.got(alice).is_empty());
    }
    assert!(hub.dials.is_empty());
    assert_eq!(hub.unreached, 0);
    pair.talk(&mut hub);
    covers!("R-175", "R-176", "R-180");
}

#[test]
fn rfc4976_reports_are_no_weapon() {
    let mut hub = Hub::new();
    hub.reachable = vec!["victim.example.org".into()];
    let alice = hub.connect(Peer::Client);
    let token = hub.login(alice, "alice");
    // It says that it is somebody else; the next hop is dead.
    hub.say(
        alice,
        send("weapon00", &format!("{token} {BOB}"), EVIL, "", b"x"),
    );
    let got = hub.got(alice);
    assert_eq!((got[0].status(), got[1].method()), (200, "REPORT"));
    assert_eq!(got[1].header("To-Path"), EVIL);
    assert_eq!(got[1].header("Status"), "000 408 Request Timeout");
    assert!(hub.dials.is_empty());
    // And is gone when it could be told: the report is dropped.
    hub.reachable.push("bob.example.net".into());
    hub.say(
        alice,
        send("weapon01", &format!("{token} {BOB}"), EVIL, "", b"x"),
    );
    let bob = *hub.ports.keys().last().unwrap();
    let request = hub.one(bob);
    hub.lose(alice);
    hub.say(bob, response(&request, 413, &[]));
    assert_eq!(hub.dials, [BOB]);
    covers!("R-146", "R-203", "T-69");
}

#[test]
fn nonsense_ends_its_own_connection_alone() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    let token = pair.uris[0].clone();
    let path = format!("{token} {}", session(pair.links[0]));
    for text in [
        "GET / HTTP/1.1\r\nHost: relay\r\n\r\n".to_owned(),
        "\r\n".repeat(1000),
        "x".repeat(5000),
        format!(
            "MSRP a SEND\r\nTo-Path: {path}\r\n{}",
            "X: y\r\n".repeat(1000)
        ),
        format!("MSRP abcd SEND\r\nTo-Path: {}\r\n", "m".repeat(20_000)),
    ] {
        let eve = hub.connect(Peer::Client);
        hub.say(eve, text);
        hub.pass(Duration::from_secs(31));
        assert!(!hub.is_open(eve));
        pair.talk(&mut hub);
    }
    // Half a chunk, and then nothing: what was begun at the receiver's ends there.
    let eve = hub.connect(Peer::Client);
    let mut text = open("half0000", &path, &session(eve), "").into_bytes();
    text.extend_from_slice(&[b'x'; 100]);
    hub.say(eve, text);
    hub.lose(eve);
    let got = hub.one(pair.links[0]);
    assert_eq!((got.body.len(), got.end.as_octet()), (100, b'+'));
    pair.talk(&mut hub);
    covers!("R-155");
}

#[test]
fn rfc4976_9_2_a_stranger_without_tls_reaches_a_client_and_gets_no_uri() {
    let mut hub = Hub::new();
    let alice = hub.connect(Peer::Client);
    let token = hub.login(alice, "alice");
    let plain = hub.enter(Party {
        secure: false,
        ..client(90)
    });
    let path = format!("{token} {}", session(alice));
    hub.say(
        plain,
        send("plain000", &path, &session(plain), "", b"hello"),
    );
    assert_eq!(statuses(&mut hub, plain), [200]);
    let got = hub.one(alice);
    assert_eq!(got.body, b"hello");
    hub.say(alice, response(&got, 200, &[]));
    // The answer goes over the connection that the stranger has made.
    let back = format!("{token} {}", session(plain));
    hub.say(alice, send("back0000", &back, &session(alice), "", b"hi"));
    assert_eq!(hub.one(plain).body, b"hi");
    assert_eq!(statuses(&mut hub, alice), [200]);
    assert!(hub.dials.is_empty());

    let lines = ["Authorization: Digest username=\"alice\"".to_owned()];
    hub.say(
        plain,
        frame("auth0000", "AUTH", DOOR, &session(plain), &lines),
    );
    let got = hub.one(plain);
    assert_eq!(
        (got.status(), got.header("WWW-Authenticate").as_str()),
        (403, "")
    );
    assert!(!hub.is_open(plain));
    covers!("R-086", "R-087", "R-202", "T-42");
}

#[test]
fn rfc4976_5_1_answers_to_auths_go_back_the_whole_way() {
    let mut hub = Hub::new();
    let trunk = hub.connect(Peer::Relay(INTRA.into()));
    let from = format!("{INNER} {}", session(9));
    let door = "msrps://alice@Relay.example.com;tcp";
    hub.say(trunk, frame("auth0000", "AUTH", door, &from, &[]));
    let got = hub.one(trunk);
    assert_eq!((got.status(), got.tid().as_str()), (401, "auth0000"));
    assert_eq!(got.header("To-Path"), from);
    assert_eq!(got.header("From-Path"), door);
    covers!("R-115");
}

#[test]
fn rfc4976_7_the_body_of_an_auth_does_not_matter() {
    let mut hub = Hub::new();
    let alice = hub.connect(Peer::Client);
    let with_body = |tid: &str, method: &str, lines: &str| {
        let session = session(alice);
        format!(
            "MSRP {tid} {method}\r\nTo-Path: {DOOR}\r\nFrom-Path: {session}\r\n{lines}\
             Content-Type: text/plain\r\n\r\n{}\r\n-------{tid}$\r\n",
            "b".repeat(100)
        )
    };
    hub.say(alice, with_body("auth0000", "AUTH", ""));
    let got = hub.one(alice);
    assert_eq!((got.status(), got.body.len()), (401, 0));
    let line = authorization(&challenge(&got), "alice", "secret", DOOR, 1);
    hub.say(alice, with_body("auth0001", "AUTH", &format!("{line}\r\n")));
    let got = hub.one(alice);
    assert_eq!((got.status(), got.body.len()), (200, 0));
    // In other letters it is another method, which needs a URI.
    hub.say(alice, with_body("auth0002", "auth", ""));
    assert_eq!(statuses(&mut hub, alice), [481]);
    covers!("R-001");
}

#[test]
fn many_names_hold_no_more_than_one() {
    let mut hub = Hub::new();
    let mut pair = Pair::new(&mut hub);
    let alice = hub.connect(Peer::Client);
    let token = hub.login(alice, "alice");
    let eve = hub.connect(Peer::Client);
    let path = format!("{token} {}", session(alice));
    hub.say(eve, send("first000", &path, &session(eve), "", b"x"));
    hub.port(alice).takes = Some(0);
    let body = vec![b'x'; 100 * 1024];
    for n in 0..500 {
        let from = format!("msrps://eve{n}.example.com:7777/eve;tcp");
        hub.say(eve, send(&format!("name{n:04}"), &path, &from, "", &body));
    }
    assert!(hub.most_held < 18 * 1024 * 1024, "{}", hub.most_held);
    pair.talk(&mut hub);
    hub.pass(Duration::from_secs(40));
    assert!(!hub.is_open(alice));
    pair.talk(&mut hub);
}
