//! An MSRP engine: RFC 4975 sessions that a SIP program hands over as `m=message` lines.
//!
//! MSRP carries messages and files inside a SIP call or chat, over TCP or TLS. A program that speaks SIP gives the
//! engine the peer's SDP and sends the engine's SDP to the peer; the engine owns the sockets and gives back messages,
//! reports and progress.
//!
//! ```
//! use std::time::Duration;
//! use msrp::{Body, Engine, EngineOptions, SendOptions, SessionOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> msrp::Result<()> {
//! let engine = Engine::new(EngineOptions::default())?;
//! let options = SessionOptions { accept_types: Some(vec!["*".into()]), ..SessionOptions::default() };
//! let (alice, bob) = (engine.session(options.clone())?, engine.session(options)?);
//!
//! // What SIP carries: an offer in the INVITE, an answer in the 200.
//! let answer = bob.create_answer(&alice.create_offer()?)?;
//! alice.set_remote(&answer)?;
//! let timeout = Duration::from_secs(30);
//! tokio::try_join!(alice.open(timeout), bob.open(timeout))?;
//!
//! // A message of a length that nobody knows yet, taken part by part while it comes.
//! let send = SendOptions { content_type: "text/csv".into(), ..SendOptions::default() };
//! let mut stream = alice.stream(None, send).await?;
//! stream.write("id,name\n").await?;
//! stream.write("1,Alice\n").await?;
//! let transfer = stream.finish();
//! let mut message = bob.recv().await.expect("the session is open");
//! let mut len = 0;
//! while let Some(part) = message.next_part().await? {
//!     len += part.len();
//! }
//! assert_eq!((message.content_type(), len), ("text/csv", 16));
//! transfer.acknowledged().await?;
//!
//! // A file: the engine reads it.
//! let transfer = alice.send(Body::file("Cargo.toml"), SendOptions::default()).await?;
//! # let mut message = bob.recv().await.expect("the session is open");
//! # message.read().await?;
//! transfer.acknowledged().await?;
//! # engine.shutdown(timeout).await;
//! # Ok(()) }
//! ```
//!
//! # Layers
//!
//! Each uses only those above it in this list. The first six are pure: no socket, clock, lock, task or randomness of
//! their own; `default-features = false` leaves only them, without tokio. ARCHITECTURE.md tells how they work together.
//!
//! - [`error`] and [`limits`]: the one error type of the public API, and every bound, in one object.
//! - [`wire`]: octets to values and back (RFC 4975 §6, §7, §9). URIs and paths, header values, an incremental parser that
//!   frames by the end-line and never looks at an octet of a body twice, the encoder, and the scan of an outgoing body
//!   for its own end-line.
//! - [`content`]: what message/cpim says of what it holds: its senders (RFC 4975 §14.5), and the type inside.
//! - [`sdp`]: offer and answer (RFC 4975 §8, RFC 6135, RFC 8122). Text in, values and text out: what to put into an
//!   `m=message` section, what one says, and who connects.
//! - [`proto`]: one connection and its sessions as state machines (RFC 4975 §5, §7). Which session a request is for, what
//!   goes out next, transactions and their time, messages put together from chunks, reports, back-pressure; and how clients
//!   and relays authenticate each other (RFC 4976 §9.1). Time and randomness come in as arguments.
//! - [`role`]: a relay (RFC 4976), as decisions and state machines: who has a URI of it and where requests go, and what
//!   one of its connections does with them.
//! - [`net`]: sockets and queues, on tokio. A task for each connection owns its `proto` machine; a mailbox for each session
//!   joins it with the host; dialling, listening, TLS, wake-ups, the memory budget. Nothing of it is public.
//! - [`engine`]: the facade for programs with any kind of loop, and for the bindings: an engine owns threads and
//!   connections, hosts hold 64-bit handles, call functions that never wait, and take batches of events.
//! - [`Engine`], [`Session`], [`Message`], [`Transfer`]: the async API over the facade, for programs on tokio. Start here.
//!
//! # Features
//!
//! - `net` (default): sockets, TLS, the engine and the async API.
//! - `aws-lc-rs` (default) or `ring`: the cryptography of TLS. With `net`, one of the two is needed.

// Under `cfg(loom)` only the wake protocols in `net` are built above the pure layers.
#[cfg(all(feature = "net", not(loom)))]
mod api;
#[cfg(all(feature = "net", not(loom)))]
pub mod engine;

pub mod content;
pub mod error;
pub mod limits;
mod mutant;
#[cfg(feature = "net")]
pub mod net;
#[cfg(all(doctest, feature = "net"))]
mod pages;
pub mod proto;
pub mod role;
pub mod sdp;
pub mod wire;

#[cfg(all(feature = "net", not(loom)))]
pub use api::{
    Body, Engine, Events, Listener, Message, Relay, RelayListener, Report, Request, Session,
    SessionEvent, StreamSender, Transfer,
};
#[cfg(all(feature = "dns", not(loom)))]
pub use engine::HickoryResolver;
#[cfg(all(feature = "net", not(loom)))]
pub use engine::{
    Adopt, ChunkLen, ClientAuth, ConnectionOptions, ConnectionSharing, DialAttempt, DialCheck,
    Directions, EngineOptions, Identity, ListenOptions, NameResolution, Network, NotAdopted,
    PeerCertificate, PeerProof, PemSource, Profile, RelayAnswer, RelayAuthorisation,
    RelayCredentials, RelayDecisions, RelayListenOptions, RelayLogin, RelayMessage, RelayNextHop,
    RelayObservation, RelayOptions, RelayPolicy, RelayStats, RelayTraffic, RelayUsers,
    RelayVerdict, Relocation, RequestOptions, Resolution, Resolver, SelfSigned, SendOptions,
    ServiceLookup, ServiceResolution, SessionOptions, SessionState, SetupPreference, SrvRecord,
    Stats, SystemResolver, TlsConfig, TlsVerify, TlsVersion, TraceOptions,
};
pub use error::{Error, ErrorKind, Origin, Result};
pub use limits::Limits;
pub use proto::auth::{Ha1, Password};
pub use proto::{
    Answer, CloseReason, Counts, Histogram, Pacing, ReportMode, SessionMatch, Traffic,
};
pub use sdp::Direction;
pub use wire::{Algorithm, FailureReport, StatusCode};

#[cfg(all(feature = "net", not(loom)))]
#[doc(hidden)]
pub use net::tls::probe::{Probe as CertificateProbe, Probed as ProbedCertificate};

/// What the calling thread has done so far in the pure layers, as octets searched and steps of loops that a peer can
/// make long: for tests that prove its cost linear. Always 0 where debug assertions are off.
#[doc(hidden)]
pub fn work_so_far() -> u64 {
    wire::work::so_far().wrapping_add(proto::work::so_far())
}
