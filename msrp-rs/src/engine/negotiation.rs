//! What one session said and heard in SDP, and what follows for its connection (RFC 4975 §8, RFC 6135).
//!
//! The texts are the business of `sdp`; here stands which of them is the offer, which the answer, and what of
//! them a session is configured with.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::cema::{Cema, check_known, via};
use super::options::{ChunkLen, SetupPreference};
use super::profile::{SAFE_CHUNK_LEN, Treatment};
use crate::error::{Error, ErrorKind, Result};
use crate::net::dial::Hop;
use crate::net::tls::Tls;
use crate::proto::{Flow, ReportMode, SessionConfig, SessionMatch};
use crate::sdp::cema::{AfterAnswer, Connect, Fallback, names_of_answer, names_of_offer};
use crate::sdp::{
    Answer, AnswerWarning, Attribute, Direction, Fingerprint, LocalOptions, MediaDescription,
    Origin, RefusedLines, SessionDescription, Setup, SetupAttribute, answer_with, offer,
    offer_among, role_from_answer,
};
use crate::wire::{Host, MediaRange, MediaType, Method, StatusCode, Uri, UriPath};

/// Our side of a session, and the peer's as far as it is known.
#[derive(Debug)]
pub(super) struct Negotiation {
    pub(super) local: Local,
    path: UriPath,
    /// The URIs that our relays gave, in the order of To-Path.
    relays: Option<UriPath>,
    /// Somebody has seen `path`: it stays.
    is_told: bool,
    /// Our path by the last exchange.
    agreed: Option<UriPath>,
    said: Said,
    turn: Turn,
    /// Our side of the last exchange, or our answer to an offer that is being answered.
    current: Option<MediaDescription>,
    remote: Option<Remote>,
    /// What the last exchange left of the wished direction. Without SDP all of it.
    direction: Direction,
    /// The lines of other streams beside ours, as the peer offered them: further offers keep them (RFC 3264 §8).
    others: Option<Box<RefusedLines>>,
    pub(super) cema: Cema,
}

/// Whose description is waited for (RFC 3264 §4).
#[derive(Debug)]
enum Turn {
    /// Nobody's.
    Nobody,
    /// The peer's answer to this offer.
    Theirs {
        offer: Box<MediaDescription>,
        /// The host asked for an offer. Else it asked for our block, and may still answer an offer of the peer.
        is_firm: bool,
    },
    /// Our answer: the peer's offer was heard.
    Ours,
}

/// What was said in whole SDP texts: the version grows when something changed (RFC 3264 §8).
#[derive(Debug)]
struct Said {
    origin: Origin,
    /// Of the last text.
    print: Option<u64>,
    hasher: RandomState,
}

impl Said {
    /// Where the origin is, as long as nothing was said.
    fn reside(&mut self, host: &Host) {
        if self.print.is_none() {
            self.origin = self.origin.at(host.clone());
        }
    }

    fn say(&mut self, text: impl Fn(&Origin) -> Result<String>) -> Result<String> {
        let mut said = text(&self.origin)?;
        let print = self.hasher.hash_one(&said);
        if self.print.is_none_or(|before| before == print) {
            self.print = Some(print);
            return Ok(said);
        }
        let next = self.origin.next();
        said = text(&next)?;
        self.origin = next;
        self.print = Some(self.hasher.hash_one(&said));
        Ok(said)
    }
}

/// Who sends ordinary messages in a session (RFC 4975 §8.9), each seen from our side: `SendOnly` is what only we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Directions {
    /// What our next offer or answer wishes.
    pub wished: Direction,
    /// What the peer said last; `None` before.
    pub remote: Option<Direction>,
    /// What holds now: what the last exchange agreed on.
    pub agreed: Direction,
}

