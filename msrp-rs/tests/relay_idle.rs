//! What an idle pair costs a relay: a client that has a URI, one that has sent it a message, and their connections,
//! measured by a counting allocator. The clients are bare sockets by then.

mod counting;
mod engine_support;
mod relay_net_support;

use std::net::TcpStream;
use std::sync::atomic::Ordering::Relaxed;

use counting::ALLOCATED;
use engine_support::wait_until;
use msrp::engine::EngineOptions;
use relay_net_support::{Client, TestRelay, status};

const PAIRS: usize = 200;
/// Octets that a pair may hold.
const MOST: usize = 7 * 1024;

/// A pair that has sent a message of one to the other.
fn pair(relay: &TestRelay, number: usize) -> [TcpStream; 2] {
    let mut receiver = relay.client(&format!("user{number}"));
    let own = format!("msrp://127.0.0.1:9/sender{number};tcp");
    let mut sender = relay.connect();
    let text = "a message of an ordinary length, as people write them";
    sender.send(&receiver.path(), &own, &format!("tid{number}aaaa"), text);
    assert_eq!(status(&sender.frame()), "200");
    assert!(receiver.take().contains(text));
    let Client { peer, .. } = receiver;
    [sender.stream, peer.stream]
}

#[test]
fn what_an_idle_pair_holds() {
    let relay = TestRelay::over(EngineOptions::default(), |_| ());
    // What there is but once.
    let mut streams: Vec<TcpStream> = Vec::with_capacity(2 * (PAIRS + 1));
    streams.extend(pair(&relay, PAIRS));
    let before = ALLOCATED.load(Relaxed);
    for number in 0..PAIRS {
        streams.extend(pair(&relay, number));
    }
    relay.wait(|stats| stats.traffic.sends as usize == PAIRS + 1);
    let held = || ALLOCATED.load(Relaxed).saturating_sub(before) / PAIRS;
    // Some of it is given back when nothing has happened for a while.
    wait_until(|| held() <= MOST);
    println!("{} octets for each pair", held());
    assert_eq!(relay.stats().connections as usize, streams.len());
}
