//! Random schedules of sends, streams, aborts, slow consumers, splits, stalls and cuts between two connections:
//! every message is delivered once and whole or its failure is told, windows balance, bounds hold.

mod support;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{
    Body, CloseReason, Command, Event, MessageKey, OutgoingMessage, SessionKey, TransferKey,
    send_cost,
};
use msrp::wire::FailureReport;
use proptest::prelude::*;
use support::{Pair, Side, contents, drain, message, octets};

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
    Consume {
        at_a: bool,
        on: bool,
    },
    Close {
        from_a: bool,
        session: u64,
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
        1 => (any::<bool>(), 1u64..4).prop_map(|(from_a, session)| Action::Close { from_a, session }),
        1 => Just(Action::Cut),
    ]
}

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
}

impl Direction {
    /// Sends `content`, whole or, with the size of a part, as a stream.
    fn send(
        &mut self,
        side: &mut Side,
        now: std::time::Instant,
        session: SessionKey,
        mut outgoing: OutgoingMessage,
        content: Vec<u8>,
        part: Option<usize>,
    ) {
        let closed = |(key, event): &(SessionKey, Event)| {
            *key == session && matches!(event, Event::Closed { .. })
        };
        if self.told.iter().any(closed) {
            return;
        }
        self.next += 1;
        let key = TransferKey(self.next);
        // Different contents: so each can be told from the others.
        let content = [format!("{session:?}{key:?}:").into_bytes(), content].concat();
        outgoing.body = match outgoing.body {
            Body::Stream(known) => Body::Stream(known.map(|_| content.len() as u64)),
            _ => Body::Whole(content.clone().into()),
        };
        if part.is_none() && content.len() <= Limits::default().small_message {
            *self.window.entry(session).or_default() += send_cost(content.len()) as isize;
        }
        self.sent.push(Sent {
            session,
            key,
            content,
            failure_report: outgoing.failure_report,
            success_report: outgoing.success_report,
            rest: part.map(|part| (0, part)),
            wanted: 0,
        });
        side.connection
            .handle_command(now, session, Command::Send(key, Box::new(outgoing)));
    }
}

fn feed_streams(side: &mut Side, direction: &mut Direction, now: std::time::Instant) {
    for sent in &mut direction.sent {
        let Some((mut given, part)) = sent.rest else {
            continue;
        };
        while given < sent.content.len() && sent.wanted > 0 {
            let len = part.min(sent.wanted).min(sent.content.len() - given);
            let data = Bytes::copy_from_slice(&sent.content[given..given + len]);
            side.connection
                .handle_command(now, sent.session, Command::StreamData(sent.key, data));
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

fn collect(side: &mut Side, direction: &mut Direction, now: std::time::Instant) {
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
        let shed = arrived.contains(&Event::Shed);
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
                && !shed
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
        if closed.is_none() {
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

fn run(chunk_len: u32, actions: Vec<Action>) -> Result<(), TestCaseError> {
    let limits = Limits::default();
    let mut pair = Pair::with(&limits, 3, |config| config.chunk_len = chunk_len);
    let (mut a, mut b) = (Direction::default(), Direction::default());
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
                let outgoing = OutgoingMessage {
                    success_report,
                    failure_report,
                    ..message(Body::None)
                };
                let (side, direction) = if from_a {
                    (&mut pair.a, &mut a)
                } else {
                    (&mut pair.b, &mut b)
                };
                seed += 1;
                direction.send(
                    side,
                    pair.now,
                    SessionKey(session),
                    outgoing,
                    octets(len, seed),
                    None,
                );
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
                let outgoing = message(Body::Stream(known.then_some(0)));
                let content = octets(len, seed);
                direction.send(
                    side,
                    pair.now,
                    SessionKey(session),
                    outgoing,
                    content,
                    Some(part),
                );
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
                pair.a.connection.handle_timeout(pair.now);
                pair.b.connection.handle_timeout(pair.now);
            }
            Action::Consume { at_a, on } => {
                (if at_a { &mut pair.a } else { &mut pair.b }).consume = on
            }
            Action::Close { from_a, session } => {
                let side = if from_a { &mut pair.a } else { &mut pair.b };
                let deadline = pair.now + Duration::from_secs(5);
                side.connection.handle_command(
                    pair.now,
                    SessionKey(session),
                    Command::Close(deadline),
                );
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
    }
    for _ in 0..200 {
        for _ in 0..50 {
            collect(&mut pair.a, &mut a, pair.now);
            collect(&mut pair.b, &mut b, pair.now);
            feed_streams(&mut pair.a, &mut a, pair.now);
            feed_streams(&mut pair.b, &mut b, pair.now);
            pair.step();
        }
        pair.now += Duration::from_secs(1);
        pair.a.connection.handle_timeout(pair.now);
        pair.b.connection.handle_timeout(pair.now);
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
        actions in prop::collection::vec(action(), 1..60),
    ) {
        run(chunk_len, actions)?;
    }
}