/// What the host configured.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) accept_types: Arc<[MediaRange]>,
    pub(super) accept_wrapped_types: Vec<MediaRange>,
    pub(super) max_size: Option<u64>,
    pub(super) setup: SetupPreference,
    pub(super) direction: Direction,
    /// Title and further attributes of our section.
    pub(super) title: Option<String>,
    pub(super) attributes: Vec<Attribute>,
    /// Of our certificate.
    pub(super) fingerprints: Vec<Fingerprint>,
    /// Whether we listen at the URI.
    pub(super) listens: bool,
    /// Whether we are reached by relays alone.
    pub(super) is_behind_relays: bool,
    pub(super) treatment: Treatment,
    pub(super) reports: ReportMode,
    /// Methods that the host answers.
    pub(super) methods: Arc<[Method]>,
    pub(super) keep_alive: Option<std::time::Duration>,
    pub(super) report_timeout: Option<std::time::Duration>,
    /// Whether CEMA is wanted.
    pub(super) cema: bool,
}

/// The peer's side.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    /// What it said, or what follows from its path.
    media: MediaDescription,
    /// Whether it said it: there was an SDP.
    is_described: bool,
    /// Whether we connect.
    pub(super) active: bool,
    /// Where we connect to, if not to its path (RFC 6714).
    via: Option<Box<(Host, u16)>>,
}

/// What `Negotiation::take` found: nothing is changed before `Negotiation::settle`.
pub(super) struct Heard {
    remote: Remote,
    /// Our side, where there is SDP.
    ours: Option<MediaDescription>,
    /// It was an offer, and not the same as the description before.
    is_new_offer: bool,
    direction: Direction,
    /// It is an answer with which no connection would come about.
    pub(super) fallback: Option<Fallback>,
}

impl Heard {
    /// Our side, where there is SDP.
    pub(super) fn ours(&self) -> Option<&MediaDescription> {
        self.ours.as_ref()
    }

    /// Where the peer says that it is; behind a relay, where that is.
    pub(super) fn hosts(&self) -> Vec<Host> {
        let media = &self.remote.media;
        let first = media.path.first().host().clone();
        let address = media.address.clone().filter(|address| *address != first);
        std::iter::once(first).chain(address).collect()
    }
}

impl Negotiation {
    /// A session with this URI that nobody was told yet.
    pub(super) fn new(uri: Uri, sdp_id: u64, local: Local) -> Result<Self> {
        let origin = Origin::new(sdp_id >> 1, 1, uri.host().clone())?;
        let direction = local.direction;
        let negotiation = Self {
            cema: Cema::new(local.cema),
            local,
            path: uri.into(),
            relays: None,
            is_told: false,
            agreed: None,
            said: Said {
                origin,
                print: None,
                hasher: RandomState::new(),
            },
            turn: Turn::Nobody,
            current: None,
            remote: None,
            direction,
            others: None,
        };
        negotiation.options()?;
        Ok(negotiation)
    }

    fn options(&self) -> Result<LocalOptions> {
        let mut options = LocalOptions::new(self.path.clone(), self.local.accept_types.to_vec())?;
        options
            .accept_wrapped_types
            .clone_from(&self.local.accept_wrapped_types);
        options.max_size = self.local.max_size;
        options.title.clone_from(&self.local.title);
        options.attributes.clone_from(&self.local.attributes);
        options.setup = match self.local.setup {
            SetupPreference::ActPass => SetupAttribute::ActPass,
            SetupPreference::Active => SetupAttribute::Active,
            SetupPreference::Passive => SetupAttribute::Passive,
        };
        options.direction = self.local.direction;
        options.fingerprints.clone_from(&self.local.fingerprints);
        options.reachable = self.local.listens;
        options.path_in_use = self.is_told;
        options.cema = self.cema.is_on();
        Ok(options)
    }

    /// Our path. It stays as it is from now on.
    ///
    /// # Errors
    /// `InvalidArgument` before our relays have given theirs.
    pub(super) fn path(&mut self) -> Result<&UriPath> {
        self.check_logged_in()?;
        self.is_told = true;
        Ok(&self.path)
    }

