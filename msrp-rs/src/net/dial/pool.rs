//! The connections that further sessions may share (RFC 4975 §5.4).
//!
//! Only a connection that we opened to an authority serves another session to the same authority: what an accepted peer
//! writes into its path proves nothing. It must have been made as that session would make it: with the same scheme and
//! TLS configuration, from the same source, with the same options.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use super::super::inbox::Inbox;
use super::source::Source;
use crate::wire::Host;

/// Places that are remembered while nothing is connected to them.
const REMEMBERED: usize = 1024;

/// Which sessions may share a connection: those for which all of this is equal.
#[derive(Debug, PartialEq, Eq, Hash, Clone)]
pub(super) struct Key {
    pub(super) host: Host,
    pub(super) port: u16,
    /// The address in their stead that a middlebox gave (RFC 6714).
    pub(super) via: Option<(Host, u16)>,
    /// The TLS configuration, by its address.
    pub(super) tls: Option<usize>,
    /// The user who has logged in there, at a relay of ours.
    pub(super) account: Option<u64>,
    pub(super) source: Arc<Source>,
}

/// The shared connections of an engine.
pub(crate) struct Pool {
    known: Mutex<Known>,
}

struct Known {
    places: HashMap<Key, Arc<Place>>,
    /// How many there may be before those that need not be remembered are looked for.
    crowd: usize,
}

/// Where one shared connection is found.
#[derive(Default)]
pub(super) struct Place {
    /// Held while it is looked for or made, so that there is one.
    pub(super) gate: AsyncMutex<()>,
    shared: Mutex<Option<Shared>>,
}

/// A connection, and the address that it was dialled at.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) inbox: Arc<Inbox>,
    pub(super) address: SocketAddr,
    /// Our address on it.
    pub(super) local: Option<IpAddr>,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            known: Mutex::new(Known {
                places: HashMap::new(),
                crowd: REMEMBERED,
            }),
        }
    }
}

impl Pool {
    /// The place of the connection for sessions that want this.
    pub(super) fn place(&self, key: Key) -> Arc<Place> {
        let mut known = self.known.lock();
        let Known { places, crowd } = &mut *known;
        if let Some(place) = places.get(&key) {
            return Arc::clone(place);
        }
        if places.len() >= *crowd {
            places.retain(|_, place| Arc::strong_count(place) > 1 || place.shared().is_some());
            *crowd = (2 * places.len()).max(REMEMBERED);
        }
        let place = Arc::<Place>::default();
        places.insert(key, Arc::clone(&place));
        place
    }
}

impl Place {
    /// The connection that is there, open, and good for others.
    pub(super) fn shared(&self) -> Option<Shared> {
        let shared = self.shared.lock().clone();
        shared.filter(|Shared { inbox, .. }| !inbox.is_closed() && !inbox.is_released())
    }

    /// Further sessions share this one from now on.
    pub(super) fn share(&self, shared: Shared) {
        let before = self.shared.lock().replace(shared);
        drop(before);
    }
}
