//! An MSRP engine: RFC 4975 sessions that a SIP program hands over as `m=message` lines.

pub mod error;
pub mod limits;
pub mod wire;
pub mod proto;
pub mod sdp;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "net")]
pub mod engine;
