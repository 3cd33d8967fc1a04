/*
 * libmsrp: MSRP sessions (RFC 4975) for programs that speak SIP.
 *
 * A program makes one engine, and a session for each m=message line of its SDP. It hands the session's SDP to its
 * SIP stack and the peer's SDP to the session, opens it, and sends messages; what happens comes back through
 * callbacks. A whole program stands in examples/c/party.c.
 *
 * OBJECTS
 *   libmsrp_engine is a pointer. Sessions, messages, transfers and listeners are 64-bit handles: the network may
 *   end them at any time, and a call that comes too late returns LIBMSRP_ERR_GONE. 0 is never a handle.
 *
 * ERRORS
 *   Functions that can fail return libmsrp_result: LIBMSRP_OK (0), or a negative number. libmsrp_result_name()
 *   gives its symbol, libmsrp_last_error() the text of the calling thread's last failure. Out-parameters are
 *   written only on success. A defect of the library that would end a Rust program becomes LIBMSRP_ERR_INTERNAL.
 *
 * TEXT AND OCTETS
 *   In: pointer and length, not NUL-terminated, borrowed until the call returns; text is UTF-8. The macro
 *   LIBMSRP_TEXT("x") stands for both arguments, LIBMSRP_SLICE("x") for a libmsrp_slice.
 *   Out: texts that functions make are libmsrp_text objects for libmsrp_text_free(). What callbacks get is borrowed
 *   until the callback returns; libmsrp_body_retain() keeps octets of a message without a copy.
 *   Each side frees what it allocated.
 *
 * STRUCTS
 *   Structs with struct_size may grow at their end. Begin with their _INIT macro: the size is set, all else is
 *   zero, and zero means the default. A library takes shorter (older) ones, and longer (newer) ones if what it does
 *   not know is zero; it copies them before it returns. Structs that callbacks get have the library's size.
 *
 * THREADS
 *   Any function may be called from any thread, but for those that say otherwise. Without
 *   LIBMSRP_DISPATCH_THREAD no function of the host is ever called on a thread that the host did not give:
 *   libmsrp_engine_fd() is readable when there is work, and libmsrp_engine_process() does it. Callbacks of an engine
 *   run one at a time, those of a session in the order of the wire.
 *   After a fork, all functions in the child return LIBMSRP_ERR_FORKED for an engine of the parent: make the engine
 *   in each worker after the fork.
 *
 * WHERE THE HOST'S FUNCTIONS RUN
 *                                    | default dispatch          | LIBMSRP_DISPATCH_THREAD | libmsrp_engine_free()
 *   ---------------------------------+---------------------------+-------------------------+----------------------
 *   on_state, on_writable            | in libmsrp_engine_process | the callback thread     | not called
 *   on_message, on_message_begin     | in libmsrp_engine_process | the callback thread     | not called
 *   on_body, on_message_end          | in libmsrp_engine_process | the callback thread     | not called
 *   on_request, on_response          | in libmsrp_engine_process | the callback thread     | not called
 *   on_prepared, on_relay            | in libmsrp_engine_process | the callback thread     | not called
 *   on_report, on_transfer, read_fn  | in libmsrp_engine_process | the callback thread     | not called
 *   resolve_fn, service_fn, dial_fn  | in libmsrp_engine_process | the callback thread     | not called
 *   on_credentials, on_authorise     | in libmsrp_engine_process | the callback thread     | not called
 *   on_next_hop                      | in libmsrp_engine_process | the callback thread     | not called
 *   on_closed, on_engine_closed      | in libmsrp_engine_process | the callback thread     | its caller's thread
 *   on_release, free_fn, log_fn      | in libmsrp_engine_process | the callback thread     | its caller's thread
 *
 *   Nothing of the host ever runs inside any other function, nor on the threads that do the network's work. Until the
 *   last of these functions returned, libmsrp_engine_free() leaves the engine usable for them: what they ask for anew
 *   is LIBMSRP_ERR_GONE. Two callback threads that free each other's engine wait for each other.
 *
 * INSIDE CALLBACKS
 *   Every function may be called, on this engine too, except libmsrp_engine_process() and libmsrp_engine_free(), which
 *   return LIBMSRP_ERR_DEADLOCK for the engine whose callback it is. Callbacks return normally: no exception, no
 *   longjmp. They do not block, or every session waits.
 *
 * USER DATA
 *   Callbacks end with the void pointer that the host gave, which on_release (or free_fn) gets exactly once, after
 *   the last call that uses it. Where a function fails that takes such a pointer, nothing was taken over.
 *
 * FLOW
 *   libmsrp_send() copies into the session's send window, or says LIBMSRP_ERR_AGAIN, and on_writable follows; larger
 *   bodies are lent, streamed, or sent as files. What a session received and its callbacks did not consume holds the
 *   receive window shut, in the end the peer's connection: on_body and on_message return LIBMSRP_BODY_CONSUMED, or
 *   LIBMSRP_BODY_LATER, and libmsrp_message_consume() follows. One connection may carry many sessions; one that stays
 *   shut for seconds is refused further messages (413) so that the others go on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef LIBMSRP_H
#define LIBMSRP_H

/* Generated from bindings-c/src by `make generate`. Changes made here are lost. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The version of this header; libmsrp_version() tells the library's. */
#define LIBMSRP_VERSION_MAJOR 0
#define LIBMSRP_VERSION_MINOR 1
#define LIBMSRP_VERSION_PATCH 0
#define LIBMSRP_VERSION_STRING "0.1.0"
/* A NUL-terminated text as the two arguments (pointer, length) that functions take. */
#ifdef __cplusplus
#define LIBMSRP_TEXT(text) reinterpret_cast<const uint8_t *>(text), strlen(text)
#else
#define LIBMSRP_TEXT(text) (const uint8_t *)(text), strlen(text)
#endif

/* A NUL-terminated text as a libmsrp_slice, for the members of options. */
#ifdef __cplusplus
#define LIBMSRP_SLICE(text) (libmsrp_slice{LIBMSRP_TEXT(text)})
#else
#define LIBMSRP_SLICE(text) ((libmsrp_slice){LIBMSRP_TEXT(text)})
#endif

/**
 * In libmsrp_limits: no limit in time.
 */
#define LIBMSRP_FOREVER (-1)

/**
 * Most messages of a session that may be retained at a time.
 */
#define LIBMSRP_MAX_RETAINED_MESSAGES 1024

/**
 * In libmsrp_session_options.chunk_len: no bound.
 */
#define LIBMSRP_CHUNK_LEN_UNBOUNDED 4294967295

/**
 * As media index: the first MSRP m= line that can be used.
 */
#define LIBMSRP_FIRST_MEDIA (-1)

/**
 * From a libmsrp_read_fn: no octets now; libmsrp_stream_resume() when there are.
 */
#define LIBMSRP_STREAM_DEFERRED (-1)

/**
 * From a libmsrp_read_fn: the source failed; the message is ended with `#`.
 */
#define LIBMSRP_STREAM_FAIL (-2)

/**
 * A length that is not known.
 */
#define LIBMSRP_LENGTH_UNKNOWN 18446744073709551615ull

/**
 * The number of the binary interface that this header describes; libmsrp_abi_version() tells the library's.
 */
#define LIBMSRP_ABI_VERSION 0

/**
 * What a function returns: LIBMSRP_OK, or a negative number that says why it failed. Numbers are never changed
 * and never used again; new ones may come.
 */
enum libmsrp_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The function did what it says.
     */
    LIBMSRP_OK = 0,
    /**
     * An argument or option is NULL, out of its range or of the wrong form.
     */
    LIBMSRP_ERR_INVALID_ARGUMENT = -1,
    /**
     * A text is no MSRP URI (RFC 4975 §9), or may not be used where it was given.
     */
    LIBMSRP_ERR_INVALID_URI = -2,
    /**
     * An SDP text breaks a rule; libmsrp_last_error() names the line and the rule.
     */
    LIBMSRP_ERR_INVALID_SDP = -3,
    /**
     * A window or queue is full now. on_writable follows.
     */
    LIBMSRP_ERR_AGAIN = -4,
    /**
     * Larger than a limit that does not change by waiting.
     */
    LIBMSRP_ERR_TOO_LARGE = -5,
    /**
     * The session, message, transfer or listener has ended.
     */
    LIBMSRP_ERR_GONE = -6,
    /**
     * A connection could not be made or was lost.
     */
    LIBMSRP_ERR_CONNECT = -7,
    /**
     * TLS refused the peer, or the peer refused us.
     */
    LIBMSRP_ERR_TLS = -8,
    /**
     * Credentials were refused.
     */
    LIBMSRP_ERR_AUTH = -9,
    /**
     * The peer answered or reported a failure; the status code stands beside this number.
     */
    LIBMSRP_ERR_STATUS = -10,
    /**
     * No answer in time (RFC 4975 §7.1.1: 30 s after the last octet), or a deadline passed.
     */
    LIBMSRP_ERR_TIMEOUT = -11,
    /**
     * The peer broke the protocol so that the connection cannot go on.
     */
    LIBMSRP_ERR_PROTOCOL = -12,
    /**
     * The message was ended with `#`, by either side.
     */
    LIBMSRP_ERR_ABORTED = -13,
    /**
     * A configured limit was reached.
     */
    LIBMSRP_ERR_LIMIT = -14,
    /**
     * The peer does not accept this content type.
     */
    LIBMSRP_ERR_UNACCEPTED_TYPE = -15,
    /**
     * Another thread is using the engine in a way that excludes this call.
     */
    LIBMSRP_ERR_BUSY = -16,
    /**
     * The call is not allowed inside a callback: it would wait for itself.
     */
    LIBMSRP_ERR_DEADLOCK = -17,
    /**
     * The engine was made by another process, before a fork.
     */
    LIBMSRP_ERR_FORKED = -18,
    /**
     * A defect of this library.
     */
    LIBMSRP_ERR_INTERNAL = -19,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_result libmsrp_result;
#else
typedef int32_t libmsrp_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What proves the certificate of a peer.
 */
enum libmsrp_proof
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Nothing: LIBMSRP_VERIFY_NONE.
     */
    LIBMSRP_PROOF_NOTHING = 0,
    /**
     * A trusted CA has signed it. For which peer was not asked: it connected to us.
     */
    LIBMSRP_PROOF_CA = 1,
    /**
     * A trusted CA has signed it, and it names the peer's host.
     */
    LIBMSRP_PROOF_CA_AND_NAME = 2,
    /**
     * A fingerprint: of the peer's SDP, of the configuration, or of both.
     */
    LIBMSRP_PROOF_FINGERPRINT = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_proof libmsrp_proof;
#else
typedef int32_t libmsrp_proof;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Who sends ordinary messages, seen from our side (RFC 4975 §8.9). Bodiless requests, REPORTs, requests of other
 * methods, and messages that carry control or reports (libmsrp_send_options.control) pass in every state.
 */
enum libmsrp_direction
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Both sides.
     */
    LIBMSRP_DIRECTION_SENDRECV = 0,
    /**
     * Only we: the peer is held.
     */
    LIBMSRP_DIRECTION_SENDONLY = 1,
    /**
     * Only the peer.
     */
    LIBMSRP_DIRECTION_RECVONLY = 2,
    /**
     * Neither.
     */
    LIBMSRP_DIRECTION_INACTIVE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_direction libmsrp_direction;
#else
typedef int32_t libmsrp_direction;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where the host's functions run.
 */
enum libmsrp_dispatch
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Inside libmsrp_engine_process(), on the thread that calls it.
     */
    LIBMSRP_DISPATCH_HOST = 0,
    /**
     * On one thread of the engine.
     */
    LIBMSRP_DISPATCH_THREAD = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_dispatch libmsrp_dispatch;
#else
typedef int32_t libmsrp_dispatch;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How important a log record is.
 */
enum libmsrp_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Nothing is logged.
     */
    LIBMSRP_LOG_LEVEL_OFF = 0,
    /**
     * A defect, here or in how the host uses the library.
     */
    LIBMSRP_LOG_LEVEL_ERROR = 1,
    /**
     * Something failed: a session lost, a message refused, a slow consumer.
     */
    LIBMSRP_LOG_LEVEL_WARN = 2,
    /**
     * Sessions come and go.
     */
    LIBMSRP_LOG_LEVEL_INFO = 3,
    /**
     * Every message; connections come and go.
     */
    LIBMSRP_LOG_LEVEL_DEBUG = 4,
    /**
     * Every request and response, one line each.
     */
    LIBMSRP_LOG_LEVEL_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_log_level libmsrp_log_level;
#else
typedef int32_t libmsrp_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which side we want to be (RFC 6135).
 */
enum libmsrp_setup
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Either.
     */
    LIBMSRP_SETUP_ACTPASS = 0,
    /**
     * The one that connects.
     */
    LIBMSRP_SETUP_ACTIVE = 1,
    /**
     * The one that listens.
     */
    LIBMSRP_SETUP_PASSIVE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_setup libmsrp_setup;
#else
typedef int32_t libmsrp_setup;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whether sessions to one peer share a connection.
 */
enum libmsrp_sharing
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * One connection per peer (RFC 4975 §5.4).
     */
    LIBMSRP_SHARING_PEER = 0,
    /**
     * One connection per session: for bulk.
     */
    LIBMSRP_SHARING_SESSION = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_sharing libmsrp_sharing;
#else
typedef int32_t libmsrp_sharing;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Who makes REPORTs for incoming messages.
 */
enum libmsrp_reports
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The library, when the last octet was consumed and the sender asked for one.
     */
    LIBMSRP_REPORTS_AUTO = 0,
    /**
     * The host, by libmsrp_message_report().
     */
    LIBMSRP_REPORTS_MANUAL = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_reports libmsrp_reports;
#else
typedef int32_t libmsrp_reports;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A known kind of peer: presets of chunk_len, session_match, pacing and dash_split. Chosen by the host, never guessed.
 * docs/peers.md says what each peer does and which values follow.
 */
enum libmsrp_profile
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A peer of unknown kind, by the letter of RFC 4975.
     */
    LIBMSRP_PROFILE_STRICT = 0,
    /**
     * Kamailio as a relay: takes whole frames up to a limit.
     */
    LIBMSRP_PROFILE_KAMAILIO = 1,
    /**
     * OpenSIPS as a relay: CRLF and seven hyphens inside of a body end its connection.
     */
    LIBMSRP_PROFILE_OPENSIPS = 2,
    /**
     * FreeSWITCH: reads a body at once, by its exact range, and looks at session-ids alone.
     */
    LIBMSRP_PROFILE_FREESWITCH = 3,
    /**
     * Blink and its library, and the relay of AG Projects: one frame at a time.
     */
    LIBMSRP_PROFILE_BLINK = 4,
    /**
     * Doubango tinyMSRP: frames by exact ranges.
     */
    LIBMSRP_PROFILE_DOUBANGO = 5,
    /**
     * Gateways and peers that compare session-ids alone.
     */
    LIBMSRP_PROFILE_SESSMATCH = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_profile libmsrp_profile;
#else
typedef int32_t libmsrp_profile;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which URIs of incoming requests name the session.
 */
enum libmsrp_session_match
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As the profile says.
     */
    LIBMSRP_SESSION_MATCH_PROFILE = 0,
    /**
     * Those that equal our URI (RFC 4975 §6.1).
     */
    LIBMSRP_SESSION_MATCH_URI = 1,
    /**
     * Those with our session-id, whatever their address. Breaks RFC 4975 §6.1, for peers that need it.
     */
    LIBMSRP_SESSION_MATCH_SESSION_ID = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_session_match libmsrp_session_match;
#else
typedef int32_t libmsrp_session_match;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How fast requests follow each other.
 */
enum libmsrp_pacing
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As the profile says.
     */
    LIBMSRP_PACING_PROFILE = 0,
    /**
     * No request waits for the answer to another.
     */
    LIBMSRP_PACING_PIPELINED = 1,
    /**
     * One unanswered SEND of the session at most, and one write for each request or response on its connection.
     */
    LIBMSRP_PACING_ONE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_pacing libmsrp_pacing;
#else
typedef int32_t libmsrp_pacing;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whether no chunk may hold CRLF and seven hyphens, which some peers take for its end.
 */
enum libmsrp_dash_split
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As the profile says.
     */
    LIBMSRP_DASH_SPLIT_PROFILE = 0,
    /**
     * Bodies go as they are.
     */
    LIBMSRP_DASH_SPLIT_OFF = 1,
    /**
     * A chunk ends inside of such octets.
     */
    LIBMSRP_DASH_SPLIT_ON = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_dash_split libmsrp_dash_split;
#else
typedef int32_t libmsrp_dash_split;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where a session is in its life.
 */
enum libmsrp_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Made; its remote side or libmsrp_session_open() is missing.
     */
    LIBMSRP_STATE_NEW = 0,
    /**
     * Dialling, or waiting for the peer.
     */
    LIBMSRP_STATE_CONNECTING = 1,
    /**
     * Bound: messages flow.
     */
    LIBMSRP_STATE_OPEN = 2,
    /**
     * libmsrp_session_close() was called; what is under way is being finished.
     */
    LIBMSRP_STATE_CLOSING = 3,
    /**
     * Over.
     */
    LIBMSRP_STATE_CLOSED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_state libmsrp_state;
#else
typedef int32_t libmsrp_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which failures the sender wants to hear of (RFC 4975 §7.1.2).
 */
enum libmsrp_failure_report
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * All, with a response to every chunk.
     */
    LIBMSRP_FAILURE_REPORT_YES = 0,
    /**
     * None.
     */
    LIBMSRP_FAILURE_REPORT_NO = 1,
    /**
     * Failures, but no 200 responses.
     */
    LIBMSRP_FAILURE_REPORT_PARTIAL = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_failure_report libmsrp_failure_report;
#else
typedef int32_t libmsrp_failure_report;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What on_body and on_message say about the octets.
 */
enum libmsrp_body_verdict
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * They are done with: their room in the window is free again.
     */
    LIBMSRP_BODY_CONSUMED = 0,
    /**
     * They are not done with: libmsrp_message_consume() frees their room. The octets themselves have to be copied,
     * or kept by libmsrp_body_retain().
     */
    LIBMSRP_BODY_LATER = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_body_verdict libmsrp_body_verdict;
