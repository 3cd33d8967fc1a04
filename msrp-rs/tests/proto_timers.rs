//! Time: keep-alives, idle limits, and that no timer fires for nothing.

mod support;

use std::time::Duration;

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, MessageEnd};
use support::bench::{Bench, send};
use support::{Pair, S1, config, contents, drain, message, octets};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn whole_messages_leave_no_timers_behind() {
    // covers: C-157, T-63
    let mut bench = Bench::new();
    for n in 0..1000 {
        bench.now += SECOND / 100;
        let headers = format!("Message-ID: mess{n}\r\n");
        assert_eq!(bench.codes(send("tid1", &headers, Some("x"), '$')), [200]);
    }
    let (timeouts, _) = bench.pass(700 * SECOND);
    assert!(timeouts <= 2, "{timeouts} timeouts after 1000 messages");
}

#[test]
fn rfc4975_5_4_a_session_that_may_not_send_waits_its_interval_for_the_next_keep_alive() {
    // covers: C-193
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
