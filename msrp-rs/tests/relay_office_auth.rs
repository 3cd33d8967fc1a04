//! AUTH at a relay (RFC 4976 §5.1, §6.3, §9.1): challenge, judgement, the host's word, the URI that is given.

mod office_support;

use std::collections::HashSet;
use std::time::Duration;

use msrp::proto::auth::{Algorithm, AuthenticationInfo, Challenge, DigestInput, Ha1};
use msrp::role::relay::{
    Attempt, AuthReply, AuthStep, Decision, Office, OfficeEvent, OfficeOptions, OwnName, Party,
    Peer,
};
use msrp::wire::{HeaderName, StatusCode, Uri};
use msrp::work_so_far;
use msrp_conformance::covers;

use office_support::*;

const INTRA: &str = "intra.example.com";
const INNER: &str = "msrps://intra.example.com:9000/t0k;tcp";

/// One AUTH with these header lines.
fn auth(desk: &mut Desk, from: &Party, lines: &[String]) -> AuthReply {
    let link = from.link.0;
    desk.auth(from, &request("AUTH", DOOR, &session(link), lines))
}

fn wrong(desk: &mut Desk, from: &Party, user: &str) -> AuthReply {
    let challenge = desk.challenged(from, DOOR, &session(from.link.0));
    let line = authorization(&challenge, user, "wrong", DOOR, 1);
    auth(desk, from, &[line])
}

#[test]
fn rfc4976_5_1_challenge_and_grant() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let reply = auth(&mut desk, &alice, &[]);
    assert_eq!(
        (reply.status, reply.attempt),
        (StatusCode::UNAUTHORIZED, Attempt::Undecided)
    );
    assert_eq!(reply.headers.len(), 1);
    let value = header(&reply, "WWW-Authenticate").unwrap();
    let challenge = challenge(&reply);
    assert!(value.contains("qop=\"auth\"") && value.contains("realm=\"relay.example.com\""));
    for absent in ["domain", "auth-int", "MD5-sess", "Basic", "stale"] {
        assert!(!value.contains(absent), "{value}");
    }

    let line = authorization(&challenge, "alice", "secret", DOOR, 1);
    let reply = auth(&mut desk, &alice, &[line]);
    let uri: Uri = use_path(&reply).parse().unwrap();
    assert!(uri.is_secure());
    assert_eq!(
        (uri.host().to_string().as_str(), uri.port()),
        (RELAY, Some(2855))
    );
    assert_eq!(header(&reply, "Expires"), Some("3600"));
    for absent in ["Min-Expires", "Max-Expires", "WWW-Authenticate"] {
        assert_eq!(header(&reply, absent), None);
    }
    let info = header(&reply, "Authentication-Info").unwrap();
    let info = AuthenticationInfo::parse(info.as_bytes()).unwrap();
    let ha1 = Ha1::from_password(Algorithm::Md5, "alice", REALM, "secret");
    let rspauth = ha1.rspauth(&DigestInput {
        nonce: &challenge.nonce,
        nc: 1,
        cnonce: "0a4f113b",
        uri: DOOR,
    });
    assert_eq!(info.rspauth, Some(rspauth));
    assert_eq!(
        (info.cnonce.as_deref(), info.nc),
        (Some("0a4f113b"), Some(1))
    );
    assert_eq!(info.qop.as_deref(), Some("auth"));
    let next = info.nextnonce.unwrap();
    assert_ne!(next, challenge.nonce);

    // The old nonce is good no more, the next one is.
    let line = authorization(&challenge, "alice", "secret", DOOR, 2);
    let stale = auth(&mut desk, &alice, &[line]);
    assert_eq!(stale.attempt, Attempt::Undecided);
    assert!(
        header(&stale, "WWW-Authenticate")
            .unwrap()
            .contains("stale=true")
    );
    let next = Challenge {
        nonce: next,
        ..challenge
    };
    let line = authorization(&next, "alice", "secret", DOOR, 1);
    let other: Uri = use_path(&auth(&mut desk, &alice, &[line])).parse().unwrap();
    assert_ne!(other, uri);
    let counts = desk.office.counts();
    assert_eq!(
        (
            counts.auth_granted,
            counts.auth_challenged,
            counts.auth_stale
        ),
        (2, 1, 1)
    );
    covers!(
        "R-004", "R-051", "R-052", "R-053", "R-058", "R-066", "R-067", "R-068", "R-100", "R-104",
        "R-106", "R-118"
    );
}

