//! SDP as values, and whole SDP texts with several sessions: what a host hands over that keeps its SDP as objects, or has
//! more than one m=message line in it (RFC 3264 §5, §6, §8).
//!
//! What one session says and hears is worked out in `negotiation`; the texts are made in `sdp`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use parking_lot::MutexGuard;

use super::Engine;
use super::handle::SessionHandle;
use super::negotiation::Negotiation;
use super::session::Session;
use super::signalling::{Weighed, check_alive};
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::sdp::{Attribute, MediaBuilder, MediaDescription, Origin, SessionDescription};
use crate::wire::Host;

impl Engine {
    /// Our m= section as values: what [`local_media`](Self::local_media) says as text.
    /// [`MediaDescription::written_attributes`] has its attributes one by one.
    ///
    /// # Errors
    /// As `local_media`.
    pub fn local_description(&self, session: SessionHandle) -> Result<MediaDescription> {
        let session = self.find(session)?;
        let mut negotiation = session.negotiation.lock();
        let description = negotiation.describe()?.clone();
        session.entry.set_uri(negotiation.uri().clone());
        Ok(description)
    }

    /// Our m= section as values, as an offer, which is open until the peer's section is given: what
    /// [`offer_media`](Self::offer_media) says as text.
    ///
    /// # Errors
    /// As `offer_media`.
    pub fn offer_description(&self, session: SessionHandle) -> Result<MediaDescription> {
        let session = self.find(session)?;
        check_alive(&session)?;
        let mut negotiation = session.negotiation.lock();
        let description = negotiation.offer()?.clone();
        session.entry.set_uri(negotiation.uri().clone());
        session.entry.set_flow(negotiation.flow());
        Ok(description)
    }

    /// What the peer's m= section said last, unknown attributes among it. `None` before, and where there is only a path.
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn remote_description(&self, session: SessionHandle) -> Result<Option<MediaDescription>> {
        let session = self.find(session)?;
        let negotiation = session.negotiation.lock();
        Ok(negotiation
            .remote()
            .and_then(|remote| remote.description().cloned()))
    }

    /// The peer's m= section, given attribute by attribute: as [`set_remote`](Self::set_remote), without a text.
    ///
    /// # Errors
    /// As `set_remote`, which a builder with port 0 is for, too; `InvalidSdp` names the attribute that is missing.
    pub fn set_remote_attributes(
        &self,
        session: SessionHandle,
        attributes: MediaBuilder,
    ) -> Result<()> {
        self.hear_section(session, attributes.build())
    }

    /// The peer's m= section as a value: as [`set_remote`](Self::set_remote), which parses one.
    ///
    /// # Errors
    /// As `set_remote`.
    pub fn set_remote_description(
        &self,
        session: SessionHandle,
        theirs: MediaDescription,
    ) -> Result<()> {
        self.hear_section(session, Ok(theirs))
    }

    /// Replaces [`SessionOptions::attributes`](super::SessionOptions::attributes) from the next offer or answer on: an
    /// answer may need others than an offer, once the offer is known.
    ///
    /// # Errors
    /// `InvalidArgument` for more than are allowed, `Gone`, `Forked`.
    pub fn set_attributes(&self, session: SessionHandle, attributes: Vec<Attribute>) -> Result<()> {
        validate::attributes(&attributes)?;
        let session = self.find(session)?;
        session.negotiation.lock().set_attributes(attributes);
        Ok(())
    }

