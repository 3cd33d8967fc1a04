//! The judge of certificates without a connection: for the fuzzer, which gives it any octets.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;

use super::certificate::{PeerCertificate, PeerProof, certifies, describe, signature_hash};
use super::config::{ClientAuth, PemSource, TlsConfig};
use super::verify::{Demand, Judge, Pins};
use super::{Tls, digest};
use crate::sdp::{Fingerprint, HashFunction};
use crate::wire::Host;

/// What the judge says of certificates.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe {
    tls: Tls,
    host: Host,
    now: UnixTime,
}

/// What was found about one certificate.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probed {
    /// As hosts see it.
    pub seen: PeerCertificate,
    /// As errors and logs have it.
    pub described: String,
    /// Whether it names the host, without wildcards.
    pub certifies: bool,
    /// Whether fingerprints of it were told from those of another, in all hash functions.
    pub tells_prints: bool,
    /// The hash function of its signature.
    pub signed_with: Option<HashFunction>,
    /// What is said of it where a CA is to prove a server, and a client.
    pub as_server: Result<(), String>,
    /// The same.
    pub as_client: Result<(), String>,
}

impl Probe {
    /// A judge that trusts this CA, PEM, for this host, at this time.
    pub fn new(ca: &[u8], host: &str, seconds: u64) -> crate::Result<Self> {
        let config = TlsConfig {
            ca: Some(PemSource::Text(ca.to_vec())),
            client_auth: ClientAuth::Require,
            ..TlsConfig::default()
        };
        Ok(Self {
            tls: Tls::new(&config)?,
            host: host.parse()?,
            now: UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        })
    }

    /// Judges a certificate with the rest of its chain.
    pub fn judge(&self, der: &[u8], chain: &[&[u8]]) -> Probed {
        let finding = Arc::default();
        let leaf = CertificateDer::from(der);
        let chain: Vec<CertificateDer<'_>> = chain.iter().map(|der| (*der).into()).collect();
        let known = || Arc::clone(&self.tls.known);
        let judge = |demand| Judge::new(&self.tls.provider, demand, &finding);
        let said = |result: Result<(), rustls::Error>| {
            result.map_err(|error| finding.take().unwrap_or_else(|| error.to_string()))
        };
        let as_server = match (&self.tls.server_verifier, self.tls.name_for(&self.host)) {
            (Some(verifier), Ok(name)) => {
                let name: ServerName<'_> = name;
                let judge = judge(Demand::Server(Arc::clone(verifier), known()));
                said(
                    judge
                        .verify_server_cert(&leaf, &chain, &name, &[], self.now)
                        .map(drop),
                )
            }
            _ => Err("nobody is trusted".to_owned()),
        };
        let as_client = match &self.tls.client_verifier {
            Some(verifier) => {
                let judge = judge(Demand::Client(Arc::clone(verifier), known()));
                said(judge.verify_client_cert(&leaf, &chain, self.now).map(drop))
            }
            None => Err("nobody is trusted".to_owned()),
        };
        Probed {
            seen: PeerCertificate::read(der, PeerProof::Nothing),
            described: describe(der),
            certifies: certifies(der, std::slice::from_ref(&self.host)),
            tells_prints: tells_prints(der),
            signed_with: signature_hash(der),
            as_server,
            as_client,
        }
    }
}

fn tells_prints(der: &[u8]) -> bool {
    [
        HashFunction::Sha256,
        HashFunction::Sha384,
        HashFunction::Sha512,
    ]
    .into_iter()
    .all(|function| {
        let right = digest(&function, der).unwrap_or_default();
        let mut wrong = right.clone();
        if let Some(octet) = wrong.last_mut() {
            *octet ^= 1;
        }
        let takes = |digest: Vec<u8>| {
            let print = Fingerprint::new(function.clone(), digest).ok()?;
            let pins = Pins::new(&[print], Arc::default(), Vec::new()).ok()?;
            Some(pins.check(der).is_ok())
        };
        takes(right) == Some(true) && takes(wrong) == Some(false)
    })
}
