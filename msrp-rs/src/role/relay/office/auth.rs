//! AUTH for this relay (RFC 4976 §5.1, §6.3): challenge, judge, ask the host, give a URI.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{
    Attempt, AuthReply, AuthStep, Holder, LinkId, Party, Peer, QueryId, RelayNames,
};
use super::backoff::Place;
use super::members::Members;
use super::{HostQuery, Office, OfficeEvent};
use crate::mutant::{self, Mutant};
use crate::proto::auth::{DigestOptions, Ha1, Nonces, Proof, Verdict};
use crate::wire::{Credentials, Head, HeaderName, Scheme, StatusCode, Uri, UriPath};

/// The nonces of those who bring AUTHs: of a client's connection, or of another relay, over whose connections AUTHs of
/// many clients come and whose retry may come over another one.
#[derive(Debug, Default)]
pub(super) struct Books(HashMap<Holder, Nonces>);

impl Books {
    pub(super) fn gone(&mut self, holder: &Holder) {
        self.0.remove(holder);
    }

    fn of(&mut self, holder: &Holder, digest: &Digest) -> &mut Nonces {
        let options = match holder {
            Holder::Link(_) => &digest.clients,
            Holder::Relay(_) => &digest.relays,
        };
        let nonces = self.0.entry(holder.clone());
        nonces.or_insert_with(|| Nonces::new(options.clone()))
    }
}

/// How clients are challenged, and how the clients of other relays.
#[derive(Debug)]
pub(super) struct Digest {
    clients: Arc<DigestOptions>,
    relays: Arc<DigestOptions>,
}

impl Digest {
    pub(super) fn new(options: &super::OfficeOptions) -> Self {
        let with = |max_nonces| {
            Arc::new(DigestOptions {
                realm: options.realm.clone(),
                algorithms: options.algorithms.clone(),
                lifetime: options.nonce_lifetime,
                max_nonces,
            })
        };
        Self {
            clients: with(NONCES_OF_CLIENT),
            relays: with(NONCES_OF_RELAY),
        }
    }
}

/// AUTHs that wait for the host.
#[derive(Debug, Default)]
pub(super) struct Asked {
    next: u64,
    cases: HashMap<HostQuery, Case>,
    deadlines: BTreeSet<(Instant, HostQuery)>,
    of_link: Members<LinkId, HostQuery>,
    of_user: Members<Arc<str>, HostQuery>,
}

#[derive(Debug)]
struct Case {
    auth: Auth,
    stage: Stage,
    deadline: Instant,
    /// Since it was asked its user was revoked: what the host says may be of before.
    is_outdated: bool,
}

#[derive(Debug)]
enum Stage {
    Credentials,
    Authorise { proof: Proof, lifetime: Duration },
}

/// One AUTH.
#[derive(derive_more::Debug)]
struct Auth {
    /// What the link waits for.
    query: QueryId,
    secure: bool,
    address: Option<IpAddr>,
    holder: Holder,
    #[debug(skip)]
    user: Arc<str>,
    place: Place,
    credentials: Credentials,
    /// The last of its To-Path.
    uri: Uri,
    from_path: UriPath,
    expires: Option<Duration>,
}

impl Asked {
    fn draw(&mut self) -> HostQuery {
        self.next += 1;
        HostQuery(self.next)
    }

    fn add(&mut self, query: HostQuery, case: Case) {
        self.of_link.add(case.auth.query.link, query);
        self.of_user.add(case.auth.user.clone(), query);
        self.deadlines.insert((case.deadline, query));
        self.cases.insert(query, case);
    }

    fn is_at(&self, query: HostQuery, is_stage: impl FnOnce(&Stage) -> bool) -> bool {
        self.cases
            .get(&query)
            .is_some_and(|case| is_stage(&case.stage))
    }

    fn take(&mut self, query: HostQuery) -> Option<Case> {
        let case = self.cases.remove(&query)?;
        self.deadlines.remove(&(case.deadline, query));
        self.of_link.remove(&case.auth.query.link, &query);
        self.of_user.remove(&case.auth.user, &query);
        Some(case)
    }

    fn take_due(&mut self, now: Instant) -> Option<Case> {
        let (deadline, query) = *self.deadlines.first()?;
        (deadline <= now).then(|| self.take(query)).flatten()
    }

    pub(super) fn link_gone(&mut self, link: LinkId) {
        for query in self.of_link.take(&link) {
            self.take(query);
        }
    }

