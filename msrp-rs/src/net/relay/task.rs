//! The task of one connection of a relay: owns its [`Link`] and its socket.
//!
//! One turn: what others brought -> `handle_forward`, `handle_backward`, `handle_answer`; time -> `handle_timeout`; one
//! read -> `handle_input`; what the link has for others -> their ports, in one batch for each; writes ->
//! `handle_written`; what follows from them -> the ports again. A turn that moved nothing ends the poll with every waker
//! in place.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context as TaskContext, Poll};
use std::time::Instant;

use super::desk::Desk;
use super::hops::{Found, Key};
use super::host::{self, RelayMessage};
use super::seat::{Outgoing, Room, Seat, Strain};
use super::{Gate, Item, Member, Place, Relay};
use crate::net::context::Connected;
use crate::net::inbox::Control;
use crate::net::log::LogLevel;
use crate::net::pump::{Machine, Pump, Read, Stage, TIDY, Timer, Turns, kind_of};
use crate::net::sockopt::{address_lost, why_lost};
use crate::net::tls::failure;
use crate::net::trace::{Ends, Watch};
use crate::net::transport::Transport;
use crate::proto::{CloseReason, Tap};
use crate::role::relay::{
    Answer, Attempt, Forward, LaneId, Link, LinkEvent, LinkId, Parked, Party, Peer, Question,
    Resting, Verdict,
};
use crate::wire::StatusCode;

impl Machine for Link {
    fn poll_transmit(&mut self, now: Instant) -> bool {
        self.poll_transmit(now)
    }

    fn transmit_slices<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        self.transmit_slices(slices)
    }

    fn handle_written(&mut self, now: Instant, len: usize) {
        self.handle_written(now, len);
    }

    fn handle_failure(&mut self, now: Instant, reason: CloseReason) {
        self.handle_failure(now, reason);
    }
}

/// How a connection came to be.
pub(super) enum Way {
    /// It came to a listener.
    Accepted,
    /// We made it, to a next hop.
    Dialled {
        key: Key,
        /// For what came on this link.
        from: LinkId,
    },
}

/// One connection's task.
pub(super) struct Task {
    relay: Arc<Relay>,
    connected: Connected,
    gate: Arc<Gate>,
    member: Arc<Member>,
    peer: Peer,
    /// The next hop that it was made for.
    key: Option<Key>,
    seat: Seat,
    pump: Pump,
    stage: Stage,
    /// Where lanes go that this link receives.
    lanes: HashMap<u64, Arc<Gate>>,
    /// To whom something went back last.
    backward: Option<Arc<Gate>>,
    /// Octets that are counted as held.
    held: usize,
    /// Octets that are counted in `Relay::paths`.
    paths: usize,
    strain: Strain,
    /// While the relay drains: whether this link is counted as busy.
    busy: Option<bool>,
    /// Whether it counts among those that have not proved of use.
    is_unbound: bool,
    tidy_at: Option<Instant>,
    /// What uses have been counted.
    last_used: Instant,
    /// None where there is nothing to wait for but the socket and others.
    timer: Timer,
}

impl Task {
    /// Starts the task of a new connection. If the relay is to end there is none: what waits for it goes back.
    pub(super) fn spawn(
        relay: &Arc<Relay>,
        connected: Connected,
        transport: Transport,
        peer: Peer,
        gate: Arc<Gate>,
        way: Way,
    ) {
        let waiting = Arc::clone(&gate);
        match Self::new(relay, connected, transport, peer, gate, way) {
            Some(task) => drop(relay.runtime.spawn(task)),
            None => relay.send_back(waiting.close(), None),
        }
    }

