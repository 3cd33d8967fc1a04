//! What can be set for a link, and what it counts.

use std::time::Duration;

use crate::wire::Continuation;

/// Bounds and choices of one link, besides `Limits`. Of those it uses the ones of the parser, `receive_window` as the
/// window of a lane, `connection_slack`, `stall`, `control_lane`, `write_ahead`, `write_stall` and `transaction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOptions {
    /// How long a client that connected may be without a successful request (RFC 4976 §6.1). Beyond: it is closed.
    pub probation: Duration,
    /// Requests of a client that may fail before the first one succeeds. Beyond: the connection is closed.
    pub failures: u32,
    /// AUTHs of a client that may fail, here or at one relay behind us (RFC 4976 §6.3). Beyond: the connection is
    /// closed.
    pub auth_failures: u32,
    /// SENDs without a response that may be under way to the next hop. Beyond: others wait.
    pub max_transactions: usize,
    /// The same for SENDs with `Failure-Report: partial`, whose silence is good. Beyond: the oldest are forgotten.
    pub max_silent: usize,
    /// Requests of other methods that may await their response, of those received and of those sent on. Beyond: 408.
    pub max_pending: usize,
    /// Sessions and directions that are remembered. Beyond: those used longest ago are looked up again;
    /// while something is under way in all of them, requests of others get 413.
    pub max_lanes: usize,
    /// Octets of their paths. Beyond: the same.
    pub max_lane_paths: usize,
    /// Octets that this link received, within the windows of all lanes together, and that have not left. Beyond:
    /// reading pauses, and a lane may be shed.
    pub max_outstanding: usize,
    /// Whether requests of methods that we do not know are answered with 501 instead of being sent on.
    pub block_unknown: bool,
    /// Whether the host is asked about each message.
    pub ask: bool,
    /// Messages whose verdict is remembered for their later chunks. Beyond: the host is asked again.
    pub max_verdicts: usize,
    /// How a chunk ends that cannot be finished: [`More`](Continuation::More), so that its sender may resume it, or
    /// [`Abort`](Continuation::Abort).
    pub cut: Continuation,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            probation: Duration::from_secs(30),
            failures: 5,
            auth_failures: 5,
            max_transactions: 16 * 1024,
            max_silent: 1024,
            max_pending: 1024,
            max_lanes: 4096,
            max_lane_paths: 4 * 1024 * 1024,
            max_outstanding: 16 * 1024 * 1024,
            block_unknown: false,
            ask: false,
            max_verdicts: 1024,
            cut: Continuation::More,
        }
    }
}

/// What a link has done since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkCounts {
    /// SENDs taken to be sent on.
    pub sends: u64,
    /// Octets of their bodies.
    pub octets: u64,
    /// Requests of other methods taken to be sent on.
    pub requests: u64,
    /// Requests answered with an error, or dropped where no answer is wanted.
    pub refused: u64,
    /// Requests and responses dropped without a word.
    pub discarded: u64,
    /// Responses whose To-Path does not begin with the URI we gave, and that were taken all the same.
    pub misaddressed: u64,
    /// REPORTs made.
    pub reports: u64,
    /// SENDs to the next hop without response in time.
    pub timeouts: u64,
    /// Chunks sent that are a part of one received.
    pub cuts: u64,
    /// Times that a lane was shed.
    pub shed: u64,
}

impl std::ops::AddAssign for LinkCounts {
    fn add_assign(&mut self, other: Self) {
        for (own, other) in [
            (&mut self.sends, other.sends),
            (&mut self.octets, other.octets),
            (&mut self.requests, other.requests),
            (&mut self.refused, other.refused),
            (&mut self.discarded, other.discarded),
            (&mut self.misaddressed, other.misaddressed),
            (&mut self.reports, other.reports),
            (&mut self.timeouts, other.timeouts),
            (&mut self.cuts, other.cuts),
            (&mut self.shed, other.shed),
        ] {
            *own += other;
        }
    }
}
