//! Results: the enumerators of the one error table, their names, and the text of a thread's last failure.
//!
//! The table itself is [`ERROR_TABLE`] in the core; that this file repeats it number for number and
//! name for name is checked while compiling.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

use msrp_core::engine::ERROR_TABLE;
use msrp_core::error::Error;

/// What a function returns: LIBMSRP_OK, or a negative number, one of libmsrp_err.
pub type libmsrp_result = i32;

/// The function did what it says.
pub const LIBMSRP_OK: libmsrp_result = 0;

/// Why a function failed. Numbers are never changed and never used again; new ones may come.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_err {
    /// An argument or option is NULL, out of its range or of the wrong form.
    InvalidArgument = -1,
    /// A text is no MSRP URI (RFC 4975 §9), or may not be used where it was given.
    InvalidUri = -2,
    /// An SDP text breaks a rule; libmsrp_last_error() names the line and the rule.
    InvalidSdp = -3,
    /// A window or queue is full now. on_writable follows.
    Again = -4,
    /// Larger than a limit that does not change by waiting.
    TooLarge = -5,
    /// The session, message, transfer or listener has ended.
    Gone = -6,
    /// A connection could not be made or was lost.
    Connect = -7,
    /// TLS refused the peer, or the peer refused us.
    Tls = -8,
    /// Credentials were refused.
    Auth = -9,
    /// The peer answered or reported a failure; the status code stands beside this number.
    Status = -10,
    /// No answer in time (RFC 4975 §7.1.1: 30 s after the last octet), or a deadline passed.
    Timeout = -11,
    /// The peer broke the protocol so that the connection cannot go on.
    Protocol = -12,
    /// The message was ended with `#`, by either side.
    Aborted = -13,
    /// A configured limit was reached.
    Limit = -14,
    /// The peer does not accept this content type.
    UnacceptedType = -15,
    /// Another thread is using the engine in a way that excludes this call.
    Busy = -16,
    /// The call is not allowed inside a callback: it would wait for itself.
    Deadlock = -17,
    /// The engine was made by another process, before a fork.
    Forked = -18,
    /// A defect of this library.
    Internal = -19,
}

/// The symbol of a result, for logs: `LIBMSRP_ERR_GONE`, `LIBMSRP_OK`.
///
/// Never NULL; a number that is none gives `unknown result`. The text is static. Cannot fail; legal in
/// callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub extern "C" fn libmsrp_result_name(result: libmsrp_result) -> *const c_char {
    if result == LIBMSRP_OK {
        return c"LIBMSRP_OK".as_ptr();
    }
    NAMES
        .iter()
        .find(|(error, _)| *error as libmsrp_result == result)
        .map_or(c"unknown result", |(_, name)| name)
        .as_ptr()
}

/// The text of the calling thread's last failure: lower case, names the thing and the limit, holds no
/// credential, no body and no whole session-id.
///
/// Never NULL; empty when nothing failed in this thread. Valid until the next libmsrp call of this thread
/// that fails. A call that succeeds leaves it alone. Cannot fail; legal in callbacks, from any thread, in a
/// forked child.
#[unsafe(no_mangle)]
pub extern "C" fn libmsrp_last_error() -> *const c_char {
    // At the end of a thread its text is gone before the host's own thread-local destructors: those get "".
    LAST_ERROR
        .try_with(|text| text.borrow().as_ptr())
        .unwrap_or(c"".as_ptr())
}

/// Keeps the text for [`libmsrp_last_error`] and gives the number.
pub(crate) fn fail(error: &Error) -> libmsrp_result {
    let text: String = error.context.chars().filter(|c| *c != '\0').collect();
    let text = CString::new(text).unwrap_or_default();
    let _ = LAST_ERROR.try_with(|last| *last.borrow_mut() = text);
    error.kind.row().number
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// Every enumerator with its symbol, in the order of [`ERROR_TABLE`].
const NAMES: &[(libmsrp_err, &CStr)] = &[
    (
        libmsrp_err::InvalidArgument,
        c"LIBMSRP_ERR_INVALID_ARGUMENT",
    ),
    (libmsrp_err::InvalidUri, c"LIBMSRP_ERR_INVALID_URI"),
    (libmsrp_err::InvalidSdp, c"LIBMSRP_ERR_INVALID_SDP"),
    (libmsrp_err::Again, c"LIBMSRP_ERR_AGAIN"),
    (libmsrp_err::TooLarge, c"LIBMSRP_ERR_TOO_LARGE"),
    (libmsrp_err::Gone, c"LIBMSRP_ERR_GONE"),
    (libmsrp_err::Connect, c"LIBMSRP_ERR_CONNECT"),
    (libmsrp_err::Tls, c"LIBMSRP_ERR_TLS"),
    (libmsrp_err::Auth, c"LIBMSRP_ERR_AUTH"),
    (libmsrp_err::Status, c"LIBMSRP_ERR_STATUS"),
    (libmsrp_err::Timeout, c"LIBMSRP_ERR_TIMEOUT"),
    (libmsrp_err::Protocol, c"LIBMSRP_ERR_PROTOCOL"),
    (libmsrp_err::Aborted, c"LIBMSRP_ERR_ABORTED"),
    (libmsrp_err::Limit, c"LIBMSRP_ERR_LIMIT"),
    (libmsrp_err::UnacceptedType, c"LIBMSRP_ERR_UNACCEPTED_TYPE"),
    (libmsrp_err::Busy, c"LIBMSRP_ERR_BUSY"),
    (libmsrp_err::Deadlock, c"LIBMSRP_ERR_DEADLOCK"),
    (libmsrp_err::Forked, c"LIBMSRP_ERR_FORKED"),
    (libmsrp_err::Internal, c"LIBMSRP_ERR_INTERNAL"),
];

/// The enumerators are the core's table.
const _: () = {
    assert!(NAMES.len() == ERROR_TABLE.len());
    let mut row = 0;
    while row < NAMES.len() {
        let (error, name) = NAMES[row];
        assert!(error as i32 == ERROR_TABLE[row].number);
        let (ours, theirs) = (name.to_bytes(), ERROR_TABLE[row].c_name.as_bytes());
        assert!(ours.len() == theirs.len());
        let mut at = 0;
        while at < ours.len() {
            assert!(ours[at] == theirs[at]);
            at += 1;
        }
        row += 1;
    }
};
