//! Requests of all kinds and responses at a link of a relay (RFC 4976 §5.1, §6.1, §6.3, §6.4.2, §6.4.3).

mod link_support;

use std::time::Duration;

use link_support::*;
use msrp::Limits;
use msrp::role::relay::{
    Answer, Attempt, AuthReply, AuthStep, Decision, Hop, LinkEvent, LinkId, LinkOptions,
    Observation, Peer, Question, Verdict,
};
use msrp::wire::StatusCode;
use msrp_conformance::covers;

fn request(tid: &str, method: &str, to: &str, from: &str, headers: &str) -> String {
    format!(
        "MSRP {tid} {method}\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n{headers}-------{tid}$\r\n"
    )
}

fn to_bob() -> String {
    format!("{TOKEN} {BOB}")
}

#[test]
fn headers_and_body_are_passed_on_as_they_came() {
    let mut relay = Relay::pair();
    let body: Vec<u8> = (0..=255).collect();
    let headers = "X-Foo: 1\r\nSuccess-Report: yes\r\nByte-Range: 1-256/256\r\n\
                   Failure-Report: partial\r\nContent-Disposition: attachment\r\nx-bar:  \u{e9} \r\n";
    relay.say(A, send_with("tid1", headers, &body, '$'));
    let got = relay.got(B);
    assert_eq!(got[0].body, body);
    let expected = "Message-ID: mess1\r\nX-Foo: 1\r\nSuccess-Report: yes\r\nByte-Range: 1-256/256\r\n\
                    Failure-Report: partial\r\nContent-Disposition: attachment\r\nx-bar:  \u{e9} \r\n\
                    Content-Type: text/plain\r\n";
    let octets = String::from_utf8_lossy(got[0].head.octets()).into_owned();
    assert!(octets.ends_with(expected), "{octets}");
    assert!(relay.got(A).is_empty(), "partial is not answered with 200");
    // The range is made right; without one, none is made.
    relay.say(A, send("tid2", "1-*/*", b"hello", '+'));
    relay.say(A, send("tid3", "6-*/*", b"you", '#'));
    relay.say(A, send_with("tid4", "", b"hello", '$'));
    assert_eq!(
        relay.lines(B),
        ["SEND 1-5/* 5+", "SEND 6-8/* 3#", "SEND  5$"]
    );
    covers!(
        "R-127", "R-128", "R-152", "R-153", "R-156", "R-157", "C-172"
    );
}

#[test]
fn bodiless_and_empty_sends_stay_what_they_are() {
    let mut relay = Relay::pair();
    relay.say(
        A,
        request(
            "tid1",
            "SEND",
            &to_bob(),
            ALICE,
            "Message-ID: m1\r\nByte-Range: 1-0/0\r\n",
        ),
    );
    relay.say(A, send("tid2", "1-0/0", b"", '$'));
    relay.say(A, request("tid3", "SEND", &to_bob(), ALICE, ""));
    let got = relay.got(B);
    let lines: Vec<String> = got.iter().map(Got::line).collect();
    assert_eq!(lines, ["SEND 1-0/0 0$", "SEND 1-0/0 0$", "SEND  0$"]);
    assert!(!got[0].head.has_body_section());
    assert!(got[1].head.has_body_section());
    assert!(!got[2].head.has_body_section());
    assert_eq!(relay.lines(A), ["200", "200", "200"]);
    relay.say(B, response(&got[0], 481));
    assert_eq!(
        relay.lines(A),
        ["REPORT 000 481 Session Does Not Exist 1-0/0"]
    );
    covers!("R-160");
}

#[test]
fn transaction_ids_are_our_own() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    for (link, from) in [(A, ALICE), (C, CAROL)] {
        let mut send = begin_from("same1", &to_bob(), from, "same", "");
        send.extend_from_slice(b"hi\r\n-------same1$\r\n");
        relay.say(link, send);
    }
    let got = relay.got(B);
    // Messages that look the same stay apart.
    assert_eq!(got.len(), 2);
    assert_ne!(got[0].tid(), got[1].tid());
    assert!(got.iter().all(|got| got.tid() != "same1"));
    relay.say(B, response(&got[1], 413));
    relay.say(B, response(&got[0], 200));
    assert_eq!(relay.lines(A), ["200"]);
    assert_eq!(
        relay.lines(C),
        ["200", "REPORT 000 413 Stop Sending Message 1-2/*"]
    );
    covers!("R-126", "R-151", "R-141");
}

