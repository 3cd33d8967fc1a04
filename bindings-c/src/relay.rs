//! A relay in this process (RFC 4976): its options and listeners, what it asks the host, and the answers.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use msrp_core::engine::{
    Network, QueryHandle, RelayEvents, RelayHandle, RelayListenOptions, RelayOptions,
    RelayQuestion, RelayReply, RelayVerdict,
};
use msrp_core::error::{Error, ErrorKind, Result};
use msrp_core::{Algorithm, Ha1, StatusCode};

use crate::deferred::Release;
use crate::dialling::libmsrp_query;
use crate::engine::{libmsrp_engine, libmsrp_release_fn};
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::listener::libmsrp_listener;
use crate::options::time;
use crate::sized::{self, sized};
use crate::text::{libmsrp_slice, libmsrp_text};
use crate::tls::libmsrp_tls;

/// Names a relay of an engine. 0 is none.
pub type libmsrp_relay = u64;

/// Options of a relay. Zero: the default. What happens beyond a number stands in docs/limits.md.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_options {
    /// sizeof(libmsrp_relay_options), set by LIBMSRP_RELAY_OPTIONS_INIT.
    pub struct_size: usize,
    /// The names under which it is addressed, separated by spaces: its own first, which stands in the URIs that it gives
    /// out, then the domains that it serves by SRV records. Fully qualified. Must be given.
    pub hosts: libmsrp_slice,
    /// The realm of its challenges. Default: the first of hosts.
    pub realm: libmsrp_slice,
    /// The digest algorithms offered, separated by spaces, best first: MD5, SHA-256. Default: MD5.
    pub algorithms: libmsrp_slice,
    /// Networks (192.0.2.0/24 2001:db8::/32) to which it connects although they are not everybody's, separated by
    /// spaces. Default: to no loopback, link-local, private or other special address.
    pub networks: libmsrp_slice,
    /// Its certificate, key and the CAs of other relays, copied. Default: those of the engine.
    pub tls: *const libmsrp_tls,
    /// How long a URI holds if its client does not ask for a time. Default: 1 h.
    pub lifetime_ms: i64,
    /// The least that is granted. Default: 60 s.
    pub min_lifetime_ms: i64,
    /// The most that is granted. Default: 24 h.
    pub max_lifetime_ms: i64,
    /// How long a nonce is good. Default: 5 min.
    pub nonce_lifetime_ms: i64,
    /// How long the host may think about a question; then it is refused. Default: 10 s.
    pub answer_timeout_ms: i64,
    /// In this time a new connection of a client has to bring a request that succeeds. Default: 30 s.
    pub probation_ms: i64,
    /// A connection that is unused for so long is closed; an hour or more. Default: never.
    pub idle_ms: i64,
    /// URIs in all. Default: 100000.
    pub max_tokens: u32,
    /// URIs of one user. Default: 1000.
    pub max_tokens_per_user: u32,
    /// URIs of one client's connection. Default: 1000.
    pub max_tokens_per_connection: u32,
    /// Connections in all. Default: 16384.
    pub max_connections: u32,
    /// Connections of clients from one address, or one /64 of IPv6. Default: 4096.
    pub max_connections_per_address: u32,
    /// Questions that wait for the host. Default: 1024.
    pub max_questions: u32,
    /// So many requests that fail before the first that succeeds close a client's connection. Default: 5.
    pub max_failures: u32,
    /// So many AUTHs in a row that fail close a client's connection. Default: 5.
    pub max_failed_auths: u32,
    /// Pairs of user and address of which failures are remembered. Default: 4096.
    pub remembered_failures: u32,
    /// Not 0: requests of unknown methods are answered 501 instead of being sent on.
    pub block_unknown_methods: i32,
    /// Not 0: chunks that cannot be finished end with `#` instead of `+`.
    pub abort_cut_chunks: i32,
    /// Not 0: hosts may be addresses and names of one label. For tests.
    pub numeric_hosts: i32,
    /// Not 0: clients on this machine may log in without TLS. For tests; a warning is logged.
    pub insecure_plain_auth: i32,
    /// The port in the URIs that it gives out. Default: that of its first TLS listener.
    pub port: u16,
}

