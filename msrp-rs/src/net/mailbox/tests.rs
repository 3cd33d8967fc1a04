use std::time::Duration;

use super::*;
use crate::net::inbox::Inbox;
use crate::net::ready::Signal;
use crate::proto::{Failure, MessageEnd, MessageHead, RefusedType, Unconfirmed};
use crate::wire::{FailureReport, MessageId, Method, StatusCode};

struct Silent;

impl Signal for Silent {
    fn signal(&self) {}
    fn clear(&self) {}
}

/// A connection; without one of its own a mailbox takes what any delivers.
fn nobody() -> Arc<Inbox> {
    Arc::new(Inbox::new(0))
}

fn with(change: impl FnOnce(&mut Limits)) -> Arc<Mailbox> {
    let mut limits = Limits::default();
    change(&mut limits);
    let ready = Arc::new(Ready::new(Box::new(Silent)));
    let memory = Arc::new(Memory::new(limits.engine_memory));
    let mailbox = Mailbox::new(SessionKey(1), Arc::new(limits), memory, ready, 5, 9);
    drop(mailbox.start_connecting());
    mailbox
}

fn message(body: Body) -> Box<OutgoingMessage> {
    Box::new(OutgoingMessage {
        method: Method::Send,
        message_id: Some(MessageId::new("abcd1234").expect("an ident")),
        content_type: "text/plain".into(),
        headers: Vec::new(),
        success_report: false,
        failure_report: FailureReport::Yes,
        control: false,
        body,
    })
}

fn whole(len: usize) -> Box<OutgoingMessage> {
    message(Body::Whole(vec![0; len].into()))
}

fn take(mailbox: &Arc<Mailbox>) -> Vec<Item> {
    let mut items = Vec::new();
    while mailbox.visit(32, usize::MAX, |item| items.push(item)).more {}
    items
}

fn count(items: &[Item], is: impl Fn(&Item) -> bool) -> usize {
    items.iter().filter(|item| is(item)).count()
}

fn is_writable(item: &Item) -> bool {
    matches!(item, Item::Writable)
}

fn body(message: u32, len: usize) -> Event {
    let data = vec![0; len].into();
    Event::MessageBody {
        message: MessageKey(message),
        offset: 0,
        data,
    }
}

fn begin(message: u32) -> Event {
    let head = Arc::new(MessageHead {
        message_id: MessageId::new("abcd1234").expect("an ident"),
        content_type: "text/plain".into(),
        headers: Vec::new(),
        total: None,
        success_report: false,
        failure_report: FailureReport::Yes,
    });
    Event::MessageBegin {
        message: MessageKey(message),
        head,
        credit: 300,
    }
}

#[test]
fn small_messages_use_the_window_and_one_writable_follows_a_refusal() {
    let mailbox = with(|limits| limits.send_window = 4 * 1024);
    take(&mailbox);
    for number in 0..3 {
        assert_eq!(
            mailbox.admit(whole(1024), None).expect("room"),
            TransferKey(5 + number)
        );
    }
    for _ in 0..3 {
        assert_eq!(
            mailbox.admit(whole(1024), None).expect_err("full").kind,
            ErrorKind::Again
        );
    }
    assert_eq!(mailbox.memory.sent(), 3 * send_cost(1024));
    mailbox.deliver(&nobody(), [Event::WindowReleased(100)].into_iter());
    assert_eq!(count(&take(&mailbox), is_writable), 0);
    mailbox.deliver(
        &nobody(),
        (0..2).map(|_| Event::WindowReleased(send_cost(1024))),
    );
    assert_eq!(count(&take(&mailbox), is_writable), 1);
    mailbox.admit(whole(1024), None).expect("room again");
}

#[test]
fn large_messages_take_a_slot_until_they_have_an_outcome() {
    let mailbox = with(|limits| limits.transfers = 2);
    let large = mailbox.admit(whole(100_000), None).expect("a slot");
    mailbox
        .admit(message(Body::Stream(None)), None)
        .expect("a slot");
    let error = mailbox.admit(whole(100_000), None).expect_err("no slot");
    assert_eq!(error.kind, ErrorKind::Again);
    mailbox
        .admit(whole(1000), None)
        .expect("the window is free");
    mailbox.deliver(
        &nobody(),
        [Event::Failed(large, Failure::Timeout)].into_iter(),
    );
    let items = take(&mailbox);
    assert_eq!(count(&items, is_writable), 1);
    assert_eq!(
        count(&items, |item| matches!(
            item,
            Item::Failed { late: false, .. }
        )),
        1
    );
    mailbox.admit(whole(100_000), None).expect("a slot again");
}

