//! Random schedules of sends, streams, aborts, refusals, reports, slow consumers, splits, stalls, long waits, short
//! memory, late answers, closes and cuts between two connections with several sessions, with wide and with tight limits:
//! every message is delivered once and whole or its failure is told, windows and credits balance, no buffer outgrows its
//! bound, no timer fires for nothing.

mod support;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{
    Body, CloseReason, Command, Event, MessageEnd, MessageKey, OutgoingMessage, PACE, Pacing,
    ReportMode, SessionConfig, SessionKey, TransferKey, Unconfirmed, send_cost,
};
use msrp::wire::{FailureReport, StatusCode};
use proptest::prelude::*;
use support::{Entry, Pair, Side, contents, drain, message, octets};

/// What happens; `at_a` says on which side.
#[derive(Debug, Clone)]
enum Action {
    Send {
        at_a: bool,
        session: u64,
        len: usize,
        success_report: bool,
        failure_report: FailureReport,
        stream: Option<Stream>,
    },
    Abort {
        at_a: bool,
        nth: usize,
    },
    Pipe {
        at_a: bool,
        capacity: usize,
        split: usize,
    },
    Steps(usize),
    /// Nothing moves meanwhile.
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
    /// The consumer of `MANUAL` reports a message that it got.
    Report {
        at_a: bool,
        nth: usize,
        status: u16,
    },
    /// The remote side of `LATE` becomes known to b.
    Attach,
    /// Whether the consumer of a session takes what comes.
    Consume {
        at_a: bool,
        session: u64,
        on: bool,
    },
    Close {
        at_a: bool,
        session: u64,
        now: bool,
    },
    Cut,
}

/// A message that is given part by part.
#[derive(Debug, Clone, Copy)]
struct Stream {
    /// Whether its length is known at the start.
    known: bool,
    part: usize,
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
    let stream = (any::<bool>(), 1usize..9000).prop_map(|(known, part)| Stream { known, part });
    let stream = prop::option::weighted(0.3, stream);
    prop_oneof![
        11 => (any::<bool>(), 1u64..4, len, any::<bool>(), failure_report, stream).prop_map(
            |(at_a, session, len, success_report, failure_report, stream)|
            Action::Send { at_a, session, len, success_report, failure_report, stream }),
        2 => (any::<bool>(), 0usize..20).prop_map(|(at_a, nth)| Action::Abort { at_a, nth }),
        3 => (any::<bool>(), 1usize..20_000, 1usize..9000).prop_map(|(at_a, capacity, split)| Action::Pipe { at_a, capacity, split }),
        8 => (1usize..60).prop_map(Action::Steps),
        1 => (1u64..4).prop_map(Action::Wait),
        2 => (any::<bool>(), 1u64..4, any::<bool>()).prop_map(|(at_a, session, on)| Action::Consume { at_a, session, on }),
        1 => (10u64..70).prop_map(Action::Wait),
        2 => (1u64..50).prop_map(Action::Pass),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(at_a, short)| Action::Memory { at_a, short }),
        2 => (any::<bool>(), 0usize..4).prop_map(|(at_a, nth)| Action::Reject { at_a, nth }),
        2 => (any::<bool>(), 0usize..4, prop_oneof![Just(200u16), Just(413), Just(403)]).prop_map(
            |(at_a, nth, status)| Action::Report { at_a, nth, status }),
        2 => Just(Action::Attach),
        1 => (any::<bool>(), 1u64..4, any::<bool>()).prop_map(|(at_a, session, now)| Action::Close { at_a, session, now }),
    ]
}

/// The session whose consumer makes the REPORTs.
const MANUAL: SessionKey = SessionKey(2);

/// The session that b is told of late: its first requests are held. It takes messages up to `MAX_SIZE` only.
const LATE: SessionKey = SessionKey(3);

const MAX_SIZE: usize = 200_000;

struct Sent {
    session: SessionKey,
    key: TransferKey,
    content: Vec<u8>,
    failure_report: FailureReport,
    success_report: bool,
    /// Of a stream: octets given, the size of a part, octets asked for.
    rest: Option<(usize, usize, usize)>,
}

