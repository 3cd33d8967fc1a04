//! A session: SDP (RFC 4975 §8), opening and closing (§5.4), sending and receiving.
//!
//! How a call waits stands in `shared`, what may be negotiated in `engine::negotiation`.

use std::fmt;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex as Turn;

use super::body::Source;
use super::shared::{Phase, Shared};
use super::{Body, Events, Message, Request, StreamSender, Transfer};
use crate::engine::{
    Adopt, Directions, NotAdopted, PeerCertificate, Relocation, RequestOptions, SendBody,
    SendOptions, SessionHandle, SessionState,
};
use crate::error::{Error, ErrorKind, Result};
use crate::proto::{Answer, CloseReason};
use crate::sdp::{Attribute, Direction, Fingerprint, MediaBuilder, MediaDescription};
use crate::wire::UriPath;

/// One MSRP session, that is one `m=message` line of an offer and its answer (RFC 4975 §8).
///
/// Clones are the same session and may be used by several tasks at once. When the last one is dropped the session
/// ends at once and what is under way is lost: [`close`](Self::close) it first.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// Whose turn it is to ask for a place in the send window, and for a transfer slot: first come, first served.
    window_turn: Turn<()>,
    slot_turn: Turn<()>,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared,
                window_turn: Turn::default(),
                slot_turn: Turn::default(),
            }),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// The facade's name for this session.
    pub fn handle(&self) -> SessionHandle {
        self.shared().session
    }

    /// Where the session is in its life.
    pub fn state(&self) -> SessionState {
        let shared = self.shared();
        match shared.engine.state(shared.session) {
            Ok(state) => state,
            // Only what is over has no handle any more.
            Err(_) => SessionState::Closed,
        }
    }

    /// Why the session ended; `None` while it has not.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared().catch_up();
        match self.shared().phase() {
            Phase::Closed(reason, _) => Some(reason),
            Phase::Opening | Phase::Open => None,
        }
    }

    /// Our path: our URI, after those of our relays. It is known after the end of the session, too.
    ///
    /// Errors: `InvalidArgument` (a session with relays before [`authenticate`](Self::authenticate)), `Gone` (it is over,
    /// and never had one).
    pub fn local_path(&self) -> Result<UriPath> {
        let shared = self.shared();
        let asked = shared.engine.local_path(shared.session);
        shared.known(asked, |facts| facts.local_path.clone())
    }

    /// Logs in to the session's relays ([`SessionOptions::relays`](crate::SessionOptions::relays), RFC 4976 §5.1) and
    /// gives the URIs that they gave, in the order in which our requests pass them. To be done before there is anything
    /// to offer or answer: the session's path begins with these URIs.
    ///
    /// Before they expire the engine gets new ones by itself, and then a new offer is due:
    /// [`SessionEvent::RelayPath`](crate::SessionEvent::RelayPath). When the connection to the relay is lost the session
    /// is over.
    ///
    /// Errors: `Auth` (a relay refuses the user, or did not prove itself), `Connect`, `Tls`, `Status` (any other answer of a
    /// relay), `Timeout`, `Protocol` (an answer without a path that can be used), `InvalidArgument` (a session without
    /// relays), `Gone`. After all but the last it may be tried again. A call while another one waits joins it.
    ///
    /// # Cancel safety
    /// Cancelled, the login is given up, unless another call waits for it, too: the next call begins a new one, and is not
    /// told what an earlier one came to. A path that the relays have given already stays.
    pub async fn authenticate(&self, timeout: impl Into<Option<Duration>>) -> Result<UriPath> {
        let shared = self.shared();
        let login = shared.authenticate(timeout.into())?;
        shared
            .wait(&shared.lived, || match login.outcome() {
                Some(outcome) => Some(outcome),
                None => shared.gone().map(Err),
            })
            .await
    }

    /// The URIs that our relays gave, in the order in which our requests pass them; `None` before
    /// [`authenticate`](Self::authenticate).
    ///
    /// Errors: `Gone`.
    pub fn relay_path(&self) -> Result<Option<UriPath>> {
        self.shared().engine.relay_path(self.handle())
    }

    /// The peer's path, once it is known, and after the end of the session, too.
    pub fn remote_path(&self) -> Result<Option<UriPath>> {
        let shared = self.shared();
        let asked = shared.engine.remote_path(shared.session);
        shared.known(asked, |facts| Some(facts.remote_path.clone()))
    }

    /// The certificate that the peer showed, and what proves it: `None` without TLS, before [`open`](Self::open) is done,
    /// and for a peer that connected and showed none. It is known after the end of the session, too: a peer may be gone
    /// by the time that `open` is done.
    pub fn peer_certificate(&self) -> Result<Option<PeerCertificate>> {
        let shared = self.shared();
        let asked = shared.engine.peer_certificate(shared.session);
        shared.known(asked, |facts| Some(facts.peer_certificate.clone()))
    }

    /// A whole minimal SDP that offers this session. The offer is open until [`set_remote`](Self::set_remote) is given
    /// its answer, or [`rollback_offer`](Self::rollback_offer) takes it back; called again while nothing has changed, it
    /// is the same text. The version in `o=` grows with every change (RFC 3264 §8).
    ///
    /// Errors: `Busy` (another offer is open, ours or the peer's, RFC 3264 §4), `Gone`.
    pub fn create_offer(&self) -> Result<String> {
        self.shared().engine.create_offer(self.handle())
    }

    /// Takes the peer's offer and gives the whole answer. The first acceptable `m=message` line is ours; all others are
    /// refused with port 0. An offer that repeats the last one gets the same answer; one with port 0 ends the session and
    /// is answered with port 0.
    ///
    /// Errors: as [`set_remote`](Self::set_remote), and `Busy` (an offer of ours is open).
    pub fn create_answer(&self, offer: &str) -> Result<String> {
        let shared = self.shared();
        shared.engine.create_answer(shared.session, offer, None)
    }

    /// As [`create_answer`](Self::create_answer), with the 0-based index of our `m=` line among all of the offer.
    /// [`Engine::answer_sessions`](crate::Engine::answer_sessions) answers several lines at once.
    ///
    /// Errors: as `create_answer`, and `InvalidArgument` where there is no such line.
    pub fn create_answer_media(&self, offer: &str, index: usize) -> Result<String> {
        let shared = self.shared();
        let engine = &shared.engine;
        engine.create_answer(shared.session, offer, Some(index))
    }

    /// Only our `m=` block, for a host that builds its own SDP: the answer to an offer that
    /// [`set_remote`](Self::set_remote) was given, our open offer, else our side as it stands. The first time it is an
    /// offer; later ones come from [`offer_media`](Self::offer_media).
    ///
    /// Errors: `Gone`.
    pub fn local_media(&self) -> Result<String> {
        self.shared().engine.local_media(self.handle())
    }

    /// As [`create_offer`](Self::create_offer), only the `m=` block.
    ///
    /// Errors: as `create_offer`.
    pub fn offer_media(&self) -> Result<String> {
        self.shared().engine.offer_media(self.handle())
    }

    /// Takes our open offer back: it was refused (SIP 488), or crossed one of the peer (491). Nothing happens where none
    /// is open.
    ///
    /// Errors: `Gone`.
    pub fn rollback_offer(&self) -> Result<()> {
        self.shared().engine.rollback_offer(self.handle())
    }

    /// Who sends ordinary messages (RFC 4975 §8.9).
    ///
    /// Errors: `Gone`.
    pub fn directions(&self) -> Result<Directions> {
        self.shared().engine.directions(self.handle())
    }

    /// What our next offer or answer says of the direction: a hold is [`Direction::SendOnly`] or
    /// [`Direction::Inactive`], its end [`Direction::SendRecv`]. It holds when that exchange is done; without SDP at
    /// once. Ordinary messages that wait when we must not send any more go on when we may; new ones are refused with
    /// `Status` 403.
    ///
    /// Errors: `Gone`.
    pub fn set_direction(&self, direction: Direction) -> Result<()> {
        let shared = self.shared();
        shared.engine.set_direction(shared.session, direction)
    }

    /// Takes the peer's SDP, whole or its `m=` block: the answer to our offer, or an offer. May be called again at any
    /// time; where the path of one side has changed, the session goes over to a connection for the new one when that
    /// works ([`engine::Engine::set_remote`](crate::engine::Engine::set_remote)). Port 0 ends the session.
    ///
    /// Errors: `InvalidSdp`, `InvalidUri`, `UnacceptedType` (the peer takes none of our types), `InvalidArgument`
    /// (nobody could connect), `Gone`.
    pub fn set_remote(&self, sdp: &str) -> Result<()> {
        let shared = self.shared();
        shared.engine.set_remote(shared.session, sdp, None)
    }

    /// As [`set_remote`](Self::set_remote), with the 0-based index of our `m=` line among all of the SDP.
    ///
    /// Errors: as `set_remote`.
    pub fn set_remote_media(&self, sdp: &str, index: usize) -> Result<()> {
        let shared = self.shared();
        shared.engine.set_remote(shared.session, sdp, Some(index))
    }

    /// Moves the session to another place of this machine: our URI is another one in the next offer or answer, and the
    /// session goes over when the peer uses it. The one of before is served until then.
    ///
    /// Errors: `InvalidArgument`, `Connect` (the port cannot be bound), `Gone`.
    pub fn relocate(&self, place: Relocation) -> Result<()> {
        let shared = self.shared();
        shared.engine.relocate(shared.session, place)
    }

    /// Looks up the names of the peer's SDP that decide about CEMA ([`SessionOptions::cema`](crate::SessionOptions::cema)):
    /// to be done before [`set_remote`](Self::set_remote) and [`create_answer`](Self::create_answer), which do not wait.
    /// Without CEMA, and where addresses are equal as texts, there is nothing to look up. The resolver has the time of
    /// [`Limits::resolve`](crate::Limits::resolve); what it does not find has no address.
    ///
    /// Errors: as `set_remote` for the text itself, `Gone`.
    ///
    /// # Cancel safety
    /// Cancelled, the lookup goes on, and another call finds what it found.
    pub async fn prepare_remote(&self, sdp: &str) -> Result<()> {
        let shared = self.shared();
        let lookup = shared.prepare(sdp, None)?;
        shared
            .wait(&shared.lived, || match shared.is_looking(lookup) {
                false => Some(Ok(())),
                true => shared.gone().map(Err),
            })
            .await
    }

    /// Whether a new offer is to be sent: with CEMA, the answer said that no connection would come about (RFC 6714
    /// §4.2). It was not taken; [`create_offer`](Self::create_offer) gives the new offer.
    ///
    /// Errors: `Gone`.
    pub fn offer_due(&self) -> Result<bool> {
        self.shared().engine.offer_due(self.handle())
    }

    /// The fingerprints in the peer's SDP, once it is known: to be stored with the peer's identity, and compared the
    /// next time (RFC 6714 §7.7).
    ///
    /// Errors: `Gone`.
    pub fn remote_fingerprints(&self) -> Result<Vec<Fingerprint>> {
        self.shared().engine.remote_fingerprints(self.handle())
    }

    /// Our `m=` section as values, for a host whose SIP stack keeps an SDP as objects: what
    /// [`local_media`](Self::local_media) says as text. [`MediaDescription::written_attributes`] has its attributes one by
    /// one.
    ///
    /// Errors: as `local_media`.
    pub fn local_description(&self) -> Result<MediaDescription> {
        self.shared().engine.local_description(self.handle())
    }

    /// Our `m=` section as values, as a later offer: what [`offer_media`](Self::offer_media) says as text.
    ///
    /// Errors: as `offer_media`.
    pub fn offer_description(&self) -> Result<MediaDescription> {
        self.shared().engine.offer_description(self.handle())
    }

    /// What the peer's `m=` section said last, attributes that are unknown here among it. `None` before, and where there
    /// is only a path.
    ///
    /// Errors: `Gone`.
    pub fn remote_description(&self) -> Result<Option<MediaDescription>> {
        self.shared().engine.remote_description(self.handle())
    }

    /// Takes the peer's `m=` section, given attribute by attribute: as [`set_remote`](Self::set_remote), without a text.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> msrp::Result<()> {
    /// use msrp::sdp::MediaBuilder;
    ///
    /// # let engine = msrp::Engine::new(msrp::EngineOptions::default())?;
    /// # let options = msrp::SessionOptions::default;
    /// # let (alice, bob) = (engine.session(options())?, engine.session(options())?);
    /// let offer = alice.local_description()?;
    /// let (port, protocol) = (offer.port, offer.protocol.name());
    /// // Between them, objects of a SIP stack, on either side.
    /// let mut theirs = MediaBuilder::new("message", port, protocol, "*")?;
    /// for attribute in offer.written_attributes() {
    ///     theirs.attribute(attribute.name(), attribute.value())?;
    /// }
    /// bob.set_remote_attributes(theirs)?;
    /// assert_eq!(bob.remote_path()?, Some(alice.local_path()?));
    /// # Ok(()) }
    /// ```
    ///
    /// Errors: as `set_remote`; `InvalidSdp` names the attribute that is missing.
    pub fn set_remote_attributes(&self, attributes: MediaBuilder) -> Result<()> {
        let shared = self.shared();
        shared
            .engine
            .set_remote_attributes(shared.session, attributes)
    }

    /// Takes the peer's `m=` section as a value: as [`set_remote`](Self::set_remote), which parses one.
    ///
    /// Errors: as `set_remote`.
    pub fn set_remote_description(&self, theirs: MediaDescription) -> Result<()> {
        let shared = self.shared();
        shared.engine.set_remote_description(shared.session, theirs)
    }

    /// Replaces [`SessionOptions::attributes`](crate::SessionOptions::attributes) from the next offer or answer on: an
    /// answer may need others than an offer, once the offer is known.
    ///
    /// Errors: `InvalidArgument` for more than are allowed, `Gone`.
    pub fn set_attributes(&self, attributes: Vec<Attribute>) -> Result<()> {
        let shared = self.shared();
        shared.engine.set_attributes(shared.session, attributes)
    }

    /// Takes the peer's path without any SDP: two paths are enough for a session. `active` says whether we are the
    /// one that connects; `accept_types` is what the peer takes, as in SDP, `*` for all.
    ///
    /// Errors: `InvalidUri`, `InvalidArgument`, `Gone`.
    pub fn set_remote_path(&self, path: &str, active: bool, accept_types: &str) -> Result<()> {
        let shared = self.shared();
        let engine = &shared.engine;
        engine.set_remote_path(shared.session, path, active, accept_types)
    }

    /// Gives the session its connection: a TCP socket that is connected, with what was read from it. [`open`](Self::open)
    /// does not dial then. Streams of tokio come with `into_std`.
    ///
    /// Errors: as [`engine::Engine::adopt`](crate::engine::Engine::adopt); the socket is in the error, as it was.
    pub fn adopt(&self, socket: TcpStream, how: Adopt) -> Result<(), NotAdopted> {
        let shared = self.shared();
        shared.engine.adopt(shared.session, socket, how)
    }

    /// Connects, or waits for the peer to connect, as negotiated. Afterwards messages flow. A peer that has left again
    /// by then is no error: what it sent is there to be received.
    ///
    /// Errors: `Connect`, `Tls`, `Timeout`, `Status` (the peer refused), `InvalidArgument` (no remote side yet),
    /// `Gone`. The session is over then, except for `InvalidArgument`.
    ///
    /// # Cancel safety
    /// Cancelled, the session goes on opening; another call waits for the outcome.
    pub async fn open(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let shared = self.shared();
        match shared.engine.open(shared.session, timeout.into()) {
            Ok(()) => {}
            // It is being opened, or it is open or over: the wait says which.
            Err(error) if matches!(error.kind, ErrorKind::Busy | ErrorKind::Gone) => {}
            Err(error) => return Err(error),
        }
        shared
            .wait(&shared.lived, || match shared.opened()? {
                true => Some(Ok(())),
                false => shared.gone().map(Err),
            })
            .await
    }

    /// Sends a message; waits until it is admitted, that is until it has a place in the send window or one of the
    /// transfer slots (see [`Body`]). Messages of one size class are admitted in the order of the calls.
    ///
    /// Errors: `UnacceptedType` (the peer does not take it), `Status` 403 (the direction forbids it), `TooLarge` (it takes no message of this length),
    /// `InvalidArgument` (a header or Message-ID that cannot stand there, a file that cannot be read, or a session
    /// whose remote side is not known yet), `Gone` (the session is over; the text says why).
    ///
    /// # Cancel safety
    /// Cancelled, the message is not sent.
    pub async fn send(&self, body: impl Into<Body>, options: SendOptions) -> Result<Transfer> {
        match body.into().0 {
            Source::Bytes(bytes) => self.admit(SendBody::Bytes(bytes), options).await,
            Source::File(path) => self.admit(SendBody::File(path), options).await,
            Source::Reader { reader, len } => {
                let sender = self.stream(len, options).await?;
                let transfer = sender.transfer().clone();
                tokio::spawn(sender.copy_from(reader));
                Ok(transfer)
            }
        }
    }

    /// As [`send`](Self::send), without waiting; not for a [`Body::reader`].
    ///
    /// Errors: as `send`, and `Again` while window or slots are full.
    pub fn send_now(&self, body: impl Into<Body>, options: SendOptions) -> Result<Transfer> {
        self.shared().catch_up();
        match body.into().0 {
            Source::Bytes(bytes) => self.try_admit(SendBody::Bytes(bytes), options),
            Source::File(path) => self.try_admit(SendBody::File(path), options),
            Source::Reader { .. } => Err(Error::invalid_argument(
                "a reader cannot be sent without waiting: use send or stream",
            )),
        }
    }

    /// Starts a message whose content the caller writes as it becomes known, of `total` octets if that is known.
    /// Waits for a transfer slot.
    ///
    /// Errors: as [`send`](Self::send).
    ///
    /// # Cancel safety
    /// Cancelled, the message is not sent.
    pub async fn stream(&self, total: Option<u64>, options: SendOptions) -> Result<StreamSender> {
        let transfer = self.admit(SendBody::Stream(total), options).await?;
        Ok(StreamSender::new(transfer))
    }

    /// The next message; it may still be on its way. `None` when the session is over and all were given: then
    /// [`close_reason`](Self::close_reason) says why.
    ///
    /// # Cancel safety
    /// No message is lost when this is cancelled.
    pub async fn recv(&self) -> Option<Message> {
        let shared = self.shared();
        let arrival = shared
            .wait(&shared.arrived, || match shared.next_arrival() {
                Some(arrival) => Some(Some(arrival)),
                None => shared.gone().map(|_| None),
            })
            .await?;
        Some(arrival.into_message(shared))
    }

    /// The messages that are there, at most `max_messages` (at least 1); waits for the first. Empty when the
    /// session is over and all were given.
    ///
    /// # Cancel safety
    /// No message is lost when this is cancelled.
    pub async fn recv_many(&self, max_messages: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        messages.extend(self.recv().await);
        // No await from here on, so the first one is not lost either.
        while !messages.is_empty() && messages.len() < max_messages {
            match self.shared().next_arrival() {
                Some(arrival) => messages.push(arrival.into_message(self.shared())),
                None => break,
            }
        }
        messages
    }

    /// The next request of one of [`SessionOptions::methods`](crate::SessionOptions::methods), which is to be answered.
    /// `None` when the session is over and all were given.
    ///
    /// # Cancel safety
    /// No request is lost when this is cancelled.
    pub async fn recv_request(&self) -> Option<Request> {
        let shared = self.shared();
        let arrived = shared
            .wait(&shared.arrived, || match shared.next_request() {
                Some(arrived) => Some(Some(arrived)),
                None => shared.gone().map(|_| None),
            })
            .await?;
        Some(arrived.into_request(shared))
    }

    /// Sends a request of another method than SEND and REPORT, an extension that both sides know (RFC 4975 §12), and
    /// waits for the response, whatever its status: 501 from a peer that does not know the method. The body, if there
    /// is one, is at most 10 KiB.
    ///
    /// Errors: `InvalidArgument` (the method is no word of capital letters, or SEND, REPORT or AUTH; a header that
    /// cannot stand there; a session whose remote side is not known yet), `TooLarge` (the body), `Timeout` (no response
    /// in 30 s), `Gone` (the session is over), or why it ended meanwhile.
    ///
    /// # Cancel safety
    /// Cancelled before it has a place in the send window, nothing is sent; afterwards nobody hears of the response.
    pub async fn request(
        &self,
        method: &str,
        options: RequestOptions,
        body: impl Into<Option<Bytes>>,
    ) -> Result<Answer> {
        let (shared, body) = (self.shared(), body.into());
        let turn = self.inner.window_turn.lock().await;
        let admit = || {
            let admitted = shared.admit_request(method, options.clone(), body.clone());
            match self.with_cause(admitted) {
                Err(error) if error.kind == ErrorKind::Again => None,
                outcome => Some(outcome),
            }
        };
        let (handle, outgoing) = shared.wait(&shared.writable, admit).await?;
        drop(turn);
        let request = Transfer::new(shared, handle, outgoing);
        request
            .wait(|outcome| match (outcome.answer.take(), &outcome.failed) {
                (Some(answer), _) => Some(Ok(answer)),
                (None, Some(error)) => Some(Err(error.clone())),
                (None, None) => None,
            })
            .await
    }

    /// What happens in the session beside messages, from now on: state changes, reports, failures.
    pub fn events(&self) -> Events {
        Events {
            receiver: self.shared().subscribe(),
            shared: Arc::clone(self.shared()),
        }
    }

    /// Takes no messages from the network until [`resume`](Self::resume): the peer has to wait.
    ///
    /// Errors: `Gone`.
    pub fn pause(&self) -> Result<()> {
        self.shared().engine.pause(self.handle())
    }

    /// Goes on after [`pause`](Self::pause).
    ///
    /// Errors: `Gone`.
    pub fn resume(&self) -> Result<()> {
        self.shared().engine.resume(self.handle())
    }

    /// Ends the session: waits until what is under way is answered, at the latest until `timeout`, then ends the
    /// rest with `#`. Gives the reason why the session ended, which may be an earlier one.
    ///
    /// # Cancel safety
    /// Cancelled, the session goes on closing in the background, as long as a clone of it is held.
    pub async fn close(&self, timeout: impl Into<Option<Duration>>) -> CloseReason {
        let shared = self.shared();
        // `Gone`: it is over, and the event that says why is there or on its way.
        let _ = shared.engine.close(shared.session, timeout.into());
        shared
            .wait(&shared.lived, || match shared.phase() {
                Phase::Opening | Phase::Open => None,
                Phase::Closed(reason, _) => Some(reason),
            })
            .await
    }

    /// Waits until the session is over, without ending it, and gives the reason.
    ///
    /// # Cancel safety
    /// Cancelled, this has no effect.
    pub async fn closed(&self) -> CloseReason {
        let shared = self.shared();
        shared
            .wait(&shared.lived, || match shared.phase() {
                Phase::Opening | Phase::Open => None,
                Phase::Closed(reason, _) => Some(reason),
            })
            .await
    }

    async fn admit(&self, body: SendBody, options: SendOptions) -> Result<Transfer> {
        let shared = self.shared();
        let turn = match shared.is_small(&body) {
            true => &self.inner.window_turn,
            false => &self.inner.slot_turn,
        };
        let _turn = turn.lock().await;
        shared
            .wait(&shared.writable, || {
                match self.try_admit(body.clone(), options.clone()) {
                    Err(error) if error.kind == ErrorKind::Again => None,
                    outcome => Some(outcome),
                }
            })
            .await
    }

    fn try_admit(&self, body: SendBody, options: SendOptions) -> Result<Transfer> {
        let shared = self.shared();
        let (handle, outgoing) = self.with_cause(shared.admit(options, body))?;
        Ok(Transfer::new(shared, handle, outgoing))
    }

    /// Why the session ended says more than that it ended.
    fn with_cause<T>(&self, admitted: Result<T>) -> Result<T> {
        admitted.map_err(|error| {
            if error.kind != ErrorKind::Gone {
                return error;
            }
            self.shared().catch_up();
            match self.shared().phase() {
                Phase::Closed(_, Some(cause)) => Error {
                    kind: ErrorKind::Gone,
                    context: format!("session is closed: {cause}"),
                    ..cause
                },
                _ => error,
            }
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("handle", &self.handle())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // `Gone`: it is over already.
        let _ = self.shared.engine.abort_session(self.shared.session);
    }
}
