//! What the tasks of one engine share: limits, counters, the registry, what dials, connections, identifiers.
//!
//! It is made and ended by `engine::lifecycle`; what is in it is explained where it comes from.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::block::BlockPool;
use super::dial::Dialler;
use super::inbox::{Control, Inbox};
use super::log::Log;
use super::login::Accounts;
use super::memory::Memory;
use super::registry::Registry;
use super::trace::Trace;
use super::unbound::Unbound;
use crate::limits::Limits;
use crate::proto::{Counters, IdSource};

/// Shared by the tasks of one engine.
pub(crate) struct Context {
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) blocks: BlockPool,
    pub(crate) registry: Registry,
    pub(crate) unbound: Unbound,
    pub(crate) dialler: Dialler,
    pub(crate) accounts: Accounts,
    pub(crate) log: Arc<Log>,
    pub(crate) trace: Trace,
    pub(crate) counters: Arc<Counters>,
    ids: Mutex<IdSource>,
    connections: Mutex<HashMap<u64, Arc<Inbox>>>,
    connection_gone: Notify,
    next_number: AtomicU64,
    stopping: AtomicBool,
}

impl Context {
    /// The shared part of an engine with these bounds.
    pub(crate) fn new(limits: Limits, ids: IdSource, dialler: Dialler) -> Arc<Self> {
        Arc::new(Self {
            memory: Arc::new(Memory::new(limits.engine_memory)),
            blocks: BlockPool::default(),
            registry: Registry::default(),
            unbound: Unbound::default(),
            dialler,
            accounts: Accounts::default(),
            log: Arc::default(),
            trace: Trace::default(),
            counters: Arc::default(),
            ids: Mutex::new(ids),
            connections: Mutex::new(HashMap::new()),
            connection_gone: Notify::new(),
            next_number: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            limits: Arc::new(limits),
        })
    }

    /// A number that no connection or listener of the engine has had.
    pub(crate) fn number(&self) -> u64 {
        self.next_number.fetch_add(1, Relaxed)
    }

    /// Makes identifiers.
    pub(crate) fn ids<R>(&self, make: impl FnOnce(&mut IdSource) -> R) -> R {
        make(&mut self.ids.lock())
    }

    /// Counts a connection for as long as the guard lives.
    pub(crate) fn enter(self: &Arc<Self>) -> Connected {
        let inbox = Arc::new(Inbox::new(self.number()));
        self.connections
            .lock()
            .insert(inbox.id(), Arc::clone(&inbox));
        self.memory.connections.fetch_add(1, Relaxed);
        Connected {
            context: Arc::clone(self),
            inbox,
        }
    }

    /// From now on new connections close at once, and those there are close in order.
    pub(crate) fn stop_connections(&self) {
        self.stopping.store(true, Relaxed);
        let inboxes: Vec<_> = self.connections.lock().values().cloned().collect();
        for inbox in inboxes {
            // A closed one is on its way.
            let _ = inbox.push_control(Control::Finish);
        }
    }

    /// Whether `stop_connections` was called.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Waits until no connection is left.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn wait_disconnected(&self) {
        loop {
            let gone = self.connection_gone.notified();
            if self.connections.lock().is_empty() {
                return;
            }
            gone.await;
        }
    }

    /// Senders that were refused for the memory budget are told when it has room again. Called where octets
    /// were given back, also by the end of a session.
    pub(crate) fn relieve_senders(&self) {
        if self.memory.take_refused() {
            for entry in self.registry.all() {
                entry.mailbox().relieve();
            }
        }
    }
}

/// One connection in the engine's lists.
pub(crate) struct Connected {
    pub(crate) context: Arc<Context>,
    pub(crate) inbox: Arc<Inbox>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.context.unbound.remove(self.inbox.id());
        // Before anybody can see that it is gone.
        self.context.memory.connections.fetch_sub(1, Relaxed);
        self.context.connections.lock().remove(&self.inbox.id());
        self.context.connection_gone.notify_waiters();
    }
}
