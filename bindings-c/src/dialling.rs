//! The host's part in dialling: the addresses of names, whether an address may be dialled, and where a session dials
//! from (RFC 4975 §6.2, §14.5).

use std::ffi::c_void;
use std::net::{IpAddr, SocketAddr};

use msrp_core::engine::{
    ConnectionOptions, DialCheck, NameResolution, QueryHandle, ServiceLookup, SrvRecord,
};
use msrp_core::error::{Error, Result};

use crate::engine::{libmsrp_engine, libmsrp_engine_options};
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::options::time;
use crate::session::{SessionEntry, libmsrp_session};
use crate::sized::sized;
use crate::text::libmsrp_slice;

/// Names a question of the library to the host. 0 is none. Valid until it is answered, its time is over, or its session
/// ends.
pub type libmsrp_query = u64;

/// The addresses of a name in the session's remote path are wanted, to connect: libmsrp_resolve_done() or
/// libmsrp_resolve_failed() answers, now or within libmsrp_limits.resolve_ms. name is in lower case and no address.
/// Asked for each connection anew; nothing is kept.
pub type libmsrp_resolve_fn = Option<
    unsafe extern "C" fn(
        engine: *mut libmsrp_engine,
        session: libmsrp_session,
        query: libmsrp_query,
        name: *const u8,
        name_len: usize,
        user: *mut c_void,
    ),
>;

/// The service records (SRV) of a name are wanted, to find the relay of a session (RFC 4976 §8): libmsrp_service_done() or
/// libmsrp_service_failed() answers, now or within libmsrp_limits.resolve_ms. name is in lower case and begins with the
/// service: _msrps._tcp.example.com. Asked for each connection anew; nothing is kept.
pub type libmsrp_service_fn = Option<
    unsafe extern "C" fn(
        engine: *mut libmsrp_engine,
        session: libmsrp_session,
        query: libmsrp_query,
        name: *const u8,
        name_len: usize,
        user: *mut c_void,
    ),
>;

/// A service record of the DNS (RFC 2782).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_srv_record {
    /// Records with the lowest one are tried first.
    pub priority: u16,
    /// Among equals in priority, how often this one comes first, in proportion to the others.
    pub weight: u16,
    /// The port of the server.
    pub port: u16,
    /// The server's name, borrowed until the call returns. "." alone says that the service is not offered.
    pub target: libmsrp_slice,
}

/// May the session be connected to this address? libmsrp_dial_done() answers, now or within libmsrp_limits.connect_ms;
/// an address without an answer is not dialled. address is in text form, without brackets. Asked for each address,
/// before anything is sent, and for each further session that would share a connection that is there.
pub type libmsrp_dial_fn = Option<
    unsafe extern "C" fn(
        engine: *mut libmsrp_engine,
        session: libmsrp_session,
        query: libmsrp_query,
        address: *const u8,
        address_len: usize,
        port: u16,
        user: *mut c_void,
    ),
>;

/// How a session's connection is made and kept. Zero: the default. Sessions share a connection that we dialled only where
/// all of these are equal.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_connection_options {
    /// sizeof(libmsrp_connection_options), set by LIBMSRP_CONNECTION_OPTIONS_INIT.
    pub struct_size: usize,
    /// The address of this machine that we dial from. Only peer addresses of the same family are dialled then. Default:
    /// what the system's routes say.
    pub source_address: libmsrp_slice,
    /// Most time for the connection to the peer, over all its addresses, without a TLS handshake. Default:
    /// libmsrp_limits.connect_ms, which a longer one does not exceed.
    pub connect_timeout_ms: i64,
    /// Not 0: dial from the port on which the session listens, for peers that let only it in.
    pub source_port_from_path: i32,
    /// The port that we dial from; it serves one connection to each peer address at a time. Not together with
    /// source_port_from_path. Default: any free one.
    pub source_port: u16,
    /// The differentiated services code point of what is sent, 1 to 63. Default: the system's.
    pub dscp: u8,
    /// The network interface through which we dial, by its name, and to which peers must come where the session has a
    /// listener of its own. Not every system has that, and some ask for a privilege. Default: what the routes say.
    pub interface_name: libmsrp_slice,
    /// After so long without traffic the system asks the peer whether it is there, 1 s to 32767 s; who does not answer for
    /// as long again has timed out. Default: never.
    pub tcp_keepalive_ms: i64,
    /// A connection without any traffic for so long is closed with that reason. Default: never.
    pub idle_ms: i64,
}

