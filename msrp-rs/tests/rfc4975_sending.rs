//! RFC 4975 §5.1, §7.1 and §7.1.1 as seen on the wire: what a sender writes. Message-IDs, reports, Byte-Range, chunks,
//! interruption and turns. Everything is read by the strict reader.

mod support;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, OutgoingMessage, SessionKey, TransferKey};
use msrp::wire::{FailureReport, MessageId, UriPath};
use msrp_conformance::covers;
use support::bench::{Bench, TO, report, response, send};
use support::strict::{Strict, strict};
use support::{Pair, S1, contents, message, octets};

const MIB: usize = 1 << 20;

fn with_chunk_len(chunk_len: u32) -> Pair {
    Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len)
}

/// The SENDs with a body that were sent.
fn chunks(octets: &[u8]) -> Vec<Strict> {
    let messages = strict(octets).into_iter();
    messages
        .filter(|message| message.is("SEND") && message.body.is_some())
        .collect()
}

fn len(chunk: &Strict) -> u64 {
    chunk.body.as_ref().map_or(0, Vec::len) as u64
}

/// Gives a stream its octets in parts, and ends it.
fn pour(pair: &mut Pair, stream: TransferKey, content: &[u8], part: usize) {
    for part in content.chunks(part) {
        pair.command_a(
            S1,
            Command::StreamData(stream, Bytes::copy_from_slice(part)),
        );
        pair.step();
    }
    pair.command_a(S1, Command::StreamEnd(stream));
    pair.run();
}

#[test]
fn rfc4975_7_1_requests_under_way_have_ids_of_their_own() {
    let mut pair = Pair::with(&Limits::default(), 8, |_| {});
    // Nothing is answered: all of them exist at the same time.
    pair.b.capacity = 0;
    for n in 1..=8 {
        for len in [10, 3000, 20_000] {
            pair.send_a(SessionKey(n), message(Body::Whole(octets(len, n).into())));
        }
    }
    pair.run();
    let sent = strict(&pair.a.sent);
    let ids: HashSet<_> = sent.iter().map(|message| message.id.clone()).collect();
    assert!(
        sent.len() > 100 && ids.len() == sent.len(),
        "{} of {}",
        ids.len(),
        sent.len()
    );
    // 11 letters and digits are 65 bits.
    assert!(ids.iter().all(|id| id.len() >= 11));
    covers!("C-100", "C-109");
}

#[test]
fn rfc4975_7_1_requests_go_along_the_whole_path_of_the_peer() {
    let path = "msrp://r.example:1/r;tcp msrps://p.example/p;tcp msrp://b.example:2855/s;tcp";
    let mut bench = Bench::with(|config| {
        config.remote_path = UriPath::parse(path.as_bytes(), 8).expect("a path")
    });
    bench.feed(send("tid1", "Message-ID: m1xx\r\n", None, '$'));
    bench.say(message(Body::Whole("x".repeat(5000).into())));
    let written = String::from_utf8(bench.side.sent.clone()).expect("text");
    let written = &written[written.find(" SEND\r\n").expect("a SEND")..];
    assert_eq!(
        written
            .matches(&format!("\r\nTo-Path: {path}\r\nFrom-Path: {TO}\r\n"))
            .count(),
        3,
        "{written}"
    );
    covers!("C-101");
}

#[test]
fn rfc4975_7_1_1_each_message_has_one_id_and_each_version_its_own() {
    let mut pair = Pair::new();
    for _ in 0..3 {
        pair.send_a(S1, message(Body::Whole("the same text".repeat(500).into())));
    }
    let given = MessageId::new("given-by.the+host%=").expect("an ident");
    pair.send_a(
        S1,
        OutgoingMessage {
            message_id: Some(given),
            ..message(Body::Whole(octets(7000, 1).into()))
        },
    );
    pair.run();
    let mut ids: HashMap<String, usize> = HashMap::new();
    for chunk in chunks(&pair.a.sent) {
        *ids.entry(chunk.get("Message-ID").expect("on every chunk").to_owned())
            .or_default() += 1;
    }
    assert_eq!(ids.len(), 4);
    assert!(ids.values().all(|count| *count == 4), "{ids:?}");
    assert!(ids.contains_key(given.as_str()));
    covers!("C-103", "C-105");
}