#[test]
fn rfc4976_6_2_the_relay_has_many_names() {
    let mut options = options();
    options.hosts = vec!["example.com".parse().unwrap()];
    let mut desk = Desk::new(options);
    for uri in [
        "msrps://alice@relay.example.com;tcp",
        "msrps://relay.example.com:2855;tcp",
        "msrps://example.com;tcp",
        "msrps://EXAMPLE.com:9;tcp",
    ] {
        let alice = client(1);
        let challenge = desk.challenged(&alice, uri, &session(1));
        let line = authorization(&challenge, "alice", "secret", uri, 1);
        let reply = desk.auth(&alice, &request("AUTH", uri, &session(1), &[line]));
        let given: Uri = use_path(&reply).parse().unwrap();
        assert_eq!(given.host().to_string(), RELAY);
        // A way begins with what was given out, not with the domain.
        let to_path = format!(
            "msrps://example.com:2855/{};tcp x",
            given.session_id().unwrap()
        );
        let head = send(
            &to_path.replace(" x", " msrps://b.example:1/b;tcp"),
            &session(1),
        );
        assert_eq!(desk.refused(&alice, &head), StatusCode::NO_SUCH_SESSION);
    }
    covers!("R-114", "R-116");
}

#[test]
fn rfc4976_6_3_uris_cannot_be_guessed() {
    const MANY: usize = if cfg!(debug_assertions) {
        20_000
    } else {
        100_000
    };
    let mut options = options();
    options.tokens = MANY;
    options.tokens_per_user = MANY;
    options.tokens_per_link = MANY;
    let mut desk = Desk::new(options);
    let alice = client(1);
    let mut challenge = desk.challenged(&alice, DOOR, &session(1));
    let mut seen = HashSet::new();
    let (mut ones, mut bits) = (0, 0);
    for _ in 0..MANY {
        let line = authorization(&challenge, "alice", "secret", DOOR, 1);
        let reply = auth(&mut desk, &alice, &[line]);
        let uri: Uri = use_path(&reply).parse().unwrap();
        let id = uri.session_id().unwrap().to_owned();
        let token = u128::from_str_radix(&id, 16).unwrap();
        assert_eq!(id.len(), 32);
        ones += token.count_ones() as usize;
        bits += 128;
        assert!(seen.insert(id));
        let info = header(&reply, "Authentication-Info").unwrap();
        let info = AuthenticationInfo::parse(info.as_bytes()).unwrap();
        challenge.nonce = info.nextnonce.unwrap();
        assert!(seen.insert(challenge.nonce.clone()));
    }
    assert!(ones.abs_diff(bits / 2) < bits / 100, "{ones} of {bits}");
    // Another relay has others.
    let mut other = Desk::new(office_support::options());
    other.office = Office::new(office_support::options(), [7; 32]).unwrap();
    let token: Uri = other.login(&alice, "alice").parse().unwrap();
    assert!(!seen.contains(token.session_id().unwrap()));
    covers!("R-065", "R-107");
}

#[test]
fn rfc4976_6_3_expires_has_bounds_for_those_who_may_know() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    for (expires, name, value) in [
        ("Expires: 1", HeaderName::MinExpires, "60"),
        ("Expires: 0", HeaderName::MinExpires, "60"),
        ("Expires: 999999999", HeaderName::MaxExpires, "86400"),
        (
            "Expires: 99999999999999999999",
            HeaderName::MaxExpires,
            "86400",
        ),
    ] {
        let reply = desk.login_with(&alice, "alice", &session(1), &[expires]);
        assert_eq!(reply.status, StatusCode::INTERVAL_OUT_OF_BOUNDS);
        assert_eq!(reply.headers, [(name.to_string(), value.to_owned())]);
        assert_eq!(reply.attempt, Attempt::Undecided);
        // Strangers are asked for their password first.
        let reply = auth(&mut desk, &alice, &[expires.to_owned()]);
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(header(&reply, "Min-Expires"), None);
    }
    for (expires, granted) in [("Expires: 60", "60"), ("Expires: 86400", "86400")] {
        let reply = desk.login_with(&alice, "alice", &session(1), &[expires]);
        assert_eq!(header(&reply, "Expires"), Some(granted));
        assert_eq!(header(&reply, "Min-Expires"), None);
        assert_eq!(header(&reply, "Max-Expires"), None);
    }
    for expires in ["Expires: 1.5", "Expires: -1", "Expires: x"] {
        let reply = auth(&mut desk, &alice, &[expires.to_owned()]);
        assert_eq!(
            (reply.status, reply.attempt),
            (StatusCode::BAD_REQUEST, Attempt::Failed)
        );
    }
    covers!("R-002", "R-103", "R-104", "R-105", "T-43");
}

