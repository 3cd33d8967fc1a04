//! A TCP socket whose writes raise no signal.
//!
//! A write to a connection that the peer has reset raises SIGPIPE, which kills a process that has not arranged
//! otherwise: a Rust program has, a C host may not. The vectored writes of std do not ask the system to leave it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Unsent octets that the kernel may hold before it says that the socket is full; without this, autotuned
/// megabytes stand before every response.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
const NOTSENT_LOWAT: u32 = 32 * 1024;

/// No signal for a write to a connection that is over. Where there is no flag for it, there is a socket option.
const FLAGS: i32 = if cfg!(target_vendor = "apple") {
    0
} else {
    libc::MSG_NOSIGNAL
};

/// Octets that are remembered of what the peer said first: enough to tell TLS from other things.
const HEARD: usize = 7;

/// What a peer said first. Clones are the same: it can be asked while something else has the socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<AtomicU64>);

impl Heard {
    /// The first octets that were read, at most seven.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let [len, octets @ ..] = self.0.load(Relaxed).to_be_bytes();
        octets[..usize::from(len).min(HEARD)].to_vec()
    }

    /// Only the task that has the socket does this.
    fn hear(&self, octets: &[u8]) {
        let mut word = self.0.load(Relaxed).to_be_bytes();
        let from = 1 + usize::from(word[0]);
        for (place, octet) in word[from..].iter_mut().zip(octets) {
            *place = *octet;
        }
        word[0] += octets.len().min(HEARD + 1 - from) as u8;
        self.0.store(u64::from_be_bytes(word), Relaxed);
    }

    fn is_full(&self) -> bool {
        usize::from(self.0.load(Relaxed).to_be_bytes()[0]) >= HEARD
    }
}

/// A connected socket.
#[derive(Debug)]
pub(crate) struct PeerSocket {
    stream: TcpStream,
    heard: Heard,
    /// Octets of the peer that were read from the socket before.
    initial: Option<Box<Bytes>>,
}

impl PeerSocket {
    /// Takes a new connection and sets its options.
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        SockRef::from(&stream).set_tcp_notsent_lowat(NOTSENT_LOWAT)?;
        #[cfg(target_vendor = "apple")]
        SockRef::from(&stream).set_nosigpipe(true)?;
        Ok(Self {
            stream,
            heard: Heard::default(),
            initial: None,
        })
    }

    /// The same, with octets that somebody has read from it before.
    pub(crate) fn with_initial(mut self, octets: Bytes) -> Self {
        self.initial = (!octets.is_empty()).then(|| Box::new(octets));
        self
    }

    /// Whether there are octets to be read, whatever the socket says.
    pub(crate) fn holds_initial(&self) -> bool {
        self.initial.is_some()
    }

    /// The next octets, which stay where they are.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(initial) = &self.initial else {
            return self.stream.peek(buffer).await;
        };
        let len = initial.len().min(buffer.len());
        buffer[..len].copy_from_slice(&initial[..len]);
        Ok(len)
    }

    /// What the peer said first.
    pub(crate) fn heard(&self) -> &Heard {
        &self.heard
    }

    /// For its readiness, reads and options; not for writes.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for PeerSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let from = buffer.filled().len();
        if let Some(initial) = &mut self.initial {
            let len = initial.len().min(buffer.remaining());
            buffer.put_slice(&initial.split_to(len));
            if initial.is_empty() {
                self.initial = None;
            }
        } else {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        }
        if !self.heard.is_full() {
            self.heard.hear(&buffer.filled()[from..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PeerSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(octets)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            let send = || SockRef::from(&self.stream).send_vectored_with_flags(slices, FLAGS);
            match self.stream.try_io(Interest::WRITABLE, send) {
                // Not ready after all: now the waker is told.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
