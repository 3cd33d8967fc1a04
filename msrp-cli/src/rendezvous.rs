//! How the two sides of a session get to know each other: SDP texts or paths, by files or the terminal.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use msrp::Session;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Where the offer and the answer, or the two paths, come from and go to.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Rendezvous")]
pub(crate) struct Args {
    /// Make the offer and write it there; `-` for standard output.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["offer_in", "answer_out", "to", "path_out"])]
    offer_out: Option<Place>,

    /// Wait for the answer to our offer there; `-` for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["offer_in", "answer_out", "to", "path_out"])]
    answer_in: Option<Place>,

    /// Wait for an offer there; `-` for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["to", "path_out"])]
    offer_in: Option<Place>,

    /// Write our answer there; `-` for standard output.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["to", "path_out"])]
    answer_out: Option<Place>,

    /// No SDP: the peer's path is this MSRP URI, or, with `@`, what that file will hold.
    #[arg(long, value_name = "URI|@FILE")]
    to: Option<String>,

    /// No SDP: write our own path there, for the peer's --to; `-` for standard output.
    #[arg(long, value_name = "FILE|-", requires = "to")]
    path_out: Option<Place>,
}

/// What a command does when none of the options is given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Habit {
    /// Writes an offer to standard output and reads the answer from standard input.
    Offer,
    /// Reads an offer from standard input and writes the answer to standard output.
    Answer,
}

/// A file, or standard input or output.
#[derive(Debug, Clone)]
enum Place {
    Standard,
    File(PathBuf),
}

impl FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Standard,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("the terminal"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Args {
    /// Whether the peer's side comes by standard input.
    pub(crate) fn reads_standard_input(&self, habit: Habit) -> bool {
        if self.to.is_some() {
            return false;
        }
        let place = match self.offers(habit) {
            true => &self.answer_in,
            false => &self.offer_in,
        };
        matches!(place, None | Some(Place::Standard))
    }

    /// Whether we make the offer.
    fn offers(&self, habit: Habit) -> bool {
        let offers = self.offer_out.is_some() || self.answer_in.is_some();
        let answers = self.offer_in.is_some() || self.answer_out.is_some();
        offers || (matches!(habit, Habit::Offer) && !answers)
    }

    /// Tells the session who its peer is, and the peer, who we are. `active` says who connects where no SDP does.
    pub(crate) async fn meet(
        &self,
        session: &Session,
        habit: Habit,
        active: bool,
        output: &Output,
    ) -> Result<(), Failure> {
        if let Some(to) = &self.to {
            let ours = session.local_path().map_err(|e| Failure::opening(&e))?;
            if let Some(place) = &self.path_out {
                write(place, "path", &format!("{ours}\n"), output)?;
            }
            let theirs = match to.strip_prefix('@') {
                Some(file) => {
                    let place = Place::File(file.into());
                    read(&place, "path", output, |text| text.contains('\n')).await?
                }
                None => to.clone(),
            };
            let met = session.set_remote_path(theirs.trim(), active, "*");
            return met.map_err(|error| Failure::opening(&error));
        }
        let place = |place: &Option<Place>| place.clone().unwrap_or(Place::Standard);
        if self.offers(habit) {
            let offer = session.create_offer().map_err(|e| Failure::opening(&e))?;
            write(&place(&self.offer_out), "offer", &offer, output)?;
            let answer = read(&place(&self.answer_in), "answer", output, has_message_line).await?;
            session.set_remote(&answer)
        } else {
            let offer = read(&place(&self.offer_in), "offer", output, has_message_line).await?;
            let answer = session.create_answer(&offer);
            let answer = answer.map_err(|error| Failure::opening(&error))?;
            write(&place(&self.answer_out), "answer", &answer, output)?;
            Ok(())
        }
        .map_err(|error| Failure::opening(&error))
    }
}

fn write(place: &Place, what: &str, text: &str, output: &Output) -> Result<(), Failure> {
    match place {
        Place::Standard if output.json => {
            output.event(&json!({"event": what, what: text}), String::new)
        }
        Place::Standard => {
            let mut stdout = io::stdout().lock();
            let written = stdout.write_all(text.as_bytes());
            // An empty line says that the text is over.
            let written = written.and_then(|()| stdout.write_all(b"\n"));
            let written = written.and_then(|()| stdout.flush());
            written.map_err(|error| Failure::io("standard output", &error))
        }
        Place::File(path) => {
            let written = write_whole(path, text);
            written.map_err(|error| Failure::io(path.display(), &error))?;
            let event = json!({"event": what, what: text, "file": path.display().to_string()});
            output.event(&event, || format!("{what} written to {}", path.display()))
        }
    }
}

/// Writes a file so that a reader finds all of it or nothing; a pipe or device is written in place.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let special = path.metadata().is_ok_and(|meta| !meta.is_file());
    if special {
        return std::fs::write(path, text);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    std::fs::write(&partial, text)?;
    std::fs::rename(&partial, path)
}

/// Reads a text once it is all there.
async fn read(
    place: &Place,
    what: &str,
    output: &Output,
    complete: impl Fn(&str) -> bool,
) -> Result<String, Failure> {
    match place {
        Place::Standard => read_standard(what, output).await,
        Place::File(path) => {
            let event =
                json!({"event": "waiting", "for": what, "file": path.display().to_string()});
            output.event(&event, || {
                format!("waiting for the {what} in {}", path.display())
            })?;
            loop {
                match tokio::fs::read_to_string(path).await {
                    Ok(text) if complete(&text) => return Ok(text),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(Failure::io(path.display(), &error)),
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

/// Reads standard input up to an empty line that follows a `m=message` block, or its end.
async fn read_standard(what: &str, output: &Output) -> Result<String, Failure> {
    let event = json!({"event": "waiting", "for": what});
    output.event(&event, || {
        format!("waiting for the {what} on standard input, then an empty line")
    })?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut text = String::new();
    loop {
        let line = lines.next_line().await;
        let line = line.map_err(|error| Failure::io("standard input", &error))?;
        match line {
            Some(line) if !line.trim().is_empty() => {
                text.push_str(&line);
                text.push_str("\r\n");
            }
            Some(_) if !has_message_line(&text) => {}
            Some(_) => return Ok(text),
            None if has_message_line(&text) => return Ok(text),
            None => {
                let text = format!("standard input ended before the {what}");
                return Err(Failure::new(Exit::NoSession, text));
            }
        }
    }
}

/// Whether all of an SDP with a message session seems to be there.
fn has_message_line(text: &str) -> bool {
    text.contains("m=message") && text.contains("a=path:") && text.ends_with('\n')
}

/// How often a file that is not there yet is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
