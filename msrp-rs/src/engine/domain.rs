//! Consumers of events: a descriptor or a function that wakes, and batches bounded in events and octets.
//!
//! Which session has something to tell is known in `net::ready`; what the events look like is made in `translate`. No
//! RFC speaks of this.

use std::os::fd::RawFd;
use std::sync::Arc;

use super::event::Event;
use super::handle::SessionHandle;
use super::session::Shared;
use super::translate;
use crate::error::{Error, ErrorKind, Result};
use crate::net::ready::{Ready, Signal};
use crate::net::wakeup::{WakeCallback, WakeFd};

/// How a domain tells its consumer that `next_batch` has something. It is called from engine threads, never
/// with a lock held, and not again before the consumer took a batch.
pub enum Wake {
    /// An eventfd (a socketpair where there is none) made by the domain: `Domain::fd` is readable.
    Fd,
    /// Any function that neither blocks nor calls the engine.
    Callback(Arc<dyn Fn() + Send + Sync>),
}

impl std::fmt::Debug for Wake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fd => "Fd",
            Self::Callback(_) => "Callback",
        })
    }
}

/// One consumer of events: a host's loop, an asyncio loop, a callback thread, a Rust task. Holds each session
/// with something to tell at most once, so that nothing grows behind a slow consumer.
///
/// Clones are the same domain. It outlives its engine: what was told can still be taken. At most one thread
/// takes batches at a time, or the events of a session may come in another order than they happened.
#[derive(Debug, Clone)]
pub struct Domain {
    /// Emptied, not dropped, in a forked child.
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    ready: Arc<Ready>,
    fd: Option<Arc<WakeFd>>,
}

impl Domain {
    pub(super) fn new(shared: Arc<Shared>, wake: Wake) -> Result<Self> {
        let (fd, signal): (_, Box<dyn Signal>) = match wake {
            Wake::Fd => {
                let fd = WakeFd::new().map(Arc::new).map_err(|error| {
                    Error::local(
                        ErrorKind::Limit,
                        format!("cannot make a wake descriptor: {error}"),
                    )
                })?;
                (Some(Arc::clone(&fd)), Box::new(fd))
            }
            Wake::Callback(callback) => (None, Box::new(WakeCallback(callback))),
        };
        let ready = Arc::new(Ready::new(signal));
        Ok(Self {
            inner: Some(Arc::new(Inner { shared, ready, fd })),
        })
    }

    pub(super) fn ready(&self) -> Option<&Arc<Ready>> {
        self.inner.as_ref().map(|inner| &inner.ready)
    }

    /// What may be touched: nothing in a forked child.
    fn usable(&self) -> Option<&Inner> {
        self.inner
            .as_deref()
            .filter(|inner| !inner.shared.is_forked())
    }

    /// The descriptor that is readable while there is work, for [`Wake::Fd`]. It belongs to the domain: watch it,
    /// do not read or close it (`next_batch` reads it). It is closed when the last clone is dropped and the
    /// engine has let go of the domain's sessions.
    pub fn fd(&self) -> Option<RawFd> {
        self.inner.as_ref()?.fd.as_ref().map(|fd| fd.raw())
    }

    /// Appends up to about `max_events` events and `max_bytes` octets of content to `out`, sessions in turn (at most
    /// 32 events or 64 KiB a visit). True when more is waiting; then the wake is armed again, so that a host that
    /// stops here is called again.
    pub fn next_batch(
        &self,
        max_events: usize,
        max_bytes: usize,
        out: &mut Vec<(SessionHandle, Event)>,
    ) -> bool {
        let Some(inner) = self.usable() else {
            return false;
        };
        for note in inner.ready.take_notes(max_events) {
            out.push((SessionHandle(0), note.into()));
        }
        let batch = inner.ready.take(max_events, max_bytes, |key, item| {
            let handle = SessionHandle(key.0);
            let mut event = translate::event(key, item);
            if let Some(Event::Closed { facts, .. }) = &mut event {
                **facts = inner.shared.forget(handle);
            }
            out.extend(event.map(|event| (handle, event)));
        });
        // The end of a session frees what its consumer had not taken.
        inner.shared.context.relieve_senders();
        if batch.ended {
            out.push((SessionHandle(0), Event::EngineClosed));
        }
        batch.more
    }

    /// Signals the wake although there is nothing to tell.
    pub fn wake(&self) {
        if let Some(inner) = self.usable() {
            inner.ready.wake();
        }
    }

    /// Ends every session of this domain at once, and stops waking. Events that were not taken are dropped.
    pub fn close(&self) {
        if let Some(inner) = self.usable() {
            inner.ready.close();
            inner.shared.context.log.consumer_gone();
            inner.shared.abandon(&inner.ready);
            // What was held for it may have been all that senders waited for.
            inner.shared.context.relieve_senders();
        }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        if self
            .inner
            .as_ref()
            .is_some_and(|inner| inner.shared.is_forked())
        {
            std::mem::forget(self.inner.take());
        }
    }
}