#else
typedef int32_t libmsrp_body_verdict;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How a message ended.
 */
enum libmsrp_end
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * All octets are there.
     */
    LIBMSRP_END_COMPLETE = 0,
    /**
     * The sender ended it with `#`.
     */
    LIBMSRP_END_ABORTED = 1,
    /**
     * We refused it: too large, too slow a consumer, or libmsrp_message_reject().
     */
    LIBMSRP_END_REJECTED = 2,
    /**
     * No chunk came for the idle limit.
     */
    LIBMSRP_END_IDLE = 3,
    /**
     * The session ended first.
     */
    LIBMSRP_END_SESSION_CLOSED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_end libmsrp_end;
#else
typedef int32_t libmsrp_end;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How far a message of ours got.
 */
enum libmsrp_transfer_event
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * sent_bytes of a large message or stream were written.
     */
    LIBMSRP_TRANSFER_EVENT_PROGRESS = 0,
    /**
     * The last octet of a large message or stream was taken from its source.
     */
    LIBMSRP_TRANSFER_EVENT_ACCEPTED = 1,
    /**
     * The next hop answered every chunk with 200; or, where no response was asked for, the last octet was
     * written.
     */
    LIBMSRP_TRANSFER_EVENT_ACKNOWLEDGED = 2,
    /**
     * Success REPORTs cover the whole message.
     */
    LIBMSRP_TRANSFER_EVENT_DELIVERED = 3,
    /**
     * It failed; also after LIBMSRP_TRANSFER_EVENT_ACKNOWLEDGED, by a late failure REPORT.
     */
    LIBMSRP_TRANSFER_EVENT_FAILED = 4,
    /**
     * The success REPORTs that were asked for do not cover it (RFC 4975 §7.1.1): the session ended first (then this comes
     * before on_closed), libmsrp_session_options.report_timeout_ms is over, or
     * libmsrp_limits.remembered_ids later messages were acknowledged. Told once; where the time is over,
     * LIBMSRP_TRANSFER_EVENT_DELIVERED may follow all the same. Not called inside libmsrp_engine_free().
     */
    LIBMSRP_TRANSFER_EVENT_UNCONFIRMED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_transfer_event libmsrp_transfer_event;
#else
typedef int32_t libmsrp_transfer_event;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a session ended.
 */
enum libmsrp_close_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * By us: libmsrp_session_close(), libmsrp_session_abort(), or the end of the engine.
     */
    LIBMSRP_CLOSE_REASON_LOCAL = 0,
    /**
     * The peer closed the connection between two messages.
     */
    LIBMSRP_CLOSE_REASON_PEER_CLOSED = 1,
    /**
     * The connection could not be made, or failed.
     */
    LIBMSRP_CLOSE_REASON_CONNECTION_LOST = 2,
    /**
     * The system took no octet for the time of libmsrp_limits.write_stall_ms.
     */
    LIBMSRP_CLOSE_REASON_WRITE_STALL = 3,
    /**
     * The peer broke the protocol.
     */
    LIBMSRP_CLOSE_REASON_PROTOCOL = 4,
    /**
     * The peer's response or REPORT ended the session: 481, 506, or a reported 408.
     */
    LIBMSRP_CLOSE_REASON_STATUS = 5,
    /**
     * The peer did not come, or did not answer the first request, in time.
     */
    LIBMSRP_CLOSE_REASON_BIND_TIMEOUT = 6,
    /**
     * The SDP ended the stream with port 0 (RFC 3264 §8.2).
     */
    LIBMSRP_CLOSE_REASON_STREAM_ENDED = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_close_reason libmsrp_close_reason;
#else
typedef int32_t libmsrp_close_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What on_request says about the request.
 */
enum libmsrp_request_verdict
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It was answered by libmsrp_request_respond(); where it was not, nobody here knows what to do with it, and it is
     * answered 501.
     */
    LIBMSRP_REQUEST_DONE = 0,
    /**
     * libmsrp_request_respond() will come. Its sender waits for libmsrp_limits.transaction_ms (30 s).
     */
    LIBMSRP_REQUEST_LATER = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_request_verdict libmsrp_request_verdict;
#else
typedef int32_t libmsrp_request_verdict;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How PEM is given.
 */
enum libmsrp_pem
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The name of a file, which must be readable now. It is read by the thread that makes a session or listener with the
     * configuration for the first time, and again when it has changed.
     */
    LIBMSRP_PEM_FILE = 0,
    /**
     * The text itself.
     */
    LIBMSRP_PEM_TEXT = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_pem libmsrp_pem;
#else
typedef int32_t libmsrp_pem;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How a peer's certificate is judged.
 */
enum libmsrp_verify
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * By a CA and the host name of its URI.
     */
    LIBMSRP_VERIFY_CA = 0,
    /**
     * By the fingerprint in its SDP.
     */
    LIBMSRP_VERIFY_FINGERPRINT = 1,
    /**
     * Not at all: for tests. It is logged, and counted in libmsrp_stats.
     */
    LIBMSRP_VERIFY_NONE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_verify libmsrp_verify;
#else
typedef int32_t libmsrp_verify;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whether we ask for a certificate where we accept connections (mutual TLS). With LIBMSRP_VERIFY_FINGERPRINT we always
 * do, and this says nothing.
 */
enum libmsrp_client_auth
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No.
     */
    LIBMSRP_CLIENT_AUTH_NONE = 0,
    /**
     * Yes; peers without one are served all the same.
     */
    LIBMSRP_CLIENT_AUTH_REQUEST = 1,
    /**
     * Yes; peers without one are refused.
     */
    LIBMSRP_CLIENT_AUTH_REQUIRE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_client_auth libmsrp_client_auth;
#else
typedef int32_t libmsrp_client_auth;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A version of TLS.
 */
enum libmsrp_tls_version
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * TLS 1.2.
     */
    LIBMSRP_TLS_VERSION_TLS12 = 12,
    /**
     * TLS 1.3.
     */
    LIBMSRP_TLS_VERSION_TLS13 = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum libmsrp_tls_version libmsrp_tls_version;
#else
typedef int32_t libmsrp_tls_version;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Octets that the host owns, without a copy. Not changed after it was made, so any thread may read it. Keeping
 * it is the host's memory: it does not hold the window shut.
 */
typedef struct libmsrp_body libmsrp_body;

/**
 * The certificate of a peer, which the host owns. Not changed after it was made, so any thread may read it; it does not
 * depend on the engine.
 */
typedef struct libmsrp_certificate libmsrp_certificate;

/**
 * An MSRP engine. Made by libmsrp_engine_new(), ended by libmsrp_engine_free(). Any thread may use it.
 */
typedef struct libmsrp_engine libmsrp_engine;

/**
 * One m= section as values, for a host whose SIP stack keeps an SDP as objects: the values of its m= and c= line, and
 * its attributes one by one.
 *
 * Ours comes from libmsrp_session_local_sdp(), as a later offer from libmsrp_session_offer_sdp(): read it with libmsrp_sdp_get_line() and, from 0 to
 * libmsrp_sdp_attribute_count() - 1, libmsrp_sdp_attribute(), and put the values into the stack's objects. sendrecv, the
 * default, is not among them: a host whose session part has a direction adds it. The peer's is
 * made with libmsrp_sdp_new(), libmsrp_sdp_add_default() for each attribute of the session part and
 * libmsrp_sdp_add_attribute() for each of the section, and goes to libmsrp_session_set_remote_sdp().
 *
 * Ends with libmsrp_sdp_free(). It belongs to no engine and does not depend on the session that it came from. While one
 * thread adds to it no other may use it. Texts that it gives out are NUL-terminated behind their length, too, and valid
 * until libmsrp_sdp_free().
 */
typedef struct libmsrp_sdp libmsrp_sdp;

/**
 * A text that the host owns: what every function gives that makes a text. Ends with libmsrp_text_free(), which writes it
 * over; it does not depend on the engine that made it. Not changed after it was made, so any thread may read it.
 */
typedef struct libmsrp_text libmsrp_text;

/**
 * A TLS configuration. What is made with one copies it: it may be changed and freed afterwards. Any thread
 * may use it; it belongs to no engine.
 */
typedef struct libmsrp_tls libmsrp_tls;

/**
 * Names a session of an engine. 0 is none.
 */
typedef uint64_t libmsrp_session;

/**
 * Names a listener of an engine. 0 is none.
 */
typedef uint64_t libmsrp_listener;

/**
 * Octets or UTF-8 text, borrowed, not NUL-terminated.
 *
 * In options: borrowed until the call returns; ptr may be NULL where len is 0. In what callbacks get:
 * borrowed until the callback returns. LIBMSRP_SLICE("literal or char *") makes one.
 */
typedef struct libmsrp_slice {
    /**
     * The first octet.
     */
    const uint8_t *ptr;
    /**
     * How many octets.
     */
    size_t len;
} libmsrp_slice;

/**
 * What stands in a certificate, borrowed from it. Subject, issuer and names are its own words, claims where nothing
 * proves them; characters that cannot be printed are escaped, and long ones are cut.
 */
typedef struct libmsrp_certificate_info {
    /**
     * sizeof(libmsrp_certificate_info), set by LIBMSRP_CERTIFICATE_INFO_INIT.
     */
    size_t struct_size;
    /**
     * The certificate, DER.
     */
    struct libmsrp_slice der;
    /**
     * The subject, as in "CN=alice.example, O=Example".
     */
    struct libmsrp_slice subject;
    /**
     * The issuer, in the same form.
     */
    struct libmsrp_slice issuer;
    /**
     * The names for which it was issued, one in a line: "DNS:alice.example", "IP:192.0.2.1",
     * "URI:im:alice@example.com", "email:alice@example.com".
     */
    struct libmsrp_slice names;
    /**
     * Its SHA-256 fingerprint, as libmsrp_tls_add_fingerprint() takes it.
     */
    struct libmsrp_slice fingerprint;
    /**
     * From when it is valid, in seconds since 1970, UTC.
     */
    int64_t not_before;
    /**
     * Until when.
     */
    int64_t not_after;
    /**
     * What proves it.
     */
    libmsrp_proof proof;
} libmsrp_certificate_info;

/**
 * Names a question of the library to the host. 0 is none. Valid until it is answered, its time is over, or its session
 * ends.
 */
typedef uint64_t libmsrp_query;

/**
 * A service record of the DNS (RFC 2782).
 */
typedef struct libmsrp_srv_record {
    /**
     * Records with the lowest one are tried first.
     */
    uint16_t priority;
    /**
     * Among equals in priority, how often this one comes first, in proportion to the others.
     */
    uint16_t weight;
    /**
     * The port of the server.
     */
    uint16_t port;
    /**
     * The server's name, borrowed until the call returns. "." alone says that the service is not offered.
     */
    struct libmsrp_slice target;
} libmsrp_srv_record;

/**
 * The bounds of an engine. Zero: the default. Counts of octets end in _bytes, times in _ms are milliseconds.
 */
typedef struct libmsrp_limits {
    /**
     * sizeof(libmsrp_limits), set by LIBMSRP_LIMITS_INIT.
     */
    size_t struct_size;
    /**
     * Longest start line. Beyond: the connection is closed. Default 1 KiB.
     */
    size_t start_line_bytes;
    /**
     * Longest header line. Beyond: the connection is closed. Default 8 KiB.
     */
    size_t header_line_bytes;
    /**
     * Longest header section. Beyond: the connection is closed. Default 16 KiB.
     */
    size_t header_section_bytes;
    /**
     * Most header lines of a request or response. Beyond: the connection is closed. Default 64.
     */
    size_t headers;
    /**
     * Most URIs in one path. Beyond: the connection is closed. Default 64.
     */
    size_t path_uris;
    /**
     * Longest body of a request that is not SEND. Beyond: the connection is closed. Default 10 KiB.
     */
    size_t non_send_body_bytes;
    /**
     * What a session may have admitted for sending and not written. Beyond: LIBMSRP_ERR_AGAIN. Default 256 KiB.
     */
    size_t send_window_bytes;
    /**
     * What the engine reads ahead for each large message or stream. Default 256 KiB.
     */
    size_t read_ahead_bytes;
    /**
     * What a session may have received and its consumer not taken. Beyond: the slack. Default 256 KiB.
     */
    size_t receive_window_bytes;
    /**
     * What the sessions of one connection may hold above their windows together. Beyond: reading pauses, and
     * a session may be shed. Default 1 MiB.
     */
    size_t connection_slack_bytes;
    /**
     * Responses and REPORTs waiting to be written. Beyond: reading pauses. Default 256 KiB.
     */
    size_t control_lane_bytes;
    /**
     * Requests of a session without a response. Beyond: it waits. Default 1024.
     */
    size_t max_transactions;
    /**
     * Messages that a peer may have open in a session. Beyond: 413. Default 64.
     */
    size_t incomplete_messages;
    /**
     * Message-IDs remembered per session and direction. Default 1024.
     */
    size_t remembered_ids;
    /**
     * Gaps between the received parts of a message. Beyond: 413. Default 1024.
     */
    size_t gaps;
    /**
     * Large messages and streams that a session may be sending. Beyond: LIBMSRP_ERR_AGAIN. Default 16.
     */
    size_t transfers;
    /**
     * Requests held for a session whose remote side is not known yet. Beyond: reading pauses. Default 64 KiB.
     */
    size_t early_bytes;
    /**
     * Accepted connections without a session. Beyond: the oldest is closed. Default 1024.
     */
    size_t unbound_connections;
    /**
     * The same per remote address. Default 64.
     */
    size_t unbound_per_address;
    /**
     * Dials under way to one target. Beyond: they wait. Default 4.
     */
    size_t dials_per_target;
    /**
     * Dials under way. Beyond: they wait. Default 64.
     */
    size_t dials;
    /**
     * What the engine holds for all sessions. Beyond: 413 and LIBMSRP_ERR_AGAIN. Default 256 MiB.
     */
    size_t engine_memory_bytes;
    /**
     * How long a connection with one session may stay paused for its consumer; LIBMSRP_FOREVER is allowed.
     * Default 20 s.
     */
    int64_t stall_ms;
    /**
     * How long an incomplete message may go without a chunk. Beyond: it is aborted. Default 10 min.
     */
    int64_t incomplete_idle_ms;
    /**
     * How long early requests are held. Default 30 s.
     */
    int64_t early_ms;
    /**
     * How long an accepted connection may stay without a session. Default 30 s.
     */
    int64_t unbound_ms;
    /**
     * How long a TLS handshake may take. Default 10 s.
     */
    int64_t tls_handshake_ms;
    /**
     * From the last octet of a request to its response. Default 30 s.
     */
    int64_t transaction_ms;
    /**
     * How long output may wait without the system taking any. Beyond: the connection is closed. Default 30 s.
     */
    int64_t write_stall_ms;
    /**
     * Part of `send_window_bytes` that only messages of at most this size may use; larger ones take a transfer slot.
     * Not above `send_window_bytes`. Default 64 KiB.
     */
    size_t small_message_bytes;
    /**
     * Octets encoded and not yet taken by the system. Default 64 KiB.
     */
    size_t write_ahead_bytes;
    /**
     * REPORTs of a session that nobody takes. Beyond: the oldest are dropped and counted. Default 256.
     */
    size_t event_stream;
    /**
     * Dials that may start in a second to one target; after a pause so many at once. Beyond: they wait. Default 10.
     */
    size_t dial_rate;
    /**
     * Addresses of one name that are tried. Further ones are ignored. Default 16.
     */
    size_t addresses;
    /**
     * How long a connection to a peer may take, over all its addresses, without a TLS handshake. Default 20 s.
     */
    int64_t connect_ms;
    /**
     * How long a name may take to be resolved. Default 10 s.
     */
    int64_t resolve_ms;
    /**
     * How long the connection to a relay of ours stays open when no session uses it. Default 1 h.
     */
    int64_t relay_kept_ms;
    /**
     * The same for the connection to a relay of a peer. Default 5 min.
     */
    int64_t foreign_relay_kept_ms;
} libmsrp_limits;

/**
 * The engine is shut down: every session had its on_closed. Called once, as the engine's last callback; on_release,
 * free_fn and log_fn may still come.
 */
typedef void (*libmsrp_engine_closed_fn)(struct libmsrp_engine *engine, void *user);

/**
 * The destructor of user data that the host gave. Runs once, where callbacks run.
 */
typedef void (*libmsrp_release_fn)(void *user);

/**
 * The addresses of a name in the session's remote path are wanted, to connect: libmsrp_resolve_done() or
 * libmsrp_resolve_failed() answers, now or within libmsrp_limits.resolve_ms. name is in lower case and no address.
 * Asked for each connection anew; nothing is kept.
 */
typedef void (*libmsrp_resolve_fn)(struct libmsrp_engine *engine,
                                   libmsrp_session session,
                                   libmsrp_query query,
                                   const uint8_t *name,
                                   size_t name_len,
                                   void *user);

/**
 * May the session be connected to this address? libmsrp_dial_done() answers, now or within libmsrp_limits.connect_ms;
 * an address without an answer is not dialled. address is in text form, without brackets. Asked for each address,
 * before anything is sent, and for each further session that would share a connection that is there.
 */
typedef void (*libmsrp_dial_fn)(struct libmsrp_engine *engine,
                                libmsrp_session session,
                                libmsrp_query query,
                                const uint8_t *address,
                                size_t address_len,
                                uint16_t port,
                                void *user);

/**
 * The service records (SRV) of a name are wanted, to find the relay of a session (RFC 4976 §8): libmsrp_service_done() or
 * libmsrp_service_failed() answers, now or within libmsrp_limits.resolve_ms. name is in lower case and begins with the
 * service: _msrps._tcp.example.com. Asked for each connection anew; nothing is kept.
 */
typedef void (*libmsrp_service_fn)(struct libmsrp_engine *engine,
                                   libmsrp_session session,
                                   libmsrp_query query,
                                   const uint8_t *name,
                                   size_t name_len,
                                   void *user);

/**
 * Options of an engine. Zero: the default.
 */
