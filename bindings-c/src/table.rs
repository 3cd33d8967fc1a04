//! A table of what the host's handles mean here, safe against events that overtake the call that made the
//! handle.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard, RwLock};

/// Handles and their values. A handle is known as soon as the core may tell something about it: a lookup that
/// finds nothing waits for the insertions under way and looks again.
#[derive(Debug)]
pub(crate) struct Table<V> {
    entries: Mutex<HashMap<u64, V>>,
    births: RwLock<()>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            births: RwLock::default(),
        }
    }
}

impl<V> Table<V> {
    /// Inserts what `make` gives: the handle (made by the core in there) and its value.
    pub(crate) fn insert_with<E>(
        &self,
        make: impl FnOnce() -> Result<(u64, V), E>,
    ) -> Result<u64, E> {
        let _birth = self.births.read();
        let (handle, value) = make()?;
        self.entries.lock().insert(handle, value);
        Ok(handle)
    }

    /// Works on the value of a handle, under the table's lock: neither a callback nor the core is called in
    /// `work`.
    pub(crate) fn with<R>(&self, handle: u64, work: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.known(handle).get_mut(&handle).map(work)
    }

    /// Takes a handle out.
    pub(crate) fn remove(&self, handle: u64) -> Option<V> {
        self.known(handle).remove(&handle)
    }

    /// Takes out all that `which` says, those under way included.
    pub(crate) fn extract(&self, which: impl Fn(&V) -> bool) -> Vec<(u64, V)> {
        self.wait_for_births();
        self.entries
            .lock()
            .extract_if(|_, value| which(value))
            .collect()
    }

    /// All handles, those under way included.
    pub(crate) fn handles(&self) -> Vec<u64> {
        self.wait_for_births();
        self.entries.lock().keys().copied().collect()
    }

    /// The entries, among them that of `handle` if there is or will be one.
    fn known(&self, handle: u64) -> MutexGuard<'_, HashMap<u64, V>> {
        let entries = self.entries.lock();
        if entries.contains_key(&handle) {
            return entries;
        }
        drop(entries);
        self.wait_for_births();
        self.entries.lock()
    }

    fn wait_for_births(&self) {
        drop(self.births.write());
    }
}
