//! Nothing secret in anything that a program may print (RFC 4975 §14.1): the log at its finest, error texts, `Debug` and
//! `Display` of public types, masked traces. A session-id may show its first four characters.

mod engine_support;

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use engine_support::relay::{FakeRelay, parameter};
use engine_support::tls::{mutual, secure, unverified};
use engine_support::{Host, PATIENCE, RawPeer, bound, pair_with, remote_uri};
use msrp::engine::{
    Engine, EngineOptions, Event, Identity, LogLevel, RelayLogin, SendBody, SendOptions,
    SessionHandle, SessionOptions, TlsConfig, TraceOptions,
};
use msrp::sdp::{MediaDescription, SessionDescription};
use msrp::wire::{Parser, ParserLimits, Uri, UriPath};
use msrp_conformance::covers;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

const BODY: &str = "the-eagle-lands-at-noon";
const CREDENTIAL: &str = "b0b-has-a-passw0rd";
const SESSION_ID: &str = "qwertzuiopasdfghjkl";

/// All that was printed.
static PRINTED: Mutex<String> = Mutex::new(String::new());

fn print(text: impl fmt::Display) {
    let mut printed = PRINTED.lock().expect("not poisoned");
    writeln!(printed, "{text}").expect("in memory");
}

fn print_debug(value: &impl fmt::Debug) {
    print(format_args!("{value:?}\n{value:#?}"));
}

fn print_error<T: fmt::Debug>(result: msrp::Result<T>) {
    let error = result.expect_err("a failure");
    print(&error);
    print_debug(&error);
}

/// Takes every record of `tracing` and of `log`.
struct Everything;

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields;
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                print(format_args!("{field}={value:?}"));
            }
        }
        event.record(&mut Fields);
        print(event.metadata().target());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        print(record.args());
    }
    fn flush(&self) {}
}

fn listen() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        tracing::subscriber::set_global_default(Everything).expect("the first");
        log::set_logger(&Everything).expect("the first");
        log::set_max_level(log::LevelFilter::Trace);
    });
}

