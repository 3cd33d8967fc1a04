//! Logging in to the relays of a session (RFC 4976 §5.1): the connection to the first, an AUTH to each through those
//! before it, and the path that comes out.
//!
//! What an AUTH says and what its answers mean is decided in `proto::auth`, how the connection is made in `dial`. Here
//! stands who asks whom in which order, and which URIs are whose. When the path is renewed, and what a session makes of it,
//! is the business of `engine`.

mod accounts;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

pub(crate) use accounts::{Account, Accounts, Claim};
use accounts::{Owner, Taken};

use super::context::Context;
use super::dial::{self, Sharing, Source, Target, Uplink};
use super::inbox::Control;
use super::log::LogLevel;
use super::registry::Entry;
use super::tls::Tls;
use crate::error::{Error, ErrorKind, Result};
use crate::proto::auth::Next;
use crate::proto::{Asked, AuthRequest};
use crate::wire::{Uri, UriPath};

/// A relay of a session.
#[derive(Debug, Clone)]
pub(crate) struct Relay {
    pub(crate) uri: Uri,
    pub(crate) account: Arc<Account>,
    /// For how long its URI is wanted.
    pub(crate) expires: Option<Duration>,
}

/// The relays of a session, and how the first is reached.
#[derive(Debug)]
pub(crate) struct Relays {
    /// The first is the one that we connect to.
    pub(crate) chain: Vec<Relay>,
    /// `None`: the login goes over TCP without TLS.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Whether the connection is for this session alone.
    pub(crate) sharing: Sharing,
    /// A relay gave a URI of this session to another one, over another connection: only a further AUTH makes sure that it
    /// is still good on this one.
    pub(crate) contested: Arc<Notify>,
}

/// What relays gave a session.
#[derive(Debug)]
pub(crate) struct Granted {
    /// In the order of To-Path.
    pub(crate) path: UriPath,
    /// When the first of its URIs expires.
    pub(crate) until: Option<Instant>,
    /// That nobody else uses them.
    pub(crate) _claim: Claim,
}

/// Who has a connection that is asked over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// It came from the pool for this login: another one does as well.
    Pool,
    /// The session is on it, and stays there.
    Session,
}

