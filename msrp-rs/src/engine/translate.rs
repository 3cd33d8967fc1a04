//! From what a mailbox says to what a host is told: handles for keys, errors for failures.
//!
//! What happened was decided in `proto`; here it only gets its name in the public API.

use super::event::{Event, SessionState};
use super::handle::{MessageHandle, QueryHandle, TransferHandle};
use super::slots::numbered;
use crate::error::{Error, ErrorKind};
use crate::net::mailbox::{Item, NotConfirmed, Phase, type_refused};
use crate::proto::{
    CloseReason, Event as Said, Failure, MessageKey, SessionKey, TransferKey, Unconfirmed,
};

impl From<Phase> for SessionState {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::New => Self::New,
            Phase::Connecting => Self::Connecting,
            Phase::Open => Self::Open,
            Phase::Closing => Self::Closing,
            Phase::Closed => Self::Closed,
        }
    }
}

/// The event for an item; none for what a host has no use of.
pub(super) fn event(SessionKey(session): SessionKey, item: Item) -> Option<Event> {
    let transfer_of = |TransferKey(number)| TransferHandle(numbered(session, number));
    let message_of = |MessageKey(number)| MessageHandle(numbered(session, number));
    Some(match item {
        Item::Phase(phase) => Event::State(phase.into()),
        Item::Opened => Event::Opened,
        Item::Writable => Event::Writable,
        Item::Progress(key, sent) => Event::Progress {
            transfer: transfer_of(key),
            sent,
        },
        Item::Failed {
            transfer,
            failure,
            error,
            ..
        } => Event::Failed {
            transfer: transfer_of(transfer),
            error: error.unwrap_or_else(|| failure_error(&failure)),
        },
        Item::Unconfirmed {
            transfer,
            message_id,
            why,
        } => Event::Unconfirmed {
            transfer: transfer_of(transfer),
            message_id,
            error: unconfirmed_error(why),
        },
        Item::Prepared(lookup) => Event::Prepared { lookup },
        Item::Resolve(query, name) => Event::Resolve {
            query: QueryHandle(query),
            name,
        },
        Item::RelayPath {
            login,
            path,
            lifetime,
            offer_due,
        } => Event::RelayPath {
            login,
            path,
            lifetime,
            offer_due,
        },
        Item::RelayFailed { login, error } => Event::RelayFailed { login, error },
        Item::Service(query, name) => Event::Service {
            query: QueryHandle(query),
            name,
        },
        Item::Dial(query, address) => Event::Dial {
            query: QueryHandle(query),
            address,
        },
        Item::ReportsLost(count) => Event::ReportsLost { count },
        Item::Closed {
            reason,
            error,
            unacknowledged,
        } => Event::Closed {
            error: error.or_else(|| close_error(&reason)),
            reason,
            unacknowledged: unacknowledged.into_iter().map(transfer_of).collect(),
            // Only the session knows them.
            facts: Box::default(),
        },
        Item::Event(said) => match said {
            Said::Message {
                message,
                head,
                body,
                credit,
            } => Event::Message {
                message: message_of(message),
                head,
                body,
                credit,
            },
            Said::MessageBegin {
                message,
                head,
                credit,
            } => Event::MessageBegin {
                message: message_of(message),
                head,
                credit,
            },
            Said::MessageBody {
                message,
                offset,
                data,
            } => Event::MessageBody {
                message: message_of(message),
                offset,
                data,
            },
            Said::MessageEnd { message, end } => Event::MessageEnd {
                message: message_of(message),
                end,
            },
            Said::Request {
                message,
                head,
                body,
                credit,
            } => Event::Request {
                message: message_of(message),
                head,
                body,
                credit,
            },
            Said::Response(key, answer) => Event::Response {
                transfer: transfer_of(key),
                answer,
            },
            Said::DataWanted(key, len) => Event::DataWanted {
                transfer: transfer_of(key),
                len,
            },
            Said::Accepted(key) => Event::Accepted {
                transfer: transfer_of(key),
            },
            Said::Acknowledged(key) => Event::Acknowledged {
                transfer: transfer_of(key),
            },
            Said::Delivered(key) => Event::Delivered {
                transfer: transfer_of(key),
            },
            Said::Report {
                transfer,
                status,
                comment,
                range,
            } => Event::Report {
                transfer: transfer_of(transfer),
                status,
                comment,
                range,
            },
            Said::Shed => Event::Shed,
            Said::Recovered => Event::Recovered,
            // Turned into items of their own by the mailbox.
            Said::Bound
            | Said::WindowReleased(_)
            | Said::Progress(..)
            | Said::Failed(..)
            | Said::Unconfirmed(..)
            | Said::TypeRefused(_)
            | Said::Returned(..)
            | Said::Retired
            | Said::Moved
            | Said::Closed { .. } => return None,
        },
    })
}

fn failure_error(failure: &Failure) -> Error {
    match failure {
        Failure::Status { code, comment } => Error::status(*code, status_text(code.0, comment)),
        Failure::Timeout => Error::remote(
            ErrorKind::Timeout,
            "no response in time after the last octet (RFC 4975 §7.1.1)",
        ),
        Failure::TypeRefused(refused) => type_refused(refused),
        Failure::Aborted => Error::local(ErrorKind::Aborted, "message was ended with #"),
        Failure::WrongLength { announced, given } => Error::invalid_argument(format!(
            "stream announced {announced} octets and gave {given}"
        )),
        Failure::SessionClosed => Error::local(ErrorKind::Gone, "session ended first"),
    }
}

fn unconfirmed_error(why: NotConfirmed) -> Error {
    match why {
        NotConfirmed::Said(Unconfirmed::Timeout(timeout)) => Error::remote(
            ErrorKind::Timeout,
            format!("message is not confirmed: no success REPORT for all of it in {timeout:?}"),
        ),
        NotConfirmed::Said(Unconfirmed::Forgotten) => Error::local(
            ErrorKind::Limit,
            "message is not confirmed: limits.remembered_ids later ones were acknowledged",
        ),
        NotConfirmed::Ended(reason, error) => {
            let ended = "message is not confirmed: the session ended before its success REPORTs";
            match error.or_else(|| close_error(&reason)) {
                Some(error) => Error {
                    context: format!("{ended}: {}", error.context),
                    ..error
                },
                None => Error::local(ErrorKind::Gone, ended),
            }
        }
    }
}

/// A close reason as an error; none where the host closed the session itself.
pub(super) fn close_error(reason: &CloseReason) -> Option<Error> {
    Some(match reason {
        CloseReason::Local => return None,
        CloseReason::PeerClosed => Error::remote(ErrorKind::Connect, "peer closed the connection"),
        CloseReason::ConnectionLost(text) => {
            Error::transport(ErrorKind::Connect, format!("connection lost: {text}"))
        }
        CloseReason::WriteStall => Error::transport(
            ErrorKind::Timeout,
            "the network took no octet for the time of limits.write_stall",
        ),
        CloseReason::Protocol { offset, reason } => Error::protocol(*offset, reason.clone()),
        CloseReason::Status { code, comment } => Error::status(*code, status_text(code.0, comment)),
        CloseReason::StreamEnded => Error::remote(
            ErrorKind::Gone,
            "the SDP ended the stream with port 0 (RFC 3264 §8.2)",
        ),
        CloseReason::BindTimeout => Error::remote(
            ErrorKind::Timeout,
            "the first request was not answered in time",
        ),
    })
}

fn status_text(code: u16, comment: &str) -> String {
    if comment.is_empty() {
        format!("peer said {code}")
    } else {
        format!("peer said {code} {comment}")
    }
}
