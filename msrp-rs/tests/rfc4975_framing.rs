//! RFC 4975 §5.1, §7.1, §7.2 and §9 as seen on the wire: start lines, end-lines, bodies, and what stands between two
//! messages. Each test does what a line of the catalogue says and looks for the reaction in its last column.

mod support;

use std::collections::HashSet;

use msrp::limits::Limits;
use msrp::proto::{
    Body, CloseReason, Command, Event, Failure, IdSource, MessageEnd, OutgoingMessage, SessionKey,
};
use msrp::wire::{FailureReport, StatusCode};
use msrp_conformance::covers;
use support::bench::{Bench, FROM, TO, report, response, send};
use support::strict::{Strict, strict};
use support::{Pair, S1, contents, message, octets};

/// A bound session on a bench, with the answer to the first request thrown away.
fn bound() -> Bench {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(send("tid0", "Message-ID: m0xx\r\n", None, '$')),
        [200]
    );
    bench.side.take();
    bench
}

fn steps(pair: &mut Pair, count: usize) {
    for _ in 0..count {
        pair.step();
    }
}

fn is_ident(text: &str) -> bool {
    let mut octets = text.bytes();
    (4..=32).contains(&text.len())
        && octets
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric())
        && octets.all(|octet| octet.is_ascii_alphanumeric() || b".-+%=".contains(&octet))
}

/// Traffic of every kind that a connection writes, for this chunk length.
fn everything(chunk_len: u32) -> Pair {
    let mut pair = Pair::with(&Limits::default(), 2, |config| {
        config.chunk_len = chunk_len;
        config.max_size = Some(400_000);
    });
    pair.a.capacity = 16 * 1024;
    pair.b.capacity = 16 * 1024;
    let headers = vec![
        ("X-Extension".to_owned(), "some value".to_owned()),
        (
            "Content-Disposition".to_owned(),
            "render;handling=optional".to_owned(),
        ),
        ("content-id".to_owned(), "<part@a.example>".to_owned()),
    ];
    for failure_report in [
        FailureReport::Yes,
        FailureReport::No,
        FailureReport::Partial,
    ] {
        for success_report in [false, true] {
            for len in [0, 1, 2048, 5000, 100_000] {
                let told = OutgoingMessage {
                    headers: headers.clone(),
                    success_report,
                    failure_report,
                    ..message(Body::Whole(octets(len, len as u64).into()))
                };
                pair.send_a(S1, told);
            }
        }
    }
    pair.send_a(
        S1,
        OutgoingMessage {
            headers: headers.clone(),
            ..message(Body::None)
        },
    );
    for total in [Some(9000), None] {
        let stream = pair.send_a(SessionKey(2), message(Body::Stream(total)));
        for part in octets(9000, 4).chunks(700) {
            let part = bytes::Bytes::copy_from_slice(part);
            pair.command_a(SessionKey(2), Command::StreamData(stream, part));
        }
        pair.command_a(SessionKey(2), Command::StreamEnd(stream));
    }
    let given_up = pair.send_a(
        SessionKey(2),
        message(Body::Whole(octets(300_000, 6).into())),
    );
    for n in 0..40 {
        // Responses that interrupt.
        pair.send_b(S1, message(Body::Whole(octets(20 * n, 1).into())));
        steps(&mut pair, 10);
    }
    pair.command_a(SessionKey(2), Command::Abort(given_up));
    // Refused by the other side.
    pair.send_a(S1, message(Body::Whole(octets(500_000, 8).into())));
    pair.run();
    let complete = contents(&pair.b.take())
        .iter()
        .filter(|(_, complete)| *complete)
        .count();
    assert!(complete >= 30, "{complete}");
    pair
}

