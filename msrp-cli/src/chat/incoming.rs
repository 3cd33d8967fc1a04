//! What the peer sends: lines to be shown, and files to be stored under a safe name.

use std::path::{Path, PathBuf};

use msrp::{Message, StatusCode};
use serde_json::json;
use tokio::sync::mpsc::Sender;

use super::Happening;
use super::outgoing::{end, tell};
use super::screen::size;
use crate::output::printable;
use crate::recv::extension;

/// Whether the message is a line of the chat: text, not too long, and not sent as a file.
pub(super) fn is_line(message: &Message) -> bool {
    let is_text = message
        .content_type()
        .to_ascii_lowercase()
        .starts_with("text/");
    let is_file = message.header("Content-Disposition").is_some_and(|value| {
        value
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("attachment")
    });
    let is_long = message.total().is_some_and(|total| total > TEXT_LEN as u64);
    is_text && !is_file && !is_long
}

/// Reads a line and tells it.
pub(super) async fn line(mut message: Message, number: u64, news: Sender<Happening>) {
    let mut octets = Vec::new();
    let read = async {
        while let Some(part) = message.next_part().await? {
            let room = TEXT_LEN - octets.len();
            octets.extend_from_slice(&part[..part.len().min(room)]);
        }
        Ok::<(), msrp::Error>(())
    };
    let result = read.await;
    let text = String::from_utf8_lossy(&octets).into_owned();
    let (id, kind) = (message.message_id(), message.content_type());
    let is_good = match result {
        Ok(()) => {
            confirm(&message);
            let event = json!({
                "event": "message", "message_id": id, "content_type": kind,
                "length": octets.len(), "text": text,
            });
            let shown = printable(&text).replace('\n', "\n      ");
            tell(&news, format!("peer: {shown}"), event).await;
            true
        }
        Err(error) => {
            let error = printable(&error.to_string());
            let event = json!({"event": "message_lost", "message_id": id, "error": error});
            tell(&news, format!("a message was lost: {error}"), event).await;
            false
        }
    };
    end(&news, number, is_good).await;
}

/// Stores a file and tells how far it is.
pub(super) async fn file(
    mut message: Message,
    inbox: PathBuf,
    name: String,
    number: u64,
    news: Sender<Happening>,
) {
    let stored = async {
        let fault = |error: std::io::Error| {
            let text = format!("{}: {error}", inbox.display());
            msrp::Error::local(msrp::ErrorKind::InvalidArgument, text)
        };
        std::fs::create_dir_all(&inbox).map_err(fault)?;
        let place = Place::take(&inbox, &name).map_err(fault)?;
        let mut shown = u64::MAX;
        let len = message
            .save(&place.path, |now, total| {
                let step = now * 100 / total.unwrap_or(u64::MAX).max(1);
                if step != shown {
                    shown = step;
                    // Full: the next one will do.
                    let _ = news.try_send(Happening::Progress(number, name.clone(), now, total));
                }
            })
            .await?;
        Ok::<_, msrp::Error>((place.keep(), len))
    };
    let stored = stored.await;
    let id = message.message_id();
    let is_good = match stored {
        Ok((path, len)) => {
            confirm(&message);
            let shown = printable(&path.display().to_string());
            let event = json!({
                "event": "file", "message_id": id, "content_type": message.content_type(),
                "file": path.display().to_string(), "length": len,
            });
            tell(
                &news,
                format!("peer: stored {shown} ({})", size(len)),
                event,
            )
            .await;
            true
        }
        Err(error) => {
            let error = printable(&error.to_string());
            let event =
                json!({"event": "file_lost", "message_id": id, "name": name, "error": error});
            tell(&news, format!("{name} was lost: {error}"), event).await;
            false
        }
    };
    end(&news, number, is_good).await;
}

/// Tells the peer that the message is where it should be, if it asked. It fails where the session is over anyway.
fn confirm(message: &Message) {
    let _ = message.report(StatusCode::OK, "");
}

/// The name for a file: the last part of what the peer proposes, without what could lead elsewhere or hide; else the
/// Message-ID.
pub(super) fn name(message: &Message) -> String {
    let proposed = message
        .header("Content-Disposition")
        .and_then(filename)
        .and_then(|name| safe(&name));
    proposed.unwrap_or_else(|| {
        // A Message-ID starts with a letter or digit and holds no separator (RFC 4975 §9).
        format!(
            "{}{}",
            message.message_id(),
            extension(message.content_type())
        )
    })
}

