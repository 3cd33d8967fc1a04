//! Who sends when, and what becomes of those whose next hop is slow: turns, interruption, end-lines in bodies,
//! back-pressure (RFC 4975 §7.1, §7.1.1; RFC 4976 §6.4.1).

mod link_support;

use std::time::Duration;

use link_support::*;
use msrp::proto::CloseReason;
use msrp::role::relay::{Hop, LinkId, Peer};
use msrp_conformance::covers;

fn to_bob() -> String {
    format!("{TOKEN} {BOB}")
}

fn chunk(tid: &str, from: &str, message: &str, range: &str, body: &[u8], end: char) -> Vec<u8> {
    let range = format!("Byte-Range: {range}\r\n");
    let mut out = begin_from(tid, &to_bob(), from, message, &range);
    out.extend_from_slice(body);
    out.extend_from_slice(format!("\r\n-------{tid}{end}\r\n").as_bytes());
    out
}

fn count(octets: &[u8], what: &str) -> usize {
    let what = what.as_bytes();
    octets
        .windows(what.len())
        .filter(|octets| *octets == what)
        .count()
}

#[test]
fn every_split_of_the_input_means_the_same() {
    let mut octets = Vec::new();
    let mixed: Vec<u8> = b"\r\n-------tid9$\r\n------".repeat(20);
    octets.extend(send("tid1", "1-5/5", b"hello", '$'));
    octets.extend(chunk("tid2", ALICE, "m2", "1-*/*", &mixed, '+'));
    octets.extend(chunk(
        "tid3",
        ALICE,
        "m2",
        &format!("{}-*/*", mixed.len() + 1),
        b"end\r\n",
        '$',
    ));
    octets.extend(
        format!("MSRP tid4 SEND\r\nTo-Path: {}\r\nFrom-Path: {ALICE}\r\nMessage-ID: m4\r\n-------tid4$\r\n", to_bob()).bytes(),
    );
    octets.extend(
        format!("MSRP tid5 REPORT\r\nTo-Path: {}\r\nFrom-Path: {ALICE}\r\nMessage-ID: m5\r\nStatus: 000 200 OK\r\n-------tid5$\r\n", to_bob()).bytes(),
    );
    octets.extend(chunk("tid6", ALICE, "m6", "1-0/0", b"", '$'));
    let whole = {
        let mut relay = Relay::pair();
        relay.say(A, &octets);
        (relay.lines(A), relay.got(B))
    };
    assert_eq!(whole.0, ["200"; 5]);
    for at in 1..octets.len() {
        let mut relay = Relay::pair();
        relay.say(A, &octets[..at]);
        relay.say(A, &octets[at..]);
        assert_eq!(relay.lines(A), whole.0, "split at {at}");
        let got = relay.got(B);
        assert_eq!(joined(&got), joined(&whole.1), "split at {at}");
        assert_eq!(got.len(), 6, "split at {at}");
    }
    let mut relay = Relay::pair();
    relay.split = 1;
    relay.say(A, &octets);
    assert_eq!(relay.lines(A), whole.0);
    assert_eq!(joined(&relay.got(B)), joined(&whole.1));
    covers!("R-127", "R-153", "R-156");
}

#[test]
fn octets_go_on_as_they_come() {
    let mut relay = Relay::pair();
    let text = chunk("tid1", ALICE, "m1", "1-*/1000000", &pattern(10), '$');
    relay.say(A, &text[..text.len() - 20]);
    assert!(relay.open(B).is_some_and(|got| got.body.len() >= 5));
    // A relay holds no chunk, however long it is.
    let mut relay = Relay::pair();
    let big = pattern(8_000_000);
    let text = chunk("tid1", ALICE, "m1", "1-*/*", &big, '$');
    relay.say(A, &text);
    assert!(relay.most_held < 200_000, "{}", relay.most_held);
    let got = relay.got(B);
    assert_eq!(got.len(), 1, "nobody interrupts it");
    assert_eq!(got[0].body, big);
    assert_eq!(got[0].text("Byte-Range"), "1-*/*");
    assert_eq!(relay.lines(A), ["200"]);
    covers!("R-140", "R-183");
}

