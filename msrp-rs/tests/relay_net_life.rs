//! The life of a relay in a process: its host's answers, its end in order, and the end of its engine.

mod engine_support;
mod relay_net_support;

use std::future::pending;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use engine_support::raw::RawPeer;
use engine_support::{PATIENCE, limits, wait_until};
use msrp::Ha1;
use msrp::engine::{
    EngineOptions, RelayAnswer, RelayAuthorisation, RelayCredentials, RelayListenOptions,
    RelayMessage, RelayNextHop, RelayObservation, RelayPolicy, RelayUsers, RelayVerdict,
};
use msrp::error::ErrorKind;
use msrp::wire::StatusCode;
use msrp_conformance::covers;
use parking_lot_free::Mutex;
use relay_net_support::{Client, TestRelay, auth, exchange, header, secret, status};

/// std's, without its poison.
mod parking_lot_free {
    #[derive(Default)]
    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

fn half(client: &Client, to: &str) -> (String, String) {
    let (token, own) = (&client.token, &client.own);
    let begin = format!(
        "MSRP half1111 SEND\r\nTo-Path: {token} {to}\r\nFrom-Path: {own}\r\nMessage-ID: half\r\n\
         Byte-Range: 1-10/10\r\nContent-Type: text/plain\r\n\r\nfirst"
    );
    (begin, "other\r\n-------half1111$\r\n".to_owned())
}

#[test]
fn a_relay_that_ends_finishes_what_is_under_way() {
    let relay = TestRelay::plain();
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    let mut late = relay.connect();
    relay.wait(|stats| stats.connections == 3);
    let (begin, rest) = half(&alice, &bob.path());
    alice.peer.write(begin.as_bytes());
    relay.wait(|stats| stats.decisions.routed >= 1);
    relay
        .engine
        .relay_close(relay.handle, PATIENCE)
        .expect("alive");
    // Nobody new, and no URI.
    wait_until(|| std::net::TcpStream::connect(relay.address).is_err());
    let another = RelayListenOptions {
        host: "127.0.0.1".into(),
        secure: false,
        ..RelayListenOptions::default()
    };
    let another = relay.engine.relay_listen(relay.handle, another);
    assert_eq!(another.expect_err("it ends").kind, ErrorKind::Gone);
    let own = "msrp://127.0.0.1:9/late;tcp";
    let answer = exchange(&mut late, "late1111", &relay.uri("late"), own, "");
    assert_eq!(status(&answer), "403", "{answer}");
    alice.peer.write(rest.as_bytes());
    let request = bob.take();
    assert!(request.contains("firstother"), "{request}");
    assert_eq!(status(&alice.peer.frame()), "200");
    // Everything is done, long before the deadline.
    for peer in [&mut alice.peer, &mut bob.peer, &mut late] {
        assert!(peer.read_to_end().is_empty());
    }
    wait_until(|| {
        let stats = relay.engine.relay_stats(relay.handle);
        stats.is_err_and(|error| error.kind == ErrorKind::Gone)
    });
}

#[test]
fn a_relay_that_ends_waits_no_longer_than_the_deadline() {
    let relay = TestRelay::plain();
    let (mut alice, bob) = (relay.client("alice"), relay.client("bob"));
    let (begin, _) = half(&alice, &bob.path());
    alice.peer.write(begin.as_bytes());
    relay.wait(|stats| stats.decisions.routed >= 1);
    let soon = Duration::from_millis(300);
    relay.engine.relay_close(relay.handle, soon).expect("alive");
    let mut bob = bob.peer;
    bob.read_to_end();
    alice.peer.read_to_end();
    wait_until(|| relay.engine.relay_stats(relay.handle).is_err());
}

#[test]
fn the_end_of_an_engine_ends_its_relays() {
    let relay = TestRelay::plain();
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    alice.send(&bob.path(), "last1111", "last words");
    assert!(bob.take().contains("last words"));
    relay.engine.shutdown(Duration::from_secs(1));
    alice.peer.read_to_end();
    bob.peer.read_to_end();
    relay.engine.join();
    let gone = relay.engine.relay(relay_net_support::options("127.0.0.1"));
    assert_eq!(gone.expect_err("it is over").kind, ErrorKind::Gone);
}

/// Thinks before it answers.
struct Slow;

impl RelayUsers for Slow {
    fn credentials(&self, wanted: &RelayCredentials) -> RelayAnswer<Option<Ha1>> {
        let secret = secret(wanted);
        match &*wanted.user {
            "forever" => RelayAnswer::later(pending()),
            "panic" => panic!("a defect of the host"),
            "later" => RelayAnswer::later(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                secret
            }),
            "panics" => RelayAnswer::later(async { panic!("a defect of the host") }),
            _ => RelayAnswer::Now(secret),
        }
    }
}

