//! Outgoing messages: the ways to send one, and what becomes of it.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use bytes::Bytes;
use msrp_core::engine::{Event, SendBody, SendOptions, SessionHandle, TransferHandle};
use msrp_core::error::{Error, ErrorKind, Result};
use msrp_core::wire::{ByteRange, FailureReport, StatusCode};

use crate::deferred::Lender;
use crate::engine::libmsrp_engine;
use crate::entry::{self, Enumerator, Out, enumerator, ffi_entry};
use crate::error::{libmsrp_result, number};
use crate::session::libmsrp_session;
use crate::sized::{self, sized};
use crate::text::{libmsrp_header, libmsrp_slice, libmsrp_text};

/// Names an outgoing message, or request of another method, of an engine. 0 is none.
pub type libmsrp_transfer = u64;

/// A length that is not known.
pub const LIBMSRP_LENGTH_UNKNOWN: u64 = 0xFFFF_FFFF_FFFF_FFFF;

/// Gives a lent buffer back. Runs once, where callbacks run.
pub type libmsrp_free_fn =
    Option<unsafe extern "C" fn(data: *const u8, len: usize, user: *mut c_void)>;

/// Which failures the sender wants to hear of (RFC 4975 §7.1.2).
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_failure_report {
    /// All, with a response to every chunk.
    Yes = 0,
    /// None.
    No = 1,
    /// Failures, but no 200 responses.
    Partial = 2,
}
enumerator!(libmsrp_failure_report: Yes, No, Partial);

/// Options of one message. Zero: the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_send_options {
    /// sizeof(libmsrp_send_options), set by LIBMSRP_SEND_OPTIONS_INIT.
    pub struct_size: usize,
    /// Its media type. Default: text/plain; application/octet-stream for libmsrp_send_file() and
    /// libmsrp_send_stream().
    pub content_type: libmsrp_slice,
    /// Its Message-ID. Default: made by the library.
    pub message_id: libmsrp_slice,
    /// Further headers.
    pub headers: *const libmsrp_header,
    /// How many, at most 1024.
    pub header_count: usize,
    /// Not 0: ask for success REPORTs, which LIBMSRP_TRANSFER_EVENT_DELIVERED tells, or
    /// LIBMSRP_TRANSFER_EVENT_UNCONFIRMED that they did not come.
    pub success_report: i32,
    /// Which failures to ask for. Default: all.
    pub failure_report: MaybeUninit<libmsrp_failure_report>,
    /// Where the Message-ID is put when the message is admitted, for libmsrp_text_free(). Written at the same time as
    /// the transfer's handle. Default: NULL, nowhere.
    pub message_id_out: *mut *mut libmsrp_text,
    /// Not 0: it is control or a report rather than a message for a reader, and the direction of the session does not
    /// stop it (RFC 4975 §8.9). IMDN and isComposing are known by their types, also inside of message/cpim. Default: 0.
    pub control: i32,
}

/// Where the host wants the Message-ID of what it sends, if it does.
#[derive(Debug)]
pub(crate) struct IdOut(Option<Out<*mut libmsrp_text>>);

impl IdOut {
    /// # Safety
    /// NULL, or valid for writes until the entry returns.
    pub(crate) unsafe fn new(place: *mut *mut libmsrp_text) -> Result<Self> {
        if place.is_null() {
            return Ok(Self(None));
        }
        // SAFETY: the caller's promise.
        let out = unsafe { entry::out(place, "options.message_id_out") }?;
        Ok(Self(Some(out)))
    }

    pub(crate) fn set(self, id: String) {
        if let Some(out) = self.0 {
            out.set(libmsrp_text::into_raw(id));
        }
    }
}

/// How far a message of ours got.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_transfer_event {
    /// sent_bytes of a large message or stream were written.
    Progress = 0,
    /// The last octet of a large message or stream was taken from its source.
    Accepted = 1,
    /// The next hop answered every chunk with 200; or, where no response was asked for, the last octet was
    /// written.
    Acknowledged = 2,
    /// Success REPORTs cover the whole message.
    Delivered = 3,
    /// It failed; also after LIBMSRP_TRANSFER_EVENT_ACKNOWLEDGED, by a late failure REPORT.
    Failed = 4,
    /// The success REPORTs that were asked for do not cover it (RFC 4975 §7.1.1): the session ended first (then this comes
    /// before on_closed), libmsrp_session_options.report_timeout_ms is over, or
    /// libmsrp_limits.remembered_ids later messages were acknowledged. Told once; where the time is over,
    /// LIBMSRP_TRANSFER_EVENT_DELIVERED may follow all the same. Not called inside libmsrp_engine_free().
    Unconfirmed = 5,
}

