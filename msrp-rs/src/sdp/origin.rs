//! The `o=` line of our own descriptions (RFC 8866 §5.2) and its version rule (RFC 3264 §5, §8).

use std::fmt;

use crate::error::{Error, Result};
use crate::wire::Host;

/// Who made a description, and which version of it this is.
///
/// The session id and the version fit into a signed 64-bit integer, and the first version is
/// under 2^62 - 1, so that it can be raised (RFC 3264 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    session_id: u64,
    version: u64,
    address: Host,
}

/// First version that is too large (RFC 3264 §5).
const VERSION_BOUND: u64 = (1 << 62) - 1;

impl Origin {
    /// The origin of a first description. `session_id` (not the MSRP one) must be unique for this
    /// host together with `address`; a time or a random number will do. The user name is `-`.
    ///
    /// # Errors
    /// `InvalidArgument` if `session_id` is over 2^63 - 1 or `version` not under 2^62 - 1;
    /// `InvalidUri` if `address` is a name with characters that no host name has.
    pub fn new(session_id: u64, version: u64, address: Host) -> Result<Self> {
        if i64::try_from(session_id).is_err() || version >= VERSION_BOUND {
            return Err(Error::invalid_argument(format!(
                "o= session id {session_id} or version {version} is out of range (RFC 3264 §5)"
            )));
        }
        let address = address.to_string().parse()?;
        Ok(Self {
            session_id,
            version,
            address,
        })
    }

    /// The origin of the next description that differs from this one in anything: the version is
    /// one higher (RFC 3264 §8). A description that changes nothing is sent under the same origin.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// The same at another address, which is one of our URIs.
    #[cfg_attr(
        not(feature = "net"),
        expect(dead_code, reason = "only engines learn their address late")
    )]
    pub(crate) fn at(&self, address: Host) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    /// The session id of the `o=` line.
    pub fn session_id(&self) -> u64 {
        self.session_id
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The address of the host that made it.
    pub fn address(&self) -> &Host {
        &self.address
    }
}

impl fmt::Display for Origin {
    /// The value of the line: `- ID VERSION IN IP4 ADDRESS`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "- {} {} {}",
            self.session_id,
            self.version,
            Connection(&self.address)
        )
    }
}

/// `IN IP4 ADDRESS` as `o=` and `c=` have it: an IPv6 address without brackets, a name as `IP4`
/// (its type says nothing about what DNS will give).
pub(super) struct Connection<'a>(pub(super) &'a Host);

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Host::Name(name) => write!(f, "IN IP4 {name}"),
            Host::V4(address) => write!(f, "IN IP4 {address}"),
            Host::V6(address) => write!(f, "IN IP6 {address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn v4() -> Host {
        Host::V4(Ipv4Addr::new(192, 0, 2, 1))
    }

    #[test]
    fn rfc3264_5_origin_numbers_fit_a_signed_64_bit_integer() {
        let top = u64::try_from(i64::MAX).expect("positive");
        let origin = Origin::new(top, VERSION_BOUND - 1, v4()).expect("in range");
        assert!(i64::try_from(origin.next().version()).is_ok());
        assert!(Origin::new(top + 1, 0, v4()).is_err());
        assert!(Origin::new(0, VERSION_BOUND, v4()).is_err());
        assert!(Origin::new(0, 0, Host::Name("h\r\na=path:x".to_owned())).is_err());
        covers!("S-154");
    }

    #[test]
    fn rfc3264_8_a_changed_description_has_the_next_version() {
        let first = Origin::new(7, 41, v4()).expect("in range");
        assert_eq!(first.to_string(), "- 7 41 IN IP4 192.0.2.1");
        assert_eq!(first.next().to_string(), "- 7 42 IN IP4 192.0.2.1");
        let v6 = Origin::new(7, 41, Host::V6(Ipv6Addr::LOCALHOST)).expect("in range");
        assert_eq!(v6.to_string(), "- 7 41 IN IP6 ::1");
        covers!("S-132", "S-133");
    }
}
