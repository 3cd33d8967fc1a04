//! The host's part in dialling: who turns names into addresses, and who may refuse an address (RFC 4975 §6.2, §14.5).
//!
//! How a peer is reached is the business of `net::dial`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Engine;
use super::handle::{QueryHandle, SessionHandle};
use crate::error::Result;
use crate::limits::Limits;
pub use crate::net::dial::SrvRecord;
use crate::net::dial::{Check, Dialler, Function};
#[cfg(feature = "dns")]
pub use crate::net::dns::HickoryResolver;
use crate::net::resolve::{Names, Who, WhoServes};
pub use crate::net::resolve::{Resolution, Resolver, ServiceResolution, SystemResolver};

/// Who turns names into addresses, for all that an engine dials. Nobody asks for what is written as an address.
#[derive(derive_more::Debug, Clone, Default)]
pub enum NameResolution {
    /// The operating system.
    #[default]
    System,
    /// A resolver in Rust.
    #[debug("Resolver")]
    Resolver(Arc<dyn Resolver>),
    /// The host: it gets [`Event::Resolve`](super::Event::Resolve) and answers with [`Engine::resolved`]. Of this
    /// facade alone, not of [`msrp::Engine`](crate::Engine).
    Host,
}

/// Who knows the service records by which a relay is found whose URI has no port (RFC 4976 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceLookup {
    /// Who answers for names: the operating system's name servers with the feature `dns`, or a [`Resolver`] in Rust. Where
    /// that is the host, or the system without that feature, nobody: no name has such records.
    #[default]
    Resolver,
    /// The host: it gets [`Event::Service`](super::Event::Service) and answers with [`Engine::service_found`]. Of this
    /// facade alone, not of [`msrp::Engine`](crate::Engine).
    Host,
}

/// Who says whether an address may be dialled. An SDP can aim us at anyone, and a name at any address: a host that
/// takes calls from strangers lets its engine dial only where its calls may go.
///
/// Asked for each address, behind the resolution of names, before anything is sent; and again for each further session
/// that would share a connection that is there.
#[derive(derive_more::Debug, Clone, Default)]
pub enum DialCheck {
    /// Nobody: every address may be dialled.
    #[default]
    None,
    /// A function. It is called on the engine's threads and must not block. A panic in it refuses the address.
    #[debug("Function")]
    Function(Arc<dyn Fn(&DialAttempt) -> bool + Send + Sync>),
    /// The host: it gets [`Event::Dial`](super::Event::Dial) and answers with [`Engine::allow_dial`]. An address for
    /// which no answer comes within [`Limits::connect`] is not dialled. Of this facade alone, not of
    /// [`msrp::Engine`](crate::Engine).
    Host,
}

/// What a [`DialCheck`] judges.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialAttempt {
    /// The session that is to be connected.
    pub session: SessionHandle,
    /// The host in its remote path, that of the `c=` line where CEMA counts, or the server of its relay: a name, or the
    /// address itself.
    pub host: String,
    /// What would be dialled, or what the connection to be shared leads to.
    pub address: SocketAddr,
}

impl Engine {
    /// Answers [`Event::Resolve`](super::Event::Resolve): the addresses of the name in the order in which they are to be
    /// tried, or why there are none, which goes into the error of the dial. From any thread.
    ///
    /// # Errors
    /// `Gone` when nobody waits for the answer any more: the session has ended, [`Limits::resolve`] is over, or it was
    /// answered. `InvalidArgument` if the query is of another kind. `Forked`.
    pub fn resolved(
        &self,
        query: QueryHandle,
        addresses: std::result::Result<Vec<IpAddr>, String>,
    ) -> Result<()> {
        let dialler = &self.core()?.shared.context.dialler;
        dialler.questions.resolved(query.0, addresses)
    }

    /// Answers [`Event::Service`](super::Event::Service): the records in any order, none if the name has none, or why
    /// nobody knows, which goes into the error of the dial. From any thread.
    ///
    /// # Errors
    /// As [`resolved`](Self::resolved).
    pub fn service_found(
        &self,
        query: QueryHandle,
        records: std::result::Result<Vec<SrvRecord>, String>,
    ) -> Result<()> {
        let dialler = &self.core()?.shared.context.dialler;
        dialler.questions.service_found(query.0, records)
    }

    /// Answers [`Event::Dial`](super::Event::Dial): whether the address may be dialled. From any thread.
    ///
    /// # Errors
    /// `Gone` when nobody waits for the answer any more: the session has ended, is connected to another address, its
    /// time is over, or it was answered. `InvalidArgument` if the query is of another kind. `Forked`.
    pub fn allow_dial(&self, query: QueryHandle, allow: bool) -> Result<()> {
        let dialler = &self.core()?.shared.context.dialler;
        dialler.questions.allowed(query.0, allow)
    }
}

/// What the engine dials with.
pub(super) fn dialler(
    limits: &Limits,
    resolver: NameResolution,
    services: ServiceLookup,
    check: DialCheck,
) -> Dialler {
    let who = match resolver {
        NameResolution::System => Who::Resolver(Arc::new(SystemResolver::default())),
        NameResolution::Resolver(resolver) => Who::Resolver(resolver),
        NameResolution::Host => Who::Host,
    };
    let serves = match services {
        ServiceLookup::Resolver => WhoServes::Resolver,
        ServiceLookup::Host => WhoServes::Host,
    };
    let check = match check {
        DialCheck::None => Check::None,
        DialCheck::Host => Check::Host,
        DialCheck::Function(function) => Check::Function(translated(function)),
    };
    Dialler::new(limits, Names::new(who, serves, limits), check)
}

fn translated(function: Arc<dyn Fn(&DialAttempt) -> bool + Send + Sync>) -> Function {
    Arc::new(move |session, host, address| {
        function(&DialAttempt {
            session: SessionHandle(session.0),
            host: host.to_string(),
            address,
        })
    })
}
