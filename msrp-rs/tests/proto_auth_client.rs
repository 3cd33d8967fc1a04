//! RFC 4976 §5.1 and §9.1 as a client keeps them: what it sends to a relay, and what it makes of the answers. The relay
//! is this test, which says what existing relays say.

mod auth_support;

use std::time::Duration;

use auth_support::{NONCE, REALM, RELAY, answer, authorization, digest, login};
use msrp::ErrorKind;
use msrp::proto::IdSource;
use msrp::proto::auth::{
    AUTH_TIMEOUT, Algorithm, AuthFailure, AuthHeaders, Challenge, ClientAuth, ClientAuthOptions,
    Credentials, DigestInput, Grant, Ha1, Login, Next, Password,
};
use msrp::wire::{StatusCode, Uri, UriPath};
use msrp_conformance::covers;
use proptest::prelude::*;

const TOKEN: &str = "msrps://relay.example.com:9000/jui787s2f;tcp";
const CHALLENGE: &str = r#"WWW-Authenticate: Digest realm="relay.example.com", qop="auth", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#;

fn relay() -> Uri {
    RELAY.parse().unwrap()
}

fn client() -> ClientAuth {
    client_with(login(), ClientAuthOptions::default())
}

fn client_with(login: Login, options: ClientAuthOptions) -> ClientAuth {
    ClientAuth::new(login, options, IdSource::new([7; 32]))
}

/// A challenge with this nonce.
fn challenge(nonce: &str) -> String {
    CHALLENGE.replace(NONCE, nonce)
}

fn stale(nonce: &str) -> String {
    format!("{}, stale=TRUE", challenge(nonce))
}

/// The 401 with these header lines.
fn challenged(client: &mut ClientAuth, lines: &str) -> Next {
    client.handle_response(&answer(401, lines))
}

/// What is in the Authorization that follows.
#[track_caller]
fn retried(next: Next) -> Credentials {
    match next {
        Next::Retry(headers) => authorization(&headers).expect("credentials follow"),
        next => panic!("no retry: {next:?}"),
    }
}

#[track_caller]
fn granted(next: Next) -> Grant {
    match next {
        Next::Granted(grant) => grant,
        next => panic!("not granted: {next:?}"),
    }
}

/// The lines of a 200 with the right proof.
fn success(credentials: &Credentials, more: &str) -> String {
    let rspauth = Ha1::from_password(
        credentials.algorithm(),
        "alice",
        &credentials.realm,
        "secret",
    )
    .rspauth(&digest(credentials));
    format!(
        "Use-Path: {TOKEN}\r\nExpires: 900\r\nAuthentication-Info: rspauth=\"{rspauth}\", cnonce=\"{}\", \
         nc={:08x}, qop=auth{more}",
        credentials.cnonce, credentials.nc
    )
}

#[test]
fn rfc4976_5_1_a_401_is_answered_with_credentials() {
    let mut client = client();
    let first = client.begin(&relay(), None, None);
    assert_eq!(first.as_pairs(), []);
    let credentials = retried(challenged(&mut client, CHALLENGE));
    assert_eq!(credentials.username, "alice");
    assert_eq!(
        (credentials.realm.as_str(), credentials.nonce.as_str()),
        (REALM, NONCE)
    );
    assert_eq!(credentials.uri.as_deref(), Some(RELAY));
    assert_eq!(
        (credentials.nc, credentials.algorithm.as_deref()),
        (1, None)
    );
    assert!(credentials.cnonce.len() >= 20);
    let ha1 = Ha1::from_password(Algorithm::Md5, "alice", REALM, "secret");
    assert_eq!(credentials.response, ha1.response(&digest(&credentials)));

    let grant = granted(client.handle_response(&answer(200, &success(&credentials, ""))));
    let expected = Grant {
        use_path: TOKEN.parse().unwrap(),
        expires: Some(Duration::from_secs(900)),
        is_proved: true,
    };
    assert_eq!(grant, expected);
    covers!(
        "R-022", "R-023", "R-024", "R-033", "R-053", "R-054", "R-055", "R-056", "R-060", "R-072"
    );
}

