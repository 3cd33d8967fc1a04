use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use msrp::{Resolution, ServiceResolution};
use msrp_conformance::covers;

use super::*;

/// A relay of a farm for example.com.
const CONFIG: &str = r#"name = "relay1.example.com"
hosts = ["example.com"]
[[listen]]
address = "192.0.2.1:9000"
[[listen]]
address = "[2001:db8::1]:9000"
[[listen]]
address = "10.0.0.1:2855"
tls = false
[tls]
certificate = "relay.pem"
key = "relay.key"
[users]
file = "users"
"#;

const MEMBERS: [&str; 2] = [
    "example.com 9000 relay1.example.com.",
    "example.com 9000 RELAY2.example.com",
];
const ADDRESSES: [&str; 3] = [
    "relay1.example.com 192.0.2.1",
    "relay1.example.com 2001:db8::1",
    "relay2.example.com 192.0.2.2",
];

/// A DNS of a few records, or one that is not there.
#[derive(Default)]
struct Zone {
    services: BTreeMap<String, Vec<SrvRecord>>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    is_down: bool,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    /// Lines are DOMAIN PORT TARGET and NAME ADDRESS.
    fn of(services: &[&str], addresses: &[&str]) -> Self {
        let mut zone = Self::default();
        for line in services {
            let fields: Vec<_> = line.split(' ').collect();
            let record = SrvRecord {
                priority: 0,
                weight: 1,
                port: fields[1].parse().expect("a port"),
                target: fields[2].to_owned(),
            };
            let service = format!("_msrps._tcp.{}", fields[0]);
            zone.services.entry(service).or_default().push(record);
        }
        for line in addresses {
            let (name, address) = line.split_once(' ').expect("two");
            let address = address.parse().expect("an address");
            let name = format!("{name}.");
            zone.addresses.entry(name).or_default().push(address);
        }
        zone
    }

    fn answer<T: Clone>(&self, name: &str, of: &BTreeMap<String, T>) -> io::Result<Option<T>> {
        self.asked.lock().expect("sound").push(name.to_owned());
        match self.is_down {
            true => Err(io::Error::other("no connections")),
            false => Ok(of.get(name).cloned()),
        }
    }
}

impl Resolver for Zone {
    fn resolve(&self, name: &str) -> Resolution {
        let answer = self.answer(name, &self.addresses);
        let none = || io::Error::from(io::ErrorKind::NotFound);
        Box::pin(async move { answer?.ok_or_else(none) })
    }

    fn service(&self, name: &str) -> ServiceResolution {
        let answer = self.answer(name, &self.services);
        Box::pin(async move { Ok(answer?.unwrap_or_default()) })
    }
}

/// What is found, without the name of the file.
async fn found(config: &str, zone: &Zone) -> Vec<String> {
    let config = Config::parse(config.to_owned(), Path::new("r")).expect("a configuration");
    let findings = config.judge_dns(zone).await;
    findings
        .iter()
        .map(|f| format!("{f}")[2..].into())
        .collect()
}

#[tokio::test]
async fn what_the_operator_has_to_add_to_the_dns_is_told() {
    const NO_MEMBER: &str = "2: warning: hosts: _msrps._tcp.example.com has no SRV record that leads to this relay: who \
                             knows example.com alone does not find it (RFC 4976 §8); add \
                             \"_msrps._tcp.example.com. 3600 IN SRV 0 0 9000 relay1.example.com.\"";
    const NO_A: &str = "4: warning: listen.address: relay1.example.com has no A record of this address; add \
                        \"relay1.example.com. 3600 IN A 192.0.2.1\" (RFC 4976 §8)";
    const NO_AAAA: &str = "6: warning: listen.address: relay1.example.com has no AAAA record of this address; add \
                           \"relay1.example.com. 3600 IN AAAA 2001:db8::1\" (RFC 4976 §8)";
    let other = "2: warning: hosts: relay2.example.com has no A or AAAA record that leads to another machine; add \
                 \"relay2.example.com. 3600 IN A ADDRESS\", or AAAA (RFC 4976 §8)";
    let none = NO_MEMBER.replace(" that leads to this relay", "");
    let port = "example.com 2855 relay1.example.com.";
    let alias = ["example.com 9000 r.example.net."];
    let aliased = [
        &ADDRESSES[..2],
        &["r.example.net 192.0.2.1", "r.example.net 2001:db8::1"],
    ]
    .concat();
    let table: [(&str, Zone, &[&str]); 10] = [
        ("a good farm", Zone::of(&MEMBERS, &ADDRESSES), &[]),
        ("another name for it", Zone::of(&alias, &aliased), &[]),
        (
            "a member is missing",
            Zone::of(&MEMBERS[1..], &ADDRESSES),
            &[NO_MEMBER],
        ),
        (
            "another port",
            Zone::of(&[port, MEMBERS[1]], &ADDRESSES),
            &[NO_MEMBER],
        ),
        (
            "decidedly none",
            Zone::of(&["example.com 0 ."], &ADDRESSES),
            &[NO_MEMBER],
        ),
        (
            "one address is missing",
            Zone::of(&MEMBERS, &[ADDRESSES[0], ADDRESSES[2]]),
            &[NO_AAAA],
        ),
        (
            "another one's is missing",
            Zone::of(&MEMBERS, &ADDRESSES[..2]),
            &[other],
        ),
        (
            "another port and no addresses",
            Zone::of(&[port], &[]),
            &[NO_MEMBER, NO_A, NO_AAAA],
        ),
        (
            "all addresses are missing",
            Zone::of(&MEMBERS, &[]),
            &[other, NO_A, NO_AAAA],
        ),
        (
            "nothing is there",
            Zone::of(&[], &[]),
            &[&none, NO_A, NO_AAAA],
        ),
    ];
    for (what, zone, expected) in table {
        assert_eq!(found(CONFIG, &zone).await, expected, "{what}");
    }
    covers!("R-196");
}

