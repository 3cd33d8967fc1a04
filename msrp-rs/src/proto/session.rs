//! One session on a connection: its outgoing messages in two lanes, its incoming messages, its receive window.
//!
//! The state only, with what keeps it consistent. What comes in is placed by `receive`, what goes out is chosen by
//! `outbound`, the window is judged by `credit` (RFC 4975 §5.1, §7.1, §7.3).

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use slab::Slab;

use super::bounded::BoundedMap;
use super::index::{Index, RandomKey};
use super::message::Incoming;
use super::pacing::Quiet;
use super::ranges::RangeSet;
use super::receive::MESSAGE_OVERHEAD;
use super::refused::RefusedTypes;
use super::report_timer::Awaited;
use super::request::Unanswered;
use super::transaction::SessionRef;
use super::transfer::{Outgoing, Phase};
use super::work::steps;
use super::{MessageKey, ReportMode, SessionConfig, SessionKey, TransferKey};
use crate::limits::Limits;
use crate::mutant::{self, Mutant};
use crate::wire::{MediaRange, MediaType, MessageId, StatusCode, UriPath};

/// A session that is attached to a connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: SessionKey,
    pub(super) reference: SessionRef,
    pub(super) config: SessionConfig,
    /// Our URI and the peer's path as they stand on the wire.
    pub(super) from_path: Bytes,
    pub(super) to_path: Bytes,
    /// Our URI as the peer wrote it the last time: its entry in the connection's `by_text`.
    pub(super) spelling: Option<Bytes>,
    /// Whether the peer is known to know the session: it answered, or it sent a request.
    pub(super) bound: bool,
    /// The session ends when everything is settled.
    pub(super) closing: bool,
    /// Set by `Close`, with `closing`: what a hold keeps back now is never sent.
    pub(super) last: bool,
    /// The peer's new path, until it works: where this connection is lost before, another one goes on.
    pub(super) moving: Option<UriPath>,
    /// Another connection has the session: it ends here when all that has begun has ended.
    pub(super) retiring: bool,
    pub(super) outgoing: Sending,
    pub(super) incoming: Receiving,
    pub(super) last_sent: Instant,
}

/// The outgoing side.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) transfers: Slab<Outgoing>,
    pub(super) by_key: HashMap<TransferKey, usize, RandomKey>,
    by_id: Index,
    /// Acknowledged ones about which a late REPORT may come, oldest first.
    pub(super) remembered: VecDeque<usize>,
    /// Messages up to `Limits::small_message`, in send order.
    pub(super) small: VecDeque<usize>,
    /// Larger ones and streams that have octets ready, by turns.
    pub(super) large: VecDeque<usize>,
    /// Small messages had a whole turn: a large one is next.
    pub(super) prefer_large: bool,
    /// Ordinary messages are not sent now.
    held: bool,
    /// Those that wait for that to end, in the order in which they go on.
    parked: VecDeque<usize>,
    /// Waiting for a turn, or having one.
    pub(super) scheduled: bool,
    /// Octets sent beyond the last turn's budget, negative.
    pub(super) deficit: i64,
    /// Chunks without a response that counts.
    pub(super) unanswered: usize,
    /// SENDs without body that were not answered.
    pub(super) notices: usize,
    /// With `Pacing::One`: after a chunk that nobody answers.
    pub(super) quiet: Option<Quiet>,
    /// With `Pacing::One`: messages to be ended with `#`, when it is time for a SEND.
    pub(super) aborts: VecDeque<MessageId>,
    /// Octets of the send window to be given back with the next event.
    pub(super) released: usize,
    /// Types that the peer answered with 415.
    pub(super) refused: RefusedTypes,
    /// Messages whose success REPORTs have a time, in its order.
    pub(super) awaited: Awaited,
    pub(super) max_unanswered: usize,
    max_remembered: usize,
}

/// The incoming side.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) open: HashMap<MessageId, Incoming, RandomKey>,
    /// Of messages that are over.
    pub(super) finished: BoundedMap<MessageId, Finished>,
    /// Complete messages about which a REPORT may still be made.
    pub(super) reportable: BoundedMap<MessageKey, Reportable>,
    /// Requests of other methods that the consumer has not answered, oldest first.
    pub(super) unanswered: VecDeque<Unanswered>,
    pub(super) next_message: u32,
    /// Octets given to the consumer and not taken.
    pub(super) unconsumed: usize,
    /// Octets that the open messages keep ahead of their gaps.
    pub(super) kept: usize,
    pub(super) shed: bool,
    /// Whether a timer looks after idle messages. One does for all, however many come and go.
    pub(super) has_idle_timer: bool,
    /// The last Content-Type judged, and how.
    judged: Option<(String, bool)>,
}

