//! Connections of clients that do not get a request right are closed (RFC 4976 §6.1, §6.3).

use std::time::Instant;

use bytes::Bytes;

use super::{Attempt, LinkOptions};

/// What a client's connection has to show for itself.
#[derive(Debug)]
pub(super) struct Probation {
    /// Until when a request has to succeed; `None` when one has.
    deadline: Option<Instant>,
    failures: u32,
    auth_failures: u32,
    /// AUTHs that relays behind us refused, by their URIs.
    forwarded: Vec<(Bytes, u32)>,
}

/// Relays behind us whose refusals are counted apart. AUTHs to further ones count together.
const DESTINATIONS: usize = 16;

/// Why the connection is closed.
pub(super) type TooMany = &'static str;

impl Probation {
    pub(super) fn new(options: &LinkOptions, now: Instant) -> Self {
        Self {
            deadline: Some(now + options.probation),
            failures: 0,
            auth_failures: 0,
            forwarded: Vec::new(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// A request was good.
    pub(super) fn succeeded(&mut self) {
        self.deadline = None;
    }

    /// A request was bad.
    pub(super) fn failed(&mut self, options: &LinkOptions) -> Result<(), TooMany> {
        if self.deadline.is_none() {
            return Ok(());
        }
        self.failures += 1;
        match self.failures >= options.failures {
            true => Err("too many bad requests and no good one"),
            false => Ok(()),
        }
    }

    /// An AUTH was answered: by us, or by the relay of this URI.
    pub(super) fn attempt(
        &mut self,
        attempt: Attempt,
        destination: Option<&Bytes>,
        options: &LinkOptions,
    ) -> Result<(), TooMany> {
        let failures = match destination {
            None => &mut self.auth_failures,
            Some(uri) => {
                let known = self.forwarded.iter().position(|(other, _)| other == uri);
                let nth = known.unwrap_or_else(|| {
                    if self.forwarded.len() < DESTINATIONS {
                        self.forwarded.push((uri.clone(), 0));
                    }
                    self.forwarded.len() - 1
                });
                &mut self.forwarded[nth].1
            }
        };
        match attempt {
            Attempt::Granted => {
                *failures = 0;
                self.deadline = None;
                Ok(())
            }
            Attempt::Undecided => Ok(()),
            Attempt::Failed => {
                *failures += 1;
                match *failures >= options.auth_failures {
                    true => Err("too many failed authentications"),
                    false => self.failed(options),
                }
            }
        }
    }
}
