//! Sessions over TLS (RFC 4975 §14.2): who is trusted, what is refused, and how connections end.

mod engine_support;

use msrp_conformance::covers;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use engine_support::proxy::Proxy;
use engine_support::tls::{certificate, mutual, secure, text, unverified};
use engine_support::{Host, PATIENCE, RawPeer, limits, pair_with, remote_uri, wait_until};
use msrp::engine::{
    ChunkLen, EngineOptions, Event, ListenOptions, PemSource, SessionHandle, SessionOptions,
    TlsConfig, TlsVerify,
};
use msrp::error::ErrorKind;
use msrp::proto::CloseReason;
use msrp::wire::StatusCode;

#[test]
fn rfc4975_14_2_sessions_over_tls() {
    let [ours, theirs] = mutual();
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair_with(&a, secure(&ours), &b, secure(&theirs));
    let path = a.engine.local_path(one).expect("a path").to_string();
    assert!(path.starts_with("msrps://localhost:"), "{path}");
    let content: Vec<u8> = (0..3_u32 << 20)
        .map(|i| (i.wrapping_mul(31) >> 7) as u8)
        .collect();
    let large = a.try_send(one, content.clone()).expect("admitted");
    let small = b.send(two, "both ways");
    let messages = b.wait_messages(two, 1);
    assert!(messages[0].body == content);
    a.wait_acknowledged(large);
    b.wait_acknowledged_with(&a, small);
    assert_eq!(a.wait_messages(one, 1)[0].body, b"both ways");
    a.engine.close(one, Some(PATIENCE)).expect("alive");
    a.wait_closed(one);
    assert_eq!(b.wait_closed(two).reason, CloseReason::PeerClosed);
    covers!("C-079", "C-270", "S-002");
}

#[test]
fn rfc4975_5_4_a_certificate_of_another_name_or_ca_is_refused_before_any_msrp() {
    let (cert, key) = certificate("other.example.com");
    let (stranger, _) = certificate("localhost");
    let server = TlsConfig {
        cert: text(&cert),
        key: text(&key),
        ..TlsConfig::default()
    };
    let trusting = |ca: &[u8], server_name: Option<&str>, verify| TlsConfig {
        ca: text(ca),
        server_name: server_name.map(str::to_owned),
        verify,
        ..TlsConfig::default()
    };
    for (client, works) in [
        (trusting(&cert, None, TlsVerify::Ca), false),
        (
            trusting(&stranger, Some("other.example.com"), TlsVerify::Ca),
            false,
        ),
        (
            trusting(&cert, Some("other.example.com"), TlsVerify::Ca),
            true,
        ),
        (trusting(&stranger, None, TlsVerify::None), true),
    ] {
        let (a, b) = (Host::new(), Host::new());
        let (one, two) = (
            a.session_with(secure(&client)),
            b.session_with(secure(&server)),
        );
        let offer = a.engine.create_offer(one).expect("an offer");
        assert!(
            offer.contains("a=setup:active"),
            "without a certificate: {offer}"
        );
        let answer = b
            .engine
            .create_answer(two, &offer, None)
            .expect("an answer");
        a.engine.set_remote(one, &answer, None).expect("taken");
        a.engine.open(one, Some(PATIENCE)).expect("dials");
        if works {
            a.wait_opened(one);
            b.wait_opened(two);
        } else {
            let closed = a.wait_closed(one);
            assert_eq!(closed.error.expect("an error").kind, ErrorKind::Tls);
            b.take();
            assert!(b.seen(|seen| !seen.has(two, |event| matches!(event, Event::Opened))));
        }
    }
    covers!("C-272");
}

fn pinned() -> TlsConfig {
    let (cert, key) = certificate("self.signed.invalid");
    TlsConfig {
        cert: text(&cert),
        key: text(&key),
        verify: TlsVerify::Fingerprint,
        ..TlsConfig::default()
    }
}

#[test]
fn rfc8122_self_signed_certificates_are_proved_by_the_fingerprints_of_the_sdp() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair_with(&a, secure(&pinned()), &b, secure(&pinned()));
    let offer = a.engine.local_media(one).expect("an offer");
    assert!(offer.contains("a=fingerprint:sha-256 "), "{offer}");
    a.send(one, "proved");
    b.send(two, "both");
    assert_eq!(b.wait_messages(two, 1)[0].body, b"proved");
    assert_eq!(a.wait_messages(one, 1)[0].body, b"both");
    covers!("C-273", "S-107", "S-109", "S-110", "S-115", "S-116");
}

