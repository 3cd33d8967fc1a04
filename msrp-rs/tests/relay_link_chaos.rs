//! Peers that say anything, vanish, stall and answer at random: no panic, nothing of one session in another, each fault
//! told once, and nothing kept when all is over.

mod link_support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use link_support::*;
use msrp::Limits;
use msrp::role::relay::{Answer, Hop, LinkEvent, LinkId, LinkOptions, Peer, Verdict};
use msrp::wire::StatusCode;
use msrp_conformance::covers;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// A sender says so much of what it has to say.
    Say(u64, usize),
    /// A sender says nonsense.
    Garbage(u64, Vec<u8>),
    /// A receiver takes so many octets.
    Take(u64, usize),
    /// A receiver answers all it got with this status, or one in three.
    Answer(u64, u16, bool),
    /// A receiver answers what it has in part.
    Early(u64, u16),
    Pass(u64),
    Lose(u64),
    Revoke,
    Verdict(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let sender = 10..13_u64;
    let receiver = 20..22_u64;
    let status = prop_oneof![4 => Just(200_u16), 1 => Just(413), 1 => Just(481), 1 => Just(408)];
    prop_oneof![
        12 => (sender.clone(), 1..40_000_usize).prop_map(|(id, len)| Step::Say(id, len)),
        1 => (sender.clone(), prop::collection::vec(any::<u8>(), 1..50))
            .prop_map(|(id, octets)| Step::Garbage(id, octets)),
        6 => (receiver.clone(), 0..80_000_usize).prop_map(|(id, len)| Step::Take(id, len)),
        6 => (receiver.clone(), status.clone(), any::<bool>())
            .prop_map(|(id, status, all)| Step::Answer(id, status, all)),
        1 => (receiver.clone(), status).prop_map(|(id, status)| Step::Early(id, status)),
        3 => (1..15_000_u64).prop_map(Step::Pass),
        1 => prop_oneof![sender, receiver].prop_map(Step::Lose),
        1 => Just(Step::Revoke),
        4 => any::<u8>().prop_map(Step::Verdict),
    ]
}

/// Octets that say whose they are.
fn body(sender: u64, nth: usize, len: usize) -> Vec<u8> {
    format!("<{sender}.{nth}>")
        .bytes()
        .cycle()
        .take(len)
        .collect()
}

/// What a sender has to say: messages of one chunk each, to one receiver or the other.
fn stream(sender: u64, lens: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    for (nth, &len) in lens.iter().enumerate() {
        let to = format!("{TOKEN} {}", if nth % 2 == 0 { BOB } else { CAROL });
        let from = format!("msrps://s{sender}.example:9000/aaaaaaaaaaaa;tcp");
        let tid = format!("t{sender}x{nth}");
        let report = ["", "Failure-Report: partial\r\n", "Failure-Report: no\r\n"][nth % 7 % 3];
        let headers = format!("Byte-Range: 1-*/{len}\r\n{report}");
        out.extend(begin_from(
            &tid,
            &to,
            &from,
            &format!("m{sender}x{nth}"),
            &headers,
        ));
        out.extend(body(sender, nth, len));
        out.extend(format!("\r\n-------{tid}$\r\n").bytes());
    }
    out
}

/// Counts what a sender was told of each of its messages: never twice of the same octets.
#[derive(Default)]
struct Told {
    answered: BTreeMap<String, u16>,
    reported: BTreeMap<String, Vec<(u64, u64)>>,
}

