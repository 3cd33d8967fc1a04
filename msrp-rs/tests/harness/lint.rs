//! What is found in an SDP line by line (`sdp::lint`), beside what parsing says of it.

use msrp::error::ErrorKind;
use msrp::sdp::SessionDescription;
use msrp::sdp::lint::{Finding, Severity, check};

/// Findings that stand for the whole text, and yet not for its form.
const DEFAULTS: [&str; 2] = ["fingerprint", "direction-conflict"];

/// Errors are found exactly where parsing fails.
pub fn agrees(sdp: &str) {
    let found = check(sdp.as_bytes(), None);
    let errors = || {
        found
            .iter()
            .filter(|one| one.rule.severity == Severity::Error)
    };
    let of_text = |one: &&Finding| {
        let name = one.rule.name;
        one.media.is_none() && name != "message-missing" && !DEFAULTS.contains(&name)
    };
    let broken = errors().find(of_text);
    let parsed = match (SessionDescription::parse(sdp), broken) {
        (Err(_), Some(_)) => return,
        (Ok(parsed), None) => parsed,
        (result, broken) => panic!("{sdp}\n{result:?}\n{broken:?}"),
    };
    for (index, line) in parsed.media_lines().enumerate() {
        if line.media != "message" || line.port == 0 {
            continue;
        }
        let error = errors().find(|one| {
            one.media == Some(index) || (one.media.is_none() && DEFAULTS.contains(&one.rule.name))
        });
        match (parsed.select(Some(index)), error) {
            (Ok(_), None) => {}
            (Err(error), Some(_)) if error.kind == ErrorKind::InvalidSdp => {}
            (result, finding) => panic!("{sdp}\n{index}: {result:?}\n{finding:?}"),
        }
    }
    let lines = sdp.lines().count().max(1);
    assert!(
        found.iter().all(|one| (1..=lines).contains(&one.line)),
        "{sdp}\n{found:?}"
    );
}
