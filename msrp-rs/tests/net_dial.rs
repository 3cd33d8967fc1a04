//! How a peer is reached: its name, the order of its addresses, the host's word on each, and the limits of all that.

mod engine_support;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine_support::names::{Name, Names, addresses, aim, dial, has};
use engine_support::{
    BlackHole, Host, PATIENCE, RawPeer, black_hole, black_hole_at, limits, remote_uri, wait_until,
};
use msrp::engine::{
    ConnectionSharing, DialAttempt, DialCheck, EngineOptions, Event, NameResolution, QueryHandle,
    SessionHandle, SessionOptions, TlsConfig, TlsVerify,
};
use msrp::error::ErrorKind;
use msrp_conformance::covers;

/// A peer that accepts on one address of this machine.
struct Far(TcpListener);

impl Far {
    fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        listener.set_nonblocking(true).expect("set");
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().expect("bound").port()
    }

    /// Takes the connection that came, and answers its first request.
    #[track_caller]
    fn serve(&self) -> (RawPeer, SocketAddr) {
        let mut accepted = None;
        wait_until(|| {
            accepted = self.0.accept().ok();
            accepted.is_some()
        });
        let (stream, from) = accepted.expect("just seen");
        stream.set_nonblocking(false).expect("set");
        let mut peer = RawPeer::from_stream(stream);
        let first = peer.frame();
        peer.answer(&first, "200 OK");
        (peer, from)
    }

    /// Whether a connection has come.
    fn came(&self) -> bool {
        self.0.accept().is_ok()
    }
}

#[track_caller]
fn text_of_end(host: &Host, session: SessionHandle) -> String {
    let error = host.wait_closed(session).error.expect("it failed");
    assert_eq!(error.kind, ErrorKind::Connect, "{error}");
    error.context
}

#[test]
fn rfc4975_6_2_names_are_asked_for_addresses_alone_and_the_port_is_as_listed() {
    let far = Far::at("127.0.0.1:0");
    let names = Names::new([("peer.example", has("127.0.0.1"))]);
    let host = Host::from_options(names.options());
    let session = dial(&host, "Peer.Example", far.port());
    let (_peer, _) = far.serve();
    host.wait_opened(session);
    // One question, for the name as it stands: no _msrp._tcp, nothing else.
    assert_eq!(names.asked(), ["peer.example"]);
    // An address is asked of nobody.
    let session = dial(&host, "127.0.0.1", far.port());
    let (_peer, _) = far.serve();
    host.wait_opened(session);
    assert_eq!(names.asked().len(), 1);
    covers!("C-092", "C-093");
}

#[test]
fn rfc4975_6_2_a_name_is_resolved_anew_for_each_dial() {
    let (one, two) = (Far::at("127.0.0.1:0"), Far::at("127.0.0.2:0"));
    let names = Names::new([("peer.example", has("127.0.0.1"))]);
    let host = Host::from_options(names.options());
    let session = dial(&host, "peer.example", one.port());
    let (_peer, _) = one.serve();
    host.wait_opened(session);
    // It has moved, and is met there; who shares the connection asks nobody.
    names.set("peer.example", has("127.0.0.2"));
    let session = dial(&host, "peer.example", two.port());
    let (_peer, _) = two.serve();
    host.wait_opened(session);
    assert_eq!(names.asked().len(), 2);
}

/// On one port: 127.0.0.1 refuses, 127.0.0.2 is silent, 127.0.0.3 accepts.
struct Three {
    far: Far,
    _silent: BlackHole,
    _refuses: socket2::Socket,
}

fn three_addresses() -> Three {
    loop {
        let far = Far::at("127.0.0.3:0");
        let at = |last| SocketAddr::from(([127, 0, 0, last], far.port()));
        // Bound, and not listening. Another test may have the port at one of them.
        let refuses = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let refuses = refuses.expect("a socket");
        if refuses.bind(&at(1).into()).is_ok()
            && let Ok(silent) = black_hole_at(at(2))
        {
            return Three {
                _silent: silent,
                _refuses: refuses,
                far,
            };
        }
    }
}

