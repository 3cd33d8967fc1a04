//! Outgoing messages whose content comes bit by bit.
//!
//! How much may be given is told by events; when a chunk goes out is decided in `proto::outbound`.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::Transfer;
use crate::error::{Error, ErrorKind, Result};

/// The content of an outgoing message, written by the caller as it becomes known; made by
/// [`Session::stream`](crate::Session::stream).
///
/// Dropped without [`finish`](Self::finish), the message ends with `#`.
#[derive(Debug)]
pub struct StreamSender {
    transfer: Transfer,
    finished: bool,
}

impl StreamSender {
    pub(super) fn new(transfer: Transfer) -> Self {
        Self {
            transfer,
            finished: false,
        }
    }

    /// The message under way.
    pub fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// Writes all of `data`, waiting for the network where it must.
    ///
    /// Errors: why the message failed, as [`Transfer::acknowledged`].
    ///
    /// # Cancel safety
    /// Cancelled, a part of `data` may have been written, and it is not known how much: the message can then only
    /// be given up. [`write_some`](Self::write_some) tells.
    pub async fn write(&mut self, data: impl Into<Bytes>) -> Result<()> {
        let mut data = data.into();
        while !data.is_empty() {
            self.write_some(&mut data).await?;
        }
        Ok(())
    }

    /// Waits until the message may go on, writes as much of `data` as it takes, and leaves the rest there.
    ///
    /// Errors: as [`write`](Self::write).
    ///
    /// # Cancel safety
    /// Cancelled, nothing of `data` was written.
    pub async fn write_some(&mut self, data: &mut Bytes) -> Result<usize> {
        let transfer = &self.transfer;
        let most = data.len();
        let len = transfer
            .wait(|outcome| {
                if let Some(error) = &outcome.failed {
                    return Some(Err(error.clone()));
                }
                let len = most.min(outcome.wanted);
                outcome.wanted -= len;
                outcome.given += len as u64;
                (len > 0 || most == 0).then_some(Ok(len))
            })
            .await?;
        if len > 0 {
            let engine = &transfer.shared().engine;
            engine.stream_push(transfer.handle(), data.split_to(len))?;
        }
        Ok(len)
    }

    /// Sends what was written, even if it makes a chunk under 2048 octets. The last octet stays back until more is
    /// written or the message is [finished](Self::finish), since its last chunk must hold at least one.
    ///
    /// Errors: `Gone`.
    pub fn flush(&self) -> Result<()> {
        let engine = &self.transfer.shared().engine;
        engine.stream_flush(self.transfer.handle())
    }

    /// The message is complete. What became of it is the transfer's to tell, also where another length was announced.
    pub fn finish(mut self) -> Transfer {
        self.end();
        self.transfer.clone()
    }

    /// Copies what `reader` gives until its end; a failure becomes that of the message.
    pub(super) async fn copy_from(mut self, mut reader: Pin<Box<dyn AsyncRead + Send>>) {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(READ_LEN);
            let read = tokio::select! {
                read = reader.read_buf(&mut buffer) => read,
                // Nobody wants it any more, and the reader may never say another word.
                () = self.transfer.failed() => return,
            };
            match read {
                Ok(0) => break,
                // Its errors are the message's own: they are told there.
                Ok(_) => match self.write(buffer.split().freeze()).await {
                    Ok(()) => {}
                    Err(_) => return,
                },
                Err(error) => {
                    self.transfer.fail(Error::local(
                        ErrorKind::Aborted,
                        format!("source of the message failed: {error}"),
                    ));
                    return;
                }
            }
        }
        self.end();
    }

    fn end(&mut self) {
        self.finished = true;
        self.transfer.end();
    }
}

impl Drop for StreamSender {
    fn drop(&mut self) {
        if !self.finished {
            // `Gone`: it has ended otherwise.
            let _ = self.transfer.abort();
        }
    }
}

/// Octets asked of a reader at once.
const READ_LEN: usize = 64 * 1024;
