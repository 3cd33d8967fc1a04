//! Links of a relay in virtual time: each has a peer of which the test writes the octets and sees what it gets.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use std::collections::{BTreeMap, HashMap};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use msrp::Limits;
use msrp::proto::{CloseReason, IdSource};
use msrp::role::relay::{
    AuthStep, Decision, Hop, LaneId, Leg, Link, LinkEvent, LinkId, LinkOptions, Parked, Party,
    Peer, QueryId, Switchboard, Validity,
};
use msrp::wire::{Continuation, Frame, Head, Parser, ParserLimits, StatusCode, Uri};

/// The relay's own authority; what stands behind it is a token.
pub const RELAY: &str = "msrps://relay.example:2855/";

pub const ALICE: &str = "msrps://alice.example:9000/aaaaaaaaaaaa;tcp";
pub const BOB: &str = "msrps://bob.example:9001/bbbbbbbbbbbb;tcp";
pub const CAROL: &str = "msrps://carol.example:9002/cccccccccccc;tcp";
pub const TOKEN: &str = "msrps://relay.example:2855/tokentokentoken;tcp";

/// Links by these numbers, for whoever they are.
pub const A: u64 = 1;
pub const B: u64 = 2;
pub const C: u64 = 3;

/// Takes our own URIs off, and looks the next one up.
#[derive(Default)]
pub struct Script {
    /// Where URIs are.
    pub hops: HashMap<String, Hop>,
    /// What is said of other requests whose first URI is ours.
    pub unknown: Option<Decision>,
    pub asked: usize,
    pub auths: Vec<(QueryId, Head)>,
    pub auth: Vec<AuthStep>,
    /// The next decisions are for one request only.
    pub once: bool,
    /// The next decisions are good so long.
    pub until: Option<Instant>,
    pub validities: Vec<Validity>,
}

impl Switchboard for Script {
    fn route(&mut self, _now: Instant, _from: &Party, head: &Head) -> Decision {
        self.asked += 1;
        let to_path = head.to_path().expect("the link has looked");
        let from_path = head.from_path().expect("the link has looked");
        let uris: Vec<&str> = to_path.iter().map(Uri::as_str).collect();
        let own = uris.iter().take_while(|uri| uri.starts_with(RELAY)).count();
        if own == 0 {
            return Decision::Close("not for this relay");
        }
        let (own, rest) = uris.split_at(own);
        let Some(next) = rest.first() else {
            return Decision::Serve;
        };
        let Some(hop) = self.hops.get(*next) else {
            return self
                .unknown
                .clone()
                .unwrap_or(Decision::Refuse(StatusCode::NO_SUCH_SESSION));
        };
        let mut from: Vec<&str> = own.iter().rev().copied().collect();
        from.extend(from_path.iter().map(Uri::as_str));
        let validity = match self.once {
            true => Validity::once(),
            false => Validity::new(self.until),
        };
        self.validities.push(validity.clone());
        Decision::Forward(
            Arc::new(Leg {
                hop: hop.clone(),
                to_path: rest.join(" ").into(),
                from_path: from.join(" ").into(),
                addressed: own[0].to_owned().into(),
                origin: from_path.to_string().into(),
            }),
            validity,
        )
    }

    fn auth(&mut self, _now: Instant, _from: &Party, query: QueryId, head: &Head) -> AuthStep {
        self.auths.push((query, head.clone()));
        self.auth.pop().unwrap_or(AuthStep::Ask)
    }
}

/// A request or response that a peer got.
#[derive(Debug, Clone)]
pub struct Got {
    pub head: Head,
    pub body: Vec<u8>,
    pub end: Continuation,
}

impl Got {
    pub fn tid(&self) -> String {
        self.head.transaction_id().as_str().to_owned()
    }

    pub fn method(&self) -> &str {
        self.head.method().map_or("", |method| method.as_str())
    }

    pub fn status(&self) -> Option<u16> {
        self.head.status().map(|status| status.0)
    }

