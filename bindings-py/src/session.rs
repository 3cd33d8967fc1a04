//! One session: its SDP side, its life, and the messages in both directions.

use std::os::fd::IntoRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use msrp::engine::{
    Adopt, MessageHandle, RequestOptions, SendBody, SendOptions, SessionHandle, TransferHandle,
};
use msrp::proto::Answer;
use msrp::sdp::Direction;
use msrp::wire::StatusCode;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::adopt;
use crate::certificate;
use crate::core::Core;
use crate::domain::Domain;
use crate::error::{OrRaise, seconds};
use crate::options::{self, named, send_options};
use crate::sdp::{self, Line, Media, Pair};
use crate::text::{Index, SdpText, number};
use crate::uri::{self, Uri};

/// A session of an engine. Its events come from the `Domain` that it was made with.
#[pyclass(frozen, module = "msrp._msrp")]
pub(crate) struct Session {
    core: Arc<Core>,
    domain: Py<Domain>,
    handle: SessionHandle,
}

impl Session {
    pub(crate) fn new(core: Arc<Core>, domain: Py<Domain>, handle: SessionHandle) -> Self {
        Self {
            core,
            domain,
            handle,
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn session_handle(&self) -> SessionHandle {
        self.handle
    }

    fn admit(
        &self,
        py: Python<'_>,
        options: SendOptions,
        body: SendBody,
    ) -> PyResult<(u64, String)> {
        let admitted = self
            .core
            .get()
            .send(self.handle, options, body)
            .or_raise(py)?;
        Ok((admitted.transfer.0, admitted.message_id))
    }

    /// A body or part of one that Python gave: held if it is a long `bytes`, else copied.
    fn body(&self, object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            let domain = self.domain.get().get();
            let len = bytes.as_bytes().len();
            return Ok(self.core.get().held.bytes(bytes, 0..len, domain));
        }
        if let Ok(text) = object.cast::<PyString>() {
            return Ok(Bytes::copy_from_slice(text.to_str()?.as_bytes()));
        }
        Err(PyTypeError::new_err("a body is bytes or str"))
    }
}

#[pymethods]
impl Session {
    /// The number that the session's events carry.
    #[getter]
    fn handle(&self) -> u64 {
        self.handle.0
    }

    fn session_id(&self, py: Python<'_>) -> PyResult<String> {
        self.core.get().session_id(self.handle).or_raise(py)
    }

    /// Begins to log in to the relays; an event with the number that it gives tells what becomes of it.
    fn authenticate(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<u64> {
        let timeout = timeout.map(|value| seconds("timeout", value)).transpose()?;
        self.core
            .get()
            .authenticate(self.handle, timeout)
            .or_raise(py)
    }

    /// Gives up a login that is under way.
    fn cancel_login(&self, py: Python<'_>, login: u64) -> PyResult<()> {
        self.core
            .get()
            .cancel_login(self.handle, login)
            .or_raise(py)
    }

    fn relay_path(&self, py: Python<'_>) -> PyResult<Option<Vec<Uri>>> {
        let path = self.core.get().relay_path(self.handle).or_raise(py)?;
        Ok(path.as_ref().map(uri::from_path))
    }

    fn local_path(&self, py: Python<'_>) -> PyResult<Vec<Uri>> {
        let path = self.core.get().local_path(self.handle).or_raise(py)?;
        Ok(uri::from_path(&path))
    }

    fn remote_path(&self, py: Python<'_>) -> PyResult<Option<Vec<Uri>>> {
        let path = self.core.get().remote_path(self.handle).or_raise(py)?;
        Ok(path.as_ref().map(uri::from_path))
    }

    fn peer_certificate<'py>(&self, py: Python<'py>) -> PyResult<Option<certificate::Values<'py>>> {
        let shown = self.core.get().peer_certificate(self.handle).or_raise(py)?;
        Ok(shown.map(|shown| certificate::values(py, shown)))
    }

    fn local_media(&self, py: Python<'_>) -> PyResult<String> {
        self.core.get().local_media(self.handle).or_raise(py)
    }

