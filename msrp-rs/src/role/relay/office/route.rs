//! Where a request may go (RFC 4976 §6.2, §6.4): never anywhere but towards the client that got the URI to which it is
//! addressed, or on from that client.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::super::{Decision, Holder, Hop, Leg, Party, Peer, Validity};
use super::Office;
use super::tokens::TokenId;
use crate::mutant::{self, Mutant};
use crate::wire::{Head, Method, StatusCode, Uri, UriPath};

/// Why a request goes nowhere.
pub(super) enum Stop {
    /// It is for this relay itself.
    Auth,
    /// For somebody else.
    NotOurs,
    /// Through a URI that nobody has.
    BadToken,
    /// Through a good one, but neither from its holder nor to it.
    WrongHop,
    /// It would come back.
    Loop,
    /// Its paths cannot be read or followed.
    Malformed,
}

/// The way of a request.
struct Way {
    hop: Hop,
    validity: Validity,
    /// How many URIs of ours it passes.
    passed: usize,
    /// The holder was reached through this token, by somebody who may be reached the same way back.
    reached: Option<TokenId>,
}

impl Office {
    /// As [`Switchboard::route`](super::super::Switchboard::route).
    pub(super) fn decide(&mut self, now: Instant, from: &Party, head: &Head) -> Decision {
        let (Ok(to_path), Ok(from_path)) = (head.to_path(), head.from_path()) else {
            return self.stopped(&from.peer, &Stop::Malformed);
        };
        let is_auth = head.method() == Some(&Method::Auth);
        let mut way = match self.way(now, from, to_path.as_slice(), is_auth) {
            Ok(way) => way,
            Err(stop) => return self.stopped(&from.peer, &stop),
        };
        if let Some(token) = way.reached
            && let [peer] = from_path.as_slice()
        {
            way.validity = self.tokens.reached(token, peer, from.link, way.validity);
        }
        self.counts.routed += 1;
        let leg = leg(way.hop, way.passed, &to_path, &from_path);
        Decision::Forward(Arc::new(leg), way.validity)
    }

    fn way(
        &mut self,
        now: Instant,
        from: &Party,
        to_path: &[Uri],
        is_auth: bool,
    ) -> Result<Way, Stop> {
        let first = &to_path[0];
        if !self.own.has(first) {
            return Err(Stop::NotOurs);
        }
        if is_auth && to_path.len() == 1 && first.session_id().is_none() {
            return Err(Stop::Auth);
        }
        let passes = to_path.iter().filter(|uri| self.own.has(uri)).count();
        let is_loop = passes > MAX_PASSES && !mutant::on(Mutant::LoopsForwarded);
        if to_path.len() > MAX_URIS || is_loop {
            return Err(Stop::Loop);
        }
        let (id, token) = self.tokens.get(now, first).ok_or(Stop::BadToken)?;
        let validity = token.validity.clone();
        let next = to_path.get(1).ok_or(Stop::Malformed)?;
        let is_from_holder = match &token.holder {
            Holder::Link(holder) => *holder == from.link || mutant::on(Mutant::AnybodyIsHolder),
            Holder::Relay(name) => matches!(&from.peer, Peer::Relay(names) if names.has(name)),
        };
        if !is_from_holder {
            // Other clients' AUTHs are none of the holder's business (RFC 4976 §5.1).
            if is_auth && !mutant::on(Mutant::AuthToHolder) {
                return Err(Stop::WrongHop);
            }
            // What a relay brings is from its clients: one that has a connection here can be reached over it.
            let reached = !matches!(from.peer, Peer::Relay(_));
            return Ok(Way {
                hop: self.to_holder(&token.holder, next)?,
                validity,
                passed: 1,
                reached: reached.then_some(id),
            });
        }
        if self.own.has(next) {
            // From one client of ours to another: the second URI is used from outside, by this relay.
            let (_, second) = self.tokens.get(now, next).ok_or(Stop::BadToken)?;
            let beyond = to_path.get(2).ok_or(Stop::Malformed)?;
            if is_auth {
                return Err(Stop::WrongHop);
            }
            return Ok(Way {
                hop: self.to_holder(&second.holder, beyond)?,
                validity: validity.and(&second.validity),
                passed: 2,
                reached: None,
            });
        }

        let is_last = to_path.len() == 2;
        // Whoever is asked for a URI is a relay, and so is who has to pass the request on.
        let relay = is_auth || !is_last;
        if next.port().is_none() && !(is_auth && is_last && next.host().ip().is_none()) {
            return Err(Stop::Malformed);
        }
        if relay && !next.is_secure() && !self.options.insecure_plain_auth {
            return Err(Stop::WrongHop);
        }
        let back = match &token.holder {
            Holder::Relay(name) if relay && is_called(next, name) => Some(name.clone()),
            _ => None,
        };
        let hop = match (back, token.link_of(next)) {
            (Some(name), _) => Hop::Relay(name),
            (None, Some(peer)) if !relay && !mutant::on(Mutant::PeerConnectionUnused) => {
                self.counts.routed_to_peers += 1;
                Hop::Link(peer)
            }
            _ => Hop::Uri {
                uri: Box::new(next.clone()),
                relay,
            },
        };
        Ok(Way {
            hop,
            validity,
            passed: 1,
            reached: None,
        })
    }

