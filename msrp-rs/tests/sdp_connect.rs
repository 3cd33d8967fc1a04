//! RFC 4975 §5.4, RFC 4145, RFC 6135 and RFC 8122 on real sockets: who connects when offer and answer are done, what a
//! repeated offer does, and what the fingerprint in it is of.

mod engine_support;

use std::io::{ErrorKind as IoError, Read as _};
use std::net::TcpListener;

use engine_support::tls::{secure, text, unverified};
use engine_support::{Host, PATIENCE, RawPeer, remote_uri};
use msrp::engine::{SessionOptions, SetupPreference, TlsConfig, TlsVerify};
use msrp::error::ErrorKind;
use msrp_conformance::covers;
use sha2::{Digest, Sha256};

fn local_listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

/// What a peer offers whose path has this port.
fn offer(port: u16, setup: &str, direction: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=message {port} TCP/MSRP *\r\na=path:{}\r\na=accept-types:*\r\na=setup:{setup}\r\na={direction}\r\n",
        remote_uri(port)
    )
}

fn line<'a>(sdp: &'a str, start: &str) -> &'a str {
    let mut lines = sdp.lines();
    lines.find(|line| line.starts_with(start)).expect("there")
}

fn nobody_came(listener: &TcpListener) -> bool {
    listener.set_nonblocking(true).expect("set");
    let came = listener.accept();
    came.is_err_and(|error| error.kind() == IoError::WouldBlock)
}

#[test]
fn rfc6135_4_2_2_an_active_answerer_connects_and_sends_at_once() {
    for direction in ["sendrecv", "sendonly", "recvonly", "inactive"] {
        let host = Host::new();
        let (listener, port) = local_listener();
        let session = host.session_with(SessionOptions {
            setup: SetupPreference::Active,
            ..SessionOptions::default()
        });
        let offer = offer(port, "actpass", direction);
        let answer = host.engine.create_answer(session, &offer, None);
        let answer = answer.expect("an answer");
        assert_eq!(line(&answer, "a=setup"), "a=setup:active");
        host.engine.open(session, Some(PATIENCE)).expect("dials");
        // Nobody has anything to say, and in some directions may not.
        let mut peer = RawPeer::from_stream(listener.accept().expect("a connection").0);
        let binding = peer.frame();
        assert!(binding.contains(" SEND\r\n"), "{binding}");
        assert!(binding.contains(&format!("\r\nTo-Path: {}\r\n", remote_uri(port))));
        assert!(!binding.contains("Content-Type"), "{binding}");
        peer.answer(&binding, "200 OK");
        host.wait_opened(session);
    }
    covers!("S-073", "S-079", "S-146");
}

#[test]
fn rfc6135_6_an_active_answerer_is_the_tls_client() {
    let host = Host::new();
    let (listener, port) = local_listener();
    let session = host.session_with(SessionOptions {
        setup: SetupPreference::Active,
        ..secure(&unverified())
    });
    let offer = offer(port, "actpass", "sendrecv")
        .replace("TCP/MSRP", "TCP/TLS/MSRP")
        .replace("msrp:", "msrps:");
    let answer = host.engine.create_answer(session, &offer, None);
    assert_eq!(line(&answer.expect("one"), "a=setup"), "a=setup:active");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut record = [0; 6];
    stream.read_exact(&mut record).expect("a record");
    assert_eq!((record[0], record[5]), (22, 1), "a ClientHello");
    covers!("S-078");
}

#[test]
fn rfc4145_4_1_a_passive_side_never_connects() {
    let host = Host::new();
    let (listener, port) = local_listener();
    let session = host.session();
    let answer = host
        .engine
        .create_answer(session, &offer(port, "active", "sendrecv"), None)
        .expect("an answer");
    assert_eq!(line(&answer, "a=setup"), "a=setup:passive");
    host.engine.open(session, Some(PATIENCE)).expect("waits");
    let sent = host.send(session, "as soon as somebody connects");
    let uri = line(&answer, "a=path").trim_start_matches("a=path:");
    let mut peer = RawPeer::connect(uri);
    peer.send(uri, &remote_uri(port), "first001", "here I am");
    assert!(peer.frame().starts_with("MSRP first001 200"));
    let request = peer.frame();
    assert!(request.contains("as soon as somebody connects"));
    peer.answer(&request, "200 OK");
    host.wait_acknowledged(sent);
    assert!(nobody_came(&listener));
    covers!("S-074");
}

