//! The receivers: each answers 200 to every SEND, and counts.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::frames::{Frames, Head, Sink};
use crate::login::log_in;
use crate::tally::{Tally, add};
use crate::{Between, Load, Result, Stage, Target};

/// What is read at once.
pub(crate) const ROOM_LEN: usize = 256 * 1024;
/// Logins under way at a time: a relay may have trouble with more.
const LOGINS: usize = 16;

pub(crate) type Paths = Vec<Box<str>>;

/// Brings the receivers up, gives their paths away, and counts until all is there.
pub(crate) async fn run(
    load: &Load,
    listener: std::net::TcpListener,
    target: Target,
    tally: &Arc<Tally>,
    paths: mpsc::Sender<Result<Paths>>,
    stage: Stage,
) {
    let all = Rc::new(All {
        count: load.count as u64,
        messages: load.messages(),
        tally: Arc::clone(tally),
        arrived: Notify::new(),
        room: RefCell::new(vec![0; ROOM_LEN]),
    });
    let mut receiving = JoinSet::new();
    let up = match load.between {
        Between::Relay => {
            let up = register(load, &target, &all, &mut receiving).await;
            paths.send(up).map_err(|_| "nobody sends".into())
        }
        Between::Tunnel => {
            // Whoever is accepted learns from the first request who it is.
            let known = (0..load.pairs).map(uri).map(Box::from).collect();
            let _ = paths.send(Ok(known));
            accept(load, listener, &all, &mut receiving).await
        }
    };
    let failed = up.is_err();
    let _ = stage.ready.send(up);
    if failed || stage.go.await.is_err() {
        return;
    }
    let done = tokio::select! {
        () = all.arrived.notified() => Ok(Instant::now()),
        Some(ended) = receiving.join_next() => Err(ended.unwrap_or_else(Into::into)),
    };
    let _ = stage.done.send(done);
    std::future::pending().await
}

/// What a receiver is called.
fn uri(index: usize) -> String {
    format!("msrp://127.0.0.1:9/receiver{index:05};tcp")
}

/// Connects every receiver to the relay; To-Path of each.
async fn register(
    load: &Load,
    target: &Target,
    all: &Rc<All>,
    receiving: &mut JoinSet<crate::Fault>,
) -> Result<Paths> {
    let mut paths = vec![Box::from(""); load.pairs];
    let mut logins = JoinSet::new();
    let mut next = 0;
    while next < load.pairs || !logins.is_empty() {
        if next < load.pairs && logins.len() < LOGINS {
            let (index, load, target) = (next, load.clone(), target.clone());
            logins.spawn_local(async move {
                let own = uri(index);
                let mut stream = TcpStream::connect(target.address).await?;
                stream.set_nodelay(true)?;
                let path = log_in(&mut stream, &target.uri, &own, &load).await?;
                Ok::<_, crate::Fault>((index, format!("{path} {own}"), stream))
            });
            next += 1;
            continue;
        }
        if let Some(done) = logins.join_next().await {
            let (index, path, stream) = done??;
            paths[index] = path.into();
            receiving.spawn_local(Receiver::new(Rc::clone(all), stream));
        }
    }
    Ok(paths)
}

/// Accepts them all; a herd comes later.
async fn accept(
    load: &Load,
    listener: std::net::TcpListener,
    all: &Rc<All>,
    receiving: &mut JoinSet<crate::Fault>,
) -> Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let accept_one = async |listener: &TcpListener| -> Result<Receiver<TcpStream>> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(Receiver::new(Rc::clone(all), stream))
    };
    if !load.herd {
        for _ in 0..load.pairs {
            receiving.spawn_local(accept_one(&listener).await?);
        }
        return Ok(());
    }
    let (all, pairs) = (Rc::clone(all), load.pairs);
    receiving.spawn_local(async move {
        let mut herd = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if herd.len() < pairs => {
                        herd.spawn_local(Receiver::new(Rc::clone(&all), stream));
                    }
                    Ok(_) => {}
                    Err(error) => return error.into(),
                },
                Some(ended) = herd.join_next() => {
                    return ended.unwrap_or_else(Into::into);
                }
            }
        }
    });
    Ok(())
}

