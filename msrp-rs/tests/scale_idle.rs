//! A thousand sessions, over one connection and over a thousand, plain and TLS: all exchange messages, and what an idle
//! one holds is measured by a counting allocator.
//!
//! The other end is a process of its own, this test started again, so that the figures are of one end alone: once of
//! the end that connects, once of the one that accepts.

#![cfg(target_os = "linux")]

mod counting;
mod engine_support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use counting::ALLOCATED;
use engine_support::tls::{certificate, text};
use engine_support::{Host, PATIENCE, wait_until};
use msrp::engine::{
    ConnectionSharing, EngineOptions, Event, ListenOptions, ListenerHandle, SessionHandle,
    SessionOptions, SetupPreference, TlsConfig,
};
use msrp::limits::Limits;
use serde_json::{Value, json};

const SESSIONS: usize = 1000;
/// Connections made at a time: fewer than one address may have without a session.
const BATCH: usize = 50;
/// Tells a process that it is the other end, and where the test is.
const OTHER_END: &str = "MSRP_SCALE_OTHER_END";

/// What is set up.
#[derive(Clone, Copy, Debug)]
struct Scene {
    secure: bool,
    shared: bool,
}

/// The line between both ends.
struct Line(BufReader<TcpStream>);

impl Line {
    fn say(&mut self, value: &Value) {
        writeln!(self.0.get_mut(), "{value}").expect("the other end is there");
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the other end is there");
        serde_json::from_str(&line).expect("a line of the other end")
    }

    /// Waits until the other end is as far.
    fn meet(&mut self, place: &str) {
        self.say(&json!(place));
        assert_eq!(self.hear(), json!(place));
    }
}

/// One end with its sessions.
struct End {
    host: Host,
    listener: ListenerHandle,
    tls: Option<TlsConfig>,
    sessions: Vec<SessionHandle>,
    /// In use by the engine before it had a session.
    empty: usize,
}

impl End {
    fn new(scene: Scene, (cert, key): &(Vec<u8>, Vec<u8>)) -> Self {
        // Both ends have one certificate and trust it.
        let tls = scene.secure.then(|| TlsConfig {
            ca: text(cert),
            cert: text(cert),
            key: text(key),
            server_name: Some("localhost".into()),
            ..TlsConfig::default()
        });
        let host = Host::from_options(EngineOptions {
            limits: Limits::default(),
            ..EngineOptions::default()
        });
        let listen = ListenOptions {
            host: "0.0.0.0".into(),
            secure: scene.secure,
            tls: tls.clone(),
            ..ListenOptions::default()
        };
        let listener = host.engine.listen(listen).expect("a port");
        Self {
            host,
            listener,
            tls,
            sessions: Vec::new(),
            empty: ALLOCATED.load(Ordering::Relaxed),
        }
    }

    /// The options of the session with this number. Each has an address of its own, or all have one: an SDP that aims
    /// many connections at one target gets them slowly.
    fn options(&self, scene: Scene, number: usize, setup: SetupPreference) -> SessionOptions {
        let host = match scene.shared {
            true => "127.0.0.1".to_owned(),
            false => format!("127.0.{}.{}", 1 + number / 250, 1 + number % 250),
        };
        SessionOptions {
            listener: Some(self.listener),
            advertise: Some((host, 0)),
            secure: scene.secure,
            tls: self.tls.clone(),
            setup,
            connection_sharing: match scene.shared {
                true => ConnectionSharing::Peer,
                false => ConnectionSharing::Session,
            },
            ..SessionOptions::default()
        }
    }

