//! TLS with those who are wrong, broken or hostile: each is refused with the reason, and nothing of MSRP is said.

mod engine_support;

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use engine_support::tls::{secure, text};
use engine_support::tls_peer::{
    Authority, Made, accept, client_config, client_hello, connect, drain, made, say, server_config,
    server_flight,
};
use engine_support::{Host, PATIENCE, RawPeer, limits, logged_listener, wait_until};
use msrp::engine::{
    ClientAuth, EngineOptions, ListenOptions, LogLevel, LogRecord, SessionHandle, SessionOptions,
    TlsConfig, TlsVerify, TlsVersion,
};
use msrp::error::{Error, ErrorKind};
use msrp_conformance::covers;
use rcgen::{DnType, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, SupportedProtocolVersion};

/// Of what a peer says first, in handshakes whose time is short.
const SHORT: Duration = Duration::from_millis(300);

fn trusting(ca: &[u8]) -> TlsConfig {
    TlsConfig {
        ca: text(ca),
        ..TlsConfig::default()
    }
}

/// A session to this port of localhost that is being opened.
fn dialling(host: &Host, client: &TlsConfig, port: u16) -> SessionHandle {
    let session = host.session_with(secure(client));
    let path = format!("msrps://localhost:{port}/Remote0000000001;tcp");
    host.engine
        .set_remote_path(session, &path, true, "*")
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    session
}

/// How a session fails whose server does this with its connection. No octet of MSRP is sent.
#[track_caller]
fn refused_by(client: &TlsConfig, serve: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let host = Host::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = dialling(&host, client, port);
    let server = thread::spawn(move || serve(listener.accept().expect("a connection").0));
    let error = host.wait_closed(session).error.expect("an error");
    server.join().expect("a server that does what it should");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(
        error.context.contains(&format!("localhost:{port}")),
        "the host: {error}"
    );
    assert_eq!(host.engine.stats().bytes_sent, 0, "no octet of MSRP");
    error.context
}

/// How a session fails whose server has this certificate.
#[track_caller]
fn refused_certificate(client: &TlsConfig, own: &Made) -> String {
    let config = Arc::new(server_config(own, ALL_VERSIONS, false));
    refused_by(client, move |stream| {
        if let Ok(mut tls) = accept(&config, stream) {
            assert_eq!(drain(&mut tls), b"", "no octet of MSRP");
        }
    })
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

#[test]
fn rfc4975_5_4_errors_say_which_certificate_fails_which_check() {
    let ca = Authority::new("The CA");
    let client = trusting(&ca.pem());
    let named = |name: &'static str| {
        move |params: &mut rcgen::CertificateParams| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2090, 1, 1);
        }
    };

    let expired = ca.issue(&["localhost"], |params| {
        named("Old Bob")(params);
        params.not_after = date_time_ymd(2021, 2, 3);
    });
    let print = {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(expired.der());
        let digits: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
        format!("sha-256 {}", digits.join(":"))
    };
    assert_says(
        &refused_certificate(&client, &expired),
        &[
            "it expired on 2021-02-03T00:00:00Z",
            "subject \"CN=Old Bob\"",
            "issuer \"CN=The CA\"",
            "DNS:localhost",
            "valid from 2020-01-01T00:00:00Z to 2021-02-03T00:00:00Z",
            &print,
        ],
    );
    let early = ca.issue(&["localhost"], |params| {
        named("Young Bob")(params);
        params.not_before = date_time_ymd(2085, 6, 7);
    });
    assert_says(
        &refused_certificate(&client, &early),
        &["it is not valid before 2085-06-07T00:00:00Z", "Young Bob"],
    );
    let other = ca.issue(&["other.example", "192.0.2.1"], named("Other Bob"));
    assert_says(
        &refused_certificate(&client, &other),
        &["it is not for localhost", "DNS:other.example, IP:192.0.2.1"],
    );
    // A common name is no name.
    let common = ca.issue(&[], named("localhost"));
    assert_says(
        &refused_certificate(&client, &common),
        &["it is not for localhost", "CN=localhost"],
    );
    let stranger = made(&["localhost"], named("Stranger"));
    assert_says(
        &refused_certificate(&client, &stranger),
        &[
            "no CA that is trusted has signed it",
            "issuer \"CN=Stranger\"",
        ],
    );
    let client_only = ca.issue(&["localhost"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_says(
        &refused_certificate(&client, &client_only),
        &["extended key usage"],
    );
    covers!("C-272");
}

#[test]
fn names_of_a_certificate_neither_command_a_terminal_nor_fill_a_log() {
    let ca = Authority::new("CA");
    let hostile = ca.issue(&["other.example"], |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        let name = format!("\x1b[2J\r\nforged, O=Bank{}", "x".repeat(5000));
        params.distinguished_name.push(DnType::CommonName, name);
        for n in 0..500 {
            let name = format!("n{n}.example").try_into().expect("ASCII");
            params.subject_alt_names.push(rcgen::SanType::DnsName(name));
        }
        let uri = "msrps://localhost:1/Secret0000000001;tcp";
        let uri = rcgen::SanType::URI(uri.try_into().expect("ASCII"));
        params.subject_alt_names.insert(0, uri);
    });
    let text = refused_certificate(&trusting(&ca.pem()), &hostile);
    assert!(text.len() < 4096, "{} octets", text.len());
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(!text.contains("Secret"), "{text}");
    // What looks like a further attribute is escaped.
    assert_says(&text, &["forged\\, O=Bank", "and 493 more"]);
}