#[test]
fn chunks_are_interrupted_for_small_traffic_and_for_responses() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    relay.side(B).takes = Some(5000);
    let big = pattern(400_000);
    relay.say(A, chunk("tid1", ALICE, "big", "1-*/400000", &big, '$'));
    relay.say(C, chunk("tid1", CAROL, "small", "1-2/2", b"hi", '$'));
    // The far end says something, too: its answer is waiting.
    let mut back = begin_from("tid7", &format!("{TOKEN} {ALICE}"), BOB, "back", "");
    back.extend_from_slice(b"ho\r\n-------tid7$\r\n");
    relay.say(B, back);
    relay.side(B).takes = None;
    relay.pump();
    let got = relay.got(B);
    let small = got.iter().position(|got| got.text("Message-ID") == "small");
    let answer = got.iter().position(|got| got.status() == Some(200));
    let before = |at: Option<usize>| -> usize {
        let at = at.expect("it came");
        got[..at].iter().map(|got| got.body.len()).sum()
    };
    let write_ahead = relay.limits.write_ahead;
    assert!(before(small) <= write_ahead + 20_000);
    assert!(before(answer) <= write_ahead + 20_000);
    let messages = joined(&got);
    assert_eq!(messages["big"], (big, '$'));
    assert_eq!(messages["small"].0, b"hi");
    let pieces: Vec<&Got> = got
        .iter()
        .filter(|got| got.text("Message-ID") == "big")
        .collect();
    assert!(pieces.len() >= 2 && pieces.len() <= 4, "{}", pieces.len());
    for piece in &pieces {
        assert!(piece.body.len() >= 2048);
        assert_eq!(piece.text("Content-Type"), "text/plain");
    }
    covers!(
        "R-150", "R-154", "R-156", "R-157", "C-128", "C-129", "C-132", "C-134"
    );
}

#[test]
fn pieces_have_ranges_where_there_was_none() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    relay.side(B).takes = Some(5000);
    let big = pattern(100_000);
    let mut text = begin_from("tid1", &to_bob(), ALICE, "big", "");
    text.extend_from_slice(&big);
    text.extend_from_slice(b"\r\n-------tid1$\r\n");
    relay.say(A, text);
    relay.say(C, chunk("tid1", CAROL, "small", "1-2/2", b"hi", '$'));
    relay.side(B).takes = None;
    relay.pump();
    let got = relay.got(B);
    let pieces: Vec<&Got> = got
        .iter()
        .filter(|got| got.text("Message-ID") == "big")
        .collect();
    assert!(pieces.len() > 1);
    let first = pieces[0].body.len() + 1;
    assert!(pieces[0].text("Byte-Range").is_empty());
    assert!(
        pieces[1]
            .text("Byte-Range")
            .starts_with(&format!("{first}-"))
    );
    assert_eq!(joined(&got)["big"].0, big);
    covers!("R-152");
}

#[test]
fn sessions_share_a_connection_fairly() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    relay.side(B).takes = Some(0);
    for (link, from, id) in [(A, ALICE, "big1"), (C, CAROL, "big2")] {
        relay.say(
            link,
            chunk("tid1", from, id, "1-*/*", &pattern(1_000_000), '$'),
        );
    }
    relay.side(B).takes = Some(600_000);
    relay.pump();
    let got = relay.got(B);
    let share = |id: &str| -> usize {
        let mine = got.iter().filter(|got| got.text("Message-ID") == id);
        mine.map(|got| got.body.len()).sum()
    };
    let (one, two) = (share("big1"), share("big2"));
    assert!(one.abs_diff(two) < 100_000, "{one} {two}");
    covers!("R-154", "C-133");
}

#[test]
fn a_line_at_a_time_does_not_starve_a_large_message() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    relay.side(B).takes = Some(0);
    relay.say(
        A,
        chunk("tid0", ALICE, "big", "1-*/*", &pattern(500_000), '$'),
    );
    for n in 0..2000 {
        let id = format!("m{n}");
        relay.say(C, chunk("tid1", CAROL, &id, "1-500/500", &[b'x'; 500], '$'));
        relay.side(B).takes = Some(1500);
        relay.pump();
    }
    let got = relay.got(B);
    let open = relay.open(B).map_or(0, |got| got.body.len());
    let big = got.iter().filter(|got| got.text("Message-ID") == "big");
    let big: usize = big.map(|got| got.body.len()).sum();
    let small = got.len();
    assert!(big + open > 400_000, "{big} {open}");
    assert!(small > 600, "{small}");
}

#[test]
fn chunks_are_neither_joined_nor_made_longer() {
    let mut relay = Relay::pair();
    relay.side(B).takes = Some(0);
    let mut expected = Vec::new();
    for n in 0..20_usize {
        let start = n * 3000 + 1;
        let end = start + 2999;
        let range = format!("{start}-{end}/60000");
        let flag = if n == 19 { '$' } else { '+' };
        relay.say(A, chunk("tid1", ALICE, "m1", &range, &pattern(3000), flag));
        expected.push(format!("SEND {start}-*/60000 3000{flag}"));
    }
    relay.side(B).takes = None;
    relay.pump();
    assert_eq!(relay.lines(B), expected);
    covers!("R-151", "R-153");
}

