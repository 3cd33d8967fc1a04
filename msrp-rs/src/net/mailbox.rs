//! One session's meeting place: commands of its host for the connection's driver, events of the driver for
//! the consumer, and the octets that both still hold.
//!
//! One short lock; it is never held over a wake, a destructor of content, or another lock. What has to be
//! done after it (waking, dropping) is collected in [`After`]. Bounds: admitted messages by the send window,
//! the transfer slots and [`MAX_UNSETTLED`]; content by the receive window of `proto`, since credit returns
//! only when the consumer takes it; progress is one entry per transfer, REPORTs are cut at
//! `Limits::event_stream`.
//!
//! What the commands and events mean is decided in `proto`; which session is where, in `registry`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;

use super::inbox::Inbox;
use super::memory::Memory;
use super::ready::Ready;
use super::sync::Mutex;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::proto::{
    Body, CloseReason, Command, Event, Failure, MessageEnd, MessageKey, OutgoingMessage,
    SessionKey, TransferKey, send_cost,
};

/// Messages that may be admitted without their outcome having been taken by the consumer. Beyond: `Again`.
pub(crate) const MAX_UNSETTLED: usize = 4096;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Made.
    New,
    /// Dialling, or waiting for the peer.
    Connecting,
    /// Bound.
    Open,
    /// The host closed it; what is under way is being finished.
    Closing,
    /// Over.
    Closed,
}

/// What a consumer is told.
#[derive(Debug)]
pub(crate) enum Item {
    /// The phase changed.
    Phase(Phase),
    /// The session is bound.
    Opened,
    /// `admit` may succeed again.
    Writable,
    /// Octets of a large message written so far.
    Progress(TransferKey, u64),
    /// A transfer failed; the error says more than the failure where it came from this side.
    Failed {
        /// Which.
        transfer: TransferKey,
        /// What the connection said.
        failure: Failure,
        /// What this side knows of it.
        error: Option<Error>,
        /// It had an outcome before.
        late: bool,
    },
    /// So many REPORTs were dropped since the last one taken.
    ReportsLost(u64),
    /// Anything else, as `proto` said it.
    Event(Event),
    /// The last item.
    Closed {
        /// Why.
        reason: CloseReason,
        /// The error, where it says more than the reason.
        error: Option<Error>,
        /// Transfers without an outcome.
        unacknowledged: Vec<TransferKey>,
    },
}

/// Where a file's reader hears that more is wanted.
pub(crate) trait Source: Send + Sync {
    /// So many octets more may be given.
    fn want(&self, len: usize);
    /// Nothing more is wanted: the transfer is over.
    fn stop(&self);
}

/// What became of a session by its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// Nothing new.
    No,
    /// It is bound now.
    Bound,
    /// It is over.
    Closed,
}

/// What a visit took.
pub(crate) struct Visit {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    /// More is waiting, and the mailbox stays marked as ready.
    pub(crate) more: bool,
    /// The last item was among them.
    pub(crate) closed: bool,
}

/// One session's mailbox.
pub(crate) struct Mailbox {
    key: SessionKey,
    limits: Arc<Limits>,
    memory: Arc<Memory>,
    ready: Arc<Ready>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    paused: bool,
    /// On the consumer's ready list.
    is_ready: bool,
    /// On the driver's dirty list.
    is_dirty: bool,
    driver: Option<Arc<Inbox>>,
    commands: VecDeque<Command>,
    /// Octets taken by the consumer and not yet told to the driver.
    consumed: usize,
    items: VecDeque<Item>,
    /// Octets of content given to this mailbox and not yet consumed.
    unconsumed: usize,
    transfers: Transfers,
    reports: usize,
    reports_lost: u64,
    first_message: u32,
    next_message: u32,
    close_cause: Option<(CloseReason, Option<Error>)>,
}

/// Outgoing messages of a session.
struct Transfers {
    live: HashMap<u32, Transfer>,
    /// Settled ones whose numbers are still known, oldest first.
    settled: VecDeque<u32>,
    next: u32,
    window_used: usize,
    slots_used: usize,
    unsettled: usize,
    wanted: Wanted,
}

/// What senders were refused for and want to hear of.
#[derive(Default)]
struct Wanted {
    window: Option<usize>,
    slot: bool,
    settling: bool,
    memory: bool,
}

