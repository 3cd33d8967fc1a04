//! The async API: sessions.

#![cfg(feature = "net")]

mod api_support;

use std::time::Duration;

use api_support::{DEADLINE, Pair, next, options, text, within};
use msrp::{
    Adopt, CloseReason, Engine, EngineOptions, ErrorKind, ListenOptions, SelfSigned, Session,
    SessionEvent, SessionOptions, SessionState, TlsConfig,
};

/// Two sessions that know each other and are not open.
fn strangers() -> (Engine, Session, Session) {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let alice = engine.session(options()).expect("a session");
    let bob = engine.session(options()).expect("a session");
    let answer = bob
        .create_answer(&alice.create_offer().expect("an offer"))
        .expect("an answer");
    alice.set_remote(&answer).expect("the answer fits");
    (engine, alice, bob)
}

#[tokio::test]
async fn futures_may_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let Pair { alice, bob, .. } = Pair::new().await;
    within("text", is_send(alice.send("hello", text())))
        .await
        .expect("admitted");
    let mut message = within("text", is_send(bob.recv()))
        .await
        .expect("a message");
    is_send(message.read()).await.expect("whole");
    let mut events = bob.events();
    drop(is_send(events.next()));
    drop(is_send(message.save("/nowhere", |_, _| {})));
    is_send(bob.close(DEADLINE)).await;
}

#[tokio::test]
async fn texts_go_both_ways_in_their_order() {
    let Pair { alice, bob, .. } = Pair::new().await;
    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        for number in 0..100 {
            let sent = from.send(format!("text {number}"), text());
            within("send", sent).await.expect("admitted");
        }
        for number in 0..100 {
            let mut message = next(to).await;
            assert_eq!(message.content_type(), "text/plain");
            assert_eq!(
                message.text().await.expect("whole"),
                format!("text {number}")
            );
        }
    }
}

#[tokio::test]
async fn more_than_the_window_is_sent_by_waiting() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let count = 5000_u32;
    let sender = tokio::spawn(async move {
        let mut last = None;
        for number in 0..count {
            let body = format!("{number:0>200}");
            last = Some(alice.send(body, text()).await.expect("admitted"));
        }
        last.expect("one was sent")
            .acknowledged()
            .await
            .expect("acknowledged");
        alice
    });
    let mut expected = 0;
    while expected < count {
        let messages = within("messages", bob.recv_many(256)).await;
        assert!(!messages.is_empty() && messages.len() <= 256);
        for mut message in messages {
            let text = message.text().await.expect("whole");
            assert_eq!(text.parse(), Ok(expected));
            expected += 1;
        }
    }
    within("sender", sender).await.expect("no panic");
}

#[tokio::test]
async fn a_full_window_is_told_to_those_who_do_not_wait() {
    let (_engine, alice, bob) = strangers();
    let error = loop {
        if let Err(error) = alice.send_now(vec![b'x'; 32 * 1024], text()) {
            break error;
        }
    };
    assert_eq!(error.kind, ErrorKind::Again);
    // One who waits gets its turn when the window opens.
    let waiting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.send("after all", text()).await.map(drop) }
    });
    let opened = within("open", async {
        tokio::join!(alice.open(None), bob.open(None))
    });
    opened.await.0.expect("open");
    while next(&bob).await.read().await.expect("whole") != "after all" {}
    within("the waiting one", waiting)
        .await
        .expect("no panic")
        .expect("admitted");
}

#[tokio::test]
async fn a_cancelled_send_is_not_sent() {
    // Before they are open nothing leaves the window.
    let (_engine, alice, bob) = strangers();
    let mut filling = 0;
    while alice.send_now(vec![b'x'; 32 * 1024], text()).is_ok() {
        filling += 1;
    }
    let mut cancelled = Box::pin(alice.send(vec![b'n'; 32 * 1024], text()));
    let mut last = Box::pin(alice.send(vec![b'l'; 32 * 1024], text()));
    for future in [&mut cancelled, &mut last] {
        let looked = tokio::time::timeout(Duration::ZERO, future).await;
        assert!(looked.is_err(), "the window is full");
    }
    drop(cancelled);
    let opened = within("open", async {
        tokio::join!(alice.open(None), bob.open(None))
    });
    opened.await.0.expect("open");
    let receiver = tokio::spawn(async move {
        let mut first = Vec::new();
        for _ in 0..=filling {
            first.push(next(&bob).await.read().await.expect("whole")[0]);
        }
        first
    });
    within("send", last).await.expect("admitted");
    let first = within("receiver", receiver).await.expect("no panic");
    assert_eq!(first.last(), Some(&b'l'));
    assert!(!first.contains(&b'n'));
}

