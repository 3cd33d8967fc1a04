//! RFC 4975 §5.4, §14.2, §14.4: what a TLS client says first, and which certificates prove a peer.

mod engine_support;

use std::io::Read;
use std::net::TcpListener;

use engine_support::tls::{certificate, secure, text};
use engine_support::{Host, PATIENCE, RawPeer, pair_with};
use msrp::engine::{SessionOptions, TlsConfig, TlsVerify};
use msrp::error::ErrorKind;
use msrp::proto::CloseReason;
use msrp_conformance::covers;
use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

/// A certificate signed by itself, with changes.
fn made(names: Vec<String>, change: impl FnOnce(&mut CertificateParams)) -> TlsConfig {
    let mut params = CertificateParams::new(names).expect("names");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let cert = params.self_signed(&key).expect("a certificate").pem();
    TlsConfig {
        cert: text(cert.as_bytes()),
        key: text(key.serialize_pem().as_bytes()),
        ca: text(cert.as_bytes()),
        ..TlsConfig::default()
    }
}

/// What this client says first: the record with its ClientHello.
fn client_hello(host: &str) -> Vec<u8> {
    let engine = Host::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = engine.session_with(SessionOptions {
        tls: Some(TlsConfig {
            verify: TlsVerify::None,
            ..TlsConfig::default()
        }),
        secure: true,
        ..SessionOptions::default()
    });
    let path = format!("msrps://{host}:{port}/Remote0000000001;tcp");
    engine
        .engine
        .set_remote_path(session, &path, true, "*")
        .expect("a path");
    engine.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut peer = RawPeer::from_stream(listener.accept().expect("a connection").0);
    let mut head = [0; 5];
    peer.stream.read_exact(&mut head).expect("a record");
    assert_eq!((head[0], head[1]), (22, 3), "a handshake");
    let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    peer.stream.read_exact(&mut record).expect("a record");
    assert_eq!(record[0], 1, "a ClientHello");
    record
}

/// The cipher suites and the extensions of a ClientHello.
fn suites_and_extensions(hello: &[u8]) -> (Vec<u16>, Vec<(u16, Vec<u8>)>) {
    fn take<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
        let (taken, left) = rest.split_at(len);
        *rest = left;
        taken
    }
    let number = |octets: &[u8]| {
        octets
            .iter()
            .fold(0, |n, octet| n << 8 | usize::from(*octet))
    };
    let mut rest = hello;
    // Type, length, version, random; then the session's id.
    take(&mut rest, 4 + 2 + 32);
    let len = number(take(&mut rest, 1));
    take(&mut rest, len);
    let len = number(take(&mut rest, 2));
    let suites = take(&mut rest, len).chunks(2).map(|two| number(two) as u16);
    let suites = suites.collect();
    let len = number(take(&mut rest, 1));
    take(&mut rest, len);
    let len = number(take(&mut rest, 2));
    let mut rest = take(&mut rest, len);
    let mut extensions = Vec::new();
    while !rest.is_empty() {
        let kind = number(take(&mut rest, 2)) as u16;
        let len = number(take(&mut rest, 2));
        extensions.push((kind, take(&mut rest, len).to_vec()));
    }
    (suites, extensions)
}

#[test]
fn rfc4975_14_2_the_client_names_the_server_unless_it_is_an_address() {
    const SERVER_NAME: u16 = 0;
    let named = |host: &str| {
        let (_, extensions) = suites_and_extensions(&client_hello(host));
        let names = extensions
            .into_iter()
            .find(|(kind, _)| *kind == SERVER_NAME);
        names.map(|(_, names)| names)
    };
    let names = named("localhost").expect("a server name");
    // One list of one host name.
    assert_eq!(names, [&[0, 12, 0, 0, 9][..], b"localhost"].concat());
    assert_eq!(named("127.0.0.1"), None);
    covers!("C-271");
}

#[test]
fn rfc4975_14_2_the_suite_of_2007_is_not_offered() {
    const TLS_RSA_WITH_AES_128_CBC_SHA: u16 = 0x002F;
    let (suites, _) = suites_and_extensions(&client_hello("localhost"));
    assert!(
        !suites.is_empty() && !suites.contains(&TLS_RSA_WITH_AES_128_CBC_SHA),
        "{suites:x?}"
    );
    // Of TLS 1.3, and AEAD suites of TLS 1.2 with forward secrecy (BCP 195).
    assert!(suites.contains(&0x1301), "{suites:x?}");
    assert!(suites.contains(&0xC02F), "{suites:x?}");
    covers!("C-275", "T-38");
}

