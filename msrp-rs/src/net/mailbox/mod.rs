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

mod deliver;
mod item;
mod moving;
mod requests;
mod state;
mod transfers;

pub(crate) use item::{Item, NotConfirmed, Phase};

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;

use super::memory::Memory;
use super::ready::Ready;
use super::sync::Mutex;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::proto::{
    Answer, Body, CloseReason, Command, Event, Flow, MessageKey, OutgoingMessage, RefusedType,
    RequestHead, SessionKey, TransferKey, send_cost,
};
use crate::wire::Method;
use state::{After, State};
use transfers::{Kind, Transfer};

/// Messages that may be admitted without their outcome having been taken by the consumer. Beyond: `Again`.
pub(crate) const MAX_UNSETTLED: usize = 4096;

/// So many messages may still come on a connection that a session leaves.
const NUMBERS_APART: u32 = 1 << 20;

/// Where a file's reader hears that more is wanted.
pub(crate) trait Source: Send + Sync {
    /// So many octets more may be given.
    fn want(&self, len: usize);
    /// Nothing more is wanted: the transfer is over.
    fn stop(&self);
}

/// What became of a session by its events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// Nothing new.
    No,
    /// It is bound now.
    Bound,
    /// It goes on along the peer's new path, on the same connection.
    Moved,
    /// This connection, which it left before, has nothing of it any more.
    Left,
    /// It is over: to be ended with this reason, if it was not. These messages have no outcome.
    Closed(CloseReason, Vec<TransferKey>),
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

/// What is left to do when the caller's locks are released: wakes, which may call the host. Done when dropped.
#[must_use = "to be dropped after the caller's locks"]
pub(crate) struct Later {
    mailbox: Arc<Mailbox>,
    after: After,
}

impl Drop for Later {
    fn drop(&mut self) {
        self.mailbox.finish(std::mem::take(&mut self.after));
    }
}

/// One session's mailbox.
pub(crate) struct Mailbox {
    key: SessionKey,
    limits: Arc<Limits>,
    memory: Arc<Memory>,
    ready: Arc<Ready>,
    state: Mutex<State>,
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
            state: Mutex::new(State::new(first_transfer, first_message)),
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

    /// Gives back room that is not used.
    #[cfg(not(loom))]
    pub(crate) fn shrink(&self) {
        let mut state = self.state.lock();
        state.commands.shrink_to_fit();
        state.items.shrink_to_fit();
        state.transfers.live.shrink_to_fit();
        state.transfers.settled.shrink_to_fit();
    }

    /// The numbers that a later session in the same slot starts with.
    pub(crate) fn next_numbers(&self) -> (u32, u32) {
        let state = self.state.lock();
        (state.transfers.next, state.next_message)
    }

    /// The number of the first message that a further connection delivers: far from those that others may still deliver.
    pub(crate) fn further_messages(&self) -> u32 {
        self.state.lock().next_message.wrapping_add(NUMBERS_APART)
    }

    fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut State, &mut After) -> R) -> R {
        let mut after = After::default();
        let result = act(&mut self.state.lock(), &mut after);
        self.finish(after);
        result
    }

    /// As `with`, for who holds a lock of its own: the rest is done when what this gives is dropped.
    fn with_later(self: &Arc<Self>, act: impl FnOnce(&mut State, &mut After)) -> Later {
        let mut after = After::default();
        act(&mut self.state.lock(), &mut after);
        Later {
            mailbox: Arc::clone(self),
            after,
        }
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
        for driver in after.dirty.into_iter().chain(after.dirty_formers) {
            driver.push_dirty(Arc::clone(self));
        }
        if after.ready {
            self.ready.push(Arc::clone(self));
        }
    }
}

/// What the host does.
impl Mailbox {
    /// Goes from `New` to `Connecting`; nothing if it is past that.
    pub(crate) fn start_connecting(self: &Arc<Self>) -> Option<Later> {
        let mut is_new = false;
        let later = self.with_later(|state, after| {
            is_new = state.phase == Phase::New;
            if is_new {
                state.enter(Phase::Connecting, after);
            }
        });
        is_new.then_some(later)
    }

    /// The names of an SDP were looked up.
    pub(crate) fn prepared(self: &Arc<Self>, lookup: u64) {
        self.with(|state, after| {
            if state.phase != Phase::Closed {
                state.push(Item::Prepared(lookup), after);
            }
        });
    }