#[test]
fn rfc8122_6_2_a_wrong_fingerprint_is_told_with_both() {
    let own = made(&["self.invalid"], |_| {});
    let other = made(&["self.invalid"], |_| {});
    let client = TlsConfig {
        verify: TlsVerify::Fingerprint,
        ..own.config()
    };
    let host = Host::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let print = format!("sha-256 {}", ["AB"; 32].join(":"));
    let session = host.session_with(secure(&client));
    let sdp = format!(
        "m=message {port} TCP/TLS/MSRP *\r\nc=IN IP4 127.0.0.1\r\na=accept-types:*\r\na=setup:passive\r\n\
         a=path:msrps://127.0.0.1:{port}/Remote0000000001;tcp\r\na=fingerprint:{print}\r\n"
    );
    host.engine
        .set_remote(session, &sdp, None)
        .expect("an offer");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let config = Arc::new(server_config(&other, ALL_VERSIONS, true));
    let alert = accept(&config, listener.accept().expect("a connection").0)
        .expect_err("it is refused in the handshake");
    assert!(alert.to_string().contains("BadCertificate"), "{alert}");
    let error = host.wait_closed(session).error.expect("an error");
    assert_eq!(error.kind, ErrorKind::Tls);
    assert_says(
        &error.context,
        &[
            &format!("its fingerprint is not that of the peer's SDP, {print}"),
            "DNS:self.invalid",
        ],
    );
    assert_eq!(host.engine.stats().bytes_sent, 0, "no octet of MSRP");
    covers!("C-274", "S-115");
}

#[test]
fn rfc4975_14_2_without_a_version_in_common_there_is_no_session() {
    let own = made(&["localhost"], |_| {});
    let only = |version| TlsConfig {
        min_version: version,
        max_version: version,
        ..trusting(&own.cert)
    };
    for (ours, theirs, says) in [
        (TlsVersion::Tls13, &TLS12, "only TLS 1.3 is taken here"),
        (TlsVersion::Tls12, &TLS13, "only TLS 1.2 is taken here"),
    ] {
        let theirs: &'static [&'static SupportedProtocolVersion] = Box::leak(Box::new([theirs]));
        let config = Arc::new(server_config(&own, theirs, false));
        let text = refused_by(&only(ours), move |stream| {
            accept(&config, stream).expect_err("nothing in common");
        });
        assert_says(&text, &["no version of TLS in common", says]);

        // The side that accepts.
        let (host, port) = listening(&TlsConfig {
            min_version: ours,
            max_version: ours,
            ..own.config()
        });
        let config = Arc::new(client_config(None, theirs));
        connect(&config, to(port)).expect_err("nothing in common");
        assert_says(
            &logged(&host, "TLS handshake failed"),
            &["no version of TLS in common", says],
        );
        assert_eq!(host.engine.stats().bytes_sent, 0);
    }
    covers!("S-120");
}

