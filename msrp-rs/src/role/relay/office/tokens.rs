//! The URIs that a relay has given out (RFC 4976 §6.3): whose they are, how long they hold, and who has reached their
//! holders over connections of their own (§6.4.2).
//!
//! Whether a request may use one is decided in `route`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::super::{Holder, LinkId, Validity};
use super::members::Members;
use crate::mutant::{self, Mutant};
use crate::proto::work::steps;
use crate::wire::{Scheme, Uri};

/// 128 random bits: the session-id of a URI of this relay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TokenId(pub(super) u128);

impl TokenId {
    /// As session-id: 32 lower-case hexadecimal digits.
    fn text(self) -> String {
        format!("{:032x}", self.0)
    }

    /// What [`Self::text`] made, and nothing else.
    fn parse(session_id: &str) -> Option<Self> {
        let is_digit = |octet: u8| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet);
        if session_id.len() != 32 || !session_id.bytes().all(is_digit) {
            return None;
        }
        u128::from_str_radix(session_id, 16).ok().map(Self)
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four of 32 digits, as `Redacted` shows of a session-id.
        write!(f, "{:04x}…", self.0 >> 112)
    }
}

/// One URI that was given out.
pub(super) struct Token {
    pub(super) uri: Uri,
    pub(super) holder: Holder,
    pub(super) user: Arc<str>,
    pub(super) expires: Instant,
    /// Revoked when the token is void, and replaced when its requests go another way.
    pub(super) validity: Validity,
    peers: Vec<Reached>,
}

/// A peer that has reached the holder through the token, over connections that it made.
struct Reached {
    uri: Uri,
    /// In the order in which they came; the first holds.
    links: Vec<LinkId>,
}

impl Token {
    /// The connection of the peer that calls itself so, if it has made one.
    pub(super) fn link_of(&self, peer: &Uri) -> Option<LinkId> {
        let reached = self.peers.iter().find(|reached| reached.uri == *peer)?;
        let link = mutant::swap(Mutant::LastConnectionUsed, reached.links.first(), || {
            reached.links.last()
        });
        link.copied()
    }

    fn reroute(&mut self) {
        self.validity.revoke();
        self.validity = Validity::new(Some(self.expires));
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("uri", &self.uri)
            .field("holder", &self.holder)
            .finish_non_exhaustive()
    }
}

/// How many there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) in_all: usize,
    pub(super) per_user: usize,
    pub(super) per_link: usize,
}

/// All URIs of one relay.
#[derive(Debug)]
pub(super) struct Tokens {
    room: Room,
    table: HashMap<TokenId, Token>,
    expiries: BTreeSet<(Instant, TokenId)>,
    of_user: Members<Arc<str>, TokenId>,
    /// Those that a link holds.
    held: Members<LinkId, TokenId>,
    /// Those whose holders are reached by somebody over a link.
    known: Members<LinkId, TokenId>,
}

