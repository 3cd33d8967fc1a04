//! The functions that a host gives for one session, and why a session ended.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use msrp_core::error::Error;
use msrp_core::proto::CloseReason;

use crate::engine::{libmsrp_engine, libmsrp_release_fn};
use crate::error::{libmsrp_result, number};
use crate::log::libmsrp_log_level;
use crate::login::libmsrp_relay_info;
use crate::message::{
    libmsrp_body_verdict, libmsrp_message, libmsrp_message_end, libmsrp_message_info,
};
use crate::request::{
    libmsrp_request, libmsrp_request_info, libmsrp_request_verdict, libmsrp_response,
};
use crate::session::{libmsrp_session, libmsrp_state};
use crate::sized::sized;
use crate::text::libmsrp_slice;
use crate::transfer::{libmsrp_report, libmsrp_transfer, libmsrp_transfer_info};

/// The host's functions for one session; all may be NULL. They run as the table at the top of this header says,
/// one at a time for an engine, and never before libmsrp_session_new() took the session.
///
/// What they are given by pointer is borrowed until they return. user is what libmsrp_session_new() or
/// libmsrp_session_set_user_data() was given.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_session_callbacks {
    /// sizeof(libmsrp_session_callbacks), set by LIBMSRP_SESSION_CALLBACKS_INIT.
    pub struct_size: usize,
    /// The state changed. LIBMSRP_STATE_OPEN: libmsrp_session_open() succeeded.
    pub on_state: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            state: libmsrp_state,
            user: *mut c_void,
        ),
    >,
    /// A message begins; on_body and on_message_end follow.
    pub on_message_begin: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            message: libmsrp_message,
            info: *const libmsrp_message_info,
            user: *mut c_void,
        ),
    >,
    /// Its next octets, in order. offset is the 0-based position of the first; where it is below what was given
    /// before, the sender sent that range again and these octets replace the earlier ones (RFC 4975 §7.3.1).
    /// NULL: they are dropped.
    pub on_body: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            message: libmsrp_message,
            offset: u64,
            data: *const u8,
            len: usize,
            user: *mut c_void,
        ) -> MaybeUninit<libmsrp_body_verdict>,
    >,
    /// The message is over.
    pub on_message_end: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            message: libmsrp_message,
            end: *const libmsrp_message_end,
            user: *mut c_void,
        ),
    >,
    /// A complete message of at most 16 KiB. NULL: it comes as on_message_begin, on_body, on_message_end.
    pub on_message: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            message: libmsrp_message,
            info: *const libmsrp_message_info,
            data: *const u8,
            len: usize,
            user: *mut c_void,
        ) -> MaybeUninit<libmsrp_body_verdict>,
    >,
    /// A REPORT about one of our messages. LIBMSRP_TRANSFER_EVENT_DELIVERED and _FAILED say what it comes to.
    pub on_report: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            transfer: libmsrp_transfer,
            report: *const libmsrp_report,
            user: *mut c_void,
        ),
    >,
    /// One of our messages, or requests of other methods, got further.
    pub on_transfer: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            transfer: libmsrp_transfer,
            info: *const libmsrp_transfer_info,
            user: *mut c_void,
        ),
    >,
    /// After LIBMSRP_ERR_AGAIN: sending may succeed again.
    pub on_writable: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            user: *mut c_void,
        ),
    >,
    /// The session is over. Its last callback but on_release; when it returns, the handle is invalid.
    pub on_closed: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            info: *const libmsrp_close_info,
            user: *mut c_void,
        ),
    >,
    /// The destructor of user: called once, after on_closed, or after libmsrp_session_set_user_data() replaced it.
    pub on_release: libmsrp_release_fn,
    /// A request of one of libmsrp_session_options.methods, with its whole body of at most 10 KiB (RFC 4975 §12). data is
    /// borrowed until this returns; libmsrp_body_retain() keeps it. Sixteen may wait for their answers at a time; further
    /// ones are answered 413. NULL: answered 501.
    pub on_request: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            request: libmsrp_request,
            info: *const libmsrp_request_info,
            data: *const u8,
            len: usize,
            user: *mut c_void,
        ) -> MaybeUninit<libmsrp_request_verdict>,
    >,
    /// The response to one of our requests. LIBMSRP_TRANSFER_EVENT_ACKNOWLEDGED or _FAILED follows.
    pub on_response: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            transfer: libmsrp_transfer,
            response: *const libmsrp_response,
            user: *mut c_void,
        ),
    >,
    /// The names of an SDP were looked up, as libmsrp_session_prepare_remote() asked; lookup is its number.
    pub on_prepared: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            lookup: u64,
            user: *mut c_void,
        ),
    >,
    /// libmsrp_session_authenticate() is done, or the URIs that the relays gave would have expired, and there are new ones.
    pub on_relay: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            session: libmsrp_session,
            info: *const libmsrp_relay_info,
            user: *mut c_void,
        ),
    >,
}