/// Whose secret is wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_credentials {
    /// The name as the client wrote it, with nothing checked yet.
    pub user: libmsrp_slice,
    /// The realm.
    pub realm: libmsrp_slice,
    /// MD5 or SHA-256.
    pub algorithm: libmsrp_slice,
    /// Where the AUTH came from: the client, or another relay. Empty if that is not known.
    pub address: libmsrp_slice,
}

/// Who wants a URI of the relay, and has given the right password.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_authorisation {
    /// Who.
    pub user: libmsrp_slice,
    /// Where the AUTH came from: the client, or another relay. Empty if that is not known.
    pub address: libmsrp_slice,
    /// How long it will hold.
    pub expires_ms: i64,
}

/// To whom the relay would connect for a client.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_next_hop {
    /// The host in the URI: a name, or the address itself.
    pub host: libmsrp_slice,
    /// What would be dialled, without brackets. It is in none of the ranges that are refused anyhow.
    pub address: libmsrp_slice,
    /// Not 0: it is another relay.
    pub relay: i32,
    /// Not 0: TLS protects the connection.
    pub secure: i32,
    /// What would be dialled.
    pub port: u16,
}

/// A message that wants to pass the relay. Its paths name sessions: they are secrets.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_message {
    /// The number of the connection that brings it.
    pub connection: u64,
    /// Its Message-ID.
    pub message_id: libmsrp_slice,
    /// The media type as it came; empty if there is none.
    pub content_type: libmsrp_slice,
    /// From-Path as it came.
    pub from_path: libmsrp_slice,
    /// To-Path as it will be sent: the rest of the way.
    pub to_path: libmsrp_slice,
    /// The announced length, -1 if there is none.
    pub total: i64,
}

/// The host's functions for one relay; all but on_credentials may be NULL. They run where those of sessions do. What
/// they are given by pointer is borrowed until they return. Each question is answered in them or later, from any thread,
/// within libmsrp_relay_options.answer_timeout_ms; one without an answer is refused.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_callbacks {
    /// sizeof(libmsrp_relay_callbacks), set by LIBMSRP_RELAY_CALLBACKS_INIT.
    pub struct_size: usize,
    /// The H(A1) of a user is wanted: libmsrp_relay_secret_done() answers.
    pub on_credentials: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            relay: libmsrp_relay,
            query: libmsrp_query,
            wanted: *const libmsrp_relay_credentials,
            user: *mut c_void,
        ),
    >,
    /// May this user have a URI? libmsrp_relay_allow_done() answers. NULL: yes.
    pub on_authorise: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            relay: libmsrp_relay,
            query: libmsrp_query,
            wanted: *const libmsrp_relay_authorisation,
            user: *mut c_void,
        ),
    >,
    /// May the relay connect there? libmsrp_relay_allow_done() answers. NULL: yes.
    pub on_next_hop: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            relay: libmsrp_relay,
            query: libmsrp_query,
            wanted: *const libmsrp_relay_next_hop,
            user: *mut c_void,
        ),
    >,
    /// May this message pass? libmsrp_relay_message_done() answers. Asked once for each message. NULL: yes.
    pub on_message: Option<
        unsafe extern "C" fn(
            engine: *mut libmsrp_engine,
            relay: libmsrp_relay,
            query: libmsrp_query,
            message: *const libmsrp_relay_message,
            user: *mut c_void,
        ),
    >,
    /// The relay has ended. Its last callback but on_release; when it returns, the handle is invalid.
    pub on_closed: Option<
        unsafe extern "C" fn(engine: *mut libmsrp_engine, relay: libmsrp_relay, user: *mut c_void),
    >,
    /// The destructor of user: called once, after on_closed.
    pub on_release: libmsrp_release_fn,
}

