//! Time: keep-alives, idle limits, and that no timer fires for nothing.

mod support;

use msrp_conformance::covers;
use std::time::Duration;

use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, MessageEnd};
use support::bench::{Bench, send};
use support::{Pair, S1, config, contents, drain, message, octets};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn whole_messages_leave_no_timers_behind() {
    let mut bench = Bench::new();
    for n in 0..1000 {
        bench.now += SECOND / 100;
        let headers = format!("Message-ID: mess{n}\r\n");
        assert_eq!(bench.codes(send("tid1", &headers, Some("x"), '$')), [200]);
    }
    let (timeouts, _) = bench.pass(700 * SECOND);
    assert!(timeouts <= 2, "{timeouts} timeouts after 1000 messages");
    covers!("T-63");
}

#[test]
fn rfc4975_5_4_a_session_that_may_not_send_waits_its_interval_for_the_next_keep_alive() {
    let mut bench = Bench::bare();
    let mut ours = config("b.example", "a.example", 1, false);
    ours.keep_alive = Some(10 * SECOND);
    bench
        .side
        .connection
        .attach(bench.now, S1, ours)
        .expect("attached");
    let (timeouts, sent) = bench.pass(60 * SECOND);
    assert!(timeouts <= 6, "{timeouts} timeouts in a minute");
    assert_eq!(sent, "");
    covers!("C-193");
}

#[test]
fn timers_of_an_ended_session_do_not_touch_a_later_one_of_the_same_key() {
    let mut bench = Bench::new();
    let ours = config("b.example", "a.example", 1, false);
    for _ in 0..3 {
        bench
            .side
            .connection
            .attach(bench.now, S1, ours.clone())
            .expect("attached");
        let close = Command::Close(bench.now + 5 * SECOND);
        bench.side.connection.handle_command(bench.now, S1, close);
        assert_eq!(bench.side.connection.sessions(), 0);
        drain(&mut bench.side, bench.now);
        bench.side.take();
    }
    bench
        .side
        .connection
        .attach(bench.now, S1, ours)
        .expect("attached");
    bench.pass(10 * SECOND);
    assert_eq!(bench.side.take(), []);
    assert_eq!(bench.side.connection.sessions(), 1);
}

#[test]
fn a_message_is_not_idle_while_we_do_not_read() {
    let mut limits = Limits::default();
    limits.stall = None;
    limits.write_stall = 86_400 * SECOND;
    let mut pair = Pair::with(&limits, 1, |config| config.chunk_len = 0);
    pair.b.consume = false;
    pair.a.capacity = 64 * 1024;
    let content = octets(4 << 20, 1);
    pair.send_a(S1, message(Body::Whole(content.clone().into())));
    // The consumer rests for half an hour at a time.
    let mut told = Vec::new();
    for _ in 0..8 {
        pair.advance(1800 * SECOND);
        let now = pair.now;
        for (key, event) in pair.b.events.drain(..) {
            let credit = match &event {
                Event::MessageBegin { credit, .. } => *credit,
                Event::MessageBody { data, .. } => data.len(),
                _ => 0,
            };
            pair.b
                .connection
                .handle_command(now, key, Command::Consumed(credit));
            told.push(event);
        }
    }
    assert!(contents(&told) == [(content, true)]);
    covers!("C-157");
}

#[test]
fn an_idle_message_is_given_up_after_a_pause_too() {
    let mut limits = Limits::default();
    limits.stall = None;
    limits.receive_window = 1000;
    limits.connection_slack = 1000;
    let mut bench = Bench::limited(&limits);
    bench.know(1, |_| {});
    bench.side.consume = false;
    bench.feed(send(
        "tid1",
        "Message-ID: m1xx\r\nByte-Range: 1-1/9\r\n",
        Some("1"),
        '+',
    ));
    bench.feed(send(
        "tid2",
        "Message-ID: m2xx\r\n",
        Some(&"x".repeat(5000)),
        '$',
    ));
    assert!(!bench.side.connection.reading_allowed());
    let (timeouts, _) = bench.pass(3600 * SECOND);
    assert!(timeouts < 10, "{timeouts}");
    let idle = |event: &Event| {
        matches!(
            event,
            Event::MessageEnd {
                end: MessageEnd::Idle,
                ..
            }
        )
    };
    assert!(!bench.side.take().iter().any(idle));
    let consumed = Command::Consumed(6000);
    bench
        .side
        .connection
        .handle_command(bench.now, S1, consumed);
    let (timeouts, _) = bench.pass(1300 * SECOND);
    assert!(timeouts < 10, "{timeouts}");
    assert!(bench.side.take().iter().any(idle));
    covers!("C-157");
}

#[test]
fn a_session_that_sends_needs_no_keep_alive() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| {
        config.chunk_len = 0;
        config.keep_alive = Some(10 * SECOND);
    });
    pair.a.capacity = 0;
    pair.send_a(S1, message(Body::Whole(octets(1 << 20, 1).into())));
    // A slow link, busy with one message for two minutes.
    for _ in 0..120 {
        pair.a.capacity = 8192;
        pair.step();
        pair.a.capacity = 0;
        pair.advance(SECOND);
    }
    let of_a = |pair: &Pair| {
        let head = |frame: &(msrp::wire::Head, _, _)| {
            frame.0.is_request() && frame.0.content_type().is_none()
        };
        pair.a.frames().iter().filter(|frame| head(frame)).count()
    };
    assert_eq!(of_a(&pair), 1, "the binding request alone");
    pair.a.capacity = usize::MAX;
    pair.run();
    // Then nothing is sent: one every ten seconds.
    pair.advance(60 * SECOND);
    assert!((5..=7).contains(&(of_a(&pair) - 1)), "{}", of_a(&pair));
    assert!(pair.a.connection.close_reason().is_none());
    covers!("C-113");
}

#[test]
fn a_keep_alive_that_nobody_answers_ends_the_session() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| {
        config.keep_alive = Some(10 * SECOND);
    });
    pair.b.capacity = 0;
    pair.advance(45 * SECOND);
    let closed = pair.a.take();
    let reason = msrp::proto::CloseReason::BindTimeout;
    assert!(
        matches!(closed.last(), Some(Event::Closed { reason: told, .. }) if *told == reason),
        "{closed:?}"
    );
    covers!("C-113", "C-240", "C-251");
}
