//! Frames as TCP segments: addresses and ports are the connection's own, everything else is made up so that tools can
//! follow the stream.

use std::net::{IpAddr, SocketAddr};

use etherparse::PacketBuilder;

/// Most octets of a segment: with IPv4 or IPv6 and TCP headers it fits an IP packet.
pub(crate) const SEGMENT: usize = 65_000;

/// Hops that a packet may take.
const HOPS: u8 = 64;
const WINDOW: u16 = u16::MAX;

/// What a segment does beside carrying octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flags {
    Syn,
    SynAck,
    Ack,
    PushAck,
    FinAck,
}

/// One IP packet. `sequence` and `acknowledged` count octets as TCP does, from 0 for the SYN.
pub(super) fn packet(
    from: SocketAddr,
    to: SocketAddr,
    flags: Flags,
    (sequence, acknowledged): (u32, u32),
    octets: &[u8],
) -> std::io::Result<Vec<u8>> {
    let builder = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS),
        (from, to) => PacketBuilder::ipv6(v6(from), v6(to), HOPS),
    };
    let builder = builder.tcp(from.port(), to.port(), sequence, WINDOW);
    let builder = match flags {
        Flags::Syn => builder.syn(),
        Flags::SynAck => builder.syn().ack(acknowledged),
        Flags::Ack => builder.ack(acknowledged),
        Flags::PushAck => builder.psh().ack(acknowledged),
        Flags::FinAck => builder.fin().ack(acknowledged),
    };
    let mut packet = Vec::with_capacity(builder.size(octets.len()));
    builder
        .write(&mut packet, octets)
        .map_err(std::io::Error::other)?;
    Ok(packet)
}

fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
