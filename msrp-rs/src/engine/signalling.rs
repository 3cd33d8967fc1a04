//! The signalling of a session, as the facade's calls: its path, its m= section, offer and answer (RFC 4975 §8).
//!
//! What is said and heard is worked out in `negotiation`; here it meets the connections.

use std::sync::Arc;

use super::Engine;
use super::handle::SessionHandle;
use super::lifecycle::Core;
use super::negotiation::{Directions, Heard, Negotiation};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::net::mailbox::Phase;
use crate::net::registry::SetReady;
use crate::net::tls::verify::Pins;
use crate::proto::CloseReason;
use crate::sdp::{Direction, MediaDescription, SessionDescription};
use crate::wire::UriPath;

impl Engine {
    /// Our path: one URI (or our relays' and ours). It stays as it is from the first time that it is asked for, here
    /// or in an SDP. A session behind relays has none before [`authenticate`](Self::authenticate), and another one when they
    /// give further URIs.
    ///
    /// # Errors
    /// `InvalidArgument` for a session with relays before `authenticate`, as from all calls that give or take an SDP;
    /// `Gone`, `Forked`.
    pub fn local_path(&self, session: SessionHandle) -> Result<UriPath> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        negotiation.path().cloned()
    }

    /// The session-id of our own URI, by which requests find the session. It is a secret (RFC 4975 §14.1).
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn session_id(&self, session: SessionHandle) -> Result<String> {
        let session = self.find(session)?;
        let negotiation = session.negotiation.lock();
        Ok(negotiation
            .uri()
            .session_id()
            .unwrap_or_default()
            .to_owned())
    }

    /// The peer's path, once known.
    pub fn remote_path(&self, session: SessionHandle) -> Result<Option<UriPath>> {
        let session = self.find(session)?;
        let negotiation = session.negotiation.lock();
        Ok(negotiation.remote().map(|remote| remote.path().clone()))
    }

    /// Our m= block: the answer to an offer that `set_remote` was given, our offer that is open, else our side as it
    /// stands. Before the first exchange it is an offer, and what the peer says next is taken as its answer, unless
    /// `create_answer` is given an offer. Later offers come from [`offer_media`](Self::offer_media).
    pub fn local_media(&self, session: SessionHandle) -> Result<String> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        let text = negotiation.describe()?.to_media();
        session.entry.set_uri(negotiation.uri().clone());
        Ok(text)
    }

    /// Our m= block as an offer, which is open until `set_remote` is given its answer. Called again while nothing has
    /// changed, it is the same. The host's `o=` version grows when its text differs from the last one (RFC 3264 §8).
    ///
    /// # Errors
    /// As [`create_offer`](Self::create_offer).
    pub fn offer_media(&self, session: SessionHandle) -> Result<String> {
        let session = self.find(session)?;
        check_alive(&session)?;
        let mut negotiation = session.negotiation.lock();
        let text = negotiation.offer()?.to_media();
        session.entry.set_uri(negotiation.uri().clone());
        session.entry.set_flow(negotiation.flow());
        Ok(text)
    }

    /// Takes our open offer back: it was refused (SIP 488), or crossed one of the peer (491). An offer of the peer that
    /// `set_remote` was given is not waited for any more either. Nothing happens where no offer is open.
    pub fn rollback_offer(&self, session: SessionHandle) -> Result<()> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        negotiation.rollback();
        session.entry.set_flow(negotiation.flow());
        Ok(())
    }

    /// Who sends ordinary messages (RFC 4975 §8.9).
    pub fn directions(&self, session: SessionHandle) -> Result<Directions> {
        let session = self.find(session)?;
        let directions = session.negotiation.lock().directions();
        Ok(directions)
    }

    /// What our next offer or answer says of the direction: a *hold* is `SendOnly` or `Inactive`, its end `SendRecv`.
    /// It holds when that exchange is done; in a session without SDP at once. Ordinary messages that are under way when
    /// we must not send any more wait until we may, large ones at the end of a chunk; new ones are refused. What the
    /// peer began before goes on to its end.
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn set_direction(&self, session: SessionHandle, direction: Direction) -> Result<()> {
        let session = self.find(session)?;
        check_alive(&session)?;
        let mut negotiation = session.negotiation.lock();
        negotiation.wish(direction);
        session.entry.set_flow(negotiation.flow());
        Ok(())
    }

    /// A whole minimal SDP with our m= block as an offer, which is open until `set_remote` is given its answer. Called
    /// again while nothing has changed, it is the same text. The version in `o=` grows with every change (RFC 3264 §8);
    /// lines of other streams that the peer offered and we refused stay, with port 0.
    ///
    /// # Errors
    /// `Busy` while another offer is open: ours, and a new one would differ, or one of the peer that `set_remote` was
    /// given and `local_media` was not asked to answer (RFC 3264 §4). `Gone` when the session is closing or over.
    pub fn create_offer(&self, session: SessionHandle) -> Result<String> {
        let session = self.find(session)?;
        check_alive(&session)?;
        let mut negotiation = session.negotiation.lock();
        let text = negotiation.say_offer()?;
        session.entry.set_uri(negotiation.uri().clone());
        session.entry.set_flow(negotiation.flow());
        Ok(text)
    }

    /// Takes the offer as the remote side and gives the whole answer: as many m= lines as the offer, all but ours
    /// refused with port 0. An offer that repeats the last one gets the same answer, and nothing else happens. One with
    /// port 0 ends the session: the answer has port 0, too.
    ///
    /// # Errors
    /// As `set_remote`, and `Busy` while an offer of ours is open (RFC 3264 §4).
    pub fn create_answer(
        &self,
        session: SessionHandle,
        offer: &str,
        index: Option<usize>,
    ) -> Result<String> {
        let offer = SessionDescription::parse(offer)?;
        let selected = offer.select(index);
        let session = self.find(session)?;
        check_alive(&session)?;
        let mut negotiation = session.negotiation.lock();
        negotiation.check_answerable()?;
        let (index, theirs) = match selected {
            Ok(selected) => selected,
            Err(error) if error.kind == ErrorKind::Gone => {
                let refusal = negotiation.say_refusal(&offer);
                drop(negotiation);
                self.end_stream(&session)?;
                return refusal;
            }
            Err(error) => return Err(error),
        };
        hear(self.core()?, &session, &mut negotiation, |negotiation| {
            negotiation.take_offer(&theirs)
        })?;
        negotiation.say_answer(&offer, index)
    }

    /// The peer's whole SDP or its m= block: the answer to our offer, or an offer that `local_media` then answers.
    /// May be called again at any time. Where the path of one side has changed, the session goes over to a connection
    /// for the new one, made by whom `setup` says (RFC 4975 §8.4): until that works all goes on as before, and where
    /// nobody comes in the time of [`open`](Self::open) it stays so. Then what has not begun goes along, and what has
    /// begun goes on to its end where it is; if that connection is lost first, it has failed. Port 0 ends the session:
    /// the stream was refused or is over (RFC 3264 §6, §8.2), and its answer has port 0, too.
    ///
    /// With CEMA an answer may be void: then nothing of it is taken, and [`offer_due`](Self::offer_due) says that a new
    /// offer is to be sent. Names have to be looked up before: [`prepare_remote`](Self::prepare_remote).
    ///
    /// # Errors
    /// `InvalidSdp` naming the line and the rule, `UnacceptedType` if the peer accepts none of our types,
    /// `InvalidArgument` where nobody could connect, `Gone` when the session is closing or over, `Forked`.
    pub fn set_remote(
        &self,
        session: SessionHandle,
        sdp: &str,
        index: Option<usize>,
    ) -> Result<()> {
        let parsed = MediaDescription::parse(sdp, index);
        self.hear_section(session, parsed)
    }

    /// The peer's path without any SDP; `active` says whether we connect.
    ///
    /// # Errors
    /// `InvalidUri`, `InvalidArgument`, `Gone`, `Forked`.
    pub fn set_remote_path(
        &self,
        session: SessionHandle,
        path: &str,
        active: bool,
        accept_types: &str,
    ) -> Result<()> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        hear(self.core()?, &session, &mut negotiation, |negotiation| {
            negotiation.take_path(path, active, accept_types)
        })
    }
}

