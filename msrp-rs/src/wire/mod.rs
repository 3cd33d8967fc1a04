//! Octets and values: MSRP URIs, header values, the incremental frame parser, the encoder and the
//! scan for end-lines (RFC 4975 §6, §7.1, §9; RFC 4976 §7 for its headers).
//!
//! Pure: no socket, clock, lock or randomness. What a frame means for a session, and what is
//! answered to a faulty one, is decided in [`proto`](crate::proto); when a chunk ends, in
//! `proto::chunk`.
//!
//! Two rules hold everywhere here. `parse` reads what a peer sent: it is tolerant where the
//! catalogue of peers' habits says so and gives a [`Fault`] with the offset. `new`, `FromStr` and
//! the encoder take what this side sends: strict, with an [`Error`](crate::error::Error) of the public API.

mod auth;
mod byte_range;
mod dash_line;
mod encoder;
mod end_line;
mod expires;
mod fault;
mod head;
mod header;
mod ident;
mod media_type;
mod method;
mod parser;
mod path;
mod redacted;
mod scanner;
mod status;
mod token;
mod uri;
pub(crate) mod work;

pub use auth::{Algorithm, AuthenticationInfo, Challenge, Credentials};
pub use byte_range::ByteRange;
pub(crate) use dash_line::DashLineScanner;
pub(crate) use encoder::{ForwardedHead, is_content};
pub use encoder::{
    ReportHead, RequestHead, ResponseHead, SendHead, encode_end_line, encode_response,
    validate_extra_header,
};
pub use end_line::Continuation;
pub use fault::{Fault, FaultKind};
pub use head::Head;
pub use header::{FailureReport, HeaderName};
pub use ident::{MAX_IDENT_LEN, MessageId, TransactionId};
pub use media_type::{MediaRange, MediaType};
pub use method::Method;
pub use parser::{Frame, ParseError, Parser, ParserLimits};
pub use path::UriPath;
pub(crate) use path::words;
pub use redacted::Redacted;
#[cfg(all(feature = "net", not(loom)))]
pub(crate) use redacted::mask_uris;
pub use scanner::EndLineScanner;
pub use status::{Status, StatusCode};
pub use uri::{Host, Scheme, Uri};
