//! The async API: SDP with several sessions in one text, and value by value.

#![cfg(feature = "net")]

mod api_support;

use api_support::{next, options, text, within};
use msrp::sdp::{Attribute, Direction, MediaBuilder, MediaDescription, SessionDescription};
use msrp::{
    Engine, EngineOptions, ErrorKind, ListenOptions, Listener, Session, SessionOptions,
    SessionState,
};
use msrp_conformance::covers;

fn engine() -> Engine {
    Engine::new(EngineOptions::default()).expect("an engine")
}

fn session(engine: &Engine) -> Session {
    engine.session(options()).expect("a session")
}

fn ports(text: &str) -> Vec<u16> {
    let parsed = SessionDescription::parse(text).expect("an SDP");
    parsed.media_lines().map(|line| line.port).collect()
}

fn version(text: &str) -> u64 {
    let line = text.lines().nth(1).expect("an o= line");
    let field = line.split(' ').nth(2).expect("a version");
    field.parse().expect("a number")
}

async fn opened(sessions: &[&Session]) {
    for session in sessions {
        within("open", session.open(None)).await.expect("open");
    }
}

async fn says(from: &Session, to: &Session, what: &'static str) {
    within("send", from.send(what, text())).await.expect("sent");
    assert_eq!(next(to).await.text().await.expect("whole"), what);
}

/// The values of one side as a SIP stack would give them to the other.
fn carried(media: &MediaDescription) -> MediaBuilder {
    let protocol = media.protocol.name();
    let mut builder = MediaBuilder::new("message", media.port, protocol, "*").expect("valid");
    if let Some(address) = &media.address {
        builder.address(&address.to_string()).expect("valid");
    }
    for attribute in media.written_attributes() {
        builder
            .attribute(attribute.name(), attribute.value())
            .expect("valid");
    }
    builder
}

#[tokio::test]
async fn values_are_as_good_as_a_text() {
    let engine = engine();
    let label = Attribute::new("label", Some("7")).expect("valid");
    let flag = Attribute::new("x-flag", None).expect("valid");
    let alice = engine
        .session(SessionOptions {
            title: Some("a chat".to_owned()),
            attributes: vec![label.clone(), flag.clone()],
            ..options()
        })
        .expect("a session");
    let bob = session(&engine);
    assert_eq!(bob.remote_description(), Ok(None));

    let offer = alice.local_description().expect("an offer");
    assert_eq!(offer.attributes, [label.clone(), flag.clone()]);
    assert_eq!(offer.title.as_deref(), Some("a chat"));
    bob.set_remote_attributes(carried(&offer)).expect("taken");
    let heard = bob.remote_description().expect("alive").expect("known");
    assert_eq!(heard.attributes, [label.clone(), flag]);
    assert_eq!(heard.path, offer.path);
    // The answer has the label of the offer.
    bob.set_attributes(vec![label.clone()]).expect("valid");
    let answer = bob.local_description().expect("an answer");
    assert_eq!(answer.attributes, [label]);
    alice
        .set_remote_attributes(carried(&answer))
        .expect("taken");
    opened(&[&alice, &bob]).await;
    says(&alice, &bob, "hello").await;
    covers!("S-149", "S-153");
}

#[tokio::test]
async fn rfc4975_8_8_a_session_is_accepted_quietly_and_its_messages_are_there_at_once() {
    let engine = engine();
    let (alice, bob) = (session(&engine), session(&engine));
    let offer = alice.create_offer().expect("an offer");
    // The answer is all that the answerer's host does: no call says that somebody accepted.
    let answer = bob.create_answer(&offer).expect("an answer");
    alice.set_remote(&answer).expect("the answer fits");
    opened(&[&alice]).await;
    says(&alice, &bob, "are you there?").await;
    assert_eq!(bob.state(), SessionState::Open);
    covers!("S-160");
}

