//! `msrp relay check-config`: what is wrong with a configuration is told, all of it, with its place.

use std::fs;
use std::net::UdpSocket;
use std::thread;

use serde_json::Value;

use crate::running::Running;
use crate::support::Folder;

/// As good as a configuration can be, with every file that it names.
pub(crate) const GOOD: &str = r#"
name = "relay.example.com"
[[listen]]
address = "0.0.0.0:2855"
[tls]
certificate = "relay.pem"
key = "relay.key"
[users]
file = "users"
"#;

pub(crate) const USERS: &str = "alice:relay.example.com:08e1e037ea8ebfee628c1cae9ad3ee0c\n";

/// A folder with a configuration and its files.
pub(crate) fn folder(name: &str, config: &str, users: &str) -> Folder {
    let folder = Folder::new(&format!("check-{name}"));
    fs::write(folder.path("relay.toml"), config).expect("written");
    write_secret(&folder, "users", users);
    let made = rcgen::generate_simple_self_signed(["relay.example.com".into()]).expect("made");
    fs::write(folder.path("relay.pem"), made.cert.pem()).expect("written");
    write_secret(&folder, "relay.key", &made.signing_key.serialize_pem());
    folder
}

fn write_secret(folder: &Folder, name: &str, content: &str) {
    fs::write(folder.path(name), content).expect("written");
    set_mode(&folder.path(name), 0o600);
}

#[cfg(unix)]
fn set_mode(path: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
}

#[cfg(not(unix))]
fn set_mode(_: &str, _: u32) {}

/// Exit code, and the findings without the name of the folder.
pub(crate) fn check(folder: &Folder, args: &[&str]) -> (Option<i32>, Vec<String>) {
    let file = folder.path("relay.toml");
    let all = [&["relay", "check-config"], args, &[&file]].concat();
    let (code, out, err) = Running::start(&all).finish();
    assert!(
        err.contains("relay.toml: ") || args.contains(&"--quiet"),
        "{err}"
    );
    let around = format!("{}/", folder.0.display());
    let lines = out.replace(&around, "");
    (code, lines.lines().map(str::to_owned).collect())
}

#[test]
fn what_is_right_is_not_spoken_of() {
    let folder = folder("good", GOOD, USERS);
    assert_eq!(check(&folder, &["--strict"]), (Some(0), vec![]));
}

#[test]
fn each_error_names_line_and_key_and_what_is_allowed() {
    for (wrong, told) in [
        (
            "nome = 1",
            "1: error: nome: unknown field `nome`, expected one of `name`, `hosts`,",
        ),
        (
            "port = 0",
            "1: error: port: 0 is not allowed: a whole number from 1 to 65535",
        ),
        (
            "port = \"2855\"",
            "1: error: port: invalid type: string \"2855\", expected a whole number",
        ),
        (
            "realm = \"a:b\"",
            "1: error: realm: the realm holds a colon",
        ),
        ("realm = \"\"", "1: error: realm: the realm is empty"),
        (
            "hosts = [\"a.b:1 2\"]",
            "1: error: hosts: \"a.b:1 2\" is no host name",
        ),
        (
            "hosts = [\"intern\"]",
            "1: error: hosts: \"intern\" is not fully qualified",
        ),
        (
            "hosts = [\"192.0.2.1\"]",
            "1: error: hosts: \"192.0.2.1\" is not fully qualified",
        ),
        (
            "users.look = -1",
            "1: error: users.look: -1 is not allowed: seconds, 0 to 86400",
        ),
        (
            "uris.lifetime = 1",
            "1: error: uris.lifetime: 1 s is not between uris.min_lifetime, 60 s,",
        ),
        (
            "uris.lifetime = \"1h\"",
            "1: error: uris.lifetime: invalid type: string \"1h\", expected seconds",
        ),
        (
            "uris.max_lifetime = 1e99",
            "1: error: uris.max_lifetime: 1e99 is not allowed",
        ),
        (
            "probation.time = 0",
            "1: error: probation.time: 0 is not allowed: seconds, 1 to 3600",
        ),
        (
            "limits.uris = 0",
            "1: error: limits.uris: 0 is not allowed: a whole number from 1 to",
        ),
        (
            "log.level = \"loud\"",
            "1: error: log.level: unknown variant `loud`, expected one of `error`,",
        ),
        (
            "log.format = \"xml\"",
            "1: error: log.format: unknown variant `xml`, expected `text` or `json`",
        ),
        (
            "shutdown.deadline = 3601",
            "1: error: shutdown.deadline: 3601 is not allowed",
        ),
        (
            "insecure.plain_auth = 1",
            "1: error: insecure.plain_auth: invalid type: integer `1`,",
        ),
        ("name = \"twice.example.com\"", "2: error: "),
        ("port = ", "1: error: "),
    ] {
        // `[users]` is there already: it can be added to from inside only.
        let text = match wrong.strip_prefix("users.") {
            Some(inner) => GOOD.replace("[users]", &format!("[users]\n{inner}")),
            None => format!("{wrong}{GOOD}"),
        };
        let told = match wrong.strip_prefix("users.") {
            Some(_) => told.replacen('1', "9", 1),
            None => told.to_owned(),
        };
        let folder = folder("error", &text, USERS);
        let (code, lines) = check(&folder, &[]);
        assert_eq!(code, Some(1), "{wrong}");
        let found = lines
            .iter()
            .any(|l| l.starts_with(&format!("relay.toml:{told}")));
        assert!(found, "{wrong}: {lines:?}");
    }
}

