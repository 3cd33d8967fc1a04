//! The three headers: what is read, what is written, and that both fit.

use msrp_conformance::covers;
use proptest::prelude::*;

use super::*;
use crate::wire::FaultKind;

fn challenge(value: &str) -> Challenge {
    Challenge::parse(value.as_bytes()).unwrap().unwrap()
}

fn credentials(value: &str) -> Credentials {
    Credentials::parse(value.as_bytes()).unwrap().unwrap()
}

fn info(value: &str) -> AuthenticationInfo {
    AuthenticationInfo::parse(value.as_bytes()).unwrap()
}

const MD5: &str = "06b631097aca9c7609b0d9ae793f66c0";

/// Good credentials.
const CREDENTIALS: &str = r#"Digest username="alice", realm="r", nonce="n", uri="msrps://r;tcp", qop=auth, nc=00000001, cnonce="c", response="06b631097aca9c7609b0d9ae793f66c0", opaque="o", algorithm=MD5"#;

#[test]
fn rfc4976_7_commas_have_any_blanks_or_none() {
    for value in [
        r#"Digest realm="r", qop="auth", nonce="n""#,
        r#"Digest realm="r",qop="auth",nonce="n""#,
        "digest \t realm = \"r\" ,\t qop= \"auth\"  ,nonce =\"n\" ",
        r#"DIGEST ,realm="r",, qop="auth", nonce="n","#,
        r#"Digest REALM=r, Qop=auth, nOnce=n"#,
    ] {
        let read = challenge(value);
        assert_eq!((read.realm.as_str(), read.nonce.as_str()), ("r", "n"));
        assert!(read.offers_auth() && !read.stale, "{value}");
        assert_eq!(read.algorithm(), Some(Algorithm::Md5));
        assert_eq!(
            read.to_value(),
            r#"Digest realm="r", qop="auth", nonce="n""#
        );
    }
    covers!("R-005", "R-072");
}

#[test]
fn rfc4976_7_some_values_are_quoted_and_others_are_not() {
    let all = Challenge {
        realm: "r".into(),
        nonce: "n".into(),
        opaque: Some("o".into()),
        stale: true,
        algorithm: Some("SHA-256".into()),
        qop: vec!["auth".into(), "x".into()],
    };
    assert_eq!(
        all.to_value(),
        r#"Digest realm="r", qop="auth,x", nonce="n", opaque="o", stale=true, algorithm=SHA-256"#
    );
    assert_eq!(challenge(&all.to_value()), all);

    let read = credentials(CREDENTIALS);
    assert_eq!(read.to_value(), CREDENTIALS);
    let unlike = format!(
        "Digest username=alice, realm=r, nonce=n, uri=msrps://r;tcp, qop=\"auth\", nc=\"00000001\", cnonce=c, \
         response={MD5}, opaque=o, algorithm=\"MD5\""
    );
    assert_eq!(credentials(&unlike), read);

    let written = r#"nextnonce="x", rspauth="0a", cnonce="c", nc=00000010, qop=auth"#;
    let read = info(written);
    assert_eq!(read.nc, Some(16));
    assert_eq!(read.to_value(), written);
    assert_eq!(
        info(r#"qop="auth",nc="00000010",cnonce=c,rspauth=0a,nextnonce=x"#),
        read
    );
    covers!("R-006", "R-007", "R-009");
}

#[test]
fn rfc4976_7_counts_and_digests_have_one_form() {
    for nc in [
        "1",
        "0000001",
        "000000001",
        "0000000A",
        "+0000001",
        "0000000g",
        "-0000001",
    ] {
        let value = CREDENTIALS.replace("nc=00000001", &format!("nc={nc}"));
        let fault = Credentials::parse(value.as_bytes()).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Grammar);
        assert!(fault.expected().contains("nc"), "{fault}");
        assert_eq!(fault.offset() as usize, CREDENTIALS.find("nc=").unwrap());
        assert!(AuthenticationInfo::parse(format!("nc={nc}").as_bytes()).is_err());
    }
    let sha = "1".repeat(64);
    for (response, algorithm) in [
        (MD5.to_uppercase(), "MD5"),
        (MD5[1..].to_owned(), "MD5"),
        (format!("{MD5}0"), "MD5"),
        (sha.clone(), "MD5"),
        (MD5.to_owned(), "SHA-256"),
        (String::new(), "MD5"),
        (MD5.to_owned(), "MD5-sess"),
        (MD5.to_owned(), "FOO"),
    ] {
        let value = CREDENTIALS
            .replace(MD5, &response)
            .replace("algorithm=MD5", &format!("algorithm={algorithm}"));
        assert!(Credentials::parse(value.as_bytes()).is_err(), "{value}");
    }
    let value = CREDENTIALS.replace(MD5, &sha).replace("=MD5", "=sha-256");
    assert_eq!(credentials(&value).algorithm(), Algorithm::Sha256);
    assert_eq!(credentials(CREDENTIALS).algorithm(), Algorithm::Md5);
    covers!("R-008");
}

#[test]
fn rfc2617_unknown_parameters_are_left_out() {
    let with = r#"Digest foo=bar, realm="r", domain="msrps://x;tcp", userhash=false, nonce="n", charset="UTF-8", qop="auth""#;
    let without = r#"Digest realm="r", qop="auth", nonce="n""#;
    assert_eq!(challenge(with), challenge(without));
    let with = CREDENTIALS.replace("Digest ", "Digest foo=\"b,a\\\"r\", ");
    assert_eq!(credentials(&with), credentials(CREDENTIALS));
    assert_eq!(info("foo=bar, nc=00000001, bar=\"\""), info("nc=00000001"));
    covers!("R-010", "R-058");
}