/// What is known about one side: what it sent, and what it was told.
#[derive(Default)]
struct Direction {
    sent: Vec<Sent>,
    /// Of each session's send window in use.
    window: HashMap<SessionKey, usize>,
    told: Vec<(SessionKey, Event)>,
    /// Sessions whose consumer rests.
    resting: HashSet<SessionKey>,
    /// Received and not taken.
    unconsumed: HashMap<SessionKey, usize>,
    untaken: Vec<(SessionKey, MessageKey)>,
    shed: HashSet<SessionKey>,
    closed: HashSet<SessionKey>,
    /// Messages of `MANUAL` that are whole and not reported.
    reportable: Vec<MessageKey>,
    /// Whether the consumer or its memory refused something.
    refused: bool,
    /// Where the consumer reported a failure.
    denied: HashSet<SessionKey>,
}

/// Two connections, and what is known about them.
struct Talk {
    pair: Pair,
    limits: Limits,
    /// Of a and b.
    known: [Direction; 2],
    late: Option<SessionConfig>,
    seed: u64,
    cut: bool,
}

/// What is the same for all sessions of a run.
#[derive(Debug, Clone, Copy)]
struct Manner {
    chunk_len: u32,
    keep_alive: Option<Duration>,
    pacing: Pacing,
    dash_split: bool,
}

impl Talk {
    /// A pair of three sessions, of which b knows `LATE` as not ready yet.
    fn new(limits: Limits, manner: Manner) -> Self {
        let mut pair = Pair::bare(&limits);
        // The model takes everything itself.
        (pair.a.consume, pair.b.consume) = (false, false);
        let config = |from, to, key: SessionKey, active| SessionConfig {
            chunk_len: manner.chunk_len,
            keep_alive: manner.keep_alive,
            pacing: manner.pacing,
            dash_split: manner.dash_split,
            reports: match key {
                MANUAL => ReportMode::Manual,
                _ => ReportMode::Auto,
            },
            max_size: (key == LATE).then_some(MAX_SIZE as u64),
            ..support::config(from, to, key.0, active)
        };
        for key in (1..4).map(SessionKey) {
            let ours = config("a.example", "b.example", key, true);
            let attached = pair.a.connection.attach(pair.now, key, ours);
            attached.expect("attached");
            let theirs = config("b.example", "a.example", key, false);
            let uri = theirs.local_uri.clone();
            let entry = match key {
                LATE => Entry::NotReady(LATE),
                key => Entry::Ready(key, Box::new(theirs)),
            };
            pair.b.table.entries.insert(uri, entry);
        }
        pair.run();
        Self {
            pair,
            limits,
            known: Default::default(),
            late: Some(config("b.example", "a.example", LATE, false)),
            seed: 0,
            cut: false,
        }
    }

    fn at(&mut self, at_a: bool) -> (&mut Side, &mut Direction, Instant) {
        let [a, b] = &mut self.known;
        match at_a {
            true => (&mut self.pair.a, a, self.pair.now),
            false => (&mut self.pair.b, b, self.pair.now),
        }
    }

