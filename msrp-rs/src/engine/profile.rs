//! What known peers need, under their names.
//!
//! The host says whose peer it is; nothing is guessed from what comes in. What each peer does, and from where the
//! values come, stands in `docs/peers.md`.

use std::fmt;
use std::str::FromStr;

use super::options::{ChunkLen, SessionOptions};
use crate::error::Error;
use crate::proto::{Pacing, SessionMatch};

/// A known kind of peer: presets of [`SessionOptions::chunk_len`](super::SessionOptions::chunk_len) and of the three
/// options after it. Each of them can be set beside a profile and then wins.
///
/// `docs/peers.md` says what each peer does and which values follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// A peer of unknown kind, by the letter of RFC 4975.
    #[default]
    Strict,
    /// Kamailio as a relay: takes whole frames up to a limit.
    Kamailio,
    /// OpenSIPS as a relay: CRLF and seven hyphens inside of a body end its connection.
    Opensips,
    /// FreeSWITCH: reads a body at once, by its exact range, and looks at session-ids alone.
    Freeswitch,
    /// Blink and its library, and the relay of AG Projects: one frame at a time.
    Blink,
    /// Doubango tinyMSRP: frames by exact ranges.
    Doubango,
    /// Gateways and peers that compare session-ids alone.
    Sessmatch,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Strict,
        Self::Kamailio,
        Self::Opensips,
        Self::Freeswitch,
        Self::Blink,
        Self::Doubango,
        Self::Sessmatch,
    ];

    /// Its name, as [`FromStr`] takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Kamailio => "kamailio",
            Self::Opensips => "opensips",
            Self::Freeswitch => "freeswitch",
            Self::Blink => "blink",
            Self::Doubango => "doubango",
            Self::Sessmatch => "sessmatch",
        }
    }

    /// Most octets in the body of a chunk. [`ChunkLen::Auto`]: 2048, or no bound towards this engine.
    pub fn chunk_len(self) -> ChunkLen {
        match self {
            Self::Strict => ChunkLen::Auto,
            Self::Kamailio => ChunkLen::Octets(KAMAILIO_CHUNK_LEN),
            Self::Opensips | Self::Freeswitch | Self::Blink | Self::Doubango | Self::Sessmatch => {
                ChunkLen::Octets(SAFE_CHUNK_LEN)
            }
        }
    }

    /// Which URIs of incoming requests name the session.
    pub fn session_match(self) -> SessionMatch {
        match self {
            Self::Freeswitch | Self::Sessmatch => SessionMatch::SessionId,
            Self::Strict | Self::Kamailio | Self::Opensips | Self::Blink | Self::Doubango => {
                SessionMatch::Uri
            }
        }
    }

    /// How fast requests follow each other.
    pub fn pacing(self) -> Pacing {
        match self {
            Self::Freeswitch | Self::Blink => Pacing::One,
            Self::Strict | Self::Kamailio | Self::Opensips | Self::Doubango | Self::Sessmatch => {
                Pacing::Pipelined
            }
        }
    }

    /// Whether a relay may give URIs with IP addresses though it was itself addressed by name.
    pub(super) fn gives_addresses(self) -> bool {
        self == Self::Kamailio
    }

    /// Whether a relay breaks on the time for which its URI is wanted.
    pub(super) fn minds_expires(self) -> bool {
        self == Self::Kamailio
    }

    /// Whether no body may hold CRLF and seven hyphens.
    pub fn dash_split(self) -> bool {
        self == Self::Opensips
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = Error;

    /// # Errors
    /// `InvalidArgument`, with the names that there are.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                Error::invalid_argument(format!("profile is {name:?}, there are: {names}"))
            })
    }
}

/// How a session treats its peer: its own options, and the profile's where those are silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Treatment {
    pub(super) chunk_len: ChunkLen,
    pub(super) session_match: SessionMatch,
    pub(super) pacing: Pacing,
    pub(super) dash_split: bool,
}

impl Treatment {
    pub(super) fn new(options: &SessionOptions) -> Self {
        let profile = options.profile;
        Self {
            chunk_len: match options.chunk_len {
                ChunkLen::Auto => profile.chunk_len(),
                given => given,
            },
            session_match: options
                .session_match
                .unwrap_or_else(|| profile.session_match()),
            pacing: options.pacing.unwrap_or_else(|| profile.pacing()),
            dash_split: options.dash_split.unwrap_or_else(|| profile.dash_split()),
        }
    }
}

/// Chunk length towards a peer that is not known, with exact ranges: every known peer takes it.
pub(super) const SAFE_CHUNK_LEN: u32 = 2048;

/// Kamailio takes frames under 11,239 octets with the settings that digest authentication needs, 14,338 else: 3 KiB are
/// left for the headers.
const KAMAILIO_CHUNK_LEN: u32 = 8192;
