//! Broken and hostile SDP at the engine: each is refused with an error that names the line and the rule, and the session
//! is what it was before, as an offer and as an answer. Then a good one is taken.

mod engine_support;

use engine_support::tls::certificate;
use engine_support::tls::text as pem;
use engine_support::{Host, PATIENCE};
use msrp::engine::{SessionHandle, SessionOptions, SessionState, TlsConfig, TlsVerify};
use msrp::error::{Error, ErrorKind};
use msrp::sdp;
use msrp_conformance::covers;

const PRINT: &str = "a=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n";

/// What a good peer says, as an offer; a passive answer is the same with another setup.
fn good(tls: bool) -> String {
    let (protocol, scheme, print) = match tls {
        true => ("TCP/TLS/MSRP", "msrps", PRINT),
        false => ("TCP/MSRP", "msrp", ""),
    };
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=message 7394 {protocol} *\r\na=path:{scheme}://127.0.0.1:7394/theirs;tcp\r\na=accept-types:*\r\n\
         a=setup:passive\r\n{print}"
    )
}

/// How one is broken.
struct Case {
    name: &'static str,
    sdp: String,
    kind: ErrorKind,
    /// What the error says of it: the line, and the rule.
    says: &'static [&'static str],
}

fn case(name: &'static str, says: &'static [&'static str], sdp: String) -> Case {
    Case {
        name,
        sdp,
        kind: ErrorKind::InvalidSdp,
        says,
    }
}

fn limit(name: &'static str, says: &'static [&'static str], sdp: String) -> Case {
    Case {
        kind: ErrorKind::Limit,
        ..case(name, says, sdp)
    }
}

/// The good one with a part replaced, which has to be there.
fn with(from: &str, to: &str) -> String {
    let sdp = good(false);
    assert!(sdp.contains(from), "{from:?}");
    sdp.replace(from, to)
}

const PATH: &str = "a=path:msrp://127.0.0.1:7394/theirs;tcp\r\n";

/// The good one with another path.
fn path(path: &str) -> String {
    with(PATH, &format!("a=path:{path}\r\n"))
}

/// Broken for whoever reads them.
fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("nothing", &["no version line"], String::new()),
        case(
            "no path",
            &["m-line 1", "path is missing", "§8.2"],
            with(PATH, ""),
        ),
        case("empty path", &["m-line 1", "attribute path"], path("")),
        case(
            "path of another scheme",
            &["m-line 1", "attribute path"],
            path("sip://127.0.0.1:7394/s;tcp"),
        ),
        case(
            "http path",
            &["m-line 1", "attribute path"],
            path("http://127.0.0.1:7394/s"),
        ),
        case(
            "path that is none",
            &["m-line 1", "attribute path"],
            path("::::"),
        ),
        case(
            "path of another transport",
            &["m-line 1", "path", "\"udp\"", "§6"],
            path("msrp://127.0.0.1:7394/s;udp"),
        ),
        case(
            "path without a transport",
            &["m-line 1", "attribute path"],
            path("msrp://127.0.0.1:7394/s"),
        ),
        case(
            "path without a port",
            &["m-line 1", "path", "port", "§8.2"],
            path("msrp://127.0.0.1/s;tcp"),
        ),
        case(
            "path with a port too large",
            &["m-line 1", "attribute path"],
            path("msrp://127.0.0.1:70000/s;tcp"),
        ),
        case(
            "path without a session-id",
            &["m-line 1", "path", "session-id"],
            path("msrp://127.0.0.1:7394;tcp"),
        ),
        case(
            "path that breaks off",
            &["m-line 1", "attribute path"],
            path("msrp://[::1:7394/s;tcp"),
        ),
        case(
            "two paths",
            &["m-line 1", "2 path attributes", "§8.2"],
            with(PATH, &PATH.repeat(2)),
        ),
        case(
            "msrps in a TCP/MSRP line",
            &["m-line 1", "TCP/MSRP", "msrps", "§8.1"],
            path("msrps://127.0.0.1:7394/s;tcp"),
        ),
        case(
            "msrp in a TCP/TLS/MSRP line",
            &["m-line 1", "TCP/TLS/MSRP", "an msrp URI", "§8.1"],
            with("TCP/MSRP", "TCP/TLS/MSRP"),
        ),
        case(
            "unknown protocol",
            &["m-line 1", "\"UDP/MSRP\"", "§8.1"],
            with("TCP/MSRP", "UDP/MSRP"),
        ),
        case(
            "port count",
            &["m-line 1", "port count"],
            with("7394 TCP", "7394/2 TCP"),
        ),
        case("port too large", &["line 6"], with("7394 TCP", "70000 TCP")),
        case("port that is none", &["line 6"], with("7394 TCP", "x TCP")),
        case(
            "no format list",
            &["line 6"],
            with("TCP/MSRP *", "TCP/MSRP"),
        ),
        case(
            "other formats",
            &["m-line 1", "format list"],
            with("TCP/MSRP *", "TCP/MSRP 0"),
        ),
        case("other media", &["m=message"], with("m=message", "m=audio")),
        case(
            "no accept-types",
            &["m-line 1", "accept-types is missing", "§8.6"],
            with("a=accept-types:*\r\n", ""),
        ),
        case(
            "no c= line",
            &["m-line 1", "no c= line", "§5.7"],
            with("c=IN IP4 127.0.0.1\r\n", ""),
        ),
        case(
            "broken c= line",
            &["line 4"],
            with("c=IN IP4 127.0.0.1", "c=IN"),
        ),
        case(
            "two directions",
            &["m-line 1", "sendonly", "inactive", "§6.7"],
            with("a=setup", "a=sendonly\r\na=inactive\r\na=setup"),
        ),
        case(
            "broken fingerprint",
            &["m-line 1", "fingerprint", "sha-256", "32 octets", "§5"],
            with("a=setup", "a=fingerprint:sha-256 AB:CD\r\na=setup"),
        ),
        case(
            "fingerprint without a value",
            &["m-line 1", "fingerprint"],
            with("a=setup", "a=fingerprint\r\na=setup"),
        ),
        case(
            "unknown type letter",
            &["line 6", "'y'", "§5"],
            with("m=message", "y=1\r\nm=message"),
        ),
        case(
            "no type letter",
            &["line 6", "x=value"],
            with("m=message", "message"),
        ),
        case(
            "wrong version",
            &["line 1", "version", "§5.1"],
            with("v=0", "v=1"),
        ),
        case(
            "lines out of order",
            &["no version line"],
            format!("s=-\r\n{}", good(false)),
        ),
        case(
            "NUL",
            &["line 8", "NUL"],
            with("a=accept-types:*", "a=accept-types:*\0"),
        ),
        case(
            "NUL in the path",
            &["line 7", "NUL"],
            path("msrp://127.0.0.1:7394/s\0;tcp"),
        ),
        case(
            "bare CR",
            &["line 8", "CR that ends no line"],
            with("a=accept-types:*", "a=accept\r-types:*"),
        ),
        case(
            "two CR",
            &["line 6", "CR that ends no line"],
            with("TCP/MSRP *\r\n", "TCP/MSRP *\r\r\n"),
        ),
        case(
            "CR alone",
            &["line 1", "CR that ends no line"],
            good(false).replace("\r\n", "\r"),
        ),
        case(
            "path longer than a header line",
            &["m-line 1", "path of 100026 octets", "8176"],
            path(&format!(
                "msrp://127.0.0.1:7394/{};tcp",
                "s".repeat(100_000)
            )),
        ),
        case(
            "path of 1000 URIs",
            &["m-line 1", "attribute path"],
            path(&vec!["msrp://a:1/s;tcp"; 500].join(" ")),
        ),
        limit(
            "10,000 attributes",
            &["line 1031", "1024 attributes"],
            good(false) + &"a=x\r\n".repeat(10_000),
        ),
        limit(
            "10,000 of the session",
            &["line 1030", "1024 attributes"],
            with("m=message", &("a=x\r\n".repeat(10_000) + "m=message")),
        ),
        limit(
            "10,000 lines",
            &["4096 lines"],
            good(false) + &"\r\n".repeat(10_000),
        ),
        limit(
            "1000 m= lines",
            &["1001 m= lines", "64"],
            good(false) + &"m=audio 1 RTP/AVP 0\r\n".repeat(1000),
        ),
        limit(
            "1 MB in one line",
            &["octets", "262144"],
            good(false) + "a=x:" + &"y".repeat(1 << 20),
        ),
        limit(
            "1 MB in many lines",
            &["octets", "262144"],
            good(false) + &"a=xxxxxxxxxxxx\r\n".repeat(1 << 16),
        ),
        limit(
            "1 MB of nothing",
            &["octets", "262144"],
            "\0".repeat(1 << 20),
        ),
    ];
    // The same in its other forms: bare LF, and the m= block alone, which counts its lines from its own.
    cases.push(case(
        "no path, by LF",
        &["m-line 1", "path is missing"],
        with(PATH, "").replace("\r\n", "\n"),
    ));
    let block = good(false);
    let (_, block) = block.split_once("t=0 0\r\n").expect("a block");
    cases.push(case(
        "no path, in a block",
        &["m-line 1", "path is missing"],
        block.replace(PATH, ""),
    ));
    cases
}

