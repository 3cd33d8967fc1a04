//! What the tests of a running relay share: relays over loopback whose users all have one password, and hand-made peers
//! that log in.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod secure;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use msrp::engine::{
    Engine, EngineOptions, RelayAnswer, RelayCredentials, RelayHandle, RelayListenOptions,
    RelayOptions, RelayStats, RelayUsers, TlsConfig,
};
use msrp::proto::auth::DigestInput;
use msrp::wire::{Challenge, Credentials};
use msrp::{Algorithm, Ha1};

use crate::engine_support::raw::RawPeer;
use crate::engine_support::{PATIENCE, wait_until};

pub(crate) const PASSWORD: &str = "secret";

/// Everybody whose name does not begin with `un` has the password.
pub(crate) struct Users;

impl RelayUsers for Users {
    fn credentials(&self, wanted: &RelayCredentials) -> RelayAnswer<Option<Ha1>> {
        RelayAnswer::Now(secret(wanted))
    }
}

pub(crate) fn secret(wanted: &RelayCredentials) -> Option<Ha1> {
    let (user, realm) = (&*wanted.user, &wanted.realm);
    let known = !user.starts_with("un");
    known.then(|| Ha1::from_password(wanted.algorithm, user, realm, PASSWORD))
}

/// A relay on loopback in an engine of its own.
pub(crate) struct TestRelay {
    pub(crate) engine: Engine,
    pub(crate) handle: RelayHandle,
    pub(crate) address: SocketAddr,
    /// `msrp` or `msrps`.
    scheme: &'static str,
    /// In its URIs.
    pub(crate) host: String,
}

impl TestRelay {
    /// Without TLS.
    pub(crate) fn plain() -> Self {
        Self::plain_with(|_| ())
    }

    pub(crate) fn plain_with(change: impl FnOnce(&mut RelayOptions)) -> Self {
        Self::over(EngineOptions::default(), change)
    }

    pub(crate) fn over(engine: EngineOptions, change: impl FnOnce(&mut RelayOptions)) -> Self {
        let mut options = options("127.0.0.1");
        options.insecure_plain_auth = true;
        change(&mut options);
        Self::start(engine, options, false)
    }

    /// With TLS; `host` is a name that leads to this machine.
    pub(crate) fn secure(
        host: &str,
        tls: TlsConfig,
        change: impl FnOnce(&mut RelayOptions),
    ) -> Self {
        Self::secure_over(EngineOptions::default(), host, tls, change)
    }

    pub(crate) fn secure_over(
        engine: EngineOptions,
        host: &str,
        tls: TlsConfig,
        change: impl FnOnce(&mut RelayOptions),
    ) -> Self {
        let mut options = options(host);
        options.tls = Some(tls);
        change(&mut options);
        let engine = EngineOptions {
            resolver: msrp::NameResolution::Resolver(Arc::new(Loopback)),
            ..engine
        };
        Self::start(engine, options, true)
    }

    fn start(engine: EngineOptions, options: RelayOptions, secure: bool) -> Self {
        let engine = Engine::new(engine).expect("an engine");
        let host = options.hosts[0].clone();
        let handle = engine.relay(options).expect("a relay");
        let listen = RelayListenOptions {
            host: "127.0.0.1".into(),
            port: 0,
            secure,
            ..RelayListenOptions::default()
        };
        let listener = engine.relay_listen(handle, listen).expect("a listener");
        Self {
            address: engine.listener_address(listener).expect("an address"),
            engine,
            handle,
            scheme: if secure { "msrps" } else { "msrp" },
            host,
        }
    }

    /// A URI of it, or of somebody at it.
    pub(crate) fn uri(&self, user: &str) -> String {
        let (scheme, host, port) = (self.scheme, &self.host, self.address.port());
        match user {
            "" => format!("{scheme}://{host}:{port};tcp"),
            user => format!("{scheme}://{user}@{host}:{port};tcp"),
        }
    }

    pub(crate) fn connect(&self) -> RawPeer {
        RawPeer::from_stream(self.dial())
    }

    /// A connection to it on which what is written leaves at once.
    pub(crate) fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("connected");
        stream.set_nodelay(true).expect("set");
        stream
    }

    /// A peer that has a URI of the relay.
    pub(crate) fn client(&self, user: &str) -> Client {
        let peer = self.connect();
        let own = format!(
            "msrp://127.0.0.1:{}/{user};tcp",
            peer.stream.local_addr().expect("bound").port()
        );
        Client::log_in(peer, &self.uri(user), user, &own)
    }

    pub(crate) fn stats(&self) -> RelayStats {
        self.engine.relay_stats(self.handle).expect("alive")
    }

    #[track_caller]
    pub(crate) fn wait(&self, mut is_so: impl FnMut(&RelayStats) -> bool) {
        wait_until(|| is_so(&self.stats()));
    }
}

/// Every name is this machine.
pub(crate) struct Loopback;

impl msrp::Resolver for Loopback {
    fn resolve(&self, _: &str) -> msrp::Resolution {
        Box::pin(async { Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()]) })
    }
}

