//! The bounds of one connection and its sessions, in virtual time: each at its value, where all still works, and one
//! beyond, where `docs/limits.md` says what happens. `limits_table` looks that none is forgotten.

mod support;

use std::time::Duration;

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{Body, CloseReason, Command, Event, Failure, MessageEnd, SessionKey};
use msrp_conformance::covers;
use support::bench::{Bench, FROM, TO, response, send};
use support::{Entry, Pair, S1, config, message, octets, uri};

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits.validate().expect("allowed");
    limits
}

/// A bound session with these limits.
fn bench(limits: &Limits) -> Bench {
    let mut bench = Bench::limited(limits);
    bench.know(1, |_| {});
    assert_eq!(
        bench.codes(send("tid0", "Message-ID: m0xx\r\n", None, '$')),
        [200]
    );
    bench.side.take();
    bench
}

fn chunk(id: &str, range: &str, body: &str, flag: char) -> String {
    send(
        "tid1",
        &format!("Message-ID: {id}\r\nByte-Range: {range}\r\n"),
        Some(body),
        flag,
    )
}

fn is_protocol_error(bench: &Bench) -> bool {
    matches!(bench.closed(), Some(CloseReason::Protocol { .. }))
}

/// Feeds what is at the bound, which is answered with `code`, and what is beyond it, which closes the connection.
fn at_and_beyond(limits: &Limits, code: &[u16], text: impl Fn(usize) -> String, bound: usize) {
    for split in [1, usize::MAX] {
        let mut at = bench(limits);
        at.split = split;
        assert_eq!(at.codes(text(bound)), code);
        assert!(at.closed().is_none(), "at {bound}");
        assert_eq!(at.codes(chunk("next", "1-2/2", "hi", '$')), [200]);
        let mut beyond = bench(limits);
        beyond.split = split;
        // What is refused by its head is answered first.
        let codes = beyond.codes(text(bound + 1));
        assert!(codes.is_empty() || codes == [501], "{codes:?}");
        assert!(is_protocol_error(&beyond), "beyond {bound}");
    }
}

#[test]
fn start_line() {
    let limits = limits(|limits| limits.start_line = 64);
    let request = |len: usize| {
        let method = "X".repeat(len - "MSRP tid1 ".len());
        send("tid1", "", None, '$').replace("SEND", &method)
    };
    at_and_beyond(&limits, &[501], request, 64);
    let answer = |len: usize| {
        response(
            "none",
            &format!("200 {}", "x".repeat(len - "MSRP none 200 ".len())),
        )
    };
    at_and_beyond(&limits, &[], answer, 64);
    // By default 1 KiB.
    at_and_beyond(&Limits::default(), &[501], request, 1024);
    covers!("C-021", "C-063");
}

#[test]
fn header_line() {
    let line = |len: usize| {
        send(
            "tid1",
            &format!("Message-ID: m1xx\r\nX: {}\r\n", "x".repeat(len - 3)),
            Some("hi"),
            '$',
        )
    };
    at_and_beyond(
        &limits(|limits| limits.header_line = 256),
        &[200],
        line,
        256,
    );
    at_and_beyond(&Limits::default(), &[200], line, 8192);
    covers!("C-021", "C-063");
}

#[test]
fn header_section() {
    let limits = limits(|limits| limits.header_section = 1000);
    let section = |len: usize| {
        let text = send("tid1", "Message-ID: m1xx\r\nX: @\r\n", Some("hi"), '$');
        let start = text.find("To-Path").expect("a path");
        let end = text.find("\r\n\r\n").expect("an empty line") + 2;
        text.replace('@', &"x".repeat(len - (end - start) + 1))
    };
    at_and_beyond(&limits, &[200], section, 1000);
    covers!("C-021", "C-063");
}

