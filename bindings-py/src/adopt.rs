//! Descriptors that Python gives away: the engine takes a duplicate, and the socket object closes its own then.

use std::io;
use std::net::TcpStream;
use std::os::fd::BorrowedFd;

use msrp::engine::NotAdopted;
use msrp::error::{Error, ErrorKind, Result};

/// Calls `adopt` with a duplicate of a socket's descriptor, which itself stays the caller's in any case.
pub(crate) fn hand_over(
    descriptor: i32,
    adopt: impl FnOnce(TcpStream) -> std::result::Result<(), NotAdopted>,
) -> Result<()> {
    let failed = |error: io::Error| match error.raw_os_error() {
        Some(libc::EBADF) => Error::invalid_argument("socket is closed"),
        _ => Error::local(
            ErrorKind::Limit,
            format!("socket cannot be adopted: {error}"),
        ),
    };
    if descriptor < 0 {
        return Err(failed(io::Error::from_raw_os_error(libc::EBADF)));
    }
    // SAFETY: not -1, and nothing is done with it but to ask the system for a duplicate.
    let duplicate = unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned();
    adopt(duplicate.map_err(failed)?.into()).map_err(|refused| refused.error)
}