struct Transfer {
    message_id: String,
    total: Option<u64>,
    sent: u64,
    /// Octets given by a stream.
    given: u64,
    /// Octets that a stream may still give.
    asked: usize,
    /// Octets counted in `Memory::hold_sent`.
    held: usize,
    kind: Kind,
    is_settled: bool,
    is_ended: bool,
    progress_queued: bool,
    source: Option<Arc<dyn Source>>,
    error: Option<Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Large,
    Stream,
}

/// What is left to do when the lock is released.
#[derive(Default)]
struct After {
    dirty: Option<Arc<Inbox>>,
    ready: bool,
    sources: Vec<(Arc<dyn Source>, Option<usize>)>,
    received: usize,
    held: usize,
    released_received: usize,
    released_sent: usize,
}

impl Mailbox {
    /// The mailbox of a new session, told to `ready`. Numbers of transfers and messages start as given.
    pub(crate) fn new(
        key: SessionKey,
        limits: Arc<Limits>,
        memory: Arc<Memory>,
        ready: Arc<Ready>,
        first_transfer: u32,
        first_message: u32,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            limits,
            memory,
            ready,
            state: Mutex::new(State {
                phase: Phase::New,
                paused: false,
                is_ready: false,
                is_dirty: false,
                driver: None,
                commands: VecDeque::new(),
                consumed: 0,
                items: VecDeque::new(),
                unconsumed: 0,
                transfers: Transfers {
                    live: HashMap::new(),
                    settled: VecDeque::new(),
                    next: first_transfer,
                    window_used: 0,
                    slots_used: 0,
                    unsettled: 0,
                    wanted: Wanted::default(),
                },
                reports: 0,
                reports_lost: 0,
                first_message,
                next_message: first_message,
                close_cause: None,
            }),
        })
    }

    /// The session's name.
    pub(crate) fn key(&self) -> SessionKey {
        self.key
    }

    /// The consumer's list.
    pub(crate) fn ready(&self) -> &Arc<Ready> {
        &self.ready
    }

    /// Where the session is in its life.
    pub(crate) fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    /// The numbers that a later session in the same slot starts with.
    pub(crate) fn next_numbers(&self) -> (u32, u32) {
        let state = self.state.lock();
        (state.transfers.next, state.next_message)
    }

    fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut State, &mut After) -> R) -> R {
        let mut after = After::default();
        let result = act(&mut self.state.lock(), &mut after);
        self.finish(after);
        result
    }

    fn finish(self: &Arc<Self>, after: After) {
        self.memory.hold_received(after.received);
        self.memory.hold_sent(after.held);
        self.memory.release_received(after.released_received);
        self.memory.release_sent(after.released_sent);
        for (source, wanted) in after.sources {
            match wanted {
                Some(len) => source.want(len),
                None => source.stop(),
            }
        }
        if let Some(driver) = after.dirty {
            driver.push_dirty(Arc::clone(self));
        }
        if after.ready {
            self.ready.push(Arc::clone(self));
        }
    }
}

/// What the host does.
impl Mailbox {
    /// Goes from `New` to `Connecting`; false if it is past that.
    pub(crate) fn start_connecting(self: &Arc<Self>) -> bool {
        self.with(|state, after| {
            if state.phase != Phase::New {
                return false;
            }
            state.enter(Phase::Connecting, after);
            true
        })
    }

