//! `msrp relay --config`: a relay until a signal ends it.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use msrp::{
    Engine, EngineOptions, Ha1, Limits, Relay, RelayAnswer, RelayCredentials, RelayOptions,
    RelayStats, RelayUsers,
};
use serde_json::{Map, Value, json};

use super::config::{Config, Finding, Severity};
use super::log;
use super::signals::{Signals, Wish};
use super::users::UsersFile;
use super::watch::{News, Watch};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Where records of the log come from.
const LOG: &str = "msrp::relay";

/// Runs a relay.
pub(crate) fn run(path: &Path, verbose: u8, output: &Output) -> Result<Exit, Failure> {
    let loaded = Config::load(path);
    let (config, findings) = loaded.map_err(|error| Failure::io(path.display(), &error))?;
    let Some(config) = config else {
        return Err(unusable(path, &findings, output)?);
    };
    log::start(&config.log, verbose);
    for warning in &findings {
        tracing::warn!(target: LOG, "{warning:#}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    let result = runtime.block_on(serve(&config, *output));
    // A look at the users may still block a thread: it ends with the process.
    runtime.shutdown_background();
    result
}

/// Tells what is wrong with a configuration.
fn unusable(path: &Path, findings: &[Finding], output: &Output) -> Result<Failure, Failure> {
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let mut count = 0;
    for error in errors {
        count += 1;
        match output.json {
            true => output.content(&error.to_json().to_string())?,
            false => eprintln!("{}", crate::output::printable(&error.to_string())),
        }
    }
    let text = match count {
        1 => format!("{}: 1 error", path.display()),
        _ => format!("{}: {count} errors", path.display()),
    };
    Ok(Failure::new(Exit::Failed, text))
}

async fn serve(config: &Config, output: Output) -> Result<Exit, Failure> {
    let failed = |error: msrp::Error| Failure::new(Exit::Failed, error.to_string());
    let path = config.users_file();
    let users = UsersFile::open(&path, &config.realm()).map_err(|unusable| {
        let text = unusable.texts(&path).join("\n");
        Failure::new(Exit::Failed, text)
    })?;
    let users = Arc::new(users);
    raise_files(config.limits.connections.0);
    let mut signals = Signals::new().map_err(|error| Failure::io("signals", &error))?;
    let engine = Engine::new(engine_options(config)).map_err(failed)?;
    let directory = Arc::new(Directory(Arc::clone(&users)));
    let options = relay_options(config, directory);
    let running = Running {
        relay: engine.relay(options).map_err(failed)?,
        engine: engine.clone(),
        output,
    };
    running.listen(config, users.users().len())?;
    let mut watch = Watch::start(engine, users, config.users.look.0);
    loop {
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::End => break,
                Wish::Reload => watch.reload(),
                Wish::Status => running.tell_stats(),
            },
            news = watch.next() => running.take(news),
        }
    }
    running.end(config.shutdown.deadline.0, &mut signals).await
}

/// Lets the process have a descriptor for each connection, as far as the system allows it.
#[cfg(unix)]
fn raise_files(connections: u64) {
    let wanted = connections + FILES;
    let allowed = rlimit::increase_nofile_limit(wanted).unwrap_or(0);
    if allowed < wanted {
        tracing::warn!(
            target: LOG,
            "the system allows {allowed} open files, {wanted} are needed for limits.connections: beyond them nobody \
             can connect"
        );
    }
}

#[cfg(not(unix))]
fn raise_files(_: u64) {}

/// Open files besides connections.
const FILES: u64 = 64;

/// A relay that runs.
struct Running {
    engine: Engine,
    relay: Relay,
    output: Output,
}

