//! Reading one MSRP section, attribute by attribute: from a parsed SDP, or from a SIP stack that keeps an SDP as objects.
//!
//! The rules are those of RFC 4975 §8; the value that comes out is [`MediaDescription`].

use super::accept;
use super::attribute::Attribute;
use super::direction::Direction;
use super::fingerprint::Fingerprint;
use super::media::{MediaDescription, Protocol};
use super::setup::SetupAttribute;
use super::{
    ENGINE_MARK, MAX_ATTRIBUTES, MAX_MEDIA_RANGES, MAX_PATH_LEN, MAX_PATH_URIS, MAX_SDP_LEN,
    excerpt, invalid,
};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Host, MediaRange, UriPath};

/// Makes a [`MediaDescription`] from the values of an `m=` section, one after the other, without any text of an SDP.
///
/// The values of the `m=` line first, then the address of the `c=` line that counts (of the section, or else of the
/// session part), the attributes of the session part that hold for all sections, and those of the section. What breaks a
/// rule is refused where it is given, with an error that names the attribute; what is missing, by [`build`](Self::build).
///
/// ```
/// # fn main() -> msrp::Result<()> {
/// use msrp::sdp::{MediaBuilder, SetupAttribute};
///
/// let mut builder = MediaBuilder::new("message", 2855, "TCP/MSRP", "*")?;
/// builder.address("192.0.2.1")?;
/// builder.session_attribute("setup", Some("actpass"))?;
/// builder.attribute("path", Some("msrp://192.0.2.1:2855/9di4ea;tcp"))?;
/// builder.attribute("accept-types", Some("text/plain"))?;
/// builder.attribute("label", Some("7"))?;
///
/// let error = builder.attribute("fingerprint", Some("sha-256 AB")).unwrap_err();
/// assert!(error.to_string().starts_with("attribute fingerprint "));
///
/// let media = builder.build()?;
/// assert_eq!(media.setup, Some(SetupAttribute::ActPass));
/// assert_eq!(media.attributes[0].name(), "label");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaBuilder {
    port: u16,
    line_protocol: Protocol,
    address: Option<Host>,
    needs_address: bool,
    title: Option<String>,
    session: Levelled,
    media: Levelled,
    own: MediaOnly,
    /// Attributes of the session part and of the section, and octets that were given.
    counts: [usize; 2],
    len: usize,
}

impl MediaBuilder {
    /// Begins with the values of the `m=` line: media, port, protocol and format list. Port 0 is taken; then nothing
    /// else is looked at and [`build`](Self::build) says `Gone`.
    ///
    /// # Errors
    /// `InvalidSdp` if the media is not `message`, the protocol neither `TCP/MSRP` nor `TCP/TLS/MSRP`, or the format list
    /// does not begin with `*` (RFC 4975 §8.1).
    pub fn new(media: &str, port: u16, protocol: &str, formats: &str) -> Result<Self> {
        if media != "message" {
            let kind = excerpt(media);
            return Err(invalid(format!(
                "media {kind:?} is not message (RFC 4975 §8.1)"
            )));
        }
        let line_protocol = match Protocol::from_name(protocol) {
            Some(protocol) => protocol,
            // What it was once for does not matter any more.
            None if port == 0 => Protocol::Tcp,
            None => {
                let name = excerpt(protocol);
                return Err(invalid(format!(
                    "protocol {name:?} is not TCP/MSRP or TCP/TLS/MSRP (RFC 4975 §8.1)"
                )));
            }
        };
        if port != 0 && formats.split_ascii_whitespace().next() != Some("*") {
            return Err(invalid("format list does not begin with * (RFC 4975 §8.1)"));
        }
        Ok(Self {
            port,
            line_protocol,
            address: None,
            needs_address: false,
            title: None,
            session: Levelled::default(),
            media: Levelled::default(),
            own: MediaOnly::default(),
            counts: [0; 2],
            len: 0,
        })
    }

    /// The number of ports behind the port of the `m=` line, where it says one (`7654/2`).
    ///
    /// # Errors
    /// `InvalidSdp` if it is not 1: several have no meaning for MSRP (RFC 4975 §8.1).
    pub fn port_count(&mut self, count: u32) -> Result<()> {
        if count != 1 && self.port != 0 {
            return Err(invalid(PORT_COUNT));
        }
        Ok(())
    }

