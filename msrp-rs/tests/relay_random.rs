//! Schedules at random through the whole relay of the fuzzer: see `harness/relay.rs`.

#![allow(unreachable_pub, reason = "other test binaries share these files")]

#[path = "relay_hub/mod.rs"]
mod hub;
#[path = "harness/input.rs"]
mod input;
#[path = "harness/relay.rs"]
mod relay;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 3000, ..ProptestConfig::default() })]

    #[test]
    fn honest_sessions_notice_nothing_of_the_others(
        data in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        relay::run(&data);
    }
}
