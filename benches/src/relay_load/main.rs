//! The load of the relay flows of `make bench`: pairs of a sender and a receiver, raw MSRP over TCP, straight or through
//! what `benches/relay.py` has started between them.
//!
//! One thread sends, one receives, and neither is more than it must be, so that what is measured is what stands between
//! them. Both count: nothing is done before the receivers have every message and the senders every response.
//!
//! With who started it, it talks in lines of JSON: it prints the port of its receivers, reads the address to send to,
//! prints that all connections stand, reads a line, runs, prints what came of it, and holds the connections until its
//! input ends.

mod frames;
mod login;
mod receivers;
mod senders;
mod tally;

use std::io::{self, BufRead, Lines, StdinLock};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use msrp::wire::Uri;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::tally::Tally;

/// The load of a relay bench.
#[derive(Debug, Clone, Parser)]
struct Load {
    /// What stands between.
    #[arg(long)]
    between: Between,
    /// Senders, and receivers.
    #[arg(long)]
    pairs: usize,
    /// Messages of each sender.
    #[arg(long)]
    count: usize,
    /// Octets of each message.
    #[arg(long)]
    octets: usize,
    /// Requests of a sender that may be unanswered at a time.
    #[arg(long)]
    window: usize,
    /// Most octets of one chunk; 0 for no bound.
    #[arg(long, default_value_t = 0)]
    chunk_len: usize,
    /// The senders connect when the time runs, all at once.
    #[arg(long)]
    herd: bool,
    /// User name at the relay.
    #[arg(long, default_value = "alice")]
    user: String,
    /// Password at the relay.
    #[arg(long, default_value = "1234")]
    password: String,
    /// Seconds after which a run has hung.
    #[arg(long, default_value_t = 60.0)]
    deadline: f64,
}

impl Load {
    fn messages(&self) -> u64 {
        (self.pairs * self.count) as u64
    }

    fn chunks_per_message(&self) -> usize {
        match self.chunk_len {
            0 => 1,
            len => self.octets.div_ceil(len).max(1),
        }
    }

    fn responses(&self) -> u64 {
        self.messages() * self.chunks_per_message() as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Between {
    /// Nothing, or what passes connections on: the receivers listen.
    Tunnel,
    /// A relay: the receivers connect to it and get a URI there.
    Relay,
}

type Fault = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Fault> = std::result::Result<T, E>;

/// One thread's part, as the main thread sees it.
struct Part {
    /// A message when its connections stand.
    ready: mpsc::Receiver<Result<()>>,
    /// Tells it to run.
    go: oneshot::Sender<()>,
    /// When it was done.
    done: mpsc::Receiver<Result<Instant>>,
}

/// The same, as the thread sees it.
struct Stage {
    ready: mpsc::Sender<Result<()>>,
    go: oneshot::Receiver<()>,
    done: mpsc::Sender<Result<Instant>>,
}

fn stage() -> (Part, Stage) {
    let (ready, ready_seen) = mpsc::channel();
    let (go, go_seen) = oneshot::channel();
    let (done, done_seen) = mpsc::channel();
    let part = Part {
        ready: ready_seen,
        go,
        done: done_seen,
    };
    let stage = Stage {
        ready,
        go: go_seen,
        done,
    };
    (part, stage)
}

fn main() -> Result<()> {
    let load = Load::parse();
    let limit = Duration::from_secs_f64(load.deadline);
    let tally = Arc::new(Tally::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let mut lines = io::stdin().lock().lines();
    println!("{}", json!({"port": port}));
    let target = target(&mut lines)?;

    // Where the receivers can be reached: To-Path of each.
    let (paths, paths_known) = mpsc::channel();
    let (receiving, stage_in) = stage();
    let started = (load.clone(), Arc::clone(&tally), target.clone());
    on_thread(move || async move {
        let (load, tally, target) = started;
        receivers::run(&load, listener, target, &tally, paths, stage_in).await;
    })?;
    let (sending, stage_out) = stage();
    let paths = paths_known.recv_timeout(limit)??;
    let started = (load.clone(), Arc::clone(&tally));
    on_thread(move || async move {
        let (load, tally) = started;
        senders::run(&load, target.address, paths, &tally, stage_out).await;
    })?;

    sending.ready.recv_timeout(limit)??;
    receiving.ready.recv_timeout(limit)??;
    println!("{}", json!({"ready": true}));
    if lines.next().is_none() {
        return Ok(());
    }
    let start = Instant::now();
    let end = start + limit;
    // Both are there, or their ends of the channels say why not.
    let _ = receiving.go.send(());
    let _ = sending.go.send(());
    let mut last = start;
    let mut fault = None;
    for done in [sending.done, receiving.done] {
        match done.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Ok(at)) => last = last.max(at),
            Ok(Err(error)) => fault = Some(error.to_string()),
            Err(error) => fault = fault.or_else(|| Some(error.to_string())),
        }
    }
    println!("{}", result(&load, &tally, last - start, fault));
    // The connections stand until whoever measures has seen enough.
    while lines.next().is_some() {}
    Ok(())
}

/// Whether all is there is for who reads this to judge: of a herd, a part is a result too.
fn result(load: &Load, tally: &Tally, time: Duration, fault: Option<String>) -> Value {
    let seen = tally.seen();
    let whole = seen.messages == load.messages()
        && seen.octets == load.messages() * load.octets as u64
        && seen.responses == load.responses()
        && seen.refused == 0;
    json!({
        "whole": whole && fault.is_none(),
        "seconds": time.as_secs_f64(),
        "messages": seen.messages,
        "octets": seen.octets,
        "responses": seen.responses,
        "refused": seen.refused,
        "served": seen.served,
        "fault": fault,
    })
}

/// Where to send to.
#[derive(Debug, Clone)]
struct Target {
    address: SocketAddr,
    /// The relay's URI, if it is one.
    uri: Uri,
}

fn target(lines: &mut Lines<StdinLock<'_>>) -> Result<Target> {
    let line = lines.next().ok_or("no line that says where to send to")??;
    let place: Value = serde_json::from_str(&line)?;
    let text = |name: &str| {
        place[name]
            .as_str()
            .ok_or_else(|| format!("no {name} in the line"))
    };
    Ok(Target {
        address: text("address")?.parse()?,
        uri: Uri::parse(text("uri")?)?,
    })
}

/// A thread of its own, with a runtime of its own.
fn on_thread<F>(part: impl FnOnce() -> F + Send + 'static) -> Result<()>
where
    F: Future<Output = ()> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || LocalSet::new().block_on(&runtime, part()));
    Ok(())
}