    /// An error while our relays have not said where we are reached.
    fn check_logged_in(&self) -> Result<()> {
        if self.local.is_behind_relays && self.relays.is_none() {
            return Err(Error::invalid_argument(
                "session has relays and no path yet: call authenticate first (RFC 4976 §5.1)",
            ));
        }
        Ok(())
    }

    /// Our relays gave these URIs, in the order of To-Path; our own is this one.
    pub(super) fn set_relays(&mut self, relays: UriPath, own: Uri) {
        if self.agreed.is_none() && !self.is_told {
            self.said.reside(own.host());
        }
        let path = relays.reversed().followed_by(&own.into());
        self.relays = Some(relays);
        if self.path != path {
            self.path = path;
            self.is_told = false;
        }
    }

    /// The URIs that our relays gave, in the order of To-Path.
    pub(super) fn relays(&self) -> Option<&UriPath> {
        self.relays.as_ref()
    }

    /// Whether a new offer is to be made.
    pub(super) fn is_offer_due(&self) -> bool {
        let is_open = match &self.turn {
            Turn::Theirs { offer, .. } => offer.path == self.path,
            Turn::Nobody | Turn::Ours => false,
        };
        let is_renewed = self
            .agreed
            .as_ref()
            .is_some_and(|agreed| self.relays.is_some() && *agreed != self.path);
        self.cema.is_due() || (is_renewed && !is_open)
    }

    /// Our own URI as it is now.
    pub(super) fn uri(&self) -> &Uri {
        self.path.last()
    }

    /// The peer's side, once known.
    pub(super) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Our block: our answer to an offer that came, our offer that is out, else our side as it stands. Before the first
    /// exchange it is an offer, whose answer is what the peer says next.
    pub(super) fn describe(&mut self) -> Result<&MediaDescription> {
        let is_due = self.current.is_none() || self.is_offer_due();
        if matches!(self.turn, Turn::Nobody) && is_due {
            let offer = self.next_offer()?;
            self.path = offer.path.clone();
            self.cema.go_on();
            self.turn = Turn::Theirs {
                offer: Box::new(offer),
                is_firm: false,
            };
        }
        if matches!(self.turn, Turn::Ours) {
            self.turn = Turn::Nobody;
        }
        let Self {
            turn,
            current,
            is_told,
            ..
        } = self;
        *is_told = true;
        match (turn, current) {
            (Turn::Theirs { offer, .. }, _) => Ok(offer),
            (_, Some(ours)) => Ok(ours),
            (_, None) => Err(Error::local(
                ErrorKind::Internal,
                "session has no description",
            )),
        }
    }

    /// Opens an offer, which the peer's next description answers. Said again it is the same.
    ///
    /// # Errors
    /// `Busy` where another offer is open, in either direction (RFC 3264 §4).
    pub(super) fn offer(&mut self) -> Result<&MediaDescription> {
        let offer = self.next_offer()?;
        self.path = offer.path.clone();
        self.is_told = true;
        self.cema.go_on();
        self.turn = Turn::Theirs {
            offer: Box::new(offer),
            is_firm: true,
        };
        self.describe()
    }

    /// The offer that `offer` would open; nobody is told.
    ///
    /// # Errors
    /// As `offer`.
    pub(super) fn next_offer(&self) -> Result<MediaDescription> {
        self.check_logged_in()?;
        let fresh = offer(&self.options()?);
        match &self.turn {
            Turn::Ours => Err(Error::local(
                ErrorKind::Busy,
                "the peer's offer has no answer yet: take it with local_media (RFC 3264 §4)",
            )),
            Turn::Theirs {
                offer,
                is_firm: true,
            } if **offer != fresh => Err(Error::local(
                ErrorKind::Busy,
                "an offer of ours is open, and another one would differ: give set_remote the answer, or take it back \
                 with rollback_offer (RFC 3264 §4)",
            )),
            _ => Ok(fresh),
        }
    }

