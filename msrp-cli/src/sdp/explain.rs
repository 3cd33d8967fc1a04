//! `msrp sdp explain`: what each line of a text says, and what comes out of them.

use std::path::PathBuf;

use msrp::sdp::{Direction, MediaDescription, Protocol, SessionDescription, SetupAttribute, cema};
use msrp::wire::{Host, Redacted, Uri};
use msrp::{Error, ErrorKind};
use serde_json::json;

use super::meaning::{Place, meaning};
use super::{Role, read_text};
use crate::exit::{Exit, Failure};
use crate::output::{Output, printable};

/// Say what each line means for the connection.
///
/// "This side" is the one that wrote the text. Who connects to whom, whether with TLS and how the certificate is judged, what may be sent in which direction and
/// how large it may be. Sections of other media are named, and their lines are left out. Session-ids are cut to four
/// characters and keys left out, so that the output can be shown around, unless --secrets is given.
///
/// With --json one object for each line, and one for what comes out of them. The exit code is 1 if the stream would be
/// refused for a broken rule; `msrp sdp check` names all of those.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who wrote the text: it is an offer or an answer.
    #[arg(long, default_value = "offerer")]
    role: Role,

    /// Look at the stream on this m= line, counted from 0; by default at the first that can be used.
    #[arg(long, value_name = "N")]
    index: Option<usize>,

    /// Show session-ids whole.
    #[arg(long)]
    secrets: bool,

    /// The text; `-` for standard input.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let text = read_text(&args.file)?;
    let parsed = SessionDescription::parse(&text).map_err(|error| {
        let text = format!("{}: {error}", args.file.display());
        Failure::new(Exit::Failed, text)
    })?;
    let stream = parsed.select(args.index);
    let chosen = match &stream {
        Ok((index, _)) => Some(*index),
        Err(error) if error.kind == ErrorKind::InvalidArgument => {
            return Err(Failure::new(Exit::Usage, error.to_string()));
        }
        Err(_) => args.index,
    };
    lines(args, &text, &parsed, chosen, output)?;
    match stream {
        Ok((index, stream)) => {
            outcome(args, index, &stream, output)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            refusal(&error, output)?;
            Ok(match error.kind {
                ErrorKind::Gone => Exit::Done,
                _ => Exit::Failed,
            })
        }
    }
}

fn lines(
    args: &Args,
    text: &str,
    parsed: &SessionDescription,
    chosen: Option<usize>,
    output: &Output,
) -> Result<(), Failure> {
    let sections: Vec<_> = parsed.media_lines().collect();
    let mut section = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let Some((letter, value)) = line.split_once('=') else {
            continue;
        };
        if letter == "m" {
            section = Some(section.map_or(0, |at: usize| at + 1));
        }
        let place = match section.and_then(|at| Some((at, sections.get(at)?))) {
            None => Place::Session,
            Some((at, media)) if Some(at) == chosen || media.media == "message" => Place::Stream {
                chosen: Some(at) == chosen,
            },
            Some((_, media)) if letter == "m" => Place::Other {
                lines: media.text.lines().count(),
            },
            // What belongs to other media may hold their keys.
            Some(_) => continue,
        };
        let meaning = meaning(letter, value, place, args.role);
        let shown = shown(line, args.secrets);
        if output.json {
            let line = json!({
                "line": index + 1, "media": section, "text": shown, "meaning": meaning,
            });
            output.content(&line.to_string())?;
        } else {
            output.content(&printable(&format!("{:4}  {shown}", index + 1)))?;
            for part in wrap(&meaning, WIDTH) {
                output.content(&printable(&format!("          {part}")))?;
            }
        }
    }
    Ok(())
}

/// The line without what gives access to something.
fn shown(line: &str, secrets: bool) -> String {
    if secrets {
        return line.to_owned();
    }
    let first = |value: &str| value.chars().take(4).collect::<String>();
    if line.starts_with("k=") {
        return "k=…".to_owned();
    }
    for name in ["a=crypto:", "a=key-mgmt:", "a=ice-pwd:"] {
        if line.starts_with(name) {
            return format!("{name}…");
        }
    }
    let mark = format!("a={}:", msrp::sdp::ENGINE_MARK);
    match line.strip_prefix(&mark) {
        Some(session_id) => format!("{mark}{}…", first(session_id)),
        None => Redacted(line).to_string(),
    }
}