    pub fn text(&self, name: &str) -> String {
        let value = self.head.header_by_str(name).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    }

    /// A line about it: what tests compare.
    pub fn line(&self) -> String {
        match self.head.status() {
            Some(status) => format!("{status}"),
            None if self.head.is_report() => {
                format!("REPORT {} {}", self.text("Status"), self.text("Byte-Range"))
            }
            None => format!(
                "{} {} {}{}",
                self.method(),
                self.text("Byte-Range"),
                self.body.len(),
                char::from(self.end.as_octet())
            ),
        }
    }
}

/// One link and its peer.
pub struct Side {
    pub link: Link,
    parser: Parser,
    reading: Option<Got>,
    /// What the peer got, whole.
    pub got: Vec<Got>,
    /// All octets that the peer got.
    pub octets: Vec<u8>,
    /// How many more octets the peer takes; `None`: all.
    pub takes: Option<usize>,
    /// What the peer said while the link did not read.
    waiting: Vec<Bytes>,
}

pub struct Relay {
    pub now: Instant,
    pub office: Script,
    pub links: BTreeMap<u64, Side>,
    pub limits: Arc<Limits>,
    pub options: LinkOptions,
    pub lanes: HashMap<LaneId, u64>,
    pub parked: HashMap<LaneId, Parked>,
    pub events: Vec<LinkEvent>,
    pub seed: u8,
    /// Octets of one call of `handle_input`.
    pub split: usize,
    /// The most that all links held together.
    pub most_held: usize,
}

impl Relay {
    pub fn new() -> Self {
        Self::with(Limits::default(), LinkOptions::default())
    }

    pub fn with(limits: Limits, options: LinkOptions) -> Self {
        Self {
            now: Instant::now() + Duration::from_secs(100_000),
            office: Script::default(),
            links: BTreeMap::new(),
            limits: Arc::new(limits),
            options,
            lanes: HashMap::new(),
            parked: HashMap::new(),
            events: Vec::new(),
            seed: 1,
            split: usize::MAX,
            most_held: 0,
        }
    }

    /// Alice, an own client on link A, and Bob, to whom we connected by link B.
    pub fn pair() -> Self {
        let mut relay = Self::new();
        relay.join_pair();
        relay
    }

    pub fn join_pair(&mut self) {
        self.connect(A, Peer::Client);
        self.connect(B, Peer::Host);
        self.office.hops.insert(ALICE.into(), Hop::Link(LinkId(A)));
        self.place(BOB, B);
    }

    /// A URI is behind this link, by a connection that we made.
    pub fn place(&mut self, uri: &str, link: u64) {
        let hop = Hop::Relay(format!("link {link}").into());
        self.office.hops.insert(uri.into(), hop);
    }

    pub fn connect(&mut self, id: u64, peer: Peer) {
        let party = Party {
            link: LinkId(id),
            peer,
            secure: true,
            address: None,
        };
        let ids = IdSource::new([self.seed + id as u8; 32]);
        let link = Link::new(
            party,
            self.limits.clone(),
            self.options.clone(),
            ids,
            self.now,
        );
        self.links.insert(
            id,
            Side {
                link,
                parser: Parser::new(ParserLimits::default()),
                reading: None,
                got: Vec::new(),
                octets: Vec::new(),
                takes: None,
                waiting: Vec::new(),
            },
        );
    }

    pub fn side(&mut self, id: u64) -> &mut Side {
        self.links.get_mut(&id).expect("a link of this number")
    }

    pub fn link(&mut self, id: u64) -> &mut Link {
        &mut self.side(id).link
    }

    /// The peer of a link says something.
    pub fn say(&mut self, id: u64, octets: impl AsRef<[u8]>) {
        let octets = octets.as_ref();
        for piece in octets.chunks(self.split.min(64 * 1024)) {
            self.side(id).waiting.push(Bytes::copy_from_slice(piece));
            self.pump();
        }
    }

