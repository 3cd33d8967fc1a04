//! CEMA: connections through middleboxes that rewrite addresses in SDP (RFC 6714).
//!
//! A middlebox that anchors media puts its own address into the `c=` and `m=` line and leaves `path` as it is. With
//! `a=msrp-cema` the side that connects goes to that address; everything else about the session, To-Path and the name
//! in a certificate among it, stays with the path. Here stands what follows from an offer and an answer: whether `c=`
//! and `m=` line match the path (§4.4), what an offerer does with an answer (§4.2) and an answerer with an offer (§4.3).
//!
//! Pure: who has looked names up hands the addresses in as [`Names`]. Which names are needed, [`names_of_offer`] and
//! [`names_of_answer`] say; the lookup is the engine's business. The attribute itself is read and written by `media`,
//! put into our own descriptions by `negotiate`.

use std::net::IpAddr;

use super::media::MediaDescription;
use super::negotiate::{LocalOptions, answer_role};
use super::setup::{Setup, SetupAttribute};
use super::{excerpt, invalid};
use crate::error::Result;
use crate::mutant::{self, Mutant};
use crate::wire::Host;

/// Most names of one description that are looked up; further ones count as names without an address.
pub const MAX_NAMES: usize = 8;

/// What lookups gave: addresses by name. Names compare without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    known: Vec<(String, Vec<IpAddr>)>,
}

impl Names {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The addresses of `name`, in place of those that were known of it; an empty list says that it has none.
    pub fn insert(&mut self, name: &str, addresses: Vec<IpAddr>) {
        self.known
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.known.push((name.to_owned(), addresses));
    }

    /// The addresses of `name`; `None` if nobody has looked.
    pub fn addresses(&self, name: &str) -> Option<&[IpAddr]> {
        self.known
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, addresses)| addresses.as_slice())
    }

    /// All addresses of a host.
    fn of(&self, host: &Host) -> Vec<IpAddr> {
        match host {
            Host::Name(name) => self.addresses(name).unwrap_or_default().to_vec(),
            Host::V4(_) | Host::V6(_) => host.ip().into_iter().collect(),
        }
    }
}

/// Where the side that is active connects to. What it says there is the path's in any case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Connect {
    /// To the leftmost URI of the peer's path (RFC 4975 §5.4).
    Path,
    /// To this host and port: those of the peer's `c=` and `m=` line, which differ in their text from that URI.
    Address(Host, u16),
}

impl Connect {
    /// The `c=` and `m=` line of `theirs`, or its path where that says the same.
    fn address(theirs: &MediaDescription) -> Self {
        let first = theirs.path.first();
        match &theirs.address {
            Some(host)
                if (host, Some(theirs.port)) != (first.host(), first.port())
                    && !mutant::on(Mutant::CemaByPath) =>
            {
                Self::Address(host.clone(), theirs.port)
            }
            _ => Self::Path,
        }
    }
}

/// What an offerer does after the answer (RFC 6714 §4.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AfterAnswer {
    /// The session is agreed upon. If we are active, we connect to this; else we wait for the peer.
    Agreed(Connect),
    /// No connection would come about: the answer is void, and a new offer without `msrp-cema` is due.
    OfferAgain(Fallback),
}

/// Why a new offer without `msrp-cema` is due (RFC 6714 §4.2). In each case `c=` and `m=` line of the answer have the
/// address of a middlebox, which has to step in as a B2BUA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fallback {
    /// The answerer knows no CEMA and would connect, past the middlebox, to our path (criterion 1).
    PeerConnectsByPath,
    /// We would connect, and our relay connects by path only (criterion 2, §4.1).
    OwnRelayConnects,
    /// We would connect to a relay that put its user's address into the SDP (criterion 3).
    PeerRelayHidden,
}

/// Whether `c=` and `m=` line of a description match a URI of its path (RFC 6714 §4.4): the port is the same, and so is
/// the host or one of its addresses. Addresses are compared by value, so the way in which an IPv6 address is written
/// does not count (RFC 5952). A name that `names` lacks has no address. Without a `c=` line nothing matches.
pub fn matches(description: &MediaDescription, names: &Names) -> bool {
    let Some(host) = &description.address else {
        return false;
    };
    let mut uris = description.path.iter();
    uris.any(|uri| {
        uri.port() == Some(description.port)
            && (uri.host() == host || {
                let theirs = names.of(uri.host());
                names.of(host).iter().any(|ip| theirs.contains(ip))
            })
    })
}

/// The names that have to be looked up before [`matches`] can tell: none where the texts alone do, at most [`MAX_NAMES`].
fn names_to_compare(description: &MediaDescription, names: &Names) -> Vec<String> {
    let Some(host) = description.address.as_ref() else {
        return Vec::new();
    };
    if matches(description, names) {
        return Vec::new();
    }
    let mut wanted: Vec<String> = Vec::new();
    let mut want = |host: &Host| {
        if let Host::Name(name) = host
            && wanted.len() < MAX_NAMES
            && !wanted.iter().any(|known| known.eq_ignore_ascii_case(name))
        {
            wanted.push(name.clone());
        }
    };
    for uri in description.path.iter() {
        // What has another port, or another address, cannot match whatever is looked up.
        let is_open = uri.port() == Some(description.port)
            && !(uri.host().ip().is_some() && host.ip().is_some());
        if is_open {
            want(host);
            want(uri.host());
        }
    }
    wanted.retain(|name| names.addresses(name).is_none());
    wanted
}

