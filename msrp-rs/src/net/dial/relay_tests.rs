//! Relays that are found by scripted records, and reached on addresses of this machine.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use msrp_conformance::covers;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::super::{Check, Dialler, SrvRecord};
use super::*;
use crate::engine::{PemSource, TlsConfig};
use crate::limits::Limits;
use crate::net::mailbox::Mailbox;
use crate::net::memory::Memory;
use crate::net::ready::{Ready, Signal};
use crate::net::resolve::{Names, Resolution, Resolver, ServiceResolution, Who, WhoServes};
use crate::net::socket::PeerSocket;
use crate::net::tls::handshake;
use crate::net::tls::verify::Guest;
use crate::proto::{IdSource, SessionKey};
use crate::wire::Host;

const PATIENCE: Duration = Duration::from_secs(60);

/// Answers from a script, and remembers what was asked. What it does not know fails.
#[derive(Default)]
struct Script {
    /// No addresses: never answered.
    names: HashMap<String, Vec<IpAddr>>,
    services: HashMap<String, Vec<SrvRecord>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn name(mut self, name: &str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|text| text.parse().expect("address"));
        self.names.insert(name.to_owned(), addresses.collect());
        self
    }

    /// Records of example.com: priority, port, target.
    fn service(mut self, records: &[(u16, u16, &str)]) -> Self {
        let records = records.iter().map(|(priority, port, target)| SrvRecord {
            priority: *priority,
            weight: 0,
            port: *port,
            target: (*target).to_owned(),
        });
        let name = "_msrps._tcp.example.com".to_owned();
        self.services.insert(name, records.collect());
        self
    }
}

impl Resolver for Script {
    fn resolve(&self, name: &str) -> Resolution {
        self.asked.lock().push(name.to_owned());
        let found = self.names.get(name).cloned();
        Box::pin(async move {
            match found {
                Some(none) if none.is_empty() => std::future::pending().await,
                Some(addresses) => Ok(addresses),
                None => Err(io::Error::other("no such name")),
            }
        })
    }

    fn service(&self, name: &str) -> ServiceResolution {
        self.asked.lock().push(name.to_owned());
        let found = self.services.get(name).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("SERVFAIL")) })
    }
}

struct Silent;

impl Signal for Silent {
    fn signal(&self) {}
    fn clear(&self) {}
}

/// Who dials.
struct Client {
    script: Arc<Script>,
    context: Arc<Context>,
    mailbox: Arc<Mailbox>,
    tls: Arc<Tls>,
}

impl Client {
    /// Trusts the CA alone.
    fn new(script: Script, ca: &Ca) -> Self {
        let limits = Limits {
            connect: Duration::from_secs(4),
            ..Limits::default()
        };
        Self::with(script, ca, limits, Check::None)
    }

    fn with(script: Script, ca: &Ca, limits: Limits, check: Check) -> Self {
        let script = Arc::new(script);
        let who = Who::Resolver(Arc::clone(&script) as Arc<dyn Resolver>);
        let names = Names::new(who, WhoServes::Resolver, &limits);
        let dialler = Dialler::new(&limits, names, check);
        let ready = Arc::new(Ready::new(Box::new(Silent)));
        let memory = Arc::new(Memory::new(limits.engine_memory));
        let key = SessionKey(1);
        let mailbox = Mailbox::new(key, Arc::new(limits.clone()), memory, ready, 0, 0);
        let config = TlsConfig {
            ca: Some(PemSource::Text(ca.issuer.pem().into_bytes())),
            ..TlsConfig::default()
        };
        Self {
            script,
            context: Context::new(limits, IdSource::new([7; 32]), dialler),
            mailbox,
            tls: Arc::new(Tls::new(&config).expect("a configuration")),
        }
    }

    fn asks(&self) -> Asks<'_> {
        Asks(&self.mailbox)
    }

    async fn dial(&self, uri: &str) -> Result<SocketAddr> {
        let uri = uri.parse().expect("a URI");
        let source = Source::default();
        let asks = self.asks();
        let dialled = relay(&self.context, &asks, &uri, &source, Some(&self.tls));
        let dialled = tokio::time::timeout(PATIENCE, dialled);
        dialled.await.expect("in time").map(|(_, address)| address)
    }

    async fn fails(&self, uri: &str) -> (ErrorKind, String) {
        let error = self.dial(uri).await.expect_err("it cannot be reached");
        (error.kind, error.context)
    }

    fn asked(&self) -> Vec<String> {
        self.script.asked.lock().clone()
    }
}

/// As a session asks.
struct Asks<'a>(&'a Arc<Mailbox>);

