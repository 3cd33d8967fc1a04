//! Sockets and queues: the layer that moves octets between `proto` and the operating system, and
//! events between `proto` and consumers.
//!
//! Each connection has one task, the `driver`, that owns a [`proto::Connection`](crate::proto::Connection)
//! and calls it in the order that ARCHITECTURE.md gives. Each session has one `mailbox` in which its
//! host's commands and its events meet; `inbox` wakes the driver for commands, `ready` wakes the
//! consumer for events. `transport` is TCP or TLS (RFC 4975 §5.4, §14.2), `listener` and `dial`
//! make connections (RFC 4975 §5.4, §6.2), `login` logs in to relays on them (RFC 4976 §5.1), `resolve` finds the
//! addresses of names, `dns` asks name servers itself, `question` asks hosts, `detour` leads one through a test,
//! `registry` knows which session a URI
//! names (RFC 4975 §7.3).
//!
//! `relay` runs a relay (RFC 4976): its connections have tasks of their own, which share `pump` with the driver, and `port`s
//! at which they meet.
//!
//! `trace` writes what goes over connections into files, `log` holds records for the host.
//!
//! What a frame means is decided in `proto`; what a host may ask for, and SDP, in `engine`.
//!
//! Under `cfg(loom)` only the parts with a wake protocol are built; see `sync`.

#[cfg(not(loom))]
pub(crate) mod adopt;
#[cfg(not(loom))]
pub(crate) mod block;
#[cfg(not(loom))]
pub(crate) mod context;
#[cfg(not(loom))]
pub(crate) mod detour;
#[cfg(not(loom))]
pub(crate) mod dial;
#[cfg(all(feature = "dns", not(loom)))]
pub(crate) mod dns;
#[cfg(not(loom))]
pub(crate) mod driver;
#[cfg(not(loom))]
pub(crate) mod file;
pub(crate) mod inbox;
#[cfg(not(loom))]
pub(crate) mod listener;
#[cfg(not(loom))]
pub(crate) mod log;
#[cfg(not(loom))]
pub(crate) mod login;
pub(crate) mod mailbox;
pub(crate) mod memory;
#[cfg(not(loom))]
pub(crate) mod options;
pub(crate) mod port;
#[cfg(not(loom))]
pub(crate) mod pump;
#[cfg(not(loom))]
pub(crate) mod question;
pub(crate) mod ready;
#[cfg(not(loom))]
pub(crate) mod registry;
#[cfg(not(loom))]
pub(crate) mod relay;
#[cfg(not(loom))]
pub(crate) mod resolve;
#[cfg(not(loom))]
pub(crate) mod socket;
#[cfg(not(loom))]
pub(crate) mod sockopt;
pub(crate) mod sync;
#[cfg(not(loom))]
pub(crate) mod tls;
#[cfg(not(loom))]
pub(crate) mod trace;
#[cfg(not(loom))]
pub(crate) mod transport;
#[cfg(not(loom))]
pub(crate) mod unbound;
#[cfg(not(loom))]
pub(crate) mod wakeup;

#[cfg(all(test, loom))]
mod loom_tests;