#[tokio::test]
async fn one_offer_and_one_answer_hold_several_sessions() {
    let engine = engine();
    let listener = |host: &str| {
        let host = host.to_owned();
        let options = ListenOptions {
            host,
            ..ListenOptions::default()
        };
        engine.listen(options).expect("a listener")
    };
    // Those of one side share a port.
    let (one, other) = (listener("127.0.0.1"), listener("127.0.0.1"));
    let at = |listener: &Listener| {
        let listener = Some(listener.handle());
        let options = SessionOptions {
            listener,
            ..options()
        };
        engine.session(options).expect("a session")
    };
    let (alice, carol) = (at(&one), at(&one));
    let (bob, dave) = (at(&other), at(&other));
    let offer = engine
        .offer_sessions(&[(0, &alice), (1, &carol)], None)
        .expect("an offer");
    assert_eq!(ports(&offer), [one.local_addr().port(); 2]);
    let mixed = offer.replacen("m=message", "m=audio 4000 RTP/AVP 0\r\nm=message", 1);

    // One line is of another medium: nobody is changed.
    let error = engine
        .answer_sessions(&mixed, &[(1, &bob), (0, &dave)], None)
        .expect_err("audio");
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert!(error.context.contains("m-line 1"), "{error}");
    assert_eq!(bob.remote_path(), Ok(None));
    for wrong in [
        &[][..],
        &[(1, &bob), (1, &dave)],
        &[(1, &bob), (2, &bob)],
        &[(1, &bob), (3, &dave)],
    ] {
        let error = engine.answer_sessions(&mixed, wrong, None);
        assert_eq!(error.expect_err("wrong").kind, ErrorKind::InvalidArgument);
    }

    // The last SDP of this side has the last version that there is: nobody is changed either.
    let mut fields: Vec<_> = offer.split(' ').collect();
    let most = i64::MAX.to_string();
    fields[2] = &most;
    let spent = fields.join(" ");
    let error = engine
        .answer_sessions(&mixed, &[(1, &bob), (2, &dave)], Some(&spent))
        .expect_err("no next version");
    assert_eq!(error.kind, ErrorKind::InvalidSdp);
    assert_eq!(
        (bob.remote_path(), dave.remote_path()),
        (Ok(None), Ok(None))
    );

    let answer = engine
        .answer_sessions(&mixed, &[(2, &dave), (1, &bob)], None)
        .expect("an answer");
    let port = other.local_addr().port();
    assert_eq!(ports(&answer), [0, port, port]);
    alice.set_remote_media(&answer, 1).expect("the answer fits");
    carol.set_remote_media(&answer, 2).expect("the answer fits");
    opened(&[&alice, &bob, &carol, &dave]).await;
    says(&alice, &bob, "one").await;
    says(&dave, &carol, "two").await;

    // The same offer again: the same answer, octet for octet.
    let again = engine
        .answer_sessions(&mixed, &[(1, &bob), (2, &dave)], Some(&answer))
        .expect("an answer");
    assert_eq!(again, answer);
    says(&bob, &alice, "three").await;
    covers!("S-007", "S-008", "S-130", "S-134");
}

#[tokio::test]
async fn rfc3264_8_1_a_line_that_is_over_is_there_for_another_session() {
    let engine = engine();
    let (alice, carol, erin) = (session(&engine), session(&engine), session(&engine));
    let (bob, dave, frank) = (session(&engine), session(&engine), session(&engine));
    let first = engine
        .offer_sessions(&[(0, &alice), (1, &carol)], None)
        .expect("an offer");
    let answer = engine
        .answer_sessions(&first, &[(0, &bob), (1, &dave)], None)
        .expect("an answer");
    alice.set_remote_media(&answer, 0).expect("fits");
    carol.set_remote_media(&answer, 1).expect("fits");
    opened(&[&alice, &carol]).await;

    // Carol's is over, and Erin's begins in its place, while Alice's goes on.
    within("close", carol.close(None)).await;
    let over = engine
        .offer_sessions(&[(0, &alice)], Some(&first))
        .expect("an offer");
    assert_eq!(ports(&over)[1], 0);
    assert_eq!(version(&over), version(&first) + 1);
    let refused = engine
        .answer_sessions(&over, &[(0, &bob)], Some(&answer))
        .expect("an answer");
    assert_eq!(ports(&refused)[1], 0);
    alice.set_remote_media(&refused, 0).expect("fits");

    let next_offer = engine
        .offer_sessions(&[(0, &alice), (1, &erin)], Some(&over))
        .expect("an offer");
    assert_eq!(version(&next_offer), version(&over) + 1);
    let next_answer = engine
        .answer_sessions(&next_offer, &[(0, &bob), (1, &frank)], Some(&refused))
        .expect("an answer");
    assert_eq!(version(&next_answer), version(&refused) + 1);
    alice.set_remote_media(&next_answer, 0).expect("fits");
    erin.set_remote_media(&next_answer, 1).expect("fits");
    opened(&[&erin, &frank]).await;
    says(&erin, &frank, "in the same slot").await;
    says(&alice, &bob, "and still here").await;
    covers!("S-132", "S-143");
}

#[tokio::test]
async fn rfc3264_5_1_what_an_offer_takes_may_come_before_its_answer() {
    let api_support::Pair { engine, alice, bob } = api_support::Pair::new().await;
    bob.set_direction(Direction::SendOnly).expect("set");
    let hold = bob.create_offer().expect("an offer");
    bob.set_remote(&alice.create_answer(&hold).expect("an answer"))
        .expect("fits");
    assert!(alice.send_now("held", text()).is_err());

    // Bob takes messages again from this offer on: the answer may be slower than what Alice says.
    bob.set_direction(Direction::SendRecv).expect("set");
    let offer = bob.create_offer().expect("an offer");
    let answer = alice.create_answer(&offer).expect("an answer");
    let early = within("send", alice.send("early", text())).await;
    assert_eq!(next(&bob).await.text().await.expect("whole"), "early");
    let early = early.expect("sent");
    within("answer", early.acknowledged())
        .await
        .expect("not refused");
    bob.set_remote(&answer).expect("fits");
    says(&alice, &bob, "and on").await;
    drop(engine);
    covers!("S-140", "S-144");
}
