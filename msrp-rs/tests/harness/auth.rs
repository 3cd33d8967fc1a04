//! The headers of digest authentication (RFC 4976 §7): each value by its own parser, what a client makes of any answers,
//! and what a relay makes of any credentials.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::proto::IdSource;
use msrp::proto::auth::{
    AuthenticationInfo, Challenge, ClientAuth, ClientAuthOptions, Credentials, DigestOptions, Ha1,
    Login, Next, Nonces, Verdict,
};
use msrp::wire::{Frame, Head, Parser, ParserLimits, Uri};

pub fn run(data: &[u8]) {
    values(data);
    client(data);
    relay(data);
}

/// What was read is written, read again and the same; and nothing of it is shown.
fn values(data: &[u8]) {
    if let Ok(Some(challenge)) = Challenge::parse(data) {
        let text = challenge.to_value();
        // An algorithm or a quality that came in quotes may be no token.
        if let Ok(again) = Challenge::parse(text.as_bytes()) {
            assert_eq!(
                again.map(|again| again.nonce),
                Some(challenge.nonce.clone())
            );
        }
        let _ = (challenge.algorithm(), challenge.offers_auth());
    }
    if let Ok(Some(credentials)) = Credentials::parse(data) {
        let text = credentials.to_value();
        let again = Credentials::parse(text.as_bytes());
        assert_eq!(again, Ok(Some(credentials.clone())));
        assert!(!format!("{credentials:?}").contains(&credentials.response));
    }
    if let Ok(info) = AuthenticationInfo::parse(data) {
        let _ = info.to_value();
    }
}

/// The input, cut at empty lines, as the header lines of one answer after the other. The first octet of each is a
/// status; without one the relay is silent.
fn client(data: &[u8]) {
    let login = Login::new("alice", "secret", None).expect("a name is given");
    let mut client = ClientAuth::new(login, ClientAuthOptions::default(), IdSource::new([1; 32]));
    let uri: Uri = RELAY.parse().expect("a URI");
    client.begin(&uri, None, Some(Duration::from_secs(60)));
    let mut sent = 1;
    for part in data.split(|octet| *octet == b'\n').take(64) {
        let next = match part.split_first() {
            Some((kind, lines)) => {
                let status = STATUSES[usize::from(*kind) % STATUSES.len()];
                let Some(head) = head(&format!("{status} x"), lines) else {
                    continue;
                };
                client.handle_response(&head)
            }
            None => client.handle_silence(),
        };
        assert!(client.patience() <= Duration::from_secs(30));
        match next {
            Next::Retry(headers) | Next::Reconnect(headers) => {
                sent += 1;
                assert!(sent <= 12, "an attempt ends");
                for (_, value) in headers.as_pairs() {
                    assert!(!value.contains(['\r', '\n']));
                }
            }
            Next::Granted(grant) => {
                assert!(
                    grant
                        .use_path
                        .iter()
                        .all(|uri| uri.is_secure() && uri.port().is_some())
                );
                client.begin(&uri, None, None);
                sent = 1;
            }
            Next::Failed(_) => {
                client.begin(&uri, None, None);
                sent = 1;
            }
        }
    }
}

/// The input as an Authorization: without the password, whatever it says, nothing is granted.
fn relay(data: &[u8]) {
    let Some(head) = head("AUTH", &[b"xAuthorization: ", data].concat()[1..]) else {
        return;
    };
    let Ok(Some(credentials)) = head.credentials() else {
        return;
    };
    let (now, mut ids) = (Instant::now(), IdSource::new([2; 32]));
    let mut nonces = Nonces::new(Arc::new(DigestOptions::new("relay.example.com")));
    nonces.challenge(now, false, &mut ids);
    let uri: Uri = RELAY.parse().expect("a URI");
    let ha1 = Ha1::from_password(
        credentials.algorithm(),
        "alice",
        "relay.example.com",
        "other",
    );
    for ha1 in [None, Some(&ha1)] {
        let verdict = nonces.check(now, &credentials, &uri, ha1);
        assert!(matches!(verdict, Verdict::Refused | Verdict::Malformed(_)));
    }
}

/// The head of a frame with these lines, if the frame is sound.
fn head(start: &str, lines: &[u8]) -> Option<Head> {
    let mut octets = format!(
        "MSRP a786hjs2 {start}\r\nTo-Path: {RELAY}\r\nFrom-Path: msrps://a.example:1/s;tcp\r\n"
    )
    .into_bytes();
    octets.extend_from_slice(lines);
    octets.extend_from_slice(b"\r\n-------a786hjs2$\r\n");
    let mut parser = Parser::new(ParserLimits::default());
    parser.push(Bytes::from(octets));
    match parser.next() {
        Ok(Some(Frame::Head(head))) => Some(head),
        _ => None,
    }
}

const RELAY: &str = "msrps://alice@relay.example.com;tcp";

const STATUSES: [u16; 6] = [401, 200, 403, 423, 400, 401];
