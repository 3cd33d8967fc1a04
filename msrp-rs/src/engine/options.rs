//! What hosts configure. The bindings translate their own options into these.
//!
//! They are checked in `validate`; what follows for the SDP stands in `negotiation`, for TLS in `trust`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::dialling::{DialCheck, NameResolution, ServiceLookup};
use super::profile::Profile;
use super::relays::RelayLogin;
use super::{ListenerHandle, TransferHandle};
use crate::limits::Limits;
pub use crate::net::options::ConnectionOptions;
pub use crate::net::tls::config::{ClientAuth, PemSource, TlsConfig, TlsVerify, TlsVersion};
use crate::net::trace::TraceParts;
use crate::proto::{Pacing, ReportMode, SessionMatch};
use crate::sdp::{Attribute, Direction};
use crate::wire::FailureReport;

/// Options of an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Threads of the internal runtime, at least 1.
    pub worker_threads: usize,
    /// Bounds.
    pub limits: Limits,
    /// TLS for sessions and listeners that ask for it without a configuration of their own.
    pub tls: Option<TlsConfig>,
    /// A trace of all connections from the start; see [`Engine::set_trace`](super::Engine::set_trace).
    pub trace: Option<TraceOptions>,
    /// Who turns the names in remote paths into addresses.
    pub resolver: NameResolution,
    /// Who knows the service records by which relays are found whose URIs have no port.
    pub services: ServiceLookup,
    /// Who may refuse an address that a session would be connected to.
    pub dial_check: DialCheck,
    /// The ports out of which listeners get one that are given none, and sessions without a listener: for firewalls that
    /// let some ports in. `None`: any free one. Connections that are dialled are from any port.
    pub port_range: Option<RangeInclusive<u16>>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            worker_threads: 1,
            limits: Limits::default(),
            tls: None,
            trace: None,
            resolver: NameResolution::default(),
            services: ServiceLookup::default(),
            dial_check: DialCheck::default(),
            port_range: None,
        }
    }
}

/// A trace: what goes over the connections of an engine, as a pcapng file for tshark and Wireshark.
///
/// One request or response per TCP segment, both directions, decrypted, under IP and TCP headers that are made up but
/// for addresses and ports. A frame beyond 65,000 octets goes on in further segments. A connection between two sessions
/// of one engine is there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceOptions {
    /// The file, made with mode 0600. It must not exist: nothing is written over, no link is followed.
    pub path: PathBuf,
    /// Whether content, credentials and whole session-ids are written. Without it each of their octets is an `x`, and
    /// lengths stay true. Default no.
    pub secrets: bool,
    /// Most octets of a file, 64 KiB to 1 TiB; then the next one is begun. Default 64 MiB.
    pub max_bytes: u64,
    /// How many files are kept, 1 to 1000: `path`, before it `path.1`, and so on; the oldest is removed. Default 2.
    pub files: usize,
    /// Octets that may wait to be written, 64 KiB to 1 GiB. What comes beyond them is dropped and counted
    /// ([`Stats::trace_dropped`](super::Stats::trace_dropped)); sessions never wait. Default 4 MiB.
    pub queue_bytes: usize,
}

impl TraceOptions {
    /// A masked trace to `path`, with the default bounds.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            secrets: false,
            max_bytes: 64 << 20,
            files: 2,
            queue_bytes: 4 << 20,
        }
    }
}

impl From<TraceOptions> for TraceParts {
    fn from(options: TraceOptions) -> Self {
        Self {
            path: options.path,
            secrets: options.secrets,
            max_bytes: options.max_bytes,
            files: options.files,
            queue_bytes: options.queue_bytes,
        }
    }
}

/// Options of a listener.
#[derive(Debug, Clone, Default)]
pub struct ListenOptions {
    /// An address, or a name that resolves to one of this machine's.
    pub host: String,
    /// 0: any free port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// TLS configuration; without it the engine's.
    pub tls: Option<TlsConfig>,
    /// Host and port for the URIs of its sessions, where they differ from the bound ones.
    pub advertise: Option<(String, u16)>,
    /// With port 0: the ports out of which it gets one that is free. `None`:
    /// [`EngineOptions::port_range`], or any.
    pub port_range: Option<RangeInclusive<u16>>,
    /// The network interface to which connections must come, by its name. `None`: any that has the address.
    pub interface: Option<String>,
    /// The differentiated services code point of what its connections send (RFC 2474), 0 to 63. `None`: the system's.
    pub dscp: Option<u8>,
    /// After so long without traffic on a connection the system asks the peer whether it is there, 1 s to 32,767 s; who
    /// does not answer for as long again has timed out (TCP keep-alive). `None`: never.
    pub tcp_keepalive: Option<Duration>,
    /// A connection without any traffic for so long is closed with that reason. `None`: it may stay silent for ever.
    pub idle: Option<Duration>,
}

