//! Messages between two connections.

mod support;

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, TransferKey};
use msrp::wire::{ByteRange, Continuation, FailureReport, HeaderName, Method, StatusCode};
use msrp_conformance::covers;
use support::{Pair, S1, contents, message, octets};

#[test]
fn rfc4975_5_4_active_side_binds_with_a_bodiless_send() {
    let pair = Pair::new();
    let frames = pair.a.frames();
    let (head, body, continuation) = &frames[0];
    assert_eq!(head.method(), Some(&Method::Send));
    assert_eq!(
        (head.content_type(), head.has_body_section(), body.len()),
        (None, false, 0)
    );
    assert_eq!(head.byte_range(), Some(ByteRange::EMPTY));
    assert_eq!(*continuation, Continuation::Complete);
    assert_eq!(pair.b.frames()[0].0.status(), Some(StatusCode::OK));
    covers!("C-192", "C-194", "C-009", "C-010", "C-126", "T-49");
}

#[test]
fn rfc4975_5_4_passive_side_sends_nothing_before_the_first_request() {
    let mut pair = Pair::bare(&Limits::default());
    pair.b
        .connection
        .attach(
            pair.now,
            S1,
            support::config("b.example", "a.example", 1, false),
        )
        .expect("attached");
    pair.send_b(S1, message(Body::Whole("early".into())));
    pair.run();
    assert!(pair.b.sent.is_empty());
    pair.a
        .connection
        .attach(
            pair.now,
            S1,
            support::config("a.example", "b.example", 1, true),
        )
        .expect("attached");
    pair.run();
    assert_eq!(contents(&pair.a.take()), [(b"early".to_vec(), true)]);
    covers!("C-193");
}

#[test]
fn a_chat_line_each_way_is_acknowledged() {
    let mut pair = Pair::new();
    let ours = pair.send_a(S1, message(Body::Whole("abc".into())));
    let theirs = pair.send_b(S1, message(Body::Whole("hello\r\n".into())));
    pair.run();
    let a = pair.a.take();
    assert!(a.contains(&Event::Acknowledged(ours)), "{a:?}");
    assert_eq!(contents(&a), [(b"hello\r\n".to_vec(), true)]);
    let b = pair.b.take();
    assert!(b.contains(&Event::Acknowledged(theirs)), "{b:?}");
    assert_eq!(contents(&b), [(b"abc".to_vec(), true)]);
    let text = String::from_utf8(pair.a.sent.clone()).expect("text");
    assert!(
        text.contains("Byte-Range: 1-3/3\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------"),
        "{text}"
    );
    // No REPORT: none was asked for.
    assert!(
        pair.a
            .frames()
            .iter()
            .chain(&pair.b.frames())
            .all(|(head, ..)| !head.is_report())
    );
    covers!("C-007", "C-050", "C-108", "C-170", "C-175", "C-176");
}

#[test]
fn every_split_gives_the_same_messages() {
    let content = octets(10_000, 7);
    let mut expected: Option<Vec<u8>> = None;
    for split in [1, 2, 3, 7, 100, 2048, usize::MAX] {
        let mut pair = Pair::new();
        pair.a.split = split;
        pair.b.split = split;
        pair.send_a(S1, message(Body::Whole(content.clone().into())));
        pair.send_a(S1, message(Body::Whole("second".into())));
        pair.run();
        assert_eq!(
            contents(&pair.b.take()),
            [(content.clone(), true), (b"second".to_vec(), true)],
            "split {split}"
        );
        let sent = expected.get_or_insert_with(|| pair.a.sent.clone());
        assert_eq!(
            *sent, pair.a.sent,
            "what is sent does not depend on how it arrives"
        );
    }
    covers!("C-016");
}

#[test]
fn rfc4975_7_1_1_chunks_of_2048_have_exact_ranges_in_order() {
    let mut pair = Pair::new();
    pair.send_a(S1, message(Body::Whole(octets(5000, 3).into())));
    pair.run();
    let chunks: Vec<_> = pair
        .a
        .frames()
        .into_iter()
        .filter(|(head, ..)| head.content_type().is_some())
        .collect();
    let ranges: Vec<_> = chunks
        .iter()
        .map(|(head, body, flag)| (head.byte_range().unwrap().to_string(), body.len(), *flag))
        .collect();
    assert_eq!(
        ranges,
        [
            ("1-2048/5000".into(), 2048, Continuation::More),
            ("2049-4096/5000".into(), 2048, Continuation::More),
            ("4097-5000/5000".into(), 904, Continuation::Complete),
        ]
    );
    let ids: std::collections::HashSet<_> =
        chunks.iter().map(|(head, ..)| head.message_id()).collect();
    assert_eq!(ids.len(), 1);
    let transactions: std::collections::HashSet<_> = chunks
        .iter()
        .map(|(head, ..)| head.transaction_id())
        .collect();
    assert_eq!(transactions.len(), 3);
    covers!(
        "C-103", "C-120", "C-123", "C-124", "C-131", "C-132", "C-012", "C-121", "C-122"
    );
}

