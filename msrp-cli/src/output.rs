//! What is printed: contents and JSON lines on standard output, the course of things on standard error.

use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

use crate::exit::{Exit, Failure};

/// Where lines go, and how they look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Something happened: a JSON line, or a line for people on standard error, which may show texts of the peer: it is
    /// made printable.
    pub(crate) fn event(
        &self,
        event: &Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            self.content(&event.to_string())
        } else {
            if !self.quiet {
                eprintln!("{}", printable(&text()));
            }
            Ok(())
        }
    }

    /// A line of what the command is for, on standard output.
    pub(crate) fn content(&self, line: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::io("standard output", &error))
    }

    /// A text as it is, on standard output.
    pub(crate) fn octets(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::io("standard output", &error))
    }

    /// A text of the peer, on standard output: as it is for a program or file, printable on a terminal.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        match io::stdout().is_terminal() {
            true => self.content(&printable(text)),
            false => self.content(text),
        }
    }

    /// Whether progress may be drawn.
    pub(crate) fn draws(&self) -> bool {
        !self.json && !self.quiet
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            let kind = match failure.exit {
                Exit::Done | Exit::Failed => "failed",
                Exit::Usage => "usage",
                Exit::NoSession => "no_session",
                Exit::Refused => "refused",
                Exit::Interrupted => "interrupted",
            };
            let line = json!({"event": "error", "kind": kind, "error": failure.text});
            // The exit code says it, too, if nobody listens any more.
            if self.content(&line.to_string()).is_ok() {
                return;
            }
        }
        eprintln!("msrp: {}", printable(&failure.text));
    }
}

/// Text of a peer, harmless for a terminal: no control characters, which could move the cursor or worse.
pub(crate) fn printable(text: &str) -> String {
    let harmless = |c: char| !c.is_control() && !is_direction(c);
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if harmless(c) => c,
            _ => char::REPLACEMENT_CHARACTER,
        })
        .collect()
}

/// Characters that turn the direction of writing, so that a text looks like another.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Octets in hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_command_the_terminal() {
        assert_eq!(
            printable("a\x1b[2Jb\rc\x07\u{9b}d"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}d"
        );
        assert_eq!(printable("\u{202e}gpj.exe"), "\u{fffd}gpj.exe");
        assert_eq!(printable("Grüße,\n\t世界"), "Grüße,\n\t世界");
    }
}