/// A host that listens for TLS, and its port; its log is kept.
fn listening(tls: &TlsConfig) -> (Host, u16) {
    listening_for(tls, PATIENCE)
}

/// As `listening`; handshakes have so much time.
fn listening_for(tls: &TlsConfig, time: Duration) -> (Host, u16) {
    let host = Host::from_options(EngineOptions {
        limits: limits(|limits| {
            limits.tls_handshake = time;
            limits.unbound_per_address = 1000;
            limits.unbound = SHORT * 10;
        }),
        ..EngineOptions::default()
    });
    let options = ListenOptions {
        host: "127.0.0.1".into(),
        secure: true,
        tls: Some(tls.clone()),
        ..ListenOptions::default()
    };
    let (_, port) = logged_listener(&host, options);
    (host, port)
}

fn to(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).expect("connected")
}

/// Waits for a record of the log with this text.
#[track_caller]
fn logged(host: &Host, what: &str) -> String {
    let mut found: Option<LogRecord> = None;
    wait_until(|| {
        let (records, _) = host.engine.take_log(usize::MAX);
        found = records
            .into_iter()
            .find(|record| record.text.contains(what));
        found.is_some()
    });
    found.expect("just seen").text
}

#[test]
fn a_server_that_stalls_anywhere_in_its_answer_is_given_up() {
    let own = made(&["localhost"], |_| {});
    let config = Arc::new(server_config(&own, ALL_VERSIONS, false));
    let host = Host::with(limits(|limits| {
        limits.tls_handshake = SHORT;
        limits.dials = 200;
    }));
    let client = trusting(&own.cert);
    // Every octet of the ServerHello, and steps through the rest of what the server says.
    let boundaries: Vec<usize> = (0..140).chain((140..700).step_by(70)).collect();
    let servers: Vec<_> = boundaries
        .iter()
        .map(|&len| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let session = dialling(&host, &client, listener.local_addr().expect("bound").port());
            let config = Arc::clone(&config);
            let server = thread::spawn(move || {
                let mut stream = listener.accept().expect("a connection").0;
                let flight = server_flight(&config, &mut stream);
                say(&mut stream, &flight[..len.min(flight.len() - 1)]);
                drain(&mut stream)
            });
            (len, session, server)
        })
        .collect();
    let mut begun = 0;
    for (len, session, server) in servers {
        let error = host.wait_closed(session).error.expect("an error");
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
        assert_says(&error.context, &["no handshake within 300ms"]);
        if len == 0 {
            assert_says(&error.context, &["the peer said nothing"]);
        } else {
            begun += usize::from(error.context.contains("began it and did not go on"));
        }
        server.join().expect("it ends");
    }
    assert!(begun > 0, "what came was heard");
    assert_eq!(host.engine.stats().bytes_sent, 0, "no octet of MSRP");
}

#[test]
fn a_client_that_stalls_anywhere_in_its_hello_is_given_up() {
    let (host, port) = listening_for(&made(&["localhost"], |_| {}).config(), SHORT);
    let hello = client_hello(ALL_VERSIONS);
    let stalled: Vec<TcpStream> = (0..hello.len())
        .map(|len| {
            let mut stream = to(port);
            say(&mut stream, &hello[..len]);
            stream
        })
        .collect();
    for mut stream in stalled {
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            // It was closed before its octets came.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
        assert_eq!(rest, b"", "nothing is said to it");
    }
    assert_says(
        &logged(&host, "TLS handshake failed"),
        &["no handshake within 300ms"],
    );
    wait_until(|| host.engine.stats().connections == 0);
}

