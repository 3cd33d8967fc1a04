//! Slow consumers: back-pressure on a connection of one session, shedding on a shared one.

mod support;

use std::collections::HashMap;
use std::time::Duration;

use msrp::limits::Limits;
use msrp::proto::{Body, Command, Event, Failure, MessageEnd, SessionKey};
use msrp_conformance::covers;
use support::{Pair, S1, Side, contents, message, octets};

const MIB: usize = 1 << 20;

/// What the consumer of a session has been given and has not taken.
fn held(events: &[(SessionKey, Event)], key: SessionKey) -> usize {
    events
        .iter()
        .filter(|(other, _)| *other == key)
        .map(|(_, event)| match event {
            Event::Message { credit, .. } | Event::MessageBegin { credit, .. } => *credit,
            Event::MessageBody { data, .. } => data.len(),
            _ => 0,
        })
        .sum()
}

fn consume(side: &mut Side, now: std::time::Instant, key: SessionKey, len: usize) {
    side.connection
        .handle_command(now, key, Command::Consumed(len));
}

#[test]
fn a_lone_stalled_consumer_is_plain_back_pressure() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    pair.b.consume = false;
    pair.a.capacity = 64 * 1024;
    let content = octets(8 * MIB, 1);
    let sent = pair.send_a(S1, message(Body::Whole(content.clone().into())));
    pair.advance(Duration::from_secs(15));
    assert!(!pair.b.connection.reading_allowed());
    let limits = Limits::default();
    let bound = limits.receive_window + limits.connection_slack + 64 * 1024;
    assert!(
        held(&pair.b.events, S1) <= bound,
        "{}",
        held(&pair.b.events, S1)
    );
    // Half a minute of reading now and then: nothing is lost and no timer fires.
    let mut taken = 0;
    let mut all = Vec::new();
    while taken < content.len() {
        let part = held(&pair.b.events, S1);
        all.append(&mut pair.b.events);
        consume(&mut pair.b, pair.now, S1, part);
        taken += part;
        pair.advance(Duration::from_secs(10));
    }
    let events: Vec<_> = all
        .into_iter()
        .chain(pair.b.events.drain(..))
        .map(|(_, event)| event)
        .collect();
    assert!(contents(&events) == [(content, true)]);
    assert!(pair.a.take().contains(&Event::Acknowledged(sent)));
    covers!("T-63");
}

#[test]
fn a_lone_consumer_that_stalls_for_ever_is_shed_after_the_limit() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    pair.b.consume = false;
    pair.a.capacity = 64 * 1024;
    let sent = pair.send_a(S1, message(Body::Whole(octets(8 * MIB, 1).into())));
    pair.advance(Duration::from_secs(25));
    let b = pair.b.take();
    assert!(b.contains(&Event::Shed));
    let failed = pair.a.take().into_iter().any(|event| matches!(event, Event::Failed(key, Failure::Status { code, .. }) if key == sent && code.0 == 413));
    assert!(failed);
}

#[test]
fn without_a_stall_limit_it_waits_for_ever() {
    let mut limits = Limits::default();
    limits.stall = None;
    let mut pair = Pair::with(&limits, 1, |config| config.chunk_len = 0);
    pair.b.consume = false;
    pair.a.capacity = 64 * 1024;
    // The sender's patience is its own limit: the peer's socket takes nothing.
    pair.send_a(S1, message(Body::Whole(octets(8 * MIB, 1).into())));
    pair.advance(Duration::from_secs(25));
    assert!(!pair.b.take().contains(&Event::Shed));
}

#[test]
fn a_second_session_ends_the_patience_with_the_first() {
    let mut limits = Limits::default();
    for stall in [None, limits.stall] {
        limits.stall = stall;
        let mut pair = Pair::with(&limits, 1, |config| config.chunk_len = 0);
        pair.b.consume = false;
        pair.a.capacity = 64 * 1024;
        pair.send_a(S1, message(Body::Whole(octets(8 * MIB, 1).into())));
        pair.advance(Duration::from_secs(10));
        assert!(!pair.b.connection.reading_allowed());
        // The new session must not wait for the consumer of the other one longer than 2 s, nor is that one shed at once.
        let ours = support::config("b.example", "a.example", 2, false);
        let attached = pair.b.connection.attach(pair.now, SessionKey(2), ours);
        attached.expect("attached");
        pair.advance(Duration::from_millis(1900));
        assert!(!pair.b.take().contains(&Event::Shed), "{stall:?}");
        pair.advance(Duration::from_millis(200));
        assert!(pair.b.take().contains(&Event::Shed), "{stall:?}");
        assert!(pair.b.connection.reading_allowed());
    }
}

#[test]
fn the_last_session_on_a_paused_connection_has_its_own_patience() {
    let mut pair = Pair::with(&Limits::default(), 2, |config| config.chunk_len = 0);
    pair.b.consume = false;
    pair.a.capacity = 64 * 1024;
    pair.send_a(S1, message(Body::Whole(octets(8 * MIB, 1).into())));
    pair.run();
    assert!(!pair.b.connection.reading_allowed());
    pair.advance(Duration::from_secs(1));
    pair.command_b(SessionKey(2), Command::CloseNow);
    pair.advance(Duration::from_secs(18));
    assert!(!pair.b.take().contains(&Event::Shed));
    pair.advance(Duration::from_secs(2));
    assert!(pair.b.take().contains(&Event::Shed));
}

