//! What one session said and heard in SDP, and what follows for its connection (RFC 4975 §8, RFC 6135).
//!
//! The texts are the business of `sdp`; here stands which of them is the offer, which the answer, and what of
//! them a session is configured with.

use std::sync::Arc;

use super::cema::{Cema, check_known, via};
use super::options::{ChunkLen, SetupPreference};
use super::profile::{SAFE_CHUNK_LEN, Treatment};
use crate::error::{Error, ErrorKind, Result};
use crate::net::tls::Tls;
use crate::proto::{ReportMode, SessionConfig, SessionMatch};
use crate::sdp::cema::{AfterAnswer, Connect, Fallback, names_of_answer, names_of_offer};
use crate::sdp::{
    Answer, AnswerWarning, Attribute, Fingerprint, LocalOptions, MediaDescription, Origin, Setup,
    SetupAttribute, answer_with, offer, role_from_answer,
};
use crate::wire::{Host, MediaRange, MediaType, Method, Uri, UriPath};

/// Our side of a session, and the peer's as far as it is known.
#[derive(Debug)]
pub(super) struct Negotiation {
    pub(super) local: Local,
    path: UriPath,
    /// Somebody has seen `path`: it stays.
    is_told: bool,
    origin: Origin,
    /// Our offer that was not answered yet.
    offered: Option<MediaDescription>,
    /// Our answer to the peer's offer.
    answered: Option<MediaDescription>,
    remote: Option<Remote>,
    pub(super) cema: Cema,
}

/// What the host configured.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) accept_types: Arc<[MediaRange]>,
    pub(super) accept_wrapped_types: Vec<MediaRange>,
    pub(super) max_size: Option<u64>,
    pub(super) setup: SetupPreference,
    /// Title and further attributes of our section.
    pub(super) title: Option<String>,
    pub(super) attributes: Vec<Attribute>,
    /// Of our certificate.
    pub(super) fingerprints: Vec<Fingerprint>,
    /// Whether we listen at the URI.
    pub(super) listens: bool,
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
    via: Option<(Host, u16)>,
}

/// What `Negotiation::take` found: nothing is changed before `Negotiation::settle`.
pub(super) struct Heard {
    remote: Remote,
    answered: Option<MediaDescription>,
    /// It is an answer with which no connection would come about.
    pub(super) fallback: Option<Fallback>,
}

impl Heard {
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
        let negotiation = Self {
            cema: Cema::new(local.cema),
            local,
            path: uri.into(),
            is_told: false,
            origin,
            offered: None,
            answered: None,
            remote: None,
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
        options.fingerprints.clone_from(&self.local.fingerprints);
        options.reachable = self.local.listens;
        options.path_in_use = self.is_told;
        options.cema = self.cema.is_on();
        Ok(options)
    }

    /// Our path. It stays as it is from now on.
    pub(super) fn path(&mut self) -> &UriPath {
        self.is_told = true;
        &self.path
    }

    /// Our own URI as it is now.
    pub(super) fn uri(&self) -> &Uri {
        self.path.last()
    }

    /// The peer's side, once known.
    pub(super) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Our description: the answer to an offer that came, else an offer.
    pub(super) fn describe(&mut self) -> Result<&MediaDescription> {
        if self.answered.is_none() {
            return self.offer();
        }
        let options = self.options()?;
        self.is_told = true;
        Ok(self.answered.get_or_insert_with(|| offer(&options)))
    }

    /// The offer that `offer` would make; nobody is told.
    pub(super) fn next_offer(&self) -> Result<MediaDescription> {
        Ok(offer(&self.options()?))
    }

    /// The host's attributes, from the next text on.
    pub(super) fn set_attributes(&mut self, attributes: Vec<Attribute>) {
        if let Some(answered) = &mut self.answered {
            answered.attributes.clone_from(&attributes);
        }
        self.local.attributes = attributes;
    }

    /// Our offer.
    pub(super) fn offer(&mut self) -> Result<&MediaDescription> {
        let description = offer(&self.options()?);
        self.path = description.path.clone();
        self.is_told = true;
        self.cema.go_on();
        Ok(self.offered.insert(description))
    }

    /// The `o=` line.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Reads the peer's description: the answer to our offer, if one is out, else an offer.
    pub(super) fn take(&self, theirs: &MediaDescription) -> Result<Heard> {
        let Some(offered) = &self.offered else {
            return self.take_offer(theirs);
        };
        let role = role_from_answer(offered, theirs)?;
        let judged = self.cema.judge_answer(offered, theirs, role)?;
        self.hear(theirs, role, judged, None)
    }

    /// Reads the peer's offer, whether ours is out or not.
    pub(super) fn take_offer(&self, theirs: &MediaDescription) -> Result<Heard> {
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
        self.hear(
            theirs,
            role,
            AfterAnswer::Agreed(connect),
            Some(description),
        )
    }

