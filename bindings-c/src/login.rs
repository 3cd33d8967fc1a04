//! Relays of a session (RFC 4976): who we are to them, the login, and the URIs that they give.

use std::time::Duration;

use msrp_core::engine::{Engine, Password, RelayLogin, SessionHandle};
use msrp_core::error::{Error, Result};
use msrp_core::proto::auth::Ha1;
use msrp_core::wire::UriPath;

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::{libmsrp_result, number};
use crate::options::time;
use crate::session::libmsrp_session;
use crate::signalling::give_text;
use crate::sized::{self, sized};
use crate::text::{libmsrp_slice, libmsrp_text};
use crate::tls::libmsrp_tls;

/// A relay of ours, and who we are to it. Zero: the default. docs/relay-client.md tells what follows.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_login {
    /// sizeof(libmsrp_relay_login), set by LIBMSRP_RELAY_LOGIN_INIT.
    pub struct_size: usize,
    /// Where it is: `msrps://relay.example.com;tcp`, or with a port. A name without a port is looked up by its service
    /// records (_msrps._tcp), then at port 2855. Must be there.
    pub uri: libmsrp_slice,
    /// The user name. Must be there.
    pub username: libmsrp_slice,
    /// The password. The library's copy of it, and of ha1, is written over when no session needs it; the host's own
    /// may be written over when libmsrp_session_new() has returned.
    pub password: libmsrp_slice,
    /// Instead of a password: H(user:realm:password) in hex digits, 32 of MD5 or 64 of SHA-256. It needs realm.
    pub ha1: libmsrp_slice,
    /// The only realm whose challenges are answered. Default: any.
    pub realm: libmsrp_slice,
    /// TLS towards it, copied; it counts for the first relay alone. Default: that of the session or engine, but for our
    /// certificate, which no relay is shown, and for fingerprints, which prove no relay.
    pub tls: *const libmsrp_tls,
    /// For how long the relay's URI is wanted, in whole seconds. Default: as the relay likes.
    pub expires_ms: i64,
    /// Not 0: the login may go over TCP without TLS, which RFC 4976 forbids: for tests, on loopback addresses alone, and
    /// warned of in the log. Then uri is `msrp:`. For the first relay alone.
    pub insecure_plain_auth: i32,
    /// Not 0: the relay need not prove that it knows the password, too, if it is behind another one, or if TLS has not
    /// proven who it is.
    pub accept_unproved: i32,
}

/// What became of libmsrp_session_authenticate(), or URIs that came unasked. Borrowed until the callback returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_relay_info {
    /// sizeof(libmsrp_relay_info) of the library.
    pub struct_size: usize,
    /// LIBMSRP_OK: the relays gave a path. Else libmsrp_session_authenticate() came to nothing, and may be called again:
    /// LIBMSRP_ERR_AUTH, a relay refuses the user or did not prove itself; LIBMSRP_ERR_CONNECT; LIBMSRP_ERR_TLS;
    /// LIBMSRP_ERR_STATUS, any other answer of a relay; LIBMSRP_ERR_TIMEOUT; LIBMSRP_ERR_PROTOCOL, an answer that cannot
    /// be used.
    pub result: libmsrp_result,
    /// Not 0: a new offer is due, which tells the peer the new path. Look at libmsrp_session_offer_due() after each answer,
    /// too: while a first offer is open none is due, and then one is.
    pub offer_due: i32,
    /// The text of the error. Empty with LIBMSRP_OK.
    pub text: libmsrp_slice,
    /// The URIs in the order in which our requests pass the relays, with a space between them.
    pub path: libmsrp_slice,
    /// For how long they are good; -1 if no relay said.
    pub lifetime_ms: i64,
    /// The number that libmsrp_session_authenticate() gave; 0 for URIs that came unasked.
    pub login: u64,
}

sized!(libmsrp_relay_login, libmsrp_relay_info);

