//! What all tasks of connections do alike, whatever their octets mean: turns until nothing moves, reading and writing
//! with bounded work, and the end of a connection in order.
//!
//! `driver` has sessions on its connections, `relay` has other connections' requests on them.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::Sleep;

use super::context::Context;
use super::tls::failure::is_tls;
use super::transport::Transport;
use crate::proto::{CloseReason, Connection};

/// Turns of a task in one poll before other tasks get their chance, and how long they may take: 128 KiB of requests as
/// small as can be are some milliseconds.
const TURNS: usize = 8;
const POLL: Duration = Duration::from_micros(500);
/// Writes in one turn.
const WRITES: usize = 4;
/// Slices in one write.
const SLICES: usize = 64;
/// How long what is encoded may take to be written when the connection is to be closed.
const FINISH: Duration = Duration::from_secs(1);
/// Rooms of buffers and tables that are not used are given back that long after something happened.
pub(crate) const TIDY: Duration = Duration::from_secs(3);
/// How long the peer's side is read after ours has ended.
const LINGER: Duration = Duration::from_millis(500);

/// The protocol of one connection, without its socket.
pub(crate) trait Machine {
    /// Encodes what may go out next; true when there is something to write.
    fn poll_transmit(&mut self, now: Instant) -> bool;
    /// The octets to be written next; gives how many slices were filled.
    fn transmit_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize;
    /// The operating system has so many octets of them.
    fn handle_written(&mut self, now: Instant, len: usize);
    /// The connection is gone.
    fn handle_failure(&mut self, now: Instant, reason: CloseReason);
}

impl Machine for Connection {
    fn poll_transmit(&mut self, now: Instant) -> bool {
        self.poll_transmit(now)
    }

    fn transmit_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.transmit_slices(slices)
    }

    fn handle_written(&mut self, now: Instant, len: usize) {
        self.handle_written(now, len);
    }

    fn handle_failure(&mut self, now: Instant, reason: CloseReason) {
        self.handle_failure(now, reason);
    }
}

/// How far a connection is.
pub(crate) enum Stage {
    Running,
    /// Writes what is encoded, at most until then.
    Finishing(Instant),
    /// Ends our side.
    ShuttingDown(Instant),
    /// Reads the peer's to its end.
    Lingering(Instant),
    Over,
}

impl Stage {
    /// Nothing new from now on.
    pub(crate) fn finishing(now: Instant) -> Self {
        Self::Finishing(now + FINISH)
    }

    /// When the stage ends at the latest.
    pub(crate) fn until(&self) -> Option<Instant> {
        match self {
            Self::Running | Self::Over => None,
            Self::Finishing(until) | Self::ShuttingDown(until) | Self::Lingering(until) => {
                Some(*until)
            }
        }
    }
}

/// Made when there is a time to wait for: many connections only wait for their sockets.
pub(crate) type Timer = Option<Pin<Box<Sleep>>>;

