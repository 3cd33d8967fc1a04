//! Results: the enumerators of the one error table, their names, and the text of a thread's last failure.
//!
//! The table itself is [`ERROR_TABLE`] in the core; that this file repeats it number for number and
//! name for name is checked while compiling.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;

use msrp_core::engine::ERROR_TABLE;
use msrp_core::error::{Error, ErrorKind};

use crate::entry::{Enumerator, enumerator};

/// What a function returns: LIBMSRP_OK, or a negative number that says why it failed. Numbers are never changed
/// and never used again; new ones may come.
/// cbindgen:rename-all=ScreamingSnakeCase
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_result {
    /// The function did what it says.
    LibmsrpOk = 0,
    /// An argument or option is NULL, out of its range or of the wrong form.
    LibmsrpErrInvalidArgument = -1,
    /// A text is no MSRP URI (RFC 4975 §9), or may not be used where it was given.
    LibmsrpErrInvalidUri = -2,
    /// An SDP text breaks a rule; libmsrp_last_error() names the line and the rule.
    LibmsrpErrInvalidSdp = -3,
    /// A window or queue is full now. on_writable follows.
    LibmsrpErrAgain = -4,
    /// Larger than a limit that does not change by waiting.
    LibmsrpErrTooLarge = -5,
    /// The session, message, transfer or listener has ended.
    LibmsrpErrGone = -6,
    /// A connection could not be made or was lost.
    LibmsrpErrConnect = -7,
    /// TLS refused the peer, or the peer refused us.
    LibmsrpErrTls = -8,
    /// Credentials were refused.
    LibmsrpErrAuth = -9,
    /// The peer answered or reported a failure; the status code stands beside this number.
    LibmsrpErrStatus = -10,
    /// No answer in time (RFC 4975 §7.1.1: 30 s after the last octet), or a deadline passed.
    LibmsrpErrTimeout = -11,
    /// The peer broke the protocol so that the connection cannot go on.
    LibmsrpErrProtocol = -12,
    /// The message was ended with `#`, by either side.
    LibmsrpErrAborted = -13,
    /// A configured limit was reached.
    LibmsrpErrLimit = -14,
    /// The peer does not accept this content type.
    LibmsrpErrUnacceptedType = -15,
    /// Another thread is using the engine in a way that excludes this call.
    LibmsrpErrBusy = -16,
    /// The call is not allowed inside a callback: it would wait for itself.
    LibmsrpErrDeadlock = -17,
    /// The engine was made by another process, before a fork.
    LibmsrpErrForked = -18,
    /// A defect of this library.
    LibmsrpErrInternal = -19,
}

/// The symbol of a result, for logs: `LIBMSRP_ERR_GONE`, `LIBMSRP_OK`.
///
/// Never NULL; a number that is none gives `unknown result`. The text is static. Cannot fail; legal in
/// callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub extern "C" fn libmsrp_result_name(result: MaybeUninit<libmsrp_result>) -> *const c_char {
    match libmsrp_result::from_c(result, "result") {
        Ok(libmsrp_result::LibmsrpOk) => c"LIBMSRP_OK",
        Ok(error) => NAMES
            .iter()
            .find(|(other, _)| *other == error)
            .map_or(UNKNOWN, |(_, name)| name),
        Err(_) => UNKNOWN,
    }
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
    number(error.kind)
}

/// The number of a kind.
pub(crate) fn number(kind: ErrorKind) -> libmsrp_result {
    let row = kind.row().number;
    NAMES
        .iter()
        .map(|(error, _)| *error)
        .find(|error| *error as i32 == row)
        .unwrap_or(libmsrp_result::LibmsrpErrInternal)
}

enumerator!(libmsrp_result: LibmsrpOk, LibmsrpErrInvalidArgument, LibmsrpErrInvalidUri, LibmsrpErrInvalidSdp, LibmsrpErrAgain, LibmsrpErrTooLarge, LibmsrpErrGone, LibmsrpErrConnect, LibmsrpErrTls, LibmsrpErrAuth, LibmsrpErrStatus, LibmsrpErrTimeout, LibmsrpErrProtocol, LibmsrpErrAborted, LibmsrpErrLimit, LibmsrpErrUnacceptedType, LibmsrpErrBusy, LibmsrpErrDeadlock, LibmsrpErrForked, LibmsrpErrInternal);

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

const UNKNOWN: &CStr = c"unknown result";

/// Every error with its symbol, in the order of [`ERROR_TABLE`].
const NAMES: &[(libmsrp_result, &CStr)] = &[
    (
        libmsrp_result::LibmsrpErrInvalidArgument,
        c"LIBMSRP_ERR_INVALID_ARGUMENT",
    ),
    (
        libmsrp_result::LibmsrpErrInvalidUri,
        c"LIBMSRP_ERR_INVALID_URI",
    ),
    (
        libmsrp_result::LibmsrpErrInvalidSdp,
        c"LIBMSRP_ERR_INVALID_SDP",
    ),
    (libmsrp_result::LibmsrpErrAgain, c"LIBMSRP_ERR_AGAIN"),
    (libmsrp_result::LibmsrpErrTooLarge, c"LIBMSRP_ERR_TOO_LARGE"),
    (libmsrp_result::LibmsrpErrGone, c"LIBMSRP_ERR_GONE"),
    (libmsrp_result::LibmsrpErrConnect, c"LIBMSRP_ERR_CONNECT"),
    (libmsrp_result::LibmsrpErrTls, c"LIBMSRP_ERR_TLS"),
    (libmsrp_result::LibmsrpErrAuth, c"LIBMSRP_ERR_AUTH"),
    (libmsrp_result::LibmsrpErrStatus, c"LIBMSRP_ERR_STATUS"),
    (libmsrp_result::LibmsrpErrTimeout, c"LIBMSRP_ERR_TIMEOUT"),
    (libmsrp_result::LibmsrpErrProtocol, c"LIBMSRP_ERR_PROTOCOL"),
    (libmsrp_result::LibmsrpErrAborted, c"LIBMSRP_ERR_ABORTED"),
    (libmsrp_result::LibmsrpErrLimit, c"LIBMSRP_ERR_LIMIT"),
    (
        libmsrp_result::LibmsrpErrUnacceptedType,
        c"LIBMSRP_ERR_UNACCEPTED_TYPE",
    ),
    (libmsrp_result::LibmsrpErrBusy, c"LIBMSRP_ERR_BUSY"),
    (libmsrp_result::LibmsrpErrDeadlock, c"LIBMSRP_ERR_DEADLOCK"),
    (libmsrp_result::LibmsrpErrForked, c"LIBMSRP_ERR_FORKED"),
    (libmsrp_result::LibmsrpErrInternal, c"LIBMSRP_ERR_INTERNAL"),
];

/// The errors are the core's table.
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
