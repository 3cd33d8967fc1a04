//! What is wrong with an SDP, line by line: a text for every rule, and the parser's agreement.

#[path = "harness/lint.rs"]
#[expect(unreachable_pub, reason = "the fuzzers use it, too")]
mod lint;

use std::collections::BTreeSet;

use msrp::sdp::lint::{Finding, Kind, check, check_answer, rules};
use msrp::sdp::{MAX_ATTRIBUTES, MAX_SDP_LEN, MAX_SDP_LINES};
use proptest::prelude::*;

use lint::agrees;

/// A description without any finding but notes that every short list of types has.
const GOOD: [&str; 9] = [
    "v=0",
    "o=- 1 1 IN IP4 192.0.2.1",
    "s=-",
    "c=IN IP4 192.0.2.1",
    "t=0 0",
    "m=message 7394 TCP/MSRP *",
    "a=accept-types:*",
    "a=path:msrp://192.0.2.1:7394/2s93i9ek2a7fj3;tcp",
    "a=setup:actpass",
];

/// A good secure stream, to stand for lines 6 to 9.
const SECURE: [&str; 5] = [
    "m=message 7394 TCP/TLS/MSRP *",
    "a=accept-types:*",
    "a=path:msrps://192.0.2.1:7394/2s93i9ek2a7fj3;tcp",
    "a=setup:actpass",
    "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
];

fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

/// `line rule` of each finding.
fn names(findings: &[Finding]) -> Vec<String> {
    let name = |finding: &Finding| format!("{} {}", finding.line, finding.rule.name);
    findings.iter().map(name).collect()
}

/// What to do with a line of a text, and what is found then.
enum Change {
    /// Line `.0` becomes these.
    Line(usize, &'static [&'static str]),
    /// Lines that come behind.
    End(&'static [&'static str]),
    /// Octets before line `.0`.
    Octets(usize, &'static [u8]),
}
use Change::{End, Line, Octets};

/// Where both kinds are looked at.
const ANY: [Option<Kind>; 3] = [None, Some(Kind::Offer), Some(Kind::Answer)];
const OFFER: [Option<Kind>; 1] = [Some(Kind::Offer)];
const ANSWER: [Option<Kind>; 1] = [Some(Kind::Answer)];

fn changed(base: &[&str], change: &Change) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, line) in base.iter().enumerate() {
        let number = index + 1;
        match change {
            Line(at, lines) if *at == number => out.extend_from_slice(text(lines).as_bytes()),
            Octets(at, octets) if *at == number => {
                out.extend_from_slice(octets);
                out.extend_from_slice(text(&[line]).as_bytes());
            }
            _ => out.extend_from_slice(text(&[line]).as_bytes()),
        }
    }
    if let End(lines) = change {
        out.extend_from_slice(text(lines).as_bytes());
    }
    out
}

const MD5: &str = "a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

