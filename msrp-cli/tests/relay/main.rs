//! `msrp relay`, as a process.

#[path = "../support/running.rs"]
mod running;
#[expect(dead_code, reason = "the other tests need more of it")]
#[path = "../support/mod.rs"]
mod support;

mod client;
mod config;
mod daemon;
mod docs;
mod hash;
mod login;
#[cfg(unix)]
mod redaction;
mod serve;
mod session;
#[cfg(unix)]
mod signals;