fn refusal(error: &Error, output: &Output) -> Result<(), Failure> {
    let reason = error.to_string();
    if output.json {
        return output.content(&json!({"event": "refused", "reason": reason}).to_string());
    }
    output.content("")?;
    let ended = error.kind == ErrorKind::Gone;
    let what = if ended { "no stream" } else { "refused" };
    output.content(&printable(&format!("{what}: {reason}")))
}

fn outcome(
    args: &Args,
    index: usize,
    stream: &MediaDescription,
    output: &Output,
) -> Result<(), Failure> {
    let first = stream.path.first();
    let host = first.host().to_string();
    let port = first.port().unwrap_or_default();
    if output.json {
        let list = |ranges: &[msrp::wire::MediaRange]| -> Vec<String> {
            ranges.iter().map(ToString::to_string).collect()
        };
        let prints: Vec<_> = stream
            .fingerprints
            .iter()
            .map(ToString::to_string)
            .collect();
        let connects = match connecting(stream, args.role) {
            Some(role) => role.name(),
            None => "answerer decides",
        };
        let line = json!({
            "event": "stream", "media": index, "role": args.role.name(), "connects": connects,
            "host": host, "port": port, "relays": stream.path.len() - 1,
            "tls": stream.protocol == Protocol::Tls, "fingerprints": prints,
            "direction": stream.direction.name(), "accept_types": list(&stream.accept_types),
            "accept_wrapped_types": list(&stream.accept_wrapped_types),
            "max_size": stream.max_size, "cema": stream.cema, "address_in_path": address_in_path(stream),
            "hold": stream.is_on_hold(),
        });
        return output.content(&line.to_string());
    }
    output.content("")?;
    let writer = args.role.name();
    for (name, text) in [
        ("connection".to_owned(), connection(stream, args.role)),
        ("TLS".to_owned(), security(stream, args.role)),
        (format!("to the {writer}"), to_it(stream)),
        (format!("from the {writer}"), from_it(stream)),
    ] {
        for (at, part) in wrap(&text, WIDTH).iter().enumerate() {
            let name = if at == 0 { name.as_str() } else { "" };
            output.content(&printable(&format!("{name:17}  {part}")))?;
        }
    }
    Ok(())
}

/// Who connects; `None` if the answer decides.
fn connecting(stream: &MediaDescription, writer: Role) -> Option<Role> {
    match (writer, stream.setup) {
        (Role::Offerer, Some(SetupAttribute::ActPass)) => None,
        (_, Some(SetupAttribute::Active)) => Some(writer),
        (Role::Offerer, Some(SetupAttribute::Passive)) => Some(Role::Answerer),
        (Role::Offerer, None) | (Role::Answerer, _) => Some(Role::Offerer),
    }
}

fn connection(stream: &MediaDescription, writer: Role) -> String {
    let first = stream.path.first();
    let relay = if stream.has_relay() { ", a relay" } else { "" };
    let here = format!(
        "{} port {}{relay}",
        first.host(),
        first.port().unwrap_or_default()
    );
    let other = writer.other().name();
    let mut text = match connecting(stream, writer) {
        None => format!(
            "The answerer decides: with setup:active it connects to {here}; with setup:passive, or without setup, \
             the offerer connects to the first URI of the answer's path."
        ),
        Some(role) if role == writer => format!(
            "The {} connects, to the first URI in the path of the {other}; nobody connects to this side.",
            writer.name()
        ),
        Some(role) => format!("The {} connects, to {here}.", role.name()),
    };
    if stream.cema {
        text.push(' ');
        text.push_str(&middlebox(stream));
    }
    text
}