    /// Admits a message, or says why not. `source` is the reader of a file.
    pub(crate) fn admit(
        self: &Arc<Self>,
        message: Box<OutgoingMessage>,
        source: Option<Arc<dyn Source>>,
    ) -> Result<TransferKey> {
        let message_id = message
            .message_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let (kind, len, total) = match &message.body {
            Body::None => (Kind::Small, 0, Some(0)),
            Body::Whole(body) if body.len() <= self.limits.small_message => {
                (Kind::Small, body.len(), Some(body.len() as u64))
            }
            Body::Whole(body) => (Kind::Large, body.len(), Some(body.len() as u64)),
            Body::Stream(total) => (Kind::Stream, 0, *total),
        };
        let cost = if kind == Kind::Small {
            send_cost(len)
        } else {
            len
        };
        let refused = self.memory.refuses();
        let again = |text: String| Err(Error::local(ErrorKind::Again, text));
        // A refused message is dropped after the lock: it may hold content.
        let mut message = Some(message);
        let admitted = self.with(|state, after| {
            state.check_sendable()?;
            let transfers = &mut state.transfers;
            if refused {
                transfers.wanted.memory = true;
                return again("engine memory budget is used up".into());
            }
            if transfers.unsettled >= MAX_UNSETTLED {
                transfers.wanted.settling = true;
                return again(format!(
                    "{MAX_UNSETTLED} messages are waiting for their outcome"
                ));
            }
            if kind == Kind::Small {
                let window = self.limits.send_window;
                if transfers.window_used > 0 && transfers.window_used + cost > window {
                    transfers.wanted.window = Some(cost);
                    return again(format!("send window of {window} octets is full"));
                }
                transfers.window_used += cost;
            } else {
                let slots = self.limits.transfers;
                if transfers.slots_used >= slots {
                    transfers.wanted.slot = true;
                    return again(format!("all {slots} transfer slots are taken"));
                }
                transfers.slots_used += 1;
            }
            let key = transfers.next;
            transfers.next = transfers.next.wrapping_add(1);
            transfers.unsettled += 1;
            after.held += cost;
            let transfer = Transfer {
                message_id,
                total,
                sent: 0,
                given: 0,
                asked: 0,
                held: if kind == Kind::Small { 0 } else { len },
                kind,
                is_settled: false,
                is_ended: false,
                progress_queued: false,
                source,
                error: None,
            };
            transfers.live.insert(key, transfer);
            if let Some(message) = message.take() {
                state.queue(Command::Send(TransferKey(key), message), after);
            }
            Ok(TransferKey(key))
        });
        if admitted.is_ok() {
            self.memory.messages_sent.fetch_add(1, Relaxed);
        }
        admitted
    }

    /// Gives a stream octets that it asked for.
    pub(crate) fn push_stream(self: &Arc<Self>, key: TransferKey, data: Bytes) -> Result<()> {
        let len = data.len();
        // Refused octets are dropped after the lock.
        let mut data = Some(data);
        self.with(|state, after| {
            let transfer = state.stream(key)?;
            if len > transfer.asked {
                return Err(Error::local(
                    ErrorKind::Again,
                    format!(
                        "stream was asked for {} octets, {len} were given",
                        transfer.asked
                    ),
                ));
            }
            transfer.asked -= len;
            transfer.given += len as u64;
            transfer.held += len;
            after.held += len;
            if let Some(data) = data.take().filter(|data| !data.is_empty()) {
                state.queue(Command::StreamData(key, data), after);
            }
            Ok(())
        })
    }

    /// Sends what a stream has.
    pub(crate) fn flush_stream(self: &Arc<Self>, key: TransferKey) -> Result<()> {
        self.with(|state, after| {
            state.stream(key)?;
            state.queue(Command::StreamFlush(key), after);
            Ok(())
        })
    }

    /// A stream is complete.
    pub(crate) fn end_stream(self: &Arc<Self>, key: TransferKey) -> Result<()> {
        self.with(|state, after| {
            let transfer = state.stream(key)?;
            transfer.is_ended = true;
            state.queue(Command::StreamEnd(key), after);
            state.push(Item::Event(Event::Accepted(key)), after);
            Ok(())
        })
    }

    /// Ends an outgoing message; `error` says why, if not by the host's wish.
    pub(crate) fn abort(self: &Arc<Self>, key: TransferKey, error: Option<Error>) -> Result<()> {
        self.with(|state, after| {
            let transfer = state.transfer(key)?;
            if transfer.is_settled {
                return Ok(());
            }
            if error.is_some() {
                transfer.error = error;
            }
            transfer.is_ended = true;
            state.queue(Command::Abort(key), after);
            Ok(())
        })
    }

    /// The Message-ID of a transfer.
    pub(crate) fn message_id(&self, key: TransferKey) -> Result<String> {
        Ok(self.state.lock().transfer(key)?.message_id.clone())
    }

    /// Octets written, and the total if known.
    pub(crate) fn progress(&self, key: TransferKey) -> Result<(u64, Option<u64>)> {
        let mut state = self.state.lock();
        let transfer = state.transfer(key)?;
        Ok((transfer.sent, transfer.total))
    }

    /// The consumer took octets of content.
    pub(crate) fn consume(self: &Arc<Self>, credit: usize) {
        self.with(|state, after| state.consume(credit, after));
    }

