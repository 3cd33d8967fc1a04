//! The async API: incoming messages.

#![cfg(feature = "net")]

mod api_support;

use api_support::{DEADLINE, Pair, next, octets, reported, text, within};
use msrp::{Body, ErrorKind, Limits, SendOptions, StatusCode};
use msrp_conformance::covers;

#[tokio::test]
async fn a_message_tells_its_headers() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let options = SendOptions {
        content_type: "text/plain;charset=utf-8".into(),
        message_id: Some("my.message.id".into()),
        headers: vec![("Content-Disposition".into(), "render".into())],
        ..text()
    };
    let transfer = alice.send("hello", options).await.expect("admitted");
    assert_eq!(transfer.message_id(), "my.message.id");
    let message = next(&bob).await;
    assert_eq!(message.message_id(), "my.message.id");
    assert_eq!(message.content_type(), "text/plain;charset=utf-8");
    assert_eq!(message.header("content-disposition"), Some("render"));
    assert_eq!(message.header("no-such"), None);
    assert_eq!(message.total(), Some(5));
    assert!(message.complete());
}

#[tokio::test]
async fn small_and_empty_messages_have_parts_too() {
    let Pair { alice, bob, .. } = Pair::new().await;
    alice.send("hello", text()).await.expect("admitted");
    alice.send("", text()).await.expect("admitted");
    let mut message = next(&bob).await;
    assert_eq!(
        message.next_part().await.expect("whole").as_deref(),
        Some(&b"hello"[..])
    );
    assert_eq!(message.next_part().await.expect("whole"), None);
    assert_eq!(message.read().await.expect("whole"), "");
    let mut empty = next(&bob).await;
    assert_eq!(empty.total(), Some(0));
    assert_eq!(empty.next_part().await.expect("whole"), None);
    assert_eq!(empty.text().await.expect("whole"), "");
}

#[tokio::test]
async fn a_large_message_is_read_whole_or_in_parts() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let body = octets(3_000_000);
    for whole in [true, false] {
        let transfer = alice
            .send(body.clone(), reported())
            .await
            .expect("admitted");
        assert_eq!(transfer.total(), Some(3_000_000));
        let mut message = next(&bob).await;
        assert_eq!(message.total(), Some(3_000_000));
        if whole {
            let read = within("read", message.read()).await.expect("whole");
            assert!(read == body);
        } else {
            let mut read = Vec::new();
            while let Some(part) = within("part", message.next_part()).await.expect("whole") {
                read.extend_from_slice(&part);
            }
            assert!(read == body);
        }
        assert!(message.complete());
        within("delivered", transfer.delivered(None))
            .await
            .expect("reported");
    }
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let body = octets(1_000_000);
    let mut sender = alice
        .stream(Some(1_000_000), reported())
        .await
        .expect("admitted");
    within("write", sender.write(body[..400_000].to_vec()))
        .await
        .expect("sent");
    let mut message = next(&bob).await;
    for _ in 0..50 {
        let read = message.read();
        let cancelled = tokio::time::timeout(std::time::Duration::from_micros(200), read).await;
        assert!(cancelled.is_err(), "the message is not complete yet");
    }
    let writer = tokio::spawn(async move {
        sender.write(body[400_000..].to_vec()).await.expect("sent");
        (sender.finish(), body)
    });
    let read = within("read", message.read()).await.expect("whole");
    let (transfer, body) = writer.await.expect("no panic");
    assert!(read == body);
    within("delivered", transfer.delivered(None))
        .await
        .expect("reported");
}

#[tokio::test]
async fn a_success_report_goes_out_when_the_last_part_was_taken() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let transfer = alice.send("report me", reported()).await.expect("admitted");
    let mut message = next(&bob).await;
    within("acknowledged", transfer.acknowledged())
        .await
        .expect("acknowledged");
    // Not yet: nobody has taken it. A message after it makes sure that a report would be here.
    alice.send("second", text()).await.expect("admitted");
    next(&bob).await;
    bob.send("third", text()).await.expect("admitted");
    next(&alice).await;
    let early = transfer.delivered(std::time::Duration::ZERO).await;
    assert_eq!(early.expect_err("not taken").kind, ErrorKind::Timeout);
    message.read().await.expect("whole");
    let report = within("delivered", transfer.delivered(None))
        .await
        .expect("reported");
    assert_eq!(report.status, StatusCode(200));
    covers!("C-211");
}

#[tokio::test]
async fn a_consumer_that_stops_makes_the_sender_wait() {
    let Pair { engine, alice, bob } = Pair::new().await;
    let body = octets(16 * 1024 * 1024);
    let transfer = alice
        .send(body.clone(), reported())
        .await
        .expect("admitted");
    let mut message = next(&bob).await;
    let mut read = Vec::new();
    read.extend_from_slice(
        &within("part", message.next_part())
            .await
            .expect("on its way")
            .expect("a part"),
    );
    // Until nothing moves any more. What the operating system holds is its own affair.
    let mut last = transfer.sent_bytes();
    let mut still = 0;
    while still < 20 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        let now = transfer.sent_bytes();
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    assert!(last < body.len() as u64, "all of {last} octets went out");
    let limits = Limits::default();
    let most = (limits.receive_window + limits.connection_slack + 64 * 1024) as u64;
    let held = engine.stats().receive_held;
    assert!(
        held <= most,
        "{held} octets are held, at most {most} should be"
    );
    while let Some(part) = within("part", message.next_part())
        .await
        .expect("on its way")
    {
        read.extend_from_slice(&part);
    }
    assert!(read == body);
    within("delivered", transfer.delivered(None))
        .await
        .expect("reported");
}

