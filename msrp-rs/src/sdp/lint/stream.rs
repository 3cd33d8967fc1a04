//! The sections of MSRP streams.

use std::collections::HashMap;

use super::super::builder::parse_address;
use super::super::{Fingerprint, HashFunction, MAX_PATH_LEN, MAX_PATH_URIS, Protocol, excerpt};
use super::lines::{Line, Section, Text};
use super::session::{Levelled, levelled};
use super::{Findings, Kind, Rule, rules};
use crate::wire::{Host, Scheme, UriPath};

pub(super) fn check_all(text: &Text<'_>, kind: Option<Kind>, findings: &mut Findings) {
    // What the session part says about these was told with it.
    let defaults = levelled(&text.session, None, kind, &mut Findings::default());
    let address = connection(&text.session);
    let mut session_ids = HashMap::new();
    for (index, section) in text.sections.iter().enumerate() {
        let Some(media) = &section.media else {
            continue;
        };
        if media.media != "message" {
            continue;
        }
        let stream = Stream {
            index,
            section,
            media,
            kind,
            defaults: &defaults,
        };
        if media.port == 0 {
            let text = "port 0: the stream is refused or ended";
            stream.tell(findings, &rules::PORT_ZERO, section.number, text);
            continue;
        }
        let path = stream.check(address.as_ref(), text.is_whole, findings);
        if let Some(path) = path {
            let uri = path.last();
            let identity = (
                uri.host().to_string(),
                uri.port(),
                uri.session_id().map(str::to_owned),
            );
            if let Some(first) = session_ids.insert(identity, section.number) {
                let text = format!("the last URI of path is that of the stream at line {first}");
                let line = stream.line_of("path");
                stream.tell(findings, &rules::SESSION_ID_SHARED, line, text);
            }
        }
    }
}