/// Which side we want to be (RFC 6135).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SetupPreference {
    /// Either.
    #[default]
    ActPass,
    /// The one that connects.
    Active,
    /// The one that listens; an offer then still says `actpass` (RFC 6135 §4.2.2).
    Passive,
}

/// Whether sessions to one peer share a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionSharing {
    /// One connection per peer (RFC 4975 §5.4). A session that is put on one that is there sends messages when the peer
    /// has answered its first request; if the connection ends before, a new one is dialled, once.
    #[default]
    Peer,
    /// One connection per session: for bulk.
    Session,
}

/// Most octets in the body of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChunkLen {
    /// What the profile says; with [`Profile::Strict`] 2048, or unbounded where both ends are this engine and nothing
    /// stands between.
    #[default]
    Auto,
    /// No bound.
    Unbounded,
    /// This many.
    Octets(u32),
}

/// Options of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Where it listens; without it a port of its own on `host` and `port`.
    pub listener: Option<ListenerHandle>,
    /// See `listener`.
    pub host: String,
    /// See `listener`; 0: any free port.
    pub port: u16,
    /// `TCP/TLS/MSRP` and `msrps`.
    pub secure: bool,
    /// TLS configuration; without it the engine's.
    pub tls: Option<TlsConfig>,
    /// Host and port for our URI and SDP, where they differ from the bound ones.
    pub advertise: Option<(String, u16)>,
    /// The content types that we take. `None`: text/plain and the mandatory ones (RFC 4975 §8.6).
    pub accept_types: Option<Vec<String>>,
    /// Further types, only inside containers.
    pub accept_wrapped_types: Vec<String>,
    /// Which side we want to be.
    pub setup: SetupPreference,
    /// Who sends ordinary messages, as our first offer or answer wishes it (RFC 4975 §8.9). Later
    /// [`Engine::set_direction`](super::Engine::set_direction).
    pub direction: Direction,
    /// The largest message that we take.
    pub max_size: Option<u64>,
    /// Title of our m= section (`i=`), at most 1024 octets.
    pub title: Option<String>,
    /// Further attributes of our m= section (`label`, `content`, ...), written last, in this order: at most 128 of 16 KiB
    /// in all. [`Engine::set_attributes`](super::Engine::set_attributes) replaces them.
    pub attributes: Vec<Attribute>,
    /// What is known of the peer: where the next four options come from unless they are set. Never guessed.
    pub profile: Profile,
    /// Chunk length.
    pub chunk_len: ChunkLen,
    /// Which URIs of incoming requests name the session. `None`: what the profile says.
    pub session_match: Option<SessionMatch>,
    /// How fast requests follow each other. `None`: what the profile says. With [`Pacing::One`] other sessions on the
    /// same connection send one frame per write, too.
    pub pacing: Option<Pacing>,
    /// Whether no body may hold CRLF and seven hyphens; a chunk ends inside of them. `None`: what the profile says.
    pub dash_split: Option<bool>,
    /// Our relays (RFC 4976): the first is the one that we connect to, each further one is reached through those before
    /// it, and the last is the one that the peer reaches. The session has to log in before anything is offered or
    /// answered: [`Engine::authenticate`](super::Engine::authenticate). It listens nowhere then, and connects to its relay
    /// whatever `setup` says. At most 8.
    pub relays: Vec<RelayLogin>,
    /// Connection sharing. Behind relays it is about the connection to the first of them: one for all sessions that log in
    /// there as the same user, or one for each session.
    pub connection_sharing: ConnectionSharing,
    /// Whether connections go through middleboxes that rewrite addresses in SDP (CEMA, RFC 6714): offers and answers have
    /// `a=msrp-cema`, and `c=` and `m=` line of the peer's count. Best together with TLS, which then reaches from end to
    /// end (RFC 6714 §7.2).
    pub cema: bool,
    /// How its connection is made and kept.
    pub connection: ConnectionOptions,
    /// Who makes REPORTs.
    pub reports: ReportMode,
    /// Methods beside SEND and REPORT whose requests come as [`Event::Request`](super::Event::Request) and are answered
    /// by the host: words of capital letters, at most 32. All others are answered 501 (RFC 4975 §12).
    pub methods: Vec<String>,
    /// Bodiless SENDs while nothing else is sent.
    pub keep_alive: Option<Duration>,
    /// Our own time for success REPORTs (RFC 4975 §7.1.1), from the last octet of a message that asked for them; then
    /// [`Event::Unconfirmed`](super::Event::Unconfirmed). `None`: they may come as long as the session lasts. There is
    /// no value that fits all: the RFC names two minutes for chat.
    pub report_timeout: Option<Duration>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            listener: None,
            host: "127.0.0.1".into(),
            port: 0,
            secure: false,
            tls: None,
            advertise: None,
            accept_types: None,
            accept_wrapped_types: Vec::new(),
            setup: SetupPreference::default(),
            direction: Direction::SendRecv,
            max_size: None,
            title: None,
            attributes: Vec::new(),
            profile: Profile::default(),
            chunk_len: ChunkLen::default(),
            session_match: None,
            pacing: None,
            dash_split: None,
            relays: Vec::new(),
            connection_sharing: ConnectionSharing::default(),
            cema: false,
            connection: ConnectionOptions::default(),
            reports: ReportMode::default(),
            methods: Vec::new(),
            keep_alive: None,
            report_timeout: None,
        }
    }
}

