//! `msrp relay hash-password`.

use crate::running::Running;

const MD5: &str = "08e1e037ea8ebfee628c1cae9ad3ee0c";
const SHA256: &str = "c82c452d42f723963c5c3c9d9136841e99bdcda4d0c4024d2f4f6672ce02db64";

fn hash(args: &[&str], password: &[u8]) -> (Option<i32>, String, String) {
    let own = [
        "relay",
        "hash-password",
        "--user",
        "alice",
        "--realm",
        "relay.example.com",
    ];
    let mut command = Running::start(&[args, &own].concat());
    command.feed(password);
    command.finish()
}

#[test]
fn the_password_comes_by_standard_input_and_is_not_shown() {
    for end in ["", "\n", "\r\n"] {
        let (code, out, err) = hash(&[], format!("secret{end}").as_bytes());
        let lines = format!("alice:relay.example.com:{MD5}\nalice:relay.example.com:{SHA256}\n");
        assert_eq!((code, out), (Some(0), lines));
        assert_eq!(err, "");
    }
    let (code, out, _) = hash(&["--json"], b"secret");
    let line: serde_json::Value =
        serde_json::from_str(out.lines().next().expect("a line")).expect("JSON");
    assert_eq!(code, Some(0));
    assert_eq!(line["algorithm"], "MD5");
    assert_eq!(line["ha1"], MD5);
}

#[test]
fn one_algorithm_may_be_enough() {
    for (name, digits) in [("md5", MD5), ("sha-256", SHA256)] {
        let mut command = Running::start(&[
            "relay",
            "hash-password",
            "--user=alice",
            "--realm=relay.example.com",
            "--algorithm",
            name,
        ]);
        command.feed(b"secret\n");
        let (code, out, _) = command.finish();
        assert_eq!(code, Some(0));
        assert_eq!(out, format!("alice:relay.example.com:{digits}\n"));
    }
}

#[test]
fn what_is_no_password_is_refused_without_showing_it() {
    let long = "x".repeat(1025);
    for (password, why) in [
        (b"".as_slice(), "the password is empty"),
        (b"\n", "the password is empty"),
        (b"Geheim1\nGeheim2\n", "control character"),
        (b"Geheim\x00", "control character"),
        (b"Geheim\xff", "not UTF-8"),
        (long.as_bytes(), "more than 1024 octets"),
    ] {
        let (code, out, err) = hash(&[], password);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        assert!(err.contains(why), "{err}");
        assert!(!err.contains("Geheim"), "{err}");
    }
}

#[test]
fn names_that_a_file_of_users_cannot_hold_are_refused() {
    for (user, realm, why) in [
        ("a:b", "realm", "user holds a colon"),
        ("alice", "re:alm", "realm holds a colon"),
        ("", "realm", "user is empty"),
        ("al\nice", "realm", "user holds a control character"),
        (
            "alice",
            &"r".repeat(256),
            "realm has 256 octets, allowed are 255",
        ),
    ] {
        let args = [
            "relay",
            "hash-password",
            &format!("--user={user}"),
            &format!("--realm={realm}"),
        ];
        let (code, out, err) = Running::start(&args).finish();
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(why), "{err}");
    }
}

#[test]
fn there_is_no_option_for_the_password() {
    let args = ["relay", "hash-password", "--user=a", "--realm=b", "secret"];
    let (code, _, err) = Running::start(&args).finish();
    assert_eq!(code, Some(2), "{err}");
    let (_, help, _) = Running::start(&["relay", "hash-password", "--help"]).finish();
    assert!(!help.contains("--password"), "{help}");
}
