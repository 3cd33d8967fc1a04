//! Random schedules of sends, streams, aborts, refusals, slow consumers, splits, stalls, long waits, short memory, late
//! answers and cuts between two connections, with wide and with tight limits: every message is delivered once and
//! whole or its failure is told, windows balance, no timer fires for nothing.

mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{
    Body, CloseReason, Command, Event, MessageEnd, MessageKey, OutgoingMessage, Pacing,
    SessionConfig, SessionKey, TransferKey, send_cost,
};
use msrp::wire::{FailureReport, StatusCode};
use proptest::prelude::*;
use support::{Entry, Pair, Side, contents, drain, message, octets};

#[derive(Debug, Clone)]
enum Action {
    Send {
        from_a: bool,
        session: u64,
        len: usize,
        success_report: bool,
        failure_report: FailureReport,
    },
    Stream {
        from_a: bool,
        session: u64,
        len: usize,
        known: bool,
        part: usize,
    },
    Abort {
        from_a: bool,
        nth: usize,
    },
    Pipe {
        of_a: bool,
        capacity: usize,
        split: usize,
    },
    Steps(usize),
    Wait(u64),
    /// Time passes, and octets move meanwhile.
    Pass(u64),
    Memory {
        at_a: bool,
        short: bool,
    },
    Reject {
        at_a: bool,
        nth: usize,
    },
    /// The remote side of `LATE` becomes known to b.
    Attach,
    Consume {
        at_a: bool,
        on: bool,
    },
    Close {
        from_a: bool,
        session: u64,
        now: bool,
    },
    Cut,
}

fn action() -> impl Strategy<Value = Action> {
    let len = prop_oneof![
        0usize..10,
        1900usize..2200,
        0usize..20_000,
        60_000usize..70_000,
        100_000usize..400_000
    ];
    let failure_report = prop_oneof![4 => Just(FailureReport::Yes), 1 => Just(FailureReport::No), 1 => Just(FailureReport::Partial)];
    prop_oneof![
        8 => (any::<bool>(), 1u64..4, len.clone(), any::<bool>(), failure_report).prop_map(
            |(from_a, session, len, success_report, failure_report)| Action::Send { from_a, session, len, success_report, failure_report }),
        3 => (any::<bool>(), 1u64..4, len, any::<bool>(), 1usize..9000).prop_map(
            |(from_a, session, len, known, part)| Action::Stream { from_a, session, len, known, part }),
        2 => (any::<bool>(), 0usize..20).prop_map(|(from_a, nth)| Action::Abort { from_a, nth }),
        3 => (any::<bool>(), 1usize..20_000, 1usize..9000).prop_map(|(of_a, capacity, split)| Action::Pipe { of_a, capacity, split }),
        8 => (1usize..60).prop_map(Action::Steps),
        1 => (1u64..4).prop_map(Action::Wait),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(at_a, on)| Action::Consume { at_a, on }),
        1 => (10u64..70).prop_map(Action::Wait),
        2 => (1u64..50).prop_map(Action::Pass),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(at_a, short)| Action::Memory { at_a, short }),
        2 => (any::<bool>(), 0usize..4).prop_map(|(at_a, nth)| Action::Reject { at_a, nth }),
        2 => Just(Action::Attach),
        1 => (any::<bool>(), 1u64..4, any::<bool>()).prop_map(|(from_a, session, now)| Action::Close { from_a, session, now }),
    ]
}

/// The session that b is told of late: its first requests are held.
const LATE: SessionKey = SessionKey(3);

struct Sent {
    session: SessionKey,
    key: TransferKey,
    content: Vec<u8>,
    failure_report: FailureReport,
    success_report: bool,
    /// Octets of a stream not given yet, and the size of a part.
    rest: Option<(usize, usize)>,
    wanted: usize,
}

/// What is known about one direction.
#[derive(Default)]
struct Direction {
    sent: Vec<Sent>,
    next: u32,
    window: HashMap<SessionKey, isize>,
    told: Vec<(SessionKey, Event)>,
    /// Received and not taken, while the consumer rests.
    unconsumed: Vec<(SessionKey, usize)>,
    untaken: Vec<(SessionKey, MessageKey)>,
    /// Whether the consumer or its memory refused something.
    refused: bool,
    /// Whether messages are refused that are too many at a time: unnoticed, without Failure-Report.
    crowded: bool,
}

