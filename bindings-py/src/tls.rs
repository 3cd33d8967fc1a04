//! TLS: a `msrp.TLSConfig` as the facade's, certificates that are made here, and their fingerprints.

use std::path::PathBuf;

use msrp::engine::{ClientAuth, Identity, PemSource, SelfSigned, TlsConfig, TlsVerify, TlsVersion};
use msrp::sdp::{Fingerprint, HashFunction};
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
        client_auth: match get("client_auth")?.extract::<&str>()? {
            "none" => ClientAuth::None,
            "request" => ClientAuth::Request,
            "require" => ClientAuth::Require,
            other => {
                return Err(unknown(
                    "client_auth",
                    other,
                    "'none', 'request' or 'require'",
                ));
            }
        },
        fingerprints: pins(&get("peer_fingerprints")?)?,
        peer_names: named("tls.peer_names", &get("peer_names")?)?,
        min_version: version("min_version", &get("min_version")?)?,
        max_version: version("max_version", &get("max_version")?)?,
        keylog: named("tls.keylog", &get("keylog")?)?,
    }))
}

fn version(name: &str, value: &Bound<'_, PyAny>) -> PyResult<TlsVersion> {
    match value.extract::<&str>()? {
        "1.2" => Ok(TlsVersion::Tls12),
        "1.3" => Ok(TlsVersion::Tls13),
        other => Err(unknown(name, other, "'1.2' or '1.3'")),
    }
}

fn pins(values: &Bound<'_, PyAny>) -> PyResult<Vec<Fingerprint>> {
    let texts = named::<Vec<String>>("tls.peer_fingerprints", values)?;
    let parse = |text: String| text.parse().or_raise(values.py());
    texts.into_iter().map(parse).collect()
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
