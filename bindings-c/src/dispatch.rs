//! The one place where the host's functions are called: events become callbacks, deferred work is done, credit
//! goes back.
//!
//! One thread at a time dispatches for an engine (its [`Turn`]). No lock of this crate or of the core is held
//! while a function of the host runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use msrp_core::engine::{Event, MessageHandle, SessionHandle, SessionState};
use msrp_core::error::{Error, ErrorKind, Result};
use msrp_core::proto::{Answer, CloseReason, MessageEnd, MessageHead, RequestHead};
use msrp_core::wire::StatusCode;
use parking_lot::Mutex;

use crate::callbacks::CloseView;
use crate::deferred::Work;
use crate::engine::libmsrp_engine;
use crate::log::libmsrp_log_level as Level;
use crate::login::RelayView;
use crate::message::{Consumed, MessageView, libmsrp_body_verdict, libmsrp_message_end};
use crate::request::{RequestView, ResponseView, libmsrp_request_verdict};
use crate::session::{SessionEntry, libmsrp_state};
use crate::transfer::{TransferView, libmsrp_report};

/// Who may dispatch now.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The thread that has the turn, or 0.
    owner: AtomicUsize,
    /// The octets that the running body callback was given.
    body: Mutex<Option<Bytes>>,
}

/// The turn; ends when dropped.
#[derive(Debug)]
pub(crate) struct TurnGuard<'a>(&'a Turn);

impl Turn {
    /// Takes the turn: `Deadlock` when this thread has it, `Busy` when another one has.
    pub(crate) fn take(&self, name: &str) -> Result<TurnGuard<'_>> {
        match self
            .owner
            .compare_exchange(0, this_thread(), Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => Ok(TurnGuard(self)),
            Err(owner) if owner == this_thread() => Err(Error::local(
                ErrorKind::Deadlock,
                format!("{name} inside a callback would wait for that callback"),
            )),
            Err(_) => Err(Error::local(
                ErrorKind::Busy,
                format!("{name} while another thread runs the engine's callbacks"),
            )),
        }
    }

    /// Whether this thread has the turn: it is inside a callback.
    pub(crate) fn is_mine(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == this_thread()
    }

    /// The octets of the body callback that this thread is in.
    pub(crate) fn body(&self) -> Option<Bytes> {
        if self.is_mine() {
            self.body.lock().clone()
        } else {
            None
        }
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.body.lock().take();
        self.0.owner.store(0, Ordering::Release);
    }
}

/// A number that no other living thread has, and that is not 0.
fn this_thread() -> usize {
    thread_local!(static MARK: u8 = const { 0 });
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

/// Runs what is due, about `max_events` callbacks.
pub(crate) fn process(engine: &libmsrp_engine, max_events: usize) -> Result<()> {
    let _turn = engine.turn.take("engine_process")?;
    let mut dispatcher = Dispatcher::new(engine);
    let mut events = Vec::new();
    let mut left = max_events;
    loop {
        // The wake is cleared in `next_batch`, so deferred work is looked at after it: what comes later has a
        // wake of its own.
        let more = engine
            .domain
            .next_batch(left.min(BATCH_EVENTS), BATCH_BYTES, &mut events);
        left = left.saturating_sub(events.len());
        for (session, event) in events.drain(..) {
            dispatcher.event(session, event);
        }
        dispatcher.give_back();
        dispatcher.deferred();
        engine.log.write_queued(&engine.core);
        if !more || left == 0 {
            return Ok(());
        }
    }
}

/// The end of an engine, after the core has joined its threads: every session is told, everything of the host
/// is given back. The engine stays usable for the host's functions until the last of them returned.
pub(crate) fn finish(engine: &libmsrp_engine) {
    let mut dispatcher = Dispatcher::new(engine);
    let mut events = Vec::new();
    loop {
        let more = engine
            .domain
            .next_batch(BATCH_EVENTS, BATCH_BYTES, &mut events);
        if events.is_empty() && !more {
            break;
        }
        for (session, event) in events.drain(..) {
            if matches!(event, Event::Closed { .. }) {
                dispatcher.event(session, event);
            }
        }
    }
    for (_, entry) in engine.sessions.extract(|_| true) {
        dispatcher.closed(&entry, &CloseReason::Local, None, &[]);
    }
    for relay in engine.relays.handles() {
        engine.relay_closed(relay);
    }
    for (_, stream) in engine.streams.extract(|_| true) {
        stream.release.run();
    }
    // The core gave up its sessions; a thread of it that is starved may still be about to drop what they lent.
    let left = engine.deferred.wait_for_loans(LOANS);
    if left > 0 {
        engine.log.write(Level::Error, || {
            format!("{left} lent buffers did not come back: they are not freed")
        });
    }
    dispatcher.deferred();
    engine.tell_closed();
    engine.log.write_queued(&engine.core);
    if let Some(log) = engine.log.close() {
        log.run();
    }
    // What the host's last functions gave up. They cannot give anything new any more.
    while dispatcher.deferred() {}
    engine.tell_released();
}

/// One turn's work.
struct Dispatcher<'a> {
    engine: &'a libmsrp_engine,
    /// The session of the event before: mostly the next one's too.
    last: Option<Arc<SessionEntry>>,
    /// What goes back to the core, gathered for one session at a time.
    back: GiveBack,
}

