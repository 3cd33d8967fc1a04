//! One connection of a relay, as a state machine without input and output (RFC 4976 §6).
//!
//! What it receives: `ingress` takes it apart and hands SENDs on as they come, `requests` other requests when they are
//! whole; `answers` is what the peer is told. `lanes` remembers what was decided about a session's requests and how much
//! of them is under way, `pressure` pauses reading, `pending` keeps requests that are answered later, `policy` messages
//! that wait for the host's word, `probation` how the connection behaves.
//!
//! What it sends, received by other links: `egress` puts it in line, `schedule` says whose turn it is, `piece` encodes it
//! and cuts chunks, `transactions` are the requests that await a response, `loss` and `refusal` tell the senders of what
//! fails. `rest` keeps what matters of a link that has nothing to do. Where requests may go is decided behind [`Switchboard`]; octets, and queues between links, are the business of
//! `net`.

mod answers;
mod egress;
mod event;
mod ingress;
mod lanes;
mod loss;
mod options;
mod parked;
mod pending;
mod piece;
mod policy;
mod pressure;
mod probation;
mod refusal;
mod requests;
mod rest;
mod schedule;
mod switchboard;
mod transactions;

use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use slab::Slab;

use super::{Backward, Forward, Party, Peer};
use crate::limits::Limits;
use crate::proto::bounded::BoundedMap;
use crate::proto::pausing::Pausing;
use crate::proto::tap::Observers;
use crate::proto::write_queue::WriteQueue;
use crate::proto::{CloseReason, Counters, IdSource, Tap};
use crate::wire::{Parser, ParserLimits};
use egress::Mark;
use ingress::Current;
use lanes::Lanes;
use pending::Pending;
use policy::Verdicts;
use probation::Probation;
use schedule::Egress;
use transactions::Transactions;

pub use event::{Answer, LinkEvent, Observation, Question, Verdict};
pub use options::{LinkCounts, LinkOptions};
pub use parked::Parked;
pub use rest::Resting;
pub use switchboard::{Attempt, AuthReply, AuthStep, Decision, QueryId, Switchboard, Validity};

/// How long a lane that is not used is remembered.
const LANE_IDLE: Duration = Duration::from_secs(600);

/// Octets of paths that a link may remember whatever others do.
const OWN_PATHS: usize = 16 * 1024;

/// SENDs whose refusal is remembered, so that nothing more is said of them when what is under way fails too.
const REFUSED_FLOWS: usize = 1024;

/// One connection of a relay: receives for others, sends what others received.
///
/// After each call drain [`poll_forward`](Self::poll_forward), [`poll_backward`](Self::poll_backward) and
/// [`poll_event`](Self::poll_event), write what [`poll_transmit`](Self::poll_transmit) and
/// [`transmit_slices`](Self::transmit_slices) give, and sleep until [`poll_timeout`](Self::poll_timeout).
pub struct Link {
    party: Party,
    limits: Arc<Limits>,
    options: Arc<LinkOptions>,
    ids: IdSource,
    parser: Parser,
    current: Current,
    lanes: Lanes,
    /// The links of the relay remember too many paths together.
    paths_scarce: bool,
    /// The lane of the last request, by its number.
    last_lane: Option<u64>,
    pending: Pending,
    verdicts: Verdicts,
    /// Only for clients.
    probation: Option<Probation>,
    refused_flows: BoundedMap<u64, ()>,
    /// Flows, lanes and queries so far.
    numbers: u64,
    egress: Egress,
    transactions: Transactions,
    /// What stood there before this link woke: without any, but with room.
    blank: Option<Box<Transactions>>,
    output: WriteQueue<Mark>,
    pausing: Pausing,
    observers: Observers,
    forwards: VecDeque<Forward>,
    backwards: VecDeque<Backward>,
    events: VecDeque<LinkEvent>,
    counts: LinkCounts,
    last_used: Instant,
    /// When lanes that are not used are looked for.
    sweep_at: Option<Instant>,
    /// When output that waits must have moved.
    write_deadline: Option<Instant>,
    closed: Option<CloseReason>,
}

