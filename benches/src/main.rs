//! One party of a measurement of `make bench`: `benches/run.py` starts two of them, carries lines of JSON between
//! them, and reads what they print last.
//!
//! The *bare* parties move the same octets over a plain TCP connection, or over one with tokio-rustls, a message by a
//! write: what there is to compare with.

mod bare;
mod bare_tls;
mod session;

use clap::{Args, Parser, ValueEnum};
use serde_json::json;

/// One party of a measurement.
#[derive(Debug, Parser)]
struct Cli {
    /// What carries the octets.
    means: Means,
    /// Which end this is.
    end: End,
    #[command(flatten)]
    load: Load,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Means {
    Bare,
    Msrp,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum End {
    Send,
    Recv,
}

/// What is sent.
#[derive(Debug, Clone, Copy, Args)]
struct Load {
    /// Octets of one message.
    #[arg(long)]
    octets: usize,
    /// Messages.
    #[arg(long)]
    count: usize,
    /// Messages that may be unacknowledged at a time.
    #[arg(long)]
    window: usize,
    /// Most octets of one chunk; 0 for no bound.
    #[arg(long, default_value_t = 0)]
    chunk_len: u32,
    /// Over TLS.
    #[arg(long)]
    tls: bool,
}

/// What a party has done.
struct Done {
    octets: u64,
    messages: u64,
    /// From the first octet given to the last one confirmed; the sender's.
    seconds: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Cli { means, end, load } = Cli::parse();
    let done = match (means, end) {
        (Means::Bare, _) if load.tls => bare_tls::run(end, &load)?,
        (Means::Bare, End::Send) => bare::send(&load)?,
        (Means::Bare, End::Recv) => bare::receive(&load)?,
        (Means::Msrp, _) => session::run(end, &load)?,
    };
    let Done {
        octets,
        messages,
        seconds,
    } = done;
    println!(
        "{}",
        json!({"octets": octets, "messages": messages, "seconds": seconds})
    );
    Ok(())
}