#[test]
fn a_trickle_is_not_made_larger_by_heads() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    let head = begin_from("tid1", &to_bob(), ALICE, "m1", "Byte-Range: 1-*/*\r\n");
    relay.say(A, &head);
    for n in 0..10_000 {
        relay.say(A, b"x");
        if n % 10 == 0 {
            relay.say(
                C,
                chunk("tid2", CAROL, &format!("m{n}"), "1-2/2", b"hi", '$'),
            );
        }
    }
    relay.say(A, b"\r\n-------tid1$\r\n");
    let got = relay.got(B);
    assert_eq!(joined(&got)["m1"].0.len(), 10_000);
    let pieces = got.iter().filter(|got| got.text("Message-ID") == "m1");
    assert!(pieces.count() <= 1001);
    // Two trickles take turns, but not with each octet; and none waits for the other for long.
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    relay.say(A, &head);
    relay.say(
        C,
        begin_from("tid1", &to_bob(), CAROL, "m2", "Byte-Range: 1-*/*\r\n"),
    );
    for _ in 0..1000 {
        relay.say(A, b"x");
        relay.say(C, b"y");
        relay.pass(Duration::from_millis(1));
    }
    relay.pass(Duration::from_millis(100));
    assert_eq!(relay.link(B).held_bytes(), 0);
    relay.say(A, b"\r\n-------tid1$\r\n");
    relay.say(C, b"\r\n-------tid1$\r\n");
    let got = relay.got(B);
    assert_eq!(joined(&got)["m1"].0.len(), 1000);
    assert_eq!(joined(&got)["m2"].0.len(), 1000);
    assert!(got.len() < 50, "{}", got.len());
}

// End-lines in bodies

#[test]
fn a_planted_end_line_stays_in_the_body() {
    // What the relay would choose, from its seed.
    let predict = |len: usize| {
        let mut relay = Relay::pair();
        relay.say(A, send("tid1", "1-*/*", &pattern(len), '$'));
        relay.got(B)[0].tid()
    };
    let inject = |tid: &str| {
        format!(
            "\r\n-------{tid}$\r\nMSRP evil SEND\r\nTo-Path: {BOB}\r\nFrom-Path: {CAROL}\r\nMessage-ID: evil\r\n-------evil$\r\n"
        )
    };
    // A short one: it cannot be cut, so it gets another transaction id.
    let tid = predict(100);
    let body = inject(&tid);
    let mut relay = Relay::pair();
    relay.say(A, send("tid1", "1-*/*", body.as_bytes(), '$'));
    let got = relay.got(B);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].body, body.as_bytes());
    assert_ne!(got[0].tid(), tid);
    // Its response is known by the new one alone.
    relay.say(B, response(&got[0], 413));
    assert_eq!(relay.got(A).len(), 2);
    // A long one: it is cut before the octet that would complete its end-line, wherever that is.
    let tid = predict(50_000);
    for at in [0, 1, 2047, 2048, 16_380, 65_000, 70_000] {
        for split in [usize::MAX, 1000] {
            let mut body = pattern(at);
            body.extend_from_slice(inject(&tid).as_bytes());
            body.extend_from_slice(&pattern(30_000));
            body.extend_from_slice(inject(&tid).as_bytes());
            let mut relay = Relay::pair();
            relay.split = split;
            relay.say(A, send("tid1", "1-*/*", &body, '$'));
            let got = relay.got(B);
            assert_eq!(joined(&got)["mess1"].0, body, "at {at}, by {split}");
            assert!(got.iter().all(|got| got.text("Message-ID") == "mess1"));
            for got in &got {
                let planted = format!("-------{}", got.tid());
                assert_eq!(count(&got.body, &planted), 0, "at {at}, by {split}");
            }
        }
    }
    // Requests of other methods have bodies, too.
    let foo = |body: &str| {
        format!(
            "MSRP tid1 FOO\r\nTo-Path: {}\r\nFrom-Path: {ALICE}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------tid1$\r\n",
            to_bob()
        )
    };
    let mut relay = Relay::pair();
    relay.say(A, foo("x"));
    let tid = relay.got(B)[0].tid();
    let mut relay = Relay::pair();
    relay.say(A, foo(&inject(&tid)));
    let got = relay.got(B);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].body, inject(&tid).as_bytes());
    covers!("R-154", "C-013", "T-18", "T-19");
}

// Slow receivers

/// The peer takes so many octets in each of the next steps of 10 ms.
fn drain(relay: &mut Relay, id: u64, rate: usize, steps: usize) {
    for _ in 0..steps {
        relay.side(id).takes = Some(rate);
        relay.pass(Duration::from_millis(10));
    }
}

