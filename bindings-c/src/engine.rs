//! The engine: made once by a program, with the threads, the listeners and the connections in it.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use msrp_core::engine::{Domain, Engine, EngineOptions, Wake};
use msrp_core::error::{Error, ErrorKind, Result};
use parking_lot::Mutex;

use crate::deferred::{Deferred, Release};
use crate::dialling::{Asked, libmsrp_dial_fn, libmsrp_resolve_fn, libmsrp_service_fn};
use crate::dispatch::{self, Turn};
use crate::entry::{self, Enumerator, enumerator, ffi_entry};
use crate::error::libmsrp_result;
use crate::limits::libmsrp_limits;
use crate::listener;
use crate::log::Log;
use crate::message::Messages;
use crate::relay::RelayEntry;
use crate::session::SessionEntry;
use crate::sized::{self, sized};
use crate::stats::{libmsrp_histogram, libmsrp_traffic};
use crate::stream::Stream;
use crate::table::Table;
use crate::thread::{CallbackThread, Signal};
use crate::tls::libmsrp_tls;

/// An MSRP engine. Made by libmsrp_engine_new(), ended by libmsrp_engine_free(). Any thread may use it.
#[derive(Debug)]
pub struct libmsrp_engine {
    pub(crate) core: Engine,
    pub(crate) domain: Domain,
    pub(crate) deferred: Arc<Deferred>,
    pub(crate) sessions: Table<Arc<SessionEntry>>,
    pub(crate) relays: Table<RelayEntry>,
    pub(crate) streams: Table<Stream>,
    pub(crate) messages: Messages,
    pub(crate) log: Log,
    pub(crate) turn: Turn,
    /// The longest body that is copied.
    pub(crate) send_window: usize,
    /// Most octets in the body of a request that is not SEND.
    pub(crate) request_body: usize,
    /// The process that made it.
    pid: u32,
    on_engine_closed: libmsrp_engine_closed_fn,
    pub(crate) asked: Asked,
    user: Release,
    closed_told: AtomicBool,
    thread: Mutex<Option<CallbackThread>>,
    has_thread: bool,
}

/// The destructor of user data that the host gave. Runs once, where callbacks run.
pub type libmsrp_release_fn = Option<unsafe extern "C" fn(user: *mut c_void)>;

/// The engine is shut down: every session had its on_closed. Called once, as the engine's last callback; on_release,
/// free_fn and log_fn may still come.
pub type libmsrp_engine_closed_fn =
    Option<unsafe extern "C" fn(engine: *mut libmsrp_engine, user: *mut c_void)>;

/// Where the host's functions run.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_dispatch {
    /// Inside libmsrp_engine_process(), on the thread that calls it.
    Host = 0,
    /// On one thread of the engine.
    Thread = 1,
}
enumerator!(libmsrp_dispatch: Host, Thread);

/// Options of an engine. Zero: the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_engine_options {
    /// sizeof(libmsrp_engine_options), set by LIBMSRP_ENGINE_OPTIONS_INIT.
    pub struct_size: usize,
    /// Threads that do the network's work. Default 1.
    pub worker_threads: u32,
    /// Where the host's functions run. Default: the host's loop.
    pub dispatch: MaybeUninit<libmsrp_dispatch>,
    /// Bounds, copied. Default: NULL, all defaults.
    pub limits: *const libmsrp_limits,
    /// TLS for sessions that ask for it without a configuration of their own, copied. Default: NULL, none.
    pub tls: *const libmsrp_tls,
    /// Told when the engine is shut down. May be NULL.
    pub on_engine_closed: libmsrp_engine_closed_fn,
    /// Handed to the functions of these options.
    pub user: *mut c_void,
    /// The destructor of user, called once, as the engine's last call. May be NULL.
    pub on_release: libmsrp_release_fn,
    /// Resolves the names in remote paths, with user. Default: NULL, the operating system does.
    pub on_resolve: libmsrp_resolve_fn,
    /// Says which addresses may be dialled, with user. Default: NULL, all may.
    pub on_dial: libmsrp_dial_fn,
    /// The ports, both included, out of which listeners and sessions get one that are given none. Default: 0 and 0, any
    /// free one.
    pub first_port: u16,
    /// See first_port.
    pub last_port: u16,
    /// Knows the service records by which relays are found whose URIs have no port (RFC 4976 §8), with user. Default: NULL,
    /// the name servers of the system do; nobody does where on_resolve is not NULL, and no name has such records.
    pub on_service: libmsrp_service_fn,
}

