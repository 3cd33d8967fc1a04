//! How long wrong passwords make a user wait: by user and place together, so that nobody elsewhere can lock a user
//! out, and one user of an address does not make the others wait.
//!
//! A client of another relay has a new place there with each AUTH to it. So what fails for one user behind one relay
//! counts together, too, with more patience.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::wire::Uri;

/// Where AUTHs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// The address of a client; of IPv6 only the network, which one customer has for himself.
    Address(Option<IpAddr>),
    /// A client of another relay: the hashes of that relay's name, and of the URI that the client has there.
    Client { relay: u64, uri: u64 },
    /// Any client of the relay whose name has this hash.
    Relay(u64),
}

impl Place {
    pub(super) fn of_address(address: Option<IpAddr>) -> Self {
        Self::Address(address.map(site))
    }

    /// The larger place that this one is in.
    fn outer(self) -> Option<Self> {
        match self {
            Self::Client { relay, .. } => Some(Self::Relay(relay)),
            Self::Address(_) | Self::Relay(_) => None,
        }
    }

    /// The failure with which waiting begins, and the longest wait.
    fn patience(self) -> (u32, Duration) {
        match self {
            Self::Address(_) | Self::Client { .. } => (FREE, LONGEST_WAIT),
            Self::Relay(_) => (FREE_OF_RELAY, LONGEST_WAIT_OF_RELAY),
        }
    }
}

/// What one customer has for himself: an address of IPv4, a network of IPv6.
pub(crate) fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

/// The failures of late.
#[derive(Debug)]
pub(super) struct BackOff {
    /// Users are kept as hashes: names are as long as peers like.
    hasher: RandomState,
    table: HashMap<Key, Failures>,
    /// In the order of their first failures.
    order: VecDeque<Key>,
    capacity: usize,
}

type Key = (u64, Place);

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl BackOff {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            table: HashMap::new(),
            order: VecDeque::new(),
            capacity,
        }
    }

    /// A client of the relay of this name, by the URI that it has there.
    pub(super) fn behind(&self, relay: &str, uri: &Uri) -> Place {
        Place::Client {
            relay: self.hash(relay),
            uri: self.hash(uri),
        }
    }

    /// A hash that nobody outside can foresee.
    pub(super) fn hash<T: Hash + ?Sized>(&self, value: &T) -> u64 {
        self.hasher.hash_one(value)
    }

    /// Whether the user has to wait, so that credentials from there are not looked at.
    pub(super) fn holds(&self, now: Instant, user: &str, place: Place) -> bool {
        let user = self.hash(user);
        let mut places = [Some(place), place.outer()].into_iter().flatten();
        places.any(|place| {
            let failures = self.table.get(&(user, place));
            failures.is_some_and(|failures| now < failures.last + failures.wait(place))
        })
    }

    pub(super) fn failed(&mut self, now: Instant, user: &str, place: Place) {
        let user = self.hash(user);
        for place in [Some(place), place.outer()].into_iter().flatten() {
            self.count(now, (user, place));
        }
    }

    fn count(&mut self, now: Instant, key: Key) {
        match self.table.entry(key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if now.saturating_duration_since(known.last) > FORGET {
                    known.count = 0;
                }
                known.count = known.count.saturating_add(1);
                known.last = now;
            }
            Entry::Vacant(new) => {
                new.insert(Failures {
                    count: 1,
                    last: now,
                });
                self.order.push_back(key);
            }
        }
        while self.table.len() > self.capacity || self.order.len() > 2 * self.capacity {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.table.remove(&oldest);
        }
    }

    /// Ends the waiting there. What failed elsewhere behind the same relay may have been somebody else, who must not get
    /// new guesses whenever the user logs in.
    pub(super) fn succeeded(&mut self, user: &str, place: Place) {
        // Its place in the order stays until it comes to the front.
        self.table.remove(&(self.hash(user), place));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.table.len()
    }
}

