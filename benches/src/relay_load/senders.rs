//! The senders: each keeps its window full of requests, and counts the responses.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{IoSlice, Write};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::frames::{Frames, Head, Sink};
use crate::receivers::{Paths, ROOM_LEN};
use crate::tally::{Tally, add};
use crate::{Load, Result, Stage};

/// Connects the senders, lets them run, and is done with the last response.
pub(crate) async fn run(
    load: &Load,
    target: SocketAddr,
    paths: Paths,
    tally: &Arc<Tally>,
    stage: Stage,
) {
    let all = Rc::new(All {
        responses: load.responses(),
        tally: Arc::clone(tally),
        answered: Notify::new(),
        room: RefCell::new(vec![0; ROOM_LEN]),
    });
    let body = text(BODY_LEN.min(load.octets.max(1)));
    let mut work: Vec<Requests> = paths
        .iter()
        .enumerate()
        .map(|(index, path)| Requests::new(index, path, load, &body))
        .collect();
    let mut streams = Vec::new();
    if !load.herd {
        for _ in 0..load.pairs {
            match connect(target).await {
                Ok(stream) => streams.push(stream),
                Err(fault) => {
                    let _ = stage.ready.send(Err(fault));
                    return;
                }
            }
        }
    }
    let _ = stage.ready.send(Ok(()));
    if stage.go.await.is_err() {
        return;
    }
    let mut sending = JoinSet::new();
    for stream in streams {
        if let Some(requests) = work.pop() {
            sending.spawn_local(Sender::new(Rc::clone(&all), stream, requests));
        }
    }
    for requests in work {
        let all = Rc::clone(&all);
        sending.spawn_local(async move {
            match connect(target).await {
                Ok(stream) => Sender::new(all, stream, requests).await,
                Err(fault) => fault,
            }
        });
    }
    // Of a herd, some may fall: the others still count.
    let mut fallen = 0;
    loop {
        tokio::select! {
            () = all.answered.notified() => break,
            Some(ended) = sending.join_next() => {
                fallen += 1;
                if load.herd && fallen < load.pairs {
                    continue;
                }
                let fault = ended.unwrap_or_else(Into::into);
                let _ = stage.done.send(Err(fault));
                return std::future::pending().await;
            }
        }
    }
    let _ = stage.done.send(Ok(Instant::now()));
    std::future::pending().await
}

