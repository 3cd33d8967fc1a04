//! Listeners: one port for many sessions.

use msrp_core::engine::{ListenOptions, ListenerHandle};
use msrp_core::error::Error;

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::tls::libmsrp_tls;

/// Names a listener of an engine. 0 is none.
pub type libmsrp_listener = u64;

/// Listens on a port for many sessions; libmsrp_session_options.listener names it. The port is bound when this
/// returns.
///
/// host: an address of this machine, or a name that resolves to one. A wildcard address is refused with the
/// session that would put it into its URI, unless the session sets advertise. port: 0 for any free one. tls:
/// NULL for plain TCP, else copied; it needs an identity.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, host is empty or not
/// UTF-8, or tls has no usable identity;
/// LIBMSRP_ERR_CONNECT: the name does not resolve or the port cannot be bound; LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_GONE: the engine is shut down; LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_listener_new(
    engine: *mut libmsrp_engine,
    host: *const u8,
    host_len: usize,
    port: u16,
    tls: *const libmsrp_tls,
    out: *mut libmsrp_listener,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let host = unsafe { entry::text(host, host_len, "host") }?;
        if host.is_empty() {
            return Err(Error::invalid_argument("host is empty"));
        }
        // SAFETY: the header's contract.
        let tls = unsafe { libmsrp_tls::optional(tls) }?;
        let listener = engine.core.listen(ListenOptions {
            host: host.to_owned(),
            port,
            secure: tls.is_some(),
            tls,
            advertise: None,
        })?;
        out.set(listener.0);
    })
}

/// The port that a listener is bound to.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the listener is
/// closed or was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_listener_port(
    engine: *mut libmsrp_engine,
    listener: libmsrp_listener,
    out: *mut u16,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let address = engine.core.listener_address(ListenerHandle(listener))?;
        out.set(address.port());
    })
}

/// Accepts nothing more. Sessions that were accepted live on.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the listener is closed or
/// was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_listener_close(
    engine: *mut libmsrp_engine,
    listener: libmsrp_listener,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.close_listener(ListenerHandle(listener))?;
    })
}
