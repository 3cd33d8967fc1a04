//! Certificates of peers, DER (RFC 5280): read for hosts and logs, compared with fingerprints and names, judged by a CA.

use std::sync::LazyLock;

use msrp::CertificateProbe;

use super::input::Input;

/// The CA of the seeds; its key is gone.
const CA: &[u8] = include_bytes!("certificate_ca.pem");
/// The host that certificates are to name.
const HOST: &str = "alice.example";
/// When they are judged: in November 2026.
const NOW: u64 = 1_795_000_000;

static PROBE: LazyLock<CertificateProbe> =
    LazyLock::new(|| CertificateProbe::new(CA, HOST, NOW).expect("a CA"));

/// The first two octets are the length of the certificate, the rest is what else the peer shows.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let len = input.number();
    let (der, rest) = input.0.split_at(len.min(input.0.len()));
    let chain: Vec<&[u8]> = if rest.is_empty() { vec![] } else { vec![rest] };
    let probed = PROBE.judge(der, &chain);

    assert!(probed.described.len() <= 3072, "{}", probed.described.len());
    let seen = &probed.seen;
    assert_eq!(&seen.der[..], der);
    let shown = [&probed.described, &seen.subject, &seen.issuer];
    for text in shown.into_iter().chain(&seen.names) {
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(
            !text.contains(['\u{202e}', '\u{2066}', '\u{2028}']),
            "{text:?}"
        );
    }
    let is_short = |text: &String| text.chars().count() <= 2600;
    assert!(is_short(&seen.subject) && is_short(&seen.issuer));
    assert!(seen.names.iter().all(is_short));
    assert!(probed.tells_prints);
    let named = format!("DNS:{HOST}");
    let is_named = seen
        .names
        .iter()
        .any(|name| name.eq_ignore_ascii_case(&named));
    assert_eq!(probed.certifies, is_named, "{:?}", seen.names);
    for refused in [&probed.as_server, &probed.as_client] {
        if let Err(why) = refused {
            assert!(
                why.len() <= 8192 && !why.contains(char::is_control),
                "{why:?}"
            );
        }
    }
    // What is trusted was read.
    if probed.as_server.is_ok() || probed.as_client.is_ok() {
        assert!(!seen.issuer.is_empty());
        let now = i64::try_from(NOW).expect("in range");
        assert!(seen.not_before <= now && now <= seen.not_after);
    }
    if probed.as_server.is_ok() {
        let is_wild = |name: &String| name.eq_ignore_ascii_case("DNS:*.example");
        assert!(
            is_named || seen.names.iter().any(is_wild),
            "{:?}",
            seen.names
        );
    }
}
