//! The sessions of an engine, by handle, and how each begins and ends (RFC 4975 §5.4).
//!
//! Connecting is done in `net::dial`, the exchange of SDP in `negotiation`, everything between bind and end in `proto`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::handle::{MessageHandle, SessionHandle, TransferHandle};
use super::negotiation::Negotiation;
use super::slots::Slots;
use crate::error::{Error, ErrorKind, Result};
use crate::net::context::Context;
use crate::net::dial;
use crate::net::mailbox::{Mailbox, Phase};
use crate::net::ready::Ready;
use crate::net::registry::Entry;
use crate::proto::{CloseReason, MessageKey, TransferKey};
use crate::wire::Uri;

/// One session, as the facade sees it.
pub(super) struct Session {
    pub(super) handle: SessionHandle,
    pub(super) entry: Arc<Entry>,
    pub(super) negotiation: Mutex<Negotiation>,
    /// Whether it may share a connection.
    pub(super) share: bool,
    pub(super) manual_reports: bool,
    pub(super) first_message: u32,
}

impl Session {
    pub(super) fn mailbox(&self) -> &Arc<Mailbox> {
        self.entry.mailbox()
    }
}

/// What an engine and its domains share: it lives until the last of them is gone.
pub(super) struct Shared {
    pid: u32,
    pub(super) context: Arc<Context>,
    pub(super) sessions: RwLock<Slots<Arc<Session>>>,
}

impl Shared {
    pub(super) fn new(engine: u32, context: Arc<Context>) -> Arc<Self> {
        let sessions = RwLock::new(Slots::new(engine));
        Arc::new(Self {
            pid: std::process::id(),
            context,
            sessions,
        })
    }

    /// Whether this is another process than the one that made the engine. Nothing may be touched then: locks
    /// may be held for ever, and descriptors are the parent's.
    pub(super) fn is_forked(&self) -> bool {
        self.pid != std::process::id()
    }

    pub(super) fn check_process(&self) -> Result<()> {
        if self.is_forked() {
            return Err(Error::local(
                ErrorKind::Forked,
                format!(
                    "engine was made by process {}, this is process {}: make one after the fork",
                    self.pid,
                    std::process::id()
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn session(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        self.check_process()?;
        self.sessions
            .read()
            .get(handle.0)
            .cloned()
            .ok_or_else(|| gone("session"))
    }

    pub(super) fn transfer(&self, handle: TransferHandle) -> Result<(Arc<Session>, TransferKey)> {
        let (session, number) = self.numbered(handle.0, "transfer")?;
        Ok((session, TransferKey(number)))
    }

    pub(super) fn message(&self, handle: MessageHandle) -> Result<(Arc<Session>, MessageKey)> {
        let (session, number) = self.numbered(handle.0, "message")?;
        let key = MessageKey(number);
        session.mailbox().check_message(key)?;
        Ok((session, key))
    }

    fn numbered(&self, handle: u64, what: &str) -> Result<(Arc<Session>, u32)> {
        self.check_process()?;
        let sessions = self.sessions.read();
        let (session, number) = sessions.get_numbered(handle).ok_or_else(|| gone(what))?;
        Ok((Arc::clone(session), number))
    }

    /// All sessions now.
    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.read().iter().cloned().collect()
    }

    /// The session's last event was taken: its handle names nothing from now on.
    pub(super) fn forget(&self, handle: SessionHandle) {
        let mut sessions = self.sessions.write();
        let numbers = sessions
            .get(handle.0)
            .map(|session| session.mailbox().next_numbers());
        let session = sessions.remove(handle.0, numbers);
        drop(sessions);
        drop(session);
    }

    /// The consumer is gone: its sessions end, and nobody waits for their last event.
    pub(super) fn abandon(&self, ready: &Arc<Ready>) {
        for session in self.all() {
            if Arc::ptr_eq(session.mailbox().ready(), ready) {
                self.abort(&session, None);
                if session.mailbox().phase() == Phase::Closed {
                    self.forget(session.handle);
                }
            }
        }
    }

    /// Ends a session at once.
    pub(super) fn abort(&self, session: &Session, cause: Option<(CloseReason, Option<Error>)>) {
        end(&self.context, &session.entry, cause);
    }

    /// Ends a session when what is under way is done.
    pub(super) fn close(&self, session: &Session, deadline: Instant) {
        if session.entry.withdraw() {
            end_unserved(&self.context, &session.entry, CloseReason::Local, None);
        } else {
            session.mailbox().start_closing(deadline);
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

fn gone(what: &str) -> Error {
    Error::local(ErrorKind::Gone, format!("{what} has ended"))
}

fn end(context: &Context, entry: &Arc<Entry>, cause: Option<(CloseReason, Option<Error>)>) {
    if entry.withdraw() {
        let (reason, error) = cause.unwrap_or((CloseReason::Local, None));
        end_unserved(context, entry, reason, error);
    } else {
        entry.mailbox().close_now(cause);
    }
}

/// Ends a session that no connection has, or that is over and whose end waits behind a pause.
fn end_unserved(context: &Context, entry: &Arc<Entry>, reason: CloseReason, error: Option<Error>) {
    context.registry.end(entry, reason, error);
    entry.mailbox().end_pauses();
    context.relieve_senders();
}

/// Connects the session, if `hop` is there, and sees that it is bound in time.
pub(super) async fn open(
    context: Arc<Context>,
    entry: Arc<Entry>,
    hop: Option<Uri>,
    share: bool,
    timeout: Duration,
) {
    let work = async {
        if let Some(hop) = hop {
            tokio::select! {
                connected = dial::connect(&context, &entry, &hop, share) => connected?,
                // Closed meanwhile: nobody needs the connection any more, and others wait to dial.
                () = entry.decided.notified() => return Ok(()),
            }
        }
        entry.decided.notified().await;
        Ok::<(), Error>(())
    };
    let cause = match tokio::time::timeout(timeout, work).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => (CloseReason::ConnectionLost(error.context.clone()), error),
        Err(_) => {
            let text = format!("session was not bound within {timeout:?}");
            (
                CloseReason::BindTimeout,
                Error::remote(ErrorKind::Timeout, text),
            )
        }
    };
    if entry.mailbox().phase() < Phase::Open {
        end(&context, &entry, Some((cause.0, Some(cause.1))));
    }
}