#[test]
fn sixteen_sessions_with_one_stalled_consumer() {
    let mut pair = Pair::with(&Limits::default(), 16, |config| config.chunk_len = 0);
    pair.a.capacity = 64 * 1024;
    pair.b.consume = false;
    let stalled = SessionKey(7);
    let content = octets(4 * MIB, 1);
    for n in 1..=16 {
        pair.send_a(SessionKey(n), message(Body::Whole(content.clone().into())));
    }
    let mut events: HashMap<SessionKey, Vec<Event>> = HashMap::new();
    let mut paused = Duration::ZERO;
    let mut shed_held = None;
    let done = |events: &HashMap<SessionKey, Vec<Event>>| {
        events
            .values()
            .flatten()
            .filter(|event| {
                matches!(
                    event,
                    Event::MessageEnd {
                        end: MessageEnd::Complete(_),
                        ..
                    }
                )
            })
            .count()
    };
    while done(&events) < 15 {
        let moved = pair.step();
        for (key, event) in std::mem::take(&mut pair.b.events) {
            if key != stalled {
                let credit = match &event {
                    Event::MessageBegin { credit, .. } => *credit,
                    Event::MessageBody { data, .. } => data.len(),
                    _ => 0,
                };
                consume(&mut pair.b, pair.now, key, credit);
            } else if event == Event::Shed {
                shed_held = Some(
                    events[&stalled]
                        .iter()
                        .map(|event| match event {
                            Event::MessageBody { data, .. } => data.len(),
                            _ => 0,
                        })
                        .sum::<usize>(),
                );
            }
            events.entry(key).or_default().push(event);
        }
        if !moved {
            // Only time helps.
            let before = pair.now;
            pair.now = pair
                .b
                .connection
                .poll_timeout()
                .expect("a paused connection has a deadline");
            paused += pair.now - before;
            pair.b.connection.handle_timeout(pair.now);
            pair.a.connection.handle_timeout(pair.now);
        }
    }
    assert!(paused <= Duration::from_secs(2), "paused for {paused:?}");
    let limits = Limits::default();
    let shed_held = shed_held.expect("the stalled session is shed");
    assert!(
        shed_held <= limits.receive_window + limits.connection_slack + 128 * 1024,
        "{shed_held}"
    );
    assert!(
        matches!(events[&stalled].last(), Some(Event::MessageEnd { end: MessageEnd::Rejected(status), .. }) if status.0 == 413)
    );
    for (key, events) in &events {
        if *key != stalled {
            assert!(contents(events) == [(content.clone(), true)]);
        }
    }
    pair.run();
    let failures = pair
        .a
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Failed(..)))
        .map(|(key, _)| *key);
    assert_eq!(failures.collect::<Vec<_>>(), [stalled]);

    // While shed: refused. When it has caught up: taken again.
    pair.a.events.clear();
    pair.send_a(stalled, message(Body::Whole("too early".into())));
    pair.run();
    let refused = |event: &(SessionKey, Event)| matches!(&event.1, Event::Failed(_, Failure::Status { code, .. }) if code.0 == 413);
    assert!(pair.a.events.iter().any(refused));
    let now = pair.now;
    consume(&mut pair.b, now, stalled, 4 * MIB);
    support::drain(&mut pair.b, now);
    assert!(pair.b.take().contains(&Event::Recovered));
    pair.send_a(stalled, message(Body::Whole("in time".into())));
    pair.run();
    assert_eq!(contents(&pair.b.take()), [(b"in time".to_vec(), true)]);
}

#[test]
fn our_timers_stand_still_while_we_do_not_read() {
    let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = 0);
    pair.b.consume = false;
    pair.a.capacity = 64 * 1024;
    pair.send_a(S1, message(Body::Whole(octets(8 * MIB, 1).into())));
    pair.run();
    assert!(!pair.b.connection.reading_allowed());
    // b asks; the answer would be behind megabytes that b does not read.
    let asked = pair.send_b(S1, message(Body::Whole("are you there?".into())));
    pair.advance(Duration::from_secs(19));
    let held = held(&pair.b.events, S1);
    consume(&mut pair.b, pair.now, S1, held);
    pair.b.consume = true;
    pair.advance(Duration::from_secs(20));
    let b = pair.b.take();
    assert!(
        b.contains(&Event::Acknowledged(asked)),
        "39 s later, but 19 of them were ours"
    );
}