#[test]
fn rfc4975_7_1_1_reports_are_asked_for_alike_on_all_chunks() {
    for failure_report in [
        FailureReport::Yes,
        FailureReport::No,
        FailureReport::Partial,
    ] {
        for success_report in [false, true] {
            let mut pair = Pair::new();
            pair.send_a(
                S1,
                OutgoingMessage {
                    failure_report,
                    success_report,
                    ..message(Body::Whole(octets(5000, 1).into()))
                },
            );
            pair.run();
            let chunks = chunks(&pair.a.sent);
            assert_eq!(chunks.len(), 3);
            let expected = match failure_report {
                FailureReport::Yes => "yes",
                FailureReport::No => "no",
                FailureReport::Partial => "partial",
            };
            for chunk in chunks {
                assert_eq!(chunk.get("Failure-Report").unwrap_or("yes"), expected);
                assert_eq!(
                    chunk.get("Success-Report").unwrap_or("no") == "yes",
                    success_report
                );
            }
        }
    }
    covers!("C-107");
}

#[test]
fn rfc4975_7_1_1_chunks_do_not_wait_while_responses_are_late() {
    let mut pair = Pair::new();
    // The peer's responses take five seconds.
    pair.b.capacity = 0;
    let sent = pair.send_a(S1, message(Body::Whole(octets(100_000, 1).into())));
    pair.run();
    assert_eq!(chunks(&pair.a.sent).len(), 49);
    assert_eq!(contents(&pair.b.take()).len(), 1);
    assert!(!pair.a.take().contains(&Event::Acknowledged(sent)));
    pair.advance(Duration::from_secs(5));
    pair.b.capacity = usize::MAX;
    pair.run();
    assert!(pair.a.take().contains(&Event::Acknowledged(sent)));
    covers!("C-109");
}

#[test]
fn rfc4975_7_1_1_a_content_disposition_goes_along_and_none_is_made() {
    let mut pair = Pair::new();
    let given = (
        "Content-Disposition".to_owned(),
        "attachment; filename=\"a b\"".to_owned(),
    );
    pair.send_a(
        S1,
        OutgoingMessage {
            headers: vec![given.clone()],
            ..message(Body::Whole("x".into()))
        },
    );
    pair.send_a(S1, message(Body::Whole("y".into())));
    pair.run();
    let heads: Vec<_> = pair
        .b
        .take()
        .into_iter()
        .filter_map(|event| match event {
            Event::Message { head, .. } => Some(head.headers.clone()),
            _ => None,
        })
        .collect();
    // Absent means render (§7.1.1): the consumer sees that there is none.
    assert_eq!(heads, [vec![given], vec![]]);
    covers!("C-112");
}

#[test]
fn rfc4975_7_1_a_bodiless_send_is_answered_and_shown_to_nobody() {
    let mut pair = Pair::new();
    let sent = pair.send_a(S1, message(Body::None));
    pair.run();
    let written = strict(&pair.a.sent);
    let last = written.last().expect("it");
    assert!(last.body.is_none() && last.range() == (1, Some(0), Some(0)) && last.flag == '$');
    assert!(pair.a.take().contains(&Event::Acknowledged(sent)));
    assert_eq!(pair.b.take(), []);
    covers!("C-113", "C-126");
}

