//! Accepted connections that have no session yet: bounded in number, in all and per address, so that nobody
//! can fill the engine by connecting (RFC 4975 §14.5). When a bound is reached the oldest goes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::inbox::{Control, Inbox};
use super::log::{Log, LogLevel};
use crate::limits::Limits;
use crate::mutant::{self, Mutant};

/// The unbound connections of an engine, oldest first: connection numbers grow.
#[derive(Debug, Default)]
pub(crate) struct Unbound {
    connections: Mutex<BTreeMap<u64, (IpAddr, Arc<Inbox>)>>,
}

impl Unbound {
    /// Adds a connection; who has to make room for it is told to close.
    pub(crate) fn insert(&self, limits: &Limits, log: &Log, address: IpAddr, inbox: &Arc<Inbox>) {
        let evicted = {
            let mut connections = self.connections.lock();
            let same = connections
                .values()
                .filter(|(other, _)| *other == address)
                .count();
            let oldest = if mutant::on(Mutant::UnboundUnbounded) {
                None
            } else if same >= limits.unbound_per_address.max(1) {
                connections
                    .iter()
                    .find(|(_, (other, _))| *other == address)
                    .map(|(&id, _)| id)
            } else if connections.len() >= limits.unbound_connections.max(1) {
                connections.keys().next().copied()
            } else {
                None
            };
            connections.insert(inbox.id(), (address, Arc::clone(inbox)));
            oldest.and_then(|id| connections.remove(&id))
        };
        if let Some((address, evicted)) = evicted {
            log.connection(
                LogLevel::Info,
                evicted.id(),
                format_args!("from {address}, without a session, makes room for others"),
            );
            // A closed one has made room by itself.
            let _ = evicted.push_control(Control::Evict);
        }
    }

    /// The connection has a session, or is gone.
    pub(crate) fn remove(&self, id: u64) {
        self.connections.lock().remove(&id);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.connections.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use std::net::Ipv4Addr;
    use std::task::Waker;

    use super::*;

    fn was_evicted(inbox: &Inbox) -> bool {
        let mut controls = Vec::new();
        inbox.take(Waker::noop(), &mut Vec::new(), &mut controls);
        matches!(controls.as_slice(), [Control::Evict])
    }

    #[test]
    fn the_oldest_makes_room_first_of_its_address_then_of_all() {
        let limits = Limits {
            unbound_connections: 3,
            unbound_per_address: 2,
            ..Limits::default()
        };
        let unbound = Unbound::default();
        let inboxes: Vec<_> = (1..=5).map(|id| Arc::new(Inbox::new(id))).collect();
        let address = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        for (inbox, last) in inboxes.iter().zip([1, 2, 2, 2, 3]) {
            unbound.insert(&limits, &Log::default(), address(last), inbox);
        }
        let evicted: Vec<bool> = inboxes.iter().map(|inbox| was_evicted(inbox)).collect();
        assert_eq!(evicted, [true, true, false, false, false]);
        unbound.remove(5);
        assert_eq!(unbound.len(), 2);
        covers!("T-63");
    }
}