impl fmt::Debug for Link {
    /// In figures: what it holds is the users' (RFC 4975 §14.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("party", &self.party)
            .field("lanes", &self.lanes.len())
            .field("held_bytes", &self.held_bytes())
            .field("reading_allowed", &self.reading_allowed())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A new link. `ids` gives its transaction ids.
    pub fn new(
        party: Party,
        limits: Arc<Limits>,
        options: impl Into<Arc<LinkOptions>>,
        ids: IdSource,
        now: Instant,
    ) -> Self {
        let options = options.into();
        let parser = Parser::new(ParserLimits {
            start_line: limits.start_line,
            header_line: limits.header_line,
            header_section: limits.header_section,
            headers: limits.headers,
            path_uris: limits.path_uris,
            non_send_body: limits.non_send_body as u64,
        });
        Self {
            probation: (party.peer == Peer::Client).then(|| Probation::new(&options, now)),
            party,
            ids,
            parser,
            current: Current::Nothing,
            lanes: Lanes::default(),
            paths_scarce: false,
            last_lane: None,
            pending: Pending::new(options.max_pending, limits.transaction),
            verdicts: Verdicts::new(options.max_verdicts),
            refused_flows: BoundedMap::new(REFUSED_FLOWS),
            numbers: 0,
            egress: Egress::default(),
            transactions: Transactions::new(limits.transaction, &options, now),
            blank: None,
            output: WriteQueue::new(),
            pausing: Pausing::default(),
            observers: Observers::default(),
            forwards: VecDeque::new(),
            backwards: VecDeque::new(),
            events: VecDeque::new(),
            counts: LinkCounts::default(),
            last_used: now,
            sweep_at: None,
            write_deadline: None,
            closed: None,
            limits,
            options,
        }
    }

    /// Shows every frame from now on to `tap`. To be called before the first octet.
    pub fn set_tap(&mut self, tap: Box<dyn Tap>) {
        self.observers.tap = Some(tap);
    }

    /// Counts into `counters` from now on. To be called before the first octet.
    pub fn set_counters(&mut self, counters: Arc<Counters>) {
        self.observers.counters = Some(counters);
    }

    /// Which link this is, and who is at its other end.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Octets from the peer. An error in them closes the link: see [`close_reason`](Self::close_reason).
    pub fn handle_input(&mut self, now: Instant, data: Bytes, office: &mut dyn Switchboard) {
        if self.closed.is_some() {
            return;
        }
        self.review_current(now, office);
        self.parser.push(data);
        loop {
            match self.parser.next() {
                Ok(Some(frame)) => {
                    self.observers.received(&frame);
                    self.handle_frame(now, frame, office);
                }
                Ok(None) => break,
                Err(error) => {
                    self.fail(CloseReason::Protocol {
                        offset: error.offset,
                        reason: error.to_string(),
                    });
                    return;
                }
            }
            if self.closed.is_some() {
                return;
            }
        }
        self.flush_current();
        self.update_pausing(now);
    }

    /// Something to be sent over this link. When the link is closed it comes back by
    /// [`poll_backward`](Self::poll_backward) as an [`Outcome`](super::Outcome).
    pub fn handle_forward(&mut self, now: Instant, forward: Forward) {
        if self.closed.is_some() {
            let refuser = &mut self.egress.refuser;
            refuser.refuse(&forward, None, &mut self.backwards);
            return;
        }
        self.last_used = now;
        self.enqueue(now, forward);
    }

    /// What became of something that this link received.
    pub fn handle_backward(&mut self, now: Instant, backward: Backward) {
        if self.closed.is_some() {
            return;
        }
        match backward {
            Backward::Credit(lane, credit) => {
                if let Some(lane) = self.lanes.by_number(lane.number) {
                    self.lanes.credit(lane, credit, self.limits.receive_window);
                }
                self.pausing.progress(self.limits.stall, now);
            }
            Backward::Outcome(outcome) => self.outcome(&outcome),
            Backward::Response(flow, response) => self.response(flow, &response),
        }
        self.update_pausing(now);
    }