    /// What the host was asked about this user is worth nothing any more.
    pub(super) fn user_gone(&mut self, user: &str) {
        for query in self.of_user.of(user) {
            if let Some(case) = self.cases.get_mut(query) {
                case.is_outdated = true;
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }
}

impl Office {
    /// As [`Switchboard::auth`](super::super::Switchboard::auth).
    pub(super) fn serve(
        &mut self,
        now: Instant,
        from: &Party,
        query: QueryId,
        head: &Head,
    ) -> AuthStep {
        match self.opened(now, from, query, head) {
            Ok(auth) => self.ask(now, auth),
            Err(reply) => AuthStep::Answer(reply),
        }
    }

    /// The host's answer to [`OfficeEvent::Credentials`]: the secret of that user for that realm and algorithm, or
    /// `None` if there is no such user. An answer that comes twice or too late is ignored.
    pub fn credentials(&mut self, now: Instant, query: HostQuery, secret: Option<&Ha1>) {
        if !self
            .asked
            .is_at(query, |stage| matches!(stage, Stage::Credentials))
        {
            return;
        }
        let Some(case) = self.asked.take(query) else {
            return;
        };
        let Case {
            auth, is_outdated, ..
        } = case;
        // Others may have failed while the host thought.
        if self.backoff.holds(now, &auth.user, auth.place) {
            let reply = self.backed_off(now, &auth.holder);
            return self.answer(&auth, reply);
        }
        let nonces = self.books.of(&auth.holder, &self.digest);
        let (proof, lifetime) = match nonces.check(now, &auth.credentials, &auth.uri, secret) {
            Verdict::Proved(_) if is_outdated => {
                let reply = self.stale(now, &auth.holder);
                return self.answer(&auth, reply);
            }
            Verdict::Proved(proof) => {
                self.backoff.succeeded(&auth.user, auth.place);
                match self.allowed(&auth) {
                    Ok(lifetime) => (proof, lifetime),
                    Err(reply) => return self.answer(&auth, reply),
                }
            }
            Verdict::Stale => {
                let reply = self.stale(now, &auth.holder);
                return self.answer(&auth, reply);
            }
            Verdict::Refused => {
                self.counts.auth_wrong += 1;
                self.backoff.failed(now, &auth.user, auth.place);
                let reply = self.failed(now, &auth.holder);
                return self.answer(&auth, reply);
            }
            Verdict::Malformed(_) => {
                let reply = self.malformed();
                return self.answer(&auth, reply);
            }
        };
        if !self.options.authorise {
            let reply = self.grant(now, &auth, proof, lifetime);
            return self.answer(&auth, reply);
        }
        let query = self.asked.draw();
        self.events.push_back(OfficeEvent::Authorise {
            query,
            user: auth.user.clone(),
            address: auth.address,
            expires: lifetime,
        });
        let case = Case {
            auth,
            stage: Stage::Authorise { proof, lifetime },
            deadline: now + self.options.answer_timeout,
            is_outdated: false,
        };
        self.asked.add(query, case);
    }

    /// The host's answer to [`OfficeEvent::Authorise`]. An answer that comes twice or too late is ignored.
    pub fn authorise(&mut self, now: Instant, query: HostQuery, allowed: bool) {
        let is_stage = |stage: &Stage| matches!(stage, Stage::Authorise { .. });
        if !self.asked.is_at(query, is_stage) {
            return;
        }
        let Some(case) = self.asked.take(query) else {
            return;
        };
        let Stage::Authorise { proof, lifetime } = case.stage else {
            return;
        };
        let reply = if !allowed {
            self.counts.auth_forbidden += 1;
            plain(StatusCode::FORBIDDEN, Attempt::Undecided)
        } else if case.is_outdated {
            self.stale(now, &case.auth.holder)
        } else {
            self.grant(now, &case.auth, proof, lifetime)
        };
        self.answer(&case.auth, reply);
    }

    /// Answers what the host has not answered in time.
    pub(super) fn unanswered(&mut self, now: Instant) {
        while let Some(case) = self.asked.take_due(now) {
            self.counts.auth_unanswered += 1;
            self.answer(&case.auth, plain(StatusCode::TIMEOUT, Attempt::Undecided));
        }
    }

    /// Reads an AUTH up to the point where the host is needed.
    fn opened(
        &mut self,
        now: Instant,
        from: &Party,
        query: QueryId,
        head: &Head,
    ) -> Result<Auth, AuthReply> {
        let is_here = from
            .address
            .is_some_and(|at| at.to_canonical().is_loopback());
        let is_plain = !from.secure && !mutant::on(Mutant::PlainAuthServed);
        if is_plain && !(self.options.insecure_plain_auth && is_here) {
            self.counts.auth_insecure += 1;
            return Err(AuthReply {
                close: true,
                ..plain(StatusCode::FORBIDDEN, Attempt::Failed)
            });
        }
        let (Ok(to_path), Ok(from_path)) = (head.to_path(), head.from_path()) else {
            return Err(self.malformed());
        };
        // Only the URI of the relay that is asked may have no port (RFC 4976 §8).
        if from_path.iter().any(|uri| uri.port().is_none()) {
            return Err(self.malformed());
        }
        let (holder, place) = match &from.peer {
            // Without TLS no relay can prove its name.
            Peer::Client if from_path.len() == 1 || !from.secure => {
                (Holder::Link(from.link), Place::of_address(from.address))
            }
            Peer::Relay(names) => match speaks_as(names, from_path.first()) {
                Some(name) => {
                    let place = self.backoff.behind(name, from_path.first());
                    (Holder::Relay(name.clone()), place)
                }
                None => return Err(self.not_a_relay()),
            },
            // Or we have connected to it, which no relay does to a client.
            Peer::Client | Peer::Host => return Err(self.not_a_relay()),
        };
        let (Ok(credentials), Ok(expires)) = (head.credentials(), head.expires()) else {
            return Err(self.malformed());
        };
        let Some(credentials) = credentials else {
            if head.header(HeaderName::Authorization).is_some() {
                self.counts.auth_wrong += 1;
                return Err(self.failed(now, &holder));
            }
            self.counts.auth_challenged += 1;
            return Err(self.challenge(now, &holder, false));
        };
        if self.backoff.holds(now, &credentials.username, place) {
            return Err(self.backed_off(now, &holder));
        }
        Ok(Auth {
            query,
            secure: from.secure,
            address: from.address,
            holder,
            user: credentials.username.as_str().into(),
            place,
            credentials,
            uri: to_path.last().clone(),
            from_path,
            expires,
        })
    }

    /// It stands in for clients as only a relay may that proves the name in its URI.
    fn not_a_relay(&mut self) -> AuthReply {
        self.counts.auth_insecure += 1;
        plain(StatusCode::FORBIDDEN, Attempt::Failed)
    }

    /// Asks the host for the secret.
    fn ask(&mut self, now: Instant, auth: Auth) -> AuthStep {
        // What breaks a rule is not asked about; with no secret all else is refused here.
        let nonces = self.books.of(&auth.holder, &self.digest);
        let verdict = nonces.check(now, &auth.credentials, &auth.uri, None);
        if matches!(verdict, Verdict::Malformed(_)) {
            return AuthStep::Answer(self.malformed());
        }
        let most = match auth.holder {
            Holder::Link(_) => self.options.questions_per_link,
            Holder::Relay(_) => self.options.questions,
        };
        let link = auth.query.link;
        if self.asked.of_link.count(&link) >= most
            || self.asked.cases.len() >= self.options.questions
        {
            self.counts.auth_unanswered += 1;
            return AuthStep::Answer(plain(StatusCode::TIMEOUT, Attempt::Undecided));
        }
        let query = self.asked.draw();
        self.events.push_back(OfficeEvent::Credentials {
            query,
            user: auth.user.clone(),
            realm: self.options.realm.clone(),
            algorithm: auth.credentials.algorithm(),
            address: auth.address,
        });
        let case = Case {
            auth,
            stage: Stage::Credentials,
            deadline: now + self.options.answer_timeout,
            is_outdated: false,
        };
        self.asked.add(query, case);
        AuthStep::Ask
    }

    /// Whether a client that has proved who it is may have what it wants, and for how long.
    fn allowed(&mut self, auth: &Auth) -> Result<Duration, AuthReply> {
        let options = &self.options;
        let lifetime = auth.expires.unwrap_or(options.lifetime);
        let bound = if lifetime < options.min_lifetime {
            let least = options.min_lifetime;
            let seconds = least.as_secs() + u64::from(least.subsec_nanos() > 0);
            Some((HeaderName::MinExpires, seconds))
        } else if lifetime > options.max_lifetime {
            Some((HeaderName::MaxExpires, options.max_lifetime.as_secs()))
        } else {
            None
        };
        if let Some((name, seconds)) = bound
            && !mutant::on(Mutant::ExpiresUnbounded)
        {
            self.counts.auth_out_of_bounds += 1;
            return Err(AuthReply {
                headers: vec![header(name, seconds.to_string())],
                ..plain(StatusCode::INTERVAL_OUT_OF_BOUNDS, Attempt::Undecided)
            });
        }
        if !self.tokens.has_room(&auth.holder, &auth.user) {
            self.counts.auth_full += 1;
            return Err(plain(StatusCode::FORBIDDEN, Attempt::Undecided));
        }
        Ok(lifetime)
    }

    fn grant(&mut self, now: Instant, auth: &Auth, proof: Proof, lifetime: Duration) -> AuthReply {
        // Others may have come while the host thought.
        if !self.tokens.has_room(&auth.holder, &auth.user) {
            self.counts.auth_full += 1;
            return plain(StatusCode::FORBIDDEN, Attempt::Undecided);
        }
        let id = self.draw_token();
        let authority = match auth.secure {
            true => (Scheme::Msrps, &self.options.name, self.options.port),
            false => (Scheme::Msrp, &self.options.name, self.options.plain_port),
        };
        let seconds = lifetime.as_secs();
        let expires = now + Duration::from_secs(seconds);
        let holder = auth.holder.clone();
        let user = auth.user.clone();
        let Some(uri) = self.tokens.give(id, authority, holder, user, expires) else {
            self.counts.auth_unanswered += 1;
            return plain(StatusCode::TIMEOUT, Attempt::Undecided);
        };
        self.counts.auth_granted += 1;
        let nonces = self.books.of(&auth.holder, &self.digest);
        let info = nonces.info(now, proof, &mut self.ids);
        AuthReply {
            headers: vec![
                header(HeaderName::UsePath, use_path(&auth.from_path, &uri)),
                header(HeaderName::Expires, seconds.to_string()),
                header(HeaderName::AuthenticationInfo, info),
            ],
            ..plain(StatusCode::OK, Attempt::Granted)
        }
    }

    fn challenge(&mut self, now: Instant, holder: &Holder, stale: bool) -> AuthReply {
        let nonces = self.books.of(holder, &self.digest);
        let lines = nonces.challenge(now, stale, &mut self.ids);
        let line = |line| header(HeaderName::WwwAuthenticate, line);
        AuthReply {
            headers: lines.into_iter().map(line).collect(),
            ..plain(StatusCode::UNAUTHORIZED, Attempt::Undecided)
        }
    }

    /// The answer to a right password that has to be proved once more: the host is asked anew then.
    fn stale(&mut self, now: Instant, holder: &Holder) -> AuthReply {
        self.counts.auth_stale += 1;
        self.challenge(now, holder, true)
    }

    /// The answer to credentials that are worth nothing: the same for all reasons.
    fn failed(&mut self, now: Instant, holder: &Holder) -> AuthReply {
        AuthReply {
            attempt: Attempt::Failed,
            ..self.challenge(now, holder, false)
        }
    }

    fn backed_off(&mut self, now: Instant, holder: &Holder) -> AuthReply {
        self.counts.auth_backed_off += 1;
        self.failed(now, holder)
    }

    fn malformed(&mut self) -> AuthReply {
        self.counts.auth_malformed += 1;
        plain(StatusCode::BAD_REQUEST, Attempt::Failed)
    }

    fn answer(&mut self, auth: &Auth, reply: AuthReply) {
        self.events
            .push_back(OfficeEvent::Answer(auth.query, reply));
    }
}

/// The name by which a relay speaks in a URI of its own, if it has proved that one.
fn speaks_as<'a>(names: &'a RelayNames, uri: &Uri) -> Option<&'a Arc<str>> {
    match mutant::on(Mutant::RelayNameUnchecked) {
        true => names.iter().next(),
        false => names.called(uri),
    }
}

/// The way from the client to this relay, in To-Path order: the relays that the AUTH has passed, from the client on, and
/// the new URI (RFC 4976 §6.3).
fn use_path(from_path: &UriPath, new: &Uri) -> String {
    let relays = &from_path.as_slice()[..from_path.len() - 1];
    let mut text = String::new();
    for uri in relays.iter().rev() {
        text.push_str(uri.as_str());
        text.push(' ');
    }
    text.push_str(new.as_str());
    text
}

fn plain(status: StatusCode, attempt: Attempt) -> AuthReply {
    AuthReply {
        status,
        headers: Vec::new(),
        attempt,
        close: false,
    }
}

fn header(name: HeaderName, value: String) -> (String, String) {
    (name.to_string(), value)
}

/// Nonces of one client that are good at a time: it has one AUTH under way.
const NONCES_OF_CLIENT: usize = 8;

/// The same of another relay, for all its clients.
const NONCES_OF_RELAY: usize = 1024;