    /// The consumer took the last part of these messages.
    pub(crate) fn taken(self: &Arc<Self>, messages: impl Iterator<Item = MessageKey>) {
        self.with(|state, after| {
            if state.phase != Phase::Closed {
                state.commands.extend(messages.map(Command::Taken));
                state.mark_dirty(after);
            }
        });
    }

    /// A command about an incoming message of this session.
    pub(crate) fn judge(self: &Arc<Self>, message: MessageKey, command: Command) -> Result<()> {
        self.with(|state, after| {
            state.check_alive()?;
            let age = state.next_message.wrapping_sub(state.first_message);
            if message.0.wrapping_sub(state.first_message) >= age {
                return Err(Error::local(
                    ErrorKind::Gone,
                    "message is of an earlier session",
                ));
            }
            state.queue(command, after);
            Ok(())
        })
    }

    /// Goes to `Closing`; the command for the driver comes with it. Said again, the earliest deadline counts.
    pub(crate) fn start_closing(self: &Arc<Self>, deadline: Instant) {
        self.with(|state, after| {
            state.lift_pause(after);
            if state.phase < Phase::Closing {
                state.enter(Phase::Closing, after);
            }
            if state.phase == Phase::Closing {
                state.queue(Command::Close(deadline), after);
            }
        });
    }

    /// Ends the session at once, when a driver has it; `cause` replaces what the driver will say.
    pub(crate) fn close_now(self: &Arc<Self>, cause: Option<(CloseReason, Option<Error>)>) {
        self.with(|state, after| {
            state.lift_pause(after);
            if state.phase == Phase::Closed {
                return;
            }
            if state.close_cause.is_none() {
                state.close_cause = cause;
            }
            state.queue(Command::CloseNow, after);
        });
    }

    /// Gives no content until `resume`.
    pub(crate) fn pause(&self) {
        self.state.lock().paused = true;
    }

    /// Goes on.
    pub(crate) fn resume(self: &Arc<Self>) {
        self.with(|state, after| state.lift_pause(after));
    }

    /// The memory budget has room again.
    pub(crate) fn relieve(self: &Arc<Self>) {
        self.with(|state, after| {
            if std::mem::take(&mut state.transfers.wanted.memory) {
                state.push(Item::Writable, after);
            }
        });
    }
}

/// What the driver does.
impl Mailbox {
    /// The connection that serves the session. Commands of before are taken by the driver right after.
    pub(crate) fn attach(&self, driver: &Arc<Inbox>) {
        self.state.lock().driver = Some(Arc::clone(driver));
    }

    /// Moves what the host wants into `commands`; gives the octets that the consumer took.
    pub(crate) fn take_commands(&self, commands: &mut VecDeque<Command>) -> usize {
        let mut state = self.state.lock();
        state.is_dirty = false;
        commands.append(&mut state.commands);
        std::mem::take(&mut state.consumed)
    }

    /// Events of this session, in order. Gives whether it is now bound or closed, where it was not.
    pub(crate) fn deliver(self: &Arc<Self>, events: impl Iterator<Item = Event>) -> Decided {
        let mut closed = None;
        let before = self.phase();
        let mut dropped = Vec::new();
        self.with(|state, after| {
            if state.phase == Phase::Closed {
                return;
            }
            for event in events {
                if let Event::Closed { reason, .. } = event {
                    closed = Some(reason);
                } else {
                    self.take_event(state, after, event, &mut dropped);
                }
            }
        });
        drop(dropped);
        if let Some(reason) = closed {
            self.end(reason, None);
        }
        match self.phase() {
            Phase::Closed => Decided::Closed,
            Phase::Open if before < Phase::Open => Decided::Bound,
            _ => Decided::No,
        }
    }