#[test]
fn outcomes_that_nobody_takes_hold_further_messages_back() {
    let mailbox = with(|_| {});
    for _ in 0..MAX_UNSETTLED {
        let key = mailbox.admit(message(Body::None), None).expect("room");
        let cost = Event::WindowReleased(send_cost(0));
        mailbox.deliver(&nobody(), [cost, Event::Acknowledged(key)].into_iter());
    }
    let error = mailbox
        .admit(message(Body::None), None)
        .expect_err("nobody looks");
    assert_eq!(error.kind, ErrorKind::Again);
    assert_eq!(count(&take(&mailbox), is_writable), 1);
    mailbox.admit(message(Body::None), None).expect("taken");
}

#[test]
fn progress_is_one_entry_with_the_latest_value_and_reports_are_bounded() {
    let mailbox = with(|limits| limits.event_stream = 3);
    let key = mailbox
        .admit(message(Body::Stream(Some(10))), None)
        .expect("room");
    take(&mailbox);
    mailbox.deliver(&nobody(), (1..=9).map(|sent| Event::Progress(key, sent)));
    let report = || Event::Report {
        transfer: key,
        status: StatusCode(200),
        comment: String::new(),
        range: None,
    };
    mailbox.deliver(&nobody(), (0..10).map(|_| report()));
    let items = take(&mailbox);
    assert!(matches!(items[0], Item::Progress(_, 9)), "{items:?}");
    assert!(matches!(items[1], Item::ReportsLost(7)), "{items:?}");
    assert_eq!(items.len(), 5, "{items:?}");
}

#[test]
fn a_visit_is_bounded_in_events_and_octets() {
    let mailbox = with(|_| {});
    take(&mailbox);
    mailbox.deliver(
        &nobody(),
        std::iter::once(begin(9)).chain((0..20).map(|_| body(9, 10_000))),
    );
    let visit = mailbox.visit(32, 64 * 1024, |_| {});
    assert_eq!((visit.events, visit.bytes, visit.more), (8, 70_000, true));
    let visit = mailbox.visit(5, usize::MAX, |_| {});
    assert_eq!((visit.events, visit.more), (5, true));
    let visit = mailbox.visit(32, usize::MAX, |_| {});
    assert_eq!((visit.events, visit.more, visit.closed), (8, false, false));
}

#[test]
fn what_is_shed_or_aborted_is_freed_at_once_and_its_credit_goes_back() {
    let mailbox = with(|_| {});
    take(&mailbox);
    mailbox.deliver(
        &nobody(),
        [begin(9), body(9, 1000), begin(10), body(10, 500)].into_iter(),
    );
    assert_eq!(mailbox.memory.received().0, 2100);
    let end = MessageEnd::Rejected(StatusCode(413));
    let shed = [
        Event::Shed,
        Event::MessageEnd {
            message: MessageKey(9),
            end,
        },
    ];
    mailbox.deliver(&nobody(), shed.into_iter());
    assert_eq!(mailbox.memory.received().0, 1100);
    let mut commands = std::collections::VecDeque::new();
    assert_eq!(mailbox.take_commands(&nobody(), &mut commands), 1000);
    let items = take(&mailbox);
    let bodies = count(&items, |item| {
        matches!(item, Item::Event(Event::MessageBody { .. }))
    });
    assert_eq!(bodies, 1, "{items:?}");
    // Content of a session that ends stays for the consumer, and is counted out with the last event.
    mailbox.end(CloseReason::PeerClosed, None);
    mailbox.consume(600);
    assert_eq!(mailbox.memory.received().0, 500);
    take(&mailbox);
    assert_eq!(mailbox.memory.received().0, 0);
}

#[test]
fn the_consumer_of_a_few_parts_is_told_by_the_ring_and_of_all_else_at_once() {
    let mailbox = with(|limits| limits.receive_window = 8192);
    let take_rung = |mailbox: &Arc<Mailbox>| mailbox.ready.take(99, usize::MAX, |_, _| ());
    let is_told = |mailbox: &Arc<Mailbox>| mailbox.ready.take(0, 0, |_, _| ()).more;
    take_rung(&mailbox);
    let deliver = |events: Vec<Event>| mailbox.deliver(&nobody(), events.into_iter()).1;
    assert!(!deliver(vec![begin(9), body(9, 100)]) && is_told(&mailbox));
    take_rung(&mailbox);
    assert!(deliver(vec![body(9, 100)]) && !is_told(&mailbox));
    assert!(!deliver(vec![body(9, 100)]), "it is to be told once");
    mailbox.ring();
    assert!(is_told(&mailbox));
    take_rung(&mailbox);
    // Half of the window waits: it can use the time.
    assert!(!deliver(vec![body(9, 4096)]) && is_told(&mailbox));
}