    /// The host's attributes, from the next text on.
    pub(super) fn set_attributes(&mut self, attributes: Vec<Attribute>) {
        let open = match (&mut self.turn, &mut self.current) {
            (
                Turn::Theirs {
                    offer,
                    is_firm: false,
                },
                _,
            ) => Some(&mut **offer),
            (Turn::Ours, Some(answer)) => Some(answer),
            _ => None,
        };
        if let Some(open) = open {
            open.attributes.clone_from(&attributes);
        }
        self.local.attributes = attributes;
    }

    /// `offer` as a whole SDP, among the lines of other streams that there were.
    pub(super) fn say_offer(&mut self) -> Result<String> {
        let offer = self.offer()?.clone();
        let Self { said, others, .. } = self;
        said.say(|origin| Ok(offer_among(&[&offer], origin, others.as_deref())))
    }

    /// Whom we are to connect to, if it is we.
    pub(super) fn hop(&self) -> Option<Hop> {
        let remote = self.remote.as_ref().filter(|remote| remote.active)?;
        let path = remote.path();
        Some(Hop {
            uri: path.first().clone(),
            is_relay: path.len() > 1,
        })
    }

    /// Takes our open offer back.
    pub(super) fn rollback(&mut self) {
        self.turn = Turn::Nobody;
    }

    /// The peer made an offer, which is to be answered now.
    ///
    /// # Errors
    /// `Busy` while an offer of ours is open (RFC 3264 §4).
    pub(super) fn check_answerable(&self) -> Result<()> {
        if let Turn::Theirs { is_firm: true, .. } = self.turn {
            return Err(Error::local(
                ErrorKind::Busy,
                "an offer of ours is open: the peer's is to be refused (SIP 491), or ours taken back with \
                 rollback_offer (RFC 3264 §4)",
            ));
        }
        Ok(())
    }

    /// Our answer, which was settled, to line `index` of `offer`, as a whole SDP.
    pub(super) fn say_answer(
        &mut self,
        offer: &SessionDescription,
        index: usize,
    ) -> Result<String> {
        let answer = self.describe()?.clone();
        self.others = offer.refused_lines(index).map(Box::new);
        self.say(|origin| offer.answer(&[(index, &answer)], origin))
    }

    /// A whole SDP of this side: its version is the next one if it differs from the last.
    pub(super) fn say(&mut self, text: impl Fn(&Origin) -> Result<String>) -> Result<String> {
        self.said.say(text)
    }

    /// The answer that refuses all of `offer`, as a whole SDP.
    pub(super) fn say_refusal(&mut self, offer: &SessionDescription) -> Result<String> {
        self.say(|origin| Ok(offer.refuse(origin)))
    }

    /// Reads the peer's offer, to be answered whether or not our block was asked for before.
    pub(super) fn take_offer(&self, theirs: &MediaDescription) -> Result<Heard> {
        self.check_logged_in()?;
        let options = self.options()?;
        check_known(&names_of_offer(&options, theirs, self.cema.names()))?;
        let Answer {
            description,
            role,
            connect,
            warning,
            ..
        } = answer_with(&options, theirs, self.cema.names())?;
        if warning == Some(AnswerWarning::Unreachable) {
            return Err(Error::invalid_argument(
                "the peer wants to connect, and this session listens nowhere \
                 (a secure one needs a certificate for that)",
            ));
        }
        let agreed = AfterAnswer::Agreed(connect);
        self.take_with(theirs, role, agreed, description, true)
    }

    /// The names that have to be looked up before `take` and `take_offer` can judge.
    pub(super) fn unknown_names(&self, theirs: &MediaDescription) -> Result<Vec<String>> {
        let names = self.cema.names();
        let mut unknown = match &self.turn {
            Turn::Theirs { offer, .. } => role_from_answer(offer, theirs)
                .map(|role| names_of_answer(offer, theirs, role, names))
                .unwrap_or_default(),
            Turn::Nobody | Turn::Ours => Vec::new(),
        };
        if self.check_answerable().is_ok() {
            let of_offer = names_of_offer(&self.options()?, theirs, names);
            unknown.extend(of_offer);
            unknown.sort_unstable();
            unknown.dedup();
        }
        Ok(unknown)
    }

