//! What the links of a relay bring to one of them: a list, one lock and one wake for each batch.
//!
//! Who adds a batch takes the waker out and wakes after the lock; the link's task takes the list and leaves its waker
//! under the same lock, so no wake falls between the two (checked by loom). A port is there before its link: while a
//! next hop is dialled, what is for it waits here, counted against the engine's memory. How much that can be is bounded by
//! the credit of each lane, by [`DIALLED`] and by [`Memory::share`]: beyond, what begins is refused.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::Waker;

use super::memory::Memory;
use super::sync::Mutex;
use crate::role::relay::LinkId;

/// Items that may wait for a connection that is being made. The rest of what has begun among them is not refused.
pub(crate) const DIALLED: usize = 4096;

/// What may have to wait for a connection.
pub(crate) trait Waiting {
    /// Whose turns it is one of: what follows something in the same lane goes, or stays, with it.
    fn lane(&self) -> u64;

    /// Whether it begins something: it may be refused.
    fn begins(&self) -> bool;

    /// It waits: it is to keep no more memory than it needs.
    fn detach(&mut self);

    /// Octets that it keeps besides itself.
    fn cost(&self) -> usize;

    /// Appends the next one, if both are small pieces of one thing. Otherwise it is given back.
    fn join(&mut self, next: Self) -> Option<Self>
    where
        Self: Sized;
}

/// The door to one link.
pub(crate) struct Port<T> {
    id: LinkId,
    state: Mutex<State<T>>,
}

struct State<T> {
    items: Vec<T>,
    waker: Option<Waker>,
    stage: Stage,
}

enum Stage {
    /// The connection is being made.
    Dialling(Held),
    Open,
    Closed,
}

/// What waits, as the engine's memory counts it.
struct Held {
    memory: Arc<Memory>,
    len: usize,
}

impl Held {
    fn hold(&mut self, len: usize) {
        self.len += len;
        self.memory.hold_sent(len);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.release_sent(self.len);
    }
}

impl<T: Waiting> Port<T> {
    /// The port of a link that is there.
    pub(crate) fn new(id: LinkId) -> Self {
        Self {
            id,
            state: Mutex::new(State {
                items: Vec::new(),
                waker: None,
                stage: Stage::Open,
            }),
        }
    }

    /// The port of a link whose connection is being made.
    pub(crate) fn dialling(id: LinkId, memory: &Arc<Memory>) -> Self {
        let port = Self::new(id);
        port.state.lock().stage = Stage::Dialling(Held {
            memory: Arc::clone(memory),
            len: 0,
        });
        port
    }

    /// Whose it is.
    pub(crate) fn id(&self) -> LinkId {
        self.id
    }

    /// Whether nothing gets in any more.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Closed)
    }

    /// Takes all of `batch`, in its order. What does not get in, because the link is closed or too much waits for its
    /// connection, is left in it.
    pub(crate) fn push(&self, batch: &mut Vec<T>) {
        let waker = {
            let mut state = self.state.lock();
            let State {
                items,
                waker,
                stage,
            } = &mut *state;
            match stage {
                Stage::Closed => return,
                Stage::Open if items.is_empty() => std::mem::swap(items, batch),
                Stage::Open => items.append(batch),
                Stage::Dialling(held) => wait(items, held, batch),
            }
            waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves what is there into `items`, and leaves `waker` for what comes next.
    pub(crate) fn take(&self, waker: &Waker, items: &mut Vec<T>) {
        let mut state = self.state.lock();
        if items.is_empty() {
            std::mem::swap(&mut state.items, items);
        } else {
            items.append(&mut state.items);
        }
        let is_known = |known: &Waker| known.will_wake(waker);
        if !state.waker.as_ref().is_some_and(is_known) {
            state.waker = Some(waker.clone());
        }
    }

    /// The connection is there. What waits is counted by its link from now on.
    #[cfg(not(loom))]
    pub(crate) fn open(&self) {
        let mut state = self.state.lock();
        if matches!(state.stage, Stage::Dialling(_)) {
            state.stage = Stage::Open;
        }
    }

    /// Closes it if the connection is still being made; gives what has waited for it.
    #[cfg(not(loom))]
    pub(crate) fn give_up(&self) -> Vec<T> {
        let mut state = self.state.lock();
        if !matches!(state.stage, Stage::Dialling(_)) {
            return Vec::new();
        }
        state.stage = Stage::Closed;
        std::mem::take(&mut state.items)
    }

    /// Nothing gets in from now on; gives what has.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut state = self.state.lock();
        state.stage = Stage::Closed;
        state.waker = None;
        std::mem::take(&mut state.items)
    }

    /// Gives back room that is not used.
    #[cfg(not(loom))]
    pub(crate) fn shrink(&self) {
        self.state.lock().items.shrink_to_fit();
    }
}

/// Moves what may wait from `batch` to `items`.
fn wait<T: Waiting>(items: &mut Vec<T>, held: &mut Held, batch: &mut Vec<T>) {
    let mut refused = HashSet::new();
    for mut item in std::mem::take(batch) {
        let lane = item.lane();
        let is_full = items.len() >= DIALLED || held.len >= held.memory.share();
        if (is_full && item.begins()) || refused.contains(&lane) {
            refused.insert(lane);
            batch.push(item);
            continue;
        }
        item.detach();
        held.hold(item.cost());
        let item = match items.last_mut() {
            Some(last) => last.join(item),
            None => Some(item),
        };
        if let Some(item) = item {
            held.hold(size_of::<T>());
            items.push(item);
        }
    }
}