#[test]
fn rfc4975_7_1_1_ranges_follow_each_other_and_end_as_is_known() {
    let content = octets(20_001, 5);
    for chunk_len in [0, 100, 1000, 2048, 2049, 5000, 30_000] {
        // A whole body, a stream of known length, and one of unknown length; alone, and interrupted.
        for (source, interrupted) in [
            (0, false),
            (0, true),
            (1, false),
            (1, true),
            (2, false),
            (2, true),
        ] {
            let name = format!("chunk_len {chunk_len}, source {source}, {interrupted}");
            let mut pair = with_chunk_len(chunk_len);
            pair.a.capacity = if interrupted { 3000 } else { usize::MAX };
            let total = content.len() as u64;
            let body = match source {
                0 => Body::Whole(content.clone().into()),
                1 => Body::Stream(Some(total)),
                _ => Body::Stream(None),
            };
            let sent = pair.send_a(S1, message(body));
            if interrupted {
                for _ in 0..3 {
                    pair.send_b(S1, message(Body::Whole("answer".into())));
                }
            }
            if source > 0 {
                pour(&mut pair, sent, &content, 700);
            }
            pair.run();
            assert!(
                contents(&pair.b.take()) == [(content.clone(), true)],
                "{name}"
            );
            let chunks = chunks(&pair.a.sent);
            let mut position = 1;
            for (nth, chunk) in chunks.iter().enumerate() {
                let (start, end, total_said) = chunk.range();
                let is_last = nth + 1 == chunks.len();
                assert_eq!(start, position, "{name}");
                position += len(chunk);
                assert_eq!(chunk.flag, if is_last { '$' } else { '+' }, "{name}");
                match end {
                    Some(end) => {
                        assert_eq!(end + 1, position, "{name}");
                        assert!(len(chunk) <= 2048, "{name}: it cannot be interrupted");
                    }
                    None => assert!(chunk_len == 0 || chunk_len > 2048, "{name}"),
                }
                match (source, total_said) {
                    // Not known when the head was written.
                    (2, None) => {}
                    (_, said) => assert_eq!(said, Some(total), "{name}"),
                }
                assert!(len(chunk) > 0, "{name}: no empty chunk");
                let bound = if chunk_len == 0 {
                    u64::MAX
                } else {
                    u64::from(chunk_len)
                };
                assert!(len(chunk) <= bound, "{name}");
                // No small piece but the last (what the host asks for by a chunk length below 2048 aside).
                if !is_last {
                    assert!(len(chunk) >= bound.min(2048), "{name}: {}", len(chunk));
                }
            }
            assert_eq!(position - 1, total, "{name}");
            if chunk_len == 2048 {
                let full = chunks[..chunks.len() - 1]
                    .iter()
                    .all(|chunk| len(chunk) == 2048);
                assert!(full, "{name}");
            }
        }
    }
    covers!(
        "C-120", "C-121", "C-122", "C-123", "C-124", "C-125", "C-126", "C-128", "C-131", "C-132",
        "C-134", "T-23"
    );
}

#[test]
fn rfc4975_7_1_1_a_mebibyte_goes_in_one_chunk_or_in_pieces_of_2048() {
    for (chunk_len, count) in [(0, 1), (2048, 512)] {
        let mut pair = with_chunk_len(chunk_len);
        let content = octets(MIB, 1);
        pair.send_a(S1, message(Body::Whole(content.clone().into())));
        pair.run();
        let chunks = chunks(&pair.a.sent);
        assert_eq!(chunks.len(), count);
        let end = (chunk_len > 0).then_some(2048);
        assert_eq!(chunks[0].range(), (1, end, Some(MIB as u64)));
        assert!(
            chunks
                .iter()
                .all(|chunk| len(chunk) <= 2048 || chunk.range().1.is_none())
        );
        assert!(contents(&pair.b.take()) == [(content, true)]);
    }
    covers!("C-128", "C-130", "C-131");
}

#[test]
fn rfc4975_7_1_1_a_waiting_response_or_report_interrupts_a_chunk() {
    // 4 MiB under way over a narrow pipe; then the peer says something that is to be answered, or reported alone.
    for (failure_report, success_report) in [(FailureReport::Yes, false), (FailureReport::No, true)]
    {
        let mut pair = with_chunk_len(0);
        pair.a.capacity = 4096;
        let content = octets(4 * MIB, 1);
        pair.send_a(S1, message(Body::Whole(content.clone().into())));
        while pair.a.sent.len() < MIB {
            pair.step();
        }
        let before = pair.a.sent.len();
        let line = OutgoingMessage {
            failure_report,
            success_report,
            ..message(Body::Whole("answer me".into()))
        };
        let asked = pair.send_b(S1, line);
        let expected = match failure_report {
            FailureReport::Yes => Event::Acknowledged(asked),
            _ => Event::Delivered(asked),
        };
        let mut told = Vec::new();
        while !told.contains(&expected) {
            assert!(pair.step(), "it never comes");
            told.extend(pair.b.take());
        }
        // What was encoded already and one piece more, not the megabytes behind it.
        let further = pair.a.sent.len() - before;
        assert!(further < 128 * 1024, "{further}");
        pair.run();
        told.extend(pair.b.take());
        assert!(contents(&told) == [(content.clone(), true)]);
        let chunks = chunks(&pair.a.sent);
        assert_eq!(chunks.len(), 2, "one interruption");
        assert_eq!((chunks[0].flag, chunks[1].flag), ('+', '$'));
        assert!(len(&chunks[0]) >= 2048);
        assert_eq!(chunks[0].get("Message-ID"), chunks[1].get("Message-ID"));
        assert_ne!(chunks[0].id, chunks[1].id);
        assert_eq!(
            chunks[1].range(),
            (len(&chunks[0]) + 1, None, Some(4 * MIB as u64))
        );
    }
    covers!("C-129", "C-134", "T-24");
}

