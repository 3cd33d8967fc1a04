//! What the peer sends: taken apart, asked about, handed on as it comes, and answered hop by hop (RFC 4976 §6.2, §6.4).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::super::{Chunk, FlowId, Forward, LaneId, Leg, Lines};
use super::policy::{Held, Standing, Waits};
use super::{Decision, Link, OWN_PATHS, Switchboard, Validity};
use crate::wire::{Continuation, FailureReport, Frame, Head, MessageId, Method, StatusCode};

/// The request or response that is being read.
#[expect(
    clippy::large_enum_variant,
    reason = "a link has one, and a box would be made for each SEND"
)]
#[derive(Debug)]
pub(super) enum Current {
    Nothing,
    /// Dealt with; its body is of no interest.
    Discard,
    /// A SEND that is handed on.
    Send(Incoming),
    /// The rest of a SEND that is refused for its receiver is slow: if its sender gives the message up, the receiver has
    /// to know.
    Shed(Shed),
    /// A request of another method that is handed on when it is whole.
    Request(Box<Gathered>),
    /// An AUTH for this relay.
    Auth(Head),
}

/// A SEND that is being read.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) lane: usize,
    pub(super) flow: FlowId,
    pub(super) head: Head,
    /// Not handed on yet.
    chunk: Option<Chunk>,
    /// Its first octets, as long as the chunk is not handed on.
    first: Bytes,
    /// 1-based position of the next octet to come.
    next: u64,
    standing: Standing,
}

/// A SEND that is refused, perhaps of a message that its receiver has in part.
#[derive(Debug)]
pub(super) struct Shed {
    pub(super) lane: usize,
    head: Head,
    /// 1-based position of the next octet that its receiver would get.
    next: u64,
}

#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) lane: usize,
    pub(super) head: Head,
    pub(super) body: Option<BytesMut>,
}

/// Refused messages of a lane whose ends by `#` are passed on until half of its window is free. Beyond: their receiver
/// waits until they have been idle for too long.
const ABORTS: usize = 16;

/// Positions beyond this are nobody's: what counts from them must not overflow.
const MAX_START: u64 = u64::MAX / 2;

impl Link {
    pub(super) fn handle_frame(
        &mut self,
        now: Instant,
        frame: Frame,
        office: &mut dyn Switchboard,
    ) {
        match frame {
            Frame::Head(head) if head.is_request() => self.handle_request(now, head, office),
            Frame::Head(head) => {
                self.current = Current::Discard;
                self.handle_response(&head);
            }
            Frame::Body(data) => self.handle_body(data),
            Frame::End(continuation) => {
                match std::mem::replace(&mut self.current, Current::Nothing) {
                    Current::Send(incoming) => self.end_send(incoming, continuation),
                    Current::Request(request) => self.end_request(now, *request, continuation),
                    Current::Auth(head) => self.serve_auth(now, &head, office),
                    Current::Shed(shed) if continuation == Continuation::Abort => {
                        self.pass_abort(&shed);
                    }
                    Current::Shed(_) | Current::Nothing | Current::Discard => {}
                }
            }
        }
    }

    pub(super) fn handle_body(&mut self, data: Bytes) {
        match &mut self.current {
            Current::Send(incoming) => {
                if incoming.head.requires_empty_body() {
                    let (lane, head) = (incoming.lane, incoming.head.clone());
                    self.refuse_current(lane, head.message_id(), StatusCode::BAD_REQUEST);
                    return;
                }
                self.counts.octets += data.len() as u64;
                incoming.next += data.len() as u64;
                if incoming.chunk.is_some() && incoming.first.is_empty() {
                    incoming.first = data;
                    return;
                }
                self.begin_current();
                if let Current::Send(incoming) = &self.current {
                    let forward = Forward::Body(incoming.flow, data);
                    let message = incoming.head.message_id();
                    let (lane, standing) = (incoming.lane, incoming.standing);
                    self.hand_on(lane, standing, message, forward);
                }
            }
            Current::Request(request) => {
                let body = request.body.get_or_insert_default();
                body.extend_from_slice(&data);
            }
            Current::Nothing | Current::Discard | Current::Shed(_) | Current::Auth(_) => {}
        }
    }

