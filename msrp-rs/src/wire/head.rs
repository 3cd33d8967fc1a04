//! The head of a frame: start line and header section (RFC 4975 §9).
//!
//! A head keeps its octets as they came and an index of its headers. Header lines and short values
//! are checked while they arrive; paths are parsed when asked for. What a faulty head is answered is
//! decided in `proto`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::expires::parse_seconds;
use super::header::parse_success_report;
use super::path::words;
use super::redacted::Redacted;
use super::token::{find_control, is_blank, is_token_octet, trimmed};
use super::{
    AuthenticationInfo, ByteRange, Challenge, Credentials, FailureReport, Fault, FaultKind,
    HeaderName, MediaType, MessageId, Method, Status, StatusCode, TransactionId, Uri, UriPath,
};
use crate::mutant::{self, Mutant};

/// Start line and headers of one request or response.
///
/// The octets are a slice of the block they came in, or a copy of at most the configured bounds if
/// they straddled blocks.
#[derive(Clone)]
pub struct Head {
    inner: Box<Inner>,
}

/// Where the parts of a head's header lines stand in its octets.
#[derive(Debug, Clone)]
pub(crate) struct Sections {
    /// To-Path and From-Path.
    pub(crate) paths: Range<usize>,
    /// All lines after them.
    pub(crate) rest: Range<usize>,
    /// The Byte-Range line in `rest`.
    pub(crate) byte_range: Range<usize>,
}

#[derive(Clone)]
struct Inner {
    /// Start line and header lines, without the empty line or end-line after them.
    octets: Bytes,
    offset: u64,
    transaction_id: TransactionId,
    kind: Kind,
    lines: Lines,
    message_id: Option<MessageId>,
    byte_range: Option<ByteRange>,
    requires_empty_body: bool,
    success_report: Option<bool>,
    failure_report: FailureReport,
    has_body_section: bool,
    max_uris: usize,
    fault: Option<Fault>,
}

#[derive(Clone)]
enum Kind {
    Request(Method),
    Response { status: StatusCode, comment: Span },
}

impl Head {
    /// Whether this is a request, by the third word of its start line.
    pub fn is_request(&self) -> bool {
        matches!(self.inner.kind, Kind::Request(_))
    }

    /// Whether this is a REPORT request: one that is never answered.
    pub fn is_report(&self) -> bool {
        self.method() == Some(&Method::Report)
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&Method> {
        match &self.inner.kind {
            Kind::Request(method) => Some(method),
            Kind::Response { .. } => None,
        }
    }

    /// The code of a response.
    pub fn status(&self) -> Option<StatusCode> {
        match self.inner.kind {
            Kind::Request(_) => None,
            Kind::Response { status, .. } => Some(status),
        }
    }

    /// The text after the code of a response; empty if there is none. Octets that are not UTF-8 are
    /// replaced, since the text is only for showing.
    pub fn comment(&self) -> Option<Cow<'_, str>> {
        match self.inner.kind {
            Kind::Request(_) => None,
            Kind::Response { comment, .. } => Some(String::from_utf8_lossy(self.slice(comment))),
        }
    }

    /// The transaction id.
    pub fn transaction_id(&self) -> TransactionId {
        self.inner.transaction_id
    }

    /// 0-based offset of the frame's first octet in the stream of this connection.
    pub fn offset(&self) -> u64 {
        self.inner.offset
    }

    /// Octets of the start line and the header lines, for counting what a peer made us hold.
    pub fn header_len(&self) -> usize {
        self.inner.octets.len()
    }

    /// Start line and header lines as they came, without what ends the section. For traces: holds
    /// session-ids and perhaps credentials.
    pub fn octets(&self) -> &Bytes {
        &self.inner.octets
    }

    /// Copies the octets, so that a head that is kept does not keep the whole block it came in.
    pub fn detach(&mut self) {
        self.inner.octets = Bytes::copy_from_slice(&self.inner.octets);
    }

    /// Whether an empty line ended the section, so that a body, perhaps empty, follows. With a
    /// Content-Type it is a message even if empty; without one it is a body only from the first octet
    /// on.
    pub fn has_body_section(&self) -> bool {
        self.inner.has_body_section
    }

