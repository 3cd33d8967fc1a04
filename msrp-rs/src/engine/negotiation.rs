//! What one session said and heard in SDP, and what follows for its connection (RFC 4975 §8, RFC 6135).
//!
//! The texts are the business of `sdp`; here stands which of them is the offer, which the answer, and what of
//! them a session is configured with.

use std::sync::Arc;

use super::cema::{Cema, check_known, via};
use super::options::{ChunkLen, SetupPreference};
use super::profile::{SAFE_CHUNK_LEN, Treatment};
use crate::error::{Error, ErrorKind, Result};
use crate::proto::{ReportMode, SessionConfig, SessionMatch};
use crate::sdp::cema::{AfterAnswer, Connect, Fallback, names_of_answer, names_of_offer};
use crate::sdp::{
    Answer, AnswerWarning, Fingerprint, LocalOptions, MediaDescription, Origin, Setup,
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
    pub(super) accept_types: Vec<MediaRange>,
    pub(super) accept_wrapped_types: Vec<MediaRange>,
    pub(super) max_size: Option<u64>,
    pub(super) setup: SetupPreference,
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
    pub(super) path: UriPath,
    /// Whether we connect.
    pub(super) active: bool,
    accept_types: Vec<MediaRange>,
    max_size: Option<u64>,
    is_this_engine: bool,
    pub(super) fingerprints: Vec<Fingerprint>,
    /// Where we connect to in its stead (RFC 6714).
    via: Option<(Host, u16)>,
}

/// What `Negotiation::take` found: nothing is changed before `Negotiation::settle`.
pub(super) struct Heard {
    remote: Remote,
    answered: Option<MediaDescription>,
    /// It is an answer with which no connection would come about.
    pub(super) fallback: Option<Fallback>,
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
        let mut options = LocalOptions::new(self.path.clone(), self.local.accept_types.clone())?;
        options
            .accept_wrapped_types
            .clone_from(&self.local.accept_wrapped_types);
        options.max_size = self.local.max_size;
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

    /// Our offer.
    pub(super) fn offer(&mut self) -> Result<&MediaDescription> {
        let description = offer(&self.options()?);
        self.path = description.path.clone();
        self.is_told = true;
        self.cema.go_on();
        Ok(self.offered.insert(description))
    }

    /// The peer made an offer: ours, if one is out, is not answered any more.
    pub(super) fn forget_offer(&mut self) {
        self.offered = None;
    }

    /// The `o=` line.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Reads the peer's description: the answer to our offer, if one is out, else an offer.
    pub(super) fn take(&self, theirs: &MediaDescription) -> Result<Heard> {
        let (role, judged, answered) = match &self.offered {
            Some(offered) => {
                let role = role_from_answer(offered, theirs)?;
                (role, self.cema.judge_answer(offered, theirs, role)?, None)
            }
            None => {
                check_known(&self.unknown_names(theirs))?;
                let Answer {
                    description,
                    role,
                    connect,
                    warning,
                    ..
                } = answer_with(&self.options()?, theirs, self.cema.names())?;
                if warning == Some(AnswerWarning::Unreachable) {
                    return Err(Error::invalid_argument(
                        "the peer wants to connect, and this session listens nowhere \
                         (a secure one needs a certificate for that)",
                    ));
                }
                (role, AfterAnswer::Agreed(connect), Some(description))
            }
        };
        let (connect, fallback) = match judged {
            AfterAnswer::Agreed(connect) => (connect, None),
            AfterAnswer::OfferAgain(fallback) => (Connect::Path, Some(fallback)),
        };
        self.refuse_cleartext(&theirs.path, ErrorKind::InvalidSdp)?;
        refuse_transport(&theirs.path, role == Setup::Active, ErrorKind::InvalidSdp)?;
        let remote = Remote {
            path: theirs.path.clone(),
            active: role == Setup::Active,
            accept_types: theirs.accept_types.clone(),
            max_size: theirs.max_size,
            is_this_engine: theirs.speaks_to_this_engine(),
            fingerprints: theirs.fingerprints.clone(),
            via: via(connect),
        };
        Ok(Heard {
            remote,
            answered,
            fallback,
        })
    }

    /// The names that have to be looked up before `take` can judge.
    pub(super) fn unknown_names(&self, theirs: &MediaDescription) -> Vec<String> {
        let names = self.cema.names();
        match &self.offered {
            Some(offered) => role_from_answer(offered, theirs)
                .map(|role| names_of_answer(offered, theirs, role, names))
                .unwrap_or_default(),
            None => self
                .options()
                .map(|options| names_of_offer(&options, theirs, names))
                .unwrap_or_default(),
        }
    }

    /// The answer was void, and a new offer is due.
    pub(super) fn fall_back(&mut self, fallback: Fallback) {
        self.offered = None;
        self.cema.fall_back(fallback);
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
            path,
            active,
            accept_types,
            max_size: None,
            is_this_engine: false,
            fingerprints: Vec::new(),
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
            remote_path: heard.remote.path.clone(),
            active: heard.remote.active,
            chunk_len,
            session_match: treatment.session_match,
            pacing: treatment.pacing,
            dash_split: treatment.dash_split,
            accept_types: self.local.accept_types.clone().into(),
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
        heard.remote.is_this_engine
            && self.path.len() == 1
            && self.local.treatment.session_match == SessionMatch::Uri
    }

    /// The fingerprints that came with it.
    ///
    /// # Errors
    /// `InvalidSdp` where they could prove nothing: the certificate that is seen is that of the peer's relay
    /// (RFC 6135 §4.3).
    pub(super) fn fingerprints<'a>(&self, heard: &'a Heard) -> Result<&'a [Fingerprint]> {
        if heard.remote.path.len() > 1 {
            return Err(Error::remote(
                ErrorKind::InvalidSdp,
                "peer is behind a relay, whose certificate no fingerprint vouches for (RFC 6135 §4.3)",
            ));
        }
        Ok(&heard.remote.fingerprints)
    }

    /// Where `heard` makes us connect to, if not to its path.
    pub(super) fn via(heard: &Heard) -> Option<(Host, u16)> {
        heard.remote.via.clone()
    }

    /// Whether `heard` is what is known already, as far as a bound session can tell.
    pub(super) fn is_same(&self, heard: &Heard) -> bool {
        self.remote
            .as_ref()
            .is_some_and(|remote| remote.path == heard.remote.path)
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
    /// Whether a message of this type and length may be sent.
    ///
    /// # Errors
    /// `UnacceptedType` (RFC 4975 §8.6), `TooLarge` beyond the peer's `max-size`.
    pub(super) fn check(&self, media_type: &MediaType, len: Option<u64>) -> Result<()> {
        if !self
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
        if let (Some(len), Some(max)) = (len, self.max_size)
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
