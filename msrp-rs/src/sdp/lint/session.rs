//! The session part, and what holds for the lines of every section.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::{Direction, Fingerprint, excerpt};
use super::lines::{Line, Text};
use super::stream::check_fingerprint;
use super::{Finding, Findings, Kind, Severity, rules};

pub(super) fn check(text: &Text<'_>, kind: Option<Kind>, findings: &mut Findings) {
    if text.is_whole {
        version(text, findings);
        missing(text, findings);
    }
    order(&text.session, SESSION_ORDER, "session part", findings);
    repeated(&text.session, b"osiuczk", findings);
    repeats_without_time(&text.session, findings);
    for section in &text.sections {
        order(&section.lines, SECTION_ORDER, "section", findings);
        repeated(&section.lines, b"ik", findings);
    }
    for line in all_lines(text) {
        one_line(line, findings);
    }
    attributes(&text.session, kind, findings);
    let is_message = |media: &sdp_types::Media| media.media == "message";
    let broken = text.sections.iter().any(|section| section.media.is_none());
    let mut medias = text.sections.iter().filter_map(|s| s.media.as_ref());
    if !broken && !medias.any(is_message) {
        findings.add(&rules::MESSAGE_MISSING, 1, None, "no m=message line");
    }
}

/// The order in which lines come; letters that are not there belong elsewhere.
const SESSION_ORDER: &[u8] = b"vosiuepcbtrzka";
const SECTION_ORDER: &[u8] = b"icbka";

fn all_lines<'t, 'a>(text: &'t Text<'a>) -> impl Iterator<Item = &'t Line<'a>> {
    let sections = text.sections.iter().flat_map(|section| &section.lines);
    text.session.iter().chain(sections)
}

fn version(text: &Text<'_>, findings: &mut Findings) {
    match text.session.first() {
        Some(line) if line.letter == b'v' => {
            if line.value != "0" {
                findings.add(&rules::VERSION, line.number, None, "version is not 0");
            }
        }
        first => {
            // A line before it that could not be read is told already.
            let number = first.map_or(1, |line| line.number);
            let is_before =
                |told: &Finding| told.line < number && told.rule.severity == Severity::Error;
            if !findings.0.iter().any(is_before) {
                let text = "the first line is not v=0";
                findings.add(&rules::VERSION, number, None, text);
            }
        }
    }
}

fn missing(text: &Text<'_>, findings: &mut Findings) {
    let has = |letter| text.session.iter().any(|line| line.letter == letter);
    if !has(b'o') {
        findings.add(&rules::ORIGIN_MISSING, 1, None, "no o= line");
    }
    if !has(b's') {
        findings.add(&rules::NAME_MISSING, 1, None, "no s= line");
    }
    if !has(b't') {
        findings.add(&rules::TIME_MISSING, 1, None, "no t= line");
    }
}

