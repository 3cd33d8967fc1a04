//! Media types: the value of Content-Type (RFC 4975 §9) and the entries of the SDP attributes
//! `accept-types` and `accept-wrapped-types` (§8.6).
//!
//! Which list applies to which body is decided in `sdp` and `proto`.

use std::fmt;
use std::str::FromStr;

use super::Fault;
use super::token::{is_blank, is_token, is_token_octet, quoted_string_end, unquote};
use crate::error::{Error, ErrorKind};

/// A media type: `type/subtype` with parameters, such as `text/plain;charset=utf-8`.
///
/// Compared without case; parameters count in any order, their values without case if both are
/// tokens and exactly otherwise. `Display` gives the text as it came.
#[derive(Debug, Clone)]
pub struct MediaType {
    text: Box<str>,
    /// Where the "/" is.
    slash: u32,
    /// Where the subtype ends.
    essence_len: u32,
    params: Box<[Param]>,
}

/// A parameter: name, and value without quotes if there is one.
type Param = (String, Option<String>);

impl MediaType {
    /// Reads a media type. Blanks around `;` are taken, and a parameter may lack a value.
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut params = Vec::new();
        let (slash, essence_len) = scan(text, |name, value| {
            params.push((name.to_owned(), value.map(Raw::value)));
        })?;
        let place = |at| {
            u32::try_from(at).map_err(|_| Fault::grammar(at, "expected a media type below 4 GiB"))
        };
        Ok(Self {
            text: text.into(),
            slash: place(slash)?,
            essence_len: place(essence_len)?,
            params: params.into(),
        })
    }

    /// Says whether [`MediaType::parse`] would succeed, without allocating.
    ///
    /// # Errors
    /// As [`MediaType::parse`].
    pub fn check(text: &str) -> Result<(), Fault> {
        scan(text, |_, _| ()).map(drop)
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The type, before the `/`, as it came.
    pub fn main_type(&self) -> &str {
        &self.text[..self.slash as usize]
    }

    /// The subtype, as it came.
    pub fn subtype(&self) -> &str {
        &self.text[self.slash as usize + 1..self.essence_len as usize]
    }

    /// `type/subtype` without parameters, as it came.
    pub fn essence(&self) -> &str {
        &self.text[..self.essence_len as usize]
    }

    /// Whether this is `essence` (`type/subtype`), whatever the parameters.
    pub fn is(&self, essence: &str) -> bool {
        self.essence().eq_ignore_ascii_case(essence)
    }

    /// The value of the parameter `name`, without quotes and escapes. The first one counts; one
    /// without a value is not found.
    pub fn param(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .params
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        value.as_deref()
    }

    /// The parameters in order: name, and value without quotes and escapes if there is one.
    pub fn params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// The text as it came, without the blanks between its parts: the grammar has none (RFC 4975 §9).
    pub fn to_compact(&self) -> String {
        let mut text = self.essence().to_owned();
        let put = |name: &str, value: Option<Raw<'_>>| {
            text.push(';');
            text.push_str(name);
            if let Some(Raw::Token(value) | Raw::Quoted(value)) = value {
                text.push('=');
                text.push_str(value);
            }
        };
        scan(&self.text, put).expect("it was read before");
        text
    }

    /// The form to generate: no blanks, values quoted only where they must be.
    pub fn to_canonical(&self) -> String {
        let mut text = self.essence().to_owned();
        for (name, value) in &self.params {
            text.push(';');
            text.push_str(name);
            if let Some(value) = value {
                text.push('=');
                push_value(&mut text, value);
            }
        }
        text
    }
}

impl PartialEq for MediaType {
    fn eq(&self, other: &Self) -> bool {
        let covers = |a: &Self, b: &Self| {
            a.params
                .iter()
                .all(|x| b.params.iter().any(|y| same_param(x, y)))
        };
        self.is(other.essence())
            && self.params.len() == other.params.len()
            && covers(self, other)
            && covers(other, self)
    }
}

impl Eq for MediaType {}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for MediaType {
    type Err = Error;

    /// As [`MediaType::parse`], for text from a caller: the error is
    /// [`ErrorKind::InvalidArgument`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
            .map_err(|fault| fault.into_error(ErrorKind::InvalidArgument, "media type"))
    }
}