#[test]
fn rfc4975_7_1_empty_message_is_a_message_and_a_bodiless_send_is_none() {
    let mut pair = Pair::new();
    let empty = pair.send_a(S1, message(Body::Whole(Bytes::new())));
    let none = pair.send_a(S1, message(Body::None));
    pair.run();
    assert_eq!(contents(&pair.b.take()), [(Vec::new(), true)]);
    let a = pair.a.take();
    assert!(a.contains(&Event::Acknowledged(empty)) && a.contains(&Event::Acknowledged(none)));
    assert_eq!(pair.a.frames()[1].0.byte_range(), Some(ByteRange::EMPTY));
    covers!("C-011", "C-126", "C-127", "C-166", "T-21", "T-22");
}

#[test]
fn rfc4975_5_3_all_six_pairs_of_reports() {
    for failure_report in [
        FailureReport::Yes,
        FailureReport::No,
        FailureReport::Partial,
    ] {
        for success_report in [false, true] {
            let mut pair = Pair::new();
            let answers = pair.b.frames().len();
            let sent = pair.send_a(
                S1,
                msrp::proto::OutgoingMessage {
                    success_report,
                    failure_report,
                    ..message(Body::Whole(octets(3000, 1).into()))
                },
            );
            pair.run();
            assert_eq!(contents(&pair.b.take()).len(), 1);
            let a = pair.a.take();
            assert!(
                a.contains(&Event::Acknowledged(sent)),
                "{failure_report:?} {success_report}: {a:?}"
            );
            assert_eq!(a.contains(&Event::Delivered(sent)), success_report);
            let frames = pair.b.frames().split_off(answers);
            let responses = frames
                .iter()
                .filter(|(head, ..)| !head.is_request())
                .count();
            assert_eq!(
                responses,
                if failure_report == FailureReport::Yes {
                    2
                } else {
                    0
                }
            );
            let reports: Vec<_> = frames
                .iter()
                .filter(|(head, ..)| head.is_report())
                .collect();
            assert_eq!(reports.len(), usize::from(success_report));
            if let Some((report, ..)) = reports.first() {
                assert_eq!(report.byte_range().unwrap().to_string(), "1-3000/3000");
                assert_eq!(report.header(HeaderName::Status), Some(&b"000 200 OK"[..]));
                assert_eq!(report.header(HeaderName::SuccessReport), None);
            }
            // Half an hour later nothing has failed.
            pair.advance(std::time::Duration::from_secs(1800));
            assert_eq!(pair.a.take(), []);
        }
    }
    covers!(
        "C-170", "C-171", "C-172", "C-173", "C-210", "C-211", "C-214", "C-215", "C-233", "C-234",
        "T-06", "T-07", "T-08"
    );
}

#[test]
fn success_report_waits_until_the_consumer_took_the_message() {
    let mut pair = Pair::new();
    pair.b.consume = false;
    let sent = pair.send_a(
        S1,
        msrp::proto::OutgoingMessage {
            success_report: true,
            ..message(Body::Whole("x".into()))
        },
    );
    pair.run();
    let b = pair.b.take();
    let Event::Message {
        message: received, ..
    } = &b[0]
    else {
        panic!("{b:?}")
    };
    assert_eq!(
        pair.a
            .take()
            .iter()
            .filter(|event| matches!(event, Event::Delivered(_)))
            .count(),
        0
    );
    pair.command_b(S1, Command::Taken(*received));
    pair.run();
    assert!(pair.a.take().contains(&Event::Delivered(sent)));
    covers!("C-211", "T-11");
}

