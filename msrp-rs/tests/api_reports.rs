//! The async API: success REPORTs in parts, late or never, and types that the peer refused.

mod api_support;

use std::time::Duration;

use api_support::{Pair, next, octets, options, reported, text, within};
use msrp::engine::ChunkLen;
use msrp::error::ErrorKind;
use msrp::{
    CloseReason, Engine, EngineOptions, ReportMode, SendOptions, Session, SessionEvent,
    SessionOptions, StatusCode,
};
use msrp_conformance::covers;

/// Two open sessions; bob makes his own REPORTs.
async fn manual(report_timeout: Option<Duration>) -> (Engine, Session, Session) {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let alice = engine.session(SessionOptions {
        report_timeout,
        chunk_len: ChunkLen::Octets(2048),
        ..options()
    });
    let bob = engine.session(SessionOptions {
        reports: ReportMode::Manual,
        ..options()
    });
    let (alice, bob) = (alice.expect("a session"), bob.expect("a session"));
    let offer = alice.create_offer().expect("an offer");
    let answer = bob.create_answer(&offer).expect("an answer");
    alice.set_remote(&answer).expect("the answer fits");
    let (a, b) = within("open", async {
        tokio::join!(alice.open(None), bob.open(None))
    })
    .await;
    a.expect("alice is open");
    b.expect("bob is open");
    (engine, alice, bob)
}

fn typed(content_type: &str) -> SendOptions {
    SendOptions {
        content_type: content_type.into(),
        success_report: true,
        ..SendOptions::default()
    }
}

#[tokio::test]
async fn rfc4975_7_1_1_what_is_not_confirmed_by_the_end_is_told() {
    let (_engine, alice, bob) = manual(None).await;
    let mut events = alice.events();
    let silent = alice.send("nobody asked", text()).await.expect("admitted");
    let sent = alice.send("x", reported()).await.expect("admitted");
    // Nobody holds this one any more: the events tell all the same.
    let dropped = alice.send("y", reported()).await.expect("admitted");
    for transfer in [&silent, &sent, &dropped] {
        within("acknowledged", transfer.acknowledged())
            .await
            .expect("acknowledged");
    }
    let mut waited = vec![
        sent.message_id().to_owned(),
        dropped.message_id().to_owned(),
    ];
    drop(dropped);
    let end = alice.close(Duration::from_secs(5));
    let (error, reason) =
        within("the end", async { tokio::join!(sent.delivered(None), end) }).await;
    assert_eq!(reason, CloseReason::Local);
    let error = error.expect_err("nobody confirmed it");
    assert_eq!(error.kind, ErrorKind::Gone);
    assert!(error.context.contains("not confirmed"), "{error}");
    let mut told = Vec::new();
    while let Some(event) = within("event", events.next()).await {
        if let SessionEvent::Unconfirmed { message_id, error } = event {
            assert!(error.context.contains("not confirmed"), "{error}");
            told.push(message_id);
        }
    }
    told.sort_unstable();
    waited.sort_unstable();
    assert_eq!(told, waited);
    drop(bob);
    covers!("C-232");
}

#[tokio::test]
async fn what_is_not_confirmed_says_how_the_session_failed() {
    let (_engine, alice, bob) = manual(None).await;
    let sent = alice.send("x", reported()).await.expect("admitted");
    within("acknowledged", sent.acknowledged())
        .await
        .expect("acknowledged");
    next(&bob).await;
    // Ends at once.
    drop(bob);
    let error = within("the end", sent.delivered(None))
        .await
        .expect_err("nobody confirmed it");
    assert_eq!(error.kind, ErrorKind::Connect);
    assert!(error.context.contains("not confirmed"), "{error}");
    covers!("C-232");
}

