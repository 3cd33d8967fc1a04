//! RFC 4975 §6, §6.2, §7.1 and §8.2 on real sockets: what stands in the URIs that the engine makes, which of a peer's it
//! takes, and over which connection a request goes.

mod engine_support;
mod support;

use std::collections::HashSet;
use std::net::TcpListener;

use engine_support::{Host, PATIENCE, RawPeer, dialled, pair_with, remote_uri};
use msrp::engine::{ListenOptions, SendBody, SendOptions, SessionOptions};
use msrp::error::ErrorKind;
use msrp_conformance::covers;
use support::strict::assert_uri;

fn listening(host: &str) -> ListenOptions {
    ListenOptions {
        host: host.into(),
        ..ListenOptions::default()
    }
}

/// The value of `a=path`.
fn path(sdp: &str) -> &str {
    let line = sdp
        .lines()
        .find(|line| line.starts_with("a=path:"))
        .expect("a path");
    &line["a=path:".len()..]
}

#[test]
fn rfc4975_8_2_uris_in_sdp_have_a_port_and_tcp() {
    let host = Host::new();
    for setup in [
        msrp::engine::SetupPreference::ActPass,
        msrp::engine::SetupPreference::Active,
        msrp::engine::SetupPreference::Passive,
    ] {
        let (one, two) = (
            host.session_with(SessionOptions {
                setup,
                ..SessionOptions::default()
            }),
            host.session(),
        );
        let offer = host.engine.create_offer(one).expect("an offer");
        let answer = host
            .engine
            .create_answer(two, &offer, None)
            .expect("an answer");
        assert_uri(path(&offer));
        assert_uri(path(&answer));
        assert_uri(&host.engine.local_path(one).expect("a path").to_string());
    }
    covers!("C-073", "C-076");
}

#[test]
fn rfc4975_6_uris_that_must_not_be_made_or_used_are_refused() {
    let host = Host::new();
    let session = host.session();
    // A numeric address, and any first URI, comes with a port: 2855 does not fill in.
    for remote in [
        "msrp://192.0.2.1/abc;tcp",
        "msrp://[2001:db8::1]/abc;tcp",
        "msrp://b.example/abc;tcp",
    ] {
        let error = host
            .engine
            .set_remote_path(session, remote, true, "*")
            .expect_err(remote);
        assert_eq!(error.kind, ErrorKind::InvalidUri, "{error}");
        let offer = host.engine.create_offer(host.session()).expect("an offer");
        let answering = host.session();
        let odd = offer.replace(path(&offer), remote);
        let error = host
            .engine
            .create_answer(answering, &odd, None)
            .expect_err(remote);
        assert_eq!(error.kind, ErrorKind::InvalidSdp, "{error}");
    }
    // A password, and what is not US-ASCII.
    for name in ["user:pw@b.example", "user@b.example", "b\u{fc}cher.example"] {
        let advertise = Some((name.to_owned(), 2855));
        let options = SessionOptions {
            advertise,
            ..SessionOptions::default()
        };
        let error = host.engine.session(&host.domain, options).expect_err(name);
        assert!(
            [ErrorKind::InvalidUri, ErrorKind::InvalidArgument].contains(&error.kind),
            "{error}"
        );
    }
    // The A-label form is what stands for it.
    let advertise = Some(("xn--bcher-kva.example".to_owned(), 2855));
    let named = host.session_with(SessionOptions {
        advertise,
        ..SessionOptions::default()
    });
    let offer = host.engine.create_offer(named).expect("an offer");
    assert!(
        path(&offer).starts_with("msrp://xn--bcher-kva.example:2855/"),
        "{offer}"
    );
    covers!("C-074", "C-077", "C-081", "C-082");
}

#[test]
fn rfc4975_9_only_tcp_is_dialled() {
    let host = Host::new();
    let session = host.session();
    let remote = remote_uri(2855).replace(";tcp", ";ws");
    let error = host
        .engine
        .set_remote_path(session, &remote, true, "*")
        .expect_err("no WebSocket");
    assert_eq!(
        (error.kind, error.context.contains("ws")),
        (ErrorKind::InvalidUri, true),
        "{error}"
    );
    // Who is dialled by such a peer does not mind.
    host.engine
        .set_remote_path(session, &remote, false, "*")
        .expect("passive");
    let offer = host.engine.create_offer(host.session()).expect("an offer");
    let odd = offer
        .replace(";tcp", ";dc")
        .replace("a=setup:actpass", "a=setup:passive");
    let error = host
        .engine
        .create_answer(host.session(), &odd, None)
        .expect_err("no data channel");
    assert_eq!(error.kind, ErrorKind::InvalidSdp, "{error}");
    covers!("C-072");
}

#[test]
fn rfc4975_15_4_a_listener_takes_port_2855() {
    let host = Host::new();
    // An address of this test's own: the port is one for the machine.
    let options = ListenOptions {
        port: 2855,
        ..listening("127.47.11.2")
    };
    let listener = host.engine.listen(options).expect("the port is free");
    let session = host.session_with(SessionOptions {
        listener: Some(listener),
        ..SessionOptions::default()
    });
    let uri = host.engine.local_path(session).expect("a path").to_string();
    assert!(uri.starts_with("msrp://127.47.11.2:2855/"), "{uri}");
    host.engine
        .set_remote_path(session, &remote_uri(9), false, "*")
        .expect("a path");
    let mut peer = RawPeer::connect(&uri);
    peer.send(&uri, &remote_uri(9), "first001", "hi");
    assert!(peer.frame().starts_with("MSRP first001 200"));
    covers!("C-082");
}