impl Failures {
    fn wait(&self, place: Place) -> Duration {
        let (free, longest) = place.patience();
        match self.count.checked_sub(free) {
            None => Duration::ZERO,
            Some(more) => (FIRST_WAIT * 2_u32.saturating_pow(more.min(16))).min(longest),
        }
    }
}

/// The failure with which waiting begins; it doubles with each one more.
const FREE: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The same of all clients of a relay together: a user who is elsewhere there has to be let in between guesses.
const FREE_OF_RELAY: u32 = 20;
const LONGEST_WAIT_OF_RELAY: Duration = Duration::from_secs(60);
/// After that time without a failure all are forgotten.
const FORGET: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests {
    use super::*;

    fn place(last: u8) -> Place {
        Place::of_address(Some(IpAddr::from([192, 0, 2, last])))
    }

    #[test]
    fn waits_double_and_end() {
        let mut backoff = BackOff::new(16);
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..14 {
            backoff.failed(now, "alice", place(1));
            let mut waited = 0;
            while backoff.holds(now, "alice", place(1)) {
                now += Duration::from_secs(1);
                waited += 1;
            }
            waits.push(waited);
        }
        assert_eq!(
            waits,
            [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
        );
        backoff.failed(now + FORGET + FIRST_WAIT, "alice", place(1));
        assert!(!backoff.holds(now + FORGET + FIRST_WAIT, "alice", place(1)));
    }

    #[test]
    fn only_that_user_there_waits_and_success_ends_it() {
        let mut backoff = BackOff::new(16);
        let now = Instant::now();
        for _ in 0..5 {
            backoff.failed(now, "alice", place(1));
        }
        assert!(backoff.holds(now, "alice", place(1)));
        assert!(!backoff.holds(now, "alice", place(2)));
        assert!(!backoff.holds(now, "bob", place(1)));
        backoff.succeeded("alice", place(1));
        assert!(!backoff.holds(now, "alice", place(1)));
    }

    #[test]
    fn clients_of_a_relay_count_together_with_more_patience() {
        let mut backoff = BackOff::new(1024);
        let mut now = Instant::now();
        let client = |backoff: &BackOff, n: u32| {
            let uri = format!("msrps://intra.example.com:9000/{n};tcp");
            backoff.behind("intra.example.com", &uri.parse().unwrap())
        };
        let mut waits = Vec::new();
        for n in 0..30 {
            let place = client(&backoff, n);
            assert!(!backoff.holds(now, "alice", place));
            backoff.failed(now, "alice", place);
            // Success there is no more guesses for others.
            backoff.succeeded("alice", place);
            let other = client(&backoff, 1000 + n);
            let mut waited = 0;
            while backoff.holds(now, "alice", other) {
                now += Duration::from_secs(1);
                waited += 1;
            }
            waits.push(waited);
        }
        assert_eq!(waits[..19], [0; 19]);
        assert_eq!(waits[19..], [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
        backoff.failed(now, "alice", client(&backoff, 31));
        let elsewhere = backoff.behind(
            "other.example.com",
            &"msrps://other.example.com:9000/1;tcp".parse().unwrap(),
        );
        assert!(!backoff.holds(now, "alice", elsewhere));
        assert!(!backoff.holds(now, "bob", client(&backoff, 31)));
        assert!(!backoff.holds(now, "alice", place(1)));
    }

    #[test]
    fn an_ipv6_network_is_one_place_and_mapped_addresses_are_ipv4() {
        let of = |text: &str| Place::of_address(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.7"), place(7));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut backoff = BackOff::new(8);
        let now = Instant::now();
        for n in 0..1000 {
            let user = n.to_string();
            let place = match n % 2 {
                0 => place(1),
                _ => backoff.behind("relay", &"msrps://relay.example:1/s;tcp".parse().unwrap()),
            };
            backoff.failed(now, &user, place);
            if n % 3 == 0 {
                backoff.succeeded(&user, place);
            }
            assert!(backoff.len() <= 8 && backoff.order.len() <= 16);
        }
    }
}
