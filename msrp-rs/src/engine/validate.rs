//! Checks of what hosts configure: each text names the option and its bound.
//!
//! The bounds of `Limits` are checked in [`limits`](crate::limits), texts of the wire by `wire`.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::options::{
    ChunkLen, ConnectionOptions, EngineOptions, ListenOptions, RequestOptions, SendBody,
    SendOptions, SessionOptions, TraceOptions,
};
use super::relay::RelayListenOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{Limits, MAX_TIME, range, time};
use crate::net::sockopt::zone;
use crate::proto::Answer;
use crate::sdp::Attribute;
use crate::wire::{MediaRange, MediaType, MessageId, Method, StatusCode, validate_extra_header};

/// Header lines that the engine adds to a SEND, and what they take at most: two paths of one URI each, ids and ranges.
const OWN_HEADERS: usize = 7;
const OWN_HEADERS_LEN: usize = 1024;

/// A start line without its comment: `MSRP`, a transaction id of 64 characters, a code, three SP.
const START_LEN: usize = 4 + 64 + 3 + 3;

/// Most methods that a session's host answers, and letters of one.
const MAX_METHODS: usize = 32;
const MAX_METHOD: usize = 64;

/// Most relays of a session.
const MAX_RELAYS: usize = 8;

/// Most attributes that a host adds to our m= section, their octets in all, and those of its title.
const MAX_ATTRIBUTES: usize = 128;
const MAX_ATTRIBUTES_LEN: usize = 16 << 10;
const MAX_TITLE_LEN: usize = 1024;

/// Octets of an interface's name that the systems take (`IFNAMSIZ`, without its end).
const MAX_INTERFACE: usize = 15;

/// Longest time before the system asks a silent peer (`TCP_KEEPIDLE`).
const MAX_KEEPALIVE: Duration = Duration::from_secs(32_767);

/// Most threads of one engine.
const MAX_THREADS: usize = 256;

/// The options of an engine.
pub(super) fn engine(options: &EngineOptions) -> Result<()> {
    range("worker_threads", options.worker_threads, 1, MAX_THREADS)?;
    options.limits.validate()?;
    port_range(options.port_range.as_ref())?;
    options.trace.as_ref().map_or(Ok(()), trace)
}

/// The options of a trace.
pub(super) fn trace(options: &TraceOptions) -> Result<()> {
    let max_bytes = usize::try_from(options.max_bytes).unwrap_or(usize::MAX);
    range("trace.max_bytes", max_bytes, 64 << 10, 1 << 40)?;
    range("trace.files", options.files, 1, 1000)?;
    range("trace.queue_bytes", options.queue_bytes, 64 << 10, 1 << 30)
}

/// The types that a session takes, at the root and inside containers, and the methods that its host answers.
pub(super) struct Types {
    pub(super) accept: Arc<[MediaRange]>,
    pub(super) wrapped: Vec<MediaRange>,
    pub(super) methods: Arc<[Method]>,
}

/// The options of a session, but for where it listens.
pub(super) fn session(options: &SessionOptions) -> Result<Types> {
    if let ChunkLen::Octets(len) = options.chunk_len {
        range("chunk_len", len as usize, 1, 1 << 30)?;
    }
    if let Some(interval) = options.keep_alive {
        if interval < Duration::from_secs(1) {
            return Err(Error::invalid_argument(format!(
                "keep_alive is {interval:?}, at least 1 s is allowed"
            )));
        }
        time("keep_alive", interval)?;
    }
    if let Some(timeout) = options.report_timeout {
        time("report_timeout", timeout)?;
    }
    connection(&options.connection)?;
    if let Some(title) = &options.title {
        self::title(title)?;
    }
    attributes(&options.attributes)?;
    if options.accept_types.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::invalid_argument(
            "accept_types is empty: give at least one type, or * (RFC 4975 §8.6)",
        ));
    }
    let accept = match &options.accept_types {
        Some(types) => ranges("accept_types", types)?.into(),
        None => default_types(),
    };
    Ok(Types {
        accept,
        wrapped: ranges("accept_wrapped_types", &options.accept_wrapped_types)?,
        methods: methods(&options.methods)?,
    })
}

/// The options of a session with relays, but for the relays.
pub(super) fn behind_relays(options: &SessionOptions) -> Result<()> {
    range("relays", options.relays.len(), 1, MAX_RELAYS)?;
    let wrong = |text: &str| Err(Error::invalid_argument(text));
    if options.listener.is_some() {
        return wrong(
            "listener: a session with relays listens nowhere, since its relay is connected to",
        );
    }
    if options.connection.source_port_from_path {
        return wrong("connection.source_port_from_path: a session with relays listens nowhere");
    }
    Ok(())
}

