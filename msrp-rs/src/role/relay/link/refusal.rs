//! What becomes of forwards that cannot be sent: their senders are told, once for each octet, and get their credit
//! back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::super::{Backward, Chunk, FlowId, Forward, Hop, LaneId, Leg, Outcome};
use crate::proto::index::RandomKey;
use crate::wire::{FailureReport, MessageId, Method, StatusCode};

/// Takes what cannot be sent, in order.
#[derive(Debug, Default)]
pub(super) struct Refuser {
    /// SENDs that began and have not ended.
    dead: HashMap<LaneId, Dead, RandomKey>,
    /// Some of them have octets of which nothing was told yet.
    untold: bool,
}

/// A SEND of which no more is sent.
#[derive(Debug)]
struct Dead {
    flow: FlowId,
    leg: Arc<Leg>,
    message_id: Option<MessageId>,
    failure_report: FailureReport,
    total: Option<u64>,
    status: StatusCode,
    /// 1-based positions: the first octet of which nothing was told, and the one after the last that came.
    from: u64,
    next: u64,
    told: bool,
}

impl Refuser {
    /// Whether it waits for nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.dead.is_empty()
    }

    /// No more of a SEND is sent; its sender was told of what came before `from`.
    pub(super) fn abandon(&mut self, flow: FlowId, chunk: &Chunk, from: u64, status: StatusCode) {
        self.begin(flow, chunk, from, status, true);
    }

    fn begin(&mut self, flow: FlowId, chunk: &Chunk, from: u64, status: StatusCode, told: bool) {
        let dead = Dead {
            flow,
            leg: chunk.leg.clone(),
            message_id: chunk.message_id,
            failure_report: chunk.failure_report,
            total: chunk.total,
            status,
            from,
            next: from,
            told,
        };
        self.dead.insert(flow.lane, dead);
    }

    /// Refuses one with this status; if there is none, with what says that its hop is gone.
    pub(super) fn refuse(
        &mut self,
        forward: &Forward,
        status: Option<StatusCode>,
        out: &mut VecDeque<Backward>,
    ) {
        let status_of = |hop: &Hop| status.unwrap_or_else(|| hop.gone());
        let (lane, cost) = (forward.lane(), forward.cost());
        match forward {
            Forward::Whole {
                flow, chunk, body, ..
            } => {
                let status = status_of(&chunk.leg.hop);
                self.begin(*flow, chunk, chunk.start, status, false);
                self.octets(*flow, body.len());
                self.end(*flow, out);
            }
            Forward::Begin(flow, chunk) => {
                let status = status_of(&chunk.leg.hop);
                self.begin(*flow, chunk, chunk.start, status, false);
                self.untold = true;
            }
            Forward::Body(flow, body) => self.octets(*flow, body.len()),
            Forward::End(flow, _) => self.end(*flow, out),
            Forward::Cut(flow) => {
                if self.dead.get(&lane).is_some_and(|dead| dead.flow == *flow) {
                    self.dead.remove(&lane);
                }
            }
            Forward::Request(flow, request) => {
                if request.method != Method::Report {
                    out.push_back(Backward::Outcome(Box::new(Outcome {
                        flow: *flow,
                        leg: request.leg.clone(),
                        message_id: None,
                        status: status_of(&request.leg.hop),
                        range: (1, 0),
                        total: None,
                    })));
                }
            }
            Forward::Leave(lane) => {
                self.dead.remove(lane);
            }
        }
        if cost > 0 {
            out.push_back(Backward::Credit(lane, cost));
        }
    }

    /// Octets of a SEND of which no more is sent.
    pub(super) fn octets(&mut self, flow: FlowId, len: usize) {
        if let Some(dead) = self.dead.get_mut(&flow.lane)
            && dead.flow == flow
        {
            dead.next += len as u64;
        }
    }

    /// A SEND of which no more is sent has ended.
    pub(super) fn end(&mut self, flow: FlowId, out: &mut VecDeque<Backward>) {
        if let Some(dead) = self.dead.get_mut(&flow.lane)
            && dead.flow == flow
        {
            dead.tell(out);
            self.dead.remove(&flow.lane);
        }
    }

    /// Tells of SENDs that have begun and not ended, so that their senders stop.
    pub(super) fn settle(&mut self, out: &mut VecDeque<Backward>) {
        if std::mem::take(&mut self.untold) {
            for dead in self.dead.values_mut().filter(|dead| !dead.told) {
                dead.tell(out);
            }
        }
    }
}

impl Dead {
    fn tell(&mut self, out: &mut VecDeque<Backward>) {
        let new = self.next > self.from || !self.told;
        if new && self.failure_report != FailureReport::No {
            out.push_back(Backward::Outcome(Box::new(Outcome {
                flow: self.flow,
                leg: self.leg.clone(),
                message_id: self.message_id,
                status: self.status,
                range: (self.from, self.next - 1),
                total: self.total,
            })));
        }
        self.from = self.next;
        self.told = true;
    }
}
