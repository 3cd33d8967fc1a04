//! Offer and answer (RFC 3264) for one MSRP stream, and the role that comes out of it (RFC 6135).

use super::accept;
use super::attribute::Attribute;
use super::cema::{self, Answering, Connect, Names};
use super::direction::Direction;
use super::fingerprint::Fingerprint;
use super::media::{MediaDescription, Protocol};
use super::origin::Origin;
use super::session::SessionDescription;
use super::setup::{Setup, SetupAttribute};
use super::{excerpt, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::mutant::{self, Mutant};
use crate::wire::{MediaRange, Uri, UriPath};

/// What our side brings into an offer or answer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LocalOptions {
    path: UriPath,
    /// `path` with port 9, for one who listens nowhere.
    unconnectable_path: UriPath,
    accept_types: Vec<MediaRange>,
    /// Further types taken inside of containers only. Those that `accept_types` has already are
    /// left out of the SDP.
    pub accept_wrapped_types: Vec<MediaRange>,
    /// Largest whole message in octets that we wish to get; `None` says nothing about it.
    pub max_size: Option<u64>,
    /// Which role we wish. In an offer `Passive` cannot be said and becomes `ActPass`
    /// (RFC 6135 §4.2.2); in an answer it holds as far as the offer leaves a choice.
    pub setup: SetupAttribute,
    /// Whether the peer can reach the address in `path`. Not so behind a NAT; a path with relays
    /// counts as reachable in any case.
    pub reachable: bool,
    /// Which direction we wish.
    pub direction: Direction,
    /// Fingerprints of our certificate; written only where TLS is used.
    pub fingerprints: Vec<Fingerprint>,
    /// Whether to write the private attribute [`ENGINE_MARK`](super::ENGINE_MARK) (never with relays).
    pub announce_engine: bool,
    /// Whether the peer was given this path already. It stays as it is then, also where an
    /// unconnectable port would be written otherwise (RFC 4975 §8.4, [`offer`]).
    pub path_in_use: bool,
    /// Whether we connect through middleboxes that rewrite addresses ([`cema`], RFC 6714).
    pub cema: bool,
    /// Title of the `i=` line.
    pub title: Option<String>,
    /// Further attributes, written last and unchanged.
    pub attributes: Vec<Attribute>,
}

impl LocalOptions {
    /// Options with this path and these accepted types; everything else at its default: no
    /// wrapped types, no `max-size`, `actpass`, reachable, `sendrecv`, no fingerprints, engine
    /// announced, path not yet in use, no CEMA.
    ///
    /// # Errors
    /// `InvalidUri` if a URI of the path has no port or port 0, the first is not for TCP, or the
    /// last has no session-id (RFC 4975 §8.2); `InvalidArgument` if there is no type (RFC 4975
    /// §8.6).
    pub fn new(path: UriPath, accept_types: Vec<MediaRange>) -> Result<Self> {
        let wrong = |rule: &str| {
            let context = format!("local path {rule} (RFC 4975 §8.2)");
            Error::local(ErrorKind::InvalidUri, context)
        };
        if path
            .iter()
            .any(|uri| uri.port().is_none_or(|port| port == 0))
        {
            return Err(wrong("has a URI without a port"));
        }
        if !path.first().transport().eq_ignore_ascii_case("tcp") {
            return Err(wrong("begins with a URI that is not for tcp"));
        }
        let own = path.last();
        let Some(session_id) = own.session_id() else {
            return Err(wrong("ends with a URI without a session-id"));
        };
        let unconnectable_path = if path.len() > 1 {
            path.clone()
        } else {
            Uri::session(own.scheme(), own.host(), DISCARD_PORT, session_id)?.into()
        };
        if accept_types.is_empty() {
            return Err(Error::invalid_argument(
                "accept_types is empty: one type or * must be there (RFC 4975 §8.6)",
            ));
        }
        Ok(Self {
            path,
            unconnectable_path,
            accept_types,
            accept_wrapped_types: Vec::new(),
            max_size: None,
            setup: SetupAttribute::ActPass,
            reachable: true,
            direction: Direction::SendRecv,
            fingerprints: Vec::new(),
            announce_engine: true,
            path_in_use: false,
            cema: false,
            title: None,
            attributes: Vec::new(),
        })
    }

    /// Our path: relays first, our own URI last.
    pub fn path(&self) -> &UriPath {
        &self.path
    }

    /// Types we take as a whole message, at least one, most preferred first.
    pub fn accept_types(&self) -> &[MediaRange] {
        &self.accept_types
    }

