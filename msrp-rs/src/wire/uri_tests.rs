//! Tests of URI syntax, comparison and generation.

use msrp_conformance::covers;
use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// Equal URIs must hash alike, so sets see what `==` sees.
fn same(a: &str, b: &str) -> bool {
    let equal = uri(a) == uri(b);
    let set = HashSet::from([uri(a)]);
    assert_eq!(set.contains(&uri(b)), equal, "hash of {a} and {b}");
    equal
}

#[test]
fn parts_of_a_uri() {
    let full = uri("MSRPS://bob@Example.COM:2855/iAu39+a/b==;TCP;foo=bar;baz");
    assert_eq!(full.scheme(), Scheme::Msrps);
    assert!(full.is_secure());
    assert_eq!(full.userinfo(), Some("bob"));
    assert_eq!(full.host(), &Host::Name("example.com".into()));
    assert_eq!(full.port(), Some(2855));
    assert_eq!(full.session_id(), Some("iAu39+a/b=="));
    assert_eq!(full.transport(), "TCP");
    assert_eq!(
        full.params().collect::<Vec<_>>(),
        [("foo", Some("bar")), ("baz", None)]
    );
    assert_eq!(
        full.to_string(),
        "MSRPS://bob@Example.COM:2855/iAu39+a/b==;TCP;foo=bar;baz"
    );

    let short = uri("msrp://h;ws");
    assert!(!short.is_secure());
    assert_eq!(
        (
            short.userinfo(),
            short.port(),
            short.session_id(),
            short.transport()
        ),
        (None, None, None, "ws")
    );
    assert_eq!(short.params().count(), 0);
    covers!("C-070");
}

#[test]
fn hosts_names_addresses_and_odd_userinfo() {
    assert_eq!(
        uri("msrp://192.0.2.1:1/s;tcp").host(),
        &Host::V4([192, 0, 2, 1].into())
    );
    let v6 = uri("msrp://[2001:db8::1]:2855/s;tcp");
    assert_eq!(v6.host(), &Host::V6("2001:db8::1".parse().unwrap()));
    assert_eq!(v6.port(), Some(2855));
    assert_eq!(v6.host().to_string(), "[2001:db8::1]");
    assert_eq!(
        uri("msrp://a;b:c%20@h:1/s;tcp").userinfo(),
        Some("a;b:c%20")
    );
    assert_eq!(uri("msrp://@h:1/s;tcp").userinfo(), Some(""));
    assert_eq!(uri("msrp://h:00065535/s;tcp").port(), Some(65535));
    assert_eq!(
        uri("msrp://df7jal23ls0d.invalid:2855/98cjs;ws").transport(),
        "ws"
    );
    covers!("C-075");
}

#[test]
fn faults_have_their_offset() {
    for (text, offset) in [
        ("", 0),
        ("msrp:/h:1/s;tcp", 0),
        ("sip://h:1/s;tcp", 0),
        ("msrp://", 7),
        ("msrp:///s;tcp", 7),
        ("msrp://h:1/s", 12),
        ("msrp://h:1/s;", 13),
        ("msrp://h:1/s;;x", 13),
        ("msrp://h:1/s;t_p", 14),
        ("msrp://h:1/;tcp", 11),
        ("msrp://h:1/ab%41;tcp", 13),
        ("msrp://h:1/a:b;tcp", 12),
        ("msrp://h:/s;tcp", 9),
        ("msrp://h:65536/s;tcp", 9),
        ("msrp://h:1x/s;tcp", 10),
        ("msrp://2001:db8::1/s;tcp", 12),
        ("msrp://[2001:db8::1:1/s;tcp", 7),
        ("msrp://[zz]:1/s;tcp", 7),
        ("msrp://[::1%25eth0]:1/s;tcp", 7),
        ("msrp://a@b@h:1/s;tcp", 10),
        ("msrp://<a>@h:1/s;tcp", 7),
        ("msrp://%zz@h:1/s;tcp", 7),
        ("msrp://h%4:1/s;tcp", 8),
        ("msrp://h\"x:1/s;tcp", 8),
        ("msrp://bücher:1/s;tcp", 8),
        ("msrp://h:1/s;tcp ", 16),
        ("msrp://h:1/s;tcp;", 17),
        ("msrp://h:1/s;tcp;a=", 19),
        ("msrp://h:1/s;tcp;a=b/c", 20),
    ] {
        let fault = Uri::parse(text).expect_err(text);
        assert_eq!(fault.offset(), offset, "{text}: {fault}");
    }
    let error = "msrp://h:1/s".parse::<Uri>().unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidUri);
    assert_eq!(
        error.to_string(),
        "invalid URI: expected \";\" and a transport at octet 12"
    );
    covers!("C-070", "C-071", "C-075");
}

