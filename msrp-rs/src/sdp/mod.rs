//! Offer and answer for MSRP: what to put into an `m=message` section, and what one says.
//!
//! Responsible for RFC 4975 §8 (media line, path, accept-types, max-size), RFC 6135 with
//! RFC 4145 §4 (who connects), the fingerprint attribute of RFC 8122 §5, direction attributes
//! (RFC 4975 §8.9) and, of RFC 3264 and RFC 8866, what a media engine must do about the
//! description around them. Pure: text in, values and text out. A section can come and go value by
//! value, too ([`MediaBuilder`], [`MediaDescription::written_attributes`]), and a whole text may hold
//! several streams and go on from the last one of its dialog ([`SessionDescription::reoffer`]).
//!
//! Left to others: the TLS check against fingerprints and the connection itself (`net`), what may
//! be sent in which direction (`proto`), when to offer and what to do on a changed path
//! (`engine`), carrying the text (the host's SIP stack). The address of the `c=` line is used to connect
//! only where both that was chosen and RFC 6714 says so ([`cema`]); else the path decides (RFC 4975 §8.1).
//!
//! Parsing stops at the first fault; [`lint`] names all of a text, line by line.
//!
//! Errors that name an `m=` line count them from 1; arguments that choose one count from 0.

mod accept;
mod attribute;
mod builder;
pub mod cema;
mod compose;
mod direction;
mod fingerprint;
pub mod lint;
mod media;
mod negotiate;
mod origin;
mod session;
mod setup;

pub use accept::MANDATORY_TYPES;
pub use attribute::Attribute;
pub use builder::MediaBuilder;
#[cfg(feature = "net")]
pub(crate) use compose::{RefusedLines, offer_among};
pub use direction::Direction;
pub use fingerprint::{Fingerprint, HashFunction, preferred_fingerprints};
pub use media::{MediaDescription, Protocol};
pub use negotiate::{
    Answer, AnswerWarning, LocalOptions, answer, answer_with, offer, refuse, role_from_answer,
};
pub use origin::Origin;
pub use session::{MediaLine, SessionDescription};
pub use setup::{Setup, SetupAttribute};

use crate::error::{Error, ErrorKind, Result};
use crate::wire::Redacted;

/// Largest SDP text in octets; a longer one is an error of kind `Limit`.
pub const MAX_SDP_LEN: usize = 256 * 1024;

/// Most lines of an SDP text; more are an error of kind `Limit`.
pub const MAX_SDP_LINES: usize = 4096;

/// Most attributes of the session part, and of one `m=` section; more are an error of kind `Limit`.
pub const MAX_ATTRIBUTES: usize = 1024;

/// Most `m=` lines of an SDP text; more are an error of kind `Limit`.
pub const MAX_MEDIA_LINES: usize = 64;

/// Most URIs of a `path` attribute.
pub const MAX_PATH_URIS: usize = 64;

/// Longest value of a `path` attribute in octets, so that it fits into a To-Path line of 8 KiB.
pub const MAX_PATH_LEN: usize = 8 * 1024 - 16;

/// Most entries of `accept-types` and of `accept-wrapped-types`; further ones are passed over.
pub const MAX_MEDIA_RANGES: usize = 256;

/// Name of the private attribute by which two ends of this engine know each other: its value is
/// the session-id of the path beside it ([`MediaDescription::speaks_to_this_engine`]).
pub const ENGINE_MARK: &str = "x-msrp-rs";

/// The octets of an SDP as text. RFC 8866 §5 asks for UTF-8 in everything that is not of another `charset`, and no
/// line that matters for MSRP is.
///
/// # Errors
/// `Limit` above [`MAX_SDP_LEN`]; `InvalidSdp` naming the line that is not UTF-8.
pub fn text(octets: &[u8]) -> Result<&str> {
    if octets.len() > MAX_SDP_LEN {
        return Err(session::too_long(octets.len()));
    }
    std::str::from_utf8(octets).map_err(|error| {
        let before = &octets[..error.valid_up_to()];
        let number = 1 + memchr::memchr_iter(b'\n', before).count();
        invalid(format!("SDP line {number} is not UTF-8 (RFC 8866 §5)"))
    })
}

/// The peer's SDP breaks a rule.
fn invalid(context: impl Into<String>) -> Error {
    Error::remote(ErrorKind::InvalidSdp, context)
}

/// The first characters of a peer's text, for an error: without what gives access to a session.
fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    let end = text.char_indices().nth(MAX_CHARS).map(|(end, _)| end);
    Redacted(&text[..end.unwrap_or(text.len())]).to_string()
}