#[test]
fn rfc4975_9_everything_that_is_written_is_of_the_grammar() {
    for chunk_len in [0, 2048, 5000] {
        let pair = everything(chunk_len);
        // The strict reader panics where an octet is not as the RFC has it; it takes no CRLF between two messages.
        let (a, b) = (strict(&pair.a.sent), strict(&pair.b.sent));
        assert!(a.len() > 100 && b.len() > 100, "{} {}", a.len(), b.len());
        for message in a.iter().chain(&b) {
            for name in ["To-Path", "From-Path"] {
                assert_eq!(
                    message.get(name).map(|path| path.split(' ').count()),
                    Some(1)
                );
            }
        }
        let sends: Vec<&Strict> = a.iter().filter(|message| message.is("SEND")).collect();
        assert!(
            pair.a
                .sent
                .starts_with(format!("MSRP {} SEND\r\n", sends[0].id).as_bytes())
        );
        // Bodiless ones: the end-line stands straight after a header line, and no MIME header is among them.
        let bodiless: Vec<_> = sends.iter().filter(|send| send.body.is_none()).collect();
        assert!(bodiless.len() >= 3, "two bindings and one of ours");
        assert!(
            bodiless
                .iter()
                .all(|send| send.range() == (1, Some(0), Some(0)))
        );
        assert!(
            bodiless
                .iter()
                .any(|send| send.get("X-Extension").is_some())
        );
        // Those with a body have the extension header, with one CRLF, before all MIME headers.
        let extended: Vec<_> = sends
            .iter()
            .filter(|send| send.body.is_some() && send.get("X-Extension").is_some())
            .collect();
        assert!(extended.len() >= 30);
        for send in &extended {
            let names: Vec<_> = send.headers.iter().map(|(name, _)| name.as_str()).collect();
            let mime = ["Content-Disposition", "content-id", "Content-Type"];
            assert!(names.ends_with(&mime), "{names:?}");
            assert_eq!(names[names.len() - 4], "X-Extension");
            assert_eq!(send.get("Content-Type"), Some("text/plain"));
        }
        // Empty ones differ from bodiless ones.
        assert!(
            extended
                .iter()
                .any(|send| send.body.as_deref() == Some(b""))
        );
        // Responses: no body and `$` (looked at by the reader), a comment, and nothing but the paths.
        let responses: Vec<_> = b
            .iter()
            .filter(|message| message.status.is_some())
            .collect();
        assert!(responses.len() > 50);
        assert!(
            responses
                .iter()
                .any(|response| response.status.as_ref().unwrap().0 == 413)
        );
        for response in responses {
            let (_, comment) = response.status.as_ref().unwrap();
            assert!(comment.as_ref().is_some_and(|comment| !comment.is_empty()));
            assert_eq!(response.headers.len(), 2);
        }
        let reports: Vec<_> = b.iter().filter(|message| message.is("REPORT")).collect();
        assert_eq!(reports.len(), 15, "one for each message that asked for it");
        assert!(
            reports
                .iter()
                .all(|report| report.get("Status") == Some("000 200 OK"))
        );
        assert!(reports.iter().all(|report| report.body.is_none()));
    }
    covers!(
        "C-001", "C-007", "C-009", "C-010", "C-011", "C-017", "C-019", "C-023", "C-030", "C-031",
        "C-033", "C-035", "C-041", "C-045", "C-047", "C-048", "C-050", "C-052", "C-073", "C-180"
    );
}

#[test]
fn rfc4975_9_words_of_the_start_line_have_one_case() {
    let request = send("a1b2c3d4", "Message-ID: m1xx\r\n", Some("hi"), '$');
    for wrong in [
        "msrp a1b2c3d4",
        "Msrp a1b2c3d4",
        "MSRP  a1b2c3d4",
        " MSRP a1b2c3d4",
    ] {
        let mut bench = bound();
        assert_eq!(bench.feed(request.replace("MSRP a1b2c3d4", wrong)), "");
        assert!(
            matches!(bench.closed(), Some(CloseReason::Protocol { .. })),
            "{wrong}"
        );
        assert!(contents(&bench.side.take()).is_empty());
    }
    let mut bench = bound();
    assert_eq!(
        bench.codes(request.replace(" SEND\r\n", " Send\r\n")),
        [501]
    );
    assert_eq!(bench.codes(&request), [200]);
    assert_eq!(bench.contents(), [(b"hi".to_vec(), true)]);
    covers!("C-001", "C-291");
}

