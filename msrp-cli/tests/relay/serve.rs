//! A relay that serves: who gets in, who does not, and what is passed on.

use std::fs;
use std::net::TcpListener;

use msrp_conformance::covers;

use crate::client::{Client, header, status};
use crate::daemon::{Daemon, PASSWORD, PLAIN, SECURE, folder};
use crate::running::Running;
use crate::support::Folder;

/// A folder with a configuration for TLS, and the certificate.
fn secure_folder(name: &str, config: &str) -> (Folder, String) {
    let folder = folder(name, config);
    let pem = write_certificate(&folder);
    (folder, pem)
}

/// A certificate for `localhost` and its key; gives the certificate.
pub(crate) fn write_certificate(folder: &Folder) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).expect("made");
    fs::write(folder.path("relay.pem"), made.cert.pem()).expect("written");
    fs::write(folder.path("relay.key"), made.signing_key.serialize_pem()).expect("written");
    made.cert.pem()
}

/// Alice sends Bob a message through the relay, and Bob answers.
fn talk(alice: &mut Client, bob: &mut Client) {
    let (own, other) = (alice.log_in("alice", PASSWORD), bob.log_in("bob", PASSWORD));
    let to = format!("{own} {other} {}", bob.own);
    alice.send(&to, "first1", "Hello, Bob");
    assert_eq!(status(&alice.frame()), "200");
    let request = bob.frame();
    assert_eq!(status(&request), "SEND");
    assert!(request.contains("\r\n\r\nHello, Bob\r\n"), "{request}");
    assert_eq!(header(&request, "To-Path"), bob.own);
    let from = format!("{other} {own} {}", alice.own);
    assert_eq!(header(&request, "From-Path"), from);
    bob.answer(&request, "200 OK");
}

#[test]
fn two_clients_talk_through_it() {
    let folder = folder("talk", PLAIN);
    let daemon = Daemon::start(&folder, &[]);
    let [address] = daemon.addresses[..] else {
        panic!("one listener");
    };
    let (mut alice, mut bob) = (Client::plain(address), Client::plain(address));
    talk(&mut alice, &mut bob);
    #[cfg(unix)]
    {
        let stats = daemon.stats();
        assert_eq!(stats["connections"], 2);
        assert_eq!(stats["tokens"], 2);
        assert_eq!(stats["auth_granted"], 2);
        daemon.end();
    }
}

#[test]
fn two_clients_talk_through_it_over_tls() {
    let (folder, pem) = secure_folder("tls", SECURE);
    let daemon = Daemon::start(&folder, &[]);
    let address = daemon.addresses[0];
    let (mut alice, mut bob) = (Client::secure(address, &pem), Client::secure(address, &pem));
    talk(&mut alice, &mut bob);
    let token = Client::secure(address, &pem).log_in("alice", PASSWORD);
    let begin = format!("msrps://localhost:{}/", address.port());
    assert!(token.starts_with(&begin), "{begin}");
    #[cfg(unix)]
    daemon.end();
}

#[test]
fn a_listener_without_tls_lets_nobody_log_in_by_default() {
    let config = format!("{SECURE}[[listen]]\naddress = '127.0.0.1:0'\ntls = false\n");
    let (folder, pem) = secure_folder("no-plain", &config);
    let daemon = Daemon::start(&folder, &[]);
    let [secure, plain] = daemon.addresses[..] else {
        panic!("two listeners");
    };
    let mut alice = Client::plain(plain);
    let answer = alice.auth("alice", PASSWORD);
    assert_eq!(status(&answer), "403", "{answer}");
    assert!(!answer.contains("WWW-Authenticate"), "{answer}");
    alice.wait_closed();

    // It is for those who come to her without a relay of their own.
    let mut alice = Client::secure(secure, &pem);
    let token = alice.log_in("alice", PASSWORD);
    let mut bob = Client::plain(plain);
    bob.send(&format!("{token} {}", alice.own), "bobs01", "Hello, Alice");
    assert_eq!(status(&bob.frame()), "200");
    assert!(alice.frame().contains("Hello, Alice"));
    covers!("R-086", "R-087");
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same_and_end_the_connection() {
    let folder = folder("wrong", PLAIN);
    let daemon = Daemon::start(&folder, &[]);
    let answers = ["alice", "nobody"].map(|user| {
        let mut client = Client::plain(daemon.addresses[0]);
        let answer = client.auth(user, "wrong");
        assert_eq!(status(&answer), "401");
        assert!(!answer.contains("stale"), "{answer}");
        // All but the nonce and what names the connection.
        let nonce = header(&answer, "WWW-Authenticate");
        let nonce = nonce
            .split("nonce=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let answer = answer.replace(nonce.expect("a nonce"), "NONCE");
        answer.replace(&client.own, "OWN")
    });
    assert_eq!(answers[0], answers[1]);

    let mut client = Client::plain(daemon.addresses[0]);
    for _ in 0..5 {
        assert_eq!(status(&client.auth("alice", "wrong")), "401");
    }
    client.wait_closed();
    covers!("R-092", "R-101", "R-201");
}

#[test]
fn who_does_not_log_in_in_time_is_closed() {
    let folder = folder("probation", &format!("probation.time = 1\n{PLAIN}"));
    let daemon = Daemon::start(&folder, &[]);
    let mut good = Client::plain(daemon.addresses[0]);
    good.log_in("alice", PASSWORD);
    let mut silent = Client::plain(daemon.addresses[0]);
    silent.wait_closed();
    let mut bad = Client::plain(daemon.addresses[0]);
    bad.auth("alice", "wrong");
    bad.wait_closed();
    // Whoever has logged in stays.
    good.log_in("alice", PASSWORD);
    covers!("R-089", "R-090");
}

#[test]
fn bounds_hold() {
    let limits =
        "[limits]\nuris_per_user = 2\nuris_per_connection = 2\nnew_connections_per_address = 2\n";
    let folder = folder("bounds", &format!("{PLAIN}{limits}"));
    let daemon = Daemon::start(&folder, &[]);
    let mut alice = Client::plain(daemon.addresses[0]);
    alice.log_in("alice", PASSWORD);
    alice.log_in("alice", PASSWORD);
    let answer = alice.auth("alice", PASSWORD);
    assert_eq!(status(&answer), "403", "{answer}");
    // The oldest of those who have not logged in goes; who has is not counted.
    let mut new = [(); 3].map(|()| Client::plain(daemon.addresses[0]));
    new[0].wait_closed();
    new[1].log_in("bob", PASSWORD);
    new[2].log_in("bob", PASSWORD);
}

#[test]
fn whoever_may_log_in_cannot_drive_the_others_out() {
    let limits = "[limits]\nconnections_per_address = 3\n";
    let folder = folder("crowd", &format!("{PLAIN}{limits}"));
    let daemon = Daemon::start(&folder, &[]);
    let mut clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = Client::plain(daemon.addresses[0]);
            client.log_in("alice", PASSWORD);
            client
        })
        .collect();
    // The first one is used again: the second is then the one unused longest.
    clients[0].log_in("alice", PASSWORD);
    let mut more = Client::plain(daemon.addresses[0]);
    more.log_in("bob", PASSWORD);
    clients[1].wait_closed();
    clients[0].log_in("alice", PASSWORD);
    clients[2].log_in("alice", PASSWORD);
}

