//! Errors of the engine as exceptions of `msrp.exceptions`.

use std::time::Duration;

use msrp::engine::ERROR_TABLE;
use msrp::error::{Error, Origin};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The exception for `error`: of the class that the table of kinds names.
pub(crate) fn to_py(py: Python<'_>, error: Error) -> PyErr {
    match exception(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

/// The same as an object, for those who raise it later.
pub(crate) fn exception(py: Python<'_>, error: Error) -> PyResult<Bound<'_, PyAny>> {
    static FROM_ENGINE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let from_engine = FROM_ENGINE.get_or_try_init(py, || {
        py.import("msrp.exceptions")?
            .getattr("_from_engine")
            .map(Bound::unbind)
    })?;
    let origin = match error.origin {
        Origin::Local => "local",
        Origin::Remote => "remote",
        Origin::Transport => "transport",
    };
    from_engine.bind(py).call1((
        error.kind.row().python_class,
        error.context,
        origin,
        error.status.map(|status| status.0),
        error.offset,
    ))
}

/// `Result` of the engine as one of Python.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, Error> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_py(py, error))
    }
}

/// Seconds as a duration; `ValueError` where they are negative or no number.
pub(crate) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|_| {
        PyValueError::new_err(format!("{name} {value:?} is no number of seconds >= 0"))
    })
}

/// Every error kind: number and name in C, class here.
#[pyfunction]
pub(crate) fn error_table() -> Vec<(i32, &'static str, &'static str)> {
    ERROR_TABLE
        .iter()
        .map(|row| (row.number, row.c_name, row.python_class))
        .collect()
}
