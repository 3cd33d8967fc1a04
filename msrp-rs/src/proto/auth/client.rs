//! What a client sends to one relay in order to get a URI of it, and what it makes of the answers (RFC 4976 §5.1).

use std::time::Duration;

use subtle::ConstantTimeEq;

use super::{AuthFailure, Challenge, Credentials, DigestInput, Ha1, Login};
use crate::proto::IdSource;
use crate::wire::{Head, HeaderName, StatusCode, Uri, UriPath};

/// How long a client waits for the answer to an AUTH (RFC 4975 §7.1.1).
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client accepts of relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientAuthOptions {
    /// Accept a relay that does not prove that it knows the password. One that is connected directly and has shown by its
    /// certificate who it is needs no such proof; a wrong one is never accepted.
    pub accept_unproved: bool,
    /// TLS does not say who the relay is that is connected directly: its certificate is not verified, or there is none.
    pub unverified: bool,
    /// Accept a Use-Path with IP addresses, against RFC 4976 §4.2, from a relay that was itself addressed by name.
    pub accept_addresses: bool,
}

/// One user at one relay: the nonce that the relay gave last, and the AUTH that is under way.
///
/// A relay is an authority, host and port, whatever the rest of its URI (RFC 4976 §9.1); all sessions that use it share
/// this. There is one AUTH at a time: the next one begins when the last one has ended, or the nonces would cross.
///
/// Relays differ in whether they want the URI repeated in the Authorization: most want it or do not care, one never
/// answers an AUTH that has it; and one answers an Expires with what is no answer. So both are there, until the relay is
/// silent to them; then the AUTH begins anew, without them and on another connection, since one that owes an answer may
/// be stuck for good, and what came late could be taken for an answer to something else. A relay that then says 401 to it
/// is given the URI after all. Only one that grants a URI to what it was asked without them is asked so from then on; a
/// connection that was lost says nothing of either.
#[derive(derive_more::Debug)]
pub struct ClientAuth {
    login: Login,
    options: ClientAuthOptions,
    #[debug(skip)]
    ids: IdSource,
    /// What the next Authorization answers.
    #[debug(skip)]
    challenge: Option<Answerable>,
    digest_uri: DigestUri,
    /// It was silent to an Expires, and granted a URI without.
    minds_expires: bool,
    doubt: Doubt,
    #[debug(skip)]
    attempt: Option<Attempt>,
}

/// A challenge, and what is needed to answer it.
struct Answerable {
    challenge: Challenge,
    ha1: Ha1,
    /// The count of the last Authorization that had its nonce.
    nc: u32,
}

/// What is known of the relay and `uri` in Authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DigestUri {
    /// Nothing: it is sent.
    Untried,
    /// The relay answers an AUTH that has it.
    Answered,
    /// The relay was silent to it: it is left out.
    Silence,
}

/// What the relay may have been silent to. It is left out until an AUTH without it has succeeded, which settles it, or
/// failed, which says that it was not that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Doubt {
    uri: bool,
    expires: bool,
}

/// An AUTH until it is granted or has failed, over all requests that it takes.
struct Attempt {
    uri: Uri,
    through: Option<UriPath>,
    expires: Option<Duration>,
    /// It has no Expires, though one is wanted: the relay may mind it.
    leaves_expires_out: bool,
    sent: Option<Sent>,
    /// A challenge of this attempt was answered, so that a further one means a wrong password.
    was_challenged: bool,
    /// How many nonces were too old.
    stale: u32,
    /// It began anew after a 403.
    was_forbidden: bool,
    /// How many answers were 423.
    out_of_bounds: u32,
    /// It began anew after silence.
    was_silent: bool,
}

/// The credentials of the request under way.
struct Sent {
    ha1: Ha1,
    nonce: String,
    nc: u32,
    cnonce: String,
    with_uri: bool,
}

/// Headers of an AUTH beside its paths. `Debug` shows their names only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AuthHeaders(Vec<(&'static str, String)>);

impl AuthHeaders {
    /// Name and value, in the order in which they are to be sent; as [`RequestHead`](crate::wire::RequestHead) takes
    /// them.
    pub fn as_pairs(&self) -> Vec<(&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (*name, value.as_str())).collect()
    }
}

impl std::fmt::Debug for AuthHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// What a relay has granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The way from this client to the relay, in the order of To-Path (RFC 4976 §4.2).
    pub use_path: UriPath,
    /// How long it is good from now on; `None` if the relay did not say.
    pub expires: Option<Duration>,
    /// Whether the relay proved that it knows the secret.
    pub is_proved: bool,
}

