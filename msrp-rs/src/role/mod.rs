//! What a program may be in MSRP beside an endpoint, as decisions without input and output.
//!
//! Each role has its own state machines. They use `wire`, and of `proto` what is common to all connections; `net` owns
//! and drives them.

pub mod relay;
