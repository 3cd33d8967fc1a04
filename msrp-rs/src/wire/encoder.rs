//! Writing frames in the RFC's own spelling and order (RFC 4975 §7.1, §7.2, §9): To-Path, From-Path,
//! Message-ID, Byte-Range, reports, others, `Content-*`, Content-Type last.
//!
//! Everything is written flat into one buffer. Bodies are not written here: `proto::chunk` puts
//! them between [`SendHead::encode`] and [`encode_end_line`]. Texts are written so that they cannot
//! end their line: a control octet becomes a blank.

use bytes::{BufMut, BytesMut};

use super::end_line::HYPHENS;
use super::path::words;
use super::token::{find_control, is_token};
use super::{
    ByteRange, Continuation, FailureReport, HeaderName, MessageId, Method, StatusCode,
    TransactionId,
};
use crate::error::{Error, Result};
use crate::mutant::{self, Mutant};

/// The head of a SEND request: one chunk of a message, or a request without body.
#[derive(derive_more::Debug, Clone, Copy)]
pub struct SendHead<'a> {
    /// New for each chunk.
    pub transaction_id: TransactionId,
    /// The value of To-Path: URIs with one SP between them.
    #[debug(skip)]
    pub to_path: &'a [u8],
    /// The value of From-Path, in the same form.
    #[debug(skip)]
    pub from_path: &'a [u8],
    /// The same in all chunks of a message.
    pub message_id: MessageId,
    /// [`ByteRange::EMPTY`] if there is no octet of body in the whole message: some peers break on a
    /// SEND without the header.
    pub byte_range: ByteRange,
    /// Written only if true, since no is the default.
    pub success_report: bool,
    /// Written only if not yes, which is the default.
    pub failure_report: FailureReport,
    /// Further headers, each checked by [`validate_extra_header`]. `Content-*` headers are written
    /// after the others, and left out of a request without body.
    #[debug(skip)]
    pub headers: &'a [(String, String)],
    /// The media type of the body; `None` for a request without body.
    pub content_type: Option<&'a str>,
}

impl SendHead<'_> {
    /// Writes the head: with a Content-Type up to and including the empty line, so that the body
    /// follows; without one up to where [`encode_end_line`] goes on.
    pub fn encode(&self, out: &mut BytesMut) {
        let head = RequestHead {
            transaction_id: self.transaction_id,
            method: &Method::Send,
            to_path: self.to_path,
            from_path: self.from_path,
            message_id: Some(self.message_id),
            headers: &[],
        };
        head.put(out);
        put_byte_range(out, self.byte_range);
        if self.success_report {
            put_header(out, HeaderName::SuccessReport.as_str(), "yes");
        }
        if self.failure_report != FailureReport::Yes && !mutant::on(Mutant::FailureReportUnsaid) {
            put_header(
                out,
                HeaderName::FailureReport.as_str(),
                self.failure_report.as_str(),
            );
        }
        let is_content =
            |name: &str| is_content(name) && !mutant::on(Mutant::ContentHeadersAmongOthers);
        for (name, value) in self.headers.iter().filter(|(name, _)| !is_content(name)) {
            put_header(out, name, value);
        }
        if let Some(content_type) = self.content_type {
            for (name, value) in self.headers.iter().filter(|(name, _)| is_content(name)) {
                put_header(out, name, value);
            }
            put_header(out, HeaderName::ContentType.as_str(), content_type);
            out.put_slice(CRLF);
        }
    }
}

/// The head of a request of any other method, such as AUTH and NICKNAME.
#[derive(derive_more::Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// New for each request.
    pub transaction_id: TransactionId,
    /// The method.
    pub method: &'a Method,
    /// The value of To-Path.
    #[debug(skip)]
    pub to_path: &'a [u8],
    /// The value of From-Path.
    #[debug(skip)]
    pub from_path: &'a [u8],
    /// Optional in most methods, but some peers want it in all but AUTH.
    pub message_id: Option<MessageId>,
    /// Further headers in order.
    #[debug(skip)]
    pub headers: &'a [(&'a str, &'a str)],
}

impl RequestHead<'_> {
    /// Writes the whole request, without body, with its end-line.
    pub fn encode(&self, out: &mut BytesMut) {
        self.put(out);
        encode_end_line(out, &self.transaction_id, Continuation::Complete, false);
    }

    /// Writes the whole request with this body, which must not hold the end-line. MIME headers have to stand last in
    /// `headers`.
    pub fn encode_with_body(&self, content_type: &str, body: &[u8], out: &mut BytesMut) {
        self.put(out);
        put_header(out, HeaderName::ContentType.as_str(), content_type);
        out.put_slice(CRLF);
        out.put_slice(body);
        encode_end_line(out, &self.transaction_id, Continuation::Complete, true);
    }

    fn put(&self, out: &mut BytesMut) {
        out.reserve(TYPICAL_HEAD_LEN + self.to_path.len() + self.from_path.len());
        put_start(out, &self.transaction_id);
        out.put_slice(self.method.as_str().as_bytes());
        out.put_slice(CRLF);
        put_paths(out, self.to_path, self.from_path);
        if let Some(message_id) = &self.message_id {
            put_header(out, HeaderName::MessageId.as_str(), message_id.as_str());
        }
        for (name, value) in self.headers {
            put_header(out, name, value);
        }
    }
}

