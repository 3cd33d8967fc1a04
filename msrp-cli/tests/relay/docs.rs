//! What docs/relay.md says of the configuration is so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::config::{GOOD, USERS, check, folder};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/relay.md");
    fs::read_to_string(path).expect("the page")
}

/// Key and default of each row of the table of keys.
fn rows() -> Vec<(String, String)> {
    let page = page();
    let table = page.split("| Key | Default |").nth(1).expect("the table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row
            .split('|')
            .skip(1)
            .map(|cell| cell.trim().trim_matches('`'));
        let cell = |cell: Option<&str>| cell.expect("a cell").to_owned();
        (cell(cells.next()), cell(cells.next()))
    })
    .collect()
}

/// The keys of a section, from what is said to one that is none of them.
fn keys(section: &str, text: &str) -> Vec<String> {
    let folder = folder("docs-keys", text, USERS);
    let (_, lines) = check(&folder, &[]);
    let told = lines
        .iter()
        .find(|line| line.contains("unknown field `zzz`"));
    let told = told.unwrap_or_else(|| panic!("{section}: {lines:?}"));
    let (_, expected) = told.split_once("expected ").expect("the keys");
    let names = expected.split('`').skip(1).step_by(2);
    names
        .map(|name| match section {
            "" => name.to_owned(),
            _ => format!("{section}.{name}"),
        })
        .collect()
}

#[test]
fn the_examples_are_good_configurations() {
    let page = page();
    let examples: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let text = example.split("```").next().expect("its end");
        let folder = folder("docs-example", text, USERS);
        assert_eq!(check(&folder, &["--strict"]), (Some(0), vec![]), "{text}");
    }
}

#[test]
fn every_key_is_described_and_no_other() {
    let top = keys("", &format!("zzz = 1{GOOD}"));
    let mut known = BTreeSet::new();
    for key in top {
        let text = match key.as_str() {
            "listen" => GOOD.replace("[[listen]]", "[[listen]]\nzzz = 1"),
            "tls" | "users" => GOOD.replace(&format!("[{key}]"), &format!("[{key}]\nzzz = 1")),
            "name" | "hosts" | "port" | "realm" | "threads" | "block_unknown_methods" => {
                known.insert(key);
                continue;
            }
            _ => format!("{key}.zzz = 1{GOOD}"),
        };
        known.extend(keys(&key, &text));
    }
    let described: BTreeSet<_> = rows().into_iter().map(|(key, _)| key).collect();
    assert_eq!(described, known);
}

#[test]
fn defaults_are_values_that_may_be_written_down() {
    for (key, default) in rows() {
        if default == "-" {
            continue;
        }
        let text = match key.split_once('.') {
            Some(("listen", inner)) => {
                GOOD.replace("[[listen]]", &format!("[[listen]]\n{inner} = {default}"))
            }
            Some((section @ ("users" | "tls"), inner)) => GOOD.replace(
                &format!("[{section}]"),
                &format!("[{section}]\n{inner} = {default}"),
            ),
            _ => format!("{key} = {default}{GOOD}"),
        };
        let folder = folder("docs-default", &text, USERS);
        assert_eq!(
            check(&folder, &["--strict"]),
            (Some(0), vec![]),
            "{key} = {default}"
        );
    }
}