    /// The parsed To-Path. Parsed anew at each call.
    ///
    /// # Errors
    /// A [`Fault`], of kind [`FaultKind::Missing`] if there is no such header.
    pub fn to_path(&self) -> Result<UriPath, Fault> {
        self.path(HeaderName::ToPath)
    }

    /// The parsed From-Path. Parsed anew at each call.
    ///
    /// # Errors
    /// A [`Fault`], of kind [`FaultKind::Missing`] if there is no such header.
    pub fn from_path(&self) -> Result<UriPath, Fault> {
        self.path(HeaderName::FromPath)
    }

    /// The leftmost URI of To-Path alone, to find the session with less work.
    ///
    /// # Errors
    /// A [`Fault`], of kind [`FaultKind::Missing`] if there is no such header.
    pub fn to_path_first(&self) -> Result<Uri, Fault> {
        let span = self.path_span(HeaderName::ToPath)?;
        UriPath::parse_first(self.slice(span)).map_err(|fault| self.shifted(fault, span))
    }

    /// The value of To-Path as it came, for echoing.
    pub fn to_path_text(&self) -> Option<&[u8]> {
        self.header(HeaderName::ToPath)
    }

    /// The value of From-Path as it came, for echoing.
    pub fn from_path_text(&self) -> Option<&[u8]> {
        self.header(HeaderName::FromPath)
    }

    /// The Message-ID; `None` if absent or faulty.
    pub fn message_id(&self) -> Option<MessageId> {
        self.inner.message_id
    }

    /// The Byte-Range; `None` if absent or faulty.
    pub fn byte_range(&self) -> Option<ByteRange> {
        self.inner.byte_range
    }

    /// Whether the Byte-Range came as `0-0/…`, which is read as `1-0/…` only if no octet of body
    /// comes; with one, the request is malformed.
    pub fn requires_empty_body(&self) -> bool {
        self.inner.requires_empty_body
    }

    /// The value of Success-Report; `None` if absent or faulty, which means no.
    pub fn success_report(&self) -> Option<bool> {
        self.inner.success_report
    }

    /// The value of Failure-Report; `Yes` if absent or faulty.
    pub fn failure_report(&self) -> FailureReport {
        self.inner.failure_report
    }

    /// The Status header of a REPORT; `None` if absent or faulty.
    pub fn report_status(&self) -> Option<Status> {
        Status::parse(self.header(HeaderName::Status)?).ok()
    }

    /// The value of Content-Type as it came; `None` if absent or no UTF-8.
    pub fn content_type(&self) -> Option<&str> {
        std::str::from_utf8(self.header(HeaderName::ContentType)?).ok()
    }

    /// How long a URI of a relay is to live, or lives (RFC 4976 §4.6); `None` if absent. More than 136 years are taken for
    /// that.
    ///
    /// # Errors
    /// A [`Fault`] if the header is no whole number of seconds or came twice.
    pub fn expires(&self) -> Result<Option<Duration>, Fault> {
        self.seconds(HeaderName::Expires)
    }

    /// The shortest life that a relay gives to a URI, in a 423; as [`Self::expires`].
    ///
    /// # Errors
    /// As [`Self::expires`].
    pub fn min_expires(&self) -> Result<Option<Duration>, Fault> {
        self.seconds(HeaderName::MinExpires)
    }

    /// The longest life that a relay gives to a URI, in a 423; as [`Self::expires`].
    ///
    /// # Errors
    /// As [`Self::expires`].
    pub fn max_expires(&self) -> Result<Option<Duration>, Fault> {
        self.seconds(HeaderName::MaxExpires)
    }

    /// The URIs that a relay gives to its client (RFC 4976 §4.2); `None` if absent.
    ///
    /// # Errors
    /// A [`Fault`] if the header is no path or came twice.
    pub fn use_path(&self) -> Result<Option<UriPath>, Fault> {
        let Some(span) = self.only(HeaderName::UsePath)? else {
            return Ok(None);
        };
        UriPath::parse(self.slice(span), self.inner.max_uris)
            .map(Some)
            .map_err(|fault| self.shifted(fault, span))
    }

