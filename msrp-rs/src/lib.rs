//! An MSRP engine: RFC 4975 sessions that a SIP program hands over as `m=message` lines.

// Under `cfg(loom)` only the wake protocols in `net` are built above the pure layers.
#[cfg(all(feature = "net", not(loom)))]
mod api;
#[cfg(all(feature = "net", not(loom)))]
pub mod engine;

#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../../README.md")]
struct Readme;
pub mod error;
pub mod limits;
#[cfg(feature = "net")]
pub mod net;
pub mod proto;
pub mod sdp;
pub mod wire;

#[cfg(all(feature = "net", not(loom)))]
pub use api::{
    Body, Engine, Events, Listener, Message, Report, Session, SessionEvent, StreamSender, Transfer,
};
#[cfg(all(feature = "net", not(loom)))]
pub use engine::{
    ChunkLen, ConnectionSharing, EngineOptions, ListenOptions, PemSource, SendOptions,
    SessionOptions, SessionState, SetupPreference, Stats, TlsConfig, TlsVerify,
};
pub use error::{Error, ErrorKind, Origin, Result};
pub use limits::Limits;
pub use proto::{CloseReason, ReportMode};
pub use wire::{FailureReport, StatusCode};
