//! Listeners: one port for many sessions.

use std::ops::RangeInclusive;

use msrp_core::engine::{ListenOptions, ListenerHandle};
use msrp_core::error::{Error, Result};

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::options::time;
use crate::sized::{self, sized};
use crate::text::libmsrp_slice;
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
            ..ListenOptions::default()
        })?;
        out.set(listener.0);
    })
}

/// Options of a listener. Zero: the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_listener_options {
    /// sizeof(libmsrp_listener_options), set by LIBMSRP_LISTENER_OPTIONS_INIT.
    pub struct_size: usize,
    /// An address of this machine, or a name that resolves to one. Must be given.
    pub host: libmsrp_slice,
    /// TLS, copied; it needs an identity. Default: NULL, plain TCP.
    pub tls: *const libmsrp_tls,
    /// The host for the URIs of its sessions, where that differs from what is bound. Default: host.
    pub advertise_host: libmsrp_slice,
    /// The network interface to which connections must come, by its name. Not every system has that, and some ask for a
    /// privilege. Default: any that has the address.
    pub interface_name: libmsrp_slice,
    /// After so long without traffic on a connection the system asks the peer whether it is there, 1 s to 32767 s; who does
    /// not answer for as long again has timed out. Default: never.
    pub tcp_keepalive_ms: i64,
    /// A connection without any traffic for so long is closed with that reason. Default: never.
    pub idle_ms: i64,
    /// The port. Default: one of first_port to last_port, or any free one.
    pub port: u16,
    /// With port 0: the ports, both included, out of which it gets one that is free. Default: 0 and 0, those of the
    /// engine's options.
    pub first_port: u16,
    /// See first_port.
    pub last_port: u16,
    /// With advertise_host: the port for the URIs. Default: the bound one.
    pub advertise_port: u16,
    /// The differentiated services code point of what its connections send, 1 to 63. Default: the system's.
    pub dscp: u8,
}

sized!(libmsrp_listener_options);

/// As libmsrp_listener_new(), with options.
///
/// options: must name host; copied.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, host is empty, a text is not UTF-8, an option is
/// out of its range or not for this system, or tls has no usable identity; LIBMSRP_ERR_CONNECT: the name does not resolve,
/// the port cannot be bound, all ports of the range are taken, or the system refuses the interface; LIBMSRP_ERR_TLS: no CA
/// is given and the system has none; LIBMSRP_ERR_GONE: the engine is shut down; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_listener_open(
    engine: *mut libmsrp_engine,
    options: *const libmsrp_listener_options,
    out: *mut libmsrp_listener,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let options = unsafe { sized::read(options, "options") }?;
        // SAFETY: the header's contract.
        let options = unsafe { to_core(options) }?;
        out.set(engine.core.listen(options)?.0);
    })
}

/// # Safety
/// The texts and the pointer are as the header says.
unsafe fn to_core(options: libmsrp_listener_options) -> Result<ListenOptions> {
    // SAFETY: the caller's promise.
    let host = unsafe { options.host.text("options.host") }?;
    // SAFETY: the caller's promise.
    let tls = unsafe { libmsrp_tls::optional(options.tls) }?;
    // SAFETY: the caller's promise.
    let advertise = unsafe { options.advertise_host.text("options.advertise_host") }?;
    // SAFETY: the caller's promise.
    let interface = unsafe { options.interface_name.text("options.interface_name") }?;
    Ok(ListenOptions {
        host: host
            .filter(|host| !host.is_empty())
            .ok_or_else(|| Error::invalid_argument("options.host is empty"))?
            .to_owned(),
        port: options.port,
        secure: tls.is_some(),
        tls,
        advertise: advertise.map(|host| (host.to_owned(), options.advertise_port)),
        port_range: port_range(options.first_port, options.last_port),
        interface: interface.map(str::to_owned),
        dscp: (options.dscp != 0).then_some(options.dscp),
        tcp_keepalive: time("tcp_keepalive_ms", options.tcp_keepalive_ms)?,
        idle: time("idle_ms", options.idle_ms)?,
    })
}

/// A range of ports; none if both are 0.
pub(crate) fn port_range(first: u16, last: u16) -> Option<RangeInclusive<u16>> {
    ((first, last) != (0, 0)).then_some(first..=last)
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
