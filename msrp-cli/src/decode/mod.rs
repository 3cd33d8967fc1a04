//! `msrp decode`: what is in one direction of a recorded MSRP connection.
//!
//! The stream is read in blocks and never held: `wire` frames it (RFC 4975 §7.1, §9), a line is printed for each
//! frame, or, with `--messages`, the chunks are put together again (§7.3.1) and a line is printed for each message.

mod frame;
mod messages;
mod placement;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use bytes::BytesMut;
use msrp::wire::{Frame, ParseError, Parser, ParserLimits};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use frame::FrameLine;
use messages::Messages;

/// Show the frames or messages of a recorded stream.
///
/// Reads the raw octets that one side of an MSRP connection sent, and prints one line per request or response. With
/// --messages, chunks are put together and each message gets one line: message id, media type, length, SHA-256,
/// and whether it came whole. Messages of which octets are missing have no SHA-256; bodiless SENDs, which only keep
/// connections alive, get no line.
///
/// A request that breaks the grammar inside a sound frame is shown as malformed, and the stream goes on. Where it
/// cannot go on, the last line says why and at which octet (counted from 0) the broken frame starts, and the exit
/// code is 1. Content of the broken frame counts for no message, since nobody knows where it would have ended.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One line per message instead of one per frame.
    #[arg(long)]
    messages: bool,

    /// The recording; `-` for standard input.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let input: Box<dyn Read> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(&args.file);
        Box::new(opened.map_err(|error| Failure::io(args.file.display(), &error))?)
    };
    let style = Style {
        json: output.json,
        messages: args.messages,
    };
    let mut stdout = BufWriter::new(io::stdout().lock());
    match decode(input, &mut stdout, style) {
        Ok(true) => Ok(Exit::Done),
        Ok(false) => Ok(Exit::Failed),
        // `msrp decode ... | head`: whoever reads us has seen enough.
        Err(Fault::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(Fault::Write(error)) => Err(Failure::io("standard output", &error)),
        Err(Fault::Read(error)) => Err(Failure::io(args.file.display(), &error)),
        Err(Fault::Spool(error)) => Err(Failure::io("temporary file", &error)),
    }
}

/// How lines look.
#[derive(Debug, Clone, Copy)]
struct Style {
    json: bool,
    messages: bool,
}

/// Which file failed.
#[derive(Debug)]
enum Fault {
    Read(io::Error),
    Write(io::Error),
    Spool(io::Error),
}

/// Decodes all of `input`; false if the stream could not be read to its end.
fn decode(mut input: impl Read, out: &mut impl Write, style: Style) -> Result<bool, Fault> {
    let mut parser = Parser::new(ParserLimits::default());
    let mut view = View::new(style);
    let mut block = BytesMut::new();
    let broken = loop {
        block.resize(BLOCK_LEN, 0);
        let len = match input.read(&mut block) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::Read(error)),
        };
        if len == 0 {
            break parser.finish().err();
        }
        parser.push(block.split_to(len).freeze());
        if let Some(error) = view.take_all(&mut parser, out)? {
            break Some(error);
        }
        // Someone may be watching a live stream.
        out.flush().map_err(Fault::Write)?;
    };
    view.finish(out)?;
    if let Some(error) = &broken {
        let line = match style.json {
            true => json!({"error": error.to_string(), "offset": error.frame_offset}).to_string(),
            false => format!(
                "error in the frame at octet {}: {error}",
                error.frame_offset
            ),
        };
        writeln!(out, "{line}").map_err(Fault::Write)?;
    }
    out.flush().map_err(Fault::Write)?;
    Ok(broken.is_none())
}

/// What is shown of the stream, and the frame under way.
struct View {
    style: Style,
    frame: Option<FrameLine>,
    messages: Messages,
}

impl View {
    fn new(style: Style) -> Self {
        Self {
            style,
            frame: None,
            messages: Messages::new(style.json),
        }
    }

    /// Shows what the parser has; gives the error that ends the stream.
    fn take_all(
        &mut self,
        parser: &mut Parser,
        out: &mut impl Write,
    ) -> Result<Option<ParseError>, Fault> {
        loop {
            match parser.next() {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => self.take(frame, out)?,
                Err(error) => return Ok(Some(error)),
            }
        }
    }

    fn take(&mut self, frame: Frame, out: &mut impl Write) -> Result<(), Fault> {
        match frame {
            Frame::Head(head) => {
                let line = FrameLine::new(head);
                if self.style.messages && line.malformed().is_none() {
                    self.messages.begin(line.head());
                }
                self.frame = Some(line);
            }
            Frame::Body(data) => {
                if let Some(line) = &mut self.frame {
                    line.body(data.len());
                }
                self.messages.data(&data).map_err(Fault::Spool)?;
            }
            Frame::End(flag) => {
                let Some(line) = self.frame.take() else {
                    return Ok(());
                };
                let malformed = line.malformed();
                let text = if self.style.messages {
                    let ended = self.messages.end(flag, malformed.is_none());
                    match ended.map_err(Fault::Spool)? {
                        None if malformed.is_some() => Some(line.text(self.style.json, flag)),
                        text => text,
                    }
                } else {
                    Some(line.text(self.style.json, flag))
                };
                if let Some(text) = text {
                    writeln!(out, "{text}").map_err(Fault::Write)?;
                }
            }
        }
        Ok(())
    }

    /// The stream is over: shows what has not come to its end.
    fn finish(self, out: &mut impl Write) -> Result<(), Fault> {
        for text in self.messages.finish() {
            let text = text.map_err(Fault::Spool)?;
            writeln!(out, "{text}").map_err(Fault::Write)?;
        }
        Ok(())
    }
}

/// Octets read at once.
const BLOCK_LEN: usize = 64 * 1024;