    /// What a relay wants to have proved: the WWW-Authenticate lines with the scheme Digest, in order. Lines of other
    /// schemes and lines that cannot be read are left out, since another one may do.
    pub fn challenges(&self) -> impl Iterator<Item = Challenge> {
        let lines = self.inner.lines.as_slice().iter();
        lines
            .filter(|line| line.known == Some(HeaderName::WwwAuthenticate))
            .filter_map(|line| Challenge::parse(self.slice(line.value)).ok()?)
    }

    /// What a client proves itself with: `None` if there is no Authorization, or one of another scheme than Digest.
    ///
    /// # Errors
    /// A [`Fault`] if the header came twice, or as [`Credentials::parse`].
    pub fn credentials(&self) -> Result<Option<Credentials>, Fault> {
        let Some(span) = self.only(HeaderName::Authorization)? else {
            return Ok(None);
        };
        Credentials::parse(self.slice(span)).map_err(|fault| self.shifted(fault, span))
    }

    /// What a relay proves itself with; `None` if absent.
    ///
    /// # Errors
    /// A [`Fault`] if the header came twice, or as [`AuthenticationInfo::parse`].
    pub fn authentication_info(&self) -> Result<Option<AuthenticationInfo>, Fault> {
        let Some(span) = self.only(HeaderName::AuthenticationInfo)? else {
            return Ok(None);
        };
        AuthenticationInfo::parse(self.slice(span))
            .map(Some)
            .map_err(|fault| self.shifted(fault, span))
    }

    /// The value of the first header of this name, without the blanks around it.
    pub fn header(&self, name: HeaderName) -> Option<&[u8]> {
        let line = self
            .inner
            .lines
            .as_slice()
            .iter()
            .find(|line| line.known == Some(name))?;
        Some(self.slice(line.value))
    }

    /// The value of the first header called `name`, whatever the case.
    pub fn header_by_str(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers();
        let (_, value) = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The well-formed header lines in order: name as it came, and value without the blanks around
    /// it. A value may be no UTF-8.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.inner.lines.as_slice().iter().map(|line| {
            let name = std::str::from_utf8(self.slice(line.name));
            (
                name.expect("a header name is a token, so US-ASCII"),
                self.slice(line.value),
            )
        })
    }

    /// The well-formed headers but those of these names, as text: octets that are no UTF-8 are replaced.
    pub(crate) fn headers_but(&self, left_out: &[HeaderName]) -> Vec<(String, String)> {
        let lines = self.inner.lines.as_slice().iter().zip(self.headers());
        lines
            .filter(|(line, _)| !line.known.is_some_and(|known| left_out.contains(&known)))
            .map(|(_, (name, value))| {
                (name.to_owned(), String::from_utf8_lossy(value).into_owned())
            })
            .collect()
    }

    /// In [`octets`](Self::octets): the lines of the two paths, the lines after them, and among those the one of
    /// Byte-Range, empty if there is none. For a head without [`fault`](Self::fault), where the paths stand first.
    pub(crate) fn sections(&self) -> Sections {
        let lines = self.inner.lines.as_slice();
        let end = self.inner.octets.len();
        let start_of = |nth: usize| lines.get(nth).map_or(end, |line| line.name.start as usize);
        let rest = start_of(2);
        let is_range = |line: &Line| line.known == Some(HeaderName::ByteRange);
        let byte_range = match lines.iter().skip(2).position(is_range) {
            Some(nth) => start_of(nth + 2)..start_of(nth + 3),
            None => rest..rest,
        };
        Sections {
            paths: start_of(0)..rest,
            rest: rest..end,
            byte_range,
        }
    }

    /// The first fault of grammar in the section: a bad header line, a bad value, a header that came
    /// twice, or paths that are missing or not first. The inside of the paths is not looked at until
    /// [`Self::to_path`] and [`Self::from_path`] are called. The frame is sound all the same, so the
    /// connection can go on.
    pub fn fault(&self) -> Option<&Fault> {
        self.inner.fault.as_ref()
    }

    fn path(&self, name: HeaderName) -> Result<UriPath, Fault> {
        let span = self.path_span(name)?;
        UriPath::parse(self.slice(span), self.inner.max_uris)
            .map_err(|fault| self.shifted(fault, span))
    }

    fn path_span(&self, name: HeaderName) -> Result<Span, Fault> {
        let mut lines = self.inner.lines.as_slice().iter();
        let line = lines.find(|line| line.known == Some(name));
        line.map(|line| line.value).ok_or_else(|| {
            let end = self.inner.octets.len();
            Fault::new(FaultKind::Missing, end, format!("expected {name}"))
                .shifted(self.inner.offset)
        })
    }

    fn seconds(&self, name: HeaderName) -> Result<Option<Duration>, Fault> {
        let Some(span) = self.only(name)? else {
            return Ok(None);
        };
        parse_seconds(self.slice(span))
            .map(Some)
            .map_err(|fault| self.shifted(fault, span))
    }

    /// Where the value of a header stands that means nothing if it comes twice.
    fn only(&self, name: HeaderName) -> Result<Option<Span>, Fault> {
        let lines = self.inner.lines.as_slice().iter();
        let mut lines = lines.filter(|line| line.known == Some(name));
        let first = lines.next().map(|line| line.value);
        match lines.next() {
            Some(second) => {
                let expected = format!("expected only one {name}");
                let fault = Fault::new(FaultKind::Duplicate, 0, expected);
                Err(self.shifted(fault, second.name))
            }
            None => Ok(first),
        }
    }

    fn shifted(&self, fault: Fault, span: Span) -> Fault {
        fault.shifted(self.inner.offset + u64::from(span.start))
    }

    fn slice(&self, span: Span) -> &[u8] {
        &self.inner.octets[span.range()]
    }
}