impl libmsrp_relay_login {
    /// Copies the relays of the host.
    ///
    /// # Safety
    /// NULL, or valid for reads of `count` of them, each as large as the first says; texts and TLS configurations are as
    /// the header says.
    pub(crate) unsafe fn read(relays: *const Self, count: usize) -> Result<Vec<RelayLogin>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        if relays.is_null() {
            return Err(Error::invalid_argument(format!(
                "options.relays is NULL but its count is {count}"
            )));
        }
        if count > MOST {
            return Err(Error::invalid_argument(format!(
                "options.relay_count {count} exceeds {MOST}"
            )));
        }
        // SAFETY: not NULL, and the struct begins with its size.
        let size = unsafe { relays.cast::<usize>().read() };
        if !size.is_multiple_of(align_of::<Self>()) {
            return Err(Error::invalid_argument(format!(
                "struct_size {size} of options.relays is no size of it; begin with its _INIT macro"
            )));
        }
        let mut logins = Vec::with_capacity(count);
        for index in 0..count {
            let name = format!("options.relays[{index}]");
            // SAFETY: the host says that there are so many, all of its version's size.
            let relay = unsafe { relays.cast::<u8>().add(index * size) }.cast::<Self>();
            // SAFETY: the caller's promise.
            let relay = unsafe { sized::read(relay, &name) }?;
            // SAFETY: the caller's promise.
            logins.push(unsafe { relay.to_core(&name) }?);
        }
        Ok(logins)
    }

    /// # Safety
    /// The texts and the TLS configuration are as the header says.
    unsafe fn to_core(self, name: &str) -> Result<RelayLogin> {
        // Secrets are copied into what writes itself over, and into nothing else.
        // SAFETY: the caller's promise.
        let text =
            |slice: libmsrp_slice, field: &str| unsafe { slice.text(&format!("{name}.{field}")) };
        let missing = |field| Error::invalid_argument(format!("{name}.{field} is missing"));
        let uri = text(self.uri, "uri")?.ok_or_else(|| missing("uri"))?;
        let username = text(self.username, "username")?.ok_or_else(|| missing("username"))?;
        let password = match (text(self.password, "password")?, text(self.ha1, "ha1")?) {
            (Some(password), None) => Password::new(password),
            (None, Some(digits)) => Password::from_ha1(Ha1::from_hex(digits)?),
            _ => {
                return Err(Error::invalid_argument(format!(
                    "{name}: either password or ha1 is needed"
                )));
            }
        };
        Ok(RelayLogin {
            realm: text(self.realm, "realm")?.map(str::to_owned),
            expires: time("relays.expires_ms", self.expires_ms)?,
            // SAFETY: the caller's promise.
            tls: unsafe { libmsrp_tls::optional(self.tls) }?,
            insecure_plain_auth: self.insecure_plain_auth != 0,
            accept_unproved: self.accept_unproved != 0,
            ..RelayLogin::new(uri, username, password)
        })
    }
}

/// A [`libmsrp_relay_info`] and what it points to.
pub(crate) struct RelayView {
    result: libmsrp_result,
    offer_due: bool,
    text: String,
    path: String,
    lifetime: Option<Duration>,
    login: u64,
}

impl RelayView {
    pub(crate) fn granted(
        login: Option<u64>,
        path: &UriPath,
        lifetime: Option<Duration>,
        offer_due: bool,
    ) -> Self {
        Self {
            result: libmsrp_result::LibmsrpOk,
            offer_due,
            text: String::new(),
            path: path.to_string(),
            lifetime,
            login: login.unwrap_or_default(),
        }
    }

    pub(crate) fn failed(login: u64, error: &Error) -> Self {
        Self {
            result: number(error.kind),
            offer_due: false,
            text: error.context.clone(),
            path: String::new(),
            lifetime: None,
            login,
        }
    }

    pub(crate) fn info(&self) -> libmsrp_relay_info {
        let lifetime = self.lifetime;
        libmsrp_relay_info {
            struct_size: size_of::<libmsrp_relay_info>(),
            result: self.result,
            offer_due: i32::from(self.offer_due),
            text: libmsrp_slice::new(&self.text),
            path: libmsrp_slice::new(&self.path),
            lifetime_ms: lifetime.map_or(-1, |lifetime| {
                i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX)
            }),
            login: self.login,
        }
    }
}

/// Logs in to the relays of the session (libmsrp_session_options.relays), each through those before it, at most timeout_ms
/// milliseconds (negative: without a limit). To be done before there is anything to offer or answer: the session's path
/// begins with the URIs that the relays give, and until then what gives or takes an SDP is LIBMSRP_ERR_INVALID_ARGUMENT.
/// Returns at once, with the number of the login in *login, which may be NULL; on_relay with that number follows, or
/// on_closed. libmsrp_session_cancel_login() gives it up.
///
/// Before the URIs expire the library gets new ones by itself. Then on_relay comes again, and a new offer is due. When the
/// connection to the relay is lost, the session is over (RFC 4976 §6.3).
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or the session has no relays; LIBMSRP_ERR_BUSY: it is
/// under way; LIBMSRP_ERR_GONE: the session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and
/// from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_authenticate(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    timeout_ms: i64,
    login: *mut u64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(login, "login") };
        let timeout = entry::timeout(timeout_ms);
        let number = engine.core.authenticate(SessionHandle(session), timeout)?;
        if let Ok(out) = out {
            out.set(number);
        }
    })
}

/// Gives up a login that libmsrp_session_authenticate() began: on_relay does not tell of it, another one may begin, and the
/// URIs that the session has stay. Nothing happens if it is not under way any more; the on_relay that tells its outcome may
/// still be on its way then.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, or the session has no relays; LIBMSRP_ERR_GONE: the
/// session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_cancel_login(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    login: u64,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        engine.core.cancel_login(SessionHandle(session), login)?;
    })
}

/// The URIs that the relays of the session gave, in the order in which our requests pass them, with a space between them;
/// empty before libmsrp_session_authenticate(). *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_relay_path(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    let make = |core: &Engine| {
        let path = core.relay_path(SessionHandle(session))?;
        Ok(path.map_or_else(String::new, |path| path.to_string()))
    };
    // SAFETY: the header's contract.
    unsafe { give_text(engine, out, make) }
}

/// Relays of one session.
const MOST: usize = 8;
