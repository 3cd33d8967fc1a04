//! One pair of sessions, from the offer to the end, and what the two do to each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use msrp::{
    ChunkLen, ConnectionSharing, Message, SendOptions, Session, SessionOptions, StatusCode,
    Transfer,
};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::Place;
use crate::ledger::Ledger;
use crate::proxy::Proxy;

/// Numbers that look like chance (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0) % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn milliseconds(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.below(most + 1))
    }

    fn split(&mut self) -> Self {
        Self::new(self.below(u64::MAX))
    }

    fn len(&mut self) -> u64 {
        match self.below(100) {
            0..2 => 0,
            2..60 => self.below(2500),
            60..88 => self.below(70_000),
            88..98 => self.below(1 << 20),
            _ => self.below(4 << 20),
        }
    }
}

fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(GOLDEN);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The octets of a message from `offset` on. Its name says which they are.
fn content(id: &str, offset: u64, len: usize) -> Vec<u8> {
    let seed = id
        .bytes()
        .fold(0, |seed, octet| mix(seed ^ u64::from(octet)));
    let end = offset + len as u64;
    let words = offset / 8..end.div_ceil(8);
    let octets: Vec<u8> = words
        .flat_map(|word| mix(seed ^ word).to_le_bytes())
        .collect();
    let start = (offset % 8) as usize;
    octets[start..start + len].to_vec()
}

/// How a pair ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// When all is said.
    Close,
    /// One drops its session, and with it what it has not taken.
    Drop,
    /// The connection breaks.
    Cut,
}

/// Two sessions from their offer to their end.
pub(crate) async fn episode(places: &[Arc<Place>], ledger: &Arc<Ledger>, dice: &mut Dice) {
    let here = &places[dice.below(places.len() as u64) as usize];
    let there = &places[dice.below(places.len() as u64) as usize];
    let secure = dice.chance(30);
    let port = |place: &Place| match secure {
        true => (place.secure.handle(), place.secure.local_addr()),
        false => (place.plain.handle(), place.plain.local_addr()),
    };
    let sharing = match dice.chance(50) {
        true => ConnectionSharing::Session,
        false => ConnectionSharing::Peer,
    };
    let chunk_len = match dice.below(4) {
        0 => ChunkLen::Auto,
        1 => ChunkLen::Unbounded,
        2 => ChunkLen::Octets(2048),
        _ => ChunkLen::Octets(1 + dice.below(20_000) as u32),
    };
    let end = match dice.below(10) {
        0..6 => End::Close,
        6..8 => End::Drop,
        _ => End::Cut,
    };
    let proxy = match end == End::Cut || dice.chance(15) {
        true => Proxy::new(port(there).1, dice.milliseconds(300)).await.ok(),
        false => None,
    };
    let options = |place: &Place| SessionOptions {
        listener: Some(port(place).0),
        secure,
        accept_types: Some(vec!["*".into()]),
        chunk_len,
        connection_sharing: sharing,
        ..SessionOptions::default()
    };
    let theirs = SessionOptions {
        advertise: proxy.as_ref().map(|proxy| ("127.0.0.1".into(), proxy.port)),
        ..options(there)
    };
    let open = async || {
        let a = here.engine.session(options(here))?;
        let b = there.engine.session(theirs.clone())?;
        a.set_remote(&b.create_answer(&a.create_offer()?)?)?;
        tokio::try_join!(a.open(PATIENCE), b.open(PATIENCE))?;
        Ok::<_, msrp::Error>((a, b))
    };
    let mut opened = open().await;
    if opened.is_err() && sharing == ConnectionSharing::Peer {
        // The connection that it shared may have been about to end, with the last session of the other side.
        ledger.reopened.fetch_add(1, Ordering::Relaxed);
        opened = open().await;
    }
    let (a, b) = match opened {
        Ok(pair) => pair,
        Err(error) => return ledger.breach(format!("a session is not opened: {error}")),
    };
    ledger.sessions.fetch_add(2, Ordering::Relaxed);
    let gone = [Arc::new(AtomicBool::new(false)), Arc::default()];
    let receive = |session: &Session, dice: &mut Dice| {
        tokio::spawn(receive(session.clone(), Arc::clone(ledger), dice.split()))
    };
    let send = |session: &Session, from: usize, dice: &mut Dice| {
        let gone = [Arc::clone(&gone[from]), Arc::clone(&gone[1 - from])];
        tokio::spawn(send(
            session.clone(),
            Arc::clone(ledger),
            gone,
            dice.split(),
        ))
    };
    let (at_a, at_b) = (receive(&a, dice), receive(&b, dice));
    let (of_a, of_b) = (send(&a, 0, dice), send(&b, 1, dice));
    let (mut senders, mut receivers, mut sessions) = (vec![of_b], vec![at_b], vec![b]);
    if end != End::Close {
        sleep(dice.milliseconds(500)).await;
    }
    if end == End::Drop {
        gone[0].store(true, Ordering::Relaxed);
        of_a.abort();
        at_a.abort();
        drop(a);
    } else {
        senders.push(of_a);
        receivers.push(at_a);
        sessions.push(a);
    }
    if let (End::Cut, Some(proxy)) = (end, &proxy) {
        proxy.cut();
    }
    join(senders, ledger, "a sender").await;
    for session in &sessions {
        session.close(Duration::from_secs(10)).await;
    }
    join(receivers, ledger, "a receiver").await;
}

