//! Messages whose octets the host gives when asked.
//!
//! The core says how many octets it wants; dispatch then calls the host's function until it has given them,
//! is at its end, or has none now.

use std::ffi::c_void;

use bytes::Bytes;
use msrp_core::engine::{SendBody, SessionHandle, TransferHandle};
use msrp_core::error::{Error, ErrorKind};

use crate::deferred::{Release, Work};
use crate::engine::{libmsrp_engine, libmsrp_release_fn};
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::log::libmsrp_log_level as Level;
use crate::session::libmsrp_session;
use crate::sized;
use crate::transfer::{LIBMSRP_LENGTH_UNKNOWN, OCTETS, libmsrp_send_options, libmsrp_transfer};

/// From a libmsrp_read_fn: no octets now; libmsrp_stream_resume() when there are.
pub const LIBMSRP_STREAM_DEFERRED: i64 = -1;
/// From a libmsrp_read_fn: the source failed; the message is ended with `#`.
pub const LIBMSRP_STREAM_FAIL: i64 = -2;

/// Gives the next octets of a stream: writes 1 to capacity octets to buffer and returns how many; 0 at the end;
/// LIBMSRP_STREAM_DEFERRED or LIBMSRP_STREAM_FAIL. Runs where callbacks run, and must not block there.
pub type libmsrp_read_fn = Option<
    unsafe extern "C" fn(
        engine: *mut libmsrp_engine,
        transfer: libmsrp_transfer,
        buffer: *mut u8,
        capacity: usize,
        user: *mut c_void,
    ) -> i64,
>;

/// A stream under way.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) session: u64,
    pub(crate) release: Release,
    read: unsafe extern "C" fn(
        *mut libmsrp_engine,
        libmsrp_transfer,
        *mut u8,
        usize,
        *mut c_void,
    ) -> i64,
    /// Octets that the core wants and did not get.
    wanted: usize,
    /// Octets that are still to come, if their number is known.
    left: Option<u64>,
    /// The host has none now.
    deferred: bool,
}

/// One question to the host.
struct Question {
    read: unsafe extern "C" fn(
        *mut libmsrp_engine,
        libmsrp_transfer,
        *mut u8,
        usize,
        *mut c_void,
    ) -> i64,
    user: *mut c_void,
    capacity: usize,
}

impl Stream {
    fn question(&self) -> Option<Question> {
        let left = self.left.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        });
        let capacity = self.wanted.min(left).min(READ_SIZE);
        (capacity > 0 && !self.deferred).then_some(Question {
            read: self.read,
            user: self.release.user,
            capacity,
        })
    }

    /// So many octets were given. True when these were all.
    fn gave(&mut self, len: usize) -> bool {
        self.wanted = self.wanted.saturating_sub(len);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(len as u64);
        }
        self.left == Some(0)
    }
}

impl libmsrp_engine {
    /// The core wants more of a stream. Only on the dispatching thread, as all that follows.
    pub(crate) fn stream_wants(&self, transfer: u64, len: usize) {
        self.streams.with(transfer, |stream| stream.wanted += len);
        self.stream_read(transfer);
    }

    /// The host has octets again.
    pub(crate) fn stream_resumed(&self, transfer: u64) {
        self.streams
            .with(transfer, |stream| stream.deferred = false);
        self.stream_read(transfer);
    }

    /// Asks the host until the core has what it wants, but no longer than other work may have to wait.
    pub(crate) fn stream_read(&self, transfer: u64) {
        let mut budget = READ_BUDGET;
        while let Some(question) = self
            .streams
            .with(transfer, |stream| stream.question())
            .flatten()
        {
            if budget == 0 {
                self.deferred.push(Work::Read(transfer));
                return;
            }
            // Zeroed: a host that says more than it wrote must not send this process's memory.
            let mut buffer = vec![0; question.capacity];
            // SAFETY: the host's function with the host's pointer, which is released when the stream leaves the
            // table, on this thread; the buffer has `capacity` octets.
            let got = unsafe {
                (question.read)(
                    self.as_ptr(),
                    transfer,
                    buffer.as_mut_ptr(),
                    buffer.len(),
                    question.user,
                )
            };
            match got {
                0 => return self.stream_over(transfer, true),
                LIBMSRP_STREAM_DEFERRED => {
                    self.streams.with(transfer, |stream| stream.deferred = true);
                    return;
                }
                LIBMSRP_STREAM_FAIL => return self.stream_over(transfer, false),
                _ => {}
            }
            let Some(len) = usize::try_from(got).ok().filter(|len| *len <= buffer.len()) else {
                self.log.write(Level::Error, || {
                    format!("a read function returned {got} for {} octets", buffer.len())
                });
                return self.stream_over(transfer, false);
            };
            buffer.truncate(len);
            budget = budget.saturating_sub(len);
            let pushed = self
                .core
                .stream_push(TransferHandle(transfer), Bytes::from(buffer));
            let all = self.streams.with(transfer, |stream| stream.gave(len));
            if pushed.is_err() {
                // It has failed, and on_transfer will say so.
                return;
            }
            if all == Some(true) {
                return self.stream_over(transfer, true);
            }
        }
    }

