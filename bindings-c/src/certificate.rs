//! The certificate that a session's peer showed.

use std::fmt;
use std::ptr;

use msrp_core::engine::{PeerCertificate, PeerProof, SessionHandle};
use msrp_core::error::Error;

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::session::libmsrp_session;
use crate::sized::{self, sized};
use crate::text::libmsrp_slice;

/// The certificate of a peer, which the host owns. Not changed after it was made, so any thread may read it; it does not
/// depend on the engine.
pub struct libmsrp_certificate {
    of: PeerCertificate,
    names: String,
    fingerprint: String,
}

impl fmt::Debug for libmsrp_certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.fmt(f)
    }
}

/// What proves the certificate of a peer.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_proof {
    /// Nothing: LIBMSRP_VERIFY_NONE.
    Nothing = 0,
    /// A trusted CA has signed it. For which peer was not asked: it connected to us.
    Ca = 1,
    /// A trusted CA has signed it, and it names the peer's host.
    CaAndName = 2,
    /// A fingerprint: of the peer's SDP, of the configuration, or of both.
    Fingerprint = 3,
}

/// What stands in a certificate, borrowed from it. Subject, issuer and names are its own words, claims where nothing
/// proves them; characters that cannot be printed are escaped, and long ones are cut.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_certificate_info {
    /// sizeof(libmsrp_certificate_info), set by LIBMSRP_CERTIFICATE_INFO_INIT.
    pub struct_size: usize,
    /// The certificate, DER.
    pub der: libmsrp_slice,
    /// The subject, as in "CN=alice.example, O=Example".
    pub subject: libmsrp_slice,
    /// The issuer, in the same form.
    pub issuer: libmsrp_slice,
    /// The names for which it was issued, one in a line: "DNS:alice.example", "IP:192.0.2.1",
    /// "URI:im:alice@example.com", "email:alice@example.com".
    pub names: libmsrp_slice,
    /// Its SHA-256 fingerprint, as libmsrp_tls_add_fingerprint() takes it.
    pub fingerprint: libmsrp_slice,
    /// From when it is valid, in seconds since 1970, UTC.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// What proves it.
    pub proof: libmsrp_proof,
}
sized!(libmsrp_certificate_info);

/// The certificate that the peer showed on the connection that has the session, or had it last. *out is NULL without
/// TLS, before the session is on a connection, and for a peer that connected and showed none; else it is for
/// libmsrp_certificate_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_peer_certificate(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_certificate,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let certificate = engine.core.peer_certificate(SessionHandle(session))?;
        out.set(certificate.map_or(ptr::null_mut(), |of| {
            Box::into_raw(Box::new(libmsrp_certificate {
                names: of.names.join("\n"),
                fingerprint: of.fingerprint.to_string(),
                of,
            }))
        }));
    })
}

/// Says what stands in a certificate. What info points to is valid until libmsrp_certificate_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: certificate or info is NULL, or its struct_size is too small;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_certificate_read(
    certificate: *const libmsrp_certificate,
    info: *mut libmsrp_certificate_info,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let certificate = unsafe { entry::reference(certificate, "certificate") }?;
        if info.is_null() {
            return Err(Error::invalid_argument("info is NULL"));
        }
        let of = &certificate.of;
        let found = libmsrp_certificate_info {
            struct_size: size_of::<libmsrp_certificate_info>(),
            der: libmsrp_slice {
                ptr: of.der.as_ptr(),
                len: of.der.len(),
            },
            subject: libmsrp_slice::new(&of.subject),
            issuer: libmsrp_slice::new(&of.issuer),
            names: libmsrp_slice::new(&certificate.names),
            fingerprint: libmsrp_slice::new(&certificate.fingerprint),
            not_before: of.not_before,
            not_after: of.not_after,
            proof: match of.proof {
                PeerProof::Ca => libmsrp_proof::Ca,
                PeerProof::CaAndName => libmsrp_proof::CaAndName,
                PeerProof::Fingerprint => libmsrp_proof::Fingerprint,
                _ => libmsrp_proof::Nothing,
            },
        };
        // SAFETY: not NULL, and the header's contract.
        unsafe { sized::write(info, &found, "info") }?;
    })
}

/// Ends a certificate. NULL is allowed and does nothing.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child, and after libmsrp_engine_free(). Call it once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_certificate_free(certificate: *mut libmsrp_certificate) {
    if !certificate.is_null() {
        // SAFETY: made by libmsrp_session_peer_certificate and not freed before, by this function's contract.
        drop(unsafe { Box::from_raw(certificate) });
    }
}
