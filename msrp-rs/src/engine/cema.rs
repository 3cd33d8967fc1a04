//! CEMA on a session (RFC 6714): what its host switched on, the names that an SDP makes us look up, and what followed.
//!
//! The rules are `sdp::cema`. Where the connection goes is told to `net::registry`, which `net::dial` asks.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Engine;
use super::handle::SessionHandle;
use super::negotiation::Remote;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::net::context::Context;
use crate::sdp::cema::{AfterAnswer, Connect, Fallback, Names, after_answer, names_of_answer};
use crate::sdp::{Fingerprint, MediaDescription, Setup};

impl Engine {
    /// Looks up the names of the peer's SDP that decide about CEMA, for `set_remote` and `create_answer`, which do not
    /// wait. [`Event::Prepared`](super::Event::Prepared) with the number that this gives follows in any case: at once
    /// where nothing has to be looked up, which is so without [`SessionOptions::cema`](super::SessionOptions::cema) and
    /// wherever addresses are equal as texts; else when the engine's resolver has answered, for which it has the time of
    /// [`Limits::resolve`](crate::Limits::resolve). A name that is not found has no address. Nothing of the session
    /// changes.
    ///
    /// # Errors
    /// Those of `set_remote` for the text itself; `Gone`, `Forked`.
    pub fn prepare_remote(
        &self,
        session: SessionHandle,
        sdp: &str,
        index: Option<usize>,
    ) -> Result<u64> {
        let theirs = match MediaDescription::parse(sdp, index) {
            Ok(theirs) => Some(theirs),
            // Port 0: `set_remote` ends the session.
            Err(error) if error.kind == ErrorKind::Gone => None,
            Err(error) => return Err(error),
        };
        let core = self.core()?;
        core.check_running()?;
        let session = core.shared.session(session)?;
        let lookup = core.shared.context.number();
        let wanted = match &theirs {
            Some(theirs) => session.negotiation.lock().unknown_names(theirs)?,
            None => Vec::new(),
        };
        if wanted.is_empty() {
            session.mailbox().prepared(lookup);
            return Ok(lookup);
        }
        let context = Arc::clone(&core.shared.context);
        core.handle.spawn(async move {
            let found = look_up(&context, &session, wanted).await;
            let mut negotiation = session.negotiation.lock();
            for (name, addresses) in found {
                negotiation.cema.names.insert(&name, addresses);
            }
            drop(negotiation);
            session.mailbox().prepared(lookup);
        });
        Ok(lookup)
    }

    /// Whether a new offer is due. `create_offer` and `offer_media` give it, and it is sent in the same way as the first
    /// one. `false` again once it was made. There are two reasons: an answer said that CEMA cannot work with this peer
    /// (RFC 6714 §4.2); it was not taken, and the new offer is without `a=msrp-cema`. Or our relays gave other URIs, since
    /// those that the peer knows expire ([`Event::RelayPath`](super::Event::RelayPath), RFC 4976 §9.4); an answer of ours
    /// to an offer of the peer tells them as well.
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn offer_due(&self, session: SessionHandle) -> Result<bool> {
        let session = self.find(session)?;
        let due = session.negotiation.lock().is_offer_due();
        Ok(due)
    }

    /// The fingerprints of the peer's SDP (RFC 8122), once it is known; empty without any. A host that trusts the
    /// signalling only so far stores them with the peer's identity, and warns when the next session brings others
    /// (RFC 6714 §7.7).
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn remote_fingerprints(&self, session: SessionHandle) -> Result<Vec<Fingerprint>> {
        let session = self.find(session)?;
        let negotiation = session.negotiation.lock();
        let described = negotiation.remote().and_then(Remote::description);
        Ok(described.map_or_else(Vec::new, |media| media.fingerprints.clone()))
    }
}

/// What a session knows about CEMA.
#[derive(Debug, Default)]
pub(super) struct Cema {
    /// The host wants it, and no answer has shown that it cannot work.
    is_on: bool,
    /// An answer showed that, and the new offer was not made yet.
    due: Option<Fallback>,
    /// What was looked up.
    names: Names,
}

impl Cema {
    pub(super) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            ..Self::default()
        }
    }

    /// Whether descriptions of ours have the attribute.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether a new offer is to be made.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some()
    }

    /// What was looked up.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// A new offer is made, or the host has gone on otherwise.
    pub(super) fn go_on(&mut self) {
        self.due = None;
    }

    /// An answer was void: from now on the session does without.
    pub(super) fn fall_back(&mut self, fallback: Fallback) {
        self.is_on = false;
        self.due = Some(fallback);
    }

    /// An error while a new offer is due.
    pub(super) fn check_agreed(&self) -> Result<()> {
        let Some(due) = self.due else {
            return Ok(());
        };
        let why = match due {
            Fallback::PeerConnectsByPath => "the peer would connect past a middlebox",
            Fallback::OwnRelayConnects => "our relay would connect past a middlebox",
            Fallback::PeerRelayHidden => "the peer's relay is behind a middlebox",
        };
        Err(Error::invalid_argument(format!(
            "a new offer without CEMA is due, since {why}: make it, send it, and set its answer (RFC 6714 §4.2)"
        )))
    }

    /// What an answer to `offered` means for where we connect.
    pub(super) fn judge_answer(
        &self,
        offered: &MediaDescription,
        theirs: &MediaDescription,
        role: Setup,
    ) -> Result<AfterAnswer> {
        check_known(&names_of_answer(offered, theirs, role, &self.names))?;
        after_answer(offered, theirs, role, &self.names)
    }
}

/// An error if names have to be looked up first.
pub(super) fn check_known(unknown: &[String]) -> Result<()> {
    match unknown.first() {
        None => Ok(()),
        Some(name) => Err(Error::invalid_argument(format!(
            "with CEMA the addresses of {name:?} decide about this SDP: call prepare_remote with it first, and wait \
             (RFC 6714 §4.4)"
        ))),
    }
}

/// Where the session is dialled, if not at its path.
pub(super) fn via(connect: Connect) -> Option<(crate::wire::Host, u16)> {
    match connect {
        Connect::Path => None,
        Connect::Address(host, port) => Some((host, port)),
    }
}

/// The addresses of each name; none for what is not found in time.
async fn look_up(
    context: &Arc<Context>,
    session: &Arc<Session>,
    names: Vec<String>,
) -> Vec<(String, Vec<IpAddr>)> {
    let mut under_way = JoinSet::new();
    for name in names {
        let (context, session) = (Arc::clone(context), Arc::clone(session));
        under_way.spawn(async move {
            let dialler = &context.dialler;
            let found = dialler.names.addresses(
                &context.limits,
                &dialler.questions,
                session.mailbox(),
                &name,
            );
            let addresses = found.await.unwrap_or_default();
            (name, addresses)
        });
    }
    under_way.join_all().await
}
