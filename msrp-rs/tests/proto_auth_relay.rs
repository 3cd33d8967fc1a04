//! RFC 4976 §9.1 as a relay keeps it: challenges, the judgement of credentials, and the proof in return.

mod auth_support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth_support::{NONCE, REALM, RELAY, answer, digest, request};
use msrp::proto::IdSource;
use msrp::proto::auth::{
    Algorithm, AuthHeaders, AuthenticationInfo, Challenge, ClientAuth, ClientAuthOptions,
    Credentials, DigestInput, DigestOptions, Ha1, Login, Next, Nonces, Verdict,
};
use msrp::wire::Uri;
use msrp_conformance::covers;
use proptest::prelude::*;

/// One connection of a relay.
struct Relay {
    nonces: Nonces,
    ids: IdSource,
    now: Instant,
}

impl Relay {
    fn new(options: DigestOptions) -> Self {
        Self {
            nonces: Nonces::new(Arc::new(options)),
            ids: IdSource::new([3; 32]),
            now: Instant::now(),
        }
    }

    fn challenges(&mut self) -> Vec<Challenge> {
        let lines = self.nonces.challenge(self.now, false, &mut self.ids);
        let read = |line: &String| Challenge::parse(line.as_bytes()).unwrap().unwrap();
        lines.iter().map(read).collect()
    }

    fn nonce(&mut self) -> String {
        self.challenges().remove(0).nonce
    }

    /// Judges as if `alice` with the password `secret` were the only user.
    fn check(&mut self, credentials: &Credentials) -> Verdict {
        let ha1 = ha1(credentials.algorithm());
        let ha1 = (credentials.username == "alice").then_some(&ha1);
        self.nonces.check(self.now, credentials, &relay(), ha1)
    }

    fn info(&mut self, verdict: Verdict) -> AuthenticationInfo {
        let Verdict::Proved(proof) = verdict else {
            panic!("not proved: {verdict:?}");
        };
        let value = self.nonces.info(self.now, proof, &mut self.ids);
        AuthenticationInfo::parse(value.as_bytes()).unwrap()
    }
}

fn options() -> DigestOptions {
    DigestOptions::new(REALM)
}

fn relay() -> Uri {
    RELAY.parse().unwrap()
}

fn ha1(algorithm: Algorithm) -> Ha1 {
    Ha1::from_password(algorithm, "alice", REALM, "secret")
}

/// Right credentials.
fn credentials(nonce: &str, nc: u32) -> Credentials {
    signed(Credentials {
        username: "alice".into(),
        realm: REALM.into(),
        nonce: nonce.into(),
        uri: Some(RELAY.into()),
        nc,
        cnonce: "0a4f113b".into(),
        response: String::new(),
        opaque: None,
        algorithm: None,
    })
}

/// With the digest that the password `secret` makes.
fn signed(mut credentials: Credentials) -> Credentials {
    credentials.response = ha1(credentials.algorithm()).response(&digest(&credentials));
    credentials
}

#[test]
fn rfc2617_3_2_2_the_vectors_of_the_catalogue() {
    for (algorithm, a1, response, rspauth) in [
        (
            Algorithm::Md5,
            "08e1e037ea8ebfee628c1cae9ad3ee0c",
            "06b631097aca9c7609b0d9ae793f66c0",
            "759714d653ddaae224b265ffe8c4378f",
        ),
        (
            Algorithm::Sha256,
            "c82c452d42f723963c5c3c9d9136841e99bdcda4d0c4024d2f4f6672ce02db64",
            "10d3d9829f5827c68e6fdc37edc6cec783ebfbb4de5ff8d7149446d67762721d",
            "c196efe77674eace93f35e468b78361ebbe38bba7ac03f5def921ebae0bb0118",
        ),
    ] {
        let input = DigestInput {
            nonce: NONCE,
            nc: 1,
            cnonce: "0a4f113b",
            uri: RELAY,
        };
        let made = ha1(algorithm);
        assert_eq!(made.to_hex().as_str(), a1);
        let read = Ha1::from_hex(&a1.to_uppercase()).unwrap();
        assert_eq!(
            (read.algorithm(), read.to_hex()),
            (algorithm, made.to_hex())
        );
        for ha1 in [made, read] {
            assert_eq!(ha1.response(&input), response);
            assert_eq!(ha1.rspauth(&input), rspauth);
        }
    }
    for text in [
        "",
        "0",
        &"0".repeat(33),
        &"g".repeat(32),
        &"0".repeat(65),
        &"ü".repeat(16),
    ] {
        let error = Ha1::from_hex(text).unwrap_err();
        assert!(text.len() < 2 || !error.to_string().contains(text));
    }
    covers!("R-055", "R-060", "R-067", "R-070", "R-071", "T-36");
}