#[test]
fn wrong_password_and_unknown_user_look_the_same() {
    let mut desk = Desk::new(options());
    let mut replies = Vec::new();
    for user in ["alice", "nobody"] {
        let from = client(if user == "alice" { 1 } else { 2 });
        let reply = wrong(&mut desk, &from, user);
        assert_eq!(
            (reply.status, reply.attempt),
            (StatusCode::UNAUTHORIZED, Attempt::Failed)
        );
        let mut challenge = challenge(&reply);
        assert!(!challenge.stale);
        assert_eq!(std::mem::take(&mut challenge.nonce).len(), 24);
        replies.push((challenge, reply.headers.len(), reply.close));
    }
    assert_eq!(replies[0], replies[1]);
    // Right digests for other realms are worth nothing.
    let challenge = desk.challenged(&client(3), DOOR, &session(3));
    let other = Challenge {
        realm: "other.example.com".into(),
        ..challenge
    };
    let line = authorization(&other, "alice", "secret", DOOR, 1);
    let reply = auth(&mut desk, &client(3), &[line]);
    assert_eq!(
        (reply.status, reply.attempt),
        (StatusCode::UNAUTHORIZED, Attempt::Failed)
    );
    assert_eq!(desk.office.counts().auth_wrong, 3);
    covers!("R-101", "R-201");
}

#[test]
fn what_is_no_digest_is_challenged_and_what_is_broken_is_malformed() {
    let mut desk = Desk::new(options());
    let basic = "Authorization: Basic YWxpY2U6c2VjcmV0".to_owned();
    let reply = auth(&mut desk, &client(1), &[basic]);
    assert_eq!(
        (reply.status, reply.attempt),
        (StatusCode::UNAUTHORIZED, Attempt::Failed)
    );
    assert!(
        header(&reply, "WWW-Authenticate")
            .unwrap()
            .starts_with("Digest ")
    );

    let challenge = desk.challenged(&client(2), DOOR, &session(2));
    let good = authorization(&challenge, "alice", "secret", DOOR, 1);
    for (part, instead) in [
        ("qop=auth, ", ""),
        ("cnonce=\"0a4f113b\", ", ""),
        ("nc=00000001", "nc=1"),
        ("nonce=", "nonsense="),
        ("username=\"alice\", ", ""),
        (DOOR, "msrps://other.example.com;tcp"),
        (DOOR, "nonsense"),
    ] {
        let bad = good.replace(part, instead);
        assert_ne!(bad, good, "{part}");
        let reply = auth(&mut desk, &client(2), &[bad]);
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{part}");
        assert_eq!(reply.attempt, Attempt::Failed);
    }
    // Not offered here.
    let line = good.replace(
        "Authorization: Digest ",
        "Authorization: Digest algorithm=SHA-256, ",
    );
    let reply = auth(&mut desk, &client(2), &[line]);
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    // Parameters that nobody knows do not matter.
    let line = good.replace("Digest ", "Digest foo=bar, ");
    use_path(&auth(&mut desk, &client(2), &[line]));
    covers!("R-010", "R-050", "R-054", "R-057", "R-069");
}

#[test]
fn nonces_are_good_once_and_where_they_were_given() {
    let mut desk = Desk::new(options());
    let (alice, eve) = (client(1), client(2));
    let seen = desk.challenged(&alice, DOOR, &session(1));
    let line = authorization(&seen, "alice", "secret", DOOR, 5);

    // Overheard and sent over another connection: the digest fits, but nobody got this nonce there.
    let reply = auth(&mut desk, &eve, std::slice::from_ref(&line));
    assert_eq!(
        (reply.status, reply.attempt),
        (StatusCode::UNAUTHORIZED, Attempt::Undecided)
    );
    assert!(challenge(&reply).stale);

    // With too short an Expires the count is used, the nonce is not.
    let lines = [line.clone(), "Expires: 1".into()];
    let reply = auth(&mut desk, &alice, &lines);
    assert_eq!(reply.status, StatusCode::INTERVAL_OUT_OF_BOUNDS);
    for nc in [5, 4, 1] {
        let line = authorization(&seen, "alice", "secret", DOOR, nc);
        let reply = auth(&mut desk, &alice, &[line]);
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert!(challenge(&reply).stale, "nc {nc} came before");
    }
    use_path(&auth(
        &mut desk,
        &alice,
        &[authorization(&seen, "alice", "secret", DOOR, 6)],
    ));

    // Too old, or invented: stale only for who knows the password.
    let old = desk.challenged(&alice, DOOR, &session(1));
    desk.pass(Duration::from_secs(300));
    let invented = Challenge {
        nonce: "invented".into(),
        ..old.clone()
    };
    for nonce in [old, invented] {
        for (password, stale) in [("secret", true), ("wrong", false)] {
            let line = authorization(&nonce, "alice", password, DOOR, 1);
            let reply = auth(&mut desk, &alice, &[line]);
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
            assert_eq!(challenge(&reply).stale, stale);
        }
    }
    covers!("R-063", "R-064", "R-065", "R-101");
}

