//! What a mailbox holds under its lock, and what is left to do after it.
//!
//! Nothing here wakes, locks or drops content: that is noted in [`After`] and done by the mailbox.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::inbox::Inbox;
use super::moving::Former;
use super::requests::Requests;
use super::transfers::{Kind, Transfer, Transfers};
use super::{Item, MAX_UNSETTLED, Phase, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::proto::{CloseReason, Command, Event, Flow, MessageKey, TransferKey};

/// So many times the driver is told of what was consumed, for each receive window.
const CREDITS: usize = 8;

pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) paused: bool,
    /// The host has said that the session is to end: it cannot pause any more, or the end would not come.
    pub(super) unpausable: bool,
    /// On the consumer's ready list.
    pub(super) is_ready: bool,
    /// On the driver's dirty list.
    pub(super) is_dirty: bool,
    pub(super) driver: Option<Arc<Inbox>>,
    /// Connections that the session has left, oldest first, until what has begun there has ended.
    pub(super) formers: Vec<Former>,
    /// Octets of content whose connection is gone, not yet consumed.
    pub(super) orphaned: usize,
    /// Its connection is lost, and whoever comes next is told by the registry.
    pub(super) is_adrift: bool,
    /// The driver gets no commands until the session is bound.
    pub(super) is_held: bool,
    pub(super) commands: VecDeque<Command>,
    /// What the driver was told last of the direction.
    pub(super) flow: Flow,
    /// Octets taken by the consumer and not yet told to the driver.
    pub(super) consumed: usize,
    pub(super) items: VecDeque<Item>,
    /// Octets of content given to this mailbox and not yet consumed.
    pub(super) unconsumed: usize,
    pub(super) transfers: Transfers,
    pub(super) requests: Requests,
    pub(super) reports: usize,
    pub(super) reports_lost: u64,
    pub(super) first_message: u32,
    pub(super) next_message: u32,
    pub(super) close_cause: Option<Box<(CloseReason, Option<Error>)>>,
    /// How the host wants the session to end, if it does.
    pub(super) ending: Option<Command>,
}

/// What is left to do when the lock is released.
#[derive(Default)]
pub(super) struct After {
    pub(super) dirty: Option<Arc<Inbox>>,
    pub(super) dirty_formers: Vec<Arc<Inbox>>,
    pub(super) ready: bool,
    pub(super) sources: Vec<(Arc<dyn Source>, Option<usize>)>,
    pub(super) received: usize,
    pub(super) held: usize,
    pub(super) released_received: usize,
    pub(super) released_sent: usize,
}

impl State {
    pub(super) fn new(first_transfer: u32, first_message: u32) -> Self {
        Self {
            phase: Phase::New,
            paused: false,
            unpausable: false,
            is_ready: false,
            is_dirty: false,
            driver: None,
            formers: Vec::new(),
            orphaned: 0,
            is_adrift: false,
            is_held: false,
            commands: VecDeque::new(),
            flow: Flow::default(),
            consumed: 0,
            items: VecDeque::new(),
            unconsumed: 0,
            transfers: Transfers::new(first_transfer),
            requests: Requests::default(),
            reports: 0,
            reports_lost: 0,
            first_message,
            next_message: first_message,
            close_cause: None,
            ending: None,
        }
    }

    pub(super) fn check_alive(&self) -> Result<()> {
        if self.phase == Phase::Closed {
            return Err(Error::local(ErrorKind::Gone, "session is closed"));
        }
        Ok(())
    }

    /// Whether a wish to end the session waits among the commands.
    pub(super) fn is_to_end(&self) -> bool {
        let mut commands = self.commands.iter();
        commands.any(|command| {
            matches!(
                command,
                Command::Close(_) | Command::CloseNow | Command::EndStream
            )
        })
    }

    pub(super) fn check_sendable(&self) -> Result<()> {
        self.check_alive()?;
        if self.phase == Phase::Closing {
            return Err(Error::local(ErrorKind::Gone, "session is closing"));
        }
        Ok(())
    }

    pub(super) fn check_message(&self, message: MessageKey) -> Result<()> {
        self.check_alive()?;
        let age = self.next_message.wrapping_sub(self.first_message);
        if message.0.wrapping_sub(self.first_message) >= age {
            return Err(Error::local(
                ErrorKind::Gone,
                "message is of an earlier session",
            ));
        }
        Ok(())
    }

    pub(super) fn enter(&mut self, phase: Phase, after: &mut After) {
        self.phase = phase;
        self.push(Item::Phase(phase), after);
    }

    pub(super) fn push(&mut self, item: Item, after: &mut After) {
        self.items.push_back(item);
        self.mark_ready(after);
    }

    pub(super) fn mark_ready(&mut self, after: &mut After) {
        if !self.is_ready && self.next_index().is_some() {
            self.is_ready = true;
            after.ready = true;
        }
    }

    pub(super) fn queue(&mut self, command: Command, after: &mut After) {
        let command = match self.formers.is_empty() {
            true => command,
            false => match self.queue_former(command, after) {
                Some(command) => command,
                None => return,
            },
        };
        self.commands.push_back(command);
        self.mark_dirty(after);
    }

