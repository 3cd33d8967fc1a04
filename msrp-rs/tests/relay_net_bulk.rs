//! A message of 1 GiB to a receiver that reads 1 MB a second or nothing, beside sessions that chat: on a connection of
//! its own, where TCP holds its sender up, and on a trunk that all of them share, where it ends with 413 (RFC 4976 §1,
//! §9).

mod engine_support;
mod relay_net_support;

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine_support::tls_peer::Authority;
use engine_support::{limits, wait_until};
use msrp::engine::{Engine, EngineOptions};
use msrp_conformance::covers;
use relay_net_support::secure::{Tls, client, relay_over};
use relay_net_support::{Client, TestRelay, chunk, header, status};

const BULK: usize = 1 << 30;
/// Octets a second.
const SLOW: usize = 1_000_000;
/// What the engine of a relay may hold.
const BUDGET: usize = 16 << 20;
/// What it does hold: the windows of the bulk session on each way, the slack, what is being written, and the little of
/// the chats.
const HELD: u64 = 4 << 20;
/// What the bulk sender gets rid of, besides what is read: what two relays hold, and what the system has in the buffers of three connections.
const TAKEN: u64 = 32 << 20;

fn engine_options() -> EngineOptions {
    EngineOptions {
        limits: limits(|limits| limits.engine_memory = BUDGET),
        ..EngineOptions::default()
    }
}

/// Reads at this rate, until it is over.
fn reader<S: Read + Send + 'static>(
    mut stream: S,
    rate: usize,
    over: &Arc<AtomicBool>,
    got: &Arc<AtomicU64>,
) -> JoinHandle<()> {
    let (over, got) = (Arc::clone(over), Arc::clone(got));
    thread::spawn(move || {
        let began = Instant::now();
        let mut block = vec![0; 16 * 1024];
        let mut total = 0;
        while !over.load(Relaxed) {
            let due = match rate {
                0 => Duration::MAX,
                rate => Duration::from_secs_f64(total as f64 / rate as f64),
            };
            if let Some(early) = due.checked_sub(began.elapsed()) {
                thread::sleep(early.min(Duration::from_millis(50)));
                continue;
            }
            match stream.read(&mut block) {
                Ok(0) => return,
                Ok(len) => {
                    total += len;
                    got.fetch_add(len as u64, Relaxed);
                }
                Err(_) => {}
            }
        }
    })
}

/// Notes how much these engines hold at most.
fn watch(engines: Vec<Engine>, over: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let over = Arc::clone(over);
    thread::spawn(move || {
        let mut most = 0;
        while !over.load(Relaxed) {
            for stats in engines.iter().map(Engine::stats) {
                most = most.max(stats.send_held + stats.receive_held);
            }
            thread::sleep(Duration::from_millis(2));
        }
        most
    })
}

/// Two that chat.
type Pair<S> = (Client<S>, Client<S>);

/// How often a pair says something. One after the other as fast as they can is no chat.
#[derive(Clone, Copy)]
struct Pace(Duration);

/// All pairs chat while `more` says so: what one says, the other gets, in this order and as it was. Gives how long each
/// of it took to be there and be answered.
fn chat<S: Read + Write + Send>(
    pairs: &mut [Pair<S>],
    phase: &str,
    Pace(pace): Pace,
    more: impl Fn() -> bool + Sync,
) -> Times {
    let more = &more;
    let times = thread::scope(|scope| {
        let chats = pairs.iter_mut().enumerate().map(|(number, (alice, bob))| {
            scope.spawn(move || {
                // Not all at the same time.
                thread::sleep(pace * u32::try_from(number % 16).expect("small") / 16);
                let mut times = Vec::new();
                while more() {
                    let round = times.len();
                    let began = Instant::now();
                    let ids = [0, 1].map(|part| format!("{phase}{part}{round:06}"));
                    let text = |id: &str| format!("{number} says {id}");
                    for id in &ids {
                        alice.send(&bob.path(), id, &text(id));
                    }
                    for id in &ids {
                        let request = bob.take();
                        assert_eq!(status(&request), "SEND", "{request}");
                        assert_eq!(header(&request, "Message-ID:"), format!("{id}m"));
                        let (_, body) = request.split_once("\r\n\r\n").expect("a body");
                        assert!(body.starts_with(&format!("{}\r\n", text(id))), "{body}");
                    }
                    for id in &ids {
                        let answer = alice.peer.frame();
                        assert!(answer.starts_with(&format!("MSRP {id} 200")), "{answer}");
                    }
                    times.push(began.elapsed());
                    thread::sleep(pace.saturating_sub(began.elapsed()));
                }
                times
            })
        });
        let chats: Vec<_> = chats.collect();
        let times = chats
            .into_iter()
            .flat_map(|chat| chat.join().expect("it chats"));
        times.collect()
    });
    Times::new(times)
}

