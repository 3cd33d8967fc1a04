//! Character classes of RFC 4975 §9 that several values share: `token`, `quoted-string`,
//! `utf8text`.

use super::Fault;

/// One octet of `token`.
pub(super) fn is_token_octet(octet: u8) -> bool {
    matches!(octet,
        0x21 | 0x23..=0x27 | 0x2a..=0x2b | 0x2d..=0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e)
}

/// Whether `text` is a `token`.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_octet)
}

/// SP or HTAB.
pub(super) fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// Whether `text` is free of control octets other than HTAB, and of DEL, as `utf8text` demands. Does
/// not look at the encoding: a bad UTF-8 sequence is harmless where the text is only shown.
pub(super) fn is_text(text: &[u8]) -> bool {
    // One flag for all octets instead of an early exit: the compiler makes vector code of it.
    !text
        .iter()
        .fold(false, |bad, octet| bad | is_control(*octet))
}

/// Where the first octet is that `utf8text` does not allow.
pub(super) fn find_control(text: &[u8]) -> Option<usize> {
    text.iter().position(|octet| is_control(*octet))
}

/// `text` without blanks at both ends.
pub(super) fn trim_blanks(text: &[u8]) -> &[u8] {
    let (start, end) = trimmed(text);
    &text[start..end]
}

/// Where `text` starts and ends without the blanks at both ends.
pub(super) fn trimmed(text: &[u8]) -> (usize, usize) {
    let start = text
        .iter()
        .position(|octet| !is_blank(*octet))
        .unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|octet| !is_blank(*octet))
        .map_or(start, |last| last + 1);
    (start, end)
}

/// Reads the `quoted-string` that starts at `start`, giving the place after it.
pub(super) fn quoted_string_end(text: &str, start: usize) -> Result<usize, Fault> {
    let octets = text.as_bytes();
    let mut at = start + 1;
    loop {
        match octets.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') if matches!(octets.get(at + 1), Some(b'"' | b'\\')) => at += 2,
            Some(octet) if *octet != b'\\' && !is_control(*octet) => at += 1,
            Some(_) => {
                return Err(Fault::grammar(
                    at,
                    "expected a character of a quoted string",
                ));
            }
            None => return Err(Fault::grammar(at, "expected a closing quote")),
        }
    }
}

/// The value of a `quoted-string` given with its quotes.
pub(super) fn unquote(quoted: &str) -> String {
    let mut value = String::with_capacity(quoted.len());
    let mut chars = quoted[1..quoted.len() - 1].chars();
    while let Some(c) = chars.next() {
        value.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    value
}

fn is_control(octet: u8) -> bool {
    (octet < 0x20 && octet != b'\t') || octet == 0x7f
}