/// An entry of `accept-types` or `accept-wrapped-types` (RFC 4975 §8.6): `*`, `type/*` or
/// `type/subtype`, with parameters.
///
/// Equal if type, subtype and parameters are, as for [`MediaType`]. `Display` gives the text as it
/// came, `*/*` as `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange {
    /// `None` is `*`.
    pattern: Option<MediaType>,
}

impl MediaRange {
    /// The entry `*`: everything may be tried.
    pub const ANY: Self = Self { pattern: None };

    /// Reads one entry, without blanks around it. `*/*` is read as `*`.
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`; also for a parameter without a
    /// value.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text == "*" || text == "*/*" {
            return Ok(Self::ANY);
        }
        let pattern = MediaType::parse(text)?;
        if pattern.main_type() == "*" {
            return Err(Fault::grammar(0, "expected a type, or \"*\" alone"));
        }
        if pattern.params.iter().any(|(_, value)| value.is_none()) {
            return Err(Fault::grammar(
                pattern.essence_len as usize,
                "expected a value for each parameter",
            ));
        }
        Ok(Self {
            pattern: Some(pattern),
        })
    }

    /// Reads a list: entries between runs of blanks, where a quoted value may hold blanks. An empty
    /// list is taken; it says that nothing can be sent.
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Fault> {
        list_entries(text)
            .map(|(at, entry)| Self::parse(entry).map_err(|fault| fault.shifted(at as u64)))
            .collect()
    }

    /// Whether content of `media_type` may be sent to a peer that listed this entry. Parameters do
    /// not count on either side: an entry with parameters matches the same one without (RFC 4975
    /// §8.6).
    pub fn matches(&self, media_type: &MediaType) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| {
            pattern
                .main_type()
                .eq_ignore_ascii_case(media_type.main_type())
                && (pattern.subtype() == "*"
                    || pattern.subtype().eq_ignore_ascii_case(media_type.subtype()))
        })
    }

    /// Whether this is `*`, or `type/*`: a type that only such an entry matches may be tried, but
    /// listed ones are preferred.
    pub fn is_wildcard(&self) -> bool {
        self.pattern
            .as_ref()
            .is_none_or(|pattern| pattern.subtype() == "*")
    }

    /// The text of the entry.
    pub fn as_str(&self) -> &str {
        self.pattern.as_ref().map_or("*", MediaType::as_str)
    }

    /// The type if the entry names exactly one.
    pub fn media_type(&self) -> Option<&MediaType> {
        self.pattern
            .as_ref()
            .filter(|pattern| pattern.subtype() != "*")
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for MediaRange {
    type Err = Error;

    /// As [`MediaRange::parse`], for text from a caller: the error is
    /// [`ErrorKind::InvalidArgument`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
            .map_err(|fault| fault.into_error(ErrorKind::InvalidArgument, "accept-types entry"))
    }
}

impl From<MediaType> for MediaRange {
    fn from(media_type: MediaType) -> Self {
        Self {
            pattern: Some(media_type),
        }
    }
}

/// A parameter value as it came.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Token(&'a str),
    Quoted(&'a str),
}

impl Raw<'_> {
    fn value(self) -> String {
        match self {
            Self::Token(token) => token.to_owned(),
            Self::Quoted(quoted) => unquote(quoted),
        }
    }
}

/// Walks over a media type, gives where the slash is and where the subtype ends, and each parameter
/// to `visit`.
fn scan<'a>(
    text: &'a str,
    mut visit: impl FnMut(&'a str, Option<Raw<'a>>),
) -> Result<(usize, usize), Fault> {
    let octets = text.as_bytes();
    let slash = token_end(octets, 0, "expected a media type")?;
    if octets.get(slash) != Some(&b'/') {
        return Err(Fault::grammar(slash, "expected \"/\" after the type"));
    }
    let essence_len = token_end(octets, slash + 1, "expected a subtype")?;
    let mut at = blanks_end(octets, essence_len);
    while at < octets.len() {
        if octets[at] != b';' {
            return Err(Fault::grammar(
                at,
                "expected \";\" or the end of the media type",
            ));
        }
        let name = blanks_end(octets, at + 1);
        let name_end = token_end(octets, name, "expected a parameter name")?;
        let mut value = None;
        at = name_end;
        if octets.get(at) == Some(&b'=') {
            let start = at + 1;
            if octets.get(start) == Some(&b'"') {
                at = quoted_string_end(text, start)?;
                value = Some(Raw::Quoted(&text[start..at]));
            } else {
                at = token_end(octets, start, "expected a parameter value")?;
                value = Some(Raw::Token(&text[start..at]));
            }
        }
        visit(&text[name..name_end], value);
        at = blanks_end(octets, at);
    }
    Ok((slash, essence_len))
}

fn token_end(octets: &[u8], start: usize, expected: &'static str) -> Result<usize, Fault> {
    let len = octets[start..]
        .iter()
        .take_while(|octet| is_token_octet(**octet))
        .count();
    if len == 0 {
        return Err(Fault::grammar(start, expected));
    }
    Ok(start + len)
}

fn blanks_end(octets: &[u8], start: usize) -> usize {
    start
        + octets[start..]
            .iter()
            .take_while(|octet| is_blank(**octet))
            .count()
}

/// The entries of a list, each with its place. A blank inside quotes does not end an entry.
fn list_entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let octets = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = blanks_end(octets, at);
        if start == octets.len() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let len = octets[start..].iter().position(|&octet| {
            let ends = !quoted && is_blank(octet);
            if octet == b'"' && !escaped {
                quoted = !quoted;
            }
            escaped = quoted && octet == b'\\' && !escaped;
            ends
        });
        at = len.map_or(octets.len(), |len| start + len);
        Some((start, &text[start..at]))
    })
}

fn same_param((name, value): &Param, (other_name, other_value): &Param) -> bool {
    name.eq_ignore_ascii_case(other_name)
        && match (value, other_value) {
            (Some(a), Some(b)) if is_token(a.as_bytes()) && is_token(b.as_bytes()) => {
                a.eq_ignore_ascii_case(b)
            }
            (a, b) => a == b,
        }
}

fn push_value(text: &mut String, value: &str) {
    if is_token(value.as_bytes()) {
        text.push_str(value);
        return;
    }
    text.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;
    use proptest::prelude::*;

    fn media_type(text: &str) -> MediaType {
        MediaType::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    fn list(text: &str) -> Vec<MediaRange> {
        MediaRange::parse_list(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn parts_of_a_media_type() {
        let full = media_type("Text/PLAIN; Charset=utf-8 ;name=\"a\\\"b\\\\c; d\";flag");
        assert_eq!((full.main_type(), full.subtype()), ("Text", "PLAIN"));
        assert_eq!(full.essence(), "Text/PLAIN");
        assert!(full.is("text/plain"));
        assert_eq!(full.param("charset"), Some("utf-8"));
        assert_eq!(full.param("NAME"), Some("a\"b\\c; d"));
        assert_eq!(full.param("flag"), None);
        assert_eq!(full.params().count(), 3);
        assert_eq!(
            full.to_canonical(),
            "Text/PLAIN;Charset=utf-8;name=\"a\\\"b\\\\c; d\";flag"
        );
        assert_eq!(
            media_type("Text/PLAIN ;\tcharset=\"utf-8\";name=\"a; b\" ; flag").to_compact(),
            "Text/PLAIN;charset=\"utf-8\";name=\"a; b\";flag"
        );
        assert_eq!(media_type("text/x-ü".trim_end_matches('ü')).subtype(), "x-");
        assert_eq!(media_type("a/b;c=\"ü\"").param("c"), Some("ü"));
        covers!("C-036", "C-037", "C-046");
    }

    #[test]
    fn types_compare_without_case() {
        for (a, b, equal) in [
            ("text/plain", "Text/PLAIN", true),
            ("text/plain", "text/html", false),
            ("a/b;x=1;y=2", "a/b; Y=2; X=1", true),
            ("a/b;x=ABC", "a/b;x=\"abc\"", true),
            ("a/b;x=\"A C\"", "a/b;x=\"a c\"", false),
            ("a/b;x=1", "a/b", false),
            ("a/b;x=1;x=1", "a/b;x=1;y=2", false),
            ("a/b;x", "a/b;x=1", false),
        ] {
            assert_eq!(media_type(a) == media_type(b), equal, "{a} and {b}");
        }
        covers!("C-036", "S-042");
    }

    #[test]
    fn faults_have_their_offset() {
        for (text, offset) in [
            ("", 0),
            ("text", 4),
            ("text/", 5),
            ("/plain", 0),
            ("te(xt/plain", 2),
            ("text/pl@in", 7),
            ("text/plain;", 11),
            ("text/plain;=x", 11),
            ("text/plain;a=", 13),
            ("text/plain;a=\"b", 15),
            ("text/plain;a=\"\\b\"", 14),
            ("text/plain;a=\"\u{1}\"", 14),
            ("text/plain;a=b/c", 14),
            ("text/plain x", 11),
        ] {
            let fault = MediaType::parse(text).expect_err(text);
            assert_eq!(fault.offset(), offset, "{text}: {fault}");
            assert_eq!(MediaType::check(text), Err(fault));
        }
        assert_eq!(
            "x".parse::<MediaType>().unwrap_err().kind,
            ErrorKind::InvalidArgument
        );
        covers!("C-036", "C-037");
    }

    #[test]
    fn accept_types_match() {
        for (entry, sent, matches) in [
            ("*", "image/png", true),
            ("*/*", "image/png", true),
            ("text/*", "TEXT/html", true),
            ("text/*", "image/png", false),
            ("Message/CPIM", "message/cpim", true),
            ("text/plain", "text/html", false),
            ("text/plain;charset=utf-8", "text/plain", true),
            ("text/plain", "text/plain;charset=utf-8", true),
        ] {
            let range: MediaRange = entry.parse().unwrap();
            assert_eq!(
                range.matches(&media_type(sent)),
                matches,
                "{entry} and {sent}"
            );
        }
        assert!(MediaRange::ANY.is_wildcard() && list("a/*")[0].is_wildcard());
        assert!(!list("a/b")[0].is_wildcard());
        assert_eq!(list("a/b")[0].media_type(), Some(&media_type("a/b")));
        assert_eq!(list("a/*")[0].media_type(), None);
        covers!("S-041", "S-042", "S-043", "S-052");
    }

    #[test]
    fn accept_types_lists() {
        let texts = |text: &str| {
            list(text)
                .iter()
                .map(MediaRange::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            texts("text/plain;x=\"a b\" text/html"),
            ["text/plain;x=\"a b\"", "text/html"]
        );
        assert_eq!(texts("a/b;x=\"\\\" c\" d/e"), ["a/b;x=\"\\\" c\"", "d/e"]);
        assert_eq!(texts(" text/plain \t */*  "), ["text/plain", "*"]);
        assert_eq!(texts(""), [""; 0]);
        for (text, offset) in [
            ("a/b */c", 4),
            ("a/b c", 5),
            ("a/b;x", 3),
            ("a/b;x=\"c d", 10),
        ] {
            assert_eq!(
                MediaRange::parse_list(text).expect_err(text).offset(),
                offset,
                "{text}"
            );
        }
        covers!("S-041", "S-059");
    }

    proptest! {
        #[test]
        fn canonical_form_reads_back_equal(
            essence in "[a-z]{1,5}/[a-z.+-]{1,8}",
            params in proptest::collection::vec(("[a-z]{1,4}", proptest::option::of("[ -~ü]{0,8}")), 0..4),
        ) {
            let mut text = essence;
            for (name, value) in &params {
                text.push(';');
                text.push_str(name);
                if let Some(value) = value {
                    text.push('=');
                    push_value(&mut text, value);
                }
            }
            let parsed = media_type(&text);
            prop_assert_eq!(parsed.to_canonical(), text);
            prop_assert_eq!(parsed.params().map(|(n, v)| (n.to_owned(), v.map(str::to_owned))).collect::<Vec<_>>(), params);
        }

        #[test]
        fn parse_never_panics(text in "\\PC{0,30}") {
            let _ = MediaType::parse(&text);
            let _ = MediaRange::parse_list(&text);
        }
    }
}
