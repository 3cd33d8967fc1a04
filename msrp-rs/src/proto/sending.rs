//! A message of ours from the command that gives it to its outcome (RFC 4975 §7.1, §7.1.2).
//!
//! When it is sent decides `outbound`; which REPORTs are waited for, `report`; its content and what is known of it is
//! kept in `transfer`.

use std::time::Instant;

use bytes::Bytes;

use super::connection::Connection;
use super::counters::{Counters, FrameKind};
use super::transaction::Purpose;
use super::transfer::{Outgoing, Phase, Source, Stream};
use super::written::Mark;
use super::{Event, Failure, OutgoingMessage, TransferKey, Unconfirmed};
use crate::mutant::{self, Mutant};
use crate::wire::{
    ByteRange, Continuation, FailureReport, MessageId, SendHead, TransactionId, encode_end_line,
};

impl Connection {
    pub(super) fn send(
        &mut self,
        now: Instant,
        index: usize,
        key: TransferKey,
        message: OutgoingMessage,
    ) {
        let id = message.message_id.unwrap_or_else(|| self.ids.message_id());
        let session = &mut self.sessions[index];
        session.last_sent = now;
        let full_chunk = session.full_chunk();
        let sending = &mut session.outgoing;
        let transfer = Outgoing::new(key, id, message, self.limits.small_message, now);
        let is_stream = matches!(transfer.source, Source::Stream(_));
        let is_message = transfer.is_message();
        let transfer = sending.transfers.insert(transfer);
        sending.by_key.insert(key, transfer);
        // REPORTs are about messages only.
        if is_message {
            sending.enter_id(transfer);
            if let Some(refused) = sending.refused.refusing(&sending.transfers[transfer]) {
                self.fail_transfer(index, transfer, Failure::TypeRefused(refused));
                return;
            }
        }
        sending.enqueue(transfer, full_chunk);
        if is_stream {
            self.events
                .push_back((session.key, Event::DataWanted(key, self.limits.read_ahead)));
        }
        self.wake(index);
    }

    pub(super) fn stream_data(&mut self, index: usize, key: TransferKey, data: Bytes) {
        self.with_stream(index, key, |stream| stream.push(data));
    }

    pub(super) fn stream_end(&mut self, index: usize, key: TransferKey) {
        self.with_stream(index, key, |stream| stream.end());
    }

    pub(super) fn stream_flush(&mut self, index: usize, key: TransferKey) {
        self.with_stream(index, key, |stream| {
            stream.flush();
            Ok(())
        });
    }

    fn with_stream(
        &mut self,
        index: usize,
        key: TransferKey,
        act: impl FnOnce(&mut Stream) -> Result<(), (u64, u64)>,
    ) {
        let session = &mut self.sessions[index];
        let full_chunk = session.full_chunk();
        let Some(&transfer) = session.outgoing.by_key.get(&key) else {
            return;
        };
        let outgoing = &mut session.outgoing.transfers[transfer];
        if outgoing.phase != Phase::Sending {
            return;
        }
        let Some(stream) = outgoing.stream() else {
            return;
        };
        match act(stream) {
            Ok(()) => {
                session.outgoing.enqueue(transfer, full_chunk);
                self.wake(index);
            }
            Err((announced, given)) => {
                self.fail_transfer(index, transfer, Failure::WrongLength { announced, given })
            }
        }
    }

    /// Ends a message with `#`, unless its last chunk was sent.
    pub(super) fn abort(&mut self, index: usize, key: TransferKey) {
        let sending = &self.sessions[index].outgoing;
        if let Some(&transfer) = sending.by_key.get(&key)
            && sending.transfers[transfer].phase == Phase::Sending
        {
            self.fail_transfer(index, transfer, Failure::Aborted);
        }
    }

    /// Puts a SEND without body into the control lane.
    pub(super) fn queue_bodiless(
        &mut self,
        index: usize,
        purpose: Purpose,
        message_id: Option<MessageId>,
        continuation: Continuation,
    ) {
        let id = self.new_transaction_id();
        let message_id = message_id.unwrap_or_else(|| self.ids.message_id());
        let session = &mut self.sessions[index];
        session.outgoing.notices += 1;
        let head = SendHead {
            transaction_id: id,
            to_path: &session.to_path,
            from_path: &session.from_path,
            message_id,
            byte_range: ByteRange::EMPTY,
            success_report: false,
            failure_report: FailureReport::Yes,
            headers: &[],
            content_type: None,
        };
        self.output.control((FrameKind::Send, continuation), |out| {
            head.encode(out);
            encode_end_line(out, &id, continuation, false);
        });
        self.output.mark_control(Mark::Notice(id));
        self.transactions.begin(id, session.reference, purpose);
    }

