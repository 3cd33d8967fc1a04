//! What the office of a relay is told by its host.

use std::time::Duration;

use super::OwnName;
use crate::error::{Error, Result};
use crate::limits::{range, time};
use crate::wire::{Algorithm, Host, Scheme, Uri};

/// How a relay calls itself, whom it serves, and for how long.
#[derive(Debug, Clone)]
pub struct OfficeOptions {
    /// The host in the URIs that are given out: a fully qualified name (RFC 4976 §4.2). It counts among `hosts`.
    pub name: Host,
    /// The port of the URIs that are given out: where others reach this relay by TLS. 0: that of the first listener,
    /// see [`Office::listens`](super::Office::listens).
    pub port: u16,
    /// The same of the `msrp` URIs that `insecure_plain_auth` gives out.
    pub plain_port: u16,
    /// Further names under which the relay is addressed: domains that it serves by SRV (RFC 4976 §8).
    pub hosts: Vec<OwnName>,
    /// Allows `name` and `hosts` to be addresses and names of one label: for tests.
    pub numeric_hosts: bool,
    /// The realm of the challenges.
    pub realm: String,
    /// The algorithms offered, best first.
    pub algorithms: Vec<Algorithm>,
    /// AUTHs are served without TLS to clients on this machine, and with `msrp` URIs: for tests.
    pub insecure_plain_auth: bool,
    /// Asks the host for each authenticated AUTH whether the user may have a URI.
    pub authorise: bool,
    /// How long a URI holds if the client does not ask for a time.
    pub lifetime: Duration,
    /// The least that is granted; less gets 423 with Min-Expires.
    pub min_lifetime: Duration,
    /// The most that is granted; more gets 423 with Max-Expires.
    pub max_lifetime: Duration,
    /// How long a nonce is good.
    pub nonce_lifetime: Duration,
    /// URIs in all. Beyond: 403.
    pub tokens: usize,
    /// URIs of one user. Beyond: 403.
    pub tokens_per_user: usize,
    /// URIs of one client's connection. Beyond: 403.
    pub tokens_per_link: usize,
    /// AUTHs that wait for the host's answers, in all. Beyond: 408.
    pub questions: usize,
    /// The same for one client's connection; another relay may have all of them.
    pub questions_per_link: usize,
    /// How long the host may think. Beyond: 408.
    pub answer_timeout: Duration,
    /// Pairs of user and address of which failures are remembered. Beyond: the oldest is forgotten.
    pub remembered_failures: usize,
}

impl OfficeOptions {
    /// The options of a relay of this name and port; all else is as most relays want it.
    pub fn new(name: Host, port: u16) -> Self {
        Self {
            realm: name.to_string(),
            name,
            port,
            plain_port: port,
            hosts: Vec::new(),
            numeric_hosts: false,
            algorithms: vec![Algorithm::Md5],
            insecure_plain_auth: false,
            authorise: false,
            lifetime: Duration::from_secs(3600),
            min_lifetime: Duration::from_secs(60),
            max_lifetime: Duration::from_secs(24 * 3600),
            nonce_lifetime: Duration::from_secs(300),
            tokens: 100_000,
            tokens_per_user: 1000,
            tokens_per_link: 1000,
            questions: 1024,
            questions_per_link: 4,
            answer_timeout: Duration::from_secs(10),
            remembered_failures: 4096,
        }
    }

    /// Checks that a relay can work with them.
    ///
    /// # Errors
    /// `InvalidArgument` naming the first option that is out of range, and what is allowed.
    pub fn validate(&self) -> Result<()> {
        const MANY: usize = 16 * 1024 * 1024;
        let name = OwnName {
            host: self.name.clone(),
            port: None,
        };
        for own in self.hosts.iter().chain([&name]) {
            if !self.numeric_hosts && !own.is_qualified() {
                return Err(Error::invalid_argument(format!(
                    "relay host {own} is no fully qualified name"
                )));
            }
        }
        for port in [self.port, self.plain_port]
            .into_iter()
            .filter(|port| *port != 0)
        {
            Uri::session(Scheme::Msrps, &self.name, port, "x")?;
        }
        if self.realm.is_empty() || self.realm.len() > 256 {
            return Err(Error::invalid_argument(format!(
                "relay realm has {} octets, allowed is 1 to 256",
                self.realm.len()
            )));
        }
        if self.realm.chars().any(char::is_control) {
            return Err(Error::invalid_argument(
                "relay realm holds a control character",
            ));
        }
        if self.algorithms.is_empty() {
            return Err(Error::invalid_argument(
                "relay algorithms are none, at least one is needed",
            ));
        }
        for (option, value, min) in [
            ("tokens", self.tokens, 1),
            ("tokens_per_user", self.tokens_per_user, 1),
            ("tokens_per_link", self.tokens_per_link, 1),
            ("questions", self.questions, 1),
            ("questions_per_link", self.questions_per_link, 1),
            ("remembered_failures", self.remembered_failures, 1),
        ] {
            range(&format!("relay {option}"), value, min, MANY)?;
        }
        for (option, value) in [
            ("nonce_lifetime", self.nonce_lifetime),
            ("answer_timeout", self.answer_timeout),
            ("max_lifetime", self.max_lifetime),
        ] {
            time(&format!("relay {option}"), value)?;
        }
        for (option, value, max) in [
            ("lifetime", self.lifetime, self.max_lifetime),
            ("min_lifetime", self.min_lifetime, self.lifetime),
        ] {
            if value.as_secs() == 0 || value > max {
                return Err(Error::invalid_argument(format!(
                    "relay {option} is {value:?}, allowed is 1s to {max:?}"
                )));
            }
        }
        Ok(())
    }
}
