//! The signalling of a session: its path, its m= section, offer and answer as texts.

use msrp_core::engine::{Engine, Relocation, SessionHandle};
use msrp_core::error::{Error, Result};

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::options::libmsrp_session_options;
use crate::session::libmsrp_session;
use crate::sized;
use crate::text::libmsrp_text;

/// As media index: the first MSRP m= line that can be used.
pub const LIBMSRP_FIRST_MEDIA: i32 = -1;

/// Our path: one MSRP URI, or those of our relays and ours, separated by spaces. With the peer's path for
/// libmsrp_session_set_remote_path() no SDP is needed at all. *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_local_path(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    // SAFETY: the header's contract.
    unsafe {
        give_text(engine, out, |core| {
            Ok(core.local_path(SessionHandle(session))?.to_string())
        })
    }
}

/// Our m= block with its attributes, for a host that builds its own SDP: the answer to an offer that
/// libmsrp_session_set_remote() was given, our open offer, else our side as it stands. The first time it is an offer;
/// later ones come from libmsrp_session_offer_media(). *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_local_media(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    // SAFETY: the header's contract.
    unsafe { give_text(engine, out, |core| core.local_media(SessionHandle(session))) }
}

/// Our m= block as an offer, which is open until libmsrp_session_set_remote() is given its answer, or
/// libmsrp_session_rollback_offer() takes it back. Called again while nothing has changed, it is the same. The version in
/// the host's o= line grows when its text differs from the last one (RFC 3264 §8). *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_BUSY: another offer is open, as for
/// libmsrp_session_create_offer(); LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_offer_media(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    // SAFETY: the header's contract.
    unsafe { give_text(engine, out, |core| core.offer_media(SessionHandle(session))) }
}

/// Takes our open offer back: it was refused (SIP 488), or crossed one of the peer (491). An offer of the peer that
/// libmsrp_session_set_remote() was given is not waited for any more either. Nothing happens where none is open.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_rollback_offer(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.rollback_offer(SessionHandle(session))?;
    })
}

/// A whole minimal SDP with our m= block as an offer, which is open until libmsrp_session_set_remote() is given its
/// answer, or libmsrp_session_rollback_offer() takes it back. Called again while nothing has changed, it is the same
/// text. The version in o= grows with every change (RFC 3264 §8); streams of the peer's offers that we refused keep
/// their lines, with port 0. *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_BUSY: another offer is open, ours,
/// and this one would differ, or one of the peer that libmsrp_session_local_media() has not answered (RFC 3264 §4);
/// LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from
/// any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_create_offer(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    // SAFETY: the header's contract.
    unsafe {
        give_text(engine, out, |core| {
            core.create_offer(SessionHandle(session))
        })
    }
}

/// Takes the peer's offer as the remote side and makes the whole SDP answer. An offer that repeats the last one gets the
/// same answer; one with port 0 ends the session and is answered with port 0. index: which m= line of the offer, from 0,
/// or LIBMSRP_FIRST_MEDIA. *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, offer is NULL, there is no such m= line,
/// nobody could connect, or names have to be looked up first (libmsrp_session_prepare_remote());
/// LIBMSRP_ERR_INVALID_SDP: it breaks a rule, or is not UTF-8; LIBMSRP_ERR_LIMIT: it is too long;
/// LIBMSRP_ERR_INVALID_URI; LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes none of our types; LIBMSRP_ERR_BUSY: an offer of
/// ours is open (RFC 3264 §4); LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_create_answer(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    offer: *const u8,
    offer_len: usize,
    index: i32,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    let make = |core: &Engine| {
        // SAFETY: the header's contract.
        let offer = unsafe { sdp_text(offer, offer_len, "offer") }?;
        core.create_answer(SessionHandle(session), offer, media_index(index)?)
    };
    // SAFETY: the header's contract.
    unsafe { give_text(engine, out, make) }
}