#[test]
fn headers() {
    let lines = |count: usize| {
        // Beside the two paths, the Message-ID and the Content-Type.
        let more: String = (4..count).map(|n| format!("X-{n}: y\r\n")).collect();
        send(
            "tid1",
            &format!("Message-ID: m1xx\r\n{more}"),
            Some("hi"),
            '$',
        )
    };
    at_and_beyond(&limits(|limits| limits.headers = 8), &[200], lines, 8);
    at_and_beyond(&Limits::default(), &[200], lines, 64);
    covers!("C-063");
}

#[test]
fn path_uris() {
    let from = |count: usize| {
        send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$')
            .replace(FROM, &vec!["msrp://h:1/s;tcp"; count].join(" "))
    };
    at_and_beyond(&limits(|limits| limits.path_uris = 3), &[200], from, 3);
    at_and_beyond(&Limits::default(), &[200], from, 64);
    let to = |count: usize| {
        send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$')
            .replace(TO, &vec![TO; count].join(" "))
    };
    at_and_beyond(&Limits::default(), &[481], to, 64);
    covers!("C-063");
}

#[test]
fn non_send_body() {
    for method in ["REPORT", "FOOBAR"] {
        let code: &[u16] = if method == "REPORT" { &[] } else { &[501] };
        let body = |len: usize| {
            send("tid1", "Message-ID: m1xx\r\n", Some(&"x".repeat(len)), '$')
                .replace("SEND", method)
        };
        at_and_beyond(&Limits::default(), code, body, 10_240);
        at_and_beyond(
            &limits(|limits| limits.non_send_body = 100),
            code,
            body,
            100,
        );
    }
    covers!("C-102");
}

#[test]
fn empty_lines_between_two_requests() {
    let gap = |count: usize| {
        format!(
            "{}{}",
            "\r\n".repeat(count),
            chunk("m1xx", "1-2/2", "hi", '$')
        )
    };
    at_and_beyond(&Limits::default(), &[200], gap, 16);
    covers!("C-019");
}

#[test]
fn transaction_id_as_received() {
    let id = |len: usize| send(&"i".repeat(len), "Message-ID: m1xx\r\n", Some("hi"), '$');
    at_and_beyond(&Limits::default(), &[200], id, 64);
    covers!("C-005");
}

#[test]
fn message_id_as_received() {
    let mut bench = bench(&Limits::default());
    assert_eq!(
        bench.codes(chunk(&"i".repeat(64), "1-2/2", "hi", '$')),
        [200]
    );
    assert_eq!(
        bench.codes(chunk(&"j".repeat(65), "1-2/2", "hi", '$')),
        [400]
    );
    assert!(bench.closed().is_none());
    covers!("C-042");
}

#[test]
fn max_transactions() {
    let limits = limits(|limits| limits.max_transactions = 4);
    for (lines, sent) in [(4, 4), (5, 4)] {
        let mut bench = bench(&limits);
        let mut ids = Vec::new();
        for _ in 0..lines {
            ids.extend(bench.say(message(Body::Whole("x".into()))).1);
        }
        assert_eq!(ids.len(), sent);
        // A response frees one, or the time of one that is never answered.
        let written = bench.feed(response(&ids[0], "200 OK"));
        assert_eq!(written.matches(" SEND\r\n").count(), lines - sent);
    }
    let mut bench = bench(&limits);
    for _ in 0..5 {
        bench.say(message(Body::Whole("x".into())));
    }
    let (_, written) = bench.pass(Duration::from_secs(30));
    assert_eq!(written.matches(" SEND\r\n").count(), 1);
}

#[test]
fn transaction() {
    let limits = limits(|limits| limits.transaction = Duration::from_secs(7));
    let mut bench = bench(&limits);
    let (first, ids) = bench.say(message(Body::Whole("x".into())));
    let (second, _) = bench.say(message(Body::Whole("y".into())));
    bench.pass(Duration::from_millis(6999));
    bench.feed(response(&ids[0], "200 OK"));
    assert!(bench.side.take().contains(&Event::Acknowledged(first)));
    bench.pass(Duration::from_millis(1));
    assert!(
        bench
            .side
            .take()
            .contains(&Event::Failed(second, Failure::Timeout))
    );
}

