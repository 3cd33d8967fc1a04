//! Answers and REPORTs about what we sent, early, late, twice or wrong; and ours about what we received.

mod support;

use msrp::proto::{
    Body, CloseReason, Command, Event, Failure, MessageKey, OutgoingMessage, ReportMode,
};
use msrp::wire::{FailureReport, StatusCode};
use support::bench::{Bench, TO, report, response, send};
use support::{S1, drain, message};

/// A session that is bound, with nothing told yet.
fn bound() -> Bench {
    let mut bench = Bench::new();
    assert_eq!(
        bench.codes(send("tid0", "Message-ID: m0xx\r\n", None, '$')),
        [200]
    );
    bench.side.take();
    bench
}

fn failures(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::Failed(..)))
        .count()
}

#[test]
fn late_errors_of_a_message_without_answers_touch_no_other() {
    // covers: C-171, C-249, C-252
    for body in [Body::Stream(None), Body::None] {
        let mut bench = bound();
        let bodiless = matches!(body, Body::None);
        let (first, _) = bench.say(OutgoingMessage {
            failure_report: FailureReport::Partial,
            ..message(body)
        });
        let data = Command::StreamData(first, "x".repeat(5 * 2048).into());
        bench.side.connection.handle_command(bench.now, S1, data);
        bench.feed("");
        let frames = support::frames(&bench.side.sent);
        let mut ids = frames.iter().filter(|(head, ..)| head.is_request());
        let mut answer = |bench: &mut Bench| {
            let (head, ..) = ids.next().expect("another chunk");
            bench.feed(response(&head.transaction_id().to_string(), "413 No"));
        };
        if !bodiless {
            answer(&mut bench);
            let failed = |event: &Event| matches!(event, Event::Failed(key, _) if *key == first);
            assert!(bench.side.take().iter().any(failed));
        }
        // The next one takes the place of the first.
        let (second, _) = bench.say(message(Body::Whole("second".into())));
        answer(&mut bench);
        let failed = |event: &Event| matches!(event, Event::Failed(key, _) if *key == second);
        let events = bench.side.take();
        assert!(!events.iter().any(failed), "{events:?}");
    }
}
