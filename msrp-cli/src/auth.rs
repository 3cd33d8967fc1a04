//! `msrp auth`: logs in to relays and prints the path that they give (RFC 4976 §5.1).

use std::path::PathBuf;
use std::time::Duration;

use msrp::{Engine, EngineOptions, RelayLogin, Session, SessionEvent, SessionOptions};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::login::{Wanted, refused, seconds};
use crate::output::Output;
use crate::password;
use crate::session;

/// Log in to a relay (RFC 4976), and print the path that it gives.
///
/// Finds the relay (SRV records of _msrps._tcp where the URI has no port), checks its certificate, and logs in as a client
/// does. Prints the URIs for the path of a session on one line, nearest relay first. They are void when this command ends:
/// they serve on the connection alone that got them. It is to see whether a relay, a password and a certificate
/// work; with --hold it stays logged in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The relay, such as 'msrps://relay.example.com;tcp'; a chain of several, the one to connect to first.
    #[arg(value_name = "URI", required = true)]
    relays: Vec<String>,

    /// Our user name: once for all relays, or once for each.
    #[arg(long, value_name = "NAME", required = true)]
    user: Vec<String>,

    /// The password is the line in this file, or standard input for `-`: once for all relays, or once for each. By
    /// default it is asked for on the terminal, or read from standard input.
    #[arg(long, value_name = "FILE|-")]
    password_file: Vec<PathBuf>,

    /// The realm for which the password is. A relay that asks for another is told nothing.
    #[arg(long, value_name = "NAME")]
    realm: Option<String>,

    /// For how many seconds we want the path; the relay decides.
    #[arg(long, value_name = "SECONDS")]
    expires: Option<u32>,

    /// Trust these authorities where the relay proves its name, PEM, instead of the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Log in without TLS, to a relay of this machine: for tests. Its URI begins with msrp:.
    #[arg(long)]
    insecure_plain_auth: bool,

    /// Accept a relay that does not prove that it knows the password, too, where one has to: it is behind another one, or
    /// TLS has not proven it.
    #[arg(long)]
    accept_unproved: bool,

    /// Stay logged in until Ctrl-C, and print each path that comes in the stead of one that expires.
    #[arg(long)]
    hold: bool,

    /// Seconds that it may take; 0 waits for ever.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    timeout: f64,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let logins = args.logins()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    runtime.block_on(args.log_in(logins, output))
}

impl Args {
    fn logins(&self) -> Result<Vec<RelayLogin>, Failure> {
        Wanted {
            relays: &self.relays,
            users: ("--user", &self.user),
            password_files: ("--password-file", &self.password_file),
            ca: self.ca.as_ref(),
            insecure_plain_auth: self.insecure_plain_auth,
            accept_unproved: self.accept_unproved,
            expires: self
                .expires
                .map(|expires| Duration::from_secs(expires.into())),
            realm: self.realm.as_deref(),
            asks: |prompt| password::ask(prompt, false),
        }
        .logins()
    }

    async fn log_in(&self, relays: Vec<RelayLogin>, output: Output) -> Result<Exit, Failure> {
        let mut interrupt = Interrupt::new().map_err(|error| Failure::io("signals", &error))?;
        let engine = Engine::new(EngineOptions::default()).map_err(|error| refused(&error))?;
        let session = engine.session(SessionOptions {
            relays,
            ..SessionOptions::default()
        });
        let session = session.map_err(|error| refused(&error))?;
        let result = tokio::select! {
            result = self.course(&session, output) => result.map(|()| Exit::Done),
            // Held, this is how it ends.
            () = interrupt.wait() => match (self.hold, session.relay_path()) {
                (true, Ok(Some(_))) => Ok(Exit::Done),
                _ => Ok(Exit::Interrupted),
            },
        };
        session.close(CLOSING).await;
        drop(session);
        engine.shutdown(Duration::ZERO).await;
        result
    }

    async fn course(&self, session: &Session, output: Output) -> Result<(), Failure> {
        let mut events = session.events();
        let time = match self.timeout > 0.0 {
            // Beyond any life span: as good as none.
            true => Some(Duration::try_from_secs_f64(self.timeout).unwrap_or(Duration::MAX)),
            false => None,
        };
        let path = session.authenticate(time).await;
        path.map_err(|error| refused(&error))?;
        while let Some(event) = events.next().await {
            let SessionEvent::RelayPath { path, lifetime, .. } = event else {
                continue;
            };
            self.print(&path.to_string(), lifetime, output)?;
            if !self.hold {
                return Ok(());
            }
        }
        let lost = session::lost(session);
        Err(lost.unwrap_or_else(|| Failure::new(Exit::Failed, "the relay has ended the session")))
    }

    fn print(&self, path: &str, lifetime: Option<Duration>, output: Output) -> Result<(), Failure> {
        let uris: Vec<&str> = path.split(' ').collect();
        let seconds = seconds(lifetime);
        if output.json {
            let event = json!({"event": "relay", "path": path, "uris": uris, "expires": seconds});
            return output.content(&event.to_string());
        }
        output.content(path)?;
        output.event(&json!({}), || match lifetime {
            Some(_) => format!("good for {seconds} s"),
            None => "good as long as the connection".to_owned(),
        })
    }
}

/// How long the end may take.
const CLOSING: Duration = Duration::from_secs(1);