#[test]
fn rfc4975_6_2_a_silent_and_a_refusing_address_do_not_hold_up_the_third() {
    let three = three_addresses();
    let far = &three.far;
    let names = Names::new([("peer.example", has("127.0.0.1 127.0.0.2 127.0.0.3"))]);
    let host = Host::from_options(names.options());
    let session = dial(&host, "peer.example", far.port());
    let (_peer, _) = far.serve();
    host.wait_opened(session);
    // The loser is closed: no socket of ours is on its way to it.
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("Linux");
    let on_its_way = format!("0200007F:{:04X} 02", far.port());
    let ours = table
        .lines()
        .filter(|line| line.contains(&on_its_way))
        .count();
    // Those that fill its queue.
    assert!(ours <= 8, "{table}");
    covers!("C-094");
}

#[test]
fn an_error_names_each_address_with_its_reason() {
    let three = three_addresses();
    let port = three.far.port();
    let names = Names::new([("peer.example", has("127.0.0.1 127.0.0.2 ::1"))]);
    let host = Host::from_options(EngineOptions {
        limits: limits(|limits| limits.connect = Duration::from_secs(1)),
        ..names.options()
    });
    let text = text_of_end(&host, dial(&host, "peer.example", port));
    let (head, reasons) = text.split_once(": ").expect("reasons");
    assert_eq!(
        head,
        format!("cannot connect to peer.example:{port} within 1s")
    );
    // The families take turns; the one that is silent is told last.
    let reasons: Vec<&str> = reasons.split("; ").collect();
    assert_eq!(reasons.len(), 3, "{text}");
    assert_eq!(reasons[0], "127.0.0.1: connection refused");
    assert!(reasons[1].starts_with("::1: "), "{text}");
    assert_eq!(reasons[2], "127.0.0.2: no answer");
    // One that stands in the URI is not told twice.
    assert_eq!(
        text_of_end(&host, dial(&host, "127.0.0.1", port)),
        format!("cannot connect to 127.0.0.1:{port}: connection refused")
    );
}

#[test]
fn a_resolver_that_fails_panics_or_is_silent_harms_its_session_alone() {
    let far = Far::at("127.0.0.1:0");
    let names = Names::new([
        ("fails.example", Name::Fails("the zone is broken")),
        ("panics.example", Name::Panics),
        ("silent.example", Name::Silent),
        ("peer.example", has("127.0.0.1")),
    ]);
    let host = Host::from_options(names.options());
    let text = |name| text_of_end(&host, dial(&host, name, far.port()));
    assert_eq!(
        text("fails.example"),
        "cannot resolve fails.example: the zone is broken"
    );
    assert_eq!(
        text("panics.example"),
        "cannot resolve panics.example: the resolver panicked"
    );
    let silent = dial(&host, "silent.example", far.port());
    wait_until(|| names.waiting.load(SeqCst) == 1);
    let session = dial(&host, "peer.example", far.port());
    let (_peer, _) = far.serve();
    host.wait_opened(session);
    // Its end takes the question with it.
    host.engine.close(silent, None).expect("alive");
    assert!(host.wait_closed(silent).error.is_none());
    wait_until(|| names.waiting.load(SeqCst) == 0);
}

#[test]
fn a_function_may_refuse_addresses() {
    let (one, two) = (Far::at("127.0.0.1:0"), Far::at("127.0.0.2:0"));
    let asked = Arc::new(Mutex::new(Vec::<DialAttempt>::new()));
    let names = Names::new([("peer.example", has("127.0.0.1 127.0.0.2"))]);
    let seen = Arc::clone(&asked);
    let host = Host::from_options(EngineOptions {
        dial_check: DialCheck::Function(Arc::new(move |attempt| {
            seen.lock().expect("not poisoned").push(attempt.clone());
            assert_ne!(attempt.host, "panics.example");
            attempt.address.ip() == IpAddr::from([127, 0, 0, 2])
        })),
        ..names.options()
    });
    names.set("panics.example", has("127.0.0.2"));
    // Only the second may be dialled.
    let session = dial(&host, "peer.example", two.port());
    let (_peer, _) = two.serve();
    host.wait_opened(session);
    let attempts = std::mem::take(&mut *asked.lock().expect("not poisoned"));
    assert_eq!(attempts.len(), 2);
    for (attempt, last) in attempts.iter().zip([1, 2]) {
        assert_eq!((attempt.session, &*attempt.host), (session, "peer.example"));
        assert_eq!(attempt.address, ([127, 0, 0, last], two.port()).into());
    }
    // None may.
    let refused = dial(&host, "127.0.0.1", one.port());
    assert_eq!(
        text_of_end(&host, refused),
        format!(
            "cannot connect to 127.0.0.1:{}: refused by the host",
            one.port()
        )
    );
    let refused = dial(&host, "panics.example", two.port());
    assert!(text_of_end(&host, refused).ends_with("127.0.0.2: refused by the host"));
    assert!(!one.came() && !two.came());
    covers!("C-289");
}