/// The SDP with one digit of its fingerprint changed.
fn forged(sdp: &str) -> String {
    let at = sdp.find("a=fingerprint:sha-256 ").expect("a fingerprint") + 22;
    let digit = if &sdp[at..=at] == "0" { "1" } else { "0" };
    format!("{}{digit}{}", &sdp[..at], &sdp[at + 1..])
}

#[test]
fn rfc8122_6_2_the_side_that_connects_refuses_another_certificate_before_any_msrp() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = (
        a.session_with(secure(&pinned())),
        b.session_with(secure(&pinned())),
    );
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    a.engine
        .set_remote(one, &forged(&answer), None)
        .expect("taken");
    a.engine.open(one, Some(PATIENCE)).expect("dials");
    let closed = a.wait_closed(one);
    let error = closed.error.expect("an error");
    assert_eq!(error.kind, ErrorKind::Tls);
    assert!(error.context.contains("fingerprint"), "{error}");
    let without: String = offer
        .lines()
        .filter(|line| !line.starts_with("a=fingerprint"))
        .fold(String::new(), |text, line| text + line + "\r\n");
    let three = b.session_with(secure(&pinned()));
    let error = b
        .engine
        .create_answer(three, &without, None)
        .expect_err("nothing proves it");
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    covers!("C-273", "C-274", "S-107", "S-115");
}

#[test]
fn rfc8122_6_2_the_side_that_listens_does_not_serve_another_certificate() {
    // Known before the peer comes: it is refused in the handshake.
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = (
        a.session_with(secure(&pinned())),
        b.session_with(secure(&pinned())),
    );
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(two, &forged(&offer), None)
        .expect("an answer");
    a.engine.set_remote(one, &answer, None).expect("taken");
    a.engine.open(one, Some(PATIENCE)).expect("dials");
    let error = a.wait_closed(one).error.expect("an error");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.context.contains("bad_certificate"), "{error}");
    b.take();
    assert!(b.seen(|seen| !seen.has(two, |event| matches!(event, Event::Opened))));
    assert_eq!(b.engine.stats().bytes_received, 0, "no octet of MSRP");

    // Expected for another session at the same port: the requests of this one get 481.
    let shared = pinned();
    let listener = b
        .engine
        .listen(ListenOptions {
            host: "localhost".into(),
            secure: true,
            tls: Some(shared.clone()),
            ..ListenOptions::default()
        })
        .expect("a port");
    let there = || SessionOptions {
        listener: Some(listener),
        ..secure(&shared)
    };
    let theirs = pinned();
    let (right, wrong) = (b.session_with(there()), b.session_with(there()));
    let (expected, one) = (
        a.session_with(secure(&theirs)),
        a.session_with(secure(&theirs)),
    );
    let offer = a.engine.create_offer(expected).expect("an offer");
    b.engine
        .create_answer(right, &offer, None)
        .expect("an answer");
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(wrong, &forged(&offer), None)
        .expect("an answer");
    a.engine.set_remote(one, &answer, None).expect("taken");
    a.engine.open(one, Some(PATIENCE)).expect("dials");
    let error = a.wait_closed(one).error.expect("an error");
    assert_eq!(error.status, Some(StatusCode(481)), "{error}");
    b.take();
    assert!(b.seen(|seen| !seen.has(wrong, |event| matches!(event, Event::Opened))));
    let soon = Duration::from_millis(100);
    b.engine.open(wrong, Some(soon)).expect("waits");
    let error = b.wait_closed(wrong).error.expect("an error");
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    assert!(
        error.context.contains("its fingerprint is not that of"),
        "{error}"
    );

    // Known only afterwards: what was held is not used, and the right peer may still come.
    let (one, two) = (
        a.session_with(secure(&pinned())),
        b.session_with(secure(&pinned())),
    );
    let offer = b.engine.create_offer(two).expect("an offer");
    let active = offer.replace("a=setup:actpass", "a=setup:passive");
    let thief = a.session_with(secure(&pinned()));
    a.engine
        .create_answer(thief, &active, None)
        .expect("an answer that goes nowhere");
    let before = b.engine.stats().bytes_received;
    a.engine.open(thief, Some(PATIENCE)).expect("dials");
    wait_until(|| b.engine.stats().bytes_received > before);
    let answer = a
        .engine
        .create_answer(one, &active, None)
        .expect("an answer");
    b.engine.set_remote(two, &answer, None).expect("taken");
    a.wait_closed(thief);
    b.take();
    assert!(b.seen(|seen| !seen.has(two, |event| matches!(event, Event::Opened))));
    a.engine.open(one, Some(PATIENCE)).expect("dials");
    a.wait_opened(one);
    b.wait_opened(two);
    covers!("C-274", "C-293", "S-108", "S-115");
}