#[test]
fn a_connection_holds_few_nonces() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let first = desk.challenged(&alice, DOOR, &session(1));
    let mut last = first.clone();
    for _ in 0..1000 {
        last = desk.challenged(&alice, DOOR, &session(1));
    }
    let reply = auth(
        &mut desk,
        &alice,
        &[authorization(&first, "alice", "secret", DOOR, 1)],
    );
    assert!(challenge(&reply).stale);
    use_path(&auth(
        &mut desk,
        &alice,
        &[authorization(&last, "alice", "secret", DOOR, 1)],
    ));
}

#[test]
fn several_algorithms_are_several_lines() {
    let mut options = options();
    options.algorithms = vec![Algorithm::Sha256, Algorithm::Md5];
    let mut desk = Desk::new(options);
    let alice = client(1);
    let reply = auth(&mut desk, &alice, &[]);
    let challenges: Vec<_> = reply
        .headers
        .iter()
        .map(|(name, value)| {
            assert_eq!(name, "WWW-Authenticate");
            Challenge::parse(value.as_bytes()).unwrap().unwrap()
        })
        .collect();
    let algorithms: Vec<_> = challenges
        .iter()
        .map(|challenge| challenge.algorithm())
        .collect();
    assert_eq!(algorithms, [Some(Algorithm::Sha256), Some(Algorithm::Md5)]);
    for (nc, challenge) in challenges.iter().enumerate() {
        let lines = [authorization(
            challenge,
            "alice",
            "secret",
            DOOR,
            nc as u32 + 1,
        )];
        let reply = auth(&mut desk, &alice, &lines);
        if nc == 0 {
            use_path(&reply);
        } else {
            // The same nonce, which was used up.
            assert!(office_support::challenge(&reply).stale);
        }
    }
    covers!("R-071", "R-074");
}

#[test]
fn rfc4976_9_2_auth_without_tls_is_not_served() {
    let mut desk = Desk::new(options());
    let open = Party {
        secure: false,
        ..client(1)
    };
    let here = Party {
        address: Some("127.0.0.1".parse().unwrap()),
        ..open.clone()
    };
    for from in [&open, &here] {
        let reply = auth(&mut desk, from, &[]);
        assert_eq!((reply.status, reply.close), (StatusCode::FORBIDDEN, true));
        assert!(reply.headers.is_empty());
    }
    assert_eq!(desk.office.counts().auth_insecure, 2);

    let mut options = options();
    options.insecure_plain_auth = true;
    options.plain_port = 2856;
    let mut desk = Desk::new(options);
    let reply = auth(&mut desk, &open, &[]);
    assert_eq!((reply.status, reply.close), (StatusCode::FORBIDDEN, true));
    let uri = desk.login(&here, "alice");
    assert!(uri.starts_with("msrp://relay.example.com:2856/"), "{uri}");
    covers!("R-086", "T-42");
}

#[test]
fn rfc4976_6_3_clients_of_another_relay_prove_themselves_too() {
    let mut desk = Desk::new(options());
    let trunk = relay(1, INTRA);
    let from_path = format!("{INNER} {}", session(9));
    let bare = request("AUTH", DOOR, &from_path, &[]);
    let reply = desk.auth(&trunk, &bare);
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);

    // The retry may come over another connection to the same relay.
    let line = authorization(&challenge(&reply), "alice", "secret", DOOR, 1);
    let head = request("AUTH", DOOR, &from_path, &[line]);
    let reply = desk.auth(&relay(2, INTRA), &head);
    let given = use_path(&reply);
    let uris: Vec<_> = given.split(' ').collect();
    assert_eq!(uris[0], INNER);
    assert!(uris[1].starts_with("msrps://relay.example.com:2855/"));
    assert_eq!(uris.len(), 2);

    // Three relays: in the order in which the client passes them.
    let middle = "msrps://middle.example.com:9000/m1d;tcp";
    let from_path = format!("{middle} {INNER} {}", session(9));
    let reply = desk.login_with(&relay(3, "middle.example.com"), "alice", &from_path, &[]);
    assert!(use_path(&reply).starts_with(&format!("{INNER} {middle} msrps://relay.")));

    // Another name than its certificate has, and nobody with a name.
    for from in [relay(4, "x.example.com"), client(5), host(6)] {
        let reply = desk.auth(&from, &bare);
        assert_eq!((reply.status, reply.close), (StatusCode::FORBIDDEN, false));
    }
    covers!("R-085", "R-111", "R-119");
}

#[test]
fn rfc4976_8_the_from_path_of_an_auth_has_ports() {
    let mut desk = Desk::new(options());
    let head = request("AUTH", DOOR, "msrps://client1.example.com/s;tcp", &[]);
    assert_eq!(desk.auth(&client(1), &head).status, StatusCode::BAD_REQUEST);
    covers!("R-194");
}

