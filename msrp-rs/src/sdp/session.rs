//! Whole SDP texts and single `m=` blocks: the split into sections. How they are written stands in `compose`.
//!
//! Structure and typed lines come from `sdp-types`; what it does not tell is checked here first:
//! size, type letters that RFC 8866 does not define, and the text of each section as it came.
//! What an MSRP section means is the business of `media`.

use std::fmt;

use super::builder::SessionLevel;
use super::media::{MediaDescription, Protocol};
use super::{MAX_ATTRIBUTES, MAX_MEDIA_LINES, MAX_SDP_LEN, MAX_SDP_LINES, excerpt, invalid};
use crate::error::{Error, ErrorKind, Result};

/// A parsed description: a whole SDP, or `m=` blocks without a session part.
///
/// It keeps the text of each `m=` section unchanged, so that a host gets the lines of other media
/// and unknown attributes as they came.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// What the session part says for all sections; `None` if there is no such part.
    session_level: Option<SessionLevel>,
    /// Attributes of the session part.
    attributes: Vec<sdp_types::Attribute>,
    medias: Vec<sdp_types::Media>,
    /// The lines before the first `m=` line, CRLF-ended.
    head: String,
    /// One text per `m=` section, line ends as they came.
    sections: Vec<String>,
}

/// One `m=` line and the text of its section.
#[derive(derive_more::Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLine<'a> {
    /// What stands after `m=`: `audio`, `message` and so on.
    pub media: &'a str,
    /// The port; 0 says that the stream is refused or ended.
    pub port: u16,
    /// The number of ports behind it (`7654/2`), else 1.
    pub port_count: u16,
    /// The transport protocol, as written.
    pub protocol: &'a str,
    /// The format list, as written.
    pub formats: &'a str,
    /// The address of the `c=` line that counts here, without its types.
    pub address: Option<&'a str>,
    /// The title of the `i=` line.
    pub title: Option<&'a str>,
    #[debug(skip)]
    attributes: &'a [sdp_types::Attribute],
    /// The whole section from its `m=` line on, octet for octet.
    #[debug(skip)]
    pub text: &'a str,
}

impl<'a> MediaLine<'a> {
    /// Whether it is one of MSRP: media `message` and one of its protocols. Other media may use `message`, too.
    pub fn is_msrp(&self) -> bool {
        self.media == "message" && Protocol::from_name(self.protocol).is_some()
    }

    /// All attributes of the section as they came, by name and value, in their order. The value is `None` without a
    /// colon.
    pub fn attributes(
        &self,
    ) -> impl ExactSizeIterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        pairs(self.attributes)
    }
}

fn pairs(
    attributes: &[sdp_types::Attribute],
) -> impl ExactSizeIterator<Item = (&str, Option<&str>)> {
    attributes
        .iter()
        .map(|it| (it.attribute.as_str(), it.value.as_deref()))
}

/// Type letters of RFC 8866 §5; a description with any other is ignored as a whole.
pub(super) const TYPE_LETTERS: &[u8] = b"vosiuepcbtrzkam";

impl fmt::Debug for SessionDescription {
    /// Without the text: session-ids stand in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDescription")
            .field("medias", &self.medias.len())
            .finish_non_exhaustive()
    }
}

impl SessionDescription {
    /// Parses a whole SDP, or `m=` blocks if the text begins with `m=`. Lines end with CRLF or LF,
    /// `s=` may be empty, unknown attributes are kept.
    ///
    /// # Errors
    /// `Limit` above [`MAX_SDP_LEN`], [`MAX_SDP_LINES`], [`MAX_MEDIA_LINES`] or [`MAX_ATTRIBUTES`]; `InvalidSdp` for
    /// anything that is no SDP, naming the line.
    pub fn parse(text: &str) -> Result<Self> {
        let split = Split::new(text)?;
        let session = if split.is_whole {
            sdp_types::Session::parse(text.as_bytes())
                .map_err(|error| invalid(format!("SDP: {}", structure_fault(&error))))?
        } else {
            // The version line on line 1 is ours: the numbers in the parser's texts are one high.
            sdp_types::Session::parse(format!("v=0\r\n{text}").as_bytes()).map_err(|error| {
                let fault = structure_fault(&error);
                invalid(format!("m= block (counting a v= line before it): {fault}"))
            })?
        };
        debug_assert_eq!(session.medias.len(), split.sections.len());
        Ok(Self {
            session_level: split.is_whole.then(|| SessionLevel::read(&session)),
            attributes: session.attributes,
            medias: session.medias,
            head: split.head,
            sections: split.sections.into_iter().map(str::to_owned).collect(),
        })
    }

