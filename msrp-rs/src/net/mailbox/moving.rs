//! A session that goes over to another connection (RFC 4975 §8.4): the one before keeps what has begun on it until that
//! has ended, and is called a *former* one meanwhile.
//!
//! When a connection is the right one is decided in `registry`, what is handed back in `proto::moving`.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::super::inbox::Inbox;
use super::state::{After, State};
use super::{Item, Later, Mailbox, NotConfirmed, Phase};
use crate::proto::{Body, CloseReason, Command, Failure, OutgoingMessage, TransferKey, send_cost};
use crate::wire::UriPath;

/// Connections that a session has left and that may end what has begun on them. Beyond: the oldest is ended.
const MAX_FORMERS: usize = 4;

/// A connection that the session has left, and what is still on it.
pub(super) struct Former {
    pub(super) inbox: Arc<Inbox>,
    pub(super) commands: VecDeque<Command>,
    is_dirty: bool,
    /// Messages of ours that were given to it.
    pub(super) transfers: HashSet<u32>,
    /// Octets of content that it delivered and nobody consumed; those consumed that it was not told of.
    pub(super) unconsumed: usize,
    pub(super) consumed: usize,
}

impl Former {
    fn queue(&mut self, command: Command, after: &mut After) {
        self.commands.push_back(command);
        self.mark_dirty(after);
    }

    fn mark_dirty(&mut self, after: &mut After) {
        if !std::mem::replace(&mut self.is_dirty, true) {
            after.dirty_formers.push(Arc::clone(&self.inbox));
        }
    }
}

/// What becomes of a session where its connection tries to leave it.
impl Mailbox {
    /// The peer's path is to be another one, or is not.
    pub(crate) fn announce_move(self: &Arc<Self>, path: Option<UriPath>) {
        self.with(|state, after| {
            if state.driver.is_none() || state.phase == Phase::Closed {
                return;
            }
            if path.is_some() && state.phase < Phase::Open {
                // Who works first gets what waits.
                state.is_held = true;
            } else {
                state.queue(Command::Move(path), after);
            }
        });
    }

    /// Requests go by another path, over the connection that has the session.
    pub(crate) fn readdress(self: &Arc<Self>, path: UriPath, first: bool) {
        self.with(|state, after| {
            if state.phase != Phase::Closed {
                state.queue(Command::Readdress(path, first), after);
            }
        });
    }

    /// This connection, which works, has the session now. What the one before has not begun comes to it first.
    pub(crate) fn move_to(self: &Arc<Self>, driver: &Arc<Inbox>) -> Later {
        self.with_later(|state, after| {
            if state.phase == Phase::Closed {
                return;
            }
            if state.phase < Phase::Open {
                state.enter(Phase::Open, after);
                state.push(Item::Opened, after);
            }
            state.is_dirty = false;
            state.is_adrift = false;
            let Some(before) = state.driver.replace(Arc::clone(driver)) else {
                state.is_held = false;
                state.mark_dirty(after);
                return;
            };
            let known = state.formers.iter().map(|former| former.unconsumed).sum();
            let mut former = Former {
                inbox: before,
                commands: VecDeque::new(),
                is_dirty: false,
                transfers: state.under_way(),
                unconsumed: state.unconsumed.saturating_sub(known),
                consumed: std::mem::take(&mut state.consumed),
            };
            former.unconsumed = former.unconsumed.saturating_sub(state.orphaned);
            let commands = std::mem::take(&mut state.commands);
            state.formers.push(former);
            for command in commands {
                state.queue(command, after);
            }
            // The connection of before may have heard of it already, and this one has not.
            state.commands.push_front(Command::SetFlow(state.flow));
            if let Some(ending @ (Command::CloseNow | Command::EndStream)) = state.ending.clone() {
                state.queue(ending, after);
            }
            // A bounded number is left in peace.
            let count = state.formers.len();
            for former in state
                .formers
                .iter_mut()
                .take(count.saturating_sub(MAX_FORMERS))
            {
                former.queue(Command::CloseNow, after);
            }
            if let Some(former) = state.formers.last_mut() {
                former.queue(Command::Retire, after);
            }
            state.is_held = true;
        })
    }