#[test]
fn rfc4975_9_responses_with_an_empty_comment_or_none_complete_the_transaction() {
    for (status, good) in [
        ("200", true),
        ("200 ", true),
        ("200 OK", true),
        ("999", false),
    ] {
        let mut bench = bound();
        let (sent, ids) = bench.say(message(Body::Whole("x".into())));
        assert_eq!(bench.feed(response(&ids[0], status)), "");
        let expected = match good {
            true => Event::Acknowledged(sent),
            // Three digits: a response with a code that nobody knows, and no method.
            false => Event::Failed(
                sent,
                Failure::Status {
                    code: StatusCode(999),
                    comment: String::new(),
                },
            ),
        };
        assert!(bench.side.take().contains(&expected), "{status}");
        assert!(bench.closed().is_none());
    }
    covers!("C-002", "C-003", "C-040");
}

#[test]
fn rfc4975_9_a_comment_that_is_no_utf8_does_no_harm() {
    let mut bench = bound();
    let (sent, ids) = bench.say(message(Body::Whole("x".into())));
    let mut octets = response(&ids[0], "404 caf@ closed").into_bytes();
    let at = octets
        .iter()
        .position(|octet| *octet == b'@')
        .expect("the place");
    octets[at] = 0xF8;
    // Nor does it in a header that nobody knows.
    let line = octets
        .windows(7)
        .position(|window| window == b"-------")
        .expect("an end-line");
    octets.splice(
        line..line,
        b"X-Odd: \xC0\xAF \xED\xA0\x80\r\n".iter().copied(),
    );
    assert_eq!(bench.feed(&octets), "");
    let failure = Failure::Status {
        code: StatusCode(404),
        comment: "caf\u{fffd} closed".into(),
    };
    assert!(bench.side.take().contains(&Event::Failed(sent, failure)));
    assert!(bench.closed().is_none());
    covers!("C-038");
}

#[test]
fn rfc4975_9_blanks_after_the_method_are_ignored() {
    for method in ["SEND ", "SEND\t "] {
        let mut bench = bound();
        let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
        assert_eq!(
            bench.codes(request.replace(" SEND", &format!(" {method}"))),
            [200]
        );
        assert_eq!(bench.contents(), [(b"hi".to_vec(), true)]);
    }
    let mut bench = bound();
    let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
    assert_eq!(bench.codes(request.replace("SEND", "FILE_OFFSET")), [501]);
    assert_eq!(bench.codes(&request), [200]);
    covers!("C-291", "C-145");
}

#[test]
fn rfc4975_9_a_hundred_thousand_identifiers_are_idents_and_differ() {
    let mut ids = IdSource::new([7; 32]);
    let mut seen = HashSet::new();
    for _ in 0..100_000 {
        let id = ids.transaction_id();
        assert!(is_ident(id.as_str()), "{id}");
        assert!(seen.insert(id));
    }
    covers!("C-004", "C-100");
}

#[test]
fn rfc4975_7_1_1_a_million_message_ids_differ_across_instances() {
    // Two instances: each start of a program takes another seed from the system.
    let mut seen = HashSet::new();
    for seed in [[1; 32], [2; 32]] {
        let mut ids = IdSource::new(seed);
        for n in 0..500_000 {
            let id = ids.message_id();
            assert!(n > 100_000 || is_ident(id.as_str()), "{id}");
            assert!(seen.insert(id));
        }
    }
    covers!("C-042", "C-104");
}

