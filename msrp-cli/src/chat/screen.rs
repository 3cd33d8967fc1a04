//! Where a chat is typed and shown: a terminal with a line that can be edited while others appear above it, or the
//! lines of a script.

use std::io::{self, IsTerminal, Write};

use rustyline_async::{Readline, ReadlineError, ReadlineEvent, SharedWriter};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use crate::exit::Failure;
use crate::output::{Output, printable};

/// What the user has done.
pub(super) enum Said {
    Line(String),
    /// Nothing more will come.
    End,
    Interrupted,
}

/// A terminal, or the pipes of a script.
pub(super) enum Screen {
    Terminal(Box<Terminal>),
    Script(Output, Lines<BufReader<Stdin>>),
}

/// The terminal is raw for as long as this lives.
pub(super) struct Terminal {
    editor: Readline,
    above: SharedWriter,
}

/// Whether a person types and reads.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

impl Screen {
    pub(super) fn terminal() -> Result<Self, Failure> {
        let (mut editor, above) = Readline::new(PROMPT.to_owned()).map_err(failure)?;
        // What was sent is shown again, with its mark.
        editor.should_print_line_on(false, false);
        Ok(Self::Terminal(Box::new(Terminal { editor, above })))
    }

    pub(super) fn script(output: Output) -> Self {
        Self::Script(output, BufReader::new(tokio::io::stdin()).lines())
    }

    /// Waits for the next line. Cancelled, nothing that was typed is lost.
    pub(super) async fn next(&mut self) -> Result<Said, Failure> {
        match self {
            Self::Terminal(terminal) => match terminal.editor.readline().await.map_err(failure)? {
                ReadlineEvent::Line(line) => {
                    if !line.trim().is_empty() {
                        terminal.editor.add_history_entry(line.clone());
                    }
                    Ok(Said::Line(line))
                }
                ReadlineEvent::Eof => Ok(Said::End),
                ReadlineEvent::Interrupted => Ok(Said::Interrupted),
            },
            Self::Script(_, lines) => match lines.next_line().await {
                Ok(Some(line)) => Ok(Said::Line(line)),
                Ok(None) => Ok(Said::End),
                Err(error) => Err(Failure::io("standard input", &error)),
            },
        }
    }

    /// Shows something for people alone.
    pub(super) fn show(&mut self, text: &str) -> Result<(), Failure> {
        self.tell(&Value::Null, text)
    }

    /// Shows `text`, or gives a program the `event`. A message of the peer is a content, so it goes to standard output
    /// of a script; all else is the course of things.
    pub(super) fn tell(&mut self, event: &Value, text: &str) -> Result<(), Failure> {
        match self {
            Self::Terminal(terminal) => terminal.print(text),
            Self::Script(output, _) if output.json => match event {
                Value::Null => Ok(()),
                event => output.content(&event.to_string()),
            },
            Self::Script(output, _) => match event["text"].as_str() {
                Some(message) if event["event"] == "message" => output.content(&printable(message)),
                _ => output.event(event, || text.to_owned()),
            },
        }
    }

    /// Shows the progress of files beside the line that is typed.
    pub(super) fn prompt(&mut self, bars: &[(u64, String)]) -> Result<(), Failure> {
        let Self::Terminal(terminal) = self else {
            return Ok(());
        };
        let bars: String = bars.iter().map(|(_, bar)| format!("{bar} ")).collect();
        let prompt = format!("{bars}{PROMPT}");
        terminal.editor.update_prompt(&prompt).map_err(failure)
    }
}

impl Drop for Terminal {
    /// Takes the prompt away; what was told is shown. Then the editor gives the terminal back.
    fn drop(&mut self) {
        let _ = self.editor.flush();
    }
}

impl Terminal {
    fn print(&mut self, text: &str) -> Result<(), Failure> {
        for line in text.lines() {
            let mut written = self.above.write(format!("{line}\n").as_bytes());
            if matches!(&written, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                // Many lines at once: shown now. The writer has kept the one that did not fit.
                self.editor.flush().map_err(failure)?;
                written = self.above.write(b"");
            }
            written.map_err(|error| Failure::io("terminal", &error))?;
        }
        Ok(())
    }
}

/// A number of octets for people.
pub(super) fn size(octets: u64) -> String {
    indicatif::HumanBytes(octets).to_string()
}

/// The progress of a file in one line.
pub(super) fn bar(label: &str, now: u64, total: Option<u64>) -> String {
    let label: String = label.chars().take(LABEL_LEN).collect();
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let share = now.min(total) as f64 / total as f64;
            let full = (share * BAR_LEN as f64) as usize;
            let (full, rest) = ("#".repeat(full), "-".repeat(BAR_LEN - full));
            format!("[{label} {full}{rest} {:.0}%]", share * 100.0)
        }
        None => format!("[{label} {}]", size(now)),
    }
}

fn failure(error: ReadlineError) -> Failure {
    match error {
        ReadlineError::IO(error) => Failure::io("terminal", &error),
        ReadlineError::Closed => Failure::io("terminal", &io::ErrorKind::BrokenPipe.into()),
    }
}

const PROMPT: &str = "> ";
/// Characters of a file's name in its bar.
const LABEL_LEN: usize = 24;
const BAR_LEN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        assert_eq!(
            bar("photo.jpg", 0, Some(100)),
            "[photo.jpg ------------ 0%]"
        );
        assert_eq!(
            bar("photo.jpg", 50, Some(100)),
            "[photo.jpg ######------ 50%]"
        );
        assert_eq!(
            bar("photo.jpg", 200, Some(100)),
            "[photo.jpg ############ 100%]"
        );
        assert_eq!(bar("photo.jpg", 2048, None), "[photo.jpg 2.00 KiB]");
    }
}