    /// The session's connection is lost, and another one is to go on: `next`, or one that comes. These messages were on
    /// the lost one.
    pub(crate) fn lost(
        self: &Arc<Self>,
        failed: &[TransferKey],
        next: Option<&Arc<Inbox>>,
    ) -> Later {
        self.with_later(|state, after| {
            self.fail(state, after, failed.iter().copied());
            let known: usize = state.formers.iter().map(|former| former.unconsumed).sum();
            state.orphaned = state.unconsumed.saturating_sub(known);
            state.consumed = 0;
            // What is not among the commands has nothing left in a window.
            let waiting = state.commands.iter().map(|command| match command {
                Command::Send(_, message) => window_cost(message, self.limits.small_message),
                _ => 0,
            });
            let used = waiting.sum();
            after.released_sent += state.transfers.window_used.saturating_sub(used);
            state.transfers.window_used = used;
            state.tell_room(&self.limits, after);
            state.commands.push_front(Command::SetFlow(state.flow));
            state.driver = next.cloned();
            state.is_adrift = next.is_none();
            state.is_dirty = false;
            state.is_held = true;
        })
    }

    /// Whether the session has left this connection, which has something of it still.
    pub(crate) fn is_former(&self, inbox: &Arc<Inbox>) -> bool {
        let state = self.state.lock();
        state.formers.iter().any(|it| Arc::ptr_eq(&it.inbox, inbox))
    }

    /// A former connection has nothing of the session any more. False where it is none.
    pub(crate) fn leave(self: &Arc<Self>, inbox: &Arc<Inbox>, reason: &CloseReason) -> bool {
        self.with(|state, after| self.take_leave(state, after, inbox, reason))
    }

    pub(super) fn take_leave(
        &self,
        state: &mut State,
        after: &mut After,
        inbox: &Arc<Inbox>,
        reason: &CloseReason,
    ) -> bool {
        let place = state
            .formers
            .iter()
            .position(|it| Arc::ptr_eq(&it.inbox, inbox));
        let Some(former) = place.map(|place| state.formers.remove(place)) else {
            return false;
        };
        state.orphaned += former.unconsumed;
        if place == Some(state.formers.len()) {
            // Nothing more is handed back.
            state.go_on(after);
        }
        if state.formers.is_empty()
            && let Some(ending @ Command::Close(_)) = state.ending.clone()
        {
            state.queue(ending, after);
        }
        let mut transfers: Vec<_> = former.transfers.into_iter().map(TransferKey).collect();
        transfers.sort_unstable();
        let settled = |state: &State, key: &TransferKey| state.is_settled(*key);
        for &transfer in transfers
            .iter()
            .filter(|key| settled(state, key))
            .collect::<Vec<_>>()
        {
            // Its REPORTs would come to nobody (RFC 4975 §7.1.1).
            if let Some(message_id) = state.report_settled(transfer) {
                let why = NotConfirmed::Ended(reason.clone(), None);
                let item = Item::Unconfirmed {
                    transfer,
                    message_id,
                    why,
                };
                state.push(item, after);
            }
        }
        self.fail(state, after, transfers.into_iter());
        true
    }

    /// Those of them that have no outcome have failed.
    fn fail(
        &self,
        state: &mut State,
        after: &mut After,
        transfers: impl Iterator<Item = TransferKey>,
    ) {
        for transfer in transfers {
            if state.is_settled(transfer) {
                continue;
            }
            self.memory.messages_failed.fetch_add(1, Relaxed);
            state.report_settled(transfer);
            let error = state.settle(transfer, &self.limits, after);
            let item = Item::Failed {
                transfer,
                failure: Failure::SessionClosed,
                error,
                late: false,
            };
            state.push(item, after);
        }
    }
}

