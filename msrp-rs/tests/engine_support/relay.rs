//! A relay made for tests of its clients: it challenges, gives URIs, forwards whole frames, and misbehaves as it is told.

use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use msrp::engine::{RelayLogin, SessionOptions, TlsConfig};
use msrp::proto::auth::{Algorithm, DigestInput, Ha1};
use rustls::ServerConfig;

use super::tls::text;
use super::tls_peer::{Authority, accept, server_config};
use super::wait_until;

pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "secret";
pub(crate) const REALM: &str = "relay.example.com";

/// What the relay does.
#[derive(Clone)]
pub(crate) struct Manners {
    /// Seconds in Expires of a 200.
    pub(crate) expires: Option<u64>,
    /// The same of the outer relay, where it differs.
    pub(crate) outer_expires: Option<u64>,
    /// What it answers to the next AUTHs that have credentials, before it goes on as usual. Empty: nothing at all.
    pub(crate) answers: Vec<String>,
    /// One URI for all that come over one connection.
    pub(crate) one_per_connection: bool,
    /// One URI for everybody, good on the connection on which it was given last.
    pub(crate) one_for_all: bool,
    /// One URI for each client, however often it asks.
    pub(crate) prolongs: bool,
    /// What stands before the session-id of its URIs, where not the usual.
    pub(crate) authority: Option<String>,
    /// Answers to AUTH wait until this is false.
    pub(crate) holds_answers: bool,
    /// The connection is closed.
    pub(crate) hangs_up: bool,
    /// Whether it proves itself.
    pub(crate) proves: bool,
    /// It never answers an Authorization with `uri`, as that of AG Projects.
    pub(crate) minds_uri: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            expires: Some(900),
            outer_expires: None,
            answers: Vec::new(),
            one_per_connection: false,
            one_for_all: false,
            prolongs: false,
            authority: None,
            holds_answers: false,
            hangs_up: false,
            proves: true,
            minds_uri: false,
        }
    }
}

/// A frame as it came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    /// Which connection, counted from 0.
    pub(crate) connection: usize,
    pub(crate) text: String,
}

impl Came {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.text, name)
    }

    pub(crate) fn is(&self, method: &str) -> bool {
        self.text.split(['\r', ' ']).nth(2) == Some(method)
    }
}

#[derive(Default)]
struct State {
    manners: Manners,
    came: Vec<Came>,
    /// Certificates that clients showed, by connection.
    shown: Vec<usize>,
    gone: HashSet<usize>,
    /// By token, whose it is: connection and own URI.
    tokens: HashMap<String, (usize, String)>,
    /// Frames for other connections.
    outbox: HashMap<usize, Vec<u8>>,
    counter: usize,
    /// AUTHs without their answer now, and the most at one time.
    open: usize,
    most_open: usize,
}

/// The relay.
pub(crate) struct FakeRelay {
    pub(crate) port: u16,
    ca: Option<Vec<u8>>,
    state: Arc<Mutex<State>>,
}

impl FakeRelay {
    /// Over TLS, as `localhost`.
    pub(crate) fn new() -> Self {
        Self::named(&["localhost"])
    }

    /// Over TLS, with a certificate for these names.
    pub(crate) fn named(names: &[&str]) -> Self {
        let authority = Authority::new("Test CA");
        let own = authority.issue(names, |_| {});
        let config = Arc::new(server_config(&own, rustls::ALL_VERSIONS, true));
        Self::start(Some((authority.pem(), config)))
    }

    /// Without TLS.
    pub(crate) fn plain() -> Self {
        Self::start(None)
    }

