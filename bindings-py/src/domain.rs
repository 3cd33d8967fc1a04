//! The consumer of one asyncio loop: takes batches of events and turns them into tuples.
//!
//! Every tuple starts with the kind (an index into [`EVENT_KINDS`]) and the session's handle. What follows stands
//! at each kind below, and in `_msrp.pyi`.

use std::mem;
use std::os::fd::RawFd;
use std::sync::Arc;

use msrp::engine::{self, Event, SessionHandle, SessionState};
use msrp::proto::{CloseReason, MessageEnd};
use parking_lot::Mutex;
use pyo3::IntoPyObjectExt;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::certificate;
use crate::core::{Core, Owned};
use crate::error::exception;
use crate::message::{self, Head};
use crate::relay;
use crate::uri;

/// The kinds of events by their numbers; the package names its handlers after them.
pub(crate) const EVENT_KINDS: [&str; 30] = [
    "state",         // state: index into NEW, CONNECTING, OPEN, CLOSING, CLOSED
    "opened",        //
    "message",       // message, Head, bytes, credit
    "message_begin", // message, Head, credit
    "message_body",  // message, offset, bytes or Part, credit
    "message_end",   // message, how, length or status or None
    "writable",      //
    "data_wanted",   // transfer, octets
    "progress",      // transfer, octets
    "accepted",      // transfer
    "acknowledged",  // transfer
    "delivered",     // transfer
    "failed",        // transfer, exception
    "report",        // transfer, status, comment, (start, end or None, total or None) or None
    "shed",          //
    "recovered",     //
    // (kind, text, status or None, offset or None), exception or None, [transfer], (local path, remote path,
    // certificate), each of these or None
    "closed",
    "engine_closed", //
    "reports_lost",  // count
    "unconfirmed",   // transfer, Message-ID, exception
    "request", // request, method, Message-ID or None, Content-Type or None, headers, bytes, credit
    "response", // transfer, status, comment, headers
    "resolve", // query, name
    "dial",    // query, address, port
    "prepared", // lookup
    "relay",   // 0 for the session, tag, query, kind, what it is about
    "relay_closed", // 0 for the session, tag
    "service", // query, name
    "relay_path", // login or None, [Uri], seconds or None, whether an offer is due
    "relay_failed", // login, exception
];

/// One consumer of events.
#[pyclass(frozen, module = "msrp._msrp")]
pub(crate) struct Domain {
    core: Arc<Core>,
    domain: Owned<engine::Domain>,
    // Kept between drains, so that a drain allocates nothing for the batch.
    batch: Mutex<Vec<(SessionHandle, Event)>>,
}

impl Domain {
    pub(crate) fn new(core: Arc<Core>, domain: engine::Domain) -> Self {
        Self {
            core,
            domain: Owned::new(domain),
            batch: Mutex::default(),
        }
    }

    /// The domain, or `ForkedError`.
    pub(crate) fn checked(&self, py: Python<'_>) -> PyResult<&engine::Domain> {
        self.domain.get(py)
    }

    /// The domain, for what is given to the engine, which checks the process.
    pub(crate) fn get(&self) -> &engine::Domain {
        self.domain.peek()
    }
}

#[pymethods]
impl Domain {
    /// The descriptor that is readable while there is work. It belongs to this object.
    #[getter]
    fn fd(&self, py: Python<'_>) -> PyResult<Option<RawFd>> {
        Ok(self.checked(py)?.fd())
    }

    /// Takes up to `max_events` events and about `max_bytes` octets. What is left makes the descriptor readable
    /// again.
    #[pyo3(signature = (max_events, max_bytes, /))]
    fn drain<'py>(
        &self,
        py: Python<'py>,
        max_events: usize,
        max_bytes: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let domain = self.checked(py)?;
        // Taken out, so that no lock is held while Python objects are made.
        let mut batch = mem::take(&mut *self.batch.lock());
        domain.next_batch(max_events, max_bytes, &mut batch);
        let tuples = PyList::empty(py);
        for (session, event) in batch.drain(..) {
            tuples.append(to_tuple(py, session.0, event)?)?;
        }
        *self.batch.lock() = batch;
        self.core.get().held.sweep(py);
        Ok(tuples)
    }

    /// Ends every session of this domain at once. Remove the reader of `fd` first.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let domain = self.checked(py)?;
        py.detach(|| domain.close());
        Ok(())
    }
}

