//! What waits for a link that is being made.

use std::collections::VecDeque;

use super::super::{Backward, Forward};
use super::refusal::Refuser;
use crate::wire::StatusCode;

/// Forwards for a link that is being made, in order.
///
/// When the link is there, all of them go to it by [`pop`](Self::pop). When there will be none, each is refused by
/// [`refuse`](Self::refuse); keep the value as long as forwards for that hop may come: it knows which SENDs have begun.
#[derive(Debug, Default)]
pub struct Parked {
    /// With the status by which each is refused, if that is said already.
    queue: VecDeque<(Forward, Option<StatusCode>)>,
    len: usize,
    refuser: Refuser,
}

impl Parked {
    /// Adds one at the end.
    pub fn push(&mut self, mut forward: Forward) {
        forward.detach();
        self.push_refused(forward, None);
    }

    /// Adds one that has no link, to be refused with this status. What belongs together is to be refused together: of a
    /// SEND that began and ended, it is told once.
    pub fn push_refused(&mut self, forward: Forward, status: Option<StatusCode>) {
        self.len += forward.cost();
        let forward = match self.queue.back_mut() {
            Some((last, own)) if *own == status => last.join(forward),
            _ => Some(forward),
        };
        self.queue.extend(forward.map(|forward| (forward, status)));
    }

    /// The next one, for the link that there is now.
    pub fn pop(&mut self) -> Option<Forward> {
        let (forward, _) = self.queue.pop_front()?;
        self.len -= forward.cost();
        Some(forward)
    }

    /// Octets that wait, as [`Forward::cost`] counts them.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// There will be no link: what the senders are told of all that waits, by the status that was said of each, else by
    /// `status`; if there is none, by what
    /// [`Hop::gone`](super::super::Hop::gone) says. 403 is for a hop that may not be connected to.
    pub fn refuse(&mut self, status: Option<StatusCode>) -> VecDeque<Backward> {
        let mut out = VecDeque::new();
        for (forward, own) in std::mem::take(&mut self.queue) {
            self.refuser.refuse(&forward, own.or(status), &mut out);
        }
        self.len = 0;
        self.refuser.settle(&mut out);
        out
    }
}