#[test]
fn rfc4975_14_2_plain_text_where_tls_is_due_is_refused_unheard() {
    let own = made(&["localhost"], |_| {});
    for (said, name) in [
        (
            &b"MSRP a786hjs2 SEND\r\nTo-Path: msrps://x"[..],
            "the peer speaks MSRP without TLS",
        ),
        (b"GET / HTTP/1.1\r\n", "the peer speaks HTTP without TLS"),
        (b"hello?", "the peer speaks plain text, no TLS"),
        (b"\x00\x01\xfe\xff", "the peer does not speak TLS"),
        // An SSLv2 hello.
        (
            b"\x80\x2e\x01\x00\x02\x00\x15\x00",
            "the peer does not speak TLS",
        ),
    ] {
        let (host, port) = listening(&own.config());
        let mut stream = to(port);
        say(&mut stream, said);
        assert_eq!(drain(&mut stream), b"", "nothing is said to it");
        assert_says(&logged(&host, "TLS handshake failed"), &[name]);
        let stats = host.engine.stats();
        assert_eq!((stats.bytes_received, stats.bytes_sent), (0, 0));

        let answer = match said.starts_with(b"GET") {
            true => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            false => said.to_vec(),
        };
        let text = refused_by(&trusting(&own.cert), move |mut stream| {
            say(&mut stream, &answer);
            drain(&mut stream);
        });
        assert_says(&text, &[name]);
    }
    covers!("C-270");
}

#[test]
fn tls_where_plain_text_is_due_is_refused_unheard() {
    let host = Host::new();
    let options = ListenOptions {
        host: "127.0.0.1".into(),
        ..ListenOptions::default()
    };
    let mut stream = to(logged_listener(&host, options).1);
    say(&mut stream, &client_hello(ALL_VERSIONS));
    assert_eq!(drain(&mut stream), b"", "nothing is said to it");
    logged(&host, "the peer speaks TLS, and this connection is without");

    // We dial without TLS, and a TLS server answers with an alert.
    let own = made(&["localhost"], |_| {});
    let config = Arc::new(server_config(&own, ALL_VERSIONS, false));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = host.session();
    let path = format!("msrp://127.0.0.1:{port}/Remote0000000001;tcp");
    host.engine
        .set_remote_path(session, &path, true, "*")
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut stream = listener.accept().expect("a connection").0;
    let mut tls = rustls::ServerConnection::new(config).expect("a server");
    while tls.read_tls(&mut stream).expect("read") > 0 && tls.process_new_packets().is_ok() {}
    tls.write_tls(&mut stream).expect("an alert");
    let error = host.wait_closed(session).error.expect("an error");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert_says(&error.context, &["the peer speaks TLS"]);
}

#[test]
fn garbage_and_oversized_records_in_the_handshake_are_refused() {
    let own = made(&["localhost"], |_| {});
    let record = |kind: u8, len: u16, body: &[u8]| {
        let mut record = vec![kind, 3, 3];
        record.extend_from_slice(&len.to_be_bytes());
        record.extend_from_slice(body);
        record
    };
    let cases: [(Vec<u8>, &str); 6] = [
        (record(22, 64, &[0xff; 64]), "broke the TLS protocol"),
        (record(22, 0, b""), "broke the TLS protocol"),
        (record(22, 0xffff, &[2; 4096]), "broke the TLS protocol"),
        (record(23, 16, &[0; 16]), "broke the TLS protocol"),
        (record(20, 1, &[7]), "broke the TLS protocol"),
        (record(21, 2, &[2, 40]), "handshake_failure"),
    ];
    for (said, says) in cases {
        let (host, port) = listening(&own.config());
        let mut stream = to(port);
        say(&mut stream, &said);
        let rest = drain(&mut stream);
        // At most an alert.
        assert!(rest.is_empty() || rest[0] == 21, "{rest:x?}");
        logged(&host, "TLS handshake failed");
        let text = refused_by(&trusting(&own.cert), move |mut stream| {
            say(&mut stream, &said);
            drain(&mut stream);
        });
        assert_says(&text, &[says]);
    }
}