/// Sorted.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn percent(&self, percent: usize) -> Duration {
        self.0[self.0.len() * percent / 100]
    }

    fn p99(&self) -> Duration {
        self.percent(99)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (p50, p99) = (self.percent(50), self.p99());
        write!(f, "{} rounds, p50 {p50:?}, p99 {p99:?}", self.0.len())
    }
}

/// What was seen of a bulk message beside chats.
struct Seen {
    without: Times,
    with: Times,
    /// Octets of it that its sender got rid of.
    sent: u64,
    got: u64,
    /// What a relay held at most.
    held: u64,
}

impl Seen {
    /// Both together; of the octets, those of which more was taken and not read.
    fn and(self, other: Self) -> Self {
        let beyond = |seen: &Self| seen.sent.saturating_sub(seen.got);
        let (sent, got) = match beyond(&self) > beyond(&other) {
            true => (self.sent, self.got),
            false => (other.sent, other.got),
        };
        let both = |one: Times, other: Times| Times::new([one.0, other.0].concat());
        Self {
            without: both(self.without, other.without),
            with: both(self.with, other.with),
            sent,
            got,
            held: self.held.max(other.held),
        }
    }

    fn print(&self, what: &str) {
        let Self {
            without,
            with,
            sent,
            got,
            held,
        } = self;
        let ratio = with.p99().as_secs_f64() / without.p99().as_secs_f64();
        println!(
            "{what}: chats without {without}; with {with}; ratio of p99 {ratio:.2}; {sent} octets sent, {got} read; a \
             relay held {held} at most; resident {}",
            resident()
        );
    }
}

/// What this process has in memory now and had at most, its peers included, as the system says.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Goes on for so long.
fn lasting(time: Duration) -> impl Fn() -> bool {
    let until = Instant::now() + time;
    move || Instant::now() < until
}

/// On a connection of its own: it is held up by TCP, and goes on as long as its receiver reads.
fn own_connection(pairs: usize, pace: Pace, time: Duration) -> Seen {
    let relay = TestRelay::over(engine_options(), |_| ());
    let client = |name: &str, pair: usize| relay.client(&format!("{name}{pair}"));
    let mut pairs: Vec<_> = (0..pairs)
        .map(|pair| (client("alice", pair), client("bob", pair)))
        .collect();
    let without = chat(&mut pairs, "a", pace, lasting(time));
    let (alice, slow) = (relay.client("bulk"), relay.client("slow"));
    let (head, _) = chunk(&alice, &slow.path(), "bulk1111", BULK, "");
    let over = Arc::new(AtomicBool::new(false));
    let (sent, got) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let soon = Some(Duration::from_millis(100));
    let (mut from, to) = (alice.peer.stream, slow.peer.stream);
    from.set_write_timeout(soon).expect("a timeout");
    to.set_read_timeout(soon).expect("a timeout");
    let writer = {
        let (over, sent) = (Arc::clone(&over), Arc::clone(&sent));
        thread::spawn(move || {
            from.write_all(head.as_bytes()).expect("written");
            while !over.load(Relaxed) {
                if let Ok(len) = from.write(&[b'x'; 64 * 1024]) {
                    sent.fetch_add(len as u64, Relaxed);
                }
            }
        })
    };
    let reader = reader(to, SLOW, &over, &got);
    let watch = watch(vec![relay.engine.clone()], &over);
    let with = chat(&mut pairs, "b", pace, lasting(time));
    wait_until(|| got.load(Relaxed) > 0);
    over.store(true, Relaxed);
    let held = watch.join().expect("it watches");
    writer.join().expect("it writes");
    reader.join().expect("it reads");
    wait_until(|| relay.engine.stats().send_held == 0);
    Seen {
        without,
        with,
        sent: sent.load(Relaxed),
        got: got.load(Relaxed),
        held,
    }
}