#[test]
fn small_message() {
    // At the bound it keeps its order; beyond, it may be overtaken and tells its progress.
    let limits = limits(|limits| limits.small_message = 5000);
    for (len, is_small) in [(5000, true), (5001, false)] {
        let mut pair = Pair::with(&limits, 1, |_| {});
        pair.a.capacity = 1000;
        let first = pair.send_a(S1, message(Body::Whole(octets(len, 1).into())));
        let line = pair.send_a(S1, message(Body::Whole("a line".into())));
        pair.run();
        let told = pair.a.take();
        let place = |key| {
            told.iter()
                .position(|event| *event == Event::Acknowledged(key))
        };
        assert_eq!(place(first) < place(line), is_small, "{len}");
        let progress = told
            .iter()
            .any(|event| matches!(event, Event::Progress(..)));
        assert_eq!(progress, !is_small);
    }
}

#[test]
fn read_ahead() {
    let limits = limits(|limits| limits.read_ahead = 10_000);
    let mut pair = Pair::with(&limits, 1, |_| {});
    pair.a.capacity = 0;
    let stream = pair.send_a(S1, message(Body::Stream(None)));
    pair.run();
    assert_eq!(pair.a.take(), [Event::DataWanted(stream, 10_000)]);
    pair.command_a(S1, Command::StreamData(stream, octets(10_000, 1).into()));
    pair.run();
    // Nothing more is asked for until some was written; then as much as that.
    assert_eq!(pair.a.take(), []);
    pair.a.capacity = usize::MAX;
    pair.run();
    let wanted: usize = pair
        .a
        .take()
        .iter()
        .map(|event| match event {
            Event::DataWanted(_, len) => *len,
            _ => 0,
        })
        .sum();
    assert!((1..=10_000).contains(&wanted), "{wanted}");
}

