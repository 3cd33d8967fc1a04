//! Request methods (RFC 4975 §7.1, RFC 4976 §4.1, RFC 7701 §7).

use std::fmt;

/// The method of a request; compared with case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// A chunk of a message, or a bodiless request that keeps or binds a connection.
    Send,
    /// A report about an earlier SEND; never answered.
    Report,
    /// A client's request for a relay's URI.
    Auth,
    /// A participant's request for a name in a chat room.
    Nickname,
    /// Any other word of visible US-ASCII, also one in lower case.
    Other(Box<str>),
}

impl Method {
    /// The method that `word` names.
    pub fn from_word(word: &str) -> Self {
        match word {
            "SEND" => Self::Send,
            "REPORT" => Self::Report,
            "AUTH" => Self::Auth,
            "NICKNAME" => Self::Nickname,
            _ => Self::Other(word.into()),
        }
    }

    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Send => "SEND",
            Self::Report => "REPORT",
            Self::Auth => "AUTH",
            Self::Nickname => "NICKNAME",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn words_are_methods_with_case() {
        for word in ["SEND", "REPORT", "AUTH", "NICKNAME", "send", "FILE_OFFSET"] {
            let method = Method::from_word(word);
            assert_eq!(method.to_string(), word);
            assert_eq!(
                matches!(method, Method::Other(_)),
                matches!(word, "send" | "FILE_OFFSET")
            );
        }
        covers!("C-001", "C-291");
    }
}
