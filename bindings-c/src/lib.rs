//! The C ABI of the MSRP engine: `msrp::engine` for programs in C, C++ and whatever can call C.
//!
//! Every file translates one group of `include/libmsrp.h`, which is generated from here:
//! - `error`, `text`, `sized`, `entry`: results, texts, growing structs, and the checks that every function
//!   makes before anything else;
//! - `engine`, `limits`, `tls`, `listener`, `log`: what a program sets up once;
//! - `session`, `message`, `body`, `transfer`, `stream`: MSRP itself;
//! - `dispatch`, `deferred`, `table`, `thread`: where the host's functions are called, and in which order.
//!
//! Nothing here decides about MSRP: what needs logic stands in the core.

// The names are those of the header, and what their pointers have to be stands in the header's words.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

pub mod body;
pub mod engine;
pub mod error;
pub mod limits;
pub mod listener;
pub mod log;
pub mod message;
pub mod session;
pub mod stream;
pub mod text;
pub mod tls;
pub mod transfer;
pub mod version;

mod deferred;
mod dispatch;
mod entry;
mod sized;
mod table;
mod thread;
