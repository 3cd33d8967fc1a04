//! How sessions come to a connection and leave it: given to it, moving to it, over, or gone elsewhere.

use std::sync::Arc;
use std::time::Instant;

use super::Driver;
use crate::error::{Error, ErrorKind};
use crate::net::log::LogLevel;
use crate::net::pump::{Stage, kind_of};
use crate::net::registry::{Entry, Loss};
use crate::proto::{CloseReason, Command, Event, Flow, SessionConfig, SessionKey, TransferKey};

/// What the events of a session were that tries to come.
pub(super) enum Candidate {
    /// None that matters.
    Nothing,
    /// It came, and the connection has the session now.
    Promoted,
    /// It came, and whether the connection has it is known to the mailbox.
    Bound,
}

impl Driver {
    pub(super) fn attach(&mut self, now: Instant, entry: Arc<Entry>, config: SessionConfig) {
        if let Err(why) = entry.judge(&self.from) {
            // What was held came from somebody else: nothing of it is used.
            self.log(LogLevel::Warn, &why);
            entry.set_refused(&why);
            entry.take_back(&self.connected.inbox, config);
            self.finish(now);
            return;
        }
        let Some(connection) = &mut self.connection else {
            return;
        };
        let attached = if matches!(self.stage, Stage::Running) {
            connection.attach(now, entry.mailbox().key(), config)
        } else {
            Err(Error::transport(
                ErrorKind::Connect,
                "connection is being closed",
            ))
        };
        match attached {
            Ok(()) => {
                entry.set_peer(&self.from);
                self.adopt(now, entry);
            }
            Err(error) => {
                let reason = CloseReason::ConnectionLost(error.context.clone());
                self.end(&entry, reason, Some(error), &[]);
            }
        }
    }

    /// A session is on this connection from now on; what its host wanted before comes first.
    pub(super) fn adopt(&mut self, now: Instant, entry: Arc<Entry>) {
        self.was_used = true;
        if self.unbound_until.take().is_some() {
            self.context().unbound.remove(self.connected.inbox.id());
        }
        let mailbox = Arc::clone(entry.mailbox());
        mailbox.attach(&self.connected.inbox, entry.is_held());
        self.sessions.insert(mailbox.key(), entry);
        self.run_commands(now, &mailbox);
    }

    /// A session has ended here: it is over, unless it goes on elsewhere.
    pub(super) fn end(
        &self,
        entry: &Arc<Entry>,
        reason: CloseReason,
        error: Option<Error>,
        failed: &[TransferKey],
    ) {
        let inbox = &self.connected.inbox;
        let reason = self.explain(reason);
        match entry.lose(inbox, &reason, failed) {
            Loss::Session => self.context().registry.end(entry, reason, error),
            Loss::Waits => self.log(
                LogLevel::Info,
                "lost before a further session was bound: it gets a new connection",
            ),
            Loss::Former => {
                entry.mailbox().leave(inbox, &reason);
            }
            Loss::Candidate => {
                let reason = kind_of(&reason);
                let text =
                    format!("new path of a peer does not work ({reason}): it goes on as before");
                self.log(LogLevel::Warn, &text);
            }
            Loss::Moves => self.log(
                LogLevel::Info,
                "lost while its session moves to another one",
            ),
        }
    }

    /// A session that was to come here goes on elsewhere.
    pub(super) fn abandon_session(&mut self, now: Instant, key: SessionKey) {
        // It may be here for good meanwhile.
        let Some(entry) = self.sessions.get(&key) else {
            return;
        };
        let inbox = &self.connected.inbox;
        let is_its = entry
            .connection()
            .is_some_and(|its| Arc::ptr_eq(&its, inbox));
        if is_its || entry.is_candidate(inbox) || entry.mailbox().is_former(inbox) {
            return;
        }
        self.sessions.remove(&key);
        if let Some(connection) = &mut self.connection {
            connection.handle_command(now, key, Command::CloseNow);
        }
    }

    /// The direction of a session that is to come here. One that has come hears of it by its mailbox.
    pub(super) fn set_flow(&mut self, now: Instant, key: SessionKey, flow: Flow) {
        if let Some(entry) = self.sessions.get(&key)
            && entry.is_candidate(&self.connected.inbox)
            && let Some(connection) = &mut self.connection
        {
            connection.handle_command(now, key, Command::SetFlow(flow));
        }
    }

    /// Events of a session that is to come here: until it is bound there is nothing else to tell.
    pub(super) fn deliver_candidate(
        &mut self,
        key: SessionKey,
        entry: &Arc<Entry>,
        run: &mut impl Iterator<Item = Event>,
    ) -> Candidate {
        for event in run.by_ref() {
            match event {
                Event::Bound if entry.promote(&self.connected.inbox) => return Candidate::Promoted,
                // The one before was lost at this moment, or another exchange came.
                Event::Bound => return Candidate::Bound,
                Event::Closed {
                    reason,
                    unacknowledged,
                } => {
                    self.sessions.remove(&key);
                    self.end(entry, reason, None, &unacknowledged);
                }
                _ => {}
            }
        }
        Candidate::Nothing
    }
}
