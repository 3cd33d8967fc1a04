//! One MSRP media section as a typed value, and its text. How one is read stands in `builder`.

use std::fmt::{self, Write as _};

use super::ENGINE_MARK;
use super::accept;
use super::attribute::Attribute;
use super::builder::{MediaBuilder, SessionLevel};
use super::compose;
use super::direction::Direction;
use super::fingerprint::{Fingerprint, HashFunction, preferred_fingerprints};
use super::origin::{Connection, Origin};
use super::session::SessionDescription;
use super::setup::SetupAttribute;
use crate::error::Result;
use crate::wire::{Host, MediaRange, Scheme, Uri, UriPath};

/// The transport protocol of the `m=` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `TCP/MSRP`.
    Tcp,
    /// `TCP/TLS/MSRP`.
    Tls,
}

impl Protocol {
    /// The protocol of this name, compared without case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Tls]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }

    /// The name as RFC 4975 §8.1 writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP/MSRP",
            Self::Tls => "TCP/TLS/MSRP",
        }
    }

    /// The protocol under which one connects to `uri`: `msrps` is TLS.
    pub fn of(uri: &Uri) -> Self {
        match uri.scheme() {
            Scheme::Msrp => Self::Tcp,
            Scheme::Msrps => Self::Tls,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An `m=message` section that offers or accepts an MSRP stream, the peer's or our own.
///
/// Where to connect and whom to address is in [`path`](Self::path) alone; `address` and `port` are
/// copies for other kinds of SDP users (RFC 4975 §8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaDescription {
    /// TLS or not, as the `m=` line says and the leftmost URI of the path has to agree.
    pub protocol: Protocol,
    /// Port of the `m=` line, never 0.
    pub port: u16,
    /// Address of the `c=` line that counts here; `None` for an `m=` block without one.
    pub address: Option<Host>,
    /// The URIs to this endpoint: leftmost the one to connect to, rightmost the endpoint.
    pub path: UriPath,
    /// Types it takes as a whole message, in its order of preference. Empty: nothing can be sent.
    pub accept_types: Vec<MediaRange>,
    /// Further types that it takes inside of containers only.
    pub accept_wrapped_types: Vec<MediaRange>,
    /// Largest whole message in octets that it wishes to get; a hint.
    pub max_size: Option<u64>,
    /// The `setup` attribute; `None` if there is none or none that counts.
    pub setup: Option<SetupAttribute>,
    /// Who sends ordinary messages, from the describing side's view.
    pub direction: Direction,
    /// All fingerprints that were given, media level before session level;
    /// [`trusted_fingerprints`](Self::trusted_fingerprints) says which count.
    pub fingerprints: Vec<Fingerprint>,
    /// Whether `msrp-cema` is there (RFC 6714 §5).
    pub cema: bool,
    /// Value of the private attribute [`ENGINE_MARK`].
    pub engine_mark: Option<String>,
    /// The title of the `i=` line.
    pub title: Option<String>,
    /// All other attributes of the section, in their order.
    pub attributes: Vec<Attribute>,
}

impl MediaDescription {
    /// Parses the MSRP section of `sdp`: a whole SDP or one `m=` block (a text that begins with
    /// `m=`, its `c=` line optional). `index` is the 0-based number of the `m=` line; `None` takes
    /// the first acceptable `m=message` line.
    ///
    /// # Errors
    /// `InvalidSdp` naming the line and the rule; `Gone` if the line's port is 0 (the stream is
    /// refused or ended, RFC 3264 §6); `Limit` for a text over the limits of this module;
    /// `InvalidArgument` for an index without a line.
    pub fn parse(sdp: &str, index: Option<usize>) -> Result<Self> {
        SessionDescription::parse(sdp)?
            .select(index)
            .map(|(_, description)| description)
    }

    /// What follows from a path alone, where there is no SDP.
    #[cfg_attr(
        not(feature = "net"),
        expect(dead_code, reason = "only engines have paths without SDP")
    )]
    pub(crate) fn of_path(path: UriPath, accept_types: Vec<MediaRange>) -> Self {
        Self {
            protocol: Protocol::of(path.first()),
            port: path.last().port().unwrap_or_default(),
            address: None,
            path,
            accept_types,
            accept_wrapped_types: Vec::new(),
            max_size: None,
            setup: None,
            direction: Direction::SendRecv,
            fingerprints: Vec::new(),
            cema: false,
            engine_mark: None,
            title: None,
            attributes: Vec::new(),
        }
    }

    /// Reads one `m=` section, `number` counted from 1, with the defaults of the session part;
    /// `None` for an `m=` block, where the `c=` line is optional.
    pub(super) fn from_section(
        session: Option<&SessionLevel>,
        media: &sdp_types::Media,
        number: usize,
    ) -> Result<Self> {
        let builder = MediaBuilder::from_section(session, media);
        builder.and_then(MediaBuilder::build).map_err(|mut error| {
            error.context = format!("m-line {number}: {}", error.context);
            error
        })
    }

    /// The `m=` block: `m=` line, `i=` line if there is a title, `c=` line if there is an address, attributes; lines end
    /// in CRLF.
    pub fn to_media(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None, false);
        out
    }

    /// A whole minimal SDP with this section alone: `v o s c t m` and its attributes.
    pub fn to_sdp(&self, origin: &Origin) -> String {
        compose::offer(&[self], origin)
    }

    /// Writes the block. In a description whose session part has this address the `c=` line may be left out; in one that
    /// has a direction ours has to be there, or that one would count.
    pub(super) fn write(&self, out: &mut String, address: Option<&Host>, has_direction: bool) {
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "m=message {} {} *\r\n", self.port, self.protocol);
        if let Some(title) = &self.title {
            let _ = write!(out, "i={title}\r\n");
        }
        if let Some(own) = self.address.as_ref().filter(|own| address != Some(own)) {
            let _ = write!(out, "c={}\r\n", Connection(own));
        }
        let direction =
            (has_direction || self.direction != Direction::SendRecv).then_some(self.direction);
        for attribute in self.attributes_with(direction) {
            let _ = write!(out, "a={attribute}\r\n");
        }
    }

    /// All attributes of the section as they are written, in that order: those of MSRP, then
    /// [`attributes`](Self::attributes). For a SIP stack that keeps an SDP as objects; `port`, `protocol`, `address` and
    /// `title` are the other values of its `m=` section. `sendrecv`, the default, is not written: a host whose session
    /// part has a direction adds it, or that one would count.
    ///
    /// ```
    /// # fn main() -> msrp::Result<()> {
    /// let media = msrp::sdp::MediaDescription::parse(
    ///     "m=message 2855 TCP/MSRP *\r\na=path:msrp://192.0.2.1:2855/s;tcp\r\na=accept-types:*\r\na=label:7\r\n",
    ///     None,
    /// )?;
    /// let written: Vec<_> = media.written_attributes().iter().map(ToString::to_string).collect();
    /// assert_eq!(written, ["accept-types:*", "path:msrp://192.0.2.1:2855/s;tcp", "label:7"]);
    /// # Ok(()) }
    /// ```
    pub fn written_attributes(&self) -> Vec<Attribute> {
        let direction = (self.direction != Direction::SendRecv).then_some(self.direction);
        self.attributes_with(direction)
    }

    fn attributes_with(&self, direction: Option<Direction>) -> Vec<Attribute> {
        let value = |name: &str, value: &dyn fmt::Display| {
            Attribute::received(name, Some(&value.to_string()))
        };
        let flag = |name: &str| Attribute::received(name, None);
        let mut list = vec![value("accept-types", &accept::List(&self.accept_types))];
        if !self.accept_wrapped_types.is_empty() {
            let types = accept::List(&self.accept_wrapped_types);
            list.push(value("accept-wrapped-types", &types));
        }
        list.extend(self.max_size.map(|size| value("max-size", &size)));
        list.push(value("path", &self.path));
        list.extend(self.setup.map(|setup| value("setup", &setup)));
        list.extend(direction.map(|direction| flag(direction.name())));
        list.extend(self.fingerprints.iter().map(|it| value("fingerprint", it)));
        list.extend(self.cema.then(|| flag("msrp-cema")));
        list.extend(self.engine_mark.as_ref().map(|it| value(ENGINE_MARK, it)));
        list.extend(self.attributes.iter().cloned());
        list
    }

    /// Whether this side put relays before itself: its path has more than one URI.
    pub fn has_relay(&self) -> bool {
        self.path.len() > 1
    }

    /// Whether the `c=` address is `0.0.0.0`, the old way of hold (RFC 3264 §8.4): no ordinary
    /// messages are sent meanwhile.
    pub fn is_on_hold(&self) -> bool {
        matches!(&self.address, Some(Host::V4(address)) if address.is_unspecified())
    }

    /// Who sends ordinary messages, from the describing side's view, as the attribute and the `c=` line say it together:
    /// a side that is [on hold](Self::is_on_hold) takes none.
    pub fn effective_direction(&self) -> Direction {
        Direction::new(
            self.direction.sends(),
            self.direction.receives() && !self.is_on_hold(),
        )
    }

    /// The fingerprints one of which the certificate of this side must match: those of the first
    /// function of `known` (most preferred first) that was given; empty if none is usable. They
    /// say nothing about a relay: with one, its certificate is checked by name (RFC 6135 §4.3).
    pub fn trusted_fingerprints(&self, known: &[HashFunction]) -> Vec<&Fingerprint> {
        preferred_fingerprints(&self.fingerprints, known)
    }

    /// Whether the other end is this engine with nothing between that touched the session: the
    /// private attribute has the session-id of the path, the path is one URI, and `c=` and `m=`
    /// line equal it. Without a `c=` line that cannot be known, so it is `false`.
    pub fn speaks_to_this_engine(&self) -> bool {
        let uri = self.path.last();
        !self.has_relay()
            && self.engine_mark.is_some()
            && self.engine_mark.as_deref() == uri.session_id()
            && uri.port() == Some(self.port)
            && self.address.as_ref() == Some(uri.host())
    }
}
