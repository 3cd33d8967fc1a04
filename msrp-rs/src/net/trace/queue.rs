//! The frames that wait for the thread of a trace, bounded in octets.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex};

use super::Counters;
use crate::proto::Direction;

/// What an item takes beside its octets.
pub(crate) const ITEM: usize = 128;

/// One connection in a trace.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) number: u64,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    /// Whether we connected.
    pub(crate) dialled: bool,
    pub(crate) secure: bool,
    /// When it began; `None` for one that was there before the trace.
    pub(crate) opened: Option<SystemTime>,
}

/// What happened on a connection.
#[derive(Debug)]
pub(crate) enum Item {
    Open(Arc<Flow>),
    Segment(Arc<Flow>, Segment),
    Closed(Arc<Flow>, SystemTime),
}

/// A frame, or a part of one that is longer than a segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) at: SystemTime,
    pub(crate) direction: Direction,
    /// Octets of frames of this direction before it.
    pub(crate) offset: u64,
    /// Whether a frame begins with it, and whether one ends with it.
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) octets: Vec<u8>,
}

impl Item {
    fn cost(&self) -> usize {
        match self {
            Self::Segment(_, segment) => segment.octets.capacity() + ITEM,
            Self::Open(_) | Self::Closed(..) => ITEM,
        }
    }
}

/// From the connections to the thread.
#[derive(Debug)]
pub(crate) struct Queue {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
    closed: AtomicBool,
    pub(super) counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    /// Octets of the items, and of those that were taken last.
    len: usize,
    /// Octets of those that were taken last.
    taken_len: usize,
    /// Dropped since the last item that was taken.
    dropped: u64,
    finished: bool,
}

/// What the thread gets.
pub(super) struct Taken {
    pub(super) items: VecDeque<Item>,
    /// Items that were dropped before the next ones.
    pub(super) dropped: u64,
    /// Nothing more comes.
    pub(super) closed: bool,
}

impl Queue {
    pub(super) fn new(limit: usize, counters: Arc<Counters>) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            counters,
        }
    }

    /// Takes an item, or drops and counts it if there is no room. Never waits.
    pub(crate) fn push(&self, item: Item) {
        if self.is_closed() {
            return;
        }
        let cost = item.cost();
        {
            let mut state = self.state.lock();
            // The ends of connections are needed to forget them: they get twice the room.
            let limit = match item {
                Item::Closed(..) => self.limit.saturating_mul(2),
                _ => self.limit,
            };
            if state.len + cost > limit {
                state.dropped += 1;
                self.counters.dropped.fetch_add(1, Relaxed);
                return;
            }
            state.len += cost;
            state.items.push_back(item);
        }
        self.changed.notify_all();
    }

    /// Whether nothing more is taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        {
            let _state = self.state.lock();
            self.closed.store(true, Relaxed);
        }
        self.changed.notify_all();
    }

    /// Waits for items, or for some to be dropped. Their octets count until the next call.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        state.len -= std::mem::take(&mut state.taken_len);
        while state.items.is_empty() && state.dropped == 0 && !self.is_closed() {
            self.changed.wait(&mut state);
        }
        state.taken_len = state.len;
        Taken {
            items: std::mem::take(&mut state.items),
            dropped: std::mem::take(&mut state.dropped),
            closed: self.is_closed(),
        }
    }

    /// Whether something waits.
    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().items.is_empty()
    }

    /// Octets of what waits and of what was taken last.
    #[cfg(test)]
    pub(super) fn octets(&self) -> usize {
        self.state.lock().len
    }

    /// The thread is done.
    pub(super) fn finish(&self) {
        self.close();
        let dropped = {
            let mut state = self.state.lock();
            state.finished = true;
            std::mem::take(&mut state.items)
        };
        self.changed.notify_all();
        drop(dropped);
    }

    pub(super) fn wait_finished(&self, time: Duration) {
        let mut state = self.state.lock();
        self.changed
            .wait_while_for(&mut state, |state| !state.finished, time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Arc<Flow> {
        let address = SocketAddr::from(([127, 0, 0, 1], 2855));
        Arc::new(Flow {
            number: 1,
            local: address,
            peer: address,
            dialled: true,
            secure: false,
            opened: None,
        })
    }

    fn segment(len: usize) -> Item {
        let segment = Segment {
            at: SystemTime::UNIX_EPOCH,
            direction: Direction::Sent,
            offset: 0,
            first: true,
            last: true,
            octets: vec![b'x'; len],
        };
        Item::Segment(flow(), segment)
    }

    #[test]
    fn items_beyond_the_limit_are_dropped_and_counted() {
        let counters = Arc::new(Counters::default());
        let queue = Queue::new(1000 + ITEM, Arc::clone(&counters));
        queue.push(segment(1000));
        let taken = queue.take();
        assert_eq!((taken.items.len(), taken.dropped), (1, 0));

        // What was taken is being written, and still there.
        queue.push(segment(0));
        queue.push(segment(0));
        queue.close();
        let taken = queue.take();
        assert_eq!((taken.items.len(), taken.dropped), (0, 2));

        let counters = Arc::new(Counters::default());
        let queue = Queue::new(1000 + ITEM, Arc::clone(&counters));
        queue.push(segment(1001));
        queue.push(segment(1000 - ITEM));
        queue.push(Item::Open(flow()));
        queue.push(Item::Open(flow()));
        let taken = queue.take();
        assert_eq!((taken.items.len(), taken.dropped), (2, 2));
        assert_eq!(counters.dropped.load(Relaxed), 2);
        queue.close();
        queue.push(segment(1));
        let taken = queue.take();
        assert!(taken.closed && taken.items.is_empty() && taken.dropped == 0);
    }
}
