//! A map that forgets its oldest entry when it is full: for what a peer may name later, or never.
//!
//! What is kept in one, and what forgetting means, stands where it is used: `session`.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;

use super::index::RandomKey;

/// At most `capacity` entries, in order of first insertion.
#[derive(Debug)]
pub(crate) struct BoundedMap<K, V> {
    /// The numbers of the entries, by their keys.
    numbers: HashTable<usize>,
    /// The entries by their numbers, oldest first; those that were removed are empty until they come to the front.
    entries: VecDeque<Option<(K, V)>>,
    /// The number of the front.
    first: usize,
    capacity: usize,
}

impl<K: Hash + Eq + Copy, V> BoundedMap<K, V> {
    /// An empty map. A capacity of 0 remembers nothing.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            numbers: HashTable::new(),
            entries: VecDeque::new(),
            first: 0,
            capacity,
        }
    }

    /// Adds or replaces; gives the entry that was forgotten for it.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        if self.capacity == 0 {
            return Some((key, value));
        }
        if let Some(known) = self.get_mut(&key) {
            *known = value;
            return None;
        }
        let number = self.first + self.entries.len();
        self.entries.push_back(Some((key, value)));
        self.enter(number, &key);
        if self.numbers.len() <= self.capacity {
            return None;
        }
        let oldest = self.entries.iter().flatten().next().map(|&(key, _)| key)?;
        self.remove(&oldest).map(|value| (oldest, value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let number = self.number(key)?;
        let entry = self.entries.get(number - self.first)?.as_ref();
        entry.map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let number = self.number(key)?;
        let entry = self.entries.get_mut(number - self.first)?.as_mut();
        entry.map(|(_, value)| value)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let hash = RandomKey.hash_one(key);
        let is_it = |&number: &usize| key_at(&self.entries, self.first, number) == Some(key);
        let found = self.numbers.find_entry(hash, is_it).ok()?;
        let (number, _) = found.remove();
        let (_, value) = self.entries.get_mut(number - self.first)?.take()?;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        if self.entries.len() > 2 * self.capacity.max(8) {
            self.close_ranks();
        }
        Some(value)
    }

    /// Gives back room that is not used.
    pub(crate) fn shrink(&mut self) {
        self.close_ranks();
        self.entries.shrink_to_fit();
        let (entries, first) = (&self.entries, self.first);
        self.numbers
            .shrink_to_fit(|&number| hash_at(entries, first, number));
    }

    /// Leaves no place empty.
    fn close_ranks(&mut self) {
        if self.entries.len() == self.numbers.len() {
            return;
        }
        self.entries.retain(Option::is_some);
        self.numbers.clear();
        for place in 0..self.entries.len() {
            if let Some((key, _)) = self.entries[place] {
                self.enter(self.first + place, &key);
            }
        }
    }

    fn number(&self, key: &K) -> Option<usize> {
        let hash = RandomKey.hash_one(key);
        let is_it = |&number: &usize| key_at(&self.entries, self.first, number) == Some(key);
        self.numbers.find(hash, is_it).copied()
    }

    fn enter(&mut self, number: usize, key: &K) {
        let Self {
            numbers,
            entries,
            first,
            ..
        } = self;
        numbers.insert_unique(RandomKey.hash_one(key), number, |&number| {
            hash_at(entries, *first, number)
        });
    }
}

fn key_at<K, V>(entries: &VecDeque<Option<(K, V)>>, first: usize, number: usize) -> Option<&K> {
    let entry = entries.get(number - first)?.as_ref();
    entry.map(|(key, _)| key)
}

/// The hash of an entry that is there; all in `numbers` are.
fn hash_at<K: Hash, V>(entries: &VecDeque<Option<(K, V)>>, first: usize, number: usize) -> u64 {
    key_at(entries, first, number).map_or(0, |key| RandomKey.hash_one(key))
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
            assert!(map.entries.len() <= 32 && map.numbers.len() <= 2);
        }
        map.shrink();
        assert_eq!(map.entries.len(), 1);
        assert_eq!(map.get(&5), Some(&'f'));
    }

    #[test]
    fn what_is_left_is_found_whatever_went_before_it() {
        let mut map = BoundedMap::new(64);
        let mut model = std::collections::BTreeMap::new();
        for n in 0_u64..2000 {
            let key = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
            match n % 7 {
                0 | 3 => assert_eq!(map.remove(&key), model.remove(&key)),
                6 => map.shrink(),
                _ => {
                    assert_eq!(map.insert(key, n), None);
                    model.insert(key, n);
                }
            }
            for key in 0..64 {
                assert_eq!(map.get(&key), model.get(&key));
            }
        }
    }
}