    /// Ends the session: its content is dropped, then the consumer is told.
    pub(crate) fn end(self: &Arc<Self>, reason: CloseReason, error: Option<Error>) {
        // Held buffers are released before anybody can see the end: hosts rely on that.
        let commands = {
            let mut state = self.state.lock();
            if state.phase == Phase::Closed {
                return;
            }
            let commands = std::mem::take(&mut state.commands);
            state.driver = None;
            state.phase = Phase::Closed;
            commands
        };
        drop(commands);
        if matches!(reason, CloseReason::Protocol { .. }) {
            self.memory.protocol_errors.fetch_add(1, Relaxed);
        }
        self.with(|state, after| {
            let (reason, error) = state.close_cause.take().unwrap_or((reason, error));
            let transfers = &mut state.transfers;
            let mut unacknowledged: Vec<TransferKey> = transfers
                .live
                .iter()
                .filter(|(_, transfer)| !transfer.is_settled)
                .map(|(&key, _)| TransferKey(key))
                .collect();
            unacknowledged.sort_unstable();
            for (_, transfer) in transfers.live.drain() {
                after.released_sent += transfer.held;
                if let Some(source) = transfer.source {
                    after.sources.push((source, None));
                }
            }
            transfers.settled.clear();
            transfers.wanted = Wanted::default();
            after.released_sent += std::mem::take(&mut transfers.window_used);
            state.items.push_back(Item::Phase(Phase::Closed));
            state.push(
                Item::Closed {
                    reason,
                    error,
                    unacknowledged,
                },
                after,
            );
        });
    }

    fn take_event(
        &self,
        state: &mut State,
        after: &mut After,
        event: Event,
        dropped: &mut Vec<Item>,
    ) {
        match &event {
            Event::Bound => {
                if state.phase < Phase::Open {
                    state.enter(Phase::Open, after);
                    state.push(Item::Opened, after);
                }
                return;
            }
            Event::Message {
                message, credit, ..
            } => {
                state.receive(*credit, after);
                state.next_message = message.0.wrapping_add(1);
                self.memory.messages_received.fetch_add(1, Relaxed);
            }
            Event::MessageBegin {
                message, credit, ..
            } => {
                state.receive(*credit, after);
                state.next_message = message.0.wrapping_add(1);
            }
            Event::MessageBody { data, .. } => state.receive(data.len(), after),
            Event::MessageEnd { message, end } => match end {
                MessageEnd::Complete(_) => {
                    self.memory.messages_received.fetch_add(1, Relaxed);
                }
                MessageEnd::Aborted | MessageEnd::Rejected(_) => {
                    state.drop_parts(*message, dropped, after);
                }
                MessageEnd::Idle | MessageEnd::SessionClosed => {}
            },
            Event::WindowReleased(len) => {
                let transfers = &mut state.transfers;
                let len = (*len).min(transfers.window_used);
                transfers.window_used -= len;
                after.released_sent += len;
                state.tell_room(&self.limits, after);
                return;
            }
            Event::DataWanted(key, len) => {
                let Some(transfer) = state.transfers.live.get_mut(&key.0) else {
                    return;
                };
                transfer.asked += len;
                if let Some(source) = &transfer.source {
                    after.sources.push((Arc::clone(source), Some(*len)));
                    return;
                }
            }
            Event::Progress(key, sent) => {
                let Some(transfer) = state.transfers.live.get_mut(&key.0) else {
                    return;
                };
                transfer.sent = *sent;
                if transfer.kind == Kind::Stream {
                    let held = usize::try_from(transfer.given.saturating_sub(*sent)).unwrap_or(0);
                    after.released_sent += transfer.held.saturating_sub(held);
                    transfer.held = transfer.held.min(held);
                }
                if !std::mem::replace(&mut transfer.progress_queued, true) {
                    state.push(Item::Progress(*key, *sent), after);
                }
                return;
            }
            Event::Acknowledged(key) => {
                if let Some(transfer) = state.transfers.live.get_mut(&key.0) {
                    transfer.sent = transfer.total.unwrap_or(transfer.given);
                }
                state.settle(*key, &self.limits, after);
            }
            Event::Failed(key, failure) => {
                self.memory.messages_failed.fetch_add(1, Relaxed);
                let late = state.is_settled(*key);
                let error = state.settle(*key, &self.limits, after);
                let failure = failure.clone();
                state.push(
                    Item::Failed {
                        transfer: *key,
                        failure,
                        error,
                        late,
                    },
                    after,
                );
                return;
            }
            Event::Report { .. } => {
                if state.reports >= self.limits.event_stream.max(1) {
                    state.drop_oldest_report();
                }
                state.reports += 1;
            }
            Event::Shed => {
                self.memory.sessions_shed.fetch_add(1, Relaxed);
            }
            // A stream's last octet was accepted when its owner said so.
            Event::Accepted(key)
                if (state.transfers.live.get(&key.0))
                    .is_some_and(|transfer| transfer.kind == Kind::Stream) =>
            {
                return;
            }
            Event::Accepted(_) | Event::Delivered(_) | Event::Recovered | Event::Closed { .. } => {}
        }
        state.push(Item::Event(event), after);
    }
}

