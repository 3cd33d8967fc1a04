//! Questions to a session's host that a dial waits for: the addresses of a name, the service records of one, and whether
//! an address may be dialled.
//!
//! No foreign code runs on the engine's threads, so a host that answers in C or Python is told by an event and answers
//! by a call. Who asks bounds the time; a question that nobody waits for any more is forgotten.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::dial::SrvRecord;
use super::mailbox::{Item, Mailbox};
use crate::error::{Error, ErrorKind, Result};

/// What a name has, or why nothing is known of it.
pub(crate) type Answer<T> = std::result::Result<Vec<T>, String>;

/// The questions of an engine that wait for their answers.
#[derive(Default)]
pub(crate) struct Questions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    waiting: HashMap<u64, Waiting>,
}

enum Waiting {
    Addresses(oneshot::Sender<Answer<IpAddr>>),
    Records(oneshot::Sender<Answer<SrvRecord>>),
    Leave(oneshot::Sender<bool>),
}

impl Questions {
    /// The addresses of a name, as the session's host says.
    ///
    /// # Cancel safety
    /// A later answer finds no question.
    pub(crate) async fn addresses(&self, mailbox: &Arc<Mailbox>, name: &str) -> Answer<IpAddr> {
        let (answer, answered) = oneshot::channel();
        let asked = self.ask(Waiting::Addresses(answer));
        mailbox.ask(Item::Resolve(asked.number, name.to_owned()));
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// The service records of a name, as the session's host says.
    ///
    /// # Cancel safety
    /// As [`addresses`](Self::addresses).
    pub(crate) async fn records(&self, mailbox: &Arc<Mailbox>, name: &str) -> Answer<SrvRecord> {
        let (answer, answered) = oneshot::channel();
        let asked = self.ask(Waiting::Records(answer));
        mailbox.ask(Item::Service(asked.number, name.to_owned()));
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Whether the session may dial an address, as its host says.
    ///
    /// # Cancel safety
    /// As [`addresses`](Self::addresses).
    pub(crate) async fn leave(&self, mailbox: &Arc<Mailbox>, address: SocketAddr) -> bool {
        let (answer, answered) = oneshot::channel();
        let asked = self.ask(Waiting::Leave(answer));
        mailbox.ask(Item::Dial(asked.number, address));
        answered.await.unwrap_or(false)
    }

    /// Answers a question for addresses.
    ///
    /// # Errors
    /// `Gone` if nobody waits for it any more, `InvalidArgument` if it was another question.
    pub(crate) fn resolved(&self, number: u64, answer: Answer<IpAddr>) -> Result<()> {
        let mut state = self.state.lock();
        match state.waiting.remove(&number) {
            Some(Waiting::Addresses(waiting)) => waiting.send(answer).map_err(|_| over(number)),
            other => Err(state.put_back(number, other)),
        }
    }

    /// Answers a question for service records.
    ///
    /// # Errors
    /// As [`resolved`](Self::resolved).
    pub(crate) fn service_found(&self, number: u64, answer: Answer<SrvRecord>) -> Result<()> {
        let mut state = self.state.lock();
        match state.waiting.remove(&number) {
            Some(Waiting::Records(waiting)) => waiting.send(answer).map_err(|_| over(number)),
            other => Err(state.put_back(number, other)),
        }
    }

    /// Answers the question whether an address may be dialled.
    ///
    /// # Errors
    /// As [`resolved`](Self::resolved).
    pub(crate) fn allowed(&self, number: u64, allow: bool) -> Result<()> {
        let mut state = self.state.lock();
        match state.waiting.remove(&number) {
            Some(Waiting::Leave(waiting)) => waiting.send(allow).map_err(|_| over(number)),
            other => Err(state.put_back(number, other)),
        }
    }

    fn ask(&self, question: Waiting) -> Asked<'_> {
        let mut state = self.state.lock();
        state.last += 1;
        let number = state.last;
        state.waiting.insert(number, question);
        Asked {
            questions: self,
            number,
        }
    }
}

impl State {
    /// The answer did not fit.
    fn put_back(&mut self, number: u64, question: Option<Waiting>) -> Error {
        let Some(question) = question else {
            return over(number);
        };
        let what = match question {
            Waiting::Addresses(_) => "for the addresses of a name",
            Waiting::Records(_) => "for the service records of a name",
            Waiting::Leave(_) => "whether an address may be dialled",
        };
        self.waiting.insert(number, question);
        Error::invalid_argument(format!("query {number} asks {what}"))
    }
}

fn ended() -> String {
    "the session has ended".into()
}

fn over(number: u64) -> Error {
    let text = format!("query {number} is over: nobody waits for its answer");
    Error::local(ErrorKind::Gone, text)
}

/// A question that waits as long as this lives.
struct Asked<'a> {
    questions: &'a Questions,
    number: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let question = self.questions.state.lock().waiting.remove(&self.number);
        drop(question);
    }
}
