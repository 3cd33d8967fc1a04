//! The async API: outgoing messages.

#![cfg(feature = "net")]

mod api_support;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use api_support::{Pair, next, octets, reported, text, within};
use bytes::Bytes;
use msrp::{Body, ErrorKind, FailureReport, SendOptions, SessionEvent, StatusCode};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;

#[tokio::test]
async fn every_kind_of_done_comes_in_its_order() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let transfer = alice.send("hello", reported()).await.expect("admitted");
    within("accepted", transfer.accepted())
        .await
        .expect("accepted");
    within("acknowledged", transfer.acknowledged())
        .await
        .expect("acknowledged");
    next(&bob).await.read().await.expect("whole");
    let report = within("delivered", transfer.delivered(None))
        .await
        .expect("delivered");
    assert_eq!(report.status, StatusCode(200));
    assert_eq!((transfer.sent_bytes(), transfer.total()), (5, Some(5)));
}

#[tokio::test]
async fn without_a_wish_for_reports_there_is_nothing_to_wait_for() {
    let Pair {
        alice, bob: _bob, ..
    } = Pair::new().await;
    let transfer = alice.send("hello", text()).await.expect("admitted");
    let error = transfer.delivered(None).await.expect_err("not asked for");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn without_failure_reports_written_is_acknowledged() {
    let Pair { alice, bob, .. } = Pair::new().await;
    for failure_report in [FailureReport::No, FailureReport::Partial] {
        let options = SendOptions {
            failure_report,
            ..text()
        };
        let transfer = alice.send("no answer", options).await.expect("admitted");
        within("acknowledged", transfer.acknowledged())
            .await
            .expect("written");
        assert_eq!(next(&bob).await.text().await.expect("whole"), "no answer");
    }
}

#[tokio::test]
async fn progress_grows_to_the_end() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let len = 16 * 1024 * 1024;
    let transfer = alice.send(octets(len), text()).await.expect("admitted");
    let len = len as u64;
    // Nobody reads yet, so this cannot be all of it.
    let mut sent = within("progress", transfer.progress(0))
        .await
        .expect("under way");
    assert!(sent > 0 && sent < len);
    let reader = tokio::spawn({
        let bob = bob.clone();
        async move { next(&bob).await.read().await.map(|b| b.len()) }
    });
    while let Some(now) = within("progress", transfer.progress(sent)).await {
        assert!(now > sent && now <= len);
        sent = now;
    }
    assert_eq!(sent, len);
    transfer.acknowledged().await.expect("acknowledged");
    assert_eq!(transfer.sent_bytes(), len);
    assert_eq!(reader.await.expect("no panic").expect("whole") as u64, len);
}

#[tokio::test]
async fn a_reader_is_sent_as_it_gives() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let body = octets(1_500_000);
    for len in [None, Some(1_500_000)] {
        let (mut write, read) = tokio::io::duplex(10_000);
        let transfer = alice
            .send(Body::reader(read, len), reported())
            .await
            .expect("admitted");
        let writer = tokio::spawn({
            let body = body.clone();
            async move { write.write_all(&body).await }
        });
        let mut message = next(&bob).await;
        assert_eq!(message.total(), len);
        assert!(within("read", message.read()).await.expect("whole") == body);
        writer.await.expect("no panic").expect("taken");
        within("delivered", transfer.delivered(None))
            .await
            .expect("delivered");
    }
}

/// Gives some octets, waits, then fails.
struct Failing {
    left: usize,
    fails: oneshot::Receiver<()>,
}

impl AsyncRead for Failing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            let fails = Pin::new(&mut self.fails).poll(context);
            return fails.map(|_| Err(io::Error::other("the disk is on fire")));
        }
        let len = self.left.min(buf.remaining());
        buf.put_slice(&octets(len));
        self.left -= len;
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_failing_reader_aborts_the_message_and_says_why() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let (fail, fails) = oneshot::channel();
    let left = 200_000;
    let body = Body::reader(Failing { left, fails }, None);
    let transfer = alice.send(body, text()).await.expect("admitted");
    let mut message = next(&bob).await;
    fail.send(()).expect("it is read");
    let error = within("read", message.read()).await.expect_err("aborted");
    assert_eq!(error.kind, ErrorKind::Aborted);
    let error = within("fate", transfer.acknowledged())
        .await
        .expect_err("failed");
    assert_eq!(error.kind, ErrorKind::Aborted);
    assert!(error.to_string().contains("the disk is on fire"), "{error}");
}