#[test]
fn reports_pass_and_are_never_answered() {
    let mut relay = Relay::pair();
    let report = request(
        "tid1",
        "REPORT",
        &to_bob(),
        ALICE,
        "Message-ID: m1\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n",
    );
    relay.say(A, &report);
    let got = relay.got(B);
    assert_eq!(got[0].line(), "REPORT 000 200 OK 1-5/5");
    assert_eq!(got[0].text("From-Path"), format!("{TOKEN} {ALICE}"));
    // Whatever is answered to it, and when its hop is gone.
    relay.say(B, response(&got[0], 481));
    relay.lose(B);
    relay.say(A, &report);
    relay.office.hops.clear();
    relay.say(
        A,
        request(
            "tid2",
            "REPORT",
            &format!("{TOKEN} {CAROL}"),
            ALICE,
            "Message-ID: m1\r\n",
        ),
    );
    relay.say(
        A,
        "MSRP tid3 REPORT\r\nTo-Path: x\r\nFrom-Path: y\r\n-------tid3$\r\n",
    );
    relay.pass(Duration::from_secs(60));
    assert!(relay.got(A).is_empty());
    assert_eq!(relay.close_reason(A), None);
    covers!("R-173", "T-04");
}

#[test]
fn other_methods_are_answered_end_to_end() {
    let mut relay = Relay::pair();
    let relay_path = format!("{TOKEN} {BOB}");
    let mut octets = request("mnbvw", "FOOBAR", &relay_path, ALICE, "X-Foo: 1\r\n");
    octets.push_str(&request(
        "nick1",
        "NICKNAME",
        &relay_path,
        ALICE,
        "Use-Nickname: \"a\"\r\n",
    ));
    relay.say(A, octets);
    assert!(relay.got(A).is_empty(), "the relay does not answer them");
    let got = relay.got(B);
    assert_eq!((got[0].method(), got[1].method()), ("FOOBAR", "NICKNAME"));
    assert_eq!(got[0].text("X-Foo"), "1");
    assert_eq!(got[0].text("From-Path"), format!("{TOKEN} {ALICE}"));
    assert_ne!(got[0].tid(), "mnbvw");
    relay.say(
        B,
        format!(
            "MSRP {tid} 425 In Use\r\nTo-Path: {TOKEN} {ALICE}\r\nFrom-Path: {BOB}\r\n\
             X-Why: taken\r\n-------{tid}$\r\n",
            tid = got[1].tid()
        ),
    );
    let answer = relay.got(A);
    assert_eq!(answer[0].tid(), "nick1");
    assert_eq!(answer[0].status(), Some(425));
    assert_eq!(answer[0].head.comment().as_deref(), Some("In Use"));
    assert_eq!(answer[0].text("To-Path"), ALICE);
    assert_eq!(answer[0].text("From-Path"), format!("{TOKEN} {BOB}"));
    assert_eq!(answer[0].text("X-Why"), "taken");
    // 30 s later nobody waits for the other one any more.
    relay.pass(Duration::from_secs(31));
    assert!(relay.link(A).is_settled());
    relay.say(B, response(&got[0], 200));
    assert!(relay.got(A).is_empty());
    covers!("R-170", "R-174", "R-179", "R-181", "R-182", "T-02", "T-03");
}

#[test]
fn pending_requests_are_bounded() {
    let options = LinkOptions {
        max_pending: 10,
        ..LinkOptions::default()
    };
    let mut relay = Relay::with(Limits::default(), options);
    relay.join_pair();
    for n in 0..20 {
        relay.say(A, request(&format!("tid{n}"), "FOO", &to_bob(), ALICE, ""));
    }
    assert_eq!(relay.lines(A), ["408"; 10]);
    assert_eq!(relay.got(B).len(), 10);
    // One that cannot get there is known to have failed.
    relay.lose(B);
    assert_eq!(relay.lines(A), ["408"; 10]);
    covers!("R-182");
}

#[test]
fn a_response_to_a_connection_that_is_gone_is_dropped() {
    let mut relay = Relay::pair();
    relay.say(A, request("tid1", "FOO", &to_bob(), ALICE, ""));
    let got = relay.got(B);
    relay.lose(A);
    relay.say(B, response(&got[0], 200));
    relay.pass(Duration::from_secs(40));
    assert!(relay.got(A).is_empty());
    assert!(relay.parked.is_empty(), "nothing is connected to");
    assert_eq!(relay.close_reason(B), None);
    covers!("R-180");
}

#[test]
fn unknown_methods_may_be_blocked() {
    let options = LinkOptions {
        block_unknown: true,
        ..LinkOptions::default()
    };
    let mut relay = Relay::with(Limits::default(), options);
    relay.join_pair();
    relay.say(A, request("tid1", "FOOBAR", &to_bob(), ALICE, ""));
    relay.say(A, request("tid2", "NICKNAME", &to_bob(), ALICE, ""));
    assert_eq!(relay.lines(A), ["501"]);
    assert_eq!(relay.got(B).len(), 1);
    covers!("R-171");
}