    fn command(&mut self, at_a: bool, session: SessionKey, command: Command) {
        let (side, _, now) = self.at(at_a);
        side.connection.handle_command(now, session, command);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send {
                at_a,
                session,
                len,
                success_report,
                failure_report,
                stream,
            } => {
                let outgoing = OutgoingMessage {
                    success_report,
                    failure_report,
                    ..message(Body::None)
                };
                self.send(at_a, SessionKey(session), len, outgoing, stream);
            }
            Action::Abort { at_a, nth } => {
                if let Some(sent) = self.at(at_a).1.sent.iter().rev().nth(nth) {
                    let (session, key) = (sent.session, sent.key);
                    self.command(at_a, session, Command::Abort(key));
                }
            }
            Action::Pipe {
                at_a,
                capacity,
                split,
            } => {
                let (side, ..) = self.at(at_a);
                (side.capacity, side.split) = (capacity, split);
            }
            Action::Steps(count) => {
                for _ in 0..count {
                    self.pair.step();
                    self.turn();
                }
            }
            Action::Wait(seconds) => {
                self.pair.now += Duration::from_secs(seconds);
                self.timeout();
            }
            Action::Pass(seconds) => self.pair.advance(Duration::from_secs(seconds)),
            Action::Memory { at_a, short } => {
                let (side, known, _) = self.at(at_a);
                side.connection.set_memory_pressure(short);
                known.refused |= short;
            }
            Action::Reject { at_a, nth } => {
                let (_, known, _) = self.at(at_a);
                let begun = |told: &(SessionKey, Event)| match told {
                    (key, Event::MessageBegin { message, .. }) => Some((*key, *message)),
                    _ => None,
                };
                if let Some((key, message)) = known.told.iter().rev().filter_map(begun).nth(nth) {
                    known.refused = true;
                    // Refused too late: a REPORT says so.
                    if known.is_whole(key, message) {
                        if key == MANUAL {
                            known.reportable.retain(|other| *other != message);
                        }
                        known.denied.insert(key);
                    }
                    let command = Command::Reject(message, StatusCode(403), "no".into());
                    self.command(at_a, key, command);
                }
            }
            Action::Report { at_a, nth, status } => {
                let (_, known, _) = self.at(at_a);
                if nth < known.reportable.len() {
                    let message = known.reportable.remove(nth);
                    if status != 200 {
                        known.denied.insert(MANUAL);
                    }
                    let command = Command::Report(message, StatusCode(status), "so".into());
                    self.command(at_a, MANUAL, command);
                }
            }
            Action::Attach => {
                if let Some(config) = self.late.take() {
                    // Gone if the connection is.
                    let _ = self.pair.b.connection.attach(self.pair.now, LATE, config);
                }
            }
            Action::Consume { at_a, session, on } => {
                let resting = &mut self.at(at_a).1.resting;
                match on {
                    true => resting.remove(&SessionKey(session)),
                    false => resting.insert(SessionKey(session)),
                };
            }
            Action::Close { at_a, session, now } => {
                let command = match now {
                    true => Command::CloseNow,
                    false => Command::Close(self.pair.now + Duration::from_secs(5)),
                };
                self.command(at_a, SessionKey(session), command);
            }
            Action::Cut => {
                self.cut = true;
                let (now, lost) = (self.pair.now, CloseReason::ConnectionLost("cut".into()));
                self.pair.a.connection.handle_failure(now, lost);
                self.pair.b.connection.handle_eof(now);
            }
        }
        self.turn();
    }

    /// Gives a message to a session that may have it, as whoever offers `send` does.
    fn send(
        &mut self,
        at_a: bool,
        session: SessionKey,
        len: usize,
        outgoing: OutgoingMessage,
        stream: Option<Stream>,
    ) {
        let unknown = session == LATE && !at_a && self.late.is_some();
        self.seed += 1;
        // Different contents: so each can be told from the others.
        let content = [
            format!("{at_a}{}:", self.seed).into_bytes(),
            octets(len, self.seed),
        ]
        .concat();
        let limits = self.limits.clone();
        let (_, known, _) = self.at(at_a);
        if unknown || known.closed.contains(&session) {
            return;
        }
        let window = known.window.entry(session).or_default();
        if stream.is_none() && content.len() <= limits.small_message {
            let cost = send_cost(content.len());
            if *window + cost > limits.send_window {
                return;
            }
            *window += cost;
        }
        let key = TransferKey(known.sent.len() as u32);
        let body = match stream {
            None => Body::Whole(content.clone().into()),
            Some(stream) => Body::Stream(stream.known.then_some(content.len() as u64)),
        };
        known.sent.push(Sent {
            session,
            key,
            content,
            failure_report: outgoing.failure_report,
            success_report: outgoing.success_report,
            rest: stream.map(|stream| (0, stream.part, 0)),
        });
        let outgoing = OutgoingMessage { body, ..outgoing };
        self.command(at_a, session, Command::Send(key, Box::new(outgoing)));
    }

    /// What the users of both sides do: take what came, and give what is wanted.
    fn turn(&mut self) {
        for at_a in [true, false] {
            let limits = self.limits.clone();
            let (side, known, now) = self.at(at_a);
            collect(side, known, now);
            feed_streams(side, known, now);
            known.check_buffers(side, &limits);
        }
    }

    /// Handles what is due. Then nothing may be due any more: the driver would never sleep.
    fn timeout(&mut self) {
        for at_a in [true, false] {
            let (side, _, now) = self.at(at_a);
            side.connection.handle_timeout(now);
            let next = side.connection.poll_timeout();
            assert!(
                next.is_none_or(|next| next > now),
                "a timer is due after it was handled"
            );
        }
    }

    /// Lets the time pass that a peer is given between two requests without a response. False when there is none.
    fn pause(&mut self) -> bool {
        let [a, b] = [&self.pair.a, &self.pair.b].map(|side| side.connection.poll_timeout());
        let soon = self.pair.now + PACE;
        let Some(next) = a.into_iter().chain(b).min().filter(|next| *next <= soon) else {
            return false;
        };
        self.pair.now = next.max(self.pair.now);
        self.timeout();
        true
    }

    /// Everybody wakes up, and everything comes to an end.
    fn finish(mut self) {
        for at_a in [true, false] {
            let (side, known, _) = self.at(at_a);
            side.capacity = usize::MAX;
            side.split = usize::MAX;
            side.connection.set_memory_pressure(false);
            known.resting.clear();
        }
        for _ in 0..200 {
            for _ in 0..50 {
                self.turn();
                for at_a in [true, false] {
                    for message in std::mem::take(&mut self.at(at_a).1.reportable) {
                        let command = Command::Report(message, StatusCode::OK, "OK".into());
                        self.command(at_a, MANUAL, command);
                    }
                }
                if !self.pair.step() && !self.pause() {
                    break;
                }
            }
            self.pair.now += Duration::from_secs(1);
            self.timeout();
        }
        self.turn();
        let [a, b] = &self.known;
        check("a", a, b, &self);
        check("b", b, a, &self);
    }
}