    /// The protocol of our `m=` line: that of our leftmost URI (RFC 4975 §8.1).
    pub fn protocol(&self) -> Protocol {
        Protocol::of(self.path.first())
    }

    /// Whether relays of ours stand before our own URI.
    pub fn has_relay(&self) -> bool {
        self.path.len() > 1
    }

    fn is_reachable(&self) -> bool {
        self.reachable || self.has_relay()
    }

    /// Our section with this setup and direction, and with `msrp-cema` or without.
    fn describe(
        &self,
        setup: SetupAttribute,
        direction: Direction,
        cema: bool,
    ) -> MediaDescription {
        let path = self.path_for(setup);
        let own = path.last();
        // With CEMA, c= and m= line say where one connects: at our relay, if there is one (RFC 6714 §4.2, §4.3).
        let place = if cema { path.first() } else { own };
        let protocol = self.protocol();
        let mut accept_wrapped_types = self.accept_wrapped_types.clone();
        accept_wrapped_types.retain(|wrapped| !self.accept_types.contains(wrapped));
        MediaDescription {
            protocol,
            port: place.port().unwrap_or(DISCARD_PORT),
            address: Some(place.host().clone()),
            accept_types: self.accept_types.clone(),
            accept_wrapped_types,
            max_size: self.max_size,
            setup: Some(setup),
            direction,
            fingerprints: match protocol {
                Protocol::Tls => self.fingerprints.clone(),
                Protocol::Tcp => Vec::new(),
            },
            cema,
            engine_mark: (self.announce_engine && !self.has_relay())
                .then(|| own.session_id().map(str::to_owned))
                .flatten(),
            title: self.title.clone(),
            attributes: self.attributes.clone(),
            path: path.clone(),
        }
    }

    /// The path as it goes out: who says `active` listens nowhere, so its own port is 9, unless
    /// the peer knows this path already or relays stand in front.
    fn path_for(&self, setup: SetupAttribute) -> &UriPath {
        if setup == SetupAttribute::Active && !self.path_in_use {
            &self.unconnectable_path
        } else {
            &self.path
        }
    }
}

/// The port of one who only connects (RFC 4145 §4.1, RFC 6135 §4.2.2).
const DISCARD_PORT: u16 = 9;

/// Our offer.
///
/// `setup` is `actpass`, or `active` if we are not reachable or wish it (RFC 6135 §4.2.2). With
/// `active` the port is 9, in the path as in the `m=` line: **the path of the description, not the
/// one in the options, is the session's path from now on** (`path_in_use` keeps them equal).
///
/// With CEMA and a relay it is always `actpass`, and the address of the `c=` and `m=` line is that of the relay
/// (RFC 6714 §4.2).
pub fn offer(local: &LocalOptions) -> MediaDescription {
    let setup = if local.cema && local.has_relay() {
        SetupAttribute::ActPass
    } else if !local.is_reachable() || local.setup == SetupAttribute::Active {
        SetupAttribute::Active
    } else if mutant::on(Mutant::OfferPassive) {
        SetupAttribute::Passive
    } else {
        SetupAttribute::ActPass
    };
    local.describe(setup, local.direction, local.cema)
}

/// An answer of ours and what it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// Our section. Its path is the session's path from now on, as with [`offer`].
    pub description: MediaDescription,
    /// Our role.
    pub role: Setup,
    /// Where we connect to if we are active.
    pub connect: Connect,
    /// Something the application should hear about.
    pub warning: Option<AnswerWarning>,
}

/// What is doubtful about an answer that was made all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerWarning {
    /// The offerer connects, but our address cannot be reached: without help of the network no
    /// connection will come about (RFC 6135 §5). To refuse the stream is the alternative.
    Unreachable,
}

/// Our answer to `offer`.
///
/// The role is that of RFC 4145 §4.1 and RFC 6135 §4.2.2: `passive` to an offer that says `active`
/// or nothing, `active` to `passive`; to `actpass` what `local.setup` wishes, else `passive` if we
/// are reachable; never `passive` to `actpass` if we are not. With CEMA ([`LocalOptions::cema`]) a side with a relay
/// is passive where that is possible.
///
/// # Errors
/// All mean that the stream is to be refused: with port 0 ([`refuse`]), or with SIP 488 if it was
/// the only one. `UnacceptedType` if we would send and no type that the offer lists is one of
/// ours (RFC 4975 §8.6; an empty list is accepted). `InvalidSdp` if the offer and our path differ
/// in TLS and we have no relay: the answer keeps the kind of the offer; and with CEMA, if the offer knows none and its
/// `c=` and `m=` line do not match its path (RFC 6714 §4.3). Names have no address there: see [`answer_with`].
pub fn answer(local: &LocalOptions, offer: &MediaDescription) -> Result<Answer> {
    answer_with(local, offer, &Names::new())
}

