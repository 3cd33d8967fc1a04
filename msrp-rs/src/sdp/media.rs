//! One MSRP media section as a typed value: parsing with the rules of RFC 4975 §8, and printing.

use std::fmt::{self, Write as _};

use super::accept;
use super::attribute::Attribute;
use super::direction::Direction;
use super::fingerprint::{Fingerprint, HashFunction, preferred_fingerprints};
use super::origin::{Connection, Origin};
use super::session::{FOREVER, RefusedLines, SessionDescription, write_session_part};
use super::setup::SetupAttribute;
use super::{ENGINE_MARK, MAX_MEDIA_RANGES, MAX_PATH_LEN, MAX_PATH_URIS, excerpt, invalid};
use crate::error::{Error, ErrorKind, Result};
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
    /// TLS or not. In a parsed description [`Protocol::Tls`] whenever the leftmost URI is `msrps`,
    /// also if the line says `TCP/MSRP`: the more secure reading holds.
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

    /// Reads one `m=` section, `number` counted from 1, with the defaults of the session part;
    /// `None` for an `m=` block, where the `c=` line is optional.
    pub(super) fn from_section(
        session: Option<&SessionLevel>,
        media: &sdp_types::Media,
        number: usize,
    ) -> Result<Self> {
        let fail = |rule: String| invalid(format!("m-line {number}: {rule}"));

        let line_protocol = check_media_line(media, number)?;
        let address = match media.connections.first() {
            Some(connection) => Some(parse_address(&connection.connection_address)),
            None => session.and_then(|session| session.address.clone()),
        };
        if session.is_some() && address.is_none() {
            return Err(fail(
                "no c= line here nor at session level (RFC 8866 §5.7)".to_owned(),
            ));
        }

        let no_defaults = Levelled::default();
        let session_level = match session.map(|session| &session.defaults) {
            Some(Ok(defaults)) => defaults,
            Some(Err(rule)) => return Err(fail(rule.clone())),
            None => &no_defaults,
        };
        let media_level = Levelled::read(&media.attributes).map_err(fail)?;
        let own = MediaOnly::read(&media.attributes);

        let path = match own.paths.as_slice() {
            [] => return Err(fail("attribute path is missing (RFC 4975 §8.2)".to_owned())),
            [path] => parse_path(path).map_err(fail)?,
            more => {
                let count = more.len();
                return Err(fail(format!(
                    "{count} path attributes, one is allowed (RFC 4975 §8.2)"
                )));
            }
        };
        let first = Protocol::of(path.first());
        if line_protocol == Protocol::Tls && first == Protocol::Tcp {
            return Err(fail(
                "protocol TCP/TLS/MSRP but the leftmost path URI is no msrps URI (RFC 4975 §8.1)"
                    .to_owned(),
            ));
        }
        let Some(accept_types) = own.accept_types else {
            return Err(fail(
                "attribute accept-types is missing (RFC 4975 §8.6)".to_owned(),
            ));
        };

        Ok(Self {
            protocol: first,
            port: media.port,
            address,
            path,
            accept_types,
            accept_wrapped_types: own.accept_wrapped_types,
            max_size: own.max_size,
            setup: media_level.setup.or(session_level.setup).flatten(),
            direction: media_level
                .direction
                .or(session_level.direction)
                .unwrap_or_default(),
            fingerprints: if media_level.fingerprints.is_empty() {
                session_level.fingerprints.clone()
            } else {
                media_level.fingerprints
            },
            cema: own.cema,
            engine_mark: own.engine_mark,
            attributes: own.others,
        })
    }

    /// The `m=` block: `m=` line, `c=` line if there is an address, attributes; lines end in CRLF.
    pub fn to_media(&self) -> String {
        let mut out = String::new();
        self.write_media_line(&mut out);
        if let Some(address) = &self.address {
            // Writing to a String cannot fail, here and below.
            let _ = write!(out, "c={}\r\n", Connection(address));
        }
        self.write_attributes(&mut out);
        out
    }

    /// A whole minimal SDP with this section alone: `v o s c t m` and its attributes.
    pub fn to_sdp(&self, origin: &Origin) -> String {
        self.to_sdp_among(origin, None)
    }

    /// The same, between the lines of other streams.
    pub(crate) fn to_sdp_among(&self, origin: &Origin, others: Option<&RefusedLines>) -> String {
        let address = self
            .address
            .as_ref()
            .unwrap_or_else(|| self.path.last().host());
        let mut out = String::new();
        write_session_part(&mut out, origin, address, FOREVER);
        out.push_str(others.map_or("", |others| &others.before));
        self.write_media_line(&mut out);
        self.write_attributes(&mut out);
        out.push_str(others.map_or("", |others| &others.after));
        out
    }

    fn write_media_line(&self, out: &mut String) {
        let _ = write!(out, "m=message {} {} *\r\n", self.port, self.protocol);
    }

    fn write_attributes(&self, out: &mut String) {
        let _ = write!(
            out,
            "a=accept-types:{}\r\n",
            accept::List(&self.accept_types)
        );
        if !self.accept_wrapped_types.is_empty() {
            let types = accept::List(&self.accept_wrapped_types);
            let _ = write!(out, "a=accept-wrapped-types:{types}\r\n");
        }
        if let Some(max_size) = self.max_size {
            let _ = write!(out, "a=max-size:{max_size}\r\n");
        }
        let _ = write!(out, "a=path:{}\r\n", self.path);
        if let Some(setup) = self.setup {
            let _ = write!(out, "a=setup:{setup}\r\n");
        }
        if self.direction != Direction::SendRecv {
            let _ = write!(out, "a={}\r\n", self.direction);
        }
        for fingerprint in &self.fingerprints {
            let _ = write!(out, "a=fingerprint:{fingerprint}\r\n");
        }
        if self.cema {
            out.push_str("a=msrp-cema\r\n");
        }
        if let Some(mark) = &self.engine_mark {
            let _ = write!(out, "a={ENGINE_MARK}:{mark}\r\n");
        }
        for attribute in &self.attributes {
            let _ = write!(out, "a={attribute}\r\n");
        }
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

/// Media, port, protocol and format list (RFC 4975 §8.1).
fn check_media_line(media: &sdp_types::Media, number: usize) -> Result<Protocol> {
    let fail = |rule: String| Err(invalid(format!("m-line {number}: {rule}")));
    if media.media != "message" {
        let kind = excerpt(&media.media);
        return fail(format!("media {kind:?} is not message (RFC 4975 §8.1)"));
    }
    if media.port == 0 {
        return Err(Error::remote(
            ErrorKind::Gone,
            format!(
                "m-line {number}: port 0 says that the stream is refused or ended (RFC 3264 §6)"
            ),
        ));
    }
    if media.num_ports.is_some() {
        return fail("a port count has no meaning for MSRP (RFC 4975 §8.1)".to_owned());
    }
    let Some(protocol) = Protocol::from_name(&media.proto) else {
        let name = excerpt(&media.proto);
        return fail(format!(
            "protocol {name:?} is not TCP/MSRP or TCP/TLS/MSRP (RFC 4975 §8.1)"
        ));
    };
    if media.fmt.split_ascii_whitespace().next() != Some("*") {
        return fail("format list does not begin with * (RFC 4975 §8.1)".to_owned());
    }
    Ok(protocol)
}

/// What the session part says that holds for `m=` sections too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionLevel {
    address: Option<Host>,
    /// Or the rule that is broken, for the error of each MSRP section.
    defaults: Result<Levelled, String>,
}