typedef struct libmsrp_engine_options {
    /**
     * sizeof(libmsrp_engine_options), set by LIBMSRP_ENGINE_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * Threads that do the network's work. Default 1.
     */
    uint32_t worker_threads;
    /**
     * Where the host's functions run. Default: the host's loop.
     */
    libmsrp_dispatch dispatch;
    /**
     * Bounds, copied. Default: NULL, all defaults.
     */
    const struct libmsrp_limits *limits;
    /**
     * TLS for sessions that ask for it without a configuration of their own, copied. Default: NULL, none.
     */
    const struct libmsrp_tls *tls;
    /**
     * Told when the engine is shut down. May be NULL.
     */
    libmsrp_engine_closed_fn on_engine_closed;
    /**
     * Handed to the functions of these options.
     */
    void *user;
    /**
     * The destructor of user, called once, as the engine's last call. May be NULL.
     */
    libmsrp_release_fn on_release;
    /**
     * Resolves the names in remote paths, with user. Default: NULL, the operating system does.
     */
    libmsrp_resolve_fn on_resolve;
    /**
     * Says which addresses may be dialled, with user. Default: NULL, all may.
     */
    libmsrp_dial_fn on_dial;
    /**
     * The ports, both included, out of which listeners and sessions get one that are given none. Default: 0 and 0, any
     * free one.
     */
    uint16_t first_port;
    /**
     * See first_port.
     */
    uint16_t last_port;
    /**
     * Knows the service records by which relays are found whose URIs have no port (RFC 4976 §8), with user. Default: NULL,
     * the name servers of the system do; nobody does where on_resolve is not NULL, and no name has such records.
     */
    libmsrp_service_fn on_service;
} libmsrp_engine_options;

/**
 * Requests and responses that went one way, since the start of an engine.
 */
typedef struct libmsrp_traffic {
    /**
     * SEND requests: chunks, and those without a body.
     */
    uint64_t send;
    /**
     * REPORT requests.
     */
    uint64_t report;
    /**
     * AUTH requests.
     */
    uint64_t auth;
    /**
     * NICKNAME requests.
     */
    uint64_t nickname;
    /**
     * Requests of other methods.
     */
    uint64_t other;
    /**
     * Requests and responses that ended with `$`.
     */
    uint64_t complete;
    /**
     * Those that ended with `+`.
     */
    uint64_t more;
    /**
     * Those that ended with `#`.
     */
    uint64_t abort;
    /**
     * Responses; libmsrp_engine_responses() has them by status code.
     */
    uint64_t responses;
} libmsrp_traffic;

/**
 * How values were distributed since the start of an engine: microseconds or octets.
 */
typedef struct libmsrp_histogram {
    /**
     * Upper bounds of the buckets but the last, which has none.
     */
    uint64_t bounds[10];
    /**
     * How many values were at most as large as each bound; the last is how many there were at all.
     */
    uint64_t buckets[11];
    /**
     * Their sum.
     */
    uint64_t sum;
} libmsrp_histogram;

/**
 * Counters since the start of an engine, and sizes now. Octets where the name ends in _bytes.
 */
typedef struct libmsrp_stats {
    /**
     * sizeof(libmsrp_stats), set by LIBMSRP_STATS_INIT.
     */
    size_t struct_size;
    /**
     * Connections now.
     */
    uint64_t connections;
    /**
     * Accepted connections without a session now.
     */
    uint64_t unbound_connections;
    /**
     * Sessions now.
     */
    uint64_t sessions;
    /**
     * Messages admitted for sending.
     */
    uint64_t messages_sent;
    /**
     * Messages received whole.
     */
    uint64_t messages_received;
    /**
     * Messages sent that failed.
     */
    uint64_t messages_failed;
    /**
     * Written to the network.
     */
    uint64_t sent_bytes;
    /**
     * Read from the network.
     */
    uint64_t received_bytes;
    /**
     * Content held for consumers now.
     */
    uint64_t receive_held_bytes;
    /**
     * The largest receive_held_bytes so far.
     */
    uint64_t receive_held_peak_bytes;
    /**
     * Content held for the network now.
     */
    uint64_t send_held_bytes;
    /**
     * Sessions shed so far: consumers that were too slow on a shared connection.
     */
    uint64_t sessions_shed;
    /**
     * Times that reading was paused.
     */
    uint64_t reading_paused;
    /**
     * Connections closed because the peer broke the protocol.
     */
    uint64_t protocol_errors;
    /**
     * Requests, responses and parts of long ones written into traces.
     */
    uint64_t trace_written;
    /**
     * Requests, responses and parts of long ones that are in no trace, because its queue was full.
     */
    uint64_t trace_dropped;
    /**
     * Handed to the operating system.
     */
    struct libmsrp_traffic sent;
    /**
     * Received.
     */
    struct libmsrp_traffic received;
    /**
     * Requests of ours without a response in time.
     */
    uint64_t timeouts;
    /**
     * Chunks received of messages that were complete already.
     */
    uint64_t duplicate_chunks;
    /**
     * Chunks received that began behind a gap.
     */
    uint64_t gaps;
    /**
     * Microseconds from the last octet of a request to its response.
     */
    struct libmsrp_histogram transaction_us;
    /**
     * Microseconds from the first octet of a message to its acknowledgement.
     */
    struct libmsrp_histogram message_us;
    /**
     * Microseconds from the admission of a message to its first octet.
     */
    struct libmsrp_histogram queue_us;
    /**
     * Microseconds that reading was paused for slow consumers, each time.
     */
    struct libmsrp_histogram pause_us;
    /**
     * Octets of chunks sent.
     */
    struct libmsrp_histogram chunk_sent_bytes;
    /**
     * Octets of chunks received.
     */
    struct libmsrp_histogram chunk_received_bytes;
    /**
     * TLS connections whose peer nobody verified: LIBMSRP_VERIFY_NONE.
     */
    uint64_t tls_unverified;
} libmsrp_stats;

/**
 * Options of a listener. Zero: the default.
 */
typedef struct libmsrp_listener_options {
    /**
     * sizeof(libmsrp_listener_options), set by LIBMSRP_LISTENER_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * An address of this machine, or a name that resolves to one. Must be given.
     */
    struct libmsrp_slice host;
    /**
     * TLS, copied; it needs an identity. Default: NULL, plain TCP.
     */
    const struct libmsrp_tls *tls;
    /**
     * The host for the URIs of its sessions, where that differs from what is bound. Default: host.
     */
    struct libmsrp_slice advertise_host;
    /**
     * The network interface to which connections must come, by its name. Not every system has that, and some ask for a
     * privilege. Default: any that has the address.
     */
    struct libmsrp_slice interface_name;
    /**
     * After so long without traffic on a connection the system asks the peer whether it is there, 1 s to 32767 s; who does
     * not answer for as long again has timed out. Default: never.
     */
    int64_t tcp_keepalive_ms;
    /**
     * A connection without any traffic for so long is closed with that reason. Default: never.
     */
    int64_t idle_ms;
    /**
     * The port. Default: one of first_port to last_port, or any free one.
     */
    uint16_t port;
    /**
     * With port 0: the ports, both included, out of which it gets one that is free. Default: 0 and 0, those of the
     * engine's options.
     */
    uint16_t first_port;
    /**
     * See first_port.
     */
    uint16_t last_port;
    /**
     * With advertise_host: the port for the URIs. Default: the bound one.
     */
    uint16_t advertise_port;
    /**
     * The differentiated services code point of what its connections send, 1 to 63. Default: the system's.
     */
    uint8_t dscp;
} libmsrp_listener_options;

/**
 * Takes a log record: one line of UTF-8 without its end, borrowed until the function returns. It holds no
 * credential, no body and no whole session-id. Runs where callbacks run.
 */
typedef void (*libmsrp_log_fn)(libmsrp_log_level level, const uint8_t *text, size_t len, void *user);

/**
 * Names an incoming message of an engine. 0 is none. Valid until on_message_end (on_message) returns, and
 * further while octets of it are not consumed or it is retained.
 */
typedef uint64_t libmsrp_message;

/**
 * Options of a relay. Zero: the default. What happens beyond a number stands in docs/limits.md.
 */
typedef struct libmsrp_relay_options {
    /**
     * sizeof(libmsrp_relay_options), set by LIBMSRP_RELAY_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * The names under which it is addressed, separated by spaces: its own first, which stands in the URIs that it gives
     * out, then the domains that it serves by SRV records. Fully qualified. Must be given.
     */
    struct libmsrp_slice hosts;
    /**
     * The realm of its challenges. Default: the first of hosts.
     */
    struct libmsrp_slice realm;
    /**
     * The digest algorithms offered, separated by spaces, best first: MD5, SHA-256. Default: MD5.
     */
    struct libmsrp_slice algorithms;
    /**
     * Networks (192.0.2.0/24 2001:db8::/32) to which it connects although they are not everybody's, separated by
     * spaces. Default: to no loopback, link-local, private or other special address.
     */
    struct libmsrp_slice networks;
    /**
     * Its certificate, key and the CAs of other relays, copied. Default: those of the engine.
     */
    const struct libmsrp_tls *tls;
    /**
     * How long a URI holds if its client does not ask for a time. Default: 1 h.
     */
    int64_t lifetime_ms;
    /**
     * The least that is granted. Default: 60 s.
     */
    int64_t min_lifetime_ms;
    /**
     * The most that is granted. Default: 24 h.
     */
    int64_t max_lifetime_ms;
    /**
     * How long a nonce is good. Default: 5 min.
     */
    int64_t nonce_lifetime_ms;
    /**
     * How long the host may think about a question; then it is refused. Default: 10 s.
     */
    int64_t answer_timeout_ms;
    /**
     * In this time a new connection of a client has to bring a request that succeeds. Default: 30 s.
     */
    int64_t probation_ms;
    /**
     * A connection that is unused for so long is closed; an hour or more. Default: never.
     */
    int64_t idle_ms;
    /**
     * URIs in all. Default: 100000.
     */
    uint32_t max_tokens;
    /**
     * URIs of one user. Default: 1000.
     */
    uint32_t max_tokens_per_user;
    /**
     * URIs of one client's connection. Default: 1000.
     */
    uint32_t max_tokens_per_connection;
    /**
     * Connections in all. Default: 16384.
     */
    uint32_t max_connections;
    /**
     * Connections of clients from one address, or one /64 of IPv6. Default: 4096.
     */
    uint32_t max_connections_per_address;
    /**
     * Questions that wait for the host. Default: 1024.
     */
    uint32_t max_questions;
    /**
     * So many requests that fail before the first that succeeds close a client's connection. Default: 5.
     */
    uint32_t max_failures;
    /**
     * So many AUTHs in a row that fail close a client's connection. Default: 5.
     */
    uint32_t max_failed_auths;
    /**
     * Pairs of user and address of which failures are remembered. Default: 4096.
     */
    uint32_t remembered_failures;
    /**
     * Not 0: requests of unknown methods are answered 501 instead of being sent on.
     */
    int32_t block_unknown_methods;
    /**
     * Not 0: chunks that cannot be finished end with `#` instead of `+`.
     */
    int32_t abort_cut_chunks;
    /**
     * Not 0: hosts may be addresses and names of one label. For tests.
     */
    int32_t numeric_hosts;
    /**
     * Not 0: clients on this machine may log in without TLS. For tests; a warning is logged.
     */
    int32_t insecure_plain_auth;
    /**
     * The port in the URIs that it gives out. Default: that of its first TLS listener.
     */
    uint16_t port;
} libmsrp_relay_options;

/**
 * Names a relay of an engine. 0 is none.
 */
typedef uint64_t libmsrp_relay;

/**
 * Whose secret is wanted.
 */
typedef struct libmsrp_relay_credentials {
    /**
     * The name as the client wrote it, with nothing checked yet.
     */
    struct libmsrp_slice user;
    /**
     * The realm.
     */
    struct libmsrp_slice realm;
    /**
     * MD5 or SHA-256.
     */
    struct libmsrp_slice algorithm;
    /**
     * Where the AUTH came from: the client, or another relay. Empty if that is not known.
     */
    struct libmsrp_slice address;
} libmsrp_relay_credentials;

/**
 * Who wants a URI of the relay, and has given the right password.
 */
typedef struct libmsrp_relay_authorisation {
    /**
     * Who.
     */
    struct libmsrp_slice user;
    /**
     * Where the AUTH came from: the client, or another relay. Empty if that is not known.
     */
    struct libmsrp_slice address;
    /**
     * How long it will hold.
     */
    int64_t expires_ms;
} libmsrp_relay_authorisation;

/**
 * To whom the relay would connect for a client.
 */
typedef struct libmsrp_relay_next_hop {
    /**
     * The host in the URI: a name, or the address itself.
     */
    struct libmsrp_slice host;
    /**
     * What would be dialled, without brackets. It is in none of the ranges that are refused anyhow.
     */
    struct libmsrp_slice address;
    /**
     * Not 0: it is another relay.
     */
    int32_t relay;
    /**
     * Not 0: TLS protects the connection.
     */
    int32_t secure;
    /**
     * What would be dialled.
     */
    uint16_t port;
} libmsrp_relay_next_hop;

/**
 * A message that wants to pass the relay. Its paths name sessions: they are secrets.
 */
typedef struct libmsrp_relay_message {
    /**
     * The number of the connection that brings it.
     */
    uint64_t connection;
    /**
     * Its Message-ID.
     */
    struct libmsrp_slice message_id;
    /**
     * The media type as it came; empty if there is none.
     */
    struct libmsrp_slice content_type;
    /**
     * From-Path as it came.
     */
    struct libmsrp_slice from_path;
    /**
     * To-Path as it will be sent: the rest of the way.
     */
    struct libmsrp_slice to_path;
    /**
     * The announced length, -1 if there is none.
     */
    int64_t total;
} libmsrp_relay_message;

/**
 * The host's functions for one relay; all but on_credentials may be NULL. They run where those of sessions do. What
 * they are given by pointer is borrowed until they return. Each question is answered in them or later, from any thread,
 * within libmsrp_relay_options.answer_timeout_ms; one without an answer is refused.
 */
typedef struct libmsrp_relay_callbacks {
    /**
     * sizeof(libmsrp_relay_callbacks), set by LIBMSRP_RELAY_CALLBACKS_INIT.
     */
    size_t struct_size;
    /**
     * The H(A1) of a user is wanted: libmsrp_relay_secret_done() answers.
     */
    void (*on_credentials)(struct libmsrp_engine *engine,
                           libmsrp_relay relay,
                           libmsrp_query query,
                           const struct libmsrp_relay_credentials *wanted,
                           void *user);
    /**
     * May this user have a URI? libmsrp_relay_allow_done() answers. NULL: yes.
     */
    void (*on_authorise)(struct libmsrp_engine *engine,
                         libmsrp_relay relay,
                         libmsrp_query query,
                         const struct libmsrp_relay_authorisation *wanted,
                         void *user);
    /**
     * May the relay connect there? libmsrp_relay_allow_done() answers. NULL: yes.
     */
    void (*on_next_hop)(struct libmsrp_engine *engine,
                        libmsrp_relay relay,
                        libmsrp_query query,
                        const struct libmsrp_relay_next_hop *wanted,
                        void *user);
    /**
     * May this message pass? libmsrp_relay_message_done() answers. Asked once for each message. NULL: yes.
     */
    void (*on_message)(struct libmsrp_engine *engine,
                       libmsrp_relay relay,
                       libmsrp_query query,
                       const struct libmsrp_relay_message *message,
                       void *user);
    /**
     * The relay has ended. Its last callback but on_release; when it returns, the handle is invalid.
     */
    void (*on_closed)(struct libmsrp_engine *engine, libmsrp_relay relay, void *user);
    /**
     * The destructor of user: called once, after on_closed.
     */
    libmsrp_release_fn on_release;
} libmsrp_relay_callbacks;

/**
 * Where a relay listens. Zero: the default.
 */
typedef struct libmsrp_relay_listener_options {
    /**
     * sizeof(libmsrp_relay_listener_options), set by LIBMSRP_RELAY_LISTENER_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * An address of this machine, or a name that resolves to one. Default: ::, all addresses.
     */
    struct libmsrp_slice host;
    /**
     * The network interface to which connections must come, by its name. Default: any that has the address.
     */
    struct libmsrp_slice interface_name;
    /**
     * After so long without traffic on a connection the system asks the peer whether it is there, 1 s to 32767 s.
     * Default: never.
     */
    int64_t tcp_keepalive_ms;
    /**
     * Not 0: without TLS, for peers that come without relays of their own; nobody can log in there.
     */
    int32_t plain;
    /**
     * The port. Default: any free one; the one for relays is 2855.
     */
    uint16_t port;
    /**
     * The port under which others reach it, if that is another one.
     */
    uint16_t advertise_port;
    /**
     * The differentiated services code point of what its connections send, 1 to 63. Default: the system's.
     */
    uint8_t dscp;
} libmsrp_relay_listener_options;

/**
 * Counters of a relay since its start, and sizes now.
 */
typedef struct libmsrp_relay_stats {
    /**
     * sizeof(libmsrp_relay_stats), set by LIBMSRP_RELAY_STATS_INIT.
     */
    size_t struct_size;
    /**
     * Connections now.
     */
    uint64_t connections;
    /**
     * URIs that hold now.
     */
    uint64_t tokens;
    /**
     * Connections that came.
     */
    uint64_t accepted;
    /**
     * Connections to next hops that were made.
     */
    uint64_t dialled;
    /**
     * Those that could not be made, or were refused.
     */
    uint64_t dials_failed;
    /**
     * Connections closed to make room for others, or unused for too long.
     */
    uint64_t evicted;
    /**
     * SENDs taken to be sent on.
     */
    uint64_t sends;
    /**
     * Octets of their bodies.
     */
    uint64_t octets;
    /**
     * Requests of other methods taken to be sent on.
     */
    uint64_t requests;
    /**
     * Requests answered with an error, or dropped where no answer is wanted.
     */
    uint64_t refused;
    /**
     * Requests and responses dropped without a word.
     */
    uint64_t discarded;
    /**
     * REPORTs made.
     */
    uint64_t reports;
    /**
     * SENDs to the next hop without response in time.
     */
    uint64_t timeouts;
    /**
     * Times that a session's flow was shed.
     */
    uint64_t shed;
    /**
     * AUTHs that were granted a URI.
     */
    uint64_t auth_granted;
    /**
     * AUTHs with a wrong user name or password.
     */
    uint64_t auth_wrong;
} libmsrp_relay_stats;