impl<T> std::fmt::Debug for Port<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Items of tests.
#[cfg(test)]
impl Waiting for i32 {
    fn lane(&self) -> u64 {
        0
    }

    fn begins(&self) -> bool {
        true
    }

    fn detach(&mut self) {}

    fn cost(&self) -> usize {
        0
    }

    fn join(&mut self, next: Self) -> Option<Self> {
        Some(next)
    }
}

/// Lane, and a number in it.
#[cfg(test)]
impl Waiting for (usize, usize) {
    fn lane(&self) -> u64 {
        self.0 as u64
    }

    fn begins(&self) -> bool {
        self.1 == 0
    }

    fn detach(&mut self) {}

    fn cost(&self) -> usize {
        1000
    }

    /// The hundreds of a lane are one thing.
    fn join(&mut self, next: Self) -> Option<Self> {
        let is_one = self.0 == next.0 && self.1 >= 100 && self.1 / 100 == next.1 / 100;
        (!is_one).then_some(next)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;
    use std::thread;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn one_wake_for_what_comes_until_it_is_taken() {
        let port = Port::new(LinkId(1));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut items = Vec::new();
        port.take(&waker, &mut items);
        for n in 0..3 {
            port.push(&mut vec![n, n + 10]);
        }
        assert_eq!(count.0.load(Relaxed), 1);
        port.take(&waker, &mut items);
        assert_eq!(items, [0, 10, 1, 11, 2, 12]);
        assert_eq!(port.close(), Vec::<i32>::new());
        let mut late = vec![7];
        port.push(&mut late);
        assert_eq!((late, port.is_closed()), (vec![7], true));
    }

    #[test]
    fn what_waits_for_a_connection_is_bounded_and_stays_whole() {
        let memory = Arc::new(Memory::new(usize::MAX));
        let port = Port::dialling(LinkId(1), &memory);
        let mut batch: Vec<(usize, usize)> = (0..DIALLED - 1).map(|lane| (lane, 0)).collect();
        port.push(&mut batch);
        // The last one that gets in, and what follows it; then those that do not, with all of theirs.
        let (last, late) = (DIALLED, DIALLED + 1);
        batch = vec![
            (last, 0),
            (late, 0),
            (last, 1),
            (late, 1),
            (late, 0),
            (0, 1),
        ];
        port.push(&mut batch);
        assert_eq!(batch, [(late, 0), (late, 1), (late, 0)]);
        port.open();
        port.push(&mut batch);
        assert!(batch.is_empty());
        let waiting = port.close();
        assert_eq!(waiting.len(), DIALLED + 2 + 3);
        assert_eq!(
            waiting[DIALLED - 1..DIALLED + 2],
            [(last, 0), (last, 1), (0, 1)]
        );
    }

    #[test]
    fn what_waits_for_a_connection_is_counted_and_bounded_in_octets() {
        const ITEM: usize = size_of::<(usize, usize)>();
        let memory = Arc::new(Memory::new(40_000));
        let port = Port::dialling(LinkId(1), &memory);
        let mut batch: Vec<(usize, usize)> = (0..11).map(|lane| (lane, 0)).collect();
        port.push(&mut batch);
        // A quarter is taken: the last one does not get in, and what belongs to the others does, joined where it can be.
        assert_eq!(batch, [(10, 0)]);
        assert_eq!(memory.sent(), 10 * (1000 + ITEM));
        batch = vec![(1, 1), (10, 1), (2, 100), (2, 101), (2, 102)];
        batch.insert(0, (10, 0));
        port.push(&mut batch);
        assert_eq!(batch, [(10, 0), (10, 1)]);
        assert_eq!(memory.sent(), 12 * (1000 + ITEM) + 2000);
        // When the link is there, it counts.
        port.open();
        assert_eq!(memory.sent(), 0);
        port.push(&mut batch);
        assert_eq!((port.close().len(), memory.sent()), (14, 0));
        // And nobody when there is none.
        for close in [|port: Port<_>| drop(port.close()), drop] {
            let port = Port::dialling(LinkId(1), &memory);
            port.push(&mut vec![(1, 0)]);
            assert_eq!(memory.sent(), 1000 + ITEM);
            close(port);
            assert_eq!(memory.sent(), 0);
        }
    }

    #[test]
    fn stress_no_batch_is_lost_and_none_is_overtaken() {
        const BATCHES: usize = 20_000;
        let port = Arc::new(Port::new(LinkId(1)));
        let pushers: Vec<_> = (0..2)
            .map(|who| {
                let port = Arc::clone(&port);
                thread::spawn(move || {
                    for n in 0..BATCHES {
                        port.push(&mut vec![(who, n)]);
                    }
                })
            })
            .collect();
        struct Unpark(thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut next = [0; 2];
        let mut items = Vec::new();
        while next != [BATCHES; 2] {
            port.take(&waker, &mut items);
            if items.is_empty() {
                // A lost wake would leave the test here.
                thread::park();
            }
            for (who, n) in items.drain(..) {
                assert_eq!(n, next[who]);
                next[who] += 1;
            }
        }
        for pusher in pushers {
            pusher.join().expect("it pushes");
        }
    }
}