/// Whether `c=` and `m=` line are those of a URI of the path; `None` where that takes a look into DNS.
fn address_in_path(stream: &MediaDescription) -> Option<bool> {
    let is_name = |host: &Host| host.ip().is_none();
    let same_port = |uri: &&Uri| uri.port() == Some(stream.port);
    let unknown = |uri: &Uri| stream.address.as_ref().map(is_name) != Some(is_name(uri.host()));
    match cema::matches(stream, &cema::Names::new()) {
        true => Some(true),
        false if stream.path.iter().filter(same_port).any(unknown) => None,
        false => Some(false),
    }
}

/// What `msrp-cema` leads to, if both sides say it.
fn middlebox(stream: &MediaDescription) -> String {
    let address = stream.address.as_ref().map(ToString::to_string);
    let address = address.as_deref().unwrap_or("no address");
    let port = stream.port;
    match address_in_path(stream) {
        Some(true) => {
            "With CEMA: c= and m= line are in the path, so no middlebox changed them.".to_owned()
        }
        Some(false) => format!(
            "With CEMA: c= and m= line ({address} port {port}) are not in the path, so a middlebox changed them; if \
             both sides say msrp-cema, the connection to this side goes there."
        ),
        None => format!(
            "With CEMA: whether a middlebox changed c= and m= line ({address} port {port}), only DNS can tell."
        ),
    }
}

fn security(stream: &MediaDescription, writer: Role) -> String {
    if stream.protocol == Protocol::Tcp {
        return "None: everybody on the way can read and change what is sent.".to_owned();
    }
    let host = stream.path.first().host();
    let mut text = "The side that connects is the TLS client. ".to_owned();
    let writer = writer.name();
    if stream.has_relay() {
        text.push_str(&format!(
            "The relay's certificate must come from a trusted CA and name {host}; fingerprints say nothing about it."
        ));
    } else if stream.fingerprints.is_empty() {
        text.push_str(&format!(
            "The certificate of the {writer} must come from a trusted CA and name {host}: there is no fingerprint."
        ));
    } else {
        text.push_str(&format!(
            "Who goes by fingerprints takes the certificate of the {writer} if it has one of those given here with the \
             best hash that both know, whoever signed it, and shows one of its own. Who goes by CAs wants one that \
             names {host}."
        ));
    }
    text
}

fn to_it(stream: &MediaDescription) -> String {
    if !stream.direction.receives() {
        return format!(
            "No ordinary messages ({}); reports, notifications and empty requests pass.",
            stream.direction
        );
    }
    if stream.is_on_hold() {
        return "No ordinary messages meanwhile: the address 0.0.0.0 says hold.".to_owned();
    }
    let list = |ranges: &[msrp::wire::MediaRange]| {
        let texts: Vec<_> = ranges.iter().map(|range| range.as_str()).collect();
        texts.join(", ")
    };
    let any = stream
        .accept_types
        .iter()
        .any(|range| range.as_str() == "*");
    let mut text = match stream.accept_types.len() {
        0 => "Nothing: it accepts no type.".to_owned(),
        1 if any => "Messages of any type.".to_owned(),
        _ if any => format!(
            "Messages of any type, best {}.",
            list(&stream.accept_types)
                .replace(", *", "")
                .replace("*, ", "")
        ),
        _ => format!("Messages of {}.", list(&stream.accept_types)),
    };
    if !stream.accept_wrapped_types.is_empty() && !any {
        let wrapped = list(&stream.accept_wrapped_types);
        text.push_str(&format!(" Inside of containers also {wrapped}."));
    }
    if stream.wants_cpim() {
        text.push_str(" Texts are wrapped in message/cpim, which stands first.");
    }
    match stream.max_size {
        Some(size) => text.push_str(&format!(" Of at most {size} octets each.")),
        None => text.push_str(" Of any size."),
    }
    text
}

fn from_it(stream: &MediaDescription) -> String {
    match stream.direction {
        direction if !direction.sends() => format!(
            "No ordinary messages ({direction}); reports, notifications and empty requests pass."
        ),
        Direction::SendOnly => "Messages; it takes none.".to_owned(),
        _ => "Messages of what the other side's text accepts.".to_owned(),
    }
}

/// Lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

const WIDTH: usize = 84;
