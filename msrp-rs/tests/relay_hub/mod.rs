//! A whole relay in virtual time, without sockets: an office, links, and what `net` does between them. The peers are
//! texts.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

#[path = "../office_support/mod.rs"]
pub mod office_support;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::limits::Limits;
use msrp::proto::IdSource;
use msrp::proto::auth::{Challenge, Ha1};
use msrp::role::relay::{
    Answer, Forward, Hop, LaneId, Link, LinkId, LinkOptions, Office, OfficeEvent, OfficeOptions,
    Parked, Party, Peer,
};
use msrp::wire::{Continuation, Frame, Head, Parser, ParserLimits};

use office_support::{DOOR, authorization};

/// A request or response that a peer got.
#[derive(Debug, Clone)]
pub struct Got {
    pub head: Head,
    pub body: Vec<u8>,
    pub end: Continuation,
}

impl Got {
    pub fn method(&self) -> &str {
        self.head.method().map_or("", |method| method.as_str())
    }

    pub fn status(&self) -> u16 {
        self.head.status().map_or(0, |status| status.0)
    }

    pub fn tid(&self) -> String {
        self.head.transaction_id().as_str().to_owned()
    }

    pub fn header(&self, name: &str) -> String {
        let value = self.head.header_by_str(name).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    }
}

/// One link, and what its peer has to say and has got.
pub struct Port {
    pub link: Link,
    pub got: Vec<Got>,
    /// Octets that the peer got, in all.
    pub got_len: usize,
    /// How many more octets the peer takes; `None`: all.
    pub takes: Option<usize>,
    parser: Parser,
    reading: Option<Got>,
    waiting: VecDeque<Bytes>,
    left: bool,
}

pub struct Hub {
    pub now: Instant,
    pub office: Office,
    pub ports: BTreeMap<u64, Port>,
    pub users: HashMap<String, String>,
    /// Hosts at which somebody answers when the relay connects to them.
    pub reachable: Vec<String>,
    /// To whom it connected.
    pub dials: Vec<String>,
    /// Requests that went by [`Hop::Uri`] to nobody.
    pub unreached: usize,
    /// The most that all links held together.
    pub most_held: usize,
    limits: Arc<Limits>,
    options: LinkOptions,
    lanes: HashMap<LaneId, u64>,
    parked: HashMap<LaneId, Parked>,
    /// Left by one that is at rest.
    spare: Option<Link>,
    dialled: HashMap<String, u64>,
    next: u64,
}

impl Hub {
    pub fn new() -> Self {
        Self::with(
            office_support::options(),
            Limits::default(),
            LinkOptions::default(),
        )
    }

    pub fn with(office: OfficeOptions, limits: Limits, options: LinkOptions) -> Self {
        let users = [("alice", "secret"), ("bob", "hidden"), ("carol", "covert")];
        Self {
            now: Instant::now() + Duration::from_secs(100_000),
            office: Office::new(office, [42; 32]).expect("good options"),
            ports: BTreeMap::new(),
            users: users.map(|(a, b)| (a.into(), b.into())).into(),
            reachable: Vec::new(),
            dials: Vec::new(),
            unreached: 0,
            most_held: 0,
            limits: Arc::new(limits),
            options,
            lanes: HashMap::new(),
            parked: HashMap::new(),
            spare: None,
            dialled: HashMap::new(),
            next: 0,
        }
    }

    /// A new link to such a peer.
    pub fn connect(&mut self, peer: Peer) -> u64 {
        self.next += 1;
        let party = Party {
            peer,
            ..office_support::client(self.next)
        };
        self.enter(party)
    }

    pub fn enter(&mut self, party: Party) -> u64 {
        let id = party.link.0;
        self.next = self.next.max(id);
        let seed = std::array::from_fn(|n| (id as u8).wrapping_mul(31).wrapping_add(n as u8));
        let link = Link::new(
            party,
            self.limits.clone(),
            self.options.clone(),
            IdSource::new(seed),
            self.now,
        );
        let parser = Parser::new(ParserLimits {
            // Longer by the URIs that the relay adds.
            header_line: 16 * 1024,
            header_section: 64 * 1024,
            path_uris: 100,
            ..ParserLimits::default()
        });
        let port = Port {
            link,
            got: Vec::new(),
            got_len: 0,
            takes: None,
            parser,
            reading: None,
            waiting: VecDeque::new(),
            left: false,
        };
        self.ports.insert(id, port);
        id
    }

    pub fn port(&mut self, id: u64) -> &mut Port {
        self.ports.get_mut(&id).expect("a link of this number")
    }

    pub fn is_open(&self, id: u64) -> bool {
        let port = self.ports.get(&id);
        port.is_some_and(|port| port.link.close_reason().is_none())
    }

    pub fn why(&self, id: u64) -> String {
        format!("{:?}", self.ports[&id].link.close_reason())
    }

    /// The peer of a link says something.
    pub fn say(&mut self, id: u64, octets: impl AsRef<[u8]>) {
        let octets = Bytes::copy_from_slice(octets.as_ref());
        if !octets.is_empty() {
            self.port(id).waiting.push_back(octets);
        }
        self.pump();
    }

