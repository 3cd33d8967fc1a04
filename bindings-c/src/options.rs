//! The options of a session, translated into the core's.

use std::mem::MaybeUninit;
use std::time::Duration;

use msrp_core::engine::{
    ChunkLen, ConnectionSharing, ListenerHandle, Profile, SessionOptions, SetupPreference,
};
use msrp_core::error::{Error, Result};
use msrp_core::proto::{Pacing, ReportMode, SessionMatch};

use crate::dialling::libmsrp_connection_options;
use crate::direction::libmsrp_direction;
use crate::entry::{self, Enumerator, enumerator};
use crate::listener::libmsrp_listener;
use crate::login::libmsrp_relay_login;
use crate::sdp;
use crate::sized::{self, sized};
use crate::text::{libmsrp_header, libmsrp_slice};
use crate::tls::libmsrp_tls;

/// In libmsrp_session_options.chunk_len: no bound.
pub const LIBMSRP_CHUNK_LEN_UNBOUNDED: u32 = 0xFFFF_FFFF;

/// Which side we want to be (RFC 6135).
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_setup {
    /// Either.
    Actpass = 0,
    /// The one that connects.
    Active = 1,
    /// The one that listens.
    Passive = 2,
}
enumerator!(libmsrp_setup: Actpass, Active, Passive);

/// Whether sessions to one peer share a connection.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_sharing {
    /// One connection per peer (RFC 4975 §5.4).
    Peer = 0,
    /// One connection per session: for bulk.
    Session = 1,
}
enumerator!(libmsrp_sharing: Peer, Session);

/// Who makes REPORTs for incoming messages.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_reports {
    /// The library, when the last octet was consumed and the sender asked for one.
    Auto = 0,
    /// The host, by libmsrp_message_report().
    Manual = 1,
}
enumerator!(libmsrp_reports: Auto, Manual);

/// A known kind of peer: presets of chunk_len, session_match, pacing and dash_split. Chosen by the host, never guessed.
/// docs/peers.md says what each peer does and which values follow.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_profile {
    /// A peer of unknown kind, by the letter of RFC 4975.
    Strict = 0,
    /// Kamailio as a relay: takes whole frames up to a limit.
    Kamailio = 1,
    /// OpenSIPS as a relay: CRLF and seven hyphens inside of a body end its connection.
    Opensips = 2,
    /// FreeSWITCH: reads a body at once, by its exact range, and looks at session-ids alone.
    Freeswitch = 3,
    /// Blink and its library, and the relay of AG Projects: one frame at a time.
    Blink = 4,
    /// Doubango tinyMSRP: frames by exact ranges.
    Doubango = 5,
    /// Gateways and peers that compare session-ids alone.
    Sessmatch = 6,
}
enumerator!(libmsrp_profile: Strict, Kamailio, Opensips, Freeswitch, Blink, Doubango, Sessmatch);

/// Which URIs of incoming requests name the session.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_session_match {
    /// As the profile says.
    Profile = 0,
    /// Those that equal our URI (RFC 4975 §6.1).
    Uri = 1,
    /// Those with our session-id, whatever their address. Breaks RFC 4975 §6.1, for peers that need it.
    SessionId = 2,
}
enumerator!(libmsrp_session_match: Profile, Uri, SessionId);

/// How fast requests follow each other.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_pacing {
    /// As the profile says.
    Profile = 0,
    /// No request waits for the answer to another.
    Pipelined = 1,
    /// One unanswered SEND of the session at most, and one write for each request or response on its connection.
    One = 2,
}
enumerator!(libmsrp_pacing: Profile, Pipelined, One);

/// Whether no chunk may hold CRLF and seven hyphens, which some peers take for its end.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_dash_split {
    /// As the profile says.
    Profile = 0,
    /// Bodies go as they are.
    Off = 1,
    /// A chunk ends inside of such octets.
    On = 2,
}
enumerator!(libmsrp_dash_split: Profile, Off, On);

