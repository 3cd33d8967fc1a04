//! SDP as values, for the package's module `sdp`: its dataclasses come and go as tuples.

use std::sync::Arc;

use msrp::engine;
use msrp::engine::SessionHandle;
use msrp::sdp::{MediaBuilder, MediaDescription, MediaLine, SessionDescription};
use msrp::wire::MediaRange;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::core::Core;
use crate::error::OrRaise;
use crate::session::Session;
use crate::text::{Index, SdpText, number};
use crate::uri::{self, Uri};

/// An attribute: its name, and its value or none.
pub(crate) type Pair = (String, Option<String>);

/// An `m=` section as it stands: media, port, number of ports, protocol, formats, address, title, attributes, text.
pub(crate) type Line = (
    String,
    u16,
    u16,
    String,
    String,
    Option<String>,
    Option<String>,
    Vec<Pair>,
    String,
);

fn owned((name, value): (&str, Option<&str>)) -> Pair {
    (name.to_owned(), value.map(str::to_owned))
}

fn line(line: &MediaLine<'_>) -> Line {
    (
        line.media.to_owned(),
        line.port,
        line.port_count,
        line.protocol.to_owned(),
        line.formats.to_owned(),
        line.address.map(str::to_owned),
        line.title.map(str::to_owned),
        line.attributes().map(owned).collect(),
        line.text.to_owned(),
    )
}

/// What an `m=` section of MSRP says.
#[pyclass(frozen, eq, module = "msrp._msrp")]
#[derive(PartialEq)]
pub(crate) struct Media(pub(crate) MediaDescription);

#[pymethods]
impl Media {
    /// The section of MSRP at this index, or the first that can be used, with its index.
    #[staticmethod]
    fn parse(py: Python<'_>, text: SdpText, index: Option<Index>) -> PyResult<(usize, Self)> {
        let parsed = SessionDescription::parse(text.as_str()).or_raise(py)?;
        let (index, description) = parsed.select(number(index)).or_raise(py)?;
        Ok((index, Self(description)))
    }

    /// A section that is given by its values, with attributes of the session part.
    #[staticmethod]
    fn build(py: Python<'_>, line: Line, defaults: Vec<Pair>) -> PyResult<Self> {
        let description = builder(py, &line, &defaults)?.build().or_raise(py)?;
        Ok(Self(description))
    }

    /// The section as we write it.
    fn line(&self, py: Python<'_>) -> PyResult<Line> {
        let text = self.0.to_media();
        let parsed = SessionDescription::parse(&text).or_raise(py)?;
        Ok(line(&parsed.media_line(0).or_raise(py)?))
    }

    fn path(&self) -> Vec<Uri> {
        uri::from_path(&self.0.path)
    }

    fn accept_types(&self) -> Vec<String> {
        texts(&self.0.accept_types)
    }

    fn accept_wrapped_types(&self) -> Vec<String> {
        texts(&self.0.accept_wrapped_types)
    }

    fn max_size(&self) -> Option<u64> {
        self.0.max_size
    }

    fn setup(&self) -> Option<&'static str> {
        self.0.setup.map(|setup| setup.value())
    }

    fn direction(&self) -> &'static str {
        self.0.direction.name()
    }

    /// Names of hash functions and digests.
    fn fingerprints(&self, py: Python<'_>) -> Vec<(String, Py<PyBytes>)> {
        let prints = self.0.fingerprints.iter().map(|it| {
            let digest = PyBytes::new(py, it.digest()).unbind();
            (it.function().name().to_owned(), digest)
        });
        prints.collect()
    }

    fn cema(&self) -> bool {
        self.0.cema
    }

    /// Those that mean nothing to MSRP.
    fn attributes(&self) -> Vec<Pair> {
        let others = self.0.attributes.iter();
        others.map(|it| owned((it.name(), it.value()))).collect()
    }

    fn accepts(&self, content_type: &str) -> bool {
        self.0.accepts(content_type)
    }

    fn accepts_wrapped(&self, content_type: &str) -> bool {
        self.0.accepts_wrapped(content_type)
    }
}

fn texts(ranges: &[MediaRange]) -> Vec<String> {
    ranges.iter().map(ToString::to_string).collect()
}

/// Whether it is a whole SDP, the attributes of its session part, and its sections.
#[pyfunction]
pub(crate) fn sdp_parse(py: Python<'_>, text: SdpText) -> PyResult<(bool, Vec<Pair>, Vec<Line>)> {
    let parsed = SessionDescription::parse(text.as_str()).or_raise(py)?;
    let attributes = parsed.attributes().map(owned).collect();
    let lines = parsed.media_lines().map(|it| line(&it)).collect();
    Ok((parsed.is_whole(), attributes, lines))
}

/// A section by its values.
pub(crate) fn builder(py: Python<'_>, line: &Line, defaults: &[Pair]) -> PyResult<MediaBuilder> {
    let (media, port, port_count, protocol, formats, address, title, attributes, _) = line;
    let make = || {
        let mut builder = MediaBuilder::new(media, *port, protocol, formats)?;
        builder.port_count((*port_count).into())?;
        if let Some(address) = address {
            builder.address(address)?;
        }
        if let Some(title) = title {
            builder.title(title)?;
        }
        for (name, value) in defaults {
            builder.session_attribute(name, value.as_deref())?;
        }
        for (name, value) in attributes {
            builder.attribute(name, value.as_deref())?;
        }
        Ok(builder)
    };
    make().or_raise(py)
}

/// The answer that refuses an offer, or one line of it.
#[pyfunction]
pub(crate) fn sdp_refuse(
    py: Python<'_>,
    offer: SdpText,
    index: Option<Index>,
    last: Option<SdpText>,
) -> PyResult<String> {
    let last = last.as_ref().map(SdpText::as_str);
    engine::refuse(offer.as_str(), number(index), last).or_raise(py)
}

type Streams<'py> = Vec<(Index, Bound<'py, Session>)>;

/// One offer of several sessions.
#[pyfunction]
pub(crate) fn sdp_offer(
    py: Python<'_>,
    sessions: Streams<'_>,
    last: Option<SdpText>,
) -> PyResult<String> {
    let (core, handles) = of_one_engine(&sessions)?;
    let last = last.as_ref().map(SdpText::as_str);
    core.get().offer_sessions(&handles, last).or_raise(py)
}

/// One answer of several sessions.
#[pyfunction]
pub(crate) fn sdp_answer(
    py: Python<'_>,
    offer: SdpText,
    sessions: Streams<'_>,
    last: Option<SdpText>,
) -> PyResult<String> {
    let (core, handles) = of_one_engine(&sessions)?;
    let last = last.as_ref().map(SdpText::as_str);
    core.get()
        .answer_sessions(offer.as_str(), &handles, last)
        .or_raise(py)
}

type OneEngine = (Arc<Core>, Vec<(usize, SessionHandle)>);

fn of_one_engine(sessions: &Streams<'_>) -> PyResult<OneEngine> {
    let Some((_, first)) = sessions.first() else {
        return Err(PyValueError::new_err(
            "no session is given: refuse gives an answer without any",
        ));
    };
    let core = Arc::clone(first.get().core());
    let mut handles = Vec::with_capacity(sessions.len());
    for (index, session) in sessions {
        let session = session.get();
        if !Arc::ptr_eq(&core, session.core()) {
            return Err(PyValueError::new_err(
                "sessions of different engines cannot stand in one SDP",
            ));
        }
        handles.push((index.0, session.session_handle()));
    }
    Ok((core, handles))
}