/// Counters since the start of an engine, and sizes now. Octets where the name ends in _bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_stats {
    /// sizeof(libmsrp_stats), set by LIBMSRP_STATS_INIT.
    pub struct_size: usize,
    /// Connections now.
    pub connections: u64,
    /// Accepted connections without a session now.
    pub unbound_connections: u64,
    /// Sessions now.
    pub sessions: u64,
    /// Messages admitted for sending.
    pub messages_sent: u64,
    /// Messages received whole.
    pub messages_received: u64,
    /// Messages sent that failed.
    pub messages_failed: u64,
    /// Written to the network.
    pub sent_bytes: u64,
    /// Read from the network.
    pub received_bytes: u64,
    /// Content held for consumers now.
    pub receive_held_bytes: u64,
    /// The largest receive_held_bytes so far.
    pub receive_held_peak_bytes: u64,
    /// Content held for the network now.
    pub send_held_bytes: u64,
    /// Sessions shed so far: consumers that were too slow on a shared connection.
    pub sessions_shed: u64,
    /// Times that reading was paused.
    pub reading_paused: u64,
    /// Connections closed because the peer broke the protocol.
    pub protocol_errors: u64,
    /// Requests, responses and parts of long ones written into traces.
    pub trace_written: u64,
    /// Requests, responses and parts of long ones that are in no trace, because its queue was full.
    pub trace_dropped: u64,
    /// Handed to the operating system.
    pub sent: libmsrp_traffic,
    /// Received.
    pub received: libmsrp_traffic,
    /// Requests of ours without a response in time.
    pub timeouts: u64,
    /// Chunks received of messages that were complete already.
    pub duplicate_chunks: u64,
    /// Chunks received that began behind a gap.
    pub gaps: u64,
    /// Microseconds from the last octet of a request to its response.
    pub transaction_us: libmsrp_histogram,
    /// Microseconds from the first octet of a message to its acknowledgement.
    pub message_us: libmsrp_histogram,
    /// Microseconds from the admission of a message to its first octet.
    pub queue_us: libmsrp_histogram,
    /// Microseconds that reading was paused for slow consumers, each time.
    pub pause_us: libmsrp_histogram,
    /// Octets of chunks sent.
    pub chunk_sent_bytes: libmsrp_histogram,
    /// Octets of chunks received.
    pub chunk_received_bytes: libmsrp_histogram,
    /// TLS connections whose peer nobody verified: LIBMSRP_VERIFY_NONE.
    pub tls_unverified: u64,
}

sized!(libmsrp_engine_options, libmsrp_stats);

impl libmsrp_engine {
    /// Borrows an engine of this process.
    ///
    /// # Safety
    /// NULL, or made by `libmsrp_engine_new` and not freed before the entry returns.
    pub(crate) unsafe fn borrow<'a>(engine: *const Self) -> Result<&'a Self> {
        // SAFETY: the caller's promise.
        let engine = unsafe { entry::reference(engine, "engine") }?;
        let here = process::id();
        if engine.pid != here {
            return Err(Error::local(
                ErrorKind::Forked,
                format!(
                    "the engine was made by process {}, this is {here}: make the engine after the fork",
                    engine.pid
                ),
            ));
        }
        Ok(engine)
    }

    /// The pointer that the host knows.
    pub(crate) fn as_ptr(&self) -> *mut Self {
        std::ptr::from_ref(self).cast_mut()
    }

    /// What the engine's own callbacks get as their last argument.
    pub(crate) fn user(&self) -> *mut c_void {
        self.user.user
    }

    /// Calls `on_engine_closed`, the first time. Only on the dispatching thread.
    pub(crate) fn tell_closed(&self) {
        if !self.closed_told.swap(true, Ordering::Relaxed)
            && let Some(function) = self.on_engine_closed
        {
            // SAFETY: the host's function with the host's pointer, which is released at the very end.
            unsafe { function(self.as_ptr(), self.user.user) }
        }
    }

    /// Calls the destructor of the user data: the last function of the host that is called. Only at the end.
    pub(crate) fn tell_released(&self) {
        self.user.run();
    }
}