/// Options of a session. Zero: the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_session_options {
    /// sizeof(libmsrp_session_options), set by LIBMSRP_SESSION_OPTIONS_INIT.
    pub struct_size: usize,
    /// Where it listens. Default: a port of its own, on host and port.
    pub listener: libmsrp_listener,
    /// Without a listener: an address of this machine, or a name. Default 127.0.0.1.
    pub host: libmsrp_slice,
    /// Host for our URI and SDP, where it differs from the bound one. A wildcard bind needs it.
    pub advertise_host: libmsrp_slice,
    /// The content types that we take, separated by spaces, as in a=accept-types. Default: text/plain and the
    /// types that RFC 4975 makes mandatory.
    pub accept_types: libmsrp_slice,
    /// Further types, only inside containers, separated by spaces.
    pub accept_wrapped_types: libmsrp_slice,
    /// TLS configuration, copied; makes the session secure. Default: none.
    pub tls: *const libmsrp_tls,
    /// The largest message that we take, in octets. Default: any.
    pub max_size_bytes: u64,
    /// Bodiless SENDs when nothing was sent for so long. Default: none.
    pub keep_alive_ms: i64,
    /// Most octets in the body of a chunk, or LIBMSRP_CHUNK_LEN_UNBOUNDED. Default: as the profile says; strict: 2048,
    /// or no bound where both ends are this engine and nothing stands between.
    pub chunk_len: u32,
    /// Without a listener: the port. Default: any free one.
    pub port: u16,
    /// Port for our URI and SDP, together with advertise_host. Default: the bound one.
    pub advertise_port: u16,
    /// Not 0: TCP/TLS/MSRP and msrps, with the engine's TLS configuration if tls is NULL.
    pub secure: i32,
    /// Which side we want to be. Default: either.
    pub setup: MaybeUninit<libmsrp_setup>,
    /// Connection sharing. Default: one per peer.
    pub connection_sharing: MaybeUninit<libmsrp_sharing>,
    /// Who makes REPORTs. Default: the library.
    pub reports: MaybeUninit<libmsrp_reports>,
    /// Our own time for success REPORTs, from the last octet of a message that asked for them; then
    /// LIBMSRP_TRANSFER_EVENT_UNCONFIRMED (RFC 4975 §7.1.1). Default: none, they may come as long as the session lasts.
    pub report_timeout_ms: i64,
    /// What is known of the peer. Default: nothing (strict).
    pub profile: MaybeUninit<libmsrp_profile>,
    /// Which URIs name the session. Default: as the profile says.
    pub session_match: MaybeUninit<libmsrp_session_match>,
    /// How fast requests follow each other. Default: as the profile says.
    pub pacing: MaybeUninit<libmsrp_pacing>,
    /// Whether chunks end inside of CRLF and seven hyphens. Default: as the profile says.
    pub dash_split: MaybeUninit<libmsrp_dash_split>,
    /// Methods beside SEND and REPORT whose requests come as on_request and are answered by the host: words of capital
    /// letters, separated by spaces, at most 32 of 64 letters. All others are answered 501 (RFC 4975 §12). Default: none.
    pub methods: libmsrp_slice,
    /// Title of our m= section (`i=`), at most 1024 octets. Default: none.
    pub title: libmsrp_slice,
    /// Further attributes of our m= section (label, content, ...), written last, in this order: at most 128 of 16 KiB in
    /// all. An empty value: a name alone. Default: none.
    pub attributes: *const libmsrp_header,
    /// How many.
    pub attribute_count: usize,
    /// How its connection is made and kept, copied. Default: NULL, all defaults.
    pub connection: *const libmsrp_connection_options,
    /// Who sends ordinary messages, as our first offer or answer wishes it (RFC 4975 §8.9). Default: both sides.
    pub direction: MaybeUninit<libmsrp_direction>,
    /// Not 0: connections go through middleboxes that rewrite addresses in SDP (CEMA, RFC 6714). Offers and answers have
    /// a=msrp-cema, and c= and m= line of the peer's count. Best with TLS. Default: no.
    pub cema: i32,
    /// Our relays, copied: the first is the one that we connect to, each further one is reached through those before it,
    /// the last is the one that the peer reaches. At most 8. The session listens nowhere then, and logs in with
    /// libmsrp_session_authenticate() before anything is offered. Default: none.
    pub relays: *const libmsrp_relay_login,
    /// How many.
    pub relay_count: usize,
}

sized!(libmsrp_session_options);