    fn start(tls: Option<(Vec<u8>, Arc<ServerConfig>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::<Mutex<State>>::default();
        let (ca, config) = tls.unzip();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                let (config, state) = (config.clone(), Arc::clone(&shared));
                let secure = config.is_some();
                std::thread::spawn(move || match config {
                    None => {
                        state.lock().expect("not poisoned").shown.push(0);
                        Link::new(
                            number,
                            stream.try_clone().expect("a clone"),
                            state,
                            port,
                            secure,
                        )
                        .run(&stream);
                    }
                    Some(config) => {
                        let socket = stream.try_clone().expect("a clone");
                        let Ok(tls) = accept(&config, stream) else {
                            return;
                        };
                        let shown = tls.conn.peer_certificates().map_or(0, <[_]>::len);
                        state.lock().expect("not poisoned").shown.push(shown);
                        Link::new(number, tls, state, port, secure).run(&socket);
                    }
                });
            }
        });
        Self { port, ca, state }
    }

    /// Its URI.
    pub(crate) fn uri(&self) -> String {
        let scheme = if self.ca.is_some() { "msrps" } else { "msrp" };
        format!("{scheme}://localhost:{};tcp", self.port)
    }

    /// A login that is good.
    pub(crate) fn login(&self) -> RelayLogin {
        RelayLogin {
            insecure_plain_auth: self.ca.is_none(),
            ..RelayLogin::new(self.uri(), USER, PASSWORD)
        }
    }

    /// Trust in it.
    pub(crate) fn tls(&self) -> TlsConfig {
        TlsConfig {
            ca: self.ca.as_ref().and_then(|ca| text(ca)),
            ..TlsConfig::default()
        }
    }

    /// A session behind it.
    pub(crate) fn options(&self) -> SessionOptions {
        SessionOptions {
            relays: vec![self.login()],
            tls: Some(self.tls()),
            ..SessionOptions::default()
        }
    }

    /// A session behind it, which asks for URIs that stay as long.
    pub(crate) fn options_for(&self, expires: Duration) -> SessionOptions {
        let login = RelayLogin {
            expires: Some(expires),
            ..self.login()
        };
        SessionOptions {
            relays: vec![login],
            ..self.options()
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.state.lock().expect("not poisoned").manners);
    }

    /// All frames so far.
    pub(crate) fn came(&self) -> Vec<Came> {
        self.state.lock().expect("not poisoned").came.clone()
    }

    /// Those of a method.
    pub(crate) fn requests(&self, method: &str) -> Vec<Came> {
        let mut came = self.came();
        came.retain(|came| came.is(method));
        came
    }

    #[track_caller]
    pub(crate) fn wait_requests(&self, method: &str, count: usize) -> Vec<Came> {
        wait_until(|| self.requests(method).len() >= count);
        self.requests(method)
    }

    /// How many certificates each connection's client showed.
    pub(crate) fn shown(&self) -> Vec<usize> {
        self.state.lock().expect("not poisoned").shown.clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shown().len()
    }

    /// Connections that have ended.
    pub(crate) fn gone(&self) -> usize {
        self.state.lock().expect("not poisoned").gone.len()
    }

    /// The most AUTHs that were without their answer at one time.
    pub(crate) fn most_open(&self) -> usize {
        self.state.lock().expect("not poisoned").most_open
    }

    /// Sends something over a connection.
    pub(crate) fn say(&self, connection: usize, octets: &str) {
        let mut state = self.state.lock().expect("not poisoned");
        let outbox = state.outbox.entry(connection).or_default();
        outbox.extend_from_slice(octets.as_bytes());
    }
}

/// One connection of the relay.
struct Link<S> {
    number: usize,
    stream: S,
    state: Arc<Mutex<State>>,
    port: u16,
    secure: bool,
    input: Vec<u8>,
    waiting: Vec<String>,
}

