//! The driver's side of a mailbox: commands out, events in, and the end.
//!
//! Events are taken as `proto` made them; here they are counted, and those that only concern the windows are kept back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::super::inbox::Inbox;
use super::state::{After, State};
use super::transfers::{Kind, Wanted};
use super::{Decided, Item, Mailbox, NotConfirmed, Phase};
use crate::error::Error;
use crate::proto::{CloseReason, Command, Event, MessageEnd, TransferKey};

/// What the driver does.
impl Mailbox {
    /// The connection that serves the session. Commands of before are taken by the driver right after; if they are
    /// `held`, when the session is bound, or is to end.
    ///
    /// Where another one serves it, this one only tries to: [`move_to`](Self::move_to) says when it can.
    pub(crate) fn attach(&self, driver: &Arc<Inbox>, held: bool) {
        let mut state = self.state.lock();
        if let Some(other) = &state.driver {
            if Arc::ptr_eq(other, driver) {
                state.is_held |= held;
            }
            return;
        }
        let held = held || state.phase >= Phase::Open;
        state.is_adrift = false;
        state.driver = Some(Arc::clone(driver));
        state.is_held = held;
    }

    /// The connection is lost, and has taken no command: the next one gets them. False when the session is bound, or
    /// is to end.
    pub(crate) fn detach(&self) -> bool {
        let mut state = self.state.lock();
        if state.phase != Phase::Connecting || state.is_to_end() {
            return false;
        }
        state.driver = None;
        state.is_dirty = false;
        state.is_held = false;
        true
    }

    /// Moves what the host wants into `commands`; gives the octets that the consumer took.
    pub(crate) fn take_commands(
        &self,
        driver: &Arc<Inbox>,
        commands: &mut VecDeque<Command>,
    ) -> usize {
        let mut state = self.state.lock();
        if let Some(consumed) = state.take_former(driver, commands) {
            return consumed;
        }
        if !state.is_current(driver) {
            return 0;
        }
        state.is_dirty = false;
        if state.is_held && !state.is_to_end() {
            return 0;
        }
        state.is_held = false;
        commands.append(&mut state.commands);
        std::mem::take(&mut state.consumed)
    }

    /// Events of this session from a connection, in order. Gives whether it is now bound, or over there, and whether
    /// the consumer is yet to be told, by [`ring`](Self::ring): of a few parts of a large message the driver may soon
    /// have more.
    pub(crate) fn deliver(
        self: &Arc<Self>,
        driver: &Arc<Inbox>,
        events: impl Iterator<Item = Event>,
    ) -> (Decided, bool) {
        let mut decided = Decided::No;
        let mut dropped = Vec::new();
        let mut returned = Vec::new();
        let mut parts_only = true;
        let mut after = After::default();
        let deliver = |state: &mut State, after: &mut After| {
            if state.phase == Phase::Closed {
                decided = Decided::Closed(CloseReason::Local, Vec::new());
                return;
            }
            let former = {
                let mut formers = state.formers.iter();
                formers.position(|former| Arc::ptr_eq(&former.inbox, driver))
            };
            for event in events {
                parts_only &= matches!(event, Event::MessageBody { .. });
                match event {
                    Event::Closed {
                        reason,
                        unacknowledged,
                    } => {
                        state.put_back(std::mem::take(&mut returned));
                        decided = match self.take_leave(state, after, driver, &reason) {
                            true => Decided::Left,
                            false => Decided::Closed(reason, unacknowledged),
                        };
                    }
                    Event::Returned(key, message) => returned.push((key, message)),
                    Event::Retired => {
                        state.put_back(std::mem::take(&mut returned));
                        state.go_on(after);
                    }
                    Event::Bound if !state.is_current(driver) => {}
                    Event::Bound => {
                        self.take_event(state, after, Event::Bound, &mut dropped);
                        decided = Decided::Bound;
                    }
                    Event::Moved => decided = Decided::Moved,
                    event => {
                        let before = state.unconsumed;
                        self.take_event(state, after, event, &mut dropped);
                        if let Some(former) = former.and_then(|at| state.formers.get_mut(at)) {
                            former.unconsumed += state.unconsumed.saturating_sub(before);
                        }
                    }
                }
            }
            state.put_back(returned);
            after.ready &= !parts_only || state.unconsumed >= self.limits.receive_window / 2;
        };
        let mut state = self.state.lock();
        let was_ready = state.is_ready;
        deliver(&mut state, &mut after);
        let is_unrung = state.is_ready && !was_ready && !after.ready;
        drop(state);
        self.finish(after);
        drop(dropped);
        (decided, is_unrung)
    }

