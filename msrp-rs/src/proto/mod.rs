//! What one MSRP connection and its sessions do, as state machines without input and output.
//!
//! [`Connection`] takes octets, commands and the time, and gives octets, events and the time at
//! which it wants to be called again (RFC 4975 §5 and §7). It has no socket, clock, lock, task or
//! randomness of its own: `net` owns one `Connection` per socket and drives it, tests drive it in
//! virtual time. Octets are read and written by `wire`; who may connect where, and what the SDP
//! said, is decided above, in `engine`.

mod asking;
pub mod auth;
pub(crate) mod bounded;
mod chunk;
mod connection;
pub(crate) mod counters;
mod credit;
mod early;
mod event;
mod flow;
pub(crate) mod ids;
mod inbound;
pub(crate) mod index;
mod message;
mod moving;
mod outbound;
mod pacing;
pub(crate) mod pausing;
mod ranges;
mod receive;
mod refused;
mod report;
mod report_timer;
pub(crate) mod request;
mod sending;
mod session;
pub(crate) mod tap;
mod timers;
mod transaction;
mod transfer;
pub(crate) mod work;
pub(crate) mod write_queue;
mod written;

// They count what large numbers cost, which takes an interpreter too long.
#[cfg(all(test, not(miri)))]
mod hostile_tests;

pub use asking::{AskKey, Asked, AuthRequest};
pub use connection::Connection;
pub use counters::{Counters, Counts, Histogram, LEN_BOUNDS, TIME_BOUNDS, Traffic};
pub use event::{
    Answer, Body, CloseReason, Command, Directory, Event, Failure, Lookup, MessageEnd, MessageHead,
    MessageKey, OutgoingMessage, Pacing, ReportMode, RequestHead, SessionConfig, SessionKey,
    SessionMatch, TransferKey, Unconfirmed,
};
pub use flow::{Flow, is_control};
pub use ids::IdSource;
pub use pacing::PACE;
pub use refused::{RefusedType, RefusedTypes};
pub use tap::{Direction, Tap};
pub use transfer::send_cost;