impl State {
    /// The messages that a connection has.
    fn under_way(&self) -> HashSet<u32> {
        let waiting: HashSet<u32> = self
            .commands
            .iter()
            .filter_map(|command| match command {
                Command::Send(key, _) => Some(key.0),
                _ => None,
            })
            .collect();
        let on_formers = |key: &u32| self.formers.iter().any(|it| it.transfers.contains(key));
        let live = self.transfers.live.iter();
        live.filter(|(_, transfer)| !transfer.is_settled || transfer.awaits_report)
            .map(|(&key, _)| key)
            .filter(|key| !waiting.contains(key) && !on_formers(key))
            .collect()
    }

    /// Gives a command to the former connections that it concerns, and back if it concerns the one of now.
    pub(super) fn queue_former(&mut self, command: Command, after: &mut After) -> Option<Command> {
        match &command {
            Command::StreamData(key, _)
            | Command::StreamFlush(key)
            | Command::StreamEnd(key)
            | Command::Abort(key) => {
                let its = |former: &&mut Former| former.transfers.contains(&key.0);
                let Some(former) = self.formers.iter_mut().find(its) else {
                    return Some(command);
                };
                former.queue(command, after);
                None
            }
            Command::Send(..)
            | Command::Consumed(_)
            | Command::Move(_)
            | Command::Readdress(..)
            | Command::Retire => Some(command),
            // Those who do not know the message take no notice.
            Command::Taken(_)
            | Command::Reject(..)
            | Command::Report(..)
            | Command::Answer(..)
            | Command::ReportRange(..)
            | Command::SetFlow(_)
            | Command::CloseNow
            | Command::EndStream => {
                for former in &mut self.formers {
                    former.queue(command.clone(), after);
                }
                Some(command)
            }
            // The connection of now hears of it when they are done: its end is that of the session.
            Command::Close(_) => {
                for former in &mut self.formers {
                    former.queue(command.clone(), after);
                }
                None
            }
        }
    }

    /// Gives octets that were consumed to those who delivered them, the oldest first; what is left is of the connection
    /// of now.
    pub(super) fn consume_former(&mut self, mut credit: usize, after: &mut After) -> usize {
        for former in &mut self.formers {
            let part = credit.min(former.unconsumed);
            former.unconsumed -= part;
            former.consumed += part;
            credit -= part;
            if part > 0 {
                former.mark_dirty(after);
            }
        }
        let part = credit.min(self.orphaned);
        self.orphaned -= part;
        credit - part
    }

    /// Messages that were handed back go before all others.
    pub(super) fn put_back(&mut self, returned: Vec<(TransferKey, Box<OutgoingMessage>)>) {
        for (key, message) in returned.into_iter().rev() {
            for former in &mut self.formers {
                former.transfers.remove(&key.0);
            }
            self.commands.push_front(Command::Send(key, message));
        }
    }

    /// All was handed back: the connection of now goes on.
    pub(super) fn go_on(&mut self, after: &mut After) {
        self.is_held = false;
        self.mark_dirty(after);
    }

    /// The commands of a former connection, and the octets that it is told of as consumed.
    pub(super) fn take_former(
        &mut self,
        inbox: &Arc<Inbox>,
        commands: &mut VecDeque<Command>,
    ) -> Option<usize> {
        let mut formers = self.formers.iter_mut();
        let former = formers.find(|former| Arc::ptr_eq(&former.inbox, inbox))?;
        former.is_dirty = false;
        commands.append(&mut former.commands);
        Some(std::mem::take(&mut former.consumed))
    }
}

fn window_cost(message: &OutgoingMessage, small: usize) -> usize {
    match &message.body {
        Body::None => send_cost(0),
        Body::Whole(body) if body.len() <= small => send_cost(body.len()),
        Body::Whole(_) | Body::Stream(_) => 0,
    }
}