fn feed_streams(side: &mut Side, direction: &mut Direction, now: Instant) {
    for sent in &mut direction.sent {
        let Some((mut given, part)) = sent.rest else {
            continue;
        };
        while given < sent.content.len() && sent.wanted > 0 {
            let len = part.min(sent.wanted).min(sent.content.len() - given);
            let data = Bytes::copy_from_slice(&sent.content[given..given + len]);
            side.connection
                .handle_command(now, sent.session, Command::StreamData(sent.key, data));
            if part % 3 == 0 {
                side.connection
                    .handle_command(now, sent.session, Command::StreamFlush(sent.key));
            }
            given += len;
            sent.wanted -= len;
        }
        if given == sent.content.len() {
            side.connection
                .handle_command(now, sent.session, Command::StreamEnd(sent.key));
            sent.rest = None;
        } else {
            sent.rest = Some((given, part));
        }
    }
}

fn collect(side: &mut Side, direction: &mut Direction, now: Instant) {
    drain(side, now);
    for (key, event) in side.events.drain(..) {
        match &event {
            Event::WindowReleased(len) => {
                *direction.window.entry(key).or_default() -= *len as isize
            }
            Event::DataWanted(transfer, len) => {
                if let Some(sent) = direction
                    .sent
                    .iter_mut()
                    .find(|sent| sent.session == key && sent.key == *transfer)
                {
                    sent.wanted += len;
                }
            }
            Event::Message {
                message, credit, ..
            } if !side.consume => {
                direction.unconsumed.push((key, *credit));
                direction.untaken.push((key, *message));
            }
            Event::MessageBegin { credit, .. } if !side.consume => {
                direction.unconsumed.push((key, *credit));
            }
            Event::MessageEnd { message, .. } if !side.consume => {
                direction.untaken.push((key, *message));
            }
            Event::MessageBody { data, .. } if !side.consume => {
                direction.unconsumed.push((key, data.len()))
            }
            _ => {}
        }
        direction.told.push((key, event));
    }
    if side.consume {
        for (key, credit) in direction.unconsumed.drain(..) {
            side.connection
                .handle_command(now, key, Command::Consumed(credit));
        }
        for (key, message) in direction.untaken.drain(..) {
            side.connection
                .handle_command(now, key, Command::Taken(message));
        }
    }
}

