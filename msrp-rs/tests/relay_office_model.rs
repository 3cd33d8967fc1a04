//! This is no open relay (RFC 4976 §6.4): whatever parties write into paths, a request leaves only where the rules of a
//! second, simpler reading of the RFC allow it.

mod office_support;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use msrp::role::relay::{Decision, Holder, Hop, Leg, LinkId, Party, Peer, Validity};
use msrp::wire::Uri;
use msrp_conformance::covers;
use proptest::prelude::*;

use office_support::*;

const INTRA: &str = "intra.example.com";
const INNER: &str = "msrps://intra.example.com:9000/t0k;tcp";

/// Two clients, two connections of another relay, a stranger, and a host that the relay connected to.
const PARTIES: u64 = 6;

fn party(n: u64) -> Party {
    match n {
        0 | 1 => client(10 + n),
        2 | 3 => relay(10 + n, INTRA),
        4 => client(14),
        _ => host(15),
    }
}

#[derive(Debug, Clone)]
enum Op {
    /// A new URI for a client or a client behind the other relay.
    Login(u64),
    Request {
        from: u64,
        method: &'static str,
        to_path: Vec<usize>,
        from_path: Vec<usize>,
    },
    /// The link is lost, and there again under the same number of parties.
    Lost(u64),
    Pass(u64),
}

/// URIs that stand in paths besides those that were given out.
fn others() -> Vec<String> {
    let mut uris: Vec<_> = (10..16).map(session).collect();
    uris.extend(
        [
            INNER,
            "msrps://intra.example.com:9000/0ther;tcp",
            "msrps://bob.example.net:7777/b0b;tcp",
            "msrp://victim.example.org:80/x;tcp",
            "msrps://127.0.0.1:22/x;tcp",
            "msrps://relay.example.com:2855/0123456789abcdef0123456789abcdef;tcp",
            DOOR,
        ]
        .map(str::to_owned),
    );
    uris
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    // Indexes below 8 mean URIs that were given out, lately or long ago.
    let place = prop_oneof![3 => 0..8_usize, 2 => 8..21_usize];
    let path = proptest::collection::vec(place, 1..5);
    let method = prop_oneof![
        4 => Just("SEND"),
        1 => Just("REPORT"),
        1 => Just("AUTH"),
        1 => Just("FOOBAR"),
    ];
    let request =
        (0..PARTIES, method, path.clone(), path).prop_map(|(from, method, to_path, from_path)| {
            Op::Request {
                from,
                method,
                to_path,
                from_path,
            }
        });
    let op = prop_oneof![
        20 => request,
        4 => (0..3_u64).prop_map(Op::Login),
        1 => (0..PARTIES).prop_map(Op::Lost),
        1 => (1..2400_u64).prop_map(Op::Pass),
    ];
    proptest::collection::vec(op, 1..60)
}

/// What the second reading knows.
#[derive(Default)]
struct Model {
    /// Holder of each URI that stands, and its end in seconds.
    tokens: HashMap<String, (Holder, u64)>,
    given: Vec<String>,
    /// Through which URI who was seen, under which name, and on which link.
    seen: HashSet<(String, String, LinkId)>,
    seconds: u64,
    /// Ways that links may still use.
    ways: Vec<(String, Option<String>, Validity)>,
    /// How many times a link was lost.
    lives: [u64; PARTIES as usize],
}

impl Model {
    fn party(&self, n: u64) -> Party {
        let mut party = party(n);
        party.link = LinkId(party.link.0 + 100 * self.lives[n as usize]);
        party
    }

    fn holder(&self, uri: &str) -> Option<&Holder> {
        let (holder, end) = self.tokens.get(uri)?;
        (self.seconds < *end).then_some(holder)
    }

    fn uris(&self, places: &[usize], others: &[String]) -> Vec<String> {
        let uri = |place: &usize| match place {
            0..8 if self.given.is_empty() => DOOR.to_owned(),
            0..8 => self.given[self.given.len() - 1 - place.min(&(self.given.len() - 1))].clone(),
            _ => others[place - 8].clone(),
        };
        places.iter().map(uri).collect()
    }

    /// Whether a request may leave so.
    fn allows(&self, from: &Party, to_path: &[String], leg: &Leg) -> bool {
        let is_holder = |holder: &Holder| match (holder, &from.peer) {
            (Holder::Link(link), _) => *link == from.link,
            (Holder::Relay(name), Peer::Relay(names)) => names.has(name),
            (Holder::Relay(_), _) => false,
        };
        let leads_to = |holder: &Holder, next: &str| match (holder, &leg.hop) {
            (Holder::Link(link), Hop::Link(hop)) => link == hop,
            (Holder::Relay(name), Hop::Relay(hop)) => {
                name == hop && next.contains(&format!("//{name}:"))
            }
            _ => false,
        };
        let Some(holder) = self.holder(&to_path[0]) else {
            return false;
        };
        let rest = |taken: usize| leg.to_path == to_path[taken..].join(" ");
        let is_inward = to_path.len() > 1 && leads_to(holder, &to_path[1]) && rest(1);
        if is_inward && !to_path[1].contains(RELAY) {
            return true;
        }
        if !is_holder(holder) || to_path.len() < 2 {
            return false;
        }
        if let Some(second) = self.holder(&to_path[1]) {
            return to_path.len() > 2 && leads_to(second, &to_path[2]) && rest(2);
        }
        if to_path[1].contains(RELAY) || !rest(1) {
            return false;
        }
        match &leg.hop {
            Hop::Uri { uri, relay } => uri.as_str() == to_path[1] && (*relay || to_path.len() == 2),
            Hop::Link(link) => {
                let name = (to_path[0].clone(), to_path[1].clone(), *link);
                to_path.len() == 2 && self.seen.contains(&name)
            }
            Hop::Relay(name) => to_path[1].contains(&format!("//{name}:")),
        }
    }
}