sized!(libmsrp_connection_options);

impl libmsrp_connection_options {
    /// # Safety
    /// The texts are as the header says.
    pub(crate) unsafe fn to_core(self) -> Result<ConnectionOptions> {
        let name = "options.connection.source_address";
        // SAFETY: the caller's promise.
        let source = unsafe { self.source_address.text(name) }?;
        let source = source.map(|text| address(name, text)).transpose()?;
        let name = "options.connection.interface_name";
        // SAFETY: the caller's promise.
        let interface = unsafe { self.interface_name.text(name) }?;
        Ok(ConnectionOptions {
            source_address: source,
            source_port: self.source_port,
            source_port_from_path: self.source_port_from_path != 0,
            connect_timeout: time("connection.connect_timeout_ms", self.connect_timeout_ms)?,
            interface: interface.map(str::to_owned),
            dscp: (self.dscp != 0).then_some(self.dscp),
            tcp_keepalive: time("connection.tcp_keepalive_ms", self.tcp_keepalive_ms)?,
            idle: time("connection.idle_ms", self.idle_ms)?,
        })
    }
}

impl libmsrp_engine_options {
    /// Whom the engine asks for the addresses of names.
    pub(crate) fn resolver(&self) -> NameResolution {
        match self.on_resolve {
            Some(_) => NameResolution::Host,
            None => NameResolution::System,
        }
    }

    /// Whom the engine asks for service records.
    pub(crate) fn services(&self) -> ServiceLookup {
        match self.on_service {
            Some(_) => ServiceLookup::Host,
            None => ServiceLookup::Resolver,
        }
    }

    /// Whom the engine asks whether it may dial.
    pub(crate) fn dial_check(&self) -> DialCheck {
        match self.on_dial {
            Some(_) => DialCheck::Host,
            None => DialCheck::None,
        }
    }
}

/// A question about a name: for its addresses ([`libmsrp_resolve_fn`]) or its service records ([`libmsrp_service_fn`]).
fn ask_of_name(
    function: libmsrp_resolve_fn,
    engine: &libmsrp_engine,
    entry: &SessionEntry,
    query: QueryHandle,
    name: &str,
) {
    if let Some(function) = function {
        // SAFETY: the host's function, with pointers that live until it returns.
        unsafe {
            function(
                engine.as_ptr(),
                entry.handle,
                query.0,
                name.as_ptr(),
                name.len(),
                engine.user(),
            )
        }
    }
}

/// The host's functions for these questions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) on_resolve: libmsrp_resolve_fn,
    pub(crate) on_dial: libmsrp_dial_fn,
    pub(crate) on_service: libmsrp_service_fn,
}

impl Asked {
    /// Asks for the addresses of a name.
    pub(crate) fn resolve(
        self,
        engine: &libmsrp_engine,
        entry: &SessionEntry,
        query: QueryHandle,
        name: &str,
    ) {
        ask_of_name(self.on_resolve, engine, entry, query, name);
    }

    /// Asks for the service records of a name.
    pub(crate) fn service(
        self,
        engine: &libmsrp_engine,
        entry: &SessionEntry,
        query: QueryHandle,
        name: &str,
    ) {
        ask_of_name(self.on_service, engine, entry, query, name);
    }

    /// Asks whether an address may be dialled.
    pub(crate) fn dial(
        self,
        engine: &libmsrp_engine,
        entry: &SessionEntry,
        query: QueryHandle,
        address: SocketAddr,
    ) {
        if let Some(function) = self.on_dial {
            let text = address.ip().to_string();
            // SAFETY: the host's function, with pointers that live until it returns.
            unsafe {
                function(
                    engine.as_ptr(),
                    entry.handle,
                    query.0,
                    text.as_ptr(),
                    text.len(),
                    address.port(),
                    engine.user(),
                )
            }
        }
    }
}