    /// A whole SDP that offers several sessions, each on the m= line of its 0-based index.
    ///
    /// Without `last` a minimal one: its lines are those of the sessions. `last` is the last SDP, offer or answer, that
    /// this side sent in the same dialog: its session part and its other media are kept, its version is raised if
    /// anything changes, a disabled line may be taken by a new session, further lines go last, and MSRP lines that no
    /// session takes are disabled ([`SessionDescription::reoffer`]).
    ///
    /// # Errors
    /// `InvalidArgument` without any session, for an index or session given twice, a line that is in use for other media
    /// or a gap between the lines; `InvalidSdp` and `Limit` for `last`; otherwise as
    /// [`create_offer`](Self::create_offer).
    pub fn offer_sessions(
        &self,
        sessions: &[(usize, SessionHandle)],
        last: Option<&str>,
    ) -> Result<String> {
        let last = last.map(SessionDescription::parse).transpose()?;
        let streams = self.streams(sessions)?;
        let mut locked = lock(&streams);
        // Before anybody is told: whether the lines fit.
        let mut ours = Vec::with_capacity(locked.len());
        for stream in &locked {
            let offer = check_alive(stream.session).and_then(|()| stream.negotiation.next_offer());
            ours.push((
                stream.index,
                offer.map_err(|error| on_line(error, stream.index))?,
            ));
        }
        let borrowed: Vec<_> = ours.iter().map(|(index, media)| (*index, media)).collect();
        let text = match (&last, locked.first_mut()) {
            (Some(last), _) => last.reoffer(&borrowed)?,
            (None, Some(first)) => {
                if let Some(at) = (0..borrowed.len()).find(|&at| borrowed[at].0 != at) {
                    return Err(Error::invalid_argument(format!(
                        "no session takes the m= line at index {at}: a first offer has lines for its sessions alone"
                    )));
                }
                let medias: Vec<_> = borrowed.iter().map(|(_, media)| *media).collect();
                let text = |origin: &Origin| SessionDescription::offer(&medias, origin);
                first.negotiation.say(text)?
            }
            (None, None) => return Err(none()),
        };
        for stream in &mut locked {
            stream.negotiation.offer()?;
            let uri = stream.negotiation.uri().clone();
            stream.session.entry.set_uri(uri);
            let flow = stream.negotiation.flow();
            stream.session.entry.set_flow(flow);
        }
        Ok(text)
    }

    /// Takes an offer with several m=message lines, each for the session beside its 0-based index, and gives the whole
    /// answer: as many m= lines as the offer, all others refused with port 0. `last` is the last SDP, offer or answer,
    /// that this side sent in the same dialog, if there is one: the answer goes on with its `o=` line.
    ///
    /// Either all sessions take their line, or none is changed: the error names the line whose fault it is, and the host
    /// may answer again without its session. A session whose line has port 0 ends.
    ///
    /// # Errors
    /// `InvalidArgument` without any session, for an index or session given twice or an index without a line; `Busy` while
    /// an offer of one of them is open; otherwise as [`set_remote`](Self::set_remote).
    pub fn answer_sessions(
        &self,
        offer: &str,
        sessions: &[(usize, SessionHandle)],
        last: Option<&str>,
    ) -> Result<String> {
        let offer = SessionDescription::parse(offer)?;
        let last = last.map(SessionDescription::parse).transpose()?;
        let streams = self.streams(sessions)?;
        let mut locked = lock(&streams);
        let mut weighed = Vec::with_capacity(locked.len());
        for stream in &locked {
            let theirs = match offer.select(Some(stream.index)) {
                Ok((_, theirs)) => Some(theirs),
                // The stream is over.
                Err(error) if error.kind == ErrorKind::Gone => None,
                Err(error) => return Err(error),
            };
            let heard = theirs.map(|theirs| {
                Weighed::new(stream.session, &stream.negotiation, |negotiation| {
                    negotiation.check_answerable()?;
                    negotiation.take_offer(&theirs)
                })
            });
            let heard = heard.transpose();
            weighed.push(heard.map_err(|error| on_line(error, stream.index))?);
        }
        let ours: Vec<_> = (locked.iter().zip(&weighed))
            .filter_map(|(stream, weighed)| Some((stream.index, weighed.as_ref()?.ours()?.clone())))
            .collect();
        let borrowed: Vec<_> = ours.iter().map(|(index, media)| (*index, media)).collect();
        let text = match (&last, locked.first_mut()) {
            (Some(last), _) => offer.answer_after(&borrowed, last)?,
            (None, Some(first)) => first
                .negotiation
                .say(|origin| offer.answer(&borrowed, origin))?,
            (None, None) => return Err(none()),
        };
        let core = self.core()?;
        let mut ended = Vec::new();
        for (stream, weighed) in locked.iter_mut().zip(weighed) {
            let Some(weighed) = weighed else {
                ended.push(stream.session);
                continue;
            };
            let settled = weighed.settle(core, stream.session, &mut stream.negotiation);
            settled.map_err(|error| on_line(error, stream.index))?;
            stream.negotiation.describe()?;
        }
        drop(locked);
        for session in ended {
            self.end_stream(session)?;
        }
        Ok(text)
    }

