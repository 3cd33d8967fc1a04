//! Octets of a message that the host keeps beyond the callback that brought them.

use bytes::Bytes;
use msrp_core::error::Error;

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;

/// Octets that the host owns, without a copy. Not changed after it was made, so any thread may read it. Keeping
/// it is the host's memory: it does not hold the window shut.
#[derive(Debug)]
pub struct libmsrp_body(Bytes);

/// Keeps octets of the running on_body, on_message or on_request: all of them or any part. Ends with
/// libmsrp_body_release(); does not depend on the engine. A small part may hold up to 64 KiB of memory; copy what is kept
/// long.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or the octets are not within those
/// that this thread's running on_body, on_message or on_request was given; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Only
/// inside of these callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_body_retain(
    engine: *mut libmsrp_engine,
    data: *const u8,
    len: usize,
    out: *mut *mut libmsrp_body,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let body = engine.turn.body().ok_or_else(|| {
            Error::invalid_argument("body_retain outside of on_body, on_message and on_request")
        })?;
        let start = data.addr().checked_sub(body.as_ptr().addr());
        let range = start.and_then(|start| Some(start..start.checked_add(len)?));
        let range = range
            .filter(|range| range.end <= body.len())
            .ok_or_else(|| {
                Error::invalid_argument(
                    "body_retain of octets that the running callback was not given",
                )
            })?;
        out.set(Box::into_raw(Box::new(libmsrp_body(body.slice(range)))));
    })
}

/// The octets, valid until libmsrp_body_release(). NULL for NULL.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_body_ptr(body: *const libmsrp_body) -> *const u8 {
    // SAFETY: NULL or a body that was not released, by this function's contract.
    unsafe { body.as_ref() }.map_or(std::ptr::null(), |body| body.0.as_ptr())
}

/// How many octets. 0 for NULL.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_body_len(body: *const libmsrp_body) -> usize {
    // SAFETY: NULL or a body that was not released, by this function's contract.
    unsafe { body.as_ref() }.map_or(0, |body| body.0.len())
}

/// Ends a body. NULL is allowed and does nothing.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child, and after libmsrp_engine_free(). Call it
/// once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_body_release(body: *mut libmsrp_body) {
    if !body.is_null() {
        // SAFETY: made by libmsrp_body_retain and not released before, by this function's contract.
        drop(unsafe { Box::from_raw(body) });
    }
}
