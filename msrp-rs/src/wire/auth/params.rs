//! The list of parameters that all three headers are: `name=token` or `name="quoted string"`, separated by commas.

use super::super::Fault;
use super::super::token::{is_blank, is_token_octet};

/// The scheme of the one authentication that MSRP knows.
const SCHEME: &str = "Digest";

/// The parameters behind the scheme Digest; `None` if the scheme is another one.
pub(super) fn of_digest(value: &[u8]) -> Result<Option<Params<'_>>, Fault> {
    let text = text(value)?;
    let scheme_len = text.bytes().position(is_blank).unwrap_or(text.len());
    if scheme_len == 0 {
        return Err(Fault::grammar(0, "expected an authentication scheme"));
    }
    if !text[..scheme_len].eq_ignore_ascii_case(SCHEME) {
        return Ok(None);
    }
    Ok(Some(Params {
        text,
        at: scheme_len,
    }))
}

/// The parameters of a header without scheme.
pub(super) fn of_list(value: &[u8]) -> Result<Params<'_>, Fault> {
    Ok(Params {
        text: text(value)?,
        at: 0,
    })
}

fn text(value: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(value)
        .map_err(|error| Fault::grammar(error.valid_up_to(), "expected UTF-8 in a parameter"))
}

/// Reads parameters one after the other. Elements of the list may be empty, and there may be blanks around commas and
/// equals signs.
pub(super) struct Params<'a> {
    text: &'a str,
    at: usize,
}

/// One parameter.
pub(super) struct Param<'a> {
    /// Its place in the header value, for faults.
    pub(super) at: usize,
    /// The name as it came.
    pub(super) name: &'a str,
    /// The value, without the quotes and backslashes of a quoted string.
    pub(super) value: String,
}

impl Param<'_> {
    /// Keeps the value in `slot`, which must be empty: a parameter that comes twice could be read in two ways.
    pub(super) fn store(self, slot: &mut Option<(usize, String)>) -> Result<(), Fault> {
        if slot.is_some() {
            return Err(Fault::grammar(self.at, "expected each parameter only once"));
        }
        *slot = Some((self.at, self.value));
        Ok(())
    }
}

impl<'a> Params<'a> {
    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().take_while(|octet| is_skipped(**octet)).count();
        self.at += len;
        len
    }

    fn param(&mut self) -> Result<Param<'a>, Fault> {
        let at = self.at;
        if self.skip(is_token_octet) == 0 {
            return Err(Fault::grammar(at, "expected the name of a parameter"));
        }
        let name = &self.text[at..self.at];
        self.skip(is_blank);
        if self.text.as_bytes().get(self.at) != Some(&b'=') {
            return Err(Fault::grammar(
                self.at,
                "expected \"=\" after the name of a parameter",
            ));
        }
        self.at += 1;
        self.skip(is_blank);
        let value = match self.text.as_bytes().get(self.at) {
            Some(b'"') => self.quoted()?,
            _ => self.bare()?.to_owned(),
        };
        let end = self.at;
        self.skip(is_blank);
        if !matches!(self.text.as_bytes().get(self.at), None | Some(b',')) {
            return Err(Fault::grammar(end, "expected \",\" after a parameter"));
        }
        Ok(Param { at, name, value })
    }

    /// What stands without quotes: a token by the grammar; some send base64 so, which has `=` and `/`.
    fn bare(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        self.skip(|octet| octet.is_ascii_graphic() && !matches!(octet, b',' | b'"' | b'\\'));
        if self.at == start {
            return Err(Fault::grammar(start, "expected the value of a parameter"));
        }
        Ok(&self.text[start..self.at])
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        let start = self.at + 1;
        let mut value = String::new();
        let mut chars = self.text[start..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + at + 1;
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                _ => value.push(c),
            }
        }
        Err(Fault::grammar(self.text.len(), "expected a closing quote"))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<Param<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip(|octet| is_blank(octet) || octet == b',');
        if self.at == self.text.len() {
            return None;
        }
        let param = self.param();
        if param.is_err() {
            self.at = self.text.len();
        }
        Some(param)
    }
}

/// Writes a header value: parameters in order, separated by comma and SP.
pub(super) struct Writer {
    text: String,
    separator: &'static str,
}

impl Writer {
    /// A value that begins with the scheme Digest.
    pub(super) fn digest() -> Self {
        Self {
            text: SCHEME.to_owned(),
            separator: " ",
        }
    }

    /// A value without scheme.
    pub(super) fn list() -> Self {
        Self {
            text: String::new(),
            separator: "",
        }
    }

    pub(super) fn quoted(&mut self, name: &str, value: &str) {
        self.name(name);
        self.text.push('"');
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(c);
        }
        self.text.push('"');
    }

    pub(super) fn bare(&mut self, name: &str, value: &str) {
        self.name(name);
        self.text.push_str(value);
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn name(&mut self, name: &str) {
        self.text.push_str(self.separator);
        self.separator = ", ";
        self.text.push_str(name);
        self.text.push('=');
    }
}
