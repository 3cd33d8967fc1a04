//! A peer that says anything that has a sound frame, in any order: each request is answered as its Failure-Report asks,
//! at most once, no message is told in disorder, each of ours has one outcome, no timer fires for nothing, and nothing
//! panics. The model stands in `harness/peer.rs`, since the fuzzer uses it too.

#[path = "harness/peer.rs"]
#[allow(dead_code, unreachable_pub, reason = "the fuzzer uses the rest")]
mod peer;
mod support;

use msrp::wire::FailureReport;
use msrp_conformance::covers;
use peer::{Action, Talk};
use proptest::prelude::*;

fn action() -> impl Strategy<Value = Action> {
    let start = prop_oneof![Just(1u64), 1u64..40, 1000u64..60_000, Just(u64::MAX)];
    let total = prop::option::weighted(0.8, prop_oneof![0u64..50, 0u64..100_000]);
    let range = prop::option::of((start.clone(), total));
    let reported = prop::option::of((start, 0u64..50));
    let status = prop_oneof![
        Just(200u16),
        Just(200),
        Just(413),
        Just(408),
        Just(299),
        Just(481),
        100u16..999
    ];
    let failure = prop_oneof![
        3 => Just(""),
        1 => Just("Failure-Report: no\r\n"),
        1 => Just("Failure-Report: partial\r\n")
    ];
    let ours = prop_oneof![
        Just(FailureReport::Yes),
        Just(FailureReport::No),
        Just(FailureReport::Partial)
    ];
    let flag = prop_oneof![3 => Just('$'), 3 => Just('+'), 1 => Just('#')];
    let len = prop_oneof![0usize..12, 0usize..12, 1000usize..30_000];
    let line = prop_oneof![
        Just("FOOBAR"),
        Just("SEND\r\nTo-Path: nonsense"),
        Just("SEND\r\nX: y"),
        Just("REPORT\r\nX: y")
    ];
    prop_oneof![
        12 => (1u64..4, 0u8..5, range.clone(), len.clone(), flag, any::<bool>(), any::<bool>(), failure).prop_map(
            |(session, message, range, len, flag, typed, success, failure)|
            Action::Chunk { session, message, range, len, flag, typed: typed || len > 20, success, failure }),
        1 => (1u64..5, line).prop_map(|(session, line)| Action::Other { session, line }),
        6 => (0usize..12, status.clone()).prop_map(|(nth, status)| Action::Response { nth, status }),
        2 => (0usize..6, status, reported).prop_map(|(nth, status, range)| Action::Report { nth, status, range }),
        2 => (1usize..3000).prop_map(Action::Split),
        2 => (0usize..100).prop_map(Action::HoldBack),
        5 => (1u64..4, prop::option::weighted(0.9, len.clone()), ours, any::<bool>()).prop_map(
            |(session, len, failure, success)| Action::Say { session, len, failure, success }),
        2 => (1u64..4, prop::option::of(Just(3000u64))).prop_map(|(session, known)| Action::Stream { session, known }),
        4 => (0usize..4, len, 0u8..4).prop_map(|(nth, len, then)| Action::Data { nth, len, then }),
        1 => (0usize..6).prop_map(|nth| Action::Abort { nth }),
        3 => (0u32..8, 0u8..4).prop_map(|(message, how)| Action::Judge { message, how }),
        1 => any::<bool>().prop_map(Action::Consume),
        1 => any::<bool>().prop_map(Action::Memory),
        2 => prop_oneof![Just(usize::MAX), 0usize..30_000].prop_map(Action::Capacity),
        2 => (0u64..40).prop_map(|seconds| Action::Pass(1000 * seconds)),
        1 => Just(Action::Attach),
        1 => (1u64..4, any::<bool>()).prop_map(|(session, now)| Action::Close { session, now }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 3000, ..ProptestConfig::default() })]
    #[test]
    fn rfc4975_7_2_every_request_is_answered_once_as_it_asks(
        narrow in prop::bool::weighted(0.8),
        actions in prop::collection::vec(action(), 1..80),
    ) {
        let mut talk = Talk::new(narrow);
        for action in actions {
            talk.act(action);
        }
        talk.finish();
        covers!("C-141", "C-155", "C-170", "C-171", "C-172", "C-173", "C-174", "C-175", "C-219", "C-243", "T-04", "T-06", "T-07");
    }
}
