//! REPORTs: those of the peer about our messages, and ours about its messages (RFC 4975 §7.1.2 to §7.1.4, §7.3.2).
//!
//! Success is reported when the consumer took the last part, or when the host says so. Which SEND asks for what is
//! noted in `receive`; REPORTs are encoded by `wire` and wait in the control lane of `outbound`.

use bytes::Bytes;

use super::connection::Connection;
use super::counters::FrameKind;
use super::inbound::{ends_session, first_uri};
use super::ranges::RangeSet;
use super::session::{Complete, Reportable};
use super::transfer::Phase;
use super::{CloseReason, Event, Failure, MessageKey, ReportMode};
use crate::mutant::{self, Mutant};
use crate::wire::{
    ByteRange, Continuation, FailureReport, Head, MessageId, ReportHead, StatusCode,
};

impl Connection {
    /// The peer, or a relay, tells what became of a message. Never answered, whatever is wrong with it.
    pub(super) fn handle_report(&mut self, index: usize, head: &Head) {
        let (Some(id), Some(report)) = (head.message_id(), head.report_status()) else {
            return;
        };
        if report.namespace != 0 && !mutant::on(Mutant::AnyNamespaceRead) {
            return;
        }
        let session = &mut self.sessions[index];
        let key = session.key;
        let Some(transfer) = session.outgoing.by_id(&id) else {
            return;
        };
        let outgoing = &mut session.outgoing.transfers[transfer];
        let status = report.code;
        let comment = report.comment.clone();
        let range = head.byte_range();
        self.events.push_back((
            key,
            Event::Report {
                transfer: outgoing.key,
                status,
                comment: comment.clone(),
                range,
            },
        ));
        if status.is_success() {
            // What was not sent cannot have arrived; so hostile ranges stay small, too.
            let sent = outgoing.position;
            let start = range.map_or(0, |range| range.offset());
            let end = range
                .and_then(|range| range.end_offset())
                .unwrap_or(sent)
                .min(sent);
            let wanted = outgoing.success_report && !outgoing.delivered;
            if wanted && outgoing.confirmed.count() < self.limits.gaps {
                outgoing.confirmed.insert(start, end);
            }
            let whole = matches!(outgoing.phase, Phase::Encoded | Phase::Acknowledged);
            if whole
                && wanted
                && (outgoing.confirmed.covers(sent) || mutant::on(Mutant::FirstReportDelivers))
            {
                outgoing.delivered = true;
                outgoing.confirmed = RangeSet::default();
                self.events.push_back((key, Event::Delivered(outgoing.key)));
            }
            return;
        }
        // Read like a response with this code (§7.3.2).
        let failure = if status == StatusCode::TIMEOUT {
            Failure::Timeout
        } else {
            Failure::Status {
                code: status,
                comment: comment.clone(),
            }
        };
        self.fail_with_status(index, transfer, status, failure);
        // A range that was not received: the session has failed. 400, 403, 413, 415 and their like end the message alone.
        let lost = status == StatusCode::TIMEOUT && !mutant::on(Mutant::LostRangeIgnored);
        if ends_session(status) || lost {
            self.end_session(
                index,
                &CloseReason::Status {
                    code: status,
                    comment,
                },
            );
        } else {
            self.finish_closing(index, key);
        }
    }

    /// The consumer took the last part of a message: the sender may be told.
    pub(super) fn message_taken(&mut self, index: usize, message: MessageKey) {
        let session = &mut self.sessions[index];
        if session.config.reports == ReportMode::Manual {
            return;
        }
        let Some(reportable) = session.incoming.reportable.remove(&message) else {
            return;
        };
        self.queue_success(index, &reportable, StatusCode::OK.default_comment());
    }

    /// The consumer makes the REPORT about a message; an empty comment is the usual one.
    pub(super) fn report(
        &mut self,
        index: usize,
        message: MessageKey,
        status: StatusCode,
        comment: &str,
    ) {
        let session = &mut self.sessions[index];
        let Some(reportable) = session.incoming.reportable.remove(&message) else {
            return;
        };
        let comment = match comment {
            "" => status.default_comment(),
            comment => comment,
        };
        if status.is_success() {
            self.queue_success(index, &reportable, comment);
        } else if reportable.failures || mutant::on(Mutant::FailureReportedAnyway) {
            let length = reportable.length + u64::from(mutant::on(Mutant::FailureRangeLong));
            let range = byte_range(0, length, Some(reportable.length));
            self.queue_report(
                index,
                reportable.message_id,
                &reportable.from_path,
                status,
                comment,
                range,
            );
        }
    }

