//! The connection task: owns one [`Connection`] and its socket, and moves octets, commands and events
//! between them in a fixed order with bounded work per poll.
//!
//! One turn: what the inbox has -> `handle_command`; time -> `handle_timeout`; socket readable and reading
//! allowed -> one read -> `handle_input`; events -> mailboxes; `poll_transmit` (up to 64 slices) -> write ->
//! `handle_written`; events again. A turn that moved nothing ends the poll with every waker in place.
//!
//! What octets mean is decided in `proto`; a connection that `proto` wants closed is written out as far as it
//! goes, shut down, and read to its end for a moment, so that the peer sees the last response and not a reset.

mod sessions;
mod uplink;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use self::sessions::Candidate;
use self::uplink::Askers;
pub(crate) use self::uplink::Keep;
use super::context::{Connected, Context};
use super::inbox::{Control, Inbox};
use super::log::LogLevel;
use super::mailbox::{Decided, Mailbox};
use super::pump::{Pump, Read, Stage, TIDY, Timer, Turns, kind_of};
use super::registry::{Entry, Origin, Way};
use super::sockopt::{address_lost, why_lost};
use super::tls::failure;
use super::trace::{Ends, Watch};
use super::transport::Transport;
use crate::error::{Error, ErrorKind};
use crate::proto::{
    CloseReason, Command, Connection, Directory, Event, IdSource, Lookup, SessionKey,
};
use crate::wire::Uri;

/// One connection's task.
pub(crate) struct Driver {
    connected: Connected,
    from: Arc<Origin>,
    /// Gone after a panic, and before the sessions are told the end: it holds content.
    connection: Option<Connection>,
    pump: Pump,
    sessions: HashMap<SessionKey, Arc<Entry>>,
    stage: Stage,
    /// Until when a session must have come.
    unbound_until: Option<Instant>,
    /// When what is not used is given back; none if nothing happened since the last time.
    tidy_at: Option<Instant>,
    keep: Keep,
    /// Since when nobody uses it.
    unused_since: Option<Instant>,
    /// Few connections have any.
    askers: Option<Box<Askers>>,
    last_traffic: Instant,
    was_used: bool,
    is_short: bool,
    /// Why TLS has failed.
    tls_error: Option<Box<Error>>,
    timer: Timer,
    /// Sessions whose consumers are told at the end of the poll. Not in `scratch`: it must outlast a panic.
    unrung: Vec<Arc<Mailbox>>,
    /// Kept between turns for their room.
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    dirty: Vec<Arc<Mailbox>>,
    controls: Vec<Control>,
    commands: VecDeque<Command>,
    events: VecDeque<(SessionKey, Event)>,
}

impl Driver {
    /// Starts the task of a new connection. An accepted one must get a session in time.
    ///
    /// It is a task of its own: what came before, TLS handshakes foremost, leaves nothing behind in it.
    pub(crate) fn spawn(
        connected: Connected,
        from: Origin,
        transport: Transport,
        keep: impl Into<Keep>,
    ) {
        tokio::spawn(Self::new(connected, from, transport, keep.into()));
    }

    fn new(connected: Connected, from: Origin, transport: Transport, keep: Keep) -> Self {
        let now = Instant::now();
        let context = &connected.context;
        let ids = IdSource::new(context.ids(IdSource::seed));
        let mut connection = Connection::new(Arc::clone(&context.limits), ids, now);
        connection.set_counters(Arc::clone(&context.counters));
        let is_dialled = matches!(from.way, Way::Dialled(_));
        let is_outbound = from.way.is_outbound();
        if let Ok((local, peer)) = transport.addresses() {
            let ends = Ends {
                number: connected.inbox.id(),
                local,
                peer,
                dialled: is_outbound,
                secure: transport.is_secure(),
            };
            connection.set_tap(Box::new(Watch::new(Arc::clone(context), ends)));
        }
        let unbound_until = (!is_dialled).then(|| now + context.limits.unbound);
        Self {
            connection: Some(connection),
            connected,
            from: Arc::new(from),
            pump: Pump::new(transport),
            sessions: HashMap::new(),
            stage: Stage::Running,
            unbound_until,
            tidy_at: None,
            keep,
            unused_since: None,
            askers: None,
            last_traffic: now,
            // Who dials has a session for it.
            was_used: is_dialled,
            is_short: false,
            tls_error: None,
            timer: None,
            unrung: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    fn context(&self) -> &Arc<Context> {
        &self.connected.context
    }

    fn log(&self, level: LogLevel, text: &str) {
        let log = &self.context().log;
        log.connection(level, self.connected.inbox.id(), format_args!("{text}"));
    }

    /// Closes the connection if it was without traffic for too long.
    fn close_if_silent(&mut self, now: Instant) {
        if let Some(idle) = self.keep.idle
            && matches!(self.stage, Stage::Running)
            && self.last_traffic + idle <= now
            && let Some(connection) = &mut self.connection
        {
            let text = format!("no traffic for {idle:?}, the limit of an idle connection");
            connection.handle_failure(now, CloseReason::ConnectionLost(text));
        }
    }

    /// Ends the connection if the address that it is from is no more this machine's: what is sent from it reaches
    /// nobody, and the system may need a quarter of an hour to say so.
    fn leave_lost_address(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Running)
            && let Some(text) = address_lost(self.pump.transport.local_address())
        {
            self.log(LogLevel::Warn, &text);
            if let Some(connection) = &mut self.connection {
                connection.handle_failure(now, CloseReason::ConnectionLost(text));
            }
            self.deliver();
            self.stage = Stage::Over;
        }
    }

    /// Gives back the room that bursts have left in buffers and tables: most connections are idle most of the time.
    fn tidy(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.shrink();
        }
        self.sessions.shrink_to_fit();
        for entry in self.sessions.values() {
            entry.mailbox().shrink();
        }
        self.scratch = Scratch::default();
        self.unrung.shrink_to_fit();
        self.connected.inbox.shrink();
    }

