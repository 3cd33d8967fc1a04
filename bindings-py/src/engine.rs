//! The engine: its start and end, listeners, counters.

use std::net::IpAddr;
use std::sync::Arc;

use msrp::engine::{
    self, Counts, DialCheck, EngineOptions, Histogram, ListenerHandle, LogLevel, NameResolution,
    QueryHandle, ServiceLookup, SrvRecord, Traffic, Wake,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::adopt;
use crate::core::Core;
use crate::domain::Domain;
use crate::error::{OrRaise, seconds};
use crate::options;
use crate::relay::Relay;
use crate::session::Session;
use crate::tls;

/// An MSRP engine: threads, listeners and connections.
#[pyclass(frozen, weakref, module = "msrp._msrp")]
pub(crate) struct Engine {
    core: Arc<Core>,
}

#[pymethods]
impl Engine {
    /// Starts the threads. `asks`: whether the package answers for names, for addresses to be dialled, and for
    /// services.
    #[new]
    fn new(
        py: Python<'_>,
        worker_threads: &Bound<'_, PyAny>,
        limits: &Bound<'_, PyAny>,
        tls: Option<&Bound<'_, PyAny>>,
        trace: Option<&Bound<'_, PyAny>>,
        asks: (bool, bool, bool),
        port_range: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let options = EngineOptions {
            worker_threads: options::named("worker_threads", worker_threads)?,
            limits: options::limits(limits)?,
            tls: tls::config(tls)?,
            trace: options::trace(trace)?,
            resolver: match asks.0 {
                true => NameResolution::Host,
                false => NameResolution::System,
            },
            services: match asks.2 {
                true => ServiceLookup::Host,
                false => ServiceLookup::Resolver,
            },
            dial_check: match asks.1 {
                true => DialCheck::Host,
                false => DialCheck::None,
            },
            port_range: options::port_range(port_range)?,
        };
        let engine = py.detach(|| engine::Engine::new(options)).or_raise(py)?;
        Ok(Self {
            core: Arc::new(Core::new(engine)),
        })
    }

    /// A new consumer of events, with a descriptor.
    fn domain(&self, py: Python<'_>) -> PyResult<Domain> {
        let domain = self.core.get().domain(Wake::Fd).or_raise(py)?;
        Ok(Domain::new(Arc::clone(&self.core), domain))
    }

    /// Binds an address; resolves the host, and so may take a while.
    fn listen(
        &self,
        py: Python<'_>,
        host: String,
        secure: bool,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<u64> {
        let options = options::listen_options(host, secure, options)?;
        let engine = self.core.get();
        let listener = py.detach(|| engine.listen(options)).or_raise(py)?;
        Ok(listener.0)
    }

    /// Hands the socket of a descriptor over to a listener; the caller closes the descriptor then.
    fn adopt_connection(
        &self,
        py: Python<'_>,
        listener: u64,
        descriptor: i32,
        initial: Vec<u8>,
    ) -> PyResult<()> {
        let (engine, listener) = (self.core.get(), ListenerHandle(listener));
        adopt::hand_over(descriptor, |socket| {
            engine.adopt_connection(listener, socket, initial.into())
        })
        .or_raise(py)
    }

    fn listener_address(&self, py: Python<'_>, listener: u64) -> PyResult<(String, u16)> {
        let address = self
            .core
            .get()
            .listener_address(ListenerHandle(listener))
            .or_raise(py)?;
        Ok((address.ip().to_string(), address.port()))
    }

    fn close_listener(&self, py: Python<'_>, listener: u64) -> PyResult<()> {
        self.core
            .get()
            .close_listener(ListenerHandle(listener))
            .or_raise(py)
    }

    /// A new session, told to `domain`. `options` is a dict of all keywords.
    fn session(
        &self,
        py: Python<'_>,
        domain: &Bound<'_, Domain>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Session> {
        let options = options::session_options(options)?;
        let engine = self.core.get();
        let consumer = domain.get().get();
        let handle = py
            .detach(|| engine.session(consumer, options))
            .or_raise(py)?;
        Ok(Session::new(
            Arc::clone(&self.core),
            domain.clone().unbind(),
            handle,
        ))
    }

    /// A relay whose questions come to `domain` with `tag`. `options` is a dict of all keywords.
    fn relay(
        &self,
        py: Python<'_>,
        domain: &Bound<'_, Domain>,
        tag: u64,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Relay> {
        Relay::new(py, &self.core, domain, tag, options)
    }

    /// The addresses of a name.
    fn resolved(&self, py: Python<'_>, query: u64, addresses: Vec<IpAddr>) -> PyResult<()> {
        let engine = self.core.checked(py)?;
        engine
            .resolved(QueryHandle(query), Ok(addresses))
            .or_raise(py)
    }

    /// Why a name has no addresses.
    fn unresolved(&self, py: Python<'_>, query: u64, text: String) -> PyResult<()> {
        let engine = self.core.checked(py)?;
        engine.resolved(QueryHandle(query), Err(text)).or_raise(py)
    }

    /// The service records of a name: priority, weight, port and target.
    fn service_found(
        &self,
        py: Python<'_>,
        query: u64,
        records: Vec<(u16, u16, u16, String)>,
    ) -> PyResult<()> {
        let engine = self.core.checked(py)?;
        let records = records
            .into_iter()
            .map(|(priority, weight, port, target)| SrvRecord {
                priority,
                weight,
                port,
                target,
            });
        engine
            .service_found(QueryHandle(query), Ok(records.collect()))
            .or_raise(py)
    }

    /// Why nobody knows whether a name has service records.
    fn service_unknown(&self, py: Python<'_>, query: u64, text: String) -> PyResult<()> {
        let engine = self.core.checked(py)?;
        engine
            .service_found(QueryHandle(query), Err(text))
            .or_raise(py)
    }

    /// Whether an address may be dialled.
    fn allow_dial(&self, py: Python<'_>, query: u64, allow: bool) -> PyResult<()> {
        let engine = self.core.checked(py)?;
        engine.allow_dial(QueryHandle(query), allow).or_raise(py)
    }

    /// Starts a trace, or ends it.
    fn set_trace(&self, py: Python<'_>, trace: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let trace = options::trace(trace)?;
        let engine = self.core.get();
        py.detach(|| engine.set_trace(trace)).or_raise(py)
    }

    /// Reads the files of all TLS configurations again.
    fn reload_tls(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.core.get().reload_tls()).or_raise(py)
    }

    /// Queues records of the log up to this level: 1 error to 5 the log of the wire, 0 none.
    fn set_log(&self, py: Python<'_>, level: u8) -> PyResult<()> {
        let level = match level {
            0 => None,
            1 => Some(LogLevel::Error),
            2 => Some(LogLevel::Warn),
            3 => Some(LogLevel::Info),
            4 => Some(LogLevel::Debug),
            _ => Some(LogLevel::Trace),
        };
        self.core.checked(py)?.set_log(level).or_raise(py)
    }

    /// Queued records, level and text, and how many were dropped before.
    fn take_log(&self, py: Python<'_>, max_bytes: usize) -> PyResult<(Vec<(u8, String)>, u64)> {
        let (records, lost) = self.core.checked(py)?.take_log(max_bytes);
        let records = records.into_iter().map(|r| (r.level as u8, r.text));
        Ok((records.collect(), lost))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats(py, &self.core.checked(py)?.stats())
    }

    /// Raises `ForkedError` in another process than the one that made the engine.
    fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        self.core.checked(py).map(|_| ())
    }

    /// How many `bytes` objects the engine is reading in place.
    fn held(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.core.checked(py)?.held.len())
    }

    /// Ends every session within `deadline` seconds. Returns at once.
    fn shutdown(&self, py: Python<'_>, deadline: f64) -> PyResult<()> {
        let deadline = seconds("deadline", deadline)?;
        self.core.checked(py)?.shutdown(deadline);
        Ok(())
    }

    /// Aborts what is left and joins the threads; about a second at most, detached from the interpreter.
    fn join(&self, py: Python<'_>) -> PyResult<()> {
        let core = self.core.checked(py)?;
        py.detach(|| core.join());
        core.held.sweep(py);
        Ok(())
    }
}