#[test]
fn the_host_decides_who_may() {
    let mut options = options();
    options.authorise = true;
    let mut desk = Desk::new(options);
    desk.banned.push("bob".into());
    desk.login(&client(1), "alice");
    let reply = desk.login_with(&client(2), "bob", &session(2), &[]);
    assert_eq!(
        (reply.status, reply.attempt),
        (StatusCode::FORBIDDEN, Attempt::Undecided)
    );
    assert!(reply.headers.is_empty());
    // It is not asked about those who cannot prove who they are, nor about times that nobody gets.
    let reply = wrong(&mut desk, &client(3), "bob");
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let reply = desk.login_with(&client(3), "carol", &session(3), &["Expires: 1"]);
    assert_eq!(reply.status, StatusCode::INTERVAL_OUT_OF_BOUNDS);
    assert_eq!(desk.office.counts().auth_forbidden, 1);
    covers!("R-102");
}

#[test]
fn a_host_that_is_silent_refuses() {
    let mut options = options();
    options.authorise = true;
    let mut desk = Desk::new(options);
    for asks in [1, 2] {
        let from = client(asks);
        let challenge = desk.challenged(&from, DOOR, &session(asks));
        let line = authorization(&challenge, "alice", "secret", DOOR, 1);
        let head = request("AUTH", DOOR, &session(asks), &[line]);
        let (waits, step) = desk.begin(&from, &head);
        assert!(matches!(step, AuthStep::Ask));
        let Some(OfficeEvent::Credentials {
            query,
            user,
            realm,
            algorithm,
            address,
        }) = desk.office.poll_event()
        else {
            panic!("the host is asked");
        };
        assert_eq!(
            (&*user, realm.as_str(), address),
            ("alice", REALM, from.address)
        );
        let mut late = query;
        if asks == 2 {
            desk.give_secret(query, &user, &realm, algorithm);
            let Some(OfficeEvent::Authorise { query, expires, .. }) = desk.office.poll_event()
            else {
                panic!("the host is asked again");
            };
            assert_eq!(expires, Duration::from_secs(3600));
            late = query;
        }
        desk.pass(Duration::from_secs(10));
        let Some(OfficeEvent::Answer(answered, reply)) = desk.office.poll_event() else {
            panic!("the time is over");
        };
        assert_eq!((answered, reply.status), (waits, StatusCode::TIMEOUT));
        // Too late, and the answer to another question.
        desk.give_secret(late, "alice", REALM, algorithm);
        desk.office.authorise(desk.now, late, true);
        assert!(desk.office.poll_event().is_none());
        assert_eq!(desk.office.counts().tokens, 0);
    }
    assert_eq!(desk.office.counts().auth_unanswered, 2);
}

#[test]
fn open_questions_are_few_and_end_with_their_link() {
    let mut options = options();
    options.questions = 6;
    options.questions_per_link = 4;
    let mut desk = Desk::new(options);
    let ask = |desk: &mut Desk, from: &Party, from_path: &str| {
        let challenge = desk.challenged_apart(from, from_path);
        let line = authorization(&challenge, "alice", "secret", DOOR, 1);
        let head = request("AUTH", DOOR, from_path, &[line]);
        match desk.begin(from, &head).1 {
            AuthStep::Ask => None,
            AuthStep::Answer(reply) => Some(reply.status),
        }
    };
    for n in 0..6 {
        let status = ask(&mut desk, &client(1), &session(1));
        assert_eq!(status.is_none(), n < 4);
    }
    // Another relay may have all that there are.
    let tunnelled = format!("{INNER} {}", session(9));
    for n in 0..4 {
        let status = ask(&mut desk, &relay(2, INTRA), &tunnelled);
        assert_eq!(status, (n >= 2).then_some(StatusCode::TIMEOUT));
    }
    desk.office.link_gone(client(1).link);
    assert_eq!(ask(&mut desk, &client(3), &session(3)), None);
    let mut answered = 0;
    while let Some(event) = desk.office.poll_event() {
        match event {
            OfficeEvent::Credentials {
                query,
                user,
                realm,
                algorithm,
                ..
            } => {
                desk.give_secret(query, &user, &realm, algorithm);
            }
            OfficeEvent::Answer(query, reply) => {
                assert_ne!(query.link, client(1).link);
                assert_eq!(reply.status, StatusCode::OK);
                answered += 1;
            }
            OfficeEvent::Authorise { .. } => panic!("nobody wants to be asked"),
        }
    }
    assert_eq!(answered, 3);
    assert_eq!(desk.office.counts().auth_unanswered, 4);
}

