//! Status codes of responses (RFC 4975 §10, RFC 4976 §4, RFC 7701 §10) and the Status header of
//! REPORTs (RFC 4975 §7.1.2).
//!
//! How a sender reacts to a code is decided in `proto`.

use std::fmt;

use super::Fault;
use super::token::{find_control, trim_blanks};

/// A status code: three digits. Unknown codes are kept as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusCode(pub u16);

macro_rules! status_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $comment:literal;)*) => {
        impl StatusCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// The text to send after the code where the caller gives none: some peers break on a
            /// response without a comment.
            pub fn default_comment(self) -> &'static str {
                match self.0 {
                    $($code => $comment,)*
                    200..=299 => "OK",
                    _ => "Failed",
                }
            }
        }
    };
}

status_codes! {
    /// Success (RFC 4975 §10.1).
    OK = 200, "OK";
    /// The request was unintelligible (§10.2).
    BAD_REQUEST = 400, "Bad Request";
    /// Credentials are needed (RFC 4976 §6.3).
    UNAUTHORIZED = 401, "Unauthorized";
    /// The action is not allowed (RFC 4975 §10.3).
    FORBIDDEN = 403, "Forbidden";
    /// The recipient's URI could not be resolved (RFC 7701 §6.2).
    NOT_FOUND = 404, "Not Found";
    /// A downstream transaction was not completed in time; made by relays (RFC 4975 §10.4).
    TIMEOUT = 408, "Request Timeout";
    /// Stop sending this message (§10.5).
    STOP_SENDING = 413, "Stop Sending Message";
    /// The media type is not understood (§10.6).
    UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type";
    /// A parameter such as Expires is out of bounds (§10.7, RFC 4976 §4.6).
    INTERVAL_OUT_OF_BOUNDS = 423, "Interval Out-of-Bounds";
    /// The nickname is malformed (RFC 7701 §7.2).
    MALFORMED_NICKNAME = 424, "Malformed Nickname";
    /// The nickname is reserved or in use (RFC 7701 §7.2).
    NICKNAME_RESERVED = 425, "Nickname Reserved or In Use";
    /// The recipient takes no private messages (RFC 7701 §6.2).
    PRIVATE_MESSAGES_NOT_SUPPORTED = 428, "Private Messages Not Supported";
    /// The session does not exist (RFC 4975 §10.8).
    NO_SUCH_SESSION = 481, "Session Does Not Exist";
    /// The method is not understood (§10.9).
    NOT_IMPLEMENTED = 501, "Not Implemented";
    /// The session is bound to another connection (§10.10).
    SESSION_ALREADY_BOUND = 506, "Session Already Bound";
}

impl StatusCode {
    /// Reads exactly three digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            [a, b, c] if text.iter().all(u8::is_ascii_digit) => {
                let digit = |octet: &u8| u16::from(octet - b'0');
                Some(Self(digit(a) * 100 + digit(b) * 10 + digit(c)))
            }
            _ => None,
        }
    }

    /// Whether the code is 200 to 299.
    pub fn is_success(self) -> bool {
        matches!(self.0, 200..=299)
    }
}

impl fmt::Display for StatusCode {
    /// Three digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// The value of a Status header: `namespace SP code [SP comment]` (RFC 4975 §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// 0 (on the wire `000`) for the codes of RFC 4975 and its extensions. Others mean something
    /// else and are to be ignored.
    pub namespace: u16,
    /// The code.
    pub code: StatusCode,
    /// The comment; empty if there is none. Octets that are not UTF-8 are replaced, since the text
    /// is only for showing.
    pub comment: String,
}

impl Status {
    /// Reads the value. Runs of blanks are taken for SP.
    ///
    /// # Errors
    /// A [`Fault`] whose offset counts from the start of `text`.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let (namespace, code, comment) = Self::split(text)?;
        Ok(Self {
            namespace,
            code,
            comment: String::from_utf8_lossy(comment).into_owned(),
        })
    }

    /// The parts, without allocating.
    pub(super) fn split(text: &[u8]) -> Result<(u16, StatusCode, &[u8]), Fault> {
        let mut words = super::path::words(text);
        let (at, namespace) = words.next().unwrap_or((0, b""));
        let namespace = StatusCode::parse(namespace)
            .ok_or_else(|| Fault::grammar(at, "expected a namespace of three digits"))?;
        let (at, code) = words.next().unwrap_or((text.len(), b""));
        let end = at + code.len();
        let code = StatusCode::parse(code)
            .ok_or_else(|| Fault::grammar(at, "expected a status code of three digits"))?;
        if let Some(at) = find_control(text) {
            return Err(Fault::grammar(
                at,
                "expected no control octet in the comment",
            ));
        }
        Ok((namespace.0, code, trim_blanks(&text[end..])))
    }

    /// The comment, or the usual text for the code.
    pub fn comment_or_default(&self) -> &str {
        if self.comment.is_empty() {
            self.code.default_comment()
        } else {
            &self.comment
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {}", self.namespace, self.code)?;
        if !self.comment.is_empty() {
            write!(f, " {}", self.comment)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn a_code_is_exactly_three_digits() {
        assert_eq!(StatusCode::parse(b"200"), Some(StatusCode::OK));
        assert_eq!(StatusCode::parse(b"999"), Some(StatusCode(999)));
        assert_eq!(StatusCode::parse(b"007").unwrap().to_string(), "007");
        for text in ["", "20", "2000", "20x", "+20"] {
            assert_eq!(StatusCode::parse(text.as_bytes()), None);
        }
        assert!(StatusCode(299).is_success() && !StatusCode(300).is_success());
        assert_eq!(StatusCode(481).default_comment(), "Session Does Not Exist");
        assert_eq!(StatusCode(499).default_comment(), "Failed");
        covers!("C-003");
    }

    #[test]
    fn status_header() {
        let parsed = Status::parse(b"000 200 OK then").unwrap();
        assert_eq!(
            (parsed.namespace, parsed.code, parsed.comment.as_str()),
            (0, StatusCode::OK, "OK then")
        );
        assert_eq!(parsed.to_string(), "000 200 OK then");
        for text in ["000 200", "000 200 ", "000  200"] {
            let parsed = Status::parse(text.as_bytes()).unwrap();
            assert_eq!(
                (parsed.comment.as_str(), parsed.to_string().as_str()),
                ("", "000 200")
            );
            assert_eq!(parsed.comment_or_default(), "OK");
        }
        assert_eq!(Status::parse(b"001 413 \xf8").unwrap().comment, "\u{fffd}");
        for (text, offset) in [
            ("", 0),
            ("200 OK", 4),
            ("0 200", 0),
            ("000", 3),
            ("000 20", 4),
            ("000 200 a\x01", 9),
        ] {
            assert_eq!(
                Status::parse(text.as_bytes()).expect_err(text).offset(),
                offset,
                "{text}"
            );
        }
        covers!("C-045");
    }
}
