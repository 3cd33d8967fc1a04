//! `msrp echo`: every message goes back to where it came from.

use msrp::{Message, SendOptions, Session};
use serde_json::json;
use tokio::task::JoinSet;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::rendezvous::Habit;
use crate::session::{self, Manner};

/// Send every message back.
///
/// A peer to test against: each message is returned under its media type with a Message-ID of its own, large ones
/// while they still come. Goes on until the peer ends the session, --count messages have come, or Ctrl-C. Unless told
/// otherwise, reads an offer from standard input and writes the answer to standard output.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End the session after so many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    #[command(flatten)]
    peer: session::Args,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let manner = Manner {
        habit: Habit::Answer,
        active: false,
        interrupted: Exit::Done,
        attended: false,
    };
    session::run(&args.peer, manner, output, async |session| {
        echo(session, args.count, output).await
    })
}

async fn echo(session: &Session, count: Option<u64>, output: Output) -> Result<Exit, Failure> {
    let mut under_way = JoinSet::new();
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        tokio::select! {
            message = session.recv() => {
                let Some(message) = message else {
                    break;
                };
                left -= 1;
                if message.complete() {
                    // In their order; large ones may overtake each other.
                    report(back(session, message).await, output)?;
                } else {
                    let session = session.clone();
                    under_way.spawn(async move { back(&session, message).await });
                }
            }
            Some(Ok(echoed)) = under_way.join_next() => report(echoed, output)?,
        }
    }
    while let Some(Ok(echoed)) = under_way.join_next().await {
        report(echoed, output)?;
    }
    match session::lost(session) {
        Some(failure) => Err(failure),
        None => Ok(Exit::Done),
    }
}

/// Sends one message back and waits until the peer has acknowledged it. Gives its old and new Message-ID and length.
async fn back(session: &Session, mut message: Message) -> msrp::Result<(String, String, u64)> {
    let options = SendOptions {
        content_type: message.content_type().to_owned(),
        ..SendOptions::default()
    };
    let transfer = if message.complete() {
        session.send(message.read().await?, options).await?
    } else {
        // Dropped on an error, the stream ends the echo with `#`, as the message itself was.
        let mut stream = session.stream(message.total(), options).await?;
        while let Some(part) = message.next_part().await? {
            stream.write(part).await?;
        }
        stream.finish()
    };
    transfer.acknowledged().await?;
    let ids = (message.message_id(), transfer.message_id());
    Ok((ids.0.to_owned(), ids.1.to_owned(), transfer.sent_bytes()))
}

/// Tells of an echo. A message that fails is no failure of the session.
fn report(echoed: msrp::Result<(String, String, u64)>, output: Output) -> Result<(), Failure> {
    match echoed {
        Ok((received, sent, len)) => {
            let event = json!({
                "event": "echoed",
                "message_id": received,
                "echo_message_id": sent,
                "length": len,
            });
            output.event(&event, || format!("{len} octets echoed"))
        }
        Err(error) => {
            let text = error.to_string();
            let event = json!({"event": "echo_failed", "error": text});
            output.event(&event, || format!("not echoed: {text}"))
        }
    }
}