impl Engine {
    /// Takes the peer's section as it was read; `Gone` for port 0.
    pub(super) fn hear_section(
        &self,
        session: SessionHandle,
        theirs: Result<MediaDescription>,
    ) -> Result<()> {
        let session = self.find(session)?;
        check_alive(&session)?;
        let theirs = match theirs {
            Err(error) if error.kind == ErrorKind::Gone => return self.end_stream(&session),
            theirs => theirs?,
        };
        let mut negotiation = session.negotiation.lock();
        hear(self.core()?, &session, &mut negotiation, |negotiation| {
            negotiation.take(&theirs)
        })
    }

    /// Port 0 was said: nothing more is sent, and a connection that others use stays (RFC 3264 §8.2).
    pub(super) fn end_stream(&self, session: &Session) -> Result<()> {
        let shared = &self.core()?.shared;
        shared.abort(session, Some((CloseReason::StreamEnded, None)));
        Ok(())
    }
}

/// What is closing needs no offers.
pub(super) fn check_alive(session: &Session) -> Result<()> {
    if session.mailbox().phase() >= Phase::Closing {
        return Err(Error::local(ErrorKind::Gone, "session is closed"));
    }
    Ok(())
}

/// Takes the remote side and hands it to the connections.
fn hear(
    core: &Core,
    session: &Session,
    negotiation: &mut Negotiation,
    take: impl FnOnce(&Negotiation) -> Result<Heard>,
) -> Result<()> {
    let weighed = Weighed::new(session, negotiation, take)?;
    weighed.settle(core, session, negotiation)
}

