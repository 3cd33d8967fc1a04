//! Options: from the package's dataclasses and keywords to those of the facade.

use std::path::PathBuf;
use std::time::Duration;

use msrp::engine::{
    ChunkLen, ConnectionSharing, ListenerHandle, PemSource, SendOptions, SessionOptions,
    SetupPreference, TlsConfig, TlsVerify,
};
use msrp::limits::Limits;
use msrp::proto::ReportMode;
use msrp::wire::FailureReport;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error::seconds;

/// A value of `Limits`: a number of something, or seconds.
trait Limit: Sized {
    fn from_py(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self>;
    fn to_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
}

impl Limit for usize {
    fn from_py(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract().map_err(|error: PyErr| {
            if error.is_instance_of::<PyOverflowError>(value.py()) {
                PyValueError::new_err(format!("limit {name} is negative or too large"))
            } else {
                error
            }
        })
    }

    fn to_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(self.into_pyobject(py)?.into_any())
    }
}

impl Limit for Duration {
    fn from_py(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        seconds(name, value.extract()?)
    }

    fn to_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(self.as_secs_f64().into_pyobject(py)?.into_any())
    }
}

impl Limit for Option<Duration> {
    fn from_py(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            return Ok(None);
        }
        Duration::from_py(name, value).map(Some)
    }

    fn to_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Some(duration) => duration.to_py(py),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

macro_rules! limits {
    ($($field:ident)*) => {
        /// The limits in a `msrp.Limits`.
        pub(crate) fn limits(object: &Bound<'_, PyAny>) -> PyResult<Limits> {
            let mut limits = Limits::default();
            $(limits.$field = Limit::from_py(stringify!($field), &object.getattr(stringify!($field))?)?;)*
            Ok(limits)
        }

        /// The engine's defaults by name, for the test that compares them with `msrp.Limits`.
        #[pyfunction]
        pub(crate) fn default_limits(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
            let limits = Limits::default();
            let dict = PyDict::new(py);
            $(dict.set_item(stringify!($field), limits.$field.to_py(py)?)?;)*
            Ok(dict)
        }
    };
}

limits! {
    start_line header_line header_section headers path_uris non_send_body send_window small_message read_ahead
    receive_window connection_slack control_lane write_ahead stall max_transactions incomplete_messages
    remembered_ids gaps incomplete_idle transfers early_len early unbound_connections unbound_per_address unbound
    tls_handshake dials_per_target dials transaction write_stall engine_memory event_stream
}

/// The configuration in a `msrp.TLSConfig`, or none.
pub(crate) fn tls(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<TlsConfig>> {
    let Some(object) = object else {
        return Ok(None);
    };
    let verify = object.getattr("verify")?;
    Ok(Some(TlsConfig {
        ca: pem(&object.getattr("ca")?)?,
        cert: pem(&object.getattr("cert")?)?,
        key: pem(&object.getattr("key")?)?,
        verify: match verify.extract::<&str>()? {
            "ca" => TlsVerify::Ca,
            "fingerprint" => TlsVerify::Fingerprint,
            "none" => TlsVerify::None,
            other => return Err(unknown("verify", other, "'ca', 'fingerprint' or 'none'")),
        },
        server_name: object.getattr("server_name")?.extract()?,
    }))
}

fn pem(value: &Bound<'_, PyAny>) -> PyResult<Option<PemSource>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(text) = value.cast::<PyBytes>() {
        return Ok(Some(PemSource::Text(text.as_bytes().to_vec())));
    }
    Ok(Some(PemSource::File(value.extract::<PathBuf>()?)))
}

/// The keywords of `Engine.session`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct SessionArgs<'py> {
    listener: Option<u64>,
    host: String,
    port: u16,
    secure: bool,
    tls: Option<Bound<'py, PyAny>>,
    advertise: Option<(String, u16)>,
    accept_types: Option<Vec<String>>,
    accept_wrapped_types: Vec<String>,
    setup: String,
    max_size: Option<u64>,
    chunk_len: Option<u32>,
    connection_sharing: String,
    reports: String,
    keep_alive: Option<f64>,
}

impl SessionArgs<'_> {
    pub(crate) fn into_options(self) -> PyResult<SessionOptions> {
        Ok(SessionOptions {
            listener: self.listener.map(ListenerHandle),
            host: self.host,
            port: self.port,
            secure: self.secure,
            tls: tls(self.tls.as_ref())?,
            advertise: self.advertise,
            accept_types: self.accept_types,
            accept_wrapped_types: self.accept_wrapped_types,
            setup: match self.setup.as_str() {
                "actpass" => SetupPreference::ActPass,
                "active" => SetupPreference::Active,
                "passive" => SetupPreference::Passive,
                other => return Err(unknown("setup", other, "'actpass', 'active' or 'passive'")),
            },
            max_size: self.max_size,
            chunk_len: match self.chunk_len {
                None => ChunkLen::Auto,
                Some(0) => ChunkLen::Unbounded,
                Some(octets) => ChunkLen::Octets(octets),
            },
            connection_sharing: match self.connection_sharing.as_str() {
                "peer" => ConnectionSharing::Peer,
                "session" => ConnectionSharing::Session,
                other => return Err(unknown("connection_sharing", other, "'peer' or 'session'")),
            },
            reports: match self.reports.as_str() {
                "auto" => ReportMode::Auto,
                "manual" => ReportMode::Manual,
                other => return Err(unknown("reports", other, "'auto' or 'manual'")),
            },
            keep_alive: self
                .keep_alive
                .map(|value| seconds("keep_alive", value))
                .transpose()?,
        })
    }
}

/// The options of one message.
pub(crate) fn send_options(
    content_type: &str,
    message_id: Option<String>,
    success_report: bool,
    failure_report: &str,
    headers: Option<Vec<(String, String)>>,
) -> PyResult<SendOptions> {
    Ok(SendOptions {
        content_type: content_type.to_owned(),
        message_id,
        success_report,
        failure_report: match failure_report {
            "yes" => FailureReport::Yes,
            "no" => FailureReport::No,
            "partial" => FailureReport::Partial,
            other => return Err(unknown("failure_report", other, "'yes', 'no' or 'partial'")),
        },
        headers: headers.unwrap_or_default(),
    })
}

fn unknown(name: &str, value: &str, known: &str) -> PyErr {
    PyValueError::new_err(format!("{name} is {known}, not {value:?}"))
}