#[test]
fn responses_that_belong_to_nothing_are_dropped() {
    let mut relay = Relay::pair();
    relay.say(A, send("tid1", "1-2/2", b"hi", '$'));
    relay.got(A);
    let sent = relay.got(B);
    let tid = sent[0].tid();
    let path = |to: &str, from: &str| format!("To-Path: {to}\r\nFrom-Path: {from}\r\n");
    let wrong = "msrps://elsewhere.example:1/x;tcp";
    for octets in [
        // Unknown transaction ids: none of ours, and one that looks like ours.
        format!("MSRP abcd 413 X\r\n{}-------abcd$\r\n", path(wrong, BOB)),
        format!(
            "MSRP AAAAabcdefghijkl 413 X\r\n{}-------AAAAabcdefghijkl$\r\n",
            path(TOKEN, BOB)
        ),
        // Not to be understood.
        format!("MSRP {tid} 413 X\r\nnonsense\r\n-------{tid}$\r\n"),
        format!(
            "MSRP {tid} 413 X\r\n1abc: x\r\n{}-------{tid}$\r\n",
            path(TOKEN, BOB)
        ),
    ] {
        relay.say(B, octets);
    }
    assert!(relay.got(A).is_empty());
    assert_eq!(relay.link(B).counts().discarded, 4);
    // The wrong URI, but the transaction is open on this very connection.
    relay.say(
        B,
        format!("MSRP {tid} 413 X\r\n{}-------{tid}$\r\n", path(wrong, BOB)),
    );
    assert_eq!(
        relay.lines(A),
        ["REPORT 000 413 Stop Sending Message 1-2/2"]
    );
    assert_eq!(relay.link(B).counts().misaddressed, 1);
    // On another connection it is nobody's.
    relay.say(A, send("tid2", "1-2/2", b"hi", '$'));
    relay.got(A);
    let tid = relay.got(B)[0].tid();
    relay.say(
        A,
        format!("MSRP {tid} 413 X\r\n{}-------{tid}$\r\n", path(TOKEN, BOB)),
    );
    assert!(relay.got(A).is_empty());
    // Further URIs in the To-Path of a SEND's response mean nothing.
    let whole = format!("{TOKEN} {ALICE}");
    relay.say(
        B,
        format!(
            "MSRP {tid} 200 OK\r\n{}-------{tid}$\r\n",
            path(&whole, BOB)
        ),
    );
    relay.pass(Duration::from_secs(60));
    assert!(relay.got(A).is_empty());
    assert_eq!(relay.close_reason(B), None);
    covers!("R-175", "R-176", "R-177", "R-205", "T-02");
}

#[test]
fn malformed_requests_are_answered_and_the_connection_lives() {
    let mut relay = Relay::pair();
    relay.say(A, send("tid0", "1-2/2", b"hi", '$'));
    relay.say(A, send_with("tid1", "1abc: x\r\n", b"hi", '$'));
    relay.say(A, send("tid2", "0-0/2", b"hi", '$'));
    relay.say(
        A,
        send_with("tid3", "Failure-Report: no\r\n1abc: x\r\n", b"hi", '$'),
    );
    let no_id = format!(
        "MSRP tid4 SEND\r\nTo-Path: {TOKEN} {BOB}\r\nFrom-Path: {ALICE}\r\n\
         Content-Type: text/plain\r\n\r\nhi\r\n-------tid4$\r\n"
    );
    relay.say(A, no_id);
    relay.say(A, send("tid5", "1-2/2", b"hi", '$'));
    let got = relay.got(A);
    let lines: Vec<String> = got.iter().map(Got::line).collect();
    assert_eq!(lines, ["200", "400", "400", "400", "200"]);
    assert_eq!(got[1].text("To-Path"), ALICE);
    assert_eq!(relay.got(B).len(), 2);
    assert_eq!(relay.close_reason(A), None);
    covers!("R-120", "R-148");
}

#[test]
fn what_cannot_be_answered_closes_no_connection_that_others_use() {
    for (peer, is_open) in [
        (Peer::Client, false),
        (Peer::Host, true),
        (Peer::Relay("other.example".into()), true),
    ] {
        let mut relay = Relay::pair();
        relay.connect(C, peer);
        relay.say(C, request("tid1", "SEND", &to_bob(), "nobody", ""));
        assert_eq!(relay.close_reason(C).is_none(), is_open);
        assert_eq!(relay.link(C).counts().discarded, u64::from(is_open));
        assert!(relay.got(B).is_empty() && relay.got(C).is_empty());
    }
    covers!("R-120");
}

