//! Peers that break rules on purpose: what they can make us hold, do and believe is bounded.

mod support;

use msrp_conformance::covers;
use std::time::Duration;

use bytes::Bytes;
use msrp::proto::{Body, Event, MessageEnd, SessionKey};
use msrp::wire::StatusCode;
use support::bench::{Bench, send};
use support::{Pair, S1, message, octets};

fn chunk(id: &str, message: &str, range: &str, body: &str, flag: char) -> String {
    let headers = format!("Message-ID: {message}\r\nByte-Range: {range}\r\n");
    send(id, &headers, Some(body), flag)
}

#[test]
fn octets_that_were_sent_are_let_go() {
    for len in [1000, 60_000, 200_000] {
        let mut pair = Pair::new();
        let content = std::sync::Arc::new(octets(len, 1));
        let watch = std::sync::Arc::downgrade(&content);
        let body = Bytes::from_owner(Owned(content));
        let sent = pair.send_a(S1, message(Body::Whole(body)));
        pair.run();
        let told = pair.a.take();
        assert!(told.contains(&Event::Acknowledged(sent)));
        assert!(
            watch.upgrade().is_none(),
            "{len} octets are held after their end"
        );
    }
    covers!("T-63");
}

struct Owned(std::sync::Arc<Vec<u8>>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn rfc4975_10_5_what_was_refused_for_want_of_memory_stays_refused() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(chunk("tid1", "open", "1-4/8", "1234", '+')),
        [200]
    );
    bench.side.take();
    bench.side.connection.set_memory_pressure(true);
    assert_eq!(
        bench.codes(chunk("tid2", "more", "1-4/8", "1234", '+')),
        [413]
    );
    assert_eq!(
        bench.codes(chunk("tid3", "open", "5-6/8", "56", '+')),
        [413]
    );
    let status = StatusCode::STOP_SENDING;
    let ended = bench.side.take();
    assert!(
        matches!(ended.last(), Some(Event::MessageEnd { end: MessageEnd::Rejected(told), .. }) if *told == status),
        "{ended:?}"
    );
    // Chunks that were under way come when there is memory again.
    bench.side.connection.set_memory_pressure(false);
    assert_eq!(
        bench.codes(chunk("tid4", "more", "5-8/8", "5678", '$')),
        [413]
    );
    assert_eq!(
        bench.codes(chunk("tid5", "open", "7-8/8", "78", '$')),
        [413]
    );
    assert_eq!(bench.side.take(), []);
    assert_eq!(
        bench.codes(chunk("tid6", "next", "1-4/4", "1234", '$')),
        [200]
    );
    covers!("C-157", "C-165");
}

#[test]
fn rfc4975_10_2_a_refused_first_chunk_opens_no_message() {
    let mut bench = Bench::new();
    for n in 0..100 {
        let id = format!("mess{n}");
        assert_eq!(
            bench.codes(chunk("tid1", &id, "0-0/5", "hello", '+')),
            [400]
        );
        let far = "18446744073709551615-*/*";
        assert_eq!(bench.codes(chunk("tid1", &id, far, "hello", '+')), [400]);
    }
    assert_eq!(
        bench.codes(chunk("tid2", "good", "1-5/5", "hello", '$')),
        [200]
    );
    assert_eq!(bench.contents(), [(b"hello".to_vec(), true)]);
    bench.pass(Duration::from_secs(700));
    assert_eq!(bench.side.take(), []);
    // An open message outlives a refused chunk of it.
    assert_eq!(
        bench.codes(chunk("tid3", "m1xx", "1-2/5", "he", '+')),
        [200]
    );
    assert_eq!(
        bench.codes(chunk("tid4", "m1xx", "0-0/5", "xx", '+')),
        [400]
    );
    assert_eq!(
        bench.codes(chunk("tid5", "m1xx", "3-5/5", "llo", '$')),
        [200]
    );
    assert_eq!(bench.contents(), [(b"hello".to_vec(), true)]);
    covers!("C-060", "C-157", "C-292");
}

#[test]
fn rfc4975_7_3_1_an_end_before_octets_that_came_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(chunk("tid1", "m1xx", "1-10/*", "0123456789", '+')),
        [200]
    );
    assert_eq!(
        bench.codes(chunk("tid2", "m1xx", "3-4/4", "xx", '$')),
        [400]
    );
    assert_eq!(
        bench.codes(chunk("tid3", "m1xx", "11-12/*", "ab", '$')),
        [200]
    );
    let told = bench.contents();
    assert_eq!(told.len(), 1);
    assert!(told[0].1 && told[0].0.len() == 12, "{told:?}");
    covers!("C-156", "T-26");
}

#[test]
fn ranges_to_be_reported_are_bounded_by_the_number_of_gaps() {
    let mut bench = Bench::new();
    let mut codes = Vec::new();
    for n in 1..4000 {
        let asked = if n % 2 == 0 { "yes" } else { "no" };
        let headers =
            format!("Message-ID: m1xx\r\nByte-Range: {n}-*/*\r\nSuccess-Report: {asked}\r\n");
        codes.extend(bench.codes(send("tid1", &headers, Some("x"), '+')));
    }
    assert_eq!(codes.iter().position(|code| *code == 413), Some(2049));
    covers!("T-63");
}

#[test]
fn pieces_that_wait_for_a_gap_are_bounded_in_number() {
    let mut bench = Bench::new();
    let mut codes = Vec::new();
    for n in (2..4000).rev() {
        codes.extend(bench.codes(chunk("tid1", "m1xx", &format!("{n}-*/*"), "x", '+')));
    }
    assert_eq!(codes.iter().position(|code| *code == 413), Some(1024));
    covers!("T-63");
}

#[test]
fn chatty_sessions_do_not_starve_a_large_message() {
    for chunk_len in [0, 2048] {
        let chatty = 100;
        let mut pair = Pair::with(&Default::default(), chatty + 1, |config| {
            config.chunk_len = chunk_len;
        });
        pair.a.capacity = 64 * 1024;
        let bulk = SessionKey(chatty + 1);
        pair.send_a(bulk, message(Body::Whole(octets(1 << 20, 1).into())));
        let line = |pair: &mut Pair, n| {
            pair.send_a(SessionKey(n), message(Body::Whole(octets(1500, n).into())))
        };
        for n in 1..=chatty {
            line(&mut pair, n);
        }
        // Each of them says the next line as soon as one is written, so that it was always idle.
        let (mut large, mut small) = (0, 0);
        for _ in 0..400 {
            assert!(pair.step());
            for (key, event) in std::mem::take(&mut pair.a.events) {
                if matches!(event, Event::WindowReleased(_)) {
                    line(&mut pair, key.0);
                }
            }
            for (key, event) in std::mem::take(&mut pair.b.events) {
                match event {
                    Event::MessageBody { data, .. } if key == bulk => large += data.len(),
                    Event::Message { body, .. } => small += body.len(),
                    _ => {}
                }
            }
            if large == 1 << 20 {
                break;
            }
        }
        assert_eq!(
            large,
            1 << 20,
            "chunk_len {chunk_len}: {small} octets of the others came"
        );
        assert!(
            small > large / 2,
            "chunk_len {chunk_len}: {small} octets of the others came"
        );
    }
    covers!("C-133");
}
