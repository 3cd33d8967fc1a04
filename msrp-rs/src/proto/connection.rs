//! One connection.
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{CloseReason, Command, Directory, Event, IdSource, SessionConfig, SessionKey};
use crate::error::Error;
use crate::limits::Limits;

/// One MSRP connection and the sessions on it.
#[derive(Debug)]
pub struct Connection {}

impl Connection {
    /// A new connection without sessions.
    pub fn new(limits: Arc<Limits>, ids: IdSource, now: Instant) -> Self {
        unimplemented!()
    }
    /// Puts a session on this connection (the active side after its dial, or a held passive one whose remote
    /// side became known). An active session queues its binding SEND.
    pub fn attach(
        &mut self,
        now: Instant,
        key: SessionKey,
        config: SessionConfig,
    ) -> Result<(), Error> {
        unimplemented!()
    }
    /// A command for an attached session; for one that has ended it is ignored.
    pub fn handle_command(&mut self, now: Instant, key: SessionKey, command: Command) {
        unimplemented!()
    }
    /// Octets from the peer. After an error in them the connection is closed: see `close_reason`.
    pub fn handle_input(&mut self, now: Instant, data: Bytes, directory: &mut dyn Directory) {
        unimplemented!()
    }
    /// The peer ended its side.
    pub fn handle_eof(&mut self, now: Instant) {
        unimplemented!()
    }
    /// The connection is gone: every session gets `Closed` with this reason.
    pub fn handle_failure(&mut self, now: Instant, reason: CloseReason) {
        unimplemented!()
    }
    /// Whether the socket may be read now; else reading is paused.
    pub fn reading_allowed(&self) -> bool {
        unimplemented!()
    }
    /// Encodes what may go out next, up to the write-ahead. True when there is something to write.
    pub fn poll_transmit(&mut self, now: Instant) -> bool {
        unimplemented!()
    }
    /// The octets to be written next; gives how many slices were filled.
    pub fn transmit_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        unimplemented!()
    }
    /// Octets were handed to the operating system (for TLS: flushed). Timers start here.
    pub fn handle_written(&mut self, now: Instant, len: usize) {
        unimplemented!()
    }
    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        unimplemented!()
    }
    /// The time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        unimplemented!()
    }
    /// The next event.
    pub fn poll_event(&mut self) -> Option<(SessionKey, Event)> {
        unimplemented!()
    }
    /// Engine-wide memory is short: new chunks get 413 until it is not.
    pub fn set_memory_pressure(&mut self, short: bool) {
        unimplemented!()
    }
    /// Sessions attached now (held ones are not).
    pub fn sessions(&self) -> usize {
        unimplemented!()
    }
    /// Why the connection has to be closed now, after what is encoded was written if it can be.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        unimplemented!()
    }
}