    /// The names that have to be looked up before `take` can judge.
    pub(super) fn unknown_names(&self, theirs: &MediaDescription) -> Result<Vec<String>> {
        let names = self.cema.names();
        Ok(match &self.offered {
            Some(offered) => {
                let role = role_from_answer(offered, theirs)?;
                names_of_answer(offered, theirs, role, names)
            }
            None => names_of_offer(&self.options()?, theirs, names),
        })
    }

    /// The answer was void, and a new offer is due.
    pub(super) fn fall_back(&mut self, fallback: Fallback) {
        self.offered = None;
        self.cema.fall_back(fallback);
    }

    fn hear(
        &self,
        theirs: &MediaDescription,
        role: Setup,
        judged: AfterAnswer,
        answered: Option<MediaDescription>,
    ) -> Result<Heard> {
        let (connect, fallback) = match judged {
            AfterAnswer::Agreed(connect) => (connect, None),
            AfterAnswer::OfferAgain(fallback) => (Connect::Path, Some(fallback)),
        };
        self.refuse_cleartext(&theirs.path, ErrorKind::InvalidSdp)?;
        refuse_transport(&theirs.path, role == Setup::Active, ErrorKind::InvalidSdp)?;
        let remote = Remote {
            media: theirs.clone(),
            is_described: true,
            active: role == Setup::Active,
            via: via(connect),
        };
        Ok(Heard {
            remote,
            answered,
            fallback,
        })
    }

    /// Takes a bare path as the remote side.
    pub(super) fn take_path(&self, path: &str, active: bool, accept_types: &str) -> Result<Heard> {
        let path: UriPath = path.parse()?;
        if path.first().port().is_none() || path.last().session_id().is_none() {
            return Err(Error::local(
                ErrorKind::InvalidUri,
                "remote path needs a port in its first URI and a session-id in its last (RFC 4975 §8.2)",
            ));
        }
        self.refuse_cleartext(&path, ErrorKind::InvalidUri)?;
        refuse_transport(&path, active, ErrorKind::InvalidUri)?;
        if !active && !self.local.listens {
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
            answered: None,
            fallback: None,
        })
    }

    /// A session that was made for TLS does not go on without it because the peer's text says so: whoever can change
    /// that text could read along.
    fn refuse_cleartext(&self, path: &UriPath, kind: ErrorKind) -> Result<()> {
        if self.uri().is_secure() && !path.first().is_secure() {
            return Err(Error::remote(
                kind,
                "the peer's path begins with msrp, without TLS, and this session was made for TLS \
                 (RFC 4975 §8.1)",
            ));
        }
        Ok(())
    }

    /// What the connection has to know, after `heard`.
    pub(super) fn config(&self, heard: &Heard, first_message: u32) -> SessionConfig {
        let local_uri = match &heard.answered {
            Some(description) => description.path.last().clone(),
            None => self.uri().clone(),
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
            remote_path: heard.remote.path().clone(),
            active: heard.remote.active,
            chunk_len,
            session_match: treatment.session_match,
            pacing: treatment.pacing,
            dash_split: treatment.dash_split,
            accept_types: Arc::clone(&self.local.accept_types),
            max_size: self.local.max_size,
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

    /// Where `heard` makes us connect to, if not to its path.
    pub(super) fn via(heard: &Heard) -> Option<(Host, u16)> {
        heard.remote.via.clone()
    }

    /// Whether `heard` is what is known already, as far as a bound session can tell.
    pub(super) fn is_same(&self, heard: &Heard) -> bool {
        self.remote
            .as_ref()
            .is_some_and(|remote| remote.path() == heard.remote.path())
    }

    /// Remembers what was heard.
    pub(super) fn settle(&mut self, heard: Heard) {
        let was_active = self
            .remote
            .as_ref()
            .filter(|_| self.is_same(&heard))
            .map(|r| r.active);
        if let Some(description) = &heard.answered {
            self.path = description.path.clone();
            self.is_told = true;
        }
        self.offered = None;
        self.cema.go_on();
        self.answered = heard.answered;
        let mut remote = heard.remote;
        // The same path again: nobody reconnects, so who connected stays who connected.
        remote.active = was_active.unwrap_or(remote.active);
        self.remote = Some(remote);
    }
}

/// Transports of other letters than `tcp` are legal (RFC 4975 §9), but we connect by TCP only.
fn refuse_transport(path: &UriPath, active: bool, kind: ErrorKind) -> Result<()> {
    let transport = path.first().transport();
    if active && !transport.eq_ignore_ascii_case("tcp") {
        let text = format!(
            "the peer's path begins with a URI of transport {transport}, and only tcp can be dialled"
        );
        return Err(Error::remote(kind, text));
    }
    Ok(())
}

impl Remote {
    pub(super) fn path(&self) -> &UriPath {
        &self.media.path
    }

    /// Its description, if there was an SDP.
    pub(super) fn description(&self) -> Option<&MediaDescription> {
        self.is_described.then_some(&self.media)
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
