//! The async API: a chat line and a very large message of one session, over real connections.

#![cfg(feature = "net")]

mod api_support;

use api_support::{Pair, next, text, within};
use bytes::Bytes;
use msrp::{Body, ErrorKind, SendOptions};
use msrp_conformance::covers;

const GIB: u64 = 1 << 30;

#[tokio::test]
async fn a_chat_line_is_delivered_before_the_gibibyte_it_was_sent_behind() {
    let Pair { alice, bob, .. } = Pair::new().await;
    // One mebibyte again and again: the message is large, the test is not.
    let block = Bytes::from(vec![b'x'; 1 << 20]);
    let mut sender = alice.stream(Some(GIB), text()).await.expect("a free slot");
    let mut large = {
        within("write", sender.write(block.clone()))
            .await
            .expect("sent");
        next(&bob).await
    };
    let reader = tokio::spawn(async move {
        let mut received = 0;
        let error = loop {
            match large.next_part().await {
                Ok(Some(part)) => received += part.len() as u64,
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        (received, error)
    });
    for _ in 0..32 {
        within("write", sender.write(block.clone()))
            .await
            .expect("sent");
    }
    let written_before = sender.transfer().sent_bytes();
    let line = alice
        .send(Body::from("how far are you?"), SendOptions::default())
        .await
        .expect("admitted");
    // The large message goes on all the while.
    let writer = tokio::spawn(async move {
        loop {
            if sender.write(block.clone()).await.is_err() {
                return sender;
            }
            if sender.transfer().sent_bytes() > 512 << 20 {
                return sender;
            }
        }
    });
    let received = next(&bob).await.text().await.expect("whole");
    assert_eq!(received, "how far are you?");
    within("acknowledged", line.acknowledged())
        .await
        .expect("answered");
    let sender = within("writer", writer).await.expect("no panic");
    assert!(sender.transfer().sent_bytes() >= written_before);
    assert!(sender.transfer().sent_bytes() < GIB, "the line came first");
    sender.transfer().abort().expect("under way");
    let (received, error) = within("reader", reader).await.expect("no panic");
    assert!(received < GIB);
    assert_eq!(error.expect("cut short").kind, ErrorKind::Aborted);
    covers!("C-129");
}
