//! What the origin is told when a SEND fails behind the relay: by an error response while it is unanswered, by a REPORT
//! after, and never twice (RFC 4976 §3, §6.4.1, §6.4.3).

mod link_support;

use std::time::Duration;

use link_support::*;
use msrp::Limits;
use msrp::proto::CloseReason;
use msrp::role::relay::{Forward, Hop, LinkId, LinkOptions, Peer};
use msrp_conformance::covers;

const WHOLE: usize = 3000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Answers415,
    NeverAnswers,
    ClosesInMidChunk,
    RefusesConnection,
}

/// What the origin gets in all.
fn outcome(header: &str, fault: Fault, arriving: bool) -> Vec<String> {
    let mut relay = Relay::pair();
    if fault == Fault::RefusesConnection {
        relay.links.remove(&B);
    }
    if fault == Fault::ClosesInMidChunk {
        relay.side(B).takes = Some(1000);
    }
    let headers = format!("Byte-Range: 1-*/{WHOLE}\r\n{header}");
    let body = pattern(WHOLE);
    let chunk = send_with("tid1", &headers, &body, '$');
    let (now, later) = match arriving {
        true => chunk.split_at(chunk.len() - 500),
        false => chunk.split_at(chunk.len()),
    };
    relay.say(A, now);
    match fault {
        Fault::Answers415 if arriving => {
            let open = relay.open(B).expect("it is forwarded as it comes");
            relay.say(B, response(&open, 415));
        }
        Fault::Answers415 => {
            relay.answer(B, 415);
        }
        Fault::NeverAnswers => relay.pass(Duration::from_secs(31)),
        Fault::ClosesInMidChunk => relay.lose(B),
        Fault::RefusesConnection => {}
    }
    relay.say(A, later);
    relay.pass(Duration::from_secs(120));
    if relay.links.contains_key(&B) && fault == Fault::Answers415 && arriving {
        let cut = relay.got(B).pop().expect("the chunk was ended");
        // Who wants to hear of no failure is not spared the rest.
        let flag = if header.contains(": no") { '$' } else { '+' };
        assert_eq!(char::from(cut.end.as_octet()), flag);
    }
    let got = relay.got(A);
    for report in got.iter().filter(|got| got.method() == "REPORT") {
        assert_eq!(report.text("To-Path"), ALICE);
        assert_eq!(report.text("From-Path"), TOKEN);
        assert_eq!(report.text("Message-ID"), "mess1");
        assert_eq!(report.head.headers().count(), 5);
    }
    // The session goes on as if nothing had been.
    if relay.links.contains_key(&B) && fault != Fault::ClosesInMidChunk {
        relay.got(B);
        let mut other = begin_from("tid2", &format!("{TOKEN} {BOB}"), ALICE, "other", "");
        other.extend_from_slice(b"ok\r\n-------tid2$\r\n");
        relay.say(A, other);
        assert_eq!(relay.lines(A), ["200"]);
        assert_eq!(relay.answer(B, 200).len(), 1);
    }
    assert_eq!(relay.close_reason(A), None);
    got.iter().map(Got::line).collect()
}

#[test]
fn the_origin_is_told_once_of_each_fault() {
    use Fault::*;
    let report = |status: &str| format!("REPORT 000 {status} 1-{WHOLE}/{WHOLE}");
    let (r415, r408) = (
        report("415 Unsupported Media Type"),
        report("408 Request Timeout"),
    );
    let table: [(Fault, bool, [Vec<&str>; 3]); 8] = [
        (Answers415, false, [vec!["200", &r415], vec![&r415], vec![]]),
        (Answers415, true, [vec!["415"], vec!["415"], vec![]]),
        (NeverAnswers, false, [vec!["200", &r408], vec![], vec![]]),
        (NeverAnswers, true, [vec!["200", &r408], vec![], vec![]]),
        (
            ClosesInMidChunk,
            false,
            [vec!["200", &r408], vec![&r408], vec![]],
        ),
        (ClosesInMidChunk, true, [vec!["408"], vec!["408"], vec![]]),
        (
            RefusesConnection,
            false,
            [vec!["200", &r408], vec![&r408], vec![]],
        ),
        (RefusesConnection, true, [vec!["408"], vec!["408"], vec![]]),
    ];
    for (fault, arriving, [yes, partial, no]) in table {
        for (header, expected) in [
            ("", &yes),
            ("Failure-Report: yes\r\n", &yes),
            ("Failure-Report: partial\r\n", &partial),
            ("Failure-Report: no\r\n", &no),
        ] {
            let got = outcome(header, fault, arriving);
            assert_eq!(&got, expected, "{fault:?}, arriving: {arriving}, {header}");
        }
    }
    covers!(
        "R-140", "R-142", "R-143", "R-144", "R-145", "R-146", "R-147", "R-148", "R-149", "R-178",
        "T-05", "T-06", "T-07", "T-08", "T-10", "T-13",
    );
}