#[test]
fn what_is_missing_is_told() {
    for (present, told) in [
        (
            "name = \"relay.example.com\"\n",
            "relay.toml:1: error: name: missing field `name`",
        ),
        (
            "file = \"users\"\n",
            "relay.toml:8: error: users.file: missing field `file`",
        ),
        (
            "key = \"relay.key\"\n",
            "relay.toml:5: error: tls.key: missing field `key`",
        ),
        (
            "[tls]\ncertificate = \"relay.pem\"\nkey = \"relay.key\"\n",
            "relay.toml:4: error: listen.address: TLS needs a [tls] section with certificate and key",
        ),
    ] {
        let folder = folder("missing", &GOOD.replace(present, ""), USERS);
        let (code, lines) = check(&folder, &[]);
        assert_eq!((code, lines), (Some(1), vec![told.to_owned()]), "{present}");
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let text = "name = 4\nuris.lifetime = 0\nuris.more = 0\n[[listen]]\n[[listen]]\naddress = \"x\"\n[users]\n";
    let folder = folder("all", text, USERS);
    let (code, lines) = check(&folder, &[]);
    let places: Vec<_> = lines.iter().map(|line| line.split(": ").nth(2)).collect();
    assert_eq!(code, Some(1));
    let keys = [
        "name",
        "uris.lifetime",
        "uris.more",
        "listen.address",
        "listen.address",
        "users.file",
    ];
    assert_eq!(places, keys.map(Some), "{lines:?}");
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    let text = GOOD
        .replace("relay.pem", "gone.pem")
        .replace("\"users\"", "\"gone\"");
    let folder = folder("files", &text, USERS);
    let (code, lines) = check(&folder, &[]);
    assert_eq!(code, Some(1));
    assert!(lines[0].starts_with("relay.toml:6: error: tls.certificate: cannot read gone.pem: "));
    assert!(lines[1].starts_with("relay.toml:9: error: users.file: cannot read gone: "));
    assert_eq!(lines.len(), 2);

    let (code, _, err) = Running::start(&["relay", "check-config", "/nowhere/relay.toml"]).finish();
    assert_eq!(code, Some(1));
    assert!(err.contains("/nowhere/relay.toml: "), "{err}");
}

#[test]
fn bad_lines_of_users_are_named_and_no_secret_is_shown() {
    let users = format!("{USERS}bob:relay.example.com:8e1e037ea8ebfee628c1cae9ad3ee0c\n{USERS}");
    let folder = folder("users", GOOD, &users);
    let (code, lines) = check(&folder, &[]);
    assert_eq!(code, Some(1));
    assert!(lines[0].starts_with("users:2: error: expected 32 hexadecimal digits (MD5) or 64"));
    assert_eq!(
        lines[1],
        "users:3: error: the user has a line of MD5 already, line 1"
    );
    assert!(!lines.concat().contains("8e1e037e"));
}

#[test]
fn what_is_not_wanted_is_a_warning() {
    for (wrong, line, told) in [
        (
            "listen = [{ address = '0.0.0.0:1', tls = false }]",
            1,
            "listen.tls: without TLS:",
        ),
        (
            "insecure.plain_auth = true",
            1,
            "insecure.plain_auth: passwords are proven,",
        ),
        (
            "insecure.short_names = true",
            1,
            "insecure.short_names: the URIs of this relay",
        ),
    ] {
        let text = match wrong.starts_with("listen") {
            true => GOOD.replace("[[listen]]\naddress = \"0.0.0.0:2855\"\n", ""),
            false => GOOD.to_owned(),
        };
        let folder = folder("warning", &format!("{wrong}{text}"), USERS);
        let (code, lines) = check(&folder, &[]);
        assert_eq!(code, Some(0), "{lines:?}");
        let told = format!("relay.toml:{line}: warning: {told}");
        assert!(
            lines.iter().any(|line| line.starts_with(&told)),
            "{lines:?}"
        );
        assert_eq!(check(&folder, &["--strict"]).0, Some(1));
    }
}

#[test]
fn users_who_cannot_log_in_are_a_warning() {
    let elsewhere = USERS.replace("relay.example.com", "other");
    let told = "users: warning: there are no users of realm \"relay.example.com\", but 1 of others";
    assert_eq!(check(&folder("realm", GOOD, &elsewhere), &[]).1, [told]);
    let told = "users: warning: there are no users";
    assert_eq!(check(&folder("none", GOOD, ""), &[]).1, [told]);

    let both = format!("{GOOD}algorithms = ['sha-256', 'md5']\n");
    let (_, lines) = check(&folder("algorithms", &both, USERS), &[]);
    assert!(
        lines[0].starts_with("relay.toml:10: warning: users.algorithms: clients that read one")
    );
    assert!(
        lines[1].starts_with("users:1: warning: 1 users have no line of SHA-256"),
        "{lines:?}"
    );
}

#[test]
#[cfg(unix)]
fn secrets_that_others_can_read_are_a_warning() {
    let folder = folder("mode", GOOD, USERS);
    set_mode(&folder.path("users"), 0o644);
    set_mode(&folder.path("relay.key"), 0o620);
    let (code, lines) = check(&folder, &[]);
    assert_eq!(code, Some(0));
    let told = [
        "relay.toml:7: warning: tls.key: relay.key has mode 620: it can be changed by others; 600 is enough",
        "relay.toml:9: warning: users.file: users has mode 644: it can be read by others; 600 is enough",
    ];
    assert_eq!(lines, told);
}

#[test]
fn programs_get_json() {
    let folder = folder("json", &format!("port = 0{GOOD}"), USERS);
    let file = folder.path("relay.toml");
    let (code, out, err) = Running::start(&["--json", "relay", "check-config", &file]).finish();
    assert_eq!((code, err.as_str()), (Some(1), ""));
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["line"], 1);
    assert_eq!(lines[0]["key"], "port");
    assert_eq!(lines[0]["severity"], "error");
    assert_eq!(lines[1]["event"], "checked");
    assert_eq!(lines[1]["errors"], 1);
}

