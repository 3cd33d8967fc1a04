//! What a connection does beside serving sessions: it asks a relay for whoever wants it asked (RFC 4976 §5.1), stays while
//! it may still be of use (§5.4), and says why it ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Driver, Stage};
use crate::net::login::Account;
use crate::proto::{AskKey, Asked, AuthRequest, CloseReason};

/// How long a connection that is not used stays open.
#[derive(Debug)]
pub(crate) struct Keep {
    /// `None`: as long as there is traffic at all.
    pub(crate) idle: Option<Duration>,
    /// From the end of the last session on it.
    pub(crate) unused: Duration,
    /// Whose login it is for, where it leads to a relay of ours: known as long as the connection, for sessions that come
    /// later. Its end is none of the peer's.
    pub(crate) account: Option<Arc<Account>>,
}

impl From<Option<Duration>> for Keep {
    /// Not kept for others: it ends with its last session (RFC 4975 §5.4).
    fn from(idle: Option<Duration>) -> Self {
        Self {
            idle,
            unused: Duration::ZERO,
            account: None,
        }
    }
}

/// Who waits for something of the connection.
#[derive(Default)]
pub(super) struct Askers {
    next: u64,
    waiting: HashMap<AskKey, oneshot::Sender<Asked>>,
    watching: Vec<oneshot::Sender<String>>,
}

impl Driver {
    pub(super) fn ask(
        &mut self,
        now: Instant,
        request: &AuthRequest,
        answer: oneshot::Sender<Asked>,
    ) {
        let (Some(connection), Stage::Running) = (&mut self.connection, &self.stage) else {
            return;
        };
        let askers = self.askers.get_or_insert_default();
        let key = AskKey(askers.next);
        askers.next += 1;
        askers.waiting.insert(key, answer);
        connection.ask(now, key, request);
    }

    pub(super) fn watch(&mut self, watcher: oneshot::Sender<String>) {
        let askers = self.askers.get_or_insert_default();
        askers.watching.retain(|watcher| !watcher.is_closed());
        askers.watching.push(watcher);
    }

    pub(super) fn tell_askers(&mut self) {
        let (Some(connection), Some(askers)) = (&mut self.connection, &mut self.askers) else {
            return;
        };
        while let Some((key, asked)) = connection.poll_asked() {
            if let Some(answer) = askers.waiting.remove(&key) {
                // Who asked may have lost patience.
                let _ = answer.send(asked);
            }
        }
    }

    /// Nobody gets anything of this connection any more.
    pub(super) fn leave_askers(&mut self) {
        let Some(askers) = self.askers.take() else {
            return;
        };
        let reason = self
            .connection
            .as_ref()
            .and_then(|connection| connection.close_reason());
        let text = reason.map_or("it was closed", of_relay);
        for watcher in askers.watching {
            // It may not care any more.
            let _ = watcher.send(text.to_owned());
        }
    }

    /// Whether nobody has used the connection for the time that it may stay so; then nobody can from now on.
    pub(super) fn is_unused(&mut self, now: Instant) -> bool {
        let is_idle = self.was_used
            && self
                .connection
                .as_ref()
                .is_some_and(|it| it.sessions() == 0 && !it.holds_early())
            && !self.connected.inbox.is_held();
        if !is_idle {
            self.unused_since = None;
            return false;
        }
        let since = *self.unused_since.get_or_insert(now);
        since + self.keep.unused <= now && self.connected.inbox.close_if_idle()
    }

    /// The reason for a session's end, where the connection led to a relay of ours: not its peer has closed it.
    pub(super) fn explain(&self, reason: CloseReason) -> CloseReason {
        if self.keep.account.is_none() || !reason.is_of_connection() {
            return reason;
        }
        let text = format!("connection to the relay was lost: {}", of_relay(&reason));
        CloseReason::ConnectionLost(text)
    }
}

/// Why a connection to a relay ended, in words.
fn of_relay(reason: &CloseReason) -> &str {
    match reason {
        CloseReason::PeerClosed => "the relay closed it",
        CloseReason::ConnectionLost(text) => text,
        CloseReason::WriteStall => "the relay took nothing of what was sent",
        CloseReason::Protocol { reason, .. } => reason,
        _ => "it was closed",
    }
}