#[test]
fn a_lone_session_goes_as_fast_as_its_receiver() {
    let mut relay = Relay::pair();
    relay.side(B).takes = Some(0);
    let big = pattern(4_000_000);
    relay.say(A, chunk("tid1", ALICE, "m1", "1-*/*", &big, '$'));
    let slack = relay.limits.receive_window + relay.limits.connection_slack;
    assert!(!relay.link(A).reading_allowed());
    // 100 KB/s: 40 s, most of which A is paused.
    drain(&mut relay, B, 1000, 4200);
    relay.side(B).takes = None;
    relay.pump();
    assert_eq!(joined(&relay.got(B))["m1"].0, big);
    assert_eq!(relay.lines(A), ["200"]);
    assert!(relay.most_held <= slack + 300_000, "{}", relay.most_held);
    covers!("R-158");
}

#[test]
fn a_receiver_that_takes_nothing_ends_the_message_and_then_its_connection() {
    let mut relay = Relay::pair();
    relay.say(A, chunk("tid1", ALICE, "m0", "1-2/2", b"hi", '$'));
    relay.answer(B, 200);
    relay.got(A);
    relay.side(B).takes = Some(0);
    relay.say(
        A,
        chunk("tid1", ALICE, "m1", "1-*/*", &pattern(3_000_000), '+'),
    );
    relay.pass(Duration::from_secs(25));
    assert_eq!(relay.lines(A), ["413"]);
    relay.pass(Duration::from_secs(6));
    assert_eq!(relay.close_reason(B), Some(CloseReason::WriteStall));
    assert!(relay.link(A).reading_allowed());
    assert!(relay.got(A).is_empty(), "one fault, one notice");
    covers!("R-158", "R-148");
}

#[test]
fn on_a_shared_trunk_the_slow_one_is_shed_and_the_others_go_on() {
    const T: u64 = 9;
    let mut relay = Relay::new();
    relay.connect(T, Peer::Relay("other.example".into()));
    relay.connect(B, Peer::Client);
    relay.connect(C, Peer::Client);
    relay.office.hops.insert(BOB.into(), Hop::Link(LinkId(B)));
    relay.office.hops.insert(CAROL.into(), Hop::Link(LinkId(C)));
    let to_carol = format!("{TOKEN} {CAROL}");
    let (mut chats, mut refused, mut bulk) = (0, 0, 0_usize);
    let mut longest = Duration::ZERO;
    let mut since = relay.now;
    relay.side(B).takes = Some(0);
    for step in 0..1500 {
        // 1 MB/s against 100 KB/s, in chunks of 20 000 octets; a line of chat in each.
        let start = bulk + 1;
        if relay.side(T).link.reading_allowed() {
            let range = format!("{start}-*/*");
            relay.say(
                T,
                chunk("bulk", ALICE, "bulk", &range, &pattern(20_000), '+'),
            );
            bulk += 20_000;
            let mut chat = begin_from("chat", &to_carol, ALICE, &format!("c{step}"), "");
            chat.extend_from_slice(b"hi\r\n-------chat$\r\n");
            relay.say(T, chat);
            chats += 1;
            longest = longest.max(relay.now - since);
            since = relay.now;
        }
        drain(&mut relay, B, 1000, 1);
        relay.answer(B, 200);
        relay.answer(C, 200);
        for got in relay.got(T) {
            refused += usize::from(got.tid() == "bulk" && got.status() == Some(413));
            assert!(got.tid() != "chat" || got.status() == Some(200));
        }
    }
    relay.pump();
    assert_eq!(relay.link(C).counts().discarded, 0);
    let carol = relay.side(C).octets.clone();
    assert_eq!(count(&carol, "Message-ID: c"), chats, "chat loses nothing");
    assert!(refused > 0);
    assert!(chats > 1000, "{chats}");
    assert!(longest <= Duration::from_millis(2100), "{longest:?}");
    assert_eq!(relay.link(T).counts().shed, 1);
    let slack = relay.limits.receive_window + relay.limits.connection_slack;
    assert!(relay.most_held <= slack + 300_000, "{}", relay.most_held);
    covers!("R-158", "R-153");
}

#[test]
fn a_link_is_settled_when_what_it_received_has_left() {
    let mut relay = Relay::new();
    relay.connect(A, Peer::Relay("other.example".into()));
    relay.connect(B, Peer::Host);
    relay.place(BOB, B);
    relay.side(B).takes = Some(0);
    relay.say(A, chunk("tid1", ALICE, "m1", "1-2/2", b"hi", '$'));
    assert_eq!(relay.lines(A), ["200"]);
    assert!(!relay.link(A).is_settled(), "it waits at Bob's");
    relay.side(B).takes = None;
    relay.pump();
    assert!(relay.link(A).is_settled());
    assert!(!relay.link(B).is_settled(), "no answer yet");
    relay.answer(B, 200);
    assert!(relay.link(B).is_settled());
    // In a lane that was shed it waits likewise.
    relay.side(B).takes = Some(10_000);
    relay.say(
        A,
        chunk("tid2", ALICE, "m2", "1-*/*", &pattern(3_000_000), '+'),
    );
    relay.pass(Duration::from_secs(3));
    assert_eq!(relay.lines(A), ["413"]);
    assert_eq!(relay.link(A).counts().shed, 1);
    assert!(!relay.link(A).is_settled());
    relay.side(B).takes = None;
    relay.pump();
    assert!(relay.link(A).is_settled());
    relay.lose(B);
    assert!(relay.link(A).is_settled());
    covers!("R-146");
}