#[tokio::test]
async fn a_stream_shorter_than_announced_fails() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let mut sender = alice.stream(Some(100_000), text()).await.expect("admitted");
    within("write", sender.write(octets(99_999)))
        .await
        .expect("sent");
    let mut message = next(&bob).await;
    let transfer = sender.finish();
    within("read", message.read())
        .await
        .expect_err("never whole");
    let error = within("fate", transfer.acknowledged())
        .await
        .expect_err("too short");
    assert!(error.to_string().contains("99999"), "{error}");
}

#[tokio::test]
async fn a_stream_is_sent_as_it_is_written() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let mut sender = alice.stream(None, reported()).await.expect("admitted");
    within("write", sender.write("first")).await.expect("sent");
    sender.flush().expect("under way");
    let mut message = next(&bob).await;
    // The last octet waits for what follows: the last chunk must not be empty.
    let part = within("part", message.next_part())
        .await
        .expect("under way");
    assert_eq!(part.as_deref(), Some(&b"firs"[..]));
    let mut rest = Bytes::from(octets(1_000_000));
    let expected = [b"t", &rest[..]].concat();
    let reader = tokio::spawn(async move { (message.read().await.expect("whole"), message) });
    while !rest.is_empty() {
        let written = within("write", sender.write_some(&mut rest))
            .await
            .expect("sent");
        assert!(written > 0);
    }
    let transfer = sender.finish();
    let (read, message) = within("reader", reader).await.expect("no panic");
    assert!(read == expected);
    assert_eq!(message.total(), Some(1_000_005));
    within("delivered", transfer.delivered(None))
        .await
        .expect("delivered");
}

#[tokio::test]
async fn abort_ends_a_large_message() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let transfer = alice
        .send(octets(50_000_000), text())
        .await
        .expect("admitted");
    let mut message = next(&bob).await;
    transfer.abort().expect("under way");
    let error = within("read", message.read()).await.expect_err("aborted");
    assert_eq!(error.kind, ErrorKind::Aborted);
    let error = within("fate", transfer.acknowledged())
        .await
        .expect_err("aborted");
    assert_eq!(error.kind, ErrorKind::Aborted);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_refused_at_once() {
    let Pair {
        alice, bob: _bob, ..
    } = Pair::new().await;
    let error = alice
        .send(Body::file("/no/such/file"), text())
        .await
        .expect_err("no file");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn slots_are_given_in_the_order_of_the_calls() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let count = 40;
    let mut tasks = Vec::new();
    for number in 0..count {
        let alice = alice.clone();
        tasks.push(tokio::spawn(async move {
            let body = octets(100_000 + number);
            let transfer = alice.send(body, reported()).await.expect("admitted");
            transfer.delivered(None).await.expect("delivered");
        }));
    }
    let mut readers = Vec::new();
    for _ in 0..count {
        let mut message = next(&bob).await;
        readers.push(tokio::spawn(
            async move { message.read().await.expect("whole") },
        ));
    }
    for task in tasks {
        within("sender", task).await.expect("no panic");
    }
    for reader in readers {
        within("reader", reader).await.expect("no panic");
    }
}

#[tokio::test]
async fn events_tell_of_reports_and_failures() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let mut events = alice.events();
    let good = alice.send("good", reported()).await.expect("admitted");
    next(&bob).await.read().await.expect("whole");
    within("delivered", good.delivered(None))
        .await
        .expect("delivered");
    let bad = alice
        .send(octets(20_000_000), text())
        .await
        .expect("admitted");
    let bad_id = bad.message_id().to_owned();
    // Nobody holds it any more: the events tell all the same.
    drop(bad);
    next(&bob)
        .await
        .reject(StatusCode(413), "no")
        .expect("under way");
    let (mut reported, mut failed) = (false, false);
    while !(reported && failed) {
        match within("event", events.next())
            .await
            .expect("the session is open")
        {
            SessionEvent::Report {
                message_id, status, ..
            } => {
                assert_eq!(
                    (message_id.as_str(), status),
                    (good.message_id(), StatusCode(200))
                );
                reported = true;
            }
            SessionEvent::Failed { message_id, error } => {
                assert_eq!(message_id, bad_id);
                assert_eq!(error.status, Some(StatusCode(413)));
                failed = true;
            }
            _ => {}
        }
    }
}
