//! Which session a URI names, and which connection serves it (RFC 4975 §5.4, §7.3).
//!
//! A session is found by its session-id, which is unguessable, and then its whole URI is compared
//! (RFC 4975 §6.1) unless its host chose otherwise. A session is on one connection; while its path changes (RFC 4975 §8.4)
//! a further one tries to take it over, and gets it when it works. An `msrps` URI is served
//! over TLS only, a session of a listener only on connections that came in there: another listener may have another
//! identity or another trust (RFC 4975 §5.4, §14.4).

mod entry;
mod moving;
mod origin;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::inbox::Inbox;
use super::tls::verify::Shown;
use crate::error::Error;
use crate::proto::{CloseReason, Lookup, SessionKey};
use crate::wire::Uri;
use entry::Binding;
pub(crate) use entry::{Bind, Claim, Entry, Place, SetReady};
pub(crate) use moving::Loss;
pub(crate) use origin::{Origin, Way};

/// All sessions of an engine that are not over.
#[derive(Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<String, Arc<Entry>>>,
    /// By listener those that have it alone, or whose peers are known by fingerprints.
    waiting: Mutex<HashMap<u64, HashMap<SessionKey, Arc<Entry>>>>,
    /// Ends under way: sessions that are counted no more, and whose hosts are being told.
    ending: AtomicUsize,
    ended: Notify,
}

impl Registry {
    /// Adds a session under its session-id.
    pub(crate) fn insert(&self, entry: Arc<Entry>) {
        self.wait_at_last(&entry);
        self.sessions.lock().insert(entry.session_id.clone(), entry);
    }

    /// The session is reached at another place from now on, see [`Entry::relocate`].
    pub(crate) fn relocate(&self, entry: &Arc<Entry>, place: Place) {
        entry.relocate(place);
        self.wait_at_last(entry);
    }

    /// Who comes to the last place of this session may be its peer.
    fn wait_at_last(&self, entry: &Arc<Entry>) {
        if !(entry.is_pinned() || entry.has_own()) {
            return;
        }
        let listener = {
            let mut state = entry.state.lock();
            let Some(listener) = state.places.last().map(|place| place.listener) else {
                return;
            };
            state.waits_at.push(listener);
            listener
        };
        self.waiting
            .lock()
            .entry(listener)
            .or_default()
            .insert(entry.mailbox.key(), Arc::clone(entry));
    }

    /// Ends a session that no connection has, or has any more. One that is over stays as it is.
    pub(crate) fn end(&self, entry: &Entry, reason: CloseReason, error: Option<Error>) {
        // Who hears of the end may bind the port anew, and finds the session counted no more.
        self.ending.fetch_add(1, Ordering::Relaxed);
        let known = self.sessions.lock().remove(&entry.session_id);
        self.wait_no_more(entry);
        let own: Vec<_> = {
            let mut state = entry.state.lock();
            state
                .places
                .iter_mut()
                .map(|place| place.own.take())
                .collect()
        };
        drop(own);
        entry.mailbox.end(reason, error);
        let spare = {
            let mut state = entry.state.lock();
            state.binding = Binding::Ended;
            let stale = std::mem::take(&mut state.stale);
            (state.spare.take(), state.next.take(), stale)
        };
        let (spare, next, stale) = spare;
        entry.abandon(next, stale);
        drop(spare);
        let on_end = entry.on_end.lock().take();
        if let Some(on_end) = on_end {
            on_end();
        }
        entry.decided.notify_one();
        self.ending.fetch_sub(1, Ordering::Release);
        self.ended.notify_waiters();
        drop(known);
    }

    fn wait_no_more(&self, entry: &Entry) {
        let listeners = std::mem::take(&mut entry.state.lock().waits_at);
        let mut waiting = self.waiting.lock();
        for listener in listeners {
            if let Some(at_listener) = waiting.get_mut(&listener) {
                at_listener.remove(&entry.mailbox.key());
                if at_listener.is_empty() {
                    waiting.remove(&listener);
                }
            }
        }
    }

    fn waiting(&self, listener: u64) -> Vec<Arc<Entry>> {
        let waiting = self.waiting.lock();
        let at_listener = waiting.get(&listener);
        at_listener.map_or_else(Vec::new, |all| all.values().cloned().collect())
    }

    /// Whether a session at a listener of sessions with fingerprints may be that of a peer with this certificate.
    pub(crate) fn expects(&self, listener: u64, certificate: &[u8]) -> bool {
        let waiting = self.waiting(listener);
        let certificate = Shown::new(certificate);
        waiting.iter().any(|entry| entry.expects(&certificate))
    }

    /// A handshake at this listener failed. A session that has the listener alone tells it when its time is over.
    pub(crate) fn refused(&self, listener: u64, why: &str) {
        if let [entry] = self.waiting(listener).as_slice()
            && entry.has_own()
        {
            entry.set_refused(why);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sessions.lock().len()
    }

    /// Waits until there is none, and the host of each was told.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn wait_empty(&self) {
        loop {
            let ended = self.ended.notified();
            // In this order: who is counted no more was counted as ending before.
            if self.len() == 0 && self.ending.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// All of them now.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.sessions.lock().values().cloned().collect()
    }

    /// What `uri` means to the connection `asking`, and the session that it names if it may go on.
    pub(crate) fn lookup(
        &self,
        uri: &Uri,
        asking: &Arc<Inbox>,
        from: &Arc<Origin>,
    ) -> (Lookup, Option<Arc<Entry>>) {
        let entry = uri
            .session_id()
            .and_then(|id| self.sessions.lock().get(id).cloned());
        let Some(entry) = entry else {
            return (Lookup::Unknown, None);
        };
        let answer = entry.lookup(uri, asking, from);
        (answer, Some(entry))
    }
}