#[test]
fn an_auth_for_this_relay_is_answered_now_or_later() {
    let mut relay = Relay::pair();
    let reply = |status, attempt| AuthReply {
        status: StatusCode(status),
        headers: vec![
            ("Use-Path".into(), TOKEN.into()),
            ("Expires".into(), "60".into()),
        ],
        attempt,
        close: false,
    };
    let own = format!("{RELAY}own;tcp");
    let auth = |tid: &str| request(tid, "AUTH", &own, &format!("{CAROL} {ALICE}"), "");
    relay.office.auth = vec![AuthStep::Answer(reply(200, Attempt::Granted))];
    relay.say(A, auth("tid1"));
    let got = relay.got(A);
    assert_eq!((got[0].status(), got[0].tid()), (Some(200), "tid1".into()));
    assert_eq!(got[0].text("To-Path"), format!("{CAROL} {ALICE}"));
    assert_eq!(got[0].text("From-Path"), own);
    assert_eq!(got[0].text("Use-Path"), TOKEN);
    relay.say(A, auth("tid2"));
    relay.say(A, auth("tid3"));
    assert!(relay.got(A).is_empty());
    let queries: Vec<_> = relay.office.auths.iter().map(|(query, _)| *query).collect();
    let now = relay.now;
    let answer = Answer::Auth(reply(401, Attempt::Undecided));
    relay.link(A).handle_answer(now, queries[2], answer);
    relay.pump();
    assert_eq!(relay.got(A)[0].tid(), "tid3");
    // Too late.
    relay.pass(Duration::from_secs(31));
    let now = relay.now;
    let answer = Answer::Auth(reply(401, Attempt::Undecided));
    relay.link(A).handle_answer(now, queries[1], answer);
    relay.pump();
    assert!(relay.got(A).is_empty());
    covers!("R-115");
}

#[test]
fn a_new_connection_has_30_seconds_for_a_good_request() {
    // Nothing said.
    let mut relay = Relay::pair();
    relay.pass(Duration::from_millis(29_999));
    assert_eq!(relay.close_reason(A), None);
    relay.pass(Duration::from_millis(1));
    assert!(relay.close_reason(A).is_some());
    assert_eq!(relay.close_reason(B), None, "we made that connection");
    // Nothing good said.
    let mut relay = Relay::pair();
    relay.say(
        A,
        request("tid1", "SEND", &format!("{TOKEN} {CAROL}"), ALICE, ""),
    );
    assert_eq!(relay.lines(A), ["481"]);
    relay.pass(Duration::from_secs(30));
    assert!(relay.close_reason(A).is_some());
    // Several bad requests: earlier. The last is answered, too.
    let mut relay = Relay::pair();
    for n in 0..5 {
        assert_eq!(relay.close_reason(A), None);
        let bad = request(
            &format!("tid{n}"),
            "SEND",
            &format!("{TOKEN} {CAROL}"),
            ALICE,
            "",
        );
        relay.say(A, bad);
    }
    assert_eq!(relay.lines(A), ["481"; 5]);
    assert!(relay.close_reason(A).is_some());
    // A good one: it stays.
    let mut relay = Relay::pair();
    relay.say(A, send("tid1", "1-2/2", b"hi", '$'));
    for n in 0..20 {
        let bad = request(
            &format!("tid{n}"),
            "SEND",
            &format!("{TOKEN} {CAROL}"),
            ALICE,
            "",
        );
        relay.say(A, bad);
    }
    relay.pass(Duration::from_secs(300));
    assert_eq!(relay.close_reason(A), None);
    covers!("R-089", "R-090", "R-091");
}

#[test]
fn failed_authentications_close_a_clients_connection_and_no_relays() {
    let step = |attempt| {
        AuthStep::Answer(AuthReply {
            status: StatusCode::UNAUTHORIZED,
            headers: Vec::new(),
            attempt,
            close: false,
        })
    };
    let auth = |n: usize| {
        request(
            &format!("tid{n}"),
            "AUTH",
            &format!("{RELAY}own;tcp"),
            ALICE,
            "",
        )
    };
    // AUTHs without credentials are no failures.
    let mut relay = Relay::pair();
    for n in 0..20 {
        relay.office.auth = vec![step(Attempt::Undecided)];
        relay.say(A, auth(n));
    }
    assert_eq!(relay.close_reason(A), None);
    for n in 0..5 {
        assert_eq!(relay.close_reason(A), None);
        relay.office.auth = vec![step(Attempt::Failed)];
        relay.say(A, auth(n));
    }
    assert!(relay.close_reason(A).is_some());
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Relay("other.example".into()));
    for n in 0..20 {
        relay.office.auth = vec![step(Attempt::Failed)];
        relay.say(C, auth(n));
    }
    assert_eq!(relay.lines(C).len(), 20);
    assert_eq!(relay.close_reason(C), None);
    covers!("R-091", "R-092", "R-094");
}