#[test]
fn credit_comes_back_in_pieces_that_make_a_difference() {
    let mailbox = with(|limits| limits.receive_window = 8192);
    let driver = nobody();
    mailbox.attach(&driver, false);
    mailbox.deliver(&driver, [begin(9), body(9, 3000)].into_iter());
    let mut commands = std::collections::VecDeque::new();
    let is_dirty = |mailbox: &Arc<Mailbox>| mailbox.state.lock().is_dirty;
    mailbox.take_commands(&driver, &mut commands);
    mailbox.consume(1023);
    assert!(!is_dirty(&mailbox));
    mailbox.consume(1);
    assert!(is_dirty(&mailbox));
    assert_eq!(mailbox.take_commands(&driver, &mut commands), 1024);
}

#[test]
fn progress_of_a_long_message_comes_in_steps_and_at_its_end() {
    let mailbox = with(|_| {});
    let total = 4 << 20;
    let key = mailbox
        .admit(message(Body::Stream(Some(total))), None)
        .expect("room");
    take(&mailbox);
    let told = |sent| {
        mailbox.deliver(&nobody(), [Event::Progress(key, sent)].into_iter());
        take(&mailbox).len()
    };
    let seen = [4095, 4096, 4097, 8191, 8192, total - 1, total].map(told);
    assert_eq!(seen, [0, 1, 0, 0, 1, 1, 1]);
}

