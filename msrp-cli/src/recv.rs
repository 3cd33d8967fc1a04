//! `msrp recv`: what the peer sends, on the terminal or in files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use msrp::{Message, Session};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::exit::{Exit, Failure};
use crate::output::{Output, hex};
use crate::progress;
use crate::rendezvous::Habit;
use crate::session::{self, Manner};

/// Receive messages and files.
///
/// Prints texts as they come; other messages are described by their length and SHA-256, or, with --out, stored. Goes
/// on until the peer ends the session, --count messages have come, or Ctrl-C. Unless told otherwise, writes an offer
/// to standard output and reads the answer from standard input.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Store each message there, in a file named after its Message-ID.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// End the session after so many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    #[command(flatten)]
    peer: session::Args,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let manner = Manner {
        habit: Habit::Offer,
        active: false,
        interrupted: Exit::Done,
        attended: false,
    };
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).map_err(|error| Failure::io(out.display(), &error))?;
    }
    session::run(&args.peer, manner, output, async |session| {
        receive(session, args, output).await
    })
}

async fn receive(session: &Session, args: &Args, output: Output) -> Result<Exit, Failure> {
    // Large messages may come interleaved, and share the session's window: all of them are read at once.
    let mut under_way = JoinSet::new();
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut exit = Exit::Done;
    while left > 0 {
        tokio::select! {
            message = session.recv() => {
                let Some(message) = message else {
                    break;
                };
                left -= 1;
                let out = args.out.clone();
                if message.complete() {
                    exit = worse(exit, take(message, out.as_deref(), output).await?);
                } else {
                    under_way.spawn(async move { take(message, out.as_deref(), output).await });
                }
            }
            Some(taken) = under_way.join_next() => exit = worse(exit, joined(taken)?),
        }
    }
    while let Some(taken) = under_way.join_next().await {
        exit = worse(exit, joined(taken)?);
    }
    match session::lost(session) {
        Some(failure) => Err(failure),
        None => Ok(exit),
    }
}

fn joined(taken: Result<Result<Exit, Failure>, tokio::task::JoinError>) -> Result<Exit, Failure> {
    taken.unwrap_or_else(|error| Err(Failure::new(Exit::Failed, error.to_string())))
}

fn worse(exit: Exit, other: Exit) -> Exit {
    if exit == Exit::Done { other } else { exit }
}

/// Takes one message; a message that fails on its way is told of, and is no failure of the session.
async fn take(mut message: Message, out: Option<&Path>, output: Output) -> Result<Exit, Failure> {
    let message_id = message.message_id().to_owned();
    let content_type = message.content_type().to_owned();
    let taken = match out {
        Some(out) => store(&mut message, out, &output).await,
        None => show(&mut message).await,
    };
    let taken = match taken {
        Ok(taken) => taken,
        Err(error) => {
            let text = error.to_string();
            let event = json!({
                "event": "message",
                "message_id": message_id,
                "content_type": content_type,
                "complete": false,
                "error": text,
            });
            output.event(&event, || format!("message {message_id} was lost: {text}"))?;
            return Ok(Exit::Refused);
        }
    };
    let mut event = json!({
        "event": "message",
        "message_id": message_id,
        "content_type": content_type,
        "complete": true,
        "length": taken.len,
        "sha256": taken.digest,
    });
    if let Some(text) = &taken.text {
        event["text"] = text.as_str().into();
    }
    if let Some(path) = &taken.path {
        event["file"] = path.display().to_string().into();
    }
    match (&taken.text, &taken.path) {
        (Some(text), None) if !output.json => output.text(text)?,
        (_, path) => output.event(&event, || {
            let place = path.as_ref().map(|path| format!(" in {}", path.display()));
            let place = place.unwrap_or_default();
            let Taken { len, digest, .. } = &taken;
            format!("{content_type}, {len} octets{place}, SHA-256 {digest}")
        })?,
    }
    Ok(Exit::Done)
}

/// A message that was taken whole.
struct Taken {
    len: u64,
    digest: String,
    /// The content of a text.
    text: Option<String>,
    path: Option<PathBuf>,
}

async fn show(message: &mut Message) -> msrp::Result<Taken> {
    let mut hash = Sha256::new();
    let mut len = 0;
    let is_text = message
        .content_type()
        .to_ascii_lowercase()
        .starts_with("text/");
    let mut text = is_text.then(Vec::new);
    while let Some(part) = message.next_part().await? {
        hash.update(&part);
        len += part.len() as u64;
        text = text.filter(|text| text.len() + part.len() <= TEXT_LEN);
        if let Some(text) = &mut text {
            text.extend_from_slice(&part);
        }
    }
    Ok(Taken {
        len,
        digest: hex(&hash.finalize()),
        text: text.and_then(|text| String::from_utf8(text).ok()),
        path: None,
    })
}

async fn store(message: &mut Message, out: &Path, output: &Output) -> msrp::Result<Taken> {
    // A Message-ID starts with a letter or digit and holds no separator (RFC 4975 §9).
    let name = format!(
        "{}{}",
        message.message_id(),
        extension(message.content_type())
    );
    let path = out.join(name);
    let bar = match message.complete() {
        true => None,
        false => Some(progress::bar(
            output,
            message.content_type(),
            message.total(),
        )),
    };
    let saved = message.save(&path, |written, total| {
        if let Some(bar) = &bar {
            if let Some(total) = total {
                bar.set_length(total.max(written));
            }
            bar.set_position(written);
        }
    });
    let len = saved.await?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let digest = tokio::task::spawn_blocking({
        let path = path.clone();
        move || file_digest(&path)
    });
    let fault = |text: String| {
        let text = format!("{}: {text}", path.display());
        msrp::Error::local(msrp::ErrorKind::InvalidArgument, text)
    };
    let digest = digest.await.map_err(|error| fault(error.to_string()))?;
    let digest = digest.map_err(|error| fault(error.to_string()))?;
    Ok(Taken {
        len,
        digest,
        text: None,
        path: Some(path),
    })
}

fn file_digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 64 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            len => hash.update(&block[..len]),
        }
    }
}

/// The end of a file's name, by its media type.
pub(crate) fn extension(content_type: &str) -> &'static str {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "text/plain" => ".txt",
        "text/html" => ".html",
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/gif" => ".gif",
        "image/webp" => ".webp",
        "application/pdf" => ".pdf",
        "application/json" => ".json",
        "application/xml" => ".xml",
        "application/zip" => ".zip",
        "audio/mpeg" => ".mp3",
        "video/mp4" => ".mp4",
        "message/cpim" => ".cpim",
        _ => "",
    }
}

/// Octets of the longest text that is shown.
const TEXT_LEN: usize = 64 * 1024;