impl Tokens {
    pub(super) fn new(room: Room) -> Self {
        Self {
            room,
            table: HashMap::new(),
            expiries: BTreeSet::new(),
            of_user: Members::default(),
            held: Members::default(),
            known: Members::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether this holder and user may have one more.
    pub(super) fn has_room(&self, holder: &Holder, user: &str) -> bool {
        let of_link = match holder {
            Holder::Link(link) => self.held.count(link),
            Holder::Relay(_) => 0,
        };
        self.table.len() < self.room.in_all
            && self.of_user.count(user) < self.room.per_user
            && of_link < self.room.per_link
    }

    /// Gives out a new URI; `id` is drawn at random. `None` if it is in use already, or cannot be written.
    pub(super) fn give(
        &mut self,
        id: TokenId,
        (scheme, host, port): (Scheme, &crate::wire::Host, u16),
        holder: Holder,
        user: Arc<str>,
        expires: Instant,
    ) -> Option<Uri> {
        if self.table.contains_key(&id) {
            return None;
        }
        let uri = Uri::session(scheme, host, port, &id.text()).ok()?;
        if let Holder::Link(link) = holder {
            self.held.add(link, id);
        }
        self.of_user.add(user.clone(), id);
        self.expiries.insert((expires, id));
        let token = Token {
            uri: uri.clone(),
            holder,
            user,
            expires,
            validity: Validity::new(Some(expires)),
            peers: Vec::new(),
        };
        self.table.insert(id, token);
        Some(uri)
    }

    /// The token that this URI is, if it was given out and holds.
    pub(super) fn get(&self, now: Instant, uri: &Uri) -> Option<(TokenId, &Token)> {
        let id = TokenId::parse(uri.session_id()?)?;
        let token = self.table.get(&id)?;
        let holds = now < token.expires || mutant::on(Mutant::TokenEndless);
        (token.uri == *uri && holds).then_some((id, token))
    }

    /// Remembers that a peer reached the holder of a token over its own link. Of each token at most 16 peers on four
    /// links each are remembered, and no URI of more than 512 octets: for others a connection is made.
    ///
    /// Gives the validity of ways through the token from now on: those towards a new peer have changed.
    pub(super) fn reached(
        &mut self,
        id: TokenId,
        peer: &Uri,
        link: LinkId,
        before: Validity,
    ) -> Validity {
        let Some(token) = self.table.get_mut(&id) else {
            return before;
        };
        if peer.as_str().len() > MAX_PEER_LEN {
            return before;
        }
        let known = token.peers.iter().position(|known| known.uri == *peer);
        match known {
            Some(at) => {
                let links = &mut token.peers[at].links;
                if links.contains(&link) || links.len() == MAX_LINKS_PER_PEER {
                    return before;
                }
                links.push(link);
            }
            None if token.peers.len() == MAX_PEERS => return before,
            None => {
                let reached = Reached {
                    uri: peer.clone(),
                    links: vec![link],
                };
                push_lean(&mut token.peers, reached);
                token.reroute();
            }
        }
        self.known.add(link, id);
        token.validity.clone()
    }

    /// A link is gone: what it held is void, and nobody is reached over it any more.
    pub(super) fn link_gone(&mut self, link: LinkId) {
        let held = self.held.take(&link);
        if !mutant::on(Mutant::TokenOutlivesLink) {
            for id in held {
                self.remove(id);
            }
        }
        for id in self.known.take(&link) {
            let Some(token) = self.table.get_mut(&id) else {
                continue;
            };
            for reached in &mut token.peers {
                reached.links.retain(|known| *known != link);
            }
            token.peers.retain(|reached| !reached.links.is_empty());
            token.reroute();
        }
    }

    /// Ends those of a user; says how many there were.
    pub(super) fn user_gone(&mut self, user: &str) -> usize {
        let ids = self.of_user.take(user);
        steps(ids.len());
        for id in &ids {
            self.remove(*id);
        }
        ids.len()
    }

    /// When the next one expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(expires, _)| *expires)
    }

    /// Forgets those that have expired; says how many.
    pub(super) fn expire(&mut self, now: Instant) -> usize {
        let mut expired = 0;
        while let Some((expires, id)) = self.expiries.first().copied()
            && expires <= now
        {
            self.remove(id);
            expired += 1;
        }
        expired
    }

    fn remove(&mut self, id: TokenId) {
        let Some(token) = self.table.remove(&id) else {
            return;
        };
        token.validity.revoke();
        self.expiries.remove(&(token.expires, id));
        self.of_user.remove(&token.user, &id);
        if let Holder::Link(link) = token.holder {
            self.held.remove(&link, &id);
        }
        for reached in token.peers {
            for link in reached.links {
                self.known.remove(&link, &id);
            }
        }
    }
}

/// Appends to a list that has one item most of the time.
fn push_lean<T>(list: &mut Vec<T>, item: T) {
    if list.capacity() == 0 {
        list.reserve_exact(1);
    }
    list.push(item);
}

const MAX_PEERS: usize = 16;
const MAX_LINKS_PER_PEER: usize = 4;
const MAX_PEER_LEN: usize = 512;
