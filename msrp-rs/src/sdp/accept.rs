//! Lists of content types: `accept-types` and `accept-wrapped-types` (RFC 4975 §8.6), and what a
//! sender may conclude from the peer's.

use std::fmt;

use super::media::MediaDescription;
use crate::wire::{MediaRange, MediaType};

/// Types that every endpoint takes (RFC 4975 §7.3.1, §13, §14.3) and must list like any other.
pub const MANDATORY_TYPES: [&str; 4] = [
    "message/cpim",
    "multipart/mixed",
    "multipart/alternative",
    "multipart/signed",
];

impl MediaDescription {
    /// Whether a whole message of `content_type` may be sent to this side: `accept-types` has it,
    /// alone or by a wildcard. Parameters do not count. A text that is no media type may not be
    /// sent.
    pub fn accepts(&self, content_type: &str) -> bool {
        allows(&self.accept_types, content_type)
    }

    /// Whether content of `content_type` may be sent to this side inside of a container that it
    /// accepts: `accept-types` or `accept-wrapped-types` has it.
    pub fn accepts_wrapped(&self, content_type: &str) -> bool {
        self.accepts(content_type) || allows(&self.accept_wrapped_types, content_type)
    }

    /// Which of `content_types`, in the sender's order of preference, to send to this side: the
    /// one that it lists first by name, else the first that a wildcard lets through (listed types
    /// are preferred to unlisted ones); `None` if it takes none of them.
    pub fn preferred<'a>(&self, content_types: &[&'a str]) -> Option<&'a str> {
        let known: Vec<(&str, MediaType)> = content_types
            .iter()
            .filter_map(|text| Some((*text, MediaType::parse(text).ok()?)))
            .collect();
        let named = self
            .accept_types
            .iter()
            .filter(|range| !range.is_wildcard())
            .find_map(|range| known.iter().find(|(_, known)| range.matches(known)));
        let tried = || {
            known
                .iter()
                .find(|(_, known)| self.accept_types.iter().any(|range| range.matches(known)))
        };
        named.or_else(tried).map(|(text, _)| *text)
    }

    /// Whether this side wishes to get its messages wrapped in `message/cpim`: it stands first in
    /// `accept-types` (RFC 4975 §13).
    pub fn wants_cpim(&self) -> bool {
        self.accept_types
            .first()
            .and_then(MediaRange::media_type)
            .is_some_and(|first| first.is("message/cpim"))
    }
}

fn allows(ranges: &[MediaRange], content_type: &str) -> bool {
    MediaType::parse(content_type)
        .is_ok_and(|media_type| ranges.iter().any(|range| range.matches(&media_type)))
}

/// Whether there is a type that both entries match.
pub(super) fn overlap(a: &MediaRange, b: &MediaRange) -> bool {
    match (a.media_type(), b.media_type()) {
        (Some(media_type), _) => b.matches(media_type),
        (None, Some(media_type)) => a.matches(media_type),
        (None, None) => {
            let main_type = |range: &MediaRange| {
                range
                    .as_str()
                    .split_once('/')
                    .map(|(main, _)| main.to_ascii_lowercase())
            };
            match (main_type(a), main_type(b)) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            }
        }
    }
}

/// Reads the value of an attribute. Entries that are none are passed over: what a peer cannot
/// spell it cannot mean, and the others still hold.
pub(super) fn parse_list(value: &str) -> impl Iterator<Item = MediaRange> {
    entries(value).filter_map(|entry| MediaRange::parse(entry).ok())
}

/// The entries between runs of blanks; a quoted value may hold blanks.
pub(super) fn entries(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(move |c: char| {
            let separates = !quoted && matches!(c, ' ' | '\t');
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = quoted && c == '\\' && !escaped;
            separates
        })
        .filter(|entry| !entry.is_empty())
}

/// A list as it stands in an attribute.
pub(super) struct List<'a>(pub(super) &'a [MediaRange]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            range.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    fn range(text: &str) -> MediaRange {
        MediaRange::parse(text).expect("a range")
    }

    #[test]
    fn rfc4975_8_6_a_list_is_split_outside_of_quotes_and_printed_with_single_spaces() {
        for (value, printed) in [
            ("text/plain   text/html ", "text/plain text/html"),
            (r#"a/b;x="1 2;3" c/d"#, r#"a/b;x="1 2;3" c/d"#),
            (r#"a/b;x="\" \\" c/d"#, r#"a/b;x="\" \\" c/d"#),
            ("(null) a/b", "a/b"),
            (r#"a/b;x="open c/d"#, ""),
            ("", ""),
        ] {
            let list: Vec<_> = parse_list(value).collect();
            assert_eq!(List(&list).to_string(), printed, "{value}");
        }
        covers!("S-041");
    }

    #[test]
    fn rfc4975_8_6_entries_overlap_if_one_type_fits_both() {
        for (a, b, expected) in [
            ("text/plain", "TEXT/PLAIN;charset=utf-8", true),
            ("text/plain", "text/html", false),
            ("text/*", "text/html", true),
            ("text/*", "image/png", false),
            ("text/*", "Text/*", true),
            ("text/*", "image/*", false),
            ("*", "image/*", true),
            ("*", "*", true),
        ] {
            assert_eq!(overlap(&range(a), &range(b)), expected, "{a} {b}");
            assert_eq!(overlap(&range(b), &range(a)), expected, "{b} {a}");
        }
        covers!("S-043", "S-053");
    }
}