/// What the consumer does.
impl Mailbox {
    /// Gives `each` up to so many items, or so many octets of content and a little more. If nothing is left,
    /// the mailbox is no longer marked as ready.
    pub(crate) fn visit(
        self: &Arc<Self>,
        max_events: usize,
        max_bytes: usize,
        mut each: impl FnMut(Item),
    ) -> Visit {
        let mut visit = Visit {
            events: 0,
            bytes: 0,
            more: false,
            closed: false,
        };
        let mut taken = Vec::with_capacity(max_events.min(32));
        self.with(|state, after| {
            while visit.events < max_events && visit.bytes < max_bytes {
                let Some(item) = state.pop(&self.limits, after) else {
                    break;
                };
                visit.events += 1;
                visit.bytes += content_len(&item);
                visit.closed |= matches!(item, Item::Closed { .. });
                taken.push(item);
            }
            visit.more = state.next_index().is_some();
            state.is_ready = visit.more;
            if visit.closed {
                after.released_received += std::mem::take(&mut state.unconsumed);
            }
        });
        for item in taken {
            each(item);
        }
        visit
    }
}

impl State {
    fn check_alive(&self) -> Result<()> {
        if self.phase == Phase::Closed {
            return Err(Error::local(ErrorKind::Gone, "session is closed"));
        }
        Ok(())
    }

    fn check_sendable(&self) -> Result<()> {
        self.check_alive()?;
        if self.phase == Phase::Closing {
            return Err(Error::local(ErrorKind::Gone, "session is closing"));
        }
        Ok(())
    }

    fn enter(&mut self, phase: Phase, after: &mut After) {
        self.phase = phase;
        self.push(Item::Phase(phase), after);
    }

    fn push(&mut self, item: Item, after: &mut After) {
        self.items.push_back(item);
        self.mark_ready(after);
    }

    fn mark_ready(&mut self, after: &mut After) {
        if !self.is_ready && self.next_index().is_some() {
            self.is_ready = true;
            after.ready = true;
        }
    }

    fn queue(&mut self, command: Command, after: &mut After) {
        self.commands.push_back(command);
        self.mark_dirty(after);
    }

    fn mark_dirty(&mut self, after: &mut After) {
        if !self.is_dirty
            && let Some(driver) = &self.driver
        {
            self.is_dirty = true;
            after.dirty = Some(Arc::clone(driver));
        }
    }

    fn lift_pause(&mut self, after: &mut After) {
        self.paused = false;
        self.mark_ready(after);
    }

    /// Position of the next item that may be given. While paused content stays, and the end behind it.
    fn next_index(&self) -> Option<usize> {
        if !self.paused {
            return (!self.items.is_empty()).then_some(0);
        }
        let index = self.items.iter().position(|item| !is_content(item))?;
        let is_end = matches!(self.items[index], Item::Closed { .. });
        (index == 0 || !is_end).then_some(index)
    }

    fn pop(&mut self, limits: &Limits, after: &mut After) -> Option<Item> {
        let index = self.next_index()?;
        if self.reports_lost > 0 && matches!(self.items[index], Item::Event(Event::Report { .. })) {
            return Some(Item::ReportsLost(std::mem::take(&mut self.reports_lost)));
        }
        let mut item = self.items.remove(index)?;
        match &mut item {
            Item::Progress(key, sent) => {
                if let Some(transfer) = self.transfers.live.get_mut(&key.0) {
                    transfer.progress_queued = false;
                    *sent = transfer.sent;
                }
            }
            Item::Event(Event::Report { .. }) => self.reports -= 1,
            Item::Event(Event::Acknowledged(_)) | Item::Failed { late: false, .. } => {
                self.transfers.unsettled = self.transfers.unsettled.saturating_sub(1);
                self.tell_room(limits, after);
            }
            _ => {}
        }
        Some(item)
    }

    fn receive(&mut self, credit: usize, after: &mut After) {
        self.unconsumed += credit;
        after.received += credit;
    }

