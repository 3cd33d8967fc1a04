//! Counters by kind and histograms, as parts of `libmsrp_stats`.

use msrp_core::engine::{Histogram, Traffic};
use msrp_core::error::Error;
use msrp_core::wire::StatusCode;

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;

/// Requests and responses that went one way, since the start of an engine.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_traffic {
    /// SEND requests: chunks, and those without a body.
    pub send: u64,
    /// REPORT requests.
    pub report: u64,
    /// AUTH requests.
    pub auth: u64,
    /// NICKNAME requests.
    pub nickname: u64,
    /// Requests of other methods.
    pub other: u64,
    /// Requests and responses that ended with `$`.
    pub complete: u64,
    /// Those that ended with `+`.
    pub more: u64,
    /// Those that ended with `#`.
    pub abort: u64,
    /// Responses; libmsrp_engine_responses() has them by status code.
    pub responses: u64,
}

/// How values were distributed since the start of an engine: microseconds or octets.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_histogram {
    /// Upper bounds of the buckets but the last, which has none.
    pub bounds: [u64; 10],
    /// How many values were at most as large as each bound; the last is how many there were at all.
    pub buckets: [u64; 11],
    /// Their sum.
    pub sum: u64,
}

impl From<&Traffic> for libmsrp_traffic {
    fn from(traffic: &Traffic) -> Self {
        Self {
            send: traffic.send,
            report: traffic.report,
            auth: traffic.auth,
            nickname: traffic.nickname,
            other: traffic.other,
            complete: traffic.complete,
            more: traffic.more,
            abort: traffic.abort,
            responses: traffic.responses.iter().map(|(_, count)| count).sum(),
        }
    }
}

impl From<&Histogram> for libmsrp_histogram {
    fn from(histogram: &Histogram) -> Self {
        let of = |values: &[u64], at: usize| values.get(at).copied().unwrap_or_default();
        Self {
            bounds: std::array::from_fn(|at| of(histogram.bounds, at)),
            buckets: std::array::from_fn(|at| of(&histogram.buckets, at)),
            sum: histogram.sum,
        }
    }
}

/// Responses with a status code since the start of an engine: those that were sent where sent is not 0, else those that
/// were received.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL, or status is not 100 to 999;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_responses(
    engine: *mut libmsrp_engine,
    sent: i32,
    status: u16,
    out: *mut u64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        if !(100..=999).contains(&status) {
            let text = format!("status is {status}, allowed is 100 to 999");
            return Err(Error::invalid_argument(text));
        }
        let counts = engine.core.stats().counts;
        let traffic = if sent == 0 {
            &counts.received
        } else {
            &counts.sent
        };
        out.set(traffic.responses_of(StatusCode(status)));
    })
}
