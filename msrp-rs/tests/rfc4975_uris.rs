//! RFC 4975 §6 as seen on the wire: the form of URIs, how they are compared (§6.1), and what those that the engine
//! makes look like. The parser itself has its tests beside it.

mod support;

use std::collections::{HashMap, HashSet};

use msrp::proto::IdSource;
use msrp_conformance::covers;
use support::bench::{Bench, FROM, TO, send};

fn request() -> String {
    send("tid1", "Message-ID: m1xx\r\n", Some("hi"), '$')
}

/// The answer to a request that is addressed so, by a connection with the session of [`TO`].
fn addressed(to: &str) -> u16 {
    let mut bench = Bench::new();
    let codes = bench.codes(request().replace(TO, to));
    assert_eq!(codes.len(), 1, "{to}");
    assert_eq!(bench.contents().len(), usize::from(codes[0] == 200), "{to}");
    assert!(bench.closed().is_none(), "{to}");
    codes[0]
}

/// The To-Path of the answer to a request that comes from there.
fn answered(from: &str) -> String {
    let mut bench = Bench::new();
    let answer = bench.feed(request().replace(FROM, from));
    assert!(
        answer.starts_with("MSRP tid1 200 OK\r\nTo-Path: "),
        "{answer}"
    );
    answer.lines().nth(1).expect("To-Path")["To-Path: ".len()..].to_owned()
}

#[test]
fn rfc4975_9_the_transport_is_mandatory_and_parameters_may_follow() {
    for to in [
        "msrp://b.example:2855/session000000000001",
        "msrp://b.example:2855/session000000000001;",
        "msrp://b.example:2855/session000000000001;;tcp",
        "msrp://b.example:2855/session000000000001;t-cp",
        "msrp:/b.example:2855/session000000000001;tcp",
        "sip:b@b.example;tcp",
        "msrp://:2855/session000000000001;tcp",
    ] {
        assert_eq!(addressed(to), 400, "{to}");
    }
    for from in [
        "msrp://h:1/s;tcp;foo=bar;baz",
        "msrps://user@h:1/s;TCP;x",
        "MSRP://h/s+/=~._-;tcp",
    ] {
        assert_eq!(answered(from), from);
    }
    covers!("C-070");
}

#[test]
fn rfc4975_9_session_ids_have_their_octets_and_no_others() {
    let every = "azAZ09-._~+=/";
    let mut bench = Bench::with(|config| {
        config.local_uri =
            msrp::wire::Uri::parse(&format!("msrp://b.example:2855/{every};tcp")).expect("a URI");
    });
    let to = format!("msrp://b.example:2855/{every};tcp");
    assert_eq!(bench.codes(request().replace(TO, &to)), [200]);
    for octet in [
        "%41", "%", ":", "@", "!", "$", "&", "'", "(", "*", ",", "?", "#", "[", "\\", "^", "|",
        "\u{fc}",
    ] {
        let to = TO.replace("session", &format!("sess{octet}ion"));
        assert_eq!(addressed(&to), 400, "{to}");
    }
    let mut ids = IdSource::new([3; 32]);
    for _ in 0..1000 {
        assert!(
            ids.session_id()
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric())
        );
    }
    covers!("C-071");
}

#[test]
fn rfc4975_9_other_transports_are_kept_and_compared() {
    for from in [
        "msrp://a.example:2855/x;ws",
        "msrps://df7jal23ls0d.invalid/98cjs;ws",
        "msrp://192.0.2.1:1/x;dc",
    ] {
        assert_eq!(answered(from), from);
    }
    assert_eq!(addressed(&TO.replace(";tcp", ";ws")), 481);
    covers!("C-072", "C-089");
}