    /// The address of the `c=` line, an IP address without brackets or a name; the last one given counts.
    ///
    /// # Errors
    /// `InvalidSdp` if it is empty or holds a blank or control character.
    pub fn address(&mut self, address: &str) -> Result<()> {
        if address.is_empty() || address.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(invalid(format!(
                "address {:?} of the c= line is none (RFC 8866 §5.7)",
                excerpt(address)
            )));
        }
        self.address = Some(parse_address(address));
        Ok(())
    }

    /// The title of the `i=` line; an empty one is none.
    ///
    /// # Errors
    /// `InvalidSdp` if it holds CR, LF or NUL.
    pub fn title(&mut self, title: &str) -> Result<()> {
        if title.contains(LINE_ENDS) {
            return Err(invalid("title of the i= line holds CR, LF or NUL"));
        }
        self.title = (!title.is_empty()).then(|| title.to_owned());
        Ok(())
    }

    /// An attribute of the session part. `setup`, a direction and `fingerprint` are defaults of the section; all others
    /// are none of its business and are passed over. An empty value is none.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute).
    pub fn session_attribute(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        let value = self.check(0, name, value)?;
        if self.port != 0 {
            self.session.add(name, value).map_err(invalid)?;
        }
        Ok(())
    }

    /// An attribute of the section, its name without `a=`. `None` or an empty value for one that is a name alone.
    /// Unknown ones are kept, in their order ([`MediaDescription::attributes`]).
    ///
    /// # Errors
    /// `InvalidSdp` for a value that breaks a rule, a second `path`, two directions, or a text that cannot stand in an
    /// `a=` line; `Limit` for more attributes of one level than [`MAX_ATTRIBUTES`] or more octets than [`MAX_SDP_LEN`].
    pub fn attribute(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        let value = self.check(1, name, value)?;
        self.add(name, value)
    }

    /// The description.
    ///
    /// # Errors
    /// `Gone` if the port is 0: the stream is refused or ended (RFC 3264 §6, §8.2). `InvalidSdp` if `path` or
    /// `accept-types` is missing.
    pub fn build(self) -> Result<MediaDescription> {
        if self.port == 0 {
            return Err(Error::remote(
                ErrorKind::Gone,
                "port 0 says that the stream is refused or ended (RFC 3264 §6)",
            ));
        }
        if self.needs_address && self.address.is_none() {
            return Err(invalid(
                "no c= line here nor at session level (RFC 8866 §5.7)",
            ));
        }
        let (own, media, session) = (self.own, self.media, self.session);
        let Some(path) = own.path else {
            return Err(invalid("attribute path is missing (RFC 4975 §8.2)"));
        };
        let Some(accept_types) = own.accept_types else {
            return Err(invalid("attribute accept-types is missing (RFC 4975 §8.6)"));
        };
        Ok(MediaDescription {
            protocol: Protocol::of(path.first()),
            port: self.port,
            address: self.address,
            path,
            accept_types,
            accept_wrapped_types: own.accept_wrapped_types,
            max_size: own.max_size,
            setup: media.setup.or(session.setup).flatten(),
            direction: media.direction.or(session.direction).unwrap_or_default(),
            fingerprints: if media.fingerprints.is_empty() {
                session.fingerprints
            } else {
                media.fingerprints
            },
            cema: own.cema,
            engine_mark: own.engine_mark,
            title: self.title,
            attributes: own.others,
        })
    }

    /// What a parsed section says. `session` is `None` for an `m=` block, where the `c=` line is optional.
    pub(super) fn from_section(
        session: Option<&SessionLevel>,
        media: &sdp_types::Media,
    ) -> Result<Self> {
        if media.media == "message" && media.port != 0 && media.num_ports.is_some() {
            return Err(invalid(PORT_COUNT));
        }
        let mut builder = Self::new(&media.media, media.port, &media.proto, &media.fmt)?;
        builder.needs_address = session.is_some();
        builder.address = match media.connections.first() {
            Some(connection) => Some(parse_address(&connection.connection_address)),
            None => session.and_then(|session| session.address.clone()),
        };
        builder.title = media.media_title.clone().filter(|title| !title.is_empty());
        if media.port == 0 {
            return Ok(builder);
        }
        if let Some(session) = session {
            builder.session = session.defaults.clone().map_err(invalid)?;
        }
        for attribute in &media.attributes {
            builder.add(&attribute.attribute, attribute.value.as_deref())?;
        }
        Ok(builder)
    }

    /// Whether a text of the host can stand in an `a=` line, and there is room for it.
    fn check<'v>(
        &mut self,
        level: usize,
        name: &str,
        value: Option<&'v str>,
    ) -> Result<Option<&'v str>> {
        if name.is_empty() || name.contains(LINE_ENDS) || name.contains([':', ' ']) {
            return Err(invalid(format!(
                "attribute {:?} has no name that can stand in an a= line (RFC 8866 §5.13)",
                excerpt(name)
            )));
        }
        let value = value.filter(|value| !value.is_empty());
        if value.is_some_and(|value| value.contains(LINE_ENDS)) {
            return Err(invalid(format!(
                "attribute {} holds CR, LF or NUL (RFC 8866 §9)",
                excerpt(name)
            )));
        }
        let count = self.counts[level] + 1;
        let len = self.len + name.len() + value.map_or(0, str::len);
        if count > MAX_ATTRIBUTES || len > MAX_SDP_LEN {
            return Err(Error::remote(
                ErrorKind::Limit,
                format!(
                    "attribute {} goes beyond the limit of {MAX_ATTRIBUTES} attributes and {MAX_SDP_LEN} octets",
                    excerpt(name)
                ),
            ));
        }
        (self.counts[level], self.len) = (count, len);
        Ok(value)
    }

    fn add(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        if self.port == 0 || self.media.add(name, value).map_err(invalid)? {
            return Ok(());
        }
        self.own
            .add(name, value, self.line_protocol)
            .map_err(invalid)
    }
}

