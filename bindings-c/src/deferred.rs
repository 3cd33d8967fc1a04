//! What has to wait for the place where the host's functions may be called: destructors, free functions and
//! streams that go on. Any thread may put something here; it is done by dispatch.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp_core::engine::Domain;
use parking_lot::{Condvar, Mutex};

use crate::engine::libmsrp_release_fn;
use crate::transfer::libmsrp_free_fn;

/// Something to be done where the host's functions may be called.
#[derive(Debug)]
pub(crate) enum Work {
    /// Nothing uses this user data any more.
    Release(Release),
    /// Nothing uses this buffer any more.
    Free(Loan),
    /// The host has octets for this stream.
    Resume(u64),
    /// This stream was not asked for all that is wanted, for other work had to have its turn.
    Read(u64),
}

/// User data and its destructor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Release {
    pub(crate) function: libmsrp_release_fn,
    pub(crate) user: *mut c_void,
}

// SAFETY: the pointer is only handed back to the host, whose destructor has to work on the dispatching thread,
// as the header says.
unsafe impl Send for Release {}
// SAFETY: as above; nothing is done through a shared reference.
unsafe impl Sync for Release {}

impl Release {
    /// Calls the destructor, on the dispatching thread.
    pub(crate) fn run(self) {
        if let Some(function) = self.function {
            // SAFETY: the host gave the function for this pointer, and it is called once: every `Release` is
            // taken out of where it is kept before it runs.
            unsafe { function(self.user) }
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    work: Vec<Work>,
    /// Buffers that the engine has and that have not come back as [`Work::Free`].
    loans: usize,
}

/// A queue that any thread may fill and dispatch empties.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    queue: Mutex<Queue>,
    /// The last loan came back.
    returned: Condvar,
    /// What to wake; none before the engine is made and after it ended.
    domain: Mutex<Option<Domain>>,
}

impl Deferred {
    /// Wakes `domain` from now on, or nothing.
    pub(crate) fn set_domain(&self, domain: Option<Domain>) {
        // What is replaced is dropped after the lock: with it go the last buffers, which come back here.
        let _old = std::mem::replace(&mut *self.domain.lock(), domain);
    }

    /// Puts work into the queue and wakes dispatch.
    pub(crate) fn push(&self, work: Work) {
        {
            let mut queue = self.queue.lock();
            if matches!(work, Work::Free(_)) {
                queue.loans -= 1;
                if queue.loans == 0 {
                    self.returned.notify_all();
                }
            }
            queue.work.push(work);
        }
        let domain = self.domain.lock().clone();
        if let Some(domain) = domain {
            domain.wake();
        }
    }

    /// Waits until all loans have come back; gives how many have not in that time.
    pub(crate) fn wait_for_loans(&self, time: Duration) -> usize {
        let until = Instant::now() + time;
        let mut queue = self.queue.lock();
        while queue.loans > 0 {
            if self.returned.wait_until(&mut queue, until).timed_out() {
                break;
            }
        }
        queue.loans
    }

    /// Takes what is there now.
    pub(crate) fn take(&self) -> Vec<Work> {
        std::mem::take(&mut self.queue.lock().work)
    }
}

/// Octets of the host, lent until the engine is done with them.
#[derive(Debug)]
pub(crate) struct Loan {
    data: *const u8,
    len: usize,
    free: libmsrp_free_fn,
    user: *mut c_void,
}

// SAFETY: the octets are only read, and the host promised not to change or free them before `free` runs, which
// happens on the dispatching thread.
unsafe impl Send for Loan {}

impl Loan {
    /// Gives the octets back, on the dispatching thread.
    pub(crate) fn end(self) {
        if let Some(free) = self.free {
            // SAFETY: the host gave this function for this buffer, and a loan ends once.
            unsafe { free(self.data, self.len, self.user) }
        }
    }
}

/// Decides whether a loan takes place: only when the engine admitted the message. Until then the engine may
/// already have dropped the octets, on any thread.
#[derive(Debug)]
pub(crate) struct Lender {
    state: Arc<AtomicU8>,
    deferred: Arc<Deferred>,
    loan: Loan,
}

impl Lender {
    /// Lends octets: they are read through the `Bytes`.
    ///
    /// # Safety
    /// `len` octets at `data` (NULL only with 0) stay unchanged until `free` runs, or until the `Bytes` is
    /// dropped if the loan is never [confirmed](Self::confirm).
    pub(crate) unsafe fn lend(
        data: *const u8,
        len: usize,
        free: libmsrp_free_fn,
        user: *mut c_void,
        deferred: &Arc<Deferred>,
    ) -> (Self, Bytes) {
        let loan = || Loan {
            data,
            len,
            free,
            user,
        };
        let state = Arc::new(AtomicU8::new(OFFERED));
        let lent = Lent {
            loan: Some(loan()),
            state: state.clone(),
            deferred: deferred.clone(),
        };
        let lender = Self {
            state,
            deferred: deferred.clone(),
            loan: loan(),
        };
        (lender, Bytes::from_owner(lent))
    }

    /// The engine has the message: from now on the octets are the engine's, and `free` will run.
    pub(crate) fn confirm(self) {
        self.deferred.queue.lock().loans += 1;
        let before =
            self.state
                .compare_exchange(OFFERED, CONFIRMED, Ordering::AcqRel, Ordering::Acquire);
        if before == Err(DROPPED) {
            self.deferred.push(Work::Free(self.loan));
        }
    }
}

/// The engine's side of a loan.
#[derive(Debug)]
struct Lent {
    loan: Option<Loan>,
    state: Arc<AtomicU8>,
    deferred: Arc<Deferred>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        match &self.loan {
            Some(loan) if loan.len > 0 => {
                // SAFETY: `lend`'s contract; the length was checked to fit an object before.
                unsafe { std::slice::from_raw_parts(loan.data, loan.len) }
            }
            _ => &[],
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let before =
            self.state
                .compare_exchange(OFFERED, DROPPED, Ordering::AcqRel, Ordering::Acquire);
        if before == Err(CONFIRMED)
            && let Some(loan) = self.loan.take()
        {
            // Never here: this is one of the engine's threads, or inside one of its calls.
            self.deferred.push(Work::Free(loan));
        }
    }
}

/// The engine has not said yet whether it takes the message.
const OFFERED: u8 = 0;
/// It took it.
const CONFIRMED: u8 = 1;
/// It dropped the octets before it said so.
const DROPPED: u8 = 2;
