//! One request or response as a line.

use msrp::wire::{ByteRange, Continuation, Head, Method, UriPath};
use serde_json::{Map, Value, json};

/// A frame whose end has not come yet.
pub(super) struct FrameLine {
    head: Head,
    /// Octets of body so far.
    len: u64,
    /// What is wrong with the head.
    fault: Option<String>,
}

impl FrameLine {
    pub(super) fn new(head: Head) -> Self {
        let fault = head_fault(&head);
        Self {
            head,
            len: 0,
            fault,
        }
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn body(&mut self, len: usize) {
        self.len += len as u64;
    }

    /// What is wrong with the frame, as far as it has come.
    pub(super) fn malformed(&self) -> Option<&str> {
        if let Some(fault) = &self.fault {
            return Some(fault);
        }
        if self.len == 0 || !self.head.is_request() {
            return None;
        }
        if self.head.content_type().is_none() {
            return Some("body without Content-Type");
        }
        if self.head.method() == Some(&Method::Send) && self.head.message_id().is_none() {
            return Some("body without Message-ID");
        }
        if self.head.requires_empty_body() {
            return Some("body with Byte-Range 0-0");
        }
        let start = self.head.byte_range().unwrap_or_default().start;
        (start > MAX_START).then_some("Byte-Range beyond 2^62 octets")
    }

    pub(super) fn text(&self, json: bool, flag: Continuation) -> String {
        match json {
            true => self.json(flag).to_string(),
            false => self.plain(flag),
        }
    }

    fn json(&self, flag: Continuation) -> Value {
        let head = &self.head;
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.into(), value);
        put("offset", head.offset().into());
        put("transaction_id", head.transaction_id().as_str().into());
        if let Some(method) = head.method() {
            put("kind", "request".into());
            put("method", method.as_str().into());
        } else {
            put("kind", "response".into());
            put("status", head.status().map(|status| status.0).into());
            put("comment", head.comment().unwrap_or_default().into());
        }
        put("to_path", path(head.to_path().ok()));
        put("from_path", path(head.from_path().ok()));
        if let Some(message_id) = head.message_id() {
            put("message_id", message_id.as_str().into());
        }
        if let Some(ByteRange { start, end, total }) = head.byte_range() {
            let range = json!({"start": start, "end": end, "total": total});
            put("byte_range", range);
        }
        if head.method() == Some(&Method::Send) {
            put(
                "success_report",
                head.success_report().unwrap_or(false).into(),
            );
            put("failure_report", head.failure_report().as_str().into());
        }
        if let Some(status) = head.report_status() {
            put("report_status", status.code.0.into());
            put("report_comment", status.comment_or_default().into());
        }
        if let Some(content_type) = head.content_type() {
            put("content_type", content_type.into());
        }
        let headers = head.headers().filter(|(name, _)| !is_path(name));
        let headers = headers.map(|(name, value)| json!([name, String::from_utf8_lossy(value)]));
        put("headers", headers.collect());
        put("length", self.len.into());
        put("flag", char::from(flag.as_octet()).to_string().into());
        if let Some(fault) = self.malformed() {
            put("malformed", fault.into());
        }
        Value::Object(line)
    }

    fn plain(&self, flag: Continuation) -> String {
        let head = &self.head;
        let mut line = format!("{:>10}  {}", head.offset(), head.transaction_id().as_str());
        let mut put = |text: &str| {
            line.push(' ');
            line.push_str(text);
        };
        match (head.method(), head.status()) {
            (Some(method), _) => put(method.as_str()),
            (None, Some(status)) => put(&format!("{:03}", status.0)),
            (None, None) => {}
        }
        if let Some(comment) = head.comment() {
            put(&visible(&comment));
        }
        if let Some(status) = head.report_status() {
            put(&format!("{:03}", status.code.0));
            put(&visible(status.comment_or_default()));
        }
        if let Some(message_id) = head.message_id() {
            put(&format!("id={}", message_id.as_str()));
        }
        if let Some(range) = head.byte_range() {
            put(&range.to_string());
        }
        if let Some(content_type) = head.content_type() {
            put(&visible(content_type));
        }
        if self.len > 0 {
            put(&format!("{} octets", self.len));
        }
        put(&char::from(flag.as_octet()).to_string());
        if let Some(fault) = self.malformed() {
            put(&format!("malformed: {fault}"));
        }
        line
    }
}

/// What is wrong with a head whose frame is sound. A request needs readable paths; a response without them only
/// cannot be routed, but they are looked at all the same.
fn head_fault(head: &Head) -> Option<String> {
    if let Some(fault) = head.fault() {
        return Some(fault.to_string());
    }
    let paths = [("To-Path", head.to_path()), ("From-Path", head.from_path())];
    for (name, path) in paths {
        if let Err(fault) = path {
            return Some(format!("{name}: {fault}"));
        }
    }
    None
}

fn path(path: Option<UriPath>) -> Value {
    let Some(path) = path else {
        return Value::Null;
    };
    let text = path.to_string();
    text.split(' ').collect()
}

fn is_path(name: &str) -> bool {
    name.eq_ignore_ascii_case("To-Path") || name.eq_ignore_ascii_case("From-Path")
}

/// Text of the peer's, safe for a terminal.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The last place in a message where a chunk may start: no sum of it and a length overflows.
const MAX_START: u64 = 1 << 62;
