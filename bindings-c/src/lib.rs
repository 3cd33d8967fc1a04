//! libmsrp: MSRP sessions (RFC 4975) for programs that speak SIP.
//!
//! A program makes one engine, and a session for each m=message line of its SDP. It hands the session's SDP to its
//! SIP stack and the peer's SDP to the session, opens it, and sends messages; what happens comes back through
//! callbacks. A whole program stands in examples/c/party.c.
//!
//! OBJECTS
//!   libmsrp_engine is a pointer. Sessions, messages, transfers and listeners are 64-bit handles: the network may
//!   end them at any time, and a call that comes too late returns LIBMSRP_ERR_GONE. 0 is never a handle.
//!
//! ERRORS
//!   Functions that can fail return libmsrp_result: LIBMSRP_OK (0), or a negative number. libmsrp_result_name()
//!   gives its symbol, libmsrp_last_error() the text of the calling thread's last failure. Out-parameters are
//!   written only on success. A defect of the library that would end a Rust program becomes LIBMSRP_ERR_INTERNAL.
//!
//! TEXT AND OCTETS
//!   In: pointer and length, not NUL-terminated, borrowed until the call returns; text is UTF-8. The macro
//!   LIBMSRP_TEXT("x") stands for both arguments, LIBMSRP_SLICE("x") for a libmsrp_slice.
//!   Out: texts that functions make are libmsrp_text objects for libmsrp_text_free(). What callbacks get is borrowed
//!   until the callback returns; libmsrp_body_retain() keeps octets of a message without a copy.
//!   Each side frees what it allocated.
//!
//! STRUCTS
//!   Structs with struct_size may grow at their end. Begin with their _INIT macro: the size is set, all else is
//!   zero, and zero means the default. A library takes shorter (older) ones, and longer (newer) ones if what it does
//!   not know is zero; it copies them before it returns. Structs that callbacks get have the library's size.
//!
//! THREADS
//!   Any function may be called from any thread, but for those that say otherwise. Without
//!   LIBMSRP_DISPATCH_THREAD no function of the host is ever called on a thread that the host did not give:
//!   libmsrp_engine_fd() is readable when there is work, and libmsrp_engine_process() does it. Callbacks of an engine
//!   run one at a time, those of a session in the order of the wire.
//!   After a fork, all functions in the child return LIBMSRP_ERR_FORKED for an engine of the parent: make the engine
//!   in each worker after the fork.
//!
//! WHERE THE HOST'S FUNCTIONS RUN
//!                                    | default dispatch          | LIBMSRP_DISPATCH_THREAD | libmsrp_engine_free()
//!   ---------------------------------+---------------------------+-------------------------+----------------------
//!   on_state, on_writable            | in libmsrp_engine_process | the callback thread     | not called
//!   on_message, on_message_begin     | in libmsrp_engine_process | the callback thread     | not called
//!   on_body, on_message_end          | in libmsrp_engine_process | the callback thread     | not called
//!   on_request, on_response          | in libmsrp_engine_process | the callback thread     | not called
//!   on_prepared, on_relay            | in libmsrp_engine_process | the callback thread     | not called
//!   on_report, on_transfer, read_fn  | in libmsrp_engine_process | the callback thread     | not called
//!   resolve_fn, service_fn, dial_fn  | in libmsrp_engine_process | the callback thread     | not called
//!   on_credentials, on_authorise     | in libmsrp_engine_process | the callback thread     | not called
//!   on_next_hop                      | in libmsrp_engine_process | the callback thread     | not called
//!   on_closed, on_engine_closed      | in libmsrp_engine_process | the callback thread     | its caller's thread
//!   on_release, free_fn, log_fn      | in libmsrp_engine_process | the callback thread     | its caller's thread
//!
//!   Nothing of the host ever runs inside any other function, nor on the threads that do the network's work. Until the
//!   last of these functions returned, libmsrp_engine_free() leaves the engine usable for them: what they ask for anew
//!   is LIBMSRP_ERR_GONE. Two callback threads that free each other's engine wait for each other.
//!
//! INSIDE CALLBACKS
//!   Every function may be called, on this engine too, except libmsrp_engine_process() and libmsrp_engine_free(), which
//!   return LIBMSRP_ERR_DEADLOCK for the engine whose callback it is. Callbacks return normally: no exception, no
//!   longjmp. They do not block, or every session waits.
//!
//! USER DATA
//!   Callbacks end with the void pointer that the host gave, which on_release (or free_fn) gets exactly once, after
//!   the last call that uses it. Where a function fails that takes such a pointer, nothing was taken over.
//!
//! FLOW
//!   libmsrp_send() copies into the session's send window, or says LIBMSRP_ERR_AGAIN, and on_writable follows; larger
//!   bodies are lent, streamed, or sent as files. What a session received and its callbacks did not consume holds the
//!   receive window shut, in the end the peer's connection: on_body and on_message return LIBMSRP_BODY_CONSUMED, or
//!   LIBMSRP_BODY_LATER, and libmsrp_message_consume() follows. One connection may carry many sessions; one that stays
//!   shut for seconds is refused further messages (413) so that the others go on.

// The crate: every file translates one group of the header.
// - `error`, `text`, `sized`, `entry`: results, texts, growing structs, and the checks that every function makes
//   before anything else;
// - `engine`, `limits`, `tls`, `listener`, `log`, `trace`, `stats`, `dialling`, `relay`: what a program sets up once;
// - `session`, `options`, `signalling`, `sdp`, `cema`, `certificate`, `direction`, `adopt`, `callbacks`, `message`, `body`,
//   `transfer`, `stream`, `request`: MSRP itself;
// - `dispatch`, `deferred`, `table`, `thread`: where the host's functions are called, and in which order.
// Nothing here decides about MSRP: what needs logic stands in the core.

// The names are those of the header, and what their pointers have to be stands in the header's words.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

pub mod adopt;
pub mod body;
pub mod callbacks;
pub mod cema;
pub mod certificate;
pub mod dialling;
pub mod direction;
pub mod engine;
pub mod error;
pub mod limits;
pub mod listener;
pub mod log;
pub mod login;
pub mod message;
pub mod options;
pub mod relay;
pub mod request;
pub mod sdp;
pub mod session;
pub mod signalling;
pub mod stats;
pub mod stream;
pub mod text;
pub mod tls;
pub mod trace;
pub mod transfer;
pub mod version;

mod deferred;
mod dispatch;
mod entry;
mod sized;
mod table;
mod thread;