#[test]
fn rfc4975_6_1_requests_find_their_session_by_the_five_rules() {
    // TO is msrp://b.example:2855/session000000000001;tcp.
    let id = "session000000000001";
    for (to, code) in [
        (format!("MSRP://b.example:2855/{id};tcp"), 200),
        (format!("msrps://b.example:2855/{id};tcp"), 481),
        (format!("msrp://bob@b.example:2855/{id};tcp"), 200),
        (format!("msrp://bob:secret@b.example:2855/{id};tcp"), 200),
        (format!("msrp://B.Example:2855/{id};tcp"), 200),
        (format!("msrp://b.ex%61mple:2855/{id};tcp"), 200),
        (format!("msrp://b%2Eexample:2855/{id};tcp"), 200),
        (format!("msrp://c.example:2855/{id};tcp"), 481),
        (format!("msrp://b.example:02855/{id};tcp"), 200),
        (format!("msrp://b.example/{id};tcp"), 481),
        (format!("msrp://b.example:2856/{id};tcp"), 481),
        (
            "msrp://b.example:2855/SESSION000000000001;tcp".to_owned(),
            481,
        ),
        ("msrp://b.example:2855;tcp".to_owned(), 481),
        (format!("msrp://b.example:2855/{id}/;tcp"), 481),
        (format!("msrp://b.example:2855//{id};tcp"), 481),
        (format!("msrp://b.example:2855/./{id};tcp"), 481),
        (format!("msrp://b.example:2855/a/../{id};tcp"), 481),
        (format!("msrp://b.example:2855/{id};TCP"), 200),
        (format!("msrp://b.example:2855/{id};tcp;x=1"), 200),
    ] {
        assert_eq!(addressed(&to), code, "{to}");
    }
    covers!(
        "C-078", "C-080", "C-083", "C-084", "C-086", "C-087", "C-088", "C-089", "C-090", "C-091",
        "T-47"
    );
}

#[test]
fn rfc4975_6_1_addresses_compare_by_value_and_never_equal_a_name() {
    let session =
        |host: &str| msrp::wire::Uri::parse(&format!("msrp://{host}:2855/s;tcp")).expect("a URI");
    for (ours, theirs, code) in [
        ("[2001:db8::1]", "[2001:DB8::1]", 200),
        ("[2001:db8::1]", "[2001:db8:0:0:0:0:0:1]", 200),
        ("[2001:db8::1]", "[2001:db8::2]", 481),
        ("[::ffff:192.0.2.1]", "[::ffff:c000:201]", 200),
        ("[::ffff:192.0.2.1]", "192.0.2.1", 481),
        ("127.0.0.1", "localhost", 481),
        ("localhost", "127.0.0.1", 481),
        ("127.0.0.1", "127.0.0.1", 200),
    ] {
        let mut bench = Bench::with(|config| config.local_uri = session(ours));
        let to = session(theirs).to_string();
        assert_eq!(
            bench.codes(request().replace(TO, &to)),
            [code],
            "{ours} {theirs}"
        );
    }
    // Without brackets it is no address, and no name.
    assert_eq!(addressed("msrp://2001:db8::1/s;tcp"), 400);
    covers!("C-075", "C-085", "T-30", "T-47");
}

#[test]
fn rfc4975_14_1_a_hundred_thousand_session_ids_differ_and_are_even() {
    let mut ids = IdSource::new([5; 32]);
    let (mut seen, mut counts) = (HashSet::new(), HashMap::new());
    for _ in 0..100_000 {
        let id = ids.session_id();
        // 14 letters and digits are 83 bits.
        assert!(id.len() >= 14 && id.bytes().all(|octet| octet.is_ascii_alphanumeric()));
        for (place, octet) in id.bytes().enumerate() {
            *counts.entry((place, octet)).or_insert(0u32) += 1;
        }
        assert!(seen.insert(id));
    }
    // At each place each of the 62 comes equally often: 61 degrees of freedom, a mean of 61.
    for place in 0..14 {
        let expected = 100_000.0 / 62.0;
        let found = counts.iter().filter(|((at, _), _)| *at == place);
        let (mut symbols, mut chi) = (0, 0.0);
        for (_, count) in found {
            symbols += 1;
            chi += (f64::from(*count) - expected).powi(2) / expected;
        }
        assert_eq!(symbols, 62);
        assert!((20.0..140.0).contains(&chi), "place {place}: {chi}");
    }
    covers!("C-095", "S-026");
}
