//! Requests of other methods that wait for the host's answer (RFC 4975 §12), so that one that comes too late is told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::proto::request::MAX_UNANSWERED;
use crate::proto::{MessageKey, RequestHead};

/// The requests that `proto` may still wait for, oldest first.
#[derive(Default)]
pub(super) struct Requests(VecDeque<Waiting>);

struct Waiting {
    message: MessageKey,
    head: Arc<RequestHead>,
    since: Instant,
}

impl Requests {
    /// The host is told of a request.
    pub(super) fn begin(&mut self, message: MessageKey, head: &Arc<RequestHead>) {
        // `proto` waits for no more, and drops a request later than it is dropped here: the sender of the oldest one has
        // given up.
        if self.0.len() >= MAX_UNANSWERED {
            self.0.pop_front();
        }
        self.0.push_back(Waiting {
            message,
            head: Arc::clone(head),
            since: Instant::now(),
        });
    }

    /// The head of a request whose sender waits for `patience`.
    pub(super) fn head(
        &self,
        message: MessageKey,
        patience: Duration,
    ) -> Result<&Arc<RequestHead>> {
        let waiting = self.0.iter().find(|waiting| waiting.message == message);
        waiting
            .filter(|waiting| waiting.since.elapsed() < patience)
            .map(|waiting| &waiting.head)
            .ok_or_else(|| {
                Error::local(
                    ErrorKind::Gone,
                    "request was answered, or its sender has given up",
                )
            })
    }

    /// The host answers it.
    pub(super) fn end(&mut self, message: MessageKey, patience: Duration) -> Result<()> {
        let waits = self.head(message, patience).map(drop);
        self.0.retain(|waiting| waiting.message != message);
        waits
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::wire::Method;

    const PATIENCE: Duration = Duration::from_secs(3600);

    fn told(count: usize) -> Requests {
        let mut requests = Requests::default();
        let head = Arc::new(RequestHead {
            method: Method::from_word("PING"),
            message_id: None,
            content_type: None,
            headers: Vec::new(),
        });
        for key in 0..count {
            requests.begin(MessageKey(u32::try_from(key).expect("small")), &head);
        }
        requests
    }

    #[test]
    fn a_request_is_answered_once_and_in_time() {
        let mut requests = told(2);
        let late = requests
            .end(MessageKey(0), Duration::ZERO)
            .expect_err("late");
        assert_eq!(late.kind, ErrorKind::Gone);
        assert!(requests.head(MessageKey(1), PATIENCE).is_ok());
        assert!(requests.end(MessageKey(1), PATIENCE).is_ok());
        for key in [0, 1, 2] {
            let gone = requests.end(MessageKey(key), PATIENCE).expect_err("gone");
            assert_eq!(gone.kind, ErrorKind::Gone);
        }
        assert!(requests.0.is_empty());
    }

    #[test]
    fn only_as_many_are_kept_as_can_wait() {
        let requests = told(MAX_UNANSWERED + 1);
        assert_eq!(requests.0.len(), MAX_UNANSWERED);
        assert!(requests.head(MessageKey(0), PATIENCE).is_err());
        assert!(requests.head(MessageKey(1), PATIENCE).is_ok());
    }
}