#[test]
fn a_secure_session_is_not_served_in_cleartext_nor_by_another_listener() {
    let [ours, _] = mutual();
    let host = Host::from_options(EngineOptions {
        tls: Some(ours),
        ..EngineOptions::default()
    });
    let local = |secure| ListenOptions {
        host: "localhost".into(),
        secure,
        ..Default::default()
    };
    let plain = host.engine.listen(local(false)).expect("a port");
    let tls = host.engine.listen(local(true)).expect("a port");
    let on = |listener| SessionOptions {
        listener: Some(listener),
        ..SessionOptions::default()
    };
    let session = host.session_with(on(tls));
    let uri = host.engine.local_path(session).expect("a path").to_string();
    assert!(uri.starts_with("msrps:"), "{uri}");
    host.engine
        .set_remote_path(
            session,
            "msrps://localhost:1/Remote0000000001;tcp",
            false,
            "*",
        )
        .expect("a path");
    let plain = host.engine.listener_address(plain).expect("bound");
    let mut peer = RawPeer::from_stream(TcpStream::connect(plain).expect("connected"));
    peer.send(&uri, &remote_uri(1), "clear001", "in the clear");
    assert!(peer.frame().starts_with("MSRP clear001 481"));
    // Cleartext at the TLS port is no handshake.
    let tls = host.engine.listener_address(tls).expect("bound");
    let mut peer = RawPeer::from_stream(TcpStream::connect(tls).expect("connected"));
    peer.send(&uri, &remote_uri(1), "clear002", "in the clear");
    let rest = peer.read_to_end();
    assert!(!rest.starts_with(b"MSRP"), "{rest:?}");
    host.take();
    assert!(host.seen(|seen| seen.events.is_empty()));
    covers!("C-270", "C-293");
}

#[test]
fn a_tls_handshake_has_its_time() {
    let [ours, _] = mutual();
    let limits = limits(|limits| {
        limits.tls_handshake = Duration::from_millis(100);
    });
    let options = EngineOptions {
        limits,
        tls: Some(ours),
        ..EngineOptions::default()
    };
    let host = Host::from_options(options);
    let listening = ListenOptions {
        host: "localhost".into(),
        secure: true,
        ..Default::default()
    };
    let listener = host.engine.listen(listening).expect("a port");
    let address = host.engine.listener_address(listener).expect("bound");
    let mut silent = RawPeer::from_stream(TcpStream::connect(address).expect("connected"));
    silent.stream.write_all(&[22, 3, 1]).expect("written");
    assert_eq!(silent.read_to_end(), b"");
    wait_until(|| host.engine.stats().connections == 0);
}

#[test]
fn tls_options_are_checked() {
    let host = Host::new();
    let (cert, _) = certificate("localhost");
    let refused = |tls: TlsConfig| {
        let options = SessionOptions {
            secure: true,
            tls: Some(tls),
            ..Default::default()
        };
        let error = host
            .engine
            .session(&host.domain, options)
            .expect_err("refused");
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        error.context
    };
    let text = |pem: &[u8]| Some(PemSource::Text(pem.to_vec()));
    assert!(
        refused(TlsConfig {
            cert: text(&cert),
            ..Default::default()
        })
        .contains("key")
    );
    assert!(
        refused(TlsConfig {
            ca: text(b"no pem"),
            ..Default::default()
        })
        .contains("ca")
    );
    let missing = Some(PemSource::File("/nonexistent.pem".into()));
    assert!(
        refused(TlsConfig {
            ca: missing,
            ..Default::default()
        })
        .contains("/nonexistent.pem")
    );
    let error = host
        .engine
        .listen(ListenOptions {
            host: "localhost".into(),
            secure: true,
            tls: Some(TlsConfig {
                verify: TlsVerify::None,
                ..Default::default()
            }),
            ..Default::default()
        })
        .expect_err("no certificate");
    assert!(error.context.contains("cert"), "{error}");
}

