//! Media types that a peer answered with 415: nothing more of them is sent in that session (RFC 4975 §10.6).
//!
//! A type is meant without its parameters, as in `accept-types` (§8.6). In message/cpim it is the type inside that is
//! unwelcome, since the peer has to take the wrapper (§13). Where the answer is read stands in `inbound` and `report`.

use std::collections::VecDeque;
use std::fmt;

use super::connection::Connection;
use super::transfer::{Outgoing, Phase};
use super::{Body, Event, Failure};
use crate::content::cpim::{self, inner_type};
use crate::mutant::{self, Mutant};
use crate::wire::{MediaType, StatusCode};

/// A media type that a peer does not want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedType {
    /// `type/subtype`, in lower case.
    essence: Box<str>,
    /// Inside message/cpim. The same type by itself is another matter.
    is_wrapped: bool,
}

impl RefusedType {
    /// What a 415 to a message of this type and content forbids. `None` for message/cpim whose content does not say
    /// what it holds, or is not here yet.
    pub fn of(content_type: &str, body: &Body) -> Option<Self> {
        Self::wrapped(content_type, body).or_else(|| Self::own(content_type))
    }

    /// The same, for a message that wraps nothing.
    pub(super) fn own(content_type: &str) -> Option<Self> {
        let media_type = MediaType::parse(content_type).ok()?;
        (!media_type.is(cpim::TYPE)).then(|| Self::new(&media_type, false))
    }

    /// The same, for a message that wraps another type.
    pub(super) fn wrapped(content_type: &str, body: &Body) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(cpim::TYPE) {
            return None;
        }
        let Body::Whole(data) = body else { return None };
        inner_type(data).map(|media_type| Self::new(&media_type, true))
    }

    fn new(media_type: &MediaType, is_wrapped: bool) -> Self {
        Self {
            essence: media_type.essence().to_ascii_lowercase().into(),
            is_wrapped,
        }
    }
}

impl fmt::Display for RefusedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.essence)?;
        if self.is_wrapped {
            f.write_str(" in message/cpim")?;
        }
        Ok(())
    }
}

/// The refused types of a session: the latest 64.
#[derive(Debug, Default)]
pub struct RefusedTypes(VecDeque<RefusedType>);

impl RefusedTypes {
    /// Adds one; false if it is there already.
    pub fn insert(&mut self, refused: RefusedType) -> bool {
        if self.0.contains(&refused) {
            return false;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(refused);
        true
    }

    /// The one that forbids a message of this type and content.
    pub fn find(&self, content_type: &str, body: &Body) -> Option<&RefusedType> {
        if self.0.is_empty() {
            return None;
        }
        let this = RefusedType::of(content_type, body)?;
        self.0.iter().find(|refused| **refused == this)
    }

    /// The one that forbids this message.
    pub(super) fn refusing(&self, outgoing: &Outgoing) -> Option<RefusedType> {
        if self.0.is_empty() {
            return None;
        }
        outgoing.refusable().filter(|this| self.0.contains(this))
    }
}

impl Connection {
    /// A message was answered, or reported, with a failure. If that is 415, those of its type that have not begun
    /// fail, too.
    pub(super) fn fail_with_status(
        &mut self,
        index: usize,
        transfer: usize,
        status: StatusCode,
        failure: Failure,
    ) {
        let sending = &self.sessions[index].outgoing;
        let refused = match sending.transfers.get(transfer) {
            _ if mutant::on(Mutant::TypeTriedAgain) => None,
            Some(outgoing) if status == StatusCode::UNSUPPORTED_MEDIA_TYPE => outgoing.refusable(),
            _ => None,
        };
        self.fail_transfer(index, transfer, failure);
        let Some(refused) = refused else { return };
        let session = &mut self.sessions[index];
        if !session.outgoing.refused.insert(refused.clone()) {
            return;
        }
        let event = Event::TypeRefused(refused.clone());
        self.events.push_back((session.key, event));
        let not_begun = |(place, outgoing): (usize, &Outgoing)| {
            let begun = outgoing.position > 0 || self.schedule.is_open(index, place);
            let same = || outgoing.refusable().as_ref() == Some(&refused);
            (outgoing.phase == Phase::Sending && !begun && same()).then_some(place)
        };
        let session = &self.sessions[index];
        let not_begun: Vec<_> = (session.outgoing.transfers.iter())
            .filter_map(not_begun)
            .collect();
        for place in not_begun {
            self.fail_transfer(index, place, Failure::TypeRefused(refused.clone()));
        }
    }
}

/// Most types that are remembered of a session: a peer that refuses more plays with us.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content_type: &str, body: &'static str) -> Option<String> {
        let refused = RefusedType::of(content_type, &Body::Whole(body.into()));
        refused.map(|refused| refused.to_string())
    }

    #[test]
    fn a_type_is_meant_without_its_parameters_and_case() {
        assert_eq!(
            of("Text/HTML; charset=UTF-8", "").as_deref(),
            Some("text/html")
        );
        assert_eq!(of("no type", ""), None);
    }

    #[test]
    fn of_message_cpim_the_type_inside_is_meant() {
        let html = "From: <im:a@b>\r\n\r\nContent-ID: <1>\r\ncontent-type: Text/HTML;a=b\r\n\r\nhi";
        for (content, expected) in [
            (html, Some("text/html in message/cpim")),
            (
                "From: <im:a@b>\n\nContent-Type: a/b\n\nhi",
                Some("a/b in message/cpim"),
            ),
            (
                "From: <im:a@b>\r\n\r\n\r\nhi",
                Some("text/plain in message/cpim"),
            ),
            ("From: <im:a@b>\r\n", None),
            ("From: <im:a@b>\r\n\r\nno header\r\n", None),
            ("", None),
        ] {
            assert_eq!(
                of("Message/CPIM", content).as_deref(),
                expected,
                "{content:?}"
            );
        }
        assert_eq!(RefusedType::of(cpim::TYPE, &Body::Stream(None)), None);
    }

    #[test]
    fn the_types_remembered_are_bounded() {
        let mut types = RefusedTypes::default();
        let named = |n| RefusedType::own(&format!("a/b{n}")).expect("a type");
        for n in 0..=MOST {
            assert!(types.insert(named(n)) && !types.insert(named(n)));
        }
        assert_eq!(types.0.len(), MOST);
        assert!(types.find("a/b0", &Body::None).is_none());
        assert!(types.find("a/b1", &Body::None).is_some());
    }
}
