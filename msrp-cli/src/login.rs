//! The relays of a session (RFC 4976): which, and who we are to them.

use std::path::PathBuf;
use std::time::Duration;

use msrp::{Error, ErrorKind, Password, PemSource, RelayLogin, Session, TlsConfig};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::password;

/// Relays for a session.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Relay")]
pub(crate) struct Args {
    /// Go through this relay, such as 'msrps://relay.example.com;tcp'. May be repeated: the first is the one that we
    /// connect to, each further one is reached through those before it.
    #[arg(long = "relay", value_name = "URI", requires = "relay_user")]
    relays: Vec<String>,

    /// Our user name there: once for all relays, or once for each.
    #[arg(long, value_name = "NAME", requires = "relays")]
    relay_user: Vec<String>,

    /// The password is the line in this file, or standard input for `-`: once for all relays, or once for each. By
    /// default it is asked for on the terminal.
    #[arg(long, value_name = "FILE|-", requires = "relays")]
    relay_password_file: Vec<PathBuf>,

    /// Trust these authorities where the relay proves its name, PEM, instead of the system's.
    #[arg(long, value_name = "FILE", requires = "relays")]
    relay_ca: Option<PathBuf>,

    /// Log in without TLS, to a relay of this machine: for tests. Its URI begins with msrp:.
    #[arg(long, requires = "relays")]
    relay_insecure_plain_auth: bool,

    /// Accept a relay that does not prove that it knows the password, too, where one has to: it is behind another one, or
    /// TLS has not proven it.
    #[arg(long, requires = "relays")]
    relay_accept_unproved: bool,
}

impl Args {
    /// Whether a password comes by standard input.
    pub(crate) fn reads_standard_input(&self) -> bool {
        self.relay_password_file
            .iter()
            .any(|path| path.as_os_str() == "-")
    }

    /// The logins, with their passwords.
    pub(crate) fn logins(&self) -> Result<Vec<RelayLogin>, Failure> {
        Wanted {
            relays: &self.relays,
            users: ("--relay-user", &self.relay_user),
            password_files: ("--relay-password-file", &self.relay_password_file),
            ca: self.relay_ca.as_ref(),
            insecure_plain_auth: self.relay_insecure_plain_auth,
            accept_unproved: self.relay_accept_unproved,
            expires: None,
            realm: None,
            asks: password::ask_on_terminal,
        }
        .logins()
    }
}

/// What the options say.
pub(crate) struct Wanted<'a> {
    pub(crate) relays: &'a [String],
    /// The name of the option, and its values.
    pub(crate) users: (&'a str, &'a [String]),
    pub(crate) password_files: (&'a str, &'a [PathBuf]),
    pub(crate) ca: Option<&'a PathBuf>,
    pub(crate) insecure_plain_auth: bool,
    pub(crate) accept_unproved: bool,
    pub(crate) expires: Option<Duration>,
    pub(crate) realm: Option<&'a str>,
    /// How a password is asked for that no file has.
    pub(crate) asks: fn(&str) -> Result<zeroize::Zeroizing<String>, Failure>,
}

impl Wanted<'_> {
    pub(crate) fn logins(&self) -> Result<Vec<RelayLogin>, Failure> {
        let users = for_each(self.users.0, self.users.1, self.relays.len())?;
        let files = for_each(
            self.password_files.0,
            self.password_files.1,
            self.relays.len(),
        )?;
        let mut read: Vec<(String, Password)> = Vec::new();
        let mut logins = Vec::with_capacity(self.relays.len());
        for (at, relay) in self.relays.iter().enumerate() {
            let user = users.get(at).ok_or_else(|| {
                let text = format!("relay {relay} needs a user: {}", self.users.0);
                Failure::new(Exit::Usage, text)
            })?;
            // What is the same file, or would be the same question, is read once.
            let (source, text) = match files.get(at) {
                Some(path) => (path.display().to_string(), None),
                None => {
                    let prompt = format!("Password of {user} at {relay}: ");
                    (prompt.clone(), Some(prompt))
                }
            };
            let known = read.iter().find(|(of, _)| *of == source);
            let password = match (known, &text) {
                (Some((_, password)), _) => password.clone(),
                (None, Some(prompt)) => Password::new((self.asks)(prompt)?.as_str()),
                (None, None) => Password::new(password::from_file(files[at])?.as_str()),
            };
            read.push((source, password.clone()));
            logins.push(RelayLogin {
                realm: self.realm.map(str::to_owned),
                expires: self.expires,
                tls: self.ca.map(|ca| TlsConfig {
                    ca: Some(PemSource::File(ca.clone())),
                    ..TlsConfig::default()
                }),
                insecure_plain_auth: self.insecure_plain_auth && at == 0,
                accept_unproved: self.accept_unproved,
                ..RelayLogin::new(relay, user.as_str(), password)
            });
        }
        Ok(logins)
    }
}

/// A value for each relay: one that is given once is that of all.
fn for_each<'a, T>(name: &str, values: &'a [T], relays: usize) -> Result<Vec<&'a T>, Failure> {
    match values {
        [one] => Ok(vec![one; relays]),
        values if values.is_empty() || values.len() == relays => Ok(values.iter().collect()),
        values => Err(Failure::new(
            Exit::Usage,
            format!(
                "{name} is given {} times for {relays} relays: give it once, or once for each",
                values.len()
            ),
        )),
    }
}

/// Logs in, and tells for how long the path is good.
pub(crate) async fn authenticate(session: &Session, output: &Output) -> Result<(), Failure> {
    let path = session.authenticate(None).await;
    let path = path.map_err(|error| refused(&error))?;
    let (path, relays) = (path.to_string(), path.len());
    output.event(&json!({"event": "relay", "path": path}), || match relays {
        1 => "logged in to the relay".to_owned(),
        relays => format!("logged in to {relays} relays"),
    })
}

/// Why a login failed, with its exit code.
pub(crate) fn refused(error: &Error) -> Failure {
    let exit = match error.kind {
        ErrorKind::Auth | ErrorKind::Status => Exit::Refused,
        ErrorKind::InvalidArgument | ErrorKind::InvalidUri => Exit::Usage,
        ErrorKind::Protocol => Exit::Failed,
        _ => Exit::NoSession,
    };
    Failure::new(exit, error.to_string())
}

/// A duration in whole seconds, for JSON.
pub(crate) fn seconds(time: Option<Duration>) -> Value {
    // The engine counts from the response, and some of the second is over.
    time.map_or(Value::Null, |time| json!(time.as_secs_f64().round() as u64))
}
