//! Character classes of RFC 4975 §9 that several values share: `token`, `quoted-string`,
//! `utf8text`.

use super::Fault;

/// What each octet may be part of, as bits.
static CLASSES: [u8; 256] = classes();

const TOKEN: u8 = 1;
const IDENT: u8 = 2;
const CONTROL: u8 = 4;

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < classes.len() {
        let c = octet as u8;
        if matches!(c, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'~')
        {
            classes[octet] |= TOKEN;
        }
        if c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'+' | b'%' | b'=') {
            classes[octet] |= IDENT;
        }
        if (c < b' ' && c != b'\t') || c == 0x7f {
            classes[octet] |= CONTROL;
        }
        octet += 1;
    }
    classes
}

/// One octet of `token`.
pub(super) fn is_token_octet(octet: u8) -> bool {
    CLASSES[usize::from(octet)] & TOKEN != 0
}

/// One octet of `ident-char`.
pub(super) fn is_ident_octet(octet: u8) -> bool {
    CLASSES[usize::from(octet)] & IDENT != 0
}

/// Whether `text` is a `token`.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_octet)
}

/// SP or HTAB.
pub(super) fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// Where the first octet is that `utf8text` does not allow: a control octet other than HTAB, or DEL.
/// Does not look at the encoding: a bad UTF-8 sequence is harmless where the text is only shown.
pub(super) fn find_control(text: &[u8]) -> Option<usize> {
    // One flag per sixteen octets instead of an early exit: the compiler makes vector code of it.
    let is_clean = |chunk: &&[u8; 16]| {
        let is_bad = |octet: &u8| (*octet < b' ') & (*octet != b'\t') | (*octet == 0x7f);
        !chunk.iter().fold(false, |bad, octet| bad | is_bad(octet))
    };
    let (chunks, _) = text.as_chunks::<16>();
    let clean = 16 * chunks.iter().take_while(is_clean).count();
    let at = text[clean..].iter().position(|octet| is_control(*octet))?;
    Some(clean + at)
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
    CLASSES[usize::from(octet)] & CONTROL != 0
}