/// A REPORT request (RFC 4975 §7.1.2).
#[derive(derive_more::Debug, Clone, Copy)]
pub struct ReportHead<'a> {
    /// New for each report.
    pub transaction_id: TransactionId,
    /// The value of To-Path: the whole From-Path of the SEND, same order.
    #[debug(skip)]
    pub to_path: &'a [u8],
    /// The value of From-Path: the own URI.
    #[debug(skip)]
    pub from_path: &'a [u8],
    /// The SEND's.
    pub message_id: MessageId,
    /// Which octets it is about, with the true end; `None` for the whole message.
    pub byte_range: Option<ByteRange>,
    /// What happened to them, in namespace 000.
    pub status: StatusCode,
    /// The text after the code; if empty, the usual one is written.
    pub comment: &'a str,
}

impl ReportHead<'_> {
    /// Writes the whole request with its end-line.
    pub fn encode(&self, out: &mut BytesMut) {
        let head = RequestHead {
            transaction_id: self.transaction_id,
            method: &Method::Report,
            to_path: self.to_path,
            from_path: self.from_path,
            message_id: Some(self.message_id),
            headers: &[],
        };
        head.put(out);
        let byte_range = mutant::swap(Mutant::ReportWithoutRange, self.byte_range, || None);
        if let Some(byte_range) = byte_range {
            put_byte_range(out, byte_range);
        }
        put_name(out, HeaderName::Status.as_str());
        out.put_slice(mutant::swap(Mutant::StatusNamespace, b"000 ", || b"001 "));
        put_status(out, self.status, self.comment);
        encode_end_line(out, &self.transaction_id, Continuation::Complete, false);
    }
}

/// A response (RFC 4975 §7.2).
#[derive(derive_more::Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// The request's.
    pub transaction_id: TransactionId,
    /// The code.
    pub status: StatusCode,
    /// The text after the code; if empty, the usual one is written, since some peers break on a
    /// response without.
    pub comment: &'a str,
    /// The value of To-Path: for a SEND the leftmost URI of its From-Path, else all of it.
    #[debug(skip)]
    pub to_path: &'a [u8],
    /// The value of From-Path: the leftmost URI of the request's To-Path.
    #[debug(skip)]
    pub from_path: &'a [u8],
    /// Further headers in order, such as a relay's Use-Path.
    #[debug(skip)]
    pub headers: &'a [(&'a str, &'a str)],
}

impl ResponseHead<'_> {
    /// Writes the whole response with its end-line.
    pub fn encode(&self, out: &mut BytesMut) {
        out.reserve(TYPICAL_HEAD_LEN + self.to_path.len() + self.from_path.len());
        put_start(out, &self.transaction_id);
        put_status(out, self.status, self.comment);
        put_paths(out, self.to_path, self.from_path);
        for (name, value) in self.headers {
            put_header(out, name, value);
        }
        encode_end_line(out, &self.transaction_id, Continuation::Complete, false);
    }
}

/// Writes a response without further headers; see [`ResponseHead`] for the parts.
pub fn encode_response(
    out: &mut BytesMut,
    transaction_id: &TransactionId,
    status: StatusCode,
    comment: &str,
    to_path: &[u8],
    from_path: &[u8],
) {
    let head = ResponseHead {
        transaction_id: *transaction_id,
        status,
        comment,
        to_path,
        from_path,
        headers: &[],
    };
    head.encode(out);
}

/// The head of a request or response that a relay sends on: its own paths and transaction id, and the other lines as
/// they came.
#[derive(Clone, Copy)]
pub(crate) struct ForwardedHead<'a> {
    pub(crate) transaction_id: &'a TransactionId,
    /// The method; for a response its code.
    pub(crate) start: &'a str,
    /// For a response the text after the code.
    pub(crate) comment: &'a str,
    /// URIs with one SP between them.
    pub(crate) to_path: &'a [u8],
    pub(crate) from_path: &'a [u8],
    /// A line that is written anew, between those before and those after it.
    pub(crate) byte_range: Option<ByteRange>,
    /// The other lines, each with its CRLF: before the Byte-Range, and after it.
    pub(crate) lines: (&'a [u8], &'a [u8]),
    pub(crate) has_body: bool,
}

impl ForwardedHead<'_> {
    /// Writes the head, up to and including the empty line if there is a body.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let (before, after) = self.lines;
        let len = self.to_path.len() + self.from_path.len() + before.len() + after.len();
        out.reserve(TYPICAL_HEAD_LEN + len);
        put_start(out, self.transaction_id);
        out.put_slice(self.start.as_bytes());
        if !self.comment.is_empty() {
            out.put_u8(b' ');
            put_text(out, self.comment.as_bytes());
        }
        out.put_slice(b"\r\nTo-Path: ");
        out.put_slice(self.to_path);
        out.put_slice(b"\r\nFrom-Path: ");
        out.put_slice(self.from_path);
        out.put_slice(CRLF);
        out.put_slice(before);
        if let Some(range) = self.byte_range {
            put_byte_range(out, range);
        }
        out.put_slice(after);
        if self.has_body {
            out.put_slice(CRLF);
        }
    }
}