pub(crate) fn options(host: &str) -> RelayOptions {
    let mut options = RelayOptions::new(host, Arc::new(Users));
    options.numeric_hosts = true;
    options.networks = vec!["127.0.0.0/8".parse().expect("a network")];
    options
}

/// The value of a header of a frame.
#[track_caller]
pub(crate) fn header<'a>(frame: &'a str, name: &str) -> &'a str {
    let line = frame.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {frame}"));
    line[name.len() + 1..].trim()
}

/// The status of a response.
#[track_caller]
pub(crate) fn status(frame: &str) -> &str {
    frame.split([' ', '\r']).nth(2).expect("a status")
}

/// A peer that has a URI of a relay.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) peer: RawPeer<S>,
    /// Its own URI.
    pub(crate) own: String,
    /// What it got.
    pub(crate) token: String,
}

impl<S: Read + Write> Client<S> {
    #[track_caller]
    pub(crate) fn log_in(mut peer: RawPeer<S>, relay: &str, user: &str, own: &str) -> Self {
        let answer = auth(&mut peer, relay, own, user, PASSWORD, "");
        assert_eq!(status(&answer), "200", "{answer}");
        Self {
            peer,
            own: own.to_owned(),
            token: header(&answer, "Use-Path:").to_owned(),
        }
    }

    /// Sends a message through its relay to somebody.
    pub(crate) fn send(&mut self, to: &str, id: &str, body: &str) {
        let to = format!("{} {to}", self.token);
        self.peer.send(&to, &self.own.clone(), id, body);
    }

    /// How others reach it.
    pub(crate) fn path(&self) -> String {
        let mut uris: Vec<&str> = self.token.split(' ').collect();
        uris.reverse();
        uris.push(&self.own);
        uris.join(" ")
    }

    /// Reads the next request and answers it 200; gives it.
    #[track_caller]
    pub(crate) fn take(&mut self) -> String {
        let frame = self.peer.frame();
        self.peer.answer(&frame, "200 OK");
        frame
    }
}

/// The head of a SEND of a message of `len` octets, and its end-line.
pub(crate) fn chunk<S>(
    client: &Client<S>,
    to: &str,
    id: &str,
    len: usize,
    more: &str,
) -> (String, String) {
    let (token, own) = (&client.token, &client.own);
    let head = format!(
        "MSRP {id} SEND\r\nTo-Path: {token} {to}\r\nFrom-Path: {own}\r\nMessage-ID: {id}m\r\n\
         Byte-Range: 1-*/{len}\r\n{more}Content-Type: text/plain\r\n\r\n"
    );
    (head, format!("\r\n-------{id}$\r\n"))
}

/// AUTH until a final answer: once without, once with credentials.
#[track_caller]
pub(crate) fn auth<S: Read + Write>(
    peer: &mut RawPeer<S>,
    to: &str,
    own: &str,
    user: &str,
    password: &str,
    more: &str,
) -> String {
    let challenged = exchange(peer, "auth1", to, own, more);
    if status(&challenged) != "401" {
        return challenged;
    }
    let authorization = authorization(&challenged, to, user, password, 1);
    let more = format!("Authorization: {authorization}\r\n{more}");
    exchange(peer, "auth2", to, own, &more)
}

/// One AUTH and its answer.
#[track_caller]
pub(crate) fn exchange<S: Read + Write>(
    peer: &mut RawPeer<S>,
    id: &str,
    to: &str,
    own: &str,
    more: &str,
) -> String {
    let request =
        format!("MSRP {id} AUTH\r\nTo-Path: {to}\r\nFrom-Path: {own}\r\n{more}-------{id}$\r\n");
    peer.write(request.as_bytes());
    peer.frame()
}

/// The answer to the challenge in a 401.
pub(crate) fn authorization(
    challenged: &str,
    to: &str,
    user: &str,
    password: &str,
    nc: u32,
) -> String {
    let value = header(challenged, "WWW-Authenticate:");
    let challenge = Challenge::parse(value.as_bytes())
        .expect("good")
        .expect("Digest");
    let algorithm = challenge.algorithm().unwrap_or(Algorithm::Md5);
    let ha1 = Ha1::from_password(algorithm, user, &challenge.realm, password);
    let uri = to.split(' ').next_back().expect("a URI");
    let input = DigestInput {
        nonce: &challenge.nonce,
        nc,
        cnonce: "0a4f113b",
        uri,
    };
    let response = ha1.response(&input);
    Credentials {
        username: user.to_owned(),
        realm: challenge.realm,
        nonce: challenge.nonce,
        uri: Some(uri.to_owned()),
        nc,
        cnonce: "0a4f113b".to_owned(),
        response,
        opaque: challenge.opaque,
        algorithm: challenge.algorithm,
    }
    .to_value()
}

/// Whether nothing comes on a connection for a moment.
pub(crate) fn is_silent(peer: &mut RawPeer) -> bool {
    let moment = Some(Duration::from_millis(300));
    peer.stream.set_read_timeout(moment).expect("a timeout");
    let silent = peer.input.is_empty() && peer.stream.read(&mut [0; 1]).is_err();
    peer.stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout");
    silent
}

/// A deadline for loops of tests.
pub(crate) fn deadline() -> Instant {
    Instant::now() + PATIENCE
}