/// Where a relay listens. Zero: the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_listener_options {
    /// sizeof(libmsrp_relay_listener_options), set by LIBMSRP_RELAY_LISTENER_OPTIONS_INIT.
    pub struct_size: usize,
    /// An address of this machine, or a name that resolves to one. Default: ::, all addresses.
    pub host: libmsrp_slice,
    /// The network interface to which connections must come, by its name. Default: any that has the address.
    pub interface_name: libmsrp_slice,
    /// After so long without traffic on a connection the system asks the peer whether it is there, 1 s to 32767 s.
    /// Default: never.
    pub tcp_keepalive_ms: i64,
    /// Not 0: without TLS, for peers that come without relays of their own; nobody can log in there.
    pub plain: i32,
    /// The port. Default: any free one; the one for relays is 2855.
    pub port: u16,
    /// The port under which others reach it, if that is another one.
    pub advertise_port: u16,
    /// The differentiated services code point of what its connections send, 1 to 63. Default: the system's.
    pub dscp: u8,
}

/// Counters of a relay since its start, and sizes now.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_stats {
    /// sizeof(libmsrp_relay_stats), set by LIBMSRP_RELAY_STATS_INIT.
    pub struct_size: usize,
    /// Connections now.
    pub connections: u64,
    /// URIs that hold now.
    pub tokens: u64,
    /// Connections that came.
    pub accepted: u64,
    /// Connections to next hops that were made.
    pub dialled: u64,
    /// Those that could not be made, or were refused.
    pub dials_failed: u64,
    /// Connections closed to make room for others, or unused for too long.
    pub evicted: u64,
    /// SENDs taken to be sent on.
    pub sends: u64,
    /// Octets of their bodies.
    pub octets: u64,
    /// Requests of other methods taken to be sent on.
    pub requests: u64,
    /// Requests answered with an error, or dropped where no answer is wanted.
    pub refused: u64,
    /// Requests and responses dropped without a word.
    pub discarded: u64,
    /// REPORTs made.
    pub reports: u64,
    /// SENDs to the next hop without response in time.
    pub timeouts: u64,
    /// Times that a session's flow was shed.
    pub shed: u64,
    /// AUTHs that were granted a URI.
    pub auth_granted: u64,
    /// AUTHs with a wrong user name or password.
    pub auth_wrong: u64,
}

sized!(
    libmsrp_relay_options,
    libmsrp_relay_callbacks,
    libmsrp_relay_listener_options,
    libmsrp_relay_stats,
);

/// A relay, as dispatch needs it.
#[derive(Debug, Clone)]
pub(crate) struct RelayEntry {
    handle: RelayHandle,
    events: Arc<RelayEvents>,
    callbacks: libmsrp_relay_callbacks,
    user: Release,
}

/// Tells the events of one relay from those of another.
static TAGS: AtomicU64 = AtomicU64::new(1);

/// A relay. It serves nobody before libmsrp_relay_listen(). user is what its callbacks get; it is taken over on success.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine, options, callbacks, callbacks.on_credentials or out is NULL, a
/// text is not UTF-8, an option is out of its range, or a certificate or key is unusable; LIBMSRP_ERR_INVALID_URI: one of
/// hosts is none; LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_LIMIT; LIBMSRP_ERR_GONE: the engine is
/// shut down; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_relay_new(
    engine: *mut libmsrp_engine,
    options: *const libmsrp_relay_options,
    callbacks: *const libmsrp_relay_callbacks,
    user: *mut c_void,
    out: *mut libmsrp_relay,
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
        if callbacks.on_credentials.is_none() {
            return Err(Error::invalid_argument("callbacks.on_credentials is NULL"));
        }
        let tag = TAGS.fetch_add(1, Ordering::Relaxed);
        let most = match options.max_questions {
            0 => 1024,
            most => most as usize,
        };
        // An AUTH asks twice, messages and next hops ask too.
        let events = RelayEvents::new(&engine.domain, tag, 2 * most);
        // SAFETY: the header's contract.
        let mut options = unsafe { to_core(&options, &events) }?;
        let functions: &libmsrp_relay_callbacks = &callbacks;
        options.ask_authorise = functions.on_authorise.is_some();
        options.ask_messages = functions.on_message.is_some();
        if options.ask_authorise || options.ask_messages || functions.on_next_hop.is_some() {
            options.policy = Arc::<RelayEvents>::clone(&events);
        }
        let relay = engine.relays.insert_with(|| {
            let entry = RelayEntry {
                handle: engine.core.relay(options)?,
                events,
                callbacks,
                user: Release {
                    function: callbacks.on_release,
                    user,
                },
            };
            Ok::<_, Error>((tag, entry))
        })?;
        out.set(relay);
    })
}