/// Answers on_resolve: the addresses of the name, separated by spaces, in the order in which they are to be tried; the
/// families take turns. The first libmsrp_limits.addresses of them are used.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, addresses is not UTF-8, one of them is no address, or
/// query is a question of another function: the query still waits; LIBMSRP_ERR_GONE: nobody waits for the answer any more;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_resolve_done(
    engine: *mut libmsrp_engine,
    query: libmsrp_query,
    addresses: *const u8,
    len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let addresses = unsafe { entry::text(addresses, len, "addresses") }?;
        let addresses: Vec<IpAddr> = addresses
            .split_ascii_whitespace()
            .map(|text| address("addresses", text))
            .collect::<Result<_>>()?;
        engine.core.resolved(QueryHandle(query), Ok(addresses))?;
    })
}

/// Answers on_resolve: the name has no addresses. text says why and goes into the error of the session; it may be empty.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, text is not UTF-8, or query is a question of another function;
/// LIBMSRP_ERR_GONE: nobody waits for the answer any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
/// from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_resolve_failed(
    engine: *mut libmsrp_engine,
    query: libmsrp_query,
    text: *const u8,
    len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let text = unsafe { entry::text(text, len, "text") }?;
        let answer = Err(text.to_owned());
        engine.core.resolved(QueryHandle(query), answer)?;
    })
}

/// Answers on_service: the records of the name, in any order; count 0 says that it has none, and the relay is looked for at
/// the name itself, port 2855. How they are chosen from is the library's part (RFC 2782).
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, records is NULL and count is not 0, count is over
/// 4096, a target is not UTF-8, or query is a question of another function: the query still waits; LIBMSRP_ERR_GONE: nobody
/// waits for the answer any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_service_done(
    engine: *mut libmsrp_engine,
    query: libmsrp_query,
    records: *const libmsrp_srv_record,
    count: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let records = unsafe { srv_records(records, count) }?;
        engine.core.service_found(QueryHandle(query), Ok(records))?;
    })
}

/// Answers on_service: nobody knows whether the name has records, and the relay cannot be found. text says why and goes into
/// the error of the session; it may be empty.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, text is not UTF-8, or query is a question of another
/// function; LIBMSRP_ERR_GONE: nobody waits for the answer any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in
/// callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_service_failed(
    engine: *mut libmsrp_engine,
    query: libmsrp_query,
    text: *const u8,
    len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let text = unsafe { entry::text(text, len, "text") }?;
        let answer = Err(text.to_owned());
        engine.core.service_found(QueryHandle(query), answer)?;
    })
}

/// Answers on_dial: whether the address may be dialled; not 0 means yes.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or query is a question of another function;
/// LIBMSRP_ERR_GONE: nobody waits for the answer any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
/// from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_dial_done(
    engine: *mut libmsrp_engine,
    query: libmsrp_query,
    allow: i32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.allow_dial(QueryHandle(query), allow != 0)?;
    })
}

/// Copies records of the host.
///
/// # Safety
/// `records` is NULL or valid for reads of `count`, whose targets are as [`entry::octets`] says.
unsafe fn srv_records(records: *const libmsrp_srv_record, count: usize) -> Result<Vec<SrvRecord>> {
    if count > RECORDS {
        return Err(Error::invalid_argument(format!(
            "count is {count}, at most {RECORDS} records are taken"
        )));
    }
    if records.is_null() && count != 0 {
        return Err(Error::invalid_argument(format!(
            "records is NULL but count is {count}"
        )));
    }
    let copy = |at| {
        // SAFETY: the host has `count` of them.
        let record = unsafe { records.add(at).read() };
        // SAFETY: the caller's promise.
        let target = unsafe { record.target.text("target") }?;
        Ok(SrvRecord {
            priority: record.priority,
            weight: record.weight,
            port: record.port,
            target: target.unwrap_or_default().to_owned(),
        })
    };
    (0..count).map(copy).collect()
}

/// Service records that are taken: more than an answer of the DNS has room for.
const RECORDS: usize = 4096;

fn address(name: &str, text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| {
        let shown = text.escape_debug();
        Error::invalid_argument(format!("{name}: \"{shown}\" is no IP address"))
    })
}
