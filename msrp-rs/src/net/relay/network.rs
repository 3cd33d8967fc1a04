//! Which addresses a relay connects to: its clients name any they like (RFC 4976 §6.4), and what stands behind the relay
//! is none of theirs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::{Error, Result};

/// A range of addresses: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The addresses that have their first `prefix` bits in common with `address`.
    ///
    /// # Errors
    /// `InvalidArgument` for a prefix that is longer than an address.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix > most {
            let text = format!("network {address}/{prefix}: the prefix has at most {most} bits");
            return Err(Error::invalid_argument(text));
        }
        Ok(Self { address, prefix })
    }

    /// Whether an address is in it. IPv4 addresses in the form of IPv6 are what they stand for.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                let cut = |address: Ipv4Addr| u64::from(address.to_bits()) >> shift;
                cut(own) == cut(other)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                let cut = |address: Ipv6Addr| address.to_bits().checked_shr(shift).unwrap_or(0);
                cut(own) == cut(other)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let text =
                format!("\"{text}\" is no network: 192.0.2.0/24, 2001:db8::/32 or an address");
            Error::invalid_argument(text)
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        Self::new(address, prefix.unwrap_or(whole))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Why a relay does not connect to an address unless its operator lists it. `None`: it does.
pub(crate) fn refused(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => refused_v4(address),
        IpAddr::V6(address) => refused_v6(address),
    }
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [first, second, third, _] = address.octets();
    Some(match (first, second, third) {
        (0, ..) => "this network (RFC 1122)",
        (127, ..) => "loopback",
        // Cloud providers keep the secrets of their machines at 169.254.169.254.
        (169, 254, _) => "link-local",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "private (RFC 1918)",
        (100, 64..=127, _) => "shared (RFC 6598)",
        (192, 0, 0) => "special (RFC 6890)",
        (198, 18..=19, _) => "for benchmarks (RFC 2544)",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "for documentation (RFC 5737)",
        (224.., ..) => "multicast or reserved",
        _ => return None,
    })
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    // IPv4 in another dress goes where IPv4 goes: NAT64 (RFC 6052), 6to4 (RFC 3056), IPv4-compatible (RFC 4291).
    let low = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        refused_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        [0, 0, 0, 0, 0, 0, high, last] => low(high, last).or(Some("reserved")),
        [0x64, 0xff9b, 0, 0, 0, 0, high, last] => low(high, last),
        [0x64, 0xff9b, 1, ..] => Some("private (RFC 8215)"),
        [0x2002, high, last, ..] => low(high, last),
        // Teredo tunnels to whatever the rest says.
        [0x2001, 0, ..] => Some("Teredo (RFC 4380)"),
        [0x2001, 0xdb8, ..] => Some("for documentation (RFC 3849)"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfec0..=0xfeff, ..] => Some("site-local (RFC 3879)"),
        // Metadata of cloud providers too: fd00:ec2::254.
        [0xfc00..=0xfdff, ..] => Some("private (RFC 4193)"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_contain_what_their_prefix_says() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("10.0.0.0/8", "::ffff:10.9.8.7", "::10.9.8.7"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("fd00:ec2::254", "fd00:ec2::254", "fd00:ec2::255"),
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("::/0", "ffff::", "1.2.3.4"),
        ] {
            let network: Network = network.parse().expect("a network");
            assert!(network.contains(ip(inside)), "{network} {inside}");
            assert!(!network.contains(ip(outside)), "{network} {outside}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "host",
            "1.2.3.4/-1",
        ] {
            text.parse::<Network>().expect_err(text);
        }
    }

    #[test]
    fn what_is_not_everybodys_is_refused() {
        for text in [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::1",
            "2002:c0a8:101::",
            "fe80::1",
            "fec0::1",
            "fd00:ec2::254",
            "fc00::1",
            "ff02::1",
            "2001::1",
        ] {
            assert!(refused(ip(text)).is_some(), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert_eq!(refused(ip(text)), None, "{text}");
        }
    }
}
