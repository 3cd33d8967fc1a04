//! A relay (RFC 4976): forwards what its clients send and what is sent to them.
//!
//! [`Link`] is one connection of a relay. It answers hop by hop, takes the requests apart and hands them on as they
//! come; what others hand on to it, it sends under transaction ids of its own. Where a request may go, and who may have
//! a URI of this relay, is decided by the [`Office`], of which all links of a relay ask the same one. Between two links
//! go [`Forward`] and [`Backward`], by way of `net`.

mod hop;
mod link;
mod office;

pub use hop::{
    Backward, Chunk, FlowId, Forward, Holder, Hop, LaneId, Leg, Lines, LinkId, Outcome, Party,
    Peer, RelayNames, Request, Response,
};
pub use link::{
    Answer, Attempt, AuthReply, AuthStep, Decision, Link, LinkCounts, LinkEvent, LinkOptions,
    Observation, Parked, QueryId, Question, Resting, Switchboard, Validity, Verdict,
};
#[cfg(all(feature = "net", not(loom)))]
pub(crate) use office::site;
pub use office::{HostQuery, Office, OfficeCounts, OfficeEvent, OfficeOptions, OwnName};
