//! What a configuration says that cannot be, and what its operator may not want.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use msrp::Algorithm;
use toml::Spanned;

use super::{Config, Finding, Severity};
use crate::relay::users::{self, Unusable, Users};

/// A week, in seconds.
const SOON: i64 = 7 * 24 * 3600;

impl Config {
    /// All that is to be known of it, and of the files that it names.
    pub(super) fn judge(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.judge_names(&mut findings);
        self.judge_listeners(&mut findings);
        self.judge_next_hops(&mut findings);
        self.judge_times(&mut findings);
        self.judge_tls(&mut findings);
        self.judge_files(&mut findings);
        findings.sort_by_key(|f| (f.file != self.path, f.line));
        findings
    }

    fn judge_names(&self, findings: &mut Vec<Finding>) {
        let names = [(&self.name, "name")];
        let names = names
            .into_iter()
            .chain(self.hosts.iter().map(|name| (name, "hosts")));
        for (name, key) in names {
            let host = &name.get_ref().0;
            if !host.is_qualified() && !self.insecure.short_names() {
                let text = format!(
                    "\"{}\" is not fully qualified, as relay.example.com is (RFC 4976 §4.2); insecure.short_names \
                     allows it, for tests",
                    host.0
                );
                findings.push(self.error(name, key, text));
            }
        }
        let insecure = &self.insecure;
        for (value, key, text) in [
            (
                &insecure.plain_auth,
                "insecure.plain_auth",
                "passwords are proven, and URIs given, over connections that everybody on the way can read: for tests \
                 on one machine",
            ),
            (
                &insecure.short_names,
                "insecure.short_names",
                "the URIs of this relay may mean another one to others: for tests on one machine",
            ),
        ] {
            if let Some(value) = value.as_ref().filter(|on| *on.get_ref()) {
                findings.push(self.warning(value, key, text));
            }
        }
    }

    fn judge_listeners(&self, findings: &mut Vec<Finding>) {
        let listeners = self.listen.get_ref();
        if listeners.is_empty() {
            let text = "no [[listen]]: at least one is needed";
            findings.push(self.error(&self.listen, "listen", text));
        }
        for listener in listeners {
            let address = &listener.address.get_ref().0;
            if listener.tls && self.tls.is_none() {
                let text = "TLS needs a [tls] section with certificate and key";
                findings.push(self.error(&listener.address, "listen.address", text));
            }
            if listener.tls {
                continue;
            }
            let host = address.host.parse::<IpAddr>();
            let is_local = host.is_ok_and(|host| host.is_loopback());
            if self.insecure.plain_auth() && !is_local {
                let text = format!(
                    "{}: with insecure.plain_auth a listener without TLS has a loopback address",
                    address.host
                );
                findings.push(self.error(&listener.address, "listen.address", text));
            } else if !is_local {
                let text = "without TLS: no client can log in here, and what is sent can be read on the way";
                findings.push(self.warning(&listener.address, "listen.tls", text));
            }
        }
    }