fn feed_streams(side: &mut Side, known: &mut Direction, now: Instant) {
    for sent in &mut known.sent {
        let Some((mut given, part, mut wanted)) = sent.rest else {
            continue;
        };
        while given < sent.content.len() && wanted > 0 {
            let len = part.min(wanted).min(sent.content.len() - given);
            let data = Bytes::copy_from_slice(&sent.content[given..given + len]);
            side.connection
                .handle_command(now, sent.session, Command::StreamData(sent.key, data));
            if part % 3 == 0 {
                side.connection
                    .handle_command(now, sent.session, Command::StreamFlush(sent.key));
            }
            given += len;
            wanted -= len;
        }
        sent.rest = Some((given, part, wanted));
        if given == sent.content.len() {
            side.connection
                .handle_command(now, sent.session, Command::StreamEnd(sent.key));
            sent.rest = None;
        }
    }
}

/// Takes the events, and what consumers that do not rest have got.
fn collect(side: &mut Side, known: &mut Direction, now: Instant) {
    drain(side, now);
    for (key, event) in std::mem::take(&mut side.events) {
        known.told(key, event);
    }
    let awake = |key: &SessionKey| !known.resting.contains(key);
    let mut commands = Vec::new();
    known.unconsumed.retain(|key, len| {
        if awake(key) {
            commands.push((*key, Command::Consumed(*len)));
        }
        !awake(key)
    });
    known.untaken.retain(|(key, message)| {
        if awake(key) {
            commands.push((*key, Command::Taken(*message)));
        }
        !awake(key)
    });
    for (key, command) in commands {
        side.connection.handle_command(now, key, command);
    }
}

