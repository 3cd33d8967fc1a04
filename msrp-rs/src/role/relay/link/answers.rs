//! What the peer is answered and told: responses hop by hop, errors while a SEND is unanswered, REPORTs after (RFC 4976
//! §3, §6.4.1); and when it has done so much wrong that its connection is closed.

use bytes::Bytes;

use super::super::Outcome;
use super::ingress::Current;
use super::lanes::first_uri;
use super::pending::Waiting;
use super::requests::waiting;
use super::transactions::transaction_id;
use super::{Attempt, Link};
use crate::proto::CloseReason;
use crate::proto::counters::FrameKind;
use crate::wire::{
    ByteRange, Continuation, FailureReport, Head, Method, ReportHead, ResponseHead, StatusCode,
    TransactionId, encode_end_line,
};

/// So many times `Limits::control_lane` may hold REPORTs for failures that come while the peer takes nothing. Beyond:
/// they are dropped.
pub(super) const REPORT_ROOM: usize = 16;

impl Link {
    /// A 200 to a SEND.
    pub(super) fn accept(&mut self, lane: usize, transaction_id: &TransactionId) {
        let accepted = &self.lanes.get(lane).accepted;
        let frame = (FrameKind::Response(StatusCode::OK), Continuation::Complete);
        self.output.control(frame, |out| {
            out.extend_from_slice(b"MSRP ");
            out.extend_from_slice(transaction_id.as_bytes());
            out.extend_from_slice(accepted);
            encode_end_line(out, transaction_id, Continuation::Complete, false);
        });
    }

    /// Answers a SEND that waited for the host's word.
    pub(super) fn answer_send(
        &mut self,
        lane: usize,
        transaction_id: TransactionId,
        failure_report: FailureReport,
        status: StatusCode,
    ) {
        match failure_report {
            FailureReport::Yes if status.is_success() => self.accept(lane, &transaction_id),
            FailureReport::Yes | FailureReport::Partial if !status.is_success() => {
                let leg = &self.lanes.get(lane).leg;
                let waiting = Waiting {
                    transaction_id,
                    from_path: Bytes::copy_from_slice(first_uri(&leg.origin)),
                    addressed: leg.addressed.clone(),
                    destination: None,
                };
                self.counts.refused += 1;
                self.respond(&waiting, status, &[]);
            }
            FailureReport::Yes | FailureReport::Partial => {}
            FailureReport::No => self.counts.refused += u64::from(!status.is_success()),
        }
    }

    /// Answers a request with an error, as its method and Failure-Report allow (RFC 4975 §7.2).
    pub(super) fn refuse(&mut self, head: &Head, status: StatusCode) {
        self.counts.refused += 1;
        if head.is_report() || head.failure_report() == FailureReport::No {
            return;
        }
        let mut waiting = waiting(head, false);
        if head.method() == Some(&Method::Send) {
            waiting.from_path = waiting.from_path.slice_ref(first_uri(&waiting.from_path));
        }
        self.respond(&waiting, status, &[]);
    }

    /// What is wrong with a request that cannot be understood (RFC 4975 §10.2).
    pub(super) fn refuse_malformed(&mut self, head: &Head) {
        if head.is_report() {
            self.counts.refused += 1;
        } else if head.from_path().is_ok() {
            self.refuse(head, StatusCode::BAD_REQUEST);
        } else if self.party.peer.is_shared() {
            // Nothing can be answered.
            self.counts.discarded += 1;
        } else {
            self.close("From-Path of a request cannot be read");
            return;
        }
        self.failed();
    }

    pub(super) fn respond(
        &mut self,
        waiting: &Waiting,
        status: StatusCode,
        headers: &[(&str, &str)],
    ) {
        let head = ResponseHead {
            transaction_id: waiting.transaction_id,
            status,
            comment: "",
            to_path: &waiting.from_path,
            from_path: &waiting.addressed,
            headers,
        };
        let frame = (FrameKind::Response(status), Continuation::Complete);
        self.output.control(frame, |out| head.encode(out));
    }

    /// Octets of a SEND, or another request, will not arrive.
    pub(super) fn outcome(&mut self, outcome: &Outcome) {
        let flow = outcome.flow;
        if let Current::Send(incoming) = &self.current
            && incoming.flow == flow
        {
            let (lane, message) = (incoming.lane, incoming.head.message_id());
            self.refuse_current(lane, message, outcome.status);
        } else if let Some(waiting) = self.pending.finish(flow.number) {
            self.respond(&waiting, outcome.status, &[]);
        } else if self.refused_flows.get(&flow.number).is_none()
            && let Some(message_id) = outcome.message_id
            && self.output.control_len() < REPORT_ROOM.saturating_mul(self.limits.control_lane)
        {
            let (start, end) = outcome.range;
            let head = ReportHead {
                transaction_id: transaction_id(None, &mut self.ids),
                to_path: &outcome.leg.origin,
                from_path: &outcome.leg.addressed,
                message_id,
                byte_range: Some(ByteRange {
                    start,
                    end: Some(end),
                    total: outcome.total,
                }),
                status: outcome.status,
                comment: "",
            };
            self.counts.reports += 1;
            let frame = (FrameKind::Report, Continuation::Complete);
            self.output.control(frame, |out| head.encode(out));
        }
    }

    pub(super) fn succeeded(&mut self) {
        if let Some(probation) = &mut self.probation {
            probation.succeeded();
        }
    }

    pub(super) fn failed(&mut self) {
        if let Some(probation) = &mut self.probation
            && let Err(reason) = probation.failed(&self.options)
        {
            self.close(reason);
        }
    }

    pub(super) fn attempted(&mut self, attempt: Attempt, destination: Option<&Bytes>) {
        if let Some(probation) = &mut self.probation
            && let Err(reason) = probation.attempt(attempt, destination, &self.options)
        {
            self.close(reason);
        }
    }

    /// Closes the link for what its peer did.
    pub(super) fn close(&mut self, reason: &'static str) {
        self.fail(CloseReason::Protocol {
            offset: self.parser.offset(),
            reason: reason.to_owned(),
        });
    }
}
