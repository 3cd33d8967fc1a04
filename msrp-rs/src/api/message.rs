//! An incoming message: its headers and its parts as they come (RFC 4975 §7.3.1).
//!
//! Chunks were put together in `proto` before; here credit goes back as parts are taken, and a REPORT is released with
//! the last one.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use super::shared::Shared;
use crate::engine::MessageHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::proto::{MessageEnd, MessageHead};
use crate::wire::StatusCode;

/// An incoming message: the whole content, however many chunks carried it (RFC 4975 §5.1).
///
/// It may still be on its way. Its octets are kept until they are asked for, and while they are not, the peer
/// has to wait (`Limits::receive_window`). A message that is dropped is read on and thrown away; use
/// [`reject`](Self::reject) to make the peer stop. The success REPORT, where the peer asked for one, goes out
/// when the last part was taken.
#[derive(derive_more::Debug)]
pub struct Message {
    shared: Arc<Shared>,
    handle: MessageHandle,
    head: Arc<MessageHead>,
    content: Content,
    /// What `read` has put together so far.
    #[debug("{} octets", collected.len())]
    collected: BytesMut,
    /// Octets of the message, from its start, that were taken from `content`.
    position: u64,
    /// The credit of the part that the consumer holds.
    owed: usize,
    /// The engine knows that the consumer has all of it.
    taken: bool,
}

#[derive(derive_more::Debug)]
enum Content {
    /// It came whole: the octets until they are taken, and their number.
    #[debug("Whole({_1} octets)")]
    Whole(Option<Bytes>, u64),
    Parts(Arc<Incoming>),
}

/// A message at the end of the inbox: a [`Message`] without its session.
pub(super) struct Arrival {
    handle: MessageHandle,
    head: Arc<MessageHead>,
    content: Content,
    credit: usize,
}

impl Arrival {
    pub(super) fn whole(
        handle: MessageHandle,
        head: Arc<MessageHead>,
        body: Bytes,
        credit: usize,
    ) -> Self {
        let len = body.len() as u64;
        let content = Content::Whole(Some(body), len);
        Self {
            handle,
            head,
            content,
            credit,
        }
    }

    pub(super) fn parts(
        handle: MessageHandle,
        head: Arc<MessageHead>,
        incoming: Arc<Incoming>,
        credit: usize,
    ) -> Self {
        let content = Content::Parts(incoming);
        Self {
            handle,
            head,
            content,
            credit,
        }
    }

    pub(super) fn into_message(self, shared: &Arc<Shared>) -> Message {
        Message {
            shared: Arc::clone(shared),
            handle: self.handle,
            head: self.head,
            content: self.content,
            collected: BytesMut::new(),
            position: 0,
            owed: self.credit,
            taken: false,
        }
    }
}

/// The parts of a message that have come and were not taken.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    parts: Mutex<Parts>,
    changed: Notify,
}

#[derive(derive_more::Debug, Default)]
struct Parts {
    #[debug("{} parts", queue.len())]
    queue: VecDeque<(u64, Bytes)>,
    end: Option<MessageEnd>,
    /// The consumer has dropped the message.
    abandoned: bool,
}

impl Incoming {
    /// Takes the next part; false when nobody wants it.
    pub(super) fn push(&self, offset: u64, data: Bytes) -> bool {
        let mut parts = self.parts.lock();
        if parts.abandoned {
            return false;
        }
        parts.queue.push_back((offset, data));
        drop(parts);
        self.changed.notify_waiters();
        true
    }

    pub(super) fn end(&self, end: MessageEnd) {
        self.parts.lock().end = Some(end);
        self.changed.notify_waiters();
    }

    /// Drops what is here and what comes; gives the octets of the former.
    fn abandon(&self) -> usize {
        let mut parts = self.parts.lock();
        parts.abandoned = true;
        parts.queue.drain(..).map(|(_, data)| data.len()).sum()
    }
}

