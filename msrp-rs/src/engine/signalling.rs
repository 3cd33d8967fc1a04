//! The signalling of a session, as the facade's calls: its path, its m= section, offer and answer (RFC 4975 §8).
//!
//! What is said and heard is worked out in `negotiation`; here it meets the connections.

use std::sync::Arc;

use super::Engine;
use super::handle::SessionHandle;
use super::negotiation::{Heard, Negotiation};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::net::mailbox::Phase;
use crate::net::registry::SetReady;
use crate::net::tls::verify::Pins;
use crate::sdp::{MediaDescription, SessionDescription};
use crate::wire::UriPath;

impl Engine {
    /// Our path: one URI (or our relays' and ours). It stays as it is from the first time that it is asked for, here
    /// or in an SDP.
    pub fn local_path(&self, session: SessionHandle) -> Result<UriPath> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        Ok(negotiation.path().clone())
    }

    /// The peer's path, once known.
    pub fn remote_path(&self, session: SessionHandle) -> Result<Option<UriPath>> {
        let session = self.find(session)?;
        let negotiation = session.negotiation.lock();
        Ok(negotiation.remote().map(|remote| remote.path().clone()))
    }

    /// Our m= block as an offer, or as the answer to what `set_remote` was given.
    pub fn local_media(&self, session: SessionHandle) -> Result<String> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        let text = negotiation.describe()?.to_media();
        session.entry.set_uri(negotiation.uri().clone());
        Ok(text)
    }

    /// A whole minimal SDP with our m= block as an offer.
    pub fn create_offer(&self, session: SessionHandle) -> Result<String> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        let description = negotiation.offer()?.clone();
        session.entry.set_uri(negotiation.uri().clone());
        Ok(description.to_sdp(negotiation.origin()))
    }

    /// Takes the offer as the remote side and gives the whole answer: as many m= lines as the offer, all but ours
    /// refused with port 0.
    ///
    /// # Errors
    /// As `set_remote`.
    pub fn create_answer(
        &self,
        session: SessionHandle,
        offer: &str,
        index: Option<usize>,
    ) -> Result<String> {
        let offer = SessionDescription::parse(offer)?;
        let (index, theirs) = offer.select(index)?;
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        hear(&session, &mut negotiation, |negotiation| {
            negotiation.take_offer(&theirs)
        })?;
        let origin = negotiation.origin().clone();
        offer.answer(&[(index, negotiation.describe()?)], &origin)
    }

    /// The peer's whole SDP or its m= block: the answer to our offer, or an offer that `local_media` then answers.
    /// May be called again before the session is bound; later only with the path that is known.
    ///
    /// # Errors
    /// `InvalidSdp` naming the line and the rule, `UnacceptedType` if the peer accepts none of our types, `Gone` if its
    /// port is 0, `InvalidArgument` (a changed path of a bound session), `Forked`.
    pub fn set_remote(
        &self,
        session: SessionHandle,
        sdp: &str,
        index: Option<usize>,
    ) -> Result<()> {
        self.set_remote_description(session, MediaDescription::parse(sdp, index)?)
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
        hear(&session, &mut negotiation, |negotiation| {
            negotiation.take_path(path, active, accept_types)
        })
    }
}

/// Takes the remote side and hands it to the connections.
fn hear(
    session: &Session,
    negotiation: &mut Negotiation,
    take: impl FnOnce(&Negotiation) -> Result<Heard>,
) -> Result<()> {
    let weighed = Weighed::new(session, negotiation, take)?;
    weighed.settle(session, negotiation)
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
        if session.mailbox().phase() >= Phase::Closing {
            return Err(Error::local(ErrorKind::Gone, "session is closed"));
        }
        let heard = take(negotiation)?;
        let pins = match session.entry.tls() {
            Some(tls) => tls.pins(negotiation.fingerprints(&heard, tls)?, heard.hosts())?,
            None => None,
        };
        Ok(Self { heard, pins })
    }

    /// Takes it, and tells the connections.
    pub(super) fn settle(self, session: &Session, negotiation: &mut Negotiation) -> Result<()> {
        let Self { heard, pins } = self;
        session.entry.set_pins(pins);
        let config = negotiation.config(&heard, session.first_message);
        session.entry.set_uri(config.local_uri.clone());
        match session.entry.set_ready(config) {
            SetReady::WasBound if !negotiation.is_same(&heard) => Err(Error::invalid_argument(
                "the peer's path changed while the session is bound: make a new session (RFC 4975 §8.4)",
            )),
            SetReady::Ended => Err(Error::local(ErrorKind::Gone, "session is closed")),
            SetReady::Waiting | SetReady::Attached | SetReady::WasBound => {
                negotiation.settle(heard);
                Ok(())
            }
        }
    }
}
