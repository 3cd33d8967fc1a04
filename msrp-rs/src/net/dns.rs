//! The DNS asked by the engine itself, with `hickory-resolver`: for service records, which the operating system's call
//! for names knows nothing of (RFC 4976 §8).
//!
//! What the records mean is decided in `dial::service`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{TokioResolver, system_conf};

use super::dial::SrvRecord;
use super::resolve::{Resolution, Resolver, ServiceResolution};

/// Asks name servers itself, for addresses and for service records. With the feature `dns`.
///
/// By default those that the system is configured with (on Unix in `/etc/resolv.conf`), and for addresses its file of
/// hosts first. Other sources of names that a system may have, as mDNS or a directory, are not asked:
/// [`SystemResolver`](super::resolve::SystemResolver) does that, and asks for service records as this does. Nothing is
/// kept, neither answers nor the configuration: both are as they are when a name is asked for.
///
/// ```
/// use msrp::{EngineOptions, HickoryResolver, NameResolution};
/// use std::sync::Arc;
///
/// let servers = ["192.0.2.53:53".parse().expect("an address and a port")];
/// let options = EngineOptions {
///     resolver: NameResolution::Resolver(Arc::new(HickoryResolver::with_servers(servers))),
///     ..EngineOptions::default()
/// };
/// ```
#[derive(Debug, Clone, Default)]
pub struct HickoryResolver {
    /// Instead of the system's.
    servers: Option<Arc<[SocketAddr]>>,
}

impl HickoryResolver {
    /// Asks the name servers that the system is configured with.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks these name servers, over UDP, and over TCP for what is too long for it. Without any, each name is an error.
    pub fn with_servers(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            servers: Some(servers.into_iter().collect()),
        }
    }

    async fn ready(self) -> io::Result<TokioResolver> {
        // Files are read.
        let configured = tokio::task::spawn_blocking(move || self.configured());
        configured.await.map_err(io::Error::other)?
    }

    fn configured(&self) -> io::Result<TokioResolver> {
        let (config, mut options) = match &self.servers {
            Some(servers) => {
                let servers = servers.iter().map(|server| of(*server)).collect();
                let mut options = ResolverOpts::default();
                options.use_hosts_file = ResolveHosts::Never;
                (ResolverConfig::from_name_servers(servers), options)
            }
            None => system_conf::read_system_conf().map_err(reason)?,
        };
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.cache_size = 0;
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        builder.build().map_err(reason)
    }
}

impl Resolver for HickoryResolver {
    fn resolve(&self, name: &str) -> Resolution {
        let (this, name) = (self.clone(), name.to_owned());
        Box::pin(async move {
            let found = this.ready().await?.lookup_ip(name).await.map_err(reason)?;
            Ok(found.iter().collect())
        })
    }

    fn service(&self, name: &str) -> ServiceResolution {
        // A domain as it stands in a URI is no name to be searched for in domains of ours.
        let (this, name) = (self.clone(), format!("{}.", name.trim_end_matches('.')));
        Box::pin(async move {
            match this.ready().await?.srv_lookup(name).await {
                Ok(found) => Ok(found.answers().iter().filter_map(record).collect()),
                Err(error) if is_none(&error) => Ok(Vec::new()),
                Err(error) => Err(reason(error)),
            }
        })
    }
}

fn of(server: SocketAddr) -> NameServerConfig {
    let mut config = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut config.connections {
        connection.port = server.port();
    }
    config
}

fn record(answer: &hickory_resolver::proto::rr::Record) -> Option<SrvRecord> {
    let RData::SRV(srv) = &answer.data else {
        // An alias on the way.
        return None;
    };
    Some(SrvRecord {
        priority: srv.priority,
        weight: srv.weight,
        port: srv.port,
        target: srv.target.to_ascii(),
    })
}

/// Whether the name servers say that there are no records; not that they do not know.
fn is_none(error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else {
        return false;
    };
    matches!(
        none.response_code,
        ResponseCode::NXDomain | ResponseCode::NoError
    )
}