/// Whether a session with a peer of this certificate comes about, whose CA is trusted.
fn is_taken(server: &TlsConfig) -> bool {
    let (a, b) = (Host::new(), Host::new());
    let client = TlsConfig {
        ca: server.ca.clone(),
        ..TlsConfig::default()
    };
    let server = TlsConfig {
        ca: None,
        ..server.clone()
    };
    let (one, two) = (
        a.session_with(secure(&client)),
        b.session_with(secure(&server)),
    );
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    a.engine.set_remote(one, &answer, None).expect("taken");
    a.engine.open(one, Some(PATIENCE)).expect("dials");
    let mut outcome = None;
    a.wait("an outcome", |seen| {
        let opened = seen.has(one, |event| matches!(event, msrp::engine::Event::Opened));
        outcome = opened
            .then_some(true)
            .or_else(|| seen.closed(one).map(|_| false));
        outcome.is_some()
    });
    let taken = outcome.expect("just seen");
    if !taken {
        let closed = a.wait_closed(one);
        assert_eq!(closed.error.expect("an error").kind, ErrorKind::Tls);
        // Nothing was said in it.
        let gone = |reason: &CloseReason| matches!(reason, CloseReason::ConnectionLost(_));
        assert!(gone(&closed.reason), "{:?}", closed.reason);
        b.take();
        b.seen(|seen| assert!(seen.messages.is_empty()));
        assert_eq!(a.engine.stats().bytes_sent, 0, "no octet of MSRP");
    }
    taken
}

#[test]
fn rfc4975_5_4_a_certificate_is_for_the_host_and_in_its_time() {
    let local = || vec!["localhost".to_owned()];
    assert!(is_taken(&made(local(), |_| {})));
    assert!(!is_taken(&made(vec!["other.example.com".into()], |_| {})));
    let expired = made(local(), |params| {
        params.not_before = date_time_ymd(2010, 1, 1);
        params.not_after = date_time_ymd(2011, 1, 1);
    });
    assert!(!is_taken(&expired));
    let early = made(local(), |params| {
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2091, 1, 1);
    });
    assert!(!is_taken(&early));
    let mut stranger = made(local(), |_| {});
    stranger.ca = text(&certificate("localhost").0);
    assert!(!is_taken(&stranger), "of another CA");
    covers!("C-272");
}

#[test]
fn rfc8591_8_4_a_uri_in_a_certificate_proves_nothing() {
    let with_uri = made(Vec::new(), |params| {
        for uri in [
            "msrps://localhost:2855/s;tcp",
            "msrps://localhost",
            "localhost",
        ] {
            let uri = uri.try_into().expect("ASCII");
            params.subject_alt_names.push(SanType::URI(uri));
        }
    });
    assert!(!is_taken(&with_uri));
    covers!("C-286");
}

#[test]
fn rfc4975_14_4_each_session_may_have_a_certificate_of_its_own() {
    // Two sessions of one engine, each with one made for it; the peers know them by their fingerprints alone.
    let pinned = |name: &str| TlsConfig {
        ca: None,
        verify: TlsVerify::Fingerprint,
        ..made(vec![format!("{name}.invalid")], |_| {})
    };
    let (a, b) = (Host::new(), Host::new());
    let (first, second) = (pinned("anonymous1"), pinned("anonymous2"));
    let one = pair_with(&a, secure(&first), &b, secure(&pinned("bob")));
    let two = pair_with(&a, secure(&second), &b, secure(&pinned("bob")));
    let print = |session| {
        let block = a.engine.local_media(session).expect("a block");
        let line = block
            .lines()
            .find(|line| line.starts_with("a=fingerprint:"));
        line.expect("a fingerprint").to_owned()
    };
    assert_ne!(print(one.0), print(two.0));
    for (ours, theirs) in [one, two] {
        a.send(ours, "who am I?");
        assert_eq!(b.wait_messages(theirs, 1)[0].body, b"who am I?");
    }
    covers!("C-273", "C-276");
}