/**
 * A header, an attribute of an SDP, or another pair of texts.
 */
typedef struct libmsrp_header {
    /**
     * Its name.
     */
    struct libmsrp_slice name;
    /**
     * Its value.
     */
    struct libmsrp_slice value;
} libmsrp_header;

/**
 * Options of one request. Zero: the default.
 */
typedef struct libmsrp_request_options {
    /**
     * sizeof(libmsrp_request_options), set by LIBMSRP_REQUEST_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * The media type of its body, if it has one. Default: text/plain.
     */
    struct libmsrp_slice content_type;
    /**
     * Its Message-ID. Default: made by the library.
     */
    struct libmsrp_slice message_id;
    /**
     * Further headers.
     */
    const struct libmsrp_header *headers;
    /**
     * How many, at most 1024.
     */
    size_t header_count;
    /**
     * Where the Message-ID is put when the request is admitted, for libmsrp_text_free(). Default: NULL, nowhere.
     */
    struct libmsrp_text **message_id_out;
} libmsrp_request_options;

/**
 * Names an outgoing message, or request of another method, of an engine. 0 is none.
 */
typedef uint64_t libmsrp_transfer;

/**
 * Names a request of the peer, of one of libmsrp_session_options.methods. 0 is none. Valid until it is answered, its
 * sender has given up, or its session ends.
 */
typedef uint64_t libmsrp_request;

/**
 * The values of an m= section that are no attributes.
 */
typedef struct libmsrp_sdp_line {
    /**
     * sizeof(libmsrp_sdp_line), set by LIBMSRP_SDP_LINE_INIT.
     */
    size_t struct_size;
    /**
     * The kind of media. Default: message.
     */
    struct libmsrp_slice media;
    /**
     * The transport protocol, as `TCP/MSRP` or `TCP/TLS/MSRP`. Default: TCP/MSRP.
     */
    struct libmsrp_slice protocol;
    /**
     * The format list. Default: *.
     */
    struct libmsrp_slice formats;
    /**
     * The address of the c= line that counts: of the section, else of the session part. An IP address without brackets,
     * or a name. Default: none.
     */
    struct libmsrp_slice address;
    /**
     * IP4 or IP6, as the c= line of this address says it. Only given out; for libmsrp_sdp_new() it does not matter.
     */
    struct libmsrp_slice address_type;
    /**
     * The title of the i= line. Default: none.
     */
    struct libmsrp_slice title;
    /**
     * The port; 0 says that the stream is refused or ended.
     */
    uint32_t port;
    /**
     * The number of ports behind it (`7654/2`); MSRP has none or 1.
     */
    uint32_t port_count;
} libmsrp_sdp_line;

/**
 * A session and its place in an SDP.
 */
typedef struct libmsrp_sdp_stream {
    /**
     * The session.
     */
    libmsrp_session session;
    /**
     * Which m= line, from 0.
     */
    uint64_t index;
} libmsrp_sdp_stream;

/**
 * How a session's connection is made and kept. Zero: the default. Sessions share a connection that we dialled only where
 * all of these are equal.
 */
typedef struct libmsrp_connection_options {
    /**
     * sizeof(libmsrp_connection_options), set by LIBMSRP_CONNECTION_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * The address of this machine that we dial from. Only peer addresses of the same family are dialled then. Default:
     * what the system's routes say.
     */
    struct libmsrp_slice source_address;
    /**
     * Most time for the connection to the peer, over all its addresses, without a TLS handshake. Default:
     * libmsrp_limits.connect_ms, which a longer one does not exceed.
     */
    int64_t connect_timeout_ms;
    /**
     * Not 0: dial from the port on which the session listens, for peers that let only it in.
     */
    int32_t source_port_from_path;
    /**
     * The port that we dial from; it serves one connection to each peer address at a time. Not together with
     * source_port_from_path. Default: any free one.
     */
    uint16_t source_port;
    /**
     * The differentiated services code point of what is sent, 1 to 63. Default: the system's.
     */
    uint8_t dscp;
    /**
     * The network interface through which we dial, by its name, and to which peers must come where the session has a
     * listener of its own. Not every system has that, and some ask for a privilege. Default: what the routes say.
     */
    struct libmsrp_slice interface_name;
    /**
     * After so long without traffic the system asks the peer whether it is there, 1 s to 32767 s; who does not answer for
     * as long again has timed out. Default: never.
     */
    int64_t tcp_keepalive_ms;
    /**
     * A connection without any traffic for so long is closed with that reason. Default: never.
     */
    int64_t idle_ms;
} libmsrp_connection_options;

/**
 * A relay of ours, and who we are to it. Zero: the default. docs/relay-client.md tells what follows.
 */
typedef struct libmsrp_relay_login {
    /**
     * sizeof(libmsrp_relay_login), set by LIBMSRP_RELAY_LOGIN_INIT.
     */
    size_t struct_size;
    /**
     * Where it is: `msrps://relay.example.com;tcp`, or with a port. A name without a port is looked up by its service
     * records (_msrps._tcp), then at port 2855. Must be there.
     */
    struct libmsrp_slice uri;
    /**
     * The user name. Must be there.
     */
    struct libmsrp_slice username;
    /**
     * The password. The library's copy of it, and of ha1, is written over when no session needs it; the host's own
     * may be written over when libmsrp_session_new() has returned.
     */
    struct libmsrp_slice password;
    /**
     * Instead of a password: H(user:realm:password) in hex digits, 32 of MD5 or 64 of SHA-256. It needs realm.
     */
    struct libmsrp_slice ha1;
    /**
     * The only realm whose challenges are answered. Default: any.
     */
    struct libmsrp_slice realm;
    /**
     * TLS towards it, copied; it counts for the first relay alone. Default: that of the session or engine, but for our
     * certificate, which no relay is shown, and for fingerprints, which prove no relay.
     */
    const struct libmsrp_tls *tls;
    /**
     * For how long the relay's URI is wanted, in whole seconds. Default: as the relay likes.
     */
    int64_t expires_ms;
    /**
     * Not 0: the login may go over TCP without TLS, which RFC 4976 forbids: for tests, on loopback addresses alone, and
     * warned of in the log. Then uri is `msrp:`. For the first relay alone.
     */
    int32_t insecure_plain_auth;
    /**
     * Not 0: the relay need not prove that it knows the password, too, if it is behind another one, or if TLS has not
     * proven who it is.
     */
    int32_t accept_unproved;
} libmsrp_relay_login;

/**
 * Options of a session. Zero: the default.
 */
typedef struct libmsrp_session_options {
    /**
     * sizeof(libmsrp_session_options), set by LIBMSRP_SESSION_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * Where it listens. Default: a port of its own, on host and port.
     */
    libmsrp_listener listener;
    /**
     * Without a listener: an address of this machine, or a name. Default 127.0.0.1.
     */
    struct libmsrp_slice host;
    /**
     * Host for our URI and SDP, where it differs from the bound one. A wildcard bind needs it.
     */
    struct libmsrp_slice advertise_host;
    /**
     * The content types that we take, separated by spaces, as in a=accept-types. Default: text/plain and the
     * types that RFC 4975 makes mandatory.
     */
    struct libmsrp_slice accept_types;
    /**
     * Further types, only inside containers, separated by spaces.
     */
    struct libmsrp_slice accept_wrapped_types;
    /**
     * TLS configuration, copied; makes the session secure. Default: none.
     */
    const struct libmsrp_tls *tls;
    /**
     * The largest message that we take, in octets. Default: any.
     */
    uint64_t max_size_bytes;
    /**
     * Bodiless SENDs when nothing was sent for so long. Default: none.
     */
    int64_t keep_alive_ms;
    /**
     * Most octets in the body of a chunk, or LIBMSRP_CHUNK_LEN_UNBOUNDED. Default: as the profile says; strict: 2048,
     * or no bound where both ends are this engine and nothing stands between.
     */
    uint32_t chunk_len;
    /**
     * Without a listener: the port. Default: any free one.
     */
    uint16_t port;
    /**
     * Port for our URI and SDP, together with advertise_host. Default: the bound one.
     */
    uint16_t advertise_port;
    /**
     * Not 0: TCP/TLS/MSRP and msrps, with the engine's TLS configuration if tls is NULL.
     */
    int32_t secure;
    /**
     * Which side we want to be. Default: either.
     */
    libmsrp_setup setup;
    /**
     * Connection sharing. Default: one per peer.
     */
    libmsrp_sharing connection_sharing;
    /**
     * Who makes REPORTs. Default: the library.
     */
    libmsrp_reports reports;
    /**
     * Our own time for success REPORTs, from the last octet of a message that asked for them; then
     * LIBMSRP_TRANSFER_EVENT_UNCONFIRMED (RFC 4975 §7.1.1). Default: none, they may come as long as the session lasts.
     */
    int64_t report_timeout_ms;
    /**
     * What is known of the peer. Default: nothing (strict).
     */
    libmsrp_profile profile;
    /**
     * Which URIs name the session. Default: as the profile says.
     */
    libmsrp_session_match session_match;
    /**
     * How fast requests follow each other. Default: as the profile says.
     */
    libmsrp_pacing pacing;
    /**
     * Whether chunks end inside of CRLF and seven hyphens. Default: as the profile says.
     */
    libmsrp_dash_split dash_split;
    /**
     * Methods beside SEND and REPORT whose requests come as on_request and are answered by the host: words of capital
     * letters, separated by spaces, at most 32 of 64 letters. All others are answered 501 (RFC 4975 §12). Default: none.
     */
    struct libmsrp_slice methods;
    /**
     * Title of our m= section (`i=`), at most 1024 octets. Default: none.
     */
    struct libmsrp_slice title;
    /**
     * Further attributes of our m= section (label, content, ...), written last, in this order: at most 128 of 16 KiB in
     * all. An empty value: a name alone. Default: none.
     */
    const struct libmsrp_header *attributes;
    /**
     * How many.
     */
    size_t attribute_count;
    /**
     * How its connection is made and kept, copied. Default: NULL, all defaults.
     */
    const struct libmsrp_connection_options *connection;
    /**
     * Who sends ordinary messages, as our first offer or answer wishes it (RFC 4975 §8.9). Default: both sides.
     */
    libmsrp_direction direction;
    /**
     * Not 0: connections go through middleboxes that rewrite addresses in SDP (CEMA, RFC 6714). Offers and answers have
     * a=msrp-cema, and c= and m= line of the peer's count. Best with TLS. Default: no.
     */
    int32_t cema;
    /**
     * Our relays, copied: the first is the one that we connect to, each further one is reached through those before it,
     * the last is the one that the peer reaches. At most 8. The session listens nowhere then, and logs in with
     * libmsrp_session_authenticate() before anything is offered. Default: none.
     */
    const struct libmsrp_relay_login *relays;
    /**
     * How many.
     */
    size_t relay_count;
} libmsrp_session_options;

/**
 * What is known of a message when it begins. Borrowed until the callback returns.
 */
typedef struct libmsrp_message_info {
    /**
     * sizeof(libmsrp_message_info) of the library.
     */
    size_t struct_size;
    /**
     * Its Message-ID.
     */
    struct libmsrp_slice message_id;
    /**
     * Its media type, as it came.
     */
    struct libmsrp_slice content_type;
    /**
     * Its further headers, in their order: those that no other member tells.
     */
    const struct libmsrp_header *headers;
    /**
     * How many headers.
     */
    size_t header_count;
    /**
     * The announced length: a hint until the message is complete. LIBMSRP_LENGTH_UNKNOWN if there is none.
     */
    uint64_t total_bytes;
    /**
     * Not 0: the sender asked for a success REPORT.
     */
    int32_t success_report;
    /**
     * What the sender asked for in case of failure.
     */
    libmsrp_failure_report failure_report;
} libmsrp_message_info;

/**
 * How a message ended, with what belongs to it. Borrowed until the callback returns.
 */
typedef struct libmsrp_message_end {
    /**
     * sizeof(libmsrp_message_end) of the library.
     */
    size_t struct_size;
    /**
     * How.
     */
    libmsrp_end end;
    /**
     * LIBMSRP_END_REJECTED: the status code that we answered. Else 0.
     */
    uint16_t status;
    /**
     * LIBMSRP_END_COMPLETE: its length. Else 0.
     */
    uint64_t total_bytes;
} libmsrp_message_end;

/**
 * A REPORT about a message of ours (RFC 4975 §7.1.3). Borrowed until the callback returns.
 */
typedef struct libmsrp_report {
    /**
     * sizeof(libmsrp_report) of the library.
     */
    size_t struct_size;
    /**
     * The first octet that it is about, from 1; 0: the whole message.
     */
    uint64_t range_start;
    /**
     * The last octet that it is about, or LIBMSRP_LENGTH_UNKNOWN; 0: the whole message.
     */
    uint64_t range_end;
    /**
     * The length of the message as the REPORT says, or LIBMSRP_LENGTH_UNKNOWN.
     */
    uint64_t total_bytes;
    /**
     * The comment of its status.
     */
    struct libmsrp_slice comment;
    /**
     * Its status code.
     */
    uint16_t status;
} libmsrp_report;

/**
 * How far a message of ours got, with what belongs to it. Borrowed until the callback returns.
 */
typedef struct libmsrp_transfer_info {
    /**
     * sizeof(libmsrp_transfer_info) of the library.
     */
    size_t struct_size;
    /**
     * What happened.
     */
    libmsrp_transfer_event event;
    /**
     * LIBMSRP_TRANSFER_EVENT_FAILED and _UNCONFIRMED: why. Else LIBMSRP_OK.
     */
    libmsrp_result result;
    /**
     * LIBMSRP_TRANSFER_EVENT_PROGRESS: octets written so far. Else 0.
     */
    uint64_t sent_bytes;
    /**
     * LIBMSRP_TRANSFER_EVENT_PROGRESS: of how many, or LIBMSRP_LENGTH_UNKNOWN. Else 0.
     */
    uint64_t total_bytes;
    /**
     * LIBMSRP_TRANSFER_EVENT_FAILED and _UNCONFIRMED: the text of that. Else empty.
     */
    struct libmsrp_slice text;
    /**
     * With result LIBMSRP_ERR_STATUS: the status code. Else 0.
     */
    uint16_t status;
} libmsrp_transfer_info;

/**
 * Why a session ended, with what belongs to it. Borrowed until the callback returns.
 */
typedef struct libmsrp_close_info {
    /**
     * sizeof(libmsrp_close_info) of the library.
     */
    size_t struct_size;
    /**
     * Why.
     */
    libmsrp_close_reason reason;
    /**
     * The same as an error: LIBMSRP_OK when we ended it.
     */
    libmsrp_result result;
    /**
     * The text of that error. Empty when we ended it.
     */
    struct libmsrp_slice text;
    /**
     * Messages of ours that were neither acknowledged nor failed before.
     */
    const libmsrp_transfer *unacknowledged;
    /**
     * How many.
     */
    size_t unacknowledged_count;
    /**
     * LIBMSRP_CLOSE_REASON_STATUS: the status code. Else 0.
     */
    uint16_t status;
} libmsrp_close_info;

/**
 * What is known of a request of the peer. Borrowed until the callback returns.
 */
typedef struct libmsrp_request_info {
    /**
     * sizeof(libmsrp_request_info) of the library.
     */
    size_t struct_size;
    /**
     * Its method, one of libmsrp_session_options.methods.
     */
    struct libmsrp_slice method;
    /**
     * Its Message-ID. Empty if there is none.
     */
    struct libmsrp_slice message_id;
    /**
     * The media type of its body, as it came. Empty: there is no body.
     */
    struct libmsrp_slice content_type;
    /**
     * Its further headers, in their order: all but the paths, Message-ID and Content-Type.
     */
    const struct libmsrp_header *headers;
    /**
     * How many headers.
     */
    size_t header_count;
} libmsrp_request_info;

/**
 * The response to a request of ours. Borrowed until the callback returns.
 */
typedef struct libmsrp_response {
    /**
     * sizeof(libmsrp_response) of the library.
     */
    size_t struct_size;
    /**
     * The comment of its status.
     */
    struct libmsrp_slice comment;
    /**
     * Its headers after the paths, in their order.
     */
    const struct libmsrp_header *headers;
    /**
     * How many headers.
     */
    size_t header_count;
    /**
     * Its status code: 501 from a peer that does not know the method.
     */
    uint16_t status;
} libmsrp_response;

/**
 * What became of libmsrp_session_authenticate(), or URIs that came unasked. Borrowed until the callback returns.
 */
typedef struct libmsrp_relay_info {
    /**
     * sizeof(libmsrp_relay_info) of the library.
     */
    size_t struct_size;
    /**
     * LIBMSRP_OK: the relays gave a path. Else libmsrp_session_authenticate() came to nothing, and may be called again:
     * LIBMSRP_ERR_AUTH, a relay refuses the user or did not prove itself; LIBMSRP_ERR_CONNECT; LIBMSRP_ERR_TLS;
     * LIBMSRP_ERR_STATUS, any other answer of a relay; LIBMSRP_ERR_TIMEOUT; LIBMSRP_ERR_PROTOCOL, an answer that cannot
     * be used.
     */
    libmsrp_result result;
    /**
     * Not 0: a new offer is due, which tells the peer the new path. Look at libmsrp_session_offer_due() after each answer,
     * too: while a first offer is open none is due, and then one is.
     */
    int32_t offer_due;
    /**
     * The text of the error. Empty with LIBMSRP_OK.
     */
    struct libmsrp_slice text;
    /**
     * The URIs in the order in which our requests pass the relays, with a space between them.
     */
    struct libmsrp_slice path;
    /**
     * For how long they are good; -1 if no relay said.
     */
    int64_t lifetime_ms;
    /**
     * The number that libmsrp_session_authenticate() gave; 0 for URIs that came unasked.
     */
    uint64_t login;
} libmsrp_relay_info;

/**
 * The host's functions for one session; all may be NULL. They run as the table at the top of this header says,
 * one at a time for an engine, and never before libmsrp_session_new() took the session.
 *
 * What they are given by pointer is borrowed until they return. user is what libmsrp_session_new() or
 * libmsrp_session_set_user_data() was given.
 */
