//! Incoming messages: what callbacks are told, and what the host may do with a message handle.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use msrp_core::engine::{MessageHandle, SessionHandle};
use msrp_core::error::{Error, ErrorKind, Result};
use msrp_core::proto::{MessageEnd, MessageHead};
use msrp_core::wire::{FailureReport, StatusCode};
use parking_lot::Mutex;

use crate::engine::libmsrp_engine;
use crate::entry::{self, enumerator, ffi_entry};
use crate::error::libmsrp_result;
use crate::log::Log;
use crate::session::SessionEntry;
use crate::text::{header_named, libmsrp_header, libmsrp_slice, libmsrp_text};
use crate::transfer::{LIBMSRP_LENGTH_UNKNOWN, libmsrp_failure_report};

/// Names an incoming message of an engine. 0 is none. Valid until on_message_end (on_message) returns, and
/// further while octets of it are not consumed or it is retained.
pub type libmsrp_message = u64;

/// Most messages of a session that may be retained at a time.
pub const LIBMSRP_MAX_RETAINED_MESSAGES: usize = 1024;

/// What on_body and on_message say about the octets.
/// cbindgen:rename-all=ScreamingSnakeCase
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_body_verdict {
    /// They are done with: their room in the window is free again.
    LibmsrpBodyConsumed = 0,
    /// They are not done with: libmsrp_message_consume() frees their room. The octets themselves have to be copied,
    /// or kept by libmsrp_body_retain().
    LibmsrpBodyLater = 1,
}
enumerator!(libmsrp_body_verdict: LibmsrpBodyConsumed, LibmsrpBodyLater);

impl libmsrp_body_verdict {
    /// What a callback returned; a number that is none is consumed, and logged.
    pub(crate) fn of(verdict: MaybeUninit<Self>, log: &Log) -> Self {
        log.verdict(
            verdict,
            "the value that a body callback returned",
            Self::LibmsrpBodyConsumed,
        )
    }
}

/// What is known of a message when it begins. Borrowed until the callback returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_message_info {
    /// sizeof(libmsrp_message_info) of the library.
    pub struct_size: usize,
    /// Its Message-ID.
    pub message_id: libmsrp_slice,
    /// Its media type, as it came.
    pub content_type: libmsrp_slice,
    /// Its further headers, in their order: those that no other member tells.
    pub headers: *const libmsrp_header,
    /// How many headers.
    pub header_count: usize,
    /// The announced length: a hint until the message is complete. LIBMSRP_LENGTH_UNKNOWN if there is none.
    pub total_bytes: u64,
    /// Not 0: the sender asked for a success REPORT.
    pub success_report: i32,
    /// What the sender asked for in case of failure.
    pub failure_report: libmsrp_failure_report,
}

/// How a message ended.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_end {
    /// All octets are there.
    Complete = 0,
    /// The sender ended it with `#`.
    Aborted = 1,
    /// We refused it: too large, too slow a consumer, or libmsrp_message_reject().
    Rejected = 2,
    /// No chunk came for the idle limit.
    Idle = 3,
    /// The session ended first.
    SessionClosed = 4,
}

/// How a message ended, with what belongs to it. Borrowed until the callback returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_message_end {
    /// sizeof(libmsrp_message_end) of the library.
    pub struct_size: usize,
    /// How.
    pub end: libmsrp_end,
    /// LIBMSRP_END_REJECTED: the status code that we answered. Else 0.
    pub status: u16,
    /// LIBMSRP_END_COMPLETE: its length. Else 0.
    pub total_bytes: u64,
}

impl libmsrp_message_end {
    /// The core's end in the host's words.
    pub(crate) fn new(end: &MessageEnd) -> Self {
        let (end, status, total_bytes) = match end {
            MessageEnd::Complete(total) => (libmsrp_end::Complete, 0, *total),
            MessageEnd::Aborted => (libmsrp_end::Aborted, 0, 0),
            MessageEnd::Rejected(status) => (libmsrp_end::Rejected, status.0, 0),
            MessageEnd::Idle => (libmsrp_end::Idle, 0, 0),
            MessageEnd::SessionClosed => (libmsrp_end::SessionClosed, 0, 0),
        };
        Self {
            struct_size: size_of::<Self>(),
            end,
            status,
            total_bytes,
        }
    }
}

/// A [`libmsrp_message_info`] and what it points to.
pub(crate) struct MessageView<'a> {
    head: &'a MessageHead,
    headers: Vec<libmsrp_header>,
}