    /// Tells the consumer what [`deliver`](Self::deliver) did not.
    pub(crate) fn ring(self: &Arc<Self>) {
        self.ready.push(Arc::clone(self));
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
            let formers = std::mem::take(&mut state.formers);
            state.driver = None;
            state.phase = Phase::Closed;
            (commands, formers)
        };
        drop(commands);
        if matches!(reason, CloseReason::Protocol { .. }) {
            self.memory.protocol_errors.fetch_add(1, Relaxed);
        }
        self.with(|state, after| {
            let (reason, error) = match state.close_cause.take() {
                Some(cause) => *cause,
                None => (reason, error),
            };
            let transfers = &mut state.transfers;
            let mut unacknowledged: Vec<TransferKey> = transfers
                .live
                .iter()
                .filter(|(_, transfer)| !transfer.is_settled)
                .map(|(&key, _)| TransferKey(key))
                .collect();
            unacknowledged.sort_unstable();
            for &key in &unacknowledged {
                state.tell_how_far(key, after);
            }
            let transfers = &mut state.transfers;
            let mut unconfirmed = Vec::new();
            for (key, transfer) in transfers.live.drain() {
                after.released_sent += transfer.held;
                if let Some(source) = transfer.source {
                    after.sources.push((source, None));
                }
                if transfer.awaits_report {
                    unconfirmed.push((TransferKey(key), transfer.message_id));
                }
            }
            unconfirmed.sort_unstable();
            transfers.settled.clear();
            transfers.wanted = Wanted::default();
            after.released_sent += std::mem::take(&mut transfers.window_used);
            // RFC 4975 §7.1.1: whoever waits for success REPORTs is told that none will come.
            for (transfer, message_id) in unconfirmed {
                state.items.push_back(Item::Unconfirmed {
                    transfer,
                    message_id,
                    why: NotConfirmed::Ended(reason.clone(), error.clone()),
                });
            }
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
                if std::mem::take(&mut state.is_held) {
                    state.mark_dirty(after);
                }
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
                state.count_message(*message);
                self.memory.messages_received.fetch_add(1, Relaxed);
            }
            Event::MessageBegin {
                message, credit, ..
            } => {
                state.receive(*credit, after);
                state.count_message(*message);
            }
            Event::Request {
                message,
                head,
                credit,
                ..
            } => {
                state.receive(*credit, after);
                state.count_message(*message);
                state.requests.begin(*message, head);
            }
            Event::MessageBody { data, .. } => state.receive(data.len(), after),
            Event::MessageEnd { message, end } => match end {
                MessageEnd::Complete(_) => {
                    self.memory.messages_received.fetch_add(1, Relaxed);
                }
                MessageEnd::Aborted | MessageEnd::Rejected(_) => {
                    state.drop_parts(*message, dropped, &self.limits, after);
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
                if transfer.is_progress_due() {
                    transfer.progress_queued = true;
                    transfer.told = *sent;
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
                if !late {
                    state.tell_how_far(*key, after);
                }
                state.report_settled(*key);
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
            Event::Delivered(key) => {
                state.report_settled(*key);
            }
            Event::Unconfirmed(key, why) => {
                if let Some(message_id) = state.report_settled(*key) {
                    let why = NotConfirmed::Said(*why);
                    let (transfer, message_id) = (*key, message_id);
                    state.push(
                        Item::Unconfirmed {
                            transfer,
                            message_id,
                            why,
                        },
                        after,
                    );
                }
                return;
            }
            Event::TypeRefused(refused) => {
                state.transfers.refused.insert(refused.clone());
                return;
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
            Event::Accepted(_) | Event::Response(..) | Event::Recovered => {}
            // Of the connection, and not for the host.
            Event::Closed { .. } | Event::Returned(..) | Event::Retired | Event::Moved => return,
        }
        state.push(Item::Event(event), after);
    }
}