async fn connect(target: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What is sent: lines of text, which a relay has to look through.
fn text(len: usize) -> Bytes {
    LINE.iter().copied().cycle().take(len).collect()
}

/// What the senders share.
struct All {
    /// Responses to all.
    responses: u64,
    tally: Arc<Tally>,
    /// Every response is there.
    answered: Notify,
    room: RefCell<Vec<u8>>,
}

/// One connection; ends with what broke it.
struct Sender<S> {
    all: Rc<All>,
    stream: S,
    frames: Frames,
    requests: Requests,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    fn new(all: Rc<All>, stream: S, requests: Requests) -> Self {
        Self {
            all,
            stream,
            frames: Frames::default(),
            requests,
        }
    }

    /// Reads and counts until nothing is there.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let all = Rc::clone(&self.all);
        let mut room = all.room.borrow_mut();
        let mut responses = Responses::default();
        loop {
            let lead = self.frames.lead(&mut room);
            let mut buf = ReadBuf::new(&mut room[lead..]);
            let read = pin!(&mut self.stream).poll_read(context, &mut buf);
            let len = lead + buf.filled().len();
            let more = len > lead;
            self.frames.take(&room[..len], &mut responses)?;
            ready!(read)?;
            if !more {
                return Poll::Ready(Err("a connection of a sender has ended".into()));
            }
            let Responses { good, bad } = std::mem::take(&mut responses);
            self.requests.open = self.requests.open.saturating_sub((good + bad) as usize);
            if bad > 0 {
                add(&all.tally.refused, bad);
            }
            if good > 0 && add(&all.tally.responses, good) == all.responses {
                all.answered.notify_one();
            }
        }
    }

    /// Writes while the window is open and the transport takes it.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            self.requests.fill();
            if self.requests.out.is_empty() {
                ready!(pin!(&mut self.stream).poll_flush(context))?;
                return Poll::Ready(Ok(()));
            }
            let mut slices = [IoSlice::new(&[]); 32];
            let count = self.requests.slices(&mut slices);
            let stream = pin!(&mut self.stream);
            let len = ready!(stream.poll_write_vectored(context, &slices[..count]))?;
            self.requests.written(len);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Sender<S> {
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

/// What one sender sends.
struct Requests {
    /// Between transaction id and Message-ID.
    paths: Box<str>,
    index: usize,
    window: usize,
    chunk_len: usize,
    octets: usize,
    body: Bytes,
    /// Messages that have not begun.
    left: usize,
    /// Which is under way.
    message: usize,
    /// Requests made so far: the transaction id of the last.
    made: usize,
    /// Requests made and not answered.
    open: usize,
    /// 0-based position in the message; its length when none is under way.
    position: usize,
    /// Octets of the chunk that are still to come.
    chunk_left: Option<usize>,
    small: BytesMut,
    out: VecDeque<Bytes>,
    out_len: usize,
}

impl Requests {
    fn new(index: usize, to_path: &str, load: &Load, body: &Bytes) -> Self {
        let chunk_len = if load.chunk_len == 0 {
            load.octets
        } else {
            load.chunk_len
        };
        let from = format!("msrp://127.0.0.1:9/sender{index:05};tcp");
        Self {
            paths: format!("To-Path: {to_path}\r\nFrom-Path: {from}\r\n").into(),
            index,
            window: load.window,
            chunk_len,
            octets: load.octets,
            body: body.clone(),
            left: load.count,
            message: 0,
            made: 0,
            open: 0,
            position: load.octets,
            chunk_left: None,
            small: BytesMut::new(),
            out: VecDeque::new(),
            out_len: 0,
        }
    }

    /// Makes what the window allows, and not much more than a write takes.
    fn fill(&mut self) {
        while self.out_len + self.small.len() < OUT_LEN {
            if let Some(left) = self.chunk_left {
                self.fill_body(left);
            } else if self.open < self.window
                && (self.position < self.octets || self.next_message())
            {
                self.begin();
            } else {
                break;
            }
        }
        self.close_small();
    }

    fn next_message(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.message += 1;
        self.position = 0;
        true
    }

    fn begin(&mut self) {
        self.made += 1;
        self.open += 1;
        let len = self.chunk_len.min(self.octets - self.position);
        let (made, paths, index) = (self.made, &self.paths, self.index);
        let (start, total) = (self.position + 1, self.octets);
        let message = self.message;
        let mut head = Writer(&mut self.small);
        let _ = write!(
            head,
            "MSRP t{made:07x} SEND\r\n{paths}Message-ID: m{index:05}.{message:07x}\r\nByte-Range: {start}-"
        );
        // A chunk longer than that can be interrupted, and does not know where (RFC 4975 §7.1.1).
        let _ = match len {
            0..=2048 => write!(head, "{}", self.position + len),
            _ => write!(head, "*"),
        };
        let _ = write!(head, "/{total}\r\nContent-Type: text/plain\r\n\r\n");
        self.chunk_left = Some(len);
    }

    fn fill_body(&mut self, left: usize) {
        let len = left.min(self.body.len());
        if len < SMALL_LEN {
            self.small.extend_from_slice(&self.body[..len]);
        } else {
            self.close_small();
            self.out_len += len;
            self.out.push_back(self.body.slice(..len));
        }
        self.position += len;
        if len < left {
            self.chunk_left = Some(left - len);
            return;
        }
        self.chunk_left = None;
        let flag = if self.position == self.octets {
            '$'
        } else {
            '+'
        };
        let made = self.made;
        let _ = write!(Writer(&mut self.small), "\r\n-------t{made:07x}{flag}\r\n");
    }

    fn close_small(&mut self) {
        if !self.small.is_empty() {
            self.out_len += self.small.len();
            self.out.push_back(self.small.split().freeze());
        }
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = slices.iter_mut().zip(&self.out);
        parts.fold(0, |count, (slice, part)| {
            *slice = IoSlice::new(part);
            count + 1
        })
    }

    fn written(&mut self, mut len: usize) {
        self.out_len -= len;
        while let Some(first) = self.out.front_mut() {
            if len < first.len() {
                first.advance(len);
                return;
            }
            len -= first.len();
            self.out.pop_front();
        }
    }
}

struct Writer<'a>(&'a mut BytesMut);

impl Write for Writer<'_> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Responses of one read.
#[derive(Debug, Default)]
struct Responses {
    good: u64,
    bad: u64,
}

impl Sink for Responses {
    fn head(&mut self, head: &Head<'_>) {
        match head.start.get(..3) {
            Some(b"200") => self.good += 1,
            _ => self.bad += 1,
        }
    }

    fn body(&mut self, _: usize) {}

    fn end(&mut self, _: &[u8], _: u8) {}
}

/// Bodies are made of pieces of one text of this length, at most.
const BODY_LEN: usize = 64 * 1024;
/// What is given to the transport at once, about.
const OUT_LEN: usize = 128 * 1024;
/// Bodies below are copied behind their heads.
const SMALL_LEN: usize = 4096;
const LINE: &[u8] =
    b"The quick brown fox jumps over the lazy dog, and then - once more - over it.\r\n";