#[test]
fn rfc4976_9_1_a_challenge_has_what_msrp_wants_and_no_more() {
    let mut relay = Relay::new(options());
    let lines = relay.nonces.challenge(relay.now, false, &mut relay.ids);
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    let nonce = Challenge::parse(line.as_bytes()).unwrap().unwrap().nonce;
    assert_eq!(
        *line,
        format!("Digest realm=\"{REALM}\", qop=\"auth\", nonce=\"{nonce}\"")
    );
    let lines = relay.nonces.challenge(relay.now, true, &mut relay.ids);
    assert!(lines[0].ends_with(", stale=true"));

    // SHA-256 first, if it is wanted; one line each.
    let mut relay = Relay::new(DigestOptions {
        algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
        ..options()
    });
    let challenges = relay.challenges();
    let offered: Vec<_> = challenges
        .iter()
        .map(|challenge| challenge.algorithm.as_deref())
        .collect();
    assert_eq!(offered, [Some("SHA-256"), None]);
    for challenge in challenges {
        assert_eq!(challenge.qop, ["auth"]);
        let mut answer = credentials(&challenge.nonce, 1);
        answer.algorithm = challenge.algorithm.clone();
        let answer = signed(answer);
        let verdict = relay.check(&answer);
        let first = challenge.algorithm.is_some();
        // Both lines are of one 401, and it is answered once.
        assert!(matches!(
            (verdict, first),
            (Verdict::Proved(_), true) | (Verdict::Stale, false)
        ));
    }
    covers!(
        "R-005", "R-051", "R-052", "R-053", "R-058", "R-071", "R-074"
    );
}

#[test]
fn rfc2617_3_2_1_nonces_differ_expire_and_are_bounded() {
    let mut relay = Relay::new(options());
    let nonces: HashSet<_> = (0..10_000).map(|_| relay.nonce()).collect();
    assert_eq!(nonces.len(), 10_000);
    // 62 signs, 24 of them: 142 bits.
    assert!(nonces.iter().all(|nonce| nonce.len() == 24));
    assert_eq!(
        format!("{:?}", relay.nonces).matches("64").count(),
        2,
        "{:?}",
        relay.nonces
    );

    // The newest are good, and so many as are allowed.
    let first = relay.nonce();
    for _ in 0..63 {
        relay.nonce();
    }
    assert!(matches!(
        relay.check(&credentials(&first, 1)),
        Verdict::Proved(_)
    ));
    relay.nonce();
    assert!(matches!(
        relay.check(&credentials(&first, 2)),
        Verdict::Stale
    ));

    let nonce = relay.nonce();
    relay.now += Duration::from_secs(299);
    assert!(matches!(
        relay.check(&credentials(&nonce, 1)),
        Verdict::Proved(_)
    ));
    relay.now += Duration::from_secs(1);
    assert!(matches!(
        relay.check(&credentials(&nonce, 2)),
        Verdict::Stale
    ));

    // One that was made up, or comes from another connection.
    assert!(matches!(
        relay.check(&credentials("invented", 1)),
        Verdict::Stale
    ));
    let mut other = Relay::new(options());
    other.ids = IdSource::new([4; 32]);
    assert!(matches!(
        relay.check(&credentials(&other.nonce(), 1)),
        Verdict::Stale
    ));
    covers!("R-065");
}

#[test]
fn rfc2617_3_2_1_stale_is_said_to_right_digests_only() {
    let mut relay = Relay::new(options());
    let nonce = relay.nonce();
    relay.now += Duration::from_secs(301);
    for nonce in [&nonce, "invented"] {
        assert!(matches!(
            relay.check(&credentials(nonce, 1)),
            Verdict::Stale
        ));
        let mut wrong = credentials(nonce, 1);
        wrong.response = "0".repeat(32);
        assert!(matches!(relay.check(&wrong), Verdict::Refused));
        let mut unknown = credentials(nonce, 1);
        unknown.username = "bob".into();
        assert!(matches!(relay.check(&signed(unknown)), Verdict::Refused));
    }
    covers!("R-064", "R-065");
}