#[test]
fn rfc4976_5_1_the_authorization_is_one_line_with_its_parameters_in_quotes() {
    let mut client = client();
    client.begin(&relay(), None, None);
    let long = "n".repeat(3000);
    let Next::Retry(headers) = challenged(&mut client, &challenge(&long)) else {
        panic!("no retry");
    };
    let pairs = headers.as_pairs();
    let [("Authorization", value)] = pairs[..] else {
        panic!("{headers:?}");
    };
    assert!(!value.contains(['\r', '\n']) && value.len() > 3000);
    for quoted in [
        "username=\"",
        "realm=\"",
        "nonce=\"",
        "uri=\"",
        "cnonce=\"",
        "response=\"",
    ] {
        assert!(value.contains(quoted), "{quoted}");
    }
    assert!(value.starts_with("Digest username="));
    assert!(value.contains(", qop=auth, nc=00000001, "));
    // Names only.
    assert_eq!(format!("{headers:?}"), "[\"Authorization\"]");
    covers!("R-006", "R-007", "R-008", "R-011", "R-050");
}

#[test]
fn rfc2617_3_2_2_what_came_is_returned_and_the_count_counts() {
    let mut client = client();
    let lines = format!("{CHALLENGE}, opaque=\"5cc\\\"c\", algorithm=md5, domain=\"/x\"");
    client.begin(&relay(), None, None);
    let first = retried(challenged(&mut client, &lines));
    assert_eq!(first.opaque.as_deref(), Some("5cc\"c"));
    assert_eq!(first.algorithm.as_deref(), Some("md5"));
    granted(client.handle_response(&answer(200, &success(&first, ""))));

    // Another session at the same relay, by another URI of it.
    let other: Uri = "msrps://bob@relay.example.com;tcp".parse().unwrap();
    let second = authorization(&client.begin(&other, None, None)).expect("the nonce is kept");
    assert_eq!((second.nonce.as_str(), second.nc), (NONCE, 2));
    assert_eq!(second.uri.as_deref(), Some(other.as_str()));
    assert_ne!(second.cnonce, first.cnonce);
    granted(client.handle_response(&answer(200, &success(&second, ""))));
    // The same nonce again does not set the count back.
    client.begin(&relay(), None, None);
    let fourth = retried(challenged(&mut client, &lines));
    assert_eq!((fourth.nonce.as_str(), fourth.nc), (NONCE, 4));
    client.forget_nonce();
    assert_eq!(authorization(&client.begin(&relay(), None, None)), None);
    covers!("R-023", "R-058", "R-059", "R-061", "R-062");
}

#[test]
fn rfc2617_3_2_3_nextnonce_is_used_and_counts_from_1() {
    let mut client = client();
    client.begin(&relay(), None, None);
    let first = retried(challenged(&mut client, CHALLENGE));
    let lines = success(&first, ", nextnonce=\"next\"");
    granted(client.handle_response(&answer(200, &lines)));
    let second = authorization(&client.begin(&relay(), None, None)).unwrap();
    assert_eq!((second.nonce.as_str(), second.nc), ("next", 1));
    covers!("R-044");
}

#[test]
fn rfc2617_3_2_1_a_second_401_ends_it() {
    let mut client = client();
    client.begin(&relay(), None, None);
    retried(challenged(&mut client, CHALLENGE));
    let next = challenged(&mut client, &challenge("other"));
    assert_eq!(next, Next::Failed(AuthFailure::Refused));
    let error = msrp::Error::from(AuthFailure::Refused);
    assert_eq!(
        (error.kind, error.status),
        (ErrorKind::Auth, Some(StatusCode(401)))
    );
    // Nothing is under way any more, and the nonce is not used again.
    assert!(matches!(
        challenged(&mut client, CHALLENGE),
        Next::Failed(_)
    ));
    assert_eq!(authorization(&client.begin(&relay(), None, None)), None);

    // Stale nonces: twice, and not a third time.
    retried(challenged(&mut client, CHALLENGE));
    for nonce in ["two", "three"] {
        let credentials = retried(challenged(&mut client, &stale(nonce)));
        assert_eq!((credentials.nonce.as_str(), credentials.nc), (nonce, 1));
    }
    let next = challenged(&mut client, &stale("four"));
    assert_eq!(next, Next::Failed(AuthFailure::Refused));

    // A stale one, and then a refusal.
    client.begin(&relay(), None, None);
    client.forget_nonce();
    client.begin(&relay(), None, None);
    retried(challenged(&mut client, CHALLENGE));
    retried(challenged(&mut client, &stale("two")));
    let next = challenged(&mut client, CHALLENGE);
    assert_eq!(next, Next::Failed(AuthFailure::Refused));
    covers!("R-025");
}