/// The `c=` line that counts among these.
fn connection(lines: &[Line<'_>]) -> Option<(usize, Host)> {
    let line = lines.iter().find(|line| line.letter == b'c')?;
    let address = line.value.split_ascii_whitespace().nth(2)?;
    Some((line.number, parse_address(address)))
}

/// One section with a stream that is not refused.
pub(super) struct Stream<'t, 'a> {
    index: usize,
    pub(super) section: &'t Section<'a>,
    media: &'t sdp_types::Media,
    kind: Option<Kind>,
    defaults: &'t Levelled,
}

impl<'a> Stream<'_, 'a> {
    pub(super) fn tell(
        &self,
        findings: &mut Findings,
        rule: &'static Rule,
        line: usize,
        text: impl Into<String>,
    ) {
        findings.add(rule, line, Some(self.index), text);
    }

    pub(super) fn attributes<'s>(
        &'s self,
        name: &'static str,
    ) -> impl Iterator<Item = (&'s Line<'a>, &'a str)> + 's {
        self.section
            .lines
            .iter()
            .filter_map(move |line| match line.attribute() {
                Some((found, value)) if found == name => Some((line, value.unwrap_or_default())),
                _ => None,
            })
    }

    /// Line of the first attribute of this name, or of the `m=` line.
    pub(super) fn line_of(&self, name: &'static str) -> usize {
        let first = self.attributes(name).next();
        first.map_or(self.section.number, |(line, _)| line.number)
    }

    /// Looks at everything; gives the path if there is one that can be read.
    fn check(
        &self,
        session_address: Option<&(usize, Host)>,
        is_whole: bool,
        findings: &mut Findings,
    ) -> Option<UriPath> {
        let protocol = self.media_line(findings);
        let own = self.connection_lines(findings);
        let address = own.as_ref().or(session_address);
        if address.is_none() && is_whole {
            let text = "no c= line here nor before the m= lines";
            self.tell(findings, &rules::ADDRESS_MISSING, self.section.number, text);
        }
        let level = levelled(&self.section.lines, Some(self.index), self.kind, findings);
        let path = self.path(protocol, findings);
        let cema = self.cema(findings);
        if let Some(path) = &path {
            self.ports_and_addresses(path, address, cema, findings);
        }
        let setup = level.setup.as_deref().or(self.defaults.setup.as_deref());
        self.setup(setup, path.as_ref(), cema, findings);
        let accepted = self.types("accept-types", findings);
        let wrapped = self.types("accept-wrapped-types", findings);
        self.content(accepted, wrapped, findings);
        self.max_size(findings);
        self.fingerprints(&level, protocol, path.as_ref(), findings);
        path
    }

    fn media_line(&self, findings: &mut Findings) -> Option<Protocol> {
        let line = self.section.number;
        if self.media.num_ports.is_some() {
            let text = "a port count has no meaning for MSRP";
            self.tell(findings, &rules::PORT_COUNT, line, text);
        }
        let name = self.media.proto.as_str();
        let protocol = Protocol::from_name(name);
        match protocol {
            None => {
                let text = format!(
                    "protocol {:?} is not TCP/MSRP or TCP/TLS/MSRP",
                    excerpt(name)
                );
                self.tell(findings, &rules::PROTOCOL, line, text);
            }
            Some(protocol) if protocol.name() != name => {
                let text = format!("protocol {name:?} is written {protocol}");
                self.tell(findings, &rules::PROTOCOL_CASE, line, text);
            }
            Some(_) => {}
        }
        let mut formats = self.media.fmt.split_ascii_whitespace();
        if formats.next() != Some("*") {
            let text = "format list does not begin with *";
            self.tell(findings, &rules::FORMAT, line, text);
        } else if formats.next().is_some() {
            let text = "formats behind * have no meaning";
            self.tell(findings, &rules::FORMAT_MORE, line, text);
        }
        protocol
    }

    fn connection_lines(&self, findings: &mut Findings) -> Option<(usize, Host)> {
        let lines = &self.section.lines;
        if let Some(second) = lines.iter().filter(|line| line.letter == b'c').nth(1) {
            let text = "a second c= line, which is passed over";
            self.tell(findings, &rules::ADDRESS_REPEATED, second.number, text);
        }
        connection(lines)
    }

    fn path(&self, protocol: Option<Protocol>, findings: &mut Findings) -> Option<UriPath> {
        let mut attributes = self.attributes("path");
        let Some((line, value)) = attributes.next() else {
            let text = "attribute path is missing";
            self.tell(findings, &rules::PATH_MISSING, self.section.number, text);
            return None;
        };
        for (again, _) in attributes {
            let text = "a second path attribute";
            self.tell(findings, &rules::PATH_REPEATED, again.number, text);
        }
        let number = line.number;
        if value.len() > MAX_PATH_LEN {
            let text = format!("path of {} octets exceeds {MAX_PATH_LEN}", value.len());
            self.tell(findings, &rules::PATH_LIMIT, number, text);
            return None;
        }
        let count = value.split_ascii_whitespace().count();
        if count > MAX_PATH_URIS {
            let text = format!("path of {count} URIs exceeds {MAX_PATH_URIS}");
            self.tell(findings, &rules::PATH_LIMIT, number, text);
            return None;
        }
        let path = match UriPath::parse(value.as_bytes(), MAX_PATH_URIS) {
            Ok(path) => path,
            Err(fault) => {
                let text = format!("attribute path: {fault}");
                self.tell(findings, &rules::PATH_URI, number, text);
                return None;
            }
        };
        if value.split(' ').any(str::is_empty) {
            let text = "attribute path has more spaces than one between URIs";
            self.tell(findings, &rules::PATH_SPACES, number, text);
        }
        let mut tell = |rule, text: String| self.tell(findings, rule, number, text);
        if path.iter().any(|uri| uri.port().is_none()) {
            let text = "attribute path: a URI has no explicit port";
            tell(&rules::PATH_PORT, text.to_owned());
        }
        if path.iter().any(|uri| uri.port() == Some(0)) {
            let text = "attribute path: a URI has port 0";
            tell(&rules::PATH_PORT_ZERO, text.to_owned());
        }
        match path.last().session_id() {
            None => {
                let text = "attribute path: the last URI has no session-id";
                tell(&rules::PATH_SESSION_ID, text.to_owned());
            }
            Some(id) if id.len() < SAFE_SESSION_ID_LEN => {
                let len = id.len();
                let text =
                    format!("attribute path: a session-id of {len} characters can be guessed");
                tell(&rules::SESSION_ID_SHORT, text);
            }
            Some(_) => {}
        }
        let first = path.first();
        if !first.transport().eq_ignore_ascii_case("tcp") {
            let transport = excerpt(first.transport());
            let text =
                format!("attribute path: transport {transport:?} of the first URI is not tcp");
            tell(&rules::PATH_TRANSPORT, text);
        }
        match (protocol, first.scheme()) {
            (Some(Protocol::Tls), Scheme::Msrp) => {
                let text = "protocol TCP/TLS/MSRP, but the first URI of path is no msrps URI";
                tell(&rules::PATH_CLEARTEXT, text.to_owned());
            }
            (Some(Protocol::Tcp), Scheme::Msrps) => {
                let text = "protocol TCP/MSRP, but the first URI of path is an msrps URI";
                tell(&rules::PATH_SECURE, text.to_owned());
            }
            _ => {}
        }
        Some(path)
    }

    fn cema(&self, findings: &mut Findings) -> bool {
        let mut cema = false;
        for (line, value) in self.attributes("msrp-cema") {
            cema = true;
            if !value.is_empty() {
                let text = "attribute msrp-cema has a value";
                self.tell(findings, &rules::CEMA_VALUE, line.number, text);
            }
        }
        cema
    }

    /// `c=` and `m=` line against the path. A name cannot be compared with an address here.
    fn ports_and_addresses(
        &self,
        path: &UriPath,
        address: Option<&(usize, Host)>,
        cema: bool,
        findings: &mut Findings,
    ) {
        if let Some((line, Host::V4(address))) = address
            && address.is_unspecified()
        {
            let text = "address 0.0.0.0: on hold, no ordinary messages are sent";
            self.tell(findings, &rules::ADDRESS_HOLD, *line, text);
            return;
        }
        let port = Some(self.media.port);
        let same_host = |host: &Host| match address {
            Some((_, address)) => address == host || is_name(address) != is_name(host),
            None => true,
        };
        if cema {
            if !path
                .iter()
                .any(|uri| uri.port() == port && same_host(uri.host()))
            {
                let text = "c= and m= line fit no URI of path";
                self.tell(findings, &rules::CEMA_MIDDLEBOX, self.section.number, text);
            }
            return;
        }
        let own = path.last();
        if let Some(uri_port) = own.port()
            && uri_port != self.media.port
        {
            let text = format!("port {} is not {uri_port}, as in path", self.media.port);
            self.tell(findings, &rules::PORT_DIFFERS, self.section.number, text);
        }
        if let Some((line, shown)) = address
            && !same_host(own.host())
        {
            let (shown, host) = (shown.to_string(), own.host().to_string());
            let text = format!(
                "address {:?} is not {:?}, as in path",
                excerpt(&shown),
                excerpt(&host)
            );
            self.tell(findings, &rules::ADDRESS_DIFFERS, *line, text);
        }
    }

    fn setup(
        &self,
        setup: Option<&str>,
        path: Option<&UriPath>,
        cema: bool,
        findings: &mut Findings,
    ) {
        let line = self.line_of("setup");
        let has_relay = path.is_some_and(|path| path.len() > 1);
        let Some(setup) = setup else {
            let text = "no setup attribute: the offerer connects";
            self.tell(findings, &rules::SETUP_MISSING, line, text);
            if cema && !has_relay {
                let text = "msrp-cema without a setup attribute";
                self.tell(
                    findings,
                    &rules::CEMA_SETUP,
                    self.line_of("msrp-cema"),
                    text,
                );
            }
            return;
        };
        if setup == "active" && !has_relay && self.media.port != DISCARD_PORT {
            let text = format!("setup:active with port {}, not 9", self.media.port);
            self.tell(findings, &rules::SETUP_PORT, line, text);
        }
        if cema && has_relay {
            let wished = match self.kind {
                Some(Kind::Offer) => "actpass",
                Some(Kind::Answer) => "passive",
                None => return,
            };
            if setup != wished {
                let text = format!("msrp-cema behind a relay without setup:{wished}");
                self.tell(findings, &rules::CEMA_RELAY_SETUP, line, text);
            }
        }
    }

    fn fingerprints(
        &self,
        level: &Levelled,
        protocol: Option<Protocol>,
        path: Option<&UriPath>,
        findings: &mut Findings,
    ) {
        let here = match level.fingerprints.is_empty() {
            true => self.defaults,
            false => level,
        };
        let line = self.line_of("fingerprint");
        let is_secure = protocol == Some(Protocol::Tls)
            || path.is_some_and(|path| path.first().scheme() == Scheme::Msrps);
        if !is_secure {
            // A default of the session part may be meant for other sections.
            if level.has_fingerprint_lines && protocol.is_some() {
                let text = "fingerprint of a stream without TLS";
                self.tell(findings, &rules::FINGERPRINT_CLEARTEXT, line, text);
            }
            return;
        }
        if here.fingerprints.is_empty() {
            if !level.has_fingerprint_lines && !self.defaults.has_fingerprint_lines {
                let text = "TLS without a fingerprint";
                self.tell(findings, &rules::FINGERPRINT_MISSING, line, text);
            }
            return;
        }
        let has = |function: &HashFunction| {
            let mut prints = here.fingerprints.iter();
            prints.any(|print| print.function() == function)
        };
        if !has(&HashFunction::Sha256) {
            let text = "no fingerprint with sha-256";
            self.tell(findings, &rules::FINGERPRINT_SHA_256, line, text);
        }
        if path.is_some_and(|path| path.len() > 1) {
            let text = "fingerprint behind a relay";
            self.tell(findings, &rules::FINGERPRINT_RELAY, line, text);
        }
    }
}

