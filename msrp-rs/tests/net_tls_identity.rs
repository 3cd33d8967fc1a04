//! TLS options: who is proven how, in both roles; versions, names, pins, client certificates, and what a session then
//! knows of its peer.

mod engine_support;

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;

use engine_support::tls::{mutual, secure, text, unverified};
use engine_support::tls_peer::{
    Authority, Made, accept, client_config, connect, made, server_config,
};
use engine_support::{Host, PATIENCE, RawPeer, pair_with, remote_uri};
use msrp::engine::{
    ClientAuth, ListenOptions, PeerProof, SessionHandle, SessionOptions, TlsConfig, TlsVerify,
    TlsVersion,
};
use msrp::error::{Error, ErrorKind};
use msrp::sdp::{Fingerprint, HashFunction};
use msrp_conformance::covers;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, SanType};
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, HandshakeKind};

fn pinned(own: &Made) -> TlsConfig {
    TlsConfig {
        verify: TlsVerify::Fingerprint,
        ..own.config()
    }
}

fn sha256(der: &[u8]) -> Fingerprint {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(der).to_vec();
    Fingerprint::new(HashFunction::Sha256, digest).expect("a fingerprint")
}

/// Two sessions by offer and answer that are being opened: the first connects.
fn opening(
    a: &Host,
    ours: SessionOptions,
    b: &Host,
    theirs: SessionOptions,
) -> (SessionHandle, SessionHandle) {
    let (one, two) = (a.session_with(ours), b.session_with(theirs));
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    a.engine.set_remote(one, &answer, None).expect("taken");
    b.engine.open(two, Some(PATIENCE)).expect("waits");
    a.engine.open(one, Some(PATIENCE)).expect("dials");
    (one, two)
}

/// How the side that connects fails.
#[track_caller]
fn refused(ours: &TlsConfig, theirs: &TlsConfig) -> Error {
    let (a, b) = (Host::new(), Host::new());
    let (one, _) = opening(&a, secure(ours), &b, secure(theirs));
    let error = a.wait_closed(one).error.expect("an error");
    assert_eq!(b.engine.stats().bytes_received, 0, "no octet of MSRP");
    error
}

#[test]
fn a_session_knows_what_its_peer_has_shown_and_what_proves_it() {
    let ca = Authority::new("The CA");
    let client = ca.issue(&["alice.example"], |params| {
        let uri = "im:alice@example.com".try_into().expect("ASCII");
        params.subject_alt_names.push(SanType::URI(uri));
        params
            .subject_alt_names
            .push(SanType::IpAddress([192, 0, 2, 1].into()));
    });
    let server = ca.issue(&["localhost"], |_| {});
    let trusting = |own: &Made, client_auth| TlsConfig {
        ca: text(&ca.pem()),
        client_auth,
        ..own.config()
    };
    for (client_auth, shows) in [
        (ClientAuth::None, false),
        (ClientAuth::Request, true),
        (ClientAuth::Require, true),
    ] {
        let (a, b) = (Host::new(), Host::new());
        let (one, two) = pair_with(
            &a,
            secure(&trusting(&client, ClientAuth::None)),
            &b,
            secure(&trusting(&server, client_auth)),
        );
        let seen = a.engine.peer_certificate(one).expect("alive").expect("one");
        assert_eq!(seen.proof, PeerProof::CaAndName);
        assert_eq!(seen.names, ["DNS:localhost"]);
        assert_eq!(seen.issuer, "CN=The CA");
        assert_eq!(&seen.der[..], &server.der()[..]);
        assert_eq!(seen.fingerprint, sha256(&server.der()));
        assert_eq!(
            (seen.not_before, seen.not_after),
            (157_766_400, 67_090_118_400)
        );
        let seen = b.engine.peer_certificate(two).expect("alive");
        if shows {
            let seen = seen.expect("one");
            assert_eq!(seen.proof, PeerProof::Ca, "{client_auth:?}");
            assert_eq!(
                seen.names,
                [
                    "DNS:alice.example",
                    "URI:im:alice@example.com",
                    "IP:192.0.2.1"
                ]
            );
        } else {
            assert_eq!(seen, None);
        }
    }
    // Who is asked and has none is served, unless it must have one.
    let none = TlsConfig {
        ca: text(&ca.pem()),
        ..TlsConfig::default()
    };
    let (a, b) = (Host::new(), Host::new());
    let asking = trusting(&server, ClientAuth::Request);
    let (_, two) = pair_with(&a, secure(&none), &b, secure(&asking));
    assert_eq!(b.engine.peer_certificate(two), Ok(None));
    let error = refused(&none, &trusting(&server, ClientAuth::Require));
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");

    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair_with(
        &a,
        secure(&pinned(&made(&["alice.invalid"], |_| {}))),
        &b,
        secure(&pinned(&made(&["bob.invalid"], |_| {}))),
    );
    for (host, session, name) in [(&a, one, "DNS:bob.invalid"), (&b, two, "DNS:alice.invalid")] {
        let seen = host.engine.peer_certificate(session).expect("alive");
        let seen = seen.expect("one");
        assert_eq!(seen.proof, PeerProof::Fingerprint);
        assert_eq!(seen.names, [name]);
        assert_eq!(host.engine.stats().tls_unverified, 0);
    }
    let (one, two) = pair_with(&a, secure(&unverified()), &b, secure(&unverified()));
    let seen = a.engine.peer_certificate(one).expect("alive").expect("one");
    assert_eq!(seen.proof, PeerProof::Nothing);
    assert_eq!(b.engine.peer_certificate(two), Ok(None));
    assert_eq!(a.engine.stats().tls_unverified, 1);
    assert_eq!(b.engine.stats().tls_unverified, 1);
    let plain = a.session();
    assert_eq!(a.engine.peer_certificate(plain), Ok(None));
    covers!("C-205", "C-273", "T-39");
}