#[tokio::test]
async fn dropped_messages_hold_nothing_up() {
    let Pair { alice, bob, .. } = Pair::new().await;
    for _ in 0..20 {
        let transfer = alice.send(octets(300_000), text()).await.expect("admitted");
        drop(next(&bob).await);
        let receiver = tokio::spawn({
            let bob = bob.clone();
            // Somebody has to look at the session for the rest to be thrown away.
            async move { bob.recv().await.map(drop) }
        });
        within("acknowledged", transfer.acknowledged())
            .await
            .expect("acknowledged");
        alice.send("next", text()).await.expect("admitted");
        within("next", receiver)
            .await
            .expect("no panic")
            .expect("a message");
    }
    for _ in 0..2000 {
        let sent = alice.send(vec![b'x'; 1000], text());
        within("send", sent).await.expect("admitted");
        drop(next(&bob).await);
    }
}

#[tokio::test]
async fn a_refused_message_fails_on_both_sides() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let transfer = alice
        .send(octets(50_000_000), text())
        .await
        .expect("admitted");
    let mut message = next(&bob).await;
    message
        .reject(StatusCode(413), "too much")
        .expect("it is under way");
    let error = within("read", message.read()).await.expect_err("refused");
    assert_eq!(
        (error.kind, error.status),
        (ErrorKind::Status, Some(StatusCode(413)))
    );
    let error = within("answer", transfer.acknowledged())
        .await
        .expect_err("refused");
    assert_eq!(
        (error.kind, error.status),
        (ErrorKind::Status, Some(StatusCode(413)))
    );
    // The session goes on.
    alice.send("small", text()).await.expect("admitted");
    assert_eq!(next(&bob).await.text().await.expect("whole"), "small");
}

#[tokio::test]
async fn an_aborted_message_is_an_error_to_its_reader() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let mut sender = alice.stream(None, text()).await.expect("admitted");
    within("write", sender.write(octets(100_000)))
        .await
        .expect("sent");
    let mut message = next(&bob).await;
    assert_eq!(message.total(), None);
    let transfer = sender.transfer().clone();
    // Without `finish`.
    drop(sender);
    let error = within("read", message.read()).await.expect_err("aborted");
    assert_eq!(error.kind, ErrorKind::Aborted);
    let error = within("fate", transfer.acknowledged())
        .await
        .expect_err("aborted");
    assert_eq!(error.kind, ErrorKind::Aborted);
}

#[tokio::test]
async fn the_end_of_the_session_is_an_error_to_a_reader() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let mut sender = alice
        .stream(Some(1_000_000), text())
        .await
        .expect("admitted");
    within("write", sender.write(octets(100_000)))
        .await
        .expect("sent");
    let mut message = next(&bob).await;
    let reading = tokio::spawn(async move { message.read().await });
    drop(alice);
    within("read", reading)
        .await
        .expect("no panic")
        .expect_err("cut off");
    sender.write("more").await.expect_err("closed");
}

#[tokio::test]
async fn a_message_is_saved_whole_or_not_at_all() {
    let folder = std::env::temp_dir().join(format!("msrp-api-save-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let Pair { alice, bob, .. } = Pair::new().await;
    let source = folder.join("source");
    let body = octets(2_000_000);
    std::fs::write(&source, &body).expect("a file");
    let transfer = alice
        .send(Body::file(&source), reported())
        .await
        .expect("admitted");
    let mut message = next(&bob).await;
    let target = folder.join("target");
    let (mut calls, mut last) = (0, 0);
    let saved = message.save(&target, |written, total| {
        assert!(written >= last && total == Some(2_000_000));
        calls += 1;
        last = written;
    });
    assert_eq!(within("save", saved).await.expect("whole"), 2_000_000);
    assert!(calls > 1 && last == 2_000_000);
    assert!(std::fs::read(&target).expect("saved") == body);
    within("delivered", transfer.delivered(None))
        .await
        .expect("reported");

    let mut sender = alice.stream(None, text()).await.expect("admitted");
    within("write", sender.write(octets(100_000)))
        .await
        .expect("sent");
    let mut message = next(&bob).await;
    drop(sender);
    let missing = folder.join("missing");
    within("save", message.save(&missing, |_, _| {}))
        .await
        .expect_err("aborted");
    let mut left: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .flatten()
        .collect();
    left.sort_by_key(|entry| entry.file_name());
    let left: Vec<_> = left.iter().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["source", "target"]);
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[tokio::test]
async fn octets_that_are_no_text_stay_readable() {
    let Pair { alice, bob, .. } = Pair::new().await;
    alice
        .send(vec![b'o', b'k', 0xff], text())
        .await
        .expect("admitted");
    let mut message = next(&bob).await;
    let error = message.text().await.expect_err("no text");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("octet 2"), "{error}");
    assert_eq!(
        message.read().await.expect("whole"),
        &[b'o', b'k', 0xff][..]
    );
}

#[tokio::test]
async fn interleaved_messages_are_read_at_once() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let bodies: Vec<_> = (1..=4).map(|n| octets(n * 700_000)).collect();
    let mut transfers = Vec::new();
    for body in &bodies {
        transfers.push(
            alice
                .send(body.clone(), reported())
                .await
                .expect("admitted"),
        );
    }
    let mut readers = Vec::new();
    for _ in &bodies {
        let mut message = next(&bob).await;
        readers.push(tokio::spawn(async move {
            (
                message.message_id().to_owned(),
                message.read().await.expect("whole"),
            )
        }));
    }
    for reader in readers {
        let (message_id, read) = within("reader", reader).await.expect("no panic");
        let which = transfers.iter().position(|t| t.message_id() == message_id);
        assert!(read == bodies[which.expect("one of ours")]);
    }
    for transfer in transfers {
        within("delivered", transfer.delivered(DEADLINE))
            .await
            .expect("reported");
    }
}
