//! TLS peers with a will of their own, on rustls without the engine: they trust everybody and may lack what others have.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use msrp::engine::TlsConfig;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, ServerConfig,
    ServerConnection, SignatureScheme, StreamOwned, SupportedProtocolVersion,
};

use super::PATIENCE;
use super::raw::provider;
use super::tls::text;

/// A certificate chain and its key, PEM.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) cert: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Made {
    /// As the engine takes it.
    pub(crate) fn config(&self) -> TlsConfig {
        TlsConfig {
            cert: text(&self.cert),
            key: text(&self.key),
            ..TlsConfig::default()
        }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(&self.cert).expect("a certificate")
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(&self.key).expect("a key")
    }
}

/// A certificate signed by itself, with changes.
pub(crate) fn made(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Made {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let cert = params.self_signed(&key).expect("a certificate").pem();
    Made {
        cert: cert.into_bytes(),
        key: key.serialize_pem().into_bytes(),
    }
}

/// A CA.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a CA"))
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A certificate of this CA.
    pub(crate) fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Made {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.0).expect("a certificate");
        Made {
            cert: cert.pem().into_bytes(),
            key: key.serialize_pem().into_bytes(),
        }
    }
}

type Versions = &'static [&'static SupportedProtocolVersion];

/// A server; `asks` for a certificate of the client, and takes any.
pub(crate) fn server_config(own: &Made, versions: Versions, asks: bool) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(versions)
        .expect("versions");
    let builder = match asks {
        true => builder.with_client_cert_verifier(Arc::new(Anybody(provider()))),
        false => builder.with_no_client_auth(),
    };
    builder
        .with_single_cert(vec![own.der()], own.key())
        .expect("a server")
}

/// A client that takes any server.
pub(crate) fn client_config(own: Option<&Made>, versions: Versions) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider())));
    match own {
        Some(own) => builder
            .with_client_auth_cert(vec![own.der()], own.key())
            .expect("a client"),
        None => builder.with_no_client_auth(),
    }
}

pub(crate) type Client = StreamOwned<ClientConnection, TcpStream>;
pub(crate) type Server = StreamOwned<ServerConnection, TcpStream>;

/// The handshake of a client.
pub(crate) fn connect(
    config: &Arc<ClientConfig>,
    mut stream: TcpStream,
) -> std::io::Result<Client> {
    patient(&stream);
    let name = ServerName::try_from("localhost").expect("a name");
    let mut tls = ClientConnection::new(Arc::clone(config), name).expect("a client");
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(tls, stream))
}

/// The handshake of a server.
pub(crate) fn accept(config: &Arc<ServerConfig>, mut stream: TcpStream) -> std::io::Result<Server> {
    patient(&stream);
    let mut tls = ServerConnection::new(Arc::clone(config)).expect("a server");
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(tls, stream))
}

/// What a client with this configuration says first.
pub(crate) fn client_hello(versions: Versions) -> Vec<u8> {
    let config = Arc::new(client_config(None, versions));
    let name = ServerName::try_from("localhost").expect("a name");
    let mut tls = ClientConnection::new(config, name).expect("a client");
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).expect("a ClientHello");
    hello
}

/// What a server answers to the ClientHello that is read from `stream`, up to where it waits.
pub(crate) fn server_flight(config: &Arc<ServerConfig>, stream: &mut TcpStream) -> Vec<u8> {
    patient(stream);
    let mut tls = ServerConnection::new(Arc::clone(config)).expect("a server");
    while !tls.wants_write() {
        tls.read_tls(stream).expect("a ClientHello");
        tls.process_new_packets().expect("a ClientHello");
    }
    let mut flight = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut flight).expect("into memory");
    }
    flight
}

/// Reads to the end, whatever it is.
pub(crate) fn drain(stream: &mut impl Read) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    rest
}

/// Writes what can be written.
pub(crate) fn say(stream: &mut impl Write, octets: &[u8]) {
    let _ = stream.write_all(octets);
    let _ = stream.flush();
}

fn patient(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
}

/// Takes every certificate.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl Anybody {
    fn schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
