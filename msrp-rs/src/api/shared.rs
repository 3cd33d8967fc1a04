//! What the handles of one session share: its facade domain, and the state that the domain's events lead to.
//!
//! The engine raises the [`Signal`]; every task that waits on the session wakes, the first one takes a batch from
//! the domain and applies it, which wakes those whose condition it met. All waiting tasks are woken, not one: a
//! task may hold a future of ours that it does not poll (`select!` in a loop), and a wake given to that one alone
//! would be lost to the others. For the same reason there is no task of our own that could be forgotten.
//!
//! Locks are held for a push, a pop or a look-up. `order` is the exception: see there.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, broadcast};

use super::SessionEvent;
use super::message::{Arrival, Incoming};
use super::request::Arrived;
use super::transfer::{Outcome, Outgoing, Report};
use crate::engine::{
    self as facade, Admitted, Domain, Event, MessageHandle, RequestOptions, SendBody, SendOptions,
    SessionFacts, SessionHandle, SessionOptions, TransferHandle, Wake,
};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::proto::{CloseReason, MessageEnd};
use crate::wire::UriPath;

/// That the domain has something to take.
#[derive(Default)]
pub(super) struct Signal {
    pending: AtomicBool,
    work: Notify,
}

impl Signal {
    /// The engine's way to raise this signal.
    pub(super) fn wake(self: &Arc<Self>) -> Wake {
        let signal = Arc::clone(self);
        Wake::Callback(Arc::new(move || signal.raise()))
    }

    fn raise(&self) {
        self.pending.store(true, Ordering::Release);
        self.work.notify_waiters();
    }

    /// Completes at the next raise. Made before [`take`](Self::take), it misses none: a raise before it is seen
    /// by `take`, a later one by this.
    pub(super) fn raised(&self) -> Notified<'_> {
        self.work.notified()
    }

    /// Whether it was raised; lowers it.
    pub(super) fn take(&self) -> bool {
        self.pending.swap(false, Ordering::AcqRel)
    }
}

/// See the module.
pub(super) struct Shared {
    pub(super) engine: facade::Engine,
    pub(super) session: SessionHandle,
    pub(super) limits: Arc<Limits>,
    domain: Domain,
    signal: Arc<Signal>,
    /// Held while a batch is taken and applied, so that batches are applied in their order; and from the admission
    /// of a message until its entry stands in `State::transfers`, so that no event finds it missing. Taken before
    /// any other lock. The engine never calls into this module with a lock held, so the order is safe.
    order: Mutex<Vec<(SessionHandle, Event)>>,
    state: Mutex<State>,
    /// A message came, or none will come any more.
    pub(super) arrived: Notify,
    /// `send` may succeed again.
    pub(super) writable: Notify,
    /// The session was opened or closed.
    pub(super) lived: Notify,
    /// An entry came into the event streams.
    pub(super) noted: Notify,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// It was bound, and may have ended since.
    opened: bool,
    inbox: VecDeque<Arrival>,
    /// Requests of other methods than SEND and REPORT.
    requests: VecDeque<Arrived>,
    incoming: HashMap<MessageHandle, Arc<Incoming>>,
    transfers: HashMap<TransferHandle, Arc<Outgoing>>,
    events: Option<broadcast::Sender<SessionEvent>>,
    /// Lookups of names that are under way.
    lookups: HashSet<u64>,
    /// The login at the relays that is under way.
    login: Option<UnderWay>,
    /// What is known of the session since it is over.
    facts: Option<Box<SessionFacts>>,
    /// Credit that the consumer has freed and the engine does not have back yet.
    credit: usize,
    /// Messages that the consumer has taken and the engine does not know of yet.
    taken: Vec<MessageHandle>,
}

/// A login at the relays, until its outcome is known.
struct UnderWay {
    number: u64,
    /// How many wait for it; the last one that leaves gives it up.
    waiting: usize,
    outcome: Arc<OnceLock<Result<UriPath>>>,
}

/// One who waits for a login at the relays.
pub(super) struct Login<'a> {
    shared: &'a Shared,
    number: u64,
    outcome: Arc<OnceLock<Result<UriPath>>>,
}