    /// An id that no request of ours under way has (RFC 4975 §7.1).
    pub(super) fn new_transaction_id(&mut self) -> TransactionId {
        loop {
            let id = self.ids.transaction_id();
            if !self.transactions.contains(&id) || mutant::on(Mutant::TransactionIdReused) {
                return id;
            }
        }
    }

    /// A chunk got its response, or will get none.
    pub(super) fn chunk_answered(&mut self, index: usize, transfer: usize) {
        let sending = &mut self.sessions[index].outgoing;
        sending.unanswered -= 1;
        sending.transfers[transfer].unanswered -= 1;
        self.wake(index);
    }

    /// Tells success when everything is written and answered; forgets what nothing more can come of.
    pub(super) fn settle(&mut self, index: usize, transfer: usize) {
        let session = &mut self.sessions[index];
        let key = session.key;
        let sending = &mut session.outgoing;
        let Some(outgoing) = sending.transfers.get_mut(transfer) else {
            return;
        };
        if !outgoing.settled() {
            return;
        }
        match outgoing.phase {
            Phase::Encoded => {
                outgoing.phase = Phase::Acknowledged;
                if let Some(begun) = outgoing.begun {
                    let time = self.clock.saturating_duration_since(begun);
                    let count = |counters: &Counters| counters.message_time.record_time(time);
                    self.observers.count(count);
                }
                let acknowledged = Event::Acknowledged(outgoing.key);
                if outgoing.delivered || outgoing.content_type.is_none() || !outgoing.is_message() {
                    sending.remove(transfer);
                } else if let Some(forgotten) = sending.remember(transfer) {
                    let event = Event::Unconfirmed(forgotten, Unconfirmed::Forgotten);
                    self.events.push_back((key, event));
                }
                self.events.push_back((key, acknowledged));
            }
            Phase::Failed => sending.remove(transfer),
            Phase::Sending | Phase::Acknowledged | Phase::FailedLate => {}
        }
    }

    /// A message has failed: nothing more of it is sent, and an open chunk ends with `#` (RFC 4975 §7.3.2).
    pub(super) fn fail_transfer(&mut self, index: usize, transfer: usize, failure: Failure) {
        let open_here = self.schedule.is_open(index, transfer);
        let session = &mut self.sessions[index];
        let key = session.key;
        let Some(outgoing) = session.outgoing.transfers.get_mut(transfer) else {
            return;
        };
        match outgoing.phase {
            Phase::Failed => {
                self.settle(index, transfer);
                return;
            }
            Phase::Acknowledged => {
                // A late failure REPORT. Nothing is under way any more.
                outgoing.phase = Phase::FailedLate;
                self.events
                    .push_back((key, Event::Failed(outgoing.key, failure)));
                return;
            }
            // One failure REPORT for each of its parts, perhaps: told once.
            Phase::FailedLate => return,
            Phase::Sending | Phase::Encoded => {}
        }
        let (started, message_id) = (outgoing.position > 0, outgoing.id);
        // The peer refused it: it expects no more. Else it has to be told that no more comes.
        let tell = started
            && !open_here
            && outgoing.phase == Phase::Sending
            && !matches!(failure, Failure::Status { .. });
        // Nobody waits for octets of the window that were written.
        if !(outgoing.phase == Phase::Encoded && outgoing.unwritten == 0) {
            session.outgoing.released += outgoing.window_cost();
        }
        let outgoing = &mut session.outgoing.transfers[transfer];
        outgoing.phase = Phase::Failed;
        let name = outgoing.key;
        if open_here {
            let flag = Continuation::Abort;
            self.end_chunk(mutant::swap(Mutant::FailureSaysMore, flag, || {
                Continuation::More
            }));
        }
        let session = &mut self.sessions[index];
        session.outgoing.dequeue(transfer);
        session.outgoing.transfers[transfer].drop_rest();
        let released = std::mem::take(&mut session.outgoing.released);
        if released > 0 {
            self.events
                .push_back((key, Event::WindowReleased(released)));
        }
        self.events.push_back((key, Event::Failed(name, failure)));
        if tell {
            self.tell_abort(index, message_id);
        }
        self.settle(index, transfer);
    }
}