#[test]
fn rfc2617_3_2_2_counts_go_up_only() {
    let mut relay = Relay::new(options());
    let nonce = relay.nonce();
    assert!(matches!(
        relay.check(&credentials(&nonce, 0)),
        Verdict::Stale
    ));
    let first = credentials(&nonce, 1);
    assert!(matches!(relay.check(&first), Verdict::Proved(_)));
    assert!(matches!(relay.check(&first), Verdict::Stale));
    // Wrong ones use up nothing.
    let mut wrong = credentials(&nonce, 9);
    wrong.response = "0".repeat(32);
    assert!(matches!(relay.check(&wrong), Verdict::Refused));
    for (nc, is_good) in [
        (2, true),
        (2, false),
        (5, true),
        (4, false),
        (5, false),
        (u32::MAX, true),
        (u32::MAX, false),
    ] {
        let verdict = relay.check(&credentials(&nonce, nc));
        assert_eq!(matches!(verdict, Verdict::Proved(_)), is_good, "{nc}");
        assert_eq!(matches!(verdict, Verdict::Stale), !is_good, "{nc}");
    }
    covers!("R-063");
}

#[test]
fn rfc4976_9_1_the_relay_proves_itself_and_gives_the_next_nonce() {
    for uri in [Some(RELAY), None] {
        let mut relay = Relay::new(options());
        let nonce = relay.nonce();
        let mut sent = credentials(&nonce, 1);
        sent.uri = uri.map(str::to_owned);
        let sent = signed(sent);
        let verdict = relay.check(&sent);
        let info = relay.info(verdict);
        let rspauth = ha1(Algorithm::Md5).rspauth(&DigestInput {
            nonce: &nonce,
            nc: 1,
            cnonce: "0a4f113b",
            uri: RELAY,
        });
        let next = info.nextnonce.clone().expect("a nonce for the next AUTH");
        assert_eq!(
            info,
            AuthenticationInfo {
                nextnonce: Some(next.clone()),
                qop: Some("auth".into()),
                rspauth: Some(rspauth),
                cnonce: Some("0a4f113b".into()),
                nc: Some(1),
            }
        );
        assert_ne!(next, nonce);
        assert!(matches!(
            relay.check(&credentials(&nonce, 2)),
            Verdict::Stale
        ));
        assert!(matches!(
            relay.check(&credentials(&next, 1)),
            Verdict::Proved(_)
        ));
    }
    covers!("R-066", "R-067", "R-068");
}

#[test]
fn rfc4976_9_1_the_digest_uri_is_the_last_of_to_path() {
    let mut relay = Relay::new(options());
    for (uri, is_equal) in [
        ("msrps://alice@relay.example.com;tcp", true),
        ("MSRPS://bob@RELAY.example.com;TCP", true),
        ("msrps://relay.example.com:2855;tcp", false),
        ("msrp://relay.example.com;tcp", false),
        ("msrps://other.example.com;tcp", false),
        ("", false),
        ("/", false),
    ] {
        let nonce = relay.nonce();
        let mut sent = credentials(&nonce, 1);
        sent.uri = Some(uri.into());
        match relay.check(&signed(sent)) {
            Verdict::Proved(_) => assert!(is_equal, "{uri}"),
            Verdict::Malformed(_) => assert!(!is_equal, "{uri}"),
            verdict => panic!("{uri}: {verdict:?}"),
        }
    }
    covers!("R-055", "R-057");
}

#[test]
fn rfc2617_3_2_2_malformed_credentials_are_not_judged() {
    let mut relay = Relay::new(options());
    let nonce = relay.nonce();
    // An algorithm that was not offered.
    let mut sent = credentials(&nonce, 1);
    sent.algorithm = Some("SHA-256".into());
    assert!(matches!(relay.check(&signed(sent)), Verdict::Malformed(_)));

    let good = credentials(&nonce, 1).to_value();
    assert!(
        request(&format!("Authorization: {good}"))
            .credentials()
            .unwrap()
            .is_some()
    );
    for name in [
        "username", "realm", "nonce", "qop", "nc", "cnonce", "response",
    ] {
        let value = good.replace(&format!(" {name}="), &format!(" x{name}="));
        let head = request(&format!("Authorization: {value}"));
        assert!(head.fault().is_none());
        let fault = head.credentials().unwrap_err();
        let at = fault.offset() as usize;
        assert_eq!(at, head.octets().len() - 2, "{fault}");
    }
    let twice = request(&format!("Authorization: {good}\r\nAuthorization: {good}"));
    assert!(twice.credentials().is_err());
    // Basic is no better than nothing.
    assert_eq!(request("Authorization: Basic YTpi").credentials(), Ok(None));
    assert_eq!(request("X: y").credentials(), Ok(None));
    covers!("R-050", "R-053", "R-054", "R-069");
}

