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
use crate::proto::{Asked, AuthRequest, Flow, SessionConfig, SessionKey};
#[cfg(not(loom))]
use tokio::sync::oneshot;

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
    /// Sends an AUTH, and tells its outcome; tells nothing if the connection ends before.
    #[cfg(not(loom))]
    Ask(Box<AuthRequest>, oneshot::Sender<Asked>),
    /// Tells why it ended, when it does.
    #[cfg(not(loom))]
    Watch(oneshot::Sender<String>),
    /// Closes as soon as nobody uses it, however long it could be kept.
    Release,
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
    /// Who needs the connection beside its sessions.
    holders: usize,
    /// It is for those who have it, and for nobody else.
    #[cfg(not(loom))]
    released: bool,
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

    /// Nobody who does not have the connection yet is to have it, and it closes when those who do have gone.
    #[cfg(not(loom))]
    pub(crate) fn release(&self) {
        let waker = {
            let mut lists = self.lists.lock();
            if lists.closed || lists.released {
                return;
            }
            lists.released = true;
            lists.controls.push(Control::Release);
            lists.waker.take()
        };
        wake(waker);
    }

    /// Whether nobody else is to have the connection.
    #[cfg(not(loom))]
    pub(crate) fn is_released(&self) -> bool {
        self.lists.lock().released
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
        self.push(control, |control| control)
    }

    /// Gives the connection a session; gives what the session is configured with back when the connection is closed.
    #[cfg(not(loom))]
    pub(crate) fn attach(
        &self,
        entry: &Arc<super::registry::Entry>,
        config: Box<SessionConfig>,
    ) -> Result<(), Box<SessionConfig>> {
        self.push(config, |config| Control::Attach(Arc::clone(entry), config))
    }

    fn push<T>(&self, what: T, into_control: impl FnOnce(T) -> Control) -> Result<(), T> {
        let waker = {
            let mut lists = self.lists.lock();
            if lists.closed {
                return Err(what);
            }
            lists.controls.push(into_control(what));
            lists.waker.take()
        };
        wake(waker);
        Ok(())
    }

    /// Keeps the connection open, though it may have no session. None if it is closed.
    pub(crate) fn hold(self: &Arc<Self>) -> Option<Hold> {
        let mut lists = self.lists.lock();
        if lists.closed {
            return None;
        }
        lists.holders += 1;
        drop(lists);
        Some(Hold(Arc::clone(self)))
    }

    /// Whether somebody keeps the connection open.
    pub(crate) fn is_held(&self) -> bool {
        self.lists.lock().holders > 0
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

    /// Closes the list if no control waits in it and nobody holds it open. A session may be attached at the same moment: either
    /// it gets in before and this is false, or it is given back.
    pub(crate) fn close_if_idle(&self) -> bool {
        let mut lists = self.lists.lock();
        if lists.controls.is_empty() && lists.holders == 0 {
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

/// Keeps a connection open as long as it lives. That may end all the same, by its peer or a fault.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Inbox>);

impl Hold {
    /// The connection.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let waker = {
            let mut lists = self.0.lists.lock();
            lists.holders -= 1;
            (lists.holders == 0).then(|| lists.waker.take()).flatten()
        };
        wake(waker);
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
