//! The wake protocols under loom: every interleaving of a few steps. A lost wake is a deadlock of the model.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test -p msrp --lib --release loom`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::sync::Notify;
use loom::thread;

use super::inbox::{Control, Inbox};
use super::mailbox::{Item, Mailbox};
use super::memory::Memory;
use super::port::Port;
use super::ready::{Ready, Signal};
use crate::limits::Limits;
use crate::proto::{
    Body, CloseReason, Command, Event, MessageKey, OutgoingMessage, SessionKey, send_cost,
};
use crate::role::relay::LinkId;
use crate::wire::{FailureReport, Method};

/// A sleeper that is woken by a waker or a signal.
struct Sleeper(Notify);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

struct Bell(Arc<Sleeper>);

impl Signal for Bell {
    fn signal(&self) {
        self.0.0.notify();
    }

    fn clear(&self) {}
}

/// A connection that has no session.
fn nobody() -> Arc<Inbox> {
    Arc::new(Inbox::new(0))
}

fn sleeper() -> Arc<Sleeper> {
    Arc::new(Sleeper(Notify::new()))
}

fn mailbox(key: u64, ready: &Arc<Ready>) -> Arc<Mailbox> {
    let limits = Arc::new(Limits::default());
    let memory = Arc::new(Memory::new(usize::MAX));
    Mailbox::new(SessionKey(key), limits, memory, Arc::clone(ready), 0, 0)
}

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn loom_a_link_hears_of_every_batch() {
    check(|| {
        let port = Arc::new(Port::new(LinkId(1)));
        let others: Vec<_> = (0..2)
            .map(|who| {
                let port = Arc::clone(&port);
                thread::spawn(move || {
                    port.push(&mut vec![(who, 0)]);
                    port.push(&mut vec![(who, 1)]);
                })
            })
            .collect();
        let link = sleeper();
        let waker = Waker::from(Arc::clone(&link));
        let (mut items, mut next) = (Vec::new(), [0; 2]);
        while next != [2; 2] {
            port.take(&waker, &mut items);
            if items.is_empty() {
                link.0.wait();
            }
            for (who, number) in items.drain(..) {
                assert_eq!(number, next[who]);
                next[who] += 1;
            }
        }
        for other in others {
            other.join().expect("it pushes");
        }
    });
}

#[test]
fn loom_a_batch_is_taken_or_left_when_the_link_closes() {
    check(|| {
        let port = Arc::new(Port::new(LinkId(1)));
        let other = {
            let port = Arc::clone(&port);
            thread::spawn(move || {
                let mut batch = vec![1, 2];
                port.push(&mut batch);
                batch.len()
            })
        };
        let taken = port.close().len();
        let left = other.join().expect("it pushes");
        assert_eq!(taken + left, 2);
        assert!(port.is_closed());
    });
}

#[test]
fn loom_a_driver_hears_of_every_command() {
    check(|| {
        let consumer = sleeper();
        let ready = Arc::new(Ready::new(Box::new(Bell(consumer))));
        let inbox = Arc::new(Inbox::new(1));
        let mailboxes = [mailbox(1, &ready), mailbox(2, &ready)];
        for mailbox in &mailboxes {
            mailbox.attach(&inbox, false);
        }
        let hosts: Vec<_> = mailboxes
            .iter()
            .map(|mailbox| {
                let mailbox = Arc::clone(mailbox);
                thread::spawn(move || {
                    mailbox.taken(std::iter::once(MessageKey(1)));
                    mailbox.taken(std::iter::once(MessageKey(2)));
                })
            })
            .collect();
        let driver = sleeper();
        let waker = Waker::from(Arc::clone(&driver));
        let mut commands: VecDeque<Command> = VecDeque::new();
        loop {
            let (mut dirty, mut controls): (Vec<_>, Vec<Control>) = (Vec::new(), Vec::new());
            inbox.take(&waker, &mut dirty, &mut controls);
            for mailbox in dirty {
                mailbox.take_commands(&inbox, &mut commands);
            }
            if commands.len() == 4 {
                break;
            }
            driver.0.wait();
        }
        for host in hosts {
            host.join().expect("no panic");
        }
    });
}

#[test]
fn loom_an_idle_connection_is_closed_or_gets_the_session_never_both() {
    check(|| {
        let inbox = Arc::new(Inbox::new(1));
        let dialler = {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || inbox.push_control(Control::Finish).is_ok())
        };
        let was_closed = inbox.close_if_idle();
        let was_pushed = dialler.join().expect("no panic");
        assert_ne!(was_closed, was_pushed);
    });
}