#[test]
fn uris_are_bounded_in_all_ways() {
    let mut options = options();
    options.tokens = 7;
    options.tokens_per_user = 4;
    options.tokens_per_link = 3;
    let mut desk = Desk::new(options);
    let full = |desk: &mut Desk, link: u64, user: &str| {
        let reply = desk.login_with(&client(link), user, &session(link), &[]);
        match reply.status {
            StatusCode::OK => false,
            StatusCode::FORBIDDEN => true,
            other => panic!("{other}"),
        }
    };
    let tried = [
        (1, "alice", false),
        (1, "alice", false),
        (1, "bob", false),
        (1, "bob", true), // of that link
        (2, "alice", false),
        (2, "alice", false),
        (3, "alice", true), // of that user
        (3, "bob", false),
        (3, "bob", false),
        (4, "carol", true), // of all
    ];
    for (link, user, is_full) in tried {
        assert_eq!(full(&mut desk, link, user), is_full, "{link} {user}");
    }
    assert_eq!(desk.office.counts().tokens, 7);
    // Room again, by the end of a link, of a user, and of their time.
    desk.office.link_gone(client(1).link);
    assert!(!full(&mut desk, 4, "carol"));
    assert_eq!(desk.office.revoke("bob"), 2);
    assert_eq!(desk.office.counts().tokens, 3);
    desk.pass(Duration::from_secs(3600));
    assert_eq!(desk.office.counts().tokens, 0);
    assert!(!full(&mut desk, 3, "bob"));
    assert_eq!(desk.office.counts().auth_full, 3);
}

#[test]
fn a_user_who_is_revoked_costs_as_much_as_he_holds() {
    let mut desk = Desk::new(options());
    for n in 0..1000 {
        desk.login(&client(n), "alice");
    }
    for n in 1000..1003 {
        desk.login(&client(n), "bob");
    }
    let mut revoke = |user: &str| {
        let before = work_so_far();
        let revoked = desk.office.revoke(user);
        (revoked, work_so_far() - before)
    };
    let counted = |steps| if cfg!(debug_assertions) { steps } else { 0 };
    assert_eq!(revoke("nobody"), (0, 0));
    assert_eq!(revoke("bob"), (3, counted(3)));
    assert_eq!(revoke("bob"), (0, 0));
    assert_eq!(revoke("alice"), (1000, counted(1000)));
    assert_eq!(desk.office.counts().tokens, 0);
}

#[test]
fn what_the_host_knew_before_a_user_was_revoked_gives_nobody_a_uri() {
    let mut options = options();
    options.authorise = true;
    let mut desk = Desk::new(options);
    let ask = |desk: &mut Desk, link: u64, user: &str, password: &str| {
        let challenge = desk.challenged_apart(&client(link), &session(link));
        let line = authorization(&challenge, user, password, DOOR, 1);
        let head = request("AUTH", DOOR, &session(link), &[line]);
        assert!(matches!(desk.begin(&client(link), &head).1, AuthStep::Ask));
        desk.office.poll_event().expect("the host is asked")
    };
    let answer = |desk: &mut Desk, event: OfficeEvent| match event {
        OfficeEvent::Credentials {
            query,
            user,
            realm,
            algorithm,
            ..
        } => {
            desk.give_secret(query, &user, &realm, algorithm);
            desk.office.poll_event().expect("what follows")
        }
        OfficeEvent::Authorise { query, user, .. } => {
            let allowed = !desk.banned.iter().any(|banned| **banned == *user);
            desk.office.authorise(desk.now, query, allowed);
            desk.office.poll_event().expect("an answer")
        }
        OfficeEvent::Answer(..) => event,
    };
    let reply = |event: OfficeEvent| match event {
        OfficeEvent::Answer(_, reply) => reply,
        other => panic!("no answer: {other:?}"),
    };

    // Asked for the secret, with a right and a wrong password; asked whether the user may; and another user.
    let right = ask(&mut desk, 1, "alice", "secret");
    let wrong = ask(&mut desk, 2, "alice", "wrong");
    let proved = ask(&mut desk, 3, "alice", "secret");
    let proved = answer(&mut desk, proved);
    assert!(matches!(proved, OfficeEvent::Authorise { .. }));
    let other = ask(&mut desk, 4, "bob", "hidden");
    assert_eq!(desk.office.revoke("alice"), 0);
    for event in [right, proved] {
        let reply = reply(answer(&mut desk, event));
        assert_eq!(
            (reply.status, reply.attempt),
            (StatusCode::UNAUTHORIZED, Attempt::Undecided)
        );
        assert!(challenge(&reply).stale);
    }
    // Guesses learn nothing from it.
    let refused = reply(answer(&mut desk, wrong));
    assert_eq!(refused.attempt, Attempt::Failed);
    assert!(!challenge(&refused).stale);
    let other = answer(&mut desk, other);
    let other = reply(answer(&mut desk, other));
    use_path(&other);
    let counts = desk.office.counts();
    assert_eq!((counts.tokens, counts.auth_stale), (1, 2));

    // What is asked afterwards counts.
    let after = ask(&mut desk, 1, "alice", "secret");
    let after = answer(&mut desk, after);
    use_path(&reply(answer(&mut desk, after)));
    desk.office.revoke("alice");
    desk.users.remove("alice").expect("she was there");
    let gone = ask(&mut desk, 1, "alice", "secret");
    let gone = reply(answer(&mut desk, gone));
    assert_eq!(gone.attempt, Attempt::Failed);
}

