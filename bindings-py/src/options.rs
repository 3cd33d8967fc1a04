//! Options: from the package's dataclasses and keywords to those of the facade.

use std::ops::RangeInclusive;
use std::time::Duration;

use msrp::engine::{
    ChunkLen, ConnectionOptions, ConnectionSharing, ListenOptions, ListenerHandle, Password,
    Profile, RelayLogin, Relocation, SendOptions, SessionOptions, SetupPreference, TraceOptions,
};
use msrp::limits::Limits;
use msrp::proto::auth::Ha1;
use msrp::proto::{Pacing, ReportMode, SessionMatch};
use msrp::sdp::{Attribute, Direction};
use msrp::wire::FailureReport;
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{OrRaise, seconds};
use crate::tls;

/// The value of an option. An error says which one: `ValueError` for a number out of range, else `TypeError`.
pub(crate) fn named<'py, T>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<T>
where
    T: FromPyObjectOwned<'py>,
{
    value
        .extract::<T>()
        .map_err(Into::into)
        .map_err(|error: PyErr| {
            let py = value.py();
            if error.is_instance_of::<PyOverflowError>(py) {
                PyValueError::new_err(format!("{name} {value} is out of range"))
            } else if error.is_instance_of::<PyTypeError>(py) {
                PyTypeError::new_err(format!("{name}: {}", error.value(py)))
            } else if error.is_instance_of::<PyValueError>(py) {
                PyValueError::new_err(format!("{name}: {}", error.value(py)))
            } else {
                error
            }
        })
}

/// A value of `Limits`: a number of something, or seconds.
trait Limit: Sized {
    fn from_py(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self>;
    fn to_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
}

impl Limit for usize {
    fn from_py(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        named(name, value)
    }

    fn to_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(self.into_pyobject(py)?.into_any())
    }
}

