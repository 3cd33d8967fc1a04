//! What is wrong with an SDP, line by line: every broken rule with its line, its RFC and its weight.
//!
//! For programs that look at SDP texts (test tools, `msrp sdp check`), not for calls: where a
//! session is to be set up, [`SessionDescription`](super::SessionDescription) says at the first
//! fault why it cannot be. Both agree: [`check`] finds an error exactly where parsing fails.
//!
//! Responsible for RFC 4975 §8, RFC 6135, RFC 6714, RFC 8122 §5, and of RFC 3264 and RFC 8866 what
//! the lines around an MSRP stream must be. Sections of other media are looked at for their form
//! alone. Pure, and total: any octets give findings, no more than a few for each line.

mod answer;
mod content;
mod lines;
mod rules;
mod session;
mod stream;

use std::cmp::Reverse;
use std::fmt;

pub use answer::check_answer;
pub use rules::rules;

use lines::Text;

/// What a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth to know: legal, or without effect.
    Note,
    /// A rule is broken, and this engine goes on all the same; others may not.
    Warning,
    /// This engine refuses the stream, or the whole text.
    Error,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that is looked for; [`rules`] lists all.
#[derive(Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rule {
    /// Its name, for programs: it does not change.
    pub name: &'static str,
    /// What it means where it is broken.
    pub severity: Severity,
    /// Where it stands, as in `RFC 4975 §8.2`, or `limit of this engine`.
    pub reference: &'static str,
    /// The rule in a sentence.
    pub summary: &'static str,
}

/// A rule that is broken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Line of the text, from 1. What is missing is reported at the `m=` line of its section, or
    /// at line 1.
    pub line: usize,
    /// 0-based index of the `m=` line whose stream it is about; `None` if about the whole text.
    pub media: Option<usize>,
    /// The rule.
    pub rule: &'static Rule,
    /// What is wrong, in words. Session-ids in it are cut to 4 characters, and of other values no
    /// more than their first 40 characters are quoted.
    pub text: String,
}

impl fmt::Display for Finding {
    /// `line 9: error: attribute path is missing (RFC 4975 §8.2)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line, rule, text, ..
        } = self;
        write!(
            f,
            "line {line}: {}: {text} ({})",
            rule.severity, rule.reference
        )
    }
}

/// Which half of an offer/answer exchange a text is (RFC 3264).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It offers.
    Offer,
    /// It answers.
    Answer,
}

/// Looks at a whole SDP, or at `m=` blocks if the text begins with `m=`. Some rules are for offers
/// or for answers only: without `kind` they are not looked at. The findings come in the order of
/// their lines, on each the gravest first. No error among them means that
/// [`SessionDescription::select`](super::SessionDescription::select) takes a stream.
///
/// A text over the limits of [`sdp`](super) has one finding, and is not looked at further.
pub fn check(sdp: &[u8], kind: Option<Kind>) -> Vec<Finding> {
    let mut findings = Findings::default();
    if let Some(text) = Text::split(sdp, &mut findings) {
        session::check(&text, kind, &mut findings);
        stream::check_all(&text, kind, &mut findings);
    }
    findings.sorted()
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        rule: &'static Rule,
        line: usize,
        media: Option<usize>,
        text: impl Into<String>,
    ) {
        self.0.push(Finding {
            line,
            media,
            rule,
            text: text.into(),
        });
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.0
            .sort_by_key(|finding| (finding.line, Reverse(finding.rule.severity)));
        self.0
    }
}