/// What is to be done after an answer to an AUTH, or after none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send it again with these headers, over the same connection, under a new transaction id.
    Retry(AuthHeaders),
    /// Send it again with these headers over another connection, and close this one.
    Reconnect(AuthHeaders),
    /// The relay gave a URI.
    Granted(Grant),
    /// It did not, and will not.
    Failed(AuthFailure),
}

impl ClientAuth {
    /// Nothing is known of the relay yet. `ids` makes this side's words for digests.
    pub fn new(login: Login, options: ClientAuthOptions, ids: IdSource) -> Self {
        Self {
            login,
            options,
            ids,
            challenge: None,
            digest_uri: DigestUri::Untried,
            minds_expires: false,
            doubt: Doubt::default(),
            attempt: None,
        }
    }

    /// The headers of a first request. `uri` is the rightmost URI of its To-Path, `through` what stands before it: the
    /// Use-Path gained so far, `None` for the relay that is connected directly. `expires`, if given, is the longest time
    /// for which the URI is wanted (RFC 4976 §5.1), in whole seconds.
    ///
    /// With a nonce from an earlier AUTH the request has an Authorization. An attempt that is under way is given up.
    pub fn begin(
        &mut self,
        uri: &Uri,
        through: Option<&UriPath>,
        expires: Option<Duration>,
    ) -> AuthHeaders {
        self.attempt = Some(Attempt {
            uri: uri.clone(),
            through: through.cloned(),
            expires: expires.filter(|_| !self.minds_expires && !self.doubt.expires),
            leaves_expires_out: expires.is_some() && self.doubt.expires,
            sent: None,
            was_challenged: false,
            stale: 0,
            was_forbidden: false,
            out_of_bounds: 0,
            was_silent: false,
        });
        self.headers()
    }

    /// How long to wait for the answer to the request under way: [`AUTH_TIMEOUT`], but less where the relay may be
    /// silent only because the URI is repeated. Then call [`Self::handle_silence`].
    pub fn patience(&self) -> Duration {
        match &self.attempt {
            Some(Attempt {
                sent: Some(Sent { with_uri: true, .. }),
                ..
            }) if self.digest_uri == DigestUri::Untried => SHORT_PATIENCE,
            _ => AUTH_TIMEOUT,
        }
    }

    /// Takes the response to the request under way, and says what follows. Without one under way it has failed.
    pub fn handle_response(&mut self, head: &Head) -> Next {
        let Some(attempt) = &mut self.attempt else {
            return Next::Failed(AuthFailure::Silence);
        };
        let status = head.status().unwrap_or(StatusCode::BAD_REQUEST);
        if attempt.sent.as_ref().is_some_and(|sent| sent.with_uri) {
            self.digest_uri = DigestUri::Answered;
        }
        let next = match status {
            StatusCode::UNAUTHORIZED => self.challenged(head),
            StatusCode::FORBIDDEN => self.forbidden(),
            StatusCode::INTERVAL_OUT_OF_BOUNDS => self.out_of_bounds(head),
            _ if status.is_success() => self.granted(head),
            _ => Err(AuthFailure::Status(status)),
        };
        self.ended(next)
    }

    /// No answer came in time, over a connection that is still there.
    pub fn handle_silence(&mut self) -> Next {
        let next = self.silent();
        self.ended(next)
    }

    /// The connection was lost before the answer came. That says nothing of the relay: once in an attempt, credentials
    /// that have no answer are good for another try, as they are.
    pub fn handle_loss(&mut self) -> Next {
        let is_worth_it = |attempt: &&mut Attempt| attempt.sent.is_some() && !attempt.was_silent;
        let next = match self.attempt.as_mut().filter(is_worth_it) {
            Some(attempt) => {
                attempt.was_silent = true;
                attempt.was_challenged = false;
                self.challenge = None;
                Next::Reconnect(self.headers())
            }
            None => Next::Failed(AuthFailure::Silence),
        };
        if matches!(next, Next::Failed(_)) {
            self.attempt = None;
        }
        next
    }

    /// Forgets the nonce of the relay: the next AUTH begins without Authorization. For relays that bind nonces to
    /// connections, after one was closed; not doing so costs one round trip at most.
    pub fn forget_nonce(&mut self) {
        self.challenge = None;
    }

    fn ended(&mut self, next: Result<Next, AuthFailure>) -> Next {
        let next = next.unwrap_or_else(Next::Failed);
        match &next {
            Next::Granted(_) => self.settle(),
            Next::Failed(_) => self.doubt = Doubt::default(),
            Next::Retry(_) | Next::Reconnect(_) => {}
        }
        if matches!(next, Next::Granted(_) | Next::Failed(_)) {
            self.attempt = None;
        }
        next
    }