/// RFC 4975 §5.4 allows to identify a peer that connects by its certificate, where the host wants that.
#[test]
fn rfc4975_5_4_names_of_client_certificates_are_compared_with_the_peers_uri() {
    let ca = Authority::new("The CA");
    let config = |own: &Made, peer_names| TlsConfig {
        ca: text(&ca.pem()),
        client_auth: ClientAuth::Require,
        peer_names,
        ..own.config()
    };
    let local = ca.issue(&["localhost"], |_| {});
    let other = ca.issue(&["other.example", "*.localhost"], |_| {});
    let (a, b) = (Host::new(), Host::new());
    let (_, two) = pair_with(
        &a,
        secure(&config(&local, false)),
        &b,
        secure(&config(&local, true)),
    );
    let seen = b.engine.peer_certificate(two).expect("alive").expect("one");
    assert_eq!(seen.proof, PeerProof::CaAndName);

    let server = config(&local, true);
    let (one, two) = opening(&a, secure(&config(&other, false)), &b, secure(&server));
    // Its requests are for nobody.
    let error = a.wait_closed(one).error.expect("an error");
    assert_eq!(error.status.map(|status| status.0), Some(481), "{error}");
    b.take();
    assert!(b.seen(|seen| seen.closed(two).is_none()));
    covers!("C-205");
}

#[test]
fn rfc8122_6_1_names_beside_fingerprints_where_sdp_is_not_protected() {
    let names = |own: &Made| TlsConfig {
        peer_names: true,
        ..pinned(own)
    };
    let local = made(&["localhost"], |_| {});
    let wild = made(&["*.localhost", "other.example"], |_| {});
    // By the host of the URI, by the address of the c= line, and in both roles.
    let by_address = made(&["127.0.0.1"], |_| {});
    for (own, host) in [(&local, "localhost"), (&by_address, "127.0.0.1")] {
        let (a, b) = (Host::new(), Host::new());
        let at = |config: &TlsConfig| SessionOptions {
            host: host.into(),
            ..secure(config)
        };
        pair_with(&a, at(&names(own)), &b, at(&names(own)));
    }
    let error = refused(&names(&local), &pinned(&wild));
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(
        error.context.contains("it does not name localhost"),
        "{error}"
    );
    let error = refused(&pinned(&wild), &names(&local));
    assert!(error.context.contains("bad_certificate"), "{error}");
    // Without the option any name goes.
    let (a, b) = (Host::new(), Host::new());
    pair_with(&a, secure(&pinned(&wild)), &b, secure(&pinned(&wild)));
    covers!("S-119");
}

