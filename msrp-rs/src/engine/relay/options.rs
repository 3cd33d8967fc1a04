//! What a relay in this process is told: its names, whom it serves, where it connects to, and its bounds.

use std::sync::Arc;
use std::time::Duration;

use super::events::RelayEvents;
use crate::engine::options::TlsConfig;
use crate::error::{Error, Result};
use crate::limits;
use crate::net::relay::host::{Everything, RelayPolicy, RelayUsers};
use crate::net::relay::network::Network;
use crate::role::relay::{LinkOptions, OfficeOptions, OwnName};
use crate::wire::{Algorithm, Host};

/// How a relay is made. [`RelayOptions::new`] has what most relays want; change its fields.
///
/// All numbers are bounds against those who use the relay: what happens beyond each stands beside it.
#[derive(derive_more::Debug, Clone)]
pub struct RelayOptions {
    /// The names under which the relay is addressed, `host` or `host:port`: its own, which stands in the URIs that it
    /// gives out, first, then the domains that it serves by SRV records (RFC 4976 §8). Fully qualified names (RFC 4976
    /// §4.2).
    pub hosts: Vec<String>,
    /// The port in the URIs that it gives out, where others reach it by TLS. 0: that of its first TLS listener.
    pub port: u16,
    /// Allows `hosts` to be addresses and names of one label: for tests.
    pub numeric_hosts: bool,
    /// The realm of its challenges. `None`: the first of `hosts`.
    pub realm: Option<String>,
    /// The digest algorithms offered, best first. Default MD5 alone: clients exist that read the first challenge only
    /// (RFC 7616 §3.7).
    pub algorithms: Vec<Algorithm>,
    /// Its certificate, key and the CAs of other relays; [`verify`](TlsConfig::verify) has to be
    /// [`Ca`](crate::TlsVerify::Ca). A peer that shows a certificate which `ca` has signed is the relay that it names;
    /// any other certificate counts for nothing, and harms nobody (RFC 4976 §6.1, §9.2). `None`: the engine's.
    pub tls: Option<TlsConfig>,
    /// Knows the secrets of its users.
    #[debug(skip)]
    pub users: Arc<dyn RelayUsers>,
    /// Says what may be done with the relay.
    #[debug(skip)]
    pub policy: Arc<dyn RelayPolicy>,
    /// Who is told by an event that the relay has ended.
    pub events: Option<Arc<RelayEvents>>,
    /// Asks [`RelayPolicy::authorise`] about each AUTH whose password was right.
    pub ask_authorise: bool,
    /// Asks [`RelayPolicy::message`] about each message. It costs a call for each, and the first chunk waits for the
    /// answer.
    pub ask_messages: bool,
    /// Answers requests of unknown methods with 501 instead of sending them on (RFC 4976 §6.4.2).
    pub block_unknown_methods: bool,
    /// Ends chunks that cannot be finished, since their sender was lost, with `#` instead of `+`: then they are not
    /// resumed (RFC 4975 §5.4).
    pub abort_cut_chunks: bool,
    /// Serves AUTH without TLS to clients on this machine, gives out `msrp` URIs to them, and connects to other relays
    /// without TLS: for tests and benchmarks. A warning in the log says that it is on.
    pub insecure_plain_auth: bool,
    /// Networks to which the relay connects for its clients although they are not everybody's. To all other loopback,
    /// link-local, private, shared, documentation and multicast addresses, cloud metadata among them, it does not.
    pub networks: Vec<Network>,
    /// How long a URI holds if the client does not ask for a time. Default 1 h.
    pub lifetime: Duration,
    /// The least that is granted; less gets 423 with Min-Expires. Default 60 s.
    pub min_lifetime: Duration,
    /// The most that is granted; more gets 423 with Max-Expires. Default 24 h.
    pub max_lifetime: Duration,
    /// How long a nonce is good. Default 5 min.
    pub nonce_lifetime: Duration,
    /// URIs in all. Beyond: 403. Default 100 000.
    pub max_tokens: usize,
    /// URIs of one user. Beyond: 403. Default 1000.
    pub max_tokens_per_user: usize,
    /// URIs of one client's connection. Beyond: 403. Default 1000.
    pub max_tokens_per_connection: usize,
    /// Connections in all. Beyond: the one unused longest is closed, first of those that have got no URI and do not lead to
    /// another relay. Default 16 384.
    pub max_connections: usize,
    /// Connections of clients from one address, or from one /64 of IPv6. Beyond: the one of them unused longest is closed,
    /// first of those that have got no URI, so that whoever may log in cannot drive the others out. Other relays do not count. Default 4096.
    pub max_connections_per_address: usize,
    /// Questions to the host that wait for answers. Beyond: 408. Default 1024.
    pub max_questions: usize,
    /// How long the host may think about a question. Beyond: it is refused. Default 10 s.
    pub answer_timeout: Duration,
    /// In this time a new connection of a client has to bring a request that succeeds (RFC 4976 §6.1). Beyond: it is
    /// closed. Default 30 s.
    pub probation: Duration,
    /// So many requests that fail before the first that succeeds close a client's connection. Default 5.
    pub max_failures: u32,
    /// So many AUTHs in a row that fail close a client's connection; for those passed on to one other relay as many
    /// (RFC 4976 §6.3). Default 5.
    pub max_failed_auths: u32,
    /// Pairs of user and address of which failures are remembered, to answer them later and later. Beyond: the oldest
    /// is forgotten. Default 4096.
    pub remembered_failures: usize,
    /// A connection that is unused for so long is closed, URIs or not. `None`: never, as RFC 4976 §6.5 wishes; at least
    /// an hour if there is one.
    pub idle: Option<Duration>,
}