    fn offer_media(&self, py: Python<'_>) -> PyResult<String> {
        self.core.get().offer_media(self.handle).or_raise(py)
    }

    fn rollback_offer(&self, py: Python<'_>) -> PyResult<()> {
        self.core.get().rollback_offer(self.handle).or_raise(py)
    }

    /// What the peer said last, and what was agreed on, by the names of SDP.
    fn directions(&self, py: Python<'_>) -> PyResult<(Option<&'static str>, &'static str)> {
        let directions = self.core.get().directions(self.handle).or_raise(py)?;
        let remote = directions.remote.map(Direction::name);
        Ok((remote, directions.agreed.name()))
    }

    fn set_direction(&self, py: Python<'_>, direction: &str) -> PyResult<()> {
        let direction = options::direction(direction)?;
        self.core
            .get()
            .set_direction(self.handle, direction)
            .or_raise(py)
    }

    /// Moves to another place: the keywords of `Engine.session` that say where.
    fn relocate(&self, py: Python<'_>, keywords: &Bound<'_, PyDict>) -> PyResult<()> {
        let place = options::relocation(keywords)?;
        let engine = self.core.get();
        // Names are resolved.
        py.detach(|| engine.relocate(self.handle, place))
            .or_raise(py)
    }

    fn create_offer(&self, py: Python<'_>) -> PyResult<String> {
        self.core.get().create_offer(self.handle).or_raise(py)
    }

    fn create_answer(
        &self,
        py: Python<'_>,
        offer: SdpText,
        index: Option<Index>,
    ) -> PyResult<String> {
        self.core
            .get()
            .create_answer(self.handle, offer.as_str(), number(index))
            .or_raise(py)
    }

    fn set_remote(&self, py: Python<'_>, sdp: SdpText, index: Option<Index>) -> PyResult<()> {
        self.core
            .get()
            .set_remote(self.handle, sdp.as_str(), number(index))
            .or_raise(py)
    }

    /// Begins to look up names; the event has the number that this gives.
    fn prepare_remote(&self, py: Python<'_>, sdp: SdpText, index: Option<Index>) -> PyResult<u64> {
        self.core
            .get()
            .prepare_remote(self.handle, sdp.as_str(), number(index))
            .or_raise(py)
    }

    fn offer_due(&self, py: Python<'_>) -> PyResult<bool> {
        self.core.get().offer_due(self.handle).or_raise(py)
    }

    fn remote_fingerprints(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let prints = self.core.get().remote_fingerprints(self.handle);
        let prints = prints.or_raise(py)?;
        Ok(prints.iter().map(ToString::to_string).collect())
    }

    /// Our m= section: an offer, or the answer to what the peer's was set to.
    fn local_description(&self, py: Python<'_>) -> PyResult<Media> {
        let ours = self.core.get().local_description(self.handle);
        ours.or_raise(py).map(Media)
    }

    /// Our m= section as a later offer.
    fn offer_description(&self, py: Python<'_>) -> PyResult<Media> {
        let ours = self.core.get().offer_description(self.handle);
        ours.or_raise(py).map(Media)
    }

    /// What the peer's m= section said last.
    fn remote_description(&self, py: Python<'_>) -> PyResult<Option<Media>> {
        let theirs = self.core.get().remote_description(self.handle);
        Ok(theirs.or_raise(py)?.map(Media))
    }

    /// The peer's m= section by its values, with attributes of the session part.
    fn set_remote_attributes(
        &self,
        py: Python<'_>,
        line: Line,
        defaults: Vec<Pair>,
    ) -> PyResult<()> {
        let theirs = sdp::builder(py, &line, &defaults)?;
        self.core
            .get()
            .set_remote_attributes(self.handle, theirs)
            .or_raise(py)
    }

    /// Replaces the attributes that the host adds to our m= section.
    fn set_attributes(&self, py: Python<'_>, attributes: Vec<Pair>) -> PyResult<()> {
        let attributes = options::attributes(attributes)?;
        self.core
            .get()
            .set_attributes(self.handle, attributes)
            .or_raise(py)
    }