impl fmt::Debug for Head {
    /// Session-ids are cut, and credentials left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Head");
        match &self.inner.kind {
            Kind::Request(method) => shown.field("method", &method.as_str()),
            Kind::Response { status, .. } => shown.field("status", &status.0),
        };
        shown.field("transaction_id", &self.inner.transaction_id.as_str());
        shown.field("offset", &self.inner.offset);
        for line in self.inner.lines.as_slice() {
            let name = String::from_utf8_lossy(self.slice(line.name));
            let value = String::from_utf8_lossy(self.slice(line.value));
            if line.known.is_some_and(HeaderName::is_secret) {
                shown.field(&name, &"…");
            } else {
                shown.field(&name, &Redacted(&value));
            }
        }
        if let Some(fault) = &self.inner.fault {
            shown.field("fault", &format_args!("{fault}"));
        }
        shown.finish_non_exhaustive()
    }
}

/// A head whose lines are still arriving. Places are relative to the frame's first octet.
pub(super) struct HeadBuilder {
    head: Head,
    line_count: usize,
    /// The known headers that came, as bits.
    seen: u32,
}

/// Why a start line is none: the place, and what was expected there.
pub(super) type StartLineError = (usize, &'static str);

/// What every start line begins with.
pub(super) const PROTOCOL: &[u8] = b"MSRP ";

impl HeadBuilder {
    /// Reads a start line, given without its CRLF, that begins with [`PROTOCOL`]. `offset` is the
    /// place of its first octet in the stream.
    pub(super) fn new(line: &[u8], offset: u64, max_uris: usize) -> Result<Self, StartLineError> {
        let id_start = PROTOCOL.len();
        let id_len = line[id_start..].iter().position(|octet| is_blank(*octet));
        let id_end = id_len.map_or(line.len(), |len| id_start + len);
        let transaction_id = TransactionId::parse(&line[id_start..id_end]).map_err(|fault| {
            let at = id_start + fault.offset() as usize;
            (at, "expected a transaction id of 1 to 64 characters and SP")
        })?;
        if line.get(id_end) != Some(&b' ') {
            return Err((id_end, "expected SP after transaction id"));
        }
        let word_start = id_end + 1;
        let word_len = line[word_start..]
            .iter()
            .take_while(|octet| octet.is_ascii_graphic())
            .count();
        let word_end = word_start + word_len;
        let word = std::str::from_utf8(&line[word_start..word_end]).unwrap_or_default();
        if word.is_empty() {
            return Err((word_start, "expected a method or a status code"));
        }

        let mut fault = None;
        let kind = match StatusCode::parse(word.as_bytes()) {
            Some(status) => {
                if !matches!(line.get(word_end), None | Some(b' ')) {
                    return Err((word_end, "expected SP or CRLF after the status code"));
                }
                let comment = &line[word_end..];
                if let Some(at) = find_control(comment) {
                    let expected = "expected no control octet in the comment";
                    fault = Some(Fault::grammar(word_end + at, expected).shifted(offset));
                }
                let (start, end) = trimmed(comment);
                let comment = Span::new(word_end + start, word_end + end);
                Kind::Response { status, comment }
            }
            None => {
                let rest = &line[word_end..];
                if let Some(at) = rest.iter().position(|octet| !is_blank(*octet)) {
                    return Err((word_end + at, "expected CRLF after the method"));
                }
                Kind::Request(Method::from_word(word))
            }
        };
        let inner = Box::new(Inner {
            octets: Bytes::new(),
            offset,
            transaction_id,
            kind,
            lines: Lines::new(),
            message_id: None,
            byte_range: None,
            requires_empty_body: false,
            success_report: None,
            failure_report: FailureReport::default(),
            has_body_section: false,
            max_uris,
            fault,
        });
        Ok(Self {
            head: Head { inner },
            line_count: 0,
            seen: 0,
        })
    }

    pub(super) fn transaction_id(&self) -> &TransactionId {
        &self.head.inner.transaction_id
    }

    /// Whether this is a SEND request, the only frame whose body has no bound.
    pub(super) fn is_send(&self) -> bool {
        self.head.method() == Some(&Method::Send)
    }

    /// Header lines taken so far, faulty ones among them.
    pub(super) fn line_count(&self) -> usize {
        self.line_count
    }

    /// Takes the header line `octets[line]`, given without its CRLF. Gives the place where a path has
    /// more URIs than the bound allows; all other faults are kept in the head.
    pub(super) fn header_line(&mut self, octets: &[u8], line: Range<usize>) -> Result<(), usize> {
        self.line_count += 1;
        let base = line.start;
        match split_line(&octets[line]) {
            Ok((name, value)) => self.header(octets, shift(name, base), shift(value, base)),
            Err(fault) => {
                self.note(fault, base);
                Ok(())
            }
        }
    }

    fn header(&mut self, octets: &[u8], name: Span, value: Span) -> Result<(), usize> {
        let known = HeaderName::parse(&octets[name.range()]);
        let is_first = !known.is_some_and(|known| self.has(known));
        if self.line_count <= 2
            && !(is_first && matches!(known, Some(HeaderName::ToPath | HeaderName::FromPath)))
        {
            let expected = "expected To-Path and From-Path as the first two headers";
            self.note(
                Fault::new(FaultKind::Missing, 0, expected),
                name.range().start,
            );
        }
        if let Some(known) = known {
            self.seen |= 1 << known as u32;
            if is_first {
                let text = &octets[value.range()];
                let base = value.range().start;
                if matches!(known, HeaderName::ToPath | HeaderName::FromPath) {
                    self.check_path_len(text).map_err(|at| base + at)?;
                } else if let Err(fault) = self.known_value(known, text) {
                    self.note(fault, base);
                }
            } else if known.is_single() && !mutant::on(Mutant::RepeatedHeader) {
                let expected = format!("expected only one {known}");
                self.note(
                    Fault::new(FaultKind::Duplicate, 0, expected),
                    name.range().start,
                );
            }
        }
        self.head.inner.lines.push(Line { name, value, known });
        Ok(())
    }

    fn known_value(&mut self, name: HeaderName, value: &[u8]) -> Result<(), Fault> {
        let inner = &mut *self.head.inner;
        match name {
            HeaderName::MessageId => inner.message_id = Some(MessageId::parse(value)?),
            HeaderName::ByteRange => {
                let (range, requires_empty_body) = ByteRange::parse_marked(value)?;
                inner.byte_range = Some(range);
                inner.requires_empty_body = requires_empty_body;
            }
            HeaderName::SuccessReport => {
                let expected = || Fault::grammar(0, "expected yes or no");
                inner.success_report = Some(parse_success_report(value).ok_or_else(expected)?);
            }
            HeaderName::FailureReport => {
                let expected = || Fault::grammar(0, "expected yes, no or partial");
                inner.failure_report = FailureReport::parse(value).ok_or_else(expected)?;
            }
            HeaderName::Status => {
                Status::split(value)?;
            }
            HeaderName::ContentType => {
                let text = std::str::from_utf8(value).map_err(|error| {
                    Fault::grammar(error.valid_up_to(), "expected UTF-8 in the media type")
                })?;
                MediaType::check(text)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The place of the first URI beyond the bound, if there is one.
    fn check_path_len(&self, text: &[u8]) -> Result<(), usize> {
        let max = self.head.inner.max_uris;
        // Each URI but the last takes an octet and a blank at least.
        if text.len() < 2 * max + 1 {
            return Ok(());
        }
        words(text).nth(max).map_or(Ok(()), |(at, _)| Err(at))
    }

    /// Ends the section. `octets` holds all lines taken.
    pub(super) fn finish(mut self, octets: Bytes, has_body_section: bool) -> Head {
        for path in [HeaderName::ToPath, HeaderName::FromPath] {
            if !self.has(path) {
                let expected = format!("expected {path}");
                self.note(Fault::new(FaultKind::Missing, 0, expected), octets.len());
            }
        }
        let mut head = self.head;
        head.inner.octets = octets;
        head.inner.has_body_section = has_body_section;
        head
    }

    fn has(&self, name: HeaderName) -> bool {
        self.seen & (1 << name as u32) != 0
    }

    /// Keeps the first fault.
    fn note(&mut self, fault: Fault, base: usize) {
        let inner = &mut *self.head.inner;
        if inner.fault.is_none() {
            inner.fault = Some(fault.shifted(inner.offset + base as u64));
        }
    }
}

/// Splits a header line into name and value.
fn split_line(line: &[u8]) -> Result<(Span, Span), Fault> {
    let colon = line
        .iter()
        .take_while(|octet| is_token_octet(**octet))
        .count();
    if line.get(colon) != Some(&b':') || !line[0].is_ascii_alphabetic() {
        return Err(bad_name(line));
    }
    let value = &line[colon + 1..];
    if let Some(at) = find_control(value).filter(|_| !mutant::on(Mutant::ControlsTaken)) {
        return Err(Fault::grammar(
            colon + 1 + at,
            "expected no control octet in a header value",
        ));
    }
    let (start, end) = trimmed(value);
    Ok((
        Span::new(0, colon),
        Span::new(colon + 1 + start, colon + 1 + end),
    ))
}

/// Why a line does not start with a header name and a colon.
fn bad_name(line: &[u8]) -> Fault {
    if line.first().copied().is_some_and(is_blank) {
        Fault::grammar(0, "expected a header name, and no folded line")
    } else if line.contains(&b':') {
        Fault::grammar(0, "expected a header name of a letter and token characters")
    } else {
        Fault::grammar(line.len(), "expected \":\" in a header line")
    }
}

fn shift(span: Span, base: usize) -> Span {
    let range = span.range();
    Span::new(base + range.start, base + range.end)
}

/// A part of a head's octets.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The parser's bounds keep a head far below 4 GiB.
    fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One well-formed header line.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    name: Span,
    value: Span,
    known: Option<HeaderName>,
}

/// Header lines; the usual number of them without a further allocation.
#[derive(Debug, Clone)]
struct Lines {
    first: [Line; Self::IN_PLACE],
    len: usize,
    /// All lines, once there are more than fit in place.
    all: Vec<Line>,
}

impl Lines {
    const IN_PLACE: usize = 8;

    fn new() -> Self {
        Self {
            first: [Line::default(); Self::IN_PLACE],
            len: 0,
            all: Vec::new(),
        }
    }

    fn push(&mut self, line: Line) {
        if self.len < Self::IN_PLACE {
            self.first[self.len] = line;
        } else {
            if self.len == Self::IN_PLACE {
                self.all.extend_from_slice(&self.first);
            }
            self.all.push(line);
        }
        self.len += 1;
    }

    fn as_slice(&self) -> &[Line] {
        if self.len <= Self::IN_PLACE {
            &self.first[..self.len]
        } else {
            &self.all
        }
    }
}
