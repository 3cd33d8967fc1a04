//! What went wrong with TLS, in words: which check failed, what the peer said, what came instead of TLS.

use std::io;

use rustls::{AlertDescription, Error as TlsError, InvalidMessage, PeerIncompatible};

use super::config::{TlsConfig, TlsVersion};

/// Why a handshake failed. `heard` is what the peer said first.
pub(super) fn in_handshake(config: &TlsConfig, error: &io::Error, heard: &[u8]) -> String {
    if let Some(error) = tls_error(error) {
        return match error {
            TlsError::InvalidMessage(_) if !is_tls(heard) => instead(heard),
            TlsError::AlertReceived(alert) => refused(config, *alert),
            TlsError::PeerIncompatible(reason) => incompatible(config, reason),
            TlsError::NoCertificatesPresented => "the peer showed no certificate".to_owned(),
            TlsError::PeerSentOversizedRecord => {
                "the peer sent a record that is longer than TLS allows".to_owned()
            }
            TlsError::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
                format!(
                    "the peer speaks an unknown version of TLS; {}",
                    versions(config)
                )
            }
            error => format!("the peer broke the TLS protocol: {error}"),
        };
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof if heard.is_empty() => {
            "the peer closed the connection without a word: perhaps it does not speak TLS"
                .to_owned()
        }
        _ if !heard.is_empty() && !is_tls(heard) => instead(heard),
        io::ErrorKind::UnexpectedEof => {
            "the peer closed the connection in the handshake".to_owned()
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => {
            format!("the peer reset the connection in the handshake ({error})")
        }
        _ => error.to_string(),
    }
}

/// What is to be said of a handshake that took too long.
pub(super) fn too_late(limit: std::time::Duration, heard: &[u8]) -> String {
    match heard {
        [] => format!("no handshake within {limit:?}: the peer said nothing"),
        heard if is_tls(heard) => {
            format!("no handshake within {limit:?}: the peer began it and did not go on")
        }
        heard => format!("no handshake within {limit:?}: {}", instead(heard)),
    }
}

/// Why a connection that had its handshake is lost, if it was TLS.
pub(crate) fn afterwards(error: &io::Error) -> Option<String> {
    Some(match tls_error(error)? {
        // In TLS 1.3 the side that connects is done before the other has judged its certificate.
        TlsError::AlertReceived(alert) => format!("TLS: {}", said(*alert)),
        TlsError::DecryptError => "TLS: a record was changed on its way".to_owned(),
        error => format!("TLS: the peer broke the protocol: {error}"),
    })
}

/// Whether octets begin a TLS record: no MSRP begins so.
pub(crate) fn is_tls(heard: &[u8]) -> bool {
    match heard {
        [] => false,
        // Alert, handshake.
        [kind] => matches!(kind, 20..=23),
        [kind, major, ..] => matches!(kind, 20..=23) && *major == 3,
    }
}

/// What the peer speaks that should have spoken TLS.
pub(super) fn instead(heard: &[u8]) -> String {
    let begins =
        |with: &[u8]| heard.len() >= 4 && with.starts_with(&heard[..heard.len().min(with.len())]);
    if begins(b"MSRP ") {
        "the peer speaks MSRP without TLS".to_owned()
    } else if begins(b"HTTP/1.1") || begins(b"HTTP/1.0") || begins(b"GET /") || begins(b"POST /") {
        "the peer speaks HTTP without TLS".to_owned()
    } else if heard
        .iter()
        .all(|octet| octet.is_ascii_graphic() || b" \r\n\t".contains(octet))
    {
        "the peer speaks plain text, no TLS".to_owned()
    } else {
        "the peer does not speak TLS".to_owned()
    }
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

fn versions(config: &TlsConfig) -> String {
    let name = |version: TlsVersion| match version {
        TlsVersion::Tls12 => "TLS 1.2",
        TlsVersion::Tls13 => "TLS 1.3",
    };
    match (config.min_version, config.max_version) {
        (min, max) if min == max => format!("only {} is taken here", name(min)),
        (min, max) => format!("{} and {} are taken here", name(min), name(max)),
    }
}

fn incompatible(config: &TlsConfig, reason: &PeerIncompatible) -> String {
    match reason {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => {
            format!("no version of TLS in common; {}", versions(config))
        }
        PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite in common".to_owned(),
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::KeyShareExtensionRequired => {
            "no cipher suite or key exchange in common".to_owned()
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "no signature scheme in common that fits our certificate".to_owned()
        }
        other => format!("the peer's TLS does not go with ours: {other:?}"),
    }
}

fn refused(config: &TlsConfig, alert: AlertDescription) -> String {
    let said = said(alert);
    match alert {
        AlertDescription::ProtocolVersion => {
            format!("no version of TLS in common; {}: {said}", versions(config))
        }
        AlertDescription::HandshakeFailure if config.cert.is_none() => {
            format!("{said}: nothing in common, or it wants a certificate, and tls.cert is not set")
        }
        _ => said,
    }
}

fn said(alert: AlertDescription) -> String {
    let (name, meaning) = match alert {
        AlertDescription::BadCertificate => ("bad_certificate", "it refuses our certificate"),
        AlertDescription::UnsupportedCertificate => (
            "unsupported_certificate",
            "it refuses our certificate for its kind or purpose",
        ),
        AlertDescription::CertificateRevoked => {
            ("certificate_revoked", "our certificate was revoked")
        }
        AlertDescription::CertificateExpired => (
            "certificate_expired",
            "our certificate is not in its time, by the peer's clock",
        ),
        AlertDescription::CertificateUnknown => {
            ("certificate_unknown", "it refuses our certificate")
        }
        AlertDescription::UnknownCA => {
            ("unknown_ca", "it does not trust the CA of our certificate")
        }
        AlertDescription::CertificateRequired => {
            ("certificate_required", "it wants a certificate of ours")
        }
        AlertDescription::AccessDenied => ("access_denied", "our certificate may not come in"),
        AlertDescription::ProtocolVersion => ("protocol_version", "it takes none of our versions"),
        AlertDescription::HandshakeFailure => ("handshake_failure", "it found nothing in common"),
        AlertDescription::InsufficientSecurity => (
            "insufficient_security",
            "it wants stronger ciphers than ours",
        ),
        AlertDescription::UnrecognisedName => {
            ("unrecognized_name", "it has no certificate for this name")
        }
        AlertDescription::NoApplicationProtocol => {
            ("no_application_protocol", "it wants a protocol by ALPN")
        }
        AlertDescription::DecryptError => (
            "decrypt_error",
            "a signature or key exchange of ours did not convince it",
        ),
        AlertDescription::InternalError => ("internal_error", "it failed itself"),
        AlertDescription::UserCanceled => ("user_canceled", "it gave up"),
        AlertDescription::DecodeError => ("decode_error", "it could not read us"),
        AlertDescription::UnexpectedMessage => {
            ("unexpected_message", "it did not expect what we said")
        }
        other => return format!("the peer sent the alert {other:?} ({})", u8::from(other)),
    };
    format!("the peer sent the alert {name}: {meaning}")
}