/// Takes the peer's SDP, whole or only its m= block: the answer to our offer, or an offer that
/// libmsrp_session_local_media() then answers. May be called again. Port 0 ends the session. index: which m= line, from
/// 0, or LIBMSRP_FIRST_MEDIA.
///
/// With CEMA an answer may be one that cannot be used: libmsrp_session_offer_due() says so then.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, sdp is NULL, there is no such m= line, nobody could
/// connect, or names have to be looked up first (libmsrp_session_prepare_remote());
/// LIBMSRP_ERR_INVALID_SDP: it breaks a rule, or is not UTF-8; LIBMSRP_ERR_LIMIT: it is too long; LIBMSRP_ERR_INVALID_URI;
/// LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes none of our types; LIBMSRP_ERR_GONE: the session is closing or over;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_remote(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    sdp: *const u8,
    sdp_len: usize,
    index: i32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let sdp = unsafe { sdp_text(sdp, sdp_len, "sdp") }?;
        let index = media_index(index)?;
        engine.core.set_remote(SessionHandle(session), sdp, index)?;
    })
}

/// Moves a session to another place of this machine: our URI is another one in the next offer or answer, and the session
/// goes over when the peer uses it, or it has connected from there. The one of before is served until then (RFC 3264
/// §8.3.1). Of options count listener, host, port, advertise_host, advertise_port and connection (NULL: as before); all
/// else is ignored. options may be NULL: another port of 127.0.0.1.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, a text is not UTF-8, a wildcard address has no
/// advertise_host, or the listener does not fit the session's TLS; LIBMSRP_ERR_CONNECT: the port cannot be bound;
/// LIBMSRP_ERR_GONE: the listener is closed, or the session closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_relocate(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    options: *const libmsrp_session_options,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let options = unsafe { sized::read(options, "options") }?;
        let dials_anew = !options.connection.is_null();
        // SAFETY: the header's contract.
        let options = unsafe { options.to_core() }?;
        let place = Relocation {
            listener: options.listener,
            host: options.host,
            port: options.port,
            advertise: options.advertise,
            connection: dials_anew.then_some(options.connection),
        };
        engine.core.relocate(SessionHandle(session), place)?;
    })
}

/// Takes the peer's path without any SDP: its MSRP URIs, separated by spaces. active, if not 0: we connect.
/// accept_types: what the peer takes, separated by spaces; empty means anything.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or a text is not UTF-8; LIBMSRP_ERR_INVALID_URI;
/// LIBMSRP_ERR_GONE: the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_remote_path(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    path: *const u8,
    path_len: usize,
    active: i32,
    accept_types: *const u8,
    accept_types_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let path = unsafe { entry::text(path, path_len, "path") }?;
        // SAFETY: the header's contract.
        let types = unsafe { entry::text(accept_types, accept_types_len, "accept_types") }?;
        let types = if types.is_empty() { "*" } else { types };
        engine
            .core
            .set_remote_path(SessionHandle(session), path, active != 0, types)?;
    })
}

/// What a function does that gives a text: see [`give`].
///
/// # Safety
/// `engine` and `out` are as the header says.
pub(crate) unsafe fn give_text(
    engine: *mut libmsrp_engine,
    out: *mut *mut libmsrp_text,
    make: impl FnOnce(&Engine) -> Result<String>,
) -> libmsrp_result {
    // SAFETY: the caller's promise.
    unsafe { give(engine, out, |core| make(core).map(libmsrp_text::into_raw)) }
}

/// What a function does that gives an object: its arguments are checked, then the object is made and handed out.
///
/// # Safety
/// `engine` and `out` are as the header says.
pub(crate) unsafe fn give<T>(
    engine: *mut libmsrp_engine,
    out: *mut *mut T,
    make: impl FnOnce(&Engine) -> Result<*mut T>,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the caller's promise.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the caller's promise.
        let out = unsafe { entry::out(out, "out") }?;
        out.set(make(&engine.core)?);
    })
}

/// Borrows the octets of an SDP, which have to be UTF-8.
///
/// # Safety
/// As [`entry::octets`].
pub(crate) unsafe fn sdp_text<'a>(ptr: *const u8, len: usize, name: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    let octets = unsafe { entry::octets(ptr, len, name) }?;
    msrp_core::sdp::text(octets)
}

/// Which m= line an argument names, from 0; none: the first that can be used.
pub(crate) fn media_index(index: i32) -> Result<Option<usize>> {
    match index {
        LIBMSRP_FIRST_MEDIA => Ok(None),
        _ => usize::try_from(index)
            .map(Some)
            .map_err(|_| Error::invalid_argument(format!("media index {index} is negative"))),
    }
}