    /// The consumer makes a REPORT about octets of a message, complete or not. Success covers only octets of chunks
    /// that have ended and asked for it.
    pub(super) fn report_range(
        &mut self,
        index: usize,
        message: MessageKey,
        (start, end): (u64, u64),
        status: StatusCode,
        comment: &str,
    ) {
        let session = &self.sessions[index];
        if session.config.reports != ReportMode::Manual {
            return;
        }
        let receiving = &session.incoming;
        let open = receiving.open_by_key(message);
        let (id, to_path, failures, length, confirmable, known) =
            if let Some(done) = receiving.reportable.get(&message) {
                (
                    done.message_id,
                    done.from_path.clone(),
                    done.failures,
                    Some(done.length),
                    &done.confirmable,
                    done.length,
                )
            } else if let Some(open) = open.and_then(|id| receiving.open.get(&id)) {
                (
                    open.head.message_id,
                    open.from_path.clone(),
                    open.head.failure_report != FailureReport::No,
                    // Before the end is here, what was announced (§7.1.4).
                    open.length().or_else(|| {
                        open.head
                            .total
                            .filter(|total| *total >= open.received_end())
                    }),
                    &open.confirmable,
                    open.received_end(),
                )
            } else {
                return;
            };
        let ranges: Vec<_> = if status.is_success() {
            confirmable.within(start, end).collect()
        } else if failures {
            vec![(start, end.min(known))]
        } else {
            Vec::new()
        };
        for (start, end) in ranges.into_iter().filter(|(start, end)| start < end) {
            let range = byte_range(start, end, length);
            let comment = match comment {
                "" => status.default_comment(),
                comment => comment,
            };
            self.queue_report(index, id, &to_path, status, comment, range);
        }
    }

    /// Octets of a complete message came again, in a chunk that asked for a success REPORT.
    pub(super) fn report_repeat(
        &mut self,
        index: usize,
        head: &Head,
        id: MessageId,
        complete: Complete,
        (start, end): (u64, u64),
    ) {
        let session = &mut self.sessions[index];
        let end = end.min(complete.length.max(start));
        if session.config.reports == ReportMode::Manual {
            return;
        }
        if let Some(reportable) = session.incoming.reportable.get_mut(&complete.key) {
            // Not taken yet: what is reported then covers this, too.
            if reportable.confirmable.count() < self.limits.gaps {
                reportable.confirmable.insert(start, end);
            }
        } else if let Some(to_path) = head.from_path_text() {
            let to_path = Bytes::copy_from_slice(to_path);
            let range = byte_range(start, end, Some(complete.length));
            self.queue_report(index, id, &to_path, StatusCode::OK, "OK", range);
        }
    }

    /// One success REPORT for each range of which one was asked for (§7.1.3).
    fn queue_success(&mut self, index: usize, reportable: &Reportable, comment: &str) {
        if !reportable.success_report {
            return;
        }
        let length = reportable.length;
        let empty = (length == 0).then_some((0, 0));
        for (start, end) in reportable.confirmable.iter().chain(empty) {
            let range = byte_range(start, end, Some(length));
            self.queue_report(
                index,
                reportable.message_id,
                &reportable.from_path,
                StatusCode::OK,
                comment,
                range,
            );
        }
    }

    /// Puts a REPORT into the control lane. `to_path` is the whole From-Path of the SEND.
    pub(super) fn queue_report(
        &mut self,
        index: usize,
        message_id: MessageId,
        to_path: &Bytes,
        status: StatusCode,
        comment: &str,
        byte_range: ByteRange,
    ) {
        let head = ReportHead {
            transaction_id: self.new_transaction_id(),
            to_path: mutant::swap(Mutant::ReportToFirstUri, &to_path[..], || {
                first_uri(to_path)
            }),
            from_path: &self.sessions[index].from_path,
            message_id,
            byte_range: Some(byte_range),
            status,
            comment,
        };
        let frame = (FrameKind::Report, Continuation::Complete);
        self.output.control(frame, |out| head.encode(out));
    }
}

/// The range of 0-based offsets `start..end`. Offsets come from octets that were counted, so they do not overflow.
pub(super) fn byte_range(start: u64, end: u64, total: Option<u64>) -> ByteRange {
    ByteRange::exact(start, end.saturating_sub(start), total).unwrap_or(ByteRange::EMPTY)
}