    /// The answer to a question. One that is not waited for any more is ignored.
    pub fn handle_answer(&mut self, now: Instant, query: QueryId, answer: Answer) {
        if self.closed.is_some() {
            return;
        }
        self.answer(query, answer);
        self.update_pausing(now);
    }

    /// The next thing for another link, or this one: to the link of its lane, which [`Forward::leg`] says when a
    /// request begins; a lane stays with its link as long as that lives, until [`Forward::Leave`]. If there is no link
    /// and none can be made, [`Parked::refuse`] says what comes back.
    pub fn poll_forward(&mut self) -> Option<Forward> {
        self.forwards.pop_front()
    }

    /// The next thing for the link that [`Backward::link`] names. If that is gone, it is dropped.
    pub fn poll_backward(&mut self) -> Option<Backward> {
        if self.backwards.is_empty() && self.closed.is_some() {
            self.egress.refuser.settle(&mut self.backwards);
        }
        self.backwards.pop_front()
    }

    /// The next question or observation.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// Encodes what may go out next, up to the write-ahead. True when there is something to write.
    pub fn poll_transmit(&mut self, now: Instant) -> bool {
        self.fill(now);
        let waiting = self.output.len() > 0;
        if !waiting {
            self.write_deadline = None;
        } else if self.write_deadline.is_none() {
            self.write_deadline = Some(now + self.limits.write_stall);
        }
        // The control lane may have become short enough to read again.
        self.update_pausing(now);
        waiting
    }

