//! Python `bytes` that the engine reads in place.
//!
//! The engine gets a [`Bytes`] over the object's memory. The object itself stays in a table on this side: the
//! engine's threads hold a number, never a `Py`, and when the last slice is dropped the number goes into a queue
//! that [`Held::sweep`] empties on a thread that is attached to the interpreter.

use std::collections::HashMap;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use msrp::engine::Domain;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Shorter objects are copied: a copy of 16 KiB costs less than the bookkeeping.
pub(crate) const HELD_MIN: usize = 16 * 1024;

/// The objects that the engine is reading.
#[derive(Default)]
pub(crate) struct Held {
    table: Mutex<Table>,
    released: Arc<Mutex<Vec<u64>>>,
}

#[derive(Default)]
struct Table {
    next: u64,
    objects: HashMap<u64, Py<PyBytes>>,
}

impl Held {
    /// `range` of `object` without a copy if it is long enough, else as a copy. `domain` is woken when the engine
    /// is done with it.
    pub(crate) fn bytes(
        &self,
        object: &Bound<'_, PyBytes>,
        range: Range<usize>,
        domain: &Domain,
    ) -> Bytes {
        let data = &object.as_bytes()[range];
        if data.len() < HELD_MIN {
            return Bytes::copy_from_slice(data);
        }
        let slice = HeldSlice {
            data: data.as_ptr(),
            len: data.len(),
            key: self.keep(object.clone().unbind()),
            released: Arc::clone(&self.released),
            domain: domain.clone(),
        };
        Bytes::from_owner(slice)
    }

    fn keep(&self, object: Py<PyBytes>) -> u64 {
        let mut table = self.table.lock();
        table.next += 1;
        let key = table.next;
        table.objects.insert(key, object);
        key
    }

    /// Lets go of the objects that the engine is done with.
    pub(crate) fn sweep(&self, _attached: Python<'_>) {
        let released = mem::take(&mut *self.released.lock());
        if released.is_empty() {
            return;
        }
        // Collected first: a drop can run Python code, and no lock is held while Python runs.
        let objects: Vec<_> = {
            let mut table = self.table.lock();
            released
                .iter()
                .filter_map(|key| table.objects.remove(key))
                .collect()
        };
        drop(objects);
    }

    /// How many objects the engine is reading.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().objects.len()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // What the engine still reads after its end would be a defect; a leak is better than freed memory in use.
        mem::forget(mem::take(&mut self.table.get_mut().objects));
    }
}

/// The memory of an object in the table.
struct HeldSlice {
    data: *const u8,
    len: usize,
    key: u64,
    released: Arc<Mutex<Vec<u64>>>,
    domain: Domain,
}

// SAFETY: the memory is that of an immutable `bytes` object, which the table keeps alive until `drop` has run.
unsafe impl Send for HeldSlice {}

impl AsRef<[u8]> for HeldSlice {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `data` and `len` describe octets of a `bytes` object, which never move or change, and which
        // the table keeps alive until this value is dropped.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

impl Drop for HeldSlice {
    fn drop(&mut self) {
        self.released.lock().push(self.key);
        self.domain.wake();
    }
}
