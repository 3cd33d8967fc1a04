//! Certificates that the engine makes (RFC 4975 §14.4, RFC 8591 §8.4): what stands in them, what is refused, and
//! sessions that know each other by their fingerprints.

mod engine_support;

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use engine_support::tls::secure;
use engine_support::{Host, pair_with};
use msrp::engine::{Identity, SelfSigned, TlsConfig, TlsVerify};
use msrp::error::ErrorKind;
use msrp::sdp::HashFunction;
use msrp_conformance::covers;
use x509_parser::oid_registry::{OID_EC_P256, OID_SIG_ECDSA_WITH_SHA256};
use x509_parser::pem::Pem;
use x509_parser::prelude::{GeneralName, X509Certificate};

/// What a certificate says.
fn read<T>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let pem = Pem::iter_from_buffer(pem.as_bytes()).next();
    let pem = pem.expect("one certificate").expect("PEM");
    look(&pem.parse_x509().expect("a certificate"))
}

fn names(identity: &Identity) -> Vec<String> {
    read(identity.cert_pem(), |certificate| {
        let names = certificate.subject_alternative_name().expect("sound");
        let names = &names.expect("there").value.general_names;
        let text = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => format!("DNS {name}"),
            GeneralName::URI(uri) => format!("URI {uri}"),
            GeneralName::IPAddress(octets) if octets.len() == 4 => {
                let octets = <[u8; 4]>::try_from(*octets).expect("four");
                format!("IP {}", IpAddr::from(octets))
            }
            GeneralName::IPAddress(octets) => {
                let octets = <[u8; 16]>::try_from(*octets).expect("sixteen");
                format!("IP {}", IpAddr::from(octets))
            }
            other => panic!("{other:?}"),
        };
        names.iter().map(text).collect()
    })
}

#[test]
fn a_certificate_is_of_p256_and_as_old_as_it_says() {
    let before = SystemTime::now().duration_since(UNIX_EPOCH);
    let before = before.expect("after 1970").as_secs() as i64;
    let identity = Identity::self_signed(["alice.example.com"], &SelfSigned { days: 30 });
    let identity = identity.expect("made");
    read(identity.cert_pem(), |certificate| {
        assert_eq!(certificate.subject(), certificate.issuer());
        assert_eq!(certificate.subject().to_string(), "CN=alice.example.com");
        assert_eq!(
            certificate.signature_algorithm.algorithm,
            OID_SIG_ECDSA_WITH_SHA256
        );
        let key = &certificate.public_key().algorithm;
        let curve = key.parameters.as_ref().expect("a curve").as_oid();
        assert_eq!(curve.expect("named"), OID_EC_P256);
        let validity = certificate.validity();
        let day = 24 * 60 * 60;
        let began = validity.not_before.timestamp();
        let ends = validity.not_after.timestamp();
        assert!((before - day..before - day + 60).contains(&began));
        assert!((before + 30 * day..before + 30 * day + 60).contains(&ends));
        // Positive and of 16 octets.
        assert_eq!(certificate.raw_serial().len(), 16);
        assert!(certificate.raw_serial()[0] < 0x80);
        assert!(!certificate.is_ca());
    });
    assert!(
        identity
            .key_pem()
            .starts_with("-----BEGIN PRIVATE KEY-----")
    );
}

#[test]
fn rfc4975_14_4_users_are_named_by_their_uris_and_hosts_by_names_and_addresses() {
    let given = [
        "alice.example.com",
        "192.0.2.7",
        "2001:db8::7",
        "[2001:db8::8]",
        "im:alice@example.com",
        "sip:alice@example.com",
        "sips:alice@example.com",
    ];
    let identity = Identity::self_signed(given, &SelfSigned::default()).expect("made");
    assert_eq!(
        names(&identity),
        [
            "DNS alice.example.com",
            "IP 192.0.2.7",
            "IP 2001:db8::7",
            "IP 2001:db8::8",
            "URI im:alice@example.com",
            "URI sip:alice@example.com",
            "URI sips:alice@example.com",
        ]
    );
    covers!("C-277");
}

#[test]
fn rfc8591_8_4_msrp_uris_and_what_is_no_name_are_refused() {
    for name in [
        "msrp://alice.example.com:2855/abc;tcp",
        "msrps://alice.example.com:2855/abc;tcp",
        "MSRPS:alice",
        "",
        "im:",
        ":alice",
        "1m:alice",
        "sip:älice@example.com",
        "sip:alice@example.com\r\n",
        "älice.example.com",
        "alice example",
        "*.example.com",
        "-.example.com",
        &format!("im:{}", "x".repeat(1024)),
        &"x".repeat(300),
    ] {
        let error = Identity::self_signed([name], &SelfSigned::default());
        let error = error.expect_err(name);
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{name}");
        assert!(error.context.len() < 200, "{}", error.context);
    }
    let many = vec!["a.example"; 101];
    assert!(Identity::self_signed(many, &SelfSigned::default()).is_err());
    for days in [0, 36_501, u32::MAX] {
        let error = Identity::self_signed(["a.example"], &SelfSigned { days });
        assert!(error.expect_err("refused").context.contains("days"));
    }
    Identity::self_signed(["a.example"], &SelfSigned { days: 36_500 }).expect("a hundred years");
    covers!("C-286");
}

