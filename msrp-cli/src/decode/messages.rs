//! Chunks put together to messages (RFC 4975 §5.1, §7.3.1), each as a line.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;

use msrp::wire::{Continuation, Head, MessageId, Method};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::frame::visible;
use super::placement::Placement;
use crate::output::hex;

/// The messages of a stream that have not ended, and the chunk being read.
pub(super) struct Messages {
    json: bool,
    open: HashMap<MessageId, Message>,
    /// The message that the frame under way is a chunk of, and whether it carries content.
    current: Option<(MessageId, bool)>,
    /// Octets of open messages in memory, without the chunk being read.
    memory: usize,
    /// For the order in which incomplete messages are shown.
    started: u64,
    finished: Remembered,
}

struct Message {
    content_type: String,
    placement: Placement,
    /// Where the message ends, once `$` has said so.
    end: Option<u64>,
    /// Whether a message of this id had come whole before.
    duplicate: bool,
    /// Its chunks without fault.
    chunks: u64,
    number: u64,
}

impl Messages {
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            open: HashMap::new(),
            current: None,
            memory: 0,
            started: 0,
            finished: Remembered::default(),
        }
    }

    /// A frame without fault begins.
    pub(super) fn begin(&mut self, head: &Head) {
        let Some(message_id) = head.message_id().filter(|_| is_send(head)) else {
            return;
        };
        let Some(content_type) = head.content_type().filter(|_| head.has_body_section()) else {
            // No content: it can only abort a message that is open (see `end`).
            self.current = Some((message_id, false));
            return;
        };
        let message = self.open.entry(message_id).or_insert_with(|| {
            self.started += 1;
            Message {
                content_type: content_type.to_owned(),
                placement: Placement::default(),
                end: None,
                duplicate: self.finished.contains(&message_id),
                chunks: 0,
                number: self.started,
            }
        });
        self.memory -= message.placement.memory();
        let offset = head.byte_range().unwrap_or_default().offset();
        message.placement.begin(offset);
        self.current = Some((message_id, true));
    }

    /// The next octets of its body.
    pub(super) fn data(&mut self, data: &[u8]) -> io::Result<()> {
        let memory = self.memory < MEMORY_LEN;
        match self.current_message() {
            Some(message) => message.placement.push(data, memory),
            None => Ok(()),
        }
    }

    /// The frame ends; `valid` says whether it turned out to be without fault. Gives the line of a message that has
    /// ended with it.
    pub(super) fn end(&mut self, flag: Continuation, valid: bool) -> io::Result<Option<String>> {
        let Some((message_id, has_content)) = self.current.take() else {
            return Ok(None);
        };
        let Some(message) = self.open.get_mut(&message_id) else {
            return Ok(None);
        };
        if has_content {
            if valid {
                message.chunks += 1;
                let end = message.placement.commit();
                if flag == Continuation::Complete {
                    message.end = Some(message.end.unwrap_or(0).max(end));
                }
            } else {
                message.placement.roll_back()?;
            }
            self.memory += message.placement.memory();
        }
        let aborted = valid && flag == Continuation::Abort;
        let placement = &message.placement;
        let complete = message
            .end
            .is_some_and(|end| placement.is_gapless() && placement.len() >= end);
        if !aborted && !complete && message.chunks > 0 {
            return Ok(None);
        }
        let Some(message) = self.open.remove(&message_id) else {
            return Ok(None);
        };
        self.memory -= message.placement.memory();
        if message.chunks == 0 {
            // Its only chunk was no good: nothing has come.
            return Ok(None);
        }
        if complete {
            self.finished.insert(message_id);
        }
        self.line(&message_id, message, complete, aborted).map(Some)
    }

    /// The stream is over: the lines of the messages that never ended, in the order of their starts. A frame under
    /// way counts as not sent: nobody knows where it would have ended.
    pub(super) fn finish(mut self) -> impl Iterator<Item = io::Result<String>> {
        if let Some((message_id, true)) = self.current
            && let Some(message) = self.open.get_mut(&message_id)
        {
            message.placement.forget();
        }
        let mut open: Vec<_> = self.open.drain().collect();
        open.retain(|(_, message)| message.chunks > 0);
        open.sort_unstable_by_key(|(_, message)| message.number);
        open.into_iter()
            .map(move |(message_id, message)| self.line(&message_id, message, false, false))
    }

    fn current_message(&mut self) -> Option<&mut Message> {
        let (message_id, has_content) = self.current?;
        self.open.get_mut(&message_id).filter(|_| has_content)
    }

    fn line(
        &self,
        message_id: &MessageId,
        mut message: Message,
        complete: bool,
        aborted: bool,
    ) -> io::Result<String> {
        let placement = &mut message.placement;
        let len = placement.len();
        let digest = if placement.is_gapless() {
            let mut hash = Sha256::new();
            placement.read(|octets| hash.update(octets))?;
            Some(hex(&hash.finalize()))
        } else {
            None
        };
        if self.json {
            let mut line = json!({
                "message_id": message_id.as_str(),
                "content_type": message.content_type,
                "length": len,
                "sha256": digest,
                "complete": complete,
                "aborted": aborted,
            });
            if message.duplicate {
                line["duplicate"] = true.into();
            }
            return Ok(line.to_string());
        }
        let outcome = match (complete, aborted) {
            (true, _) => "complete",
            (false, true) => "aborted",
            (false, false) => "incomplete",
        };
        let again = if message.duplicate { " duplicate" } else { "" };
        let digest = digest.as_deref().unwrap_or("-");
        Ok(format!(
            "{message_id} {content_type} {len} octets {outcome}{again} {digest}",
            message_id = message_id.as_str(),
            content_type = visible(&message.content_type),
        ))
    }
}

fn is_send(head: &Head) -> bool {
    head.method() == Some(&Method::Send)
}

/// The ids of messages that have come whole; the oldest are forgotten when there are too many.
#[derive(Default)]
struct Remembered {
    set: HashSet<MessageId>,
    order: VecDeque<MessageId>,
}

impl Remembered {
    fn contains(&self, message_id: &MessageId) -> bool {
        self.set.contains(message_id)
    }

    fn insert(&mut self, message_id: MessageId) {
        if self.set.insert(message_id) {
            self.order.push_back(message_id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
    }
}

/// Octets of all open messages that are held in memory, at most; further ones go to files.
const MEMORY_LEN: usize = 64 * 1024 * 1024;
/// Message-IDs remembered.
const REMEMBERED: usize = 1 << 18;