#[test]
fn guessing_makes_that_user_wait_there_and_nobody_else() {
    let mut desk = Desk::new(options());
    let here = client(1);
    let elsewhere = Party {
        address: Some("198.51.100.1".parse().unwrap()),
        ..client(2)
    };
    for _ in 0..3 {
        wrong(&mut desk, &here, "alice");
    }
    // Now even the right password is not looked at, and the host is spared; it looks as before.
    let challenge = desk.challenged(&here, DOOR, &session(1));
    let line = authorization(&challenge, "alice", "secret", DOOR, 1);
    let head = request("AUTH", DOOR, &session(1), &[line]);
    let (_, step) = desk.begin(&here, &head);
    let AuthStep::Answer(reply) = step else {
        panic!("the host is asked");
    };
    assert_eq!(
        (reply.status, reply.attempt),
        (StatusCode::UNAUTHORIZED, Attempt::Failed)
    );
    assert!(!office_support::challenge(&reply).stale);
    assert_eq!(desk.office.counts().auth_backed_off, 1);

    // Over a new connection from there it is the same; for others there, and for that user elsewhere, it is not.
    let again = Party {
        address: here.address,
        ..client(7)
    };
    let reply = desk.login_with(&again, "alice", &session(7), &[]);
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    desk.login(&here, "bob");
    desk.login(&elsewhere, "alice");
    // And it ends.
    desk.pass(Duration::from_secs(1));
    desk.login(&here, "alice");
    for _ in 0..2 {
        wrong(&mut desk, &here, "alice");
        desk.login(&here, "alice");
    }
}

#[test]
fn guesses_at_the_same_time_are_no_more_than_those_one_after_the_other() {
    for user in ["alice", "nobody"] {
        let mut desk = Desk::new(options());
        let place = client(1).address;
        for n in 0..40 {
            let from = Party {
                address: place,
                ..client(n)
            };
            let challenge = desk.challenged_apart(&from, &session(n));
            let password = if n == 39 { "secret" } else { "wrong" };
            let line = authorization(&challenge, user, password, DOOR, 1);
            let head = request("AUTH", DOOR, &session(n), &[line]);
            assert!(matches!(desk.begin(&from, &head).1, AuthStep::Ask));
        }
        let replies = desk.answer_all();
        assert_eq!(replies.len(), 40);
        for (_, reply) in replies {
            assert_eq!(
                (reply.status, reply.attempt),
                (StatusCode::UNAUTHORIZED, Attempt::Failed)
            );
            assert!(!challenge(&reply).stale);
        }
        let counts = desk.office.counts();
        assert_eq!((counts.auth_wrong, counts.auth_backed_off), (3, 37));
    }
    covers!("R-201");
}

#[test]
fn a_client_behind_a_relay_locks_none_of_the_others_out() {
    let mut desk = Desk::new(options());
    let trunk = relay(1, INTRA);
    let path = |token: &str| format!("msrps://intra.example.com:9000/{token};tcp {}", session(9));
    for _ in 0..10 {
        let challenge = desk.challenged(&trunk, DOOR, &path("evil"));
        let line = authorization(&challenge, "alice", "wrong", DOOR, 1);
        desk.auth(&trunk, &request("AUTH", DOOR, &path("evil"), &[line]));
    }
    assert!(desk.office.counts().auth_backed_off > 0);
    use_path(&desk.login_with(&trunk, "alice", &path("good"), &[]));
}

#[test]
fn who_has_a_new_uri_of_another_relay_has_no_new_guesses() {
    let mut desk = Desk::new(options());
    let trunk = relay(1, INTRA);
    let path = |token: u32| format!("msrps://intra.example.com:9000/{token};tcp {}", session(9));
    let guess = |desk: &mut Desk, token: u32, password: &str| {
        let challenge = desk.challenged(&trunk, DOOR, &path(token));
        let line = authorization(&challenge, "alice", password, DOOR, 1);
        desk.auth(&trunk, &request("AUTH", DOOR, &path(token), &[line]))
    };
    for token in 0..40 {
        guess(&mut desk, token, "wrong");
    }
    let counts = desk.office.counts();
    assert_eq!((counts.auth_wrong, counts.auth_backed_off), (20, 20));
    // The right password is not looked at either; that of others there is, and hers is elsewhere.
    let reply = guess(&mut desk, 41, "secret");
    assert_eq!(
        (reply.status, reply.attempt),
        (StatusCode::UNAUTHORIZED, Attempt::Failed)
    );
    use_path(&desk.login_with(&trunk, "bob", &path(42), &[]));
    desk.login(&client(2), "alice");
    // It ends; but that she is in gives nobody else new guesses.
    desk.pass(Duration::from_secs(1));
    use_path(&guess(&mut desk, 43, "secret"));
    for token in 50..60 {
        guess(&mut desk, token, "wrong");
    }
    let counts = desk.office.counts();
    assert_eq!((counts.auth_wrong, counts.auth_backed_off), (21, 30));
}

