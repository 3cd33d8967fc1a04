//! A relay's questions as events, for hosts that let no foreign thread call them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::engine::{Domain, Event, QueryHandle};
use crate::error::{Error, ErrorKind, Result};
use crate::net::ready::{Note, Ready};
use crate::net::relay::host::{
    RelayAnswer, RelayAuthorisation, RelayCredentials, RelayMessage, RelayNextHop, RelayPolicy,
    RelayQuestion, RelayUsers,
};
use crate::proto::auth::Ha1;
use crate::role::relay::Verdict;
use crate::wire::StatusCode;

/// Users and policy of a relay that ask the consumer of a domain: it gets [`Event::Relay`] and answers with
/// [`answer`](Self::answer), in [`RelayOptions::answer_timeout`](super::RelayOptions::answer_timeout). What is not
/// answered then, or cannot be asked since too many questions wait, is refused.
///
/// Give it to [`RelayOptions::users`](super::RelayOptions::users), and to
/// [`RelayOptions::policy`](super::RelayOptions::policy) if next hops, users or messages are to be asked about too. With
/// [`RelayOptions::events`](super::RelayOptions::events) it also says when the relay has ended, by
/// [`Event::RelayClosed`].
pub struct RelayEvents {
    ready: Option<Arc<Ready>>,
    tag: u64,
    most: usize,
    waiting: Arc<Mutex<Waiting>>,
}

impl std::fmt::Debug for RelayEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayEvents")
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Waiting {
    last: u64,
    questions: HashMap<u64, Question>,
}

enum Question {
    Secret(oneshot::Sender<Option<Ha1>>),
    Leave(oneshot::Sender<bool>),
    Verdict(oneshot::Sender<Verdict>),
}

/// What a host answers to [`Event::Relay`].
#[derive(Debug, Clone)]
pub enum RelayReply {
    /// To [`RelayQuestion::Credentials`]: H(A1), or that there is no such user.
    Secret(Option<Ha1>),
    /// To [`RelayQuestion::Authorise`] and [`RelayQuestion::NextHop`]: whether it may be.
    Allow(bool),
    /// To [`RelayQuestion::Message`].
    Verdict(Verdict),
}

impl RelayEvents {
    /// Asks the consumer of `domain`; `tag` stands in each event. At most `most` questions are open.
    pub fn new(domain: &Domain, tag: u64, most: usize) -> Arc<Self> {
        Arc::new(Self {
            ready: domain.ready().cloned(),
            tag,
            most,
            waiting: Arc::default(),
        })
    }

    /// Answers a question, from any thread.
    ///
    /// # Errors
    /// `Gone` when nobody waits for the answer any more: its time is over, the connection is gone, or it was answered.
    /// `InvalidArgument` if the question was of another kind; it still waits then.
    pub fn answer(&self, query: QueryHandle, reply: RelayReply) -> Result<()> {
        let over = || {
            let text = format!("query {} is over: nobody waits for its answer", query.0);
            Error::local(ErrorKind::Gone, text)
        };
        let mut waiting = self.waiting.lock();
        let question = waiting.questions.remove(&query.0).ok_or_else(over)?;
        let is_taken = match (question, reply) {
            (Question::Secret(asked), RelayReply::Secret(secret)) => asked.send(secret).is_ok(),
            (Question::Leave(asked), RelayReply::Allow(leave)) => asked.send(leave).is_ok(),
            (Question::Verdict(asked), RelayReply::Verdict(verdict)) => asked.send(verdict).is_ok(),
            (question, _) => {
                let what = match question {
                    Question::Secret(_) => "for the secret of a user",
                    Question::Leave(_) => "whether something may be",
                    Question::Verdict(_) => "what becomes of a message",
                };
                waiting.questions.insert(query.0, question);
                let text = format!("query {} asks {what}", query.0);
                return Err(Error::invalid_argument(text));
            }
        };
        is_taken.then_some(()).ok_or_else(over)
    }

    /// The relay has ended.
    pub(super) fn ended(&self) {
        if let Some(ready) = &self.ready {
            ready.push_last_note(Note {
                tag: self.tag,
                question: None,
            });
        }
    }

    /// Asks; without an answer it is `refusal`.
    fn ask<T: Clone + Send + 'static>(
        &self,
        question: RelayQuestion,
        kind: fn(oneshot::Sender<T>) -> Question,
        refusal: T,
    ) -> RelayAnswer<T> {
        let (asked, answer) = oneshot::channel();
        let query = {
            let mut waiting = self.waiting.lock();
            if waiting.questions.len() >= self.most {
                return RelayAnswer::Now(refusal);
            }
            waiting.last += 1;
            let query = waiting.last;
            waiting.questions.insert(query, kind(asked));
            query
        };
        let open = Open {
            waiting: Arc::clone(&self.waiting),
            query,
        };
        let note = Note {
            tag: self.tag,
            question: Some((query, question)),
        };
        if !self
            .ready
            .as_ref()
            .is_some_and(|ready| ready.push_note(note))
        {
            return RelayAnswer::Now(refusal);
        }
        RelayAnswer::later(async move {
            let _open = open;
            answer.await.unwrap_or(refusal)
        })
    }
}

impl RelayUsers for RelayEvents {
    fn credentials(&self, wanted: &RelayCredentials) -> RelayAnswer<Option<Ha1>> {
        let question = RelayQuestion::Credentials(wanted.clone());
        self.ask(question, Question::Secret, None)
    }
}

impl RelayPolicy for RelayEvents {
    fn authorise(&self, wanted: &RelayAuthorisation) -> RelayAnswer<bool> {
        let question = RelayQuestion::Authorise(wanted.clone());
        self.ask(question, Question::Leave, false)
    }

    fn next_hop(&self, wanted: &RelayNextHop) -> RelayAnswer<bool> {
        let question = RelayQuestion::NextHop(wanted.clone());
        self.ask(question, Question::Leave, false)
    }

    fn message(&self, message: &RelayMessage) -> RelayAnswer<Verdict> {
        let question = RelayQuestion::Message(message.clone());
        let refusal = Verdict::Reject(StatusCode::FORBIDDEN);
        self.ask(question, Question::Verdict, refusal)
    }
}

/// A question that waits as long as this lives.
struct Open {
    waiting: Arc<Mutex<Waiting>>,
    query: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        let question = self.waiting.lock().questions.remove(&self.query);
        drop(question);
    }
}

impl From<Note> for Event {
    fn from(note: Note) -> Self {
        let tag = note.tag;
        match note.question {
            Some((query, question)) => Self::Relay {
                tag,
                query: QueryHandle(query),
                question,
            },
            None => Self::RelayClosed { tag },
        }
    }
}
