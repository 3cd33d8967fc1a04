//! A session whose path has changed (RFC 4975 §8.4): a further connection tries to have it, and gets it when it works.
//!
//! What the two connections do with messages is the business of `proto::moving`, what the host is told of the mailbox.

use std::sync::Arc;

use super::entry::{Binding, Entry, Place};
use crate::net::inbox::{Control, Inbox};
use crate::proto::{CloseReason, SessionConfig, TransferKey};

/// Who is to go on with a session whose path has changed.
pub(super) enum Next {
    /// Whoever comes first.
    Ready(Box<SessionConfig>),
    /// This connection, when the peer has answered or asked on it.
    Trying(Arc<Inbox>),
}

/// Places at which a session is served: the first, the peer's last known one, and the new one.
const MAX_PLACES: usize = 3;

/// What the end of a session on one connection is for the session.
#[derive(Debug)]
pub(crate) enum Loss {
    /// Its end.
    Session,
    /// It waits for a connection again, as before.
    Waits,
    /// It had left that connection before.
    Former,
    /// That connection tried to take it over, and will not; it goes on where it was.
    Candidate,
    /// Another connection goes on: the one that tries to, or one that comes.
    Moves,
}

impl Entry {
    /// The session is reached at another place from now on. Where it was reached before it is still served until the
    /// peer uses the new one; without a peer nobody knows that place.
    pub(super) fn relocate(&self, place: Place) {
        let left = {
            let mut state = self.state.lock();
            let is_known = matches!(state.binding, Binding::Bound(_) | Binding::Ready(_));
            let mut left = match is_known {
                true => Vec::new(),
                false => std::mem::take(&mut state.places),
            };
            if state.places.len() >= MAX_PLACES {
                // The peer may come to the one that it was told of.
                let untold = 1 + usize::from(state.told() == 1);
                left.push(state.places.remove(untold));
            }
            state.places.push(place);
            left
        };
        drop(left);
    }

    pub(super) fn abandon(&self, next: Option<Next>, stale: Vec<Arc<Inbox>>) {
        let trying = match next {
            Some(Next::Trying(connection)) => Some(connection),
            _ => None,
        };
        for connection in trying.into_iter().chain(stale) {
            // A closed one has given it up.
            let _ = connection.push_control(Control::Abandon(self.mailbox.key()));
        }
    }

    /// Whether this connection tries to take the session over.
    pub(crate) fn is_candidate(&self, connection: &Arc<Inbox>) -> bool {
        matches!(&self.state.lock().next, Some(Next::Trying(its)) if Arc::ptr_eq(its, connection))
    }

    /// The connection that tried to take the session over works. False where it is another's turn meanwhile.
    pub(crate) fn promote(&self, connection: &Arc<Inbox>) -> bool {
        let mut state = self.state.lock();
        let is_next =
            matches!(&state.next, Some(Next::Trying(its)) if Arc::ptr_eq(its, connection));
        if !is_next || matches!(state.binding, Binding::Ended) {
            return false;
        }
        let stale = std::mem::take(&mut state.stale);
        state.next = None;
        state.binding = Binding::Bound(Arc::clone(connection));
        let first = state.told();
        let left: Vec<_> = state.places.drain(..first).collect();
        let later = self.mailbox.move_to(connection);
        drop(state);
        drop(later);
        drop(left);
        self.abandon(None, stale);
        self.decided.notify_one();
        true
    }

    /// The peer uses its new path on the connection that the session is on: no other is needed.
    pub(crate) fn stay(&self) {
        let (next, stale) = {
            let mut state = self.state.lock();
            (state.next.take(), std::mem::take(&mut state.stale))
        };
        self.abandon(next, stale);
        self.decided.notify_one();
    }

    /// Nobody could take the session over for this exchange of SDP. False where the session is on no connection either.
    pub(crate) fn give_up_move(&self, exchange: u64) -> bool {
        let (next, stale) = {
            let mut state = self.state.lock();
            if state.exchange != exchange {
                return true;
            }
            if !matches!(state.binding, Binding::Bound(_)) {
                return false;
            }
            (state.next.take(), std::mem::take(&mut state.stale))
        };
        if next.is_some() {
            self.mailbox.announce_move(None);
        }
        self.abandon(next, stale);
        true
    }

    /// The session has ended on this connection, or never came to it.
    pub(crate) fn lose(
        &self,
        connection: &Arc<Inbox>,
        reason: &CloseReason,
        failed: &[TransferKey],
    ) -> Loss {
        let is_loss = reason.is_of_connection();
        let mut state = self.state.lock();
        let is_it = |its: &Arc<Inbox>| Arc::ptr_eq(its, connection);
        if matches!(&state.next, Some(Next::Trying(its)) if is_it(its)) {
            state.next = None;
            self.mailbox.announce_move(None);
            drop(state);
            self.decided.notify_one();
            return Loss::Candidate;
        }
        if let Some(place) = state.stale.iter().position(is_it) {
            state.stale.remove(place);
            return Loss::Former;
        }
        match &state.binding {
            Binding::Bound(its) if is_it(its) => {}
            Binding::Bound(_) => return Loss::Former,
            _ if self.mailbox.is_former(connection) => return Loss::Former,
            _ => return Loss::Session,
        }
        let may_move = is_loss || matches!(reason, CloseReason::Status { .. });
        if !may_move || self.mailbox.is_to_end() {
            return Loss::Session;
        }
        match state.next.take() {
            None => {}
            Some(Next::Ready(config)) => {
                state.binding = Binding::Ready(config);
                let later = self.mailbox.lost(failed, None);
                drop(state);
                drop(later);
                return Loss::Moves;
            }
            Some(Next::Trying(other)) => {
                state.binding = Binding::Bound(Arc::clone(&other));
                let later = self.mailbox.lost(failed, Some(&other));
                drop(state);
                drop(later);
                return Loss::Moves;
            }
        }
        drop(state);
        match is_loss && self.detach() {
            true => Loss::Waits,
            false => Loss::Session,
        }
    }
}
