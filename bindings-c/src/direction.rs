//! Who sends ordinary messages: holds and their ends (RFC 4975 §8.9).

use std::mem::MaybeUninit;

use msrp_core::engine::SessionHandle;
use msrp_core::sdp::Direction;

use crate::engine::libmsrp_engine;
use crate::entry::{self, Enumerator, enumerator, ffi_entry};
use crate::error::libmsrp_result;
use crate::session::libmsrp_session;

/// Who sends ordinary messages, seen from our side (RFC 4975 §8.9). Bodiless requests, REPORTs, requests of other
/// methods, and messages that carry control or reports (libmsrp_send_options.control) pass in every state.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_direction {
    /// Both sides.
    Sendrecv = 0,
    /// Only we: the peer is held.
    Sendonly = 1,
    /// Only the peer.
    Recvonly = 2,
    /// Neither.
    Inactive = 3,
}
enumerator!(libmsrp_direction: Sendrecv, Sendonly, Recvonly, Inactive);

impl From<Direction> for libmsrp_direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::SendRecv => Self::Sendrecv,
            Direction::SendOnly => Self::Sendonly,
            Direction::RecvOnly => Self::Recvonly,
            Direction::Inactive => Self::Inactive,
        }
    }
}

impl From<libmsrp_direction> for Direction {
    fn from(direction: libmsrp_direction) -> Self {
        match direction {
            libmsrp_direction::Sendrecv => Self::SendRecv,
            libmsrp_direction::Sendonly => Self::SendOnly,
            libmsrp_direction::Recvonly => Self::RecvOnly,
            libmsrp_direction::Inactive => Self::Inactive,
        }
    }
}

/// Says what our next offer or answer wishes: a hold is LIBMSRP_DIRECTION_SENDONLY or _INACTIVE, its end
/// LIBMSRP_DIRECTION_SENDRECV. It holds when that exchange is done; in a session without SDP at once. Ordinary messages
/// that are under way when we must not send any more wait until we may, large ones at the end of a chunk; new ones are
/// refused with LIBMSRP_ERR_STATUS, 403. What the peer began before goes on to its end; what it begins then gets 403.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or direction is unknown; LIBMSRP_ERR_GONE: the
/// session is closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_direction(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    direction: MaybeUninit<libmsrp_direction>,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        let direction = libmsrp_direction::from_c(direction, "direction")?;
        engine
            .core
            .set_direction(SessionHandle(session), direction.into())?;
    })
}

/// Who sends ordinary messages now: what the last exchange of SDP agreed on.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_direction(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut libmsrp_direction,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let directions = engine.core.directions(SessionHandle(session))?;
        out.set(directions.agreed.into());
    })
}

/// What the peer's SDP said last, seen from our side: LIBMSRP_DIRECTION_RECVONLY where it holds us. Before its first
/// SDP, and without SDP, LIBMSRP_DIRECTION_SENDRECV.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_remote_direction(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut libmsrp_direction,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let directions = engine.core.directions(SessionHandle(session))?;
        out.set(directions.remote.unwrap_or_default().into());
    })
}