/// Makes an engine and starts its threads. options may be NULL. Copies the options; takes over user only on
/// success.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: out is NULL, an option is out of its range, or a certificate or key
/// is unusable; LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_LIMIT: the system gives no thread or
/// no descriptor; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread. A program that forks makes its engines in
/// the children.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_new(
    options: *const libmsrp_engine_options,
    out: *mut *mut libmsrp_engine,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let options = unsafe { sized::read(options, "options") }?;
        // SAFETY: the header's contract.
        let limits = unsafe { sized::read(options.limits, "options.limits") }?.to_core()?;
        // SAFETY: the header's contract.
        let tls = unsafe { libmsrp_tls::optional(options.tls) }?;
        let has_thread = libmsrp_dispatch::from_c(options.dispatch, "options.dispatch")?
            == libmsrp_dispatch::Thread;

        let send_window = limits.send_window;
        let request_body = limits.non_send_body;
        let core = Engine::new(EngineOptions {
            worker_threads: options.worker_threads.max(1) as usize,
            limits,
            tls,
            trace: None,
            resolver: options.resolver(),
            services: options.services(),
            dial_check: options.dial_check(),
            port_range: listener::port_range(options.first_port, options.last_port),
        })?;
        let signal = Arc::new(Signal::default());
        let domain = core.domain(if has_thread {
            let signal = signal.clone();
            Wake::Callback(Arc::new(move || signal.work()))
        } else {
            Wake::Fd
        })?;
        let deferred = Arc::new(Deferred::default());
        deferred.set_domain(Some(domain.clone()));
        let engine = Box::into_raw(Box::new(libmsrp_engine {
            core,
            domain,
            deferred,
            sessions: Table::default(),
            relays: Table::default(),
            streams: Table::default(),
            messages: Messages::default(),
            log: Log::default(),
            turn: Turn::default(),
            send_window,
            request_body,
            pid: process::id(),
            on_engine_closed: options.on_engine_closed,
            asked: Asked {
                on_resolve: options.on_resolve,
                on_dial: options.on_dial,
                on_service: options.on_service,
            },
            user: Release {
                function: options.on_release,
                user: options.user,
            },
            closed_told: AtomicBool::new(false),
            thread: Mutex::new(None),
            has_thread,
        }));
        if has_thread {
            // SAFETY: just made; libmsrp_engine_free joins the thread before it ends the engine.
            let shared: &'static libmsrp_engine = unsafe { &*engine };
            let started = CallbackThread::start(signal, move || {
                let _ = entry::enter(|| dispatch::process(shared, EVENTS_AT_ONCE));
            });
            match started {
                Ok(thread) => *shared.thread.lock() = Some(thread),
                Err(error) => {
                    // SAFETY: made above, and no thread has it.
                    drop(unsafe { Box::from_raw(engine) });
                    return Err(Error::local(
                        ErrorKind::Limit,
                        format!("cannot start the callback thread: {error}"),
                    ));
                }
            }
        }
        out.set(engine);
    })
}

/// Closes every session and then every connection. Returns at once: on_closed of each session, then
/// on_engine_closed, come by dispatch. What is under way is finished until deadline_ms milliseconds have passed,
/// then it is ended with `#`. Negative: without a deadline. May be called again, with an earlier deadline.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_shutdown(
    engine: *mut libmsrp_engine,
    deadline_ms: i64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let deadline = entry::timeout(deadline_ms).unwrap_or(WITHOUT_DEADLINE);
        engine.core.shutdown(deadline);
    })
}

/// Ends an engine: aborts what is left, joins the threads within about a second, and runs the remaining
/// on_closed, on_engine_closed, on_release, release and free functions on the calling thread. Messages not yet
/// told are dropped. NULL is allowed and does nothing.
///
/// On LIBMSRP_OK the pointer is invalid: no other thread may be using it or use it later. Texts and retained
/// bodies live on. In a forked child nothing is touched; the memory goes with the process.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_DEADLOCK: inside a callback of this engine; LIBMSRP_ERR_BUSY: another thread is
/// in libmsrp_engine_process(); LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Not in callbacks of this engine. With
/// LIBMSRP_DISPATCH_THREAD it waits for the callback that is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_free(engine: *mut libmsrp_engine) -> libmsrp_result {
    ffi_entry!({
        if engine.is_null() {
            return Ok(());
        }
        // SAFETY: the header's contract.
        let shared = unsafe { libmsrp_engine::borrow(engine) }?;
        if shared.turn.is_mine() {
            return Err(Error::local(
                ErrorKind::Deadlock,
                "engine_free inside a callback would wait for that callback",
            ));
        }
        let thread = shared.thread.lock().take();
        if let Some(thread) = thread {
            thread.join();
        }
        let turn = shared.turn.take("engine_free")?;
        shared.core.join();
        dispatch::finish(shared);
        // The queue and the domain hold each other.
        shared.deferred.set_domain(None);
        drop(turn);

        // SAFETY: made by libmsrp_engine_new, and the host says that nobody uses it any more.
        drop(unsafe { Box::from_raw(engine) });
    })
}

