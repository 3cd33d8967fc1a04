//! `msrp relay hash-password`: lines for a file of users.

use msrp::{Algorithm, Ha1};
use serde_json::json;

use super::users;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::password;

/// Make the lines of a user for the file of users.
///
/// Asks for the password on the terminal, twice and without showing it; or reads it from standard input, as one line.
/// It is never an argument: arguments are seen by everybody on the machine. Prints `user:realm:digits`, a line for each
/// algorithm, for a file that only the relay can read: the digits are as good as the password in that realm.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name of the user.
    #[arg(long, value_name = "NAME")]
    user: String,

    /// The realm of the relay: where its configuration has none, the `name` of the relay.
    #[arg(long, value_name = "NAME")]
    realm: String,

    /// Only for this algorithm; by default for both. A relay asks for MD5 unless its configuration says otherwise.
    #[arg(long, value_name = "NAME")]
    algorithm: Option<Choice>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Choice {
    Md5,
    #[value(name = "sha-256")]
    Sha256,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let usage = |text| Failure::new(Exit::Usage, text);
    users::check_name("user", &args.user).map_err(usage)?;
    users::check_name("realm", &args.realm).map_err(usage)?;
    let password = password::ask("Password: ", true)?;
    let algorithms: &[_] = match args.algorithm {
        None => &[Algorithm::Md5, Algorithm::Sha256],
        Some(Choice::Md5) => &[Algorithm::Md5],
        Some(Choice::Sha256) => &[Algorithm::Sha256],
    };
    for algorithm in algorithms {
        let ha1 = Ha1::from_password(*algorithm, &args.user, &args.realm, &password);
        let (user, realm, digits) = (&args.user, &args.realm, ha1.to_hex());
        let line = match output.json {
            false => format!("{user}:{realm}:{}", digits.as_str()),
            true => json!({
                "user": user, "realm": realm, "algorithm": users::name(*algorithm),
                "ha1": digits.as_str(),
            })
            .to_string(),
        };
        output.content(&line)?;
    }
    Ok(Exit::Done)
}
