//! Handles that are late, foreign or invented name nothing, never what came after or what is elsewhere.

mod engine_support;

use std::time::Duration;

use engine_support::{Host, pair};
use msrp::engine::{
    Engine, EngineOptions, Event, ListenOptions, ListenerHandle, MessageHandle, SendBody,
    SendOptions, SessionHandle, SessionOptions, TransferHandle,
};
use msrp::error::{Error, ErrorKind};
use msrp::proto::ReportMode;
use msrp::wire::StatusCode;

#[track_caller]
fn assert_gone<T: std::fmt::Debug>(what: &str, handle: u64, result: Result<T, Error>) {
    match result {
        Err(error) if error.kind == ErrorKind::Gone => {}
        other => panic!("{what} of {handle:#x}: {other:?}"),
    }
}

/// Every call that takes a session.
#[track_caller]
fn session_is_gone(engine: &Engine, session: SessionHandle) {
    let gone = |what, result: Result<(), Error>| assert_gone(what, session.0, result);
    let options = SendOptions::default;
    let body = || SendBody::Bytes(b"stray".to_vec().into());
    gone("state", engine.state(session).map(drop));
    gone("local_path", engine.local_path(session).map(drop));
    gone("remote_path", engine.remote_path(session).map(drop));
    gone("local_media", engine.local_media(session).map(drop));
    gone("create_offer", engine.create_offer(session).map(drop));
    gone(
        "set_remote_path",
        engine.set_remote_path(session, "msrp://127.0.0.1:1/abcdefgh12;tcp", true, "*"),
    );
    gone("open", engine.open(session, None));
    gone("send", engine.send(session, options(), body()).map(drop));
    gone("pause", engine.pause(session));
    gone("resume", engine.resume(session));
    gone("consume", engine.consume(session, 1 << 30));
    gone("taken", engine.taken(session, &[MessageHandle(session.0)]));
    gone("close", engine.close(session, Some(Duration::ZERO)));
    gone("abort_session", engine.abort_session(session));
}

/// Every call that takes a transfer or a message.
#[track_caller]
fn parts_are_gone(engine: &Engine, transfer: TransferHandle, message: MessageHandle) {
    let gone = |what, result: Result<(), Error>| assert_gone(what, transfer.0, result);
    gone("message_id", engine.message_id(transfer).map(drop));
    gone("progress", engine.transfer_progress(transfer).map(drop));
    gone("push", engine.stream_push(transfer, b"x".to_vec().into()));
    gone("flush", engine.stream_flush(transfer));
    gone("end", engine.stream_end(transfer));
    gone("abort", engine.abort(transfer));
    let gone = |what, result: Result<(), Error>| assert_gone(what, message.0, result);
    gone("reject", engine.reject(message, StatusCode(413), ""));
    gone("report", engine.report(message, StatusCode(200), ""));
}