/// The task of a connection, turn by turn.
pub(crate) trait Turns {
    /// One round through everything. True when something moved.
    fn turn(&mut self, cx: &mut TaskContext<'_>) -> bool;
    /// How far the connection is.
    fn stage(&self) -> &Stage;
    /// Tells others what is left to tell them.
    fn tell(&mut self);
    /// When a turn is due although nothing moves.
    fn next_time(&self) -> Option<Instant>;
    /// Gives back what is of no use until something moves.
    fn rest(&mut self, now: Instant);
    /// What wakes the task then.
    fn timer(&mut self) -> &mut Timer;

    /// Takes turns until nothing moves, or others are to have their chance. One that moved nothing ends the poll with
    /// every waker in place.
    fn run(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let start = Instant::now();
        for _ in 0..TURNS {
            let moved = self.turn(cx);
            if matches!(self.stage(), Stage::Over) {
                self.tell();
                return Poll::Ready(());
            }
            if moved && start.elapsed() < POLL {
                continue;
            }
            if moved {
                break;
            }
            self.rest(start);
            let Some(next) = self.next_time() else {
                *self.timer() = None;
                return Poll::Pending;
            };
            let next = tokio::time::Instant::from_std(next);
            let new = || Box::pin(tokio::time::sleep_until(next));
            let timer = self.timer().get_or_insert_with(new);
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A connection's socket, and what is known of its octets.
pub(crate) struct Pump {
    pub(crate) transport: Transport,
    was_allowed: bool,
    /// Something came, and it was no TLS where none is spoken.
    has_heard: bool,
}

/// What reading gave.
pub(crate) enum Read {
    /// There is nothing, or it may not be read now.
    Nothing,
    /// The next octets.
    Octets(Bytes),
    /// The peer's side has ended.
    End,
    /// TLS, where none is spoken: no MSRP begins so.
    Tls,
    /// The socket failed.
    Failed(io::Error),
}

impl Pump {
    /// Nothing was read yet.
    pub(crate) fn new(transport: Transport) -> Self {
        Self {
            transport,
            was_allowed: true,
            has_heard: false,
        }
    }

    /// Reads once, if the machine allows it.
    pub(crate) fn read(
        &mut self,
        allowed: bool,
        context: &Context,
        cx: &mut TaskContext<'_>,
    ) -> Read {
        if self.was_allowed && !allowed {
            context.memory.reading_paused.fetch_add(1, Relaxed);
        }
        self.was_allowed = allowed;
        if !allowed {
            return Read::Nothing;
        }
        match self.transport.poll_read(cx, &context.blocks) {
            Poll::Pending => Read::Nothing,
            Poll::Ready(Ok(data)) if data.is_empty() => Read::End,
            Poll::Ready(Ok(_))
                if !self.has_heard
                    && !self.transport.is_secure()
                    && is_tls(&self.transport.heard()) =>
            {
                Read::Tls
            }
            Poll::Ready(Ok(data)) => {
                self.has_heard = true;
                let received = &context.memory.bytes_received;
                received.fetch_add(data.len() as u64, Relaxed);
                Read::Octets(data)
            }
            Poll::Ready(Err(error)) => Read::Failed(error),
        }
    }

    /// Whether reading has become allowed since it was tried last: nothing would wake the task for what is there.
    pub(crate) fn is_to_read_again(&self, allowed: bool) -> bool {
        allowed && !self.was_allowed
    }

    /// Writes what the machine has, a few times at most. True when something moved.
    pub(crate) fn write(
        &mut self,
        machine: &mut impl Machine,
        context: &Context,
        cx: &mut TaskContext<'_>,
        now: Instant,
    ) -> io::Result<bool> {
        let mut moved = false;
        for _ in 0..WRITES {
            if self.transport.is_flush_pending() {
                match self.transport.poll_flush(cx) {
                    Poll::Pending => return Ok(moved),
                    Poll::Ready(flushed) => {
                        let flushed = flushed?;
                        let sent = &context.memory.bytes_sent;
                        sent.fetch_add(flushed as u64, Relaxed);
                        machine.handle_written(now, flushed);
                        moved = true;
                    }
                }
            }
            if !machine.poll_transmit(now) {
                return Ok(moved);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = machine.transmit_slices(&mut slices);
            match self.transport.poll_write(cx, &slices[..filled]) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(written) => {
                    written?;
                    moved = true;
                }
            }
        }
        Ok(moved)
    }

    /// Goes on to the next stage of the end where it is time. True when it did.
    pub(crate) fn advance(
        &mut self,
        stage: &mut Stage,
        machine: Option<&mut impl Machine>,
        cx: &mut TaskContext<'_>,
        now: Instant,
    ) -> bool {
        let next = match *stage {
            Stage::Running | Stage::Over => return false,
            Stage::Finishing(until) => {
                let mut machine = machine;
                let waits = |machine: &mut &mut _| Machine::poll_transmit(*machine, now);
                let is_written =
                    !self.transport.is_flush_pending() && !machine.as_mut().is_some_and(waits);
                if !is_written && now < until {
                    return false;
                }
                if let Some(machine) = machine {
                    machine.handle_failure(now, CloseReason::Local);
                }
                Stage::ShuttingDown(now + LINGER)
            }
            Stage::ShuttingDown(until) => match self.transport.poll_shutdown(cx) {
                Poll::Pending if now < until => return false,
                Poll::Ready(Ok(())) => Stage::Lingering(now + LINGER),
                Poll::Ready(Err(_)) | Poll::Pending => Stage::Over,
            },
            Stage::Lingering(until) => {
                if self.transport.poll_discard(cx).is_pending() && now < until {
                    return false;
                }
                Stage::Over
            }
        };
        *stage = next;
        true
    }
}

/// A reason for logs: its texts come from the peer.
pub(crate) fn kind_of(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Local => "local",
        CloseReason::PeerClosed => "peer closed",
        CloseReason::ConnectionLost(_) => "connection lost",
        CloseReason::WriteStall => "write stall",
        CloseReason::Protocol { .. } => "protocol",
        CloseReason::Status { .. } => "status",
        CloseReason::BindTimeout => "bind timeout",
        CloseReason::StreamEnded => "stream ended",
    }
}