impl<'a> MessageView<'a> {
    pub(crate) fn new(head: &'a MessageHead) -> Self {
        Self {
            headers: libmsrp_header::list(&head.headers),
            head,
        }
    }

    pub(crate) fn info(&self) -> libmsrp_message_info {
        libmsrp_message_info {
            struct_size: size_of::<libmsrp_message_info>(),
            message_id: libmsrp_slice::new(self.head.message_id.as_str()),
            content_type: libmsrp_slice::new(&self.head.content_type),
            headers: self.headers.as_ptr(),
            header_count: self.headers.len(),
            total_bytes: self.head.total.unwrap_or(LIBMSRP_LENGTH_UNKNOWN),
            success_report: i32::from(self.head.success_report),
            failure_report: match self.head.failure_report {
                FailureReport::Yes => libmsrp_failure_report::Yes,
                FailureReport::No => libmsrp_failure_report::No,
                FailureReport::Partial => libmsrp_failure_report::Partial,
            },
        }
    }
}

/// The messages whose handles are valid.
#[derive(Debug, Default)]
pub(crate) struct Messages(Mutex<HashMap<u64, MessageEntry>>);

#[derive(Debug)]
struct MessageEntry {
    session: Arc<SessionEntry>,
    head: Arc<MessageHead>,
    /// Octets given to the host and not consumed.
    outstanding: usize,
    retained: usize,
    /// Its last callback returned.
    finished: bool,
    /// It ended, and all of it was there.
    complete: bool,
    /// Its session ended: there is nothing to consume, reject or report any more.
    orphaned: bool,
}

/// What consuming left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Consumed {
    /// The last part of a complete message was taken.
    Whole,
    /// Anything else.
    Part,
}

/// How many messages of a session are in the table, and how many of them are retained.
#[derive(Debug, Default)]
pub(crate) struct MessageCounts {
    known: AtomicUsize,
    retained: AtomicUsize,
}

impl Messages {
    /// A message begins.
    pub(crate) fn begin(
        &self,
        session: &Arc<SessionEntry>,
        message: MessageHandle,
        head: &Arc<MessageHead>,
    ) {
        session.messages.known.fetch_add(1, Ordering::Relaxed);
        let entry = MessageEntry {
            session: session.clone(),
            head: head.clone(),
            outstanding: 0,
            retained: 0,
            finished: false,
            complete: false,
            orphaned: false,
        };
        self.0.lock().insert(message.0, entry);
    }

    /// Octets are about to be shown to the host.
    pub(crate) fn given(&self, message: MessageHandle, len: usize) {
        if let Some(entry) = self.0.lock().get_mut(&message.0) {
            entry.outstanding += len;
        }
    }

    /// The callback consumed what it was given. Gives the credit: less, where the host consumed some of it
    /// meanwhile.
    pub(crate) fn consumed_at_once(&self, message: MessageHandle, len: usize) -> usize {
        let mut messages = self.0.lock();
        let Some(entry) = messages.get_mut(&message.0) else {
            return 0;
        };
        let credit = len.min(entry.outstanding);
        entry.outstanding -= credit;
        credit
    }

    /// The last callback of a message returned.
    pub(crate) fn finish(&self, message: MessageHandle, complete: bool) -> Consumed {
        let mut messages = self.0.lock();
        let Some(entry) = messages.get_mut(&message.0) else {
            return Consumed::Part;
        };
        entry.finished = true;
        entry.complete = complete;
        settle(&mut messages, message.0)
    }

    /// A session ended: only its retained messages stay.
    pub(crate) fn session_ended(&self, session: &Arc<SessionEntry>) {
        if session.messages.known.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.0.lock().retain(|_, entry| {
            if !Arc::ptr_eq(&entry.session, session) {
                return true;
            }
            entry.orphaned = true;
            entry.finished = true;
            entry.outstanding = 0;
            entry.retained > 0
        });
    }

    /// The host consumed octets, from any thread. Gives the session and whether the message is whole.
    fn consume(&self, message: u64, len: usize) -> Result<(u64, Consumed)> {
        let mut messages = self.0.lock();
        let entry = live(&mut messages, message)?;
        if len > entry.outstanding {
            return Err(Error::invalid_argument(format!(
                "{len} octets consumed of {} that were given",
                entry.outstanding
            )));
        }
        entry.outstanding -= len;
        let session = entry.session.handle;
        if len == 0 || !entry.finished {
            return Ok((session, Consumed::Part));
        }
        Ok((session, settle(&mut messages, message)))
    }