    /// The answer was void, and a new offer is due.
    pub(super) fn fall_back(&mut self, fallback: Fallback) {
        self.turn = Turn::Nobody;
        self.cema.fall_back(fallback);
    }

    /// Reads the peer's description: the answer to our offer, if one is out, else an offer.
    pub(super) fn take(&self, theirs: &MediaDescription) -> Result<Heard> {
        match &self.turn {
            Turn::Theirs { offer, .. } => {
                let role = role_from_answer(offer, theirs)?;
                let judged = self.cema.judge_answer(offer, theirs, role)?;
                self.take_with(theirs, role, judged, (**offer).clone(), false)
            }
            Turn::Nobody | Turn::Ours => self.take_offer(theirs),
        }
    }

    fn take_with(
        &self,
        theirs: &MediaDescription,
        role: Setup,
        judged: AfterAnswer,
        ours: MediaDescription,
        is_offer: bool,
    ) -> Result<Heard> {
        let (connect, fallback) = match judged {
            AfterAnswer::Agreed(connect) => (connect, None),
            AfterAnswer::OfferAgain(fallback) => (Connect::Path, Some(fallback)),
        };
        self.refuse_cleartext(&theirs.path, ErrorKind::InvalidSdp)?;
        self.refuse_transport(&theirs.path, role == Setup::Active, ErrorKind::InvalidSdp)?;
        let before = self.remote.as_ref().and_then(Remote::description);
        let is_repeated = before == Some(theirs);
        let remote = Remote {
            media: theirs.clone(),
            is_described: true,
            active: role == Setup::Active,
            via: via(connect).map(Box::new),
        };
        Ok(Heard {
            remote,
            direction: ours.direction.answer_to(theirs.effective_direction()),
            ours: Some(ours),
            is_new_offer: is_offer && !is_repeated,
            fallback,
        })
    }

    /// Takes a bare path as the remote side.
    pub(super) fn take_path(&self, path: &str, active: bool, accept_types: &str) -> Result<Heard> {
        self.check_logged_in()?;
        let path: UriPath = path.parse()?;
        if path.first().port().is_none() || path.last().session_id().is_none() {
            return Err(Error::local(
                ErrorKind::InvalidUri,
                "remote path needs a port in its first URI and a session-id in its last (RFC 4975 §8.2)",
            ));
        }
        self.refuse_cleartext(&path, ErrorKind::InvalidUri)?;
        self.refuse_transport(&path, active, ErrorKind::InvalidUri)?;
        if !active && !self.local.listens && !self.local.is_behind_relays {
            return Err(Error::invalid_argument(
                "session listens nowhere: it can only be active",
            ));
        }
        let accept_types = MediaRange::parse_list(accept_types).map_err(|fault| {
            Error::invalid_argument(format!("accept_types: expected {}", fault.expected()))
        })?;
        let remote = Remote {
            media: MediaDescription::of_path(path, accept_types),
            is_described: false,
            active,
            via: None,
        };
        Ok(Heard {
            remote,
            ours: None,
            is_new_offer: false,
            direction: self.local.direction,
            fallback: None,
        })
    }

    /// A session that was made for TLS does not go on without it because the peer's text says so: whoever can change
    /// that text could read along. Behind a relay of ours it is that one which connects, and says how (RFC 4976 §11).
    fn refuse_cleartext(&self, path: &UriPath, kind: ErrorKind) -> Result<()> {
        if self.uri().is_secure() && !path.first().is_secure() && !self.local.is_behind_relays {
            return Err(Error::remote(
                kind,
                "the peer's path begins with msrp, without TLS, and this session was made for TLS \
                 (RFC 4975 §8.1)",
            ));
        }
        Ok(())
    }