    pub(super) fn handle_request(
        &mut self,
        now: Instant,
        head: Head,
        office: &mut dyn Switchboard,
    ) {
        self.current = Current::Discard;
        self.last_used = now;
        if head.fault().is_some() {
            self.refuse_malformed(&head);
            return;
        }
        let sections = head.sections();
        let mut paths = Cow::Borrowed(&head.octets()[sections.paths]);
        if head.method() == Some(&Method::Auth) {
            // What holds for other requests with these paths does not for an AUTH.
            paths
                .to_mut()
                .extend_from_slice(Method::Auth.as_str().as_bytes());
        }
        let known = self.lanes.find(&paths);
        let stands = known.filter(|&lane| self.lanes.get(lane).validity.stands(now));
        let lane = match stands {
            Some(lane) => lane,
            None => match self.route(now, &head, known, &paths, office) {
                Some(lane) => lane,
                None => return,
            },
        };
        if head.method() != Some(&Method::Auth) {
            let number = self.lanes.get(lane).number;
            let previous = self.last_lane.replace(number);
            self.lanes.used(lane, now, previous);
        }
        match head.method() {
            Some(Method::Send) => self.begin_send(lane, head),
            Some(Method::Other(_)) if self.options.block_unknown => {
                self.refuse(&head, StatusCode::NOT_IMPLEMENTED);
            }
            _ => {
                let body = head.has_body_section().then(BytesMut::new);
                self.current = Current::Request(Box::new(Gathered { lane, head, body }));
            }
        }
    }

    /// Asks again about the request that is being read, if what was decided of it does not stand any more: nothing more of
    /// it passes through a URI that is void by now (RFC 4976 §6.3). One that goes another way by now goes on as it began.
    pub(super) fn review_current(&mut self, now: Instant, office: &mut dyn Switchboard) {
        let (lane, head) = match &self.current {
            Current::Send(incoming) => (incoming.lane, &incoming.head),
            Current::Shed(shed) => (shed.lane, &shed.head),
            Current::Request(request) => (request.lane, &request.head),
            Current::Nothing | Current::Discard | Current::Auth(_) => return,
        };
        if self.lanes.get(lane).validity.stands(now) {
            return;
        }
        let status = match office.route(now, &self.party, head) {
            Decision::Forward(leg, validity) => {
                let lane = self.lanes.get_mut(lane);
                if lane.leg == leg {
                    lane.validity = validity;
                }
                return;
            }
            Decision::Refuse(status) => status,
            Decision::Serve | Decision::Discard | Decision::Close(_) => StatusCode::NO_SUCH_SESSION,
        };
        match std::mem::replace(&mut self.current, Current::Discard) {
            Current::Request(request) => self.refuse(&request.head, status),
            current @ Current::Send(_) => {
                self.current = current;
                self.refuse_held(lane, status);
                self.refuse_current(lane, None, status);
            }
            // It has its answer.
            _ => {}
        }
    }

    /// Asks where requests with these paths go. Gives their lane, if they are handed on.
    pub(super) fn route(
        &mut self,
        now: Instant,
        head: &Head,
        known: Option<usize>,
        paths: &[u8],
        office: &mut dyn Switchboard,
    ) -> Option<usize> {
        if head.to_path().is_err() || head.from_path().is_err() {
            self.refuse_malformed(head);
            return None;
        }
        match office.route(now, &self.party, head) {
            Decision::Forward(leg, validity) => {
                let lane = self.enter(now, known, (leg, validity), paths);
                if lane.is_none() {
                    self.refuse(head, StatusCode::STOP_SENDING);
                }
                lane
            }
            Decision::Serve => {
                self.current = Current::Auth(head.clone());
                None
            }
            Decision::Refuse(status) => {
                self.refuse(head, status);
                self.failed();
                None
            }
            Decision::Discard => {
                self.counts.discarded += 1;
                None
            }
            Decision::Close(reason) => {
                self.close(reason);
                None
            }
        }
    }

    /// The lane of a leg. None when there are too many and in all of them something is under way.
    pub(super) fn enter(
        &mut self,
        now: Instant,
        known: Option<usize>,
        (leg, validity): (Arc<Leg>, Validity),
        paths: &[u8],
    ) -> Option<usize> {
        if let Some(lane) = known {
            if self.lanes.get(lane).leg == leg {
                self.lanes.get_mut(lane).validity = validity;
                return Some(lane);
            }
            self.retire(lane);
        }
        // Those used longest ago go first; if all of them are busy, others.
        let most = self.options.max_lane_paths;
        let wanted = match self.paths_scarce {
            true => most.min(OWN_PATHS),
            false => most,
        };
        for all in [false, true] {
            if self.lanes_are_full(wanted) {
                let half = self.lanes.median_use().filter(|_| !all);
                let limit = half.unwrap_or(now);
                for lane in self.lanes.idle(limit) {
                    self.retire(lane);
                }
            }
        }
        if self.lanes_are_full(most) {
            return None;
        }
        let number = self.next_number();
        self.sweep_at.get_or_insert(now + super::LANE_IDLE);
        Some(self.lanes.insert(now, number, (leg, validity), paths))
    }