/// How a message ended, for chunks that come later.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finished {
    /// Delivered: repeats are answered and reported, not shown.
    Complete(Complete),
    /// Refused or aborted: repeats are answered with this.
    Refused(StatusCode),
}

/// A message of which all octets were handed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Complete {
    pub(super) key: MessageKey,
    pub(super) length: u64,
}

/// What a REPORT about a message needs.
#[derive(Debug)]
pub(super) struct Reportable {
    pub(super) message_id: MessageId,
    /// The whole From-Path of the message's first chunk: the REPORT's To-Path.
    pub(super) from_path: Bytes,
    /// Whether a success REPORT was asked for, and for which octets.
    pub(super) success_report: bool,
    pub(super) confirmable: RangeSet,
    pub(super) length: u64,
    /// Whether failures may be reported.
    pub(super) failures: bool,
}

impl Session {
    pub(super) fn new(
        reference: SessionRef,
        key: SessionKey,
        config: SessionConfig,
        limits: &Limits,
        now: Instant,
    ) -> Self {
        // The consumer takes every message some day, and until then each counts against window and slack. In manual
        // mode it may never say a word about them.
        let untaken = (limits.receive_window + limits.connection_slack) / MESSAGE_OVERHEAD;
        let reportable = match config.reports {
            ReportMode::Auto => limits.remembered_ids.max(untaken),
            ReportMode::Manual => limits.remembered_ids,
        };
        Self {
            key,
            reference,
            from_path: Bytes::from(config.local_uri.to_string()),
            to_path: Bytes::from(config.remote_path.to_string()),
            spelling: None,
            bound: false,
            closing: false,
            last: false,
            moving: None,
            retiring: false,
            outgoing: Sending {
                transfers: Slab::new(),
                by_key: HashMap::default(),
                by_id: Index::default(),
                remembered: VecDeque::new(),
                max_remembered: limits.remembered_ids,
                small: VecDeque::new(),
                large: VecDeque::new(),
                prefer_large: false,
                held: !config.flow.sends,
                parked: VecDeque::new(),
                scheduled: false,
                deficit: 0,
                unanswered: 0,
                notices: 0,
                quiet: None,
                aborts: VecDeque::new(),
                released: 0,
                refused: RefusedTypes::default(),
                awaited: Awaited::default(),
                max_unanswered: limits.max_transactions,
            },
            incoming: Receiving {
                open: HashMap::default(),
                finished: BoundedMap::new(limits.remembered_ids),
                reportable: BoundedMap::new(reportable),
                unanswered: VecDeque::new(),
                next_message: config.first_message,
                unconsumed: 0,
                kept: 0,
                shed: false,
                has_idle_timer: false,
                judged: None,
            },
            config,
            last_sent: now,
        }
    }

    /// Whether it may send more than responses: a passive session waits for the peer's first request (RFC 4975
    /// §5.4), since only that tells who connected.
    pub(super) fn may_send(&self) -> bool {
        self.config.active || self.bound || mutant::on(Mutant::PassiveSpeaksFirst)
    }

    /// Gives back room that is not used.
    pub(super) fn shrink(&mut self) {
        self.outgoing.shrink();
        self.incoming.shrink();
    }

    /// Whether a chunk could be opened now.
    pub(super) fn sendable(&self) -> bool {
        let sending = &self.outgoing;
        self.may_send()
            && self.has_room()
            && !(sending.small.is_empty() && sending.large.is_empty())
    }

    /// Octets of a chunk from which on it can be interrupted, and with which a stream's chunk is opened.
    pub(super) fn full_chunk(&self) -> u64 {
        match self.config.chunk_len {
            0 => INTERRUPTIBLE,
            len => INTERRUPTIBLE.min(u64::from(len)) - u64::from(mutant::on(Mutant::ShortPieces)),
        }
    }

    /// Whether every outgoing message has succeeded or failed, and the peer was told. What a hold keeps back counts not
    /// where the host has closed the session: it takes no SDP any more with which the hold would end.
    pub(super) fn settled(&self) -> bool {
        self.outgoing.aborts.is_empty()
            && self
                .outgoing
                .transfers
                .iter()
                .inspect(|_| steps(1))
                .all(|(_, transfer)| match transfer.phase {
                    Phase::Acknowledged | Phase::FailedLate => true,
                    Phase::Failed => transfer.unwritten == 0,
                    Phase::Sending => self.last && transfer.parked && transfer.unanswered == 0,
                    Phase::Encoded => false,
                })
    }
}

impl Sending {
    /// The last message with this Message-ID.
    pub(super) fn by_id(&self, id: &MessageId) -> Option<usize> {
        self.by_id.get(id, |index| &self.transfers[index].id)
    }