/// What can be seen of a session from outside.
fn seen(host: &Host, session: SessionHandle) -> (SessionState, Option<String>, String, bool) {
    let engine = &host.engine;
    (
        engine.state(session).expect("there"),
        engine
            .remote_path(session)
            .expect("there")
            .map(|path| path.to_string()),
        engine.local_path(session).expect("there").to_string(),
        engine.open(session, Some(PATIENCE)).is_ok(),
    )
}

#[track_caller]
fn check(case: &Case, how: &str, result: Result<(), Error>) {
    let error = result.expect_err(case.name);
    let told = format!("{} ({how}): {error}", case.name);
    assert_eq!(error.kind, case.kind, "{told}");
    for part in case.says {
        assert!(error.context.contains(part), "{part:?} in {told}");
    }
    assert!(error.context.len() < 300, "{told}");
    assert!(!error.context.contains("theirs"), "a session-id: {told}");
}

#[test]
fn each_broken_sdp_is_refused_by_name_and_changes_nothing() {
    let host = Host::new();
    for case in cases() {
        for cema in [false, true] {
            let options = || SessionOptions {
                cema,
                ..SessionOptions::default()
            };
            // As an offer, in both ways to take one, and as an answer.
            let session = host.session_with(options());
            let before = seen(&host, session);
            assert_eq!((before.0, before.3), (SessionState::New, false));
            let answer = host.engine.create_answer(session, &case.sdp, None);
            check(&case, "create_answer", answer.map(drop));
            check(
                &case,
                "set_remote",
                host.engine.set_remote(session, &case.sdp, None),
            );
            let prepared = host.engine.prepare_remote(session, &case.sdp, None);
            check(&case, "prepare_remote", prepared.map(drop));
            assert_eq!(seen(&host, session), before, "{}", case.name);
            let answer = host.engine.create_answer(session, &good(false), None);
            assert!(answer.expect(case.name).contains("m=message "));

            let session = host.session_with(options());
            let offer = host.engine.create_offer(session).expect("an offer");
            let before = seen(&host, session);
            check(
                &case,
                "answer",
                host.engine.set_remote(session, &case.sdp, None),
            );
            assert_eq!(seen(&host, session), before, "{}", case.name);
            let own = host.engine.local_path(session).expect("a path").to_string();
            assert!(offer.contains(&own), "{}", case.name);
            let taken = host.engine.set_remote(session, &good(false), None);
            taken.expect(case.name);
            assert!(host.engine.remote_path(session).expect("there").is_some());
        }
    }
    covers!(
        "S-012", "S-014", "S-020", "S-024", "S-030", "S-148", "S-165"
    );
}