#[tokio::test]
async fn a_dns_that_does_not_answer_is_no_dns_without_records() {
    let zone = Zone {
        is_down: true,
        ..Zone::default()
    };
    let expected = [
        "1: warning: name: cannot ask the DNS for addresses of relay1.example.com: no connections",
        "1: warning: name: cannot ask the DNS for SRV records of _msrps._tcp.relay1.example.com: no connections",
        "2: warning: hosts: cannot ask the DNS for SRV records of _msrps._tcp.example.com: no connections",
    ];
    assert_eq!(found(CONFIG, &zone).await, expected);
}

#[tokio::test]
async fn each_name_is_asked_for_once_and_as_it_stands() {
    let zone = Zone::of(&MEMBERS, &ADDRESSES);
    found(CONFIG, &zone).await;
    let expected = [
        "relay1.example.com.",
        "_msrps._tcp.relay1.example.com",
        "_msrps._tcp.example.com",
        "relay2.example.com.",
    ];
    assert_eq!(*zone.asked.lock().expect("sound"), expected);
}

#[tokio::test]
async fn behind_a_nat_any_address_of_others_will_do() {
    let config = CONFIG.replace("192.0.2.1:9000", "10.0.0.1:9000");
    let config = config.replace("[2001:db8::1]:9000", "[::]:9000");
    let zone = Zone::of(&MEMBERS, &ADDRESSES);
    assert_eq!(found(&config, &zone).await, [""; 0]);
    let mapped = format!("port = 443\n{config}");
    let zone = Zone::of(&["example.com 443 relay1.example.com"], &ADDRESSES);
    assert_eq!(found(&mapped, &zone).await, [""; 0]);
    // What the file of hosts of its own machine may say.
    let local = "relay1.example.com 127.0.1.1";
    let zone = Zone::of(&MEMBERS, &[local, ADDRESSES[2]]);
    let told = "1: warning: name: relay1.example.com has no A or AAAA record that leads to another machine; add \
                \"relay1.example.com. 3600 IN A ADDRESS\", or AAAA (RFC 4976 §8)";
    let all = found(&config, &zone).await;
    assert_eq!(all, [told]);
}

#[tokio::test]
async fn the_name_alone_needs_no_service_record_at_the_port_of_relays() {
    let alone = CONFIG.replace("hosts = [\"example.com\"]", "");
    let told = found(&alone, &Zone::of(&[], &ADDRESSES)).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("\"_msrps._tcp.relay1.example.com. 3600 IN SRV 0 0 9000 "));
    let usual = alone.replace(":9000", ":2855");
    assert_eq!(found(&usual, &Zone::of(&[], &ADDRESSES)).await, [""; 0]);
    // But clients go where records of the name lead to.
    let elsewhere = ["relay1.example.com 2855 relay2.example.com"];
    let told = found(&usual, &Zone::of(&elsewhere, &ADDRESSES)).await;
    assert!(
        told.len() == 1 && told[0].contains("that leads to this relay"),
        "{told:?}"
    );
}

#[tokio::test]
async fn no_record_can_name_a_port_that_changes_nor_an_address() {
    let free = CONFIG.replace(":9000", ":0");
    let told = found(&free, &Zone::of(&MEMBERS, &ADDRESSES)).await;
    let expected = "4: warning: listen.address: port 0 takes another port each time, and no SRV record can name it";
    assert_eq!(told, [expected]);
    let by_address = CONFIG.replace("\"relay1.example.com\"", "\"192.0.2.1\"");
    let zone = Zone::of(&MEMBERS, &ADDRESSES);
    assert_eq!(found(&by_address, &zone).await, [""; 0]);
    assert_eq!(*zone.asked.lock().expect("sound"), [""; 0]);
}