impl super::Client for Asks<'_> {
    async fn addresses(&self, context: &Context, name: &str) -> Result<Vec<IpAddr>> {
        let Dialler {
            names, questions, ..
        } = &context.dialler;
        (names.addresses(&context.limits, questions, self.0, name)).await
    }

    async fn records(&self, context: &Context, name: &str) -> Result<Vec<SrvRecord>> {
        let Dialler {
            names, questions, ..
        } = &context.dialler;
        (names.records(&context.limits, questions, self.0, name)).await
    }

    async fn allows(&self, context: &Context, host: &Host, address: SocketAddr) -> bool {
        let Dialler {
            check, questions, ..
        } = &context.dialler;
        (check.allows(questions, self.0, host, address)).await
    }
}

struct Ca {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = rcgen::CertifiedIssuer::self_signed(params, key).expect("a CA");
        Self { issuer }
    }

    /// A relay at an address, with a certificate for this name, that answers handshakes and keeps what comes of them.
    async fn relay(&self, at: &str, name: &str) -> SocketAddr {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let cert = params.signed_by(&key, &self.issuer).expect("signed");
        let config = TlsConfig {
            ca: Some(PemSource::Text(self.issuer.pem().into_bytes())),
            cert: Some(PemSource::Text(cert.pem().into_bytes())),
            key: Some(PemSource::Text(key.serialize_pem().into_bytes())),
            ..TlsConfig::default()
        };
        let tls = Tls::new(&config).expect("a configuration");
        let listener = TcpListener::bind(at).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let stream = PeerSocket::new(stream).expect("a socket");
                kept.push(
                    handshake::accept(&tls, stream, Guest::OfSession(Arc::new(|_| true)), PATIENCE)
                        .await,
                );
            }
        });
        address
    }
}

/// An address where nobody listens, and that nobody else gets meanwhile.
fn dead(at: &str) -> (SocketAddr, socket2::Socket) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let at: SocketAddr = format!("{at}:0").parse().expect("an address");
    socket.bind(&at.into()).expect("a port");
    let bound = socket.local_addr().expect("bound").as_socket();
    (bound.expect("IPv4"), socket)
}

#[tokio::test]
async fn rfc4976_8_an_explicit_port_is_dialled_without_service_records() {
    let ca = Ca::new();
    let relay = ca.relay("127.0.0.2:0", "example.com").await;
    let script = Script::default()
        .name("example.com", &["127.0.0.2"])
        .service(&[(0, 1, "other.example.com.")]);
    let client = Client::new(script, &ca);
    let uri = format!("msrps://Example.com:{};tcp", relay.port());
    assert_eq!(client.dial(&uri).await.expect("reached"), relay);
    assert_eq!(client.asked(), ["example.com"]);
    covers!("R-190", "T-45");
}

#[tokio::test]
async fn rfc4976_8_the_next_server_is_tried_when_one_fails() {
    let ca = Ca::new();
    let relay = ca.relay("127.0.0.2:0", "example.com").await;
    let (refuses, _bound) = dead("127.0.0.3");
    let script = Script::default()
        .name("refuses.example.com", &["127.0.0.3"])
        .name("silent.example.com", &[])
        .name("server2.example.com", &["127.0.0.2"])
        .service(&[
            (0, refuses.port(), "refuses.example.com."),
            (1, 1, "unknown.example.com."),
            (2, 1, "silent.example.com."),
            (3, relay.port(), "server2.example.com."),
            (4, relay.port(), "server4.example.com."),
        ]);
    let client = Client::new(script, &ca);
    let reached = client.dial("msrps://example.com;tcp").await;
    assert_eq!(reached.expect("reached"), relay);
    assert_eq!(
        client.asked(),
        [
            "_msrps._tcp.example.com",
            "refuses.example.com",
            "unknown.example.com",
            "silent.example.com",
            "server2.example.com"
        ]
    );
    covers!("R-191");
}

#[tokio::test]
async fn rfc4976_8_servers_that_are_all_dead_are_an_error() {
    let ca = Ca::new();
    // The name itself would do: it is not asked for.
    let alive = ca.relay("127.28.55.1:2855", "example.com").await;
    let (refuses, _bound) = dead("127.0.0.3");
    let script = Script::default()
        .name("refuses.example.com", &["127.0.0.3"])
        .name("example.com", &["127.28.55.1"])
        .service(&[
            (0, refuses.port(), "refuses.example.com."),
            (1, 9, "unknown.example.com."),
        ]);
    let client = Client::new(script, &ca);
    let (kind, text) = client.fails("msrps://example.com;tcp").await;
    assert_eq!(kind, ErrorKind::Connect);
    assert_eq!(
        text,
        format!(
            "no server of relay example.com can be used: cannot connect to {}: 127.0.0.3: connection refused; \
             unknown.example.com:9: cannot resolve unknown.example.com: no such name",
            format_args!("refuses.example.com:{}", refuses.port())
        )
    );
    assert!(!client.asked().contains(&"example.com".to_owned()));
    assert_eq!(alive.port(), 2855);
    covers!("R-191", "T-45");
}