    pub(super) fn mark_dirty(&mut self, after: &mut After) {
        if !self.is_dirty
            && let Some(driver) = &self.driver
        {
            self.is_dirty = true;
            after.dirty = Some(Arc::clone(driver));
        }
    }

    /// Lifts the pause for good.
    pub(super) fn end_pauses(&mut self, after: &mut After) {
        self.unpausable = true;
        self.lift_pause(after);
    }

    pub(super) fn lift_pause(&mut self, after: &mut After) {
        self.paused = false;
        self.mark_ready(after);
    }

    /// Position of the next item that may be given. While paused content stays, and the end behind it.
    pub(super) fn next_index(&self) -> Option<usize> {
        if !self.paused {
            return (!self.items.is_empty()).then_some(0);
        }
        let index = self.items.iter().position(|item| !item.is_content())?;
        let is_end = matches!(self.items[index], Item::Closed { .. });
        (index == 0 || !is_end).then_some(index)
    }

    pub(super) fn pop(&mut self, limits: &Limits, after: &mut After) -> Option<Item> {
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
                    transfer.told = transfer.sent;
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

    /// Whether this connection serves the session now.
    pub(super) fn is_current(&self, driver: &Arc<Inbox>) -> bool {
        match &self.driver {
            Some(its) => Arc::ptr_eq(its, driver),
            None => !self.is_adrift,
        }
    }

    /// A message came. Those of several connections may come by turns.
    pub(super) fn count_message(&mut self, message: MessageKey) {
        let age = |number: u32, first: u32| number.wrapping_sub(first);
        let next = message.0.wrapping_add(1);
        if age(next, self.first_message) > age(self.next_message, self.first_message) {
            self.next_message = next;
        }
    }

    pub(super) fn receive(&mut self, credit: usize, after: &mut After) {
        self.unconsumed += credit;
        after.received += credit;
    }

    /// The driver is told when enough has come together to make a difference: each time wakes it.
    pub(super) fn consume(&mut self, credit: usize, limits: &Limits, after: &mut After) {
        let credit = credit.min(self.unconsumed);
        self.unconsumed -= credit;
        after.released_received += credit;
        if credit > 0 && self.phase != Phase::Closed {
            let credit = self.consume_former(credit, after);
            self.consumed += credit;
            if self.consumed >= limits.receive_window / CREDITS {
                self.mark_dirty(after);
            }
        }
    }

    /// A message came to nothing: what the consumer has not taken of it is freed at once.
    pub(super) fn drop_parts(
        &mut self,
        message: MessageKey,
        dropped: &mut Vec<Item>,
        limits: &Limits,
        after: &mut After,
    ) {
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
        self.consume(freed, limits, after);
    }

    pub(super) fn drop_oldest_report(&mut self) {
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

    pub(super) fn transfer(&mut self, key: TransferKey) -> Result<&mut Transfer> {
        self.transfers
            .live
            .get_mut(&key.0)
            .map(Box::as_mut)
            .ok_or_else(|| Error::local(ErrorKind::Gone, "transfer has ended"))
    }

    /// A stream that may still be given octets.
    pub(super) fn stream(&mut self, key: TransferKey) -> Result<&mut Transfer> {
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

    /// Nothing is to be told any more of the success REPORTs of a transfer. Gives its Message-ID if they were waited
    /// for.
    pub(super) fn report_settled(&mut self, key: TransferKey) -> Option<String> {
        let live = &mut self.transfers.live;
        let transfer = live.get_mut(&key.0)?;
        let awaited = std::mem::take(&mut transfer.awaits_report);
        let message_id = awaited.then(|| transfer.message_id.clone());
        if transfer.is_old {
            live.remove(&key.0);
        }
        message_id
    }

    pub(super) fn is_settled(&self, key: TransferKey) -> bool {
        self.transfers
            .live
            .get(&key.0)
            .is_none_or(|transfer| transfer.is_settled)
    }

    /// A transfer has its outcome; gives the error that explains it, if this side has one.
    /// The last word of a transfer that will not be complete: it came that far.
    pub(super) fn tell_how_far(&mut self, key: TransferKey, after: &mut After) {
        let Some(transfer) = self.transfers.live.get_mut(&key.0) else {
            return;
        };
        if transfer.sent > transfer.told {
            transfer.told = transfer.sent;
            let sent = transfer.sent;
            self.push(Item::Progress(key, sent), after);
        }
    }

    pub(super) fn settle(
        &mut self,
        key: TransferKey,
        limits: &Limits,
        after: &mut After,
    ) -> Option<Error> {
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
        let error = transfer.error.take().map(|error| *error);
        if transfer.kind != Kind::Small {
            transfers.slots_used -= 1;
        }
        transfers.settled.push_back(key.0);
        if transfers.settled.len() > limits.remembered_ids.max(1)
            && let Some(oldest) = transfers.settled.pop_front()
        {
            // One that waits for success REPORTs is kept as long as the connection knows it.
            match transfers.live.get_mut(&oldest) {
                Some(transfer) if transfer.awaits_report => transfer.is_old = true,
                _ => drop(transfers.live.remove(&oldest)),
            }
        }
        self.tell_room(limits, after);
        error
    }

    /// Tells a sender that was refused, once there is room.
    pub(super) fn tell_room(&mut self, limits: &Limits, after: &mut After) {
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