#[test]
fn fingerprints_that_the_host_knows_count_beside_all_else() {
    let ca = Authority::new("The CA");
    let server = ca.issue(&["localhost"], |_| {});
    let other = ca.issue(&["localhost"], |_| {});
    let known = |own: TlsConfig, prints: &[&Made]| TlsConfig {
        fingerprints: prints.iter().map(|made| sha256(&made.der())).collect(),
        ..own
    };
    let by_ca = TlsConfig {
        ca: text(&ca.pem()),
        ..TlsConfig::default()
    };
    // With a CA.
    let (a, b) = (Host::new(), Host::new());
    let theirs = secure(&server.config());
    pair_with(
        &a,
        secure(&known(by_ca.clone(), &[&other, &server])),
        &b,
        theirs,
    );
    let error = refused(&known(by_ca.clone(), &[&other]), &server.config());
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(
        error.context.contains("not that of tls.fingerprints"),
        "{error}"
    );

    // For clients.
    let asking = |prints: &[&Made]| TlsConfig {
        client_auth: ClientAuth::Require,
        ca: text(&ca.pem()),
        ..known(server.config(), prints)
    };
    let client = TlsConfig {
        ca: text(&ca.pem()),
        ..other.config()
    };
    pair_with(&a, secure(&client), &b, secure(&asking(&[&other])));
    let error = refused(&client, &asking(&[&server]));
    assert!(error.context.contains("bad_certificate"), "{error}");

    // Instead of an SDP: by bare paths, and with a relay before the peer.
    for path_of_peer in ["", "msrps://bob.example:9/Remote0000000002;tcp"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let session = a.session_with(secure(&known(pinned(&other), &[&server])));
        let path = format!("msrps://127.0.0.1:{port}/Remote0000000001;tcp {path_of_peer}");
        a.engine
            .set_remote_path(session, path.trim(), true, "*")
            .expect("a path");
        a.engine.open(session, Some(PATIENCE)).expect("dials");
        let config = Arc::new(server_config(&server, ALL_VERSIONS, true));
        let tls = accept(&config, listener.accept().expect("a connection").0);
        let mut peer = RawPeer {
            stream: tls.expect("a handshake"),
            input: Vec::new(),
        };
        let first = peer.frame();
        peer.answer(&first, "200 OK");
        a.wait_opened(session);
    }
    let relayed =
        "msrps://127.0.0.1:9/Relay00000000001;tcp msrps://bob.example:9/Remote0000000002;tcp";
    let session = a.session_with(secure(&pinned(&other)));
    let error = a.engine.set_remote_path(session, relayed, true, "*");
    assert_eq!(
        error.expect_err("it proves nothing").kind,
        ErrorKind::InvalidSdp
    );

    // The SDP's and the host's: both.
    let (a, b) = (Host::new(), Host::new());
    let bob = pinned(&server);
    pair_with(
        &a,
        secure(&known(pinned(&other), &[&server])),
        &b,
        secure(&bob),
    );
    let error = refused(&known(pinned(&other), &[&other]), &bob);
    assert!(
        error.context.contains("not that of tls.fingerprints"),
        "{error}"
    );
    covers!("C-273", "S-118");
}

