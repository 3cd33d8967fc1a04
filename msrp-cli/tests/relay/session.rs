//! Sessions of the engine behind relays that run as processes: as users have it.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use msrp::{
    Engine, EngineOptions, NameResolution, PemSource, RelayLogin, Resolution, Resolver,
    SendOptions, Session, SessionOptions, TlsConfig,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::daemon::{Daemon, PASSWORD, folder};
use crate::running::DEADLINE;
use crate::support::Folder;

/// A CA for relays.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("signed"))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Gives a relay its certificate, and this CA to trust.
    fn certify(&self, folder: &Folder, name: &str) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        fs::write(folder.path("relay.pem"), certificate.pem()).expect("written");
        fs::write(folder.path("relay.key"), key.serialize_pem()).expect("written");
        fs::write(folder.path("ca.pem"), self.pem()).expect("written");
    }
}

/// Every name is this machine.
struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, _: &str) -> Resolution {
        Box::pin(async { Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()]) })
    }
}

fn engine() -> Engine {
    let options = EngineOptions {
        resolver: NameResolution::Resolver(Arc::new(Loopback)),
        ..EngineOptions::default()
    };
    Engine::new(options).expect("an engine")
}

fn login(name: &str, address: SocketAddr, user: &str, ca: &Authority) -> RelayLogin {
    let uri = format!("msrps://{name}:{};tcp", address.port());
    RelayLogin {
        tls: Some(TlsConfig {
            ca: Some(PemSource::Text(ca.pem().into())),
            ..TlsConfig::default()
        }),
        ..RelayLogin::new(uri, user, PASSWORD)
    }
}

fn session(engine: &Engine, relays: Vec<RelayLogin>) -> Session {
    let options = SessionOptions {
        relays,
        accept_types: Some(vec!["*".into()]),
        ..SessionOptions::default()
    };
    engine.session(options).expect("a session")
}

/// Opens both sessions, and sends a text and something large each way.
async fn talk(alice: &Session, bob: &Session) {
    for session in [alice, bob] {
        session.authenticate(DEADLINE).await.expect("logged in");
    }
    let offer = alice.create_offer().expect("an offer");
    let answer = bob.create_answer(&offer).expect("an answer");
    alice.set_remote(&answer).expect("an answer");
    tokio::try_join!(alice.open(DEADLINE), bob.open(DEADLINE)).expect("open");
    let large: Vec<u8> = (0..500_000_u32).map(|n| (n * 7) as u8).collect();
    for (from, to) in [(alice, bob), (bob, alice)] {
        let options = || SendOptions {
            success_report: true,
            ..SendOptions::default()
        };
        let text = from.send("Hello", options()).await.expect("sent");
        let mut message = to.recv().await.expect("a message");
        assert_eq!(message.text().await.expect("a text"), "Hello");
        text.delivered(DEADLINE).await.expect("delivered");
        let octets = SendOptions {
            content_type: "application/octet-stream".into(),
            ..options()
        };
        let bulk = from.send(large.clone(), octets).await.expect("sent");
        let mut message = to.recv().await.expect("a message");
        assert_eq!(message.read().await.expect("octets")[..], large[..]);
        bulk.delivered(DEADLINE).await.expect("delivered");
    }
}

fn config(name: &str, more: &str) -> String {
    format!(
        "name = \"{name}\"\nrealm = \"here\"\n{more}\nlisten = [{{ address = \"127.0.0.1:0\" }}]\n\
         tls = {{ certificate = \"relay.pem\", key = \"relay.key\", ca = \"ca.pem\" }}\n\
         users = {{ file = \"users\", algorithms = [\"sha-256\", \"md5\"] }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sessions_talk_through_a_relay() {
    let ca = Authority::new();
    let folder = folder("session", &config("relay.example.com", ""));
    ca.certify(&folder, "relay.example.com");
    let daemon = Daemon::start(&folder, &[]);
    let address = daemon.addresses[0];
    let engine = engine();
    let at = |user| vec![login("relay.example.com", address, user, &ca)];
    let (alice, bob) = (session(&engine, at("alice")), session(&engine, at("bob")));
    talk(&alice, &bob).await;
    #[cfg(unix)]
    {
        let stats = daemon.stats();
        assert_eq!(stats["tokens"], 2);
        assert_eq!(stats["dialled"], 0);
    }
    engine.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sessions_talk_through_a_chain_of_relays() {
    let ca = Authority::new();
    // A name that the inner one can look up.
    let outer_config = config("localhost", "insecure.short_names = true");
    let outer_folder = folder("outer", &outer_config);
    ca.certify(&outer_folder, "localhost");
    let outer = Daemon::start(&outer_folder, &[]);
    // The outer relay is on this machine.
    let allow = "next_hops.allow = [\"127.0.0.0/8\", \"::1\"]";
    let inner_folder = folder("inner", &config("inner.example.com", allow));
    ca.certify(&inner_folder, "inner.example.com");
    let inner = Daemon::start(&inner_folder, &[]);
    let engine = engine();
    let chain = vec![
        login("inner.example.com", inner.addresses[0], "alice", &ca),
        login("localhost", outer.addresses[0], "alice", &ca),
    ];
    let alice = session(&engine, chain);
    let at_outer = login("localhost", outer.addresses[0], "bob", &ca);
    let bob = session(&engine, vec![at_outer]);
    talk(&alice, &bob).await;
    #[cfg(unix)]
    {
        assert_eq!(inner.stats()["dialled"], 1, "one connection for all");
        assert_eq!(outer.stats()["tokens"], 2);
        outer.wait_log("is the relay inner.example.com");
    }
    engine.shutdown(Duration::from_secs(5)).await;
}