/// Another place for a session: see [`Engine::relocate`](super::Engine::relocate).
#[derive(Debug, Clone)]
pub struct Relocation {
    /// Where it listens; without it a port of its own on `host` and `port`. It speaks TLS if the session does.
    pub listener: Option<ListenerHandle>,
    /// See `listener`.
    pub host: String,
    /// See `listener`; 0: any free port.
    pub port: u16,
    /// Host and port for our URI and SDP, where they differ from the bound ones.
    pub advertise: Option<(String, u16)>,
    /// How it dials from now on. `None`: as before.
    pub connection: Option<ConnectionOptions>,
}

impl Default for Relocation {
    fn default() -> Self {
        Self {
            listener: None,
            host: "127.0.0.1".into(),
            port: 0,
            advertise: None,
            connection: None,
        }
    }
}

/// Options of one message.
#[derive(derive_more::Debug, Clone)]
pub struct SendOptions {
    /// Its media type.
    pub content_type: String,
    /// Its Message-ID; made by the engine when absent.
    pub message_id: Option<String>,
    /// Ask for success REPORTs.
    pub success_report: bool,
    /// Which failures to ask for.
    pub failure_report: FailureReport,
    /// Further headers.
    #[debug("{:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>())]
    pub headers: Vec<(String, String)>,
    /// Whether it is control or a report rather than a message for a reader: the direction of the session does not stop
    /// it (RFC 4975 §8.9). IMDN and isComposing are known by their types, also inside of message/cpim, and need no mark.
    pub control: bool,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self {
            content_type: "text/plain".into(),
            message_id: None,
            success_report: false,
            failure_report: FailureReport::Yes,
            headers: Vec::new(),
            control: false,
        }
    }
}

/// Options of one request of another method than SEND.
#[derive(derive_more::Debug, Clone)]
pub struct RequestOptions {
    /// The media type of its body, if it has one.
    pub content_type: String,
    /// Its Message-ID; made by the engine when absent.
    pub message_id: Option<String>,
    /// Further headers.
    #[debug("{:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>())]
    pub headers: Vec<(String, String)>,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            content_type: "text/plain".into(),
            message_id: None,
            headers: Vec::new(),
        }
    }
}

/// The content of one message.
#[derive(derive_more::Debug, Clone)]
pub enum SendBody {
    /// Up to 64 KiB go through the send window; more is held until it is written, and takes a transfer slot.
    #[debug("Bytes({} octets)", _0.len())]
    Bytes(Bytes),
    /// A file, read by the engine. Takes a transfer slot.
    File(PathBuf),
    /// Octets that the host pushes when asked, and their number if known. Takes a transfer slot.
    Stream(Option<u64>),
}

/// A message that was admitted: it will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admitted {
    /// Names it from now on.
    pub transfer: TransferHandle,
    /// Its Message-ID: the one of the options, or the engine's.
    pub message_id: String,
    /// Its length in octets, if known.
    pub total: Option<u64>,
}