#[test]
fn the_time_runs_from_the_last_octet_and_ends_with_the_response() {
    let mut relay = Relay::pair();
    relay.side(B).takes = Some(100);
    relay.say(A, send("tid1", "1-5/5", b"hello", '$'));
    relay.pass(Duration::from_secs(20));
    relay.side(B).takes = None;
    relay.pass(Duration::from_secs(29));
    assert_eq!(relay.lines(A), ["200"]);
    relay.answer(B, 200);
    relay.pass(Duration::from_secs(60));
    assert!(relay.got(A).is_empty());
    // Of the next one the time is over.
    relay.say(A, send("tid2", "1-5/5", b"hello", '$'));
    relay.pass(Duration::from_secs(30));
    assert_eq!(
        relay.lines(A),
        ["200", "REPORT 000 408 Request Timeout 1-5/5"]
    );
    let late = relay.answer(B, 415);
    assert_eq!(late.len(), 1);
    assert!(relay.got(A).is_empty(), "a late response is dropped");
    assert_eq!(relay.link(B).counts().discarded, 1);
    covers!("R-142", "R-177", "T-14");
}

#[test]
fn a_408_response_is_reported_as_such() {
    let mut relay = Relay::pair();
    relay.say(A, send("tid1", "1-*/*", b"hello", '+'));
    relay.answer(B, 408);
    assert_eq!(
        relay.lines(A),
        ["200", "REPORT 000 408 Request Timeout 1-5/*"]
    );
    covers!("R-161", "R-147");
}

#[test]
fn what_has_no_link_is_refused_once_for_each_send() {
    use msrp::role::relay::{Backward, Chunk, FlowId, Forward, LaneId, Leg, Lines, Parked};
    use msrp::wire::{Continuation, FailureReport, MessageId, StatusCode};
    let lane = LaneId {
        link: LinkId(A),
        number: 7,
    };
    let flow = |number| FlowId { lane, number };
    let leg = std::sync::Arc::new(Leg {
        hop: Hop::Relay("gone".into()),
        to_path: BOB.into(),
        from_path: format!("{TOKEN} {ALICE}").into(),
        addressed: TOKEN.into(),
        origin: ALICE.into(),
    });
    let chunk = |start| Chunk {
        leg: leg.clone(),
        message_id: Some(MessageId::new("mess1").expect("an ident")),
        start,
        total: Some(100),
        failure_report: FailureReport::Yes,
        lines: Lines::default(),
        has_body: true,
    };
    let mut parked = Parked::default();
    let mut cost = 0;
    for (forward, status) in [
        (
            Forward::Begin(flow(1), Box::new(chunk(11))),
            Some(StatusCode::FORBIDDEN),
        ),
        (Forward::Body(flow(1), vec![b'x'; 30].into()), None),
        (Forward::End(flow(1), Continuation::More), None),
        (Forward::Begin(flow(2), Box::new(chunk(41))), None),
        (Forward::Body(flow(2), vec![b'x'; 20].into()), None),
    ] {
        cost += forward.cost();
        parked.push_refused(forward, status);
    }
    assert_eq!(parked.len(), cost);
    let mut told = |parked: &mut Parked| {
        let mut told = Vec::new();
        for backward in parked.refuse(None) {
            match backward {
                Backward::Outcome(outcome) => {
                    told.push((outcome.flow.number, outcome.status.0, outcome.range));
                }
                Backward::Credit(_, credit) => cost -= credit,
                Backward::Response(..) => unreachable!("nothing was answered"),
            }
        }
        told
    };
    // The second one has not ended: its sender is told at once, and of the rest when it has.
    let first = told(&mut parked);
    assert_eq!(first, [(1, 403, (11, 40)), (2, 408, (41, 60))]);
    parked.push(Forward::Body(flow(2), bytes::Bytes::new()));
    parked.push(Forward::End(flow(2), Continuation::Complete));
    assert_eq!(told(&mut parked), []);
    assert_eq!(cost, 0);
    covers!("R-146", "R-147");
}

