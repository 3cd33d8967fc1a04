//! `msrp send`, `recv` and `echo`, as processes.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use msrp::{Engine, EngineOptions, SendOptions, SessionOptions};
use serde_json::Value;
use support::{Folder, text_of, wait_for};

/// Generous: reached only when something hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running command; killed if the test fails.
struct Running(Child);

impl Running {
    fn start(args: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_msrp"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("the command starts"))
    }

    fn wait(&mut self) -> ExitStatus {
        wait_for(&mut self.0, "the command", Instant::now() + DEADLINE)
    }

    /// Waits for the end: exit code, standard output, standard error.
    fn finish(mut self) -> (Option<i32>, String, String) {
        drop(self.0.stdin.take());
        let status = self.wait();
        let (mut out, mut err) = (String::new(), String::new());
        let stdout = self.0.stdout.as_mut().map(|s| s.read_to_string(&mut out));
        let stderr = self.0.stderr.as_mut().map(|s| s.read_to_string(&mut err));
        assert!(stdout.is_none_or(|r| r.is_ok()) && stderr.is_none_or(|r| r.is_ok()));
        (status.code(), out, err)
    }

    #[cfg(unix)]
    fn interrupt(&self) {
        let pid = self.0.id().to_string();
        let killed = Command::new("kill").args(["-INT", &pid]).status();
        assert!(killed.expect("kill").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors say that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn events(out: &str) -> Vec<Value> {
    let lines = out.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

fn octets(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn digest(file: impl AsRef<Path>) -> String {
    use sha2::{Digest, Sha256};
    let octets = Sha256::digest(fs::read(file).expect("a file"));
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn texts_and_files_arrive_by_sdp_files() {
    let folder = Folder::new("sdp");
    let (offer, answer, out) = (
        folder.path("offer"),
        folder.path("answer"),
        folder.path("in"),
    );
    let file = folder.path("photo.jpg");
    fs::write(&file, octets(700_000)).expect("written");
    let receiver = Running::start(&[
        "recv",
        "--json",
        "--offer-out",
        &offer,
        "--answer-in",
        &answer,
        "--out",
        &out,
    ]);
    let sender = Running::start(&[
        "send",
        "--json",
        "--offer-in",
        &offer,
        "--answer-out",
        &answer,
        "--report",
        "hello",
        "there",
        "--file",
        &file,
    ]);
    let (code, sent, err) = sender.finish();
    assert_eq!(code, Some(0), "{sent}{err}");
    let (code, received, err) = receiver.finish();
    assert_eq!(code, Some(0), "{received}{err}");

    let all = events(&sent);
    let sent: Vec<_> = all
        .iter()
        .filter(|event| event["event"] == "sent")
        .collect();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|event| event["delivered"] == true));
    let lens: Vec<_> = sent.iter().map(|event| event["length"].as_u64()).collect();
    assert_eq!(lens, [Some(5), Some(5), Some(700_000)]);
    let all = events(&received);
    let received: Vec<_> = all
        .iter()
        .filter(|event| event["event"] == "message")
        .collect();
    assert_eq!(received.len(), 3);
    for (sent, received) in sent.iter().zip(&received) {
        for field in ["message_id", "content_type", "length"] {
            assert_eq!(sent[field], received[field]);
        }
        let stored = received["file"].as_str().expect("stored");
        assert_eq!(received["sha256"], digest(stored));
    }
    assert_eq!(received[2]["content_type"], "image/jpeg");
    assert_eq!(received[2]["sha256"], digest(&file));
    assert_eq!(all.last().expect("events")["event"], "closed");
    let texts: Vec<_> = received[..2]
        .iter()
        .map(|event| fs::read_to_string(event["file"].as_str().expect("stored")))
        .collect::<Result<_, _>>()
        .expect("texts");
    assert_eq!(texts, ["hello", "there"]);
}

#[test]
fn two_paths_are_enough() {
    let folder = Folder::new("paths");
    let (ours, theirs) = (folder.path("ours"), folder.path("theirs"));
    let receiver = Running::start(&["recv", "--path-out", &ours, "--to", &format!("@{theirs}")]);
    let sender = Running::start(&[
        "send",
        "--path-out",
        &theirs,
        "--to",
        &format!("@{ours}"),
        "--chunk-len",
        "3",
        "by path",
    ]);
    let (code, _, err) = sender.finish();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("7 octets acknowledged"), "{err}");
    let (code, out, err) = receiver.finish();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, "by path\n");
}

#[test]
fn offers_and_answers_travel_by_pipes_too() {
    let mut receiver = Running::start(&["recv", "--count", "1", "-q"]);
    let mut sender = Running::start(&["send", "by pipe", "-q"]);
    let carry = |from: &mut Running, to: &mut Running| {
        let mut stdout = BufReader::new(from.0.stdout.take().expect("piped"));
        let stdin = to.0.stdin.as_mut().expect("piped");
        loop {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("text");
            stdin.write_all(line.as_bytes()).expect("it listens");
            if line.trim().is_empty() {
                return stdout;
            }
        }
    };
    let mut out = carry(&mut receiver, &mut sender);
    carry(&mut sender, &mut receiver);
    let sent = sender.finish();
    let received = receiver.finish();
    assert_eq!(
        (sent.0, received.0),
        (Some(0), Some(0)),
        "{sent:?} {received:?}"
    );
    let mut text = String::new();
    out.read_to_string(&mut text).expect("text");
    assert_eq!(text, "by pipe\n");
}

#[test]
fn standard_input_is_sent_while_it_comes() {
    let folder = Folder::new("stdin");
    let (offer, answer) = (folder.path("offer"), folder.path("answer"));
    let receiver = Running::start(&[
        "recv",
        "--json",
        "--offer-out",
        &offer,
        "--answer-in",
        &answer,
    ]);
    let mut sender = Running::start(&[
        "send",
        "--stdin",
        "--content-type",
        "text/plain",
        "--offer-in",
        &offer,
        "--answer-out",
        &answer,
    ]);
    let mut stdin = sender.0.stdin.take().expect("piped");
    for part in ["a", "few", "words"] {
        stdin.write_all(part.as_bytes()).expect("it listens");
        stdin.flush().expect("it listens");
    }
    drop(stdin);
    assert_eq!(sender.finish().0, Some(0));
    let (code, out, _) = receiver.finish();
    assert_eq!(code, Some(0));
    let message = events(&out)
        .into_iter()
        .find(|event| event["event"] == "message");
    assert_eq!(message.expect("a message")["text"], "afewwords");
    // Where the rendezvous needs standard input itself, that is said.
    assert_eq!(Running::start(&["send", "--stdin"]).finish().0, Some(2));
}

#[tokio::test]
async fn echo_returns_every_message() {
    let folder = Folder::new("echo");
    let (offer, answer) = (folder.path("offer"), folder.path("answer"));
    let echo = Running::start(&[
        "echo",
        "--json",
        "--offer-in",
        &offer,
        "--answer-out",
        &answer,
    ]);
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let options = SessionOptions {
        accept_types: Some(vec!["*".into()]),
        ..Default::default()
    };
    let session = engine.session(options).expect("a session");
    fs::write(&offer, session.create_offer().expect("an offer")).expect("written");
    let text = text_of(&answer, DEADLINE).await;
    session.set_remote(&text).expect("it fits");
    session.open(DEADLINE).await.expect("open");
    let (small, large) = ("hello", octets(2_000_000));
    let options = |content_type: &str| SendOptions {
        content_type: content_type.into(),
        ..SendOptions::default()
    };
    session
        .send(small, options("text/plain"))
        .await
        .expect("admitted");
    let mut back = session.recv().await.expect("an echo");
    assert_eq!(back.content_type(), "text/plain");
    assert_eq!(back.text().await.expect("whole"), small);
    session
        .send(large.clone(), options("image/png"))
        .await
        .expect("admitted");
    let mut back = session.recv().await.expect("an echo");
    assert_eq!(back.content_type(), "image/png");
    assert!(back.read().await.expect("whole") == large);
    session.close(DEADLINE).await;
    let (code, out, err) = echo.finish();
    assert_eq!(code, Some(0), "{err}");
    let echoed = events(&out)
        .into_iter()
        .filter(|event| event["event"] == "echoed");
    let lens: Vec<_> = echoed.map(|event| event["length"].as_u64()).collect();
    assert_eq!(lens, [Some(5), Some(2_000_000)]);
}

#[test]
fn tls_is_checked_against_the_authority() {
    let folder = Folder::new("tls");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    fs::write(&cert, made.cert.pem()).expect("written");
    fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let meet = |name: &str, trust: &[&str]| {
        let (offer, answer) = (
            folder.path(&format!("{name}.offer")),
            folder.path(&format!("{name}.answer")),
        );
        let receiver = Running::start(&[
            "recv",
            "--tls",
            "--cert",
            &cert,
            "--key",
            &key,
            "--ca",
            &cert,
            "--passive",
            "--offer-out",
            &offer,
            "--answer-in",
            &answer,
            "--timeout",
            "20",
        ]);
        let mut args = vec![
            "send",
            "--tls",
            "--offer-in",
            &offer,
            "--answer-out",
            &answer,
            "a secret",
        ];
        args.extend(trust);
        let sender = Running::start(&args).finish();
        if sender.0 == Some(0) {
            let (code, out, err) = receiver.finish();
            assert_eq!((code, out.as_str()), (Some(0), "a secret\n"), "{err}");
        }
        sender
    };
    let (code, _, err) = meet("trusted", &["--ca", &cert]);
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = meet("any", &["--insecure"]);
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = meet("unknown", &[]);
    assert_eq!(code, Some(3), "{err}");
}

/// The fingerprint that a command with `--json --fingerprint` tells first.
fn told_fingerprint(out: &str) -> String {
    let first = &events(out)[0];
    assert_eq!(first["event"], "fingerprint", "{out}");
    first["fingerprint"].as_str().expect("a text").to_owned()
}

#[test]
fn fingerprints_travel_in_the_sdp() {
    let folder = Folder::new("fingerprint");
    let (offer, answer) = (folder.path("offer"), folder.path("answer"));
    let tls = ["--tls", "--fingerprint", "--json"];
    let receiver = [
        &["recv", "--offer-out", &offer, "--answer-in", &answer],
        &tls[..],
    ]
    .concat();
    let receiver = Running::start(&receiver);
    let sender = [
        &[
            "send",
            "--offer-in",
            &offer,
            "--answer-out",
            &answer,
            "a secret",
        ],
        &tls[..],
    ];
    let (code, sent, err) = Running::start(&sender.concat()).finish();
    assert_eq!(code, Some(0), "{sent}{err}");
    let (code, received, err) = receiver.finish();
    assert_eq!(code, Some(0), "{received}{err}");
    let prints = (told_fingerprint(&sent), told_fingerprint(&received));
    assert_ne!(prints.0, prints.1);
    for (print, text) in [(&prints.0, &answer), (&prints.1, &offer)] {
        let text = fs::read_to_string(text).expect("the SDP");
        assert!(
            text.contains(&format!("a=fingerprint:{print}\r\n")),
            "{text}"
        );
    }

    for (out, theirs) in [(&sent, &prints.1), (&received, &prints.0)] {
        let all = events(out);
        let open = all.iter().find(|event| event["event"] == "open");
        let shown = &open.expect("it was open")["peer_certificate"];
        assert_eq!(shown["fingerprint"], **theirs);
        assert_eq!(shown["proof"], "fingerprint");
        assert_eq!(shown["subject"], "CN=anonymous.invalid");
    }

    // An answer that names another certificate: no session.
    let (offer, answer, forged) = (
        folder.path("offer2"),
        folder.path("answer2"),
        folder.path("forged"),
    );
    let receiver = [
        &[
            "recv",
            "--offer-out",
            &offer,
            "--answer-in",
            &forged,
            "--active",
        ],
        &tls[..],
    ];
    let receiver = Running::start(&receiver.concat());
    let sender = [
        &[
            "send",
            "--offer-in",
            &offer,
            "--answer-out",
            &answer,
            "a secret",
            "--passive",
        ],
        &tls[..],
    ];
    let sender = Running::start(&sender.concat());
    let deadline = Instant::now() + DEADLINE;
    while !Path::new(&answer).exists() {
        assert!(Instant::now() < deadline, "no answer");
        std::thread::sleep(Duration::from_millis(5));
    }
    let text = fs::read_to_string(&answer).expect("the answer");
    let start = text.find("a=fingerprint:").expect("a fingerprint");
    let end = start + text[start..].find('\r').expect("a line");
    let text = format!(
        "{}a=fingerprint:{}{}",
        &text[..start],
        prints.0,
        &text[end..]
    );
    fs::write(folder.path("forged.part"), text).expect("written");
    fs::rename(folder.path("forged.part"), &forged).expect("renamed");
    let (code, out, err) = receiver.finish();
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(!out.contains("a secret"), "{out}");
    sender.interrupt();
    sender.finish();
}

#[test]
fn fingerprints_travel_by_hand_too() {
    let folder = Folder::new("by-hand");
    let made: Vec<_> = ["ours", "theirs"]
        .iter()
        .map(|name| {
            let identity = msrp::Identity::anonymous().expect("made");
            let file = folder.path(&format!("{name}.pem"));
            let both = format!("{}{}", identity.cert_pem(), identity.key_pem());
            fs::write(&file, both).expect("written");
            let print = identity.fingerprint(&msrp::sdp::HashFunction::Sha256);
            (file, print.expect("known").to_string())
        })
        .collect();
    let (ours, theirs) = (folder.path("ours.path"), folder.path("theirs.path"));
    let keys = folder.path("keys");
    let to = (format!("@{theirs}"), format!("@{ours}"));
    let tls = ["--tls", "--fingerprint", "--quiet", "--peer-fingerprint"];
    let receiver = [
        &["recv", "--path-out", &ours, "--to", &to.0, "--count", "1"],
        &tls[..],
        &[&made[1].1, "--cert", &made[0].0, "--keylog", &keys],
    ];
    let receiver = Running::start(&receiver.concat());
    let sender = [
        &["send", "--path-out", &theirs, "--to", &to.1, "by hand"],
        &tls[..],
        &[&made[0].1, "--cert", &made[1].0],
    ];
    let (code, _, err) = Running::start(&sender.concat()).finish();
    assert_eq!(code, Some(0), "{err}");
    let (code, out, err) = receiver.finish();
    assert_eq!((code, out.as_str()), (Some(0), "by hand\n"), "{err}");
    let keys = fs::read_to_string(keys).expect("written");
    assert!(keys.contains("SERVER_TRAFFIC_SECRET_0 "), "{keys}");
}

#[test]
fn options_of_tls_fit_together() {
    let print = format!("sha-256 {}", vec!["AB"; 32].join(":"));
    let wrong = [
        &["--fingerprint"][..],
        &["--keylog", "keys"],
        &["--tls", "--fingerprint", "--insecure"],
        &["--tls", "--fingerprint", "--ca", "ca.pem"],
        &["--tls", "--peer-fingerprint", "sha-256 AB"],
        &["--tls", "--peer-fingerprint", "md5 AB"],
        &["--tls", "--insecure", "--peer-fingerprint", &print],
        &["--tls", "--cert", "/nowhere/cert.pem"],
    ];
    for options in wrong {
        let (code, _, err) = Running::start(&[&["recv"], options].concat()).finish();
        assert_eq!(code, Some(2), "{options:?} {err}");
    }
}

#[test]
fn known_peers_have_names_and_their_habits_options() {
    let folder = Folder::new("peer");
    let (ours, theirs) = (folder.path("ours"), folder.path("theirs"));
    let to = (format!("@{theirs}"), format!("@{ours}"));
    let receiver = Running::start(&[
        "recv",
        "--quiet",
        "--path-out",
        &ours,
        "--to",
        &to.0,
        "--count",
        "1",
        "--peer",
        "sessmatch",
    ]);
    let text = format!("Title\r\n{}\r\ntext", "-".repeat(40));
    let sender = Running::start(&[
        "send",
        "--path-out",
        &theirs,
        "--to",
        &to.1,
        "--peer",
        "opensips",
        "--pacing",
        "one",
        "--session-match",
        "uri",
        "--chunk-len",
        "100",
        "--dash-split",
        "on",
        &text,
    ]);
    let (code, _, err) = sender.finish();
    assert_eq!(code, Some(0), "{err}");
    let (code, out, err) = receiver.finish();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, format!("{text}\n"));

    let (code, _, err) = Running::start(&["recv", "--peer", "asterisk"]).finish();
    assert_eq!(code, Some(2));
    for name in [
        "strict",
        "kamailio",
        "opensips",
        "freeswitch",
        "blink",
        "doubango",
        "sessmatch",
    ] {
        assert!(err.contains(name), "{err}");
    }
    let (code, out, _) = Running::start(&["send", "--help"]).finish();
    assert_eq!(code, Some(0));
    for option in [
        "--peer <NAME>",
        "--session-match",
        "--pacing",
        "--dash-split",
        "[default: strict]",
    ] {
        assert!(out.contains(option), "{out}");
    }
}

#[test]
fn nobody_there_is_told_by_the_exit_code() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let uri = format!("msrp://{}/nobody;tcp", free.local_addr().expect("bound"));
    drop(free);
    let (code, _, err) = Running::start(&["send", "--to", &uri, "hello"]).finish();
    assert_eq!(code, Some(3), "{err}");
    let (code, out, _) =
        Running::start(&["recv", "--json", "--to", &uri, "--timeout", "0.05"]).finish();
    assert_eq!(code, Some(3));
    let events = events(&out);
    assert_eq!(events.last().expect("events")["kind"], "no_session");
    let (code, _, _) = Running::start(&["send", "--to", "sip:nobody", "hello"]).finish();
    assert_ne!(code, Some(0));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_session_in_order() {
    let folder = Folder::new("interrupt");
    let (offer, answer) = (folder.path("offer"), folder.path("answer"));
    let mut receiver = Running::start(&[
        "recv",
        "--json",
        "--offer-out",
        &offer,
        "--answer-in",
        &answer,
    ]);
    let mut sender = Running::start(&[
        "send",
        "--json",
        "--stdin",
        "--offer-in",
        &offer,
        "--answer-out",
        &answer,
    ]);
    // Standard input stays open, so this message never ends.
    let mut stdin = sender.0.stdin.take().expect("piped");
    stdin.write_all(b"never ending").expect("it listens");
    let mut lines = BufReader::new(receiver.0.stdout.take().expect("piped")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("an event").expect("text");
        serde_json::from_str(&line).expect("JSON")
    };
    while next()["event"] != "open" {}
    receiver.interrupt();
    assert_eq!(receiver.wait().code(), Some(0));
    let closed = loop {
        let event = next();
        if event["event"] == "closed" {
            break event;
        }
    };
    assert_eq!(closed["reason"], "by this side");
    // The other side has lost its peer in the middle of a message.
    let status = sender.wait();
    assert!(matches!(status.code(), Some(1 | 4)), "{status}");

    let waiting = Running::start(&["send", "--json", "hello"]);
    let mut waiting = waiting;
    let mut lines = BufReader::new(waiting.0.stdout.take().expect("piped")).lines();
    lines.next().expect("it waits for an offer").expect("text");
    waiting.interrupt();
    assert_eq!(waiting.wait().code(), Some(130));
}

#[tokio::test]
async fn words_of_the_peer_cannot_command_the_terminal() {
    let folder = Folder::new("words");
    let (offer, answer) = (folder.path("offer"), folder.path("answer"));
    let file = folder.path("film.mp4");
    fs::write(&file, octets(4_000_000)).expect("written");
    let sender = Running::start(&[
        "send",
        "--file",
        &file,
        "--offer-in",
        &offer,
        "--answer-out",
        &answer,
    ]);
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let options = SessionOptions {
        accept_types: Some(vec!["*".into()]),
        ..Default::default()
    };
    let session = engine.session(options).expect("a session");
    fs::write(&offer, session.create_offer().expect("an offer")).expect("written");
    let text = text_of(&answer, DEADLINE).await;
    session.set_remote(&text).expect("it fits");
    session.open(DEADLINE).await.expect("open");
    let message = session.recv().await.expect("a file");
    message
        .reject(msrp::StatusCode(413), "too\u{9b}2Jlong")
        .expect("refused");
    let (code, _, err) = tokio::task::spawn_blocking(|| sender.finish())
        .await
        .expect("it ends");
    assert_eq!(code, Some(4), "{err}");
    assert!(err.contains("too\u{fffd}2Jlong"), "{err:?}");
}
