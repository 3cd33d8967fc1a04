//! What is wrong with an SDP, line by line, for the package's module `sdp`: findings come as tuples.

use msrp::sdp::lint::{self, Finding, Kind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Line, index of the `m=` line, severity, rule, reference, text.
type Found = (
    usize,
    Option<usize>,
    &'static str,
    &'static str,
    &'static str,
    String,
);

/// Every rule that a text breaks. `kind` is `offer` or `answer`; with `offer` the text is an answer to that.
#[pyfunction]
pub(crate) fn sdp_check(
    py: Python<'_>,
    text: &[u8],
    kind: Option<&str>,
    offer: Option<&str>,
) -> PyResult<Vec<Found>> {
    let kind = match kind {
        None => None,
        Some("offer") => Some(Kind::Offer),
        Some("answer") => Some(Kind::Answer),
        Some(_) => return Err(PyValueError::new_err("kind is 'offer' or 'answer'")),
    };
    let findings = py.detach(|| match offer {
        Some(offer) => lint::check_answer(text, offer),
        None => lint::check(text, kind),
    });
    Ok(findings.into_iter().map(found).collect())
}

fn found(finding: Finding) -> Found {
    let rule = finding.rule;
    (
        finding.line,
        finding.media,
        rule.severity.name(),
        rule.name,
        rule.reference,
        finding.text,
    )
}