#[test]
fn rfc4975_7_1_1_two_sessions_with_10_mib_each_both_make_progress() {
    for chunk_len in [0, 2048] {
        let mut pair = Pair::with(&Limits::default(), 2, |config| config.chunk_len = chunk_len);
        pair.a.capacity = 16 * 1024;
        for n in 1..=2 {
            pair.send_a(
                SessionKey(n),
                message(Body::Whole(octets(10 * MIB, n).into())),
            );
        }
        let mut arrived = [0usize; 3];
        while arrived.iter().max() < Some(&(9 * MIB)) {
            assert!(pair.step());
            for (key, event) in pair.b.events.drain(..) {
                if let Event::MessageBody { data, .. } = event {
                    arrived[key.0 as usize] += data.len();
                }
            }
            assert!(
                arrived[1].abs_diff(arrived[2]) < 64 * 1024,
                "chunk_len {chunk_len}: {arrived:?}"
            );
            pair.a.events.clear();
            // Only what is looked at is kept.
            pair.a.sent.clear();
        }
    }
    covers!("C-133");
}

#[test]
fn rfc4975_7_1_1_reports_may_be_cut_in_any_way() {
    for ranges in [
        &["1-700/3000", "701-3000/3000"][..],
        &["2049-3000/3000", "1-2048/3000"],
        &["1-2000/*", "1000-2500/3000", "2400-3000/3000"],
        &["1-1000/3000", "1-1000/3000", "1001-3000/3000"],
        &["1-3000/3000"],
    ] {
        let mut bench = Bench::new();
        bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
        let asked = OutgoingMessage {
            success_report: true,
            ..message(Body::Whole(octets(3000, 1).into()))
        };
        let before = bench.side.sent.len();
        let transfer = support::send(&mut bench.side, bench.now, S1, asked);
        while support::write(&mut bench.side, bench.now) {}
        let sent = chunks(&bench.side.sent[before..]);
        let id = sent[0].get("Message-ID").expect("an id").to_owned();
        for chunk in &sent {
            bench.feed(response(&chunk.id, "200 OK"));
        }
        for (nth, range) in ranges.iter().enumerate() {
            assert!(
                !bench.side.take().contains(&Event::Delivered(transfer)),
                "{ranges:?} {nth}"
            );
            let headers =
                format!("Message-ID: {id}\r\nByte-Range: {range}\r\nStatus: 000 200 OK\r\n");
            bench.feed(report(&format!("rep{nth}"), TO, &headers));
        }
        assert!(
            bench.side.take().contains(&Event::Delivered(transfer)),
            "{ranges:?}"
        );
    }
    covers!("C-135", "T-09");
}