/// A session with a certificate that is judged by fingerprint.
fn pinned(host: &Host) -> SessionHandle {
    let (cert, key) = certificate("localhost");
    host.session_with(SessionOptions {
        secure: true,
        tls: Some(TlsConfig {
            cert: pem(&cert),
            key: pem(&key),
            verify: TlsVerify::Fingerprint,
            ..TlsConfig::default()
        }),
        ..SessionOptions::default()
    })
}

#[test]
fn a_session_that_is_judged_by_fingerprint_needs_one_that_can_be_used() {
    let host = Host::new();
    let digest = |len: usize| vec!["AB"; len].join(":");
    let lines = [
        ("none", String::new()),
        ("md5", format!("a=fingerprint:md5 {}\r\n", digest(16))),
        ("md2", format!("a=fingerprint:md2 {}\r\n", digest(16))),
        ("unknown", format!("a=fingerprint:sha-9 {}\r\n", digest(40))),
        (
            "unknown and weak",
            format!(
                "a=fingerprint:foo 00\r\na=fingerprint:md5 {}\r\n",
                digest(16)
            ),
        ),
    ];
    for (name, lines) in lines {
        let bad = good(true).replace(PRINT, &lines);
        for is_answer in [false, true] {
            let session = pinned(&host);
            if is_answer {
                host.engine.create_offer(session).expect("an offer");
            }
            let before = seen(&host, session);
            let error = match is_answer {
                false => host.engine.create_answer(session, &bad, None).map(drop),
                true => host.engine.set_remote(session, &bad, None),
            };
            let error = error.expect_err(name);
            assert_eq!(error.kind, ErrorKind::InvalidSdp, "{name}: {error}");
            assert!(error.context.contains("fingerprint"), "{name}: {error}");
            assert!(error.context.contains("RFC "), "{name}: {error}");
            assert_eq!(seen(&host, session), before, "{name}");
            let taken = host.engine.set_remote(session, &good(true), None);
            taken.expect(name);
        }
        // Who does not judge by it needs none.
        let session = host.session_with(engine_support::tls::secure(
            &engine_support::tls::unverified(),
        ));
        host.engine.set_remote(session, &bad, None).expect(name);
    }
    covers!("S-111", "S-112");
}