/// The descriptor to watch for reading (level- or edge-triggered): it is readable while
/// libmsrp_engine_process() has something to do. It belongs to the engine: do not read, write or close it, and
/// stop watching it before libmsrp_engine_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or the engine has
/// LIBMSRP_DISPATCH_THREAD; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_fd(
    engine: *mut libmsrp_engine,
    out: *mut i32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let fd = engine.domain.fd().ok_or_else(has_own_thread)?;
        out.set(fd);
    })
}

/// Runs what is due: at most about max_events callbacks (0: 256), and the free and release functions that wait.
/// Never blocks; with more to do than that the descriptor becomes readable again.
///
/// One thread at a time, and not inside a callback.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL or has LIBMSRP_DISPATCH_THREAD;
/// LIBMSRP_ERR_DEADLOCK: inside a callback of this engine; LIBMSRP_ERR_BUSY: another thread is in it;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Not in callbacks of this engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_process(
    engine: *mut libmsrp_engine,
    max_events: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        if engine.has_thread {
            return Err(has_own_thread());
        }
        let max_events = if max_events == 0 {
            EVENTS_AT_ONCE
        } else {
            max_events
        };
        dispatch::process(engine, max_events)?;
    })
}

/// Makes the descriptor readable although nothing happened, so that the host's loop comes round.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal
/// in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_wakeup(engine: *mut libmsrp_engine) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.domain.wake();
    })
}

/// Counters and sizes now. out begins with LIBMSRP_STATS_INIT; as much is written as its struct_size has room for.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or struct_size is wrong;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_stats(
    engine: *mut libmsrp_engine,
    out: *mut libmsrp_stats,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        if out.is_null() {
            return Err(Error::invalid_argument("out is NULL"));
        }
        let stats = engine.core.stats();
        let counts = &stats.counts;
        let stats = libmsrp_stats {
            struct_size: size_of::<libmsrp_stats>(),
            connections: stats.connections,
            unbound_connections: stats.unbound_connections,
            sessions: stats.sessions,
            messages_sent: stats.messages_sent,
            messages_received: stats.messages_received,
            messages_failed: stats.messages_failed,
            sent_bytes: stats.bytes_sent,
            received_bytes: stats.bytes_received,
            receive_held_bytes: stats.receive_held,
            receive_held_peak_bytes: stats.receive_held_peak,
            send_held_bytes: stats.send_held,
            sessions_shed: stats.sessions_shed,
            reading_paused: stats.reading_paused,
            protocol_errors: stats.protocol_errors,
            trace_written: stats.trace_written,
            trace_dropped: stats.trace_dropped,
            sent: (&counts.sent).into(),
            received: (&counts.received).into(),
            timeouts: counts.timeouts,
            duplicate_chunks: counts.duplicate_chunks,
            gaps: counts.gaps,
            transaction_us: (&counts.transaction_time).into(),
            message_us: (&counts.message_time).into(),
            queue_us: (&counts.queue_time).into(),
            pause_us: (&counts.pause_time).into(),
            chunk_sent_bytes: (&counts.chunk_sent).into(),
            chunk_received_bytes: (&counts.chunk_received).into(),
            tls_unverified: stats.tls_unverified,
        };
        // SAFETY: not NULL, and the header's contract.
        unsafe { sized::write(out, &stats, "out") }?;
    })
}

fn has_own_thread() -> Error {
    Error::invalid_argument(
        "the engine has LIBMSRP_DISPATCH_THREAD: its own thread runs the callbacks",
    )
}

/// Events of one `engine_process` where the host does not say.
const EVENTS_AT_ONCE: usize = 256;
/// As good as for ever, and still a time that can be added to now.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(365 * 24 * 3600);