/// A consumer that takes so many events at a time sees all that two drivers deliver.
fn consume(max_events: usize) {
    check(move || {
        let consumer = sleeper();
        let ready = Arc::new(Ready::new(Box::new(Bell(Arc::clone(&consumer)))));
        let drivers: Vec<_> = (1..=2)
            .map(|key| {
                let mailbox = mailbox(key, &ready);
                thread::spawn(move || {
                    mailbox.deliver(&nobody(), std::iter::once(Event::Shed));
                    mailbox.deliver(&nobody(), std::iter::once(Event::Recovered));
                })
            })
            .collect();
        let mut seen = 0;
        while seen < 4 {
            // With work left the consumer is signalled again, so that it may sleep each time.
            ready.take(max_events, usize::MAX, |_, item| {
                assert!(matches!(item, Item::Event(Event::Shed | Event::Recovered)));
                seen += 1;
            });
            if seen < 4 {
                consumer.0.wait();
            }
        }
        for driver in drivers {
            driver.join().expect("no panic");
        }
    });
}

fn message() -> Box<OutgoingMessage> {
    Box::new(OutgoingMessage {
        method: Method::Send,
        message_id: None,
        content_type: "text/plain".into(),
        headers: Vec::new(),
        success_report: false,
        failure_report: FailureReport::Yes,
        control: false,
        body: Body::None,
    })
}

/// Admits a message, waiting for `Writable` where there is no room.
fn admit(mailbox: &Arc<Mailbox>, ready: &Ready, host: &Sleeper) {
    while mailbox.admit(message(), None).is_err() {
        let mut told = false;
        while !told {
            ready.take(8, usize::MAX, |_, item| {
                told |= matches!(item, Item::Writable);
            });
            if !told {
                host.0.wait();
            }
        }
    }
}

#[test]
fn loom_a_sender_that_found_the_window_full_hears_of_room() {
    check(|| {
        let mut limits = Limits::default();
        limits.send_window = send_cost(0);
        let host = sleeper();
        let ready = Arc::new(Ready::new(Box::new(Bell(Arc::clone(&host)))));
        let (list, memory) = (Arc::clone(&ready), Arc::new(Memory::new(usize::MAX)));
        let mailbox = Mailbox::new(SessionKey(1), Arc::new(limits), memory, list, 0, 0);
        admit(&mailbox, &ready, &host);
        let driver = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                mailbox.deliver(
                    &nobody(),
                    std::iter::once(Event::WindowReleased(send_cost(0))),
                );
                mailbox.deliver(
                    &nobody(),
                    std::iter::once(Event::WindowReleased(send_cost(0))),
                );
            })
        };
        admit(&mailbox, &ready, &host);
        driver.join().expect("no panic");
    });
}

#[test]
fn loom_the_end_of_the_engine_is_told_once_and_last() {
    check(|| {
        let host = sleeper();
        let ready = Arc::new(Ready::new(Box::new(Bell(Arc::clone(&host)))));
        assert!(ready.add_session());
        let mailbox = mailbox(1, &ready);
        let driver = thread::spawn(move || mailbox.end(CloseReason::Local, None));
        let engine = {
            let ready = Arc::clone(&ready);
            thread::spawn(move || {
                ready.end();
                ready.end();
            })
        };
        let mut closed = false;
        loop {
            let batch = ready.take(8, usize::MAX, |_, item| {
                closed |= matches!(item, Item::Closed { .. });
            });
            if batch.ended {
                break;
            }
            host.0.wait();
        }
        assert!(closed, "the session's end comes before");
        driver.join().expect("no panic");
        engine.join().expect("no panic");
        assert!(!ready.take(8, usize::MAX, |_, _| {}).ended, "only once");
    });
}

#[test]
fn loom_the_budget_is_judged_by_what_is_held_in_the_end() {
    for (limit, held, is_short) in [(10_000, 0, false), (500, 1_000, true)] {
        check(move || {
            let memory = Arc::new(Memory::new(limit));
            let other = Arc::clone(&memory);
            let sender = thread::spawn(move || other.hold_sent(20_000 + held));
            memory.release_sent(20_000);
            sender.join().expect("no panic");
            assert_eq!((memory.sent(), memory.is_short()), (held, is_short));
        });
    }
}

#[test]
fn loom_a_sender_that_was_refused_for_the_budget_hears_when_it_has_room() {
    check(|| {
        let limits = Arc::new(Limits::default());
        let memory = Arc::new(Memory::new(10_000));
        memory.hold_received(20_000);
        let host = sleeper();
        let ready = Arc::new(Ready::new(Box::new(Bell(Arc::clone(&host)))));
        let list = Arc::clone(&ready);
        let mailbox = Mailbox::new(SessionKey(1), limits, Arc::clone(&memory), list, 0, 0);
        let consumer = {
            let (memory, mailbox) = (Arc::clone(&memory), Arc::clone(&mailbox));
            thread::spawn(move || {
                memory.release_received(20_000);
                if memory.take_refused() {
                    mailbox.relieve();
                }
            })
        };
        admit(&mailbox, &ready, &host);
        consumer.join().expect("no panic");
    });
}

#[test]
fn loom_a_consumer_hears_of_every_event() {
    consume(usize::MAX);
}

#[test]
fn loom_a_consumer_that_stops_with_work_left_is_signalled_again() {
    consume(1);
}
