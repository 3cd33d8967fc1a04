//! A link of a relay forwards what it receives, answers it hop by hop, and tells of failures (RFC 4976 §6.4).

mod link_support;

use std::time::Duration;

use link_support::*;

#[test]
fn a_send_goes_through_and_is_answered_hop_by_hop() {
    let mut relay = Relay::pair();
    relay.say(A, send("tid1", "1-5/5", b"hello", '$'));
    // Answered at once, to the previous hop alone.
    let answers = relay.got(A);
    assert_eq!(answers.len(), 1);
    assert_eq!(
        (answers[0].status(), answers[0].tid()),
        (Some(200), "tid1".into())
    );
    assert_eq!(answers[0].text("To-Path"), ALICE);
    assert_eq!(answers[0].text("From-Path"), TOKEN);
    let sent = relay.got(B);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].line(), "SEND 1-5/5 5$");
    assert_eq!(sent[0].body, b"hello");
    assert_eq!(sent[0].text("To-Path"), BOB);
    assert_eq!(sent[0].text("From-Path"), format!("{TOKEN} {ALICE}"));
    assert_ne!(sent[0].tid(), "tid1");
    relay.say(B, response(&sent[0], 200));
    relay.pass(Duration::from_secs(60));
    assert!(relay.got(A).is_empty());
    // And back.
    let back = begin_from(
        "tid2",
        &format!("{TOKEN} {ALICE}"),
        BOB,
        "back1",
        "Byte-Range: 1-2/2\r\n",
    );
    relay.say(B, [&back[..], b"ho\r\n-------tid2$\r\n"].concat());
    assert_eq!(relay.lines(B), ["200"]);
    let sent = relay.got(A);
    assert_eq!(sent[0].text("From-Path"), format!("{TOKEN} {BOB}"));
    assert_eq!(sent[0].text("To-Path"), ALICE);
}

#[test]
fn silence_becomes_a_report() {
    let mut relay = Relay::pair();
    relay.say(A, send("tid1", "1-5/5", b"hello", '$'));
    assert_eq!(relay.lines(A), ["200"]);
    relay.pass(Duration::from_millis(29_999));
    assert!(relay.got(A).is_empty());
    relay.pass(Duration::from_millis(1));
    let got = relay.got(A);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].line(), "REPORT 000 408 Request Timeout 1-5/5");
    assert_eq!(got[0].text("To-Path"), ALICE);
    assert_eq!(got[0].text("From-Path"), TOKEN);
    assert_eq!(got[0].text("Message-ID"), "mess1");
    assert!(got[0].text("Failure-Report").is_empty());
}
