//! Every bound of the engine, in one object. `docs/limits.md` says what happens at each.
//!
//! Sizes are octets. The defaults hold memory small for chat and are large enough for a gigabit
//! link; a host changes them by value before it makes the engine.

use std::time::Duration;

use crate::error::{Error, Result};

/// The bounds of one engine and of the connections, sessions and messages in it.
///
/// Start from `Limits::default()` and change fields; [`Limits::validate`] names what is out of
/// range.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest start line without its CRLF. Beyond: the connection is closed.
    pub start_line: usize,
    /// Longest header line without its CRLF. Beyond: the connection is closed.
    pub header_line: usize,
    /// Most octets of all header lines of one request or response, each with its CRLF. Beyond: the connection is
    /// closed.
    pub header_section: usize,
    /// Most header lines in one request or response. Beyond: the connection is closed.
    pub headers: usize,
    /// Most URIs in one path. Beyond: the connection is closed.
    pub path_uris: usize,
    /// Longest body of a request that is not SEND (RFC 4975 §7.1). Beyond: the connection is closed.
    pub non_send_body: usize,
    /// Octets of small messages that a session may have admitted and not yet written; each counts 256 more. Beyond:
    /// `Again`.
    pub send_window: usize,
    /// Messages up to this size go through `send_window` and keep their order; larger ones take a transfer slot and
    /// may be overtaken. At most `send_window`.
    pub small_message: usize,
    /// Octets that the engine reads ahead of the network for each large message or stream.
    pub read_ahead: usize,
    /// Octets received for a session and not yet taken by its consumer. Beyond: the connection's slack.
    pub receive_window: usize,
    /// Octets above their windows that the sessions of one connection may hold together. Beyond:
    /// reading pauses, and a session may be shed.
    pub connection_slack: usize,
    /// Octets of responses and REPORTs waiting to be written. Beyond: reading pauses.
    pub control_lane: usize,
    /// Octets encoded and not yet taken by the operating system.
    pub write_ahead: usize,
    /// How long a connection with one session may stay paused for its consumer; `None`: for ever.
    pub stall: Option<Duration>,
    /// Requests without a response that a session may have under way. Beyond: it waits.
    pub max_transactions: usize,
    /// Messages that a peer may have open at once in a session. Beyond: 413.
    pub incomplete_messages: usize,
    /// Message-IDs that are remembered per session and direction, for duplicates and late REPORTs.
    pub remembered_ids: usize,
    /// Gaps between the received parts of one message. Beyond: 413.
    pub gaps: usize,
    /// How long an incomplete message may go without a new chunk. Beyond: it is aborted.
    pub incomplete_idle: Duration,
    /// Large messages and streams that a session may have under way. Beyond: `Again`.
    pub transfers: usize,
    /// Octets of requests held for a session whose remote side is not known yet. Beyond: reading pauses.
    pub early_len: usize,
    /// How long such requests are held. Beyond: 481, and an unbound connection is closed.
    pub early: Duration,
    /// Accepted connections without a session, in the whole engine. Beyond: the oldest is closed.
    pub unbound_connections: usize,
    /// The same per remote address.
    pub unbound_per_address: usize,
    /// How long an accepted connection may stay without a session. Beyond: it is closed.
    pub unbound: Duration,
    /// How long a TLS handshake may take. Beyond: the connection is closed.
    pub tls_handshake: Duration,
    /// Dials under way to one target; see `dial_rate`. Beyond: they wait their turn.
    pub dials_per_target: usize,
    /// Addresses that are being connected to in the whole engine, and names that are being resolved. Beyond: they wait
    /// their turn.
    pub dials: usize,
    /// Dials that may start in a second to one target; after a pause so many may start at once. A target is a host and
    /// port of a URI, and each address that a name stands for. Beyond: they wait their turn.
    pub dial_rate: usize,
    /// How long a connection to a peer may take, over all its addresses, from the turn to dial: names and the host's
    /// word on an address are part of it, a TLS handshake is not. Beyond: `Connect`.
    pub connect: Duration,
    /// How long a name may take to be resolved. Beyond: `Connect`.
    pub resolve: Duration,
    /// Addresses of one name that are tried. Further ones are ignored.
    pub addresses: usize,
    /// How long the connection to a relay of ours stays open when no session uses it (RFC 4976 §5.4). Beyond: it is closed.
    pub relay_kept: Duration,
    /// The same for the connection to a relay of a peer.
    pub foreign_relay_kept: Duration,
    /// From the last octet of a request to its response (RFC 4975 §7.1.1). Beyond: `Timeout`.
    pub transaction: Duration,
    /// How long output may wait without the operating system taking any. Beyond: the connection is closed.
    pub write_stall: Duration,
    /// Octets held for all sessions of the engine. Beyond: new chunks get 413 and `send` says `Again`.
    pub engine_memory: usize,
    /// Entries of an event stream that nobody reads, and REPORTs that a session's consumer has not taken. Beyond: the
    /// oldest are dropped and counted.
    pub event_stream: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start_line: 1024,
            header_line: 8 * 1024,
            header_section: 16 * 1024,
            headers: 64,
            path_uris: 64,
            non_send_body: 10 * 1024,
            send_window: 256 * 1024,
            small_message: 64 * 1024,
            read_ahead: 256 * 1024,
            receive_window: 256 * 1024,
            connection_slack: 1024 * 1024,
            control_lane: 256 * 1024,
            write_ahead: 64 * 1024,
            stall: Some(Duration::from_secs(20)),
            max_transactions: 1024,
            incomplete_messages: 64,
            remembered_ids: 1024,
            gaps: 1024,
            incomplete_idle: Duration::from_secs(600),
            transfers: 16,
            early_len: 64 * 1024,
            early: Duration::from_secs(30),
            unbound_connections: 1024,
            unbound_per_address: 64,
            unbound: Duration::from_secs(30),
            tls_handshake: Duration::from_secs(10),
            dials_per_target: 4,
            dials: 64,
            dial_rate: 10,
            connect: Duration::from_secs(20),
            resolve: Duration::from_secs(10),
            addresses: 16,
            relay_kept: Duration::from_secs(3600),
            foreign_relay_kept: Duration::from_secs(300),
            transaction: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            engine_memory: 256 * 1024 * 1024,
            event_stream: 256,
        }
    }
}

