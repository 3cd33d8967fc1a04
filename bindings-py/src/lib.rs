//! The private module `msrp._msrp`: the facade [`msrp::engine`] in Python's types.
//!
//! It translates commands, events, errors and options, and nothing else: what a host sees stands in
//! `python/msrp`, what an engine does in `msrp::engine`. Engine threads never attach to the interpreter; all Python
//! objects are made and dropped by threads that Python knows.

mod adopt;
mod certificate;
mod cli;
mod core;
mod domain;
mod engine;
mod error;
mod held;
mod lint;
mod message;
mod options;
mod relay;
mod sdp;
mod session;
mod text;
mod tls;
mod uri;
mod wire;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

#[pymodule(gil_used = false)]
fn _msrp(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("EVENT_KINDS", PyTuple::new(py, domain::EVENT_KINDS)?)?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<domain::Domain>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<relay::Relay>()?;
    module.add_class::<message::Head>()?;
    module.add_class::<message::Part>()?;
    module.add_class::<uri::Uri>()?;
    module.add_class::<wire::Parser>()?;
    module.add_class::<sdp::Media>()?;
    module.add_function(wrap_pyfunction!(error::error_table, module)?)?;
    module.add_function(wrap_pyfunction!(options::default_limits, module)?)?;
    module.add_function(wrap_pyfunction!(relay::ha1, module)?)?;
    module.add_function(wrap_pyfunction!(tls::self_signed, module)?)?;
    module.add_function(wrap_pyfunction!(tls::fingerprint, module)?)?;
    module.add_function(wrap_pyfunction!(wire::cpim_senders, module)?)?;
    module.add_function(wrap_pyfunction!(wire::parse_byte_range, module)?)?;
    module.add_function(wrap_pyfunction!(wire::parse_path, module)?)?;
    module.add_function(wrap_pyfunction!(sdp::sdp_parse, module)?)?;
    module.add_function(wrap_pyfunction!(sdp::sdp_refuse, module)?)?;
    module.add_function(wrap_pyfunction!(lint::sdp_check, module)?)?;
    module.add_function(wrap_pyfunction!(sdp::sdp_offer, module)?)?;
    module.add_function(wrap_pyfunction!(sdp::sdp_answer, module)?)?;
    module.add_function(wrap_pyfunction!(cli::cli, module)?)?;
    Ok(())
}
