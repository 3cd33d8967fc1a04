//! What others received and this link sends: put in line, served in turns, given credit for when it is written.
//!
//! Whose turn it is decides `schedule`; how it is encoded, and chunks are cut, `piece`; what is told when it fails stands
//! in `loss`.

use std::time::Instant;

use super::super::{Backward, FlowId, Forward, LaneId};
use super::piece::{INTERRUPTIBLE, Sending, Whole};
use super::transactions::Slot;
use super::{Link, push_lean};
use crate::wire::{Continuation, Method, StatusCode};

/// Something to happen when the octets before it were written.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) lane: usize,
    pub(super) cost: usize,
    /// A request has ended: its time runs.
    pub(super) ended: Option<Slot>,
}

impl Link {
    /// Takes something to be sent.
    pub(super) fn enqueue(&mut self, now: Instant, forward: Forward) {
        let id = forward.lane();
        match &forward {
            Forward::Leave(_) => return self.leave(id, &forward),
            Forward::Cut(flow) => return self.cut(*flow, &forward),
            Forward::Body(flow, _) | Forward::End(flow, _) => {
                let index = self.egress.by_id.get(&id);
                let lane = index.map(|&index| &self.egress.lanes[index]);
                if lane.and_then(|lane| lane.arriving) != Some(*flow) {
                    // It failed before.
                    let refuser = &mut self.egress.refuser;
                    refuser.refuse(&forward, None, &mut self.backwards);
                    return;
                }
            }
            Forward::Whole { .. } | Forward::Begin(..) | Forward::Request(..) => {}
        }
        let index = self.egress.enter(id);
        self.egress.len += forward.cost();
        let lane = &mut self.egress.lanes[index];
        match &forward {
            Forward::Begin(flow, _) => lane.arriving = Some(*flow),
            Forward::Body(flow, body) => {
                if let Some(sending) = lane.sending.as_mut().filter(|it| it.flow == *flow) {
                    sending.at_hand += body.len();
                }
            }
            Forward::End(flow, continuation) => {
                lane.arriving = None;
                if let Some(sending) = lane.sending.as_mut().filter(|it| it.flow == *flow) {
                    sending.end = Some(*continuation);
                    if sending.open.is_none() && sending.is_done() {
                        // All of it has been said; it is the last in its lane.
                        let cost = sending.cost;
                        lane.sending = None;
                        self.return_credit(index, cost);
                        return;
                    }
                    self.egress.wake(index, now);
                    return;
                }
            }
            _ => {}
        }
        let forward = match lane.queue.back_mut() {
            Some(last) => last.join(forward),
            None => Some(forward),
        };
        let Some(forward) = forward else {
            self.egress.wake(index, now);
            return;
        };
        if lane.attached == 0 {
            self.egress.touched.push(index);
        }
        lane.attached += 1;
        push_lean(&mut lane.queue, forward);
        self.egress.stir(index);
        self.egress.wake(index, now);
    }

    /// Nothing more comes in a lane. What has not ended in it ends as if it was cut.
    fn leave(&mut self, id: LaneId, forward: &Forward) {
        self.egress
            .refuser
            .refuse(forward, None, &mut self.backwards);
        if let Some(&index) = self.egress.by_id.get(&id) {
            if let Some(flow) = self.egress.lanes[index].arriving {
                self.cut(flow, &Forward::Cut(flow));
            }
            self.egress.lanes[index].leaving = true;
            self.remove_if_left(index);
        }
    }

    fn remove_if_left(&mut self, index: usize) {
        self.egress.rest(index);
        let lane = &self.egress.lanes[index];
        if lane.leaving && lane.is_idle() {
            self.egress.remove(index);
        }
    }

    /// No more of a SEND comes, and nothing more of it is to be sent.
    fn cut(&mut self, flow: FlowId, forward: &Forward) {
        self.egress
            .refuser
            .refuse(forward, None, &mut self.backwards);
        let Some(&index) = self.egress.by_id.get(&flow.lane) else {
            return;
        };
        let lane = &mut self.egress.lanes[index];
        if lane.arriving != Some(flow) {
            return;
        }
        lane.arriving = None;
        let mut freed = 0;
        // It is the last in its lane: from its beginning on, all in the queue is its own.
        let is_begin =
            |forward: &Forward| matches!(forward, Forward::Begin(other, _) if *other == flow);
        let from = match &lane.sending {
            Some(sending) if sending.flow == flow => 0,
            _ => lane
                .queue
                .iter()
                .rposition(is_begin)
                .unwrap_or(lane.queue.len()),
        };
        for forward in lane.queue.drain(from..) {
            freed += forward.cost();
        }
        lane.credit += freed;
        self.egress.len -= freed;
        if self.egress.lanes[index]
            .sending
            .as_ref()
            .is_some_and(|sending| sending.flow == flow)
        {
            self.abandon(index);
        }
        self.give_credit(index, true);
        self.remove_if_left(index);
    }