#[test]
fn responses_that_nobody_reads_pause_reading() {
    let mut pair = Pair::new();
    // b cannot write: its responses pile up in its control lane.
    pair.b.capacity = 0;
    for _ in 0..1000 {
        pair.send_a(S1, message(Body::Whole("x".into())));
    }
    let mut limits = Limits::default();
    limits.control_lane = 5_000;
    let mut small = Pair::with(&limits, 1, |_| {});
    small.b.capacity = 0;
    small.a.split = 1000;
    for _ in 0..1000 {
        small.send_a(S1, message(Body::Whole("x".into())));
    }
    pair.run();
    small.run();
    assert!(pair.b.connection.reading_allowed());
    assert!(!small.b.connection.reading_allowed());
    small.b.capacity = usize::MAX;
    small.run();
    assert_eq!(contents(&small.b.take()).len(), 1000);
    covers!("T-63");
}

#[test]
fn two_sides_that_flood_each_other_do_not_wait_for_each_other() {
    // Each small message costs its receiver more octets of control than it has itself: a response and a REPORT.
    let mut pair = Pair::with(&Limits::default(), 8, |_| {});
    for side in [&mut pair.a, &mut pair.b] {
        // What sockets hold.
        side.capacity = MIB;
        side.split = 16 * 1024;
    }
    let line = || msrp::proto::OutgoingMessage {
        success_report: true,
        ..message(Body::Whole("x".into()))
    };
    let mut unsent = [20_000usize; 2];
    let mut say = |pair: &mut Pair, is_a: bool, key| {
        let unsent = &mut unsent[usize::from(is_a)];
        *unsent = match (*unsent, is_a) {
            (0, _) => return,
            (rest, true) => {
                pair.send_a(key, line());
                rest - 1
            }
            (rest, false) => {
                pair.send_b(key, line());
                rest - 1
            }
        };
    };
    for n in 1..=8 {
        for _ in 0..900 {
            say(&mut pair, true, SessionKey(n));
            say(&mut pair, false, SessionKey(n));
        }
    }
    let mut delivered = 0;
    while pair.step() {
        for is_a in [true, false] {
            let side = if is_a { &mut pair.a } else { &mut pair.b };
            for (key, event) in std::mem::take(&mut side.events) {
                match event {
                    Event::Acknowledged(_) => say(&mut pair, is_a, key),
                    Event::Delivered(_) => delivered += 1,
                    _ => {}
                }
            }
        }
    }
    assert_eq!(delivered, 40_000);
}

#[test]
fn short_engine_memory_refuses_new_messages_and_recovers() {
    let mut pair = Pair::new();
    pair.b.connection.set_memory_pressure(true);
    let refused = pair.send_a(S1, message(Body::Whole("x".into())));
    pair.run();
    assert!(
        pair.a
            .take()
            .iter()
            .any(|event| matches!(event, Event::Failed(key, _) if *key == refused))
    );
    pair.b.connection.set_memory_pressure(false);
    let taken = pair.send_a(S1, message(Body::Whole("x".into())));
    pair.run();
    assert!(pair.a.take().contains(&Event::Acknowledged(taken)));
}

#[test]
fn a_healthy_session_is_not_shed_for_the_time_that_another_used_up() {
    let mut pair = Pair::with(&Limits::default(), 3, |config| config.chunk_len = 0);
    pair.a.capacity = 64 * 1024;
    pair.b.consume = false;
    let (stalled, slow) = (SessionKey(1), SessionKey(2));
    pair.send_a(stalled, message(Body::Whole(octets(8 * MIB, 1).into())));
    pair.advance(Duration::from_secs(3));
    assert!(pair.b.events.contains(&(stalled, Event::Shed)));
    // Seconds later another consumer is late by 50 ms, with the whole slack on its account.
    pair.b.events.clear();
    let content = octets(8 * MIB, 2);
    let sent = pair.send_a(slow, message(Body::Whole(content.into())));
    let mut taken = 0;
    while taken < 8 * MIB {
        pair.run();
        assert!(
            !pair.b.connection.reading_allowed() || taken + held(&pair.b.events, slow) >= 8 * MIB
        );
        pair.advance(Duration::from_millis(50));
        assert!(!pair.b.events.contains(&(slow, Event::Shed)));
        let part = held(&pair.b.events, slow);
        pair.b.events.clear();
        taken += part;
        consume(&mut pair.b, pair.now, slow, part);
    }
    pair.run();
    assert!(pair.a.take().contains(&Event::Acknowledged(sent)));
}

#[test]
fn each_session_that_stands_still_is_shed_in_its_turn() {
    let mut pair = Pair::with(&Limits::default(), 4, |config| config.chunk_len = 0);
    pair.a.capacity = 64 * 1024;
    pair.b.consume = false;
    for n in 1..=4 {
        pair.send_a(
            SessionKey(n),
            message(Body::Whole(octets(4 * MIB, n).into())),
        );
    }
    let start = pair.now;
    pair.advance(Duration::from_secs(4));
    let shed: std::collections::HashSet<_> = pair
        .b
        .events
        .iter()
        .filter(|(_, event)| *event == Event::Shed)
        .map(|(key, _)| *key)
        .collect();
    assert!(shed.len() >= 3, "{shed:?} after {:?}", pair.now - start);
    assert!(pair.b.connection.reading_allowed());
}