/// # Safety
/// The texts and the pointer are as the header says.
unsafe fn to_core(from: &libmsrp_relay_options, events: &Arc<RelayEvents>) -> Result<RelayOptions> {
    // SAFETY: the caller's promise.
    let hosts = unsafe { words(from.hosts, "options.hosts") }?;
    // SAFETY: the caller's promise.
    let algorithms = unsafe { words(from.algorithms, "options.algorithms") }?;
    // SAFETY: the caller's promise.
    let networks = unsafe { words(from.networks, "options.networks") }?;
    // SAFETY: the caller's promise.
    let realm = unsafe { from.realm.text("options.realm") }?;
    let users = Arc::<RelayEvents>::clone(events);
    let mut to = RelayOptions::new("", users);
    to.hosts = hosts;
    to.events = Some(Arc::clone(events));
    to.realm = realm.map(str::to_owned);
    if !algorithms.is_empty() {
        let names = algorithms
            .iter()
            .map(|name| algorithm("options.algorithms", name));
        to.algorithms = names.collect::<Result<_>>()?;
    }
    to.networks = networks
        .iter()
        .map(|text| text.parse::<Network>())
        .collect::<Result<_>>()?;
    // SAFETY: the caller's promise.
    to.tls = unsafe { libmsrp_tls::optional(from.tls) }?;
    for (name, value, option) in [
        ("lifetime_ms", from.lifetime_ms, &mut to.lifetime),
        (
            "min_lifetime_ms",
            from.min_lifetime_ms,
            &mut to.min_lifetime,
        ),
        (
            "max_lifetime_ms",
            from.max_lifetime_ms,
            &mut to.max_lifetime,
        ),
        (
            "nonce_lifetime_ms",
            from.nonce_lifetime_ms,
            &mut to.nonce_lifetime,
        ),
        (
            "answer_timeout_ms",
            from.answer_timeout_ms,
            &mut to.answer_timeout,
        ),
        ("probation_ms", from.probation_ms, &mut to.probation),
    ] {
        *option = time(name, value)?.unwrap_or(*option);
    }
    to.idle = time("idle_ms", from.idle_ms)?;
    for (value, option) in [
        (from.max_tokens, &mut to.max_tokens),
        (from.max_tokens_per_user, &mut to.max_tokens_per_user),
        (
            from.max_tokens_per_connection,
            &mut to.max_tokens_per_connection,
        ),
        (from.max_connections, &mut to.max_connections),
        (
            from.max_connections_per_address,
            &mut to.max_connections_per_address,
        ),
        (from.max_questions, &mut to.max_questions),
        (from.remembered_failures, &mut to.remembered_failures),
    ] {
        if value != 0 {
            *option = value as usize;
        }
    }
    for (value, option) in [
        (from.max_failures, &mut to.max_failures),
        (from.max_failed_auths, &mut to.max_failed_auths),
    ] {
        if value != 0 {
            *option = value;
        }
    }
    to.block_unknown_methods = from.block_unknown_methods != 0;
    to.abort_cut_chunks = from.abort_cut_chunks != 0;
    to.numeric_hosts = from.numeric_hosts != 0;
    to.insecure_plain_auth = from.insecure_plain_auth != 0;
    to.port = from.port;
    Ok(to)
}

/// # Safety
/// As [`libmsrp_slice::text`].
unsafe fn words(text: libmsrp_slice, name: &str) -> Result<Vec<String>> {
    // SAFETY: the caller's promise.
    let text = unsafe { text.text(name) }?.unwrap_or_default();
    Ok(text.split_ascii_whitespace().map(str::to_owned).collect())
}

