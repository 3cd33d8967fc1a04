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