    /// Checks a handle for a function that the core does.
    fn check(&self, message: u64) -> Result<MessageHandle> {
        live(&mut self.0.lock(), message)?;
        Ok(MessageHandle(message))
    }

    fn header(&self, message: u64, name: &str) -> Result<Option<String>> {
        let head = match self.0.lock().get(&message) {
            Some(entry) => entry.head.clone(),
            None => return Err(gone()),
        };
        let (message_id, content_type) = (head.message_id.as_str(), head.content_type.as_str());
        let found = header_named(name, Some(message_id), Some(content_type), &head.headers);
        Ok(found.map(str::to_owned))
    }

    fn retain(&self, message: u64) -> Result<()> {
        let mut messages = self.0.lock();
        let entry = messages.get_mut(&message).ok_or_else(gone)?;
        if entry.retained == 0 {
            let retained = &entry.session.messages.retained;
            if retained.load(Ordering::Relaxed) >= LIBMSRP_MAX_RETAINED_MESSAGES {
                return Err(Error::local(
                    ErrorKind::Limit,
                    format!("{LIBMSRP_MAX_RETAINED_MESSAGES} messages of the session are retained"),
                ));
            }
            retained.fetch_add(1, Ordering::Relaxed);
        }
        entry.retained += 1;
        Ok(())
    }

    fn release(&self, message: u64) -> Result<()> {
        let mut messages = self.0.lock();
        let entry = messages.get_mut(&message).ok_or_else(gone)?;
        if entry.retained == 0 {
            return Err(Error::invalid_argument("the message is not retained"));
        }
        entry.retained -= 1;
        if entry.retained == 0 {
            entry
                .session
                .messages
                .retained
                .fetch_sub(1, Ordering::Relaxed);
            remove_if_over(&mut messages, message);
        }
        Ok(())
    }
}

/// A message of a session that lives.
fn live(messages: &mut HashMap<u64, MessageEntry>, message: u64) -> Result<&mut MessageEntry> {
    messages
        .get_mut(&message)
        .filter(|entry| !entry.orphaned)
        .ok_or_else(gone)
}

/// After the end of a message and after each consumption: says once whether it is whole, and forgets it when
/// nothing needs it.
fn settle(messages: &mut HashMap<u64, MessageEntry>, message: u64) -> Consumed {
    let Some(entry) = messages.get_mut(&message) else {
        return Consumed::Part;
    };
    if entry.outstanding > 0 {
        return Consumed::Part;
    }
    let consumed = if entry.complete && !entry.orphaned {
        Consumed::Whole
    } else {
        Consumed::Part
    };
    remove_if_over(messages, message);
    consumed
}

fn remove_if_over(messages: &mut HashMap<u64, MessageEntry>, message: u64) {
    let over =
        |entry: &MessageEntry| entry.finished && entry.outstanding == 0 && entry.retained == 0;
    if messages.get(&message).is_some_and(over)
        && let Some(entry) = messages.remove(&message)
    {
        entry.session.messages.known.fetch_sub(1, Ordering::Relaxed);
    }
}

fn gone() -> Error {
    Error::local(ErrorKind::Gone, "the message has ended and is not retained")
}

/// Frees the room of len octets that a callback answered LIBMSRP_BODY_LATER: as many as were given, in any
/// portions. Octets of a message that ended without LIBMSRP_END_COMPLETE have to be consumed too. A success
/// REPORT that the sender asked for goes out with the last octet (unless the session's reports are manual).
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or len is more than is outstanding;
/// LIBMSRP_ERR_GONE: all of it was consumed, or the session ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in
/// callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_message_consume(
    engine: *mut libmsrp_engine,
    message: libmsrp_message,
    len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let (session, consumed) = engine.messages.consume(message, len)?;
        let session = SessionHandle(session);
        if len > 0 {
            engine.core.consume(session, len)?;
        }
        if consumed == Consumed::Whole {
            engine.core.taken(session, &[MessageHandle(message)])?;
        }
    })
}

