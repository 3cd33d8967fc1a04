//! How a driver is told that it has work: sessions with new commands, and what the engine wants of the
//! connection itself.
//!
//! One short lock holds the lists and the driver's waker. Who adds something takes the waker out and wakes
//! after the lock; the driver takes the lists and leaves its waker under the same lock, so a wake cannot
//! fall between the two. The connection's own state machine is in the driver.

use std::sync::Arc;
use std::task::Waker;

use super::mailbox::Mailbox;
use super::sync::Mutex;
#[cfg(not(loom))]
use crate::proto::{Flow, SessionConfig, SessionKey};

/// What a connection is told beside session commands.
pub(crate) enum Control {
    /// Serves this session from now on.
    #[cfg(not(loom))]
    Attach(Arc<super::registry::Entry>, Box<SessionConfig>),
    /// Gives up a session that it tried to take over: it goes on elsewhere.
    #[cfg(not(loom))]
    Abandon(SessionKey),
    /// Who sends ordinary messages in a session that it tries to take over.
    #[cfg(not(loom))]
    SetFlow(SessionKey, Flow),
    /// Closes in order: nothing uses the connection any more, or the engine ends.
    Finish,
    /// Closes if no session was bound yet: others need the place.
    Evict,
    /// Leads its octets through somebody else.
    #[cfg(not(loom))]
    Detour(Box<super::detour::Detour>),
}

/// The work list of one connection.
pub(crate) struct Inbox {
    id: u64,
    lists: Mutex<Lists>,
}

#[derive(Default)]
struct Lists {
    dirty: Vec<Arc<Mailbox>>,
    controls: Vec<Control>,
    waker: Option<Waker>,
    closed: bool,
}

impl Inbox {
    /// The empty work list of the connection with this number.
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            lists: Mutex::new(Lists::default()),
        }
    }

    /// The connection's number, unique in its engine.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whether the connection takes no more work.
    pub(crate) fn is_closed(&self) -> bool {
        self.lists.lock().closed
    }

    /// A session has commands. Called once per mailbox until the driver took it: the mailbox keeps the mark.
    pub(crate) fn push_dirty(&self, mailbox: Arc<Mailbox>) {
        let waker = {
            let mut lists = self.lists.lock();
            if lists.closed {
                return;
            }
            lists.dirty.push(mailbox);
            lists.waker.take()
        };
        wake(waker);
    }

    /// Tells the connection something; gives it back when the connection is closed.
    pub(crate) fn push_control(&self, control: Control) -> Result<(), Control> {
        let waker = {
            let mut lists = self.lists.lock();
            if lists.closed {
                return Err(control);
            }
            lists.controls.push(control);
            lists.waker.take()
        };
        wake(waker);
        Ok(())
    }

    /// Moves what is there into `dirty` and `controls` and leaves `waker` for what comes next.
    pub(crate) fn take(
        &self,
        waker: &Waker,
        dirty: &mut Vec<Arc<Mailbox>>,
        controls: &mut Vec<Control>,
    ) {
        let mut lists = self.lists.lock();
        dirty.append(&mut lists.dirty);
        controls.append(&mut lists.controls);
        if !lists
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            lists.waker = Some(waker.clone());
        }
    }

    /// Gives back room that is not used.
    #[cfg(not(loom))]
    pub(crate) fn shrink(&self) {
        let mut lists = self.lists.lock();
        lists.dirty.shrink_to_fit();
        lists.controls.shrink_to_fit();
    }

    /// Closes the list if no control waits in it. A session may be attached at the same moment: either
    /// it gets in before and this is false, or it is given back.
    pub(crate) fn close_if_idle(&self) -> bool {
        let mut lists = self.lists.lock();
        if lists.controls.is_empty() {
            lists.closed = true;
        }
        lists.closed
    }

    /// Closes the list and gives what was left in it.
    pub(crate) fn close(&self) -> Vec<Control> {
        let mut lists = self.lists.lock();
        lists.closed = true;
        lists.waker = None;
        lists.dirty.clear();
        std::mem::take(&mut lists.controls)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