/// What a session takes that says nothing of it: one list for all of them.
fn default_types() -> Arc<[MediaRange]> {
    static TYPES: LazyLock<Arc<[MediaRange]>> = LazyLock::new(|| {
        std::iter::once("text/plain")
            .chain(crate::sdp::MANDATORY_TYPES)
            .map(|name| MediaRange::parse(name).expect("a media type"))
            .collect()
    });
    Arc::clone(&TYPES)
}

/// How a connection is made and kept.
pub(super) fn connection(options: &ConnectionOptions) -> Result<()> {
    if options.source_port_from_path && options.source_port != 0 {
        return Err(Error::invalid_argument(format!(
            "connection.source_port is {} and source_port_from_path asks for another: give one of them",
            options.source_port
        )));
    }
    if let Some(address) = options.source_address
        && (address.is_unspecified() || address.is_multicast())
    {
        return Err(Error::invalid_argument(format!(
            "connection.source_address is {address}: nobody can dial from it"
        )));
    }
    if let Some(timeout) = options.connect_timeout {
        time("connection.connect_timeout", timeout)?;
    }
    sockets(
        "connection.",
        options.interface.as_deref(),
        options.dscp,
        options.tcp_keepalive,
        options.idle,
    )
}

/// The options of a listener, but for what TLS and its host ask for.
pub(super) fn listen(options: &ListenOptions) -> Result<()> {
    if options.port != 0 && options.port_range.is_some() {
        return Err(Error::invalid_argument(format!(
            "port is {} and port_range asks for others: give one of them",
            options.port
        )));
    }
    port_range(options.port_range.as_ref())?;
    sockets(
        "",
        options.interface.as_deref(),
        options.dscp,
        options.tcp_keepalive,
        options.idle,
    )
}

/// What is said about a relay's listener.
pub(super) fn relay_listen(options: &RelayListenOptions) -> Result<()> {
    if options.advertise_port == Some(0) {
        return Err(Error::invalid_argument("advertise_port is 0"));
    }
    sockets(
        "",
        options.interface.as_deref(),
        options.dscp,
        options.tcp_keepalive,
        None,
    )
}

fn port_range(ports: Option<&RangeInclusive<u16>>) -> Result<()> {
    match ports {
        Some(ports) if ports.is_empty() || *ports.start() == 0 => {
            Err(Error::invalid_argument(format!(
                "port_range is {} to {}: it begins at 1 or above and does not end before it begins",
                ports.start(),
                ports.end()
            )))
        }
        _ => Ok(()),
    }
}

/// What is asked of the system for sockets.
fn sockets(
    prefix: &str,
    interface: Option<&str>,
    dscp: Option<u8>,
    keepalive: Option<Duration>,
    idle: Option<Duration>,
) -> Result<()> {
    if let Some(name) = interface {
        range(
            &format!("{prefix}interface.len"),
            name.len(),
            1,
            MAX_INTERFACE,
        )?;
        if name.contains(['/', '\0']) || name.chars().any(char::is_whitespace) {
            let shown = name.escape_default();
            return Err(Error::invalid_argument(format!(
                "{prefix}interface is \"{shown}\": that is no name of an interface"
            )));
        }
    }
    if let Some(dscp) = dscp {
        range(&format!("{prefix}dscp"), usize::from(dscp), 0, 63)?;
    }
    if let Some(keepalive) = keepalive
        && !(Duration::from_secs(1)..=MAX_KEEPALIVE).contains(&keepalive)
    {
        return Err(Error::invalid_argument(format!(
            "{prefix}tcp_keepalive is {keepalive:?}, allowed is 1s to {MAX_KEEPALIVE:?}"
        )));
    }
    idle.map_or(Ok(()), |idle| time(&format!("{prefix}idle"), idle))
}

/// Where to listen. An address with a zone means another place on each machine, and the grammar of URIs has none.
pub(super) fn host(host: &str, advertise: Option<&(String, u16)>) -> Result<()> {
    if advertise.is_none() && zone(host).is_some() {
        return Err(Error::invalid_argument(format!(
            "host is {host}: a zone cannot stand in a path (RFC 4975 §9), give advertise=(host, port)"
        )));
    }
    Ok(())
}