fn check(name: &str, ours: &Direction, theirs: &Direction, cut: bool) -> Result<(), TestCaseError> {
    for n in 1..4 {
        let key = SessionKey(n);
        let of = |direction: &Direction| -> Vec<Event> {
            direction
                .told
                .iter()
                .filter(|(other, _)| *other == key)
                .map(|(_, event)| event.clone())
                .collect()
        };
        let (told, arrived) = (of(ours), of(theirs));
        let closed = told
            .iter()
            .position(|event| matches!(event, Event::Closed { .. }));
        prop_assert!(
            closed.is_none_or(|at| at + 1 == told.len()),
            "{name} {key:?}: events after Closed"
        );
        let unacknowledged = match told.last() {
            Some(Event::Closed { unacknowledged, .. }) => unacknowledged.clone(),
            _ => Vec::new(),
        };
        let peer_closed = arrived
            .iter()
            .any(|event| matches!(event, Event::Closed { .. }));
        let idle = |event: &Event| {
            matches!(
                event,
                Event::MessageEnd {
                    end: MessageEnd::Idle,
                    ..
                }
            )
        };
        let refused = theirs.refused || arrived.contains(&Event::Shed) || arrived.iter().any(idle);
        let bound = told.contains(&Event::Bound);
        let mut delivered: Vec<Vec<u8>> = contents(&arrived)
            .into_iter()
            .filter(|(_, complete)| *complete)
            .map(|(content, _)| content)
            .collect();
        for sent in ours.sent.iter().filter(|sent| sent.session == key) {
            let acknowledged = told.contains(&Event::Acknowledged(sent.key));
            let failed = told
                .iter()
                .any(|event| matches!(event, Event::Failed(key, _) if *key == sent.key));
            let left = unacknowledged.contains(&sent.key);
            // What was only written may still fail, when the peer says so.
            let late = acknowledged && failed && sent.failure_report == FailureReport::Partial;
            let ends = usize::from(acknowledged) + usize::from(failed && !late) + usize::from(left);
            if !bound && ends == 0 && closed.is_none() {
                // The peer gave up before the session was known here.
                continue;
            }
            prop_assert_eq!(
                ends,
                1,
                "{} {:?} {:?}: acknowledged {}, failed {}, left {}",
                name,
                key,
                sent.key,
                acknowledged,
                failed,
                left
            );
            let arrived_whole = delivered
                .iter()
                .position(|content| *content == sent.content);
            if acknowledged && sent.failure_report == FailureReport::Yes {
                prop_assert!(
                    arrived_whole.is_some(),
                    "{name} {key:?} {:?}: acknowledged and not delivered",
                    sent.key
                );
            }
            if acknowledged
                && sent.success_report
                && !cut
                && !peer_closed
                && closed.is_none()
                && !refused
                && (sent.failure_report == FailureReport::Yes || !theirs.crowded)
            {
                prop_assert!(
                    told.contains(&Event::Delivered(sent.key)),
                    "{name} {key:?} {:?}: no success report",
                    sent.key
                );
            }
            if let Some(at) = arrived_whole {
                delivered.swap_remove(at);
            }
        }
        prop_assert!(
            delivered.is_empty(),
            "{name} {key:?}: {} messages came twice or from nowhere",
            delivered.len()
        );
        if closed.is_none() && bound {
            prop_assert_eq!(
                ours.window.get(&key).copied().unwrap_or(0),
                0,
                "{} {:?}: window",
                name,
                key
            );
        }
    }
    Ok(())
}

/// Bounds that the actions reach.
fn tight() -> Limits {
    let mut limits = Limits::default();
    limits.receive_window = 20_000;
    limits.connection_slack = 40_000;
    limits.control_lane = 3000;
    limits.write_ahead = 8192;
    limits.read_ahead = 20_000;
    limits.max_transactions = 4;
    limits.incomplete_messages = 3;
    limits.early_len = 3000;
    limits.incomplete_idle = Duration::from_secs(20);
    limits
}

/// What is the same for all sessions of a run.
#[derive(Debug, Clone, Copy)]
struct Manner {
    chunk_len: u32,
    keep_alive: Option<Duration>,
    pacing: Pacing,
    dash_split: bool,
}

/// A pair of three sessions, of which b knows `LATE` as not ready yet.
fn start(limits: &Limits, manner: Manner) -> (Pair, SessionConfig) {
    let mut pair = Pair::bare(limits);
    let config = |from, to, n, active| SessionConfig {
        chunk_len: manner.chunk_len,
        keep_alive: manner.keep_alive,
        pacing: manner.pacing,
        dash_split: manner.dash_split,
        ..support::config(from, to, n, active)
    };
    for n in 1..4 {
        let ours = config("a.example", "b.example", n, true);
        let attached = pair.a.connection.attach(pair.now, SessionKey(n), ours);
        attached.expect("attached");
        let theirs = config("b.example", "a.example", n, false);
        let uri = theirs.local_uri.clone();
        let entry = match SessionKey(n) {
            LATE => Entry::NotReady(LATE),
            key => Entry::Ready(key, Box::new(theirs)),
        };
        pair.b.table.entries.insert(uri, entry);
    }
    pair.run();
    (pair, config("b.example", "a.example", 3, false))
}

/// Handles what is due. Then nothing may be due any more: the driver would never sleep.
fn timeout(side: &mut Side, now: Instant) -> Result<(), TestCaseError> {
    side.connection.handle_timeout(now);
    let next = side.connection.poll_timeout();
    prop_assert!(
        next.is_none_or(|next| next > now),
        "a timer is due after it was handled"
    );
    Ok(())
}

