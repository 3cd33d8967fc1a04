//! What becomes of what was sent on and failed: its senders are told, once of each octet (RFC 4976 §3, §6.4.1).

use std::sync::atomic::Ordering::Relaxed;

use super::super::{Backward, Forward, Outcome};
use super::Link;
use super::transactions::{Sent, Slot, What};
use crate::proto::Counters;
use crate::wire::{FailureReport, StatusCode};

impl Link {
    /// The next hop refused a SEND, or a piece of one.
    pub(super) fn piece_failed(&mut self, slot: Slot, sent: Sent, status: StatusCode) {
        let Sent { flow, leg, what } = sent;
        let What::Send {
            message_id,
            start,
            len,
            total,
            ..
        } = what
        else {
            return;
        };
        let mut end = start + len;
        if let Some(&index) = self.egress.by_id.get(&flow.lane)
            && let Some(sending) = &self.egress.lanes[index].sending
            && sending
                .open
                .as_ref()
                .is_some_and(|piece| piece.slot == Some(slot))
        {
            end = self.give_up(index, status);
        }
        self.backwards
            .push_back(Backward::Outcome(Box::new(Outcome {
                flow,
                leg,
                message_id,
                status,
                range: (start, end - 1),
                total,
            })));
    }

    /// No more of the SEND at the head of a lane is sent, since the next hop will not have it. Gives the position after
    /// the last octet of it that is known of; if more come, they are told of by themselves.
    fn give_up(&mut self, index: usize, status: StatusCode) -> u64 {
        let lane = &mut self.egress.lanes[index];
        let Some(sending) = &lane.sending else {
            return 1;
        };
        let (flow, end) = (sending.flow, sending.next() + sending.at_hand as u64);
        if lane.arriving == Some(flow) {
            lane.arriving = None;
            let refuser = &mut self.egress.refuser;
            refuser.abandon(flow, &sending.chunk, end, status);
        }
        let lane = &mut self.egress.lanes[index];
        while let Some(Forward::Body(other, body)) = lane.queue.front()
            && *other == flow
        {
            lane.credit += body.len();
            self.egress.len -= body.len();
            lane.queue.pop_front();
        }
        lane.attached = lane.attached.min(lane.queue.len());
        self.abandon(index);
        self.give_credit(index, true);
        end
    }

    /// The connection is gone: the senders of all that is not answered are told.
    pub(super) fn fail_egress(&mut self) {
        let mut lost = Vec::new();
        for index in self
            .egress
            .lanes
            .iter()
            .map(|(index, _)| index)
            .collect::<Vec<_>>()
        {
            let lane = &self.egress.lanes[index];
            if let Some(sending) = &lane.sending {
                let status = sending.chunk.leg.hop.gone();
                let from = sending.next() - sending.open.as_ref().map_or(0, |it| it.len as u64);
                if let Some(slot) = sending.open.as_ref().and_then(|piece| piece.slot) {
                    self.transactions.forget(slot);
                }
                let (flow, chunk) = (sending.flow, sending.chunk.clone());
                let to = self.give_up(index, status);
                if chunk.failure_report != FailureReport::No {
                    lost.push(Outcome {
                        flow,
                        leg: chunk.leg,
                        message_id: chunk.message_id,
                        status,
                        range: (from, to - 1),
                        total: chunk.total,
                    });
                }
            }
        }
        for (sent, written) in self.transactions.drain() {
            if sent.is_silent() && written {
                // Silence was good so far.
                continue;
            }
            let status = sent.leg.hop.gone();
            let (message_id, range, total) = match sent.what {
                What::Send {
                    message_id,
                    start,
                    len,
                    total,
                    ..
                } => (message_id, (start, start + len - 1), total),
                What::Request => (None, (1, 0), None),
            };
            lost.push(Outcome {
                flow: sent.flow,
                leg: sent.leg,
                message_id,
                status,
                range,
                total,
            });
        }
        // Pieces of one chunk that follow each other are one loss.
        lost.sort_by_key(|outcome| (outcome.flow, outcome.range.0));
        lost.dedup_by(|next, outcome| {
            let follows = next.flow == outcome.flow && next.range.0 == outcome.range.1 + 1;
            if follows {
                outcome.range.1 = next.range.1;
            }
            follows
        });
        let lost = lost
            .into_iter()
            .map(|lost| Backward::Outcome(Box::new(lost)));
        self.backwards.extend(lost);
        let egress = std::mem::take(&mut self.egress);
        let mut refuser = egress.refuser;
        for (_, lane) in egress.lanes {
            for forward in &lane.queue {
                refuser.refuse(forward, None, &mut self.backwards);
            }
            let credit = lane.credit + lane.unwritten;
            if credit > 0 {
                self.backwards.push_back(Backward::Credit(lane.id, credit));
            }
        }
        refuser.settle(&mut self.backwards);
        self.egress.refuser = refuser;
    }

    /// No response came in time.
    pub(super) fn expired(&mut self, sent: Sent) {
        let Sent { flow, leg, what } = sent;
        let What::Send {
            message_id,
            start,
            len,
            total,
            silent: false,
        } = what
        else {
            return;
        };
        self.counts.timeouts += 1;
        self.observers.count(|counters: &Counters| {
            counters.timeouts.fetch_add(1, Relaxed);
        });
        self.backwards
            .push_back(Backward::Outcome(Box::new(Outcome {
                flow,
                leg,
                message_id,
                status: StatusCode::TIMEOUT,
                range: (start, start + len - 1),
                total,
            })));
    }

    /// No more of the SEND at the head of a lane is sent: what there is of it ends.
    pub(super) fn abandon(&mut self, index: usize) {
        let cut = self.options.cut;
        let lane = &mut self.egress.lanes[index];
        let Some(sending) = &mut lane.sending else {
            return;
        };
        let rest = std::mem::take(&mut sending.rest).len();
        sending.at_hand = 0;
        lane.credit += rest;
        self.egress.len -= rest;
        if self.egress.open == Some(index) {
            self.end_piece(cut);
        }
        let lane = &mut self.egress.lanes[index];
        if let Some(sending) = lane.sending.take() {
            lane.credit += sending.cost;
        }
    }
}