    /// REPORTs may name this message.
    pub(super) fn enter_id(&mut self, index: usize) {
        self.by_id.insert(index, |index| &self.transfers[index].id);
    }

    /// Gives back room that is not used.
    fn shrink(&mut self) {
        self.transfers.shrink_to_fit();
        self.by_key.shrink_to_fit();
        self.by_id.shrink(|index| &self.transfers[index].id);
        self.remembered.shrink_to_fit();
        self.small.shrink_to_fit();
        self.large.shrink_to_fit();
        self.aborts.shrink_to_fit();
    }

    /// Puts a message into its lane, if it has something ready.
    pub(super) fn enqueue(&mut self, index: usize, full_chunk: u64) {
        let transfer = &mut self.transfers[index];
        if transfer.in_lane || transfer.parked || !transfer.ready(full_chunk) {
            return;
        }
        if self.held && !transfer.control {
            transfer.parked = true;
            self.parked.push_back(index);
            return;
        }
        transfer.in_lane = true;
        if transfer.large {
            self.large.push_back(index);
        } else {
            self.small.push_back(index);
        }
    }

    /// Takes a message out of its lane.
    pub(super) fn dequeue(&mut self, index: usize) {
        let transfer = &mut self.transfers[index];
        if std::mem::take(&mut transfer.parked) {
            self.parked.retain(|&other| other != index);
        }
        if !transfer.in_lane {
            return;
        }
        transfer.in_lane = false;
        let lane = if transfer.large {
            &mut self.large
        } else {
            &mut self.small
        };
        if lane.front() == Some(&index) {
            lane.pop_front();
        } else {
            lane.retain(|&other| other != index);
        }
    }

    /// Whether ordinary messages wait, from now on.
    pub(super) fn set_held(&mut self, held: bool, full_chunk: u64) {
        self.held = held;
        if held {
            let (small, large) = (self.small.drain(..), self.large.drain(..));
            let mut waiting: Vec<usize> = small.chain(large).collect();
            for &index in &waiting {
                self.transfers[index].in_lane = false;
            }
            for index in waiting.drain(..) {
                self.enqueue(index, full_chunk);
            }
        } else {
            for index in std::mem::take(&mut self.parked) {
                self.transfers[index].parked = false;
                self.enqueue(index, full_chunk);
            }
        }
    }

    /// The message whose chunk is next.
    pub(super) fn next(&self) -> Option<usize> {
        let (first, second) = if self.prefer_large {
            (&self.large, &self.small)
        } else {
            (&self.small, &self.large)
        };
        first.front().or_else(|| second.front()).copied()
    }

    /// Keeps an acknowledged message for late REPORTs, and forgets the oldest such one instead. Gives that one if it
    /// waited for success REPORTs.
    pub(super) fn remember(&mut self, index: usize) -> Option<TransferKey> {
        self.remembered.push_back(index);
        if self.remembered.len() <= self.max_remembered {
            return None;
        }
        let oldest = self.remembered.pop_front()?;
        let transfer = &self.transfers[oldest];
        let waited = transfer.awaits_report().then_some(transfer.key);
        self.remove(oldest);
        waited
    }

    /// Forgets a message that is not remembered.
    pub(super) fn remove(&mut self, index: usize) {
        drop(self.take(index));
    }

    /// The same, and gives it.
    pub(super) fn take(&mut self, index: usize) -> Outgoing {
        let transfer = self.transfers.remove(index);
        self.by_key.remove(&transfer.key);
        self.by_id.remove(&transfer.id, index);
        transfer
    }
}

impl Receiving {
    /// Gives back room that is not used.
    fn shrink(&mut self) {
        self.open.shrink_to_fit();
        self.finished.shrink();
        self.reportable.shrink();
        self.unanswered.shrink_to_fit();
    }

    /// Whether the consumer takes this Content-Type; `None`: it is no media type.
    pub(super) fn accepts(&mut self, content_type: &str, accept: &[MediaRange]) -> Option<bool> {
        if let Some((judged, accepted)) = &self.judged
            && judged == content_type
        {
            return Some(*accepted);
        }
        let media_type = MediaType::parse(content_type).ok()?;
        let accepted = accept.iter().any(|range| range.matches(&media_type));
        self.judged = Some((content_type.to_owned(), accepted));
        Some(accepted)
    }

    pub(super) fn open_by_key(&self, key: MessageKey) -> Option<MessageId> {
        self.open
            .values()
            .find(|incoming| incoming.key == key)
            .map(|incoming| incoming.head.message_id)
    }
}

/// RFC 4975 §7.1.1: a chunk body above this must be interruptible.
pub(super) const INTERRUPTIBLE: u64 = 2048;
