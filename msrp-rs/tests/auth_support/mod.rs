//! What the tests of digest authentication share.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use bytes::Bytes;
use msrp::proto::auth::{AuthHeaders, Credentials, DigestInput, Login};
use msrp::wire::{Frame, Head, Parser, ParserLimits};

/// The relay, as the catalogue's test vector has it.
pub const RELAY: &str = "msrps://alice@relay.example.com;tcp";
pub const REALM: &str = "relay.example.com";
pub const NONCE: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c093";

pub fn login() -> Login {
    Login::new("alice", "secret", None).unwrap()
}

/// The head of a response with these header lines.
pub fn answer(status: u16, lines: &str) -> Head {
    head(&format!("{status:03} Whatever"), lines)
}

/// The head of an AUTH with these header lines.
pub fn request(lines: &str) -> Head {
    head("AUTH", lines)
}

fn head(start: &str, lines: &str) -> Head {
    let lines = match lines {
        "" => String::new(),
        lines => format!("{lines}\r\n"),
    };
    let text = format!(
        "MSRP t1d2 {start}\r\nTo-Path: {RELAY}\r\nFrom-Path: msrps://alice.example:9892/98cjs;tcp\r\n{lines}\
         -------t1d2$\r\n"
    );
    let mut parser = Parser::new(ParserLimits::default());
    parser.push(Bytes::from(text));
    match parser.next() {
        Ok(Some(Frame::Head(head))) => head,
        other => panic!("no head: {other:?}"),
    }
}

/// The credentials that are sent, read again.
pub fn authorization(headers: &AuthHeaders) -> Option<Credentials> {
    let pairs = headers.as_pairs();
    let (_, value) = pairs.iter().find(|(name, _)| *name == "Authorization")?;
    Some(Credentials::parse(value.as_bytes()).unwrap().unwrap())
}

/// What the digest of these credentials is made of.
pub fn digest(credentials: &Credentials) -> DigestInput<'_> {
    DigestInput {
        nonce: &credentials.nonce,
        nc: credentials.nc,
        cnonce: &credentials.cnonce,
        uri: credentials.uri.as_deref().unwrap_or(RELAY),
    }
}