/// How it is sent.
#[derive(Clone, Copy, PartialEq)]
enum Chunks {
    /// In one, which is given up when it is refused.
    One,
    /// In one, which goes on for `STUBBORN` octets when it is refused.
    Stubborn,
    Many,
}

const STUBBORN: usize = 64 << 20;

/// Sends as much of a message as is wanted. Gives how many octets that was, and what ended it: the response or REPORT.
fn send_bulk(alice: &mut Client<Tls>, to: &str, chunks: Chunks) -> (u64, String) {
    let block = [b'x'; 64 * 1024];
    let mut sent = 0;
    let (head, _) = chunk(alice, to, "bulk1111", BULK, "");
    while sent < BULK {
        match chunks {
            Chunks::One | Chunks::Stubborn if sent > 0 => alice.peer.write(&block),
            Chunks::One | Chunks::Stubborn => {
                alice.peer.write(&[head.as_bytes(), &block].concat());
            }
            Chunks::Many => {
                let range = format!("Byte-Range: {}-", sent + 1);
                let head = head.replace("Byte-Range: 1-", &range);
                let end = b"\r\n-------bulk1111+\r\n";
                alice.peer.write(&[head.as_bytes(), &block, end].concat());
            }
        }
        sent += block.len();
        take_what_is_there(alice);
        while !alice.peer.input.is_empty() {
            let answer = alice.peer.frame();
            if status(&answer) != "200" {
                if chunks == Chunks::Stubborn {
                    for _ in 0..STUBBORN / block.len() {
                        alice.peer.write(&block);
                    }
                }
                if chunks != Chunks::Many {
                    alice.peer.write(b"\r\n-------bulk1111#\r\n");
                }
                return (sent as u64, answer);
            }
        }
    }
    panic!("all of it was taken");
}

fn take_what_is_there(client: &mut Client<Tls>) {
    let peer = &mut client.peer;
    peer.stream.sock.set_nonblocking(true).expect("set");
    let mut block = [0; 4096];
    match peer.stream.read(&mut block) {
        Ok(0) => panic!("the end of the stream"),
        Ok(len) => peer.input.extend_from_slice(&block[..len]),
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
    }
    peer.stream.sock.set_nonblocking(false).expect("set");
}

/// On a trunk between two relays that all share: it ends, and the chats go on.
fn shared_trunk(pairs: usize, pace: Pace, time: Duration, chunks: Chunks, rate: usize) -> Seen {
    let ca = Authority::new("relays");
    let [here, there] = ["intra.example.org", "extra.example.org"]
        .map(|name| relay_over(engine_options(), &ca, name, |_| ()));
    let mut clients: Vec<_> = (0..pairs)
        .map(|pair| {
            let alice = client(&here, &format!("alice{pair}"), None);
            (alice, client(&there, &format!("bob{pair}"), None))
        })
        .collect();
    let without = chat(&mut clients, "a", pace, lasting(time));
    let (mut alice, slow) = (client(&here, "bulk", None), client(&there, "slow", None));
    let over = Arc::new(AtomicBool::new(false));
    let got = Arc::new(AtomicU64::new(0));
    let watch = watch(vec![here.engine.clone(), there.engine.clone()], &over);
    let to = slow.path();
    let soon = Some(Duration::from_millis(100));
    let stream = slow.peer.stream;
    stream.sock.set_read_timeout(soon).expect("a timeout");
    let reader = reader(stream, rate, &over, &got);
    let bulk = thread::spawn(move || {
        let ended = send_bulk(&mut alice, &to, chunks);
        (alice, ended)
    });
    // For as long, and until it has ended.
    let lasting = lasting(time);
    let with = chat(&mut clients, "b", pace, || lasting() || !bulk.is_finished());
    let (alice, (sent, answer)) = bulk.join().expect("it ends");
    // And afterwards.
    let after = AtomicU64::new(0);
    let rounds = 3 * pairs as u64;
    chat(&mut clients, "c", pace, || {
        after.fetch_add(1, Relaxed) < rounds
    });
    over.store(true, Relaxed);
    let held = watch.join().expect("it watches");
    reader.join().expect("it reads");
    match status(&answer) {
        "413" => assert!(answer.starts_with("MSRP bulk1111 413"), "{answer}"),
        "REPORT" => {
            assert!(
                header(&answer, "Status:").starts_with("000 413"),
                "{answer}"
            );
            assert_eq!(header(&answer, "Message-ID:"), "bulk1111m");
        }
        _ => panic!("{answer}"),
    }
    let (one, other) = (here.stats(), there.stats());
    assert_eq!((one.dialled, other.dialled), (1, 0), "one trunk");
    assert_eq!(one.accepted, pairs as u64 + 1);
    assert_eq!(other.accepted, pairs as u64 + 2);
    drop(alice);
    for relay in [&here, &there] {
        wait_until(|| relay.engine.stats().send_held == 0);
    }
    // The trunk lost nothing, and nothing came that was not asked for.
    for (alice, bob) in &clients {
        assert!(alice.peer.input.is_empty() && bob.peer.input.is_empty());
    }
    assert_eq!(
        there.stats().traffic.timeouts + here.stats().traffic.timeouts,
        0
    );
    Seen {
        without,
        with,
        sent,
        got: got.load(Relaxed),
        held,
    }
}