#[derive(Default)]
struct GiveBack {
    session: u64,
    credit: usize,
    taken: Vec<MessageHandle>,
}

impl<'a> Dispatcher<'a> {
    fn new(engine: &'a libmsrp_engine) -> Self {
        Self {
            engine,
            last: None,
            back: GiveBack::default(),
        }
    }

    fn event(&mut self, session: SessionHandle, event: Event) {
        if matches!(event, Event::EngineClosed) {
            self.give_back();
            self.deferred();
            self.engine.tell_closed();
            return;
        }
        match event {
            Event::Relay {
                tag,
                query,
                ref question,
            } => {
                self.give_back();
                return self.engine.ask_relay(tag, query, question);
            }
            Event::RelayClosed { tag } => {
                self.give_back();
                return self.engine.relay_closed(tag);
            }
            _ => {}
        }
        let Some(entry) = self.entry(session) else {
            return;
        };
        match event {
            Event::State(state) => self.state(&entry, state),
            Event::Message {
                message,
                head,
                body,
                credit,
            } => self.whole_message(&entry, message, &head, &body, credit),
            Event::MessageBegin {
                message,
                head,
                credit,
            } => {
                self.engine.messages.begin(&entry, message, &head);
                self.credit(&entry, credit);
                self.message_begin(&entry, message, &head);
            }
            Event::MessageBody {
                message,
                offset,
                data,
            } => self.message_body(&entry, message, offset, &data),
            Event::MessageEnd { message, end } => self.message_end(&entry, message, &end),
            Event::Request {
                message,
                head,
                body,
                credit,
            } => {
                self.request(&entry, message, &head, &body);
                self.credit(&entry, credit);
            }
            Event::Response { transfer, answer } => {
                if let Some(function) = entry.callbacks.on_response {
                    let view = ResponseView::new(&answer);
                    // SAFETY: the host's function, with pointers that live until it returns.
                    unsafe {
                        function(
                            self.engine.as_ptr(),
                            entry.handle,
                            transfer.0,
                            &view.response(),
                            entry.user(),
                        )
                    }
                }
            }
            Event::Writable => {
                if let Some(function) = entry.callbacks.on_writable {
                    // SAFETY: the host's function, with pointers that live until it returns.
                    unsafe { function(self.engine.as_ptr(), entry.handle, entry.user()) }
                }
            }
            Event::Prepared { lookup } => {
                if let Some(function) = entry.callbacks.on_prepared {
                    // SAFETY: the host's function, with pointers that live until it returns.
                    unsafe { function(self.engine.as_ptr(), entry.handle, lookup, entry.user()) }
                }
            }
            Event::RelayPath {
                login,
                path,
                lifetime,
                offer_due,
            } => {
                let view = RelayView::granted(login, &path, lifetime, offer_due);
                self.relay(&entry, &view);
            }
            Event::RelayFailed { login, error } => {
                self.relay(&entry, &RelayView::failed(login, &error));
            }
            Event::DataWanted { transfer, len } => self.engine.stream_wants(transfer.0, len),
            Event::Report {
                transfer,
                status,
                comment,
                range,
            } => {
                if let Some(function) = entry.callbacks.on_report {
                    let report = libmsrp_report::new(status, &comment, range);
                    // SAFETY: the host's function, with pointers that live until it returns.
                    unsafe {
                        function(
                            self.engine.as_ptr(),
                            entry.handle,
                            transfer.0,
                            &report,
                            entry.user(),
                        )
                    }
                }
            }
            Event::Resolve { query, name } => {
                self.engine.asked.resolve(self.engine, &entry, query, &name);
            }
            Event::Service { query, name } => {
                self.engine.asked.service(self.engine, &entry, query, &name);
            }
            Event::Dial { query, address } => {
                self.engine.asked.dial(self.engine, &entry, query, address);
            }
            Event::ReportsLost { count } => self.engine.log.write(Level::Warn, || {
                format!("{entry}: {count} REPORTs were dropped before they were taken")
            }),
            Event::Shed => self.engine.log.write(Level::Warn, || {
                format!("{entry}: its consumer is too slow for a shared connection, messages are refused")
            }),
            Event::Recovered => self
                .engine
                .log
                .write(Level::Info, || format!("{entry}: its consumer caught up")),
            Event::Closed {
                reason,
                error,
                unacknowledged,
                ..
            } => {
                self.engine.sessions.remove(entry.handle);
                let transfers: Vec<u64> = unacknowledged.iter().map(|t| t.0).collect();
                self.closed(&entry, &reason, error.as_ref(), &transfers);
            }
            other => {
                if let Some(view) = TransferView::new(self.engine, &other) {
                    self.transfer(&entry, &view);
                }
            }
        }
    }