#[test]
fn hosts_may_take_their_time_and_no_more() {
    let relay = TestRelay::plain_with(|options| {
        options.users = Arc::new(Slow);
        options.answer_timeout = Duration::from_secs(3);
    });
    let own = "msrp://127.0.0.1:9/x;tcp";
    for (user, expected) in [
        ("later", "200"),
        ("forever", "408"),
        ("panics", "408"),
        ("panic", "401"),
        ("now", "200"),
    ] {
        let mut peer = relay.connect();
        let answer = auth(
            &mut peer,
            &relay.uri(user),
            own,
            user,
            relay_net_support::PASSWORD,
            "",
        );
        assert_eq!(status(&answer), expected, "{user}: {answer}");
    }
}

/// Notes what it is asked and shown.
#[derive(Default)]
struct Notes {
    asked: Mutex<Vec<String>>,
    octets: Mutex<Vec<u8>>,
    ends: AtomicUsize,
}

impl RelayPolicy for Notes {
    fn authorise(&self, wanted: &RelayAuthorisation) -> RelayAnswer<bool> {
        let allowed = &*wanted.user != "barred";
        RelayAnswer::later(async move { allowed })
    }

    fn next_hop(&self, wanted: &RelayNextHop) -> RelayAnswer<bool> {
        self.asked.lock().push(wanted.address.to_string());
        RelayAnswer::Now(false)
    }

    fn message(&self, message: &RelayMessage) -> RelayAnswer<RelayVerdict> {
        self.asked.lock().push(message.message_id.clone());
        let verdict = match &*message.message_id {
            "spam1111m" => RelayVerdict::Reject(StatusCode::FORBIDDEN),
            "seen1111m" => RelayVerdict::Observe,
            _ => RelayVerdict::Allow,
        };
        RelayAnswer::later(async move { verdict })
    }

    fn observed(&self, _: (u64, u64), piece: &RelayObservation) {
        match piece {
            RelayObservation::Octets(octets) => self.octets.lock().extend_from_slice(octets),
            RelayObservation::End(_) => drop(self.ends.fetch_add(1, Relaxed)),
            _ => {}
        }
    }
}

#[test]
fn rfc4976_6_3_the_host_decides_about_users_hops_and_messages() {
    let notes = Arc::new(Notes::default());
    let relay = TestRelay::plain_with(|options| {
        options.policy = Arc::<Notes>::clone(&notes);
        options.ask_authorise = true;
        options.ask_messages = true;
    });
    let mut barred = relay.connect();
    let own = "msrp://127.0.0.1:9/x;tcp";
    let password = relay_net_support::PASSWORD;
    let answer = auth(
        &mut barred,
        &relay.uri("barred"),
        own,
        "barred",
        password,
        "",
    );
    assert_eq!(status(&answer), "403");

    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    for (id, expected) in [
        ("fine1111", "200"),
        ("spam1111", "403"),
        ("seen1111", "200"),
    ] {
        alice.send(&bob.path(), id, "hello Bob");
        assert_eq!(status(&alice.peer.frame()), expected, "{id}");
    }
    for id in ["fine1111m", "seen1111m"] {
        assert_eq!(header(&bob.take(), "Message-ID:"), id);
    }
    wait_until(|| notes.ends.load(Relaxed) == 1);
    assert_eq!(*notes.octets.lock(), b"hello Bob");
    alice.send("msrp://127.0.0.1:9/x;tcp", "away1111", "far away");
    assert_eq!(status(&alice.peer.frame()), "200");
    let report = alice.peer.frame();
    assert!(
        header(&report, "Status:").starts_with("000 403"),
        "{report}"
    );
    let asked = notes.asked.lock().clone();
    assert_eq!(
        asked,
        [
            "fine1111m",
            "spam1111m",
            "seen1111m",
            "away1111m",
            "127.0.0.1:9"
        ]
    );
    covers!("R-102");
}

#[test]
fn uris_that_are_revoked_are_void() {
    let relay = TestRelay::plain();
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    alice.send(&bob.path(), "before11", "hello");
    assert_eq!(status(&alice.peer.frame()), "200");
    bob.take();
    assert_eq!(
        relay
            .engine
            .relay_revoke(relay.handle, "bob")
            .expect("alive"),
        1
    );
    alice.send(&bob.path(), "after111", "hello");
    assert_eq!(status(&alice.peer.frame()), "481");
}

