//! Where the links of a relay are: each is at rest with its task until it has something to do, and then at work in the
//! room of one that had nothing to do any more.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::net::context::Context;
use crate::proto::IdSource;
use crate::role::relay::{Link, LinkCounts, LinkOptions, Resting};

/// Links that are kept for those that wake, each with what room it has got.
const SPARE: usize = 8;

/// The links of a relay that are nobody's now.
pub(super) struct Seats {
    options: Arc<LinkOptions>,
    spare: Mutex<Vec<Box<Link>>>,
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

    fn wake(&self, context: &Context, resting: Resting, now: Instant) -> Box<Link> {
        let spare = self.spare.lock().pop();
        if let Some(mut link) = spare {
            link.wake(resting);
            return link;
        }
        let ids = IdSource::new(context.ids(IdSource::seed));
        let (limits, options) = (Arc::clone(&context.limits), Arc::clone(&self.options));
        let party = resting.party().clone();
        let mut link = Box::new(Link::new(party, limits, options, ids, now));
        link.set_counters(Arc::clone(&context.counters));
        link.wake(resting);
        link
    }

    fn give_back(&self, link: Box<Link>) {
        let mut spare = self.spare.lock();
        if spare.len() < SPARE {
            spare.push(link);
        }
    }
}

/// The link of one connection.
pub(super) enum Seat {
    Awake(Box<Link>),
    Resting(Box<Resting>),
    /// After a panic.
    Gone,
}

impl Seat {
    /// The link, if it is awake.
    pub(super) fn link(&mut self) -> Option<&mut Link> {
        match self {
            Self::Awake(link) => Some(link),
            Self::Resting(_) | Self::Gone => None,
        }
    }

    /// The link, which is awake from now on.
    pub(super) fn wake(
        &mut self,
        seats: &Seats,
        context: &Context,
        is_short: bool,
        now: Instant,
    ) -> Option<&mut Link> {
        if let Self::Resting(_) = self
            && let Self::Resting(resting) = std::mem::replace(self, Self::Gone)
        {
            let mut link = seats.wake(context, *resting, now);
            link.set_memory_pressure(is_short);
            *self = Self::Awake(link);
        }
        self.link()
    }

    /// Lets the link rest, if it has nothing to do.
    pub(super) fn rest(&mut self, seats: &Seats, now: Instant) {
        if let Self::Awake(link) = self
            && let Some(resting) = link.rest(now)
            && let Self::Awake(link) = std::mem::replace(self, Self::Resting(Box::new(resting)))
        {
            seats.give_back(link);
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Awake(link) => link.poll_timeout(),
            Self::Resting(resting) => resting.poll_timeout(),
            Self::Gone => None,
        }
    }

    pub(super) fn reading_allowed(&self) -> bool {
        match self {
            Self::Awake(link) => link.reading_allowed(),
            Self::Resting(_) => true,
            Self::Gone => false,
        }
    }

    pub(super) fn last_used(&self) -> Option<Instant> {
        match self {
            Self::Awake(link) => Some(link.last_used()),
            Self::Resting(resting) => Some(resting.last_used()),
            Self::Gone => None,
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        match self {
            Self::Awake(link) => link.is_settled(),
            Self::Resting(resting) => resting.is_settled(),
            Self::Gone => true,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Awake(link) => link.held_bytes(),
            Self::Resting(_) | Self::Gone => 0,
        }
    }

    /// What the link has done since this was called last.
    pub(super) fn take_counts(&mut self) -> LinkCounts {
        match self {
            Self::Awake(link) => link.take_counts(),
            Self::Resting(resting) => resting.take_counts(),
            Self::Gone => LinkCounts::default(),
        }
    }
}
