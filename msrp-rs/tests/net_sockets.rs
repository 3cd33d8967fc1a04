//! Options of sockets: ports out of a range, the interface, idle connections, and an address that goes away.

#![cfg(target_os = "linux")]

mod engine_support;

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use engine_support::{Host, RawPeer, pair_with, passive_with, remote_uri};
use msrp::engine::{ConnectionOptions, Engine, EngineOptions, ListenOptions, SessionOptions};
use msrp::error::ErrorKind;
use msrp::proto::CloseReason;

fn local(change: impl FnOnce(&mut ListenOptions)) -> ListenOptions {
    let mut options = ListenOptions {
        host: "127.0.0.1".into(),
        ..ListenOptions::default()
    };
    change(&mut options);
    options
}

/// Ports that lie side by side and were free a moment ago: below those that the system gives away.
fn free_ports(count: u16) -> std::ops::RangeInclusive<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..1000 {
        let turn = NEXT.fetch_add(count, Ordering::Relaxed);
        let start = 10_000 + (std::process::id() as u16 % 1000) * 20 + turn % 1000;
        let end = start + count - 1;
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (start..=end).all(is_free) {
            return start..=end;
        }
    }
    panic!("no {count} free ports side by side");
}

#[test]
fn a_range_gives_each_of_its_ports_once() {
    let host = Host::new();
    let range = free_ports(3);
    let listen = |options| host.engine.listen(options);
    let mut ports: Vec<u16> = (0..3)
        .map(|_| {
            let listener = listen(local(|options| options.port_range = Some(range.clone())));
            let listener = listener.expect("one is free");
            host.engine.listener_address(listener).expect("open").port()
        })
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, range.clone().collect::<Vec<_>>());
    let none = listen(local(|options| options.port_range = Some(range.clone())));
    let error = none.expect_err("all are taken");
    assert_eq!(error.kind, ErrorKind::Connect);
    let expected = format!(
        "cannot listen on 127.0.0.1: all ports of {} to {} are taken",
        range.start(),
        range.end()
    );
    assert_eq!(error.context, expected);
}

#[test]
fn the_engines_range_is_for_who_has_no_port() {
    let range = free_ports(2);
    let host = Host::from_options(EngineOptions {
        port_range: Some(range.clone()),
        ..EngineOptions::default()
    });
    let port = |session| {
        let path = host.engine.local_path(session).expect("a path");
        path.first().port().expect("a port")
    };
    let sessions = [host.session(), host.session()];
    assert!(sessions.map(port).iter().all(|port| range.contains(port)));
    let none = (host.engine).session(&host.domain, SessionOptions::default());
    let error = none.expect_err("all are taken");
    assert!(error.context.contains("are taken"), "{error}");
    // A port of one's own is no matter of the range.
    let other = free_ports(1);
    let listener = (host.engine)
        .listen(local(|options| options.port = *other.start()))
        .expect("free");
    let address = host.engine.listener_address(listener).expect("open");
    assert_eq!(address.port(), *other.start());
}

#[test]
fn options_that_cannot_be_are_named() {
    let host = Host::new();
    let cases: [(ListenOptions, &str); 8] = [
        (
            local(|options| (options.port, options.port_range) = (5000, Some(5000..=5010))),
            "port is 5000 and port_range asks for others: give one of them",
        ),
        (
            local(|options| options.port_range = Some(0..=10)),
            "port_range is 0 to 10: it begins at 1 or above and does not end before it begins",
        ),
        (
            #[expect(clippy::reversed_empty_ranges, reason = "that is the point")]
            local(|options| options.port_range = Some(20..=10)),
            "port_range is 20 to 10: it begins at 1 or above and does not end before it begins",
        ),
        (
            local(|options| options.dscp = Some(64)),
            "dscp is 64, allowed is 0 to 63",
        ),
        (
            local(|options| options.tcp_keepalive = Some(Duration::from_millis(500))),
            "tcp_keepalive is 500ms, allowed is 1s to 32767s",
        ),
        (
            local(|options| options.interface = Some("a/b".into())),
            "interface is \"a/b\": that is no name of an interface",
        ),
        (
            local(|options| options.interface = Some("sixteen-octets-x".into())),
            "interface.len is 16, allowed is 1 to 15",
        ),
        (
            local(|options| options.host = "fe80::1%lo".into()),
            "host is fe80::1%lo: a zone cannot stand in a path (RFC 4975 §9), give advertise=(host, port)",
        ),
    ];
    for (options, text) in cases {
        let error = host.engine.listen(options).expect_err(text);
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");
        assert_eq!(error.context, text);
    }
    let wrong = EngineOptions {
        port_range: Some(0..=0),
        ..EngineOptions::default()
    };
    assert!(Engine::new(wrong).is_err());
    let session = SessionOptions {
        connection: ConnectionOptions {
            dscp: Some(99),
            ..ConnectionOptions::default()
        },
        ..SessionOptions::default()
    };
    let error = host.engine.session(&host.domain, session);
    let error = error.expect_err("no such code point");
    assert_eq!(error.context, "connection.dscp is 99, allowed is 0 to 63");
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    let host = Host::new();
    let error = (host.engine)
        .listen(local(|options| options.interface = Some("nowhere0".into())))
        .expect_err("there is none");
    assert_eq!(error.kind, ErrorKind::Connect);
    let expected = [
        "cannot listen on 127.0.0.1:0: interface nowhere0: there is none of this name",
        "cannot listen on 127.0.0.1:0: interface nowhere0: not permitted, it needs the capability CAP_NET_RAW",
    ];
    assert!(expected.contains(&error.context.as_str()), "{error}");
    let session = host.session_with(SessionOptions {
        connection: ConnectionOptions {
            interface: Some("lo".into()),
            dscp: Some(46),
            tcp_keepalive: Some(Duration::from_secs(30)),
            ..ConnectionOptions::default()
        },
        ..SessionOptions::default()
    });
    host.engine.abort_session(session).expect("alive");
}