impl SessionLevel {
    pub(super) fn read(session: &sdp_types::Session) -> Self {
        Self {
            address: session
                .connection
                .as_ref()
                .map(|connection| parse_address(&connection.connection_address)),
            defaults: Levelled::read(&session.attributes),
        }
    }
}

/// Attributes that may stand at session level too, where they are defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Levelled {
    /// Outer `None`: no such attribute; inner `None`: one that counts as absent.
    setup: Option<Option<SetupAttribute>>,
    direction: Option<Direction>,
    fingerprints: Vec<Fingerprint>,
}

impl Levelled {
    fn read(attributes: &[sdp_types::Attribute]) -> Result<Self, String> {
        let mut level = Self::default();
        for attribute in attributes {
            let value = attribute.value.as_deref();
            match attribute.attribute.as_str() {
                "setup" if level.setup.is_none() => {
                    level.setup = Some(SetupAttribute::from_value(value.unwrap_or_default()));
                }
                "fingerprint" => {
                    let print = Fingerprint::parse(value.unwrap_or_default())
                        .map_err(|rule| format!("attribute fingerprint {rule}"))?;
                    level.fingerprints.extend(print);
                }
                name if value.is_none() => {
                    if let Some(direction) = Direction::from_name(name) {
                        match level.direction {
                            Some(first) if first != direction => {
                                return Err(format!(
                                    "attributes {first} and {direction} on one level (RFC 8866 §6.7)"
                                ));
                            }
                            _ => level.direction = Some(direction),
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(level)
    }
}

/// Attributes of the media level only, and what is left over.
#[derive(Default)]
struct MediaOnly<'a> {
    paths: Vec<&'a str>,
    accept_types: Option<Vec<MediaRange>>,
    accept_wrapped_types: Vec<MediaRange>,
    max_size: Option<u64>,
    cema: bool,
    engine_mark: Option<String>,
    others: Vec<Attribute>,
}

impl<'a> MediaOnly<'a> {
    fn read(attributes: &'a [sdp_types::Attribute]) -> Self {
        let mut own = Self::default();
        for attribute in attributes {
            let name = attribute.attribute.as_str();
            let value = attribute.value.as_deref();
            let text = value.unwrap_or_default();
            match name {
                "path" => own.paths.push(text),
                "accept-types" => {
                    add_ranges(own.accept_types.get_or_insert_default(), text);
                }
                "accept-wrapped-types" => add_ranges(&mut own.accept_wrapped_types, text),
                "max-size" => own.max_size = own.max_size.or_else(|| parse_max_size(text)),
                "msrp-cema" => own.cema = true,
                ENGINE_MARK => own.engine_mark = own.engine_mark.or_else(|| value.map(Into::into)),
                // Read by `Levelled`.
                "setup" | "fingerprint" => {}
                _ if value.is_none() && Direction::from_name(name).is_some() => {}
                _ => own.others.push(Attribute::received(name, value)),
            }
        }
        own
    }
}

/// Adds the entries of one attribute line, up to the limit.
fn add_ranges(list: &mut Vec<MediaRange>, value: &str) {
    let room = MAX_MEDIA_RANGES - list.len();
    list.extend(accept::parse_list(value).take(room));
}

/// The value of a `path` attribute. Spaces around the URIs are tolerated.
fn parse_path(value: &str) -> Result<UriPath, String> {
    if value.len() > MAX_PATH_LEN {
        let len = value.len();
        return Err(format!(
            "attribute path of {len} octets exceeds the limit of {MAX_PATH_LEN}"
        ));
    }
    let path = UriPath::parse(value.as_bytes(), MAX_PATH_URIS)
        .map_err(|error| format!("attribute path: {error} (RFC 4975 §8.2)"))?;
    if path.iter().any(|uri| uri.port().is_none()) {
        return Err("attribute path: a URI has no explicit port (RFC 4975 §8.2)".to_owned());
    }
    if path.last().session_id().is_none() {
        return Err("attribute path: the last URI has no session-id (RFC 4975 §8.2)".to_owned());
    }
    let transport = path.first().transport();
    if !transport.eq_ignore_ascii_case("tcp") {
        let transport = excerpt(transport);
        return Err(format!(
            "attribute path: transport {transport:?} of the leftmost URI is not tcp (RFC 4975 §6)"
        ));
    }
    Ok(path)
}

/// `max-size` is digits without an upper bound; anything else is as if it were not there
/// (RFC 4975 §8.6). What does not fit is "huge".
fn parse_max_size(value: &str) -> Option<u64> {
    let value = value.trim();
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(value.parse().unwrap_or(u64::MAX))
}

/// The address of a `c=` line. A multicast suffix is cut off; the address type is not looked at,
/// since nothing connects to it. Where nothing is before the suffix there is none: an empty address could not be
/// written.
fn parse_address(text: &str) -> Host {
    let address = text.split('/').next();
    let text = address
        .filter(|address| !address.is_empty())
        .unwrap_or(text);
    if let Ok(address) = text.parse() {
        Host::V4(address)
    } else if let Ok(address) = text.parse() {
        Host::V6(address)
    } else {
        Host::Name(text.to_owned())
    }
}