#[test]
fn how_far_it_came_is_told_before_the_failure_and_before_the_end() {
    let mailbox = with(|_| {});
    let admit = || {
        let body = message(Body::Stream(Some(4 << 20)));
        mailbox.admit(body, None).expect("room")
    };
    let (failing, left, queued) = (admit(), admit(), admit());
    take(&mailbox);
    let far = |key, sent| mailbox.deliver(&nobody(), [Event::Progress(key, sent)].into_iter());
    far(failing, 4000);
    far(left, 3000);
    assert!(take(&mailbox).is_empty());
    let failed = Event::Failed(failing, Failure::Aborted);
    mailbox.deliver(&nobody(), [failed].into_iter());
    assert!(matches!(
        take(&mailbox)[..],
        [Item::Progress(key, 4000), Item::Failed { .. }] if key == failing
    ));
    // What was told already is not told again; what waits is outdated.
    far(queued, 5000);
    far(queued, 5001);
    mailbox.end(CloseReason::PeerClosed, None);
    let told: Vec<_> = take(&mailbox)
        .into_iter()
        .filter_map(|item| match item {
            Item::Progress(key, sent) => Some((key, sent)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(queued, 5000), (left, 3000), (queued, 5001)]);
}

#[test]
fn content_waits_while_paused_and_the_end_behind_it() {
    let mailbox = with(|_| {});
    mailbox.pause();
    let key = mailbox.admit(whole(10), None).expect("room");
    mailbox.deliver(
        &nobody(),
        [Event::Bound, begin(9), Event::Acknowledged(key)].into_iter(),
    );
    let items = take(&mailbox);
    assert_eq!(count(&items, Item::is_content), 0);
    assert_eq!(
        count(&items, |item| matches!(
            item,
            Item::Event(Event::Acknowledged(_))
        )),
        1
    );
    mailbox.end(CloseReason::PeerClosed, None);
    let items = take(&mailbox);
    assert_eq!(count(&items, |item| matches!(item, Item::Closed { .. })), 0);
    mailbox.resume();
    let items = take(&mailbox);
    assert!(items[0].is_content());
    assert!(
        matches!(items.last(), Some(Item::Closed { .. })),
        "{items:?}"
    );
}

#[test]
fn the_end_drops_held_content_and_names_what_has_no_outcome() {
    let mailbox = with(|_| {});
    take(&mailbox);
    let done = mailbox.admit(whole(10), None).expect("room");
    let small = mailbox.admit(whole(10), None).expect("room");
    let owner = Arc::new(vec![0_u8; 100_000]);
    let held = Bytes::from_owner(OwnedVec(Arc::clone(&owner)));
    let large = mailbox
        .admit(message(Body::Whole(held)), None)
        .expect("a slot");
    mailbox.deliver(&nobody(), [Event::Acknowledged(done)].into_iter());
    mailbox.start_closing(Instant::now() + Duration::from_secs(1));
    assert_eq!(
        mailbox.admit(whole(1), None).expect_err("closing").kind,
        ErrorKind::Gone
    );
    assert_eq!(Arc::strong_count(&owner), 2);
    let ended = mailbox.deliver(
        &nobody(),
        [Event::Closed {
            reason: CloseReason::Local,
            unacknowledged: Vec::new(),
        }]
        .into_iter(),
    );
    assert_eq!(
        ended,
        (Decided::Closed(CloseReason::Local, Vec::new()), false)
    );
    mailbox.end(CloseReason::Local, None);
    assert_eq!(Arc::strong_count(&owner), 1);
    assert_eq!(mailbox.memory.sent(), 0);
    let items = take(&mailbox);
    let Some(Item::Closed { unacknowledged, .. }) = items.last() else {
        panic!("{items:?}")
    };
    assert_eq!(*unacknowledged, [small, large]);
    assert_eq!(mailbox.next_numbers(), (8, 9));
    mailbox.end(CloseReason::PeerClosed, None);
    assert!(take(&mailbox).is_empty(), "there is one end");
}

struct OwnedVec(Arc<Vec<u8>>);

impl AsRef<[u8]> for OwnedVec {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn commands_about_messages_of_an_earlier_session_are_gone() {
    let mailbox = with(|_| {});
    mailbox.deliver(&nobody(), [begin(9)].into_iter());
    let reject = |key| {
        let key = MessageKey(key);
        mailbox.judge(key, Command::Reject(key, StatusCode(413), String::new()))
    };
    assert!(reject(9).is_ok());
    assert_eq!(reject(8).expect_err("earlier").kind, ErrorKind::Gone);
    assert_eq!(reject(10).expect_err("not yet").kind, ErrorKind::Gone);
}

#[test]
fn success_reports_are_waited_for_until_the_end_and_missed_once() {
    let mailbox = with(|limits| limits.remembered_ids = 1);
    let reported = || {
        let mut message = whole(10);
        message.success_report = true;
        mailbox.admit(message, None).expect("room")
    };
    let (told, late, failed, left) = (reported(), reported(), reported(), reported());
    let silent = mailbox.admit(whole(10), None).expect("room");
    let later = |key| Event::Unconfirmed(key, Unconfirmed::Forgotten);
    let mut events: Vec<_> = [told, late, failed, left, silent]
        .into_iter()
        .map(Event::Acknowledged)
        .collect();
    events.extend([Event::Delivered(told), later(late), later(late)]);
    events.extend([Event::Failed(failed, Failure::Timeout), later(silent)]);
    take(&mailbox);
    mailbox.deliver(&nobody(), events.into_iter());
    let unconfirmed = |items: &[Item]| -> Vec<TransferKey> {
        let of = |item: &Item| match item {
            Item::Unconfirmed {
                transfer,
                message_id,
                ..
            } => {
                assert_eq!(message_id, "abcd1234");
                Some(*transfer)
            }
            _ => None,
        };
        items.iter().filter_map(of).collect()
    };
    assert_eq!(unconfirmed(&take(&mailbox)), [late]);
    // Old ones are known as long as something may come of them.
    assert!(mailbox.message_id(left).is_ok() && mailbox.message_id(told).is_err());
    mailbox.end(CloseReason::PeerClosed, None);
    let items = take(&mailbox);
    assert_eq!(unconfirmed(&items), [left]);
    assert!(
        matches!(items.last(), Some(Item::Closed { .. })),
        "{items:?}"
    );
}

#[test]
fn rfc4975_10_6_a_refused_type_stops_messages_and_no_request() {
    let mailbox = with(|_| ());
    let refused = RefusedType::of("text/plain", &Body::None).expect("a type");
    mailbox.deliver(&nobody(), std::iter::once(Event::TypeRefused(refused)));
    let error = mailbox.admit(whole(1), None).expect_err("a message");
    assert_eq!(error.kind, ErrorKind::UnacceptedType);
    for body in [Body::None, Body::Whole("x".into())] {
        let mut request = message(body);
        request.method = Method::from_word("PING");
        mailbox.admit(request, None).expect("a request");
    }
}
