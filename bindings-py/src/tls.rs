//! TLS: a `msrp.TLSConfig` as the facade's, certificates that are made here, and their fingerprints.

use std::path::PathBuf;

use msrp::engine::{Identity, PemSource, SelfSigned, TlsConfig, TlsVerify};
use msrp::sdp::HashFunction;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::OrRaise;
use crate::options::{named, unknown};

/// The configuration in a `msrp.TLSConfig`, or none.
pub(crate) fn config(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<TlsConfig>> {
    let Some(object) = object else {
        return Ok(None);
    };
    let get = |name: &str| object.getattr(name);
    Ok(Some(TlsConfig {
        ca: pem("tls.ca", &get("ca")?)?,
        cert: pem("tls.cert", &get("cert")?)?,
        key: pem("tls.key", &get("key")?)?,
        verify: match get("verify")?.extract::<&str>()? {
            "ca" => TlsVerify::Ca,
            "fingerprint" => TlsVerify::Fingerprint,
            "none" => TlsVerify::None,
            other => return Err(unknown("verify", other, "'ca', 'fingerprint' or 'none'")),
        },
        server_name: named("tls.server_name", &get("server_name")?)?,
        ..TlsConfig::default()
    }))
}

fn pem(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<PemSource>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(text) = value.cast::<PyBytes>() {
        return Ok(Some(PemSource::Text(text.as_bytes().to_vec())));
    }
    named::<PathBuf>(name, value).map(|path| Some(PemSource::File(path)))
}

/// A certificate that signs itself, and its key, as PEM.
#[pyfunction]
pub(crate) fn self_signed<'py>(
    py: Python<'py>,
    names: Vec<String>,
    days: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let days = named("days", days)?;
    let identity = Identity::self_signed(names, &SelfSigned { days }).or_raise(py)?;
    Ok((
        PyBytes::new(py, identity.cert_pem().as_bytes()),
        PyBytes::new(py, identity.key_pem().as_bytes()),
    ))
}

/// The fingerprint of the certificate in a `msrp.TLSConfig`, with the hash function of this name.
#[pyfunction]
pub(crate) fn fingerprint(
    py: Python<'_>,
    tls: &Bound<'_, PyAny>,
    function: &str,
) -> PyResult<Option<String>> {
    let Some(config) = config(Some(tls))? else {
        return Ok(None);
    };
    let fingerprint = config.fingerprint(&HashFunction::from_name(function));
    Ok(fingerprint.or_raise(py)?.map(|print| print.to_string()))
}
