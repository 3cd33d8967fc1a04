//! TLS: identity, trust, and how a peer is judged.

use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;

use msrp_core::engine::{
    ClientAuth, Identity, PemSource, SelfSigned, TlsConfig, TlsVerify, TlsVersion,
};
use msrp_core::error::{Error, Result};
use msrp_core::sdp::HashFunction;
use parking_lot::Mutex;

use crate::engine::libmsrp_engine;
use crate::entry::{self, Enumerator, enumerator, ffi_entry};
use crate::error::libmsrp_result;
use crate::text::libmsrp_text;

/// A TLS configuration. What is made with one copies it: it may be changed and freed afterwards. Any thread
/// may use it; it belongs to no engine.
#[derive(Debug, Default)]
pub struct libmsrp_tls(Mutex<Parts>);

#[derive(Debug, Default)]
struct Parts {
    /// All but the CAs.
    config: TlsConfig,
    ca: Vec<PemSource>,
}

impl libmsrp_tls {
    /// The core's configuration, as it stands now.
    pub(crate) fn to_core(&self) -> Result<TlsConfig> {
        let parts = self.0.lock();
        let ca = match parts.ca.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            several => {
                let mut text = Vec::new();
                for source in several {
                    match source {
                        PemSource::Text(pem) => text.extend_from_slice(pem),
                        PemSource::File(path) => text.extend(read(path, "CA")?),
                    }
                    text.push(b'\n');
                }
                Some(PemSource::Text(text))
            }
        };
        Ok(TlsConfig {
            ca,
            ..parts.config.clone()
        })
    }

    fn set_identity(&self, cert: PemSource, key: PemSource) {
        let config = &mut self.0.lock().config;
        config.cert = Some(cert);
        config.key = Some(key);
    }

    /// The configuration behind a pointer that may be NULL.
    ///
    /// # Safety
    /// NULL or not freed.
    pub(crate) unsafe fn optional(tls: *const Self) -> Result<Option<TlsConfig>> {
        // SAFETY: the caller's promise.
        unsafe { tls.as_ref() }.map(Self::to_core).transpose()
    }
}

/// How PEM is given.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_pem {
    /// The name of a file, which must be readable now. It is read by the thread that makes a session or listener with the
    /// configuration for the first time, and again when it has changed.
    File = 0,
    /// The text itself.
    Text = 1,
}
enumerator!(libmsrp_pem: File, Text);

/// How a peer's certificate is judged.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_verify {
    /// By a CA and the host name of its URI.
    Ca = 0,
    /// By the fingerprint in its SDP.
    Fingerprint = 1,
    /// Not at all: for tests. It is logged, and counted in libmsrp_stats.
    None = 2,
}
enumerator!(libmsrp_verify: Ca, Fingerprint, None);

/// Whether we ask for a certificate where we accept connections (mutual TLS). With LIBMSRP_VERIFY_FINGERPRINT we always
/// do, and this says nothing.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_client_auth {
    /// No.
    None = 0,
    /// Yes; peers without one are served all the same.
    Request = 1,
    /// Yes; peers without one are refused.
    Require = 2,
}
enumerator!(libmsrp_client_auth: None, Request, Require);

/// A version of TLS.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum libmsrp_tls_version {
    /// TLS 1.2.
    Tls12 = 12,
    /// TLS 1.3.
    Tls13 = 13,
}
enumerator!(libmsrp_tls_version: Tls12, Tls13);

impl libmsrp_tls_version {
    fn to_core(self) -> TlsVersion {
        match self {
            Self::Tls12 => TlsVersion::Tls12,
            Self::Tls13 => TlsVersion::Tls13,
        }
    }
}

/// Makes a TLS configuration: the system's CAs, no identity, LIBMSRP_VERIFY_CA. Ends with libmsrp_tls_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: out is NULL; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
/// from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_new(out: *mut *mut libmsrp_tls) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        out.set(Box::into_raw(Box::default()));
    })
}

/// Trusts these CAs, and no longer the system's. May be called again for more; of several, files are not read again
/// when they change.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls or ptr is NULL, source is unknown, or the file cannot
/// be read; LIBMSRP_ERR_INTERNAL. What is in the PEM is judged when the configuration is used. Legal in
/// callbacks and from any thread; reads a file on the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_add_ca(
    tls: *mut libmsrp_tls,
    source: MaybeUninit<libmsrp_pem>,
    ptr: *const u8,
    len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        // SAFETY: the header's contract.
        let pem = unsafe { pem(source, ptr, len, "CA") }?;
        tls.0.lock().ca.push(pem);
    })
}

/// Sets our certificate chain and its private key. A listener, and a session that may be the passive side,
/// needs them.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: a pointer is NULL, source is unknown, or a file cannot be
/// read; LIBMSRP_ERR_INTERNAL. What is in the PEM is judged when the configuration is used. Legal in callbacks
/// and from any thread; reads files on the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_set_identity(
    tls: *mut libmsrp_tls,
    source: MaybeUninit<libmsrp_pem>,
    cert: *const u8,
    cert_len: usize,
    key: *const u8,
    key_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        // SAFETY: the header's contract.
        let cert = unsafe { pem(source, cert, cert_len, "certificate") }?;
        // SAFETY: the header's contract.
        let key = unsafe { pem(source, key, key_len, "key") }?;
        tls.set_identity(cert, key);
    })
}