/// The value of a header of a message, by its name without regard to case: Message-ID, Content-Type, or one of
/// libmsrp_message_info.headers. *out becomes NULL where there is no
/// such header, else a text for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: a pointer is NULL, or name is not UTF-8; LIBMSRP_ERR_GONE: the
/// message has ended and is not retained; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
/// thread; for a retained message also after its session ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_message_header(
    engine: *mut libmsrp_engine,
    message: libmsrp_message,
    name: *const u8,
    name_len: usize,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let name = unsafe { entry::text(name, name_len, "name") }?;
        let value = engine.messages.header(message, name)?;
        out.set(value.map_or(ptr::null_mut(), libmsrp_text::into_raw));
    })
}

/// Keeps a message handle valid after the message's last callback, until libmsrp_message_release(). Counts: as
/// many releases are needed.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the message has ended;
/// LIBMSRP_ERR_LIMIT: LIBMSRP_MAX_RETAINED_MESSAGES of its session are retained; LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_message_retain(
    engine: *mut libmsrp_engine,
    message: libmsrp_message,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.messages.retain(message)?;
    })
}

/// Undoes one libmsrp_message_retain().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or the message is not retained;
/// LIBMSRP_ERR_GONE: there is no such message any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks
/// and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_message_release(
    engine: *mut libmsrp_engine,
    message: libmsrp_message,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.messages.release(message)?;
    })
}

/// Refuses a message, or the rest of it: its next chunks are answered with status (RFC 4975 §10), and
/// on_message_end comes with LIBMSRP_END_REJECTED. Where all of it has come by then, the REPORT about it carries status:
/// with LIBMSRP_REPORTS_MANUAL if none was made, else if one of success was asked for and not everything is consumed
/// yet; on_message_end comes with LIBMSRP_END_COMPLETE. Control characters of the comment are sent as spaces.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, status is no failure status, or comment is
/// not UTF-8; LIBMSRP_ERR_TOO_LARGE: comment does not fit into limits.start_line; LIBMSRP_ERR_GONE: the message has
/// ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_message_reject(
    engine: *mut libmsrp_engine,
    message: libmsrp_message,
    status: u16,
    comment: *const u8,
    comment_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let comment = unsafe { entry::text(comment, comment_len, "comment") }?;
        let message = engine.messages.check(message)?;
        engine.core.reject(message, status_code(status)?, comment)?;
    })
}

/// Sends the REPORT about a message, which is complete, in a session with LIBMSRP_REPORTS_MANUAL: 200 for success. One
/// that the sender did not ask for is not sent; once it was said, nothing more is. Retain the message to report after its last callback. Control characters of the comment
/// are sent as spaces.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, status is no status code, comment is not UTF-8, or
/// the session makes its own reports; LIBMSRP_ERR_TOO_LARGE: comment does not fit into limits.start_line;
/// LIBMSRP_ERR_GONE: the message or its session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_message_report(
    engine: *mut libmsrp_engine,
    message: libmsrp_message,
    status: u16,
    comment: *const u8,
    comment_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let comment = unsafe { entry::text(comment, comment_len, "comment") }?;
        let message = engine.messages.check(message)?;
        engine.core.report(message, status_code(status)?, comment)?;
    })
}

/// Sends a REPORT about len octets of a message from the 0-based position offset on, in a session with
/// LIBMSRP_REPORTS_MANUAL (RFC 4975 §7.1.3): as often as wanted, also while the message goes on, so that its sender sees
/// how far it got. 200 is told only of octets in chunks that have ended and asked for it, in one REPORT for each range
/// without a gap; a failure only to a sender that wants to hear of it.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, len is 0 or reaches beyond 2^64, status is no status
/// code, comment is not UTF-8, or the session makes its own reports; LIBMSRP_ERR_TOO_LARGE: comment does not fit into
/// limits.start_line; LIBMSRP_ERR_GONE: the message or its session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_message_report_range(
    engine: *mut libmsrp_engine,
    message: libmsrp_message,
    offset: u64,
    len: u64,
    status: u16,
    comment: *const u8,
    comment_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let comment = unsafe { entry::text(comment, comment_len, "comment") }?;
        let end = offset.checked_add(len).ok_or_else(|| {
            Error::invalid_argument(format!(
                "{len} octets from {offset} on reach beyond 64 bits"
            ))
        })?;
        let message = engine.messages.check(message)?;
        let status = status_code(status)?;
        engine
            .core
            .report_range(message, offset..end, status, comment)?;
    })
}

pub(crate) fn status_code(status: u16) -> Result<StatusCode> {
    if (100..=999).contains(&status) {
        Ok(StatusCode(status))
    } else {
        Err(Error::invalid_argument(format!(
            "{status} is no status code (three digits)"
        )))
    }
}
