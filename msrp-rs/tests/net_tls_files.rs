//! Files of a TLS configuration: certificates that are renewed while the engine runs, and the log of keys.
#![cfg(unix)]

mod engine_support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_support::tls::{secure, text};
use engine_support::tls_peer::{Made, client_config, connect, made};
use engine_support::{Host, RawPeer, logged_listener, pair_with, wait_until};
use msrp::engine::{
    Engine, EngineOptions, ListenOptions, LogLevel, PemSource, SessionOptions, SetupPreference,
    TlsConfig, TlsVerify, TlsVersion,
};
use msrp::error::ErrorKind;
use rustls::ALL_VERSIONS;

/// A folder that is removed with this.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("msrp-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file in place of the one that was there, as those do who renew certificates.
    fn put(&self, name: &str, content: &[u8]) {
        let new = self.path("new");
        fs::write(&new, content).expect("written");
        fs::rename(new, self.path(name)).expect("renamed");
    }

    fn put_identity(&self, made: &Made) {
        self.put("key.pem", &made.key);
        self.put("cert.pem", &made.cert);
    }

    /// The configuration of these files.
    fn config(&self) -> TlsConfig {
        let file = |name: &str| Some(PemSource::File(self.path(name)));
        TlsConfig {
            cert: file("cert.pem"),
            key: file("key.pem"),
            ca: file("ca.pem"),
            ..TlsConfig::default()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The certificate, DER, that a TLS port shows now.
fn shown_at(port: u16) -> Vec<u8> {
    let config = Arc::new(client_config(None, ALL_VERSIONS));
    let stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let tls = connect(&config, stream).expect("a handshake");
    let chain = tls.conn.peer_certificates().expect("a certificate");
    chain[0].to_vec()
}

fn records(engine: &Engine, level: LogLevel) -> Vec<String> {
    let (records, _) = engine.take_log(usize::MAX);
    let of_level = records.into_iter().filter(|record| record.level == level);
    of_level.map(|record| record.text).collect()
}

#[test]
fn a_renewed_certificate_counts_for_new_handshakes_and_old_connections_live() {
    let folder = Folder::new("renewed");
    let (first, second) = (made(&["localhost"], |_| {}), made(&["localhost"], |_| {}));
    folder.put_identity(&first);
    folder.put("ca.pem", &[&first.cert[..], &second.cert].concat());
    let host = Host::new();
    let options = ListenOptions {
        host: "localhost".into(),
        secure: true,
        tls: Some(folder.config()),
        ..ListenOptions::default()
    };
    let (listener, port) = logged_listener(&host, options);
    let peer = Host::new();
    let ours = || SessionOptions {
        listener: Some(listener),
        ..secure(&folder.config())
    };
    let trusting = TlsConfig {
        ca: text(&[&first.cert[..], &second.cert].concat()),
        ..TlsConfig::default()
    };
    let (old, two) = pair_with(&peer, secure(&trusting), &host, ours());
    let shown = peer
        .engine
        .peer_certificate(old)
        .expect("alive")
        .expect("one");
    assert_eq!(&shown.der[..], &first.der()[..]);

    // Seen within about a second, without a word from the host; the old connection goes on.
    folder.put_identity(&second);
    wait_until(|| shown_at(port) == second.der().to_vec());
    peer.send(old, "still there");
    assert_eq!(host.wait_messages(two, 1)[0].body, b"still there");
    let (new, _) = pair_with(
        &peer,
        SessionOptions {
            connection_sharing: msrp::engine::ConnectionSharing::Session,
            ..secure(&trusting)
        },
        &host,
        ours(),
    );
    let shown = peer
        .engine
        .peer_certificate(new)
        .expect("alive")
        .expect("one");
    assert_eq!(&shown.der[..], &second.der()[..]);
    let told = records(&host.engine, LogLevel::Info);
    assert!(
        told.iter().any(|text| text.contains("TLS: read anew")),
        "{told:?}"
    );

    // At once, by a call.
    folder.put_identity(&first);
    host.engine.reload_tls().expect("readable");
    assert_eq!(shown_at(port), first.der().to_vec());
}

/// The fingerprint in the SDP of a session is that of the certificate that its listener shows, at all times.
#[test]
fn a_listener_of_sessions_with_fingerprints_keeps_its_certificate() {
    let folder = Folder::new("pinned");
    let (first, second) = (made(&["localhost"], |_| {}), made(&["localhost"], |_| {}));
    folder.put_identity(&first);
    let pinned = |config: TlsConfig| TlsConfig {
        ca: None,
        verify: TlsVerify::Fingerprint,
        ..config
    };
    let ours = pinned(folder.config());
    let (host, peer) = (Host::new(), Host::new());
    let listen = |tls: &TlsConfig| {
        let options = ListenOptions {
            host: "localhost".into(),
            secure: true,
            tls: Some(tls.clone()),
            ..ListenOptions::default()
        };
        host.engine.listen(options).expect("a port")
    };
    let listener = listen(&ours);
    let on = |listener, config: &TlsConfig| SessionOptions {
        listener: Some(listener),
        ..secure(config)
    };
    let theirs = secure(&pinned(made(&["peer.invalid"], |_| {}).config()));
    let shown = |session| {
        let certificate = peer.engine.peer_certificate(session).expect("alive");
        certificate.expect("one").der.to_vec()
    };
    for _ in 0..2 {
        let (one, _) = pair_with(&peer, theirs.clone(), &host, on(listener, &ours));
        assert_eq!(shown(one), first.der().to_vec());
        folder.put_identity(&second);
        host.engine.reload_tls().expect("readable");
    }
    let renewed = listen(&ours);
    let (one, _) = pair_with(&peer, theirs.clone(), &host, on(renewed, &ours));
    assert_eq!(shown(one), second.der().to_vec());

    // With another certificate than the listener's a session can only connect.
    let other = pinned(made(&["other.invalid"], |_| {}).config());
    let error = host.engine.session(&host.domain, on(listener, &other));
    let error = error.expect_err("its SDP would be wrong");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.context.contains("another certificate"), "{error}");
    let active = SessionOptions {
        setup: SetupPreference::Active,
        ..on(listener, &other)
    };
    host.session_with(active);
}

#[test]
fn a_broken_new_file_keeps_the_old_one_and_is_told_once() {
    let folder = Folder::new("broken");
    let (first, second) = (made(&["localhost"], |_| {}), made(&["localhost"], |_| {}));
    folder.put_identity(&first);
    folder.put("ca.pem", &first.cert);
    let host = Host::from_options(EngineOptions {
        tls: Some(folder.config()),
        ..EngineOptions::default()
    });
    host.engine.set_log(Some(LogLevel::Warn)).expect("alive");
    let session = || SessionOptions {
        host: "localhost".into(),
        secure: true,
        ..SessionOptions::default()
    };
    let shown = || {
        let session = host.session_with(session());
        let uri = host.engine.local_path(session).expect("a path").to_string();
        let config = Arc::new(client_config(None, ALL_VERSIONS));
        let tls = connect(&config, RawPeer::connect(&uri).stream).expect("a handshake");
        tls.conn.peer_certificates().expect("one")[0].to_vec()
    };
    assert_eq!(shown(), first.der().to_vec());
    for (name, content) in [
        ("cert.pem", &b"no certificate"[..]),
        // Of another key, as if the second of two files were not written yet.
        ("cert.pem", &second.cert),
    ] {
        folder.put(name, content);
        for _ in 0..3 {
            assert_eq!(shown(), first.der().to_vec());
        }
        let told = records(&host.engine, LogLevel::Warn);
        let told: Vec<_> = told
            .iter()
            .filter(|text| text.contains("what was read before stays in use"))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let path = folder.path(name).display().to_string();
        assert!(told[0].contains(&path), "{told:?}");
    }
    let error = host.engine.reload_tls().expect_err("still broken");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.context.contains("key is not that of cert"), "{error}");
    fs::remove_file(folder.path("cert.pem")).expect("removed");
    let error = host.engine.reload_tls().expect_err("not there");
    assert!(error.context.contains("cert.pem"), "{error}");
    assert_eq!(shown(), first.der().to_vec());
    // The other half comes.
    folder.put_identity(&second);
    assert_eq!(shown(), second.der().to_vec());
}

