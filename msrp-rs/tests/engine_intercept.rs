//! A test in the middle of a live connection: `Engine::intercept`.

mod engine_support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::{self, JoinHandle};

use engine_support::{Host, pair};
use msrp::error::ErrorKind;

/// Carries octets from one end to the other, capital letters instead of `word`, until the end.
fn carry(mut from: TcpStream, mut to: TcpStream, word: &'static str) -> JoinHandle<()> {
    from.set_nonblocking(false).expect("a socket");
    to.set_nonblocking(false).expect("a socket");
    thread::spawn(move || {
        let mut block = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut block) {
            let text = String::from_utf8_lossy(&block[..len]).replace(word, &word.to_uppercase());
            to.write_all(text.as_bytes()).expect("written");
        }
        // The other side may have ended before.
        let _ = to.shutdown(Shutdown::Write);
    })
}

#[test]
fn what_passes_is_the_callers() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    let before = a.send(one, "straight");
    a.wait_acknowledged(before);

    let ends = a.engine.intercept(one).expect("a connection");
    let again = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    let out = carry(again(&ends.session_side), again(&ends.peer_side), "whisper");
    let into = carry(ends.peer_side, ends.session_side, "silence");
    let changed = a.send(one, "whisper");
    a.wait_acknowledged(changed);
    let back = b.send(two, "silence");
    b.wait_acknowledged(back);
    let bodies: Vec<_> = b
        .wait_messages(two, 2)
        .iter()
        .map(|m| m.body.clone())
        .collect();
    assert_eq!(bodies, [b"straight".to_vec(), b"WHISPER".to_vec()]);
    assert_eq!(a.wait_messages(one, 1)[0].body, b"SILENCE");

    // An end goes on as one.
    a.engine.close(one, None).expect("open");
    a.wait_closed(one);
    b.wait_closed(two);
    out.join().expect("no panic");
    into.join().expect("no panic");
}

#[test]
fn ends_that_are_dropped_end_both_sides() {
    let (a, b) = (Host::new(), Host::new());
    let (one, two) = pair(&a, &b);
    drop(b.engine.intercept(two).expect("a connection"));
    a.wait_closed(one);
    b.wait_closed(two);
}

#[test]
fn there_must_be_a_connection() {
    let a = Host::new();
    let session = a.session();
    let error = a.engine.intercept(session).expect_err("not open");
    assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");
    a.engine.close(session, None).expect("alive");
    a.wait_closed(session);
    let error = a.engine.intercept(session).expect_err("over");
    assert!(
        matches!(error.kind, ErrorKind::Gone | ErrorKind::InvalidArgument),
        "{error}"
    );
}