impl libmsrp_session_options {
    /// # Safety
    /// The texts and the TLS configuration are as the header says.
    pub(crate) unsafe fn to_core(self) -> Result<SessionOptions> {
        // SAFETY: the caller's promise.
        let host = unsafe { self.host.text("options.host") }?;
        // SAFETY: the caller's promise.
        let advertise = unsafe { self.advertise_host.text("options.advertise_host") }?;
        // SAFETY: the caller's promise.
        let accept_types = unsafe { self.accept_types.text("options.accept_types") }?;
        // SAFETY: the caller's promise.
        let wrapped = unsafe {
            self.accept_wrapped_types
                .text("options.accept_wrapped_types")
        }?;
        // SAFETY: the caller's promise.
        let tls = unsafe { libmsrp_tls::optional(self.tls) }?;
        // SAFETY: the caller's promise.
        let methods = unsafe { self.methods.text("options.methods") }?;
        // SAFETY: the caller's promise.
        let title = unsafe { self.title.text("options.title") }?;
        // SAFETY: the caller's promise.
        let attributes = unsafe {
            sdp::own_attributes(self.attributes, self.attribute_count, "options.attributes")
        }?;
        // SAFETY: the caller's promise.
        let connection = unsafe { sized::read(self.connection, "options.connection") }?;
        // SAFETY: the caller's promise.
        let connection = unsafe { connection.to_core() }?;
        // SAFETY: the caller's promise.
        let relays = unsafe { libmsrp_relay_login::read(self.relays, self.relay_count) }?;
        let defaults = SessionOptions::default();
        if advertise.is_none() && self.advertise_port != 0 {
            return Err(Error::invalid_argument(
                "options.advertise_port without options.advertise_host",
            ));
        }
        let keep_alive = time("keep_alive_ms", self.keep_alive_ms)?;
        let report_timeout = time("report_timeout_ms", self.report_timeout_ms)?;
        Ok(SessionOptions {
            listener: (self.listener != 0).then_some(ListenerHandle(self.listener)),
            host: host.map_or(defaults.host, str::to_owned),
            port: self.port,
            secure: self.secure != 0 || tls.is_some(),
            tls,
            advertise: advertise.map(|host| (host.to_owned(), self.advertise_port)),
            accept_types: accept_types.map(words),
            accept_wrapped_types: wrapped.map(words).unwrap_or_default(),
            setup: match libmsrp_setup::from_c(self.setup, "options.setup")? {
                libmsrp_setup::Actpass => SetupPreference::ActPass,
                libmsrp_setup::Active => SetupPreference::Active,
                libmsrp_setup::Passive => SetupPreference::Passive,
            },
            direction: libmsrp_direction::from_c(self.direction, "options.direction")?.into(),
            max_size: (self.max_size_bytes != 0).then_some(self.max_size_bytes),
            chunk_len: match self.chunk_len {
                0 => ChunkLen::Auto,
                LIBMSRP_CHUNK_LEN_UNBOUNDED => ChunkLen::Unbounded,
                octets => ChunkLen::Octets(octets),
            },
            profile: match libmsrp_profile::from_c(self.profile, "options.profile")? {
                libmsrp_profile::Strict => Profile::Strict,
                libmsrp_profile::Kamailio => Profile::Kamailio,
                libmsrp_profile::Opensips => Profile::Opensips,
                libmsrp_profile::Freeswitch => Profile::Freeswitch,
                libmsrp_profile::Blink => Profile::Blink,
                libmsrp_profile::Doubango => Profile::Doubango,
                libmsrp_profile::Sessmatch => Profile::Sessmatch,
            },
            session_match: match libmsrp_session_match::from_c(
                self.session_match,
                "options.session_match",
            )? {
                libmsrp_session_match::Profile => None,
                libmsrp_session_match::Uri => Some(SessionMatch::Uri),
                libmsrp_session_match::SessionId => Some(SessionMatch::SessionId),
            },
            pacing: match libmsrp_pacing::from_c(self.pacing, "options.pacing")? {
                libmsrp_pacing::Profile => None,
                libmsrp_pacing::Pipelined => Some(Pacing::Pipelined),
                libmsrp_pacing::One => Some(Pacing::One),
            },
            dash_split: match libmsrp_dash_split::from_c(self.dash_split, "options.dash_split")? {
                libmsrp_dash_split::Profile => None,
                libmsrp_dash_split::Off => Some(false),
                libmsrp_dash_split::On => Some(true),
            },
            connection,
            relays,
            connection_sharing: match libmsrp_sharing::from_c(
                self.connection_sharing,
                "options.connection_sharing",
            )? {
                libmsrp_sharing::Peer => ConnectionSharing::Peer,
                libmsrp_sharing::Session => ConnectionSharing::Session,
            },
            reports: match libmsrp_reports::from_c(self.reports, "options.reports")? {
                libmsrp_reports::Auto => ReportMode::Auto,
                libmsrp_reports::Manual => ReportMode::Manual,
            },
            methods: methods.map(words).unwrap_or_default(),
            cema: self.cema != 0,
            title: title.map(str::to_owned),
            attributes,
            keep_alive,
            report_timeout,
        })
    }
}

/// A time in milliseconds, 0 for none.
pub(crate) fn time(name: &str, value: i64) -> Result<Option<Duration>> {
    let negative = || Error::invalid_argument(format!("options.{name} {value} is negative"));
    let time = entry::timeout(value).ok_or_else(negative)?;
    Ok((!time.is_zero()).then_some(time))
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}