impl Limits {
    /// Checks that every bound is one that the engine can work with.
    ///
    /// # Errors
    /// `InvalidArgument` naming the first that is not, and what is allowed.
    pub fn validate(&self) -> Result<()> {
        const KIB: usize = 1024;
        const GIB: usize = 1024 * KIB * KIB;
        for (name, value, min, max) in [
            ("start_line", self.start_line, 64, KIB * KIB),
            ("header_line", self.header_line, 256, KIB * KIB),
            ("header_section", self.header_section, 512, 16 * KIB * KIB),
            ("headers", self.headers, 8, 4096),
            ("path_uris", self.path_uris, 1, 1024),
            ("non_send_body", self.non_send_body, 0, 10 * KIB),
            ("send_window", self.send_window, KIB, GIB),
            ("small_message", self.small_message, KIB, self.send_window),
            ("read_ahead", self.read_ahead, 4 * KIB, GIB),
            ("receive_window", self.receive_window, KIB, GIB),
            ("connection_slack", self.connection_slack, 0, GIB),
            ("control_lane", self.control_lane, 4 * KIB, GIB),
            ("write_ahead", self.write_ahead, 4 * KIB, GIB),
            ("max_transactions", self.max_transactions, 1, KIB * KIB),
            (
                "incomplete_messages",
                self.incomplete_messages,
                1,
                KIB * KIB,
            ),
            ("remembered_ids", self.remembered_ids, 0, KIB * KIB),
            ("gaps", self.gaps, 1, KIB * KIB),
            ("transfers", self.transfers, 1, KIB * KIB),
            ("early_len", self.early_len, KIB, GIB),
            (
                "unbound_connections",
                self.unbound_connections,
                1,
                KIB * KIB,
            ),
            (
                "unbound_per_address",
                self.unbound_per_address,
                1,
                KIB * KIB,
            ),
            ("dials_per_target", self.dials_per_target, 1, 1024),
            ("dials", self.dials, 1, KIB * KIB),
            ("dial_rate", self.dial_rate, 1, KIB * KIB),
            ("addresses", self.addresses, 1, KIB),
            ("engine_memory", self.engine_memory, 64 * KIB, usize::MAX),
            ("event_stream", self.event_stream, 1, KIB * KIB),
        ] {
            range(&format!("limits.{name}"), value, min, max)?;
        }
        for (name, value) in [
            ("stall", self.stall.unwrap_or(MAX_TIME)),
            ("incomplete_idle", self.incomplete_idle),
            ("early", self.early),
            ("unbound", self.unbound),
            ("tls_handshake", self.tls_handshake),
            ("connect", self.connect),
            ("resolve", self.resolve),
            ("relay_kept", self.relay_kept),
            ("foreign_relay_kept", self.foreign_relay_kept),
            ("transaction", self.transaction),
            ("write_stall", self.write_stall),
        ] {
            time(&format!("limits.{name}"), value)?;
        }
        Ok(())
    }
}

/// Checks a size or a number.
pub(crate) fn range(option: &str, value: usize, min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "{option} is {value}, allowed is {min} to {max}"
    )))
}

/// Checks a time.
pub(crate) fn time(option: &str, value: Duration) -> Result<()> {
    if !value.is_zero() && value <= MAX_TIME {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "{option} is {value:?}, allowed is above 0 to {MAX_TIME:?}"
    )))
}

/// Longest time option: a year.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(365 * 24 * 3600);
