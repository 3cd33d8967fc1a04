//! How the command ends: the exit codes, and failures that carry one.

use std::fmt;
use std::io;

use msrp::{Error, ErrorKind};

/// An exit code; the help of the command lists their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    NoSession,
    Refused,
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoSession => 3,
            Self::Refused => 4,
            // 128 + SIGINT, as shells have it.
            Self::Interrupted => 130,
        }
    }
}

/// Why the command could not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { exit, text }
    }

    /// The operating system refused something about `what`.
    pub(crate) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(Exit::Failed, format!("{what}: {error}"))
    }

    /// `error`, met while the session was being opened.
    pub(crate) fn opening(error: &Error) -> Self {
        let exit = match error.kind {
            ErrorKind::InvalidArgument => Exit::Usage,
            ErrorKind::InvalidSdp | ErrorKind::InvalidUri => Exit::Failed,
            _ => Exit::NoSession,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.kind {
            ErrorKind::InvalidArgument | ErrorKind::InvalidUri => Exit::Usage,
            ErrorKind::Status
            | ErrorKind::Aborted
            | ErrorKind::UnacceptedType
            | ErrorKind::TooLarge
            | ErrorKind::Timeout => Exit::Refused,
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}