#[test]
fn a_nonce_of_old_may_be_refused_without_stale() {
    let mut client = client();
    client.begin(&relay(), None, None);
    let first = retried(challenged(&mut client, CHALLENGE));
    granted(client.handle_response(&answer(200, &success(&first, ""))));
    assert!(authorization(&client.begin(&relay(), None, None)).is_some());
    let again = retried(challenged(&mut client, &challenge("new")));
    assert_eq!((again.nonce.as_str(), again.nc), ("new", 1));
    let next = challenged(&mut client, &challenge("newer"));
    assert_eq!(next, Next::Failed(AuthFailure::Refused));
}

#[test]
fn rfc4976_6_3_a_403_is_final_but_for_old_nonces() {
    // To the first AUTH: final.
    let mut client = client();
    client.begin(&relay(), None, None);
    let next = client.handle_response(&answer(403, ""));
    assert_eq!(next, Next::Failed(AuthFailure::Forbidden));
    let error = msrp::Error::from(AuthFailure::Forbidden);
    assert_eq!(
        (error.kind, error.status),
        (ErrorKind::Auth, Some(StatusCode(403)))
    );

    // 401, 403, 401, 403: four AUTHs in all.
    client.begin(&relay(), None, None);
    retried(challenged(&mut client, CHALLENGE));
    let Next::Retry(third) = client.handle_response(&answer(403, "")) else {
        panic!("no third AUTH");
    };
    assert_eq!(third, AuthHeaders::default());
    let fourth = retried(challenged(&mut client, &challenge("new")));
    assert_eq!((fourth.nonce.as_str(), fourth.nc), ("new", 1));
    let next = client.handle_response(&answer(403, ""));
    assert_eq!(next, Next::Failed(AuthFailure::Forbidden));
    covers!("R-036");
}

#[test]
fn rfc4976_4_6_a_423_is_tried_once_more_within_the_bounds() {
    let asked = Some(Duration::from_secs(60));
    for (bound, then) in [
        ("Min-Expires: 300", Some("300")),
        ("Max-Expires: 30", Some("30")),
        // What was asked for keeps the bound, so the relay minds the header itself; and so without a bound.
        ("Min-Expires: 60", None),
        ("Min-Expires: 30", None),
        ("Max-Expires: 300", None),
        ("Min-Expires: x", None),
        ("X: y", None),
    ] {
        let mut client = client();
        let first = client.begin(&relay(), None, asked);
        assert_eq!(first.as_pairs(), [("Expires", "60")]);
        let Next::Retry(headers) = challenged(&mut client, CHALLENGE) else {
            panic!("no retry");
        };
        assert_eq!(headers.as_pairs()[0], ("Expires", "60"));
        let Next::Retry(headers) = client.handle_response(&answer(423, bound)) else {
            panic!("no retry");
        };
        let pairs = headers.as_pairs();
        let expires = pairs.iter().find(|(name, _)| *name == "Expires");
        assert_eq!(expires.map(|(_, value)| *value), then, "{bound}");
        let credentials = authorization(&headers).expect("credentials again");
        assert_eq!((credentials.nonce.as_str(), credentials.nc), (NONCE, 2));
        // The bound is not enough either: without.
        let mut next = client.handle_response(&answer(423, "Min-Expires: 900"));
        if then.is_some() {
            let Next::Retry(headers) = next else {
                panic!("no retry");
            };
            assert!(matches!(headers.as_pairs()[..], [("Authorization", _)]));
            next = client.handle_response(&answer(423, "Min-Expires: 900"));
        }
        let failure = AuthFailure::Status(StatusCode::INTERVAL_OUT_OF_BOUNDS);
        assert_eq!(next, Next::Failed(failure));
    }
    // Without a wish of one's own, a bound is one.
    let mut client = client();
    client.begin(&relay(), None, None);
    let Next::Retry(headers) = client.handle_response(&answer(423, "Min-Expires: 300")) else {
        panic!("no retry");
    };
    assert_eq!(headers.as_pairs(), [("Expires", "300")]);
    client.begin(&relay(), None, None);
    assert!(matches!(
        client.handle_response(&answer(423, "")),
        Next::Failed(_)
    ));
    covers!("R-032", "R-035");
}