    fn judge_next_hops(&self, findings: &mut Vec<Finding>) {
        // Who may be reached by no client: this machine, and what clouds tell their machines.
        let guarded: [IpAddr; 4] = [
            Ipv4Addr::LOCALHOST.into(),
            Ipv6Addr::LOCALHOST.into(),
            Ipv4Addr::new(169, 254, 169, 254).into(),
            Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254).into(),
        ];
        for network in &self.next_hops.allow {
            let range = network.get_ref().0;
            if let Some(address) = guarded.into_iter().find(|address| range.contains(*address)) {
                let text =
                    format!("{range} holds {address}: each user can send to it through this relay");
                findings.push(self.warning(network, "next_hops.allow", text));
            }
        }
    }

    fn judge_times(&self, findings: &mut Vec<Finding>) {
        let uris = &self.uris;
        let (min, max) = (uris.min_lifetime.0, uris.max_lifetime.0);
        let lifetime = uris.lifetime.get_ref().0;
        if !(min..=max).contains(&lifetime) {
            let text = format!(
                "{} s is not between uris.min_lifetime, {} s, and uris.max_lifetime, {} s",
                lifetime.as_secs_f64(),
                min.as_secs_f64(),
                max.as_secs_f64()
            );
            findings.push(self.error(&uris.lifetime, "uris.lifetime", text));
        }
        let algorithms = self.algorithms();
        let repeated = |n: usize| algorithms[..n].contains(&algorithms[n]);
        let given = &self.users.algorithms;
        if algorithms.is_empty() || (0..algorithms.len()).any(repeated) {
            let text = "expected \"md5\" or \"sha-256\", or both, best first";
            findings.push(self.error(given, "users.algorithms", text));
        } else if !algorithms.contains(&Algorithm::Md5) {
            let text = "clients that know MD5 alone, as RFC 4976 has it, cannot log in";
            findings.push(self.warning(given, "users.algorithms", text));
        } else if algorithms.len() > 1 {
            let text = "clients that read one challenge only may fail at the first one";
            findings.push(self.warning(given, "users.algorithms", text));
        }
    }

    fn judge_files(&self, findings: &mut Vec<Finding>) {
        let path = self.users_file();
        match users::read(&path, &self.realm()) {
            Ok(users) => self.judge_users(&users, &path, findings),
            Err(Unusable::Unreadable(error)) => {
                let text = format!("cannot read {}: {error}", path.display());
                findings.push(self.error(&self.users.file, "users.file", text));
            }
            Err(Unusable::Lines(lines)) => {
                findings.extend(lines.into_iter().map(|bad| Finding {
                    severity: Severity::Error,
                    file: path.clone(),
                    line: Some(bad.line),
                    key: String::new(),
                    text: bad.text,
                }));
            }
        }
        self.judge_rights(&self.users.file, &path, "users.file", findings);
    }

    fn judge_tls(&self, findings: &mut Vec<Finding>) {
        let (Some(tls), Some(config)) = (&self.tls, self.tls_config()) else {
            return;
        };
        self.judge_rights(&tls.key, &self.file(&tls.key), "tls.key", findings);
        let mut unreadable = false;
        for (file, key) in [
            (Some(&tls.certificate), "tls.certificate"),
            (Some(&tls.key), "tls.key"),
            (tls.ca.as_ref(), "tls.ca"),
        ] {
            let Some(file) = file else { continue };
            let path = self.file(file);
            if let Err(error) = std::fs::File::open(&path) {
                let text = format!("cannot read {}: {error}", path.display());
                findings.push(self.error(file, key, text));
                unreadable = true;
            }
        }
        if unreadable {
            return;
        }
        let certificate = match config.certificate() {
            Ok(certificate) => certificate,
            Err(error) => {
                findings.push(self.error(&tls.certificate, "tls", error.to_string()));
                return;
            }
        };
        for host in self.own_hosts() {
            // Addresses of IPv6 stand in brackets in URIs.
            let bare = host.trim_matches(['[', ']']);
            if !config.certifies(bare).unwrap_or(false) {
                let text = format!(
                    "the certificate is not for {host}: a client that checks it does not go on (RFC 4976 §9.2)"
                );
                findings.push(self.warning(&tls.certificate, "tls.certificate", text));
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs() as i64);
        let text = match certificate {
            Some(certificate) if certificate.not_after < now => "the certificate has expired",
            Some(certificate) if certificate.not_before > now => "the certificate is not valid yet",
            Some(certificate) if certificate.not_after < now + SOON => {
                "the certificate expires within a week"
            }
            _ => return,
        };
        findings.push(self.warning(&tls.certificate, "tls.certificate", text));
    }

    fn judge_users(&self, users: &Users, path: &Path, findings: &mut Vec<Finding>) {
        let warning = |line, text| Finding {
            severity: Severity::Warning,
            file: path.to_owned(),
            line,
            key: String::new(),
            text,
        };
        let realm = self.realm();
        if users.len() == 0 {
            let text = match users.elsewhere() {
                0 => "there are no users".to_owned(),
                count => format!("there are no users of realm \"{realm}\", but {count} of others"),
            };
            findings.push(warning(None, text));
        }
        for algorithm in self.algorithms() {
            if let Some((count, first)) = users.without(algorithm) {
                let text = format!(
                    "{count} users have no line of {} and fail where a client answers with it; this is the first",
                    users::name(algorithm)
                );
                findings.push(warning(Some(first), text));
            }
        }
    }

    /// Files that everybody on the machine can read are no place for secrets.
    #[cfg(unix)]
    fn judge_rights<T>(
        &self,
        value: &Spanned<T>,
        path: &Path,
        key: &str,
        findings: &mut Vec<Finding>,
    ) {
        use std::os::unix::fs::PermissionsExt;

        let Ok(meta) = path.metadata() else { return };
        let mode = meta.permissions().mode() & 0o777;
        let who = match mode {
            mode if mode & 0o004 != 0 => "be read",
            mode if mode & 0o022 != 0 => "be changed",
            _ => return,
        };
        let text = format!(
            "{} has mode {mode:03o}: it can {who} by others; 600 is enough",
            path.display()
        );
        findings.push(self.warning(value, key, text));
    }

    #[cfg(not(unix))]
    fn judge_rights<T>(&self, _: &Spanned<T>, _: &Path, _: &str, _: &mut Vec<Finding>) {}

    fn error<T>(&self, value: &Spanned<T>, key: &str, text: impl Into<String>) -> Finding {
        self.finding(Severity::Error, self.line(value), key, text)
    }

    pub(super) fn warning<T>(
        &self,
        value: &Spanned<T>,
        key: &str,
        text: impl Into<String>,
    ) -> Finding {
        self.finding(Severity::Warning, self.line(value), key, text)
    }

    fn finding(
        &self,
        severity: Severity,
        line: Option<usize>,
        key: &str,
        text: impl Into<String>,
    ) -> Finding {
        Finding {
            severity,
            file: self.path.clone(),
            line,
            key: key.to_owned(),
            text: text.into(),
        }
    }
}
