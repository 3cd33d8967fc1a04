//! Raw peers: hand-made frames over plain sockets and over TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::PATIENCE;

/// A plain socket that speaks MSRP by hand.
pub(crate) struct RawPeer<S = TcpStream> {
    pub(crate) stream: S,
    pub(crate) input: Vec<u8>,
}

impl RawPeer {
    /// Connects to the authority of a URI.
    pub(crate) fn connect(uri: &str) -> Self {
        let authority = uri.split('/').nth(2).expect("an authority");
        Self::from_stream(TcpStream::connect(authority).expect("connected"))
    }

    pub(crate) fn from_stream(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Self {
            stream,
            input: Vec::new(),
        }
    }
}

/// A TLS client that takes this certificate, DER, and no other.
pub(crate) type RawTls = RawPeer<StreamOwned<ClientConnection, TcpStream>>;

impl RawTls {
    /// Connects to the authority of a URI; the handshake is done when this returns.
    pub(crate) fn connect_tls(uri: &str, pem: &[u8]) -> Self {
        let RawPeer { stream, .. } = RawPeer::connect(uri);
        Self::over(stream, pem)
    }

    pub(crate) fn over(mut stream: TcpStream, pem: &[u8]) -> Self {
        let certificate = CertificateDer::from_pem_slice(pem).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).expect("a handshake");
        }
        Self {
            stream: StreamOwned::new(tls, stream),
            input: Vec::new(),
        }
    }
}

pub(crate) fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    return rustls::crypto::ring::default_provider();
}

impl<S: Read + Write> RawPeer<S> {
    pub(crate) fn write(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).expect("written");
    }

    /// Sends a whole message.
    pub(crate) fn send(&mut self, to: &str, from: &str, id: &str, body: &str) {
        let len = body.len();
        self.write(
            format!(
                "MSRP {id} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: {id}m\r\n\
                 Byte-Range: 1-{len}/{len}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{id}$\r\n"
            )
            .as_bytes(),
        );
    }

    /// Reads the next frame of one that has no body, or a body without `-------`.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> String {
        loop {
            if let Some(end) = self.frame_end() {
                let frame: Vec<u8> = self.input.drain(..end).collect();
                return String::from_utf8(frame).expect("text");
            }
            let mut block = [0; 4096];
            let len = self.stream.read(&mut block).expect("read in time");
            let got = String::from_utf8_lossy(&self.input).into_owned();
            assert!(len > 0, "the end of the stream; before it {got:?}");
            self.input.extend_from_slice(&block[..len]);
        }
    }

    fn frame_end(&self) -> Option<usize> {
        let text = std::str::from_utf8(&self.input).ok()?;
        let id = text.split(' ').nth(1)?;
        let start = text.find(&format!("-------{id}"))?;
        Some(start + text[start..].find("\r\n")? + 2)
    }

    /// Answers a frame with this status.
    pub(crate) fn answer(&mut self, frame: &str, status: &str) {
        let id = frame.split(' ').nth(1).expect("a transaction id");
        let header = |name: &str| {
            let line = frame
                .lines()
                .find(|line| line.starts_with(name))
                .expect("there");
            line[name.len()..].trim().to_owned()
        };
        let (to, from) = (header("From-Path:"), header("To-Path:"));
        self.write(
            format!("MSRP {id} {status}\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------{id}$\r\n")
                .as_bytes(),
        );
    }

    /// Reads to the end of the stream.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.input);
        // A reset is an end too.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }
}

/// A stream of either kind.
pub(crate) enum AnyStream {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl AnyStream {
    /// The socket itself.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.get_ref(),
        }
    }
}

impl Read for AnyStream {
    fn read(&mut self, octets: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(octets),
            Self::Secure(stream) => stream.read(octets),
        }
    }
}

impl Write for AnyStream {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Secure(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Secure(stream) => stream.flush(),
        }
    }
}