fn trace_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("msrp-{name}-{}.pcapng", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn session_id(engine: &Engine, session: SessionHandle) -> String {
    let path = engine.local_path(session).expect("a path");
    print_debug(&path);
    print_debug(path.first());
    path.first().session_id().expect("one").to_owned()
}

fn send_options() -> SendOptions {
    SendOptions {
        headers: vec![
            ("X-Password".into(), CREDENTIAL.into()),
            (
                "Content-Disposition".into(),
                format!("attachment; filename={CREDENTIAL}"),
            ),
        ],
        success_report: true,
        ..SendOptions::default()
    }
}

fn finish(host: &Host) {
    for (session, event) in &host.seen(|seen| seen.events.clone()) {
        print_debug(session);
        print_debug(event);
    }
    let (records, lost) = host.engine.take_log(usize::MAX);
    assert_eq!(lost, 0);
    print_debug(&records);
    for record in records {
        print(record.text);
    }
    print_debug(&host.engine);
    print_debug(&host.domain);
    print_debug(&host.engine.stats());
    print_debug(&host.engine.limits());
}

#[test]
fn nothing_secret_is_printed_or_traced_masked() {
    listen();
    let trace = trace_path("redaction");
    let options = EngineOptions {
        trace: Some(TraceOptions::new(&trace)),
        tls: Some(unverified()),
        ..EngineOptions::default()
    };
    print_debug(&options);
    let (a, b) = (Host::from_options(options), Host::new());
    for host in [&a, &b] {
        host.engine.set_log(Some(LogLevel::Trace)).expect("alive");
    }
    let mut secrets = vec![
        BODY.to_owned(),
        CREDENTIAL.to_owned(),
        SESSION_ID.to_owned(),
    ];

    // Over TLS and TCP: messages that arrive, one that is longer than a segment of the trace, one that is aborted.
    let [ours, theirs] = mutual();
    print_debug(&ours);
    for (one, two) in [
        (secure(&ours), secure(&theirs)),
        (SessionOptions::default(), SessionOptions::default()),
    ] {
        print_debug(&one);
        let (one, two) = pair_with(&a, one, &b, two);
        secrets.push(session_id(&a.engine, one));
        secrets.push(session_id(&b.engine, two));
        for content in [BODY.to_owned(), BODY.repeat(10_000)] {
            let body = SendBody::Bytes(content.into());
            print_debug(&body);
            print_debug(&send_options());
            let sent = a.engine.send(one, send_options(), body).expect("admitted");
            let count = b.seen(|seen| seen.messages.get(&two).map_or(0, Vec::len));
            b.wait_messages(two, count + 1);
            a.wait_acknowledged_with(&b, sent.transfer);
        }
        let stream = a
            .engine
            .send(one, send_options(), SendBody::Stream(Some(100_000)))
            .expect("admitted")
            .transfer;
        a.wait_event(
            one,
            "room",
            |event| matches!(event, Event::DataWanted { transfer, .. } if *transfer == stream),
        );
        a.engine
            .stream_push(stream, BODY.repeat(1000).into())
            .expect("room");
        b.wait_event(two, "its start", |event| {
            matches!(event, Event::MessageBegin { .. })
        });
        a.engine.abort(stream).expect("alive");
        a.wait_event(one, "its failure", |event| {
            matches!(event, Event::Failed { .. })
        });
        // What a host does wrong.
        let type_of = |content_type: &str| SendOptions {
            content_type: content_type.into(),
            ..send_options()
        };
        for options in [
            type_of("not a type"),
            type_of("image/unaccepted"),
            SendOptions {
                headers: vec![("Authorization".into(), CREDENTIAL.into())],
                ..SendOptions::default()
            },
            SendOptions {
                headers: vec![("X-Bad".into(), format!("{CREDENTIAL}\r\n"))],
                ..SendOptions::default()
            },
            SendOptions {
                message_id: Some(format!("{CREDENTIAL} {CREDENTIAL}")),
                ..SendOptions::default()
            },
        ] {
            let body = SendBody::Bytes(BODY.into());
            match a.engine.send(one, options, body) {
                Ok(transfer) => print_debug(&transfer),
                Err(error) => print_error::<()>(Err(error)),
            }
        }
        a.engine.close(one, Some(PATIENCE)).expect("alive");
        print_debug(&a.wait_closed(one));
        print_debug(&b.wait_closed(two));
    }

    // What a peer does wrong: junk, malformed requests, credentials, a stream that breaks off.
    for request in [
        "MSRP tid1 SEND\r\nTo-Path: {to}\r\nFrom-Path: msrp://127.0.0.1:9/SECRET;tcp\r\nMessage-ID: 1\r\n\
         Byte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\nBODY\r\n-------tid1$\r\n",
        "MSRP tid1 SEND\r\nTo-Path: {to}\r\nFrom-Path: msrp://127.0.0.1:9/SECRET;tcp\r\nMessage-ID: 1\r\n\
         Byte-Range: junk\r\nContent-Type: text/plain\r\n\r\nBODY\r\n-------tid1$\r\n",
        "MSRP tid1 SEND\r\nTo-Path: {to}\r\nFrom-Path: msrp://127.0.0.1:9/SECRET\r\n\
         Authorization: Digest response=CREDENTIAL\r\n\r\nBODY\r\n-------tid1$\r\n",
        "MSRP tid1 AUTH\r\nTo-Path: {to}\r\nFrom-Path: msrp://127.0.0.1:9/SECRET;tcp\r\n\
         Authorization: Digest response=CREDENTIAL\r\n-------tid1$\r\n",
        "MSRP tid1 SEND\r\nTo-Path: msrp://127.0.0.1:9/SECRET;tcp\r\nFrom-Path: {to}\r\n-------tid1$\r\n",
        "SECRET CREDENTIAL BODY\r\n",
        "MSRP tid1 SEND\r\nTo-Path: {to}\r\nFrom-Path: msrp://127.0.0.1:9/SECRET;tcp\r\n CREDENTIAL\r\n\r\nBODY",
    ] {
        let session = a.session();
        secrets.push(session_id(&a.engine, session));
        let uri = a.engine.local_path(session).expect("a path").to_string();
        let peer = format!("msrp://127.0.0.1:9/{SESSION_ID};tcp");
        a.engine
            .set_remote_path(session, &peer, false, "*")
            .expect("a path");
        a.engine.open(session, Some(PATIENCE)).expect("waits");
        let octets = request
            .replace("{to}", &uri)
            .replace("SECRET", SESSION_ID)
            .replace("CREDENTIAL", CREDENTIAL)
            .replace("BODY", BODY);
        let mut parser = Parser::new(ParserLimits::default());
        parser.push(octets.clone().into());
        while let Ok(Some(frame)) = parser.next() {
            print_debug(&frame);
        }
        print_debug(&parser.finish());
        let mut raw = RawPeer::connect(&uri);
        raw.write(octets.as_bytes());
        let _ = raw.stream.shutdown(std::net::Shutdown::Write);
        raw.read_to_end();
        a.take();
        // The peer's mistake may have ended it.
        let _ = a.engine.abort_session(session);
        print_debug(&a.wait_closed(session));
    }

    // Texts that cannot be read.
    let whole = format!("msrp://127.0.0.1:9/{SESSION_ID};tcp");
    for text in [
        format!("msrp://127.0.0.1:9/{SESSION_ID}"),
        format!("msrp://127.0.0.1:9/{SESSION_ID};udp tcp"),
        format!("msrp://127.0.0.1:99999/{SESSION_ID};tcp"),
        format!("msrps://u:{CREDENTIAL}@h:9/{SESSION_ID};tcp"),
        format!("{whole} {whole};"),
    ] {
        print_debug(&Uri::parse(&text));
        print_debug(&UriPath::parse(text.as_bytes(), 8));
        let session = a.session();
        secrets.push(session_id(&a.engine, session));
        match a.engine.set_remote_path(session, &text, true, "*") {
            Ok(()) => {}
            Err(error) => print_error::<()>(Err(error)),
        }
        for sdp in [
            format!("m=message 9 TCP/MSRP *\r\na=accept-types:*\r\na=path:{text}\r\n"),
            format!("m=message 9 TCP/MSRP *\r\na=path:{text}\r\n"),
            format!("m=message 9 TCP/TLS/MSRP *\r\na=accept-types:*\r\na=path:{whole}\r\n"),
            format!(
                "m=message 0 TCP/MSRP *\r\na=accept-types:*\r\na=path:{whole}\r\na=setup:{SESSION_ID}\r\n"
            ),
        ] {
            print_debug(&MediaDescription::parse(&sdp, None));
            let description = SessionDescription::parse(&sdp);
            for line in description.iter().flat_map(|sdp| sdp.media_lines()) {
                print_debug(&line);
            }
            print_debug(&description);
            print_debug(&a.engine.set_remote(session, &sdp, None));
        }
    }
    finish(&a);
    finish(&b);
    a.engine.set_trace(None).expect("alive");
    let stats = a.engine.stats();
    assert!(
        stats.trace_written > 20 && stats.trace_dropped == 0,
        "{stats:?}"
    );
    a.engine.join();
    b.engine.join();

    let printed = PRINTED.lock().expect("not poisoned").clone();
    for expected in [": dialled", "> SEND tid=", "< 200 tid=", "REPORT tid="] {
        assert!(printed.contains(expected), "no {expected:?} in the log");
    }
    let traced = std::fs::read(&trace).expect("the trace");
    std::fs::remove_file(&trace).expect("removed");
    let traced = String::from_utf8_lossy(&traced);
    assert!(traced.contains("Content-Type: text/plain"));
    for secret in &secrets {
        // Six characters of a session-id are no accident.
        let secret = match secret.as_str() {
            BODY | CREDENTIAL => secret,
            id => &id[..6],
        };
        let as_list = format!("{:?}", secret.as_bytes());
        let as_list = as_list.trim_matches(['[', ']']);
        for (what, text) in [("printed", &*printed), ("traced", &*traced)] {
            for form in [secret, as_list] {
                if let Some(at) = text.find(form) {
                    let before = text[..at].rfind('\n').map_or(0, |at| at + 1);
                    let line = text[before..].lines().next().unwrap_or_default();
                    panic!(
                        "{secret:?} is {what}: {}",
                        line.chars().take(600).collect::<String>()
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn the_async_api_shows_no_content() {
    let engine = msrp::Engine::new(EngineOptions::default()).expect("an engine");
    let alice = engine
        .session(SessionOptions::default())
        .expect("a session");
    let bob = engine
        .session(SessionOptions::default())
        .expect("a session");
    let answer = bob.create_answer(&alice.create_offer().expect("an offer"));
    alice.set_remote(&answer.expect("an answer")).expect("fits");
    let (one, two) = tokio::join!(alice.open(PATIENCE), bob.open(PATIENCE));
    one.and(two).expect("open");
    let mut shown = String::new();
    for content in [BODY.to_owned(), BODY.repeat(10_000)] {
        let body = msrp::Body::from(content.clone());
        write!(shown, "{body:?}").expect("in memory");
        let transfer = alice.send(body, send_options()).await.expect("admitted");
        let mut message = bob.recv().await.expect("open");
        write!(shown, "{message:?}").expect("in memory");
        assert_eq!(message.text().await.expect("whole"), content);
        write!(shown, "{message:?} {transfer:?} {alice:?} {engine:?}").expect("in memory");
        transfer.acknowledged().await.expect("acknowledged");
    }
    assert!(
        !shown.contains(BODY) && !shown.contains(CREDENTIAL),
        "{shown}"
    );
    engine.shutdown(PATIENCE).await;
}

#[test]
fn private_keys_are_shown_nowhere() {
    listen();
    let (a, b) = (Host::new(), Host::new());
    let mut keys = Vec::new();
    let [ours, theirs] = [(), ()].map(|()| {
        let identity = Identity::anonymous().expect("made");
        keys.extend(identity.key_pem().lines().map(str::to_owned));
        print_debug(&identity);
        let config = TlsConfig::from(identity);
        print_debug(&config);
        config
    });
    let (one, two) = pair_with(&a, secure(&ours), &b, secure(&theirs));
    print_debug(&a.engine.peer_certificate(one));
    print_debug(&b.engine.peer_certificate(two));
    a.send(one, "hello");
    b.wait_messages(two, 1);
    // What cannot be used is not shown, either.
    let swapped = TlsConfig {
        key: theirs.key.clone(),
        ..ours.clone()
    };
    print_error(a.engine.session(&a.domain, secure(&swapped)));
    for host in [&a, &b] {
        finish(host);
        host.engine.join();
    }
    let printed = PRINTED.lock().expect("not poisoned").clone();
    keys.retain(|line| !line.starts_with("-----"));
    assert!(keys.len() >= 6, "{}", keys.len());
    for line in keys {
        assert!(!printed.contains(&line), "a line of a key");
    }
}

#[test]
fn rfc4976_9_4_a_login_to_a_relay_is_shown_nowhere() {
    listen();
    let trace = trace_path("relay");
    let host = Host::from_options(EngineOptions {
        trace: Some(TraceOptions::new(&trace)),
        ..EngineOptions::default()
    });
    host.engine.set_log(Some(LogLevel::Trace)).expect("a log");
    let relay = FakeRelay::new();
    let wrong = RelayLogin {
        password: CREDENTIAL.into(),
        ..relay.login()
    };
    let mut tokens = Vec::new();
    for (login, is_right) in [(relay.login(), true), (wrong, false)] {
        print_debug(&login);
        let options = SessionOptions {
            relays: vec![login],
            ..relay.options()
        };
        print_debug(&options);
        let session = host.session_with(options);
        host.engine
            .authenticate(session, Some(PATIENCE))
            .expect("a login");
        host.wait_event(session, "an end of the login", |event| match event {
            Event::RelayPath { .. } => is_right,
            Event::RelayFailed { error, .. } => {
                print(error);
                !is_right
            }
            _ => false,
        });
        let path = host.engine.relay_path(session).expect("alive");
        print_debug(&path);
        tokens.extend(path.map(|path| {
            let token = path.first().session_id().expect("a token");
            format!("{token};tcp")
        }));
        if !is_right {
            print_error(host.engine.create_offer(session));
        }
    }
    finish(&host);
    host.engine.set_trace(None).expect("alive");
    host.engine.join();

    let printed = PRINTED.lock().expect("not poisoned").clone();
    assert!(printed.contains("> AUTH tid="), "AUTH is in the log");
    let traced = std::fs::read(&trace).expect("the trace");
    std::fs::remove_file(&trace).expect("removed");
    let traced = String::from_utf8_lossy(&traced);
    assert!(traced.contains("Authorization: "));
    assert_eq!(tokens.len(), 1);
    let mut secrets = tokens;
    secrets.push(CREDENTIAL.to_owned());
    for auth in relay.requests("AUTH") {
        let value = auth.header("Authorization").unwrap_or_default().to_owned();
        let value = |name| parameter(&value, name);
        secrets.extend(["response", "cnonce"].into_iter().filter_map(value));
    }
    assert_eq!(secrets.len(), 6);
    for secret in secrets {
        assert!(!printed.contains(&secret), "{secret} is printed");
        assert!(!traced.contains(&secret), "{secret} is traced");
    }
    covers!("R-206");
}

#[test]
fn a_peer_adds_no_lines_to_the_log() {
    listen();
    let host = Host::new();
    host.engine.set_log(Some(LogLevel::Trace)).expect("a log");
    let (_, uri, mut peer) = bound(&host);
    peer.write(
        format!(
            "MSRP evil0001 SEND\r\nTo-Path: {uri}\r\nFrom-Path: {}\r\n\
             Message-ID: forged\u{9b}2J\r\n-------evil0001$\r\n",
            remote_uri(2855)
        )
        .as_bytes(),
    );
    assert!(peer.frame().starts_with("MSRP evil0001 400"));
    let (records, _) = host.engine.take_log(usize::MAX);
    let line = |record: &&msrp::engine::LogRecord| record.text.contains("forged");
    let line = &records
        .iter()
        .find(line)
        .expect("the line of the frame")
        .text;
    assert!(!line.contains(char::is_control), "{line:?}");
}