#[test]
fn rfc4975_6_1_scheme_authority_and_port() {
    assert!(same("MSRP://h:1/s;tcp", "msrp://h:1/s;tcp"));
    assert!(!same("msrp://h:1/s;tcp", "msrps://h:1/s;tcp"));
    assert!(same("msrp://a@h:1/s;tcp", "msrp://b@h:1/s;tcp"));
    assert!(same("msrp://a@h:1/s;tcp", "msrp://h:1/s;tcp"));
    assert!(same(
        "msrp://[2001:DB8::1]:1/s;tcp",
        "msrp://[2001:db8:0:0:0:0:0:1]:1/s;tcp"
    ));
    assert!(!same(
        "msrp://localhost:1/s;tcp",
        "msrp://127.0.0.1:1/s;tcp"
    ));
    assert!(!same(
        "msrp://[::ffff:127.0.0.1]:1/s;tcp",
        "msrp://127.0.0.1:1/s;tcp"
    ));
    assert!(same(
        "msrp://ex%61mple.com:1/s;tcp",
        "msrp://EXAMPLE.com:1/s;tcp"
    ));
    assert!(same(
        "msrp://127.0.0.%31:1/s;tcp",
        "msrp://127.0.0.1:1/s;tcp"
    ));
    assert!(same("msrp://a%3Ab:1/s;tcp", "msrp://a%3ab:1/s;tcp"));
    assert!(same("msrp://h:02855/s;tcp", "msrp://h:2855/s;tcp"));
    assert!(!same("msrp://h:2855/s;tcp", "msrp://h/s;tcp"));
    assert!(!same("msrp://h:1/s;tcp", "msrp://h:2/s;tcp"));
    covers!("C-083", "C-084", "C-085", "C-086", "C-087", "C-078", "T-47");
}

#[test]
fn rfc4975_6_1_session_id_and_transport() {
    assert!(!same("msrp://h:1/AbC;tcp", "msrp://h:1/abc;tcp"));
    assert!(!same("msrp://h:1/s;tcp", "msrp://h:1;tcp"));
    assert!(same("msrp://h:1/s;TCP", "msrp://h:1/s;tcp"));
    assert!(!same("msrp://h:1/s;tcp", "msrp://h:1/s;ws"));
    assert!(!same("msrp://h:1/a/../b;tcp", "msrp://h:1/b;tcp"));
    assert!(!same("msrp://h:1/a//b;tcp", "msrp://h:1/a/b;tcp"));
    assert!(same("msrp://h:1/s;tcp;x=1", "msrp://h:1/s;tcp"));
    covers!("C-088", "C-089", "C-090", "C-091", "T-47");
}

#[test]
fn generated_uris_are_canonical_and_checked() {
    let host: Host = "EXAMPLE.com".parse().unwrap();
    let made = Uri::session(Scheme::Msrps, &host, 2855, "abc123").unwrap();
    assert_eq!(made.as_str(), "msrps://example.com:2855/abc123;tcp");
    let v6: Host = "2001:DB8::1".parse().unwrap();
    let made = Uri::session(Scheme::Msrp, &v6, 1, "s").unwrap();
    assert_eq!(made.as_str(), "msrp://[2001:db8::1]:1/s;tcp");
    assert_eq!(
        made.with_transport("ws").unwrap().as_str(),
        "msrp://[2001:db8::1]:1/s;ws"
    );
    assert!(made.with_transport("w s").is_err());

    for (host, port, session_id) in [
        (Host::Name("bücher.example".into()), 1, "s"),
        (Host::Name("a b".into()), 1, "s"),
        (Host::Name("x@y".into()), 1, "s"),
        (Host::Name("h/x;tcp".into()), 1, "s"),
        (host.clone(), 0, "s"),
        (host.clone(), 1, ""),
        (host.clone(), 1, "a;b"),
        (host.clone(), 1, "a b"),
    ] {
        let made = Uri::session(Scheme::Msrp, &host, port, session_id);
        if let Ok(uri) = made {
            panic!("{uri}");
        }
    }

    assert!(uri("msrp://192.0.2.1/abc;tcp").check_generated().is_err());
    assert!(uri("msrp://[::1]/abc;tcp").check_generated().is_err());
    assert!(uri("msrp://user:pw@h:1/abc;tcp").check_generated().is_err());
    assert!(uri("msrp://user@h/abc;tcp").check_generated().is_ok());
    assert!("bücher".parse::<Host>().is_err());
    assert!("[::1".parse::<Host>().is_err());
    covers!("C-073", "C-074", "C-077", "C-081");
}

#[test]
fn debug_hides_the_session_id_and_display_does_not() {
    let secret = uri("msrp://h:1/verysecretid;tcp");
    assert_eq!(format!("{secret:?}"), "Uri(msrp://h:1/very…;tcp)");
    assert_eq!(secret.to_string(), "msrp://h:1/verysecretid;tcp");
}

proptest! {
    #[test]
    fn parse_never_panics(text in "\\PC{0,60}") {
        let _ = Uri::parse(&text);
        let _ = Redacted(&text).to_string();
    }

    #[test]
    fn near_uris_never_panic(text in "(msrp|msrps|x)://[a@:;/%\\[\\].1 ü]{0,20}(;tcp)?[;=a/]{0,4}") {
        if let Ok(parsed) = Uri::parse(&text) {
            prop_assert_eq!(parsed.as_str(), &text);
            prop_assert_eq!(&parsed, &uri(&text));
            let shown = format!("{parsed:?}");
            if let Some(id) = parsed.session_id() {
                prop_assert!(shown.contains('…'), "{} of {}", shown, id);
            }
        }
    }

    #[test]
    fn own_uris_read_back(host in "[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z]{1,5}){0,2}", port in 1u16.., id in "[A-Za-z0-9]{1,30}") {
        let host = Host::parse(&host).unwrap();
        let made = Uri::session(Scheme::Msrp, &host, port, &id).unwrap();
        prop_assert_eq!(made.host(), &host);
        prop_assert_eq!(made.port(), Some(port));
        prop_assert_eq!(made.session_id(), Some(id.as_str()));
        prop_assert!(made.check_generated().is_ok());
    }
}