impl Login<'_> {
    /// What became of it.
    pub(super) fn outcome(&self) -> Option<Result<UriPath>> {
        self.outcome.get().cloned()
    }
}

impl Drop for Login<'_> {
    fn drop(&mut self) {
        // Until it is given up, nobody begins another one.
        let order = self.shared.order.lock();
        let is_abandoned = self.shared.state.lock().leave_login(self.number);
        if is_abandoned {
            // A session that is over has none.
            let _ = self
                .shared
                .engine
                .cancel_login(self.shared.session, self.number);
        }
        drop(order);
    }
}

impl State {
    /// One less waits for a login; whether nobody does, and it is under way.
    fn leave_login(&mut self, number: u64) -> bool {
        let Some(login) = self.login.as_mut().filter(|it| it.number == number) else {
            return false;
        };
        login.waiting -= 1;
        let is_abandoned = login.waiting == 0;
        if is_abandoned {
            self.login = None;
        }
        is_abandoned
    }

    /// A login has its outcome.
    fn end_login(&mut self, number: u64, outcome: Result<UriPath>) {
        if let Some(login) = self.login.take_if(|it| it.number == number) {
            // Set nowhere else.
            let _ = login.outcome.set(outcome);
        }
    }
}

/// How far the session has come.
#[derive(Debug, Clone, Default)]
pub(super) enum Phase {
    /// Not bound yet.
    #[default]
    Opening,
    /// Bound.
    Open,
    /// Over.
    Closed(CloseReason, Option<Error>),
}

impl Shared {
    pub(super) fn new(
        engine: &facade::Engine,
        limits: &Arc<Limits>,
        options: SessionOptions,
    ) -> Result<Arc<Self>> {
        let signal = Arc::new(Signal::default());
        let domain = engine.domain(signal.wake())?;
        let session = engine.session(&domain, options)?;
        Ok(Arc::new(Self {
            engine: engine.clone(),
            session,
            limits: Arc::clone(limits),
            domain,
            signal,
            order: Mutex::default(),
            state: Mutex::default(),
            arrived: Notify::new(),
            writable: Notify::new(),
            lived: Notify::new(),
            noted: Notify::new(),
        }))
    }

    /// Waits until `check` gives something. `changed` is notified whenever that may be so.
    ///
    /// Cancel-safe if `check` takes nothing without giving it.
    pub(super) async fn wait<T>(
        &self,
        changed: &Notify,
        mut check: impl FnMut() -> Option<T>,
    ) -> T {
        // A loop over something that is always ready lets other tasks run, too.
        tokio::task::coop::consume_budget().await;
        loop {
            // Both exist before anything is looked at, so neither misses a notification.
            let changed = changed.notified();
            let raised = self.signal.raised();
            if self.signal.take() {
                self.take_batch();
            }
            if let Some(value) = check() {
                return value;
            }
            self.settle(true);
            tokio::select! {
                () = changed => {}
                () = raised => {}
            }
        }
    }

    /// Takes what the engine has told since; for calls that look and do not wait.
    pub(super) fn catch_up(&self) {
        if self.signal.take() {
            self.take_batch();
        }
    }

    fn take_batch(&self) {
        let mut batch = self.order.lock();
        let more = self
            .domain
            .next_batch(BATCH_EVENTS, BATCH_BYTES, &mut batch);
        for (_, event) in batch.drain(..) {
            self.apply(event);
        }
        drop(batch);
        if more {
            self.signal.raise();
        }
        self.settle(false);
    }

    /// Admits a message, and remembers it before its first event can be applied.
    pub(super) fn admit(
        &self,
        options: SendOptions,
        body: SendBody,
    ) -> Result<(TransferHandle, Arc<Outgoing>)> {
        let reported = options.success_report;
        let small = self.is_small(&body);
        let order = self.order.lock();
        let Admitted {
            transfer: handle,
            message_id,
            total,
        } = self.engine.send(self.session, options, body)?;
        // The window holds a copy of a small body, so the caller's part is done.
        let outgoing = Arc::new(Outgoing::new(message_id, reported, small, total));
        self.state
            .lock()
            .transfers
            .insert(handle, Arc::clone(&outgoing));
        drop(order);
        Ok((handle, outgoing))
    }

