//! A relay and its operator: users and certificates that change, signals, the end.

use std::fs;
use std::net::TcpListener;

use crate::client::{Client, shows, status};
use crate::daemon::{Daemon, PASSWORD, PLAIN, SECURE, folder, replace, write_users};
use crate::serve::write_certificate;

#[test]
fn users_are_read_again_when_they_change() {
    let folder = folder("reload", PLAIN);
    write_users(&folder, &["alice"]);
    let daemon = Daemon::start(&folder, &[]);
    let mut alice = Client::plain(daemon.addresses[0]);
    let mut bob = Client::plain(daemon.addresses[0]);
    let token = alice.log_in("alice", PASSWORD);
    assert_eq!(status(&bob.auth("bob", PASSWORD)), "401");

    write_users(&folder, &["bob"]);
    let event = daemon.next_of("users");
    assert_eq!((&event["users"], &event["revoked"]), (&1.into(), &1.into()));
    let other = bob.log_in("bob", PASSWORD);
    // Who is not in it any more has lost his URIs.
    let to = format!("{token} {other} {}", bob.own);
    alice.send(&to, "gone01", "hello");
    assert_eq!(status(&alice.frame()), "481");

    // What cannot be used changes nothing.
    replace(&folder, "users", "alice:here\nbob:here:12345\n");
    daemon.wait_log("the users of before stay");
    daemon.wait_log("users:1: expected user:realm:digits");
    daemon.wait_log("users:2: expected 32 hexadecimal digits");
    assert!(!daemon.log().contains("12345"));
    bob.log_in("bob", PASSWORD);
    daemon.end();
}

#[test]
fn a_signal_reads_users_and_certificates_again() {
    let config = SECURE.replace("look = 0.02", "look = 0");
    let folder = folder("hangup", &config);
    let old = write_certificate(&folder);
    let daemon = Daemon::start(&folder, &[]);
    let address = daemon.addresses[0];
    let mut alice = Client::secure(address, &old);
    alice.log_in("alice", PASSWORD);

    let new = write_certificate(&folder);
    write_users(&folder, &["alice", "carol"]);
    daemon.signal("HUP");
    daemon.next_of("certificates");
    assert_eq!(daemon.next_of("users")["users"], 2);
    assert!(shows(address, &new) && !shows(address, &old));
    Client::secure(address, &new).log_in("carol", PASSWORD);
    // A connection that is there lives on.
    alice.log_in("alice", PASSWORD);

    fs::write(folder.path("relay.pem"), "nothing").expect("written");
    daemon.signal("HUP");
    daemon.next_of("users");
    daemon.wait_log("the certificates of before stay: ");
    assert!(shows(address, &new));
    daemon.end();
}

#[test]
fn it_ends_in_order() {
    for signal in ["TERM", "INT"] {
        let folder = folder(&format!("end-{signal}"), PLAIN);
        let daemon = Daemon::start(&folder, &[]);
        let mut alice = Client::plain(daemon.addresses[0]);
        alice.log_in("alice", PASSWORD);
        daemon.signal(signal);
        assert_eq!(daemon.next_of("draining")["deadline"], 30.0);
        alice.wait_closed();
        let (status, events, log) = daemon.finish();
        assert_eq!(status.code(), Some(0), "{log}");
        assert_eq!(events[0]["event"], "stats");
        assert_eq!(events[0]["auth_granted"], 1);
        assert_eq!(events[1]["event"], "closed");
        assert_eq!(events[1]["in_time"], true);
    }
}

/// A peer that takes connections and reads nothing, and a client with octets under way to it.
fn stuck(daemon: &Daemon) -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let mut alice = Client::plain(daemon.addresses[0]);
    let token = alice.log_in("alice", PASSWORD);
    let (own, to) = (
        alice.own.clone(),
        format!("{token} msrp://127.0.0.1:{port}/x;tcp"),
    );
    // A chunk that never ends.
    alice.write(&format!(
        "MSRP stuck1 SEND\r\nTo-Path: {to}\r\nFrom-Path: {own}\r\nMessage-ID: m1\r\nByte-Range: 1-*/*\r\n\
         Content-Type: text/plain\r\n\r\n{}",
        "x".repeat(10_000)
    ));
    let (_stream, _) = listener.accept().expect("a connection");
    (listener, alice)
}

#[test]
fn what_does_not_end_is_cut_at_the_deadline() {
    let folder = folder("deadline", &format!("shutdown.deadline = 0.5\n{PLAIN}"));
    let daemon = Daemon::start(&folder, &[]);
    let (_listener, mut alice) = stuck(&daemon);
    daemon.signal("TERM");
    alice.wait_closed();
    let (status, events, log) = daemon.finish();
    assert_eq!(status.code(), Some(4), "{events:?} {log}");
    assert_eq!(events.last().expect("events")["in_time"], false);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = folder("twice", PLAIN);
    let daemon = Daemon::start(&folder, &[]);
    let (_listener, _alice) = stuck(&daemon);
    daemon.signal("TERM");
    daemon.next_of("draining");
    daemon.signal("TERM");
    let (status, _, log) = daemon.finish();
    assert_eq!(status.code(), Some(130), "{log}");
}

#[test]
fn an_output_that_nobody_reads_ends_nothing() {
    let folder = folder("output", PLAIN);
    let daemon = Daemon::start(&folder, &["-vv"]);
    daemon.close_outputs();
    daemon.signal("USR1");
    daemon.signal("HUP");
    let mut alice = Client::plain(daemon.addresses[0]);
    for _ in 0..3 {
        alice.log_in("alice", PASSWORD);
    }
    daemon.signal("TERM");
    let (status, _, _) = daemon.finish();
    assert_eq!(status.code(), Some(0));
}
