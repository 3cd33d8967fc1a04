//! The configuration of `msrp relay`: what may stand in it, and what it is without being said.
//!
//! `docs/relay.md` describes every key. What is wrong is told by [`Config::load`], all of it at once; what can only be
//! judged together with files and ports is told when they are used.

mod dns;
mod judge;
mod read;
mod values;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use msrp::{Algorithm, ClientAuth, Network, PemSource, RelayListenOptions, TlsConfig, TlsVersion};
use serde::Deserialize;
use serde_json::{Value, json};
use toml::Spanned;

use crate::session::HostPort;
use read::Mistake;
use values::{Count, FileName, HostName, Realm, Seconds, Text};

/// Most octets of a configuration.
const MOST: u64 = 1 << 20;

/// A file that says how a relay runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) name: Spanned<Text<HostName>>,
    #[serde(default)]
    pub(crate) hosts: Vec<Spanned<Text<HostName>>>,
    pub(crate) port: Option<Count<1, 65535>>,
    realm: Option<Text<Realm>>,
    pub(crate) threads: Option<Count<1, 1024>>,
    #[serde(default)]
    pub(crate) block_unknown_methods: bool,
    pub(crate) listen: Spanned<Vec<Listen>>,
    pub(crate) tls: Option<Tls>,
    pub(crate) users: Users,
    #[serde(default)]
    pub(crate) uris: Uris,
    #[serde(default)]
    next_hops: NextHops,
    #[serde(default)]
    pub(crate) probation: Probation,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) log: Log,
    #[serde(default)]
    pub(crate) shutdown: Shutdown,
    #[serde(default)]
    pub(crate) insecure: Insecure,
    /// The text, for the lines of what is found in it later.
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    path: PathBuf,
}

/// `[[listen]]`: where connections come to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    pub(crate) address: Spanned<Text<HostPort>>,
    #[serde(default = "yes")]
    pub(crate) tls: bool,
    #[serde(default = "four_minutes")]
    keepalive: Count<0, 32767>,
    dscp: Option<Count<0, 63>>,
    interface: Option<String>,
}

/// `[tls]`: who this relay is, and whom it trusts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    certificate: Spanned<Text<FileName>>,
    key: Spanned<Text<FileName>>,
    ca: Option<Spanned<Text<FileName>>>,
    #[serde(default)]
    min_version: Version,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
enum Version {
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

/// `[users]`: who may have a URI of this relay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Users {
    file: Spanned<Text<FileName>>,
    #[serde(default = "md5")]
    algorithms: Spanned<Vec<Digest>>,
    #[serde(default = "every_five_seconds")]
    pub(crate) look: Seconds<0, 86400>,
}

/// An algorithm of digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Digest {
    #[serde(rename = "md5")]
    Md5,
    #[serde(rename = "sha-256")]
    Sha256,
}

/// `[uris]`: how long the relay's URIs, and the nonces for them, are good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Uris {
    pub(crate) lifetime: Spanned<Seconds<1, 31536000>>,
    pub(crate) min_lifetime: Seconds<1, 31536000>,
    pub(crate) max_lifetime: Seconds<1, 31536000>,
    pub(crate) nonce_lifetime: Seconds<1, 86400>,
}

/// `[next_hops]`: to where the relay connects for its clients.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NextHops {
    allow: Vec<Spanned<Text<Network>>>,
}

/// `[probation]`: how clients begin (RFC 4976 §6.1, §6.3).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Probation {
    pub(crate) time: Seconds<1, 3600>,
    pub(crate) failures: Count<1, 1000>,
    pub(crate) auth_failures: Count<1, 1000>,
}

/// `[limits]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) connections: Count<1, 1048576>,
    pub(crate) connections_per_address: Count<1, 1048576>,
    pub(crate) new_connections: Count<1, 1048576>,
    pub(crate) new_connections_per_address: Count<1, 1048576>,
    pub(crate) idle: Option<Seconds<3600, 31536000>>,
    pub(crate) memory: Count<1048576, 1099511627776>,
    pub(crate) uris: Count<1, 16777216>,
    pub(crate) uris_per_user: Count<1, 16777216>,
    pub(crate) uris_per_connection: Count<1, 16777216>,
    pub(crate) remembered_failures: Count<1, 16777216>,
}

/// `[log]`: what is told, and how.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) format: Format,
}

/// The least that is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

/// `[shutdown]`: how it ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Shutdown {
    pub(crate) deadline: Seconds<0, 3600>,
}

/// `[insecure]`: for tests on one machine, and nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Insecure {
    plain_auth: Option<Spanned<bool>>,
    short_names: Option<Spanned<bool>>,
}

impl Insecure {
    /// AUTH without TLS, from this machine.
    pub(crate) fn plain_auth(&self) -> bool {
        self.plain_auth.as_ref().is_some_and(|on| *on.get_ref())
    }

    /// Addresses, and names of one label.
    pub(crate) fn short_names(&self) -> bool {
        self.short_names.as_ref().is_some_and(|on| *on.get_ref())
    }
}

impl Default for Uris {
    fn default() -> Self {
        Self {
            lifetime: Spanned::new(0..0, Seconds::new(3600)),
            min_lifetime: Seconds::new(60),
            max_lifetime: Seconds::new(86400),
            nonce_lifetime: Seconds::new(300),
        }
    }
}

impl Default for Probation {
    fn default() -> Self {
        Self {
            time: Seconds::new(30),
            failures: Count(5),
            auth_failures: Count(5),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Count(16 * 1024),
            connections_per_address: Count(4096),
            new_connections: Count(1024),
            new_connections_per_address: Count(64),
            idle: None,
            memory: Count(256 * 1024 * 1024),
            uris: Count(100_000),
            uris_per_user: Count(1000),
            uris_per_connection: Count(1000),
            remembered_failures: Count(4096),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            deadline: Seconds::new(30),
        }
    }
}