    /// The octets to be written next; gives how many slices were filled.
    pub fn transmit_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.output.slices(slices)
    }

    /// Octets of [`transmit_slices`](Self::transmit_slices) were handed to the operating system (for TLS: flushed).
    /// Timers start here.
    pub fn handle_written(&mut self, now: Instant, len: usize) {
        if len == 0 {
            return;
        }
        self.last_used = now;
        self.output.advance(len, &mut self.observers);
        self.write_deadline = (self.output.len() > 0).then(|| now + self.limits.write_stall);
        self.handle_marks(now);
        self.update_pausing(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed.is_some() {
            return None;
        }
        let probation = self.probation.as_ref().and_then(Probation::deadline);
        [
            self.write_deadline,
            self.transactions.next_deadline(),
            self.pending.next_deadline(),
            self.pausing.deadline(),
            self.egress.next_deadline(),
            self.sweep_at,
            probation,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The time has come. Harmless when it has not.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        if self.write_deadline.is_some_and(|deadline| deadline <= now) {
            self.fail(CloseReason::WriteStall);
            return;
        }
        let probation = self.probation.as_ref().and_then(Probation::deadline);
        if probation.is_some_and(|deadline| deadline <= now) {
            self.close("no request of a new connection succeeded in time");
            return;
        }
        while let Some(sent) = self.transactions.expire(now) {
            self.expired(sent);
        }
        self.pending.expire(now);
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
        // Also when nothing is encoded now, since what is written before is not flushed.
        self.egress.end_wait(now);
        self.pausing_expired(now);
        self.update_pausing(now);
    }

    /// Whether the socket may be read now; else reading is paused.
    pub fn reading_allowed(&self) -> bool {
        self.closed.is_none() && !self.pausing.is_paused()
    }

    /// The peer ended its side: the link is closed.
    pub fn handle_eof(&mut self, _now: Instant) {
        let reason = match self.parser.finish() {
            Ok(()) => CloseReason::PeerClosed,
            Err(error) => CloseReason::ConnectionLost(format!(
                "the peer closed the connection inside a message: {error}"
            )),
        };
        self.fail(reason);
    }

    /// The connection is gone, or is to be closed for this reason.
    pub fn handle_failure(&mut self, _now: Instant, reason: CloseReason) {
        self.fail(reason);
    }

    /// Why the connection has to be closed now, after what is encoded was written if it can be.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    /// The relay's memory is short: new SENDs get 413 until it is not.
    pub fn set_memory_pressure(&mut self, short: bool) {
        self.pausing.memory_short = short;
    }

    /// Octets held: received and waiting for the host's word, waiting to be sent, encoded and not written.
    pub fn held_bytes(&self) -> usize {
        let output = self.output.len() + self.output.control_len();
        self.verdicts.held_len + self.egress.len() + output
    }

    /// Octets of the paths of sessions that are remembered, besides [`held_bytes`](Self::held_bytes).
    pub fn remembered_bytes(&self) -> usize {
        self.lanes.paths_len
    }

    /// The links of a relay remember too many paths together: until they do not, a link that remembers more than 16 KiB
    /// forgets for each new one those that have nothing under way. They are looked up again when they come again.
    pub fn set_paths_scarce(&mut self, scarce: bool) {
        self.paths_scarce = scarce;
    }

    /// Whether nothing waits to be sent, no response is awaited, no request is being read, and nothing that was is under
    /// way or waits for the host's word.
    pub fn is_settled(&self) -> bool {
        self.egress.is_idle()
            && self.output.len() + self.output.control_len() == 0
            && self.transactions.is_empty()
            && self.pending.is_empty()
            && self.lanes.are_idle()
            && self.verdicts.is_settled()
            && self.parser.finish().is_ok()
    }

    /// When a request was received, or something sent, the last time.
    pub fn last_used(&self) -> Instant {
        self.last_used
    }

    /// What it has done so far, or since [`take_counts`](Self::take_counts).
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }

    /// What it has done, which counts from nothing from now on.
    pub fn take_counts(&mut self) -> LinkCounts {
        std::mem::take(&mut self.counts)
    }

    /// Gives back room that is not used. Worth it when the link has been busy, does not rest, and may have less to do
    /// now.
    pub fn shrink(&mut self) {
        self.parser.shrink();
        self.lanes.shrink();
        self.pending.shrink();
        self.egress.shrink();
        self.transactions.shrink();
        self.blank = None;
        self.output.shrink();
        self.forwards.shrink_to_fit();
        self.backwards.shrink_to_fit();
        self.events.shrink_to_fit();
        self.refused_flows.shrink();
        self.ids.shrink();
    }

    /// Something for another link.
    fn bring(&mut self, forward: Forward) {
        push_lean(&mut self.forwards, forward);
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn next_query(&mut self) -> QueryId {
        QueryId {
            link: self.party.link,
            number: self.next_number(),
        }
    }

    /// Forgets lanes that are not used.
    fn sweep(&mut self, now: Instant) {
        let reading = match &self.current {
            Current::Send(incoming) => Some(incoming.lane),
            Current::Shed(shed) => Some(shed.lane),
            Current::Request(request) => Some(request.lane),
            _ => None,
        };
        if let Some(limit) = now.checked_sub(LANE_IDLE) {
            for lane in self.lanes.idle(limit) {
                if Some(lane) != reading {
                    self.retire(lane);
                }
            }
        }
        self.sweep_at = (self.lanes.len() > 0).then(|| now + LANE_IDLE);
    }

    /// Closes the link: what it was receiving is cut, what it had to send is told to have failed.
    fn fail(&mut self, reason: CloseReason) {
        if self.closed.is_some() {
            return;
        }
        self.cut_current();
        for lane in self.lanes.indexes() {
            drop(self.drop_held(lane));
            self.retire(lane);
        }
        self.fail_egress();
        self.closed = Some(reason);
    }
}

/// Appends to a queue that holds one item most of the time: its first room is for one, not for four.
fn push_lean<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.capacity() == 0 {
        queue.reserve_exact(1);
    }
    queue.push_back(item);
}

/// Likewise, before something is put in a slab.
fn reserve_lean<T>(slab: &mut Slab<T>) {
    if slab.capacity() == 0 {
        slab.reserve_exact(1);
    }
}