    /// What became of a login at the relays.
    pub(crate) fn relays_said(self: &Arc<Self>, item: Item) {
        self.with(|state, after| {
            if state.phase != Phase::Closed {
                state.push(item, after);
            }
        });
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
        let success_report = message.success_report;
        let refused = self.memory.refuses();
        let again = |text: String| Err(Error::local(ErrorKind::Again, text));
        // A refused message is dropped after the lock: it may hold content.
        let mut message = Some(message);
        let admitted = self.with(|state, after| {
            state.check_sendable()?;
            let transfers = &mut state.transfers;
            // Of messages alone: a request of another method says nothing of its type.
            if let Some(message) = &message
                && message.method == Method::Send
                && let Some(refused) = transfers.refused.find(&message.content_type, &message.body)
            {
                return Err(type_refused(refused));
            }
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
                awaits_report: success_report,
                is_old: false,
                is_ended: false,
                progress_queued: false,
                told: 0,
                source,
                error: None,
            };
            transfers.live.insert(key, Box::new(transfer));
            if let Some(message) = message.take() {
                state.queue(Command::Send(TransferKey(key), message), after);
            }
            Ok(TransferKey(key))
        });
        if admitted.is_ok() {
            self.memory.messages_sent.fetch_add(1, Relaxed);
        }
        // Room may have come between the look at the budget and the wish to hear of it.
        if refused && !self.memory.refuses() {
            self.relieve();
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
            if let Some(error) = error {
                transfer.error = Some(Box::new(error));
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
        self.with(|state, after| state.consume(credit, &self.limits, after));
    }

    /// The consumer took the last part of these messages.
    pub(crate) fn taken(self: &Arc<Self>, messages: impl Iterator<Item = MessageKey>) {
        self.with(|state, after| {
            if state.phase != Phase::Closed {
                for message in messages {
                    state.queue(Command::Taken(message), after);
                }
                state.mark_dirty(after);
            }
        });
    }

    /// Whether a message is of this session, and the session is not over.
    pub(crate) fn check_message(&self, message: MessageKey) -> Result<()> {
        self.state.lock().check_message(message)
    }

    /// A command about an incoming message of this session.
    pub(crate) fn judge(self: &Arc<Self>, message: MessageKey, command: Command) -> Result<()> {
        self.with(|state, after| {
            state.check_message(message)?;
            state.queue(command, after);
            Ok(())
        })
    }

    /// The host answers a request.
    pub(crate) fn answer(self: &Arc<Self>, request: MessageKey, answer: Box<Answer>) -> Result<()> {
        self.with(|state, after| {
            state.check_message(request)?;
            state.requests.end(request, self.limits.transaction)?;
            state.queue(Command::Answer(request, answer), after);
            Ok(())
        })
    }

    /// The head of a request that waits for its answer.
    pub(crate) fn request_head(&self, request: MessageKey) -> Result<Arc<RequestHead>> {
        let state = self.state.lock();
        state.check_message(request)?;
        state
            .requests
            .head(request, self.limits.transaction)
            .map(Arc::clone)
    }

    /// Asks the host, unless the session is over.
    pub(crate) fn ask(self: &Arc<Self>, question: Item) {
        self.with(|state, after| {
            if state.phase != Phase::Closed {
                state.push(question, after);
            }
        });
    }

    /// Goes to `Closing`; the command for the driver comes with it. Said again, the earliest deadline counts.
    pub(crate) fn start_closing(self: &Arc<Self>, deadline: Instant) {
        self.with(|state, after| {
            state.end_pauses(after);
            if state.phase < Phase::Closing {
                state.enter(Phase::Closing, after);
            }
            if state.phase == Phase::Closing {
                let deadline = match state.ending {
                    Some(Command::Close(before)) => before.min(deadline),
                    _ => deadline,
                };
                state.ending.replace(Command::Close(deadline));
                state.queue(Command::Close(deadline), after);
            }
        });
    }

    /// Ends the session at once, when a driver has it; `cause` replaces what the driver will say.
    pub(crate) fn close_now(self: &Arc<Self>, cause: Option<(CloseReason, Option<Error>)>) {
        self.with(|state, after| {
            state.end_pauses(after);
            if state.phase == Phase::Closed {
                return;
            }
            if state.close_cause.is_none() {
                state.close_cause = cause.map(Box::new);
            }
            let ended = CloseReason::StreamEnded;
            let command = match state
                .close_cause
                .as_ref()
                .is_some_and(|cause| cause.0 == ended)
            {
                true => Command::EndStream,
                false => Command::CloseNow,
            };
            state.ending = Some(command.clone());
            state.queue(command, after);
        });
    }

    /// Who sends ordinary messages from now on.
    pub(crate) fn set_flow(self: &Arc<Self>, flow: Flow) {
        self.with(|state, after| {
            if std::mem::replace(&mut state.flow, flow) == flow || state.phase == Phase::Closed {
                return;
            }
            // What was said before and not heard counts no more.
            if let Some(Command::SetFlow(_)) = state.commands.back() {
                state.commands.pop_back();
            }
            state.queue(Command::SetFlow(flow), after);
        });
    }

    /// Whether the host wants the session to end.
    pub(crate) fn is_to_end(&self) -> bool {
        let state = self.state.lock();
        state.phase >= Phase::Closing || state.ending.is_some()
    }

    /// Gives no content until `resume`. Nothing happens when the session is to end by the host's wish.
    pub(crate) fn pause(&self) {
        let mut state = self.state.lock();
        state.paused = !state.unpausable;
    }

    /// Gives what is left and the end; `pause` does nothing any more.
    pub(crate) fn end_pauses(self: &Arc<Self>) {
        self.with(|state, after| state.end_pauses(after));
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
                visit.bytes += item.content_len();
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

impl Drop for Mailbox {
    /// A consumer that is gone has taken nothing since: what was held for it is not any more.
    fn drop(&mut self) {
        let unconsumed = self.state.lock().unconsumed;
        self.memory.release_received(unconsumed);
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// The error for a message of a type that the peer answered with 415.
pub(crate) fn type_refused(refused: &RefusedType) -> Error {
    Error::remote(
        ErrorKind::UnacceptedType,
        format!("peer answered {refused} with 415 in this session (RFC 4975 §10.6)"),
    )
}

#[cfg(all(test, not(loom)))]
mod tests;