#[test]
fn rfc8122_5_1_fingerprints_of_several_hash_functions() {
    let host = Host::new();
    // A certificate that is signed with SHA-384 has a line of it, too.
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let params = rcgen::CertificateParams::new(vec!["localhost".into()]).expect("a name");
    let own = Made {
        cert: params.self_signed(&key).expect("one").pem().into_bytes(),
        key: key.serialize_pem().into_bytes(),
    };
    let session = host.session_with(secure(&pinned(&own)));
    let offer = host.engine.create_offer(session).expect("an offer");
    assert_eq!(offer.matches("a=fingerprint:").count(), 2, "{offer}");
    assert!(offer.contains("a=fingerprint:sha-256 ") && offer.contains("a=fingerprint:sha-384 "));
    // As many lines for each of its certificates, of which there is one.
    assert_eq!(offer.matches("a=fingerprint:sha-256 ").count(), 1);
    let simple = made(&["localhost"], |_| {});
    let session = host.session_with(secure(&pinned(&simple)));
    let offer = host.engine.create_offer(session).expect("an offer");
    assert_eq!(offer.matches("a=fingerprint:").count(), 1, "{offer}");

    // Of a peer's the strongest known function counts, and one line of it must fit.
    let line = |function: &str, digest: &[u8]| {
        let digits: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
        format!("a=fingerprint:{function} {}\r\n", digits.join(":"))
    };
    use sha2::Digest;
    let der = simple.der();
    let (right256, right512) = (sha2::Sha256::digest(&der), sha2::Sha512::digest(&der));
    let wrong512 = [7; 64];
    for (lines, works) in [
        (
            line("sha-256", &right256) + &line("sha-512", &right512),
            true,
        ),
        (
            line("sha-512", &right512) + "a=fingerprint:foo 00\r\n",
            true,
        ),
        (
            line("sha-512", &wrong512) + &line("sha-512", &right512),
            true,
        ),
        (
            line("sha-256", &right256) + &line("sha-512", &wrong512),
            false,
        ),
        (line("sha-1", &[3; 20]) + &line("sha-256", &right256), true),
    ] {
        let (a, b) = (Host::new(), Host::new());
        let (one, two) = (
            a.session_with(secure(&pinned(&own))),
            b.session_with(secure(&pinned(&simple))),
        );
        let offer = a.engine.create_offer(one).expect("an offer");
        let answer = b
            .engine
            .create_answer(two, &offer, None)
            .expect("an answer");
        let answer: String = answer
            .split_inclusive("\r\n")
            .filter(|line| !line.starts_with("a=fingerprint"))
            .collect();
        a.engine
            .set_remote(one, &(answer + &lines), None)
            .expect("taken");
        a.engine.open(one, Some(PATIENCE)).expect("dials");
        if works {
            a.wait_opened(one);
        } else {
            let error = a.wait_closed(one).error.expect("an error");
            assert_eq!(error.kind, ErrorKind::Tls, "{lines}: {error}");
        }
    }
    // Only a weak one is none.
    let session = host.session_with(secure(&pinned(&own)));
    let sdp = "m=message 9 TCP/TLS/MSRP *\r\na=accept-types:*\r\na=setup:active\r\n\
         a=path:msrps://127.0.0.1:9/Remote0000000001;tcp\r\n";
    let sdp = sdp.to_owned() + &line("sha-1", &[3; 20]);
    let error = host.engine.set_remote(session, &sdp, None);
    let error = error.expect_err("too weak");
    assert_eq!(error.kind, ErrorKind::InvalidSdp, "{error}");
    assert!(error.context.contains("sha-1"), "{error}");
    covers!("S-107", "S-110", "S-112", "S-113");
}

#[test]
fn rfc5280_names_are_addresses_wildcards_and_no_common_names() {
    let ca = Authority::new("The CA");
    let config = |server_name: Option<&str>| TlsConfig {
        ca: text(&ca.pem()),
        server_name: server_name.map(str::to_owned),
        ..TlsConfig::default()
    };
    let wild = ca.issue(&["*.example.com"], |_| {}).config();
    for (name, works) in [
        ("a.example.com", true),
        ("A.EXAMPLE.COM", true),
        ("example.com", false),
        ("a.b.example.com", false),
    ] {
        if works {
            let (a, b) = (Host::new(), Host::new());
            pair_with(&a, secure(&config(Some(name))), &b, secure(&wild));
        } else {
            let error = refused(&config(Some(name)), &wild);
            assert!(
                error.context.contains(&format!("it is not for {name}")),
                "{error}"
            );
        }
    }
    let address = ca.issue(&["127.0.0.1"], |_| {}).config();
    let at_address = |config: &TlsConfig| SessionOptions {
        host: "127.0.0.1".into(),
        ..secure(config)
    };
    let (a, b) = (Host::new(), Host::new());
    pair_with(&a, at_address(&config(None)), &b, at_address(&address));
    // A dNSName that looks like an address is none.
    let looks = ca.issue(&[], |params| {
        let name = "127.0.0.1".try_into().expect("ASCII");
        params.subject_alt_names.push(SanType::DnsName(name));
    });
    let (one, _) = opening(
        &a,
        at_address(&config(None)),
        &b,
        at_address(&looks.config()),
    );
    let error = a.wait_closed(one).error.expect("an error");
    assert!(error.context.contains("it is not for 127.0.0.1"), "{error}");
    covers!("C-272");
}

