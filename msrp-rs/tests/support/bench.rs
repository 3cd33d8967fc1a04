//! One connection under test, and a peer that is a text.

use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{CloseReason, OutgoingMessage, SessionConfig, SessionKey, TransferKey};

use super::{Entry, Side, config, contents, drain, frames, write};

/// One side, and a peer that is a text.
pub struct Bench {
    pub now: Instant,
    pub side: Side,
    pub split: usize,
}

pub const TO: &str = "msrp://b.example:2855/session000000000001;tcp";
pub const FROM: &str = "msrp://a.example:2855/session000000000001;tcp";

impl Bench {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(adjust: impl FnOnce(&mut SessionConfig)) -> Self {
        let mut bench = Self::bare();
        bench.know(1, adjust);
        bench
    }

    pub fn bare() -> Self {
        Self::limited(&Limits::default())
    }

    /// No sessions, with these limits.
    pub fn limited(limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            now,
            side: Side::new(limits, 9, now),
            split: usize::MAX,
        }
    }

    /// Puts session `n` into the table.
    pub fn know(&mut self, n: u64, adjust: impl FnOnce(&mut SessionConfig)) {
        let mut ours = config("b.example", "a.example", n, false);
        adjust(&mut ours);
        let entry = Entry::Ready(SessionKey(n), Box::new(ours.clone()));
        self.side.table.entries.insert(ours.local_uri, entry);
    }

    /// Gives octets; what is answered.
    pub fn feed(&mut self, octets: impl AsRef<[u8]>) -> String {
        let before = self.side.sent.len();
        for part in octets.as_ref().chunks(self.split) {
            self.side.connection.handle_input(
                self.now,
                Bytes::copy_from_slice(part),
                &mut self.side.table,
            );
            drain(&mut self.side, self.now);
        }
        while write(&mut self.side, self.now) {}
        String::from_utf8(self.side.sent[before..].to_vec()).expect("text")
    }

    /// The status codes of the answers to `octets`.
    pub fn codes(&mut self, octets: impl AsRef<[u8]>) -> Vec<u16> {
        let answer = self.feed(octets);
        frames(answer.as_bytes())
            .iter()
            .filter_map(|(head, ..)| head.status())
            .map(|status| status.0)
            .collect()
    }

    /// Sends a message of the first session; the transaction ids of its chunks so far.
    pub fn say(&mut self, message: OutgoingMessage) -> (TransferKey, Vec<String>) {
        let transfer = super::send(&mut self.side, self.now, SessionKey(1), message);
        let sent = self.feed("");
        let ids = frames(sent.as_bytes())
            .iter()
            .filter(|(head, ..)| head.content_type().is_some())
            .map(|(head, ..)| head.transaction_id().to_string())
            .collect();
        (transfer, ids)
    }

    /// Lets time pass from timeout to timeout, for `duration`. How many timeouts there were, and what was sent.
    pub fn pass(&mut self, duration: Duration) -> (usize, String) {
        let (until, before, mut count) = (self.now + duration, self.side.sent.len(), 0);
        while let Some(next) = self.side.connection.poll_timeout()
            && next <= until
        {
            count += 1;
            assert!(count < 100_000, "timeouts without end");
            self.now = self.now.max(next);
            self.side.connection.handle_timeout(self.now);
            drain(&mut self.side, self.now);
            self.feed("");
        }
        self.now = until;
        let sent = self.side.sent[before..].to_vec();
        (count, String::from_utf8(sent).expect("text"))
    }

    pub fn closed(&self) -> Option<&CloseReason> {
        self.side.connection.close_reason()
    }

    pub fn contents(&mut self) -> Vec<(Vec<u8>, bool)> {
        contents(&self.side.take())
    }
}

/// A SEND with these headers after the paths.
pub fn send(id: &str, headers: &str, body: Option<&str>, flag: char) -> String {
    let body = body
        .map(|body| format!("Content-Type: text/plain\r\n\r\n{body}\r\n"))
        .unwrap_or_default();
    format!(
        "MSRP {id} SEND\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\n{headers}{body}-------{id}{flag}\r\n"
    )
}

pub fn response(id: &str, status: &str) -> String {
    format!("MSRP {id} {status}\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\n-------{id}$\r\n")
}

pub fn report(id: &str, to: &str, headers: &str) -> String {
    format!("MSRP {id} REPORT\r\nTo-Path: {to}\r\nFrom-Path: {FROM}\r\n{headers}-------{id}$\r\n")
}