    fn entry(&mut self, session: SessionHandle) -> Option<Arc<SessionEntry>> {
        if let Some(last) = &self.last
            && last.handle == session.0
        {
            return Some(last.clone());
        }
        self.last = self.engine.sessions.with(session.0, |entry| entry.clone());
        self.last.clone()
    }

    fn state(&self, entry: &SessionEntry, state: SessionState) {
        self.engine
            .log
            .write(Level::Info, || format!("{entry}: {state:?}"));
        if let Some(function) = entry.callbacks.on_state {
            let state = libmsrp_state::from(state);
            // SAFETY: the host's function, with pointers that live until it returns.
            unsafe { function(self.engine.as_ptr(), entry.handle, state, entry.user()) }
        }
    }

    fn whole_message(
        &mut self,
        entry: &Arc<SessionEntry>,
        message: MessageHandle,
        head: &Arc<MessageHead>,
        body: &Bytes,
        credit: usize,
    ) {
        self.engine.messages.begin(entry, message, head);
        // The octets of the body go back as they are consumed, the rest now.
        self.credit(entry, credit.saturating_sub(body.len()));
        let end = MessageEnd::Complete(body.len() as u64);
        let Some(function) = entry.callbacks.on_message else {
            self.message_begin(entry, message, head);
            if !body.is_empty() {
                self.message_body(entry, message, 0, body);
            }
            self.message_end(entry, message, &end);
            return;
        };
        self.log_message(entry, &end);
        let view = MessageView::new(head);
        let engine = self.engine;
        self.with_body(entry, message, body, || {
            // SAFETY: the host's function, with pointers that live until it returns.
            let verdict = unsafe {
                function(
                    engine.as_ptr(),
                    entry.handle,
                    message.0,
                    &view.info(),
                    body.as_ptr(),
                    body.len(),
                    entry.user(),
                )
            };
            libmsrp_body_verdict::of(verdict, &engine.log)
        });
        self.finished(entry, message, true);
    }

