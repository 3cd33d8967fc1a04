//! Where something stands, by a key that stands there too: a hash table of places, which holds no copy of the keys.
//!
//! What the places are, and that they hold the keys they were entered with, is the business of the users: `session` and
//! `connection`.

use std::collections::hash_map::{DefaultHasher, RandomState};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::LazyLock;

use hashbrown::HashTable;

/// Places by key.
#[derive(Default)]
pub(crate) struct Index {
    places: HashTable<usize>,
}

/// Hashes with one random key for the whole process: peers choose what is hashed, and tables are many and small.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RandomKey;

impl BuildHasher for RandomKey {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        KEY.build_hasher()
    }
}

impl Index {
    /// The place that was entered last with this key; `key_at` tells the key of each place.
    pub(crate) fn get<'a, K: Hash + Eq + ?Sized + 'a>(
        &self,
        key: &K,
        key_at: impl Fn(usize) -> &'a K,
    ) -> Option<usize> {
        let hash = RandomKey.hash_one(key);
        let is_it = |&place: &usize| key_at(place) == key;
        self.places.find(hash, is_it).copied()
    }

    /// Enters a place, instead of another one with the same key.
    pub(crate) fn insert<'a, K: Hash + Eq + ?Sized + 'a>(
        &mut self,
        place: usize,
        key_at: impl Fn(usize) -> &'a K,
    ) {
        let key = key_at(place);
        let hash = RandomKey.hash_one(key);
        let is_it = |&place: &usize| key_at(place) == key;
        let rehash = |&place: &usize| RandomKey.hash_one(key_at(place));
        let entry = self.places.entry(hash, is_it, rehash);
        entry.insert(place);
    }

    /// Strikes a place out, if it is the one with this key.
    pub(crate) fn remove<K: Hash + ?Sized>(&mut self, key: &K, place: usize) {
        let hash = RandomKey.hash_one(key);
        if let Ok(entry) = self.places.find_entry(hash, |&other| other == place) {
            entry.remove();
        }
    }

    /// Any place.
    pub(crate) fn any(&self) -> Option<usize> {
        self.places.iter().next().copied()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Gives back room that is not used.
    pub(crate) fn shrink<'a, K: Hash + ?Sized + 'a>(&mut self, key_at: impl Fn(usize) -> &'a K) {
        self.places
            .shrink_to_fit(|&place| RandomKey.hash_one(key_at(place)));
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.places).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_places_by_keys_that_stand_there() {
        let keys: Vec<String> = (0..100).map(|n| (n % 60).to_string()).collect();
        let key_at = |place: usize| keys[place].as_str();
        let mut index = Index::default();
        for place in 0..100 {
            index.insert(place, key_at);
        }
        assert_eq!(index.len(), 60);
        // The last one entered has the key.
        assert_eq!(index.get("39", key_at), Some(99));
        assert_eq!(index.get("40", key_at), Some(40));
        assert_eq!(index.get("60", key_at), None);
        // Another place with that key is not struck out.
        index.remove("39", 39);
        assert_eq!(index.get("39", key_at), Some(99));
        index.remove("39", 99);
        assert_eq!(index.get("39", key_at), None);
        index.shrink(key_at);
        assert_eq!(index.len(), 59);
        assert_eq!(index.get("0", key_at), Some(60));
        assert!(index.any().is_some());
    }
}