const PORT_COUNT: &str = "a port count has no meaning for MSRP (RFC 4975 §8.1)";

const LINE_ENDS: [char; 3] = ['\r', '\n', '\0'];

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

    /// Whether it says a direction, which sections without one inherit.
    pub(super) fn has_direction(&self) -> bool {
        self.defaults
            .as_ref()
            .is_ok_and(|defaults| defaults.direction.is_some())
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
            level.add(&attribute.attribute, attribute.value.as_deref())?;
        }
        Ok(level)
    }

    /// Takes an attribute if it is one of these; says whether it was.
    fn add(&mut self, name: &str, value: Option<&str>) -> Result<bool, String> {
        match name {
            "setup" => {
                self.setup
                    .get_or_insert_with(|| SetupAttribute::from_value(value.unwrap_or_default()));
            }
            "fingerprint" => {
                let print = Fingerprint::parse(value.unwrap_or_default())
                    .map_err(|rule| format!("attribute fingerprint {rule}"))?;
                self.fingerprints.extend(print);
            }
            name if value.is_none() => {
                let Some(direction) = Direction::from_name(name) else {
                    return Ok(false);
                };
                match self.direction {
                    Some(first) if first != direction => {
                        return Err(format!(
                            "attributes {first} and {direction} on one level (RFC 8866 §6.7)"
                        ));
                    }
                    _ => self.direction = Some(direction),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Attributes of the media level only, and what is left over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct MediaOnly {
    path: Option<UriPath>,
    accept_types: Option<Vec<MediaRange>>,
    accept_wrapped_types: Vec<MediaRange>,
    max_size: Option<u64>,
    cema: bool,
    engine_mark: Option<String>,
    others: Vec<Attribute>,
}

impl MediaOnly {
    fn add(&mut self, name: &str, value: Option<&str>, line: Protocol) -> Result<(), String> {
        let text = value.unwrap_or_default();
        match name {
            "path" if self.path.is_some() => {
                return Err("2 path attributes, one is allowed (RFC 4975 §8.2)".to_owned());
            }
            "path" => self.path = Some(parse_path(text, line)?),
            "accept-types" => add_ranges(self.accept_types.get_or_insert_default(), text),
            "accept-wrapped-types" => add_ranges(&mut self.accept_wrapped_types, text),
            "max-size" => self.max_size = self.max_size.or_else(|| parse_max_size(text)),
            "msrp-cema" => self.cema = true,
            ENGINE_MARK if self.engine_mark.is_none() => {
                self.engine_mark = value.map(str::to_owned);
            }
            ENGINE_MARK => {}
            _ => self.others.push(Attribute::received(name, value)),
        }
        Ok(())
    }
}

/// Adds the entries of one attribute line, up to the limit.
fn add_ranges(list: &mut Vec<MediaRange>, value: &str) {
    let room = MAX_MEDIA_RANGES - list.len();
    list.extend(accept::parse_list(value).take(room));
}

/// The value of a `path` attribute on an `m=` line of this protocol. Spaces around the URIs are tolerated.
fn parse_path(value: &str, line: Protocol) -> Result<UriPath, String> {
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
    let scheme = path.first().scheme();
    if line != Protocol::of(path.first()) {
        return Err(format!(
            "attribute path: protocol {line} but the leftmost URI is an {scheme} URI (RFC 4975 §8.1)"
        ));
    }
    Ok(path)
}

/// `max-size` is digits without an upper bound; anything else is as if it were not there
/// (RFC 4975 §8.6). What does not fit is "huge".
pub(super) fn parse_max_size(value: &str) -> Option<u64> {
    let value = value.trim();
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(value.parse().unwrap_or(u64::MAX))
}

/// The address of a `c=` line. A multicast suffix is cut off; the address type is not looked at,
/// since nothing connects to it. Where nothing is before the suffix there is none: an empty address could not be
/// written.
pub(super) fn parse_address(text: &str) -> Host {
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
