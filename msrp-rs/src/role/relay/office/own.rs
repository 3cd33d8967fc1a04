//! Which URIs mean this relay (RFC 4976 §6.2).

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Host, Uri};

/// A name under which a relay is addressed: its own, or a domain that it serves by SRV (RFC 4976 §8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnName {
    /// The host in the URIs.
    pub host: Host,
    /// Only URIs with this port, and those with none, are meant; `None`: whatever their port.
    pub port: Option<u16>,
}

impl OwnName {
    /// Whether this is the authority of `uri`.
    fn is_in(&self, uri: &Uri) -> bool {
        let same_port = match (self.port, uri.port()) {
            (Some(own), Some(port)) => own == port,
            _ => true,
        };
        same_port && self.host == *uri.host()
    }

    /// Whether it is a name of at least two labels: neither an address nor a name that is relative to some domain
    /// (RFC 4976 §4.2).
    pub(super) fn is_qualified(&self) -> bool {
        match &self.host {
            Host::Name(name) => name.trim_end_matches('.').contains('.'),
            Host::V4(_) | Host::V6(_) => false,
        }
    }
}

impl fmt::Display for OwnName {
    /// `host` or `host:port`; IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}

impl FromStr for OwnName {
    type Err = Error;

    /// Reads `host` or `host:port`. An IPv6 address stands in brackets if a port follows.
    fn from_str(text: &str) -> Result<Self> {
        if let Ok(host) = text.parse() {
            return Ok(Self { host, port: None });
        }
        let wrong = || {
            Error::local(
                ErrorKind::InvalidUri,
                format!("{text:?} is no host name, and no host name with a port of 1 to 65535"),
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong())?;
        if port == 0 {
            return Err(wrong());
        }
        Ok(Self {
            host: Host::parse(host).map_err(|_| wrong())?,
            port: Some(port),
        })
    }
}

/// All names of one relay.
#[derive(Debug)]
pub(super) struct OwnNames(pub(super) Vec<OwnName>);

impl OwnNames {
    /// Whether a URI names this relay, with a session-id or without. Userinfo does not count.
    pub(super) fn has(&self, uri: &Uri) -> bool {
        self.0.iter().any(|own| own.is_in(uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_and_without_ports() {
        for (text, host, port) in [
            ("Relay.Example.com", "relay.example.com", None),
            ("relay.example.com:2855", "relay.example.com", Some(2855)),
            ("192.0.2.1:9", "192.0.2.1", Some(9)),
            ("::1", "[::1]", None),
            ("[::1]:2855", "[::1]", Some(2855)),
        ] {
            let own: OwnName = text.parse().unwrap();
            assert_eq!((own.host.to_string().as_str(), own.port), (host, port));
            let again: OwnName = own.to_string().parse().unwrap();
            assert_eq!(again, own);
        }
        for text in ["", "a b", "a:0", "a:65536", "a:", "[::1", ":1"] {
            assert!(text.parse::<OwnName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_of_one_label_is_not_qualified() {
        for (text, qualified) in [
            ("relay.example.com", true),
            ("localhost", false),
            ("localhost.", false),
            ("192.0.2.1", false),
            ("::1", false),
        ] {
            let own: OwnName = text.parse().unwrap();
            assert_eq!(own.is_qualified(), qualified, "{text}");
        }
    }
}