typedef struct libmsrp_session_callbacks {
    /**
     * sizeof(libmsrp_session_callbacks), set by LIBMSRP_SESSION_CALLBACKS_INIT.
     */
    size_t struct_size;
    /**
     * The state changed. LIBMSRP_STATE_OPEN: libmsrp_session_open() succeeded.
     */
    void (*on_state)(struct libmsrp_engine *engine,
                     libmsrp_session session,
                     libmsrp_state state,
                     void *user);
    /**
     * A message begins; on_body and on_message_end follow.
     */
    void (*on_message_begin)(struct libmsrp_engine *engine,
                             libmsrp_session session,
                             libmsrp_message message,
                             const struct libmsrp_message_info *info,
                             void *user);
    /**
     * Its next octets, in order. offset is the 0-based position of the first; where it is below what was given
     * before, the sender sent that range again and these octets replace the earlier ones (RFC 4975 §7.3.1).
     * NULL: they are dropped.
     */
    libmsrp_body_verdict (*on_body)(struct libmsrp_engine *engine,
                                    libmsrp_session session,
                                    libmsrp_message message,
                                    uint64_t offset,
                                    const uint8_t *data,
                                    size_t len,
                                    void *user);
    /**
     * The message is over.
     */
    void (*on_message_end)(struct libmsrp_engine *engine,
                           libmsrp_session session,
                           libmsrp_message message,
                           const struct libmsrp_message_end *end,
                           void *user);
    /**
     * A complete message of at most 16 KiB. NULL: it comes as on_message_begin, on_body, on_message_end.
     */
    libmsrp_body_verdict (*on_message)(struct libmsrp_engine *engine,
                                       libmsrp_session session,
                                       libmsrp_message message,
                                       const struct libmsrp_message_info *info,
                                       const uint8_t *data,
                                       size_t len,
                                       void *user);
    /**
     * A REPORT about one of our messages. LIBMSRP_TRANSFER_EVENT_DELIVERED and _FAILED say what it comes to.
     */
    void (*on_report)(struct libmsrp_engine *engine,
                      libmsrp_session session,
                      libmsrp_transfer transfer,
                      const struct libmsrp_report *report,
                      void *user);
    /**
     * One of our messages, or requests of other methods, got further.
     */
    void (*on_transfer)(struct libmsrp_engine *engine,
                        libmsrp_session session,
                        libmsrp_transfer transfer,
                        const struct libmsrp_transfer_info *info,
                        void *user);
    /**
     * After LIBMSRP_ERR_AGAIN: sending may succeed again.
     */
    void (*on_writable)(struct libmsrp_engine *engine, libmsrp_session session, void *user);
    /**
     * The session is over. Its last callback but on_release; when it returns, the handle is invalid.
     */
    void (*on_closed)(struct libmsrp_engine *engine,
                      libmsrp_session session,
                      const struct libmsrp_close_info *info,
                      void *user);
    /**
     * The destructor of user: called once, after on_closed, or after libmsrp_session_set_user_data() replaced it.
     */
    libmsrp_release_fn on_release;
    /**
     * A request of one of libmsrp_session_options.methods, with its whole body of at most 10 KiB (RFC 4975 §12). data is
     * borrowed until this returns; libmsrp_body_retain() keeps it. Sixteen may wait for their answers at a time; further
     * ones are answered 413. NULL: answered 501.
     */
    libmsrp_request_verdict (*on_request)(struct libmsrp_engine *engine,
                                          libmsrp_session session,
                                          libmsrp_request request,
                                          const struct libmsrp_request_info *info,
                                          const uint8_t *data,
                                          size_t len,
                                          void *user);
    /**
     * The response to one of our requests. LIBMSRP_TRANSFER_EVENT_ACKNOWLEDGED or _FAILED follows.
     */
    void (*on_response)(struct libmsrp_engine *engine,
                        libmsrp_session session,
                        libmsrp_transfer transfer,
                        const struct libmsrp_response *response,
                        void *user);
    /**
     * The names of an SDP were looked up, as libmsrp_session_prepare_remote() asked; lookup is its number.
     */
    void (*on_prepared)(struct libmsrp_engine *engine,
                        libmsrp_session session,
                        uint64_t lookup,
                        void *user);
    /**
     * libmsrp_session_authenticate() is done, or the URIs that the relays gave would have expired, and there are new ones.
     */
    void (*on_relay)(struct libmsrp_engine *engine,
                     libmsrp_session session,
                     const struct libmsrp_relay_info *info,
                     void *user);
} libmsrp_session_callbacks;

/**
 * Options of one message. Zero: the default.
 */
typedef struct libmsrp_send_options {
    /**
     * sizeof(libmsrp_send_options), set by LIBMSRP_SEND_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * Its media type. Default: text/plain; application/octet-stream for libmsrp_send_file() and
     * libmsrp_send_stream().
     */
    struct libmsrp_slice content_type;
    /**
     * Its Message-ID. Default: made by the library.
     */
    struct libmsrp_slice message_id;
    /**
     * Further headers.
     */
    const struct libmsrp_header *headers;
    /**
     * How many, at most 1024.
     */
    size_t header_count;
    /**
     * Not 0: ask for success REPORTs, which LIBMSRP_TRANSFER_EVENT_DELIVERED tells, or
     * LIBMSRP_TRANSFER_EVENT_UNCONFIRMED that they did not come.
     */
    int32_t success_report;
    /**
     * Which failures to ask for. Default: all.
     */
    libmsrp_failure_report failure_report;
    /**
     * Where the Message-ID is put when the message is admitted, for libmsrp_text_free(). Written at the same time as
     * the transfer's handle. Default: NULL, nowhere.
     */
    struct libmsrp_text **message_id_out;
    /**
     * Not 0: it is control or a report rather than a message for a reader, and the direction of the session does not
     * stop it (RFC 4975 §8.9). IMDN and isComposing are known by their types, also inside of message/cpim. Default: 0.
     */
    int32_t control;
} libmsrp_send_options;

/**
 * Gives the next octets of a stream: writes 1 to capacity octets to buffer and returns how many; 0 at the end;
 * LIBMSRP_STREAM_DEFERRED or LIBMSRP_STREAM_FAIL. Runs where callbacks run, and must not block there.
 */
typedef int64_t (*libmsrp_read_fn)(struct libmsrp_engine *engine,
                                   libmsrp_transfer transfer,
                                   uint8_t *buffer,
                                   size_t capacity,
                                   void *user);

/**
 * Options of a trace. Zero: the default.
 */
typedef struct libmsrp_trace_options {
    /**
     * sizeof(libmsrp_trace_options), set by LIBMSRP_TRACE_OPTIONS_INIT.
     */
    size_t struct_size;
    /**
     * The pcapng file, made with mode 0600. It must not exist: nothing is written over, no link is followed.
     */
    struct libmsrp_slice path;
    /**
     * 1: content, credentials and whole session-ids are written. 0: each of their octets is an `x`, and lengths
     * stay true.
     */
    uint32_t secrets;
    /**
     * How many files are kept, 1 to 1000: path, before it path.1, and so on. Default 2.
     */
    uint32_t files;
    /**
     * Most octets of a file, 64 KiB to 1 TiB; then the next one is begun. Default 64 MiB.
     */
    uint64_t max_bytes;
    /**
     * Octets that may wait to be written, 64 KiB to 1 GiB; what comes beyond them is dropped and counted. Default
     * 4 MiB.
     */
    uint64_t queue_bytes;
} libmsrp_trace_options;

/**
 * Gives a lent buffer back. Runs once, where callbacks run.
 */
typedef void (*libmsrp_free_fn)(const uint8_t *data, size_t len, void *user);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Gives a session its connection: a TCP socket that the host has connected or accepted, with the octets that it has read
 * from it. libmsrp_session_open() does not dial then; the session is served from now on. Only this session is served on
 * the connection, and its remote side may become known later, within libmsrp_limits.unbound_ms.
 *
 * fd: a connected TCP socket over IPv4 or IPv6, blocking or not. initial: at most libmsrp_limits.early_len octets, copied;
 * with TLS they are the beginning of TLS. May be NULL with 0. inbound: not 0 if the peer connected, which makes us the
 * server of TLS. tls: not 0 if the engine shall speak TLS, as the session's URI says.
 *
 * With LIBMSRP_OK fd is the engine's, which has closed this number: do not use it. With any other result it is the host's,
 * as it was. What becomes of a TLS handshake is told by on_state and on_closed.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, initial is NULL and its length not 0, fd is no
 * connected TCP socket, tls does not fit the session's URI, TLS as server without an identity, or TLS as client before the
 * remote side is known; LIBMSRP_ERR_TOO_LARGE: too many initial octets; LIBMSRP_ERR_CONNECT: the connection has failed;
 * LIBMSRP_ERR_BUSY: the session has a connection or is dialling; LIBMSRP_ERR_LIMIT: no descriptor; LIBMSRP_ERR_GONE: the
 * session has ended or the engine is shut down; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
 * thread.
 */
libmsrp_result libmsrp_session_adopt(struct libmsrp_engine *engine,
                                     libmsrp_session session,
                                     int32_t fd,
                                     const uint8_t *initial,
                                     size_t initial_len,
                                     int32_t inbound,
                                     int32_t tls);

/**
 * Gives a listener a connection that the host has accepted in its place, with the octets that it has read from it: for
 * hosts with an accept loop of their own that do not know which session a connection is for. It is as any connection that
 * came to the listener.
 *
 * fd and initial: as for libmsrp_session_adopt(), also what the result means for fd. The listener says whether TLS is
 * spoken.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, initial is NULL and its length not 0, or fd is no
 * connected TCP socket; LIBMSRP_ERR_TOO_LARGE: too many initial octets; LIBMSRP_ERR_CONNECT: the connection has failed;
 * LIBMSRP_ERR_LIMIT: no descriptor; LIBMSRP_ERR_GONE: the listener is closed or the engine is shut down;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_listener_adopt(struct libmsrp_engine *engine,
                                      libmsrp_listener listener,
                                      int32_t fd,
                                      const uint8_t *initial,
                                      size_t initial_len);

/**
 * Keeps octets of the running on_body, on_message or on_request: all of them or any part. Ends with
 * libmsrp_body_release(); does not depend on the engine. A small part may hold up to 64 KiB of memory; copy what is kept
 * long.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or the octets are not within those
 * that this thread's running on_body, on_message or on_request was given; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Only
 * inside of these callbacks.
 */
libmsrp_result libmsrp_body_retain(struct libmsrp_engine *engine,
                                   const uint8_t *data,
                                   size_t len,
                                   struct libmsrp_body **out);

/**
 * The octets, valid until libmsrp_body_release(). NULL for NULL.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child.
 */
const uint8_t *libmsrp_body_ptr(const struct libmsrp_body *body);

/**
 * How many octets. 0 for NULL.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child.
 */
size_t libmsrp_body_len(const struct libmsrp_body *body);

/**
 * Ends a body. NULL is allowed and does nothing.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child, and after libmsrp_engine_free(). Call it
 * once.
 */
void libmsrp_body_release(struct libmsrp_body *body);

/**
 * Looks up the names of the peer's SDP that decide about CEMA (libmsrp_session_options.cema), before
 * libmsrp_session_set_remote() and libmsrp_session_create_answer(), which do not wait. Returns at once; on_prepared with
 * the number in *lookup follows in any case: a name that the resolver does not find in its time has no address. Without
 * CEMA, and where addresses are equal as texts, there is nothing to look up. lookup may be NULL.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or sdp is NULL, or there is no such m= line;
 * LIBMSRP_ERR_INVALID_SDP; LIBMSRP_ERR_LIMIT: the SDP is too long; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_prepare_remote(struct libmsrp_engine *engine,
                                              libmsrp_session session,
                                              const uint8_t *sdp,
                                              size_t sdp_len,
                                              int32_t index,
                                              uint64_t *lookup);

/**
 * Whether a new offer is to be sent: *out is 1 when, with CEMA, the answer that libmsrp_session_set_remote() took last
 * said that no connection would come about (RFC 6714 §4.2), else 0. Nothing of that answer was taken;
 * libmsrp_session_create_offer() and libmsrp_session_offer_media() give the new offer, without a=msrp-cema.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_offer_due(struct libmsrp_engine *engine,
                                         libmsrp_session session,
                                         int32_t *out);

/**
 * The fingerprints in the peer's SDP as they stand there, `sha-256 AB:CD:...`, one per line without a line end after the
 * last; empty until the remote side is known. A host that stores them with the peer's identity can warn when the next
 * session brings others (RFC 6714 §7.7). *out is for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_remote_fingerprints(struct libmsrp_engine *engine,
                                                   libmsrp_session session,
                                                   struct libmsrp_text **out);

/**
 * The certificate that the peer showed on the connection that has the session, or had it last. *out is NULL without
 * TLS, before the session is on a connection, and for a peer that connected and showed none; else it is for
 * libmsrp_certificate_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_peer_certificate(struct libmsrp_engine *engine,
                                                libmsrp_session session,
                                                struct libmsrp_certificate **out);

/**
 * Says what stands in a certificate. What info points to is valid until libmsrp_certificate_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: certificate or info is NULL, or its struct_size is too small;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_certificate_read(const struct libmsrp_certificate *certificate,
                                        struct libmsrp_certificate_info *info);

/**
 * Ends a certificate. NULL is allowed and does nothing.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child, and after libmsrp_engine_free(). Call it once.
 */
void libmsrp_certificate_free(struct libmsrp_certificate *certificate);

/**
 * Answers on_resolve: the addresses of the name, separated by spaces, in the order in which they are to be tried; the
 * families take turns. The first libmsrp_limits.addresses of them are used.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, addresses is not UTF-8, one of them is no address, or
 * query is a question of another function: the query still waits; LIBMSRP_ERR_GONE: nobody waits for the answer any more;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_resolve_done(struct libmsrp_engine *engine,
                                    libmsrp_query query,
                                    const uint8_t *addresses,
                                    size_t len);

/**
 * Answers on_resolve: the name has no addresses. text says why and goes into the error of the session; it may be empty.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, text is not UTF-8, or query is a question of another function;
 * LIBMSRP_ERR_GONE: nobody waits for the answer any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
 * from any thread.
 */
libmsrp_result libmsrp_resolve_failed(struct libmsrp_engine *engine,
                                      libmsrp_query query,
                                      const uint8_t *text,
                                      size_t len);

/**
 * Answers on_service: the records of the name, in any order; count 0 says that it has none, and the relay is looked for at
 * the name itself, port 2855. How they are chosen from is the library's part (RFC 2782).
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, records is NULL and count is not 0, count is over
 * 4096, a target is not UTF-8, or query is a question of another function: the query still waits; LIBMSRP_ERR_GONE: nobody
 * waits for the answer any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_service_done(struct libmsrp_engine *engine,
                                    libmsrp_query query,
                                    const struct libmsrp_srv_record *records,
                                    size_t count);

/**
 * Answers on_service: nobody knows whether the name has records, and the relay cannot be found. text says why and goes into
 * the error of the session; it may be empty.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, text is not UTF-8, or query is a question of another
 * function; LIBMSRP_ERR_GONE: nobody waits for the answer any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in
 * callbacks and from any thread.
 */
libmsrp_result libmsrp_service_failed(struct libmsrp_engine *engine,
                                      libmsrp_query query,
                                      const uint8_t *text,
                                      size_t len);

/**
 * Answers on_dial: whether the address may be dialled; not 0 means yes.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or query is a question of another function;
 * LIBMSRP_ERR_GONE: nobody waits for the answer any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
 * from any thread.
 */
libmsrp_result libmsrp_dial_done(struct libmsrp_engine *engine,
                                 libmsrp_query query,
                                 int32_t allow);

/**
 * Says what our next offer or answer wishes: a hold is LIBMSRP_DIRECTION_SENDONLY or _INACTIVE, its end
 * LIBMSRP_DIRECTION_SENDRECV. It holds when that exchange is done; in a session without SDP at once. Ordinary messages
 * that are under way when we must not send any more wait until we may, large ones at the end of a chunk; new ones are
 * refused with LIBMSRP_ERR_STATUS, 403. What the peer began before goes on to its end; what it begins then gets 403.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or direction is unknown; LIBMSRP_ERR_GONE: the
 * session is closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_set_direction(struct libmsrp_engine *engine,
                                             libmsrp_session session,
                                             libmsrp_direction direction);

/**
 * Who sends ordinary messages now: what the last exchange of SDP agreed on.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_direction(struct libmsrp_engine *engine,
                                         libmsrp_session session,
                                         libmsrp_direction *out);

/**
 * What the peer's SDP said last, seen from our side: LIBMSRP_DIRECTION_RECVONLY where it holds us. Before its first
 * SDP, and without SDP, LIBMSRP_DIRECTION_SENDRECV.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_remote_direction(struct libmsrp_engine *engine,
                                                libmsrp_session session,
                                                libmsrp_direction *out);

/**
 * Makes an engine and starts its threads. options may be NULL. Copies the options; takes over user only on
 * success.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: out is NULL, an option is out of its range, or a certificate or key
 * is unusable; LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_LIMIT: the system gives no thread or
 * no descriptor; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread. A program that forks makes its engines in
 * the children.
 */
libmsrp_result libmsrp_engine_new(const struct libmsrp_engine_options *options,
                                  struct libmsrp_engine **out);

/**
 * Closes every session and then every connection. Returns at once: on_closed of each session, then
 * on_engine_closed, come by dispatch. What is under way is finished until deadline_ms milliseconds have passed,
 * then it is ended with `#`. Negative: without a deadline. May be called again, with an earlier deadline.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_engine_shutdown(struct libmsrp_engine *engine,
                                       int64_t deadline_ms);

/**
 * Ends an engine: aborts what is left, joins the threads within about a second, and runs the remaining
 * on_closed, on_engine_closed, on_release, release and free functions on the calling thread. Messages not yet
 * told are dropped. NULL is allowed and does nothing.
 *
 * On LIBMSRP_OK the pointer is invalid: no other thread may be using it or use it later. Texts and retained
 * bodies live on. In a forked child nothing is touched; the memory goes with the process.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_DEADLOCK: inside a callback of this engine; LIBMSRP_ERR_BUSY: another thread is
 * in libmsrp_engine_process(); LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Not in callbacks of this engine. With
 * LIBMSRP_DISPATCH_THREAD it waits for the callback that is running.
 */
