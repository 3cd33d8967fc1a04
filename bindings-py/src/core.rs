//! The engine as the module's objects share it, and what keeps it safe in a forked child.
//!
//! An engine's threads do not exist in a child, and its locks may have been held at the fork. So in a child every
//! entry raises, and nothing is joined, closed or dropped. Most functions of the facade compare the process id
//! themselves; what does not, is compared here.

use std::mem::ManuallyDrop;
use std::ops::Deref;

use msrp::engine::Engine;
use msrp::error::{Error, ErrorKind};
use pyo3::prelude::*;

use crate::error::to_py;
use crate::held::Held;

/// Something that only the process which made it may use or drop.
pub(crate) struct Owned<T> {
    pid: u32,
    value: ManuallyDrop<T>,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            pid: std::process::id(),
            value: ManuallyDrop::new(value),
        }
    }

    /// The value, or `ForkedError` in another process than the one that made it.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        let here = std::process::id();
        if here == self.pid {
            return Ok(&self.value);
        }
        Err(to_py(
            py,
            Error::local(
                ErrorKind::Forked,
                format!(
                    "this engine was made by process {} and cannot be used in process {here}, which was forked \
                     from it; make an engine after the fork",
                    self.pid
                ),
            ),
        ))
    }

    /// The value, for what is safe in every process.
    pub(crate) fn peek(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if std::process::id() == self.pid {
            // SAFETY: `value` is dropped here only, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// One engine, shared by the objects that were made from it. The last of them joins its threads.
pub(crate) struct Core {
    inner: Owned<Inner>,
}

pub(crate) struct Inner {
    engine: Engine,
    pub(crate) held: Held,
}

impl Core {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            inner: Owned::new(Inner {
                engine,
                held: Held::default(),
            }),
        }
    }

    /// The engine, or `ForkedError`. For what the engine does not check itself.
    pub(crate) fn checked(&self, py: Python<'_>) -> PyResult<&Inner> {
        self.inner.get(py)
    }

    /// The engine, for its functions that give a `Result`: these check the process.
    pub(crate) fn get(&self) -> &Inner {
        self.inner.peek()
    }
}

impl Deref for Inner {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The fields of our Python objects are dropped by threads that are attached to the interpreter. After the
        // join no slice of a held object is alive, so `held` can let go of them.
        Python::attach(|py| {
            py.detach(|| self.engine.join());
            self.held.sweep(py);
        });
    }
}
