//! The async Rust API: sessions, messages and transfers over the facade in [`engine`](crate::engine).
//!
//! It turns the facade's events into futures on the caller's own tokio runtime. There is no task of its
//! own behind a session: whichever task waits for something takes the engine's next batch of events, puts it
//! where it belongs and wakes the others. What the protocol does (RFC 4975 §5, §7) is `proto`'s affair, sockets
//! are `net`'s, options and handles are the facade's and used here unchanged.
//!
//! Everything is re-exported at the crate root: [`msrp::Engine`](crate::Engine), [`msrp::Session`](crate::Session).

mod body;
mod engine;
mod events;
mod message;
mod relay;
mod request;
mod session;
mod shared;
mod stream;
mod transfer;

pub use body::Body;
pub use engine::{Engine, Listener};
pub use events::{Events, SessionEvent};
pub use message::Message;
pub use relay::{Relay, RelayListener};
pub use request::Request;
pub use session::Session;
pub use stream::StreamSender;
pub use transfer::{Report, Transfer};
