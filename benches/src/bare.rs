//! What there is to compare with: the same octets over a plain TCP connection, in reads and writes of at most 64 KiB, and one
//! write for each message.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use serde_json::{Value, json};

use crate::{Done, Load};

/// Writes every message, waits for one octet whenever the window is full and at the end.
pub(crate) fn send(load: &Load) -> io::Result<Done> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let place: Value = serde_json::from_str(&line)?;
    let port = place["port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| io::Error::other("no port in the line of the other party"))?;
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let block = vec![b'x'; BLOCK_LEN];
    let start = Instant::now();
    for number in 1..=load.count {
        let mut left = load.octets;
        while left > 0 {
            left -= stream.write(&block[..left.min(BLOCK_LEN)])?;
        }
        if load.window == 1 || number == load.count {
            stream.read_exact(&mut [0])?;
        }
    }
    Ok(Done {
        octets: (load.octets * load.count) as u64,
        messages: load.count as u64,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Reads everything, and writes one octet for each message of a window of one, else at the end.
pub(crate) fn receive(load: &Load) -> io::Result<Done> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", json!({"port": listener.local_addr()?.port()}));
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut block = vec![0; BLOCK_LEN];
    let all = load.octets * load.count;
    let step = if load.window == 1 { load.octets } else { all };
    let mut octets = 0;
    let mut next = step;
    while octets < all {
        let len = stream.read(&mut block)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        octets += len;
        if octets >= next {
            stream.write_all(&[0])?;
            next += step;
        }
    }
    Ok(Done {
        octets: octets as u64,
        messages: load.count as u64,
        seconds: 0.0,
    })
}

pub(crate) const BLOCK_LEN: usize = 64 * 1024;