    /// Transports of other letters than `tcp` are legal (RFC 4975 §9), but we connect by TCP only.
    fn refuse_transport(&self, path: &UriPath, active: bool, kind: ErrorKind) -> Result<()> {
        let transport = path.first().transport();
        if active && !self.local.is_behind_relays && !transport.eq_ignore_ascii_case("tcp") {
            let text = format!(
                "the peer's path begins with a URI of transport {transport}, and only tcp can be dialled"
            );
            return Err(Error::remote(kind, text));
        }
        Ok(())
    }

    /// What the connection has to know, after `heard`.
    pub(super) fn config(&self, heard: &Heard, first_message: u32) -> SessionConfig {
        let ours = heard.ours.as_ref().map_or(&self.path, |ours| &ours.path);
        let local_uri = ours.last().clone();
        // Our relays first: the last of them in our path is the first that requests pass (RFC 4976 §5.1).
        let remote_path = match ours.reversed().without_first() {
            Some(relays) => relays.followed_by(heard.remote.path()),
            None => heard.remote.path().clone(),
        };
        let treatment = self.local.treatment;
        let chunk_len = match treatment.chunk_len {
            ChunkLen::Auto if self.is_direct(heard) => 0,
            ChunkLen::Auto => SAFE_CHUNK_LEN,
            ChunkLen::Unbounded => 0,
            ChunkLen::Octets(len) => len,
        };
        SessionConfig {
            local_uri,
            remote_path,
            active: heard.remote.active,
            chunk_len,
            session_match: treatment.session_match,
            pacing: treatment.pacing,
            dash_split: treatment.dash_split,
            accept_types: Arc::clone(&self.local.accept_types),
            max_size: self.local.max_size,
            flow: flow(heard.direction),
            reports: self.local.reports,
            methods: Arc::clone(&self.local.methods),
            keep_alive: self.local.keep_alive,
            report_timeout: self.local.report_timeout,
            first_message,
        }
    }

    /// Whether the peer is this engine and nothing stands between. Where addresses are said not to matter something
    /// may have changed all of them.
    fn is_direct(&self, heard: &Heard) -> bool {
        heard.remote.media.speaks_to_this_engine()
            && self.path.len() == 1
            && self.local.treatment.session_match == SessionMatch::Uri
    }

