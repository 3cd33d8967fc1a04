//! `msrp chat` as a script.

mod support;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use msrp::{Engine, EngineOptions, SendOptions, SessionOptions};
use serde_json::Value;
use support::{Folder, text_of, wait_for};

/// Generous: reached only when something hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// A chat whose pipes are served; killed if the test fails.
struct Chat {
    child: Child,
    /// Its standard output.
    lines: Receiver<String>,
}

impl Drop for Chat {
    fn drop(&mut self) {
        // Errors say that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chat {
    fn start(args: &[&str], input: String) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_msrp"))
            .args(["--json", "chat"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It fails where the command has ended: then its output says why.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let stdout = child.stdout.take().expect("a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Two chats with each other.
    fn pair(folder: &Folder, args: [&[&str]; 2], inputs: [String; 2]) -> [Self; 2] {
        let (offer, answer) = (folder.path("offer"), folder.path("answer"));
        let [first, second] = inputs;
        [
            Self::start(
                &[args[0], &["--offer-out", &offer, "--answer-in", &answer]].concat(),
                first,
            ),
            Self::start(
                &[args[1], &["--offer-in", &offer, "--answer-out", &answer]].concat(),
                second,
            ),
        ]
    }

    /// Waits for the end: exit code and events.
    fn finish(mut self, start: Instant) -> (Option<i32>, Vec<Value>) {
        let code = wait_for(&mut self.child, "the chat", start + DEADLINE).code();
        let event = |line: String| serde_json::from_str(&line).expect("a line of JSON");
        (code, self.lines.iter().map(event).collect())
    }
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["event"] == kind)
        .collect()
}

#[test]
fn both_sides_may_have_much_to_say_at_once() {
    const LINES: usize = 700;
    let folder = Folder::new("both");
    let input = || format!("{}\n", "x".repeat(40_000)).repeat(LINES);
    let count = LINES.to_string();
    let args: &[&str] = &["--count", &count];
    let start = Instant::now();
    let chats = Chat::pair(&folder, [args, args], [input(), input()]);
    for chat in chats {
        let (code, events) = chat.finish(start);
        assert_eq!(code, Some(0));
        assert_eq!(of_kind(&events, "message").len(), LINES);
    }
}

#[test]
fn files_of_one_name_that_come_at_once_are_all_kept() {
    const FILES: usize = 8;
    let folder = Folder::new("names");
    let inbox = folder.0.join("in");
    let mut input = String::new();
    for number in 0..FILES {
        let path = folder.0.join(number.to_string());
        fs::create_dir_all(&path).expect("a folder");
        let path = path.join("plan.bin");
        fs::write(&path, vec![number as u8; 400_000]).expect("written");
        input += &format!("/file {}\n", path.display());
    }
    let count = FILES.to_string();
    let inbox_arg = inbox.to_str().expect("UTF-8");
    let receive: &[&str] = &["--accept-files", "--inbox", inbox_arg, "--count", &count];
    let start = Instant::now();
    let [sender, receiver] = Chat::pair(&folder, [&[], receive], [input, String::new()]);
    let (code, _) = sender.finish(start);
    assert_eq!(code, Some(0));
    let (code, events) = receiver.finish(start);
    assert_eq!(code, Some(0));
    let stored = of_kind(&events, "file");
    let paths: HashSet<_> = stored
        .iter()
        .filter_map(|event| event["file"].as_str())
        .collect();
    assert_eq!((stored.len(), paths.len()), (FILES, FILES), "{events:#?}");
    let contents: HashSet<_> = paths
        .iter()
        .map(|path| fs::read(path).expect("stored"))
        .collect();
    assert_eq!(contents.len(), FILES);
    assert_eq!(fs::read_dir(&inbox).expect("the inbox").count(), FILES);
}

/// The peer reads nothing, and writes: what it writes is shown although our own lines do not get through.
#[tokio::test]
async fn a_peer_that_takes_nothing_is_heard() {
    let folder = Folder::new("stalled");
    let (offer, answer) = (folder.path("offer"), folder.path("answer"));
    let mut whole = EngineOptions::default();
    whole.limits.stall = None;
    let engine = Engine::new(whole).expect("an engine");
    let session = engine
        .session(SessionOptions::default())
        .expect("a session");
    fs::write(&offer, session.create_offer().expect("an offer")).expect("written");
    let args = ["--offer-in", &offer, "--answer-out", &answer];
    let lines = format!("{}\n", "x".repeat(60_000)).repeat(500);
    let mut chat = Chat::start(&args, lines);
    let text = text_of(&answer, DEADLINE).await;
    session.set_remote(&text).expect("it fits");
    session.open(DEADLINE).await.expect("open");
    // Until nothing moves any more: then the chat waits for room. Were it sooner, the test would see less.
    let mut before = u64::MAX;
    while engine.stats().bytes_received != before {
        before = engine.stats().bytes_received;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let options = SendOptions::default();
    session.send("are you there?", options).await.expect("sent");
    let out = std::mem::replace(&mut chat.lines, channel().1);
    let heard = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        while let Ok(line) = out.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
            // It does not wait until our lines have failed.
            if line.contains("are you there?") || line.contains("not_sent") {
                return !line.contains("not_sent");
            }
        }
        false
    });
    assert!(heard.await.expect("read"));
    engine.shutdown(Duration::ZERO).await;
    chat.finish(Instant::now());
}