#[test]
fn rfc4975_7_1_only_send_is_chunked() {
    // Ours: REPORTs and responses end with `$` (the strict reader), however much else waits.
    let mut pair = with_chunk_len(0);
    (pair.a.capacity, pair.b.capacity) = (2000, 2000);
    for seed in 0..3 {
        for _ in 0..5 {
            let asked = OutgoingMessage {
                success_report: true,
                ..message(Body::Whole(octets(50_000, seed).into()))
            };
            pair.send_a(S1, asked);
        }
        pair.send_b(S1, message(Body::Whole(octets(200_000, seed).into())));
    }
    pair.run();
    let other: Vec<_> = strict(&pair.b.sent)
        .into_iter()
        .filter(|message| !message.is("SEND"))
        .collect();
    assert!(other.iter().filter(|message| message.is("REPORT")).count() == 15);
    assert!(other.iter().all(|message| message.flag == '$'));
    // Theirs: a REPORT with another flag is processed as a whole one.
    for flag in ['+', '#'] {
        let mut bench = Bench::new();
        bench.feed(send("tid0", "Message-ID: m0xx\r\n", None, '$'));
        let asked = OutgoingMessage {
            success_report: true,
            ..message(Body::Whole("x".into()))
        };
        let (transfer, _) = bench.say(asked);
        let sent = strict(&bench.side.sent);
        let id = sent
            .last()
            .and_then(|send| send.get("Message-ID"))
            .expect("an id");
        let headers = format!("Message-ID: {id}\r\nByte-Range: 1-1/1\r\nStatus: 000 200 OK\r\n");
        let odd = report("rep1", TO, &headers).replace("rep1$", &format!("rep1{flag}"));
        assert_eq!(bench.feed(odd), "");
        assert!(
            bench.side.take().contains(&Event::Delivered(transfer)),
            "{flag}"
        );
    }
    covers!("C-137");
}

#[test]
fn rfc4975_5_1_messages_of_one_session_are_interleaved_chunk_by_chunk() {
    for chunk_len in [0, 2048] {
        let mut pair = with_chunk_len(chunk_len);
        pair.a.capacity = 8192;
        let all: Vec<_> = (0..3).map(|seed| octets(MIB / 2, seed)).collect();
        for content in &all {
            pair.send_a(S1, message(Body::Whole(content.clone().into())));
        }
        pair.run();
        let ids: Vec<_> = chunks(&pair.a.sent)
            .iter()
            .map(|chunk| chunk.get("Message-ID").map(str::to_owned))
            .collect();
        let changes = ids.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(
            changes > 10,
            "chunk_len {chunk_len}: {changes} changes between messages"
        );
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
        let mut arrived = contents(&pair.b.take());
        arrived.sort_by_key(|(content, _)| all.iter().position(|other| other == content));
        assert!(
            arrived.iter().map(|(content, _)| content).eq(&all)
                && arrived.iter().all(|(_, whole)| *whole)
        );
    }
    covers!("C-138");
}

#[test]
fn rfc4975_10_4_responses_and_reports_have_no_timer_and_nobody_makes_a_408() {
    // Everything that an endpoint can be asked, and then a day of silence.
    let mut bench = Bench::new();
    let asked = "Success-Report: yes\r\n";
    let mut answers = String::new();
    for (n, headers) in ["", "Failure-Report: partial\r\n", "Failure-Report: no\r\n"]
        .into_iter()
        .enumerate()
    {
        let headers = format!("Message-ID: mess{n}\r\n{asked}{headers}");
        answers += &bench.feed(send("tid1", &headers, Some("hi"), '$'));
        answers +=
            &bench.feed(send("tid2", &headers, Some("hi"), '$').replace(TO, "msrp://x:1/y;tcp"));
        answers +=
            &bench.feed(send("tid3", &headers, Some("hi"), '$').replace("text/plain", "text"));
        answers += &bench.feed(send("tid4", &headers, None, '$').replace("SEND", "FOOBAR"));
    }
    answers += &bench.feed(send(
        "tid5",
        "Message-ID: part\r\nByte-Range: 1-*/9\r\n",
        Some("1"),
        '+',
    ));
    assert_eq!(answers.matches(" REPORT\r\n").count(), 3);
    let told = bench.side.take().len();
    let (_, later) = bench.pass(Duration::from_secs(24 * 3600));
    assert_eq!(later, "", "nothing is sent again, nobody is asked");
    let ended = bench.side.take();
    // The message that was left open is given up; nothing else happens, and the session lives.
    assert!(told > 0 && ended.len() == 1, "{ended:?}");
    assert!(matches!(
        ended[0],
        Event::MessageEnd {
            end: msrp::proto::MessageEnd::Idle,
            ..
        }
    ));
    assert_eq!(
        bench.codes(send("tid6", "Message-ID: m9xx\r\n", Some("hi"), '$')),
        [200]
    );
    for code in ["408", "401", "423"] {
        assert!(!answers.contains(&format!(" {code}")), "{answers}");
    }
    covers!("C-243", "T-16");
}