    /// The sessions in the order of their lines.
    fn streams(&self, sessions: &[(usize, SessionHandle)]) -> Result<Vec<(usize, Arc<Session>)>> {
        if sessions.is_empty() {
            return Err(none());
        }
        let mut streams = sessions
            .iter()
            .map(|(index, session)| Ok((*index, self.find(*session)?)))
            .collect::<Result<Vec<_>>>()?;
        streams.sort_by_key(|(index, _)| *index);
        let twice = |what: &str, index: usize| {
            Error::invalid_argument(format!("{what} at index {index} is given twice"))
        };
        if let Some(pair) = streams.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(twice("m= line", pair[0].0));
        }
        let mut handles: Vec<_> = sessions.iter().map(|(index, it)| (it.0, *index)).collect();
        handles.sort_unstable();
        if let Some(pair) = handles.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(twice("session", pair[1].1));
        }
        Ok(streams)
    }
}

/// The answer that refuses every stream of `offer` with port 0, or with `index` only the m= line that refuses that one,
/// for a host that builds its own SDP (RFC 3264 §6). Needs no engine. The `o=` line is a new one; `last`, the last SDP
/// that this side sent in the same dialog, gives it instead.
///
/// # Errors
/// `InvalidSdp`, `Limit`; `InvalidArgument` for an index without a line; `Internal` where the system has no randomness.
pub fn refuse(offer: &str, index: Option<usize>, last: Option<&str>) -> Result<String> {
    let offer = SessionDescription::parse(offer)?;
    match (index, last) {
        (Some(index), _) => offer.refused_media(index),
        (None, Some(last)) => offer.answer_after(&[], &SessionDescription::parse(last)?),
        (None, None) => {
            let mut id = [0; 8];
            getrandom::fill(&mut id).map_err(|error| {
                let text = format!("system gives no randomness for an o= line: {error}");
                Error::local(ErrorKind::Internal, text)
            })?;
            let nowhere = Host::V4(Ipv4Addr::UNSPECIFIED);
            let origin = Origin::new(u64::from_le_bytes(id) >> 1, 1, nowhere)?;
            Ok(offer.refuse(&origin))
        }
    }
}

/// One session with its line, its side of the exchange held.
struct Stream<'a> {
    index: usize,
    session: &'a Session,
    negotiation: MutexGuard<'a, Negotiation>,
}

/// Holds all of them, in the order of their lines. They are locked in the order of their handles, so that two calls with
/// the same sessions cannot wait for each other.
fn lock(streams: &[(usize, Arc<Session>)]) -> Vec<Stream<'_>> {
    let mut order: Vec<_> = streams.iter().collect();
    order.sort_by_key(|(_, session)| session.handle.0);
    let mut locked: Vec<_> = order
        .into_iter()
        .map(|(index, session)| Stream {
            index: *index,
            session,
            negotiation: session.negotiation.lock(),
        })
        .collect();
    locked.sort_by_key(|stream| stream.index);
    locked
}

/// The error of one among several lines.
fn on_line(mut error: Error, index: usize) -> Error {
    error.context = format!("m-line {}: {}", index + 1, error.context);
    error
}

fn none() -> Error {
    Error::invalid_argument("no session is given: refuse gives an answer without any")
}