#[test]
fn failed_authentications_at_one_relay_behind_us_close_a_clients_connection() {
    let other = "msrps://other.example:2855;tcp";
    let third = "msrps://third.example:2855;tcp";
    let fail =
        |relay: &mut Relay, link: u64, n: usize, to: &str, credentials: bool, stale: &str| {
            relay.place(to, B);
            let header = match credentials {
                true => "Authorization: Digest username=\"a\"\r\n",
                false => "",
            };
            let to = format!("{TOKEN} {to}");
            relay.say(
                link,
                request(&format!("tid{n}"), "AUTH", &to, ALICE, header),
            );
            let got = relay.got(B);
            let auth = got.last().expect("it is forwarded");
            assert_eq!(!auth.text("Authorization").is_empty(), credentials);
            relay.say(
                B,
                format!(
                    "MSRP {tid} 401 Unauthorized\r\nTo-Path: {}\r\nFrom-Path: {}\r\n\
                 WWW-Authenticate: Digest realm=\"r\", {stale}\r\n-------{tid}$\r\n",
                    auth.text("From-Path"),
                    auth.text("To-Path"),
                    tid = auth.tid(),
                ),
            );
            assert_eq!(relay.lines(link), ["401"]);
        };
    let mut relay = Relay::pair();
    // Any good request, so that bad ones alone do not close it.
    relay.say(A, send("tid0", "1-2/2", b"hi", '$'));
    relay.got(A);
    for n in 0..10 {
        fail(&mut relay, A, n, other, false, "nonce=\"n\"");
        fail(&mut relay, A, n, other, true, "stale=TRUE");
        if n < 4 {
            fail(&mut relay, A, n, other, true, "stale=false");
            fail(&mut relay, A, n, third, true, "nonce=\"n\"");
        }
    }
    assert_eq!(relay.close_reason(A), None);
    fail(&mut relay, A, 99, other, true, "nonce=\"n\"");
    assert!(relay.close_reason(A).is_some());
    // From a relay any number may come.
    relay.connect(C, Peer::Relay("inner.example".into()));
    for n in 0..10 {
        fail(&mut relay, C, n, other, true, "nonce=\"n\"");
    }
    assert_eq!(relay.close_reason(C), None);
    covers!("R-093", "R-094", "R-113");
}

#[test]
fn a_decision_stands_until_it_is_revoked() {
    let mut relay = Relay::pair();
    for n in 0..10 {
        relay.say(A, send(&format!("tid{n}"), "1-2/2", b"hi", '$'));
    }
    assert_eq!(relay.office.asked, 1);
    relay.office.validities[0].revoke();
    relay.office.hops.remove(BOB);
    relay.say(A, send("tid10", "1-2/2", b"hi", '$'));
    assert_eq!(relay.office.asked, 2);
    assert_eq!(relay.lines(A).last().map(String::as_str), Some("481"));
    assert_eq!(relay.got(B).len(), 10);
    // It may be somewhere else, later.
    relay.connect(C, Peer::Host);
    relay.place(BOB, C);
    relay.say(A, send("tid11", "1-2/2", b"hi", '$'));
    assert_eq!(relay.got(C).len(), 1);
    assert!(relay.got(B).is_empty());
}

/// Of the SEND that the peer of B has in part, or had.
fn passed(relay: &mut Relay) -> usize {
    let open = relay.open(B).map_or(0, |got| got.body.len());
    open + relay.got(B).iter().map(|got| got.body.len()).sum::<usize>()
}

