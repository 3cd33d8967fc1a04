//! An outgoing message under way, and the several kinds of "done" of it (RFC 4975 §5.3, §7.1.2 to §7.1.4).
//!
//! When each is reached is decided in `proto`; `shared` notes it here and wakes who waits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::shared::Shared;
use crate::engine::TransferHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::proto::Answer;
use crate::wire::{ByteRange, StatusCode};

/// An outgoing message under way. Clones are the same message; dropping all of them changes nothing for it.
///
/// It is *admitted* when [`Session::send`](crate::Session::send) returns, [`accepted`](Self::accepted) when the
/// last octet was taken from the caller, [`acknowledged`](Self::acknowledged) when the next hop answered 200 to
/// every chunk, [`delivered`](Self::delivered) when success REPORTs cover the whole message.
#[derive(Clone)]
pub struct Transfer {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    handle: TransferHandle,
    outgoing: Arc<Outgoing>,
}

/// What a REPORT said (RFC 4975 §7.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The reported status.
    pub status: StatusCode,
    /// Its comment.
    pub comment: String,
    /// The octets it is about; absent: the whole message.
    pub range: Option<ByteRange>,
}

/// What is known of a transfer, kept by its session.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) message_id: String,
    /// Whether success REPORTs were asked for.
    reported: bool,
    outcome: Mutex<Outcome>,
    changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) accepted: bool,
    pub(super) acknowledged: bool,
    pub(super) delivered: bool,
    pub(super) failed: Option<Error>,
    /// Why success REPORTs are not waited for any longer.
    pub(super) unconfirmed: Option<Error>,
    pub(super) report: Option<Report>,
    /// The response to a request of another method than SEND.
    pub(super) answer: Option<Answer>,
    /// Octets of the message, once known.
    pub(super) total: Option<u64>,
    /// Octets given by its stream.
    pub(super) given: u64,
    /// Octets written so far, as last told.
    pub(super) sent: u64,
    /// Octets that the stream may be given.
    pub(super) wanted: usize,
}

impl Outcome {
    /// Every chunk was answered, so all was taken and written.
    pub(super) fn acknowledge(&mut self) {
        self.accepted = true;
        self.acknowledged = true;
        self.sent = self.sent.max(self.total.unwrap_or(self.given));
    }

    /// The first reason stays: later ones follow from it.
    pub(super) fn fail(&mut self, error: Error) {
        self.failed.get_or_insert(error);
    }
}

impl Outgoing {
    pub(super) fn new(
        message_id: String,
        reported: bool,
        accepted: bool,
        total: Option<u64>,
    ) -> Self {
        Self {
            message_id,
            reported,
            outcome: Mutex::new(Outcome {
                accepted,
                total,
                ..Outcome::default()
            }),
            changed: Notify::new(),
        }
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Outcome)) {
        change(&mut self.outcome.lock());
        self.changed.notify_waiters();
    }
}