/// A remote side that may be taken; nothing is changed yet.
pub(super) struct Weighed {
    heard: Heard,
    pins: Option<Arc<Pins>>,
}

impl Weighed {
    pub(super) fn new(
        session: &Session,
        negotiation: &Negotiation,
        take: impl FnOnce(&Negotiation) -> Result<Heard>,
    ) -> Result<Self> {
        check_alive(session)?;
        let heard = take(negotiation)?;
        let pins = match session.entry.tls() {
            Some(tls) => tls.pins(negotiation.fingerprints(&heard, tls)?, heard.hosts())?,
            None => None,
        };
        Ok(Self { heard, pins })
    }

    /// Our side, where there is SDP.
    pub(super) fn ours(&self) -> Option<&MediaDescription> {
        self.heard.ours()
    }

    /// Takes it, and tells the connections.
    pub(super) fn settle(
        self,
        core: &Core,
        session: &Session,
        negotiation: &mut Negotiation,
    ) -> Result<()> {
        let Self { heard, pins } = self;
        if let Some(fallback) = heard.fallback {
            let is_served = session.entry.connection().is_some() && negotiation.is_same(&heard);
            if !is_served {
                negotiation.fall_back(fallback);
                return Ok(());
            }
        }
        session.entry.set_pins(pins);
        let config = negotiation.config(&heard, session.first_message);
        session.entry.set_uri(config.local_uri.clone());
        match session
            .entry
            .set_ready(config, !negotiation.is_same(&heard))
        {
            SetReady::Ended => Err(Error::local(ErrorKind::Gone, "session is closed")),
            ready => {
                session.entry.set_via(Negotiation::via(&heard));
                negotiation.settle(heard, ready == SetReady::WasBound);
                session.entry.set_flow(negotiation.flow());
                if ready == SetReady::Moves {
                    let path = negotiation.remote().map(|remote| remote.path().clone());
                    session.mailbox().announce_move(path);
                    core.seek(session, negotiation.hop());
                } else if ready == SetReady::Waiting
                    && session.mailbox().phase() >= Phase::Connecting
                {
                    // Whoever connects now does it as the last exchange says.
                    core.seek(session, negotiation.hop());
                }
                Ok(())
            }
        }
    }
}
