//! Descriptors that Python gives away: closed when they were taken, untouched when they were refused.

use std::net::TcpStream;
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use msrp::engine::NotAdopted;
use msrp::error::{Error, Result};

/// Calls `adopt` with the socket of a descriptor, which stays the caller's if it is refused.
pub(crate) fn hand_over(
    descriptor: i32,
    adopt: impl FnOnce(TcpStream) -> std::result::Result<(), NotAdopted>,
) -> Result<()> {
    let closed = || Error::invalid_argument("socket is closed");
    if descriptor < 0 {
        return Err(closed());
    }
    // SAFETY: not -1, and nothing is done with it but to ask the system for a duplicate.
    let open = unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned();
    drop(open.map_err(|_| closed())?);
    // SAFETY: it is open, and the socket object that has it forgets it when it was taken.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    adopt(socket.into()).map_err(|refused| {
        // The socket object's as before: not closed here.
        let _ = refused.socket.into_raw_fd();
        refused.error
    })
}