/// Writes an end-line; `after_body` says that a body, perhaps empty, comes before it, so that CRLF
/// has to stand between them.
pub fn encode_end_line(
    out: &mut BytesMut,
    transaction_id: &TransactionId,
    flag: Continuation,
    after_body: bool,
) {
    let after_body = mutant::swap(Mutant::EndLineGlued, after_body, || false);
    if mutant::swap(Mutant::EmptyLineWithoutBody, after_body, || true) {
        out.put_slice(CRLF);
    }
    out.put_slice(HYPHENS);
    out.put_slice(transaction_id.as_bytes());
    out.put_u8(flag.as_octet());
    out.put_slice(CRLF);
}

/// Checks a header that a caller adds to a SEND.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`](crate::error::ErrorKind::InvalidArgument) if the name is no letter
/// with token characters after it, if the value holds a control octet or starts or ends with a blank,
/// or if the header is one that this engine writes itself or that MSRP forbids.
pub fn validate_extra_header(name: &str, value: &str) -> Result<()> {
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let refused = if !is_name || !is_token(name.as_bytes()) {
        "its name is not a letter with token characters after it"
    } else if find_control(value.as_bytes()).is_some() {
        "its value holds a control character"
    } else if value.trim_matches([' ', '\t']).len() != value.len() {
        "its value starts or ends with a blank"
    } else if name.eq_ignore_ascii_case("Content-Transfer-Encoding") {
        "MSRP bodies are always binary"
    } else if HeaderName::parse(name.as_bytes()).is_some_and(is_owned) {
        "the engine writes it itself"
    } else {
        return Ok(());
    };
    let shown = name.escape_default();
    Err(Error::invalid_argument(format!(
        "header \"{shown}\" refused: {refused}"
    )))
}

/// Whether it is a MIME header: those stand last, and only where there is a body (RFC 4975 §7.1).
pub(crate) fn is_content(name: &str) -> bool {
    name.get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("Content-"))
}

fn is_owned(name: HeaderName) -> bool {
    !matches!(
        name,
        HeaderName::ContentId | HeaderName::ContentDescription | HeaderName::ContentDisposition
    )
}

const CRLF: &[u8] = b"\r\n";

/// Octets of a head without its paths that usually suffice; more only means one reallocation.
const TYPICAL_HEAD_LEN: usize = 256;

fn put_start(out: &mut BytesMut, transaction_id: &TransactionId) {
    out.put_slice(b"MSRP ");
    out.put_slice(transaction_id.as_bytes());
    out.put_u8(b' ');
}

fn put_paths(out: &mut BytesMut, to_path: &[u8], from_path: &[u8]) {
    let mut paths = [
        (HeaderName::ToPath, to_path),
        (HeaderName::FromPath, from_path),
    ];
    paths.rotate_left(usize::from(mutant::on(Mutant::FromPathFirst)));
    for (name, path) in paths {
        put_name(out, name.as_str());
        // An echoed path may have come with any blanks; one SP is written between two URIs.
        for (nth, (_, uri)) in words(path).enumerate() {
            if nth > 0 {
                out.put_u8(b' ');
            }
            put_text(out, uri);
        }
        out.put_slice(CRLF);
    }
}

/// Writes code, comment and CRLF.
fn put_status(out: &mut BytesMut, status: StatusCode, comment: &str) {
    // Three digits, whatever a caller puts into the code.
    let digits = [status.0 / 100 % 10, status.0 / 10 % 10, status.0 % 10];
    out.put_slice(&digits.map(|digit| b'0' + digit as u8));
    out.put_u8(b' ');
    let comment = if comment.is_empty() {
        status.default_comment()
    } else {
        comment
    };
    put_text(out, comment.as_bytes());
    out.put_slice(CRLF);
}

fn put_byte_range(out: &mut BytesMut, range: ByteRange) {
    put_name(out, HeaderName::ByteRange.as_str());
    put_number(out, range.start);
    for (separator, number) in [(b'-', range.end), (b'/', range.total)] {
        out.put_u8(separator);
        match number {
            Some(number) => put_number(out, number),
            None => out.put_u8(b'*'),
        }
    }
    out.put_slice(CRLF);
}

fn put_number(out: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[start..]);
}

fn put_header(out: &mut BytesMut, name: &str, value: &str) {
    put_name(out, name);
    put_text(out, value.as_bytes());
    out.put_slice(CRLF);
}

fn put_name(out: &mut BytesMut, name: &str) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
}

/// Writes text that must not end its line.
fn put_text(out: &mut BytesMut, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = find_control(rest).filter(|_| !mutant::on(Mutant::ControlsWritten)) {
        out.put_slice(&rest[..at]);
        out.put_u8(b' ');
        rest = &rest[at + 1..];
    }
    out.put_slice(rest);
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
