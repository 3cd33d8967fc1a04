//! What message/cpim says of what it holds (RFC 3862): its senders (RFC 4975 §14.5), and the type inside.
//!
//! Anybody can write any name into a body. What is known of a peer is known of its session: its certificate, the
//! fingerprint in the SDP, what SIP proved of the call. The same name in the messages of another session proves nothing.

use std::borrow::Cow;
use std::fmt;

use crate::wire::{Fault, FaultKind, MediaType};

/// The media type itself.
pub(crate) const TYPE: &str = "message/cpim";
/// Octets that the headers of one message/cpim may have, and those of its content.
pub const HEADERS_LEN: usize = 64 * 1024;
/// Messages that may be one inside of the other.
pub const NESTED: usize = 8;
/// Octets of a message/cpim that are looked at for its inner type.
pub(crate) const LOOK: usize = 8 * 1024;

/// One sender: the name that it gives itself, and its URI, most often `im:` or `sip:`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sender {
    name: Option<String>,
    uri: String,
}

impl Sender {
    /// The formal name without quotes and escapes (RFC 3862 §4.1).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What stands in the angle brackets, unread.
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

/// Without the name and the URI, which say who talks to whom.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The senders that the body of a message/cpim names: whoever wrapped it last, then those of each message/cpim inside.
///
/// Of a body that somebody passed on, the first is who did so, and the last is who is said to have written the text.
///
/// # Errors
///
/// A [`Fault`] names the octet and what was expected there: a message without From, or with two
/// ([`FaultKind::Missing`], [`FaultKind::Duplicate`]), headers above [`HEADERS_LEN`] or more than [`NESTED`] messages
/// ([`FaultKind::Limit`]), and all that breaks the grammar of RFC 3862 §3.6.
///
/// ```
/// let body = b"From: \"Desk\" <im:desk@example.com>\r\n\r\nContent-Type: message/cpim\r\n\r\n\
///     From: Alice <im:alice@example.org>\r\n\r\nContent-Type: text/plain\r\n\r\nhello";
/// let senders = msrp::content::cpim::senders(body)?;
/// assert_eq!(senders[0].name(), Some("Desk"));
/// assert_eq!(senders[1].uri(), "im:alice@example.org");
/// # Ok::<(), msrp::wire::Fault>(())
/// ```
pub fn senders(body: &[u8]) -> Result<Vec<Sender>, Fault> {
    let mut senders = Vec::new();
    let mut start = 0;
    loop {
        if senders.len() == NESTED {
            return Err(limit(
                start,
                format!("no more than {NESTED} nested messages"),
            ));
        }
        let outer = Headers::read(body, start)?;
        senders.push(outer.sender(start)?);
        // The examples of RFC 4975 leave the first empty line out: then both kinds of headers stand in one block.
        let content = match outer.content_type() {
            Some(_) => outer,
            None => Headers::read(body, outer.end)?,
        };
        let Some((at, value)) = content.content_type() else {
            // Text, as RFC 2045 §5.2 says.
            return Ok(senders);
        };
        let inner = MediaType::parse(value.trim()).map_err(|fault| fault.shifted(at as u64))?;
        if !inner.essence().eq_ignore_ascii_case(TYPE) {
            return Ok(senders);
        }
        start = content.end;
    }
}

/// The media type of what a message/cpim holds (RFC 3862 §2): headers, an empty line, then the content with MIME
/// headers of its own. `None` where they do not begin so; content without a Content-Type is text/plain (RFC 2045 §5.2).
pub(crate) fn inner_type(data: &[u8]) -> Option<MediaType> {
    let data = &data[..data.len().min(LOOK)];
    let mut lines = data.split_inclusive(|&octet| octet == b'\n');
    lines.by_ref().find(|line| line.trim_ascii().is_empty())?;
    for line in lines {
        let line = line.trim_ascii();
        if line.is_empty() {
            return MediaType::parse("text/plain").ok();
        }
        let text = std::str::from_utf8(line).ok()?;
        let (name, value) = text.split_once(':')?;
        if name.eq_ignore_ascii_case("Content-Type") {
            return MediaType::parse(value.trim()).ok();
        }
    }
    None
}

/// One block of headers.
struct Headers<'a> {
    /// Place, name and value, which is unfolded.
    lines: Vec<(usize, &'a str, Cow<'a, str>)>,
    /// Where the octets behind the empty line start.
    end: usize,
}