#[test]
fn rfc4975_9_transaction_ids_and_message_ids_of_1_to_64_characters_are_taken() {
    let (long, longest, beyond) = ("i".repeat(32), "i".repeat(64), "i".repeat(65));
    for id in ["tids", &long, "a.-+%=", "7", &longest] {
        let mut bench = bound();
        let answer = bench.feed(send(id, "Message-ID: m1xx\r\n", Some("hi"), '$'));
        assert!(answer.starts_with(&format!("MSRP {id} 200 ")), "{answer}");
        assert!(
            answer.ends_with(&format!("\r\n-------{id}$\r\n")),
            "{answer}"
        );
        let headers = format!("Message-ID: {id}\r\nSuccess-Report: yes\r\n");
        let answer = bench.feed(send("tid1", &headers, Some("hi"), '$'));
        assert!(answer.starts_with("MSRP tid1 200 "), "{answer}");
        // And so it comes back in the REPORT.
        assert!(
            answer.contains(&format!("\r\nMessage-ID: {id}\r\n")),
            "{answer}"
        );
        assert_eq!(bench.contents().len(), 2, "{id}");
    }
    for id in [&beyond, "", "-tid", "ti_d"] {
        let mut bench = bound();
        assert_eq!(
            bench.feed(send(id, "Message-ID: m1xx\r\n", Some("hi"), '$')),
            "",
            "{id}"
        );
        assert!(
            matches!(bench.closed(), Some(CloseReason::Protocol { .. })),
            "{id}"
        );
        // As a Message-ID it is a fault of one header in a sound frame.
        let mut bench = bound();
        let headers = format!("Message-ID: {id}\r\n");
        assert_eq!(
            bench.codes(send("tid1", &headers, Some("hi"), '$')),
            [400],
            "{id}"
        );
        assert!(bench.closed().is_none() && bench.contents().is_empty());
    }
    covers!("C-005", "C-042", "C-064");
}

#[test]
fn rfc4975_7_1_end_lines_of_others_are_body() {
    let look_alikes = [
        "-------TID$",
        "-------tid",
        "-------tid$",
        "-------tid1 $",
        "-------tid1x$",
        "------tid1$",
        "-------tid1!",
        "--------tid1$",
    ];
    for line in look_alikes {
        for text in [
            line.to_owned(),
            format!("x\r\n{line}\r\ny"),
            format!("x\r\n{line}"),
        ] {
            let mut bench = bound();
            let range = format!("Message-ID: m1xx\r\nByte-Range: 1-{0}/{0}\r\n", text.len());
            assert_eq!(bench.codes(send("tid1", &range, Some(&text), '$')), [200]);
            assert_eq!(bench.contents(), [(text.into_bytes(), true)]);
        }
    }
    covers!("C-006", "C-015", "T-17");
}

#[test]
fn rfc4975_7_1_the_crlf_before_the_end_line_is_no_body() {
    for (written, body) in [
        ("abc\r\n", "abc"),
        ("abc\r\n\r\n", "abc\r\n"),
        ("\r\n\r\n", "\r\n"),
        ("a\r\r\n", "a\r"),
    ] {
        let mut bench = bound();
        let request = send("tid1", "Message-ID: m1xx\r\n", Some("BODY"), '$');
        assert_eq!(bench.codes(request.replace("BODY\r\n", written)), [200]);
        assert_eq!(
            bench.contents(),
            [(body.as_bytes().to_vec(), true)],
            "{written:?}"
        );
    }
    // And the other way: three octets are three octets, whatever they are.
    for body in ["abc", "abc\r\n", "\r\n"] {
        let mut pair = Pair::new();
        pair.send_a(S1, message(Body::Whole(body.into())));
        pair.run();
        let sent = strict(&pair.a.sent);
        let last = sent.last().expect("a SEND");
        assert_eq!(last.body.as_deref(), Some(body.as_bytes()));
        let len = body.len() as u64;
        assert_eq!(last.range(), (1, Some(len), Some(len)));
        assert!(
            pair.a
                .sent
                .ends_with(format!("\r\n\r\n{body}\r\n-------{}$\r\n", last.id).as_bytes())
        );
    }
    covers!("C-007", "C-008", "T-20");
}

