//! One connection: which sessions are on it, what time it is for them, how it ends.
//!
//! The rest of [`Connection`] stands in the files named by what they do: `inbound` takes requests and responses
//! apart, `early` holds those that come too early, `receive` makes messages of SENDs, `sending` takes ours, `outbound`
//! decides what goes out next, `chunk` encodes it, `written` does what follows, `report` judges and makes REPORTs,
//! `credit` pauses reading and sheds.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use slab::Slab;

use super::asking::{AskKey, Asked};
use super::counters::Counters;
use super::early::Early;
use super::inbound::Current;
use super::index::{Index, RandomKey};
use super::outbound::Schedule;
use super::pausing::Pausing;
use super::receive::Gather;
use super::session::Session;
use super::tap::{Observers, Tap};
use super::timers::{Timer, Timers};
use super::transaction::{Purpose, SessionRef, Transactions};
use super::transfer::Phase;
use super::work::steps;
use super::write_queue::WriteQueue;
use super::written::Mark;
use super::{
    CloseReason, Command, Directory, Event, IdSource, MessageEnd, Pacing, SessionConfig,
    SessionKey, SessionMatch,
};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::mutant::{self, Mutant};
use crate::wire::{Continuation, Parser, ParserLimits, StatusCode, Uri};

/// One MSRP connection and the sessions on it.
///
/// After each call drain [`poll_event`](Self::poll_event), write what [`poll_transmit`](Self::poll_transmit) and
/// [`transmit_slices`](Self::transmit_slices) give, and sleep until [`poll_timeout`](Self::poll_timeout).
pub struct Connection {
    pub(super) limits: Arc<Limits>,
    pub(super) ids: IdSource,
    pub(super) parser: Parser,
    pub(super) sessions: Slab<Session>,
    next_serial: u64,
    pub(super) by_key: HashMap<SessionKey, usize, RandomKey>,
    pub(super) by_uri: Index,
    /// Those for which the session-id decides.
    pub(super) by_session_id: Index,
    /// To-Paths as they came, of requests that found their session: the last of each.
    pub(super) by_text: Index,
    /// Requests for sessions whose remote side is not known.
    pub(super) early: Early,
    /// The request or response whose body is being read.
    pub(super) current: Current,
    pub(super) gather: Option<Gather>,
    pub(super) events: VecDeque<(SessionKey, Event)>,
    /// What became of what the connection's owner asked.
    pub(super) asked: VecDeque<(AskKey, Asked)>,
    pub(super) output: WriteQueue<Mark>,
    pub(super) schedule: Schedule,
    pub(super) transactions: Transactions,
    pub(super) timers: Timers,
    pub(super) pausing: Pausing,
    pub(super) observers: Observers,
    /// When the call under way was made.
    pub(super) clock: Instant,
    /// When output that waits must have moved.
    write_deadline: Option<Instant>,
    closed: Option<CloseReason>,
}