#[test]
fn a_connection_is_shared_only_by_those_who_may_have_it() {
    let far = Far::at("127.0.0.1:0");
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let host = Host::from_options(EngineOptions {
        // The first session may, the second may not, the third may.
        dial_check: DialCheck::Function(Arc::new(move |_| {
            !matches!(counted.fetch_add(1, SeqCst), 1 | 2)
        })),
        ..EngineOptions::default()
    });
    let first = dial(&host, "127.0.0.1", far.port());
    let (mut peer, _) = far.serve();
    host.wait_opened(first);
    // Neither the connection that is there, nor a new one.
    let second = dial(&host, "127.0.0.1", far.port());
    assert!(text_of_end(&host, second).ends_with("refused by the host"));
    let third = dial(&host, "127.0.0.1", far.port());
    let binding = peer.frame();
    peer.answer(&binding, "200 OK");
    host.wait_opened(third);
    assert_eq!(calls.load(SeqCst), 4);
    assert!(!far.came());
    covers!("C-190");
}

/// Waits for a question of `session`, the `number`th of its kind.
#[track_caller]
fn query<T>(
    host: &Host,
    session: SessionHandle,
    number: usize,
    of: impl Fn(&Event) -> Option<(QueryHandle, T)>,
) -> (QueryHandle, T) {
    let mut found = None;
    host.wait("a question", |seen| {
        let events = seen.events.iter().filter(|(from, _)| *from == session);
        found = events.filter_map(|(_, event)| of(event)).nth(number);
        found.is_some()
    });
    found.expect("just seen")
}

fn name_of(event: &Event) -> Option<(QueryHandle, String)> {
    match event {
        Event::Resolve { query, name } => Some((*query, name.clone())),
        _ => None,
    }
}

fn address_of(event: &Event) -> Option<(QueryHandle, SocketAddr)> {
    match event {
        Event::Dial { query, address } => Some((*query, *address)),
        _ => None,
    }
}

/// A host that is asked by events.
fn asked() -> EngineOptions {
    EngineOptions {
        resolver: NameResolution::Host,
        dial_check: DialCheck::Host,
        ..EngineOptions::default()
    }
}

#[test]
fn a_host_answers_by_events() {
    let far = Far::at("127.0.0.2:0");
    let host = Host::from_options(asked());
    let session = dial(&host, "peer.example", far.port());
    let (naming, name) = query(&host, session, 0, name_of);
    assert_eq!(name, "peer.example");
    // Each question has its own kind of answer.
    let error = host.engine.allow_dial(naming, true).expect_err("another");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    let found = addresses("127.0.0.1 127.0.0.2");
    host.engine
        .resolved(naming, Ok(found.clone()))
        .expect("it waits");
    let error = host.engine.resolved(naming, Ok(found)).expect_err("again");
    assert_eq!(error.kind, ErrorKind::Gone);

    let (first, address) = query(&host, session, 0, address_of);
    assert_eq!(address, ([127, 0, 0, 1], far.port()).into());
    let error = host
        .engine
        .resolved(first, Ok(Vec::new()))
        .expect_err("another");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    host.engine.allow_dial(first, false).expect("it waits");
    let (second, address) = query(&host, session, 1, address_of);
    assert_eq!(address, ([127, 0, 0, 2], far.port()).into());
    host.engine.allow_dial(second, true).expect("it waits");
    let (_peer, _) = far.serve();
    host.wait_opened(session);
    for late in [QueryHandle(0), first, QueryHandle(u64::MAX)] {
        let error = host.engine.allow_dial(late, true).expect_err("over");
        assert_eq!(error.kind, ErrorKind::Gone);
    }

    let failed = dial(&host, "other.example", far.port());
    let (naming, _) = query(&host, failed, 0, name_of);
    let answer = Err("not in the directory".to_owned());
    host.engine.resolved(naming, answer).expect("it waits");
    assert_eq!(
        text_of_end(&host, failed),
        "cannot resolve other.example: not in the directory"
    );
}

