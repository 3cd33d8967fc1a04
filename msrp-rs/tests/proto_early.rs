//! Requests that come before the answer was processed, and the ends of sessions in the middle of things.

mod support;

use msrp_conformance::covers;
use std::time::Duration;

use bytes::Bytes;
use msrp::proto::{Body, Command, Event, MessageEnd, SessionKey};
use support::bench::{Bench, send};
use support::{Entry, Pair, S1, config, drain, message, octets, uri};

/// A connection that holds a request for a session, and the request.
fn holding() -> Bench {
    let mut bench = Bench::bare();
    let entry = Entry::NotReady(S1);
    bench.side.table.entries.insert(uri("b.example", 1), entry);
    assert_eq!(
        bench.feed(send("tid1", "Message-ID: m1xx\r\n", Some("first"), '$')),
        ""
    );
    bench
}

#[test]
fn requests_before_the_answer_are_held_and_then_served() {
    for split in [1, 100, usize::MAX] {
        let mut bench = Bench::bare();
        bench.split = split;
        bench
            .side
            .table
            .entries
            .insert(uri("b.example", 1), Entry::NotReady(S1));
        let first = send("tid1", "Message-ID: m1xx\r\n", None, '$');
        let second = send("tid2", "Message-ID: m2xx\r\n", Some("early"), '$');
        let third = send(
            "tid3",
            "Message-ID: m3xx\r\nByte-Range: 1-*/*\r\n",
            Some("half read when it is served"),
            '$',
        );
        let (half, rest) = third.split_at(third.len() - 20);
        assert_eq!(bench.feed(format!("{first}{second}{half}")), "");
        assert_eq!(bench.side.take(), []);
        assert!(bench.side.connection.holds_early());
        bench
            .side
            .connection
            .attach(bench.now, S1, config("b.example", "a.example", 1, false))
            .unwrap();
        drain(&mut bench.side, bench.now);
        assert_eq!(bench.codes(rest), [200, 200, 200]);
        assert_eq!(
            bench.contents(),
            [
                (b"early".to_vec(), true),
                (b"half read when it is served".to_vec(), true)
            ]
        );
        assert!(!bench.side.connection.holds_early());
    }
    covers!("C-194", "S-080", "S-140");
}

#[test]
fn held_requests_end_with_481_and_the_connection() {
    let mut bench = Bench::bare();
    bench
        .side
        .table
        .entries
        .insert(uri("b.example", 1), Entry::NotReady(S1));
    assert_eq!(
        bench.feed(send("tid1", "Message-ID: m1xx\r\n", Some("early"), '$')),
        ""
    );
    let deadline = bench.side.connection.poll_timeout().expect("a deadline");
    assert_eq!(deadline - bench.now, Duration::from_secs(30));
    bench.now = deadline;
    bench.side.connection.handle_timeout(bench.now);
    assert_eq!(bench.codes(""), [481]);
    assert!(bench.closed().is_some());
    covers!("C-203");
}

#[test]
fn held_octets_are_bounded_by_pausing() {
    let mut bench = Bench::bare();
    bench
        .side
        .table
        .entries
        .insert(uri("b.example", 1), Entry::NotReady(S1));
    bench.feed(send(
        "tid1",
        "Message-ID: m1xx\r\n",
        Some(&"x".repeat(60_000)),
        '$',
    ));
    assert!(bench.side.connection.reading_allowed());
    bench.feed(send(
        "tid2",
        "Message-ID: m2xx\r\n",
        Some(&"y".repeat(60_000)),
        '$',
    ));
    assert!(!bench.side.connection.reading_allowed());
    bench
        .side
        .connection
        .attach(bench.now, S1, config("b.example", "a.example", 1, false))
        .unwrap();
    drain(&mut bench.side, bench.now);
    assert!(bench.side.connection.reading_allowed());
    assert_eq!(bench.contents().len(), 2);
}

#[test]
fn what_follows_a_held_request_is_held_behind_it() {
    // Meanwhile the directory knows more, or has given the session to this connection already.
    let ready = Entry::Ready(S1, Box::new(config("b.example", "a.example", 1, false)));
    for entry in [Some(ready), Some(Entry::Elsewhere), None] {
        let mut bench = holding();
        match entry {
            Some(entry) => bench.side.table.entries.insert(uri("b.example", 1), entry),
            None => bench.side.table.entries.remove(&uri("b.example", 1)),
        };
        let second = send("tid2", "Message-ID: m2xx\r\n", Some("second"), '$');
        assert_eq!(bench.feed(second), "");
        let ours = config("b.example", "a.example", 1, false);
        bench
            .side
            .connection
            .attach(bench.now, S1, ours)
            .expect("attached");
        drain(&mut bench.side, bench.now);
        assert_eq!(bench.codes(""), [200, 200]);
        let expected = [(b"first".to_vec(), true), (b"second".to_vec(), true)];
        assert_eq!(bench.contents(), expected);
    }
    covers!("C-194");
}

