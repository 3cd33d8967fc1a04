//! A relay's log, at every level and in both forms, holds no secret.

use crate::client::{Client, header, status};
use crate::daemon::{Daemon, PASSWORD, PLAIN, folder, replace, write_users};
use crate::running::Running;

use msrp::{Algorithm, Ha1};
use msrp_conformance::covers;

#[test]
fn no_secret_is_logged() {
    for (form, args) in [
        ("text", vec!["-vv"]),
        ("json", vec!["-vv"]),
        ("text", vec!["-v"]),
    ] {
        let config = format!("log.format = \"{form}\"\n{PLAIN}");
        let folder = folder(&format!("log-{form}-{}", args[0]), &config);
        let daemon = Daemon::start(&folder, &args);
        let address = daemon.addresses[0];
        let mut secrets = vec![
            PASSWORD.to_owned(),
            "falsches-Passwort".to_owned(),
            "geheimer-Inhalt".to_owned(),
            "Authorization: ".to_owned(),
            "Digest ".to_owned(),
        ];
        for user in ["alice", "bob"] {
            let ha1 = Ha1::from_password(Algorithm::Md5, user, "here", PASSWORD);
            secrets.push(ha1.to_hex().to_string());
        }
        let (mut alice, mut bob) = (Client::plain(address), Client::plain(address));
        let wrong = alice.auth("alice", "falsches-Passwort");
        let nonce = header(&wrong, "WWW-Authenticate");
        let nonce = nonce
            .split("nonce=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        secrets.push(nonce.expect("a nonce").to_owned());
        let (own, other) = (alice.log_in("alice", PASSWORD), bob.log_in("bob", PASSWORD));
        alice.send(
            &format!("{own} {other} {}", bob.own),
            "sent01",
            "geheimer-Inhalt",
        );
        assert_eq!(status(&alice.frame()), "200");
        let request = bob.frame();
        bob.answer(&request, "415 geheimer-Inhalt");
        assert_eq!(status(&alice.frame()), "REPORT");
        alice.send(
            &format!("{own}x {other} {}", bob.own),
            "sent02",
            "geheimer-Inhalt",
        );
        assert_eq!(status(&alice.frame()), "481");
        for token in [own, other] {
            let id = token
                .rsplit('/')
                .next()
                .and_then(|rest| rest.split(';').next());
            let id = id.expect("a session-id");
            assert!(id.len() >= 22, "128 bits");
            // Its first characters may stand there.
            secrets.push(id[6..].to_owned());
        }
        replace(&folder, "users", "alice:here:geheimer-Inhalt\n");
        daemon.wait_log("the users of before stay");
        write_users(&folder, &["bob"]);
        daemon.next_of("users");
        let log = daemon.end();
        assert!(log.len() > 500, "there is a log: {log}");
        for secret in secrets {
            assert!(!log.contains(&secret), "{secret} stands in {log}");
        }
    }
    covers!("R-206");
}

#[test]
fn the_configuration_says_how_the_log_is() {
    let folder = folder("log-level", &format!("log.level = \"error\"\n{PLAIN}"));
    let log = Daemon::start(&folder, &[]).end();
    assert_eq!(log, "");
}

#[test]
fn without_json_what_happens_stands_in_the_log() {
    let folder = folder("log-lines", &format!("log.format = \"json\"\n{PLAIN}"));
    let config = folder.path("relay.toml");
    let mut relay = Running::start(&["relay", "--config", &config]);
    let stderr = relay.0.stderr.take().expect("a pipe");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
    let ready = lines.find_map(|line| {
        let line = line.expect("a line");
        let record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let text = record["fields"]["message"].as_str()?.to_owned();
        text.starts_with("relay localhost is ready")
            .then_some(record)
    });
    assert_eq!(ready.expect("ready")["level"], "INFO");
    relay.signal("TERM");
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    assert!(
        rest.iter().any(|line| line.contains("\"closed\"")),
        "{rest:?}"
    );
    assert_eq!(relay.finish().0, Some(0));
}
