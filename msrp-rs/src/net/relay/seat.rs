//! Where the links of a relay are: each is at rest with its task until it has something to do, and then at work in the
//! room of one that had nothing to do any more.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::{Gate, Item};
use crate::net::context::Context;
use crate::proto::IdSource;
use crate::role::relay::{Link, LinkCounts, LinkOptions, Resting};

/// Rooms that are kept for those that wake.
const SPARE: usize = 16;
/// Lists that are kept for batches in one room.
const LISTS: usize = 4;

/// The rooms of a relay that are nobody's now.
pub(super) struct Seats {
    options: Arc<LinkOptions>,
    #[expect(clippy::vec_box, reason = "they go from task to task as they are")]
    spare: Mutex<Vec<Box<Room>>>,
}

/// Where one link is at work.
pub(super) struct Room {
    pub(super) link: Link,
    pub(super) outgoing: Outgoing,
}

impl Room {
    fn shrink(&mut self) {
        self.link.shrink();
        self.outgoing = Outgoing::default();
    }
}

/// What goes to other links, in one batch for each.
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) batches: Vec<(Arc<Gate>, Vec<Item>)>,
    /// Empty lists with room.
    spare: Vec<Vec<Item>>,
}

impl Outgoing {
    pub(super) fn add(&mut self, gate: &Arc<Gate>, item: Item) {
        // Most of what comes in one read is for few.
        let same = |(other, _): &(Arc<Gate>, _)| Arc::ptr_eq(other, gate);
        match self.batches.iter().rposition(same) {
            Some(index) => self.batches[index].1.push(item),
            None => {
                let mut batch = self.spare.pop().unwrap_or_default();
                if batch.capacity() == 0 {
                    // Often there is no second one.
                    batch.reserve_exact(1);
                }
                batch.push(item);
                self.batches.push((Arc::clone(gate), batch));
            }
        }
    }

    /// Keeps an empty list for a later batch.
    pub(super) fn keep(&mut self, list: Vec<Item>) {
        if list.capacity() > 0 && self.spare.len() < LISTS {
            self.spare.push(list);
        }
    }
}

impl Seats {
    pub(super) fn new(options: Arc<LinkOptions>) -> Self {
        Self {
            options,
            spare: Mutex::default(),
        }
    }

    pub(super) fn options(&self) -> &LinkOptions {
        &self.options
    }

    fn wake(&self, context: &Context, resting: Resting, now: Instant) -> Box<Room> {
        let spare = self.spare.lock().pop();
        if let Some(mut room) = spare {
            room.link.wake(resting);
            return room;
        }
        let ids = IdSource::new(context.ids(IdSource::seed));
        let (limits, options) = (Arc::clone(&context.limits), Arc::clone(&self.options));
        let party = resting.party().clone();
        let mut room = Box::new(Room {
            link: Link::new(party, limits, options, ids, now),
            outgoing: Outgoing::default(),
        });
        room.link.set_counters(Arc::clone(&context.counters));
        room.link.wake(resting);
        room
    }

    /// Gives back what a burst has left in one of the spare rooms, each in turn.
    pub(super) fn shrink(&self) {
        let room = {
            let mut spare = self.spare.lock();
            (!spare.is_empty()).then(|| spare.remove(0))
        };
        if let Some(mut room) = room {
            room.shrink();
            self.give_back(room);
        }
    }

    fn give_back(&self, room: Box<Room>) {
        let mut spare = self.spare.lock();
        if spare.len() < SPARE {
            spare.push(room);
        }
    }
}

/// What a relay lacks.
#[derive(Clone, Copy, Default)]
pub(super) struct Strain {
    pub(super) is_memory_short: bool,
    /// Its links remember too many paths together.
    pub(super) are_paths_scarce: bool,
}

impl Strain {
    pub(super) fn tell(self, link: &mut Link) {
        link.set_memory_pressure(self.is_memory_short);
        link.set_paths_scarce(self.are_paths_scarce);
    }
}

/// The link of one connection.
pub(super) enum Seat {
    Awake(Box<Room>),
    Resting(Box<Resting>),
    /// After a panic.
    Gone,
}

impl Seat {
    /// Where the link is at work, if it is awake.
    pub(super) fn room(&mut self) -> Option<&mut Room> {
        match self {
            Self::Awake(room) => Some(room),
            Self::Resting(_) | Self::Gone => None,
        }
    }

    /// The link, if it is awake.
    pub(super) fn link(&mut self) -> Option<&mut Link> {
        self.room().map(|room| &mut room.link)
    }

    /// The link, which is awake from now on.
    pub(super) fn wake(
        &mut self,
        seats: &Seats,
        context: &Context,
        strain: Strain,
        now: Instant,
    ) -> Option<&mut Link> {
        if let Self::Resting(_) = self
            && let Self::Resting(resting) = std::mem::replace(self, Self::Gone)
        {
            let mut room = seats.wake(context, *resting, now);
            strain.tell(&mut room.link);
            *self = Self::Awake(room);
        }
        self.link()
    }

    /// Lets the link rest, if it has nothing to do.
    pub(super) fn rest(&mut self, seats: &Seats, now: Instant) {
        if let Self::Awake(room) = self
            && room.outgoing.batches.is_empty()
            && let Some(resting) = room.link.rest(now)
            && let Self::Awake(room) = std::mem::replace(self, Self::Resting(Box::new(resting)))
        {
            seats.give_back(room);
        }
    }

    /// Gives back the room that bursts have left.
    pub(super) fn shrink(&mut self) {
        match self {
            Self::Awake(room) => room.shrink(),
            Self::Resting(resting) => resting.shrink(),
            Self::Gone => {}
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Awake(room) => room.link.poll_timeout(),
            Self::Resting(resting) => resting.poll_timeout(),
            Self::Gone => None,
        }
    }

    pub(super) fn reading_allowed(&self) -> bool {
        match self {
            Self::Awake(room) => room.link.reading_allowed(),
            Self::Resting(_) => true,
            Self::Gone => false,
        }
    }

    pub(super) fn last_used(&self) -> Option<Instant> {
        match self {
            Self::Awake(room) => Some(room.link.last_used()),
            Self::Resting(resting) => Some(resting.last_used()),
            Self::Gone => None,
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        match self {
            Self::Awake(room) => room.link.is_settled(),
            Self::Resting(resting) => resting.is_settled(),
            Self::Gone => true,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Awake(room) => room.link.held_bytes(),
            Self::Resting(_) | Self::Gone => 0,
        }
    }

    pub(super) fn remembered_bytes(&self) -> usize {
        match self {
            Self::Awake(room) => room.link.remembered_bytes(),
            Self::Resting(resting) => resting.remembered_bytes(),
            Self::Gone => 0,
        }
    }

    /// What the link has done since this was called last.
    pub(super) fn take_counts(&mut self) -> LinkCounts {
        match self {
            Self::Awake(room) => room.link.take_counts(),
            Self::Resting(resting) => resting.take_counts(),
            Self::Gone => LinkCounts::default(),
        }
    }
}