/// How far a message of ours got, with what belongs to it. Borrowed until the callback returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_transfer_info {
    /// sizeof(libmsrp_transfer_info) of the library.
    pub struct_size: usize,
    /// What happened.
    pub event: libmsrp_transfer_event,
    /// LIBMSRP_TRANSFER_EVENT_FAILED and _UNCONFIRMED: why. Else LIBMSRP_OK.
    pub result: libmsrp_result,
    /// LIBMSRP_TRANSFER_EVENT_PROGRESS: octets written so far. Else 0.
    pub sent_bytes: u64,
    /// LIBMSRP_TRANSFER_EVENT_PROGRESS: of how many, or LIBMSRP_LENGTH_UNKNOWN. Else 0.
    pub total_bytes: u64,
    /// LIBMSRP_TRANSFER_EVENT_FAILED and _UNCONFIRMED: the text of that. Else empty.
    pub text: libmsrp_slice,
    /// With result LIBMSRP_ERR_STATUS: the status code. Else 0.
    pub status: u16,
}

/// A REPORT about a message of ours (RFC 4975 §7.1.3). Borrowed until the callback returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_report {
    /// sizeof(libmsrp_report) of the library.
    pub struct_size: usize,
    /// The first octet that it is about, from 1; 0: the whole message.
    pub range_start: u64,
    /// The last octet that it is about, or LIBMSRP_LENGTH_UNKNOWN; 0: the whole message.
    pub range_end: u64,
    /// The length of the message as the REPORT says, or LIBMSRP_LENGTH_UNKNOWN.
    pub total_bytes: u64,
    /// The comment of its status.
    pub comment: libmsrp_slice,
    /// Its status code.
    pub status: u16,
}

sized!(libmsrp_send_options);

/// A [`libmsrp_transfer_info`] and what it points to.
pub(crate) struct TransferView<'a> {
    pub(crate) transfer: libmsrp_transfer,
    event: libmsrp_transfer_event,
    sent: u64,
    total: u64,
    error: Option<&'a Error>,
}

impl<'a> TransferView<'a> {
    /// What an event says about a transfer, if it does.
    pub(crate) fn new(engine: &libmsrp_engine, event: &'a Event) -> Option<Self> {
        let plain = |transfer: &TransferHandle, event| Self {
            transfer: transfer.0,
            event,
            sent: 0,
            total: 0,
            error: None,
        };
        Some(match event {
            Event::Progress { transfer, sent } => {
                let total = engine.core.transfer_progress(*transfer);
                Self {
                    sent: *sent,
                    total: total
                        .ok()
                        .and_then(|(_, total)| total)
                        .unwrap_or(LIBMSRP_LENGTH_UNKNOWN),
                    ..plain(transfer, libmsrp_transfer_event::Progress)
                }
            }
            Event::Accepted { transfer } => plain(transfer, libmsrp_transfer_event::Accepted),
            Event::Acknowledged { transfer } => {
                plain(transfer, libmsrp_transfer_event::Acknowledged)
            }
            Event::Delivered { transfer } => plain(transfer, libmsrp_transfer_event::Delivered),
            Event::Failed { transfer, error } => Self {
                error: Some(error),
                ..plain(transfer, libmsrp_transfer_event::Failed)
            },
            Event::Unconfirmed {
                transfer, error, ..
            } => Self {
                error: Some(error),
                ..plain(transfer, libmsrp_transfer_event::Unconfirmed)
            },
            _ => return None,
        })
    }

    pub(crate) fn info(&self) -> libmsrp_transfer_info {
        libmsrp_transfer_info {
            struct_size: size_of::<libmsrp_transfer_info>(),
            event: self.event,
            result: self
                .error
                .map_or(libmsrp_result::LibmsrpOk, |error| number(error.kind)),
            sent_bytes: self.sent,
            total_bytes: self.total,
            text: libmsrp_slice::new(self.text()),
            status: self
                .error
                .and_then(|error| error.status)
                .map_or(0, |status| status.0),
        }
    }