    /// Admits a request of another method.
    pub(super) fn admit_request(
        &self,
        method: &str,
        options: RequestOptions,
        body: Option<Bytes>,
    ) -> Result<(TransferHandle, Arc<Outgoing>)> {
        let order = self.order.lock();
        let Admitted {
            transfer: handle,
            message_id,
            total,
        } = self.engine.request(self.session, method, options, body)?;
        let outgoing = Arc::new(Outgoing::new(message_id, false, true, total));
        self.state
            .lock()
            .transfers
            .insert(handle, Arc::clone(&outgoing));
        drop(order);
        Ok((handle, outgoing))
    }

    /// Begins to look up the names of an SDP; [`is_looking`](Self::is_looking) says when that is over.
    pub(super) fn prepare(&self, sdp: &str, index: Option<usize>) -> Result<u64> {
        let order = self.order.lock();
        let lookup = self.engine.prepare_remote(self.session, sdp, index)?;
        self.state.lock().lookups.insert(lookup);
        drop(order);
        Ok(lookup)
    }

    /// Begins to log in to the relays, or joins those who wait for a login that is under way.
    pub(super) fn authenticate(&self, timeout: Option<Duration>) -> Result<Login<'_>> {
        let order = self.order.lock();
        let under_way = self.state.lock().login.take();
        let mut login = match under_way {
            Some(login) => login,
            None => UnderWay {
                number: self.engine.authenticate(self.session, timeout)?,
                waiting: 0,
                outcome: Arc::default(),
            },
        };
        login.waiting += 1;
        let waiter = Login {
            shared: self,
            number: login.number,
            outcome: Arc::clone(&login.outcome),
        };
        self.state.lock().login = Some(login);
        drop(order);
        Ok(waiter)
    }

    /// Whether names are being looked up.
    pub(super) fn is_looking(&self, lookup: u64) -> bool {
        self.state.lock().lookups.contains(&lookup)
    }

    /// The next request of another method, without waiting.
    pub(super) fn next_request(&self) -> Option<Arrived> {
        self.state.lock().requests.pop_front()
    }

    /// Whether a body goes through the send window; else it takes a transfer slot.
    pub(super) fn is_small(&self, body: &SendBody) -> bool {
        matches!(body, SendBody::Bytes(bytes) if bytes.len() <= self.limits.small_message)
    }

    /// The consumer does not look at this transfer any more.
    pub(super) fn forget(&self, transfer: TransferHandle) {
        self.state.lock().transfers.remove(&transfer);
    }

    /// The next message, without waiting.
    pub(super) fn next_arrival(&self) -> Option<Arrival> {
        self.state.lock().inbox.pop_front()
    }

    /// How far the session has come.
    pub(super) fn phase(&self) -> Phase {
        self.state.lock().phase.clone()
    }

    /// What the engine says of the session, or, where that is over, what is known of it.
    pub(super) fn known<T>(
        &self,
        asked: Result<T>,
        kept: impl FnOnce(&SessionFacts) -> Option<T>,
    ) -> Result<T> {
        match asked {
            Err(error) if error.kind == ErrorKind::Gone => {
                // Whoever took the last event has applied it then.
                self.catch_up();
                drop(self.order.lock());
                self.state
                    .lock()
                    .facts
                    .as_deref()
                    .and_then(kept)
                    .ok_or(error)
            }
            asked => asked,
        }
    }

    /// Whether the session is bound, or was until it ended; `None` while it is neither bound nor over.
    pub(super) fn opened(&self) -> Option<bool> {
        let state = self.state.lock();
        match state.phase {
            Phase::Opening => None,
            Phase::Open | Phase::Closed(..) => Some(state.opened),
        }
    }

    /// The error for a call on a session that is over; `None` while it is not.
    pub(super) fn gone(&self) -> Option<Error> {
        match &self.state.lock().phase {
            Phase::Closed(_, error) => Some(error.clone().unwrap_or_else(closed_by_us)),
            Phase::Opening | Phase::Open => None,
        }
    }

    /// A new reader of the event stream.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<SessionEvent> {
        let mut state = self.state.lock();
        match (&state.events, &state.phase) {
            (Some(events), _) => events.subscribe(),
            // The sender ends here, and the stream with it.
            (None, Phase::Closed(..)) => broadcast::channel(1).1,
            (None, _) => {
                let (sender, receiver) = broadcast::channel(self.limits.event_stream.max(1));
                state.events = Some(sender);
                receiver
            }
        }
    }

    /// The consumer has no more use for `credit` octets; with `taken`, it has all of that message.
    pub(super) fn give_back(&self, credit: usize, taken: Option<(MessageHandle, bool)>) {
        let mut state = self.state.lock();
        state.credit += credit;
        let mut now = false;
        if let Some((message, reported)) = taken {
            state.taken.push(message);
            now = reported;
        }
        drop(state);
        self.settle(now);
    }

    /// Tells the engine what the consumer has taken: in batches, as this wakes a connection; at once with `now`.
    fn settle(&self, now: bool) {
        let mut state = self.state.lock();
        let batch = (self.limits.receive_window / 4).min(CREDIT_BATCH);
        if !now && state.credit < batch && state.taken.len() < TAKEN_BATCH {
            return;
        }
        let credit = std::mem::take(&mut state.credit);
        let taken = std::mem::take(&mut state.taken);
        drop(state);
        // `Gone` is the only answer that can come: then nobody waits for the credit.
        if credit > 0 {
            let _ = self.engine.consume(self.session, credit);
        }
        if !taken.is_empty() {
            let _ = self.engine.taken(self.session, &taken);
        }
    }

    fn apply(&self, event: Event) {
        match event {
            Event::State(state) => self.note(|| Some(SessionEvent::State(state))),
            Event::Opened => {
                let mut state = self.state.lock();
                state.phase = Phase::Open;
                state.opened = true;
                drop(state);
                self.lived.notify_waiters();
            }
            Event::Message {
                message,
                head,
                body,
                credit,
            } => {
                self.arrive(Arrival::whole(message, head, body, credit));
            }
            Event::MessageBegin {
                message,
                head,
                credit,
            } => {
                let incoming = Arc::new(Incoming::default());
                self.state
                    .lock()
                    .incoming
                    .insert(message, Arc::clone(&incoming));
                self.arrive(Arrival::parts(message, head, incoming, credit));
            }
            Event::MessageBody {
                message,
                offset,
                data,
            } => self.body(message, offset, data),
            Event::MessageEnd { message, end } => {
                let incoming = self.state.lock().incoming.remove(&message);
                if let Some(incoming) = incoming {
                    incoming.end(end);
                }
            }
            Event::Request {
                message,
                head,
                body,
                credit,
            } => {
                let arrived = Arrived {
                    message,
                    head,
                    body,
                    credit,
                };
                self.state.lock().requests.push_back(arrived);
                self.arrived.notify_waiters();
            }
            Event::Response { transfer, answer } => {
                self.update(transfer, |o| o.answer = Some(*answer));
            }
            Event::Writable => self.writable.notify_waiters(),
            Event::DataWanted { transfer, len } => self.update(transfer, |o| o.wanted += len),
            Event::Progress { transfer, sent } => {
                self.update(transfer, |o| o.sent = o.sent.max(sent));
            }
            Event::Accepted { transfer } => self.update(transfer, |o| o.accepted = true),
            Event::Acknowledged { transfer } => self.update(transfer, Outcome::acknowledge),
            Event::Delivered { transfer } => self.update(transfer, |o| o.delivered = true),
            Event::Failed { transfer, error } => {
                self.note(|| {
                    Some(SessionEvent::Failed {
                        message_id: self.message_id(transfer)?,
                        error: error.clone(),
                    })
                });
                self.update(transfer, |o| {
                    o.unconfirmed = None;
                    o.fail(error);
                });
            }
            Event::Unconfirmed {
                transfer,
                message_id,
                error,
            } => {
                self.note(|| {
                    Some(SessionEvent::Unconfirmed {
                        message_id,
                        error: error.clone(),
                    })
                });
                self.update(transfer, |o| o.unconfirmed = Some(error));
            }
            Event::Report {
                transfer,
                status,
                comment,
                range,
            } => {
                self.note(|| {
                    Some(SessionEvent::Report {
                        message_id: self.message_id(transfer)?,
                        status,
                        comment: comment.clone(),
                        range,
                    })
                });
                self.update(transfer, |o| {
                    o.report = Some(Report {
                        status,
                        comment,
                        range,
                    });
                });
            }
            Event::ReportsLost { count } => self.note(|| Some(SessionEvent::Lost(count))),
            Event::Prepared { lookup } => {
                self.state.lock().lookups.remove(&lookup);
                self.lived.notify_waiters();
            }
            // Asked of hosts of the facade alone: see `Engine::new`.
            Event::RelayPath {
                login,
                path,
                lifetime,
                offer_due,
            } => {
                if let Some(login) = login {
                    self.state.lock().end_login(login, Ok(path.clone()));
                }
                self.note(|| {
                    Some(SessionEvent::RelayPath {
                        path,
                        lifetime,
                        offer_due,
                    })
                });
                self.lived.notify_waiters();
            }
            Event::RelayFailed { login, error } => {
                self.state.lock().end_login(login, Err(error));
                self.lived.notify_waiters();
            }
            Event::Resolve { .. }
            | Event::Service { .. }
            | Event::Dial { .. }
            | Event::Relay { .. }
            | Event::RelayClosed { .. } => {}
            Event::Shed => self.note(|| Some(SessionEvent::Shed)),
            Event::Recovered => self.note(|| Some(SessionEvent::Recovered)),
            Event::Closed {
                reason,
                error,
                facts,
                ..
            } => {
                self.state.lock().facts = Some(facts);
                self.close(reason, error);
            }
            Event::EngineClosed => {
                if self.gone().is_none() {
                    self.close(CloseReason::Local, None);
                }
            }
        }
    }

    fn arrive(&self, arrival: Arrival) {
        self.state.lock().inbox.push_back(arrival);
        self.arrived.notify_waiters();
    }

    fn body(&self, message: MessageHandle, offset: u64, data: Bytes) {
        let len = data.len();
        let incoming = self.state.lock().incoming.get(&message).cloned();
        if !incoming.is_some_and(|incoming| incoming.push(offset, data)) {
            self.state.lock().credit += len;
        }
    }

    fn update(&self, transfer: TransferHandle, change: impl FnOnce(&mut Outcome)) {
        let outgoing = self.state.lock().transfers.get(&transfer).cloned();
        if let Some(outgoing) = outgoing {
            outgoing.update(change);
        }
    }

    fn message_id(&self, transfer: TransferHandle) -> Option<String> {
        let outgoing = self.state.lock().transfers.get(&transfer).cloned();
        match outgoing {
            Some(outgoing) => Some(outgoing.message_id.clone()),
            None => self.engine.message_id(transfer).ok(),
        }
    }

    /// Makes an entry in the event streams, if anyone reads them.
    fn note(&self, event: impl FnOnce() -> Option<SessionEvent>) {
        let events = self.state.lock().events.clone();
        if let Some(event) = events.and_then(|events| Some((events, event()?))) {
            // An error says that no reader is left.
            let _ = event.0.send(event.1);
            self.noted.notify_waiters();
        }
    }

    fn close(&self, reason: CloseReason, error: Option<Error>) {
        let mut state = self.state.lock();
        state.phase = Phase::Closed(reason, error.clone());
        state.events = None;
        let incoming = std::mem::take(&mut state.incoming);
        let transfers = std::mem::take(&mut state.transfers);
        drop(state);
        for incoming in incoming.into_values() {
            incoming.end(MessageEnd::SessionClosed);
        }
        for outgoing in transfers.into_values() {
            let error = error.clone().unwrap_or_else(closed_by_us);
            outgoing.update(|o| o.fail(error));
        }
        for notify in [&self.arrived, &self.writable, &self.lived, &self.noted] {
            notify.notify_waiters();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.domain.close();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("handle", &self.session)
            .finish_non_exhaustive()
    }
}

/// What a call gets after our own `close`.
fn closed_by_us() -> Error {
    Error::local(ErrorKind::Gone, "session is closed")
}

/// Most events and octets of one batch: bounded work between two looks at what the caller wants.
const BATCH_EVENTS: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;
/// Freed credit, and taken messages, that may wait for company.
const CREDIT_BATCH: usize = 16 * 1024;
const TAKEN_BATCH: usize = 32;
