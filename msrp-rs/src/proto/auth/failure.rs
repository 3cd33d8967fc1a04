//! Why a client got no URI of a relay.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::wire::{Fault, StatusCode};

/// Why an AUTH ended without a URI of the relay. Nothing of it helps to try again at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthFailure {
    /// The relay wants something that is not given: Basic, an unknown algorithm, a quality of protection other than
    /// `auth`, another realm (RFC 4976 §9.1).
    NoChallenge,
    /// User name or password is wrong: 401 to credentials.
    Refused,
    /// This user may not use the relay (RFC 4976 §6.3).
    Forbidden,
    /// The relay answered with another status.
    Status(StatusCode),
    /// The relay did not prove that it knows the secret (RFC 2617 §3.2.3).
    Unproved,
    /// Use-Path is missing, or not one that can be used; says what is wrong.
    UsePath(&'static str),
    /// A header of the answer cannot be read.
    Malformed(Fault),
    /// The relay did not answer.
    Silence,
}

impl fmt::Display for AuthFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChallenge => {
                f.write_str("relay asks for a kind of authentication that cannot be given")
            }
            Self::Refused => f.write_str("relay refused user name or password"),
            Self::Forbidden => f.write_str("relay forbids this user to use it: 403"),
            Self::Status(status) => write!(
                f,
                "relay answered AUTH with {status} {}",
                status.default_comment()
            ),
            Self::Unproved => {
                f.write_str("relay did not prove that it knows the password: wrong or no rspauth")
            }
            Self::UsePath(what) => write!(f, "relay gave a Use-Path that cannot be used: {what}"),
            Self::Malformed(fault) => write!(f, "relay answered AUTH unintelligibly: {fault}"),
            Self::Silence => f.write_str("relay did not answer AUTH"),
        }
    }
}

impl std::error::Error for AuthFailure {}

impl From<AuthFailure> for Error {
    /// [`ErrorKind::Auth`] for what has to do with the credentials, [`ErrorKind::Status`] for another status,
    /// [`ErrorKind::Timeout`] for silence, [`ErrorKind::Protocol`] for answers that cannot be used.
    fn from(failure: AuthFailure) -> Self {
        let context = failure.to_string();
        let refused = |status| Self {
            status: Some(status),
            ..Self::remote(ErrorKind::Auth, context.clone())
        };
        match failure {
            AuthFailure::NoChallenge | AuthFailure::Refused => refused(StatusCode::UNAUTHORIZED),
            AuthFailure::Forbidden => refused(StatusCode::FORBIDDEN),
            AuthFailure::Unproved => Self::remote(ErrorKind::Auth, context),
            AuthFailure::Status(status) => Self::status(status, context),
            AuthFailure::UsePath(_) | AuthFailure::Malformed(_) => {
                Self::remote(ErrorKind::Protocol, context)
            }
            AuthFailure::Silence => Self::remote(ErrorKind::Timeout, context),
        }
    }
}
