//! The bounds that need an engine or sockets, each at its value, where all still works, and one beyond, where
//! `docs/limits.md` says what happens; and the table of the tests of all bounds, so that none is forgotten.

mod engine_support;

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine_support::names::{Name, Names, aim, dial, has};
use engine_support::{Host, RawPeer, black_hole, limits, pair, passive, remote_uri, wait_until};
use msrp::engine::{EngineOptions, Event, SendBody, SendOptions, SessionHandle, SessionOptions};
use msrp::error::ErrorKind;
use msrp::limits::Limits;

/// A session that knows its peer and is not bound: what is sent waits.
fn waiting(host: &Host) -> SessionHandle {
    let session = host.session();
    let engine = &host.engine;
    engine
        .set_remote_path(session, &remote_uri(2855), false, "*")
        .expect("a path");
    session
}

fn again(host: &Host, session: SessionHandle, body: SendBody) {
    let error = host
        .engine
        .send(session, SendOptions::default(), body)
        .expect_err("no room");
    assert_eq!(error.kind, ErrorKind::Again, "{error}");
}

#[test]
fn send_window() {
    let host = Host::with(limits(|limits| {
        (limits.send_window, limits.small_message) = (4096, 4096)
    }));
    // Each message counts 256 octets more.
    for bodies in [&[3840][..], &[1792, 1792], &[0; 16]] {
        let session = waiting(&host);
        for len in bodies {
            host.try_send(session, vec![b'x'; *len]).expect("it fits");
        }
        again(&host, session, SendBody::Bytes("".into()));
    }
    // One that is larger than the window by its 256 octets is taken alone.
    let session = waiting(&host);
    host.try_send(session, vec![b'x'; 4096])
        .expect("the window is empty");
    again(&host, session, SendBody::Bytes("".into()));
}

#[test]
fn transfers() {
    let host = Host::with(limits(|limits| limits.transfers = 2));
    let session = waiting(&host);
    let stream = || SendBody::Stream(None);
    let large = || SendBody::Bytes(vec![b'x'; 65_537].into());
    host.engine
        .send(session, SendOptions::default(), stream())
        .expect("a slot");
    host.engine
        .send(session, SendOptions::default(), large())
        .expect("a slot");
    again(&host, session, stream());
    again(&host, session, large());
    host.send(session, "small ones need none");
    // When one ends there is room.
    let (host_a, host_b) = (
        Host::with(limits(|limits| limits.transfers = 1)),
        Host::new(),
    );
    let (one, _) = pair(&host_a, &host_b);
    let sent = host_a
        .engine
        .send(one, SendOptions::default(), stream())
        .expect("a slot")
        .transfer;
    again(&host_a, one, stream());
    host_a.engine.abort(sent).expect("alive");
    host_a.wait_event(one, "writable", |event| matches!(event, Event::Writable));
    host_a
        .engine
        .send(one, SendOptions::default(), stream())
        .expect("the slot");
}

#[test]
fn unbound_connections() {
    let host = Host::with(limits(|limits| limits.unbound_connections = 3));
    let (_session, uri) = passive(&host);
    let mut strangers: Vec<RawPeer> = Vec::new();
    for number in 1..=3 {
        strangers.push(RawPeer::connect(&uri));
        wait_until(|| host.engine.stats().connections == number);
    }
    // Three are served: each gets its answer.
    let unknown = format!("{uri}x");
    for stranger in &mut strangers {
        stranger.send(&unknown, &remote_uri(1), "who00001", "hi");
        assert!(stranger.frame().starts_with("MSRP who00001 481"));
    }
    // The fourth makes the oldest go.
    strangers.push(RawPeer::connect(&uri));
    assert_eq!(strangers[0].read_to_end(), b"");
    for stranger in &mut strangers[1..] {
        stranger.send(&unknown, &remote_uri(1), "who00002", "hi");
        assert!(stranger.frame().starts_with("MSRP who00002 481"));
    }
}