#[test]
fn an_unanswered_address_holds_up_no_other_and_is_not_dialled() {
    let far = Far::at("127.0.0.2:0");
    let names = Names::new([("peer.example", has("127.0.0.1 127.0.0.2"))]);
    let host = Host::from_options(EngineOptions {
        dial_check: DialCheck::Host,
        ..names.options()
    });
    let session = dial(&host, "peer.example", far.port());
    let (unanswered, _) = query(&host, session, 0, address_of);
    let (second, _) = query(&host, session, 1, address_of);
    host.engine.allow_dial(second, true).expect("it waits");
    let (_peer, _) = far.serve();
    host.wait_opened(session);
    let late = host.engine.allow_dial(unanswered, true);
    assert_eq!(late.expect_err("decided").kind, ErrorKind::Gone);

    let host = Host::from_options(EngineOptions {
        dial_check: DialCheck::Host,
        limits: limits(|limits| limits.connect = Duration::from_secs(1)),
        ..names.options()
    });
    let silent = dial(&host, "peer.example", far.port());
    let text = text_of_end(&host, silent);
    assert!(
        text.ends_with(" within 1s: 127.0.0.1: no answer; 127.0.0.2: no answer"),
        "{text}"
    );
}

/// Where a dial can be when its session or its engine ends.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Resolving,
    AskingTheHost,
    Connecting,
    WaitingForItsTurn,
}

const PHASES: [Phase; 4] = [
    Phase::Resolving,
    Phase::AskingTheHost,
    Phase::Connecting,
    Phase::WaitingForItsTurn,
];

/// A host with a dial in this phase, and the question that waits, if one does.
fn host_in(phase: Phase, hole: &BlackHole) -> (Host, SessionHandle, Option<QueryHandle>) {
    let host = Host::from_options(EngineOptions {
        limits: limits(|limits| limits.dials_per_target = 1),
        ..asked()
    });
    let allowed = |session| {
        let (query, _) = query(&host, session, 0, address_of);
        host.engine.allow_dial(query, true).expect("it waits");
    };
    match phase {
        Phase::Resolving => {
            let session = dial(&host, "peer.example", hole.port);
            let (query, _) = query(&host, session, 0, name_of);
            (host, session, Some(query))
        }
        Phase::AskingTheHost => {
            let session = dial(&host, "127.0.0.1", hole.port);
            let (query, _) = query(&host, session, 0, address_of);
            (host, session, Some(query))
        }
        Phase::Connecting => {
            let session = dial(&host, "127.0.0.1", hole.port);
            allowed(session);
            (host, session, None)
        }
        Phase::WaitingForItsTurn => {
            let alone = || SessionOptions {
                connection_sharing: ConnectionSharing::Session,
                ..SessionOptions::default()
            };
            let (first, session) = (host.session_with(alone()), host.session_with(alone()));
            for session in [first, session] {
                aim(&host, session, "127.0.0.1", hole.port);
                host.engine.open(session, Some(PATIENCE)).expect("dials");
            }
            allowed(first);
            (host, session, None)
        }
    }
}

#[test]
fn a_dial_ends_with_its_session_in_each_phase() {
    let hole = black_hole();
    for phase in PHASES {
        for abort in [false, true] {
            let (host, session, waiting) = host_in(phase, &hole);
            match abort {
                true => host.engine.abort_session(session).expect("alive"),
                false => host.engine.close(session, None).expect("alive"),
            }
            assert!(host.wait_closed(session).error.is_none(), "{phase:?}");
            if let Some(query) = waiting {
                // A moment later its task knows.
                wait_until(|| {
                    let late = host.engine.allow_dial(query, true);
                    late.is_err_and(|error| error.kind == ErrorKind::Gone)
                });
                let late = host.engine.resolved(query, Ok(Vec::new()));
                assert_eq!(late.expect_err("nobody waits").kind, ErrorKind::Gone);
            }
            let others = usize::from(matches!(phase, Phase::WaitingForItsTurn));
            wait_until(|| host.engine.stats().connections == others as u64);
        }
    }
}