impl Message {
    /// The Message-ID (RFC 4975 §7.1.1).
    pub fn message_id(&self) -> &str {
        self.head.message_id.as_str()
    }

    /// The media type with its parameters, as it came.
    pub fn content_type(&self) -> &str {
        &self.head.content_type
    }

    /// The headers of the first chunk, without the paths, in their order.
    pub fn headers(&self) -> &[(String, String)] {
        &self.head.headers
    }

    /// The first header of this name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.headers.iter();
        let (_, value) = headers.find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// Everything that the first chunk said.
    pub fn head(&self) -> &MessageHead {
        &self.head
    }

    /// The length in octets: as announced, and a hint, until [`complete`](Self::complete).
    pub fn total(&self) -> Option<u64> {
        match &self.content {
            Content::Whole(_, len) => Some(*len),
            Content::Parts(incoming) => match incoming.parts.lock().end {
                Some(MessageEnd::Complete(len)) => Some(len),
                _ => self.head.total,
            },
        }
    }

    /// Whether all octets have come.
    pub fn complete(&self) -> bool {
        match &self.content {
            Content::Whole(..) => true,
            Content::Parts(incoming) => {
                matches!(incoming.parts.lock().end, Some(MessageEnd::Complete(_)))
            }
        }
    }

    /// All octets that no other call has taken before; ranges that the peer sent twice count as sent last
    /// (RFC 4975 §7.3.1). The whole message is held in memory: bound it by `SessionOptions::max_size`.
    ///
    /// Errors: `Aborted` (the peer ended it with `#`, or went silent), `Status` (we refused it), `TooLarge`
    /// (more than `Limits::engine_memory`), or why the session ended.
    ///
    /// # Cancel safety
    /// Cancelled, nothing is lost: the next call goes on where this one was.
    pub async fn read(&mut self) -> Result<Bytes> {
        let start = self.position - self.collected.len() as u64;
        while let Some((offset, mut data)) = self.take_range().await? {
            let len = data.len() as u64;
            let skip = start.saturating_sub(offset).min(len) as usize;
            data.advance(skip);
            let at = (offset.max(start) - start) as usize;
            if at + data.len() > self.shared.limits.engine_memory {
                return Err(Error::local(
                    ErrorKind::TooLarge,
                    format!(
                        "message of more than {} octets (engine_memory) cannot be read whole",
                        self.shared.limits.engine_memory
                    ),
                ));
            }
            if at == 0 && self.collected.is_empty() && self.complete_and_empty() {
                self.settle();
                return Ok(data);
            }
            // A copy, as the content has to be one piece: bounded by the check above. Parts come without gaps.
            let at = at.min(self.collected.len());
            let inside = data.len().min(self.collected.len() - at);
            self.collected[at..at + inside].copy_from_slice(&data[..inside]);
            self.collected.extend_from_slice(&data[inside..]);
        }
        Ok(self.collected.split().freeze())
    }

