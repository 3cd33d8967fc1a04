//! Texts of a peer: an SDP may come as `str` or as the octets of a SIP body.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::error::to_py;
use crate::options::named;

/// The index of an `m=` line. A wrong one is an error that says so.
pub(crate) struct Index(pub(crate) usize);

impl<'py> FromPyObject<'_, 'py> for Index {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        named("index", &object).map(Self)
    }
}

/// Without its name.
pub(crate) fn number(index: Option<Index>) -> Option<usize> {
    index.map(|index| index.0)
}

/// An SDP. What is no text is an `InvalidSdp` that names the line.
pub(crate) struct SdpText(String);

impl SdpText {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'py> FromPyObject<'_, 'py> for SdpText {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let checked = |octets: &[u8]| {
            msrp::sdp::text(octets)
                .map(|text| Self(text.to_owned()))
                .map_err(|error| to_py(object.py(), error))
        };
        if let Ok(octets) = object.cast::<PyBytes>() {
            return checked(octets.as_bytes());
        }
        let text = object.cast::<PyString>().map_err(|_| {
            let found = object.get_type().name();
            let found = found.map_or_else(|_| "object".into(), |name| name.to_string());
            PyTypeError::new_err(format!("an SDP is str or bytes, not {found}"))
        })?;
        match text.to_str() {
            Ok(text) => checked(text.as_bytes()),
            // Lone surrogates: what came of octets that are no UTF-8.
            Err(_) => {
                let octets = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
                checked(octets.cast::<PyBytes>()?.as_bytes())
            }
        }
    }
}
