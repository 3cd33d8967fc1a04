//! The certificate that a session's peer showed.

use msrp::engine::{PeerCertificate, PeerProof};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The values of a `msrp.PeerCertificate`, in its order.
pub(crate) type Values<'py> = (
    Bound<'py, PyBytes>,
    String,
    String,
    Vec<String>,
    i64,
    i64,
    String,
    &'static str,
);

/// What stands in a certificate.
pub(crate) fn values(py: Python<'_>, certificate: PeerCertificate) -> Values<'_> {
    (
        PyBytes::new(py, &certificate.der),
        certificate.subject,
        certificate.issuer,
        certificate.names,
        certificate.not_before,
        certificate.not_after,
        certificate.fingerprint.to_string(),
        match certificate.proof {
            PeerProof::Ca => "ca",
            PeerProof::CaAndName => "ca-and-name",
            PeerProof::Fingerprint => "fingerprint",
            _ => "none",
        },
    )
}
