//! Memory of an engine by a counting allocator: a consumer that stops reading on a shared connection.

#![cfg(feature = "net")]

mod counting;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use counting::{ALLOCATED, PEAK};
use msrp::engine::{
    Domain, Engine, EngineOptions, Event, ListenOptions, SendBody, SendOptions, SessionHandle,
    SessionOptions, Wake,
};
use msrp::limits::Limits;
use msrp::proto::MessageEnd;
use msrp::wire::StatusCode;

/// An engine and its consumer, who may wait.
struct Host {
    engine: Engine,
    domain: Domain,
    woken: Arc<(Mutex<bool>, Condvar)>,
}

impl Host {
    fn new() -> Self {
        let engine = Engine::new(EngineOptions::default()).expect("an engine");
        let woken = Arc::new((Mutex::new(false), Condvar::new()));
        let signal = Arc::clone(&woken);
        let wake = move || {
            *signal.0.lock().expect("not poisoned") = true;
            signal.1.notify_all();
        };
        let domain = engine
            .domain(Wake::Callback(Arc::new(wake)))
            .expect("a domain");
        Self {
            engine,
            domain,
            woken,
        }
    }

    /// Gives events to `take` until it says that this is enough.
    fn run(&self, what: &str, mut take: impl FnMut(SessionHandle, Event) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut batch = Vec::new();
        loop {
            let more = self.domain.next_batch(64, 128 * 1024, &mut batch);
            let mut enough = false;
            for (session, event) in batch.drain(..) {
                match &event {
                    Event::Message { credit, .. } | Event::MessageBegin { credit, .. } => {
                        let _ = self.engine.consume(session, *credit);
                    }
                    Event::MessageBody { data, .. } => {
                        let _ = self.engine.consume(session, data.len());
                    }
                    _ => {}
                }
                enough |= take(session, event);
            }
            if enough {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "waited too long for {what}: {:?}",
                self.engine.stats()
            );
            if !more {
                let woken = self.woken.0.lock().expect("not poisoned");
                let (mut woken, _) = self
                    .woken
                    .1
                    .wait_timeout_while(woken, Duration::from_millis(100), |woken| !*woken)
                    .expect("not poisoned");
                *woken = false;
            }
        }
    }
}

#[test]
fn of_16_sessions_one_stops_reading_and_memory_stays_within_the_limits() {
    const SESSIONS: usize = 16;
    let limits = Limits::default();
    // One buffer for all messages: what is counted is the engines' own.
    let content = Bytes::from(vec![b'm'; 4 << 20]);
    let (a, b) = (Host::new(), Host::new());
    let listener = b
        .engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("a port");
    let pairs: Vec<_> = (0..SESSIONS)
        .map(|_| {
            let there = SessionOptions {
                listener: Some(listener),
                ..SessionOptions::default()
            };
            let one = a
                .engine
                .session(&a.domain, SessionOptions::default())
                .expect("a session");
            let two = b.engine.session(&b.domain, there).expect("a session");
            let offer = a.engine.create_offer(one).expect("an offer");
            let answer = b
                .engine
                .create_answer(two, &offer, None)
                .expect("an answer");
            a.engine
                .set_remote(one, &answer, None)
                .expect("the answer fits");
            a.engine.open(one, None).expect("alive");
            b.engine.open(two, None).expect("alive");
            (one, two)
        })
        .collect();
    let mut open = 0;
    a.run("all sessions open", |_, event| {
        open += usize::from(matches!(event, Event::Opened));
        open == SESSIONS
    });
    assert_eq!(a.engine.stats().connections, 1);
    let stalled = pairs[SESSIONS / 2].1;
    b.engine.pause(stalled).expect("alive");

    let before = ALLOCATED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    for (one, _) in &pairs {
        let body = SendBody::Bytes(content.clone());
        a.engine
            .send(*one, SendOptions::default(), body)
            .expect("admitted");
    }
    let mut received: HashMap<SessionHandle, usize> = HashMap::new();
    let mut whole = 0;
    b.run("15 messages", |session, event| {
        match event {
            Event::MessageBody { data, .. } => {
                assert_ne!(session, stalled, "nothing is given to who does not read");
                *received.entry(session).or_default() += data.len();
            }
            Event::MessageEnd { end, .. } if session != stalled => {
                assert_eq!(end, MessageEnd::Complete(content.len() as u64));
                assert_eq!(received[&session], content.len());
                whole += 1;
            }
            _ => {}
        }
        whole == SESSIONS - 1
    });
    // Those who read could only go on because the one who does not was shed.
    let mut refused = false;
    a.run("413 for the stalled one", |session, event| {
        if let Event::Failed { error, .. } = event {
            assert_eq!(pairs[SESSIONS / 2].0, session);
            assert_eq!(error.status, Some(StatusCode(413)));
            refused = true;
        }
        refused
    });
    let stats = b.engine.stats();
    assert_eq!(stats.sessions_shed, 1);
    let peak = PEAK.load(Ordering::Relaxed) - before;
    // Every window and the slack, once as octets held and, where parts are slices of input blocks, at most four times
    // that; and what each side has encoded and not written.
    let held = SESSIONS * limits.receive_window + limits.connection_slack;
    assert!(
        stats.receive_held_peak <= held as u64 + 64 * 1024,
        "{stats:?}"
    );
    let bound = 4 * (limits.receive_window + limits.connection_slack)
        + SESSIONS * limits.receive_window
        + 2 * limits.write_ahead
        + (1 << 20);
    assert!(
        peak <= bound,
        "{peak} octets allocated, at most {bound} expected"
    );
    println!(
        "{peak} octets at most, {} held at most",
        stats.receive_held_peak
    );
}