#[test]
fn a_dial_ends_with_its_engine_in_each_phase() {
    let hole = black_hole();
    for phase in PHASES {
        let (host, session, waiting) = host_in(phase, &hole);
        host.engine.shutdown(Duration::ZERO);
        host.wait("the engine's end", |seen| seen.ended);
        assert!(
            host.seen(|seen| seen.closed(session)).is_some(),
            "{phase:?}"
        );
        assert_eq!(host.engine.stats().connections, 0);
        if let Some(query) = waiting {
            let late = host.engine.resolved(query, Ok(Vec::new()));
            assert!(late.is_err());
        }
        host.engine.join();

        // Without a word: the last clone is dropped, and then the consumer.
        let (host, ..) = host_in(phase, &hole);
        drop(host);
    }
}

/// A session that dials as `change` says.
fn session_from(host: &Host, change: impl FnOnce(&mut SessionOptions)) -> SessionHandle {
    let mut options = SessionOptions::default();
    change(&mut options);
    host.session_with(options)
}

#[test]
fn a_session_dials_from_where_it_is_told() {
    let far = Far::at("127.0.0.1:0");
    let host = Host::new();
    let open = |session| {
        aim(&host, session, "127.0.0.1", far.port());
        host.engine.open(session, Some(PATIENCE)).expect("dials");
        let (peer, from) = far.serve();
        host.wait_opened(session);
        (peer, from)
    };
    // An address.
    let session = session_from(&host, |options| {
        options.connection.source_address = Some([127, 0, 0, 5].into());
    });
    let (_one, from) = open(session);
    assert_eq!(from.ip(), IpAddr::from([127, 0, 0, 5]));
    // The port of the path, while the session listens there.
    let session = session_from(&host, |options| {
        options.connection.source_port_from_path = true;
    });
    let uri = host.engine.local_path(session).expect("a path").to_string();
    let (_two, from) = open(session);
    assert!(
        uri.contains(&format!("127.0.0.1:{}/", from.port())),
        "{uri}"
    );
    let mut stranger = RawPeer::connect(&uri);
    stranger.send(&format!("{uri}x"), &remote_uri(1), "who00001", "hi");
    assert!(stranger.frame().starts_with("MSRP who00001 481"));
    // It is nobody else's port for that.
    let error = TcpListener::bind(from).expect_err("in use");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    // A port.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let with_port = |options: &mut SessionOptions| options.connection.source_port = port;
    let (_three, from) = open(session_from(&host, with_port));
    assert_eq!(from.port(), port);
    // None of them shares another's connection.
    assert_eq!(host.engine.stats().connections, 4);
    assert!(!far.came());
}

#[test]
fn sessions_with_equal_sources_share_a_connection_and_others_do_not() {
    let far = Far::at("127.0.0.1:0");
    let host = Host::new();
    let listener = host
        .engine
        .listen(msrp::engine::ListenOptions {
            host: "127.0.0.1".into(),
            ..Default::default()
        })
        .expect("a port");
    let here = host.engine.listener_address(listener).expect("bound");
    let from_path = |options: &mut SessionOptions| {
        options.listener = Some(listener);
        options.connection.source_port_from_path = true;
    };
    let first = session_from(&host, from_path);
    aim(&host, first, "127.0.0.1", far.port());
    host.engine.open(first, Some(PATIENCE)).expect("dials");
    let (mut peer, from) = far.serve();
    assert_eq!(from, here);
    host.wait_opened(first);
    let second = session_from(&host, from_path);
    aim(&host, second, "127.0.0.1", far.port());
    host.engine.open(second, Some(PATIENCE)).expect("shares");
    let binding = peer.frame();
    peer.answer(&binding, "200 OK");
    host.wait_opened(second);
    // One that dials from anywhere has another.
    let third = dial(&host, "127.0.0.1", far.port());
    let (_other, from) = far.serve();
    assert_ne!(from, here);
    host.wait_opened(third);
    covers!("C-190");
}

