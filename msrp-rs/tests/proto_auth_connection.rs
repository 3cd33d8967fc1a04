//! AUTH on a connection, in virtual time: how it is written, how long its answer has, and what comes of it.

mod auth_support;
mod support;

use std::time::Duration;

use auth_support::{RELAY, login};
use msrp::proto::auth::{
    AUTH_TIMEOUT, AuthFailure, AuthHeaders, ClientAuth, ClientAuthOptions, Next,
};
use msrp::proto::{AskKey, Asked, AuthRequest, IdSource};
use msrp::wire::{Continuation, Method};
use msrp_conformance::covers;
use support::bench::Bench;
use support::frames;

const OWN: &str = "msrps://alice.example:9892/98cjs;tcp";

/// A client and its connection to the relay.
struct Client {
    bench: Bench,
    auth: ClientAuth,
}

impl Client {
    fn new() -> Self {
        Self {
            bench: Bench::bare(),
            auth: ClientAuth::new(
                login(),
                ClientAuthOptions::default(),
                IdSource::new([5; 32]),
            ),
        }
    }

    fn begin(&mut self) -> AuthHeaders {
        self.auth.begin(&RELAY.parse().unwrap(), None, None)
    }

    /// Sends an AUTH; what is written.
    fn ask(&mut self, headers: AuthHeaders) -> String {
        let request = AuthRequest {
            to_path: RELAY.parse().unwrap(),
            from_path: OWN.parse().unwrap(),
            headers,
        };
        let Bench { side, now, .. } = &mut self.bench;
        side.connection.ask(*now, AskKey(1), &request);
        self.bench.feed("")
    }

    /// What became of it, if anything did.
    fn outcome(&mut self) -> Option<Asked> {
        self.bench
            .side
            .connection
            .poll_asked()
            .map(|(_, asked)| asked)
    }
}

#[test]
fn rfc4976_7_an_auth_is_a_request_without_body() {
    let mut client = Client::new();
    let headers = client.begin();
    let sent = client.ask(headers);
    let [(head, body, flag)] = &frames(sent.as_bytes())[..] else {
        panic!("{sent}");
    };
    assert_eq!(head.method(), Some(&Method::Auth));
    assert_eq!((body.len(), *flag), (0, Continuation::Complete));
    let id = head.transaction_id();
    assert_eq!(
        sent,
        format!("MSRP {id} AUTH\r\nTo-Path: {RELAY}\r\nFrom-Path: {OWN}\r\n-------{id}$\r\n")
    );
    // An answer comes back to who asked; the next AUTH has a transaction id of its own.
    client.bench.feed(format!(
        "MSRP {id} 401 Unauthorized\r\nTo-Path: {OWN}\r\nFrom-Path: {RELAY}\r\n\
         WWW-Authenticate: Digest realm=\"r\", qop=\"auth\", nonce=\"n\"\r\n-------{id}$\r\n"
    ));
    let Some(Asked::Answered(answer)) = client.outcome() else {
        panic!("no answer");
    };
    let Next::Retry(headers) = client.auth.handle_response(&answer) else {
        panic!("no retry");
    };
    let sent = client.ask(headers);
    let [(second, ..)] = &frames(sent.as_bytes())[..] else {
        panic!("{sent}");
    };
    assert_ne!(second.transaction_id(), id);
    assert!(second.credentials().unwrap().is_some());
    covers!("R-024", "R-027", "R-046");
}

#[test]
fn rfc4975_7_1_1_an_auth_without_answer_fails_after_30_s() {
    assert_eq!(AUTH_TIMEOUT, Duration::from_secs(30));
    let mut client = Client::new();
    let headers = client.begin();
    assert_eq!(client.auth.patience(), AUTH_TIMEOUT);
    client.ask(headers);
    client.bench.pass(AUTH_TIMEOUT - Duration::from_millis(1));
    assert!(client.outcome().is_none());
    let (_, sent) = client.bench.pass(Duration::from_millis(1));
    assert_eq!(sent, "", "nothing is sent again");
    assert!(matches!(client.outcome(), Some(Asked::Silence)));
    assert_eq!(
        client.auth.handle_silence(),
        Next::Failed(AuthFailure::Silence)
    );
    assert_eq!(client.bench.closed(), None);
    covers!("R-037");
}