#[test]
fn rfc4976_6_3_nothing_more_of_a_chunk_passes_when_its_uri_is_void() {
    let ends: [fn(&mut Relay); 2] = [
        |relay| relay.office.validities[0].revoke(),
        |relay| relay.pass(Duration::from_secs(60)),
    ];
    for end in ends {
        for (headers, lines) in [
            ("", vec!["481"]),
            ("Failure-Report: partial\r\n", vec!["481"]),
            ("Failure-Report: no\r\n", vec![]),
        ] {
            let mut relay = Relay::pair();
            relay.office.until = Some(relay.now + Duration::from_secs(60));
            relay.say(A, begin("tid1", &format!("Byte-Range: 1-*/*\r\n{headers}")));
            relay.say(A, [b'x'; 5000]);
            relay.pass(Duration::from_secs(59));
            relay.say(A, [b'x'; 5000]);
            assert!(relay.open(B).is_some_and(|got| got.body.len() == 10_000));
            end(&mut relay);
            relay.office.hops.remove(BOB);
            relay.say(A, [b'x'; 5000]);
            assert_eq!(relay.lines(A), lines);
            // What has passed may be resumed through another URI.
            assert_eq!(relay.lines(B), ["SEND 1-*/* 10000+"]);
            relay.say(A, [&[b'x'; 5000][..], b"\r\n-------tid1$\r\n"].concat());
            relay.pass(Duration::from_secs(60));
            assert!(relay.got(A).is_empty() && relay.got(B).is_empty());
            assert!(relay.link(A).is_settled() && relay.link(B).is_settled());
        }
    }
    // Nor of a request of another method, which would go on when it is whole.
    let mut relay = Relay::pair();
    let foo = request(
        "tid1",
        "FOO",
        &to_bob(),
        ALICE,
        "Content-Type: text/plain\r\n\r\nbody\r\n",
    );
    let (begin, rest) = foo.split_at(foo.len() - 20);
    relay.say(A, begin);
    relay.office.validities[0].revoke();
    relay.office.hops.remove(BOB);
    relay.say(A, rest);
    assert_eq!(relay.lines(A), ["481"]);
    assert!(relay.got(B).is_empty());
    covers!("R-108", "R-112", "R-148");
}

#[test]
fn a_chunk_whose_way_has_changed_goes_on_as_it_began() {
    let mut relay = Relay::pair();
    relay.say(A, begin("tid1", "Byte-Range: 1-*/*\r\n"));
    relay.say(A, [b'x'; 5000]);
    // Asked again, and the answer is the same.
    relay.office.validities[0].revoke();
    for _ in 0..3 {
        relay.say(A, [b'x'; 5000]);
    }
    assert_eq!(relay.office.asked, 2);
    // Now it is another one.
    relay.connect(C, Peer::Host);
    relay.place(BOB, C);
    relay.office.validities[1].revoke();
    relay.say(A, [b'x'; 5000]);
    relay.say(A, b"\r\n-------tid1$\r\n");
    assert_eq!(passed(&mut relay), 25_000);
    assert_eq!(relay.lines(A), ["200"]);
    relay.say(A, send("tid2", "1-2/2", b"hi", '$'));
    assert!(relay.got(B).is_empty());
    assert_eq!(relay.lines(C), ["SEND 1-2/2 2$"]);
}

#[test]
fn what_office_says_is_done() {
    for (decision, lines, open) in [
        (Decision::Refuse(StatusCode::FORBIDDEN), vec!["403"], true),
        (Decision::Discard, vec![], true),
        (Decision::Close("because"), vec![], false),
    ] {
        let mut relay = Relay::pair();
        relay.office.unknown = Some(decision);
        relay.office.hops.clear();
        relay.say(A, send("tid1", "1-2/2", b"hi", '$'));
        assert_eq!(relay.lines(A), lines);
        assert_eq!(relay.close_reason(A).is_none(), open);
        assert!(relay.got(B).is_empty());
    }
}

// The host's word on messages

fn asking() -> Relay {
    let options = LinkOptions {
        ask: true,
        ..LinkOptions::default()
    };
    let mut relay = Relay::with(Limits::default(), options);
    relay.join_pair();
    relay
}

fn questions(relay: &mut Relay) -> Vec<Question> {
    std::mem::take(&mut relay.events)
        .into_iter()
        .filter_map(|event| match event {
            LinkEvent::Message(question) => Some(*question),
            LinkEvent::Observed(..) => None,
        })
        .collect()
}

fn decide(relay: &mut Relay, question: &Question, verdict: Verdict) {
    let now = relay.now;
    let answer = Answer::Message(verdict);
    relay.link(A).handle_answer(now, question.query, answer);
    relay.pump();
}

fn message(tid: &str, id: &str, headers: &str, body: &str, end: char) -> String {
    let head = begin_from(tid, &to_bob(), ALICE, id, headers);
    format!(
        "{}{body}\r\n-------{tid}{end}\r\n",
        String::from_utf8_lossy(&head)
    )
}

#[test]
fn a_link_is_not_settled_before_the_host_has_said_its_word() {
    for verdict in [Verdict::Allow, Verdict::Reject(StatusCode::FORBIDDEN)] {
        let mut relay = asking();
        relay.say(A, message("tid1", "m1", "", "one", '$'));
        assert!(relay.got(A).is_empty());
        assert!(!relay.link(A).is_settled());
        let asked = questions(&mut relay);
        decide(&mut relay, &asked[0], verdict);
        assert_eq!(relay.got(A).len(), 1);
        assert!(relay.link(A).is_settled());
    }
}