#[test]
fn what_stands_in_the_way_of_a_source_is_told() {
    let far = Far::at("127.0.0.1:0");
    let host = Host::new();
    let end = |session, name: &str| {
        aim(&host, session, name, far.port());
        host.engine.open(session, Some(PATIENCE)).expect("dials");
        text_of_end(&host, session)
    };
    // An address for documentation: nobody has it.
    let session = session_from(&host, |options| {
        options.connection.source_address = Some([192, 0, 2, 77].into());
    });
    assert_eq!(
        end(session, "127.0.0.1"),
        format!(
            "cannot connect to 127.0.0.1:{}: source address 192.0.2.77 is none of this machine",
            far.port()
        )
    );
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let session = session_from(&host, |options| options.connection.source_port = port);
    assert!(end(session, "127.0.0.1").ends_with(&format!(": source port {port} is in use")));
    let session = session_from(&host, |options| {
        options.connection.source_address = Some("::1".parse().expect("an address"));
    });
    let text = end(session, "127.0.0.1");
    assert!(
        text.ends_with(": none of its addresses is of the source's family"),
        "{text}"
    );

    // What is no place of a host is not dialled, whoever names it: the system would take some of it for itself.
    for address in [
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "[::]",
        "[ff02::1]",
    ] {
        let text = text_of_end(&host, dial(&host, address, far.port()));
        assert!(
            text.ends_with(": no address of a host"),
            "{address}: {text}"
        );
    }
    assert!(!far.came());

    // What can never be is refused when the session is made.
    type Change = fn(&mut SessionOptions);
    let cases: [(&str, Change); 4] = [
        (
            "connection.source_port is 5000 and source_port_from_path asks for another: give one of them",
            |options| {
                options.connection.source_port = 5000;
                options.connection.source_port_from_path = true;
            },
        ),
        (
            "connection.source_address is 0.0.0.0: nobody can dial from it",
            |options| options.connection.source_address = Some([0, 0, 0, 0].into()),
        ),
        (
            "connection.connect_timeout is 0ns, allowed is above 0 to 31536000s",
            |options| options.connection.connect_timeout = Some(Duration::ZERO),
        ),
        (
            "connection.source_port_from_path: the session listens nowhere, since it has no certificate",
            |options| {
                options.secure = true;
                options.tls = Some(TlsConfig {
                    verify: TlsVerify::None,
                    ..TlsConfig::default()
                });
                options.connection.source_port_from_path = true;
            },
        ),
    ];
    for (expected, change) in cases {
        let mut options = SessionOptions::default();
        change(&mut options);
        let made = host.engine.session(&host.domain, options);
        let error = made.expect_err("refused");
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert_eq!(error.context, expected);
    }
}

#[test]
fn ten_thousand_answers_that_name_one_victim_are_ten_dials_a_second() {
    let victim = Far::at("127.0.0.1:0");
    let host = Host::new();
    let listener = host.engine.listen(msrp::engine::ListenOptions {
        host: "127.0.0.1".into(),
        ..Default::default()
    });
    let listener = listener.expect("a port");
    let begin = Instant::now();
    for _ in 0..10_000 {
        let session = session_from(&host, |options| {
            options.listener = Some(listener);
            options.connection_sharing = ConnectionSharing::Session;
        });
        aim(&host, session, "127.0.0.1", victim.port());
        let patience = Some(Duration::from_secs(1));
        host.engine.open(session, patience).expect("dials");
    }
    host.wait("their ends", |_| host.engine.stats().sessions == 0);
    let seconds = begin.elapsed().as_secs() as usize + 1;
    let mut came = 0;
    while victim.came() {
        came += 1;
    }
    assert!(
        (1..=10 + 10 * seconds).contains(&came),
        "{came} in {seconds} s"
    );
    covers!("C-289");
}

#[test]
fn many_names_for_one_victim_have_the_turns_of_one() {
    let victim = Far::at("127.0.0.1:0");
    let names = Arc::new(Names::default());
    for number in 0..200 {
        names.set(&format!("n{number}.example"), has("127.0.0.1"));
    }
    let host = Host::from_options(EngineOptions {
        limits: limits(|limits| {
            limits.dials = 1000;
            limits.dial_rate = 2;
            limits.connect = Duration::from_secs(2);
        }),
        ..names.options()
    });
    let begin = Instant::now();
    for number in 0..200 {
        dial(&host, &format!("n{number}.example"), victim.port());
    }
    // Those that have no turn in time end; to the others nobody answers.
    host.wait("the ends of most", |seen| {
        let is_end = |event: &Event| matches!(event, Event::Closed { .. });
        seen.events
            .iter()
            .filter(|(_, event)| is_end(event))
            .count()
            >= 190
    });
    let mut came = 0;
    while victim.came() {
        came += 1;
    }
    // Two at once and two in each of the seconds.
    let seconds = begin.elapsed().as_secs() as usize + 1;
    assert!(
        (1..=2 + 2 * seconds).contains(&came),
        "{came} in {seconds} s"
    );
    covers!("C-289");
}
