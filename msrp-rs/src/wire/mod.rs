//! Octets and values: MSRP URIs, header values, the incremental frame parser, the encoder and the
//! scan for end-lines (RFC 4975 §6, §7.1, §9; RFC 4976 §7 for its headers).
//!
//! Pure: no socket, clock, lock or randomness. What a frame means for a session, and what is
//! answered to a faulty one, is decided in [`proto`](crate::proto); when a chunk ends, in
//! `proto::outbound`.
//!
//! Two rules hold everywhere here. `parse` reads what a peer sent: it is tolerant where the
//! catalogue of peers' habits says so and gives a [`Fault`] with the offset. `new`, `FromStr` and
//! the encoder take what this side sends: strict, with an [`Error`](crate::error::Error) of the public API.

mod fault;
mod ident;
mod media_type;
mod path;
mod redacted;
mod status;
mod token;
mod uri;

pub use fault::{Fault, FaultKind};
pub use ident::{MAX_IDENT_LEN, MessageId, TransactionId};
pub use media_type::{MediaRange, MediaType};
pub use path::UriPath;
pub use redacted::Redacted;
pub use status::{Status, StatusCode};
pub use uri::{Host, Scheme, Uri};