#[test]
fn rfc4976_6_3_an_open_chunk_does_not_outlive_its_uri() {
    let relay = TestRelay::plain();
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    let (begin, rest) = half(&alice, &bob.path());
    alice.peer.write(begin.as_bytes());
    relay.wait(|stats| stats.decisions.routed >= 1);
    let revoked = relay.engine.relay_revoke(relay.handle, "alice");
    assert_eq!(revoked.expect("alive"), 1);
    alice.peer.write(rest.as_bytes());
    assert_eq!(status(&alice.peer.frame()), "481");
    let request = bob.peer.frame();
    assert!(request.contains("first") && !request.contains("other"));
    assert!(request.trim_end().ends_with('+'), "{request}");
    covers!("R-108", "R-112");
}

/// Never says whether a next hop may be connected to.
struct Undecided;

impl RelayPolicy for Undecided {
    fn next_hop(&self, _: &RelayNextHop) -> RelayAnswer<bool> {
        RelayAnswer::later(pending())
    }
}

/// Thinks about each next hop and message until it is told to go on.
struct Held {
    asked: AtomicUsize,
    go_on: Arc<tokio::sync::Semaphore>,
}

impl Held {
    fn later<T: Send + 'static>(&self, answer: T) -> RelayAnswer<T> {
        self.asked.fetch_add(1, Relaxed);
        let go_on = Arc::clone(&self.go_on);
        RelayAnswer::later(async move {
            go_on.acquire().await.expect("open").forget();
            answer
        })
    }
}

impl RelayPolicy for Held {
    fn next_hop(&self, _: &RelayNextHop) -> RelayAnswer<bool> {
        self.later(true)
    }

    fn message(&self, _: &RelayMessage) -> RelayAnswer<RelayVerdict> {
        self.later(RelayVerdict::Allow)
    }
}

fn held(ask_messages: bool) -> (TestRelay, Arc<Held>) {
    let held = Arc::new(Held {
        asked: AtomicUsize::new(0),
        go_on: Arc::new(tokio::sync::Semaphore::new(0)),
    });
    let relay = TestRelay::plain_with(|options| {
        options.policy = Arc::<Held>::clone(&held);
        options.answer_timeout = PATIENCE;
        options.ask_messages = ask_messages;
    });
    (relay, held)
}

/// A connection that the relay has accepted.
fn stranger(relay: &TestRelay) -> RawPeer {
    let mut peer = relay.connect();
    let own = "msrp://127.0.0.1:9/early;tcp";
    let answer = exchange(&mut peer, "early111", &relay.uri("early"), own, "");
    assert_eq!(status(&answer), "401", "{answer}");
    peer
}

/// Ends a relay, and sees that the end has begun.
fn end(relay: &TestRelay, late: &mut RawPeer, deadline: Duration) {
    relay
        .engine
        .relay_close(relay.handle, deadline)
        .expect("alive");
    let own = "msrp://127.0.0.1:9/late;tcp";
    let answer = exchange(late, "late1111", &relay.uri("late"), own, "");
    assert_eq!(status(&answer), "403", "{answer}");
}

#[test]
fn a_relay_that_ends_waits_for_connections_that_are_being_made() {
    let (relay, held) = held(false);
    let (mut alice, mut late) = (relay.client("alice"), stranger(&relay));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let uri = format!("msrp://127.0.0.1:{port}/x;tcp");
    alice.send(&uri, "wait1111", "it waits");
    assert_eq!(status(&alice.peer.frame()), "200");
    wait_until(|| held.asked.load(Relaxed) == 1);
    end(&relay, &mut late, PATIENCE);
    // Nobody else is called now.
    alice.send("msrp://127.0.0.1:9/y;tcp", "late2222", "too late");
    assert_eq!(status(&alice.peer.frame()), "200");
    let report = alice.peer.frame();
    assert!(header(&report, "Status:").starts_with("000 408"));
    held.go_on.add_permits(1);
    let mut hop = RawPeer::from_stream(listener.accept().expect("dialled").0);
    assert!(take(&mut hop).contains("it waits"));
    for peer in [&mut alice.peer, &mut late, &mut hop] {
        assert!(peer.read_to_end().is_empty());
    }
    wait_until(|| relay.engine.relay_stats(relay.handle).is_err());
    assert_eq!(held.asked.load(Relaxed), 1);
    covers!("R-146");
}

