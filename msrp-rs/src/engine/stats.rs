//! Counters of an engine, as hosts see them. They are kept in `net::memory`.

use crate::proto::Counts;

/// Counters since the start, and sizes now. Octets unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections now.
    pub connections: u64,
    /// Accepted connections without a session now.
    pub unbound_connections: u64,
    /// Sessions now.
    pub sessions: u64,
    /// Messages admitted for sending.
    pub messages_sent: u64,
    /// Messages received whole.
    pub messages_received: u64,
    /// Octets written to the network.
    pub bytes_sent: u64,
    /// Octets read from the network.
    pub bytes_received: u64,
    /// Octets of content held for consumers now.
    pub receive_held: u64,
    /// Octets of content held for the network now.
    pub send_held: u64,
    /// The largest `receive_held` so far.
    pub receive_held_peak: u64,
    /// Sessions shed so far.
    pub sessions_shed: u64,
    /// Times that reading was paused.
    pub reading_paused: u64,
    /// Connections closed because the peer broke the protocol.
    pub protocol_errors: u64,
    /// TLS connections, dialled and accepted, whose configuration says to verify nothing.
    pub tls_unverified: u64,
    /// Messages sent that failed.
    pub messages_failed: u64,
    /// Requests and responses by kind, and how long things took.
    pub counts: Counts,
    /// Requests, responses and parts of long ones written into traces.
    pub trace_written: u64,
    /// Requests, responses and parts of long ones that are in no trace, because its queue was full.
    pub trace_dropped: u64,
}
