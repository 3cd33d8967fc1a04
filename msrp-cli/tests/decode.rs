//! `msrp decode` on recordings of other implementations: what comes out is what a separate decoder found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../msrp-rs/tests/corpus/captures")
}

fn decode(args: &[&str], file: &Path) -> (i32, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_msrp"))
        .args(["decode", "--json"])
        .args(args)
        .arg(file)
        .stderr(Stdio::inherit())
        .output()
        .expect("the command starts");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let lines = text.lines();
    let lines = lines.map(|line| serde_json::from_str(line).expect("a line of JSON"));
    (output.status.code().expect("no signal"), lines.collect())
}

/// Every recorded direction that is kept whole: its file and what is known of it.
fn recordings() -> Vec<(PathBuf, Value)> {
    let mut recordings = Vec::new();
    for peer in fs::read_dir(captures()).expect("the corpus is there") {
        let peer = peer.expect("readable").path();
        if !peer.is_dir() {
            continue;
        }
        for file in fs::read_dir(&peer).expect("readable") {
            let file = file.expect("readable").path();
            if file.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(&file).expect("readable");
            let mut known: Value = serde_json::from_str(&text).expect("JSON");
            for direction in ["a2b", "b2a"] {
                let direction = known["directions"][direction].take();
                let name = direction["file"].as_str().expect("a file name");
                if !name.contains("excerpt") {
                    recordings.push((peer.join(name), direction));
                }
            }
        }
    }
    assert!(
        recordings.len() > 40,
        "only {} recordings",
        recordings.len()
    );
    recordings
}

#[test]
fn frames_of_recorded_peers_are_counted_as_by_a_separate_decoder() {
    for (file, known) in recordings() {
        let (code, lines) = decode(&[], &file);
        let whole = known["well_formed"] == true;
        assert_eq!(code, i32::from(!whole), "{}", file.display());
        let mut counts = BTreeMap::new();
        let mut frames = lines.as_slice();
        if !whole {
            let (error, rest) = frames.split_last().expect("a line for the error");
            assert_eq!(error["offset"], known["parsed_bytes"], "{}", file.display());
            assert!(error["error"].is_string());
            frames = rest;
        }
        for frame in frames {
            let name = match frame["method"].as_str() {
                Some(method) => method.to_owned(),
                None => frame["status"].to_string(),
            };
            *counts.entry(name).or_insert(0) += 1;
        }
        assert_eq!(json!(counts), known["counts"], "{}", file.display());
    }
}

#[test]
fn messages_of_recorded_peers_have_the_length_and_digest_of_a_separate_decoder() {
    for (file, known) in recordings() {
        let (_, mut lines) = decode(&["--messages"], &file);
        if known["well_formed"] != true {
            assert!(lines.pop().expect("a line for the error")["error"].is_string());
        }
        lines.retain(|line| line.get("malformed").is_none());
        let known = known["messages"].as_array().expect("messages");
        let known: Vec<&Value> = known.iter().filter(|m| m["has_body"] == true).collect();
        assert_eq!(lines.len(), known.len(), "{}", file.display());
        for (line, known) in lines.iter().zip(known) {
            let at = || format!("{} {}", file.display(), known["message_id"]);
            for field in ["message_id", "content_type", "length", "sha256"] {
                assert_eq!(line[field], known[field], "{field} of {}", at());
            }
            let flag = known["last_flag"].as_str().expect("a flag");
            assert_eq!(line["aborted"], flag == "#", "{}", at());
            assert_eq!(line["complete"], flag == "$", "{}", at());
        }
    }
}

#[test]
fn standard_input_is_read_like_a_file() {
    let file = captures().join("msrp-java/pipelined.a2b.bin");
    let output = Command::new(env!("CARGO_BIN_EXE_msrp"))
        .args(["decode", "--messages", "--json", "-"])
        .stdin(fs::File::open(&file).expect("the corpus is there"))
        .output()
        .expect("the command starts");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    assert_eq!(text.lines().count(), 50);
}

#[test]
fn plain_lines_are_for_people() {
    let file = captures().join("msrp-java/abort.a2b.bin");
    let output = Command::new(env!("CARGO_BIN_EXE_msrp"))
        .args(["decode", "--messages"])
        .arg(&file)
        .output()
        .expect("the command starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut lines = text.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.contains("202524 octets aborted"))
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.contains("15 octets complete"))
    );
}

#[test]
fn a_missing_file_is_a_failure_and_bad_usage_is_told() {
    let status = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_msrp"));
        let output = command.args(args).output().expect("the command starts");
        output.status.code()
    };
    assert_eq!(status(&["decode", "/no/such/file"]), Some(1));
    assert_eq!(status(&["decode"]), Some(2));
    assert_eq!(status(&["--help"]), Some(0));
    assert_eq!(status(&["--version"]), Some(0));
}