#[test]
fn rfc2617_3_2_3_a_relay_that_proves_itself_wrongly_is_refused() {
    for (name, is_direct, options, lines, proved) in [
        (
            "wrong",
            true,
            false,
            "rspauth=\"759714d653ddaae224b265ffe8c4378f\"",
            Err(()),
        ),
        (
            "wrong and let",
            true,
            true,
            "rspauth=\"759714d653ddaae224b265ffe8c4378f\"",
            Err(()),
        ),
        ("empty", true, true, "rspauth=\"\"", Err(())),
        ("absent", true, false, "qop=auth", Ok(false)),
        ("absent behind another", false, false, "qop=auth", Err(())),
        (
            "absent behind another and let",
            false,
            true,
            "qop=auth",
            Ok(false),
        ),
    ] {
        let options = ClientAuthOptions {
            accept_unproved: options,
            ..ClientAuthOptions::default()
        };
        let mut client = client_with(login(), options);
        let through: UriPath = "msrps://inner.example:9000/t1;tcp".parse().unwrap();
        let through = (!is_direct).then_some(&through);
        client.begin(&relay(), through, None);
        retried(challenged(&mut client, CHALLENGE));
        let path = through.map_or_else(|| TOKEN.to_owned(), |through| format!("{through} {TOKEN}"));
        let lines = format!("Use-Path: {path}\r\nAuthentication-Info: {lines}");
        match (client.handle_response(&answer(200, &lines)), proved) {
            (Next::Granted(grant), Ok(proved)) => assert_eq!(grant.is_proved, proved, "{name}"),
            (next, Err(())) => assert_eq!(next, Next::Failed(AuthFailure::Unproved), "{name}"),
            (next, _) => panic!("{name}: {next:?}"),
        }
    }
    // No header at all, as two relays have it.
    let mut client = client();
    client.begin(&relay(), None, None);
    retried(challenged(&mut client, CHALLENGE));
    let grant = granted(client.handle_response(&answer(200, &format!("Use-Path: {TOKEN}"))));
    assert_eq!((grant.is_proved, grant.expires), (false, None));
    covers!("R-043");
}

#[test]
fn rfc4976_9_1_only_digest_with_auth_and_a_known_algorithm_is_answered() {
    for lines in [
        "WWW-Authenticate: Basic realm=\"relay.example.com\"",
        "X: y",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5-sess",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=FOO",
        "WWW-Authenticate: Digest realm=\"r\", qop=\"auth\"",
    ] {
        let mut client = client();
        client.begin(&relay(), None, None);
        let next = challenged(&mut client, lines);
        assert_eq!(next, Next::Failed(AuthFailure::NoChallenge), "{lines}");
    }
    let mut client = client();
    client.begin(&relay(), None, None);
    let lines = CHALLENGE.replace("\"auth\"", "\"auth,auth-int\"");
    let credentials = retried(challenged(&mut client, &lines));
    assert!(credentials.to_value().contains("qop=auth,"));
    covers!("R-050", "R-053", "R-200");
}

#[test]
fn rfc7616_3_7_the_first_challenge_that_is_known_is_answered() {
    let sha = format!("{CHALLENGE}, algorithm=SHA-256").replace(NONCE, "sha");
    let foo = format!("{CHALLENGE}, algorithm=FOO").replace(NONCE, "foo");
    let basic = "WWW-Authenticate: Basic realm=\"x\"";
    let no_auth = CHALLENGE.replace("\"auth\"", "\"auth-int\"");
    for (lines, nonce, algorithm) in [
        ([basic, &foo, &sha, CHALLENGE], "sha", Algorithm::Sha256),
        ([&no_auth, CHALLENGE, &sha, basic], NONCE, Algorithm::Md5),
    ] {
        let mut client = client();
        client.begin(&relay(), None, None);
        let credentials = retried(challenged(&mut client, &lines.join("\r\n")));
        assert_eq!(
            (credentials.nonce.as_str(), credentials.algorithm()),
            (nonce, algorithm)
        );
        let ha1 = Ha1::from_password(algorithm, "alice", REALM, "secret");
        assert_eq!(credentials.response, ha1.response(&digest(&credentials)));
        assert_eq!(credentials.response.len(), 2 * algorithm.digest_len());
        granted(client.handle_response(&answer(200, &success(&credentials, ""))));
    }
    covers!("R-071", "R-074");
}

