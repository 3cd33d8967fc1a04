//! How consumers are woken: a descriptor that is readable while there is work, or a function.
//!
//! When to wake is decided in `ready`. The only unsafe code of the crate is here: making an eventfd.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::ready::Signal;

/// A pollable descriptor: an eventfd on Linux, a socketpair elsewhere. Non-blocking, closed on exec.
#[derive(Debug)]
pub(crate) struct WakeFd {
    read: File,
    /// The other end of the socketpair; an eventfd has one end for both.
    write: Option<File>,
}

impl WakeFd {
    /// A new descriptor, not readable.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn new() -> io::Result<Self> {
        use std::os::fd::FromRawFd;
        // SAFETY: eventfd takes no pointers; its result is checked before use.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given this descriptor to us, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            read: File::from(fd),
            write: None,
        })
    }

    /// A new descriptor, not readable.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = std::os::unix::net::UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        let file = |stream: std::os::unix::net::UnixStream| File::from(OwnedFd::from(stream));
        Ok(Self {
            read: file(read),
            write: Some(file(write)),
        })
    }

    /// The number that a host watches.
    pub(crate) fn raw(&self) -> RawFd {
        self.read.as_raw_fd()
    }
}

impl Signal for Arc<WakeFd> {
    fn signal(&self) {
        // A full pipe or counter is readable already, so a failed write loses nothing.
        let _ = self
            .write
            .as_ref()
            .unwrap_or(&self.read)
            .write(&1_u64.to_ne_bytes());
    }

    fn clear(&self) {
        let mut buffer = [0; 64];
        // An eventfd is empty after one read; a socketpair when a read gives less than it could.
        while matches!((&self.read).read(&mut buffer), Ok(len) if len == buffer.len()) {}
    }
}

/// A host's function, called instead of making a descriptor readable.
pub(crate) struct WakeCallback(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl Signal for WakeCallback {
    fn signal(&self) {
        (self.0)();
    }

    fn clear(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_readable(fd: &WakeFd) -> bool {
        let mut poll = libc::pollfd {
            fd: fd.raw(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd is given, and it outlives the call.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }

    #[test]
    fn the_descriptor_is_readable_from_signal_to_clear() {
        let fd = Arc::new(WakeFd::new().expect("a descriptor"));
        assert!(!is_readable(&fd));
        for _ in 0..100 {
            fd.signal();
        }
        assert!(is_readable(&fd));
        fd.clear();
        assert!(!is_readable(&fd));
        fd.clear();
    }
}