#[test]
fn messages_wait_for_the_hosts_word_in_their_order() {
    let mut relay = asking();
    relay.say(A, message("tid1", "m1", "", "one", '+'));
    relay.say(
        A,
        message("tid2", "m2", "Failure-Report: partial\r\n", "two", '$'),
    );
    relay.say(
        A,
        request("tid3", "SEND", &to_bob(), ALICE, "Message-ID: m3\r\n"),
    );
    relay.say(
        A,
        message("tid4", "m1", "Byte-Range: 4-8/8\r\n", "three", '$'),
    );
    assert!(relay.got(A).is_empty() && relay.got(B).is_empty());
    let asked = questions(&mut relay);
    assert_eq!(asked.len(), 2, "each message once, and only messages");
    assert_eq!(asked[0].message_id.as_str(), "m1");
    assert_eq!(asked[0].content_type.as_deref(), Some("text/plain"));
    decide(
        &mut relay,
        &asked[1],
        Verdict::Reject(StatusCode::FORBIDDEN),
    );
    assert!(relay.got(A).is_empty() && relay.got(B).is_empty());
    decide(&mut relay, &asked[0], Verdict::Allow);
    let got = relay.got(B);
    let lines: Vec<String> = got.iter().map(Got::line).collect();
    assert_eq!(lines, ["SEND  3+", "SEND  0$", "SEND 4-8/8 5$"]);
    let answers = relay.got(A);
    let answers: Vec<_> = answers.iter().map(|got| (got.tid(), got.line())).collect();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[1], ("tid2".into(), "403".into()));
    // What was said holds for later chunks.
    relay.say(A, message("tid5", "m2", "Byte-Range: 4-5/5\r\n", "xx", '$'));
    assert_eq!(relay.lines(A), ["403"]);
    assert!(questions(&mut relay).is_empty() && relay.got(B).is_empty());
}