impl RelayOptions {
    /// The options of a relay with this name, whose users' secrets `users` knows.
    pub fn new(host: impl Into<String>, users: Arc<dyn RelayUsers>) -> Self {
        Self {
            hosts: vec![host.into()],
            port: 0,
            numeric_hosts: false,
            realm: None,
            algorithms: vec![Algorithm::Md5],
            tls: None,
            users,
            policy: Arc::new(Everything),
            events: None,
            ask_authorise: false,
            ask_messages: false,
            block_unknown_methods: false,
            abort_cut_chunks: false,
            insecure_plain_auth: false,
            networks: Vec::new(),
            lifetime: Duration::from_secs(3600),
            min_lifetime: Duration::from_secs(60),
            max_lifetime: Duration::from_secs(24 * 3600),
            nonce_lifetime: Duration::from_secs(300),
            max_tokens: 100_000,
            max_tokens_per_user: 1000,
            max_tokens_per_connection: 1000,
            max_connections: 16 * 1024,
            max_connections_per_address: 4096,
            max_questions: 1024,
            answer_timeout: Duration::from_secs(10),
            probation: Duration::from_secs(30),
            max_failures: 5,
            max_failed_auths: 5,
            remembered_failures: 4096,
            idle: None,
        }
    }

    /// For the office.
    pub(super) fn office(&self) -> Result<OfficeOptions> {
        let Some((name, others)) = self.hosts.split_first() else {
            return Err(Error::invalid_argument(
                "relay hosts are none, its own name is needed",
            ));
        };
        let name: Host = name.parse()?;
        let mut office = OfficeOptions::new(name, self.port);
        for other in others {
            office.hosts.push(other.parse::<OwnName>()?);
        }
        if let Some(realm) = &self.realm {
            office.realm.clone_from(realm);
        }
        office.plain_port = 0;
        office.numeric_hosts = self.numeric_hosts;
        office.algorithms.clone_from(&self.algorithms);
        office.insecure_plain_auth = self.insecure_plain_auth;
        office.authorise = self.ask_authorise;
        office.lifetime = self.lifetime;
        office.min_lifetime = self.min_lifetime;
        office.max_lifetime = self.max_lifetime;
        office.nonce_lifetime = self.nonce_lifetime;
        office.tokens = self.max_tokens;
        office.tokens_per_user = self.max_tokens_per_user;
        office.tokens_per_link = self.max_tokens_per_connection;
        office.questions = self.max_questions;
        office.answer_timeout = self.answer_timeout;
        office.remembered_failures = self.remembered_failures;
        office.validate()?;
        Ok(office)
    }

    /// For its links.
    pub(super) fn links(&self) -> Result<LinkOptions> {
        const MANY: usize = 1024 * 1024;
        limits::time("relay probation", self.probation)?;
        let (failures, auths) = (self.max_failures as usize, self.max_failed_auths as usize);
        limits::range("relay max_failures", failures, 1, MANY)?;
        limits::range("relay max_failed_auths", auths, 1, MANY)?;
        limits::range("relay max_connections", self.max_connections, 1, 16 * MANY)?;
        let per_address = self.max_connections_per_address;
        limits::range(
            "relay max_connections_per_address",
            per_address,
            1,
            16 * MANY,
        )?;
        if let Some(idle) = self.idle {
            limits::time("relay idle", idle)?;
            if idle < IDLE {
                return Err(Error::invalid_argument(format!(
                    "relay idle is {idle:?}, allowed is {IDLE:?} and more (RFC 4976 §6.5)"
                )));
            }
        }
        let mut links = LinkOptions {
            probation: self.probation,
            failures: self.max_failures,
            auth_failures: self.max_failed_auths,
            block_unknown: self.block_unknown_methods,
            ask: self.ask_messages,
            ..LinkOptions::default()
        };
        if self.abort_cut_chunks {
            links.cut = crate::wire::Continuation::Abort;
        }
        Ok(links)
    }
}

/// The shortest time after which an idle connection may be closed (RFC 4976 §6.5).
const IDLE: Duration = Duration::from_secs(3600);

/// Where a relay listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayListenOptions {
    /// An address, or a name that resolves to one of this machine's.
    pub host: String,
    /// 0: any free port.
    pub port: u16,
    /// Whether it speaks TLS. One without is for peers that come without relays of their own (RFC 4976 §9.2): AUTH is
    /// not served there, but for [`RelayOptions::insecure_plain_auth`].
    pub secure: bool,
    /// The port under which others reach it, if that is another one.
    pub advertise_port: Option<u16>,
    /// The network interface to which connections must come, by its name. `None`: any that has the address.
    pub interface: Option<String>,
    /// The differentiated services code point of what its connections send (RFC 2474), 0 to 63. `None`: the system's.
    pub dscp: Option<u8>,
    /// After so long without traffic on a connection the system asks the peer whether it is there, 1 s to 32,767 s; who
    /// does not answer for as long again has timed out (TCP keep-alive). `None`: never.
    pub tcp_keepalive: Option<Duration>,
}

impl Default for RelayListenOptions {
    /// TLS on port 2855 of all addresses.
    fn default() -> Self {
        Self {
            host: "::".to_owned(),
            port: 2855,
            secure: true,
            advertise_port: None,
            interface: None,
            dscp: None,
            tcp_keepalive: None,
        }
    }
}
