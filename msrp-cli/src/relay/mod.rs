//! `msrp relay`: a relay (RFC 4976) for the clients of a site.
//!
//! [`serve`] runs the in-process relay of `msrp` as [`config`] says, with the [`users`] of a file; [`check`] looks at a
//! configuration, and [`hash`] makes lines for the file.

mod check;
mod config;
mod hash;
mod log;
mod serve;
mod signals;
mod users;
mod watch;

use std::path::PathBuf;

use clap::Subcommand;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Run a relay (RFC 4976): clients behind a NAT exchange messages through it.
///
/// The relay runs in the foreground until SIGTERM or SIGINT: then it takes nothing new, finishes what is under way
/// within the deadline of its configuration, and ends; a second signal ends it at once. SIGHUP reads users and
/// certificates again, SIGUSR1 tells its figures. The log goes to standard error. With --json what happens goes to
/// standard output, one object a line: where it listens first.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// Run with this configuration; docs/relay.md describes it.
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    CheckConfig(check::Args),
    HashPassword(hash::Args),
}

impl Args {
    /// Whether the log is as a configuration says.
    pub(crate) fn has_own_log(&self) -> bool {
        self.command.is_none()
    }
}

pub(crate) fn run(args: &Args, verbose: u8, output: &Output) -> Result<Exit, Failure> {
    match (&args.command, &args.config) {
        (Some(Command::CheckConfig(args)), _) => check::run(args, output),
        (Some(Command::HashPassword(args)), _) => hash::run(args, output),
        (None, Some(config)) => serve::run(config, verbose, output),
        (None, None) => Err(Failure::new(Exit::Usage, "--config is missing")),
    }
}
