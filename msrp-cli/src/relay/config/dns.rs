//! What the DNS says of a relay, and what it does not say yet (RFC 4976 §8).

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

use msrp::wire::Host;
use msrp::{Resolver, SrvRecord};
use toml::Spanned;

use super::values::{HostName, Text};
use super::{Config, Finding, Listen};

/// Where a relay is looked for whose name has no service records.
const FALLBACK: u16 = 2855;

/// The time that clients may keep a record, in the lines that are proposed.
const TTL: u32 = 3600;

impl Config {
    /// Warnings of what its operator should write into the DNS, each with the line: a service record for each of the
    /// `hosts` that leads to this relay, and addresses for its name and for all targets (RFC 4976 §8).
    ///
    /// A relay whose name is an address is not in the DNS; nothing is asked then.
    pub(crate) async fn judge_dns(&self, resolver: &dyn Resolver) -> Vec<Finding> {
        let Some(name) = domain(&self.name) else {
            return Vec::new();
        };
        let mut judge = Judge {
            config: self,
            name,
            resolver,
            asked: BTreeMap::new(),
            told: BTreeSet::new(),
            findings: Vec::new(),
        };
        judge.judge().await;
        judge.findings.sort_by_key(|finding| finding.line);
        judge.findings
    }

    /// Where clients may log in.
    fn secure(&self) -> impl Iterator<Item = &Listen> {
        self.listen.get_ref().iter().filter(|listen| listen.tls)
    }

    /// The ports by which it is reached, the one of its URIs first; port 0 is none.
    fn ports(&self) -> Vec<u16> {
        let mapped = self.port.map(|port| port.0 as u16);
        let own = self.secure().map(|listen| listen.address.get_ref().0.port);
        mapped.into_iter().chain(own).filter(|p| *p != 0).collect()
    }

    /// Listeners that are reached at this port and at one address, which others can reach, too. Which addresses a NAT
    /// has before them nobody knows here.
    fn addressed(&self, port: u16) -> impl Iterator<Item = (&Listen, IpAddr)> {
        let is_mapped = self.port.is_some();
        self.secure().filter_map(move |listen| {
            let at = &listen.address.get_ref().0;
            let address: IpAddr = at.host.parse().ok()?;
            ((is_mapped || at.port == port) && is_reached(address)).then_some((listen, address))
        })
    }
}

