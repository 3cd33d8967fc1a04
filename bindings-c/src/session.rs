//! Sessions: options, callbacks, and what a host does with one.

use std::ffi::c_void;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use msrp_core::engine::{
    ChunkLen, ConnectionSharing, ListenerHandle, Profile, Relocation, SessionHandle,
    SessionOptions, SessionState, SetupPreference,
};
use msrp_core::error::{Error, ErrorKind, Result};
use msrp_core::proto::{Pacing, ReportMode, SessionMatch};
use parking_lot::Mutex;

use crate::callbacks::libmsrp_session_callbacks;
use crate::deferred::{Release, Work};
use crate::dialling::libmsrp_connection_options;
use crate::direction::libmsrp_direction;
use crate::engine::libmsrp_engine;
use crate::entry::{self, Enumerator, enumerator, ffi_entry};
use crate::error::libmsrp_result;
use crate::listener::libmsrp_listener;
use crate::message::MessageCounts;
use crate::sdp;
use crate::sized::{self, sized};
use crate::text::{libmsrp_header, libmsrp_slice, libmsrp_text};
use crate::tls::libmsrp_tls;

/// Names a session of an engine. 0 is none.
pub type libmsrp_session = u64;

/// In libmsrp_session_options.chunk_len: no bound.
pub const LIBMSRP_CHUNK_LEN_UNBOUNDED: u32 = 0xFFFF_FFFF;

/// As media index: the first MSRP m= line that can be used.
pub const LIBMSRP_FIRST_MEDIA: i32 = -1;

/// Where a session is in its life.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_state {
    /// Made; its remote side or libmsrp_session_open() is missing.
    New = 0,
    /// Dialling, or waiting for the peer.
    Connecting = 1,
    /// Bound: messages flow.
    Open = 2,
    /// libmsrp_session_close() was called; what is under way is being finished.
    Closing = 3,
    /// Over.
    Closed = 4,
}

impl From<SessionState> for libmsrp_state {
    fn from(state: SessionState) -> Self {
        match state {
            SessionState::New => Self::New,
            SessionState::Connecting => Self::Connecting,
            SessionState::Open => Self::Open,
            SessionState::Closing => Self::Closing,
            SessionState::Closed => Self::Closed,
        }
    }
}

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
}

sized!(libmsrp_session_options);

/// A session of the host.
pub(crate) struct SessionEntry {
    pub(crate) handle: u64,
    pub(crate) callbacks: libmsrp_session_callbacks,
    pub(crate) messages: MessageCounts,
    /// `None` after the end of the session.
    user: Mutex<Option<Release>>,
}

impl SessionEntry {
    /// What callbacks get as their last argument. Only on the dispatching thread, which alone releases it.
    pub(crate) fn user(&self) -> *mut c_void {
        self.user
            .lock()
            .as_ref()
            .map_or(std::ptr::null_mut(), |release| release.user)
    }

    /// The end of the session: the user data is to be released, once.
    pub(crate) fn end(&self) -> Option<Release> {
        self.user.lock().take()
    }

    /// Gives the user data that it replaces.
    fn replace_user(&self, user: *mut c_void) -> Result<Release> {
        let mut place = self.user.lock();
        match &mut *place {
            Some(release) => {
                let old = *release;
                release.user = user;
                Ok(old)
            }
            None => Err(gone()),
        }
    }
}

impl fmt::Display for SessionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {:#x}", self.handle)
    }
}

impl fmt::Debug for SessionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes a session. options and callbacks may be NULL; both are copied. user and its destructor are taken over
/// only on success.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, a text is not UTF-8, an option is out
/// of its range, a certificate or key is unusable, or a wildcard address has no advertise_host; LIBMSRP_ERR_CONNECT: the port cannot be bound;
/// LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_GONE: the listener is closed, or the engine is shut
/// down; LIBMSRP_ERR_LIMIT: too many sessions; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from
/// any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_new(
    engine: *mut libmsrp_engine,
    options: *const libmsrp_session_options,
    callbacks: *const libmsrp_session_callbacks,
    user: *mut c_void,
    out: *mut libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let callbacks = unsafe { sized::read(callbacks, "callbacks") }?;
        // SAFETY: the header's contract.
        let options = unsafe { sized::read(options, "options") }?;
        // SAFETY: the header's contract.
        let options = unsafe { options.to_core() }?;
        let session = engine.sessions.insert_with(|| {
            let handle = engine.core.session(&engine.domain, options)?.0;
            let entry = Arc::new(SessionEntry {
                handle,
                callbacks,
                messages: MessageCounts::default(),
                user: Mutex::new(Some(Release {
                    function: callbacks.on_release,
                    user,
                })),
            });
            Ok::<_, Error>((handle, entry))
        })?;
        out.set(session);
    })
}

