//! The async API: a future that is dropped at any of its await points loses nothing.

#![cfg(feature = "net")]

mod api_support;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use api_support::{Pair, next, octets, options, reported, text, within};
use msrp::{Engine, EngineOptions, Limits, SendOptions, SessionEvent, SessionState};

/// Polls a future so often and drops it, if it is not ready by then.
async fn cut<F: Future>(polls: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        left = left.saturating_sub(1);
        if left == 0 {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}

/// How often the next future is polled: 1 to 3 times, in no order.
struct Cuts(u32);

impl Cuts {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1 + (self.0 >> 16) % 3
    }

    /// Begins anew with what `make` gives until one is ready.
    async fn until_ready<T>(&mut self, mut make: impl AsyncFnMut() -> T) -> T {
        loop {
            if let Some(value) = cut(self.next(), make()).await {
                return value;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Windows so small that everybody has to wait.
async fn narrow() -> Pair {
    let mut limits = Limits::default();
    limits.send_window = 8 * 1024;
    limits.small_message = 2 * 1024;
    limits.receive_window = 16 * 1024;
    limits.connection_slack = 16 * 1024;
    let engine = EngineOptions {
        limits,
        worker_threads: 2,
        ..EngineOptions::default()
    };
    Pair::with(engine, options()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_messages_sent_and_received_in_pieces_each_comes_once_and_in_order() {
    const MESSAGES: usize = 1500;
    let Pair { alice, bob, .. } = narrow().await;
    let content = |number: usize| format!("{number} {}", "x".repeat(number % 1200));
    let sender = async {
        let mut cuts = Cuts(1);
        for number in 0..MESSAGES {
            let sent = cuts
                .until_ready(async || alice.send(content(number), text()).await)
                .await;
            sent.expect("admitted");
        }
        let last = cuts
            .until_ready(async || alice.send("last", reported()).await)
            .await
            .expect("admitted");
        cuts.until_ready(async || last.accepted().await)
            .await
            .expect("accepted");
        cuts.until_ready(async || last.acknowledged().await)
            .await
            .expect("acknowledged");
        cuts.until_ready(async || last.delivered(None).await)
            .await
            .expect("delivered");
    };
    let receiver = async {
        let mut cuts = Cuts(2);
        for number in 0..MESSAGES {
            let message = cuts.until_ready(async || bob.recv().await).await;
            let mut message = message.expect("open");
            let text = loop {
                match cut(cuts.next(), message.text()).await {
                    Some(text) => break text.expect("whole"),
                    None => tokio::task::yield_now().await,
                }
            };
            assert_eq!(text, content(number));
        }
        let mut messages = cuts.until_ready(async || bob.recv_many(8).await).await;
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].text().await.expect("whole"), "last");
    };
    within("both", async { tokio::join!(sender, receiver) }).await;
    let mut cuts = Cuts(3);
    let reason = within(
        "the end",
        cuts.until_ready(async || alice.close(None).await),
    )
    .await;
    let seen = within("the end", cuts.until_ready(async || alice.closed().await)).await;
    assert_eq!(reason, seen);
    within("the end", cuts.until_ready(async || bob.closed().await)).await;
    let none = within("no more", cuts.until_ready(async || bob.recv().await)).await;
    assert!(none.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_written_and_read_in_pieces_arrive_unchanged() {
    let Pair { alice, bob, .. } = narrow().await;
    let content = octets(700_000);
    let expected = content.clone();
    let binary = || SendOptions {
        content_type: "application/octet-stream".into(),
        ..SendOptions::default()
    };
    let sender = async {
        let mut cuts = Cuts(4);
        for _ in 0..3 {
            let mut stream = cuts
                .until_ready(async || alice.stream(None, binary()).await)
                .await
                .expect("a slot");
            let mut left = bytes::Bytes::from(content.clone());
            while !left.is_empty() {
                match cut(cuts.next(), stream.write_some(&mut left)).await {
                    Some(written) => drop(written.expect("alive")),
                    None => tokio::task::yield_now().await,
                }
            }
            let transfer = stream.finish();
            let mut sent = 0;
            while let Some(now) = cuts
                .until_ready(async || transfer.progress(sent).await)
                .await
            {
                sent = now;
            }
            assert_eq!(sent, content.len() as u64);
        }
    };
    let receiver = async {
        let mut cuts = Cuts(5);
        for way in 0..3 {
            let mut message = next(&bob).await;
            let mut got = Vec::new();
            within("the content", async {
                loop {
                    let polls = cuts.next();
                    let part = match way {
                        0 => cut(polls, message.next_part()).await,
                        1 => cut(polls, message.next_range())
                            .await
                            .map(|part| part.map(|part| part.map(|(_, data)| data))),
                        // The whole, and the end on the second look.
                        _ => cut(polls, message.read())
                            .await
                            .map(|all| all.map(|all| (!all.is_empty()).then_some(all))),
                    };
                    match part {
                        Some(Ok(Some(part))) => got.extend_from_slice(&part),
                        Some(Ok(None)) => break,
                        Some(Err(error)) => panic!("{error}"),
                        None => tokio::task::yield_now().await,
                    }
                }
            })
            .await;
            assert!(got == expected, "way {way}: {} octets", got.len());
        }
    };
    within("both", async { tokio::join!(sender, receiver) }).await;
}

#[tokio::test]
async fn opening_listening_to_events_and_the_end_may_be_cut() {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let alice = engine.session(options()).expect("a session");
    let bob = engine.session(options()).expect("a session");
    let offer = alice.create_offer().expect("an offer");
    let answer = bob.create_answer(&offer).expect("an answer");
    alice.set_remote(&answer).expect("the answer fits");
    let mut events = alice.events();
    let mut cuts = Cuts(6);
    for session in [&alice, &bob] {
        let opened = cuts.until_ready(async || session.open(None).await);
        within("open", opened).await.expect("open");
    }
    for _ in 0..50 {
        alice.send("hello", reported()).await.expect("admitted");
        next(&bob).await.read().await.expect("whole");
    }
    let mut reports = 0;
    let mut states = Vec::new();
    while reports < 50 {
        let event = loop {
            match cut(cuts.next(), events.next()).await {
                Some(event) => break event,
                None => tokio::task::yield_now().await,
            }
        };
        match event.expect("open") {
            SessionEvent::Report { .. } => reports += 1,
            SessionEvent::State(state) => states.push(state),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(states, [SessionState::Connecting, SessionState::Open]);
    let shutdown = cuts.until_ready(async || engine.shutdown(Duration::from_secs(5)).await);
    within("shutdown", shutdown).await;
    assert_eq!(engine.stats().sessions, 0);
    assert!(alice.close_reason().is_some() && bob.close_reason().is_some());
    within("no more events", async {
        while let Some(event) = events.next().await {
            assert!(matches!(event, SessionEvent::State(_)), "{event:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_saved_message_that_is_cut_leaves_no_file() {
    let Pair { alice, bob, .. } = narrow().await;
    let folder = std::env::temp_dir().join(format!("msrp-cut-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for polls in 1..12 {
        let sent = alice.send(octets(200_000), text()).await.expect("admitted");
        let mut message = next(&bob).await;
        let path = folder.join("saved");
        let saved = cut(polls, message.save(&path, |_, _| {})).await;
        assert_eq!(saved.is_some(), path.exists());
        let _ = std::fs::remove_file(&path);
        drop(message);
        // What is not wanted is thrown away by whoever waits on the session.
        within("acknowledged", async {
            tokio::select! {
                outcome = sent.acknowledged() => outcome.expect("acknowledged"),
                _ = bob.recv() => panic!("another message"),
            }
        })
        .await;
    }
    within("no file", async {
        while std::fs::read_dir(&folder).expect("listed").count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    std::fs::remove_dir(&folder).expect("empty");
}

#[tokio::test]
async fn a_send_that_is_cut_was_not_sent() {
    let Pair { alice, bob, .. } = narrow().await;
    bob.pause().expect("alive");
    let mut admitted = 0;
    while alice.send_now(octets(1000), text()).is_ok() {
        admitted += 1;
    }
    // The window is full: none of these is.
    let mut cuts = Cuts(7);
    for _ in 0..100 {
        if let Some(sent) = cut(cuts.next(), alice.send("cut", text())).await {
            sent.expect("admitted");
            admitted += 1;
        }
    }
    bob.resume().expect("alive");
    alice.send("last", text()).await.expect("admitted");
    for _ in 0..admitted {
        next(&bob).await;
    }
    assert_eq!(next(&bob).await.text().await.expect("whole"), "last");
}
