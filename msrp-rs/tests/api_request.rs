//! Requests of other methods in the async API: asked, answered, refused, forgotten (RFC 4975 §12).

mod api_support;

use api_support::{Pair, options, text, within};
use msrp::{Answer, EngineOptions, ErrorKind, RequestOptions, SessionOptions, StatusCode};
use msrp_conformance::covers;

async fn pair(methods: &[&str]) -> Pair {
    let methods = methods.iter().map(|method| (*method).to_owned()).collect();
    let options = SessionOptions {
        methods,
        ..options()
    };
    Pair::with(EngineOptions::default(), options).await
}

#[tokio::test]
async fn rfc4975_12_a_host_answers_what_it_knows() {
    let Pair { alice, bob, engine } = pair(&["PING", "NICKNAME"]).await;
    let answering = tokio::spawn(async move {
        while let Some(request) = bob.recv_request().await {
            assert_eq!(
                (request.method(), request.content_type()),
                ("PING", Some("text/plain"))
            );
            assert_eq!(request.header("x-how"), Some("are you"));
            assert_eq!(request.headers().len(), 1);
            assert!(request.message_id().is_some());
            let answer = Answer {
                comment: format!("{} octets", request.body().len()),
                headers: vec![("X-Mood".into(), "fine".into())],
                ..Answer::new(StatusCode::OK)
            };
            request.respond(answer).expect("answered");
        }
        bob
    });
    let options = RequestOptions {
        headers: vec![("X-How".into(), "are you".into())],
        ..RequestOptions::default()
    };
    for len in [0, 5, 10_240] {
        let body = bytes::Bytes::from(vec![b'x'; len]);
        let answer = within("an answer", alice.request("PING", options.clone(), body)).await;
        let answer = answer.expect("answered");
        assert_eq!(
            (answer.status, answer.comment),
            (StatusCode::OK, format!("{len} octets"))
        );
        assert_eq!(answer.headers, [("X-Mood".to_owned(), "fine".to_owned())]);
    }
    // More than 10 KiB of body no request may have but SEND.
    let body = bytes::Bytes::from(vec![b'x'; 10_241]);
    let error = alice
        .request("PING", options.clone(), body)
        .await
        .expect_err("too large");
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert!(
        error.to_string().contains("10241") && error.to_string().contains("10240"),
        "{error}"
    );
    // Messages are none of this.
    within("a message", alice.send("hi", text()))
        .await
        .expect("sent");
    within("the end", alice.close(None)).await;
    let bob = within("the end", answering).await.expect("no panic");
    assert_eq!(
        bob.recv()
            .await
            .expect("a message")
            .text()
            .await
            .expect("whole"),
        "hi"
    );
    drop(engine);
    covers!("C-102");
}

#[tokio::test]
async fn rfc4975_12_what_nobody_knows_is_501() {
    let Pair { alice, bob, engine } = pair(&["PING"]).await;
    let asked = within(
        "an answer",
        alice.request("PONG", RequestOptions::default(), None),
    )
    .await;
    assert_eq!(asked.expect("answered").status, StatusCode::NOT_IMPLEMENTED);
    // Dropped: nobody there knows what to do with it.
    let (asked, dropped) = within("an answer", async {
        tokio::join!(
            alice.request("PING", RequestOptions::default(), None),
            async {
                drop(bob.recv_request().await.expect("a request"));
            }
        )
    })
    .await;
    assert_eq!(
        (asked.expect("answered").status, dropped),
        (StatusCode::NOT_IMPLEMENTED, ())
    );
    // Never taken: the end of the session answers.
    let (asked, ()) = within("an answer", async {
        tokio::join!(
            alice.request("PING", RequestOptions::default(), None),
            async {
                let request = bob.recv_request().await.expect("a request");
                bob.close(None).await;
                let error = request
                    .respond(Answer::new(StatusCode::OK))
                    .expect_err("over");
                assert_eq!(error.kind, ErrorKind::Gone);
            }
        )
    })
    .await;
    let status = match asked {
        Ok(answer) => answer.status,
        Err(error) => error.status.unwrap_or_else(|| panic!("{error}")),
    };
    assert_eq!(status, StatusCode::NO_SUCH_SESSION);
    assert!(within("the end", bob.recv_request()).await.is_none());
    drop(engine);
    covers!("C-145");
}

#[tokio::test]
async fn what_cannot_be_a_method_or_a_header_is_refused_in_words() {
    // Both are held: without its peer a session would end.
    let Pair {
        alice,
        bob: _bob,
        engine,
    } = pair(&[]).await;
    for method in [
        "",
        "ping",
        "FILE_OFFSET",
        "P1",
        "PING ",
        "SEND",
        "REPORT",
        "AUTH",
        "\u{c4}",
    ] {
        let error = alice
            .request(method, RequestOptions::default(), None)
            .await
            .expect_err(method);
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{method}");
        assert!(error.to_string().contains("method"), "{error}");
        let methods = vec![method.to_owned()];
        let error = engine
            .session(SessionOptions {
                methods,
                ..options()
            })
            .expect_err(method);
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{method}");
    }
    let options = RequestOptions {
        headers: vec![("Byte-Range".into(), "1-2/3".into())],
        ..RequestOptions::default()
    };
    let error = alice
        .request("PING", options, None)
        .await
        .expect_err("ours");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    // 32 methods of 64 letters, and no more of either.
    let named = |count: usize, len: usize| SessionOptions {
        methods: (0..count).map(|_| "X".repeat(len)).collect(),
        ..api_support::options()
    };
    engine.session(named(32, 64)).expect("within the bounds");
    for (count, len) in [(33, 1), (1, 65)] {
        let error = engine
            .session(named(count, len))
            .expect_err("beyond the bounds");
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
    }
}

#[tokio::test]
async fn comments_that_no_peer_would_read_are_refused_in_words() {
    let Pair { alice, bob, .. } = pair(&["PING"]).await;
    let asking = {
        let alice = alice.clone();
        tokio::spawn(async move { alice.request("PING", RequestOptions::default(), None).await })
    };
    let request = within("a request", bob.recv_request()).await.expect("one");
    let answer = Answer {
        comment: "x".repeat(1024),
        ..Answer::new(StatusCode::OK)
    };
    let error = request.respond(answer).expect_err("a line too long");
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert!(error.to_string().contains("start_line 1024"), "{error}");
    // It was answered as nobody's; the session lives on.
    let answer = within("an answer", asking).await.expect("asked");
    assert_eq!(
        answer.expect("answered").status,
        StatusCode::NOT_IMPLEMENTED
    );

    let transfer = alice.send("hi", text()).await.expect("admitted");
    let message = within("a message", bob.recv()).await.expect("one");
    let error = message.reject(StatusCode(413), &"x".repeat(1024));
    assert_eq!(error.expect_err("too long").kind, ErrorKind::TooLarge);
    within("the outcome", transfer.acknowledged())
        .await
        .expect("taken");
}