#[test]
fn keys_are_logged_where_the_host_asks_for_it_and_nowhere_else() {
    let folder = Folder::new("keylog");
    let own = made(&["localhost"], |_| {});
    let path = folder.path("keys.txt");
    let config = |version| TlsConfig {
        ca: text(&own.cert),
        keylog: Some(path.clone()),
        max_version: version,
        ..own.config()
    };
    let lines = |path: &Path| fs::read_to_string(path).expect("text").lines().count();
    let (a, b) = (Host::new(), Host::new());
    a.engine.set_log(Some(LogLevel::Warn)).expect("alive");
    let quiet = TlsConfig {
        keylog: None,
        ..config(TlsVersion::Tls13)
    };
    let (one, _) = pair_with(&a, secure(&config(TlsVersion::Tls12)), &b, secure(&quiet));
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.starts_with("CLIENT_RANDOM "), "{}", text.len());
    let fields: Vec<_> = text.trim_end().split(' ').map(str::len).collect();
    assert_eq!(fields, ["CLIENT_RANDOM".len(), 64, 96]);
    let metadata = fs::metadata(&path).expect("a file");
    assert_eq!(metadata.mode() & 0o777, 0o600);
    let told = records(&a.engine, LogLevel::Warn);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("keys.txt"), "{told:?}");
    // Both roles append to it.
    let before = lines(&path);
    pair_with(&b, secure(&quiet), &a, secure(&config(TlsVersion::Tls13)));
    assert!(lines(&path) >= before + 4);
    assert!(
        fs::read_to_string(&path)
            .expect("text")
            .contains("\nSERVER_TRAFFIC_SECRET_0 ")
    );
    a.send(one, "goes on");

    let refused = |keylog: PathBuf, what: &str| {
        let config = TlsConfig {
            keylog: Some(keylog),
            ..config(TlsVersion::Tls13)
        };
        let error = a.engine.session(&a.domain, secure(&config));
        let error = error.expect_err("refused");
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");
        assert!(
            error.context.contains("tls.keylog") && error.context.contains(what),
            "{error}"
        );
    };
    symlink(&path, folder.path("link")).expect("a link");
    refused(folder.path("link"), "link");
    refused(folder.0.clone(), "cannot write");
    refused(folder.path("none/keys.txt"), "none");
    let open = folder.path("open.txt");
    fs::write(&open, "").expect("written");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("set");
    refused(open, "0600");
}