    pub(crate) fn failed(&self) -> bool {
        self.event == libmsrp_transfer_event::Failed
    }

    pub(crate) fn text(&self) -> &str {
        self.error.map_or("", |error| &error.context)
    }
}

impl libmsrp_report {
    /// The core's report in the host's words; borrows the comment.
    pub(crate) fn new(status: StatusCode, comment: &str, range: Option<ByteRange>) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            range_start: range.map_or(0, |range| range.start),
            range_end: range.map_or(0, |range| range.end.unwrap_or(LIBMSRP_LENGTH_UNKNOWN)),
            total_bytes: range
                .and_then(|range| range.total)
                .unwrap_or(LIBMSRP_LENGTH_UNKNOWN),
            comment: libmsrp_slice::new(comment),
            status: status.0,
        }
    }
}

impl libmsrp_send_options {
    /// # Safety
    /// The texts and the place for the Message-ID are as the header says.
    pub(crate) unsafe fn to_core(self, content_type: &str) -> Result<(SendOptions, IdOut)> {
        // SAFETY: the caller's promise.
        let its_type = unsafe { self.content_type.text("options.content_type") }?;
        // SAFETY: the caller's promise.
        let message_id = unsafe { self.message_id.text("options.message_id") }?;
        let failure_report =
            libmsrp_failure_report::from_c(self.failure_report, "options.failure_report")?;
        // SAFETY: the caller's promise.
        let headers =
            unsafe { libmsrp_header::read(self.headers, self.header_count, "options.headers") }?;
        // SAFETY: the caller's promise.
        let id_out = unsafe { IdOut::new(self.message_id_out) }?;
        let options = SendOptions {
            content_type: its_type.unwrap_or(content_type).to_owned(),
            message_id: message_id.map(str::to_owned),
            success_report: self.success_report != 0,
            failure_report: match failure_report {
                libmsrp_failure_report::Yes => FailureReport::Yes,
                libmsrp_failure_report::No => FailureReport::No,
                libmsrp_failure_report::Partial => FailureReport::Partial,
            },
            headers,
            control: self.control != 0,
        };
        Ok((options, id_out))
    }
}

/// Sends a message; its octets are copied. options may be NULL.
///
/// LIBMSRP_OK means admitted: it will be sent, and on_transfer tells how far it got. With another thread in dispatch,
/// callbacks of the transfer may come before *out is written. Messages up to 64 KiB of one session complete in
/// the order in which they were sent.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, data is NULL and len is not 0, an option is
/// of the wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE: longer than the send window (use
/// another way to send) or than what the peer takes;
/// LIBMSRP_ERR_AGAIN: the window is full now, on_writable follows; LIBMSRP_ERR_STATUS: the direction forbids it (403);
/// LIBMSRP_ERR_UNACCEPTED_TYPE: the peer does not
/// take this type, or answered it with 415 before; LIBMSRP_ERR_GONE: the session is not open any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal
/// in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_send(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    options: *const libmsrp_send_options,
    data: *const u8,
    len: usize,
    out: *mut libmsrp_transfer,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let (options, id_out) = unsafe { sized::read(options, "options")?.to_core(TEXT) }?;
        // SAFETY: the header's contract.
        let data = unsafe { entry::octets(data, len, "data") }?;
        if len > engine.send_window {
            return Err(Error::local(
                ErrorKind::TooLarge,
                format!(
                    "message of {len} octets exceeds the send window of {}; lend, stream or send it as a file",
                    engine.send_window
                ),
            ));
        }
        // Copied because the host keeps its octets; at most the send window.
        let body = SendBody::Bytes(Bytes::copy_from_slice(data));
        let admitted = engine.core.send(SessionHandle(session), options, body)?;
        id_out.set(admitted.message_id);
        out.set(admitted.transfer.0);
    })
}