    /// What was in doubt and left out of an AUTH that succeeded stays out.
    fn settle(&mut self) {
        let attempt = under_way(&mut self.attempt);
        if self.doubt.uri && attempt.sent.as_ref().is_some_and(|sent| !sent.with_uri) {
            self.digest_uri = DigestUri::Silence;
            self.doubt.uri = false;
        }
        if self.doubt.expires && attempt.leaves_expires_out && attempt.expires.is_none() {
            self.minds_expires = true;
            self.doubt.expires = false;
        }
    }

    fn challenged(&mut self, head: &Head) -> Result<Next, AuthFailure> {
        let attempt = under_way(&mut self.attempt);
        let answerable = answerable(head, &self.login);
        let is_stale = answerable.as_ref().is_some_and(|it| it.challenge.stale);
        if let Some(sent) = &attempt.sent {
            if is_stale {
                attempt.stale += 1;
                if attempt.stale > MAX_STALE {
                    return Err(AuthFailure::Refused);
                }
            } else if !sent.with_uri {
                // It may be just the URI that it wants.
                self.digest_uri = DigestUri::Answered;
                self.doubt.uri = false;
            } else if attempt.was_challenged {
                self.challenge = None;
                return Err(AuthFailure::Refused);
            }
        }
        attempt.was_challenged = true;
        let mut answerable = answerable.ok_or(AuthFailure::NoChallenge)?;
        if let Some(last) = &self.challenge
            && last.challenge.nonce == answerable.challenge.nonce
        {
            answerable.nc = last.nc;
        }
        self.challenge = Some(answerable);
        Ok(Next::Retry(self.headers()))
    }

    fn forbidden(&mut self) -> Result<Next, AuthFailure> {
        let attempt = under_way(&mut self.attempt);
        // One relay says so to a nonce that is too old.
        if attempt.sent.is_none() || attempt.was_forbidden {
            return Err(AuthFailure::Forbidden);
        }
        attempt.was_forbidden = true;
        attempt.was_challenged = false;
        self.challenge = None;
        Ok(Next::Retry(self.headers()))
    }

    fn out_of_bounds(&mut self, head: &Head) -> Result<Next, AuthFailure> {
        let failure = AuthFailure::Status(StatusCode::INTERVAL_OUT_OF_BOUNDS);
        let bounds = (head.min_expires(), head.max_expires());
        let attempt = under_way(&mut self.attempt);
        attempt.out_of_bounds += 1;
        // A bound that was kept says nothing: one relay says 423 to every Expires, and always with the same bound.
        let asked = attempt.expires;
        let expires = match bounds {
            _ if attempt.out_of_bounds > 1 => None,
            (Ok(Some(min)), _) if asked.is_none_or(|asked| asked < min) => Some(min),
            (_, Ok(Some(max))) if asked.is_none_or(|asked| asked > max) => Some(max),
            _ => None,
        };
        if expires == asked {
            return Err(failure);
        }
        attempt.expires = expires;
        Ok(Next::Retry(self.headers()))
    }

    fn granted(&mut self, head: &Head) -> Result<Next, AuthFailure> {
        let attempt = under_way(&mut self.attempt);
        let info = head.authentication_info().map_err(AuthFailure::Malformed)?;
        let info = info.unwrap_or_default();
        let is_proved = match (&attempt.sent, &info.rspauth) {
            (Some(sent), Some(rspauth)) => {
                if !sent.is_proved_by(rspauth, &attempt.uri) {
                    self.challenge = None;
                    return Err(AuthFailure::Unproved);
                }
                true
            }
            _ => false,
        };
        let is_known = attempt.through.is_none() && !self.options.unverified;
        if !is_proved && !is_known && !self.options.accept_unproved {
            return Err(AuthFailure::Unproved);
        }
        if let (Some(nonce), Some(known)) = (info.nextnonce, &mut self.challenge) {
            known.challenge.nonce = nonce;
            known.nc = 0;
        }
        let use_path = head.use_path().map_err(AuthFailure::Malformed)?;
        let use_path = use_path.ok_or(AuthFailure::UsePath("it is missing"))?;
        attempt
            .check(&use_path, self.options)
            .map_err(AuthFailure::UsePath)?;
        let expires = head.expires().map_err(AuthFailure::Malformed)?;
        Ok(Next::Granted(Grant {
            use_path,
            expires,
            is_proved,
        }))
    }

    fn silent(&mut self) -> Result<Next, AuthFailure> {
        let Some(attempt) = &mut self.attempt else {
            return Err(AuthFailure::Silence);
        };
        let Some(sent) = attempt.sent.as_ref().filter(|_| !attempt.was_silent) else {
            return Err(AuthFailure::Silence);
        };
        let may_be_the_uri = sent.with_uri && self.digest_uri == DigestUri::Untried;
        let may_be_expires = attempt.expires.is_some();
        if may_be_the_uri {
            self.doubt.uri = true;
        }
        if may_be_expires {
            self.doubt.expires = true;
            attempt.leaves_expires_out = true;
            attempt.expires = None;
        }
        if !may_be_the_uri && !may_be_expires {
            return Err(AuthFailure::Silence);
        }
        attempt.was_silent = true;
        attempt.was_challenged = false;
        self.challenge = None;
        Ok(Next::Reconnect(self.headers()))
    }

