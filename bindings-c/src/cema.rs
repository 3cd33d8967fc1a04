//! CEMA (RFC 6714): names to be looked up, the new offer that may be due, and what a peer is known by.

use msrp_core::engine::{Engine, SessionHandle};

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::session::libmsrp_session;
use crate::signalling::{give_text, media_index, sdp_text};
use crate::text::libmsrp_text;

/// Looks up the names of the peer's SDP that decide about CEMA (libmsrp_session_options.cema), before
/// libmsrp_session_set_remote() and libmsrp_session_create_answer(), which do not wait. Returns at once; on_prepared with
/// the number in *lookup follows in any case: a name that the resolver does not find in its time has no address. Without
/// CEMA, and where addresses are equal as texts, there is nothing to look up. lookup may be NULL.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or sdp is NULL, or there is no such m= line;
/// LIBMSRP_ERR_INVALID_SDP; LIBMSRP_ERR_LIMIT: the SDP is too long; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_prepare_remote(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    sdp: *const u8,
    sdp_len: usize,
    index: i32,
    lookup: *mut u64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let sdp = unsafe { sdp_text(sdp, sdp_len, "sdp") }?;
        let index = media_index(index)?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(lookup, "lookup") };
        let number = engine
            .core
            .prepare_remote(SessionHandle(session), sdp, index)?;
        if let Ok(out) = out {
            out.set(number);
        }
    })
}

/// Whether a new offer is to be sent: *out is 1 when, with CEMA, the answer that libmsrp_session_set_remote() took last
/// said that no connection would come about (RFC 6714 §4.2), else 0. Nothing of that answer was taken;
/// libmsrp_session_create_offer() and libmsrp_session_offer_media() give the new offer, without a=msrp-cema.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_offer_due(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut i32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let due = engine.core.offer_due(SessionHandle(session))?;
        out.set(i32::from(due));
    })
}

/// The fingerprints in the peer's SDP as they stand there, `sha-256 AB:CD:...`, one per line without a line end after the
/// last; empty until the remote side is known. A host that stores them with the peer's identity can warn when the next
/// session brings others (RFC 6714 §7.7). *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_remote_fingerprints(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    let make = |core: &Engine| {
        let prints = core.remote_fingerprints(SessionHandle(session))?;
        let lines: Vec<String> = prints.iter().map(ToString::to_string).collect();
        Ok(lines.join("\n"))
    };
    // SAFETY: the header's contract.
    unsafe { give_text(engine, out, make) }
}
