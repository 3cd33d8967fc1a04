//! Direction attributes (RFC 8866 §6.7) as MSRP reads them (RFC 4975 §8.9): they say who sends
//! ordinary messages. Which requests they do not touch is decided by the session, not here.

use std::fmt;

/// Who may send ordinary messages, seen from the side whose description it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both sides; also what no attribute means.
    #[default]
    SendRecv,
    /// Only the side that says so.
    SendOnly,
    /// Only the other side.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The direction with these two halves.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the side that says this sends ordinary messages.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the side that says this takes ordinary messages.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same stream, seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What an answerer who wishes `self` says to `offered`: as much of its wish as the offer
    /// leaves (RFC 3264 §6.1).
    #[must_use]
    pub fn answer_to(self, offered: Self) -> Self {
        Self::new(
            self.sends() && offered.receives(),
            self.receives() && offered.sends(),
        )
    }

    /// The direction whose attribute has this name (with case, RFC 8866 §5.13).
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SendRecv,
            "sendonly" => Self::SendOnly,
            "recvonly" => Self::RecvOnly,
            "inactive" => Self::Inactive,
            _ => return None,
        })
    }

    /// The name of the attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::Direction::{self, Inactive, RecvOnly, SendOnly, SendRecv};

    const ALL: [Direction; 4] = [SendRecv, SendOnly, RecvOnly, Inactive];

    #[test]
    fn rfc3264_6_1_answer_directions_are_the_permitted_ones() {
        for wish in ALL {
            for offered in ALL {
                let permitted: &[Direction] = match offered {
                    SendRecv => &ALL,
                    SendOnly => &[RecvOnly, Inactive],
                    RecvOnly => &[SendOnly, Inactive],
                    Inactive => &[Inactive],
                };
                let answer = wish.answer_to(offered);
                assert!(
                    permitted.contains(&answer),
                    "{wish} to {offered} gave {answer}"
                );
            }
            assert_eq!(wish.answer_to(SendRecv), wish);
            assert_eq!(wish.reversed().reversed(), wish);
            assert_eq!(Direction::from_name(wish.name()), Some(wish));
        }
        assert_eq!(SendRecv.answer_to(SendOnly), RecvOnly);
        assert_eq!(Direction::from_name("SendOnly"), None);
        covers!("S-144");
    }
}
