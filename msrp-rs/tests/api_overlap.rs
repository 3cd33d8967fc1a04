//! The async API: octets that a peer sent twice, read whole, range by range and part by part (RFC 4975 §7.3.1).

mod api_support;

use std::io::{Read, Write};
use std::net::TcpStream;

use api_support::{next, options, within};
use msrp::{Engine, EngineOptions, Message, Session};
use msrp_conformance::covers;

/// A message whose octets 5 to 12 came twice, and differed: 20 000 octets, so that it is told part by part.
async fn sent_twice() -> (Engine, Session, Message, TcpStream) {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let session = engine.session(options()).expect("a session");
    let uri = session.local_path().expect("a path").to_string();
    let theirs = "msrp://127.0.0.1:2855/remote000001;tcp";
    session.set_remote_path(theirs, false, "*").expect("a path");
    let chunk = |id: &str, range: &str, body: &str, flag: char| {
        format!(
            "MSRP {id} SEND\r\nTo-Path: {uri}\r\nFrom-Path: {theirs}\r\nMessage-ID: twice001\r\n\
             Byte-Range: {range}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{id}{flag}\r\n"
        )
    };
    let chunks = [
        chunk("chunk001", "1-12/*", "aaaabbbbbbbb", '+'),
        chunk("chunk002", "5-12/*", "BBBBBBBB", '+'),
        chunk("chunk003", "13-20000/20000", &"c".repeat(20_000 - 12), '$'),
    ];
    let authority = uri.split('/').nth(2).expect("an authority").to_owned();
    let peer = tokio::task::spawn_blocking(move || {
        let mut peer = TcpStream::connect(authority).expect("connected");
        for chunk in chunks {
            peer.write_all(chunk.as_bytes()).expect("written");
            // Its answer: each chunk is read before the next one comes.
            let mut answer = Vec::new();
            while !answer.ends_with(b"$\r\n") {
                let mut octet = [0];
                peer.read_exact(&mut octet).expect("an answer");
                answer.extend(octet);
            }
        }
        peer
    });
    let message = next(&session).await;
    let peer = within("the peer", peer).await.expect("no panic");
    // The session lives as long as its connection.
    (engine, session, message, peer)
}

fn whole(middle: char) -> Vec<u8> {
    let middle = middle.to_string().repeat(8);
    format!("aaaa{middle}{}", "c".repeat(20_000 - 12)).into_bytes()
}

#[tokio::test]
async fn rfc4975_7_3_1_read_whole_the_last_octets_win() {
    let (_engine, _session, mut message, _peer) = sent_twice().await;
    let content = within("read", message.read()).await.expect("whole");
    assert!(content == whole('B'));
    covers!("C-153", "C-154");
}

#[tokio::test]
async fn rfc4975_7_3_1_range_by_range_replacements_are_told() {
    let (_engine, _session, mut message, _peer) = sent_twice().await;
    let mut content = vec![0; 20_000];
    let mut again = 0;
    let mut position = 0;
    while let Some((offset, data)) = within("a range", message.next_range()).await.expect("more") {
        again += usize::from(offset < position);
        let start = usize::try_from(offset).expect("small");
        content[start..start + data.len()].copy_from_slice(&data);
        position = position.max(offset + data.len() as u64);
    }
    assert!(
        again > 0,
        "the range that came again is told with its place"
    );
    assert!(content == whole('B'));
    covers!("C-153", "C-154");
}

#[tokio::test]
async fn rfc4975_7_3_1_part_by_part_what_was_given_stays() {
    let (_engine, _session, mut message, _peer) = sent_twice().await;
    let mut content = Vec::new();
    while let Some(part) = within("a part", message.next_part()).await.expect("more") {
        content.extend_from_slice(&part);
    }
    assert!(content == whole('b'));
    covers!("C-154");
}
