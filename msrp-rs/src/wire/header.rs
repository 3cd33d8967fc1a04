//! Names of the headers that this engine knows (RFC 4975 §9, RFC 4976 §4, RFC 7701 §7) and the
//! values of Failure-Report and Success-Report.

use crate::mutant::{self, Mutant};
use std::fmt;

macro_rules! header_names {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A header name that this engine knows; compared without case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum HeaderName {
            $($(#[$doc])* $variant,)*
        }

        impl HeaderName {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the RFCs' own spelling.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

header_names! {
    /// Where the message goes, leftmost first (RFC 4975 §7.1).
    ToPath = "To-Path",
    /// Where it came from, leftmost last visited (RFC 4975 §7.1).
    FromPath = "From-Path",
    /// The message a chunk or report belongs to (RFC 4975 §7.1.1).
    MessageId = "Message-ID",
    /// Which octets of the message (RFC 4975 §7.1.1).
    ByteRange = "Byte-Range",
    /// Whether success is to be reported (RFC 4975 §7.1.1).
    SuccessReport = "Success-Report",
    /// Whether failure is to be answered and reported (RFC 4975 §7.1.1).
    FailureReport = "Failure-Report",
    /// What a REPORT says (RFC 4975 §7.1.2).
    Status = "Status",
    /// The media type of the body (RFC 4975 §7.1).
    ContentType = "Content-Type",
    /// RFC 2045.
    ContentId = "Content-ID",
    /// RFC 2045.
    ContentDescription = "Content-Description",
    /// RFC 2183.
    ContentDisposition = "Content-Disposition",
    /// The URIs a relay gives to its client (RFC 4976 §4.2).
    UsePath = "Use-Path",
    /// How long, in seconds, a relay's URI lives (RFC 4976 §4.6).
    Expires = "Expires",
    /// The least a relay grants (RFC 4976 §4.6).
    MinExpires = "Min-Expires",
    /// The most a relay grants (RFC 4976 §4.6).
    MaxExpires = "Max-Expires",
    /// A relay's challenge (RFC 4976 §4.3).
    WwwAuthenticate = "WWW-Authenticate",
    /// A client's credentials (RFC 4976 §4.4).
    Authorization = "Authorization",
    /// A relay's proof, and its next nonce (RFC 4976 §4.5).
    AuthenticationInfo = "Authentication-Info",
    /// The name wanted in a chat room (RFC 7701 §7.1).
    UseNickname = "Use-Nickname",
}

impl HeaderName {
    /// The header that `name` names, whatever its case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let candidates: &[Self] = match name.len() {
            6 => &[Self::Status],
            7 => &[Self::ToPath, Self::Expires],
            8 => &[Self::UsePath],
            9 => &[Self::FromPath],
            10 => &[Self::MessageId, Self::ByteRange, Self::ContentId],
            11 => &[Self::MinExpires, Self::MaxExpires],
            12 => &[Self::ContentType, Self::UseNickname],
            13 => &[Self::Authorization],
            14 => &[Self::SuccessReport, Self::FailureReport],
            16 => &[Self::WwwAuthenticate],
            19 => &[
                Self::ContentDisposition,
                Self::ContentDescription,
                Self::AuthenticationInfo,
            ],
            _ => &[],
        };
        // Nearly all peers write the RFCs' own spelling.
        let is_exact = |known: &&Self| known.as_str().as_bytes() == name;
        let is_name = |known: &&Self| known.as_str().as_bytes().eq_ignore_ascii_case(name);
        let known = candidates.iter().find(is_exact);
        if mutant::on(Mutant::HeaderNameCase) {
            return known.copied();
        }
        known.or_else(|| candidates.iter().find(is_name)).copied()
    }

    /// Whether the header may stand only once in a message; a second one is malformed.
    pub fn is_single(self) -> bool {
        matches!(
            self,
            Self::ToPath
                | Self::FromPath
                | Self::MessageId
                | Self::ByteRange
                | Self::SuccessReport
                | Self::FailureReport
                | Self::Status
                | Self::ContentType
        )
    }

    /// Whether the value may hold credentials or their proof, so that no log shows it.
    pub fn is_secret(self) -> bool {
        matches!(
            self,
            Self::WwwAuthenticate | Self::Authorization | Self::AuthenticationInfo
        )
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The value of Failure-Report: which failures the sender of a SEND wants to hear of, and whether it
/// wants a 200 (RFC 4975 §7.1.1, §7.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FailureReport {
    /// Every request is answered; this is the default.
    #[default]
    Yes,
    /// Nothing is answered or reported.
    No,
    /// Failures are answered and reported, success is not.
    Partial,
}

impl FailureReport {
    /// Reads the value, whatever its case.
    pub fn parse(value: &[u8]) -> Option<Self> {
        [Self::Yes, Self::No, Self::Partial]
            .into_iter()
            .find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(value))
    }

    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Partial => "partial",
        }
    }
}

impl fmt::Display for FailureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads the value of Success-Report, whatever its case.
pub(super) fn parse_success_report(value: &[u8]) -> Option<bool> {
    match FailureReport::parse(value) {
        Some(FailureReport::Yes) => Some(true),
        Some(FailureReport::No) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn names_and_values_compare_without_case() {
        for name in HeaderName::ALL {
            let text = name.as_str();
            assert_eq!(HeaderName::parse(text.as_bytes()), Some(*name));
            assert_eq!(
                HeaderName::parse(text.to_uppercase().as_bytes()),
                Some(*name)
            );
        }
        assert_eq!(HeaderName::parse(b"To-Pat"), None);
        assert_eq!(FailureReport::parse(b"NO"), Some(FailureReport::No));
        assert_eq!(
            FailureReport::parse(b"Partial"),
            Some(FailureReport::Partial)
        );
        assert_eq!(parse_success_report(b"Yes"), Some(true));
        covers!("C-033");
    }

    #[test]
    fn other_report_values_are_refused() {
        assert_eq!(FailureReport::parse(b"maybe"), None);
        assert_eq!(FailureReport::parse(b""), None);
        assert_eq!(parse_success_report(b"partial"), None);
    }
}