    /// True when there was something in it.
    fn take_inbox(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> bool {
        let mut dirty = std::mem::take(&mut self.scratch.dirty);
        let mut controls = std::mem::take(&mut self.scratch.controls);
        self.connected
            .inbox
            .take(cx.waker(), &mut dirty, &mut controls);
        let was_told = !(dirty.is_empty() && controls.is_empty());
        for control in controls.drain(..) {
            match control {
                Control::Attach(entry, config) => self.attach(now, entry, *config),
                Control::Abandon(key) => self.abandon_session(now, key),
                Control::SetFlow(key, flow) => self.set_flow(now, key, flow),
                Control::Finish => self.finish(now),
                Control::Ask(request, answer) => self.ask(now, &request, answer),
                Control::Watch(watcher) => self.watch(watcher),
                Control::Release => self.keep.unused = Duration::ZERO,
                Control::Evict => {
                    if self.unbound_until.is_some() {
                        self.finish(now);
                    }
                }
                Control::Detour(detour) => {
                    if let Err(error) = detour.take(&mut self.pump.transport) {
                        self.lose(now, &error);
                    }
                }
            }
        }
        for mailbox in dirty.drain(..) {
            self.run_commands(now, &mailbox);
        }
        self.scratch.dirty = dirty;
        self.scratch.controls = controls;
        was_told
    }

    fn run_commands(&mut self, now: Instant, mailbox: &Arc<Mailbox>) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        // One that left before its turn came: another connection may have it.
        if !self.sessions.contains_key(&mailbox.key()) {
            return;
        }
        let commands = &mut self.scratch.commands;
        let consumed = mailbox.take_commands(&self.connected.inbox, commands);
        if consumed > 0 {
            connection.handle_command(now, mailbox.key(), Command::Consumed(consumed));
        }
        for command in commands.drain(..) {
            connection.handle_command(now, mailbox.key(), command);
        }
    }

