//! A host that leaves SIGPIPE as the system has it, as C programs do, is not killed by a peer that goes away.

#![cfg(unix)]

mod engine_support;

use std::time::Duration;

use engine_support::raw::RawTls;
use engine_support::tls::{certificate, text};
use engine_support::{Host, bound, passive_with, remote_uri};
use msrp::engine::{EngineOptions, SessionOptions, TlsConfig};

// The only test of this process: the signal is the process's, and so would be its death.
#[test]
fn a_peer_that_goes_away_kills_nobody() {
    // SAFETY: the default action of a signal, set before any other thread of this process is of interest.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (cert, key) = certificate("localhost");
    let host = Host::from_options(EngineOptions {
        tls: Some(TlsConfig {
            cert: text(&cert),
            key: text(&key),
            ..TlsConfig::default()
        }),
        ..EngineOptions::default()
    });
    for round in 0..40 {
        let secure = round % 2 == 1;
        let (session, socket) = if secure {
            let (session, uri) = passive_with(
                &host,
                SessionOptions {
                    host: "localhost".into(),
                    secure: true,
                    ..SessionOptions::default()
                },
            );
            let mut peer = RawTls::connect_tls(&uri, &cert);
            let remote = remote_uri(2855).replace("msrp:", "msrps:");
            peer.send(&uri, &remote, "bind0001", "hi");
            peer.frame();
            host.wait_opened(session);
            (session, peer.stream.sock)
        } else {
            let (session, _uri, peer) = bound(&host);
            (session, peer.stream)
        };
        if round % 4 < 2 {
            socket2::SockRef::from(&socket)
                .set_linger(Some(Duration::ZERO))
                .expect("set");
        }
        host.try_send(session, vec![b'x'; 4 << 20])
            .expect("admitted");
        drop(socket);
        // Writes go on until one of them fails, or the end is read.
        while host.try_send(session, vec![b'y'; 1000]).is_ok() {
            host.take();
        }
        host.wait_closed(session);
    }
}