#[test]
fn sessions_work_over_sockets_with_all_options() {
    let (a, b) = (Host::new(), Host::new());
    let options = || SessionOptions {
        connection: ConnectionOptions {
            interface: Some("lo".into()),
            dscp: Some(34),
            tcp_keepalive: Some(Duration::from_secs(30)),
            idle: Some(Duration::from_secs(3600)),
            ..ConnectionOptions::default()
        },
        ..SessionOptions::default()
    };
    let (one, two) = pair_with(&a, options(), &b, options());
    a.send(one, "marked");
    assert_eq!(b.wait_messages(two, 1)[0].body, b"marked");
}

#[test]
fn a_silent_connection_is_closed_with_that_reason() {
    let idle = Duration::from_secs(2);
    let host = Host::new();
    let options = SessionOptions {
        connection: ConnectionOptions {
            idle: Some(idle),
            ..ConnectionOptions::default()
        },
        ..SessionOptions::default()
    };
    let (session, uri) = passive_with(&host, options);
    let mut peer = RawPeer::connect(&uri);
    peer.send(&uri, &remote_uri(2855), "idle0001", "and no more");
    assert!(peer.frame().starts_with("MSRP idle0001 200"));
    let closed = host.wait_closed(session);
    let expected = "no traffic for 2s, the limit of an idle connection";
    assert_eq!(
        closed.reason,
        CloseReason::ConnectionLost(expected.to_owned())
    );
    assert!(peer.read_to_end().is_empty());
}

#[test]
fn a_listener_on_all_addresses_takes_both_families() {
    let host = Host::new();
    let Ok(listener) = host.engine.listen(ListenOptions {
        host: "::".into(),
        ..ListenOptions::default()
    }) else {
        // A system without IPv6.
        return;
    };
    for address in ["127.0.0.1", "::1"] {
        let (session, uri) = passive_with(
            &host,
            SessionOptions {
                listener: Some(listener),
                advertise: Some((address.into(), 0)),
                ..SessionOptions::default()
            },
        );
        let mut peer = RawPeer::connect(&uri);
        peer.send(&uri, &remote_uri(2855), "both0001", "hello");
        assert!(peer.frame().starts_with("MSRP both0001 200"));
        host.wait_opened(session);
    }
}

/// Changes an address of an interface; false where this needs a privilege that is missing.
fn address(what: &str, address: IpAddr, interface: &str) -> bool {
    let done = Command::new("ip")
        .args(["addr", what, &format!("{address}/32"), "dev", interface])
        .output();
    done.is_ok_and(|output| output.status.success())
}

#[test]
fn an_address_that_goes_away_is_the_reason() {
    // For benchmarks of networks (RFC 2544): nobody's, and no loopback.
    let own = IpAddr::from(Ipv4Addr::new(
        198,
        18,
        77,
        (std::process::id() % 250 + 1) as u8,
    ));
    if !address("add", own, "lo") {
        println!("skipped: addresses cannot be added here");
        return;
    }
    let host = Host::new();
    let options = SessionOptions {
        host: own.to_string(),
        ..SessionOptions::default()
    };
    let (session, uri) = passive_with(&host, options);
    let mut peer = RawPeer::connect(&uri);
    peer.send(&uri, &remote_uri(2855), "here0001", "hello");
    assert!(peer.frame().starts_with("MSRP here0001 200"));
    host.wait_opened(session);
    assert!(address("del", own, "lo"));
    host.send(session, "nobody gets this");
    let closed = host.wait_closed(session);
    let expected = format!("address {own} went away");
    assert_eq!(closed.reason, CloseReason::ConnectionLost(expected));
}
