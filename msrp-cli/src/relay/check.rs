//! `msrp relay check-config`: all that is to be known of a configuration before a relay runs with it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use msrp::HickoryResolver;
use serde_json::json;

use super::config::{Config, Finding, Severity};
use crate::exit::{Exit, Failure};
use crate::output::{Output, printable};

/// Look at a configuration, and at the files that it names, and say what is wrong.
///
/// A relay does not start with an error. A warning is what its operator may not want: secrets that others can read,
/// listeners without TLS, users who cannot log in. One line for each: FILE:LINE: SEVERITY: KEY: TEXT. With --json one
/// object for each, and a summary. The exit code is 0 if there are no errors, with --strict neither warnings, and
/// else 1. No port is opened, and a relay that runs is left alone. The DNS is asked with --dns alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fail for warnings, too.
    #[arg(long)]
    strict: bool,

    /// Ask the DNS whether clients find the relay (RFC 4976 §8): addresses of its name, for each of its hosts a service
    /// record that leads to it, and addresses of all that these records name. What is missing is a warning with the
    /// line to add. Asked is SERVER, ADDRESS or ADDRESS:PORT, or, without it, who the system is configured with, after
    /// its file of hosts.
    #[arg(long, value_name = "SERVER", num_args = 0..=1, require_equals = true, value_parser = server)]
    dns: Option<Option<SocketAddr>>,

    /// The configuration.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let file = args.file.display();
    let (config, mut findings) =
        Config::load(&args.file).map_err(|error| Failure::io(&file, &error))?;
    if let (Some(config), Some(server)) = (config, args.dns) {
        findings.extend(ask(&config, server)?);
    }
    for finding in &findings {
        output.content(&line(finding, output.json))?;
    }
    let count = |severity| {
        let of_it = |finding: &&Finding| finding.severity == severity;
        findings.iter().filter(of_it).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let summary = json!({
        "event": "checked", "file": file.to_string(), "errors": errors, "warnings": warnings,
    });
    output.event(&summary, || {
        let counted = |count, what| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let errors = counted(errors, "error");
        format!("{file}: {errors}, {}", counted(warnings, "warning"))
    })?;
    Ok(match errors > 0 || (args.strict && warnings > 0) {
        true => Exit::Failed,
        false => Exit::Done,
    })
}

/// What the DNS does not say of this relay.
fn ask(config: &Config, server: Option<SocketAddr>) -> Result<Vec<Finding>, Failure> {
    let resolver = match server {
        Some(server) => HickoryResolver::with_servers([server]),
        None => HickoryResolver::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    Ok(runtime.block_on(config.judge_dns(&resolver)))
}

/// A name server: port 53 without another.
fn server(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse::<IpAddr>().map(|address| (address, 53).into());
    let server = alone.or_else(|_| text.parse());
    server.map_err(|_| "expected ADDRESS or ADDRESS:PORT, with a port IPv6 in brackets".into())
}

fn line(finding: &Finding, json: bool) -> String {
    match json {
        true => finding.to_json().to_string(),
        false => printable(&finding.to_string()),
    }
}
