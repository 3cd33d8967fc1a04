//! The async API: ends of engines, sessions and messages leave nothing behind.

#![cfg(feature = "net")]

mod api_support;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use api_support::{Pair, text, within};
use msrp::Body;
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