/// The first line that comes too late, and lines that belong elsewhere.
fn order(lines: &[Line<'_>], order: &[u8], place: &str, findings: &mut Findings) {
    let mut last = 0;
    let mut told = false;
    for line in lines {
        // `t=` and `r=` come in turns.
        let letter = if line.letter == b'r' {
            b't'
        } else {
            line.letter
        };
        let letter_shown = char::from(line.letter);
        let Some(rank) = order.iter().position(|known| *known == letter) else {
            let text = format!("{letter_shown}= line does not belong into a {place}");
            findings.add(&rules::LINE_ORDER, line.number, None, text);
            continue;
        };
        if rank < last && !told {
            told = true;
            let before = char::from(order[last]);
            let text = format!("{letter_shown}= line behind a {before}= line");
            findings.add(&rules::LINE_ORDER, line.number, None, text);
        }
        last = last.max(rank);
    }
    let versions = lines.iter().filter(|line| line.letter == b'v').skip(1);
    for line in versions {
        let text = "a second v= line, which is passed over";
        findings.add(&rules::LINE_ORDER, line.number, None, text);
    }
}

fn repeated(lines: &[Line<'_>], once: &[u8], findings: &mut Findings) {
    let mut seen = HashSet::new();
    for line in lines {
        if once.contains(&line.letter) && !seen.insert(line.letter) {
            let text = format!("a second {}= line", char::from(line.letter));
            findings.add(&rules::LINE_REPEATED, line.number, None, text);
        }
    }
}

/// An `r=` line belongs to the `t=` line before it.
fn repeats_without_time(lines: &[Line<'_>], findings: &mut Findings) {
    let before_time = lines.iter().take_while(|line| line.letter != b't');
    for line in before_time.filter(|line| line.letter == b'r') {
        let text = "r= line without a t= line before it";
        findings.add(&rules::LINE_SYNTAX, line.number, None, text);
    }
}

fn one_line(line: &Line<'_>, findings: &mut Findings) {
    let fields: Vec<&str> = line.value.split_ascii_whitespace().collect();
    match line.letter {
        b'o' => {
            origin(line, &fields, findings);
            address_type(line, &fields, 4, findings);
        }
        b's' if line.value.trim().is_empty() => {
            findings.add(&rules::NAME_EMPTY, line.number, None, "s= line is empty");
        }
        b'c' => address_type(line, &fields, 1, findings),
        b'k' => {
            let text = "k= line is obsolete, and ignored";
            findings.add(&rules::KEY_OBSOLETE, line.number, None, text);
        }
        b'a' => attribute_name(line, findings),
        _ => {}
    }
}

fn origin(line: &Line<'_>, fields: &[&str], findings: &mut Findings) {
    let &[_, id, version, ..] = fields else {
        return;
    };
    if id.parse::<i64>().is_err() || id.starts_with('-') {
        let text = "session id of o= is no number of 63 bits";
        findings.add(&rules::ORIGIN_RANGE, line.number, None, text);
    }
    if version.parse::<i64>().is_err() || version.starts_with('-') {
        let text = "version of o= is no number of 63 bits";
        findings.add(&rules::ORIGIN_RANGE, line.number, None, text);
    }
}

/// `IP4 192.0.2.1`, with the type at `at`.
fn address_type(line: &Line<'_>, fields: &[&str], at: usize, findings: &mut Findings) {
    let (Some(kind), Some(address)) = (fields.get(at), fields.get(at + 1)) else {
        return;
    };
    let address = address.split('/').next().unwrap_or(address);
    let is_v4 = address.parse::<Ipv4Addr>().is_ok();
    let is_v6 = address.parse::<Ipv6Addr>().is_ok();
    let fits = match *kind {
        "IP4" => !is_v6,
        "IP6" => !is_v4,
        _ => {
            let text = format!("address type {:?} is unknown", excerpt(kind));
            findings.add(&rules::ADDRESS_TYPE, line.number, None, text);
            return;
        }
    };
    if !fits || address.starts_with('[') {
        let text = format!("address {:?} is written as {kind}", excerpt(address));
        findings.add(&rules::ADDRESS_TYPE, line.number, None, text);
    }
}

/// Names that mean something here if they are written as they are.
const KNOWN: &[&str] = &[
    "accept-types",
    "accept-wrapped-types",
    "connection",
    "fingerprint",
    "inactive",
    "max-size",
    "msrp-cema",
    "path",
    "recvonly",
    "sendonly",
    "sendrecv",
    "setup",
];

fn attribute_name(line: &Line<'_>, findings: &mut Findings) {
    let Some((name, _)) = line.attribute() else {
        return;
    };
    let other_case = |known: &&&str| known.eq_ignore_ascii_case(name) && **known != name;
    if let Some(known) = KNOWN.iter().find(other_case) {
        let text = format!("attribute {name:?} is unknown, and is not {known}");
        findings.add(&rules::ATTRIBUTE_CASE, line.number, None, text);
    }
}

/// Attributes of the session part.
fn attributes(lines: &[Line<'_>], kind: Option<Kind>, findings: &mut Findings) {
    for line in lines {
        let Some((name, _)) = line.attribute() else {
            continue;
        };
        if matches!(
            name,
            "path" | "accept-types" | "accept-wrapped-types" | "max-size" | "msrp-cema"
        ) {
            let text = format!("attribute {name} before the m= lines");
            findings.add(&rules::ATTRIBUTE_LEVEL, line.number, None, text);
        }
    }
    levelled(lines, None, kind, findings);
}

/// Attributes that may stand on both levels, on one of them.
pub(super) fn levelled(
    lines: &[Line<'_>],
    media: Option<usize>,
    kind: Option<Kind>,
    findings: &mut Findings,
) -> Levelled {
    let mut level = Levelled::default();
    for line in lines {
        let Some((name, value)) = line.attribute() else {
            continue;
        };
        let text = value.unwrap_or_default();
        match name {
            "setup" if level.setup.is_some() => {
                let text = "a second setup attribute";
                findings.add(&rules::ATTRIBUTE_REPEATED, line.number, media, text);
            }
            "setup" => {
                level.setup = Some(text.trim().to_ascii_lowercase());
                setup(line, text, media, kind, findings);
            }
            "fingerprint" => {
                level.has_fingerprint_lines = true;
                level
                    .fingerprints
                    .extend(check_fingerprint(line, text, media, findings));
            }
            "connection" => {
                let text = "attribute connection is ignored";
                findings.add(&rules::CONNECTION, line.number, media, text);
            }
            _ if value.is_none() => direction(line, name, media, &mut level, findings),
            _ => {}
        }
    }
    level
}

/// What stands on one level.
#[derive(Default)]
pub(super) struct Levelled {
    /// Value of the first attribute, in lower case.
    pub(super) setup: Option<String>,
    pub(super) direction: Option<Direction>,
    pub(super) has_fingerprint_lines: bool,
    pub(super) fingerprints: Vec<Fingerprint>,
}

fn setup(
    line: &Line<'_>,
    value: &str,
    media: Option<usize>,
    kind: Option<Kind>,
    findings: &mut Findings,
) {
    let lower = value.trim().to_ascii_lowercase();
    match (lower.as_str(), kind) {
        ("holdconn", _) => {
            let text = "setup:holdconn is read as no setup attribute";
            findings.add(&rules::SETUP_HOLDCONN, line.number, media, text);
        }
        ("passive", Some(Kind::Offer)) => {
            let text = "offer says setup:passive";
            findings.add(&rules::SETUP_PASSIVE, line.number, media, text);
        }
        ("actpass", Some(Kind::Answer)) => {
            let text = "answer says setup:actpass, which is read as no setup attribute";
            findings.add(&rules::SETUP_ACTPASS, line.number, media, text);
        }
        ("active" | "passive" | "actpass", _) => {}
        _ => {
            let text = format!(
                "setup:{} is read as no setup attribute",
                excerpt(value).escape_debug()
            );
            findings.add(&rules::SETUP_UNKNOWN, line.number, media, text);
        }
    }
}

fn direction(
    line: &Line<'_>,
    name: &str,
    media: Option<usize>,
    level: &mut Levelled,
    findings: &mut Findings,
) {
    let Some(direction) = Direction::from_name(name) else {
        return;
    };
    match level.direction {
        None => level.direction = Some(direction),
        Some(first) if first == direction => {
            let text = format!("a second attribute {direction}");
            findings.add(&rules::DIRECTION_REPEATED, line.number, media, text);
        }
        Some(first) => {
            let text = format!("attributes {first} and {direction} on one level");
            findings.add(&rules::DIRECTION_CONFLICT, line.number, media, text);
        }
    }
}