/// A change, the kinds for which it is looked at, and what is found.
type Row = (Change, &'static [Option<Kind>], &'static [&'static str]);

/// Changes of [`GOOD`].
const PLAIN: &[Row] = &[
    (Octets(3, b"a=x:\xff\r\n"), &ANY, &["3 encoding"]),
    (Octets(3, b"i=a\rb\r\n"), &ANY, &["3 encoding"]),
    (Octets(3, b"i=a\0\r\n"), &ANY, &["3 encoding"]),
    (Line(3, &["s=-", "nonsense"]), &ANY, &["4 line-form"]),
    (Line(3, &["s=-", " a=x"]), &ANY, &["4 line-form"]),
    (Line(9, &["y=1"]), &ANY, &["6 setup-missing", "9 line-type"]),
    (Line(2, &["o=- 1 1 IN IP4"]), &ANY, &["2 line-syntax"]),
    (
        Line(2, &["o=- 1 x IN IP4 192.0.2.1"]),
        &ANY,
        &["2 line-syntax", "2 origin-range"],
    ),
    (
        Line(4, &["c=IN IP4"]),
        &ANY,
        &["4 line-syntax", "6 address-missing"],
    ),
    (Line(5, &["t=0"]), &ANY, &["5 line-syntax"]),
    (Line(5, &["r=1 2 3", "t=0 0"]), &ANY, &["5 line-syntax"]),
    (Line(5, &["t=0 0", "r=1 2 3", "t=5 6"]), &ANY, &[]),
    (Line(6, &["m=message"]), &ANY, &["6 line-syntax"]),
    (
        Line(6, &["m=message 70000 TCP/MSRP *"]),
        &ANY,
        &["6 line-syntax"],
    ),
    (
        Line(6, &["m=message  7394 TCP/MSRP *"]),
        &ANY,
        &["6 line-syntax"],
    ),
    (Line(3, &["s=-", "s=-"]), &ANY, &["4 line-repeated"]),
    (
        Line(4, &["c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1"]),
        &ANY,
        &["5 line-repeated"],
    ),
    (
        Line(7, &["i=a", "i=b", "a=accept-types:*"]),
        &ANY,
        &["8 line-repeated"],
    ),
    (
        Line(3, &["c=IN IP4 192.0.2.1", "s=-"]),
        &ANY,
        &["4 line-order", "5 line-repeated"],
    ),
    (
        Line(9, &["a=setup:actpass", "c=IN IP4 192.0.2.1"]),
        &ANY,
        &["10 line-order"],
    ),
    (
        Line(9, &["a=setup:actpass", "s=-"]),
        &ANY,
        &["10 line-order"],
    ),
    (
        Line(3, &["v=0", "s=-"]),
        &ANY,
        &["3 line-order", "3 line-order"],
    ),
    (Octets(3, b"i=x\n"), &ANY, &["3 line-end", "4 line-order"]),
    (Octets(6, b"\r\n"), &ANY, &["6 line-blank"]),
    (End(&["", ""]), &ANY, &[]),
    (Line(1, &[]), &ANY, &["1 version"]),
    (Line(1, &["v=1"]), &ANY, &["1 version"]),
    (Line(1, &["v=0 "]), &ANY, &["1 version"]),
    (Line(2, &[]), &ANY, &["1 origin-missing"]),
    (
        Line(2, &["o=- 99999999999999999999 1 IN IP4 192.0.2.1"]),
        &ANY,
        &["2 origin-range"],
    ),
    (
        Line(2, &["o=- 1 9223372036854775808 IN IP4 192.0.2.1"]),
        &ANY,
        &["2 origin-range"],
    ),
    (Line(3, &[]), &ANY, &["1 name-missing"]),
    (Line(3, &["s="]), &ANY, &["3 name-empty"]),
    (Line(3, &["s= "]), &ANY, &["3 name-empty"]),
    (Line(5, &[]), &ANY, &["1 time-missing"]),
    (Line(4, &["c=IN IP6 192.0.2.1"]), &ANY, &["4 address-type"]),
    (Line(2, &["o=- 1 1 IN IP4 ::1"]), &ANY, &["2 address-type"]),
    (
        Line(2, &["o=- 1 1 IN IPX 192.0.2.1"]),
        &ANY,
        &["2 address-type"],
    ),
    (Line(5, &["t=0 0", "k=prompt"]), &ANY, &["6 key-obsolete"]),
    (
        Line(9, &["a=Setup:actpass"]),
        &ANY,
        &["6 setup-missing", "9 attribute-case"],
    ),
    (
        Line(8, &["a=PATH:msrp://192.0.2.1:7394/2s93i9ek2a7fj3;tcp"]),
        &ANY,
        &["6 path-missing", "8 attribute-case"],
    ),
    (
        Line(5, &["t=0 0", "a=path:msrp://192.0.2.1:7394/x;tcp"]),
        &ANY,
        &["6 attribute-level"],
    ),
    (
        Line(5, &["t=0 0", "a=setup:passive"]),
        &OFFER,
        &["6 setup-passive"],
    ),
    (
        Line(9, &["a=setup:active", "a=setup:passive"]),
        &ANY,
        &["9 setup-port", "10 attribute-repeated"],
    ),
    (
        Line(6, &["m=audio 7394 RTP/AVP 0"]),
        &ANY,
        &["1 message-missing"],
    ),
    (Line(6, &["m=message 0 TCP/MSRP *"]), &ANY, &["6 port-zero"]),
    (
        Line(6, &["m=message 7394/2 TCP/MSRP *"]),
        &ANY,
        &["6 port-count"],
    ),
    (
        Line(6, &["m=message 7395 TCP/MSRP *"]),
        &ANY,
        &["6 port-differs"],
    ),
    (
        Line(6, &["m=message 7394 UDP/FOO *"]),
        &ANY,
        &["6 protocol"],
    ),
    (
        Line(6, &["m=message 7394 tcp/msrp *"]),
        &ANY,
        &["6 protocol-case"],
    ),
    (
        Line(6, &["m=message 7394 TCP/MSRP text/plain"]),
        &ANY,
        &["6 format"],
    ),
    (
        Line(6, &["m=message 7394 TCP/MSRP * x"]),
        &ANY,
        &["6 format-more"],
    ),
    (Line(4, &[]), &ANY, &["5 address-missing"]),
    (
        Line(
            6,
            &[
                "m=message 7394 TCP/MSRP *",
                "c=IN IP4 192.0.2.1",
                "c=IN IP4 192.0.2.2",
            ],
        ),
        &ANY,
        &["8 address-repeated"],
    ),
    (
        Line(4, &["c=IN IP4 192.0.2.9"]),
        &ANY,
        &["4 address-differs"],
    ),
    (Line(4, &["c=IN IP4 alice.example"]), &ANY, &[]),
    (Line(4, &["c=IN IP4 0.0.0.0"]), &ANY, &["4 address-hold"]),
    (Line(8, &[]), &ANY, &["6 path-missing"]),
    (
        Line(
            8,
            &[
                "a=path:msrp://192.0.2.1:7394/2s93i9ek2a7fj3;tcp",
                "a=path:x",
            ],
        ),
        &ANY,
        &["9 path-repeated"],
    ),
    (Line(8, &["a=path:"]), &ANY, &["8 path-uri"]),
    (Line(8, &["a=path"]), &ANY, &["8 path-uri"]),
    (
        Line(8, &["a=path:http://192.0.2.1:7394/2s93i9ek2a7fj3;tcp"]),
        &ANY,
        &["8 path-uri"],
    ),
    (
        Line(8, &["a=path:msrp://192.0.2.1:7394/2s93i9ek2a7fj3"]),
        &ANY,
        &["8 path-uri"],
    ),
    (
        Line(8, &["a=path: msrp://192.0.2.1:7394/2s93i9ek2a7fj3;tcp"]),
        &ANY,
        &["8 path-spaces"],
    ),
    (
        Line(8, &["a=path:msrp://192.0.2.1/2s93i9ek2a7fj3;tcp"]),
        &ANY,
        &["8 path-port"],
    ),
    (
        Line(8, &["a=path:msrp://192.0.2.1:0/2s93i9ek2a7fj3;tcp"]),
        &ANY,
        &["6 port-differs", "8 path-port-zero"],
    ),
    (
        Line(8, &["a=path:msrp://192.0.2.1:7394;tcp"]),
        &ANY,
        &["8 path-session-id"],
    ),
    (
        Line(8, &["a=path:msrp://192.0.2.1:7394/2s93i9ek2a7fj3;ws"]),
        &ANY,
        &["8 path-transport"],
    ),
    (
        Line(8, &["a=path:msrp://192.0.2.1:7394/2s93i9ek2a;tcp"]),
        &ANY,
        &["8 session-id-short"],
    ),
    (
        Line(6, &["m=message 7394 TCP/TLS/MSRP *"]),
        &ANY,
        &["8 path-cleartext", "6 fingerprint-missing"],
    ),
    (
        Line(8, &["a=path:msrps://192.0.2.1:7394/2s93i9ek2a7fj3;tcp"]),
        &ANY,
        &["8 path-secure", "6 fingerprint-missing"],
    ),
    (
        End(&[
            "m=message 7394 TCP/MSRP *",
            "a=accept-types:*",
            "a=path:msrp://192.0.2.1:7394/2s93i9ek2a7fj3;tcp",
            "a=setup:actpass",
        ]),
        &ANY,
        &["12 session-id-shared"],
    ),
    (Line(7, &[]), &ANY, &["6 types-missing"]),
    (Line(7, &["a=accept-types:"]), &ANY, &["7 types-empty"]),
    (
        Line(7, &["a=accept-types:* text"]),
        &ANY,
        &["7 types-entry"],
    ),
    (Line(7, &["a=accept-types: *"]), &ANY, &["7 types-spaces"]),
    (
        Line(7, &["a=accept-types:text/plain", "a=accept-types:*"]),
        &ANY,
        &["8 types-split"],
    ),
    (
        Line(7, &["a=accept-types:text/plain"]),
        &ANY,
        &["7 types-mandatory"],
    ),
    (
        Line(7, &["a=accept-types:multipart/* message/cpim"]),
        &ANY,
        &[],
    ),
    (
        Line(7, &["a=accept-types:*", "a=accept-wrapped-types:*"]),
        &ANY,
        &["8 wrapped-again"],
    ),
    (
        Line(
            7,
            &[
                "a=accept-types:text/plain",
                "a=accept-wrapped-types:text/html",
            ],
        ),
        &ANY,
        &["7 types-mandatory", "8 wrapped-alone"],
    ),
    (End(&["a=max-size:-1"]), &ANY, &["10 max-size"]),
    (
        End(&["a=max-size:1", "a=max-size:2"]),
        &ANY,
        &["11 attribute-repeated"],
    ),
    (End(&["a=max-size:0"]), &ANY, &["10 max-size-zero"]),
    (
        End(&["a=sendonly", "a=recvonly"]),
        &ANY,
        &["11 direction-conflict"],
    ),
    (
        End(&["a=sendonly", "a=sendonly"]),
        &ANY,
        &["11 direction-repeated"],
    ),
    (
        Line(5, &["t=0 0", "a=sendonly", "a=inactive"]),
        &ANY,
        &["7 direction-conflict"],
    ),
    (Line(9, &[]), &ANY, &["6 setup-missing"]),
    (Line(9, &["a=setup:foo"]), &ANY, &["9 setup-unknown"]),
    (Line(9, &["a=setup:holdconn"]), &ANY, &["9 setup-holdconn"]),
    (Line(9, &["a=setup:passive"]), &OFFER, &["9 setup-passive"]),
    (Line(9, &["a=setup:passive"]), &ANSWER, &[]),
    (Line(9, &["a=setup:actpass"]), &ANSWER, &["9 setup-actpass"]),
    (Line(9, &["a=setup:active"]), &ANY, &["9 setup-port"]),
    (End(&["a=connection:new"]), &ANY, &["10 connection"]),
    (End(&["a=msrp-cema:yes"]), &ANY, &["10 cema-value"]),
    (
        Line(9, &["a=msrp-cema"]),
        &ANY,
        &["6 setup-missing", "9 cema-setup"],
    ),
    (
        Line(8, &["a=path:msrp://192.0.2.1:7394/;tcp"]),
        &ANY,
        &["8 path-uri"],
    ),
    (
        Line(4, &["c=IN IP4 192.0.2.9", "b=AS:1"]),
        &ANY,
        &["4 address-differs"],
    ),
    (
        End(&[
            "m=message 7395 TCP/MSRP *",
            "c=IN IP4 192.0.2.9",
            "a=accept-types:*",
            "a=path:msrp://192.0.2.1:7394/2s93i9ek2a7fj4;tcp",
            "a=setup:actpass",
            "a=msrp-cema",
        ]),
        &ANY,
        &["10 cema-middlebox"],
    ),
    (
        Line(
            8,
            &[
                "a=path:msrp://192.0.2.1:7394;tcp msrp://192.0.2.8:1/2s93i9ek2a7fj3;tcp",
                "a=msrp-cema",
            ],
        ),
        &ANSWER,
        &["10 cema-relay-setup"],
    ),
    (
        Line(
            8,
            &[
                "a=path:msrp://192.0.2.1:7394;tcp msrp://192.0.2.8:1/2s93i9ek2a7fj3;tcp",
                "a=msrp-cema",
            ],
        ),
        &OFFER,
        &[],
    ),
    (
        End(&["a=fingerprint:sha-256 00"]),
        &ANY,
        &["10 fingerprint", "10 fingerprint-cleartext"],
    ),
    (
        End(&[MD5]),
        &ANY,
        &["10 fingerprint-weak", "10 fingerprint-cleartext"],
    ),
];

/// Changes of [`GOOD`] with [`SECURE`] in it.
const TLS: &[Row] = &[
    (
        Line(
            10,
            &[
                "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
            ],
        ),
        &ANY,
        &["10 fingerprint-case"],
    ),
    (
        End(&["a=fingerprint:foo 00"]),
        &ANY,
        &["11 fingerprint-unknown"],
    ),
    (
        End(&["a=fingerprint:foo bar"]),
        &ANY,
        &["11 fingerprint-unknown"],
    ),
    (
        Line(10, &[MD5]),
        &ANY,
        &["10 fingerprint-weak", "10 fingerprint-sha-256"],
    ),
    (
        Line(10, &["a=fingerprint:sha-256"]),
        &ANY,
        &["10 fingerprint"],
    ),
    (
        Line(5, &["t=0 0", "a=fingerprint:sha-256"]),
        &ANY,
        &["6 fingerprint"],
    ),
    (Line(10, &[]), &ANY, &["6 fingerprint-missing"]),
    (
        Line(
            8,
            &["a=path:msrps://192.0.2.9:2855;tcp msrps://192.0.2.1:7394/2s93i9ek2a7fj3;tcp"],
        ),
        &ANY,
        &["10 fingerprint-relay"],
    ),
];

fn secure() -> Vec<&'static str> {
    [&GOOD[..5], &SECURE[..]].concat()
}

/// What is about answers alone, without which a table for all kinds cannot do.
fn without_kind(mut found: Vec<String>, expected: &[&str]) -> Vec<String> {
    let own = |name: &String| expected.contains(&name.as_str());
    found.retain(|name| own(name) || !name.ends_with(" setup-actpass"));
    found
}

#[test]
fn every_rule_is_found_where_it_is_broken_and_nothing_else() {
    let mut seen = BTreeSet::new();
    for (base, table) in [(GOOD.to_vec(), PLAIN), (secure(), TLS)] {
        for kind in ANY {
            let good = check(text(&base).as_bytes(), kind);
            assert!(without_kind(names(&good), &[]).is_empty(), "{good:?}");
        }
        for (change, kinds, expected) in table {
            let sdp = changed(&base, change);
            for kind in *kinds {
                let found = check(&sdp, *kind);
                let shown = String::from_utf8_lossy(&sdp);
                let sorted = |mut names: Vec<String>| {
                    names.sort();
                    names
                };
                let wanted = sorted(expected.iter().map(ToString::to_string).collect());
                let names = sorted(without_kind(names(&found), expected));
                assert_eq!(names, wanted, "{kind:?}\n{shown}\n{found:?}");
                seen.extend(found.iter().map(|finding| finding.rule.name));
            }
        }
    }
    for (name, sdp) in [
        ("limit", "a".repeat(MAX_SDP_LEN + 1)),
        ("limit", text(&GOOD) + &"b=X:1\r\n".repeat(MAX_SDP_LINES)),
        ("limit", text(&GOOD) + &"a=x\r\n".repeat(MAX_ATTRIBUTES)),
        ("limit", text(&GOOD) + &"m=audio 1 RTP/AVP 0\r\n".repeat(64)),
        ("limit", text(&GOOD) + &"a=x\r\n".repeat(MAX_ATTRIBUTES)),
        (
            "path-limit",
            text(&GOOD[..7]) + "a=path:" + &"msrp://a:1/b;tcp ".repeat(65),
        ),
        (
            "path-limit",
            text(&GOOD[..7]) + "a=path:msrp://a:1/" + &"b".repeat(9000) + ";tcp",
        ),
        (
            "types-limit",
            text(&GOOD) + "a=accept-types:" + &"a/b ".repeat(257),
        ),
    ] {
        let found = check(sdp.as_bytes(), None);
        assert!(found.iter().any(|one| one.rule.name == name), "{name}");
        agrees(&sdp);
        seen.extend(found.iter().map(|finding| finding.rule.name));
    }
    seen.extend(answers());
    let all: BTreeSet<_> = rules().iter().map(|rule| rule.name).collect();
    assert_eq!(all.len(), rules().len(), "a name is there twice");
    assert_eq!(
        all.difference(&seen).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
}

/// Goes through what an answer can do wrong; the rules that were seen.
fn answers() -> BTreeSet<&'static str> {
    let mut answer = GOOD.map(|line| line.replace("192.0.2.1", "192.0.2.2"));
    answer[8] = "a=setup:passive".into();
    let good: Vec<&str> = answer.iter().map(String::as_str).collect();
    let offer = text(&GOOD);
    assert_eq!(
        names(&check_answer(text(&good).as_bytes(), &offer)),
        [""; 0]
    );

    let table: &[(&[&str], Change, &[&str])] = &[
        (&["m=audio 1 RTP/AVP 0"], End(&[]), &["1 answer-lines"]),
        (&[], End(&["m=audio 1 RTP/AVP 0"]), &["1 answer-lines"]),
        (&[], Line(5, &["t=1 2"]), &["5 answer-time"]),
        (
            &["a=setup:active"],
            Line(9, &["a=setup:active"]),
            &["6 answer-setup", "9 setup-port"],
        ),
        (&["a=sendonly"], End(&[]), &["6 answer-direction"]),
        (&["a=sendonly"], End(&["a=recvonly"]), &[]),
        (&["a=sendonly"], End(&["a=inactive"]), &[]),
        (&[], End(&["a=msrp-cema"]), &["6 answer-cema"]),
    ];
    let mut seen = BTreeSet::new();
    for (more, change, expected) in table {
        let mut offer = GOOD.to_vec();
        if more.iter().any(|line| line.starts_with("a=setup")) {
            offer.pop();
        }
        let offer = text(&[&offer, *more].concat());
        let answer = changed(&good, change);
        let found = check_answer(&answer, &offer);
        assert_eq!(
            names(&found),
            *expected,
            "{}",
            String::from_utf8_lossy(&answer)
        );
        seen.extend(found.iter().map(|finding| finding.rule.name));
    }

    let secure = text(&secure())
        .replace("192.0.2.1", "192.0.2.2")
        .replace("actpass", "passive");
    let audio = text(&[&GOOD[..5], &["m=audio 1 RTP/AVP 0"][..], &GOOD[5..]].concat());
    let refused = text(&GOOD).replace("m=message 7394", "m=message 0");
    for (offer, answer, expected) in [
        (text(&self::secure()), text(&good), "answer-cleartext"),
        (offer.clone(), secure, "answer-secure"),
        (offer.clone(), offer.clone(), "answer-path"),
        (audio, text(&good), "answer-media"),
        (refused, text(&good), "answer-port-zero"),
    ] {
        let found = check_answer(answer.as_bytes(), &offer);
        assert!(
            found.iter().any(|one| one.rule.name == expected),
            "{expected}: {found:?}"
        );
        seen.extend(found.iter().map(|finding| finding.rule.name));
    }
    seen
}

#[test]
fn a_block_needs_no_session_part() {
    let found = check(text(&GOOD[5..]).as_bytes(), Some(Kind::Offer));
    assert_eq!(names(&found), [""; 0]);
    let found = check(b"", None);
    assert_eq!(found[0].rule.name, "version");
    // The text ends in the middle of a line's end.
    let found = check(text(&GOOD).trim_end_matches('\n').as_bytes(), None);
    assert_eq!(
        names(&found),
        ["6 setup-missing", "9 encoding", "9 line-end"]
    );
}

#[test]
fn findings_show_no_session_id() {
    let whole = text(&GOOD);
    for secret in ["2s93i9ek2a7fj3", "2s93i9ek2a"] {
        for broken in [
            whole.replace("2s93i9ek2a7fj3;tcp", &format!("{secret};udp")),
            whole.replace("2s93i9ek2a7fj3;tcp", &format!("{secret}/;tcp")),
            whole.replace("2s93i9ek2a7fj3;tcp", secret),
            whole
                .replace("2s93i9ek2a7fj3", secret)
                .replace("m=message 7394", "m=message 1"),
            whole.clone() + &text(&GOOD[5..]),
        ] {
            for finding in check(broken.as_bytes(), None) {
                assert!(!finding.to_string().contains(secret), "{finding}");
            }
        }
    }
}

#[test]
fn the_parser_agrees_about_every_text_of_the_table() {
    for (base, table) in [(GOOD.to_vec(), PLAIN), (secure(), TLS)] {
        for (change, ..) in table {
            if let Ok(sdp) = String::from_utf8(changed(&base, change)) {
                agrees(&sdp);
            }
        }
    }
}

/// Lines that are sound, broken and strange.
fn line() -> impl Strategy<Value = String> {
    let known: Vec<&str> = GOOD
        .iter()
        .chain(&SECURE)
        .copied()
        .chain(
            PLAIN
                .iter()
                .chain(TLS)
                .flat_map(|(change, ..)| match change {
                    Line(_, lines) | End(lines) => lines.to_vec(),
                    Octets(..) => Vec::new(),
                }),
        )
        .collect();
    prop_oneof![
        8 => prop::sample::select(known).prop_map(|line| format!("{line}\r\n")),
        1 => "[vosiuepcbtrzkam]=[ -~]{0,24}\n",
        1 => "a=(path|accept-types|setup|max-size|fingerprint|msrp-cema|sendonly)[ -~]{0,24}\n",
        1 => "\\PC{0,12}\r?\n",
    ]
}

proptest! {
    #[test]
    fn the_parser_agrees_about_any_text(
        head in prop::bool::weighted(0.8),
        lines in prop::collection::vec(line(), 0..14),
    ) {
        let head = if head { text(&GOOD[..5]) } else { String::new() };
        agrees(&(head + &lines.concat()));
    }

    #[test]
    fn any_octets_give_findings(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let found = check(&octets, Some(Kind::Offer));
        let lines = octets.split_inclusive(|octet| *octet == b'\n').count().max(1);
        prop_assert!(!found.is_empty());
        prop_assert!(found.iter().all(|one| (1..=lines).contains(&one.line)));
    }
}
