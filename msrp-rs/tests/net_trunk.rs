//! A trunk: 1000 sessions on one connection, and one consumer that does not read.

mod counting;
mod engine_support;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use counting::{ALLOCATED, PEAK};
use engine_support::{Host, PATIENCE};
use msrp::engine::{Event, ListenOptions, SessionHandle, SessionOptions};
use msrp::limits::Limits;

const SESSIONS: usize = 1000;
const ROUNDS: usize = 5;

/// Takes what both have, until `done`.
#[track_caller]
fn run(a: &Host, b: &Host, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE * 4;
    while !done() {
        a.take();
        b.take();
        assert!(
            Instant::now() < deadline,
            "waited too long for {what}: {:?} {:?}",
            a.engine.stats(),
            b.engine.stats()
        );
        std::thread::yield_now();
    }
}

fn received(host: &Host, session: SessionHandle) -> usize {
    host.seen(|seen| seen.messages.get(&session).map_or(0, Vec::len))
}

#[test]
fn of_1000_sessions_on_one_connection_one_stops_reading_and_all_others_go_on() {
    let limits = Limits::default();
    let (a, b) = (Host::new(), Host::new());
    let start = ALLOCATED.load(Ordering::Relaxed);
    let begun = Instant::now();
    let listener = b
        .engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("a port");
    let there = || SessionOptions {
        listener: Some(listener),
        ..SessionOptions::default()
    };
    let pairs: Vec<_> = (0..SESSIONS)
        .map(|_| {
            let (one, two) = (a.session(), b.session_with(there()));
            let offer = a.engine.create_offer(one).expect("an offer");
            let answer = b
                .engine
                .create_answer(two, &offer, None)
                .expect("an answer");
            a.engine.set_remote(one, &answer, None).expect("taken");
            a.engine.open(one, Some(PATIENCE)).expect("dials");
            (one, two)
        })
        .collect();
    let opened = |host: &Host| {
        host.seen(|seen| {
            let opened = seen.events.iter();
            opened
                .filter(|(_, event)| matches!(event, Event::Opened))
                .count()
        })
    };
    run(&a, &b, "all open", || {
        opened(&a) + opened(&b) == 2 * SESSIONS
    });
    assert_eq!(
        (a.engine.stats().connections, b.engine.stats().connections),
        (1, 1)
    );
    let open = ALLOCATED.load(Ordering::Relaxed) - start;
    println!(
        "open after {:?}, {} octets a pair of sessions",
        begun.elapsed(),
        open / SESSIONS
    );

    let (stalled_sender, stalled) = pairs[SESSIONS / 2];
    b.engine.pause(stalled).expect("alive");
    for _ in 0..4 {
        a.try_send(stalled_sender, vec![b's'; 4 << 20])
            .expect("admitted");
    }
    let begun = Instant::now();
    let before = ALLOCATED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let others = || pairs.iter().filter(|(_, two)| *two != stalled);
    for round in 1..=ROUNDS {
        for (one, two) in others() {
            a.send(*one, "there");
            b.send(*two, "and back");
        }
        let mut left: Vec<_> = others().copied().collect();
        run(&a, &b, "a round", || {
            left.retain(|(one, two)| received(&b, *two) < round || received(&a, *one) < round);
            left.is_empty()
        });
    }
    let stats = b.engine.stats();
    println!(
        "{ROUNDS} rounds of {} messages in {:?}, {} octets allocated at most, {} held at most",
        2 * (SESSIONS - 1),
        begun.elapsed(),
        PEAK.load(Ordering::Relaxed) - before,
        stats.receive_held_peak
    );
    assert_eq!(received(&b, stalled), 0);
    let bound = limits.receive_window + limits.connection_slack + SESSIONS * 1024 + (1 << 20);
    assert!(stats.receive_held_peak <= bound as u64, "{stats:?}");

    // Who comes back is served again.
    b.engine.resume(stalled).expect("alive");
    let mut acknowledged = None;
    run(&a, &b, "the stalled one", || {
        if acknowledged.is_none() {
            acknowledged = a.try_send(stalled_sender, b"again".to_vec()).ok();
        }
        b.seen(|seen| {
            let messages = seen.messages.get(&stalled);
            messages.is_some_and(|messages| messages.iter().any(|m| m.body == b"again"))
        })
    });
    let mut counts: HashMap<&str, usize> = HashMap::new();
    a.seen(|seen| {
        for (session, event) in &seen.events {
            if let Event::Failed { .. } = event {
                assert_eq!(*session, stalled_sender, "only the stalled one's may fail");
                *counts.entry("failed").or_default() += 1;
            }
            assert!(!matches!(event, Event::Closed { .. }));
        }
    });
    println!(
        "of the stalled one: {counts:?}, shed {} times",
        b.engine.stats().sessions_shed
    );
}