    /// The headers of the next request of the attempt.
    fn headers(&mut self) -> AuthHeaders {
        let attempt = under_way(&mut self.attempt);
        let mut headers = Vec::new();
        if let Some(expires) = attempt.expires {
            let name = HeaderName::Expires.as_str();
            headers.push((name, expires.as_secs().to_string()));
        }
        attempt.sent = None;
        if let Some(answerable) = &mut self.challenge {
            let with_uri = self.digest_uri != DigestUri::Silence && !self.doubt.uri;
            let (credentials, sent) =
                answerable.answer(&self.login, &attempt.uri, with_uri, self.ids.nonce());
            headers.push((HeaderName::Authorization.as_str(), credentials.to_value()));
            attempt.sent = Some(sent);
        }
        AuthHeaders(headers)
    }
}

impl Answerable {
    /// The next Authorization that answers it.
    fn answer(
        &mut self,
        login: &Login,
        uri: &Uri,
        with_uri: bool,
        cnonce: String,
    ) -> (Credentials, Sent) {
        self.nc = self.nc.wrapping_add(1);
        let input = DigestInput {
            nonce: &self.challenge.nonce,
            nc: self.nc,
            cnonce: &cnonce,
            uri: uri.as_str(),
        };
        let credentials = Credentials {
            username: login.username().to_owned(),
            realm: self.challenge.realm.clone(),
            nonce: self.challenge.nonce.clone(),
            uri: with_uri.then(|| uri.as_str().to_owned()),
            nc: self.nc,
            cnonce: cnonce.clone(),
            response: self.ha1.response(&input),
            opaque: self.challenge.opaque.clone(),
            algorithm: self.challenge.algorithm.clone(),
        };
        let sent = Sent {
            ha1: self.ha1.clone(),
            nonce: self.challenge.nonce.clone(),
            nc: self.nc,
            cnonce,
            with_uri,
        };
        (credentials, sent)
    }
}

impl Sent {
    fn is_proved_by(&self, rspauth: &str, uri: &Uri) -> bool {
        let expected = self.ha1.rspauth(&DigestInput {
            nonce: &self.nonce,
            nc: self.nc,
            cnonce: &self.cnonce,
            uri: uri.as_str(),
        });
        expected.as_bytes().ct_eq(rspauth.as_bytes()).into()
    }
}

impl Attempt {
    /// What is wrong with a Use-Path that the relay gave. Its host and port need not be those of the relay's URI
    /// (RFC 4976 §8).
    fn check(&self, use_path: &UriPath, options: ClientAuthOptions) -> Result<(), &'static str> {
        let through = self.through.as_ref().map_or(&[][..], UriPath::as_slice);
        let given = use_path
            .as_slice()
            .strip_prefix(through)
            .ok_or("it does not begin with the path through which the relay was asked")?;
        for uri in given {
            if self.uri.is_secure() && !uri.is_secure() {
                return Err("it has a URI that is not msrps");
            }
            if uri.port().is_none() {
                return Err("it has a URI without port");
            }
            let is_address = uri.host().ip().is_some();
            if is_address && self.uri.host().ip().is_none() && !options.accept_addresses {
                return Err("it has an IP address in place of a name");
            }
        }
        match given.last() {
            Some(last) if last.session_id().is_some() => Ok(()),
            Some(_) => Err("its last URI has no session-id"),
            None => Err("it has no URI of the relay"),
        }
    }
}

/// The first challenge that the login is good for (RFC 7616 §3.7: the relay likes best what comes first).
fn answerable(head: &Head, login: &Login) -> Option<Answerable> {
    head.challenges()
        .filter(Challenge::offers_auth)
        .find_map(|challenge| {
            let ha1 = login.ha1(challenge.algorithm()?, &challenge.realm)?;
            Some(Answerable {
                challenge,
                ha1,
                nc: 0,
            })
        })
}

fn under_way(attempt: &mut Option<Attempt>) -> &mut Attempt {
    attempt
        .as_mut()
        .expect("callers have seen that an attempt is under way")
}

/// How often a nonce may be too old in one attempt.
const MAX_STALE: u32 = 2;

/// How long to wait for the answer to the first AUTH that repeats its URI: longer than relays commonly wait for one
/// behind them (10 s), whose 408 is an answer.
const SHORT_PATIENCE: Duration = Duration::from_secs(15);
