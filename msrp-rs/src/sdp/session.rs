//! Whole SDP texts and single `m=` blocks: the split into sections, and answers to whole offers.
//!
//! Structure and typed lines come from `sdp-types`; what it does not tell is checked here first:
//! size, type letters that RFC 8866 does not define, and the text of each section as it came.
//! What an MSRP section means is the business of `media`.

use std::fmt::{self, Write as _};

use super::media::{MediaDescription, SessionLevel};
use super::origin::{Connection, Origin};
use super::{MAX_MEDIA_LINES, MAX_SDP_LEN, MAX_SDP_LINES, excerpt, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::Host;

/// A parsed description: a whole SDP, or `m=` blocks without a session part.
///
/// It keeps the text of each `m=` section unchanged, so that a host gets the lines of other media
/// and unknown attributes as they came.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// What the session part says for all sections; `None` if there is no such part.
    session_level: Option<SessionLevel>,
    medias: Vec<sdp_types::Media>,
    /// `t=` and `r=` lines, CRLF-ended, in their order.
    time_lines: String,
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
    /// The transport protocol, as written.
    pub protocol: &'a str,
    /// The format list, as written.
    pub formats: &'a str,
    /// The whole section from its `m=` line on, octet for octet.
    #[debug(skip)]
    pub text: &'a str,
}

/// Type letters of RFC 8866 §5; a description with any other is ignored as a whole.
const TYPE_LETTERS: &[u8] = b"vosiuepcbtrzkam";

/// The time line of a description without bounds in time (RFC 8866 §5.9).
pub(super) const FOREVER: &str = "t=0 0\r\n";

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
    /// `Limit` above [`MAX_SDP_LEN`], [`MAX_SDP_LINES`] or [`MAX_MEDIA_LINES`]; `InvalidSdp` for
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
            medias: session.medias,
            time_lines: split.time_lines,
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
                protocol: &media.proto,
                formats: &media.fmt,
                text,
            })
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
                return Err(Error::invalid_argument(format!(
                    "media index {index} is out of range: the SDP has {} m= lines",
                    self.sections.len()
                )));
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

    /// The answer to this offer in which each line of `streams` is accepted with the description
    /// beside its 0-based index, and all others are refused with port 0: as many `m=` lines as the
    /// offer, in its order, `t=` copied, `o=` our own (RFC 3264 §6). For `m=` blocks only their
    /// answers, without a session part.
    ///
    /// # Errors
    /// `InvalidArgument` if an index is out of range.
    pub fn answer(
        &self,
        streams: &[(usize, &MediaDescription)],
        origin: &Origin,
    ) -> Result<String> {
        let mut accepted: Vec<Option<&MediaDescription>> = vec![None; self.sections.len()];
        for &(index, description) in streams {
            let Some(slot) = accepted.get_mut(index) else {
                return Err(Error::invalid_argument(format!(
                    "media index {index} is out of range: the offer has {} m= lines",
                    self.sections.len()
                )));
            };
            *slot = Some(description);
        }
        Ok(self.compose(&accepted, origin))
    }

    /// The answer that refuses every stream of this offer with port 0 (RFC 3264 §6).
    pub fn refuse(&self, origin: &Origin) -> String {
        self.compose(&vec![None; self.sections.len()], origin)
    }

    /// The answer with one entry of `accepted` for each `m=` line.
    fn compose(&self, accepted: &[Option<&MediaDescription>], origin: &Origin) -> String {
        let mut out = String::new();
        if self.is_whole() {
            let times = if self.time_lines.is_empty() {
                FOREVER
            } else {
                &self.time_lines
            };
            write_session_part(&mut out, origin, origin.address(), times);
        }
        for (line, description) in self.media_lines().zip(accepted) {
            match description {
                Some(description) => out.push_str(&description.to_media()),
                None => {
                    // Writing to a String cannot fail.
                    let _ = write!(
                        out,
                        "m={} 0 {} {}\r\n",
                        line.media,
                        line.protocol,
                        line.formats.trim_end()
                    );
                }
            }
        }
        out
    }
}

/// `v=`, `o=`, `s=`, `c=` and the given `t=` lines. The session name is `-` (RFC 3264 §5).
pub(super) fn write_session_part(out: &mut String, origin: &Origin, address: &Host, times: &str) {
    let address = Connection(address);
    // Writing to a String cannot fail.
    let _ = write!(out, "v=0\r\no={origin}\r\ns=-\r\nc={address}\r\n{times}");
}

/// The text cut into its sections, after the checks that `sdp-types` does not make.
struct Split<'a> {
    is_whole: bool,
    time_lines: String,
    sections: Vec<&'a str>,
}

impl<'a> Split<'a> {
    /// One pass over the text.
    fn new(text: &'a str) -> Result<Self> {
        if text.len() > MAX_SDP_LEN {
            return Err(too_long(text.len()));
        }
        let mut time_lines = String::new();
        let mut starts = Vec::new();
        let mut offset = 0;
        let mut first_letter = None;
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
            match letter {
                b'm' => starts.push(start),
                b't' | b'r' if starts.is_empty() => {
                    time_lines.push_str(line);
                    time_lines.push_str("\r\n");
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
            time_lines,
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
