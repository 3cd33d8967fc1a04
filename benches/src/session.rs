//! The same over an MSRP session.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::{
    ChunkLen, ConnectionSharing, Engine, EngineOptions, PemSource, SendOptions, Session,
    SessionOptions, TlsConfig, TlsVerify,
};
use serde_json::{Value, json};

use crate::{Done, End, Load};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

pub(crate) fn run(end: End, load: &Load) -> Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let engine = Engine::new(EngineOptions::default())?;
        let session = engine.session(SessionOptions {
            chunk_len: match load.chunk_len {
                0 => ChunkLen::Unbounded,
                octets => ChunkLen::Octets(octets),
            },
            connection_sharing: ConnectionSharing::Session,
            accept_types: Some(vec!["*".into()]),
            secure: load.tls,
            tls: load.tls.then(tls).transpose()?,
            ..SessionOptions::default()
        })?;
        let done = match end {
            End::Send => send(&session, load).await,
            End::Recv => receive(&session).await,
        };
        session.close(DEADLINE).await;
        done
    })
}

/// A certificate of its own; the SDP says its fingerprint.
fn tls() -> Result<TlsConfig> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    Ok(TlsConfig {
        cert: Some(PemSource::Text(made.cert.pem().into_bytes())),
        key: Some(PemSource::Text(
            made.signing_key.serialize_pem().into_bytes(),
        )),
        verify: TlsVerify::Fingerprint,
        ..TlsConfig::default()
    })
}

async fn send(session: &Session, load: &Load) -> Result<Done> {
    println!("{}", json!({"sdp": session.create_offer()?}));
    session.set_remote(&heard()?)?;
    session.open(DEADLINE).await?;
    let body = Bytes::from(vec![b'x'; load.octets]);
    let options = SendOptions {
        content_type: "application/octet-stream".into(),
        // The only message of its kind is confirmed by the receiver, all others by the next hop.
        success_report: load.count == 1,
        ..SendOptions::default()
    };
    let mut pending = VecDeque::new();
    let start = Instant::now();
    for _ in 0..load.count {
        let transfer = session.send(body.clone(), options.clone()).await?;
        pending.push_back(transfer);
        if pending.len() >= load.window
            && let Some(oldest) = pending.pop_front()
        {
            oldest.acknowledged().await?;
            if load.count == 1 {
                oldest.delivered(None).await?;
            }
        }
    }
    for transfer in pending {
        transfer.acknowledged().await?;
    }
    Ok(Done {
        octets: (load.octets * load.count) as u64,
        messages: load.count as u64,
        seconds: start.elapsed().as_secs_f64(),
    })
}

async fn receive(session: &Session) -> Result<Done> {
    println!("{}", json!({"sdp": session.create_answer(&heard()?)?}));
    session.open(DEADLINE).await?;
    let (mut octets, mut messages) = (0, 0);
    loop {
        let batch = session.recv_many(256).await;
        if batch.is_empty() {
            break;
        }
        for mut message in batch {
            while let Some(part) = message.next_part().await? {
                octets += part.len() as u64;
            }
            messages += 1;
        }
    }
    Ok(Done {
        octets,
        messages,
        seconds: 0.0,
    })
}

/// The other party's SDP.
fn heard() -> Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let line: Value = serde_json::from_str(&line)?;
    Ok(line["sdp"].as_str().ok_or("no SDP in the line")?.to_owned())
}

const DEADLINE: Duration = Duration::from_secs(30);