    /// What a peer got since the last call.
    pub fn got(&mut self, id: u64) -> Vec<Got> {
        std::mem::take(&mut self.side(id).got)
    }

    pub fn lines(&mut self, id: u64) -> Vec<String> {
        self.got(id).iter().map(Got::line).collect()
    }

    /// The request that the peer of a link has in part.
    pub fn open(&mut self, id: u64) -> Option<Got> {
        self.side(id).reading.clone()
    }

    /// Answers all SENDs that the peer of a link got, with this status.
    pub fn answer(&mut self, id: u64, status: u16) -> Vec<Got> {
        let got = self.got(id);
        for request in got.iter().filter(|got| got.method() == "SEND") {
            self.say(id, response(request, status));
        }
        got
    }

    /// The peer of a link, and the link, are gone.
    pub fn lose(&mut self, id: u64) {
        let now = self.now;
        self.link(id).handle_eof(now);
        self.pump();
    }

    pub fn close_reason(&mut self, id: u64) -> Option<CloseReason> {
        self.link(id).close_reason().cloned()
    }

    /// Brings everything where it belongs, until nothing moves.
    pub fn pump(&mut self) {
        while self.step() {}
    }

    pub fn step(&mut self) -> bool {
        let mut moved = false;
        let now = self.now;
        let ids: Vec<u64> = self.links.keys().copied().collect();
        for id in ids {
            let office = &mut self.office;
            let side = self.links.get_mut(&id).expect("it is there");
            if side.link.reading_allowed() && !side.waiting.is_empty() {
                let data = side.waiting.remove(0);
                side.link.handle_input(now, data, office);
                moved = true;
            }
            while let Some(event) = side.link.poll_event() {
                self.events.push(event);
                moved = true;
            }
            while let Some(forward) = self.link(id).poll_forward() {
                moved = true;
                let lane = forward.lane();
                if let Some(leg) = forward.leg() {
                    let target = self.target(&leg.hop);
                    self.lanes.insert(lane, target);
                }
                let target = self.lanes.get(&lane).copied().unwrap_or(0);
                match self.links.get_mut(&target) {
                    Some(side) => side.link.handle_forward(now, forward),
                    None => self.parked.entry(lane).or_default().push(forward),
                }
            }
            for parked in self.parked.values_mut() {
                for backward in parked.refuse(None) {
                    let link = backward.link().0;
                    if let Some(side) = self.links.get_mut(&link) {
                        side.link.handle_backward(now, backward);
                    }
                }
            }
            while let Some(backward) = self.link(id).poll_backward() {
                moved = true;
                if let Some(side) = self.links.get_mut(&backward.link().0) {
                    side.link.handle_backward(now, backward);
                }
            }
            moved |= self.transmit(id);
            // What it counts is compared with what there is.
            self.link(id).is_settled();
            // As a task does when nothing moves.
            let link = self.link(id);
            if let Some(resting) = link.rest(now) {
                link.wake(resting);
            }
        }
        let held = self.links.values().map(|side| side.link.held_bytes()).sum();
        self.most_held = self.most_held.max(held);
        moved
    }

    fn target(&self, hop: &Hop) -> u64 {
        match hop {
            Hop::Link(link) => link.0,
            Hop::Relay(name) => name.trim_start_matches("link ").parse().expect("a number"),
            Hop::Uri { .. } => 0,
        }
    }

