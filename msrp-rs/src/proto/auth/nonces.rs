//! How a relay challenges its clients and judges what they answer (RFC 4976 §6.3, §9.1; RFC 2617 §3.2, §3.3).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use subtle::{Choice, ConstantTimeEq};

use super::{Algorithm, AuthenticationInfo, Challenge, Credentials, DigestInput, Ha1};
use crate::proto::IdSource;
use crate::wire::Uri;

/// How a relay challenges.
#[derive(Debug, Clone)]
pub struct DigestOptions {
    /// Whose passwords are meant; the relay's host name is a good one (RFC 4976 §5.1).
    pub realm: String,
    /// What is offered, best first: a line of WWW-Authenticate each. MD5 alone is the default, since clients exist that
    /// read one line only.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce is good.
    pub lifetime: Duration,
    /// How many nonces are good at a time on one connection; beyond that the oldest is forgotten, which costs who has
    /// it one round trip.
    pub max_nonces: usize,
}

impl DigestOptions {
    /// MD5, nonces good for 5 minutes, 64 at a time.
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            algorithms: vec![Algorithm::Md5],
            lifetime: Duration::from_secs(300),
            max_nonces: 64,
        }
    }
}

/// The nonces that are good on one connection of a relay. On another connection they are worth nothing.
#[derive(derive_more::Debug)]
pub struct Nonces {
    options: Arc<DigestOptions>,
    /// The oldest first.
    #[debug("{}", book.len())]
    book: VecDeque<Entry>,
}

struct Entry {
    nonce: String,
    /// When it is good no more.
    until: Instant,
    /// The highest count that came with it.
    nc: u32,
}

/// What credentials are worth.
#[derive(Debug)]
pub enum Verdict {
    /// The client knows the secret. If the answer is a 200, [`Nonces::info`] makes its Authentication-Info.
    Proved(Proof),
    /// It knows the secret, but the nonce is good no more, was never given out here, or came with a count that it had
    /// come with before: 401 with a challenge that says stale.
    Stale,
    /// Unknown user, wrong password or wrong realm: 401 with a challenge that does not say stale.
    Refused,
    /// The credentials break a rule, and no digest was looked at: 400 with this comment.
    Malformed(&'static str),
}

/// What is needed to prove to a client that the relay knows the secret, too.
#[derive(derive_more::Debug)]
pub struct Proof {
    #[debug(skip)]
    nonce: String,
    #[debug(skip)]
    info: AuthenticationInfo,
}

impl Nonces {
    /// None yet.
    pub fn new(options: Arc<DigestOptions>) -> Self {
        Self {
            options,
            book: VecDeque::new(),
        }
    }

    /// The values of the WWW-Authenticate lines of one 401, in the order in which they are to be sent. They have a new
    /// nonce.
    pub fn challenge(&mut self, now: Instant, stale: bool, ids: &mut IdSource) -> Vec<String> {
        let nonce = self.issue(now, ids);
        let challenge = |algorithm: &Algorithm| {
            let challenge = Challenge {
                realm: self.options.realm.clone(),
                nonce: nonce.clone(),
                opaque: None,
                stale,
                algorithm: (*algorithm != Algorithm::Md5).then(|| algorithm.to_string()),
                qop: vec!["auth".to_owned()],
            };
            challenge.to_value()
        };
        self.options.algorithms.iter().map(challenge).collect()
    }

    /// Judges the credentials of an AUTH whose To-Path has `uri` as its rightmost URI. `ha1` is that of the user that
    /// they name, in the realm of the options and for the algorithm that they name; `None` if there is no such user,
    /// which costs as much time as a wrong password.
    ///
    /// Only right credentials change anything here: their count is used up.
    pub fn check(
        &mut self,
        now: Instant,
        credentials: &Credentials,
        uri: &Uri,
        ha1: Option<&Ha1>,
    ) -> Verdict {
        let algorithm = credentials.algorithm();
        if !self.options.algorithms.contains(&algorithm) {
            return Verdict::Malformed("Algorithm was not offered");
        }
        let uri = match &credentials.uri {
            // Equal is not the same: the client hashed its own text.
            Some(text) if Uri::parse(text).is_ok_and(|named| named == *uri) => text,
            Some(_) => return Verdict::Malformed("Digest URI is not the last of To-Path"),
            None => uri.as_str(),
        };
        let input = DigestInput {
            nonce: &credentials.nonce,
            nc: credentials.nc,
            cnonce: &credentials.cnonce,
            uri,
        };
        let known = ha1.filter(|ha1| ha1.algorithm() == algorithm);
        let nobody = Ha1::of_nobody(algorithm);
        let ha1 = known.unwrap_or(&nobody);
        let expected = ha1.response(&input);
        let is_right = expected.as_bytes().ct_eq(credentials.response.as_bytes())
            & Choice::from(u8::from(known.is_some()))
            & self
                .options
                .realm
                .as_bytes()
                .ct_eq(credentials.realm.as_bytes());
        if !bool::from(is_right) {
            return Verdict::Refused;
        }
        self.forget_old(now);
        let entry = self
            .book
            .iter_mut()
            .find(|entry| entry.nonce == credentials.nonce);
        match entry {
            Some(entry) if entry.nc < credentials.nc => entry.nc = credentials.nc,
            _ => return Verdict::Stale,
        }
        Verdict::Proved(Proof {
            nonce: credentials.nonce.clone(),
            info: AuthenticationInfo {
                nextnonce: None,
                qop: Some("auth".to_owned()),
                rspauth: Some(ha1.rspauth(&input)),
                cnonce: Some(credentials.cnonce.clone()),
                nc: Some(credentials.nc),
            },
        })
    }

    /// The value of Authentication-Info for a 200. It has the nonce for the next AUTH; the one that was used is good no
    /// more.
    pub fn info(&mut self, now: Instant, proof: Proof, ids: &mut IdSource) -> String {
        self.book.retain(|entry| entry.nonce != proof.nonce);
        let info = AuthenticationInfo {
            nextnonce: Some(self.issue(now, ids)),
            ..proof.info
        };
        info.to_value()
    }

    fn issue(&mut self, now: Instant, ids: &mut IdSource) -> String {
        self.forget_old(now);
        if self.book.len() >= self.options.max_nonces {
            self.book.pop_front();
        }
        let nonce = ids.nonce();
        if self.book.capacity() == 0 {
            // Most clients have one at a time.
            self.book.reserve_exact(1);
        }
        self.book.push_back(Entry {
            nonce: nonce.clone(),
            until: now + self.options.lifetime,
            nc: 0,
        });
        nonce
    }

    fn forget_old(&mut self, now: Instant) {
        while self.book.front().is_some_and(|entry| entry.until <= now) {
            self.book.pop_front();
        }
    }
}