/// Sets how peers are judged. server_name, if not empty, is checked instead of the host in the peer's URI.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, verify is unknown, or server_name is not
/// UTF-8; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_set_verify(
    tls: *mut libmsrp_tls,
    verify: MaybeUninit<libmsrp_verify>,
    server_name: *const u8,
    server_name_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        let verify = match libmsrp_verify::from_c(verify, "verify")? {
            libmsrp_verify::Ca => TlsVerify::Ca,
            libmsrp_verify::Fingerprint => TlsVerify::Fingerprint,
            libmsrp_verify::None => TlsVerify::None,
        };
        // SAFETY: the header's contract.
        let name = unsafe { entry::text(server_name, server_name_len, "server_name") }?;
        let config = &mut tls.0.lock().config;
        config.verify = verify;
        config.server_name = (!name.is_empty()).then(|| name.to_owned());
    })
}

/// Says whether we ask for certificates where we accept connections. They are judged by the CAs of libmsrp_tls_add_ca(),
/// which then must be there, unless nothing is verified.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, or client_auth is unknown; LIBMSRP_ERR_INTERNAL. Legal
/// in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_set_client_auth(
    tls: *mut libmsrp_tls,
    client_auth: MaybeUninit<libmsrp_client_auth>,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        let client_auth = match libmsrp_client_auth::from_c(client_auth, "client_auth")? {
            libmsrp_client_auth::None => ClientAuth::None,
            libmsrp_client_auth::Request => ClientAuth::Request,
            libmsrp_client_auth::Require => ClientAuth::Require,
        };
        tls.0.lock().config.client_auth = client_auth;
    })
}

/// Says which versions of TLS are taken. Both are unless it is called.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, min or max is unknown, or min is above max;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_set_versions(
    tls: *mut libmsrp_tls,
    min: MaybeUninit<libmsrp_tls_version>,
    max: MaybeUninit<libmsrp_tls_version>,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        let min = libmsrp_tls_version::from_c(min, "min")?.to_core();
        let max = libmsrp_tls_version::from_c(max, "max")?.to_core();
        if min > max {
            return Err(Error::invalid_argument("min is above max"));
        }
        let config = &mut tls.0.lock().config;
        (config.min_version, config.max_version) = (min, max);
    })
}

/// Adds a fingerprint that the host knows, "sha-256 AB:CD:..." as libmsrp_tls_fingerprint() gives it. If there are any,
/// the peer's certificate must have one of them, besides what libmsrp_tls_set_verify() asks for.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, or the text is no fingerprint, or one of a function
/// that is weak or not known; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_add_fingerprint(
    tls: *mut libmsrp_tls,
    fingerprint: *const u8,
    len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        // SAFETY: the header's contract.
        let text = unsafe { entry::text(fingerprint, len, "fingerprint") }?;
        tls.0.lock().config.fingerprints.push(text.parse()?);
    })
}

/// Says whether certificates must name the peer's place, the host of its URI or the address of its c= line, also where
/// that is not asked for anyhow: with fingerprints, and those of peers that connect. 0, as without this call: no.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_set_peer_names(
    tls: *mut libmsrp_tls,
    required: i32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        tls.0.lock().config.peer_names = required != 0;
    })
}

/// Names a file to which the keys of all connections are appended, as SSLKEYLOGFILE has them, for tools that decrypt
/// what was recorded: whoever has it can read it all. It is made with mode 0600; one that exists must be a regular file
/// that nobody else may read. An empty name, as without this call: none. The log warns that it is on.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, or path is NULL and its length is not 0;
/// LIBMSRP_ERR_INTERNAL. The file is judged when the configuration is used. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_set_keylog(
    tls: *mut libmsrp_tls,
    path: *const u8,
    path_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        let keylog = if path_len == 0 {
            None
        } else {
            // SAFETY: the header's contract.
            Some(unsafe { entry::path(path, path_len, "path") }?)
        };
        tls.0.lock().config.keylog = keylog;
    })
}

/// Makes a certificate that signs itself, ECDSA on P-256, and sets it as our identity: for peers that know it by its
/// fingerprint (LIBMSRP_VERIFY_FINGERPRINT). It is valid for so many days from now; 0: 365.
///
/// names: host names, addresses, and URIs of users such as im: and sip: (RFC 4975 §14.4), separated by spaces, for the
/// certificate's SubjectAltName; without one it is anonymous. Keep it, by libmsrp_tls_identity(), where the peer shall
/// see the same fingerprint again, and make one for each session where two sessions shall not be known to be of one
/// user.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: tls is NULL, days is above 36500, names is not UTF-8, or one of
/// them is no such name, as MSRP URIs are none (RFC 8591 §8.4); LIBMSRP_ERR_TLS: the system gives no random octets;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread; takes less than a millisecond.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_self_signed(
    tls: *mut libmsrp_tls,
    names: *const u8,
    names_len: usize,
    days: u32,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        // SAFETY: the header's contract.
        let names = unsafe { entry::text(names, names_len, "names") }?;
        let mut options = SelfSigned::default();
        if days != 0 {
            options.days = days;
        }
        let identity = Identity::self_signed(names.split_ascii_whitespace(), &options)?;
        let text = |pem: &str| PemSource::Text(pem.into());
        tls.set_identity(text(identity.cert_pem()), text(identity.key_pem()));
    })
}