/// What the receivers share.
struct All {
    /// Messages of each.
    count: u64,
    /// Messages of all.
    messages: u64,
    tally: Arc<Tally>,
    /// Everything is there.
    arrived: Notify,
    /// Where they read, one after the other: many small rooms would not stay in the cache.
    room: RefCell<Vec<u8>>,
}

/// One connection; ends with what broke it.
struct Receiver<S> {
    all: Rc<All>,
    stream: S,
    frames: Frames,
    answers: Answers,
    written: usize,
    messages: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    fn new(all: Rc<All>, stream: S) -> Self {
        Self {
            all,
            stream,
            frames: Frames::default(),
            answers: Answers::default(),
            written: 0,
            messages: 0,
        }
    }

    /// Reads and counts until nothing is there.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let all = Rc::clone(&self.all);
        let mut room = all.room.borrow_mut();
        loop {
            let lead = self.frames.lead(&mut room);
            let mut buf = ReadBuf::new(&mut room[lead..]);
            let read = pin!(&mut self.stream).poll_read(context, &mut buf);
            let len = lead + buf.filled().len();
            let more = len > lead;
            self.frames.take(&room[..len], &mut self.answers)?;
            ready!(read)?;
            if !more {
                return Poll::Ready(Err("a connection to a receiver has ended".into()));
            }
            self.count();
        }
    }

    fn count(&mut self) {
        let octets = std::mem::take(&mut self.answers.octets);
        let messages = std::mem::take(&mut self.answers.messages);
        add(&self.all.tally.octets, octets);
        self.messages += messages;
        if messages > 0 && self.messages == self.all.count {
            add(&self.all.tally.served, 1);
        }
        if messages > 0 && add(&self.all.tally.messages, messages) == self.all.messages {
            self.all.arrived.notify_one();
        }
    }

    /// Writes what answers there are.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while self.written < self.answers.out.len() {
            let rest = &self.answers.out[self.written..];
            self.written += ready!(pin!(&mut self.stream).poll_write(context, rest))?;
        }
        self.answers.out.clear();
        self.written = 0;
        ready!(pin!(&mut self.stream).poll_flush(context))?;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Receiver<S> {
    type Output = crate::Fault;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(Err(fault)) = self.read(context) {
            return Poll::Ready(fault);
        }
        match self.write(context) {
            Poll::Ready(Err(fault)) => Poll::Ready(fault),
            _ => Poll::Pending,
        }
    }
}

/// What a receiver says.
#[derive(Debug, Default)]
struct Answers {
    /// Headers of a response, as the first request of the connection asks for: all requests come from the same.
    headers: Vec<u8>,
    out: Vec<u8>,
    octets: u64,
    messages: u64,
    is_send: bool,
}

impl Sink for Answers {
    fn head(&mut self, head: &Head<'_>) {
        self.is_send = head.start == b"SEND";
        if self.is_send && self.headers.is_empty() {
            let first = |path: &[u8]| {
                path.split(|octet| *octet == b' ')
                    .next()
                    .map(<[u8]>::to_vec)
            };
            self.headers.extend_from_slice(b" 200 OK\r\nTo-Path: ");
            self.headers
                .extend(first(head.from_path).unwrap_or_default());
            self.headers.extend_from_slice(b"\r\nFrom-Path: ");
            self.headers.extend(first(head.to_path).unwrap_or_default());
            self.headers.extend_from_slice(b"\r\n-------");
        }
    }

    fn body(&mut self, len: usize) {
        if self.is_send {
            self.octets += len as u64;
        }
    }

    fn end(&mut self, id: &[u8], flag: u8) {
        if !self.is_send {
            return;
        }
        self.messages += u64::from(flag == b'$');
        for part in [b"MSRP ", id, &self.headers, id, b"$\r\n"] {
            self.out.extend_from_slice(part);
        }
    }
}
