//! Names into addresses (RFC 4975 §6.2): A and AAAA records only, never SRV; the port is the one in the URI. Names of
//! relays that a session logs in to into service records first (RFC 4976 §8); what those mean, `dial::service` says.
//!
//! Nothing is kept: each dial asks anew. Who answers, the host says: the operating system, a [`Resolver`] in Rust, or
//! the host itself by an event (see `question`). Whoever it is has his time, and gives so many addresses as are tried.

use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::dial::SrvRecord;
use super::dial::race::interleave;
use super::mailbox::Mailbox;
use super::question::Questions;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;

/// Names that the operating system is asked for at once; each takes a thread of those that also read files.
const SYSTEM: usize = 8;

/// What [`Resolver::resolve`] gives: the addresses of one name, in the order in which they are to be tried.
pub type Resolution = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What [`Resolver::service`] gives: the records of one name, in any order; none where the name has none.
pub type ServiceResolution = Pin<Box<dyn Future<Output = io::Result<Vec<SrvRecord>>> + Send>>;

/// Turns host names into addresses, for all that an engine dials.
///
/// The engine asks for each dial anew and keeps nothing: a resolver may keep what its records allow. For peers it asks
/// for addresses alone: RFC 4975 §6.2 knows A and AAAA records, and takes the port from the URI. For a relay whose URI has
/// no port it asks for service records first (RFC 4976 §8). Up to [`Limits::dials`](crate::Limits::dials) names are asked
/// for at once.
///
/// ```
/// use msrp::{EngineOptions, NameResolution, Resolution, Resolver};
/// use std::net::{IpAddr, Ipv4Addr};
/// use std::sync::Arc;
///
/// struct Fixed;
///
/// impl Resolver for Fixed {
///     fn resolve(&self, name: &str) -> Resolution {
///         let known = name == "relay.example";
///         Box::pin(async move {
///             match known {
///                 true => Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]),
///                 false => Err(std::io::ErrorKind::NotFound.into()),
///             }
///         })
///     }
/// }
///
/// let options = EngineOptions {
///     resolver: NameResolution::Resolver(Arc::new(Fixed)),
///     ..EngineOptions::default()
/// };
/// ```
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of `name`, at least one, or why there are none; that text goes into the error of the dial. `name`
    /// is in lower case and never an address. Families may come in any order: the engine tries them in turn, the first
    /// one's first, and only so many as [`Limits::addresses`](crate::Limits::addresses) says.
    ///
    /// # Threads
    /// Called, and its future polled, on the engine's threads: neither may block. A panic counts as an error of this
    /// name.
    ///
    /// # Cancel safety
    /// The future is dropped when the session ends or [`Limits::resolve`](crate::Limits::resolve) is over.
    fn resolve(&self, name: &str) -> Resolution;

    /// The service records (SRV, RFC 2782) of `name`, for example `_msrps._tcp.example.com`: to find a relay. `name` is in
    /// lower case. An empty list says that there are none, and the relay is looked for at the name itself, port 2855; an
    /// error says that nobody knows, and goes into the error of the dial.
    ///
    /// Without a method of its own, a resolver knows of none.
    ///
    /// # Threads
    /// As [`resolve`](Self::resolve).
    ///
    /// # Cancel safety
    /// As [`resolve`](Self::resolve).
    fn service(&self, name: &str) -> ServiceResolution {
        let _ = name;
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// The operating system's resolver: what stands in its files, and the A and AAAA records of the DNS. Eight names at
/// once; further ones wait.
///
/// It has no call for service records. With the feature `dns` they are asked from the name servers that the system is
/// configured with; without it, this resolver knows of none.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    turns: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(SYSTEM)),
        }
    }
}

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Resolution {
        let (turns, name) = (Arc::clone(&self.turns), name.to_owned());
        Box::pin(async move {
            let turn = turns.acquire_owned().await.map_err(io::Error::other)?;
            let look_up = move || {
                // Nobody can call the system back: the turn lasts until it has answered.
                let _turn = turn;
                let addresses = (name.as_str(), 0).to_socket_addrs()?;
                Ok(addresses.map(|address| address.ip()).collect())
            };
            tokio::task::spawn_blocking(look_up)
                .await
                .map_err(io::Error::other)?
        })
    }

    #[cfg(feature = "dns")]
    fn service(&self, name: &str) -> ServiceResolution {
        super::dns::HickoryResolver::new().service(name)
    }
}

/// Who answers for names.
pub(crate) enum Who {
    /// A resolver in Rust.
    Resolver(Arc<dyn Resolver>),
    /// The session's host.
    Host,
}

/// Who answers for services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhoServes {
    /// The resolver of names; nobody, if that is the host.
    Resolver,
    /// The session's host.
    Host,
}

/// The names of an engine.
pub(crate) struct Names {
    who: Who,
    serves: WhoServes,
    turns: Semaphore,
}

