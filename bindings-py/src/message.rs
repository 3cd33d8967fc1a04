//! Incoming messages: their headers and the octets of their bodies.

use std::ffi::c_int;
use std::sync::Arc;

use bytes::Bytes;
use msrp::proto::MessageHead;
use msrp::wire::FailureReport;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::core::Owned;

/// Parts below this length are copied into `bytes`: the engine copied them out of its block, too, and a `bytes`
/// is what most callers want. Longer ones are views.
const VIEW_MIN: usize = 16 * 1024;

/// The headers of an incoming message.
#[pyclass(frozen, module = "msrp._msrp")]
pub(crate) struct Head(Arc<MessageHead>);

impl Head {
    pub(crate) fn new(head: Arc<MessageHead>) -> Self {
        Self(head)
    }
}

#[pymethods]
impl Head {
    #[getter]
    fn message_id(&self) -> &str {
        self.0.message_id.as_str()
    }

    #[getter]
    fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// All headers but the paths, in their order.
    #[getter]
    fn headers(&self) -> Vec<(&str, &str)> {
        let headers = self.0.headers.iter();
        headers
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    #[getter]
    fn total(&self) -> Option<u64> {
        self.0.total
    }

    #[getter]
    fn success_report(&self) -> bool {
        self.0.success_report
    }

    #[getter]
    fn failure_report(&self) -> &'static str {
        match self.0.failure_report {
            FailureReport::Yes => "yes",
            FailureReport::No => "no",
            FailureReport::Partial => "partial",
        }
    }
}

/// Octets that the engine received, read in place through the buffer protocol. Read-only; lives as long as a view.
#[pyclass(frozen, module = "msrp._msrp")]
pub(crate) struct Part(Owned<Bytes>);

impl Part {
    fn octets(&self) -> &[u8] {
        self.0.peek()
    }
}

#[pymethods]
impl Part {
    fn __len__(&self) -> usize {
        self.octets().len()
    }

    fn __repr__(&self) -> String {
        format!("<Part of {} octets>", self.octets().len())
    }

    /// # Safety
    ///
    /// Called by the interpreter with a view to be filled.
    unsafe fn __getbuffer__(
        slf: &Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        const READ_ONLY: c_int = 1;
        let octets = slf.get().octets();
        let len = ffi::Py_ssize_t::try_from(octets.len())
            .map_err(|_| PyBufferError::new_err("too long for a buffer"))?;
        // SAFETY: `view` comes from the interpreter. The octets are immutable and live as long as `slf`, of which
        // `PyBuffer_FillInfo` puts a new reference into the view; it refuses a writable view by `READ_ONLY`.
        let failed = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                octets.as_ptr().cast_mut().cast(),
                len,
                READ_ONLY,
                flags,
            )
        };
        if failed == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}

/// Received octets as a Python object: `bytes` if they are few, else a [`Part`].
pub(crate) fn octets(py: Python<'_>, data: Bytes) -> PyResult<Bound<'_, PyAny>> {
    if data.len() < VIEW_MIN {
        Ok(PyBytes::new(py, &data).into_any())
    } else {
        Bound::new(py, Part(Owned::new(data))).map(Bound::into_any)
    }
}
