//! One `a=` line (RFC 8866 §5.13), for attributes that this layer hands through unread.

use std::fmt;

use crate::error::{Error, Result};

/// An attribute of an `m=` section, kept as it came or as the host gave it.
///
/// Parsing keeps every attribute that [`MediaDescription`](super::MediaDescription) has no field
/// for, in the order of the SDP; nothing in it is changed (file selectors, chat room attributes
/// and whatever a host adds travel this way).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    name: String,
    value: Option<String>,
}

/// Attributes that this layer writes from its own fields, or that MSRP forbids to send
/// (`connection`, RFC 6135 §4.4).
const RESERVED: &[&str] = &[
    "accept-types",
    "accept-wrapped-types",
    "connection",
    "fingerprint",
    "inactive",
    "max-size",
    "msrp-cema",
    "path",
    "recvonly",
    "sendonly",
    "sendrecv",
    "setup",
    super::ENGINE_MARK,
];

impl Attribute {
    /// An attribute for an offer or answer: `a=name` or `a=name:value`.
    ///
    /// # Errors
    /// `InvalidArgument` if `name` is no token (RFC 8866 §9), if it is one that this layer writes
    /// itself or never sends (`path`, `setup`, `connection`, ...), or if `value` is empty or holds
    /// CR, LF or NUL.
    pub fn new(name: &str, value: Option<&str>) -> Result<Self> {
        if !is_token(name) {
            return Err(Error::invalid_argument(format!(
                "attribute name {:?} is no token (RFC 8866 §9)",
                super::excerpt(name)
            )));
        }
        if RESERVED.contains(&name) {
            return Err(Error::invalid_argument(format!(
                "attribute {name} cannot be added: it is written from the session's options, or never"
            )));
        }
        if let Some(value) = value
            && (value.is_empty() || value.contains(['\r', '\n', '\0']))
        {
            return Err(Error::invalid_argument(format!(
                "value of attribute {name} is empty or holds CR, LF or NUL (RFC 8866 §9)"
            )));
        }
        Ok(Self::received(name, value))
    }

    /// An attribute that came in an SDP: its line was checked by the parser.
    pub(super) fn received(name: &str, value: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.map(str::to_owned),
        }
    }

    /// The name, compared with case (RFC 8866 §5.13).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands after the first colon; `None` for a property attribute.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl fmt::Display for Attribute {
    /// `name` or `name:value`, without `a=` and line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            Some(value) => write!(f, ":{value}"),
            None => Ok(()),
        }
    }
}

/// `token` of RFC 8866 §9, which is that of RFC 4975 §9 as well.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| {
            matches!(b, 0x21 | 0x23..=0x27 | 0x2a | 0x2b | 0x2d | 0x2e | 0x30..=0x39
                | 0x41..=0x5a | 0x5e..=0x7e)
        })
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn attributes_print_as_they_stand_after_a_equals() {
        let flag = Attribute::new("chatroom", None).expect("valid");
        let value = Attribute::new("file-range", Some("1-*")).expect("valid");
        assert_eq!(flag.to_string(), "chatroom");
        assert_eq!(value.to_string(), "file-range:1-*");
        assert_eq!((value.name(), value.value()), ("file-range", Some("1-*")));
    }

    #[test]
    fn rfc6135_4_4_connection_and_own_attributes_cannot_be_added() {
        for name in RESERVED {
            let error = Attribute::new(name, Some("x")).expect_err("reserved");
            assert_eq!(error.kind, ErrorKind::InvalidArgument, "{name}");
        }
        covers!("S-063", "S-075");
    }

    #[test]
    fn a_value_cannot_open_another_line() {
        for (name, value) in [
            ("x", "a\r\na=path:y"),
            ("x", "a\nb"),
            ("x", "\0"),
            ("x", ""),
        ] {
            assert!(Attribute::new(name, Some(value)).is_err(), "{value:?}");
        }
        for name in ["", "a b", "a:b", "a\nb", "ä"] {
            assert!(Attribute::new(name, None).is_err(), "{name:?}");
        }
    }
}
