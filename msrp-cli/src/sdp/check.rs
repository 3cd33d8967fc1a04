//! `msrp sdp check`: every rule that a text breaks.

use std::path::PathBuf;

use msrp::sdp::lint::{self, Finding, Kind, Severity};
use serde_json::json;

use super::{read, read_text};
use crate::exit::{Exit, Failure};
use crate::output::{Output, printable};

/// Name every rule that a text breaks, with its line.
///
/// An error is what this program refuses: the stream, or the whole text. A warning breaks a rule that it does without;
/// others may not. A note is legal, and worth to know. Some rules hold for offers or for answers only, and are looked
/// at with --offer, --answer or --answer-to. Session-ids are cut to four characters, so that the output can be shown
/// around; of other values no more than 40 characters are quoted.
///
/// One line for each finding: FILE:LINE: SEVERITY: TEXT (REFERENCE) [RULE]. With --json one object for each, and a
/// summary. The exit code is 0 if there are no errors, with --strict neither warnings, and else 1.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The text is an offer.
    #[arg(long, conflicts_with_all = ["answer", "answer_to"])]
    offer: bool,

    /// The text is an answer.
    #[arg(long, conflicts_with = "answer_to")]
    answer: bool,

    /// The text is an answer to the offer in this file, and is looked at beside it.
    #[arg(long, value_name = "FILE")]
    answer_to: Option<PathBuf>,

    /// Fail for warnings, too.
    #[arg(long)]
    strict: bool,

    /// List the rules that are looked at, instead.
    #[arg(long, conflicts_with_all = ["offer", "answer", "answer_to", "strict", "file"])]
    rules: bool,

    /// The text; `-` for standard input.
    #[arg(value_name = "FILE|-", required_unless_present = "rules")]
    file: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let Some(file) = &args.file else {
        return rules(output);
    };
    let text = read(file)?;
    let findings = match &args.answer_to {
        Some(offer) => lint::check_answer(&text, &read_text(offer)?),
        None => lint::check(&text, args.kind()),
    };
    let name = file.display().to_string();
    for finding in &findings {
        output.content(&line(finding, &name, output.json))?;
    }
    let count = |severity| {
        let of_it = |finding: &&Finding| finding.rule.severity == severity;
        findings.iter().filter(of_it).count()
    };
    let errors = count(Severity::Error);
    let warnings = count(Severity::Warning);
    let notes = count(Severity::Note);
    let summary = json!({
        "event": "checked", "file": name, "errors": errors, "warnings": warnings, "notes": notes,
    });
    output.event(&summary, || {
        let counted = |count, what| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
        format!("{name}: {errors}, {warnings}, {}", counted(notes, "note"))
    })?;
    Ok(match errors > 0 || (args.strict && warnings > 0) {
        true => Exit::Failed,
        false => Exit::Done,
    })
}

impl Args {
    fn kind(&self) -> Option<Kind> {
        match (self.offer, self.answer) {
            (true, _) => Some(Kind::Offer),
            (_, true) => Some(Kind::Answer),
            _ => None,
        }
    }
}

fn line(finding: &Finding, file: &str, json: bool) -> String {
    let rule = finding.rule;
    if json {
        return json!({
            "line": finding.line, "media": finding.media, "severity": rule.severity.name(),
            "rule": rule.name, "reference": rule.reference, "text": finding.text,
        })
        .to_string();
    }
    printable(&format!(
        "{file}:{}: {}: {} ({}) [{}]",
        finding.line, rule.severity, finding.text, rule.reference, rule.name
    ))
}

fn rules(output: &Output) -> Result<Exit, Failure> {
    for rule in lint::rules() {
        let line = if output.json {
            json!({
                "rule": rule.name, "severity": rule.severity.name(), "reference": rule.reference,
                "summary": rule.summary,
            })
            .to_string()
        } else {
            format!(
                "{:21} {:8} {} ({})",
                rule.name,
                rule.severity.name(),
                rule.summary,
                rule.reference
            )
        };
        output.content(&line)?;
    }
    Ok(Exit::Done)
}
