//! Judging certificates without a CA: by the fingerprints of an SDP (RFC 4975 §14.4, RFC 8122), or not at all.
//!
//! A fingerprint replaces the checks of name, date and CA; the signatures of the handshake still have to be made with
//! the certificate's key. Which of several fingerprints count is decided in `sdp`.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, CipherSuite, DigitallySignedStruct, DistinguishedName, SignatureScheme,
};

use crate::error::{Error, ErrorKind, Result};
use crate::mutant::{self, Mutant};
use crate::sdp::{Fingerprint, HashFunction, preferred_fingerprints};

/// The functions that can be computed, most preferred first.
const KNOWN: [HashFunction; 2] = [HashFunction::Sha256, HashFunction::Sha384];

/// The fingerprints that a peer's certificate must match one of.
pub(crate) struct Pins {
    provider: Arc<CryptoProvider>,
    fingerprints: Vec<Fingerprint>,
}

impl Pins {
    /// Those that count.
    ///
    /// # Errors
    /// `InvalidSdp` if there is none.
    pub(super) fn new(provider: Arc<CryptoProvider>, fingerprints: &[Fingerprint]) -> Result<Self> {
        let fingerprints: Vec<Fingerprint> = preferred_fingerprints(fingerprints, &KNOWN)
            .into_iter()
            .cloned()
            .collect();
        if fingerprints.is_empty() {
            return Err(Error::remote(
                ErrorKind::InvalidSdp,
                "peer gave no fingerprint with sha-256 or sha-384 (RFC 8122 §5)",
            ));
        }
        Ok(Self {
            provider,
            fingerprints,
        })
    }

    /// Whether this is the certificate of the one who made the SDP.
    pub(crate) fn match_certificate(&self, certificate: &[u8]) -> bool {
        self.fingerprints.iter().any(|print| {
            digest(&self.provider, print.function(), certificate).is_some_and(|digest| {
                digest == print.digest() || mutant::on(Mutant::AnyFingerprint)
            })
        })
    }
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.fingerprints).finish()
    }
}

/// The digest of a certificate, with the hash of one of the provider's cipher suites.
pub(super) fn digest(
    provider: &CryptoProvider,
    function: &HashFunction,
    certificate: &[u8],
) -> Option<Vec<u8>> {
    let suite = match function {
        HashFunction::Sha256 => CipherSuite::TLS13_AES_128_GCM_SHA256,
        HashFunction::Sha384 => CipherSuite::TLS13_AES_256_GCM_SHA384,
        _ => return None,
    };
    let suite = provider
        .cipher_suites
        .iter()
        .find(|known| known.suite() == suite)?;
    let hash = suite.tls13()?.common.hash_provider.hash(certificate);
    Some(hash.as_ref().to_vec())
}

/// Takes the one certificate that was announced.
#[derive(Debug)]
pub(super) struct Pinned(pub(super) Arc<Pins>);

/// Takes any certificate.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.0.match_certificate(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        // The alert of this error is the `bad_certificate` that RFC 8122 §6.2 wants.
        Err(CertificateError::NotValidForName.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls12(&self.0.provider, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls13(&self.0.provider, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0
            .provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls12(&self.0, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls13(&self.0, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// For a listener of sessions with fingerprints: a client must show a certificate, and the session that it names
/// decides about it.
impl ClientCertVerifier for AnyCertificate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls12(&self.0, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls13(&self.0, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn tls12(
    provider: &CryptoProvider,
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    verify_tls12_signature(
        message,
        cert,
        dss,
        &provider.signature_verification_algorithms,
    )
}

fn tls13(
    provider: &CryptoProvider,
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    verify_tls13_signature(
        message,
        cert,
        dss,
        &provider.signature_verification_algorithms,
    )
}
