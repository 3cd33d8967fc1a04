//! Which sessions of one consumer have something to tell: a level-triggered list that holds each session at
//! most once, and the wake of the consumer. So no event queue grows behind a slow consumer beside the
//! mailboxes, which are bounded.
//!
//! The order that loses no wake (checked by loom): a producer pushes, then raises `armed`, and signals if it
//! was down; the consumer reads the descriptor, lowers `armed`, and only then takes the list.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;

use super::mailbox::{Item, Mailbox};
use super::sync::{AtomicBool, Mutex};
use crate::proto::SessionKey;

/// Most events of one session in a row.
pub(crate) const VISIT_EVENTS: usize = 32;
/// Most octets of content of one session in a row.
pub(crate) const VISIT_BYTES: usize = 64 * 1024;

/// How a consumer is woken.
pub(crate) trait Signal: Send + Sync {
    /// There is work. Called without a lock, and not again before `clear`.
    fn signal(&self);
    /// The consumer is about to look.
    fn clear(&self);
}

/// What a consumer is told that is of no session.
#[cfg(not(loom))]
pub(crate) type Note = super::relay::host::Note;
#[cfg(loom)]
pub(crate) type Note = ();

/// Notes that may wait for a consumer.
const NOTES: usize = 4096;

/// The ready list of one consumer.
pub(crate) struct Ready {
    list: Mutex<List>,
    /// The consumer was signalled and has not looked since.
    armed: AtomicBool,
    signal: Box<dyn Signal>,
}

#[derive(Default)]
struct List {
    queue: VecDeque<Arc<Mailbox>>,
    notes: VecDeque<Note>,
    /// Sessions of this consumer whose last event was not taken yet.
    alive: usize,
    /// The engine has ended; told after the last session's last event.
    ended: Ended,
    closed: bool,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Ended {
    #[default]
    No,
    Untold,
    Told,
}

/// What one look at the list gave.
pub(crate) struct Batch {
    /// More is waiting; the consumer was signalled again.
    pub(crate) more: bool,
    /// The engine has ended, and this is the consumer's last event.
    pub(crate) ended: bool,
}

impl Ready {
    /// The empty list of a consumer that is woken by `signal`.
    pub(crate) fn new(signal: Box<dyn Signal>) -> Self {
        Self {
            list: Mutex::new(List::default()),
            armed: AtomicBool::new(false),
            signal,
        }
    }

    /// A session of this consumer was made. False when the consumer is gone, or was told the engine's end: nothing
    /// may follow that.
    pub(crate) fn add_session(&self) -> bool {
        let mut list = self.list.lock();
        let listens = !list.closed && list.ended != Ended::Told;
        list.alive += usize::from(listens);
        listens
    }

    /// A session has something to tell. Called once per mailbox until it was visited empty: the mailbox keeps
    /// the mark.
    pub(crate) fn push(&self, mailbox: Arc<Mailbox>) {
        {
            let mut list = self.list.lock();
            if list.closed {
                return;
            }
            list.queue.push_back(mailbox);
        }
        self.wake();
    }

    /// Tells the consumer something that is of no session. False when too much waits for it, or it is gone.
    pub(crate) fn push_note(&self, note: Note) -> bool {
        {
            let mut list = self.list.lock();
            if list.closed || list.ended == Ended::Told || list.notes.len() >= NOTES {
                return false;
            }
            list.notes.push_back(note);
        }
        self.wake();
        true
    }

    /// Tells it something that comes once, whatever waits.
    pub(crate) fn push_last_note(&self, note: Note) {
        {
            let mut list = self.list.lock();
            if list.closed || list.ended == Ended::Told {
                return;
            }
            list.notes.push_back(note);
        }
        self.wake();
    }

    /// Notes that wait, so many at most. To be taken before [`take`](Self::take), which says whether there are more.
    pub(crate) fn take_notes(&self, max: usize) -> Vec<Note> {
        let mut list = self.list.lock();
        let count = list.notes.len().min(max);
        list.notes.drain(..count).collect()
    }

    /// Signals the consumer, unless it was signalled since its last look.
    pub(crate) fn wake(&self) {
        if !self.armed.swap(true, AcqRel) {
            self.signal.signal();
        }
    }

    /// The engine has ended.
    pub(crate) fn end(&self) {
        {
            let mut list = self.list.lock();
            if list.closed || list.ended != Ended::No {
                return;
            }
            list.ended = Ended::Untold;
        }
        self.wake();
    }

    /// No more wakes; what waits is dropped.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut list = self.list.lock();
            list.closed = true;
            (
                std::mem::take(&mut list.queue),
                std::mem::take(&mut list.notes),
            )
        };
        drop(dropped);
    }

    /// Whether `close` was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.list.lock().closed
    }

    /// Gives `each` up to about `max_events` events with `max_bytes` octets of content, sessions in turn.
    pub(crate) fn take(
        &self,
        max_events: usize,
        max_bytes: usize,
        mut each: impl FnMut(SessionKey, Item),
    ) -> Batch {
        self.signal.clear();
        // A swap, not a store: it takes part in the order of the producers' swaps.
        self.armed.swap(false, AcqRel);
        let (mut events, mut bytes) = (0, 0);
        loop {
            if events >= max_events || bytes >= max_bytes {
                break;
            }
            let Some(mailbox) = self.list.lock().queue.pop_front() else {
                break;
            };
            let visit = mailbox.visit(
                VISIT_EVENTS.min(max_events - events),
                VISIT_BYTES.min(max_bytes - bytes),
                |item| each(mailbox.key(), item),
            );
            events += visit.events;
            bytes += visit.bytes;
            if visit.more || visit.closed {
                let mut list = self.list.lock();
                if visit.more {
                    list.queue.push_back(mailbox);
                } else {
                    list.alive -= usize::from(list.alive > 0);
                }
            }
        }
        let mut batch = Batch {
            more: false,
            ended: false,
        };
        {
            let mut list = self.list.lock();
            batch.more = !(list.queue.is_empty() && list.notes.is_empty());
            if !batch.more && list.alive == 0 && list.ended == Ended::Untold {
                list.ended = Ended::Told;
                batch.ended = true;
            }
        }
        if batch.more {
            self.wake();
        }
        batch
    }
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Silent;

    impl Signal for Silent {
        fn signal(&self) {}
        fn clear(&self) {}
    }

    #[test]
    fn nothing_begins_after_the_end_was_told() {
        let ready = Ready::new(Box::new(Silent));
        let take = || ready.take(10, 10, |_, _| ()).ended;
        assert!(ready.add_session());
        ready.end();
        // One that is made before the end is told holds it up.
        assert!(!take() && ready.add_session());

        let ready = Ready::new(Box::new(Silent));
        ready.end();
        assert!(ready.take(10, 10, |_, _| ()).ended);
        assert!(!ready.add_session());
        assert!(!ready.take(10, 10, |_, _| ()).ended);
    }
}