impl libmsrp_session_options {
    /// # Safety
    /// The texts and the TLS configuration are as the header says.
    unsafe fn to_core(self) -> Result<SessionOptions> {
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

/// Borrows the octets of an SDP, which have to be UTF-8.
///
/// # Safety
/// As [`entry::octets`].
pub(crate) unsafe fn sdp_text<'a>(ptr: *const u8, len: usize, name: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    let octets = unsafe { entry::octets(ptr, len, name) }?;
    msrp_core::sdp::text(octets)
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

fn gone() -> Error {
    Error::local(ErrorKind::Gone, "the session has ended")
}

/// Our path: one MSRP URI, or those of our relays and ours, separated by spaces. With the peer's path for
/// libmsrp_session_set_remote_path() no SDP is needed at all. *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_local_path(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let path = engine.core.local_path(SessionHandle(session))?;
        out.set(libmsrp_text::into_raw(path.to_string()));
    })
}

/// Our m= block with its attributes, for a host that builds its own SDP: the answer to an offer that
/// libmsrp_session_set_remote() was given, our open offer, else our side as it stands. The first time it is an offer;
/// later ones come from libmsrp_session_offer_media(). *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_local_media(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let media = engine.core.local_media(SessionHandle(session))?;
        out.set(libmsrp_text::into_raw(media));
    })
}

/// Our m= block as an offer, which is open until libmsrp_session_set_remote() is given its answer, or
/// libmsrp_session_rollback_offer() takes it back. Called again while nothing has changed, it is the same. The version in
/// the host's o= line grows when its text differs from the last one (RFC 3264 §8). *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_BUSY: another offer is open, as for
/// libmsrp_session_create_offer(); LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_offer_media(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let media = engine.core.offer_media(SessionHandle(session))?;
        out.set(libmsrp_text::into_raw(media));
    })
}

/// Takes our open offer back: it was refused (SIP 488), or crossed one of the peer (491). An offer of the peer that
/// libmsrp_session_set_remote() was given is not waited for any more either. Nothing happens where none is open.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_rollback_offer(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.rollback_offer(SessionHandle(session))?;
    })
}

/// A whole minimal SDP with our m= block as an offer, which is open until libmsrp_session_set_remote() is given its
/// answer, or libmsrp_session_rollback_offer() takes it back. Called again while nothing has changed, it is the same
/// text. The version in o= grows with every change (RFC 3264 §8); streams of the peer's offers that we refused keep
/// their lines, with port 0. *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_BUSY: another offer is open, ours,
/// and this one would differ, or one of the peer that libmsrp_session_local_media() has not answered (RFC 3264 §4);
/// LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from
/// any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_create_offer(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let offer = engine.core.create_offer(SessionHandle(session))?;
        out.set(libmsrp_text::into_raw(offer));
    })
}

/// Takes the peer's offer as the remote side and makes the whole SDP answer. An offer that repeats the last one gets the
/// same answer; one with port 0 ends the session and is answered with port 0. index: which m= line of the offer, from 0,
/// or LIBMSRP_FIRST_MEDIA. *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, offer is NULL, there is no such m= line,
/// nobody could connect, or names have to be looked up first (libmsrp_session_prepare_remote());
/// LIBMSRP_ERR_INVALID_SDP: it breaks a rule, or is not UTF-8; LIBMSRP_ERR_LIMIT: it is too long;
/// LIBMSRP_ERR_INVALID_URI; LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes none of our types; LIBMSRP_ERR_BUSY: an offer of
/// ours is open (RFC 3264 §4); LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_create_answer(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    offer: *const u8,
    offer_len: usize,
    index: i32,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let offer = unsafe { sdp_text(offer, offer_len, "offer") }?;
        let answer =
            engine
                .core
                .create_answer(SessionHandle(session), offer, media_index(index)?)?;
        out.set(libmsrp_text::into_raw(answer));
    })
}

/// Takes the peer's SDP, whole or only its m= block: the answer to our offer, or an offer that
/// libmsrp_session_local_media() then answers. May be called again. Port 0 ends the session. index: which m= line, from
/// 0, or LIBMSRP_FIRST_MEDIA.
///
/// With CEMA an answer may be one that cannot be used: libmsrp_session_offer_due() says so then.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, sdp is NULL, there is no such m= line, nobody could
/// connect, or names have to be looked up first (libmsrp_session_prepare_remote());
/// LIBMSRP_ERR_INVALID_SDP: it breaks a rule, or is not UTF-8; LIBMSRP_ERR_LIMIT: it is too long; LIBMSRP_ERR_INVALID_URI;
/// LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes none of our types; LIBMSRP_ERR_GONE: the session is closing or over;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_remote(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    sdp: *const u8,
    sdp_len: usize,
    index: i32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let sdp = unsafe { sdp_text(sdp, sdp_len, "sdp") }?;
        let index = media_index(index)?;
        engine.core.set_remote(SessionHandle(session), sdp, index)?;
    })
}