#[test]
fn threads_for_names_and_files() {
    let dir = std::env::temp_dir().join(format!("msrp-limits-engine-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let file = dir.join("content");
    std::fs::write(&file, vec![b'x'; 300_000]).expect("a file");
    let (a, b) = (Host::new(), Host::new());
    let sessions: Vec<_> = (0..20).map(|_| pair(&a, &b)).collect();
    // More files than threads: all of them arrive.
    for (one, _) in &sessions {
        for _ in 0..2 {
            a.engine
                .send(*one, SendOptions::default(), SendBody::File(file.clone()))
                .expect("admitted");
        }
    }
    for (_, two) in &sessions {
        b.wait("both files", |seen| {
            seen.messages
                .get(two)
                .is_some_and(|messages| messages.len() == 2)
        });
        a.take();
    }
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn methods_that_a_host_answers() {
    let host = Host::new();
    let named = |count: usize, len: usize| SessionOptions {
        methods: (0..count).map(|_| "X".repeat(len)).collect(),
        ..SessionOptions::default()
    };
    host.session_with(named(32, 64));
    for (count, len) in [(33, 64), (32, 65)] {
        let error = host
            .engine
            .session(&host.domain, named(count, len))
            .expect_err("beyond");
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");
    }
}

/// The text of the error with which a session to a name of the script ends.
fn dial_error(names: &Arc<Names>, limits: Limits, name: &str, port: u16) -> String {
    let host = Host::from_options(EngineOptions {
        limits,
        ..names.options()
    });
    let session = dial(&host, name, port);
    let error = host.wait_closed(session).error.expect("it failed");
    assert_eq!(error.kind, ErrorKind::Connect, "{error}");
    wait_until(|| names.waiting.load(Ordering::SeqCst) == 0);
    error.context
}

#[test]
fn connect() {
    let hole = black_hole();
    let short = limits(|limits| limits.connect = Duration::from_millis(300));
    let names = Names::new([("hole", has("127.0.0.1")), ("silent", Name::Silent)]);
    assert_eq!(
        dial_error(&names, short.clone(), "hole", hole.port),
        format!(
            "cannot connect to hole:{} within 300ms: 127.0.0.1: no answer",
            hole.port
        )
    );
    assert_eq!(
        dial_error(&names, short.clone(), "silent", 2855),
        "cannot connect to silent:2855 within 300ms: its name is not resolved"
    );
    // A session may want less than the engine allows, not more.
    for (wanted, expected) in [(100, "100ms"), (5000, "300ms")] {
        let host = Host::with(short.clone());
        let mut options = SessionOptions::default();
        options.connection.connect_timeout = Some(Duration::from_millis(wanted));
        let session = host.session_with(options);
        aim(&host, session, "127.0.0.1", hole.port);
        host.engine.open(session, None).expect("dials");
        let error = host.wait_closed(session).error.expect("it failed");
        let within = format!(" within {expected}: ");
        assert!(error.context.contains(&within), "{error}");
    }
}

#[test]
fn resolve() {
    let names = Names::new([("silent", Name::Silent)]);
    let limits = limits(|limits| limits.resolve = Duration::from_millis(100));
    assert_eq!(
        dial_error(&names, limits, "silent", 2855),
        "cannot resolve silent: no answer within 100ms"
    );
}

#[test]
fn addresses() {
    let many = (0..10_000_u32).map(|n| Ipv4Addr::from(0x7f01_0000 + n).into());
    let names = Names::new([
        ("many", Name::Has(many.collect())),
        ("none", Name::Has(Vec::new())),
    ]);
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("bound").port();
    drop(unused);
    let three = limits(|limits| limits.addresses = 3);
    assert_eq!(
        dial_error(&names, three.clone(), "many", port),
        format!(
            "cannot connect to many:{port}: 127.1.0.0: connection refused; \
             127.1.0.1: connection refused; 127.1.0.2: connection refused"
        )
    );
    assert_eq!(
        dial_error(&names, three, "none", port),
        "cannot resolve none: the name has no address"
    );
}

/// Each bound with the tests that see it, as `file::function`.
const TESTED: &[(&str, &str)] = &[
    ("start_line", "tests/limits_protocol.rs::start_line"),
    ("header_line", "tests/limits_protocol.rs::header_line"),
    ("header_section", "tests/limits_protocol.rs::header_section"),
    ("headers", "tests/limits_protocol.rs::headers"),
    ("path_uris", "tests/limits_protocol.rs::path_uris"),
    ("non_send_body", "tests/limits_protocol.rs::non_send_body"),
    ("send_window", "tests/limits_engine.rs::send_window"),
    ("small_message", "tests/limits_protocol.rs::small_message"),
    ("read_ahead", "tests/limits_protocol.rs::read_ahead"),
    (
        "receive_window",
        "tests/limits_protocol.rs::receive_window_and_connection_slack",
    ),
    (
        "connection_slack",
        "tests/limits_protocol.rs::receive_window_and_connection_slack",
    ),
    ("control_lane", "tests/limits_protocol.rs::control_lane"),
    ("write_ahead", "tests/limits_protocol.rs::write_ahead"),
    ("stall", "tests/limits_protocol.rs::stall"),
    (
        "max_transactions",
        "tests/limits_protocol.rs::max_transactions",
    ),
    (
        "incomplete_messages",
        "tests/limits_protocol.rs::incomplete_messages",
    ),
    ("remembered_ids", "tests/limits_protocol.rs::remembered_ids"),
    ("gaps", "tests/limits_protocol.rs::gaps"),
    (
        "incomplete_idle",
        "tests/limits_protocol.rs::incomplete_idle",
    ),
    ("transfers", "tests/limits_engine.rs::transfers"),
    ("early_len", "tests/limits_protocol.rs::early_len"),
    ("early", "tests/limits_protocol.rs::early"),
    (
        "unbound_connections",
        "tests/limits_engine.rs::unbound_connections",
    ),
    (
        "unbound_per_address",
        "tests/net_connections.rs::the_oldest_unbound_connection_makes_room",
    ),
    (
        "unbound",
        "tests/net_connections.rs::a_connection_without_a_session_is_closed_in_time",
    ),
    (
        "tls_handshake",
        "tests/net_tls.rs::a_tls_handshake_has_its_time",
    ),
    (
        "dials_per_target",
        "tests/net_fair.rs::four_dials_to_one_target_are_under_way_and_the_next_when_one_ends",
    ),
    (
        "dials",
        "tests/net_fair.rs::dials_in_all_are_bounded_and_have_their_turn",
    ),
    (
        "dial_rate",
        "src/net/dial/throttle.rs::dials_to_one_target_have_a_bounded_rate",
    ),
    ("connect", "tests/limits_engine.rs::connect"),
    ("resolve", "tests/limits_engine.rs::resolve"),
    ("addresses", "tests/limits_engine.rs::addresses"),
    ("relay_kept", "tests/engine_relays.rs::relay_kept"),
    (
        "foreign_relay_kept",
        "tests/engine_relays.rs::foreign_relay_kept",
    ),
    ("transaction", "tests/limits_protocol.rs::transaction"),
    ("write_stall", "tests/limits_protocol.rs::write_stall"),
    (
        "engine_memory",
        "tests/net_connections.rs::above_the_memory_budget_send_says_again_and_then_writable",
    ),
    (
        "event_stream",
        "src/net/mailbox/tests.rs::progress_is_one_entry_with_the_latest_value_and_reports_are_bounded",
    ),
    // What stands under "Fixed".
    (
        "worker threads of an engine",
        "src/engine/validate.rs::the_defaults_are_allowed_and_each_text_names_the_option_and_its_bound",
    ),
    (
        "threads for names and files, per engine",
        "tests/limits_engine.rs::threads_for_names_and_files",
    ),
    (
        "requests of other methods than SEND that wait for the host's answer, per session",
        "tests/proto_request.rs::requests_that_nobody_answers_are_bounded_in_number_and_time",
    ),
    (
        "methods that a session's host answers",
        "tests/limits_engine.rs::methods_that_a_host_answers",
    ),
    (
        "messages admitted whose outcome the consumer was not told, per session",
        "src/net/mailbox/tests.rs::outcomes_that_nobody_takes_hold_further_messages_back",
    ),
    (
        "octets received ahead of a gap, over the messages of a session",
        "tests/limits_protocol.rs::octets_received_ahead_of_a_gap",
    ),
    (
        "media types that the peer answered with 415, per session",
        "src/proto/refused.rs::the_types_remembered_are_bounded",
    ),
    (
        "retained messages of a session (C)",
        "../bindings-c/tests/handles.c::retained_up_to_the_limit",
    ),
    (
        "time in which an address of a name says nothing, while others are left to try",
        "src/net/dial/race.rs::rfc8305_5_the_next_address_is_tried_after_a_while_and_the_first_is_not_given_up",
    ),
    (
        "names that the operating system is asked for at once, per engine",
        "src/net/resolve.rs::the_system_is_asked_for_eight_names_at_once",
    ),
    (
        "octets of log records that wait for a C or Python host, 64 more for each",
        "src/net/log.rs::records_beyond_the_queue_are_dropped_and_counted",
    ),
    (
        "SDP of a peer",
        "tests/sdp_hostile.rs::more_lines_than_the_limit_are_refused",
    ),
    (
        "m=` lines of an SDP",
        "tests/sdp_hostile.rs::more_media_lines_than_the_limit_are_refused",
    ),
    (
        "attributes of the session part, and of one `m=` section",
        "tests/sdp_hostile.rs::more_attributes_than_the_limit_are_refused",
    ),
    (
        "path` of a peer",
        "tests/sdp_hostile.rs::more_uris_than_the_limit_are_refused",
    ),
    (
        "entries of `accept-types` and of `accept-wrapped-types",
        "tests/sdp_hostile.rs::type_lists_are_cut_at_their_limit",
    ),
    (
        "names of an SDP that are looked up for CEMA",
        "tests/sdp_cema.rs::only_names_that_can_decide_are_looked_up",
    ),
    (
        "text of a log record",
        "src/net/log.rs::levels_are_filtered_and_long_texts_cut",
    ),
    (
        "request or response in one segment of a trace",
        "../python-tests/test_trace.py::test_long_frames_go_on_in_further_segments",
    ),
    (
        "RelayOptions::max_connections",
        "tests/relay_net_tls.rs::rfc4976_6_5_the_connection_unused_longest_makes_room",
    ),
    (
        "RelayOptions::max_connections_per_address",
        "../msrp-cli/tests/relay/serve.rs::whoever_may_log_in_cannot_drive_the_others_out",
    ),
    (
        "RelayOptions::max_tokens",
        "tests/relay_office_auth.rs::uris_are_bounded_in_all_ways",
    ),
    (
        "RelayOptions::max_tokens_per_user",
        "tests/relay_office_auth.rs::uris_are_bounded_in_all_ways",
    ),
    (
        "RelayOptions::max_tokens_per_connection",
        "tests/relay_office_auth.rs::uris_are_bounded_in_all_ways",
    ),
    (
        "RelayOptions::min_lifetime`, `max_lifetime",
        "tests/relay_office_auth.rs::rfc4976_6_3_expires_has_bounds_for_those_who_may_know",
    ),
    (
        "RelayOptions::max_questions",
        "tests/relay_office_auth.rs::open_questions_are_few_and_end_with_their_link",
    ),
    (
        "RelayOptions::answer_timeout",
        "tests/relay_net_life.rs::hosts_may_take_their_time_and_no_more",
    ),
    (
        "RelayOptions::probation",
        "tests/relay_net_tls.rs::rfc4976_6_1_connections_of_no_use_are_closed",
    ),
    (
        "RelayOptions::max_failures",
        "tests/relay_hostile.rs::rfc4976_6_1_new_connections_have_to_be_of_use",
    ),
    (
        "RelayOptions::max_failed_auths",
        "tests/relay_link_requests.rs::failed_authentications_close_a_clients_connection_and_no_relays",
    ),
    (
        "RelayOptions::remembered_failures",
        "src/role/relay/office/backoff.rs::the_table_is_bounded",
    ),
    (
        "RelayOptions::idle",
        "tests/relay_net_life.rs::rfc4976_6_5_connections_are_not_closed_for_less_than_an_hour_of_silence",
    ),
    (
        "next hops being connected to for one connection",
        "tests/relay_net_life.rs::dials_under_way_are_bounded",
    ),
    (
        "next hops being connected to in all",
        "tests/relay_net_life.rs::dials_under_way_are_bounded",
    ),
    (
        "connections to next hops made for what came on one connection",
        "tests/relay_net_life.rs::next_hops_of_one_connection_drive_out_each_other_alone",
    ),
    (
        "requests that wait for one next hop to be connected to",
        "src/net/port.rs::what_waits_for_a_connection_is_bounded_and_stays_whole",
    ),
    (
        "octets that wait for one next hop to be connected to",
        "tests/relay_net_life.rs::what_waits_for_next_hops_is_bounded_in_octets",
    ),
    (
        "time in which a next hop is not tried again that could not be reached",
        "tests/relay_net_plain.rs::a_next_hop_that_could_not_be_reached_is_tried_again",
    ),
    (
        "LinkOptions::max_transactions",
        "tests/relay_link_flow.rs::many_sends_without_answer_wait",
    ),
    (
        "LinkOptions::max_silent",
        "tests/relay_link_failures.rs::silence_to_partial_is_good_and_forgotten",
    ),
    (
        "LinkOptions::max_pending",
        "tests/relay_link_requests.rs::pending_requests_are_bounded",
    ),
    (
        "LinkOptions::max_lanes",
        "tests/relay_link_flow.rs::lanes_that_are_not_used_are_forgotten",
    ),
    (
        "LinkOptions::max_lane_paths",
        "tests/relay_link_flow.rs::long_paths_are_bounded_where_they_are_kept",
    ),
    (
        "LinkOptions::max_outstanding",
        "tests/relay_link_flow.rs::many_sessions_hold_no_more_than_few",
    ),
    (
        "LinkOptions::max_verdicts",
        "tests/relay_link_requests.rs::what_waits_for_the_host_is_bounded",
    ),
    (
        "URIs in a To-Path that a relay passes on",
        "tests/relay_office_routing.rs::loops_and_long_ways_are_refused",
    ),
    (
        "names that count of another relay's certificate",
        "tests/relay_net_tls.rs::names_of_a_relay_count_up_to_a_bound",
    ),
    (
        "nonces that are good at a time at a relay",
        "tests/relay_office_auth.rs::a_connection_holds_few_nonces",
    ),
    (
        "peers of one URI of a relay that are reached over connections of their own",
        "tests/relay_office_routing.rs::peers_that_are_remembered_are_few",
    ),
    (
        "empty lines between two requests",
        "tests/limits_protocol.rs::empty_lines_between_two_requests",
    ),
    (
        "transaction id as received",
        "tests/limits_protocol.rs::transaction_id_as_received",
    ),
    (
        "Message-ID as received",
        "tests/limits_protocol.rs::message_id_as_received",
    ),
];

#[test]
fn every_bound_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tested: HashSet<&str> = TESTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(tested.len(), TESTED.len(), "a bound stands there twice");
    // The fields of the object, by their names in its own words.
    let shown = format!("{:#?}", Limits::default());
    let fields = shown.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("    ")?.split_once(':')?;
        (!name.starts_with(' ')).then_some(name)
    });
    let fields: HashSet<&str> = fields.collect();
    assert!(fields.len() >= 32, "{fields:?}");
    // The rows of the page: names of fields, and what is fixed.
    let page = std::fs::read_to_string(root.join("../docs/limits.md")).expect("the page");
    let rows: HashSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|row| !["Name", "What"].contains(row))
        .map(|row| row.trim_matches('`'))
        .collect();
    for name in fields.union(&rows) {
        assert!(
            tested.contains(name),
            "no test of {name}: write one, and name it in this table"
        );
        assert!(rows.contains(name), "{name} is missing in docs/limits.md");
    }
    for (name, place) in TESTED {
        assert!(
            rows.contains(name),
            "{name} stands in no row of docs/limits.md"
        );
        let (file, function) = place.split_once("::").expect("file::function");
        let text = std::fs::read_to_string(root.join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let words = ["fn", "void", "def"];
        let is_there = |word: &str| text.contains(&format!("{word} {function}("));
        assert!(words.iter().any(|word| is_there(word)), "{place} of {name}");
    }
}
