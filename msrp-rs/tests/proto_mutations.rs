//! Recorded streams of existing peers (`tests/corpus/captures`) with damage: bits that flipped, pieces that are missing,
//! doubled, exchanged or put in. 10,000 of them go through the parser and through a connection with its consumer: no
//! panic, work that is linear in the octets, memory that is bounded, and an end that is a clean error or messages.
//!
//! `MUTATIONS` asks for another number. What fails is named by its number, which is its seed.

mod harness;
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::{
    Body, CloseReason, Command, Connection, Directory, Event, IdSource, Lookup, MessageKey,
    SessionKey, TransferKey,
};
use msrp::wire::Uri;
use msrp::work_so_far;
use msrp_conformance::covers;

/// The system's allocator, counting what a thread has in use.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.get() + layout.size() as isize;
        LIVE.set(live);
        PEAK.set(PEAK.get().max(live));
        // SAFETY: the caller keeps the promises of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        // SAFETY: the caller keeps the promises of this function.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most octets of a recording that are used: its first frames are like the others.
const PREFIX: usize = 2500;

/// Numbers that look like chance (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ x >> 31) % bound.max(1) as u64) as usize
    }

    /// Two places in order, seldom far from each other.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let start = self.below(len + 1);
        let most = [4, 64, len][self.below(3)];
        (start, (start + self.below(most + 1)).min(len))
    }
}

fn recordings() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/captures");
    let mut files: Vec<_> = ["msrp-java", "msrp-node-lib"]
        .iter()
        .flat_map(|peer| fs::read_dir(root.join(peer)).expect("the corpus is there"))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read(file).expect("a readable file"))
        .map(|mut octets| {
            octets.truncate(PREFIX);
            octets
        })
        .filter(|octets| !octets.is_empty())
        .collect()
}

fn mutate(dice: &mut Dice, recordings: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = recordings[dice.below(recordings.len())].clone();
    for _ in 0..1 + dice.below(4) {
        let len = octets.len();
        let (start, end) = dice.range(len);
        match dice.below(9) {
            0 if len > 0 => octets[start.min(len - 1)] ^= 1 << dice.below(8),
            1 if len > 0 => octets[start.min(len - 1)] = dice.below(256) as u8,
            2 => octets.truncate(start),
            3 => drop(octets.drain(start..end)),
            4 => {
                let again = octets[start..end].to_vec();
                octets.splice(end..end, again);
            }
            5 => {
                let piece: Vec<u8> = octets.drain(start..end).collect();
                let at = dice.below(octets.len() + 1);
                octets.splice(at..at, piece);
            }
            6 => {
                let other = &recordings[dice.below(recordings.len())];
                let (from, to) = dice.range(other.len());
                octets.splice(start..end, other[from..to].iter().copied());
            }
            _ => {
                let token = TOKENS[dice.below(TOKENS.len())];
                octets.splice(start..start, token.bytes());
            }
        }
    }
    octets
}

const TOKENS: &[&str] = &[
    "MSRP ",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "-------",
    "$\r\n",
    "+\r\n",
    "#\r\n",
    " SEND\r\n",
    " REPORT\r\n",
    " 200 OK\r\n",
    "MSRP abcd 481 gone\r\n",
    "To-Path: msrp://x.example:1/y;tcp\r\n",
    "From-Path: \r\n",
    "Message-ID: abcd\r\n",
    "Byte-Range: 1-*/*\r\n",
    "Byte-Range: 18446744073709551615-*/*\r\n",
    "Byte-Range: 0-0/0\r\n",
    "Success-Report: yes\r\n",
    "Failure-Report: no\r\n",
    "Status: 000 413 x\r\n",
    "Content-Type: text/plain\r\n\r\n",
    "X: ",
    ":",
    "\0",
    "\u{fc}",
    "; \"",
];

/// Knows every URI that it is asked for, up to a few.
struct Anybody(HashMap<Uri, SessionKey>);

impl Directory for Anybody {
    fn lookup(&mut self, uri: &Uri) -> Lookup {
        let next = SessionKey(self.0.len() as u64 + 1);
        match next.0 {
            _ if self.0.contains_key(uri) => Lookup::Unknown,
            6.. => Lookup::Unknown,
            number => {
                self.0.insert(uri.clone(), next);
                if number == 5 {
                    return Lookup::NotReady(next);
                }
                let mut config = support::config("b.example", "a.example", number, false);
                config.local_uri = uri.clone();
                Lookup::Ready(next, Box::new(config))
            }
        }
    }
}

/// What the consumer was told.
#[derive(Default)]
struct Told {
    open: HashSet<(SessionKey, MessageKey)>,
    bound: HashSet<SessionKey>,
    closed: HashSet<SessionKey>,
    messages: usize,
}

