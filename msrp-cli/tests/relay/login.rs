//! `msrp auth`, and sessions behind a relay.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::daemon::{Daemon, PASSWORD, SECURE, folder};
use crate::running::Running;
use crate::serve::write_certificate;
use crate::support::Folder;

/// A relay over TLS, its folder with a password and the relay's certificate, and its URI.
fn relay(name: &str) -> (Daemon, Folder, String) {
    let config = format!("{SECURE}[next_hops]\nallow = ['127.0.0.0/8']\n");
    let folder = folder(name, &config);
    write_certificate(&folder);
    fs::write(folder.path("password"), format!("{PASSWORD}\r\n")).expect("written");
    let daemon = Daemon::start(&folder, &[]);
    let uri = format!("msrps://localhost:{};tcp", daemon.addresses[0].port());
    (daemon, folder, uri)
}

/// `msrp ARGS`, with these octets on standard input.
fn run(args: &[&str], stdin: &str) -> (Option<i32>, String, String) {
    let mut running = Running::start(args);
    if !stdin.is_empty() {
        running.feed(stdin.as_bytes());
    }
    running.finish()
}

#[test]
fn rfc4976_5_1_auth_prints_the_path_that_a_relay_gives() {
    let (daemon, folder, uri) = relay("auth");
    let (ca, file) = (folder.path("relay.pem"), folder.path("password"));
    let begin = uri.replace(";tcp", "/");
    let is_path = |path: &str| path.starts_with(&begin) && path.ends_with(";tcp");

    let known = ["auth", &uri, "--user", "alice", "--ca", &ca];
    let (code, out, err) = run(&[&known[..], &["--password-file", &file]].concat(), "");
    assert_eq!(code, Some(0), "{err}");
    assert!(is_path(out.trim_end()), "{out}");
    assert_eq!(err, "good for 3600 s\n");

    let line = format!("{PASSWORD}\n");
    let wish = ["--json", "--expires", "600", "--realm", "here"];
    let (code, out, err) = run(&[&known[..], &wish].concat(), &line);
    assert_eq!(code, Some(0), "{out}{err}");
    let event: Value = serde_json::from_str(&out).expect("one line of JSON");
    assert_eq!(event["event"], "relay");
    assert_eq!(event["expires"], 600);
    let path = event["path"].as_str().expect("a path");
    assert!(is_path(path), "{path}");
    assert_eq!(event["uris"], serde_json::json!([path]));

    // The password is in no log of either side.
    let log = daemon.log();
    assert!(!log.contains(PASSWORD) && !err.contains(PASSWORD));
}

#[test]
fn each_way_not_to_log_in_has_its_exit_code() {
    let (_daemon, folder, uri) = relay("auth-fails");
    let (ca, file) = (folder.path("relay.pem"), folder.path("password"));
    let good = format!("{PASSWORD}\n");
    let known = ["--user", "alice", "--ca", &ca];
    let cases: [(&[&str], &str, i32, &str); 12] = [
        (&[&uri], "wrong\n", 4, "relay refused user name or password"),
        (
            &[&uri, "--realm", "there"],
            &good,
            4,
            "authentication that cannot be given",
        ),
        (
            &[&uri, "--expires", "1000000000"],
            &good,
            2,
            "relays[0].expires",
        ),
        (&[&uri], "", 1, "the password is empty"),
        (
            &[&uri],
            "two\nlines\n",
            1,
            "the password holds a control character",
        ),
        (
            &[&uri, "--password-file", "/nonexistent"],
            "",
            1,
            "/nonexistent: ",
        ),
        // Nobody listens there.
        (&["msrps://127.0.0.1:1;tcp"], &good, 3, "connection refused"),
        (
            &["msrps://127.0.0.1;tcp"],
            &good,
            2,
            "a numeric address in a URI needs a port",
        ),
        (
            &["msrp://127.0.0.1:1;tcp"],
            &good,
            2,
            "a relay is logged in to over TLS",
        ),
        (&["relay.example.com"], &good, 2, "expected a scheme"),
        (
            &[&uri, &uri, "--user", "bob", "--user", "carol"],
            &good,
            2,
            "--user is given 3 times for 2 relays",
        ),
        (
            &[&uri, "--password-file", &file, "--password-file", &file],
            "",
            2,
            "--password-file is given 2 times for 1 relays",
        ),
    ];
    for (args, stdin, expected, text) in cases {
        let (code, out, err) = run(&[&["auth"], args, &known].concat(), stdin);
        assert_eq!(code, Some(expected), "{args:?}: {out}{err}");
        assert!(err.contains(text), "{args:?}: {err}");
    }
    // A relay that nobody vouches for.
    let (code, _, err) = run(&["auth", &uri, "--user", "alice"], &good);
    assert_eq!(code, Some(3));
    assert!(err.contains("TLS with localhost"), "{err}");
}

#[cfg(unix)]
#[test]
fn auth_holds_the_path_until_it_is_interrupted() {
    let (daemon, folder, uri) = relay("auth-hold");
    let (ca, file) = (folder.path("relay.pem"), folder.path("password"));
    let login = ["auth", &uri, "--user", "alice", "--ca", &ca, "--hold"];
    let mut held = Running::start(&[&login[..], &["--password-file", &file]].concat());
    let mut path = String::new();
    let stdout = held.0.stdout.as_mut().expect("a pipe");
    BufReader::new(stdout).read_line(&mut path).expect("a path");
    assert_eq!(daemon.stats()["tokens"], 1);
    held.signal("INT");
    let (code, _, err) = held.finish();
    assert_eq!(code, Some(0), "{err}");
    daemon.end();
}

