//! The private module `msrp._msrp`.
use pyo3::prelude::*;

#[pymodule(gil_used = false)]
fn _msrp(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