async fn join(tasks: Vec<JoinHandle<()>>, ledger: &Ledger, who: &str) {
    for mut task in tasks {
        match timeout(PATIENCE, &mut task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => ledger.breach(format!("{who} failed: {error}")),
            Err(_) => {
                task.abort();
                ledger.breach(format!("{who} never ends"));
            }
        }
    }
}

/// Sends some messages, several at a time, and waits for what becomes of them. `gone` is of the sender and the receiver.
async fn send(session: Session, ledger: Arc<Ledger>, gone: [Arc<AtomicBool>; 2], mut dice: Dice) {
    let mut outcomes = JoinSet::new();
    for _ in 0..dice.below(30) {
        let len = dice.len();
        let id = ledger.open(len, &gone);
        let options = SendOptions {
            content_type: "application/octet-stream".into(),
            message_id: Some(id.clone()),
            success_report: dice.chance(30),
            ..SendOptions::default()
        };
        let sent = match dice.below(10) {
            0..7 => session.send(content(&id, 0, len as usize), options).await,
            kind => {
                let total = (kind == 7).then_some(len);
                stream(&session, &id, len, total, options, &mut dice).await
            }
        };
        let Ok(transfer) = sent else {
            // The session is over.
            ledger.forget(&id);
            break;
        };
        let abort = dice.chance(8).then(|| dice.milliseconds(30));
        outcomes.spawn(outcome(transfer, id, Arc::clone(&ledger), abort));
        if dice.chance(20) {
            sleep(dice.milliseconds(50)).await;
        }
    }
    while outcomes.join_next().await.is_some() {}
}

/// Sends a message part by part.
async fn stream(
    session: &Session,
    id: &str,
    len: u64,
    total: Option<u64>,
    options: SendOptions,
    dice: &mut Dice,
) -> msrp::Result<Transfer> {
    let mut sender = session.stream(total, options).await?;
    let mut offset = 0;
    while offset < len {
        let part = (1 + dice.below(40_000)).min(len - offset);
        if sender
            .write(content(id, offset, part as usize))
            .await
            .is_err()
        {
            // What became of it is told by the transfer.
            return Ok(sender.transfer().clone());
        }
        offset += part;
        if dice.chance(5) {
            sleep(dice.milliseconds(20)).await;
        }
    }
    Ok(sender.finish())
}

async fn outcome(transfer: Transfer, id: String, ledger: Arc<Ledger>, abort: Option<Duration>) {
    if let Some(after) = abort {
        sleep(after).await;
        // Too late if it is over.
        let _ = transfer.abort();
    }
    match timeout(PATIENCE, transfer.acknowledged()).await {
        Ok(Ok(())) => ledger.acknowledged(&id),
        Ok(Err(_)) => ledger.failed(&id),
        Err(_) => ledger.breach(format!("{id} waits for its outcome for too long")),
    }
}

/// Takes messages until the session is over.
async fn receive(session: Session, ledger: Arc<Ledger>, mut dice: Dice) {
    let is_slow = dice.chance(10);
    while let Some(mut message) = session.recv().await {
        if dice.chance(3) {
            // It may be complete already.
            let _ = message.reject(StatusCode::STOP_SENDING, "not now");
        }
        take(&mut message, &ledger, is_slow, &mut dice).await;
    }
}

async fn take(message: &mut Message, ledger: &Ledger, is_slow: bool, dice: &mut Dice) {
    let id = message.message_id().to_owned();
    let mut len = 0;
    loop {
        match message.next_part().await {
            Ok(Some(part)) => {
                if *part != content(&id, len, part.len()) {
                    return ledger.breach(format!("{id} has changed at {len}"));
                }
                len += part.len() as u64;
                if is_slow && dice.chance(20) {
                    sleep(dice.milliseconds(100)).await;
                }
            }
            Ok(None) => return ledger.received(&id, len),
            // Ended before it was whole: the sender is told.
            Err(_) => return,
        }
    }
}

/// Nothing takes so long but what never ends.
const PATIENCE: Duration = Duration::from_secs(150);