impl<S: Read + Write> Link<S> {
    fn new(number: usize, stream: S, state: Arc<Mutex<State>>, port: u16, secure: bool) -> Self {
        Self {
            number,
            stream,
            state,
            port,
            secure,
            input: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn run(mut self, socket: &TcpStream) {
        let pause = Some(Duration::from_millis(5));
        socket.set_read_timeout(pause).expect("a timeout");
        let mut block = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut block) {
                Ok(0) => break,
                Ok(len) => self.input.extend_from_slice(&block[..len]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
            while let Some(frame) = self.next_frame() {
                self.take(frame);
            }
            let (held, hangs_up, out) = {
                let mut state = self.state.lock().expect("not poisoned");
                let manners = &state.manners;
                let (held, hangs_up) = (manners.holds_answers, manners.hangs_up);
                (held, hangs_up, state.outbox.remove(&self.number))
            };
            let mut out = out.unwrap_or_default();
            if !held {
                for answer in self.waiting.drain(..) {
                    self.state.lock().expect("not poisoned").open -= 1;
                    out.extend_from_slice(answer.as_bytes());
                }
            }
            if hangs_up || self.stream.write_all(&out).is_err() {
                break;
            }
            let _ = self.stream.flush();
        }
        let _ = socket.shutdown(std::net::Shutdown::Both);
        let mut state = self.state.lock().expect("not poisoned");
        state.tokens.retain(|_, (link, _)| *link != self.number);
        state.gone.insert(self.number);
    }

    fn next_frame(&mut self) -> Option<String> {
        let text = std::str::from_utf8(&self.input).expect("text");
        let id = text.split(' ').nth(1)?;
        let start = text.find(&format!("\r\n-------{id}"))? + 2;
        let end = start + text[start..].find("\r\n")? + 2;
        let frame = self.input.drain(..end).collect();
        Some(String::from_utf8(frame).expect("text"))
    }

    fn take(&mut self, text: String) {
        let came = Came {
            connection: self.number,
            text,
        };
        self.state
            .lock()
            .expect("not poisoned")
            .came
            .push(came.clone());
        if came.is("AUTH") {
            {
                let mut state = self.state.lock().expect("not poisoned");
                state.open += 1;
                state.most_open = state.most_open.max(state.open);
            }
            let answer = self.auth(&came);
            self.waiting.push(answer);
        } else if came.is("SEND") || came.is("REPORT") {
            self.forward(&came);
        }
    }

    fn auth(&mut self, came: &Came) -> String {
        let asked = came.header("To-Path").expect("To-Path");
        let relay = asked.split(' ').next_back().expect("a URI");
        let Some(authorization) = came.header("Authorization") else {
            let mut state = self.state.lock().expect("not poisoned");
            state.counter += 1;
            let challenge = format!(
                "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"n{}\", qop=\"auth\"\r\n",
                state.counter
            );
            return answer(&came.text, "401 Unauthorized", &challenge);
        };
        let mut state = self.state.lock().expect("not poisoned");
        if state.manners.minds_uri && parameter(authorization, "uri").is_some() {
            return String::new();
        }
        if !state.manners.answers.is_empty() {
            let next = state.manners.answers.remove(0);
            return match next.is_empty() {
                true => String::new(),
                false => {
                    let (status, headers) = next.split_once('\n').unwrap_or((&next, ""));
                    answer(&came.text, status, headers)
                }
            };
        }
        let field = |name: &str| parameter(authorization, name).expect("there");
        let ha1 = Ha1::from_password(Algorithm::Md5, USER, REALM, PASSWORD);
        let (nonce, cnonce) = (field("nonce"), field("cnonce"));
        let input = DigestInput {
            nonce: &nonce,
            nc: u32::from_str_radix(&field("nc"), 16).expect("a count"),
            cnonce: &cnonce,
            uri: relay,
        };
        if field("response") != ha1.response(&input) {
            let challenge = format!(
                "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"again\", qop=\"auth\"\r\n"
            );
            return answer(&came.text, "401 Unauthorized", &challenge);
        }
        let own = came.header("From-Path").expect("From-Path").to_owned();
        let known = state
            .tokens
            .iter()
            .find(|(token, (link, client))| {
                let is_of_relay = token.contains("outer") == relay.contains("outer");
                let is_same = (state.manners.one_per_connection && *link == self.number)
                    || state.manners.one_for_all;
                is_of_relay && (is_same || (state.manners.prolongs && *client == own))
            })
            .map(|(token, _)| token.clone());
        let token = known.unwrap_or_else(|| {
            state.counter += 1;
            let scheme = if self.secure { "msrps" } else { "msrp" };
            let authority = match (&state.manners.authority, relay.contains("outer")) {
                (Some(authority), _) => authority.clone(),
                (None, true) => "outer.example.com:9000".to_owned(),
                (None, false) => format!("localhost:{}", self.port),
            };
            let authority = match authority.contains("://") {
                true => authority,
                false => format!("{scheme}://{authority}"),
            };
            format!("{authority}/token{};tcp", state.counter)
        });
        state
            .tokens
            .insert(token.clone(), (self.number, own.clone()));
        let before = asked.strip_suffix(relay).expect("its end");
        let proof = match state.manners.proves {
            true => format!(
                "Authentication-Info: rspauth=\"{}\", cnonce=\"{cnonce}\", nc={}, qop=auth\r\n",
                ha1.rspauth(&input),
                field("nc")
            ),
            false => String::new(),
        };
        let expires = match relay.contains("outer") {
            true => state.manners.outer_expires.or(state.manners.expires),
            false => state.manners.expires,
        };
        let expires = expires.map_or_else(String::new, |it| format!("Expires: {it}\r\n"));
        let headers = format!("Use-Path: {before}{token}\r\n{proof}{expires}");
        answer(&came.text, "200 OK", &headers)
    }

    /// Takes the URIs of this relay off, and sends the rest on.
    fn forward(&mut self, came: &Came) {
        let mut state = self.state.lock().expect("not poisoned");
        let to: Vec<&str> = came.header("To-Path").expect("a path").split(' ').collect();
        let from = came.header("From-Path").expect("a path");
        let ours = to.iter().take_while(|uri| state.tokens.contains_key(**uri));
        let ours = ours.count();
        let is_known = ours > 0 && ours < to.len();
        if came.is("SEND") {
            let status = if is_known {
                "200 OK"
            } else {
                "481 No such session"
            };
            let text = answer(&came.text, status, "");
            let outbox = state.outbox.entry(self.number).or_default();
            outbox.extend_from_slice(text.as_bytes());
        }
        if !is_known {
            return;
        }
        let (link, _) = state.tokens[to[ours - 1]];
        let mut passed: Vec<&str> = to[..ours].to_vec();
        passed.reverse();
        let forwarded = came
            .text
            .replace(
                &format!("To-Path: {}\r\n", to.join(" ")),
                &format!("To-Path: {}\r\n", to[ours..].join(" ")),
            )
            .replace(
                &format!("From-Path: {from}\r\n"),
                &format!("From-Path: {} {from}\r\n", passed.join(" ")),
            );
        let outbox = state.outbox.entry(link).or_default();
        outbox.extend_from_slice(forwarded.as_bytes());
    }
}

/// The value of a header.
pub(crate) fn header<'a>(frame: &'a str, name: &str) -> Option<&'a str> {
    frame.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim())
    })
}

/// A parameter of a digest header.
pub(crate) fn parameter(value: &str, name: &str) -> Option<String> {
    value.split([',', ' ']).find_map(|part| {
        let value = part.strip_prefix(name)?.strip_prefix('=')?;
        Some(value.trim_matches('"').to_owned())
    })
}

fn answer(frame: &str, status: &str, headers: &str) -> String {
    let id = frame.split(' ').nth(1).expect("a transaction id");
    let value = |name| header(frame, name).expect("a path");
    format!(
        "MSRP {id} {status}\r\nTo-Path: {}\r\nFrom-Path: {}\r\n{headers}-------{id}$\r\n",
        value("From-Path"),
        value("To-Path"),
    )
}