struct Judge<'a> {
    config: &'a Config,
    /// The relay's.
    name: String,
    resolver: &'a dyn Resolver,
    /// The addresses of names.
    asked: BTreeMap<String, Result<Vec<IpAddr>, String>>,
    /// Names of whose addresses all is said, and for which port of this relay.
    told: BTreeSet<(String, Option<u16>)>,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    async fn judge(&mut self) {
        let config = self.config;
        let ports = config.ports();
        let name = self.name.clone();
        let port = ports.first().copied();
        self.addresses_of(&name, port, (&config.name, "name")).await;
        let Some(port) = port else {
            if let Some(listen) = config.secure().next() {
                let text = "port 0 takes another port each time, and no SRV record can name it";
                self.warn(&listen.address, "listen.address", text.to_owned());
            }
            return;
        };
        // Who knows the name finds the relay without a service record, at the port of those who have none.
        let is_found = ports.contains(&FALLBACK) || !config.hosts.is_empty();
        self.service(&name, (&config.name, "name"), port, !is_found)
            .await;
        let mut seen = BTreeSet::from([name]);
        for host in &config.hosts {
            let Some(domain) = domain(host) else { continue };
            if seen.insert(domain.clone()) {
                self.service(&domain, (host, "hosts"), port, true).await;
            }
        }
    }

    /// Whether the records of a domain lead here, and somewhere; it may have none if none is `needed`.
    async fn service(
        &mut self,
        domain: &str,
        at: (&Spanned<Text<HostName>>, &str),
        port: u16,
        needed: bool,
    ) {
        let service = format!("_msrps._tcp.{domain}");
        let records = match in_time(self.resolver.service(&service)).await {
            Ok(records) => records,
            Err(error) => {
                let text = format!("cannot ask the DNS for SRV records of {service}: {error}");
                return self.warn(at.0, at.1, text);
            }
        };
        let count = records.len();
        let (mut is_there, ports) = (false, self.config.ports());
        for record in records {
            let Some(target) = target(&record) else {
                continue;
            };
            let is_ours = ports.contains(&record.port) && self.leads_here(&target).await;
            is_there |= is_ours;
            let port = is_ours.then_some(record.port);
            self.addresses_of(&target, port, at).await;
        }
        if is_there || (count == 0 && !needed) {
            return;
        }
        let what = match count {
            0 => "no SRV record",
            _ => "no SRV record that leads to this relay",
        };
        let text = format!(
            "{service} has {what}: who knows {domain} alone does not find it (RFC 4976 §8); add \
             \"{service}. {TTL} IN SRV 0 0 {port} {}.\"",
            self.name
        );
        self.warn(at.0, at.1, text);
    }

    /// Whether this is the relay, or another name for its addresses.
    async fn leads_here(&mut self, target: &str) -> bool {
        let config = self.config;
        let mut listeners = config.secure().map(|l| &l.address.get_ref().0.host);
        if target == self.name || listeners.any(|host| plain(host) == target) {
            return true;
        }
        let name = self.name.clone();
        let (Ok(mut ours), Ok(theirs)) = (self.ask(&name).await, self.ask(target).await) else {
            // Nobody knows, and that is told of the addresses.
            return true;
        };
        let hosts = config.secure().map(|l| &l.address.get_ref().0.host);
        ours.extend(hosts.filter_map(|host| host.parse::<IpAddr>().ok()));
        theirs.iter().any(|address| ours.contains(address))
    }

    /// Whether a name has addresses; the relay's own at this port, if it is its own.
    async fn addresses_of(
        &mut self,
        name: &str,
        port: Option<u16>,
        at: (&Spanned<Text<HostName>>, &str),
    ) {
        let is_told = port.is_none() && self.told.iter().any(|(told, _)| told == name);
        if is_told || !self.told.insert((name.to_owned(), port)) {
            return;
        }
        let known = match self.ask(name).await {
            Ok(known) => known,
            Err(error) => {
                let text = format!("cannot ask the DNS for addresses of {name}: {error}");
                return self.warn(at.0, at.1, text);
            }
        };
        let config = self.config;
        let own = port.into_iter().flat_map(|port| config.addressed(port));
        let own: Vec<_> = own.filter(|(_, own)| !known.contains(own)).collect();
        if known.is_empty() && own.is_empty() {
            let text = format!(
                "{name} has no A or AAAA record that leads to another machine; add \
                 \"{name}. {TTL} IN A ADDRESS\", or AAAA (RFC 4976 §8)"
            );
            self.warn(at.0, at.1, text);
        }
        for (listen, address) in own {
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            let text = format!(
                "{name} has no {kind} record of this address; add \
                 \"{name}. {TTL} IN {kind} {address}\" (RFC 4976 §8)"
            );
            self.warn(&listen.address, "listen.address", text);
        }
    }

    /// The addresses of a name that lead to another machine, maybe none; each name is asked for once.
    async fn ask(&mut self, name: &str) -> Result<Vec<IpAddr>, String> {
        if let Some(known) = self.asked.get(name) {
            return known.clone();
        }
        // With the dot nobody looks in domains of his own.
        let answer = match name.parse::<IpAddr>() {
            // Targets are names: clients look for a name of these digits.
            Ok(_) => Ok(Vec::new()),
            Err(_) => match in_time(self.resolver.resolve(&format!("{name}."))).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                answer => answer.map_err(|error| error.to_string()),
            },
        };
        let answer = answer.map(|mut addresses| {
            addresses.retain(|a| !a.is_loopback() && !a.is_unspecified());
            addresses
        });
        self.asked.insert(name.to_owned(), answer.clone());
        answer
    }

    fn warn<T>(&mut self, value: &Spanned<T>, key: &str, text: String) {
        self.findings.push(self.config.warning(value, key, text));
    }
}

/// As long as an engine waits.
async fn in_time<T>(asked: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let limit = msrp::Limits::default().resolve;
    let answer = tokio::time::timeout(limit, asked).await;
    answer.unwrap_or_else(|_| Err(io::Error::other(format!("no answer within {limit:?}"))))
}

/// A host that the DNS may know.
fn domain(host: &Spanned<Text<HostName>>) -> Option<String> {
    match &host.get_ref().0.0 {
        Host::Name(name) => Some(plain(name)),
        Host::V4(_) | Host::V6(_) => None,
    }
}

/// Where a record leads to, if anywhere.
fn target(record: &SrvRecord) -> Option<String> {
    let target = plain(&record.target);
    (record.port != 0 && !target.is_empty()).then_some(target)
}

/// As names are compared.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether an address is the same for everybody, and belongs into the DNS.
fn is_reached(address: IpAddr) -> bool {
    if address.is_unspecified() || address.is_loopback() {
        return false;
    }
    match address {
        IpAddr::V4(v4) => {
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private() || v4.is_link_local() || is_shared)
        }
        IpAddr::V6(v6) => !(v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}