#[test]
fn versions_are_what_the_host_takes() {
    let [ours, theirs] = mutual();
    for (min, max, version) in [
        (
            TlsVersion::Tls12,
            TlsVersion::Tls12,
            rustls::ProtocolVersion::TLSv1_2,
        ),
        (
            TlsVersion::Tls13,
            TlsVersion::Tls13,
            rustls::ProtocolVersion::TLSv1_3,
        ),
        (
            TlsVersion::Tls12,
            TlsVersion::Tls13,
            rustls::ProtocolVersion::TLSv1_3,
        ),
    ] {
        let limited = TlsConfig {
            min_version: min,
            max_version: max,
            ..theirs.clone()
        };
        let (a, b) = (Host::new(), Host::new());
        pair_with(&a, secure(&ours), &b, secure(&limited));
        pair_with(
            &a,
            secure(&limited_client(&ours, min, max)),
            &b,
            secure(&theirs),
        );
        // What it says to others.
        let session = b.session_with(secure(&limited));
        let uri = b.engine.local_path(session).expect("a path").to_string();
        let config = Arc::new(client_config(None, ALL_VERSIONS));
        let tls = connect(&config, RawPeer::connect(&uri).stream).expect("a handshake");
        assert_eq!(tls.conn.protocol_version(), Some(version));
    }
    let none = limited_client(&ours, TlsVersion::Tls13, TlsVersion::Tls12);
    let host = Host::new();
    let error = host.engine.session(&host.domain, secure(&none));
    let error = error.expect_err("no version");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.context.contains("min_version"), "{error}");
}

fn limited_client(config: &TlsConfig, min: TlsVersion, max: TlsVersion) -> TlsConfig {
    TlsConfig {
        min_version: min,
        max_version: max,
        ..config.clone()
    }
}

/// A resumed session would restore a certificate without judging it.
#[test]
fn sessions_are_never_resumed_in_either_role_and_version() {
    let own = made(&["localhost"], |_| {});
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let versions: &'static [_] = Box::leak(versions.to_vec().into_boxed_slice());
        for verify in [TlsVerify::Ca, TlsVerify::None] {
            let b = Host::new();
            let server = TlsConfig {
                verify,
                ..own.config()
            };
            let session = b.session_with(secure(&server));
            let uri = b.engine.local_path(session).expect("a path").to_string();
            let (place, _) = uri.rsplit_once('/').expect("a path");
            let nobody = format!("{place}/Nobody0000000001;tcp");
            // It keeps what it is given.
            let config = Arc::new(client_config(None, versions));
            for _ in 0..3 {
                let tls = connect(&config, RawPeer::connect(&uri).stream).expect("a handshake");
                assert_eq!(tls.conn.handshake_kind(), Some(HandshakeKind::Full));
                let mut peer = RawPeer {
                    stream: tls,
                    input: Vec::new(),
                };
                peer.send(&nobody, &remote_uri(1), "hello001", "anybody?");
                assert!(!peer.frame().is_empty());
                assert_eq!(peer.stream.conn.tls13_tickets_received(), 0);
            }
        }

        // A server that offers it, twice.
        let config = Arc::new({
            let mut config = server_config(&own, versions, false);
            config.session_storage = rustls::server::ServerSessionMemoryCache::new(100);
            config.send_tls13_tickets = 4;
            config
        });
        let a = Host::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        for _ in 0..3 {
            let session = a.session_with(SessionOptions {
                connection_sharing: msrp::engine::ConnectionSharing::Session,
                ..secure(&TlsConfig {
                    ca: text(&own.cert),
                    ..TlsConfig::default()
                })
            });
            let path = format!("msrps://localhost:{port}/Remote0000000001;tcp");
            a.engine
                .set_remote_path(session, &path, true, "*")
                .expect("a path");
            a.engine.open(session, Some(PATIENCE)).expect("dials");
            let tls = accept(&config, listener.accept().expect("a connection").0);
            let mut peer = RawPeer {
                stream: tls.expect("a handshake"),
                input: Vec::new(),
            };
            assert_eq!(peer.stream.conn.handshake_kind(), Some(HandshakeKind::Full));
            let first = peer.frame();
            peer.answer(&first, "200 OK");
            a.wait_opened(session);
        }
    }
}

