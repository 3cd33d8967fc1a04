//! The relay's office, as one link's octets are asked about: a lock for each question, never longer.

use std::sync::Arc;
use std::time::Instant;

use super::Relay;
use crate::role::relay::{
    Attempt, AuthReply, AuthStep, Decision, Office, Party, QueryId, Switchboard,
};
use crate::wire::{Head, StatusCode};

/// Asks the office.
pub(super) struct Desk<'a> {
    relay: &'a Arc<Relay>,
    has_approved: bool,
    has_granted: bool,
}

impl<'a> Desk<'a> {
    /// For the octets of one read.
    pub(super) fn new(relay: &'a Arc<Relay>) -> Self {
        Self {
            relay,
            has_approved: false,
            has_granted: false,
        }
    }

    /// Whether a request was good.
    pub(super) fn has_approved(&self) -> bool {
        self.has_approved
    }

    /// Whether it has got a URI.
    pub(super) fn has_granted(&self) -> bool {
        self.has_granted
    }
}

impl Switchboard for Desk<'_> {
    fn route(&mut self, now: Instant, from: &Party, head: &Head) -> Decision {
        let decision = self.relay.office.lock().route(now, from, head);
        self.has_approved |= matches!(decision, Decision::Forward(..));
        decision
    }

    fn auth(&mut self, now: Instant, from: &Party, query: QueryId, head: &Head) -> AuthStep {
        if self.relay.is_draining() {
            return AuthStep::Answer(AuthReply {
                status: StatusCode::FORBIDDEN,
                headers: Vec::new(),
                attempt: Attempt::Undecided,
                close: false,
            });
        }
        let step = self
            .relay
            .consult(|office| office.auth(now, from, query, head));
        if let AuthStep::Answer(reply) = &step {
            let is_granted = reply.attempt == Attempt::Granted;
            self.has_granted |= is_granted;
            self.has_approved |= is_granted;
        }
        step
    }
}

impl Relay {
    /// Asks the office something, and brings its questions and answers to where they belong.
    pub(super) fn consult<R>(self: &Arc<Self>, ask: impl FnOnce(&mut Office) -> R) -> R {
        let mut events = Vec::new();
        let answer = {
            let mut office = self.office.lock();
            let answer = ask(&mut office);
            while let Some(event) = office.poll_event() {
                events.push(event);
            }
            answer
        };
        for event in events {
            self.tell(event);
        }
        self.bell.notify_one();
        answer
    }
}