macro_rules! stats {
    ($($field:ident)*) => {
        fn stats<'py>(py: Python<'py>, stats: &engine::Stats) -> PyResult<Bound<'py, PyDict>> {
            let dict = PyDict::new(py);
            $(dict.set_item(stringify!($field), stats.$field)?;)*
            counts(&dict, &stats.counts)?;
            Ok(dict)
        }
    };
}

stats! {
    connections unbound_connections sessions messages_sent messages_received bytes_sent bytes_received receive_held
    send_held receive_held_peak sessions_shed reading_paused protocol_errors messages_failed trace_written
    trace_dropped tls_unverified
}

fn counts(dict: &Bound<'_, PyDict>, counts: &Counts) -> PyResult<()> {
    let py = dict.py();
    dict.set_item("sent", traffic(py, &counts.sent)?)?;
    dict.set_item("received", traffic(py, &counts.received)?)?;
    dict.set_item("timeouts", counts.timeouts)?;
    dict.set_item("duplicate_chunks", counts.duplicate_chunks)?;
    dict.set_item("gaps", counts.gaps)?;
    for (name, times) in [
        ("transaction_time", &counts.transaction_time),
        ("message_time", &counts.message_time),
        ("queue_time", &counts.queue_time),
        ("pause_time", &counts.pause_time),
    ] {
        dict.set_item(name, histogram(times, 1e6))?;
    }
    dict.set_item("chunk_sent", histogram(&counts.chunk_sent, 1.0))?;
    dict.set_item("chunk_received", histogram(&counts.chunk_received, 1.0))
}

fn traffic<'py>(py: Python<'py>, traffic: &Traffic) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, count) in [
        ("send", traffic.send),
        ("report", traffic.report),
        ("auth", traffic.auth),
        ("nickname", traffic.nickname),
        ("other", traffic.other),
        ("complete", traffic.complete),
        ("more", traffic.more),
        ("abort", traffic.abort),
    ] {
        dict.set_item(name, count)?;
    }
    let responses = PyDict::new(py);
    for (code, count) in &traffic.responses {
        responses.set_item(code.0, count)?;
    }
    dict.set_item("responses", responses)?;
    Ok(dict)
}

/// Bounds, cumulative counts and sum, of values that are `unit` times smaller in Python.
fn histogram(histogram: &Histogram, unit: f64) -> (Vec<f64>, Vec<u64>, f64) {
    let bounds = histogram.bounds.iter().map(|bound| *bound as f64 / unit);
    (
        bounds.collect(),
        histogram.buckets.clone(),
        histogram.sum as f64 / unit,
    )
}
