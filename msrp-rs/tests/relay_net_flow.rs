//! Large and broken traffic through a relay: peers that die in the middle of a chunk or that read nothing, and what
//! others notice of it.

mod engine_support;
mod relay_net_support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use engine_support::raw::RawPeer;
use engine_support::{limits, wait_until};
use msrp::engine::EngineOptions;
use msrp_conformance::covers;
use relay_net_support::{TestRelay, chunk, header, status};

#[test]
fn rfc4976_6_4_1_a_sender_that_dies_in_mid_chunk_harms_nobody_else() {
    let relay = TestRelay::plain();
    let (mut alice, mut bob, mut carol) = (
        relay.client("alice"),
        relay.client("bob"),
        relay.client("carol"),
    );
    let (head, _) = chunk(&alice, &bob.path(), "half1111", 100_000, "");
    alice.peer.write(head.as_bytes());
    alice.peer.write(&[b'x'; 40_000]);
    // The first part is there before she goes: it is forwarded as it comes.
    let mut got = vec![0; 20_000];
    bob.peer.stream.read_exact(&mut got).expect("cut through");
    bob.peer.input = got;
    alice
        .peer
        .stream
        .shutdown(Shutdown::Both)
        .expect("she is gone");
    let request = bob.take();
    assert!(request.trim_end().ends_with('+'), "it may be resumed");
    let (_, body) = request.split_once("\r\n\r\n").expect("a body");
    let body = &body[..body.rfind("\r\n-------").expect("an end-line")];
    assert!(body == "x".repeat(40_000), "{} octets", body.len());
    carol.send(&bob.path(), "after111", "still alive?");
    assert_eq!(status(&carol.peer.frame()), "200");
    assert!(bob.take().contains("still alive?"));
    covers!("R-155");
}

#[test]
fn rfc4976_6_4_1_a_receiver_that_dies_in_mid_chunk_is_told_to_the_sender() {
    let relay = TestRelay::plain();
    let (mut alice, bob) = (relay.client("alice"), relay.client("bob"));
    let (head, end) = chunk(&alice, &bob.path(), "half2222", 100_000, "");
    alice.peer.write(head.as_bytes());
    alice.peer.write(&[b'x'; 50_000]);
    drop(bob);
    relay.wait(|stats| stats.connections == 1);
    alice.peer.write(&[b'x'; 50_000]);
    alice.peer.write(end.as_bytes());
    // Her chunk is unanswered: the failure is the answer, and there is no second notice.
    let answer = alice.peer.frame();
    assert_eq!(status(&answer), "481", "{answer}");
    let mut carol = relay.client("carol");
    carol.send(&alice.path(), "next1111", "next");
    let next = alice.take();
    assert_eq!(status(&next), "SEND", "{next}");
    covers!("R-146", "R-148");
}

#[test]
fn rfc4976_6_4_1_what_was_answered_and_is_lost_gives_a_report() {
    let relay = TestRelay::plain();
    let mut alice = relay.client("alice");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    alice.send(
        &format!("msrp://127.0.0.1:{port}/b;tcp"),
        "lost1111",
        "hello",
    );
    assert_eq!(status(&alice.peer.frame()), "200");
    let (stream, _) = listener.accept().expect("dialled");
    let mut bob = RawPeer::from_stream(stream);
    let request = bob.frame();
    assert!(request.contains("hello"));
    // It leaves without a word.
    drop(bob);
    let report = alice.peer.frame();
    assert!(
        header(&report, "Status:").starts_with("000 408"),
        "{report}"
    );
    assert_eq!(header(&report, "Byte-Range:"), "1-5/5");
    covers!("R-146", "R-147");
}

#[test]
fn rfc4976_1_a_receiver_that_reads_nothing_holds_nobody_else_up() {
    let memory = 32 << 20;
    let engine = EngineOptions {
        limits: limits(|limits| limits.engine_memory = memory),
        ..EngineOptions::default()
    };
    let relay = TestRelay::over(engine, |_| ());
    let (alice, stalled, mut bob, mut carol) = (
        relay.client("alice"),
        relay.client("stalled"),
        relay.client("bob"),
        relay.client("carol"),
    );
    let (head, _) = chunk(&alice, &stalled.path(), "bulk1111", 1 << 30, "");
    let mut stream = alice.peer.stream.try_clone().expect("a clone");
    let (sent, over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let writer = {
        let (sent, over) = (Arc::clone(&sent), Arc::clone(&over));
        thread::spawn(move || {
            stream.write_all(head.as_bytes()).expect("written");
            while !over.load(Relaxed) {
                match stream.write(&[b'x'; 64 * 1024]) {
                    Ok(len) => sent.fetch_add(len as u64, Relaxed),
                    Err(_) => return,
                };
            }
        })
    };
    // On a connection of its own it is held up by TCP, long before the relay's memory is full.
    let mut last = (0, Instant::now());
    wait_until(|| {
        let now = sent.load(Relaxed);
        if now != last.0 || now == 0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(500)
    });
    for round in 0..50 {
        carol.send(&bob.path(), &format!("chat{round:04}"), "not held up");
        assert_eq!(status(&carol.peer.frame()), "200");
        assert!(bob.take().contains("not held up"));
    }
    let stats = relay.engine.stats();
    assert!(
        stats.send_held < 4 << 20,
        "{} octets are held",
        stats.send_held
    );
    over.store(true, Relaxed);
    drop((alice, stalled));
    writer.join().expect("the writer ends");
    relay.wait(|stats| stats.connections == 2);
    wait_until(|| relay.engine.stats().send_held == 0);
    covers!("R-158");
}