#[tokio::test]
async fn rfc4976_8_a_name_without_records_is_dialled_at_port_2855() {
    let ca = Ca::new();
    let relay = ca.relay("127.28.55.2:2855", "example.com").await;
    let script = Script::default()
        .name("example.com", &["127.28.55.2"])
        .service(&[]);
    let client = Client::new(script, &ca);
    let reached = client.dial("msrps://example.com;tcp").await;
    assert_eq!(reached.expect("reached"), relay);
    assert_eq!(client.asked(), ["_msrps._tcp.example.com", "example.com"]);
    covers!("R-192", "T-45");
}

#[tokio::test]
async fn rfc2782_a_target_of_a_dot_is_an_error_and_nothing_is_dialled() {
    let ca = Ca::new();
    let script = Script::default()
        .name("example.com", &["127.0.0.1"])
        .service(&[(0, 0, ".")]);
    let client = Client::new(script, &ca);
    let (kind, text) = client.fails("msrps://example.com;tcp").await;
    assert_eq!(kind, ErrorKind::Connect);
    assert_eq!(text, "example.com offers no relay (target \".\")");
    assert_eq!(client.asked(), ["_msrps._tcp.example.com"]);
    covers!("R-193");
}

#[tokio::test]
async fn nobody_knowing_is_no_answer() {
    let ca = Ca::new();
    let script = Script::default().name("example.com", &["127.0.0.1"]);
    let client = Client::new(script, &ca);
    let (_, text) = client.fails("msrps://example.com;tcp").await;
    assert_eq!(
        text,
        "cannot look up the service _msrps._tcp.example.com: SERVFAIL"
    );
    assert_eq!(client.asked(), ["_msrps._tcp.example.com"]);
}

#[tokio::test]
async fn rfc4976_9_2_the_certificate_is_for_the_name_in_the_uri() {
    let ca = Ca::new();
    let wrong = ca.relay("127.0.0.2:0", "server1.example.com").await;
    let right = ca.relay("127.0.0.3:0", "example.com").await;
    let names = || {
        Script::default()
            .name("server1.example.com", &["127.0.0.2"])
            .name("server2.example.com", &["127.0.0.3"])
    };
    let alone = names().service(&[(0, wrong.port(), "server1.example.com.")]);
    let (kind, text) = Client::new(alone, &ca)
        .fails("msrps://example.com;tcp")
        .await;
    assert_eq!(kind, ErrorKind::Tls);
    assert!(
        text.contains("example.com") && text.contains("server1.example.com"),
        "{text}"
    );
    // The same server by its own name.
    let by_name = Client::new(names(), &ca);
    let uri = format!("msrps://server1.example.com:{};tcp", wrong.port());
    assert_eq!(by_name.dial(&uri).await.expect("reached"), wrong);
    // What fails in TLS has failed.
    let both = names().service(&[
        (0, wrong.port(), "server1.example.com."),
        (1, right.port(), "server2.example.com."),
    ]);
    let client = Client::new(both, &ca);
    let reached = client.dial("msrps://example.com;tcp").await;
    assert_eq!(reached.expect("reached"), right);
    covers!("R-195");
}

#[tokio::test]
async fn the_host_judges_each_server() {
    let ca = Ca::new();
    let relay = ca.relay("127.0.0.2:0", "example.com").await;
    let script = Script::default()
        .name("server1.example.com", &["127.0.0.1"])
        .name("server2.example.com", &["127.0.0.2"])
        .service(&[
            (0, relay.port(), "server1.example.com."),
            (1, relay.port(), "server2.example.com."),
        ]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let judge = Arc::clone(&seen);
    let check = Check::Function(Arc::new(move |_, host, address| {
        judge.lock().push(host.to_string());
        address.ip() != IpAddr::from([127, 0, 0, 1])
    }));
    let client = Client::with(script, &ca, Limits::default(), check);
    let reached = client.dial("msrps://example.com;tcp").await;
    assert_eq!(reached.expect("reached"), relay);
    assert_eq!(*seen.lock(), ["server1.example.com", "server2.example.com"]);
}

#[tokio::test]
async fn a_relay_over_tls_needs_a_configuration_and_any_other_none() {
    let ca = Ca::new();
    let client = Client::new(Script::default(), &ca);
    let (refuses, _bound) = dead("127.0.0.3");
    let source = Source::default();
    for (scheme, kind) in [("msrps", ErrorKind::Tls), ("msrp", ErrorKind::Connect)] {
        let uri = format!("{scheme}://{refuses};tcp").parse().expect("a URI");
        let dialled = relay(&client.context, &client.asks(), &uri, &source, None).await;
        assert_eq!(dialled.err().map(|error| error.kind), Some(kind));
    }
}