    /// Makes all sessions and exchanges messages over them.
    fn talk(&mut self, line: &mut Line, scene: Scene, connects: bool) {
        if connects {
            let offers: Vec<String> = (0..SESSIONS)
                .map(|number| {
                    let options = self.options(scene, number, SetupPreference::Active);
                    let session = self.host.session_with(options);
                    self.sessions.push(session);
                    self.host.engine.create_offer(session).expect("an offer")
                })
                .collect();
            line.say(&json!(offers));
            drop(offers);
            let answers = line.hear();
            for (session, answer) in self.sessions.iter().zip(texts(&answers)) {
                let taken = self.host.engine.set_remote(*session, answer, None);
                taken.expect("the answer is taken");
            }
        } else {
            let offers = line.hear();
            let answers: Vec<String> = texts(&offers)
                .enumerate()
                .map(|(number, offer)| {
                    let options = self.options(scene, number, SetupPreference::Passive);
                    let session = self.host.session_with(options);
                    self.sessions.push(session);
                    let answer = self.host.engine.create_answer(session, offer, None);
                    answer.expect("an answer")
                })
                .collect();
            line.say(&json!(answers));
        }
        let host = &self.host;
        for batch in self.sessions.chunks(BATCH) {
            line.meet("open");
            for session in batch {
                host.engine.open(*session, Some(PATIENCE)).expect("opens");
            }
            host.wait("all of a batch open", |seen| {
                let opened = |session| seen.has(session, |event| matches!(event, Event::Opened));
                batch.iter().all(|session| opened(*session))
            });
            host.forget();
        }
        line.meet("send");
        for session in &self.sessions {
            host.send(
                *session,
                "a message of an ordinary length, as people write them",
            );
        }
        host.wait("messages and responses", |seen| {
            let acknowledged = seen.events.iter();
            let acknowledged =
                acknowledged.filter(|(_, event)| matches!(event, Event::Acknowledged { .. }));
            seen.messages.len() == SESSIONS && acknowledged.count() == SESSIONS
        });
        host.forget();
        line.meet("idle");
        wait_until(|| {
            host.take();
            let stats = host.engine.stats();
            (stats.receive_held, stats.send_held) == (0, 0)
        });
        host.forget();
        let connections = if scene.shared { 1 } else { SESSIONS };
        assert_eq!(host.engine.stats().connections, connections as u64);
    }
}

fn texts(values: &Value) -> impl Iterator<Item = &str> {
    let values = values.as_array().expect("a list");
    values.iter().map(|value| value.as_str().expect("a text"))
}

/// Measures what a session of this scene holds, at the end that connects or at the other; must be at most this.
fn held(scene: Scene, connects: bool, most: usize) {
    // The allocator counts all tests of this process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let pem = certificate("localhost");
    let control = TcpListener::bind("127.0.0.1:0").expect("a port");
    let told = json!({
        "port": control.local_addr().expect("bound").port(),
        "secure": scene.secure,
        "shared": scene.shared,
        "connects": !connects,
    });
    let mut other = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "other_end", "--include-ignored", "--nocapture"])
        .env(OTHER_END, told.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("the other end");
    let mut line = Line(BufReader::new(control.accept().expect("the other end").0));
    line.say(&json!([pem.0, pem.1]));
    let mut end = End::new(scene, &pem);
    end.talk(&mut line, scene, connects);
    let now = || ALLOCATED.load(Ordering::Relaxed).saturating_sub(end.empty) / SESSIONS;
    // Some of it is given back when nothing has happened for a while.
    wait_until(|| now() <= most);
    println!(
        "{scene:?}, connects: {connects}: {} octets for each session",
        now()
    );
    line.meet("over");
    // Nothing of it must be left when the next one is measured.
    end.host.engine.join();
    drop(end);
    assert!(other.wait().expect("it ends").success());
}

#[test]
#[ignore = "the other end of the tests here"]
fn other_end() {
    let Ok(told) = std::env::var(OTHER_END) else {
        return;
    };
    let told: Value = serde_json::from_str(&told).expect("what we were told");
    let is = |name: &str| told[name].as_bool().expect("yes or no");
    let scene = Scene {
        secure: is("secure"),
        shared: is("shared"),
    };
    let port = told["port"].as_u64().expect("a port") as u16;
    let mut line = Line(BufReader::new(
        TcpStream::connect(("127.0.0.1", port)).expect("the test is there"),
    ));
    let pem = serde_json::from_value(line.hear()).expect("a certificate and its key");
    let mut end = End::new(scene, &pem);
    end.talk(&mut line, scene, is("connects"));
    line.meet("over");
}

#[test]
fn what_an_idle_session_holds_on_a_connection_of_many() {
    for (secure, most) in [(false, 6 * 1024), (true, 7 * 1024)] {
        for connects in [true, false] {
            let shared = true;
            held(Scene { secure, shared }, connects, most);
        }
    }
}

#[test]
fn what_an_idle_connection_and_its_session_hold() {
    for connects in [true, false] {
        let shared = false;
        let secure = false;
        held(Scene { secure, shared }, connects, 11 * 1024);
    }
}

#[test]
fn what_an_idle_tls_connection_and_its_session_hold() {
    for connects in [true, false] {
        let shared = false;
        let secure = true;
        held(Scene { secure, shared }, connects, 21 * 1024);
    }
}
