//! Peers that break rules on purpose: what they can make us hold, do and believe is bounded.

mod support;

use std::time::Duration;

use bytes::Bytes;
use msrp::proto::{Body, Command, Event, MessageEnd, SessionKey};
use msrp::wire::StatusCode;
use support::bench::{Bench, send};
use support::{Pair, S1, contents, drain, message, octets};

fn chunk(id: &str, message: &str, range: &str, body: &str, flag: char) -> String {
    let headers = format!("Message-ID: {message}\r\nByte-Range: {range}\r\n");
    send(id, &headers, Some(body), flag)
}

#[test]
fn octets_that_were_sent_are_let_go() {
    // covers: T-63
    for len in [1000, 60_000, 200_000] {
        let mut pair = Pair::new();
        let content = std::sync::Arc::new(octets(len, 1));
        let watch = std::sync::Arc::downgrade(&content);
        let body = Bytes::from_owner(Owned(content));
        let sent = pair.send_a(S1, message(Body::Whole(body)));
        pair.run();
        let told = pair.a.take();
        assert!(told.contains(&Event::Acknowledged(sent)));
        assert!(
            watch.upgrade().is_none(),
            "{len} octets are held after their end"
        );
    }
}

struct Owned(std::sync::Arc<Vec<u8>>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