impl Direction {
    fn told(&mut self, key: SessionKey, event: Event) {
        assert!(!self.closed.contains(&key), "{event:?} after Closed");
        let unconsumed = self.unconsumed.entry(key).or_default();
        match &event {
            Event::WindowReleased(len) => {
                let window = self.window.entry(key).or_default();
                assert!(*len <= *window, "{len} of {window}");
                *window -= len;
            }
            Event::DataWanted(transfer, len) => {
                let sent = &mut self.sent[transfer.0 as usize];
                if let Some((_, _, wanted)) = &mut sent.rest {
                    *wanted += len;
                }
            }
            Event::Message {
                message, credit, ..
            } => {
                *unconsumed += credit;
                self.whole(key, *message);
            }
            Event::MessageBegin { credit, .. } => *unconsumed += credit,
            Event::MessageBody { data, .. } => *unconsumed += data.len(),
            Event::MessageEnd { message, end } => match end {
                MessageEnd::Complete(_) => self.whole(key, *message),
                _ => self.untaken.push((key, *message)),
            },
            Event::Shed => assert!(self.shed.insert(key)),
            Event::Recovered => assert!(self.shed.remove(&key)),
            Event::Closed { .. } => {
                self.unconsumed.remove(&key);
                self.untaken.retain(|(other, _)| *other != key);
                self.closed.insert(key);
            }
            _ => {}
        }
        self.told.push((key, event));
    }

    fn whole(&mut self, key: SessionKey, message: MessageKey) {
        self.untaken.push((key, message));
        if key == MANUAL {
            self.reportable.push(message);
        }
    }

    /// Whether the consumer was told the end of a message that is whole.
    fn is_whole(&self, key: SessionKey, message: MessageKey) -> bool {
        self.told.iter().any(|(of, event)| {
            *of == key
                && matches!(event, Event::MessageEnd { message: ended, end: MessageEnd::Complete(_) } if *ended == message)
        })
    }

    /// What is held for consumers is bounded, and reading pauses where it has to.
    fn check_buffers(&self, side: &Side, limits: &Limits) {
        let (mut above, mut all) = (0, 0);
        for (key, unconsumed) in &self.unconsumed {
            all += unconsumed;
            if !self.shed.contains(key) {
                above += unconsumed.saturating_sub(limits.receive_window);
            }
        }
        if above > limits.connection_slack {
            assert!(!side.connection.reading_allowed(), "{above} above windows");
        }
        // What comes in one block is delivered, with what had waited for it.
        let most = 2 * limits.receive_window + limits.connection_slack + BLOCK + limits.early_len;
        assert!(all <= 3 * most, "{all} octets are held");
    }

    fn of(&self, key: SessionKey) -> Vec<Event> {
        let of = self.told.iter().filter(|(other, _)| *other == key);
        of.map(|(_, event)| event.clone()).collect()
    }
}

/// Most that a pipe holds, and gives at once: what may be encoded ahead, and a chunk whose end was found late.
const BLOCK: usize = 256 * 1024;