#[test]
fn rfc4975_8_1_a_session_made_for_tls_is_not_talked_out_of_it() {
    let [ours, _] = mutual();
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = (a.session_with(secure(&ours)), b.session());
    let offer = a.engine.create_offer(one).expect("an offer");
    // What somebody in between would make of the answer.
    let plain = offer
        .replace("TCP/TLS/MSRP", "TCP/MSRP")
        .replace("msrps:", "msrp:");
    let answer = b
        .engine
        .create_answer(two, &plain, None)
        .expect("an answer");
    let error = a
        .engine
        .set_remote(one, &answer, None)
        .expect_err("no TLS in it");
    assert_eq!(error.kind, ErrorKind::InvalidSdp, "{error}");
    let path = b.engine.local_path(two).expect("a path").to_string();
    let error = a
        .engine
        .set_remote_path(one, &path, true, "*")
        .expect_err("no TLS in it");
    assert_eq!(error.kind, ErrorKind::InvalidUri, "{error}");
    assert!(a.engine.open(one, None).is_err(), "there is no remote side");
    covers!("S-011", "S-012", "C-079", "T-28");
}

/// Two bound sessions with a narrow wire between them: the first connects.
fn over_a_narrow_wire(secure_too: bool) -> (Host, SessionHandle, Host, SessionHandle, Proxy) {
    let (a, b) = (Host::new(), Host::new());
    let (tell, told) = std::sync::mpsc::channel();
    let proxy = Proxy::new(told);
    let options = || match secure_too {
        true => secure(&unverified()),
        false => SessionOptions {
            host: "127.0.0.1".into(),
            ..SessionOptions::default()
        },
    };
    let listener = b
        .engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            secure: secure_too,
            tls: Some(unverified()),
            ..ListenOptions::default()
        })
        .expect("a port");
    let there = SessionOptions {
        listener: Some(listener),
        advertise: Some(("127.0.0.1".into(), proxy.port)),
        chunk_len: ChunkLen::Unbounded,
        ..options()
    };
    let here = SessionOptions {
        chunk_len: ChunkLen::Unbounded,
        ..options()
    };
    let port = b.engine.listener_address(listener).expect("bound").port();
    tell.send(port).expect("waits for it");
    let (one, two) = pair_with(&a, here, &b, there);
    (a, one, b, two, proxy)
}

#[test]
fn large_messages_both_ways_at_once_pass_a_narrow_wire() {
    const LEN: usize = 64 << 20;
    for secure_too in [false, true] {
        let (a, one, b, two, _proxy) = over_a_narrow_wire(secure_too);
        let content = |seed: u32| -> Vec<u8> {
            (0..LEN as u32)
                .map(|n| (n.wrapping_mul(seed) >> 11) as u8)
                .collect()
        };
        let (there, back) = (content(2_654_435_761), content(2_246_822_519));
        let to = a.try_send(one, there.clone()).expect("admitted");
        let from = b.try_send(two, back.clone()).expect("admitted");
        let mut lens = (0, 0);
        let deadline = Instant::now() + PATIENCE * 10;
        let done = |host: &Host, session, len: &mut usize| {
            host.take();
            host.seen(|seen| {
                *len = seen.messages.get(&session).map_or(0, Vec::len);
                *len == 1
            })
        };
        while !(done(&b, two, &mut lens.0) & done(&a, one, &mut lens.1)) {
            assert!(
                Instant::now() < deadline,
                "{:?} {:?}",
                a.engine.stats(),
                b.engine.stats()
            );
            std::thread::yield_now();
        }
        assert!(b.wait_messages(two, 1)[0].body == there);
        assert!(a.wait_messages(one, 1)[0].body == back);
        a.wait_acknowledged(to);
        b.wait_acknowledged(from);
        assert_eq!(
            (a.engine.stats().send_held, b.engine.stats().send_held),
            (0, 0)
        );
    }
}