#[test]
fn what_differs_between_lines_and_path_matters_with_cema_alone() {
    let host = Host::new();
    for moved in [
        good(false).replace("m=message 7394", "m=message 7395"),
        good(false).replace("c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.9"),
    ] {
        let session = host.session();
        host.engine
            .set_remote(session, &moved, None)
            .expect("by path");
        let session = host.session_with(SessionOptions {
            cema: true,
            ..SessionOptions::default()
        });
        let before = seen(&host, session);
        let error = host.engine.create_answer(session, &moved, None);
        let error = error.expect_err("S-100");
        assert_eq!(error.kind, ErrorKind::InvalidSdp);
        assert!(error.context.contains("RFC 6714 §4.3"), "{error}");
        assert_eq!(seen(&host, session), before);
    }
    covers!("S-005", "S-100");
}

#[test]
fn what_is_given_twice_counts_once() {
    let host = Host::new();
    let session = host.session();
    let twice = good(false)
        .replace(
            "a=setup:passive",
            "a=setup:passive\r\na=setup:active\r\na=max-size:5\r\na=max-size:7",
        )
        .replace(
            "a=accept-types:*",
            "a=accept-types:text/plain\r\na=accept-types:text/html",
        );
    let answer = host.engine.create_answer(session, &twice, None);
    assert!(
        answer.expect("an answer").contains("a=setup:active"),
        "the first counts"
    );
    let media = sdp::MediaDescription::parse(&twice, None).expect("valid");
    assert_eq!(media.max_size, Some(5));
    assert_eq!(media.accept_types.len(), 2);
}

#[test]
fn octets_that_are_no_text_are_named_by_their_line() {
    let mut octets = good(false).into_bytes();
    let at = good(false).find("s=-").expect("there");
    octets[at + 2] = 0xff;
    let error = sdp::text(&octets).expect_err("Latin-1");
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert_eq!(error.context, "SDP line 3 is not UTF-8 (RFC 8866 §5)");
    // A character that is cut off at the end.
    let error = sdp::text(b"v=0\r\ns=\xc3").expect_err("half of one");
    assert_eq!(error.context, "SDP line 2 is not UTF-8 (RFC 8866 §5)");
    let error = sdp::text(&vec![0xff; 1 << 20]).expect_err("too long");
    assert_eq!(error.kind, ErrorKind::Limit);
    assert_eq!(sdp::text(good(false).as_bytes()), Ok(good(false).as_str()));
}
