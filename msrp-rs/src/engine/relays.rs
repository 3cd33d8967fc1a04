//! A session behind relays of its own (RFC 4976 §5.1): the URIs that they give it, and for how long.
//!
//! How one logs in is the business of `net::login`, what the digest is of `proto::auth`, what follows for SDP stands in
//! `negotiation`.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::handle::SessionHandle;
use super::lifecycle::Core;
use super::options::{ClientAuth, ConnectionSharing, SessionOptions, TlsConfig, TlsVerify};
use super::profile::Profile;
use super::session::{Session, end, end_unserved};
use super::signalling::check_alive;
use super::trust::trust;
use super::{Engine, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::time;
use crate::net::context::Context;
use crate::net::dial::{Sharing, Uplink};
use crate::net::log::LogLevel;
use crate::net::login::{Granted, Relay, Relays};
use crate::net::mailbox::Item;
use crate::net::tls::Tls;
use crate::proto::auth::{ClientAuthOptions, Login, Password};
use crate::proto::{CloseReason, IdSource};
use crate::wire::{Uri, UriPath};

/// A relay of ours, and who we are to it.
#[derive(Debug, Clone)]
pub struct RelayLogin {
    /// Where it is: `msrps://relay.example.com;tcp`, or with a port. A name without a port is looked up by SRV
    /// (`_msrps._tcp`), then at port 2855 (RFC 4976 §8). An account name before the host is sent to the relay, and is not
    /// the user name of the login.
    pub uri: String,
    /// The user name.
    pub username: String,
    /// Its password, or what is stored in its stead.
    pub password: Password,
    /// The realm for which the password is. A relay that asks for another gets nothing. `None`: whichever it says.
    pub realm: Option<String>,
    /// For how long we want its URI, in whole seconds; the relay decides. `None`: as it likes. Not said to a relay that
    /// breaks on it, by the session's profile.
    pub expires: Option<Duration>,
    /// TLS towards it, which counts for the first relay alone. Without it, that of the session or engine, but for the
    /// certificate of ours, which no relay is shown (RFC 4976 §9.2), and for fingerprints, which prove no relay (RFC 6135
    /// §4.3): a relay is known by a CA and the host name of `uri`.
    pub tls: Option<TlsConfig>,
    /// Whether the login may go over TCP without TLS, which RFC 4976 forbids: for tests, on loopback addresses alone, and
    /// warned of in the log. Then `uri` is `msrp:`. For the first relay alone.
    pub insecure_plain_auth: bool,
    /// Whether the relay may leave the proof out that it knows the password, too (`rspauth`), if it is behind another
    /// one, or if TLS has not proven who it is: with [`TlsVerify::None`], or without TLS. A first relay that TLS has proven
    /// always may. A wrong proof is never accepted.
    pub accept_unproved: bool,
}

impl RelayLogin {
    /// A login with everything else at its default.
    pub fn new(
        uri: impl Into<String>,
        username: impl Into<String>,
        password: impl Into<Password>,
    ) -> Self {
        Self {
            uri: uri.into(),
            username: username.into(),
            password: password.into(),
            realm: None,
            expires: None,
            tls: None,
            insecure_plain_auth: false,
            accept_unproved: false,
        }
    }
}

impl Engine {
    /// Connects to the first relay of the session, or uses the connection to it that is there, and logs in to each relay
    /// in turn, through those before it (RFC 4976 §5.1). To be done before there is anything to offer or answer: the
    /// session's path begins with the URIs that the relays give. Gives the number of the login:
    /// [`Event::RelayPath`](super::Event::RelayPath) or [`Event::RelayFailed`](super::Event::RelayFailed) with it follows;
    /// after the latter it may be tried again. [`cancel_login`](Self::cancel_login) gives it up.
    ///
    /// Before the URIs expire the engine gets new ones by itself. Then `RelayPath` comes again, a new offer is due
    /// ([`offer_due`](Self::offer_due), to be looked at after each answer, too: an offer that was open when the new URIs
    /// came has the old ones), and the old URIs serve until its answer is there. When the connection to the
    /// relay is lost, the URIs are void and the session is over (RFC 4976 §6.3).
    ///
    /// # Errors
    /// `InvalidArgument` for a session without relays, `Busy` while it is under way, `Gone`, `Forked`.
    pub fn authenticate(&self, session: SessionHandle, timeout: Option<Duration>) -> Result<u64> {
        let core = self.core()?;
        core.check_running()?;
        let session = core.shared.session(session)?;
        check_alive(&session)?;
        let behind = session.behind.as_ref().ok_or_else(without_relays)?;
        let context = Arc::clone(&core.shared.context);
        let login = context.number();
        let (stopped, cancelled) = behind.begin(login)?;
        let timeout = validate::timeout(timeout);
        let session = Arc::clone(&session);
        core.handle.spawn(async move {
            tokio::select! {
                biased;
                _ = stopped => {}
                () = live(&context, &session, (login, cancelled), timeout) => {}
            }
        });
        Ok(login)
    }

    /// Gives up a login that [`authenticate`](Self::authenticate) began: no event tells of it, another one may begin, and
    /// the URIs that the session has stay. Nothing happens if it is not under way any more; the event that told its
    /// outcome may still be on its way then.
    ///
    /// # Errors
    /// `InvalidArgument` for a session without relays, `Gone`, `Forked`.
    pub fn cancel_login(&self, session: SessionHandle, login: u64) -> Result<()> {
        let session = self.find(session)?;
        let behind = session.behind.as_ref().ok_or_else(without_relays)?;
        // Dropped when nothing is locked: the login stops.
        drop(behind.state.lock().decide(login));
        Ok(())
    }

    /// The URIs that the session's relays gave, in the order in which requests to the peer pass them; `None` before
    /// [`authenticate`](Self::authenticate) has succeeded.
    ///
    /// # Errors
    /// `Gone`, `Forked`.
    pub fn relay_path(&self, session: SessionHandle) -> Result<Option<UriPath>> {
        let session = self.find(session)?;
        let negotiation = session.negotiation.lock();
        Ok(negotiation.relays().cloned())
    }
}

/// What a session knows of its relays.
pub(super) struct Behind {
    relays: Relays,
    /// The host in the session's URI is our address on the connection to the relay: none was given.
    takes_address: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Dropped when the task that logs in and renews is to stop.
    task: Option<oneshot::Sender<()>>,
    login: Option<UnderWay>,
    is_over: bool,
    uplink: Option<Arc<Uplink>>,
    /// What the relays gave last, and before that: the peer may still use it.
    granted: VecDeque<Granted>,
}

/// A login that somebody waits for.
struct UnderWay {
    number: u64,
    /// Dropped when it is given up.
    _cancel: oneshot::Sender<()>,
}

impl State {
    /// The login has its outcome; `None` if it is not under way any more, and so has one.
    fn decide(&mut self, login: u64) -> Option<UnderWay> {
        self.login.take_if(|it| it.number == login)
    }
}

impl Behind {
    /// The relays of a new session, if it has some.
    ///
    /// # Errors
    /// `InvalidArgument`, `InvalidUri` naming the relay; `Tls`.
    pub(super) fn find(core: &Core, options: &SessionOptions) -> Result<Option<Self>> {
        let Some(first) = options.relays.first() else {
            return Ok(None);
        };
        validate::behind_relays(options)?;
        let session_tls = options.tls.as_ref().or(core.tls.as_ref());
        let verify = first.tls.as_ref().or(session_tls).map(|tls| tls.verify);
        // The name of the first alone is for TLS to prove.
        let unverified = first.insecure_plain_auth || verify == Some(TlsVerify::None);
        let mut chain = Vec::with_capacity(options.relays.len());
        for (index, login) in options.relays.iter().enumerate() {
            if index > 0 && login.insecure_plain_auth {
                return Err(Error::invalid_argument(format!(
                    "relays[{index}].insecure_plain_auth is for the relay that is connected to, relays[0]: nothing bounds \
                     where one behind it is (RFC 4976 §9.2)"
                )));
            }
            let relay = relay(core, login, options.profile, unverified).map_err(|mut error| {
                error.context = format!("relays[{index}].{}", error.context);
                error
            })?;
            chain.push(relay);
        }
        let is_secure = chain[0].uri.is_secure();
        let plain = chain.iter().position(|relay| !relay.uri.is_secure());
        if let Some(index) = plain.filter(|_| options.secure) {
            return Err(Error::invalid_argument(format!(
                "secure: relays[{index}] is msrp, without TLS"
            )));
        }
        let tls = match (&first.tls, is_secure) {
            (_, false) => None,
            (Some(own), true) if own.verify == TlsVerify::Fingerprint => {
                return Err(Error::invalid_argument(
                    "relays[0].tls.verify is fingerprint: a relay is known by its name (RFC 6135 §4.3)",
                ));
            }
            (Some(own), true) => Some(trust(core, Some(own))?.last()),
            (None, true) => {
                let config = session_tls.map(for_relay).unwrap_or_default();
                Some(trust(core, Some(&config))?.last())
            }
        };
        let host = options.host.parse::<IpAddr>();
        Ok(Some(Self {
            relays: Relays {
                chain,
                tls,
                sharing: match options.connection_sharing {
                    ConnectionSharing::Peer => Sharing::Shared,
                    ConnectionSharing::Session => Sharing::Alone,
                },
                contested: Arc::default(),
            },
            takes_address: options.advertise.is_none()
                && host.is_ok_and(|host| host.is_loopback() || host.is_unspecified()),
            state: Mutex::default(),
        }))
    }

    /// The TLS of the connection to the first relay.
    pub(super) fn tls(&self) -> Option<&Arc<Tls>> {
        self.relays.tls.as_ref()
    }

    /// The connection to the first relay, once logged in.
    pub(super) fn uplink(&self) -> Option<Arc<Uplink>> {
        self.state.lock().uplink.clone()
    }

    /// The session is over.
    pub(super) fn end(&self) {
        let state = {
            let mut state = self.state.lock();
            std::mem::replace(
                &mut *state,
                State {
                    is_over: true,
                    ..State::default()
                },
            )
        };
        drop(state);
    }

    /// A login begins; the renewal of what an earlier one got stops. Gives what ends its task, and what tells that it is
    /// given up.
    fn begin(&self, number: u64) -> Result<(oneshot::Receiver<()>, oneshot::Receiver<()>)> {
        let mut state = self.state.lock();
        if state.is_over {
            return Err(Error::local(ErrorKind::Gone, "session is closed"));
        }
        if state.login.is_some() {
            return Err(Error::local(
                ErrorKind::Busy,
                "session is logging in to its relays",
            ));
        }
        let (task, stopped) = oneshot::channel();
        let (cancel, cancelled) = oneshot::channel();
        state.login = Some(UnderWay {
            number,
            _cancel: cancel,
        });
        state.task = Some(task);
        Ok((stopped, cancelled))
    }

    /// The session's own URI, on this connection.
    fn own(&self, session: &Session, uplink: &Uplink) -> Result<Uri> {
        let uri = session.negotiation.lock().uri().clone();
        own_at(&uri, uplink.local.filter(|_| self.takes_address))
    }

    /// Logs in, or gets further URIs.
    async fn log_in(
        &self,
        context: &Arc<Context>,
        session: &Session,
    ) -> Result<(Granted, Option<Uplink>)> {
        let entry = &session.entry;
        if let Some(uplink) = self.uplink() {
            let own = self.own(session, &uplink)?;
            let granted = self.relays.renew(context, entry, &uplink, &own).await?;
            return Ok((granted, None));
        }
        let source = session.source.lock().clone();
        let own = |uplink: &Uplink| self.own(session, uplink);
        let (granted, uplink) = self.relays.log_in(context, entry, &source, own).await?;
        Ok((granted, Some(uplink)))
    }

    /// Takes what the relays gave, and tells the host. `login` is the one that got it, if that was asked for; given up
    /// meanwhile, it has got nothing.
    fn settle(
        &self,
        session: &Session,
        login: Option<u64>,
        granted: Granted,
        uplink: Option<Uplink>,
    ) -> Result<()> {
        let path = granted.path.clone();
        let now = Instant::now();
        let lifetime = granted
            .until
            .map(|until| until.saturating_duration_since(now));
        let uplink = match uplink {
            Some(uplink) => Some((self.own(session, &uplink)?, Arc::new(uplink))),
            None => None,
        };
        let mut late = None;
        {
            let mut state = self.state.lock();
            if state.is_over {
                return Err(Error::local(ErrorKind::Gone, "session is closed"));
            }
            if let Some(login) = login
                && state.decide(login).is_none()
            {
                return Ok(());
            }
            if let Some((_, uplink)) = &uplink {
                state.uplink = Some(Arc::clone(uplink));
            }
            state.granted.push_back(granted);
            if state.granted.len() > KEPT {
                late = state.granted.pop_front();
            }
        }
        drop(late);
        let mut negotiation = session.negotiation.lock();
        let own = match uplink {
            Some((own, uplink)) => {
                session.entry.set_relay(uplink.hold.inbox());
                session.entry.set_uri(own.clone());
                own
            }
            None => negotiation.uri().clone(),
        };
        let is_first = negotiation.relays().is_none();
        let is_same = negotiation.relays() == Some(&path);
        negotiation.set_relays(path.clone(), own);
        let offer_due = negotiation.is_offer_due();
        drop(negotiation);
        // A relay that gives the same URI again has prolonged it: nobody has to know.
        if is_first || login.is_some() || !is_same {
            let said = Item::RelayPath {
                login,
                path,
                lifetime,
                offer_due,
            };
            session.mailbox().relays_said(said);
        }
        Ok(())
    }

    /// When the next URIs are to be got, and when those of now expire.
    fn renewal(&self) -> Option<(Instant, Instant)> {
        let until = self.state.lock().granted.back()?.until?;
        let lifetime = until.saturating_duration_since(Instant::now());
        Some((until - margin(lifetime), until))
    }
}

/// Logs in, and sees that the session has URIs of its relays as long as it lives. A login that is `cancelled` leaves it as
/// it was.
async fn live(
    context: &Arc<Context>,
    session: &Arc<Session>,
    (login, cancelled): (u64, oneshot::Receiver<()>),
    timeout: Duration,
) {
    let Some(behind) = &session.behind else {
        return;
    };
    let attempt = tokio::time::timeout(timeout, behind.log_in(context, session));
    let outcome = tokio::select! {
        biased;
        _ = cancelled => None,
        outcome = attempt => Some(outcome),
    };
    let late = |_| {
        let text = format!("relays did not give a path within {timeout:?}");
        Err(Error::remote(ErrorKind::Timeout, text))
    };
    if let Some(outcome) = outcome {
        let settled = outcome
            .unwrap_or_else(late)
            .and_then(|(granted, uplink)| behind.settle(session, Some(login), granted, uplink));
        if let Err(error) = settled {
            let decided = behind.state.lock().decide(login);
            if decided.is_some() {
                let said = Item::RelayFailed { login, error };
                session.mailbox().relays_said(said);
            }
        }
    }
    let Some(uplink) = behind.uplink() else {
        return;
    };
    let text = tokio::select! {
        text = uplink.ended() => text,
        error = renew(context, session, behind) => {
            let text = format!("relays gave no further URIs: {}", error.context);
            fail(context, session, text, Some(error));
            return;
        }
    };
    // A session that is on the connection hears of its end from there.
    if session.entry.withdraw() {
        let text = format!("connection to the relay was lost: {text}");
        let reason = CloseReason::ConnectionLost(text);
        end_unserved(context, &session.entry, reason, None);
    }
}

/// Gets new URIs each time before those that there are expire, and when a relay gave one of them to another session, too: a
/// relay that has one URI for a user leads it to who asked last. Ends when it cannot.
async fn renew(context: &Arc<Context>, session: &Arc<Session>, behind: &Behind) -> Error {
    loop {
        let renewal = behind.renewal();
        let due = async {
            match renewal {
                Some((at, _)) => tokio::time::sleep_until(at.into()).await,
                // They are good as long as the connection.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = behind.relays.contested.notified() => {}
        }
        let until = renewal.map_or_else(|| Instant::now() + UNTOLD, |(_, until)| until);
        let mut pause = FIRST_PAUSE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let late = || Error::remote(ErrorKind::Timeout, "they did not answer");
            let renewed = tokio::time::timeout(left, behind.log_in(context, session)).await;
            let renewed = renewed.unwrap_or_else(|_| Err(late()));
            let settled =
                renewed.and_then(|(granted, _)| behind.settle(session, None, granted, None));
            let Err(error) = settled else { break };
            context.log.write(
                LogLevel::Warn,
                format_args!("relay gives no further URI: {}", error.context),
            );
            if Instant::now() + pause >= until {
                if renewal.is_none() {
                    break;
                }
                tokio::time::sleep_until(until.into()).await;
                return error;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

/// Ends the session, wherever it is.
fn fail(context: &Arc<Context>, session: &Session, text: String, error: Option<Error>) {
    let error = error.map(|error| Error {
        context: text.clone(),
        ..error
    });
    end(
        context,
        &session.entry,
        Some((CloseReason::ConnectionLost(text), error)),
    );
}

/// How long before its end a URI is replaced: a login and an exchange of SDP take their time.
fn margin(lifetime: Duration) -> Duration {
    let least = (lifetime / 2).min(Duration::from_secs(60));
    (lifetime / 4).clamp(least, Duration::from_secs(300).max(least))
}

fn without_relays() -> Error {
    Error::invalid_argument("session has no relays: give them with SessionOptions.relays")
}

/// `uri` at this address.
fn own_at(uri: &Uri, address: Option<IpAddr>) -> Result<Uri> {
    let Some(address) = address else {
        return Ok(uri.clone());
    };
    let (port, session_id) = (uri.port(), uri.session_id());
    Uri::session(
        uri.scheme(),
        &address.into(),
        port.unwrap_or_default(),
        session_id.unwrap_or_default(),
    )
}

/// One relay, as the host gave it. Errors begin with the name of the field.
fn relay(core: &Core, login: &RelayLogin, profile: Profile, unverified: bool) -> Result<Relay> {
    let in_field = |field: &str, mut error: Error| {
        error.context = format!("{field}: {}", error.context);
        error
    };
    let uri: Uri = login.uri.parse().map_err(|error| in_field("uri", error))?;
    uri.check_generated()
        .map_err(|error| in_field("uri", error))?;
    let wrong = |text: &str| Err(Error::local(ErrorKind::InvalidUri, format!("uri: {text}")));
    if uri.session_id().is_some() {
        return wrong("it has a session-id: that is a URI of a session, not of a relay");
    }
    if !uri.transport().eq_ignore_ascii_case("tcp") {
        return wrong("only the transport tcp can be dialled");
    }
    match (uri.is_secure(), login.insecure_plain_auth) {
        (false, false) => {
            return wrong("a relay is logged in to over TLS: msrps (RFC 4976 §9.2)");
        }
        (true, true) => {
            return Err(Error::invalid_argument(
                "insecure_plain_auth is set, and uri is msrps",
            ));
        }
        _ => {}
    }
    if let Some(expires) = login.expires {
        time("expires", expires)?;
        if expires.subsec_nanos() != 0 {
            return Err(Error::invalid_argument(format!(
                "expires is {expires:?}, whole seconds are allowed (RFC 4976 §7)"
            )));
        }
    }
    let user = Login::new(
        login.username.clone(),
        login.password.clone(),
        login.realm.clone(),
    )
    .map_err(|error| in_field("username", error))?;
    let context = &core.shared.context;
    let ids = IdSource::new(context.ids(IdSource::seed));
    let options = ClientAuthOptions {
        accept_unproved: login.accept_unproved,
        unverified,
        accept_addresses: profile.gives_addresses(),
    };
    let accounts = &context.accounts;
    let account = accounts.get(&uri, user, options, context.number(), ids);
    Ok(Relay {
        uri,
        account,
        expires: login.expires.filter(|_| !profile.minds_expires()),
    })
}

/// What is left of the TLS of a session where a relay is at the other end: whom we trust, and by name alone.
fn for_relay(config: &TlsConfig) -> TlsConfig {
    TlsConfig {
        verify: match config.verify {
            TlsVerify::Fingerprint => TlsVerify::Ca,
            other => other,
        },
        cert: None,
        key: None,
        server_name: None,
        client_auth: ClientAuth::None,
        fingerprints: Vec::new(),
        peer_names: false,
        ..config.clone()
    }
}

/// Paths of relays that are held: the one of now, and the one before.
const KEPT: usize = 2;

/// How long it is tried to keep URIs of which no relay has said how long they are good.
const UNTOLD: Duration = Duration::from_secs(60);

/// After a renewal that came to nothing; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