    /// The way towards the holder of a URI: out of its connection, or over its relay, and in no other direction.
    fn to_holder(&self, holder: &Holder, next: &Uri) -> Result<Hop, Stop> {
        if self.own.has(next) {
            return Err(Stop::Loop);
        }
        match holder {
            Holder::Link(link) => Ok(Hop::Link(*link)),
            Holder::Relay(name) if is_called(next, name) => Ok(Hop::Relay(name.clone())),
            Holder::Relay(_) => Err(Stop::WrongHop),
        }
    }

    fn stopped(&mut self, peer: &Peer, stop: &Stop) -> Decision {
        let counts = &mut self.counts;
        let (count, status) = match stop {
            Stop::Auth => return Decision::Serve,
            Stop::NotOurs => {
                counts.not_ours += 1;
                return match peer.is_shared() || mutant::on(Mutant::OthersRequestsDropped) {
                    true => Decision::Discard,
                    false => Decision::Close("a request for another host"),
                };
            }
            Stop::BadToken => (&mut counts.bad_token, StatusCode::NO_SUCH_SESSION),
            Stop::WrongHop => (&mut counts.wrong_hop, StatusCode::FORBIDDEN),
            Stop::Loop => (&mut counts.loops, StatusCode::FORBIDDEN),
            Stop::Malformed => (&mut counts.malformed, StatusCode::BAD_REQUEST),
        };
        *count += 1;
        Decision::Refuse(status)
    }
}

/// Whether the host of a URI is this name, proved by a certificate.
fn is_called(uri: &Uri, name: &str) -> bool {
    uri.host().to_string().eq_ignore_ascii_case(name)
}

fn leg(hop: Hop, passed: usize, to_path: &UriPath, from_path: &UriPath) -> Leg {
    let (ours, rest) = to_path.as_slice().split_at(passed);
    let whole = text(ours.iter().rev().chain(from_path));
    let origin_len = joined_len(from_path.iter());
    let origin = whole.len() - origin_len;
    let addressed = origin - 1 - ours[0].as_str().len();
    Leg {
        hop,
        to_path: text(rest.iter()),
        // All three in one place.
        addressed: whole.slice(addressed..origin - 1),
        origin: whole.slice(origin..),
        from_path: whole,
    }
}

/// URIs as they were written, with one SP between them.
fn text<'a>(uris: impl Iterator<Item = &'a Uri> + Clone) -> Bytes {
    let mut text = String::with_capacity(joined_len(uris.clone()));
    for uri in uris {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(uri.as_str());
    }
    text.into()
}

/// Octets of such a text.
fn joined_len<'a>(uris: impl Iterator<Item = &'a Uri>) -> usize {
    let len: usize = uris.map(|uri| uri.as_str().len() + 1).sum();
    len.saturating_sub(1)
}

/// URIs in a To-Path that is forwarded.
const MAX_URIS: usize = 64;

/// URIs of this relay in one To-Path: the sender's and the receiver's (RFC 7977 §8.3.2).
const MAX_PASSES: usize = 2;
