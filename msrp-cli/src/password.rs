//! Passwords that come in: from the terminal, a file, or standard input. Never from the command line, which everybody
//! on the machine can read.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};

/// Longest password, in octets.
const LONGEST: usize = 1024;

/// Asks on the terminal, or reads one line from standard input where that is no terminal. `again`: on the terminal, asks
/// twice.
pub(crate) fn ask(prompt: &str, again: bool) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return line_of("standard input", io::stdin());
    }
    let first = on_terminal(prompt)?;
    if again && on_terminal("Once more: ")? != first {
        return Err(wrong("the two passwords differ"));
    }
    checked(first)
}

/// Asks on the terminal, whatever standard input is: it may have another use.
pub(crate) fn ask_on_terminal(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    checked(on_terminal(prompt)?)
}

/// The first line of a file, or of standard input for `-`.
pub(crate) fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    if path == Path::new("-") {
        return line_of("standard input", io::stdin());
    }
    let file = File::open(path).map_err(|error| Failure::io(path.display(), &error))?;
    line_of(&path.display().to_string(), file)
}

fn on_terminal(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let answer = rpassword::prompt_password(prompt);
    answer
        .map(Zeroizing::new)
        .map_err(|error| Failure::io("the terminal", &error))
}

fn line_of(what: &str, source: impl Read) -> Result<Zeroizing<String>, Failure> {
    let mut octets = Zeroizing::new(Vec::with_capacity(LONGEST + 3));
    let read = source.take(LONGEST as u64 + 3).read_to_end(&mut octets);
    read.map_err(|error| Failure::io(what, &error))?;
    let text = std::str::from_utf8(&octets);
    let text = text.map_err(|_| wrong("the password is not UTF-8"))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    checked(Zeroizing::new(
        line.strip_suffix('\r').unwrap_or(line).to_owned(),
    ))
}

fn checked(password: Zeroizing<String>) -> Result<Zeroizing<String>, Failure> {
    match password.as_str() {
        "" => Err(wrong("the password is empty")),
        text if text.len() > LONGEST => Err(Failure::new(
            Exit::Failed,
            format!("the password has more than {LONGEST} octets"),
        )),
        text if text.contains(char::is_control) => Err(wrong(
            "the password holds a control character; it is one line",
        )),
        _ => Ok(password),
    }
}

fn wrong(text: &str) -> Failure {
    Failure::new(Exit::Failed, text)
}