impl Names {
    /// `who` answers for names, `serves` for services.
    pub(crate) fn new(who: Who, serves: WhoServes, limits: &Limits) -> Self {
        Self {
            who,
            serves,
            turns: Semaphore::new(limits.dials.max(1)),
        }
    }

    /// Who answers in Rust; none where sessions' hosts do.
    pub(crate) fn resolver(&self) -> Option<Arc<dyn Resolver>> {
        match &self.who {
            Who::Resolver(resolver) => Some(Arc::clone(resolver)),
            Who::Host => None,
        }
    }

    /// The addresses of `name`, at least one, as they are to be tried, for this session.
    ///
    /// # Errors
    /// `Connect`, with what the resolver says, or that it said nothing in time.
    ///
    /// # Cancel safety
    /// Nobody waits for the answer any more.
    pub(crate) async fn addresses(
        &self,
        limits: &Limits,
        questions: &Questions,
        mailbox: &Arc<Mailbox>,
        name: &str,
    ) -> Result<Vec<IpAddr>> {
        let asked = async {
            match &self.who {
                Who::Resolver(resolver) => {
                    let (resolver, name) = (Arc::clone(resolver), name.to_owned());
                    guarded(async move { resolver.resolve(&name).await }).await
                }
                Who::Host => questions.addresses(mailbox, name).await,
            }
        };
        let failed = |text: String| failed("cannot resolve", name, &text);
        let addresses = self.in_turn(limits, asked).await.map_err(failed)?;
        let addresses = interleave(addresses, limits.addresses);
        if addresses.is_empty() {
            return Err(failed("the name has no address".into()));
        }
        Ok(addresses)
    }

    /// The service records of `name`, for this session; none if it has none.
    ///
    /// # Errors
    /// As [`addresses`](Self::addresses).
    ///
    /// # Cancel safety
    /// Nobody waits for the answer any more.
    pub(crate) async fn records(
        &self,
        limits: &Limits,
        questions: &Questions,
        mailbox: &Arc<Mailbox>,
        name: &str,
    ) -> Result<Vec<SrvRecord>> {
        let asked = async {
            match (self.serves, &self.who) {
                (WhoServes::Host, _) => questions.records(mailbox, name).await,
                (WhoServes::Resolver, Who::Resolver(resolver)) => {
                    let (resolver, name) = (Arc::clone(resolver), name.to_owned());
                    guarded(async move { resolver.service(&name).await }).await
                }
                (WhoServes::Resolver, Who::Host) => Ok(Vec::new()),
            }
        };
        let failed = |text: String| failed("cannot look up the service", name, &text);
        self.in_turn(limits, asked).await.map_err(failed)
    }

    /// Asks when it is its turn, and waits as long as the limits say.
    async fn in_turn<T>(
        &self,
        limits: &Limits,
        asked: impl Future<Output = std::result::Result<T, String>>,
    ) -> std::result::Result<T, String> {
        let asked = async {
            let turn = self.turns.acquire().await;
            let _turn = turn.map_err(|_| "engine is shut down")?;
            asked.await
        };
        tokio::time::timeout(limits.resolve, asked)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {:?}", limits.resolve)))
    }
}

fn failed(what: &str, name: &str, why: &str) -> Error {
    let why = match why {
        "" => "the resolver does not say why",
        why => why,
    };
    Error::transport(ErrorKind::Connect, format!("{what} {name}: {why}"))
}

/// In a task of its own, since a resolver may panic; it ends with this future.
async fn guarded<T: Send + 'static>(
    asked: impl Future<Output = io::Result<T>> + Send + 'static,
) -> std::result::Result<T, String> {
    let mut task = JoinSet::new();
    task.spawn(asked);
    match task.join_next().await {
        Some(Ok(Ok(answer))) => Ok(answer),
        Some(Ok(Err(error))) => Err(error.to_string()),
        Some(Err(error)) if error.is_panic() => Err("the resolver panicked".into()),
        _ => Err("engine is shut down".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_system_knows_the_addresses_of_this_machine_and_no_ports() {
        let resolver = SystemResolver::default();
        let addresses = resolver.resolve("localhost").await.expect("in its files");
        assert!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback));
        resolver
            .resolve("no-such-host.invalid")
            .await
            .expect_err("RFC 6761: never there");
    }

    #[tokio::test]
    async fn the_system_is_asked_for_eight_names_at_once() {
        let resolver = SystemResolver::default();
        let turns = Arc::clone(&resolver.turns);
        let taken = turns.acquire_many(SYSTEM as u32).await.expect("all");
        let mut waits = resolver.resolve("localhost");
        let moment = Duration::from_millis(10);
        assert!(tokio::time::timeout(moment, &mut waits).await.is_err());
        drop(taken);
        waits.await.expect("its turn");
    }
}
