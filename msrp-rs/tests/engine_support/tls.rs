//! Certificates and TLS options for tests.

use msrp::engine::{PemSource, SessionOptions, TlsConfig, TlsVerify};

/// A certificate for a name, signed by itself.
pub(crate) fn certificate(name: &str) -> (Vec<u8>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    (
        made.cert.pem().into_bytes(),
        made.signing_key.serialize_pem().into_bytes(),
    )
}

pub(crate) fn text(pem: &[u8]) -> Option<PemSource> {
    Some(PemSource::Text(pem.to_vec()))
}

/// TLS for both ends: each has a certificate for `localhost` and trusts the other's.
pub(crate) fn mutual() -> [TlsConfig; 2] {
    let (one, two) = (certificate("localhost"), certificate("localhost"));
    let config = |own: &(Vec<u8>, Vec<u8>), other: &(Vec<u8>, Vec<u8>)| TlsConfig {
        ca: text(&other.0),
        cert: text(&own.0),
        key: text(&own.1),
        ..TlsConfig::default()
    };
    [config(&one, &two), config(&two, &one)]
}

/// TLS with a certificate of its own that trusts everybody.
pub(crate) fn unverified() -> TlsConfig {
    let (cert, key) = certificate("localhost");
    TlsConfig {
        cert: text(&cert),
        key: text(&key),
        verify: TlsVerify::None,
        ..TlsConfig::default()
    }
}

pub(crate) fn secure(tls: &TlsConfig) -> SessionOptions {
    SessionOptions {
        host: "localhost".into(),
        secure: true,
        tls: Some(tls.clone()),
        ..SessionOptions::default()
    }
}