    /// Encodes up to the write-ahead.
    pub(super) fn fill(&mut self, now: Instant) {
        self.egress.end_wait(now);
        while self.output.len() < self.limits.write_ahead {
            let more = if self.output.control_len() > 0 && self.may_interrupt() {
                if self.egress.open.is_some() {
                    self.end_piece(Continuation::More);
                }
                self.output.take_control();
                true
            } else if let Some(index) = self.egress.open {
                self.continue_piece(index)
            } else if self.transactions.is_full() {
                false
            } else if let Some(index) = self.egress.next_turn(now) {
                self.serve(index);
                true
            } else {
                false
            };
            if !more {
                break;
            }
        }
        self.output.seal();
        self.egress.detach();
    }

    /// Whether the open chunk, if there is one, may be ended for something else (RFC 4975 §7.1.1): it holds 2048
    /// octets, or there is nothing to make it longer.
    pub(super) fn may_interrupt(&self) -> bool {
        let Some(index) = self.egress.open else {
            return true;
        };
        let sending = self.egress.lanes[index].sending.as_ref();
        sending.is_none_or(|sending| {
            let len = sending.open.as_ref().map_or(0, |piece| piece.len);
            len >= INTERRUPTIBLE || (sending.at_hand == 0 && sending.end.is_none())
        })
    }

    /// Sends something of a lane.
    pub(super) fn serve(&mut self, index: usize) {
        let lane = &mut self.egress.lanes[index];
        if lane.sending.is_some() {
            self.open_piece(index);
            return;
        }
        let Some(forward) = lane.queue.pop_front() else {
            return;
        };
        lane.attached = lane.attached.min(lane.queue.len());
        let cost = forward.cost();
        match forward {
            Forward::Whole {
                flow,
                chunk,
                body,
                continuation,
            } if body.len() <= INTERRUPTIBLE => {
                self.egress.len -= cost;
                let whole = Whole {
                    flow,
                    has_range: !chunk.lines.byte_range.is_empty(),
                    chunk: &chunk,
                    body,
                    continuation,
                };
                let len = self.send_whole(index, cost, whole);
                self.egress.spend(len);
            }
            Forward::Whole {
                flow,
                chunk,
                body,
                continuation,
            } => {
                let mut sending = Sending::new(flow, chunk, cost - body.len());
                self.egress.len -= sending.cost;
                sending.at_hand = body.len();
                sending.rest = body;
                sending.end = Some(continuation);
                lane.sending = Some(Box::new(sending));
                self.open_piece(index);
            }
            Forward::Begin(flow, chunk) => {
                self.egress.len -= cost;
                let mut sending = Sending::new(flow, *chunk, cost);
                let mut ended = None;
                for (nth, forward) in lane.queue.iter().enumerate() {
                    match forward {
                        Forward::Body(other, body) if *other == flow => {
                            sending.at_hand += body.len();
                        }
                        Forward::End(other, continuation) if *other == flow => {
                            sending.end = Some(*continuation);
                            ended = Some(nth);
                            break;
                        }
                        _ => break,
                    }
                }
                if let Some(nth) = ended {
                    lane.queue.remove(nth);
                }
                lane.sending = Some(Box::new(sending));
                self.open_piece(index);
            }
            Forward::Request(_, ref request)
                if request.method != Method::Report && self.transactions.is_full_of_requests() =>
            {
                self.egress.len -= cost;
                let status = Some(StatusCode::TIMEOUT);
                let refuser = &mut self.egress.refuser;
                refuser.refuse(&forward, status, &mut self.backwards);
                self.remove_if_left(index);
            }
            Forward::Request(flow, request) => {
                self.egress.len -= cost;
                let len = self.send_request(index, cost, flow, &request);
                self.egress.spend(len);
            }
            // What belongs to a SEND that is not sent any more.
            Forward::Body(..) | Forward::End(..) | Forward::Cut(_) | Forward::Leave(_) => {
                self.egress.len -= cost;
                self.return_credit(index, cost);
            }
        }
    }

    pub(super) fn mark(&mut self, lane: usize, cost: usize, ended: Option<Slot>) {
        let out = &mut self.egress.lanes[lane];
        out.marks += 1;
        out.unwritten += cost;
        self.output.mark(Mark { lane, cost, ended });
    }

    /// Octets were written: starts timers, gives credit back.
    pub(super) fn handle_marks(&mut self, now: Instant) {
        while let Some(mark) = self.output.pop_mark() {
            if let Some(slot) = mark.ended {
                self.transactions.start_timer(slot, now);
            }
            // When the link has failed, there are no lanes any more.
            let Some(lane) = self.egress.lanes.get_mut(mark.lane) else {
                continue;
            };
            lane.marks -= 1;
            lane.unwritten -= mark.cost;
            self.return_credit(mark.lane, mark.cost);
            self.remove_if_left(mark.lane);
        }
    }

