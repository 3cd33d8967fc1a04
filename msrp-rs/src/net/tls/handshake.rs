//! TLS handshakes in both roles, and why they fail. Nothing of MSRP is read or written before the peer's certificate has
//! passed what the configuration and the session's SDP ask for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::Tls;
use super::certificate::PeerProof;
use super::failure::{in_handshake, instead, is_tls, too_late};
use super::verify::{Finding, Guest, Pins};
use crate::error::{Error, ErrorKind, Result};
use crate::net::socket::{Heard, PeerSocket};
use crate::wire::Host;

/// How long a refused peer may take to read why.
const LINGER: Duration = Duration::from_millis(500);
/// Octets that are looked at to tell TLS from other things.
const FIRST: usize = 8;

/// A connection that had its handshake.
pub(crate) struct Established {
    pub(crate) stream: TlsStream<PeerSocket>,
    /// What was proven, if the peer showed a certificate.
    pub(crate) proof: PeerProof,
    /// Why the certificate that it showed proves nothing.
    pub(crate) ignored: Option<String>,
}

/// Connects: the server at `host` must prove what the configuration and `pins` ask for.
///
/// # Errors
/// `InvalidUri` for a host that is no TLS name; `Tls` naming host and port, the check that failed, and the certificate.
///
/// # Cancel safety
/// The connection is given up.
pub(crate) async fn connect(
    tls: &Tls,
    (host, port): (&Host, u16),
    pins: Option<Arc<Pins>>,
    stream: PeerSocket,
    limit: Duration,
) -> Result<Established> {
    let finding = Arc::default();
    let config = tls.client(pins, &finding);
    connect_with(tls, config, finding, (host, port), stream, limit).await
}

/// As [`connect`], without a certificate of ours, whoever asks for one.
///
/// # Errors
/// As there.
///
/// # Cancel safety
/// The connection is given up.
pub(crate) async fn connect_unnamed(
    tls: &Tls,
    place: (&Host, u16),
    pins: Option<Arc<Pins>>,
    stream: PeerSocket,
    limit: Duration,
) -> Result<Established> {
    let finding = Arc::default();
    let mut config = tls.client(pins, &finding);
    Arc::make_mut(&mut config).client_auth_cert_resolver = Arc::new(Unnamed);
    connect_with(tls, config, finding, place, stream, limit).await
}

async fn connect_with(
    tls: &Tls,
    config: Arc<ClientConfig>,
    finding: Arc<Finding>,
    (host, port): (&Host, u16),
    stream: PeerSocket,
    limit: Duration,
) -> Result<Established> {
    let name = tls.name_for(host)?;
    let refused = |text: String| {
        let text = format!("TLS with {host}:{port}: {text}");
        Error::transport(ErrorKind::Tls, text)
    };
    let heard = stream.heard().clone();
    let handshake = TlsConnector::from(config).connect(name, stream);
    match tokio::time::timeout(limit, handshake.into_fallible()).await {
        Ok(Ok(stream)) => Ok(Established {
            stream: stream.into(),
            proof: tls.proof_of_server(),
            ignored: None,
        }),
        Ok(Err((error, stream))) => {
            tokio::spawn(part(stream));
            Err(refused(explain(tls, &error, &heard, &finding)))
        }
        Err(_) => Err(refused(too_late(limit, &heard.octets()))),
    }
}

/// Who has no certificate to show.
#[derive(Debug)]
struct Unnamed;

impl ResolvesClientCert for Unnamed {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Takes the handshake of a peer that came to us. Who does not begin with TLS is told nothing.
///
/// # Errors
/// Why it failed.
///
/// # Cancel safety
/// The connection is given up.
pub(crate) async fn accept(
    tls: &Tls,
    stream: PeerSocket,
    guest: Guest,
    limit: Duration,
) -> Result<Established, String> {
    let heard = stream.heard().clone();
    let late = |heard: &[u8]| too_late(limit, heard);
    let until = tokio::time::Instant::now() + limit;
    let mut first = [0; FIRST];
    match tokio::time::timeout_at(until, stream.peek(&mut first)).await {
        Ok(Ok(0)) => return Err("the peer closed the connection without a word".to_owned()),
        Ok(Ok(len)) if !is_tls(&first[..len]) => return Err(instead(&first[..len])),
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(in_handshake(tls.config(), &error, &[])),
        Err(_) => return Err(late(&[])),
    }
    let finding = Arc::default();
    let config = tls.server(guest, &finding).map_err(|error| error.context)?;
    let handshake = TlsAcceptor::from(config).accept(stream);
    match tokio::time::timeout_at(until, handshake.into_fallible()).await {
        Ok(Ok(stream)) => {
            let ignored = finding.take();
            Ok(Established {
                stream: stream.into(),
                proof: match ignored {
                    Some(_) => PeerProof::Nothing,
                    None => tls.proof_of_client(),
                },
                ignored,
            })
        }
        Ok(Err((error, stream))) => {
            let text = explain(tls, &error, &heard, &finding);
            part(stream).await;
            Err(text)
        }
        Err(_) => Err(late(&heard.octets())),
    }
}

fn explain(tls: &Tls, error: &io::Error, heard: &Heard, finding: &Finding) -> String {
    finding
        .take()
        .unwrap_or_else(|| in_handshake(tls.config(), error, &heard.octets()))
}

/// Ends a connection so that the peer can read the alert: unread octets would make a reset of it.
async fn part(mut stream: PeerSocket) {
    let parting = async {
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    // What goes wrong now harms nobody.
    let _ = tokio::time::timeout(LINGER, parting).await;
}