impl Told {
    /// Takes the events, and everything that comes with them.
    fn take(&mut self, connection: &mut Connection, now: Instant) {
        while let Some((key, event)) = connection.poll_event() {
            assert!(!self.closed.contains(&key), "{event:?} after the end");
            let mut commands = Vec::new();
            match event {
                Event::Bound => {
                    self.bound.insert(key);
                    let hello = support::message(Body::Whole(Bytes::from_static(b"hello")));
                    commands.push(Command::Send(TransferKey(1), Box::new(hello)));
                }
                Event::Message {
                    message, credit, ..
                } => {
                    self.messages += 1;
                    commands.push(Command::Consumed(credit));
                    commands.push(Command::Taken(message));
                }
                Event::MessageBegin {
                    message, credit, ..
                } => {
                    assert!(self.open.insert((key, message)));
                    commands.push(Command::Consumed(credit));
                }
                Event::MessageBody { message, data, .. } => {
                    assert!(self.open.contains(&(key, message)));
                    commands.push(Command::Consumed(data.len()));
                }
                Event::MessageEnd { message, .. } => {
                    assert!(self.open.remove(&(key, message)));
                    self.messages += 1;
                    commands.push(Command::Taken(message));
                }
                Event::Closed { .. } => drop(self.closed.insert(key)),
                _ => {}
            }
            for command in commands {
                connection.handle_command(now, key, command);
            }
        }
    }
}

/// Feeds a connection with a consumer until the stream ends. How it ended, and how many messages there were.
fn converse(octets: &[u8], dice: &mut Dice) -> (CloseReason, usize) {
    let mut now = Instant::now();
    let limits = Arc::new(Limits::default());
    let mut connection = Connection::new(limits, IdSource::new([3; 32]), now);
    let mut people = Anybody(HashMap::new());
    let mut told = Told::default();
    let mut rest = octets;
    let most = [16, 300, 5000][dice.below(3)];
    while !rest.is_empty() && connection.close_reason().is_none() {
        assert!(connection.reading_allowed(), "nothing makes it wait");
        let (block, later) = rest.split_at(rest.len().min(1 + dice.below(most)));
        rest = later;
        connection.handle_input(now, Bytes::copy_from_slice(block), &mut people);
        told.take(&mut connection, now);
        while connection.poll_transmit(now) {
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = connection.transmit_slices(&mut slices);
            let len = slices[..filled].iter().map(|slice| slice.len()).sum();
            connection.handle_written(now, len);
            told.take(&mut connection, now);
        }
        if dice.below(20) == 0 {
            now += Duration::from_secs(5);
            connection.handle_timeout(now);
            assert!(connection.poll_timeout().is_none_or(|next| next > now));
            told.take(&mut connection, now);
        }
    }
    connection.handle_eof(now);
    told.take(&mut connection, now);
    assert!(told.open.is_empty(), "messages without an end");
    assert!(told.bound.is_subset(&told.closed));
    let reason = connection.close_reason().expect("it has ended").clone();
    (reason, told.messages)
}

/// Says which mutation it was.
struct Name(usize);

impl Drop for Name {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("mutation {} breaks a promise", self.0);
        }
    }
}

/// How the streams ended.
#[derive(Debug, Default)]
struct Ends {
    sound: usize,
    cut: usize,
    protocol: usize,
    messages: usize,
}

fn attempt(number: usize, recordings: &[Vec<u8>], ends: &mut Ends) {
    let _name = Name(number);
    let mut dice = Dice(number as u64);
    let octets = mutate(&mut dice, recordings);
    let cuts = [2, dice.below(256) as u8, dice.below(256) as u8];
    harness::frames::run(&[&cuts[..], &octets].concat());

    let (work, live) = (work_so_far(), LIVE.get());
    PEAK.set(live);
    let (reason, messages) = converse(&octets, &mut dice);
    let (work, held) = (work_so_far() - work, PEAK.get() - live);
    assert!(work <= 40 * octets.len() as u64 + 2000, "{work} steps");
    assert!(
        held <= 8 * octets.len() as isize + 128 * 1024,
        "{held} octets"
    );
    ends.messages += messages;
    match reason {
        CloseReason::PeerClosed => ends.sound += 1,
        CloseReason::ConnectionLost(_) => ends.cut += 1,
        CloseReason::Protocol { offset, reason } => {
            assert!(offset <= octets.len() as u64 && !reason.is_empty());
            ends.protocol += 1;
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn damaged_recordings_end_in_a_clean_error_or_in_messages() {
    let asked = std::env::var("MUTATIONS").ok();
    let count = asked.and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let recordings = recordings();
    assert!(recordings.len() > 50);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let ends: Vec<Ends> = thread::scope(|scope| {
        let recordings = &recordings;
        let run = move |first: usize| {
            let mut ends = Ends::default();
            (first..count)
                .step_by(threads)
                .for_each(|number| attempt(number, recordings, &mut ends));
            ends
        };
        let threads: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || run(first)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("every promise is kept"))
            .collect()
    });
    let sum = |of: fn(&Ends) -> usize| ends.iter().map(of).sum::<usize>();
    assert_eq!(sum(|ends| ends.sound + ends.cut + ends.protocol), count);
    // All kinds of ends are met, else the damage is too small or too great.
    let kinds = [
        sum(|ends| ends.sound),
        sum(|ends| ends.cut),
        sum(|ends| ends.protocol),
        sum(|ends| ends.messages),
    ];
    assert!(kinds.iter().all(|kind| *kind > count / 20), "{kinds:?}");
    println!(
        "{count} streams: sound {}, cut {}, errors {}; messages {}",
        kinds[0], kinds[1], kinds[2], kinds[3]
    );
    covers!("T-63");
}