/// What one message of this length counts against the window.
fn credit(len: usize) -> usize {
    let mut bench = bench(&Limits::default());
    bench.feed(chunk("m1xx", "1-*/*", &"x".repeat(len), '$'));
    match bench.side.take().last() {
        Some(Event::Message { credit, .. }) => *credit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn receive_window_and_connection_slack() {
    // One message fills the window and the slack to the last octet: reading goes on. One octet more: it pauses.
    for beyond in [false, true] {
        let limits = limits(|limits| {
            limits.receive_window = 5000;
            limits.connection_slack = credit(9000) - 5000 - usize::from(beyond);
        });
        let mut bench = bench(&limits);
        bench.side.consume = false;
        assert_eq!(
            bench.codes(chunk("m1xx", "1-*/*", &"x".repeat(9000), '$')),
            [200]
        );
        assert_eq!(bench.side.connection.reading_allowed(), !beyond);
        // The consumer takes one octet.
        bench
            .side
            .connection
            .handle_command(bench.now, S1, Command::Consumed(1));
        assert!(bench.side.connection.reading_allowed());
    }
}

#[test]
fn stall() {
    let limits = limits(|limits| {
        (limits.receive_window, limits.connection_slack) = (1024, 0);
        limits.stall = Some(Duration::from_secs(5));
    });
    let mut bench = bench(&limits);
    bench.side.consume = false;
    bench.feed(chunk("m1xx", "1-*/*", &"x".repeat(5000), '$'));
    bench.side.take();
    bench.pass(Duration::from_millis(4999));
    assert!(!bench.side.connection.reading_allowed() && bench.side.take().is_empty());
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.side.take(), [Event::Shed]);
    assert!(bench.side.connection.reading_allowed());
    assert_eq!(bench.codes(chunk("m2xx", "1-2/2", "hi", '$')), [413]);
}

#[test]
fn incomplete_messages() {
    let mut bench = bench(&limits(|limits| limits.incomplete_messages = 3));
    for n in 1..=3 {
        assert_eq!(
            bench.codes(chunk(&format!("mess{n}"), "1-1/2", "1", '+')),
            [200]
        );
    }
    assert_eq!(bench.codes(chunk("mess4", "1-1/2", "1", '+')), [413]);
    // Those that are open go on, and when one is whole there is room.
    assert_eq!(bench.codes(chunk("mess1", "2-2/2", "2", '$')), [200]);
    assert_eq!(bench.codes(chunk("mess5", "1-1/2", "1", '+')), [200]);
    covers!("C-157");
}

#[test]
fn incomplete_idle() {
    let mut bench = bench(&limits(|limits| {
        limits.incomplete_idle = Duration::from_secs(9)
    }));
    bench.feed(chunk("m1xx", "1-1/3", "1", '+'));
    bench.pass(Duration::from_millis(8999));
    assert_eq!(bench.codes(chunk("m1xx", "2-2/3", "2", '+')), [200]);
    bench.side.take();
    bench.pass(Duration::from_millis(8999));
    assert_eq!(bench.side.take(), []);
    bench.pass(Duration::from_millis(1));
    assert!(matches!(
        bench.side.take()[..],
        [Event::MessageEnd {
            end: MessageEnd::Idle,
            ..
        }]
    ));
    assert_eq!(bench.codes(chunk("m1xx", "3-3/3", "3", '$')), [413]);
    covers!("C-157");
}

#[test]
fn gaps() {
    for (chunks, code) in [(4, 200), (5, 413)] {
        let mut bench = bench(&limits(|limits| limits.gaps = 4));
        let mut last = 0;
        for n in 1..=chunks {
            last = bench.codes(chunk("m1xx", &format!("{}-*/*", 3 * n), "x", '+'))[0];
        }
        assert_eq!(last, code);
    }
}

#[test]
fn octets_received_ahead_of_a_gap() {
    for (len, code) in [(5000, 200), (5001, 413)] {
        let mut bench = bench(&limits(|limits| limits.receive_window = 5000));
        assert_eq!(
            bench.codes(chunk("m1xx", "10-*/*", &"x".repeat(len), '+')),
            [code]
        );
    }
}

#[test]
fn remembered_ids() {
    let mut bench = bench(&limits(|limits| limits.remembered_ids = 3));
    for n in 1..=4 {
        assert_eq!(
            bench.codes(chunk(&format!("mess{n}"), "1-1/1", "x", '$')),
            [200]
        );
    }
    bench.side.take();
    // The last three are known; the first one is a new message.
    for n in 2..=4 {
        assert_eq!(
            bench.codes(chunk(&format!("mess{n}"), "1-1/1", "x", '$')),
            [200]
        );
        assert_eq!(bench.contents().len(), 0);
    }
    assert_eq!(bench.codes(chunk("mess1", "1-1/1", "x", '$')), [200]);
    assert_eq!(bench.contents().len(), 1);
}

/// A connection that holds a request with a body of this length.
fn holding(limits: &Limits, len: usize) -> Bench {
    let mut bench = Bench::limited(limits);
    bench
        .side
        .table
        .entries
        .insert(uri("b.example", 1), Entry::NotReady(S1));
    let request = send("tid1", "Message-ID: m1xx\r\n", Some(&"x".repeat(len)), '$');
    assert_eq!(bench.feed(request), "");
    bench
}

#[test]
fn early_len() {
    // Headers and 256 octets count, too: look where it changes.
    let pauses = |len: usize| {
        !holding(&limits(|limits| limits.early_len = 10_000), len)
            .side
            .connection
            .reading_allowed()
    };
    let head = send("tid1", "Message-ID: m1xx\r\n", Some(""), '$')
        .find("\r\n\r\n")
        .expect("an empty line")
        + 2;
    let room = 10_000 - head - 256;
    assert!(!pauses(room) && pauses(room + 1));
}

#[test]
fn early() {
    let limits = limits(|limits| limits.early = Duration::from_secs(3));
    let mut served = holding(&limits, 10);
    served.pass(Duration::from_millis(2999));
    let ours = config("b.example", "a.example", 1, false);
    served
        .side
        .connection
        .attach(served.now, S1, ours)
        .expect("attached");
    assert_eq!(served.codes(""), [200]);
    let mut refused = holding(&limits, 10);
    let (_, sent) = refused.pass(Duration::from_secs(3));
    assert!(sent.starts_with("MSRP tid1 481 "), "{sent}");
    assert!(refused.closed().is_some());
}

#[test]
fn control_lane() {
    let limits = limits(|limits| limits.control_lane = 4096);
    let mut bench = bench(&limits);
    // Nothing is taken from the connection, so that its responses wait.
    let mut waiting = 0;
    let mut feed = |bench: &mut Bench| {
        let data = Bytes::from(chunk("m1xx", "1-2/2", "hi", '$'));
        bench
            .side
            .connection
            .handle_input(bench.now, data, &mut bench.side.table);
        waiting += 1;
    };
    let answer = bench.feed(chunk("m1xx", "1-2/2", "hi", '$')).len();
    while bench.side.connection.reading_allowed() {
        feed(&mut bench);
    }
    // The first that does not fit pauses.
    assert_eq!(waiting, 4096 / answer + 1);
    let answers = bench.codes("");
    assert_eq!(answers.len(), waiting);
    assert!(bench.side.connection.reading_allowed());
}

#[test]
fn write_ahead() {
    let limits = limits(|limits| limits.write_ahead = 8192);
    let mut pair = Pair::with(&limits, 1, |_| {});
    pair.send_a(S1, message(Body::Whole(octets(1 << 20, 1).into())));
    let ahead = |pair: &mut Pair| -> usize {
        assert!(pair.a.connection.poll_transmit(pair.now));
        let mut slices = [std::io::IoSlice::new(&[]); 64];
        let filled = pair.a.connection.transmit_slices(&mut slices);
        slices[..filled].iter().map(|slice| slice.len()).sum()
    };
    // A chunk is begun below the bound and not beyond it.
    let len = ahead(&mut pair);
    assert!((8192..8192 + 2048 + 1024).contains(&len), "{len}");
    assert_eq!(ahead(&mut pair), len);
}

#[test]
fn write_stall() {
    let limits = limits(|limits| limits.write_stall = Duration::from_secs(4));
    let mut pair = Pair::with(&limits, 1, |_| {});
    pair.a.capacity = 0;
    pair.send_a(S1, message(Body::Whole("x".into())));
    pair.advance(Duration::from_millis(3999));
    assert!(pair.a.connection.close_reason().is_none());
    // One octet is taken: the time begins anew.
    pair.a.capacity = 1;
    pair.step();
    pair.a.capacity = 0;
    pair.advance(Duration::from_millis(3999));
    assert!(pair.a.connection.close_reason().is_none());
    pair.advance(Duration::from_millis(1));
    assert_eq!(
        pair.a.connection.close_reason(),
        Some(&CloseReason::WriteStall)
    );
}

#[test]
fn shared_connections_are_paused_two_seconds() {
    // Not a limit that can be set; it is told in flow-control.md.
    let limits = limits(|limits| (limits.receive_window, limits.connection_slack) = (1024, 0));
    let mut bench = Bench::limited(&limits);
    bench.know(1, |_| {});
    bench.know(2, |_| {});
    bench.side.consume = false;
    let other = send("tid0", "Message-ID: m0xx\r\n", None, '$')
        .replace("session000000000001", "session000000000002");
    bench.feed(other);
    bench.feed(chunk("m1xx", "1-*/*", &"x".repeat(5000), '$'));
    bench.side.take();
    bench.pass(Duration::from_millis(1999));
    assert!(!bench.side.connection.reading_allowed());
    bench.pass(Duration::from_millis(1));
    assert!(bench.side.connection.reading_allowed());
    assert_eq!(bench.side.events, [(SessionKey(1), Event::Shed)]);
}
