//! What a host does with what it received: takes it, refuses it, reports on it, answers it (RFC 4975 §7.1.3, §7.2,
//! §7.3.1).
//!
//! Messages come as events of a [`Domain`](super::Domain). What credit does is decided in `proto::credit`, which REPORT
//! is made in `proto::report`.

use std::ops::Range;
use std::sync::Arc;

use super::handle::{MessageHandle, SessionHandle};
use super::{Engine, slots, validate};
use crate::error::{Error, Result};
use crate::proto::{Answer, Command, MessageKey, RequestHead};
use crate::wire::StatusCode;

impl Engine {
    /// Stops taking messages: nothing is given to the consumer until `resume`, and the window fills. Events about our
    /// own messages still come; the end of the session waits behind what was received before it, until `resume`,
    /// `close`, `abort_session` or `shutdown`. After these three it does nothing.
    pub fn pause(&self, session: SessionHandle) -> Result<()> {
        self.find(session)?.mailbox().pause();
        Ok(())
    }

    /// Goes on.
    pub fn resume(&self, session: SessionHandle) -> Result<()> {
        self.find(session)?.mailbox().resume();
        Ok(())
    }

    /// The consumer took octets of a session: their credit goes back to its receive window. More than was given
    /// counts as all of it.
    pub fn consume(&self, session: SessionHandle, credit: usize) -> Result<()> {
        let core = self.core()?;
        core.shared.session(session)?.mailbox().consume(credit);
        core.shared.context.relieve_senders();
        Ok(())
    }

    /// The consumer took the last part of these messages of one session: their success REPORTs go out. Handles of
    /// other sessions are passed over.
    pub fn taken(&self, session: SessionHandle, messages: &[MessageHandle]) -> Result<()> {
        let found = self.find(session)?;
        let own = messages
            .iter()
            .filter(|message| slots::numbered(session.0, 0) == slots::numbered(message.0, 0))
            .map(|message| MessageKey(message.0 as u32));
        found.mailbox().taken(own);
        Ok(())
    }

    /// Refuses (the rest of) a message: its further chunks are answered with `status`. 413 asks the peer to stop. Where
    /// all of it has come by then, the REPORT about it carries `status`, unless it was made.
    ///
    /// # Errors
    /// `InvalidArgument` for a status that is no failure, `TooLarge` for a comment beyond `start_line`, `Gone`, `Forked`.
    pub fn reject(&self, message: MessageHandle, status: StatusCode, comment: &str) -> Result<()> {
        let core = self.core()?;
        let (session, key) = core.shared.message(message)?;
        validate::status(status)?;
        validate::comment(comment, &core.shared.context.limits)?;
        if status.is_success() {
            return Err(Error::invalid_argument(format!(
                "status {status} refuses nothing"
            )));
        }
        session
            .mailbox()
            .judge(key, Command::Reject(key, status, comment.to_owned()))
    }

    /// Makes the REPORT about a message that is complete, where the session's reports are manual: one for each range
    /// that asked for it if `status` is 200. Said once; `report_range` tells of parts.
    ///
    /// # Errors
    /// `InvalidArgument` where they are not, `TooLarge` for a comment beyond `start_line`, `Gone`, `Forked`.
    pub fn report(&self, message: MessageHandle, status: StatusCode, comment: &str) -> Result<()> {
        self.make_report(message, status, comment, |key, comment| {
            Command::Report(key, status, comment)
        })
    }

    /// Makes a REPORT about octets of a message, where the session's reports are manual: as often as wanted, also while
    /// the message goes on (RFC 4975 §7.1.3). `octets` are 0-based positions. Success is told only of octets in chunks
    /// that have ended and asked for it, in one REPORT for each range without a gap; a failure that the sender did not
    /// want to hear of, not at all.
    ///
    /// # Errors
    /// `InvalidArgument` where they are not, or for an empty range, `TooLarge` for a comment beyond `start_line`, `Gone`, `Forked`.
    pub fn report_range(
        &self,
        message: MessageHandle,
        octets: Range<u64>,
        status: StatusCode,
        comment: &str,
    ) -> Result<()> {
        if octets.is_empty() {
            return Err(Error::invalid_argument(format!(
                "octets {} to {} of a message are none",
                octets.start, octets.end
            )));
        }
        let Range { start, end } = octets;
        self.make_report(message, status, comment, |key, comment| {
            Command::ReportRange(key, start, end, status, comment)
        })
    }

    fn make_report(
        &self,
        message: MessageHandle,
        status: StatusCode,
        comment: &str,
        command: impl FnOnce(MessageKey, String) -> Command,
    ) -> Result<()> {
        let core = self.core()?;
        let (session, key) = core.shared.message(message)?;
        validate::status(status)?;
        validate::comment(comment, &core.shared.context.limits)?;
        if !session.manual_reports {
            return Err(Error::invalid_argument(
                "reports of this session are automatic",
            ));
        }
        session
            .mailbox()
            .judge(key, command(key, comment.to_owned()))
    }

    /// Answers a request of [`Event::Request`](super::Event::Request), once. After an error about the answer it still
    /// waits for one.
    ///
    /// # Errors
    /// `InvalidArgument` for a status that is not of three digits or a header that cannot stand there, `TooLarge` for
    /// headers or a comment beyond the limits, `Gone` when it was answered, its sender has given up
    /// ([`Limits::transaction`](crate::Limits::transaction)) or the session is over, `Forked`.
    pub fn answer(&self, request: MessageHandle, answer: Answer) -> Result<()> {
        let core = self.core()?;
        let (session, key) = core.shared.message(request)?;
        validate::answer(&answer, &core.shared.context.limits)?;
        session.mailbox().answer(key, Box::new(answer))
    }

    /// The headers of a request of [`Event::Request`](super::Event::Request) that waits for its answer.
    ///
    /// # Errors
    /// `Gone` as [`answer`](Self::answer), `Forked`.
    pub fn request_head(&self, request: MessageHandle) -> Result<Arc<RequestHead>> {
        let (session, key) = self.core()?.shared.message(request)?;
        session.mailbox().request_head(key)
    }
}
