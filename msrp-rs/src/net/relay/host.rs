//! What a relay asks its host: the secrets of users, and what they may do with it (RFC 4976 §6.3, §6.4).
//!
//! Whoever answers has his time, and a question that is not answered in it is refused.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::proto::auth::Ha1;
use crate::role::relay::{Observation, Verdict};
use crate::wire::Algorithm;

/// The answer of a host: at once, or later.
pub enum RelayAnswer<T> {
    /// It is known.
    Now(T),
    /// It will be. The future is polled on the engine's threads, and dropped when nobody waits for it any more.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> RelayAnswer<T> {
    /// What this future gives.
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

impl<T> fmt::Debug for RelayAnswer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}

/// Whose secret is wanted.
#[derive(derive_more::Debug, Clone)]
#[non_exhaustive]
pub struct RelayCredentials {
    /// The user's name as the client wrote it, with nothing checked yet.
    #[debug(skip)]
    pub user: Arc<str>,
    /// The realm.
    pub realm: String,
    /// Which H(A1) is wanted.
    pub algorithm: Algorithm,
    /// Where the AUTH came from: the client, or another relay.
    pub address: Option<IpAddr>,
}

/// Who wants a URI of the relay, and has given the right password.
#[derive(derive_more::Debug, Clone)]
#[non_exhaustive]
pub struct RelayAuthorisation {
    /// Who.
    #[debug(skip)]
    pub user: Arc<str>,
    /// Where the AUTH came from: the client, or another relay.
    pub address: Option<IpAddr>,
    /// How long it will hold.
    pub expires: Duration,
}

/// To whom the relay would connect for a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RelayNextHop {
    /// The host in the URI: a name, or the address itself.
    pub host: String,
    /// What would be dialled. It is in none of the ranges that are refused anyhow.
    pub address: SocketAddr,
    /// Whether it is another relay.
    pub relay: bool,
    /// Whether TLS protects the connection.
    pub secure: bool,
}

/// A message that wants to pass the relay.
#[derive(derive_more::Debug, Clone)]
#[non_exhaustive]
pub struct RelayMessage {
    /// The connection that brings it.
    pub link: u64,
    /// Counts the questions of that connection; both together name the message in [`RelayPolicy::observed`].
    pub number: u64,
    /// Its Message-ID.
    #[debug(skip)]
    pub message_id: String,
    /// The media type as it came, if there is one.
    pub content_type: Option<String>,
    /// The announced length, if there is one.
    pub total: Option<u64>,
    /// To-Path as it will be sent: the rest of the way. It names sessions: a secret.
    #[debug(skip)]
    pub to_path: String,
    /// From-Path as it came. It names sessions: a secret.
    #[debug(skip)]
    pub from_path: String,
}

/// Knows the secrets of a relay's users.
///
/// # Threads
/// Called on the engine's threads, several at once: no function here may block, and a panic is no answer.
pub trait RelayUsers: Send + Sync + 'static {
    /// H(A1) of a user for the wanted realm and algorithm; `None` if there is no such user. It should take the same time
    /// in both cases.
    fn credentials(&self, wanted: &RelayCredentials) -> RelayAnswer<Option<Ha1>>;
}

/// Says what may be done with a relay. All that is not implemented is allowed.
///
/// # Threads
/// As [`RelayUsers`].
pub trait RelayPolicy: Send + Sync + 'static {
    /// May this user have a URI? If not, the AUTH gets 403.
    fn authorise(&self, wanted: &RelayAuthorisation) -> RelayAnswer<bool> {
        let _ = wanted;
        RelayAnswer::Now(true)
    }

    /// May the relay connect to this address? If not, and there is no other, what was to be sent there fails with 403.
    fn next_hop(&self, wanted: &RelayNextHop) -> RelayAnswer<bool> {
        let _ = wanted;
        RelayAnswer::Now(true)
    }

    /// May this message pass? Asked once for each message, with
    /// [`RelayOptions::ask_messages`](crate::engine::RelayOptions::ask_messages).
    fn message(&self, message: &RelayMessage) -> RelayAnswer<Verdict> {
        let _ = message;
        RelayAnswer::Now(Verdict::Allow)
    }

    /// A piece of a message for which [`message`](Self::message) said [`Verdict::Observe`]: its link and number. In the
    /// order in which they came; chunks of one message may overlap.
    fn observed(&self, message: (u64, u64), piece: &Observation) {
        let _ = (message, piece);
    }
}

/// Something for a host that takes events: a question, with what names it in the answer, or the relay's end.
#[derive(Debug)]
pub(crate) struct Note {
    /// Of which relay.
    pub(crate) tag: u64,
    pub(crate) question: Option<(u64, RelayQuestion)>,
}

/// What a relay asks a host that takes events.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RelayQuestion {
    /// See [`RelayUsers::credentials`].
    Credentials(RelayCredentials),
    /// See [`RelayPolicy::authorise`].
    Authorise(RelayAuthorisation),
    /// See [`RelayPolicy::next_hop`].
    NextHop(RelayNextHop),
    /// See [`RelayPolicy::message`].
    Message(RelayMessage),
}

/// A policy that allows everything.
pub(crate) struct Everything;

impl RelayPolicy for Everything {}

/// What a function of the host says; nothing if it panics.
pub(crate) fn call<T>(function: impl FnOnce() -> RelayAnswer<T>) -> Option<RelayAnswer<T>> {
    catch_unwind(AssertUnwindSafe(function)).ok()
}

/// Waits for an answer, so long at most.
///
/// # Cancel safety
/// Nobody waits for it any more.
pub(crate) async fn wait<T: Send + 'static>(
    answer: Option<RelayAnswer<T>>,
    limit: Duration,
) -> Option<T> {
    match answer? {
        RelayAnswer::Now(answer) => Some(answer),
        RelayAnswer::Later(answer) => {
            // In a task of its own, since it may panic; it ends with this future.
            let mut task = tokio::task::JoinSet::new();
            task.spawn(answer);
            let joined = tokio::time::timeout(limit, task.join_next()).await;
            joined.ok().flatten().and_then(Result::ok)
        }
    }
}
