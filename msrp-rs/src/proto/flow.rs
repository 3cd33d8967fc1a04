//! Who sends ordinary messages: the direction attributes of SDP (RFC 4975 §8.9, RFC 3264 §6.1).
//!
//! They concern SENDs that carry messages for a reader. All else passes in every state: SENDs without body, such as the
//! one that binds a session, requests of other methods, REPORTs and responses, and messages that carry control or
//! reports themselves, such as IMDN. What was negotiated is known to `engine`.
//!
//! While we may not send, ordinary messages wait: those that have not begun, and those that have, at the end of their
//! chunk. While the peer may not, new ones of it get 403; what it had begun before may end.

use bytes::{Bytes, BytesMut};

use super::Body;
use super::connection::Connection;
use super::session::Session;
use crate::content::cpim::{self, LOOK, inner_type};
use crate::mutant::{self, Mutant};
use crate::wire::MediaType;

/// Which ordinary messages may be sent in a session (RFC 4975 §8.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// We send them. Else they wait.
    pub sends: bool,
    /// We take them. Else they get 403.
    pub receives: bool,
}

impl Default for Flow {
    /// Both ways.
    fn default() -> Self {
        Self {
            sends: true,
            receives: true,
        }
    }
}

/// Whether a message of this type and content is control or a report, which no direction attribute stops (RFC 4975
/// §8.9): IMDN (RFC 5438) and isComposing (RFC 3994), by themselves or in message/cpim.
pub fn is_control(content_type: &str, body: &Body) -> bool {
    let essence = essence(content_type);
    if !essence.eq_ignore_ascii_case(cpim::TYPE) {
        return is_control_type(essence);
    }
    match body {
        Body::Whole(data) => inner_type(data).is_some_and(|inner| is_control_type(inner.essence())),
        Body::None | Body::Stream(_) => false,
    }
}

fn is_control_type(essence: &str) -> bool {
    CONTROL
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// What is known of a message that comes while the peer may send control only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Control.
    Control,
    /// Not control.
    Ordinary,
    /// Its first octets will tell.
    Unknown,
}

/// Judges an incoming message by its Content-Type and where its first chunk starts.
pub(super) fn judge(content_type: &str, start: u64) -> Kind {
    let essence = essence(content_type);
    if essence.eq_ignore_ascii_case(cpim::TYPE) && start == 0 {
        Kind::Unknown
    } else if is_control_type(essence) {
        Kind::Control
    } else {
        Kind::Ordinary
    }
}

/// The first octets of a message/cpim, until they tell what it holds.
#[derive(Debug, Default)]
pub(super) struct Doubt(BytesMut);

impl Doubt {
    /// Adds octets, and judges.
    pub(super) fn add(&mut self, data: &[u8]) -> Kind {
        self.0.extend_from_slice(data);
        // The last line may not be whole.
        let lines = self.0.iter().rposition(|&octet| octet == b'\n');
        let whole = &self.0[..lines.map_or(0, |end| end + 1)];
        match inner_type(whole).as_ref().map(MediaType::essence) {
            Some(inner) if is_control_type(inner) => Kind::Control,
            Some(_) => Kind::Ordinary,
            None if self.0.len() >= LOOK => Kind::Ordinary,
            None => Kind::Unknown,
        }
    }

    /// All octets that were added.
    pub(super) fn into_octets(self) -> Bytes {
        self.0.freeze()
    }
}

impl Session {
    /// Whether it is told not to send ordinary messages.
    pub(super) fn is_held(&self) -> bool {
        !self.config.flow.sends && !mutant::on(Mutant::HoldIgnored)
    }
}

impl Connection {
    /// The direction was negotiated anew.
    pub(super) fn set_flow(&mut self, index: usize, flow: Flow) {
        let session = &mut self.sessions[index];
        session.config.flow = flow;
        let (held, full_chunk) = (session.is_held(), session.full_chunk());
        session.outgoing.set_held(held, full_chunk);
        self.wake(index);
    }
}

/// Types of control and reports.
const CONTROL: [&str; 2] = ["message/imdn+xml", "application/im-iscomposing+xml"];

#[cfg(test)]
mod tests {
    use super::*;

    const IMDN: &str = "From: <im:a@b>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\r\n\
                        Content-type: message/imdn+xml\r\n\r\n<imdn/>";

    #[test]
    fn control_is_known_by_its_type_also_inside_of_cpim() {
        let whole = |text: &'static str| Body::Whole(text.into());
        assert!(is_control("Message/IMDN+xml; charset=utf-8", &whole("")));
        assert!(is_control(
            "application/im-iscomposing+xml",
            &Body::Stream(None)
        ));
        assert!(is_control("message/cpim", &whole(IMDN)));
        assert!(!is_control("message/cpim", &Body::Stream(None)));
        assert!(!is_control(
            "message/cpim",
            &whole("From: <im:a@b>\r\n\r\n\r\nhi")
        ));
        assert!(!is_control("text/plain", &whole(IMDN)));
    }

    #[test]
    fn octet_by_octet_the_inner_type_is_not_known_too_early() {
        let mut doubt = Doubt::default();
        let told = IMDN.find("xml\r\n").expect("it is there") + "xml\r\n".len();
        for (at, octet) in IMDN.bytes().enumerate() {
            let kind = doubt.add(&[octet]);
            let expected = if at + 1 < told {
                Kind::Unknown
            } else {
                Kind::Control
            };
            assert_eq!(kind, expected, "at {at}");
        }
        assert_eq!(doubt.into_octets(), IMDN);
        let mut endless = Doubt::default();
        assert_eq!(endless.add(&[b'a'; LOOK - 1]), Kind::Unknown);
        assert_eq!(endless.add(b"a"), Kind::Ordinary);
    }
}
