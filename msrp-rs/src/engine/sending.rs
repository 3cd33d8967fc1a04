//! What a host sends: messages, requests of other methods, the octets of streams (RFC 4975 §7.1).
//!
//! Here arguments are checked and messages admitted. What waits, and within which bounds, is kept in `net::mailbox`;
//! what goes out next is decided in `proto::outbound`.

use std::sync::Arc;

use bytes::Bytes;

use super::handle::{SessionHandle, TransferHandle};
use super::options::{Admitted, RequestOptions, SendBody, SendOptions};
use super::{Engine, slots, validate};
use crate::error::{Error, Result};
use crate::net::file::{self, FileSource};
use crate::net::mailbox::Source;
use crate::proto::{Body, IdSource, OutgoingMessage, is_control};
use crate::wire::{FailureReport, Method};

impl Engine {
    /// Admits a message; before the session is bound it waits. Content that is refused is dropped before this returns.
    ///
    /// # Errors
    /// `Again` when the window or the transfer slots are full ([`Event::Writable`](super::Event::Writable) follows),
    /// `Status` 403 while the direction forbids ordinary messages (RFC 4975 §8.9), `TooLarge` beyond the peer's max-size, `UnacceptedType` (the peer does not list it, or answered it with 415),
    /// `InvalidArgument` (also before `set_remote`, and for a file that cannot be read), `Gone`, `Forked`.
    pub fn send(
        &self,
        session: SessionHandle,
        options: SendOptions,
        body: SendBody,
    ) -> Result<Admitted> {
        let core = self.core()?;
        let handle = session;
        let session = core.shared.session(session)?;
        let (media_type, message_id) = validate::send(&options, &core.shared.context.limits)?;
        validate::whole(&media_type, &body)?;
        let mut file = None;
        let body = match body {
            SendBody::Bytes(data) => Body::Whole(data),
            SendBody::Stream(total) => Body::Stream(total),
            SendBody::File(path) => {
                let (opened, len) = file::open(&path)?;
                file = Some((opened, len, Arc::new(FileSource::default())));
                Body::Stream(Some(len))
            }
        };
        let len = match &body {
            Body::None => Some(0),
            Body::Whole(data) => Some(data.len() as u64),
            Body::Stream(total) => *total,
        };
        let control = options.control || is_control(&options.content_type, &body);
        let negotiation = session.negotiation.lock();
        match negotiation.remote() {
            Some(remote) => {
                remote.check(&media_type, len)?;
                if !control {
                    negotiation.check_direction()?;
                }
            }
            None => {
                return Err(Error::invalid_argument(
                    "send needs the remote side: call set_remote or set_remote_path first",
                ));
            }
        }
        drop(negotiation);
        let context = &core.shared.context;
        let message_id = message_id.unwrap_or_else(|| context.ids(IdSource::message_id));
        let told_id = message_id.to_string();
        let message = Box::new(OutgoingMessage {
            method: Method::Send,
            message_id: Some(message_id),
            // Without the blanks that the grammar does not have (RFC 4975 §9).
            content_type: media_type.to_compact(),
            headers: options.headers,
            success_report: options.success_report,
            failure_report: options.failure_report,
            control,
            body,
        });
        let source = file.as_ref().map(|(_, _, source)| {
            let source: Arc<dyn Source> = Arc::clone(source) as _;
            source
        });
        let admitted = session.mailbox().admit(message, source);
        // Where this message was counted after others had gone, the budget was exceeded for a moment only.
        context.relieve_senders();
        let key = admitted?;
        if let Some((file, len, source)) = file {
            let mailbox = Arc::clone(session.mailbox());
            core.handle
                .spawn(file::feed(mailbox, key, source, file, len));
        }
        Ok(Admitted {
            transfer: TransferHandle(slots::numbered(handle.0, key.0)),
            message_id: told_id,
            total: len,
        })
    }

    /// Admits a request of another method than SEND and REPORT: an extension that was negotiated in the signalling (RFC
    /// 4975 §12). It goes out as messages do, in one piece; [`Event::Response`](super::Event::Response) tells what came
    /// back, and the outcome is told as that of a message. A peer that does not know the method answers 501. Without
    /// `body` the content type is not sent.
    ///
    /// # Errors
    /// `InvalidArgument` (the method is no word of capital letters, or SEND, REPORT or AUTH; a header that cannot stand
    /// there; before `set_remote`), `TooLarge` beyond 10 KiB of body, `Again` when the window is full
    /// ([`Event::Writable`](super::Event::Writable) follows), `Gone`, `Forked`.
    pub fn request(
        &self,
        session: SessionHandle,
        method: &str,
        options: RequestOptions,
        body: Option<Bytes>,
    ) -> Result<Admitted> {
        let core = self.core()?;
        let handle = session;
        let session = core.shared.session(session)?;
        let context = &core.shared.context;
        let limits = &context.limits;
        let (method, media_type, message_id) =
            validate::request(method, &options, body.as_deref(), limits)?;
        if session.negotiation.lock().remote().is_none() {
            return Err(Error::invalid_argument(
                "request needs the remote side: call set_remote or set_remote_path first",
            ));
        }
        let message_id = message_id.unwrap_or_else(|| context.ids(IdSource::message_id));
        let total = body.as_ref().map(|body| body.len() as u64);
        let message = Box::new(OutgoingMessage {
            method,
            message_id: Some(message_id),
            content_type: media_type.to_compact(),
            headers: options.headers,
            success_report: false,
            failure_report: FailureReport::Yes,
            control: true,
            body: body.map_or(Body::None, Body::Whole),
        });
        let admitted = session.mailbox().admit(message, None);
        context.relieve_senders();
        Ok(Admitted {
            transfer: TransferHandle(slots::numbered(handle.0, admitted?.0)),
            message_id: message_id.to_string(),
            total,
        })
    }

    /// The Message-ID of a transfer. Known until its session has ended, or `Limits::remembered_ids` later transfers
    /// have; [`send`](Self::send) tells it in any case.
    pub fn message_id(&self, transfer: TransferHandle) -> Result<String> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.message_id(key)
    }

    /// Octets written so far, and the total if known. Of a small message nothing is told before its end.
    pub fn transfer_progress(&self, transfer: TransferHandle) -> Result<(u64, Option<u64>)> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.progress(key)
    }

    /// Gives a stream its next octets, at most what [`Event::DataWanted`](super::Event::DataWanted) asked for.
    ///
    /// # Errors
    /// `Again` beyond that, `Gone` when the stream has ended, `InvalidArgument` for what is no stream, `Forked`.
    pub fn stream_push(&self, transfer: TransferHandle, data: Bytes) -> Result<()> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.push_stream(key, data)
    }

    /// Sends what the stream has, even if it makes a small chunk.
    pub fn stream_flush(&self, transfer: TransferHandle) -> Result<()> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.flush_stream(key)
    }

    /// The stream is complete.
    pub fn stream_end(&self, transfer: TransferHandle) -> Result<()> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.end_stream(key)
    }

    /// Ends an outgoing message with `#`. [`Event::Failed`](super::Event::Failed) follows, unless it was complete.
    pub fn abort(&self, transfer: TransferHandle) -> Result<()> {
        let (mailbox, key) = self.find_transfer(transfer)?;
        mailbox.abort(key, None)
    }
}