    fn set_remote_path(
        &self,
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        active: bool,
        accept_types: &str,
    ) -> PyResult<()> {
        let path = uri::path_text(path)?;
        self.core
            .get()
            .set_remote_path(self.handle, &path, active, accept_types)
            .or_raise(py)
    }

    fn open(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let timeout = timeout.map(|value| seconds("timeout", value)).transpose()?;
        self.core.get().open(self.handle, timeout).or_raise(py)
    }

    /// Hands the socket of a descriptor over to the session; the caller closes the descriptor then. `timeout` is that of
    /// `open`, which follows: checked before anything is taken.
    fn adopt(
        &self,
        py: Python<'_>,
        descriptor: i32,
        initial: Vec<u8>,
        inbound: bool,
        tls: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        timeout.map(|value| seconds("timeout", value)).transpose()?;
        let how = Adopt {
            inbound,
            initial: initial.into(),
            tls,
        };
        let engine = self.core.get();
        adopt::hand_over(descriptor, |socket| engine.adopt(self.handle, socket, how)).or_raise(py)
    }

    fn close(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let timeout = timeout.map(|value| seconds("timeout", value)).transpose()?;
        self.core.get().close(self.handle, timeout).or_raise(py)
    }

    fn abort_session(&self, py: Python<'_>) -> PyResult<()> {
        self.core.get().abort_session(self.handle).or_raise(py)
    }

    /// Puts the caller into the session's connection: descriptors of the sockets towards the session and the peer.
    fn intercept(&self, py: Python<'_>) -> PyResult<(i32, i32)> {
        let engine = self.core.get();
        let ends = py.detach(|| engine.intercept(self.handle)).or_raise(py)?;
        Ok((
            ends.session_side.into_raw_fd(),
            ends.peer_side.into_raw_fd(),
        ))
    }