    /// The fingerprints that came with it, as far as they prove something: the certificate that is seen of a peer behind
    /// a relay is the relay's (RFC 6135 §4.3).
    ///
    /// # Errors
    /// `InvalidSdp` where fingerprints are to prove the peer, it is behind a relay, and the host knows none of the
    /// relay.
    pub(super) fn fingerprints<'a>(
        &self,
        heard: &'a Heard,
        tls: &Tls,
    ) -> Result<&'a [Fingerprint]> {
        if heard.remote.media.has_relay() {
            if !tls.is_pinned() || tls.has_known() {
                return Ok(&[]);
            }
            return Err(Error::remote(
                ErrorKind::InvalidSdp,
                "peer is behind a relay, whose certificate no fingerprint vouches for (RFC 6135 §4.3)",
            ));
        }
        Ok(&heard.remote.media.fingerprints)
    }

    /// Who sends ordinary messages.
    pub(super) fn directions(&self) -> Directions {
        Directions {
            wished: self.local.direction,
            remote: self.remote.as_ref().and_then(Remote::direction),
            agreed: self.direction,
        }
    }

    /// What the next exchange is to say. Without SDP it holds at once.
    pub(super) fn wish(&mut self, direction: Direction) {
        self.local.direction = direction;
        if self
            .remote
            .as_ref()
            .is_none_or(|remote| !remote.is_described)
        {
            self.direction = direction;
        }
    }

    /// What may be sent now. What an open offer of ours takes may come before its answer (RFC 3264 §5.1).
    pub(super) fn flow(&self) -> Flow {
        let is_offered = match &self.turn {
            Turn::Theirs { offer, .. } => offer.direction.receives(),
            Turn::Nobody | Turn::Ours => false,
        };
        let agreed = flow(self.direction);
        Flow {
            receives: agreed.receives || is_offered,
            ..agreed
        }
    }

    /// Whether a message may be sent now.
    ///
    /// # Errors
    /// `Status` 403, of our own, that says who does not want it.
    pub(super) fn check_direction(&self) -> Result<()> {
        if self.direction.sends() {
            return Ok(());
        }
        let theirs = self.remote.as_ref().and_then(Remote::direction);
        let text = match theirs {
            Some(theirs) if !theirs.sends() => {
                "the peer takes no messages now: its SDP holds the session (RFC 4975 §8.9)"
            }
            _ => "we send no messages now: our SDP says so, see set_direction (RFC 4975 §8.9)",
        };
        Err(Error {
            status: Some(StatusCode::FORBIDDEN),
            ..Error::local(ErrorKind::Status, text)
        })
    }

    /// Where `heard` makes us connect to, if not to its path.
    pub(super) fn via(heard: &Heard) -> Option<(Host, u16)> {
        heard.remote.via.as_deref().cloned()
    }

    /// Whether both paths are those of before.
    pub(super) fn is_same(&self, heard: &Heard) -> bool {
        let ours = heard.ours.as_ref().map_or(&self.path, |ours| &ours.path);
        self.agreed.as_ref() == Some(ours)
            && self
                .remote
                .as_ref()
                .is_some_and(|remote| remote.path() == heard.remote.path())
    }

    /// We are reached at another URI, which the next offer or answer tells.
    pub(super) fn relocate(&mut self, uri: Uri, listens: bool) {
        self.path = uri.into();
        self.is_told = false;
        self.local.listens = listens;
    }

    /// Remembers what was heard; the session is bound or is not.
    pub(super) fn settle(&mut self, heard: Heard, is_bound: bool) {
        let was_active = self
            .remote
            .as_ref()
            .filter(|_| is_bound && self.is_same(&heard))
            .map(|r| r.active);
        if let Some(description) = &heard.ours {
            self.path = description.path.clone();
            self.is_told = true;
        }
        self.agreed = Some(self.path.clone());
        self.turn = match heard.is_new_offer {
            true => Turn::Ours,
            false => Turn::Nobody,
        };
        self.cema.go_on();
        self.current = heard.ours;
        self.direction = heard.direction;
        let mut remote = heard.remote;
        if let Some(relays) = &self.relays {
            // They may have given others since this exchange began.
            let path = relays.reversed().followed_by(&self.uri().clone().into());
            self.is_told = self.path == path;
            self.path = path;
        }
        // The same path again: nobody reconnects, so who connected stays who connected.
        remote.active = was_active.unwrap_or(remote.active);
        self.remote = Some(remote);
    }
}

fn flow(direction: Direction) -> Flow {
    Flow {
        sends: direction.sends(),
        receives: direction.receives(),
    }
}

impl Remote {
    pub(super) fn path(&self) -> &UriPath {
        &self.media.path
    }

    /// Its description, if there was an SDP.
    pub(super) fn description(&self) -> Option<&MediaDescription> {
        self.is_described.then_some(&self.media)
    }

    /// Who sends, as it says, seen from our side.
    fn direction(&self) -> Option<Direction> {
        let description = self.description()?;
        Some(description.effective_direction().reversed())
    }

    /// Whether a message of this type and length may be sent.
    ///
    /// # Errors
    /// `UnacceptedType` (RFC 4975 §8.6), `TooLarge` beyond the peer's `max-size`.
    pub(super) fn check(&self, media_type: &MediaType, len: Option<u64>) -> Result<()> {
        if !self
            .media
            .accept_types
            .iter()
            .any(|range| range.matches(media_type))
        {
            return Err(Error::local(
                ErrorKind::UnacceptedType,
                format!(
                    "peer does not accept {} (RFC 4975 §8.6)",
                    media_type.essence()
                ),
            ));
        }
        if let (Some(len), Some(max)) = (len, self.media.max_size)
            && len > max
        {
            return Err(Error::local(
                ErrorKind::TooLarge,
                format!(
                    "message of {len} octets exceeds the peer's max-size {max} (RFC 4975 §8.6)"
                ),
            ));
        }
        Ok(())
    }
}
