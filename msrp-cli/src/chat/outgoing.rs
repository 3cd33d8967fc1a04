//! What the user sends, and its fate.

use std::path::PathBuf;
use std::time::Duration;

use msrp::{Body, ErrorKind, SendOptions, Session, Transfer};
use serde_json::json;
use tokio::sync::mpsc::Sender;

use super::Happening;
use super::screen::size;
use crate::output::printable;
use crate::send::media_type;

/// Hands a line over for sending; waits while the window is full.
pub(super) async fn hand_over(session: &Session, text: &str) -> msrp::Result<Transfer> {
    let options = SendOptions {
        content_type: "text/plain".to_owned(),
        success_report: true,
        ..SendOptions::default()
    };
    session.send(text.to_owned(), options).await
}

/// Follows a line to its fate and tells of it: at once, if that is known soon, else now and then.
pub(super) async fn line(
    transfer: msrp::Result<Transfer>,
    text: String,
    number: u64,
    is_script: bool,
    news: Sender<Happening>,
) {
    let shown = printable(&text);
    let mut is_late = false;
    let fate = async {
        let transfer = transfer?;
        transfer.acknowledged().await?;
        Ok::<_, msrp::Error>(transfer)
    };
    tokio::pin!(fate);
    let fate = match tokio::time::timeout(SOON, &mut fate).await {
        Ok(fate) => fate,
        Err(_) => {
            is_late = true;
            if !is_script {
                // Only for the eyes: the event comes with the fate.
                tell(
                    &news,
                    format!("me: {shown} \u{2026}"),
                    serde_json::Value::Null,
                )
                .await;
            }
            fate.await
        }
    };
    let (is_good, mark, event) = match fate {
        Ok(transfer) => {
            let patience = if is_script { REPORTED } else { SOON };
            let is_delivered = transfer.delivered(patience).await.is_ok();
            let mark = if is_delivered {
                "\u{2713}\u{2713}"
            } else {
                "\u{2713}"
            };
            let event = json!({
                "event": "sent", "message_id": transfer.message_id(),
                "length": transfer.sent_bytes(), "delivered": is_delivered,
            });
            (true, mark.to_owned(), event)
        }
        Err(error) => {
            let error = printable(&error.to_string());
            let event = json!({"event": "not_sent", "text": text, "error": error});
            (false, format!("\u{2717} {error}"), event)
        }
    };
    let line = match is_late {
        false => format!("me: {shown} {mark}"),
        true => format!("me: {shown} \u{2026} {mark}"),
    };
    tell(&news, line, event).await;
    end(&news, number, is_good).await;
}

/// Sends a file and tells how far it is.
pub(super) async fn file(session: Session, path: PathBuf, number: u64, news: Sender<Happening>) {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = printable(&name.to_string_lossy()).replace(['\n', '\t'], " ");
    let sent = async {
        let options = SendOptions {
            content_type: media_type(&path).to_owned(),
            headers: vec![("Content-Disposition".to_owned(), disposition(&name))],
            success_report: true,
            ..SendOptions::default()
        };
        let transfer = session.send(Body::file(&path), options).await?;
        let (mut sent, mut shown) = (0, u64::MAX);
        while let Some(now) = transfer.progress(sent).await {
            sent = now;
            let total = transfer.total();
            let step = sent * 100 / total.unwrap_or(u64::MAX).max(1);
            if step != shown {
                shown = step;
                let progress = Happening::Progress(number, name.clone(), sent, total);
                let _ = news.send(progress).await;
            }
        }
        transfer.acknowledged().await?;
        Ok::<_, msrp::Error>(transfer)
    };
    let sent = sent.await;
    let is_good = match &sent {
        Ok(transfer) => {
            let len = transfer.sent_bytes();
            let event = json!({
                "event": "file_sent", "message_id": transfer.message_id(), "name": name,
                "length": len,
            });
            tell(&news, format!("me: {name} ({}) \u{2713}", size(len)), event).await;
            true
        }
        Err(error) => {
            let error = printable(&error.to_string());
            let event = json!({"event": "file_not_sent", "name": name, "error": error});
            tell(&news, format!("me: {name} \u{2717} {error}"), event).await;
            false
        }
    };
    end(&news, number, is_good).await;
    // The peer's user decides in his own time, or never says.
    let Ok(transfer) = sent else {
        return;
    };
    let id = transfer.message_id();
    match transfer.delivered(None).await {
        Ok(_) => {
            let event = json!({"event": "file_delivered", "message_id": id, "name": name});
            tell(&news, format!("me: {name} \u{2713}\u{2713}"), event).await;
        }
        Err(error) if error.kind == ErrorKind::Status => {
            let error = printable(&error.to_string());
            let event =
                json!({"event": "file_refused", "message_id": id, "name": name, "error": error});
            tell(&news, format!("me: {name} \u{2717} {error}"), event).await;
        }
        // The session has ended.
        Err(_) => {}
    }
}

/// What tells the peer the name of a file (RFC 2183).
fn disposition(name: &str) -> String {
    let escaped: String = name
        .chars()
        .flat_map(|c| {
            matches!(c, '"' | '\\')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect();
    format!("attachment; filename=\"{escaped}\"")
}

// Nobody listens any more once the chat is over.

pub(super) async fn tell(news: &Sender<Happening>, line: String, event: serde_json::Value) {
    let _ = news.send(Happening::Told { line, event }).await;
}

pub(super) async fn end(news: &Sender<Happening>, number: u64, is_good: bool) {
    let _ = news.send(Happening::Ended(number, is_good)).await;
}

/// A fate that is known in this time is shown with the line itself.
const SOON: Duration = Duration::from_millis(400);
/// A script is told once, so the REPORT about a line has this time to come. Some peers never send one.
const REPORTED: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_quoted() {
        assert_eq!(
            super::disposition("a \"b\" \\c"),
            r#"attachment; filename="a \"b\" \\c""#
        );
    }
}
