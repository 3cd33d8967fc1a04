//! Who connects: the `setup` attribute (RFC 4145 §4) as RFC 6135 binds MSRP to it, and the rule
//! of RFC 4975 §8.5 where it is absent.

use std::fmt;

/// The value of a `setup` attribute. `holdconn` and unknown values are read as no attribute at
/// all, so there is no variant for them (RFC 6135 §4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetupAttribute {
    /// The side that says it will connect.
    Active,
    /// The side that says it will be connected to.
    Passive,
    /// Either; the answerer chooses. Only in offers.
    ActPass,
}

impl SetupAttribute {
    /// Reads a value; `None` for `holdconn` and for anything unknown.
    pub fn from_value(value: &str) -> Option<Self> {
        let value = value.trim();
        [Self::Active, Self::Passive, Self::ActPass]
            .into_iter()
            .find(|setup| setup.value().eq_ignore_ascii_case(value))
    }

    /// The value as it stands in the SDP.
    pub fn value(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }
}

impl fmt::Display for SetupAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value())
    }
}

/// The negotiated role of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// It opens the connection, is the TLS client and sends the first SEND at once.
    Active,
    /// It waits for the connection and never opens one to the peer.
    Passive,
}

impl Setup {
    /// The role of the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
        }
    }

    /// The value with which an answer says this role.
    pub fn attribute(self) -> SetupAttribute {
        match self {
            Self::Active => SetupAttribute::Active,
            Self::Passive => SetupAttribute::Passive,
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.attribute().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn rfc6135_4_2_1_holdconn_and_unknown_values_are_no_attribute() {
        use SetupAttribute::{ActPass, Active, Passive};
        for (value, setup) in [
            ("active", Some(Active)),
            ("passive", Some(Passive)),
            ("actpass", Some(ActPass)),
            (" ActPass ", Some(ActPass)),
            ("holdconn", None),
            ("foo", None),
            ("", None),
        ] {
            assert_eq!(SetupAttribute::from_value(value), setup, "{value:?}");
        }
        for setup in [Active, Passive, ActPass] {
            assert_eq!(SetupAttribute::from_value(setup.value()), Some(setup));
        }
        assert_eq!(Setup::Active.reversed(), Setup::Passive);
        assert_eq!(Setup::Passive.reversed(), Setup::Active);
        covers!("S-062", "S-064", "S-082");
    }
}