    fn message_begin(&self, entry: &SessionEntry, message: MessageHandle, head: &MessageHead) {
        if let Some(function) = entry.callbacks.on_message_begin {
            let view = MessageView::new(head);
            // SAFETY: the host's function, with pointers that live until it returns.
            unsafe {
                function(
                    self.engine.as_ptr(),
                    entry.handle,
                    message.0,
                    &view.info(),
                    entry.user(),
                )
            }
        }
    }

    fn message_body(
        &mut self,
        entry: &Arc<SessionEntry>,
        message: MessageHandle,
        offset: u64,
        data: &Bytes,
    ) {
        let engine = self.engine;
        self.with_body(entry, message, data, || {
            let Some(function) = entry.callbacks.on_body else {
                return libmsrp_body_verdict::LibmsrpBodyConsumed;
            };
            // SAFETY: the host's function, with pointers that live until it returns.
            let verdict = unsafe {
                function(
                    engine.as_ptr(),
                    entry.handle,
                    message.0,
                    offset,
                    data.as_ptr(),
                    data.len(),
                    entry.user(),
                )
            };
            libmsrp_body_verdict::of(verdict, &engine.log)
        });
    }

    fn message_end(&mut self, entry: &Arc<SessionEntry>, message: MessageHandle, end: &MessageEnd) {
        self.log_message(entry, end);
        if let Some(function) = entry.callbacks.on_message_end {
            let info = libmsrp_message_end::new(end);
            // SAFETY: the host's function, with pointers that live until it returns.
            unsafe {
                function(
                    self.engine.as_ptr(),
                    entry.handle,
                    message.0,
                    &info,
                    entry.user(),
                )
            }
        }
        self.finished(entry, message, matches!(end, MessageEnd::Complete(_)));
    }

    fn request(
        &self,
        entry: &SessionEntry,
        request: MessageHandle,
        head: &RequestHead,
        body: &Bytes,
    ) {
        self.engine.log.write(Level::Debug, || {
            format!("{entry}: {} request received", head.method.as_str())
        });
        let verdict = match entry.callbacks.on_request {
            None => libmsrp_request_verdict::LibmsrpRequestDone,
            Some(function) => {
                let view = RequestView::new(head);
                *self.engine.turn.body.lock() = Some(body.clone());
                // SAFETY: the host's function, with pointers that live until it returns.
                let verdict = unsafe {
                    function(
                        self.engine.as_ptr(),
                        entry.handle,
                        request.0,
                        &view.info(),
                        body.as_ptr(),
                        body.len(),
                        entry.user(),
                    )
                };
                self.engine.turn.body.lock().take();
                libmsrp_request_verdict::of(verdict, &self.engine.log)
            }
        };
        if verdict == libmsrp_request_verdict::LibmsrpRequestDone {
            let unknown = Answer::new(StatusCode::NOT_IMPLEMENTED);
            // `Gone`: it was answered, or nobody waits for it.
            let _ = self.engine.core.answer(request, unknown);
        }
    }

    /// Shows octets to the host: they are outstanding from before the callback, so that another thread may
    /// consume them while it still runs.
    fn with_body(
        &mut self,
        entry: &Arc<SessionEntry>,
        message: MessageHandle,
        data: &Bytes,
        callback: impl FnOnce() -> libmsrp_body_verdict,
    ) {
        self.engine.messages.given(message, data.len());
        *self.engine.turn.body.lock() = Some(data.clone());
        let verdict = callback();
        self.engine.turn.body.lock().take();
        if verdict == libmsrp_body_verdict::LibmsrpBodyConsumed {
            let credit = self.engine.messages.consumed_at_once(message, data.len());
            self.credit(entry, credit);
        }
    }

    /// The last callback of a message returned.
    fn finished(&mut self, entry: &Arc<SessionEntry>, message: MessageHandle, complete: bool) {
        if self.engine.messages.finish(message, complete) == Consumed::Whole {
            self.back_for(entry);
            self.back.taken.push(message);
        }
    }