#[test]
fn a_client_that_is_gone_is_481() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    relay.office.hops.insert(CAROL.into(), Hop::Link(LinkId(C)));
    let to = format!("{TOKEN} {CAROL}");
    let head = |tid: &str, message: &str| {
        let mut out = begin_from(tid, &to, ALICE, message, "Byte-Range: 1-2/2\r\n");
        out.extend_from_slice(format!("hi\r\n-------{tid}$\r\n").as_bytes());
        out
    };
    relay.say(A, head("tid1", "m1"));
    assert_eq!(relay.lines(C), ["SEND 1-2/2 2$"]);
    relay.lose(C);
    assert_eq!(
        relay.lines(A),
        ["200", "REPORT 000 481 Session Does Not Exist 1-2/2"]
    );
    relay.say(A, head("tid2", "m2"));
    assert_eq!(
        relay.lines(A),
        ["200", "REPORT 000 481 Session Does Not Exist 1-2/2"]
    );
    covers!("R-097", "R-146");
}

#[test]
fn reports_go_over_the_connection_that_brought_the_send_or_nowhere() {
    let mut relay = Relay::pair();
    // A From-Path that names somebody else.
    let victim = "msrp://victim.example:80/xxxxxxxxxxxx;tcp";
    let mut out = begin_from("tid1", &format!("{TOKEN} {BOB}"), victim, "m1", "");
    out.extend_from_slice(b"hi\r\n-------tid1$\r\n");
    relay.say(A, &out);
    relay.answer(B, 403);
    let got = relay.got(A);
    assert_eq!(got[1].line(), "REPORT 000 403 Forbidden 1-2/*");
    assert_eq!(got[1].text("To-Path"), victim);
    assert!(relay.parked.is_empty(), "nothing was to be connected to");
    // When that connection is gone, nothing is told to anybody.
    relay.say(A, &out);
    relay.lose(A);
    relay.answer(B, 403);
    relay.pass(Duration::from_secs(60));
    assert!(relay.lines(B).is_empty());
    covers!("R-203", "T-01");
}

#[test]
fn silence_to_partial_is_good_and_forgotten() {
    let options = LinkOptions {
        max_silent: 100,
        ..LinkOptions::default()
    };
    let mut relay = Relay::with(Limits::default(), options);
    relay.join_pair();
    let partial = "Byte-Range: 1-2/2\r\nFailure-Report: partial\r\n";
    relay.say(A, send_with("tid1", partial, b"hi", '$'));
    relay.pass(Duration::from_secs(5));
    relay.answer(B, 413);
    assert_eq!(
        relay.lines(A),
        ["REPORT 000 413 Stop Sending Message 1-2/2"]
    );
    for n in 0..1000 {
        relay.say(A, send_with(&format!("tid{n}"), partial, b"hi", '$'));
    }
    // Only the last hundred are remembered.
    let got = relay.got(B);
    assert_eq!(got.len(), 1000);
    relay.say(B, response(&got[899], 413));
    assert!(relay.got(A).is_empty());
    relay.say(B, response(&got[900], 413));
    assert_eq!(relay.got(A).len(), 1);
    relay.pass(Duration::from_secs(31));
    relay.say(B, response(&got[999], 413));
    assert!(relay.got(A).is_empty());
    covers!("R-143", "R-204");
}

#[test]
fn a_refused_chunk_is_over_for_both_sides() {
    let mut relay = Relay::pair();
    let body = pattern(100_000);
    let chunk = send_with("tid1", "Byte-Range: 1-*/200000\r\n", &body, '+');
    relay.say(A, &chunk[..50_000]);
    let open = relay.open(B).expect("it is under way");
    relay.say(B, response(&open, 413));
    assert_eq!(relay.lines(A), ["413"]);
    relay.say(A, &chunk[50_000..]);
    // Further chunks of that message are refused too, those of others are not.
    relay.say(A, send("tid2", "100001-100002/200000", b"xx", '+'));
    assert_eq!(relay.lines(A), ["413"]);
    let mut other = begin_from("tid3", &format!("{TOKEN} {BOB}"), ALICE, "other", "");
    other.extend_from_slice(b"hi\r\n-------tid3$\r\n");
    relay.say(A, other);
    assert_eq!(relay.lines(A), ["200"]);
    let got = relay.got(B);
    assert_eq!(got.len(), 2);
    assert_eq!(char::from(got[0].end.as_octet()), '+');
    assert!(got[0].body.len() < 50_000);
    relay.pass(Duration::from_secs(29));
    assert!(relay.got(A).is_empty());
    covers!("R-148", "R-155");
}