#[test]
fn rfc4975_7_1_an_empty_body_is_a_message_and_none_is_not() {
    let typed = "Message-ID: m1xx\r\nContent-Type: x/y\r\n\r\n";
    for (headers, told) in [
        (format!("{typed}\r\n"), true),
        // Without its own CRLF, a common fault.
        (typed.to_owned(), true),
        ("Message-ID: m1xx\r\n\r\n".to_owned(), false),
        ("Message-ID: m1xx\r\n\r\n\r\n".to_owned(), false),
        ("Message-ID: m1xx\r\n".to_owned(), false),
    ] {
        let mut bench = bound();
        assert_eq!(
            bench.codes(send("tid1", &headers, None, '$')),
            [200],
            "{headers:?}"
        );
        let told_of = bench.side.take();
        assert_eq!(contents(&told_of).len(), usize::from(told), "{headers:?}");
        if told {
            let Some(Event::Message { head, body, .. }) = told_of.first() else {
                panic!("{told_of:?}")
            };
            assert_eq!((head.content_type.as_str(), body.len()), ("x/y", 0));
        }
    }
    covers!("C-009", "C-011", "C-022", "C-166", "T-21");
}

#[test]
fn rfc4975_7_1_the_flag_says_how_the_message_goes_on() {
    let mut pair = Pair::new();
    pair.send_a(S1, message(Body::Whole(octets(5000, 1).into())));
    pair.run();
    let flags: String = strict(&pair.a.sent)
        .iter()
        .filter(|message| message.body.is_some())
        .map(|message| message.flag)
        .collect();
    assert_eq!(flags, "++$");
    // Cancelled midway, in a chunk and between two.
    for chunk_len in [0, 2048] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len);
        pair.a.capacity = 4096;
        let sent = pair.send_a(S1, message(Body::Whole(octets(1 << 20, 1).into())));
        steps(&mut pair, 20);
        pair.command_a(S1, Command::Abort(sent));
        pair.run();
        let flags: Vec<_> = strict(&pair.a.sent)[1..]
            .iter()
            .filter(|message| message.is("SEND"))
            .map(|message| message.flag)
            .collect();
        let (last, before) = flags.split_last().expect("chunks");
        assert_eq!(*last, '#', "chunk_len {chunk_len}");
        assert!(before.iter().all(|flag| *flag == '+'), "{flags:?}");
        let aborted = |event: &Event| {
            matches!(
                event,
                Event::MessageEnd {
                    end: MessageEnd::Aborted,
                    ..
                }
            )
        };
        assert!(pair.b.take().iter().any(aborted));
    }
    covers!("C-012", "T-29");
}

/// A body with the end-lines of the ids that this seed gives, in every form that §7.1 forbids.
fn collisions(count: usize) -> Vec<u8> {
    let mut ids = IdSource::new([1; 32]);
    let mut body = Vec::new();
    for n in 0..count {
        let id = ids.transaction_id();
        for flag in ['$', '+', '#'] {
            body.extend_from_slice(
                format!("{n}-------{id}{flag}{n}\r\n-------{id}{flag}\r\n").as_bytes(),
            );
        }
    }
    body
}