#[test]
fn a_relay_that_ends_says_what_had_no_connection_in_time() {
    let (relay, held) = held(false);
    let mut alice = relay.client("alice");
    alice.send("msrp://127.0.0.1:9/x;tcp", "wait1111", "it waits");
    assert_eq!(status(&alice.peer.frame()), "200");
    wait_until(|| held.asked.load(Relaxed) == 1);
    relay
        .engine
        .relay_close(relay.handle, Duration::ZERO)
        .expect("alive");
    let report = alice.peer.frame();
    assert!(
        header(&report, "Status:").starts_with("000 408"),
        "{report}"
    );
    assert!(alice.peer.read_to_end().is_empty());
    wait_until(|| relay.engine.relay_stats(relay.handle).is_err());
    covers!("R-146");
}

#[test]
fn a_relay_that_ends_waits_for_the_hosts_word() {
    let (relay, held) = held(true);
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    let mut late = stranger(&relay);
    alice.send(&bob.path(), "wait1111", "it waits");
    wait_until(|| held.asked.load(Relaxed) == 1);
    end(&relay, &mut late, PATIENCE);
    held.go_on.add_permits(1);
    assert!(bob.take().contains("it waits"));
    assert_eq!(status(&alice.peer.frame()), "200");
    for peer in [&mut alice.peer, &mut bob.peer, &mut late] {
        assert!(peer.read_to_end().is_empty());
    }
}

#[test]
fn dials_under_way_are_bounded() {
    const OF_ONE: usize = 16;
    const OF_ALL: usize = 1024;
    let relay = TestRelay::plain_with(|options| {
        options.policy = Arc::new(Undecided);
        options.answer_timeout = PATIENCE;
    });
    let mut port = 1;
    let mut send = |client: &mut Client| {
        port += 1;
        client.send(
            &format!("msrp://127.0.0.1:{port}/x;tcp"),
            &format!("hop{port:05}"),
            "hello",
        );
        assert_eq!(status(&client.peer.frame()), "200");
    };
    let refused = |client: &mut Client| {
        let report = client.peer.frame();
        let status = header(&report, "Status:");
        assert!(status.starts_with("000 408"), "{report}");
    };
    let mut clients = Vec::new();
    for n in 0..OF_ALL / OF_ONE {
        let mut client = relay.client(&format!("user{n}"));
        for _ in 0..OF_ONE {
            send(&mut client);
        }
        clients.push(client);
    }
    assert_eq!(relay.stats().traffic.reports, 0);
    send(&mut clients[0]);
    refused(&mut clients[0]);
    let mut another = relay.client("another");
    send(&mut another);
    refused(&mut another);
}

/// Says no to all next hops when the gate is closed, and nothing before.
struct Gate(Arc<tokio::sync::Semaphore>);

impl RelayPolicy for Gate {
    fn next_hop(&self, _: &RelayNextHop) -> RelayAnswer<bool> {
        let gate = Arc::clone(&self.0);
        RelayAnswer::later(async move { gate.acquire().await.is_ok() })
    }
}

#[test]
fn what_waits_for_next_hops_is_bounded_in_octets() {
    const MEMORY: usize = 2 << 20;
    const BODY: usize = 8 << 10;
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let engine = EngineOptions {
        limits: limits(|limits| limits.engine_memory = MEMORY),
        ..EngineOptions::default()
    };
    let relay = TestRelay::over(engine, |options| {
        options.policy = Arc::new(Gate(Arc::clone(&gate)));
        options.answer_timeout = PATIENCE;
    });
    let mut clients: Vec<Client> = (1..5).map(|n| relay.client(&format!("user{n}"))).collect();
    // Each sends to a next hop of its own, as long as that is taken.
    let body = "x".repeat(BODY);
    let mut send = |n: usize| {
        let to = format!("msrp://127.0.0.1:{n}/x;tcp");
        let client: &mut Client = &mut clients[n - 1];
        for message in 0..=MEMORY / BODY {
            client.send(&to, &format!("hop{n}x{message:05}"), &body);
            let frame = client.peer.frame();
            match status(&frame) {
                "200" => {}
                "REPORT" => return header(&frame, "Status:")[4..7].to_owned(),
                refused => return refused.to_owned(),
            }
        }
        panic!("everything is taken");
    };
    let held = || relay.engine.stats().send_held as usize;
    for n in 1..4 {
        assert_eq!(send(n), "408", "one hop gets a quarter");
        let (least, most) = (n * MEMORY / 4, n * (MEMORY / 4 + 2 * BODY));
        wait_until(|| (least..most).contains(&held()));
    }
    assert_eq!(send(4), "413", "there is no more");
    wait_until(|| held() > MEMORY / 8 * 7);
    // When it is given back, all is as before.
    gate.close();
    wait_until(|| held() == 0);
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    alice.send(&bob.path(), "after111", &body);
    assert_eq!(status(&alice.peer.frame()), "200");
    assert!(bob.take().contains(&body));
    covers!("R-158");
}