    /// As [`read`](Self::read), as text.
    ///
    /// Errors: as `read`, and `InvalidArgument` where the octets are no UTF-8; they can still be `read` then.
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    pub async fn text(&mut self) -> Result<String> {
        let octets = self.read().await?;
        match std::str::from_utf8(&octets) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => {
                let at = error.valid_up_to();
                self.collected = BytesMut::from(octets);
                Err(Error::remote(
                    ErrorKind::InvalidArgument,
                    format!("content is no UTF-8 text at octet {at}"),
                ))
            }
        }
    }

    /// The next octets, in order; `None` after the last. The window opens for as many when the part after them
    /// is asked for, so a consumer that stops here makes the peer wait. Octets that the peer sends again are left
    /// out: use [`next_range`](Self::next_range) where they matter.
    ///
    /// Errors: as [`read`](Self::read), without `TooLarge`.
    ///
    /// # Cancel safety
    /// Nothing is lost when this is cancelled.
    pub async fn next_part(&mut self) -> Result<Option<Bytes>> {
        if !self.collected.is_empty() {
            return Ok(Some(self.collected.split().freeze()));
        }
        loop {
            let before = self.position;
            let Some((offset, mut data)) = self.take_range().await? else {
                return Ok(None);
            };
            let again = before.saturating_sub(offset).min(data.len() as u64);
            data.advance(again as usize);
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// The next octets and their 0-based position. A position below the end of an earlier part says that the
    /// peer sent this range again, and that these octets replace the earlier ones (RFC 4975 §7.3.1).
    ///
    /// Errors: as [`read`](Self::read), without `TooLarge`.
    ///
    /// # Cancel safety
    /// Nothing is lost when this is cancelled.
    pub async fn next_range(&mut self) -> Result<Option<(u64, Bytes)>> {
        if !self.collected.is_empty() {
            let data = self.collected.split().freeze();
            return Ok(Some((self.position - data.len() as u64, data)));
        }
        self.take_range().await
    }

    /// Writes the message to `path` and gives its length. The file appears there whole or not at all: it is
    /// written beside it, under a name that starts with a dot, and renamed. `progress` is told the octets
    /// written and the total, if known, after each part.
    ///
    /// Errors: as [`next_part`](Self::next_part); `InvalidArgument` where the file system refuses.
    ///
    /// # Cancel safety
    /// Cancelled, the unfinished file is removed; octets that were taken for it are lost.
    pub async fn save(
        &mut self,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(u64, Option<u64>),
    ) -> Result<u64> {
        let path = path.as_ref();
        let fault = |error: std::io::Error| {
            let text = format!("cannot write {}: {error}", path.display());
            Error::local(ErrorKind::InvalidArgument, text)
        };
        let partial = Partial::beside(path, self.message_id());
        let (partial, mut file) = partial.create().await.map_err(fault)?;
        let (mut at, mut len) = (0, 0);
        while let Some((offset, data)) = self.next_range().await? {
            if offset != at {
                file.seek(SeekFrom::Start(offset)).await.map_err(fault)?;
            }
            file.write_all(&data).await.map_err(fault)?;
            at = offset + data.len() as u64;
            len = at.max(len);
            progress(len, self.total());
        }
        file.flush().await.map_err(fault)?;
        drop(file);
        partial.rename(path).map_err(fault)?;
        Ok(len)
    }

    /// Refuses the message, or the rest of it: its chunks are answered with `status`, which makes the sender stop
    /// (413 for too much, RFC 4975 §10.5; 415 for a type, §10.6). Calls that read it get the error `Status` when
    /// the engine has done so. Where all of it has come by then, the REPORT about it carries `status`: if this side
    /// makes them itself, or if one of success was asked for and not everything is taken yet. Without effect otherwise.
    ///
    /// Errors: `Gone`, `InvalidArgument` (a status that is no failure), `TooLarge` (a comment beyond `start_line`).
    pub fn reject(&self, status: StatusCode, comment: &str) -> Result<()> {
        self.shared.engine.reject(self.handle, status, comment)
    }

    /// Sends the REPORT about the message, which is complete (RFC 4975 §7.1.2); only in a session whose reports are
    /// manual, and once.
    ///
    /// Errors: `Gone`, `InvalidArgument`, `TooLarge` (the comment).
    pub fn report(&self, status: StatusCode, comment: &str) -> Result<()> {
        self.shared.engine.report(self.handle, status, comment)
    }

    /// Sends a REPORT about octets of the message (RFC 4975 §7.1.3), by their 0-based positions; only in a session
    /// whose reports are manual. As often as wanted, also while the message goes on, so that its sender sees how far it
    /// got. Success is told only of octets in chunks that have ended and asked for it.
    ///
    /// Errors: `Gone`, `InvalidArgument`, `TooLarge` (the comment).
    pub fn report_range(
        &self,
        octets: Range<u64>,
        status: StatusCode,
        comment: &str,
    ) -> Result<()> {
        let engine = &self.shared.engine;
        engine.report_range(self.handle, octets, status, comment)
    }

    /// The next part as it came, with its position.
    async fn take_range(&mut self) -> Result<Option<(u64, Bytes)>> {
        self.settle();
        let part = match &mut self.content {
            Content::Whole(body, _) => body
                .take()
                .filter(|body| !body.is_empty())
                .map(|body| (0, body)),
            Content::Parts(incoming) => {
                let incoming = Arc::clone(incoming);
                let next = || {
                    let mut parts = incoming.parts.lock();
                    match parts.queue.pop_front() {
                        Some((offset, data)) => Some(Ok(Some((offset, data)))),
                        None => match parts.end.as_ref()? {
                            MessageEnd::Complete(_) => Some(Ok(None)),
                            end => Some(Err(end.clone())),
                        },
                    }
                };
                match self.shared.wait(&incoming.changed, next).await {
                    Ok(part) => part,
                    Err(end) => return Err(self.failure(&end)),
                }
            }
        };
        if let Some((offset, data)) = &part {
            self.position = self.position.max(offset + data.len() as u64);
            if let Content::Parts(_) = self.content {
                self.owed = data.len();
            }
        }
        if self.complete_and_empty() && !self.taken {
            self.taken = true;
            let taken = (self.handle, self.head.success_report);
            self.shared.give_back(0, Some(taken));
        }
        Ok(part)
    }

    /// Whether all octets have come and were taken.
    fn complete_and_empty(&self) -> bool {
        match &self.content {
            Content::Whole(body, _) => body.is_none(),
            Content::Parts(incoming) => {
                let parts = incoming.parts.lock();
                parts.queue.is_empty() && matches!(parts.end, Some(MessageEnd::Complete(_)))
            }
        }
    }

    /// Gives the credit of the part back that the consumer was given last.
    fn settle(&mut self) {
        let owed = std::mem::take(&mut self.owed);
        if owed > 0 {
            self.shared.give_back(owed, None);
        }
    }

    fn failure(&self, end: &MessageEnd) -> Error {
        match end {
            MessageEnd::Complete(_) => Error::local(ErrorKind::Internal, "message is complete"),
            MessageEnd::Aborted => {
                Error::remote(ErrorKind::Aborted, "the peer ended the message with `#`")
            }
            MessageEnd::Rejected(status) => Error {
                status: Some(*status),
                ..Error::local(ErrorKind::Status, "the message was refused by this side")
            },
            MessageEnd::Idle => Error::remote(
                ErrorKind::Aborted,
                format!(
                    "no chunk of the message came for {:?} (incomplete_idle)",
                    self.shared.limits.incomplete_idle
                ),
            ),
            MessageEnd::SessionClosed => self.shared.gone().unwrap_or_else(|| {
                Error::local(ErrorKind::Gone, "the session ended before the message")
            }),
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let unread = match &self.content {
            Content::Whole(..) => 0,
            Content::Parts(incoming) => incoming.abandon(),
        };
        self.owed += unread;
        self.settle();
    }
}

/// A file that is not complete yet; dropped, it is removed.
struct Partial {
    path: PathBuf,
    finished: bool,
}

impl Partial {
    fn beside(path: &Path, message_id: &str) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self {
            path: path.with_file_name(format!(".{name}.{message_id}.part")),
            finished: false,
        }
    }

    /// Cancelled, the file is removed once it is there: who makes it owns `self` until then.
    async fn create(self) -> std::io::Result<(Self, File)> {
        let created = spawn_blocking(move || {
            let created = std::fs::File::create(&self.path);
            (self, created)
        });
        let (partial, created) = created.await.map_err(std::io::Error::other)?;
        Ok((partial, File::from_std(created?)))
    }

    /// At once: while another thread did it, whoever is cancelled could not know whether the file will be there.
    fn rename(mut self, path: &Path) -> std::io::Result<()> {
        std::fs::rename(&self.path, path)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            // There may be nothing to remove: then creating it failed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