#[test]
fn a_thousand_failed_auths_leave_nothing_behind() {
    let mut desk = Desk::new(options());
    desk.login(&client(1), "bob");
    for n in 0..1000 {
        let from = client(10 + n);
        let reply = wrong(
            &mut desk,
            &from,
            if n % 2 == 0 { "alice" } else { "nobody" },
        );
        assert_eq!(
            (reply.status, reply.attempt),
            (StatusCode::UNAUTHORIZED, Attempt::Failed)
        );
        desk.office.link_gone(from.link);
    }
    let counts = desk.office.counts();
    assert_eq!(counts.tokens, 1);
    assert_eq!(counts.auth_wrong + counts.auth_backed_off, 1000);
    assert!(desk.office.poll_event().is_none());
    desk.login(&client(1), "bob");
}

#[test]
fn secrets_do_not_show() {
    let mut desk = Desk::new(options());
    let alice = client(1);
    let challenge = desk.challenged(&alice, DOOR, &session(1));
    let line = authorization(&challenge, "alice", "secret", DOOR, 1);
    let head = request("AUTH", DOOR, &session(1), std::slice::from_ref(&line));
    let (_, step) = desk.begin(&alice, &head);
    let mut shown = format!("{step:?} {:?} {head:?}", desk.office);
    let event = desk.office.poll_event().unwrap();
    shown += &format!("{event:?}");
    let OfficeEvent::Credentials {
        query,
        user,
        realm,
        algorithm,
        ..
    } = event
    else {
        panic!("the host is asked");
    };
    desk.give_secret(query, &user, &realm, algorithm);
    let event = desk.office.poll_event().unwrap();
    shown += &format!("{event:?} {:?}", desk.office);
    let OfficeEvent::Answer(_, reply) = event else {
        panic!("the AUTH is answered");
    };
    let token: Uri = use_path(&reply).parse().unwrap();
    let decision = desk.route(
        &alice,
        &send(&format!("{token} {}", session(2)), &session(1)),
    );
    assert!(matches!(decision, Decision::Forward(..)));
    shown += &format!("{decision:?} {:?}", desk.office);

    let id = token.session_id().unwrap();
    let credentials = line.split("response=\"").nth(1).unwrap();
    for secret in [
        &id[..8],
        &challenge.nonce,
        &credentials[..32],
        "alice",
        "secret",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    covers!("R-206");
}

#[test]
fn options_that_no_relay_can_have_are_named() {
    let numeric = OfficeOptions::new("192.0.2.1".parse().unwrap(), 2855);
    let alone = OfficeOptions::new("localhost".parse().unwrap(), 2855);
    for (change, named) in [
        (numeric.clone(), "relay host 192.0.2.1"),
        (alone, "relay host localhost"),
        (
            OfficeOptions {
                realm: String::new(),
                ..options()
            },
            "realm",
        ),
        (
            OfficeOptions {
                realm: "a\r\nb".into(),
                ..options()
            },
            "realm",
        ),
        (
            OfficeOptions {
                algorithms: Vec::new(),
                ..options()
            },
            "algorithms",
        ),
        (
            OfficeOptions {
                tokens: 0,
                ..options()
            },
            "relay tokens",
        ),
        (
            OfficeOptions {
                questions: 0,
                ..options()
            },
            "relay questions",
        ),
        (
            OfficeOptions {
                lifetime: Duration::ZERO,
                ..options()
            },
            "relay lifetime",
        ),
        (
            OfficeOptions {
                min_lifetime: Duration::from_secs(7200),
                ..options()
            },
            "relay min_lifetime",
        ),
        (
            OfficeOptions {
                max_lifetime: Duration::from_secs(10),
                ..options()
            },
            "relay lifetime",
        ),
    ] {
        let error = Office::new(change, [0; 32]).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    let numeric = OfficeOptions {
        numeric_hosts: true,
        hosts: vec!["192.0.2.1:2855".parse::<OwnName>().unwrap()],
        ..numeric
    };
    let mut desk = Desk::new(numeric);
    let from = Party {
        peer: Peer::Client,
        ..client(1)
    };
    // Another relay at the same address is not this one.
    let head = request("AUTH", "msrps://192.0.2.1:2856;tcp", &session(1), &[]);
    assert!(matches!(desk.route(&from, &head), Decision::Close(_)));
    let head = request("AUTH", "msrps://192.0.2.1:2855;tcp", &session(1), &[]);
    assert_eq!(desk.auth(&from, &head).status, StatusCode::UNAUTHORIZED);
}