libmsrp_result libmsrp_engine_free(struct libmsrp_engine *engine);

/**
 * The descriptor to watch for reading (level- or edge-triggered): it is readable while
 * libmsrp_engine_process() has something to do. It belongs to the engine: do not read, write or close it, and
 * stop watching it before libmsrp_engine_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or the engine has
 * LIBMSRP_DISPATCH_THREAD; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_engine_fd(struct libmsrp_engine *engine,
                                 int32_t *out);

/**
 * Runs what is due: at most about max_events callbacks (0: 256), and the free and release functions that wait.
 * Never blocks; with more to do than that the descriptor becomes readable again.
 *
 * One thread at a time, and not inside a callback.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL or has LIBMSRP_DISPATCH_THREAD;
 * LIBMSRP_ERR_DEADLOCK: inside a callback of this engine; LIBMSRP_ERR_BUSY: another thread is in it;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Not in callbacks of this engine.
 */
libmsrp_result libmsrp_engine_process(struct libmsrp_engine *engine,
                                      size_t max_events);

/**
 * Makes the descriptor readable although nothing happened, so that the host's loop comes round.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal
 * in callbacks and from any thread.
 */
libmsrp_result libmsrp_engine_wakeup(struct libmsrp_engine *engine);

/**
 * Counters and sizes now. out begins with LIBMSRP_STATS_INIT; as much is written as its struct_size has room for.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or struct_size is wrong;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_engine_stats(struct libmsrp_engine *engine,
                                    struct libmsrp_stats *out);

/**
 * The symbol of a result, for logs: `LIBMSRP_ERR_GONE`, `LIBMSRP_OK`.
 *
 * Never NULL; a number that is none gives `unknown result`. The text is static. Cannot fail; legal in
 * callbacks, from any thread, in a forked child.
 */
const char *libmsrp_result_name(libmsrp_result result);

/**
 * The text of the calling thread's last failure: lower case, names the thing and the limit, holds no
 * credential, no body and no whole session-id.
 *
 * Never NULL; empty when nothing failed in this thread. Valid until the next libmsrp call of this thread
 * that fails. A call that succeeds leaves it alone. Cannot fail; legal in callbacks, from any thread, in a
 * forked child.
 */
const char *libmsrp_last_error(void);

/**
 * Listens on a port for many sessions; libmsrp_session_options.listener names it. The port is bound when this
 * returns.
 *
 * host: an address of this machine, or a name that resolves to one. A wildcard address is refused with the
 * session that would put it into its URI, unless the session sets advertise. port: 0 for any free one. tls:
 * NULL for plain TCP, else copied; it needs an identity.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, host is empty or not
 * UTF-8, or tls has no usable identity;
 * LIBMSRP_ERR_CONNECT: the name does not resolve or the port cannot be bound; LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_GONE: the engine is shut down; LIBMSRP_ERR_FORKED;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_listener_new(struct libmsrp_engine *engine,
                                    const uint8_t *host,
                                    size_t host_len,
                                    uint16_t port,
                                    const struct libmsrp_tls *tls,
                                    libmsrp_listener *out);

/**
 * As libmsrp_listener_new(), with options.
 *
 * options: must name host; copied.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, host is empty, a text is not UTF-8, an option is
 * out of its range or not for this system, or tls has no usable identity; LIBMSRP_ERR_CONNECT: the name does not resolve,
 * the port cannot be bound, all ports of the range are taken, or the system refuses the interface; LIBMSRP_ERR_TLS: no CA
 * is given and the system has none; LIBMSRP_ERR_GONE: the engine is shut down; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_listener_open(struct libmsrp_engine *engine,
                                     const struct libmsrp_listener_options *options,
                                     libmsrp_listener *out);

/**
 * The port that a listener is bound to.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the listener is
 * closed or was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_listener_port(struct libmsrp_engine *engine,
                                     libmsrp_listener listener,
                                     uint16_t *out);

/**
 * Accepts nothing more. Sessions that were accepted live on.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the listener is closed or
 * was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_listener_close(struct libmsrp_engine *engine,
                                      libmsrp_listener listener);

/**
 * Sends log records up to a level to a function. Replaces the one before, whose user data is released by
 * dispatch. LIBMSRP_LOG_LEVEL_OFF, or log_fn NULL, ends logging. Records of connections wait for dispatch, up to
 * 256 KiB of them; more are dropped, and a record says how many.
 *
 * on_release may be NULL; it runs once, where callbacks run, when user is replaced or the engine is freed. On failure
 * nothing is taken over.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL or level is unknown; LIBMSRP_ERR_GONE: inside
 * libmsrp_engine_free(), after on_engine_closed; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_engine_set_log(struct libmsrp_engine *engine,
                                      libmsrp_log_level level,
                                      libmsrp_log_fn log_fn,
                                      void *user,
                                      libmsrp_release_fn on_release);

/**
 * Logs in to the relays of the session (libmsrp_session_options.relays), each through those before it, at most timeout_ms
 * milliseconds (negative: without a limit). To be done before there is anything to offer or answer: the session's path
 * begins with the URIs that the relays give, and until then what gives or takes an SDP is LIBMSRP_ERR_INVALID_ARGUMENT.
 * Returns at once, with the number of the login in *login, which may be NULL; on_relay with that number follows, or
 * on_closed. libmsrp_session_cancel_login() gives it up.
 *
 * Before the URIs expire the library gets new ones by itself. Then on_relay comes again, and a new offer is due. When the
 * connection to the relay is lost, the session is over (RFC 4976 §6.3).
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or the session has no relays; LIBMSRP_ERR_BUSY: it is
 * under way; LIBMSRP_ERR_GONE: the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
 * from any thread.
 */
libmsrp_result libmsrp_session_authenticate(struct libmsrp_engine *engine,
                                            libmsrp_session session,
                                            int64_t timeout_ms,
                                            uint64_t *login);

/**
 * Gives up a login that libmsrp_session_authenticate() began: on_relay does not tell of it, another one may begin, and the
 * URIs that the session has stay. Nothing happens if it is not under way any more; the on_relay that tells its outcome may
 * still be on its way then.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or the session has no relays; LIBMSRP_ERR_GONE: the
 * session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_cancel_login(struct libmsrp_engine *engine,
                                            libmsrp_session session,
                                            uint64_t login);

/**
 * The URIs that the relays of the session gave, in the order in which our requests pass them, with a space between them;
 * empty before libmsrp_session_authenticate(). *out is for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_relay_path(struct libmsrp_engine *engine,
                                          libmsrp_session session,
                                          struct libmsrp_text **out);

/**
 * Frees the room of len octets that a callback answered LIBMSRP_BODY_LATER: as many as were given, in any
 * portions. Octets of a message that ended without LIBMSRP_END_COMPLETE have to be consumed too. A success
 * REPORT that the sender asked for goes out with the last octet (unless the session's reports are manual).
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or len is more than is outstanding;
 * LIBMSRP_ERR_GONE: all of it was consumed, or the session ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in
 * callbacks and from any thread.
 */
libmsrp_result libmsrp_message_consume(struct libmsrp_engine *engine,
                                       libmsrp_message message,
                                       size_t len);

/**
 * The value of a header of a message, by its name without regard to case: Message-ID, Content-Type, or one of
 * libmsrp_message_info.headers. *out becomes NULL where there is no
 * such header, else a text for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: a pointer is NULL, or name is not UTF-8; LIBMSRP_ERR_GONE: the
 * message has ended and is not retained; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
 * thread; for a retained message also after its session ended.
 */
libmsrp_result libmsrp_message_header(struct libmsrp_engine *engine,
                                      libmsrp_message message,
                                      const uint8_t *name,
                                      size_t name_len,
                                      struct libmsrp_text **out);

/**
 * Keeps a message handle valid after the message's last callback, until libmsrp_message_release(). Counts: as
 * many releases are needed.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the message has ended;
 * LIBMSRP_ERR_LIMIT: LIBMSRP_MAX_RETAINED_MESSAGES of its session are retained; LIBMSRP_ERR_FORKED;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_message_retain(struct libmsrp_engine *engine,
                                      libmsrp_message message);

/**
 * Undoes one libmsrp_message_retain().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or the message is not retained;
 * LIBMSRP_ERR_GONE: there is no such message any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks
 * and from any thread.
 */
libmsrp_result libmsrp_message_release(struct libmsrp_engine *engine,
                                       libmsrp_message message);

/**
 * Refuses a message, or the rest of it: its next chunks are answered with status (RFC 4975 §10), and
 * on_message_end comes with LIBMSRP_END_REJECTED. Where all of it has come by then, the REPORT about it carries status:
 * with LIBMSRP_REPORTS_MANUAL if none was made, else if one of success was asked for and not everything is consumed
 * yet; on_message_end comes with LIBMSRP_END_COMPLETE. Control characters of the comment are sent as spaces.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, status is no failure status, or comment is
 * not UTF-8; LIBMSRP_ERR_TOO_LARGE: comment does not fit into limits.start_line; LIBMSRP_ERR_GONE: the message has
 * ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_message_reject(struct libmsrp_engine *engine,
                                      libmsrp_message message,
                                      uint16_t status,
                                      const uint8_t *comment,
                                      size_t comment_len);

/**
 * Sends the REPORT about a message, which is complete, in a session with LIBMSRP_REPORTS_MANUAL: 200 for success. One
 * that the sender did not ask for is not sent; once it was said, nothing more is. Retain the message to report after its last callback. Control characters of the comment
 * are sent as spaces.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, status is no status code, comment is not UTF-8, or
 * the session makes its own reports; LIBMSRP_ERR_TOO_LARGE: comment does not fit into limits.start_line;
 * LIBMSRP_ERR_GONE: the message or its session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_message_report(struct libmsrp_engine *engine,
                                      libmsrp_message message,
                                      uint16_t status,
                                      const uint8_t *comment,
                                      size_t comment_len);

/**
 * Sends a REPORT about len octets of a message from the 0-based position offset on, in a session with
 * LIBMSRP_REPORTS_MANUAL (RFC 4975 §7.1.3): as often as wanted, also while the message goes on, so that its sender sees
 * how far it got. 200 is told only of octets in chunks that have ended and asked for it, in one REPORT for each range
 * without a gap; a failure only to a sender that wants to hear of it.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, len is 0 or reaches beyond 2^64, status is no status
 * code, comment is not UTF-8, or the session makes its own reports; LIBMSRP_ERR_TOO_LARGE: comment does not fit into
 * limits.start_line; LIBMSRP_ERR_GONE: the message or its session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_message_report_range(struct libmsrp_engine *engine,
                                            libmsrp_message message,
                                            uint64_t offset,
                                            uint64_t len,
                                            uint16_t status,
                                            const uint8_t *comment,
                                            size_t comment_len);

/**
 * A relay. It serves nobody before libmsrp_relay_listen(). user is what its callbacks get; it is taken over on success.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine, options, callbacks, callbacks.on_credentials or out is NULL, a
 * text is not UTF-8, an option is out of its range, or a certificate or key is unusable; LIBMSRP_ERR_INVALID_URI: one of
 * hosts is none; LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_LIMIT; LIBMSRP_ERR_GONE: the engine is
 * shut down; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_relay_new(struct libmsrp_engine *engine,
                                 const struct libmsrp_relay_options *options,
                                 const struct libmsrp_relay_callbacks *callbacks,
                                 void *user,
                                 libmsrp_relay *out);

/**
 * Opens a port for a relay; it is bound when this returns. out is a listener: libmsrp_listener_port() and
 * libmsrp_listener_close() take it. It ends with its relay.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, a text is not UTF-8, an option is out of its
 * range or not for this system, or the relay has no certificate; LIBMSRP_ERR_CONNECT: the name does not resolve or the port
 * cannot be bound; LIBMSRP_ERR_GONE: the relay is closed or was never one, or the engine is shut down; LIBMSRP_ERR_FORKED;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_relay_listen(struct libmsrp_engine *engine,
                                    libmsrp_relay relay,
                                    const struct libmsrp_relay_listener_options *options,
                                    libmsrp_listener *out);

/**
 * Answers on_credentials: ha1 is the H(A1) of the user in hex digits, 32 for MD5 and 64 for SHA-256 (see libmsrp_ha1());
 * without any the user is unknown. The library's copy is written over when the AUTH is answered; ha1 is the host's to
 * write over.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, ha1 is no such text, or query is another question: the
 * query still waits; LIBMSRP_ERR_GONE: nobody waits for the answer any more, or the relay is closed; LIBMSRP_ERR_FORKED;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_relay_secret_done(struct libmsrp_engine *engine,
                                         libmsrp_relay relay,
                                         libmsrp_query query,
                                         const uint8_t *ha1,
                                         size_t len);

/**
 * Answers on_authorise and on_next_hop: whether it may be; not 0 means yes.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or query is another question: the query still waits;
 * LIBMSRP_ERR_GONE: nobody waits for the answer any more, or the relay is closed; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_relay_allow_done(struct libmsrp_engine *engine,
                                        libmsrp_relay relay,
                                        libmsrp_query query,
                                        int32_t allow);

/**
 * Answers on_message: 0 lets the message pass, a status code of 400 to 999 rejects it.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, query is another question, or status is another number:
 * the query still waits; LIBMSRP_ERR_GONE: nobody waits for the answer any more, or the relay is closed; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_relay_message_done(struct libmsrp_engine *engine,
                                          libmsrp_relay relay,
                                          libmsrp_query query,
                                          uint16_t status);

/**
 * Counters and sizes of a relay now.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or its struct_size is too small;
 * LIBMSRP_ERR_GONE: the relay is closed or was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
 * from any thread.
 */
libmsrp_result libmsrp_relay_stats_get(struct libmsrp_engine *engine,
                                       libmsrp_relay relay,
                                       struct libmsrp_relay_stats *out);

/**
 * Ends all URIs of a user at once; out, if it is not NULL, gets how many there were. A login whose answer was asked for
 * before has to prove the password once more.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or user is not UTF-8; LIBMSRP_ERR_GONE: the relay is
 * closed or was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_relay_revoke(struct libmsrp_engine *engine,
                                    libmsrp_relay relay,
                                    const uint8_t *user,
                                    size_t len,
                                    size_t *out);

/**
 * Ends a relay: it accepts no connection, gives out no URI and connects to nobody new from now on; what is under way is
 * finished in deadline_ms, then its connections are closed. Returns at once; on_closed follows.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or deadline_ms is negative; LIBMSRP_ERR_GONE: the relay
 * is closed or was never one; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_relay_close(struct libmsrp_engine *engine,
                                   libmsrp_relay relay,
                                   int64_t deadline_ms);

/**
 * H(A1) of a user's password in a realm, in hex digits, for libmsrp_relay_secret_done() and for files of secrets.
 * algorithm is MD5 or SHA-256. It is as good as the password in that realm. out is freed with libmsrp_text_free(), which
 * writes it over; the library keeps no copy.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: out is NULL, a text is not UTF-8, or algorithm is another one;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_ha1(struct libmsrp_slice user,
                           struct libmsrp_slice realm,
                           struct libmsrp_slice password,
                           struct libmsrp_slice algorithm_name,
                           struct libmsrp_text **out);

/**
 * Sends a request of another method than SEND and REPORT: an extension that was negotiated in the signalling (RFC 4975
 * §12). method is a word of at most 64 capital letters, and none of SEND, REPORT and AUTH. Its body, if any, is copied:
 * where data is NULL and len is 0 there is none, and no Content-Type is sent. options may be NULL.
 *
 * LIBMSRP_OK means admitted: it will be sent, in one piece and in turn with the session's messages. on_response tells
 * what came back, whatever its status, and on_transfer the outcome as that of a message: a response that is no success
 * is a failure with LIBMSRP_ERR_STATUS, none in time one with LIBMSRP_ERR_TIMEOUT. With another thread in dispatch,
 * these may come before *out is written.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, data is NULL and len is not 0, the method or
 * an option is of the wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE: a body of more than
 * libmsrp_limits.non_send_body_bytes (10 KiB), or headers beyond the limits; LIBMSRP_ERR_AGAIN: the window is full now,
 * on_writable follows; LIBMSRP_ERR_GONE: the session is not open any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_send_request(struct libmsrp_engine *engine,
                                    libmsrp_session session,
                                    const uint8_t *method,
                                    size_t method_len,
                                    const struct libmsrp_request_options *options,
                                    const uint8_t *data,
                                    size_t len,
                                    libmsrp_transfer *out);

/**
 * Answers a request of the peer, once: with status, which may be any of three digits, a comment (empty: the usual one
 * of the status), and headers, which may be NULL where header_count is 0. Control characters of the comment are sent as
 * spaces. After LIBMSRP_ERR_INVALID_ARGUMENT and LIBMSRP_ERR_TOO_LARGE it still waits for its answer.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, status is no status code, comment is not UTF-8, or a
 * header cannot stand in a response; LIBMSRP_ERR_TOO_LARGE: headers beyond the limits; LIBMSRP_ERR_GONE: it was
 * answered, its sender has given up, or the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in
 * callbacks and from any thread.
 */
libmsrp_result libmsrp_request_respond(struct libmsrp_engine *engine,
                                       libmsrp_request request,
                                       uint16_t status,
                                       const uint8_t *comment,
                                       size_t comment_len,
                                       const struct libmsrp_header *headers,
                                       size_t header_count);

/**
 * The value of a header of a request that waits for its answer, by its name without regard to case: Message-ID,
 * Content-Type, or one of libmsrp_request_info.headers. *out becomes NULL where there is no such header, else a text for
 * libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: a pointer is NULL, or name is not UTF-8; LIBMSRP_ERR_GONE: the
 * request was answered, its sender has given up, or the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_request_header(struct libmsrp_engine *engine,
                                      libmsrp_request request,
                                      const uint8_t *name,
                                      size_t name_len,
                                      struct libmsrp_text **out);

/**
 * Makes a section with these values of its m= and c= line, for a peer's attributes. line may not be NULL. *out is for
 * libmsrp_sdp_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: line or out is NULL, a text is not UTF-8, or the port is above 65535;
 * LIBMSRP_ERR_INVALID_SDP: the media is not message, the protocol is not one of MSRP, the formats do not begin with *, there
 * are several ports, or the address or title cannot stand in a line (RFC 4975 §8.1); LIBMSRP_ERR_INTERNAL. Legal in
 * callbacks, from any thread, in a forked child.
 */