fn is_name(host: &Host) -> bool {
    host.ip().is_none()
}

/// Looks at one `fingerprint` attribute; gives it if it can be read.
pub(super) fn check_fingerprint(
    line: &Line<'_>,
    value: &str,
    media: Option<usize>,
    findings: &mut Findings,
) -> Option<Fingerprint> {
    let number = line.number;
    let print = match Fingerprint::parse(value) {
        Ok(Some(print)) => print,
        Ok(None) => {
            let text = "fingerprint of an unknown hash is passed over";
            findings.add(&rules::FINGERPRINT_UNKNOWN, number, media, text);
            return None;
        }
        Err(rule) => {
            let text = format!("attribute fingerprint {}", without_reference(&rule));
            findings.add(&rules::FINGERPRINT, number, media, text);
            return None;
        }
    };
    match print.function() {
        HashFunction::Md5 | HashFunction::Md2 => {
            let text = format!("fingerprint with {} is not trusted", print.function());
            findings.add(&rules::FINGERPRINT_WEAK, number, media, text);
        }
        HashFunction::Other(name) => {
            let text = format!("hash {:?} is unknown: passed over", excerpt(name));
            findings.add(&rules::FINGERPRINT_UNKNOWN, number, media, text);
        }
        _ => {}
    }
    let digits = value.split_ascii_whitespace().nth(1).unwrap_or_default();
    if digits.contains(|c: char| c.is_ascii_lowercase()) {
        let text = "fingerprint in lower-case hex";
        findings.add(&rules::FINGERPRINT_CASE, number, media, text);
    }
    Some(print)
}

/// The text of a fault whose section stands in the rule.
fn without_reference(text: &str) -> &str {
    text.split_once(" (RFC").map_or(text, |(before, _)| before)
}

/// Letters and digits that hold 80 bits: 14 * log2(62) = 83.
const SAFE_SESSION_ID_LEN: usize = 14;

/// The port of one who only connects (RFC 4145 §4.1).
const DISCARD_PORT: u16 = 9;
