//! Traces: what goes over the connections of an engine, in files for tshark and Wireshark.

use std::path::PathBuf;

use msrp_core::engine::TraceOptions;
use msrp_core::error::{Error, Result};

use crate::engine::libmsrp_engine;
use crate::entry::ffi_entry;
use crate::error::libmsrp_result;
use crate::sized::{self, sized};
use crate::text::libmsrp_slice;

/// Options of a trace. Zero: the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_trace_options {
    /// sizeof(libmsrp_trace_options), set by LIBMSRP_TRACE_OPTIONS_INIT.
    pub struct_size: usize,
    /// The pcapng file, made with mode 0600. It must not exist: nothing is written over, no link is followed.
    pub path: libmsrp_slice,
    /// 1: content, credentials and whole session-ids are written. 0: each of their octets is an `x`, and lengths
    /// stay true.
    pub secrets: u32,
    /// How many files are kept, 1 to 1000: path, before it path.1, and so on. Default 2.
    pub files: u32,
    /// Most octets of a file, 64 KiB to 1 TiB; then the next one is begun. Default 64 MiB.
    pub max_bytes: u64,
    /// Octets that may wait to be written, 64 KiB to 1 GiB; what comes beyond them is dropped and counted. Default
    /// 4 MiB.
    pub queue_bytes: u64,
}

sized!(libmsrp_trace_options);

impl libmsrp_trace_options {
    /// # Safety
    /// `path` is NULL or valid for its length.
    unsafe fn to_core(self) -> Result<TraceOptions> {
        // SAFETY: the caller's promise.
        let path = unsafe { self.path.text("options.path") }?;
        let path = path.ok_or_else(|| Error::invalid_argument("options.path is empty"))?;
        let mut options = TraceOptions::new(PathBuf::from(path));
        options.secrets = match self.secrets {
            0 => false,
            1 => true,
            other => {
                let text = format!("options.secrets is {other}, allowed is 0 or 1");
                return Err(Error::invalid_argument(text));
            }
        };
        if self.files != 0 {
            options.files = self.files as usize;
        }
        if self.max_bytes != 0 {
            options.max_bytes = self.max_bytes;
        }
        if self.queue_bytes != 0 {
            options.queue_bytes = usize::try_from(self.queue_bytes).unwrap_or(usize::MAX);
        }
        Ok(options)
    }
}

/// Starts a trace of all connections, or ends it where options is NULL. One that is there ends first; this waits up to
/// a second until what it holds is written. Connections that exist are traced from their next request or response on. A
/// trace also ends by itself where its file cannot be written; that is logged as a warning, and harms no session.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, an option is out of its range, or the file cannot
/// be made; LIBMSRP_ERR_LIMIT: the system gives no thread; LIBMSRP_ERR_GONE: after libmsrp_engine_shutdown();
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_set_trace(
    engine: *mut libmsrp_engine,
    options: *const libmsrp_trace_options,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let options = if options.is_null() {
            None
        } else {
            // SAFETY: the header's contract.
            let options = unsafe { sized::read(options, "options") }?;
            // SAFETY: the header's contract.
            Some(unsafe { options.to_core() }?)
        };
        engine.core.set_trace(options)?;
    })
}