    /// What a peer got since the last call.
    pub fn got(&mut self, id: u64) -> Vec<Got> {
        std::mem::take(&mut self.port(id).got)
    }

    /// The one thing that a peer got since the last call.
    pub fn one(&mut self, id: u64) -> Got {
        let mut got = self.got(id);
        assert_eq!(got.len(), 1, "{got:?}");
        got.remove(0)
    }

    /// The transaction id of the request that a peer has got in part.
    pub fn reading(&self, id: u64) -> Option<String> {
        let got = self.ports[&id].reading.as_ref()?;
        Some(got.tid())
    }

    /// The peer closes its connection.
    pub fn lose(&mut self, id: u64) {
        let now = self.now;
        self.port(id).link.handle_eof(now);
        self.pump();
    }

    /// An AUTH with these header lines, and its answer.
    pub fn auth(&mut self, id: u64, tid: &str, lines: &[String]) -> Got {
        let session = office_support::session(id);
        self.say(id, frame(tid, "AUTH", DOOR, &session, lines));
        self.one(id)
    }

    pub fn challenged(&mut self, id: u64) -> Challenge {
        let got = self.auth(id, "auth0000", &[]);
        assert_eq!(got.status(), 401);
        challenge(&got)
    }

    /// A URI for the client of a link.
    pub fn login(&mut self, id: u64, user: &str) -> String {
        let challenge = self.challenged(id);
        let password = self.users.get(user).cloned().unwrap_or_default();
        let line = authorization(&challenge, user, &password, DOOR, 1);
        let got = self.auth(id, "auth0001", &[line]);
        assert_eq!(got.status(), 200);
        got.header("Use-Path")
    }

    /// Brings everything where it belongs, until nothing moves.
    pub fn pump(&mut self) {
        for _ in 0..1_000_000 {
            if !self.step() {
                return;
            }
        }
        panic!("the relay does not come to rest");
    }

    fn step(&mut self) -> bool {
        let now = self.now;
        let mut moved = false;
        let ids: Vec<u64> = self.ports.keys().copied().collect();
        for id in ids {
            let port = self.ports.get_mut(&id).expect("it is there");
            if port.link.reading_allowed()
                && let Some(data) = port.waiting.pop_front()
            {
                port.link.handle_input(now, data, &mut self.office);
                moved = true;
            }
            while port.link.poll_event().is_some() {
                moved = true;
            }
            moved |= self.carry(id);
            moved |= self.transmit(id);
            self.change_seats(id);
            let port = self.ports.get_mut(&id).expect("it is there");
            if port.link.close_reason().is_some() && !port.left {
                port.left = true;
                port.waiting.clear();
                self.office.link_gone(LinkId(id));
                moved = true;
            }
        }
        moved |= self.ask();
        let held = self.ports.values().map(|port| port.link.held_bytes()).sum();
        self.most_held = self.most_held.max(held);
        moved
    }

    /// A link that has nothing to do goes on in the room of another one.
    fn change_seats(&mut self, id: u64) {
        let port = self.ports.get_mut(&id).expect("it is there");
        let Some(resting) = port.link.rest(self.now) else {
            return;
        };
        let mut link = self.spare.take().unwrap_or_else(|| {
            let (limits, options) = (self.limits.clone(), self.options.clone());
            let ids = IdSource::new([200; 32]);
            Link::new(resting.party().clone(), limits, options, ids, self.now)
        });
        link.wake(resting);
        self.spare = Some(std::mem::replace(&mut port.link, link));
    }

    /// What a link has for others.
    fn carry(&mut self, id: u64) -> bool {
        let now = self.now;
        let mut moved = false;
        while let Some(forward) = self.port(id).link.poll_forward() {
            moved = true;
            let lane = forward.lane();
            if let Some(leg) = forward.leg() {
                let hop = leg.hop.clone();
                let is_there = self.lanes.get(&lane).is_some_and(|to| self.is_open(*to));
                if !is_there {
                    let target = self.target(&hop).unwrap_or(0);
                    self.lanes.insert(lane, target);
                }
            }
            let target = self.lanes.get(&lane).copied().unwrap_or(0);
            if matches!(forward, Forward::Leave(_)) {
                self.lanes.remove(&lane);
            }
            match self.ports.get_mut(&target) {
                Some(port) => port.link.handle_forward(now, forward),
                None => self.parked.entry(lane).or_default().push(forward),
            }
        }
        for parked in self.parked.values_mut() {
            for backward in parked.refuse(None) {
                if let Some(port) = self.ports.get_mut(&backward.link().0) {
                    port.link.handle_backward(now, backward);
                }
            }
        }
        while let Some(backward) = self.port(id).link.poll_backward() {
            moved = true;
            if let Some(port) = self.ports.get_mut(&backward.link().0) {
                port.link.handle_backward(now, backward);
            }
        }
        moved
    }