#[test]
fn paths_that_are_remembered_are_bounded_over_all_connections() {
    let engine = EngineOptions {
        limits: limits(|limits| limits.engine_memory = 1 << 20),
        ..EngineOptions::default()
    };
    let relay = TestRelay::over(engine, |_| ());
    let (mut alice, mut bob, mut carol) = (
        relay.client("alice"),
        relay.client("bob"),
        relay.client("carol"),
    );
    let mut round = |client: &mut Client, sessions: u64| {
        let before = relay.stats().decisions.routed;
        for n in 0..sessions {
            let long = "s".repeat(6000);
            client.own = format!("msrp://127.0.0.1:9/{long}{n};tcp");
            client.send(&bob.path(), &format!("long{n:04}"), "hello");
            assert_eq!(status(&client.peer.frame()), "200");
            bob.take();
        }
        relay.stats().decisions.routed - before
    };
    // More than a quarter of the memory: what is too much is looked up again.
    for client in [&mut alice, &mut carol] {
        assert_eq!(round(client, 20), 20);
        assert!(round(client, 20) > 10);
    }
    // Those of connections that are gone do not count.
    drop((alice, carol));
    relay.wait(|stats| stats.connections == 1);
    let mut dave = relay.client("dave");
    assert_eq!((round(&mut dave, 5), round(&mut dave, 5)), (5, 0));
    covers!("R-183");
}

/// A next hop that is dialled for this client.
fn dialled(client: &mut Client) -> (String, RawPeer) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let uri = format!("msrp://127.0.0.1:{port}/x;tcp");
    client.send(&uri, &format!("dial{port:05}"), "hello");
    assert_eq!(status(&client.peer.frame()), "200");
    let mut hop = RawPeer::from_stream(listener.accept().expect("dialled").0);
    assert!(take(&mut hop).contains("hello"));
    (uri, hop)
}

fn take(hop: &mut RawPeer) -> String {
    let request = hop.frame();
    hop.answer(&request, "200 OK");
    request
}

#[test]
fn next_hops_of_one_connection_drive_out_each_other_alone() {
    const HOPS: usize = 128;
    let relay = TestRelay::plain();
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    // Unused longer than all others.
    let (uri, mut of_bob) = dialled(&mut bob);
    let mut hops: Vec<_> = (0..HOPS).map(|_| dialled(&mut alice)).collect();
    assert_eq!(relay.stats().evicted, 0);
    hops.push(dialled(&mut alice));
    hops[0].1.read_to_end();
    relay.wait(|stats| stats.connections == 2 + 1 + HOPS as u64);
    for (n, (uri, hop)) in hops[1..].iter_mut().enumerate() {
        alice.send(uri, &format!("again{n:04}"), "again");
        assert_eq!(status(&alice.peer.frame()), "200");
        assert!(take(hop).contains("again"));
    }
    bob.send(&uri, "bobs1111", "still here");
    assert_eq!(status(&bob.peer.frame()), "200");
    assert!(take(&mut of_bob).contains("still here"));
    let stats = relay.stats();
    assert_eq!((stats.evicted, stats.dialled), (1, 2 + HOPS as u64));
}

#[test]
fn next_hops_make_room_before_clients() {
    let relay = TestRelay::plain_with(|options| options.max_connections = 4);
    let (mut alice, mut bob) = (relay.client("alice"), relay.client("bob"));
    let mut first = dialled(&mut alice).1;
    let mut stranger = relay.connect();
    relay.wait(|stats| stats.connections == 4);
    let mut hops: Vec<_> = (0..4).map(|_| dialled(&mut alice).1).collect();
    // The clients were there before, and stay.
    first.read_to_end();
    stranger.read_to_end();
    for hop in &mut hops[..2] {
        hop.read_to_end();
    }
    bob.send(&alice.path(), "bobs1111", "still here");
    assert!(alice.take().contains("still here"));
    assert_eq!(status(&bob.peer.frame()), "200");
    assert_eq!(relay.stats().evicted, 4);
}

#[test]
fn rfc4976_6_5_connections_are_not_closed_for_less_than_an_hour_of_silence() {
    let engine = msrp::engine::Engine::new(EngineOptions::default()).expect("an engine");
    let mut options = relay_net_support::options("127.0.0.1");
    options.idle = Some(Duration::from_secs(3599));
    let error = engine.relay(options).expect_err("an hour is the least");
    assert!(error.to_string().contains("idle"), "{error}");
}