#[test]
fn a_message_that_was_shed_may_be_given_up() {
    let mut relay = Relay::new();
    relay.connect(A, Peer::Relay("other.example".into()));
    relay.connect(B, Peer::Host);
    relay.place(BOB, B);
    relay.side(B).takes = Some(10_000);
    let text = chunk("tid1", ALICE, "m1", "1-*/9000000", &pattern(3_000_000), '#');
    let end = text.len() - 16;
    relay.say(A, &text[..end]);
    relay.pass(Duration::from_secs(3));
    assert_eq!(relay.lines(A), ["413"]);
    relay.say(A, &text[end..]);
    relay.side(B).takes = None;
    relay.pump();
    let got = relay.got(B);
    let flags: String = got
        .iter()
        .map(|got| char::from(got.end.as_octet()))
        .collect();
    assert_eq!(flags, "+#");
    assert!(got[1].body.is_empty());
    assert_eq!(got[1].text("Message-ID"), "m1");
    assert_eq!(got[1].text("Content-Type"), "text/plain");
    // It has been said that it failed: not again.
    for got in &got {
        relay.say(B, response(got, 413));
    }
    assert!(relay.got(A).is_empty());
    covers!("R-156", "R-148");
}

/// A SEND without a body that ends its message.
fn given_up(tid: &str, message: &str) -> String {
    format!(
        "MSRP {tid} SEND\r\nTo-Path: {}\r\nFrom-Path: {ALICE}\r\nMessage-ID: {message}\r\n\
         Byte-Range: 1-0/0\r\n-------{tid}#\r\n",
        to_bob()
    )
}

/// How the chunks of a message end that a peer gets.
fn flags(got: &[Got], message: &str) -> String {
    got.iter()
        .filter(|got| got.text("Message-ID") == message)
        .map(|got| char::from(got.end.as_octet()))
        .collect()
}

/// The receiver takes nothing, and three chunks of m0 wait for it; in the fourth one the lane is shed.
fn clog(relay: &mut Relay, patience: Duration) {
    relay.side(B).takes = Some(0);
    for n in 0..3 {
        let range = format!("{}-*/*", n * 400_000 + 1);
        relay.say(
            A,
            chunk("tid0", ALICE, "m0", &range, &pattern(400_000), '+'),
        );
    }
    assert_eq!(relay.lines(A), ["200"; 3]);
    let range = "1200001-*/*";
    let text = chunk("tid0", ALICE, "m0", range, &pattern(400_000), '+');
    let end = text.len() - 16;
    relay.say(A, &text[..end]);
    relay.pass(patience);
    relay.say(A, &text[end..]);
    assert_eq!(relay.lines(A), ["413"]);
}

#[test]
fn a_message_that_was_shed_may_be_given_up_by_another_chunk() {
    // Of m0 and m1 the receiver has something, of m2 nothing.
    for after in [false, true] {
        let mut relay = Relay::new();
        relay.connect(A, Peer::Relay("other.example".into()));
        relay.connect(B, Peer::Host);
        relay.place(BOB, B);
        relay.say(A, chunk("tid1", ALICE, "m1", "1-*/*", b"one", '+'));
        relay.answer(B, 200);
        assert_eq!(relay.lines(A), ["200"]);
        clog(&mut relay, Duration::from_secs(3));
        relay.say(A, chunk("tid3", ALICE, "m2", "1-*/*", b"two", '#'));
        let mut expected = vec!["413"];
        if after {
            relay.side(B).takes = None;
            relay.pump();
            // Not shed any more: what was refused stays so.
            relay.say(A, chunk("tid4", ALICE, "m1", "4-*/*", b"more", '#'));
            expected.push("200");
        } else {
            relay.say(A, chunk("tid4", ALICE, "m1", "4-*/*", b"more", '#'));
            expected.push("413");
        }
        relay.say(A, given_up("tid5", "m0"));
        expected.push("413");
        assert_eq!(relay.lines(A), expected);
        relay.side(B).takes = None;
        relay.pump();
        let got = relay.got(B);
        assert_eq!(flags(&got, "m0"), "+++#");
        assert_eq!(flags(&got, "m1"), "#");
        assert_eq!(flags(&got, "m2"), "");
        let last = got.last().expect("an end");
        assert!(last.body.is_empty() && last.text("Content-Type").is_empty());
        // It has been said that it failed: not again.
        relay.say(B, response(last, 413));
        assert!(relay.got(A).is_empty());
    }
    covers!("R-156", "R-148");
}