#[test]
fn a_lost_origin_leaves_its_chunk_to_be_resumed() {
    let mut relay = Relay::pair();
    let chunk = send_with("tid1", "Byte-Range: 1-*/9000\r\n", &pattern(9000), '$');
    relay.say(A, &chunk[..5000]);
    relay.lose(A);
    let got = relay.got(B);
    assert_eq!(char::from(got[0].end.as_octet()), '+');
    assert!(got[0].body.len() > 4000);
    // Others on that connection go on.
    relay.connect(C, Peer::Client);
    let mut other = begin_from("tid1", &format!("{TOKEN} {BOB}"), CAROL, "other", "");
    other.extend_from_slice(b"hi\r\n-------tid1$\r\n");
    relay.say(C, other);
    assert_eq!(relay.lines(B), ["SEND  2$"]);
    // A setting says that the message is given up.
    let options = LinkOptions {
        cut: msrp::wire::Continuation::Abort,
        ..LinkOptions::default()
    };
    let mut relay = Relay::with(Limits::default(), options);
    relay.join_pair();
    relay.say(A, &chunk[..5000]);
    relay.lose(A);
    assert_eq!(char::from(relay.got(B)[0].end.as_octet()), '#');
    covers!("R-155");
}

#[test]
fn a_lane_that_ends_before_its_chunk_leaves_it_to_be_resumed() {
    let mut relay = Relay::pair();
    let chunk = send_with("tid1", "Byte-Range: 1-*/9000\r\n", &pattern(9000), '$');
    relay.say(A, &chunk[..5000]);
    // The link that received it failed in a way in which it could not say more.
    let lane = *relay.lanes.keys().next().expect("a lane");
    let now = relay.now;
    relay.link(B).handle_forward(now, Forward::Leave(lane));
    relay.pump();
    let got = relay.got(B);
    assert_eq!(got.len(), 1);
    assert_eq!(char::from(got[0].end.as_octet()), '+');
    relay.say(B, response(&got[0], 200));
    assert!(relay.link(B).is_settled());
    assert_eq!(relay.link(B).held_bytes(), 0);
}

#[test]
fn a_connection_that_takes_nothing_is_lost() {
    let mut relay = Relay::pair();
    relay.side(B).takes = Some(0);
    relay.say(A, send("tid1", "1-2/2", b"hi", '$'));
    relay.pass(Duration::from_secs(30));
    assert_eq!(relay.close_reason(B), Some(CloseReason::WriteStall));
    assert_eq!(
        relay.lines(A),
        ["200", "REPORT 000 408 Request Timeout 1-2/2"]
    );
    covers!("R-146");
}

#[test]
fn pieces_of_one_chunk_that_are_lost_together_are_one_loss() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Client);
    let body = pattern(200_000);
    relay.side(B).takes = Some(20_000);
    relay.say(A, send("tid1", "1-*/200000", &body, '$'));
    // Somebody else's message comes in between.
    let mut other = begin_from("tid1", &format!("{TOKEN} {BOB}"), CAROL, "other", "");
    other.extend_from_slice(b"hi\r\n-------tid1$\r\n");
    relay.say(C, other);
    relay.side(B).takes = None;
    relay.pump();
    assert_eq!(relay.got(B).len(), 3);
    relay.lose(B);
    assert_eq!(
        relay.lines(A),
        ["200", "REPORT 000 408 Request Timeout 1-200000/200000"]
    );
    covers!("R-147");
}

#[test]
fn answers_go_one_hop_back_and_reports_all_the_way() {
    let mut relay = Relay::pair();
    relay.connect(C, Peer::Relay("other.example".into()));
    let hop = "msrps://other.example:2855/othertoken;tcp";
    let from = format!("{hop} {ALICE}");
    let mut send = begin_from("tid1", &format!("{TOKEN} {BOB}"), &from, "m1", "");
    send.extend_from_slice(b"hi\r\n-------tid1$\r\n");
    relay.say(C, send);
    relay.answer(B, 413);
    let got = relay.got(C);
    assert_eq!(got.len(), 2);
    assert_eq!(
        (got[0].status(), got[0].text("To-Path")),
        (Some(200), hop.into())
    );
    assert_eq!(got[0].text("From-Path"), TOKEN);
    assert_eq!(got[1].line(), "REPORT 000 413 Stop Sending Message 1-2/*");
    assert_eq!(got[1].text("To-Path"), from);
    assert_eq!(got[1].text("From-Path"), TOKEN);
    // An error response goes one hop back, too.
    relay.say(
        C,
        format!(
            "MSRP tid2 SEND\r\nTo-Path: {TOKEN} {CAROL}\r\nFrom-Path: {from}\r\n-------tid2$\r\n"
        ),
    );
    let got = relay.got(C);
    assert_eq!(
        (got[0].status(), got[0].text("To-Path")),
        (Some(481), hop.into())
    );
    covers!("R-141", "R-147", "T-02", "T-05");
}