/// As [`answer`], when the names that [`cema::names_of_offer`] gave were looked up.
///
/// # Errors
/// As [`answer`].
pub fn answer_with(
    local: &LocalOptions,
    offer: &MediaDescription,
    names: &Names,
) -> Result<Answer> {
    if !local.has_relay()
        && local.protocol() != offer.protocol
        && !mutant::on(Mutant::ProtocolMixed)
    {
        return Err(invalid(format!(
            "offer is for {}, our path for {} (RFC 4975 §8.1)",
            offer.protocol,
            local.protocol()
        )));
    }
    let direction = local.direction.answer_to(offer.effective_direction());
    if direction.sends() && !understands_any(local, offer) {
        let first = offer
            .accept_types
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        return Err(Error::remote(
            ErrorKind::UnacceptedType,
            format!(
                "offer accepts none of our types, its first is {:?} (RFC 4975 §8.6)",
                excerpt(&first)
            ),
        ));
    }
    let (plain_role, warning) = answer_role(local, offer.setup);
    let (role, connect, cema) = match cema::answering(local, offer, names)? {
        Answering::Plain => (plain_role, Connect::Path, false),
        Answering::Cema(role, connect) => (role, connect, true),
    };
    Ok(Answer {
        description: local.describe(role.attribute(), direction, cema),
        role,
        connect,
        warning,
    })
}

fn understands_any(local: &LocalOptions, offer: &MediaDescription) -> bool {
    let theirs = || offer.accept_types.iter().chain(&offer.accept_wrapped_types);
    let ours = || local.accept_types.iter().chain(&local.accept_wrapped_types);
    offer.accept_types.is_empty()
        || theirs().any(|their| ours().any(|our| accept::overlap(their, our)))
}

/// The role of an answerer without CEMA.
pub(super) fn answer_role(
    local: &LocalOptions,
    offered: Option<SetupAttribute>,
) -> (Setup, Option<AnswerWarning>) {
    match offered {
        Some(SetupAttribute::Passive) => (Setup::Active, None),
        Some(SetupAttribute::ActPass) => {
            let role = if !local.is_reachable() || local.setup == SetupAttribute::Active {
                Setup::Active
            } else {
                Setup::Passive
            };
            (role, None)
        }
        // No attribute: the offerer connects (RFC 4975 §8.5).
        Some(SetupAttribute::Active) if mutant::on(Mutant::ActiveToActive) => (Setup::Active, None),
        Some(SetupAttribute::Active) | None => {
            let warning = (!local.is_reachable()).then_some(AnswerWarning::Unreachable);
            (Setup::Passive, warning)
        }
    }
}

/// Our role after our `offer` was answered with `answer`.
///
/// An answer with `active` makes us passive, one with `passive` or without a `setup` that counts
/// active. `actpass`, which no answer may say, is read as nothing.
///
/// # Errors
/// `InvalidSdp` if the answer takes the role that the offer took: then nobody would be connected
/// to (RFC 4145 §4.1).
pub fn role_from_answer(offer: &MediaDescription, answer: &MediaDescription) -> Result<Setup> {
    let role = match answer.setup {
        Some(SetupAttribute::Active) => Setup::Passive,
        Some(SetupAttribute::Passive | SetupAttribute::ActPass) | None => Setup::Active,
    };
    let clash = match offer.setup {
        Some(SetupAttribute::Active) | None => role == Setup::Passive,
        Some(SetupAttribute::Passive) => answer.setup == Some(SetupAttribute::Passive),
        Some(SetupAttribute::ActPass) => false,
    };
    if clash {
        let said = answer.setup.map_or("nothing", SetupAttribute::value);
        return Err(invalid(format!(
            "answer says setup {said:?} to an offer of the same role (RFC 4145 §4.1)"
        )));
    }
    // An offer of `passive` is never ours; a host that wrote one gets what it says.
    Ok(match offer.setup {
        Some(SetupAttribute::Passive) => Setup::Passive,
        _ => role,
    })
}

/// The answer that refuses every stream of `offer_sdp` with port 0 (RFC 3264 §6): a whole SDP for
/// a whole SDP, the one line for an `m=` block. Also the answer to an offer with port 0, and to one
/// whose MSRP section breaks a rule as long as the text is an SDP.
///
/// # Errors
/// As [`SessionDescription::parse`].
pub fn refuse(offer_sdp: &str, origin: &Origin) -> Result<String> {
    Ok(SessionDescription::parse(offer_sdp)?.refuse(origin))
}