fn algorithm(option: &str, name: &str) -> Result<Algorithm> {
    Algorithm::parse(name).ok_or_else(|| {
        let shown = name.escape_debug();
        Error::invalid_argument(format!("{option}: \"{shown}\" is neither MD5 nor SHA-256"))
    })
}

impl libmsrp_engine {
    fn relay(&self, relay: libmsrp_relay) -> Result<RelayEntry> {
        let gone = || Error::local(ErrorKind::Gone, "relay is closed");
        self.relays
            .with(relay, |entry| entry.clone())
            .ok_or_else(gone)
    }

    fn answer_relay(
        &self,
        relay: libmsrp_relay,
        query: libmsrp_query,
        reply: RelayReply,
    ) -> Result<()> {
        self.relay(relay)?.events.answer(QueryHandle(query), reply)
    }

    /// Calls the host's function for a question.
    pub(crate) fn ask_relay(
        &self,
        relay: libmsrp_relay,
        query: QueryHandle,
        asked: &RelayQuestion,
    ) {
        let Ok(entry) = self.relay(relay) else { return };
        let (functions, user) = (&entry.callbacks, entry.user.user);
        let (engine, query) = (self.as_ptr(), query.0);
        let shown = |address: Option<std::net::IpAddr>| {
            address
                .map(|address| address.to_string())
                .unwrap_or_default()
        };
        // One that is not there allows, and one that has gone meanwhile needs no answer.
        let allow = || {
            drop(
                entry
                    .events
                    .answer(QueryHandle(query), RelayReply::Allow(true)),
            )
        };
        match asked {
            RelayQuestion::Credentials(asked) => {
                let address = shown(asked.address);
                let wanted = libmsrp_relay_credentials {
                    user: libmsrp_slice::new(&asked.user),
                    realm: libmsrp_slice::new(&asked.realm),
                    algorithm: libmsrp_slice::new(asked.algorithm.as_str()),
                    address: libmsrp_slice::new(&address),
                };
                if let Some(function) = functions.on_credentials {
                    // SAFETY: the host's function, with pointers that live until it returns.
                    unsafe { function(engine, relay, query, &raw const wanted, user) }
                }
            }
            RelayQuestion::Authorise(asked) => {
                let address = shown(asked.address);
                let wanted = libmsrp_relay_authorisation {
                    user: libmsrp_slice::new(&asked.user),
                    address: libmsrp_slice::new(&address),
                    expires_ms: i64::try_from(asked.expires.as_millis()).unwrap_or(i64::MAX),
                };
                match functions.on_authorise {
                    // SAFETY: the host's function, with pointers that live until it returns.
                    Some(function) => unsafe {
                        function(engine, relay, query, &raw const wanted, user)
                    },
                    None => allow(),
                }
            }
            RelayQuestion::NextHop(asked) => {
                let address = asked.address.ip().to_string();
                let wanted = libmsrp_relay_next_hop {
                    host: libmsrp_slice::new(&asked.host),
                    address: libmsrp_slice::new(&address),
                    relay: asked.relay.into(),
                    secure: asked.secure.into(),
                    port: asked.address.port(),
                };
                match functions.on_next_hop {
                    // SAFETY: the host's function, with pointers that live until it returns.
                    Some(function) => unsafe {
                        function(engine, relay, query, &raw const wanted, user)
                    },
                    None => allow(),
                }
            }
            RelayQuestion::Message(asked) => {
                let content_type = asked.content_type.as_deref().unwrap_or_default();
                let total = asked
                    .total
                    .map(|total| i64::try_from(total).unwrap_or(i64::MAX));
                let message = libmsrp_relay_message {
                    connection: asked.link,
                    message_id: libmsrp_slice::new(&asked.message_id),
                    content_type: libmsrp_slice::new(content_type),
                    from_path: libmsrp_slice::new(&asked.from_path),
                    to_path: libmsrp_slice::new(&asked.to_path),
                    total: total.unwrap_or(-1),
                };
                if let Some(function) = functions.on_message {
                    // SAFETY: the host's function, with pointers that live until it returns.
                    unsafe { function(engine, relay, query, &raw const message, user) }
                }
            }
            // A kind that this version does not know is refused when its time is over.
            _ => {}
        }
    }