#[test]
fn a_login_is_good_in_its_realm_and_for_its_digest() {
    let ha1 = Ha1::from_password(Algorithm::Md5, "alice", REALM, "secret");
    let sha = format!("{CHALLENGE}, algorithm=SHA-256").replace(NONCE, "sha");
    let login = Login::new("alice", ha1, Some(REALM.into())).unwrap();
    let mut client = client_with(login, ClientAuthOptions::default());
    client.begin(&relay(), None, None);
    let credentials = retried(challenged(&mut client, &format!("{sha}\r\n{CHALLENGE}")));
    assert_eq!(
        (credentials.nonce.as_str(), credentials.algorithm()),
        (NONCE, Algorithm::Md5)
    );
    granted(client.handle_response(&answer(200, &success(&credentials, ""))));

    for (password, realm) in [
        (Password::new("secret"), "other"),
        (Password::new("secret"), REALM),
    ] {
        let login = Login::new("alice", password, Some("elsewhere".into())).unwrap();
        let mut client = client_with(login, ClientAuthOptions::default());
        client.begin(&relay(), None, None);
        let next = challenged(&mut client, &CHALLENGE.replace(REALM, realm));
        assert_eq!(next, Next::Failed(AuthFailure::NoChallenge));
    }
    let ha1 = Ha1::from_hex(&"0".repeat(64)).unwrap();
    for (username, password, realm) in [
        ("", Password::new("x"), None),
        ("a\nb", Password::new("x"), None),
        ("a", Password::new("x"), Some("r\r".to_owned())),
        ("a", Password::from(ha1), None),
    ] {
        let error = Login::new(username, password, realm).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
    }
}