#[test]
fn rfc8446_6_1_both_roles_say_goodbye() {
    let own = made(&["localhost"], |_| {});
    let host = Host::new();
    // As the server.
    let session = host.session_with(secure(&own.config()));
    let uri = host.engine.local_path(session).expect("a path").to_string();
    let remote = remote_uri(2855).replace("msrp:", "msrps:");
    host.engine
        .set_remote_path(session, &remote, false, "*")
        .expect("a path");
    let config = Arc::new(client_config(None, ALL_VERSIONS));
    let tls = connect(&config, RawPeer::connect(&uri).stream).expect("a handshake");
    let mut peer = RawPeer {
        stream: tls,
        input: Vec::new(),
    };
    peer.send(&uri, &remote, "bind0001", "hi");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    host.wait_opened(session);
    host.engine.close(session, Some(PATIENCE)).expect("alive");
    // Without close_notify this is an error of rustls.
    assert_eq!(peer.stream.read(&mut [0; 1]).expect("an orderly end"), 0);

    // As the client.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = host.session_with(secure(&TlsConfig {
        ca: text(&own.cert),
        ..TlsConfig::default()
    }));
    let path = format!("msrps://localhost:{port}/Remote0000000001;tcp");
    host.engine
        .set_remote_path(session, &path, true, "*")
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let config = Arc::new(server_config(&own, ALL_VERSIONS, false));
    let tls = accept(&config, listener.accept().expect("a connection").0);
    let mut peer = RawPeer {
        stream: tls.expect("a handshake"),
        input: Vec::new(),
    };
    let first = peer.frame();
    peer.answer(&first, "200 OK");
    host.wait_opened(session);
    host.engine.close(session, Some(PATIENCE)).expect("alive");
    assert_eq!(peer.stream.read(&mut [0; 1]).expect("an orderly end"), 0);
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let host = Host::new();
    let own = made(&["localhost"], |_| {});
    let refused = |tls: TlsConfig, what: &str| {
        let error = host.engine.session(&host.domain, secure(&tls));
        let error = error.expect_err("refused");
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");
        assert!(error.context.contains(what), "{error}");
    };
    refused(
        TlsConfig {
            client_auth: ClientAuth::Require,
            ..own.config()
        },
        "client_auth needs ca",
    );
    refused(
        TlsConfig {
            verify: TlsVerify::None,
            fingerprints: vec![sha256(b"")],
            ..own.config()
        },
        "fingerprints are given, and verify is none",
    );
    refused(
        TlsConfig {
            verify: TlsVerify::None,
            peer_names: true,
            ..own.config()
        },
        "peer_names is set, and verify is none",
    );
    let weak = Fingerprint::new(HashFunction::Sha1, vec![0; 20]).expect("a fingerprint");
    refused(
        TlsConfig {
            fingerprints: vec![weak],
            ..own.config()
        },
        "sha-1 is unknown or too weak",
    );
    let other = made(&["localhost"], |_| {});
    refused(
        TlsConfig {
            key: text(&other.key),
            ..own.config()
        },
        "key is not that of cert",
    );
    // A session asks peers for no more than its listener did.
    let ca = Authority::new("CA");
    let listen = |tls: TlsConfig| {
        let options = ListenOptions {
            host: "localhost".into(),
            secure: true,
            tls: Some(tls),
            ..ListenOptions::default()
        };
        host.engine.listen(options).expect("a port")
    };
    let asking = TlsConfig {
        ca: text(&ca.pem()),
        client_auth: ClientAuth::Require,
        ..own.config()
    };
    let (silent, asks) = (listen(own.config()), listen(asking.clone()));
    let on = |listener| SessionOptions {
        listener: Some(listener),
        ..secure(&asking)
    };
    let error = host.engine.session(&host.domain, on(silent));
    assert!(
        error
            .expect_err("it does not ask")
            .context
            .contains("client_auth")
    );
    host.session_with(on(asks));
}
