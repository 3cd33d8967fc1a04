//! What the tests of the async API share: pairs of sessions over loopback TCP, and deadlines.

#![allow(dead_code, reason = "every test program uses a part of it")]

use std::time::Duration;

use msrp::{Engine, EngineOptions, Message, SendOptions, Session, SessionOptions};

/// Generous: reached only when something hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for `future`, or fails the test.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing happened in {DEADLINE:?}"),
    }
}

/// Two open sessions of one engine. The engine lives as long as either of them.
pub(crate) struct Pair {
    pub(crate) engine: Engine,
    pub(crate) alice: Session,
    pub(crate) bob: Session,
}

impl Pair {
    pub(crate) async fn new() -> Self {
        Self::with(EngineOptions::default(), options()).await
    }

    pub(crate) async fn with(engine: EngineOptions, options: SessionOptions) -> Self {
        let engine = Engine::new(engine).expect("an engine");
        let alice = engine.session(options.clone()).expect("a session");
        let bob = engine.session(options).expect("a session");
        let offer = alice.create_offer().expect("an offer");
        let answer = bob.create_answer(&offer).expect("an answer");
        alice.set_remote(&answer).expect("the answer fits");
        let (a, b) = within("open", async {
            tokio::join!(alice.open(None), bob.open(None))
        })
        .await;
        a.expect("alice is open");
        b.expect("bob is open");
        Self { engine, alice, bob }
    }
}

pub(crate) fn options() -> SessionOptions {
    SessionOptions {
        accept_types: Some(vec!["*".into()]),
        ..SessionOptions::default()
    }
}

/// A text without reports.
pub(crate) fn text() -> SendOptions {
    SendOptions::default()
}

/// Octets with a success report.
pub(crate) fn reported() -> SendOptions {
    SendOptions {
        content_type: "application/octet-stream".into(),
        success_report: true,
        ..SendOptions::default()
    }
}

/// `len` octets that are not the same everywhere.
pub(crate) fn octets(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

pub(crate) async fn next(session: &Session) -> Message {
    within("a message", session.recv())
        .await
        .expect("the session is open")
}
