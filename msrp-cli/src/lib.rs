//! The `msrp` command as a library, so that the binary and the Python package's entry point run the same code.
//!
//! [`run`] reads the command line and gives the exit code. `decode` reads recorded streams with `msrp::wire`;
//! `send`, `recv`, `echo` and `chat` are one MSRP session each (RFC 4975), over the async API of `msrp`, behind relays
//! if they are to be (RFC 4976); `auth` tries a relay, `relay` is one. SDP texts come and go by files or the terminal:
//! carrying them is the caller's part, as everywhere in this project.

mod auth;
mod chat;
mod decode;
mod echo;
mod exit;
mod interrupt;
mod login;
mod output;
mod password;
mod progress;
mod recv;
mod relay;
mod rendezvous;
mod sdp;
mod send;
mod session;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use output::Output;

/// Runs the command with these arguments, the name of the program first, and gives its exit code. Writes to the
/// process's standard output and error and may read its standard input; does not end the process.
///
/// While a session runs, SIGINT and SIGTERM end it in order; their handlers stay as tokio installs them.
pub fn run(args: impl IntoIterator<Item = OsString>) -> i32 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(message) => {
            // Where even that cannot be printed, the code still tells.
            let _ = message.print();
            return message.exit_code();
        }
    };
    if !matches!(&cli.command, Command::Relay(args) if args.has_own_log()) {
        log(cli.verbose);
    }
    let output = Output::new(cli.json, cli.quiet);
    let result = match cli.command {
        Command::Decode(args) => decode::run(&args, &output),
        Command::Send(args) => send::run(&args, output),
        Command::Recv(args) => recv::run(&args, output),
        Command::Echo(args) => echo::run(&args, output),
        Command::Chat(args) => chat::run(&args, output),
        Command::Sdp(args) => sdp::run(&args, &output),
        Command::Auth(args) => auth::run(&args, output),
        Command::Relay(args) => relay::run(&args, cli.verbose, &output),
    };
    match result {
        Ok(exit) => exit.code(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit.code()
        }
    }
}

/// Shows the log from now on, at standard error.
fn log(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .log_internal_errors(false)
        .finish();
    // A process that runs the command twice has it already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Message sessions (MSRP, RFC 4975) from the command line.
///
/// MSRP carries the chat messages and files of a SIP call. `msrp` looks into recorded streams, sends, receives
/// and echoes messages, chats, checks, explains and writes SDP, and runs a relay. A session needs two SDP texts, an
/// offer and an answer; you carry them from one side to the other, by files, by pipes, or by hand.
#[derive(Debug, Parser)]
#[command(name = "msrp", version, after_long_help = EPILOGUE)]
struct Cli {
    /// Print JSON, one object a line, for programs.
    #[arg(long, global = true)]
    json: bool,

    /// Say nothing about the course of things: only contents and errors.
    #[arg(long, short, global = true)]
    quiet: bool,

    /// Print the engine's log on standard error; -vv also prints a line for each request and response.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Decode(decode::Args),
    Send(send::Args),
    Recv(recv::Args),
    Echo(echo::Args),
    Chat(chat::Args),
    Sdp(sdp::Args),
    Auth(auth::Args),
    Relay(relay::Args),
}

const EPILOGUE: &str = "\
EXAMPLES
  Two terminals, a message and a photo:
    msrp recv --offer-out offer.sdp --answer-in answer.sdp --out inbox
    msrp send --offer-in offer.sdp --answer-out answer.sdp 'Look:' --file photo.jpg

  The same without SDP, by paths alone:
    msrp recv --path-out recv.path --to @send.path
    msrp send --path-out send.path --to @recv.path hello

  Chat with somebody, who runs the second line:
    msrp chat --offer-out offer.sdp --answer-in answer.sdp
    msrp chat --offer-in offer.sdp --answer-out answer.sdp

  What is in this recording?
    msrp decode alice-to-bob.bin
    ssh bob cat trace.bin | msrp decode --messages --json -

  A relay: look at its configuration, and run it
    msrp relay check-config relay.toml
    msrp relay --config relay.toml

  What is wrong with this SDP, and what does it mean?
    msrp sdp check --offer offer.sdp
    msrp sdp explain offer.sdp

  Both behind a relay, which asks for the password:
    msrp recv --relay 'msrps://relay.example.com;tcp' --relay-user bob
    msrp send --relay 'msrps://relay.example.com;tcp' --relay-user alice hello

  Does the relay know me?
    msrp auth 'msrps://relay.example.com;tcp' --user alice

EXIT CODES
  0    done; for recv, echo and chat also: ended by Ctrl-C or by the peer
  1    failed: unreadable input, a broken stream or SDP, a lost session
  2    wrong usage
  3    no session: not connected in time, TLS refused, no answer
  4    a message was refused, aborted or not delivered; an offer or a login refused; a relay cut off
  130  interrupted before the work was done";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