/// Moves a session to another place of this machine: our URI is another one in the next offer or answer, and the session
/// goes over when the peer uses it, or it has connected from there. The one of before is served until then (RFC 3264
/// §8.3.1). Of options count listener, host, port, advertise_host, advertise_port and connection (NULL: as before); all
/// else is ignored. options may be NULL: another port of 127.0.0.1.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, a text is not UTF-8, a wildcard address has no
/// advertise_host, or the listener does not fit the session's TLS; LIBMSRP_ERR_CONNECT: the port cannot be bound;
/// LIBMSRP_ERR_GONE: the listener is closed, or the session closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_relocate(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    options: *const libmsrp_session_options,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let options = unsafe { sized::read(options, "options") }?;
        let dials_anew = !options.connection.is_null();
        // SAFETY: the header's contract.
        let options = unsafe { options.to_core() }?;
        let place = Relocation {
            listener: options.listener,
            host: options.host,
            port: options.port,
            advertise: options.advertise,
            connection: dials_anew.then_some(options.connection),
        };
        engine.core.relocate(SessionHandle(session), place)?;
    })
}

/// Takes the peer's path without any SDP: its MSRP URIs, separated by spaces. active, if not 0: we connect.
/// accept_types: what the peer takes, separated by spaces; empty means anything.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or a text is not UTF-8; LIBMSRP_ERR_INVALID_URI;
/// LIBMSRP_ERR_GONE: the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_remote_path(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    path: *const u8,
    path_len: usize,
    active: i32,
    accept_types: *const u8,
    accept_types_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let path = unsafe { entry::text(path, path_len, "path") }?;
        // SAFETY: the header's contract.
        let types = unsafe { entry::text(accept_types, accept_types_len, "accept_types") }?;
        let types = if types.is_empty() { "*" } else { types };
        engine
            .core
            .set_remote_path(SessionHandle(session), path, active != 0, types)?;
    })
}

/// Connects or waits for the peer, as negotiated, at most timeout_ms milliseconds (negative: without a limit).
/// Returns at once; on_state with LIBMSRP_STATE_OPEN, or on_closed, follows.
///
/// A passive session is bound by its peer also without it, once the remote side is known.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, the remote side is not known yet, or a new offer
/// is due (libmsrp_session_offer_due());
/// LIBMSRP_ERR_BUSY: it was opened before; LIBMSRP_ERR_GONE: the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal
/// in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_open(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    timeout_ms: i64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine
            .core
            .open(SessionHandle(session), entry::timeout(timeout_ms))?;
    })
}

/// Ends a session when what is under way is done, at the latest after timeout_ms milliseconds (negative: without
/// a limit); what is left then is ended with `#`. Returns at once; on_closed follows.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_close(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    timeout_ms: i64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine
            .core
            .close(SessionHandle(session), entry::timeout(timeout_ms))?;
    })
}

/// Ends a session at once. on_closed follows.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_abort(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.abort_session(SessionHandle(session))?;
    })
}

/// Where a session is in its life.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_state(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut libmsrp_state,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let state = engine.core.state(SessionHandle(session))?;
        out.set(state.into());
    })
}

/// Stops taking messages: content stays in the engine, the window fills, and in the end the peer's connection
/// stands still. Callbacks that were on their way already (up to 32 events or 64 KiB) still come; other callbacks
/// than those of content go on. Has no effect after libmsrp_session_close(), libmsrp_session_abort() and
/// libmsrp_engine_shutdown(), which end a pause.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_pause(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.pause(SessionHandle(session))?;
    })
}

/// Takes messages again after libmsrp_session_pause().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_resume(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.resume(SessionHandle(session))?;
    })
}

/// Replaces what callbacks get as user. The one before goes to on_release, by dispatch, after the callback that
/// may be using it; the new one is taken over only on success.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_user_data(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    user: *mut c_void,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let entry = engine
            .sessions
            .with(session, |entry| entry.clone())
            .ok_or_else(gone)?;
        let old = entry.replace_user(user)?;
        engine.deferred.push(Work::Release(old));
    })
}

pub(crate) fn media_index(index: i32) -> Result<Option<usize>> {
    match index {
        LIBMSRP_FIRST_MEDIA => Ok(None),
        _ => usize::try_from(index)
            .map(Some)
            .map_err(|_| Error::invalid_argument(format!("media index {index} is negative"))),
    }
}
