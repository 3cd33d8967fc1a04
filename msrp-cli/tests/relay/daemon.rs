//! A relay as a process.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use msrp::{Algorithm, Ha1};
use serde_json::Value;

use crate::running::{DEADLINE, Running};
use crate::support::{Folder, wait_for};

pub(crate) const PASSWORD: &str = "Geheimnis-von-Alice";

/// Over plain TCP, for clients on this machine.
pub(crate) const PLAIN: &str = r#"
name = "localhost"
realm = "here"
[[listen]]
address = "127.0.0.1:0"
tls = false
[users]
file = "users"
look = 0.02
[next_hops]
allow = ["127.0.0.0/8"]
[insecure]
plain_auth = true
short_names = true
"#;

/// Over TLS.
pub(crate) const SECURE: &str = r#"
name = "localhost"
realm = "here"
[[listen]]
address = "127.0.0.1:0"
[tls]
certificate = "relay.pem"
key = "relay.key"
[users]
file = "users"
look = 0.02
[insecure]
short_names = true
"#;

/// A folder with a configuration; its users are alice and bob.
pub(crate) fn folder(name: &str, config: &str) -> Folder {
    let folder = Folder::new(&format!("relay-{name}"));
    fs::write(folder.path("relay.toml"), config).expect("written");
    write_users(&folder, &["alice", "bob"]);
    folder
}

/// Lets these users in from now on, as whoever writes a file at once.
pub(crate) fn write_users(folder: &Folder, users: &[&str]) {
    let line = |user: &str, algorithm| {
        let ha1 = Ha1::from_password(algorithm, user, "here", PASSWORD);
        format!("{user}:here:{}\n", ha1.to_hex().as_str())
    };
    let both = [Algorithm::Md5, Algorithm::Sha256];
    let lines = users
        .iter()
        .flat_map(|user| both.map(|algorithm| line(user, algorithm)));
    replace(folder, "users", &lines.collect::<String>());
}

/// Writes a file so that a reader finds all of it or what was there.
pub(crate) fn replace(folder: &Folder, name: &str, content: &str) {
    let new = folder.path("new");
    fs::write(&new, content).expect("written");
    fs::rename(new, folder.path(name)).expect("renamed");
}

/// A relay that runs.
pub(crate) struct Daemon {
    running: Running,
    lines: Receiver<Value>,
    log: Arc<Mutex<String>>,
    is_deaf: Arc<AtomicBool>,
    readers: Vec<JoinHandle<()>>,
    /// Where it listens.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Daemon {
    /// Starts a relay, and waits until it is ready.
    pub(crate) fn start(folder: &Folder, args: &[&str]) -> Self {
        let config = folder.path("relay.toml");
        let own = ["--json", "relay", "--config", &config];
        let mut running = Running::start(&[args, &own].concat());
        let stdout = running.0.stdout.take().expect("a pipe");
        let mut stderr = running.0.stderr.take().expect("a pipe");
        let (told, lines) = channel();
        let log = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&log);
        let is_deaf = Arc::new(AtomicBool::new(false));
        let (deaf_out, deaf_err) = (Arc::clone(&is_deaf), Arc::clone(&is_deaf));
        let readers = vec![
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let event = serde_json::from_str(&line).expect("JSON");
                    if told.send(event).is_err() || deaf_out.load(Relaxed) {
                        return;
                    }
                }
            }),
            std::thread::spawn(move || {
                let mut block = [0; 4096];
                while let Ok(len @ 1..) = stderr.read(&mut block) {
                    let text = String::from_utf8_lossy(&block[..len]);
                    written.lock().expect("no panic").push_str(&text);
                    if deaf_err.load(Relaxed) {
                        return;
                    }
                }
            }),
        ];
        let mut daemon = Self {
            running,
            lines,
            log,
            is_deaf,
            readers,
            addresses: Vec::new(),
        };
        loop {
            let event = daemon.next();
            match event["event"].as_str() {
                Some("listening") => {
                    let address = event["address"].as_str().expect("an address");
                    daemon.addresses.push(address.parse().expect("an address"));
                }
                Some("ready") => return daemon,
                _ => panic!("{event}"),
            }
        }
    }

    /// The next thing that it tells.
    pub(crate) fn next(&self) -> Value {
        let event = self.lines.recv_timeout(DEADLINE);
        event.unwrap_or_else(|_| panic!("it tells nothing: {}", self.log()))
    }

    /// The next thing of this kind.
    pub(crate) fn next_of(&self, kind: &str) -> Value {
        loop {
            let event = self.next();
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// Its figures now.
    #[cfg(unix)]
    pub(crate) fn stats(&self) -> Value {
        self.signal("USR1");
        self.next_of("stats")
    }

    /// Waits until a text stands in its log.
    pub(crate) fn wait_log(&self, text: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.log().contains(text) {
            assert!(Instant::now() < until, "no {text:?} in {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    /// Closes what it writes to, once it has written once more.
    #[cfg(unix)]
    pub(crate) fn close_outputs(&self) {
        self.is_deaf.store(true, Relaxed);
    }

    /// Waits for its end: how, and what it told last, and the log.
    pub(crate) fn finish(mut self) -> (ExitStatus, Vec<Value>, String) {
        let status = wait_for(&mut self.running.0, "the relay", Instant::now() + DEADLINE);
        for reader in std::mem::take(&mut self.readers) {
            reader.join().expect("it reads");
        }
        (status, self.lines.try_iter().collect(), self.log())
    }

    /// Ends it in order.
    #[cfg(unix)]
    pub(crate) fn end(self) -> String {
        self.signal("TERM");
        let (status, events, log) = self.finish();
        assert_eq!(status.code(), Some(0), "{events:?} {log}");
        log
    }
}
