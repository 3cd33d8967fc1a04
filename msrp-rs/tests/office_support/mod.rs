//! An office with users in virtual time, and requests for it as text.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::proto::auth::{Algorithm, Challenge, Credentials, DigestInput, Ha1};
use msrp::role::relay::{
    Attempt, AuthReply, AuthStep, Decision, HostQuery, Leg, LinkId, Office, OfficeEvent,
    OfficeOptions, Party, Peer, QueryId, Switchboard, Validity,
};
use msrp::wire::{Frame, Head, Parser, ParserLimits, StatusCode};

/// The relay's own name.
pub const RELAY: &str = "relay.example.com";
pub const REALM: &str = RELAY;
/// The URI to which clients AUTH.
pub const DOOR: &str = "msrps://relay.example.com;tcp";

pub fn options() -> OfficeOptions {
    OfficeOptions::new(RELAY.parse().unwrap(), 2855)
}

/// A head as it comes from the wire.
pub fn head(text: &str) -> Head {
    let limits = ParserLimits {
        path_uris: 1000,
        ..ParserLimits::default()
    };
    let mut parser = Parser::new(limits);
    parser.push(Bytes::copy_from_slice(text.as_bytes()));
    match parser.next() {
        Ok(Some(Frame::Head(head))) => head,
        other => panic!("no head in {text:?}: {other:?}"),
    }
}