    /// Octets of a lane have left, or are dropped.
    fn return_credit(&mut self, index: usize, cost: usize) {
        let lane = &mut self.egress.lanes[index];
        lane.credit += cost;
        // When nothing of the lane is left no further mark comes: what is kept back then is kept back for good.
        let all = lane.is_written();
        self.give_credit(index, all);
    }

    /// Gives back what has left: not each octet by itself.
    pub(super) fn give_credit(&mut self, index: usize, all: bool) {
        self.egress.rest(index);
        let lane = &mut self.egress.lanes[index];
        if lane.credit > 0 && (all || lane.credit >= self.limits.receive_window / 8) {
            let credit = std::mem::take(&mut lane.credit);
            self.backwards.push_back(Backward::Credit(lane.id, credit));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::super::super::{Chunk, Hop, Leg, Lines, LinkId, Party, Peer};
    use super::*;
    use crate::limits::Limits;
    use crate::proto::IdSource;
    use crate::role::relay::LinkOptions;
    use crate::wire::FailureReport;

    fn link(now: Instant) -> Link {
        let party = Party {
            link: LinkId(2),
            peer: Peer::Host,
            secure: true,
            address: None,
        };
        let limits = Arc::new(Limits::default());
        let ids = IdSource::new([1; 32]);
        Link::new(party, limits, LinkOptions::default(), ids, now)
    }

    /// The beginning of a SEND in a lane of this number.
    fn begin(number: u64) -> (FlowId, Forward) {
        let lane = LaneId {
            link: LinkId(1),
            number,
        };
        let flow = FlowId { lane, number: 2 };
        let leg = Leg {
            hop: Hop::Link(LinkId(2)),
            to_path: "msrp://b.example/b;tcp".into(),
            from_path: "msrp://a.example/a;tcp".into(),
            addressed: "msrp://r.example/r;tcp".into(),
            origin: "msrp://a.example/a;tcp".into(),
        };
        let chunk = Chunk {
            leg: Arc::new(leg),
            message_id: None,
            start: 1,
            total: None,
            failure_report: FailureReport::No,
            lines: Lines::default(),
            has_body: true,
        };
        (flow, Forward::Begin(flow, Box::new(chunk)))
    }

    fn write_all(link: &mut Link, now: Instant) {
        while link.poll_transmit(now) {
            let len = link.output.len();
            link.handle_written(now, len);
        }
    }

    #[test]
    fn lanes_are_busy_as_long_as_they_have_something_to_send() {
        const LANES: u64 = 100;
        let now = Instant::now();
        let mut link = link(now);
        for number in 0..LANES {
            let (flow, first) = begin(number);
            let body = Bytes::from_static(b"hello");
            for forward in [
                first,
                Forward::Body(flow, body),
                Forward::End(flow, Continuation::Complete),
            ] {
                link.handle_forward(now, forward);
            }
        }
        assert_eq!((link.egress.busy, link.is_settled()), (100, false));
        write_all(&mut link, now);
        assert_eq!(link.egress.lanes.len(), 100, "they are remembered");
        assert_eq!((link.egress.busy, link.is_settled()), (0, true));
        // Of one that has begun more may come, until it is cut.
        let (flow, first) = begin(1);
        link.handle_forward(now, first);
        link.handle_forward(now, Forward::Body(flow, Bytes::from_static(b"hello")));
        write_all(&mut link, now);
        assert_eq!((link.egress.busy, link.is_settled()), (1, false));
        link.handle_forward(now, Forward::Cut(flow));
        write_all(&mut link, now);
        assert_eq!((link.egress.busy, link.is_settled()), (0, true));
        // One that gave way to another may end when all of it was written.
        let (flow, first) = begin(1);
        link.handle_forward(now, first);
        link.handle_forward(now, Forward::Body(flow, vec![b'x'; INTERRUPTIBLE].into()));
        write_all(&mut link, now);
        let (other, second) = begin(2);
        link.handle_forward(now, second);
        link.handle_forward(now, Forward::End(other, Continuation::Complete));
        write_all(&mut link, now);
        assert_eq!((link.egress.busy, link.is_settled()), (1, false));
        link.handle_forward(now, Forward::End(flow, Continuation::More));
        assert_eq!((link.egress.busy, link.is_settled()), (0, true));
    }

    #[test]
    fn a_trickle_takes_no_more_room_than_it_counts() {
        let now = Instant::now();
        let mut link = link(now);
        let (flow, begin) = begin(1);
        // The next hop takes nothing.
        link.handle_forward(now, begin);
        for _ in 0..50_000 {
            link.handle_forward(now, Forward::Body(flow, Bytes::from_static(b"x")));
        }
        let waiting: usize = link.egress.lanes.iter().map(|(_, it)| it.queue.len()).sum();
        assert!(waiting <= 50_000 / JOINED_AT_LEAST + 2, "{waiting}");
        assert!(link.egress.len() >= 50_000);
    }

    /// Octets that wait together.
    const JOINED_AT_LEAST: usize = 1024;
}