#[test]
fn lifetimes_are_those_of_the_configuration() {
    let folder = folder(
        "lifetime",
        &format!("uris = {{ lifetime = 120, min_lifetime = 100, max_lifetime = 200 }}\n{PLAIN}"),
    );
    let daemon = Daemon::start(&folder, &[]);
    let mut alice = Client::plain(daemon.addresses[0]);
    let answer = alice.auth("alice", PASSWORD);
    assert_eq!(header(&answer, "Expires"), "120");
    covers!("R-106", "R-118");
}

#[test]
fn what_is_not_everybodys_is_reached_only_if_it_is_listed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let allow = "[next_hops]\nallow = [\"127.0.0.0/8\"]\n";
    for (name, config, code) in [
        ("next-hop", PLAIN.to_owned(), None),
        ("no-next-hop", PLAIN.replace(allow, ""), Some("000 403")),
    ] {
        let folder = folder(name, &config);
        let daemon = Daemon::start(&folder, &[]);
        let mut alice = Client::plain(daemon.addresses[0]);
        let token = alice.log_in("alice", PASSWORD);
        alice.send(
            &format!("{token} msrp://127.0.0.1:{port}/x;tcp"),
            "away01",
            "hello",
        );
        assert_eq!(status(&alice.frame()), "200");
        match code {
            None => {
                listener.accept().expect("a connection");
            }
            Some(code) => {
                let report = alice.frame();
                assert!(header(&report, "Status").starts_with(code), "{report}");
            }
        }
    }
}

#[test]
fn algorithms_are_offered_as_the_configuration_says() {
    let folder = folder(
        "algorithms",
        &PLAIN.replace("look =", "algorithms = ['sha-256', 'md5']\nlook ="),
    );
    let daemon = Daemon::start(&folder, &[]);
    let mut client = Client::plain(daemon.addresses[0]);
    let answer = client.auth("alice", "wrong");
    assert_eq!(status(&answer), "401");
    let challenges: Vec<_> = answer
        .lines()
        .filter(|line| line.starts_with("WWW-Authenticate: "))
        .collect();
    assert_eq!(challenges.len(), 2, "{answer}");
    assert!(challenges[0].contains("algorithm=SHA-256"), "{answer}");
    client.log_in("alice", PASSWORD);
    // Without a name it is MD5.
    assert!(!challenges[1].contains("algorithm"), "{answer}");
    covers!("R-071", "R-074");
}

#[test]
fn what_keeps_it_from_starting_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("bound").to_string();
    for (name, config, users, told) in [
        (
            "taken",
            PLAIN.replace("127.0.0.1:0", &taken),
            "",
            format!("cannot listen on {taken}: "),
        ),
        (
            "wrong",
            PLAIN.replace("tls = false", "tls = 0"),
            "",
            "relay.toml:6: error: listen.tls: ".into(),
        ),
        (
            "users",
            PLAIN.to_owned(),
            "alice:here\n",
            "users:1: error: expected user:realm:digits".into(),
        ),
    ] {
        let folder = folder(&format!("start-{name}"), &config);
        fs::write(folder.path("users"), users).expect("written");
        let config = folder.path("relay.toml");
        let (code, out, err) = Running::start(&["relay", "--config", &config]).finish();
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        assert!(err.contains(&told), "{told:?} is not in {err}");
    }
    let (code, _, err) = Running::start(&["relay"]).finish();
    assert_eq!(code, Some(2), "{err}");
    let (code, _, err) = Running::start(&["relay", "--config", "/nowhere.toml"]).finish();
    assert_eq!(code, Some(1), "{err}");
}
