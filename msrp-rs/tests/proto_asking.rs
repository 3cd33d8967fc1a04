//! AUTH as a request of the connection (RFC 4976 §5.1), in virtual time: how it looks, whose its answer is, how long it is
//! waited for.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::auth::{ClientAuth, ClientAuthOptions, Login};
use msrp::proto::{
    AskKey, Asked, AuthRequest, Connection, Directory, IdSource, Lookup, SessionKey,
};
use msrp::wire::{Uri, UriPath};
use msrp_conformance::covers;

const OWN: &str = "msrps://192.0.2.1:9/alicealice;tcp";
const RELAY: &str = "msrps://alice@relay.example.com;tcp";

/// Nobody is known, but for one session that is not ready.
struct Waiting;

impl Directory for Waiting {
    fn lookup(&mut self, uri: &Uri) -> Lookup {
        match uri.session_id() {
            Some("alicealice") => Lookup::NotReady(SessionKey(1)),
            _ => Lookup::Unknown,
        }
    }
}

struct Side {
    connection: Connection,
    now: Instant,
}

impl Side {
    fn new() -> Self {
        let now = Instant::now();
        let limits = Arc::new(Limits::default());
        let connection = Connection::new(limits, IdSource::new([7; 32]), now);
        Self { connection, now }
    }

    fn ask(&mut self, key: u64) {
        let login = Login::new("alice", "secret", None).expect("a login");
        let ids = IdSource::new([9; 32]);
        let mut auth = ClientAuth::new(login, ClientAuthOptions::default(), ids);
        let relay: Uri = RELAY.parse().expect("a URI");
        let headers = auth.begin(&relay, None, Some(Duration::from_secs(600)));
        let request = AuthRequest {
            to_path: UriPath::from(relay),
            from_path: OWN.parse().expect("a URI"),
            headers,
        };
        self.connection.ask(self.now, AskKey(key), &request);
    }

    /// What is sent now.
    fn output(&mut self) -> String {
        let mut out = Vec::new();
        while self.connection.poll_transmit(self.now) {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.connection.transmit_slices(&mut slices);
            let octets: Vec<u8> = slices[..filled].iter().flat_map(|it| it.to_vec()).collect();
            self.connection.handle_written(self.now, octets.len());
            out.extend(octets);
        }
        String::from_utf8(out).expect("text")
    }

    fn input(&mut self, text: &str) {
        let data = Bytes::copy_from_slice(text.as_bytes());
        self.connection.handle_input(self.now, data, &mut Waiting);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.connection.handle_timeout(self.now);
    }
}

fn id_of(frame: &str) -> &str {
    frame.split(' ').nth(1).expect("a transaction id")
}

fn response(frame: &str, status: &str) -> String {
    let id = id_of(frame);
    format!(
        "MSRP {id} {status}\r\nTo-Path: {OWN}\r\nFrom-Path: {RELAY}\r\nUse-Path: msrps://r.example.com:9/t;tcp\r\n-------{id}$\r\n"
    )
}

#[test]
fn rfc4976_5_1_an_auth_has_its_paths_and_its_answer_comes_back() {
    let mut side = Side::new();
    side.ask(5);
    side.ask(6);
    let sent = side.output();
    let frames: Vec<&str> = sent.split_inclusive("$\r\n").collect();
    assert_eq!(frames.len(), 2);
    for frame in &frames {
        let id = id_of(frame);
        assert_eq!(
            *frame,
            format!(
                "MSRP {id} AUTH\r\nTo-Path: {RELAY}\r\nFrom-Path: {OWN}\r\nExpires: 600\r\n-------{id}$\r\n"
            )
        );
    }
    assert_ne!(id_of(frames[0]), id_of(frames[1]));
    // In any order, and once.
    let (first, second) = (response(frames[0], "200 OK"), response(frames[1], "403 No"));
    side.input(&second);
    side.input(&first);
    side.input(&first);
    let told: Vec<_> = std::iter::from_fn(|| side.connection.poll_asked()).collect();
    let told: Vec<_> = told
        .iter()
        .map(|(key, asked)| match asked {
            Asked::Answered(head) => (key.0, head.status().map(|status| status.0)),
            Asked::Silence => (key.0, None),
        })
        .collect();
    assert_eq!(told, [(6, Some(403)), (5, Some(200))]);
    assert!(side.connection.close_reason().is_none());
    covers!("R-001", "R-027", "R-032", "R-046");
}

#[test]
fn rfc4975_7_1_1_an_answer_is_waited_for_for_30_s() {
    let mut side = Side::new();
    side.ask(1);
    // The time runs from the last octet.
    side.pass(Duration::from_secs(20));
    side.output();
    side.pass(Duration::from_millis(29_999));
    assert!(side.connection.poll_asked().is_none());
    let due = side.connection.poll_timeout().expect("a time");
    assert_eq!(due, side.now + Duration::from_millis(1));
    side.pass(Duration::from_millis(1));
    let (key, asked) = side.connection.poll_asked().expect("an outcome");
    assert_eq!(key, AskKey(1));
    assert!(matches!(asked, Asked::Silence));
    assert!(side.connection.poll_asked().is_none());
    // The connection goes on.
    side.ask(2);
    let sent = side.output();
    side.input(&response(&sent, "200 OK"));
    assert!(side.connection.poll_asked().is_some());
    covers!("R-037");
}

#[test]
fn what_comes_for_the_session_meanwhile_is_held() {
    let mut side = Side::new();
    side.ask(1);
    let auth = side.output();
    side.input(&format!(
        "MSRP early001 SEND\r\nTo-Path: {OWN}\r\nFrom-Path: msrps://r.example.com:9/t;tcp msrps://b.example.com:9/bob;tcp\r\n\
         Message-ID: m1\r\nByte-Range: 1-2/2\r\nContent-Type: text/plain\r\n\r\nhi\r\n-------early001$\r\n"
    ));
    side.input(&response(&auth, "200 OK"));
    assert!(side.connection.holds_early());
    assert_eq!(side.output(), "");
    assert!(side.connection.poll_asked().is_some());
    // Nobody asks on a closed connection, and nobody is told.
    side.ask(2);
    assert!(side.output().contains(" AUTH\r\n"));
    side.connection.handle_eof(side.now);
    assert!(side.connection.poll_asked().is_none());
    side.ask(3);
    assert_eq!(side.output(), "");
}