#[test]
fn a_peer_that_vanishes_in_the_handshake_is_told() {
    let own = made(&["localhost"], |_| {});
    let config = Arc::new(server_config(&own, ALL_VERSIONS, false));
    let client = trusting(&own.cert);
    let text = refused_by(&client, |mut stream| {
        let mut hello = [0; 64];
        stream.read_exact(&mut hello).expect("a ClientHello");
        stream.shutdown(Shutdown::Write).expect("ended");
        drain(&mut stream);
    });
    assert_says(&text, &["without a word", "perhaps it does not speak TLS"]);
    let text = refused_by(&client, move |mut stream| {
        let flight = server_flight(&config, &mut stream);
        say(&mut stream, &flight[..flight.len() / 2]);
        stream.shutdown(Shutdown::Write).expect("ended");
        drain(&mut stream);
    });
    assert_says(&text, &["the peer closed the connection in the handshake"]);
    let text = refused_by(&client, |mut stream| {
        let mut hello = [0; 64];
        stream.read_exact(&mut hello).expect("a ClientHello");
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).expect("set");
    });
    assert_says(&text, &["the peer reset the connection in the handshake"]);

    let (host, port) = listening(&own.config());
    drop(to(port));
    assert_says(
        &logged(&host, "TLS handshake failed"),
        &["the peer closed the connection without a word"],
    );
    let mut stream = to(port);
    say(&mut stream, &client_hello(ALL_VERSIONS)[..50]);
    drop(stream);
    assert_says(
        &logged(&host, "TLS handshake failed"),
        &["the peer closed the connection in the handshake"],
    );
}

/// What `openssl` says and gets, after this on its standard input; nothing if it is not there.
fn openssl(arguments: &[&str], input: &str) -> Option<String> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().expect("piped");
    // It may have ended already.
    let _ = stdin.write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    drop(stdin);
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn rfc8122_7_weak_ciphers_and_renegotiation_are_refused() {
    let own = made(&["localhost"], |_| {});
    let (host, port) = listening(&own.config());
    let place = format!("127.0.0.1:{port}");
    // The suite of 2007, and one without encryption: `@SECLEVEL=0` makes openssl offer them.
    for suite in ["AES128-SHA", "NULL-SHA256:ECDHE-ECDSA-NULL-SHA"] {
        let cipher = format!("{suite}:@SECLEVEL=0");
        let arguments = [
            "s_client", "-connect", &place, "-tls1_2", "-cipher", &cipher,
        ];
        let Some(said) = openssl(&arguments, "") else {
            eprintln!("openssl is not there: not tested");
            return;
        };
        assert!(said.contains("alert handshake failure"), "{said}");
        assert_says(
            &logged(&host, "TLS handshake failed"),
            &["no cipher suite", "in common"],
        );
    }
    // `R` at the start of a line makes it renegotiate.
    let arguments = ["s_client", "-connect", &place, "-tls1_2"];
    let said = openssl(&arguments, "R\n").expect("it was there");
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(said.contains("no renegotiation"), "{said}");
    let stats = host.engine.stats();
    assert_eq!(stats.bytes_sent, 0, "no octet of MSRP");
    // Others are served.
    let config = Arc::new(client_config(None, ALL_VERSIONS));
    connect(&config, to(port)).expect("a handshake");
    covers!("S-120", "C-275");
}

