//! The beginning and the end of an engine: its threads, its consumers, its shutdown, and what a fork does to them.
//!
//! How one session ends is the business of `session`, how a connection closes in order, of `net::driver`.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

use super::dialling::dialler;
use super::listeners::Listener;
use super::options::{EngineOptions, TlsConfig};
use super::relay::Served;
use super::session::Shared;
use super::slots::Slots;
use super::trust::Trust;
use super::{Domain, Engine, Wake, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::net::context::Context;
use crate::net::ready::Ready;
use crate::proto::{CloseReason, IdSource};

/// How long a session may take to end once it was told to do so at once.
const ABORT: Duration = Duration::from_millis(300);
/// How long connections may take to close in order.
const DISCONNECT: Duration = Duration::from_millis(700);
/// How long `join` waits for an orderly end, and then for the threads.
const JOIN: Duration = Duration::from_millis(800);
const THREADS: Duration = Duration::from_secs(1);
/// Domains among which those that were closed are not looked for.
const CROWD: usize = 32;
/// Polls of tasks after which a thread looks for readiness of sockets and for times. With more, a connection that
/// always has something to do keeps the others waiting for as many of its polls.
const EVENT_INTERVAL: u32 = 4;
/// Threads for names and files.
const BLOCKING_THREADS: usize = 16;

thread_local! {
    /// Whether this is a thread of an engine.
    static IS_ENGINE_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Engines that this process has made: what tells their handles apart.
static ENGINES: AtomicU32 = AtomicU32::new(0);

impl Engine {
    /// Starts an engine: its threads run until [`join`](Self::join) or the last clone is dropped.
    ///
    /// # Errors
    /// `InvalidArgument` naming the option and its bound, `Limit` if the system gives no threads.
    pub fn new(options: EngineOptions) -> Result<Self> {
        validate::engine(&options)?;
        Ok(Self {
            core: Some(Arc::new(Core::new(options)?)),
        })
    }

    /// The bounds that the engine was made with. In a forked child the defaults.
    pub fn limits(&self) -> Arc<Limits> {
        self.core()
            .map(|core| Arc::clone(&core.shared.context.limits))
            .unwrap_or_default()
    }

    /// A new consumer.
    ///
    /// # Errors
    /// `Limit` if there is no descriptor for it, `Gone` after `shutdown`, `Forked`.
    pub fn domain(&self, wake: Wake) -> Result<Domain> {
        self.core()?.check_running()?;
        self.late_domain(wake)
    }

    /// As `domain`, also after `shutdown`: then its only event is `EngineClosed`.
    pub(crate) fn late_domain(&self, wake: Wake) -> Result<Domain> {
        let core = self.core()?;
        let domain = Domain::new(Arc::clone(&core.shared), wake)?;
        if let Some(ready) = domain.ready() {
            core.shared.context.log.add_consumer(ready);
            core.add_domain(Arc::clone(ready));
        }
        Ok(domain)
    }

    /// Closes every session within `deadline`, then every connection;
    /// [`Event::EngineClosed`](super::Event::EngineClosed) comes to each domain last. Returns at once. Said again, the
    /// earliest deadline counts.
    pub fn shutdown(&self, deadline: Duration) {
        if let Ok(core) = self.core() {
            core.shutdown(validate::timeout(Some(deadline)));
        }
    }

    /// Aborts what is left and joins the threads, within about a second. From an engine thread it only aborts.
    pub fn join(&self) {
        if let Ok(core) = self.core() {
            core.join();
        }
    }
}

/// An engine without its reference count.
pub(super) struct Core {
    pub(super) shared: Arc<Shared>,
    pub(super) handle: Handle,
    runtime: Mutex<Option<Runtime>>,
    pub(super) listeners: Mutex<Slots<Arc<Listener>>>,
    pub(super) relays: Mutex<Slots<Arc<Served>>>,
    pub(super) trust: Trust,
    pub(super) tls: Option<TlsConfig>,
    /// For listeners without a port or a range of their own.
    pub(super) port_range: Option<RangeInclusive<u16>>,
    /// Where the next search in a range of ports begins.
    pub(super) next_port: AtomicU64,
    stopping: AtomicBool,
    end: Arc<End>,
}

/// The engine's end, and who is to be told of it.
#[derive(Default)]
struct End {
    state: Mutex<EndState>,
    changed: Condvar,
}

#[derive(Default)]
struct EndState {
    domains: Vec<Arc<Ready>>,
    /// How many domains there may be before those that were closed are looked for.
    crowd: usize,
    /// Who comes now is told at once.
    begun: bool,
    /// Everybody was told.
    reached: bool,
}

impl End {
    fn add(&self, ready: Arc<Ready>) {
        let mut state = self.state.lock();
        if state.begun {
            drop(state);
            ready.end();
            return;
        }
        if state.domains.len() >= state.crowd {
            state.domains.retain(|domain| !domain.is_closed());
            state.crowd = (2 * state.domains.len()).max(CROWD);
        }
        state.domains.push(ready);
    }

    fn tell(&self) {
        let domains = {
            let mut state = self.state.lock();
            state.begun = true;
            std::mem::take(&mut state.domains)
        };
        for domain in domains {
            domain.end();
        }
        self.state.lock().reached = true;
        self.changed.notify_all();
    }

    fn wait(&self, time: Duration) {
        let mut state = self.state.lock();
        self.changed
            .wait_while_for(&mut state, |state| !state.reached, time);
    }
}

impl Core {
    pub(super) fn new(options: EngineOptions) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(options.worker_threads)
            .max_blocking_threads(BLOCKING_THREADS)
            .event_interval(EVENT_INTERVAL)
            .thread_name("msrp-engine")
            .on_thread_start(|| IS_ENGINE_THREAD.set(true))
            .enable_all()
            .build()
            .map_err(|error| {
                Error::local(
                    ErrorKind::Limit,
                    format!("cannot start the engine's threads: {error}"),
                )
            })?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            Error::local(
                ErrorKind::Internal,
                format!("no randomness from the system: {error}"),
            )
        })?;
        let dialler = dialler(
            &options.limits,
            options.resolver,
            options.services,
            options.dial_check,
        );
        let context = Context::new(options.limits, IdSource::new(seed), dialler);
        if let Some(trace) = options.trace {
            context.trace.start(trace.into(), &context.log)?;
        }
        let log = Arc::clone(&context.log);
        let count = ENGINES.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            shared: Shared::new(count, context),
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
            listeners: Mutex::new(Slots::new(count)),
            relays: Mutex::new(Slots::new(count)),
            trust: Trust::new(log),
            tls: options.tls,
            port_range: options.port_range,
            next_port: AtomicU64::new(u64::from(u32::from_ne_bytes([
                seed[0], seed[1], seed[2], seed[3],
            ]))),
            stopping: AtomicBool::new(false),
            end: Arc::default(),
        })
    }

    /// Refuses new things in a forked child and after `shutdown`.
    pub(super) fn check_running(&self) -> Result<()> {
        self.shared.check_process()?;
        if self.is_stopping() {
            return Err(Error::local(ErrorKind::Gone, "engine is shut down"));
        }
        Ok(())
    }

    /// Whether `shutdown` was called. What was made before this is false, it sees.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(super) fn add_domain(&self, ready: Arc<Ready>) {
        self.end.add(ready);
    }

    /// Stops accepting, closes every session until `deadline`, then every connection, and tells each domain.
    pub(super) fn shutdown(&self, deadline: Duration) {
        self.stopping.store(true, Ordering::SeqCst);
        self.close_listeners();
        let until = Instant::now() + deadline;
        for session in self.shared.all() {
            self.shared.close(&session, until);
        }
        let shared = Arc::clone(&self.shared);
        let end = Arc::clone(&self.end);
        let relays: Vec<_> = self.relays.lock().iter().cloned().collect();
        let mut drains = JoinSet::new();
        for relay in relays {
            drains.spawn_on(async move { relay.drain(until).await }, &self.handle);
        }
        self.handle.spawn(async move {
            let registry = &shared.context.registry;
            let in_time = until + ABORT;
            if tokio::time::timeout_at(in_time.into(), registry.wait_empty())
                .await
                .is_err()
            {
                abort_sessions(&shared);
                if tokio::time::timeout(ABORT, registry.wait_empty())
                    .await
                    .is_err()
                {
                    end_sessions(&shared);
                }
            }
            // A relay that has connections beyond its deadline loses them now.
            let _ = tokio::time::timeout_at((until + ABORT).into(), drains.join_all()).await;
            shared.context.stop_connections();
            // What does not close in this time is dropped with the runtime.
            let _ = tokio::time::timeout(DISCONNECT, shared.context.wait_disconnected()).await;
            end.tell();
        });
    }

    /// Ends what is left and the threads.
    pub(super) fn join(&self) {
        let Some(runtime) = self.runtime.lock().take() else {
            return;
        };
        self.shutdown(Duration::ZERO);
        if IS_ENGINE_THREAD.get() {
            // The caller would wait for itself.
            runtime.shutdown_background();
        } else {
            self.end.wait(JOIN);
            // A thread of its own: this one may belong to another runtime, which forbids to wait in it.
            let runtime = Arc::new(Mutex::new(Some(runtime)));
            let taken = Arc::clone(&runtime);
            let ended = std::thread::Builder::new()
                .name("msrp-join".into())
                .spawn(move || {
                    if let Some(runtime) = taken.lock().take() {
                        runtime.shutdown_timeout(THREADS);
                    }
                });
            match ended {
                // It only panics if the runtime does, and then there is nothing left to wait for.
                Ok(thread) => drop(thread.join()),
                // The system gives no thread. Dropping the runtime here would wait, too.
                Err(_) => {
                    if let Some(runtime) = runtime.lock().take() {
                        runtime.shutdown_background();
                    }
                }
            }
        }
        self.tell_end();
        self.shared.context.trace.stop();
    }

    fn tell_end(&self) {
        end_sessions(&self.shared);
        self.end.tell();
    }

    fn close_listeners(&self) {
        let closed = self.listeners.lock().clear();
        drop(closed);
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.lock().take() {
            self.stopping.store(true, Ordering::SeqCst);
            self.close_listeners();
            abort_sessions(&self.shared);
            runtime.shutdown_background();
            self.tell_end();
        }
    }
}

fn abort_sessions(shared: &Shared) {
    for session in shared.all() {
        shared.abort(&session, None);
    }
}

/// Ends the sessions that no connection ends any more.
fn end_sessions(shared: &Shared) {
    for entry in shared.context.registry.all() {
        shared
            .context
            .registry
            .end(&entry, CloseReason::Local, None);
    }
}