fn to_tuple(py: Python<'_>, session: u64, event: Event) -> PyResult<Bound<'_, PyTuple>> {
    match event {
        Event::State(state) => (0, session, state_index(state)).into_pyobject(py),
        Event::Opened => (1, session).into_pyobject(py),
        Event::Message {
            message,
            head,
            body,
            credit,
        } => (
            2,
            session,
            message.0,
            Head::new(head),
            PyBytes::new(py, &body),
            credit,
        )
            .into_pyobject(py),
        Event::MessageBegin {
            message,
            head,
            credit,
        } => (3, session, message.0, Head::new(head), credit).into_pyobject(py),
        Event::MessageBody {
            message,
            offset,
            data,
        } => {
            let credit = data.len();
            let data = message::octets(py, data)?;
            (4, session, message.0, offset, data, credit).into_pyobject(py)
        }
        Event::MessageEnd { message, end } => {
            let (how, value) = message_end(py, end)?;
            (5, session, message.0, how, value).into_pyobject(py)
        }
        Event::Writable => (6, session).into_pyobject(py),
        Event::DataWanted { transfer, len } => (7, session, transfer.0, len).into_pyobject(py),
        Event::Progress { transfer, sent } => (8, session, transfer.0, sent).into_pyobject(py),
        Event::Accepted { transfer } => (9, session, transfer.0).into_pyobject(py),
        Event::Acknowledged { transfer } => (10, session, transfer.0).into_pyobject(py),
        Event::Delivered { transfer } => (11, session, transfer.0).into_pyobject(py),
        Event::Failed { transfer, error } => {
            (12, session, transfer.0, exception(py, error)?).into_pyobject(py)
        }
        Event::Report {
            transfer,
            status,
            comment,
            range,
        } => {
            let range = range.map(|range| (range.start, range.end, range.total));
            (13, session, transfer.0, status.0, comment, range).into_pyobject(py)
        }
        Event::Shed => (14, session).into_pyobject(py),
        Event::Recovered => (15, session).into_pyobject(py),
        Event::Closed {
            reason,
            error,
            unacknowledged,
            facts,
        } => {
            let error = error.map(|error| exception(py, error)).transpose()?;
            let unacknowledged: Vec<u64> =
                unacknowledged.iter().map(|transfer| transfer.0).collect();
            let facts = (
                facts.local_path.as_ref().map(uri::from_path),
                facts.remote_path.as_ref().map(uri::from_path),
                facts
                    .peer_certificate
                    .map(|shown| certificate::values(py, shown)),
            );
            let reason = close_reason(reason);
            (16, session, reason, error, unacknowledged, facts).into_pyobject(py)
        }
        Event::EngineClosed => (17, session).into_pyobject(py),
        Event::ReportsLost { count } => (18, session, count).into_pyobject(py),
        Event::Unconfirmed {
            transfer,
            message_id,
            error,
        } => (19, session, transfer.0, message_id, exception(py, error)?).into_pyobject(py),
        Event::Request {
            message,
            head,
            body,
            credit,
        } => (
            20,
            session,
            message.0,
            head.method.as_str(),
            head.message_id.as_ref().map(|id| id.as_str()),
            head.content_type.as_deref(),
            head.headers.clone(),
            PyBytes::new(py, &body),
            credit,
        )
            .into_pyobject(py),
        Event::Response { transfer, answer } => (
            21,
            session,
            transfer.0,
            answer.status.0,
            answer.comment,
            answer.headers,
        )
            .into_pyobject(py),
        Event::Resolve { query, name } => (22, session, query.0, name).into_pyobject(py),
        Event::Dial { query, address } => {
            let ip = address.ip().to_string();
            (23, session, query.0, ip, address.port()).into_pyobject(py)
        }
        Event::Prepared { lookup } => (24, session, lookup).into_pyobject(py),
        Event::Relay {
            tag,
            query,
            question,
        } => relay::question(py, (25, tag, query.0), question),
        Event::RelayClosed { tag } => (26, session, tag).into_pyobject(py),
        Event::Service { query, name } => (27, session, query.0, name).into_pyobject(py),
        Event::RelayPath {
            login,
            path,
            lifetime,
            offer_due,
        } => {
            let lifetime = lifetime.map(|lifetime| lifetime.as_secs_f64());
            (
                28,
                session,
                login,
                uri::from_path(&path),
                lifetime,
                offer_due,
            )
                .into_pyobject(py)
        }
        Event::RelayFailed { login, error } => {
            (29, session, login, exception(py, error)?).into_pyobject(py)
        }
        // A kind that this version does not know: "recovered" carries nothing and disturbs nobody.
        _ => (15, session).into_pyobject(py),
    }
}

fn state_index(state: SessionState) -> u8 {
    match state {
        SessionState::New => 0,
        SessionState::Connecting => 1,
        SessionState::Open => 2,
        SessionState::Closing => 3,
        SessionState::Closed => 4,
    }
}

fn message_end(
    py: Python<'_>,
    end: MessageEnd,
) -> PyResult<(&Bound<'_, pyo3::types::PyString>, Bound<'_, PyAny>)> {
    let none = || py.None().into_bound(py);
    Ok(match end {
        MessageEnd::Complete(len) => (intern!(py, "complete"), len.into_bound_py_any(py)?),
        MessageEnd::Aborted => (intern!(py, "aborted"), none()),
        MessageEnd::Rejected(status) => (intern!(py, "rejected"), status.0.into_bound_py_any(py)?),
        MessageEnd::Idle => (intern!(py, "idle"), none()),
        MessageEnd::SessionClosed => (intern!(py, "session-closed"), none()),
    })
}

/// Kind, text, status and offset.
fn close_reason(reason: CloseReason) -> (&'static str, String, Option<u16>, Option<u64>) {
    match reason {
        CloseReason::Local => ("local", "closed by us".to_owned(), None, None),
        CloseReason::PeerClosed => ("peer-closed", "closed by the peer".to_owned(), None, None),
        CloseReason::ConnectionLost(text) => ("connection-lost", text, None, None),
        CloseReason::WriteStall => (
            "write-stall",
            "the network took no octet for too long".to_owned(),
            None,
            None,
        ),
        CloseReason::Protocol { offset, reason } => ("protocol", reason, None, Some(offset)),
        CloseReason::Status { code, comment } => ("status", comment, Some(code.0), None),
        CloseReason::BindTimeout => (
            "bind-timeout",
            "the first request was not answered in time".to_owned(),
            None,
            None,
        ),
        CloseReason::StreamEnded => (
            "stream-ended",
            "the SDP ended the stream with port 0".to_owned(),
            None,
            None,
        ),
    }
}