    /// The relay has ended: its last callbacks.
    pub(crate) fn relay_closed(&self, relay: libmsrp_relay) {
        if let Some(entry) = self.relays.remove(relay) {
            if let Some(function) = entry.callbacks.on_closed {
                // SAFETY: the host's function with the host's pointer, which is released afterwards.
                unsafe { function(self.as_ptr(), relay, entry.user.user) }
            }
            entry.user.run();
        }
    }
}

/// Opens a port for a relay; it is bound when this returns. out is a listener: libmsrp_listener_port() and
/// libmsrp_listener_close() take it. It ends with its relay.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, a text is not UTF-8, an option is out of its
/// range or not for this system, or the relay has no certificate; LIBMSRP_ERR_CONNECT: the name does not resolve or the port
/// cannot be bound; LIBMSRP_ERR_GONE: the relay is closed or was never one, or the engine is shut down; LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_relay_listen(
    engine: *mut libmsrp_engine,
    relay: libmsrp_relay,
    options: *const libmsrp_relay_listener_options,
    out: *mut libmsrp_listener,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let options: libmsrp_relay_listener_options = unsafe { sized::read(options, "options") }?;
        // SAFETY: the header's contract.
        let host = unsafe { options.host.text("options.host") }?;
        // SAFETY: the header's contract.
        let interface = unsafe { options.interface_name.text("options.interface_name") }?;
        let listen = RelayListenOptions {
            host: host.unwrap_or("::").to_owned(),
            port: options.port,
            secure: options.plain == 0,
            advertise_port: (options.advertise_port != 0).then_some(options.advertise_port),
            interface: interface.map(str::to_owned),
            dscp: (options.dscp != 0).then_some(options.dscp),
            tcp_keepalive: time("tcp_keepalive_ms", options.tcp_keepalive_ms)?,
        };
        let handle = engine.relay(relay)?.handle;
        out.set(engine.core.relay_listen(handle, listen)?.0);
    })
}

/// Answers on_credentials: ha1 is the H(A1) of the user in hex digits, 32 for MD5 and 64 for SHA-256 (see libmsrp_ha1());
/// without any the user is unknown. The library's copy is written over when the AUTH is answered; ha1 is the host's to
/// write over.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, ha1 is no such text, or query is another question: the
/// query still waits; LIBMSRP_ERR_GONE: nobody waits for the answer any more, or the relay is closed; LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_relay_secret_done(
    engine: *mut libmsrp_engine,
    relay: libmsrp_relay,
    query: libmsrp_query,
    ha1: *const u8,
    len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let ha1 = unsafe { entry::text(ha1, len, "ha1") }?;
        let secret = match ha1 {
            "" => None,
            hex => Some(Ha1::from_hex(hex)?),
        };
        engine.answer_relay(relay, query, RelayReply::Secret(secret))?;
    })
}

/// Answers on_authorise and on_next_hop: whether it may be; not 0 means yes.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or query is another question: the query still waits;
/// LIBMSRP_ERR_GONE: nobody waits for the answer any more, or the relay is closed; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_relay_allow_done(
    engine: *mut libmsrp_engine,
    relay: libmsrp_relay,
    query: libmsrp_query,
    allow: i32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.answer_relay(relay, query, RelayReply::Allow(allow != 0))?;
    })
}

/// Answers on_message: 0 lets the message pass, a status code of 400 to 999 rejects it.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, query is another question, or status is another number:
/// the query still waits; LIBMSRP_ERR_GONE: nobody waits for the answer any more, or the relay is closed; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_relay_message_done(
    engine: *mut libmsrp_engine,
    relay: libmsrp_relay,
    query: libmsrp_query,
    status: u16,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let verdict = match status {
            0 => RelayVerdict::Allow,
            400..=999 => RelayVerdict::Reject(StatusCode(status)),
            _ => {
                let text = format!("status {status} rejects nothing: 400 to 999 do");
                return Err(Error::invalid_argument(text));
            }
        };
        engine.answer_relay(relay, query, RelayReply::Verdict(verdict))?;
    })
}

