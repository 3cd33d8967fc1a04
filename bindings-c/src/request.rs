//! Requests of other methods than SEND and REPORT: sent and answered by the host (RFC 4975 §12).

use std::mem::MaybeUninit;
use std::ptr;

use bytes::Bytes;
use msrp_core::engine::{MessageHandle, RequestOptions, SessionHandle};
use msrp_core::error::{Error, ErrorKind, Result};
use msrp_core::proto::{Answer, RequestHead};
use msrp_core::wire::MessageId;

use crate::engine::libmsrp_engine;
use crate::entry::{self, enumerator, ffi_entry};
use crate::error::libmsrp_result;
use crate::log::Log;
use crate::message::status_code;
use crate::session::libmsrp_session;
use crate::sized::{self, sized};
use crate::text::{header_named, libmsrp_header, libmsrp_slice, libmsrp_text};
use crate::transfer::{IdOut, TEXT, libmsrp_transfer};

/// Names a request of the peer, of one of libmsrp_session_options.methods. 0 is none. Valid until it is answered, its
/// sender has given up, or its session ends.
pub type libmsrp_request = u64;

/// What on_request says about the request.
/// cbindgen:rename-all=ScreamingSnakeCase
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_request_verdict {
    /// It was answered by libmsrp_request_respond(); where it was not, nobody here knows what to do with it, and it is
    /// answered 501.
    LibmsrpRequestDone = 0,
    /// libmsrp_request_respond() will come. Its sender waits for libmsrp_limits.transaction_ms (30 s).
    LibmsrpRequestLater = 1,
}
enumerator!(libmsrp_request_verdict: LibmsrpRequestDone, LibmsrpRequestLater);

impl libmsrp_request_verdict {
    /// What on_request returned; a number that is none is done, and logged.
    pub(crate) fn of(verdict: MaybeUninit<Self>, log: &Log) -> Self {
        log.verdict(
            verdict,
            "the value that on_request returned",
            Self::LibmsrpRequestDone,
        )
    }
}

/// Options of one request. Zero: the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_request_options {
    /// sizeof(libmsrp_request_options), set by LIBMSRP_REQUEST_OPTIONS_INIT.
    pub struct_size: usize,
    /// The media type of its body, if it has one. Default: text/plain.
    pub content_type: libmsrp_slice,
    /// Its Message-ID. Default: made by the library.
    pub message_id: libmsrp_slice,
    /// Further headers.
    pub headers: *const libmsrp_header,
    /// How many, at most 1024.
    pub header_count: usize,
    /// Where the Message-ID is put when the request is admitted, for libmsrp_text_free(). Default: NULL, nowhere.
    pub message_id_out: *mut *mut libmsrp_text,
}

/// What is known of a request of the peer. Borrowed until the callback returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_request_info {
    /// sizeof(libmsrp_request_info) of the library.
    pub struct_size: usize,
    /// Its method, one of libmsrp_session_options.methods.
    pub method: libmsrp_slice,
    /// Its Message-ID. Empty if there is none.
    pub message_id: libmsrp_slice,
    /// The media type of its body, as it came. Empty: there is no body.
    pub content_type: libmsrp_slice,
    /// Its further headers, in their order: all but the paths, Message-ID and Content-Type.
    pub headers: *const libmsrp_header,
    /// How many headers.
    pub header_count: usize,
}

/// The response to a request of ours. Borrowed until the callback returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_response {
    /// sizeof(libmsrp_response) of the library.
    pub struct_size: usize,
    /// The comment of its status.
    pub comment: libmsrp_slice,
    /// Its headers after the paths, in their order.
    pub headers: *const libmsrp_header,
    /// How many headers.
    pub header_count: usize,
    /// Its status code: 501 from a peer that does not know the method.
    pub status: u16,
}

sized!(libmsrp_request_options);

/// A [`libmsrp_request_info`] and what it points to.
pub(crate) struct RequestView<'a> {
    head: &'a RequestHead,
    message_id: String,
    headers: Vec<libmsrp_header>,
}

impl<'a> RequestView<'a> {
    pub(crate) fn new(head: &'a RequestHead) -> Self {
        Self {
            head,
            message_id: head
                .message_id
                .map_or_else(String::new, |id| id.to_string()),
            headers: libmsrp_header::list(&head.headers),
        }
    }

    pub(crate) fn info(&self) -> libmsrp_request_info {
        let content_type = self.head.content_type.as_deref();
        libmsrp_request_info {
            struct_size: size_of::<libmsrp_request_info>(),
            method: libmsrp_slice::new(self.head.method.as_str()),
            message_id: libmsrp_slice::new(&self.message_id),
            content_type: libmsrp_slice::new(content_type.unwrap_or_default()),
            headers: self.headers.as_ptr(),
            header_count: self.headers.len(),
        }
    }
}

/// A [`libmsrp_response`] and what it points to.
pub(crate) struct ResponseView<'a> {
    answer: &'a Answer,
    headers: Vec<libmsrp_header>,
}

impl<'a> ResponseView<'a> {
    pub(crate) fn new(answer: &'a Answer) -> Self {
        Self {
            headers: libmsrp_header::list(&answer.headers),
            answer,
        }
    }