impl fmt::Debug for Connection {
    /// In figures: what it holds is the users' (RFC 4975 §14.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("sessions", &self.sessions.len())
            .field("early", &self.early.len())
            .field("unwritten", &self.output.len())
            .field("reading_allowed", &self.reading_allowed())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// A new connection without sessions.
    pub fn new(limits: Arc<Limits>, ids: IdSource, now: Instant) -> Self {
        let parser = Parser::new(ParserLimits {
            start_line: limits.start_line,
            header_line: limits.header_line,
            header_section: limits.header_section,
            headers: limits.headers,
            path_uris: limits.path_uris,
            non_send_body: limits.non_send_body as u64,
        });
        Self {
            transactions: Transactions::new(limits.transaction, limits.max_transactions, now),
            limits,
            ids,
            parser,
            sessions: Slab::new(),
            next_serial: 0,
            by_key: HashMap::default(),
            by_uri: Index::default(),
            by_session_id: Index::default(),
            by_text: Index::default(),
            early: Early::default(),
            current: Current::Nothing,
            gather: None,
            events: VecDeque::new(),
            asked: VecDeque::new(),
            output: WriteQueue::new(),
            schedule: Schedule::default(),
            timers: Timers::default(),
            pausing: Pausing::default(),
            observers: Observers::default(),
            clock: now,
            write_deadline: None,
            closed: None,
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

    /// Puts a session on this connection: the active side after its dial, or a passive one whose requests were held
    /// until its remote side became known; these are then served. An active session sends its binding SEND.
    ///
    /// Fails with `InvalidArgument` when a session of that key or URI is attached, `Gone` when the connection is
    /// closed.
    pub fn attach(
        &mut self,
        now: Instant,
        key: SessionKey,
        config: SessionConfig,
    ) -> Result<(), Error> {
        if self.closed.is_some() {
            return Err(Error::local(ErrorKind::Gone, "the connection is closed"));
        }
        let session_id = config.local_uri.session_id().unwrap_or_default();
        if self.by_key.contains_key(&key)
            || self.by_uri(&config.local_uri).is_some()
            || self.by_session_id(session_id).is_some()
        {
            return Err(Error::invalid_argument(
                "a session of this key or URI is on the connection already",
            ));
        }
        self.insert(now, key, config);
        self.serve_early(now, key);
        self.update_pausing(now);
        Ok(())
    }

    /// Puts a session into the tables.
    pub(super) fn insert(&mut self, now: Instant, key: SessionKey, config: SessionConfig) -> usize {
        let entry = self.sessions.vacant_entry();
        let reference = SessionRef {
            index: entry.key(),
            serial: self.next_serial,
        };
        self.next_serial += 1;
        self.by_key.insert(key, reference.index);
        if config.pacing == Pacing::One {
            self.output.separate_frames();
        }
        if let Some(interval) = config.keep_alive {
            self.timers.set(now + interval, Timer::KeepAlive(reference));
        }
        let active = config.active;
        let is_found_by_id = config.session_match == SessionMatch::SessionId;
        entry.insert(Session::new(reference, key, config, &self.limits, now));
        self.by_uri.insert(reference.index, uri_at(&self.sessions));
        if is_found_by_id {
            let session_id_at = session_id_at(&self.sessions);
            self.by_session_id.insert(reference.index, session_id_at);
        }
        if active && !mutant::on(Mutant::NoFirstSend) {
            self.queue_bodiless(reference.index, Purpose::Bind, None, Continuation::Complete);
        }
        reference.index
    }

    /// A command for an attached session; for one that has ended it is ignored.
    pub fn handle_command(&mut self, now: Instant, key: SessionKey, command: Command) {
        let Some(&index) = self.by_key.get(&key) else {
            return;
        };
        self.clock = now;
        match command {
            Command::Send(transfer, message) => self.send(now, index, transfer, *message),
            Command::StreamData(transfer, data) => self.stream_data(index, transfer, data),
            Command::StreamFlush(transfer) => self.stream_flush(index, transfer),
            Command::StreamEnd(transfer) => self.stream_end(index, transfer),
            Command::Abort(transfer) => self.abort(index, transfer),
            Command::Consumed(len) => self.consumed(index, len),
            Command::Taken(message) => self.message_taken(index, message),
            Command::Reject(message, status, comment) => {
                self.reject(now, index, message, status, &comment)
            }
            Command::Report(message, status, comment) => {
                self.report(index, message, status, &comment)
            }
            Command::Answer(message, answer) => self.answer(now, index, message, &answer),
            Command::ReportRange(message, start, end, status, comment) => {
                self.report_range(index, message, (start, end), status, &comment)
            }
            Command::SetFlow(flow) => self.set_flow(index, flow),
            Command::Move(path) => self.set_moving(index, path),
            Command::Readdress(path, first) => self.readdress(index, path, first),
            Command::Retire => self.retire(now, index),
            Command::Close(deadline) => {
                let session = &mut self.sessions[index];
                session.closing = true;
                session.last = true;
                self.timers.set(deadline, Timer::Close(session.reference));
            }
            Command::CloseNow => self.close_session(index),
            Command::EndStream => self.end_session(index, &CloseReason::StreamEnded),
        }
        self.finish_closing(index, key);
        self.update_pausing(now);
    }

    /// Octets from the peer. An error in them closes the connection: see [`close_reason`](Self::close_reason).
    pub fn handle_input(&mut self, now: Instant, data: Bytes, directory: &mut dyn Directory) {
        if self.closed.is_some() {
            return;
        }
        self.clock = now;
        self.parser.push(data);
        loop {
            match self.parser.next() {
                Ok(Some(frame)) => {
                    self.observers.received(&frame);
                    self.handle_frame(now, frame, directory);
                }
                Ok(None) => break,
                Err(error) => {
                    self.flush_gathered();
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
        self.flush_gathered();
        self.update_pausing(now);
    }

    /// Whether a request or response is there in part, or a message lacks chunks: an end now leaves something out.
    pub fn is_within_message(&self) -> bool {
        self.parser.finish().is_err()
            || self
                .sessions
                .iter()
                .any(|(_, session)| !session.incoming.open.is_empty())
    }

    /// The peer ended its side. Every session on the connection has failed (RFC 4975 §5.4).
    pub fn handle_eof(&mut self, _now: Instant) {
        let reason = match self.parser.finish() {
            Ok(()) => CloseReason::PeerClosed,
            Err(error) => CloseReason::ConnectionLost(format!(
                "the peer closed the connection inside a message: {error}"
            )),
        };
        self.fail(reason);
    }

    /// The connection is gone: every session gets `Closed` with this reason.
    pub fn handle_failure(&mut self, _now: Instant, reason: CloseReason) {
        self.fail(reason);
    }

    /// Whether the socket may be read now; else reading is paused.
    pub fn reading_allowed(&self) -> bool {
        self.closed.is_none() && (!self.pausing.is_paused() || mutant::on(Mutant::ReadingNotPaused))
    }

    /// Encodes what may go out next, up to the write-ahead. True when there is something to write.
    pub fn poll_transmit(&mut self, now: Instant) -> bool {
        self.clock = now;
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
        self.clock = now;
        self.output.advance(len, &mut self.observers);
        self.write_deadline = (self.output.len() > 0).then(|| now + self.limits.write_stall);
        self.handle_marks(now);
        self.update_pausing(now);
    }

    /// Gives back room that is not used. Worth it when the connection has been busy and may be idle for long now; it
    /// takes time in proportion to the sessions.
    pub fn shrink(&mut self) {
        for (_, session) in &mut self.sessions {
            session.shrink();
        }
        self.sessions.shrink_to_fit();
        self.by_key.shrink_to_fit();
        self.by_uri.shrink(uri_at(&self.sessions));
        self.by_session_id.shrink(session_id_at(&self.sessions));
        self.by_text.shrink(spelling_at(&self.sessions));
        self.parser.shrink();
        self.events.shrink_to_fit();
        self.asked.shrink_to_fit();
        self.output.shrink();
        self.schedule.shrink();
        self.transactions.shrink();
        self.timers.shrink();
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed.is_some() {
            return None;
        }
        [
            self.write_deadline,
            self.transactions.next_deadline(),
            self.timers.next(),
            self.pausing.deadline(),
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
        self.clock = now;
        while let Some(transaction) = self.transactions.expire(now) {
            self.transaction_expired(&transaction);
        }
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Early(key) => self.early_expired(now, key),
                Timer::KeepAlive(session) => self.keep_alive(now, session),
                Timer::Incomplete(session) => self.drop_incomplete(now, session),
                Timer::Reports(session) => self.reports_overdue(now, session),
                Timer::Pace(session) => self.pace_over(now, session),
                Timer::Retire(session) => self.retired(session),
                Timer::Close(session) => {
                    if let Some(index) = self.index_of(session) {
                        self.close_session(index);
                    }
                }
            }
        }
        self.pausing_expired(now);
        self.update_pausing(now);
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<(SessionKey, Event)> {
        self.events.pop_front()
    }

    /// Engine-wide memory is short: new chunks get 413 until it is not.
    pub fn set_memory_pressure(&mut self, short: bool) {
        self.pausing.memory_short = short;
    }

    /// Sessions attached now; held ones are not.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Whether requests are held for a session whose remote side is not known.
    pub fn holds_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// Why the connection has to be closed now, after what is encoded was written if it can be.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    /// Closes the connection: every session ends.
    pub(super) fn fail(&mut self, reason: CloseReason) {
        if self.closed.is_some() {
            return;
        }
        self.flush_gathered();
        self.current = Current::Discard;
        self.end_chunk(Continuation::Abort);
        self.schedule = Schedule::default();
        let indexes: Vec<usize> = self.sessions.iter().map(|(index, _)| index).collect();
        for index in indexes {
            self.end_session(index, &reason);
        }
        self.early = Early::default();
        self.closed = Some(reason);
    }

    /// Ends a session: what is under way fails, and its last event is told.
    pub(super) fn end_session(&mut self, index: usize, reason: &CloseReason) {
        self.flush_gathered();
        if self.schedule.is_open_for(index) {
            self.end_chunk(Continuation::Abort);
        }
        self.leave(index, reason);
        if let Some(head) = self.current.forget(index) {
            self.respond(Some(index), &head, StatusCode::NO_SUCH_SESSION, None);
        }
        self.refuse_unanswered(index);
        self.release_slack(index);
        let session = self.sessions.remove(index);
        let key = session.key;
        for incoming in session
            .incoming
            .open
            .values()
            .filter(|incoming| incoming.begun)
        {
            let end = MessageEnd::SessionClosed;
            let end = mutant::swap(Mutant::CutMessageComplete, end, || MessageEnd::Complete(0));
            self.events.push_back((
                key,
                Event::MessageEnd {
                    message: incoming.key,
                    end,
                },
            ));
        }
        steps(session.outgoing.transfers.len());
        let unacknowledged = session
            .outgoing
            .transfers
            .iter()
            .filter(|(_, transfer)| matches!(transfer.phase, Phase::Sending | Phase::Encoded))
            .map(|(_, transfer)| transfer.key)
            .collect();
        self.schedule.forget(index);
        self.by_key.remove(&key);
        let uri = &session.config.local_uri;
        self.by_uri.remove(uri, index);
        if let Some(id) = uri.session_id() {
            self.by_session_id.remove(id, index);
        }
        if let Some(spelling) = &session.spelling {
            self.by_text.remove(&spelling[..], index);
        }
        self.events.push_back((
            key,
            Event::Closed {
                reason: reason.clone(),
                unacknowledged,
            },
        ));
    }

    /// Ends a session by our own will.
    fn close_session(&mut self, index: usize) {
        self.give_up(index);
        self.end_session(index, &CloseReason::Local);
    }

    /// Ends a session that was told to close and has nothing left to do.
    pub(super) fn finish_closing(&mut self, index: usize, key: SessionKey) {
        if let Some(session) = self.sessions.get(index)
            && session.key == key
            && session.closing
            && session.settled()
            && (!session.retiring || session.incoming.open.is_empty())
        {
            self.close_session(index);
        }
    }

    /// The session has become known to both sides.
    pub(super) fn bind(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        if !session.bound {
            session.bound = true;
            self.events.push_back((session.key, Event::Bound));
            self.wake(index);
        }
    }

    /// The session with this URI of its own.
    pub(super) fn by_uri(&self, uri: &Uri) -> Option<usize> {
        self.by_uri.get(uri, uri_at(&self.sessions))
    }

    /// The session with this session-id, if that decides.
    pub(super) fn by_session_id(&self, id: &str) -> Option<usize> {
        self.by_session_id.get(id, session_id_at(&self.sessions))
    }

    /// The session whose URI the peer wrote so the last time.
    pub(super) fn by_text(&self, text: &[u8]) -> Option<usize> {
        self.by_text.get(text, spelling_at(&self.sessions))
    }

    pub(super) fn index_of(&self, reference: SessionRef) -> Option<usize> {
        self.sessions
            .get(reference.index)
            .filter(|session| session.reference == reference)?;
        Some(reference.index)
    }

    fn keep_alive(&mut self, now: Instant, reference: SessionRef) {
        let Some(index) = self.index_of(reference) else {
            return;
        };
        let session = &mut self.sessions[index];
        let Some(interval) = session.config.keep_alive else {
            return;
        };
        if session.last_sent + interval <= now {
            // A session that may not send yet looks again an interval later.
            session.last_sent = now;
            if session.may_send() && session.has_room() {
                self.queue_bodiless(
                    index,
                    Purpose::Notice { required: true },
                    None,
                    Continuation::Complete,
                );
            }
        }
        let next = (self.sessions[index].last_sent + interval).max(now + Duration::from_millis(1));
        self.timers.set(next, Timer::KeepAlive(reference));
    }

    fn drop_incomplete(&mut self, now: Instant, reference: SessionRef) {
        let Some(index) = self.index_of(reference) else {
            return;
        };
        let idle = self.limits.incomplete_idle;
        let elapsed = self.transactions.elapsed(now);
        let open = &self.sessions[index].incoming.open;
        steps(open.len());
        let stale: Vec<_> = open
            .iter()
            .filter(|(_, incoming)| incoming.last_chunk + idle <= elapsed)
            .map(|(id, _)| *id)
            .collect();
        for id in stale {
            self.end_incoming(index, id, MessageEnd::Idle, StatusCode::STOP_SENDING);
        }
        let receiving = &mut self.sessions[index].incoming;
        let next = receiving.open.values().map(|incoming| incoming.last_chunk);
        let Some(next) = next.min() else {
            receiving.has_idle_timer = false;
            return;
        };
        // While reading is paused no message grows older.
        let rest = match self.pausing.is_paused() {
            true => idle,
            false => next + idle - elapsed,
        };
        self.timers.set(now + rest, Timer::Incomplete(reference));
    }
}

/// Keys of the tables, by a session's place.
fn uri_at<'a>(sessions: &'a Slab<Session>) -> impl Fn(usize) -> &'a Uri {
    move |index| &sessions[index].config.local_uri
}

fn session_id_at<'a>(sessions: &'a Slab<Session>) -> impl Fn(usize) -> &'a str {
    move |index| {
        let uri = &sessions[index].config.local_uri;
        uri.session_id().unwrap_or_default()
    }
}

/// See [`uri_at`].
pub(super) fn spelling_at<'a>(sessions: &'a Slab<Session>) -> impl Fn(usize) -> &'a [u8] {
    move |index| sessions[index].spelling.as_deref().unwrap_or_default()
}
