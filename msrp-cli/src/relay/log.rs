//! The log of a relay: on standard error, as its configuration says.

use tracing_subscriber::fmt;

use super::config::{Format, Level, Log};

/// Shows the log from now on. `verbose` is what the command line wants, which counts more than the configuration.
pub(crate) fn start(config: &Log, verbose: u8) {
    let level = match (verbose, config.level) {
        (0, Level::Error) => tracing::Level::ERROR,
        (0, Level::Warn) => tracing::Level::WARN,
        (0, Level::Info) => tracing::Level::INFO,
        (0, Level::Debug) | (1, _) => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let subscriber = fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // That would be one more record that nobody reads, and a panic.
        .log_internal_errors(false);
    // A process that runs the command twice has a log already.
    let _ = match config.format {
        Format::Text => tracing::subscriber::set_global_default(subscriber.finish()),
        Format::Json => tracing::subscriber::set_global_default(subscriber.json().finish()),
    };
}