/// The parameter `filename` of a Content-Disposition (RFC 2183).
fn filename(disposition: &str) -> Option<String> {
    let at = disposition.to_ascii_lowercase().find("filename=")?;
    let value = &disposition[at + "filename=".len()..];
    let Some(quoted) = value.strip_prefix('"') else {
        return value.split([';', ' ']).next().map(str::to_owned);
    };
    let mut name = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some(name),
            '\\' => name.push(chars.next()?),
            c => name.push(c),
        }
    }
}

/// A name that stands for a file of this folder, on any system; `None` if nothing is left of it.
fn safe(proposed: &str) -> Option<String> {
    let last = proposed.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = printable(last)
        .chars()
        .filter(|c| !matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\n' | '\t'))
        .filter(|c| *c != char::REPLACEMENT_CHARACTER)
        .collect();
    let trimmed = plain.trim_matches(|c: char| c == '.' || c.is_whitespace());
    // Long names keep their end, which says what they are.
    let mut name = String::new();
    let (stem, end) = trimmed.rsplit_once('.').unwrap_or((trimmed, ""));
    let end: String = end.chars().take(16).collect();
    for c in stem.chars() {
        if name.len() + c.len_utf8() > NAME_LEN - end.len() - 1 {
            break;
        }
        name.push(c);
    }
    if !end.is_empty() {
        name = format!("{name}.{end}");
    }
    (!name.trim_matches('.').is_empty()).then_some(name)
}

/// A name in the inbox that nobody else can take: an empty file, which the stored one replaces. Dropped, it is removed.
struct Place {
    path: PathBuf,
    is_kept: bool,
}

impl Place {
    /// Takes the first of `name`, `name (2)` and so on where nothing is, not even a link.
    fn take(inbox: &Path, name: &str) -> std::io::Result<Self> {
        let (stem, end) = match name.rsplit_once('.') {
            Some((stem, end)) => (stem, format!(".{end}")),
            None => (name, String::new()),
        };
        let mut path = inbox.join(name);
        let mut number = 1;
        loop {
            match std::fs::File::create_new(&path) {
                Ok(_) => {
                    return Ok(Self {
                        path,
                        is_kept: false,
                    });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    number += 1;
                    path = inbox.join(format!("{stem} ({number}){end}"));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The file is there.
    fn keep(mut self) -> PathBuf {
        self.is_kept = true;
        std::mem::take(&mut self.path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nothing else can be done about it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Octets of the longest line.
const TEXT_LEN: usize = 64 * 1024;
/// Octets of the longest name of a file.
const NAME_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for (proposed, expected) in [
            ("photo.jpg", Some("photo.jpg")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Windows\\x.exe", Some("x.exe")),
            ("/", None),
            ("..", None),
            ("...", None),
            ("", None),
            (".bashrc", Some("bashrc")),
            ("a\x1b[2Jb\0.txt", Some("a[2Jb.txt")),
            ("Grüße 世界.pdf", Some("Grüße 世界.pdf")),
            ("\u{202e}gpj.exe", Some("gpj.exe")),
            ("a:b*c?.txt ", Some("abc.txt")),
        ] {
            assert_eq!(safe(proposed).as_deref(), expected, "{proposed:?}");
        }
        let long = safe(&format!("{}.jpg", "ü".repeat(500))).expect("a name");
        assert!(long.len() <= NAME_LEN && long.ends_with(".jpg"), "{long}");
    }

    #[test]
    fn names_are_read_as_they_are_quoted() {
        for (disposition, expected) in [
            (r#"attachment; filename="a \"b\".txt""#, Some("a \"b\".txt")),
            ("attachment; FileName=plain.txt; size=3", Some("plain.txt")),
            (r#"attachment; filename="open"#, None),
            ("attachment", None),
        ] {
            assert_eq!(filename(disposition).as_deref(), expected, "{disposition}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = std::env::temp_dir().join(format!("msrp-chat-free-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("a.txt"), "").expect("written");
        let take = |name| Place::take(&folder, name).expect("a place");
        let (second, third) = (take("a.txt"), take("a.txt"));
        assert_eq!(second.path, folder.join("a (2).txt"));
        assert_eq!(third.keep(), folder.join("a (3).txt"));
        // What is not stored leaves nothing behind.
        drop(second);
        assert_eq!(take("a.txt").keep(), folder.join("a (2).txt"));
        assert_eq!(take("b").path, folder.join("b"));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