    fn new(
        relay: &Arc<Relay>,
        connected: Connected,
        transport: Transport,
        peer: Peer,
        gate: Arc<Gate>,
        way: Way,
    ) -> Option<Self> {
        let now = Instant::now();
        let context = &relay.context;
        let secure = transport.is_secure();
        let address = Relay::address(&transport);
        let place = Place::new(&peer, address, &way);
        let (accepted, key) = match way {
            Way::Accepted => (true, None),
            Way::Dialled { key, .. } => (false, Some(key)),
        };
        let member = relay.came(&peer, &gate, place, !accepted)?;
        let party = Party {
            link: gate.id(),
            peer: peer.clone(),
            secure,
            address,
        };
        let tap = transport.addresses().ok().map(|(local, other)| {
            let ends = Ends {
                number: connected.inbox.id(),
                local,
                peer: other,
                dialled: !accepted,
                secure,
            };
            let watch: Box<dyn Tap> = Box::new(Watch::new(Arc::clone(context), ends));
            watch
        });
        let resting = Resting::new(party, relay.seats.options(), tap, now);
        Some(Self {
            relay: Arc::clone(relay),
            is_unbound: accepted,
            connected,
            gate,
            member,
            peer,
            key,
            seat: Seat::Resting(Box::new(resting)),
            pump: Pump::new(transport),
            stage: Stage::Running,
            lanes: HashMap::new(),
            backward: None,
            held: 0,
            paths: 0,
            strain: Strain::default(),
            busy: None,
            tidy_at: None,
            last_used: now,
            timer: None,
        })
    }

    fn log(&self, level: LogLevel, text: &str) {
        let log = &self.relay.context.log;
        log.connection(level, self.connected.inbox.id(), format_args!("{text}"));
    }

    /// The link, which is awake from now on; none after a panic.
    fn wake(&mut self, now: Instant) -> Option<&mut Link> {
        let relay = &self.relay;
        self.seat
            .wake(&relay.seats, &relay.context, self.strain, now)
    }