#[tokio::test]
async fn close_finishes_what_is_under_way_and_both_sides_learn_why() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let transfer = alice.send("goodbye", text()).await.expect("admitted");
    let reason = within("close", alice.close(DEADLINE)).await;
    assert_eq!(reason, CloseReason::Local);
    transfer.acknowledged().await.expect("it was finished");
    assert_eq!(alice.state(), SessionState::Closed);
    assert_eq!(next(&bob).await.text().await.expect("whole"), "goodbye");
    assert!(within("the end", bob.recv()).await.is_none());
    assert_eq!(bob.close_reason(), Some(CloseReason::PeerClosed));
    let error = bob.send("too late", text()).await.expect_err("closed");
    assert_eq!(error.kind, ErrorKind::Gone);
    let error = alice.send("too late", text()).await.expect_err("closed");
    assert_eq!(error.kind, ErrorKind::Gone);
    // Said again, it says the same.
    assert_eq!(within("close", alice.close(None)).await, CloseReason::Local);
    assert!(alice.recv().await.is_none());
}

#[tokio::test]
async fn a_dropped_session_ends_at_once() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let mut last = bob.clone();
    drop(bob);
    within("text", last.send("a clone keeps it", text()))
        .await
        .expect("admitted");
    assert_eq!(
        next(&alice).await.text().await.expect("whole"),
        "a clone keeps it"
    );
    last = alice;
    drop(last);
}

#[tokio::test]
async fn the_end_wakes_everyone_who_waits() {
    let Pair { alice, bob, .. } = Pair::new().await;
    let receiver = tokio::spawn({
        let bob = bob.clone();
        async move { bob.recv().await.is_none() }
    });
    let closed = tokio::spawn({
        let bob = bob.clone();
        async move { bob.closed().await }
    });
    let mut events = bob.events();
    let events = tokio::spawn(async move {
        let mut states = Vec::new();
        while let Some(event) = events.next().await {
            if let SessionEvent::State(state) = event {
                states.push(state);
            }
        }
        states
    });
    drop(alice);
    assert!(within("recv", receiver).await.expect("no panic"));
    assert_eq!(
        within("closed", closed).await.expect("no panic"),
        CloseReason::PeerClosed
    );
    let states = within("events", events).await.expect("no panic");
    assert_eq!(states.last(), Some(&SessionState::Closed));
}

#[tokio::test]
async fn a_session_needs_no_sdp() {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let listener = engine
        .listen(ListenOptions {
            host: "127.0.0.1".into(),
            ..ListenOptions::default()
        })
        .expect("a listener");
    assert_ne!(listener.local_addr().port(), 0);
    let alice = engine.session(options()).expect("a session");
    let on_listener = SessionOptions {
        listener: Some(listener.handle()),
        ..options()
    };
    let bob = engine.session(on_listener).expect("a session");
    let path = |session: &Session| session.local_path().expect("alive").to_string();
    assert!(path(&bob).contains(&listener.local_addr().port().to_string()));
    alice
        .set_remote_path(&path(&bob), true, "*")
        .expect("a path");
    bob.set_remote_path(&path(&alice), false, "*")
        .expect("a path");
    let (a, b) = within("open", async {
        tokio::join!(alice.open(None), bob.open(None))
    })
    .await;
    a.expect("open");
    b.expect("open");
    let remote = alice.remote_path().expect("alive").expect("known");
    assert_eq!(remote.to_string(), path(&bob));
    within("send", alice.send("by path", text()))
        .await
        .expect("admitted");
    assert_eq!(next(&bob).await.text().await.expect("whole"), "by path");
}

#[tokio::test]
async fn what_is_known_of_a_session_outlives_it() {
    let tls = TlsConfig::self_signed(["anonymous.invalid"], &SelfSigned::default());
    let tls = SessionOptions {
        secure: true,
        tls: Some(tls.expect("made")),
        ..options()
    };
    for options in [options(), tls] {
        let is_secure = options.secure;
        let Pair { engine, alice, bob } = Pair::with(EngineOptions::default(), options).await;
        let known = |session: &Session| {
            let path = session.local_path().expect("a path");
            let theirs = session.remote_path().expect("known").expect("a path");
            let shown = session.peer_certificate().expect("known");
            (path, theirs, shown)
        };
        let before = (known(&alice), known(&bob));
        assert_eq!(before.0.2.is_some(), is_secure);
        let closed = within("close", async {
            tokio::join!(alice.close(None), bob.closed())
        })
        .await;
        assert_eq!(closed.0, CloseReason::Local);
        assert_eq!((known(&alice), known(&bob)), before);
        // Whose end was never told knows nothing any more.
        let third = engine
            .session(SessionOptions::default())
            .expect("a session");
        drop((alice, bob));
        engine.shutdown(DEADLINE).await;
        assert_eq!(third.remote_path(), Ok(None));
        assert!(third.local_path().is_ok());
    }
}