fn reason(error: NetError) -> io::Error {
    match &error {
        NetError::Dns(DnsError::NoRecordsFound(_)) if is_none(&error) => {
            io::Error::new(io::ErrorKind::NotFound, "no such name, or no address")
        }
        _ => io::Error::other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    const SERVICE: &str = "_msrps._tcp.example.com";

    /// Octets of a name, uncompressed.
    fn name(text: &str) -> Vec<u8> {
        let labels = text.split('.').filter(|label| !label.is_empty());
        let mut octets: Vec<u8> = labels
            .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
            .collect();
        octets.push(0);
        octets
    }

    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> (u16, Vec<u8>) {
        let numbers = [priority, weight, port].map(u16::to_be_bytes).concat();
        (33, [numbers, name(target)].concat())
    }

    /// A name server that gives these answers to a name: a response code, and records by type and data.
    async fn server(
        answers: impl Fn(&[u8], u16) -> (u8, Vec<(u16, Vec<u8>)>) + Send + 'static,
    ) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("bound");
        tokio::spawn(async move {
            let mut query = [0; 2048];
            while let Ok((len, from)) = socket.recv_from(&mut query).await {
                // One question, behind a header of twelve octets: its name, type and class.
                let end = 12
                    + query[12..len]
                        .iter()
                        .position(|octet| *octet == 0)
                        .expect("a name")
                    + 1;
                let kind = u16::from_be_bytes([query[end], query[end + 1]]);
                let (code, records) = answers(&query[12..end], kind);
                let count = records.len() as u8;
                let mut response = query[..2].to_vec();
                response.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
                response.extend(&query[12..end + 4]);
                for (kind, data) in records {
                    // The name of the question, the class of the internet, a minute.
                    response.extend([0xc0, 12]);
                    response.extend(kind.to_be_bytes());
                    response.extend([0, 1, 0, 0, 0, 60]);
                    response.extend((data.len() as u16).to_be_bytes());
                    response.extend(data);
                }
                socket.send_to(&response, from).await.expect("sent");
            }
        });
        address
    }

    #[tokio::test]
    async fn records_of_a_service_come_as_the_name_server_says() {
        let server = server(|asked, kind| match (asked == name(SERVICE), kind) {
            (true, 33) => (0, vec![srv(1, 2, 2855, "a.example.com"), srv(0, 0, 0, ".")]),
            _ => (3, Vec::new()),
        })
        .await;
        let resolver = HickoryResolver::with_servers([server]);
        let mut records = resolver.service(SERVICE).await.expect("records");
        records.sort_by_key(|record| record.priority);
        let expected = [(0, 0, 0, "."), (1, 2, 2855, "a.example.com.")];
        let expected = expected.map(|(priority, weight, port, target)| SrvRecord {
            priority,
            weight,
            port,
            target: target.to_owned(),
        });
        assert_eq!(records, expected);
        // It is not there, and its name servers say so.
        assert_eq!(
            resolver
                .service("_msrps._tcp.example.org")
                .await
                .expect("none"),
            []
        );
    }

    #[tokio::test]
    async fn no_records_are_an_answer_and_no_answer_is_an_error() {
        let empty = server(|_, _| (0, Vec::new())).await;
        let records = HickoryResolver::with_servers([empty])
            .service(SERVICE)
            .await;
        assert_eq!(records.expect("none"), []);
        for code in [2, 5] {
            let fails = server(move |_, _| (code, Vec::new())).await;
            let resolver = HickoryResolver::with_servers([fails]);
            resolver.service(SERVICE).await.expect_err("nobody knows");
            resolver
                .resolve("example.com")
                .await
                .expect_err("nobody knows");
        }
        let nobody = HickoryResolver::with_servers([]);
        nobody.service(SERVICE).await.expect_err("nobody to ask");
    }

    #[tokio::test]
    async fn names_have_addresses_of_both_families() {
        let v6 = vec![0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let server = server(
            move |asked, kind| match (asked == name("example.com"), kind) {
                (true, 1) => (0, vec![(1, vec![192, 0, 2, 1])]),
                (true, 28) => (0, vec![(28, v6.clone())]),
                _ => (3, Vec::new()),
            },
        )
        .await;
        let resolver = HickoryResolver::with_servers([server]);
        let mut found = resolver.resolve("example.com").await.expect("addresses");
        found.sort();
        let expected: [std::net::IpAddr; 2] =
            ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().expect("one"));
        assert_eq!(found, expected);
        let error = resolver.resolve("example.org").await.expect_err("none");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(error.to_string(), "no such name, or no address");
    }

    #[tokio::test]
    async fn localhost_is_asked_of_nobody() {
        let resolver = HickoryResolver::with_servers([]);
        let found = resolver.resolve("localhost").await.expect("known");
        assert!(found.iter().all(std::net::IpAddr::is_loopback));
    }
}