/// Why a login came to nothing so far.
enum Trouble {
    /// Another connection may do better.
    Connection(Error),
    /// Nothing will.
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Relays {
    /// Logs in to all relays. `uri` makes the session's own URI, when our address is known; it is the From-Path.
    ///
    /// A relay that gives a URI that another session has on the same connection gets a further one (RFC 4976 §3.1), and so
    /// does one that does not answer on the first. One that gives a URI of another connection has no other for us.
    ///
    /// # Errors
    /// As [`dial::uplink`] and [`AuthFailure`](crate::proto::auth::AuthFailure).
    ///
    /// # Cancel safety
    /// The login is given up; a URI that was given meanwhile is lost.
    pub(crate) async fn log_in(
        &self,
        context: &Arc<Context>,
        entry: &Arc<Entry>,
        source: &Arc<Source>,
        uri: impl Fn(&Uplink) -> Result<Uri>,
    ) -> Result<(Granted, Uplink)> {
        let first = &self.chain[0];
        let target = Target {
            uri: &first.uri,
            tls: self.tls.as_ref(),
            account: &first.account,
        };
        if self.tls.is_none() && !context.accounts.warned.swap(true, Relaxed) {
            let text = format_args!(
                "insecure_plain_auth is on: a session logs in to its relay without TLS, which RFC 4976 §9.2 forbids"
            );
            context.log.write(LogLevel::Warn, text);
        }
        let mut sharing = self.sharing;
        let mut connections = 0;
        loop {
            connections += 1;
            let uplink = dial::uplink(context, entry, &target, sharing, source).await?;
            let own = uri(&uplink)?;
            let trouble = match self.climb(context, entry, &uplink, &own, Whose::Pool).await {
                Ok(granted) => return Ok((granted, uplink)),
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Connection(_) if connections < MOST_CONNECTIONS => {}
                Trouble::Connection(error) | Trouble::Final(error) => return Err(error),
            }
            // The next session may share the new one; so may this one what another has dialled in place of one that is of
            // no use.
            let is_of_no_use = uplink.hold.inbox().is_released();
            sharing = match sharing {
                Sharing::Alone => Sharing::Alone,
                Sharing::Shared | Sharing::Afresh if is_of_no_use => Sharing::Shared,
                Sharing::Shared | Sharing::Afresh => Sharing::Afresh,
            };
        }
    }

    /// Gets further URIs over the connection that the session has.
    ///
    /// # Errors
    /// As [`AuthFailure`](crate::proto::auth::AuthFailure), and `Connect` if the connection is lost.
    ///
    /// # Cancel safety
    /// As `log_in`.
    pub(crate) async fn renew(
        &self,
        context: &Arc<Context>,
        entry: &Arc<Entry>,
        uplink: &Uplink,
        own: &Uri,
    ) -> Result<Granted> {
        let climbed = self
            .climb(context, entry, uplink, own, Whose::Session)
            .await;
        climbed.map_err(|trouble| match trouble {
            Trouble::Connection(error) | Trouble::Final(error) => error,
        })
    }

    /// Asks each relay through those before it.
    async fn climb(
        &self,
        context: &Arc<Context>,
        entry: &Arc<Entry>,
        uplink: &Uplink,
        own: &Uri,
        whose: Whose,
    ) -> std::result::Result<Granted, Trouble> {
        let mut through: Option<UriPath> = None;
        let mut until: Option<Instant> = None;
        for relay in &self.chain {
            let (path, expires) = relay.ask(uplink, through.as_ref(), own, whose).await?;
            until = until.into_iter().chain(expires).min();
            through = Some(path);
        }
        let Some(path) = through else {
            return Err(Error::local(ErrorKind::Internal, "session has no relay").into());
        };
        let owner = Owner {
            session: entry.mailbox().key(),
            connection: uplink.hold.inbox().id(),
            contested: &self.contested,
        };
        match context.accounts.claim(&path, &owner) {
            Ok(claim) => Ok(Granted {
                path,
                until,
                _claim: claim,
            }),
            Err(taken) => Err(shared(context, &taken)),
        }
    }
}

/// A URI that was given is another session's.
fn shared(context: &Context, taken: &Taken) -> Trouble {
    let failed = |text| named(&taken.uri, Error::remote(ErrorKind::Protocol, text));
    if !taken.is_elsewhere {
        let text = "relay gives one URI to two sessions (RFC 4976 §3.1)";
        return Trouble::Connection(failed(text));
    }
    let error = failed("relay gives one URI to two sessions, on two connections (RFC 4976 §3.1)");
    let text = format_args!("{}: the first logs in again, to keep it", error.context);
    context.log.write(LogLevel::Warn, text);
    Trouble::Final(error)
}

impl Relay {
    /// One AUTH, with all that it takes. Gives the path to the relay, and when its URI expires.
    async fn ask(
        &self,
        uplink: &Uplink,
        through: Option<&UriPath>,
        own: &Uri,
        whose: Whose,
    ) -> std::result::Result<(UriPath, Option<Instant>), Trouble> {
        // The next AUTH to this relay begins when this one has ended (RFC 4976 §9.1: nextnonce).
        let mut auth = self.account.turn().await;
        if whose == Whose::Pool && uplink.hold.inbox().is_released() {
            // Whoever had the turn before got no answer: another AUTH would stand behind that one.
            let text = "connection to the relay owes an answer to another session";
            let error = Error::remote(ErrorKind::Timeout, text);
            return Err(Trouble::Connection(named(&self.uri, error)));
        }
        let asked_at = Instant::now();
        let mut headers = auth.begin(&self.uri, through, self.expires);
        let target = UriPath::from(self.uri.clone());
        let to_path =
            through.map_or_else(|| target.clone(), |through| through.followed_by(&target));
        loop {
            let request = AuthRequest {
                to_path: to_path.clone(),
                from_path: own.clone(),
                headers,
            };
            let (answer, asked) = oneshot::channel();
            let control = Control::Ask(Box::new(request), answer);
            let owed = Owed(uplink);
            // A connection that is closed gives it back, and so drops the sender.
            drop(uplink.hold.inbox().push_control(control));
            let asked = tokio::time::timeout(auth.patience(), asked).await;
            let is_lost = matches!(asked, Ok(Err(_)));
            let (next, is_silent) = match asked {
                Ok(Ok(Asked::Answered(head))) => {
                    owed.paid();
                    (auth.handle_response(&head), false)
                }
                Ok(Err(_)) => {
                    drop(owed);
                    (auth.handle_loss(), true)
                }
                Ok(Ok(Asked::Silence)) | Err(_) => {
                    drop(owed);
                    (auth.handle_silence(), true)
                }
            };
            let named = |error: Error| named(&self.uri, error);
            let lost = || {
                let text = "connection to the relay was lost before it answered AUTH";
                named(Error::transport(ErrorKind::Connect, text))
            };
            match next {
                Next::Retry(next) => headers = next,
                Next::Granted(grant) => {
                    let expires = grant.expires;
                    let expires = expires.and_then(|expires| asked_at.checked_add(expires));
                    return Ok((grant.use_path, expires));
                }
                Next::Reconnect(_) if is_lost => return Err(Trouble::Connection(lost())),
                Next::Reconnect(_) => {
                    let text = "relay did not answer AUTH";
                    let error = Error::remote(ErrorKind::Timeout, text);
                    return Err(Trouble::Connection(named(error)));
                }
                Next::Failed(failure) if is_silent => {
                    let error = match is_lost {
                        true => lost(),
                        false => named(failure.into()),
                    };
                    // It may have been on its end, or dead already, when this session came.
                    return Err(match uplink.was_there {
                        true => Trouble::Connection(error),
                        false => Trouble::Final(error),
                    });
                }
                Next::Failed(failure) => return Err(Trouble::Final(named(failure.into()))),
            }
        }
    }
}

/// An error that says which relay it is about.
fn named(relay: &Uri, mut error: Error) -> Error {
    let host = relay.host();
    error.context = match relay.port() {
        Some(port) => format!("{host}:{port}: {}", error.context),
        None => format!("{host}: {}", error.context),
    };
    error
}

/// An AUTH that has no answer yet. A connection that still owes it when this is dropped, for whatever reason, is not for
/// others: it closes when those who have it have gone.
struct Owed<'a>(&'a Uplink);

impl Owed<'_> {
    /// The answer is there.
    fn paid(self) {
        std::mem::forget(self);
    }
}

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        self.0.hold.inbox().release();
    }
}

impl Uplink {
    /// Waits for its end, and says why it came.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn ended(&self) -> String {
        let (watcher, watched) = oneshot::channel();
        let gone = || "it was closed".to_owned();
        match self.hold.inbox().push_control(Control::Watch(watcher)) {
            Ok(()) => watched.await.unwrap_or_else(|_| gone()),
            Err(_) => gone(),
        }
    }
}

/// Connections that one login may try.
const MOST_CONNECTIONS: usize = 3;