#[test]
fn the_dns_is_asked_where_that_is_wanted() {
    let folder = folder("dns", GOOD, USERS);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let server = socket.local_addr().expect("bound");
    // It knows of no name at all, and ends with the tests.
    thread::spawn(move || {
        let mut octets = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            let name = octets[12..length].iter().position(|octet| *octet == 0);
            let end = 12 + name.expect("a name") + 5;
            let head = [0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0];
            let answer = [&octets[..2], &head, &octets[12..end]].concat();
            socket.send_to(&answer, from).expect("sent");
        }
    });
    let dns = format!("--dns={server}");
    let told = "relay.toml:2: warning: name: relay.example.com has no A or AAAA record that leads to another machine; \
                add \"relay.example.com. 3600 IN A ADDRESS\", or AAAA (RFC 4976 §8)";
    assert_eq!(check(&folder, &[&dns]), (Some(0), vec![told.to_owned()]));
    assert_eq!(
        check(&folder, &["--strict", &dns]),
        (Some(1), vec![told.to_owned()])
    );
    assert_eq!(check(&folder, &["--strict"]), (Some(0), vec![]));

    let file = folder.path("relay.toml");
    let (code, _, err) =
        Running::start(&["relay", "check-config", "--dns=ns.example", &file]).finish();
    assert_eq!(code, Some(2));
    assert!(err.contains("expected ADDRESS or ADDRESS:PORT"), "{err}");
}
