//! The bounds of an engine, for the host to change.

use msrp_core::error::{Error, Result};
use msrp_core::limits::Limits;

use crate::entry::timeout;
use crate::sized::sized;

/// In libmsrp_limits: no limit in time.
pub const LIBMSRP_FOREVER: i64 = -1;

macro_rules! limits {
    (
        sizes { $($size:ident = $size_field:ident,)* }
        times { $($time:ident = $time_field:ident,)* }
    ) => {
        impl libmsrp_limits {
            /// The core's limits: its defaults where a member is zero.
            pub(crate) fn to_core(self) -> Result<Limits> {
                let mut limits = Limits::default();
                $(if self.$size != 0 {
                    limits.$size_field = self.$size;
                })*
                $(if self.$time != 0 {
                    limits.$time_field = timeout(self.$time).ok_or_else(|| {
                        Error::invalid_argument(concat!(stringify!($time), " is negative"))
                    })?;
                })*
                if self.stall_ms != 0 {
                    limits.stall = timeout(self.stall_ms);
                }
                Ok(limits)
            }
        }
    };
}

/// The bounds of an engine. Zero: the default. Counts of octets end in _bytes, times in _ms are milliseconds.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_limits {
    /// sizeof(libmsrp_limits), set by LIBMSRP_LIMITS_INIT.
    pub struct_size: usize,
    /// Longest start line. Beyond: the connection is closed. Default 1 KiB.
    pub start_line_bytes: usize,
    /// Longest header line. Beyond: the connection is closed. Default 8 KiB.
    pub header_line_bytes: usize,
    /// Longest header section. Beyond: the connection is closed. Default 16 KiB.
    pub header_section_bytes: usize,
    /// Most header lines of a request or response. Beyond: the connection is closed. Default 64.
    pub headers: usize,
    /// Most URIs in one path. Beyond: the connection is closed. Default 64.
    pub path_uris: usize,
    /// Longest body of a request that is not SEND. Beyond: the connection is closed. Default 10 KiB.
    pub non_send_body_bytes: usize,
    /// What a session may have admitted for sending and not written. Beyond: LIBMSRP_ERR_AGAIN. Default 256 KiB.
    pub send_window_bytes: usize,
    /// What the engine reads ahead for each large message or stream. Default 256 KiB.
    pub read_ahead_bytes: usize,
    /// What a session may have received and its consumer not taken. Beyond: the slack. Default 256 KiB.
    pub receive_window_bytes: usize,
    /// What the sessions of one connection may hold above their windows together. Beyond: reading pauses, and
    /// a session may be shed. Default 1 MiB.
    pub connection_slack_bytes: usize,
    /// Responses and REPORTs waiting to be written. Beyond: reading pauses. Default 256 KiB.
    pub control_lane_bytes: usize,
    /// Requests of a session without a response. Beyond: it waits. Default 1024.
    pub max_transactions: usize,
    /// Messages that a peer may have open in a session. Beyond: 413. Default 64.
    pub incomplete_messages: usize,
    /// Message-IDs remembered per session and direction. Default 1024.
    pub remembered_ids: usize,
    /// Gaps between the received parts of a message. Beyond: 413. Default 1024.
    pub gaps: usize,
    /// Large messages and streams that a session may be sending. Beyond: LIBMSRP_ERR_AGAIN. Default 16.
    pub transfers: usize,
    /// Requests held for a session whose remote side is not known yet. Beyond: reading pauses. Default 64 KiB.
    pub early_bytes: usize,
    /// Accepted connections without a session. Beyond: the oldest is closed. Default 1024.
    pub unbound_connections: usize,
    /// The same per remote address. Default 64.
    pub unbound_per_address: usize,
    /// Dials under way to one target. Beyond: they wait. Default 4.
    pub dials_per_target: usize,
    /// Dials under way. Beyond: they wait. Default 64.
    pub dials: usize,
    /// What the engine holds for all sessions. Beyond: 413 and LIBMSRP_ERR_AGAIN. Default 256 MiB.
    pub engine_memory_bytes: usize,
    /// How long a connection with one session may stay paused for its consumer; LIBMSRP_FOREVER is allowed.
    /// Default 20 s.
    pub stall_ms: i64,
    /// How long an incomplete message may go without a chunk. Beyond: it is aborted. Default 10 min.
    pub incomplete_idle_ms: i64,
    /// How long early requests are held. Default 30 s.
    pub early_ms: i64,
    /// How long an accepted connection may stay without a session. Default 30 s.
    pub unbound_ms: i64,
    /// How long a TLS handshake may take. Default 10 s.
    pub tls_handshake_ms: i64,
    /// From the last octet of a request to its response. Default 30 s.
    pub transaction_ms: i64,
    /// How long output may wait without the system taking any. Beyond: the connection is closed. Default 30 s.
    pub write_stall_ms: i64,
    /// Part of `send_window_bytes` that only messages of at most this size may use; larger ones take a transfer slot.
    /// Not above `send_window_bytes`. Default 64 KiB.
    pub small_message_bytes: usize,
    /// Octets encoded and not yet taken by the system. Default 64 KiB.
    pub write_ahead_bytes: usize,
    /// REPORTs of a session that nobody takes. Beyond: the oldest are dropped and counted. Default 256.
    pub event_stream: usize,
    /// Dials that may start in a second to one target; after a pause so many at once. Beyond: they wait. Default 10.
    pub dial_rate: usize,
    /// Addresses of one name that are tried. Further ones are ignored. Default 16.
    pub addresses: usize,
    /// How long a connection to a peer may take, over all its addresses, without a TLS handshake. Default 20 s.
    pub connect_ms: i64,
    /// How long a name may take to be resolved. Default 10 s.
    pub resolve_ms: i64,
    /// How long the connection to a relay of ours stays open when no session uses it. Default 1 h.
    pub relay_kept_ms: i64,
    /// The same for the connection to a relay of a peer. Default 5 min.
    pub foreign_relay_kept_ms: i64,
}

sized!(libmsrp_limits);

limits! {
    sizes {
        start_line_bytes = start_line,
        header_line_bytes = header_line,
        header_section_bytes = header_section,
        headers = headers,
        path_uris = path_uris,
        non_send_body_bytes = non_send_body,
        send_window_bytes = send_window,
        read_ahead_bytes = read_ahead,
        receive_window_bytes = receive_window,
        connection_slack_bytes = connection_slack,
        control_lane_bytes = control_lane,
        max_transactions = max_transactions,
        incomplete_messages = incomplete_messages,
        remembered_ids = remembered_ids,
        gaps = gaps,
        transfers = transfers,
        early_bytes = early_len,
        unbound_connections = unbound_connections,
        unbound_per_address = unbound_per_address,
        dials_per_target = dials_per_target,
        dials = dials,
        engine_memory_bytes = engine_memory,
        small_message_bytes = small_message,
        write_ahead_bytes = write_ahead,
        event_stream = event_stream,
        dial_rate = dial_rate,
        addresses = addresses,
    }
    times {
        incomplete_idle_ms = incomplete_idle,
        early_ms = early,
        unbound_ms = unbound,
        tls_handshake_ms = tls_handshake,
        transaction_ms = transaction,
        write_stall_ms = write_stall,
        connect_ms = connect,
        resolve_ms = resolve,
        relay_kept_ms = relay_kept,
        foreign_relay_kept_ms = foreign_relay_kept,
    }
}