    fn lanes_are_full(&self, max_paths: usize) -> bool {
        self.lanes.len() >= self.options.max_lanes || self.lanes.paths_len >= max_paths
    }

    /// Forgets a lane in which nothing is being read.
    pub(super) fn retire(&mut self, lane: usize) {
        self.refuse_held(lane, StatusCode::NO_SUCH_SESSION);
        let lane = self.lanes.remove(lane, self.limits.receive_window);
        self.bring(Forward::Leave(LaneId {
            link: self.party.link,
            number: lane.number,
        }));
    }

    // SEND

    pub(super) fn begin_send(&mut self, lane: usize, head: Head) {
        let message_id = head.message_id();
        let range = head.byte_range();
        let start = range.map_or(1, |range| range.start);
        if (message_id.is_none() && head.content_type().is_some()) || start > MAX_START {
            self.refuse(&head, StatusCode::BAD_REQUEST);
            self.failed();
            return;
        }
        let refusal = match self.pausing.memory_short {
            true => Some(StatusCode::STOP_SENDING),
            false => self.lanes.get(lane).refusal(message_id),
        };
        if let Some(status) = refusal {
            self.refuse(&head, status);
            if status == StatusCode::STOP_SENDING && self.may_be_known(lane, &head, start) {
                self.shed_current(lane, head, start);
            }
            return;
        }
        let standing = self.standing(lane, &head);
        if let Standing::Rejected(status) = standing {
            self.refuse(&head, status);
            return;
        }
        let flow = self.next_flow(lane);
        let chunk = chunk(&head, self.lanes.get(lane).leg.clone(), start);
        self.counts.sends += 1;
        self.succeeded();
        self.current = Current::Send(Incoming {
            lane,
            flow,
            head,
            chunk: Some(chunk),
            first: Bytes::new(),
            next: start,
            standing,
        });
    }

    /// Hands on what is there of the SEND that is being read.
    pub(super) fn begin_current(&mut self) {
        let Current::Send(incoming) = &mut self.current else {
            return;
        };
        let Some(mut chunk) = incoming.chunk.take() else {
            return;
        };
        let first = std::mem::take(&mut incoming.first);
        let (lane, flow, standing) = (incoming.lane, incoming.flow, incoming.standing);
        // It may be long until the rest has come: it keeps no whole block.
        incoming.head.detach();
        chunk.detach();
        let message = chunk.message_id;
        self.hand_on(
            lane,
            standing,
            message,
            Forward::Begin(flow, Box::new(chunk)),
        );
        if !first.is_empty() {
            self.hand_on(lane, standing, message, Forward::Body(flow, first));
        }
    }

    /// No more octets are at hand: what there is of the SEND that is being read goes on.
    pub(super) fn flush_current(&mut self) {
        if let Current::Send(incoming) = &self.current
            && !incoming.first.is_empty()
        {
            self.begin_current();
        }
    }

    pub(super) fn end_send(&mut self, incoming: Incoming, continuation: Continuation) {
        let Incoming {
            lane,
            flow,
            head,
            chunk,
            first,
            standing,
            ..
        } = incoming;
        let message = head.message_id();
        let forward = match chunk {
            Some(chunk) => Forward::Whole {
                flow,
                chunk,
                body: first,
                continuation,
            },
            None => Forward::End(flow, continuation),
        };
        self.hand_on(lane, standing, message, forward);
        let failure_report = head.failure_report();
        if self.lanes.get(lane).held.is_empty() {
            if failure_report == FailureReport::Yes {
                self.accept(lane, &head.transaction_id());
            }
        } else {
            let held = Held {
                standing,
                message,
                what: Waits::Answer(head.transaction_id(), failure_report),
            };
            self.hold(lane, held);
        }
    }

    /// Hands something on, or lets it wait behind what waits for the host's word.
    pub(super) fn hand_on(
        &mut self,
        lane: usize,
        standing: Standing,
        message: Option<MessageId>,
        forward: Forward,
    ) {
        let window = self.limits.receive_window;
        self.lanes.charge(lane, forward.cost(), window);
        if self.options.ask {
            if standing == Standing::Asked || !self.lanes.get(lane).held.is_empty() {
                let held = Held {
                    standing,
                    message,
                    what: Waits::Forward(forward),
                };
                self.hold(lane, held);
                return;
            }
            if let Standing::Observed(query) = standing {
                self.observe(query, &forward);
            }
        }
        self.bring(forward);
    }