fn title(title: &str) -> Result<()> {
    range("title.len", title.len(), 1, MAX_TITLE_LEN)?;
    if title.contains(['\r', '\n', '\0']) {
        return Err(Error::invalid_argument(
            "title holds CR, LF or NUL (RFC 8866 §9)",
        ));
    }
    Ok(())
}

/// The host's attributes of our m= section; what stands in each was checked when it was made.
pub(super) fn attributes(attributes: &[Attribute]) -> Result<()> {
    range("attributes", attributes.len(), 0, MAX_ATTRIBUTES)?;
    let len = attributes
        .iter()
        .map(|it| it.name().len() + it.value().map_or(0, str::len))
        .sum();
    range("attributes.len", len, 0, MAX_ATTRIBUTES_LEN)
}

fn methods(words: &[String]) -> Result<Arc<[Method]>> {
    range("methods", words.len(), 0, MAX_METHODS)?;
    words.iter().map(|word| method(word)).collect()
}

/// A method that is a host's to send and to answer.
pub(super) fn method(word: &str) -> Result<Method> {
    let shown = word.escape_default();
    if word.is_empty() || !word.bytes().all(|octet| octet.is_ascii_uppercase()) {
        return Err(Error::invalid_argument(format!(
            "method \"{shown}\" is no word of capital letters (RFC 4975 §9)"
        )));
    }
    if word.len() > MAX_METHOD {
        return Err(Error::invalid_argument(format!(
            "method of {} letters exceeds {MAX_METHOD}",
            word.len()
        )));
    }
    match Method::from_word(word) {
        Method::Send | Method::Report | Method::Auth => Err(Error::invalid_argument(format!(
            "method {shown} is the engine's own"
        ))),
        method => Ok(method),
    }
}

/// A request of another method: as a message, but its body is at most 10 KiB (RFC 4975 §7.1).
pub(super) fn request(
    method: &str,
    options: &RequestOptions,
    body: Option<&[u8]>,
    limits: &Limits,
) -> Result<(Method, MediaType, Option<MessageId>)> {
    let method = self::method(method)?;
    let len = body.map_or(0, <[u8]>::len);
    if len > limits.non_send_body {
        return Err(Error::local(
            ErrorKind::TooLarge,
            format!(
                "body of {len} octets exceeds non_send_body {} (RFC 4975 §7.1)",
                limits.non_send_body
            ),
        ));
    }
    let options = SendOptions {
        content_type: options.content_type.clone(),
        message_id: options.message_id.clone(),
        headers: options.headers.clone(),
        ..SendOptions::default()
    };
    let (media_type, message_id) = send(&options, limits)?;
    Ok((method, media_type, message_id))
}

/// The status, comment and headers of a response.
pub(super) fn answer(answer: &Answer, limits: &Limits) -> Result<()> {
    status(answer.status)?;
    comment(&answer.comment, limits)?;
    let options = SendOptions {
        headers: answer.headers.clone(),
        ..SendOptions::default()
    };
    send(&options, limits).map(drop)
}

/// A host and port to be advertised.
pub(super) fn advertise(advertise: Option<&(String, u16)>) -> Result<()> {
    match advertise {
        Some((host, _)) if host.is_empty() => {
            Err(Error::invalid_argument("advertise has an empty host"))
        }
        Some((host, _)) if host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified()) => {
            Err(Error::invalid_argument(format!(
                "advertise is {host}: nobody can connect to a wildcard address"
            )))
        }
        _ => Ok(()),
    }
}

/// The options of a message: its media type and its Message-ID, if the host gave one.
pub(super) fn send(
    options: &SendOptions,
    limits: &Limits,
) -> Result<(MediaType, Option<MessageId>)> {
    headers(options, limits)?;
    let media_type: MediaType = options.content_type.parse().map_err(|error: Error| {
        Error::invalid_argument(format!("content_type: {}", error.context))
    })?;
    for (name, value) in &options.headers {
        validate_extra_header(name, value)?;
    }
    let message_id = options
        .message_id
        .as_deref()
        .map(MessageId::new)
        .transpose()
        .map_err(|error| Error::invalid_argument(format!("message_id: {}", error.context)))?;
    Ok((media_type, message_id))
}