/// Gives how many requests left over links, to the other relay, and elsewhere.
fn run(ops: Vec<Op>) -> [usize; 3] {
    let others = others();
    let mut desk = Desk::new(options());
    let mut model = Model::default();
    let mut hops = [0; 3];
    for op in ops {
        let is_request = matches!(op, Op::Request { .. });
        match op {
            Op::Login(n) => {
                let from = model.party(n);
                let (holder, from_path) = match n {
                    0 | 1 => (Holder::Link(from.link), session(from.link.0)),
                    _ => (
                        Holder::Relay(INTRA.into()),
                        format!("{INNER} {}", session(30)),
                    ),
                };
                let user = ["alice", "bob", "carol"][n as usize];
                let reply = desk.login_with(&from, user, &from_path, &[]);
                let path = use_path(&reply);
                let token = path.rsplit(' ').next().unwrap().to_owned();
                let end = model.seconds + 3600;
                assert!(model.tokens.insert(token.clone(), (holder, end)).is_none());
                model.given.push(token);
            }
            Op::Request {
                from,
                method,
                to_path,
                from_path,
            } => {
                let from = model.party(from);
                let to_path = model.uris(&to_path, &others);
                let from_path = model.uris(&from_path, &others);
                let head = request(method, &to_path.join(" "), &from_path.join(" "), &[]);
                match desk.route(&from, &head) {
                    Decision::Forward(leg, validity) => {
                        assert!(
                            model.allows(&from, &to_path, &leg),
                            "{from:?} {method} {to_path:?} goes to {:?}",
                            leg.hop
                        );
                        assert!(validity.stands(desk.now));
                        hops[match &leg.hop {
                            Hop::Link(_) => 0,
                            Hop::Relay(_) => 1,
                            Hop::Uri { .. } => 2,
                        }] += 1;
                        // All that came is there, in another order, and nothing else.
                        let mut came: Vec<_> = to_path.iter().chain(&from_path).collect();
                        let sent = [&leg.to_path, &leg.from_path]
                            .map(|path| std::str::from_utf8(path).unwrap().to_owned());
                        let sent = sent.join(" ");
                        let mut sent: Vec<_> = sent.split(' ').collect();
                        came.sort();
                        sent.sort_unstable();
                        assert_eq!(came, sent);
                        let second = model.holder(&to_path[1]).map(|_| to_path[1].clone());
                        model.ways.push((to_path[0].clone(), second, validity));
                        if !matches!(from.peer, Peer::Relay(_)) && from_path.len() == 1 {
                            let seen = (to_path[0].clone(), from_path[0].clone(), from.link);
                            model.seen.insert(seen);
                        }
                    }
                    Decision::Serve => {
                        let uri: Uri = to_path[0].parse().unwrap();
                        assert!(method == "AUTH" && to_path.len() == 1);
                        assert!(uri.session_id().is_none());
                    }
                    Decision::Close(_) => assert!(!matches!(from.peer, Peer::Relay(_))),
                    Decision::Refuse(_) | Decision::Discard => {}
                }
            }
            Op::Lost(n) => {
                let from = model.party(n);
                desk.office.link_gone(from.link);
                let is_lost = |holder: &Holder| *holder == Holder::Link(from.link);
                model.tokens.retain(|_, (holder, _)| !is_lost(holder));
                model.seen.retain(|(_, _, link)| *link != from.link);
                model.lives[n as usize] += 1;
            }
            Op::Pass(seconds) => {
                desk.pass(Duration::from_secs(seconds));
                model.seconds += seconds;
            }
        }
        if is_request {
            continue;
        }
        // No way outlives what it is made of.
        model
            .ways
            .retain(|(_, _, validity)| validity.stands(desk.now));
        for (first, second, _) in &model.ways {
            let stands = |uri: &String| model.holder(uri).is_some();
            assert!(stands(first) && second.as_ref().is_none_or(stands));
        }
    }
    // The clients of this relay are served all the same.
    let from = model.party(0);
    let token = desk.login(&from, "alice");
    let head = send(&format!("{token} {}", others[8]), &session(10));
    desk.way(&from, &head);
    hops
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 3000, ..ProptestConfig::default() })]

    #[test]
    fn requests_leave_only_where_the_rules_allow(ops in ops()) {
        run(ops);
    }
}

#[test]
fn rfc4976_6_4_no_path_makes_this_an_open_relay() {
    // Each way that there is, from each party, with up to three URIs behind a good one.
    let places: Vec<usize> = (0..3).chain(8..21).collect();
    let mut ops = vec![Op::Login(0), Op::Login(1), Op::Login(2)];
    for from in 0..PARTIES {
        for &one in &places {
            for &two in &places {
                for first in 0..3 {
                    for to_path in [
                        vec![first, one],
                        vec![first, one, two],
                        vec![one, first, two],
                    ] {
                        ops.push(Op::Request {
                            from,
                            method: "SEND",
                            to_path,
                            from_path: vec![8 + from as usize],
                        });
                    }
                }
            }
        }
    }
    let hops = run(ops);
    assert!(hops.iter().all(|count| *count > 100), "{hops:?}");
    covers!("R-097", "R-123", "R-124", "T-46");
}