/// Sends a message; its octets are lent, not copied: they stay unchanged until free_fn runs. options and free_fn
/// may be NULL (octets that live for ever). Takes one of the session's transfer slots if len is over 64 KiB.
///
/// On success free_fn runs once, where callbacks run; on failure it never does.
///
/// Returns LIBMSRP_OK: admitted; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, data is NULL and len is not 0, an
/// option is of the wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE: longer than what the peer
/// takes; LIBMSRP_ERR_AGAIN: no window or transfer slot is free now, on_writable
/// follows; LIBMSRP_ERR_STATUS; LIBMSRP_ERR_UNACCEPTED_TYPE; LIBMSRP_ERR_GONE; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
/// from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_send_take(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    options: *const libmsrp_send_options,
    data: *const u8,
    len: usize,
    free_fn: libmsrp_free_fn,
    user: *mut c_void,
    out: *mut libmsrp_transfer,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let (options, id_out) = unsafe { sized::read(options, "options")?.to_core(TEXT) }?;
        // SAFETY: the header's contract.
        unsafe { entry::octets(data, len, "data") }?;
        // SAFETY: the header's contract, and the octets were checked.
        let (lender, body) = unsafe { Lender::lend(data, len, free_fn, user, &engine.deferred) };
        let body = SendBody::Bytes(body);
        let admitted = engine.core.send(SessionHandle(session), options, body)?;
        lender.confirm();
        id_out.set(admitted.message_id);
        out.set(admitted.transfer.0);
    })
}

/// Sends a file, which the engine reads. path is the file's name in the system's encoding. options may be NULL.
/// Takes one of the session's transfer slots.
///
/// Returns LIBMSRP_OK: admitted; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, path is empty, it cannot be
/// opened or is no file, an option is of the wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE:
/// longer than what the peer takes; LIBMSRP_ERR_AGAIN: no transfer slot is free now,
/// on_writable follows; LIBMSRP_ERR_STATUS; LIBMSRP_ERR_UNACCEPTED_TYPE; LIBMSRP_ERR_GONE; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in
/// callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_send_file(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    options: *const libmsrp_send_options,
    path: *const u8,
    path_len: usize,
    out: *mut libmsrp_transfer,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let (options, id_out) = unsafe { sized::read(options, "options")?.to_core(OCTETS) }?;
        // SAFETY: the header's contract.
        let path = unsafe { entry::path(path, path_len, "path") }?;
        let body = SendBody::File(path);
        let admitted = engine.core.send(SessionHandle(session), options, body)?;
        id_out.set(admitted.message_id);
        out.set(admitted.transfer.0);
    })
}

/// Ends an outgoing message with `#`. LIBMSRP_TRANSFER_EVENT_FAILED with LIBMSRP_ERR_ABORTED follows, unless it was
/// complete already.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the transfer or its session has
/// ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_transfer_abort(
    engine: *mut libmsrp_engine,
    transfer: libmsrp_transfer,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.abort(TransferHandle(transfer))?;
    })
}

/// How many octets were written, and of how many (LIBMSRP_LENGTH_UNKNOWN where that is not known). An out-parameter
/// may be NULL.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the transfer or its session has
/// ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_transfer_progress(
    engine: *mut libmsrp_engine,
    transfer: libmsrp_transfer,
    sent_bytes: *mut u64,
    total_bytes: *mut u64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let (sent, total) = engine.core.transfer_progress(TransferHandle(transfer))?;
        if !sent_bytes.is_null() {
            // SAFETY: the header's contract.
            unsafe { entry::out(sent_bytes, "sent_bytes") }?.set(sent);
        }
        if !total_bytes.is_null() {
            // SAFETY: the header's contract.
            unsafe { entry::out(total_bytes, "total_bytes") }?
                .set(total.unwrap_or(LIBMSRP_LENGTH_UNKNOWN));
        }
    })
}

/// The Message-ID of a transfer, while its session lives. *out is for libmsrp_text_free(). Where another thread runs
/// the callbacks, the session may end before this is asked: libmsrp_send_options.message_id_out cannot come too late.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the transfer or its
/// session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_transfer_message_id(
    engine: *mut libmsrp_engine,
    transfer: libmsrp_transfer,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let id = engine.core.message_id(TransferHandle(transfer))?;
        out.set(libmsrp_text::into_raw(id));
    })
}

/// Content type of a message or request where the host does not say.
pub(crate) const TEXT: &str = "text/plain";
/// The same of files and streams.
pub(crate) const OCTETS: &str = "application/octet-stream";