    /// The `m=` lines in their order.
    pub fn media_lines(&self) -> impl ExactSizeIterator<Item = MediaLine<'_>> {
        self.medias
            .iter()
            .zip(&self.sections)
            .map(|(media, text)| MediaLine {
                media: &media.media,
                port: media.port,
                port_count: media.num_ports.unwrap_or(1),
                protocol: &media.proto,
                formats: &media.fmt,
                address: media
                    .connections
                    .first()
                    .map(|connection| connection.connection_address.as_str())
                    .or_else(|| self.session_address()),
                title: media.media_title.as_deref(),
                attributes: &media.attributes,
                text,
            })
    }

    /// The `m=` line at `index` (0-based).
    ///
    /// # Errors
    /// `InvalidArgument` if there is none.
    pub fn media_line(&self, index: usize) -> Result<MediaLine<'_>> {
        self.media_lines()
            .nth(index)
            .ok_or_else(|| self.out_of_range(index))
    }

    /// The attributes of the session part, by name and value, in their order. `setup`, a direction and `fingerprint` among
    /// them are defaults of each section (RFC 8866 §5.13).
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = (&str, Option<&str>)> {
        pairs(&self.attributes)
    }

    /// Whether this is a whole SDP, not only `m=` blocks.
    pub fn is_whole(&self) -> bool {
        self.session_level.is_some()
    }

    /// The MSRP description on the `m=` line at `index` (0-based), or on the first acceptable
    /// `m=message` line when `index` is `None`; with the index of the line it was found on.
    ///
    /// # Errors
    /// `InvalidArgument` if there is no such line; `Gone` if its port is 0, that is, the stream is
    /// refused or ended (RFC 3264 §6, §8.2); else `InvalidSdp`. Without an index the error is that
    /// of the first `m=message` line, a malformed one before one with port 0.
    pub fn select(&self, index: Option<usize>) -> Result<(usize, MediaDescription)> {
        if let Some(index) = index {
            if index >= self.sections.len() {
                return Err(self.out_of_range(index));
            }
            return Ok((index, self.media(index)?));
        }
        let mut first_error: Option<Error> = None;
        for (index, media) in self.medias.iter().enumerate() {
            if media.media != "message" {
                continue;
            }
            match self.media(index) {
                Ok(description) => return Ok((index, description)),
                Err(error) => {
                    if first_error.as_ref().is_none_or(|first| {
                        first.kind == ErrorKind::Gone && error.kind != ErrorKind::Gone
                    }) {
                        first_error = Some(error);
                    }
                }
            }
        }
        Err(first_error.unwrap_or_else(|| invalid("SDP has no m=message line (RFC 4975 §8.1)")))
    }

    fn media(&self, index: usize) -> Result<MediaDescription> {
        MediaDescription::from_section(self.session_level.as_ref(), &self.medias[index], index + 1)
    }

    pub(super) fn out_of_range(&self, index: usize) -> Error {
        Error::invalid_argument(format!(
            "media index {index} is out of range: the SDP has {} m= lines",
            self.sections.len()
        ))
    }

    /// The lines before the first `m=` line, CRLF-ended.
    pub(super) fn head(&self) -> &str {
        &self.head
    }

    /// The address of the session part's `c=` line.
    pub(super) fn session_address(&self) -> Option<&str> {
        let line = self.head.lines().find_map(|line| line.strip_prefix("c="))?;
        line.split_ascii_whitespace().nth(2)
    }

    /// Whether the session part says a direction, which sections without one inherit.
    pub(super) fn has_direction(&self) -> bool {
        self.session_level
            .as_ref()
            .is_some_and(SessionLevel::has_direction)
    }
}

