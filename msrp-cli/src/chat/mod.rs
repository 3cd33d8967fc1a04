//! `msrp chat`: two people, or a script, in one session.
//!
//! Here is the course of a chat: what the user says goes out, what comes is shown, files wait for consent. `screen`
//! has the terminal and its line editor, or the pipes of a script; `outgoing` follows what was sent to its fate;
//! `incoming` reads what comes and stores it under a safe name.

mod incoming;
mod outgoing;
mod screen;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::pin::Pin;

use msrp::{Message, Session, StatusCode, Transfer};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::exit::{Exit, Failure};
use crate::output::{Output, printable};
use crate::rendezvous::Habit;
use crate::session::{self, Manner};
use screen::{Said, Screen};

/// Chat, line by line.
///
/// Each line that you type is a message; what the peer writes appears above it. /help lists what else there is, such
/// as /file for files; files from the peer are stored when you agree. Ends with /quit, Ctrl-D, Ctrl-C, or when the peer
/// ends the session. Where standard input is no terminal, or with --json, its lines are sent and nothing is edited:
/// the rendezvous needs files then. Unless told otherwise, writes an offer to standard output and reads the answer
/// from standard input; the other side gives --offer-in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where files from the peer are stored once you agree.
    #[arg(long, value_name = "DIR", default_value = ".")]
    inbox: PathBuf,

    /// Store every file from the peer without asking. Without it, a script refuses them.
    #[arg(long)]
    accept_files: bool,

    /// After the end of standard input, go on until so many messages have come in all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    count: u64,

    #[command(flatten)]
    peer: session::Args,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let manner = Manner {
        habit: Habit::Offer,
        active: false,
        interrupted: Exit::Done,
        // A person may take any time to agree to a file, and only then it has arrived.
        attended: true,
    };
    let is_script = output.json || !screen::is_terminal();
    if is_script && args.peer.reads_standard_input(manner.habit) {
        let text =
            "a script leaves no standard input for the rendezvous: use --answer-in or --offer-in";
        return Err(Failure::new(Exit::Usage, text));
    }
    session::run(&args.peer, manner, output, async |session| {
        let screen = match is_script {
            true => Screen::script(output),
            false => Screen::terminal()?,
        };
        let (news, happenings) = mpsc::channel(NEWS);
        let chat = Chat {
            args,
            session,
            screen,
            is_script,
            news,
            unsent: VecDeque::new(),
            asked: VecDeque::new(),
            reading: HashSet::new(),
            bars: Vec::new(),
            under_way: 0,
            received: 0,
            exit: Exit::Done,
        };
        chat.run(happenings).await
    })
}

/// Happenings that may wait; those who have more to tell wait.
const NEWS: usize = 64;

/// Messages that are read at once, and not shown or stored yet; further ones wait in the session, which is bounded. More
/// than those that a peer can leave incomplete.
const MOST_READING: usize = 256;

/// Lines of a person that wait for the window; further ones are not taken.
const MOST_UNSENT: usize = 64;

/// A line that waits for the window, with its number.
type HandingOver = Pin<Box<dyn Future<Output = (msrp::Result<Transfer>, String, u64)> + Send>>;

/// What the tasks of a chat tell.
enum Happening {
    /// A line for the user, and what a program is told.
    Told { line: String, event: Value },
    /// How far a file is: its number, label, octets and total.
    Progress(u64, String, u64, Option<u64>),
    /// A task has ended: its number, and whether it could do what it was to do.
    Ended(u64, bool),
}

struct Chat<'a> {
    args: &'a Args,
    session: &'a Session,
    screen: Screen,
    is_script: bool,
    news: mpsc::Sender<Happening>,
    /// Lines that were said and not handed over: the window for sending is full.
    unsent: VecDeque<(String, u64)>,
    /// The messages that are being read or stored.
    reading: HashSet<u64>,
    /// Files that wait for the user's consent, with their names.
    asked: VecDeque<(Message, String)>,
    /// Files on their way, for the prompt.
    bars: Vec<(u64, String)>,
    under_way: u64,
    received: u64,
    exit: Exit,
}

