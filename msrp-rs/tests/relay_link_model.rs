//! Whatever is sent through a relay, however it is cut and however fast each side is, arrives as it was, in order, and
//! in bounded memory.

mod link_support;

use std::collections::BTreeMap;
use std::time::Duration;

use link_support::*;
use msrp::role::relay::Peer;
use msrp_conformance::covers;
use proptest::prelude::*;

/// A message of a sender, cut into chunks.
#[derive(Debug, Clone)]
struct Message {
    sender: usize,
    chunks: Vec<usize>,
    end: char,
    ranged: bool,
    exact: bool,
}

fn message() -> impl Strategy<Value = Message> {
    let len = prop_oneof![
        Just(0_usize),
        1..200_usize,
        2000..2100_usize,
        3000..30_000_usize
    ];
    (
        0..3_usize,
        prop::collection::vec(len, 1..5),
        prop_oneof![4 => Just('$'), 1 => Just('#')],
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(sender, chunks, end, ranged, exact)| Message {
            sender,
            ranged: ranged || chunks.len() > 1,
            chunks,
            end,
            exact,
        })
}

fn body(seed: usize, start: usize, len: usize) -> Vec<u8> {
    // Something that looks like end-lines in it.
    let line = b"\r\n-------tid1$\r\n-------";
    (start..start + len)
        .map(|n| match n % 97 {
            at if at < line.len() => line[at],
            _ => (n * 31 + seed) as u8,
        })
        .collect()
}

/// The octets of a message, chunk by chunk.
fn chunks(nth: usize, message: &Message) -> Vec<Vec<u8>> {
    let from = format!(
        "msrps://sender{}.example:9000/aaaaaaaaaaaa;tcp",
        message.sender
    );
    let mut start = 0;
    let last = message.chunks.len() - 1;
    let cut = message.chunks.iter().enumerate().map(|(at, &len)| {
        let range = match (message.ranged, message.exact) {
            (false, _) => String::new(),
            (true, true) => format!("Byte-Range: {}-{}/*\r\n", start + 1, start + len),
            (true, false) => format!("Byte-Range: {}-*/*\r\n", start + 1),
        };
        let to = format!("{TOKEN} {BOB}");
        let tid = format!("t{nth}x{at}");
        let mut out = begin_from(&tid, &to, &from, &format!("m{nth}"), &range);
        out.extend(body(nth, start, len));
        let end = if at == last { message.end } else { '+' };
        out.extend(format!("\r\n-------{tid}{end}\r\n").bytes());
        start += len;
        out
    });
    cut.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_arrive_as_they_were_sent(
        messages in prop::collection::vec(message(), 1..12),
        cuts in prop::collection::vec(1..9000_usize, 1..20),
        takes in prop::collection::vec(0..60_000_usize, 1..20),
        seed in 1..200_u8,
    ) {
        let mut relay = Relay::new();
        relay.seed = seed;
        for sender in 0..3 {
            relay.connect(10 + sender, Peer::Client);
        }
        relay.connect(B, Peer::Host);
        relay.place(BOB, B);
        // What each sender says, in its order.
        let mut streams: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut answers: BTreeMap<u64, usize> = BTreeMap::new();
        for (nth, message) in messages.iter().enumerate() {
            let link = 10 + message.sender as u64;
            let chunks = chunks(nth, message);
            *answers.entry(link).or_default() += chunks.len();
            streams.entry(link).or_default().extend(chunks.concat());
        }
        let mut got = Vec::new();
        let mut at = 0;
        while !streams.is_empty() {
            for (link, stream) in &mut streams {
                let len = cuts[at % cuts.len()].min(stream.len());
                let piece: Vec<u8> = stream.drain(..len).collect();
                relay.side(B).takes = Some(takes[at % takes.len()]);
                relay.say(*link, piece);
                got.extend(relay.answer(B, 200));
                at += 1;
            }
            streams.retain(|_, stream| !stream.is_empty());
        }
        relay.side(B).takes = None;
        relay.pump();
        got.extend(relay.answer(B, 200));
        relay.pass(Duration::from_secs(60));
        prop_assert!(relay.got(B).is_empty());
        for (link, count) in answers {
            let lines = relay.lines(link);
            prop_assert_eq!(lines, vec!["200"; count], "one answer for each chunk");
        }
        let arrived = joined(&got);
        for (nth, message) in messages.iter().enumerate() {
            let len = message.chunks.iter().sum();
            let (octets, end) = &arrived[&format!("m{nth}")];
            prop_assert!(*octets == body(nth, 0, len), "message {}", nth);
            prop_assert_eq!(*end, message.end);
        }
        // In the order of each sender.
        for sender in 0..3 {
            let mut last = None;
            for got in &got {
                let id: usize = got.text("Message-ID")[1..].parse().expect("a number");
                if messages[id].sender == sender {
                    prop_assert!(last <= Some(id));
                    last = Some(id);
                }
            }
        }
        prop_assert!(relay.most_held < 4_000_000);
        prop_assert!(relay.link(B).is_settled());
        prop_assert_eq!(relay.link(B).held_bytes(), 0);
        covers!("R-127", "R-153", "R-156");
    }
}
