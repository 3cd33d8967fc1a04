//! Texts of a peer: an SDP may come as `str` or as the octets of a SIP body.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::error::to_py;

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
        let text = object.cast::<PyString>()?;
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
