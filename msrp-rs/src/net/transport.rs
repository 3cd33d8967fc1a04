//! TCP and TLS under one connection (RFC 4975 §5.4, §14.2), polled by the driver.
//!
//! **Written means flushed**: a TLS stream may take octets and keep them while the socket blocks. So
//! `poll_write` takes octets, `poll_flush` says how many of them the operating system has, and nothing is
//! written before the last write is flushed. TLS records are made across slices, at most four for one write.

use std::future::Future;
use std::io::{self, IoSlice, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_rustls::TlsStream;

use super::block::{self, BlockPool};
use super::detour;
use super::socket::PeerSocket;

/// What rustls may keep: four records with their headers and tags, and room for an alert or a key update. All go to the
/// socket in one write.
const TLS_BUFFER: usize = 4 * (16 * 1024) + 1024;
/// One connection's stream.
pub(crate) struct Transport {
    stream: Stream,
    /// Taken by `poll_write` and not yet reported as flushed.
    unflushed: usize,
    /// TLS may have plaintext although the socket is not readable.
    may_hold_input: bool,
    /// What came behind the octets that were read last.
    read_error: Option<io::Error>,
    /// The peer's side ended without a `close_notify`: somebody else may have ended it.
    is_cut: bool,
}

enum Stream {
    Tcp(PeerSocket),
    Tls(Box<TlsStream<PeerSocket>>),
}

impl Transport {
    /// Cleartext.
    pub(crate) fn tcp(stream: PeerSocket) -> Self {
        Self {
            unflushed: 0,
            may_hold_input: stream.holds_initial(),
            stream: Stream::Tcp(stream),
            is_cut: false,
            read_error: None,
        }
    }

    /// After the handshake.
    pub(crate) fn tls(mut stream: TlsStream<PeerSocket>) -> Self {
        match &mut stream {
            TlsStream::Client(stream) => stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER)),
            TlsStream::Server(stream) => stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER)),
        }
        // The peer's first octets may have come with the end of the handshake.
        Self {
            stream: Stream::Tls(Box::new(stream)),
            unflushed: 0,
            may_hold_input: true,
            is_cut: false,
            read_error: None,
        }
    }

    /// Goes on with `inside`; the stream so far is carried to and from `outside`, by a task of its own.
    pub(crate) fn detour(&mut self, inside: PeerSocket, outside: PeerSocket) {
        // What was taken and is not flushed is flushed there, before anything else.
        self.may_hold_input = false;
        match std::mem::replace(&mut self.stream, Stream::Tcp(inside)) {
            Stream::Tcp(stream) => tokio::spawn(detour::carry(stream, |stream| stream, outside)),
            Stream::Tls(stream) => {
                tokio::spawn(detour::carry(stream, |stream| stream.get_ref().0, outside))
            }
        };
    }

    fn socket(&self) -> &PeerSocket {
        match &self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Our address and the peer's; none where the connection is over already.
    pub(crate) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        let stream = self.socket().stream();
        Ok((stream.local_addr()?, stream.peer_addr()?))
    }

    /// Our address, also where the connection is over.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.socket().stream().local_addr().ok()
    }

    /// Whether it is TLS.
    pub(crate) fn is_secure(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Whether the peer's side of TLS ended without a word.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What the peer said first, before TLS.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.socket().heard().octets()
    }

    /// The certificate that the peer showed, DER.
    pub(crate) fn peer_certificate(&self) -> Option<Vec<u8>> {
        let Stream::Tls(stream) = &self.stream else {
            return None;
        };
        let chain = match &**stream {
            TlsStream::Client(stream) => stream.get_ref().1.peer_certificates(),
            TlsStream::Server(stream) => stream.get_ref().1.peer_certificates(),
        };
        chain?.first().map(|leaf| leaf.to_vec())
    }

    /// The next octets; none at the end of the peer's side. A block is borrowed only when there are some.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut TaskContext<'_>,
        pool: &BlockPool,
    ) -> Poll<io::Result<Bytes>> {
        if let Some(error) = self.read_error.take() {
            return self.ended(error);
        }
        let socket = self.socket().stream();
        if let Poll::Pending = socket.poll_read_ready(cx)?
            && !self.may_hold_input
        {
            return Poll::Pending;
        }
        let mut block = pool.borrow();
        let read = match &mut self.stream {
            Stream::Tcp(stream) => {
                let read = poll_read_buf(stream, cx, &mut block);
                self.may_hold_input = stream.holds_initial();
                read
            }
            Stream::Tls(stream) => {
                let read = poll_read_records(stream, cx, &mut block, &mut self.read_error);
                self.may_hold_input = read.is_ready();
                read
            }
        };
        let octets = block::split(&mut block);
        pool.give_back(block);
        match ready!(read) {
            Ok(_) => Poll::Ready(Ok(octets)),
            Err(error) => self.ended(error),
        }
    }

    fn ended(&mut self, error: io::Error) -> Poll<io::Result<Bytes>> {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            // A peer that does not say goodbye in TLS: MSRP's own framing shows whether something is missing.
            self.is_cut = self.is_secure();
            return Poll::Ready(Ok(Bytes::new()));
        }
        Poll::Ready(Err(error))
    }

    /// Whether `poll_flush` has something to say.
    pub(crate) fn is_flush_pending(&self) -> bool {
        self.unflushed > 0
    }

    /// Takes the first octets of `slices`; not before everything is flushed.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut TaskContext<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<()>> {
        debug_assert!(!self.is_flush_pending());
        let taken = match &mut self.stream {
            Stream::Tcp(stream) => ready!(Pin::new(stream).poll_write_vectored(cx, slices))?,
            // Into rustls only, which makes whole records of the slices without a copy; `poll_flush` gives them to the
            // socket, all at once.
            Stream::Tls(stream) => match &mut **stream {
                TlsStream::Client(stream) => stream.get_mut().1.writer().write_vectored(slices)?,
                TlsStream::Server(stream) => stream.get_mut().1.writer().write_vectored(slices)?,
            },
        };
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.unflushed += taken;
        Poll::Ready(Ok(()))
    }

    /// How many octets the operating system has taken since this was last said.
    pub(crate) fn poll_flush(&mut self, cx: &mut TaskContext<'_>) -> Poll<io::Result<usize>> {
        if let Stream::Tls(stream) = &mut self.stream {
            ready!(Pin::new(stream).poll_flush(cx))?;
        }
        Poll::Ready(Ok(std::mem::take(&mut self.unflushed)))
    }

    /// Ends our side: `close_notify` for TLS, then `shutdown(2)`, since a forked child may hold the descriptor.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// Ends both sides at once and without a word. Closing the descriptor is not enough: a forked child may hold it.
    pub(crate) fn abort(&self) {
        let socket = self.socket().stream();
        // It fails where the connection is over already.
        let _ = SockRef::from(socket).shutdown(Shutdown::Both);
    }

    /// Reads and drops what still comes, straight from the socket. Ready at its end.
    pub(crate) fn poll_discard(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let socket = self.socket().stream();
        let mut buffer = [0; 4096];
        loop {
            if ready!(socket.poll_read_ready(cx)).is_err() {
                return Poll::Ready(());
            }
            match socket.try_read(&mut buffer) {
                Ok(0) => return Poll::Ready(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }
}

/// One step of `read_buf`, which is cancel safe.
fn poll_read_buf(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut TaskContext<'_>,
    block: &mut bytes::BytesMut,
) -> Poll<io::Result<usize>> {
    pin!(stream.read_buf(block)).poll(cx)
}

/// As many records as are there and have room in the block: one has 16 KiB at most, and each turn of the driver has its
/// price. An end behind octets comes again the next time, an error is kept for it.
fn poll_read_records(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut TaskContext<'_>,
    block: &mut bytes::BytesMut,
    behind: &mut Option<io::Error>,
) -> Poll<io::Result<usize>> {
    let first = ready!(poll_read_buf(stream, cx, block))?;
    let mut last = first;
    while last > 0 && block.len() < block.capacity() {
        match poll_read_buf(stream, cx, block) {
            Poll::Ready(Ok(len)) => last = len,
            Poll::Ready(Err(error)) => {
                *behind = Some(error);
                break;
            }
            Poll::Pending => break,
        }
    }
    Poll::Ready(Ok(first))
}
