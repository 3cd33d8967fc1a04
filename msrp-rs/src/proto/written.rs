//! What follows when octets were written: time runs, the window has room again, progress is told (RFC 4975 §7.1.1).
//!
//! *Marks* say what; `write_queue` keeps each at its place in the output. They are set where something is encoded:
//! `chunk`, `request`, `sending`.

use std::time::Instant;

use super::Event;
use super::connection::Connection;
use super::pacing::{PACE, Quiet};
use super::timers::Timer;
use super::transaction::SessionRef;
use super::transfer::Phase;
use super::work::steps;
use crate::wire::{FailureReport, TransactionId};

/// Something to happen when the octets before it were written.
#[derive(Debug)]
pub(super) enum Mark {
    /// A bodiless SEND: its time runs.
    Notice(TransactionId),
    /// Body octets of a message.
    Octets {
        session: SessionRef,
        transfer: usize,
        len: u64,
    },
    /// The end of a chunk.
    ChunkEnd {
        session: SessionRef,
        transfer: usize,
        id: TransactionId,
        last: bool,
    },
}

impl Connection {
    /// Octets were written: starts timers, gives credit back, tells progress.
    pub(super) fn handle_marks(&mut self, now: Instant) {
        let mut touched: Vec<(SessionRef, usize)> = Vec::new();
        while let Some(mark) = self.output.pop_mark() {
            steps(1);
            match mark {
                Mark::Notice(id) => self.transactions.start_timer(id, now),
                Mark::Octets {
                    session,
                    transfer,
                    len,
                } => {
                    let Some(index) = self.index_of(session) else {
                        continue;
                    };
                    let outgoing = &mut self.sessions[index].outgoing.transfers[transfer];
                    outgoing.written += len;
                    if outgoing.large && touched.last() != Some(&(session, transfer)) {
                        touched.push((session, transfer));
                    }
                    if let Some(stream) = outgoing.stream() {
                        stream.regrant += usize::try_from(len).unwrap_or(usize::MAX);
                    }
                }
                Mark::ChunkEnd {
                    session,
                    transfer,
                    id,
                    last,
                } => {
                    self.transactions.start_timer(id, now);
                    let Some(index) = self.index_of(session) else {
                        continue;
                    };
                    let sending = &mut self.sessions[index].outgoing;
                    let outgoing = &mut sending.transfers[transfer];
                    outgoing.unwritten -= 1;
                    let is_silent = outgoing.failure_report != FailureReport::Yes;
                    if is_silent && matches!(sending.quiet, Some(Quiet::Unwritten)) {
                        sending.quiet = Some(Quiet::Until(now + PACE));
                        self.timers.set(now + PACE, Timer::Pace(session));
                    }
                    let outgoing = &sending.transfers[transfer];
                    if last && outgoing.phase == Phase::Encoded {
                        sending.released += outgoing.window_cost();
                        self.await_report(now, index, transfer);
                    }
                    let key = self.sessions[index].key;
                    // Without large messages under way this is the only thing that is told of.
                    if touched.last().is_none_or(|(other, _)| *other != session) {
                        touched.push((session, usize::MAX));
                    }
                    self.settle(index, transfer);
                    self.finish_closing(index, key);
                }
            }
        }
        for (session, transfer) in touched {
            self.tell_progress(session, transfer);
        }
    }

    fn tell_progress(&mut self, session: SessionRef, transfer: usize) {
        let Some(index) = self.index_of(session) else {
            return;
        };
        let session = &mut self.sessions[index];
        let key = session.key;
        let released = std::mem::take(&mut session.outgoing.released);
        if released > 0 {
            self.events
                .push_back((key, Event::WindowReleased(released)));
        }
        let Some(outgoing) = session.outgoing.transfers.get_mut(transfer) else {
            return;
        };
        let (name, written, sending) = (
            outgoing.key,
            outgoing.written,
            outgoing.phase == Phase::Sending,
        );
        self.events.push_back((key, Event::Progress(name, written)));
        let threshold = self.limits.read_ahead / 4;
        if sending
            && let Some(stream) = outgoing.stream()
            && stream.regrant > 0
            && stream.wants_data(threshold)
        {
            let len = std::mem::take(&mut stream.regrant);
            self.events.push_back((key, Event::DataWanted(name, len)));
        }
    }
}