fn yes() -> bool {
    true
}

fn four_minutes() -> Count<0, 32767> {
    Count(240)
}

fn md5() -> Spanned<Vec<Digest>> {
    Spanned::new(0..0, vec![Digest::Md5])
}

fn every_five_seconds() -> Seconds<0, 86400> {
    Seconds::new(5)
}

/// How much something that was found matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// A relay does not start with it.
    Error,
    /// A relay starts with it; its operator may not want it.
    Warning,
}

/// Something in a configuration, or in a file that it names, that its operator has to know.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) file: PathBuf,
    /// Counted from 1; `None`: the file as a whole.
    pub(crate) line: Option<usize>,
    /// The key that is meant; empty: none.
    pub(crate) key: String,
    pub(crate) text: String,
}

impl Listen {
    /// For the relay.
    pub(crate) fn options(&self) -> RelayListenOptions {
        let address = &self.address.get_ref().0;
        RelayListenOptions {
            host: address.host.clone(),
            port: address.port,
            secure: self.tls,
            interface: self.interface.clone(),
            dscp: self.dscp.map(|dscp| dscp.0 as u8),
            tcp_keepalive: (self.keepalive.0 > 0).then(|| Duration::from_secs(self.keepalive.0)),
            ..RelayListenOptions::default()
        }
    }
}

impl Config {
    /// Reads a configuration, and names what is to be known of it: errors, then it is not there, and warnings.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub(crate) fn load(path: &Path) -> io::Result<(Option<Self>, Vec<Finding>)> {
        let mut text = String::new();
        let read = File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
        if read as u64 > MOST {
            let wrong = format!("a configuration of more than {MOST} octets");
            return Err(io::Error::other(wrong));
        }
        let config = match Self::parse(text, path) {
            Ok(config) => config,
            Err(findings) => return Ok((None, findings)),
        };
        let findings = config.judge();
        let is_wrong = findings.iter().any(|f| f.severity == Severity::Error);
        Ok(((!is_wrong).then_some(config), findings))
    }

    /// Reads a text, and looks at no other file.
    pub(crate) fn parse(text: String, path: &Path) -> Result<Self, Vec<Finding>> {
        let finding = |mistake: Mistake| Finding {
            severity: Severity::Error,
            file: path.to_owned(),
            line: Some(mistake.line),
            key: mistake.key,
            text: mistake.text,
        };
        let read = read::read(&text);
        let config: Self =
            read.map_err(|mistakes| mistakes.into_iter().map(finding).collect::<Vec<_>>())?;
        Ok(Self {
            text,
            path: path.to_owned(),
            ..config
        })
    }

    /// What users know their password for.
    pub(crate) fn realm(&self) -> String {
        match &self.realm {
            Some(realm) => realm.0.0.clone(),
            None => self.name(),
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        self.name.get_ref().0.0.to_string()
    }

    /// Its name, and the other names under which it is addressed.
    pub(crate) fn own_hosts(&self) -> Vec<String> {
        let hosts = [&self.name].into_iter().chain(&self.hosts);
        hosts.map(|host| host.get_ref().0.0.to_string()).collect()
    }

    /// Networks to which it connects although they are not everybody's.
    pub(crate) fn networks(&self) -> Vec<Network> {
        let networks = self.next_hops.allow.iter();
        networks.map(|network| network.get_ref().0).collect()
    }

    /// The algorithms of the challenges, best first.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let digests = self.users.algorithms.get_ref().iter();
        digests
            .map(|digest| match digest {
                Digest::Md5 => Algorithm::Md5,
                Digest::Sha256 => Algorithm::Sha256,
            })
            .collect()
    }

    /// Who this relay is, and whom it trusts: clients show no certificate, other relays do, where
    /// there is a CA for that (RFC 4976 §6.1).
    pub(crate) fn tls_config(&self) -> Option<TlsConfig> {
        let tls = self.tls.as_ref()?;
        let file = |name| Some(PemSource::File(self.file(name)));
        Some(TlsConfig {
            cert: file(&tls.certificate),
            key: file(&tls.key),
            ca: tls.ca.as_ref().and_then(file),
            client_auth: match tls.ca {
                Some(_) => ClientAuth::Request,
                // The system's CAs sign for everybody, and not only for relays.
                None => ClientAuth::None,
            },
            min_version: match tls.min_version {
                Version::Tls12 => TlsVersion::Tls12,
                Version::Tls13 => TlsVersion::Tls13,
            },
            ..TlsConfig::default()
        })
    }

    /// The file of users.
    pub(crate) fn users_file(&self) -> PathBuf {
        self.file(&self.users.file)
    }

    /// A file that the configuration names: from its own folder on.
    fn file(&self, name: &Spanned<Text<FileName>>) -> PathBuf {
        let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
        folder.join(&name.get_ref().0.0)
    }

    /// The line of something in the text.
    fn line<T>(&self, value: &Spanned<T>) -> Option<usize> {
        Some(read::line_of(&self.text, value.span().start))
    }
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Finding {
    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "file": self.file.display().to_string(), "line": self.line, "key": self.key,
            "severity": self.severity.name(), "text": self.text,
        })
    }
}

impl fmt::Display for Finding {
    /// As compilers write it, for editors; the alternate form leaves the severity out, for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !f.alternate() {
            write!(f, " {}:", self.severity.name())?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.text)
    }
}