fn run(limits: &Limits, manner: Manner, actions: Vec<Action>) -> Result<(), TestCaseError> {
    let (mut pair, late) = start(limits, manner);
    let mut late = Some(late);
    let (mut a, mut b) = (Direction::default(), Direction::default());
    a.crowded = limits.incomplete_messages < Limits::default().incomplete_messages;
    b.crowded = a.crowded;
    let mut cut = false;
    let mut seed = 0;
    for action in actions {
        match action {
            Action::Send {
                from_a,
                session,
                len,
                success_report,
                failure_report,
            } => {
                let (side, direction) = if from_a {
                    (&mut pair.a, &mut a)
                } else {
                    (&mut pair.b, &mut b)
                };
                seed += 1;
                // Different contents: so each can be told from the others.
                let content = [format!("{from_a}{seed}:").into_bytes(), octets(len, seed)].concat();
                direction.next += 1;
                let key = TransferKey(direction.next);
                let session = SessionKey(session);
                if session == LATE && !from_a && late.is_some() {
                    continue;
                }
                if direction
                    .told
                    .iter()
                    .any(|(key, event)| *key == session && matches!(event, Event::Closed { .. }))
                {
                    continue;
                }
                let body = Body::Whole(content.clone().into());
                let outgoing = OutgoingMessage {
                    success_report,
                    failure_report,
                    ..message(body)
                };
                if content.len() <= limits.small_message {
                    *direction.window.entry(session).or_default() +=
                        send_cost(content.len()) as isize;
                }
                side.connection.handle_command(
                    pair.now,
                    session,
                    Command::Send(key, Box::new(outgoing)),
                );
                direction.sent.push(Sent {
                    session,
                    key,
                    content,
                    failure_report,
                    success_report,
                    rest: None,
                    wanted: 0,
                });
            }
            Action::Stream {
                from_a,
                session,
                len,
                known,
                part,
            } => {
                let (side, direction) = if from_a {
                    (&mut pair.a, &mut a)
                } else {
                    (&mut pair.b, &mut b)
                };
                seed += 1;
                let content = [format!("{from_a}{seed}:").into_bytes(), octets(len, seed)].concat();
                direction.next += 1;
                let key = TransferKey(direction.next);
                let session = SessionKey(session);
                if session == LATE && !from_a && late.is_some() {
                    continue;
                }
                if direction
                    .told
                    .iter()
                    .any(|(key, event)| *key == session && matches!(event, Event::Closed { .. }))
                {
                    continue;
                }
                let outgoing = message(Body::Stream(known.then_some(content.len() as u64)));
                side.connection.handle_command(
                    pair.now,
                    session,
                    Command::Send(key, Box::new(outgoing)),
                );
                let failure_report = FailureReport::Yes;
                direction.sent.push(Sent {
                    session,
                    key,
                    content,
                    failure_report,
                    success_report: false,
                    rest: Some((0, part)),
                    wanted: 0,
                });
            }
            Action::Abort { from_a, nth } => {
                let (side, direction) = if from_a {
                    (&mut pair.a, &mut a)
                } else {
                    (&mut pair.b, &mut b)
                };
                if let Some(sent) = direction.sent.iter().rev().nth(nth) {
                    side.connection.handle_command(
                        pair.now,
                        sent.session,
                        Command::Abort(sent.key),
                    );
                }
            }
            Action::Pipe {
                of_a,
                capacity,
                split,
            } => {
                let side = if of_a { &mut pair.a } else { &mut pair.b };
                side.capacity = capacity;
                side.split = split;
            }
            Action::Steps(count) => {
                for _ in 0..count {
                    pair.step();
                    collect(&mut pair.a, &mut a, pair.now);
                    collect(&mut pair.b, &mut b, pair.now);
                    feed_streams(&mut pair.a, &mut a, pair.now);
                    feed_streams(&mut pair.b, &mut b, pair.now);
                }
            }
            Action::Wait(seconds) => {
                pair.now += Duration::from_secs(seconds);
                timeout(&mut pair.a, pair.now)?;
                timeout(&mut pair.b, pair.now)?;
            }
            Action::Pass(seconds) => pair.advance(Duration::from_secs(seconds)),
            Action::Memory { at_a, short } => {
                let (side, direction) = if at_a {
                    (&mut pair.a, &mut a)
                } else {
                    (&mut pair.b, &mut b)
                };
                side.connection.set_memory_pressure(short);
                direction.refused |= short;
            }
            Action::Reject { at_a, nth } => {
                let (side, direction) = if at_a {
                    (&mut pair.a, &mut a)
                } else {
                    (&mut pair.b, &mut b)
                };
                let begun = |told: &(SessionKey, Event)| match told {
                    (key, Event::MessageBegin { message, .. }) => Some((*key, *message)),
                    _ => None,
                };
                if let Some((key, message)) = direction.told.iter().rev().filter_map(begun).nth(nth)
                {
                    let command = Command::Reject(message, StatusCode(403), "no".into());
                    side.connection.handle_command(pair.now, key, command);
                    direction.refused = true;
                }
            }
            Action::Attach => {
                if let Some(config) = late.take() {
                    // Gone if the connection is.
                    let _ = pair.b.connection.attach(pair.now, LATE, config);
                }
            }
            Action::Consume { at_a, on } => {
                (if at_a { &mut pair.a } else { &mut pair.b }).consume = on
            }
            Action::Close {
                from_a,
                session,
                now,
            } => {
                let side = if from_a { &mut pair.a } else { &mut pair.b };
                let command = match now {
                    true => Command::CloseNow,
                    false => Command::Close(pair.now + Duration::from_secs(5)),
                };
                side.connection
                    .handle_command(pair.now, SessionKey(session), command);
            }
            Action::Cut => {
                cut = true;
                pair.a
                    .connection
                    .handle_failure(pair.now, CloseReason::ConnectionLost("cut".into()));
                pair.b.connection.handle_eof(pair.now);
            }
        }
        collect(&mut pair.a, &mut a, pair.now);
        collect(&mut pair.b, &mut b, pair.now);
        feed_streams(&mut pair.a, &mut a, pair.now);
        feed_streams(&mut pair.b, &mut b, pair.now);
    }
    // Everybody wakes up, and everything comes to an end.
    for side in [&mut pair.a, &mut pair.b] {
        side.capacity = usize::MAX;
        side.split = usize::MAX;
        side.consume = true;
        side.connection.set_memory_pressure(false);
    }
    for _ in 0..200 {
        for _ in 0..50 {
            collect(&mut pair.a, &mut a, pair.now);
            collect(&mut pair.b, &mut b, pair.now);
            feed_streams(&mut pair.a, &mut a, pair.now);
            feed_streams(&mut pair.b, &mut b, pair.now);
            pair.step();
            // A second in all: a chunk that nobody answers holds the next up for 20 ms.
            pair.now += Duration::from_millis(20);
            timeout(&mut pair.a, pair.now)?;
            timeout(&mut pair.b, pair.now)?;
        }
    }
    collect(&mut pair.a, &mut a, pair.now);
    collect(&mut pair.b, &mut b, pair.now);
    check("a", &a, &b, cut)?;
    check("b", &b, &a, cut)
}

/// Fewer than elsewhere, since each is long; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2000, ..ProptestConfig::default() })]
    #[test]
    fn every_message_arrives_once_and_whole_or_fails(
        chunk_len in prop_oneof![Just(0u32), Just(2048), Just(700), Just(10_000)],
        is_tight in any::<bool>(),
        keep_alive in prop::option::of((3u64..20).prop_map(Duration::from_secs)),
        pacing in prop_oneof![2 => Just(Pacing::Pipelined), 1 => Just(Pacing::One)],
        dash_split in any::<bool>(),
        mut actions in prop::collection::vec(action(), 1..60),
        cut in prop::option::weighted(0.2, 0usize..60),
    ) {
        if let Some(at) = cut {
            actions.insert(at.min(actions.len()), Action::Cut);
        }
        let limits = if is_tight { tight() } else { Limits::default() };
        // One chunk for each round trip: with the shortest ones large messages would not come to an end in time.
        let chunk_len = if pacing == Pacing::One && chunk_len == 700 { 2048 } else { chunk_len };
        let manner = Manner { chunk_len, keep_alive, pacing, dash_split };
        run(&limits, manner, actions)?;
    }
}
