//! Marks by which a test says what lines of the conformance catalogue it has just seen hold.
//!
//! ```no_run
//! use msrp_conformance::covers;
//!
//! // ... the request was sent, the response was checked ...
//! covers!("C-166", "T-05");
//! ```
//!
//! A mark is earned when it is reached: it stands behind the assertions, and a test that fails before it leaves none.
//! With `MSRP_MARKS=FILE` in the environment, marks are appended to that file, one line each:
//! ID, source file, test. `scripts/conformance.py` makes the coverage table of them, after a run without a failure.
//! The C and Python tests append to the same file.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Names the file that marks are appended to.
const VARIABLE: &str = "MSRP_MARKS";

/// The files that define IDs.
const CATALOGUE: [&str; 9] = [
    include_str!("../../docs/conformance/core.md"),
    include_str!("../../docs/conformance/sdp.md"),
    include_str!("../../docs/conformance/relay.md"),
    include_str!("../../docs/conformance/filetransfer.md"),
    include_str!("../../docs/conformance/chatroom.md"),
    include_str!("../../docs/conformance/websocket.md"),
    include_str!("../../docs/conformance/datachannel.md"),
    include_str!("../../docs/conformance/cpim.md"),
    include_str!("../../docs/conformance/traps.md"),
];

/// Says that the lines with these IDs were just seen to hold.
///
/// # Panics
/// When the catalogue has no such ID: the test fails.
#[macro_export]
macro_rules! covers {
    ($($id:literal),+ $(,)?) => {{
        fn here() {}
        $crate::mark(&[$($id),+], file!(), ::std::any::type_name_of_val(&here));
    }};
}

/// What [`covers!`] calls.
#[doc(hidden)]
pub fn mark(ids: &[&'static str], file: &'static str, place: &'static str) {
    static WRITTEN: LazyLock<Mutex<HashSet<(&str, &str)>>> = LazyLock::new(Mutex::default);
    let mut lines = String::new();
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    for &id in ids {
        assert!(is_defined(id), "{file}: {id} is in no catalogue file");
        if written.insert((id, place)) {
            lines += &format!("{id}\t{file}\t{}\n", function(place));
        }
    }
    let Some(path) = std::env::var_os(VARIABLE).filter(|_| !lines.is_empty()) else {
        return;
    };
    // One write: other processes append to the same file.
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .expect("marks can be written");
}

/// Whether a row or a heading of the catalogue starts with this ID.
fn is_defined(id: &str) -> bool {
    let (row, trap) = (format!("| {id} |"), format!("**{id} "));
    CATALOGUE
        .iter()
        .flat_map(|text| text.lines())
        .any(|line| line.starts_with(&row) || line.starts_with(&trap))
}

/// The function's name out of the path of an item within it.
fn function(place: &str) -> &str {
    place
        .rsplit("::")
        .find(|part| !matches!(*part, "here" | "{{closure}}"))
        .unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_looked_up_in_rows_and_headings() {
        assert!(is_defined("C-001") && is_defined("T-01") && is_defined("S-164"));
        assert!(!is_defined("C-999") && !is_defined("C-00") && !is_defined(""));
    }

    #[test]
    #[should_panic(expected = "C-999 is in no catalogue file")]
    fn an_unknown_id_fails_the_test() {
        covers!("C-999");
    }

    #[test]
    fn the_test_is_the_innermost_function() {
        assert_eq!(function("proto_chat::a_line::here"), "a_line");
        assert_eq!(function("a::tests::b::{{closure}}::here"), "b");
    }
}