#[test]
fn rfc4975_7_1_body_that_holds_our_own_end_lines_arrives_unchanged() {
    // A receiver that knows every transaction id of ours in advance: replay the seed.
    let mut ids = msrp::proto::IdSource::new([1; 32]);
    let mut body = Vec::new();
    for n in 0..400 {
        let id = ids.transaction_id();
        body.extend_from_slice(format!("{n}\r\n-------{id}$\r\n-------{id}+").as_bytes());
    }
    for chunk_len in [2048, 0, 5000] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len);
        pair.send_a(S1, message(Body::Whole(body.clone().into())));
        pair.run();
        assert_eq!(
            contents(&pair.b.take()),
            [(body.clone(), true)],
            "chunk_len {chunk_len}"
        );
        for (head, chunk, _) in pair.a.frames() {
            let needle = format!("-------{}", head.transaction_id());
            assert_eq!(memchr::memmem::find(&chunk, needle.as_bytes()), None);
        }
    }
    covers!("C-013", "C-014", "C-015", "T-17", "T-18");
}

#[test]
fn a_stream_of_unknown_length_ends_without_an_empty_chunk() {
    for chunk_len in [2048, 0] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len);
        let stream = pair.send_a(S1, message(Body::Stream(None)));
        let content = octets(2048 * 3, 9);
        for part in content.chunks(1000) {
            pair.command_a(
                S1,
                Command::StreamData(stream, Bytes::copy_from_slice(part)),
            );
            pair.run();
        }
        pair.command_a(S1, Command::StreamEnd(stream));
        pair.run();
        assert_eq!(contents(&pair.b.take()), [(content, true)]);
        assert!(pair.a.take().contains(&Event::Acknowledged(stream)));
        let chunks: Vec<_> = pair
            .a
            .frames()
            .into_iter()
            .filter(|(head, ..)| head.content_type().is_some())
            .collect();
        assert!(chunks.iter().all(|(_, body, _)| !body.is_empty()));
        assert_eq!(chunks.last().unwrap().2, Continuation::Complete);
    }
    covers!("C-126");
}

#[test]
fn a_stream_that_gives_another_length_than_announced_fails_with_both_numbers() {
    for (announced, given) in [(5000, 4000), (5000, 6000)] {
        let mut pair = Pair::new();
        let stream = pair.send_a(S1, message(Body::Stream(Some(announced))));
        pair.command_a(S1, Command::StreamData(stream, octets(given, 1).into()));
        pair.run();
        pair.command_a(S1, Command::StreamEnd(stream));
        pair.run();
        let failed = Event::Failed(
            stream,
            msrp::proto::Failure::WrongLength {
                announced,
                given: given as u64,
            },
        );
        assert!(pair.a.take().contains(&failed));
        assert!(
            contents(&pair.b.take())
                .iter()
                .all(|(_, complete)| !complete)
        );
    }
}

#[test]
fn rfc4975_7_1_abort_ends_the_message_with_a_hash() {
    for chunk_len in [2048, 0] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len);
        pair.a.capacity = 3000;
        pair.a.split = 1000;
        let sent = pair.send_a(S1, message(Body::Whole(octets(1 << 20, 5).into())));
        while pair.a.sent.len() < 300_000 {
            pair.step();
        }
        pair.command_a(S1, Command::Abort(sent));
        pair.send_a(S1, message(Body::Whole("after".into())));
        pair.run();
        let a = pair.a.take();
        assert!(
            a.contains(&Event::Failed(sent, msrp::proto::Failure::Aborted)),
            "{a:?}"
        );
        let contents = contents(&pair.b.take());
        assert_eq!(contents.len(), 2);
        assert!(!contents[0].1);
        assert_eq!(contents[1], (b"after".to_vec(), true));
        assert_eq!(
            pair.a
                .frames()
                .iter()
                .filter(|(_, _, flag)| *flag == Continuation::Abort)
                .count(),
            1
        );
    }
    covers!("C-012", "C-155", "T-29");
}

#[test]
fn transfers_of_many_sizes_arrive_whole_and_in_order() {
    let mut pair = Pair::new();
    let mut expected = Vec::new();
    for n in 0..200 {
        let content = octets(n * 37 % 9000, n as u64);
        expected.push((content.clone(), true));
        assert_eq!(
            pair.send_a(S1, message(Body::Whole(content.into()))),
            TransferKey(n as u32 + 1)
        );
    }
    pair.run();
    assert_eq!(contents(&pair.b.take()), expected);
    let a = pair.a.take();
    assert_eq!(
        a.iter()
            .filter(|event| matches!(event, Event::Acknowledged(_)))
            .count(),
        200
    );
    let released: usize = a
        .iter()
        .filter_map(|event| match event {
            Event::WindowReleased(len) => Some(*len),
            _ => None,
        })
        .sum();
    assert_eq!(
        released,
        expected
            .iter()
            .map(|(content, _)| msrp::proto::send_cost(content.len()))
            .sum::<usize>()
    );
}
