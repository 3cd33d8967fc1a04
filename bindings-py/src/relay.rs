//! A relay of the engine: its options, listeners and counters, and the answers of its host.

use std::sync::Arc;

use msrp::engine::{
    Engine, Network, QueryHandle, RelayEvents, RelayHandle, RelayListenOptions, RelayOptions,
    RelayQuestion, RelayReply, RelayVerdict,
};
use msrp::{Algorithm, Ha1, StatusCode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::core::{Core, Owned};
use crate::domain::Domain;
use crate::error::{OrRaise, seconds};
use crate::options::{Keywords, unknown};
use crate::tls;

/// One relay.
#[pyclass(frozen, module = "msrp._msrp")]
pub(crate) struct Relay {
    core: Arc<Core>,
    events: Owned<Arc<RelayEvents>>,
    handle: RelayHandle,
}

impl Relay {
    /// A relay whose questions come to `domain` with `tag`.
    pub(crate) fn new(
        py: Python<'_>,
        core: &Arc<Core>,
        domain: &Bound<'_, Domain>,
        tag: u64,
        keywords: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let keywords = Keywords(keywords);
        let most: usize = keywords.get("max_questions")?;
        // An AUTH asks twice, messages and next hops ask too.
        let events = RelayEvents::new(domain.get().get(), tag, most.saturating_mul(2));
        let options = options(&keywords, &events)?;
        let engine = core.get();
        let handle = py.detach(|| engine.relay(options)).or_raise(py)?;
        Ok(Self {
            core: Arc::clone(core),
            events: Owned::new(events),
            handle,
        })
    }

    fn answer(&self, py: Python<'_>, query: u64, reply: RelayReply) -> PyResult<()> {
        let events = self.events.get(py)?;
        events.answer(QueryHandle(query), reply).or_raise(py)
    }

    fn engine(&self, py: Python<'_>) -> PyResult<&Engine> {
        Ok(self.core.checked(py)?)
    }
}

#[pymethods]
impl Relay {
    /// Binds an address; resolves the host, and so may take a while.
    fn listen(&self, py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<u64> {
        let keywords = Keywords(options);
        let options = RelayListenOptions {
            host: keywords.get("host")?,
            port: keywords.get("port")?,
            secure: keywords.get("secure")?,
            advertise_port: keywords.get("advertise_port")?,
            interface: keywords.get("interface")?,
            dscp: keywords.get("dscp")?,
            tcp_keepalive: keywords
                .get::<Option<f64>>("tcp_keepalive")?
                .map(|value| seconds("tcp_keepalive", value))
                .transpose()?,
        };
        let (engine, handle) = (self.core.get(), self.handle);
        let listener = py
            .detach(|| engine.relay_listen(handle, options))
            .or_raise(py)?;
        Ok(listener.0)
    }

    /// Counters and sizes by name.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.engine(py)?.relay_stats(self.handle).or_raise(py)?;
        let dict = PyDict::new(py);
        for (name, value) in stats.named() {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// Ends all URIs of a user; gives how many there were.
    fn revoke(&self, py: Python<'_>, user: &str) -> PyResult<usize> {
        let engine = self.engine(py)?;
        engine.relay_revoke(self.handle, user).or_raise(py)
    }

    /// Ends it within `deadline` seconds. Returns at once; an event follows.
    fn close(&self, py: Python<'_>, deadline: f64) -> PyResult<()> {
        let deadline = seconds("deadline", deadline)?;
        let engine = self.engine(py)?;
        engine.relay_close(self.handle, deadline).or_raise(py)
    }

    /// Answers for the secret of a user: H(A1) in hex digits, or that there is no such user.
    fn secret(&self, py: Python<'_>, query: u64, secret: Option<&str>) -> PyResult<()> {
        let secret = secret.map(Ha1::from_hex).transpose().or_raise(py)?;
        self.answer(py, query, RelayReply::Secret(secret))
    }

    /// Answers whether something may be.
    fn allow(&self, py: Python<'_>, query: u64, allow: bool) -> PyResult<()> {
        self.answer(py, query, RelayReply::Allow(allow))
    }

    /// Answers what becomes of a message: it passes, or is rejected with a status.
    fn judge(&self, py: Python<'_>, query: u64, status: Option<u16>) -> PyResult<()> {
        let verdict = match status {
            None => RelayVerdict::Allow,
            Some(status @ 400..=999) => RelayVerdict::Reject(StatusCode(status)),
            Some(status) => {
                let text = format!("status {status} rejects nothing: 400 to 999 do");
                return Err(PyValueError::new_err(text));
            }
        };
        self.answer(py, query, RelayReply::Verdict(verdict))
    }
}

fn options(keywords: &Keywords<'_, '_>, events: &Arc<RelayEvents>) -> PyResult<RelayOptions> {
    let hosts: Vec<String> = keywords.get("hosts")?;
    let users = Arc::clone(events);
    let mut options = RelayOptions::new("", users);
    options.hosts = hosts;
    options.events = Some(Arc::clone(events));
    if keywords.get("asks_policy")? {
        options.policy = Arc::<RelayEvents>::clone(events);
    }
    options.ask_authorise = keywords.get("ask_authorise")?;
    options.ask_messages = keywords.get("ask_messages")?;
    options.port = keywords.get("port")?;
    options.numeric_hosts = keywords.get("numeric_hosts")?;
    options.realm = keywords.get("realm")?;
    options.algorithms = keywords
        .get::<Vec<String>>("algorithms")?
        .iter()
        .map(|name| algorithm(name))
        .collect::<PyResult<_>>()?;
    options.tls = tls::config(keywords.get::<Option<Bound<'_, PyAny>>>("tls")?.as_ref())?;
    options.block_unknown_methods = keywords.get("block_unknown_methods")?;
    options.abort_cut_chunks = keywords.get("abort_cut_chunks")?;
    options.insecure_plain_auth = keywords.get("insecure_plain_auth")?;
    options.networks = keywords
        .get::<Vec<String>>("networks")?
        .iter()
        .map(|text| {
            let parsed = text.parse::<Network>();
            parsed.map_err(|error| PyValueError::new_err(error.context))
        })
        .collect::<PyResult<_>>()?;
    let time = |name: &str| seconds(name, keywords.get(name)?);
    options.lifetime = time("lifetime")?;
    options.min_lifetime = time("min_lifetime")?;
    options.max_lifetime = time("max_lifetime")?;
    options.nonce_lifetime = time("nonce_lifetime")?;
    options.answer_timeout = time("answer_timeout")?;
    options.probation = time("probation")?;
    options.idle = match keywords.get::<Option<f64>>("idle")? {
        Some(idle) => Some(seconds("idle", idle)?),
        None => None,
    };
    options.max_tokens = keywords.get("max_tokens")?;
    options.max_tokens_per_user = keywords.get("max_tokens_per_user")?;
    options.max_tokens_per_connection = keywords.get("max_tokens_per_connection")?;
    options.max_connections = keywords.get("max_connections")?;
    options.max_connections_per_address = keywords.get("max_connections_per_address")?;
    options.max_questions = keywords.get("max_questions")?;
    options.max_failures = keywords.get("max_failures")?;
    options.max_failed_auths = keywords.get("max_failed_auths")?;
    options.remembered_failures = keywords.get("remembered_failures")?;
    Ok(options)
}

fn algorithm(name: &str) -> PyResult<Algorithm> {
    Algorithm::parse(name).ok_or_else(|| unknown("algorithm", name, "'MD5' or 'SHA-256'"))
}

/// H(A1) in hex digits.
#[pyfunction]
pub(crate) fn ha1<'py>(
    py: Python<'py>,
    user: &str,
    realm: &str,
    password: &str,
    algorithm_name: &str,
) -> PyResult<Bound<'py, PyString>> {
    let ha1 = Ha1::from_password(algorithm(algorithm_name)?, user, realm, password);
    Ok(PyString::new(py, &ha1.to_hex()))
}

/// A question as an event: its kind, and what it is about.
pub(crate) fn question<'py>(
    py: Python<'py>,
    (kind, tag, query): (usize, u64, u64),
    question: RelayQuestion,
) -> PyResult<Bound<'py, PyTuple>> {
    let no_session = 0_u64;
    match question {
        RelayQuestion::Credentials(asked) => (
            kind,
            no_session,
            tag,
            query,
            "credentials",
            (
                &*asked.user,
                asked.realm,
                asked.algorithm.as_str(),
                asked.address.map(|address| address.to_string()),
            ),
        )
            .into_pyobject(py),
        RelayQuestion::Authorise(asked) => (
            kind,
            no_session,
            tag,
            query,
            "authorise",
            (
                &*asked.user,
                asked.address.map(|address| address.to_string()),
                asked.expires.as_secs_f64(),
            ),
        )
            .into_pyobject(py),
        RelayQuestion::NextHop(asked) => (
            kind,
            no_session,
            tag,
            query,
            "next_hop",
            (
                asked.host,
                asked.address.ip().to_string(),
                asked.address.port(),
                asked.relay,
                asked.secure,
            ),
        )
            .into_pyobject(py),
        RelayQuestion::Message(asked) => (
            kind,
            no_session,
            tag,
            query,
            "message",
            (
                asked.link,
                asked.message_id,
                asked.content_type,
                asked.total,
                asked.from_path,
                asked.to_path,
            ),
        )
            .into_pyobject(py),
        // A kind that this version does not know is refused when its time is over.
        _ => (kind, no_session, tag, query, "unknown", ()).into_pyobject(py),
    }
}