#[tokio::test]
async fn rfc4975_7_1_1_an_own_time_for_success_reports() {
    let (_engine, alice, bob) = manual(Some(Duration::from_millis(1))).await;
    let mut events = alice.events();
    let sent = alice.send("x", reported()).await.expect("admitted");
    let error = within("unconfirmed", sent.delivered(None))
        .await
        .expect_err("nobody confirmed it in time");
    assert_eq!(error.kind, ErrorKind::Timeout);
    let told = within("event", events.next()).await;
    assert!(
        matches!(&told, Some(SessionEvent::Unconfirmed { message_id, .. }) if message_id == sent.message_id()),
        "{told:?}"
    );
    // Late is not never, and it is not told again at the end.
    let message = next(&bob).await;
    message.report(StatusCode(200), "").expect("manual");
    within("delivered", async {
        while sent.delivered(None).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    alice.close(Duration::from_secs(5)).await;
    while let Some(event) = within("event", events.next()).await {
        assert!(
            !matches!(event, SessionEvent::Unconfirmed { .. }),
            "{event:?}"
        );
    }
    covers!("C-231");
}

#[tokio::test]
async fn rfc4975_7_1_3_a_message_is_reported_while_it_comes() {
    let (_engine, alice, bob) = manual(None).await;
    let mut events = alice.events();
    let mut stream = alice.stream(None, reported()).await.expect("admitted");
    stream.write(octets(5000)).await.expect("written");
    let mut message = next(&bob).await;
    let mut seen = 0;
    while seen < 2048 {
        let part = within("a part", message.next_part()).await.expect("a part");
        seen += part.expect("more comes").len() as u64;
    }
    // Whatever of it is in chunks that have ended; the sender sees how far it got.
    let mut confirmed = 0;
    within("a report of a part", async {
        while confirmed == 0 {
            message
                .report_range(0..seen, StatusCode(200), "so far")
                .expect("manual");
            tokio::select! {
                event = events.next() => {
                    if let Some(SessionEvent::Report { range: Some(range), comment, .. }) = event {
                        assert_eq!((range.start, comment.as_str()), (1, "so far"));
                        assert_eq!(range.total, None);
                        confirmed = range.end.expect("an end");
                    }
                }
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    })
    .await;
    assert!((1..=5000).contains(&confirmed), "{confirmed}");
    stream.write(octets(10)).await.expect("written");
    let sent = stream.finish();
    let rest = within("the rest", async {
        while let Some(part) = message.next_part().await.expect("whole") {
            seen += part.len() as u64;
        }
        seen
    });
    assert_eq!(rest.await, 5010);
    message.report(StatusCode(200), "all").expect("manual");
    let last = within("delivered", sent.delivered(None))
        .await
        .expect("delivered");
    assert_eq!(last.comment, "all");
    assert!(message.report_range(3..3, StatusCode(200), "").is_err());
    covers!("C-211", "C-212", "C-215");
}

#[tokio::test]
async fn rfc4975_10_6_a_type_that_was_answered_415_is_not_sent_again() {
    let Pair { alice, bob, .. } = Pair::with(EngineOptions::default(), options()).await;
    let large = alice
        .send(octets(20_000_000), typed("image/x-huge"))
        .await
        .expect("admitted");
    next(&bob)
        .await
        .reject(StatusCode(415), "no pictures")
        .expect("under way");
    let error = within("failed", large.acknowledged())
        .await
        .expect_err("refused");
    assert_eq!(error.status, Some(StatusCode(415)));
    let refused = alice.send("x", typed("IMAGE/x-huge;q=1")).await;
    let error = refused.expect_err("refused here");
    assert_eq!(error.kind, ErrorKind::UnacceptedType);
    assert!(error.context.contains("image/x-huge with 415"), "{error}");
    let other = alice
        .send("x", typed("text/plain"))
        .await
        .expect("admitted");
    next(&bob).await.read().await.expect("whole");
    within("delivered", other.delivered(None))
        .await
        .expect("delivered");
    // The other direction is another matter.
    bob.send("x", typed("image/x-huge"))
        .await
        .expect("admitted");
    assert_eq!(next(&alice).await.content_type(), "image/x-huge");
    covers!("C-245", "T-51");
}