#[test]
fn late_handles_never_reach_who_has_their_slot_now() {
    let (a, b) = (Host::new(), Host::new());
    let mut sessions = Vec::new();
    let mut transfers = Vec::new();
    let mut messages = Vec::new();
    for round in 0..30 {
        let (one, two) = (
            a.session(),
            b.session_with(SessionOptions {
                reports: ReportMode::Manual,
                ..SessionOptions::default()
            }),
        );
        let offer = a.engine.create_offer(one).expect("an offer");
        let answer = b
            .engine
            .create_answer(two, &offer, None)
            .expect("an answer");
        a.engine.set_remote(one, &answer, None).expect("taken");
        a.engine.open(one, None).expect("dials");
        a.wait_opened(one);
        b.wait_opened(two);
        let stream = a
            .engine
            .send(one, SendOptions::default(), SendBody::Stream(None))
            .expect("admitted")
            .transfer;
        let sent = a.send(one, "hello");
        a.wait_acknowledged(sent);
        b.wait_messages(two, 1);
        let message = b.seen(|seen| {
            seen.events.iter().find_map(|(session, event)| match event {
                Event::Message { message, .. } if *session == two => Some(*message),
                _ => None,
            })
        });

        // All that went before, on both engines, while new sessions are in the same slots.
        for session in &sessions {
            session_is_gone(&a.engine, *session);
            session_is_gone(&b.engine, *session);
        }
        for (transfer, message) in transfers.iter().zip(&messages) {
            for engine in [&a.engine, &b.engine] {
                parts_are_gone(engine, *transfer, *message);
            }
        }
        // Theirs are nothing to the other engine, either.
        session_is_gone(&b.engine, one);
        session_is_gone(&a.engine, two);
        let message = message.expect("one came");
        parts_are_gone(&b.engine, stream, MessageHandle(sent.0));
        parts_are_gone(&a.engine, TransferHandle(message.0), message);

        // Nothing of all this has touched the ones that are there.
        assert!(a.engine.transfer_progress(stream).is_ok(), "round {round}");
        let again = a.send(one, "and again");
        a.wait_acknowledged(again);
        let received = b.wait_messages(two, 2);
        assert_eq!(received[1].body, b"and again");
        b.engine
            .report(message, StatusCode(200), "")
            .expect("its own is known");
        sessions.extend([one, two]);
        transfers.extend([stream, sent]);
        messages.extend([message, message]);
        a.engine.close(one, Some(Duration::ZERO)).expect("alive");
        a.wait_closed(one);
        b.wait_closed(two);
    }
    let slots: std::collections::HashSet<u64> = sessions
        .iter()
        .step_by(2)
        .map(|session| session.0 >> 32)
        .collect();
    assert_eq!(slots.len(), 1, "the slot was used again");
}

#[test]
fn invented_handles_name_nothing() {
    let (a, b) = (Host::new(), Host::new());
    let (one, _two) = pair(&a, &b);
    let sent = a.send(one, "hello");
    for handle in [
        0,
        1,
        u64::from(u32::MAX),
        u64::MAX,
        one.0 & !u64::from(u32::MAX),
        one.0 ^ 1,
        one.0 ^ 1 << 32,
        one.0 ^ 1 << 55,
        one.0 ^ 1 << 63,
        one.0 + 1,
    ] {
        session_is_gone(&a.engine, SessionHandle(handle));
        assert_gone(
            "listener",
            handle,
            a.engine.listener_address(ListenerHandle(handle)),
        );
    }
    for handle in [
        0,
        1,
        u64::MAX,
        sent.0 ^ 1 << 32,
        sent.0 ^ 1 << 63,
        sent.0 + 1000,
    ] {
        parts_are_gone(&a.engine, TransferHandle(handle), MessageHandle(handle));
    }
    a.wait_acknowledged(sent);
}

#[test]
fn a_late_listener_handle_names_no_later_listener() {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let options = || ListenOptions {
        host: "127.0.0.1".into(),
        ..ListenOptions::default()
    };
    let mut late: Vec<ListenerHandle> = Vec::new();
    for _ in 0..20 {
        let listener = engine.listen(options()).expect("a port");
        for handle in &late {
            assert_gone("address", handle.0, engine.listener_address(*handle));
            assert_gone("close", handle.0, engine.close_listener(*handle));
        }
        assert!(engine.listener_address(listener).is_ok());
        engine.close_listener(listener).expect("open");
        late.push(listener);
    }
}

#[test]
fn the_256th_engine_does_not_know_the_handles_of_the_first() {
    let (a, b) = (Host::new(), Host::new());
    let (one, _two) = pair(&a, &b);
    let stream = a
        .engine
        .send(one, SendOptions::default(), SendBody::Stream(None))
        .expect("admitted")
        .transfer;
    let same = (0..1000)
        .map(|_| Host::new())
        .map(|host| (host.session(), host))
        .find(|(session, _)| session.0 >> 56 == one.0 >> 56);
    let (late, host) = same.expect("8 bits of a handle are the engine's number");
    session_is_gone(&host.engine, one);
    session_is_gone(&a.engine, late);
    parts_are_gone(&host.engine, stream, MessageHandle(stream.0));
    assert!(a.engine.state(one).is_ok() && host.engine.state(late).is_ok());
    assert!(a.engine.transfer_progress(stream).is_ok());
}
