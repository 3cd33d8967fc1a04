//! Digest authentication of AUTH (RFC 4976 §5.1, §9.1; RFC 2617 §3, RFC 7616 §3), both sides, without connections.
//!
//! [`ClientAuth`] says what a client sends to one relay and what it makes of the answers; [`Nonces`] is what a relay
//! remembers on one connection in order to judge credentials. The header values are `wire`'s; who sends an AUTH where
//! and when is `proto::relay`'s and `engine`'s, who may have a URI is decided in `role::relay`. Nothing here shows a
//! value in `Debug`.

mod client;
mod digest;
mod failure;
mod login;
mod nonces;

pub use crate::wire::{Algorithm, AuthenticationInfo, Challenge, Credentials};
pub use client::{AUTH_TIMEOUT, AuthHeaders, ClientAuth, ClientAuthOptions, Grant, Next};
pub use digest::{DigestInput, Ha1};
pub use failure::AuthFailure;
pub use login::{Login, Password};
pub use nonces::{DigestOptions, Nonces, Proof, Verdict};
