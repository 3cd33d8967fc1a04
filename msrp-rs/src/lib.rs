//! An MSRP engine: RFC 4975 sessions that a SIP program hands over as `m=message` lines.

#[cfg(feature = "net")]
mod api;
#[cfg(feature = "net")]
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

#[cfg(feature = "net")]
pub use api::{
    Body, Engine, Events, Listener, Message, Report, Session, SessionEvent, StreamSender, Transfer,
};
#[cfg(feature = "net")]
pub use engine::{
    ChunkLen, ConnectionSharing, EngineOptions, ListenOptions, PemSource, SendOptions,
    SessionOptions, SessionState, SetupPreference, Stats, TlsConfig, TlsVerify,
};
pub use error::{Error, ErrorKind, Origin, Result};
pub use limits::Limits;
pub use proto::{CloseReason, ReportMode};
pub use wire::{FailureReport, StatusCode};
