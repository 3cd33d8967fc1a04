//! Checks of what hosts configure: each text names the option and its bound.

use std::time::Duration;

use super::options::{ChunkLen, EngineOptions, SendOptions, SessionOptions};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::wire::{MediaRange, MediaType, MessageId, validate_extra_header};

/// Most threads of one engine.
const MAX_THREADS: usize = 256;
/// Longest time option: a year.
const MAX_TIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// The options of an engine.
pub(super) fn engine(options: &EngineOptions) -> Result<()> {
    range("worker_threads", options.worker_threads, 1, MAX_THREADS)?;
    limits(&options.limits)
}

fn limits(limits: &Limits) -> Result<()> {
    const KIB: usize = 1024;
    const GIB: usize = 1024 * KIB * KIB;
    for (name, value, min, max) in [
        ("start_line", limits.start_line, 64, KIB * KIB),
        ("header_line", limits.header_line, 256, KIB * KIB),
        ("header_section", limits.header_section, 512, 16 * KIB * KIB),
        ("headers", limits.headers, 8, 4096),
        ("path_uris", limits.path_uris, 1, 1024),
        ("non_send_body", limits.non_send_body, 0, 10 * KIB),
        ("send_window", limits.send_window, KIB, GIB),
        (
            "small_message",
            limits.small_message,
            KIB,
            limits.send_window,
        ),
        ("read_ahead", limits.read_ahead, 4 * KIB, GIB),
        ("receive_window", limits.receive_window, KIB, GIB),
        ("connection_slack", limits.connection_slack, 0, GIB),
        ("control_lane", limits.control_lane, 4 * KIB, GIB),
        ("write_ahead", limits.write_ahead, 4 * KIB, GIB),
        ("max_transactions", limits.max_transactions, 1, KIB * KIB),
        (
            "incomplete_messages",
            limits.incomplete_messages,
            1,
            KIB * KIB,
        ),
        ("remembered_ids", limits.remembered_ids, 0, KIB * KIB),
        ("gaps", limits.gaps, 1, KIB * KIB),
        ("transfers", limits.transfers, 1, KIB * KIB),
        ("early_len", limits.early_len, KIB, GIB),
        (
            "unbound_connections",
            limits.unbound_connections,
            1,
            KIB * KIB,
        ),
        (
            "unbound_per_address",
            limits.unbound_per_address,
            1,
            KIB * KIB,
        ),
        ("dials_per_target", limits.dials_per_target, 1, 1024),
        ("dials", limits.dials, 1, KIB * KIB),
        ("engine_memory", limits.engine_memory, 64 * KIB, usize::MAX),
        ("event_stream", limits.event_stream, 1, KIB * KIB),
    ] {
        range(&format!("limits.{name}"), value, min, max)?;
    }
    for (name, value) in [
        ("stall", limits.stall.unwrap_or(MAX_TIME)),
        ("incomplete_idle", limits.incomplete_idle),
        ("early", limits.early),
        ("unbound", limits.unbound),
        ("tls_handshake", limits.tls_handshake),
        ("transaction", limits.transaction),
        ("write_stall", limits.write_stall),
    ] {
        time(&format!("limits.{name}"), value)?;
    }
    Ok(())
}

/// The types that a session takes, at the root and inside containers.
pub(super) struct Types {
    pub(super) accept: Vec<MediaRange>,
    pub(super) wrapped: Vec<MediaRange>,
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
    if options.accept_types.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::invalid_argument(
            "accept_types is empty: give at least one type, or * (RFC 4975 §8.6)",
        ));
    }
    let accept = match &options.accept_types {
        Some(types) => ranges("accept_types", types)?,
        None => std::iter::once("text/plain")
            .chain(crate::sdp::MANDATORY_TYPES)
            .map(|name| {
                let wrong = |_| Error::local(crate::error::ErrorKind::Internal, "default type");
                MediaRange::parse(name).map_err(wrong)
            })
            .collect::<Result<_>>()?,
    };
    Ok(Types {
        accept,
        wrapped: ranges("accept_wrapped_types", &options.accept_wrapped_types)?,
    })
}

/// A host and port to be advertised.
pub(super) fn advertise(advertise: Option<&(String, u16)>) -> Result<()> {
    match advertise {
        Some((host, _)) if host.is_empty() => {
            Err(Error::invalid_argument("advertise has an empty host"))
        }
        _ => Ok(()),
    }
}

/// The options of a message: its media type and its Message-ID, if the host gave one.
pub(super) fn send(options: &SendOptions) -> Result<(MediaType, Option<MessageId>)> {
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

fn range(option: &str, value: usize, min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "{option} is {value}, allowed is {min} to {max}"
    )))
}

fn time(option: &str, value: Duration) -> Result<()> {
    if !value.is_zero() && value <= MAX_TIME {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "{option} is {value:?}, allowed is above 0 to {MAX_TIME:?}"
    )))
}

#[cfg(test)]
mod tests {
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
        options.worker_threads = 1;
        options.limits.transfers = 0;
        let text = engine(&options).expect_err("no transfer").context;
        assert!(
            text.starts_with("limits.transfers is 0, allowed is 1 to "),
            "{text}"
        );
    }

    // covers: S-045
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
    }
}