    /// The link for a hop: one that there is, or a new one.
    fn target(&mut self, hop: &Hop) -> Option<u64> {
        let relay_of = |ports: &BTreeMap<u64, Port>, name: &str| {
            let mut ports = ports.iter().filter(|(_, port)| !port.left);
            let is_it = |peer: &Peer| matches!(peer, Peer::Relay(names) if names.has(name));
            ports.find_map(|(id, port)| is_it(&port.link.party().peer).then_some(*id))
        };
        match hop {
            Hop::Link(link) => Some(link.0),
            Hop::Relay(name) => relay_of(&self.ports, name),
            Hop::Uri { uri, relay: true } => {
                let found = relay_of(&self.ports, &uri.host().to_string());
                self.unreached += usize::from(found.is_none());
                found
            }
            Hop::Uri { uri, relay: false } => {
                let known = self.dialled.get(uri.as_str()).copied();
                if let Some(link) = known.filter(|link| self.is_open(*link)) {
                    return Some(link);
                }
                let host = uri.host().to_string();
                if !self.reachable.contains(&host) {
                    self.unreached += 1;
                    return None;
                }
                self.dials.push(uri.to_string());
                let link = self.connect(Peer::Host);
                self.dialled.insert(uri.to_string(), link);
                Some(link)
            }
        }
    }

    /// The host answers the office.
    fn ask(&mut self) -> bool {
        let mut moved = false;
        while let Some(event) = self.office.poll_event() {
            moved = true;
            match event {
                OfficeEvent::Credentials {
                    query,
                    user,
                    realm,
                    algorithm,
                    ..
                } => {
                    let password = self.users.get(&*user);
                    let ha1 = password
                        .map(|password| Ha1::from_password(algorithm, &user, &realm, password));
                    self.office.credentials(self.now, query, ha1.as_ref());
                }
                OfficeEvent::Authorise { query, .. } => {
                    self.office.authorise(self.now, query, true);
                }
                OfficeEvent::Answer(query, reply) => {
                    if let Some(port) = self.ports.get_mut(&query.link.0) {
                        let answer = Answer::Auth(reply);
                        port.link.handle_answer(self.now, query, answer);
                    }
                }
            }
        }
        moved
    }

    fn transmit(&mut self, id: u64) -> bool {
        let now = self.now;
        let port = self.port(id);
        let waits = port.link.poll_transmit(now);
        if !waits || port.left || port.takes == Some(0) {
            return false;
        }
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = port.link.transmit_slices(&mut slices);
        let mut octets = Vec::new();
        for slice in &slices[..filled] {
            octets.extend_from_slice(slice);
        }
        if let Some(takes) = &mut port.takes {
            octets.truncate(*takes);
            *takes -= octets.len();
        }
        port.link.handle_written(now, octets.len());
        port.got_len += octets.len();
        port.parser.push(Bytes::from(octets));
        while let Some(frame) = port.parser.next().expect("what a relay writes is sound") {
            match frame {
                Frame::Head(head) => {
                    port.reading = Some(Got {
                        head,
                        body: Vec::new(),
                        end: Continuation::Abort,
                    });
                }
                Frame::Body(data) => {
                    let got = port.reading.as_mut().expect("a head came before");
                    got.body.extend_from_slice(&data);
                }
                Frame::End(end) => {
                    let mut got = port.reading.take().expect("a head came before");
                    got.end = end;
                    port.got.push(got);
                }
            }
        }
        true
    }

    /// Lets time pass, with all timeouts on the way.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.pump();
            let links = self.ports.values();
            let links = links.filter_map(|port| port.link.poll_timeout());
            let next = links.chain(self.office.poll_timeout()).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            let now = self.now;
            self.office.handle_timeout(now);
            for port in self.ports.values_mut() {
                port.link.handle_timeout(now);
            }
        }
        self.now = end;
        self.pump();
    }
}

pub fn challenge(got: &Got) -> Challenge {
    let value = got.header("WWW-Authenticate");
    let challenge = Challenge::parse(value.as_bytes());
    challenge.expect("it can be read").expect("it is Digest")
}

/// A request without body.
pub fn frame(tid: &str, method: &str, to: &str, from: &str, lines: &[String]) -> String {
    let mut text = format!("MSRP {tid} {method}\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text + &format!("-------{tid}$\r\n")
}

/// The head of a SEND with a body.
pub fn open(tid: &str, to: &str, from: &str, lines: &str) -> String {
    format!(
        "MSRP {tid} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: m{tid}\r\n{lines}\
         Content-Type: text/plain\r\n\r\n"
    )
}

/// A SEND with a body.
pub fn send(tid: &str, to: &str, from: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let mut octets = open(tid, to, from, lines).into_bytes();
    octets.extend_from_slice(body);
    octets.extend_from_slice(format!("\r\n-------{tid}$\r\n").as_bytes());
    octets
}

/// A response as an endpoint gives it.
pub fn response(request: &Got, status: u16, lines: &[String]) -> String {
    let (to, from) = (request.header("To-Path"), request.header("From-Path"));
    let first = |path: &str| path.split(' ').next().unwrap_or_default().to_owned();
    let to_path = match request.method() {
        "SEND" => first(&from),
        _ => from,
    };
    let start = format!("{status} Text");
    frame(&request.tid(), &start, &to_path, &first(&to), lines)
}
