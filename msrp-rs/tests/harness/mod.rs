//! What is fuzzed: one function for each target, which takes any octets and panics where a promise is broken.
//!
//! `fuzz/` runs them under libFuzzer, `fuzz_corpus.rs` on every file of `tests/corpus/fuzz`. So an input that was found
//! once is tried by `cargo test` ever after. The rest of the crate that includes this file is `support`.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

pub mod auth;
pub mod certificate;
pub mod connection;
pub mod frames;
pub mod headers;
#[path = "../relay_hub/mod.rs"]
pub mod hub;
pub mod input;
pub mod lint;
pub mod peer;
pub mod reassembly;
pub mod relay;
pub mod sdp;
pub mod uri;

/// A target: its name, which is also that of its corpus, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: &[Target] = &[
    ("uri", uri::run),
    ("headers", headers::run),
    ("auth", auth::run),
    ("frames", frames::run),
    ("reassembly", reassembly::run),
    ("sdp", sdp::run),
    ("connection", connection::run),
    ("relay", relay::run),
    ("certificate", certificate::run),
];
