//! `msrp sdp`: what it finds in texts of all kinds, what it says about them, and what it writes.

#[expect(dead_code, reason = "the other tests need more of it")]
mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use msrp::sdp::{MediaDescription, SessionDescription};
use serde_json::Value;
use sha2::{Digest, Sha256};

use support::Folder;

/// Made here after the examples of the RFCs, whose own texts have faults, and written by other stacks.
fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sdp")
        .join(name)
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }
}

/// Runs `msrp sdp` with these arguments and this standard input.
fn sdp_with(args: &[&str], input: &[u8]) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_msrp"))
        .arg("sdp")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // What it does not read to the end breaks the pipe.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("no panic");
    Ended {
        code: output.status.code().expect("no signal"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn sdp(args: &[&str]) -> Ended {
    sdp_with(args, b"")
}

/// `line rule` of each finding, and the exit code.
fn check(args: &[&str], name: &str) -> (Vec<String>, i32) {
    let file = sample(name);
    let args = [&["check", "--json"], args, &[file.to_str().expect("UTF-8")]].concat();
    let ended = sdp(&args);
    let mut lines = ended.json();
    let summary = lines.pop().expect("a summary");
    assert_eq!(summary["event"], "checked", "{}", ended.out);
    let count = |severity: &str| {
        let lines = lines.iter().filter(|line| line["severity"] == severity);
        Value::from(lines.count())
    };
    assert_eq!(summary["errors"], count("error"));
    assert_eq!(summary["warnings"], count("warning"));
    assert_eq!(summary["notes"], count("note"));
    let name = |line: &Value| {
        format!(
            "{} {}",
            line["line"],
            line["rule"].as_str().expect("a name")
        )
    };
    (lines.iter().map(name).collect(), ended.code)
}

#[test]
fn texts_of_all_kinds_are_judged() {
    let table: &[(&str, &[&str], i32, &[&str])] = &[
        (
            "rfc4975-offer.sdp",
            &["--offer"],
            0,
            &["6 setup-missing", "7 types-mandatory", "8 session-id-short"],
        ),
        (
            "rfc4975-answer.sdp",
            &["--answer"],
            0,
            &["6 setup-missing", "7 types-mandatory", "8 session-id-short"],
        ),
        (
            "rfc4976-offer.sdp",
            &["--offer"],
            0,
            &[
                "6 fingerprint-missing",
                "7 types-mandatory",
                "8 session-id-short",
            ],
        ),
        ("rfc6135-offer.sdp", &["--offer"], 0, &[]),
        ("rfc6714-offer.sdp", &["--offer"], 0, &["6 cema-middlebox"]),
        (
            "rfc5547-offer.sdp",
            &["--offer"],
            0,
            &["3 name-empty", "11 types-mandatory"],
        ),
        ("sofia-offer.sdp", &["--offer"], 0, &["10 types-mandatory"]),
        ("sofia-answer.sdp", &["--answer"], 0, &[]),
        ("libre-offer.sdp", &["--offer"], 0, &["12 types-mandatory"]),
        ("libre-answer.sdp", &["--answer"], 0, &[]),
        (
            "broken.sdp",
            &["--offer"],
            1,
            &[
                "5 format",
                "5 address-missing",
                "5 types-missing",
                "6 setup-holdconn",
                "8 direction-conflict",
                "9 path-port",
                "9 path-cleartext",
                "10 max-size",
                "11 fingerprint",
                "12 port-zero",
            ],
        ),
    ];
    for (name, args, code, expected) in table {
        let (mut found, ended) = check(args, name);
        let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{name}");
        assert_eq!(ended, *code, "{name}");
    }
    let (_, code) = check(&["--offer", "--strict"], "rfc4975-offer.sdp");
    assert_eq!(code, 1, "a warning with --strict");
    let (_, code) = check(&["--offer", "--strict"], "rfc6135-offer.sdp");
    assert_eq!(code, 0);
}

#[test]
fn findings_are_lines_as_editors_read_them() {
    let file = sample("broken.sdp");
    let file = file.to_str().expect("UTF-8");
    let ended = sdp(&["check", file]);
    let expected = format!(
        "{file}:9: error: attribute path: a URI has no explicit port (RFC 4975 §8.2) [path-port]"
    );
    assert!(
        ended.out.lines().any(|line| line == expected),
        "{}",
        ended.out
    );
    assert_eq!(
        ended.err.trim(),
        format!("{file}: 7 errors, 2 warnings, 1 note")
    );
    assert!(!ended.out.contains("2s93i"), "{}", ended.out);
}

#[test]
fn an_answer_is_looked_at_beside_its_offer() {
    let offer = sample("rfc4975-offer.sdp");
    let offer = offer.to_str().expect("UTF-8");
    let (found, code) = check(&["--answer-to", offer], "rfc4975-answer.sdp");
    assert_eq!((found.len(), code), (3, 0));
    for stack in ["sofia", "libre"] {
        let offer = sample(&format!("{stack}-offer.sdp"));
        let args = ["--answer-to", offer.to_str().expect("UTF-8")];
        assert_eq!(check(&args, &format!("{stack}-answer.sdp")), (vec![], 0));
    }
    let (found, code) = check(&["--answer-to", offer], "rfc5547-offer.sdp");
    assert!(found.contains(&"1 answer-lines".to_owned()), "{found:?}");
    assert!(found.contains(&"6 answer-media".to_owned()), "{found:?}");
    assert_eq!(code, 0);
}

#[test]
fn every_rule_is_listed() {
    let ended = sdp(&["check", "--rules", "--json"]);
    let rules = ended.json();
    assert_eq!(rules.len(), msrp::sdp::lint::rules().len());
    assert!(rules.iter().all(|rule| rule["summary"].is_string()));
    assert_eq!(sdp(&["check", "--rules"]).out.lines().count(), rules.len());
}

/// The last line of `explain --json`.
fn outcome(role: &str, name: &str) -> Value {
    let file = sample(name);
    let ended = sdp(&[
        "explain",
        "--json",
        "--role",
        role,
        file.to_str().expect("UTF-8"),
    ]);
    ended.json().pop().expect("an outcome")
}

#[test]
fn who_connects_where_is_told() {
    for (name, role, connects, host, port, relays, tls) in [
        (
            "rfc4975-offer.sdp",
            "offerer",
            "offerer",
            "alice.example.com",
            7394,
            0,
            false,
        ),
        (
            "rfc4975-answer.sdp",
            "answerer",
            "offerer",
            "bob.example.com",
            8493,
            0,
            false,
        ),
        (
            "rfc4976-offer.sdp",
            "offerer",
            "answerer decides",
            "relay.example.com",
            9000,
            1,
            true,
        ),
        (
            "rfc6135-offer.sdp",
            "offerer",
            "offerer",
            "10.0.0.17",
            9,
            0,
            false,
        ),
        (
            "rfc6135-offer.sdp",
            "answerer",
            "answerer",
            "10.0.0.17",
            9,
            0,
            false,
        ),
        (
            "rfc6714-offer.sdp",
            "offerer",
            "answerer decides",
            "192.0.2.1",
            7394,
            0,
            true,
        ),
    ] {
        let outcome = outcome(role, name);
        assert_eq!(outcome["connects"], connects, "{name} {role}");
        assert_eq!(outcome["host"], host, "{name}");
        assert_eq!(outcome["port"], port, "{name}");
        assert_eq!(outcome["relays"], relays, "{name}");
        assert_eq!(outcome["tls"], tls, "{name}");
    }
    let moved = outcome("offerer", "rfc6714-offer.sdp");
    assert_eq!(
        (&moved["cema"], &moved["address_in_path"]),
        (&true.into(), &false.into())
    );
    let file = sample("rfc6714-offer.sdp");
    let ended = sdp(&["explain", file.to_str().expect("UTF-8")]);
    assert!(
        ended.out.contains("198.51.100.7 port 30012"),
        "{}",
        ended.out
    );
    let file = outcome("offerer", "rfc5547-offer.sdp");
    assert_eq!(file["media"], 1);
    assert_eq!(file["direction"], "sendonly");
    assert_eq!(file["accept_wrapped_types"][0], "*");
}

#[test]
fn an_offer_and_its_answer_are_explained_together() {
    let folder = Folder::new("sdp-both");
    let offer = sdp(&[
        "offer",
        "--host",
        "192.0.2.1",
        "--direction",
        "sendonly",
        "--max-size",
        "7",
    ]);
    let file = folder.path("offer");
    fs::write(&file, &offer.out).expect("written");
    for (setup, connects, to) in [
        ("active", "answerer", "192.0.2.1:2855"),
        ("passive", "offerer", "192.0.2.2:2855"),
    ] {
        let answer = sdp(&["answer", "--host", "192.0.2.2", "--setup", setup, &file]);
        let told = sdp_with(
            &["explain", "--json", "--answer-to", &file, "-"],
            answer.out.as_bytes(),
        );
        let told = told.json().pop().expect("an outcome");
        assert_eq!(
            (&told["connects"], &told["connect_to"]),
            (&connects.into(), &to.into())
        );
        let told = sdp_with(
            &["explain", "--answer-to", &file, "-"],
            answer.out.as_bytes(),
        );
        assert!(
            told.out
                .contains("from the answerer  No ordinary messages (recvonly)"),
            "{}",
            told.out
        );
        // Alone it does not say where an active answerer connects to.
        let alone = sdp_with(
            &["explain", "--json", "--role", "answerer", "-"],
            answer.out.as_bytes(),
        );
        let alone = alone.json().pop().expect("an outcome");
        assert_eq!(alone["connect_to"].is_null(), setup == "active");
    }
    // What does not fit together is refused.
    let secure = sdp(&["offer", "--tls"]);
    let file = folder.path("secure");
    fs::write(&file, &secure.out).expect("written");
    let ended = sdp_with(
        &["explain", "--answer-to", &file, "-"],
        offer.out.as_bytes(),
    );
    assert_eq!(ended.code, 1);
    assert!(
        ended.out.contains("refused: the offer is for TLS"),
        "{}",
        ended.out
    );
}

#[test]
fn every_line_is_explained_and_secrets_are_left_out() {
    let file = sample("rfc5547-offer.sdp");
    let file = file.to_str().expect("UTF-8");
    let text = fs::read_to_string(file).expect("readable");
    let ended = sdp(&["explain", "--json", file]);
    let lines = ended.json();
    let (outcome, lines) = lines.split_last().expect("an outcome");
    assert_eq!(outcome["event"], "stream");
    // All but the lines of the audio section.
    let numbers: Vec<_> = lines.iter().map(|line| line["line"].as_u64()).collect();
    let expected: Vec<_> = (1..=20).filter(|number| *number != 7).map(Some).collect();
    assert_eq!(numbers, expected);
    assert_eq!(text.lines().count(), 20);
    assert!(lines.iter().all(|line| {
        line["meaning"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    }));
    for secret in ["jshA7", "inline:"] {
        assert!(!ended.out.contains(secret), "{}", ended.out);
        assert!(!sdp(&["explain", file]).out.contains(secret));
    }
    assert!(
        sdp(&["explain", "--secrets", file])
            .out
            .contains("/jshA7we2aaXq9fka;tcp")
    );
}

#[test]
fn a_stream_that_would_be_refused_is_told() {
    let broken = sample("broken.sdp");
    let broken = broken.to_str().expect("UTF-8");
    let ended = sdp(&["explain", broken]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("refused: m-line 1: "), "{}", ended.out);
    let ended = sdp(&["explain", "--index", "1", "--json", broken]);
    assert_eq!(ended.code, 0);
    assert_eq!(ended.json().last().expect("a line")["event"], "refused");
    assert_eq!(sdp(&["explain", "--index", "2", broken]).code, 2);
}

#[test]
fn offers_and_answers_are_without_fault() {
    let folder = Folder::new("sdp-write");
    let print = ["AB"; 32].join(":");
    let print = format!("SHA-256:{print}");
    for (index, offer_args, answer_args) in [
        (0, vec![], vec![]),
        (
            1,
            vec!["--host", "2001:db8::1", "--port", "40000"],
            vec!["--host", "bob.example.com"],
        ),
        (
            2,
            vec!["--setup", "active", "--max-size", "10"],
            vec!["--accept-types", "text/plain message/cpim"],
        ),
        (
            3,
            vec!["--tls", "--fingerprint", &print],
            vec!["--fingerprint", &print, "--setup", "active"],
        ),
        (
            4,
            vec!["--direction", "sendonly", "--attribute", "label:7"],
            vec!["--block"],
        ),
        (
            5,
            vec![
                "--block",
                "--accept-types",
                "message/cpim",
                "--accept-wrapped-types",
                "text/*",
            ],
            vec![],
        ),
        (
            6,
            vec![
                "--path",
                "msrps://r.example:2855/r;tcp msrps://a.example:9/2s93i93idj7aaXq9;tcp",
            ],
            vec![],
        ),
    ] {
        let offered = sdp(&[&["offer"], &offer_args[..]].concat());
        assert_eq!(offered.code, 0, "{index}: {}", offered.err);
        let offer = folder.path(&format!("offer{index}"));
        fs::write(&offer, &offered.out).expect("written");
        let answered = sdp(&[&["answer", &offer], &answer_args[..]].concat());
        assert_eq!(answered.code, 0, "{index}: {}", answered.err);
        let answer = folder.path(&format!("answer{index}"));
        fs::write(&answer, &answered.out).expect("written");
        for args in [
            vec!["check", "--strict", "--offer", &offer],
            vec!["check", "--strict", "--answer-to", &offer, &answer],
        ] {
            let ended = sdp(&args);
            assert_eq!(ended.code, 0, "{args:?}\n{}", ended.out);
        }
    }
    let text = |name: &str| fs::read_to_string(folder.path(name)).expect("written");
    assert!(text("offer1").contains("c=IN IP6 2001:db8::1\r\n"));
    assert!(text("offer1").contains("a=path:msrp://[2001:db8::1]:40000/"));
    assert!(text("offer2").contains("m=message 9 TCP/MSRP *\r\n"));
    assert!(text("offer3").contains(&format!("a=fingerprint:sha-256 {}\r\n", &print[8..])));
    assert!(text("answer3").contains("m=message 9 TCP/TLS/MSRP *\r\n"));
    assert!(text("answer3").contains("a=setup:active\r\n"));
    assert!(text("offer4").contains("a=sendonly\r\na=label:7\r\n"));
    assert!(
        text("answer4").starts_with("m=message ") && text("answer4").contains("a=recvonly\r\n")
    );
    let first = MediaDescription::parse(&text("offer0"), None).expect("an offer");
    let again = sdp(&["offer"]).out;
    let again = MediaDescription::parse(&again, None).expect("an offer");
    assert_ne!(first.path, again.path, "session-ids are random");
}

#[test]
fn a_certificate_is_told_by_its_fingerprint() {
    let folder = Folder::new("sdp-cert");
    let made = rcgen::generate_simple_self_signed(["alice.example".to_owned()]).expect("made");
    let file = folder.path("cert.pem");
    fs::write(&file, made.cert.pem()).expect("written");
    let digest = Sha256::digest(made.cert.der());
    let pairs: Vec<_> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
    let line = format!("a=fingerprint:sha-256 {}\r\n", pairs.join(":"));
    let offer = sdp(&["offer", "--tls", "--cert", &file]);
    assert!(offer.out.contains(&line), "{}{}", offer.out, offer.err);
    let offered = sdp_with(&["answer", "--cert", &file, "-"], offer.out.as_bytes());
    assert!(
        offered.out.contains(&line),
        "{}{}",
        offered.out,
        offered.err
    );
    assert_eq!(
        sdp(&["offer", "--cert", &file]).code,
        2,
        "a fingerprint without TLS"
    );
    assert_eq!(sdp(&["offer", "--tls", "--cert", "/no/such/file"]).code, 2);
}

#[test]
fn cema_is_offered_and_answered() {
    let offer = sdp(&["offer", "--cema", "--host", "192.0.2.1"]);
    assert!(offer.out.contains("a=msrp-cema\r\n"));
    let answer = sdp_with(&["answer", "--cema", "-"], offer.out.as_bytes());
    assert!(answer.out.contains("a=msrp-cema\r\n"), "{}", answer.out);
    // A middlebox changed the offer of one who knows no CEMA: there is no way to it (RFC 6714 §4.3).
    let moved = offer
        .out
        .replace("a=msrp-cema\r\n", "")
        .replace("c=IN IP4 192.0.2.1", "c=IN IP4 198.51.100.7");
    let answer = sdp_with(&["answer", "--cema", "-"], moved.as_bytes());
    assert_eq!(answer.code, 4, "{}", answer.out);
    assert!(answer.out.contains("m=message 0 "));
    let answer = sdp_with(&["answer", "-"], moved.as_bytes());
    assert_eq!(answer.code, 0, "without CEMA the path counts");
}

#[test]
fn an_answer_takes_one_stream_and_refuses_the_others() {
    let file = sample("rfc5547-offer.sdp");
    let file = file.to_str().expect("UTF-8");
    let ended = sdp(&["answer", "--session-id", "abcdefghijklmnop", file]);
    let answer = SessionDescription::parse(&ended.out).expect("an answer");
    let ports: Vec<_> = answer
        .media_lines()
        .map(|line| (line.media.to_owned(), line.port))
        .collect();
    assert_eq!(
        ports,
        [("audio".to_owned(), 0), ("message".to_owned(), 2855)]
    );
    assert!(ended.out.contains("/abcdefghijklmnop;tcp\r\n"));

    let ended = sdp(&["answer", "--refuse", file]);
    assert_eq!(ended.code, 0);
    let answer = SessionDescription::parse(&ended.out).expect("an answer");
    assert!(answer.media_lines().all(|line| line.port == 0));

    let broken = sample("broken.sdp");
    let ended = sdp(&["answer", broken.to_str().expect("UTF-8")]);
    assert_eq!(ended.code, 4);
    assert!(ended.err.contains("m-line 1"), "{}", ended.err);
    let answer = SessionDescription::parse(&ended.out).expect("an answer");
    assert!(answer.media_lines().all(|line| line.port == 0));
    assert_eq!(answer.media_lines().len(), 2);
}

#[test]
fn wrong_usage_is_told_before_anything_is_written() {
    for args in [
        &["offer", "--port", "0"][..],
        &["offer", "--host", "a b"],
        &["offer", "--setup", "passive"],
        &["offer", "--accept-types", ""],
        &["offer", "--accept-types", "text"],
        &["offer", "--direction", "both"],
        &["offer", "--fingerprint", "SHA-256:AB"],
        &["offer", "--fingerprint", "md5:AB"],
        &[
            "offer",
            "--fingerprint",
            &format!("sha256:{}", ["00"; 32].join(":")),
        ],
        &["offer", "--attribute", "path:x"],
        &["offer", "--attribute", "a b"],
        &["offer", "--path", "msrp://a.example:1/x;tcp", "--port", "2"],
        &["offer", "--path", "nonsense"],
        &["check"],
        &["check", "--rules", "x"],
        &["check", "--offer", "--answer", "x"],
        &[],
    ] {
        let ended = sdp(args);
        assert_eq!(ended.code, 2, "{args:?}\n{}{}", ended.out, ended.err);
        assert!(ended.out.is_empty(), "{args:?}");
    }
    assert_eq!(sdp(&["check", "/no/such/file"]).code, 1);
    assert_eq!(sdp(&["--help"]).code, 0);
}

#[test]
fn no_octets_make_it_fail_otherwise_than_with_a_reason() {
    let long = vec![b'a'; 3 << 20];
    let many = "a=x\r\n".repeat(10_000).into_bytes();
    for input in [
        &b""[..],
        b"\0",
        b"\xff\xfe",
        b"v=0\r\n\xff",
        b"m=",
        b"v=0\nm=\n",
        &long,
        &many,
    ] {
        let checked = sdp_with(&["check", "-"], input);
        assert_eq!(checked.code, 1, "{}", checked.err);
        assert!(!checked.out.is_empty());
        for command in ["explain", "answer"] {
            let ended = sdp_with(&[command, "-"], input);
            assert!(
                [1, 4].contains(&ended.code),
                "{command} {}\n{}",
                ended.code,
                ended.err
            );
            assert!(
                ended.err.starts_with("msrp: ") || !ended.out.is_empty(),
                "{}",
                ended.err
            );
            assert!(ended.err.len() < 1000);
        }
    }
    let whole = fs::read(sample("rfc5547-offer.sdp")).expect("readable");
    for cut in (0..whole.len()).step_by(29) {
        let ended = sdp_with(&["check", "-"], &whole[..cut]);
        assert!([0, 1].contains(&ended.code), "{cut}: {}", ended.err);
    }
}
