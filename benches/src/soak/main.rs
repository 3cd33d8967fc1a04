//! `make soak`: engines, sessions and messages come and go for many minutes, over TCP and TLS on the loopback interface,
//! with aborts, slow consumers, cut connections and dropped sessions. Then nothing may be lost, and nothing left.
//!
//! The time is cut into rounds. At the end of each everything ends, and what is still held is measured: it must not
//! grow from round to round. The exit status says whether a promise was broken.

mod ledger;
mod memory;
mod party;
mod proxy;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use msrp::{Engine, EngineOptions, ListenOptions, Listener, PemSource, TlsConfig, TlsVerify};
use tokio::task::JoinSet;

use ledger::Ledger;
use memory::Use;
use party::Dice;

/// Lets sessions come and go, and looks for what is lost or left.
#[derive(Debug, Parser)]
struct Cli {
    /// How long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Where the random schedule starts; the same one gives the same choices.
    #[arg(long)]
    seed: Option<u64>,
    /// Pairs of sessions at a time.
    #[arg(long, default_value_t = 12)]
    pairs: u64,
}

/// An engine with a port for each protocol.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    pub(crate) plain: Listener,
    pub(crate) secure: Listener,
}

impl Place {
    fn new(tls: &TlsConfig) -> msrp::Result<Self> {
        let engine = Engine::new(EngineOptions {
            tls: Some(tls.clone()),
            ..EngineOptions::default()
        })?;
        let listen = |secure| {
            engine.listen(ListenOptions {
                host: "127.0.0.1".into(),
                secure,
                ..ListenOptions::default()
            })
        };
        let (plain, secure) = (listen(false)?, listen(true)?);
        Ok(Self {
            engine,
            plain,
            secure,
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let sound = runtime.block_on(soak(&cli))?;
    std::process::exit(i32::from(!sound));
}

async fn soak(cli: &Cli) -> msrp::Result<bool> {
    let seed = cli.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| now.as_micros() as u64)
    });
    println!("seed {seed}, {} minutes, {} pairs", cli.minutes, cli.pairs);
    let total = Duration::from_secs_f64(60.0 * cli.minutes);
    let round_time = (total / ROUNDS).min(Duration::from_secs(60));
    let tls = certificate();
    let mut places = Vec::new();
    for _ in 0..PLACES {
        places.push(Arc::new(Place::new(&tls)?));
    }
    let ledger = Arc::new(Ledger::default());
    let episodes = Arc::new(AtomicU64::new(0));
    let (start, mut uses) = (Instant::now(), Vec::new());
    for round in 0u64.. {
        let end = Instant::now() + round_time;
        let mut workers = JoinSet::new();
        for worker in 0..cli.pairs {
            let dice = Dice::new(seed ^ round << 32 ^ worker << 16);
            let (places, ledger) = (places.clone(), Arc::clone(&ledger));
            let episodes = Arc::clone(&episodes);
            workers.spawn(async move {
                let mut dice = dice;
                while Instant::now() < end {
                    party::episode(&places, &ledger, &mut dice).await;
                    episodes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while let Some(done) = workers.join_next().await {
            done.expect("no worker panics");
        }
        let idle = quiet(&places).await;
        ledger.close_round();
        if !idle {
            ledger.breach("what was held is not given back".into());
        }
        // One engine goes, another comes.
        let place = usize::try_from(round).unwrap_or(0) % places.len();
        let new = Arc::new(Place::new(&tls)?);
        let old = std::mem::replace(&mut places[place], new);
        old.engine.shutdown(Duration::from_secs(10)).await;
        drop(old);
        let now = Use::now();
        println!("{:>6.0}s  {}  {ledger}", start.elapsed().as_secs_f64(), now);
        uses.push(now);
        if start.elapsed() >= total {
            break;
        }
    }
    // The first rounds fill the tables and pools that stay.
    let warm = WARM.min(uses.len().saturating_sub(2));
    if let Some(growth) = memory::growth(&uses[warm..]) {
        ledger.breach(growth);
    }
    let (first, last) = (&uses[warm], &uses[uses.len() - 1]);
    println!(
        "{} pairs of sessions, {ledger}; memory in use {} -> {} KiB, RSS {} -> {} KiB",
        episodes.load(Ordering::Relaxed),
        first.live / 1024,
        last.live / 1024,
        first.rss / 1024,
        last.rss / 1024,
    );
    for breach in ledger.breaches() {
        println!("BREACH: {breach}");
    }
    Ok(ledger.breaches().is_empty())
}

/// Waits until no engine holds anything any more.
async fn quiet(places: &[Arc<Place>]) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let busy = places.iter().any(|place| {
            let stats = place.engine.stats();
            let held = stats.receive_held + stats.send_held;
            stats.sessions + stats.connections + stats.unbound_connections + held > 0
        });
        if !busy {
            return true;
        }
        if Instant::now() > deadline {
            for place in places {
                println!("still held: {:?}", place.engine.stats());
            }
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// TLS with one certificate for all. It is not what is tried here, so it is not verified.
fn certificate() -> TlsConfig {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let text = |pem: String| Some(PemSource::Text(pem.into_bytes()));
    TlsConfig {
        cert: text(made.cert.pem()),
        key: text(made.signing_key.serialize_pem()),
        verify: TlsVerify::None,
        ..TlsConfig::default()
    }
}

const PLACES: usize = 4;

/// At least so many rounds.
const ROUNDS: u32 = 10;

/// Rounds before the first one that counts for memory.
const WARM: usize = 2;