#[test]
fn a_message_is_refused_while_it_comes() {
    let mut relay = asking();
    let chunk = message("tid1", "m1", "", &"x".repeat(50_000), '$');
    relay.say(A, &chunk[..20_000]);
    let asked = questions(&mut relay);
    decide(
        &mut relay,
        &asked[0],
        Verdict::Reject(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    );
    assert_eq!(relay.lines(A), ["415"]);
    relay.say(A, &chunk[20_000..]);
    relay.pass(Duration::from_secs(60));
    assert!(relay.got(A).is_empty() && relay.side(B).octets.is_empty());
    assert_eq!(relay.link(A).held_bytes(), 0);
    covers!("R-159", "R-148");
}

#[test]
fn a_message_that_waits_for_the_host_does_not_pass_when_its_uri_is_void() {
    let mut relay = asking();
    let chunk = message("tid1", "m1", "", &"x".repeat(50_000), '$');
    relay.say(A, &chunk[..20_000]);
    let asked = questions(&mut relay);
    relay.office.validities[0].revoke();
    relay.office.hops.remove(BOB);
    relay.say(A, &chunk[20_000..]);
    assert_eq!(relay.lines(A), ["481"]);
    decide(&mut relay, &asked[0], Verdict::Allow);
    assert!(relay.got(A).is_empty() && relay.side(B).octets.is_empty());
    assert_eq!(relay.link(A).held_bytes(), 0);
}

#[test]
fn a_message_that_is_given_up_passes_the_host_too() {
    let range = "Byte-Range: 2-*/*\r\n";
    for (verdict, expected) in [
        (Some(Verdict::Allow), vec!["SEND  1+", "SEND 2-1/* 0#"]),
        (Some(Verdict::Reject(StatusCode::FORBIDDEN)), vec![]),
        (None, vec![]),
    ] {
        let mut relay = asking();
        relay.say(A, message("tid1", "m1", "", "x", '+'));
        let asked = questions(&mut relay);
        relay.link(A).set_memory_pressure(true);
        relay.say(A, message("tid2", "m1", range, "more", '#'));
        relay.say(A, message("tid3", "m2", range, "more", '#'));
        assert_eq!(relay.lines(A), ["413"; 2]);
        assert!(questions(&mut relay).is_empty() && relay.got(B).is_empty());
        if let Some(verdict) = verdict {
            decide(&mut relay, &asked[0], verdict);
        }
        assert_eq!(relay.lines(B), expected);
    }
}

#[test]
fn a_message_is_shown_to_the_host() {
    let mut relay = asking();
    let body = "y".repeat(100_000);
    let chunk = message("tid1", "m1", "", &body, '$');
    relay.say(A, &chunk[..20_000]);
    let asked = questions(&mut relay);
    decide(&mut relay, &asked[0], Verdict::Observe);
    relay.say(A, &chunk[20_000..]);
    let mut shown = 0;
    let mut ended = 0;
    for event in std::mem::take(&mut relay.events) {
        match event {
            LinkEvent::Observed(query, observation) => {
                assert_eq!(query, asked[0].query);
                match observation {
                    Observation::Octets(octets) => shown += octets.len(),
                    Observation::End(_) => ended += 1,
                    Observation::Chunk(start) => assert_eq!(start, 1),
                    Observation::Cut => unreachable!("it was not cut"),
                }
            }
            LinkEvent::Message(_) => unreachable!("it was asked about before"),
        }
    }
    assert_eq!((shown, ended), (body.len(), 1));
    let got = relay.got(B);
    assert_eq!(joined(&got)["m1"].0.len(), body.len());
}

#[test]
fn what_waits_for_the_host_is_bounded() {
    let mut relay = asking();
    for n in 0..4000 {
        let text = message(
            &format!("tid{n}"),
            &format!("m{n}"),
            "",
            &"x".repeat(1000),
            '$',
        );
        relay.say(A, text);
    }
    // Reading pauses; after its time all of it is refused.
    let bound = relay.limits.receive_window + relay.limits.connection_slack + 70_000;
    assert!(relay.link(A).held_bytes() <= bound);
    assert!(!relay.link(A).reading_allowed());
    relay.pass(Duration::from_secs(60));
    assert!(relay.most_held <= 2 * bound, "{}", relay.most_held);
    let refused = relay.lines(A);
    assert!(refused.iter().all(|line| line == "413"));
    assert!(!refused.is_empty());
    assert!(relay.side(B).octets.is_empty());
}

#[test]
fn a_client_has_no_connection_made_to_it() {
    let mut relay = Relay::pair();
    relay
        .office
        .hops
        .insert(CAROL.into(), Hop::Link(LinkId(77)));
    let mut send = begin_from("tid1", &format!("{TOKEN} {CAROL}"), ALICE, "m1", "");
    send.extend_from_slice(b"hi\r\n-------tid1$\r\n");
    relay.say(A, send);
    assert_eq!(
        relay.lines(A),
        ["200", "REPORT 000 481 Session Does Not Exist 1-2/*"]
    );
    covers!("R-097");
}

#[test]
fn two_uris_of_this_relay_are_passed_at_once() {
    let other = format!("{RELAY}othertokenothertoken;tcp");
    let mut relay = Relay::pair();
    let to = format!("{TOKEN} {other} {BOB}");
    relay.say(A, request("tid1", "FOO", &to, ALICE, ""));
    let got = relay.got(B);
    assert_eq!(got[0].text("To-Path"), BOB);
    assert_eq!(got[0].text("From-Path"), format!("{other} {TOKEN} {ALICE}"));
    relay.say(B, response(&got[0], 200));
    let answer = relay.got(A);
    assert_eq!(answer[0].text("To-Path"), ALICE);
    assert_eq!(
        answer[0].text("From-Path"),
        format!("{TOKEN} {other} {BOB}")
    );
    covers!("R-179");
}

#[test]
fn what_nobody_answers_does_not_stop_others() {
    let options = LinkOptions {
        max_transactions: 4,
        max_silent: 100,
        max_pending: 4,
        ..LinkOptions::default()
    };
    let mut relay = Relay::with(Limits::default(), options);
    relay.join_pair();
    relay.connect(C, Peer::Client);
    relay.connect(4, Peer::Client);
    // Their paths are long, and silence to them is good.
    let long = format!("msrps://alice.example:9000/{};tcp", "a".repeat(3000));
    for n in 0..20 {
        let headers = "Byte-Range: 1-2/2\r\nFailure-Report: partial\r\n";
        let head = begin_from("tid1", &to_bob(), &long, &format!("m{n}"), headers);
        relay.say(A, [&head[..], b"hi\r\n-------tid1$\r\n"].concat());
    }
    assert_eq!(relay.got(B).len(), 20);
    // Requests that are not answered, by several connections.
    for link in [A, C, 4] {
        for n in 0..3 {
            let from = format!("msrps://c{link}.example:9000/s{n};tcp");
            let octets = request(&format!("tid{n}"), "FOO", &to_bob(), &from, "");
            relay.say(link, octets);
        }
    }
    assert_eq!(relay.got(B).len(), 4);
    relay.pump();
    let refused = [relay.lines(C), relay.lines(4)].concat();
    assert_eq!(refused, ["408"; 5]);
    // A message goes on all the same.
    let headers = "Byte-Range: 1-2/2\r\n";
    let head = begin_from("tid1", &to_bob(), CAROL, "m", headers);
    relay.say(C, [&head[..], b"hi\r\n-------tid1$\r\n"].concat());
    assert_eq!(relay.lines(C), ["200"]);
    assert_eq!(relay.got(B).len(), 1);
    covers!("R-182");
}