impl<'a> Headers<'a> {
    fn read(body: &'a [u8], start: usize) -> Result<Self, Fault> {
        let mut lines: Vec<(usize, &str, Cow<'_, str>)> = Vec::new();
        let mut at = start;
        for line in body[start..].split_inclusive(|&octet| octet == b'\n') {
            let end = at + line.len();
            if end - start > HEADERS_LEN {
                let expected = format!("no more than {HEADERS_LEN} octets of headers");
                return Err(limit(start, expected));
            }
            let Some(line) = line.strip_suffix(b"\n") else {
                break;
            };
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                return Ok(Self { lines, end });
            }
            let text = std::str::from_utf8(line)
                .map_err(|error| Fault::grammar(at + error.valid_up_to(), "expected UTF-8"))?;
            match (lines.last_mut(), text.starts_with([' ', '\t'])) {
                (Some((_, _, value)), true) => value.to_mut().push_str(text),
                _ => {
                    let (name, value) = text.split_once(':').ok_or_else(|| {
                        Fault::grammar(at + text.len(), "expected a colon behind a header's name")
                    })?;
                    lines.push((at, name, Cow::Borrowed(value)));
                }
            }
            at = end;
        }
        Err(Fault::grammar(
            body.len(),
            "expected an empty line behind the headers",
        ))
    }

    /// The only From, whose name is case-sensitive, unlike those of MSRP and MIME (RFC 3862 §2.2).
    fn sender(&self, start: usize) -> Result<Sender, Fault> {
        let mut found = self.lines.iter().filter(|(_, name, _)| *name == "From");
        let Some((at, name, value)) = found.next() else {
            return Err(Fault::new(
                FaultKind::Missing,
                start,
                "expected a From header",
            ));
        };
        if let Some((again, _, _)) = found.next() {
            let expected = "expected one From header";
            return Err(Fault::new(FaultKind::Duplicate, *again, expected));
        }
        let at = at + name.len() + 1;
        address(value).ok_or_else(|| Fault::grammar(at, "expected a name and a URI in < and >"))
    }

    /// Place and value.
    fn content_type(&self) -> Option<(usize, &str)> {
        let mut lines = self.lines.iter();
        let (at, name, value) =
            lines.find(|(_, name, _)| name.eq_ignore_ascii_case("Content-Type"))?;
        Some((at + name.len() + 1, value))
    }
}

fn limit(at: usize, expected: String) -> Fault {
    Fault::new(FaultKind::Limit, at, expected)
}

/// `;parameters`, a name as words or in quotes, and a URI in angle brackets (RFC 3862 §3.6, §4.1).
fn address(value: &str) -> Option<Sender> {
    let value = match value.strip_prefix(';') {
        Some(parameters) => parameters.split_once(' ')?.1,
        None => value,
    };
    let value = value.trim();
    let (name, rest) = match value.strip_prefix('"') {
        Some(quoted) => {
            let end = closing_quote(quoted)?;
            (&quoted[..end], quoted[end + 1..].trim_start())
        }
        None => {
            let end = value.find('<')?;
            (value[..end].trim_end(), &value[end..])
        }
    };
    let uri = rest.strip_prefix('<')?.strip_suffix('>')?;
    if uri.is_empty() || uri.contains(['<', '>', ' ']) {
        return None;
    }
    Some(Sender {
        name: Some(unescaped(name)).filter(|name| !name.is_empty()),
        uri: uri.to_owned(),
    })
}

/// Where a quoted string ends.
fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|octet| {
        let ends = octet == b'"' && !is_escaped;
        is_escaped = octet == b'\\' && !is_escaped;
        ends
    })
}

/// Undoes the escapes of RFC 3862 §2.3.1; an unknown one gives the character behind the backslash.
fn unescaped(text: &str) -> String {
    // UTF-16, since a character above U+FFFF takes two escapes.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        units.extend(rest[..at].encode_utf16());
        rest = &rest[at + 1..];
        let Some(escape) = rest.chars().next() else {
            break;
        };
        let behind = &rest[escape.len_utf8()..];
        let number = behind.get(..4).filter(|digits| {
            escape == 'u' && digits.bytes().all(|octet| octet.is_ascii_hexdigit())
        });
        if let Some(unit) = number.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            units.push(unit);
            rest = &behind[4..];
            continue;
        }
        let plain = match escape {
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
        rest = behind;
    }
    units.extend(rest.encode_utf16());
    String::from_utf16_lossy(&units)
}