#[test]
fn rfc7616_3_3_a_name_with_quotes_logs_in() {
    let login = Login::new(r#"a"b\ü"#, r#"p"w\ß"#, None).unwrap();
    let mut client = client_with(login, ClientAuthOptions::default());
    client.begin(&relay(), None, None);
    let Next::Retry(headers) = challenged(&mut client, CHALLENGE) else {
        panic!("no retry");
    };
    let pairs = headers.as_pairs();
    assert!(
        pairs[0].1.contains(r#"username="a\"b\\ü""#),
        "{}",
        pairs[0].1
    );
    let credentials = authorization(&headers).unwrap();
    assert_eq!(credentials.username, r#"a"b\ü"#);
    let ha1 = Ha1::from_password(Algorithm::Md5, r#"a"b\ü"#, REALM, r#"p"w\ß"#);
    assert_eq!(credentials.response, ha1.response(&digest(&credentials)));
    covers!("R-073");
}

#[test]
fn a_relay_that_is_silent_to_uri_is_asked_anew_without_it() {
    let mut client = client();
    client.begin(&relay(), None, None);
    assert_eq!(client.patience(), AUTH_TIMEOUT);
    let first = retried(challenged(&mut client, CHALLENGE));
    assert!(first.uri.is_some());
    assert!(client.patience() < AUTH_TIMEOUT);
    // On another connection, from the start.
    assert_eq!(
        client.handle_silence(),
        Next::Reconnect(AuthHeaders::default())
    );
    assert_eq!(client.patience(), AUTH_TIMEOUT);
    let second = retried(challenged(&mut client, &challenge("new")));
    assert_eq!(second.uri, None);
    assert_eq!(client.patience(), AUTH_TIMEOUT);
    // Computed over the URI all the same.
    let ha1 = Ha1::from_password(Algorithm::Md5, "alice", REALM, "secret");
    assert_eq!(second.response, ha1.response(&digest(&second)));
    granted(client.handle_response(&answer(200, &success(&second, ""))));
    // It is remembered.
    assert_eq!(
        authorization(&client.begin(&relay(), None, None))
            .unwrap()
            .uri,
        None
    );
    covers!("R-056", "R-067");
}

#[test]
fn a_relay_that_wants_uri_after_all_is_given_it() {
    let mut client = client();
    client.begin(&relay(), None, None);
    retried(challenged(&mut client, CHALLENGE));
    assert!(matches!(client.handle_silence(), Next::Reconnect(_)));
    assert_eq!(retried(challenged(&mut client, CHALLENGE)).uri, None);
    let third = retried(challenged(&mut client, &challenge("third")));
    assert_eq!(third.uri.as_deref(), Some(RELAY));
    // It has answered before: it is slow, no more.
    assert_eq!(client.patience(), AUTH_TIMEOUT);
    let next = challenged(&mut client, &challenge("fourth"));
    assert_eq!(next, Next::Failed(AuthFailure::Refused));
    // A relay that answers a wrong password, too, has nothing against the URI.
    client.begin(&relay(), None, None);
    retried(challenged(&mut client, CHALLENGE));
    assert_eq!(client.handle_silence(), Next::Failed(AuthFailure::Silence));
}

#[test]
fn a_relay_that_is_silent_to_expires_is_asked_anew_without_it() {
    let mut client = client();
    let asked = Some(Duration::from_secs(60));
    client.begin(&relay(), None, asked);
    retried(challenged(&mut client, CHALLENGE));
    assert_eq!(
        client.handle_silence(),
        Next::Reconnect(AuthHeaders::default())
    );
    assert_eq!(retried(challenged(&mut client, CHALLENGE)).uri, None);
    let last = retried(challenged(&mut client, &challenge("last")));
    assert!(last.uri.is_some());
    granted(client.handle_response(&answer(200, &success(&last, ""))));
    // It is remembered: a renewal has no second connection.
    let headers = client.begin(&relay(), None, asked);
    assert!(matches!(headers.as_pairs()[..], [("Authorization", _)]));
}

#[test]
fn what_a_relay_may_mind_is_left_out_for_good_only_if_that_helps() {
    let asked = Some(Duration::from_secs(60));
    let mut client = client();
    let has_both = |client: &mut ClientAuth| {
        let headers = client.begin(&relay(), None, asked);
        assert_eq!(headers.as_pairs(), [("Expires", "60")]);
        let Next::Retry(headers) = challenged(client, CHALLENGE) else {
            panic!("no retry");
        };
        assert_eq!(headers.as_pairs()[0], ("Expires", "60"));
        assert!(authorization(&headers).unwrap().uri.is_some());
    };
    // A connection that was lost says nothing of it: all is tried as it was, once.
    has_both(&mut client);
    let Next::Reconnect(headers) = client.handle_loss() else {
        panic!("no other connection");
    };
    assert_eq!(headers.as_pairs(), [("Expires", "60")]);
    assert_eq!(client.handle_loss(), Next::Failed(AuthFailure::Silence));
    assert_eq!(client.handle_loss(), Next::Failed(AuthFailure::Silence));
    // Neither does silence to both.
    has_both(&mut client);
    assert!(client.patience() > Duration::from_secs(10));
    assert!(matches!(client.handle_silence(), Next::Reconnect(_)));
    assert_eq!(client.begin(&relay(), None, asked), AuthHeaders::default());
    assert_eq!(retried(challenged(&mut client, CHALLENGE)).uri, None);
    assert_eq!(client.handle_silence(), Next::Failed(AuthFailure::Silence));
    client.forget_nonce();
    // With the next one it helps, on another connection and in an AUTH that began anew.
    has_both(&mut client);
    assert!(matches!(client.handle_silence(), Next::Reconnect(_)));
    assert_eq!(client.begin(&relay(), None, asked), AuthHeaders::default());
    let last = retried(challenged(&mut client, CHALLENGE));
    granted(client.handle_response(&answer(200, &success(&last, ""))));
    let headers = client.begin(&relay(), None, asked);
    assert!(matches!(headers.as_pairs()[..], [("Authorization", _)]));
    assert_eq!(authorization(&headers).unwrap().uri, None);
}

#[test]
fn a_relay_that_nothing_has_proven_proves_itself() {
    for (accept_unproved, is_good) in [(false, false), (true, true)] {
        let options = ClientAuthOptions {
            accept_unproved,
            unverified: true,
            ..ClientAuthOptions::default()
        };
        let mut client = client_with(login(), options);
        client.begin(&relay(), None, None);
        retried(challenged(&mut client, CHALLENGE));
        let next = client.handle_response(&answer(200, &format!("Use-Path: {TOKEN}")));
        match is_good {
            true => assert!(!granted(next).is_proved),
            false => assert_eq!(next, Next::Failed(AuthFailure::Unproved)),
        }
        client.begin(&relay(), None, None);
        let credentials = retried(challenged(&mut client, &challenge("next")));
        let proof = success(&credentials, "");
        assert!(granted(client.handle_response(&answer(200, &proof))).is_proved);
    }
}

#[test]
fn rfc4975_7_1_1_silence_to_a_first_auth_is_final() {
    let mut client = client();
    client.begin(&relay(), None, None);
    assert_eq!(client.patience(), Duration::from_secs(30));
    assert_eq!(client.handle_silence(), Next::Failed(AuthFailure::Silence));
    assert_eq!(client.handle_silence(), Next::Failed(AuthFailure::Silence));
    assert_eq!(
        msrp::Error::from(AuthFailure::Silence).kind,
        ErrorKind::Timeout
    );
}

#[test]
fn rfc4976_4_2_a_use_path_is_not_trusted_blindly() {
    let through = "msrps://inner.example:9000/t1;tcp";
    for (uri, through, path, is_taken) in [
        (RELAY, None, TOKEN, true),
        (
            RELAY,
            None,
            "msrps://server1.example.com:9000/tok;tcp",
            true,
        ),
        (RELAY, None, "msrp://relay.example.com:9000/tok;tcp", false),
        (RELAY, None, "msrps://relay.example.com/tok;tcp", false),
        (RELAY, None, "msrps://relay.example.com:9000;tcp", false),
        (RELAY, None, "msrps://192.0.2.1:9000/tok;tcp", false),
        (RELAY, None, "msrps://[2001:db8::1]:9000/tok;tcp", false),
        (RELAY, None, "nonsense", false),
        (RELAY, Some(through), TOKEN, false),
        (RELAY, Some(through), through, false),
        (
            RELAY,
            Some(through),
            "msrps://inner.example:9000/t1;tcp msrps://r.example:1/t2;tcp",
            true,
        ),
        (
            RELAY,
            Some(through),
            "msrps://inner.example:9000/T1;tcp msrps://r.example:1/t2;tcp",
            false,
        ),
        (
            RELAY,
            Some(through),
            "msrps://r.example:1/t2;tcp msrps://inner.example:9000/t1;tcp",
            false,
        ),
        // Who is addressed by an address may give one; and who is spoken to without TLS, a URI without.
        (
            "msrps://127.0.0.1:1;tcp",
            None,
            "msrps://127.0.0.1:1/tok;tcp",
            true,
        ),
        (
            "msrps://127.0.0.1:1;tcp",
            None,
            "msrp://127.0.0.1:1/tok;tcp",
            false,
        ),
        (
            "msrp://127.0.0.1:1;tcp",
            None,
            "msrp://127.0.0.1:1/tok;tcp",
            true,
        ),
    ] {
        let mut client = client();
        let through = through.map(|path| path.parse::<UriPath>().unwrap());
        client.begin(&uri.parse().unwrap(), through.as_ref(), None);
        let credentials = retried(challenged(&mut client, CHALLENGE));
        let lines = success(&credentials, "").replace(TOKEN, path);
        match client.handle_response(&answer(200, &lines)) {
            Next::Granted(grant) if is_taken => assert_eq!(grant.use_path.to_string(), path),
            Next::Failed(AuthFailure::UsePath(_) | AuthFailure::Malformed(_)) if !is_taken => {}
            next => panic!("{path}: {next:?}"),
        }
    }
    let options = ClientAuthOptions {
        accept_addresses: true,
        ..ClientAuthOptions::default()
    };
    let mut client = client_with(login(), options);
    client.begin(&relay(), None, None);
    granted(client.handle_response(&answer(200, "Use-Path: msrps://192.0.2.1:9000/tok;tcp")));
    client.begin(&relay(), None, None);
    let next = client.handle_response(&answer(200, "Expires: 9"));
    assert!(matches!(
        next,
        Next::Failed(AuthFailure::UsePath("it is missing"))
    ));
    covers!("R-003", "R-045");
}

#[test]
fn answers_that_cannot_be_read_fail() {
    for lines in [
        format!("Use-Path: {TOKEN}\r\nExpires: 1.5"),
        format!("Use-Path: {TOKEN}\r\nUse-Path: {TOKEN}"),
        format!("Use-Path: {TOKEN}\r\nAuthentication-Info: nc=1"),
    ] {
        let mut client = client();
        client.begin(&relay(), None, None);
        let next = client.handle_response(&answer(200, &lines));
        assert!(
            matches!(next, Next::Failed(AuthFailure::Malformed(_))),
            "{lines}"
        );
    }
    for status in [400, 404, 500, 501] {
        let mut client = client();
        client.begin(&relay(), None, None);
        let next = client.handle_response(&answer(status, ""));
        let failure = AuthFailure::Status(StatusCode(status));
        assert_eq!(next, Next::Failed(failure.clone()));
        assert_eq!(msrp::Error::from(failure).status, Some(StatusCode(status)));
    }
}

#[test]
fn rfc4976_9_4_secrets_are_not_shown() {
    let login = Login::new("alice-sec", "sec-password", Some("sec-realm".into())).unwrap();
    let ha1 = Ha1::from_hex(&"ab".repeat(16)).unwrap();
    let mut client = client_with(login.clone(), ClientAuthOptions::default());
    client.begin(&relay(), None, None);
    let lines = CHALLENGE
        .replace(REALM, "sec-realm")
        .replace(NONCE, "sec-nonce");
    let next = challenged(&mut client, &lines);
    let head = answer(401, &lines);
    let shown = format!(
        "{client:?} {next:?} {head:?} {login:?} {ha1:?} {:?}",
        Password::new("sec-x")
    );
    for secret in ["sec-", "abab", "cnonce", "response="] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

proptest! {
    /// A digest made by others, for HTTP, is the same.
    #[test]
    fn rfc7616_digests_are_those_of_another_implementation(
        username in "[^\\x00-\\x1f\\x7f]{1,12}",
        password in "\\PC{0,12}",
        realm in "[a-zA-Z0-9 .:@-]{0,12}",
        nonce in "[a-zA-Z0-9+/=]{1,40}",
        sha: bool,
    ) {
        let algorithm = if sha { Algorithm::Sha256 } else { Algorithm::Md5 };
        let offered = Challenge {
            realm, nonce, opaque: None, stale: false, algorithm: Some(algorithm.to_string()), qop: vec!["auth".into()],
        };
        let login = Login::new(username.clone(), password.clone(), None).unwrap();
        let mut client = client_with(login, ClientAuthOptions::default());
        client.begin(&relay(), None, None);
        let ours = retried(challenged(&mut client, &format!("WWW-Authenticate: {}", offered.to_value())));

        let mut theirs = digest_auth::parse(&offered.to_value()).unwrap();
        let method = digest_auth::HttpMethod::from("AUTH");
        let mut context = digest_auth::AuthContext::new_with_method(username, password, RELAY, Option::<Vec<u8>>::None, method);
        context.set_custom_cnonce(ours.cnonce.clone());
        prop_assert_eq!(theirs.respond(&context).unwrap().response, ours.response);
    }

    /// Whatever a relay says, each attempt ends, after a bounded number of requests.
    #[test]
    fn every_attempt_ends(answers in proptest::collection::vec(0..9_usize, 40), expires: bool, seed: [u8; 32]) {
        let mut client = ClientAuth::new(login(), ClientAuthOptions::default(), IdSource::new(seed));
        let mut answers = answers.into_iter();
        while answers.len() > 0 {
            let mut headers = client.begin(&relay(), None, expires.then_some(Duration::from_secs(60)));
            for sent in 1.. {
                prop_assert!(sent <= 12);
                let Some(kind) = answers.next() else { break };
                let next = match kind {
                    0 => challenged(&mut client, CHALLENGE),
                    1 => challenged(&mut client, &challenge("x")),
                    2 => challenged(&mut client, &stale("y")),
                    3 => client.handle_response(&answer(403, "")),
                    4 => client.handle_response(&answer(423, "Min-Expires: 300")),
                    5 => client.handle_response(&answer(200, &format!("Use-Path: {TOKEN}"))),
                    6 => client.handle_silence(),
                    7 => match authorization(&headers) {
                        Some(credentials) => client.handle_response(&answer(200, &success(&credentials, ", nextnonce=z"))),
                        None => client.handle_response(&answer(200, &format!("Use-Path: {TOKEN}"))),
                    },
                    _ => challenged(&mut client, "X: y"),
                };
                match next {
                    Next::Retry(next) | Next::Reconnect(next) => headers = next,
                    Next::Granted(_) | Next::Failed(_) => break,
                }
                if let Some(credentials) = authorization(&headers) {
                    let input = DigestInput { uri: RELAY, ..digest(&credentials) };
                    let ha1 = Ha1::from_password(Algorithm::Md5, "alice", REALM, "secret");
                    prop_assert_eq!(&credentials.response, &ha1.response(&input));
                }
            }
        }
    }
}
