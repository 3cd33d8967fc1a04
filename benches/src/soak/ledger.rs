//! What was sent, and what became of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Books of all messages.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Of this round, by Message-ID.
    messages: Mutex<HashMap<String, Entry>>,
    breaches: Mutex<Vec<String>>,
    next: AtomicU64,
    pub(crate) sessions: AtomicU64,
    /// Pairs that were opened at the second try.
    pub(crate) reopened: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) delivered: AtomicU64,
    octets: AtomicU64,
    pub(crate) failed: AtomicU64,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    /// Of a message that is sent to its end.
    len: u64,
    acknowledged: bool,
    ended: bool,
    received: u32,
    /// The sender and the receiver: one that goes takes with it what it has not been told and not taken.
    gone: [Arc<AtomicBool>; 2],
}

impl Ledger {
    /// A new message: its Message-ID.
    pub(crate) fn open(&self, len: u64, gone: &[Arc<AtomicBool>; 2]) -> String {
        let id = format!("soak{:x}", self.next.fetch_add(1, Ordering::Relaxed));
        let entry = Entry {
            len,
            acknowledged: false,
            ended: false,
            received: 0,
            gone: gone.clone(),
        };
        self.messages.lock().insert(id.clone(), entry);
        id
    }

    /// It was never taken for sending.
    pub(crate) fn forget(&self, id: &str) {
        self.messages.lock().remove(id);
    }

    pub(crate) fn acknowledged(&self, id: &str) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.messages.lock().get_mut(id) {
            entry.ended = true;
            entry.acknowledged = true;
        }
    }

    pub(crate) fn failed(&self, id: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.messages.lock().get_mut(id) {
            entry.ended = true;
        }
    }

    /// A message arrived whole, with this length; its octets were compared.
    pub(crate) fn received(&self, id: &str, len: u64) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        self.octets.fetch_add(len, Ordering::Relaxed);
        let mut messages = self.messages.lock();
        let Some(entry) = messages.get_mut(id) else {
            drop(messages);
            return self.breach(format!("{id} arrived and was never sent"));
        };
        entry.received += 1;
        let (received, expected) = (entry.received, entry.len);
        drop(messages);
        if received > 1 {
            self.breach(format!("{id} arrived {received} times"));
        }
        if len != expected {
            self.breach(format!("{id} arrived with {len} of {expected} octets"));
        }
    }

    pub(crate) fn breach(&self, text: String) {
        println!("BREACH: {text}");
        self.breaches.lock().push(text);
    }

    pub(crate) fn breaches(&self) -> Vec<String> {
        self.breaches.lock().clone()
    }

    /// Everything has ended: whatever was promised has to have happened.
    pub(crate) fn close_round(&self) {
        let messages = std::mem::take(&mut *self.messages.lock());
        for (id, entry) in messages {
            let [sender, receiver] = entry.gone.map(|gone| gone.load(Ordering::Relaxed));
            if !entry.ended && !sender {
                self.breach(format!("{id}, {} octets, has no outcome", entry.len));
            }
            if entry.acknowledged && entry.received == 0 && !receiver {
                self.lost.fetch_add(1, Ordering::Relaxed);
                self.breach(format!("{id}, {} octets, is lost", entry.len));
            }
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(
            f,
            "{} sessions ({} pairs at the second try), {} messages acknowledged, {} failed, {} received ({} MiB), lost {}",
            of(&self.sessions),
            of(&self.reopened),
            of(&self.acknowledged),
            of(&self.failed),
            of(&self.delivered),
            of(&self.octets) >> 20,
            of(&self.lost),
        )
    }
}
