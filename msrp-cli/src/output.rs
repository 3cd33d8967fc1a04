//! What is printed: contents and JSON lines on standard output, the course of things on standard error.

use std::io::{self, Write};

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

    /// Something happened: a JSON line, or a line for people on standard error.
    pub(crate) fn event(
        &self,
        event: &Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            self.content(&event.to_string())
        } else {
            if !self.quiet {
                eprintln!("{}", text());
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
        eprintln!("msrp: {}", failure.text);
    }
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
