//! URIs and paths (RFC 4975 §6): what was read is written and read again, and logs show no session-id.

use std::hash::{BuildHasher, RandomState};

use msrp::wire::{Host, Uri, UriPath};

pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(host) = Host::parse(text) {
            assert_eq!(Host::parse(&host.to_string()).as_ref(), Ok(&host));
        }
        match Uri::parse(text) {
            Ok(uri) => check(&uri),
            Err(fault) => assert!(fault.offset() <= data.len() as u64),
        }
    }
    let first = UriPath::parse_first(data);
    if let Ok(path) = UriPath::parse(data, MAX_URIS) {
        assert!((1..=MAX_URIS).contains(&path.len()));
        assert_eq!(first.as_ref(), Ok(path.first()));
        let text = path.to_string();
        assert_eq!(
            UriPath::parse(text.as_bytes(), MAX_URIS).as_ref(),
            Ok(&path)
        );
        assert_eq!(path.reversed().reversed(), path);
        assert_eq!(path.followed_by(&path).len(), 2 * path.len());
        let rest = path.without_first().map_or(0, |rest| rest.len());
        assert_eq!(rest + 1, path.len());
        path.iter().for_each(check);
    }
}

fn check(uri: &Uri) {
    let again = Uri::parse(uri.as_str()).expect("it was read before");
    assert_eq!(&again, uri);
    let hasher = RandomState::new();
    let upper = uri.transport().to_uppercase();
    if let Ok(other) = uri.with_transport(&upper) {
        assert_eq!(&other, uri);
        assert_eq!(hasher.hash_one(&other), hasher.hash_one(uri));
    }
    if let (Some(id), Some(port)) = (uri.session_id(), uri.port())
        && port > 0
        && let Ok(made) = Uri::session(uri.scheme(), uri.host(), port, id)
    {
        assert_eq!(Uri::parse(made.as_str()).as_ref(), Ok(&made));
        assert_eq!(made.session_id(), Some(id));
    }
    // Either is a verdict.
    let _ = (uri.check_generated(), uri.userinfo(), uri.host().ip());
    assert!(uri.params().count() <= uri.as_str().len());
    if let Some(id) = uri.session_id().filter(|id| id.len() > SHOWN_LEN) {
        let id = format!("/{id}");
        // The host may be the same word.
        let shown = format!("{uri:?} {}", uri.redacted()).replace("://", ":");
        assert!(!shown.contains(&id), "{shown}");
    }
}

const MAX_URIS: usize = 8;

/// Most characters of a session-id that logs show.
const SHOWN_LEN: usize = 4;
