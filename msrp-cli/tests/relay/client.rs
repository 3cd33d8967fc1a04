//! Peers made by hand: they log in at a relay, send, and read what comes, over plain sockets and over TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use msrp::proto::auth::DigestInput;
use msrp::wire::{Challenge, Credentials};
use msrp::{Algorithm, Ha1};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::running::DEADLINE;

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A connection to a relay.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    /// Its own URI.
    pub(crate) own: String,
    /// The relay's.
    relay: String,
    count: u32,
}

impl Client {
    /// Without TLS. The name of the relay is `localhost`.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        let stream = dial(address);
        let port = stream.local_addr().expect("bound").port();
        Self {
            stream: Box::new(stream),
            input: Vec::new(),
            own: format!("msrp://127.0.0.1:{port}/own;tcp"),
            relay: format!("msrp://localhost:{};tcp", address.port()),
            count: 0,
        }
    }

    /// With TLS; the certificate, PEM, is the one that is expected of the relay, whose name is `localhost`.
    pub(crate) fn secure(address: SocketAddr, pem: &str) -> Self {
        let mut stream = dial(address);
        let port = stream.local_addr().expect("bound").port();
        let mut tls = tls(pem);
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).expect("a handshake");
        }
        Self {
            stream: Box::new(StreamOwned::new(tls, stream)),
            input: Vec::new(),
            own: format!("msrps://127.0.0.1:{port}/own;tcp"),
            relay: format!("msrps://localhost:{};tcp", address.port()),
            count: 0,
        }
    }

    /// Logs in, as far as the relay allows, and gives its last answer.
    pub(crate) fn auth(&mut self, user: &str, password: &str) -> String {
        let challenged = self.exchange("");
        if status(&challenged) != "401" {
            return challenged;
        }
        let authorization = authorization(&challenged, &self.relay, user, password);
        self.exchange(&format!("Authorization: {authorization}\r\n"))
    }

    /// Logs in, and gives the URI that the relay gave.
    pub(crate) fn log_in(&mut self, user: &str, password: &str) -> String {
        let answer = self.auth(user, password);
        assert_eq!(status(&answer), "200", "{answer}");
        header(&answer, "Use-Path").to_owned()
    }

    fn exchange(&mut self, more: &str) -> String {
        let (relay, own) = (self.relay.clone(), self.own.clone());
        self.count += 1;
        let id = format!("auth{}", self.count);
        self.write(&format!(
            "MSRP {id} AUTH\r\nTo-Path: {relay}\r\nFrom-Path: {own}\r\n{more}-------{id}$\r\n"
        ));
        self.frame()
    }

    /// Sends a message along a path.
    pub(crate) fn send(&mut self, to: &str, id: &str, body: &str) {
        let (own, len) = (self.own.clone(), body.len());
        self.write(&format!(
            "MSRP {id} SEND\r\nTo-Path: {to}\r\nFrom-Path: {own}\r\nMessage-ID: {id}m\r\n\
             Byte-Range: 1-{len}/{len}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{id}$\r\n"
        ));
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, request: &str, status: &str) {
        let id = request.split(' ').nth(1).expect("a transaction id");
        let to = header(request, "From-Path").split(' ').next();
        let own = header(request, "To-Path");
        let to = to.expect("a URI");
        self.write(&format!(
            "MSRP {id} {status}\r\nTo-Path: {to}\r\nFrom-Path: {own}\r\n-------{id}$\r\n"
        ));
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("written");
        self.stream.flush().expect("written");
    }

    /// The next request or response.
    pub(crate) fn frame(&mut self) -> String {
        loop {
            if let Some(frame) = self.whole() {
                return frame;
            }
            assert!(self.read(), "the relay closed the connection");
        }
    }

    /// Waits until the relay has closed the connection.
    pub(crate) fn wait_closed(&mut self) {
        while self.read() {}
    }

    /// Takes a frame off what came.
    fn whole(&mut self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.input);
        let id = text.split(' ').nth(1)?;
        let end = format!("-------{id}");
        let at = text.find(&end)? + end.len() + 3;
        (text.len() >= at).then(|| {
            let rest = self.input.split_off(at);
            let frame = std::mem::replace(&mut self.input, rest);
            String::from_utf8(frame).expect("a text")
        })
    }

    fn read(&mut self) -> bool {
        let mut block = [0; 4096];
        match self.stream.read(&mut block) {
            Ok(0) => false,
            Ok(len) => {
                self.input.extend(&block[..len]);
                true
            }
            Err(error) => match error.kind() {
                ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => false,
                _ => panic!("nothing came: {error}"),
            },
        }
    }
}

/// Whether a relay with this certificate answers a handshake.
pub(crate) fn shows(address: SocketAddr, pem: &str) -> bool {
    let mut stream = dial(address);
    let mut tls = tls(pem);
    while tls.is_handshaking() {
        if tls.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    true
}

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
    stream
}

fn tls(pem: &str) -> ClientConnection {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client")
}

/// The answer to the challenge in a 401.
fn authorization(challenged: &str, uri: &str, user: &str, password: &str) -> String {
    let value = header(challenged, "WWW-Authenticate");
    let challenge = Challenge::parse(value.as_bytes()).expect("good");
    let challenge = challenge.expect("Digest");
    let algorithm = challenge.algorithm().unwrap_or(Algorithm::Md5);
    let ha1 = Ha1::from_password(algorithm, user, &challenge.realm, password);
    let response = ha1.response(&DigestInput {
        nonce: &challenge.nonce,
        nc: 1,
        cnonce: "0a4f113b",
        uri,
    });
    let credentials = Credentials {
        username: user.to_owned(),
        realm: challenge.realm,
        nonce: challenge.nonce,
        uri: Some(uri.to_owned()),
        nc: 1,
        cnonce: "0a4f113b".to_owned(),
        response,
        opaque: challenge.opaque,
        algorithm: challenge.algorithm,
    };
    credentials.to_value()
}

/// The status of a response, or the method of a request.
pub(crate) fn status(frame: &str) -> &str {
    frame.split([' ', '\r']).nth(2).expect("a start line")
}

/// The value of a header.
pub(crate) fn header<'a>(frame: &'a str, name: &str) -> &'a str {
    let lines = &mut frame.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name} in {frame}"))
}
