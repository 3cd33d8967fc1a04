//! The async API: ends of engines, sessions and messages leave nothing behind.

#![cfg(feature = "net")]

mod api_support;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use api_support::{Pair, next, octets, options, reported, text, within};
use msrp::{Body, Engine, EngineOptions, ListenOptions, SessionOptions};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::oneshot;

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

/// A source that never gives anything, and says when it is dropped.
struct Silent(Option<oneshot::Sender<()>>);

impl AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = self.0.take().expect("dropped once").send(());
    }
}

#[tokio::test]
async fn a_silent_reader_is_dropped_with_its_message() {
    for end in 0..4 {
        let Pair { engine, alice, bob } = Pair::new().await;
        let (gone, dropped) = oneshot::channel();
        let body = Body::reader(Silent(Some(gone)), None);
        let transfer = alice.send(body, text()).await.expect("admitted");
        match end {
            0 => transfer.abort().expect("alive"),
            1 => drop(bob),
            2 => {
                alice.close(Duration::ZERO).await;
            }
            _ => engine.shutdown(Duration::ZERO).await,
        }
        within("the reader's end", dropped).await.expect("dropped");
        within("the message's end", transfer.acknowledged())
            .await
            .expect_err("not acknowledged");
    }
}

#[tokio::test]
async fn thousands_of_sessions_come_and_go() {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let listener = engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("a port");
    let on_it = || SessionOptions {
        listener: Some(listener.handle()),
        ..options()
    };
    for round in 0..4 {
        let mut sessions: Vec<_> = (0..1000)
            .map(|_| engine.session(on_it()).expect("a session"))
            .collect();
        // Some had a peer, some were closed, some are only dropped.
        for pair in sessions.chunks(2).take(20) {
            let offer = pair[0].create_offer().expect("an offer");
            let answer = pair[1].create_answer(&offer).expect("an answer");
            pair[0].set_remote(&answer).expect("the answer fits");
            let opened = async { tokio::join!(pair[0].open(None), pair[1].open(None)) };
            let (one, two) = within("open", opened).await;
            one.expect("open");
            two.expect("open");
        }
        for session in sessions.drain(..50) {
            within("closed", session.close(Duration::ZERO)).await;
        }
        drop(sessions);
        within("all gone", async {
            while engine.stats().sessions > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let stats = engine.stats();
        assert_eq!(
            (stats.receive_held, stats.send_held),
            (0, 0),
            "round {round}"
        );
    }
}

#[tokio::test]
async fn content_that_nobody_takes_any_more_is_not_held() {
    for end in 0..3 {
        let Pair { engine, alice, bob } = Pair::new().await;
        for len in [10, 20_000, 200_000] {
            let sent = alice.send(octets(len), reported()).await;
            sent.expect("admitted");
        }
        let held = || engine.stats().receive_held;
        within("content", async {
            while held() < 200_000 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        match end {
            // A program that is done, whatever has come meanwhile.
            0 => drop(bob),
            1 => {
                let _message = next(&bob).await;
                drop(bob);
            }
            _ => {
                within("the end", bob.close(None)).await;
                drop(bob);
            }
        }
        within("nothing held", async {
            while held() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        drop(alice);
    }
}
