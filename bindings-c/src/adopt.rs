//! Sockets that the host has connected, and hands over.

use std::io;
use std::net::TcpStream;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use bytes::Bytes;
use msrp_core::engine::{Adopt, ListenerHandle, NotAdopted, SessionHandle};
use msrp_core::error::{Error, ErrorKind, Result};

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::listener::libmsrp_listener;
use crate::session::libmsrp_session;

/// Gives a session its connection: a TCP socket that the host has connected or accepted, with the octets that it has read
/// from it. libmsrp_session_open() does not dial then; the session is served from now on. Only this session is served on
/// the connection, and its remote side may become known later, within libmsrp_limits.unbound_ms.
///
/// fd: a connected TCP socket over IPv4 or IPv6, blocking or not. initial: at most libmsrp_limits.early_len octets, copied;
/// with TLS they are the beginning of TLS. May be NULL with 0. inbound: not 0 if the peer connected, which makes us the
/// server of TLS. tls: not 0 if the engine shall speak TLS, as the session's URI says.
///
/// With LIBMSRP_OK fd is the engine's, which has closed this number: do not use it. With any other result it is the host's,
/// as it was. What becomes of a TLS handshake is told by on_state and on_closed.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, initial is NULL and its length not 0, fd is no
/// connected TCP socket, tls does not fit the session's URI, TLS as server without an identity, or TLS as client before the
/// remote side is known; LIBMSRP_ERR_TOO_LARGE: too many initial octets; LIBMSRP_ERR_CONNECT: the connection has failed;
/// LIBMSRP_ERR_BUSY: the session has a connection or is dialling; LIBMSRP_ERR_LIMIT: no descriptor; LIBMSRP_ERR_GONE: the
/// session has ended or the engine is shut down; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_adopt(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    fd: i32,
    initial: *const u8,
    initial_len: usize,
    inbound: i32,
    tls: i32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // Who has ended wants nobody's socket.
        let handle = SessionHandle(session);
        engine.core.state(handle)?;
        // SAFETY: the header's contract.
        let initial = unsafe { octets(initial, initial_len) }?;
        let how = Adopt {
            inbound: inbound != 0,
            initial,
            tls: tls != 0,
        };
        // SAFETY: the header's contract.
        unsafe { hand_over(fd, |socket| engine.core.adopt(handle, socket, how)) }?;
    })
}

/// Gives a listener a connection that the host has accepted in its place, with the octets that it has read from it: for
/// hosts with an accept loop of their own that do not know which session a connection is for. It is as any connection that
/// came to the listener.
///
/// fd and initial: as for libmsrp_session_adopt(), also what the result means for fd. The listener says whether TLS is
/// spoken.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, initial is NULL and its length not 0, or fd is no
/// connected TCP socket; LIBMSRP_ERR_TOO_LARGE: too many initial octets; LIBMSRP_ERR_CONNECT: the connection has failed;
/// LIBMSRP_ERR_LIMIT: no descriptor; LIBMSRP_ERR_GONE: the listener is closed or the engine is shut down;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_listener_adopt(
    engine: *mut libmsrp_engine,
    listener: libmsrp_listener,
    fd: i32,
    initial: *const u8,
    initial_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let handle = ListenerHandle(listener);
        engine.core.listener_address(handle)?;
        // SAFETY: the header's contract.
        let initial = unsafe { octets(initial, initial_len) }?;
        let adopt = |socket| engine.core.adopt_connection(handle, socket, initial);
        // SAFETY: the header's contract.
        unsafe { hand_over(fd, adopt) }?;
    })
}

unsafe fn octets(initial: *const u8, len: usize) -> Result<Bytes> {
    // SAFETY: the caller's promise.
    let octets = unsafe { entry::octets(initial, len, "initial") }?;
    Ok(Bytes::copy_from_slice(octets))
}

/// Calls `adopt` with a duplicate, and closes the host's descriptor when it was taken: whatever fails, a panic too, leaves
/// that open.
///
/// # Safety
/// `fd` is the host's to give, or is not open.
unsafe fn hand_over(
    fd: i32,
    adopt: impl FnOnce(TcpStream) -> std::result::Result<(), NotAdopted>,
) -> Result<()> {
    let failed = |error: io::Error| match error.raw_os_error() {
        Some(libc::EBADF) => Error::invalid_argument(format!("fd {fd} is not open")),
        _ => Error::local(
            ErrorKind::Limit,
            format!("fd {fd} cannot be adopted: {error}"),
        ),
    };
    if fd < 0 {
        return Err(failed(io::Error::from_raw_os_error(libc::EBADF)));
    }
    // SAFETY: not -1, and nothing is done with it but to ask the system for a duplicate.
    let duplicate = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned();
    adopt(duplicate.map_err(failed)?.into()).map_err(|refused| refused.error)?;
    // SAFETY: it is open, and the host has given it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}