/// The names that have to be looked up before `offer` can be answered; those that `names` has are left out.
pub fn names_of_offer(
    local: &LocalOptions,
    offer: &MediaDescription,
    names: &Names,
) -> Vec<String> {
    if local.cema && !offer.cema {
        names_to_compare(offer, names)
    } else {
        Vec::new()
    }
}

/// The names that have to be looked up before [`after_answer`] can tell what to do with `answer` to our `offer`; those
/// that `names` has are left out. `role` is ours.
pub fn names_of_answer(
    offer: &MediaDescription,
    answer: &MediaDescription,
    role: Setup,
    names: &Names,
) -> Vec<String> {
    let is_decided = match role {
        Setup::Active => !offer.has_relay() && !answer.has_relay(),
        Setup::Passive => answer.cema,
    };
    if !offer.cema || is_decided || answer.is_on_hold() {
        return Vec::new();
    }
    names_to_compare(answer, names)
}

/// What to do with `answer` to our `offer`, in which our role is `role` ([`role_from_answer`](super::role_from_answer)).
///
/// An offer without `msrp-cema` is agreed upon as RFC 4975 has it, whatever the answer says. A `c=` line of `0.0.0.0`
/// says that the peer holds, not that there is a middlebox (RFC 3264 §8.4): the path decides.
///
/// # Errors
/// `InvalidSdp` if the answer is an `m=` block without the `c=` line that is needed.
pub fn after_answer(
    offer: &MediaDescription,
    answer: &MediaDescription,
    role: Setup,
    names: &Names,
) -> Result<AfterAnswer> {
    if !offer.cema || answer.is_on_hold() {
        return Ok(AfterAnswer::Agreed(Connect::Path));
    }
    check_address(answer)?;
    let is_active = role == Setup::Active;
    let differs = || !matches(answer, names);
    let fallback = if !is_active && !answer.cema && differs() {
        Some(Fallback::PeerConnectsByPath)
    } else if is_active && offer.has_relay() && differs() {
        // Not only without the attribute: a relay of ours connects by To-Path, which has to name the peer (§4.1).
        Some(Fallback::OwnRelayConnects)
    } else if is_active && answer.has_relay() && !answer.cema && differs() {
        Some(Fallback::PeerRelayHidden)
    } else {
        None
    };
    if let Some(fallback) = fallback.filter(|_| !mutant::on(Mutant::CemaNoFallback)) {
        return Ok(AfterAnswer::OfferAgain(fallback));
    }
    // A relay of the peer that is where the SDP says: no middlebox is between (§4.2), and the path names the relay.
    let by_path = !is_active || offer.has_relay() || (answer.has_relay() && !differs());
    Ok(AfterAnswer::Agreed(if by_path {
        Connect::Path
    } else {
        Connect::address(answer)
    }))
}

/// What an answerer that knows CEMA does about an offer (RFC 6714 §4.3).
pub(super) enum Answering {
    /// As RFC 4975 has it, without the attribute.
    Plain,
    /// With the attribute, in this role, and to be connected like this if active.
    Cema(Setup, Connect),
}

/// How `offer` is answered.
///
/// # Errors
/// `InvalidSdp`: the stream is to be refused, or the `c=` line is missing.
pub(super) fn answering(
    local: &LocalOptions,
    offer: &MediaDescription,
    names: &Names,
) -> Result<Answering> {
    if !local.cema {
        return Ok(Answering::Plain);
    }
    check_address(offer)?;
    if !offer.cema && !matches(offer, names) && !mutant::on(Mutant::CemaMismatchTaken) {
        return Err(mismatch(offer));
    }
    let role = role(local, offer);
    let both = local.has_relay() && offer.has_relay();
    let their_relay_connects = offer.has_relay() && role == Setup::Passive;
    let our_relay_connects = local.has_relay() && role == Setup::Active;
    if both || their_relay_connects || our_relay_connects {
        return Ok(Answering::Plain);
    }
    let connect = if role == Setup::Active && !offer.is_on_hold() {
        Connect::address(offer)
    } else {
        Connect::Path
    };
    Ok(Answering::Cema(role, connect))
}

/// Our role with CEMA. A side with a relay has to be passive (§4.1): ours is, and the peer's is if we leave it no
/// choice.
fn role(local: &LocalOptions, offer: &MediaDescription) -> Setup {
    match offer.setup {
        Some(SetupAttribute::ActPass) if local.has_relay() => Setup::Passive,
        Some(SetupAttribute::ActPass)
            if offer.has_relay() && local.setup != SetupAttribute::Passive =>
        {
            Setup::Active
        }
        offered => answer_role(local, offered).0,
    }
}

fn check_address(theirs: &MediaDescription) -> Result<()> {
    if theirs.address.is_none() {
        return Err(invalid(
            "m= block has no c= line, and with CEMA its address counts: give the one that holds for it (RFC 6714 §4.4)",
        ));
    }
    Ok(())
}

/// Somebody changed the addresses of this offer who can neither do CEMA nor stand in for the peer.
fn mismatch(offer: &MediaDescription) -> crate::error::Error {
    let host = offer.address.as_ref().map(ToString::to_string);
    let first = offer.path.first();
    let named = first.host().to_string();
    invalid(format!(
        "c= and m= line say {}:{}, no URI of the path does, which begins with {}:{}, and msrp-cema is missing: refuse \
         the stream (RFC 6714 §4.3)",
        excerpt(&host.unwrap_or_default()),
        offer.port,
        excerpt(&named),
        first.port().unwrap_or_default(),
    ))
}
