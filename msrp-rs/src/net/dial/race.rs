//! Which of several addresses is connected to: RFC 8305 §4 and §5, in the order given (RFC 4975 §6.2).
//!
//! The next address is tried when the one before has failed, or has said nothing for a while; that one is not given up.
//! The first that connects wins. What an attempt is, the caller says: nothing here knows of sockets.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::mutant::{self, Mutant};

/// How long an address may say nothing before the next one is tried, too (RFC 8305 §5).
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// Failures that a text names.
const NAMED: usize = 8;

/// Attempts to connect to the addresses of one peer. Dropped, those that are under way are given up.
pub(super) struct Race<F> {
    waiting: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, Pin<Box<F>>)>,
    failed: Vec<(SocketAddr, String)>,
    /// Whether the text says which address each reason is of.
    names_addresses: bool,
}

impl<F, T> Race<F>
where
    F: Future<Output = Result<T, String>>,
{
    /// Nothing is tried before [`run`](Self::run). Whoever reads of the failure knows the addresses or wants them named.
    pub(super) fn new(
        addresses: impl IntoIterator<Item = SocketAddr>,
        names_addresses: bool,
    ) -> Self {
        let most = mutant::swap(Mutant::FirstAddressOnly, usize::MAX, || 1);
        Self {
            waiting: addresses.into_iter().take(most).collect(),
            running: Vec::new(),
            failed: Vec::new(),
            names_addresses,
        }
    }

    /// The first connection; none when every attempt has failed.
    ///
    /// # Cancel safety
    /// What is under way goes on when this is called again.
    pub(super) async fn run(&mut self, mut attempt: impl FnMut(SocketAddr) -> F) -> Option<T> {
        loop {
            match self.waiting.pop_front() {
                Some(address) => self.running.push((address, Box::pin(attempt(address)))),
                None if self.running.is_empty() => return None,
                None => {}
            }
            let next = Instant::now() + STAGGER;
            tokio::select! {
                // An answer that is there counts for more than the time.
                biased;
                won = poll_fn(|cx| self.poll_running(cx)) => {
                    if won.is_some() {
                        // The losers are closed before anybody hears of the winner.
                        self.running.clear();
                        return won;
                    }
                }
                () = sleep_until(next), if !self.waiting.is_empty() => {}
            }
        }
    }

    /// Ready when one has connected or failed.
    fn poll_running(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<T>> {
        for index in 0..self.running.len() {
            let (address, attempt) = &mut self.running[index];
            let address = *address;
            if let Poll::Ready(result) = attempt.as_mut().poll(cx) {
                drop(self.running.swap_remove(index));
                return Poll::Ready(match result {
                    Ok(connection) => Some(connection),
                    Err(reason) => {
                        self.failed.push((address, reason));
                        None
                    }
                });
            }
        }
        Poll::Pending
    }
}

/// What became of each address, for the text of an error: `192.0.2.1: connection refused; 2001:db8::1: no answer`.
impl<F> fmt::Display for Race<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed.iter();
        let failed = failed.map(|(address, reason)| (address.ip(), reason.as_str()));
        let running = self.running.iter();
        let running = running.map(|(address, _)| (address.ip(), "no answer"));
        let waiting = self.waiting.iter();
        let waiting = waiting.map(|address| (address.ip(), "not tried"));
        let mut all = failed.chain(running).chain(waiting);
        for (index, (address, reason)) in all.by_ref().take(NAMED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            f.write_str(separator)?;
            if self.names_addresses {
                write!(f, "{address}: ")?;
            }
            f.write_str(reason)?;
        }
        match all.count() {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// The addresses in their order, with the families in turn, the family of the first one first (RFC 8305 §4); each once,
/// and at most so many.
pub(crate) fn interleave(addresses: impl IntoIterator<Item = IpAddr>, most: usize) -> Vec<IpAddr> {
    let mut seen = std::collections::HashSet::new();
    let (mut first, mut other) = (VecDeque::new(), VecDeque::new());
    for address in addresses {
        let address = address.to_canonical();
        if !seen.insert(address) {
            continue;
        }
        let is_first = first
            .front()
            .is_none_or(|first: &IpAddr| first.is_ipv4() == address.is_ipv4());
        let family = if is_first { &mut first } else { &mut other };
        // More of one family than are taken of both are never needed.
        if family.len() < most {
            family.push_back(address);
        }
    }
    let mut order = Vec::with_capacity(most.min(first.len() + other.len()));
    while order.len() < most {
        let Some(address) = first.pop_front().or_else(|| other.pop_front()) else {
            break;
        };
        order.push(address);
        std::mem::swap(&mut first, &mut other);
    }
    order
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use msrp_conformance::covers;
    use tokio::time::{sleep, timeout};

    use super::*;

    /// What an address does, after so many milliseconds.
    #[derive(Clone, Copy)]
    enum Does {
        Answers(u64),
        Refuses(u64),
        Nothing,
    }
    use Does::{Answers, Nothing, Refuses};

    fn address(number: usize) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, number as u8], 2855))
    }

    /// The winner, when each address was tried, which attempts were dropped unfinished, the text, and the time.
    struct Outcome {
        won: Option<usize>,
        tried: Vec<(usize, u64)>,
        given_up: Vec<usize>,
        text: String,
        took: u64,
    }

    struct Attempt(usize, Rc<RefCell<Vec<usize>>>, bool);

    impl Drop for Attempt {
        fn drop(&mut self) {
            if !self.2 {
                self.1.borrow_mut().push(self.0);
            }
        }
    }

    async fn run(peers: &[Does], patience: u64) -> Outcome {
        let begin = Instant::now();
        let tried = Rc::<RefCell<Vec<_>>>::default();
        let given_up = Rc::<RefCell<Vec<_>>>::default();
        let mut race = Race::new((0..peers.len()).map(address), true);
        let attempt = |to: SocketAddr| {
            let number = (0..peers.len())
                .position(|n| address(n) == to)
                .expect("one of them");
            let now = begin.elapsed().as_millis() as u64;
            tried.borrow_mut().push((number, now));
            let guard = Attempt(number, Rc::clone(&given_up), false);
            let does = peers[number];
            async move {
                let mut guard = guard;
                let (Answers(time) | Refuses(time)) = does else {
                    return std::future::pending().await;
                };
                sleep(Duration::from_millis(time)).await;
                guard.2 = true;
                match does {
                    Answers(_) => Ok(number),
                    _ => Err("connection refused".to_owned()),
                }
            }
        };
        let patience = Duration::from_millis(patience);
        let won = timeout(patience, race.run(attempt)).await.ok().flatten();
        let text = race.to_string();
        let took = begin.elapsed().as_millis() as u64;
        drop(race);
        Outcome {
            won,
            tried: tried.take(),
            given_up: given_up.take(),
            text,
            took,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rfc4975_6_2_further_addresses_are_tried_in_the_order_given() {
        let outcome = run(&[Refuses(5), Refuses(10), Answers(20), Answers(0)], 10_000).await;
        assert_eq!(outcome.won, Some(2));
        assert_eq!(outcome.tried, [(0, 0), (1, 5), (2, 15)]);
        assert_eq!(outcome.took, 35);
        covers!("C-094");
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8305_5_the_next_address_is_tried_after_a_while_and_the_first_is_not_given_up() {
        // The first one answers late, and before the others.
        let outcome = run(&[Answers(600), Nothing, Nothing, Answers(0)], 10_000).await;
        assert_eq!(outcome.won, Some(0));
        assert_eq!(outcome.tried, [(0, 0), (1, 250), (2, 500)]);
        assert_eq!(outcome.given_up.len(), 2);
        assert!(!outcome.given_up.contains(&0));
        // All are silent but the last.
        let outcome = run(&[Nothing, Nothing, Nothing, Answers(3)], 10_000).await;
        assert_eq!((outcome.won, outcome.took), (Some(3), 753));
        assert_eq!(outcome.given_up, [0, 1, 2]);
        // A refusal makes the next one start at once, and the time starts anew.
        let outcome = run(&[Nothing, Refuses(50), Nothing, Answers(1)], 10_000).await;
        assert_eq!(outcome.tried, [(0, 0), (1, 250), (2, 300), (3, 550)]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_address_is_named_with_its_reason() {
        let outcome = run(&[Refuses(1), Nothing, Refuses(1)], 400).await;
        assert_eq!(outcome.won, None);
        assert_eq!(
            outcome.text,
            "192.0.2.0: connection refused; 192.0.2.2: connection refused; 192.0.2.1: no answer"
        );
        let outcome = run(&[Nothing, Nothing, Nothing], 100).await;
        assert_eq!(
            outcome.text,
            "192.0.2.0: no answer; 192.0.2.1: not tried; 192.0.2.2: not tried"
        );
        let outcome = run(&[Refuses(1); 16], 1000).await;
        assert!(outcome.text.ends_with("; and 8 more"), "{}", outcome.text);
        assert_eq!(outcome.text.matches("refused").count(), 8);
        assert_eq!(run(&[], 1000).await.won, None);
    }

    #[test]
    fn rfc8305_4_families_take_turns_in_the_order_given() {
        let list = |text: &str| -> Vec<IpAddr> {
            let words = text.split_whitespace();
            words
                .map(|word| word.parse().expect("an address"))
                .collect()
        };
        for (given, most, expected) in [
            (
                "::1 ::2 ::3 10.0.0.1 10.0.0.2",
                9,
                "::1 10.0.0.1 ::2 10.0.0.2 ::3",
            ),
            ("10.0.0.1 ::1 ::2", 9, "10.0.0.1 ::1 ::2"),
            ("10.0.0.2 10.0.0.1 10.0.0.2", 9, "10.0.0.2 10.0.0.1"),
            ("::1 ::2 ::3 10.0.0.1", 2, "::1 10.0.0.1"),
            ("::ffff:10.0.0.1 10.0.0.1", 2, "10.0.0.1"),
            ("", 2, ""),
        ] {
            assert_eq!(interleave(list(given), most), list(expected), "{given}");
        }
        let many = (0..10_000_u32).map(|n| IpAddr::from(n.to_be_bytes()));
        let order = interleave(many, 16);
        assert_eq!(order.len(), 16);
        assert_eq!(order[15], IpAddr::from([0, 0, 0, 15]));
    }
}
