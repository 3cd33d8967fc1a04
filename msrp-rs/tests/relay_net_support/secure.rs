//! Relays over TLS, and their clients.

use std::sync::Arc;

use msrp::engine::{EngineOptions, RelayOptions, TlsConfig};
use rustls::ClientConfig;

use super::{Client, TestRelay};
use crate::engine_support::raw::RawPeer;
use crate::engine_support::tls;
use crate::engine_support::tls_peer::{self, Authority, Made, client_config};

pub(crate) type Tls = tls_peer::Client;

/// A relay with a certificate of `ca`, which also signs those of its fellows.
pub(crate) fn relay(
    ca: &Authority,
    name: &str,
    change: impl FnOnce(&mut RelayOptions),
) -> TestRelay {
    relay_over(EngineOptions::default(), ca, name, change)
}

pub(crate) fn relay_over(
    engine: EngineOptions,
    ca: &Authority,
    name: &str,
    change: impl FnOnce(&mut RelayOptions),
) -> TestRelay {
    let tls = TlsConfig {
        ca: tls::text(&ca.pem()),
        ..ca.issue(&[name], |_| ()).config()
    };
    TestRelay::secure_over(engine, name, tls, change)
}

pub(crate) fn over(relay: &TestRelay, config: ClientConfig) -> RawPeer<Tls> {
    let stream = relay.dial();
    let stream = tls_peer::connect(&Arc::new(config), stream).expect("a handshake");
    RawPeer {
        stream,
        input: Vec::new(),
    }
}

pub(crate) fn connect(relay: &TestRelay, own: Option<&Made>) -> RawPeer<Tls> {
    over(relay, client_config(own, rustls::ALL_VERSIONS))
}

pub(crate) fn client(relay: &TestRelay, user: &str, own: Option<&Made>) -> Client<Tls> {
    let uri = format!("msrps://{user}.example.org:2855/{user};tcp");
    Client::log_in(connect(relay, own), &relay.uri(user), user, &uri)
}