/// S/MIME is made of a whole message, and every chunk says how long that is (RFC 8591 §8.1, §8.2).
pub(super) fn whole(media_type: &MediaType, body: &SendBody) -> Result<()> {
    let signed = |param: &str| param.eq_ignore_ascii_case("application/pkcs7-signature");
    let is_smime = media_type.is("application/pkcs7-mime")
        || (media_type.is("multipart/signed") && media_type.param("protocol").is_some_and(signed));
    if is_smime && matches!(body, SendBody::Stream(None)) {
        return Err(Error::invalid_argument(format!(
            "{} is sent with its length known: announce that of the stream (RFC 8591 §8.2)",
            media_type.essence()
        )));
    }
    Ok(())
}

/// What the engine itself would refuse to read, the peer need not get: it would close the connection.
fn headers(options: &SendOptions, limits: &Limits) -> Result<()> {
    let too_large = |what: &str, len: usize, name: &str, limit: usize| {
        Err(Error::local(
            ErrorKind::TooLarge,
            format!("{what} of {len} exceeds {name} {limit}"),
        ))
    };
    let content_type = ("Content-Type", options.content_type.as_str());
    let extra = options
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let mut section = OWN_HEADERS_LEN;
    for (name, value) in extra.chain([content_type]) {
        let line = name.len() + 2 + value.len();
        if line > limits.header_line {
            return too_large("header line", line, "header_line", limits.header_line);
        }
        section += line + 2;
    }
    let count = OWN_HEADERS + options.headers.len();
    if count > limits.headers {
        return too_large("header count", count, "headers", limits.headers);
    }
    if section > limits.header_section {
        return too_large(
            "header section",
            section,
            "header_section",
            limits.header_section,
        );
    }
    Ok(())
}

/// A status that a response or REPORT can carry.
pub(super) fn status(status: StatusCode) -> Result<()> {
    range("status", usize::from(status.0), 100, 999)
}

/// A comment that a response or REPORT can carry: in a start line that the engine itself would read. Control characters
/// are sent as spaces.
pub(super) fn comment(comment: &str, limits: &Limits) -> Result<()> {
    let line = START_LEN + comment.len();
    if !comment.is_empty() && line > limits.start_line {
        return Err(Error::local(
            ErrorKind::TooLarge,
            format!(
                "start line of {line} octets with the comment exceeds start_line {}",
                limits.start_line
            ),
        ));
    }
    Ok(())
}

/// How long a call may wait; what is longer than a year is a year.
pub(super) fn timeout(timeout: Option<Duration>) -> Duration {
    timeout.unwrap_or(MAX_TIME).min(MAX_TIME)
}

fn ranges(option: &str, types: &[String]) -> Result<Vec<MediaRange>> {
    types
        .iter()
        .map(|text| {
            text.parse().map_err(|error: Error| {
                Error::invalid_argument(format!("{option}: {}", error.context))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn the_defaults_are_allowed_and_each_text_names_the_option_and_its_bound() {
        engine(&EngineOptions::default()).expect("the defaults");
        let mut options = EngineOptions {
            worker_threads: 0,
            ..EngineOptions::default()
        };
        let text = engine(&options).expect_err("no thread").context;
        assert_eq!(text, "worker_threads is 0, allowed is 1 to 256");
        options.worker_threads = MAX_THREADS + 1;
        let text = engine(&options).expect_err("one too many").context;
        assert_eq!(text, "worker_threads is 257, allowed is 1 to 256");
        options.worker_threads = MAX_THREADS;
        engine(&options).expect("as many as are allowed");
        options.worker_threads = 1;
        options.limits.transfers = 0;
        let text = engine(&options).expect_err("no transfer").context;
        assert!(
            text.starts_with("limits.transfers is 0, allowed is 1 to "),
            "{text}"
        );
    }

    #[test]
    fn rfc4975_8_6_the_mandatory_types_are_taken_by_default_and_an_explicit_list_is_kept() {
        let types = session(&SessionOptions::default()).expect("the defaults");
        let accept: Vec<&str> = types.accept.iter().map(MediaRange::as_str).collect();
        assert_eq!(accept[0], "text/plain");
        assert!(
            crate::sdp::MANDATORY_TYPES
                .iter()
                .all(|name| accept.contains(name))
        );
        let options = SessionOptions {
            accept_types: Some(vec!["image/png".into()]),
            ..SessionOptions::default()
        };
        let types = session(&options).expect("one type");
        assert_eq!(types.accept.len(), 1);
        let options = SessionOptions {
            accept_types: Some(Vec::new()),
            ..SessionOptions::default()
        };
        assert!(session(&options).is_err());
        covers!("S-045");
    }
}