impl Limit for Duration {
    fn from_py(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        seconds(name, named(name, value)?)
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
    tls_handshake dials_per_target dials dial_rate connect resolve addresses relay_kept foreign_relay_kept transaction
    write_stall engine_memory event_stream
}

/// The options in a `msrp.Trace`, or none.
pub(crate) fn trace(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<TraceOptions>> {
    let Some(object) = object else {
        return Ok(None);
    };
    let get = |name: &str| object.getattr(name);
    Ok(Some(TraceOptions {
        path: named("trace.path", &get("path")?)?,
        secrets: named("trace.secrets", &get("secrets")?)?,
        max_bytes: named("trace.max_bytes", &get("max_bytes")?)?,
        files: named("trace.files", &get("files")?)?,
        queue_bytes: named("trace.queue_bytes", &get("queue_bytes")?)?,
    }))
}

/// The keywords of `Engine.session`.
pub(crate) fn session_options(keywords: &Bound<'_, PyDict>) -> PyResult<SessionOptions> {
    let keywords = Keywords(keywords);
    Ok(SessionOptions {
        listener: keywords.get::<Option<u64>>("listener")?.map(ListenerHandle),
        host: keywords.get("host")?,
        port: keywords.get("port")?,
        secure: keywords.get("secure")?,
        tls: tls::config(keywords.get::<Option<Bound<'_, PyAny>>>("tls")?.as_ref())?,
        advertise: keywords.get("advertise")?,
        accept_types: keywords.get("accept_types")?,
        methods: keywords.get("methods")?,
        accept_wrapped_types: keywords.get("accept_wrapped_types")?,
        setup: match keywords.get::<String>("setup")?.as_str() {
            "actpass" => SetupPreference::ActPass,
            "active" => SetupPreference::Active,
            "passive" => SetupPreference::Passive,
            other => return Err(unknown("setup", other, "'actpass', 'active' or 'passive'")),
        },
        direction: direction(&keywords.get::<String>("direction")?)?,
        max_size: keywords.get("max_size")?,
        title: keywords.get("title")?,
        attributes: attributes(keywords.get("attributes")?)?,
        chunk_len: match keywords.get::<Option<u32>>("chunk_len")? {
            None => ChunkLen::Auto,
            Some(0) => ChunkLen::Unbounded,
            Some(octets) => ChunkLen::Octets(octets),
        },
        profile: keywords
            .get::<String>("profile")?
            .parse::<Profile>()
            .map_err(|error| PyValueError::new_err(error.context))?,
        session_match: match keywords.get::<Option<String>>("session_match")?.as_deref() {
            None => None,
            Some("uri") => Some(SessionMatch::Uri),
            Some("session-id") => Some(SessionMatch::SessionId),
            Some(other) => {
                return Err(unknown(
                    "session_match",
                    other,
                    "'uri', 'session-id' or None",
                ));
            }
        },
        pacing: match keywords.get::<Option<String>>("pacing")?.as_deref() {
            None => None,
            Some("pipelined") => Some(Pacing::Pipelined),
            Some("one") => Some(Pacing::One),
            Some(other) => return Err(unknown("pacing", other, "'pipelined', 'one' or None")),
        },
        dash_split: keywords.get("dash_split")?,
        relays: relays(&keywords.get::<Vec<Bound<'_, PyAny>>>("relays")?)?,
        connection: connection(&keywords.get::<Bound<'_, PyAny>>("connection")?)?,
        connection_sharing: match keywords.get::<String>("connection_sharing")?.as_str() {
            "peer" => ConnectionSharing::Peer,
            "session" => ConnectionSharing::Session,
            other => return Err(unknown("connection_sharing", other, "'peer' or 'session'")),
        },
        cema: keywords.get("cema")?,
        reports: match keywords.get::<String>("reports")?.as_str() {
            "auto" => ReportMode::Auto,
            "manual" => ReportMode::Manual,
            other => return Err(unknown("reports", other, "'auto' or 'manual'")),
        },
        report_timeout: keywords
            .get::<Option<f64>>("report_timeout")?
            .map(|value| seconds("report_timeout", value))
            .transpose()?,
        keep_alive: keywords
            .get::<Option<f64>>("keep_alive")?
            .map(|value| seconds("keep_alive", value))
            .transpose()?,
    })
}

/// The relays in a sequence of `msrp.RelayLogin`.
fn relays(objects: &[Bound<'_, PyAny>]) -> PyResult<Vec<RelayLogin>> {
    objects.iter().map(relay).collect()
}

fn relay(object: &Bound<'_, PyAny>) -> PyResult<RelayLogin> {
    let get = |name: &str| object.getattr(name);
    let uri: String = named("relays.uri", &get("uri")?)?;
    let username: String = named("relays.username", &get("username")?)?;
    // Out of the interpreter's memory at once into what writes itself over, and into nothing else.
    let (ha1, password) = (get("ha1")?, get("password")?);
    let password = match ha1.is_none() {
        false => {
            let digits = Ha1::from_hex(text("relays.ha1", &ha1)?);
            Password::from_ha1(digits.or_raise(object.py())?)
        }
        true => Password::new(text("relays.password", &password)?),
    };
    let tls = get("tls")?;
    Ok(RelayLogin {
        realm: named("relays.realm", &get("realm")?)?,
        expires: optional_time("relays.expires", &get("expires")?)?,
        tls: tls::config((!tls.is_none()).then_some(&tls))?,
        insecure_plain_auth: named("relays.insecure_plain_auth", &get("insecure_plain_auth")?)?,
        accept_unproved: named("relays.accept_unproved", &get("accept_unproved")?)?,
        ..RelayLogin::new(uri, username, password)
    })
}

/// The text in a `str`, where it stands.
fn text<'a>(name: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    match value.cast::<PyString>() {
        Ok(text) => text.to_str(),
        Err(_) => {
            let kind = value.get_type();
            let text = format!("{name}: a {} is no str", kind.name()?);
            Err(PyTypeError::new_err(text))
        }
    }
}

/// The keywords of `Session.relocate`.
pub(crate) fn relocation(keywords: &Bound<'_, PyDict>) -> PyResult<Relocation> {
    let keywords = Keywords(keywords);
    Ok(Relocation {
        listener: keywords.get::<Option<u64>>("listener")?.map(ListenerHandle),
        host: keywords.get("host")?,
        port: keywords.get("port")?,
        advertise: keywords.get("advertise")?,
        connection: keywords
            .get::<Option<Bound<'_, PyAny>>>("connection")?
            .map(|options| connection(&options))
            .transpose()?,
    })
}

/// Seconds, or None.
fn optional_time(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    named::<Option<f64>>(name, value)?
        .map(|value| seconds(name, value))
        .transpose()
}

/// The first and the last port of a range, or None.
pub(crate) fn port_range(value: &Bound<'_, PyAny>) -> PyResult<Option<RangeInclusive<u16>>> {
    let range: Option<(u16, u16)> = named("port_range", value)?;
    Ok(range.map(|(first, last)| first..=last))
}

/// The options of a listener, by the names of `Engine.listen`.
pub(crate) fn listen_options(
    host: String,
    secure: bool,
    options: &Bound<'_, PyDict>,
) -> PyResult<ListenOptions> {
    let keywords = Keywords(options);
    let item = |name: &str| options.as_any().get_item(name);
    let tls = item("tls")?;
    Ok(ListenOptions {
        host,
        port: keywords.get("port")?,
        secure,
        tls: tls::config((!tls.is_none()).then_some(&tls))?,
        advertise: keywords.get("advertise")?,
        port_range: port_range(&item("port_range")?)?,
        interface: keywords.get("interface")?,
        dscp: keywords.get("dscp")?,
        tcp_keepalive: optional_time("tcp_keepalive", &item("tcp_keepalive")?)?,
        idle: optional_time("idle", &item("idle")?)?,
    })
}

/// The options in a `msrp.ConnectionOptions`.
fn connection(object: &Bound<'_, PyAny>) -> PyResult<ConnectionOptions> {
    let get = |name: &str| object.getattr(name);
    let timeout = "connection.connect_timeout";
    Ok(ConnectionOptions {
        source_address: named("connection.source_address", &get("source_address")?)?,
        source_port: named("connection.source_port", &get("source_port")?)?,
        source_port_from_path: named(
            "connection.source_port_from_path",
            &get("source_port_from_path")?,
        )?,
        connect_timeout: named::<Option<f64>>(timeout, &get("connect_timeout")?)?
            .map(|value| seconds(timeout, value))
            .transpose()?,
        interface: named("connection.interface", &get("interface")?)?,
        dscp: named("connection.dscp", &get("dscp")?)?,
        tcp_keepalive: optional_time("connection.tcp_keepalive", &get("tcp_keepalive")?)?,
        idle: optional_time("connection.idle", &get("idle")?)?,
    })
}

/// The direction of this name.
pub(crate) fn direction(name: &str) -> PyResult<Direction> {
    let known = "'sendrecv', 'sendonly', 'recvonly' or 'inactive'";
    Direction::from_name(name).ok_or_else(|| unknown("direction", name, known))
}

/// Attributes that the host adds to our m= section.
pub(crate) fn attributes(pairs: Vec<(String, Option<String>)>) -> PyResult<Vec<Attribute>> {
    let made = pairs.iter().map(|(name, value)| {
        Attribute::new(name, value.as_deref()).map_err(|error| PyValueError::new_err(error.context))
    });
    made.collect()
}

pub(crate) struct Keywords<'a, 'py>(pub(crate) &'a Bound<'py, PyDict>);

impl<'py> Keywords<'_, 'py> {
    pub(crate) fn get<T: FromPyObjectOwned<'py>>(&self, name: &str) -> PyResult<T> {
        named(name, &self.0.as_any().get_item(name)?)
    }
}

/// The options of one message.
pub(crate) fn send_options(
    content_type: &str,
    message_id: Option<String>,
    success_report: bool,
    failure_report: &str,
    headers: Option<Vec<(String, String)>>,
    control: bool,
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
        control,
    })
}

pub(crate) fn unknown(name: &str, value: &str, known: &str) -> PyErr {
    PyValueError::new_err(format!("{name} is {known}, not {value:?}"))
}
