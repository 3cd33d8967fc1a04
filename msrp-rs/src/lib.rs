//! An MSRP engine: RFC 4975 sessions that a SIP program hands over as `m=message` lines.

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