libmsrp_result libmsrp_sdp_new(const struct libmsrp_sdp_line *line,
                               struct libmsrp_sdp **out);

/**
 * Adds an attribute of the session part, which may be a default of the section: setup, a direction, fingerprint. All
 * others are passed over, so a host can give all of them. value_len 0: an attribute that is a name alone.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or name is NULL, or a text is not UTF-8;
 * LIBMSRP_ERR_INVALID_SDP: the value breaks a rule, which the text of the error names with the attribute;
 * LIBMSRP_ERR_LIMIT: more than 1024 attributes or 256 KiB; LIBMSRP_ERR_INTERNAL. Legal in callbacks, from any thread, in
 * a forked child.
 */
libmsrp_result libmsrp_sdp_add_default(struct libmsrp_sdp *sdp,
                                       const uint8_t *name,
                                       size_t name_len,
                                       const uint8_t *value,
                                       size_t value_len);

/**
 * Adds an attribute of the section, its name without `a=`. value_len 0: an attribute that is a name alone.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or name is NULL, or a text is not UTF-8;
 * LIBMSRP_ERR_INVALID_SDP: the value breaks a rule, which the text of the error names with the attribute, it is a second
 * path or direction, or the section is not one of MSRP; LIBMSRP_ERR_LIMIT: more than 1024 attributes or 256 KiB;
 * LIBMSRP_ERR_INTERNAL. On an error nothing was added. Legal in callbacks, from any thread, in a forked child.
 */
libmsrp_result libmsrp_sdp_add_attribute(struct libmsrp_sdp *sdp,
                                         const uint8_t *name,
                                         size_t name_len,
                                         const uint8_t *value,
                                         size_t value_len);

/**
 * How many m= lines an SDP text has: a whole SDP, or m= blocks.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: text or out is NULL; LIBMSRP_ERR_INVALID_SDP: it is no SDP,
 * or not UTF-8; LIBMSRP_ERR_LIMIT: it has more than 256 KiB, 4096 lines, 64 m= lines or 1024 attributes in a
 * section; LIBMSRP_ERR_INTERNAL. Legal in
 * callbacks, from any thread, in a forked child.
 */
libmsrp_result libmsrp_sdp_count(const uint8_t *text,
                                 size_t len,
                                 size_t *out);

/**
 * Reads one m= section of an SDP text: the line of that index, from 0, of whatever media, or with LIBMSRP_FIRST_MEDIA the
 * first one of MSRP that can be used. One of MSRP has to keep the rules, unless its port is 0. *out is for
 * libmsrp_sdp_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: text or out is NULL, or there is no such m= line;
 * LIBMSRP_ERR_INVALID_SDP: the text of the error names the line and the rule; LIBMSRP_ERR_GONE: LIBMSRP_FIRST_MEDIA, and
 * the lines of MSRP have port 0; LIBMSRP_ERR_LIMIT: as for libmsrp_sdp_count(); LIBMSRP_ERR_INTERNAL. Legal in callbacks,
 * from any thread, in a forked child.
 */
libmsrp_result libmsrp_sdp_parse(const uint8_t *text,
                                 size_t len,
                                 int32_t index,
                                 struct libmsrp_sdp **out);

/**
 * The values of its m= and c= line, into *out: begin with LIBMSRP_SDP_LINE_INIT. Its texts are the section's.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or out is NULL, or struct_size is none; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks, from any thread, in a forked child.
 */
libmsrp_result libmsrp_sdp_get_line(const struct libmsrp_sdp *sdp,
                                    struct libmsrp_sdp_line *out);

/**
 * How many attributes the section has. 0 for NULL.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child.
 */
size_t libmsrp_sdp_attribute_count(const struct libmsrp_sdp *sdp);

/**
 * One attribute, index from 0 in the order in which they stand: its name without `a=`, and its value, whose ptr is NULL for
 * one that is a name alone. The texts are the section's.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or out is NULL, or there are not so many; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks, from any thread, in a forked child.
 */
libmsrp_result libmsrp_sdp_attribute(const struct libmsrp_sdp *sdp,
                                     size_t index,
                                     struct libmsrp_header *out);

/**
 * The section as an m= block with its CRLFs, for texts and for libmsrp_session_prepare_remote(); attributes of the session
 * part that are defaults of it stand in the block. *out is for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or out is NULL; LIBMSRP_ERR_INVALID_SDP: path or accept-types is
 * missing in a section of MSRP; LIBMSRP_ERR_INTERNAL. Legal in callbacks, from any thread, in a forked child.
 */
libmsrp_result libmsrp_sdp_text(const struct libmsrp_sdp *sdp,
                                struct libmsrp_text **out);

/**
 * Ends a section. NULL is allowed and does nothing.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child. Call it once.
 */
void libmsrp_sdp_free(struct libmsrp_sdp *sdp);

/**
 * The answer that refuses every stream of an offer with port 0 (RFC 3264 §6), for index LIBMSRP_FIRST_MEDIA; with the index
 * of an m= line, from 0, only the line that refuses that one, for a host that builds its own SDP. last: the last SDP, offer
 * or answer, that this side sent in the same dialog, whose o= line goes on; empty if there is none. *out is for
 * libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: offer or out is NULL, or there is no such m= line;
 * LIBMSRP_ERR_INVALID_SDP: offer or last is no SDP; LIBMSRP_ERR_LIMIT: as for libmsrp_sdp_count(); LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks, from any thread, in a forked child.
 */
libmsrp_result libmsrp_sdp_refuse(const uint8_t *offer,
                                  size_t offer_len,
                                  int32_t index,
                                  const uint8_t *last,
                                  size_t last_len,
                                  struct libmsrp_text **out);

/**
 * Makes one whole SDP that offers several sessions, each on the m= line of its index. Without last (empty) a minimal one
 * with the lines of these sessions alone, indices from 0 without a gap.
 *
 * last is the last SDP, offer or answer, that this side sent in the same dialog: its session part and its other media are
 * kept as they are, its version is raised if anything changes, a line with port 0 may be taken by a new session, further
 * lines go last, and MSRP lines that no session takes are disabled with port 0 (RFC 3264 §8). *out is for
 * libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine, streams or out is NULL, stream_count is 0, an
 * index or session is there twice, a line is in use for other media, or there is a gap; LIBMSRP_ERR_INVALID_SDP: last is no
 * SDP; LIBMSRP_ERR_LIMIT: as for libmsrp_sdp_count(); LIBMSRP_ERR_BUSY: another offer of a session is open, ours or the
 * peer's (RFC 3264 §4); LIBMSRP_ERR_GONE: a session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks
 * and from any thread.
 */
libmsrp_result libmsrp_sdp_offer(struct libmsrp_engine *engine,
                                 const struct libmsrp_sdp_stream *streams,
                                 size_t stream_count,
                                 const uint8_t *last,
                                 size_t last_len,
                                 struct libmsrp_text **out);

/**
 * Takes an offer with several m=message lines, each for the session of its index, and makes the one SDP that answers it:
 * as many m= lines as the offer, all others refused with port 0. last: the last SDP, offer or answer, that this side sent
 * in the same dialog, whose o= line goes on; empty if there is none. *out is for libmsrp_text_free().
 *
 * Either all sessions take their line or none is changed; the text of the error names the line whose fault it is. A session
 * whose line has port 0 ends, and its line is answered with port 0.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine, offer, streams or out is NULL, stream_count is 0, an
 * index or session is there twice, there is no such m= line, nobody could connect, or names have to be looked up
 * first (libmsrp_session_prepare_remote()); LIBMSRP_ERR_INVALID_SDP; LIBMSRP_ERR_LIMIT: as for libmsrp_sdp_count(); LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes
 * none of our types; LIBMSRP_ERR_BUSY: an offer of a session is open (RFC 3264 §4); LIBMSRP_ERR_GONE: a session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_sdp_answer(struct libmsrp_engine *engine,
                                  const uint8_t *offer,
                                  size_t offer_len,
                                  const struct libmsrp_sdp_stream *streams,
                                  size_t stream_count,
                                  const uint8_t *last,
                                  size_t last_len,
                                  struct libmsrp_text **out);

/**
 * Our m= section as values: an offer, or the answer to what the peer's side was set to. What
 * libmsrp_session_local_media() says as text. *out is for libmsrp_sdp_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_local_sdp(struct libmsrp_engine *engine,
                                         libmsrp_session session,
                                         struct libmsrp_sdp **out);

/**
 * Our m= section as values, as a later offer, which is open until the peer's section is given. What
 * libmsrp_session_offer_media() says as text. *out is for libmsrp_sdp_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_BUSY: another offer is open, ours or
 * the peer's (RFC 3264 §4); LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_offer_sdp(struct libmsrp_engine *engine,
                                         libmsrp_session session,
                                         struct libmsrp_sdp **out);

/**
 * What the peer's m= section said last, attributes that are unknown here among it; *out is NULL before that, and where
 * there is only a path. What counts as absent is not there. *out is for libmsrp_sdp_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_remote_sdp(struct libmsrp_engine *engine,
                                          libmsrp_session session,
                                          struct libmsrp_sdp **out);

/**
 * Takes the peer's m= section: the answer to our offer, or an offer that libmsrp_session_local_sdp() then answers. As
 * libmsrp_session_set_remote(), without a text. Port 0 ends the session: the stream was refused or is over. sdp stays the
 * host's, for libmsrp_sdp_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or sdp is NULL, nobody could connect, or names have to be looked
 * up first (libmsrp_session_prepare_remote()); LIBMSRP_ERR_INVALID_SDP: path or accept-types is missing, or the section is not one of MSRP;
 * LIBMSRP_ERR_INVALID_URI; LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes none of our types; LIBMSRP_ERR_GONE: the session has
 * ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_set_remote_sdp(struct libmsrp_engine *engine,
                                              libmsrp_session session,
                                              const struct libmsrp_sdp *sdp);

/**
 * Replaces libmsrp_session_options.attributes from the next offer or answer on: an answer may need others than an offer,
 * once the offer is known. attributes may be NULL where count is 0. Copied.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, attributes is NULL and count is not 0, one of them is not
 * UTF-8 or cannot stand there, or there are more than 128 or 16 KiB; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_set_attributes(struct libmsrp_engine *engine,
                                              libmsrp_session session,
                                              const struct libmsrp_header *attributes,
                                              size_t count);

/**
 * Makes a session. options and callbacks may be NULL; both are copied. user and its destructor are taken over
 * only on success.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, a text is not UTF-8, an option is out
 * of its range, a certificate or key is unusable, or a wildcard address has no advertise_host; LIBMSRP_ERR_CONNECT: the port cannot be bound;
 * LIBMSRP_ERR_TLS: no CA is given and the system has none; LIBMSRP_ERR_GONE: the listener is closed, or the engine is shut
 * down; LIBMSRP_ERR_LIMIT: too many sessions; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from
 * any thread.
 */
libmsrp_result libmsrp_session_new(struct libmsrp_engine *engine,
                                   const struct libmsrp_session_options *options,
                                   const struct libmsrp_session_callbacks *callbacks,
                                   void *user,
                                   libmsrp_session *out);

/**
 * Connects or waits for the peer, as negotiated, at most timeout_ms milliseconds (negative: without a limit).
 * Returns at once; on_state with LIBMSRP_STATE_OPEN, or on_closed, follows.
 *
 * A passive session is bound by its peer also without it, once the remote side is known.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, the remote side is not known yet, or a new offer
 * is due (libmsrp_session_offer_due());
 * LIBMSRP_ERR_BUSY: it was opened before; LIBMSRP_ERR_GONE: the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal
 * in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_open(struct libmsrp_engine *engine,
                                    libmsrp_session session,
                                    int64_t timeout_ms);

/**
 * Ends a session when what is under way is done, at the latest after timeout_ms milliseconds (negative: without
 * a limit); what is left then is ended with `#`. Returns at once; on_closed follows.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_close(struct libmsrp_engine *engine,
                                     libmsrp_session session,
                                     int64_t timeout_ms);

/**
 * Ends a session at once. on_closed follows.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_abort(struct libmsrp_engine *engine,
                                     libmsrp_session session);

/**
 * Where a session is in its life.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_state(struct libmsrp_engine *engine,
                                     libmsrp_session session,
                                     libmsrp_state *out);

/**
 * Stops taking messages: content stays in the engine, the window fills, and in the end the peer's connection
 * stands still. Callbacks that were on their way already (up to 32 events or 64 KiB) still come; other callbacks
 * than those of content go on. Has no effect after libmsrp_session_close(), libmsrp_session_abort() and
 * libmsrp_engine_shutdown(), which end a pause.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_pause(struct libmsrp_engine *engine,
                                     libmsrp_session session);

/**
 * Takes messages again after libmsrp_session_pause().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_resume(struct libmsrp_engine *engine,
                                      libmsrp_session session);

/**
 * Replaces what callbacks get as user. The one before goes to on_release, by dispatch, after the callback that
 * may be using it; the new one is taken over only on success.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_set_user_data(struct libmsrp_engine *engine,
                                             libmsrp_session session,
                                             void *user);

/**
 * Our path: one MSRP URI, or those of our relays and ours, separated by spaces. With the peer's path for
 * libmsrp_session_set_remote_path() no SDP is needed at all. *out is for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_local_path(struct libmsrp_engine *engine,
                                          libmsrp_session session,
                                          struct libmsrp_text **out);

/**
 * Our m= block with its attributes, for a host that builds its own SDP: the answer to an offer that
 * libmsrp_session_set_remote() was given, our open offer, else our side as it stands. The first time it is an offer;
 * later ones come from libmsrp_session_offer_media(). *out is for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_local_media(struct libmsrp_engine *engine,
                                           libmsrp_session session,
                                           struct libmsrp_text **out);

/**
 * Our m= block as an offer, which is open until libmsrp_session_set_remote() is given its answer, or
 * libmsrp_session_rollback_offer() takes it back. Called again while nothing has changed, it is the same. The version in
 * the host's o= line grows when its text differs from the last one (RFC 3264 §8). *out is for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_BUSY: another offer is open, as for
 * libmsrp_session_create_offer(); LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_offer_media(struct libmsrp_engine *engine,
                                           libmsrp_session session,
                                           struct libmsrp_text **out);

/**
 * Takes our open offer back: it was refused (SIP 488), or crossed one of the peer (491). An offer of the peer that
 * libmsrp_session_set_remote() was given is not waited for any more either. Nothing happens where none is open.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the session has ended;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_rollback_offer(struct libmsrp_engine *engine,
                                              libmsrp_session session);

/**
 * A whole minimal SDP with our m= block as an offer, which is open until libmsrp_session_set_remote() is given its
 * answer, or libmsrp_session_rollback_offer() takes it back. Called again while nothing has changed, it is the same
 * text. The version in o= grows with every change (RFC 3264 §8); streams of the peer's offers that we refused keep
 * their lines, with port 0. *out is for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_BUSY: another offer is open, ours,
 * and this one would differ, or one of the peer that libmsrp_session_local_media() has not answered (RFC 3264 §4);
 * LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from
 * any thread.
 */
libmsrp_result libmsrp_session_create_offer(struct libmsrp_engine *engine,
                                            libmsrp_session session,
                                            struct libmsrp_text **out);

/**
 * Takes the peer's offer as the remote side and makes the whole SDP answer. An offer that repeats the last one gets the
 * same answer; one with port 0 ends the session and is answered with port 0. index: which m= line of the offer, from 0,
 * or LIBMSRP_FIRST_MEDIA. *out is for libmsrp_text_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, offer is NULL, there is no such m= line,
 * nobody could connect, or names have to be looked up first (libmsrp_session_prepare_remote());
 * LIBMSRP_ERR_INVALID_SDP: it breaks a rule, or is not UTF-8; LIBMSRP_ERR_LIMIT: it is too long;
 * LIBMSRP_ERR_INVALID_URI; LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes none of our types; LIBMSRP_ERR_BUSY: an offer of
 * ours is open (RFC 3264 §4); LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_create_answer(struct libmsrp_engine *engine,
                                             libmsrp_session session,
                                             const uint8_t *offer,
                                             size_t offer_len,
                                             int32_t index,
                                             struct libmsrp_text **out);

/**
 * Takes the peer's SDP, whole or only its m= block: the answer to our offer, or an offer that
 * libmsrp_session_local_media() then answers. May be called again. Port 0 ends the session. index: which m= line, from
 * 0, or LIBMSRP_FIRST_MEDIA.
 *
 * With CEMA an answer may be one that cannot be used: libmsrp_session_offer_due() says so then.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, sdp is NULL, there is no such m= line, nobody could
 * connect, or names have to be looked up first (libmsrp_session_prepare_remote());
 * LIBMSRP_ERR_INVALID_SDP: it breaks a rule, or is not UTF-8; LIBMSRP_ERR_LIMIT: it is too long; LIBMSRP_ERR_INVALID_URI;
 * LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes none of our types; LIBMSRP_ERR_GONE: the session is closing or over;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_set_remote(struct libmsrp_engine *engine,
                                          libmsrp_session session,
                                          const uint8_t *sdp,
                                          size_t sdp_len,
                                          int32_t index);

/**
 * Moves a session to another place of this machine: our URI is another one in the next offer or answer, and the session
 * goes over when the peer uses it, or it has connected from there. The one of before is served until then (RFC 3264
 * §8.3.1). Of options count listener, host, port, advertise_host, advertise_port and connection (NULL: as before); all
 * else is ignored. options may be NULL: another port of 127.0.0.1.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, a text is not UTF-8, a wildcard address has no
 * advertise_host, or the listener does not fit the session's TLS; LIBMSRP_ERR_CONNECT: the port cannot be bound;
 * LIBMSRP_ERR_GONE: the listener is closed, or the session closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
 * Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_session_relocate(struct libmsrp_engine *engine,
                                        libmsrp_session session,
                                        const struct libmsrp_session_options *options);

/**
 * Takes the peer's path without any SDP: its MSRP URIs, separated by spaces. active, if not 0: we connect.
 * accept_types: what the peer takes, separated by spaces; empty means anything.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or a text is not UTF-8; LIBMSRP_ERR_INVALID_URI;
 * LIBMSRP_ERR_GONE: the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
 * thread.
 */