/// Counters and sizes of a relay now.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or its struct_size is too small;
/// LIBMSRP_ERR_GONE: the relay is closed or was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
/// from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_relay_stats_get(
    engine: *mut libmsrp_engine,
    relay: libmsrp_relay,
    out: *mut libmsrp_relay_stats,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        if out.is_null() {
            return Err(Error::invalid_argument("out is NULL"));
        }
        let stats = engine.core.relay_stats(engine.relay(relay)?.handle)?;
        let (traffic, decisions) = (stats.traffic, stats.decisions);
        let value = libmsrp_relay_stats {
            struct_size: 0,
            connections: stats.connections,
            tokens: decisions.tokens,
            accepted: stats.accepted,
            dialled: stats.dialled,
            dials_failed: stats.dials_failed,
            evicted: stats.evicted,
            sends: traffic.sends,
            octets: traffic.octets,
            requests: traffic.requests,
            refused: traffic.refused,
            discarded: traffic.discarded,
            reports: traffic.reports,
            timeouts: traffic.timeouts,
            shed: traffic.shed,
            auth_granted: decisions.auth_granted,
            auth_wrong: decisions.auth_wrong,
        };
        // SAFETY: the header's contract.
        unsafe { sized::write(out, &value, "out") }?;
    })
}

/// Ends all URIs of a user at once; out, if it is not NULL, gets how many there were. A login whose answer was asked for
/// before has to prove the password once more.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or user is not UTF-8; LIBMSRP_ERR_GONE: the relay is
/// closed or was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_relay_revoke(
    engine: *mut libmsrp_engine,
    relay: libmsrp_relay,
    user: *const u8,
    len: usize,
    out: *mut usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let user = unsafe { entry::text(user, len, "user") }?;
        let count = engine
            .core
            .relay_revoke(engine.relay(relay)?.handle, user)?;
        if !out.is_null() {
            // SAFETY: the header's contract.
            unsafe { entry::out(out, "out") }?.set(count);
        }
    })
}

/// Ends a relay: it accepts no connection, gives out no URI and connects to nobody new from now on; what is under way is
/// finished in deadline_ms, then its connections are closed. Returns at once; on_closed follows.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or deadline_ms is negative; LIBMSRP_ERR_GONE: the relay
/// is closed or was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_relay_close(
    engine: *mut libmsrp_engine,
    relay: libmsrp_relay,
    deadline_ms: i64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let deadline = entry::timeout(deadline_ms).ok_or_else(|| {
            Error::invalid_argument(format!("deadline_ms {deadline_ms} is negative"))
        })?;
        engine
            .core
            .relay_close(engine.relay(relay)?.handle, deadline)?;
    })
}

/// H(A1) of a user's password in a realm, in hex digits, for libmsrp_relay_secret_done() and for files of secrets.
/// algorithm is MD5 or SHA-256. It is as good as the password in that realm. out is freed with libmsrp_text_free(), which
/// writes it over; the library keeps no copy.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: out is NULL, a text is not UTF-8, or algorithm is another one;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_ha1(
    user: libmsrp_slice,
    realm: libmsrp_slice,
    password: libmsrp_slice,
    algorithm_name: libmsrp_slice,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let user = unsafe { user.text("user") }?.unwrap_or_default();
        // SAFETY: the header's contract.
        let realm = unsafe { realm.text("realm") }?.unwrap_or_default();
        // SAFETY: the header's contract.
        let password = unsafe { password.text("password") }?.unwrap_or_default();
        // SAFETY: the header's contract.
        let name = unsafe { algorithm_name.text("algorithm") }?.unwrap_or_default();
        let ha1 = Ha1::from_password(algorithm("algorithm", name)?, user, realm, password);
        out.set(libmsrp_text::into_raw(ha1.to_hex()));
    })
}