    /// The source has nothing more: its user data is released.
    fn stream_over(&self, transfer: u64, complete: bool) {
        // What these return does not matter: a transfer that has ended was told by on_transfer or on_closed.
        let _ = if complete {
            self.core.stream_end(TransferHandle(transfer))
        } else {
            self.core.abort(TransferHandle(transfer))
        };
        if let Some(stream) = self.streams.remove(transfer) {
            stream.release.run();
        }
    }
}

/// Sends a message whose octets are asked from read_fn as the network takes them: total_bytes of them, or until
/// read_fn says 0 where that is LIBMSRP_LENGTH_UNKNOWN. options and on_release may be NULL. Takes one of the session's
/// transfer slots. With another thread in dispatch, read_fn may be called before *out is written.
///
/// user goes to read_fn, and to on_release, once, where callbacks run, after the last read_fn. On failure nothing is
/// taken over.
///
/// Returns LIBMSRP_OK: admitted; LIBMSRP_ERR_INVALID_ARGUMENT: engine, read_fn or out is NULL, an option is of the
/// wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE: longer than what the peer takes;
/// LIBMSRP_ERR_AGAIN: no transfer slot is free now, on_writable follows; LIBMSRP_ERR_STATUS: the direction forbids it (403); LIBMSRP_ERR_UNACCEPTED_TYPE;
/// LIBMSRP_ERR_GONE; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_send_stream(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    options: *const libmsrp_send_options,
    total_bytes: u64,
    read_fn: libmsrp_read_fn,
    user: *mut c_void,
    on_release: libmsrp_release_fn,
    out: *mut libmsrp_transfer,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let read = read_fn.ok_or_else(|| Error::invalid_argument("read_fn is NULL"))?;
        // SAFETY: the header's contract.
        let (options, id_out) = unsafe { sized::read(options, "options")?.to_core(OCTETS) }?;
        let total = (total_bytes != LIBMSRP_LENGTH_UNKNOWN).then_some(total_bytes);
        let transfer = engine.streams.insert_with(|| {
            let body = SendBody::Stream(total);
            let admitted = engine.core.send(SessionHandle(session), options, body)?;
            let transfer = admitted.transfer;
            id_out.set(admitted.message_id);
            let stream = Stream {
                session,
                release: Release {
                    function: on_release,
                    user,
                },
                read,
                wanted: 0,
                left: total,
                deferred: false,
            };
            Ok::<_, Error>((transfer.0, stream))
        })?;
        out.set(transfer);
        if total == Some(0) {
            // There is nothing to ask for.
            let _ = engine.core.stream_end(TransferHandle(transfer));
            if let Some(stream) = engine.streams.remove(transfer) {
                engine.deferred.push(Work::Release(stream.release));
            }
        }
    })
}

/// After LIBMSRP_STREAM_DEFERRED: there are octets, or the end; dispatch asks read_fn again. Harmless when nothing
/// was deferred.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the stream is complete or has
/// ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_stream_resume(
    engine: *mut libmsrp_engine,
    transfer: libmsrp_transfer,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine
            .streams
            .with(transfer, |_| ())
            .ok_or_else(|| Error::local(ErrorKind::Gone, "the stream has ended"))?;
        engine.deferred.push(Work::Resume(transfer));
    })
}

/// Sends what the stream gave so far, even if it makes a chunk of less than 2048 octets: for streams that a person
/// waits for. Where total_bytes is not known the last octet stays back until more comes or the stream ends, since the
/// last chunk is never empty.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or the transfer is no stream; LIBMSRP_ERR_GONE: the
/// transfer or its session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_stream_flush(
    engine: *mut libmsrp_engine,
    transfer: libmsrp_transfer,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.stream_flush(TransferHandle(transfer))?;
    })
}

/// Octets asked for at once.
const READ_SIZE: usize = 64 * 1024;
/// Octets asked for in one go, before other work has its turn.
const READ_BUDGET: usize = 256 * 1024;