    fn read(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> bool {
        let Some(connection) = &mut self.connection else {
            return false;
        };
        let context = &self.connected.context;
        match self.pump.read(connection.reading_allowed(), context, cx) {
            Read::Nothing => return false,
            Read::End => {
                if self.pump.transport.is_cut() && connection.is_within_message() {
                    let text = "the peer's TLS ended inside of a message and without close_notify: it may have been \
                                cut off on its way";
                    self.tls_failed(now, text.to_owned());
                } else {
                    connection.handle_eof(now);
                }
                self.finish(now);
            }
            Read::Tls => {
                let text = "the peer speaks TLS, and this connection is without: for msrps it needs a URI or listener of \
                            its own";
                self.log(LogLevel::Info, text);
                self.tls_failed(now, text.to_owned());
                self.stage = Stage::Over;
            }
            Read::Octets(data) => {
                let mut lookups = Lookups {
                    context,
                    inbox: &self.connected.inbox,
                    from: &self.from,
                    bound: Vec::new(),
                };
                connection.handle_input(now, data, &mut lookups);
                for entry in lookups.bound {
                    self.adopt(now, entry);
                }
            }
            Read::Failed(error) => self.lose(now, &error),
        }
        true
    }

    /// Moves events into the mailboxes, those of one session at a time.
    fn deliver(&mut self) {
        self.tell_askers();
        let Some(connection) = &mut self.connection else {
            return;
        };
        let mut events = std::mem::take(&mut self.scratch.events);
        while let Some(event) = connection.poll_event() {
            events.push_back(event);
        }
        while let Some(&(key, _)) = events.front() {
            let mut run = std::iter::from_fn(|| {
                events
                    .pop_front_if(|(other, _)| *other == key)
                    .map(|(_, event)| event)
            });
            let Some(entry) = self.sessions.get(&key).map(Arc::clone) else {
                run.for_each(drop);
                continue;
            };
            let mut first = None;
            if entry.is_candidate(&self.connected.inbox) {
                match self.deliver_candidate(key, &entry, &mut run) {
                    Candidate::Promoted => {}
                    Candidate::Bound => first = Some(Event::Bound),
                    Candidate::Nothing => continue,
                }
            }
            let run = first.into_iter().chain(run);
            let (decided, is_unrung) = entry.mailbox().deliver(&self.connected.inbox, run);
            if is_unrung {
                self.unrung.push(Arc::clone(entry.mailbox()));
            }
            match decided {
                Decided::No => {}
                Decided::Bound => entry.set_bound(),
                Decided::Moved => entry.stay(),
                Decided::Left => drop(self.sessions.remove(&key)),
                Decided::Closed(reason, unacknowledged) => {
                    if let Some(entry) = self.sessions.remove(&key) {
                        let is_loss = matches!(reason, CloseReason::ConnectionLost(_));
                        let error = self.tls_error.as_deref().filter(|_| is_loss).cloned();
                        self.end(&entry, reason, error, &unacknowledged);
                    }
                }
            }
        }
        self.scratch.events = events;
        self.connected.context.relieve_senders();
    }

    fn write(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> bool {
        if !matches!(self.stage, Stage::Running | Stage::Finishing(_)) {
            return false;
        }
        let Some(connection) = &mut self.connection else {
            return false;
        };
        let context = &self.connected.context;
        match self.pump.write(connection, context, cx, now) {
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
        if let Some(text) = failure::afterwards(error) {
            self.log(LogLevel::Info, &text);
            self.tls_failed(now, text);
        } else if let Some(connection) = &mut self.connection {
            connection.handle_failure(now, CloseReason::ConnectionLost(why_lost(error, local)));
        }
        self.stage = Stage::Over;
    }

    /// The sessions end with an error of TLS.
    fn tls_failed(&mut self, now: Instant, text: String) {
        if let Some(connection) = &mut self.connection {
            connection.handle_failure(now, CloseReason::ConnectionLost(text.clone()));
        }
        self.tls_error = Some(Box::new(Error::transport(ErrorKind::Tls, text)));
    }

    /// Nothing new from now on: who dials for a session that could have come here dials anew.
    fn finish(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Running) {
            self.stage = Stage::finishing(now);
            self.leave_askers();
            for control in self.connected.inbox.close() {
                if let Control::Attach(entry, config) = control {
                    self.attach(now, entry, *config);
                }
            }
        }
    }

    /// Goes on to the next stage where it is time. True when it did.
    fn advance(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> bool {
        match self.stage {
            Stage::Running => {
                let is_unused = self.is_unused(now);
                let Some(connection) = &self.connection else {
                    return false;
                };
                let is_late = self.unbound_until.is_some_and(|until| until <= now)
                    && !connection.holds_early();
                if let Some(reason) = connection.close_reason() {
                    let reason = kind_of(reason);
                    self.log(LogLevel::Debug, &format!("closing: {reason}"));
                } else if is_late {
                    self.log(LogLevel::Debug, "no session came");
                } else if !is_unused {
                    return false;
                }
                self.finish(now);
                true
            }
            _ => {
                let connection = self.connection.as_mut();
                self.pump.advance(&mut self.stage, connection, cx, now)
            }
        }
    }
}

impl Turns for Driver {
    fn turn(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let now = Instant::now();
        let mut moved = self.take_inbox(cx, now);
        let Some(connection) = &mut self.connection else {
            self.stage = Stage::Over;
            return false;
        };
        let is_short = self.connected.context.memory.is_short();
        if is_short != self.is_short {
            self.is_short = is_short;
            if self.connected.context.memory.take_exceeded() {
                let limit = self.connected.context.limits.engine_memory;
                let text = format_args!(
                    "more than engine_memory, {limit} octets, is held: new chunks get 413"
                );
                self.connected.context.log.write(LogLevel::Warn, text);
            }
            connection.set_memory_pressure(is_short);
        }
        let was_told = std::mem::take(&mut moved);
        if matches!(self.stage, Stage::Running) {
            moved |= self.read(cx, now);
        }
        let late = self.connection.as_ref().and_then(Connection::poll_timeout);
        if late.is_some_and(|at| at <= now) {
            // Only if it could not be read or written now either: the whole process may have stood still.
            moved |= self.write(cx, now);
            if let Some(connection) = &mut self.connection {
                connection.handle_timeout(now);
            }
        }
        self.deliver();
        moved |= self.write(cx, now);
        if moved {
            self.last_traffic = now;
        } else {
            self.close_if_silent(now);
        }
        self.deliver();
        moved |= self.advance(cx, now);
        let allowed = self
            .connection
            .as_ref()
            .is_some_and(Connection::reading_allowed);
        moved |= matches!(self.stage, Stage::Running) && self.pump.is_to_read_again(allowed);
        if self.tidy_at.is_some_and(|at| at <= now) {
            self.tidy();
            self.tidy_at = None;
            self.leave_lost_address(now);
        } else if moved || was_told {
            self.tidy_at.get_or_insert(now + TIDY);
        }
        moved
    }

    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn tell(&mut self) {
        self.deliver();
    }

    fn next_time(&self) -> Option<Instant> {
        let own = match self.stage {
            Stage::Running => self.unbound_until.filter(|_| {
                !self
                    .connection
                    .as_ref()
                    .is_some_and(Connection::holds_early)
            }),
            _ => self.stage.until(),
        };
        let inner = self.connection.as_ref().and_then(Connection::poll_timeout);
        let unused = self
            .unused_since
            .filter(|_| matches!(self.stage, Stage::Running))
            .map(|since| since + self.keep.unused);
        let silent = self
            .keep
            .idle
            .filter(|_| matches!(self.stage, Stage::Running))
            .map(|idle| self.last_traffic + idle);
        own.into_iter()
            .chain(inner)
            .chain(self.tidy_at)
            .chain(unused)
            .chain(silent)
            .min()
    }

    /// What a burst has left is given back some seconds later.
    fn rest(&mut self, _: Instant) {}

    fn timer(&mut self) -> &mut Timer {
        &mut self.timer
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let driver = self.get_mut();
        let done = catch_unwind(AssertUnwindSafe(|| driver.run(cx)));
        for mailbox in driver.unrung.drain(..) {
            mailbox.ring();
        }
        match done {
            Ok(done) => done,
            Err(_) => {
                driver.log(LogLevel::Error, "connection task panicked");
                driver.abandon("internal error in the connection task", ErrorKind::Internal);
                Poll::Ready(())
            }
        }
    }
}

impl Driver {
    /// Ends every session that this connection still has, without `proto`.
    fn abandon(&mut self, text: &str, kind: ErrorKind) {
        self.leave_askers();
        self.connection = None;
        self.scratch = Scratch::default();
        let mut entries: Vec<Arc<Entry>> = self.sessions.drain().map(|(_, entry)| entry).collect();
        for control in self.connected.inbox.close() {
            if let Control::Attach(entry, _) = control {
                entries.push(entry);
            }
        }
        for entry in entries {
            let error = Error::transport(kind, text);
            let reason = CloseReason::ConnectionLost(text.to_owned());
            self.end(&entry, reason, Some(error), &[]);
        }
        self.context().relieve_senders();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.pump.transport.abort();
        self.abandon("connection was closed", ErrorKind::Connect);
    }
}

/// The registry, asked by one connection.
struct Lookups<'a> {
    context: &'a Context,
    inbox: &'a Arc<Inbox>,
    from: &'a Arc<Origin>,
    /// Sessions that were bound by it.
    bound: Vec<Arc<Entry>>,
}

impl Directory for Lookups<'_> {
    fn lookup(&mut self, uri: &Uri) -> Lookup {
        let (answer, entry) = self.context.registry.lookup(uri, self.inbox, self.from);
        match (&answer, entry) {
            (Lookup::Ready(..), entry) => self.bound.extend(entry),
            (Lookup::Unknown, Some(entry)) => {
                if let Err(why) = entry.judge(self.from) {
                    let text = format_args!("{why}");
                    let log = &self.context.log;
                    log.connection(LogLevel::Info, self.inbox.id(), text);
                    entry.set_refused(&why);
                }
            }
            _ => {}
        }
        answer
    }
}