#[test]
fn a_receiver_that_is_slow_gets_no_more_for_messages_that_are_given_up() {
    let mut relay = Relay::pair();
    clog(&mut relay, Duration::from_secs(20));
    let held = relay.link(B).held_bytes();
    let long = format!("X-Long: {}\r\nByte-Range: 9-*/*\r\n", "x".repeat(4000));
    for n in 0..1000 {
        let mut chunk = begin_from("tid2", &to_bob(), ALICE, &format!("n{n}"), &long);
        chunk.extend_from_slice(b"more\r\n-------tid2#\r\n");
        relay.say(A, chunk);
    }
    assert_eq!(relay.lines(A), vec!["413"; 1000]);
    assert!(relay.link(B).held_bytes() < held + 20 * 5000);
    relay.side(B).takes = None;
    relay.pump();
    let got = relay.got(B);
    assert_eq!(flags(&got, "n0") + &flags(&got, "n15"), "##");
    assert_eq!(flags(&got, "n16"), "");
    // When it goes on, the next one has its turn.
    relay.link(A).set_memory_pressure(true);
    relay.say(A, chunk("tid3", ALICE, "n16", "9-*/*", b"more", '#'));
    assert_eq!(relay.lines(A), ["413"]);
    assert_eq!(flags(&relay.got(B), "n16"), "#");
}

#[test]
fn a_session_alone_on_its_connection_is_waited_for_longer_than_one_of_two() {
    for (others, patience) in [(false, 20_000), (true, 2000)] {
        let mut relay = Relay::pair();
        // A session that was there before, and said its last word.
        relay.say(A, chunk("tid1", CAROL, "m1", "1-2/2", b"hi", '$'));
        relay.say(A, chunk("tid1", ALICE, "m2", "1-2/2", b"hi", '$'));
        if others {
            relay.say(A, chunk("tid1", CAROL, "m3", "1-2/2", b"hi", '$'));
        }
        relay.answer(B, 200);
        relay.got(A);
        relay.side(B).takes = Some(0);
        relay.say(
            A,
            chunk("tid1", ALICE, "m4", "1-*/*", &pattern(3_000_000), '$'),
        );
        relay.pass(Duration::from_millis(patience - 1));
        assert!(relay.got(A).is_empty());
        relay.pass(Duration::from_millis(1));
        assert_eq!(relay.lines(A), ["413"]);
    }
    covers!("R-158");
}

#[test]
fn many_sessions_hold_no_more_than_few() {
    let options = msrp::role::relay::LinkOptions {
        max_outstanding: 2_000_000,
        ..Default::default()
    };
    let mut relay = Relay::with(msrp::Limits::default(), options);
    relay.join_pair();
    relay.side(B).takes = Some(0);
    // Each of them below its window, to somebody who takes nothing.
    let mut said = 0;
    for n in 0..2000 {
        if !relay.link(A).reading_allowed() {
            break;
        }
        let from = format!("msrps://a.example:9000/{}{n};tcp", "s".repeat(3000));
        relay.say(
            A,
            chunk("tid1", &from, "m1", "1-*/*", &pattern(20_000), '$'),
        );
        said += 1;
    }
    assert!(!relay.link(A).reading_allowed());
    assert!(said < 100, "{said}");
    assert!(relay.most_held < 2_200_000, "{}", relay.most_held);
}

#[test]
fn long_paths_are_bounded_where_they_are_kept() {
    let mut relay = Relay::pair();
    let mut requests = 0;
    for n in 0..300 {
        let from = format!("msrps://a.example:9000/{}{n};tcp", "s".repeat(7000));
        relay.say(
            A,
            format!(
                "MSRP tid1 FOO\r\nTo-Path: {}\r\nFrom-Path: {from}\r\n-------tid1$\r\n",
                to_bob()
            ),
        );
        requests += relay.got(B).len();
    }
    // 1 KiB each on average.
    assert!(requests < 160, "{requests}");
    let mut relay = Relay::pair();
    let mut sends = 0;
    for n in 0..1300 {
        let from = format!("msrps://a.example:9000/{}{n};tcp", "s".repeat(7000));
        relay.say(A, chunk("tid1", &from, "m1", "1-2/2", b"hi", '$'));
        sends += relay.got(B).len();
    }
    assert!(sends < 1200, "{sends}");
    assert!(relay.office.asked >= 1300);
    covers!("R-182", "R-183");
}

