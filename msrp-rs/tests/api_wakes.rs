//! The async API: nobody who waits is forgotten.

#![cfg(feature = "net")]

mod api_support;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use api_support::{Pair, next, octets, reported, text, within};

/// Polls a future once.
async fn once<F: Future + Unpin>(mut future: F) {
    poll_fn(|context| {
        let _ = std::pin::Pin::new(&mut future).poll(context);
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn a_future_that_is_held_and_not_polled_takes_no_wake_from_others() {
    let Pair { alice, bob, .. } = Pair::new().await;
    for _ in 0..200 {
        let mut held = pin!(alice.recv());
        once(held.as_mut()).await;
        let transfer = alice
            .send("anyone there?", reported())
            .await
            .expect("admitted");
        next(&bob).await.read().await.expect("whole");
        within("delivered", transfer.delivered(None))
            .await
            .expect("delivered");
    }
}

#[tokio::test]
async fn cancelled_waits_take_no_wake_from_others() {
    let Pair { alice, bob, .. } = Pair::new().await;
    for round in 0..300_u32 {
        let transfer = alice.send("hello", reported()).await.expect("admitted");
        let cancelled = tokio::spawn({
            let (bob, transfer) = (bob.clone(), transfer.clone());
            async move {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(std::time::Duration::from_micros(u64::from(round))) => {}
                    message = bob.recv() => drop(message.expect("open").read().await),
                    _ = transfer.delivered(None) => {}
                }
            }
        });
        let _ = within("cancelled", cancelled).await;
        let mut reader = pin!(bob.recv());
        let delivered = transfer.delivered(None);
        let mut delivered = pin!(delivered);
        within("delivered", async {
            loop {
                tokio::select! {
                    message = &mut reader => {
                        message.expect("open").read().await.expect("whole");
                        reader.set(bob.recv());
                    }
                    report = &mut delivered => break report.expect("delivered"),
                }
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_on_one_session_all_get_theirs() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let (senders, each) = (16, 100);
    let mut tasks = Vec::new();
    for _ in 0..senders {
        let alice = alice.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..each {
                let transfer = alice.send("hello", reported()).await.expect("admitted");
                transfer.acknowledged().await.expect("acknowledged");
                transfer.delivered(None).await.expect("delivered");
            }
        }));
    }
    let readers = (0..4).map(|_| {
        let bob = bob.clone();
        tokio::spawn(async move {
            let mut count = 0;
            while let Some(mut message) = bob.recv().await {
                message.read().await.expect("whole");
                count += 1;
            }
            count
        })
    });
    let readers: Vec<_> = readers.collect();
    for task in tasks {
        within("sender", task).await.expect("no panic");
    }
    alice.close(None).await;
    let mut count = 0;
    for reader in readers {
        count += within("reader", reader).await.expect("no panic");
    }
    assert_eq!(count, senders * each);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_at_once_end() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let mut tasks = Vec::new();
    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        let (from, to) = (from.clone(), to.clone());
        tasks.push(tokio::spawn(async move {
            for _ in 0..50 {
                from.send("small", text()).await.expect("admitted");
                from.send(octets(200_000), text()).await.expect("admitted");
            }
        }));
        tasks.push(tokio::spawn(async move {
            let mut readers = Vec::new();
            for _ in 0..100 {
                let mut message = to.recv().await.expect("open");
                readers.push(tokio::spawn(async move { message.read().await }));
            }
            for reader in readers {
                reader.await.expect("no panic").expect("whole");
            }
        }));
    }
    for task in tasks {
        within("task", task).await.expect("no panic");
    }
}
