//! Who may use a relay, and where requests may go (RFC 4976 §6.2 to §6.4): one office for all links of a relay.
//!
//! Pure: the time comes as an argument, randomness as a seed, and what only the host knows is asked by
//! [`OfficeEvent`]s. Links ask it as their [`Switchboard`]; `net` tells of links that are gone, carries questions to the
//! host and answers to the links.
//!
//! No request goes anywhere but from the holder of one of our URIs to where he wants it, over the very connection or
//! relay that got it, or towards him, out of that connection or over that relay. So this is no open relay, whatever the
//! paths say.
//!
//! What goes over a connection, what of it is told to whom, and how long a stranger may fail, is `link`'s business; which
//! addresses may be connected to, `net`'s.

mod auth;
mod backoff;
mod counts;
mod members;
mod options;
mod own;
mod route;
mod tokens;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::counts::OfficeCounts;
pub use self::options::OfficeOptions;
pub use self::own::OwnName;

use self::auth::{Asked, Books, Digest};
use self::backoff::BackOff;
#[cfg(all(feature = "net", not(loom)))]
pub(crate) use self::backoff::site;
use self::own::OwnNames;
use self::tokens::{Room, TokenId, Tokens};
use super::{AuthReply, AuthStep, Decision, Holder, LinkId, Party, QueryId, Switchboard};
use crate::error::Result;
use crate::proto::IdSource;
use crate::wire::{Algorithm, Head, Uri};

/// One question to the host, unique as long as the relay runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostQuery(pub u64);

/// What an office has to say to its host.
#[derive(derive_more::Debug)]
pub enum OfficeEvent {
    /// What is the secret of this user? Answered by [`Office::credentials`].
    Credentials {
        /// Names the question in the answer.
        query: HostQuery,
        /// The user's name as the client wrote it, with nothing checked yet.
        #[debug(skip)]
        user: Arc<str>,
        /// The realm.
        realm: String,
        /// Which H(A1) is wanted.
        algorithm: Algorithm,
        /// Where the AUTH came from: the client, or another relay.
        address: Option<IpAddr>,
    },
    /// May this user have a URI? The password was right. Answered by [`Office::authorise`].
    Authorise {
        /// Names the question in the answer.
        query: HostQuery,
        /// Who.
        #[debug(skip)]
        user: Arc<str>,
        /// Where the AUTH came from: the client, or another relay.
        address: Option<IpAddr>,
        /// How long it will hold.
        expires: Duration,
    },
    /// What an AUTH is answered for which the link that asked waits: for [`Link::handle_answer`](super::Link::handle_answer)
    /// of the link that the question names.
    Answer(QueryId, AuthReply),
}

/// All that a relay knows of those who use it.
#[derive(derive_more::Debug)]
pub struct Office {
    options: OfficeOptions,
    own: OwnNames,
    digest: Digest,
    #[debug(skip)]
    ids: IdSource,
    tokens: Tokens,
    books: Books,
    asked: Asked,
    backoff: BackOff,
    counts: OfficeCounts,
    events: VecDeque<OfficeEvent>,
}

impl Office {
    /// An office that knows nobody. `seed` is 32 octets of the operating system's randomness: all URIs and nonces come
    /// from it.
    ///
    /// # Errors
    /// As [`OfficeOptions::validate`].
    pub fn new(options: OfficeOptions, seed: [u8; 32]) -> Result<Self> {
        options.validate()?;
        let name = OwnName {
            host: options.name.clone(),
            port: None,
        };
        let mut own = options.hosts.clone();
        // An address alone would take other relays on this machine for this one: tests name it with its port.
        if name.host.ip().is_none() || own.is_empty() {
            own.push(name);
        }
        Ok(Self {
            own: OwnNames(own),
            digest: Digest::new(&options),
            ids: IdSource::new(seed),
            tokens: Tokens::new(Room {
                in_all: options.tokens,
                per_user: options.tokens_per_user,
                per_link: options.tokens_per_link,
            }),
            books: Books::default(),
            asked: Asked::default(),
            backoff: BackOff::new(options.remembered_failures),
            counts: OfficeCounts::default(),
            events: VecDeque::new(),
            options,
        })
    }

    /// What it was made with.
    pub fn options(&self) -> &OfficeOptions {
        &self.options
    }

    /// A listener is there whose URIs have this port, over TLS or not: from now on they are given out, if no other port
    /// was, and where the relay's name is an address alone, it is this port that is meant by it.
    pub fn listens(&mut self, port: u16, secure: bool) {
        let own = match secure {
            true => &mut self.options.port,
            false => &mut self.options.plain_port,
        };
        if *own == 0 {
            *own = port;
        }
        if self.options.name.ip().is_some() {
            let name = |port| OwnName {
                host: self.options.name.clone(),
                port,
            };
            let (any, this) = (name(None), name(Some(port)));
            self.own.0.retain(|own| *own != any);
            self.own.0.push(this);
        }
    }

    /// A link is gone: the URIs that it got are void, and nobody is reached over it. Nothing may be asked for it
    /// afterwards.
    pub fn link_gone(&mut self, link: LinkId) {
        self.tokens.link_gone(link);
        self.asked.link_gone(link);
        self.books.gone(&Holder::Link(link));
    }

    /// The last link to the relay of this name is gone. The URIs that it got hold on: they are good over each link to
    /// it.
    pub fn relay_gone(&mut self, name: &Arc<str>) {
        self.books.gone(&Holder::Relay(name.clone()));
    }

    /// Whether a URI means this relay.
    pub fn is_own(&self, uri: &Uri) -> bool {
        self.own.has(uri)
    }

    /// Ends all URIs of a user; says how many there were. Of AUTHs about which the host was asked before and has not
    /// answered yet, none gets a URI: with the right password they get 401 with a new nonce and `stale=true`, for which
    /// the host is asked anew.
    pub fn revoke(&mut self, user: &str) -> usize {
        self.asked.user_gone(user);
        self.tokens.user_gone(user)
    }

    /// The next question or answer.
    pub fn poll_event(&mut self) -> Option<OfficeEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] has to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let times = [self.tokens.next_expiry(), self.asked.next_deadline()];
        times.into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tokens.expire(now);
        self.unanswered(now);
    }

    /// How often it decided what.
    pub fn counts(&self) -> OfficeCounts {
        OfficeCounts {
            tokens: self.tokens.len() as u64,
            ..self.counts
        }
    }

    fn draw_token(&mut self) -> TokenId {
        let seed = self.ids.seed();
        let (random, _) = seed.split_first_chunk().expect("a seed has 32 octets");
        TokenId(u128::from_le_bytes(*random))
    }
}

impl Switchboard for Office {
    fn route(&mut self, now: Instant, from: &Party, head: &Head) -> Decision {
        self.decide(now, from, head)
    }

    fn auth(&mut self, now: Instant, from: &Party, query: QueryId, head: &Head) -> AuthStep {
        self.serve(now, from, query, head)
    }
}
