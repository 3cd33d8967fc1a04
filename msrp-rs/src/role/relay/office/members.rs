//! Who or what belongs to whom: an index beside a table, so that what ends with its owner is found without looking at
//! all the others.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;

/// Members by owner. Who has none is not in it.
pub(super) struct Members<K, V>(HashMap<K, HashSet<V>>);

impl<K: Eq + Hash, V: Eq + Hash> Members<K, V> {
    pub(super) fn add(&mut self, owner: K, member: V) {
        self.0.entry(owner).or_default().insert(member);
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, owner: &Q, member: &V)
    where
        K: Borrow<Q>,
    {
        if let Some(members) = self.0.get_mut(owner) {
            members.remove(member);
            if members.is_empty() {
                self.0.remove(owner);
            }
        }
    }

    /// All of this owner, who has none from now on.
    pub(super) fn take<Q: Eq + Hash + ?Sized>(&mut self, owner: &Q) -> HashSet<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(owner).unwrap_or_default()
    }

    pub(super) fn of<Q: Eq + Hash + ?Sized>(&self, owner: &Q) -> impl Iterator<Item = &V>
    where
        K: Borrow<Q>,
    {
        self.0.get(owner).into_iter().flatten()
    }

    pub(super) fn count<Q: Eq + Hash + ?Sized>(&self, owner: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.0.get(owner).map_or(0, HashSet::len)
    }
}

impl<K, V> Default for Members<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K, V> fmt::Debug for Members<K, V> {
    /// How many owners there are: some are users.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.len())
    }
}
