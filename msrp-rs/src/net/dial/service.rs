//! Which servers stand behind the name of a relay (RFC 4976 §8), in which order (RFC 2782).
//!
//! Pure: records come from `resolve`, randomness from the caller. Reaching a server is the business of `relay`.

use std::collections::VecDeque;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Host, Uri};

/// Where a relay listens whose name has no service records (RFC 4976 §8).
const PORT: u16 = 2855;

/// What the DNS calls the service of relays over TLS, the only one that there is (RFC 4976 §8, §13).
const SERVICE: &str = "_msrps._tcp";

/// A service record of the DNS (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SrvRecord {
    /// Records with the lowest one are tried first.
    pub priority: u16,
    /// Among equals in priority, how often this one comes first, in proportion to the others. With 0: seldom, where
    /// others have a weight.
    pub weight: u16,
    /// The port of the server. 0 is none: the record is passed over.
    pub port: u16,
    /// The server's name, with a dot at its end or without. `.` alone says that the service is not offered.
    pub target: String,
}

/// How much finer than the weights is drawn: equals come first in the proportion of their weights, however small those are,
/// and one without weight hardly ever.
const FINE: u64 = 1 << 16;

/// What a URI says of where its relay is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authority<'a> {
    pub(crate) host: &'a Host,
    pub(crate) port: Option<u16>,
    /// Over TLS.
    pub(crate) secure: bool,
}

impl<'a> From<&'a Uri> for Authority<'a> {
    fn from(uri: &'a Uri) -> Self {
        Self {
            host: uri.host(),
            port: uri.port(),
            secure: uri.is_secure(),
        }
    }
}

/// Where a relay is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Search {
    /// At this port of the URI's host.
    At(Server),
    /// The service of this name.
    Service(String),
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl Search {
    /// Where the relay of such a URI is looked for: no service with an explicit port.
    ///
    /// # Errors
    /// `InvalidUri` without a port where one is needed: with a numeric address, or without TLS.
    pub(crate) fn of(authority: Authority<'_>) -> Result<Self> {
        let needs = |what| {
            let text = format!("URI of a relay: {what} needs a port");
            Err(Error::local(ErrorKind::InvalidUri, text))
        };
        match (authority.port, authority.host) {
            (Some(0), _) => Err(Error::local(
                ErrorKind::InvalidUri,
                "URI of a relay: nobody can listen at port 0",
            )),
            (Some(port), host) => Ok(Self::At(Server {
                host: host.clone(),
                port,
            })),
            (None, Host::V4(_) | Host::V6(_)) => needs("a numeric address"),
            (None, Host::Name(_)) if !authority.secure => needs("a relay without TLS (msrp)"),
            (None, Host::Name(name)) => Ok(Self::Service(name.clone())),
        }
    }
}

/// The name that the records of a domain's relays stand at.
pub(crate) fn name_of(domain: &str) -> String {
    format!("{SERVICE}.{domain}")
}

/// The servers of a domain's relays in the order in which they are to be tried, at most so many: as its records say, by
/// weight among equals; without records, the host of that name at port 2855. The seed decides what is left to chance.
///
/// # Errors
/// A text: the domain says that it has no relays, or its records name no server.
pub(crate) fn servers(
    domain: &str,
    records: Vec<SrvRecord>,
    most: usize,
    seed: [u8; 32],
) -> Result<Vec<Server>, String> {
    if records.is_empty() {
        let host = Host::Name(domain.to_owned());
        return Ok(vec![Server { host, port: PORT }]);
    }
    if records.iter().all(SrvRecord::is_denial) {
        return Err(format!("{domain} offers no relay (target \".\")"));
    }
    let usable = records.into_iter().filter_map(usable).collect();
    let servers = in_order(usable, most, seed);
    match servers.is_empty() {
        true => Err(format!("no record of {domain} names a server")),
        false => Ok(servers),
    }
}

impl SrvRecord {
    /// Whether it says that the service is decidedly not there.
    fn is_denial(&self) -> bool {
        matches!(self.target.as_str(), "." | "")
    }
}

/// A record that names a server.
struct Usable {
    priority: u16,
    weight: u16,
    server: Server,
}