#[test]
fn unknown_users_and_wrong_passwords_are_the_same() {
    let mut relay = Relay::new(options());
    let nonce = relay.nonce();
    let mut unknown = credentials(&nonce, 1);
    unknown.username = "mallory".into();
    // Who guesses what stands in for the digest of nobody gains nothing.
    let nobody = Ha1::from_hex(&"0".repeat(32)).unwrap();
    unknown.response = nobody.response(&digest(&unknown));
    assert!(matches!(relay.check(&unknown), Verdict::Refused));
    let mut wrong = credentials(&nonce, 1);
    wrong.response = nobody.response(&digest(&wrong));
    assert!(matches!(relay.check(&wrong), Verdict::Refused));
    let mut elsewhere = credentials(&nonce, 1);
    elsewhere.realm = "other".into();
    assert!(matches!(relay.check(&signed(elsewhere)), Verdict::Refused));
    // A digest of another kind is as good as none.
    let sha = ha1(Algorithm::Sha256);
    let right = credentials(&nonce, 1);
    let verdict = relay
        .nonces
        .check(relay.now, &right, &self::relay(), Some(&sha));
    assert!(matches!(verdict, Verdict::Refused));
    // None of them used up the count.
    assert!(matches!(relay.check(&right), Verdict::Proved(_)));
    // The challenges that follow differ in the nonce alone.
    let mut lines = || {
        relay
            .nonces
            .challenge(relay.now, false, &mut relay.ids)
            .remove(0)
    };
    let (a, b) = (lines(), lines());
    let nonce_of = |line: &str| Challenge::parse(line.as_bytes()).unwrap().unwrap().nonce;
    assert_eq!(a.replace(&nonce_of(&a), ""), b.replace(&nonce_of(&b), ""));
    covers!("R-070", "R-201");
}

#[test]
fn rfc4976_4_6_times_are_whole_seconds() {
    let head = request("Expires: 900\r\nMin-Expires: 60\r\nMax-Expires: 3600");
    let seconds = |seconds| Ok(Some(Duration::from_secs(seconds)));
    assert_eq!(head.expires(), seconds(900));
    assert_eq!(head.min_expires(), seconds(60));
    assert_eq!(head.max_expires(), seconds(3600));
    assert_eq!(request("X: y").expires(), Ok(None));
    for value in ["1.5", "-1", "", "soon", "1\r\nExpires: 1"] {
        assert!(
            request(&format!("Expires: {value}")).expires().is_err(),
            "{value}"
        );
    }
    covers!("R-002");
}

/// One of our clients, and the connections of one of our relays.
struct Meeting {
    client: ClientAuth,
    relay: Relay,
    ha1: Ha1,
    /// AUTHs so far.
    sent: usize,
}

impl Meeting {
    fn new(options: DigestOptions, username: &str, password: &str) -> Self {
        let algorithm = options.algorithms[0];
        let login = Login::new(username, password, None).unwrap();
        Self {
            client: ClientAuth::new(login, ClientAuthOptions::default(), IdSource::new([9; 32])),
            ha1: Ha1::from_password(algorithm, username, &options.realm, "right"),
            relay: Relay::new(options),
            sent: 0,
        }
    }

    /// What the relay answers to an AUTH.
    fn answer(&mut self, headers: &AuthHeaders) -> (u16, String) {
        self.sent += 1;
        let pairs = headers.as_pairs();
        let lines: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let head = request(&lines.join("\r\n"));
        let Relay { nonces, ids, now } = &mut self.relay;
        let stale = match head.credentials().unwrap() {
            None => false,
            Some(credentials) => {
                match nonces.check(*now, &credentials, &relay(), Some(&self.ha1)) {
                    Verdict::Proved(proof) => {
                        let info = nonces.info(*now, proof, ids);
                        let path = "Use-Path: msrps://relay.example.com:9/t;tcp";
                        return (200, format!("{path}\r\nAuthentication-Info: {info}"));
                    }
                    Verdict::Stale => true,
                    Verdict::Refused => false,
                    Verdict::Malformed(comment) => return (400, format!("X: {comment}")),
                }
            }
        };
        let lines = nonces.challenge(*now, stale, ids);
        let lines: Vec<_> = lines
            .iter()
            .map(|line| format!("WWW-Authenticate: {line}"))
            .collect();
        (401, lines.join("\r\n"))
    }

