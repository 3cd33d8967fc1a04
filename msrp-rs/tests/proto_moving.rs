//! A session that leaves a connection (RFC 4975 §8.4): what has not begun is handed back in order, what has begun ends
//! there, and nothing ends without a word.

mod support;

use std::time::Duration;

use msrp::limits::Limits;
use msrp::proto::{
    Body, CloseReason, Command, Event, Failure, Flow, MessageEnd, Pacing, TransferKey,
};
use msrp::wire::UriPath;
use msrp_conformance::covers;
use support::{Pair, S1, contents, message, octets, uri};

fn returned(events: &[Event]) -> Vec<TransferKey> {
    let keys = events.iter().filter_map(|event| match event {
        Event::Returned(key, _) => Some(*key),
        _ => None,
    });
    keys.collect()
}

#[test]
fn what_has_not_begun_is_handed_back_and_the_rest_goes_on() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.pacing = Pacing::One);
    let content = octets(100_000, 3);
    let begun = pair.send_a(S1, message(Body::Whole(content.clone().into())));
    pair.step();
    let waiting: Vec<_> = (0..5)
        .map(|n| pair.send_a(S1, message(Body::Whole(octets(n, 1).into()))))
        .collect();
    // The peer has begun something, too.
    pair.b.capacity = 4096;
    pair.send_b(S1, message(Body::Whole(content.clone().into())));
    pair.step();
    pair.command_a(S1, Command::Retire);
    pair.b.capacity = usize::MAX;
    pair.run();
    let events = pair.a.take();
    assert_eq!(returned(&events), waiting);
    assert!(events.contains(&Event::Retired));
    assert!(events.contains(&Event::Acknowledged(begun)));
    assert_eq!(contents(&events), [(content.clone(), true)]);
    assert_eq!(contents(&pair.b.take()), [(content, true)]);
    // It stays a moment for what is on its way, and then ends.
    pair.send_b(S1, message(Body::Whole("on its way".into())));
    pair.run();
    assert_eq!(contents(&pair.a.take()), [(b"on its way".to_vec(), true)]);
    pair.advance(Duration::from_secs(3));
    let events = pair.a.take();
    let [
        Event::Closed {
            reason: CloseReason::Local,
            unacknowledged,
        },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert!(unacknowledged.is_empty());
    covers!("S-137");
}

#[test]
fn a_connection_that_is_lost_while_its_session_moves_hands_back_and_fails_the_rest() {
    for moving in [true, false] {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.pacing = Pacing::One);
        let begun = pair.send_a(S1, message(Body::Whole(octets(100_000, 3).into())));
        pair.step();
        let waits = pair.send_a(S1, message(Body::Whole("waits".into())));
        if moving {
            let path = UriPath::from(uri("b.example", 2));
            pair.command_a(S1, Command::Move(Some(path)));
        }
        pair.a.connection.handle_eof(pair.now);
        support::drain(&mut pair.a, pair.now);
        let events = pair.a.take();
        let failed = events.contains(&Event::Failed(begun, Failure::SessionClosed));
        let unacknowledged = events.iter().find_map(|event| match event {
            Event::Closed { unacknowledged, .. } => Some(unacknowledged.clone()),
            _ => None,
        });
        if moving {
            assert_eq!(returned(&events), [waits]);
            assert!(failed);
            assert_eq!(unacknowledged, Some(Vec::new()));
        } else {
            assert_eq!(returned(&events), []);
            assert!(!failed);
            assert_eq!(unacknowledged, Some(vec![begun, waits]));
        }
    }
    covers!("S-137");
}

#[test]
fn what_a_hold_keeps_back_where_a_session_was_goes_on_there_after_it() {
    let held = Flow {
        sends: false,
        receives: true,
    };
    let begin = || {
        let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 2048);
        pair.a.capacity = 8 * 1024;
        let content = octets(600_000, 5);
        let transfer = pair.send_a(S1, message(Body::Whole(content.clone().into())));
        for _ in 0..4 {
            pair.step();
        }
        pair.command_a(S1, Command::SetFlow(held));
        pair.a.capacity = usize::MAX;
        pair.run();
        pair.command_a(S1, Command::Retire);
        pair.advance(Duration::from_secs(60));
        let events = pair.a.take();
        let over = |event: &Event| matches!(event, Event::Failed(..) | Event::Closed { .. });
        assert!(!events.iter().any(over), "{events:?}");
        (pair, transfer, content)
    };
    let (mut pair, transfer, content) = begin();
    pair.command_a(S1, Command::SetFlow(Flow::default()));
    pair.run();
    assert!(pair.a.take().contains(&Event::Acknowledged(transfer)));
    assert_eq!(contents(&pair.b.take()), [(content, true)]);
    // A session that its host has closed is held for ever.
    let (mut pair, transfer, _) = begin();
    let deadline = pair.now + Duration::from_secs(86_400);
    pair.command_a(S1, Command::Close(deadline));
    pair.run();
    let events = pair.a.take();
    assert!(events.contains(&Event::Failed(transfer, Failure::SessionClosed)));
    assert!(matches!(events.last(), Some(Event::Closed { .. })));
    let ended = |event: &Event| matches!(event, Event::MessageEnd { end, .. } if *end == MessageEnd::Aborted);
    assert!(pair.b.take().iter().any(ended), "the peer is told");
    covers!("S-137");
}