fn usable(record: SrvRecord) -> Option<Usable> {
    if record.is_denial() || record.port == 0 {
        return None;
    }
    let name = record.target.strip_suffix('.').unwrap_or(&record.target);
    let server = Server {
        host: Host::parse(name).ok()?,
        port: record.port,
    };
    Some(Usable {
        priority: record.priority,
        weight: record.weight,
        server,
    })
}

/// By priority, and by weight among equals (RFC 2782, "Usage rules").
fn in_order(mut records: Vec<Usable>, most: usize, seed: [u8; 32]) -> Vec<Server> {
    let mut chance = ChaCha20Rng::from_seed(seed);
    for index in (1..records.len()).rev() {
        let other = up_to(&mut chance, index as u64) as usize;
        records.swap(index, other);
    }
    // Those without weight first among equals: it is how the rules leave them a small chance.
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut waiting = VecDeque::from(records);
    let mut order = Vec::new();
    while order.len() < most
        && let Some(first) = waiting.front()
    {
        let equals = waiting
            .iter()
            .take_while(|record| record.priority == first.priority);
        let weights = equals.map(|record| FINE * u64::from(record.weight));
        let total: u64 = weights.clone().sum();
        let drawn = up_to(&mut chance, total);
        let chosen = weights
            .scan(0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .position(|sum| sum >= drawn);
        // The last sum is the total: there is always one.
        order.extend(
            chosen
                .and_then(|index| waiting.remove(index))
                .map(|record| record.server),
        );
    }
    order
}

/// A number from 0 to `end`, both included, each as likely as the others.
fn up_to(chance: &mut ChaCha20Rng, end: u64) -> u64 {
    let width = end + 1;
    // Above a multiple of the width, the first numbers would be favoured.
    let fair = u64::MAX - u64::MAX % width;
    loop {
        let number = chance.next_u64();
        if number < fair {
            return number % width;
        }
    }
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    fn record(priority: u16, weight: u16, port: u16, target: &str) -> SrvRecord {
        let target = target.to_owned();
        SrvRecord {
            priority,
            weight,
            port,
            target,
        }
    }

    /// A seed for each number.
    fn seed(number: u32) -> [u8; 32] {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        seed
    }

    /// The servers of example.com, as text.
    fn order(records: &[SrvRecord], number: u32) -> Result<Vec<String>, String> {
        let servers = servers("example.com", records.to_vec(), 16, seed(number))?;
        let text = |server: &Server| format!("{}:{}", server.host, server.port);
        Ok(servers.iter().map(text).collect())
    }

    /// In how many of so many orders each port comes first.
    fn first(records: &[SrvRecord], orders: u32) -> impl Fn(u16) -> u32 + use<> {
        let firsts: Vec<u16> = (0..orders)
            .map(|number| {
                let servers = servers("example.com", records.to_vec(), 16, seed(number));
                servers.expect("a server")[0].port
            })
            .collect();
        move |port| firsts.iter().filter(|first| **first == port).count() as u32
    }

    fn search(uri: &str) -> Result<Search> {
        let uri: Uri = uri.parse().expect("a URI");
        Search::of((&uri).into())
    }

    #[test]
    fn rfc4976_8_a_port_in_the_uri_means_no_service() {
        for (uri, host) in [
            ("msrps://example.com:9000;tcp", "example.com"),
            ("msrps://192.0.2.1:9000/abc;tcp", "192.0.2.1"),
            ("msrp://[2001:db8::1]:9000;tcp", "2001:db8::1"),
        ] {
            let host = host.parse().expect("a host");
            let at = Search::At(Server { host, port: 9000 });
            assert_eq!(search(uri).expect("a port"), at);
        }
        assert_eq!(
            search("msrps://Example.COM;tcp").expect("a name"),
            Search::Service("example.com".into())
        );
        assert_eq!(name_of("example.com"), "_msrps._tcp.example.com");
    }

    #[test]
    fn rfc4976_8_numeric_addresses_always_have_ports() {
        for (uri, text) in [
            ("msrps://192.0.2.1;tcp", "a numeric address needs a port"),
            (
                "msrps://[2001:db8::1]/abc;tcp",
                "a numeric address needs a port",
            ),
            (
                "msrp://example.com;tcp",
                "a relay without TLS (msrp) needs a port",
            ),
            ("msrps://example.com:0;tcp", "nobody can listen at port 0"),
        ] {
            let error = search(uri).expect_err(uri);
            assert_eq!(error.kind, ErrorKind::InvalidUri);
            assert!(error.context.contains(text), "{error}");
        }
    }

    #[test]
    fn rfc2782_lower_priorities_come_first() {
        let records = [
            record(20, 0, 1, "c.example.com."),
            record(10, 0, 2, "b.example.com."),
            record(0, 0, 3, "A.example.com"),
        ];
        for number in 0..50 {
            assert_eq!(
                order(&records, number).expect("three"),
                ["a.example.com:3", "b.example.com:2", "c.example.com:1"]
            );
        }
    }

    #[test]
    fn rfc2782_equals_are_chosen_by_weight() {
        const ORDERS: u32 = 30_000;
        // Five standard deviations of the number of successes.
        let near = |number: u32, share: f64| {
            let expected = f64::from(ORDERS) * share;
            let deviation = (expected * (1.0 - share)).sqrt();
            (f64::from(number) - expected).abs() <= 5.0 * deviation + 1.0
        };
        let firsts = first(&[record(0, 1, 1, "a."), record(0, 2, 2, "b.")], ORDERS);
        assert_eq!(firsts(1) + firsts(2), ORDERS);
        assert!(near(firsts(2), 2.0 / 3.0), "{}", firsts(2));

        let heavy = [
            record(0, 1000, 1, "a."),
            record(0, 2000, 2, "b."),
            record(0, 7000, 3, "c."),
            record(0, 0, 4, "d."),
            // Never first.
            record(1, 60_000, 5, "e."),
        ];
        let firsts = first(&heavy, ORDERS);
        assert!(near(firsts(1), 0.1), "{}", firsts(1));
        assert!(near(firsts(2), 0.2), "{}", firsts(2));
        assert!(near(firsts(3), 0.7), "{}", firsts(3));
        // A small chance, not none.
        assert!(firsts(4) < ORDERS / 1000);
        assert_eq!(firsts(5), 0);

        let none = [record(0, 0, 1, "a."), record(0, 0, 2, "b.")];
        let firsts = first(&none, ORDERS);
        assert!(near(firsts(1), 0.5), "{}", firsts(1));
        covers!("R-191");
    }

    #[test]
    fn rfc2782_all_servers_stand_in_an_order_once() {
        let records: Vec<_> = (0..10)
            .map(|n| record(n / 3, n % 3, 1000 + n, &format!("s{n}.example.com.")))
            .collect();
        let first = order(&records, 1).expect("ten");
        assert_eq!(order(&records, 1).expect("ten"), first, "by its seed");
        let mut sorted = first.clone();
        sorted.sort();
        let all: Vec<_> = (0..10)
            .map(|n| format!("s{n}.example.com:{}", 1000 + n))
            .collect();
        assert_eq!(sorted, all);
        let some = servers("example.com", records, 4, seed(1)).expect("four");
        assert_eq!(some.len(), 4);
    }

    #[test]
    fn rfc4976_8_without_records_the_name_itself_is_the_server() {
        assert_eq!(order(&[], 0).expect("one"), ["example.com:2855"]);
    }

    #[test]
    fn rfc2782_a_dot_says_that_there_is_no_service() {
        for dot in [".", ""] {
            let error = order(&[record(0, 0, 0, dot)], 0).expect_err("nothing");
            assert_eq!(error, "example.com offers no relay (target \".\")");
        }
        // Beside others it is one that names no server.
        let records = [record(0, 0, 1, "."), record(5, 0, 2, "b.example.com.")];
        assert_eq!(order(&records, 0).expect("one"), ["b.example.com:2"]);
    }

    #[test]
    fn records_that_name_no_server_are_passed_over() {
        let bad = [
            record(0, 0, 0, "a.example.com."),
            record(0, 0, 9, "a b.example.com."),
            record(0, 0, 9, "a/b"),
            record(0, 0, 9, "[::1"),
        ];
        assert_eq!(
            order(&bad, 0).expect_err("none"),
            "no record of example.com names a server"
        );
        let records = [&bad[..], &[record(9, 0, 7, "b.example.com.")]].concat();
        assert_eq!(order(&records, 0).expect("one"), ["b.example.com:7"]);
    }
}
