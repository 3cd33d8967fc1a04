//! The parsers of `msrp::wire`, for the package's module `wire`. Writing frames, right or wrong, is that module's own.

use bytes::Bytes;
use msrp::content::cpim::{self, Sender};
use msrp::wire::{self, ByteRange, Frame, Head, ParserLimits, UriPath};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::options;
use crate::uri::{self, Uri};

/// One direction of a connection, as pieces of frames.
///
/// A piece is a tuple: ``("head", offset, transaction_id, method, status, comment, headers, has_body, fault)``,
/// ``("body", octets)`` or ``("end", flag, offset after it)``. Values of headers are octets.
#[pyclass(module = "msrp._msrp")]
pub(crate) struct Parser(wire::Parser);

/// Why a stream or a value cannot be read: offset, offset of the frame, text.
type Fault = (u64, u64, String);

#[pymethods]
impl Parser {
    #[new]
    fn new(limits: &Bound<'_, PyAny>) -> PyResult<Self> {
        let limits = options::limits(limits)?;
        Ok(Self(wire::Parser::new(ParserLimits {
            start_line: limits.start_line,
            header_line: limits.header_line,
            header_section: limits.header_section,
            headers: limits.headers,
            path_uris: limits.path_uris,
            non_send_body: limits.non_send_body as u64,
        })))
    }

    /// Reads the next octets of the stream. Gives the pieces that they complete, and the fault that ends the stream.
    #[pyo3(signature = (octets, /))]
    fn feed<'py>(
        &mut self,
        py: Python<'py>,
        octets: &[u8],
    ) -> PyResult<(Bound<'py, PyList>, Option<Fault>)> {
        // A copy: pieces are slices of it for as long as a frame lasts.
        self.0.push(Bytes::copy_from_slice(octets));
        let pieces = PyList::empty(py);
        loop {
            match self.0.next() {
                Ok(None) => return Ok((pieces, None)),
                Ok(Some(Frame::Head(head))) => pieces.append(describe(py, &head)?)?,
                Ok(Some(Frame::Body(body))) => pieces.append(("body", PyBytes::new(py, &body)))?,
                Ok(Some(Frame::End(flag))) => {
                    let flag = char::from(flag.as_octet());
                    pieces.append(("end", flag, self.0.offset()))?;
                }
                Err(error) => return Ok((pieces, Some(fault(error)))),
            }
        }
    }

    /// The fault of a stream that ends here, if it may not.
    fn finish(&self) -> Option<Fault> {
        self.0.finish().err().map(fault)
    }

    /// Octets read so far.
    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset()
    }
}

fn fault(error: wire::ParseError) -> Fault {
    let text = error.to_string();
    (error.offset, error.frame_offset, text)
}

fn describe<'py>(py: Python<'py>, head: &Head) -> PyResult<Bound<'py, PyAny>> {
    let octets = |text: &[u8]| PyBytes::new(py, text).unbind();
    let headers: Vec<_> = head
        .headers()
        .map(|(name, value)| (name.to_owned(), octets(value)))
        .collect();
    let fault = head.fault().map(breach);
    let piece = (
        "head",
        head.offset(),
        head.transaction_id().as_str().to_owned(),
        head.method().map(|method| method.as_str().to_owned()),
        head.status().map(|status| status.0),
        head.comment().map(|text| text.into_owned()),
        headers,
        head.has_body_section(),
        fault,
    );
    Ok(piece.into_pyobject(py)?.into_any())
}

/// The numbers of a Byte-Range, or where it breaks the grammar and what was expected there.
#[pyfunction]
pub(crate) fn parse_byte_range(text: &str) -> (Option<Numbers>, Option<Breach>) {
    match ByteRange::parse(text.as_bytes()) {
        Ok(range) => (Some((range.start, range.end, range.total)), None),
        Err(fault) => (None, Some(breach(&fault))),
    }
}

/// The URIs of a path, or where it breaks the grammar and what was expected there.
#[pyfunction]
pub(crate) fn parse_path(text: &str) -> (Option<Vec<Uri>>, Option<Breach>) {
    match UriPath::parse(text.as_bytes(), usize::MAX) {
        Ok(path) => (Some(uri::from_path(&path)), None),
        Err(fault) => (None, Some(breach(&fault))),
    }
}

/// Names and URIs of the senders in a message/cpim, or where it breaks the grammar and what was expected there.
#[pyfunction]
pub(crate) fn cpim_senders(body: &[u8]) -> (Option<Vec<Named>>, Option<Breach>) {
    match cpim::senders(body) {
        Ok(senders) => {
            let named =
                |sender: &Sender| (sender.name().map(str::to_owned), sender.uri().to_owned());
            (Some(senders.iter().map(named).collect()), None)
        }
        Err(fault) => (None, Some(breach(&fault))),
    }
}

/// A name and a URI.
type Named = (Option<String>, String);

/// First octet, last octet and total.
type Numbers = (u64, Option<u64>, Option<u64>);

/// An offset, and what was expected there.
type Breach = (u64, String);

fn breach(fault: &wire::Fault) -> Breach {
    (fault.offset(), fault.expected().to_owned())
}