#[test]
fn paths_are_forgotten_when_others_remember_too_many() {
    let from = |n: usize| format!("msrps://a.example:9000/{}{n};tcp", "s".repeat(1000));
    let mut relay = Relay::pair();
    let say = |relay: &mut Relay, n: usize| {
        relay.say(A, chunk("tid1", &from(n), "m1", "1-2/2", b"hi", '$'));
        assert_eq!(relay.lines(A), ["200"]);
        relay.link(A).remembered_bytes()
    };
    for n in 0..100 {
        say(&mut relay, n);
        relay.answer(B, 200);
    }
    let before = relay.link(A).remembered_bytes();
    assert!(before > 100 * 1000);
    relay.link(A).set_paths_scarce(true);
    // One that is known costs nothing.
    assert_eq!(say(&mut relay, 99), before);
    relay.answer(B, 200);
    for n in 100..200 {
        assert!(say(&mut relay, n) < 24_000);
        relay.answer(B, 200);
    }
    // While something is under way in them, they stay.
    relay.side(B).takes = Some(0);
    for n in 200..250 {
        say(&mut relay, n);
    }
    assert!(relay.link(A).remembered_bytes() > 50 * 1000);
    relay.side(B).takes = None;
    relay.pump();
    assert_eq!(relay.answer(B, 200).len(), 50);
    relay.link(A).set_paths_scarce(false);
    for n in 250..300 {
        say(&mut relay, n);
        relay.answer(B, 200);
    }
    assert!(relay.link(A).remembered_bytes() > 100 * 1000);
    covers!("R-183");
}

#[test]
fn a_peer_that_does_not_take_its_answers_is_not_read() {
    let mut relay = Relay::pair();
    relay.side(A).takes = Some(0);
    for n in 0..40_000 {
        if !relay.link(A).reading_allowed() {
            break;
        }
        relay.say(
            A,
            chunk("tid1", ALICE, &format!("m{n}"), "1-2/2", b"hi", '$'),
        );
        relay.answer(B, 200);
    }
    assert!(!relay.link(A).reading_allowed());
    assert!(relay.link(A).held_bytes() < 17 * relay.limits.control_lane);
    relay.side(A).takes = None;
    relay.pump();
    assert!(relay.link(A).reading_allowed());
}

#[test]
fn memory_pressure_refuses_new_sends() {
    let mut relay = Relay::pair();
    relay.link(A).set_memory_pressure(true);
    relay.say(A, send("tid1", "1-2/2", b"hi", '$'));
    relay.link(A).set_memory_pressure(false);
    relay.say(A, send("tid2", "1-2/2", b"hi", '$'));
    assert_eq!(relay.lines(A), ["413", "200"]);
    assert_eq!(relay.got(B).len(), 1);
}

#[test]
fn many_sends_without_answer_wait() {
    let options = msrp::role::relay::LinkOptions {
        max_transactions: 10,
        ..Default::default()
    };
    let mut relay = Relay::with(msrp::Limits::default(), options);
    relay.join_pair();
    for n in 0..25 {
        relay.say(
            A,
            chunk("tid1", ALICE, &format!("m{n}"), "1-2/2", b"hi", '$'),
        );
    }
    assert_eq!(relay.answer(B, 200).len(), 10);
    assert_eq!(relay.answer(B, 200).len(), 10);
    assert_eq!(relay.got(B).len(), 5);
    covers!("R-183");
}

#[test]
fn lanes_that_are_not_used_are_forgotten() {
    let options = msrp::role::relay::LinkOptions {
        max_lanes: 100,
        ..Default::default()
    };
    let mut relay = Relay::with(msrp::Limits::default(), options);
    relay.join_pair();
    relay.say(A, send("tid1", "1-2/2", b"hi", '$'));
    relay.answer(B, 200);
    assert_eq!(relay.office.asked, 1);
    relay.pass(Duration::from_secs(1300));
    relay.say(A, send("tid2", "1-2/2", b"hi", '$'));
    assert_eq!(relay.office.asked, 2);
    relay.answer(B, 200);
    // And so are many, when there are too many.
    for n in 0..2000 {
        let from = format!("msrps://a.example:9000/s{n};tcp");
        relay.say(A, chunk("tid1", &from, "m1", "1-2/2", b"hi", '$'));
        assert_eq!(relay.answer(B, 200).len(), 1);
    }
    assert_eq!(relay.link(A).counts().sends, 2002);
    assert!(relay.link(A).is_settled() && relay.link(B).is_settled());
    relay.link(A).shrink();
    relay.link(B).shrink();
}