    fn consume(&mut self, credit: usize, after: &mut After) {
        let credit = credit.min(self.unconsumed);
        self.unconsumed -= credit;
        after.released_received += credit;
        if credit > 0 && self.phase != Phase::Closed {
            self.consumed += credit;
            self.mark_dirty(after);
        }
    }

    /// A message came to nothing: what the consumer has not taken of it is freed at once.
    fn drop_parts(&mut self, message: MessageKey, dropped: &mut Vec<Item>, after: &mut After) {
        let mut freed = 0;
        let mut index = 0;
        while index < self.items.len() {
            match &self.items[index] {
                Item::Event(Event::MessageBody {
                    message: key, data, ..
                }) if *key == message => {
                    freed += data.len();
                    dropped.extend(self.items.remove(index));
                }
                _ => index += 1,
            }
        }
        self.consume(freed, after);
    }

    fn drop_oldest_report(&mut self) {
        let oldest = self
            .items
            .iter()
            .position(|item| matches!(item, Item::Event(Event::Report { .. })));
        if let Some(index) = oldest {
            self.items.remove(index);
            self.reports -= 1;
            self.reports_lost += 1;
        }
    }

    fn transfer(&mut self, key: TransferKey) -> Result<&mut Transfer> {
        self.transfers
            .live
            .get_mut(&key.0)
            .ok_or_else(|| Error::local(ErrorKind::Gone, "transfer has ended"))
    }

    /// A stream that may still be given octets.
    fn stream(&mut self, key: TransferKey) -> Result<&mut Transfer> {
        self.check_alive()?;
        let transfer = self.transfer(key)?;
        if transfer.kind != Kind::Stream {
            return Err(Error::invalid_argument("transfer is no stream"));
        }
        if transfer.is_settled || transfer.is_ended {
            return Err(Error::local(ErrorKind::Gone, "stream has ended"));
        }
        Ok(transfer)
    }

    fn is_settled(&self, key: TransferKey) -> bool {
        self.transfers
            .live
            .get(&key.0)
            .is_none_or(|transfer| transfer.is_settled)
    }

    /// A transfer has its outcome; gives the error that explains it, if this side has one.
    fn settle(&mut self, key: TransferKey, limits: &Limits, after: &mut After) -> Option<Error> {
        let transfers = &mut self.transfers;
        let transfer = transfers.live.get_mut(&key.0)?;
        if transfer.is_settled {
            return None;
        }
        transfer.is_settled = true;
        after.released_sent += std::mem::take(&mut transfer.held);
        if let Some(source) = transfer.source.take() {
            after.sources.push((source, None));
        }
        let error = transfer.error.take();
        if transfer.kind != Kind::Small {
            transfers.slots_used -= 1;
        }
        transfers.settled.push_back(key.0);
        if transfers.settled.len() > limits.remembered_ids.max(1)
            && let Some(oldest) = transfers.settled.pop_front()
        {
            transfers.live.remove(&oldest);
        }
        self.tell_room(limits, after);
        error
    }

    /// Tells a sender that was refused, once there is room.
    fn tell_room(&mut self, limits: &Limits, after: &mut After) {
        let Transfers {
            wanted,
            window_used,
            slots_used,
            unsettled,
            ..
        } = &mut self.transfers;
        let mut has_room = false;
        if let Some(len) = wanted.window
            && (*window_used == 0 || *window_used + len <= limits.send_window)
        {
            wanted.window = None;
            has_room = true;
        }
        if wanted.slot && *slots_used < limits.transfers {
            wanted.slot = false;
            has_room = true;
        }
        if wanted.settling && *unsettled <= MAX_UNSETTLED / 2 {
            wanted.settling = false;
            has_room = true;
        }
        if has_room {
            self.push(Item::Writable, after);
        }
    }
}

fn is_content(item: &Item) -> bool {
    matches!(
        item,
        Item::Event(
            Event::Message { .. }
                | Event::MessageBegin { .. }
                | Event::MessageBody { .. }
                | Event::MessageEnd { .. }
        )
    )
}

fn content_len(item: &Item) -> usize {
    match item {
        Item::Event(Event::Message { body, .. }) => body.len(),
        Item::Event(Event::MessageBody { data, .. }) => data.len(),
        _ => 0,
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