#[test]
fn rfc4975_6_an_ipv6_address_works_end_to_end() {
    if TcpListener::bind("[::1]:0").is_err() {
        println!("this machine has no IPv6: nothing seen, no mark");
        return;
    }
    let (a, b) = (Host::new(), Host::new());
    let six = || SessionOptions {
        host: "::1".into(),
        ..SessionOptions::default()
    };
    let (one, two) = pair_with(&a, six(), &b, six());
    let uri = b.engine.local_path(two).expect("a path").to_string();
    assert!(uri.starts_with("msrp://[::1]:"), "{uri}");
    a.send(one, "over six");
    b.send(two, "and back");
    assert_eq!(b.wait_messages(two, 1)[0].body, b"over six");
    assert_eq!(a.wait_messages(one, 1)[0].body, b"and back");
    covers!("C-075", "C-092");
}

#[test]
fn rfc4975_6_2_a_numeric_address_and_its_port_are_dialled_as_they_stand() {
    let host = Host::new();
    let listener = TcpListener::bind("127.47.11.3:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let session = host.session();
    let remote = format!("msrp://127.47.11.3:{port}/peer0000000000000001;tcp");
    host.engine
        .set_remote_path(session, &remote, true, "*")
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("begins");
    let (stream, _) = listener.accept().expect("a connection");
    let mut peer = RawPeer::from_stream(stream);
    let binding = peer.frame();
    assert!(
        binding.contains(&format!("\r\nTo-Path: {remote}\r\n")),
        "{binding}"
    );
    peer.answer(&binding, "200 OK");
    host.wait_opened(session);
    covers!("C-092");
}

#[test]
fn rfc4975_8_2_session_uris_of_an_endpoint_and_of_two_are_all_different() {
    let mut seen = HashSet::new();
    for _ in 0..2 {
        let host = Host::new();
        let listener = host.engine.listen(listening("127.0.0.1")).expect("a port");
        for _ in 0..500 {
            let options = SessionOptions {
                listener: Some(listener),
                ..SessionOptions::default()
            };
            let uri = host
                .engine
                .local_path(host.session_with(options))
                .expect("a path");
            let id = uri.first().session_id().expect("a session-id").to_owned();
            assert!(id.len() >= 14, "{id}");
            // The two engines run in one program: the system's randomness tells them apart.
            assert!(seen.insert(id));
        }
    }
    covers!("C-095", "S-025");
}

#[test]
fn rfc4975_7_1_a_request_goes_over_a_fitting_connection_or_a_new_one() {
    let (a, b) = (Host::new(), Host::new());
    let listen = |host: &Host| host.engine.listen(listening("127.0.0.1")).expect("a port");
    let (here, there) = (listen(&b), listen(&b));
    let at = |listener| SessionOptions {
        listener: Some(listener),
        ..SessionOptions::default()
    };
    let mut pairs = vec![pair_with(&a, SessionOptions::default(), &b, at(here))];
    assert_eq!(a.engine.stats().connections, 1);
    // The same host and port: the connection that is there.
    pairs.push(pair_with(&a, SessionOptions::default(), &b, at(here)));
    assert_eq!(a.engine.stats().connections, 1);
    // Another port: a new one.
    pairs.push(pair_with(&a, SessionOptions::default(), &b, at(there)));
    assert_eq!(a.engine.stats().connections, 2);
    for (n, (ours, theirs)) in pairs.into_iter().enumerate() {
        a.send(ours, &format!("line {n}"));
        assert_eq!(
            b.wait_messages(theirs, 1)[0].body,
            format!("line {n}").as_bytes()
        );
    }
    covers!("C-111");
}

#[test]
fn rfc4975_5_4_what_an_accepted_peer_says_of_itself_draws_no_session_to_it() {
    let host = Host::new();
    let victim = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = victim.local_addr().expect("an address").port();
    // The peer claims to be at the victim's address, in its path and in its requests.
    let (claimed, uri) = engine_support::passive(&host);
    let mut liar = RawPeer::connect(&uri);
    liar.send(&uri, &remote_uri(port), "claim001", "I am the victim");
    assert!(liar.frame().starts_with("MSRP claim001 200"));
    host.wait_messages(claimed, 1);
    // A session to the real one gets a connection of its own.
    let session = host.session();
    host.engine
        .set_remote_path(session, &remote_uri(port), true, "*")
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("begins");
    let (stream, _) = victim.accept().expect("a connection");
    let mut real = RawPeer::from_stream(stream);
    let binding = real.frame();
    real.answer(&binding, "200 OK");
    host.wait_opened(session);
    let body = SendBody::Bytes("for the victim".into());
    host.engine
        .send(session, SendOptions::default(), body)
        .expect("admitted");
    assert!(real.frame().contains("for the victim"));
    // The next octets that the liar gets are the answer to its next request.
    liar.send(&uri, &remote_uri(port), "claim002", "still there?");
    assert!(liar.frame().starts_with("MSRP claim002 200"));
    assert!(liar.input.is_empty());
    covers!("C-297", "T-65");
}

#[test]
fn rfc4975_9_a_content_type_is_written_without_blanks() {
    let host = Host::new();
    let (session, mut peer) = dialled(&host);
    let options = SendOptions {
        content_type: "Text/plain ; charset=utf-8;\tname=\"a; b\"".into(),
        ..SendOptions::default()
    };
    host.engine
        .send(session, options, SendBody::Bytes("x".into()))
        .expect("admitted");
    let frame = peer.frame();
    assert!(
        frame.contains("\r\nContent-Type: Text/plain;charset=utf-8;name=\"a; b\"\r\n\r\nx\r\n"),
        "{frame}"
    );
    covers!("C-046");
}
