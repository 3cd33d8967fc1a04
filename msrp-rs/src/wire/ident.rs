//! Identifiers on the wire: the `ident` of RFC 4975 §9 as transaction id (§7.1) and as Message-ID
//! (§7.1.1).
//!
//! Both are small values without heap memory. Making new ones needs randomness and is the work of
//! `proto`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::Fault;
use super::token::is_ident_octet;
use crate::error::{Error, ErrorKind};

/// Octets of the longest identifier that is taken from a peer; the grammar ends at 32, but UUIDs
/// with prefixes occur.
pub const MAX_IDENT_LEN: usize = 64;

/// Octets of the shortest and the longest identifier that may be generated (RFC 4975 §9).
const GENERATED_LEN: std::ops::RangeInclusive<usize> = 4..=32;

/// An identifier of 1 to 64 octets, stored in place.
#[derive(Clone, Copy)]
struct Ident {
    len: u8,
    octets: [u8; MAX_IDENT_LEN],
}

impl Ident {
    #[inline]
    fn parse(text: &[u8]) -> Result<Self, Fault> {
        Self::check(text)?;
        let mut octets = [0; MAX_IDENT_LEN];
        octets[..text.len()].copy_from_slice(text);
        Ok(Self {
            len: text.len() as u8,
            octets,
        })
    }

    fn check(text: &[u8]) -> Result<(), Fault> {
        match text.first() {
            Some(first) if first.is_ascii_alphanumeric() => {}
            _ => return Err(Fault::grammar(0, "expected a letter or digit")),
        }
        if let Some(at) = text.iter().position(|octet| !is_ident_octet(*octet)) {
            return Err(Fault::grammar(
                at,
                "expected a letter, a digit or one of .-+%=",
            ));
        }
        if text.len() > MAX_IDENT_LEN {
            return Err(Fault::grammar(
                MAX_IDENT_LEN,
                "expected the end of an identifier of at most 64 octets",
            ));
        }
        Ok(())
    }

    fn new(text: &str, what: &str) -> Result<Self, Error> {
        let invalid = |fault: Fault| fault.into_error(ErrorKind::InvalidArgument, what);
        let ident = Self::parse(text.as_bytes()).map_err(invalid)?;
        if !GENERATED_LEN.contains(&text.len()) {
            return Err(Error::invalid_argument(format!(
                "{what} of {} octets is not within 4 to 32",
                text.len()
            )));
        }
        Ok(ident)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("the ident alphabet is part of US-ASCII")
    }
}

macro_rules! ident_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name(Ident);

        impl $name {
            /// Takes an identifier that this side will send: 4 to 32 octets of the `ident` alphabet,
            /// the first a letter or digit (RFC 4975 §9).
            ///
            /// # Errors
            /// [`ErrorKind::InvalidArgument`] for any other text.
            pub fn new(text: &str) -> Result<Self, Error> {
                Ident::new(text, $what).map(Self)
            }

            /// Reads an identifier that a peer sent: as [`Self::new`], but 1 to 64 octets long.
            ///
            /// # Errors
            /// A [`Fault`] whose offset counts from the start of `text`.
            #[inline]
            pub fn parse(text: &[u8]) -> Result<Self, Fault> {
                Ident::parse(text).map(Self)
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The identifier as octets, all US-ASCII.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl PartialEq for $name {
            /// With case, octet by octet.
            fn eq(&self, other: &Self) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.as_bytes().cmp(other.as_bytes())
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_bytes().hash(state);
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// As [`Self::new`]: for text from a caller, not from a peer.
            fn from_str(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }
    };
}

ident_type! {
    /// The id of one transaction, in the start line and the end-line (RFC 4975 §7.1).
    ///
    /// Compared with case. Unique among the transactions that a sender has under way on one
    /// connection.
    TransactionId, "transaction id"
}

ident_type! {
    /// The id of one message, the same in all its chunks and in the REPORTs about it
    /// (RFC 4975 §7.1.1).
    ///
    /// Compared with case, and only within one session and direction.
    MessageId, "Message-ID"
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parse_takes_1_to_64_octets_of_the_alphabet() {
        for text in [
            "a",
            "a1b2",
            "a.-+%=",
            "0123456789abcdef0123456789abcdef",
            &"x".repeat(64),
        ] {
            let id = TransactionId::parse(text.as_bytes()).unwrap();
            assert_eq!(id.as_str(), text);
            assert_eq!(MessageId::parse(text.as_bytes()).unwrap().as_str(), text);
        }
        assert_eq!(
            TransactionId::parse("x".repeat(65).as_bytes())
                .unwrap_err()
                .offset(),
            64
        );
        for (text, offset) in [
            ("", 0),
            ("-abc", 0),
            ("[abcd]", 0),
            ("ab cd", 2),
            ("abü", 2),
        ] {
            assert_eq!(
                TransactionId::parse(text.as_bytes()).unwrap_err().offset(),
                offset,
                "{text}"
            );
        }
        covers!("C-005", "C-042");
    }

    #[test]
    fn new_takes_4_to_32_octets_only() {
        assert!(TransactionId::new("abc").is_err());
        assert!(TransactionId::new("abcd").is_ok());
        assert!("x".repeat(32).parse::<MessageId>().is_ok());
        let error = "x".repeat(33).parse::<MessageId>().unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert_eq!(
            error.to_string(),
            "Message-ID of 33 octets is not within 4 to 32"
        );
        covers!("C-004");
    }

    #[test]
    fn identifiers_compare_with_case() {
        let id = |text: &str| TransactionId::new(text).unwrap();
        assert_ne!(id("abcd"), id("abcD"));
        assert_ne!(id("abcd"), id("abcde"));
        assert_eq!(id("abcd"), id("abcd"));
        assert!(id("abcd") < id("abce"));
        assert_eq!(
            format!("{:?} {}", id("abcd"), id("abcd")),
            "TransactionId(\"abcd\") abcd"
        );
        covers!("C-006");
    }

    proptest! {
        #[test]
        fn every_generated_form_is_parsed(text in "[A-Za-z0-9][A-Za-z0-9.\\-+%=]{3,31}") {
            prop_assert_eq!(TransactionId::new(&text).unwrap(), TransactionId::parse(text.as_bytes()).unwrap());
        }

        #[test]
        fn parse_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = MessageId::parse(&octets);
        }
    }
}