#[test]
fn rfc4976_5_2_send_and_recv_meet_behind_a_relay() {
    let (_daemon, folder, uri) = relay("session");
    let [offer, answer, ca, file] =
        ["offer", "answer", "relay.pem", "password"].map(|name| folder.path(name));
    let behind = |user| {
        let own = ["--relay", &uri, "--relay-user", user, "--relay-ca", &ca];
        let own = own.map(str::to_owned);
        [
            &own[..],
            &["--relay-password-file".to_owned(), file.clone()],
        ]
        .concat()
    };
    let start = |args: &[&str], user| {
        let behind = behind(user);
        let behind: Vec<_> = behind.iter().map(String::as_str).collect();
        Running::start(&[args, &behind].concat())
    };
    let rendezvous = ["--offer-out", &offer, "--answer-in", &answer];
    let receiver = start(
        &[&["recv", "--count", "1"], &rendezvous[..]].concat(),
        "bob",
    );
    let rendezvous = ["--offer-in", &offer, "--answer-out", &answer];
    let sender = start(
        &[&["--json", "send", "--report", "hello"], &rendezvous[..]].concat(),
        "alice",
    );
    let (code, sent, err) = sender.finish();
    assert_eq!(code, Some(0), "{sent}{err}");
    let (code, received, err) = receiver.finish();
    assert_eq!(code, Some(0), "{received}{err}");
    assert_eq!(received, "hello\n");

    let events = sent.lines().map(serde_json::from_str::<Value>);
    let events: Vec<_> = events.collect::<Result<_, _>>().expect("JSON");
    let relay = events.iter().find(|event| event["event"] == "relay");
    let relay = relay
        .and_then(|event| event["path"].as_str())
        .expect("a path");
    let text = fs::read_to_string(&answer).expect("the answer");
    assert!(text.contains(&format!("a=path:{relay} msrps://")), "{text}");
}

#[test]
fn a_password_and_a_rendezvous_cannot_both_come_by_standard_input() {
    let relay = [
        "--relay",
        "msrps://localhost:1;tcp",
        "--relay-user",
        "alice",
    ];
    let (code, _, err) = run(
        &[&["send", "hello", "--relay-password-file", "-"], &relay[..]].concat(),
        "",
    );
    assert_eq!(code, Some(2));
    assert!(
        err.contains("leaves no standard input for the rendezvous"),
        "{err}"
    );
    let (code, _, err) = run(&["recv", "--relay", "msrps://localhost:1;tcp"], "");
    assert_eq!(code, Some(2));
    assert!(err.contains("--relay-user"), "{err}");
}

/// Answers each request: an AUTH with a challenge, then with a URI, and with no word of the password; all else with 200.
fn serve_unproved(stream: TcpStream, port: u16) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(start) = lines.next().transpose()? {
        let (id, method) = start
            .strip_prefix("MSRP ")
            .and_then(|rest| rest.split_once(' '))
            .expect("a request");
        let mut request = Vec::new();
        while let Some(line) = lines.next().transpose()? {
            if line.starts_with(&format!("-------{id}")) {
                break;
            }
            request.push(line);
        }
        let header = |name: &str| {
            let mut values = request.iter().filter_map(|line| line.strip_prefix(name));
            values.next().map(str::to_owned)
        };
        let (status, more) = match (method, header("Authorization: ")) {
            ("AUTH", None) => {
                let challenge = "Digest realm=\"here\", nonce=\"n1\", qop=\"auth\"";
                (
                    "401 Unauthorized",
                    format!("WWW-Authenticate: {challenge}\r\n"),
                )
            }
            ("AUTH", Some(_)) => (
                "200 OK",
                format!("Use-Path: msrp://127.0.0.1:{port}/token;tcp\r\n"),
            ),
            _ => ("200 OK", String::new()),
        };
        let to = header("From-Path: ").expect("a path");
        let from = header("To-Path: ").expect("a path");
        let from = from.split(' ').next().expect("a URI");
        write!(
            answers,
            "MSRP {id} {status}\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n{more}-------{id}$\r\n"
        )?;
    }
    Ok(())
}

#[test]
fn a_relay_that_proves_nothing_is_accepted_when_that_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // It ends with the command.
            std::thread::spawn(move || serve_unproved(stream, port));
        }
    });
    let folder = folder("unproved", SECURE);
    let file = folder.path("password");
    fs::write(&file, PASSWORD).expect("written");
    let uri = format!("msrp://127.0.0.1:{port};tcp");
    let auth = ["auth", &uri, "--user", "alice", "--insecure-plain-auth"];
    let auth = [&auth[..], &["--password-file", &file]].concat();
    let send = ["send", "hello", "--to", "msrp://127.0.0.1:9/peer;tcp"];
    let relay = ["--relay", &uri, "--relay-user", "alice"];
    let plain = [
        "--relay-insecure-plain-auth",
        "--relay-password-file",
        &file,
    ];
    let path_out = folder.path("path");
    let send = [&send[..], &["--path-out", &path_out], &relay, &plain].concat();
    for (args, option) in [
        (auth, "--accept-unproved"),
        (send, "--relay-accept-unproved"),
    ] {
        let (code, out, err) = run(&args, "");
        assert_eq!(code, Some(4), "{out}{err}");
        assert!(err.contains("prove"), "{err}");
        let (code, out, err) = run(&[&args[..], &[option]].concat(), "");
        assert_eq!(code, Some(0), "{out}{err}");
    }
    let path = fs::read_to_string(&path_out).expect("a path");
    assert!(
        path.starts_with(&format!("msrp://127.0.0.1:{port}/token;tcp ")),
        "{path}"
    );
}
