//! The text cut into lines and sections, with the rules that hold for every line.

use std::str;

use super::super::session::TYPE_LETTERS;
use super::super::{MAX_ATTRIBUTES, MAX_MEDIA_LINES, MAX_SDP_LEN, MAX_SDP_LINES};
use super::{Findings, rules};

/// One line that has the form of one.
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) letter: u8,
    pub(super) value: &'a str,
}

impl<'a> Line<'a> {
    /// Name and value of an attribute.
    pub(super) fn attribute(&self) -> Option<(&'a str, Option<&'a str>)> {
        if self.letter != b'a' {
            return None;
        }
        Some(match self.value.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (self.value, None),
        })
    }
}

/// An `m=` line and what belongs to it.
pub(super) struct Section<'a> {
    /// Line of its `m=` line.
    pub(super) number: usize,
    /// `None` where the `m=` line is broken.
    pub(super) media: Option<sdp_types::Media>,
    /// The lines behind the `m=` line.
    pub(super) lines: Vec<Line<'a>>,
}

/// All lines that could be read.
pub(super) struct Text<'a> {
    /// Not only `m=` blocks.
    pub(super) is_whole: bool,
    /// Lines before the first `m=` line.
    pub(super) session: Vec<Line<'a>>,
    pub(super) sections: Vec<Section<'a>>,
}

impl<'a> Text<'a> {
    /// Cuts the text; `None` if it is over a limit.
    pub(super) fn split(sdp: &'a [u8], findings: &mut Findings) -> Option<Self> {
        if sdp.len() > MAX_SDP_LEN {
            let text = format!("{} octets exceed the limit of {MAX_SDP_LEN}", sdp.len());
            findings.add(&rules::LIMIT, 1, None, text);
            return None;
        }
        let mut is_whole = None;
        let mut session = Vec::new();
        let mut sections: Vec<Section<'a>> = Vec::new();
        let mut endings = Endings::default();
        let mut attributes = 0;
        for (index, raw) in sdp.split_inclusive(|octet| *octet == b'\n').enumerate() {
            let number = index + 1;
            if number > MAX_SDP_LINES {
                let text = format!("more than {MAX_SDP_LINES} lines");
                findings.0.clear();
                findings.add(&rules::LIMIT, number, None, text);
                return None;
            }
            let Some(octets) = endings.strip(raw, number, findings) else {
                continue;
            };
            // What is not read as `m=` makes a whole text, as in parsing.
            is_whole.get_or_insert_with(|| !octets.starts_with(b"m="));
            let Some(line) = read(octets, number, findings) else {
                continue;
            };
            attributes += usize::from(line.letter == b'a');
            if attributes > MAX_ATTRIBUTES {
                let text = format!("more than {MAX_ATTRIBUTES} attributes in one section");
                findings.0.clear();
                findings.add(&rules::LIMIT, number, None, text);
                return None;
            }
            if line.letter == b'm' {
                attributes = 0;
                sections.push(Section {
                    number,
                    media: parse_media(&line, findings),
                    lines: Vec::new(),
                });
                continue;
            }
            check_syntax(&line, !sections.is_empty(), findings);
            match sections.last_mut() {
                Some(section) => section.lines.push(line),
                None => session.push(line),
            }
        }
        if sections.len() > MAX_MEDIA_LINES {
            let text = format!(
                "{} m= lines exceed the limit of {MAX_MEDIA_LINES}",
                sections.len()
            );
            findings.0.clear();
            findings.add(&rules::LIMIT, sections[MAX_MEDIA_LINES].number, None, text);
            return None;
        }
        let mut levels = std::iter::once(&session).chain(sections.iter().map(|it| &it.lines));
        let is_attribute = |line: &&Line<'_>| line.letter == b'a';
        let first_over = levels.find_map(|it| it.iter().filter(is_attribute).nth(MAX_ATTRIBUTES));
        if let Some(line) = first_over {
            let text = format!("more than {MAX_ATTRIBUTES} attributes in one section");
            findings.0.clear();
            findings.add(&rules::LIMIT, line.number, None, text);
            return None;
        }
        Some(Self {
            is_whole: is_whole.unwrap_or(true),
            session,
            sections,
        })
    }
}

