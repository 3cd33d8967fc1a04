//! Requests of other methods than SEND and REPORT, which the host answers (RFC 4975 §12).
//!
//! Which methods those are says [`SessionOptions::methods`](crate::SessionOptions::methods); how the host sends some of
//! its own, [`Session::request`](crate::Session::request).

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::shared::Shared;
use crate::engine::MessageHandle;
use crate::error::Result;
use crate::proto::{Answer, RequestHead};
use crate::wire::StatusCode;

/// A request of the peer, of one of the methods that the session was made for.
///
/// Its sender waits for 30 s ([`Limits::transaction`](crate::Limits::transaction)); a later answer is `Gone`. One
/// that is dropped is answered 501: nobody here knows what to do with it.
pub struct Request {
    shared: Arc<Shared>,
    arrived: Arrived,
    is_answered: bool,
}

/// A request as the engine told it.
pub(super) struct Arrived {
    pub(super) message: MessageHandle,
    pub(super) head: Arc<RequestHead>,
    pub(super) body: Bytes,
    pub(super) credit: usize,
}

impl Arrived {
    /// The consumer takes it: its octets do not count any more.
    pub(super) fn into_request(self, shared: &Arc<Shared>) -> Request {
        shared.give_back(self.credit, None);
        Request {
            shared: Arc::clone(shared),
            arrived: self,
            is_answered: false,
        }
    }
}

impl Request {
    /// The method.
    pub fn method(&self) -> &str {
        self.arrived.head.method.as_str()
    }

    /// The Message-ID, if there is one.
    pub fn message_id(&self) -> Option<&str> {
        self.arrived.head.message_id.as_ref().map(|id| id.as_str())
    }

    /// The media type of the body; `None`: there is no body.
    pub fn content_type(&self) -> Option<&str> {
        self.arrived.head.content_type.as_deref()
    }

    /// The headers but for the paths, Message-ID and Content-Type, in their order.
    pub fn headers(&self) -> &[(String, String)] {
        &self.arrived.head.headers
    }

    /// The value of the first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers().iter();
        let (_, value) = headers.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The body, at most 10 KiB (RFC 4975 §7.1).
    pub fn body(&self) -> &Bytes {
        &self.arrived.body
    }

    /// Answers it.
    ///
    /// Errors: `InvalidArgument` (a status that is not of three digits, or a header that cannot stand in a response),
    /// `TooLarge` (headers or a comment beyond the limits), `Gone` (the session is over, or the sender has given up). After an error
    /// it is answered 501.
    pub fn respond(mut self, answer: Answer) -> Result<()> {
        self.shared.engine.answer(self.arrived.message, answer)?;
        self.is_answered = true;
        Ok(())
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.is_answered {
            let answer = Answer::new(StatusCode::NOT_IMPLEMENTED);
            // `Gone`: nobody waits for it.
            let _ = self.shared.engine.answer(self.arrived.message, answer);
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("body_len", &self.body().len())
            .finish_non_exhaustive()
    }
}