libmsrp_result libmsrp_session_set_remote_path(struct libmsrp_engine *engine,
                                               libmsrp_session session,
                                               const uint8_t *path,
                                               size_t path_len,
                                               int32_t active,
                                               const uint8_t *accept_types,
                                               size_t accept_types_len);

/**
 * Responses with a status code since the start of an engine: those that were sent where sent is not 0, else those that
 * were received.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or status is not 100 to 999;
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_engine_responses(struct libmsrp_engine *engine,
                                        int32_t sent,
                                        uint16_t status,
                                        uint64_t *out);

/**
 * Sends a message whose octets are asked from read_fn as the network takes them: total_bytes of them, or until
 * read_fn says 0 where that is LIBMSRP_LENGTH_UNKNOWN. options and on_release may be NULL. Takes one of the session's
 * transfer slots. With another thread in dispatch, read_fn may be called before *out is written.
 *
 * user goes to read_fn, and to on_release, once, where callbacks run, after the last read_fn. On failure nothing is
 * taken over.
 *
 * Returns LIBMSRP_OK: admitted; LIBMSRP_ERR_INVALID_ARGUMENT: engine, read_fn or out is NULL, an option is of the
 * wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE: longer than what the peer takes;
 * LIBMSRP_ERR_AGAIN: no transfer slot is free now, on_writable follows; LIBMSRP_ERR_STATUS: the direction forbids it (403); LIBMSRP_ERR_UNACCEPTED_TYPE;
 * LIBMSRP_ERR_GONE; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_send_stream(struct libmsrp_engine *engine,
                                   libmsrp_session session,
                                   const struct libmsrp_send_options *options,
                                   uint64_t total_bytes,
                                   libmsrp_read_fn read_fn,
                                   void *user,
                                   libmsrp_release_fn on_release,
                                   libmsrp_transfer *out);

/**
 * After LIBMSRP_STREAM_DEFERRED: there are octets, or the end; dispatch asks read_fn again. Harmless when nothing
 * was deferred.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the stream is complete or has
 * ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_stream_resume(struct libmsrp_engine *engine,
                                     libmsrp_transfer transfer);

/**
 * Sends what the stream gave so far, even if it makes a chunk of less than 2048 octets: for streams that a person
 * waits for. Where total_bytes is not known the last octet stays back until more comes or the stream ends, since the
 * last chunk is never empty.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or the transfer is no stream; LIBMSRP_ERR_GONE: the
 * transfer or its session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_stream_flush(struct libmsrp_engine *engine,
                                    libmsrp_transfer transfer);

/**
 * The text, NUL-terminated UTF-8, valid until libmsrp_text_free(). NULL for NULL.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child.
 */
const char *libmsrp_text_ptr(const struct libmsrp_text *text);

/**
 * Its length in octets, without the NUL. 0 for NULL.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child.
 */
size_t libmsrp_text_len(const struct libmsrp_text *text);

/**
 * Ends a text, and writes over its octets: it may be a secret. NULL is allowed and does nothing.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child. Call it once.
 */
void libmsrp_text_free(struct libmsrp_text *text);

/**
 * Makes a TLS configuration: the system's CAs, no identity, LIBMSRP_VERIFY_CA. Ends with libmsrp_tls_free().
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: out is NULL; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
 * from any thread.
 */
libmsrp_result libmsrp_tls_new(struct libmsrp_tls **out);

/**
 * Trusts these CAs, and no longer the system's. May be called again for more; of several, files are not read again
 * when they change.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls or ptr is NULL, source is unknown, or the file cannot
 * be read; LIBMSRP_ERR_INTERNAL. What is in the PEM is judged when the configuration is used. Legal in
 * callbacks and from any thread; reads a file on the calling thread.
 */
libmsrp_result libmsrp_tls_add_ca(struct libmsrp_tls *tls,
                                  libmsrp_pem source,
                                  const uint8_t *ptr,
                                  size_t len);

/**
 * Sets our certificate chain and its private key. A listener, and a session that may be the passive side,
 * needs them.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: a pointer is NULL, source is unknown, or a file cannot be
 * read; LIBMSRP_ERR_INTERNAL. What is in the PEM is judged when the configuration is used. Legal in callbacks
 * and from any thread; reads files on the calling thread.
 */
libmsrp_result libmsrp_tls_set_identity(struct libmsrp_tls *tls,
                                        libmsrp_pem source,
                                        const uint8_t *cert,
                                        size_t cert_len,
                                        const uint8_t *key,
                                        size_t key_len);

/**
 * Sets how peers are judged. server_name, if not empty, is checked instead of the host in the peer's URI.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, verify is unknown, or server_name is not
 * UTF-8; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_tls_set_verify(struct libmsrp_tls *tls,
                                      libmsrp_verify verify,
                                      const uint8_t *server_name,
                                      size_t server_name_len);

/**
 * Says whether we ask for certificates where we accept connections. They are judged by the CAs of libmsrp_tls_add_ca(),
 * which then must be there, unless nothing is verified.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, or client_auth is unknown; LIBMSRP_ERR_INTERNAL. Legal
 * in callbacks and from any thread.
 */
libmsrp_result libmsrp_tls_set_client_auth(struct libmsrp_tls *tls,
                                           libmsrp_client_auth client_auth);

/**
 * Says which versions of TLS are taken. Both are unless it is called.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, min or max is unknown, or min is above max;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_tls_set_versions(struct libmsrp_tls *tls,
                                        libmsrp_tls_version min,
                                        libmsrp_tls_version max);

/**
 * Adds a fingerprint that the host knows, "sha-256 AB:CD:..." as libmsrp_tls_fingerprint() gives it. If there are any,
 * the peer's certificate must have one of them, besides what libmsrp_tls_set_verify() asks for.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, or the text is no fingerprint, or one of a function
 * that is weak or not known; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_tls_add_fingerprint(struct libmsrp_tls *tls,
                                           const uint8_t *fingerprint,
                                           size_t len);

/**
 * Says whether certificates must name the peer's place, the host of its URI or the address of its c= line, also where
 * that is not asked for anyhow: with fingerprints, and those of peers that connect. 0, as without this call: no.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
 * thread.
 */
libmsrp_result libmsrp_tls_set_peer_names(struct libmsrp_tls *tls,
                                          int32_t required);

/**
 * Names a file to which the keys of all connections are appended, as SSLKEYLOGFILE has them, for tools that decrypt
 * what was recorded: whoever has it can read it all. It is made with mode 0600; one that exists must be a regular file
 * that nobody else may read. An empty name, as without this call: none. The log warns that it is on.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, or path is NULL and its length is not 0;
 * LIBMSRP_ERR_INTERNAL. The file is judged when the configuration is used. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_tls_set_keylog(struct libmsrp_tls *tls,
                                      const uint8_t *path,
                                      size_t path_len);

/**
 * Makes a certificate that signs itself, ECDSA on P-256, and sets it as our identity: for peers that know it by its
 * fingerprint (LIBMSRP_VERIFY_FINGERPRINT). It is valid for so many days from now; 0: 365.
 *
 * names: host names, addresses, and URIs of users such as im: and sip: (RFC 4975 §14.4), separated by spaces, for the
 * certificate's SubjectAltName; without one it is anonymous. Keep it, by libmsrp_tls_identity(), where the peer shall
 * see the same fingerprint again, and make one for each session where two sessions shall not be known to be of one
 * user.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, days is above 36500, names is not UTF-8, or one of
 * them is no such name, as MSRP URIs are none (RFC 8591 §8.4); LIBMSRP_ERR_TLS: the system gives no random octets;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread; takes less than a millisecond.
 */
libmsrp_result libmsrp_tls_self_signed(struct libmsrp_tls *tls,
                                       const uint8_t *names,
                                       size_t names_len,
                                       uint32_t days);

/**
 * The certificate chain and the key of a TLS configuration, as PEM, to be kept for its next run. Who has the key can
 * speak for this identity: keep it where only its user can read it.
 *
 * Returns LIBMSRP_OK: both texts are the host's, until libmsrp_text_free(); LIBMSRP_ERR_INVALID_ARGUMENT: tls, cert or
 * key is NULL, there is no identity, or a file cannot be read; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_tls_identity(const struct libmsrp_tls *tls,
                                    struct libmsrp_text **cert,
                                    struct libmsrp_text **key);

/**
 * The fingerprint of our certificate as a=fingerprint has it (RFC 8122 §5), "sha-256 AB:CD:...". Sessions write theirs
 * by themselves; this is for a host that tells it in another way. hash: the name of the function, such as sha-256.
 *
 * Returns LIBMSRP_OK: the text is the host's, until libmsrp_text_free(); LIBMSRP_ERR_INVALID_ARGUMENT: tls or out is
 * NULL, hash is weak or not known, there is no identity, or no certificate in its PEM; LIBMSRP_ERR_INTERNAL. Legal in
 * callbacks and from any thread.
 */
libmsrp_result libmsrp_tls_fingerprint(const struct libmsrp_tls *tls,
                                       const uint8_t *hash,
                                       size_t hash_len,
                                       struct libmsrp_text **out);

/**
 * Reads the files of all TLS configurations of an engine again, and the system's CAs, for those who are told that they
 * changed; the engine looks by itself when sessions and connections are made. New handshakes use what is there now;
 * connections that are there live on.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or a file cannot be used, whose old content stays in
 * use, while all others are read; LIBMSRP_ERR_GONE: after libmsrp_engine_shutdown(); LIBMSRP_ERR_FORKED;
 * LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread; reads files on the calling thread.
 */
libmsrp_result libmsrp_engine_reload_tls(struct libmsrp_engine *engine);

/**
 * Ends a TLS configuration; what was made with it keeps its copy. NULL is allowed and does nothing.
 *
 * Cannot fail; legal in callbacks and from any thread. Call it once.
 */
void libmsrp_tls_free(struct libmsrp_tls *tls);

/**
 * Starts a trace of all connections, or ends it where options is NULL. One that is there ends first; this waits up to
 * a second until what it holds is written. Connections that exist are traced from their next request or response on. A
 * trace also ends by itself where its file cannot be written; that is logged as a warning, and harms no session.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, an option is out of its range, or the file cannot
 * be made; LIBMSRP_ERR_LIMIT: the system gives no thread; LIBMSRP_ERR_GONE: after libmsrp_engine_shutdown();
 * LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_engine_set_trace(struct libmsrp_engine *engine,
                                        const struct libmsrp_trace_options *options);

/**
 * Sends a message; its octets are copied. options may be NULL.
 *
 * LIBMSRP_OK means admitted: it will be sent, and on_transfer tells how far it got. With another thread in dispatch,
 * callbacks of the transfer may come before *out is written. Messages up to 64 KiB of one session complete in
 * the order in which they were sent.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, data is NULL and len is not 0, an option is
 * of the wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE: longer than the send window (use
 * another way to send) or than what the peer takes;
 * LIBMSRP_ERR_AGAIN: the window is full now, on_writable follows; LIBMSRP_ERR_STATUS: the direction forbids it (403);
 * LIBMSRP_ERR_UNACCEPTED_TYPE: the peer does not
 * take this type, or answered it with 415 before; LIBMSRP_ERR_GONE: the session is not open any more; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal
 * in callbacks and from any thread.
 */
libmsrp_result libmsrp_send(struct libmsrp_engine *engine,
                            libmsrp_session session,
                            const struct libmsrp_send_options *options,
                            const uint8_t *data,
                            size_t len,
                            libmsrp_transfer *out);

/**
 * Sends a message; its octets are lent, not copied: they stay unchanged until free_fn runs. options and free_fn
 * may be NULL (octets that live for ever). Takes one of the session's transfer slots if len is over 64 KiB.
 *
 * On success free_fn runs once, where callbacks run; on failure it never does.
 *
 * Returns LIBMSRP_OK: admitted; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, data is NULL and len is not 0, an
 * option is of the wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE: longer than what the peer
 * takes; LIBMSRP_ERR_AGAIN: no window or transfer slot is free now, on_writable
 * follows; LIBMSRP_ERR_STATUS; LIBMSRP_ERR_UNACCEPTED_TYPE; LIBMSRP_ERR_GONE; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
 * from any thread.
 */
libmsrp_result libmsrp_send_take(struct libmsrp_engine *engine,
                                 libmsrp_session session,
                                 const struct libmsrp_send_options *options,
                                 const uint8_t *data,
                                 size_t len,
                                 libmsrp_free_fn free_fn,
                                 void *user,
                                 libmsrp_transfer *out);

/**
 * Sends a file, which the engine reads. path is the file's name in the system's encoding. options may be NULL.
 * Takes one of the session's transfer slots.
 *
 * Returns LIBMSRP_OK: admitted; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, path is empty, it cannot be
 * opened or is no file, an option is of the wrong form, or the remote side is not known yet; LIBMSRP_ERR_TOO_LARGE:
 * longer than what the peer takes; LIBMSRP_ERR_AGAIN: no transfer slot is free now,
 * on_writable follows; LIBMSRP_ERR_STATUS; LIBMSRP_ERR_UNACCEPTED_TYPE; LIBMSRP_ERR_GONE; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in
 * callbacks and from any thread.
 */
libmsrp_result libmsrp_send_file(struct libmsrp_engine *engine,
                                 libmsrp_session session,
                                 const struct libmsrp_send_options *options,
                                 const uint8_t *path,
                                 size_t path_len,
                                 libmsrp_transfer *out);

/**
 * Ends an outgoing message with `#`. LIBMSRP_TRANSFER_EVENT_FAILED with LIBMSRP_ERR_ABORTED follows, unless it was
 * complete already.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the transfer or its session has
 * ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_transfer_abort(struct libmsrp_engine *engine,
                                      libmsrp_transfer transfer);

/**
 * How many octets were written, and of how many (LIBMSRP_LENGTH_UNKNOWN where that is not known). An out-parameter
 * may be NULL.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL; LIBMSRP_ERR_GONE: the transfer or its session has
 * ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_transfer_progress(struct libmsrp_engine *engine,
                                         libmsrp_transfer transfer,
                                         uint64_t *sent_bytes,
                                         uint64_t *total_bytes);

/**
 * The Message-ID of a transfer, while its session lives. *out is for libmsrp_text_free(). Where another thread runs
 * the callbacks, the session may end before this is asked: libmsrp_send_options.message_id_out cannot come too late.
 *
 * Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the transfer or its
 * session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
 */
libmsrp_result libmsrp_transfer_message_id(struct libmsrp_engine *engine,
                                           libmsrp_transfer transfer,
                                           struct libmsrp_text **out);

/**
 * The version of the library, as `major.minor.patch`. LIBMSRP_VERSION_STRING is the header's.
 *
 * Never NULL, static. Cannot fail; legal in callbacks, from any thread, in a forked child.
 */
const char *libmsrp_version(void);

/**
 * The number of the binary interface, which is also in the soname. A program that was built with another
 * LIBMSRP_ABI_VERSION does not work with this library.
 *
 * Cannot fail; legal in callbacks, from any thread, in a forked child.
 */
uint32_t libmsrp_abi_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* Initialisers of the structs that begin with struct_size: the size is set, all else is
 * zero, which means the default. */
#ifdef __cplusplus
#define LIBMSRP_INIT_(type) ([] { type value{}; value.struct_size = sizeof(type); return value; }())
#else
#define LIBMSRP_INIT_(type) { .struct_size = sizeof(type) }
#endif
#define LIBMSRP_CERTIFICATE_INFO_INIT LIBMSRP_INIT_(libmsrp_certificate_info)
#define LIBMSRP_LIMITS_INIT LIBMSRP_INIT_(libmsrp_limits)
#define LIBMSRP_ENGINE_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_engine_options)
#define LIBMSRP_STATS_INIT LIBMSRP_INIT_(libmsrp_stats)
#define LIBMSRP_LISTENER_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_listener_options)
#define LIBMSRP_RELAY_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_relay_options)
#define LIBMSRP_RELAY_CALLBACKS_INIT LIBMSRP_INIT_(libmsrp_relay_callbacks)
#define LIBMSRP_RELAY_LISTENER_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_relay_listener_options)
#define LIBMSRP_RELAY_STATS_INIT LIBMSRP_INIT_(libmsrp_relay_stats)
#define LIBMSRP_REQUEST_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_request_options)
#define LIBMSRP_SDP_LINE_INIT LIBMSRP_INIT_(libmsrp_sdp_line)
#define LIBMSRP_CONNECTION_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_connection_options)
#define LIBMSRP_RELAY_LOGIN_INIT LIBMSRP_INIT_(libmsrp_relay_login)
#define LIBMSRP_SESSION_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_session_options)
#define LIBMSRP_MESSAGE_INFO_INIT LIBMSRP_INIT_(libmsrp_message_info)
#define LIBMSRP_MESSAGE_END_INIT LIBMSRP_INIT_(libmsrp_message_end)
#define LIBMSRP_REPORT_INIT LIBMSRP_INIT_(libmsrp_report)
#define LIBMSRP_TRANSFER_INFO_INIT LIBMSRP_INIT_(libmsrp_transfer_info)
#define LIBMSRP_CLOSE_INFO_INIT LIBMSRP_INIT_(libmsrp_close_info)
#define LIBMSRP_REQUEST_INFO_INIT LIBMSRP_INIT_(libmsrp_request_info)
#define LIBMSRP_RESPONSE_INIT LIBMSRP_INIT_(libmsrp_response)
#define LIBMSRP_RELAY_INFO_INIT LIBMSRP_INIT_(libmsrp_relay_info)
#define LIBMSRP_SESSION_CALLBACKS_INIT LIBMSRP_INIT_(libmsrp_session_callbacks)
#define LIBMSRP_SEND_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_send_options)
#define LIBMSRP_TRACE_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_trace_options)

#endif  /* LIBMSRP_H */