/// The text cut into its sections, after the checks that `sdp-types` does not make.
struct Split<'a> {
    is_whole: bool,
    head: String,
    sections: Vec<&'a str>,
}

impl<'a> Split<'a> {
    /// One pass over the text.
    fn new(text: &'a str) -> Result<Self> {
        if text.len() > MAX_SDP_LEN {
            return Err(too_long(text.len()));
        }
        let mut head = String::new();
        let mut starts = Vec::new();
        let mut offset = 0;
        let mut first_letter = None;
        let mut attributes = 0;
        for (index, raw) in text.split_inclusive('\n').enumerate() {
            let number = index + 1;
            if number > MAX_SDP_LINES {
                return Err(Error::remote(
                    ErrorKind::Limit,
                    format!("SDP has more than {MAX_SDP_LINES} lines"),
                ));
            }
            let start = offset;
            offset += raw.len();
            let line = raw.strip_suffix('\n').unwrap_or(raw);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if let Some(at) = memchr::memchr2(b'\r', b'\0', line.as_bytes()) {
                let what = match line.as_bytes()[at] {
                    b'\r' => "a CR that ends no line",
                    _ => "a NUL",
                };
                return Err(invalid(format!(
                    "SDP line {number} holds {what} (RFC 8866 §9)"
                )));
            }
            let letter = match line.as_bytes() {
                [] => continue,
                [letter, b'=', ..] => *letter,
                _ => {
                    return Err(invalid(format!(
                        "SDP line {number} is not of the form x=value (RFC 8866 §5): {:?}",
                        excerpt(line)
                    )));
                }
            };
            if !TYPE_LETTERS.contains(&letter) {
                return Err(invalid(format!(
                    "SDP line {number} has the unknown type letter {:?}, so the whole SDP is \
                     refused (RFC 8866 §5)",
                    char::from(letter)
                )));
            }
            first_letter.get_or_insert(letter);
            if letter == b'a' {
                attributes += 1;
                if attributes > MAX_ATTRIBUTES {
                    return Err(Error::remote(
                        ErrorKind::Limit,
                        format!(
                            "SDP line {number} goes beyond the limit of {MAX_ATTRIBUTES} attributes in one section"
                        ),
                    ));
                }
            }
            match letter {
                b'm' => {
                    starts.push(start);
                    attributes = 0;
                }
                _ if starts.is_empty() => {
                    head.push_str(line);
                    head.push_str("\r\n");
                }
                _ => {}
            }
        }
        if starts.len() > MAX_MEDIA_LINES {
            return Err(over_limit(
                "number",
                starts.len(),
                "m= lines",
                MAX_MEDIA_LINES,
            ));
        }
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let sections = starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| &text[start..end])
            .collect();
        Ok(Self {
            is_whole: first_letter != Some(b'm'),
            head,
            sections,
        })
    }
}

/// The error for a text of so many octets.
pub(super) fn too_long(len: usize) -> Error {
    over_limit("length", len, "octets", MAX_SDP_LEN)
}

fn over_limit(what: &str, count: usize, unit: &str, limit: usize) -> Error {
    let context = format!("SDP {what} of {count} {unit} exceeds the limit of {limit}");
    Error::remote(ErrorKind::Limit, context)
}

/// The text of a fault that `sdp-types` found; it names the line, and quotes nothing of the peer's.
fn structure_fault(error: &sdp_types::ParserError) -> String {
    match error {
        sdp_types::ParserError::InvalidVersion(line, _) => {
            format!("version in line {line} is not 0 (RFC 8866 §5.1)")
        }
        error => {
            let text = error.to_string();
            let mut chars = text.chars();
            let first = chars.next().map(|first| first.to_ascii_lowercase());
            first.into_iter().chain(chars).collect()
        }
    }
}