    /// Admits a body of `bytes` or `str`. Gives the transfer's handle and its Message-ID.
    #[pyo3(signature = (body, content_type, message_id, success_report, failure_report, headers, control, /))]
    #[expect(
        clippy::too_many_arguments,
        reason = "positional arguments are the fast way from Python"
    )]
    fn send(
        &self,
        py: Python<'_>,
        body: &Bound<'_, PyAny>,
        content_type: &str,
        message_id: Option<String>,
        success_report: bool,
        failure_report: &str,
        headers: Option<Vec<(String, String)>>,
        control: bool,
    ) -> PyResult<(u64, String)> {
        let options = send_options(
            content_type,
            message_id,
            success_report,
            failure_report,
            headers,
            control,
        )?;
        let body = self.body(body)?;
        self.admit(py, options, SendBody::Bytes(body))
    }

    /// Admits a file, which the engine reads.
    #[pyo3(signature = (path, content_type, message_id, success_report, failure_report, headers, control, /))]
    #[expect(clippy::too_many_arguments, reason = "the same as `send`")]
    fn send_file(
        &self,
        py: Python<'_>,
        path: PathBuf,
        content_type: &str,
        message_id: Option<String>,
        success_report: bool,
        failure_report: &str,
        headers: Option<Vec<(String, String)>>,
        control: bool,
    ) -> PyResult<(u64, String)> {
        let options = send_options(
            content_type,
            message_id,
            success_report,
            failure_report,
            headers,
            control,
        )?;
        let engine = self.core.get();
        // A disk may be slow.
        let body = SendBody::File(path);
        let admitted = py
            .detach(|| engine.send(self.handle, options, body))
            .or_raise(py)?;
        Ok((admitted.transfer.0, admitted.message_id))
    }

    /// Admits a body that is pushed as it is wanted.
    #[pyo3(signature = (size, content_type, message_id, success_report, failure_report, headers, control, /))]
    #[expect(clippy::too_many_arguments, reason = "the same as `send`")]
    fn send_stream(
        &self,
        py: Python<'_>,
        size: &Bound<'_, PyAny>,
        content_type: &str,
        message_id: Option<String>,
        success_report: bool,
        failure_report: &str,
        headers: Option<Vec<(String, String)>>,
        control: bool,
    ) -> PyResult<(u64, String)> {
        let options = send_options(
            content_type,
            message_id,
            success_report,
            failure_report,
            headers,
            control,
        )?;
        self.admit(py, options, SendBody::Stream(named("size", size)?))
    }

    /// Octets written so far, and the total if known.
    fn transfer_progress(&self, py: Python<'_>, transfer: u64) -> PyResult<(u64, Option<u64>)> {
        self.core
            .get()
            .transfer_progress(TransferHandle(transfer))
            .or_raise(py)
    }

    /// Gives a stream `block[start:end]`; no more than was wanted.
    #[pyo3(signature = (transfer, block, start, end, /))]
    fn stream_push(
        &self,
        py: Python<'_>,
        transfer: u64,
        block: &Bound<'_, PyBytes>,
        start: usize,
        end: usize,
    ) -> PyResult<()> {
        let core = self.core.get();
        let len = block.as_bytes().len();
        if start > end || end > len {
            return Err(PyValueError::new_err(format!(
                "range {start}..{end} outside a block of {len} octets"
            )));
        }
        let data = core.held.bytes(block, start..end, self.domain.get().get());
        core.stream_push(TransferHandle(transfer), data)
            .or_raise(py)
    }

    fn stream_end(&self, py: Python<'_>, transfer: u64) -> PyResult<()> {
        self.core
            .get()
            .stream_end(TransferHandle(transfer))
            .or_raise(py)
    }

    fn abort(&self, py: Python<'_>, transfer: u64) -> PyResult<()> {
        self.core.get().abort(TransferHandle(transfer)).or_raise(py)
    }

    /// The consumer took `credit` octets and the last parts of `messages`.
    #[pyo3(signature = (credit, messages, /))]
    fn took(&self, py: Python<'_>, credit: usize, messages: Vec<u64>) -> PyResult<()> {
        let engine = self.core.get();
        if credit > 0 {
            engine.consume(self.handle, credit).or_raise(py)?;
        }
        if !messages.is_empty() {
            let messages: Vec<_> = messages.into_iter().map(MessageHandle).collect();
            engine.taken(self.handle, &messages).or_raise(py)?;
        }
        Ok(())
    }

    /// Admits a request of another method, and gives its handle.
    #[pyo3(signature = (method, body, content_type, message_id, headers, /))]
    fn request(
        &self,
        py: Python<'_>,
        method: &str,
        body: Option<&Bound<'_, PyAny>>,
        content_type: String,
        message_id: Option<String>,
        headers: Option<Vec<(String, String)>>,
    ) -> PyResult<u64> {
        let options = RequestOptions {
            content_type,
            message_id,
            headers: headers.unwrap_or_default(),
        };
        let body = body.map(|body| self.body(body)).transpose()?;
        let engine = self.core.get();
        let admitted = engine.request(self.handle, method, options, body);
        Ok(admitted.or_raise(py)?.transfer.0)
    }

    /// Answers a request of the peer.
    #[pyo3(signature = (request, status, comment, headers, /))]
    fn answer(
        &self,
        py: Python<'_>,
        request: u64,
        status: &Bound<'_, PyAny>,
        comment: String,
        headers: Vec<(String, String)>,
    ) -> PyResult<()> {
        let answer = Answer {
            status: StatusCode(named("status", status)?),
            comment,
            headers,
        };
        self.core
            .get()
            .answer(MessageHandle(request), answer)
            .or_raise(py)
    }

    fn reject(
        &self,
        py: Python<'_>,
        message: u64,
        status: &Bound<'_, PyAny>,
        comment: &str,
    ) -> PyResult<()> {
        let status = StatusCode(named("status", status)?);
        self.core
            .get()
            .reject(MessageHandle(message), status, comment)
            .or_raise(py)
    }

    fn report(
        &self,
        py: Python<'_>,
        message: u64,
        status: &Bound<'_, PyAny>,
        comment: &str,
        octets: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let status = StatusCode(named("status", status)?);
        let (core, message) = (self.core.get(), MessageHandle(message));
        match octets {
            None => core.report(message, status, comment),
            Some(octets) => {
                let (start, end) = named("octets", octets)?;
                core.report_range(message, start..end, status, comment)
            }
        }
        .or_raise(py)
    }
}