    /// Logs in; whether it was granted.
    fn log_in(&mut self) -> bool {
        let mut headers = self.client.begin(&relay(), None, None);
        loop {
            let (status, lines) = self.answer(&headers);
            match self.client.handle_response(&answer(status, &lines)) {
                Next::Retry(next) => headers = next,
                Next::Granted(grant) => {
                    assert!(grant.is_proved);
                    return true;
                }
                Next::Failed(_) => return false,
                next => panic!("{next:?}"),
            }
        }
    }
}

#[test]
fn rfc4976_5_1_our_clients_log_in_to_our_relays() {
    for algorithms in [
        vec![Algorithm::Md5],
        vec![Algorithm::Sha256, Algorithm::Md5],
        vec![Algorithm::Sha256],
    ] {
        for (realm, username) in [(REALM, "alice"), ("a \"realm\", é\\", "a\"l\\i,ce=ß")] {
            let options = DigestOptions {
                algorithms: algorithms.clone(),
                ..DigestOptions::new(realm)
            };
            let mut meeting = Meeting::new(options.clone(), username, "right");
            assert!(meeting.log_in());
            assert_eq!(meeting.sent, 2);
            // The nonce of the last 200 saves a round trip each time.
            for _ in 0..5 {
                assert!(meeting.log_in());
            }
            assert_eq!(meeting.sent, 7);
            // Too old, and on another connection: a round trip more.
            meeting.relay.now += Duration::from_secs(301);
            assert!(meeting.log_in());
            assert_eq!(meeting.sent, 9);
            meeting.relay = Relay::new(options.clone());
            assert!(meeting.log_in());
            assert_eq!(meeting.sent, 11);

            let mut meeting = Meeting::new(options, username, "wrong");
            assert!(!meeting.log_in());
            assert_eq!(meeting.sent, 2);
        }
    }
    covers!("R-023", "R-044", "R-068", "R-071", "R-073");
}

proptest! {
    /// Against a list of all that was given out: credentials are good once, in order, in time and here.
    #[test]
    fn the_book_is_a_list_of_nonces(
        steps in proptest::collection::vec((0..4_u8, 0..12_usize, 0..6_u32, 0..200_u64), 1..80),
    ) {
        let mut relay = Relay::new(DigestOptions { max_nonces: 5, ..options() });
        let mut given: Vec<Given> = Vec::new();
        for (step, which, nc, wait) in steps {
            relay.now += Duration::from_secs(wait);
            if step == 0 || given.is_empty() {
                let nonce = relay.nonce();
                give(&mut given, nonce, relay.now);
                continue;
            }
            let at = which % given.len();
            let good = given[at].is_good(relay.now) && nc > given[at].nc;
            match relay.check(&credentials(&given[at].nonce, nc)) {
                Verdict::Proved(proof) => {
                    prop_assert!(good);
                    given[at].nc = nc;
                    if step == 1 {
                        given[at].is_gone = true;
                        let value = relay.nonces.info(relay.now, proof, &mut relay.ids);
                        let info = AuthenticationInfo::parse(value.as_bytes()).unwrap();
                        give(&mut given, info.nextnonce.unwrap(), relay.now);
                    }
                }
                verdict => {
                    prop_assert!(matches!(verdict, Verdict::Stale));
                    prop_assert!(!good);
                }
            }
        }
    }
}

/// A nonce that was given out.
struct Given {
    nonce: String,
    at: Instant,
    /// The highest count that came with it.
    nc: u32,
    /// Used for the last time, or forgotten for newer ones.
    is_gone: bool,
}

impl Given {
    fn is_good(&self, now: Instant) -> bool {
        !self.is_gone && self.at + Duration::from_secs(300) > now
    }
}

fn give(given: &mut Vec<Given>, nonce: String, now: Instant) {
    let good = given.iter().filter(|given| given.is_good(now)).count();
    if good == 5 {
        let oldest = given.iter_mut().find(|given| given.is_good(now));
        oldest.expect("five are good").is_gone = true;
    }
    given.push(Given {
        nonce,
        at: now,
        nc: 0,
        is_gone: false,
    });
}