/// How lines end, which is told once.
#[derive(Default)]
struct Endings {
    bare: bool,
    /// The first blank line, until one comes that is not.
    blank: Option<usize>,
    blank_told: bool,
}

impl Endings {
    /// The line without its end; `None` for a blank one.
    fn strip<'a>(
        &mut self,
        raw: &'a [u8],
        number: usize,
        findings: &mut Findings,
    ) -> Option<&'a [u8]> {
        let line = raw.strip_suffix(b"\n").unwrap_or(raw);
        // A CR at the end of the text ends no line.
        let octets = raw.strip_suffix(b"\r\n").unwrap_or(line);
        if octets.is_empty() {
            self.blank.get_or_insert(number);
            return None;
        }
        if let Some(blank) = self.blank.take()
            && !self.blank_told
        {
            self.blank_told = true;
            findings.add(
                &rules::LINE_BLANK,
                blank,
                None,
                "blank line inside the text",
            );
        }
        if line.len() == octets.len() && !self.bare {
            self.bare = true;
            let text = match raw.len() == line.len() {
                true => "the last line has no end",
                false => "line ends in LF without CR",
            };
            findings.add(&rules::LINE_END, number, None, text);
        }
        Some(octets)
    }
}

/// Letter and value of one line.
fn read<'a>(octets: &'a [u8], number: usize, findings: &mut Findings) -> Option<Line<'a>> {
    let Ok(text) = str::from_utf8(octets) else {
        findings.add(&rules::ENCODING, number, None, "line is no UTF-8");
        return None;
    };
    if text.contains(['\r', '\0']) {
        findings.add(&rules::ENCODING, number, None, "line holds CR or NUL");
        return None;
    }
    let &[letter, b'=', ..] = octets else {
        let text = "line is not of the form x=value";
        findings.add(&rules::LINE_FORM, number, None, text);
        return None;
    };
    if !TYPE_LETTERS.contains(&letter) {
        let text = format!("type letter {:?} is unknown", char::from(letter));
        findings.add(&rules::LINE_TYPE, number, None, text);
        return None;
    }
    Some(Line {
        number,
        letter,
        value: &text[2..],
    })
}

fn parse_media(line: &Line<'_>, findings: &mut Findings) -> Option<sdp_types::Media> {
    let text = format!("v=0\nm={}\n", line.value);
    match sdp_types::Session::parse(text.as_bytes()) {
        Ok(mut session) => session.medias.pop(),
        Err(error) => {
            fault(line, &error, findings);
            None
        }
    }
}

/// Whether a line by itself has its fields: asked from the parser that reads whole texts.
fn check_syntax(line: &Line<'_>, in_section: bool, findings: &mut Findings) {
    // In sections only these are read; their order is looked at elsewhere.
    if line.letter == b'v' || (in_section && !b"icbka".contains(&line.letter)) {
        return;
    }
    let before = match (in_section, line.letter) {
        (true, _) => "m=message 9 TCP/MSRP *\n",
        (false, b'r') => "t=0 0\n",
        (false, _) => "",
    };
    let letter = char::from(line.letter);
    let text = format!("v=0\n{before}{letter}={}\n", line.value);
    if let Err(error) = sdp_types::Session::parse(text.as_bytes()) {
        fault(line, &error, findings);
    }
}

fn fault(line: &Line<'_>, error: &sdp_types::ParserError, findings: &mut Findings) {
    use sdp_types::ParserError as E;
    let letter = char::from(line.letter);
    let text = match error {
        E::MissingField(_, field) => format!("{letter}= line: {field} is missing"),
        E::FieldTrailingData(_, field) => format!("{letter}= line: more than {field} has"),
        E::InvalidFieldFormat(_, field) => {
            format!("{letter}= line: {field} is not what it may be")
        }
        _ => format!("{letter}= line cannot be read"),
    };
    findings.add(&rules::LINE_SYNTAX, line.number, None, text);
}