pub fn request(method: &str, to_path: &str, from_path: &str, lines: &[String]) -> Head {
    let mut text =
        format!("MSRP d93kswow {method}\r\nTo-Path: {to_path}\r\nFrom-Path: {from_path}\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("-------d93kswow$\r\n");
    head(&text)
}

pub fn send(to_path: &str, from_path: &str) -> Head {
    request("SEND", to_path, from_path, &["Message-ID: 4564dpWd".into()])
}

pub fn client(link: u64) -> Party {
    Party {
        link: LinkId(link),
        peer: Peer::Client,
        secure: true,
        address: Some(IpAddr::from([192, 0, 2, (link % 250) as u8])),
    }
}

pub fn relay(link: u64, name: &str) -> Party {
    Party {
        peer: Peer::Relay(name.into()),
        ..client(link)
    }
}

pub fn host(link: u64) -> Party {
    Party {
        peer: Peer::Host,
        ..client(link)
    }
}

/// The session URI of the client that is on this link.
pub fn session(link: u64) -> String {
    format!("msrps://client{link}.example.com:7777/s{link};tcp")
}

/// An office, what its host knows, and the time.
pub struct Desk {
    pub office: Office,
    pub now: Instant,
    /// User and password.
    pub users: HashMap<String, String>,
    /// Users that may not have a URI.
    pub banned: Vec<String>,
    queries: u64,
}

impl Desk {
    pub fn new(options: OfficeOptions) -> Self {
        let seed = std::array::from_fn(|n| n as u8);
        let users = [("alice", "secret"), ("bob", "hidden"), ("carol", "covert")];
        Self {
            office: Office::new(options, seed).unwrap(),
            now: Instant::now(),
            users: users.map(|(a, b)| (a.into(), b.into())).into(),
            banned: Vec::new(),
            queries: 0,
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        if self.office.poll_timeout().is_some_and(|at| at <= self.now) {
            self.office.handle_timeout(self.now);
        }
    }

    pub fn route(&mut self, from: &Party, head: &Head) -> Decision {
        self.office.route(self.now, from, head)
    }

    pub fn way(&mut self, from: &Party, head: &Head) -> (Arc<Leg>, Validity) {
        match self.route(from, head) {
            Decision::Forward(leg, validity) => (leg, validity),
            other => panic!("{head:?} goes nowhere: {other:?}"),
        }
    }

    pub fn refused(&mut self, from: &Party, head: &Head) -> StatusCode {
        match self.route(from, head) {
            Decision::Refuse(status) => status,
            other => panic!("{head:?} is not refused: {other:?}"),
        }
    }

    /// An AUTH from the first step on; the host is not asked.
    pub fn begin(&mut self, from: &Party, head: &Head) -> (QueryId, AuthStep) {
        assert!(matches!(self.route(from, head), Decision::Serve));
        self.queries += 1;
        let query = QueryId {
            link: from.link,
            number: self.queries,
        };
        (query, self.office.auth(self.now, from, query, head))
    }

    /// Answers all questions of the office as the host does.
    pub fn answer_all(&mut self) -> Vec<(QueryId, AuthReply)> {
        let mut replies = Vec::new();
        while let Some(event) = self.office.poll_event() {
            match event {
                OfficeEvent::Credentials {
                    query,
                    user,
                    realm,
                    algorithm,
                    ..
                } => self.give_secret(query, &user, &realm, algorithm),
                OfficeEvent::Authorise { query, user, .. } => {
                    let allowed = !self.banned.iter().any(|banned| **banned == *user);
                    self.office.authorise(self.now, query, allowed);
                }
                OfficeEvent::Answer(query, reply) => replies.push((query, reply)),
            }
        }
        replies
    }

    pub fn give_secret(&mut self, query: HostQuery, user: &str, realm: &str, algorithm: Algorithm) {
        let password = self.users.get(user);
        let ha1 = password.map(|password| Ha1::from_password(algorithm, user, realm, password));
        self.office.credentials(self.now, query, ha1.as_ref());
    }

    /// One AUTH, to its answer.
    pub fn auth(&mut self, from: &Party, head: &Head) -> AuthReply {
        match self.begin(from, head) {
            (_, AuthStep::Answer(reply)) => {
                assert!(self.office.poll_event().is_none());
                reply
            }
            (query, AuthStep::Ask) => {
                let mut replies = self.answer_all();
                assert_eq!(replies.len(), 1);
                let (answered, reply) = replies.remove(0);
                assert_eq!(answered, query);
                reply
            }
        }
    }

    /// A challenge for this client.
    pub fn challenged(&mut self, from: &Party, to_path: &str, from_path: &str) -> Challenge {
        let reply = self.auth(from, &request("AUTH", to_path, from_path, &[]));
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(reply.attempt, Attempt::Undecided);
        challenge(&reply)
    }

    /// The same while questions are open: nothing is answered.
    pub fn challenged_apart(&mut self, from: &Party, from_path: &str) -> Challenge {
        match self.begin(from, &request("AUTH", DOOR, from_path, &[])).1 {
            AuthStep::Answer(reply) => challenge(&reply),
            AuthStep::Ask => panic!("nothing to ask about"),
        }
    }

    /// Both AUTHs of a login, with further header lines in the second.
    pub fn login_with(
        &mut self,
        from: &Party,
        user: &str,
        from_path: &str,
        lines: &[&str],
    ) -> AuthReply {
        let challenge = self.challenged(from, DOOR, from_path);
        let password = self.users.get(user).cloned().unwrap_or_default();
        let mut all = vec![authorization(&challenge, user, &password, DOOR, 1)];
        all.extend(lines.iter().map(|line| (*line).to_owned()));
        self.auth(from, &request("AUTH", DOOR, from_path, &all))
    }

    /// A URI for a client that is connected here: the whole Use-Path.
    pub fn login(&mut self, from: &Party, user: &str) -> String {
        let reply = self.login_with(from, user, &session(from.link.0), &[]);
        use_path(&reply)
    }
}

/// The Use-Path of a 200.
pub fn use_path(reply: &AuthReply) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(reply.attempt, Attempt::Granted);
    header(reply, "Use-Path").expect("a Use-Path").to_owned()
}

pub fn header<'a>(reply: &'a AuthReply, name: &str) -> Option<&'a str> {
    let mut headers = reply.headers.iter();
    headers.find_map(|(known, value)| (known == name).then_some(value.as_str()))
}

pub fn challenge(reply: &AuthReply) -> Challenge {
    let value = header(reply, "WWW-Authenticate").expect("a challenge");
    Challenge::parse(value.as_bytes()).unwrap().unwrap()
}

/// An Authorization line that answers a challenge.
pub fn authorization(
    challenge: &Challenge,
    user: &str,
    password: &str,
    uri: &str,
    nc: u32,
) -> String {
    let algorithm = challenge.algorithm().unwrap();
    let ha1 = Ha1::from_password(algorithm, user, &challenge.realm, password);
    let cnonce = "0a4f113b";
    let response = ha1.response(&DigestInput {
        nonce: &challenge.nonce,
        nc,
        cnonce,
        uri,
    });
    let credentials = Credentials {
        username: user.into(),
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        uri: Some(uri.into()),
        nc,
        cnonce: cnonce.into(),
        response,
        opaque: challenge.opaque.clone(),
        algorithm: challenge.algorithm.clone(),
    };
    format!("Authorization: {}", credentials.to_value())
}