#[test]
fn a_subject_has_at_most_64_characters() {
    let label = "x".repeat(50);
    let long = format!("{label}.{label}.example");
    let identity = Identity::self_signed([&long], &SelfSigned::default()).expect("made");
    assert_eq!(names(&identity), [format!("DNS {long}")]);
    let subject = read(identity.cert_pem(), |it| it.subject().to_string());
    assert_eq!(subject, "CN=anonymous.invalid");
}

#[test]
fn rfc4975_14_4_anonymous_ones_tell_nothing_and_are_never_the_same() {
    let (one, two) = (Identity::anonymous(), Identity::anonymous());
    let (one, two) = (one.expect("made"), two.expect("made"));
    assert_eq!(names(&one), ["DNS anonymous.invalid"]);
    assert_eq!(names(&one), names(&two));
    let serial = |identity: &Identity| read(identity.cert_pem(), |it| it.raw_serial().to_vec());
    assert_ne!(serial(&one), serial(&two));
    assert_ne!(one.key_pem(), two.key_pem());
    let none: [&str; 0] = [];
    let unnamed = Identity::self_signed(none, &SelfSigned::default()).expect("made");
    assert_eq!(names(&unnamed), names(&one));

    // Two sessions of one engine, two fingerprints; both work.
    let (a, b) = (Host::new(), Host::new());
    let fresh = || TlsConfig::from(Identity::anonymous().expect("made"));
    let first = pair_with(&a, secure(&fresh()), &b, secure(&fresh()));
    let second = pair_with(&a, secure(&fresh()), &b, secure(&fresh()));
    let print = |session| {
        let block = a.engine.local_media(session).expect("a block");
        let mut lines = block.lines();
        let line = lines.find(|line| line.starts_with("a=fingerprint:"));
        line.expect("a fingerprint").to_owned()
    };
    assert_ne!(print(first.0), print(second.0));
    for (ours, theirs) in [first, second] {
        a.send(ours, "who am I?");
        assert_eq!(b.wait_messages(theirs, 1)[0].body, b"who am I?");
    }
    covers!("C-276");
}

#[test]
fn fingerprints_are_those_that_the_sdp_has() {
    let config = TlsConfig::self_signed(["localhost"], &SelfSigned::default()).expect("made");
    assert_eq!(config.verify, TlsVerify::Fingerprint);
    let a = Host::new();
    let session = a.session_with(secure(&config));
    let block = a.engine.local_media(session).expect("a block");
    let print = config.fingerprint(&HashFunction::Sha256).expect("known");
    let print = print.expect("there is a certificate");
    let line = format!("a=fingerprint:{print}\r\n");
    assert!(block.contains(&line), "{block}");
    for function in [
        HashFunction::Md5,
        HashFunction::Md2,
        HashFunction::Other("sha3-256".into()),
    ] {
        let error = config.fingerprint(&function).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
    }
    let empty = TlsConfig::default();
    assert_eq!(empty.fingerprint(&HashFunction::Sha256), Ok(None));
    covers!("S-107", "S-117");
}

#[test]
fn the_key_stays_out_of_debug_texts() {
    let identity = Identity::anonymous().expect("made");
    let key: String = identity.key_pem().lines().nth(1).expect("base64").into();
    let config = TlsConfig::from(identity.clone());
    for text in [format!("{identity:?}"), format!("{config:#?}")] {
        assert!(!text.contains(&key) && !text.contains("PRIVATE"), "{text}");
    }
}

#[test]
fn a_configuration_says_what_its_certificate_is_before_it_is_used() {
    let identity =
        Identity::self_signed(["relay.example.com", "192.0.2.1"], &SelfSigned::default());
    let config = TlsConfig::from(identity.expect("made"));
    let certificate = config.certificate().expect("sound").expect("there");
    assert_eq!(certificate.names, ["DNS:relay.example.com", "IP:192.0.2.1"]);
    assert!(certificate.not_before < certificate.not_after);
    for (host, is_in_it) in [
        ("relay.example.com", true),
        ("RELAY.example.com", true),
        ("192.0.2.1", true),
        ("example.com", false),
        ("192.0.2.2", false),
    ] {
        assert_eq!(config.certifies(host).ok(), Some(is_in_it), "{host}");
    }
    let wrong = config.certifies("no host").expect_err("no host");
    assert_eq!(wrong.kind, ErrorKind::InvalidArgument);

    let other = Identity::anonymous().expect("made");
    let mixed = TlsConfig {
        key: TlsConfig::from(other).key,
        ..config
    };
    let wrong = mixed.certificate().expect_err("another key");
    assert_eq!(wrong.kind, ErrorKind::InvalidArgument);
    let nothing = TlsConfig::default();
    assert!(nothing.certificate().expect("sound").is_none());
    assert_eq!(nothing.certifies("relay.example.com").ok(), Some(false));
}