#[test]
fn rfc4975_7_1_the_own_end_line_is_never_in_the_body_whatever_the_flag() {
    let body = collisions(300);
    for chunk_len in [0, 700, 2048, 5000] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len);
        // Interrupted again and again, so that each continuation is searched anew.
        pair.a.capacity = 3000;
        pair.send_a(S1, message(Body::Whole(body.clone().into())));
        for _ in 0..20 {
            pair.send_b(S1, message(Body::Whole("answer me".into())));
            steps(&mut pair, 3);
        }
        pair.run();
        assert_eq!(
            contents(&pair.b.take()),
            [(body.clone(), true)],
            "chunk_len {chunk_len}"
        );
        // The strict reader looks for hyphens, id and flag; here even without the flag.
        let mut position = 1;
        let chunks = strict(&pair.a.sent);
        let chunks: Vec<_> = chunks
            .iter()
            .filter(|message| message.body.is_some())
            .collect();
        assert!(chunks.len() > 2, "{} chunks", chunks.len());
        for chunk in &chunks {
            let held = chunk.body.as_ref().expect("a body");
            let needle = format!("-------{}", chunk.id);
            assert!(memchr::memmem::find(held, needle.as_bytes()).is_none());
            assert_eq!(chunk.range().0, position);
            position += held.len() as u64;
        }
    }
    covers!("C-013", "C-014", "T-18", "T-19");
}

#[test]
fn rfc4975_7_1_any_octets_may_be_body() {
    let mut body: Vec<u8> = (0..=255).collect();
    body.extend_from_slice(b"\0\r\n-------other$\r\nMSRP other 200 OK\r\n\r\r\n\n\xff\xfe\xc0\xaf");
    body.extend(octets(20_000, 3));
    for split in [1, 7, usize::MAX] {
        let mut pair = Pair::new();
        (pair.a.split, pair.b.split) = (split, split);
        pair.send_a(S1, message(Body::Whole(body.clone().into())));
        pair.send_b(S1, message(Body::Whole(body.clone().into())));
        pair.run();
        assert!(
            contents(&pair.b.take()) == [(body.clone(), true)],
            "split {split}"
        );
        assert!(
            contents(&pair.a.take()) == [(body.clone(), true)],
            "split {split}"
        );
    }
    covers!("C-015", "T-17");
}

#[test]
fn rfc4975_5_1_fifty_requests_are_the_same_in_one_block_and_octet_by_octet() {
    let mut talk = String::new();
    for n in 0..50 {
        let headers = format!("Message-ID: mess{n}\r\nSuccess-Report: yes\r\n");
        talk += &match n % 5 {
            0 => send(&format!("tid{n}"), &headers, None, '$'),
            1 => report(
                &format!("tid{n}"),
                TO,
                "Message-ID: none\r\nStatus: 000 200 OK\r\n",
            ),
            2 => send(
                &format!("tid{n}"),
                &format!("{headers}Byte-Range: 1-*/9\r\n"),
                Some("part"),
                '+',
            ),
            3 => send(&format!("tid{n}"), &headers, Some(&"y".repeat(n * 50)), '$')
                .replace(TO, "nonsense"),
            _ => send(&format!("tid{n}"), &headers, Some(&"x".repeat(n * 50)), '$'),
        };
    }
    let outcome = |split: usize| {
        let mut bench = Bench::new();
        bench.split = split;
        let answers = bench.feed(&talk);
        assert_eq!(answers.matches(" 400 ").count(), 10);
        (answers, contents(&bench.side.take()))
    };
    let whole = outcome(usize::MAX);
    for split in [1, 2, 100, 2048] {
        let split_up = outcome(split);
        // REPORTs have ids of their own; everything else is the same in the same order.
        let without_ids = |(text, told): &(String, Vec<_>)| {
            let lines: Vec<_> = text
                .lines()
                .filter(|line| !line.contains("tid") && !line.contains("MSRP"))
                .collect();
            (lines.len(), text.len(), told.clone())
        };
        assert_eq!(without_ids(&split_up), without_ids(&whole), "split {split}");
    }
    assert_eq!(whole.1.len(), 10);
    covers!("C-016");
}