fn check(name: &str, ours: &Direction, theirs: &Direction, talk: &Talk) {
    for key in (1..4).map(SessionKey) {
        let (told, arrived) = (ours.of(key), theirs.of(key));
        let name = format!("{name} {key:?}");
        let closed = ours.closed.contains(&key);
        let bound = told.contains(&Event::Bound);
        assert!(
            closed || !talk.cut || told.is_empty(),
            "{name}: not told of the cut"
        );
        let unacknowledged = match told.last() {
            Some(Event::Closed { unacknowledged, .. }) => unacknowledged.clone(),
            _ => Vec::new(),
        };
        let idle = |event: &Event| {
            let idle = MessageEnd::Idle;
            matches!(event, Event::MessageEnd { end, .. } if *end == idle)
        };
        let refused = theirs.refused || arrived.contains(&Event::Shed) || arrived.iter().any(idle);
        let undisturbed = !talk.cut && !closed && !theirs.closed.contains(&key) && !refused;
        let mut delivered: Vec<Vec<u8>> = contents(&arrived)
            .into_iter()
            .filter(|(_, complete)| *complete)
            .map(|(content, _)| content)
            .collect();
        for sent in ours.sent.iter().filter(|sent| sent.session == key) {
            let name = format!("{name} {:?}", sent.key);
            let acknowledged = told.contains(&Event::Acknowledged(sent.key));
            let failed = told
                .iter()
                .any(|event| matches!(event, Event::Failed(key, _) if *key == sent.key));
            let left = unacknowledged.contains(&sent.key);
            // What was only written may still fail, when the peer says so; and what the consumer was not content with.
            let denied = theirs.denied.contains(&key);
            let partial = sent.failure_report == FailureReport::Partial;
            let late = acknowledged && failed && (partial || denied);
            let ends = usize::from(acknowledged) + usize::from(failed && !late) + usize::from(left);
            if !bound && ends == 0 && !closed {
                // The peer gave up before the session was known here.
                continue;
            }
            assert_eq!(
                ends, 1,
                "{name}: acknowledged {acknowledged}, failed {failed}, left {left}"
            );
            let whole = delivered
                .iter()
                .position(|content| *content == sent.content);
            let asks = sent.failure_report == FailureReport::Yes;
            // Who remembers few takes the rest of a message that was given up for another one.
            let mistaken = talk.limits.remembered_ids < MANY && arrived.iter().any(idle);
            if acknowledged && asks && !mistaken {
                assert!(whole.is_some(), "{name}: acknowledged and not delivered");
            }
            // Messages may be refused that are too many at a time, or too large: unnoticed, without Failure-Report.
            let crowded = talk.limits.incomplete_messages < Limits::default().incomplete_messages;
            let taken = asks || !(crowded || key == LATE && sent.content.len() > MAX_SIZE);
            // Few manual ones are remembered.
            let forgotten = key == MANUAL && (denied || talk.limits.remembered_ids < MANY);
            if acknowledged && sent.success_report && undisturbed && taken && !forgotten {
                let confirmed = told.contains(&Event::Delivered(sent.key));
                // Its sender remembers few, and says so.
                let given_up = Event::Unconfirmed(sent.key, Unconfirmed::Forgotten);
                let excused = talk.limits.remembered_ids < MANY && told.contains(&given_up);
                assert!(confirmed || excused, "{name}: no success report");
            }
            if let Some(at) = whole {
                delivered.swap_remove(at);
            }
        }
        let strangers = delivered.len();
        assert_eq!(strangers, 0, "{name}: messages came twice or from nowhere");
        if !closed && bound {
            assert_eq!(
                ours.window.get(&key).copied().unwrap_or(0),
                0,
                "{name}: window"
            );
        }
    }
}

/// More messages than a schedule has.
const MANY: usize = 100;

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

/// Hardly any room at all.
fn tiny() -> Limits {
    let mut limits = tight();
    limits.receive_window = 1024;
    limits.connection_slack = 0;
    limits.send_window = 8192;
    limits.small_message = 1024;
    limits.read_ahead = 4096;
    limits.write_ahead = 4096;
    limits.max_transactions = 1;
    limits.incomplete_messages = 1;
    limits.early_len = 1024;
    limits.remembered_ids = 1;
    limits.gaps = 1;
    limits
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
        limits in prop_oneof![2 => Just(Limits::default()), 2 => Just(tight()), 1 => Just(tiny())],
        keep_alive in prop::option::of((3u64..20).prop_map(Duration::from_secs)),
        pacing in prop_oneof![2 => Just(Pacing::Pipelined), 1 => Just(Pacing::One)],
        dash_split in any::<bool>(),
        mut actions in prop::collection::vec(action(), 1..60),
        cut in prop::option::weighted(0.2, 0usize..60),
    ) {
        if let Some(at) = cut {
            actions.insert(at.min(actions.len()), Action::Cut);
        }
        // One chunk for each round trip: with the shortest ones large messages would not come to an end in time.
        let chunk_len = if pacing == Pacing::One && chunk_len == 700 { 2048 } else { chunk_len };
        let mut talk = Talk::new(limits, Manner { chunk_len, keep_alive, pacing, dash_split });
        for action in actions {
            talk.act(action);
        }
        talk.finish();
    }
}