/// A listening session of its own port whose peer is to show a certificate, and how it ends when this client comes.
#[track_caller]
fn refused_client(server: &TlsConfig, client: Option<&Made>, alert: &str) -> Error {
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let versions: &'static [&'static SupportedProtocolVersion] =
            Box::leak(versions.to_vec().into_boxed_slice());
        let (_host, port) = listening(server);
        let config = Arc::new(client_config(client, versions));
        // In TLS 1.3 the client is done first, and hears of it afterwards.
        let error = connect(&config, to(port)).and_then(|mut tls| tls.read(&mut [0; 1]));
        let error = error.expect_err("it is refused").to_string();
        assert!(error.contains(alert), "{error}");
    }
    let host = Host::new();
    let session = host.session_with(SessionOptions {
        host: "127.0.0.1".into(),
        ..secure(server)
    });
    let uri = host.engine.local_path(session).expect("a path").to_string();
    host.engine
        .set_remote_path(
            session,
            "msrps://localhost:1/Remote0000000001;tcp",
            false,
            "*",
        )
        .expect("a path");
    let port: u16 = {
        let authority = uri.split('/').nth(2).expect("an authority");
        let port = authority.rsplit(':').next().expect("a port");
        port.parse().expect("a port")
    };
    host.engine.set_log(Some(LogLevel::Info)).expect("alive");
    let config = Arc::new(client_config(client, ALL_VERSIONS));
    if let Ok(mut tls) = connect(&config, to(port)) {
        say(&mut tls, b"MSRP a786hjs2 SEND\r\n");
        assert_eq!(drain(&mut tls), b"", "no octet of MSRP");
    }
    logged(&host, "TLS handshake failed");
    assert_eq!(host.engine.stats().bytes_received, 0);
    host.engine.open(session, Some(SHORT)).expect("waits");
    host.wait_closed(session).error.expect("an error")
}

#[test]
fn the_side_that_accepts_says_which_client_certificate_fails_which_check() {
    let ca = Authority::new("The CA");
    let server = TlsConfig {
        ca: text(&ca.pem()),
        client_auth: ClientAuth::Require,
        ..ca.issue(&["localhost"], |_| {}).config()
    };
    let error = refused_client(&server, None, "");
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    assert_says(
        &error.context,
        &[
            "not bound within",
            "the last peer that came was refused",
            "the peer showed no certificate",
        ],
    );
    let expired = ca.issue(&["client"], |params| {
        params.not_before = date_time_ymd(2010, 1, 1);
        params.not_after = date_time_ymd(2011, 1, 1);
    });
    let error = refused_client(&server, Some(&expired), "CertificateExpired");
    assert_says(
        &error.context,
        &[
            "it expired on 2011-01-01T00:00:00Z",
            "DNS:client",
            "issuer \"CN=The CA\"",
        ],
    );
    let stranger = made(&["stranger.example"], |_| {});
    let error = refused_client(&server, Some(&stranger), "UnknownCA");
    assert_says(
        &error.context,
        &[
            "no CA that is trusted has signed it",
            "DNS:stranger.example",
        ],
    );
    let server_only = ca.issue(&["client"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let error = refused_client(&server, Some(&server_only), "UnsupportedCertificate");
    assert_says(&error.context, &["extended key usage"]);
    covers!("C-205");
}

#[test]
fn rfc8122_6_2_a_stranger_is_refused_in_the_handshake() {
    let server = TlsConfig {
        verify: TlsVerify::Fingerprint,
        ..made(&["self.invalid"], |_| {}).config()
    };
    // Nobody waits at this listener, so nobody is expected.
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let versions: &'static [&'static SupportedProtocolVersion] =
            Box::leak(versions.to_vec().into_boxed_slice());
        let (host, port) = listening(&server);
        let own = made(&["stranger.invalid"], |_| {});
        let config = Arc::new(client_config(Some(&own), versions));
        let error = connect(&config, to(port)).and_then(|mut tls| tls.read(&mut [0; 1]));
        let error = error.expect_err("it is refused").to_string();
        assert!(error.contains("BadCertificate"), "{error}");
        assert_says(
            &logged(&host, "TLS handshake failed"),
            &["no session here expects it", "DNS:stranger.invalid"],
        );
        // Without a certificate neither.
        let config = Arc::new(client_config(None, versions));
        let error = connect(&config, to(port)).and_then(|mut tls| tls.read(&mut [0; 1]));
        let error = error.expect_err("it is refused").to_string();
        assert!(error.contains("CertificateRequired"), "{error}");
        assert_says(
            &logged(&host, "TLS handshake failed"),
            &["the peer showed no certificate"],
        );
        assert_eq!(host.engine.stats().bytes_sent, 0);
    }
    covers!("S-115", "S-116");
}

