//! The async API: ends of engines, sessions and messages leave nothing behind.

#![cfg(feature = "net")]

mod api_support;

use std::time::Duration;

use api_support::{Pair, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_is_waited_for_by_everyone_who_asks() {
    let Pair { engine, alice, bob } = Pair::new().await;
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                engine.shutdown(Duration::from_secs(5)).await;
                engine.stats().sessions
            })
        })
        .collect();
    for caller in callers {
        let sessions = within("the end", caller).await.expect("no panic");
        assert_eq!(sessions, 0, "it came back before the end");
    }
    within("once more", engine.shutdown(Duration::ZERO)).await;
    assert!(alice.close_reason().is_some() && bob.close_reason().is_some());
}
