//! The engine's log, for the host's own.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use msrp_core::engine::{Engine, LogLevel};
use msrp_core::error::{Error, ErrorKind, Result};
use parking_lot::Mutex;

use crate::deferred::{Release, Work};
use crate::engine::{libmsrp_engine, libmsrp_release_fn};
use crate::entry::{Enumerator, enumerator, ffi_entry};
use crate::error::libmsrp_result;

/// How important a log record is.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum libmsrp_log_level {
    /// Nothing is logged.
    Off = 0,
    /// A defect, here or in how the host uses the library.
    Error = 1,
    /// Something failed: a session lost, a message refused, a slow consumer.
    Warn = 2,
    /// Sessions come and go.
    Info = 3,
    /// Every message; connections come and go.
    Debug = 4,
    /// Every request and response, one line each.
    Trace = 5,
}
enumerator!(libmsrp_log_level: Off, Error, Warn, Info, Debug, Trace);

impl From<LogLevel> for libmsrp_log_level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

/// The core's level: none for `Off`.
fn to_core(level: libmsrp_log_level) -> Option<LogLevel> {
    match level {
        libmsrp_log_level::Off => None,
        libmsrp_log_level::Error => Some(LogLevel::Error),
        libmsrp_log_level::Warn => Some(LogLevel::Warn),
        libmsrp_log_level::Info => Some(LogLevel::Info),
        libmsrp_log_level::Debug => Some(LogLevel::Debug),
        libmsrp_log_level::Trace => Some(LogLevel::Trace),
    }
}

/// Takes a log record: one line of UTF-8 without its end, borrowed until the function returns. It holds no
/// credential, no body and no whole session-id. Runs where callbacks run.
pub type libmsrp_log_fn = Option<
    unsafe extern "C" fn(level: libmsrp_log_level, text: *const u8, len: usize, user: *mut c_void),
>;

/// Where log records go.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sink: Option<Sink>,
    /// The engine is being freed: no sink is taken any more.
    closed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sink {
    level: libmsrp_log_level,
    function: libmsrp_log_fn,
    release: Release,
}

impl Log {
    /// Writes a record, if its level is wanted. Only on the dispatching thread.
    pub(crate) fn write(&self, level: libmsrp_log_level, text: impl FnOnce() -> String) {
        let Some(sink) = self.0.lock().sink else {
            return;
        };
        if level > sink.level {
            return;
        }
        if let Some(function) = sink.function {
            let text = text();
            // SAFETY: the host's function with the host's pointer, which is released by dispatch only, after
            // this call.
            unsafe { function(level, text.as_ptr(), text.len(), sink.release.user) }
        }
    }

    /// What a callback returned. A number that is no verdict is logged, and taken for `otherwise`.
    pub(crate) fn verdict<E: Enumerator>(
        &self,
        value: MaybeUninit<E>,
        what: &str,
        otherwise: E,
    ) -> E {
        E::from_c(value, what).unwrap_or_else(|error| {
            self.write(libmsrp_log_level::Error, || error.context);
            otherwise
        })
    }

    /// Writes what the core has queued. Only on the dispatching thread.
    pub(crate) fn write_queued(&self, core: &Engine) {
        if self.0.lock().sink.is_none() {
            return;
        }
        let (records, lost) = core.take_log(QUEUED_AT_ONCE);
        for record in records {
            self.write(record.level.into(), || record.text);
        }
        if lost > 0 {
            self.write(libmsrp_log_level::Warn, || {
                format!("{lost} records of the log were dropped: more came than were taken")
            });
        }
    }

    /// Stops logging for good; the user data is to be released.
    pub(crate) fn close(&self) -> Option<Release> {
        let mut state = self.0.lock();
        state.closed = true;
        state.sink.take().map(|sink| sink.release)
    }

    /// Gives the sink that it replaces, after `tell` told the core of the new one.
    fn replace(&self, sink: Sink, tell: impl FnOnce() -> Result<()>) -> Result<Option<Sink>> {
        let mut state = self.0.lock();
        if state.closed {
            return Err(Error::local(ErrorKind::Gone, "engine is being freed"));
        }
        tell()?;
        Ok(state.sink.replace(sink))
    }
}

/// Sends log records up to a level to a function. Replaces the one before, whose user data is released by
/// dispatch. LIBMSRP_LOG_LEVEL_OFF, or log_fn NULL, ends logging. Records of connections wait for dispatch, up to
/// 256 KiB of them; more are dropped, and a record says how many.
///
/// on_release may be NULL; it runs once, where callbacks run, when user is replaced or the engine is freed. On failure
/// nothing is taken over.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL or level is unknown; LIBMSRP_ERR_GONE: inside
/// libmsrp_engine_free(), after on_engine_closed; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_set_log(
    engine: *mut libmsrp_engine,
    level: MaybeUninit<libmsrp_log_level>,
    log_fn: libmsrp_log_fn,
    user: *mut c_void,
    on_release: libmsrp_release_fn,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let level = libmsrp_log_level::from_c(level, "level")?;
        let sink = Sink {
            level,
            function: log_fn,
            release: Release {
                function: on_release,
                user,
            },
        };
        let tell = || engine.core.set_log(log_fn.and_then(|_| to_core(level)));
        if let Some(old) = engine.log.replace(sink, tell)? {
            engine.deferred.push(Work::Release(old.release));
        }
    })
}

/// Octets of the core's records that are written at once.
const QUEUED_AT_ONCE: usize = 64 * 1024;