#[test]
fn a_server_that_refuses_our_certificate_is_an_error_of_tls() {
    let ca = Authority::new("The CA");
    let (a, b) = (Host::new(), Host::new());
    let server = TlsConfig {
        ca: text(&ca.pem()),
        client_auth: ClientAuth::Require,
        ..ca.issue(&["localhost"], |_| {}).config()
    };
    for (version, client, says) in [
        (
            TlsVersion::Tls12,
            None,
            "certificate_required: it wants a certificate of ours",
        ),
        (
            TlsVersion::Tls13,
            None,
            "certificate_required: it wants a certificate of ours",
        ),
        (
            TlsVersion::Tls12,
            Some(()),
            "unknown_ca: it does not trust the CA of our certificate",
        ),
        (
            TlsVersion::Tls13,
            Some(()),
            "unknown_ca: it does not trust the CA of our certificate",
        ),
    ] {
        let own = match client {
            Some(()) => made(&["localhost"], |_| {}).config(),
            None => TlsConfig::default(),
        };
        let client = TlsConfig {
            ca: text(&ca.pem()),
            max_version: version,
            ..own
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
        let error = a.wait_closed(one).error.expect("an error");
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
        assert_says(&error.context, &["the peer sent the alert", says]);
        b.take();
        assert_eq!(b.engine.stats().bytes_received, 0, "nothing was served");
    }
}

#[test]
fn rfc8446_6_1_an_end_without_close_notify_in_mid_message_is_told_as_cut() {
    let own = made(&["localhost"], |_| {});
    for whole in [true, false] {
        let host = Host::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let session = dialling(&host, &trusting(&own.cert), port);
        let config = Arc::new(server_config(&own, ALL_VERSIONS, false));
        let stream = accept(&config, listener.accept().expect("a connection").0);
        let mut peer = RawPeer {
            stream: stream.expect("a handshake"),
            input: Vec::new(),
        };
        let first = peer.frame();
        peer.answer(&first, "200 OK");
        host.wait_opened(session);
        if !whole {
            // A chunk of a message that has more.
            let to = host.engine.local_path(session).expect("a path").to_string();
            let from = format!("msrps://localhost:{port}/Remote0000000001;tcp");
            peer.write(
                format!(
                    "MSRP chunk001 SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: cut\r\n\
                     Byte-Range: 1-4/8\r\nContent-Type: text/plain\r\n\r\nhalf\r\n-------chunk001+\r\n"
                )
                .as_bytes(),
            );
            assert!(peer.frame().starts_with("MSRP chunk001 200"));
        }
        peer.stream.sock.shutdown(Shutdown::Write).expect("ended");
        let error = host.wait_closed(session).error.expect("an error");
        match whole {
            true => assert_eq!(error.kind, ErrorKind::Connect, "{error}"),
            false => {
                assert_eq!(error.kind, ErrorKind::Tls, "{error}");
                assert_says(&error.context, &["without close_notify"]);
            }
        }
    }
}
