//! A map that forgets its oldest entry when it is full: for what a peer may name later, or never.
//!
//! What is kept in one, and what forgetting means, stands where it is used: `session`.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// At most `capacity` entries, in order of first insertion.
#[derive(Debug)]
pub(super) struct BoundedMap<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    capacity: usize,
}

impl<K: Hash + Eq + Copy, V> BoundedMap<K, V> {
    /// An empty map. A capacity of 0 remembers nothing.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
            capacity,
        }
    }

    /// Adds or replaces; gives the entry that was forgotten for it.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        if self.capacity == 0 {
            return Some((key, value));
        }
        if self.entries.insert(key, value).is_some() {
            return None;
        }
        self.order.push_back(key);
        if self.entries.len() <= self.capacity {
            return None;
        }
        // Removed keys stay in `order` until they come to its front.
        while let Some(oldest) = self.order.pop_front() {
            if let Some(forgotten) = self.entries.remove(&oldest) {
                return Some((oldest, forgotten));
            }
        }
        None
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let value = self.entries.remove(key)?;
        if self.order.front() == Some(key) {
            self.order.pop_front();
        }
        if self.order.len() > 2 * self.capacity.max(8) {
            self.order.retain(|key| self.entries.contains_key(key));
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_and_never_exceeds_its_capacity() {
        let mut map = BoundedMap::new(2);
        assert_eq!(map.insert(1, 'a'), None);
        assert_eq!(map.insert(2, 'b'), None);
        assert_eq!(map.insert(1, 'c'), None);
        assert_eq!(map.insert(3, 'd'), Some((1, 'c')));
        assert_eq!(map.remove(&2), Some('b'));
        assert_eq!(map.insert(4, 'e'), None);
        assert_eq!(map.insert(5, 'f'), Some((3, 'd')));
        assert_eq!(map.get(&4), Some(&'e'));
        let many = if cfg!(miri) { 300 } else { 10_000 };
        for n in 10..many {
            map.insert(n, 'x');
            map.remove(&n);
            assert!(map.order.len() <= 32 && map.entries.len() <= 2);
        }
    }
}