const AT_ONCE: Pace = Pace(Duration::ZERO);
const PACED: Pace = Pace(Duration::from_millis(50));

#[track_caller]
fn assert_bounded(seen: &Seen) {
    let Seen {
        held, sent, got, ..
    } = *seen;
    assert!(held < HELD, "{held} octets held");
    assert!(sent < TAKEN + got, "{sent} octets taken, {got} read");
}

#[test]
fn rfc4976_1_bulk_on_its_own_connection_beside_chats() {
    let seen = own_connection(5, AT_ONCE, Duration::from_secs(2));
    assert_bounded(&seen);
    covers!("R-158");
}

#[test]
fn rfc4976_1_bulk_in_one_chunk_on_a_shared_trunk_ends_with_413() {
    let seen = shared_trunk(5, AT_ONCE, Duration::from_millis(200), Chunks::One, SLOW);
    assert_bounded(&seen);
    covers!("R-158");
}

#[test]
fn rfc4976_1_bulk_in_chunks_to_one_that_reads_nothing_ends_with_413() {
    let seen = shared_trunk(5, AT_ONCE, Duration::from_millis(200), Chunks::Many, 0);
    assert_bounded(&seen);
    covers!("R-158");
}

#[test]
fn rfc4976_1_who_does_not_heed_a_413_on_a_shared_trunk_harms_nobody() {
    let time = Duration::from_millis(200);
    let seen = shared_trunk(5, AT_ONCE, time, Chunks::Stubborn, SLOW);
    assert_bounded(&seen);
    covers!("R-158");
}

/// The whole: `cargo test --release -p msrp --test relay_net_bulk -- --ignored --nocapture --test-threads 1`.
#[test]
#[ignore = "takes a minute, and compares times"]
fn long_bulk_on_its_own_connection_beside_a_hundred_chats() {
    for (pace, what) in [
        (PACED, "own connection, 20 a second"),
        (AT_ONCE, "own connection, at once"),
    ] {
        // In turns: what else the machine does meanwhile weighs on both.
        let turns = (0..6).map(|_| own_connection(100, pace, Duration::from_secs(2)));
        let seen = turns.reduce(Seen::and).expect("some");
        seen.print(what);
        assert_bounded(&seen);
        let (with, without) = (seen.with.p99(), seen.without.p99());
        assert!(with <= 5 * without, "p99 {with:?}, {without:?} without");
    }
}

#[test]
#[ignore = "takes a minute"]
fn long_bulk_on_a_shared_trunk_beside_a_hundred_chats() {
    for (chunks, rate, what) in [
        (Chunks::One, SLOW, "shared trunk, one chunk, 1 MB/s"),
        (Chunks::Many, SLOW, "shared trunk, many chunks, 1 MB/s"),
        (Chunks::One, 0, "shared trunk, one chunk, reads nothing"),
        (Chunks::Many, 0, "shared trunk, many chunks, reads nothing"),
    ] {
        let seen = shared_trunk(100, PACED, Duration::from_secs(5), chunks, rate);
        seen.print(what);
        assert_bounded(&seen);
    }
}