impl Transfer {
    pub(super) fn new(
        shared: &Arc<Shared>,
        handle: TransferHandle,
        outgoing: Arc<Outgoing>,
    ) -> Self {
        let inner = Inner {
            shared: Arc::clone(shared),
            handle,
            outgoing,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The Message-ID, by which the peer's reports name it.
    pub fn message_id(&self) -> &str {
        &self.inner.outgoing.message_id
    }

    /// Octets written so far, 0 ≤ `sent_bytes` ≤ `total`. Grows when the operating system took them, not when the
    /// peer answered.
    pub fn sent_bytes(&self) -> u64 {
        let now = self
            .inner
            .shared
            .engine
            .transfer_progress(self.inner.handle);
        let mut outcome = self.inner.outgoing.outcome.lock();
        if let Ok((sent, _)) = now {
            outcome.sent = outcome.sent.max(sent);
        }
        outcome.sent
    }

    /// The length in octets; `None` for a stream of unknown length that goes on.
    pub fn total(&self) -> Option<u64> {
        self.inner.outgoing.outcome.lock().total
    }

    /// Waits until more than `seen` octets were written and gives their number; `None` when the message is
    /// acknowledged or has failed and there is no more to tell. For a progress bar:
    ///
    /// ```no_run
    /// # async fn example(transfer: msrp::Transfer) {
    /// let mut sent = 0;
    /// while let Some(now) = transfer.progress(sent).await {
    ///     sent = now;
    ///     println!("{sent} of {:?}", transfer.total());
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Cancelled, this has no effect.
    pub async fn progress(&self, seen: u64) -> Option<u64> {
        let over = self.wait(|outcome| {
            let over = outcome.acknowledged || outcome.failed.is_some();
            (over || outcome.sent > seen).then_some(over)
        });
        let over = over.await;
        let sent = self.sent_bytes();
        (sent > seen || !over).then_some(sent)
    }

    /// Waits until the last octet was taken from the caller: a held buffer or file is not read any more.
    ///
    /// Errors: why the message failed before, as [`acknowledged`](Self::acknowledged).
    ///
    /// # Cancel safety
    /// Cancelled, this has no effect on the message.
    pub async fn accepted(&self) -> Result<()> {
        self.wait(|outcome| match &outcome.failed {
            _ if outcome.accepted => Some(Ok(())),
            Some(error) => Some(Err(error.clone())),
            None => None,
        })
        .await
    }

    /// Waits until every chunk was answered 200 by the next hop. With `Failure-Report: no` or `partial` there may be
    /// no answers: then until the last octet was handed to the operating system, and a later failure comes from
    /// [`delivered`](Self::delivered) and as an event.
    ///
    /// Errors: `Status` (an answer or REPORT refused it), `Timeout` (no answer in 30 s), `Aborted` (by
    /// [`abort`](Self::abort), or as its source failed), or why the session ended.
    ///
    /// # Cancel safety
    /// Cancelled, this has no effect on the message.
    pub async fn acknowledged(&self) -> Result<()> {
        self.wait(|outcome| match &outcome.failed {
            _ if outcome.acknowledged => Some(Ok(())),
            Some(error) => Some(Err(error.clone())),
            None => None,
        })
        .await
    }

    /// Waits until success REPORTs cover the whole message and gives the last one. There is no time in which a
    /// receiver must report, hence the `timeout`, and
    /// [`SessionOptions::report_timeout`](crate::SessionOptions::report_timeout) for all messages of a session; the
    /// wait ends with the session, too.
    ///
    /// Errors: `InvalidArgument` (the message was sent without `success_report`), `Timeout` (the message is not
    /// affected), `Limit` (so many later ones were sent that its REPORTs would not be understood any more), why the
    /// session ended before it was confirmed, and as [`acknowledged`](Self::acknowledged).
    ///
    /// # Cancel safety
    /// Cancelled, this has no effect on the message.
    pub async fn delivered(&self, timeout: impl Into<Option<Duration>>) -> Result<Report> {
        if !self.inner.outgoing.reported {
            return Err(Error::invalid_argument(
                "message was sent without success_report, so no REPORT will come",
            ));
        }
        let delivered = self.wait(|outcome| match &outcome.failed {
            _ if outcome.delivered => Some(Ok(outcome.report.clone())),
            failed => outcome
                .unconfirmed
                .as_ref()
                .or(failed.as_ref())
                .cloned()
                .map(Err),
        });
        let report = match timeout.into() {
            None => delivered.await?,
            Some(timeout) => match tokio::time::timeout(timeout, delivered).await {
                Ok(report) => report?,
                Err(_) => {
                    return Err(Error::local(
                        ErrorKind::Timeout,
                        format!("no success REPORT for the whole message in {timeout:?}"),
                    ));
                }
            },
        };
        report
            .ok_or_else(|| Error::local(ErrorKind::Internal, "message delivered without a REPORT"))
    }

    /// Ends the message with `#`: the receiver drops what it has (RFC 4975 §7.1). Without effect when its last
    /// octet was written already.
    ///
    /// Errors: `Gone`.
    pub fn abort(&self) -> Result<()> {
        self.inner.shared.engine.abort(self.inner.handle)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(super) fn handle(&self) -> TransferHandle {
        self.inner.handle
    }

    /// Ends the message with `#`, and has `error` as the reason for those who wait for it.
    pub(super) fn fail(&self, error: Error) {
        self.inner.outgoing.update(|outcome| outcome.fail(error));
        // `Gone`: it has ended otherwise.
        let _ = self.abort();
    }

    /// Waits until it has failed.
    pub(super) async fn failed(&self) {
        self.wait(|outcome| outcome.failed.is_some().then_some(()))
            .await
    }

    /// The stream is complete.
    pub(super) fn end(&self) {
        self.inner.outgoing.update(|outcome| {
            outcome.total.get_or_insert(outcome.given);
        });
        // `Gone`: it was complete by its announced length already, or has failed, and that was told.
        let _ = self.inner.shared.engine.stream_end(self.inner.handle);
    }

    pub(super) async fn wait<T>(&self, mut check: impl FnMut(&mut Outcome) -> Option<T>) -> T {
        let Inner {
            shared, outgoing, ..
        } = &*self.inner;
        shared
            .wait(&outgoing.changed, || check(&mut outgoing.outcome.lock()))
            .await
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer")
            .field("message_id", &self.inner.outgoing.message_id)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.forget(self.handle);
    }
}
