//! MSRP URIs: syntax (RFC 4975 §9), comparison (§6.1) and what may be generated (§6, §8.2).
//!
//! Where to connect for a URI (§6.2) is decided in `net::dial`; which session a URI means, in
//! `net::registry`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use super::Fault;
use super::redacted::{Redacted, is_session_id_octet};
use super::token::is_token_octet;
use crate::error::{Error, ErrorKind, Result};
use crate::mutant::{self, Mutant};

/// The scheme of a URI. `msrp` never equals `msrps` (RFC 4975 §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// `msrp`: the next hop is reached without TLS.
    Msrp,
    /// `msrps`: the connection to the next hop is protected by TLS.
    Msrps,
}

impl Scheme {
    /// The scheme as text, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Msrp => "msrp",
            Self::Msrps => "msrps",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The host in a URI's authority (RFC 3986 §3.2.2).
///
/// Names compare without case, addresses by value; a name never equals an address, since nothing is
/// resolved to compare (RFC 4975 §6.1).
#[derive(Debug, Clone)]
pub enum Host {
    /// A registered name. From [`Host::parse`] it is in lower case and percent-encoded unreserved
    /// characters are decoded.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; in text it stands in brackets.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host as it stands in a URI: a name, a dotted IPv4 address, or an IPv6 address in
    /// brackets.
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if let Some(bracketed) = text.strip_prefix('[') {
            return bracketed
                .strip_suffix(']')
                .and_then(|address| address.parse().ok())
                .map(Self::V6)
                .ok_or_else(|| Fault::grammar(0, "expected an IPv6 address in brackets"));
        }
        let name = decode_name(text)?;
        Ok(name
            .parse::<Ipv4Addr>()
            .map_or_else(|_| Self::Name(name), Self::V4))
    }

    /// The address, if the host is numeric.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::V6(a), Self::V6(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Host {}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Name(name) => hash_without_case(name, state),
            Self::V4(address) => address.hash(state),
            Self::V6(address) => address.hash(state),
        }
    }
}

impl fmt::Display for Host {
    /// As it stands in a URI: IPv6 in brackets, lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl FromStr for Host {
    type Err = Error;

    /// For text from a caller: as [`Host::parse`], and an IPv6 address may stand without brackets.
    fn from_str(text: &str) -> Result<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        Self::parse(text).map_err(|fault| fault.into_error(ErrorKind::InvalidUri, "host"))
    }
}

/// An MSRP URI, kept with its text as it came.
///
/// Two URIs are equal by the rules of RFC 4975 §6.1: scheme, host, port, session-id (with case) and
/// transport count; userinfo and the parameters after the transport do not. `Display` gives the
/// text as it came, for echoing; `Debug` cuts the session-id.
#[derive(Clone)]
pub struct Uri {
    /// Shared: a session's URI stands in many places.
    parts: Arc<Parts>,
}

struct Parts {
    text: Box<str>,
    scheme: Scheme,
    host: Host,
    port: Option<u16>,
    userinfo: Option<Span>,
    session_id: Option<Span>,
    transport: Span,
}

