//! Sessions: what a host does with one. Their signalling is in `signalling`, their options are in `options`.

use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;

use msrp_core::engine::{SessionHandle, SessionState};
use msrp_core::error::{Error, ErrorKind, Result};
use parking_lot::Mutex;

use crate::callbacks::libmsrp_session_callbacks;
use crate::deferred::{Release, Work};
use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::message::MessageCounts;
use crate::options::libmsrp_session_options;
use crate::sized;

/// Names a session of an engine. 0 is none.
pub type libmsrp_session = u64;

/// Where a session is in its life.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_state {
    /// Made; its remote side or libmsrp_session_open() is missing.
    New = 0,
    /// Dialling, or waiting for the peer.
    Connecting = 1,
    /// Bound: messages flow.
    Open = 2,
    /// libmsrp_session_close() was called; what is under way is being finished.
    Closing = 3,
    /// Over.
    Closed = 4,
}

impl From<SessionState> for libmsrp_state {
    fn from(state: SessionState) -> Self {
        match state {
            SessionState::New => Self::New,
            SessionState::Connecting => Self::Connecting,
            SessionState::Open => Self::Open,
            SessionState::Closing => Self::Closing,
            SessionState::Closed => Self::Closed,
        }
    }
}

/// A session of the host.
pub(crate) struct SessionEntry {
    pub(crate) handle: u64,
    pub(crate) callbacks: libmsrp_session_callbacks,
    pub(crate) messages: MessageCounts,
    /// `None` after the end of the session.
    user: Mutex<Option<Release>>,
}

impl SessionEntry {
    /// What callbacks get as their last argument. Only on the dispatching thread, which alone releases it.
    pub(crate) fn user(&self) -> *mut c_void {
        self.user
            .lock()
            .as_ref()
            .map_or(std::ptr::null_mut(), |release| release.user)
    }

    /// The end of the session: the user data is to be released, once.
    pub(crate) fn end(&self) -> Option<Release> {
        self.user.lock().take()
    }

    /// Gives the user data that it replaces.
    fn replace_user(&self, user: *mut c_void) -> Result<Release> {
        let mut place = self.user.lock();
        match &mut *place {
            Some(release) => {
                let old = *release;
                release.user = user;
                Ok(old)
            }
            None => Err(gone()),
        }
    }
}

impl fmt::Display for SessionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {:#x}", self.handle)
    }
}

impl fmt::Debug for SessionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes a session. options and callbacks may be NULL; both are copied. user and its destructor are taken over
/// only on success.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, a text is not UTF-8, an option is out
/// of its range, a certificate or key is unusable, or a wildcard address has no advertise_host; LIBMSRP_ERR_CONNECT: the port cannot be bound;
/// LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_GONE: the listener is closed, or the engine is shut
/// down; LIBMSRP_ERR_LIMIT: too many sessions; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from
/// any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_new(
    engine: *mut libmsrp_engine,
    options: *const libmsrp_session_options,
    callbacks: *const libmsrp_session_callbacks,
    user: *mut c_void,
    out: *mut libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let callbacks = unsafe { sized::read(callbacks, "callbacks") }?;
        // SAFETY: the header's contract.
        let options = unsafe { sized::read(options, "options") }?;
        // SAFETY: the header's contract.
        let options = unsafe { options.to_core() }?;
        let session = engine.sessions.insert_with(|| {
            let handle = engine.core.session(&engine.domain, options)?.0;
            let entry = Arc::new(SessionEntry {
                handle,
                callbacks,
                messages: MessageCounts::default(),
                user: Mutex::new(Some(Release {
                    function: callbacks.on_release,
                    user,
                })),
            });
            Ok::<_, Error>((handle, entry))
        })?;
        out.set(session);
    })
}

fn gone() -> Error {
    Error::local(ErrorKind::Gone, "the session has ended")
}

/// Connects or waits for the peer, as negotiated, at most timeout_ms milliseconds (negative: without a limit).
/// Returns at once; on_state with LIBMSRP_STATE_OPEN, or on_closed, follows.
///
/// A passive session is bound by its peer also without it, once the remote side is known.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, the remote side is not known yet, or a new offer
/// is due (libmsrp_session_offer_due());
/// LIBMSRP_ERR_BUSY: it was opened before; LIBMSRP_ERR_GONE: the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal
/// in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_open(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    timeout_ms: i64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine
            .core
            .open(SessionHandle(session), entry::timeout(timeout_ms))?;
    })
}

/// Ends a session when what is under way is done, at the latest after timeout_ms milliseconds (negative: without
/// a limit); what is left then is ended with `#`. Returns at once; on_closed follows.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_close(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    timeout_ms: i64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine
            .core
            .close(SessionHandle(session), entry::timeout(timeout_ms))?;
    })
}

/// Ends a session at once. on_closed follows.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_abort(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.abort_session(SessionHandle(session))?;
    })
}

/// Where a session is in its life.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_state(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut libmsrp_state,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let state = engine.core.state(SessionHandle(session))?;
        out.set(state.into());
    })
}

/// Stops taking messages: content stays in the engine, the window fills, and in the end the peer's connection
/// stands still. Callbacks that were on their way already (up to 32 events or 64 KiB) still come; other callbacks
/// than those of content go on. Has no effect after libmsrp_session_close(), libmsrp_session_abort() and
/// libmsrp_engine_shutdown(), which end a pause.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_pause(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.pause(SessionHandle(session))?;
    })
}

/// Takes messages again after libmsrp_session_pause().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_resume(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.resume(SessionHandle(session))?;
    })
}

/// Replaces what callbacks get as user. The one before goes to on_release, by dispatch, after the callback that
/// may be using it; the new one is taken over only on success.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_user_data(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    user: *mut c_void,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let entry = engine
            .sessions
            .with(session, |entry| entry.clone())
            .ok_or_else(gone)?;
        let old = entry.replace_user(user)?;
        engine.deferred.push(Work::Release(old));
    })
}