#[test]
fn held_octets_hold_no_input_blocks() {
    let (request, count) = (
        send("tid1", "Message-ID: m1xx\r\n", Some(&"x".repeat(2000)), '$'),
        500,
    );
    let mut bench = holding();
    let mut blocks = Vec::new();
    let (body, rest) = request.split_at(request.len() - count - 20);
    bench.feed(body);
    for octet in rest.as_bytes()[..count].iter().copied() {
        let block = std::sync::Arc::new(vec![octet; 65_536]);
        blocks.push(std::sync::Arc::downgrade(&block));
        let data = Bytes::from_owner(Block(block)).slice(..1);
        let side = &mut bench.side;
        side.connection
            .handle_input(bench.now, data, &mut side.table);
    }
    let held = blocks
        .iter()
        .filter(|block| block.upgrade().is_some())
        .count();
    assert!(
        held <= 1,
        "{held} blocks of 64 KiB are held for as many octets"
    );
    covers!("T-63");
}

struct Block(std::sync::Arc<Vec<u8>>);

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn rfc4975_7_2_a_request_that_is_half_read_when_its_session_ends_is_answered() {
    let body = "x".repeat(5000);
    for (headers, body, expected) in [
        ("Message-ID: m1xx\r\n", Some(&*body), "MSRP tid1 481 "),
        (
            "Message-ID: m1xx\r\nFailure-Report: no\r\n",
            Some(&*body),
            "",
        ),
        ("Message-ID: m1xx\r\n", None, "MSRP tid1 481 "),
    ] {
        let mut bench = Bench::new();
        bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
        let request = send("tid1", headers, body, '$');
        let request = match body {
            Some(_) => request,
            None => request.replace("-------", "\r\n\r\n-------"),
        };
        let (half, rest) = request.split_at(request.len() - 15);
        assert_eq!(bench.feed(half), "");
        bench
            .side
            .connection
            .handle_command(bench.now, S1, Command::CloseNow);
        drain(&mut bench.side, bench.now);
        let answer = bench.feed(rest);
        assert_eq!(answer.is_empty(), expected.is_empty(), "{answer}");
        assert!(answer.starts_with(expected), "{answer}");
        assert_eq!(
            answer.matches("MSRP").count(),
            usize::from(!expected.is_empty())
        );
        assert!(bench.closed().is_none());
    }
    covers!("C-140", "C-170");
}

#[test]
fn rfc4975_7_1_ending_a_session_gives_up_its_messages_with_a_hash() {
    for chunk_len in [0, 2048] {
        let mut pair = Pair::with(&Default::default(), 2, |config| {
            config.chunk_len = chunk_len
        });
        pair.a.capacity = 3000;
        for seed in 1..4 {
            pair.send_a(S1, message(Body::Whole(octets(1 << 20, seed).into())));
        }
        while pair.a.sent.len() < 300_000 {
            pair.step();
        }
        pair.command_a(S1, Command::CloseNow);
        pair.run();
        let aborted = |event: &Event| {
            let end = MessageEnd::Aborted;
            matches!(event, Event::MessageEnd { end: told, .. } if *told == end)
        };
        let told = pair.b.take();
        assert_eq!(
            told.iter().filter(|event| aborted(event)).count(),
            3,
            "chunk_len {chunk_len}"
        );
        // The connection and its other session live.
        let next = pair.send_a(SessionKey(2), message(Body::Whole("alive".into())));
        pair.run();
        assert!(pair.a.take().contains(&Event::Acknowledged(next)));
        pair.advance(Duration::from_secs(60));
        assert_eq!(pair.a.take(), []);
    }
    covers!("C-012", "T-29");
}

#[test]
fn each_hold_has_its_own_time() {
    let mut bench = holding();
    let ours = config("b.example", "a.example", 1, false);
    bench
        .side
        .connection
        .attach(bench.now, S1, ours)
        .expect("attached");
    bench
        .side
        .connection
        .handle_command(bench.now, S1, Command::CloseNow);
    drain(&mut bench.side, bench.now);
    bench.feed("");
    bench.pass(Duration::from_secs(20));
    assert_eq!(
        bench.feed(send("tid2", "Message-ID: m2xx\r\n", Some("again"), '$')),
        ""
    );
    let (_, sent) = bench.pass(Duration::from_secs(29));
    assert_eq!(sent, "");
    let (_, sent) = bench.pass(Duration::from_secs(1));
    assert!(sent.starts_with("MSRP tid2 481 "), "{sent}");
    covers!("C-203");
}