#[test]
fn rfc4975_7_2_a_response_with_a_body_and_another_flag_completes_its_transaction() {
    for flag in ['+', '#', '$'] {
        let mut bench = bound();
        let (sent, ids) = bench.say(message(Body::Whole("x".into())));
        let id = &ids[0];
        let odd = format!(
            "MSRP {id} 200 OK\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\nContent-Type: text/plain\r\n\r\nwhy not\r\n-------{id}{flag}\r\n"
        );
        assert_eq!(bench.feed(odd), "");
        assert_eq!(bench.side.take().last(), Some(&Event::Acknowledged(sent)));
        assert_eq!(
            bench.codes(send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$')),
            [200]
        );
        assert_eq!(bench.contents(), [(b"hi".to_vec(), true)]);
    }
    covers!("C-018");
}

#[test]
fn rfc4975_9_crlfs_between_messages_are_skipped_and_nothing_else_is() {
    let one = |n: usize| send("tid1", &format!("Message-ID: mess{n}\r\n"), Some("hi"), '$');
    let gap = "\r\n".repeat(16);
    for split in [1, usize::MAX] {
        let mut bench = Bench::new();
        bench.split = split;
        let talk = format!("\r\n\r\n{}{gap}{}{gap}", one(1), one(2));
        assert_eq!(bench.codes(talk), [200, 200]);
        assert!(bench.closed().is_none());
        // The seventeenth.
        assert_eq!(bench.codes(format!("\r\n{}", one(3))), [0u16; 0]);
        assert!(matches!(bench.closed(), Some(CloseReason::Protocol { .. })));
    }
    for junk in ["\n", "\r", " \r\n", "x", "\0", "\r\n\t\r\n"] {
        let mut bench = Bench::new();
        assert_eq!(bench.codes(format!("{}{junk}{}", one(1), one(2))), [200]);
        assert!(
            matches!(bench.closed(), Some(CloseReason::Protocol { .. })),
            "{junk:?}"
        );
    }
    covers!("C-019", "C-064", "T-55");
}

#[test]
fn rfc4975_9_header_lines_are_never_folded() {
    for folded in [
        format!("To-Path:\r\n {TO}"),
        format!("To-Path: {TO}\r\n\t{FROM}"),
    ] {
        let mut bench = bound();
        let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
        let request = request.replace(&format!("To-Path: {TO}"), &folded);
        assert_eq!(bench.codes(request), [400], "{folded:?}");
        assert!(bench.closed().is_none() && bench.contents().is_empty());
    }
    let mut bench = bound();
    let request = send("tid1", "Message-ID:\r\n m1xx\r\n", Some("hi"), '$');
    assert_eq!(bench.codes(request), [400]);
    assert!(bench.contents().is_empty());
    covers!("C-020", "C-064");
}

#[test]
fn rfc4975_14_5_octets_without_crlf_close_the_connection() {
    for start in [
        "",
        "MSRP ",
        "MSRP tid1 SEND\r\n",
        "MSRP tid1 SEND\r\nTo-Path: ",
    ] {
        for split in [1000, usize::MAX] {
            let mut bench = bound();
            bench.split = split;
            bench.feed(format!("{start}{}", "x".repeat(1 << 20)));
            let Some(CloseReason::Protocol { offset, .. }) = bench.closed() else {
                panic!("{start:?}")
            };
            // It ended at a bound of a few KiB, and read nothing more.
            assert!(*offset < 10_000, "{start:?} {offset}");
            assert!(!bench.side.connection.reading_allowed());
        }
    }
    covers!("C-021");
}

#[test]
fn rfc4975_9_a_bare_lf_in_the_header_section_closes_the_connection() {
    let request = send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$');
    let head_len = request.find("\r\n\r\n").expect("an empty line") + 2;
    let places: Vec<_> = request[..head_len]
        .match_indices("\r\n")
        .map(|(at, _)| at)
        .collect();
    for at in places {
        let mut bench = bound();
        let mut bare = request.clone();
        bare.replace_range(at..at + 2, "\n");
        assert_eq!(bench.feed(bare), "", "{at}");
        assert!(
            matches!(bench.closed(), Some(CloseReason::Protocol { .. })),
            "{at}"
        );
        assert!(contents(&bench.side.take()).is_empty());
    }
    covers!("C-023", "C-064");
}
