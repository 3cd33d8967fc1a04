//! How much is dialled at once and how fast: an SDP may aim us at a third party (RFC 4975 §14.5).
//!
//! A *target* is a host and a port: a peer's as its URI says, and each address that a name stands for, so that many
//! names for one victim are no way around. Turns are taken in one order, for a name, for an address, for the engine;
//! so nobody waits in a circle.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::mutant::{self, Mutant};
use crate::wire::Host;

/// Targets that are remembered while nothing is dialled and their rate has recovered.
const REMEMBERED: usize = 1024;

/// The targets of an engine.
pub(crate) struct Throttle {
    /// Attempts of the whole engine.
    dials: Arc<Semaphore>,
    per_target: usize,
    /// Dials in a second; also so many at once, after a pause.
    rate: u32,
    known: Mutex<Known>,
}

struct Known {
    targets: HashMap<(Host, u16), Arc<Target>>,
    /// How many there may be before those that need not be remembered are looked for.
    crowd: usize,
}

/// What is known of one target.
struct Target {
    dials: Arc<Semaphore>,
    /// When the rate would be used up no more.
    free_at: Mutex<Instant>,
}

/// A turn at a target. While it is kept, the dial is under way.
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    /// Keeps it known.
    _target: Arc<Target>,
}

impl Throttle {
    /// No target is known yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            dials: Arc::new(Semaphore::new(limits.dials.max(1))),
            per_target: limits.dials_per_target.max(1),
            rate: u32::try_from(limits.dial_rate.max(1)).unwrap_or(u32::MAX),
            known: Mutex::new(Known {
                targets: HashMap::new(),
                crowd: REMEMBERED,
            }),
        }
    }

    /// Waits for the turn at a target, and until its rate allows one more.
    ///
    /// # Cancel safety
    /// A turn that is given up is the next one's; its part of the rate is used.
    pub(super) async fn turn(&self, host: &Host, port: u16) -> Result<Turn> {
        let target = self.target(host, port);
        let dials = Arc::clone(&target.dials);
        let permit = dials.acquire_owned().await.map_err(|_| gone())?;
        let now = tokio::time::Instant::now().into_std();
        let start = target.next_start(self.rate, now);
        // Without a look at the timers, who asks first is first.
        if start > now {
            tokio::time::sleep_until(start.into()).await;
        }
        Ok(Turn {
            _permit: permit,
            _target: target,
        })
    }

    /// Waits for the turn in the whole engine.
    ///
    /// # Cancel safety
    /// A turn that is given up is the next one's.
    pub(super) async fn turn_of_all(&self) -> Result<OwnedSemaphorePermit> {
        let dials = Arc::clone(&self.dials);
        dials.acquire_owned().await.map_err(|_| gone())
    }

    fn target(&self, host: &Host, port: u16) -> Arc<Target> {
        let now = tokio::time::Instant::now().into_std();
        let key = (host.clone(), port);
        let mut known = self.known.lock();
        let Known { targets, crowd } = &mut *known;
        if let Some(target) = targets.get(&key) {
            return Arc::clone(target);
        }
        if targets.len() >= *crowd {
            targets
                .retain(|_, target| Arc::strong_count(target) > 1 || *target.free_at.lock() > now);
            *crowd = (2 * targets.len()).max(REMEMBERED);
        }
        let target = Arc::new(Target {
            dials: Arc::new(Semaphore::new(self.per_target)),
            free_at: Mutex::new(now),
        });
        targets.insert(key, Arc::clone(&target));
        target
    }
}

impl Target {
    /// When the next dial may start; counts it.
    fn next_start(&self, rate: u32, now: Instant) -> Instant {
        let distance = Duration::from_secs(1) / rate;
        let mut free_at = self.free_at.lock();
        let start = free_at
            .checked_sub(distance * (rate - 1))
            .filter(|_| !mutant::on(Mutant::DialsUnbounded))
            .map_or(now, |start| start.max(now));
        *free_at = (*free_at).max(now) + distance;
        start
    }
}

fn gone() -> Error {
    Error::local(ErrorKind::Gone, "engine is shut down")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use msrp_conformance::covers;

    use super::*;

    fn host(text: &str) -> Host {
        text.parse().expect("a host")
    }

    #[test]
    fn dials_to_one_target_have_a_bounded_rate() {
        let throttle = Throttle::new(&Limits::default());
        let target = throttle.target(&host("192.0.2.1"), 2855);
        let now = Instant::now();
        let starts: Vec<Duration> = (0..30)
            .map(|_| target.next_start(10, now).saturating_duration_since(now))
            .collect();
        assert!(starts[..10].iter().all(Duration::is_zero));
        assert!(starts[29] >= Duration::from_millis(1800), "{starts:?}");
        // After a pause as many may start at once again.
        let later = now + Duration::from_secs(60);
        let starts: Vec<Duration> = (0..11)
            .map(|_| {
                target
                    .next_start(10, later)
                    .saturating_duration_since(later)
            })
            .collect();
        assert!(starts[..10].iter().all(Duration::is_zero) && !starts[10].is_zero());
        covers!("C-289");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_who_dial_one_victim_have_ten_turns_a_second() {
        let throttle = Arc::new(Throttle::new(&Limits::default()));
        let (started, under_way) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut dials = tokio::task::JoinSet::new();
        for _ in 0..10_000 {
            let throttle = Arc::clone(&throttle);
            let (started, under_way) = (Arc::clone(&started), Arc::clone(&under_way));
            dials.spawn(async move {
                let _turn = throttle.turn(&host("192.0.2.1"), 2855).await;
                started.fetch_add(1, Relaxed);
                assert!(under_way.fetch_add(1, Relaxed) < 4);
                tokio::time::sleep(Duration::from_millis(20)).await;
                under_way.fetch_sub(1, Relaxed);
            });
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        let started = started.load(Relaxed);
        assert!((300..=310).contains(&started), "{started}");
        dials.shutdown().await;
        // Whoever gave up leaves the turn to others.
        under_way.store(0, Relaxed);
        throttle
            .turn(&host("192.0.2.1"), 2855)
            .await
            .expect("a turn");
        covers!("C-289");
    }

    #[tokio::test(start_paused = true)]
    async fn targets_are_forgotten_when_their_rate_has_recovered() {
        let throttle = Throttle::new(&Limits::default());
        for n in 0..5000_u32 {
            let name = format!("h{n}.example");
            drop(throttle.turn(&host(&name), 2855).await.expect("a turn"));
        }
        // In one moment: none may be forgotten, or the rate would be no bound.
        assert_eq!(throttle.known.lock().targets.len(), 5000);
        for n in 0..5000 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let name = format!("later{n}.example");
            drop(throttle.turn(&host(&name), 2855).await.expect("a turn"));
        }
        assert!(throttle.known.lock().targets.len() <= REMEMBERED);
    }
}
