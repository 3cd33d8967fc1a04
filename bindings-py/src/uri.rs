//! MSRP URIs (RFC 4975 §6).

use msrp::wire;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::OrRaise;

/// Uri(text)
/// --
///
/// An MSRP URI: ``msrp://host:port/session-id;tcp``. Equality is that of RFC 4975 §6.1; `str()` gives the whole
/// text, while `repr()` cuts the session-id, which is a secret.
///
/// Raises `InvalidUri`.
#[pyclass(frozen, eq, hash, module = "msrp")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Uri(wire::Uri);

#[pymethods]
impl Uri {
    #[new]
    fn new(py: Python<'_>, text: &str) -> PyResult<Self> {
        text.parse().or_raise(py).map(Self)
    }

    /// ``"msrp"`` or ``"msrps"``.
    #[getter]
    fn scheme(&self) -> &'static str {
        self.0.scheme().as_str()
    }

    /// What stands before ``@``, or None.
    #[getter]
    fn userinfo(&self) -> Option<&str> {
        self.0.userinfo()
    }

    /// A name or an address, IPv6 in brackets.
    #[getter]
    fn host(&self) -> String {
        self.0.host().to_string()
    }

    /// The port, or None.
    #[getter]
    fn port(&self) -> Option<u16> {
        self.0.port()
    }

    /// The session-id, or None in the URI of a relay.
    #[getter]
    fn session_id(&self) -> Option<&str> {
        self.0.session_id()
    }

    /// ``"tcp"`` or another transport.
    #[getter]
    fn transport(&self) -> &str {
        self.0.transport()
    }

    fn __str__(&self) -> &str {
        self.0.as_str()
    }

    fn __repr__(&self) -> String {
        format!("Uri('{}')", self.0.redacted())
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> (Py<PyAny>, (String,)) {
        let text = slf.get().0.as_str().to_owned();
        (slf.get_type().into_any().unbind(), (text,))
    }
}

/// The URIs of a path, first hop first.
pub(crate) fn from_path(path: &wire::UriPath) -> Vec<Uri> {
    path.iter().cloned().map(Uri).collect()
}

/// A path as text from a URI, a text (URIs with spaces between) or a sequence of these.
pub(crate) fn path_text(path: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = path.cast::<PyString>() {
        return Ok(text.to_str()?.to_owned());
    }
    if let Ok(uri) = path.cast::<Uri>() {
        return Ok(uri.get().0.as_str().to_owned());
    }
    let mut text = String::new();
    for hop in path.try_iter()? {
        let hop = hop?;
        if !text.is_empty() {
            text.push(' ');
        }
        if let Ok(uri) = hop.cast::<Uri>() {
            text.push_str(uri.get().0.as_str());
        } else if let Ok(uri) = hop.cast::<PyString>() {
            text.push_str(uri.to_str()?);
        } else {
            return Err(PyTypeError::new_err(format!(
                "a path holds Uri or str, not {}",
                hop.get_type().name()?
            )));
        }
    }
    Ok(text)
}