/// A part of a URI's text.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Result<Self, Fault> {
        let place =
            |at| u32::try_from(at).map_err(|_| Fault::grammar(at, "expected a URI below 4 GiB"));
        Ok(Self {
            start: place(start)?,
            end: place(end)?,
        })
    }

    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Uri {
    /// Reads one URI (RFC 4975 §9), without blanks around it. The transport is mandatory; any
    /// transport of letters and digits is taken.
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let octets = text.as_bytes();
        if let Some(at) = octets.iter().position(|octet| !octet.is_ascii_graphic()) {
            return Err(Fault::grammar(at, "expected visible US-ASCII in the URI"));
        }
        let scheme_len = text
            .find("://")
            .ok_or_else(|| Fault::grammar(0, "expected a scheme and \"://\""))?;
        let scheme = match &octets[..scheme_len] {
            name if name.eq_ignore_ascii_case(b"msrp") => Scheme::Msrp,
            name if name.eq_ignore_ascii_case(b"msrps") => Scheme::Msrps,
            _ => return Err(Fault::grammar(0, "expected the scheme msrp or msrps")),
        };
        let authority = scheme_len + "://".len();

        // A ";" may belong to the userinfo, but no "@" can come after the authority, and no "/"
        // inside it.
        let slash = find(octets, authority, |octet| octet == b'/');
        let at_sign = find(&octets[..slash], authority, |octet| octet == b'@');
        let (userinfo, host_start) = if at_sign < slash {
            check_userinfo(text, authority, at_sign)?;
            (Some(Span::new(authority, at_sign)?), at_sign + 1)
        } else {
            (None, authority)
        };

        let host_end = if octets.get(host_start) == Some(&b'[') {
            let bracket = find(octets, host_start, |octet| octet == b']');
            (bracket + 1).min(octets.len())
        } else {
            find(octets, host_start, |octet| {
                matches!(octet, b':' | b'/' | b';')
            })
        };
        let host = Host::parse(&text[host_start..host_end])
            .map_err(|fault| fault.shifted(host_start as u64))?;

        let mut at = host_end;
        let mut port = None;
        if octets.get(at) == Some(&b':') {
            let end = find(octets, at + 1, |octet| !octet.is_ascii_digit());
            port = Some(
                parse_port(&text[at + 1..end])
                    .ok_or_else(|| Fault::grammar(at + 1, "expected a port of at most 65535"))?,
            );
            at = end;
        }

        let mut session_id = None;
        if octets.get(at) == Some(&b'/') {
            let end = find(octets, at + 1, |octet| !is_session_id_octet(octet));
            if end == at + 1 {
                return Err(Fault::grammar(end, "expected a session-id after \"/\""));
            }
            session_id = Some(Span::new(at + 1, end)?);
            at = end;
        }

        if octets.get(at) != Some(&b';') {
            return Err(Fault::grammar(at, "expected \";\" and a transport"));
        }
        let end = find(octets, at + 1, |octet| !octet.is_ascii_alphanumeric());
        if end == at + 1 {
            return Err(Fault::grammar(
                end,
                "expected a transport of letters and digits",
            ));
        }
        let transport = Span::new(at + 1, end)?;
        check_params(octets, end)?;

        let parts = Arc::new(Parts {
            text: text.into(),
            scheme,
            host,
            port,
            userinfo,
            session_id,
            transport,
        });
        Ok(Self { parts })
    }

    /// Makes the URI of a session, in canonical text: lower case, explicit port, transport `tcp`, no
    /// userinfo.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUri`] if the host is no name of US-ASCII characters legal there (RFC 4975
    /// §6: an international name is given in its A-label form), if the port is 0, or if the
    /// session-id is empty or holds a character that is not legal in one.
    pub fn session(scheme: Scheme, host: &Host, port: u16, session_id: &str) -> Result<Self> {
        if port == 0 {
            return Err(Error::local(
                ErrorKind::InvalidUri,
                "port 0 cannot stand in a URI",
            ));
        }
        if session_id.is_empty() || !session_id.bytes().all(is_session_id_octet) {
            return Err(Error::local(
                ErrorKind::InvalidUri,
                "invalid session-id: expected letters, digits or -._~+=/ only",
            ));
        }
        let host: Host = host.to_string().parse()?;
        format!("{scheme}://{host}:{port}/{session_id};tcp").parse()
    }

    /// The same URI with another transport, for example `ws` (RFC 7977 §5.2.2).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUri`] if `transport` is not of letters and digits.
    pub fn with_transport(&self, transport: &str) -> Result<Self> {
        let place = self.parts.transport.range();
        format!(
            "{}{transport}{}",
            &self.parts.text[..place.start],
            &self.parts.text[place.end..]
        )
        .parse()
    }

    /// Checks that this side may send or offer the URI (RFC 4975 §6): a numeric address comes with a
    /// port, and the userinfo holds no password. (US-ASCII holds for each `Uri`.)
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUri`] that names the broken rule.
    pub fn check_generated(&self) -> Result<()> {
        let broken = if self.parts.port.is_none() && self.parts.host.ip().is_some() {
            "a numeric address in a URI needs a port"
        } else if self
            .userinfo()
            .is_some_and(|userinfo| userinfo.contains(':'))
        {
            "the userinfo of a URI may not hold a password"
        } else {
            return Ok(());
        };
        Err(Error::local(ErrorKind::InvalidUri, broken))
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.parts.text
    }

    /// The text with the session-id cut, for logs.
    pub fn redacted(&self) -> Redacted<'_> {
        Redacted(&self.parts.text)
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.parts.scheme
    }

    /// Whether the scheme is `msrps`: the connection to this hop is protected by TLS.
    pub fn is_secure(&self) -> bool {
        self.parts.scheme == Scheme::Msrps
    }

    /// What stands before the `@`: an account name, not part of the comparison.
    pub fn userinfo(&self) -> Option<&str> {
        self.parts.userinfo.map(|span| self.part(span))
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.parts.host
    }

    /// The port, if it is explicit. There is no default: 2855 is only a recommendation (RFC 4975 §6).
    pub fn port(&self) -> Option<u16> {
        self.parts.port
    }

    /// The session-id, without its `/`. A URI without one names a device, never a session.
    pub fn session_id(&self) -> Option<&str> {
        self.parts.session_id.map(|span| self.part(span))
    }

    /// The transport as it came; compare it without case.
    pub fn transport(&self) -> &str {
        self.part(self.parts.transport)
    }

    /// The parameters after the transport, in order: name, and value if there is one.
    pub fn params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        // Empty, or starts with ";".
        let params = &self.parts.text[self.parts.transport.range().end..];
        params
            .split(';')
            .skip(1)
            .map(|param| match param.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (param, None),
            })
    }

    fn part(&self, span: Span) -> &str {
        &self.parts.text[span.range()]
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        (self.parts.scheme == other.parts.scheme || mutant::on(Mutant::SchemeIgnored))
            && (self.parts.port == other.parts.port || mutant::on(Mutant::PortIgnored))
            && (self.session_id() == other.session_id()
                || (mutant::on(Mutant::SessionIdCase)
                    && self.parts.text.eq_ignore_ascii_case(&other.parts.text)))
            && self.parts.host == other.parts.host
            && (self.userinfo() == other.userinfo() || !mutant::on(Mutant::UserinfoCompared))
            && self.transport().eq_ignore_ascii_case(other.transport())
    }
}

impl Eq for Uri {}

impl Hash for Uri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts.scheme.hash(state);
        self.parts.host.hash(state);
        self.parts.port.hash(state);
        self.session_id().hash(state);
        hash_without_case(self.transport(), state);
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.parts.text)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Uri").field(&self.redacted()).finish()
    }
}

impl AsRef<str> for Uri {
    fn as_ref(&self) -> &str {
        &self.parts.text
    }
}

impl FromStr for Uri {
    type Err = Error;

    /// As [`Uri::parse`], for text from a caller: the error is [`ErrorKind::InvalidUri`].
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|fault| fault.into_error(ErrorKind::InvalidUri, "URI"))
    }
}

/// The first place from `start` on where `is_end` holds, or the end of `octets`.
fn find(octets: &[u8], start: usize, is_end: impl Fn(u8) -> bool) -> usize {
    octets[start..]
        .iter()
        .position(|octet| is_end(*octet))
        .map_or(octets.len(), |at| start + at)
}

fn parse_port(digits: &str) -> Option<u16> {
    let significant = digits.trim_start_matches('0');
    match (digits, significant) {
        ("", _) => None,
        (_, "") => Some(0),
        _ => significant.parse().ok(),
    }
}

/// Lower case, with percent-encoded unreserved characters decoded (RFC 4975 §6.1 rule 2).
fn decode_name(text: &str) -> Result<String, Fault> {
    if text.is_empty() {
        return Err(Fault::grammar(0, "expected a host"));
    }
    let octets = text.as_bytes();
    let mut name = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&octet) = octets.get(at) {
        if octet == b'%' {
            let code = hex_pair(octets, at)
                .ok_or_else(|| Fault::grammar(at, "expected \"%\" and two hexadecimal digits"))?;
            if is_unreserved(code) {
                name.push(char::from(code.to_ascii_lowercase()));
            } else {
                name.push_str(&text[at..at + 3].to_ascii_lowercase());
            }
            at += 3;
        } else if is_unreserved(octet) || is_sub_delim(octet) {
            name.push(char::from(octet.to_ascii_lowercase()));
            at += 1;
        } else {
            return Err(Fault::grammar(at, "expected a character of a host name"));
        }
    }
    Ok(name)
}

fn check_userinfo(text: &str, start: usize, end: usize) -> Result<(), Fault> {
    let octets = &text.as_bytes()[..end];
    let mut at = start;
    while let Some(&octet) = octets.get(at) {
        at += match octet {
            b'%' if hex_pair(octets, at).is_some() => 3,
            b':' => 1,
            _ if is_unreserved(octet) || is_sub_delim(octet) => 1,
            _ => return Err(Fault::grammar(at, "expected a character of userinfo")),
        };
    }
    Ok(())
}

/// `*( ";" token [ "=" token ] )` from `at` to the end.
fn check_params(octets: &[u8], mut at: usize) -> Result<(), Fault> {
    while at < octets.len() {
        if octets[at] != b';' {
            return Err(Fault::grammar(at, "expected \";\" or the end of the URI"));
        }
        let mut end = find(octets, at + 1, |octet| !is_token_octet(octet));
        if end == at + 1 {
            return Err(Fault::grammar(end, "expected a parameter name"));
        }
        if octets.get(end) == Some(&b'=') {
            let value = end + 1;
            end = find(octets, value, |octet| !is_token_octet(octet));
            if end == value {
                return Err(Fault::grammar(end, "expected a parameter value"));
            }
        }
        at = end;
    }
    Ok(())
}

fn hex_pair(octets: &[u8], percent: usize) -> Option<u8> {
    let digit = |at: usize| char::from(*octets.get(at)?).to_digit(16);
    Some((digit(percent + 1)? * 16 + digit(percent + 2)?) as u8)
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

fn is_sub_delim(octet: u8) -> bool {
    b"!$&'()*+,;=".contains(&octet)
}

fn hash_without_case<H: Hasher>(text: &str, state: &mut H) {
    for octet in text.bytes() {
        state.write_u8(octet.to_ascii_lowercase());
    }
    state.write_u8(0xff);
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