    fn relay(&self, entry: &Arc<SessionEntry>, view: &RelayView) {
        if let Some(function) = entry.callbacks.on_relay {
            // SAFETY: the host's function, with pointers that live until it returns.
            unsafe {
                function(
                    self.engine.as_ptr(),
                    entry.handle,
                    &view.info(),
                    entry.user(),
                )
            }
        }
    }

    fn transfer(&self, entry: &Arc<SessionEntry>, view: &TransferView<'_>) {
        if view.failed() {
            self.engine.log.write(Level::Warn, || {
                format!("{entry}: a message failed: {}", view.text())
            });
        }
        if let Some(function) = entry.callbacks.on_transfer {
            // SAFETY: the host's function, with pointers that live until it returns.
            unsafe {
                function(
                    self.engine.as_ptr(),
                    entry.handle,
                    view.transfer,
                    &view.info(),
                    entry.user(),
                )
            }
        }
        if view.failed()
            && let Some(stream) = self.engine.streams.remove(view.transfer)
        {
            stream.release.run();
        }
    }

    /// The last callback of a session, and what is released with it. The entry is out of the table.
    fn closed(
        &mut self,
        entry: &Arc<SessionEntry>,
        reason: &CloseReason,
        error: Option<&Error>,
        unacknowledged: &[u64],
    ) {
        self.give_back();
        self.last = None;
        let view = CloseView::new(reason, error, unacknowledged);
        self.engine
            .log
            .write(view.level(), || format!("{entry}: closed: {}", view.text()));
        if let Some(function) = entry.callbacks.on_closed {
            // SAFETY: the host's function, with pointers that live until it returns.
            unsafe {
                function(
                    self.engine.as_ptr(),
                    entry.handle,
                    &view.info(),
                    entry.user(),
                )
            }
        }
        self.engine.messages.session_ended(entry);
        let streams = self
            .engine
            .streams
            .extract(|stream| stream.session == entry.handle);
        for (_, stream) in streams {
            stream.release.run();
        }
        // Pointers that were replaced before are released before the last one.
        self.deferred();
        if let Some(release) = entry.end() {
            release.run();
        }
    }

    fn log_message(&self, entry: &SessionEntry, end: &MessageEnd) {
        self.engine.log.write(Level::Debug, || {
            format!("{entry}: message received: {end:?}")
        });
    }

    fn credit(&mut self, entry: &SessionEntry, credit: usize) {
        self.back_for(entry);
        self.back.credit += credit;
    }

    fn back_for(&mut self, entry: &SessionEntry) {
        if self.back.session != entry.handle {
            self.give_back();
            self.back.session = entry.handle;
        }
    }

    /// Tells the core what was consumed. Sessions that have ended do not need it.
    fn give_back(&mut self) {
        let session = SessionHandle(self.back.session);
        if self.back.credit > 0 {
            let _ = self.engine.core.consume(session, self.back.credit);
        }
        if !self.back.taken.is_empty() {
            let _ = self.engine.core.taken(session, &self.back.taken);
        }
        self.back = GiveBack::default();
    }

    /// Does what waited for this place, except what is put there meanwhile: that has a wake of its own.
    /// False if there was nothing.
    fn deferred(&mut self) -> bool {
        let work = self.engine.deferred.take();
        let any = !work.is_empty();
        for work in work {
            match work {
                Work::Release(release) => release.run(),
                Work::Free(loan) => loan.end(),
                Work::Resume(transfer) => self.engine.stream_resumed(transfer),
                Work::Read(transfer) => self.engine.stream_read(transfer),
            }
        }
        any
    }
}

/// Events taken from the core at once; `pause` in a callback is felt after so many.
const BATCH_EVENTS: usize = 32;
/// How long the end of an engine waits for lent buffers. Its tasks are over by then; only a machine that gives their
/// threads no time at all makes it wait.
const LOANS: Duration = Duration::from_secs(10);
/// Octets taken from the core at once.
const BATCH_BYTES: usize = 64 * 1024;