/// Why a session ended.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_close_reason {
    /// By us: libmsrp_session_close(), libmsrp_session_abort(), or the end of the engine.
    Local = 0,
    /// The peer closed the connection between two messages.
    PeerClosed = 1,
    /// The connection could not be made, or failed.
    ConnectionLost = 2,
    /// The system took no octet for the time of libmsrp_limits.write_stall_ms.
    WriteStall = 3,
    /// The peer broke the protocol.
    Protocol = 4,
    /// The peer's response or REPORT ended the session: 481, 506, or a reported 408.
    Status = 5,
    /// The peer did not come, or did not answer the first request, in time.
    BindTimeout = 6,
    /// The SDP ended the stream with port 0 (RFC 3264 §8.2).
    StreamEnded = 7,
}

/// Why a session ended, with what belongs to it. Borrowed until the callback returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_close_info {
    /// sizeof(libmsrp_close_info) of the library.
    pub struct_size: usize,
    /// Why.
    pub reason: libmsrp_close_reason,
    /// The same as an error: LIBMSRP_OK when we ended it.
    pub result: libmsrp_result,
    /// The text of that error. Empty when we ended it.
    pub text: libmsrp_slice,
    /// Messages of ours that were neither acknowledged nor failed before.
    pub unacknowledged: *const libmsrp_transfer,
    /// How many.
    pub unacknowledged_count: usize,
    /// LIBMSRP_CLOSE_REASON_STATUS: the status code. Else 0.
    pub status: u16,
}

sized!(libmsrp_session_callbacks);

/// A [`libmsrp_close_info`] and what it points to.
pub(crate) struct CloseView<'a> {
    reason: libmsrp_close_reason,
    result: libmsrp_result,
    status: u16,
    text: String,
    unacknowledged: &'a [libmsrp_transfer],
}

impl<'a> CloseView<'a> {
    pub(crate) fn new(
        reason: &CloseReason,
        error: Option<&Error>,
        unacknowledged: &'a [libmsrp_transfer],
    ) -> Self {
        let (reason, status) = match reason {
            CloseReason::Local => (libmsrp_close_reason::Local, 0),
            CloseReason::PeerClosed => (libmsrp_close_reason::PeerClosed, 0),
            CloseReason::ConnectionLost(_) => (libmsrp_close_reason::ConnectionLost, 0),
            CloseReason::WriteStall => (libmsrp_close_reason::WriteStall, 0),
            CloseReason::Protocol { .. } => (libmsrp_close_reason::Protocol, 0),
            CloseReason::Status { code, .. } => (libmsrp_close_reason::Status, code.0),
            CloseReason::BindTimeout => (libmsrp_close_reason::BindTimeout, 0),
            CloseReason::StreamEnded => (libmsrp_close_reason::StreamEnded, 0),
        };
        Self {
            reason,
            result: error.map_or(libmsrp_result::LibmsrpOk, |error| number(error.kind)),
            status,
            text: error.map_or_else(String::new, |error| error.context.clone()),
            unacknowledged,
        }
    }

    pub(crate) fn info(&self) -> libmsrp_close_info {
        libmsrp_close_info {
            struct_size: size_of::<libmsrp_close_info>(),
            reason: self.reason,
            result: self.result,
            text: libmsrp_slice::new(&self.text),
            unacknowledged: self.unacknowledged.as_ptr(),
            unacknowledged_count: self.unacknowledged.len(),
            status: self.status,
        }
    }

    /// For the log.
    pub(crate) fn text(&self) -> &str {
        if self.text.is_empty() {
            "by us"
        } else {
            &self.text
        }
    }

    /// For the log.
    pub(crate) fn level(&self) -> libmsrp_log_level {
        match self.reason {
            libmsrp_close_reason::Local | libmsrp_close_reason::PeerClosed => {
                libmsrp_log_level::Info
            }
            _ => libmsrp_log_level::Warn,
        }
    }
}