    /// Takes what was brought. True when there was something.
    fn take(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> bool {
        let mut controls = Vec::new();
        self.connected
            .inbox
            .take(cx.waker(), &mut Vec::new(), &mut controls);
        let mut items = Vec::new();
        self.gate.take(cx.waker(), &mut items);
        let moved = !(items.is_empty() && controls.is_empty());
        for control in controls {
            match control {
                Control::Finish => self.close(now, "the engine ends"),
                Control::Evict if self.is_unbound => self.close(now, "it makes room for others"),
                _ => {}
            }
        }
        for item in items.drain(..) {
            let relay = &self.relay;
            let link = (self.seat).wake(&relay.seats, &relay.context, self.strain, now);
            let Some(link) = link else { break };
            match item {
                Item::Forward(forward) => link.handle_forward(now, forward),
                Item::Backward(backward) => link.handle_backward(now, backward),
                Item::Answer(query, answer) => {
                    let is_granted =
                        matches!(&answer, Answer::Auth(reply) if reply.attempt == Attempt::Granted);
                    link.handle_answer(now, query, answer);
                    if is_granted {
                        self.member.is_granted.store(true, Relaxed);
                        self.prove();
                    }
                }
                Item::Close(why) => self.close(now, &why),
                // Said again: it is counted already.
                Item::Drain if self.busy.is_some() => self.relay.less_busy(),
                Item::Drain => self.busy = Some(true),
            }
        }
        if let Some(room) = self.seat.room() {
            room.outgoing.keep(items);
        }
        moved
    }

    /// A request has succeeded: the connection makes room for nobody any more.
    fn prove(&mut self) {
        if std::mem::take(&mut self.is_unbound) {
            self.relay.context.unbound.remove(self.connected.inbox.id());
        }
    }

    /// Ends the connection in order.
    fn close(&mut self, now: Instant, why: &str) {
        if matches!(self.stage, Stage::Running) {
            self.log(LogLevel::Debug, &format!("closing: {why}"));
            self.stage = Stage::finishing(now);
            // What it has received ends with it.
            self.wake(now);
        }
    }

    fn read(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> bool {
        let relay = &self.relay;
        let allowed = self.seat.reading_allowed();
        let read = self.pump.read(allowed, &relay.context, cx);
        if matches!(read, Read::Nothing) {
            return false;
        }
        let link = (self.seat).wake(&relay.seats, &relay.context, self.strain, now);
        let Some(link) = link else { return false };
        match read {
            Read::Nothing => {}
            Read::Octets(data) => {
                let mut desk = Desk::new(&self.relay);
                link.handle_input(now, data, &mut desk);
                if desk.has_granted() {
                    self.member.is_granted.store(true, Relaxed);
                }
                if desk.has_approved() {
                    self.prove();
                }
            }
            Read::End => {
                link.handle_eof(now);
                self.close(now, "the peer has closed it");
            }
            Read::Tls => {
                let text = "the peer speaks TLS, and this listener is without";
                self.log(LogLevel::Info, text);
                self.fail(now, text.to_owned());
            }
            Read::Failed(error) => self.lose(now, &error),
        }
        true
    }

    fn write(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> bool {
        if !matches!(self.stage, Stage::Running | Stage::Finishing(_)) {
            return false;
        }
        let Some(link) = self.seat.link() else {
            return false;
        };
        match self.pump.write(link, &self.relay.context, cx, now) {
            Ok(moved) => moved,
            Err(error) => {
                self.lose(now, &error);
                true
            }
        }
    }

    /// The socket failed.
    fn lose(&mut self, now: Instant, error: &std::io::Error) {
        let local = self.pump.transport.local_address();
        let text = failure::afterwards(error).unwrap_or_else(|| why_lost(error, local));
        self.log(LogLevel::Debug, &text);
        self.fail(now, text);
    }

    fn fail(&mut self, now: Instant, text: String) {
        if let Some(link) = self.wake(now) {
            link.handle_failure(now, CloseReason::ConnectionLost(text));
        }
        self.stage = Stage::Over;
    }

    /// Brings to others what the link has for them.
    fn exchange(&mut self, now: Instant) {
        loop {
            let Some(Room { link, outgoing }) = self.seat.room() else {
                return;
            };
            let mut parked = Vec::new();
            while let Some(forward) = link.poll_forward() {
                if let Some((forward, status)) = dispatch(
                    &self.relay,
                    &mut self.lanes,
                    outgoing,
                    (now, &self.gate),
                    forward,
                ) {
                    parked.push((forward, status));
                }
            }
            while let Some(backward) = link.poll_backward() {
                let to = backward.link();
                if self.backward.as_ref().is_none_or(|gate| gate.id() != to) {
                    self.backward = self.relay.gate(to);
                }
                // Where it is gone, nobody is to be told.
                if let Some(gate) = &self.backward {
                    outgoing.add(gate, Item::Backward(backward));
                }
            }
            while let Some(event) = link.poll_event() {
                ask(&self.relay, &self.gate, event);
            }
            self.flush(&mut parked);
            if parked.is_empty() {
                return;
            }
            let Some(link) = self.seat.link() else { return };
            let mut refused = Parked::default();
            for (forward, status) in parked {
                refused.push_refused(forward, status);
            }
            for backward in refused.refuse(None) {
                link.handle_backward(now, backward);
            }
        }
    }

    /// Brings the batches to their ports. What a closed one does not take is left in `parked`.
    fn flush(&mut self, parked: &mut Vec<(Forward, Option<StatusCode>)>) {
        let Some(Room { outgoing, .. }) = self.seat.room() else {
            return;
        };
        while let Some((gate, mut batch)) = outgoing.batches.pop() {
            gate.push(&mut batch);
            for item in batch.drain(..) {
                if let Item::Forward(forward) = item {
                    self.lanes.remove(&forward.lane().number);
                    parked.push((forward, None));
                }
            }
            outgoing.keep(batch);
        }
    }

    /// Goes on to the next stage where it is time. True when it did.
    fn advance(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> bool {
        if !matches!(self.stage, Stage::Running) {
            let link = self.seat.link();
            return self.pump.advance(&mut self.stage, link, cx, now);
        }
        if let Some(link) = self.seat.link()
            && let Some(reason) = link.close_reason()
        {
            let text = kind_of(reason);
            self.close(now, text);
            return true;
        }
        let idle = self.relay.options.idle;
        let last_used = self.seat.last_used();
        let is_over = idle
            .zip(last_used)
            .is_some_and(|(idle, last)| last + idle <= now);
        if is_over && self.seat.is_settled() {
            self.relay.counts.evicted.fetch_add(1, Relaxed);
            self.close(now, "it was unused for too long");
            return true;
        }
        self.note_use();
        self.note_busy();
        false
    }

    /// Tells others when the link was used.
    fn note_use(&mut self) {
        let Some(last_used) = self.seat.last_used() else {
            return;
        };
        if last_used != self.last_used {
            self.last_used = last_used;
            let used = self.relay.uptime(self.last_used);
            self.member.used.store(used, Relaxed);
        }
    }

    /// Tells who waits for the end whether the link is in use.
    fn note_busy(&mut self) {
        if let Some(was_busy) = self.busy {
            let is_busy = !self.seat.is_settled();
            match (was_busy, is_busy) {
                (true, false) => self.relay.less_busy(),
                (false, true) => drop(self.relay.busy.fetch_add(1, Relaxed)),
                _ => {}
            }
            self.busy = Some(is_busy);
        }
    }

    /// Counts what the link holds against the engine's memory.
    fn account(&mut self) {
        let held = self.seat.held_bytes();
        let memory = &self.relay.context.memory;
        if held > self.held {
            memory.hold_sent(held - self.held);
        } else if held < self.held {
            memory.release_sent(self.held - held);
            self.relay.context.relieve_senders();
        }
        self.held = held;
        let paths = self.seat.remembered_bytes();
        if paths != self.paths {
            self.relay.paths.fetch_add(paths, Relaxed);
            self.relay.paths.fetch_sub(self.paths, Relaxed);
            self.paths = paths;
        }
    }

    /// Gives back the room that bursts have left, and looks after what needs no haste.
    fn tidy(&mut self, now: Instant) {
        self.seat.shrink();
        self.relay.seats.shrink();
        self.relay.count(self.seat.take_counts());
        self.lanes.retain(|_, gate| !gate.is_closed());
        self.lanes.shrink_to_fit();
        self.backward = None;
        self.gate.shrink();
        self.connected.inbox.shrink();
        if matches!(self.stage, Stage::Running)
            && let Some(text) = address_lost(self.pump.transport.local_address())
        {
            self.log(LogLevel::Warn, &text);
            self.fail(now, text);
        }
    }
}

impl Turns for Task {
    fn turn(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let now = Instant::now();
        self.strain = self.relay.strain();
        if let Some(link) = self.seat.link() {
            self.strain.tell(link);
        }
        let mut moved = self.take(cx, now);
        if self.seat.is_gone() {
            self.stage = Stage::Over;
            return false;
        }
        if matches!(self.stage, Stage::Running) {
            moved |= self.read(cx, now);
        }
        if self.seat.poll_timeout().is_some_and(|at| at <= now) {
            // Only if it could not be read or written now either: the whole process may have stood still.
            moved |= self.write(cx, now);
            if let Some(link) = self.wake(now) {
                link.handle_timeout(now);
            }
        }
        self.exchange(now);
        // Before the answer is there that somebody may wait for.
        self.note_use();
        moved |= self.write(cx, now);
        self.exchange(now);
        moved |= self.advance(cx, now);
        let is_running = matches!(self.stage, Stage::Running);
        moved |= is_running && self.pump.is_to_read_again(self.seat.reading_allowed());
        self.account();
        if self.tidy_at.is_some_and(|at| at <= now) {
            self.tidy_at = None;
            self.tidy(now);
        } else if moved {
            self.tidy_at.get_or_insert(now + TIDY);
        }
        moved
    }

    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn tell(&mut self) {
        self.exchange(Instant::now());
    }

    fn next_time(&self) -> Option<Instant> {
        let idle = self.relay.options.idle.zip(self.seat.last_used());
        let idle = idle.filter(|_| matches!(self.stage, Stage::Running) && self.seat.is_settled());
        [
            self.stage.until(),
            self.seat.poll_timeout(),
            self.tidy_at,
            idle.map(|(idle, last_used)| last_used + idle),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Lets the link rest, if it has nothing to do.
    fn rest(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Running) {
            self.seat.rest(&self.relay.seats, now);
        }
    }

    fn timer(&mut self) -> &mut Timer {
        &mut self.timer
    }
}

/// Puts a forward among what goes to its next hop; gives it back if there is none, with the reason.
fn dispatch(
    relay: &Arc<Relay>,
    lanes: &mut HashMap<u64, Arc<Gate>>,
    outgoing: &mut Outgoing,
    (now, own): (Instant, &Arc<Gate>),
    forward: Forward,
) -> Option<(Forward, Option<StatusCode>)> {
    let lane = forward.lane().number;
    if let Forward::Leave(_) = forward {
        if let Some(gate) = lanes.remove(&lane) {
            outgoing.add(&gate, Item::Forward(forward));
        }
        return None;
    }
    if let Some(gate) = lanes.get(&lane) {
        outgoing.add(gate, Item::Forward(forward));
        return None;
    }
    let Some(leg) = forward.leg() else {
        // The rest of what was refused.
        return Some((forward, None));
    };
    match relay.find(now, own.id(), leg) {
        Found::Gate(gate) => {
            outgoing.add(&gate, Item::Forward(forward));
            lanes.insert(lane, gate);
            None
        }
        Found::Nowhere(status) => Some((forward, status)),
    }
}

/// Brings a question of the link to the host.
fn ask(relay: &Arc<Relay>, gate: &Arc<Gate>, event: LinkEvent) {
    match event {
        LinkEvent::Observed(query, piece) => {
            let observe = || relay.policy.observed((query.link.0, query.number), &piece);
            // A panic in it harms no message.
            let _ = catch_unwind(AssertUnwindSafe(observe));
        }
        LinkEvent::Message(question) => {
            let query = question.query;
            let message = shown(&question);
            let answer = host::call(|| relay.policy.message(&message));
            if let Some(host::RelayAnswer::Now(verdict)) = answer {
                gate.push(&mut vec![Item::Answer(query, Answer::Message(verdict))]);
                return;
            }
            let (gate, limit) = (Arc::clone(gate), relay.options.answer_timeout);
            relay.runtime.spawn(async move {
                let verdict = host::wait(answer, limit).await;
                let verdict = verdict.unwrap_or(Verdict::Reject(StatusCode::FORBIDDEN));
                gate.push(&mut vec![Item::Answer(query, Answer::Message(verdict))]);
            });
        }
    }
}

/// A message as the host is shown it.
fn shown(question: &Question) -> RelayMessage {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    RelayMessage {
        link: question.query.link.0,
        number: question.query.number,
        message_id: question.message_id.as_str().to_owned(),
        content_type: question.content_type.clone(),
        total: question.total,
        to_path: text(&question.leg.to_path),
        from_path: text(&question.leg.origin),
    }
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let task = self.get_mut();
        match catch_unwind(AssertUnwindSafe(|| task.run(cx))) {
            Ok(done) => done,
            Err(_) => {
                task.log(LogLevel::Error, "connection task panicked");
                task.seat = Seat::Gone;
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Task {
    /// What others have brought, or bring from now on, goes back to them; what this link received ends there.
    fn drop(&mut self) {
        self.pump.transport.abort();
        let now = Instant::now();
        let brought = self.gate.close();
        for _ in brought.iter().filter(|item| matches!(item, Item::Drain)) {
            self.relay.less_busy();
        }
        match self.wake(now) {
            // It knows to what it belongs that it has begun to send.
            Some(link) => {
                for item in brought {
                    if let Item::Forward(forward) = item {
                        link.handle_forward(now, forward);
                    }
                }
                link.handle_failure(now, CloseReason::Local);
                self.exchange(now);
            }
            None => {
                self.relay.send_back(brought, None);
                self.leave();
            }
        }
        self.account_nothing();
        let counts = self.seat.take_counts();
        if self.busy == Some(true) {
            self.relay.less_busy();
        }
        self.relay
            .gone(&self.gate, &self.peer, self.key.as_ref(), counts);
    }
}

impl Task {
    /// Without its link: nothing more comes in any lane.
    fn leave(&mut self) {
        let link = self.gate.id();
        for (number, gate) in self.lanes.drain() {
            let leave = Forward::Leave(LaneId { link, number });
            gate.push(&mut vec![Item::Forward(leave)]);
        }
    }

    /// Nothing is held any more.
    fn account_nothing(&mut self) {
        let memory = &self.relay.context.memory;
        memory.release_sent(std::mem::take(&mut self.held));
        let paths = std::mem::take(&mut self.paths);
        self.relay.paths.fetch_sub(paths, Relaxed);
        self.relay.context.relieve_senders();
    }
}
