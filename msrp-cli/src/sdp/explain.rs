//! `msrp sdp explain`: what each line of a text says, and what comes out of them.

use std::path::{Path, PathBuf};

use msrp::sdp::SessionDescription;
use msrp::wire::Redacted;
use msrp::{Error, ErrorKind};
use serde_json::json;

use super::meaning::{Place, meaning};
use super::outcome::Outcome;
use super::{Role, read_text};
use crate::exit::{Exit, Failure};
use crate::output::{Output, printable};

/// Say what each line means for the connection.
///
/// "This side" is the one that wrote the text. Who connects to whom, whether with TLS and how the certificate is judged, what may be sent in which direction and
/// how large it may be. Sections of other media are named, and their lines are left out. Session-ids are cut to four
/// characters and keys left out, so that the output can be shown around, unless --secrets is given.
///
/// With --json one object for each line, and one for what comes out of them. The exit code is 1 if the stream would be
/// refused for a broken rule; `msrp sdp check` names all of those.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who wrote the text: it is an offer or an answer.
    #[arg(long, default_value = "offerer", conflicts_with = "answer_to")]
    role: Role,

    /// The text is an answer to the offer in this file: then it is known where the answerer connects to.
    #[arg(long, value_name = "FILE")]
    answer_to: Option<PathBuf>,

    /// Look at the stream on this m= line, counted from 0; by default at the first that can be used.
    #[arg(long, value_name = "N")]
    index: Option<usize>,

    /// Show session-ids whole.
    #[arg(long)]
    secrets: bool,

    /// The text; `-` for standard input.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let text = read_text(&args.file)?;
    let parsed = parse(&text, &args.file)?;
    let offer = match &args.answer_to {
        Some(file) => parse(&read_text(file)?, file)?,
        None => parsed.clone(),
    };
    let stream = parsed.select(args.index);
    let chosen = match &stream {
        Ok((index, _)) => Some(*index),
        Err(error) if error.kind == ErrorKind::InvalidArgument => {
            return Err(Failure::new(Exit::Usage, error.to_string()));
        }
        Err(_) => args.index,
    };
    lines(args, &text, &parsed, chosen, output)?;
    let told = stream.and_then(|(index, stream)| match &args.answer_to {
        None => Ok((index, Outcome::of(args.role, stream))),
        Some(_) => {
            let (_, offer) = offer.select(Some(index))?;
            Ok((index, Outcome::of_both(offer, stream)?))
        }
    });
    match told {
        Ok((index, outcome)) => {
            outcome.print(index, output)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            refusal(&error, output)?;
            Ok(match error.kind {
                ErrorKind::Gone => Exit::Done,
                _ => Exit::Failed,
            })
        }
    }
}

fn parse(text: &str, file: &Path) -> Result<SessionDescription, Failure> {
    SessionDescription::parse(text).map_err(|error| {
        let text = format!("{}: {error}", file.display());
        Failure::new(Exit::Failed, text)
    })
}

impl Args {
    fn writer(&self) -> Role {
        match self.answer_to {
            Some(_) => Role::Answerer,
            None => self.role,
        }
    }
}

fn lines(
    args: &Args,
    text: &str,
    parsed: &SessionDescription,
    chosen: Option<usize>,
    output: &Output,
) -> Result<(), Failure> {
    let sections: Vec<_> = parsed.media_lines().collect();
    let mut section = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let Some((letter, value)) = line.split_once('=') else {
            continue;
        };
        if letter == "m" {
            section = Some(section.map_or(0, |at: usize| at + 1));
        }
        let place = match section.and_then(|at| Some((at, sections.get(at)?))) {
            None => Place::Session,
            Some((at, media)) if Some(at) == chosen || media.media == "message" => Place::Stream {
                chosen: Some(at) == chosen,
            },
            Some((_, media)) if letter == "m" => Place::Other {
                lines: media.text.lines().count(),
            },
            // What belongs to other media may hold their keys.
            Some(_) => continue,
        };
        let meaning = meaning(letter, value, place, args.writer());
        let shown = shown(line, args.secrets);
        if output.json {
            let line = json!({
                "line": index + 1, "media": section, "text": shown, "meaning": meaning,
            });
            output.content(&line.to_string())?;
        } else {
            output.content(&printable(&format!("{:4}  {shown}", index + 1)))?;
            for part in wrap(&meaning, WIDTH) {
                output.content(&printable(&format!("          {part}")))?;
            }
        }
    }
    Ok(())
}

/// The line without what gives access to something.
fn shown(line: &str, secrets: bool) -> String {
    if secrets {
        return line.to_owned();
    }
    let first = |value: &str| value.chars().take(4).collect::<String>();
    if line.starts_with("k=") {
        return "k=…".to_owned();
    }
    for name in ["a=crypto:", "a=key-mgmt:", "a=ice-pwd:"] {
        if line.starts_with(name) {
            return format!("{name}…");
        }
    }
    let mark = format!("a={}:", msrp::sdp::ENGINE_MARK);
    match line.strip_prefix(&mark) {
        Some(session_id) => format!("{mark}{}…", first(session_id)),
        None => Redacted(line).to_string(),
    }
}

fn refusal(error: &Error, output: &Output) -> Result<(), Failure> {
    let reason = error.to_string();
    if output.json {
        return output.content(&json!({"event": "refused", "reason": reason}).to_string());
    }
    output.content("")?;
    let ended = error.kind == ErrorKind::Gone;
    let what = if ended { "no stream" } else { "refused" };
    output.content(&printable(&format!("{what}: {reason}")))
}

/// Lines of at most `width` characters.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

pub(super) const WIDTH: usize = 84;
