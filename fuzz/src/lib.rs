//! The functions that are fuzzed stand beside the tests of the crate, where `cargo test` runs them on the corpus.

#[path = "../../msrp-rs/tests/harness/mod.rs"]
pub mod harness;
#[path = "../../msrp-rs/tests/support/mod.rs"]
mod support;
