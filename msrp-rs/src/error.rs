//! What the public API reports: one error type with a kind, an origin and a text that names the
//! thing and the limit.
//!
//! Wire status codes live in `wire::status`; the numbers, C names and Python classes of the kinds
//! live in one table in `engine::error`.

use crate::wire::StatusCode;

/// What went wrong, seen from the caller of the API. Numbers and names in other languages stand in
/// `engine::error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument or option is out of its range or of the wrong form.
    InvalidArgument,
    /// A text is no MSRP URI (RFC 4975 §9) or may not be used where it was given.
    InvalidUri,
    /// An SDP text breaks a rule; the text names the line and the rule.
    InvalidSdp,
    /// A window or queue is full now; try again when it is writable.
    Again,
    /// Larger than a limit that will not change by waiting.
    TooLarge,
    /// The session, message or transfer has ended.
    Gone,
    /// A connection could not be made or was lost.
    Connect,
    /// TLS refused the peer, or the peer refused us.
    Tls,
    /// Credentials were refused.
    Auth,
    /// The peer answered or reported a failure; `Error::status` has the code.
    Status,
    /// No answer in time (RFC 4975 §7.1.1: 30 s after the last octet), or a caller's deadline passed.
    Timeout,
    /// The peer broke the protocol so that the connection cannot go on.
    Protocol,
    /// The message was ended with `#`, by either side.
    Aborted,
    /// A configured limit was reached.
    Limit,
    /// The peer does not accept this content type.
    UnacceptedType,
    /// Another call is using this object in a way that excludes this one.
    Busy,
    /// The call would wait for itself (made inside a callback).
    Deadlock,
    /// The engine was made by another process, before a fork.
    Forked,
    /// A defect of this library.
    Internal,
}

/// Who caused an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The caller or this library.
    Local,
    /// The peer, by what it sent.
    Remote,
    /// The network or the operating system.
    Transport,
}

/// An error of the public API.
///
/// The text starts in lower case, names the thing and the limit, and never holds a whole
/// session-id, a credential or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{context}")]
#[non_exhaustive]
pub struct Error {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Who caused it.
    pub origin: Origin,
    /// The status code of the peer, for [`ErrorKind::Status`].
    pub status: Option<StatusCode>,
    /// 0-based offset in the peer's octet stream, for [`ErrorKind::Protocol`].
    pub offset: Option<u64>,
    /// The text.
    pub context: String,
}

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error caused by the caller or by this library.
    pub fn local(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self {
            kind,
            origin: Origin::Local,
            status: None,
            offset: None,
            context: context.into(),
        }
    }

    /// An error caused by the peer.
    pub fn remote(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self {
            origin: Origin::Remote,
            ..Self::local(kind, context)
        }
    }

    /// An error caused by the network or the operating system.
    pub fn transport(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self {
            origin: Origin::Transport,
            ..Self::local(kind, context)
        }
    }

    /// The peer answered or reported `status`.
    pub fn status(status: StatusCode, context: impl Into<String>) -> Self {
        Self {
            status: Some(status),
            ..Self::remote(ErrorKind::Status, context)
        }
    }

    /// The peer broke the protocol at `offset` of its octet stream.
    pub fn protocol(offset: u64, context: impl Into<String>) -> Self {
        Self {
            offset: Some(offset),
            ..Self::remote(ErrorKind::Protocol, context)
        }
    }

    /// Shorthand for [`ErrorKind::InvalidArgument`].
    pub fn invalid_argument(context: impl Into<String>) -> Self {
        Self::local(ErrorKind::InvalidArgument, context)
    }
}