impl Running {
    /// Opens all ports, or none.
    fn listen(&self, config: &Config, users: usize) -> Result<(), Failure> {
        for listen in config.listen.get_ref() {
            let listener = self.relay.listen(listen.options());
            let listener =
                listener.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
            let address = listener.local_addr().to_string();
            let event = json!({"event": "listening", "address": address, "tls": listen.tls});
            self.tell(&event, || {
                let how = if listen.tls { "TLS" } else { "no TLS" };
                format!("listening on {address}, {how}")
            });
        }
        let (name, realm) = (config.name(), config.realm());
        let event = json!({"event": "ready", "name": name, "realm": realm, "users": users});
        self.tell(&event, || {
            format!("relay {name} is ready; {users} users of realm {realm}")
        });
        Ok(())
    }

    /// Does what follows from changed files.
    fn take(&self, news: News) {
        match news {
            News::Users { before, now } => {
                // Who is not there any more, or has another password, loses his URIs.
                let revoked: usize = before
                    .changed(&now)
                    .map(|user| self.relay.revoke(user))
                    .sum();
                let users = now.len();
                let event = json!({"event": "users", "users": users, "revoked": revoked});
                self.tell(&event, || {
                    format!("{users} users are read again; {revoked} URIs are void")
                });
            }
            News::NoUsers(texts) => {
                for text in texts {
                    tracing::error!(target: LOG, "the users of before stay: {text}");
                }
            }
            News::Certificates(Ok(())) => self.tell(&json!({"event": "certificates"}), || {
                "certificates are read again".to_owned()
            }),
            News::Certificates(Err(error)) => {
                tracing::error!(target: LOG, "the certificates of before stay: {error}");
            }
        }
    }

    /// Ends the relay in order.
    async fn end(self, deadline: Duration, signals: &mut Signals) -> Result<Exit, Failure> {
        let seconds = deadline.as_secs_f64();
        self.tell(&json!({"event": "draining", "deadline": seconds}), || {
            format!("draining for {seconds} s at most; a further signal ends it at once")
        });
        self.tell_stats();
        let begun = Instant::now();
        tokio::select! {
            () = self.relay.close(deadline) => {}
            () = signals.end() => return Ok(Exit::Interrupted),
        }
        let is_late = begun.elapsed() >= deadline && !deadline.is_zero();
        self.engine.shutdown(Duration::ZERO).await;
        let event = json!({"event": "closed", "in_time": !is_late});
        tell(self.output, &event, || match is_late {
            true => "closed; the deadline came before all was delivered".to_owned(),
            false => "closed".to_owned(),
        });
        Ok(match is_late {
            true => Exit::Refused,
            false => Exit::Done,
        })
    }

    fn tell_stats(&self) {
        let figures = figures(&self.relay.stats());
        let mut event = figures.clone();
        event.insert("event".into(), "stats".into());
        self.tell(&Value::Object(event), || {
            let pairs = figures.iter();
            let pairs = pairs.map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(" ")
        });
    }

    fn tell(&self, event: &Value, text: impl FnOnce() -> String) {
        tell(self.output, event, text);
    }
}

/// Something happened: a line for programs on standard output, or one in the log.
fn tell(output: Output, event: &Value, text: impl FnOnce() -> String) {
    match output.json {
        false => tracing::info!(target: LOG, "{}", text()),
        // Those who are served do not suffer because nobody listens any more.
        true => {
            if let Err(failure) = output.content(&event.to_string()) {
                tracing::warn!(target: LOG, "{}", failure.text);
            }
        }
    }
}

