//! Files as message bodies: a task reads ahead of the network as far as the connection asks, in blocks that
//! are read outside of the async threads.
//!
//! How many octets are wanted is decided in `proto::written`; the mailbox hands the question on.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use tokio::sync::Notify;

use super::mailbox::{Mailbox, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::proto::TransferKey;

/// Most octets of one read.
const READ_LEN: usize = 128 * 1024;

/// How much of a file the connection still wants.
#[derive(Debug, Default)]
pub(crate) struct FileSource {
    wanted: AtomicUsize,
    stopped: AtomicBool,
    changed: Notify,
}

impl Source for FileSource {
    fn want(&self, len: usize) {
        self.wanted.fetch_add(len, Relaxed);
        self.changed.notify_one();
    }

    fn stop(&self) {
        self.stopped.store(true, Relaxed);
        self.changed.notify_one();
    }
}

/// Opens a regular file and gives its length.
///
/// # Errors
/// `InvalidArgument` with the system's text; also for what is no regular file.
pub(crate) fn open(path: &Path) -> Result<(File, u64)> {
    let failed = |error: std::io::Error| {
        Error::invalid_argument(format!("cannot read {}: {error}", path.display()))
    };
    let mut options = File::options();
    options.read(true);
    // A pipe without a writer would block here; a regular file does not care.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::invalid_argument(format!(
            "{} is no regular file",
            path.display()
        )));
    }
    Ok((file, metadata.len()))
}

/// Gives the first `len` octets of `file` to the transfer. A read error ends the message with `#`; the transfer
/// then fails with its text.
pub(crate) async fn feed(
    mailbox: Arc<Mailbox>,
    transfer: TransferKey,
    source: Arc<FileSource>,
    mut file: File,
    len: u64,
) {
    let mut left = len;
    while left > 0 {
        let wanted = source.wanted.load(Relaxed);
        if source.stopped.load(Relaxed) {
            return;
        }
        if wanted == 0 {
            source.changed.notified().await;
            continue;
        }
        let take = wanted
            .min(READ_LEN)
            .min(usize::try_from(left).unwrap_or(READ_LEN));
        let read = tokio::task::spawn_blocking(move || read_block(file, take)).await;
        let Ok((returned, result)) = read else { return };
        file = returned;
        match result {
            Ok(data) => {
                left -= data.len() as u64;
                source.wanted.fetch_sub(data.len(), Relaxed);
                // It fails only when the transfer is over.
                if mailbox.push_stream(transfer, data).is_err() {
                    return;
                }
            }
            Err(error) => {
                let error = Error::local(ErrorKind::Aborted, format!("file: {error}"));
                let _ = mailbox.abort(transfer, Some(error));
                return;
            }
        }
    }
    let _ = mailbox.end_stream(transfer);
}

fn read_block(mut file: File, len: usize) -> (File, std::io::Result<Bytes>) {
    let mut data = Vec::with_capacity(len);
    let result = (&mut file).take(len as u64).read_to_end(&mut data);
    let result = match result {
        Ok(0) => Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "it became shorter while it was sent",
        )),
        Ok(_) => Ok(data.into()),
        Err(error) => Err(error),
    };
    (file, result)
}
