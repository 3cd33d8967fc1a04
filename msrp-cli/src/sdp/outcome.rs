//! What comes out of the lines of a text: who connects to whom, whether with TLS, and what may be sent.

use msrp::sdp::{self, Direction, MediaDescription, Protocol, Setup, SetupAttribute, cema};
use msrp::wire::{Host, MediaRange, Uri};
use msrp::{Error, ErrorKind};
use serde_json::json;

use super::Role;
use super::explain::{WIDTH, wrap};
use crate::exit::Failure;
use crate::output::{Output, printable};

/// What a text says, and the offer that it answers, where that is known.
pub(super) struct Outcome {
    writer: Role,
    stream: MediaDescription,
    offer: Option<MediaDescription>,
    /// Who connects; `None` if the answer decides.
    connects: Option<Role>,
}

impl Outcome {
    /// What can be said by an offer, or by an answer alone.
    pub(super) fn of(writer: Role, stream: MediaDescription) -> Self {
        let connects = match (writer, stream.setup) {
            (Role::Offerer, Some(SetupAttribute::ActPass)) => None,
            (_, Some(SetupAttribute::Active)) => Some(writer),
            (Role::Offerer, Some(SetupAttribute::Passive)) => Some(Role::Answerer),
            (Role::Offerer, None) | (Role::Answerer, _) => Some(Role::Offerer),
        };
        Self {
            writer,
            stream,
            offer: None,
            connects,
        }
    }

    /// What an offer and an answer say together; an error if they do not fit.
    pub(super) fn of_both(offer: MediaDescription, answer: MediaDescription) -> msrp::Result<Self> {
        if offer.protocol == Protocol::Tls && answer.protocol == Protocol::Tcp {
            let text = "the offer is for TLS, the answer is not (RFC 4975 §8.1)";
            return Err(Error::remote(ErrorKind::InvalidSdp, text));
        }
        let connects = match sdp::role_from_answer(&offer, &answer)? {
            Setup::Active => Role::Offerer,
            Setup::Passive => Role::Answerer,
        };
        Ok(Self {
            writer: Role::Answerer,
            stream: answer,
            offer: Some(offer),
            connects: Some(connects),
        })
    }

    /// Prints it, for the `m=` line of this index.
    pub(super) fn print(&self, index: usize, output: &Output) -> Result<(), Failure> {
        if output.json {
            return output.content(&self.json(index).to_string());
        }
        output.content("")?;
        let writer = self.writer.name();
        for (name, text) in [
            ("connection".to_owned(), self.connection()),
            ("TLS".to_owned(), self.security()),
            (format!("to the {writer}"), self.sent_to_it()),
            (format!("from the {writer}"), self.sent_by_it()),
        ] {
            for (at, part) in wrap(&text, WIDTH).iter().enumerate() {
                let name = if at == 0 { name.as_str() } else { "" };
                output.content(&printable(&format!("{name:17}  {part}")))?;
            }
        }
        Ok(())
    }

    fn json(&self, index: usize) -> serde_json::Value {
        let stream = &self.stream;
        let first = stream.path.first();
        let list = |ranges: &[MediaRange]| -> Vec<String> {
            ranges.iter().map(ToString::to_string).collect()
        };
        let prints: Vec<_> = stream
            .fingerprints
            .iter()
            .map(ToString::to_string)
            .collect();
        json!({
            "event": "stream", "media": index, "role": self.writer.name(),
            "connects": self.connects.map_or("answerer decides", Role::name),
            "connect_to": self.target().map(|target| {
                let first = target.path.first();
                format!("{}:{}", first.host(), first.port().unwrap_or_default())
            }),
            "host": first.host().to_string(), "port": first.port(), "relays": stream.path.len() - 1,
            "tls": stream.protocol == Protocol::Tls, "fingerprints": prints,
            "direction": stream.direction.name(), "accept_types": list(&stream.accept_types),
            "accept_wrapped_types": list(&stream.accept_wrapped_types),
            "max_size": stream.max_size, "cema": stream.cema, "address_in_path": address_in_path(stream),
            "hold": stream.is_on_hold(),
        })
    }

    /// Whose path is connected to, if that is known.
    fn target(&self) -> Option<&MediaDescription> {
        match self.connects? {
            role if role == self.writer => self.offer.as_ref(),
            _ => Some(&self.stream),
        }
    }

    fn connection(&self) -> String {
        let other = self.writer.other().name();
        let mut text = match (self.connects, self.target()) {
            (None, _) => format!(
                "The answerer decides: with setup:active it connects to {}; with setup:passive, or without setup, \
                 the offerer connects to the first URI of the answer's path.",
                place(&self.stream)
            ),
            (Some(role), Some(target)) => {
                format!("The {} connects, to {}.", role.name(), place(target))
            }
            (Some(role), None) => format!(
                "The {} connects, to the first URI in the path of the {other}; nobody connects to this side.",
                role.name()
            ),
        };
        if self.stream.cema {
            text.push(' ');
            text.push_str(&middlebox(&self.stream));
        }
        text
    }

    fn security(&self) -> String {
        if self.stream.protocol == Protocol::Tcp {
            return "None: everybody on the way can read and change what is sent.".to_owned();
        }
        let host = self.stream.path.first().host();
        let mut text = "The side that connects is the TLS client. ".to_owned();
        let writer = self.writer.name();
        if self.stream.has_relay() {
            text.push_str(&format!(
                "The relay's certificate must come from a trusted CA and name {host}; fingerprints say nothing about it."
            ));
        } else if self.stream.fingerprints.is_empty() {
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

    /// What is sent to the one who wrote the text.
    fn sent_to_it(&self) -> String {
        match &self.offer {
            Some(offer) if !offer.direction.sends() => silence(offer.direction),
            _ => accepted(&self.stream),
        }
    }

    /// What that one sends.
    fn sent_by_it(&self) -> String {
        let direction = self.stream.direction;
        match &self.offer {
            _ if !direction.sends() => silence(direction),
            Some(offer) => accepted(offer),
            None if direction == Direction::SendOnly => "Messages; it takes none.".to_owned(),
            None => "Messages of what the other side's text accepts.".to_owned(),
        }
    }
}

/// Where one connects to, by the path.
fn place(stream: &MediaDescription) -> String {
    let first = stream.path.first();
    let relay = if stream.has_relay() { ", a relay" } else { "" };
    let port = first.port().unwrap_or_default();
    format!("{} port {port}{relay}", first.host())
}

fn silence(direction: Direction) -> String {
    format!("No ordinary messages ({direction}); reports, notifications and empty requests pass.")
}

/// Whether `c=` and `m=` line are those of a URI of the path; `None` where that takes a look into DNS.
fn address_in_path(stream: &MediaDescription) -> Option<bool> {
    let is_name = |host: &Host| host.ip().is_none();
    let same_port = |uri: &&Uri| uri.port() == Some(stream.port);
    let unknown = |uri: &Uri| {
        stream
            .address
            .as_ref()
            .is_some_and(|address| is_name(address) || is_name(uri.host()))
    };
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

/// What may be sent to the one who wrote this.
fn accepted(stream: &MediaDescription) -> String {
    if !stream.direction.receives() {
        return silence(stream.direction);
    }
    if stream.is_on_hold() {
        return "No ordinary messages meanwhile: the address 0.0.0.0 says hold.".to_owned();
    }
    let list = |ranges: &[MediaRange]| {
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
