//! Back-pressure: when reading pauses for next hops that are slow, and which session is shed so that it can go on.

use std::time::{Duration, Instant};

use super::super::Peer;
use super::Link;
use super::answers::REPORT_ROOM;
use crate::proto::Counters;
use crate::proto::pausing::Patience;
use crate::wire::StatusCode;

/// For so long after requests of several sessions came in turns, a connection counts as one that they share.
const MIXED: Duration = Duration::from_secs(60);

impl Link {
    /// Pauses or resumes reading as the next hops ask for.
    pub(super) fn update_pausing(&mut self, now: Instant) {
        let is_trunk = matches!(self.party.peer, Peer::Relay(_));
        let mixed = self.lanes.mixed;
        let is_mixed = mixed.is_some_and(|at| now.saturating_duration_since(at) < MIXED);
        let slow = self.lanes.slack_used > self.limits.connection_slack
            || self.lanes.outstanding > self.options.max_outstanding;
        let patience = match slow {
            false => None,
            true if is_trunk || is_mixed => Some(Patience::Shared),
            true => Some(Patience::Lone),
        };
        let room = self.limits.control_lane;
        let stuck = self.output.len() >= self.limits.write_ahead;
        // Perhaps the peer has as much to say, and reads no more until we do: two that wait for each other. What both
        // still have on the way is answered first.
        let room = room.saturating_mul(if stuck { REPORT_ROOM } else { 1 });
        let full = self.output.control_len() > room;
        let ended = self.pausing.update(patience, full, self.limits.stall, now);
        if let Some(time) = ended {
            let count = |counters: &Counters| counters.pause_time.record_time(time);
            self.observers.count(count);
        }
        let paused = self.pausing.is_paused();
        self.transactions.stand_still(paused, now);
    }

    /// Sheds a lane, if reading was paused long enough.
    pub(super) fn pausing_expired(&mut self, now: Instant) {
        while self.pausing.deadline().is_some_and(|at| at <= now) {
            if let Some(lane) = self.lanes.shed(self.limits.receive_window) {
                self.counts.shed += 1;
                self.refuse_held(lane, StatusCode::STOP_SENDING);
                self.refuse_current(lane, None, StatusCode::STOP_SENDING);
            }
            // If it is not enough, the next one has its time too.
            self.pausing.resume(now);
            self.update_pausing(now);
        }
    }
}