    /// The host has said its word on a message, of which perhaps a SEND is being read.
    pub(super) fn set_standing(&mut self, lane: usize, message: MessageId, new: Standing) {
        if let Current::Send(incoming) = &mut self.current
            && incoming.lane == lane
            && incoming.head.message_id() == Some(message)
            && incoming.standing == Standing::Asked
        {
            incoming.standing = new;
        }
    }

    /// What was counted is not handed on.
    pub(super) fn uncharge(&mut self, lane: usize, forward: &Forward) {
        let window = self.limits.receive_window;
        self.lanes.credit(lane, forward.cost(), window);
    }

    /// Refuses the rest of the SEND that is being read, if it is one of this lane and message.
    pub(super) fn refuse_current(
        &mut self,
        lane: usize,
        message: Option<MessageId>,
        status: StatusCode,
    ) {
        let is_it = |incoming: &Incoming| {
            let other = incoming.head.message_id();
            incoming.lane == lane && (message.is_none() || message == other)
        };
        if !matches!(&self.current, Current::Send(incoming) if is_it(incoming)) {
            return;
        }
        let current = std::mem::replace(&mut self.current, Current::Discard);
        let Current::Send(incoming) = current else {
            return;
        };
        self.refuse(&incoming.head, status);
        let flow = incoming.flow;
        self.refused_flows.insert(flow.number, ());
        if status == StatusCode::STOP_SENDING {
            let known = self.lanes.get_mut(lane);
            known.refuse(incoming.head.message_id(), status);
        }
        if incoming.chunk.is_none() && !self.is_held(lane, flow) {
            let forward = Forward::Cut(flow);
            if let Standing::Observed(query) = incoming.standing {
                self.observe(query, &forward);
            }
            self.bring(forward);
            if status == StatusCode::STOP_SENDING && self.lanes.get(lane).shed {
                self.shed_current(lane, incoming.head, incoming.next);
            }
        }
    }

    /// The SEND that is being read was refused: its end is waited for.
    fn shed_current(&mut self, lane: usize, mut head: Head, next: u64) {
        head.detach();
        self.current = Current::Shed(Shed { lane, head, next });
    }

    /// Whether the receiver may have something of the message of this SEND, which is refused: not if it is the first
    /// one. One without a body may be the last word on a message.
    fn may_be_known(&self, lane: usize, head: &Head, start: u64) -> bool {
        let lane = self.lanes.get(lane);
        start > 1 || head.content_type().is_none() || lane.has_refused(head.message_id())
    }

    /// The sender of a message that was refused here gives it up, too: the receiver is told, if there is room for that.
    /// Nothing is told of what becomes of it.
    pub(super) fn pass_abort(&mut self, shed: &Shed) {
        let standing = match self.known_standing(shed.lane, &shed.head) {
            Some(Standing::Rejected(_)) | None => return,
            Some(standing) => standing,
        };
        let lane = self.lanes.get_mut(shed.lane);
        if lane.aborts >= ABORTS {
            return;
        }
        lane.aborts += 1;
        let leg = lane.leg.clone();
        let flow = self.next_flow(shed.lane);
        self.refused_flows.insert(flow.number, ());
        let message = shed.head.message_id();
        let forward = Forward::Whole {
            flow,
            chunk: chunk(&shed.head, leg, shed.next),
            body: Bytes::new(),
            continuation: Continuation::Abort,
        };
        self.hand_on(shed.lane, standing, message, forward);
    }

    pub(super) fn next_flow(&mut self, lane: usize) -> FlowId {
        FlowId {
            lane: LaneId {
                link: self.party.link,
                number: self.lanes.get(lane).number,
            },
            number: self.next_number(),
        }
    }

    /// The connection that brings the SEND that is being read is lost.
    pub(super) fn cut_current(&mut self) {
        let current = std::mem::replace(&mut self.current, Current::Discard);
        if let Current::Send(incoming) = current
            && incoming.chunk.is_none()
            && !self.is_held(incoming.lane, incoming.flow)
        {
            let forward = Forward::Cut(incoming.flow);
            if let Standing::Observed(query) = incoming.standing {
                self.observe(query, &forward);
            }
            self.bring(forward);
        }
    }
}

/// A SEND, or what follows from this position on, as it is sent on.
fn chunk(head: &Head, leg: Arc<Leg>, start: u64) -> Chunk {
    let sections = head.sections();
    let at = sections.rest.start;
    Chunk {
        leg,
        message_id: head.message_id(),
        start,
        total: head.byte_range().and_then(|range| range.total),
        failure_report: head.failure_report(),
        lines: Lines {
            octets: head.octets().slice(sections.rest),
            byte_range: sections.byte_range.start - at..sections.byte_range.end - at,
        },
        has_body: head.has_body_section(),
    }
}