impl Chat<'_> {
    async fn run(mut self, mut happenings: mpsc::Receiver<Happening>) -> Result<Exit, Failure> {
        self.greet()?;
        let (mut is_typing, mut is_quitting, mut is_over, mut number) = (true, false, false, 0);
        // Handed over one after the other, so that lines keep their order, and beside all else: a peer that takes
        // nothing is still heard.
        let mut handing_over: Option<HandingOver> = None;
        loop {
            if handing_over.is_none()
                && let Some((text, number)) = self.unsent.pop_front()
            {
                let session = self.session.clone();
                handing_over = Some(Box::pin(async move {
                    (outgoing::hand_over(&session, &text).await, text, number)
                }));
            }
            let has_all = self.received >= self.args.count;
            let is_idle = self.under_way == 0 && handing_over.is_none();
            if !is_typing && is_idle && (is_quitting || is_over || has_all) {
                break;
            }
            // A script waits, a person is told; and whoever quits may not want to wait for what is under way.
            let listens = match self.is_script {
                true => is_typing && handing_over.is_none(),
                false => is_typing || is_quitting,
            };
            tokio::select! {
                said = self.screen.next(), if listens => match said? {
                    Said::Line(_) if is_quitting => {}
                    Said::Line(line) => {
                        number += 1;
                        is_typing = self.said(&line, number)?;
                        is_quitting |= !is_typing;
                        if is_quitting {
                            self.say_what_is_left()?;
                        }
                    }
                    Said::End if self.is_script => is_typing = false,
                    Said::End | Said::Interrupted if is_quitting => break,
                    Said::End | Said::Interrupted => {
                        (is_typing, is_quitting) = (false, true);
                        self.say_what_is_left()?;
                    }
                },
                message = self.session.recv(), if !is_over && self.reading.len() < MOST_READING => match message {
                    Some(message) => {
                        number += 1;
                        self.received += 1;
                        self.arrived(message, number)?;
                    }
                    // What has come is still stored.
                    None => (is_typing, is_over) = (false, true),
                },
                (transfer, text, number) = async {
                    match &mut handing_over {
                        Some(line) => line.await,
                        None => std::future::pending().await,
                    }
                } => {
                    handing_over = None;
                    let news = self.news.clone();
                    self.start(outgoing::line(transfer, text, number, self.is_script, news));
                }
                Some(happening) = happenings.recv() => self.happened(happening)?,
            }
        }
        // What was told last is shown.
        while let Ok(happening) = happenings.try_recv() {
            self.happened(happening)?;
        }
        for (message, _) in self.asked.drain(..) {
            decline(&message);
        }
        match session::lost(self.session) {
            Some(failure) => Err(failure),
            None => Ok(self.exit),
        }
    }

    fn greet(&mut self) -> Result<(), Failure> {
        if self.is_script {
            return Ok(());
        }
        self.screen
            .show("Write to your peer, a line at a time. /help lists what else there is.")
    }

    /// Tells who quits what that waits for.
    fn say_what_is_left(&mut self) -> Result<(), Failure> {
        if self.is_script || self.under_way == 0 {
            return Ok(());
        }
        self.screen
            .show("what is under way goes on to its end; Ctrl-C ends it")
    }

    /// The user has said a line. False when it was the last one.
    fn said(&mut self, line: &str, number: u64) -> Result<bool, Failure> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "" if rest.is_empty() => {}
            "/quit" | "/q" => return Ok(false),
            "/help" | "/h" => self.screen.show(HELP)?,
            "/info" | "/i" => self.info()?,
            "/accept" | "/a" => self.decide(true, number)?,
            "/decline" | "/d" => self.decide(false, number)?,
            "/file" | "/f" if rest.is_empty() => self.screen.show("/file needs a path")?,
            "/file" | "/f" => {
                let path = expanded(rest);
                self.start(outgoing::file(
                    self.session.clone(),
                    path,
                    number,
                    self.news.clone(),
                ));
            }
            _ if line.starts_with('/') && !line.starts_with("//") => {
                let text = format!("no such command: {}; /help lists them", printable(word));
                self.screen.show(&text)?;
            }
            _ => {
                // Two slashes are one that is meant.
                let text = line.strip_prefix('/').filter(|_| line.starts_with("//"));
                let text = text.unwrap_or(line).to_owned();
                if self.unsent.len() >= MOST_UNSENT {
                    let why = "the peer takes nothing at present; not sent: ";
                    self.screen.show(&format!("{why}{}", printable(&text)))?;
                } else {
                    self.unsent.push_back((text, number));
                }
            }
        }
        Ok(true)
    }

    fn info(&mut self) -> Result<(), Failure> {
        let path = |path: Option<String>| path.unwrap_or_else(|| "-".to_owned());
        let ours = path(self.session.local_path().ok().map(|p| p.to_string()));
        let theirs = self.session.remote_path().ok().flatten();
        let theirs = path(theirs.map(|p| p.to_string()));
        let state = format!("{:?}", self.session.state()).to_lowercase();
        let waiting: Vec<_> = self.asked.iter().map(|(_, name)| name.as_str()).collect();
        let event = json!({
            "event": "info", "state": state, "local_path": ours, "remote_path": theirs,
            "received": self.received, "waiting": waiting,
        });
        let files = match waiting.as_slice() {
            [] => String::new(),
            names => format!("\nwaiting for /accept or /decline: {}", names.join(", ")),
        };
        let text = format!(
            "session: {state}\nwe:      {ours}\npeer:    {theirs}\nreceived: {} messages{files}",
            self.received
        );
        self.screen.tell(&event, &text)
    }

    /// A message begins to arrive: a text is shown, a file asks for consent.
    fn arrived(&mut self, message: Message, number: u64) -> Result<(), Failure> {
        if incoming::is_line(&message) {
            self.reading.insert(number);
            self.start(incoming::line(message, number, self.news.clone()));
            return Ok(());
        }
        let name = incoming::name(&message);
        if self.args.accept_files {
            self.store(message, name, number);
            return Ok(());
        }
        let event = json!({
            "event": "file_offered", "message_id": message.message_id(), "name": name,
            "content_type": message.content_type(), "total": message.total(),
        });
        let size = message.total().map(screen::size);
        let size = size.unwrap_or_else(|| "unknown length".to_owned());
        let kind = printable(message.content_type());
        if self.is_script {
            decline(&message);
            return self
                .screen
                .tell(&event, &format!("{name} ({kind}, {size}) refused"));
        }
        let text = format!("peer sends {name} ({kind}, {size}): /accept or /decline?");
        self.asked.push_back((message, name));
        self.screen.tell(&event, &text)
    }

    fn decide(&mut self, is_wanted: bool, number: u64) -> Result<(), Failure> {
        let Some((message, name)) = self.asked.pop_front() else {
            return self.screen.show("no file waits for that");
        };
        if is_wanted {
            self.store(message, name, number);
            return Ok(());
        }
        decline(&message);
        self.screen.show(&format!("{name} declined"))
    }

    fn store(&mut self, message: Message, name: String, number: u64) {
        let inbox = self.args.inbox.clone();
        self.reading.insert(number);
        self.start(incoming::file(
            message,
            inbox,
            name,
            number,
            self.news.clone(),
        ));
    }

    fn start(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.under_way += 1;
        tokio::spawn(task);
    }

    fn happened(&mut self, happening: Happening) -> Result<(), Failure> {
        match happening {
            Happening::Told { line, event } => self.screen.tell(&event, &line),
            Happening::Progress(number, label, now, total) => {
                self.bars.retain(|(other, _)| *other != number);
                self.bars.push((number, screen::bar(&label, now, total)));
                self.screen.prompt(&self.bars)
            }
            Happening::Ended(number, is_good) => {
                self.under_way -= 1;
                self.reading.remove(&number);
                if !is_good {
                    self.exit = Exit::Refused;
                }
                let known = self.bars.len();
                self.bars.retain(|(other, _)| *other != number);
                match self.bars.len() == known {
                    true => Ok(()),
                    false => self.screen.prompt(&self.bars),
                }
            }
        }
    }
}

/// Refuses a file: the rest of it, or, if all of it is here, by a REPORT. It fails where the session is over anyway.
fn decline(message: &Message) {
    let _ = message.reject(StatusCode(413), "Declined");
}

/// A path as people type it.
fn expanded(text: &str) -> PathBuf {
    let home = std::env::var_os("HOME").filter(|_| text.starts_with("~/"));
    match home {
        Some(home) => PathBuf::from(home).join(&text[2..]),
        None => text.into(),
    }
}

const HELP: &str = "\
/file PATH   send a file
/accept      store the file that the peer sends
/decline     refuse it
/info        the session and its two paths
/quit        end the session (also Ctrl-D, Ctrl-C)
//text       a message that starts with a slash
Marks: \u{2713}\u{2713} delivered, \u{2713} taken, \u{2026} under way, \u{2717} failed";