    pub(crate) fn response(&self) -> libmsrp_response {
        libmsrp_response {
            struct_size: size_of::<libmsrp_response>(),
            comment: libmsrp_slice::new(&self.answer.comment),
            headers: self.headers.as_ptr(),
            header_count: self.headers.len(),
            status: self.answer.status.0,
        }
    }
}

impl libmsrp_request_options {
    /// # Safety
    /// The texts and the place for the Message-ID are as the header says.
    unsafe fn to_core(self) -> Result<(RequestOptions, IdOut)> {
        // SAFETY: the caller's promise.
        let content_type = unsafe { self.content_type.text("options.content_type") }?;
        // SAFETY: the caller's promise.
        let message_id = unsafe { self.message_id.text("options.message_id") }?;
        // SAFETY: the caller's promise.
        let headers =
            unsafe { libmsrp_header::read(self.headers, self.header_count, "options.headers") }?;
        // SAFETY: the caller's promise.
        let id_out = unsafe { IdOut::new(self.message_id_out) }?;
        let options = RequestOptions {
            content_type: content_type.unwrap_or(TEXT).to_owned(),
            message_id: message_id.map(str::to_owned),
            headers,
        };
        Ok((options, id_out))
    }
}

/// Sends a request of another method than SEND and REPORT: an extension that was negotiated in the signalling (RFC 4975
/// §12). method is a word of at most 64 capital letters, and none of SEND, REPORT and AUTH. Its body, if any, is copied:
/// where data is NULL and len is 0 there is none, and no Content-Type is sent. options may be NULL.
///
/// LIBMSRP_OK means admitted: it will be sent, in one piece and in turn with the session's messages. on_response tells
/// what came back, whatever its status, and on_transfer the outcome as that of a message: a response that is no success
/// is a failure with LIBMSRP_ERR_STATUS, none in time one with LIBMSRP_ERR_TIMEOUT. With another thread in dispatch,
/// these may come before *out is written.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, data is NULL and len is not 0, the method or
/// an option is of the wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE: a body of more than
/// libmsrp_limits.non_send_body_bytes (10 KiB), or headers beyond the limits; LIBMSRP_ERR_AGAIN: the window is full now,
/// on_writable follows; LIBMSRP_ERR_GONE: the session is not open any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_send_request(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    method: *const u8,
    method_len: usize,
    options: *const libmsrp_request_options,
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
        let method = unsafe { entry::text(method, method_len, "method") }?;
        // SAFETY: the header's contract.
        let (options, id_out) = unsafe { sized::read(options, "options")?.to_core() }?;
        // SAFETY: the header's contract.
        let octets = unsafe { entry::octets(data, len, "data") }?;
        if len > engine.request_body {
            return Err(Error::local(
                ErrorKind::TooLarge,
                format!(
                    "body of {len} octets exceeds non_send_body_bytes {} (RFC 4975 §7.1)",
                    engine.request_body
                ),
            ));
        }
        // Copied because the host keeps its octets; at most 10 KiB, unless the host raised it.
        let body = (!data.is_null()).then(|| Bytes::copy_from_slice(octets));
        let session = SessionHandle(session);
        let admitted = engine.core.request(session, method, options, body)?;
        id_out.set(admitted.message_id);
        out.set(admitted.transfer.0);
    })
}

/// Answers a request of the peer, once: with status, which may be any of three digits, a comment (empty: the usual one
/// of the status), and headers, which may be NULL where header_count is 0. Control characters of the comment are sent as
/// spaces. After LIBMSRP_ERR_INVALID_ARGUMENT and LIBMSRP_ERR_TOO_LARGE it still waits for its answer.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, status is no status code, comment is not UTF-8, or a
/// header cannot stand in a response; LIBMSRP_ERR_TOO_LARGE: headers beyond the limits; LIBMSRP_ERR_GONE: it was
/// answered, its sender has given up, or the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in
/// callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_request_respond(
    engine: *mut libmsrp_engine,
    request: libmsrp_request,
    status: u16,
    comment: *const u8,
    comment_len: usize,
    headers: *const libmsrp_header,
    header_count: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let comment = unsafe { entry::text(comment, comment_len, "comment") }?;
        // SAFETY: the header's contract.
        let headers = unsafe { libmsrp_header::read(headers, header_count, "headers") }?;
        let answer = Answer {
            status: status_code(status)?,
            comment: comment.to_owned(),
            headers,
        };
        engine.core.answer(MessageHandle(request), answer)?;
    })
}

/// The value of a header of a request that waits for its answer, by its name without regard to case: Message-ID,
/// Content-Type, or one of libmsrp_request_info.headers. *out becomes NULL where there is no such header, else a text for
/// libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: a pointer is NULL, or name is not UTF-8; LIBMSRP_ERR_GONE: the
/// request was answered, its sender has given up, or the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_request_header(
    engine: *mut libmsrp_engine,
    request: libmsrp_request,
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
        let head = engine.core.request_head(MessageHandle(request))?;
        let message_id = head.message_id.as_ref().map(MessageId::as_str);
        let value = header_named(
            name,
            message_id,
            head.content_type.as_deref(),
            &head.headers,
        );
        out.set(value.map_or(ptr::null_mut(), |value| {
            libmsrp_text::into_raw(value.to_owned())
        }));
    })
}