/// Whatever is counted, by name.
fn figures(stats: &RelayStats) -> Map<String, Value> {
    let all = stats.named();
    all.map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

fn engine_options(config: &Config) -> EngineOptions {
    let wanted = &config.limits;
    let mut limits = Limits::default();
    limits.unbound_connections = wanted.new_connections.size();
    limits.unbound_per_address = wanted.new_connections_per_address.size();
    limits.unbound = config.probation.time.0;
    limits.engine_memory = wanted.memory.size();
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    EngineOptions {
        worker_threads: config.threads.map_or(cores, |threads| threads.size()),
        limits,
        ..EngineOptions::default()
    }
}

fn relay_options(config: &Config, users: Arc<dyn RelayUsers>) -> RelayOptions {
    let (uris, limits, probation) = (&config.uris, &config.limits, &config.probation);
    RelayOptions {
        hosts: config.own_hosts(),
        port: config.port.map_or(0, |port| port.0 as u16),
        numeric_hosts: config.insecure.short_names(),
        realm: Some(config.realm()),
        algorithms: config.algorithms(),
        tls: config.tls_config(),
        block_unknown_methods: config.block_unknown_methods,
        insecure_plain_auth: config.insecure.plain_auth(),
        networks: config.networks(),
        lifetime: uris.lifetime.get_ref().0,
        min_lifetime: uris.min_lifetime.0,
        max_lifetime: uris.max_lifetime.0,
        nonce_lifetime: uris.nonce_lifetime.0,
        max_tokens: limits.uris.size(),
        max_tokens_per_user: limits.uris_per_user.size(),
        max_tokens_per_connection: limits.uris_per_connection.size(),
        max_connections: limits.connections.size(),
        max_connections_per_address: limits.connections_per_address.size(),
        remembered_failures: limits.remembered_failures.size(),
        idle: limits.idle.map(|idle| idle.0),
        probation: probation.time.0,
        max_failures: probation.failures.0 as u32,
        max_failed_auths: probation.auth_failures.0 as u32,
        ..RelayOptions::new(config.name(), users)
    }
}

/// The users of the file, for the relay.
struct Directory(Arc<UsersFile>);

impl RelayUsers for Directory {
    fn credentials(&self, wanted: &RelayCredentials) -> RelayAnswer<Option<Ha1>> {
        let users = self.0.users();
        RelayAnswer::Now(users.find(&wanted.user, wanted.algorithm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "name = 'relay.example.com'\nlisten = [{ address = '[::]:2855' }]\nusers.file = 'users'\n";

    struct Nobody;

    impl RelayUsers for Nobody {
        fn credentials(&self, _: &RelayCredentials) -> RelayAnswer<Option<Ha1>> {
            RelayAnswer::Now(None)
        }
    }

    /// All that follows from a configuration.
    fn meaning(text: String) -> String {
        let config = Config::parse(text, Path::new("relay.toml")).expect("sound");
        let directory = Arc::new(Nobody);
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            relay_options(&config, directory),
            engine_options(&config),
            (&config.log, &config.shutdown, &config.users.look),
            config.listen.get_ref()[0].options(),
            config.users_file(),
        )
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let page = include_str!("../../../docs/relay.md");
        let table = page.split("| Key | Default |").nth(1).expect("the table");
        let rows = table.lines().skip(2).take_while(|row| row.starts_with('|'));
        let least = meaning(LEAST.to_owned());
        let mut seen = 0;
        for row in rows {
            let cells: Vec<_> = row
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            let (key, default) = (cells[1], cells[2]);
            let text = match key {
                _ if default == "-" => continue,
                _ if key.starts_with("listen.") => {
                    LEAST.replace("2855'", &format!("2855', {} = {default}", &key[7..]))
                }
                // There is no [tls] in it.
                "tls.min_version" => continue,
                _ => format!("{LEAST}{key} = {default}\n"),
            };
            assert_eq!(meaning(text), least, "{key} = {default}");
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn what_is_not_said_is_safe() {
        let config = Config::parse(LEAST.to_owned(), Path::new("relay.toml")).expect("sound");
        let options = relay_options(&config, Arc::new(Nobody));
        assert!(!options.insecure_plain_auth && !options.numeric_hosts);
        assert!(options.networks.is_empty());
        assert_eq!(options.algorithms, [msrp::Algorithm::Md5]);
        assert!(config.listen.get_ref().iter().all(|listen| listen.tls));
    }
}
