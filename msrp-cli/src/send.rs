//! `msrp send`: messages and files to the peer, and what became of them.

use std::path::{Path, PathBuf};

use msrp::{Body, SendOptions, Session, Transfer};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress;
use crate::rendezvous::Habit;
use crate::session::{self, Manner};

/// Send messages and files.
///
/// Sends the texts, then the files, each as one message, and waits until the peer has acknowledged every octet; with
/// --report also until it has confirmed that the whole message arrived. Unless told otherwise, reads an offer from
/// standard input and writes the answer to standard output.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The texts, one message each.
    #[arg(value_name = "TEXT", required_unless_present_any = ["file", "stdin"])]
    text: Vec<String>,

    /// Send this file; may be given several times.
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,

    /// Send what comes on standard input, as one message, while it comes. The rendezvous needs files then.
    #[arg(long)]
    stdin: bool,

    /// The media type. By default text/plain for texts and by the name of a file for files.
    #[arg(long, value_name = "TYPE/SUBTYPE")]
    content_type: Option<String>,

    /// Ask for success reports, and wait for them.
    #[arg(long)]
    report: bool,

    #[command(flatten)]
    peer: session::Args,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let manner = Manner {
        habit: Habit::Answer,
        active: true,
        interrupted: Exit::Interrupted,
        attended: false,
    };
    if args.stdin && args.peer.reads_standard_input(manner.habit) {
        let text = "--stdin leaves no standard input for the rendezvous or a password: use files";
        return Err(Failure::new(Exit::Usage, text));
    }
    for path in &args.file {
        // Said before anyone is bothered with a session.
        std::fs::File::open(path).map_err(|error| Failure::io(path.display(), &error))?;
    }
    session::run(&args.peer, manner, output, async |session| {
        for text in &args.text {
            let options = args.options("text/plain");
            send(session, text.clone(), options, "text", &output).await?;
        }
        for path in &args.file {
            let options = args.options(media_type(path));
            let name = path.file_name().unwrap_or(path.as_os_str());
            let label = name.to_string_lossy();
            send(session, Body::file(path), options, &label, &output).await?;
        }
        if args.stdin {
            let options = args.options("application/octet-stream");
            let body = Body::reader(tokio::io::stdin(), None);
            send(session, body, options, "standard input", &output).await?;
        }
        Ok(Exit::Done)
    })
}

impl Args {
    fn options(&self, content_type: &str) -> SendOptions {
        let content_type = self.content_type.as_deref().unwrap_or(content_type);
        SendOptions {
            content_type: content_type.to_owned(),
            success_report: self.report,
            ..SendOptions::default()
        }
    }
}

/// Sends one message and waits for its fate.
async fn send(
    session: &Session,
    body: impl Into<Body>,
    options: SendOptions,
    label: &str,
    output: &Output,
) -> Result<(), Failure> {
    let content_type = options.content_type.clone();
    let report = options.success_report;
    let transfer = session.send(body, options).await?;
    watch(&transfer, label, output).await;
    transfer.acknowledged().await?;
    if report {
        transfer.delivered(None).await?;
    }
    let len = transfer.sent_bytes();
    let event = json!({
        "event": "sent",
        "message_id": transfer.message_id(),
        "content_type": content_type,
        "length": len,
        "delivered": report,
    });
    output.event(&event, || {
        let fate = if report { "delivered" } else { "acknowledged" };
        format!("{label}: {len} octets {fate}")
    })
}

/// Draws the progress of a message that takes its time.
async fn watch(transfer: &Transfer, label: &str, output: &Output) {
    let mut bar = None;
    let mut sent = 0;
    while let Some(now) = transfer.progress(sent).await {
        sent = now;
        let bar = bar.get_or_insert_with(|| progress::bar(output, label, transfer.total()));
        bar.set_position(sent);
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// The media type of a file, by the end of its name.
pub(crate) fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "md" | "log" => "text/plain",
        "html" | "htm" => "text/html",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        "json" => "application/json",
        "xml" => "application/xml",
        "zip" => "application/zip",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}
