//! The `msrp` command, as `python -m msrp` and the script that pip installs run it.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command with these arguments, program name included, and gives its exit code.
#[pyfunction]
pub(crate) fn cli(py: Python<'_>, argv: Vec<OsString>) -> i32 {
    py.detach(|| msrp_cli::run(argv))
}