/// The certificate chain and the key of a TLS configuration, as PEM, to be kept for its next run. Who has the key can
/// speak for this identity: keep it where only its user can read it.
///
/// Returns LIBMSRP_OK: both texts are the host's, until libmsrp_text_free(); LIBMSRP_ERR_INVALID_ARGUMENT: tls, cert or
/// key is NULL, there is no identity, or a file cannot be read; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_identity(
    tls: *const libmsrp_tls,
    cert: *mut *mut libmsrp_text,
    key: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        // SAFETY: the header's contract.
        let cert = unsafe { entry::out(cert, "cert") }?;
        // SAFETY: the header's contract.
        let key = unsafe { entry::out(key, "key") }?;
        let config = tls.0.lock().config.clone();
        let (Some(chain), Some(secret)) = (config.cert, config.key) else {
            return Err(no_identity());
        };
        let octets = |source, name: &str| match source {
            PemSource::Text(pem) => Ok(pem),
            PemSource::File(path) => read(&path, name),
        };
        let (chain, secret) = (octets(chain, "certificate")?, octets(secret, "key")?);
        let text = |pem: Vec<u8>| {
            let text = String::from_utf8_lossy(&pem).into_owned();
            libmsrp_text::into_raw(text)
        };
        cert.set(text(chain));
        key.set(text(secret));
    })
}

/// The fingerprint of our certificate as a=fingerprint has it (RFC 8122 §5), "sha-256 AB:CD:...". Sessions write theirs
/// by themselves; this is for a host that tells it in another way. hash: the name of the function, such as sha-256.
///
/// Returns LIBMSRP_OK: the text is the host's, until libmsrp_text_free(); LIBMSRP_ERR_INVALID_ARGUMENT: tls or out is
/// NULL, hash is weak or not known, there is no identity, or no certificate in its PEM; LIBMSRP_ERR_INTERNAL. Legal in
/// callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_fingerprint(
    tls: *const libmsrp_tls,
    hash: *const u8,
    hash_len: usize,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let tls = unsafe { entry::reference(tls, "tls") }?;
        // SAFETY: the header's contract.
        let hash = unsafe { entry::text(hash, hash_len, "hash") }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let config = tls.0.lock().config.clone();
        let print = config.fingerprint(&HashFunction::from_name(hash))?;
        let print = print.ok_or_else(no_identity)?;
        out.set(libmsrp_text::into_raw(print.to_string()));
    })
}

/// Reads the files of all TLS configurations of an engine again, and the system's CAs, for those who are told that they
/// changed; the engine looks by itself when sessions and connections are made. New handshakes use what is there now;
/// connections that are there live on.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or a file cannot be used, whose old content stays in
/// use, while all others are read; LIBMSRP_ERR_GONE: after libmsrp_engine_shutdown(); LIBMSRP_ERR_FORKED;
/// LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread; reads files on the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_engine_reload_tls(engine: *mut libmsrp_engine) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.reload_tls()?;
    })
}

/// Ends a TLS configuration; what was made with it keeps its copy. NULL is allowed and does nothing.
///
/// Cannot fail; legal in callbacks and from any thread. Call it once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_tls_free(tls: *mut libmsrp_tls) {
    if !tls.is_null() {
        // SAFETY: made by libmsrp_tls_new and not freed before, by this function's contract.
        drop(unsafe { Box::from_raw(tls) });
    }
}

fn no_identity() -> Error {
    Error::invalid_argument("tls has no certificate and key")
}

/// PEM from where it is; a file can be read.
///
/// # Safety
/// As [`entry::octets`].
unsafe fn pem(
    source: MaybeUninit<libmsrp_pem>,
    ptr: *const u8,
    len: usize,
    name: &str,
) -> Result<PemSource> {
    match libmsrp_pem::from_c(source, "source")? {
        libmsrp_pem::Text => {
            // SAFETY: the caller's promise.
            let text = unsafe { entry::octets(ptr, len, name) }?;
            if text.is_empty() {
                return Err(Error::invalid_argument(format!("{name} is empty")));
            }
            Ok(PemSource::Text(text.to_vec()))
        }
        libmsrp_pem::File => {
            // SAFETY: the caller's promise.
            let path = unsafe { entry::path(ptr, len, name) }?;
            read(&path, name).map(|_| PemSource::File(path))
        }
    }
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        Error::invalid_argument(format!("cannot read {name} {}: {error}", path.display()))
    })
}