#[tokio::test]
async fn open_says_why_it_failed() {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let early = engine.session(options()).expect("a session");
    let error = early.open(None).await.expect_err("no remote side");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);

    // Nobody comes.
    early
        .set_remote_path("msrp://127.0.0.1:9/nobody;tcp", false, "*")
        .expect("a path");
    let opened = early.open(Duration::from_millis(20));
    let error = within("open", opened).await.expect_err("nobody connects");
    assert_eq!(error.kind, ErrorKind::Timeout);

    // Nobody listens: the port was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let session = engine.session(options()).expect("a session");
    let path = format!("msrp://127.0.0.1:{port}/nobody;tcp");
    session.set_remote_path(&path, true, "*").expect("a path");
    let error = within("open", session.open(None))
        .await
        .expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Connect);
    // The reason stays.
    let error = within("open", session.open(None))
        .await
        .expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Connect);
}

#[tokio::test]
async fn a_peer_that_is_quick_is_received_all_the_same() {
    let (_engine, alice, bob) = strangers();
    within("open", alice.open(None)).await.expect("open");
    let transfer = alice.send("in and out", text()).await.expect("admitted");
    within("acknowledged", transfer.acknowledged())
        .await
        .expect("acknowledged");
    alice.close(DEADLINE).await;
    // The peer has long gone.
    within("open", bob.open(None)).await.expect("it was open");
    assert_eq!(next(&bob).await.text().await.expect("whole"), "in and out");
    assert!(bob.recv().await.is_none());
}

#[tokio::test]
async fn a_type_the_peer_does_not_take_is_refused_here() {
    let only_text = SessionOptions {
        accept_types: Some(vec!["text/plain".into()]),
        ..options()
    };
    let Pair {
        alice, bob: _bob, ..
    } = Pair::with(EngineOptions::default(), only_text).await;
    let options = msrp::SendOptions {
        content_type: "image/png".into(),
        ..text()
    };
    let error = alice
        .send("no picture", options)
        .await
        .expect_err("refused");
    assert_eq!(error.kind, ErrorKind::UnacceptedType);
}

#[tokio::test]
async fn shutdown_ends_every_session_and_the_engine() {
    let Pair { engine, alice, bob } = Pair::new().await;
    let transfer = alice.send("last words", text()).await.expect("admitted");
    // Both ends are in this engine, and the one that has nothing to finish leaves first.
    within("text", transfer.acknowledged())
        .await
        .expect("acknowledged");
    within("shutdown", engine.shutdown(DEADLINE)).await;
    assert_eq!(next(&bob).await.text().await.expect("whole"), "last words");
    assert!(bob.recv().await.is_none());
    assert_eq!(alice.close_reason(), Some(CloseReason::Local));
    let error = engine.session(options()).expect_err("it is over");
    assert_eq!(error.kind, ErrorKind::Gone);
    // Said again, it has nothing to do.
    within("shutdown", engine.shutdown(DEADLINE)).await;
}

#[tokio::test]
async fn a_socket_of_the_caller_replaces_the_dial() {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let listener = engine.listen(ListenOptions {
        host: "127.0.0.1".into(),
        ..ListenOptions::default()
    });
    let listener = listener.expect("a port");
    let options = || SessionOptions {
        listener: Some(listener.handle()),
        ..SessionOptions::default()
    };
    let alice = engine
        .session(SessionOptions::default())
        .expect("a session");
    let bob = engine.session(options()).expect("a session");
    let path = |session: &Session| session.local_path().expect("a path").to_string();
    alice
        .set_remote_path(&path(&bob), true, "*")
        .expect("a path");
    bob.set_remote_path(&path(&alice), false, "*")
        .expect("a path");
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let there = std::net::TcpStream::connect(server.local_addr().expect("bound"));
    let (here, _) = server.accept().expect("accepted");
    let how = Adopt {
        inbound: false,
        ..Adopt::default()
    };
    alice.adopt(there.expect("connected"), how).expect("taken");
    listener.adopt(here, bytes::Bytes::new()).expect("taken");
    let opened = tokio::join!(
        alice.open(Duration::from_secs(30)),
        bob.open(Duration::from_secs(30))
    );
    assert_eq!(opened, (Ok(()), Ok(())));
}