#[test]
fn rfc2617_stale_is_true_in_any_case() {
    for (stale, meant) in [
        ("true", true),
        ("TRUE", true),
        ("\"True\"", true),
        ("false", false),
        ("FALSE", false),
        ("yes", false),
    ] {
        let value = format!(r#"Digest realm="r", nonce="n", qop="auth", stale={stale}"#);
        assert_eq!(challenge(&value).stale, meant, "{stale}");
    }
    covers!("R-012");
}

#[test]
fn rfc4976_9_1_what_must_be_there_is_demanded() {
    for name in [
        "username", "realm", "nonce", "qop", "nc", "cnonce", "response",
    ] {
        let value = CREDENTIALS.replace(&format!(" {name}="), &format!(" x{name}="));
        let fault = Credentials::parse(value.as_bytes()).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Missing, "{name}");
        assert!(fault.expected().contains(name), "{fault}");
    }
    for name in ["uri", "opaque", "algorithm"] {
        let value = CREDENTIALS.replace(&format!(" {name}="), &format!(" x{name}="));
        assert!(Credentials::parse(value.as_bytes()).is_ok(), "{name}");
    }
    let value = CREDENTIALS.replace("qop=auth", "qop=auth-int");
    assert!(Credentials::parse(value.as_bytes()).is_err());
    for value in [
        r#"Digest realm="r", qop="auth""#,
        r#"Digest nonce="n""#,
        "Digest",
    ] {
        assert!(Challenge::parse(value.as_bytes()).is_err(), "{value}");
    }
    assert!(!challenge(r#"Digest realm="r", nonce="n""#).offers_auth());
    covers!("R-053", "R-054", "R-069");
}

#[test]
fn values_that_are_no_list_of_parameters_are_refused() {
    for value in [
        "",
        " ",
        "Digest realm",
        "Digest realm=",
        "Digest realm=\"r",
        "Digest realm=\"r\\",
        "Digest realm=\"r\" nonce=\"n\"",
        "Digest =x",
        "Digest realm=\"r\", nonce=\"n\", realm=\"s\"",
        "Digest realm=\"r\", nonce=\"n\", REALM=\"r\"",
        "Digest realm=\"r\"x, nonce=\"n\"",
    ] {
        assert!(Challenge::parse(value.as_bytes()).is_err(), "{value:?}");
    }
    assert!(Challenge::parse(b"Digest realm=\"\xff\", nonce=\"n\"").is_err());
    // Another scheme is no fault.
    for value in [
        "Basic realm=\"r\"",
        "Basic",
        "Bearer abc=",
        "Digested realm=\"r\"",
    ] {
        assert_eq!(Challenge::parse(value.as_bytes()), Ok(None), "{value}");
        assert_eq!(Credentials::parse(value.as_bytes()), Ok(None), "{value}");
    }
    assert_eq!(info(""), AuthenticationInfo::default());
}

#[test]
fn rfc7616_3_3_quotes_and_backslashes_are_escaped() {
    let read = credentials(&CREDENTIALS.replace("\"alice\"", r#""a\"l\\i\ce""#));
    assert_eq!(read.username, r#"a"l\ice"#);
    assert!(read.to_value().contains(r#"username="a\"l\\ice""#));
    assert_eq!(credentials(&read.to_value()), read);
    covers!("R-073");
}

#[test]
fn nothing_of_a_value_is_shown() {
    let shown = format!(
        "{:?} {:?} {:?}",
        challenge(r#"Digest realm="sec1", nonce="sec2", opaque="sec3", qop="auth", stale=true"#),
        credentials(
            &CREDENTIALS
                .replace("alice", "sec4")
                .replace("\"r\"", "\"sec5\"")
                .replace("\"n\"", "\"sec6\"")
                .replace("\"c\"", "\"sec7\"")
        ),
        info(r#"nextnonce="sec8", rspauth="sec9", cnonce="sec10", nc=00000001"#)
    );
    assert!(!shown.contains("sec") && !shown.contains(MD5), "{shown}");
    assert!(shown.contains("stale: true"), "{shown}");
}

fn text() -> impl Strategy<Value = String> {
    "[^\\x00-\\x1f\\x7f]{0,12}"
}

fn hex(len: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(b"0123456789abcdef".to_vec()), len)
        .prop_map(|digits| String::from_utf8(digits).expect("hex digits are US-ASCII"))
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        [a, b, c, d, e] in [text(), text(), text(), text(), text()],
        [opaque, uri] in [proptest::option::of(text()), proptest::option::of(text())],
        nc: u32,
        stale: bool,
        sha: bool,
        [short, long] in [hex(32), hex(64)],
    ) {
        let algorithm = sha.then(|| "SHA-256".to_owned());
        let written = Challenge {
            realm: a.clone(), nonce: b.clone(), opaque: opaque.clone(), stale, algorithm: algorithm.clone(),
            qop: vec!["auth".into()],
        };
        prop_assert_eq!(challenge(&written.to_value()), written);
        let written = Credentials {
            username: c, realm: a, nonce: b.clone(), uri, nc, cnonce: d.clone(),
            response: if sha { long } else { short.clone() }, opaque, algorithm,
        };
        prop_assert_eq!(credentials(&written.to_value()), written);
        let written = AuthenticationInfo {
            nextnonce: Some(e), qop: Some("auth".into()), rspauth: Some(short), cnonce: Some(d), nc: Some(nc),
        };
        prop_assert_eq!(info(&written.to_value()), written);
    }

    #[test]
    fn reading_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..80), text in "(Digest )?[a-z=,\" \\\\]{0,60}") {
        for value in [&octets[..], text.as_bytes()] {
            let _ = (Challenge::parse(value), Credentials::parse(value), AuthenticationInfo::parse(value));
        }
    }
}
