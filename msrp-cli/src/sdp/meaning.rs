//! What one line of an SDP means for an MSRP connection, in a sentence or two.

use msrp::sdp::{Direction, ENGINE_MARK, HashFunction};

use super::Role;

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Before the first `m=` line.
    Session,
    /// In an `m=message` section.
    Stream {
        /// The one that is looked at.
        chosen: bool,
    },
    /// It is the `m=` line of another section with so many lines.
    Other { lines: usize },
}

/// The meaning of `letter=value`, which was written by `writer`.
pub(super) fn meaning(letter: &str, value: &str, place: Place, writer: Role) -> String {
    match (letter, place) {
        ("m", Place::Other { lines }) => other_media(value, lines),
        ("m", Place::Stream { chosen }) => stream(value, chosen),
        ("a", _) => attribute(value, place, writer),
        ("c", Place::Session) => format!(
            "The address for sections without a c= line of their own. {}",
            address(value)
        ),
        ("c", _) => address(value),
        ("v", _) => "The version of SDP.".to_owned(),
        ("o", _) => "Who made the text. The third field is its version: a re-offer that changes anything has one \
                     more."
            .to_owned(),
        ("s", _) => "The name of the session, without effect.".to_owned(),
        ("t", _) => "When the session takes place; 0 0 is without bounds. An answer repeats it.".to_owned(),
        ("r" | "z", _) => "Repetitions in time, without effect; an answer repeats them.".to_owned(),
        ("b", _) => "A bandwidth, without effect on MSRP.".to_owned(),
        ("k", _) => "A key in the clear: obsolete, and ignored.".to_owned(),
        _ => "Information for people, without effect.".to_owned(),
    }
}

fn other_media(value: &str, lines: usize) -> String {
    let kind = value.split(' ').next().unwrap_or_default();
    format!(
        "Another kind of stream ({kind}), {lines} lines. It is handed to the host as it is; an answer has an m= line \
         for it at the same place, with port 0 to refuse it."
    )
}

fn stream(value: &str, chosen: bool) -> String {
    let mut fields = value.split(' ');
    let port = fields.nth(1).unwrap_or_default();
    let protocol = fields.next().unwrap_or_default();
    if port == "0" {
        return "A message stream with port 0: it is refused, or ended.".to_owned();
    }
    let security = match protocol.to_ascii_uppercase().as_str() {
        "TCP/MSRP" => "over plain TCP",
        "TCP/TLS/MSRP" => "over TLS",
        _ => return "A message stream that is no MSRP over TCP: it is refused.".to_owned(),
    };
    let which = match chosen {
        true => "The MSRP stream",
        false => "A further MSRP stream",
    };
    format!(
        "{which}, {security}. Port {port} is told for others to see: without CEMA, the path alone says where to connect."
    )
}

fn address(value: &str) -> String {
    let address = value.split_ascii_whitespace().nth(2).unwrap_or_default();
    match address {
        "0.0.0.0" => "The old way of hold: no ordinary messages meanwhile, the connection is kept."
            .to_owned(),
        address => format!(
            "{address} is told for others to see: without CEMA, the path alone says where to connect."
        ),
    }
}

fn attribute(line: &str, place: Place, writer: Role) -> String {
    let (name, value) = match line.split_once(':') {
        Some((name, value)) => (name, value.trim()),
        None => (line, ""),
    };
    let in_stream = matches!(place, Place::Stream { .. });
    match name {
        "path" | "accept-types" | "accept-wrapped-types" | "max-size" | "msrp-cema"
            if !in_stream =>
        {
            "Without effect here: it belongs behind an m= line.".to_owned()
        }
        "path" => path(value),
        "accept-types" => match value {
            "" => "Nothing can be sent to this side.".to_owned(),
            "*" => "This side takes messages of any type.".to_owned(),
            _ => "Types of whole messages that this side takes, in its order of preference.".to_owned(),
        },
        "accept-wrapped-types" => {
            "Further types that this side takes, but only inside of a container that accept-types has.".to_owned()
        }
        "max-size" if value.is_empty() || !value.bytes().all(|octet| octet.is_ascii_digit()) => {
            "No number: ignored.".to_owned()
        }
        "max-size" => format!("The largest message, in octets, that this side wishes to get: {value}."),
        "setup" => setup(value, writer),
        "connection" => "MSRP has its own rules for the reuse of connections: ignored.".to_owned(),
        "fingerprint" => fingerprint(value),
        "msrp-cema" => {
            "This side can connect through middleboxes that change c= and m= lines (CEMA): where both sides say so, \
             these lines may count, not the path."
                .to_owned()
        }
        ENGINE_MARK => {
            "The mark of this engine: two of them do without limits that are for others.".to_owned()
        }
        "file-selector" | "file-transfer-id" | "file-disposition" | "file-date" | "file-icon" | "file-range" => {
            "About a file (RFC 5547): handed to the host as it is.".to_owned()
        }
        "chatroom" => "About a chat room (RFC 7701): handed to the host as it is.".to_owned(),
        name => match Direction::from_name(name).filter(|_| value.is_empty()) {
            Some(direction) => self::direction(direction).to_owned(),
            None => "Not about MSRP: handed to the host as it is.".to_owned(),
        },
    }
}

fn path(value: &str) -> String {
    match value.split_ascii_whitespace().count() {
        0 | 1 => "Where this side is: who connects to it connects to this URI, and each request names it. Who knows \
                  its session-id can take part in the session."
            .to_owned(),
        count => format!(
            "The way to this side: who connects to it connects to the first of these {count} URIs, a relay; each \
             request names all, and the last is this side itself. Who knows its session-id can take part."
        ),
    }
}

fn setup(value: &str, writer: Role) -> String {
    let text = match (value.to_ascii_lowercase().as_str(), writer) {
        ("active", _) => "This side connects, is the TLS client, and sends the first request.",
        ("passive", Role::Offerer) => {
            "This side waits to be connected to. An offer should not say so; the answerer connects."
        }
        ("passive", Role::Answerer) => {
            "This side waits: the offerer connects, and sends the first request."
        }
        ("actpass", Role::Offerer) => {
            "This side can connect and be connected to: the answerer chooses."
        }
        ("actpass", Role::Answerer) => {
            "No choice, which an answer has to make: as if it were not there."
        }
        _ => "As if it were not there: the offerer connects.",
    };
    text.to_owned()
}

fn fingerprint(value: &str) -> String {
    let name = value.split_ascii_whitespace().next().unwrap_or_default();
    let function = HashFunction::from_name(name);
    match function {
        HashFunction::Other(_) => "Of a hash that is not known: passed over.".to_owned(),
        function if !function.is_trusted() => format!("{function} is too weak: never trusted."),
        function => format!(
            "What the certificate of this side hashes to with {function}: with TLS, a certificate may be told by it \
             that no CA signed."
        ),
    }
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "Messages go in both directions, as without this line.",
        Direction::SendOnly => "Only this side sends messages.",
        Direction::RecvOnly => "Only the other side sends messages.",
        Direction::Inactive => "Nobody sends messages; the connection is kept.",
    }
}