#[test]
fn what_was_counted_is_given_back() {
    let mut limits = msrp::Limits::default();
    limits.receive_window = 16 * 1024;
    limits.connection_slack = 16 * 1024;
    let mut relay = Relay::with(limits, msrp::role::relay::LinkOptions::default());
    relay.join_pair();
    let headers = "Byte-Range: 1-*/*\r\n";
    for n in 0..300 {
        let id = format!("m{n}");
        relay.say(A, chunk("tid1", ALICE, &id, "1-2/2", b"hi", '$'));
        relay.say(A, chunk("tid1", ALICE, &id, "1-0/0", b"", '$'));
        relay.say(A, chunk("tid1", ALICE, &id, "1-*/*", &pattern(5000), '+'));
        relay.say(
            A,
            format!(
                "MSRP tid1 FOO\r\nTo-Path: {}\r\nFrom-Path: {ALICE}\r\n-------tid1$\r\n",
                to_bob()
            ),
        );
        // One that is refused while it comes, and while it goes.
        let text = chunk(
            "tid1",
            ALICE,
            &format!("r{n}"),
            "1-*/*",
            &pattern(9000),
            '$',
        );
        for rest in [3000, 0] {
            relay.got(B);
            relay.say(A, &text[..text.len() - rest]);
            if let Some(open) = relay.open(B) {
                relay.say(B, response(&open, 403));
            }
            relay.say(A, &text[text.len() - rest..]);
        }
        // One whose connection is lost, in parts that it may have begun.
        relay.got(B);
        let text = [
            &begin_from("tid1", &to_bob(), ALICE, &id, headers)[..],
            &pattern(4000),
        ]
        .concat();
        relay.side(B).takes = Some(n * 20);
        relay.say(A, &text);
        if n % 2 == 0 {
            relay.say(A, b"\r\n-------tid1$\r\n");
        }
        relay.lose(B);
        if n % 2 == 1 {
            relay.say(A, b"\r\n-------tid1$\r\n");
        }
        relay.connect(B, Peer::Host);
    }
    assert!(relay.link(A).reading_allowed());
    assert_eq!(relay.link(A).counts().shed, 0);
    assert_eq!(relay.office.asked, 1);
    let lines = relay.lines(A);
    assert!(!lines.iter().any(|line| line == "413"));
    relay.pass(Duration::from_secs(60));
    assert_eq!(relay.link(A).held_bytes() + relay.link(B).held_bytes(), 0);
}

#[test]
fn many_quiet_sessions_are_never_shed() {
    let mut relay = Relay::new();
    relay.connect(A, Peer::Relay("west.example".into()));
    relay.connect(B, Peer::Relay("east.example".into()));
    relay.place(BOB, B);
    // Short of the step in which credit is given back while more is under way.
    let text = pattern(relay.limits.receive_window / 8 - 1024);
    for round in 0..2 {
        for session in 0..1500 {
            let from = format!("msrps://alice.example:9000/session{session};tcp");
            let (tid, message) = (format!("t{round}x{session}"), format!("m{round}x{session}"));
            relay.say(A, chunk(&tid, &from, &message, "1-*/*", &text, '$'));
            assert_eq!(relay.lines(A), ["200"], "session {session}");
            relay.answer(B, 200);
        }
        relay.pass(Duration::from_secs(5));
    }
    assert_eq!(relay.link(A).counts().shed, 0);
    assert!(relay.link(A).reading_allowed());
}

#[test]
fn a_lane_is_not_forgotten_while_something_of_it_is_under_way() {
    let options = msrp::role::relay::LinkOptions {
        max_lanes: 100,
        ..Default::default()
    };
    let mut relay = Relay::with(msrp::Limits::default(), options);
    relay.join_pair();
    relay.side(B).takes = Some(0);
    let text = pattern(3000);
    for n in 0..300 {
        let from = format!("msrps://a.example:9000/s{n};tcp");
        relay.say(A, chunk("tid1", &from, "m1", "1-3000/*", &text, '+'));
    }
    // Who varies its path gets no further than who does not.
    let lines = relay.lines(A);
    assert_eq!(lines.iter().filter(|line| *line == "200").count(), 100);
    assert_eq!(lines.iter().filter(|line| *line == "413").count(), 200);
    // Those that are under way go on, in order.
    for n in 0..100 {
        let from = format!("msrps://a.example:9000/s{n};tcp");
        relay.say(
            A,
            chunk("tid1", &from, &format!("n{n}"), "1-2/2", b"hi", '$'),
        );
    }
    assert_eq!(relay.lines(A), ["200"; 100]);
    relay.side(B).takes = None;
    relay.pump();
    let got = relay.answer(B, 200);
    for n in 0..100 {
        let from = format!("{TOKEN} msrps://a.example:9000/s{n};tcp");
        let of_session = got.iter().filter(|got| got.text("From-Path") == from);
        let mut messages: Vec<String> = of_session.map(|got| got.text("Message-ID")).collect();
        messages.dedup();
        assert_eq!(messages, ["m1".to_owned(), format!("n{n}")]);
    }
    // When it has left, others have their place.
    relay.say(A, send("tid9", "1-2/2", b"hi", '$'));
    assert_eq!(relay.lines(A), ["200"]);
    covers!("R-153");
}