#[test]
fn rfc4975_8_4_a_repeated_offer_in_mid_message_changes_nothing() {
    let host = Host::new();
    let (listener, port) = local_listener();
    let session = host.session();
    let offer = offer(port, "active", "sendrecv");
    let answer = host.engine.create_answer(session, &offer, None);
    let answer = answer.expect("an answer");
    let uri = line(&answer, "a=path").trim_start_matches("a=path:");
    let mut peer = RawPeer::connect(uri);
    let chunk = |id: &str, range: &str, body: &str, flag: char| {
        format!(
            "MSRP {id} SEND\r\nTo-Path: {uri}\r\nFrom-Path: {}\r\nMessage-ID: half0001\r\nByte-Range: {range}\r\n\
             Content-Type: text/plain\r\n\r\n{body}\r\n-------{id}{flag}\r\n",
            remote_uri(port)
        )
    };
    peer.write(chunk("half0001", "1-4/8", "1234", '+').as_bytes());
    assert!(peer.frame().starts_with("MSRP half0001 200"));
    host.wait_opened(session);
    let again = host.engine.create_answer(session, &offer, None);
    assert_eq!(again.expect("an answer"), answer);
    host.engine.open(session, Some(PATIENCE)).expect("is open");
    peer.write(chunk("half0002", "5-8/8", "5678", '$').as_bytes());
    // The next thing that comes on this connection is the answer, and no other connection is there.
    assert!(peer.frame().starts_with("MSRP half0002 200"));
    assert_eq!(host.wait_messages(session, 1)[0].body, b"12345678");
    assert!(nobody_came(&listener));
    covers!("S-134", "S-139", "T-54");
}

#[test]
fn rfc8122_5_the_fingerprint_is_of_the_leaf() {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    let keys = [(); 2].map(|()| KeyPair::generate().expect("a key"));
    let [ca_key, key] = keys;
    let mut ca = CertificateParams::new(vec!["ca.invalid".into()]).expect("a name");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).expect("a certificate");
    let leaf = CertificateParams::new(vec!["leaf.invalid".into()]).expect("a name");
    let leaf = leaf
        .signed_by(&key, &Issuer::new(ca, ca_key))
        .expect("a certificate");
    let host = Host::new();
    let session = host.session_with(secure(&TlsConfig {
        cert: text(format!("{}{}", leaf.pem(), ca_certificate.pem()).as_bytes()),
        key: text(key.serialize_pem().as_bytes()),
        verify: TlsVerify::Fingerprint,
        ..TlsConfig::default()
    }));
    let offer = host.engine.create_offer(session).expect("an offer");
    let digest = Sha256::digest(leaf.der());
    let digits: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
    let expected = format!("a=fingerprint:sha-256 {}", digits.join(":"));
    assert_eq!(line(&offer, "a=fingerprint:sha-256"), expected);
    covers!("S-117");
}

#[test]
fn rfc4975_3_a_session_is_nothing_without_the_peers_uri_from_a_rendezvous() {
    let host = Host::new();
    let session = host.session();
    let open = host.engine.open(session, Some(PATIENCE));
    assert_eq!(
        open.expect_err("with whom?").kind,
        ErrorKind::InvalidArgument
    );
    let sent = host.try_send(session, b"x".to_vec());
    assert_eq!(sent.expect_err("to whom?").kind, ErrorKind::InvalidArgument);
    // What the host has to see to is said where it reads of security.
    let security = include_str!("../../docs/security.md").replace('\n', " ");
    assert!(security.contains("RFC 4975 §14 therefore asks for signalling that keeps it secret"));
    covers!("C-262");
}