impl Told {
    fn tell(&mut self, got: &Got) {
        if let Some(status) = got.status() {
            if got.tid().starts_with('t') {
                let before = self.answered.insert(got.tid(), status);
                assert_eq!(before, None, "{} was answered twice", got.tid());
            }
        } else {
            assert_eq!(got.method(), "REPORT");
            let message = got.text("Message-ID");
            let range = got.head.byte_range().expect("it says of which octets");
            let end = range.end.expect("it says where they end");
            let others = self.reported.entry(message.clone()).or_default();
            for &(from, to) in others.iter() {
                assert!(
                    end < from || range.start > to,
                    "{message} {range} {from}-{to}"
                );
            }
            others.push((range.start, end));
            let tid = message.replacen('m', "t", 1);
            let refused = self.answered.get(&tid).is_some_and(|&status| status != 200);
            assert!(!refused, "{message} was refused before it was reported");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_and_nothing_is_left(
        lens in prop::collection::vec(prop_oneof![0..300_usize, 1000..60_000_usize], 3..14),
        steps in prop::collection::vec(step(), 10..120),
        ask in any::<bool>(),
        trunk in any::<bool>(),
        seed in 1..200_u8,
    ) {
        let options = LinkOptions { ask, max_transactions: 40, max_verdicts: 8, ..LinkOptions::default() };
        let mut limits = Limits::default();
        limits.receive_window = 32 * 1024;
        limits.connection_slack = 64 * 1024;
        let mut relay = Relay::with(limits, options);
        relay.seed = seed;
        let mut streams = BTreeMap::new();
        for sender in 10..13 {
            let peer = if trunk { Peer::Relay("other.example".into()) } else { Peer::Client };
            relay.connect(sender, peer);
            streams.insert(sender, stream(sender, &lens));
        }
        for receiver in 20..22 {
            relay.connect(receiver, Peer::Host);
        }
        relay.place(BOB, 20);
        relay.office.hops.insert(CAROL.into(), Hop::Link(LinkId(21)));
        let mut told: BTreeMap<u64, Told> = BTreeMap::new();
        let mut arrived: Vec<Got> = Vec::new();
        let mut questions = Vec::new();
        let mut tainted = BTreeSet::new();
        for step in steps {
            match step {
                Step::Say(id, len) => {
                    let stream = streams.get_mut(&id).expect("a sender");
                    let len = len.min(stream.len());
                    let octets: Vec<u8> = stream.drain(..len).collect();
                    relay.say(id, octets);
                }
                Step::Garbage(id, octets) => {
                    // Perhaps in the middle of a body, where it is as good as any.
                    tainted.insert(id);
                    relay.say(id, octets);
                }
                Step::Take(id, len) => relay.side(id).takes = Some(len),
                Step::Answer(id, status, all) => {
                    let got = relay.got(id);
                    for (nth, got) in got.iter().enumerate() {
                        if all || nth % 3 == 0 {
                            relay.say(id, response(got, status));
                        }
                    }
                    arrived.extend(got);
                }
                Step::Early(id, status) => {
                    if let Some(open) = relay.open(id) {
                        relay.say(id, response(&open, status));
                    }
                }
                Step::Pass(ms) => relay.pass(Duration::from_millis(ms)),
                Step::Lose(id) => relay.lose(id),
                Step::Revoke => {
                    for validity in relay.office.validities.drain(..) {
                        validity.revoke();
                    }
                }
                Step::Verdict(n) => {
                    questions.extend(relay.events.drain(..).filter_map(|event| match event {
                        LinkEvent::Message(question) => Some(question.query),
                        LinkEvent::Observed(..) => None,
                    }));
                    if !questions.is_empty() {
                        let query = questions.remove(usize::from(n) % questions.len());
                        let verdict = match n % 3 {
                            0 => Verdict::Allow,
                            1 => Verdict::Observe,
                            _ => Verdict::Reject(StatusCode::FORBIDDEN),
                        };
                        let now = relay.now;
                        let answer = Answer::Message(verdict);
                        relay.link(query.link.0).handle_answer(now, query, answer);
                    }
                }
            }
            relay.pump();
            for sender in 10..13 {
                let told = told.entry(sender).or_default();
                for got in relay.got(sender) {
                    told.tell(&got);
                }
            }
        }
        for receiver in 20..22 {
            relay.side(receiver).takes = None;
        }
        relay.pass(Duration::from_secs(200));
        for receiver in 20..22 {
            arrived.extend(relay.got(receiver));
            prop_assert!(relay.link(receiver).held_bytes() == 0);
        }
        // Who has said all, and got the host's word on all of it, has nothing under way any more.
        for sender in 10..13 {
            let rest = streams.remove(&sender).unwrap_or_default();
            relay.say(sender, rest);
        }
        loop {
            questions.extend(relay.events.drain(..).filter_map(|event| match event {
                LinkEvent::Message(question) => Some(question.query),
                LinkEvent::Observed(..) => None,
            }));
            let Some(query) = questions.pop() else { break };
            let now = relay.now;
            let answer = Answer::Message(Verdict::Allow);
            relay.link(query.link.0).handle_answer(now, query, answer);
            relay.pass(Duration::from_secs(10));
        }
        relay.pass(Duration::from_secs(200));
        for receiver in 20..22 {
            arrived.extend(relay.got(receiver));
        }
        for sender in 10..13 {
            let told = told.entry(sender).or_default();
            for got in relay.got(sender) {
                told.tell(&got);
            }
            let is_open = relay.close_reason(sender).is_none();
            if is_open && !tainted.contains(&sender) {
                prop_assert!(relay.link(sender).is_settled(), "link {}", sender);
            }
            relay.lose(sender);
        }
        relay.pass(Duration::from_secs(60));
        for got in arrived.iter().filter(|got| got.method() == "SEND") {
            let message = got.text("Message-ID");
            let (sender, nth) = message[1..].split_once('x').expect("it is one of ours");
            let sender: u64 = sender.parse().expect("a number");
            let nth: usize = nth.parse().expect("a number");
            let host = format!("s{sender}.example");
            prop_assert!(got.text("From-Path").contains(&host));
            if tainted.contains(&sender) {
                continue;
            }
            let start = got.head.byte_range().map_or(0, |range| range.offset()) as usize;
            let whole = body(sender, nth, lens[nth]);
            prop_assert!(start + got.body.len() <= whole.len());
            prop_assert_eq!(&got.body, &whole[start..start + got.body.len()]);
        }
        // A complete one has all of its octets, unless something was refused.
        let ids: BTreeSet<String> = arrived.iter().map(Got::tid).collect();
        prop_assert_eq!(ids.len(), arrived.len(), "no transaction id twice");
        for side in relay.links.values() {
            prop_assert!(side.link.close_reason().is_some() || side.link.is_settled());
            prop_assert_eq!(side.link.held_bytes(), 0);
        }
        covers!("R-126", "R-148", "R-151");
    }
}