    fn transmit(&mut self, id: u64) -> bool {
        let now = self.now;
        let side = self.side(id);
        if side.takes == Some(0) {
            // The link is asked all the same, as a driver does.
            side.link.poll_transmit(now);
            return false;
        }
        if !side.link.poll_transmit(now) {
            return false;
        }
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = side.link.transmit_slices(&mut slices);
        let mut octets = Vec::new();
        for slice in &slices[..filled] {
            octets.extend_from_slice(slice);
        }
        if let Some(takes) = &mut side.takes {
            octets.truncate(*takes);
            *takes -= octets.len();
        }
        side.link.handle_written(now, octets.len());
        side.octets.extend_from_slice(&octets);
        side.parser.push(Bytes::from(octets));
        while let Some(frame) = side.parser.next().expect("what a link writes is sound") {
            match frame {
                Frame::Head(head) => {
                    assert_eq!(head.fault(), None, "{head:?}");
                    side.reading = Some(Got {
                        head,
                        body: Vec::new(),
                        end: Continuation::Abort,
                    });
                }
                Frame::Body(data) => {
                    let got = side.reading.as_mut().expect("a head came before");
                    got.body.extend_from_slice(&data);
                }
                Frame::End(end) => {
                    let mut got = side.reading.take().expect("a head came before");
                    got.end = end;
                    side.got.push(got);
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
            let next = self.links.values();
            let next = next.filter_map(|side| side.link.poll_timeout()).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            let now = self.now;
            for side in self.links.values_mut() {
                side.link.handle_timeout(now);
                // Else a driver that cannot write now would run in circles.
                let next = side.link.poll_timeout();
                assert!(
                    next.is_none_or(|next| next > now),
                    "a timeout is dealt with"
                );
            }
        }
        self.now = end;
        self.pump();
    }
}

/// A SEND of Alice's to Bob.
pub fn send(tid: &str, range: &str, body: &[u8], end: char) -> Vec<u8> {
    send_with(tid, &format!("Byte-Range: {range}\r\n"), body, end)
}

pub fn send_with(tid: &str, headers: &str, body: &[u8], end: char) -> Vec<u8> {
    let mut out = begin(tid, headers);
    out.extend_from_slice(body);
    out.extend_from_slice(format!("\r\n-------{tid}{end}\r\n").as_bytes());
    out
}

/// The head of a SEND of Alice's to Bob.
pub fn begin(tid: &str, headers: &str) -> Vec<u8> {
    begin_from(tid, &format!("{TOKEN} {BOB}"), ALICE, "mess1", headers)
}

pub fn begin_from(tid: &str, to: &str, from: &str, message: &str, headers: &str) -> Vec<u8> {
    format!(
        "MSRP {tid} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: {message}\r\n\
         {headers}Content-Type: text/plain\r\n\r\n"
    )
    .into()
}

/// A response as an endpoint gives it.
pub fn response(request: &Got, status: u16) -> Vec<u8> {
    let from = request.text("From-Path");
    let to = request.text("To-Path");
    let first = |path: &str| path.split(' ').next().unwrap_or_default().to_owned();
    let to_path = match request.method() {
        "SEND" => first(&from),
        _ => from,
    };
    format!(
        "MSRP {tid} {status} Text\r\nTo-Path: {to_path}\r\nFrom-Path: {}\r\n-------{tid}$\r\n",
        first(&to),
        tid = request.tid(),
    )
    .into()
}

/// What a relay makes of SENDs on its way: the octets of each message in order, each chunk beginning where the one
/// before it ended, and how the last one ended.
pub fn joined(got: &[Got]) -> BTreeMap<String, (Vec<u8>, char)> {
    let mut messages: BTreeMap<String, (Vec<u8>, char)> = BTreeMap::new();
    for got in got.iter().filter(|got| got.method() == "SEND") {
        let entry = messages.entry(got.text("Message-ID"));
        let (body, end) = entry.or_insert_with(|| (Vec::new(), '+'));
        assert_eq!(*end, '+', "nothing comes behind the end: {}", got.line());
        let start = got.head.byte_range().map_or(0, |range| range.offset());
        assert_eq!(start, body.len() as u64, "{}", got.line());
        body.extend_from_slice(&got.body);
        if let Some(last) = got.head.byte_range().and_then(|range| range.end) {
            assert_eq!(last, body.len() as u64, "{}", got.line());
        } else if got.body.len() <= 2048 {
            // Interruptible, and perhaps interrupted.
        }
        *end = char::from(got.end.as_octet());
    }
    messages
}

/// Octets that are all different from each other's neighbours.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}
