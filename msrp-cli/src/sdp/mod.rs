//! `msrp sdp`: looks at SDP texts and writes them.
//!
//! What is wrong with a text is found by `msrp::sdp::lint`, what an offer or answer says is decided in `msrp::sdp`, as
//! for every session: here are options, the words of `explain`, and the output. Nothing is connected.

mod check;
mod explain;
mod meaning;
mod outcome;
mod write;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use msrp::sdp::MAX_SDP_LEN;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Check, explain and write SDP texts of MSRP sessions.
///
/// A text is a whole SDP, or m= blocks if it begins with m=. Nothing is connected and nothing sent.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EPILOGUE)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
    Explain(explain::Args),
    Offer(write::OfferArgs),
    Answer(write::AnswerArgs),
}

const EPILOGUE: &str = "\
EXAMPLES
  What is wrong with this offer? And with that answer to it?
    msrp sdp check --offer offer.sdp
    msrp sdp check --answer-to offer.sdp answer.sdp

  Who connects where, how is the certificate judged, what may be sent?
    msrp sdp explain offer.sdp
    msrp sdp explain --answer-to offer.sdp answer.sdp

  An offer for a test, and an answer to one that came:
    msrp sdp offer --host 192.0.2.1 --port 2855 --accept-types 'message/cpim text/plain'
    ssh sbc cat offer.sdp | msrp sdp answer --host 192.0.2.2 --port 2855 -";

pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    match &args.command {
        Command::Check(args) => check::run(args, output),
        Command::Explain(args) => explain::run(args, output),
        Command::Offer(args) => write::offer(args, output),
        Command::Answer(args) => write::answer(args, output),
    }
}

/// Which half of an exchange a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    Offerer,
    Answerer,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Offerer => "offerer",
            Self::Answerer => "answerer",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Offerer => Self::Answerer,
            Self::Answerer => Self::Offerer,
        }
    }
}

/// What is in a file, or comes on standard input for `-`: no more than one octet over the limit of an SDP, which is
/// enough to be refused.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| Failure::io(file.display(), &error);
    let input: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(failed)?)
    };
    let most = u64::try_from(MAX_SDP_LEN + 1).unwrap_or(u64::MAX);
    let mut octets = Vec::new();
    input.take(most).read_to_end(&mut octets).map_err(failed)?;
    Ok(octets)
}

/// The same as text.
fn read_text(file: &Path) -> Result<String, Failure> {
    String::from_utf8(read(file)?).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|octet| **octet == b'\n')
            .count();
        let text = format!("{}: line {line} is no UTF-8", file.display());
        Failure::new(Exit::Failed, text)
    })
}
